"""IR that parses and cannot be compiled, and what is asked of it in vain: a row for each message. What the verifiers of ops
say is in test/dialects, what the phases promise in test/compiler."""
import os
import subprocess

import numpy as np
import pytest


def entry(arguments='%x: tensor<4xf32> {mlc.name = "x"}', results="tensor<4xf32>", body="return %x : tensor<4xf32>", before="",
          attributes='attributes {mlc.entry = "infer"}'):
    return f"{before}\nfunc.func @f({arguments}) -> ({results}) {attributes} {{\n  {body}\n}}\n"


def refuse(tools, tmp_path, text, says, *options, output="o.mlc"):
    (tmp_path / "in.mlir").write_text(text)
    output = ["-o", tmp_path / output] if output else []
    return tools.refuse(tmp_path, "mlc-opt", tmp_path / "in.mlir", *output, *options, says=[says])


# ---- Entry points ------------------------------------------------------------------------------------------------------

FIRST = "%x: tensor<4xf32>"
A = "mlc.variable @a : tensor<4xf32> = dense<1.0> : tensor<4xf32>"


@pytest.mark.parametrize("text,says", [
    ("module @inner {}" + entry(), "behind phase 'import': 'builtin.module' is neither a function nor of dialect mlc"),
    ('func.func private @f(%x: tensor<4xf32>) attributes {mlc.entry = "infer"}',
     "'func.func' is an entry point of other than one block"),
    (entry(f"{FIRST}, %y: f32"), "'func.func' has argument 1 of type 'f32', not a tensor of static shape"),
    (entry(f"{FIRST}, %y: tensor<?xf32>"), "has argument 1 of type 'tensor<?xf32>', not a tensor of static shape"),
    (entry(f"{FIRST}, %y: tensor<4xi7>"), "has argument 1 of type 'tensor<4xi7>', whose elements no module stores"),
    (entry(f"{FIRST}, %y: tensor<4xindex>"), "has argument 1 of type 'tensor<4xindex>', whose elements no module stores"),
    (entry(f"{FIRST}, %y: tensor<1099511627776x64xf32>"),
     "of type 'tensor<1099511627776x64xf32>', which is too large for any memory"),
    (entry(body="%c = mlc.broadcast %x {shape = array<i64: 1099511627776, 8, 4>} : (tensor<4xf32>) -> "
           "tensor<1099511627776x8x4xf32>\n return %x : tensor<4xf32>"),
     "'mlc.broadcast' has a value of type 'tensor<1099511627776x8x4xf32>', which is too large for any memory"),
    (entry('%x: tensor<4xf32> {mlc.name = "x"}, %y: tensor<4xf32> {mlc.name = "x"}'),
     "has at argument 1 the name 'x' a second time"),
    (entry(results='tensor<4xf32> {mlc.name = "y"}, tensor<4xf32> {mlc.name = "y"}',
           body="return %x, %x : tensor<4xf32>, tensor<4xf32>"), "has at result 1 the name 'y' a second time"),
    (entry('%x: tensor<4xf32> {mlc.padded = ["n", "m"]}'),
     "has at argument 0 'mlc.padded' = [\"n\", \"m\"], expected one string for each of its 1 dimensions"),
    (entry('%x: tensor<4xf32> {mlc.padded = "n"}'), "expected one string for each of its 1 dimensions"),
    (entry('%x: tensor<4xf32> {mlc.padded = [1]}'), "expected one string for each of its 1 dimensions"),
    (entry(results='tensor<4xf32> {mlc.padded = ["n"]}'),
     "has at result 0 'mlc.padded' = [\"n\"], but no argument has the dimension 'n'"),
    (entry('%x: tensor<4xf32> {mlc.padded = ["n"]}, %z: tensor<5xf32> {mlc.padded = ["n"]}'),
     "has at argument 1 'mlc.padded' = [\"n\"], but 'n' has the size 5 here, and another one before"),
    (entry('%x: tensor<4xf32>, %z: tensor<0xf32> {mlc.padded = ["n"]}'), "but 'n' has the size 0"),
    (entry('%x: tensor<4xf32> {mlc.capacity = 5 : i64}'),
     "has at argument 0 'mlc.capacity' = 5 : i64, expected an i64 from 1 to its 4 elements"),
    (entry('%x: tensor<4xf32> {mlc.capacity = 0 : i64}'), "expected an i64 from 1 to its 4 elements"),
    (entry('%x: tensor<4xf32> {mlc.capacity = "all"}'), "expected an i64 from 1 to its 4 elements"),
    (entry('%x: tensor<4xf32> {mlc.variable = "a"}'), "has at argument 0 'mlc.variable' = \"a\", expected a symbol such as @step"),
    (entry("%x: tensor<4xf32> {mlc.variable = @gone}"),
     "has at argument 0 the variable @gone, but there is no mlc.variable of that name"),
    (entry(results="tensor<4xf32> {mlc.variable = @f}"), "has at result 0 the variable @f, but there is no mlc.variable"),
    (entry("%x: tensor<5xf32> {mlc.variable = @a}", "tensor<5xf32>", "return %x : tensor<5xf32>", A),
     "has at argument 0 the variable @a as 'tensor<5xf32>', but it is declared as 'tensor<4xf32>'"),
    (entry("%x: tensor<4xf32> {mlc.variable = @a}, %y: tensor<4xf32> {mlc.variable = @a}", before=A),
     "has at argument 1 the variable @a a second time"),
    (entry(results="tensor<4xf32> {mlc.variable = @a}, tensor<4xf32> {mlc.variable = @a}",
           body="return %x, %x : tensor<4xf32>, tensor<4xf32>", before=A), "has at result 1 the variable @a a second time"),
    ("", "there is no entry point to compile: no func.func carries 'mlc.entry'"),
])
def test_entry_points(tools, tmp_path, text, says):
    refuse(tools, tmp_path, text, says)


# ---- Stored tensors ----------------------------------------------------------------------------------------------------


def adds_param(source, body="", kind="f32"):
    """y = x + w, of a parameter w, or of the constant `body`."""
    before = f"mlc.param @w : tensor<4x{kind}> = {source}" if source else ""
    body = body or f"%w = mlc.load_param @w : tensor<4x{kind}>"
    type = f"tensor<4x{kind}>"
    return entry(f'%x: {type} {{mlc.name = "x"}}', type, f"{body}\n  %0 = mlc.add %x, %w : ({type}, {type}) -> {type}\n"
                 f"  return %0 : {type}", before)


LOOP = """mlc.param_pack @p : tensor<4xf32> {
  %0 = mlc.load_param @p : tensor<4xf32>
  mlc.yield %0 : tensor<4xf32>
}
"""


@pytest.mark.parametrize("text,says", [
    (adds_param("sparse<[[1]], [2.0]> : tensor<4xf32>"), "'w': the value is neither dense<...> nor dense_resource<...>"),
    (adds_param("dense_resource<gone> : tensor<4xf32>"),
     "'w': the dense resource 'gone' does not hold the 16 bytes of its type"),
    (adds_param("#mlc.seeded<1, normal, 0.0 : f64, 1.0 : f64>", kind="i32"),
     "'w': seeded parameters are f32, f64 or bf16, not i32"),
    (LOOP + adds_param("", "%w = mlc.load_param @p : tensor<4xf32>"), "'p' loads itself"),
    (adds_param('#mlc.file<"FOLDER/short.bin", 4>'), "short.bin' is too short: f32[4] at byte 4 needs 16 bytes, the file has 16; "
                                                     "fetch it again"),
    (adds_param('#mlc.file<"FOLDER/gone.bin", 0>'), "gone.bin': No such file or directory"),
    (adds_param("", "%w = mlc.constant sparse<[[1]], [2.0]> : tensor<4xf32>"),
     "the value is neither dense<...> nor dense_resource<...>"),
    (adds_param("", "%w = mlc.constant dense_resource<gone> : tensor<4xf32>"),
     "the dense resource 'gone' does not hold the 16 bytes of its type"),
])
def test_stored_tensors(tools, tmp_path, text, says):
    (tmp_path / "short.bin").write_bytes(bytes(16))
    text = text.replace("FOLDER", str(tmp_path))
    refuse(tools, tmp_path, text, says, "--interpret", "--input=x=random:1", output=None)
    _, message = tools.compile(tmp_path / "in.mlir", tmp_path / "o.mlc", expect=1)
    assert says in message and not (tmp_path / "o.mlc").exists()


def test_param_that_is_too_large_for_memory(tools, tmp_path):
    w = "tensor<1099511627776xf32>"
    text = entry("%x: tensor<1xf32>", w, f"%w = mlc.load_param @w : {w}\n  %0 = mlc.add %x, %w : (tensor<1xf32>, {w}) -> {w}\n"
                 f"  return %0 : {w}", f"mlc.param @w : {w} = #mlc.seeded<1, normal, 0.0 : f64, 1.0 : f64>")
    refuse(tools, tmp_path, text, "mlc-opt: error: out of memory: the model's constants and intermediate values must fit")


# ---- Interpreting and comparing ----------------------------------------------------------------------------------------

TWO_BLOCKS = "cf.br ^bb1\n^bb1:\n  return %x : tensor<4xf32>"


@pytest.mark.parametrize("options,says", [
    ([], "input 'x' of type 'tensor<4xf32>' is missing: give --input x=FILE.npy, or --input x=random:1"),
    (["--input=x=random:1", "--input=x=random:2"], "--input: 'x' is given twice"),
    (["--input=x=random:1", "--input=FOLDER/x.npz"], "--input: 'x' is given twice"),
    (["--input=FOLDER/gone.npz"], "gone.npz"),
    (["--input=x=FOLDER/gone.npy"], "gone.npy': No such file or directory"),
    (["--input=x=FOLDER/x5.npy"], "input 'x' is f32[5], expected f32[4]"),
    (["--input=x"], "--input=x: expected NAME=FILE"),
    (["--input=x=random:one"], "--input=x=random:one: expected random:SEED with a number, such as random:1"),
    (["--input=z=random:1", "--input=x=random:1"], "there is no input 'z'; the inputs are: x"),
    (["--entry=train"], "no entry point 'train'; the model has: infer"),
])
def test_interpreting(tools, tmp_path, options, says):
    np.savez(tmp_path / "x.npz", x=np.zeros(4, np.float32))
    np.save(tmp_path / "x5.npy", np.zeros(5, np.float32))
    options = [option.replace("FOLDER", str(tmp_path)) for option in options]
    refuse(tools, tmp_path, entry(), says, "--interpret", *options, output=None)


@pytest.mark.parametrize("text,other,says", [
    (entry(), "", "has no function to compare"),
    (entry(), entry('%x: tensor<4xf32> {mlc.name = "z"}'),
     "input 0 is named 'x', in the module to compare with 'z'"),
    (entry(body=TWO_BLOCKS, attributes=""), entry(attributes=""), "'f' must have a body of one block"),
    (entry("%x: i32", "i32", "return %x : i32", attributes=""), None,
     "input 'input0' of type 'i32' is no tensor of a static shape that can be evaluated"),
    (entry("%x: tensor<4xf32> {mlc.variable = @gone}", attributes=""), None, "there is no variable @gone"),
    (entry("%x: tensor<4xf32> {mlc.variable = @f}", attributes=""), None,
     "is no param, variable or param_pack: it stores no tensor"),
])
def test_comparing(tools, tmp_path, text, other, says):
    (tmp_path / "other.mlir").write_text(text if other is None else other)
    refuse(tools, tmp_path, text, says, f"--compare-with={tmp_path}/other.mlir", output=None)


# ---- The command line and the machine ----------------------------------------------------------------------------------


@pytest.mark.parametrize("options,says", [
    (["--shape=n=2"], "in.mlir' has static shapes already: --shape and --const do not apply"),
    (["--head=mean"], "--head applies to checkpoints and to the zoo; '"),
    (["--add-passes=fuse"], "--add-passes=fuse: expected PHASE:PIPELINE"),
    (["--add-passes=nowhere:cse"], "--add-passes=nowhere: there is no such phase; phases are import, simplify"),
    (["--mlc-pack-weights=lanes=0"], "mlc-pack-weights expects lanes of at least 1, got 0"),
    (["--emit=module"], "a module needs a file: give -o FILE.mlc, or --emit=mlir to print IR"),
])
def test_options(tools, tmp_path, options, says):
    about = [] if "module" in options[0] or "lanes" in options[0] else ["--emit=mlir"]
    refuse(tools, tmp_path, entry(), says, *options, *about, output=None)


def test_no_temporary_folder(tools, tmp_path):
    (tmp_path / "in.mlir").write_text(adds_param("dense<1.0> : tensor<4xf32>"))
    done = subprocess.run([tools.directory / "mlc-opt", tmp_path / "in.mlir", "--per-op-compare"], capture_output=True,
                          text=True, cwd=tmp_path, env={**os.environ, "TMPDIR": str(tmp_path / "gone")})
    says = "cannot make a temporary file: No such file or directory; set TMPDIR to a folder that can be written"
    assert done.returncode == 1 and says in done.stderr, done.stderr


def test_terminal(tools, tmp_path):
    status, text = tools.on_a_terminal("mlc-opt")
    assert status == 1
    assert "mlc-opt: error: no input: name a model, a directory or an .mlir file, or pipe IR in; see --help" in text
    (tmp_path / "in.mlir").write_text(entry())
    status, text = tools.on_a_terminal("mlc-opt", tmp_path / "in.mlir", "--emit=obj")
    assert status == 1 and "an object file is not for a terminal: give -o FILE.o, or a pipe" in text
