"""Graphs that parse and make no sense: cycles, recursion, numbers without measure. A clear error each, soon."""
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


def node(op, inputs, outputs, **attributes):
    return helper.make_node(op, inputs.split(), outputs.split(), **attributes)


def i64(name, *values):
    return numpy_helper.from_array(np.array(values, np.int64), name)


def scalar(name, value):
    return numpy_helper.from_array(np.int64(value), name)


@pytest.mark.parametrize("nodes,says", [
    ([node("Add", "x b", "a"), node("Relu", "a", "b"), node("Relu", "b", "y")],
     "op Add, domain ai.onnx, opset 17: input 'b' is not defined before it"),
    ([node("Add", "x y", "y")], "input 'y' is not defined before it"),
    ([node("Relu", "x", "a"), node("Neg", "x", "a"), node("Relu", "a", "y")], "value 'a' is defined twice"),
    ([node("Relu", "x", "x"), node("Relu", "x", "y")], "value 'x' is defined twice"),
    ([node("Relu", "nothing", "y")], "input 'nothing' is not defined before it"),
    ([node("Relu", "x", "a")], "output 'y' is not defined by any node"),
])
def test_wiring(tools, make_model, tmp_path, nodes, says):
    path = make_model(nodes, [("x", FLOAT, [2, 3])], [("y", FLOAT, None)])
    tools.refuse(tmp_path, "mlc-opt", path, "-o", tmp_path / "o.mlc", says=[says])


def with_functions(tmp_path, calls):
    """A model of y = F(x); `calls`: the nodes of each function by its name."""
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("my", 1)]
    functions = [helper.make_function("my", name, ["a"], ["b"], nodes, opsets) for name, nodes in calls.items()]
    infos = [helper.make_tensor_value_info(n, FLOAT, [2]) for n in "xy"]
    graph = helper.make_graph([node("F", "x", "y", domain="my")], "g", infos[:1], infos[1:])
    onnx.save(helper.make_model(graph, opset_imports=opsets, functions=functions, ir_version=9), tmp_path / "f.onnx")
    return tmp_path / "f.onnx"


def call(name, inputs="a", outputs="b"):
    return node(name, inputs, outputs, domain="my")


@pytest.mark.parametrize("calls,says", [
    ({"F": [call("F")]}, "op F, domain my, opset 1: the function calls itself"),
    ({"F": [call("G")], "G": [call("F")]}, "op F, domain my, opset 1: the function calls itself"),
    ({"F": [call("F70")], "F0": [node("Relu", "a", "b")], **{f"F{i}": [call(f"F{i - 1}")] for i in range(1, 71)}},
     "functions are nested deeper than 64"),
    ({"F": [call("F40")], "F0": [node("Relu", "a", "b")],
      **{f"F{i}": [call(f"F{i - 1}", "a", "t"), call(f"F{i - 1}", "t", "b")] for i in range(1, 41)}},
     "the graph has over 1048576 nodes once functions are inlined and loops unrolled"),
    ({"F": [node("Relu", "a", "c")]}, "op F, domain my, opset 1: its function does not define output 'b'"),
    ({"F": [call("G", "a a")], "G": [node("Relu", "a", "b")]}, "its function has 1 inputs and 1 outputs, the node 2 and 1"),
    ({"F": [call("G", "a", "b c")], "G": [node("Relu", "a", "b")]}, "its function has 1 inputs and 1 outputs, the node 1 and 2"),
])
def test_wrong_functions(tools, tmp_path, calls, says):
    path = with_functions(tmp_path, calls)
    message = tools.refuse(tmp_path, "mlc-opt", path, "-o", tmp_path / "o.mlc", says=[says])
    assert len(message) < 1000, message


@pytest.mark.parametrize("op", ["Scan", "Relu"])
def test_domain_that_is_not_imported(tools, tmp_path, op):
    infos = [helper.make_tensor_value_info(n, FLOAT, [2]) for n in "xy"]
    graph = helper.make_graph([node(op, "x", "y")], "g", infos[:1], infos[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("my", 1)], ir_version=9), tmp_path / "f.onnx")
    tools.refuse(tmp_path, "mlc-opt", tmp_path / "f.onnx", "-o", tmp_path / "o.mlc",
                 says=[f"op {op}, domain ai.onnx, opset not imported: the op is not supported"])


def test_nodes_of_one_name_keep_their_constants(tools, tmp_path):
    """Names of nodes need not be unique, and large constants become parameters that are named after them."""
    def adds(value):
        return [helper.make_node("Constant", [], ["k"], value=numpy_helper.from_array(np.full(100, value, np.float32))),
                node("Add", "a k", "b")]
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("my", 1)]
    functions = [helper.make_function("my", name, ["a"], ["b"], adds(value), opsets[:1]) for name, value in [("P", 1), ("Q", 10)]]
    infos = [helper.make_tensor_value_info(n, FLOAT, [100]) for n in "xy"]
    graph = helper.make_graph([node("P", "x", "t", domain="my", name="n"), node("Q", "t", "y", domain="my", name="n")],
                              "g", infos[:1], infos[1:])
    onnx.save(helper.make_model(graph, opset_imports=opsets, functions=functions, ir_version=9), tmp_path / "f.onnx")
    tools.compile(tmp_path / "f.onnx", tmp_path / "f.mlc")
    got = tools.infer(tmp_path / "f.mlc", {"x": np.zeros(100, np.float32)}, tmp_path)["y"]
    np.testing.assert_array_equal(got, np.full(100, 11, np.float32))


@pytest.mark.parametrize("shape,nodes,initializers,says", [
    ([2**40, 2**40], [node("Relu", "x", "y")], [], "which is too large for any memory"),
    ([2**62], [node("Relu", "x", "y")], [], "input 'x' is f32[4611686018427387904], which is too large for any memory"),
    ([2, 3, 2**59], [node("Flatten", "x", "y", axis=-2)], [], "which is too large for any memory"),
    ([0, 2**40, 2**40], [node("Flatten", "x", "y", axis=1)], [], "which is too large for any memory"),
    ([-3, 4], [node("Relu", "x", "y")], [], "dimension 0 of input 'x' is unbound; pass --shape x=AxBxC"),
    ([2, 3], [node("Reshape", "x s", "y")], [i64("s", -5, 3)], "its shape has the dimension -5"),
    ([2, 3], [node("Tile", "x s", "y")], [i64("s", 2**40, 2**40)], "which is too large for any memory"),
    ([2, 3], [node("Pad", "x s", "y")], [i64("s", 2**62, 2**62, 0, 0)], "which is too large for any memory"),
    ([2, 3], [node("ConstantOfShape", "s", "y")], [i64("s", 2**33, 2**33)], "its shape has negative or too large dimensions"),
    ([1, 1, 5, 5], [node("MaxPool", "x", "y", kernel_shape=[2, 2], strides=[0, 1])], [], "expects strides of at least 1, got 0"),
    ([1, 1, 5, 5], [node("MaxPool", "x", "y", kernel_shape=[2**40, 1])], [], "expects window below 2^31, got 1099511627776"),
    ([1, 1, 5, 5], [node("AveragePool", "x", "y", kernel_shape=[2, 2], pads=[2**62] * 4)], [], "expects pad_low below 2^31"),
    ([2], [node("Range", "a b c", "r"), node("Cast", "r", "y", to=FLOAT)], [scalar("a", 0), scalar("b", 2**60), scalar("c", 1)],
     "it has more than 67108864 elements"),
    ([2], [node("Range", "a b c", "r"), node("Cast", "r", "y", to=FLOAT)], [scalar("a", 0), scalar("b", 5), scalar("c", 0)],
     "its step is 0"),
    ([2], [node("Range", "a b x", "y")], [scalar("a", 0), scalar("b", 5)], "its bounds must be constants; freeze the input"),
])
def test_numbers_without_measure(tools, make_model, tmp_path, shape, nodes, initializers, says):
    path = make_model(nodes, [("x", FLOAT, shape)], [("y", FLOAT, None)], initializers)
    tools.refuse(tmp_path, "mlc-opt", path, "-o", tmp_path / "o.mlc", says=[says])


def test_more_memory_than_there_is(tools, make_model, tmp_path):
    """It compiles, as it may run elsewhere; running says what is missing."""
    path = make_model([node("Relu", "x", "y")], [("x", FLOAT, [2**20, 2**20])], [("y", FLOAT, [2**20, 2**20])])
    tools.refuse(tmp_path, "mlc-opt", path, "--interpret", "--input", "x=random:1",
                 says=["interpreting it takes 8796093022208 bytes for the tensors that are alive at the same time, "
                       "the machine has ", "; bind smaller shapes"])
    tools.compile(path, tmp_path / "o.mlc")
    tools.refuse(tmp_path, "mlc-run", tmp_path / "o.mlc", "--input", "x=random:1",
                 says=["mlc-run: error: out of memory: the inputs and the module's arena must fit"])


# ---- Much of everything ----

def nested_graphs(levels):
    """A model of `If`s in each other, on the wire: the package `onnx` cannot write so many."""
    def varint(number):
        out = b""
        while number > 127:
            out, number = out + bytes([number & 127 | 128]), number >> 7
        return out + bytes([number])

    def field(number, size):  # the head of what has a length
        return varint(number << 3 | 2) + varint(size)

    name = field(1, 4) + b"then" + varint(20 << 3) + varint(5)  # AttributeProto: name, type = GRAPH
    parts, size = [], 0
    for _ in range(levels):
        graph = field(6, size)
        attribute = field(5, len(name) + len(graph) + size)
        node = field(4, 2) + b"If" + attribute
        head = field(1, len(node) + len(name) + len(graph) + size) + node + name + graph
        parts.append(head)
        size += len(head)
    return varint(1 << 3) + varint(9) + field(7, size) + b"".join(reversed(parts)) + field(8, 2) + varint(2 << 3) + varint(17)


@pytest.mark.parametrize("levels,says", [
    (30, "op If, domain ai.onnx, opset 17: it has no output"),
    (100, "graphs in each other more than 32 deep are beyond protobuf's limit, too"),
    (100_000, "graphs in each other more than 32 deep are beyond protobuf's limit, too"),
])
def test_graphs_in_graphs(tools, tmp_path, levels, says):
    (tmp_path / "m.onnx").write_bytes(nested_graphs(levels))
    tools.refuse(tmp_path, "mlc-opt", tmp_path / "m.onnx", "-o", tmp_path / "o.mlc", says=[says])


@pytest.mark.parametrize("op,count", [("Relu", 20_000), ("Sin", 2_000), ("Add", 5_000)])
def test_long_chains(tools, make_model, tmp_path, op, count):
    """What recurses over the ops of a kernel sees 64 at most."""
    step = lambda i: node(op, f"v{i}" if op != "Add" else f"v{i} one", f"v{i + 1}")
    one = [numpy_helper.from_array(np.float32(1), "one")] if op == "Add" else []
    path = make_model([step(i) for i in range(count)], [("v0", FLOAT, [4])], [(f"v{count}", FLOAT, [4])], one)
    tools.compile(path, tmp_path / "m.mlc")
    x = np.array([-1, 0, 0.5, 2], np.float32)
    got = tools.infer(tmp_path / "m.mlc", {"v0": x}, tmp_path)[f"v{count}"]
    expected = {"Relu": lambda: np.maximum(x, 0), "Add": lambda: x + count, "Sin": None}[op]
    if expected:
        np.testing.assert_array_equal(got, expected())
    else:
        for _ in range(count):
            x = np.sin(x.astype(np.float64))
        np.testing.assert_allclose(got, x, rtol=1e-4)


@pytest.mark.parametrize("count", [256, 257, 70_000])
def test_concat_of_many(tools, make_model, tmp_path, count):
    path = make_model([node("Concat", " ".join("x" if i % 2 else "z" for i in range(count)), "y", axis=0)],
                      [("x", FLOAT, [1]), ("z", FLOAT, [2])], [("y", FLOAT, None)])
    tools.compile(path, tmp_path / "m.mlc")
    x, z = np.array([1], np.float32), np.array([2, 3], np.float32)
    got = tools.infer(tmp_path / "m.mlc", {"x": x, "z": z}, tmp_path)["y"]
    np.testing.assert_array_equal(got, np.concatenate([x if i % 2 else z for i in range(count)]))


def test_many_inputs(tools, make_model, tmp_path):
    count = 10_000
    path = make_model([node("Add", f"x0 x{count - 1}", "y")], [(f"x{i}", FLOAT, [1]) for i in range(count)], [("y", FLOAT, [1])])
    tools.compile(path, tmp_path / "m.mlc")


# ---- Numbers that are none, tensors without elements ----

@pytest.mark.parametrize("op,attributes", [("IsInf", {"detect_negative": 0}), ("IsInf", {"detect_positive": 0})])
def test_infinity_of_integers(tools, make_model, tmp_path, op, attributes):
    path = make_model([node(op, "x", "y", **attributes)], [("x", TensorProto.UINT32, [3])], [("y", TensorProto.BOOL, None)])
    tools.refuse(tmp_path, "mlc-opt", path, "-o", tmp_path / "o.mlc", says=["op IsInf", "INF cannot be a constant of 'ui32'"])


@pytest.mark.parametrize("scale", ["nan", "inf", "-1", "0", "1e30"])
def test_scales_of_resize(tools, make_model, tmp_path, scale):
    scales = [numpy_helper.from_array(np.array([1, 1, scale, 2], np.float32), "s")]
    path = make_model([helper.make_node("Resize", ["x", "", "s"], ["y"], mode="nearest")], [("x", FLOAT, [1, 1, 4, 4])],
                      [("y", FLOAT, None)], scales)
    tools.refuse(tmp_path, "mlc-opt", path, "-o", tmp_path / "o.mlc", says=["op Resize", "its scales must be above 0"])


@pytest.mark.parametrize("scale", ["nan", "inf", "0"])
def test_scales_of_quantisation(tools, make_model, tmp_path, scale):
    """IEEE says what they give."""
    tensors = [numpy_helper.from_array(np.float32(scale), "s"), numpy_helper.from_array(np.int8(3), "z")]
    path = make_model([node("DequantizeLinear", "x s z", "y")], [("x", TensorProto.INT8, [3])], [("y", FLOAT, None)], tensors)
    tools.compile(path, tmp_path / "m.mlc")
    x = np.array([-5, 3, 9], np.int8)
    with np.errstate(invalid="ignore"):
        expected = (x.astype(np.float32) - 3) * np.float32(scale)
    np.testing.assert_array_equal(tools.infer(tmp_path / "m.mlc", {"x": x}, tmp_path)["y"], expected)


def zeros(name, *shape):
    return numpy_helper.from_array(np.zeros(shape, np.float32), name)


@pytest.mark.parametrize("shape,nodes,tensors,expected", [
    ((2, 0), [node("MatMul", "x w", "y")], [zeros("w", 0, 4)], np.zeros((2, 4))),
    ((0, 3), [node("MatMul", "x w", "y")], [zeros("w", 3, 4)], np.zeros((0, 4))),
    ((2, 0), [node("ReduceMean", "x", "y", axes=[1])], [], np.full((2, 1), np.nan)),
    ((2, 0), [node("ReduceMax", "x", "y", axes=[1])], [], np.full((2, 1), -np.inf)),
    ((2, 0), [node("ReduceSum", "x", "y")], [], np.zeros((1, 1))),
    ((3, 0), [node("Softmax", "x", "y")], [], np.zeros((3, 0))),
    ((0, 2, 5, 5), [node("Conv", "x w", "y")], [zeros("w", 3, 2, 3, 3)], np.zeros((0, 3, 3, 3))),
    ((1, 0, 5, 5), [node("Conv", "x w", "y")], [zeros("w", 3, 0, 3, 3)], np.zeros((1, 3, 3, 3))),
    ((2, 0), [node("LayerNormalization", "x s", "y")], [zeros("s", 0)], np.zeros((2, 0))),
    ((0, 3), [node("Concat", "x x", "y", axis=0)], [], np.zeros((0, 3))),
    ((2, 0), [node("Einsum", "x x", "y", equation="ij,ij->i")], [], np.zeros(2)),
    ((1, 2, 0, 5), [node("GlobalAveragePool", "x", "y")], [], np.full((1, 2, 1, 1), np.nan)),
])
def test_tensors_without_elements(tools, make_model, tmp_path, shape, nodes, tensors, expected):
    path = make_model(nodes, [("x", FLOAT, list(shape))], [("y", FLOAT, None)], tensors)
    tools.compile(path, tmp_path / "m.mlc")
    got = tools.infer(tmp_path / "m.mlc", {"x": np.zeros(shape, np.float32)}, tmp_path)["y"]
    np.testing.assert_array_equal(got, expected.astype(np.float32))


def test_a_long_range(tools, make_model, tmp_path):
    steps = [numpy_helper.from_array(np.float32(v), n) for n, v in [("a", 0), ("b", 200000), ("c", 1.5)]]
    path = make_model([node("Range", "a b c", "r"), node("Mul", "r x", "y")], [("x", FLOAT, [])], [("y", FLOAT, [133334])], steps)
    tools.compile(path, tmp_path / "m.mlc")
    got = tools.infer(tmp_path / "m.mlc", {"x": np.float32(2)}, tmp_path)["y"]
    np.testing.assert_array_equal(got, 2 * np.arange(0, 200000, 1.5, dtype=np.float32))
