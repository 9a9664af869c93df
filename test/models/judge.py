"""Compiles a model, runs it, and measures its errors, as docs/numerics.md does: relative L2 from an evaluation in f64."""
import re
import subprocess

import numpy as np
from status import bound

TIME_LIMIT = 300  # seconds, of one command


class Refused(Exception):
    """What a tool said."""


class Tools:
    def __init__(self, directory):
        self.directory = directory

    def run(self, tool, *arguments):
        try:
            done = subprocess.run([str(self.directory / tool), *map(str, arguments)], capture_output=True, text=True,
                                  timeout=TIME_LIMIT)  # fmt: skip
        except subprocess.TimeoutExpired:
            raise Refused(f"{tool} took more than {TIME_LIMIT} s") from None
        if done.returncode < 0:
            raise Refused(f"{tool} died of signal {-done.returncode}")
        if done.returncode:
            raise Refused(reason(done.stderr))
        return done.stdout

    def compile(self, model, module, *options):
        """Returns whether convolutions are Winograd's."""
        return "winograd_conv" in self.run("mlc-opt", model, "-o", module, "--report", *options)

    def infer(self, module, inputs, work):
        np.savez(work / "inputs.npz", **inputs)
        self.run("mlc-run", module, "--inputs", work / "inputs.npz", "--output", work / "outputs.npz", "--threads", 1)
        return dict(np.load(work / "outputs.npz"))

    def interpret(self, model, inputs, work, *options):
        np.savez(work / "inputs.npz", **inputs)
        self.run("mlc-opt", model, "--interpret-f64", "--input", work / "inputs.npz", "-o", work / "exact.npz", *options)
        return dict(np.load(work / "exact.npz"))


def reason(message):
    """The first reason of a message, without paths."""
    lines = [line.strip() for line in message.splitlines() if line.strip()] or ["no message"]
    at = next((i for i, line in enumerate(lines) if "cannot import" in line), None)
    line = lines[min(at + 1, len(lines) - 1)] if at is not None else lines[0]
    return re.sub(r"\S*/", "", line)[:300]


def rel_l2(value, exact):
    if value.shape != exact.shape:
        raise Refused(f"results have shape {list(value.shape)}, not {list(exact.shape)}")
    exact = exact.astype(np.float64)
    difference = np.linalg.norm(value.astype(np.float64) - exact)
    return float(difference / max(np.linalg.norm(exact), np.finfo(np.float32).tiny)) if difference else 0.0


def compare(ours, peer, exact, winograd):
    """Of the output that is worst beside its bound: errors of ours and of the peer. Integers must be those of the peer."""
    worst = None
    for name, expected in peer.items():
        if name not in ours:
            raise Refused(f"there is no output '{name}'")
        if ours[name].dtype != expected.dtype:
            raise Refused(f"output '{name}' is {ours[name].dtype}, not {expected.dtype}")
        if not np.issubdtype(expected.dtype, np.floating):
            error, peer_error = (0.0 if np.array_equal(ours[name], expected) else float("inf")), 0.0
        else:
            error, peer_error = rel_l2(ours[name], exact[name]), rel_l2(expected, exact[name])
        ratio = error / bound(peer_error, winograd)
        if worst is None or not ratio <= worst[0]:
            worst = ratio, error, peer_error
    return {"error": float(f"{worst[1]:.1e}"), "peer_error": float(f"{worst[2]:.1e}"), "winograd": winograd}


def onnxruntime_session(model):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    # No saturation inside of a sum of products of 8-bit integers, where the processor has no VNNI.
    options.add_session_config_entry("session.x64quantprecision", "1")
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


def peer_outputs(model, inputs, module):
    """Outputs of onnxruntime; of the torch module that was exported, where onnxruntime fails."""
    try:
        session = onnxruntime_session(model)
        return "onnxruntime", dict(zip([output.name for output in session.get_outputs()], session.run(None, inputs)))
    except Exception:
        if module is None:
            raise
    import onnx
    import torch

    with torch.inference_mode():
        results = module(*map(torch.from_numpy, inputs.values()))
    results = results if isinstance(results, tuple) else (results,)
    names = [output.name for output in onnx.load(str(model), load_external_data=False).graph.output]
    return "torch", dict(zip(names, (result.numpy() for result in results)))


def judge_onnx(tools, model, inputs, work, shape="", module=None):
    """Of an ONNX model: what is written to the status file."""
    options = ["--shape", shape] if shape else []
    name, peer = peer_outputs(model, inputs, module)
    winograd = tools.compile(model, work / "model.mlc", *options)
    ours = tools.infer(work / "model.mlc", inputs, work)
    exact = tools.interpret(model, inputs, work, *options)
    return {"peer": name, **compare(ours, peer, exact, winograd)}
