"""Modules and sessions."""

from __future__ import annotations

import ctypes
import operator
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import _arrays, _binding
from ._binding import RuntimeFailure as RuntimeFailure

StrPath = str | bytes | os.PathLike


@dataclass(frozen=True)
class TensorSpec:
    """What an entry point takes or gives. `dtype` is ml_dtypes.bfloat16 for bf16."""

    name: str
    dtype: np.dtype
    shape: tuple[int, ...]
    padded: tuple[str, ...] = ()
    """Of an input, a name for each dimension: tensors may be smaller where it is not empty (--pad)."""


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
    if not 0 <= count <= _binding.MAX_THREADS:
        raise ValueError(f"threads must be from 1 to {_binding.MAX_THREADS}, or None; got {count}")
    return count


def _pack(views: Mapping[str, _binding.Tensor]) -> tuple:
    """Names, tensors and their number, as mlc_session_run_named takes them."""
    names = (ctypes.c_char_p * len(views))(*map(_bytes, views))
    return names, (_binding.Tensor * len(views))(*views.values()), len(views)


class Module:
    """A loaded module with a session of its own. Calls from several threads take turns.

    Tensors of bf16 are arrays of ml_dtypes.bfloat16. After os.fork() (multiprocessing's "fork", too) a module of several
    threads does not run in the child, which says so: load it there, or use the start method "spawn". It cannot be copied
    or pickled.
    """

    path: str
    """The file that it was loaded from."""
    entry: str
    """The entry point that calls run."""
    entries: list[str]
    """All entry points."""

    def __init__(self, path: StrPath, threads: int | None = None, entry: str | None = None) -> None:
        """Loads the module at `path` and starts `threads` threads: MLC_NUM_THREADS when None, else all CPUs. Calls run
        `entry`, by default "main", or the first of the module's where there is no such.

        RuntimeFailure says why a module cannot be loaded or run here.
        """
        library = _binding.library()
        encoded, thread_count = _path(path), _threads(threads)
        self.path = os.fsdecode(encoded)
        self._module = ctypes.c_void_p()
        self._session = ctypes.c_void_p()
        self._lock = threading.Lock()
        self._process = os.getpid()
        _binding.check(library.mlc_module_load(encoded, ctypes.byref(self._module)))
        options = _binding.SessionOptions(struct_size=ctypes.sizeof(_binding.SessionOptions), threads=thread_count)
        _binding.check(library.mlc_session_create(self._module, ctypes.byref(options), ctypes.byref(self._session)))
        count = library.mlc_module_entry_count(self._module)
        self.entries = [_text(library.mlc_module_entry_name(self._module, i)) for i in range(count)]
        if entry is None:
            entry = "main" if "main" in self.entries or not self.entries else self.entries[0]
        if entry not in self.entries:
            raise ValueError(f"{self.path} has no entry point '{entry}'; it has {', '.join(self.entries) or 'none'}")
        self.entry = entry

    def __del__(self) -> None:
        # Attributes are missing where __init__ failed early, globals at the end of the interpreter.
        if getattr(self, "_session", None):
            _binding.library().mlc_session_destroy(self._session)
        if getattr(self, "_module", None):
            _binding.library().mlc_module_destroy(self._module)

    def __reduce_ex__(self, protocol):
        # A copy would share the session's handle, and free it while the other uses it.
        raise TypeError("a Module cannot be copied or pickled: load the file again where another one is needed")

    def _specs(self, kind: str, entry: str, bucket: int) -> list[TensorSpec]:
        library, index = _binding.library(), self.entries.index(entry)
        specs = []
        for i in range(getattr(library, f"mlc_module_{kind}_count")(self._module, index)):
            spec = _binding.Spec()
            _binding.check(getattr(library, f"mlc_module_{kind}_spec")(self._module, index, bucket, i, ctypes.byref(spec)))
            dtype = _arrays.bfloat16() if spec.dtype == _arrays.BF16 else _arrays.DTYPES[spec.dtype]
            names: tuple[str, ...] = ()
            if kind == "input":
                dims = (library.mlc_module_padded_dim(self._module, index, bucket, i, dim) for dim in range(spec.rank))
                names = tuple(_text(name or b"") for name in dims)
            specs.append(TensorSpec(_text(spec.name), dtype, tuple(spec.shape[: spec.rank]), names if any(names) else ()))
        return specs

    @property
    def inputs(self) -> list[TensorSpec]:
        """What the entry point takes, in its first shape bucket."""
        return self._specs("input", self.entry, 0)

    @property
    def outputs(self) -> list[TensorSpec]:
        """What a call gives, in its first shape bucket; without results that only update variables."""
        return self._specs("output", self.entry, 0)

    @property
    def buckets(self) -> list[list[TensorSpec]]:
        """The inputs of every shape bucket."""
        count = _binding.library().mlc_module_bucket_count(self._module, self.entries.index(self.entry))
        return [self._specs("input", self.entry, bucket) for bucket in range(count)]

    def _outputs_for(self, views: dict[str, _binding.Tensor]) -> list[TensorSpec]:
        """What a run on these inputs gives; in the first bucket, where the runtime will say what is wrong with them."""
        library, entry = _binding.library(), self.entries.index(self.entry)
        names = self._input_names()
        if set(names) != set(views):
            return self.outputs
        inputs = (_binding.Tensor * len(names))(*(views[name] for name in names))
        bucket = ctypes.c_size_t()
        _binding.check(library.mlc_module_find_bucket(self._module, entry, inputs, len(names), ctypes.byref(bucket)))
        specs = self._specs("output", self.entry, bucket.value)
        for i, spec in enumerate(specs):
            shape = (ctypes.c_int64 * len(spec.shape))()
            _binding.check(
                library.mlc_module_output_shape(self._module, entry, bucket, i, inputs, len(names), shape)
            )
            specs[i] = TensorSpec(spec.name, spec.dtype, tuple(shape))
        return specs

    def verify(self) -> None:
        """Compares the parameters with their checksum; RuntimeFailure where they differ."""
        _binding.check(_binding.library().mlc_module_verify(self._module))

    def __call__(self, *arrays: Any, **inputs: Any) -> dict[str, Any]:
        """Runs on arrays, by position or by name, and gives a dict of arrays by output name. See `run`."""
        return self.run(self._named(arrays, inputs))

    def _input_names(self) -> list[str]:
        return [spec.name for spec in self.inputs]

    def _named(self, arrays: tuple, inputs: dict) -> dict:
        names = self._input_names()
        if len(arrays) > len(names):
            raise TypeError(f"{len(arrays)} inputs are given, '{self.entry}' takes {len(names)}: {', '.join(names) or 'none'}")
        by_position = dict(zip(names, arrays))
        if twice := by_position.keys() & inputs.keys():
            raise TypeError(f"the input '{min(twice)}' is given by position and by name")
        return by_position | inputs

    def run(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Runs on a dict by input name: for names that are no Python identifiers, such as "input:0".

        An input is an array of NumPy (or what it makes one of), or anything in the CPU's memory that has DLPack's
        methods, such as a torch.Tensor: that is read where it is, with its strides, and may be read-only. Shapes and
        types are those of one of `buckets`. Outputs are torch.Tensors if an input is one, of another package with the
        array API (JAX) if an input is, else NumPy's: fresh memory, which numpy.from_dlpack and torch.from_dlpack take
        over without a copy.

        TypeError: a value that is no array, of a type or in memory that modules do not know. RuntimeFailure: names or
        shapes that are not those of a bucket; data that a kernel refused, such as an index out of range.
        """
        if not isinstance(inputs, Mapping):
            raise TypeError(f"inputs must be a dict of arrays by name; got {type(inputs).__name__}")
        for name in inputs:
            _bytes(name)
        views, kept = {}, []
        for name, value in inputs.items():
            views[name], keep = _arrays.input_view(name, value)
            kept.append(keep)
        outputs = {spec.name: np.empty(spec.shape, spec.dtype) for spec in self._outputs_for(views)}
        output_views = {name: _arrays.view(name, array) for name, array in outputs.items()}

        if self._process != os.getpid():
            # Forked: the lock may be held by a thread that does not exist here.
            self._lock, self._process = threading.Lock(), os.getpid()
        with self._lock:
            # Missing, unknown and ill-shaped inputs are the runtime's to name.
            _binding.check(
                _binding.library().mlc_session_run_named(
                    self._session, _bytes(self.entry), *_pack(views), *_pack(output_views)
                )
            )
        del kept
        make = _arrays.output_kind(inputs.values())
        return {name: make(array) for name, array in outputs.items()}


def load(path: StrPath, threads: int | None = None, entry: str | None = None) -> Module:
    """Loads a module. `threads`: MLC_NUM_THREADS when None, else all CPUs. See `Module`."""
    return Module(path, threads, entry)
