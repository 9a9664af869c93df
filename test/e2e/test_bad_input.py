"""Wrong files and options, through the command lines: a message that names the thing, what was expected, what came and the
way out; a failing exit status; no crash; no file made, changed or lost. Systematic damage is in test/fuzz."""
import json
import os
import shutil
import struct
import subprocess

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
    ({}, ["tensor 'w': external data has no location"]),
])
def test_external_data(tools, make_model, tmp_path, entries, says):
    (tmp_path / "short.bin").write_bytes(bytes(8))
    (tmp_path / "whole.bin").write_bytes(bytes(16))
    (tmp_path / "link.bin").symlink_to("/etc/passwd")
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
    node = helper.make_node("MaxPool", ["x"], ["y"], name="pool", kernel_shape=[2, 2], storage_order=1)
    path = make_model([node], [("x", FLOAT, [1, 1, 4, 4])], [("y", FLOAT, [1, 1, 3, 3])])
    tools.refuse(tmp_path, "mlc-opt", path, "-o", tmp_path / "o.mlc",
                 says=["node 'pool': op MaxPool, domain ai.onnx, opset 17: attribute 'storage_order' = 1 is not supported (0 is)"])
    node = helper.make_node("Relu", ["x"], ["y"], name="act", alpha=0.5)
    path = make_model([node], [("x", FLOAT, [4])], [("y", FLOAT, [4])])
    tools.refuse(tmp_path, "mlc-opt", path, "-o", tmp_path / "o.mlc",
                 says=["node 'act': op Relu, domain ai.onnx, opset 17: attribute 'alpha' is not supported"])


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


# ---- Checkpoints -----------------------------------------------------------------------------------------------------

CONFIG = {"model_type": "bert", "hidden_size": 4, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8,
          "max_position_embeddings": 6}


def tensor_shapes():
    shapes = {"embeddings.word_embeddings.weight": [10, 4], "embeddings.position_embeddings.weight": [6, 4],
              "embeddings.token_type_embeddings.weight": [2, 4]}

    def dense(name, outputs, inputs):
        shapes[name + ".weight"], shapes[name + ".bias"] = [outputs, inputs], [outputs]

    layer = "encoder.layer.0."
    for which in ("query", "key", "value"):
        dense(layer + "attention.self." + which, 4, 4)
    dense(layer + "attention.output.dense", 4, 4)
    dense(layer + "intermediate.dense", 8, 4)
    dense(layer + "output.dense", 4, 8)
    for norm in ("embeddings.LayerNorm", layer + "attention.output.LayerNorm", layer + "output.LayerNorm"):
        shapes[norm + ".weight"] = shapes[norm + ".bias"] = [4]
    return shapes


def header_of(shapes, dtype="F32"):
    header, offset = {}, 0
    for name, shape in shapes.items():
        size = 4 * int(np.prod(shape))
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    return header, offset


def write_safetensors(path, header, size, length=None):
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + bytes(size))


@pytest.fixture
def checkpoint(tmp_path):
    folder = tmp_path / "bert"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG))
    write_safetensors(folder / "model.safetensors", *header_of(tensor_shapes()))
    return folder


def refuse_checkpoint(tools, tmp_path, folder, *says, shape="batch=1,seq=3"):
    tools.refuse(tmp_path, "mlc-opt", folder, "-o", tmp_path / "o.mlc", *(["--shape", shape] if shape else []), says=says)


def test_the_checkpoint_itself_is_good(tools, tmp_path, checkpoint):
    tools.compile(checkpoint, tmp_path / "o.mlc", "--shape", "batch=1,seq=3")


@pytest.mark.parametrize("change,says", [
    ({"model_type": "gpt2"}, "config.json: model_type 'gpt2' is not supported (bert is); export the model to ONNX instead"),
    ({"model_type": None}, "config.json: model_type '(none)' is not supported"),
    ({"hidden_size": None}, "config.json: 'hidden_size' must be a positive integer"),
    ({"hidden_size": "4"}, "config.json: 'hidden_size' must be a positive integer"),
    ({"num_attention_heads": 3}, "config.json: num_attention_heads 3 does not divide hidden_size 4"),
    ({"num_hidden_layers": 10**15}, "config.json: num_hidden_layers is 1000000000000000, but tensors of 1 layers are stored; "
     "config.json and the tensors are of different models"),
    ({"hidden_act": "mish"}, "config.json: hidden_act 'mish' is not supported (gelu, gelu_new, gelu_pytorch_tanh, relu are)"),
    ({"is_decoder": True}, "config.json: is_decoder is not supported"),
    ({"position_embedding_type": "relative_key"}, "position_embedding_type 'relative_key' is not supported (absolute is)"),
    ({"intermediate_size": 16}, "tensor 'encoder.layer.0.intermediate.dense.weight': expected f32[16,4], got f32[8,4]"),
])
def test_config(tools, tmp_path, checkpoint, change, says):
    config = {key: value for key, value in {**CONFIG, **change}.items() if value is not None}
    (checkpoint / "config.json").write_text(json.dumps(config))
    refuse_checkpoint(tools, tmp_path, checkpoint, "cannot import the checkpoint '", says)


def test_config_file(tools, tmp_path, checkpoint):
    (checkpoint / "config.json").write_text("{not json")
    refuse_checkpoint(tools, tmp_path, checkpoint, "config.json' is not JSON")
    (checkpoint / "config.json").write_text("[]")
    refuse_checkpoint(tools, tmp_path, checkpoint, "config.json is not a JSON object")
    (checkpoint / "config.json").unlink()
    refuse_checkpoint(tools, tmp_path, checkpoint, "config.json': No such file or directory")


@pytest.mark.parametrize("shape,says", [
    (None, "dimension 'batch' is unbound; pass --shape batch=1,seq=128"),
    ("batch=1,seq=7", "--shape: seq=7 exceeds the checkpoint's 6 positions"),
    ("batch=0,seq=3", "--shape: 'batch' must be at least 1"),
    ("batch=1,seq=3,ids=1x3", "--shape: bind batch and seq instead of the shape of 'ids'"),
    ("batch=4611686018427387904,seq=3", "the encoder cannot be built with these shapes"),
    ("batch=1,seq=3,length=2", "--shape: a checkpoint has no dimension 'length' (batch and seq are its dimensions)"),
])
def test_checkpoint_shapes(tools, tmp_path, checkpoint, shape, says):
    refuse_checkpoint(tools, tmp_path, checkpoint, says, shape=shape)


def test_checkpoint_constants(tools, tmp_path, checkpoint):
    np.save(tmp_path / "x.npy", np.zeros(3, np.float32))
    tools.refuse(tmp_path, "mlc-opt", checkpoint, "-o", tmp_path / "o.mlc", "--shape=batch=1,seq=3", f"--const=x={tmp_path}/x.npy",
                 says=["--const does not apply to checkpoints: all inputs are data"])


TRANSFORMER = {"path": "", "type": "sentence_transformers.models.Transformer"}
POOLING = {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}


@pytest.mark.parametrize("modules,pooling,says", [
    ({"a": 1}, {}, "modules.json is not a list of modules"),
    ([TRANSFORMER, {"path": ""}], {}, "modules.json: a module has no type"),
    ([TRANSFORMER, {"type": "models.Dense"}], {}, "modules.json: module 'models.Dense' is not supported (Transformer, Pooling, "
                                                  "Normalize are)"),
    ([TRANSFORMER, POOLING], [1], "modules.json: the configuration of Pooling is not a JSON object"),
    ([TRANSFORMER, POOLING], {}, "modules.json: Pooling has no mode; pass --head to choose a head"),
    ([TRANSFORMER, POOLING], {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True},
     "modules.json: two modes of pooling at once are not supported; pass --head to choose a head"),
    ([TRANSFORMER, POOLING], {"pooling_mode_max_tokens": True}, "modules.json: pooling_mode_max_tokens is not supported "
     "(pooling_mode_mean_tokens and pooling_mode_cls_token are); pass --head to choose another head"),
])
def test_sentence_modules(tools, tmp_path, checkpoint, modules, pooling, says):
    (checkpoint / "modules.json").write_text(json.dumps(modules))
    (checkpoint / "1_Pooling").mkdir()
    (checkpoint / "1_Pooling/config.json").write_text(json.dumps(pooling))
    refuse_checkpoint(tools, tmp_path, checkpoint, says)


def test_safetensors(tools, tmp_path, checkpoint):
    path = checkpoint / "model.safetensors"
    shapes = tensor_shapes()
    first, second = list(shapes)[:2]

    def changed(name, **fields):
        header, size = header_of(shapes)
        header[name].update(fields)
        return header, size

    header, size = header_of(shapes)
    cases = [
        (lambda: path.write_bytes(b"abc"), ["model.safetensors' is not a usable safetensors file: it is shorter than its 8-byte "
                                            "header length"]),
        (lambda: write_safetensors(path, header, size, length=1 << 62),
         ["the header length 4611686018427387904 exceeds the file of", "it is truncated or of another format"]),
        (lambda: path.write_bytes(struct.pack("<Q", 10**8 + 1)) and os.truncate(path, 2 * 10**8),
         ["the header length 100000001 is above the format's limit of 100000000"]),
        (lambda: path.write_bytes(struct.pack("<Q", 15) + b'{"a":{},"a":{}}'), ["a name occurs twice in its header"]),
        (lambda: write_safetensors(path, {"a": {"dtype": "F32"}}, size),
         ["tensor 'a': the header entry needs dtype, shape and data_offsets [begin, end]"]),
        (lambda: write_safetensors(path, *changed(first, shape=[2**40, 2**40])), [f"tensor '{first}': the shape is too large"]),
        (lambda: write_safetensors(path, [1, 2], size), ["its header is not a JSON object"]),
        (lambda: path.write_bytes(struct.pack("<Q", 9) + b'{"a": {,}'), ["its header is not a JSON object"]),
        (lambda: write_safetensors(path, *changed(first, dtype="Q4")),
         [f"tensor '{first}': unsupported dtype 'Q4'; convert the checkpoint to F32, F16 or BF16"]),
        (lambda: write_safetensors(path, *changed(first, shape=[3, 4])),
         [f"tensor '{first}': f32[3,4] needs 48 bytes, data_offsets give 160"]),
        (lambda: write_safetensors(path, *changed(second, data_offsets=[0, 96])), [f"tensors '", "' overlap"]),
        (lambda: write_safetensors(path, *changed(first, data_offsets=[size - 16, size + 144])),
         ["are outside of the", "bytes of data; the file is truncated or damaged, fetch it again"]),
        (lambda: write_safetensors(path, header, size - 4), ["the file is truncated or damaged, fetch it again"]),
        (lambda: write_safetensors(path, *header_of({n: s for n, s in shapes.items() if n != first})),
         [f"tensor '{first}' is missing"]),
        (lambda: write_safetensors(path, *header_of({**shapes, "encoder.extra": [2]})),
         ["tensor 'encoder.extra' is unexpected in a bert encoder"]),
        (lambda: write_safetensors(path, *changed(first, dtype="I32")), [f"tensor '{first}': expected f32[10,4], got i32[10,4]"]),
        (lambda: path.unlink(), ["has neither model.safetensors nor model.safetensors.index.json",
                                 "save_pretrained(..., safe_serialization=True)"]),
    ]
    for damage, says in cases:
        damage()
        refuse_checkpoint(tools, tmp_path, checkpoint, *says)


def test_shards(tools, tmp_path, checkpoint):
    index = checkpoint / "model.safetensors.index.json"
    (checkpoint / "model.safetensors").rename(checkpoint / "a.safetensors")
    names = {name: "a.safetensors" for name in tensor_shapes()}
    for content, says in [("nonsense", ["is not a JSON object with a weight_map"]),
                          (json.dumps({"weight_map": {**names, "more": "a.safetensors"}}),
                           ["puts tensor 'more' into a.safetensors, where it is missing; fetch the shard again"]),
                          (json.dumps({"weight_map": {**names, "more": "../a.safetensors"}}),
                           ["the shard of 'more' must be a file name"]),
                          (json.dumps({"weight_map": {**names, "more": "b.safetensors"}}),
                           ["b.safetensors': No such file or directory"])]:
        index.write_text(content)
        refuse_checkpoint(tools, tmp_path, checkpoint, *says)


# ---- Outputs ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def relu_module(tools, relu_model, tmp_path):
    tools.compile(relu_model, tmp_path / "o.mlc", "--shape", "n=2")
    np.savez(tmp_path / "in.npz", x=np.zeros((2, 3), np.float32))
    return tmp_path / "o.mlc"


def output_of(tool, relu_model, relu_module, output):
    if tool == "mlc-opt":
        return ["mlc-opt", relu_model, "--shape", "n=2", "-o", output]
    return ["mlc-run", relu_module, "--inputs", relu_module.parent / "in.npz", "--output", output]


@pytest.mark.parametrize("tool", ["mlc-opt", "mlc-run"])
def test_unwritable_output(tools, relu_model, relu_module, tmp_path, tool):
    def refuse(output, *says):
        tools.refuse(tmp_path, *output_of(tool, relu_model, relu_module, output), says=says)

    refuse(tmp_path / "no/such/o.mlc", "cannot write '",
           "no/such/o.mlc': No such file or directory; its folder must exist and be writable")
    (tmp_path / "folder.mlc").mkdir()
    refuse(tmp_path / "folder.mlc", "folder.mlc': it is a directory; name a file")
    os.mkfifo(tmp_path / "pipe.mlc")
    refuse(tmp_path / "pipe.mlc", "pipe.mlc': it is not a regular file")
    refuse(tmp_path / ("x" * 300 + ".mlc"), "File name too long")
    refuse("/proc/o.mlc", "cannot write '/proc/o.mlc'")


@pytest.mark.parametrize("tool", ["mlc-opt", "mlc-run"])
def test_full_disk_keeps_the_old_output(tools, relu_model, relu_module, tmp_path, tool):
    # A limit of the file size fails the same write as a full disk. Object files and the code in memory stay below it.
    output = tmp_path / "old.mlc"
    output.write_text("the old output")
    limit = relu_module.stat().st_size - 100 if tool == "mlc-opt" else 100_000
    tools.compile(relu_model, relu_module, "--shape", "n=9000")
    np.savez(tmp_path / "in.npz", x=np.zeros((9000, 3), np.float32))
    tools.refuse(tmp_path, *output_of(tool, relu_model, relu_module, output), limit_bytes=limit,
                 says=["cannot write '", "old.mlc': File too large (an older file of this name is unchanged)"])
    assert output.read_text() == "the old output"


@pytest.mark.parametrize("tool", ["mlc-opt", "mlc-run"])
def test_full_file_system_keeps_the_old_output(tools, make_model, tmp_path, tool):
    # A file system of 64 KiB in a mount namespace of its own, where the tests may make one.
    if subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode != 0:
        pytest.skip("mounting needs root")
    weights = numpy_helper.from_array(np.random.default_rng(0).random((64, 1024), np.float32), "w")
    model = make_model([helper.make_node("MatMul", ["x", "w"], ["y"])], [("x", FLOAT, [32, 64])], [("y", FLOAT, [32, 1024])],
                       [weights])
    module, inputs, full = tmp_path / "m.mlc", tmp_path / "in.npz", tmp_path / "full"
    tools.compile(model, module)
    np.savez(inputs, x=np.zeros((32, 64), np.float32))
    full.mkdir()
    command = ["mlc-opt", model, "-o", full / "old"] if tool == "mlc-opt" else \
        ["mlc-run", module, "--inputs", inputs, "--output", full / "old"]
    if tool == "mlc-opt":
        command += ["--emit=module"]
    script = 'mount -t tmpfs -o size=64k none "$1" && echo old >"$1/old" && folder="$1" && shift && "$@"; rc=$?; ls -A "$folder"; ' \
             'cat "$folder/old"; exit $rc'
    done = subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", str(full), str(tools.directory / command[0]),
                           *map(str, command[1:])], capture_output=True, text=True)
    assert done.returncode == 1, done
    assert "No space left on device; free space there or write elsewhere (an older file of this name is unchanged)" in done.stderr
    assert done.stdout == "old\nold\n"  # the listing, and the content


def test_standard_output_that_is_full(tools, relu_module):
    with open("/dev/full", "w") as full:
        done = subprocess.run([tools.directory / "mlc-run", relu_module, "--inspect"], stdout=full, stderr=subprocess.PIPE,
                              text=True)
    assert done.returncode == 1
    assert done.stderr == "mlc-run: error: cannot write to the standard output: No space left on device\n"


def test_output_equal_to_input(tools, relu_model, relu_module, tmp_path):
    before = relu_model.read_bytes()
    tools.refuse(tmp_path, "mlc-opt", relu_model, "--shape", "n=2", "-o", relu_model, "--emit=module",
                 says=["model.onnx' is an input; name another output"])
    tools.refuse(tmp_path, "mlc-run", relu_module, "--inputs", tmp_path / "in.npz", "--output", relu_module,
                 says=["o.mlc' is an input; name another output"])
    tools.refuse(tmp_path, "mlc-run", relu_module, "--inputs", tmp_path / "in.npz", "--output", tmp_path / "in.npz",
                 says=["in.npz' is an input; name another output"])
    assert relu_model.read_bytes() == before


def test_old_output_survives_a_failed_compile(tools, relu_model, relu_module, tmp_path):
    tools.refuse(tmp_path, "mlc-opt", relu_model, "-o", relu_module, says=["is unbound"])
    tools.infer(relu_module, {"x": np.zeros((2, 3), np.float32)}, tmp_path)


# ---- Running ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("inputs,says", [
    ({}, ["inputs are missing; add\n  --input x=FILE.npy    (x: f32[2,3])\nor NAME=random:SEED for random values"]),
    ({"x": np.zeros((2, 3), np.float64)},
     ["the module was not compiled for inputs x: f64[2,3]. It was compiled for:\n  0: x: f32[2,3]\nGive inputs of these shapes "
      "and types, or compile for yours with --shape"]),
    ({"x": np.zeros((2, 4), np.float32)}, ["was not compiled for inputs x: f32[2,4]"]),
    ({"x": np.zeros((2, 3), np.float32), "z": np.zeros(1, np.float32)},
     ["the module has no input 'z'; its inputs are x: f32[2,3]"]),
])
def test_wrong_run_inputs(tools, relu_module, tmp_path, inputs, says):
    np.savez(tmp_path / "i.npz", **inputs)
    tools.refuse(tmp_path, "mlc-run", relu_module, "--inputs", tmp_path / "i.npz", "--output", tmp_path / "out.npz", says=says)


def test_wrong_run_options(tools, relu_module, tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((2, 3), np.float32))
    for arguments, says in [
        (["--input", f"x={tmp_path}/x.npy", "--input", f"x={tmp_path}/x.npy"], "input 'x' is given twice"),
        (["--input", f"z={tmp_path}/x.npy"], "the module has no input 'z'; its inputs are x: f32[2,3]"),
        (["--input", "x"], "--input x: expected NAME=FILE.npy or NAME=random:SEED"),
        (["--input", f"x={tmp_path}"], "not a regular file"),
        (["--input", f"x={tmp_path}/in.npz"], "in.npz' is not a usable .npy file: it does not start with the .npy magic"),
        (["--inputs", f"{tmp_path}/x.npy"], "x.npy' is not a usable .npz file: "),
        (["--input", "x=random:1", "--expect", f"{tmp_path}/none.npz"], "none.npz"),
        (["--input", "x=random:1", "--bucket", "1"], "--bucket 1: the entry point has 1"),
        (["--input", "x=random:1", "--entry", "main"], "no entry point 'main'; it has infer"),
        (["--input", "x=random:1", "--threads", "0"], "--threads"),
        (["--input", "x=random:1", "--tolerance", "-1", "--expect", f"{tmp_path}/in.npz"], "--tolerance"),
    ]:
        tools.refuse(tmp_path, "mlc-run", relu_module, *arguments, "--output", tmp_path / "out.npz", says=[says])


def npy(header, data):
    text = header.ljust(117).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


@pytest.mark.parametrize("content,says", [
    (b"", "it does not start with the .npy magic; write it with numpy.save"),
    (b"\x93NUMPY\x09\x00" + bytes(20), "it has format version 9, expected 1 to 3; write it with numpy.save"),
    (b"\x93NUMPY\x01\x00\xff\xff" + bytes(20), "its header is truncated"),
    (npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", bytes(23)),
     "truncated: f32[2,3] needs 24 bytes of data, 23 are there"),
    (npy("{'descr': '<c8', 'fortran_order': False, 'shape': (2, 3), }", bytes(48)),
     "unsupported element type '<c8'; convert it, for instance with .astype('<f4')"),
    (npy("{'descr': '|O', 'fortran_order': False, 'shape': (2, 3), }", bytes(48)), "unsupported element type '|O'"),
    (npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2, 3), }", bytes(24)),
     "structured arrays are not supported"),
    (npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-2, 3), }", bytes(24)),
     "its header lacks a shape of numbers from 0 on that fits in memory"),
    (npy("{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4), }", bytes(24)), "its header lacks a shape"),
    (npy("{'descr': '<f4', 'fortran_order': False, }", bytes(24)), "its header lacks a shape"),
    (npy("{'descr': '<f4', 'shape': (2, 3), }", bytes(24)), "its header lacks fortran_order"),
])
def test_npy(tools, relu_module, tmp_path, content, says):
    (tmp_path / "x.npy").write_bytes(content)
    tools.refuse(tmp_path, "mlc-run", relu_module, "--input", f"x={tmp_path}/x.npy",
                 says=["mlc-run: error: '", "x.npy' is not a usable .npy file: ", says])


def test_npz_member_that_is_truncated(tools, relu_module, tmp_path):
    np.savez_compressed(tmp_path / "x.npz", x=np.zeros((2, 3), np.float32))
    content = bytearray((tmp_path / "x.npz").read_bytes())
    directory = content.index(b"PK\x01\x02")
    size, = struct.unpack_from("<I", content, directory + 24)
    struct.pack_into("<I", content, directory + 24, size + 8)
    struct.pack_into("<Q", content, content.index(struct.pack("<Q", size)), size + 8)
    (tmp_path / "x.npz").write_bytes(content)
    tools.refuse(tmp_path, "mlc-run", relu_module, "--inputs", tmp_path / "x.npz",
                 says=["x.npz' is not a usable .npz file: member 'x.npy' is truncated"])


@pytest.mark.parametrize("array", [np.arange(6, dtype=">f4").reshape(2, 3),
                                   np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3)),
                                   np.asfortranarray(np.arange(6, dtype=">f4").reshape(2, 3))])
def test_npy_of_other_orders_is_read(tools, relu_module, tmp_path, array):
    np.save(tmp_path / "x.npy", array)
    tools.run("mlc-run", relu_module, "--input", f"x={tmp_path}/x.npy", "--output", tmp_path / "out.npz")
    np.testing.assert_array_equal(np.load(tmp_path / "out.npz")["y"], array.astype(np.float32))


def test_index_out_of_range(tools, make_model, tmp_path):
    table = numpy_helper.from_array(np.arange(12, dtype=np.float32).reshape(4, 3), "table")
    model = make_model([helper.make_node("Gather", ["table", "ids"], ["y"], name="lookup")], [("ids", TensorProto.INT64, [2])],
                       [("y", FLOAT, [2, 3])], [table])
    module = tmp_path / "g.mlc"
    tools.compile(model, module)
    for ids in ([0, 4], [-5, 0], [2**62, 0]):
        np.save(tmp_path / "ids.npy", np.array(ids))
        tools.refuse(tmp_path, "mlc-run", module, "--input", f"ids={tmp_path}/ids.npy", "--output", tmp_path / "out.npz",
                     says=["(gather) failed: an index lies outside of its axis; check the values of the integer inputs"])


# ---- Modules ---------------------------------------------------------------------------------------------------------


def test_damaged_module(tools, relu_module, tmp_path):
    whole = relu_module.read_bytes()
    run = ["mlc-run", relu_module, "--inputs", tmp_path / "in.npz", "--output", tmp_path / "out.npz"]
    for damaged, says in [
        (b"", "o.mlc' is empty; expected a module that mlc-opt wrote"),
        (b"\x7fELF" + whole[4:], "o.mlc' is not an mlc module; expected a file that mlc-opt wrote"),
        (whole[:30], "o.mlc' is damaged: it is shorter than its header. Copy or compile it again"),
        (whole[: len(whole) // 2], f"o.mlc' is damaged: it has {len(whole) // 2} bytes, expected {len(whole)}"),
        (whole + b"x", f"it has {len(whole) + 1} bytes, expected {len(whole)}"),
        (whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:], "is damaged: the checksum of section 0 (program) does not match"),
        (whole[:8] + b"\x02\x00" + whole[10:], "has format version 2.0, but this runtime reads 1.0 to 1."),
    ]:
        relu_module.write_bytes(damaged)
        for tool in (run, ["mlc-bench", relu_module, "--seconds", "0.01"]):
            tools.refuse(tmp_path, *tool, says=[says])
    relu_module.unlink()
    tools.refuse(tmp_path, *run, says=["cannot open '", "o.mlc': No such file or directory"])
    relu_module.mkdir()
    tools.refuse(tmp_path, *run, says=["o.mlc': it is not a regular file"])


def test_module_for_a_cpu_with_more_features(tools, relu_model, tmp_path):
    # The only difference is the name of a feature, in the program and its checksums: see LoaderTest for the rest.
    module = tmp_path / "o.mlc"
    tools.compile(relu_model, module, "--shape", "n=2", "--target-cpu=x86-64-v4")
    flags = open("/proc/cpuinfo").read()
    if "avx512f" in flags:
        pytest.skip("this CPU runs modules of every target")
    tools.refuse(tmp_path, "mlc-run", module, "--input", "x=random:1",
                 says=["cannot run on this machine. Its targets:\n", "this CPU lacks", "avx512f", "--target-cpu=x86-64-v3"])
