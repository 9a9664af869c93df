"""Views of what other packages hold, by DLPack: torch's tensors, JAX's arrays, ... Nothing is copied."""

from __future__ import annotations

import ctypes

from . import _binding

# (DLDataTypeCode, bits) to mlc_dtype.
_DTYPES = {
    (2, 32): 1, (2, 64): 2, (2, 16): 3, (4, 16): 4,
    (0, 8): 5, (1, 8): 6, (0, 16): 7, (1, 16): 8, (0, 32): 9, (1, 32): 10, (0, 64): 11, (1, 64): 12,
    (6, 8): 13,
}  # fmt: skip
# DLDeviceType of memory that the CPU reads: its own, and what is pinned for CUDA or ROCm.
_HOST_DEVICES = (1, 3, 11)
_DEVICE_NAMES = {2: "CUDA", 4: "OpenCL", 7: "Vulkan", 8: "Metal", 10: "ROCm", 13: "CUDA managed memory", 14: "oneAPI"}


class _DLTensor(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    ]


class _Versioned(ctypes.Structure):
    _fields_ = [
        ("major", ctypes.c_uint32),
        ("minor", ctypes.c_uint32),
        ("context", ctypes.c_void_p),
        ("deleter", ctypes.c_void_p),
        ("flags", ctypes.c_uint64),
        ("tensor", _DLTensor),
    ]


_is_capsule = ctypes.pythonapi.PyCapsule_IsValid
_is_capsule.restype, _is_capsule.argtypes = ctypes.c_int, [ctypes.py_object, ctypes.c_char_p]
_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_pointer.restype, _pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]


def is_tensor(value: object) -> bool:
    return hasattr(value, "__dlpack__") and hasattr(value, "__dlpack_device__")


def _capsule(name: str, value):
    try:
        device = int(value.__dlpack_device__()[0])
    except (BufferError, RuntimeError, ValueError) as error:  # of torch's "meta", which has no memory
        raise TypeError(f"input '{name}' is in no memory that DLPack knows: {error}") from error
    if device not in _HOST_DEVICES:
        where = _DEVICE_NAMES.get(device, f"a device of DLPack's type {device}")
        raise TypeError(f"input '{name}' is in memory of {where}; modules run on the CPU: copy it there, by .cpu() or such")
    try:
        try:
            return value.__dlpack__(max_version=(1, 0))
        except TypeError:  # from before version 1, which has no such argument
            return value.__dlpack__()
    except (BufferError, RuntimeError, TypeError, ValueError) as error:
        # torch's tensors with a gradient, sparse ones, element types that DLPack lacks, ...
        raise TypeError(f"input '{name}' cannot be read where it is: {error}") from error


def view(name: str, value) -> tuple[_binding.Tensor, object]:
    """A view of `value`, and what must be kept while it is used.

    The capsule is not consumed: it gives the memory back when it is collected itself.
    """
    capsule = _capsule(name, value)
    if _is_capsule(capsule, b"dltensor_versioned"):
        versioned = _Versioned.from_address(_pointer(capsule, b"dltensor_versioned"))
        if versioned.major != 1:
            raise TypeError(f"input '{name}' comes by DLPack {versioned.major}.{versioned.minor}; versions 0 and 1 are known")
        tensor = versioned.tensor
    else:
        tensor = _DLTensor.from_address(_pointer(capsule, b"dltensor"))
    dtype = _DTYPES.get((tensor.code, tensor.bits)) if tensor.lanes == 1 else None
    if dtype is None:
        raise TypeError(f"input '{name}' has elements of {getattr(value, 'dtype', 'a type')}, which mlc does not know; convert it")
    dims = ctypes.c_int64 * tensor.ndim
    result = _binding.Tensor((tensor.data or 0) + tensor.byte_offset, dtype, tensor.ndim, dims(*tensor.shape[: tensor.ndim]))
    if tensor.strides:
        result.strides = dims(*tensor.strides[: tensor.ndim])
    return result, capsule
