"""DLPack both ways: inputs are read where they are, outputs are taken over without a copy."""

import gc
import os
import subprocess
import weakref

import numpy as np
import pytest

import mlc_compiler as mlc

IDS = np.array([0, 15, 7, 1])


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("modules") / "example.mlc"
    subprocess.run([os.environ["MLC_WRITE_EXAMPLE"], path], check=True)
    return path


class Foreign:
    """An array of some other package: nothing but DLPack's methods. `versioned`: of version 1 or from before."""

    def __init__(self, array, device=(1, 0), versioned=True):
        self.array, self.device, self.versioned = array, device, versioned

    def __dlpack_device__(self):
        return self.device

    def __dlpack__(self, **arguments):
        if arguments and not self.versioned:
            raise TypeError("__dlpack__() got an unexpected keyword argument 'max_version'")
        return self.array.__dlpack__(**arguments)


@pytest.mark.parametrize("versioned", [False, True])
def test_inputs(path, versioned):
    x = np.arange(8, dtype=np.float32)
    outputs = mlc.load(path, threads=1)(Foreign(x, versioned=versioned), ids=Foreign(IDS, versioned=versioned))
    np.testing.assert_array_equal(outputs["y"], x + np.arange(8, dtype=np.float32))
    np.testing.assert_array_equal(outputs["z"], IDS / 2)


def test_strides_and_offsets(path):
    module = mlc.load(path, threads=1, entry="rows")
    wide = np.arange(48, dtype=np.float32).reshape(6, 8)
    for r in (wide[1:4, 2:6], wide[::2, ::2], wide.T[:3, :4], wide[3:0:-1, 7:3:-1], np.broadcast_to(np.float32(3), (3, 4))):
        r = np.asarray(r)
        np.testing.assert_array_equal(module(r)["s"], r)
        r = r if r.flags.writeable else r.copy()
        np.testing.assert_array_equal(module(Foreign(r))["s"], r)


def test_read_only_inputs(path):
    x = np.arange(8, dtype=np.float32)
    x.flags.writeable = False
    module = mlc.load(path, threads=1)
    np.testing.assert_array_equal(module(x=x, ids=IDS)["y"], module(x=Foreign(x), ids=IDS)["y"])
    with pytest.raises(TypeError, match="input 'x' cannot be read where it is: "):  # DLPack 0 cannot say read-only
        module(x=Foreign(x, versioned=False), ids=IDS)


@pytest.mark.parametrize("device, says", [
    ((2, 0), "input 'x' is in memory of CUDA; modules run on the CPU: copy it there"),
    ((8, 0), "input 'x' is in memory of Metal"),
    ((77, 0), "input 'x' is in memory of a device of DLPack's type 77"),
])
def test_other_devices(path, device, says):
    with pytest.raises(TypeError, match=says):
        mlc.load(path, threads=1)(x=Foreign(np.zeros(8, np.float32), device), ids=IDS)


def test_other_types(path):
    with pytest.raises(TypeError, match="input 'x' has elements of a type, which mlc does not know; convert it"):
        mlc.load(path, threads=1)(x=Foreign(np.zeros(8, np.complex64)), ids=IDS)


def test_inputs_are_released(path):
    x = np.zeros(8, np.float32)
    module, gone = mlc.load(path, threads=1), weakref.ref(x)
    for _ in range(3):
        module(x=Foreign(x), ids=IDS)
    del x
    gc.collect()
    assert gone() is None


def test_outputs_outlive_the_module(path):
    module = mlc.load(path, threads=1)
    y = np.from_dlpack(module(x=np.zeros(8, np.float32), ids=IDS)["y"])
    del module
    gc.collect()
    np.testing.assert_array_equal(y, np.arange(8, dtype=np.float32))


@pytest.mark.parametrize("arrays, inputs, says", [
    ((1, 2, 3), {}, "3 inputs are given, 'main' takes 2: x, ids"),
    ((np.zeros(8, np.float32),), {"x": np.zeros(8, np.float32)}, "the input 'x' is given by position and by name"),
])
def test_wrong_positions(path, arrays, inputs, says):
    with pytest.raises(TypeError, match=says):
        mlc.load(path, threads=1)(*arrays, **inputs)


def test_jax(path):
    numpy = pytest.importorskip("jax.numpy", reason="jax is not installed")
    outputs = mlc.load(path, threads=1)(numpy.arange(8, dtype=np.float32), IDS)
    assert type(outputs["y"]) is type(numpy.zeros(1))
    np.testing.assert_array_equal(outputs["y"], 2 * np.arange(8))
