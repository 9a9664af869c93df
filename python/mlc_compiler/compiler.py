"""The compiler: ctypes over libmlc_compiler (mlc/compiler.h), with the options of mlc-opt."""

import ctypes
import functools
import os
import tempfile
from pathlib import Path

from . import _libraries


class CompileError(RuntimeError):
    """The model could not be compiled; the message lists why."""


@functools.cache
def _library() -> ctypes.CDLL:
    library = _libraries.load("libmlc_compiler.so")
    library.mlc_compiler_main.restype = ctypes.c_int
    library.mlc_compiler_main.argtypes = [ctypes.c_int, ctypes.POINTER(ctypes.c_char_p)]
    return library


def _bindings(shapes) -> list:
    """One --shape for each bucket: {"batch": 8, "seq": 128}, or a list of those."""
    if not shapes:
        return []
    buckets = [shapes] if isinstance(shapes, dict) else list(shapes)
    return ["--shape=" + ",".join(f"{name}={size}" for name, size in bucket.items()) for bucket in buckets]


def compile(source, output=None, shapes=None, target_cpu=None, options=()) -> str:
    """Compiles an ONNX file or checkpoint directory to a module, and returns its path.

    `output` defaults to the source's name with the suffix .mlc, in the current folder. `options` are those of mlc-opt,
    for instance ["--report"].
    """
    source = os.fspath(source)
    output = os.fspath(output) if output is not None else Path(source).stem + ".mlc"
    arguments = ["mlc-opt", source, "-o", output, *_bindings(shapes)]
    if target_cpu:
        arguments.append(f"--target-cpu={target_cpu}")
    arguments += options
    array = (ctypes.c_char_p * (len(arguments) + 1))(*(argument.encode() for argument in arguments), None)
    # The compiler's diagnostics go to the descriptor stderr: they are caught there, to stand in the exception.
    with _CapturedStderr() as captured:
        code = _library().mlc_compiler_main(len(arguments), array)
    if code != 0:
        raise CompileError(captured.text.strip() or f"'{source}' could not be compiled (exit code {code})")
    return output


class _CapturedStderr:
    def __enter__(self):
        self._file = tempfile.TemporaryFile()
        self._saved = os.dup(2)
        os.dup2(self._file.fileno(), 2)
        self.text = ""
        return self

    def __exit__(self, *exception):
        os.dup2(self._saved, 2)
        os.close(self._saved)
        self._file.seek(0)
        self.text = self._file.read().decode(errors="replace")
        self._file.close()
