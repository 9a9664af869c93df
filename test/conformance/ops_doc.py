#!/usr/bin/env python3
"""Writes docs/onnx-ops.md: the ops that the importer reads, from its own table (mlc-opt --list-onnx-ops), and how the
conformance tests of the `onnx` wheel stand, from onnx_status.txt.

    ops_doc.py            writes the document anew
    ops_doc.py --check    exit code 1 where it is not up to date
"""

import argparse
import collections
import os
import pathlib
import re
import subprocess
import sys

import onnx
import onnx_cases
from run import read_status

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs/onnx-ops.md"

HEADER = """\
<!-- Written by test/conformance/ops_doc.py; don't edit by hand. -->
# ONNX ops

`mlc-opt --list-onnx-ops` prints this table's first columns. A model of ai.onnx may be of opset 6 to 28; "since" is the
first opset whose definition of the op is read. What a node asks for that is not supported is reported for the whole model
at once, before anything is compiled.

- Shapes are static. Operands that decide about shapes (a shape, axes, pads, a number of elements) must be constants once
  shape arithmetic is folded; `--const NAME=file.npy` freezes an input that they depend on.
- `If`, `Loop` and `Scan` are replaced by their bodies: conditions and numbers of iterations must be constants too. Calls of
  model-local functions are inlined, and `Constant` may hold any of the element types.
- Element types are f64, f32, f16, bf16, i1 and the integers of 8 to 64 bits; floats of 8 and 4 bits, integers of 4 and 2
  bits and strings are not supported. "Tested with" lists the types of operands and results in the tests that pass.
- Sequences and optional values (`SequenceConstruct`, `SequenceAt`, `SplitToSequence`, `Optional` and their like) exist during
  the import alone: inputs and outputs of a model are tensors.
- A small file may ask for much. Once functions are inlined and loops unrolled a model has at most 2^20 nodes and 2^21 ops;
  the import computes at most 2^27 elements and makes tables of at most 2 GiB; what is computed of constants alone, and
  stored in the module, has at most 256 MiB or eight times the bytes of the parameters.
- com.microsoft: the ops that onnxruntime's optimisers and quantiser write, tested against onnxruntime in
  `test/e2e/test_onnx_contrib.py`.

Tests are those of the `onnx` wheel {version} that consist of one node of the op: passed of all. {passed} of all {total}
tests pass; `test/conformance/onnx_status.txt` lists them.
"""

NAMES = {
    "FLOAT": "f32", "DOUBLE": "f64", "FLOAT16": "f16", "BFLOAT16": "bf16", "BOOL": "i1", "INT8": "i8", "INT16": "i16",
    "INT32": "i32", "INT64": "i64", "UINT8": "u8", "UINT16": "u16", "UINT32": "u32", "UINT64": "u64",
}  # fmt: skip


def known_ops():
    """(name, first opset, limits) of the importer's table."""
    tool = pathlib.Path(os.environ.get("MLC_BIN_DIR", ROOT / "build/release/bin")) / "mlc-opt"
    text = subprocess.run([tool, "--list-onnx-ops"], capture_output=True, text=True, check=True).stdout
    return [line.split("\t") for line in text.splitlines()]


def count_tests(status):
    """Of each op: passed tests, all tests, element types of the passed ones."""
    counts = collections.defaultdict(lambda: [0, 0, set()])
    for name, case in onnx_cases.collect().items():
        model = case.model
        if len(model.graph.node) != 1:
            continue
        node = model.graph.node[0]
        count = counts[node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}.{node.op_type}"]
        count[1] += 1
        if status[name][0] != "passed":
            continue
        count[0] += 1
        for value in [*model.graph.input, *model.graph.output]:
            count[2].add(NAMES.get(onnx.TensorProto.DataType.Name(value.type.tensor_type.elem_type)))
    return counts


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows]) + "\n"


def op_rows(counts):
    order = {name: i for i, name in enumerate(NAMES.values())}
    rows = []
    for name, since, limits in known_ops():
        passed, total, types = counts[name]
        tests = f"{passed} of {total}" if total else ""
        rows.append((f"`{name}`", since, " ".join(sorted(types - {None}, key=order.get)), tests, limits))
    return rows


def reason_rows(status):
    """Tests that are not supported, by what is said of them."""
    groups, ops = collections.Counter(), collections.defaultdict(collections.Counter)
    for state, reason in status.values():
        if state == "passed":
            continue
        text = re.sub(r"^(node|input|output|value|initializer) '[^']*': (op \S+, domain \S+, opset \S+: )?", "", reason)
        text = re.sub(r"; .*", "", text)
        if re.fullmatch(r"(in|out)put '\w+' is (not a tensor|a sequence)", reason.split(";")[0]):
            text = f"{reason.split()[0]}s that are sequences or optional values"
        groups[text] += 1
        if match := re.search(r": op (\S+), domain (\S+),", reason):
            op, domain = match.groups()
            ops[text][op if domain == "ai.onnx" else f"{domain}.{op}"] += 1
    return [(text, count, ", ".join(f"{op} {n}" for op, n in sorted(ops[text].items(), key=lambda o: (-o[1], o[0]))))
            for text, count in sorted(groups.items(), key=lambda g: (-g[1], g[0]))]  # fmt: skip


def document():
    status = read_status()
    passed = sum(state == "passed" for state, _ in status.values())
    text = HEADER.format(version=onnx.__version__, passed=passed, total=len(status))
    text += "\n" + table(("op", "since", "tested with", "tests", "limits"), op_rows(count_tests(status)))
    text += "\n## What the tests ask for that is not supported\n\n"
    return text + table(("reason", "tests", "ops"), reason_rows(status))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the file instead of writing it")
    text = document()
    if not parser.parse_args().check:
        DOCUMENT.write_text(text)
    elif not DOCUMENT.exists() or DOCUMENT.read_text() != text:
        print(f"{DOCUMENT.relative_to(ROOT)} is not up to date; write it with test/conformance/ops_doc.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
