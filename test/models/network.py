"""What the corpus is made of: networks with seeded weights, and the ways to export them."""
import inspect
import zlib
from dataclasses import dataclass, field
from typing import Callable

import numpy as np
import torch


@dataclass(frozen=True)
class Export:
    exporter: str  # "TorchScript" or "dynamo"
    opset: int
    symbolic: bool = False  # dimensions of `Network.axes`
    attention: str = ""  # of transformers: "eager" or "sdpa"
    folded: bool = True  # batch norms, by the TorchScript exporter

    def __str__(self):
        parts = [f"{self.exporter} {self.opset}", "symbolic" if self.symbolic else "static", self.attention,
                 "" if self.folded else "batch norms kept"]
        return ", ".join(part for part in parts if part)


@dataclass(frozen=True)
class Network:
    family: str  # row of docs/models.md
    name: str
    package: str  # where the architecture comes from
    build: Callable  # (attention) -> module that takes its inputs by position and gives a tensor or a tuple of them
    inputs: Callable  # (random, **sizes) -> {name: array}
    sizes: dict  # of the inputs that are compared: dimension -> size
    axes: dict = field(default_factory=dict)  # input -> {axis: dimension}: what is symbolic
    outputs: tuple = ("output",)
    exports: tuple = ()

    def traced_sizes(self, symbolic):
        """Other sizes than those of the run, where the export must not depend on them."""
        names = {name for axes in self.axes.values() for name in axes.values()} if symbolic else set()
        return {name: TRACED[name] if name in names else size for name, size in self.sizes.items()}

    def dimensions(self):
        """As --shape takes them; a dimension that is a sum follows from those of which it is one."""
        names = {name for axes in self.axes.values() for name in axes.values() if "+" not in name}
        return ",".join(f"{name}={self.sizes[name]}" for name in sorted(names))


TRACED = {"batch": 2, "seq": 5, "past": 3, "height": 64, "width": 96, "depth": 16}


def seed_of(name):
    return zlib.crc32(name.encode())


def random_of(name):
    return np.random.default_rng(seed_of(name))


class Named(torch.nn.Module):
    """A module of transformers, by positional inputs; the fields of its result that are named."""

    def __init__(self, module, inputs, outputs, **fixed):
        super().__init__()
        self.module, self.inputs, self.outputs, self.fixed = module, inputs, outputs, fixed

    def forward(self, *tensors):
        result = self.module(**dict(zip(self.inputs, tensors)), **self.fixed)
        return tuple(result[name] for name in self.outputs)


def draw(module):
    """Parameters that a constructor leaves constant (norms, biases, scales of layers) get values of their own: a wrong
    axis or a lost term must show. Batch norms get such as keep a deep network from blowing up rounding errors, as
    trained ones do: small scales, biases that leave most of a ReLU's operands positive."""
    with torch.no_grad():
        for norm in batch_norms(module):
            if norm.affine:
                norm.weight.uniform_(0.2, 0.5)
                norm.bias.uniform_(0, 0.6)
        for parameter in module.parameters():
            if parameter.numel() > 1 and parameter.min() == parameter.max():
                if parameter.min() == 1:
                    parameter.uniform_(0.5, 1.5)
                else:
                    parameter.normal_(0, 0.1)


def batch_norms(module):
    return [m for m in module.modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]


def measure_batch_norms(module, *inputs):
    """Statistics of batch norms as after training: those of the module's own activations."""
    norms = batch_norms(module)
    if not norms:
        return
    momentum = [norm.momentum for norm in norms]
    module.train()
    with torch.no_grad():
        for norm in norms:
            norm.momentum = None  # a plain mean over the batches
            norm.reset_running_stats()
        module(*inputs)
    for norm, value in zip(norms, momentum):
        norm.momentum = value
    module.eval()


def make(network, attention=""):
    """The network with its seeded weights, in evaluation mode."""
    torch.manual_seed(seed_of(network.name))
    module = network.build(attention)
    draw(module)
    example = network.inputs(random_of(network.name + " statistics"), **{**network.sizes, "batch": 8})
    measure_batch_norms(module, *map(torch.from_numpy, example.values()))
    return module.eval()


def export(network, how, path):
    """Writes the ONNX file; returns the module."""
    module = make(network, how.attention)
    example = network.inputs(random_of(network.name + " example"), **network.traced_sizes(how.symbolic))
    arguments = tuple(map(torch.from_numpy, example.values()))
    names = dict(input_names=list(example), output_names=list(network.outputs), opset_version=how.opset)
    if how.exporter == "TorchScript":
        mode = torch.onnx.TrainingMode.EVAL if how.folded else torch.onnx.TrainingMode.PRESERVE
        torch.onnx.export(module, arguments, str(path), dynamo=False, training=mode,
                          dynamic_axes=network.axes if how.symbolic else None, **names)
        return module
    shapes = dynamic_shapes(network, module, list(example)) if how.symbolic else None
    program = torch.onnx.export(module, arguments, dynamo=True, verbose=False, dynamic_shapes=shapes, **names)
    program.save(str(path), external_data=False)
    return module


def dynamic_shapes(network, module, inputs):
    """Nested as the arguments of `forward` are: a variadic one takes a tuple."""
    dims = {name: torch.export.Dim(name) for axes in network.axes.values() for name in axes.values()}
    shapes = tuple({axis: dims[name] for axis, name in network.axes.get(given, {}).items()} for given in inputs)
    kinds = [parameter.kind for parameter in inspect.signature(module.forward).parameters.values()]
    return (shapes,) if kinds == [inspect.Parameter.VAR_POSITIONAL] else shapes
