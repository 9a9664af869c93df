#!/usr/bin/env python3
"""Compiles and runs the conformance tests of the `onnx` wheel, and compares each with its status in onnx_status.txt.

    run.py                      all tests; exit code 1 where one is worse than its status, or better (then --update)
    run.py --filter 'resize'    tests whose name matches; the list is not checked for completeness
    run.py --update             writes the list anew; refuses where a test failed or one that passed does not any more

Statuses: `passed`; `unsupported` (the compiler refused the model with exit code 1 and a reason that names what is
missing). Everything else is a failure: wrong values, a crash, a refusal at run time.
"""

import argparse
import multiprocessing
import os
import pathlib
import re
import resource
import signal
import sys
import tempfile
import time

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "python"))
import mlc_compiler  # noqa: E402
import onnx  # noqa: E402
import onnx_cases  # noqa: E402

# Of one test: what takes more is a failure, not a reason to wait.
TIME_LIMIT, MEMORY_LIMIT = 60, 4 << 30

STATUS_FILE = pathlib.Path(__file__).with_name("onnx_status.txt")
HEADER = """\
# Status of the conformance tests of the `onnx` wheel {version}: {passed} passed, {unsupported} unsupported.
# Written by run.py --update; it may only improve.
"""


# Half precision is compared to two units in its last place at least: what the wheel expects was rounded after each step
# of a decomposition, what mlc computes was not.
HALF_TOLERANCE = {"float16": 2.0**-9, "bfloat16": 2.0**-6}

# The wheel's Fourier transforms are NumPy's in f32, whose rounding errors are as large beside a small element as beside
# the largest.
TRANSFORM_TOLERANCE = 2.0**-22


def compare(name, got, want, rtol, atol):
    if got.dtype != want.dtype:
        return f"output {name}: elements of {got.dtype}, expected {want.dtype}"
    if got.shape != want.shape:
        return f"output {name}: shape {got.shape}, expected {want.shape}"
    rtol = max(rtol, HALF_TOLERANCE.get(want.dtype.name, 0))
    if want.dtype.name in HALF_TOLERANCE:
        got, want = got.astype(np.float32), want.astype(np.float32)
    try:
        np.testing.assert_allclose(got, want, rtol=rtol, atol=atol)
    except AssertionError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        return f"output {name}: " + "; ".join(lines[:8])
    return None


def shape_bindings(model, arrays):
    """--shape for the inputs whose declared shape is not static."""
    bindings = {}
    for info in model.graph.input:
        if info.name not in arrays or not info.type.HasField("tensor_type"):
            continue
        shape = info.type.tensor_type.shape
        static = info.type.tensor_type.HasField("shape") and all(dim.HasField("dim_value") for dim in shape.dim)
        if not static and arrays[info.name].ndim:
            bindings[info.name] = "x".join(map(str, arrays[info.name].shape))
    return bindings


def run_case(case, work):
    """(status, reason)"""
    model = case.model
    path = work / "model.onnx"
    onnx.save(model, str(path))
    for inputs, outputs in case.data_sets(model):
        initializers = {tensor.name for tensor in model.graph.initializer}
        names = [info.name for info in model.graph.input if info.name not in initializers]
        if len(inputs) > len(names):
            names = [info.name for info in model.graph.input]
        arrays = {name: np.asarray(array) for name, array in zip(names, inputs) if array is not None}
        options = []
        for name in sorted(case.static_inputs & set(arrays)):
            file = work / f"const{len(options)}.npy"
            np.save(file, arrays.pop(name))
            options.append(f"--const={name}={file}")
        shapes = shape_bindings(model, arrays)
        try:
            module = mlc_compiler.compile_file(path, work / "model.mlc", shapes=shapes or None, options=options)
        except mlc_compiler.CompileError as error:
            return ("unsupported" if is_refusal(str(error)) else "failed"), reason_of(str(error))
        loaded = mlc_compiler.load(module, threads=1)
        results = loaded.run({name: array for name, array in arrays.items()})
        for info, want in zip(model.graph.output, outputs):
            want, atol = np.asarray(want), case.atol
            if model.graph.node[0].op_type == "DFT":
                atol = max(atol, TRANSFORM_TOLERANCE * float(np.max(np.abs(want))))
            if problem := compare(info.name, results[info.name], want, case.rtol, atol):
                return "failed", problem
    return "passed", ""


def is_refusal(message):
    return "cannot import" in message


def reason_of(message):
    """The compiler's first reason, on one line, without the path of the model."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    if is_refusal(message):
        at = next(i for i, line in enumerate(lines) if "cannot import" in line)
        lines = lines[at + 1 : at + 2] or lines[at:]
    text = re.sub(r"/\S*/model\.onnx", "model.onnx", " ".join(lines))
    return text[:300]


def work_loop(cases, connection):
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    with tempfile.TemporaryDirectory() as work:
        while (name := connection.recv()) is not None:
            try:
                result = run_case(cases[name], pathlib.Path(work))
            except Exception as error:  # whatever went wrong is this test's failure
                result = ("failed", f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")
            connection.send(result)
    os._exit(0)


class Worker:
    """A forked process that runs one case at a time; its death is the case's failure."""

    def __init__(self, cases):
        self.connection, child = multiprocessing.Pipe()
        self.process = multiprocessing.get_context("fork").Process(target=work_loop, args=(cases, child), daemon=True)
        self.process.start()
        child.close()
        self.name = None

    def give(self, name):
        self.name = name
        self.started = time.monotonic()
        self.connection.send(name)

    def take(self):
        try:
            return self.connection.recv()
        except EOFError:
            self.process.join()
            return "failed", f"the process died with exit code {self.process.exitcode}"


def run_all(cases, names, jobs):
    results, times, todo = {}, {}, list(reversed(names))
    workers = [Worker(cases) for _ in range(jobs)]
    while todo or any(worker.name for worker in workers):
        for worker in workers:
            if worker.name is None and todo:
                worker.give(todo.pop())
        busy = [worker for worker in workers if worker.name]
        ready = multiprocessing.connection.wait([worker.connection for worker in busy], timeout=1)
        for worker in busy:
            if worker.connection not in ready and time.monotonic() - worker.started > TIME_LIMIT:
                os.kill(worker.process.pid, signal.SIGKILL)
        for i, worker in enumerate(workers):
            if worker.connection in ready:
                results[worker.name] = worker.take()
                times[worker.name] = time.monotonic() - worker.started
                worker.name = None
                if not worker.process.is_alive():
                    workers[i] = Worker(cases)
    for worker in workers:
        worker.connection.send(None)
        worker.process.join()
    return results, times


def read_status():
    known = {}
    if STATUS_FILE.exists():
        for line in STATUS_FILE.read_text().splitlines():
            if line and not line.startswith("#"):
                name, status, *reason = line.split(maxsplit=2)
                known[name] = (status, reason[0] if reason else "")
    return known


def write_status(results):
    count = lambda status: sum(result[0] == status for result in results.values())
    text = HEADER.format(version=onnx.__version__, passed=count("passed"), unsupported=count("unsupported"))
    for name, (status, reason) in sorted(results.items()):
        text += f"{name} {status} {reason}".rstrip() + "\n"
    STATUS_FILE.write_text(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--filter", help="regular expression: only tests whose name matches")
    parser.add_argument("--update", action="store_true", help="write the list of statuses anew")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--verbose", action="store_true", help="print every test that did not pass")
    parser.add_argument("--slowest", type=int, default=0, metavar="N", help="print the N slowest tests")
    arguments = parser.parse_args()
    cases = onnx_cases.collect()
    names = [name for name in cases if not arguments.filter or re.search(arguments.filter, name)]
    start = time.monotonic()
    results, times = run_all(cases, names, arguments.jobs)
    known = read_status()
    bad, better = [], []
    for name, (status, reason) in results.items():
        before = known.get(name, ("unsupported", ""))[0]
        if status == "failed" or before == "passed" and status != "passed":
            bad.append(name)
        elif status != before or name not in known:
            better.append(name)
        if arguments.verbose and status != "passed" or name in bad:
            print(f"{status} {name}: {reason}")
    gone = [] if arguments.filter else sorted(set(known) - set(cases))
    for name in sorted(times, key=times.get, reverse=True)[: arguments.slowest]:
        print(f"{times[name] * 1e3:8.1f} ms {name}")
    if arguments.update and not arguments.filter and not bad:
        write_status(results)
        better, gone = [], []
    for name in better:
        print(f"new status {name}: {results[name][0]} {results[name][1]}".rstrip())
    for name in gone:
        print(f"no such test any more: {name}")
    if better or gone:
        print("update the list with: test/conformance/run.py --update")
    count = lambda status: sum(result[0] == status for result in results.values())
    print(f"onnx {onnx.__version__}, {time.monotonic() - start:.1f} s: {count('passed')} passed, "
          f"{count('failed')} failed, {count('unsupported')} skipped")  # fmt: skip
    return 1 if bad or better or gone else 0


if __name__ == "__main__":
    sys.exit(main())
