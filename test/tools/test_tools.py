"""mlc-run and mlc-bench on the example module (test/unit/runtime/TestModules.h)."""

import json
import os
import resource
import subprocess
from pathlib import Path

import numpy as np
import pytest

BIN = Path(os.environ["MLC_BIN_DIR"])


def run(tool, *arguments, limits=()):
    def set_limits():
        for kind, size in limits:
            resource.setrlimit(kind, (size, size))

    return subprocess.run([BIN / tool, *map(str, arguments)], capture_output=True, text=True, timeout=60, preexec_fn=set_limits)


@pytest.fixture(scope="module")
def module(tmp_path_factory):
    path = tmp_path_factory.mktemp("modules") / "example.mlc"
    subprocess.run([BIN / "mlc_write_example", path], check=True)
    return path


@pytest.fixture
def files(tmp_path):
    x, ids = np.arange(16, dtype=np.float32) / 8, np.array([3, 2, 1, 0])
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "ids.npy", ids)
    np.savez(tmp_path / "in.npz", x=x, ids=ids)
    np.savez(tmp_path / "good.npz", y=x + np.arange(16, dtype=np.float32), z=ids.astype(np.float32) / 2)
    np.savez(tmp_path / "bad.npz", y=x + np.arange(16, dtype=np.float32) + 1e-3, z=ids.astype(np.float32) / 2)
    np.savez(tmp_path / "nan.npz", y=np.full(16, np.nan, np.float32))
    np.savez(tmp_path / "shape.npz", y=x[:8])
    np.savez(tmp_path / "names.npz", unknown=x)
    return tmp_path


def test_files_in_and_out(module, files):
    result = run("mlc-run", module, "--input", f"x={files / 'x.npy'}", "--input", f"ids={files / 'ids.npy'}",
                 "--output", files / "out.npz", "--profile", files / "trace.json", "--threads", 2)  # fmt: skip
    assert result.returncode == 0, result.stderr
    out, good = np.load(files / "out.npz"), np.load(files / "good.npz")
    np.testing.assert_array_equal(out["y"], good["y"])
    np.testing.assert_array_equal(out["z"], good["z"])


def test_profile_is_a_trace(module, files):
    """What chrome://tracing and Perfetto read: complete events in microseconds, kernels within their run."""
    result = run("mlc-run", module, "--inputs", files / "in.npz", "--runs", 2, "--profile", files / "trace.json")
    assert result.returncode == 0, result.stderr
    events = json.loads((files / "trace.json").read_text())["traceEvents"]
    assert [event["ph"] for event in events] == ["M"] * 2 + ["X"] * 10
    assert {(event["pid"], event["tid"]) for event in events} == {(1, 1)}
    assert events[0]["name"] == "process_name" and events[0]["args"]["name"].endswith("example.mlc, entry point main")
    for number, (whole, *kernels) in enumerate([events[2:7], events[7:12]]):
        assert (whole["name"], whole["cat"]) == (f"run {number}", "run")
        assert [event["name"] for event in kernels] == ["add", "gather", "add", "copy"]
        times = [(event["ts"], event["ts"] + event["dur"]) for event in kernels]
        assert times == sorted(times) and all(end >= begin for begin, end in times)
        assert times[0][0] == whole["ts"] and times[-1][1] == pytest.approx(whole["ts"] + whole["dur"])
        assert kernels[0]["args"].keys() >= {"kernel", "command", "tiles", "flops", "bytes", "emitter", "gb_per_s"}


@pytest.mark.parametrize(
    "reference, code, text",
    [
        ("good", 0, "y: rel-L2 0.000e+00, max abs 0.000e+00: ok"),
        ("bad", 1, "MISMATCH"),
        ("nan", 1, "MISMATCH"),
        ("shape", 1, "y: shape is f32[16], expected f32[8]"),
        ("names", 1, "names.npz' holds 1 arrays, of which 0 are outputs; the outputs are y, z"),
    ],
)
def test_expect(module, files, reference, code, text):
    result = run("mlc-run", module, "--inputs", files / "in.npz", "--expect", files / f"{reference}.npz")
    assert result.returncode == code, result
    assert text in result.stdout + result.stderr


def test_random_is_reproducible(module, files):
    arguments = [module, "--bucket", 0, "--input", "x=random:7", "--input", "ids=random:8"]
    outputs = []
    for name in ("first", "second"):
        assert run("mlc-run", *arguments, "--output", files / f"{name}.npz").returncode == 0
        outputs.append(np.load(files / f"{name}.npz")["y"])
    np.testing.assert_array_equal(*outputs)


@pytest.mark.parametrize(
    "arguments, text",
    [
        ([], "inputs are missing; add\n  --input x=FILE.npy    (x: f32[8])"),
        (["--input", "x"], "expected NAME=FILE.npy or NAME=random:SEED"),
        (["--input", "x=random:abc"], "expected random:SEED with a number"),
        (["--input", "x=missing.npy"], "missing.npy"),
        (["--input", "x=random:1", "--input", "x=random:2"], "input 'x' is given twice"),
        (["--input", "x=random:1", "--input", "ids=random:1"], "several buckets; choose one with --bucket"),
        (["--input", "x=random:1", "--input", "ids=random:1", "--input", "w=random:1"], "no input 'w'; its inputs are"),
        (["--bucket", "2", "--input", "x=random:1", "--input", "ids=random:1"], "--bucket 2: the entry point has 2"),
        (["--entry", "mane"], "no entry point 'mane'; it has main, count, rows"),
        (["--threads", "0"], "--threads"),
    ],
)
def test_errors(module, arguments, text):
    result = run("mlc-run", module, *arguments)
    assert result.returncode != 0
    assert text in result.stderr + result.stdout


def test_shape_that_was_not_compiled(module, tmp_path):
    np.save(tmp_path / "x.npy", np.zeros(9, np.float32))
    result = run("mlc-run", module, "--input", f"x={tmp_path / 'x.npy'}", "--input", "ids=random:1")
    assert result.returncode == 1
    assert "not compiled for inputs x: f32[9]" in result.stderr and "compile for yours with --shape" in result.stderr


def test_output_that_cannot_be_written(module, files):
    result = run("mlc-run", module, "--inputs", files / "in.npz", "--output", "/no-such-folder/out.npz")
    assert result.returncode == 1 and "/no-such-folder/out.npz" in result.stderr


def test_less_memory_than_is_asked_for(module, tmp_path):
    space = [(resource.RLIMIT_AS, 4 << 30)]
    result = run("mlc-run", module, "--threads", 65536, "--input", "x=random:1", "--input", "ids=random:1", "--bucket", 0,
                 limits=space)  # fmt: skip
    assert result.returncode == 1 and "cannot start 65536 threads (" in result.stderr
    assert "Ask for fewer, by the session's options or MLC_NUM_THREADS" in result.stderr
    with open(tmp_path / "huge.mlc", "wb") as file:
        file.truncate(1 << 40)  # a hole: no bytes on the disk
    result = run("mlc-run", tmp_path / "huge.mlc", limits=space)
    assert result.returncode == 1 and "huge.mlc': Cannot allocate memory" in result.stderr and "cannot map '" in result.stderr
    # The code is a file in memory, which a limit of files holds for.
    result = run("mlc-run", module, limits=[(resource.RLIMIT_FSIZE, 100)])
    assert result.returncode == 1 and "example.mlc': File too large" in result.stderr
    assert "cannot store the code of '" in result.stderr


def test_inspect_and_verify(module, tmp_path):
    result = run("mlc-run", module, "--inspect")
    assert result.returncode == 0
    description = json.loads(result.stdout)
    assert [entry["name"] for entry in description["entry_points"]] == ["main", "count", "rows"]
    assert description["kernels"][0]["symbol"] == "add"
    assert description["file"]["bytes"] == module.stat().st_size
    assert [section["kind"] for section in description["file"]["sections"]] == ["program", "code", "params"]
    assert sum(section["bytes"] for section in description["file"]["sections"]) < module.stat().st_size
    assert run("mlc-run", "--inspect", module).stdout == run("mlc-run", module, "--inspect=json").stdout == result.stdout
    assert run("mlc-run", module, "--verify").returncode == 0
    damaged = bytearray(module.read_bytes())
    damaged[-1] ^= 1
    (tmp_path / "damaged.mlc").write_bytes(damaged)
    result = run("mlc-run", tmp_path / "damaged.mlc", "--verify")
    assert result.returncode == 1 and "checksum of its parameters does not match" in result.stderr


def test_inspect_as_text(module):
    text = run("mlc-run", module, "--inspect=text").stdout
    for part in ("file        ", "\n  code      ", ", target 0, XXH3 ", "\n  here      runs\n", "\nentry point main, bucket 1, for target 0",
                 "  input     x: f32[16]\n", "\n  memory    arena ", "\nparameters  ", "\nkernels     3\n  add  "):  # fmt: skip
        assert part in text, text


@pytest.mark.parametrize("value", ["yaml", "JSON"])
def test_inspect_in_another_form(module, value):
    result = run("mlc-run", module, f"--inspect={value}")
    assert result.returncode == 2 and "--inspect" in result.stderr and "json" in result.stderr


def test_module_for_another_cpu_is_described(tmp_path):
    path = tmp_path / "other.mlc"
    subprocess.run([BIN / "mlc_write_example", path, "avx1024"], check=True)
    target = json.loads(run("mlc-run", path, "--inspect").stdout)["targets"][0]
    assert "here      lacks avx1024" in run("mlc-run", path, "--inspect=text").stdout
    assert target["required_features"] == ["sse2", "avx1024"] and target["missing_here"] == ["avx1024"]
    assert run("mlc-run", path, "--verify").returncode == 0
    result = run("mlc-run", path, "--entry", "count")
    assert result.returncode == 1 and "this CPU lacks avx1024" in result.stderr


def test_bench(module):
    result = run("mlc-bench", module, "--bucket", 1, "--threads", 1, "--seconds", 0.05, "--json")
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert 0 < report["min_ms"] <= report["median_ms"] and report["threads"] == 1
    assert {kernel["kernel"]: kernel["launches"] for kernel in report["kernels"]} == {
        "add": 2, "lookup": 1, "through_scratch": 1,
    }  # fmt: skip
    assert report["first_ms"] > 0 and report["load_ms"] > 0 and report["peak_rss_mib"] > 1
    peaks = report["peaks"]
    assert peaks["read_gb_per_s"] > 0 and peaks["copy_gb_per_s"] > 0 and peaks["f32_gflops_per_s"] >= 0
    for kernel in report["kernels"]:
        assert kernel["share_of_bandwidth"] == pytest.approx(
            kernel["gb_per_s"] / max(peaks["read_gb_per_s"], peaks["copy_gb_per_s"]))  # fmt: skip
    text = run("mlc-bench", module, "--bucket", 1, "--seconds", 0.05)
    assert "median_ms" in text.stdout and "GFLOP/s" in text.stdout and "peaks at" in text.stdout


def test_bench_scaling(module):
    arguments = ["mlc-bench", module, "--bucket", 1, "--seconds", 0.02, "--threads", "1,3"]
    report = json.loads(run(*arguments, "--json").stdout)
    assert [one["threads"] for one in report["scaling"]] == [1, 3] and report["threads"] == 1
    assert [len(one["kernels"]) for one in report["scaling"]] == [3, 3]
    text = run(*arguments).stdout
    assert "scaling: milliseconds, and how many times faster than with 1 thread" in text and "3 thr" in text


@pytest.mark.parametrize("threads", ["", "0", "1,0", "1,x"])
def test_bench_wrong_threads(module, threads):
    result = run("mlc-bench", module, "--threads", threads)
    assert result.returncode == 2 and "--threads" in result.stderr


def test_bench_without_module():
    result = run("mlc-bench")
    assert result.returncode == 2 and "module is required" in result.stderr


@pytest.mark.parametrize("tool", ["mlc-run", "mlc-bench"])
def test_version_and_help(tool):
    assert run(tool, "--version").stdout.startswith(f"{tool} ")
    assert "--threads" in run(tool, "--help").stdout
