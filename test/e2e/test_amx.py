"""Modules for CPUs with AMX, on one that has it or by the emulator."""
import json

import numpy as np
import pytest

from test_targets import MODEL

FEATURES = open("/proc/cpuinfo").read()
HAS_AMX = all(feature in FEATURES for feature in ("amx_tile", "amx_bf16", "amx_int8"))
TARGET = "x86-64-v4+amx-tile+amx-bf16+amx-int8"

pytestmark = pytest.mark.skipif("avx512vl" not in FEATURES, reason="what has AMX has AVX-512")


@pytest.fixture
def source(tmp_path):
    (tmp_path / "m.mlir").write_text(MODEL)
    return tmp_path / "m.mlir"


@pytest.fixture
def x():
    return np.random.default_rng(1).standard_normal((5, 300)).astype(np.float32)


def test_results_are_those_of_other_targets(tools, amx, source, x, tmp_path):
    results = {}
    for target in ("x86-64-v4", TARGET):
        tools.compile(source, tmp_path / "m.mlc", f"--target-cpu={target}")
        results[target] = tools.infer(tmp_path / "m.mlc", {"x": x}, tmp_path)["y"]
    np.testing.assert_allclose(results[TARGET], results["x86-64-v4"], rtol=1e-5, atol=1e-6)


def test_native_has_the_tiles(tools, amx, source, tmp_path):
    tools.compile(source, tmp_path / "m.mlc", "--target-cpu=native")
    (target,) = json.loads(tools.run("mlc-run", tmp_path / "m.mlc", "--inspect")[0])["targets"]
    assert {"amx_tile", "amx_bf16", "amx_int8"} <= set(target["required_features"]) and target["missing_here"] == []


def test_tuning_may_run_the_code(tools, amx, source, tmp_path):
    report, _ = tools.compile(source, tmp_path / "m.mlc", f"--target-cpu={TARGET}", "--tune=600", "--report")
    assert " measurement " in report


@pytest.mark.skipif(HAS_AMX, reason="this CPU has AMX")
def test_a_cpu_without(tools, source, x, tmp_path):
    tools.compile(source, tmp_path / "m.mlc", f"--target-cpu={TARGET}")
    work = tmp_path / "work"
    work.mkdir()
    tools.refuse(work, "mlc-run", tmp_path / "m.mlc", "--input", "x=random:1",
                 says=[f"{TARGET}: this CPU lacks amx_tile, amx_bf16, amx_int8; compile with "])


@pytest.mark.skipif(HAS_AMX, reason="only the emulator can be asked to refuse")
def test_a_kernel_that_refuses_the_tiles(tools, amx, source, x, tmp_path, monkeypatch):
    monkeypatch.setenv("MLC_AMX_EMULATOR_REFUSE", "1")
    both, only = tmp_path / "both.mlc", tmp_path / "only.mlc"
    tools.compile(source, only, f"--target-cpu={TARGET}")
    work = tmp_path / "work"
    work.mkdir()
    tools.refuse(work, "mlc-run", only, "--input", "x=random:1",
                 says=["amx_int8 (it has AMX, but Linux refuses this process the state of tiles)"])
    tools.refuse(work, "mlc-opt", source, f"--target-cpu={TARGET}", "--tune=1", "-o", work / "m.mlc",
                 says=["--tune measures on this machine, which cannot run code for the target", "lacks amx-tile, amx-bf16"])
    # Another target is taken, and `native` is one without.
    tools.compile(source, both, f"--target-cpu={TARGET},x86-64-v3")
    y = tools.infer(both, {"x": x}, tmp_path)["y"]
    tools.compile(source, only, "--target-cpu=x86-64-v3")
    assert np.array_equal(tools.infer(only, {"x": x}, tmp_path)["y"], y)
    tools.compile(source, only, "--target-cpu=native")
    (target,) = json.loads(tools.run("mlc-run", only, "--inspect")[0])["targets"]
    assert "amx" not in target["name"]
