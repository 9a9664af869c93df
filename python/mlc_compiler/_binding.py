"""ctypes over libmlc_runtime (mlc/runtime.h)."""

from __future__ import annotations

import ctypes
import functools

from . import _libraries

MAX_THREADS = 65536


class Tensor(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("dtype", ctypes.c_int),
        ("rank", ctypes.c_int32),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
    ]


class Spec(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("dtype", ctypes.c_int),
        ("rank", ctypes.c_int32),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
    ]


class SessionOptions(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("threads", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
        ("pool", ctypes.c_void_p),
        ("allocator", ctypes.c_void_p),
    ]


class RuntimeFailure(RuntimeError):
    """What the runtime refused to do, in its words; `status` is a mlc_status."""

    status: int

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@functools.cache
def library() -> ctypes.CDLL:
    loaded = _libraries.load("libmlc_runtime.so")
    handle, size, names = ctypes.c_void_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_char_p)
    tensors = ctypes.POINTER(Tensor)
    spec = [handle, size, size, size, ctypes.POINTER(Spec)]
    signatures = {
        "mlc_last_error": (ctypes.c_char_p, []),
        "mlc_module_load": (ctypes.c_int, [ctypes.c_char_p, ctypes.POINTER(handle)]),
        "mlc_module_destroy": (None, [handle]),
        "mlc_module_verify": (ctypes.c_int, [handle]),
        "mlc_module_entry_count": (size, [handle]),
        "mlc_module_entry_name": (ctypes.c_char_p, [handle, size]),
        "mlc_module_bucket_count": (size, [handle, size]),
        "mlc_module_input_count": (size, [handle, size]),
        "mlc_module_output_count": (size, [handle, size]),
        "mlc_module_input_spec": (ctypes.c_int, spec),
        "mlc_module_output_spec": (ctypes.c_int, spec),
        "mlc_module_padded_dim": (ctypes.c_char_p, [handle, size, size, size, size]),
        "mlc_module_find_bucket": (ctypes.c_int, [handle, size, tensors, size, ctypes.POINTER(size)]),
        "mlc_module_output_shape": (
            ctypes.c_int,
            [handle, size, size, size, tensors, size, ctypes.POINTER(ctypes.c_int64)],
        ),
        "mlc_session_create": (ctypes.c_int, [handle, ctypes.POINTER(SessionOptions), ctypes.POINTER(handle)]),
        "mlc_session_destroy": (None, [handle]),
        "mlc_session_run_named": (
            ctypes.c_int,
            [handle, ctypes.c_char_p, names, tensors, size, names, tensors, size],
        ),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(loaded, name)
        function.restype, function.argtypes = result, arguments
    return loaded


def check(status: int) -> None:
    if status != 0:
        raise RuntimeFailure(status, library().mlc_last_error().decode(errors="replace"))
