"""mlc_compiler.compile_file: its arguments, and where the compiler's messages go."""

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
    module = mlc.load(mlc.compile_file(source(), tmp_path / "o.mlc"), threads=1)
    np.testing.assert_array_equal(module(x=np.array([-1, 0, 1, 2], np.float32))["y"], [0, 0, 1, 2])


def test_runs_may_be_smaller_than_a_bucket(source, tmp_path):
    paths = [source(f"{size}.mlir", size=size) for size in (4, 9)]
    buckets = [path.read_text().replace('"x"}', '"x", mlc.padded = ["n"]}').replace('"y"}', '"y", mlc.padded = ["n"]}')
               for path in paths]  # fmt: skip
    (tmp_path / "m.mlir").write_text(buckets[0] + buckets[1].replace("@f", "@g"))
    module = mlc.load(mlc.compile_file(tmp_path / "m.mlir", tmp_path / "o.mlc"), threads=1)
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
    assert mlc.compile_file(source(name)) == output
    assert (tmp_path / output).exists()


def test_default_output_of_a_directory(tmp_path):
    from mlc_compiler.compiler import _default_output

    assert _default_output(f"{tmp_path}/bge-v1.5") == "bge-v1.5.mlc"
    assert _default_output(f"{tmp_path}/bge-v1.5/") == "bge-v1.5.mlc"
    assert _default_output("model.onnx") == "model.mlc"
    assert _default_output("ir.mlirbc") == "ir.mlc"


def test_success_passes_messages_on(source, tmp_path, capsys):
    mlc.compile_file(source(), tmp_path / "o.mlc", options=["--timing"])
    assert "import" in capsys.readouterr().err


def test_failure_is_the_exception(source, tmp_path, capfd):
    with pytest.raises(mlc.CompileError, match="nonsense"):
        mlc.compile_file(source(op="nonsense"), tmp_path / "o.mlc")
    assert capfd.readouterr().err == ""


def test_threads_get_their_own_messages(source, tmp_path):
    wrong, messages = [], {}
    sources = {i: source(f"m{i}.mlir", op=f"nonsense{i}") for i in range(4)}

    def work(i):
        for _ in range(10):
            try:
                mlc.compile_file(sources[i], tmp_path / f"o{i}.mlc")
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
    code = f"import os, mlc_compiler as m; os.close(2); m.compile_file({str(source())!r}, {str(tmp_path / 'o.mlc')!r})"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
    assert (tmp_path / "o.mlc").exists()


def test_paths_that_are_no_utf8(source, tmp_path):
    strange = os.fsencode(tmp_path) + b"/bad\xff.mlir"
    os.rename(source(), strange)
    for path in (strange, os.fsdecode(strange)):
        assert os.path.exists(mlc.compile_file(path, os.fsdecode(strange) + ".mlc"))


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
        mlc.compile_file(**{"source": source(), "output": tmp_path / "o.mlc", **arguments})


def test_compile_gives_a_module_that_keeps_its_file(source):
    module = mlc.compile(source(), threads=1)
    path = module.path
    np.testing.assert_array_equal(module(np.array([-1, 0, 1, 2], np.float32))["y"], [0, 0, 1, 2])
    assert os.path.exists(path)
    del module
    assert not os.path.exists(path)


def add_model():
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    infos = [onnx.helper.make_tensor_value_info(name, 1, ["n", 3]) for name in "abc"]
    return onnx.helper.make_model(onnx.helper.make_graph([onnx.helper.make_node("Add", ["a", "b"], ["c"])], "g", infos[:2], infos[2:]))


class Program:
    """As torch's ONNXProgram."""

    model_proto = property(lambda self: add_model())


@pytest.mark.parametrize("model", [add_model, Program])
def test_model_protos(model):
    module = mlc.compile(model(), shapes=[{"n": 2}, {"a": (4, 3), "b": "4x3"}], threads=1)
    assert [bucket[0].shape for bucket in module.buckets] == [(2, 3), (4, 3)]
    a = np.arange(12, dtype=np.float32).reshape(4, 3)
    np.testing.assert_array_equal(module(a, a)["c"], 2 * a)


def test_constants(tmp_path):
    module = mlc.compile(add_model(), shapes={"n": 1}, constants={"b": np.ones((1, 3), np.float32)}, threads=1)
    assert [spec.name for spec in module.inputs] == ["a"]
    np.testing.assert_array_equal(module(np.zeros((1, 3), np.float32))["c"], np.ones((1, 3)))


def test_options_as_keywords():
    from mlc_compiler._options import option_arguments

    assert option_arguments({"precision": "bf16", "fast_matmul": True, "winograd": None, "cache": False}) == [
        "--precision=bf16", "--fast-matmul", "--no-cache"]  # fmt: skip
    assert option_arguments({"unpad": True}) == ["--unpad"] and option_arguments({"unpad": False}) == []
    assert option_arguments({"unpad": [16, 32], "target_cpu": ["x86-64-v3", "x86-64-v4"], "cache": True}) == [
        "--unpad=16,32", "--target-cpu=x86-64-v3,x86-64-v4"]  # fmt: skip


def test_every_keyword_is_an_option_of_mlc_opt():
    help = subprocess.run([sys.executable, "-m", "mlc_compiler", "--help"], capture_output=True, text=True).stdout
    for name in mlc.CompileOptions.__annotations__:
        assert f"--{name.replace('_', '-')}" in help or name == "cache", name


def test_wrong_values_are_the_compilers_to_name(source):
    with pytest.raises(mlc.CompileError, match="precision.*f8"):
        mlc.compile(source(), precision="f8")
    with pytest.raises(TypeError, match="compile has no option 'precison'; it has head, precision, "):
        mlc.compile(source(), precison="bf16")
    with pytest.raises(TypeError, match="example_inputs are for a torch.nn.Module"):
        mlc.compile(source(), np.zeros(4))


def test_as_a_program(source, tmp_path):
    command = [sys.executable, "-m", "mlc_compiler", source(), "-o", tmp_path / "o.mlc"]
    subprocess.run(command, check=True)
    assert (tmp_path / "o.mlc").exists()
    failed = subprocess.run([*command, "--precision=f8"], capture_output=True, text=True)
    assert failed.returncode == 1 and "f8" in failed.stderr
