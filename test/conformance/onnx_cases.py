"""The conformance tests of the `onnx` wheel: a model, inputs, expected outputs each.

Node tests are generated in memory; the wheel's `simple`, `pytorch-converted` and `pytorch-operator` tests lie on disk.
"""

import pathlib
import re
import warnings

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.backend.test.case.node import collect_testcases
from onnx.backend.test.loader import load_model_tests

DISK_KINDS = ("simple", "pytorch-converted", "pytorch-operator")

# Inputs that carry shapes, axes or counts, by op and position: a user freezes them with --const.
STATIC_INPUTS = {
    "AffineGrid": (1,), "BlackmanWindow": (0,), "CenterCropPad": (1,), "Col2Im": (1, 2), "Compress": (1,),
    "ConstantOfShape": (0,), "CumProd": (1,), "CumSum": (1,), "DFT": (1, 2), "Dropout": (1, 2), "Expand": (1,),
    "HammingWindow": (0,), "HannWindow": (0,), "If": (0,), "Loop": (0, 1), "MaxUnpool": (2,),
    "MelWeightMatrix": (0, 1, 2, 3, 4), "OneHot": (1,), "Pad": (1, 3), "Range": (0, 1, 2), "ReduceL1": (1,),
    "ReduceL2": (1,), "ReduceLogSum": (1,), "ReduceLogSumExp": (1,), "ReduceMax": (1,), "ReduceMean": (1,),
    "ReduceMin": (1,), "ReduceProd": (1,), "ReduceSum": (1,), "ReduceSumSquare": (1,), "Reshape": (1,),
    "Resize": (1, 2, 3), "Slice": (1, 2, 3, 4), "Split": (1,), "Squeeze": (1,), "STFT": (1, 3), "Tile": (1,),
    "TopK": (1,), "Trilu": (1,), "Unsqueeze": (1,), "Upsample": (1,),
}  # fmt: skip


class Case:
    """One test. `data_sets` holds (inputs, outputs), lists of arrays in the order of the graph."""

    def __init__(self, name, test, static_inputs):
        self.name, self.static_inputs = name, static_inputs
        self.rtol, self.atol = test.rtol, test.atol
        self._model, self._dir, self._data_sets = test.model, test.model_dir, test.data_sets

    @property
    def model(self):
        return self._model or onnx.load(pathlib.Path(self._dir) / "model.onnx")

    def data_sets(self, model):
        if self._data_sets is not None:
            return [(_arrays(inputs), _arrays(outputs)) for inputs, outputs in self._data_sets]
        sets = []
        for folder in sorted(pathlib.Path(self._dir).glob("test_data_set_*")):
            read = lambda kind, infos: [
                _read(folder / f"{kind}_{i}.pb", info) for i, info in enumerate(infos)
                if (folder / f"{kind}_{i}.pb").exists()
            ]  # fmt: skip
            sets.append((read("input", model.graph.input), read("output", model.graph.output)))
        return sets


def _arrays(values):
    """What is no tensor (a sequence, optional or map: the model is not supported) becomes None."""
    result = []
    for value in values:
        if isinstance(value, onnx.TensorProto):
            value = numpy_helper.to_array(value)
        result.append(np.asarray(value) if isinstance(value, (np.ndarray, np.generic, int, float, bool)) else None)
    return result


def _read(path, info):
    if not info.type.HasField("tensor_type"):
        return None  # a sequence, optional or map: the model is not supported
    return numpy_helper.to_array(onnx.load_tensor(str(path)))


def _static_inputs(model):
    """Names of the graph's inputs that its single node takes as shapes, axes or counts."""
    names = {info.name for info in model.graph.input}
    return {
        node.input[i]
        for node in model.graph.node
        for i in STATIC_INPUTS.get(node.op_type, ())
        if i < len(node.input) and node.input[i] in names
    }


def collect():
    """All cases, by name, sorted."""
    warnings.filterwarnings("ignore")
    cases, static_of = {}, {}
    tests = [("node", test) for test in collect_testcases(None)]
    tests += [(kind, test) for kind in DISK_KINDS for test in load_model_tests(kind=kind)]
    for kind, test in tests:
        model = test.model or onnx.load(pathlib.Path(test.model_dir) / "model.onnx")
        static_of[test.name] = _static_inputs(model)
    for kind, test in tests:
        # An expanded test is the body of the op's function, on the same inputs.
        base = re.sub(r"_expanded.*$", "", test.name)
        static = static_of[test.name] | static_of.get(base, set())
        cases[f"{kind}/{test.name}"] = Case(f"{kind}/{test.name}", test, static)
    return dict(sorted(cases.items()))
