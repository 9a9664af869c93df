"""Ops of com.microsoft, as onnxruntime's optimisers and its quantiser write them, against onnxruntime."""
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

CONTRIB = "com.microsoft"


def node(op, inputs, outputs=("y",), **attributes):
    return helper.make_node(op, list(inputs), list(outputs), domain=CONTRIB, **attributes)


def normal(*shape, seed=3, scale=1.0):
    return (np.random.default_rng(seed).normal(size=shape) * scale).astype(np.float32)


def whole(*shape, dtype=np.uint8, seed=5):
    info = np.iinfo(dtype)
    return np.random.default_rng(seed).integers(info.min, info.max + 1, shape).astype(dtype)


X = normal(2, 5, 8)


@pytest.mark.parametrize("transA", [0, 1])
@pytest.mark.parametrize("transB", [0, 1])
def test_fused_products(beside_onnxruntime, transA, transB):
    a, b = normal(2, *((6, 3) if transA else (3, 6))), normal(2, *((4, 6) if transB else (6, 4)), seed=9)
    beside_onnxruntime(node("FusedMatMul", ["a", "b"], transA=transA, transB=transB, alpha=0.25), {"a": a, "b": b})
    for activation, parameters in [("Relu", {}), ("LeakyRelu", {"activation_alpha": 0.2}), ("Tanh", {}), ("Sigmoid", {})]:
        fused = node("FusedGemm", ["a", "b", "c"], transA=transA, transB=transB, alpha=0.5, beta=2.0, activation=activation,
                     **parameters)
        beside_onnxruntime(fused, {"a": a[0], "b": b[0]}, constants={"c": normal(4)})


def test_activations(beside_onnxruntime):
    beside_onnxruntime(node("Gelu", ["x"]), {"x": X})
    beside_onnxruntime(node("BiasGelu", ["x", "b"]), {"x": X}, constants={"b": normal(8)})
    beside_onnxruntime(node("FastGelu", ["x"]), {"x": X})
    beside_onnxruntime(node("FastGelu", ["x", "b"]), {"x": X}, constants={"b": normal(8)})
    beside_onnxruntime(node("QuickGelu", ["x"], alpha=1.702), {"x": X})


@pytest.mark.parametrize("activation, parameters", [
    ("Relu", []), ("LeakyRelu", [0.1]), ("Clip", [-0.5, 0.5]), ("HardSigmoid", [0.3, 0.4]), ("Tanh", []), ("Sigmoid", [])])
def test_fused_convolutions(beside_onnxruntime, activation, parameters):
    attributes = {"activation_params": parameters} if parameters else {}
    constants = {"w": normal(4, 3, 3, 3, scale=0.3), "b": normal(4)}
    conv = lambda *names: node("FusedConv", ["x", "w", "b", *names], pads=[1, 1, 1, 1], activation=activation, **attributes)
    beside_onnxruntime(conv(), {"x": normal(1, 3, 6, 5)}, constants=constants)
    beside_onnxruntime(conv("z"), {"x": normal(1, 3, 6, 5), "z": normal(1, 4, 6, 5)}, constants=constants)


def test_normalisations_with_a_sum(beside_onnxruntime):
    weights = {"g": normal(8), "b": normal(8, seed=4), "bias": normal(8, seed=5)}
    some = lambda *names: {name: weights[name] for name in names}
    feeds = {"x": X, "s": normal(2, 5, 8, seed=8)}
    op = "SkipLayerNormalization"
    beside_onnxruntime(node(op, ["x", "s", "g", "b"], epsilon=1e-6), feeds, constants=some("g", "b"))
    beside_onnxruntime(node(op, ["x", "s", "g"]), feeds, constants=some("g"))
    sums = ("y", "", "", "sum")
    beside_onnxruntime(node(op, ["x", "s", "g", "b", "bias"], sums), feeds, ("y", "sum"), weights)
    beside_onnxruntime(node(op, ["x", "s", "g", "b"]), {"x": X, "s": normal(5, 8)}, constants=some("g", "b"))
    op = "SkipSimplifiedLayerNormalization"
    beside_onnxruntime(node(op, ["x", "s", "g", "bias"], sums, epsilon=1e-6), feeds, ("y", "sum"), some("g", "bias"))
    for op in ("SimplifiedLayerNormalization", "LayerNormalization"):  # onnxruntime's names in ai.onnx, of any opset
        beside_onnxruntime(helper.make_node(op, ["x", "g"], ["y"]), {"x": X}, constants=some("g"), opset=14)


@pytest.mark.parametrize("optional", [(), ("segment",), ("segment", "mask"), ("segment", "mask", "position")])
def test_embeddings(beside_onnxruntime, optional):
    rng = np.random.default_rng(2)
    feeds = {"ids": rng.integers(0, 11, (2, 5)).astype(np.int32)}
    constants = {"word": normal(11, 8), "place": normal(7, 8, seed=4), "g": normal(8), "b": normal(8, seed=5)}
    names = ["ids", "", "word", "place", "", "g", "b", "", ""]
    if "segment" in optional:
        feeds["segment"], constants["type"] = rng.integers(0, 2, (2, 5)).astype(np.int32), normal(2, 8, seed=6)
        names[1], names[4] = "segment", "type"
    if "mask" in optional:
        feeds["mask"], names[7] = np.array([[1, 1, 1, 0, 0], [1] * 5], np.int32), "mask"
    if "position" in optional:
        feeds["position"], names[8] = rng.integers(0, 7, (2, 5)).astype(np.int32), "position"
    beside_onnxruntime(node("EmbedLayerNormalization", names, ["y", "count", "sum"]), feeds, ("y", "count", "sum"), constants)


MASKS = {"none": None, "raw": np.array([[1, 1, 1, 0, 0], [1] * 5], np.int32),
         "ends": np.array([3, 5], np.int32), "ends and starts": np.array([4, 5, 1, 0], np.int32),
         "pairs": (np.random.default_rng(8).random((2, 5, 5)) < 0.7).astype(np.int32)}


@pytest.mark.parametrize("causal", [0, 1])
@pytest.mark.parametrize("mask", MASKS)
def test_attention(beside_onnxruntime, mask, causal):
    feeds, constants = {"x": X}, {"w": normal(8, 24, scale=0.4), "b": normal(24)}
    names = ["x", "w", "b"]
    if MASKS[mask] is not None:
        names.append("mask")
        feeds["mask"] = MASKS[mask]
    beside_onnxruntime(node("Attention", names, num_heads=2, unidirectional=causal), feeds, constants=constants)


def test_attention_of_other_sizes_and_with_a_bias(beside_onnxruntime):
    constants = {"w": normal(8, 8 + 8 + 12, scale=0.4), "b": normal(28)}
    beside_onnxruntime(node("Attention", ["x", "w", "b"], num_heads=2, qkv_hidden_sizes=[8, 8, 12], scale=0.3), {"x": X},
                       constants=constants)
    constants = {"w": normal(8, 24, scale=0.4), "b": normal(24)}
    names = ["x", "w", "b", "", "", "bias"]
    beside_onnxruntime(node("Attention", names, num_heads=2), {"x": X, "bias": normal(2, 2, 5, 5)}, constants=constants)


@pytest.mark.parametrize("mask", ["none", "raw"])
def test_attention_of_heads(beside_onnxruntime, mask):
    feeds = {"q": normal(2, 4, 8), "k": normal(2, 5, 8, seed=4), "v": normal(2, 5, 12, seed=6)}
    names = ["q", "k", "v", "b"]
    if MASKS[mask] is not None:
        names.append("mask")
        feeds["mask"] = MASKS[mask]
    beside_onnxruntime(node("MultiHeadAttention", names, num_heads=4), feeds, constants={"b": normal(28)})
    beside_onnxruntime(node("MultiHeadAttention", ["q", "k", "v", "", "", "bias"], num_heads=4),
                       {**{n: feeds[n] for n in "qkv"}, "bias": normal(1, 4, 4, 5)})


@pytest.mark.parametrize("interleaved", [0, 1])
def test_rotary_embedding(beside_onnxruntime, interleaved):
    angles = np.random.default_rng(4).uniform(0, 6, (16, 2)).astype(np.float32)
    constants = {"cos": np.cos(angles), "sin": np.sin(angles)}
    for positions in (np.array([3], np.int64), np.array([[0, 1, 2, 3, 4], [7, 6, 5, 4, 3]], np.int64)):
        for x in (X, normal(2, 3, 5, 4)):
            beside_onnxruntime(node("RotaryEmbedding", ["x", "at", "cos", "sin"], interleaved=interleaved),
                               {"x": x, "at": positions}, constants=constants)


SCALES = {"s1": np.float32(0.02), "z1": np.uint8(120), "s2": np.float32(0.03), "z2": np.uint8(90), "s3": np.float32(0.05),
          "z3": np.uint8(131)}
SCALAR_NAMES = ["s1", "z1", "s2", "z2", "s3", "z3"]



@pytest.mark.parametrize("op", ["QLinearAdd", "QLinearMul"])
def test_quantised_elementwise(beside_onnxruntime, op):
    names = ["a", "s1", "z1", "b", "s2", "z2", "s3", "z3"]
    beside_onnxruntime(node(op, names), {"a": whole(3, 40), "b": whole(3, 40, seed=6)}, constants=SCALES, rtol=0, atol=1)
    beside_onnxruntime(node(op, names), {"a": whole(3, 40), "b": whole(1, 40, seed=6)}, constants=SCALES, rtol=0, atol=1)


@pytest.mark.parametrize("op, attributes, shape", [
    ("QLinearSigmoid", {}, (3, 40)), ("QLinearLeakyRelu", {"alpha": 0.1}, (3, 40)),
    ("QLinearSoftmax", {"axis": 1, "opset": 13}, (3, 20)),
    ("QLinearGlobalAveragePool", {"channels_last": 0}, (2, 3, 5, 6)),
    ("QLinearGlobalAveragePool", {"channels_last": 1}, (2, 5, 6, 3)),
    ("QLinearAveragePool", {"kernel_shape": [3, 2], "pads": [1, 0, 1, 1], "strides": [2, 1]}, (2, 3, 6, 7)),
    ("QLinearAveragePool", {"kernel_shape": [3, 2], "count_include_pad": 1, "pads": [1, 0, 1, 1]}, (2, 3, 6, 7)),
], ids=str)  # fmt: skip
def test_quantised_functions(beside_onnxruntime, op, attributes, shape):
    scales = dict(SCALES, s2=np.float32(1 / 256), z2=np.uint8(0)) if op in ("QLinearSigmoid", "QLinearSoftmax") else SCALES
    beside_onnxruntime(node(op, ["x", "s1", "z1", "s2", "z2"], **attributes), {"x": whole(*shape)},
                       constants={name: scales[name] for name in SCALAR_NAMES[:4]}, rtol=0, atol=1)


def test_quantised_movement(beside_onnxruntime):
    beside_onnxruntime(node("QLinearConcat", ["s3", "z3", "a", "s1", "z1", "b", "s2", "z2"], axis=1),
                       {"a": whole(2, 3), "b": whole(2, 5)}, constants=SCALES, rtol=0, atol=1)
    beside_onnxruntime(node("QLinearWhere", ["c", "a", "s1", "z1", "b", "s2", "z2", "s3", "z3"]),
                       {"c": whole(2, 9) > 100, "a": whole(2, 9), "b": whole(2, 9, seed=6)}, constants=SCALES, rtol=0, atol=1)
    beside_onnxruntime(node("NhwcMaxPool", ["x"], kernel_shape=[2, 3], strides=[2, 1], pads=[0, 1, 0, 1]),
                       {"x": whole(2, 6, 7, 3)}, rtol=0, atol=0)


@pytest.mark.parametrize("kind", [np.uint8, np.int8])
@pytest.mark.parametrize("columns", [False, True])
def test_quantised_products(beside_onnxruntime, columns, kind):
    a, b = whole(3, 6), whole(6, 4, dtype=kind, seed=8)
    scale = np.random.default_rng(1).uniform(0.01, 0.02, 4).astype(np.float32) if columns else np.float32(0.015)
    zero = np.arange(4).astype(kind) if columns else kind(3)
    constants = {"b": b, "as": np.float32(0.02), "az": np.uint8(117), "bs": scale, "bz": zero, "bias": normal(4)}
    beside_onnxruntime(node("MatMulIntegerToFloat", ["a", "b", "as", "bs", "az", "bz", "bias"]), {"a": a}, constants=constants)
    beside_onnxruntime(node("DynamicQuantizeMatMul", ["x", "b", "bs", "bz", "bias"]), {"x": normal(3, 6)},
                       constants={name: constants[name] for name in ("b", "bs", "bz", "bias")}, atol=2e-3)
    constants.pop("bias")
    gemm = {**constants, "c": np.array([100, -2000, 30, 4], np.int32), "ys": np.float32(0.2), "yz": np.uint8(128)}
    names = ["a", "as", "az", "b", "bs", "bz", "c"]
    beside_onnxruntime(node("QGemm", [*names, "ys", "yz"], alpha=0.5), {"a": a}, constants=gemm, rtol=0, atol=0)
    del gemm["ys"], gemm["yz"]
    beside_onnxruntime(node("QGemm", names), {"a": a}, constants=gemm)


@pytest.mark.parametrize("masked", [False, True])
def test_quantised_attention(beside_onnxruntime, masked):
    constants = {"w": whole(8, 24, dtype=np.int8), "b": normal(24), "xs": np.float32(0.02), "ws": np.float32(0.004),
                 "xz": np.uint8(128), "wz": np.int8(0)}
    feeds = {"x": whole(2, 5, 8), **({"mask": MASKS["raw"]} if masked else {})}
    names = ["x", "w", "b", "xs", "ws", "mask" if masked else "", "xz", "wz"]
    beside_onnxruntime(node("QAttention", names, num_heads=2), feeds, constants=constants, rtol=1e-4, atol=1e-4)


REFUSALS = [
    (node("FusedMatMul", ["x", "x"], transBatchA=1), "attribute 'transBatchA' = 1 is not supported (0 is)"),
    (node("FusedGemm", ["x", "x"], activation="Mish"), "attribute 'activation' = 'Mish' is not known"),
    (node("MultiHeadAttention", ["x", "x", "x"]), "attribute 'num_heads' must be positive"),
    (node("MultiHeadAttention", ["x", "x", "x"], num_heads=3), "with heads that divide hidden"),
    (node("MultiHeadAttention", ["x", "x", "x", "", "", "", "p", "p"], num_heads=2), "past and present keys and values"),
    (node("MultiHeadAttention", ["x", "x", "x", "", "x"], num_heads=2), "its mask must have the shape [batch, keys]"),
    (node("Attention", ["x", "w"], num_heads=5), "attribute 'num_heads' = 5 must divide the sizes"),
    (node("Attention", ["x", "w"], num_heads=2, do_rotary=1), "attribute 'do_rotary' = 1 is not supported (0 is)"),
    (node("SkipLayerNormalization", ["x", "x", "g"], ["y", "m"]), "the outputs mean and inv_std_var are of training"),
    (node("QLinearAdd", ["x", "w", "", "x", "w", "", "w", ""]), "must be scalars"),
    (node("GroupQueryAttention", ["x"]), "op GroupQueryAttention, domain com.microsoft, opset 1: the op is not supported"),
]


@pytest.mark.parametrize("refused, says", REFUSALS, ids=lambda value: value[:40] if isinstance(value, str) else value.op_type)
def test_refusals(tools, tmp_path, refused, says):
    shapes = {"x": [2, 5, 8], "w": [8, 24], "g": [8], "p": [2, 2, 4, 4]}
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
    graph = helper.make_graph([refused], "g", inputs, [helper.make_empty_tensor_value_info("y")])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(CONTRIB, 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), str(tmp_path / "m.onnx"))
    tools.refuse(tmp_path, "mlc-opt", tmp_path / "m.onnx", "-o", tmp_path / "m.mlc", says=[says])


def encoder(layers=2, hidden=16, heads=2, vocabulary=20, sequence=6):
    """A BERT as PyTorch exports it, in primitive ops, with drawn weights."""
    constants, nodes, rng = {}, [], np.random.default_rng(12)

    def add(op, *inputs, **attributes):
        names = []
        for value in inputs:
            if not isinstance(value, str):
                constants[f"c{len(constants)}"] = np.asarray(value)
                value = f"c{len(constants) - 1}"
            names.append(value)
        nodes.append(helper.make_node(op, names, [f"v{len(nodes)}"], name=f"n{len(nodes)}", **attributes))
        return nodes[-1].output[0]

    draw = lambda *shape: (rng.normal(size=shape) * 0.3).astype(np.float32)
    linear = lambda x, rows, columns: add("Add", add("MatMul", x, draw(rows, columns)), draw(columns))
    norm = lambda x: add("LayerNormalization", x, draw(hidden), draw(hidden), axis=-1, epsilon=1e-12)
    split = lambda x: add("Transpose", add("Reshape", x, np.array([0, 0, heads, hidden // heads])), perm=[0, 2, 1, 3])
    words = add("Gather", draw(vocabulary, hidden), "ids")
    places = add("Gather", draw(sequence, hidden), np.arange(sequence)[None])
    x = norm(add("Add", add("Add", words, add("Gather", draw(2, hidden), "types")), places))
    for _ in range(layers):
        q, k, v = (split(linear(x, hidden, hidden)) for _ in range(3))
        scores = add("Div", add("MatMul", q, add("Transpose", k, perm=[0, 1, 3, 2])),
                     np.float32(np.sqrt(hidden // heads)))
        context = add("MatMul", add("Softmax", scores, axis=-1), v)
        merged = add("Reshape", add("Transpose", context, perm=[0, 2, 1, 3]), np.array([0, 0, hidden]))
        x = norm(add("Add", linear(merged, hidden, hidden), x))
        inner = linear(x, hidden, 2 * hidden)
        gate = add("Add", add("Erf", add("Div", inner, np.float32(np.sqrt(2)))), np.float32(1))
        inner = add("Mul", add("Mul", inner, gate), np.float32(0.5))
        x = norm(add("Add", linear(inner, 2 * hidden, hidden), x))
    nodes[-1].output[0] = "y"
    ids = [helper.make_tensor_value_info(name, TensorProto.INT64, [2, sequence]) for name in ("ids", "types")]
    graph = helper.make_graph(nodes, "g", ids, [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, sequence, hidden])],
                              [numpy_helper.from_array(array, name) for name, array in constants.items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def test_what_the_optimiser_makes_of_an_encoder(tools, tmp_path):
    """onnxruntime's own graph, saved: fused nodes of com.microsoft beside those of ai.onnx."""
    onnx.save(encoder(), str(tmp_path / "plain.onnx"))
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(tmp_path / "fused.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "plain.onnx"), options, providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(1)
    feeds = {"ids": rng.integers(0, 20, (2, 6)), "types": rng.integers(0, 2, (2, 6))}
    (expected,) = session.run(None, feeds)
    ops = {(n.domain, n.op_type) for n in onnx.load(str(tmp_path / "fused.onnx")).graph.node}
    assert (CONTRIB, "SkipLayerNormalization") in ops, ops
    tools.compile(tmp_path / "fused.onnx", tmp_path / "m.mlc")
    got = tools.infer(tmp_path / "m.mlc", feeds, tmp_path)["y"]
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)
