"""mlc-opt as a compiler: code beside the module, variables, progress, the same bytes from any number of threads."""
import shutil

import numpy as np
import pytest

MATMUL = """
mlc.param @w : tensor<40x72xf32> = #mlc.seeded<7, normal, 0.0 : f64, 1.0 : f64>
func.func @main(%x: tensor<5x40xf32> {mlc.name = "x"}) -> (tensor<5x72xf32> {mlc.name = "y"})
    attributes {mlc.entry = "infer"} {
  %w = mlc.load_param @w : tensor<40x72xf32>
  %0 = mlc.matmul %x, %w : (tensor<5x40xf32>, tensor<40x72xf32>) -> tensor<5x72xf32>
  %1 = mlc.softmax %0 {axis = 1 : i64} : (tensor<5x72xf32>) -> tensor<5x72xf32>
  %2 = mlc.tanh %1 : (tensor<5x72xf32>) -> tensor<5x72xf32>
  return %2 : tensor<5x72xf32>
}
"""


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "m.mlir"
    path.write_text(MATMUL)
    return path


def run_once(tools, module, work):
    np.savez(work / "x.npz", x=np.linspace(-1, 1, 200, dtype=np.float32).reshape(5, 40))
    return tools.run("mlc-run", module, "--inputs", work / "x.npz", "--output", work / "y.npz")


def test_same_bytes_at_any_number_of_jobs(tools, source, tmp_path):
    modules = []
    for i, jobs in enumerate([1, 2, 4, 4]):
        tools.compile(source, tmp_path / f"{i}.mlc", f"--jobs={jobs}", "--target-cpu=x86-64-v3")
        modules.append((tmp_path / f"{i}.mlc").read_bytes())
    assert all(module == modules[0] for module in modules)


def test_external_code(tools, source, tmp_path):
    module = tmp_path / "m.mlc"
    tools.compile(source, module)
    run_once(tools, module, tmp_path)
    expected = dict(np.load(tmp_path / "y.npz"))
    embedded = module.stat().st_size

    module.unlink()
    tools.compile(source, module, "--code=external")
    code = tmp_path / "m.mlc.so"
    assert code.read_bytes()[:4] == b"\x7fELF" and module.stat().st_size < embedded
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    shutil.move(module, moved)
    shutil.move(code, moved)
    run_once(tools, moved / "m.mlc", tmp_path)
    assert np.array_equal(np.load(tmp_path / "y.npz")["y"], expected["y"])

    whole = (moved / "m.mlc.so").read_bytes()
    (moved / "m.mlc.so").write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    np.savez(tmp_path / "x.npz", x=np.zeros((5, 40), np.float32))
    _, message = tools.run("mlc-run", moved / "m.mlc", "--inputs", tmp_path / "x.npz", expect=1)
    assert "m.mlc.so" in message and "checksum" in message
    (moved / "m.mlc.so").unlink()
    _, message = tools.run("mlc-run", moved / "m.mlc", "--inputs", tmp_path / "x.npz", expect=1)
    assert "m.mlc.so" in message and "No such file" in message


# ---- Variables ----

HEAD = """
mlc.variable @step : tensor<i64> = dense<5> : tensor<i64>
mlc.variable @mean : tensor<{n}xf32> = dense<0.0> : tensor<{n}xf32> {{role = "statistics"}}
func.func @update(%x: tensor<{n}xf32> {{mlc.name = "x"}}, %step: tensor<i64> {{mlc.variable = @step}},
                  %mean: tensor<{n}xf32> {{mlc.variable = @mean}})
    -> (tensor<i64> {{mlc.variable = @step}}, tensor<{n}xf32> {{mlc.variable = @mean}}, tensor<{n}xf32> {{mlc.name = "y"}})
    attributes {{mlc.entry = "infer"}} {{
  %one = mlc.constant dense<1> : tensor<i64>
  %half = mlc.constant dense<0.5> : tensor<f32>
  %next = mlc.add %step, %one : (tensor<i64>, tensor<i64>) -> tensor<i64>
  %sum = mlc.add %mean, %x : (tensor<{n}xf32>, tensor<{n}xf32>) -> tensor<{n}xf32>
  %new = mlc.mul %sum, %half : (tensor<{n}xf32>, tensor<f32>) -> tensor<{n}xf32>
"""
# What is returned as y besides: the new mean doubled; or the old one, which then cannot be overwritten in place.
NEW = """
  %y = mlc.add %new, %new : (tensor<{n}xf32>, tensor<{n}xf32>) -> tensor<{n}xf32>
  return %next, %new, %y : tensor<i64>, tensor<{n}xf32>, tensor<{n}xf32>
}}
"""
OLD = """
  return %next, %new, %mean : tensor<i64>, tensor<{n}xf32>, tensor<{n}xf32>
}}
"""


def run_with_variables(tools, module, work, runs, **inputs):
    np.savez(work / "x.npz", **inputs)
    files = ["--inputs", work / "x.npz", "--output", work / "y.npz"] if inputs else []
    tools.run("mlc-run", module, *files, "--runs", runs, "--variables", work / "v.npz")
    return dict(np.load(work / "v.npz")), dict(np.load(work / "y.npz")) if inputs else {}


@pytest.mark.parametrize("n", [1, 7, 40, 20011])
@pytest.mark.parametrize("tail", [NEW, OLD], ids=["new", "old"])
def test_running_mean(tools, tmp_path, n, tail):
    path, module = tmp_path / "v.mlir", tmp_path / "v.mlc"
    path.write_text((HEAD + tail).format(n=n))
    report, _ = tools.compile(path, module, "--report")
    # In place where that is safe; a copy, with its reason, where it is not.
    assert ("variable @mean: its old value is returned" in report) == (tail is OLD)
    assert "variable @step" not in report
    x = np.random.default_rng(n).standard_normal(n).astype(np.float32)
    mean = np.zeros(n, np.float32)
    for runs in (1, 2, 3):
        old, mean = mean, (mean + x) * np.float32(0.5)
        variables, outputs = run_with_variables(tools, module, tmp_path, runs, x=x)
        assert variables["step"] == 5 + runs
        assert np.array_equal(variables["mean"], mean)
        assert np.array_equal(outputs["y"], mean + mean if tail is NEW else old)
    # The interpreter gives what the first run of a session does.
    np.save(tmp_path / "x.npy", x)
    tools.run("mlc-opt", path, "--interpret", "--input", f"x={tmp_path / 'x.npy'}", "-o", tmp_path / "i.npz")
    _, outputs = run_with_variables(tools, module, tmp_path, 1, x=x)
    assert np.array_equal(np.load(tmp_path / "i.npz")["y"], outputs["y"])


def test_variables_change_places(tools, tmp_path):
    path, module = tmp_path / "v.mlir", tmp_path / "v.mlc"
    path.write_text("""
mlc.variable @a : tensor<3xf32> = dense<[1.0, 2.0, 3.0]> : tensor<3xf32>
mlc.variable @b : tensor<3xf32> = dense<[4.0, 5.0, 6.0]> : tensor<3xf32>
func.func @swap(%a: tensor<3xf32> {mlc.variable = @a}, %b: tensor<3xf32> {mlc.variable = @b})
    -> (tensor<3xf32> {mlc.variable = @a}, tensor<3xf32> {mlc.variable = @b}) attributes {mlc.entry = "swap"} {
  return %b, %a : tensor<3xf32>, tensor<3xf32>
}
func.func @read(%a: tensor<3xf32> {mlc.variable = @a}) -> (tensor<3xf32> {mlc.name = "y"})
    attributes {mlc.entry = "read"} {
  return %a : tensor<3xf32>
}
""")
    tools.compile(path, module)
    for runs, a, b in [(1, [4, 5, 6], [1, 2, 3]), (2, [1, 2, 3], [4, 5, 6])]:
        tools.run("mlc-run", module, "--entry", "swap", "--runs", runs, "--variables", tmp_path / "v.npz")
        variables = np.load(tmp_path / "v.npz")
        assert variables["a"].tolist() == a and variables["b"].tolist() == b
    _, message = tools.run("mlc-run", module, expect=1)
    assert "the module has 2 entry points (swap, read); choose one with --entry" in message
    tools.run("mlc-run", module, "--entry", "read", "--output", tmp_path / "y.npz")
    assert np.load(tmp_path / "y.npz")["y"].tolist() == [1, 2, 3]


def test_old_value_read_by_a_later_kernel_or_by_another_element(tools, tmp_path):
    """Reversing reads other elements than it writes; a matmul's kernel reads its operand again and again."""
    path, module = tmp_path / "v.mlir", tmp_path / "v.mlc"
    path.write_text("""
mlc.variable @a : tensor<4x4xf32> = dense<[[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0], [0.0, 1.0, 0.0, 1.0], [2.0, 0.0, 2.0, 0.0]]> : tensor<4x4xf32>
mlc.variable @b : tensor<4x4xf32> = dense<1.0> : tensor<4x4xf32>
func.func @f(%a: tensor<4x4xf32> {mlc.variable = @a}, %b: tensor<4x4xf32> {mlc.variable = @b})
    -> (tensor<4x4xf32> {mlc.variable = @a}, tensor<4x4xf32> {mlc.variable = @b}) attributes {mlc.entry = "infer"} {
  %t = mlc.transpose %a {permutation = array<i64: 1, 0>} : (tensor<4x4xf32>) -> tensor<4x4xf32>
  %m = mlc.matmul %b, %a : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  return %t, %m : tensor<4x4xf32>, tensor<4x4xf32>
}
""")
    report, _ = tools.compile(path, module, "--report")
    _, message = tools.run("mlc-run", module, "--output", tmp_path / "y.npz", expect=1)
    assert ("the entry point 'infer' gives no outputs, it only updates variables; read those with --variables FILE.npz"
            in message)
    assert "variable @a: " in report and "variable @b: the kernel that computes it does not read" in report
    a = np.float32([[1, 2, 3, 4], [5, 6, 7, 8], [0, 1, 0, 1], [2, 0, 2, 0]])
    b = np.ones((4, 4), np.float32)
    for runs in (1, 2, 3):
        a, b = a.T, b @ a
        variables, _ = run_with_variables(tools, module, tmp_path, runs)
        assert np.array_equal(variables["a"], a) and np.array_equal(variables["b"], b)


# ---- Progress ----


def test_progress_on_a_terminal_alone(tools, source, tmp_path):
    command = ["mlc-opt", source, "--compile-to=simplify", "-o", tmp_path / "o.mlir",
               f"--load-pass-plugin={tools.directory.parent / 'lib/mlc_test_passes.so'}", "--add-passes=simplify:test-sleep"]
    status, text = tools.on_a_terminal(*command)
    assert status == 0 and "mlc-opt: simplify (2 s)" in text
    assert tools.run(*command) == ("", "")
