"""What goes into a module and comes out of it: NumPy's arrays, and those of other packages by DLPack."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterable

import numpy as np

from . import _binding, _dlpack

DTYPES = {
    1: np.dtype(np.float32), 2: np.dtype(np.float64), 3: np.dtype(np.float16),
    5: np.dtype(np.int8), 6: np.dtype(np.uint8), 7: np.dtype(np.int16), 8: np.dtype(np.uint16),
    9: np.dtype(np.int32), 10: np.dtype(np.uint32), 11: np.dtype(np.int64), 12: np.dtype(np.uint64),
    13: np.dtype(np.bool_),
}  # fmt: skip
BF16 = 4
_CODES = {dtype: code for code, dtype in DTYPES.items()}


def bfloat16() -> np.dtype:
    try:
        import ml_dtypes
    except ImportError as error:
        raise ImportError("the module has bf16 tensors, which NumPy lacks: install ml_dtypes") from error
    return np.dtype(ml_dtypes.bfloat16)


def _code(name: str, dtype: np.dtype) -> int:
    if dtype in _CODES:
        return _CODES[dtype]
    if dtype.name == "bfloat16":
        return BF16
    raise TypeError(f"input '{name}' has elements of {dtype}, which mlc does not know; convert it with .astype")


def view(name: str, array: np.ndarray) -> _binding.Tensor:
    """A view of `array`; the caller keeps both alive."""
    dims = ctypes.c_int64 * array.ndim
    tensor = _binding.Tensor(array.ctypes.data, _code(name, array.dtype), array.ndim, dims(*array.shape))
    if not array.flags.c_contiguous:
        tensor.strides = dims(*(stride // array.itemsize for stride in array.strides))
    return tensor


def input_view(name: str, value) -> tuple[_binding.Tensor, object]:
    """A view of an input, and what must be kept while it is used."""
    if not isinstance(value, (np.ndarray, np.generic)) and _dlpack.is_tensor(value):
        return _dlpack.view(name, value)
    array = np.asarray(value)
    if not array.dtype.isnative:
        raise TypeError(f"input '{name}' has foreign byte order; convert it with .astype")
    # Strides that are no whole elements (fields of records) and misaligned data need a copy.
    if not array.flags.aligned or any(stride % max(array.itemsize, 1) for stride in array.strides):
        array = array.copy()
    return view(name, array), array


def _to_torch(array: np.ndarray):
    torch = sys.modules["torch"]
    if array.dtype.name == "bfloat16":
        return torch.from_numpy(array.view(np.uint16)).view(torch.bfloat16)
    return torch.from_numpy(array)


def output_kind(inputs: Iterable) -> Callable[[np.ndarray], object]:
    """What makes an output, without a copy, the kind of array that the inputs are: of torch's if one of them is, of
    another package's that has the array API (JAX's), else NumPy's."""
    values = list(inputs)
    if (torch := sys.modules.get("torch")) and any(isinstance(value, torch.Tensor) for value in values):
        return _to_torch
    for value in values:
        if not isinstance(value, (np.ndarray, np.generic)) and hasattr(value, "__array_namespace__"):
            return value.__array_namespace__().from_dlpack
    return lambda array: array
