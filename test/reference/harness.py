"""One function of many ops, interpreted by mlc-opt, and what NumPy expects of each."""
import math
import os
import pathlib
import subprocess

import ml_dtypes
import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
MLC_OPT = pathlib.Path(os.environ["MLC_BIN_DIR"]) / "mlc-opt"

FLOATS = {"f32": np.float32, "f64": np.float64, "f16": np.float16, "bf16": ml_dtypes.bfloat16}
INTS = {"i8": np.int8, "i16": np.int16, "i32": np.int32, "i64": np.int64,
        "ui8": np.uint8, "ui16": np.uint16, "ui32": np.uint32, "ui64": np.uint64}
TYPES = {**FLOATS, **INTS, "i1": np.bool_}


def mlir_type(array_or_shape, element):
    shape = getattr(array_or_shape, "shape", array_or_shape)
    return "tensor<" + "".join(f"{d}x" for d in shape) + element + ">"


def element_of(array):
    return next(name for name, dtype in TYPES.items() if array.dtype == dtype)


class Module:
    """One function that computes many ops; its results beside what NumPy expects of each."""

    def __init__(self):
        self.inputs, self.body, self.results, self.expected, self.names, self.ops = {}, [], [], [], [], set()

    def input(self, array):
        name = f"in{len(self.inputs)}"
        self.inputs[name] = array
        return name

    def add(self, op, operands, expected, attributes="", words=""):
        """`mlc.op words operands {attributes}`; `expected` is of the result's element type."""
        self.ops.add(op)
        names = [self.input(x) for x in operands]
        types = [mlir_type(x, element_of(x)) for x in operands]
        result = mlir_type(expected, element_of(expected))
        index = len(self.results)
        arguments = ", ".join("%" + name for name in names)
        attributes = f" {{{attributes}}}" if attributes else ""
        if op == "cast":
            line = f"mlc.cast {arguments} to {element_of(expected)} : {types[0]} -> {result}"
        elif op == "layer_norm":
            line = (f"mlc.layer_norm %{names[0]} scale(%{names[1]}) bias(%{names[2]}){attributes} : "
                    f"({', '.join(types)}) -> {result}")
        else:
            line = f"mlc.{op} {words}{' ' if words else ''}{arguments}{attributes} : ({', '.join(types)}) -> {result}"
        self.body.append(f"  %r{index} = {line}")
        self.results.append(result)
        self.expected.append(expected)
        self.names.append(f"{op} {words} {attributes} of {', '.join(types)}")

    def run(self, folder, flag="--interpret"):
        arguments = ", ".join(f'%{name}: {mlir_type(x, element_of(x))} {{mlc.name = "{name}"}}'
                              for name, x in self.inputs.items())
        text = (f"func.func @main({arguments}) -> ({', '.join(self.results)}) attributes {{mlc.entry = \"infer\"}} {{\n"
                + "\n".join(self.body)
                + "\n  return " + ", ".join(f"%r{i}" for i in range(len(self.results)))
                + " : " + ", ".join(self.results) + "\n}\n")
        (folder / "ops.mlir").write_text(text)
        np.savez(folder / "in.npz", **{k: v.view("V2") if v.dtype == ml_dtypes.bfloat16 else v
                                       for k, v in self.inputs.items()})
        subprocess.run([MLC_OPT, folder / "ops.mlir", flag, "--input", folder / "in.npz", "-o", folder / "out.npz"],
                       check=True)
        out = np.load(folder / "out.npz")
        return [out[f"output{i}"] for i in range(len(self.results))]


def check(name, got, want, ulps=1):
    """Equal, but for `ulps` units in the last place of floating-point numbers."""
    if want.dtype == ml_dtypes.bfloat16 and got.dtype.kind == "V":
        got = got.view(ml_dtypes.bfloat16)
    assert got.dtype == want.dtype and got.shape == want.shape, (name, got.dtype, got.shape, want.dtype, want.shape)
    if element_of(want) not in FLOATS:
        np.testing.assert_array_equal(got, want, err_msg=name)
        return
    wide, exact = got.astype(np.float64), want.astype(np.float64)
    with np.errstate(all="ignore"):
        info = ml_dtypes.finfo(want.dtype)
        last_place = np.maximum(np.abs(exact) * float(info.eps), float(info.smallest_subnormal))
        allowed = ulps * last_place
        if want.dtype == np.float64:  # no wider type: two ways to compute it differ where terms cancel
            allowed = 1e-13 * (1 + np.abs(exact))
        close = np.abs(wide - exact) <= allowed
    close |= (wide == exact) | (np.isnan(wide) & np.isnan(exact))
    assert close.all(), (name, got[~close][:4], want[~close][:4])


def samples(element, shape, seed, special=True):
    rng = np.random.default_rng(seed)
    dtype, count = TYPES[element], math.prod(shape)
    if element == "i1":
        return rng.integers(0, 2, shape).astype(np.bool_)
    if element in INTS:
        info = np.iinfo(dtype)
        values = rng.integers(max(info.min, -9), 10, count).astype(dtype)
        extremes = [info.min, info.max, 0, 1, info.max - 1, info.min + 1] + ([-1] if info.min else [])
        if special:
            values[::3][:len(extremes)] = np.array(extremes, dtype)[:len(values[::3])]
        return values.reshape(shape)
    values = rng.uniform(-3, 3, count)
    if special:
        odd = [np.nan, np.inf, -np.inf, 0.0, -0.0, float(ml_dtypes.finfo(dtype).smallest_subnormal), 0.5, -1.5, 2.5]
        values[::2][:len(odd)] = odd[:len(values[::2])]
    return values.astype(dtype).reshape(shape)


def in_f64(function, dtype):
    """`function` on f64 copies, its result rounded to `dtype` once."""
    def wrapped(*arrays):
        with np.errstate(all="ignore"):
            return np.asarray(function(*(x.astype(np.float64) for x in arrays))).astype(dtype)
    return wrapped


def softmax(x, axis):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def windows(x, window, strides, low, high, dilations):
    """Indices [outputs..., taps] into one flattened image, -1 outside, and how often a tap is inside the padding."""
    sizes = x.shape[2:]
    out = [(s + l + h - d * (w - 1) - 1) // st + 1 for s, l, h, d, w, st in
           zip(sizes, low, high, dilations, window, strides)]
    indices = np.full((*out, math.prod(window)), -1)
    for place in np.ndindex(*out):
        for tap, offset in enumerate(np.ndindex(*window)):
            position = [p * s + o * d - l for p, s, o, d, l in zip(place, strides, offset, dilations, low)]
            if all(0 <= q < size for q, size in zip(position, sizes)):
                indices[(*place, tap)] = np.ravel_multi_index(position, sizes)
    return indices
