"""Checkpoint folders with a wrong config.json, wrong tensors, or a wrong modules.json: everything that is wrong is named."""
import json
import os
import struct

import numpy as np
import pytest

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
    ({"model_type": "gpt2"}, "config.json: model_type 'gpt2' is not supported (bert, camembert, distilbert, electra, resnet, roberta, vit, xlm-roberta are); export the "
     "model to ONNX instead"),
    ({"model_type": None}, "config.json: model_type '(none)' is not supported"),
    ({"hidden_size": None}, "config.json: 'hidden_size' must be a positive integer"),
    ({"hidden_size": "4"}, "config.json: 'hidden_size' must be a positive integer"),
    ({"hidden_size": 2**31}, "config.json: 'hidden_size' must be a positive integer below 2^31"),
    ({"hidden_size": 2**64 - 4}, "config.json: 'hidden_size' must be a positive integer below 2^31"),
    ({"num_attention_heads": 3}, "config.json: num_attention_heads 3 does not divide hidden_size 4"),
    ({"num_hidden_layers": 10**9}, "config.json: num_hidden_layers is 1000000000, but tensors of 1 layers are stored; "
     "config.json and the tensors are of different models"),
    ({"layer_norm_eps": "1e-1"}, "config.json: 'layer_norm_eps' must be a positive number"),
    ({"layer_norm_eps": -1}, "config.json: 'layer_norm_eps' must be a positive number"),
    ({"hidden_act": ["relu"]}, "config.json: 'hidden_act' must be a string"),
    ({"vocab_size": 11}, "tensor 'embeddings.word_embeddings.weight': expected f32[11,4], got f32[10,4]"),
    ({"hidden_act": "mish"}, "config.json: hidden_act 'mish' is not supported (gelu, gelu_new, gelu_pytorch_tanh, relu, silu, swish, "
     "tanh are)"),
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
    ("batch=4611686018427387904,seq=3", "the model cannot be built with these shapes"),
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


def test_heads_are_left_out_knowingly(tools, tmp_path, checkpoint):
    header, size = header_of({**tensor_shapes(), "classifier.weight": [3, 4]})
    write_safetensors(checkpoint / "model.safetensors", header, size)
    refuse_checkpoint(tools, tmp_path, checkpoint, "tensor 'classifier.weight' is of a head that config.json does not name; "
                      "choose one by --head (masked-lm, sequence-classification, token-classification, question-answering), or "
                      "leave it out (--head=none, mean, cls or pooler)")
    tools.compile(checkpoint, tmp_path / "o.mlc", "--shape=batch=1,seq=3", "--head=none")


def test_the_checkpoint_is_not_overwritten(tools, tmp_path, checkpoint):
    arguments = ["mlc-opt", checkpoint, "--shape=batch=1,seq=3", "-o"]
    for name in ["model.safetensors", "config.json"]:
        tools.refuse(tmp_path, *arguments, checkpoint / name, says=[f"{name}' is an input; name another output"])
    tools.run(*arguments, checkpoint / "o.mlc")
    tools.run(*arguments, checkpoint / "o.mlc")  # a module may be replaced
