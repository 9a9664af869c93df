"""Every op of the dialect, in every element type that it takes, by `mlc-opt --interpret` against NumPy.

The interpreter promises f64 arithmetic and one rounding to the type: floating-point results may differ from NumPy's f64,
rounded, by one unit in the last place (ml_dtypes rounds f64 to bf16 by way of f32; C libraries differ in exp and
friends). Integers are exact, wrap, and have extreme values among them; floating-point inputs have NaN, infinities, -0 and
subnormals among them.
"""
import math
import re
import subprocess

import numpy as np
import pytest
from contractions import contractions, packed_sequences
from harness import FLOATS, INTS, MLC_OPT, ROOT, TYPES, Module, check, element_of, in_f64, samples, softmax, windows

# Ops that hold a program together instead of computing.
STRUCTURE = {"constant", "fused", "yield", "param", "param_pack", "load_param", "variable"}

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
