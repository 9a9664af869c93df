"""Elementary functions that the importer composes: every one within 4 units in the last place of the exact result, at the
ends of its range, next to its zeros, and at what is no number."""
import numpy as np
import pytest
from onnx import helper

TINY = [0.0, 5e-324, 1e-310, 1e-44, 1e-38, 1e-20, 1e-10, 1e-5, 2e-4]
SPECIAL = np.array([*TINY, 0.1, 0.4375, 0.5, 0.7071, 1 - 2**-11, 1, 1 + 2**-10, 2, 10, 88, 89.4, 700, 710.4, 711, 65504, 1e10,
                    3e38, 1e155, 1e308, np.inf, np.nan])
DTYPES = {"f16": np.float16, "f32": np.float32, "f64": np.float64}
EXACT = {"Tan": np.tan, "Asin": np.arcsin, "Acos": np.arccos, "Atan": np.arctan, "Sinh": np.sinh, "Cosh": np.cosh,
         "Asinh": np.arcsinh, "Acosh": np.arccosh, "Atanh": np.arctanh}


def arguments(op, dtype):
    """Numbers of all magnitudes, more of them where the function changes."""
    rng = np.random.default_rng(5)
    magnitudes = np.exp2(rng.uniform(-20, 11, 4000))
    near = rng.uniform(-2, 2, 4000)
    x = np.concatenate([SPECIAL, -SPECIAL, magnitudes, -magnitudes, near, 1 + 2.0 ** rng.uniform(-30, 0, 2000)])
    with np.errstate(all="ignore"):
        x = x.astype(dtype)
    # sin and cos of f64 promise nothing beyond 2^30; the tangent of a number near pi/2 is large, and exact there too.
    return x[~(np.abs(x) > 2.0**30) | ~np.isfinite(x)] if op == "Tan" and dtype == np.float64 else x


def distance(got, exact, dtype):
    """In units in the last place of the exact result; what is not finite must agree."""
    with np.errstate(all="ignore"):
        rounded = exact.astype(dtype)
        finite = np.isfinite(rounded)
        # Next to overflow either neighbour will do.
        edge = np.isinf(rounded) != np.isinf(got)
        np.testing.assert_array_equal(got[~finite & ~edge], rounded[~finite & ~edge])
        unit = np.maximum(np.spacing(np.abs(rounded)), np.finfo(dtype).smallest_subnormal).astype(np.longdouble)
        return np.where(finite & ~edge, np.abs(got.astype(np.longdouble) - exact) / unit, 0)


@pytest.mark.parametrize("kind", DTYPES)
def test_functions_are_exact_to_four_units(tools, make_model, tmp_path, kind):
    dtype = DTYPES[kind]
    onnx_type = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    feeds = {op: arguments(op, dtype) for op in EXACT}
    path = make_model([helper.make_node(op, [op], ["y" + op]) for op in EXACT],
                      [(op, onnx_type, x.shape) for op, x in feeds.items()],
                      [("y" + op, onnx_type, x.shape) for op, x in feeds.items()], opset=22)
    tools.compile(path, tmp_path / "m.mlc")
    results = tools.infer(tmp_path / "m.mlc", feeds, tmp_path)
    worst = {}
    for op, function in EXACT.items():
        with np.errstate(all="ignore"):
            exact = function(feeds[op].astype(np.longdouble))
        worst[op] = float(np.max(distance(results["y" + op], exact, dtype)))
        zero = np.isin(feeds[op], 0)
        if op not in ("Cosh", "Acos", "Acosh"):
            np.testing.assert_array_equal(np.signbit(results["y" + op][zero]), np.signbit(feeds[op][zero]))
    print(kind, {op: round(units, 2) for op, units in worst.items()})
    # All but the tangent are computed in f64.
    limits = {op: 4 if kind == "f64" else 2 if op == "Tan" and kind == "f32" else 0.51 for op in EXACT}
    assert all(worst[op] <= limits[op] for op in EXACT), worst


@pytest.mark.parametrize("exclusive", [0, 1])
@pytest.mark.parametrize("reverse", [0, 1])
@pytest.mark.parametrize("size", [0, 1, 2, 7, 33])
def test_products_of_what_came_before(tools, make_model, tmp_path, size, exclusive, reverse):
    x = np.random.default_rng(3).uniform(0.8, 1.3, (2, size, 3)).astype(np.float32)
    path = make_model([helper.make_node("Constant", [], ["axis"], value_int=1),
                       helper.make_node("CumProd", ["x", "axis"], ["y"], exclusive=exclusive, reverse=reverse)],
                      [("x", 1, x.shape)], [("y", 1, x.shape)], opset=26)
    tools.compile(path, tmp_path / "m.mlc")
    got = tools.infer(tmp_path / "m.mlc", {"x": x}, tmp_path)["y"]
    lines = x[:, ::-1] if reverse else x
    if exclusive and size:
        lines = np.concatenate([np.ones_like(lines[:, :1]), lines[:, :-1]], axis=1)
    expected = np.cumprod(lines.astype(np.float64), axis=1)
    np.testing.assert_allclose(got, expected[:, ::-1] if reverse else expected, rtol=1e-6)


@pytest.mark.parametrize("size", [1, 2, 3, 6])
def test_determinants(beside_onnxruntime, size):
    x = np.random.default_rng(8).normal(size=(4, size, size)).astype(np.float32)
    x[1, :, 0] = 0  # no pivot
    x[2] = np.eye(size)[::-1]  # a pivot that is never in place
    beside_onnxruntime(helper.make_node("Det", ["x"], ["y"]), {"x": x})


def test_the_first_maximum(beside_onnxruntime):
    x = np.array([[1, 3, 3, 2], [0, -1, 0, 0]], np.float32)
    for opset, axis in ((13, -1), (13, 0), (11, 0)):
        beside_onnxruntime(helper.make_node("Hardmax", ["x"], ["y"], axis=axis), {"x": x}, opset=opset)
