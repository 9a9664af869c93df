"""RNN, GRU and LSTM against onnxruntime: directions, lengths, states, activations, peepholes."""
import numpy as np
import pytest
from onnx import helper

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
STEPS, BATCH, INPUT, HIDDEN = 5, 3, 4, 6


def operands(op, directions, names):
    rng = np.random.default_rng(17)
    draw = lambda *shape: (rng.normal(size=shape) * 0.5).astype(np.float32)
    rows = GATES[op] * HIDDEN
    known = {
        "W": draw(directions, rows, INPUT), "R": draw(directions, rows, HIDDEN), "B": draw(directions, 2 * rows),
        "sequence_lens": np.array([5, 1, 3], np.int32), "initial_h": draw(directions, BATCH, HIDDEN),
        "initial_c": draw(directions, BATCH, HIDDEN), "P": draw(directions, 3 * HIDDEN),
    }  # fmt: skip
    return draw(STEPS, BATCH, INPUT), {name: known[name] for name in names}


def compare(beside_onnxruntime, op, names, as_inputs=(), **attributes):
    directions = 2 if attributes.get("direction") == "bidirectional" else 1
    x, tensors = operands(op, directions, ["W", "R", *names])
    order = ["W", "R", "B", "sequence_lens", "initial_h"] + (["initial_c", "P"] if op == "LSTM" else [])
    inputs = ["x"] + [name if name in tensors else "" for name in order]
    while not inputs[-1]:
        inputs.pop()
    outputs = ("y", "h", "c") if op == "LSTM" else ("y", "h")
    feeds = {"x": x, **{name: tensors.pop(name) for name in as_inputs}}
    beside_onnxruntime(helper.make_node(op, inputs, list(outputs), hidden_size=HIDDEN, **attributes), feeds, outputs, tensors)


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("op", GATES)
def test_directions(beside_onnxruntime, op, direction):
    compare(beside_onnxruntime, op, ["B"], direction=direction)


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("op", GATES)
def test_sequences_that_end_earlier(beside_onnxruntime, op, direction):
    states = ["initial_h", "initial_c"] if op == "LSTM" else ["initial_h"]
    compare(beside_onnxruntime, op, ["B", "sequence_lens", *states], ["sequence_lens", *states], direction=direction)


def test_without_bias_and_state(beside_onnxruntime):
    for op in GATES:
        compare(beside_onnxruntime, op, [])


def test_what_the_gates_may_be(beside_onnxruntime):
    compare(beside_onnxruntime, "GRU", ["B"], linear_before_reset=1)
    compare(beside_onnxruntime, "LSTM", ["B", "P"])
    compare(beside_onnxruntime, "LSTM", ["B"], input_forget=1)


@pytest.mark.parametrize("name", ["Relu", "Softsign", "Softplus", "HardSigmoid", "LeakyRelu", "Elu", "ScaledTanh", "Affine",
                                  "ThresholdedRelu"])
def test_activations(beside_onnxruntime, name):
    given = {"ScaledTanh": ([0.7], [1.3]), "Affine": ([0.3], [0.1]), "LeakyRelu": ([0.05], []), "Elu": ([0.8], []),
             "HardSigmoid": ([0.3], [0.4]), "ThresholdedRelu": ([0.2], [])}.get(name, ([], []))
    attributes = {key: list for key, list in zip(("activation_alpha", "activation_beta"), given) if list}
    compare(beside_onnxruntime, "RNN", ["B"], activations=[name], **attributes)


def test_clipped_gates(beside_onnxruntime):
    for op in ("RNN", "GRU"):
        compare(beside_onnxruntime, op, ["B"], clip=0.4)
    compare(beside_onnxruntime, "LSTM", ["B"], clip=0.4)
