"""Wrong files and options, through the command lines: a message that names the thing, what was expected, what came and the
way out; a failing exit status; no crash; no file made, changed or lost. Systematic damage is in test/fuzz."""
import os

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT


# ---- ONNX files -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content,says", [
    (None, ["cannot read '", "m.onnx': No such file or directory"]),
    (b"", ["m.onnx' is empty; expected an ONNX model"]),
    (b"\x89PNG\r\n\x1a\n" + bytes(200), ["m.onnx' cannot be parsed as an ONNX model: it is truncated or of another format; "
                                        "check it with onnx.checker.check_model"]),
    (b"\x08\x08", ["m.onnx' is not an ONNX model: it has no graph"]),
])
def test_not_a_model(tools, tmp_path, content, says):
    path = tmp_path / "m.onnx"
    if content is not None:
        path.write_bytes(content)
    tools.refuse(tmp_path, "mlc-opt", path, "-o", tmp_path / "o.mlc", says=says)


def test_pipe(tools, relu_model, tmp_path):
    os.mkfifo(tmp_path / "pipe.onnx")
    tools.refuse(tmp_path, "mlc-opt", tmp_path / "pipe.onnx", "-o", tmp_path / "o.mlc", says=["pipe.onnx': not a regular file"])


def test_truncated(tools, relu_model, tmp_path):
    relu_model.write_bytes(relu_model.read_bytes()[:-9])
    tools.refuse(tmp_path, "mlc-opt", relu_model, "-o", tmp_path / "o.mlc", "--shape", "n=2",
                 says=["model.onnx' cannot be parsed as an ONNX model: it is truncated"])


def test_unreadable_model(tools, relu_model, tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    relu_model.chmod(0)
    tools.refuse(tmp_path, "mlc-opt", relu_model, "-o", tmp_path / "o.mlc", says=["model.onnx': Permission denied"])


def external_model(make_model, **entries):
    """y = x + w, with w in a file; `entries` are the keys of its external_data."""
    w = numpy_helper.from_array(np.ones(4, np.float32), "w")
    w.ClearField("raw_data")
    w.data_location = TensorProto.EXTERNAL
    for key, value in entries.items():
        entry = w.external_data.add()
        entry.key, entry.value = key, str(value)
    return make_model([helper.make_node("Add", ["x", "w"], ["y"])], [("x", FLOAT, [4])], [("y", FLOAT, [4])], [w])


@pytest.mark.parametrize("entries,says", [
    ({"location": "w.bin"}, ["tensor 'w': external data: cannot read '", "w.bin': No such file or directory",
                             "keep it beside the model"]),
    ({"location": "short.bin"}, ["tensor 'w': external data '", "short.bin' is too short: 16 bytes at offset 0, the file has 8; "
                                 "fetch it again"]),
    ({"location": "whole.bin", "offset": 8}, ["is too short: 16 bytes at offset 8, the file has 16"]),
    ({"location": "whole.bin", "length": 12}, ["tensor 'w': external data has length 12, f32[4] needs 16"]),
    ({"location": "whole.bin", "offset": -4}, ["external data has the offset '-4', not a number"]),
    ({"location": "../whole.bin"}, ["external data '../whole.bin' is outside of the model's folder; "
                                    "move the file beside the model"]),
    ({"location": "/etc/passwd"}, ["external data '/etc/passwd' is outside of the model's folder"]),
    ({"location": "link.bin"}, ["external data 'link.bin' is outside of the model's folder"]),
    ({"location": "folder"}, ["folder': not a regular file"]),
    ({"location": "pipe"}, ["pipe': not a regular file"]),
    ({"location": "whole.bin", "offset": 2**63}, ["is too short: 16 bytes at offset 9223372036854775808"]),
    ({"location": "whole.bin", "offset": 2**64}, ["external data has the offset '18446744073709551616', not a number"]),
    ({}, ["tensor 'w': external data has no location"]),
])
def test_external_data(tools, make_model, tmp_path, entries, says):
    (tmp_path / "short.bin").write_bytes(bytes(8))
    (tmp_path / "whole.bin").write_bytes(bytes(16))
    (tmp_path / "link.bin").symlink_to("/etc/passwd")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    path = external_model(make_model, **entries)
    tools.refuse(tmp_path, "mlc-opt", path, "-o", tmp_path / "o.mlc", says=["cannot import '", *says])


def test_all_unsupported_ops_at_once(tools, make_model, tmp_path):
    nodes = [helper.make_node("Frobnicate", ["x"], ["a"], name="first", domain="com.example"),
             helper.make_node("Erf", ["a"], ["b"], name="fine"),
             helper.make_node("NonMaxThing", ["b"], ["y"], name="second")]
    path = make_model(nodes, [("x", FLOAT, [2])], [("y", FLOAT, [2])])
    message = tools.refuse(
        tmp_path, "mlc-opt", path, "-o", tmp_path / "o.mlc",
        says=["node 'first': op Frobnicate, domain com.example, opset not imported: the op is not supported; express it by "
              "supported ops, or import a model-local function",
              "node 'second': op NonMaxThing, domain ai.onnx, opset 17: the op is not supported"])
    assert "fine" not in message


def test_unsupported_attribute(tools, make_model, tmp_path):
    node = helper.make_node("LayerNormalization", ["x", "scale"], ["y"], name="norm", stash_type=10)
    path = make_model([node], [("x", FLOAT, [2, 4]), ("scale", FLOAT, [4])], [("y", FLOAT, [2, 4])])
    tools.refuse(tmp_path, "mlc-opt", path, "-o", tmp_path / "o.mlc",
                 says=["node 'norm': op LayerNormalization, domain ai.onnx, opset 17: attribute 'stash_type' = 10 is not "
                       "supported (1 is)"])


def test_missing_operand(tools, make_model, tmp_path):
    path = make_model([helper.make_node("Conv", ["x"], ["y"], name="conv")], [("x", FLOAT, [1, 1, 4, 4])],
                      [("y", FLOAT, [1, 1, 4, 4])])
    tools.refuse(tmp_path, "mlc-opt", path, "-o", tmp_path / "o.mlc", says=["node 'conv': ", "operand 1 is missing"])


def test_old_opset(tools, make_model, tmp_path):
    path = make_model([helper.make_node("Relu", ["x"], ["y"])], [("x", FLOAT, [4])], [("y", FLOAT, [4])], opset=3)
    tools.refuse(tmp_path, "mlc-opt", path, "-o", tmp_path / "o.mlc",
                 says=["opset 3 of domain ai.onnx is not supported (", "convert the model with onnx.version_converter"])


def test_unbound_dimension(tools, relu_model, tmp_path):
    tools.refuse(tmp_path, "mlc-opt", relu_model, "-o", tmp_path / "o.mlc",
                 says=["dimension 0 ('n') of input 'x' is unbound; pass --shape n=SIZE"])


@pytest.mark.parametrize("shape,says", [
    ("m=2", "--shape names 'm', which is no symbolic dimension of the model's inputs"),
    ("n=2,x=2x4", "--shape gives dimension 1 of input 'x' the size 4, the model declares 3"),
    ("n=2,x=3x3", "--shape gives dimension 0 of input 'x' the size 3, its symbol is bound to 2"),
    ("x=2x3x1", "--shape gives input 'x' 3 dimensions, the model declares 2"),
    ("n=99999999999999999", "too large"),
    ("n=two", "--shape=n=two: 'n=two' is not NAME=SIZE (a symbolic dimension, as batch=8) or NAME=AxBxC (an input's shape, as "
     "ids=8x128)"),
    ("n=-1", "--shape=n=-1: 'n=-1' is not NAME=SIZE"),
    ("n", "--shape=n: 'n' is not NAME=SIZE"),
    ("n=2,n=3", "--shape=n=2,n=3: 'n' is bound twice"),
    ("n=2,z=2x4", "--shape names 'z', which is no input of the model"),
])
def test_wrong_shapes(tools, relu_model, tmp_path, shape, says):
    shapes = ["--shape", shape] if shape != "m=2" else ["--shape", "n=2,m=2"]
    tools.refuse(tmp_path, "mlc-opt", relu_model, "-o", tmp_path / "o.mlc", *shapes, says=[says])


def test_contradicting_shapes(tools, make_model, tmp_path):
    path = make_model([helper.make_node("MatMul", ["a", "b"], ["y"], name="product")],
                      [("a", FLOAT, [2, 3]), ("b", FLOAT, [4, 5])], [("y", FLOAT, [2, 5])])
    tools.refuse(tmp_path, "mlc-opt", path, "-o", tmp_path / "o.mlc",
                 says=["node 'product': op MatMul, domain ai.onnx, opset 17: ", "3", "4"])
    path = make_model([helper.make_node("Relu", ["x"], ["y"])], [("x", FLOAT, [4])], [("y", FLOAT, [5])])
    tools.refuse(tmp_path, "mlc-opt", path, "-o", tmp_path / "o.mlc",
                 says=["output 'y' is declared with another shape than the graph computes (4)"])


def test_constants(tools, relu_model, tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((2, 3)))
    compile = ["mlc-opt", relu_model, "-o", tmp_path / "o.mlc", "--shape", "n=2"]
    tools.refuse(tmp_path, *compile, "--const", f"x={tmp_path}/x.npy",
                 says=["--const gives input 'x' elements of f64, the model declares f32"])
    tools.refuse(tmp_path, *compile, "--const", f"z={tmp_path}/x.npy", says=["--const names 'z', which is no input of the model"])
    tools.refuse(tmp_path, *compile, "--const", f"x={tmp_path}/none.npy", says=["none.npy': No such file or directory"])
    tools.refuse(tmp_path, *compile, "--const", "x", says=["--const=x: expected NAME=FILE"])


@pytest.mark.parametrize("arguments,says", [
    (["--target-cpu=z80"], ["--target-cpu", "z80"]),
    (["--compile-to=nowhere"], ["nowhere"]),
    (["--no-such-flag"], ["no-such-flag"]),
])
def test_wrong_option(tools, relu_model, tmp_path, arguments, says):
    tools.refuse(tmp_path, "mlc-opt", relu_model, "-o", tmp_path / "o.mlc", "--shape=n=2", *arguments, says=says)


# ---- Text ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text,says", [
    ("func.func @f( {", ["in.mlir:1:14: error: expected non-function type"]),
    ("module { %0 = mlc.nothing : f32 }", ["in.mlir:1:15: error: "]),
    ("", ["there is no entry point to compile: no func.func carries 'mlc.entry'"]),
])
def test_text(tools, tmp_path, text, says):
    (tmp_path / "in.mlir").write_text(text)
    tools.refuse(tmp_path, "mlc-opt", tmp_path / "in.mlir", "-o", tmp_path / "o.mlc", says=says)
