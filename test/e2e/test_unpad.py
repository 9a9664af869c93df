"""--unpad: padding is not computed. BERT with seeded weights, as a checkpoint and as graphs that exporters write, against
BERT in NumPy and against the padded module: masks of every kind, every bucket, any number of threads."""
import json

import numpy as np
import onnxruntime
import pytest
from onnx import save
from test_checkpoint import CONFIG, bert, rel_l2, seeded_weights

from bert_onnx import encoder

BATCH, SEQ = 5, 12
SHAPE = f"batch={BATCH},seq={SEQ}"


def prefix(*lengths):
    return (np.arange(SEQ) < np.array(lengths)[:, None]).astype(np.int64)


def holes():
    mask = (np.random.default_rng(11).random((BATCH, SEQ)) < 0.5).astype(np.int64)
    mask[2] = 0
    return mask


MASKS = {"full": prefix(*[SEQ] * BATCH), "lengths": prefix(3, 0, 12, 1, 7), "one token": prefix(0, 0, 0, 1, 0),
         "nothing": prefix(0, 0, 0, 0, 0), "holes": holes(), "left": np.ascontiguousarray(prefix(3, 0, 12, 1, 7)[:, ::-1]),
         "first bucket": prefix(4, 4, 4, 4, 4), "one more": prefix(4, 4, 4, 4, 5)}
BUCKETS = "--unpad=20,33,60"


def inputs(mask):
    rng = np.random.default_rng(5)
    return {"input_ids": rng.integers(0, 61, mask.shape), "attention_mask": mask,
            "token_type_ids": rng.integers(0, 2, mask.shape)}


@pytest.fixture(scope="module")
def modules(tools, bert_checkpoint):
    """The module with buckets and the padded one, of each head."""
    made = {}
    for head in ("pooler", "mean", "cls"):
        made[head] = bert_checkpoint / f"{head}.mlc", bert_checkpoint / f"{head}_padded.mlc"
        for path, options in zip(made[head], ([BUCKETS], [])):
            tools.compile(bert_checkpoint, path, "--shape", SHAPE, "--head", head, *options)
    return made


def check_hidden(hidden, padded, mask, expected):
    valid = mask != 0
    assert not hidden[~valid].any()  # zeros, and no others
    assert np.isfinite(hidden).all()
    if valid.any():
        assert rel_l2(hidden[valid], expected[valid]) < 1e-6
        assert rel_l2(hidden[valid], padded[valid].astype(float)) < 1e-6


@pytest.mark.parametrize("name", MASKS)
def test_masks(tools, modules, tmp_path, name):
    mask, given = MASKS[name], inputs(MASKS[name])
    with np.errstate(all="ignore"):
        expected = bert(seeded_weights(), CONFIG, **given)
    for head, output in [("pooler", "pooler_output"), ("mean", "sentence_embedding"), ("cls", "sentence_embedding")]:
        unpadded, padded = (tools.infer(module, given, tmp_path) for module in modules[head])
        check_hidden(unpadded["last_hidden_state"], padded["last_hidden_state"], mask, expected)
        kept = mask.any(1) if head == "mean" else mask[:, 0] != 0
        if kept.any():
            assert rel_l2(unpadded[output][kept], padded[output][kept].astype(float)) < 2e-6


def test_bits_do_not_depend_on_threads(tools, modules, tmp_path):
    for mask in MASKS.values():
        one, *others = (tools.infer(modules["mean"][0], inputs(mask), tmp_path, threads) for threads in (1, 2, 3, 7))
        for other in others:
            for name in one:
                np.testing.assert_array_equal(one[name], other[name])


def test_buckets_share_parameters(tools, modules):
    one, several = (json.loads(tools.run("mlc-run", module, "--inspect")[0]) for module in reversed(modules["pooler"]))
    stored = lambda module: sorted((param["name"], param["layout"], param["bytes"]) for param in module["params"])
    assert stored(several) == stored(one)
    capacities = [bucket["inputs"][1]["capacity"] for bucket in several["entry_points"][0]["buckets"]]
    assert capacities == [20, 33, 60]


def test_more_tokens_than_any_bucket(tools, bert_checkpoint, tmp_path):
    module = tmp_path / "small.mlc"
    tools.compile(bert_checkpoint, module, "--shape", SHAPE, "--unpad=8,20")
    given = inputs(MASKS["one more"])
    np.savez(tmp_path / "i.npz", **given)
    tools.refuse(tmp_path, "mlc-run", module, "--inputs", tmp_path / "i.npz", "--output", tmp_path / "o.npz", says=[
        f"attention_mask: i64[{BATCH}x{SEQ}] (21 that are not 0)", "It was compiled for:",
        "(at most 8 that are not 0)", "(at most 20 that are not 0)"])
    tools.infer(module, inputs(MASKS["first bucket"]), tmp_path)


@pytest.mark.parametrize("pooled", [False, True])
@pytest.mark.parametrize("name", ["lengths", "holes", "full"])
def test_onnx(tools, tmp_path, pooled, name):
    """Attention, layer norm and GELU taken apart; the mask arrives as [batch, 1, 1, seq] of zeros and lowest numbers."""
    model = encoder(seeded_weights(), CONFIG, pooled)
    save(model, str(tmp_path / "m.onnx"))
    tools.compile(tmp_path / "m.onnx", tmp_path / "m.mlc", "--shape", SHAPE, BUCKETS)
    mask, given = MASKS[name], inputs(MASKS[name])
    got = tools.infer(tmp_path / "m.mlc", given, tmp_path)
    session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    for name, expected in zip(names, session.run(names, given)):
        valid = mask.any(1) if name == "sentence_embedding" else mask != 0
        assert rel_l2(got[name][valid], expected[valid].astype(float)) < 2e-6
    assert not got["last_hidden_state"][mask == 0].any()


def test_kernels_are_right(tools, bert_checkpoint):
    out, _ = tools.run("mlc-opt", bert_checkpoint, "--shape", SHAPE, BUCKETS, "--per-op-compare")
    assert out.count("kernels agree with the interpreter") == 3
    assert "varlen_attention" in out and "cu_seqlens" in out and "repad" in out


def test_auto(tools, bert_checkpoint, tmp_path):
    tools.compile(bert_checkpoint, tmp_path / "a.mlc", "--shape", SHAPE, "--unpad")
    description = json.loads(tools.run("mlc-run", tmp_path / "a.mlc", "--inspect")[0])
    capacities = [bucket["inputs"][1]["capacity"] for bucket in description["entry_points"][0]["buckets"]]
    assert capacities == sorted(set(capacities)) and capacities[-1] == BATCH * SEQ and capacities[0] <= BATCH * SEQ // 6
    # The module says how it was made; a second one is the same.
    tools.compile(bert_checkpoint, tmp_path / "b.mlc", "--shape", SHAPE, "--unpad=auto")
    assert (tmp_path / "a.mlc").read_bytes() == (tmp_path / "b.mlc").read_bytes()


@pytest.mark.parametrize("option,says", [
    ("--unpad=0", "--unpad=0: '0' is no number of tokens; expected numbers such as 512,1024, auto, or off"),
    ("--unpad=512,", "--unpad=512,: '' is no number of tokens"),
    ("--unpad=many", "'many' is no number of tokens"),
    ("--unpad=-5", "'-5' is no number of tokens"),
    ("--unpad=99999999999999999999", "'99999999999999999999' is no number of tokens"),
])
def test_wrong_values(tools, bert_checkpoint, tmp_path, option, says):
    tools.refuse(tmp_path, "mlc-opt", bert_checkpoint, "--shape", SHAPE, option, "-o", tmp_path / "m.mlc", says=[says])


def test_given_twice(tools, bert_checkpoint, tmp_path):
    tools.refuse(tmp_path, "mlc-opt", bert_checkpoint, "--shape", SHAPE, "--unpad", "--unpad=5", "-o", tmp_path / "m.mlc",
                 says=["--unpad is given 2 times; give it once"])


def test_bench_of_lengths(tools, modules, tmp_path):
    (tmp_path / "lengths.txt").write_text("\n".join(map(str, [3, 0, 12, 1, 7, 2, 2])) + "\n")
    bench = ["mlc-bench", modules["pooler"][0], "--lengths", tmp_path / "lengths.txt", "--seconds", "0.05"]
    result = json.loads(tools.run(*bench, "--json")[0])
    assert result["batches"] == 2 and result["sequences"] == 5
    assert result["tokens_per_batch"] == (23 + 2 + 2 + 3 + 0 + 12) / 2
    assert "2 batches of 5 sequences" in tools.run(*bench)[0]
    tools.run("mlc-bench", modules["pooler"][1], *bench[2:])  # padded: for comparison
    for text, says in [("", "it holds no lengths"), ("3\n13\n", "line 2: '13' is longer than the module's sequences of 12"),
                       ("3\nx\n", "line 2: 'x' is not a length"), ("-1\n", "line 1: '-1' is not a length")]:
        (tmp_path / "lengths.txt").write_text(text)
        tools.refuse(tmp_path, *bench, says=["lengths.txt", says])
    tools.refuse(tmp_path, *bench[:3], tmp_path / "none.txt", says=["none.txt: cannot open it"])


def test_refusal_leaves_nothing(tools, relu_model, tmp_path):
    tools.refuse(tmp_path, "mlc-opt", relu_model, "--shape=n=1", "--unpad", "-o", tmp_path / "m.mlc",
                 says=["--unpad: there is no attention in entry point"])
