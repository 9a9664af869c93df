"""torch: tensors in and out without a copy, networks compiled by way of torch.onnx."""

import os
import subprocess

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: its tensors and networks are not tested")

import mlc_compiler as mlc  # noqa: E402


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(1)


class Net(torch.nn.Module):
    """A CNN with what evaluation mode changes."""

    def __init__(self):
        super().__init__()
        self.body = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.BatchNorm2d(8), torch.nn.ReLU())
        self.head = torch.nn.Sequential(torch.nn.Dropout(0.5), torch.nn.Linear(8, 5))

    def forward(self, x):
        return self.head(self.body(x).mean((2, 3)))


class Attention(torch.nn.Module):
    """Two inputs, one of them optional; a dict of results."""

    def __init__(self):
        super().__init__()
        self.embed = torch.nn.Embedding(20, 16)
        self.project = torch.nn.Linear(16, 48)

    def forward(self, ids, scale=None, mask=None):
        q, k, v = self.project(self.embed(ids)).reshape(*ids.shape, 3, 4, 4).permute(2, 0, 3, 1, 4)
        hidden = torch.nn.functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        if mask is not None:
            hidden = hidden * mask.unsqueeze(-1).to(hidden.dtype)
        return {"hidden": hidden, "pooled": (hidden.mean(1), hidden.amax(1))}


def close(got, expected):
    assert type(got) is torch.Tensor and got.dtype == expected.dtype
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)


def test_network():
    net, x = Net(), torch.randn(2, 3, 8, 8)
    compiled = mlc.compile(net, x, threads=1)
    assert net.training and net.head[0].training  # as it was
    with torch.no_grad():
        close(compiled(x), net.eval()(x))
    assert isinstance(compiled(x.numpy()), np.ndarray)
    close(compiled(x=x.contiguous(memory_format=torch.channels_last)), compiled(x))


def test_buckets_by_examples():
    net = Net().eval()
    sizes = [(1, 3, 8, 8), (4, 3, 8, 8), (2, 3, 12, 8)]
    compiled = mlc.compile(net, [torch.zeros(size) for size in sizes], threads=1)
    assert [bucket[0].shape for bucket in compiled.buckets] == sizes
    with torch.no_grad():
        for size in sizes:
            x = torch.randn(size)
            close(compiled(x), net(x))
    with pytest.raises(mlc.RuntimeFailure, match="not compiled for inputs"):
        compiled(torch.zeros(3, 3, 8, 8))


def test_buckets_by_shapes():
    compiled = mlc.compile(Net(), torch.zeros(1, 3, 8, 8), shapes=[{"x": (2, 3, 8, 8)}, {"x": "5x3x8x8"}], threads=1)
    assert [bucket[0].shape[0] for bucket in compiled.buckets] == [2, 5]


def test_names_and_structure():
    net = Attention().eval()
    ids = [torch.randint(0, 20, (2, size)) for size in (6, 9)]
    masks = [torch.ones(i.shape, dtype=torch.int64) for i in ids]
    compiled = mlc.compile(net, [{"ids": i, "mask": m} for i, m in zip(ids, masks)], threads=1)
    with torch.no_grad():
        for i, m in zip(ids, masks):
            m[:, 3:] = 0
            got, expected = compiled(ids=i, mask=m), net(i, mask=m)
            assert list(got) == list(expected) and type(got["pooled"]) is tuple
            close(got["hidden"], expected["hidden"])
            for g, e in zip(got["pooled"], expected["pooled"]):
                close(g, e)


def test_layers_that_tracing_fixes():
    """torch.nn's own attention computes shapes in Python: right in one bucket, an error that says so in two."""
    layer = torch.nn.TransformerEncoderLayer(16, 4, 32, batch_first=True).eval()
    x = torch.randn(2, 6, 16)
    with torch.no_grad():
        close(mlc.compile(layer, x, threads=1)(x), layer(x))
    assert torch.backends.mha.get_fastpath_enabled()
    with pytest.raises(mlc.CompileError, match="(?s)reshapes 288 elements.*exported by tracing .*compile a module for each"):
        mlc.compile(layer, [x, torch.randn(2, 9, 16)])


def test_unused_and_variadic_arguments():
    class Second(torch.nn.Module):
        def forward(self, a, *more):
            return more[0] * 2

    compiled = mlc.compile(Second(), (torch.zeros(2), torch.ones(3)), threads=1)
    close(compiled(torch.zeros(2), torch.ones(3)), torch.full((3,), 2.0))


def test_options_and_output(tmp_path):
    compiled = mlc.compile(Net(), torch.zeros(1, 3, 8, 8), output=tmp_path / "net.mlc", precision="bf16",
                           target_cpu="x86-64-v3", threads=1)
    assert (tmp_path / "net.mlc").exists() and compiled.path == str(tmp_path / "net.mlc")


def test_integers_and_bf16():
    class Half(torch.nn.Module):
        def forward(self, x):
            return x * 3, x.float() > 0

    x = torch.tensor([-1.5, 2.0, 0.0]).to(torch.bfloat16)
    got = mlc.compile(Half(), x, threads=1)(x)
    assert torch.equal(got[0], x * 3) and torch.equal(got[1], torch.tensor([False, True, False]))


@pytest.mark.parametrize("arguments, error, says", [
    ({}, TypeError, "needs example_inputs"),
    ({"example_inputs": ()}, TypeError, "example_inputs is empty"),
    ({"example_inputs": "x"}, TypeError, "example_inputs must be a tensor, .* got str"),
    ({"example_inputs": (torch.zeros(1), torch.zeros(1))}, TypeError, "has 2 tensors, forward takes 1 arguments: x"),
    ({"example_inputs": {"x": 3}}, TypeError, "'x' is a int, not a tensor"),
    ({"example_inputs": [torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8)]}, ValueError, "same ranks and types"),
    ({"example_inputs": torch.zeros(1, 3, 8, 8), "shapes": {"y": (1,)}}, ValueError, "shapes names 'y'; the network's inputs are x"),
    ({"example_inputs": torch.zeros(1, 3, 8, 8), "shapes": {"x": (1,)}}, ValueError, "'x' needs 4 dimensions"),
    ({"example_inputs": torch.zeros(1, 3, 8, 8), "precison": "bf16"}, TypeError, "compile has no option 'precison'; it has head, precision"),
])
def test_wrong_arguments(arguments, error, says):
    with pytest.raises(error, match=says):
        mlc.compile(Net(), **arguments)


def test_what_cannot_be_compiled():
    class Odd(torch.nn.Module):
        def forward(self, x):
            return torch.linalg.eigvals(x)

    class Text(torch.nn.Module):
        def forward(self, x):
            return x, "text"

    with pytest.raises(mlc.CompileError, match="torch.onnx cannot export the network: .*eigvals"):
        mlc.compile(Odd(), torch.zeros(2, 2))
    with pytest.raises(mlc.CompileError, match=r"the network gives a str \('output_1'\)"):
        mlc.compile(Text(), torch.zeros(2))


def test_tensors_are_read_where_they_are(tmp_path):
    path = tmp_path / "example.mlc"
    subprocess.run([os.environ["MLC_WRITE_EXAMPLE"], path], check=True)
    module, ids = mlc.load(path, threads=1), torch.tensor([0, 15, 7, 1])
    outputs = module(torch.arange(8.0), ids)
    close(outputs["y"], 2 * torch.arange(8.0))
    close(outputs["z"], ids / 2)
    shared = torch.from_dlpack(module(np.zeros(8, np.float32), ids.numpy())["y"])
    close(shared, torch.arange(8.0))
    with pytest.raises(TypeError, match="input 'x' cannot be read where it is: .*detach"):
        module(torch.zeros(8, requires_grad=True), ids)
    with pytest.raises(TypeError, match="input 'x' has elements of torch.complex64"):
        module(torch.zeros(8, dtype=torch.complex64), ids)
    with pytest.raises(TypeError, match="input 'x' is in no memory that DLPack knows: .*meta"):
        module(torch.zeros(8, device="meta"), ids)
    rows = mlc.load(path, threads=1, entry="rows")
    r = torch.arange(24.0).reshape(4, 6)[:, ::2].T
    assert torch.equal(rows(r[:, :4])["s"], r)
