"""BERT as an ONNX graph, with layer norm, GELU and attention decomposed as exporters do at opset 13.

The peer of a checkpoint directory: onnxruntime runs the graph, mlc runs it and the directory.
"""
import json
import math
import pathlib
import struct

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def read_safetensors(path):
    """All f32 tensors of a .safetensors file, by name (https://github.com/huggingface/safetensors#format)."""
    raw = pathlib.Path(path).read_bytes()
    (size,) = struct.unpack_from("<Q", raw)
    header = json.loads(raw[8 : 8 + size])
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__" and entry["dtype"] == "F32":
            begin, end = entry["data_offsets"]
            tensors[name] = np.frombuffer(raw[8 + size + begin : 8 + size + end], np.float32).reshape(entry["shape"])
    return tensors


class Graph:
    """Appends nodes; every call returns the name of its result."""

    def __init__(self):
        self.nodes, self.initializers = [], []

    def weight(self, value, name=None):
        name = name or f"c{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def op(self, kind, *inputs, **attributes):
        output = f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output


def encoder(weights, config, pooled):
    """ModelProto of the encoder with symbolic batch and seq. `pooled`: mean over the mask, then L2 norm, as output
    `sentence_embedding`; else `last_hidden_state` only."""
    g = Graph()
    hidden, heads = config["hidden_size"], config["num_attention_heads"]
    size = hidden // heads
    scalar = lambda x: g.weight(np.float32(x))
    ints = lambda *x: g.weight(np.array(x, np.int64))

    def linear(x, name):
        return g.op("Add", g.op("MatMul", x, g.weight(weights[name + ".weight"].T)), g.weight(weights[name + ".bias"]))

    def norm(x, name):
        centred = g.op("Sub", x, g.op("ReduceMean", x, axes=[-1]))
        variance = g.op("ReduceMean", g.op("Pow", centred, scalar(2)), axes=[-1])
        scaled = g.op("Div", centred, g.op("Sqrt", g.op("Add", variance, scalar(config["layer_norm_eps"]))))
        return g.op("Add", g.op("Mul", scaled, g.weight(weights[name + ".weight"])), g.weight(weights[name + ".bias"]))

    def gelu(x):
        erf = g.op("Erf", g.op("Div", x, scalar(math.sqrt(2))))
        return g.op("Mul", g.op("Mul", x, g.op("Add", erf, scalar(1))), scalar(0.5))

    def split_heads(x, permutation):
        return g.op("Transpose", g.op("Reshape", x, ints(0, 0, heads, size)), perm=permutation)

    words = g.op("Gather", g.weight(weights["embeddings.word_embeddings.weight"]), "input_ids")
    types = g.op("Gather", g.weight(weights["embeddings.token_type_embeddings.weight"]), "token_type_ids")
    length = g.op("Gather", g.op("Shape", "input_ids"), g.weight(np.int64(1)), axis=0)
    count = g.op("Unsqueeze", length, ints(0))
    positions = g.op("Slice", g.weight(weights["embeddings.position_embeddings.weight"]), ints(0), count, ints(0))
    x = norm(g.op("Add", g.op("Add", words, types), positions), "embeddings.LayerNorm")

    mask = g.op("Cast", g.op("Unsqueeze", "attention_mask", ints(1, 2)), to=TensorProto.FLOAT)
    bias = g.op("Mul", g.op("Sub", scalar(1), mask), scalar(-10000))
    for i in range(config["num_hidden_layers"]):
        layer = f"encoder.layer.{i}."
        query = split_heads(linear(x, layer + "attention.self.query"), [0, 2, 1, 3])
        key = split_heads(linear(x, layer + "attention.self.key"), [0, 2, 3, 1])
        value = split_heads(linear(x, layer + "attention.self.value"), [0, 2, 1, 3])
        scores = g.op("Add", g.op("Div", g.op("MatMul", query, key), scalar(math.sqrt(size))), bias)
        context = g.op("MatMul", g.op("Softmax", scores, axis=-1), value)
        context = g.op("Reshape", g.op("Transpose", context, perm=[0, 2, 1, 3]), ints(0, 0, hidden))
        x = norm(g.op("Add", linear(context, layer + "attention.output.dense"), x), layer + "attention.output.LayerNorm")
        inner = gelu(linear(x, layer + "intermediate.dense"))
        x = norm(g.op("Add", linear(inner, layer + "output.dense"), x), layer + "output.LayerNorm")

    outputs = [g.op("Identity", x)]
    g.nodes[-1].output[0] = "last_hidden_state"
    result_shapes = {"last_hidden_state": ["batch", "seq", hidden]}
    if pooled:
        weight = g.op("Cast", g.op("Unsqueeze", "attention_mask", ints(2)), to=TensorProto.FLOAT)
        total = g.op("ReduceSum", g.op("Mul", x, weight), ints(1), keepdims=0)
        tokens = g.op("Clip", g.op("ReduceSum", weight, ints(1), keepdims=0), scalar(1e-9))
        mean = g.op("Div", total, tokens)
        g.op("Div", mean, g.op("Clip", g.op("ReduceL2", mean, axes=[1]), scalar(1e-12)))
        g.nodes[-1].output[0] = "sentence_embedding"
        result_shapes["sentence_embedding"] = ["batch", hidden]
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "seq"])
              for name in ("input_ids", "attention_mask", "token_type_ids")]
    results = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in result_shapes.items()]
    graph = helper.make_graph(g.nodes, "bert", inputs, results, g.initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def from_checkpoint(directory, path, pooled=True):
    """Writes the graph of a Hugging Face `bert` directory to `path`."""
    directory = pathlib.Path(directory)
    config = json.loads((directory / "config.json").read_text())
    onnx.save(encoder(read_safetensors(directory / "model.safetensors"), config, pooled), str(path))


def from_seed(path, hidden, layers, heads, inner, vocabulary=30522, positions=512, seed=0):
    """Writes an encoder with seeded weights: for sizes that no package ships with trained ones."""
    rng = np.random.default_rng(seed)
    draw = lambda *shape: (rng.standard_normal(shape) * 0.02).astype(np.float32)
    weights = {"embeddings.word_embeddings.weight": draw(vocabulary, hidden),
               "embeddings.position_embeddings.weight": draw(positions, hidden),
               "embeddings.token_type_embeddings.weight": draw(2, hidden)}

    def norm(name):
        weights[name + ".weight"], weights[name + ".bias"] = 1 + draw(hidden), draw(hidden)

    def linear(name, rows, columns):
        weights[name + ".weight"], weights[name + ".bias"] = draw(rows, columns), draw(rows)

    norm("embeddings.LayerNorm")
    for i in range(layers):
        layer = f"encoder.layer.{i}."
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            linear(layer + "attention." + part, hidden, hidden)
        norm(layer + "attention.output.LayerNorm")
        linear(layer + "intermediate.dense", inner, hidden)
        linear(layer + "output.dense", hidden, inner)
        norm(layer + "output.LayerNorm")
    config = {"hidden_size": hidden, "num_attention_heads": heads, "num_hidden_layers": layers, "layer_norm_eps": 1e-12}
    onnx.save(encoder(weights, config, pooled=False), str(path))
