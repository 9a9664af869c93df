"""mlc: the ONNX file compiled by mlc-opt with the options of a variant, run through its Python package."""
import os
import pathlib
import re
import subprocess
import sys
import time

from peers import Missing

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "python"))


def version(task):
    command = [str(pathlib.Path(task.settings["bin"]) / "mlc-run"), "--version"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1]


class Runner:
    def __init__(self, task, inputs):
        options = list(task.settings["options"]) + (["--precision=bf16"] if task.precision == "bf16" else [])
        binaries = pathlib.Path(task.settings["bin"])
        module = task.scratch / "model.mlc"
        command = [str(part) for part in (binaries / "mlc-opt", task.onnx, "-o", module, *options)]
        start = time.perf_counter()
        # Kernels of an earlier compilation do not count.
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "MLC_CACHE_DIR": "off"})
        self.compile_s = time.perf_counter() - start
        if done.returncode:
            unknown = re.search(r"Unknown command line argument '([^']*)'", done.stderr)
            if unknown:
                raise Missing(f"this mlc-opt has no {unknown[1]}")
            raise RuntimeError(f"{' '.join(command)}\n{done.stderr.strip()}")

        import mlc_compiler  # finds its libraries by MLC_LIBRARY_DIR

        self.module = mlc_compiler.load(module, threads=task.threads)
        wanted = {spec.name for spec in self.module.inputs}
        self.inputs = {name: value for name, value in inputs.items() if name in wanted}

    def infer(self):
        return self.module.run(self.inputs)

    def arrays(self, raw):
        return {name: value.astype("float32") if value.dtype.name == "bfloat16" else value for name, value in raw.items()}


load = Runner
