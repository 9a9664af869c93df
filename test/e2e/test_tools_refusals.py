"""What mlc-run and mlc-bench must refuse, and that they destroy nothing then."""
import json
import os
import stat
import subprocess

import numpy as np
import pytest
from onnx import TensorProto, helper

FLOAT = TensorProto.FLOAT
COUNTER = """
mlc.variable @steps : tensor<1xf32> = dense<0.0> : tensor<1xf32>
func.func @count(%x: tensor<1xf32> {mlc.name = "x"}, %old: tensor<1xf32> {mlc.variable = @steps})
    -> (tensor<1xf32> {mlc.name = "y"}, tensor<1xf32> {mlc.variable = @steps}) attributes {mlc.entry = "infer"} {
  %new = mlc.add %old, %x : (tensor<1xf32>, tensor<1xf32>) -> tensor<1xf32>
  return %new, %new : tensor<1xf32>, tensor<1xf32>
}
"""


@pytest.fixture
def relu(tools, make_model, tmp_path):
    """A module with an input and an output of the names given."""

    def make(x="x", y="y", *options):
        model = make_model([helper.make_node("Relu", [x], [y])], [(x, FLOAT, [2])], [(y, FLOAT, [2])])
        tools.compile(model, tmp_path / "relu.mlc", *options)
        model.unlink()
        return tmp_path / "relu.mlc"

    return make


@pytest.fixture
def x(tmp_path):
    np.save(tmp_path / "x.npy", np.array([-1, 2], np.float32))
    return tmp_path / "x.npy"


@pytest.mark.parametrize("output", ["--output", "--variables", "--profile"])
@pytest.mark.parametrize("victim", ["relu.mlc", "relu.mlc.so", "x.npy", "in.npz", "expect.npz", "./link.npz"])
def test_output_that_is_an_input(tools, relu, x, tmp_path, output, victim):
    module = relu("x", "y", "--code=external")
    np.savez(tmp_path / "expect.npz", y=np.zeros(2, np.float32))
    np.savez(tmp_path / "in.npz")
    (tmp_path / "link.npz").symlink_to("expect.npz")
    tools.refuse(tmp_path, "mlc-run", module, "--input", f"x={x}", "--inputs", tmp_path / "in.npz", "--expect",
                 tmp_path / "expect.npz", output, f"{tmp_path}/{victim}", says=["is an input; name another output"])


@pytest.mark.parametrize("one,other", [("--output", "--profile"), ("--output", "--variables"), ("--variables", "--profile")])
def test_two_outputs_in_one_file(tools, relu, x, tmp_path, one, other):
    tools.refuse(tmp_path, "mlc-run", relu(), "--input", f"x={x}", one, tmp_path / "o.npz", other,
                 f"{tmp_path}/../{tmp_path.name}/o.npz", says=["is named for two outputs; name a file for each"])


@pytest.mark.parametrize("file", ["relu.mlc", "relu.mlc.so"])
@pytest.mark.parametrize("tool,options", [("mlc-run", []), ("mlc-bench", ["--seconds", "0.01"])])
def test_fifo_is_not_waited_for(tools, relu, tmp_path, tool, options, file):
    module = relu("x", "y", "--code=external")
    (tmp_path / file).unlink()
    os.mkfifo(tmp_path / file)
    tools.refuse(tmp_path, tool, module, "--input", "x=random:1", *options, says=[f"{file}': it is not a regular file"])


@pytest.mark.parametrize("tool,options", [
    ("mlc-run", ["--expect", "--output", "--profile", "--variables", "--entry", "--inputs", "--bucket", "--tolerance"]),
    ("mlc-bench", ["--entry", "--inputs", "--bucket", "--seconds"]),
])
def test_empty_values(tools, relu, tmp_path, tool, options):
    module = relu()
    for option in options:
        says = tools.refuse(tmp_path, tool, module, "--input", "x=random:1", option, "", says=[f"{tool}: error: {option}"])
        assert len(says) < 150, says
        tools.refuse(tmp_path, tool, module, "--input", "x=random:1", f"{option}=", says=[f"{tool}: error: {option}"])


@pytest.mark.parametrize("tool,arguments,says", [
    ("mlc-run", ["--tolerance", "nan"], "'nan': expected a number of at least 0 and at most 1e+30"),
    ("mlc-run", ["--tolerance", "-1"], "'-1': expected a number of at least 0"),
    ("mlc-run", ["--tolerance", "inf"], "'inf': expected a number"),
    ("mlc-run", ["--bucket", "-1"], "--bucket: '-1': expected a number, 0 or more"),
    ("mlc-run", ["--output", "-"], "--output: '-' does not stand for the standard output here: name a file"),
    ("mlc-run", ["--variables", "-"], "'-' does not stand for"),
    ("mlc-run", ["--profile", "-"], "'-' does not stand for"),
    ("mlc-run", ["--nonsense"], "--nonsense"),
    ("mlc-run", ["--threads", "0"], "--threads"),
    ("mlc-bench", ["--seconds", "nan"], "'nan': expected a number above 0 and at most 1e+06"),
    ("mlc-bench", ["--seconds", "0"], "'0': expected a number above 0"),
    ("mlc-bench", ["--bucket", "-1"], "'-1': expected a number, 0 or more"),
    ("mlc-bench", ["--nonsense"], "--nonsense"),
])
def test_wrong_command_line(tools, relu, tmp_path, tool, arguments, says):
    done = subprocess.run([tools.directory / tool, relu(), "--input", "x=random:1", *arguments], capture_output=True,
                          text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"{tool}: error: ") and says in done.stderr
    assert not (tmp_path / "-").exists()
    assert "2 a wrong command line" in tools.run(tool, "--help")[0]


def test_module_without_variables(tools, relu, x, tmp_path):
    tools.refuse(tmp_path, "mlc-run", relu(), "--input", f"x={x}", "--variables", tmp_path / "v.npz",
                 says=["the module has no variables"])


def test_full_disk_is_named(tools, relu):
    for arguments in (["--inspect"], ["--help"], ["--input", "x=random:1"]):
        with open("/dev/full", "w") as full:
            done = subprocess.run([tools.directory / "mlc-run", relu(), *arguments], stdout=full, stderr=subprocess.PIPE, text=True)
        assert done.returncode == 1
        assert "cannot write to the standard output: No space left on device" in done.stderr


def test_updates_are_no_outputs(tools, tmp_path):
    (tmp_path / "count.mlir").write_text(COUNTER)
    tools.compile(tmp_path / "count.mlir", tmp_path / "count.mlc")
    bucket = json.loads(tools.run("mlc-run", tmp_path / "count.mlc", "--inspect")[0])["entry_points"][0]["buckets"][0]
    assert [output["name"] for output in bucket["outputs"]] == ["y"]
    assert bucket["updates"] == ["steps"]
    tools.run("mlc-run", tmp_path / "count.mlc", "--input", "x=random:1", "--variables", tmp_path / "v.npz")
    assert list(np.load(tmp_path / "v.npz")) == ["steps"]


def test_module_without_its_code_is_described(tools, relu, tmp_path):
    module = relu("x", "y", "--code=external")
    (tmp_path / "relu.mlc.so").unlink()
    assert '"missing_here": []' in tools.run("mlc-run", module, "--inspect")[0]
    tools.refuse(tmp_path, "mlc-run", module, "--verify", says=["relu.mlc.so"])


@pytest.mark.parametrize("name", ["a=b", "a=b=c", "="])
def test_names_with_equals(tools, relu, tmp_path, name):
    path = tmp_path / "k=v.npy"
    np.save(path, np.array([-1, 2], np.float32))
    tools.run("mlc-run", relu(name), "--input", f"{name}={path}", "--output", tmp_path / "o.npz")
    np.testing.assert_array_equal(np.load(tmp_path / "o.npz")["y"], [0, 2])


def test_output_name_that_leaves_the_folder(tools, relu, x, tmp_path):
    tools.refuse(tmp_path, "mlc-run", relu("x", "../../evil"), "--input", f"x={x}", "--output", tmp_path / "o.npz",
                 says=["output '../../evil' cannot be a name in an .npz"])


def test_names_do_not_reach_the_terminal_raw(tools, relu, tmp_path):
    module = relu("x\x1b[31m", "y\x1b[2J")
    out, _ = tools.run("mlc-run", module, "--input", "x\x1b[31m=random:1")
    assert out == "y\\x1b[2J: f32[2]\n"
    assert "x\\x1b[31m" in tools.refuse(tmp_path, "mlc-run", module, says=["inputs are missing"])
    # Bytes that are no UTF-8, in place of the path that the module remembers; and in its own name.
    strange = os.fsencode(tmp_path) + b"/bad\xff.mlc"
    os.rename(module, strange)
    done = subprocess.run([tools.directory / "mlc-bench", strange, "--json", "--seconds", "0.01"], capture_output=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["module"].endswith("/bad\ufffd.mlc")
    done = subprocess.run([tools.directory / "mlc-run", strange, "--verify"], capture_output=True)
    assert b"bad\\xff.mlc: header" in done.stdout


def test_inspect_with_names_that_are_no_utf8(tools, make_model, tmp_path):
    model = make_model([helper.make_node("Relu", ["x"], ["y"])], [("x", FLOAT, [2])], [("y", FLOAT, [2])])
    strange = os.fsencode(tmp_path) + b"/bad\xff.onnx"
    os.rename(model, strange)
    tools.compile(os.fsdecode(strange), tmp_path / "bad.mlc")
    done = subprocess.run([tools.directory / "mlc-run", tmp_path / "bad.mlc", "--inspect"], capture_output=True)
    assert done.returncode == 0, done.stderr
    assert "bad\ufffd.onnx" in json.loads(done.stdout)["source"]


def test_private_output_stays_private(tools, relu, x, tmp_path):
    output = tmp_path / "o.npz"
    output.touch(0o600)
    tools.run("mlc-run", relu(), "--input", f"x={x}", "--output", output)
    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    tools.run("mlc-run", tmp_path / "relu.mlc", "--input", f"x={x}", "--output", tmp_path / ("n" * 251 + ".npz"))


def test_expect_may_hold_some_outputs_of_other_types(tools, relu, tmp_path):
    np.savez(tmp_path / "in.npz", x=np.array([np.nan, 2], np.float32))
    np.savez(tmp_path / "expect.npz", y=np.array([np.nan, 2], np.float64))
    tools.run("mlc-run", relu(), "--inputs", tmp_path / "in.npz", "--expect", tmp_path / "expect.npz")
