"""Cases of checkpoints: a model of transformers or torchvision, saved with its seeded weights, is read without ONNX; against
torch in f32, and torch in f64 as the exact result."""
import pathlib
from dataclasses import dataclass
from typing import Callable

import numpy as np
import safetensors.torch
import torch
import torchvision
import transformers
from exported import source_of
from judge import compare
from network import draw, measure_batch_norms, random_of, seed_of
from text import BATCH, SEQ, SMALL, WORDS, tokens

LABELS = 5


@dataclass(frozen=True)
class Checkpoint:
    family: str  # model_type, or what a state_dict is of
    package: str
    head: str  # of --head
    build: Callable  # () -> module
    save: Callable  # (module, folder) -> path for mlc-opt
    inputs: Callable  # (random) -> {name: array}
    shape: str
    results: Callable  # (module, tensors) -> {name: tensor}, as the compiled module names them
    variant: str = ""

    @property
    def name(self):
        return f"checkpoint of {self.family}, {self.head}" + (f", {self.variant}" if self.variant else "")

    @property
    def row(self):
        return {"kind": "checkpoint", "family": self.family, "source": source_of(self.package), "head": self.head}

    def evaluate(self, module, inputs, dtype):
        tensors = {name: torch.from_numpy(value) for name, value in inputs.items()}
        tensors = {name: t.to(dtype) if t.is_floating_point() else t for name, t in tensors.items()}
        with torch.inference_mode():
            return {name: value.numpy() for name, value in self.results(module.to(dtype), tensors).items()}

    def run(self, tools, work: pathlib.Path):
        torch.manual_seed(seed_of(self.name))
        module = self.build()
        draw(module)
        inputs = self.inputs(random_of(self.name))
        if "input_ids" not in inputs:
            measure_batch_norms(module, torch.from_numpy(self.inputs(random_of(self.name + " statistics"))[next(iter(inputs))]))
        module.eval()
        path = self.save(module, work)
        winograd = tools.compile(path, work / "model.mlc", "--shape", self.shape, "--head", self.head)
        ours = tools.infer(work / "model.mlc", inputs, work)
        peer = self.evaluate(module, inputs, torch.float32)
        exact = self.evaluate(module, inputs, torch.float64)
        return {"peer": "torch", **compare(ours, peer, exact, winograd)}


def save_pretrained(module, folder):
    module.save_pretrained(folder / "checkpoint")
    return folder / "checkpoint"


def save_state(module, folder):
    safetensors.torch.save_file(module.state_dict(), folder / "model.safetensors")
    return folder / "model.safetensors"


def fields(*names):
    return lambda module, tensors: {name: value for name, value in module(**tensors).items() if name in names}


def mean_of_tokens(module, tensors):
    states = module(**tensors).last_hidden_state
    weight = tensors["attention_mask"].unsqueeze(2).to(states.dtype)
    return {"last_hidden_state": states, "sentence_embedding": (states * weight).sum(1) / weight.sum(1)}


def first_token(module, tensors):
    states = module(**tensors).last_hidden_state
    return {"last_hidden_state": states, "sentence_embedding": states[:, 0]}


# Of each head: the ending of the class in transformers, and its results.
STATES = fields("last_hidden_state")
HEADS = {
    "none": ("Model", STATES), "mean": ("Model", mean_of_tokens), "cls": ("Model", first_token),
    "pooler": ("Model", fields("last_hidden_state", "pooler_output")),
    "masked-lm": ("ForMaskedLM", fields("logits")),
    "sequence-classification": ("ForSequenceClassification", fields("logits")),
    "token-classification": ("ForTokenClassification", fields("logits")),
    "question-answering": ("ForQuestionAnswering", fields("start_logits", "end_logits")),
    "pretraining": ("ForPreTraining", fields("prediction_logits", "seq_relationship_logits", "logits")),
}  # fmt: skip
PLAIN = ("none", "mean", "cls", "masked-lm", "sequence-classification", "token-classification", "question-answering")


def text_checkpoints():
    plain = dict(**SMALL, num_labels=LABELS)
    roberta = dict(**plain, type_vocab_size=1, pad_token_id=1)
    distil = dict(dim=36, n_heads=3, n_layers=2, hidden_dim=52, vocab_size=WORDS, max_position_embeddings=40, num_labels=LABELS)
    families = [("bert", "Bert", plain, (*PLAIN, "pooler", "pretraining")),
                ("electra", "Electra", plain | dict(embedding_size=20), (*PLAIN, "pretraining")),
                ("roberta", "Roberta", roberta, (*PLAIN, "pooler")),
                ("xlm-roberta", "XLMRoberta", roberta, (*PLAIN, "pooler")),
                ("camembert", "Camembert", roberta, (*PLAIN, "pooler")),
                ("distilbert", "DistilBert", distil, PLAIN)]  # fmt: skip
    for family, stem, settings, heads in families:
        names = ("input_ids", "attention_mask", "token_type_ids")[: 3 if family in ("bert", "electra") else 2]
        inputs = lambda random, names=names: tokens(names)(random, BATCH, SEQ)
        for head in heads:
            ending, results = HEADS[head]

            if head == "question-answering":
                settings = settings | dict(num_labels=2)

            def build(stem=stem, settings=settings, ending=ending):
                return getattr(transformers, stem + ending)(getattr(transformers, stem + "Config")(**settings))

            yield Checkpoint(family, "transformers", head, build, save_pretrained, inputs, f"batch={BATCH},seq={SEQ}", results)


def images(name, height, width, batch=32):
    return lambda random: {name: random.standard_normal((batch, 3, height, width), "float32")}


def image_checkpoints():
    vit = lambda: transformers.ViTConfig(hidden_size=36, num_attention_heads=3, num_hidden_layers=2, intermediate_size=52,
                                         image_size=(35, 49), patch_size=7, num_labels=LABELS)  # fmt: skip
    kinds = {"none": ("Model", STATES), "pooler": HEADS["pooler"],
             "image-classification": ("ForImageClassification", fields("logits"))}  # fmt: skip
    for head, (ending, results) in kinds.items():
        build = lambda ending=ending: getattr(transformers, "ViT" + ending)(vit())
        yield Checkpoint("vit", "transformers", head, build, save_pretrained, images("pixel_values", 35, 49), "batch=32", results)

    for variant, settings in (("basic", dict(layer_type="basic")), ("v1.5", {}), ("v1", dict(downsample_in_bottleneck=True))):
        for head, (ending, results) in kinds.items():
            config = transformers.ResNetConfig(embedding_size=12, hidden_sizes=[20, 24, 36, 44], depths=[2, 1, 2, 1],
                                               num_labels=LABELS, **settings)  # fmt: skip
            build = lambda ending=ending, config=config: getattr(transformers, "ResNet" + ending)(config)
            yield Checkpoint("resnet", "transformers", head, build, save_pretrained, images("pixel_values", 65, 49),
                             "batch=32,height=65,width=49", results, variant)  # fmt: skip


def state_dicts():
    names = ["resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "resnext50_32x4d", "wide_resnet50_2",
             "mobilenet_v2"]  # fmt: skip
    for name in names:
        build = lambda name=name: getattr(torchvision.models, name)(num_classes=LABELS)
        results = lambda module, tensors: {"logits": module(tensors["input"])}
        yield Checkpoint(f"state_dict of {name}", "torchvision", "auto", build, save_state, images("input", 33, 49, 8),
                         "batch=8,height=33,width=49", results)  # fmt: skip


def cases():
    return [*text_checkpoints(), *image_checkpoints(), *state_dicts()]
