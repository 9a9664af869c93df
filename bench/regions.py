"""Memory-bound kernels one at a time: mlc against onnxruntime, against the bandwidth of a copy, and emitter against emitter.

    python bench/regions.py                          # all regions, f32, 1 and 2 threads
    python bench/regions.py softmax pool --type f16  # those whose names hold one of the words
    python bench/regions.py --emitters               # each region by every emitter that takes it

A region is an ONNX model of an op or two; both peers run in interleaved rounds. GB/s counts each input and output once;
`copy` is what a copy of as many bytes reaches on this machine, in the same run. Run it alone on the machine.
"""
import argparse
import functools
import json
import pathlib
import re
import statistics
import subprocess
import tempfile
import time

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

TYPES = {"f32": (TensorProto.FLOAT, np.float32), "f16": (TensorProto.FLOAT16, np.float16)}


def ints(*values):
    return np.array(values, np.int64)


# name: (op, input shape, attributes, constants behind the input). A list of such ops is a chain.
REGIONS = {
    "softmax 12x128x128": ("Softmax", (12, 128, 128), {"axis": -1}),
    "softmax 12x384x384": ("Softmax", (12, 384, 384), {"axis": -1}),
    "softmax 64x1000": ("Softmax", (64, 1000), {"axis": -1}),
    "softmax outer 64x128x64": ("Softmax", (64, 128, 64), {"axis": 1}),
    "softmax outer 4096x16x2": ("Softmax", (4096, 16, 2), {"axis": 1}),
    "layernorm 128x384": ("LayerNormalization", (128, 384), {"axis": -1}, "scale", "bias"),
    "layernorm 128x768": ("LayerNormalization", (128, 768), {"axis": -1}, "scale", "bias"),
    "layernorm 1024x768": ("LayerNormalization", (1024, 768), {"axis": -1}, "scale", "bias"),
    "gelu 128x3072": ("Gelu", (128, 3072), {}),
    "gelu 1024x3072": ("Gelu", (1024, 3072), {}),
    "tanh 128x3072": ("Tanh", (128, 3072), {}),
    "sigmoid 128x3072": ("Sigmoid", (128, 3072), {}),
    "relu 8x56x56x256": ("Relu", (8, 56, 56, 256), {}),
    "add relu 8x56x56x256": ("AddRelu", (8, 56, 56, 256), {}),
    "add relu 56x56x64": ("AddRelu", (56, 56, 64), {}),
    "maxpool 3x3 s2 64x112x112": ("MaxPool", (1, 64, 112, 112), {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1] * 4}),
    "maxpool 2x2 s2 64x112x112": ("MaxPool", (1, 64, 112, 112), {"kernel_shape": [2, 2], "strides": [2, 2]}),
    "maxpool 5x5 s1 128x28x28": ("MaxPool", (1, 128, 28, 28), {"kernel_shape": [5, 5], "pads": [2] * 4}),
    "averagepool 3x3 s1 128x28x28": ("AveragePool", (1, 128, 28, 28), {"kernel_shape": [3, 3], "pads": [1] * 4}),
    "averagepool 3x3 s2 64x56x56": ("AveragePool", (1, 64, 56, 56), {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1] * 4}),
    "globalpool 2048x7x7": ("GlobalAveragePool", (1, 2048, 7, 7), {}),
    "reducemax last 1024x768": ("ReduceMax", (1024, 768), {"keepdims": 0}, ints(1)),
    "reducesum last 1024x768": ("ReduceSum", (1024, 768), {"keepdims": 0}, ints(1)),
    "reducesum first 1024x768": ("ReduceSum", (1024, 768), {"keepdims": 0}, ints(0)),
    "reducemax first 1024x768": ("ReduceMax", (1024, 768), {"keepdims": 0}, ints(0)),
    "reducemean middle 16x256x192": ("ReduceMean", (16, 256, 192), {"keepdims": 0}, ints(1)),
    "reducesum all 1024x768": ("ReduceSum", (1024, 768), {"keepdims": 0}, ints(0, 1)),
    "reducel2 first 160x17": ("ReduceL2", (160, 17), {"keepdims": 0}, ints(0)),
    "argmax last 1024x768": ("ArgMax", (1024, 768), {"axis": 1}),
    "transpose 1024x768": ("Transpose", (1024, 768), {"perm": [1, 0]}),
    "transpose heads 128x12x64": ("Transpose", (128, 12, 64), {"perm": [1, 0, 2]}),
    "transpose nchw 64x112x112": ("Transpose", (1, 64, 112, 112), {"perm": [0, 2, 3, 1]}),
    "concat 2x 128x768": ("Concat", (128, 768), {"axis": 1}, "same"),
    "slice 512x768": ("Slice", (512, 768), {}, ints(0, 128), ints(512, 640), ints(0, 1)),
    "pad 56x56x64": ("Pad", (1, 56, 56, 64), {}, ints(0, 1, 1, 0, 0, 1, 1, 0)),
    "gather 30000x768": ("Gather", (3000, 768), {"axis": 0}, "indices"),
    "resize 2x 64x56x56": ("Resize", (1, 64, 56, 56), {"mode": "nearest", "coordinate_transformation_mode": "asymmetric",
                           "nearest_mode": "floor"}, None, np.array([1, 1, 2, 2], np.float32)),
    "cumsum 64x512": ("CumSum", (64, 512), {}, ints(1)[0]),
    "batchnorm 64x56x56": ("BatchNormalization", (1, 64, 56, 56), {}, "channel", "channel", "channel", "channel"),
}


def build(name, type_name, path):
    op, shape, attributes, *more = REGIONS[name]
    proto, dtype = TYPES[type_name]
    inputs, constants, names = [helper.make_tensor_value_info("x", proto, shape)], [], ["x"]
    for i, extra in enumerate(more):
        label = f"c{i}"
        if extra is None:
            label = ""
        elif isinstance(extra, str) and extra in ("same", "indices"):
            inputs.append(helper.make_tensor_value_info(label, proto, shape) if extra == "same" else
                          helper.make_tensor_value_info(label, TensorProto.INT64, (512,)))
        else:
            size = {"scale": shape[-1], "bias": shape[-1], "channel": shape[1] if len(shape) > 1 else 1}
            value = np.linspace(0.5, 1.5, size[extra]).astype(dtype) if isinstance(extra, str) else np.asarray(extra)
            constants.append(onnx.numpy_helper.from_array(value, label))
        names.append(label)
    if op == "AddRelu":
        inputs.append(helper.make_tensor_value_info("c0", proto, shape))
        nodes = [helper.make_node("Add", ["x", "c0"], ["s"]), helper.make_node("Relu", ["s"], ["y"])]
    else:
        nodes = [helper.make_node(op, names, ["y"], **attributes)]
    graph = helper.make_graph(nodes, "region", inputs, [helper.make_empty_tensor_value_info("y")], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    onnx.save(onnx.shape_inference.infer_shapes(model), path)
    random = np.random.default_rng(0)
    return {i.name: random.integers(0, shape[0], 512) if i.type.tensor_type.elem_type == TensorProto.INT64 else
            random.standard_normal(shape).astype(dtype) for i in inputs}


@functools.lru_cache
def copy_gb_per_s(size):
    source, target = np.ones(size // 2, np.uint8), np.empty(size // 2, np.uint8)
    best = min(timed(lambda: np.copyto(target, source), 0.05)[1] for _ in range(2))
    return size / best / 1e6


def timed(call, seconds):
    call()
    times, end = [], time.perf_counter() + seconds
    while len(times) < 5 or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times), min(times)


class Contest:
    def __init__(self, name, type_name, folder, binaries):
        self.name, self.folder, self.binaries = name, folder, binaries
        self.onnx = folder / "m.onnx"
        self.inputs = build(name, type_name, self.onnx)

    def compile(self, source, *options):
        done = subprocess.run([self.binaries / "mlc-opt", source, *options, "-o", self.folder / "m.mlc"],
                              capture_output=True, text=True)
        return done.stderr if done.returncode or "warning" in done.stderr else ""

    def ours(self, threads, seconds):
        command = [self.binaries / "mlc-bench", self.folder / "m.mlc", "--threads", str(threads), "--seconds", str(seconds),
                   "--json"]
        return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    def against_onnxruntime(self, threads, rounds, seconds):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        session = onnxruntime.InferenceSession(str(self.onnx), options, providers=["CPUExecutionProvider"])
        theirs, ours = [], []
        for _ in range(rounds):
            theirs.append(timed(lambda: session.run(None, self.inputs), seconds))
            ours.append(self.ours(threads, seconds))
        size = sum(x.nbytes for x in self.inputs.values()) + sum(y.nbytes for y in session.run(None, self.inputs))
        best = min(result["min_ms"] for result in ours)
        return {"region": self.name, "threads": threads, "mlc_ms": best, "onnxruntime_ms": min(t[1] for t in theirs),
                "kernels": len(ours[0]["kernels"]), "gb_per_s": size / best / 1e6, "copy_gb_per_s": copy_gb_per_s(size)}

    def by_emitter(self, emitter, rounds, seconds):
        """Milliseconds of the kernels that are no mere movement of elements, all made by one emitter."""
        fused = self.folder / "fused.mlir"
        subprocess.run([self.binaries / "mlc-opt", self.onnx, "--compile-to=fuse", "-o", fused], check=True, capture_output=True)
        forced = re.sub(r"(mlc\.fused (?!injective)\w+ \([^)]*\)) :", rf'\1 {{schedule = #mlc.schedule<"{emitter}">}} :',
                        fused.read_text()) if emitter else fused.read_text()
        fused.write_text(forced)
        if self.compile(fused, "--compile-from=fuse"):
            return None
        return min(self.ours(1, seconds)["min_ms"] for _ in range(rounds))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", help="of names of regions; default: all of them")
    parser.add_argument("--bin", type=pathlib.Path, default=pathlib.Path("build/release/bin"))
    parser.add_argument("--type", default="f32", choices=TYPES)
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=0.1, help="of each peer in each round")
    parser.add_argument("--emitters", action="store_true", help="compare the emitters with each other")
    arguments = parser.parse_args()
    names = [name for name in REGIONS if not arguments.words or any(word in name for word in arguments.words)]
    columns = ("halide", "vector", "loops")
    if arguments.emitters:
        print("| region, us, 1 thread | chosen | " + " | ".join(columns) + " |\n|---|---|---|---|---|")
    else:
        print("| region | threads | mlc, us | onnxruntime, us | ratio | kernels | GB/s | copy, GB/s |\n|---|---|---|---|---|---|---|---|")
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            contest = Contest(name, arguments.type, pathlib.Path(folder), arguments.bin)
            if arguments.emitters:
                times = [contest.by_emitter(emitter, arguments.rounds, arguments.seconds) for emitter in (None, *columns)]
                print(f"| {name} | " + " | ".join("-" if t is None else f"{1e3 * t:.1f}" for t in times) + " |", flush=True)
                continue
            if message := contest.compile(contest.onnx):
                print(f"{name}: {message}", flush=True)
            for threads in map(int, arguments.threads.split(",")):
                line = contest.against_onnxruntime(threads, arguments.rounds, arguments.seconds)
                ratio = line["onnxruntime_ms"] / line["mlc_ms"]
                print(f"| {name} | {threads} | {1e3 * line['mlc_ms']:.1f} | {1e3 * line['onnxruntime_ms']:.1f} | "
                      f"{ratio:.2f} | {line['kernels']} | {line['gb_per_s']:.1f} | {line['copy_gb_per_s']:.1f} |", flush=True)


if __name__ == "__main__":
    main()
