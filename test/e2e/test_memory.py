"""Compiling needs memory for one tensor at a time, whatever the size of the model."""
import resource
import subprocess

from onnx import TensorProto, helper, save

MB = 1 << 20


def chain(folder, layers, rows, columns):
    """x [1, rows] times `layers` matrices of rows x columns, and columns x rows, in a sparse file."""
    nodes, weights, size = [], [], rows * columns * 4
    for i in range(layers):
        weight = TensorProto(name=f"w{i}", data_type=TensorProto.FLOAT, data_location=TensorProto.EXTERNAL)
        weight.dims.extend((rows, columns) if i % 2 == 0 else (columns, rows))
        for key, value in (("location", "weights"), ("offset", i * size), ("length", size)):
            weight.external_data.add(key=key, value=str(value))
        weights.append(weight)
        nodes.append(helper.make_node("MatMul", [f"x{i}", f"w{i}"], [f"x{i + 1}"]))
    info = helper.make_tensor_value_info
    graph = helper.make_graph(nodes, "g", [info("x0", TensorProto.FLOAT, [1, rows])],
                              [info(f"x{layers}", TensorProto.FLOAT, [1, rows if layers % 2 == 0 else columns])], weights)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(folder / "model.onnx"))
    with open(folder / "weights", "wb") as file:
        file.truncate(layers * size)
    return folder / "model.onnx"


def run_within(tools, limit_bytes, *arguments):
    """mlc-opt with a limit on its private writable memory: stacks, heap, everything anonymous; not files that it maps."""
    def limit():
        resource.setrlimit(resource.RLIMIT_DATA, (limit_bytes, limit_bytes))

    done = subprocess.run([str(tools.directory / "mlc-opt"), *map(str, arguments)], capture_output=True, text=True,
                          preexec_fn=limit)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_ten_gigabytes_are_looked_at(tools, tmp_path):
    model = chain(tmp_path, layers=20, rows=8192, columns=16384)
    assert "weights: 2684354560 parameters in 20 tensors of 10737.4 MB" in run_within(tools, 250 * MB, model, "--check")


def test_one_tensor_at_a_time(tools, tmp_path):
    model = chain(tmp_path, layers=2, rows=8192, columns=8192)  # 256 MB each: another one would not fit
    run_within(tools, (250 + 256) * MB, model, "-o", tmp_path / "m.mlc", "--jobs=2")
    assert (tmp_path / "m.mlc").stat().st_size > 2 * 256 * MB


def test_weights_in_the_model_file_are_not_copied(tools, make_model):
    """An initializer is read where it is, however large; the parser's copy of it would not fit."""
    size = 25 * MB
    weights = [helper.make_tensor(name, TensorProto.FLOAT, [size], bytes(4 * size), raw=True) for name in "abc"]
    nodes = [helper.make_node("Add", ["x", "a"], ["y"]), helper.make_node("Mul", ["y", "b"], ["z"]),
             helper.make_node("Constant", [], ["k"], value=weights.pop()), helper.make_node("Sub", ["z", "k"], ["r"])]
    model = make_model(nodes, [("x", TensorProto.FLOAT, [size])], [("r", TensorProto.FLOAT, [size])], weights)
    assert "weights: 78643200 parameters in 3 tensors of 314.6 MB" in run_within(tools, 250 * MB, model, "--check")
