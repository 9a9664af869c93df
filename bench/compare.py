"""mlc against onnxruntime on one ONNX model: interleaved rounds, the same inputs and threads, outputs compared.

    python bench/compare.py bert-base --bin build/release/bin --threads 1

Models: bert-base (128 tokens), resnet50, mobilenet_v2, with seeded weights and batch 1 where --shape does not say
otherwise; or a path to an .onnx file with --shape as for mlc-opt.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
import onnx
import onnxruntime

import bert_onnx
import resnet_onnx


def time_onnxruntime(session, inputs, seconds):
    session.run(None, inputs)
    times, end = [], time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        session.run(None, inputs)
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="bert-base, resnet50, mobilenet_v2, or a path to an .onnx file")
    parser.add_argument("--bin", type=pathlib.Path, default=pathlib.Path("build/release/bin"))
    parser.add_argument("--shape", default=None, help="as for mlc-opt")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each peer in each round")
    arguments = parser.parse_args()
    work = pathlib.Path(tempfile.mkdtemp())
    path, shape = pathlib.Path(arguments.model), arguments.shape
    if arguments.model == "bert-base":
        path, shape = work / "bert.onnx", shape or "batch=1,seq=128"
        bert_onnx.from_seed(path, hidden=768, layers=12, heads=12, inner=3072)
    elif arguments.model in resnet_onnx.MODELS:
        path, shape = work / "cnn.onnx", shape or "batch=1"
        onnx.save(resnet_onnx.MODELS[arguments.model](), str(path))
    module = work / "m.mlc"
    start = time.perf_counter()
    subprocess.run([arguments.bin / "mlc-opt", path, "-o", module] + (["--shape", shape] if shape else []), check=True)
    compiled = time.perf_counter() - start

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = arguments.threads
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    sizes = dict(part.split("=") for part in (shape or "").split(",") if part)
    rng = np.random.default_rng(0)
    inputs = {}
    for spec in session.get_inputs():
        dims = sizes.get(spec.name, "").split("x") if spec.name in sizes else [str(sizes.get(d, d)) for d in spec.shape]
        dims = [int(d) for d in dims]
        integers = "int64" in spec.type or "int32" in spec.type
        inputs[spec.name] = rng.integers(0, 2, dims) if integers else rng.standard_normal(dims, np.float32)
        if "mask" in spec.name:
            inputs[spec.name] = np.ones(dims, np.int64)
    np.savez(work / "in.npz", **inputs)
    subprocess.run([arguments.bin / "mlc-run", module, "--inputs", work / "in.npz", "--output", work / "out.npz"], check=True)
    ours = np.load(work / "out.npz")
    for spec, value in zip(session.get_outputs(), session.run(None, inputs)):
        error = np.linalg.norm(ours[spec.name].astype(np.float64) - value) / np.linalg.norm(value.astype(np.float64))
        print(f"{spec.name}: rel-L2 from onnxruntime {error:.1e}", file=sys.stderr)

    ratios = []
    for _ in range(arguments.rounds):
        text = subprocess.run([arguments.bin / "mlc-bench", module, "--threads", str(arguments.threads), "--seconds",
                               str(arguments.seconds), "--json"], check=True, capture_output=True, text=True).stdout
        mlc = json.loads(text)["median_ms"]
        peer = time_onnxruntime(session, inputs, arguments.seconds)
        ratios.append(peer / mlc)
        print(json.dumps({"model": arguments.model, "shape": shape, "threads": arguments.threads, "mlc_ms": round(mlc, 3),
                          "onnxruntime_ms": round(peer, 3), "onnxruntime": onnxruntime.__version__,
                          "compile_s": round(compiled, 2), "speedup": round(ratios[-1], 3)}))
    print(f"median speed-up over onnxruntime: {statistics.median(ratios):.2f}", file=sys.stderr)


if __name__ == "__main__":
    main()
