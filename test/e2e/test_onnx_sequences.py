"""Sequences and optional values, which are gone once a model is imported."""
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper


def node(op, inputs, *outputs, **attributes):
    return helper.make_node(op, list(inputs), list(outputs) or ["y"], **attributes)


def constant(name, *values):
    return numpy_helper.from_array(np.array(values[0] if len(values) == 1 else values, np.int64), name)


X = np.random.default_rng(3).normal(size=(5, 4)).astype(np.float32)
CONSTANTS = {name: np.array(value, np.int64) for name, value in {
    "two": 2, "minus": -1, "zero": 0, "parts": [1, 3, 1]}.items()}


@pytest.mark.parametrize("nodes", [
    [node("SplitToSequence", ["x"], "s", axis=0), node("ConcatFromSequence", ["s"], axis=1)],
    [node("SplitToSequence", ["x"], "s", axis=0, keepdims=0), node("ConcatFromSequence", ["s"], axis=1, new_axis=1)],
    [node("SplitToSequence", ["x", "two"], "s", axis=0), node("SequenceAt", ["s", "minus"])],
    [node("SplitToSequence", ["x", "parts"], "s", axis=0), node("SequenceAt", ["s", "two"])],
    [node("SequenceConstruct", ["x", "z"], "s"), node("ConcatFromSequence", ["s"], axis=-1)],
    [node("SequenceConstruct", ["x", "z"], "s"), node("SequenceErase", ["s", "zero"], "t"), node("SequenceAt", ["t", "zero"])],
    [node("SequenceEmpty", [], "e"), node("SequenceInsert", ["e", "x"], "s"), node("SequenceInsert", ["s", "z", "zero"], "t"),
     node("ConcatFromSequence", ["t"], axis=0)],
    [node("SequenceConstruct", ["x", "z"], "s"), node("SequenceInsert", ["s", "w", "minus"], "t"),
     node("SequenceAt", ["t", "minus"])],
    [node("SequenceConstruct", ["x", "z"], "s"), node("SequenceInsert", ["s", "w", "two"], "t"),
     node("SequenceAt", ["t", "minus"])],
    [node("SequenceConstruct", ["x", "z", "x"], "s"), node("Identity", ["s"], "t"), node("SequenceLength", ["t"], "n"),
     node("Cast", ["n"], "f", to=TensorProto.FLOAT), node("Mul", ["x", "f"])],
    [node("SequenceConstruct", ["x", "z"], "s"), node("SequenceErase", ["s"], "t"), node("ConcatFromSequence", ["t"], axis=0)],
], ids=lambda nodes: "-".join(n.op_type for n in nodes))  # fmt: skip
def test_sequences(beside_onnxruntime, nodes):
    used = {name for n in nodes for name in n.input}
    feeds = {name: array for name, array in {"x": X, "z": -X, "w": X + 1}.items() if name in used}
    beside_onnxruntime(nodes, feeds, constants={name: CONSTANTS[name] for name in CONSTANTS if name in used})


def test_a_loop_that_carries_a_sequence(beside_onnxruntime):
    infos = [helper.make_tensor_value_info("i", TensorProto.INT64, []), helper.make_tensor_value_info("c", TensorProto.BOOL, []),
             helper.make_tensor_sequence_value_info("s", TensorProto.FLOAT, None)]
    body = helper.make_graph(
        [node("Identity", ["c"], "d"), node("Cast", ["i"], "f", to=TensorProto.FLOAT), node("Mul", ["x", "f"], "m"),
         node("SequenceInsert", ["s", "m"], "t")],
        "body", infos, [helper.make_tensor_value_info("d", TensorProto.BOOL, []),
                        helper.make_tensor_sequence_value_info("t", TensorProto.FLOAT, None)])  # fmt: skip
    nodes = [node("SequenceEmpty", [], "e"), node("Loop", ["n", "", "e"], "r", body=body),
             node("ConcatFromSequence", ["r"], axis=0)]
    beside_onnxruntime(nodes, {"x": X}, constants={"n": np.array(3, np.int64)})


def test_optional_values(beside_onnxruntime):
    nodes = [node("Optional", ["x"], "o"), node("OptionalHasElement", ["o"], "has"), node("OptionalGetElement", ["o"], "v"),
             node("Where", ["has", "v", "z"])]
    beside_onnxruntime(nodes, {"x": X, "z": -X}, opset=18)


@pytest.mark.parametrize("nodes, says", [
    ([node("SequenceConstruct", ["x"], "s"), node("Relu", ["s"])], "operand 0 is a sequence; take tensors out of it"),
    ([node("SequenceConstruct", ["x"])], "output 'y' is a sequence; return its tensors one by one"),
    ([node("SequenceAt", ["x", "zero"])], "operand 0 must be a sequence"),
    ([node("SequenceConstruct", ["x"], "s"), node("SequenceAt", ["s", "two"])], "position 2 is outside of a sequence of 1 "
     "tensors"),
    ([node("SequenceConstruct", ["x"], "s"), node("SequenceAt", ["s", "i"])], "its position is computed from data at run time"),
    ([node("SequenceEmpty", [], "s"), node("ConcatFromSequence", ["s"], axis=0)], "the sequence is empty"),
    ([node("SequenceEmpty", [], "s"), node("SequenceErase", ["s"], "t"), node("SequenceAt", ["t", "zero"])],
     "the sequence is empty"),
    ([node("SplitToSequence", ["x", "parts"], "s", axis=1), node("SequenceAt", ["s", "zero"])], "its parts do not sum to the "
     "dimension of 4"),
    ([node("SplitToSequence", ["x", "zero"], "s", axis=1), node("SequenceAt", ["s", "zero"])],
     "its parts must have at least one"),
    ([node("SplitToSequence", ["x"], "s", axis=2), node("SequenceAt", ["s", "zero"])], "axis 2 is outside of [-2, 2)"),
    ([node("OptionalGetElement", [""])], "operand 0 is missing"),
    ([node("ConcatFromSequence", ["x"], axis=0)], "operand 0 must be a sequence"),
    ([node("SequenceConstruct", ["x"], "s"), node("SequenceConstruct", ["s"])], "operand 0 must be a tensor"),
], ids=lambda value: value[:40] if isinstance(value, str) else value[-1].op_type)  # fmt: skip
def test_refusals(tools, make_model, tmp_path, nodes, says):
    path = make_model(nodes, [("x", TensorProto.FLOAT, [5, 4]), ("i", TensorProto.INT64, [])], [],
                      [constant(name, array.tolist()) for name, array in CONSTANTS.items()])
    model = onnx.load(path)
    model.graph.output.append(helper.make_empty_tensor_value_info("y"))
    onnx.save(model, path)
    tools.refuse(tmp_path, "mlc-opt", path, "-o", tmp_path / "m.mlc", says=[says])
