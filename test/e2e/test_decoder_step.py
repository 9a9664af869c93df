"""A step of a decoder behind keys and values of the past, with the inputs, dimensions and shape arithmetic of optimum's GPT-2:
the causal mask is cut out of a table by lengths that the graph computes, the padding mask covers past and present."""
import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper, save

HIDDEN, HEADS, POSITIONS, BATCH = 36, 3, 40, 3
WIDTH = HIDDEN // HEADS
PAST_AND_PRESENT = "past_sequence_length + sequence_length"


def normal(random, *shape):
    return random.standard_normal(shape, np.float32)


@pytest.fixture(scope="module")
def decoder(tmp_path_factory):
    random = np.random.default_rng(4)
    nodes, constants = [], []

    def op(kind, *operands, outputs=1, name="", **attributes):
        names = []
        for operand in operands:
            if not isinstance(operand, str):
                constants.append(numpy_helper.from_array(np.asarray(operand), f"c{len(constants)}"))
                operand = constants[-1].name
            names.append(operand)
        results = [name or f"{kind}_{len(nodes)}_{i}" for i in range(outputs)]
        nodes.append(helper.make_node(kind, names, results, **attributes))
        return results[0] if outputs == 1 else results

    integers = lambda *values: np.array(values, np.int64)
    size = lambda x, axis: op("Gather", op("Shape", x), np.int64(axis), axis=0)
    word = op("Gather", normal(random, 97, HIDDEN), "input_ids", axis=0)
    past = size("past_key_values.0.key", 2)
    present = op("Add", past, size("input_ids", 1))
    places = op("Range", past, present, np.int64(1))
    x = op("Add", word, op("Gather", normal(random, POSITIONS, HIDDEN), places, axis=0))
    joined = op("MatMul", x, normal(random, HIDDEN, 3 * HIDDEN) / np.float32(6))
    heads = [op("Transpose", op("Reshape", part, integers(0, 0, HEADS, WIDTH)), perm=[0, 2, 1, 3])
             for part in op("Split", joined, integers(HIDDEN, HIDDEN, HIDDEN), axis=2, outputs=3)]  # fmt: skip
    key = op("Concat", "past_key_values.0.key", heads[1], axis=2, name="present.0.key")
    value = op("Concat", "past_key_values.0.value", heads[2], axis=2, name="present.0.value")
    scores = op("Div", op("MatMul", heads[0], op("Transpose", key, perm=[0, 1, 3, 2])), np.float32(np.sqrt(WIDTH)))
    vector = lambda x: op("Unsqueeze", x, integers(0))
    table = np.tril(np.ones((1, 1, POSITIONS, POSITIONS), bool))
    causal = op("Slice", op("Slice", table, vector(past), vector(present), integers(2)), integers(0), vector(present), integers(3))
    lowest = np.finfo(np.float32).min
    scores = op("Where", causal, scores, lowest)
    mask = op("Cast", op("Unsqueeze", "attention_mask", integers(1, 2)), to=TensorProto.FLOAT)
    weights = op("Softmax", op("Add", scores, op("Mul", op("Sub", np.float32(1), mask), lowest)), axis=-1)
    merged = op("Reshape", op("Transpose", op("MatMul", weights, value), perm=[0, 2, 1, 3]), integers(0, 0, HIDDEN))
    op("MatMul", merged, normal(random, HIDDEN, 97), name="logits")

    info = helper.make_tensor_value_info
    state = ["batch_size", HEADS, "past_sequence_length", WIDTH]
    inputs = [info("input_ids", TensorProto.INT64, ["batch_size", "sequence_length"]),
              info("attention_mask", TensorProto.INT64, ["batch_size", PAST_AND_PRESENT]),
              info("past_key_values.0.key", TensorProto.FLOAT, state), info("past_key_values.0.value", TensorProto.FLOAT, state)]
    outputs = [helper.make_empty_tensor_value_info(name) for name in ("logits", key, value)]
    graph = helper.make_graph(nodes, "g", inputs, outputs, constants)
    path = tmp_path_factory.mktemp("decoder") / "m.onnx"
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), str(path))
    return path


@pytest.mark.parametrize("past,seq", [(7, 1), (1, 4), (0, 5)])
def test_step(tools, decoder, tmp_path, past, seq):
    random = np.random.default_rng(past)
    mask = np.ones((BATCH, past + seq), np.int64)
    mask[1, : past // 2] = 0  # a shorter prompt, padded on the left
    state = lambda: normal(random, BATCH, HEADS, past, WIDTH)
    inputs = {"input_ids": random.integers(0, 97, (BATCH, seq)), "attention_mask": mask,
              "past_key_values.0.key": state(), "past_key_values.0.value": state()}  # fmt: skip
    shape = f"batch_size={BATCH},sequence_length={seq},past_sequence_length={past}"
    tools.compile(decoder, tmp_path / "m.mlc", "--shape", shape)
    ours = tools.infer(tmp_path / "m.mlc", inputs, tmp_path)
    session = onnxruntime.InferenceSession(str(decoder), providers=["CPUExecutionProvider"])
    for output, expected in zip(session.get_outputs(), session.run(None, inputs)):
        np.testing.assert_allclose(ours[output.name], expected, rtol=1e-5, atol=1e-5, err_msg=output.name)


def test_a_step_whose_past_is_not_bound(tools, decoder, tmp_path):
    tools.refuse(tmp_path, "mlc-opt", decoder, "-o", tmp_path / "m.mlc", "--shape", "batch_size=1,sequence_length=1",
                 says=[f"('{PAST_AND_PRESENT}') of input 'attention_mask' is unbound; "
                       "pass --shape past_sequence_length=SIZE,sequence_length=SIZE"])  # fmt: skip
