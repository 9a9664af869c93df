"""--tune: what is chosen is kept, and changes nothing but the time. Nothing here depends on what is fast."""
import json
import re
import subprocess

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

TARGET = "--target-cpu=x86-64-v3"
FLOAT = TensorProto.FLOAT


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MLC_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def model(make_model):
    """Two products, and a row-wise kernel that has no choice."""
    random = np.random.default_rng(1)
    w, v = (numpy_helper.from_array(random.standard_normal(shape, np.float32) / 8, name)
            for name, shape in (("w", (64, 96)), ("v", (96, 40))))  # fmt: skip
    nodes = [helper.make_node("MatMul", ["x", "w"], ["a"]), helper.make_node("Softmax", ["a"], ["s"]),
             helper.make_node("MatMul", ["s", "v"], ["b"]), helper.make_node("Relu", ["b"], ["y"])]
    return make_model(nodes, [("x", FLOAT, [33, 64])], [("y", FLOAT, [33, 40])], [w, v])


def chosen(report):
    """How each kernel that has a choice came to its schedule."""
    table = report.split("schedules: ")[1].split("\n\n")[0].splitlines()[2:]
    return [re.match(r"\s*\d+ +(cost model|earlier measurement|measurement|file)( \(not reached.*?\))?", line)[1] for line in table]


def test_tuned_then_cached(tools, model, tmp_path, cache):
    report, said = tools.compile(model, tmp_path / "a.mlc", TARGET, "--tune=600", "--report", "--timing",
                                 f"--export-schedules={tmp_path / 'a.json'}")
    assert chosen(report) == ["measurement"] * 2 and "of 2 kernels with a choice 2 were measured" in said + report
    assert len([path for path in (cache / "schedules").rglob("*") if path.is_file()]) == 2
    report, _ = tools.compile(model, tmp_path / "b.mlc", TARGET, "--tune=cached", "--report")
    assert chosen(report) == ["earlier measurement"] * 2
    # Measured once is enough.
    report, _ = tools.compile(model, tmp_path / "c.mlc", TARGET, "--tune=600", "--report")
    assert chosen(report) == ["earlier measurement"] * 2
    report, _ = tools.compile(model, tmp_path / "d.mlc", TARGET, f"--schedules={tmp_path / 'a.json'}", "--no-cache", "--report")
    assert chosen(report) == ["file"] * 2
    a, b, c, d = ((tmp_path / f"{name}.mlc").read_bytes() for name in "abcd")
    assert a == b == c == d
    provenance = json.loads(tools.run("mlc-run", "--inspect", tmp_path / "a.mlc")[0])["options"]
    exported = json.loads((tmp_path / "a.json").read_text())
    for kernel in exported["schedules"][0]["kernels"]:
        assert kernel["schedule"] in kernel.pop("choices")
    assert json.loads(provenance["schedules"]) == exported and "tune" not in provenance


def test_all_choices_are_right(tools, model, tmp_path):
    """Every schedule gives the same bits, and those agree with the reference."""
    x = {"x": np.random.default_rng(2).standard_normal((33, 64), np.float32)}
    tools.compile(model, tmp_path / "m.mlc", TARGET, f"--export-schedules={tmp_path / 's.json'}")
    expected = tools.infer(tmp_path / "m.mlc", x, tmp_path)["y"]
    schedules = json.loads((tmp_path / "s.json").read_text())
    kernels = schedules["schedules"][0]["kernels"]
    for i in range(max(len(kernel["choices"]) for kernel in kernels)):
        for kernel in kernels:
            kernel["schedule"] = kernel["choices"][i % len(kernel["choices"])]
        (tmp_path / "s.json").write_text(json.dumps(schedules))
        tools.compile(model, tmp_path / "m.mlc", TARGET, f"--schedules={tmp_path / 's.json'}")
        np.testing.assert_array_equal(tools.infer(tmp_path / "m.mlc", x, tmp_path)["y"], expected)
        out, _ = tools.run("mlc-opt", model, TARGET, "--per-op-compare", f"--schedules={tmp_path / 's.json'}")
        assert "kernels agree with the interpreter" in out


def test_nothing_kept_earlier(tools, model, tmp_path, cache):
    """The cost model's module, but for the provenance."""
    report, _ = tools.compile(model, tmp_path / "a.mlc", TARGET, "--tune=cached", "--report")
    assert chosen(report) == ["cost model"] * 2 and not (cache / "schedules").exists()
    tools.compile(model, tmp_path / "b.mlc", TARGET, f"--export-schedules={tmp_path / 's.json'}")
    assert (tmp_path / "a.mlc").read_bytes() == (tmp_path / "b.mlc").read_bytes()


def test_damaged_winners_are_measured_again(tools, model, tmp_path, cache):
    tools.compile(model, tmp_path / "a.mlc", TARGET, "--tune=600")
    for path in (cache / "schedules").rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[:-1])
    report, _ = tools.compile(model, tmp_path / "b.mlc", TARGET, "--tune=cached", "--report")
    assert chosen(report) == ["cost model"] * 2
    report, _ = tools.compile(model, tmp_path / "b.mlc", TARGET, "--tune=600", "--report")
    assert chosen(report) == ["measurement"] * 2


def test_no_cache_keeps_nothing(tools, model, tmp_path, cache):
    report, _ = tools.compile(model, tmp_path / "a.mlc", TARGET, "--tune=600", "--no-cache", "--report")
    assert chosen(report) == ["measurement"] * 2 and not cache.exists()


def test_time_that_is_too_short(tools, model, tmp_path, cache):
    report, _ = tools.compile(model, tmp_path / "a.mlc", TARGET, "--tune=1e-9", "--report")
    assert chosen(report) == ["cost model"] * 2 and report.count("(not reached: give --tune more seconds)") == 2
    assert not (cache / "schedules").exists()


def test_several_at_the_same_time(tools, model, tmp_path, cache):
    started = [subprocess.Popen([str(tools.directory / "mlc-opt"), str(model), TARGET, "--tune=5", "-o",
                                 str(tmp_path / f"{i}.mlc")]) for i in range(3)]
    assert [process.wait() for process in started] == [0] * 3
    tools.compile(model, tmp_path / "a.mlc", TARGET, "--tune=cached")
    tools.compile(model, tmp_path / "b.mlc", TARGET, "--tune=cached")
    assert (tmp_path / "a.mlc").read_bytes() == (tmp_path / "b.mlc").read_bytes()


@pytest.mark.parametrize("arguments,says", [
    (["--tune=soon"], "--tune=soon: expected a number of seconds above 0, cached or off"),
    (["--tune=0"], "--tune=0: expected a number of seconds above 0, cached or off"),
    (["--tune=nan"], "--tune=nan: expected a number of seconds above 0, cached or off"),
    (["--tune=1", "--tune=2"], "--tune is given 2 times; give it once"),
    (["--tune", "--check"], "--tune is about code, and --check generates none"),
    (["--schedules=FILE", "--interpret"], "--schedules is about code, and --interpret generates none"),
    (["--export-schedules=NEW", "--per-op-compare"], "--export-schedules is for a module, not for --per-op-compare"),
    (["--tune=cached", "--no-cache", "-o", "NEW"], "--tune=cached takes schedules from the cache, and --no-cache forbids that"),
    (["--tune=cached", "-o", "NEW"], "--tune=cached has nothing to take schedules from: MLC_CACHE_DIR is off"),
    (["--schedules=", "-o", "NEW"], "--schedules has no value"),
    (["--schedules=NEW", "-o", "NEW"], "--schedules: 'NEW': No such file or directory"),
    (["--schedules=FILE", "-o", "FILE"], "'FILE' is an input; name another output"),
    (["--schedules=FILE", "--export-schedules=FILE", "-o", "NEW"], "'FILE' is an input; name another output"),
    (["--export-schedules=/nowhere/s.json", "-o", "NEW"], "--export-schedules: "),
])  # fmt: skip
def test_wrong_command_lines(tools, model, tmp_path, arguments, says):
    (tmp_path / "FILE").write_text('{"schedules": []}')
    arguments = [re.sub(r"\b(FILE|NEW)\b", lambda name: str(tmp_path / name[0]), argument) for argument in arguments]
    says = re.sub(r"'(FILE|NEW)'", lambda name: f"'{tmp_path / name[1]}'", says)
    tools.refuse(tmp_path, "mlc-opt", model, TARGET, *arguments, says=[says])


KERNEL = '{"kernel": "0123456789abcdef", "schedule": "8x48"}'


@pytest.mark.parametrize("content,says", [
    ("", "is no JSON: "),
    ("{", "is no JSON: "),
    ("\xff", "is no JSON: "),
    ("[]", 'expected {"schedules": [...]}, as --export-schedules writes it'),
    ('{"schedules": [], "more": 1}', 'expected {"schedules": [...]}'),
    ('{"schedules": [1]}', 'expected {"target": "...", "kernels": [...]} for each target'),
    ('{"schedules": []}', "has no schedules for the target 'x86-64-v3', only for none"),
    ('{"schedules": [{"target": "x86-64-v4", "kernels": []}]}', "has no schedules for the target 'x86-64-v3', only for x86-64-v4"),
    ('{"schedules": [{"target": "a", "kernels": []}, {"target": "a", "kernels": []}]}', "has the target 'a' twice"),
    ('{"schedules": [{"target": "x86-64-v3", "kernels": [{"kernel": 7}]}]}', 'expected {"kernel": "...", "schedule": "..."}'),
    ('{"schedules": [{"target": "x86-64-v3", "kernels": [KERNEL, KERNEL]}]}', "has the kernel '0123456789abcdef' twice"),
    ('{"schedules": [{"target": "x86-64-v3", "kernels": [{"kernel": "0", "schedule": "", "speed": 1}]}]}', "has the key 'speed' in"),
])  # fmt: skip
def test_files_that_are_none(tools, model, tmp_path, content, says):
    (tmp_path / "s.json").write_text(content.replace("KERNEL", KERNEL), "latin-1")
    tools.refuse(tmp_path, "mlc-opt", model, TARGET, f"--schedules={tmp_path / 's.json'}", "-o", tmp_path / "m.mlc",
                 says=[f"--schedules: '{tmp_path / 's.json'}' ", says])


def test_schedules_that_a_kernel_does_not_have(tools, model, tmp_path):
    tools.compile(model, tmp_path / "a.mlc", TARGET, f"--export-schedules={tmp_path / 's.json'}")
    good = json.loads((tmp_path / "s.json").read_text())
    good["schedules"][0]["kernels"][0]["schedule"] = "999x16"
    (tmp_path / "s.json").write_text(json.dumps(good))
    tools.refuse(tmp_path, "mlc-opt", model, TARGET, f"--schedules={tmp_path / 's.json'}", "-o", tmp_path / "b.mlc",
                 says=["asks for the schedule '999x16' of the kernel '", "which the emitter 'vector' does not have; it has '"])


def test_kernels_of_other_models_are_a_note(tools, model, tmp_path):
    text = '{"schedules": [{"target": "x86-64-v3", "kernels": [' + KERNEL + "]}]}"
    (tmp_path / "s.json").write_text(text)
    report, said = tools.compile(model, tmp_path / "a.mlc", TARGET, f"--schedules={tmp_path / 's.json'}", "--report")
    assert f"--schedules: 1 kernels of '{tmp_path / 's.json'}' are none of this model's" in said
    assert chosen(report) == ["cost model"] * 2


def test_several_targets(tools, model, tmp_path, cache):
    if "avx512f" not in open("/proc/cpuinfo").read():
        pytest.skip("this machine runs one target")
    both = "--target-cpu=x86-64-v3,x86-64-v4"
    report, _ = tools.compile(model, tmp_path / "a.mlc", both, "--tune=600", "--report", f"--export-schedules={tmp_path / 's.json'}")
    assert report.count(" measurement ") == 4
    tools.compile(model, tmp_path / "b.mlc", both, f"--schedules={tmp_path / 's.json'}")
    assert (tmp_path / "a.mlc").read_bytes() == (tmp_path / "b.mlc").read_bytes()
    # What the file has for other targets is not looked at.
    report, _ = tools.compile(model, tmp_path / "c.mlc", TARGET, f"--schedules={tmp_path / 's.json'}", "--report")
    assert chosen(report) == ["file"] * 2


def test_a_target_that_does_not_run_here(tools, model, tmp_path):
    features = open("/proc/cpuinfo").read()
    missing = next((llvm for llvm, linux in (("amx-bf16", "amx_bf16"), ("avx512fp16", "avx512_fp16")) if linux not in features), None)
    if missing is None:
        pytest.skip("this machine has all features")
    tools.refuse(tmp_path, "mlc-opt", model, f"--target-cpu=x86-64-v3,x86-64-v4+{missing}", "--tune=1", "-o", tmp_path / "m.mlc",
                 says=[f"--tune measures on this machine, which cannot run code for the target 'x86-64-v4+{missing}': it lacks ",
                       missing, "--export-schedules=FILE"])
    tools.compile(model, tmp_path / "m.mlc", f"--target-cpu=x86-64-v3,x86-64-v4+{missing}", f"--export-schedules={tmp_path / 's'}")
    assert len(json.loads((tmp_path / "s").read_text())["schedules"]) == 2
