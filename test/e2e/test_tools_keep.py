"""--keep: intermediate values as further outputs, by the names of nodes, values and parts."""
import json

import numpy as np
import pytest
from onnx import TensorProto, helper, save

FLOAT = TensorProto.FLOAT
BERT = "zoo:bert,layers=2,hidden=32,heads=2,intermediate=48,vocabulary=50"
IDS = ["--input", "input_ids=random:1", "--input", "attention_mask=random:2", "--input", "token_type_ids=random:3"]


@pytest.fixture
def chain(make_model):
    """y = relu(tanh(x) + 1), z = x; a constant beside them; 'one' is both a node and a value of another node."""
    nodes = [helper.make_node("Tanh", ["x"], ["t"], name="squash"), helper.make_node("Add", ["t", "c"], ["one"], name="add"),
             helper.make_node("Relu", ["one"], ["y"], name="one"), helper.make_node("Shape", ["t"], ["shape"]),
             helper.make_node("Split", ["t"], ["left", "right"], name="halves", axis=1)]
    return make_model(nodes, [("x", FLOAT, ["n", 4])], [("y", FLOAT, ["n", 4])],
                      [helper.make_tensor("c", FLOAT, [1], [1.0])], opset=13)


def test_values_and_nodes(tools, chain, tmp_path):
    x = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
    np.savez(tmp_path / "x.npz", x=x)
    t = np.tanh(x)
    expected = {"y": np.maximum(t + 1, 0), "t": t, "squash": t, "add": t + 1, "one": t + 1, "right": t[:, 2:],
                "halves": t[:, :2], "shape": np.array([3, 4]), "c": np.ones(1, np.float32), "x": x}
    keep = ["--shape", "n=3", "--keep=t,squash,add", "--keep=one,right,halves,shape,c,x,y"]
    tools.run("mlc-opt", chain, *keep, "--interpret", "--input", tmp_path / "x.npz", "-o", tmp_path / "i.npz")
    tools.compile(chain, tmp_path / "m.mlc", *keep)
    compiled = tools.infer(tmp_path / "m.mlc", {"x": x}, tmp_path)
    for outputs in (dict(np.load(tmp_path / "i.npz")), compiled):
        assert list(outputs) == ["y", "t", "squash", "add", "one", "right", "halves", "shape", "c", "x"]
        for name, value in expected.items():
            np.testing.assert_allclose(outputs[name], value, rtol=1e-5, atol=1e-6, err_msg=name)
    options = json.loads(tools.run("mlc-run", tmp_path / "m.mlc", "--inspect")[0])["options"]
    assert options["keep"] == "t,squash,add,one,right,halves,shape,c,x,y"
    report, _ = tools.run("mlc-opt", chain, *keep, "--report")
    assert "output   halves: f32[3,2]" in report


def test_every_bucket_has_it(tools, chain, tmp_path):
    tools.compile(chain, tmp_path / "m.mlc", "--shape", "n=2", "--shape", "n=5", "--keep=t")
    for n in (2, 5):
        x = np.linspace(-1, 1, n * 4, dtype=np.float32).reshape(n, 4)
        np.testing.assert_allclose(tools.infer(tmp_path / "m.mlc", {"x": x}, tmp_path)["t"], np.tanh(x), rtol=1e-5)


def test_inside_a_function(tools, tmp_path):
    body = [helper.make_node("Exp", ["a"], ["e"], name="grow"), helper.make_node("Neg", ["e"], ["b"])]
    function = helper.make_function("local", "F", ["a"], ["b"], body, [helper.make_opsetid("", 17)])
    info = lambda name: helper.make_tensor_value_info(name, FLOAT, [2])
    graph = helper.make_graph([helper.make_node("F", ["x"], ["y"], name="call", domain="local")], "g", [info("x")], [info("y")])
    model = helper.make_model(graph, functions=[function], ir_version=8,
                              opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("local", 1)])
    save(model, str(tmp_path / "f.onnx"))
    out, _ = tools.run("mlc-opt", tmp_path / "f.onnx", "--keep=call/grow,call/e,call", "--interpret", "--input", "x=random:1")
    values = {line.split()[0]: line.split("[")[-1] for line in out.splitlines()}
    assert values["call/grow"] == values["call/e"] and values["call"] == values["y"]


def test_parts_of_a_network(tools, tmp_path):
    """A layer's result is what the next one reads, whatever is fused across."""
    model = [BERT + ",labels=3", "--shape", "batch=2,seq=6"]
    keep = "--keep=bert.encoder.layer.0,bert.encoder.layer.1.attention.self.query"
    tools.run("mlc-opt", *model, keep, "--interpret", *IDS, "-o", tmp_path / "i.npz")
    tools.compile(*model[:1], tmp_path / "m.mlc", *model[1:], keep)
    tools.run("mlc-run", tmp_path / "m.mlc", *IDS, "--expect", tmp_path / "i.npz")
    outputs = dict(np.load(tmp_path / "i.npz"))
    layer, query = outputs["bert.encoder.layer.0"], outputs["bert.encoder.layer.1.attention.self.query"]
    assert layer.shape == query.shape == (2, 6, 32)
    ir, _ = tools.run("mlc-opt", *model, keep, "--emit=mlir")
    assert '{mlc.name = "bert.encoder.layer.0"}' in ir
    tools.run("mlc-opt", *model, keep, "--per-op-compare")
    # IR that has the names serves as well.
    tools.run("mlc-opt", *model, "--compile-to=import", "--mlir-print-debuginfo", "-o", tmp_path / "named.mlir")
    out, _ = tools.run("mlc-opt", tmp_path / "named.mlir", keep, "--emit=mlir")
    assert '{mlc.name = "bert.encoder.layer.0"}' in out
    # The IR has the outputs: what is compared with it needs no --keep.
    tools.run("mlc-opt", *model, keep, "--compile-to=import", "-o", tmp_path / "a.mlir")
    tools.run("mlc-opt", *model, keep, "--compile-to=fuse", "--compare-with", tmp_path / "a.mlir")


def test_of_packed_tokens(tools, tmp_path):
    """With --unpad an intermediate is kept at the places of its tokens."""
    model, keep = [BERT, "--shape", "batch=2,seq=6"], "--keep=bert.encoder.layer.0"
    mask = np.array([[1, 1, 1, 1, 0, 0], [1, 1, 0, 0, 0, 0]])
    inputs = {"input_ids": np.arange(12).reshape(2, 6), "attention_mask": mask, "token_type_ids": np.zeros((2, 6), np.int64)}
    layers = []
    for name, options in {"plain": [], "packed": ["--unpad=12"]}.items():
        tools.compile(model[0], tmp_path / f"{name}.mlc", *model[1:], keep, *options)
        layers.append(tools.infer(tmp_path / f"{name}.mlc", inputs, tmp_path)["bert.encoder.layer.0"][mask != 0])
    np.testing.assert_allclose(*layers, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("names, says", [
    ("squish", "--keep names 'squish', which is no node and no value of the model; near it are 'squash'"),
    ("bogus_name", "'bogus_name', which is no node and no value of the model; it has 'add', 'halves', 'left', 'one', ..."),
    ("t,t", "--keep: 't' is given twice"),
    ("t,", "--keep has no value, or one that is empty"),
])  # fmt: skip
def test_wrong_names(tools, chain, tmp_path, names, says):
    tools.refuse(tmp_path, "mlc-opt", chain, "--shape", "n=1", f"--keep={names}", "-o", tmp_path / "m.mlc", says=[says])


@pytest.mark.parametrize("name, says", [
    ("encoder.layer.1", "which is no part of the model; near it are 'bert.encoder.layer.1'"),
    ("bert.encoder.layer.2", "near it are 'bert.encoder.layer.0', 'bert.encoder.layer.1'"),
    ("zzz", "which is no part of the model; it has 'bert.embeddings.word_embeddings', 'bert'"),
])  # fmt: skip
def test_wrong_parts(tools, tmp_path, name, says):
    tools.refuse(tmp_path, "mlc-opt", BERT, f"--keep={name}", "--emit=mlir", says=[says])


def test_ir_without_names(tools, tmp_path):
    (tmp_path / "a.mlir").write_text('func.func @f(%x: tensor<2xf32>) -> tensor<2xf32> attributes {mlc.entry = "infer"} {\n'
                                     "  return %x : tensor<2xf32>\n}\n")
    tools.refuse(tmp_path, "mlc-opt", tmp_path / "a.mlir", "--keep=x", "--emit=mlir", says=["'x', which is no part of the model: it names none"])
