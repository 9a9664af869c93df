"""The contest (bench/): workers, rounds, comparison with the reference, command line."""
import json
import os
import pathlib
import signal
import sys
import time

import numpy as np
import pytest

import compare
import contest
import machine
import models
import prepare
from peers import Contender
from peers.client import Worker, WorkerFailed

HERE = pathlib.Path(__file__).parent
CPUS = set(sorted(os.sched_getaffinity(0))[:1])


@pytest.fixture
def folder(tmp_path):
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    np.savez(tmp_path / "inputs.npz", x=x)
    np.savez(tmp_path / "reference.npz", y=2 * x.astype(np.float64))
    return tmp_path


@pytest.fixture
def worker():
    worker = Worker("fake_peer", CPUS, path=[HERE])
    yield worker
    worker.close()


def task(folder, **settings):
    return {"model": "m", "folder": str(folder), "scratch": str(folder), "threads": 1, "precision": "f32", "settings": settings}


def state(worker):
    return pathlib.Path(f"/proc/{worker.process.pid}/stat").read_text().rsplit(")", 1)[1].split()[0]


def test_worker_loads_measures_and_writes(worker, folder):
    loaded = worker.ask("load", task=task(folder))
    assert loaded["version"] == "1.2" and loaded["load_s"] >= 0 and loaded["first_ms"] >= 0
    assert len(worker.ask("measure", seconds=0, least=4)["times_ms"]) == 4
    assert worker.ask("outputs", path=str(folder / "out.npz")) == {}
    np.testing.assert_array_equal(np.load(folder / "out.npz")["y"], np.load(folder / "reference.npz")["y"])
    memory = worker.ask("memory")
    assert 1 < memory["rss_mib"] <= memory["peak_rss_mib"]
    assert worker.cpu_seconds() > 0


def test_worker_is_stopped_between_answers(worker, folder):
    worker.ask("load", task=task(folder))
    end = time.monotonic() + 10
    while state(worker) != "T" and time.monotonic() < end:
        time.sleep(0.01)
    assert state(worker) == "T"


@pytest.mark.parametrize("settings,answer", [
    ({"missing": "no such precision"}, {"missing": "no such precision"}),
    ({"raise": "bad model"}, {"error": "ValueError: bad model"}),
])  # fmt: skip
def test_worker_tells_why_not(worker, folder, settings, answer):
    assert worker.ask("load", task=task(folder, **settings)) == answer


def test_worker_that_dies(worker, folder):
    with pytest.raises(WorkerFailed, match=r"died at 'load', exit code 3\n[^$]*its last words"):
        worker.ask("load", task=task(folder, die=True))


def test_worker_that_hangs(worker, folder):
    worker.ask("load", task=task(folder))
    worker.process.send_signal(signal.SIGSTOP)
    with pytest.raises(WorkerFailed, match="no answer to 'measure' in 0.2 s"):
        worker.ask("measure", limit_s=0.2, seconds=1, least=10**6)


def test_unknown_request(worker):
    assert "unknown request" in worker.ask("__init__")["error"]


def test_a_package_that_is_not_there(folder):
    worker = Worker("no_such_peer_package", CPUS)
    assert "no_such_peer_package is not installed" in worker.ask("load", task=task(folder))["missing"]
    worker.close()


def fake(name, **settings):
    return Contender(name, "fake_peer", ("f32",), settings)


def run(folder, monkeypatch, *contenders, rounds=2):
    monkeypatch.setattr(contest, "prepare", lambda model, cache, binaries: folder)
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    one = contest.Contest([models.Model("m", "")], contenders, "f32", 1, folder / "cache", folder / "bin")
    return {line["contender"]: line for line in one.run(rounds, 0, 3)}


def test_contest(folder, monkeypatch):
    lines = run(folder, monkeypatch, fake("good"), fake("wrong", factor=3), fake("slow", sleep_s=0.01), fake("dead", die=True),
                fake("unable", missing="it does not"))  # fmt: skip
    assert lines["good"]["rel_l2"] == 0 and lines["wrong"]["rel_l2"] == 0.5
    assert lines["good"]["runs"] == 6 and len(lines["good"]["rounds_ms"]) == 2
    assert lines["good"]["min_ms"] <= lines["good"]["median_ms"] < 10 <= lines["slow"]["min_ms"]
    assert "died at 'load'" in lines["dead"]["error"] and "median_ms" not in lines["dead"]
    assert lines["unable"]["missing"] == "it does not"
    assert all(line["cpu"] == machine.cpu_name() and line["others_cpus"] >= 0 for line in lines.values())
    assert json.loads(contest.dump(lines["good"])) == lines["good"]


def test_more_threads_than_cpus(folder):
    with pytest.raises(RuntimeError, match="would measure the scheduler"):
        contest.Contest([], [], "f32", 10**6, folder, folder)


def test_distance_at_valid_positions_only():
    wanted = np.ones((2, 3, 4))
    got = wanted.copy()
    got[1, 2] = np.nan
    mask = np.array([[1, 1, 1], [1, 1, 0]], bool)
    assert contest.distance({"other": got}, {"y": wanted}, mask) == 0
    assert contest.distance({"y": got}, {"y": wanted}) == np.inf
    with pytest.raises(RuntimeError, match="has shape"):
        contest.distance({"y": got[:1]}, {"y": wanted})


@pytest.mark.parametrize("arguments,says", [
    (["no such model"], "'no such model' is no file and none of: bert-base b1 s128"),
    (["--peers", "tvm"], "--peers: 'tvm' is none of: onnxruntime"),
    (["--variants", "mlc --fast"], "--variants: 'mlc --fast' is none of: mlc,"),
    (["--variant", "x"], "--variant: 'x': expected NAME=OPTIONS"),
])  # fmt: skip
def test_wrong_command_lines(arguments, says, capsys):
    with pytest.raises(SystemExit):
        compare.main(arguments)
    assert says in capsys.readouterr().err


def test_a_group_is_one_contest():
    groups = compare.groups(["bert-base 32 sentences, to longest", "resnet18 b1"], "", None)
    assert {name: len(group) for name, group in groups.items()} == {"bert-base 32 sentences": 2, "resnet18 b1": 1}


def test_quick_leaves_out_what_compiles_for_long():
    import argparse

    parser = argparse.ArgumentParser()
    names = [entry.name for entry in compare.contenders(compare.arguments_of(parser, ["--quick"]), parser)]
    assert "mlc" in names and "openvino" in names and not {"iree", "inductor"} & set(names)


def test_sentences_are_real_and_cut():
    inputs = models.sentences(128)
    lengths = inputs["attention_mask"].sum(1)
    assert inputs["input_ids"].shape == (32, 128) and 8 <= lengths.min() and lengths.max() <= 128
    assert models.sentences()["input_ids"].shape == (32, lengths.max())


def test_freezing_shapes(tmp_path):
    from onnx import TensorProto, helper

    value = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [value("x", ["batch", 3])], [value("y", ["batch", 3])])
    with pytest.raises(RuntimeError, match="symbolic dimension 'batch': give it a size, --shape batch="):
        prepare.freeze(graph, {})
    prepare.freeze(graph, models.dimensions("batch=4"))
    assert prepare.random_inputs(graph)["x"].shape == (4, 3)


def test_this_python_has_no_peers_code_imported():
    assert not {"torch", "openvino", "jax", "matplotlib"} & sys.modules.keys()
