"""Modules and sessions: ctypes over libmlc_runtime (mlc/runtime.h)."""

import ctypes
import functools
import operator
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from . import _libraries

_DTYPES = {
    1: np.dtype(np.float32), 2: np.dtype(np.float64), 3: np.dtype(np.float16),
    5: np.dtype(np.int8), 6: np.dtype(np.uint8), 7: np.dtype(np.int16), 8: np.dtype(np.uint16),
    9: np.dtype(np.int32), 10: np.dtype(np.uint32), 11: np.dtype(np.int64), 12: np.dtype(np.uint64),
    13: np.dtype(np.bool_),
}  # fmt: skip
_BF16 = 4
_CODES = {dtype: code for code, dtype in _DTYPES.items()}
_MAX_THREADS = 65536


class _Tensor(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("dtype", ctypes.c_int),
        ("rank", ctypes.c_int32),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
    ]


class _TensorSpec(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("dtype", ctypes.c_int),
        ("rank", ctypes.c_int32),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
    ]


class _SessionOptions(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("threads", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
        ("pool", ctypes.c_void_p),
        ("allocator", ctypes.c_void_p),
    ]


class RuntimeFailure(RuntimeError):
    """What the runtime refused to do, in its words; `status` is a mlc_status."""

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status


@functools.cache
def _library() -> ctypes.CDLL:
    library = _libraries.load("libmlc_runtime.so")
    handle, size, names = ctypes.c_void_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_char_p)
    tensors = ctypes.POINTER(_Tensor)
    spec = [handle, size, size, size, ctypes.POINTER(_TensorSpec)]
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
        "mlc_session_create": (ctypes.c_int, [handle, ctypes.POINTER(_SessionOptions), ctypes.POINTER(handle)]),
        "mlc_session_destroy": (None, [handle]),
        "mlc_session_run_named": (
            ctypes.c_int,
            [handle, ctypes.c_char_p, names, tensors, size, names, tensors, size],
        ),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def _check(status: int) -> None:
    if status != 0:
        raise RuntimeFailure(status, _library().mlc_last_error().decode(errors="replace"))


@dataclass(frozen=True)
class TensorSpec:
    name: str
    dtype: np.dtype
    shape: tuple
    padded: tuple = ()
    """Of an input, a name for each dimension: tensors may be smaller where it is not empty (--pad)."""


def _bfloat16() -> np.dtype:
    try:
        import ml_dtypes
    except ImportError as error:
        raise ImportError("the module has bf16 tensors, which NumPy lacks: install ml_dtypes") from error
    return np.dtype(ml_dtypes.bfloat16)


# Names in modules are bytes, mostly but not always UTF-8.
def _text(name: bytes) -> str:
    return name.decode(errors="surrogateescape")


def _bytes(name) -> bytes:
    if not isinstance(name, str):
        raise TypeError(f"names of tensors are strings; got {name!r}")
    if "\0" in name:
        raise ValueError(f"the name {name!r} has a NUL character")
    return name.encode(errors="surrogateescape")


def _path(path) -> bytes:
    encoded = os.fsencode(path)
    if b"\0" in encoded:
        raise ValueError("the path of a module has no NUL character; a module in memory must be written to a file first")
    return encoded


def _threads(threads) -> int:
    if threads is None:
        return 0
    try:
        count = operator.index(threads)
    except TypeError:
        raise TypeError(f"threads must be a number or None; got {threads!r}") from None
    if not 0 <= count <= _MAX_THREADS:
        raise ValueError(f"threads must be from 1 to {_MAX_THREADS}, or None; got {count}")
    return count


def _code(name: str, dtype: np.dtype) -> int:
    if dtype in _CODES:
        return _CODES[dtype]
    if dtype.name == "bfloat16":
        return _BF16
    raise TypeError(f"input '{name}' has elements of {dtype}, which mlc does not know; convert it with .astype")


def _view(name: str, array: np.ndarray) -> _Tensor:
    """A view of `array`; the caller keeps both alive."""
    dims = ctypes.c_int64 * array.ndim
    tensor = _Tensor(array.ctypes.data, _code(name, array.dtype), array.ndim, dims(*array.shape))
    if not array.flags.c_contiguous:
        tensor.strides = dims(*(stride // array.itemsize for stride in array.strides))
    return tensor


def _as_input(name: str, value) -> np.ndarray:
    array = np.from_dlpack(value) if hasattr(value, "__dlpack__") and not isinstance(value, np.ndarray) else value
    array = np.asarray(array)
    if not array.dtype.isnative:
        raise TypeError(f"input '{name}' has foreign byte order; convert it with .astype")
    # Strides that are no whole elements (fields of records) and misaligned data need a copy.
    if not array.flags.aligned or any(stride % max(array.itemsize, 1) for stride in array.strides):
        array = array.copy()
    return array


class Module:
    """A loaded module with a session of its own. Calls from several threads take turns.

    Tensors of bf16 are arrays of ml_dtypes.bfloat16. After os.fork() (multiprocessing's "fork", too) a module of several
    threads does not run in the child, which says so: load it there, or use the start method "spawn". It cannot be copied
    or pickled.
    """

    def __init__(self, path, threads=None, entry=None):
        """Loads the module at `path` and starts `threads` threads: MLC_NUM_THREADS when None, else all CPUs. Calls run
        `entry`, by default "main", or the first of the module's where there is no such.

        RuntimeFailure says why a module cannot be loaded or run here.
        """
        library = _library()
        encoded, thread_count = _path(path), _threads(threads)
        self._module = ctypes.c_void_p()
        self._session = ctypes.c_void_p()
        self._lock = threading.Lock()
        self._process = os.getpid()
        _check(library.mlc_module_load(encoded, ctypes.byref(self._module)))
        options = _SessionOptions(struct_size=ctypes.sizeof(_SessionOptions), threads=thread_count)
        _check(library.mlc_session_create(self._module, ctypes.byref(options), ctypes.byref(self._session)))
        count = library.mlc_module_entry_count(self._module)
        self.entries = [_text(library.mlc_module_entry_name(self._module, i)) for i in range(count)]
        if entry is None:
            entry = "main" if "main" in self.entries or not self.entries else self.entries[0]
        if entry not in self.entries:
            raise ValueError(f"{path} has no entry point '{entry}'; it has {', '.join(self.entries) or 'none'}")
        self.entry = entry

    def __del__(self):
        # Attributes are missing where __init__ failed early, globals at the end of the interpreter.
        if getattr(self, "_session", None):
            _library().mlc_session_destroy(self._session)
        if getattr(self, "_module", None):
            _library().mlc_module_destroy(self._module)

    def __reduce_ex__(self, protocol):
        # A copy would share the session's handle, and free it while the other uses it.
        raise TypeError("a Module cannot be copied or pickled: load the file again where another one is needed")

    def _specs(self, kind: str, entry: str, bucket: int) -> list:
        library, index = _library(), self.entries.index(entry)
        specs = []
        for i in range(getattr(library, f"mlc_module_{kind}_count")(self._module, index)):
            spec = _TensorSpec()
            _check(getattr(library, f"mlc_module_{kind}_spec")(self._module, index, bucket, i, ctypes.byref(spec)))
            dtype = _bfloat16() if spec.dtype == _BF16 else _DTYPES[spec.dtype]
            names = ()
            if kind == "input":
                dims = (library.mlc_module_padded_dim(self._module, index, bucket, i, dim) for dim in range(spec.rank))
                names = tuple(_text(name or b"") for name in dims)
            specs.append(TensorSpec(_text(spec.name), dtype, tuple(spec.shape[: spec.rank]), names if any(names) else ()))
        return specs

    @property
    def inputs(self) -> list:
        """What the entry point takes, in its first shape bucket."""
        return self._specs("input", self.entry, 0)

    @property
    def outputs(self) -> list:
        """What a call gives, in its first shape bucket; without results that only update variables."""
        return self._specs("output", self.entry, 0)

    @property
    def buckets(self) -> list:
        """The inputs of every shape bucket."""
        count = _library().mlc_module_bucket_count(self._module, self.entries.index(self.entry))
        return [self._specs("input", self.entry, bucket) for bucket in range(count)]

    def _outputs_for(self, arrays: dict) -> list:
        """What a run on these arrays gives; in the first bucket, where the runtime will say what is wrong with them."""
        library, entry = _library(), self.entries.index(self.entry)
        names = [spec.name for spec in self.inputs]
        if set(names) != set(arrays):
            return self.outputs
        views = (_Tensor * len(names))(*(_view(name, arrays[name]) for name in names))
        bucket = ctypes.c_size_t()
        _check(library.mlc_module_find_bucket(self._module, entry, views, len(names), ctypes.byref(bucket)))
        specs = self._specs("output", self.entry, bucket.value)
        for i, spec in enumerate(specs):
            shape = (ctypes.c_int64 * len(spec.shape))()
            _check(library.mlc_module_output_shape(self._module, entry, bucket, i, views, len(names), shape))
            specs[i] = TensorSpec(spec.name, spec.dtype, tuple(shape))
        return specs

    def verify(self) -> None:
        """Compares the parameters with their checksum."""
        _check(_library().mlc_module_verify(self._module))

    def __call__(self, **inputs) -> dict:
        """Runs on arrays by input name (or what NumPy makes arrays of), and gives a dict of arrays by output name."""
        return self.run(inputs)

    def run(self, inputs: dict) -> dict:
        """Runs on a dict by input name: for names that are no Python identifiers, such as "input:0"."""
        if not isinstance(inputs, Mapping):
            raise TypeError(f"inputs must be a dict of arrays by name; got {type(inputs).__name__}")
        for name in inputs:
            _bytes(name)
        arrays = {name: _as_input(name, value) for name, value in inputs.items()}
        outputs = {spec.name: np.empty(spec.shape, spec.dtype) for spec in self._outputs_for(arrays)}

        def pack(arrays):
            names = (ctypes.c_char_p * len(arrays))(*(_bytes(name) for name in arrays))
            views = (_Tensor * len(arrays))(*(_view(name, array) for name, array in arrays.items()))
            return names, views, len(arrays)

        if self._process != os.getpid():
            # Forked: the lock may be held by a thread that does not exist here.
            self._lock, self._process = threading.Lock(), os.getpid()
        with self._lock:
            # Missing, unknown and ill-shaped inputs are the runtime's to name.
            _check(
                _library().mlc_session_run_named(self._session, _bytes(self.entry), *pack(arrays), *pack(outputs))
            )
        return outputs


def load(path, threads=None, entry=None) -> Module:
    """Loads a module. `threads`: MLC_NUM_THREADS when None, else all CPUs."""
    return Module(path, threads, entry)
