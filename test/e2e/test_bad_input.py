"""Wrong files and options: a clear message, a failing exit status, no crash, and no lost or partial output."""
import numpy as np
import pytest
from onnx import TensorProto, helper


@pytest.mark.parametrize("content,words", [
    (None, ["missing.onnx"]),
    (b"", ["empty"]),
    (b"\x89PNG\r\n\x1a\n" + bytes(200), ["ONNX"]),
])
def test_not_a_model(tools, tmp_path, content, words):
    path = tmp_path / "missing.onnx"
    if content is not None:
        path.write_bytes(content)
    _, message = tools.compile(path, tmp_path / "o.mlc", expect=1)
    for word in words:
        assert word in message
    assert not (tmp_path / "o.mlc").exists()


def test_truncated(tools, relu_model, tmp_path):
    relu_model.write_bytes(relu_model.read_bytes()[:-9])
    _, message = tools.compile(relu_model, tmp_path / "o.mlc", "--shape", "n=2", expect=1)
    assert "model.onnx" in message


def test_all_unsupported_ops_at_once(tools, make_model, tmp_path):
    nodes = [helper.make_node("Frobnicate", ["x"], ["a"], name="first", domain="com.example"),
             helper.make_node("Erf", ["a"], ["b"], name="fine"),
             helper.make_node("NonMaxThing", ["b"], ["y"], name="second")]
    path = make_model(nodes, [("x", TensorProto.FLOAT, [2])], [("y", TensorProto.FLOAT, [2])])
    _, message = tools.compile(path, tmp_path / "o.mlc", expect=1)
    for word in ("first", "Frobnicate", "com.example", "second", "NonMaxThing"):
        assert word in message


def test_unbound_dimension(tools, relu_model, tmp_path):
    _, message = tools.compile(relu_model, tmp_path / "o.mlc", expect=1)
    assert "'n'" in message or "n" in message.split() or "--shape" in message
    assert "--shape" in message


def test_old_output_survives_a_failed_compile(tools, relu_model, tmp_path):
    output = tmp_path / "o.mlc"
    tools.compile(relu_model, output, "--shape", "n=2")
    before = output.read_bytes()
    tools.compile(relu_model, output, expect=1)
    assert output.read_bytes() == before


def test_unwritable_output(tools, relu_model, tmp_path):
    _, message = tools.compile(relu_model, tmp_path / "no" / "such" / "o.mlc", "--shape", "n=2", expect=1)
    assert "o.mlc" in message


@pytest.mark.parametrize("arguments,word", [
    (["--target-cpu=z80"], "z80"),
    (["--compile-to=nowhere"], "nowhere"),
    (["--shape", "n=two"], "two"),
    (["--const", "x"], "NAME=FILE"),
    (["--no-such-flag"], "no-such-flag"),
])
def test_wrong_option(tools, relu_model, tmp_path, arguments, word):
    _, message = tools.compile(relu_model, tmp_path / "o.mlc", "--shape=n=2", *arguments, expect=1)
    assert word in message


@pytest.mark.parametrize("inputs,word", [
    ({}, "x"),
    ({"x": np.zeros((2, 3), np.float64)}, "f64"),
    ({"x": np.zeros((2, 4), np.float32)}, "4"),
    ({"x": np.zeros((2, 3), np.float32), "z": np.zeros(1, np.float32)}, "z"),
])
def test_wrong_run_inputs(tools, relu_model, tmp_path, inputs, word):
    module = tmp_path / "o.mlc"
    tools.compile(relu_model, module, "--shape", "n=2")
    np.savez(tmp_path / "i.npz", **inputs)
    _, message = tools.run("mlc-run", module, "--inputs", tmp_path / "i.npz", "--output", tmp_path / "o.npz", expect=1)
    assert word in message
    assert not (tmp_path / "o.npz").exists()


def test_damaged_module(tools, relu_model, tmp_path):
    module = tmp_path / "o.mlc"
    tools.compile(relu_model, module, "--shape", "n=2")
    whole = module.read_bytes()
    np.savez(tmp_path / "i.npz", x=np.zeros((2, 3), np.float32))
    for damaged in (b"", whole[:100], whole[: len(whole) // 2], b"ELF" + whole[3:],
                    whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:]):
        module.write_bytes(damaged)
        _, message = tools.run("mlc-run", module, "--inputs", tmp_path / "i.npz", "--output", tmp_path / "o.npz", expect=1)
        assert "o.mlc" in message
