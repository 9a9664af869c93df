"""Compile models with mlc, and run the modules on NumPy arrays.

    import mlc_compiler as mlc
    path = mlc.compile("model.onnx", "model.mlc", shapes={"batch": 8})
    module = mlc.load(path, threads=2)
    outputs = module(ids=ids, mask=mask)      # a dict of arrays, by name
"""

from .compiler import CompileError, compile
from .runtime import Module, RuntimeFailure, TensorSpec, load

__all__ = ["CompileError", "Module", "RuntimeFailure", "TensorSpec", "compile", "load"]
