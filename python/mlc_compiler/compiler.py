"""The compiler: ctypes over libmlc_compiler (mlc/compiler.h), with the options of mlc-opt."""

import ctypes
import functools
import os
import sys
import tempfile
import threading
from collections.abc import Iterable, Mapping
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
    """One --shape for each bucket."""
    if shapes is None:
        return []
    buckets = [shapes] if isinstance(shapes, Mapping) else shapes
    if isinstance(buckets, (str, bytes)) or not isinstance(buckets, Iterable):
        raise TypeError(f"shapes must be a dict such as {{'batch': 8}}, or a list of dicts; got {shapes!r}")
    arguments = []
    for bucket in buckets:
        if not isinstance(bucket, Mapping):
            raise TypeError(f"each of shapes must be a dict such as {{'batch': 8}}; got {bucket!r}")
        if bucket:
            arguments.append("--shape=" + ",".join(f"{name}={size}" for name, size in bucket.items()))
    return arguments


def _default_output(source: str) -> str:
    # Only these suffixes are ones: a directory may be called bge-v1.5.
    name = Path(source).resolve().name
    for suffix in (".onnx", ".mlir", ".mlirbc"):
        name = name.removesuffix(suffix)
    return name + ".mlc"


def _encode(argument) -> bytes:
    encoded = os.fsencode(argument)
    if b"\0" in encoded:
        raise ValueError(f"{argument!r} has a NUL character")
    return encoded


def compile(source, output=None, shapes=None, target_cpu=None, options=()) -> str:
    """Compiles an ONNX file or checkpoint directory to a module, and returns its path.

    `output` defaults to the source's name with the suffix .mlc (in place of .onnx, .mlir or .mlirbc), in the current
    folder. `shapes` binds symbolic dimensions, {"batch": 8, "seq": 128}, or gives an input's whole shape, {"ids": "8x128"};
    a list of such dicts makes a bucket of each. `options` are those of mlc-opt, for instance ["--report"].

    What the compiler prints, warnings and the tables of --report and --timing, goes to sys.stderr; where it fails, it is
    the message of the exception. Calls from several threads take turns. Meanwhile the process's descriptor 2 is the
    compiler's: what other threads write to it is taken for the compiler's.
    """
    source = os.fsdecode(source)
    output = os.fsdecode(output) if output is not None else _default_output(source)
    if isinstance(options, (str, bytes)):
        raise TypeError(f"options must be a list such as ['--report']; got {options!r}")
    arguments = ["mlc-opt", source, "-o", output, *_bindings(shapes)]
    if target_cpu:
        arguments.append(f"--target-cpu={target_cpu}")
    arguments += options
    array = (ctypes.c_char_p * (len(arguments) + 1))(*map(_encode, arguments), None)
    with _stderr_lock, _CapturedStderr() as captured:
        code = _library().mlc_compiler_main(len(arguments), array)
    if code != 0:
        raise CompileError(captured.text.strip() or f"'{source}' could not be compiled (exit code {code})")
    if captured.text and sys.stderr is not None:
        sys.stderr.write(captured.text)
    return output


# There is one descriptor 2: two captures at a time would each restore what the other has put there.
_stderr_lock = threading.Lock()


class _CapturedStderr:
    """The compiler's diagnostics go to descriptor 2: they are caught there."""

    def __enter__(self):
        self._file = tempfile.TemporaryFile()
        try:
            self._saved = os.dup(2)
        except OSError:  # a process without stderr
            self._saved = None
        os.dup2(self._file.fileno(), 2)
        self.text = ""
        return self

    def __exit__(self, *exception):
        if self._saved is None:
            os.close(2)
        else:
            os.dup2(self._saved, 2)
            os.close(self._saved)
        self._file.seek(0)
        self.text = self._file.read().decode(errors="replace")
        self._file.close()
