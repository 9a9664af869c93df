"""Sampling and pooling by positions that are data, against onnxruntime."""
import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT


def normal(*shape, seed=7):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("align", [0, 1])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("mode", ["linear", "nearest", "cubic"])
def test_grid_sample(beside_onnxruntime, mode, padding, align):
    grid = np.random.default_rng(1).uniform(-2.5, 2.5, (2, 5, 7, 2)).astype(np.float32)
    grid[0, 0, :4] = [[-1, -1], [1, 1], [0, 0], [30, -1e6]]
    node = helper.make_node("GridSample", ["x", "grid"], ["y"], mode=mode, padding_mode=padding, align_corners=align)
    beside_onnxruntime(node, {"x": normal(2, 3, 4, 6), "grid": grid}, opset=20, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("mode", ["linear", "nearest"])
def test_grid_sample_of_volumes(beside_onnxruntime, mode, padding):
    grid = np.random.default_rng(1).uniform(-1.6, 1.6, (1, 2, 3, 4, 3)).astype(np.float32)
    node = helper.make_node("GridSample", ["x", "grid"], ["y"], mode=mode, padding_mode=padding)
    beside_onnxruntime(node, {"x": normal(1, 2, 3, 4, 5), "grid": grid}, opset=20)


def test_what_is_outside_is_zero_beside_infinity(beside_onnxruntime):
    x = normal(1, 1, 3, 3)
    x[0, 0, 0, 0] = np.inf
    grid = np.array([[[[-3, -3], [0, 0], [5, 0.5]]]], np.float32)
    beside_onnxruntime(helper.make_node("GridSample", ["x", "grid"], ["y"], align_corners=1),
                       {"x": x, "grid": grid}, opset=20)


@pytest.mark.parametrize("mode", ["avg", "max"])
@pytest.mark.parametrize("coordinates", ["half_pixel", "output_half_pixel"])
@pytest.mark.parametrize("samples", [1, 2, 3])
def test_roi_align(beside_onnxruntime, samples, coordinates, mode):
    rois = np.array([[0, 0, 9, 9], [2.5, 1, 30, 5], [-8, -8, -4, 3], [4, 4, 4.2, 4.1]], np.float32)
    node = helper.make_node("RoiAlign", ["x", "rois", "batch"], ["y"], output_height=3, output_width=2, mode=mode,
                            sampling_ratio=samples, spatial_scale=0.5, coordinate_transformation_mode=coordinates)
    beside_onnxruntime(node, {"x": normal(2, 3, 7, 8), "rois": rois, "batch": np.array([0, 1, 1, 0], np.int64)}, opset=16)


@pytest.mark.parametrize("mode", ["avg", "max"])
@pytest.mark.parametrize("coordinates", ["half_pixel", "output_half_pixel"])
def test_roi_align_with_a_sample_for_each_pixel(beside_onnxruntime, coordinates, mode):
    """How many that are depends on the region, which is constant."""
    rois = np.array([[0, 0, 9, 9], [2.5, 1, 30, 5], [1, 1, 10, 10], [4, 4, 4.2, 4.1], [0, 0, 9, 9]], np.float32)
    node = helper.make_node("RoiAlign", ["x", "rois", "batch"], ["y"], output_height=3, output_width=2, mode=mode,
                            spatial_scale=0.5, coordinate_transformation_mode=coordinates)
    beside_onnxruntime(node, {"x": normal(2, 3, 7, 8), "batch": np.array([0, 1, 1, 0, 1], np.int64)}, opset=16,
                       constants={"rois": rois})


@pytest.mark.parametrize("rois,expected", [(np.array([[3, 3, 3, 3]]), np.zeros((1, 1, 1, 1))), (np.zeros((0, 4)), np.zeros((0, 1, 1, 1)))])
def test_roi_align_of_regions_without_extent(tools, make_model, tmp_path, rois, expected):
    """A bin without a sample is 0, as the mean of none is in onnxruntime."""
    tensors = [numpy_helper.from_array(rois.astype(np.float32), "rois"), numpy_helper.from_array(np.zeros(len(rois), np.int64), "batch")]
    path = make_model([helper.make_node("RoiAlign", ["x", "rois", "batch"], ["y"])], [("x", FLOAT, [1, 1, 4, 4])],
                      [("y", FLOAT, None)], tensors)
    tools.compile(path, tmp_path / "m.mlc")
    got = tools.infer(tmp_path / "m.mlc", {"x": normal(1, 1, 4, 4)}, tmp_path)["y"]
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("attributes", [
    {"kernel_shape": [3, 2]}, {"kernel_shape": [2, 3], "strides": [2, 1], "pads": [1, 1, 0, 1]},
    {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1}, {"kernel_shape": [2, 2], "dilations": [2, 3]},
], ids=str)
def test_positions_of_maxima(beside_onnxruntime, attributes, order):
    node = helper.make_node("MaxPool", ["x"], ["y", "at"], storage_order=order, **attributes)
    x = np.random.default_rng(2).integers(-4, 4, (2, 3, 6, 8)).astype(np.float32)  # equal maxima
    beside_onnxruntime(node, {"x": x}, ("y", "at"))


def test_positions_of_maxima_of_lines_and_volumes(beside_onnxruntime):
    beside_onnxruntime(helper.make_node("MaxPool", ["x"], ["y", "at"], kernel_shape=[3], strides=[2]),
                       {"x": normal(1, 2, 9)}, ("y", "at"))
    beside_onnxruntime(helper.make_node("MaxPool", ["x"], ["y", "at"], kernel_shape=[2, 3, 2]),
                       {"x": normal(2, 2, 4, 5, 6)}, ("y", "at"))


def test_unpooling_puts_maxima_back(beside_onnxruntime):
    window = {"kernel_shape": [2, 2], "strides": [2, 2]}
    nodes = [helper.make_node("MaxPool", ["x"], ["p", "at"], **window),
             helper.make_node("MaxUnpool", ["p", "at"], ["y"], **window)]
    beside_onnxruntime(nodes, {"x": normal(2, 3, 6, 8)})


@pytest.mark.parametrize("p", [1, 2, 3])
def test_norms_of_windows(beside_onnxruntime, p):
    beside_onnxruntime(helper.make_node("LpPool", ["x"], ["y"], kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 1, 1], p=p),
                       {"x": normal(2, 3, 7, 6)})
    beside_onnxruntime(helper.make_node("GlobalLpPool", ["x"], ["y"], p=p), {"x": normal(2, 3, 7, 6)})


@pytest.mark.parametrize("parts, attributes", [(1, {}), (1, {"onesided": 1}), (2, {}), (2, {"inverse": 1})], ids=str)
@pytest.mark.parametrize("length", [None, 5, 12])
def test_fourier_transforms_along_every_axis(beside_onnxruntime, parts, attributes, length):
    x = normal(2, 7, 8, parts)
    for axis in (0, 1, 2):
        operands = ["x"] + (["length"] if length else [])
        constants = {"length": np.array(length, np.int64)} if length else {}
        beside_onnxruntime(helper.make_node("DFT", operands, ["y"], axis=axis, **attributes), {"x": x}, constants=constants,
                           rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("onesided", [0, 1])
def test_fourier_transforms_of_frames(beside_onnxruntime, onesided):
    window = np.hanning(16).astype(np.float32)
    beside_onnxruntime(helper.make_node("STFT", ["x", "step", "window"], ["y"], onesided=onesided),
                       {"x": normal(2, 70, 1)}, constants={"step": np.array(5, np.int64), "window": window}, atol=1e-4)
