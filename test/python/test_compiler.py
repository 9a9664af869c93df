"""mlc_compiler.compile: its arguments, and where the compiler's messages go."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import mlc_compiler as mlc

RELU = """
func.func @f(%x: tensor<{size}xf32> {{mlc.name = "x"}}) -> (tensor<{size}xf32> {{mlc.name = "y"}}) attributes {{mlc.entry = "infer"}} {{
  %0 = mlc.{op} %x : (tensor<{size}xf32>) -> tensor<{size}xf32>
  return %0 : tensor<{size}xf32>
}}
"""


@pytest.fixture
def source(tmp_path):
    def make(name="relu.mlir", op="relu", size=4):
        (tmp_path / name).write_text(RELU.format(op=op, size=size))
        return tmp_path / name

    return make


def test_compiles_and_runs(source, tmp_path):
    module = mlc.load(mlc.compile(source(), tmp_path / "o.mlc"), threads=1)
    np.testing.assert_array_equal(module(x=np.array([-1, 0, 1, 2], np.float32))["y"], [0, 0, 1, 2])


def test_runs_may_be_smaller_than_a_bucket(source, tmp_path):
    paths = [source(f"{size}.mlir", size=size) for size in (4, 9)]
    buckets = [path.read_text().replace('"x"}', '"x", mlc.padded = ["n"]}').replace('"y"}', '"y", mlc.padded = ["n"]}')
               for path in paths]  # fmt: skip
    (tmp_path / "m.mlir").write_text(buckets[0] + buckets[1].replace("@f", "@g"))
    module = mlc.load(mlc.compile(tmp_path / "m.mlir", tmp_path / "o.mlc"), threads=1)
    assert [[spec.padded for spec in bucket] for bucket in module.buckets] == [[("n",)], [("n",)]]
    for size in range(1, 10):
        x = np.arange(size, dtype=np.float32) - 3
        np.testing.assert_array_equal(module(x=x)["y"], np.maximum(x, 0))
        np.testing.assert_array_equal(module(x=x[::-1])["y"], np.maximum(x, 0)[::-1])
    for size in (0, 10):
        with pytest.raises(RuntimeError, match=r"not compiled for inputs x: f32\[\d+\]. It was compiled for:\n  x: f32\[n<=4\]"):
            module(x=np.zeros(size, np.float32))
    with pytest.raises(RuntimeError, match="also needs the inputs"):
        module()


@pytest.mark.parametrize("name, output", [("bge-v1.5.mlir", "bge-v1.5.mlc"), ("a.b.mlir", "a.b.mlc")])
def test_default_output(source, tmp_path, monkeypatch, name, output):
    monkeypatch.chdir(tmp_path)
    assert mlc.compile(source(name)) == output
    assert (tmp_path / output).exists()


def test_default_output_of_a_directory(tmp_path):
    from mlc_compiler.compiler import _default_output

    assert _default_output(f"{tmp_path}/bge-v1.5") == "bge-v1.5.mlc"
    assert _default_output(f"{tmp_path}/bge-v1.5/") == "bge-v1.5.mlc"
    assert _default_output("model.onnx") == "model.mlc"
    assert _default_output("ir.mlirbc") == "ir.mlc"


def test_success_passes_messages_on(source, tmp_path, capsys):
    mlc.compile(source(), tmp_path / "o.mlc", options=["--timing"])
    assert "import" in capsys.readouterr().err


def test_failure_is_the_exception(source, tmp_path, capfd):
    with pytest.raises(mlc.CompileError, match="nonsense"):
        mlc.compile(source(op="nonsense"), tmp_path / "o.mlc")
    assert capfd.readouterr().err == ""


def test_threads_get_their_own_messages(source, tmp_path):
    wrong, messages = [], {}
    sources = {i: source(f"m{i}.mlir", op=f"nonsense{i}") for i in range(4)}

    def work(i):
        for _ in range(10):
            try:
                mlc.compile(sources[i], tmp_path / f"o{i}.mlc")
            except mlc.CompileError as error:
                messages[i] = str(error)
                if f"nonsense{i}" not in messages[i] or any(f"nonsense{j}" in messages[i] for j in sources if j != i):
                    wrong.append(messages[i])

    before = os.fstat(2)
    threads = [threading.Thread(target=work, args=(i,)) for i in sources]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and len(messages) == len(sources)
    after = os.fstat(2)
    assert (before.st_dev, before.st_ino) == (after.st_dev, after.st_ino)


def test_process_without_stderr(source, tmp_path):
    code = f"import os, mlc_compiler as m; os.close(2); m.compile({str(source())!r}, {str(tmp_path / 'o.mlc')!r})"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
    assert (tmp_path / "o.mlc").exists()


def test_paths_that_are_no_utf8(source, tmp_path):
    strange = os.fsencode(tmp_path) + b"/bad\xff.mlir"
    os.rename(source(), strange)
    for path in (strange, os.fsdecode(strange)):
        assert os.path.exists(mlc.compile(path, os.fsdecode(strange) + ".mlc"))


@pytest.mark.parametrize(
    "arguments, error, text",
    [
        ({"source": None}, TypeError, "NoneType"),
        ({"source": "a\0b.mlir"}, ValueError, "NUL character"),
        ({"output": "a\0b.mlc"}, ValueError, "NUL character"),
        ({"shapes": "n=8"}, TypeError, "shapes must be a dict"),
        ({"shapes": ["n=8"]}, TypeError, "each of shapes must be a dict"),
        ({"shapes": 8}, TypeError, "shapes must be a dict"),
        ({"options": "--report"}, TypeError, "options must be a list"),
    ],
)
def test_wrong_arguments(source, tmp_path, arguments, error, text):
    with pytest.raises(error, match=text):
        mlc.compile(**{"source": source(), "output": tmp_path / "o.mlc", **arguments})
