"""Hugging Face `bert` directories with seeded weights against BERT written in NumPy: heads, stored types, shards, names."""
import json
import math

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import save_file

CONFIG = {"model_type": "bert", "hidden_size": 36, "num_hidden_layers": 2, "num_attention_heads": 3,
          "intermediate_size": 52, "max_position_embeddings": 40, "vocab_size": 61, "type_vocab_size": 2,
          "hidden_act": "gelu", "layer_norm_eps": 1e-12, "position_embedding_type": "absolute"}


def seeded_weights(pooler=True):
    rng = np.random.default_rng(3)
    draw = lambda *shape: (rng.standard_normal(shape) * 0.2).astype(np.float32)
    weights = {"embeddings.word_embeddings.weight": draw(61, 36), "embeddings.position_embeddings.weight": draw(40, 36),
               "embeddings.token_type_embeddings.weight": draw(2, 36)}

    def linear(name, rows, columns):
        weights[name + ".weight"], weights[name + ".bias"] = draw(rows, columns), draw(rows)

    def norm(name):
        weights[name + ".weight"], weights[name + ".bias"] = 1 + draw(36), draw(36)

    norm("embeddings.LayerNorm")
    for i in range(2):
        layer = f"encoder.layer.{i}."
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            linear(layer + "attention." + part, 36, 36)
        linear(layer + "intermediate.dense", 52, 36)
        linear(layer + "output.dense", 36, 52)
        norm(layer + "attention.output.LayerNorm")
        norm(layer + "output.LayerNorm")
    if pooler:
        linear("pooler.dense", 36, 36)
    return weights


def erf(x):
    return np.vectorize(math.erf)(x)


ACTIVATIONS = {
    "gelu": lambda x: x / 2 * (1 + erf(x / math.sqrt(2))),
    "gelu_new": lambda x: x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    "relu": lambda x: np.maximum(x, 0),
}


def bert(weights, config, input_ids, attention_mask, token_type_ids):
    """last_hidden_state in f64 (Devlin et al., https://arxiv.org/abs/1810.04805)."""
    w = {name: value.astype(np.float64) for name, value in weights.items()}
    heads, size = config["num_attention_heads"], config["hidden_size"] // config["num_attention_heads"]
    linear = lambda x, name: x @ w[name + ".weight"].T + w[name + ".bias"]

    def norm(x, name):
        centred = x - x.mean(-1, keepdims=True)
        deviation = np.sqrt((centred**2).mean(-1, keepdims=True) + config["layer_norm_eps"])
        return centred / deviation * w[name + ".weight"] + w[name + ".bias"]

    batch, seq = input_ids.shape
    x = (w["embeddings.word_embeddings.weight"][input_ids] + w["embeddings.position_embeddings.weight"][:seq]
         + w["embeddings.token_type_embeddings.weight"][token_type_ids])
    x = norm(x, "embeddings.LayerNorm")
    for i in range(config["num_hidden_layers"]):
        layer = f"encoder.layer.{i}."
        split = lambda name: linear(x, f"{layer}attention.self.{name}").reshape(batch, seq, heads, size).swapaxes(1, 2)
        scores = split("query") @ split("key").swapaxes(2, 3) / math.sqrt(size)
        scores = np.where(attention_mask[:, None, None, :] == 1, scores, -np.inf)
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        scores /= scores.sum(-1, keepdims=True)
        context = (scores @ split("value")).swapaxes(1, 2).reshape(batch, seq, -1)
        x = norm(linear(context, layer + "attention.output.dense") + x, layer + "attention.output.LayerNorm")
        inner = ACTIVATIONS[config["hidden_act"]](linear(x, layer + "intermediate.dense"))
        x = norm(linear(inner, layer + "output.dense") + x, layer + "output.LayerNorm")
    return x


def tokens(batch=3, seq=7):
    rng = np.random.default_rng(5)
    mask = np.ones((batch, seq), np.int64)
    mask[1, 4:] = 0
    return {"input_ids": rng.integers(0, 61, (batch, seq)), "attention_mask": mask,
            "token_type_ids": rng.integers(0, 2, (batch, seq))}


@pytest.fixture
def directory(tmp_path):
    def write(weights, config=CONFIG, files=(), prefix=""):
        (tmp_path / "config.json").write_text(json.dumps(config))
        save_file({prefix + name: value for name, value in weights.items()}, tmp_path / "model.safetensors")
        for name, content in dict(files).items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(json.dumps(content))
        return tmp_path

    return write


def pooling(mode, normalize):
    modules = [{"path": "", "type": "sentence_transformers.models.Transformer"},
               {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}]
    if normalize:
        modules.append({"path": "2_Normalize", "type": "sentence_transformers.models.Normalize"})
    return {"modules.json": modules, "1_Pooling/config.json": {"word_embedding_dimension": 36, mode: True}}


def rel_l2(value, reference):
    return np.linalg.norm(value - reference) / np.linalg.norm(reference)


def run(tools, path, tmp_path, *options, inputs=None):
    module = tmp_path / "m.mlc"
    tools.compile(path, module, "--shape", "batch=3,seq=7", *options)
    return tools.infer(module, inputs or tokens(), tmp_path)


@pytest.mark.parametrize("act", ACTIVATIONS)
@pytest.mark.parametrize("prefix", ["", "bert."])
def test_encoder(tools, directory, tmp_path, act, prefix):
    weights, config = seeded_weights(), {**CONFIG, "hidden_act": act}
    extras = {"embeddings.position_ids": np.arange(40)[None]}
    outputs = run(tools, directory({**weights, **extras}, config, prefix=prefix), tmp_path)
    expected = bert(weights, config, **tokens())
    assert set(outputs) == {"last_hidden_state", "pooler_output"}
    assert rel_l2(outputs["last_hidden_state"], expected) < 1e-6
    pooled = np.tanh(expected[:, 0] @ weights["pooler.dense.weight"].T.astype(float) + weights["pooler.dense.bias"])
    assert rel_l2(outputs["pooler_output"], pooled) < 1e-6


def sentence(hidden, how, normalize):
    mask = tokens()["attention_mask"][:, :, None]
    embedding = hidden[:, 0] if how == "cls" else (hidden * mask).sum(1) / mask.sum(1)
    return embedding / np.linalg.norm(embedding, axis=1, keepdims=True) if normalize else embedding


@pytest.mark.parametrize("how,mode", [("mean", "pooling_mode_mean_tokens"), ("cls", "pooling_mode_cls_token")])
@pytest.mark.parametrize("normalize", [False, True])
def test_head_of_modules_json(tools, directory, tmp_path, how, mode, normalize):
    weights = seeded_weights()
    outputs = run(tools, directory(weights, files=pooling(mode, normalize)), tmp_path)
    expected = sentence(bert(weights, CONFIG, **tokens()), how, normalize)
    assert set(outputs) == {"last_hidden_state", "sentence_embedding"}
    assert rel_l2(outputs["sentence_embedding"], expected) < 1e-6


@pytest.mark.parametrize("head,names", [("none", set()), ("mean", {"sentence_embedding"}), ("cls", {"sentence_embedding"}),
                                        ("pooler", {"pooler_output"}), ("auto", {"pooler_output"})])
def test_head_option(tools, directory, tmp_path, head, names):
    weights = seeded_weights()
    outputs = run(tools, directory(weights), tmp_path, f"--head={head}")
    assert set(outputs) == {"last_hidden_state"} | names
    if head in ("mean", "cls"):
        assert rel_l2(outputs["sentence_embedding"], sentence(bert(weights, CONFIG, **tokens()), head, False)) < 1e-6


def test_head_option_stands_instead_of_modules_json(tools, directory, tmp_path):
    path = directory(seeded_weights(), files=pooling("pooling_mode_max_tokens", False))
    _, message = tools.compile(path, tmp_path / "m.mlc", "--shape=batch=3,seq=7", expect=1)
    assert "pooling_mode_max_tokens" in message and "--head" in message
    assert "pooler_output" in run(tools, path, tmp_path, "--head=pooler")


def test_pooler_that_is_not_stored(tools, directory, tmp_path):
    path = directory(seeded_weights(pooler=False))
    assert set(run(tools, path, tmp_path)) == {"last_hidden_state"}
    _, message = tools.compile(path, tmp_path / "m.mlc", "--shape=batch=3,seq=7", "--head=pooler", expect=1)
    assert "pooler.dense.weight" in message and "pooler.dense.bias" in message


# Weights of fewer bits are converted exactly, once, when the module is written: the arithmetic is f32.
@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_stored_types(tools, directory, tmp_path, dtype):
    weights = {name: value.astype(dtype) for name, value in seeded_weights().items()}
    outputs = run(tools, directory(weights), tmp_path)
    assert outputs["last_hidden_state"].dtype == np.float32
    assert rel_l2(outputs["last_hidden_state"], bert(weights, CONFIG, **tokens())) < 1e-6


def test_shards(tools, directory, tmp_path):
    weights = seeded_weights()
    path = directory({})
    (path / "model.safetensors").unlink()
    names = sorted(weights)
    shards = {f"model-0000{i + 1}-of-00003.safetensors": names[i::3] for i in range(3)}
    for shard, part in shards.items():
        save_file({name: weights[name] for name in part}, path / shard)
    weight_map = {name: shard for shard, part in shards.items() for name in part}
    (path / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    outputs = run(tools, path, tmp_path)
    assert rel_l2(outputs["last_hidden_state"], bert(weights, CONFIG, **tokens())) < 1e-6


# bert-base-uncased and others that came from TensorFlow: gamma, beta, and heads of pre-training beside the encoder.
def test_names_of_tensorflow(tools, directory, tmp_path):
    weights = seeded_weights()
    renamed = {}
    for name, value in weights.items():
        name = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
        renamed["bert." + name] = value
    renamed["cls.predictions.bias"] = np.zeros(61, np.float32)
    renamed["cls.seq_relationship.weight"] = np.zeros((2, 36), np.float32)
    outputs = run(tools, directory(renamed), tmp_path)
    assert rel_l2(outputs["last_hidden_state"], bert(weights, CONFIG, **tokens())) < 1e-6


def test_all_that_does_not_fit_at_once(tools, directory, tmp_path):
    weights = seeded_weights()
    del weights["encoder.layer.0.output.dense.bias"], weights["embeddings.LayerNorm.weight"]
    weights["encoder.layer.1.attention.self.query.weight"] = np.zeros((36, 35), np.float32)
    weights["encoder.layer.0.adapter.weight"] = np.zeros(3, np.float32)
    _, message = tools.compile(directory(weights), tmp_path / "m.mlc", "--shape=batch=1,seq=4", expect=1)
    for word in ("encoder.layer.0.output.dense.bias", "embeddings.LayerNorm.weight", "missing", "query.weight", "[36,35]",
                 "encoder.layer.0.adapter.weight", "unexpected"):
        assert word in message, word


@pytest.mark.parametrize("change,words", [
    ({"model_type": "gpt2"}, ["gpt2", "roberta", "ONNX"]),
    ({"hidden_act": "mish"}, ["hidden_act", "mish", "gelu_new"]),
    ({"num_attention_heads": 5}, ["num_attention_heads", "36"]),
    ({"position_embedding_type": "relative_key"}, ["relative_key", "absolute"]),
    ({"max_position_embeddings": 3}, ["seq=4", "3 positions"]),
])
def test_config_that_does_not_fit(tools, directory, tmp_path, change, words):
    path = directory(seeded_weights(), {**CONFIG, **change})
    _, message = tools.compile(path, tmp_path / "m.mlc", "--shape=batch=1,seq=4", expect=1)
    for word in words:
        assert word in message


def test_head_of_an_onnx_model(tools, relu_model, tmp_path):
    _, message = tools.compile(relu_model, tmp_path / "m.mlc", "--shape", "n=2", "--head=mean", expect=1)
    assert "--head" in message and "checkpoint" in message
