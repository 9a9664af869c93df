"""LinearAttention, CausalConvWithState, DeformConv and BitCast against the definitions in the `onnx` wheel."""
import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper, save
from onnx.reference import ReferenceEvaluator

FLOAT = TensorProto.FLOAT


def model_of(op, inputs, outputs, opset, **attributes):
    """Of one node; absent operands are None."""
    infos = [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
             for name, value in inputs.items() if value is not None]
    node = helper.make_node(op, [name if value is not None else "" for name, value in inputs.items()], outputs, **attributes)
    results = [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(next(iter(inputs.values())).dtype), None)
               for name in outputs]
    return helper.make_model(helper.make_graph([node], "g", infos, results), opset_imports=[helper.make_opsetid("", opset)],
                             ir_version=11)


def check(tools, tmp_path, op, inputs, outputs, opset, tolerance=2e-5, **attributes):
    model = model_of(op, inputs, outputs, opset, **attributes)
    save(model, tmp_path / "m.onnx")
    tools.compile(tmp_path / "m.onnx", tmp_path / "m.mlc")
    arrays = {name: value for name, value in inputs.items() if value is not None}
    got = tools.infer(tmp_path / "m.mlc", arrays, tmp_path)
    for name, expected in zip(outputs, ReferenceEvaluator(model).run(None, arrays)):
        assert got[name].dtype == expected.dtype and got[name].shape == expected.shape
        np.testing.assert_allclose(got[name], expected, rtol=tolerance, atol=tolerance)


def refuse(tools, tmp_path, op, inputs, outputs, opset, says, **attributes):
    save(model_of(op, inputs, outputs, opset, **attributes), tmp_path / "m.onnx")
    tools.refuse(tmp_path, "mlc-opt", tmp_path / "m.onnx", "-o", tmp_path / "o.mlc", says=[f"op {op}", says])


def draw(*shape, seed=0, dtype=np.float32):
    return (np.random.default_rng([seed, *shape]).standard_normal(shape) * 0.5).astype(dtype)


def linear_attention(rule, batch=2, steps=19, queries=4, heads=2, size=8, values=6, past=True, per_element=False):
    gated, delta = "gated" in rule, "delta" in rule
    key = draw(batch, steps, heads, size, seed=1)
    key /= np.linalg.norm(key, axis=-1, keepdims=True)
    return {"q": draw(batch, steps, queries * size), "k": key.reshape(batch, steps, heads * size),
            "v": draw(batch, steps, heads * values, seed=2), "past": draw(batch, heads, size, values) if past else None,
            "decay": -np.abs(draw(batch, steps, heads * size if per_element else heads, seed=3)) if gated else None,
            "beta": 1 / (1 + np.exp(draw(batch, steps, heads, seed=4))) if delta else None}


@pytest.mark.parametrize("rule", ["linear", "gated", "delta", "gated_delta"])
@pytest.mark.parametrize("past", [True, False])
@pytest.mark.parametrize("options", [{}, {"per_element": True}, {"steps": 1}, {"queries": 6, "heads": 1, "batch": 1}])
def test_linear_attention(tools, tmp_path, rule, past, options):
    inputs = linear_attention(rule, past=past, **options)
    heads = {"q_num_heads": options.get("queries", 4), "kv_num_heads": options.get("heads", 2)}
    check(tools, tmp_path, "LinearAttention", inputs, ["y", "present"], 27, update_rule=rule, **heads)


@pytest.mark.parametrize("change,attributes,says", [
    ({}, {"update_rule": "exotic"}, "attribute 'update_rule' = 'exotic' is not known"),
    ({"decay": None}, {}, "update_rule 'gated_delta' needs a decay and a beta"),
    ({}, {"update_rule": "delta"}, "update_rule 'delta' needs no decay and a beta"),
    ({}, {"q_num_heads": 3}, "a multiple of 'kv_num_heads'"),
    ({"beta": draw(2, 19, 3)}, {}, "its decay and beta must have an element for each token and head"),
    ({"past": draw(2, 2, 6, 8)}, {}, "its past_state must have the shape [batch, kv_num_heads, key size, value size]"),
    (linear_attention("gated_delta", steps=4097, past=False), {}, "it has 4097 steps; they are unrolled"),
])
def test_linear_attention_that_does_not_fit(tools, tmp_path, change, attributes, says):
    inputs = linear_attention("gated_delta") | change
    refuse(tools, tmp_path, "LinearAttention", inputs, ["y", "present"], 27, says,
           **({"q_num_heads": 4, "kv_num_heads": 2} | attributes))


@pytest.mark.parametrize("length,size,past,activation", [(33, 4, True, "silu"), (1, 4, True, "none"), (2, 5, False, "swish"),
                                                        (7, 1, False, "none")])
def test_causal_convolution(tools, tmp_path, length, size, past, activation):
    inputs = {"x": draw(2, 24, length), "w": draw(24, 1, size), "b": draw(24), "past": draw(2, 24, size - 1) if past else None}
    check(tools, tmp_path, "CausalConvWithState", inputs, ["y", "present"], 27, activation=activation)


@pytest.mark.parametrize("change,says", [({"w": draw(23, 1, 4)}, "it needs an input [batch, channels, length]"),
                                         ({"past": draw(2, 24, 4)}, "its past_state must have the shape")])
def test_causal_convolution_that_does_not_fit(tools, tmp_path, change, says):
    inputs = {"x": draw(2, 24, 5), "w": draw(24, 1, 4), "b": None, "past": draw(2, 24, 3)}
    refuse(tools, tmp_path, "CausalConvWithState", inputs | change, ["y", "present"], 27, says)


def deformable(group=1, offsets=1, mask=True, bias=True, strides=(1, 1), dilations=(1, 1), pads=(1, 1, 1, 1), channels=4):
    height, width, kernel = 7, 9, (3, 2)
    out = [(size + low + high - step * (window - 1) - 1) // stride + 1 for size, low, high, step, window, stride in
           zip((height, width), pads[:2], pads[2:], dilations, kernel, strides)]
    # Far enough for samples outside of the image.
    inputs = {"x": draw(2, channels, height, width), "w": draw(6, channels // group, *kernel),
              "offset": 3 * draw(2, offsets * 12, *out), "b": draw(6) if bias else None,
              "mask": draw(2, offsets * 6, *out, seed=5) if mask else None}
    return inputs, {"group": group, "offset_group": offsets, "strides": strides, "dilations": dilations, "pads": pads}


@pytest.mark.parametrize("options", [
    {}, {"mask": False, "bias": False}, {"group": 2}, {"offsets": 2}, {"group": 2, "offsets": 4}, {"strides": (2, 3)},
    {"dilations": (2, 1), "pads": (2, 0, 1, 3)}, {"offsets": 2, "strides": (2, 1), "mask": False},
])
def test_deformable_convolution(tools, tmp_path, options):
    inputs, attributes = deformable(**options)
    check(tools, tmp_path, "DeformConv", inputs, ["y"], 22, **attributes)


def test_deformable_convolution_without_offsets_is_a_convolution(tools, tmp_path):
    """In one dimension, which the wheel's definition leaves out."""
    x, w = draw(2, 3, 11), draw(5, 3, 3)
    inputs = {"x": x, "w": w, "offset": np.zeros((2, 3, 6), np.float32)}
    save(model_of("DeformConv", inputs, ["y"], 22, strides=[2], pads=[1, 1]), tmp_path / "m.onnx")
    tools.compile(tmp_path / "m.onnx", tmp_path / "m.mlc")
    conv = ReferenceEvaluator(model_of("Conv", {"x": x, "w": w}, ["y"], 22, strides=[2], pads=[1, 1]))
    np.testing.assert_allclose(tools.infer(tmp_path / "m.mlc", inputs, tmp_path)["y"],
                               conv.run(None, {"x": x, "w": w})[0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("change,attributes,says", [
    ({"offset": draw(2, 12, 7, 9)}, {}, "its offsets and its mask must have one entry for each tap"),
    ({"mask": draw(2, 5, 7, 10)}, {}, "its offsets and its mask must have one entry for each tap"),
    ({}, {"offset_group": 3}, "its channels must fit 'group' and 'offset_group'"),
    ({}, {"strides": [0, 1]}, "strides, dilations, window and image must be at least 1"),
])
def test_deformable_convolution_that_does_not_fit(tools, tmp_path, change, attributes, says):
    inputs, given = deformable()
    refuse(tools, tmp_path, "DeformConv", inputs | change, ["y"], 22, says, **(given | attributes))


def test_bits_of_constants(tools, tmp_path):
    """Weights that are stored as integers of their size; many stay where they are in the file."""
    weights = draw(300)
    tensors = [numpy_helper.from_array(weights.view(np.int32), "i"), numpy_helper.from_array(weights[:1].view(np.uint32), "u")]
    nodes = [helper.make_node("BitCast", ["i"], ["w"], to=FLOAT), helper.make_node("BitCast", ["u"], ["s"], to=FLOAT),
             helper.make_node("Mul", ["x", "w"], ["t"]), helper.make_node("Add", ["t", "s"], ["y"])]
    infos = [helper.make_tensor_value_info(name, FLOAT, [300]) for name in "xy"]
    save(helper.make_model(helper.make_graph(nodes, "g", infos[:1], infos[1:], tensors),
                           opset_imports=[helper.make_opsetid("", 26)], ir_version=11), tmp_path / "m.onnx")
    tools.compile(tmp_path / "m.onnx", tmp_path / "m.mlc")
    x = draw(300, seed=1)
    np.testing.assert_allclose(tools.infer(tmp_path / "m.mlc", {"x": x}, tmp_path)["y"], x * weights + weights[0], rtol=1e-6)


@pytest.mark.parametrize("to,says", [(TensorProto.INT32, "the bits of f32 as i32 are supported between integers"),
                                     (TensorProto.INT64, "elements of f32 and i64 differ in size")])
def test_bits_of_data(tools, tmp_path, to, says):
    refuse(tools, tmp_path, "BitCast", {"x": draw(3)}, ["y"], 26, says, to=to)
