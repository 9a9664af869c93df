"""Keywords of `compile` to arguments of mlc-opt."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypedDict

import numpy as np


class CompileOptions(TypedDict, total=False):
    """Options of mlc-opt that say what is made of a model; `mlc-opt --help` has them all. None: the default."""

    head: str | None
    """What a checkpoint's network ends in: "none", "mean", "pooler", "masked-lm", ..."""
    precision: Literal["keep", "bf16"] | None
    """"bf16": products of f32 are of bf16, summed in f32. Inputs and outputs keep their types."""
    unpad: bool | Sequence[int] | None
    """True: compute only the tokens that the mask keeps. A list: the numbers of tokens to compile for."""
    target_cpu: str | Sequence[str] | None
    """"x86-64-v3", "x86-64-v4", either with features, or "native", the default; several make a module for each."""
    winograd: Literal["off", "f2", "f4", "auto"] | None
    fast_matmul: bool | None
    """Large products by one level of Strassen's algorithm."""
    code: Literal["embedded", "external"] | None
    """"external": the code goes into MODULE.so beside the module."""
    jobs: int | None
    """Threads that generate code."""
    cache: bool | None
    """False: neither use nor fill the cache of kernels."""


def option_arguments(options: Mapping[str, Any]) -> list[str]:
    """["--precision=bf16", "--unpad", ...]. A name that is none is a TypeError, as of any function."""
    arguments = []
    for name, value in options.items():
        if name not in CompileOptions.__annotations__:
            raise TypeError(f"compile has no option '{name}'; it has {', '.join(CompileOptions.__annotations__)}, and "
                            "options=[...] for what else mlc-opt takes")
        if name == "cache":
            arguments += ["--no-cache"] if value is False else []
            continue
        flag = "--" + name.replace("_", "-")
        if value is None or value is False:
            continue
        if value is True:
            arguments.append(flag)
        elif isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
            arguments.append(f"{flag}={','.join(map(str, value))}")
        else:
            arguments.append(f"{flag}={value}")
    return arguments


def _size(value) -> str:
    """8, or 8x128 of (8, 128)."""
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
        return "x".join(map(str, value))
    return str(value)


def shape_arguments(shapes) -> list[str]:
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
            arguments.append("--shape=" + ",".join(f"{name}={_size(size)}" for name, size in bucket.items()))
    return arguments


def constant_arguments(constants: Mapping[str, Any] | None, folder: str | os.PathLike) -> list[str]:
    """--const for each, whose values are written into `folder`."""
    arguments = []
    for index, (name, value) in enumerate((constants or {}).items()):
        path = Path(folder) / f"constant{index}.npy"
        np.save(path, np.asarray(value))
        arguments.append(f"--const={name}={path}")
    return arguments


def check_options(options) -> list:
    if isinstance(options, (str, bytes)):
        raise TypeError(f"options must be a list such as ['--report']; got {options!r}")
    return list(options)
