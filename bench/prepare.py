"""Makes what a contest needs of one model, in a folder that is kept: model.onnx of static shapes, inputs.npz, and
reference.npz, the outputs in f64.

    python bench/prepare.py MODEL FOLDER [--shape SHAPE] [--bin build/release/bin]

A process of its own, so that the contest does not hold torch's memory. The reference is the torch module in f64 where the
model has one, else `mlc-opt --interpret-f64`.
"""
import argparse
import json
import pathlib
import subprocess
import zlib

import numpy as np
import onnx

import models


def export(model, inputs, path):
    """torch.onnx.export at the shapes of the inputs."""
    import torch

    arguments = tuple(torch.from_numpy(value) for value in inputs.values())
    torch.onnx.export(model.module(), arguments, str(path), input_names=list(inputs), output_names=[model.output],
                      opset_version=17, dynamo=False)  # fmt: skip


def freeze(graph, sizes):
    """Gives the symbolic dimensions of a model's inputs numbers; outputs and values in between lose what they say."""
    weights = {value.name for value in graph.initializer}
    for value in graph.input:
        if value.name in weights:
            continue
        shape = value.type.tensor_type.shape
        whole = sizes.get(value.name)
        for index, dim in enumerate(shape.dim):
            size = whole.split("x")[index] if whole else sizes.get(dim.dim_param)
            if size is not None:
                dim.dim_value = int(size)
            elif not dim.HasField("dim_value"):
                raise RuntimeError(f"input '{value.name}' has the symbolic dimension '{dim.dim_param}': give it a size, "
                                   f"--shape {dim.dim_param or value.name}=...")  # fmt: skip
    for value in graph.output:
        value.type.tensor_type.ClearField("shape")
    del graph.value_info[:]


def random_inputs(graph, seed=0):
    """Token ids below 1000, masks of ones, else normal."""
    rng, weights, inputs = np.random.default_rng(seed), {value.name for value in graph.initializer}, {}
    for value in graph.input:
        if value.name in weights:
            continue
        dims = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        dtype = onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
        if "mask" in value.name:
            inputs[value.name] = np.ones(dims, dtype)
        elif np.issubdtype(dtype, np.integer):
            inputs[value.name] = rng.integers(0, 2 if "type" in value.name else 1000, dims).astype(dtype)
        else:
            inputs[value.name] = rng.standard_normal(dims).astype(dtype)
    return inputs


def reference_of_module(model, inputs):
    import torch

    module = model.module().double()
    arguments = [torch.from_numpy(value) for value in inputs.values()]
    with torch.inference_mode():
        result = module(*(a.double() if a.is_floating_point() else a for a in arguments))
    return {model.output: result.numpy()}


def reference_of_interpreter(folder, binaries):
    command = [binaries / "mlc-opt", folder / "model.onnx", "--interpret-f64", "--input", folder / "inputs.npz", "-o",
               folder / "reference.npz"]  # fmt: skip
    subprocess.run([str(part) for part in command], check=True)


def stamp(model, shape):
    """What the folder's contents depend on."""
    versions = {}
    if model.module and models.has_torch():
        import torch
        import torchvision
        import transformers

        versions = {module.__name__: module.__version__ for module in (torch, torchvision, transformers)}
    text = b"".join((models.HERE / name).read_bytes() for name in ("models.py", "prepare.py", "verses.txt"))
    path = pathlib.Path(model.name)
    file = [path.stat().st_size, path.stat().st_mtime_ns] if path.is_file() else []
    return {"model": model.name, "shape": shape, "versions": versions, "source": zlib.crc32(text), "file": file}


def prepare(model, folder, binaries):
    folder.mkdir(parents=True, exist_ok=True)
    wanted, meta = stamp(model, model.shape), folder / "meta.json"
    if meta.is_file() and json.loads(meta.read_text()) == wanted:
        return
    meta.unlink(missing_ok=True)
    onnx_file, torch_module = folder / "model.onnx", model.module if models.has_torch() else None
    if torch_module:
        inputs = model.inputs()
        export(model, inputs, onnx_file)
    else:
        model.generate(onnx_file)
        proto = onnx.load(onnx_file)
        inputs = model.inputs() if model.inputs else None
        by_input = {name: "x".join(map(str, value.shape)) for name, value in (inputs or {}).items()}
        freeze(proto.graph, models.dimensions(model.shape) | by_input)
        onnx.save(proto, onnx_file)
        inputs = inputs or random_inputs(proto.graph)
    np.savez(folder / "inputs.npz", **inputs)
    if torch_module:
        np.savez(folder / "reference.npz", **reference_of_module(model, inputs))
    else:
        reference_of_interpreter(folder, binaries)
    meta.write_text(json.dumps(wanted))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--shape", default="")
    parser.add_argument("--bin", type=pathlib.Path, default=pathlib.Path("build/release/bin"))
    arguments = parser.parse_args()
    prepare(models.find(arguments.model, arguments.shape), arguments.folder, arguments.bin)


if __name__ == "__main__":
    main()
