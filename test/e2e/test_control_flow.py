"""If, Loop and Scan whose condition and number of iterations are constants: unrolled, and equal to onnxruntime."""
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL


def node(op, inputs, outputs, **attributes):
    return helper.make_node(op, inputs.split(), outputs.split(), **attributes)


def info(name, kind=FLOAT, shape=None):
    return helper.make_tensor_value_info(name, kind, shape)


def graph(nodes, inputs=(), outputs=(), initializers=()):
    """A subgraph; names are of f32 unless they are pairs."""
    infos = lambda names: [info(n) if isinstance(n, str) else info(*n) for n in names]
    return helper.make_graph(nodes, "body", infos(inputs), infos(outputs), list(initializers))


def constant(name, value, dtype):
    return numpy_helper.from_array(np.array(value, dtype), name)


@pytest.fixture
def judge(tools, make_model, tmp_path):
    """Compiles and runs y... = nodes(x f32[2, 3]); the outputs are onnxruntime's, all of them."""

    def run(nodes, outputs, initializers=(), opset=17):
        path = make_model(nodes, [("x", FLOAT, [2, 3])], [], initializers, opset)
        model = onnx.load(path)
        model.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in outputs.split())
        onnx.save(model, path)
        tools.compile(path, tmp_path / "m.mlc")
        x = np.random.default_rng(1).standard_normal((2, 3)).astype(np.float32)
        got = tools.infer(tmp_path / "m.mlc", {"x": x}, tmp_path)
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        for name, want in zip(outputs.split(), session.run(outputs.split(), {"x": x})):
            assert got[name].dtype == want.dtype
            np.testing.assert_allclose(got[name], want, rtol=1e-6, atol=1e-6, err_msg=name)

    return run


def branches():
    return {"then_branch": graph([node("Relu", "x", "t")], outputs=["t"]),
            "else_branch": graph([node("Neg", "x", "e0"), node("Mul", "e0 w", "e")], outputs=["e"],
                                 initializers=[constant("w", np.full((2, 3), 3), np.float32)])}


@pytest.mark.parametrize("condition", [True, False])
def test_if_of_an_initializer(judge, condition):
    judge([node("If", "c", "y", **branches())], "y", [constant("c", condition, bool)])


@pytest.mark.parametrize("rank", [2, 3])
def test_if_of_a_shape(judge, rank):
    """torch.onnx writes `squeeze` so: the rank decides."""
    judge([node("Shape", "x", "s"), node("Shape", "s", "r0"), node("Squeeze", "r0", "r"), node("Equal", "r k", "c"),
           node("If", "c", "y", **branches())], "y", [constant("k", rank, np.int64)])


def test_if_within_if_within_a_function(tools, tmp_path):
    inner = graph([node("If", "c", "i", **branches())], outputs=["i"])
    body = [node("Constant", "", "c", value=constant("c", True, bool)),
            node("If", "c", "b", then_branch=inner, else_branch=graph([node("Exp", "x", "o")], outputs=["o"]))]
    opset = [helper.make_opsetid("", 17)]
    function = helper.make_function("my", "F", ["x"], ["b"], body, opset)
    model = helper.make_model(
        helper.make_graph([node("F", "v", "y", domain="my")], "g", [info("v", FLOAT, [2, 3])], [info("y", FLOAT, [2, 3])]),
        opset_imports=[*opset, helper.make_opsetid("my", 1)], functions=[function], ir_version=9)
    onnx.save(model, tmp_path / "m.onnx")
    tools.compile(tmp_path / "m.onnx", tmp_path / "m.mlc")
    x = np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3)
    np.testing.assert_array_equal(tools.infer(tmp_path / "m.mlc", {"v": x}, tmp_path)["y"], np.maximum(x, 0))


def loop_body():
    """v = v + x; s = v * i, stacked."""
    return graph([node("Add", "v x", "v2"), node("Identity", "cin", "cout"), node("Cast", "i", "f", to=FLOAT),
                  node("Mul", "v2 f", "s")],
                 [("i", INT64, []), ("cin", BOOL, []), "v"], [("cout", BOOL, []), "v2", "s"])


@pytest.mark.parametrize("trips", [1, 3])
def test_loop_by_trip_count(judge, trips):
    judge([helper.make_node("Loop", ["n", "", "x"], ["y", "ys"], body=loop_body())], "y ys",
          [constant("n", trips, np.int64)])


def test_loop_that_does_not_run(judge):
    body = graph([node("Add", "v x", "v2"), node("Identity", "cin", "cout")],
                 [("i", INT64, []), ("cin", BOOL, []), "v"], [("cout", BOOL, []), "v2"])
    judge([helper.make_node("Loop", ["n", "", "x"], ["y"], body=body), node("Relu", "y", "z")], "z",
          [constant("n", 0, np.int64)])


def test_loop_by_condition(judge):
    """A carried value that grows; the condition folds in every iteration."""
    body = graph([node("Add", "k k", "k2"), node("Less", "k2 limit", "cout"), node("Concat", "v x", "v2", axis=0)],
                 [("i", INT64, []), ("cin", BOOL, []), ("k", INT64, []), "v"], [("cout", BOOL, []), ("k2", INT64, []), "v2"])
    judge([helper.make_node("Loop", ["", "true", "one", "x"], ["k", "y"], body=body)], "k y",
          [constant("true", True, bool), constant("one", 1, np.int64), constant("limit", 20, np.int64)])


def test_loop_shares_its_weights(judge, tools, tmp_path):
    body = graph([node("MatMul", "v w", "v2"), node("Identity", "cin", "cout")],
                 [("i", INT64, []), ("cin", BOOL, []), "v"], [("cout", BOOL, []), "v2"],
                 [constant("w", np.random.default_rng(2).standard_normal((3, 3)), np.float32)])
    body.initializer.append(constant("unused", np.zeros((64, 64)), np.float32))
    body.node.append(node("Add", "v2 big", "v3"))
    body.output[1].name = "v3"
    body.initializer.append(constant("big", np.zeros((50, 2, 3))[:1], np.float32))
    judge([helper.make_node("Loop", ["n", "", "x"], ["y"], body=body)], "y", [constant("n", 4, np.int64)])


@pytest.mark.parametrize("back", [0, 1])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_scan(judge, axis, back):
    size = 3 if axis == 0 else 2
    body = graph([node("Add", "s xi", "s2"), node("Mul", "s2 xi", "o")], ["s", "xi"], ["s2", "o"])
    scan = helper.make_node("Scan", ["s0", "x"], ["y", "ys"], body=body, num_scan_inputs=1, scan_input_axes=[axis],
                            scan_input_directions=[back], scan_output_axes=[axis], scan_output_directions=[1 - back])
    judge([scan], "y ys", [constant("s0", np.zeros(size), np.float32)])


def scan_of(inputs, **attributes):
    """y = the sums of slices of two inputs"""
    return node("Scan", inputs, "y", num_scan_inputs=2, body=graph([node("Add", "a b", "c")], ["a", "b"], ["c"]), **attributes)


@pytest.mark.parametrize("nodes,initializers,says", [
    ([node("If", "q", "y", **branches())], [], "its condition is computed from data at run time; freeze the input"),
    ([helper.make_node("Loop", ["m", "", "x"], ["y", ""], body=loop_body())], [],
     "its trip count is computed from data at run time; freeze the input"),
    ([helper.make_node("Loop", ["", "", "x"], ["y", ""], body=loop_body())], [], "it runs for over 65536 iterations"),
    ([helper.make_node("Loop", ["n", "", "x"], ["a", "y"], body=loop_body())], [constant("n", 0, np.int64)],
     "it runs for no iteration: the shape of output 'y' is not known"),
    ([helper.make_node("Loop", ["n", "", "x", "x", "x"], ["y", "", ""], body=loop_body())], [constant("n", 1, np.int64)],
     "its body has 3 outputs, too few for 3 carried values"),
    ([helper.make_node("Scan", ["x", "x"], ["y"], num_scan_inputs=3,
                       body=graph([node("Add", "s xi", "s2")], ["s", "xi"], ["s2"]))], [],
     "attribute 'num_scan_inputs' = 3 does not fit its 2 inputs"),
    ([helper.make_node("Scan", ["x", "x"], ["y"], num_scan_inputs=1, scan_input_axes=[7],
                       body=graph([node("Add", "s xi", "s2")], ["s", "xi"], ["s2"]))], [],
     "axis 7 is outside of [-2, 2)"),
    ([node("If", "yes", "y")], [], "op If, domain ai.onnx, opset 17: attribute 'then_branch' is missing, or no graph"),
    ([node("If", "yes", "y", then_branch=graph([]))], [], "its then_branch does not define output 0"),
    ([helper.make_node("Loop", ["one", "q", "x"], ["y", ""], body=loop_body())], [],
     "its condition is computed from data at run time; loops are unrolled, and need a constant one"),
    ([helper.make_node("Loop", ["one"], ["y", ""], body=loop_body())], [], "its body has 3 inputs, expected 2"),
    ([helper.make_node("Loop", ["one", "", "x"], ["y"], body=graph([], ["i", "c", "v"], ["c", "gone"]))], [],
     "its body does not define output 'gone'"),
    ([helper.make_node("Scan", ["x", "x"], ["y"], num_scan_inputs=1, body=graph([], ["s", "xi"]))], [],
     "its body has 0 outputs, too few for 1 carried values and the node's 1 outputs"),
    ([scan_of("x x", scan_input_axes=[0, 1])], [], "its scan inputs have the lengths 2 and 3"),
    ([scan_of("x x", scan_input_axes=[0])], [], "attribute 'scan_input_axes' has 1 entries for 2"),
    ([scan_of("x x", scan_output_axes=[5])], [], "attribute 'scan_output_axes' has the entry 5 for a rank of 2"),
    ([scan_of("none none")], [constant("none", np.zeros((0, 3)), np.float32)],
     "it runs for no iteration: the shape of output 'y' is not known"),
])
def test_what_does_not_fold(tools, make_model, tmp_path, nodes, initializers, says):
    inputs = [("x", FLOAT, [2, 3]), ("q", BOOL, []), ("m", INT64, [])]
    initializers = [*initializers, constant("one", 1, np.int64), constant("yes", True, bool)]
    path = make_model(nodes, inputs, [("y", FLOAT, None)], initializers)
    tools.refuse(tmp_path, "mlc-opt", path, "-o", tmp_path / "o.mlc", says=[says])


def test_the_first_scan(tools, make_model, tmp_path):
    path = make_model([scan_of("x x")], [("x", FLOAT, [2, 3])], [("y", FLOAT, None)], opset=8)
    tools.refuse(tmp_path, "mlc-opt", path, "-o", tmp_path / "o.mlc",
                 says=["opset 8: Scan is supported since opset 9; convert the model with onnx.version_converter"])


def test_a_frozen_condition_folds(tools, make_model, tmp_path):
    path = make_model([node("If", "q", "y", **branches())], [("x", FLOAT, [2, 3]), ("q", BOOL, [])], [("y", FLOAT, [2, 3])])
    np.save(tmp_path / "q.npy", np.array(True))
    tools.compile(path, tmp_path / "m.mlc", "--const", f"q={tmp_path / 'q.npy'}")
    x = np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3)
    np.testing.assert_array_equal(tools.infer(tmp_path / "m.mlc", {"x": x}, tmp_path)["y"], np.maximum(x, 0))
