"""Command lines of mlc-opt that contradict themselves, have no value where one belongs, or would overwrite what is read;
and those with several shape buckets, names that are hard to write, and pipes."""
import json
import os
import subprocess

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT


@pytest.fixture
def model(make_model):
    """y = x * w, with a symbolic first dimension."""
    w = numpy_helper.from_array(np.linspace(-1, 1, 200, dtype=np.float32), "w")
    return make_model([helper.make_node("Mul", ["x", "w"], ["y"])], [("x", FLOAT, ["n", 200])], [("y", FLOAT, ["n", 200])], [w])


@pytest.mark.parametrize("arguments,says", [
    (["--compare-with=MODEL", "--tolerance=-1"], "--tolerance is a relative L2 difference: a number of at least 0"),
    (["--per-op-compare", "--tolerance=nan"], "--tolerance is a relative L2 difference: a number of at least 0"),
    (["--bisect", "--interpret"], "--interpret and --bisect are commands of their own; give one of them"),
    (["--bisect", "--unpad"], "--bisect compares all numbers, and --unpad computes only those of tokens"),
    (["--emit=graph", "--compile-to=fuse"], "--emit=graph draws what is made behind 'schedule'; leave out --compile-to"),
    (["--keep=y,y"], "--keep: 'y' is given twice"),
    (["--tolerance=1"], "--tolerance is for --interpret, --per-op-compare, --bisect and --compare-with"),
    (["--entry=infer"], "--entry is for --interpret, --per-op-compare, --bisect and --compare-with"),
    (["--input=x=random:1"], "--input is for --interpret, --per-op-compare, --bisect and --compare-with"),
    (["--check", "--interpret"], "--check and --interpret are commands of their own; give one of them"),
    (["--per-op-compare", "--compare-with=MODEL"], "--per-op-compare and --compare-with are commands of their own"),
    (["--compile-to=fuse", "--emit=asm"], "where --compile-to ends; give one of them"),
    (["-o", "a.mlc", "-o", "b.mlc"], "-o is given 2 times; give it once"),
    (["--target-cpu=native", "--target-cpu=x86-64-v3"], "--target-cpu is given 2 times; give it once"),
    (["--fast-matmul", "--fast-matmul=false"], "--fast-matmul is given 2 times; give it once"),
    (["--fast-matmul=strassen"], "--fast-matmul"),
    (["-o", ""], "-o has no value"),
    (["--compile-to="], "--compile-to has no value"),
    (["--compile-from=schedule", "-o", "NEW"], "--compile-from=schedule: what this phase prints cannot be read again"),
    (["--compile-from=fuse", "--compile-to=simplify"], "--compile-from=fuse is behind 'simplify', where the compilation ends"),
    (["--compare-with=MODEL", "--entry=nope"], "has no entry point 'nope' to compare"),
    (["--winograd=f6"], "--winograd=f6: expected off, f2, f4 or auto"),
    (["--winograd="], "--winograd has no value"),
    (["--winograd=off", "--winograd=f4"], "--winograd is given 2 times; give it once"),
    (["--shape=n=2", "-o", "NEW"], "two shape buckets of entry point \"infer\" have the same input shapes; leave one out"),
    (["--const=x=X", "--const=x=X", "-o", "NEW"], "--const: 'x' is given twice"),
])
def test_contradictions(tools, model, tmp_path, arguments, says):
    np.save(tmp_path / "x.npy", np.zeros((2, 200), np.float32))
    names = {"MODEL": str(model), "NEW": str(tmp_path / "new.mlc"), "X": str(tmp_path / "x.npy")}
    for name, path in names.items():
        arguments = [argument.replace(name, path) for argument in arguments]
    tools.refuse(tmp_path, "mlc-opt", model, "--shape=n=2", *arguments, says=[says])


@pytest.mark.parametrize("arguments,output", [
    (["--interpret", "--input", "in.npz"], "in.npz"),
    (["--interpret", "--input", "x=x.npy"], "x.npy"),
    (["--const", "x=x.npy"], "x.npy"),
    (["--compile-to=import", "--compare-with=other.onnx"], "other.onnx"),
])
def test_outputs_that_are_inputs(tools, model, tmp_path, monkeypatch, arguments, output):
    monkeypatch.chdir(tmp_path)
    x = np.zeros((2, 200), np.float32)
    np.save("x.npy", x)
    np.savez("in.npz", x=x)
    (tmp_path / "other.onnx").write_bytes(model.read_bytes())
    tools.refuse(tmp_path, "mlc-opt", model, "--shape=n=2", *arguments, "-o", output,
                 says=[f"'{output}' is an input; name another output"])


def test_output_that_holds_weights(tools, make_model, tmp_path):
    """Weights are read while the module is written."""
    w = numpy_helper.from_array(np.ones(100, np.float32), "w")
    w.ClearField("raw_data")
    w.data_location = TensorProto.EXTERNAL
    entry = w.external_data.add()
    entry.key, entry.value = "location", "weights.bin"
    (tmp_path / "weights.bin").write_bytes(np.ones(100, np.float32).tobytes())
    path = make_model([helper.make_node("Add", ["x", "w"], ["y"])], [("x", FLOAT, [100])], [("y", FLOAT, [100])], [w])
    tools.refuse(tmp_path, "mlc-opt", path, "-o", tmp_path / "weights.bin",
                 says=["weights.bin' holds weights of the model; name another output"])


def test_every_bucket_is_compared(tools, model):
    out, _ = tools.run("mlc-opt", model, "--shape=n=2", "--shape=n=3", "--per-op-compare")
    assert out.count("1 kernels agree with the interpreter") == 2 and "shape bucket 1: (tensor<3x200xf32>)" in out


def test_the_bucket_of_the_input_is_interpreted(tools, model, tmp_path):
    for rows in (2, 3):
        np.save(tmp_path / "x.npy", np.ones((rows, 200), np.float32))
        tools.run("mlc-opt", model, "--shape=n=2", "--shape=n=3", "--interpret", "--input", f"x={tmp_path / 'x.npy'}",
                  "-o", tmp_path / "y.npz")
        assert np.load(tmp_path / "y.npz")["y"].shape == (rows, 200)
    np.save(tmp_path / "x.npy", np.ones((4, 200), np.float32))
    tools.refuse(tmp_path, "mlc-opt", model, "--shape=n=2", "--shape=n=3", "--interpret", "--input",
                 f"x={tmp_path / 'x.npy'}", says=["the inputs fit none of the 2 shape buckets", "x: 'tensor<3x200xf32>'"])


def test_names_with_equals_signs(tools, make_model, tmp_path):
    path = make_model([helper.make_node("Relu", ["a=b"], ["y"])], [("a=b", FLOAT, [2])], [("y", FLOAT, [2])])
    np.save(tmp_path / "x.npy", np.array([-1, 2], np.float32))
    out, _ = tools.run("mlc-opt", path, "--interpret", "--input", f"a=b={tmp_path / 'x.npy'}")
    assert out == "y f32[2] [0, 2]\n"


def test_pipes(tools, model, tmp_path):
    """As docs/finding-errors.md has it: IR from a pipe is compared with a file."""
    first, _ = tools.run("mlc-opt", model, "--shape=n=2", "--compile-to=import")
    (tmp_path / "in.mlir").write_text(first)
    for arguments, expected in [([f"--compare-with={tmp_path / 'in.mlir'}"], ": equal"), (["--emit=llvm"], "define "),
                                (["--report"], "kernel")]:
        done = subprocess.run([str(tools.directory / "mlc-opt"), "-", *arguments], input=first, capture_output=True, text=True)
        assert done.returncode == 0 and expected in done.stdout, done.stderr


def test_compile_from_makes_a_module_of_any_name(tools, model, tmp_path):
    fused, _ = tools.run("mlc-opt", model, "--shape=n=2", "--compile-to=fuse")
    (tmp_path / "fused.mlir").write_text(fused)
    tools.compile(tmp_path / "fused.mlir", tmp_path / "module", "--compile-from=fuse")
    tools.infer(tmp_path / "module", {"x": np.ones((2, 200), np.float32)}, tmp_path)


def test_stdout_that_cannot_be_written(tools, model):
    with open("/dev/full", "w") as full:
        done = subprocess.run([str(tools.directory / "mlc-opt"), str(model), "--shape=n=2", "--compile-to=import"],
                              stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1 and "cannot write to the standard output: No space left on device" in done.stderr


def test_a_module_is_no_model(tools, model, tmp_path):
    tools.compile(model, tmp_path / "m.mlc", "--shape=n=2")
    tools.refuse(tmp_path, "mlc-opt", tmp_path / "m.mlc", "-o", tmp_path / "o.mlc",
                 says=["m.mlc' is a compiled module already: mlc-run runs it"])


def test_no_temporary_folder_is_needed(tools, model, tmp_path):
    environment = dict(os.environ, TMPDIR=str(tmp_path / "nowhere"))
    done = subprocess.run([str(tools.directory / "mlc-opt"), str(model), "--shape=n=2", "-o", str(tmp_path / "m.mlc")],
                          env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_provenance_and_timing(tools, model, tmp_path):
    _, times = tools.compile(model, tmp_path / "m.mlc", "--shape=n=2", "--shape=n=3", "--mlir-timing")
    assert "Canonicalizer" in times and "Total" in times
    assert json.loads(tools.run("mlc-run", tmp_path / "m.mlc", "--inspect")[0])["options"]["shape"] == "n=2 n=3"
