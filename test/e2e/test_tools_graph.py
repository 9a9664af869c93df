"""--emit=graph of whole networks, and the SVG that Graphviz makes of it."""
import os
import re
import subprocess

import pytest
from onnx import TensorProto, helper


def draw(tools, *model):
    graph, _ = tools.run("mlc-opt", *model, "--emit=graph", "--target-cpu=x86-64-v3")
    nodes = re.findall(r"^ +(e\d+_l\d+) \[", graph, re.M)
    edges = re.findall(r"^ +(\w+) -> (\w+) \[", graph, re.M)
    named = set(re.findall(r"^ +(e\d+_\w+) \[", graph, re.M))
    assert len(nodes) == len(set(nodes)) and {end for edge in edges for end in edge} <= named
    return graph, nodes


def test_bert_is_one_layer(tools):
    graph, nodes = draw(tools, "zoo:bert-base", "--shape", "batch=1,seq=128")
    assert len(nodes) < 20
    assert 'label="x12   bert.encoder.layer.0 .. bert.encoder.layer.11"' in graph
    assert "packed_matmul + add + gelu" in graph and "weights 9.4 MB" in graph
    assert graph.count('label="to the next" style=dashed') == 2  # to the projections, and around the attention


def test_resnet_has_blocks(tools):
    graph, nodes = draw(tools, "zoo:resnet50")
    assert len(nodes) < 40
    assert re.findall(r'label="x(\d)   layer\d', graph) == ["2", "3", "5", "2"]


@pytest.fixture
def svg(tools, make_model, tmp_path):
    """Writes g.svg with this script as Graphviz's dot, and no other; returns the exit code and the errors."""
    float32 = TensorProto.FLOAT
    model = make_model([helper.make_node("Relu", ["x"], ["y"])], [("x", float32, [2])], [("y", float32, [2])])

    def make(script=None):
        if script:
            (tmp_path / "dot").write_text("#!/bin/sh\n" + script)
            (tmp_path / "dot").chmod(0o755)
        done = subprocess.run([tools.directory / "mlc-opt", model, "--emit=graph", "-o", tmp_path / "g.svg"],
                              env={**os.environ, "PATH": str(tmp_path)}, capture_output=True, text=True)
        return done.returncode, done.stderr

    return make


def test_svg(svg, tmp_path):
    assert svg('read -r line; echo "<svg>$1 $line</svg>"\n') == (0, "")
    assert (tmp_path / "g.svg").read_text() == "<svg>-Tsvg digraph model {</svg>\n"


@pytest.mark.parametrize("script, says", [
    (None, "whose program 'dot' is not in PATH: install Graphviz, or give -o FILE.dot"),
    ("echo no such layout >&2; exit 3\n", "-Tsvg' failed (status 3): no such layout"),
    ("exit 0\n", "-Tsvg' failed (status 0)"),
])  # fmt: skip
def test_no_svg(svg, tmp_path, script, says):
    code, message = svg(script)
    assert code == 1 and says in message
    assert not (tmp_path / "g.svg").exists()
