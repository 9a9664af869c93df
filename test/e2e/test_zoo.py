"""zoo: its models against NumPy over the same drawn weights, what can be chosen, and what cannot."""
import re

import numpy as np
import pytest

from nets_numpy import ACTIVATIONS, Net, encoder, rel_l2, resnet
from test_checkpoint_families import NAMINGS


def philox(seed, count):
    """The first two words of Philox 4x32-10 (Salmon et al., SC 2011) for counters 0, 1, ..."""
    word = np.uint64(0xFFFFFFFF)
    counter, shift = np.arange(count, dtype=np.uint64), np.uint64(32)
    x = [counter & word, counter >> shift, np.zeros(count, np.uint64), np.zeros(count, np.uint64)]
    key = [seed & 0xFFFFFFFF, seed >> 32]
    for _ in range(10):
        a, b = np.uint64(0xD2511F53) * x[0], np.uint64(0xCD9E8D57) * x[2]
        x = [(b >> shift) ^ x[1] ^ np.uint64(key[0]), b & word, (a >> shift) ^ x[3] ^ np.uint64(key[1]), a & word]
        key = [(key[0] + 0x9E3779B9) & 0xFFFFFFFF, (key[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return x[0], x[1]


def drawn_weights(tools, model, shape):
    text, _ = tools.run("mlc-opt", model, "--shape", shape, "--compile-to=import")
    pattern = r'mlc.param @"?([\w.]+)"? : tensor<([\dx]+)xf32> = #mlc.seeded<(\d+), (\w+), (\S+) : f64, (\S+) : f64>'
    weights = {}
    for name, dims, seed, distribution, mean, deviation in re.findall(pattern, text):
        shape = [int(dim) for dim in dims.split("x")]
        count = int(np.prod(shape))
        values = {"zeros": np.zeros(count), "ones": np.ones(count)}.get(distribution)
        if values is None:
            u, v = ((word + 0.5) * 2.0**-32 for word in philox(int(seed), count))
            values = float(mean) + float(deviation) * np.sqrt(-2 * np.log(u)) * np.cos(2 * np.pi * v)
        weights[name] = values.astype(np.float32).reshape(shape)
    return weights


def run(tools, tmp_path, model, shape, inputs, *options):
    tools.compile(model, tmp_path / "m.mlc", "--shape", shape, *options)
    return tools.infer(tmp_path / "m.mlc", inputs, tmp_path)


def tokens(words):
    random = np.random.default_rng(5)
    mask = np.ones((2, 9), np.int64)
    mask[1, 5:] = 0
    return {"input_ids": random.integers(0, words, (2, 9)), "attention_mask": mask}


def test_bert(tools, tmp_path):
    model = "zoo:bert,layers=2,hidden=48,heads=3,intermediate=80,vocabulary=50,positions=20,types=1,seed=5"
    inputs = tokens(50)
    outputs = run(tools, tmp_path, model, "batch=2,seq=9", inputs)
    net = Net(drawn_weights(tools, model, "batch=2,seq=9"))
    x = encoder(net, "bert.", "bert", 2, 3, inputs["input_ids"], inputs["attention_mask"], np.zeros((2, 9), int))
    assert rel_l2(outputs["last_hidden_state"], x) < 1e-6
    assert rel_l2(outputs["pooler_output"], np.tanh(net.dense(x[:, 0], "bert.pooler.dense"))) < 1e-6
    assert net.used == set(net.weights)


@pytest.mark.parametrize("head,shape", [("masked-lm", (2, 9, 50)), ("sequence-classification", (2, 4)),
                                        ("token-classification", (2, 9, 4))])
def test_heads_of_bert(tools, tmp_path, head, shape):
    model = "zoo:bert,layers=1,hidden=16,heads=2,intermediate=24,vocabulary=50,positions=20,types=1,labels=4"
    outputs = run(tools, tmp_path, model, "batch=2,seq=9", tokens(50), f"--head={head}")
    assert outputs["logits"].shape == shape and np.isfinite(outputs["logits"]).all()


def test_giant_bert(tools, tmp_path):
    model = "zoo:giant-bert,layers=2,hidden=48,heads=4,head_size=16,intermediate=80,vocabulary=50,positions=20"
    inputs = tokens(50)
    logits = run(tools, tmp_path, model, "batch=2,seq=9", inputs)["logits"]
    net = Net(drawn_weights(tools, model, "batch=2,seq=9"))
    x = net("embeddings.tokens.weight")[inputs["input_ids"]] + net("embeddings.positions.weight")[:9]
    for i in range(2):
        layer = f"layer.{i}."
        dense = lambda value, name: net.dense(value, layer + name, bias=False)
        y = net.norm(x, layer + "attention.norm", 1e-6, bias=False)
        context = net.attention(*(dense(y, "attention." + part) for part in ("query", "key", "value")), inputs["attention_mask"], 4)
        x = x + dense(context, "attention.output")
        y = net.norm(x, layer + "ffn.norm", 1e-6, bias=False)
        x = x + dense(ACTIVATIONS["gelu"](dense(y, "ffn.gate")) * dense(y, "ffn.up"), "ffn.down")
    expected = net.norm(x, "norm", 1e-6, bias=False) @ net("embeddings.tokens.weight").T
    assert rel_l2(logits, expected) < 2e-6
    assert net.used == set(net.weights)


# At full size, nothing of it allocated.
def test_parameters_of_giant_bert(tools):
    assert "481815347200 parameters" in tools.run("mlc-opt", "zoo:giant-bert", "--check")[0]


def test_resnet(tools, tmp_path):
    shape, image = "batch=1,height=40,width=33", np.random.default_rng(1).standard_normal((1, 3, 40, 33)).astype(np.float32)
    logits = run(tools, tmp_path, "zoo:resnet18,labels=7", shape, {"input": image})["logits"]
    net = Net(drawn_weights(tools, "zoo:resnet18,labels=7", shape))
    expected = net.dense(resnet(net, image, [2, 2, 2, 2], *NAMINGS["torchvision"], False).mean((2, 3)), "fc")
    assert rel_l2(logits, expected) < 1e-5  # Winograd
    assert net.used == set(net.weights)


# As torchvision has them; running means and variances are no parameters there.
@pytest.mark.parametrize("model,count", [("resnet18", 11689512), ("resnet34", 21797672), ("resnet50", 25557032),
                                         ("resnet101", 44549160), ("resnet152", 60192808), ("mobilenet_v2", 3504872),
                                         ("mobilenet_v2,width_percent=50", 1968680), ("unet3d", 31190243),
                                         ("vit-base", 86567656), ("vit-large", 304326632), ("bert-base", 109482240),
                                         ("bert-large", 335141888)])
def test_parameters(tools, model, count):
    shape = ["--shape", "depth=32,height=32,width=32"] if model == "unet3d" else []
    text, _ = tools.run("mlc-opt", "zoo:" + model, *shape, "--compile-to=import")
    stored = re.findall(r'mlc.param @"?([\w.]+)"? : tensor<([\dx]+)xf32>', text)
    assert count == sum(int(np.prod([int(dim) for dim in dims.split("x")])) for name, dims in stored if ".running_" not in name)


@pytest.mark.parametrize("model,shape", [("mobilenet_v2,labels=5", "height=64,width=96"), ("unet3d", "depth=32,height=32,width=64"),
                                         ("vit-base,layers=1,hidden=64,heads=2,image=64,labels=5", "batch=2"),
                                         ("resnet50,labels=5,channels=1", "batch=2,height=50,width=64")])
def test_code_and_interpreter_agree(tools, model, shape):
    tools.run("mlc-opt", "zoo:" + model, "--shape", shape, "--per-op-compare")


def test_list(tools):
    text, _ = tools.run("mlc-opt", "--list-zoo")
    for name in ("bert-base", "giant-bert", "mobilenet_v2", "resnet18", "resnet152", "unet3d", "vit-base"):
        assert f"\n{name}: " in text


@pytest.mark.parametrize("model,options,says", [
    ("resnet5", [], ["the zoo has no model 'resnet5' (did you mean 'resnet50'?)", "bert-base", "--list-zoo"]),
    ("", [], ["the zoo has no model ''"]),
    ("bert,depth=3", [], ["zoo:bert has no 'depth' (layers, hidden, heads,"]),
    ("bert,layers", [], ["'layers': expected layers=NUMBER with a whole number of at least 1"]),
    ("bert,layers=0,hidden=x", [], ["'layers=0': expected", "'hidden=x': expected"]),
    ("bert,layers=1,layers=1", [], ["'layers' is chosen twice"]),
    ("bert,heads=7", [], ["heads=7 does not divide hidden=768"]),
    ("bert,layers=100000000000", [], ["layers=100000000000 is more than 10000"]),
    ("bert", ["--shape=seq=513"], ["seq=513 exceeds the model's 512 positions; choose positions=513"]),
    ("bert", ["--shape=tokens=5"], ["zoo:bert has no dimension 'tokens' (batch and seq are its dimensions)"]),
    ("bert", ["--head=image-classification"], ["a bert encoder has no such head"]),
    ("resnet18", ["--head=mean"], ["the model has one, image-classification; leave --head out"]),
    ("bert,layers=1,hidden=4611686018427387904,heads=1", [], ["too large for any memory"]),
    ("unet3d", ["--shape=depth=33"], ["depth, height and width must be multiples of 32, 33 is not"]),
    ("vit-base,patch=300", [], ["patch=300 is above image=224"]),
    ("resnet18", ["--shape=batch=0"], ["'batch' must be at least 1"]),
    ("resnet18", ["--shape=height=1"], []),  # the smallest image that there is
])
def test_refusals(tools, tmp_path, model, options, says):
    if says:
        tools.refuse(tmp_path, "mlc-opt", "zoo:" + model, "-o", tmp_path / "o.mlc", *options, says=says)
    else:
        tools.run("mlc-opt", "zoo:" + model, "-o", tmp_path / "o.mlc", *options)
