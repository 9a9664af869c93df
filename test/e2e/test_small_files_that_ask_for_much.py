"""A file of a few kilobytes may ask for terabytes, or for hours: each gets an answer soon, within the memory there is."""
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL
GB = 1 << 30


def node(op, inputs, outputs, **attributes):
    return helper.make_node(op, inputs.split(), outputs.split(), **attributes)


def constant(name, values, dtype=np.float32):
    return numpy_helper.from_array(np.array(values, dtype), name)


def refuse(tools, tmp_path, path, says):
    # What is stored of constants is looked at behind the import: the IR is left in a file beside the output.
    # Constants are looked at behind the import: then the IR stays beside the output, and `path` alone is as it was.
    (tmp_path / "out").mkdir()
    return tools.refuse(path, "mlc-opt", path, "-o", tmp_path / "out" / "o.mlc", says=[says], memory_bytes=6 * GB)


def largest(name):
    """y = x + max(`name`)"""
    return [node("ReduceMax", name, "m", keepdims=0), node("Cast", "m", "f", to=FLOAT), node("Add", "x f", "y")]


def doubled(op, extra, count):
    return [node(op, f"c{i} {extra or f'c{i}'}", f"c{i + 1}", **({} if extra else {"axis": 0})) for i in range(count)]


ONES = constant("c0", np.ones(128))


@pytest.mark.parametrize("nodes,constants,says", [
    (doubled("Concat", "", 35) + largest("c35"), [ONES], "Concat: computes 'tensor<134217728xf32>' of constants alone"),
    (doubled("Concat", "", 35) + largest("c35"), [constant("c0", np.ones(128), np.int64)],
     "Concat: computes 'tensor<67108864xi64>' of constants alone, to be stored in the module: more than 268435456 bytes in "
     "all; compute it of an input, or make the constants smaller"),
    (doubled("Pad", "by", 35) + largest("c35"), [ONES, constant("by", [0, 2**30], np.int64)], "Pad: computes"),
    ([node("MatMul", "a b", "c")] + largest("c"), [constant("a", np.ones((2**18, 1))), constant("b", np.ones((1, 2**18)))],
     "MatMul: computes 'tensor<262144x262144xf32>' of constants alone"),
    ([node("TopK", "a k", "t i")] + largest("t"), [constant("a", np.ones(2**18)), constant("k", [4], np.int64)],
     "TopK: computes 'tensor<262144x262144xi1>' of constants alone"),
    ([node("Range", f"zero n{i} one", f"r{i}") for i in range(9)] + [node("Relu", "x", "y")],
     [constant("zero", 0, np.int64), constant("one", 1, np.int64)] + [constant(f"n{i}", 2**26 - i, np.int64) for i in range(9)],
     "op Range, domain ai.onnx, opset 17: the constants that the import computes have more than 134217728 elements in all"),
    ([node("ConstantOfShape", "n", f"r{i}", value=constant("v", [i], np.int64)) for i in range(3000)] + [node("Relu", "x", "y")],
     [constant("n", [65536], np.int64)], "op ConstantOfShape, domain ai.onnx, opset 17: the constants that the import computes"),
    ([node("Add", f"a{i} one", f"a{i + 1}") for i in range(3000)] + largest("a3000"),
     [constant("a0", np.arange(65536), np.int64), constant("one", [1], np.int64)],
     "op Add, domain ai.onnx, opset 17: the constants that the import computes have more than 134217728 elements in all"),
    # Every step of a chain is stored.
    ([node("Identity", "x", "v0")] + [n for i in range(3000) for n in (node("Add", f"w{i} w0", f"w{i + 1}"),
                                                                     node("Mul", f"v{i} w{i + 1}", f"v{i + 1}"))] +
     [node("Relu", "v3000", "y")], [constant("w0", np.ones(128))],
     "Add: what the model computes of its constants alone, once for the module, takes more than 1048576 ops"),
])
def test_constants(tools, make_model, tmp_path, nodes, constants, says):
    refuse(tools, tmp_path, make_model(nodes, [("x", FLOAT, [128])], [("y", FLOAT, None)], constants), says)


def body(inputs, outputs, nodes=()):
    infos = [[helper.make_tensor_value_info(name, kind, None) for name, kind in side] for side in (inputs, outputs)]
    return helper.make_graph(list(nodes), "body", *infos)


def test_loops_without_nodes(tools, make_model, tmp_path):
    inner = node("Loop", "n d s", "t", body=body([("j", INT64), ("e", BOOL), ("u", FLOAT)], [("e", BOOL), ("u", FLOAT)]))
    outer = node("Loop", "n c x", "y", body=body([("i", INT64), ("d", BOOL), ("s", FLOAT)], [("d", BOOL), ("t", FLOAT)], [inner]))
    path = make_model([outer], [("x", FLOAT, [2])], [("y", FLOAT, None)],
                      [constant("n", 65535, np.int64), constant("c", True, np.bool_)])
    refuse(tools, tmp_path, path, "the graph has over 1048576 nodes once functions are inlined and loops unrolled")


@pytest.mark.parametrize("nodes,says", [
    ([node("Scan", "x", "y", num_scan_inputs=1, body=body([("e", FLOAT)], [("e", FLOAT)]))], "the graph has over 1048576 nodes"),
    ([node("SplitToSequence", "x", "s", axis=0), node("SequenceLength", "s", "n"), node("Cast", "n", "y", to=FLOAT)],
     "op SplitToSequence, domain ai.onnx, opset 17: it makes a sequence of more than 16000000 tensors"),
])
def test_steps_of_a_long_dimension(tools, make_model, tmp_path, nodes, says):
    refuse(tools, tmp_path, make_model(nodes, [("x", FLOAT, [2**40])], [("y", FLOAT, None)]), says)


def test_many_recurrent_layers(tools, make_model, tmp_path):
    layers = [node("LSTM", "x w r", f"h{i}", hidden_size=2) for i in range(40)]
    path = make_model(layers + [node("Sum", " ".join(f"h{i}" for i in range(40)), "y")], [("x", FLOAT, [4096, 1, 3])],
                      [("y", FLOAT, None)], [constant("w", np.ones((1, 8, 3))), constant("r", np.ones((1, 8, 2)))])
    refuse(tools, tmp_path, path, "op LSTM, domain ai.onnx, opset 17: the model takes more than 2097152 ops once loops and "
                                  "steps are unrolled; bind smaller shapes")


def test_names_in_names(tools, tmp_path):
    """The names of calls stand in front of those of the nodes inside."""
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("my", 1)]
    functions = [helper.make_function("my", "F0", ["a"], ["b"], [node("Relu", "a", "b")], opsets)]
    for i in range(1, 18):
        calls = [helper.make_node(f"F{i - 1}", [of], [to], domain="my", name=of * 20_000) for of, to in ("at", "tb")]
        functions.append(helper.make_function("my", f"F{i}", ["a"], ["b"], calls, opsets))
    infos = [helper.make_tensor_value_info(n, FLOAT, [2]) for n in "xy"]
    graph = helper.make_graph([node("F17", "x", "y", domain="my")], "g", infos[:1], infos[1:])
    onnx.save(helper.make_model(graph, opset_imports=opsets, functions=functions, ir_version=9), tmp_path / "f.onnx")
    refuse(tools, tmp_path, tmp_path / "f.onnx", "the names of its nodes and values take over 1073741824 bytes")


def test_more_problems_than_one_reads(tools, make_model, tmp_path):
    nodes = [helper.make_node("Nothing", ["x"], [f"z{i}"]) for i in range(5000)] + [node("Relu", "x", "y")]
    message = refuse(tools, tmp_path, make_model(nodes, [("x", FLOAT, [2])], [("y", FLOAT, None)]), "and 4000 problems more")
    assert message.count("op Nothing") == 1000


@pytest.mark.parametrize("steps,batch", [(64, 1), (4096, 0)])
def test_a_constant_recurrent_layer(tools, make_model, tmp_path, steps, batch):
    """It is computed during the import: each step once, though the next one uses it several times."""
    weights = [constant("c", np.ones((steps, batch, 1))), constant("w", np.ones((1, 4, 1))), constant("r", np.ones((1, 4, 1)))]
    nodes = [node("LSTM", "c w r", "h", hidden_size=1), node("ReduceSum", "h", "s", keepdims=0), node("Add", "x s", "y")]
    path = make_model(nodes, [("x", FLOAT, [2])], [("y", FLOAT, None)], weights)
    tools.compile(path, tmp_path / "m.mlc")
    got = tools.infer(tmp_path / "m.mlc", {"x": np.zeros(2, np.float32)}, tmp_path)["y"]
    hidden = cell = total = 0.0
    gate = lambda: 1 / (1 + np.exp(-1 - hidden))
    for _ in range(steps if batch else 0):
        cell = gate() * cell + gate() * np.tanh(1 + hidden)
        hidden = gate() * np.tanh(cell)
        total += hidden
    np.testing.assert_allclose(got, np.full(2, total), rtol=1e-5)


def test_much_of_one_value(tools, make_model, tmp_path):
    """It is no table, in the import or in the module."""
    path = make_model([node("ConstantOfShape", "n", "c", value=constant("v", [2])), node("Mul", "x c", "y")],
                      [("x", FLOAT, [2**28])], [("y", FLOAT, None)], [constant("n", [2**28], np.int64)])
    tools.compile(path, tmp_path / "m.mlc")
    assert (tmp_path / "m.mlc").stat().st_size < 1 << 20


def test_a_long_chain_on_a_constant(tools, make_model, tmp_path):
    count = 20_000
    path = make_model([node("Cos", f"w{i}", f"w{i + 1}") for i in range(count)] + [node("Mul", f"x w{count}", "y")],
                      [("x", FLOAT, [128])], [("y", FLOAT, None)], [constant("w0", np.ones(128))])
    tools.compile(path, tmp_path / "m.mlc")
    got = tools.infer(tmp_path / "m.mlc", {"x": np.full(128, 2, np.float32)}, tmp_path)["y"]
    np.testing.assert_allclose(got, np.full(128, 2 * 0.739085133), rtol=1e-5)
