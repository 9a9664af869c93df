"""Networks in NumPy and f64, over weights by the names of Hugging Face and torchvision: what checkpoints and the zoo are compared with."""
import math

import numpy as np

erf = np.vectorize(math.erf, otypes=[float])
ACTIVATIONS = {
    "gelu": lambda x: x / 2 * (1 + erf(x / math.sqrt(2))),
    "gelu_new": lambda x: x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    "relu": lambda x: np.maximum(x, 0),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "tanh": np.tanh,
}


class Net:
    """Layers over `weights`, in f64; remembers which were read."""

    def __init__(self, weights):
        self.weights, self.used = weights, set()

    def __call__(self, name):
        self.used.add(name)
        return self.weights[name].astype(np.float64)

    def dense(self, x, name, bias=True):
        y = x @ self(name + ".weight").T
        return y + self(name + ".bias") if bias else y

    def norm(self, x, name, epsilon, bias=True):
        centred = x - x.mean(-1, keepdims=True)
        y = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + epsilon) * self(name + ".weight")
        return y + self(name + ".bias") if bias else y

    def attention(self, q, k, v, mask, heads):
        """q [batch, tokens, heads * size]; k and v of as many heads or of one; mask [batch, tokens] or None."""
        size = q.shape[-1] // heads
        split = lambda x: x.reshape(*x.shape[:2], -1, size).swapaxes(1, 2)
        scores = split(q) @ split(k).swapaxes(2, 3) / math.sqrt(size)
        if mask is not None:
            scores = np.where(mask[:, None, None, :] == 1, scores, -np.inf)
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        return (scores / scores.sum(-1, keepdims=True) @ split(v)).swapaxes(1, 2).reshape(q.shape)

    def conv(self, x, name, stride=1, pad=0, groups=1):
        """x [N, C, H, W]; the window and the channels are those of the weight."""
        w = self(name + ".weight")
        x = np.pad(x, [(0, 0), (0, 0), (pad, pad), (pad, pad)])
        windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], (2, 3))[:, :, ::stride, ::stride]
        parts = zip(np.split(windows, groups, 1), np.split(w, groups, 0))
        return np.concatenate([np.einsum("nchwij,ocij->nohw", part, filters) for part, filters in parts], 1)

    def batch_norm(self, x, name):
        mean, variance, scale, bias = (self(f"{name}.{part}")[:, None, None] for part in
                                       ("running_mean", "running_var", "weight", "bias"))
        return (x - mean) / np.sqrt(variance + 1e-5) * scale + bias


def max_pool(x):
    """3x3, stride 2, as behind a ResNet's stem."""
    x = np.pad(x, [(0, 0), (0, 0), (1, 1), (1, 1)], constant_values=-np.inf)
    return np.lib.stride_tricks.sliding_window_view(x, (3, 3), (2, 3))[:, :, ::2, ::2].max((4, 5))


BERT_NAMES = dict(layers="encoder.layer", q="attention.self.query", k="attention.self.key", v="attention.self.value",
                  o="attention.output.dense", n1="attention.output.LayerNorm", up="intermediate.dense", down="output.dense",
                  n2="output.LayerNorm")
DISTILBERT_NAMES = dict(layers="transformer.layer", q="attention.q_lin", k="attention.k_lin", v="attention.v_lin",
                        o="attention.out_lin", n1="sa_layer_norm", up="ffn.lin1", down="ffn.lin2", n2="output_layer_norm")


def encoder(net, prefix, family, layers, heads, ids, mask, types, act="gelu", pad=1, epsilon=1e-12):
    """last_hidden_state of BERT (https://arxiv.org/abs/1810.04805) and its relatives."""
    names = DISTILBERT_NAMES if family == "distilbert" else BERT_NAMES
    real = (ids != pad).astype(int)
    positions = np.cumsum(real, 1) * real + pad if family == "roberta" else np.arange(ids.shape[1])
    x = net(prefix + "embeddings.word_embeddings.weight")[ids] + net(prefix + "embeddings.position_embeddings.weight")[positions]
    if family != "distilbert":
        x = x + net(prefix + "embeddings.token_type_embeddings.weight")[types]
    x = net.norm(x, prefix + "embeddings.LayerNorm", epsilon)
    if prefix + "embeddings_project.weight" in net.weights:
        x = net.dense(x, prefix + "embeddings_project")
    for i in range(layers):
        layer = lambda part: f"{prefix}{names['layers']}.{i}.{names[part]}"
        context = net.attention(*(net.dense(x, layer(part)) for part in "qkv"), mask, heads)
        x = net.norm(net.dense(context, layer("o")) + x, layer("n1"), epsilon)
        x = net.norm(net.dense(ACTIVATIONS[act](net.dense(x, layer("up"))), layer("down")) + x, layer("n2"), epsilon)
    return x


def vit(net, prefix, layers, heads, patch, image, qkv_bias=True, epsilon=1e-12):
    """last_hidden_state of a vision transformer (https://arxiv.org/abs/2010.11929)."""
    name = prefix + "embeddings."
    x = net.conv(image, name + "patch_embeddings.projection", patch) + net(name + "patch_embeddings.projection.bias")[:, None, None]
    x = x.reshape(*x.shape[:2], -1).swapaxes(1, 2)
    x = np.concatenate([np.broadcast_to(net(name + "cls_token"), (len(x), 1, x.shape[2])), x], 1) + net(name + "position_embeddings")
    for i in range(layers):
        layer = f"{prefix}encoder.layer.{i}."
        y = net.norm(x, layer + "layernorm_before", epsilon)
        parts = (net.dense(y, f"{layer}attention.attention.{part}", qkv_bias) for part in ("query", "key", "value"))
        x = x + net.dense(net.attention(*parts, None, heads), layer + "attention.output.dense")
        y = net.norm(x, layer + "layernorm_after", epsilon)
        x = x + net.dense(ACTIVATIONS["gelu"](net.dense(y, layer + "intermediate.dense")), layer + "output.dense")
    return net.norm(x, prefix + "layernorm", epsilon)


def resnet(net, image, stages, conv_name, norm_name, bottleneck, groups=1, stride_in_first=False, first_stride=1):
    """Features of a residual network (https://arxiv.org/abs/1512.03385). The names are functions of (stage, block, index), where the
    index is "shortcut" for a projection and (None, None, None) is the stem."""
    relu = ACTIVATIONS["relu"]

    def unit(x, where, stride=1, pad=0, groups=1):
        return net.batch_norm(net.conv(x, conv_name(*where), stride, pad, groups), norm_name(*where))

    x = max_pool(relu(unit(image, (None, None, None), 2, 3)))
    for s, blocks in enumerate(stages):
        for b in range(blocks):
            stride = (2 if s else first_stride) if b == 0 else 1
            shortcut = conv_name(s, b, "shortcut") + ".weight" in net.weights
            skip = unit(x, (s, b, "shortcut"), stride) if shortcut else x
            if bottleneck:
                y = relu(unit(x, (s, b, 0), stride if stride_in_first else 1))
                y = relu(unit(y, (s, b, 1), 1 if stride_in_first else stride, 1, groups))
                y = unit(y, (s, b, 2))
            else:
                y = unit(relu(unit(x, (s, b, 0), stride, 1)), (s, b, 1), 1, 1)
            x = relu(y + skip)
    return x


def rel_l2(value, reference):
    return np.linalg.norm(value - reference) / np.linalg.norm(reference)
