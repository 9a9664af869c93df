"""Outputs that cannot be written, inputs of mlc-run that do not fit, and damaged modules: nothing is lost."""
import os
import struct
import subprocess

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT


# ---- Outputs ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def relu_module(tools, relu_model, tmp_path):
    tools.compile(relu_model, tmp_path / "o.mlc", "--shape", "n=2")
    np.savez(tmp_path / "in.npz", x=np.zeros((2, 3), np.float32))
    return tmp_path / "o.mlc"


def output_of(tool, relu_model, relu_module, output):
    if tool == "mlc-opt":
        return ["mlc-opt", relu_model, "--shape", "n=2", "-o", output]
    return ["mlc-run", relu_module, "--inputs", relu_module.parent / "in.npz", "--output", output]


@pytest.mark.parametrize("tool", ["mlc-opt", "mlc-run"])
def test_unwritable_output(tools, relu_model, relu_module, tmp_path, tool):
    def refuse(output, *says):
        tools.refuse(tmp_path, *output_of(tool, relu_model, relu_module, output), says=says)

    refuse(tmp_path / "no/such/o.mlc", "cannot write '",
           "no/such/o.mlc': No such file or directory; its folder must exist and be writable")
    (tmp_path / "folder.mlc").mkdir()
    refuse(tmp_path / "folder.mlc", "folder.mlc': it is a directory; name a file")
    os.mkfifo(tmp_path / "pipe.mlc")
    refuse(tmp_path / "pipe.mlc", "pipe.mlc': it is not a regular file")
    refuse(tmp_path / ("x" * 300 + ".mlc"), "File name too long")
    refuse("/proc/o.mlc", "cannot write '/proc/o.mlc'")


@pytest.mark.parametrize("tool", ["mlc-opt", "mlc-run"])
def test_full_disk_keeps_the_old_output(tools, relu_model, relu_module, tmp_path, tool):
    # A limit of the file size fails the same write as a full disk. Object files and the code in memory stay below it.
    output = tmp_path / "old.mlc"
    output.write_text("the old output")
    limit = relu_module.stat().st_size - 100 if tool == "mlc-opt" else 100_000
    tools.compile(relu_model, relu_module, "--shape", "n=9000")
    np.savez(tmp_path / "in.npz", x=np.zeros((9000, 3), np.float32))
    tools.refuse(tmp_path, *output_of(tool, relu_model, relu_module, output), limit_bytes=limit,
                 says=["cannot write '", "old.mlc': File too large (an older file of this name is unchanged)"])
    assert output.read_text() == "the old output"


@pytest.mark.parametrize("tool", ["mlc-opt", "mlc-run"])
def test_full_file_system_keeps_the_old_output(tools, make_model, tmp_path, tool):
    # A file system of 64 KiB in a mount namespace of its own, where the tests may make one.
    if subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode != 0:
        pytest.skip("mounting needs root")
    weights = numpy_helper.from_array(np.random.default_rng(0).random((64, 1024), np.float32), "w")
    model = make_model([helper.make_node("MatMul", ["x", "w"], ["y"])], [("x", FLOAT, [32, 64])], [("y", FLOAT, [32, 1024])],
                       [weights])
    module, inputs, full = tmp_path / "m.mlc", tmp_path / "in.npz", tmp_path / "full"
    tools.compile(model, module)
    np.savez(inputs, x=np.zeros((32, 64), np.float32))
    full.mkdir()
    command = ["mlc-opt", model, "-o", full / "old"] if tool == "mlc-opt" else \
        ["mlc-run", module, "--inputs", inputs, "--output", full / "old"]
    if tool == "mlc-opt":
        command += ["--emit=module"]
    script = 'mount -t tmpfs -o size=64k none "$1" && echo old >"$1/old" && folder="$1" && shift && "$@"; rc=$?; ls -A "$folder"; ' \
             'cat "$folder/old"; exit $rc'
    done = subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", str(full), str(tools.directory / command[0]),
                           *map(str, command[1:])], capture_output=True, text=True)
    assert done.returncode == 1, done
    assert "No space left on device; free space there or write elsewhere (an older file of this name is unchanged)" in done.stderr
    assert done.stdout == "old\nold\n"  # the listing, and the content


def test_standard_output_that_is_full(tools, relu_module):
    with open("/dev/full", "w") as full:
        done = subprocess.run([tools.directory / "mlc-run", relu_module, "--inspect"], stdout=full, stderr=subprocess.PIPE,
                              text=True)
    assert done.returncode == 1
    assert done.stderr == "mlc-run: error: cannot write to the standard output: No space left on device\n"


def test_output_equal_to_input(tools, relu_model, relu_module, tmp_path):
    before = relu_model.read_bytes()
    tools.refuse(tmp_path, "mlc-opt", relu_model, "--shape", "n=2", "-o", relu_model, "--emit=module",
                 says=["model.onnx' is an input; name another output"])
    tools.refuse(tmp_path, "mlc-run", relu_module, "--inputs", tmp_path / "in.npz", "--output", relu_module,
                 says=["o.mlc' is an input; name another output"])
    tools.refuse(tmp_path, "mlc-run", relu_module, "--inputs", tmp_path / "in.npz", "--output", tmp_path / "in.npz",
                 says=["in.npz' is an input; name another output"])
    assert relu_model.read_bytes() == before


def test_old_output_survives_a_failed_compile(tools, relu_model, relu_module, tmp_path):
    tools.refuse(tmp_path, "mlc-opt", relu_model, "-o", relu_module, says=["is unbound"])
    tools.infer(relu_module, {"x": np.zeros((2, 3), np.float32)}, tmp_path)


# ---- Running ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("inputs,says", [
    ({}, ["inputs are missing; add\n  --input x=FILE.npy    (x: f32[2,3])\nor NAME=random:SEED for random values"]),
    ({"x": np.zeros((2, 3), np.float64)},
     ["the module was not compiled for inputs x: f64[2,3]. It was compiled for:\n  0: x: f32[2,3]\nGive inputs of these shapes "
      "and types, or compile for yours with --shape"]),
    ({"x": np.zeros((2, 4), np.float32)}, ["was not compiled for inputs x: f32[2,4]"]),
    ({"x": np.zeros((2, 3), np.float32), "z": np.zeros(1, np.float32)},
     ["the module has no input 'z'; its inputs are x: f32[2,3]"]),
])
def test_wrong_run_inputs(tools, relu_module, tmp_path, inputs, says):
    np.savez(tmp_path / "i.npz", **inputs)
    tools.refuse(tmp_path, "mlc-run", relu_module, "--inputs", tmp_path / "i.npz", "--output", tmp_path / "out.npz", says=says)


def test_wrong_run_options(tools, relu_module, tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((2, 3), np.float32))
    for arguments, says in [
        (["--input", f"x={tmp_path}/x.npy", "--input", f"x={tmp_path}/x.npy"], "input 'x' is given twice"),
        (["--input", f"z={tmp_path}/x.npy"], "the module has no input 'z'; its inputs are x: f32[2,3]"),
        (["--input", "x"], "--input x: expected NAME=FILE.npy or NAME=random:SEED"),
        (["--input", f"x={tmp_path}"], "not a regular file"),
        (["--input", f"x={tmp_path}/in.npz"], "in.npz' is not a usable .npy file: it does not start with the .npy magic"),
        (["--inputs", f"{tmp_path}/x.npy"], "x.npy' is not a usable .npz file: "),
        (["--input", "x=random:1", "--expect", f"{tmp_path}/none.npz"], "none.npz"),
        (["--input", "x=random:1", "--bucket", "1"], "--bucket 1: the entry point has 1"),
        (["--input", "x=random:1", "--entry", "main"], "no entry point 'main'; it has infer"),
        (["--input", "x=random:1", "--threads", "0"], "--threads"),
        (["--input", "x=random:1", "--tolerance", "-1", "--expect", f"{tmp_path}/in.npz"], "--tolerance"),
    ]:
        tools.refuse(tmp_path, "mlc-run", relu_module, *arguments, "--output", tmp_path / "out.npz", says=[says])


def npy(header, data):
    text = header.ljust(117).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


@pytest.mark.parametrize("content,says", [
    (b"", "it does not start with the .npy magic; write it with numpy.save"),
    (b"\x93NUMPY\x09\x00" + bytes(20), "it has format version 9, expected 1 to 3; write it with numpy.save"),
    (b"\x93NUMPY\x01\x00\xff\xff" + bytes(20), "its header is truncated"),
    (npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", bytes(23)),
     "truncated: f32[2,3] needs 24 bytes of data, 23 are there"),
    (npy("{'descr': '<c8', 'fortran_order': False, 'shape': (2, 3), }", bytes(48)),
     "unsupported element type '<c8'; convert it, for instance with .astype('<f4')"),
    (npy("{'descr': '|O', 'fortran_order': False, 'shape': (2, 3), }", bytes(48)), "unsupported element type '|O'"),
    (npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2, 3), }", bytes(24)),
     "structured arrays are not supported"),
    (npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-2, 3), }", bytes(24)),
     "its header lacks a shape of numbers from 0 on that fits in memory"),
    (npy("{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4), }", bytes(24)), "its header lacks a shape"),
    (npy("{'descr': '<f4', 'fortran_order': False, }", bytes(24)), "its header lacks a shape"),
    (npy("{'descr': '<f4', 'shape': (2, 3), }", bytes(24)), "its header lacks fortran_order"),
])
def test_npy(tools, relu_module, tmp_path, content, says):
    (tmp_path / "x.npy").write_bytes(content)
    tools.refuse(tmp_path, "mlc-run", relu_module, "--input", f"x={tmp_path}/x.npy",
                 says=["mlc-run: error: '", "x.npy' is not a usable .npy file: ", says])


def test_npz_member_that_is_truncated(tools, relu_module, tmp_path):
    np.savez_compressed(tmp_path / "x.npz", x=np.zeros((2, 3), np.float32))
    content = bytearray((tmp_path / "x.npz").read_bytes())
    directory = content.index(b"PK\x01\x02")
    size, = struct.unpack_from("<I", content, directory + 24)
    struct.pack_into("<I", content, directory + 24, size + 8)
    struct.pack_into("<Q", content, content.index(struct.pack("<Q", size)), size + 8)
    (tmp_path / "x.npz").write_bytes(content)
    tools.refuse(tmp_path, "mlc-run", relu_module, "--inputs", tmp_path / "x.npz",
                 says=["x.npz' is not a usable .npz file: member 'x.npy' is truncated"])


@pytest.mark.parametrize("array", [np.arange(6, dtype=">f4").reshape(2, 3),
                                   np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3)),
                                   np.asfortranarray(np.arange(6, dtype=">f4").reshape(2, 3))])
def test_npy_of_other_orders_is_read(tools, relu_module, tmp_path, array):
    np.save(tmp_path / "x.npy", array)
    tools.run("mlc-run", relu_module, "--input", f"x={tmp_path}/x.npy", "--output", tmp_path / "out.npz")
    np.testing.assert_array_equal(np.load(tmp_path / "out.npz")["y"], array.astype(np.float32))


def test_index_out_of_range(tools, make_model, tmp_path):
    table = numpy_helper.from_array(np.arange(12, dtype=np.float32).reshape(4, 3), "table")
    model = make_model([helper.make_node("Gather", ["table", "ids"], ["y"], name="lookup")], [("ids", TensorProto.INT64, [2])],
                       [("y", FLOAT, [2, 3])], [table])
    module = tmp_path / "g.mlc"
    tools.compile(model, module)
    for ids in ([0, 4], [-5, 0], [2**62, 0]):
        np.save(tmp_path / "ids.npy", np.array(ids))
        tools.refuse(tmp_path, "mlc-run", module, "--input", f"ids={tmp_path}/ids.npy", "--output", tmp_path / "out.npz",
                     says=["(gather) failed: an index lies outside of its axis; check the values of the integer inputs"])


# ---- Modules ---------------------------------------------------------------------------------------------------------


def test_damaged_module(tools, relu_module, tmp_path):
    whole = relu_module.read_bytes()
    run = ["mlc-run", relu_module, "--inputs", tmp_path / "in.npz", "--output", tmp_path / "out.npz"]
    for damaged, says in [
        (b"", "o.mlc' is empty; expected a module that mlc-opt wrote"),
        (b"\x7fELF" + whole[4:], "o.mlc' is not an mlc module; expected a file that mlc-opt wrote"),
        (whole[:30], "o.mlc' is damaged: it is shorter than its header. Copy or compile it again"),
        (whole[: len(whole) // 2], f"o.mlc' is damaged: it has {len(whole) // 2} bytes, expected {len(whole)}"),
        (whole + b"x", f"it has {len(whole) + 1} bytes, expected {len(whole)}"),
        (whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:], "is damaged: the checksum of section 0 (program) does not match"),
        (whole[:8] + b"\x02\x00" + whole[10:], "has format version 2.2, but this runtime reads 1.0 to 1."),
    ]:
        relu_module.write_bytes(damaged)
        for tool in (run, ["mlc-bench", relu_module, "--seconds", "0.01"]):
            tools.refuse(tmp_path, *tool, says=[says])
    relu_module.unlink()
    tools.refuse(tmp_path, *run, says=["cannot open '", "o.mlc': No such file or directory"])
    relu_module.mkdir()
    tools.refuse(tmp_path, *run, says=["o.mlc': it is not a regular file"])


def test_module_for_a_cpu_with_more_features(tools, relu_model, tmp_path):
    # The only difference is the name of a feature, in the program and its checksums: see LoaderTest for the rest.
    module = tmp_path / "o.mlc"
    tools.compile(relu_model, module, "--shape", "n=2", "--target-cpu=x86-64-v4")
    flags = open("/proc/cpuinfo").read()
    if "avx512f" in flags:
        pytest.skip("this CPU runs modules of every target")
    tools.refuse(tmp_path, "mlc-run", module, "--input", "x=random:1",
                 says=["cannot run on this machine. Its targets:\n", "this CPU lacks", "avx512f", "--target-cpu=x86-64-v3"])
