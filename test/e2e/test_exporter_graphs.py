"""Graphs as exporters write them: each compiles, agrees with onnxruntime, and keeps only the ops it should.

The ways of writing layer norm, GELU, batch norm, padding and layout changes come from graphs of torch.onnx (both
exporters), tf2onnx, keras and paddle2onnx.
"""
import collections
import re

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper, save

RNG = np.random.default_rng(7)


class Graph:
    """Appends nodes; arrays become initializers, or Constant nodes."""

    def __init__(self, opset=17, constants_as_nodes=False):
        self.opset, self.as_nodes = opset, constants_as_nodes
        self.nodes, self.initializers, self.inputs, self.outputs = [], [], [], []

    def input(self, name, shape, kind=TensorProto.FLOAT):
        self.inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def constant(self, value):
        tensor = numpy_helper.from_array(np.array(value, order="C"), f"c{len(self.nodes)}_{len(self.initializers)}")
        if self.as_nodes:
            self.nodes.append(helper.make_node("Constant", [], [tensor.name], value=tensor))
        else:
            self.initializers.append(tensor)
        return tensor.name

    def __call__(self, kind, *operands, outputs=1, **attributes):
        names = [o if isinstance(o, str) else self.constant(o) for o in operands]
        results = [f"{kind}_{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, names, results, **attributes))
        return results[0] if outputs == 1 else results

    def mean(self, x, axes, keepdims=1):
        if self.opset >= 18:
            return self("ReduceMean", x, np.array(axes, np.int64), keepdims=keepdims)
        return self("ReduceMean", x, axes=axes, keepdims=keepdims)

    def save(self, path, result, kind=TensorProto.FLOAT):
        outputs = [helper.make_tensor_value_info(result, kind, None)]
        graph = helper.make_graph(self.nodes, "g", self.inputs, outputs, self.initializers)
        save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=8), str(path))


@pytest.fixture
def judge(tools, tmp_path):
    """Compiles and runs the graph, compares with onnxruntime; returns (ops behind simplify, ops of each kernel)."""

    def run(graph, result, tolerance=2e-6, **inputs):
        path = tmp_path / "m.onnx"
        graph.save(path, result)
        tools.compile(path, tmp_path / "m.mlc")
        ours = tools.infer(tmp_path / "m.mlc", inputs, tmp_path)[result].astype(np.float64)
        theirs = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, inputs)[0]
        assert ours.shape == theirs.shape
        assert np.linalg.norm(ours - theirs) <= tolerance * np.linalg.norm(theirs.astype(np.float64))
        listing = lambda phase: tools.run("mlc-opt", path, f"--compile-to={phase}", "--emit=mlir")[0]
        entry = listing("simplify").split("func.func")[1]
        ops = collections.Counter(re.findall(r"= mlc\.(\w+)", entry))
        regions = re.findall(r"= mlc\.fused .*?\n(.*?)mlc\.yield", listing("fuse").split("func.func")[1], re.S)
        return ops, [tuple(re.findall(r"= mlc\.(\w+)", region)) for region in regions]

    return run


def normal(*shape, scale=1.0):
    return (RNG.standard_normal(shape) * scale).astype(np.float32)


F = np.float32

#===-- Layer normalisation ----------------------------------------------------------------------------------------===


def deviation(g, x, axes, square):
    centred = g("Sub", x, g.mean(x, axes))
    other = g("Sub", x, g.mean(x, axes)) if square == "twice" else centred
    squared = g("Pow", centred, F(2)) if square == "pow" else g("Mul", centred, other)
    return centred, g("Add", g.mean(squared, axes), np.array([1e-5], F) if square == "twice" else F(1e-5))


def normalised(g, centred, variance, root):
    if root == "sqrt":
        return g("Div", centred, g("Sqrt", variance))
    if root == "pow":
        return g("Div", centred, g("Pow", variance, F(0.5)))
    if root == "pow -0.5":
        return g("Mul", centred, g("Pow", variance, F(-0.5)))
    if root == "reciprocal":
        return g("Mul", centred, g("Reciprocal", g("Sqrt", variance)))
    if root == "one over":
        return g("Mul", g("Div", F(1), g("Sqrt", variance)), centred)
    assert root == "cast"
    cast = lambda v: g("Cast", v, to=TensorProto.FLOAT)
    return g("Div", cast(centred), cast(g("Sqrt", cast(variance))))


@pytest.mark.parametrize("root", ["sqrt", "pow", "pow -0.5", "reciprocal", "one over", "cast"])
@pytest.mark.parametrize("square,opset,as_nodes", [("pow", 13, False), ("mul", 18, True), ("twice", 12, False)])
def test_layer_norm(judge, root, square, opset, as_nodes):
    g = Graph(opset, as_nodes)
    x = g.input("x", [3, 7, 36])
    scaled = g("Mul", normalised(g, *deviation(g, x, [-1], square), root), normal(36))
    ops, kernels = judge(g, g("Add", normal(36), scaled), x=normal(3, 7, 36, scale=3))
    assert ops["layer_norm"] == 1 and ops["mul"] + ops["add"] + ops["reduce"] == 0
    assert kernels == [("layer_norm",)]


# tf.nn.batch_normalization, which keras's LayerNormalization calls: x * (gamma / sd) + (beta - mean * (gamma / sd)).
@pytest.mark.parametrize("shape", [[36], [1, 1, 36]])
def test_layer_norm_of_keras(judge, shape):
    g = Graph(13)
    x = g.input("x", [2, 5, 36])
    mean = g.mean(x, [2])
    centred = g("Sub", x, mean)
    variance = g.mean(g("Mul", centred, centred), [2])
    factor = g("Mul", g("Reciprocal", g("Sqrt", g("Add", variance, F(1e-12)))), normal(*shape))
    shift = g("Sub", normal(*shape), g("Mul", mean, factor))
    ops, kernels = judge(g, g("Add", g("Mul", x, factor), shift), x=normal(2, 5, 36, scale=2))
    assert ops["layer_norm"] == 1 and ops["reduce"] == 0
    assert kernels == [("layer_norm",)]


def test_layer_norm_over_two_dimensions_without_scale(judge):
    g = Graph(17)
    x = g.input("x", [3, 5, 8])
    ops, _ = judge(g, normalised(g, *deviation(g, x, [1, 2], "pow"), "sqrt"), x=normal(3, 5, 8))
    assert ops["layer_norm"] == 1 and ops["reduce"] == 0


# A mean over other dimensions, or a variance of something else, is no layer norm.
def test_not_a_layer_norm(judge):
    g = Graph(17)
    x = g.input("x", [3, 5, 8])
    centred = g("Sub", x, g.mean(x, [1]))
    y = normalised(g, centred, g("Add", g.mean(g("Mul", centred, centred), [2]), F(1e-5)), "sqrt")
    ops, _ = judge(g, y, x=normal(3, 5, 8))
    assert ops["layer_norm"] == 0


#===-- GELU -------------------------------------------------------------------------------------------------------===


def half_one_plus(g, x, t, placement):
    if placement == "(x (1 + t)) 0.5":
        return g("Mul", g("Mul", x, g("Add", t, F(1))), F(0.5))
    if placement == "0.5 x (1 + t)":
        return g("Mul", g("Mul", F(0.5), x), g("Add", F(1), t))
    if placement == "x (0.5 (1 + t))":
        return g("Mul", x, g("Mul", F(0.5), g("Add", t, F(1))))
    if placement == "x (0.5 t + 0.5)":
        return g("Mul", x, g("Add", g("Mul", t, F(0.5)), F(0.5)))
    assert placement == "x (1 + t) / 2"
    return g("Div", g("Mul", x, g("Add", t, F(1))), F(2))


PLACEMENTS = ["(x (1 + t)) 0.5", "0.5 x (1 + t)", "x (0.5 (1 + t))", "x (0.5 t + 0.5)", "x (1 + t) / 2"]


@pytest.mark.parametrize("placement", PLACEMENTS)
@pytest.mark.parametrize("inner", ["div", "mul"])
def test_gelu(judge, placement, inner):
    g = Graph(13)
    x = g.input("x", [5, 37])
    scaled = g("Div", x, F(np.sqrt(2))) if inner == "div" else g("Mul", F(np.sqrt(0.5)), x)
    ops, kernels = judge(g, half_one_plus(g, x, g("Erf", scaled), placement), x=normal(5, 37, scale=2))
    assert ops == {"gelu": 1}


@pytest.mark.parametrize("placement", PLACEMENTS)
@pytest.mark.parametrize("cubic", ["pow", "products", "factored", "two factors"])
def test_gelu_of_tanh(judge, placement, cubic):
    g = Graph(13)
    x = g.input("x", [5, 37])
    root = F(np.sqrt(2 / np.pi))
    if cubic == "pow":
        inner = g("Mul", g("Add", x, g("Mul", g("Pow", x, F(3)), F(0.044715))), root)
    elif cubic == "products":
        inner = g("Mul", root, g("Add", g("Mul", F(0.044715), g("Mul", g("Mul", x, x), x)), x))
    elif cubic == "factored":
        inner = g("Mul", g("Mul", x, root), g("Add", F(1), g("Mul", g("Mul", F(0.044715), x), x)))
    else:
        inner = g("Mul", x, g("Add", g("Mul", g("Mul", x, x), F(0.044715 * np.sqrt(2 / np.pi))), root))
    ops, _ = judge(g, half_one_plus(g, x, g("Tanh", inner), placement), x=normal(5, 37, scale=2))
    assert ops == {"gelu": 1}


# x may be a product itself, of values or with a scalar.
@pytest.mark.parametrize("placement", PLACEMENTS)
def test_gelu_of_a_product(judge, placement):
    g = Graph(13)
    x, y = g.input("x", [5, 37]), g.input("y", [5, 37])
    product = g("Mul", g("Mul", x, F(3)), y)
    ops, _ = judge(g, half_one_plus(g, product, g("Erf", g("Div", product, F(np.sqrt(2)))), placement),
                   x=normal(5, 37), y=normal(5, 37))
    assert ops["gelu"] == 1 and ops["erf"] == 0
    g = Graph(13)
    tripled = g("Mul", g.input("x", [5, 37]), F(3))
    ops, _ = judge(g, half_one_plus(g, tripled, g("Erf", g("Div", tripled, F(np.sqrt(2)))), placement), x=normal(5, 37))
    assert ops["gelu"] == 1 and ops["erf"] == 0


# Another constant, or another x, is another function.
@pytest.mark.parametrize("wrong", ["constant", "operand"])
def test_not_a_gelu(judge, wrong):
    g = Graph(13)
    x, y = g.input("x", [5, 37]), g.input("y", [5, 37])
    erf = g("Erf", g("Mul", x, F(0.72 if wrong == "constant" else np.sqrt(0.5))))
    result = half_one_plus(g, x if wrong == "constant" else y, erf, PLACEMENTS[0])
    ops, _ = judge(g, g("Add", result, y), x=normal(5, 37), y=normal(5, 37))
    assert ops["gelu"] == 0


#===-- Activations that fuse into what computes their operand -----------------------------------------------------===


def hard_swish(g, x, how):
    if how == "HardSwish":
        return g("HardSwish", x)
    if how == "HardSigmoid":
        return g("Mul", x, g("HardSigmoid", x, alpha=1 / 6, beta=0.5))
    if how == "Clip":
        return g("Div", g("Mul", x, g("Clip", g("Add", x, F(3)), F(0), F(6))), F(6))
    if how == "Min of Max":
        return g("Mul", x, g("Div", g("Min", g("Max", g("Add", x, F(3)), F(0)), F(6)), F(6)))
    if how == "SiLU":
        return g("Mul", x, g("Sigmoid", x))
    if how == "quick GELU":
        return g("Mul", x, g("Sigmoid", g("Mul", x, F(1.702))))
    if how == "Mish":
        return g("Mul", x, g("Tanh", g("Softplus", x)))
    assert how == "ReLU6"
    return g("Clip", x, F(0), F(6))


@pytest.mark.parametrize("how", ["HardSwish", "HardSigmoid", "Clip", "Min of Max", "SiLU", "quick GELU", "Mish", "ReLU6"])
def test_activation_fuses_into_the_convolution(judge, how):
    g = Graph(17)
    x = g.input("x", [2, 3, 9, 11])
    y = hard_swish(g, g("Conv", x, normal(12, 3, 3, 3), normal(12), pads=[1] * 4, strides=[2, 2]), how)
    _, kernels = judge(g, g("Conv", y, normal(5, 12, 1, 1), normal(5)), x=normal(2, 3, 9, 11))
    contractions = [k for k in kernels if any("conv" in op or "matmul" in op for op in k)]
    assert len(contractions) == 2 and not any("conv" not in "".join(k) and "mul" in k for k in kernels)


#===-- Batch norm as arithmetic, padding and layouts of TensorFlow -------------------------------------------------===


def batch_norm(g, x, channels, shape, how):
    scale, bias, mean, variance = (a.reshape(shape) for a in (normal(channels), normal(channels), normal(channels),
                                                              RNG.uniform(0.5, 2, channels).astype(np.float32)))
    if how == "constants":
        factor = scale / np.sqrt(variance + F(1e-3))
        return g("Add", g("Mul", x, factor), bias - mean * factor)
    if how == "sub div mul add":
        y = g("Div", g("Sub", x, mean), g("Sqrt", g("Add", variance, F(1e-3))))
        return g("Add", g("Mul", y, scale), bias)
    assert how == "keras"
    factor = g("Mul", g("Reciprocal", g("Sqrt", g("Add", variance, F(1e-3)))), scale)
    return g("Add", g("Mul", x, factor), g("Sub", bias, g("Mul", mean, factor)))


@pytest.mark.parametrize("how", ["constants", "sub div mul add", "keras"])
@pytest.mark.parametrize("bias", [False, True])
def test_batch_norm_as_arithmetic(judge, how, bias):
    g = Graph(13)
    x = g.input("x", [2, 3, 9, 11])
    y = g("Conv", x, normal(8, 3, 3, 3), *([normal(8)] if bias else []), pads=[1] * 4)
    y = g("Relu", batch_norm(g, y, 8, [8, 1, 1], how))
    y = batch_norm(g, g("Conv", y, normal(8, 1, 3, 3), group=8, pads=[1] * 4), 8, [1, 8, 1, 1], how)
    _, kernels = judge(g, y, x=normal(2, 3, 9, 11))
    # What is behind each convolution; the first one has the transpose of its image in front.
    convolutions = [k for k in kernels if any("conv" in op for op in k)]
    behind = [tuple(op for op in k if "conv" not in op and op != "transpose") for k in convolutions]
    assert behind == [("add", "relu"), ("add",)]


# An operand that changes per pixel, or a reader of the convolution beside it, keeps the arithmetic where it is.
def test_arithmetic_that_does_not_fold(judge):
    g = Graph(13)
    x = g.input("x", [1, 3, 5, 7])
    y = g("Conv", x, normal(8, 3, 3, 3), pads=[1] * 4)
    per_pixel = g("Mul", y, normal(1, 8, 5, 7))
    shared = g("Mul", y, normal(8, 1, 1))
    ops, _ = judge(g, g("Add", g("Mul", per_pixel, shared), y), x=normal(1, 3, 5, 7))
    assert ops["conv"] == 1 and ops["mul"] >= 3


@pytest.mark.parametrize("norm", ["constants", "sub div mul add", "keras"])
def test_nhwc_with_transposes_around_each_convolution(judge, norm):
    g = Graph(13)
    x = g.input("x", [2, 13, 17, 3])
    y = x
    for channels, out, stride in [(3, 8, 2), (8, 8, 1), (8, 12, 2)]:
        y = g("Transpose", y, perm=[0, 3, 1, 2])
        if stride == 2:
            y = g("Pad", y, np.array([0, 0, 0, 0, 0, 0, 1, 1], np.int64))
        y = g("Conv", y, normal(out, channels, 3, 3, scale=0.3), strides=[stride] * 2,
              pads=[0] * 4 if stride == 2 else [1] * 4)
        y = g("Transpose", y, perm=[0, 2, 3, 1])
        y = g("Relu", batch_norm(g, y, out, [out], norm))
    y = g("Transpose", g("AveragePool", g("Transpose", y, perm=[0, 3, 1, 2]), kernel_shape=[2, 2]), perm=[0, 2, 3, 1])
    y = g("MatMul", g.mean(y, [1, 2], keepdims=0), normal(12, 5))
    ops, kernels = judge(g, g("Softmax", g("Add", y, normal(5)), axis=-1), x=normal(2, 13, 17, 3))
    assert not any(op in k for op in ("transpose", "mul", "sub", "div") for k in kernels)


# Padding that is not zeros stays; zeros in front of a convolution become its own padding.
@pytest.mark.parametrize("value,folds", [(0.0, True), (1.5, False)])
def test_pad_in_front_of_a_convolution(judge, value, folds):
    g = Graph(13)
    x = g.input("x", [1, 3, 7, 9])
    y = g("Pad", x, np.array([0, 0, 1, 2, 0, 0, 3, 0], np.int64), F(value))
    ops, _ = judge(g, g("Conv", y, normal(4, 3, 3, 3), pads=[1, 0, 0, 1]), x=normal(1, 3, 7, 9))
    assert ops["pad"] == (0 if folds else 1)


def test_max_pool_behind_a_pad_of_its_identity(judge):
    g = Graph(13)
    x = g.input("x", [1, 3, 7, 9])
    y = g("Pad", x, np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64), F(-np.inf))
    ops, _ = judge(g, g("MaxPool", y, kernel_shape=[3, 3], strides=[2, 2]), x=normal(1, 3, 7, 9))
    assert ops["pad"] == 0


#===-- Small things that exporters vary ----------------------------------------------------------------------------===


@pytest.mark.parametrize("trans_a", [0, 1])
@pytest.mark.parametrize("trans_b", [0, 1])
@pytest.mark.parametrize("c", [None, [], [5], [1, 5], [3, 1], [3, 5]])
def test_gemm(judge, trans_a, trans_b, c):
    g = Graph(13)
    x = g.input("x", [7, 3] if trans_a else [3, 7])
    addend = [] if c is None else [normal(*c)]
    y = g("Gemm", x, normal(5, 7) if trans_b else normal(7, 5), *addend, alpha=0.5, beta=2.0, transA=trans_a, transB=trans_b)
    judge(g, y, x=normal(7, 3) if trans_a else normal(3, 7))


@pytest.mark.parametrize("opset,axis,shape", [(11, 1, [2, 3, 4, 5]), (11, -1, [2, 3, 4]), (12, 0, [3, 5]), (13, 1, [2, 3, 4])])
@pytest.mark.parametrize("kind", ["Softmax", "LogSoftmax"])
def test_softmax(judge, opset, axis, shape, kind):
    g = Graph(opset)
    judge(g, g(kind, g.input("x", shape), axis=axis), x=normal(*shape, scale=5))


def test_weights_behind_ops(judge):
    g = Graph(17, constants_as_nodes=True)
    x = g.input("x", [3, 7])
    w = g("Transpose", g("Identity", normal(5, 7)), perm=[1, 0])
    half = g("Cast", np.float16(RNG.standard_normal((5, 6))), to=TensorProto.FLOAT)
    y = g("Add", g("MatMul", x, w), g("Squeeze", normal(1, 5), np.array([0], np.int64)))
    y = g("MatMul", g("Relu", y), half)
    y = g("MatMul", y, g("Reshape", g("Concat", normal(2, 6), normal(1, 6), axis=0), np.array([6, 3], np.int64)))
    _, kernels = judge(g, y, x=normal(3, 7))
    assert len(kernels) == 3  # the products: all arithmetic on weights is done before the run


def test_reshape_from_shape_arithmetic(judge):
    g = Graph(13)
    x = g.input("x", [2, 6, 5, 7])
    shape = g("Shape", x)
    batch = g("Gather", shape, np.array([0], np.int64), axis=0)
    pixels = g("Mul", g("Slice", shape, np.array([2], np.int64), np.array([3], np.int64)),
               g("Unsqueeze", g("Gather", shape, np.int64(3), axis=0), np.array([0], np.int64)))
    target = g("Concat", batch, g("Cast", g("Floor", g("Div", g("Cast", np.array([6], np.int64), to=TensorProto.FLOAT), F(2))), to=TensorProto.INT64),
               np.array([2], np.int64), pixels, axis=0)
    y = g("Reshape", g("Transpose", g("Reshape", x, target), perm=[0, 2, 1, 3]), np.array([0, -1, 5, 7], np.int64))
    _, kernels = judge(g, y, x=normal(2, 6, 5, 7))  # a channel shuffle
    assert kernels == [("transpose",)]


# F.pad with computed sizes, as torch.onnx writes it: [(begin, end) of the last dimension, ...] turned around.
def test_pads_by_any_op(judge):
    g = Graph(13)
    x = g.input("x", [1, 2, 5, 7])
    zeros = g("ConstantOfShape", np.array([4], np.int64), value=numpy_helper.from_array(np.array([0], np.int64)))
    pairs = g("Concat", np.array([1, 2, 3, 0], np.int64), zeros, axis=0)
    pairs = g("Reshape", pairs, np.array([-1, 2], np.int64))
    reverse = [np.array([v], np.int64) for v in (-1, np.iinfo(np.int64).min, 0, -1)]
    pads = g("Reshape", g("Transpose", g("Slice", pairs, *reverse), perm=[1, 0]), np.array([-1], np.int64))
    judge(g, g("Pad", x, g("Cast", pads, to=TensorProto.INT64), F(0.5), mode="constant"), x=normal(1, 2, 5, 7))


@pytest.mark.parametrize("batch", [1, 2])
def test_squeeze_and_excitation(judge, batch):
    g = Graph(17)
    x = g.input("x", [batch, 3, 9, 11])
    y = g("Conv", x, normal(8, 3, 3, 3), normal(8), pads=[1] * 4)
    gate = g("Relu", g("Conv", g("GlobalAveragePool", y), normal(2, 8, 1, 1), normal(2)))
    gate = g("Sigmoid", g("Conv", gate, normal(8, 2, 1, 1), normal(8)))
    _, kernels = judge(g, g("Conv", g("Mul", y, gate), normal(5, 8, 1, 1)), x=normal(batch, 3, 9, 11))
    assert sum("transpose" in k for k in kernels) <= 2  # of the input and of the result


@pytest.mark.parametrize("channels", [3, 8, 24, 40, 56, 72, 96, 100, 152, 240, 672])
@pytest.mark.parametrize("batch", [1, 2, 3])
def test_pooled_channels_of_a_batch(tools, tmp_path, batch, channels):
    """Squeeze-and-excitation of CNNs: the mean of each channel, of every image, in any number of channels."""
    graph = Graph()
    x = graph.input("x", [batch, channels, 13, 17])
    graph.save(tmp_path / "m.onnx", graph("Sigmoid", graph("GlobalAveragePool", graph("Relu", x))))
    tools.compile(tmp_path / "m.onnx", tmp_path / "m.mlc")
    value = RNG.standard_normal((batch, channels, 13, 17)).astype(np.float32)
    (got,) = tools.infer(tmp_path / "m.mlc", {"x": value}, tmp_path).values()
    want = 1 / (1 + np.exp(-np.maximum(value.astype(np.float64), 0).mean((2, 3), keepdims=True)))
    np.testing.assert_allclose(got, want, rtol=1e-6)
