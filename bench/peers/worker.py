"""A contender's process: reads requests as JSON lines, answers each with one.

    python -m peers.worker peers.openvino_cpu        (bench/peers/client.py starts it)

  {"do": "load", "task": {...}}         loads, runs once -> version, load_s, compile_s, first_ms
  {"do": "measure", "seconds": s, "least": n}   runs for s seconds, n times at least -> times_ms
  {"do": "outputs", "path": "out.npz"}  runs once and writes the outputs
  {"do": "memory"}                      -> rss_mib, peak_rss_mib

What the peer's libraries print goes to stderr. A failure is answered {"error": text}, or {"missing": text} where the peer
does not do such a thing.
"""
import importlib
import json
import os
import pathlib
import sys
import time
import traceback

import numpy as np

from peers import Missing, Task


def memory():
    """Resident MiB, now and at most; pages of mapped files count."""
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    sizes = {line.split(":")[0]: line.split() for line in lines if line.startswith(("VmRSS", "VmHWM"))}
    return {"rss_mib": int(sizes["VmRSS"][1]) / 1024, "peak_rss_mib": int(sizes["VmHWM"][1]) / 1024}


class Server:
    def __init__(self, peer):
        self.peer = peer
        self.runner = None

    def load(self, request):
        fields = request["task"]
        task = Task(**{**fields, "folder": pathlib.Path(fields["folder"]), "scratch": pathlib.Path(fields["scratch"])})
        module = importlib.import_module(self.peer)
        inputs = dict(np.load(task.folder / "inputs.npz"))
        version = module.version(task)
        start = time.perf_counter()
        self.runner = module.load(task, inputs)
        load_s = time.perf_counter() - start
        compile_s = getattr(self.runner, "compile_s", 0.0)
        return {"version": version, "compile_s": compile_s, "load_s": load_s - compile_s, "first_ms": self.once()}

    def once(self):
        start = time.perf_counter()
        self.runner.infer()
        return 1e3 * (time.perf_counter() - start)

    def measure(self, request):
        self.once()  # caches and threads have gone cold while others ran
        times, end = [], time.perf_counter() + request["seconds"]
        while len(times) < request["least"] or time.perf_counter() < end:
            times.append(self.once())
        return {"times_ms": times}

    def outputs(self, request):
        np.savez(request["path"], **self.runner.arrays(self.runner.infer()))
        return {}

    def memory(self, request):
        return memory()

    def answer(self, request):
        if request.get("do") not in ("load", "measure", "outputs", "memory"):
            return {"error": f"unknown request: {request}"}
        try:
            return getattr(self, request["do"])(request)
        except Missing as reason:
            return {"missing": str(reason)}
        except ModuleNotFoundError as error:
            return {"missing": f"the package {error.name} is not installed: see bench/requirements-peers.txt"}
        except Exception as error:
            traceback.print_exc()
            return {"error": f"{type(error).__name__}: {error}"}


def main():
    # The pipe for answers is kept from libraries that print.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    server = Server(sys.argv[1])
    for line in sys.stdin:
        print(json.dumps(server.answer(json.loads(line))), file=answers, flush=True)
    os._exit(0)  # some libraries' threads do not end


if __name__ == "__main__":
    main()
