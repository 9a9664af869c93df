"""Who takes part in the contest: one file for each peer, each run in processes of its own (worker.py).

A peer's file has
  version(task) -> str
  load(task, inputs) -> an object with infer(), which is timed, and arrays(raw), which makes {name: NumPy array} of what
                        infer() returned. `compile_s`, where it has one, is the part of loading that a user does once.
and imports its package inside these functions: a package that is not there costs its own line only. `Missing` says why a
peer cannot take part in something.
"""
import pathlib
from dataclasses import dataclass, field


class Missing(Exception):
    pass


@dataclass(frozen=True)
class Task:
    """What a contender is to do."""

    model: str  # of bench/models.py, or the path of an ONNX file
    folder: pathlib.Path  # of bench/prepare.py
    scratch: pathlib.Path  # of the contender's own
    threads: int
    precision: str  # f32 or bf16
    settings: dict = field(default_factory=dict)

    @property
    def onnx(self):
        return self.folder / "model.onnx"


@dataclass(frozen=True)
class Contender:
    name: str
    peer: str  # the module that runs it
    precisions: tuple
    settings: dict = field(default_factory=dict)
    slow: bool = False  # compiles for a quarter of a minute or more: left out by --quick


F32, BOTH = ("f32",), ("f32", "bf16")

PEERS = [
    Contender("onnxruntime", "peers.ort", F32),
    Contender("openvino", "peers.openvino_cpu", BOTH),
    Contender("torch", "peers.torch_eager", BOTH),
    Contender("inductor", "peers.inductor", BOTH, {"max_autotune": False}, slow=True),
    Contender("inductor-autotuned", "peers.inductor", BOTH, {"max_autotune": True}, slow=True),
    Contender("iree", "peers.iree_cpu", F32, slow=True),
    Contender("jax", "peers.jax_cpu", F32),
]

# mlc with options of mlc-opt. One that this mlc-opt does not know is reported as missing.
VARIANTS = {"mlc": [], "mlc --fast-matmul": ["--fast-matmul"], "mlc --unpad": ["--unpad"]}


def variant(name, options, settings):
    return Contender(name, "peers.mlc", BOTH, {"options": options, **settings})
