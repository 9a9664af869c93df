"""The Python package on the example module that mlc_write_example makes (test/unit/runtime/TestModules.h)."""

import copy
import os
import pathlib
import pickle
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import mlc_compiler as mlc


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("modules") / "example.mlc"
    subprocess.run([os.environ["MLC_WRITE_EXAMPLE"], path], check=True)
    return path


IDS = np.array([0, 15, 7, 1])


@pytest.mark.parametrize("n", [8, 16])
@pytest.mark.parametrize("threads", [None, 1, 3])
def test_runs_each_bucket(path, n, threads):
    module = mlc.load(path, threads=threads)
    x = np.arange(n, dtype=np.float32) / 4
    outputs = module(x=x, ids=IDS)
    np.testing.assert_array_equal(outputs["y"], x + np.arange(n, dtype=np.float32))
    np.testing.assert_array_equal(outputs["z"], IDS.astype(np.float32) / 2)


def test_specs(path):
    module = mlc.load(path)
    assert module.entries == ["main", "count", "rows"]
    assert module.inputs == [mlc.TensorSpec("x", np.dtype("f4"), (8,)), mlc.TensorSpec("ids", np.dtype("i8"), (4,))]
    assert [spec.shape for spec in module.outputs] == [(8,), (4,)]
    assert [bucket[0].shape for bucket in module.buckets] == [(8,), (16,)]
    module.verify()


def test_strided_inputs(path):
    module = mlc.load(path, entry="rows")
    r = np.arange(12, dtype=np.float32).reshape(4, 3).T
    np.testing.assert_array_equal(module(r=r)["s"], r)
    np.testing.assert_array_equal(module(r=r[::-1, ::-1])["s"], r[::-1, ::-1])
    record = np.zeros((3, 4), dtype=[("a", "i1"), ("b", "<f4")])
    record["b"] = r
    np.testing.assert_array_equal(module(r=record["b"])["s"], r)


@pytest.mark.parametrize(
    "inputs, message",
    [
        ({"ids": IDS}, r"also needs the inputs x: f32\[8\]"),
        ({"x": np.zeros(8, np.float32), "idz": IDS}, "no input 'idz'; its inputs are x"),
        ({"x": np.zeros(7, np.float32), "ids": IDS}, r"not compiled for inputs x: f32\[7\]"),
        ({"x": np.zeros(8), "ids": IDS}, r"x: f64\[8\]"),
        ({"x": np.zeros(8, np.float32), "ids": IDS + 1}, "an index lies outside of its axis"),
    ],
)
def test_errors(path, inputs, message):
    with pytest.raises(mlc.RuntimeFailure, match=message):
        mlc.load(path).run(inputs)


def test_load_errors(path, tmp_path):
    with pytest.raises(mlc.RuntimeFailure, match="cannot open"):
        mlc.load(tmp_path / "missing.mlc")
    (tmp_path / "foreign.mlc").write_bytes(b"something else")
    with pytest.raises(mlc.RuntimeFailure, match="not an mlc module"):
        mlc.load(tmp_path / "foreign.mlc")
    with pytest.raises(ValueError, match="has no entry point 'mane'; it has main, count, rows"):
        mlc.load(path, entry="mane")
    with pytest.raises(TypeError, match="input 'x' has elements of complex128, which mlc does not know; convert it with .astype"):
        mlc.load(path)(x=np.zeros(8, complex), ids=IDS)
    with pytest.raises(TypeError, match="input 'x' has foreign byte order; convert it with .astype"):
        mlc.load(path)(x=np.zeros(8, ">f4"), ids=IDS)


def test_bf16_without_its_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    with pytest.raises(ImportError, match="the module has bf16 tensors, which NumPy lacks: install ml_dtypes"):
        mlc._arrays.bfloat16()


def test_compile_errors(tmp_path):
    if not (pathlib.Path(os.environ["MLC_LIBRARY_DIR"]) / "libmlc_compiler.so").exists():
        pytest.skip("the compiler is not built")
    with pytest.raises(mlc.CompileError, match="gone.onnx': No such file or directory"):
        mlc.compile_file(tmp_path / "gone.onnx", tmp_path / "o.mlc")
    # What is different is on the standard output, of a process of its own here, so that the exception has its own words.
    for name, value in [("a", 1.0), ("b", 2.0)]:
        constant = f"%c = mlc.constant dense<{value}> : tensor<f32>"
        (tmp_path / f"{name}.mlir").write_text(f"func.func @f() -> tensor<f32> {{\n  {constant}\n  return %c : tensor<f32>\n}}\n")
    code = "import mlc_compiler as m; m.compile_file('a.mlir', 'o.mlc', options=['--compare-with=b.mlir'])"
    result = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert "CompileError: 'a.mlir' could not be compiled (exit code 1)" in result.stderr and "DIFFERENT" in result.stdout


def test_missing_library_says_where_it_looked():
    environment = dict(os.environ, MLC_LIBRARY_DIR="/no/such/folder")
    code = "import mlc_compiler as m; m.load('x.mlc')"
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert result.returncode != 0
    assert ("libmlc_runtime.so was not found in\n  /no/such/folder\nBuild it (cmake --preset release && "
            "ninja -C build/release), or set MLC_LIBRARY_DIR to the folder that holds it" in result.stderr)


def test_module_for_amx(tmp_path):
    """Where the CPU has no AMX, by the emulator; beside a handler of Python's own for the same signal."""
    emulator = os.path.join(os.environ["MLC_LIBRARY_DIR"], "libmlc_amx_emulator.so")
    if not os.path.exists(emulator):
        pytest.skip("this build has no emulator of AMX")
    subprocess.run([os.environ["MLC_WRITE_EXAMPLE"], tmp_path / "m.mlc", "amx_tile"], check=True)
    code = ("import mlc_compiler as m, numpy as np; "
            "print(m.load('m.mlc')(x=np.ones(8, np.float32), ids=np.array([0, 15, 7, 1]))['z'])")
    done = subprocess.run([sys.executable, "-X", "faulthandler", "-c", code], cwd=tmp_path, capture_output=True, text=True,
                          env=dict(os.environ, LD_PRELOAD=emulator))
    assert done.returncode == 0 and "7.5" in done.stdout, done.stderr


def test_cannot_be_copied_or_pickled(path):
    module = mlc.load(path, threads=1)
    for duplicate in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="cannot be copied or pickled: load the file again"):
            duplicate(module)
    module(x=np.zeros(8, np.float32), ids=IDS)


@pytest.mark.parametrize("threads, error", [(-1, ValueError), (2**32, ValueError), (65537, ValueError), ("2", TypeError)])
def test_wrong_threads(path, threads, error):
    with pytest.raises(error, match="threads must be"):
        mlc.load(path, threads=threads)


def test_wrong_paths_and_names(path):
    with pytest.raises(TypeError, match="NoneType"):
        mlc.load(None)
    with pytest.raises(ValueError, match="NUL character"):
        mlc.load(path.read_bytes())
    with pytest.raises(ValueError, match="NUL character"):
        mlc.load(f"{path}\0.bak")
    module = mlc.load(os.fsencode(path), threads=1)
    with pytest.raises(TypeError, match="inputs must be a dict of arrays by name; got list"):
        module.run([np.zeros(8, np.float32)])
    with pytest.raises(TypeError, match="names of tensors are strings; got 1"):
        module.run({1: np.zeros(8, np.float32)})
    with pytest.raises(ValueError, match="NUL character"):
        module.run({"x\0y": np.zeros(8, np.float32), "ids": IDS})


def test_path_that_is_no_utf8(path, tmp_path):
    strange = os.fsencode(tmp_path) + b"/bad\xff.mlc"
    shutil.copy(path, strange)
    for spelling in (strange, os.fsdecode(strange), pathlib.Path(os.fsdecode(strange))):
        assert mlc.load(spelling, threads=1).entry == "main"


def test_forked_child_is_told(path):
    module = mlc.load(path, threads=2)
    inputs = {"x": np.zeros(8, np.float32), "ids": IDS}
    module.run(inputs)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            with module._lock:  # held, as by another thread of the parent
                module.run(inputs)
        except mlc.RuntimeFailure as failure:
            code = 0 if "fork" in str(failure) else 2
        finally:
            module.__del__()
            os._exit(code)
    for _ in range(200):
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        time.sleep(0.1)
    else:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        pytest.fail("the child hangs")
    assert os.waitstatus_to_exitcode(status) == 0
    module.run(inputs)
