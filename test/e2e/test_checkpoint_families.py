"""Checkpoints of every family and head, with seeded weights, against the same networks in NumPy: roberta, distilbert, electra, vit, resnet,
torchvision's state_dicts."""
import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from nets_numpy import ACTIVATIONS, BERT_NAMES, DISTILBERT_NAMES, Net, encoder, rel_l2, resnet, vit

HIDDEN, INNER, LAYERS, HEADS, WORDS, POSITIONS, LABELS, NARROW = 36, 52, 2, 3, 61, 40, 5, 20
TEXT = {"hidden_size": HIDDEN, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "intermediate_size": INNER,
        "max_position_embeddings": POSITIONS, "vocab_size": WORDS, "type_vocab_size": 2}
CONFIGS = {
    "bert": TEXT,
    "roberta": {**TEXT, "type_vocab_size": 1, "pad_token_id": 1, "layer_norm_eps": 1e-5},
    "xlm-roberta": {**TEXT, "type_vocab_size": 1, "pad_token_id": 1, "layer_norm_eps": 1e-5},
    "electra": {**TEXT, "embedding_size": NARROW},
    "distilbert": {"dim": HIDDEN, "n_layers": LAYERS, "n_heads": HEADS, "hidden_dim": INNER, "vocab_size": WORDS,
                   "max_position_embeddings": POSITIONS, "activation": "gelu"},
}
PREFIXES = {"xlm-roberta": "roberta."}


class Weights(dict):
    def __init__(self):
        super().__init__()
        self.random = np.random.default_rng(3)

    def draw(self, name, *shape, around=0):
        self[name] = (around + self.random.standard_normal(shape) * 0.2).astype(np.float32)

    def dense(self, name, rows, columns):
        self.draw(name + ".weight", rows, columns)
        self.draw(name + ".bias", rows)

    def norm(self, name, size):
        self.draw(name + ".weight", size, around=1)
        self.draw(name + ".bias", size)

    def conv_norm(self, conv, norm, out, inputs, window):
        self.draw(conv + ".weight", out, inputs, window, window)
        self.norm(norm, out)
        self.draw(norm + ".running_mean", out)
        self[norm + ".running_var"] = self.random.uniform(0.5, 1.5, out).astype(np.float32)
        self[norm + ".num_batches_tracked"] = np.array(7)


def encoder_weights(family, prefix):
    w = Weights()
    width = NARROW if family == "electra" else HIDDEN
    w.draw(prefix + "embeddings.word_embeddings.weight", WORDS, width)
    w.draw(prefix + "embeddings.position_embeddings.weight", POSITIONS, width)
    if family != "distilbert":
        w.draw(prefix + "embeddings.token_type_embeddings.weight", CONFIGS[family]["type_vocab_size"], width)
    w.norm(prefix + "embeddings.LayerNorm", width)
    if width != HIDDEN:
        w.dense(prefix + "embeddings_project", HIDDEN, width)
    names = DISTILBERT_NAMES if family == "distilbert" else BERT_NAMES
    for i in range(LAYERS):
        layer = lambda part: f"{prefix}{names['layers']}.{i}.{names[part]}"
        for part in "qkvo":
            w.dense(layer(part), HIDDEN, HIDDEN)
        w.dense(layer("up"), INNER, HIDDEN)
        w.dense(layer("down"), HIDDEN, INNER)
        w.norm(layer("n1"), HIDDEN)
        w.norm(layer("n2"), HIDDEN)
    return w


def tokens(family):
    random = np.random.default_rng(5)
    ids, mask = random.integers(2, WORDS, (3, 7)), np.ones((3, 7), np.int64)
    ids[1, 4:], mask[1, 4:] = 1, 0
    inputs = {"input_ids": ids, "attention_mask": mask}
    if CONFIGS[family].get("type_vocab_size", 0) > 1:
        inputs["token_type_ids"] = random.integers(0, 2, (3, 7))
    return inputs


def write(folder, weights, config):
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    save_file(dict(weights), folder / "model.safetensors")
    return folder


def run(tools, path, tmp_path, inputs, shape, *options):
    tools.compile(path, tmp_path / "m.mlc", "--shape", shape, *options)
    return tools.infer(tmp_path / "m.mlc", inputs, tmp_path)


def hidden_state(net, family, prefix, inputs):
    kind = "roberta" if family == "xlm-roberta" else family
    types = inputs.get("token_type_ids", np.zeros_like(inputs["input_ids"]))
    return encoder(net, prefix, kind, LAYERS, HEADS, inputs["input_ids"], inputs["attention_mask"], types,
                   epsilon=CONFIGS[family].get("layer_norm_eps", 1e-12))


@pytest.mark.parametrize("family", CONFIGS)
@pytest.mark.parametrize("prefixed", [False, True])
def test_encoders(tools, tmp_path, family, prefixed):
    prefix = PREFIXES.get(family, family + ".") if prefixed else ""
    weights, inputs = encoder_weights(family, prefix), tokens(family)
    outputs = run(tools, write(tmp_path / "c", weights, {**CONFIGS[family], "model_type": family}), tmp_path, inputs, "batch=3,seq=7")
    net = Net(weights)
    assert set(outputs) == {"last_hidden_state"}
    assert rel_l2(outputs["last_hidden_state"], hidden_state(net, family, prefix, inputs)) < 1e-6
    assert net.used == set(weights)


def masked_lm(w, net, family, prefix, x):
    """Adds the head's weights to w; gives its result."""
    transform, norm, bias = {
        "bert": ("cls.predictions.transform.dense", "cls.predictions.transform.LayerNorm", "cls.predictions.bias"),
        "distilbert": ("vocab_transform", "vocab_layer_norm", "vocab_projector.bias"),
        "electra": ("generator_predictions.dense", "generator_predictions.LayerNorm", "generator_lm_head.bias"),
    }.get(family, ("lm_head.dense", "lm_head.layer_norm", "lm_head.bias"))
    width = NARROW if family == "electra" else HIDDEN
    w.dense(transform, width, HIDDEN)
    w.norm(norm, width)
    w.draw(bias, WORDS)
    y = net.norm(ACTIVATIONS["gelu"](net.dense(x, transform)), norm, CONFIGS[family].get("layer_norm_eps", 1e-12))
    return y @ net(prefix + "embeddings.word_embeddings.weight").T + net(bias)


def sequence_classification(w, net, family, prefix, x):
    first = x[:, 0]
    if family in ("bert", "distilbert"):
        name, act = (prefix + "pooler.dense", "tanh") if family == "bert" else ("pre_classifier", "relu")
        out = "classifier"
    else:
        name, act, out = "classifier.dense", "gelu" if family == "electra" else "tanh", "classifier.out_proj"
    w.dense(name, HIDDEN, HIDDEN)
    w.dense(out, LABELS, HIDDEN)
    return net.dense(ACTIVATIONS[act](net.dense(first, name)), out)


def token_classification(w, net, family, prefix, x):
    w.dense("classifier", LABELS, HIDDEN)
    return net.dense(x, "classifier")


HEADS_OF = {"MaskedLM": (masked_lm, "masked-lm"), "SequenceClassification": (sequence_classification, "sequence-classification"),
            "TokenClassification": (token_classification, "token-classification")}


@pytest.mark.parametrize("family", CONFIGS)
@pytest.mark.parametrize("head", HEADS_OF)
@pytest.mark.parametrize("asked", [False, True])  # by config.json alone, by --head alone
def test_heads(tools, tmp_path, family, head, asked):
    prefix = PREFIXES.get(family, family + ".")
    weights, inputs = encoder_weights(family, prefix), tokens(family)
    net = Net(weights)
    expected = HEADS_OF[head][0](weights, net, family, prefix, hidden_state(net, family, prefix, inputs))
    config = {**CONFIGS[family], "model_type": family, **({} if asked else {"architectures": ["XFor" + head]})}
    outputs = run(tools, write(tmp_path / "c", weights, config), tmp_path, inputs, "batch=3,seq=7",
                  *(["--head=" + HEADS_OF[head][1]] if asked else []))
    assert set(outputs) == {"logits"}
    assert rel_l2(outputs["logits"], expected) < 1e-6


@pytest.mark.parametrize("family", CONFIGS)
def test_question_answering(tools, tmp_path, family):
    prefix = PREFIXES.get(family, family + ".")
    weights, inputs = encoder_weights(family, prefix), tokens(family)
    weights.dense("qa_outputs", 2, HIDDEN)
    net = Net(weights)
    expected = net.dense(hidden_state(net, family, prefix, inputs), "qa_outputs")
    config = {**CONFIGS[family], "model_type": family, "architectures": ["XForQuestionAnswering"]}
    outputs = run(tools, write(tmp_path / "c", weights, config), tmp_path, inputs, "batch=3,seq=7")
    assert set(outputs) == {"start_logits", "end_logits"}
    for i, name in enumerate(["start_logits", "end_logits"]):
        assert rel_l2(outputs[name], expected[:, :, i]) < 2e-6


def test_pretraining_heads(tools, tmp_path):
    weights, inputs = encoder_weights("electra", "electra."), tokens("electra")
    weights.dense("discriminator_predictions.dense", HIDDEN, HIDDEN)
    weights.dense("discriminator_predictions.dense_prediction", 1, HIDDEN)
    net = Net(weights)
    y = ACTIVATIONS["gelu"](net.dense(hidden_state(net, "electra", "electra.", inputs), "discriminator_predictions.dense"))
    expected = net.dense(y, "discriminator_predictions.dense_prediction")[:, :, 0]
    config = {**CONFIGS["electra"], "model_type": "electra", "architectures": ["ElectraForPreTraining"]}
    outputs = run(tools, write(tmp_path / "e", weights, config), tmp_path, inputs, "batch=3,seq=7")
    assert rel_l2(outputs["logits"], expected) < 2e-6

    weights, inputs = encoder_weights("bert", "bert."), tokens("bert")
    weights.dense("bert.pooler.dense", HIDDEN, HIDDEN)
    weights.dense("cls.seq_relationship", 2, HIDDEN)
    net = Net(weights)
    x = hidden_state(net, "bert", "bert.", inputs)
    words = masked_lm(weights, net, "bert", "bert.", x)
    follows = net.dense(np.tanh(net.dense(x[:, 0], "bert.pooler.dense")), "cls.seq_relationship")
    config = {**CONFIGS["bert"], "model_type": "bert", "architectures": ["BertForPreTraining"]}
    outputs = run(tools, write(tmp_path / "b", weights, config), tmp_path, inputs, "batch=3,seq=7")
    assert rel_l2(outputs["prediction_logits"], words) < 1e-6
    assert rel_l2(outputs["seq_relationship_logits"], follows) < 2e-6


def test_untied_decoder(tools, tmp_path):
    weights, inputs = encoder_weights("bert", "bert."), tokens("bert")
    net = Net(weights)
    x = hidden_state(net, "bert", "bert.", inputs)
    masked_lm(weights, net, "bert", "bert.", x)
    weights.draw("cls.predictions.decoder.weight", WORDS, HIDDEN)
    y = ACTIVATIONS["gelu"](net.dense(x, "cls.predictions.transform.dense"))
    y = net.norm(y, "cls.predictions.transform.LayerNorm", 1e-12)
    config = {**CONFIGS["bert"], "model_type": "bert", "architectures": ["BertForMaskedLM"]}
    for tied, table in ((True, "bert.embeddings.word_embeddings.weight"), (False, "cls.predictions.decoder.weight")):
        path = write(tmp_path / "c", weights, {**config, "tie_word_embeddings": tied})
        outputs = run(tools, path, tmp_path, inputs, "batch=3,seq=7")
        assert rel_l2(outputs["logits"], y @ net(table).T + net("cls.predictions.bias")) < 1e-6


# What a checkpoint says it was trained as, and does not store: as sentence encoders do.
def test_a_head_that_is_not_stored(tools, tmp_path):
    config = {**CONFIGS["roberta"], "model_type": "roberta", "architectures": ["RobertaForMaskedLM"]}
    path = write(tmp_path / "c", encoder_weights("roberta", ""), config)
    assert set(run(tools, path, tmp_path, tokens("roberta"), "batch=3,seq=7")) == {"last_hidden_state"}
    _, message = tools.compile(path, tmp_path / "m.mlc", "--shape=batch=3,seq=7", "--head=masked-lm", expect=1)
    for name in ("lm_head.dense.weight", "lm_head.layer_norm.bias", "lm_head.bias"):
        assert f"tensor '{name}' is missing" in message


def test_heads_that_there_are_not(tools, tmp_path):
    weights = encoder_weights("bert", "bert.")
    weights.dense("classifier", 1, HIDDEN)
    config = {**CONFIGS["bert"], "model_type": "bert", "architectures": ["BertForMultipleChoice"]}
    _, message = tools.compile(write(tmp_path / "b", weights, config), tmp_path / "m.mlc", "--shape=batch=1,seq=4", expect=1)
    assert "the head of BertForMultipleChoice is not supported; export the model to ONNX, or choose a head by --head" in message
    path = write(tmp_path / "d", encoder_weights("distilbert", ""), {**CONFIGS["distilbert"], "model_type": "distilbert"})
    _, message = tools.compile(path, tmp_path / "m.mlc", "--shape=batch=1,seq=4", "--head=pooler", expect=1)
    assert "a distilbert encoder has no such head" in message


def test_positions_of_roberta_end_before_their_table(tools, tmp_path):
    path = write(tmp_path / "c", encoder_weights("roberta", ""), {**CONFIGS["roberta"], "model_type": "roberta"})
    tools.compile(path, tmp_path / "m.mlc", "--shape=batch=1,seq=38")
    _, message = tools.compile(path, tmp_path / "m.mlc", "--shape=batch=1,seq=39", expect=1)
    assert "seq=39 exceeds the checkpoint's 38 positions" in message


VIT = {"model_type": "vit", "hidden_size": HIDDEN, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
       "intermediate_size": INNER, "image_size": [32, 24], "patch_size": 8, "num_channels": 3}


def vit_weights(prefix, qkv_bias):
    w = Weights()
    w.draw(prefix + "embeddings.patch_embeddings.projection.weight", HIDDEN, 3, 8, 8)
    w.draw(prefix + "embeddings.patch_embeddings.projection.bias", HIDDEN)
    w.draw(prefix + "embeddings.cls_token", 1, 1, HIDDEN)
    w.draw(prefix + "embeddings.position_embeddings", 1, 13, HIDDEN)
    for i in range(LAYERS):
        layer = f"{prefix}encoder.layer.{i}."
        for part in ("query", "key", "value"):
            w.dense(f"{layer}attention.attention.{part}", HIDDEN, HIDDEN)
            if not qkv_bias:
                del w[f"{layer}attention.attention.{part}.bias"]
        w.dense(layer + "attention.output.dense", HIDDEN, HIDDEN)
        w.dense(layer + "intermediate.dense", INNER, HIDDEN)
        w.dense(layer + "output.dense", HIDDEN, INNER)
        w.norm(layer + "layernorm_before", HIDDEN)
        w.norm(layer + "layernorm_after", HIDDEN)
    w.norm(prefix + "layernorm", HIDDEN)
    return w


@pytest.mark.parametrize("head", ["none", "pooler", "image-classification"])
@pytest.mark.parametrize("qkv_bias", [True, False])
def test_vision_transformer(tools, tmp_path, head, qkv_bias):
    prefix = "vit." if head == "image-classification" else ""
    w = vit_weights(prefix, qkv_bias)
    name = {"none": None, "pooler": "pooler.dense", "image-classification": "classifier"}[head]
    if name:
        w.dense(name, HIDDEN if head == "pooler" else LABELS, HIDDEN)
    image = np.random.default_rng(1).standard_normal((2, 3, 32, 24)).astype(np.float32)
    outputs = run(tools, write(tmp_path / "c", w, {**VIT, "qkv_bias": qkv_bias}), tmp_path, {"pixel_values": image}, "batch=2")
    net = Net(w)
    x = vit(net, prefix, LAYERS, HEADS, 8, image, qkv_bias)
    expected = {"last_hidden_state": x}
    if head == "pooler":
        expected["pooler_output"] = np.tanh(net.dense(x[:, 0], "pooler.dense"))
    elif head == "image-classification":
        expected = {"logits": net.dense(x[:, 0], "classifier")}
    assert set(outputs) == set(expected)
    for output, value in expected.items():
        assert rel_l2(outputs[output], value) < 1e-6
    assert net.used == set(w)


def hugging_face(stage, block, index):
    if stage is None:
        return "resnet.embedder.embedder."
    return f"resnet.encoder.stages.{stage}.layers.{block}." + ("shortcut." if index == "shortcut" else f"layer.{index}.")


def torchvision(kind):
    def name(stage, block, index):
        if stage is None:
            return kind + "1"
        where = f"layer{stage + 1}.{block}."
        return where + ("downsample." + "01"[kind == "bn"] if index == "shortcut" else f"{kind}{index + 1}")

    return name


NAMINGS = {"hugging face": (lambda *where: hugging_face(*where) + "convolution", lambda *where: hugging_face(*where) + "normalization"),
           "torchvision": (torchvision("conv"), torchvision("bn"))}


def resnet_weights(naming, stages, widths, bottleneck, groups=1, inner=None, first_stride=1):
    w, (conv, norm) = Weights(), NAMINGS[naming]

    def unit(where, *shape):
        w.conv_norm(conv(*where), norm(*where), *shape)

    channels = 8
    unit((None, None, None), channels, 3, 7)
    for s, (blocks, out) in enumerate(zip(stages, widths)):
        for b in range(blocks):
            narrow = inner[s] if inner else out // 4
            if bottleneck:
                unit((s, b, 0), narrow, channels, 1)
                unit((s, b, 1), narrow, narrow // groups, 3)
                unit((s, b, 2), out, narrow, 1)
            else:
                unit((s, b, 0), out, channels, 3)
                unit((s, b, 1), out, out, 3)
            if b == 0 and (s or first_stride == 2 or channels != out):
                unit((s, b, "shortcut"), out, channels, 1)
            channels = out
    return w


def image(height=40, width=33):
    return np.random.default_rng(1).standard_normal((2, 3, height, width)).astype(np.float32)


@pytest.mark.parametrize("bottleneck,stride_in_first,first_stride",
                         [(True, False, 1), (True, True, 2), (False, False, 1)])
@pytest.mark.parametrize("head", ["pooler", "image-classification"])
def test_resnet(tools, tmp_path, bottleneck, stride_in_first, first_stride, head):
    stages, widths = [1, 2], [16, 24] if bottleneck else [8, 24]
    w = resnet_weights("hugging face", stages, widths, bottleneck, first_stride=first_stride)
    if head == "image-classification":
        w.dense("classifier.1", LABELS, 24)
    config = {"model_type": "resnet", "depths": stages, "hidden_sizes": widths, "embedding_size": 8,
              "layer_type": "bottleneck" if bottleneck else "basic", "downsample_in_bottleneck": stride_in_first,
              "downsample_in_first_stage": first_stride == 2}
    outputs = run(tools, write(tmp_path / "c", w, config), tmp_path, {"pixel_values": image()}, "batch=2,height=40,width=33")
    net = Net(w)
    x = resnet(net, image(), stages, *NAMINGS["hugging face"], bottleneck, 1, stride_in_first, first_stride)
    pooled = x.mean((2, 3))
    expected = {"last_hidden_state": x, "pooler_output": pooled[:, :, None, None]}
    if head == "image-classification":
        expected = {"logits": net.dense(pooled, "classifier.1")}
    assert set(outputs) == set(expected)
    for output, value in expected.items():
        assert rel_l2(outputs[output], value) < 2e-6


# ResNet, ResNeXt, wide: depth, widths and groups are read from the tensors; a file, or a folder with it.
@pytest.mark.parametrize("bottleneck,groups,inner", [(False, 1, None), (True, 1, None), (True, 4, [8, 12]), (True, 1, [16, 24])])
@pytest.mark.parametrize("in_folder", [False, True])
def test_torchvision_resnet(tools, tmp_path, bottleneck, groups, inner, in_folder):
    stages, widths = [1, 2], [16, 24] if bottleneck else [8, 24]
    w = resnet_weights("torchvision", stages, widths, bottleneck, groups, inner)
    w.dense("fc", LABELS, 24)
    (tmp_path / "c").mkdir()
    path = tmp_path / "c" / "net.safetensors"
    save_file(dict(w), path)
    outputs = run(tools, path.parent if in_folder else path, tmp_path, {"input": image()}, "batch=2,height=40,width=33")
    net = Net(w)
    expected = net.dense(resnet(net, image(), stages, *NAMINGS["torchvision"], bottleneck, groups).mean((2, 3)), "fc")
    assert rel_l2(outputs["logits"], expected) < 2e-6


def test_torchvision_tensors_that_do_not_fit(tools, tmp_path):
    w = resnet_weights("torchvision", [1, 2], [16, 24], True)
    w.dense("fc", LABELS, 24)
    del w["layer2.1.bn3.running_var"]
    w["layer1.0.extra"] = np.zeros(3, np.float32)
    path = tmp_path / "net.safetensors"
    save_file(dict(w), path)
    _, message = tools.compile(path, tmp_path / "m.mlc", "--shape=batch=1", expect=1)
    assert "tensor 'layer2.1.bn3.running_var' is missing" in message
    assert "tensor 'layer1.0.extra' is unexpected in the network that the other tensors are of" in message
    save_file({"a": np.zeros(3, np.float32)}, path)
    _, message = tools.compile(path, tmp_path / "m.mlc", "--shape=batch=1", expect=1)
    assert "its tensors are not those of a torchvision ResNet or MobileNetV2" in message
