"""The cache of kernels: it saves work, it changes nothing, and nothing that is wrong with it matters."""
import re
import subprocess

import pytest

# The same three kernels, numbered otherwise in the second.
SAME = """
  %s = mlc.softmax %x {axis = 1 : i64} : (tensor<6x200xf32>) -> tensor<6x200xf32>
  %n = mlc.layer_norm %s scale(%g) bias(%b) {axis = 1 : i64, epsilon = 1.0e-5 : f64}
      : (tensor<6x200xf32>, tensor<200xf32>, tensor<200xf32>) -> tensor<6x200xf32>
  %y = mlc.matmul %n, %w : (tensor<6x200xf32>, tensor<200x24xf32>) -> tensor<6x24xf32>
"""
MODEL = """
mlc.param @w : tensor<200x24xf32> = #mlc.seeded<7, normal, 0.0 : f64, 1.0 : f64>
func.func @main(%x: tensor<6x200xf32>, %g: tensor<200xf32>, %b: tensor<200xf32>) -> tensor<RESULT>
    attributes {mlc.entry = "infer"} {
  %w = mlc.load_param @w : tensor<200x24xf32>
BODY
}
"""
FIRST = MODEL.replace("RESULT", "6x24xf32").replace("BODY", SAME + "  return %y : tensor<6x24xf32>")
SECOND = MODEL.replace("RESULT", "6x1xf32").replace("BODY", """
  %0 = mlc.exp %g : (tensor<200xf32>) -> tensor<200xf32>
  %1 = mlc.softmax %0 {axis = 0 : i64} : (tensor<200xf32>) -> tensor<200xf32>
""" + SAME.replace("scale(%g)", "scale(%1)") + """
  %z = mlc.reduce max %y {axes = array<i64: 1>, keep_dims} : (tensor<6x24xf32>) -> tensor<6x1xf32>
  return %z : tensor<6x1xf32>""")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MLC_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def compile(tools, tmp_path):
    """Compiles IR; gives the module's bytes and how many of how many kernels came from a cache (None: there was none)."""

    def run(text, *options, target="x86-64-v3"):
        (tmp_path / "m.mlir").write_text(text)
        _, said = tools.compile(tmp_path / "m.mlir", tmp_path / "m.mlc", f"--target-cpu={target}", "--timing", *options)
        counts = re.search(r"(\d+) of (\d+) kernels are in the cache", said)
        return (tmp_path / "m.mlc").read_bytes(), counts and tuple(map(int, counts.groups())), said

    return run


def files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_second_compilation_takes_all(compile, cache):
    plain, none, said = compile(FIRST, "--no-cache")
    assert none is None and "no cache: --no-cache" in said and not cache.exists()
    cold, counts, _ = compile(FIRST)
    assert counts == (0, 3) and len(files(cache)) == 3
    warm, counts, _ = compile(FIRST)
    assert counts == (3, 3)
    assert plain == cold == warm
    assert compile(FIRST, target="x86-64-v4")[1] == (0, 3)


def test_other_model_takes_what_is_the_same(compile, cache):
    compile(FIRST)
    mixed, (found, of), _ = compile(SECOND)
    assert 0 < found < of
    assert mixed == compile(SECOND, "--no-cache")[0]


def test_damaged_files_are_made_again(compile, cache):
    good, _, _ = compile(FIRST)
    kept = {path: path.read_bytes() for path in files(cache)}
    for damage in (lambda b: b[:-1], lambda b: b"", lambda b: b[:200] + bytes([b[200] ^ 1]) + b[201:], lambda b: b"x" * len(b)):
        for path, content in kept.items():
            path.write_bytes(damage(content))
        again, counts, _ = compile(FIRST)
        assert counts == (0, 3) and again == good
        assert {path: path.read_bytes() for path in files(cache)} == kept


def test_places(compile, tmp_path, monkeypatch):
    monkeypatch.delenv("MLC_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    compile(FIRST)
    assert len(files(tmp_path / "xdg/mlc")) == 3 and not (tmp_path / "home").exists()
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # to be ignored, by the specification
    compile(FIRST)
    assert len(files(tmp_path / "home/.cache/mlc")) == 3
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.delenv("HOME")
    assert "no cache: none of MLC_CACHE_DIR, XDG_CACHE_HOME and HOME is set" in compile(FIRST)[2]
    monkeypatch.setenv("MLC_CACHE_DIR", "off")
    assert "no cache: MLC_CACHE_DIR is off" in compile(FIRST)[2]


def test_what_cannot_be_used_is_said_where_it_was_asked_for(compile, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    good, _, _ = compile(FIRST, "--no-cache")
    monkeypatch.setenv("MLC_CACHE_DIR", str(tmp_path / "file"))
    module, counts, said = compile(FIRST)
    assert module == good and counts == (0, 3)
    assert said.count("warning: kernels are not cached: cannot make the folder") == 1 and str(tmp_path / "file") in said
    monkeypatch.setenv("MLC_CACHE_DIR", "some/folder")
    module, _, said = compile(FIRST)
    assert module == good and "warning" in said and "MLC_CACHE_DIR='some/folder' is neither an absolute path nor 'off'" in said
    monkeypatch.delenv("MLC_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    module, _, said = compile(FIRST)
    assert module == good and "warning" not in said and "not cached: cannot make the folder" in said


def test_several_at_the_same_time(tools, cache, tmp_path):
    (tmp_path / "m.mlir").write_text(SECOND)
    started = [subprocess.Popen([str(tools.directory / "mlc-opt"), str(tmp_path / "m.mlir"), "--target-cpu=x86-64-v3", "-o",
                                 str(tmp_path / f"{i}.mlc")]) for i in range(4)]
    assert [process.wait() for process in started] == [0] * 4
    modules = [(tmp_path / f"{i}.mlc").read_bytes() for i in range(4)]
    assert all(module == modules[0] for module in modules)


def test_options_of_llvm_bypass_it(compile, cache):
    compile(FIRST)
    _, counts, said = compile(FIRST, "--x86-asm-syntax=intel")
    assert counts is None and "no cache: --x86-asm-syntax is given" in said


def test_what_is_looked_at_is_made(tools, cache, tmp_path):
    (tmp_path / "m.mlir").write_text(FIRST)
    tools.compile(tmp_path / "m.mlir", tmp_path / "m.mlc")
    text, _ = tools.run("mlc-opt", tmp_path / "m.mlir", "--emit=asm")
    assert "vfmadd" in text
