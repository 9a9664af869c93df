"""Which model a module was made of: names, sizes and hashes of the files, wherever they lie."""
import json
import shutil

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper, save_model

from test_checkpoint import CONFIG, directory, pooling, seeded_weights  # noqa: F401

FLOAT = TensorProto.FLOAT
RELU = """func.func @infer(%x: tensor<4xf32> {mlc.name = "x"}) -> (tensor<4xf32> {mlc.name = "y"}) attributes {mlc.entry = "infer"} {
  %y = mlc.relu %x : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}
"""
RELU_HASH = "8f8cd527366ebd9bb6746bb3c6ddb118"


def inspect(tools, module):
    return json.loads(tools.run("mlc-run", module, "--inspect")[0])


@pytest.fixture
def external(tmp_path):
    """y = x * k * w: w in a file of its own, k an input."""
    folder = tmp_path / "model"
    folder.mkdir()
    weights = [numpy_helper.from_array(np.linspace(-1, 1, 200, dtype=np.float32), "w")]
    infos = [helper.make_tensor_value_info(name, FLOAT, [200]) for name in "xky"]
    nodes = [helper.make_node("Mul", ["x", "k"], ["t"]), helper.make_node("Mul", ["t", "w"], ["y"])]
    model = helper.make_model(helper.make_graph(nodes, "g", infos[:2], infos[2:], weights),
                              opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    save_model(model, folder / "m.onnx", save_as_external_data=True, location="m.data", size_threshold=0)
    np.save(tmp_path / "k.npy", np.ones(200, np.float32))
    return folder / "m.onnx"


def test_onnx_with_external_data(tools, external, tmp_path):
    tools.compile(external, tmp_path / "a.mlc", f"--const=k={tmp_path / 'k.npy'}")
    model, constant, weights = inspect(tools, tmp_path / "a.mlc")["files"]
    assert model == {"name": "m.onnx", "bytes": external.stat().st_size, "xxh3_128": model["xxh3_128"]}
    assert constant["name"] == "k.npy" and len(constant["xxh3_128"]) == len(model["xxh3_128"]) == 32
    assert weights == {"name": "m.data", "bytes": 800}
    text, _ = tools.run("mlc-run", tmp_path / "a.mlc", "--inspect=text")
    assert f"source      m.onnx\n  read from m.onnx, {external.stat().st_size} B, XXH3 {model['xxh3_128']}\n" in text

    # The same bytes in another folder, and from within it.
    shutil.copytree(external.parent, tmp_path / "other")
    shutil.copy(tmp_path / "k.npy", tmp_path / "other")
    tools.compile(tmp_path / "other/m.onnx", tmp_path / "b.mlc", f"--const=k={tmp_path / 'other/k.npy'}")
    assert (tmp_path / "a.mlc").read_bytes() == (tmp_path / "b.mlc").read_bytes()

    # Another model, though no kernel is another.
    content = external.read_bytes()
    external.write_bytes(content + b"\x12\x01p")  # a field more: producer_name
    tools.compile(external, tmp_path / "c.mlc", f"--const=k={tmp_path / 'k.npy'}")
    assert inspect(tools, tmp_path / "c.mlc")["files"][0]["xxh3_128"] != model["xxh3_128"]


def test_a_hash_that_is_known(tools, tmp_path):
    """XXH3 of 128 bits of a file, as xxHash's own program prints it."""
    (tmp_path / "m.mlir").write_text(RELU)
    tools.compile(tmp_path / "m.mlir", tmp_path / "m.mlc")
    assert inspect(tools, tmp_path / "m.mlc")["files"] == [{"name": "m.mlir", "bytes": len(RELU), "xxh3_128": RELU_HASH}]


def test_checkpoint(tools, directory, tmp_path):  # noqa: F811
    folder = directory(seeded_weights(), files=pooling("pooling_mode_mean_tokens", False))
    tools.compile(f"{folder}/", tmp_path / "m.mlc", "--shape=batch=1,seq=8")
    description = inspect(tools, tmp_path / "m.mlc")
    assert description["source"] == folder.name
    assert [(file["name"], "xxh3_128" in file) for file in description["files"]] == [
        ("1_Pooling/config.json", True), ("config.json", True), ("modules.json", True), ("model.safetensors", False)]


def test_zoo(tools, tmp_path):
    tools.compile("zoo:bert,layers=1,hidden=16,heads=2,intermediate=8,vocabulary=30", tmp_path / "m.mlc")
    description = inspect(tools, tmp_path / "m.mlc")
    assert description["source"] == "zoo:bert,layers=1,hidden=16,heads=2,intermediate=8,vocabulary=30" and description["files"] == []
