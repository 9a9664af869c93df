"""write_seeds.py FOLDER: what fuzzing begins with, beside the targets' own seeds: FOLDER/onnx has the models of the onnx
wheel's node tests, one for each op and variant; FOLDER/checkpoint the files, as test/fuzz/CheckpointTarget.cpp reads them, of a
small checkpoint of each family."""

import json
import pathlib
import sys
import warnings

from onnx.backend.test.case.node import collect_testcases
from safetensors.numpy import save

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "e2e"))
import test_checkpoint_families as families  # noqa: E402

_MOST_BYTES = 8192


def write_node_models(folder):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of NumPy, in how some expected values are computed
        tests = collect_testcases(None)
    for test in tests:
        model = test.model.SerializeToString()
        if len(model) <= _MOST_BYTES:
            (folder / test.name).write_bytes(model)


def checkpoints():
    for family, config in families.CONFIGS.items():
        prefix = families.PREFIXES.get(family, family + ".")
        for name, start in ("plain", ""), ("prefixed", prefix):
            yield f"{family}_{name}", {"model_type": family, **config}, families.encoder_weights(family, start)
    yield "vit", families.VIT, families.vit_weights("", qkv_bias=True)
    for bottleneck in (True, False):
        layer, widths = ("bottleneck", [16, 24]) if bottleneck else ("basic", [8, 24])
        config = {"model_type": "resnet", "depths": [1, 2], "hidden_sizes": widths, "embedding_size": 8, "layer_type": layer}
        yield f"resnet_{layer}", config, families.resnet_weights("hugging face", [1, 2], widths, bottleneck)


def write_checkpoints(folder):
    for name, config, weights in checkpoints():
        stored = save(dict(weights))
        header = stored[8 : 8 + int.from_bytes(stored[:8], "little")]
        (folder / name).write_bytes(json.dumps(config).encode() + b"\0\0" + header.rstrip())


def main():
    for kind, write in ("onnx", write_node_models), ("checkpoint", write_checkpoints):
        folder = pathlib.Path(sys.argv[1]) / kind
        folder.mkdir(parents=True, exist_ok=True)
        write(folder)


if __name__ == "__main__":
    main()
