"""Every op of the dialect, in every element type that it takes, by `mlc-opt --interpret` against NumPy.

The interpreter promises f64 arithmetic and one rounding to the type: floating-point results may differ from NumPy's f64,
rounded, by one unit in the last place (ml_dtypes rounds f64 to bf16 by way of f32; C libraries differ in exp and
friends). Integers are exact, wrap, and have extreme values among them; floating-point inputs have NaN, infinities, -0 and
subnormals among them.
"""
import math
import os
import pathlib
import re
import subprocess

import ml_dtypes
import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
MLC_OPT = pathlib.Path(os.environ["MLC_BIN_DIR"]) / "mlc-opt"

FLOATS = {"f32": np.float32, "f64": np.float64, "f16": np.float16, "bf16": ml_dtypes.bfloat16}
INTS = {"i8": np.int8, "i16": np.int16, "i32": np.int32, "i64": np.int64,
        "ui8": np.uint8, "ui16": np.uint16, "ui32": np.uint32, "ui64": np.uint64}
TYPES = {**FLOATS, **INTS, "i1": np.bool_}

# Ops that hold a program together instead of computing.
STRUCTURE = {"constant", "fused", "yield", "param", "param_pack", "load_param", "variable"}


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


erf = np.vectorize(math.erf, otypes=[np.float64])
erfc = np.vectorize(math.erfc, otypes=[np.float64])


def gelu(x):
    return x / 2 * erfc(-x / np.sqrt(2))


def gelu_tanh(x):
    return x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


UNARY_FLOAT = {
    "exp": np.exp, "log": np.log, "sqrt": np.sqrt, "rsqrt": lambda x: 1 / np.sqrt(x), "reciprocal": lambda x: 1 / x,
    "sin": np.sin, "cos": np.cos, "tanh": np.tanh, "erf": erf, "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "softplus": lambda x: np.logaddexp(0, x), "floor": np.floor, "ceil": np.ceil, "round": np.rint,
}
COMPARE = {"eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater,
           "ge": np.greater_equal}


def divide(a, b):
    """Truncates; by 0 all bits are set; the lowest integer by -1 wraps to itself."""
    with np.errstate(all="ignore"):
        safe = np.where(b == 0, 1, b).astype(a.dtype)
        quotient = np.abs(a.astype(object)) // np.abs(safe.astype(object)) * np.sign(a.astype(object)) * np.sign(
            safe.astype(object))
        bits = 8 * a.dtype.itemsize
        wrapped = np.vectorize(lambda q: int(q) % 2**bits, otypes=[np.uint64])(quotient)
        return np.where(b == 0, np.array(-1).astype(np.int64).astype(a.dtype), wrapped.astype(np.uint64).astype(a.dtype))


def remainder(a, b):
    with np.errstate(all="ignore"):
        return np.where(b == 0, a, np.fmod(a, np.where(b == 0, 1, b).astype(a.dtype))).astype(a.dtype)


def elementwise(element):
    m, dtype = Module(), TYPES[element]
    x, y = samples(element, (5, 8), 1), samples(element, (8,), 2)
    z = samples(element, (5, 1), 3)
    if element in FLOATS:
        f = lambda function: in_f64(function, dtype)
        for op, function in UNARY_FLOAT.items():
            m.add(op, [x], f(function)(x))
        m.add("gelu", [x], f(gelu)(x))
        m.add("gelu", [x], f(gelu_tanh)(x), "tanh_approximation")
        m.add("leaky_relu", [x], f(lambda v: np.where(v >= 0, v, 0.25 * v))(x), "alpha = 0.25 : f64")
        m.add("elu", [x], f(lambda v: np.where(v >= 0, v, 1.5 * np.expm1(v)))(x), "alpha = 1.5 : f64")
        m.add("hard_sigmoid", [x], f(lambda v: np.clip(0.2 * v + 0.5, 0, 1))(x), "alpha = 0.2 : f64, beta = 0.5 : f64")
        m.add("clamp", [x], f(lambda v: np.clip(v, -1.25, 2))(x), "low = -1.25 : f64, high = 2.0 : f64")
        m.add("is_nan", [x], np.isnan(x))
        m.add("is_inf", [x], np.isinf(x.astype(np.float64)))
        m.add("pow", [x, y], f(np.power)(x, y))
        m.add("div", [x, y], f(np.divide)(x, y))
        m.add("rem", [x, y], f(np.fmod)(x, y))
    elif element in INTS:
        f = lambda function: lambda *arrays: function(*arrays).astype(dtype)
        m.add("clamp", [x], np.clip(x, 2, 5), "low = 2.0 : f64, high = 5.0 : f64")
        m.add("div", [x, y], divide(*np.broadcast_arrays(x, y)))
        m.add("rem", [x, y], remainder(*np.broadcast_arrays(x, y)))
    if element not in FLOATS:
        m.add("not", [x], ~x)
        m.add("and", [x, y], x & y)
        m.add("or", [x, y], x | y)
        m.add("xor", [x, y], x ^ y)
    if element not in (*FLOATS, "i1"):
        # NumPy's shifts by the width or more are as mlc's; its counts are not negative.
        width = 8 * x.dtype.itemsize
        counts = (np.arange(x.size).reshape(x.shape) % (width + 2)).astype(x.dtype)
        m.add("shift_left", [x, counts], np.left_shift(x, counts))
        m.add("shift_right", [x, counts], np.right_shift(x, counts))
    if element != "i1":
        with np.errstate(all="ignore"):
            m.add("abs", [x], f(np.abs)(x))
            m.add("neg", [x], f(np.negative)(x))
            m.add("sign", [x], f(np.sign)(x))
            m.add("relu", [x], f(lambda v: np.maximum(v, v.dtype.type(0)))(x))
            m.add("add", [x, y], f(np.add)(x, y))
            m.add("sub", [x, z], f(np.subtract)(x, z))
            m.add("mul", [y, x], f(np.multiply)(y, x))
            m.add("max", [x, y], f(np.maximum)(x, y))
            m.add("min", [x, z], f(np.minimum)(x, z))
    with np.errstate(invalid="ignore"):
        for predicate, function in COMPARE.items():
            m.add("compare", [x, y], function(x, y), words=predicate)
    condition = samples("i1", (5, 8), 4)
    m.add("select", [condition, y, z], np.where(condition, y, z))
    if element in FLOATS:
        for target in ("i8", "ui8", "i16", "ui16"):
            values, zero = samples(element, (6, 7), 6), samples(target, (7,), 7)
            wide = np.nan_to_num(np.round(values.astype(np.float64)), nan=-np.inf) + zero.astype(np.float64)
            bounds = np.iinfo(TYPES[target])
            m.add("quantize", [values, zero], np.clip(wide, bounds.min, bounds.max).astype(TYPES[target]))
    # Conversions of what both types hold; what is out of range is not specified.
    for target, to in TYPES.items():
        values = samples(element, (17,), 5, special=element in FLOATS and target in FLOATS)
        if target == "i1" or element == "i1":
            values = samples(element, (17,), 5)
        elif target.startswith("ui") and element in (*FLOATS, *INTS):
            values = np.abs(values)
        elif element in INTS and target in INTS:
            values = samples(element, (17,), 5)  # wraps
        with np.errstate(all="ignore"):
            expected = values != 0 if target == "i1" else values.astype(to)
        m.add("cast", [values], expected)
    return m


SCATTER = {"set": lambda element, update: update, "add": np.add, "mul": np.multiply, "max": np.maximum, "min": np.minimum}


def movement(element):
    m, dtype = Module(), TYPES[element]
    x, y = samples(element, (3, 4, 5), 1), samples(element, (3, 2, 5), 2)
    m.add("transpose", [x], x.transpose(2, 0, 1), "permutation = array<i64: 2, 0, 1>")
    m.add("reshape", [x], x.reshape(6, 10), "shape = array<i64: 6, 10>")
    m.add("broadcast", [x[:, :1]], np.broadcast_to(x[:, :1], (2, 3, 4, 5)), "shape = array<i64: 2, 3, 4, 5>")
    m.add("slice", [x], x[1:3, 3:0:-2, 0:5:2],
          "offsets = array<i64: 1, 3, 0>, sizes = array<i64: 2, 2, 3>, strides = array<i64: 1, -2, 2>")
    m.add("slice", [x], x[:, 2:2], "offsets = array<i64: 0, 2, 0>, sizes = array<i64: 3, 0, 5>, strides = array<i64: 1, 1, 1>")
    m.add("concat", [x, y, x], np.concatenate([x, y, x], 1), "axis = 1 : i64")
    m.add("pad", [x], np.pad(x, ((1, 0), (0, 2), (3, 1)), constant_values=dtype(1)),
          "low = array<i64: 1, 0, 3>, high = array<i64: 0, 2, 1>, value = 1.0 : f64")
    for index in (np.int32, np.int64):
        ids = np.array([[0, -1, 3], [-4, 2, 1]], index)
        m.add("gather", [x, ids], np.take(x, ids, axis=1), "axis = 1 : i64")
        for kind in ("set", "add", "mul", "max", "min") if element not in ("i1", "f16", "bf16") else ("set",):
            # Sums and products of floats have no second update: f64 would not round between the two.
            once = element in FLOATS and kind in ("add", "mul")
            places = np.array([[2, -3, 1]] if once else [[2, -1, 0], [1, 2, -3]], index)
            rows = samples(element, (*places.shape, 4, 5), 6)
            expected = x.copy()
            with np.errstate(all="ignore"):
                for at in np.ndindex(places.shape):
                    expected[places[at]] = SCATTER[kind](expected[places[at]], rows[at])
            m.add("scatter", [x, places, rows], expected, words=kind)
    panels = np.zeros((2, 3, 4, 3), dtype)
    for n in range(5):
        panels[n // 3, :, :, n % 3] = x[:, :, n]
    m.add("pack", [x], panels, "lanes = 3 : i64")
    m.add("unpack", [panels], x, "size = 5 : i64")
    return m


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


def pool(x, kind, window, strides, low, high, dilations, include_pad=False):
    indices = windows(x, window, strides, low, high, dilations)
    flat = x.reshape(*x.shape[:2], -1)
    taken = flat[..., indices]
    inside = indices >= 0
    if kind == "max":
        lowest = -np.inf if taken.dtype.kind == "f" else np.iinfo(taken.dtype).min
        return np.where(inside, taken, lowest).max(-1).astype(taken.dtype)
    total = np.where(inside, taken, 0).sum(-1)
    return total / (indices.shape[-1] if include_pad else inside.sum(-1))


def reductions(element):
    m, dtype = Module(), TYPES[element]
    x = samples(element, (3, 4, 5), 1)
    whole = element in INTS
    fold = (lambda function: lambda v, axes: function(v, axis=axes, dtype=dtype)) if whole else (
        lambda function: lambda v, axes: in_f64(lambda w: function(w, axis=axes), dtype)(v))
    for kind, function in {"sum": np.sum, "prod": np.prod}.items():
        m.add("reduce", [x], fold(function)(x, (0, 2)), "axes = array<i64: 0, 2>", kind)
    pick = lambda function, v, axes: function(v.astype(np.float64) if not whole else v, axis=axes).astype(dtype)
    m.add("reduce", [x], pick(np.max, x, 1), "axes = array<i64: 1>", "max")
    m.add("reduce", [x], pick(np.min, x, 2)[..., None], "axes = array<i64: 2>, keep_dims", "min")
    empty = np.zeros((2, 0), dtype)
    lowest, highest = (np.iinfo(dtype).min, np.iinfo(dtype).max) if whole else (-np.inf, np.inf)
    for kind, neutral in {"sum": 0, "prod": 1, "max": lowest, "min": highest}.items():
        m.add("reduce", [empty], np.full(2, neutral, dtype), "axes = array<i64: 1>", kind)
    finite = samples(element, (3, 4, 5), 2, special=whole)
    if not whole:
        m.add("reduce", [finite], in_f64(lambda v: v.mean((1, 2)), dtype)(finite), "axes = array<i64: 1, 2>", "mean")
    wide = finite if whole else finite.astype(np.float64)
    m.add("arg_max", [finite], wide.argmax(1).astype(np.int64), "axis = 1 : i64")
    m.add("arg_min", [finite], wide.argmin(2).astype(np.int64)[..., None], "axis = 2 : i64, keep_dims")
    last = wide.shape[1] - 1 - wide[:, ::-1].argmax(1)
    m.add("arg_max", [finite], last.astype(np.int64), "axis = 1 : i64, select_last")
    if not whole:
        m.add("arg_max", [x.reshape(4, 15)], x.reshape(4, 15).astype(np.float64).argmax(1), "axis = 1 : i64")  # first NaN
    m.add("cum_sum", [finite], fold(np.cumsum)(finite, 1), "axis = 1 : i64")
    exclusive = np.roll(np.flip(wide, 1).cumsum(1, dtype=wide.dtype), 1, 1)
    exclusive[:, 0] = 0
    m.add("cum_sum", [finite], np.flip(exclusive, 1).astype(dtype), "axis = 1 : i64, exclusive, reverse")

    image = samples(element, (2, 3, 6, 5), 3, special=whole)
    source = image if whole else image.astype(np.float64)
    arguments = dict(window=(3, 2), strides=(2, 1), low=(1, 0), high=(1, 1), dilations=(1, 2))
    text = ("window = array<i64: 3, 2>, strides = array<i64: 2, 1>, pad_low = array<i64: 1, 0>, "
            "pad_high = array<i64: 1, 1>, dilations = array<i64: 1, 2>")
    m.add("pool", [image], pool(source, "max", **arguments).astype(dtype), text, "max")
    last = text + ", layout = #mlc<layout channels_last>"
    to_last = lambda v: np.ascontiguousarray(np.moveaxis(v, 1, -1))
    m.add("pool", [to_last(image)], to_last(pool(source, "max", **arguments).astype(dtype)), last, "max")
    if not whole:
        m.add("pool", [image], pool(source, "average", **arguments).astype(dtype), text, "average")
        m.add("pool", [image], pool(source, "average", include_pad=True, **arguments).astype(dtype),
              text + ", count_include_pad", "average")
    return m


def conv(x, w, strides, low, high, dilations, groups=1):
    """x [N, C, spatial...], w [O, C/groups, window...], all f64."""
    indices = windows(x, w.shape[2:], strides, low, high, dilations)
    flat = np.concatenate([x.reshape(*x.shape[:2], -1), np.zeros((*x.shape[:2], 1))], -1)
    columns = flat[..., indices]  # [N, C, outputs..., taps]; -1 is the zero behind
    n, c, o = x.shape[0], w.shape[1], w.shape[0] // groups
    parts = [np.einsum("nc...t,oct->no...", columns[:, g * c:(g + 1) * c], w[g * o:(g + 1) * o].reshape(o, c, -1))
             for g in range(groups)]
    return np.concatenate(parts, 1)


def winograd(tile):
    """G, B^T, A^T of F(tile x tile, 3 x 3): Toom and Cook's matrices for these points and infinity."""
    points = [0, 1, -1] if tile == 2 else [0, 0.75, -0.75, 1.5, -1.5]
    others = lambda p: [q for q in points if q != p]
    last = np.eye(1, 3, 2)
    filters = np.concatenate([[np.array([1, p, p * p]) / np.prod([p - q for q in others(p)]) for p in points], last])
    inputs = np.array([[*np.poly(others(p))[::-1], 0] for p in points] + [np.poly(points)[::-1]])
    outputs = np.array([[*(float(p) ** i for p in points), i == tile - 1] for i in range(tile)])
    return filters, inputs, outputs


def winograd_filter(w, tile):
    """w [O, C, 3, 3] -> [(tile + 2)^2, C, O]."""
    filters = winograd(tile)[0]
    transformed = np.einsum("ai,bj,ocij->abco", filters, filters, w.astype(np.float64))
    return transformed.reshape(-1, *transformed.shape[2:])


def winograd_conv(x, u, tile, low, high):
    """x [N, H, W, C], u as winograd_filter makes it, all f64."""
    _, inputs, outputs = winograd(tile)
    rows, columns = (x.shape[1 + d] + low[d] + high[d] - 2 for d in (0, 1))
    fill = [-(-size // tile) * tile - size for size in (rows, columns)]
    padded = np.pad(x, [(0, 0), *((low[d], high[d] + fill[d]) for d in (0, 1)), (0, 0)])
    result = np.zeros((x.shape[0], rows + fill[0], columns + fill[1], u.shape[-1]))
    for i in range(0, rows, tile):
        for j in range(0, columns, tile):
            v = np.einsum("ai,bj,nijc->nabc", inputs, inputs, padded[:, i:i + tile + 2, j:j + tile + 2])
            sums = np.einsum("nabc,abco->nabo", v, u.reshape(tile + 2, tile + 2, *u.shape[1:]))
            result[:, i:i + tile, j:j + tile] = np.einsum("ia,jb,nabo->nijo", outputs, outputs, sums)
    return result[:, :rows, :columns]


def softmax(x, axis):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def attention(q, k, v, mask, scale, causal):
    """[B, H, S, D]; keys and values may have fewer heads."""
    k, v = (np.repeat(t, q.shape[1] // t.shape[1], axis=1) for t in (k, v))
    scores = q @ k.swapaxes(-1, -2) * scale + mask
    if causal:
        rows, columns = np.indices(scores.shape[-2:])
        scores = np.where(columns > rows, -np.inf, scores)
    return softmax(scores, -1) @ v


def strassen_sums(x, of_rhs):
    """The seven sums of quadrants of a matrix, padded to an even size."""
    x = np.pad(x, [(0, x.shape[0] % 2), (0, x.shape[1] % 2)])
    (a, b), (c, d) = [np.hsplit(half, 2) for half in np.vsplit(x, 2)]
    return np.stack([a + d, c - a, d, c + d, a, b - d, a + b] if of_rhs else [a + d, d, a + b, b - d, c + d, a, c - a])


def strassen(lhs, rhs, rows, columns):
    """The result's quadrants from seven products, without what pads it."""
    p = np.matmul(lhs, rhs)
    return np.block([[p[0] + p[1] - p[2] + p[3], p[2] + p[5]], [p[1] + p[4], p[0] - p[4] + p[5] + p[6]]])[:rows, :columns]


def contractions(element):
    m, dtype = Module(), TYPES[element]
    a, b = samples(element, (2, 1, 3, 4), 1, element in INTS), samples(element, (3, 4, 5), 2, element in INTS)
    if element in INTS:
        wide = np.uint64 if element.startswith("ui") else np.int64
        product = lambda x, y: np.matmul(x.astype(wide), y.astype(wide)).astype(dtype)
    else:
        product = in_f64(np.matmul, dtype)
    m.add("matmul", [a, b], product(a, b))
    swap = lambda x: np.ascontiguousarray(x.swapaxes(-1, -2))
    m.add("matmul", [swap(a), swap(b)], product(a, b), "transpose_lhs, transpose_rhs")
    if element in ("i8", "ui8"):
        for other in ("i8", "ui8"):
            c = samples(other, (3, 4, 5), 3)
            m.add("matmul", [a, c], np.matmul(a.astype(np.int32), c.astype(np.int32)), "wide_result")
    if element in INTS:
        return m
    f = lambda function: in_f64(function, dtype)
    draw = lambda seed, *shape: samples(element, shape, seed, special=False)

    x, w = draw(3, 2, 4, 7, 6), draw(4, 6, 2, 3, 2)
    settings = dict(strides=(2, 1), low=(1, 0), high=(0, 2), dilations=(1, 2), groups=2)
    text = ("strides = array<i64: 2, 1>, pad_low = array<i64: 1, 0>, pad_high = array<i64: 0, 2>, "
            "dilations = array<i64: 1, 2>, groups = 2 : i64")
    m.add("conv", [x, w], f(lambda x, w: conv(x, w, **settings))(x, w), text)
    one = dict(settings, groups=1)
    w = draw(5, 5, 4, 3, 2)
    expected = np.moveaxis(f(lambda x, w: conv(x, w, **one))(x, w), 1, -1)
    m.add("conv", [np.moveaxis(x, 1, -1).copy(), w.transpose(2, 3, 1, 0).copy()], np.ascontiguousarray(expected),
          text.replace("groups = 2", "groups = 1") + ", layout = #mlc<layout channels_last>")

    def panels(weight, lanes):  # [D..., N] -> [P, D..., lanes]
        count = -(-weight.shape[-1] // lanes)
        packed = np.zeros((count, *weight.shape[:-1], lanes), weight.dtype)
        for n in range(weight.shape[-1]):
            packed[n // lanes, ..., n % lanes] = weight[..., n]
        return packed

    lhs, rhs = draw(6, 2, 3, 4), draw(7, 4, 5)
    m.add("packed_matmul", [lhs, panels(rhs, 3)], f(np.matmul)(lhs, rhs), "n = 5 : i64")
    s, t = draw(12, 3, 1, 5), draw(13, 5, 7)  # every dimension is odd
    lhs_sums, rhs_sums = f(lambda x: strassen_sums(x.reshape(3, 5), False))(s), f(lambda x: strassen_sums(x, True))(t)
    m.add("strassen_sums", [s], lhs_sums)
    m.add("strassen_sums", [t], rhs_sums, "of_rhs")
    m.add("strassen_matmul", [lhs_sums, panels(rhs_sums, 3)], f(lambda x, y: strassen(x, y, 3, 7).reshape(3, 1, 7))(
        lhs_sums, rhs_sums), "shape = array<i64: 3, 1, 7>")
    bare = dict(strides=(2, 1), low=(0, 0), high=(0, 0), dilations=(1, 2))
    expected = np.moveaxis(f(lambda x, w: conv(x, w, **bare))(x, w), 1, -1)
    m.add("packed_conv", [np.moveaxis(x, 1, -1).copy(), panels(w.transpose(2, 3, 1, 0), 3)],
          np.ascontiguousarray(expected),
          "strides = array<i64: 2, 1>, dilations = array<i64: 1, 2>, out_channels = 5 : i64")

    x, w = draw(12, 2, 4, 7, 6), draw(13, 5, 4, 3, 3)
    plain = np.moveaxis(conv(*(t.astype(np.float64) for t in (x, w)), (1, 1), (1, 0), (0, 2), (1, 1)), 1, -1)
    x = np.moveaxis(x, 1, -1).copy()
    for tile in (2, 4):
        u = winograd_filter(w, tile)
        assert np.allclose(winograd_conv(x.astype(np.float64), u, tile, (1, 0), (0, 2)), plain, 1e-9, 1e-9)
        u = u.astype(dtype)
        m.add("winograd_conv", [x, panels(u, 3)], f(lambda x, u: winograd_conv(x, u, tile, (1, 0), (0, 2)))(x, u),
              f"pad_low = array<i64: 1, 0>, pad_high = array<i64: 0, 2>, tile = {tile} : i64, out_channels = 5 : i64")

    q, k, v, mask = draw(8, 2, 4, 3, 5), draw(9, 2, 2, 6, 5), draw(10, 2, 2, 6, 7), draw(11, 1, 1, 3, 6)
    m.add("attention", [q, k, v, mask], f(lambda q, k, v, s: attention(q, k, v, s, 0.5, False))(q, k, v, mask),
          "scale = 0.5 : f64")
    heads_last = lambda t: np.ascontiguousarray(t.swapaxes(1, 2))
    expected = f(lambda q, k, v: attention(q, k, v, 0, 0.25, True))(q, k, v)
    m.add("attention", [heads_last(q), heads_last(k), heads_last(v)], heads_last(expected),
          "scale = 0.25 : f64, causal, layout = #mlc<head_layout bshd>")
    return m


def packed_sequences(element):
    """Three sequences of 2, 0 and 4 tokens, wherever the mask is not 0."""
    m, dtype = Module(), TYPES[element]
    mask = np.array([[0, 1, 0, 0, 1], [0, 0, 0, 0, 0], [1, 1, 1, 0, 1]]).astype(dtype)
    offsets = np.array([0, 2, 2, 6], np.int32)
    m.add("cu_seqlens", [mask], offsets, "capacity = 6 : i64")
    x, row = samples(element, (3, 5, 2), 1), samples(element, (1, 5, 2), 2)
    pack = lambda x: np.concatenate([np.broadcast_to(x, (3, 5, 2))[mask != 0], np.zeros((2, 2), dtype)])
    m.add("unpad", [x, mask, offsets], pack(x), "capacity = 8 : i64")
    m.add("unpad", [row, mask, offsets], pack(row), "capacity = 8 : i64")
    packed = samples(element, (8, 2), 3)
    expected = np.zeros((3, 5, 2), dtype)
    expected[mask != 0] = packed[:6]
    m.add("repad", [packed, mask, offsets], expected)
    if element not in FLOATS or element == "f64":
        return m
    draw = lambda seed, *shape: samples(element, shape, seed, special=False)
    q, k, v = draw(4, 8, 4, 5), draw(5, 8, 2, 5), draw(6, 8, 2, 3)

    def varlen(causal):
        def compute(q, k, v):
            heads = lambda t: t.swapaxes(0, 1)[None]
            result = np.zeros((8, 4, 3))
            for begin, end in zip(offsets[:-1], offsets[1:]):
                if begin < end:
                    part = attention(*(heads(t[begin:end]) for t in (q, k, v)), 0, 0.5, causal)
                    result[begin:end] = part[0].swapaxes(0, 1)
            return result

        return in_f64(compute, dtype)(q, k, v)

    m.add("varlen_attention", [q, k, v, offsets], varlen(False), "scale = 0.5 : f64, max_seqlen = 5 : i64")
    m.add("varlen_attention", [q, k, v, offsets], varlen(True), "scale = 0.5 : f64, max_seqlen = 4 : i64, causal")
    return m


def normalizations(element):
    m, dtype = Module(), TYPES[element]
    f = lambda function: in_f64(function, dtype)
    x, s, b = (samples(element, shape, 1, special=False) for shape in ((3, 4, 5), (4, 5), (4, 5)))
    m.add("softmax", [x], f(lambda v: softmax(v, 1))(x), "axis = 1 : i64")
    m.add("log_softmax", [x], f(lambda v: np.log(softmax(v, 2)))(x), "axis = 2 : i64")
    odd = samples(element, (4, 10), 1)
    odd[1] = -np.inf
    m.add("softmax", [odd], f(lambda v: softmax(v, 1))(odd), "axis = 1 : i64")

    def layer_norm(v, scale, bias):
        centred = v - v.mean((1, 2), keepdims=True)
        return centred / np.sqrt((centred**2).mean((1, 2), keepdims=True) + 1e-3) * scale + bias

    m.add("layer_norm", [x, s, b], f(layer_norm)(x, s, b), "axis = 1 : i64, epsilon = 1.0e-3 : f64")
    scale, bias, mean, variance = (samples(element, (4,), seed, special=False) for seed in (2, 3, 4, 5))
    variance = np.abs(variance)
    channel = lambda t: t[:, None]
    m.add("batch_norm", [x, scale, bias, mean, variance],
          f(lambda v, s, b, u, q: (v - channel(u)) / np.sqrt(channel(q) + 1e-3) * channel(s) + channel(b))(
              x, scale, bias, mean, variance),
          "axis = 1 : i64, epsilon = 1.0e-3 : f64")
    return m


FAMILIES = {elementwise: TYPES, movement: TYPES, reductions: {**FLOATS, **INTS}, contractions: {**FLOATS, **INTS}, packed_sequences: TYPES,
            normalizations: FLOATS}
CASES = [(family, element) for family, elements in FAMILIES.items() for element in elements]


@pytest.mark.parametrize("family, element", CASES, ids=[f"{f.__name__}-{e}" for f, e in CASES])
def test_against_numpy(family, element, tmp_path):
    module = family(element)
    for name, got, want in zip(module.names, module.run(tmp_path), module.expected):
        check(name, got, want, ulps=2)


# In f64 nothing is rounded to f32, inputs aside.
@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f.__name__)
def test_in_f64(family, tmp_path):
    module = family("f32")
    for name, got, want in zip(module.names, module.run(tmp_path, "--interpret-f64"), module.expected):
        if element_of(want) in FLOATS:
            assert got.dtype == np.float64, name
            with np.errstate(over="ignore"):
                check(name, got.astype(want.dtype), want, ulps=2)
        else:
            check(name, got, want)


def test_every_op_is_tested():
    documented = set(re.findall(r"^### `mlc\.(\w+)`", (ROOT / "docs/dialect.md").read_text(), re.MULTILINE))
    tested = set().union(*(family(element).ops for family, types in FAMILIES.items() for element in types))
    assert documented - STRUCTURE == tested


def test_an_index_out_of_range_is_named(tmp_path):
    module = Module()
    module.add("gather", [np.zeros((4, 2), np.float32), np.array([0, 1, -5], np.int64)], np.zeros((3, 2), np.float32),
               "axis = 0 : i64")
    with pytest.raises(subprocess.CalledProcessError):
        module.run(tmp_path)
    result = subprocess.run([MLC_OPT, tmp_path / "ops.mlir", "--interpret", "--input", tmp_path / "in.npz"],
                            capture_output=True, text=True)
    assert result.returncode == 1
    assert "mlc.gather" in result.stderr and "index -5 at position 2 is outside of [-4, 4)" in result.stderr
