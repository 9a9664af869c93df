"""mlc against onnxruntime: the same models, inputs and threads, in interleaved rounds of one run; outputs are compared.

    make bench                                            # all models, 1 and 2 threads, in an environment of its own
    python bench/compare.py "resnet50 b1" --threads 1     # one of bench/models.py
    python bench/compare.py model.onnx --shape batch=1    # any ONNX file

Prints a JSON line for each model and number of threads, and a table at the end. Times are milliseconds: the median over
the rounds of each round's median, and the least. Run it alone on the machine: the load is part of each line.
"""
import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
import onnxruntime

from models import MODELS, Model, example_inputs


def run(command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def time_onnxruntime(session, inputs, seconds):
    session.run(None, inputs)
    times, end = [], time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        session.run(None, inputs)
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times), min(times)


def time_mlc(bench, module, threads, seconds):
    result = json.loads(run([bench, module, "--threads", threads, "--seconds", seconds, "--json"]))
    return result["median_ms"], result["min_ms"]


def cpu_name():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


class Contest:
    """One model, built and compiled once."""

    def __init__(self, name, model, binaries, folder):
        self.name, self.shape, self.binaries = name, model.shape, binaries
        self.onnx, source, self.origin = model.build(folder)
        self.module = folder / "m.mlc"
        start = time.perf_counter()
        run([binaries / "mlc-opt", source, "-o", self.module] + (["--shape", model.shape] if model.shape else []))
        self.compile_s = time.perf_counter() - start
        self.folder = folder

    def error(self, session, inputs):
        """Largest relative L2 distance of an output from onnxruntime's."""
        np.savez(self.folder / "in.npz", **inputs)
        run([self.binaries / "mlc-run", self.module, "--inputs", self.folder / "in.npz", "--output", self.folder / "out.npz"])
        ours, worst = np.load(self.folder / "out.npz"), 0.0
        # A checkpoint's entry point may return more than the ONNX graph does.
        for spec, value in zip(session.get_outputs(), session.run(None, inputs)):
            value = value.astype(np.float64)
            worst = max(worst, float(np.linalg.norm(ours[spec.name] - value) / np.linalg.norm(value)))
        return worst

    def measure(self, threads, rounds, seconds):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(str(self.onnx), options, providers=["CPUExecutionProvider"])
        inputs = example_inputs(session, self.shape)
        error = self.error(session, inputs)
        load = os.getloadavg()[0]
        ours, theirs = [], []
        for _ in range(rounds):
            ours.append(time_mlc(self.binaries / "mlc-bench", self.module, threads, seconds))
            theirs.append(time_onnxruntime(session, inputs, seconds))
        median = lambda times: statistics.median(t[0] for t in times)
        return {"model": self.name, "shape": self.shape, "threads": threads, "mlc_ms": round(median(ours), 3),
                "onnxruntime_ms": round(median(theirs), 3), "speedup": round(median(theirs) / median(ours), 3),
                "mlc_min_ms": round(min(t[1] for t in ours), 3),
                "onnxruntime_min_ms": round(min(t[1] for t in theirs), 3), "rounds": rounds, "seconds": seconds,
                "rel_l2": float(f"{error:.1e}"), "compile_s": round(self.compile_s, 2), "weights": self.origin,
                "mlc": run([self.binaries / "mlc-run", "--version"]).split("\n")[0].strip(),
                "onnxruntime": onnxruntime.__version__, "cpu": cpu_name(), "load": round(load, 2)}


def table(lines):
    yield "| model | threads | mlc, ms | onnxruntime, ms | onnxruntime / mlc | rel-L2 | compile, s |"
    yield "|---|---|---|---|---|---|---|"
    for line in lines:
        ratio = f"{line['speedup']:.2f}" if line["speedup"] >= 1 else f"**{line['speedup']:.2f}**"
        yield (f"| {line['model']} | {line['threads']} | {line['mlc_ms']:.1f} | {line['onnxruntime_ms']:.1f} | {ratio} | "
               f"{line['rel_l2']:.1e} | {line['compile_s']:.1f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", help="of bench/models.py, or paths to .onnx files; default: all of the former")
    parser.add_argument("--bin", type=pathlib.Path, default=pathlib.Path("build/release/bin"))
    parser.add_argument("--shape", default="", help="of a model that is a path, as for mlc-opt")
    parser.add_argument("--threads", default="1,2", help="numbers of threads, default 1,2")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each peer in each round")
    arguments = parser.parse_args()
    lines, failed = [], []
    for name in arguments.models or MODELS:
        path = pathlib.Path(name)
        if name not in MODELS and not path.is_file():
            parser.error(f"'{name}' is no file and none of: {', '.join(MODELS)}")
        model = MODELS.get(name) or Model(lambda folder: (path, path, "file"), arguments.shape)
        with tempfile.TemporaryDirectory() as folder:
            # A model that cannot be built here, for want of its package perhaps, does not cost the others.
            try:
                contest = Contest(name, model, arguments.bin, pathlib.Path(folder))
                for threads in map(int, arguments.threads.split(",")):
                    lines.append(contest.measure(threads, arguments.rounds, arguments.seconds))
                    print(json.dumps(lines[-1]), flush=True)
            except Exception as error:
                failed.append(name)
                print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr)
    print(*table(lines), sep="\n", file=sys.stderr)
    if failed:
        sys.exit(f"not measured: {', '.join(failed)}")


if __name__ == "__main__":
    main()
