"""--pad: a run may be smaller than the bucket it takes. BERT with seeded weights, as a checkpoint and as a graph with
attention, layer norm and GELU taken apart, against the same model on inputs that are not padded."""
import json
import re

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper, save
from test_checkpoint import CONFIG, bert, rel_l2, seeded_weights

from bert_onnx import encoder

FLOAT = TensorProto.FLOAT
BUCKETS = ["--shape=batch=2,seq=4", "--shape=batch=2,seq=9", "--shape=batch=5,seq=16"]
PAD = "--pad=batch,seq,mask=attention_mask"
SHAPES = [(1, 1), (2, 1), (2, 4), (1, 4), (2, 5), (1, 9), (2, 10), (3, 4), (5, 1), (5, 16), (4, 13)]
LARGEST = {"input_ids": (5, 16), "attention_mask": (5, 16), "token_type_ids": (5, 16)}


def inputs(batch, seq, seed=3):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, seq + 1, batch)
    return {"input_ids": rng.integers(0, 61, (batch, seq)),
            "attention_mask": (np.arange(seq) < lengths[:, None]).astype(np.int64),
            "token_type_ids": rng.integers(0, 2, (batch, seq))}


@pytest.fixture(scope="module")
def onnx_model(tmp_path_factory):
    path = tmp_path_factory.mktemp("onnx") / "bert.onnx"
    save(encoder(seeded_weights(), CONFIG, True), str(path))
    return path


@pytest.fixture(scope="module")
def module(tools, bert_checkpoint):
    tools.compile(bert_checkpoint, bert_checkpoint / "m.mlc", *BUCKETS, PAD)
    return bert_checkpoint / "m.mlc"


def check(got, given, expected):
    valid = given["attention_mask"] != 0
    assert got["last_hidden_state"].shape == (*valid.shape, CONFIG["hidden_size"])
    assert rel_l2(got["last_hidden_state"][valid], expected[valid]) < 1e-6


@pytest.mark.parametrize("shape", SHAPES)
def test_checkpoint(tools, module, tmp_path, shape):
    given = inputs(*shape)
    got = tools.infer(module, given, tmp_path)
    check(got, given, bert(seeded_weights(), CONFIG, **given))
    assert got["pooler_output"].shape == (shape[0], CONFIG["hidden_size"])


def test_onnx(tools, onnx_model, tmp_path):
    tools.compile(onnx_model, tmp_path / "m.mlc", *BUCKETS, PAD)
    session = onnxruntime.InferenceSession(str(onnx_model), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    for shape in SHAPES:
        given = inputs(*shape)
        got = tools.infer(tmp_path / "m.mlc", given, tmp_path)
        valid = given["attention_mask"] != 0
        for name, expected in zip(names, session.run(names, given)):
            assert got[name].shape == expected.shape
            kept = slice(None) if name == "sentence_embedding" else valid
            assert rel_l2(got[name][kept], expected[kept].astype(float)) < 2e-6


def test_unpad(tools, bert_checkpoint, tmp_path):
    """Of each shape a bucket for each number of tokens."""
    tools.compile(bert_checkpoint, tmp_path / "m.mlc", *BUCKETS[1:], PAD, "--unpad=6,40")
    description = json.loads(tools.run("mlc-run", tmp_path / "m.mlc", "--inspect")[0])
    assert [bucket["inputs"][1]["capacity"] for bucket in description["entry_points"][0]["buckets"]] == [6, 18, 6, 40]
    for shape in [(1, 1), (2, 9), (2, 7), (3, 12), (5, 5)]:
        given = inputs(*shape)
        got = tools.infer(tmp_path / "m.mlc", given, tmp_path)
        check(got, given, bert(seeded_weights(), CONFIG, **given))
        assert not got["last_hidden_state"][given["attention_mask"] == 0].any()


@pytest.mark.parametrize("shape", [(6, 4), (5, 17), (3, 0), (0, 3), (1, 1000)])
def test_too_large(tools, module, tmp_path, shape):
    np.savez(tmp_path / "i.npz", **{name: np.zeros(shape, np.int64) for name in LARGEST})
    tools.refuse(tmp_path, "mlc-run", module, "--inputs", tmp_path / "i.npz", "--output", tmp_path / "o.npz", says=[
        f"input_ids: i64[{shape[0]},{shape[1]}]", "It was compiled for:", "0: input_ids: i64[batch<=2,seq<=4]",
        "2: input_ids: i64[batch<=5,seq<=16]"])


def test_inputs_of_different_sizes(tools, module, tmp_path):
    given = inputs(2, 5) | {"attention_mask": np.ones((2, 4), np.int64)}
    np.savez(tmp_path / "i.npz", **given)
    tools.refuse(tmp_path, "mlc-run", module, "--inputs", tmp_path / "i.npz", "--output", tmp_path / "o.npz",
                 says=["attention_mask: i64[2,4], input_ids: i64[2,5]", "It was compiled for:"])


def test_random_inputs(tools, module, tmp_path):
    """They have the sizes of those that are given; without any, the bucket's."""
    np.save(tmp_path / "ids.npy", inputs(1, 7)["input_ids"])
    random = ["--input", "attention_mask=random:1", "--input", "token_type_ids=random:2"]
    out, _ = tools.run("mlc-run", module, "--input", f"input_ids={tmp_path / 'ids.npy'}", *random)
    assert f"last_hidden_state: f32[1,7,{CONFIG['hidden_size']}]" in out
    out, _ = tools.run("mlc-run", module, "--input", "input_ids=random:1", *random, "--bucket=1")
    assert f"last_hidden_state: f32[2,9,{CONFIG['hidden_size']}]" in out
    tools.refuse(tmp_path, "mlc-run", module, "--input", "input_ids=random:1", *random,
                 says=["the inputs fit several buckets; choose one with --bucket"])


def test_inspect_and_report(tools, bert_checkpoint, module, tmp_path):
    description = json.loads(tools.run("mlc-run", module, "--inspect")[0])
    assert description["options"]["pad"] == PAD.removeprefix("--pad=")
    bucket = description["entry_points"][0]["buckets"][2]
    assert all(spec["padded"] == ["batch", "seq"] for spec in bucket["inputs"])
    padded = {spec["name"]: spec["padded"] for spec in bucket["outputs"]}
    assert padded == {"last_hidden_state": ["batch", "seq", ""], "pooler_output": ["batch", ""]}
    out, _ = tools.run("mlc-opt", bert_checkpoint, *BUCKETS, PAD, "--report")
    assert "input    input_ids: i64[batch<=5,seq<=16]" in out
    assert f"output   last_hidden_state: f32[batch<=5,seq<=16,{CONFIG['hidden_size']}]" in out


def test_same_bytes(tools, bert_checkpoint, module, tmp_path):
    tools.compile(bert_checkpoint, tmp_path / "m.mlc", *BUCKETS, PAD)
    assert (tmp_path / "m.mlc").read_bytes() == module.read_bytes()


@pytest.mark.parametrize("options,says", [
    (["--pad=batch"], "--pad=batch fills up to sizes that --shape binds; give --shape for each bucket"),
    ([BUCKETS[0], "--pad="], "--pad has no value"),
    ([BUCKETS[0], "--pad=seq,"], "--pad=seq,: expected dimensions, as batch,seq,mask=attention_mask"),
    ([BUCKETS[0], "--pad=seq,seq"], "--pad=seq,seq: 'seq' is given twice"),
    ([BUCKETS[0], "--pad=seq,mask="], "--pad=seq,mask=: mask= names no input"),
    ([BUCKETS[0], "--pad=mask=attention_mask"], "it names no dimension; expected dimensions"),
    ([BUCKETS[0], "--pad=seq,mask=a,mask=b"], "two masks are given, 'a' and 'b'"),
    ([BUCKETS[0], "--pad=seq", "--pad=batch"], "--pad is given 2 times; give it once"),
    ([BUCKETS[0], "--pad=sequence,mask=attention_mask"],
     "--pad=sequence,mask=attention_mask: no --shape binds a dimension 'sequence'; they bind batch, seq"),
    ([BUCKETS[0], "--pad=seq,mask=mask"],
     "there is no input 'mask'; the inputs are input_ids, attention_mask, token_type_ids"),
    ([BUCKETS[0], "--pad=seq"], "--pad=seq: 'mlc.attention' is not known to keep apart what stands at different positions "
     "of 'seq', so that zeros behind its end could change what is before; name the input that hides them (mask=INPUT)"),
])
def test_wrong_values(tools, bert_checkpoint, tmp_path, options, says):
    tools.refuse(tmp_path, "mlc-opt", bert_checkpoint, *options, "-o", tmp_path / "m.mlc", says=[says])


def node(kind, *inputs, out="y", **attributes):
    return helper.make_node(kind, inputs, [out], **attributes)


def ints(name, *values):
    return numpy_helper.from_array(np.array(values, np.int64), name)


SIZE = [node("Shape", "x", out="shape"), node("Gather", "shape", "one", out="n")]  # of x: [3, n, 4]
CONSTANTS = [numpy_helper.from_array(np.random.default_rng(1).standard_normal(shape).astype(np.float32), name)
             for name, shape in [("w", (4, 4)), ("table", (50, 4)), ("filter", (4, 4, 3))]]
CONSTANTS += [ints("one", 1), ints("zero", 0), ints("minus", -1), ints("two", 2), ints("rows", -1, 4), ints("back", 3, -1, 4),
              ints("swapped", 3, 4, -1), ints("end", 2**40), ints("start", -2**40)]
APART = {
    "elementwise": [node("Tanh", "x")],
    "matmul": [node("MatMul", "x", "w")],
    "rows": [node("Reshape", "x", "rows", out="r"), node("MatMul", "r", "w", out="p"), node("Reshape", "p", "back")],
    "softmax of others": [node("Softmax", "x", axis=2)],
    "layer norm": [node("ReduceMean", "x", axes=[2], out="m"), node("Sub", "x", "m")],
    "transposed": [node("Transpose", "x", perm=[1, 0, 2], out="t"), node("ReduceMax", "t", axes=[1], keepdims=0)],
    "positions": [*SIZE, node("Slice", "table", "zero", "n", "zero", out="p"), node("Add", "x", "p")],
    "first": [node("Slice", "x", "zero", "one", "one")],
    "running sum": [node("CumSum", "x", "one")],
    "concat": [node("Concat", "x", "x", axis=2)],
}
MIXING = {
    "mean": [node("ReduceMean", "x", axes=[1])],
    "softmax": [node("Softmax", "x", axis=1)],
    "product": [node("Transpose", "x", perm=[0, 2, 1], out="t"), node("MatMul", "t", "x")],
    "last": [node("Slice", "x", "minus", "end", "one")],
    "sum from the end": [node("CumSum", "x", "one", reverse=1)],
    "reverse": [node("Slice", "x", "minus", "start", "one", "minus")],
    "convolution": [node("Transpose", "x", perm=[0, 2, 1], out="t"), node("Conv", "t", "filter", pads=[1, 1])],
    "size": [*SIZE, node("Cast", "n", out="f", to=FLOAT), node("Div", "x", "f")],
    "reshape": [node("Reshape", "x", "swapped", out="s"), node("Relu", "s")],
    "element of all rows": [node("Reshape", "x", "rows", out="r"), node("Gather", "r", "two", axis=0)],
}
SHAPED = {
    "twice": [node("Concat", "x", "x", axis=1)],
    "rows": [node("Reshape", "x", "rows")],
    "first two": [node("Slice", "x", "zero", "two", "one")],
}


@pytest.fixture
def make(make_model):
    return lambda nodes: make_model(nodes, [("x", FLOAT, [3, "n", 4])], [("y", FLOAT, None)], CONSTANTS)


@pytest.mark.parametrize("name", APART)
def test_positions_apart(tools, make, tmp_path, name):
    """They need no mask."""
    model = make(APART[name])
    tools.compile(model, tmp_path / "m.mlc", "--shape=n=2", "--shape=n=5", "--pad=n")
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    for n in (1, 2, 3, 5):
        x = np.random.default_rng(n).standard_normal((3, n, 4)).astype(np.float32)
        got, [expected] = tools.infer(tmp_path / "m.mlc", {"x": x}, tmp_path)["y"], session.run(None, {"x": x})
        assert got.shape == expected.shape
        assert rel_l2(got, expected.astype(float)) < 1e-6


@pytest.mark.parametrize("name", MIXING)
def test_positions_that_mix(tools, make, tmp_path, name):
    tools.refuse(tmp_path, "mlc-opt", make(MIXING[name]), "--shape=n=2", "--shape=n=5", "--pad=n", "-o", tmp_path / "m.mlc",
                 says=["is not known to keep apart what stands at different positions of 'n'"])


@pytest.mark.parametrize("name", SHAPED)
def test_shapes_that_cannot_be_cut(tools, make, tmp_path, name):
    tools.refuse(tmp_path, "mlc-opt", make(SHAPED[name]), "--shape=n=5", "--pad=n", "-o", tmp_path / "m.mlc",
                 says=["--pad=n: output 'y' is [", "with n=5, but [", "it cannot be cut to the sizes of a run; leave 'n' out"])


def test_batch_without_mask(tools, onnx_model, bert_checkpoint, tmp_path):
    for model in (onnx_model, bert_checkpoint):
        tools.compile(model, tmp_path / "m.mlc", "--shape=batch=4,seq=6", "--shape=batch=2,seq=6", "--pad=batch")
        for batch in (1, 2, 3):
            given = inputs(batch, 6)
            check(tools.infer(tmp_path / "m.mlc", given, tmp_path), given, bert(seeded_weights(), CONFIG, **given))
    tools.refuse(tmp_path, "mlc-opt", onnx_model, *BUCKETS, "--pad=batch,seq", "-o", tmp_path / "n.mlc",
                 says=["of 'seq', so that zeros behind its end could change what is before"])


def test_static(tools, make_model, tmp_path):
    model = make_model([node("Relu", "x")], [("x", FLOAT, [2, 3])], [("y", FLOAT, [2, 3])])
    tools.refuse(tmp_path, "mlc-opt", model, "--pad=n", "-o", tmp_path / "m.mlc", says=["--pad=n fills up to sizes"])
    tools.refuse(tmp_path, "mlc-opt", model, "--shape=x=2x3", "--pad=n", "-o", tmp_path / "m.mlc",
                 says=["--pad=n: no --shape binds a dimension 'n'; they bind none"])
    tools.run("mlc-opt", model, "--compile-to=fuse", "-o", tmp_path / "m.mlir")
    tools.refuse(tmp_path, "mlc-opt", tmp_path / "m.mlir", "--compile-from=fuse", "--shape=n=2", "--pad=n", "-o",
                 tmp_path / "m.mlc", says=["has static shapes already"])


def test_ir_keeps_padding(tools, make, tmp_path):
    """Compiled from the IR behind any phase, the module is the same."""
    options = ["--shape=n=5", "--pad=n"]
    model = make(APART["rows"])
    for phase in ("import", "layout", "fuse"):
        tools.run("mlc-opt", model, *options, f"--compile-to={phase}", "-o", tmp_path / "m.mlir")
        tools.compile(tmp_path / "m.mlir", tmp_path / "m.mlc", f"--compile-from={phase}")
        x = np.ones((3, 4, 4), np.float32)
        assert tools.infer(tmp_path / "m.mlc", {"x": x}, tmp_path)["y"].shape == (3, 4, 4)
