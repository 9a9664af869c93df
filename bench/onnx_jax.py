"""An ONNX graph as a function of JAX arrays, for the operators that the contest's models have.

What depends on initializers alone, shapes above all, is computed by NumPy while the graph is traced.
"""
import jax
import jax.numpy as jnp
import numpy as np
import onnx
from onnx import helper, numpy_helper


def pads_of(attributes, rank):
    pads = attributes.get("pads", [0] * 2 * rank)
    if attributes.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID"):
        raise NotImplementedError(f"auto_pad {attributes['auto_pad'].decode()}")
    return list(zip(pads[:rank], pads[rank:]))


def conv(a, x, w, bias=None):
    rank = x.ndim - 2
    y = jax.lax.conv_general_dilated(x, w, a.get("strides", [1] * rank), pads_of(a, rank),
                                     rhs_dilation=a.get("dilations", [1] * rank), feature_group_count=a.get("group", 1))  # fmt: skip
    return y if bias is None else y + bias.reshape([1, -1] + [1] * rank)


def pool(a, x, start, combine):
    rank = x.ndim - 2
    if a.get("ceil_mode") or a.get("dilations", [1] * rank) != [1] * rank:
        raise NotImplementedError("pooling with ceil_mode or dilations")
    window, strides = [1, 1, *a["kernel_shape"]], [1, 1, *a.get("strides", [1] * rank)]
    return jax.lax.reduce_window(x, start, combine, window, strides, [(0, 0), (0, 0), *pads_of(a, rank)])


def average_pool(a, x):
    total, ones = pool(a, x, 0.0, jax.lax.add), jnp.ones_like(x)
    if a.get("count_include_pad"):
        return total / np.prod(a["kernel_shape"])
    return total / pool(a, ones, 0.0, jax.lax.add)


def gemm(a, x, w, bias=0):
    product = (x.T if a.get("transA") else x) @ (w.T if a.get("transB") else w)
    return a.get("alpha", 1.0) * product + a.get("beta", 1.0) * bias


def layer_norm(a, x, scale, bias=0):
    axes = tuple(range(a.get("axis", -1) % x.ndim, x.ndim))
    centred = x - x.mean(axes, keepdims=True)
    return centred * jax.lax.rsqrt((centred**2).mean(axes, keepdims=True) + a.get("epsilon", 1e-5)) * scale + bias


def batch_norm(a, x, scale, bias, mean, variance):
    shape = [1, -1] + [1] * (x.ndim - 2)
    factor = scale / jnp.sqrt(variance + a.get("epsilon", 1e-5))
    return x * factor.reshape(shape) + (bias - mean * factor).reshape(shape)


def reshape(a, x, shape):
    return x.reshape([x.shape[i] if size == 0 else int(size) for i, size in enumerate(shape)])


def axes_of(a, axes):
    axes = a.get("axes") if axes is None else axes
    return None if axes is None else tuple(int(axis) for axis in axes)


def slices(a, x, starts, ends, axes=None, steps=None):
    index = [slice(None)] * x.ndim
    for i, (start, end) in enumerate(zip(starts, ends)):
        step = 1 if steps is None else int(steps[i])
        last = None if abs(end) > 2**31 else int(end)
        index[i if axes is None else int(axes[i])] = slice(int(start), last, step)
    return x[tuple(index)]


def reduction(function):
    def reduce(a, x, axes=None):
        return function(x, axis=axes_of(a, axes), keepdims=bool(a.get("keepdims", 1)))

    return reduce


def elementwise(function):
    return lambda a, *operands: function(*operands)


def operators(np_):
    """By name: (attributes, operands) -> result, of `np_`: jax.numpy, or NumPy for what is known while tracing."""
    table = {name: elementwise(getattr(np_, function)) for name, function in {
        "Add": "add", "Sub": "subtract", "Mul": "multiply", "Pow": "power", "Sqrt": "sqrt", "Where": "where",
        "Equal": "equal", "Greater": "greater", "Less": "less", "And": "logical_and", "Or": "logical_or",
        "Not": "logical_not", "MatMul": "matmul", "Tanh": "tanh", "Abs": "abs", "Neg": "negative", "Exp": "exp",
        "GreaterOrEqual": "greater_equal", "LessOrEqual": "less_equal", "IsNaN": "isnan"}.items()}  # fmt: skip
    return table | {
        "Div": lambda a, x, y: x // y if np.issubdtype(x.dtype, np.integer) else x / y,
        "Identity": lambda a, x: x, "Dropout": lambda a, x, *rest: x,
        "Relu": lambda a, x: np_.maximum(x, 0),
        "Clip": lambda a, x, low=None, high=None: np_.clip(x, low, high),
        "Erf": lambda a, x: jax.lax.erf(x),
        "Softmax": lambda a, x: jax.nn.softmax(x, a.get("axis", -1)),
        "Gelu": lambda a, x: jax.nn.gelu(x, approximate=a.get("approximate", b"none") == b"tanh"),
        "Cast": lambda a, x: x.astype(helper.tensor_dtype_to_np_dtype(a["to"])),
        "Shape": lambda a, x: np.array(x.shape, np.int64),
        "Constant": lambda a: numpy_helper.to_array(a["value"]),
        "ConstantOfShape": lambda a, s: np.full(s, numpy_helper.to_array(a["value"])[0] if "value" in a else np.float32(0)),
        "Range": lambda a, low, high, step: np.arange(low, high, step),
        "Expand": lambda a, x, s: np_.broadcast_to(x, np.broadcast_shapes(x.shape, tuple(int(d) for d in s))),
        "Gather": lambda a, x, i: np_.take(x, i, axis=a.get("axis", 0)),
        "Concat": lambda a, *x: np_.concatenate(x, a["axis"]),
        "Transpose": lambda a, x: np_.transpose(x, a.get("perm")),
        "Unsqueeze": lambda a, x, axes=None: np_.expand_dims(x, axes_of(a, axes)),
        "Squeeze": lambda a, x, axes=None: np_.squeeze(x, axes_of(a, axes)),
        "Flatten": lambda a, x: x.reshape(int(np.prod(x.shape[: a.get("axis", 1)])), -1),
        "Reshape": reshape, "Slice": slices, "Gemm": gemm, "Conv": conv, "LayerNormalization": layer_norm,
        "BatchNormalization": batch_norm, "AveragePool": average_pool,
        "MaxPool": lambda a, x: pool(a, x, -np.inf, jax.lax.max),
        "GlobalAveragePool": lambda a, x: x.mean(tuple(range(2, x.ndim)), keepdims=True),
        "ReduceMean": reduction(np_.mean), "ReduceSum": reduction(np_.sum), "ReduceMax": reduction(np_.max),
        "ReduceL2": reduction(lambda x, **how: np_.sqrt(np_.sum(x * x, **how))),
    }  # fmt: skip


class Function:
    """The graph: `weights` are its floating-point initializers, and calling it takes them and the inputs by name."""

    def __init__(self, path):
        self.graph = onnx.load(path).graph
        values = {value.name: numpy_helper.to_array(value) for value in self.graph.initializer}
        self.weights = {name: value for name, value in values.items() if value.dtype == np.float32 and value.size > 1}
        self.constants = {name: value for name, value in values.items() if name not in self.weights}
        self.on_arrays, self.on_constants = operators(jnp), operators(np)

    def __call__(self, weights, inputs):
        values = {"": None, **self.constants, **weights, **inputs}
        for node in self.graph.node:
            operands = [values[name] for name in node.input]
            known = all(isinstance(x, (np.ndarray, np.generic)) or x is None for x in operands)
            table = self.on_constants if known else self.on_arrays
            if node.op_type not in table:
                raise NotImplementedError(f"operator {node.op_type}")
            attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
            values[node.output[0]] = table[node.op_type](attributes, *operands)
        return {value.name: values[value.name] for value in self.graph.output}
