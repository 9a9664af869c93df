"""Tools, data packages and small ONNX models for the end-to-end tests."""
import importlib.util
import json
import os
import pathlib
import pty
import resource
import subprocess
import sys

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper, save

ROOT = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "bench"))
os.environ["MLC_CACHE_DIR"] = "off"  # tests neither use nor fill the user's cache of kernels


def package_dir(name):
    return pathlib.Path(importlib.util.find_spec(name).submodule_search_locations[0])


class Tools:
    def __init__(self, directory):
        self.directory = pathlib.Path(directory)

    def run(self, tool, *arguments, expect=0):
        """Runs a tool; returns (stdout, stderr). A crash is never expected."""
        done = subprocess.run([str(self.directory / tool), *map(str, arguments)], capture_output=True, text=True)
        assert done.returncode >= 0, f"{tool} died of signal {-done.returncode}: {done.stderr}"
        assert (done.returncode == 0) == (expect == 0), f"exit {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout, done.stderr

    def refuse(self, folder, tool, *arguments, says, limit_bytes=None, memory_bytes=None):
        """Runs a tool that must fail, cleanly: a message that has all of `says` and names the tool, and no file in `folder`
        made, changed or lost. `memory_bytes`: of private writable memory."""
        def files():
            return {path: path.stat().st_mtime_ns for path in sorted(pathlib.Path(folder).rglob("*"))}

        def limit():
            for kind, size in ((resource.RLIMIT_FSIZE, limit_bytes), (resource.RLIMIT_DATA, memory_bytes)):
                if size is not None:
                    resource.setrlimit(kind, (size, size))

        before = files()
        done = subprocess.run([str(self.directory / tool), *map(str, arguments)], capture_output=True, text=True,
                              preexec_fn=limit, timeout=120)
        assert done.returncode > 0, f"exit {done.returncode}\n{done.stdout}{done.stderr}"
        for text in says:
            assert text in done.stderr + done.stdout, done.stderr
        assert "error: " in done.stderr or "--" in done.stderr, done.stderr
        assert "PLEASE submit a bug report" not in done.stderr
        assert files() == before
        return done.stderr

    def on_a_terminal(self, tool, *arguments):
        """Exit code and text of a tool whose input and output is a terminal."""
        controller, terminal = pty.openpty()
        shown = subprocess.Popen([str(self.directory / tool), *map(str, arguments)], stdin=terminal, stdout=terminal,
                                 stderr=terminal)
        os.close(terminal)
        text = b""
        try:
            while chunk := os.read(controller, 4096):
                text += chunk
        except OSError:  # the other end is closed
            pass
        return shown.wait(), text.decode()

    def compile(self, model, output, *arguments, **options):
        return self.run("mlc-opt", model, "-o", output, *arguments, **options)

    def infer(self, module, inputs, work, threads=2):
        np.savez(work / "inputs.npz", **inputs)
        self.run("mlc-run", module, "--inputs", work / "inputs.npz", "--output", work / "outputs.npz", "--threads", threads)
        return dict(np.load(work / "outputs.npz"))


@pytest.fixture(scope="session")
def tools():
    return Tools(os.environ.get("MLC_BIN_DIR", ROOT / "build/release/bin"))


@pytest.fixture
def amx(tools, monkeypatch):
    """Tools run AMX instructions: on the CPU, or where it has none by the emulator."""
    emulator = tools.directory.parent / "lib/libmlc_amx_emulator.so"
    if not emulator.exists():
        pytest.skip("this build has no emulator of AMX")
    monkeypatch.setenv("LD_PRELOAD", str(emulator))


@pytest.fixture
def make_model(tmp_path):
    """Writes an ONNX model of nodes between named inputs and outputs; returns its path."""

    def make(nodes, inputs, outputs, initializers=(), opset=17, name="model.onnx"):
        infos = lambda specs: [helper.make_tensor_value_info(n, t, s) for n, t, s in specs]
        graph = helper.make_graph(nodes, "g", infos(inputs), infos(outputs), list(initializers))
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
        save(model, str(tmp_path / name))
        return tmp_path / name

    return make


@pytest.fixture
def beside_onnxruntime(tools, tmp_path):
    """Runs one node, or a list of them, in mlc and onnxruntime: operands that are arrays in `feeds` are inputs, all other
    arrays are constants. Results of both are compared, and those of mlc returned."""

    def run(nodes, feeds, outputs=("y",), constants=None, opset=17, rtol=1e-5, atol=1e-5, options=()):
        info = lambda name, array: helper.make_tensor_value_info(
            name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
        tensors = [numpy_helper.from_array(np.asarray(array), name) for name, array in (constants or {}).items()]
        graph = helper.make_graph(nodes if isinstance(nodes, list) else [nodes], "g",
                                  [info(name, array) for name, array in feeds.items()],
                                  [helper.make_empty_tensor_value_info(name) for name in outputs], tensors)
        opsets = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
        path = tmp_path / "m.onnx"
        save(helper.make_model(graph, opset_imports=opsets, ir_version=9), str(path))
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        expected = dict(zip(outputs, session.run(list(outputs), feeds)))
        tools.compile(path, tmp_path / "m.mlc", *options)
        results = tools.infer(tmp_path / "m.mlc", feeds, tmp_path)
        for name in outputs:
            assert results[name].dtype == expected[name].dtype and results[name].shape == expected[name].shape, name
            np.testing.assert_allclose(results[name], expected[name], rtol=rtol, atol=atol, err_msg=name)
        return results

    return run


@pytest.fixture
def relu_model(make_model):
    return make_model([helper.make_node("Relu", ["x"], ["y"])], [("x", TensorProto.FLOAT, ["n", 3])],
                      [("y", TensorProto.FLOAT, ["n", 3])])


@pytest.fixture(scope="module")
def bert_checkpoint(tmp_path_factory):
    """The folder of test_checkpoint.py's model."""
    from safetensors.numpy import save_file
    from test_checkpoint import CONFIG, seeded_weights

    folder = tmp_path_factory.mktemp("bert")
    (folder / "config.json").write_text(json.dumps(CONFIG))
    save_file(seeded_weights(), folder / "model.safetensors")
    return folder
