"""Calls of the compiler: ctypes over libmlc_compiler (mlc/compiler.h), whose messages are caught."""

from __future__ import annotations

import ctypes
import functools
import os
import sys
import tempfile
import threading
from collections.abc import Sequence

from . import _libraries


class CompileError(RuntimeError):
    """The model could not be compiled; the message is the compiler's, which lists all that is in the way."""


@functools.cache
def library() -> ctypes.CDLL:
    loaded = _libraries.load("libmlc_compiler.so")
    loaded.mlc_compiler_main.restype = ctypes.c_int
    loaded.mlc_compiler_main.argtypes = [ctypes.c_int, ctypes.POINTER(ctypes.c_char_p)]
    return loaded


def _encode(argument) -> bytes:
    encoded = os.fsencode(argument)
    if b"\0" in encoded:
        raise ValueError(f"{argument!r} has a NUL character")
    return encoded


def main(arguments: Sequence) -> int:
    """Runs mlc-opt with these arguments; its exit status. Messages go where the process's do."""
    array = (ctypes.c_char_p * (len(arguments) + 2))(b"mlc-opt", *map(_encode, arguments), None)
    return library().mlc_compiler_main(len(arguments) + 1, array)


def run(arguments: Sequence) -> None:
    """As `main`; messages go to sys.stderr, or are the exception's where the compiler fails."""
    with _stderr_lock, _CapturedStderr() as captured:
        code = main(arguments)
    if code != 0:
        raise CompileError(captured.text.strip() or f"'{arguments[0]}' could not be compiled (exit code {code})")
    if captured.text and sys.stderr is not None:
        sys.stderr.write(captured.text)


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
