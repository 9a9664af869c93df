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
    ([2**62], [node("Relu", "x", "y")], [], "which is too large for any memory"),
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


def test_a_long_range(tools, make_model, tmp_path):
    steps = [numpy_helper.from_array(np.float32(v), n) for n, v in [("a", 0), ("b", 200000), ("c", 1.5)]]
    path = make_model([node("Range", "a b c", "r"), node("Mul", "r x", "y")], [("x", FLOAT, [])], [("y", FLOAT, [133334])], steps)
    tools.compile(path, tmp_path / "m.mlc")
    got = tools.infer(tmp_path / "m.mlc", {"x": np.float32(2)}, tmp_path)["y"]
    np.testing.assert_array_equal(got, 2 * np.arange(0, 200000, 1.5, dtype=np.float32))
