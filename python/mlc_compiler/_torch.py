"""Networks of torch, through torch.onnx. torch is imported where a network was given, that is, by its user already."""

from __future__ import annotations

import contextlib
import inspect
import io
import shutil
import sys
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ._driver import CompileError
from .runtime import Module


TRACED = (
    "The network was exported by tracing a call with the first example: what it computes from shapes in Python is fixed "
    "(torch.nn.MultiheadAttention does so). If that is the reason, compile a module for each example"
)


def is_network(model) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(model, torch.nn.Module)


@dataclass
class Exported:
    """A network as an ONNX file."""

    path: Path
    inputs: list[str]
    """Names of the arguments, in the order of a call by position."""
    shapes: list[dict]
    """The values of the symbolic dimensions in each bucket."""
    structure: Any
    """What the network gives, with the names of outputs in place of tensors."""

    def remove(self) -> None:
        """The module has all that is in it."""
        shutil.rmtree(self.path.parent, ignore_errors=True)


class NetworkModule(Module):
    """A module that is called as the network that it was compiled from."""

    def __init__(self, exported: Exported, path, threads, entry) -> None:
        super().__init__(path, threads, entry)
        self._arguments, self._structure = exported.inputs, exported.structure
        # Arguments that nothing depends on are not the module's.
        self._unused = set(exported.inputs) - {spec.name for spec in self.inputs}

    def _input_names(self) -> list[str]:
        return self._arguments

    def __call__(self, *arrays, **inputs):
        """Runs on the arguments of the network, and gives what it does: a tensor, a tuple or a dict."""
        named = self._named(arrays, inputs)
        outputs = self.run({name: value for name, value in named.items() if name not in self._unused})
        return _rebuild(self._structure, outputs)


def _flatten(value, name: str, tensors: dict):
    """The structure of a result, with names of outputs in place of its tensors, which go into `tensors`."""
    torch = sys.modules["torch"]
    if isinstance(value, torch.Tensor):
        tensors[name] = value
        return name
    if isinstance(value, Mapping):  # and the ModelOutput of transformers
        prefix = name + "_" if name != "output" else ""
        return {key: _flatten(item, f"{prefix}{key}", tensors) for key, item in value.items() if item is not None}
    if isinstance(value, (tuple, list)):
        return tuple(_flatten(item, f"{name}_{i}", tensors) for i, item in enumerate(value) if item is not None)
    kind = type(value).__name__
    raise CompileError(f"the network gives a {kind} ('{name}'); a module gives tensors, and tuples and dicts of them")


def _rebuild(structure, outputs: Mapping):
    if isinstance(structure, str):
        return outputs[structure]
    if isinstance(structure, dict):
        return {key: _rebuild(item, outputs) for key, item in structure.items()}
    return tuple(_rebuild(item, outputs) for item in structure)


def _parameters(network) -> list[str]:
    """Names of the arguments of forward that can be given by position; the last may be "*"."""
    names = []
    for parameter in inspect.signature(network.forward).parameters.values():
        if parameter.kind == parameter.VAR_POSITIONAL:
            return [*names, "*"]
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            names.append(parameter.name)
    return names


def _named_example(example, parameters: list[str]) -> dict:
    """An example's tensors by the names of arguments."""
    torch = sys.modules["torch"]
    if isinstance(example, torch.Tensor):
        example = (example,)
    if isinstance(example, tuple):
        fixed = [name for name in parameters if name != "*"]
        names = fixed + [f"argument_{i}" for i in range(len(fixed), len(example))] if "*" in parameters else fixed
        if len(example) > len(names):
            raise TypeError(f"example_inputs has {len(example)} tensors, forward takes {len(names)} arguments: {', '.join(names)}")
        example = dict(zip(names, example))
    if not isinstance(example, Mapping):
        raise TypeError("example_inputs must be a tensor, a tuple of tensors by position or a dict by name, or a list of those "
                        f"for several buckets; got {type(example).__name__}")
    for name, value in example.items():
        if not isinstance(value, torch.Tensor):
            raise TypeError(f"example_inputs: '{name}' is a {type(value).__name__}, not a tensor; what is no tensor is fixed by a "
                            "torch.nn.Module around the network, or left to its default")
    return dict(example)


def _buckets(examples: list[dict], shapes) -> list[dict]:
    """The shape of each input in each bucket."""
    ours = [{name: tuple(tensor.shape) for name, tensor in example.items()} for example in examples]
    if shapes is None:
        return ours
    if len(examples) > 1:
        raise TypeError("give several examples or shapes, not both")
    buckets = []
    for bucket in [shapes] if isinstance(shapes, Mapping) else shapes:
        given = dict(bucket)
        for name, shape in given.items():
            if name not in ours[0]:
                raise ValueError(f"shapes names '{name}'; the network's inputs are {', '.join(ours[0])}")
            rank = len(ours[0][name])
            shape = tuple(map(int, shape.split("x"))) if isinstance(shape, str) else shape
            if not isinstance(shape, Iterable) or len(shape := tuple(shape)) != rank:
                raise ValueError(f"shapes: '{name}' needs {rank} dimensions, as its example has; got {shape!r}")
            given[name] = shape
        buckets.append(ours[0] | given)
    return buckets


def _symbols(buckets: list[dict]) -> tuple[dict, list[dict]]:
    """A name for each dimension that is not the same in all buckets, one name where they change together: by input and
    axis, as torch.onnx takes them, and their values in each bucket."""
    symbols, axes = {}, {}
    for name, shape in buckets[0].items():
        for axis in range(len(shape)):
            sizes = tuple(bucket[name][axis] for bucket in buckets)
            if len(set(sizes)) > 1:
                axes.setdefault(name, {})[axis] = symbols.setdefault(sizes, f"size{len(symbols)}")
    return axes, [{name: sizes[i] for sizes, name in symbols.items()} for i in range(len(buckets))]


def export(network, example_inputs, shapes, folder: Path) -> Exported:
    """Writes the network into a folder of its own in `folder`."""
    torch = sys.modules["torch"]
    if example_inputs is None:
        raise TypeError("a torch.nn.Module needs example_inputs: the arguments of a call")
    given = example_inputs if isinstance(example_inputs, list) else [example_inputs]
    examples = [_named_example(example, _parameters(network)) for example in given]
    if not examples or not examples[0]:
        raise TypeError("example_inputs is empty; a network needs at least one input")
    for example in examples[1:]:
        if [(n, t.dim(), t.dtype) for n, t in example.items()] != [(n, t.dim(), t.dtype) for n, t in examples[0].items()]:
            raise ValueError("all of example_inputs must have the same arguments with the same ranks and types")
    buckets, names = _buckets(examples, shapes), list(examples[0])
    by_position = _parameters(network)[: len(names)] == names or "*" in _parameters(network)

    class Flat(torch.nn.Module):
        """Arguments by position, results one after the other."""

        def __init__(self):
            super().__init__()
            self.network = network

        def call(self, arguments):
            return self.network(*arguments) if by_position else self.network(**dict(zip(names, arguments)))

        def forward(self, *arguments):
            tensors = {}
            _flatten(self.call(arguments), "output", tensors)
            return tuple(tensors.values())

    arguments, tensors = tuple(examples[0].values()), {}
    axes, bindings = _symbols(buckets)
    path = folder / "network" / "model.onnx"
    path.parent.mkdir()
    with _evaluation(network), torch.no_grad():
        structure = _flatten(Flat().call(arguments), "output", tensors)
        if not tensors:
            raise CompileError("the network gives no tensors")
        try:
            _export(torch, Flat(), arguments, path, names, list(tensors), axes)
        except Exception as error:  # of many kinds; their messages are torch's
            raise CompileError(f"torch.onnx cannot export the network: {error}") from error
    return Exported(path, names, bindings, structure)


def _export(torch, flat, arguments, path, inputs, outputs, dynamic_axes) -> None:
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore", DeprecationWarning)
        if not dynamic_axes:
            # Decisions by shapes are the same in each call.
            warnings.simplefilter("ignore", torch.jit.TracerWarning)
        torch.onnx.export(
            flat,
            arguments,
            str(path),
            input_names=inputs,
            output_names=outputs,
            dynamic_axes=dynamic_axes,
            opset_version=_OPSET,
            dynamo=False,
        )


# One that the exporter by tracing knows well.
_OPSET = 17


@contextlib.contextmanager
def _evaluation(network):
    """Dropout and batch normalisation as in use, and no fused operators that ONNX lacks; all as it was afterwards."""
    mha = sys.modules["torch"].backends.mha
    fast_path, modes = mha.get_fastpath_enabled(), [(part, part.training) for part in network.modules()]
    mha.set_fastpath_enabled(False)
    network.eval()
    try:
        yield
    finally:
        mha.set_fastpath_enabled(fast_path)
        for part, training in modes:
            part.training = training
