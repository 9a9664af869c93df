"""One contest: contenders that do the same work, in interleaved rounds, their outputs against f64."""
import json
import math
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

import machine
from models import HERE
from peers.client import Worker, WorkerFailed


def slug(text):
    return re.sub(r"[^a-z0-9._]+", "-", text.lower()).strip("-")


def prepare(model, cache, binaries):
    """The model's folder, made by bench/prepare.py where it is not there."""
    folder = cache / slug(model.name)
    command = [sys.executable, HERE / "prepare.py", model.name, folder, "--shape", model.shape, "--bin", binaries]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{model.name} cannot be made: {done.stderr.strip().splitlines()[-1:]}")
    return folder


def distance(outputs, reference, mask=None):
    """Largest relative L2 distance of an output from the reference's. Per-token outputs count at valid positions only:
    elsewhere a contender may leave anything."""
    worst = 0.0
    for name, wanted in reference.items():
        # Compilers may rename what torch names; a lone output is meant.
        got = outputs[name] if name in outputs else next(iter(outputs.values()))
        if got.shape != wanted.shape:
            raise RuntimeError(f"output '{name}' has shape {got.shape}, not {wanted.shape}")
        got, wanted = got.astype(np.float64), wanted.astype(np.float64)
        if mask is not None and wanted.shape[:2] == mask.shape and wanted.ndim == 3:
            got, wanted = got[mask], wanted[mask]
        error = float(np.linalg.norm(got - wanted) / np.linalg.norm(wanted))
        worst = max(worst, error if math.isfinite(error) else math.inf)
    return worst


class Entry:
    """A contender with a model loaded."""

    def __init__(self, contender, model, folder, precision, threads, cache):
        self.contender, self.model, self.folder = contender, model, folder
        self.precision, self.threads = precision, threads
        self.scratch = cache / "compiled" / slug(f"{model.name} {contender.name} {precision}")
        self.facts, self.rounds = {}, []
        self.worker = None

    def load(self, cpus, environment):
        """Loads, and compares the outputs with the reference."""
        self.scratch.mkdir(parents=True, exist_ok=True)
        self.worker = Worker(self.contender.peer, cpus, environment)
        task = {"model": self.model.name, "folder": str(self.folder), "scratch": str(self.scratch), "threads": self.threads,
                "precision": self.precision, "settings": self.contender.settings}  # fmt: skip
        self.facts = self.worker.ask("load", task=task)
        if not self.alive():
            return
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "out.npz"
            self.facts |= self.worker.ask("outputs", path=str(path))
            if not self.alive():
                return
            inputs = np.load(self.folder / "inputs.npz")
            mask = inputs["attention_mask"].astype(bool) if "attention_mask" in inputs else None
            self.facts["rel_l2"] = distance(np.load(path), np.load(self.folder / "reference.npz"), mask)

    def alive(self):
        return not self.facts.keys() & {"error", "missing"}

    def measure(self, seconds, least):
        self.rounds.append(self.worker.ask("measure", seconds=seconds, least=least)["times_ms"])

    def line(self, shared):
        """The JSON line: the median over the rounds of each round's median, and the least of all."""
        result = {"model": self.model.name, "group": self.model.group, "precision": self.precision,
                  "threads": self.threads, "contender": self.contender.name, "settings": self.contender.settings}  # fmt: skip
        facts = {key: round(value, 3) if key != "rel_l2" and isinstance(value, float) else value
                 for key, value in self.facts.items()}  # fmt: skip
        if "rel_l2" in facts:
            facts["rel_l2"] = float(f"{facts['rel_l2']:.2e}")
        if self.rounds and self.alive():
            medians = [statistics.median(times) for times in self.rounds]
            facts |= {"median_ms": round(statistics.median(medians), 4), "min_ms": round(min(map(min, self.rounds)), 4),
                      "rounds_ms": [round(value, 4) for value in medians], "runs": sum(map(len, self.rounds))}  # fmt: skip
        return result | facts | shared


class Contest:
    """All contenders on the models of one group, at one precision and number of threads."""

    def __init__(self, models, contenders, precision, threads, cache, binaries, progress=lambda text: None):
        self.progress, self.threads, self.precision = progress, threads, precision
        cpus = sorted(os.sched_getaffinity(0))
        if threads > len(cpus):
            raise RuntimeError(f"{threads} threads on {len(cpus)} CPUs would measure the scheduler")
        self.cpus = set(cpus[:threads])
        self.environment = {"MLC_LIBRARY_DIR": str(binaries.parent / "lib")}
        self.entries = [Entry(contender, model, prepare(model, cache, binaries), precision, threads, cache)
                        for model in models for contender in contenders if precision in contender.precisions]  # fmt: skip

    def guarded(self, entry, act):
        """A contender that fails costs its own line only."""
        try:
            act()
        except (WorkerFailed, RuntimeError, KeyError) as error:
            entry.facts["error"] = str(error)

    def run(self, rounds, seconds, least):
        """The JSON lines."""
        try:
            for entry in self.entries:
                self.progress(f"{entry.model.name}, {self.precision}, {self.threads} threads: loading {entry.contender.name}")
                self.guarded(entry, lambda: entry.load(self.cpus, self.environment))
            running = [entry for entry in self.entries if entry.alive()]
            load = machine.OtherLoad([entry.worker for entry in running])
            self.measure(running, rounds, seconds, least)
            others = load.cpus()
            for entry in running:
                self.guarded(entry, lambda: entry.facts.update(entry.worker.ask("memory")))
        finally:
            for entry in self.entries:
                if entry.worker:
                    entry.worker.close()
        shared = {"cpu": machine.cpu_name(), "others_cpus": round(others, 2), "time": time.strftime("%Y-%m-%dT%H:%M:%S")}
        return [entry.line(shared) for entry in self.entries]

    def measure(self, running, rounds, seconds, least):
        for number in range(rounds):
            for entry in running:
                self.progress(f"{entry.model.name}, {self.precision}, {self.threads} threads: "
                              f"round {number + 1} of {rounds}, {entry.contender.name}")  # fmt: skip
                if entry.alive():
                    self.guarded(entry, lambda: entry.measure(seconds, least))


def dump(line):
    return json.dumps(line, default=str)
