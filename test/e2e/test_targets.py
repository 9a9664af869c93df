"""Code for several CPUs in one module, which share its parameters."""
import json

import numpy as np
import pytest

MODEL = """
mlc.param @w : tensor<300x64xf32> = #mlc.seeded<7, normal, 0.0 : f64, 1.0 : f64>
func.func @main(%x: tensor<5x300xf32> {mlc.name = "x"}) -> (tensor<5x64xf32> {mlc.name = "y"})
    attributes {mlc.entry = "infer"} {
  %w = mlc.load_param @w : tensor<300x64xf32>
  %0 = mlc.matmul %x, %w : (tensor<5x300xf32>, tensor<300x64xf32>) -> tensor<5x64xf32>
  %1 = mlc.softmax %0 {axis = 1 : i64} : (tensor<5x64xf32>) -> tensor<5x64xf32>
  return %1 : tensor<5x64xf32>
}
"""


@pytest.fixture
def source(tmp_path):
    (tmp_path / "m.mlir").write_text(MODEL)
    return tmp_path / "m.mlir"


def inspect(tools, module):
    return json.loads(tools.run("mlc-run", module, "--inspect")[0])


def test_best_one_runs(tools, source, tmp_path):
    x = np.random.default_rng(1).standard_normal((5, 300)).astype(np.float32)
    results, bytes_of_params = {}, set()
    for targets in ("x86-64-v3", "native", "x86-64-v3,native", "native,x86-64-v3"):
        module = tmp_path / f"{targets}.mlc"
        tools.compile(source, module, f"--target-cpu={targets}")
        results[targets] = tools.infer(module, {"x": x}, tmp_path)["y"]
        bytes_of_params.add(inspect(tools, module)["params_bytes"])
    # Whatever their order, the one that needs most of the CPU is taken.
    assert np.array_equal(results["x86-64-v3,native"], results["native"])
    assert np.array_equal(results["native,x86-64-v3"], results["native"])
    assert len(bytes_of_params) == 1


def test_inspect_shows_all(tools, source, tmp_path):
    module = tmp_path / "m.mlc"
    report, _ = tools.compile(source, module, "--target-cpu=x86-64-v3,x86-64-v4", "--report")
    assert report.count("target x86-64-v") == 2 and report.count("weights: ") == 1
    shown = inspect(tools, module)
    assert [target["name"] for target in shown["targets"]] == ["x86-64-v3", "x86-64-v4"]
    assert shown["options"]["target-cpu"] == "x86-64-v3,x86-64-v4"
    assert sorted({kernel["target"] for kernel in shown["kernels"]}) == [0, 1]
    assert [bucket["target"] for bucket in shown["entry_points"][0]["buckets"]] == [0, 1]


def test_external_code_is_a_file_for_each(tools, source, tmp_path):
    tools.compile(source, tmp_path / "m.mlc", "--target-cpu=x86-64-v3,x86-64-v4", "--code=external")
    assert sorted(path.name for path in tmp_path.glob("*.so")) == ["m.mlc.x86-64-v3.so", "m.mlc.x86-64-v4.so"]
    tools.infer(tmp_path / "m.mlc", {"x": np.zeros((5, 300), np.float32)}, tmp_path)


def test_wrong_lists(tools, source, tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    for targets, says in [("x86-64-v3,", "unknown target ''; known are x86-64-v3, x86-64-v4, native"),
                          ("x86-64-v3,i386", "unknown target 'i386'"),
                          ("x86-64-v3,x86-64-v4,x86-64-v3", "'x86-64-v3' is given twice")]:
        tools.refuse(work, "mlc-opt", source, "-o", work / "m.mlc", f"--target-cpu={targets}", says=["--target-cpu", says])
    tools.refuse(work, "mlc-opt", source, "--emit=asm", "--target-cpu=x86-64-v3,x86-64-v4",
                 says=["--target-cpu=x86-64-v3,x86-64-v4: kernels are printed for one target; give one, or write a module"])
