"""mlc-bench kernel: one kernel alone."""
import json
import pathlib
import subprocess

import pytest

FAST = ["--seconds", "0.02"]


def laboratory(tools, *arguments):
    return json.loads(tools.run("mlc-bench", "kernel", *arguments, *FAST, "--json")[0])


def has_feature(name):
    return name in pathlib.Path("/proc/cpuinfo").read_text().split()


@pytest.mark.parametrize("dtype,bytes_each", [("f32", 4), ("bf16", 2)])
def test_matmul(tools, dtype, bytes_each):
    report = laboratory(tools, "matmul", "33x64x96", "--dtype", dtype, "--epilogue", "bias,residual,gelu")
    assert report["weight_bytes"] == 64 * 96 * bytes_each and report["flops"] >= 2 * 33 * 64 * 96
    (candidate,) = report["candidates"]
    assert candidate["arithmetic"] == dtype and 0 < candidate["hot"]["min_us"] <= candidate["hot"]["us"]
    assert candidate["hot"]["gflops_per_s"] == pytest.approx(report["flops"] / candidate["hot"]["us"] * 1e-3)
    # 24 kB of weights: no number of copies that is worth packing fills a cache.
    assert "cold" not in candidate


@pytest.mark.parametrize("arguments,flops", [
    (["conv", "1x14x14x32", "--filter", "3x3x64", "--stride", "2", "--epilogue", "relu"], 2 * 7 * 7 * 9 * 32 * 64),
    (["conv", "1x15x14x32", "--filter", "1x1", "--stride", "2"], 2 * 8 * 7 * 32 * 32),
    (["attention", "1x2x32x16"], 4 * 2 * 32 * 32 * 16),
])  # fmt: skip
def test_other_kinds(tools, arguments, flops):
    assert laboratory(tools, *arguments, "--threads", "2")["flops"] >= flops


def test_cold_weights(tools):
    report = laboratory(tools, "matmul", "16x1024x1024")
    text = tools.run("mlc-bench", "kernel", "matmul", "16x1024x1024", *FAST)[0]
    assert ("cold " in text) and (("cold" in report["candidates"][0]) != ("are not measured" in text))


def test_inner_loop(tools):
    report = laboratory(tools, "matmul", "64x256x128", "--asm", "--epilogue", "bias,gelu")
    loop = report["candidates"][0]["inner_loop"]
    assert ".micro_" in loop["function"] and loop["multiplies"] >= 8 and loop["stack_accesses"] >= 0
    assert loop["lines"][0].endswith(":") and loop["lines"][-1].split()[-1] == loop["lines"][0][:-1]
    # It is the loop over the depth, not the epilogue's polynomial: all it multiplies is summed.
    assert loop["multiplies"] == sum("vfmadd231" in line for line in loop["lines"])
    text = tools.run("mlc-bench", "kernel", "matmul", "64x256x128", "--asm", *FAST)[0]
    assert f"inner loop of {loop['multiplies']} multiply-adds, " in text


def test_inner_loop_of_tiles(tools, amx):
    target = "--target-cpu=x86-64-v4+avx512bf16+amx-tile+amx-bf16"
    report = laboratory(tools, "matmul", "64x256x64", "--dtype", "bf16", "--asm", "--compile-with", target)
    loop = report["candidates"][1]["inner_loop"]
    assert report["candidates"][1]["schedule"].startswith("vector: amx 16x16,block=2x2")
    assert loop["multiplies"] == sum("tdpbf16ps" in line for line in loop["lines"]) > 0


def test_int8(tools):
    """Products are integers' for the peak, and what follows is f32."""
    for arguments in (["matmul", "33x64x96"], ["conv", "1x14x14x32", "--filter", "3x3x64", "--stride", "2"]):
        report = laboratory(tools, *arguments, "--dtype", "int8", "--epilogue", "bias,residual,relu")
        assert report["candidates"][0]["arithmetic"] == "ui8"
    tools.refuse(pathlib.Path(__file__).parent, "mlc-bench", "kernel", "attention", "1x2x32x16", "--dtype", "int8",
                 says=["attention has no kernel in int8"])


def test_candidates_take_turns(tools):
    report = laboratory(tools, "matmul", "48x64x64", "--compile-with", "--target-cpu=x86-64-v3 --jobs=1")
    assert [candidate["options"] for candidate in report["candidates"]] == ["", "--target-cpu=x86-64-v3 --jobs=1"]
    if has_feature("avx512f"):
        assert len({candidate["schedule"] for candidate in report["candidates"]}) == 2


@pytest.mark.parametrize("arguments", [["matmul", "48x64x80", "--epilogue", "gelu"], ["conv", "1x14x14x32", "--filter", "3x3x64"]])
def test_all_schedules(tools, arguments):
    candidates = laboratory(tools, *arguments, "--candidates")["candidates"]
    choices = [candidate["choice"] for candidate in candidates]
    assert len(choices) > 1 and len(set(choices)) == len(choices)
    assert [candidate["cost_model"] for candidate in candidates] == [True] + [False] * (len(choices) - 1)
    text = tools.run("mlc-bench", "kernel", *arguments, "--candidates", *FAST)[0]
    assert all(choice in text for choice in choices) and text.count(f"{choices[0]}   the cost model's") >= 1


def test_a_kernel_without_a_choice(tools):
    (candidate,) = laboratory(tools, "attention", "1x2x32x16", "--candidates")["candidates"]
    assert "choice" not in candidate and candidate["hot"]["us"] > 0


@pytest.mark.parametrize("arguments,code,says", [
    ([], 2, "kind is required"),
    (["fft", "8"], 2, "kind: fft not in {matmul,conv,attention}"),
    (["matmul"], 2, "shape is required"),
    (["matmul", ""], 2, "shape: the value is empty"),
    (["matmul", "8x8"], 1, "matmul '8x8': expected MxKxN, as 128x768x3072"),
    (["matmul", "8x8x"], 1, "matmul '8x8x': expected MxKxN"),
    (["matmul", "8x0x8"], 1, "matmul '8x0x8': expected MxKxN"),
    (["matmul", "8x8x99999999999999999999"], 1, "expected MxKxN"),
    (["conv", "1x8x8"], 1, "conv '1x8x8': expected NxHxWxC, as 1x56x56x64"),
    (["conv", "1x8x8x4", "--filter", "3"], 1, "--filter '3': expected HxWxO"),
    (["attention", "8x8x8"], 1, "attention '8x8x8': expected BATCHxHEADSxTOKENSxSIZE"),
    (["matmul", "8x8x8", "--dtype", "f8"], 2, "--dtype: f8 not in {f32,bf16,int8}"),
    (["matmul", "8x8x8", "--epilogue", "tanh"], 1, "--epilogue 'tanh': 'tanh' is none of bias, residual, relu, gelu"),
    (["matmul", "8x8x8", "--stride", "0"], 2, "--stride"),
    (["matmul", "8x8x8", "--seconds", "0"], 2, "--seconds: '0': expected a number above 0"),
    (["matmul", "8x8x8", "--compile-with", "--no-such-option"], 1, "mlc-opt cannot compile this kernel:\nmlc-opt: Unknown"),
])  # fmt: skip
def test_wrong_command_lines(tools, tmp_path, arguments, code, says):
    done = subprocess.run([tools.directory / "mlc-bench", "kernel", *arguments], capture_output=True, text=True,
                          env={"TMPDIR": str(tmp_path)})  # fmt: skip
    assert done.returncode == code and done.stderr.startswith("mlc-bench: error: ") and says in done.stderr, done.stderr
    assert not list(tmp_path.iterdir())


def test_without_a_compiler(tools, tmp_path):
    (tmp_path / "mlc-bench").write_bytes((tools.directory / "mlc-bench").read_bytes())
    (tmp_path / "mlc-bench").chmod(0o755)
    done = subprocess.run([tmp_path / "mlc-bench", "kernel", "matmul", "8x8x8"], capture_output=True, text=True)
    assert done.returncode == 1 and "is not there: the laboratory compiles kernels with the mlc-opt beside" in done.stderr
