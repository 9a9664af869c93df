"""Quantised models: integer arithmetic gives the bits that onnxruntime gives, however an exporter wrote it.

onnxruntime computes QLinearConv, QLinearMatMul and what it recognises as these in graphs of QuantizeLinear and
DequantizeLinear as an integer sum, one product with a float, and one rounding. So do kernels of mlc; where it does
something else (an addition between two scales), results may differ by one.
"""
import itertools
import re

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper, save

U8, I8 = TensorProto.UINT8, TensorProto.INT8
DTYPES = {U8: np.uint8, I8: np.int8}


class Model:
    def __init__(self, opset=17):
        self.opset, self.nodes, self.initializers, self.inputs, self.feeds = opset, [], [], [], {}
        self.rng = np.random.default_rng(11)

    def input(self, name, array):
        kind = helper.np_dtype_to_tensor_dtype(array.dtype)
        self.inputs.append(helper.make_tensor_value_info(name, kind, array.shape))
        self.feeds[name] = array
        return name

    def integers(self, kind, *shape):
        """All values, the extreme ones often."""
        info = np.iinfo(DTYPES[kind])
        values = self.rng.integers(info.min, info.max + 1, shape)
        extreme = self.rng.random(shape) < 0.2
        return np.where(extreme, self.rng.choice([info.min, info.max, 0], shape), values).astype(DTYPES[kind])

    def __call__(self, op, *operands, **attributes):
        names = []
        for operand in operands:
            if not isinstance(operand, str):
                tensor = numpy_helper.from_array(np.asarray(operand, order="C"), f"c{len(self.initializers)}")
                self.initializers.append(tensor)
                operand = tensor.name
            names.append(operand)
        result = f"{op}_{len(self.nodes)}"
        outputs = [result, result + "_scale", result + "_zero"] if op == "DynamicQuantizeLinear" else [result]
        self.nodes.append(helper.make_node(op, names, outputs, **attributes))
        return outputs if len(outputs) > 1 else result

    def save(self, path, result):
        outputs = [helper.make_empty_tensor_value_info(result)]
        graph = helper.make_graph(self.nodes, "g", self.inputs, outputs, self.initializers)
        save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=9), str(path))


@pytest.fixture
def judge(tools, tmp_path):
    """Compiles and runs a model at one and two threads, beside onnxruntime; returns the report."""

    def run(model, result, target="native", off_by_one=0.0):
        path = tmp_path / "m.onnx"
        model.save(path, result)
        options = onnxruntime.SessionOptions()
        options.add_session_config_entry("session.x64quantprecision", "1")  # no saturation inside of a sum
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        (expected,) = session.run(None, model.feeds)
        report, _ = tools.compile(path, tmp_path / "m.mlc", f"--target-cpu={target}", "--report")
        results = [next(iter(tools.infer(tmp_path / "m.mlc", model.feeds, tmp_path, threads).values()))
                   for threads in (1, 2)]
        np.testing.assert_array_equal(*results)
        assert results[0].dtype == expected.dtype
        if off_by_one:
            distance = np.abs(results[0].astype(np.int64) - expected)
            assert distance.max() <= 1 and np.mean(distance) <= off_by_one, np.mean(distance)
        elif expected.dtype == np.float32:
            np.testing.assert_allclose(results[0], expected, rtol=2e-6, atol=2e-6)
        else:
            np.testing.assert_array_equal(results[0], expected)
        return report

    return run


def kernels(report, op):
    return [line for line in report.splitlines() if re.search(rf"\b{op}\b", line)]


SHAPES = [(1, 1, 1), (3, 7, 5), (8, 64, 48), (17, 130, 33), (128, 36, 65)]


@pytest.mark.parametrize("left,right", list(itertools.product((U8, I8), (U8, I8))))
@pytest.mark.parametrize("m,k,n", SHAPES)
def test_matmul_integer(judge, left, right, m, k, n):
    if left == I8 and right == U8:
        pytest.skip("onnxruntime has no such kernel")
    g = Model()
    a = g.input("a", g.integers(left, 2, m, k))
    zero = DTYPES[left](g.integers(left, 1)[0])
    report = judge(g, g("MatMulInteger", a, g.integers(right, k, n), zero, g.integers(right, n)))
    assert "vector" in kernels(report, "packed_matmul")[0]


@pytest.mark.parametrize("target", ["x86-64-v3", "native"])
@pytest.mark.parametrize("kind", [U8])  # onnxruntime brings signed activations to unsigned ones only in graphs of QDQ
@pytest.mark.parametrize("per_channel", [False, True])
def test_qlinear_matmul(judge, target, kind, per_channel):
    g = Model()
    k, n = 70, 50
    a = g.input("a", g.integers(kind, 9, k))
    w = g.integers(I8, k, n)
    scale = (np.linspace(1, 3, n) * 1e-3).astype(np.float32) if per_channel else np.float32(0.002)
    zeros = np.zeros(n, np.int8) if per_channel else np.int8(0)
    zero = DTYPES[kind](3)
    report = judge(g, g("QLinearMatMul", a, np.float32(0.03), zero, w, scale, zeros, np.float32(0.05), DTYPES[kind](7)), target)
    assert len(kernels(report, "packed_matmul")) == 1 and "quantize" in kernels(report, "packed_matmul")[0]


CONVS = [dict(channels=3, out=8, size=7, strides=[2, 2], pads=[3, 3, 3, 3]),
         dict(channels=16, out=33, size=1, strides=[1, 1], pads=[0, 0, 0, 0]),
         dict(channels=10, out=17, size=3, strides=[1, 1], pads=[1, 1, 1, 1]),
         dict(channels=8, out=20, size=3, strides=[2, 1], pads=[0, 1, 2, 1], dilations=[1, 2]),
         dict(channels=24, out=24, size=3, strides=[1, 1], pads=[1, 1, 1, 1], group=24),
         dict(channels=32, out=64, size=3, strides=[1, 1], pads=[1, 1, 1, 1], group=2)]


def conv_parts(g, kind, channels, out, size, group=1, **attributes):
    x = g.integers(kind, 2, channels, 13, 11)
    w = g.integers(I8, out, channels // group, size, size)
    return x, w, dict(kernel_shape=[size, size], group=group, **attributes)


@pytest.mark.parametrize("conv", CONVS, ids=lambda c: f"{c['channels']}to{c['out']}by{c['size']}")
@pytest.mark.parametrize("kind", [U8])
def test_qlinear_conv(judge, conv, kind):
    g = Model()
    x, w, attributes = conv_parts(g, kind, **conv)
    out = w.shape[0]
    scales = (np.linspace(1, 2, out) * 1e-3).astype(np.float32)
    bias = g.rng.integers(-2000, 2000, out).astype(np.int32)
    judge(g, g("QLinearConv", g.input("x", x), np.float32(0.02), DTYPES[kind](5), w, scales, np.zeros(out, np.int8),
               np.float32(0.04), DTYPES[kind](9), bias, **attributes))


def test_conv_integer(judge):
    g = Model()
    x, w, attributes = conv_parts(g, U8, **CONVS[2])
    judge(g, g("ConvInteger", g.input("x", x), w, np.uint8(77), np.int8(-3), **attributes))


def quantize(g, x, scale, zero):
    return g("QuantizeLinear", x, np.float32(scale), zero)


def dequantize(g, x, scale, zero, **attributes):
    return g("DequantizeLinear", x, np.asarray(scale, np.float32), zero, **attributes)


@pytest.mark.parametrize("conv", CONVS, ids=lambda c: f"{c['channels']}to{c['out']}by{c['size']}")
@pytest.mark.parametrize("kind", [U8, I8])
@pytest.mark.parametrize("activation", [None, "Relu", "Clip"])
def test_qdq_conv(judge, conv, kind, activation):
    """As quantize_static writes it: bias of i32, weights by channel, zero points by channel that are all 0."""
    g = Model()
    x, w, attributes = conv_parts(g, kind, **conv)
    out = w.shape[0]
    scales = (np.linspace(1, 2, out) * 1e-3).astype(np.float32)
    bias = g.rng.integers(-2000, 2000, out).astype(np.int32)
    zero, low = DTYPES[kind](5), DTYPES[kind](np.iinfo(DTYPES[kind]).min)
    image = dequantize(g, g.input("x", x), 0.02, zero)
    filter = dequantize(g, w, scales, np.zeros(out, np.int8), axis=0)
    y = g("Conv", image, filter, dequantize(g, bias, np.float32(0.02) * scales, np.zeros(out, np.int32), axis=0), **attributes)
    end = low
    if activation == "Relu":
        y = g("Relu", y)
    elif activation == "Clip":
        y = g("Clip", y, np.float32(0), np.float32(6))
    else:
        end = zero
    report = judge(g, quantize(g, y, 0.0235294122248888, end))
    assert all("quantize" in line for line in kernels(report, "packed_conv") + kernels(report, "packed_matmul"))


@pytest.mark.parametrize("kind", [U8, I8])
def test_qdq_residual_block(judge, kind):
    """A pool of integers stays one; an addition is computed in f32, where onnxruntime adds multiples of a ratio."""
    g = Model()
    dtype = DTYPES[kind]
    x = dequantize(g, quantize(g, g.input("x", g.rng.standard_normal((1, 8, 12, 12)).astype(np.float32)), 0.02, dtype(1)),
                   0.02, dtype(1))
    pool = g("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    x = dequantize(g, quantize(g, pool, 0.02, dtype(1)), 0.02, dtype(1))
    w = dequantize(g, g.integers(I8, 8, 8, 3, 3), 0.001, np.int8(0))
    y = g("Conv", x, w, kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    y = dequantize(g, quantize(g, y, 0.03, dtype(2)), 0.03, dtype(2))
    report = judge(g, quantize(g, g("Add", x, y), 0.05, dtype(3)), off_by_one=1e-3)
    (conv,) = kernels(report, "packed_conv")
    assert conv.count("quantize") == 2, conv
    (pooling,) = kernels(report, "pool")
    assert "cast" not in pooling and "quantize" not in pooling, pooling


@pytest.mark.parametrize("per_channel", [False, True])
def test_dynamic_quantisation(judge, per_channel):
    g = Model()
    x = g.input("x", g.rng.standard_normal((4, 19, 48)).astype(np.float32))
    w = g.integers(I8, 48, 40)
    scales = (np.linspace(1, 2, 40) * 1e-3).astype(np.float32) if per_channel else np.float32(1e-3)
    elements, scale, zero = g("DynamicQuantizeLinear", x)
    sums = g("MatMulInteger", elements, w, zero, np.zeros(40, np.int8) if per_channel else np.int8(0))
    product = g("Mul", g("Cast", sums, to=TensorProto.FLOAT), g("Mul", scale, scales))
    report = judge(g, g("Add", product, g.rng.standard_normal(40).astype(np.float32)))
    assert "vector" in kernels(report, "packed_matmul")[0]


@pytest.mark.parametrize("kind", [U8, I8])
def test_negative_means_are_quantised(judge, kind):
    """A float that a row of numbers was summed to, as an integer below 0 for a while: Halide casts it to unsigned integers."""
    model = Model()
    x = model.input("x", model.rng.normal(size=(6, 20)).astype(np.float32))
    zero = DTYPES[kind](90)
    mean = model("ReduceMean", x, axes=[1])
    judge(model, model("QuantizeLinear", mean, np.float32(0.007), zero))
