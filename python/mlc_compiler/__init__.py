"""Compile models with mlc, and run the modules on arrays of NumPy, torch, or whatever has DLPack's methods.

    import mlc_compiler as mlc
    module = mlc.compile("model.onnx", shapes={"batch": 8}, threads=2)
    outputs = module(ids=ids, mask=mask)      # a dict of arrays, by name

    path = mlc.compile_file("model.onnx", "model.mlc", shapes={"batch": 8})
    module = mlc.load(path)

`python -m mlc_compiler` is mlc-opt. Modules run without the compiler's library, and without LLVM.
"""

from ._driver import CompileError
from ._options import CompileOptions
from .compiler import compile, compile_file
from .runtime import Module, RuntimeFailure, TensorSpec, load

__all__ = [
    "CompileError",
    "CompileOptions",
    "Module",
    "RuntimeFailure",
    "TensorSpec",
    "compile",
    "compile_file",
    "load",
]
