"""Compilation: of files by compile_file, of whatever holds a model by compile."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Unpack

from . import _driver, _torch
from ._driver import CompileError
from ._options import CompileOptions, check_options, constant_arguments, option_arguments, shape_arguments
from .runtime import Module, StrPath

Shapes = Mapping[str, Any] | Iterable[Mapping[str, Any]]


def _default_output(source: str) -> str:
    # Only these suffixes are ones: a directory may be called bge-v1.5.
    name = Path(source).resolve().name
    for suffix in (".onnx", ".mlir", ".mlirbc"):
        name = name.removesuffix(suffix)
    return name + ".mlc"


def compile_file(
    source: StrPath,
    output: StrPath | None = None,
    shapes: Shapes | None = None,
    *,
    constants: Mapping[str, Any] | None = None,
    options: Iterable[str] = (),
    **keywords: Unpack[CompileOptions],
) -> str:
    """Compiles a model to a module in a file, and returns its path; the module need not be for this machine's CPU.

    `source` is an ONNX file, a checkpoint (a Hugging Face directory or a .safetensors file), "zoo:NAME", or IR.
    `output` defaults to the source's name with the suffix .mlc (in place of .onnx, .mlir or .mlirbc), in the current
    folder. `shapes` binds symbolic dimensions, {"batch": 8, "seq": 128}, or gives an input's whole shape,
    {"ids": (8, 128)}; a list of such dicts makes a bucket of each. `constants` freezes inputs of an ONNX model to
    arrays. Keywords are the options of mlc-opt (see CompileOptions); `options` are others in its own spelling, for
    instance ["--report"].

    CompileError: the model cannot be compiled; its message is the compiler's whole list of reasons. TypeError,
    ValueError: arguments that make no sense.

    What the compiler prints when it succeeds, warnings and the tables of --report and --timing, goes to sys.stderr.
    Calls from several threads take turns. Meanwhile the process's descriptor 2 is the compiler's: what other threads
    write to it is taken for the compiler's.
    """
    source = os.fsdecode(source)
    output = os.fsdecode(output) if output is not None else _default_output(source)
    more = check_options(options)
    with tempfile.TemporaryDirectory(prefix="mlc-") as folder:
        frozen = constant_arguments(constants, folder)
        _driver.run([source, "-o", output, *shape_arguments(shapes), *frozen, *option_arguments(keywords), *more])
    return output


def _onnx_file(model, folder: Path) -> Path:
    """Writes an onnx.ModelProto."""
    try:
        content = model.SerializeToString()
    except Exception as error:  # google.protobuf.message.EncodeError, and ValueError from 2 GB on
        raise CompileError(f"the ONNX model cannot be written: {error}; save one of over 2 GB to a file "
                           "(onnx.save_model(..., save_as_external_data=True)), and compile that") from error
    (folder / "model.onnx").write_bytes(content)
    return folder / "model.onnx"


def _is_model_proto(model) -> bool:
    return hasattr(model, "SerializeToString") and hasattr(model, "graph")


def compile(
    model: Any,
    example_inputs: Any = None,
    *,
    output: StrPath | None = None,
    shapes: Shapes | None = None,
    threads: int | None = None,
    entry: str | None = None,
    constants: Mapping[str, Any] | None = None,
    options: Iterable[str] = (),
    **keywords: Unpack[CompileOptions],
) -> Module:
    """Compiles a model, and loads the module.

        module = mlc_compiler.compile("bert.onnx", shapes={"batch": 8, "seq": 128}, precision="bf16")
        outputs = module(input_ids=ids, attention_mask=mask)

        compiled = mlc_compiler.compile(network, (images,))      # a torch.nn.Module
        scores = compiled(images)                                # what network(images) gives

    `model` is what compile_file takes, an onnx.ModelProto (or what has one as `model_proto`, as torch's ONNXProgram),
    or a torch.nn.Module. The last is exported by torch.onnx in evaluation mode, and needs `example_inputs`: the
    arguments of a call, a tensor or a tuple of tensors by position, or a dict by name; their shapes are the module's.
    A list of those makes a bucket of each: dimensions that differ among them may, all others are fixed. So does
    `shapes` with whole shapes by the names of arguments, [{"x": (1, 3, 224, 224)}, {"x": (8, 3, 224, 224)}]. The
    compiled module is called as the network is, and gives results in the same structure: a tensor, a tuple or a dict.

    `output` is where the module is written; by default a temporary file that lives as long as the result does. `threads`
    and `entry` are those of Module, the rest and the errors those of compile_file. A module that is for another CPU than
    this machine's is compiled by compile_file: here it is a RuntimeFailure.
    """
    folder = tempfile.TemporaryDirectory(prefix="mlc-")
    exported = None
    if _torch.is_network(model):
        exported = _torch.export(model, example_inputs, shapes, Path(folder.name))
        source, shapes = exported.path, exported.shapes
    elif example_inputs is not None:
        raise TypeError("example_inputs are for a torch.nn.Module; the shapes of other models are given by shapes")
    else:
        model = getattr(model, "model_proto", model)
        source = _onnx_file(model, Path(folder.name)) if _is_model_proto(model) else model
    target = Path(folder.name) / "model.mlc" if output is None else output
    try:
        path = compile_file(source, target, shapes, constants=constants, options=options, **keywords)
    except CompileError as error:
        if exported and len(exported.shapes) > 1:
            raise CompileError(f"{error}\n{_torch.TRACED}") from error
        raise
    if exported:
        exported.remove()
        module = _torch.NetworkModule(exported, path, threads, entry)
    else:
        module = Module(path, threads, entry)
    if output is None:
        module._folder = folder
    return module
