"""Tensors without elements through every kind of op: a result as onnxruntime's, or a message; never a crash."""
import numpy as np
import pytest
from onnx import helper


def node(op, *inputs, outputs=("y",), **attributes):
    return helper.make_node(op, list(inputs), list(outputs), **attributes)


def zeros(*shape):
    return np.zeros(shape, np.float32)


INTS = {"axes": np.array([1], np.int64), "shape": np.array([0, 6], np.int64), "one": np.array([1], np.int64),
        "pads": np.array([0, 1, 0, 2], np.int64), "none": np.array([0], np.int64), "tiles": np.array([2, 2], np.int64),
        "w": np.ones((4, 5), np.float32), "g": np.ones(4, np.float32)}  # fmt: skip
CASES = [
    ([node("Relu", "x")], (0, 4)), ([node("Add", "x", "g")], (0, 4)), ([node("Exp", "x")], (3, 0)),
    ([node("MatMul", "x", "w")], (0, 4)), ([node("Gemm", "x", "w")], (0, 4)), ([node("Softmax", "x")], (0, 4)),
    ([node("LayerNormalization", "x", "g")], (0, 4)), ([node("Transpose", "x")], (0, 4)),
    ([node("Concat", "x", "x", axis=0)], (0, 4)), ([node("Concat", "x", "x", axis=1)], (0, 4)),
    ([node("ReduceSum", "x", "axes")], (0, 4)), ([node("ReduceSum", "x", "axes")], (4, 0)),
    ([node("ReduceMax", "x", axes=[1])], (0, 4)), ([node("CumSum", "x", "one")], (0, 4)),
    ([node("Reshape", "x", "shape", allowzero=1)], (0, 4)), ([node("Pad", "x", "pads")], (0, 4)),
    ([node("Pad", "x", "pads")], (3, 0)), ([node("Tile", "x", "tiles")], (0, 4)),
    ([node("TopK", "x", "none", outputs=("y", "i"))], (3, 4)), ([node("TopK", "x", "one", outputs=("y", "i"))], (0, 4)),
    ([node("Slice", "x", "one", "one")], (3, 4)), ([node("Gather", "x", "one", axis=1)], (0, 4)),
    ([node("ArgMax", "x", axis=1)], (0, 4)), ([node("Conv", "x", "k")], (0, 2, 6, 6)),
    ([node("MaxPool", "x", kernel_shape=[2, 2])], (0, 2, 6, 6)), ([node("GlobalAveragePool", "x")], (0, 2, 6, 6)),
    ([node("Split", "x", outputs=("y", "z"), axis=1)], (0, 4)), ([node("Where", "m", "x", "x")], (0, 4)),
]  # fmt: skip


@pytest.mark.parametrize("nodes, shape", CASES, ids=lambda value: value[0].op_type if isinstance(value, list) else str(value))
def test_results_of_nothing(beside_onnxruntime, nodes, shape):
    used = {name for one in nodes for name in one.input}
    feeds = {"x": zeros(*shape)}
    if "m" in used:
        feeds["m"] = np.zeros(shape, bool)
    constants = {**INTS, "k": np.ones((3, 2, 3, 3), np.float32)}
    outputs = tuple(name for one in nodes for name in one.output)
    beside_onnxruntime(nodes, feeds, outputs, {name: array for name, array in constants.items() if name in used})
