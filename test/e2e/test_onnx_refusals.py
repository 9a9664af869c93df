"""Nodes that the importer refuses: a row for each message. Wrong files are in test_bad_input.py, wrong graphs in
test_hostile_graphs.py."""
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

FLOAT, INT64, INT32, UINT8, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.INT32, TensorProto.UINT8, TensorProto.BOOL
FLOAT16 = TensorProto.FLOAT16
SINCE = {"Attention": 23, "RotaryEmbedding": 23, "RMSNormalization": 23, "TensorScatter": 24, "GroupNormalization": 21,
         "CenterCropPad": 18, "Col2Im": 18, "Gelu": 20}
IMAGE = [1, 4, 6, 6]


def ints(*values):
    return np.array(values, np.int64)


def reals(*values):
    return np.array(values, np.float32)


def scalar(value):
    return np.int64(value)


def row(op, operands, says, opset=None, outputs=1, **attributes):
    """A node and what is said of it. An operand: a shape of f32; (type, shape); a constant; None where it is absent."""
    return pytest.param(op, operands, says, opset or SINCE.get(op, 17), outputs, attributes, id=f"{op}: {says[:48]}")


OPS = [
    row("RandomNormalLike", [[2]], "the op is not supported; it draws random numbers, and runs of a module are repeatable"),
    row("NonMaxSuppression", [[1, 6, 4], [1, 1, 6]], "the op is not supported; the shape of its result depends on data"),
    row("Unique", [[2]], "the op is not supported; the shape of its result depends on data; end the model in front of it"),
    row("Frobnicate", [[2]], "the op is not supported; express it by supported ops"),
]

ATTRIBUTES = [
    row("Concat", [[2], [2]], "attribute 'axis' is of type FLOAT, expected INT", axis=0.5),
    row("LeakyRelu", [[2]], "attribute 'alpha' is of type INT, expected FLOAT", alpha=1),
    row("Pad", [[2], ints(1, 1)], "attribute 'mode' is of type INTS, expected STRING", mode=[1]),
    row("Transpose", [[2, 3]], "attribute 'perm' is of type INT, expected INTS", perm=1),
    row("Constant", [], "attribute 'value' is of type FLOAT, expected TENSOR", value=1.0),
    row("Constant", [], "its value is neither a tensor nor numbers", value_string="text"),
    row("Relu", [[2]], "attribute 'alpha' is not supported", alpha=0.5),
    row("Add", [[2]], "operand 1 is missing"),
    row("Relu", [], "operand 0 is missing"),
    row("Identity", [], "operand 0 is missing"),
    row("Where", [None, [2], [2]], "operand 0 is missing"),
    row("DynamicQuantizeLinear", [[2]], "output 1 is missing"),
    row("Relu", [[2]], "output 'y1' is not defined by any node", outputs=2),
    row("Softmax", [[2, 3]], "axis 2 is outside of [-2, 2)", axis=2),
    row("ReduceSum", [[2, 3], ints(0, -2)], "an axis is given twice"),
    row("ReduceSum", [[2, 3], (INT64, [1])], "its axes is computed from data at run time; freeze the input it depends on with "
        "--const NAME=file.npy"),
    row("Gelu", [[2]], "the op is supported since opset 20; convert the model with onnx.version_converter", opset=17),
    row("Cast", [[2]], "a cast to STRING is not supported", to=TensorProto.STRING),
    row("Cast", [[2]], "a cast to type 99 is not supported", to=99),
]

ATTENTION = [
    row("Attention", [[1, 2, 3, 4], [1, 3, 8], [1, 3, 8]], "Q, K and V must all have rank 3 or rank 4"),
    row("Attention", [[1, 3, 8]] * 3, "attributes 'q_num_heads' and 'kv_num_heads' must divide the hidden sizes of operands of "
        "rank 3", q_num_heads=3, kv_num_heads=2),
    row("Attention", [[1, 3, 2, 4], [1, 2, 2, 4], [1, 2, 2, 4]], "the 2 heads of keys must divide the 3 of queries"),
    row("Attention", [[1, 2, 3, 4]] * 3 + [[1, 1, 1, 3, 3]], "its mask must have a rank in [1, 4]"),
    row("Attention", [[1, 2, 3, 4]] * 3, "attribute 'softmax_precision' = 7 is no type of floats", softmax_precision=7),
    row("Attention", [[1, 2, 3, 4]] * 3, "attribute 'qk_matmul_output_mode' = 5 is not known", softcap=1.0,
        qk_matmul_output_mode=5),
    row("Attention", [[1, 1, 1, 1], [1, 1, 2**27, 1], [1, 1, 2**27, 1]], "it needs a table of 134217728 positions, more than "
        "67108864", left_window_size=1),
    row("RotaryEmbedding", [[1, 2, 6], [1, 2, 2], [1, 2, 2]], "it needs an operand of rank 4, or of rank 3 with 'num_heads' that "
        "divides its last dimension", num_heads=4),
    row("RotaryEmbedding", [[1, 2, 3, 4], [5, 3], [5, 3]], "its caches must have half of the rotated 4 elements"),
    row("RotaryEmbedding", [[1, 3, 4], [2], [2]], "its caches must have rank 3, or rank 2 and position_ids of rank 2",
        num_heads=1),
]

SAMPLING = [
    row("GridSample", [IMAGE, [1, 5, 5, 2]], "attribute 'mode' = 'lanczos' is not known", opset=20, mode="lanczos"),
    row("GridSample", [IMAGE, [1, 5, 5, 2]], "attribute 'padding_mode' = 'wrap' is not known", opset=20, padding_mode="wrap"),
    row("GridSample", [IMAGE, [1, 5, 5, 3]], "it needs an image of rank 3 to 5 and a grid of its rank and batch", opset=20),
    row("GridSample", [[1, 4, 0, 6], [1, 5, 5, 2]], "its image has no pixel", opset=20),
    row("GridSample", [(INT32, IMAGE), [1, 5, 5, 2]], "mode 'linear' of integers is not supported", opset=20),
    row("RoiAlign", [IMAGE, [2, 4], (INT64, [2])], "attribute 'sampling_ratio' = 0: the number of samples depends on data"),
    row("RoiAlign", [IMAGE, [2, 5], (INT64, [2])], "it needs an image [N, C, H, W], regions [R, 4]", sampling_ratio=2),
    row("AffineGrid", [[2, 2, 3], ints(1, 4, 6, 6)], "it needs a size [N, C, H, W] and a matrix [N, 2, 3]", opset=20),
    row("AffineGrid", [[1, 2, 3], ints(1, 4, 0, 6)], "its size has a dimension below 1", opset=20),
    row("MaxUnpool", [IMAGE, (INT64, [1, 4, 6, 5])], "and its indices the same shape", kernel_shape=[2, 2]),
    row("MaxUnpool", [IMAGE, (INT64, IMAGE), ints(1, 4, 3, 3)], "its output_shape must be at least the shape",
        kernel_shape=[2, 2], strides=[2, 2]),
    row("MaxPool", [[1, 1, 40, 40]], "the output of indices is supported for windows of at most 1024 elements, got 1225",
        outputs=2, kernel_shape=[35, 35]),
    row("LpPool", [IMAGE], "attribute 'p' must be at least 1", kernel_shape=[2, 2], p=0),
    row("Atan", [(INT32, [4])], "its operand must have elements of a floating-point type; cast it to f32"),
]

SIGNALS = [
    row("DFT", [[1, 8, 3]], "its last dimension must be the 1 or 2 parts of a number", axis=1),
    row("DFT", [[1, 8, 1]], "its last dimension must be the 1 or 2 parts of a number, and not its axis", axis=2),
    row("DFT", [[1, 8, 1], scalar(2**21)], "a transform of length 2097152 is a product with a table of more than"),
    row("STFT", [[1, 8, 1], scalar(0), None, scalar(4)], "and a frame_step and frame_length of at least 1"),
    row("STFT", [[1, 8, 1], scalar(2), [4], scalar(3)], "its window has 4 elements, its frame_length is 3"),
    row("HannWindow", [scalar(0)], "its size must be in [1, 67108864]"),
    row("HannWindow", [scalar(4)], "attribute 'output_datatype': elements of STRING are not supported",
        output_datatype=TensorProto.STRING),
    row("MelWeightMatrix", [scalar(8), scalar(16), scalar(8000), np.float32(0), np.float32(9000)],
        "its upper_edge_hertz is above half of its sample_rate"),
]

RECURRENT = [
    row("LSTM", [[3, 1, 2], [1, 8, 2], [1, 8, 2]], "attribute 'direction' = 'both' is not known", direction="both"),
    row("GRU", [[3, 1, 2], [1, 8, 2], [1, 8, 2]], "it needs an input of rank 3, weights [1, 3 * hidden, input]"),
    row("GRU", [[3, 1, 2], [1, 6, 2], [1, 6, 2]], "attribute 'hidden_size' = 3 contradicts the operands' shapes", hidden_size=3),
    row("RNN", [[3, 1, 2], [1, 2, 2], [1, 2, 2]], "attribute 'activations': 'Mish' is not known", activations=["Mish"]),
    row("RNN", [[3, 1, 2], [1, 2, 2], [1, 2, 2]], "attribute 'activations' has 2 entries, expected 1",
        activations=["Tanh", "Relu"]),
    row("RNN", [[5000, 1, 2], [1, 2, 2], [1, 2, 2]], "it has 5000 steps; they are unrolled, and must be in [1, 4096]"),
]

WINDOWS = [
    row("Conv", [IMAGE], "operand 1 is missing"),
    row("ConvInteger", [(UINT8, IMAGE)], "operand 1 is missing"),
    row("Conv", [IMAGE, [4, 4, 3]], "input and filter must have the same rank of at least 3"),
    row("Conv", [IMAGE, [4, 4, 3, 3]], "attribute 'kernel_shape' contradicts the operands' shapes", kernel_shape=[2, 2]),
    row("Conv", [IMAGE, [4, 4, 3, 3]], "attribute 'strides' has 1 entries for 2 spatial dimensions", strides=[1]),
    row("Conv", [IMAGE, [4, 4, 3, 3]], "attribute 'pads' must have two entries for each spatial dimension", pads=[1, 1]),
    row("Conv", [IMAGE, [4, 4, 3, 3]], "attribute 'auto_pad' = 'SAME' is not known", auto_pad="SAME"),
    row("MaxPool", [IMAGE], "attribute 'kernel_shape' is missing"),
    row("MaxPool", [[4, 6]], "its input must have a rank of at least 3", kernel_shape=[2]),
    row("GlobalMaxPool", [[4, 6]], "its input must have a rank of at least 3"),
    row("ConvTranspose", [IMAGE, [3, 4, 3, 3]], "input and filter must have the same rank of at least 3, and their channels must "
        "fit 'group'"),
    row("ConvTranspose", [IMAGE, [4, 4, 3, 3]], "strides, dilations and window must be at least 1", strides=[0, 1]),
    row("ConvTranspose", [IMAGE, [4, 4, 3, 3]], "its paddings exceed the result", pads=[9, 9, 9, 9]),
    row("ConvTranspose", [IMAGE, [4, 4, 3, 3]], "'output_padding' and 'output_shape' need one entry for each spatial dimension",
        output_padding=[1]),
]

IMAGES = [
    row("Pad", [[2, 3], ints(1, 1)], "it needs two pads for each axis"),
    row("Pad", [[2, 3], ints(1, 1, 1, 1), [2]], "its value must be a scalar"),
    row("Pad", [[2], ints(1, 1)], "attribute 'mode' = 'mirror' is not known", mode="mirror"),
    row("Pad", [[2, 0], ints(0, 1, 0, 0)], "mode 'edge' needs an element in dimension 1", mode="edge"),
    row("Pad", [[2, 3], ints(0, 2**40, 0, 0)], "mode 'wrap' pads dimension 1 by 1099511627776 elements, more than 67108864",
        opset=19, mode="wrap"),
    row("DepthToSpace", [[1, 3, 4, 4]], "it needs an image of rank 4 whose channels are a multiple of blocksize^2, and mode DCR "
        "or CRD", blocksize=2),
    row("DepthToSpace", [[1, 3, 4, 4]], "it needs an image of rank 4 whose channels", blocksize=2**32),
    row("SpaceToDepth", [[1, 3, 3, 4]], "it needs an image of rank 4 whose sides are multiples of blocksize, and mode DCR or CRD",
        blocksize=2),
    row("CenterCropPad", [[2, 3], ints(4)], "it needs one size for each axis"),
    row("CenterCropPad", [[2, 3], ints(4, -1)], "its sizes must be at least 0, got -1"),
    row("Col2Im", [[1, 4, 6], ints(4, 4), ints(2)], "image_shape, block_shape and its attributes need one entry (pads two) for "
        "each dimension of the image, and its input the shape [N, C * block, L]"),
    row("Col2Im", [[1, 4, 6], ints(4, 4), ints(2, 2)], "its strides must be at least 1, got 0", strides=[0, 1]),
    row("Col2Im", [[1, 4, 6], ints(4, 4), ints(2, 2)], "its input has 6 columns, the image 9 blocks"),
]

RESIZES = [
    row("Resize", [IMAGE, None, reals(1, 1, 2, 2)], "attribute 'mode' = 'area' is not known", mode="area"),
    row("Resize", [IMAGE, None, reals(1, 1, 2, 2)], "attribute 'nearest_mode' = 'up' is not known", nearest_mode="up"),
    row("Resize", [IMAGE, None, reals(1, 1, 2, 2)], "attribute 'coordinate_transformation_mode' = 'centre' is not known",
        coordinate_transformation_mode="centre"),
    row("Resize", [IMAGE, None, reals(2, 2)], "it needs one scale for each axis"),
    row("Resize", [IMAGE, None, reals(1, 1, 2, 0)], "its scales must be above 0, and its results have at most 67108864 elements "
        "along an axis, got the scale 0 of 6 elements"),
    row("Resize", [IMAGE, None, reals(1, 1, 2, 1e30)], "got the scale 1e+30 of 6 elements"),
    row("Resize", [IMAGE, None, [4]], "its scales must be constant; freeze the input they depend on with --const NAME=file.npy"),
    row("Resize", [IMAGE, None, None, ints(9, 9)], "it needs one size for each axis, and 'keep_aspect_ratio_policy' stretch, "
        "not_larger or not_smaller"),
    row("Resize", [IMAGE, None, None, ints(1, 4, 9, -9)], "it resizes 6 elements to -9; there must be an element, and a result of "
        "0 to 67108864"),
    row("Resize", [IMAGE, None, None, ints(1, 4, 6, 2**40)], "it resizes 6 elements to 1099511627776"),
    row("Resize", [[2**24], None, None, ints(2**20)], "attribute 'antialias' needs a table of 16777216 by 1048576 elements, more "
        "than 67108864", opset=18, mode="linear", antialias=1),
    row("Resize", [(INT32, IMAGE), None, reals(1, 1, 2, 2)], "mode 'linear' of integers is not supported; cast the operand to f32",
        mode="linear"),
    row("Resize", [IMAGE, reals(0, 1), None, ints(1, 4, 3, 3)], "it needs two ends of the roi for each axis",
        coordinate_transformation_mode="tf_crop_and_resize"),
    row("Upsample", [IMAGE, reals(1, 1, 2, 2)], "attribute 'mode' = 'cubic' is not known", opset=9, mode="cubic"),
    row("Upsample", [IMAGE], "it needs one scale for each axis", opset=7),
]

INDICES = [
    row("Gather", [[2, 3], ints(2)], "index 2 is outside of a dimension of size 2"),
    row("GatherElements", [[2, 3], (INT64, [2])], "data and indices must have the same rank"),
    row("GatherElements", [[2, 3], (INT64, [2, 4])], "indices exceed the data in dimension 1"),
    row("GatherND", [[2, 3], (INT64, [2, 3])], "its indices do not fit the data's rank and attribute 'batch_dims'"),
    row("GatherND", [[2, 3], (INT64, [3, 1])], "data and indices differ in batch dimension 0", batch_dims=1),
    row("GatherND", [[2, 3], (INT64, [3, 0])], "its indices are empty tuples"),
    row("ScatterElements", [[2, 3], (INT64, [2, 3]), [2, 2]], "indices and updates must have one shape, of the data's rank"),
    row("ScatterElements", [[2, 3], (INT64, [2, 4]), [2, 4]], "indices exceed the data in dimension 1"),
    row("ScatterElements", [[2, 3], (INT64, [2, 3]), [2, 3]], "attribute 'reduction' = 'and' is not known", reduction="and"),
    row("ScatterND", [[2, 3], (INT64, [1, 3]), [1]], "the last dimension of its indices must be in [1, 2]"),
    row("TensorScatter", [[2, 3, 4], [2, 1, 4]], "attribute 'axis' must not be the batch's and 'mode' linear or circular", axis=0),
    row("TensorScatter", [[2, 3, 4], [4]], "data and update must have the same rank"),
    row("OneHot", [(INT64, [2]), scalar(0), [2]], "it needs a positive depth and two values"),
    row("OneHot", [(INT64, [2]), scalar(2**40), [2]], "it needs a table of 1099511627776 positions, more than 67108864"),
    row("OneHot", [(INT64, [2]), (INT64, []), [2]], "its depth must be a constant scalar; freeze it with --const NAME=file.npy"),
    row("TopK", [[2, 3], ints(4)], "K = 4 is not in [0, 3]", outputs=2),
    row("Compress", [[2, 3], np.array([0, 1, 1], bool)], "its condition is longer than the data", axis=0),
    row("ReverseSequence", [[2, 3], (INT64, [3])], "attributes 'batch_axis' and 'time_axis' must be 0 and 1", batch_axis=2,
        time_axis=0),
    row("EyeLike", [[2, 3, 4]], "its operand must have rank 2"),
    row("EyeLike", [[2, 3]], "elements of STRING are not supported", dtype=TensorProto.STRING),
    row("NonZero", [[2, 3]], "the shape of its result depends on data; freeze the input it depends on with --const NAME=file.npy"),
]

ARITHMETIC = [
    row("Add", [[2, 3], [2, 3, 4]], "attribute 'axis' = 1 leaves no place for the second operand", opset=6, broadcast=1, axis=1),
    row("Add", [[2, 3], [3]], "attribute 'axis' = -4611686018427387904 leaves no place", opset=6, broadcast=1, axis=-2**62),
    row("Gelu", [[2]], "attribute 'approximate' = 'sigmoid' is not supported (none, tanh are)", approximate="sigmoid"),
    row("Celu", [[2]], "attribute 'alpha' must not be 0", alpha=0.0),
    row("BitShift", [(UINT8, [2]), (UINT8, [2])], "attribute 'direction' must be LEFT or RIGHT", direction="UP"),
    row("Pow", [(INT64, [2]), reals(0.5)], "a base of integers needs a constant whole exponent in [0, 64]; cast the base to f32"),
    row("Clip", [[2], reals(0, 1)], "its bound must be a constant scalar"),
    row("MatMul", [[], [2]], "a scalar operand is not allowed"),
    row("Einsum", [[2, 3], [4, 5]], "equation 'ij,jk->ik' does not fit its operands", equation="ij,jk->ik"),
    row("CumSum", [[2, 3], ints(0, 1)], "its axis must be a scalar"),
    row("NegativeLogLikelihoodLoss", [[2, 3], (INT64, [2])], "attribute 'reduction' = 'max' is not known", reduction="max"),
    row("NegativeLogLikelihoodLoss", [[2, 3], (INT64, [4])], "its target must have the input's shape without dimension 1"),
    row("SoftmaxCrossEntropyLoss", [[2], (INT64, [])], "its scores must have a rank of at least 2"),
    row("Dropout", [[2], reals(0.5), np.array(True)], "training_mode must be a constant false; export the model in "
        "inference mode"),
    row("Dropout", [[2]], "attribute 'is_test' = 0 is not supported (1 is)", opset=6),
]

NORMALISATIONS = [
    row("BatchNormalization", [[2, 3], [3], [3], [3]], "it must have 5 operands"),
    row("BatchNormalization", [[2, 3], [3], [3], None, [3]], "it must have 5 operands", outputs=3, training_mode=1),
    row("BatchNormalization", [[3], [3], [3], [3], [3]], "its input must have a rank of at least 2"),
    row("BatchNormalization", [[2, 3], [3], [3], [3], [3]], "outputs beside the first are of training; export the model in "
        "inference mode", outputs=3),
    row("LayerNormalization", [[2, 3], [3]], "attribute 'stash_type' = 10 is not supported (1 is)", stash_type=10),
    row("RMSNormalization", [[2, 3], [3]], "attribute 'stash_type' = 10 is not supported (1 is)", stash_type=10),
    row("GroupNormalization", [IMAGE, [4], [4]], "attribute 'stash_type' = 10 is not supported (1 is)", stash_type=10,
        num_groups=2),
    row("GroupNormalization", [IMAGE, [4], [4]], "attribute 'num_groups' = 3 must divide the channels", num_groups=3),
    row("InstanceNormalization", [[2, 3], [3], [3]], "its input must have a rank of at least 3"),
    row("LpNormalization", [[2, 3]], "attribute 'p' = 3 is not supported (1 and 2 are)", p=3),
    row("LRN", [[2, 3]], "it needs an input of rank 3 or more and a positive attribute 'size'", size=3),
]

QUANTISATION = [
    row("QuantizeLinear", [[2, 3], [2], (UINT8, [2])], "its scale and zero point must be scalars, or have one element for each of "
        "dimension 1, or blocks with attribute 'block_size'"),
    row("QuantizeLinear", [[], [], (UINT8, [2])], "its scale and zero point must be scalars"),
    row("QuantizeLinear", [[2], [], (INT32, [])], "it quantises to 8- and 16-bit integers only"),
    row("QuantizeLinear", [[2], []], "elements of FLOAT8E4M3FN are not supported", opset=21,
        output_dtype=TensorProto.FLOAT8E4M3FN),
    row("MatMulInteger", [(UINT8, [3]), (UINT8, [3, 2])], "its operands must have a rank of at least 2"),
    row("QLinearMatMul", [(UINT8, [2, 3]), [], (UINT8, []), (UINT8, [3, 2]), [], (UINT8, []), [], (INT32, [])],
        "it quantises to 8- and 16-bit integers only"),
    row("QLinearConv", [(UINT8, IMAGE), [], (UINT8, []), (UINT8, [4, 4, 3, 3]), [], (UINT8, []), [], (INT32, [])],
        "it quantises to 8- and 16-bit integers only"),
]

SHAPES = [
    row("Reshape", [[2, 3], ints(4)], "it reshapes 6 elements to the shape [4]"),
    row("Reshape", [np.zeros(0, np.float32), ints(2**32, 2**32)], "it reshapes 0 elements to the shape [4294967296, 4294967296]"),
    row("Reshape", [[2, 3], ints(2, 3, 0)], "its shape copies a dimension that the operand does not have"),
    row("Reshape", [[2, 3], ints(-1, -1)], "its shape has two -1"),
    row("Reshape", [[2, 3], ints(4, -1)], "its -1 dimension cannot be inferred: 6 elements over 4"),
    row("Reshape", [[2, 3]], "its shape is missing"),
    row("Flatten", [[2, 3]], "axis 3 is outside of [-2, 2]", axis=3),
    row("Squeeze", [[2, 3], ints(0)], "it squeezes a dimension of size 2"),
    row("Split", [[4]], "attribute 'num_outputs' contradicts the number of outputs", opset=18, outputs=2, num_outputs=3),
    row("Split", [[4], ints(1, 2)], "its sizes do not sum to the dimension of 4", outputs=2),
    row("Split", [[4], ints(-1, 5)], "(C1) expects sizes of at least 0 and strides that are not 0, got size -1", outputs=2),
    row("Slice", [[4], ints(0), ints(2, 3)], "starts, ends, axes and steps differ in length"),
    row("Slice", [[4], ints(0), ints(2), ints(0), ints(0)], "a step is 0"),
    row("Expand", [[2, 3], ints(2, 4)], "(C1) expects an operand that broadcasts to 2x4, got 2x3"),
    row("Tile", [[2, 3], ints(2)], "it needs one repeat for each dimension"),
    row("Tile", [[2, 3], ints(2, -1)], "its repeats must be at least 0, got -1"),
    row("ConstantOfShape", [ints(2)], "attribute 'value' must have one element", value=numpy_helper.from_array(ints(1, 2))),
    row("Range", [ints(0, 1), ints(5), ints(1)], "its bounds must be scalars"),
    row("Range", [np.float16(0), np.float16(5), np.float16(1)], "elements of f16 are not supported; cast a range of f32"),
    row("Trilu", [[3]], "its operand must have a rank of at least 2"),
    row("Trilu", [[3, 3], ints(0, 1)], "its k must be a scalar"),
    row("Trilu", [[2**27, 1]], "it needs a table of more than 67108864 positions"),
]


@pytest.mark.parametrize("op,operands,says,opset,outputs,attributes",
                         OPS + ATTRIBUTES + ATTENTION + SAMPLING + SIGNALS + RECURRENT + WINDOWS + IMAGES + RESIZES + INDICES
                         + ARITHMETIC + NORMALISATIONS + QUANTISATION + SHAPES)
def test_refused_node(tools, make_model, tmp_path, op, operands, says, opset, outputs, attributes):
    names, inputs, constants = [], [], []
    for i, operand in enumerate(operands):
        names.append("" if operand is None else f"x{i}")
        if isinstance(operand, (np.ndarray, np.generic)):
            constants.append(numpy_helper.from_array(np.asarray(operand), f"x{i}"))
        elif operand is not None:
            kind, shape = operand if isinstance(operand, tuple) else (FLOAT, operand)
            inputs.append((f"x{i}", kind, shape))
    results = [f"y{i}" for i in range(outputs)]
    path = make_model([helper.make_node(op, names, results, name="n", **attributes)], inputs, [], constants, opset)
    model = onnx.load(path)
    model.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in results)
    onnx.save(model, path)
    label = "" if says.startswith("output '") else f"node 'n': op {op}, domain ai.onnx, opset {opset}: "
    message = tools.refuse(tmp_path, "mlc-opt", path, "-o", tmp_path / "o.mlc", says=[says, label])
    assert not label or any(label in line and says in line for line in message.splitlines()), message


# ---- Inputs, initializers, outputs ---------------------------------------------------------------------------------------


def relu_of(**changes):
    """y = Relu(x), as protobuf, with parts of the graph replaced."""
    parts = {"inputs": [helper.make_tensor_value_info("x", FLOAT, [4])], "outputs": [helper.make_empty_tensor_value_info("y")],
             "initializers": [], "sparse": [], **changes}
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", parts["inputs"], parts["outputs"],
                              parts["initializers"], sparse_initializer=parts["sparse"])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def tensor(data_type=FLOAT, dims=(4,), **fields):
    return TensorProto(name="w", data_type=data_type, dims=dims, **fields)


def external(**entries):
    w = tensor(data_location=TensorProto.EXTERNAL)
    for key, value in entries.items():
        w.external_data.add(key=key, value=value)
    return w


@pytest.mark.parametrize("changes,says", [
    ({"inputs": [helper.make_tensor_value_info("x", FLOAT, None)]}, "input 'x' has no shape; pass --shape x=AxBxC"),
    ({"inputs": [helper.make_tensor_sequence_value_info("x", FLOAT, [4])]}, "input 'x' is not a tensor"),
    ({"inputs": [helper.make_tensor_value_info("x", TensorProto.STRING, [4])]}, "input 'x': element type STRING is not supported"),
    ({"outputs": [helper.make_tensor_value_info("y", INT64, [4])]},
     "output 'y' is declared with elements of i64, the graph computes others; fix the declaration"),
    ({"outputs": [helper.make_tensor_value_info("y", FLOAT, [5])]},
     "output 'y' is declared with another shape than the graph computes (4); bind --shape accordingly or fix the declaration"),
    ({"sparse": [helper.make_sparse_tensor(numpy_helper.from_array(reals(1), "w"), numpy_helper.from_array(ints(0)), [4])]},
     "sparse initializer 'w' is not supported; make it dense"),
    ({"initializers": [tensor(dims=[-4])]}, "tensor 'w': its dims are negative or too large"),
    ({"initializers": [tensor(segment=TensorProto.Segment(begin=0, end=1))]}, "tensor 'w': segments are not supported"),
    ({"initializers": [tensor(raw_data=bytes(12))]}, "tensor 'w': f32[4] needs 16 bytes, 12 are there"),
    ({"initializers": [tensor(INT64, raw_data=bytes(12))]}, "tensor 'w': i64[4] needs 32 bytes, 12 are there"),
    ({"initializers": [tensor(INT64, int64_data=[1, 2])]}, "tensor 'w': its data does not have the 4 elements of its dims"),
    ({"initializers": [external(location="w.bin", size="3")]}, "tensor 'w': external data has the unknown key 'size'"),
])
def test_refused_graph(tools, tmp_path, changes, says):
    onnx.save(relu_of(**changes), tmp_path / "m.onnx")
    tools.refuse(tmp_path, "mlc-opt", tmp_path / "m.onnx", "-o", tmp_path / "o.mlc", says=["cannot import '", says])


def test_strings_matter_where_they_are_used(tools, make_model, tmp_path):
    words = helper.make_tensor("w", TensorProto.STRING, [4], [b"a", b"b", b"c", b"d"])
    relu, add = helper.make_node("Relu", ["x"], ["y"]), helper.make_node("Add", ["x", "w"], ["y"])
    ports = [("x", FLOAT, [4])], [("y", FLOAT, [4])]
    tools.compile(make_model([relu], *ports, [words]), tmp_path / "m.mlc")
    tools.refuse(tmp_path, "mlc-opt", make_model([add], *ports, [words]), "-o", tmp_path / "m.mlc",
                 says=["tensor 'w': element type STRING is not supported"])


def test_no_opset_import(tools, tmp_path):
    model = relu_of()
    del model.opset_import[:]
    onnx.save(model, tmp_path / "m.onnx")
    tools.refuse(tmp_path, "mlc-opt", tmp_path / "m.onnx", "-o", tmp_path / "o.mlc",
                 says=["m.onnx' is not an ONNX model: it has no opset_import"])


def test_node_without_output(tools, tmp_path):
    model = relu_of()
    model.graph.node.append(helper.make_node("Relu", ["x"], [], name="silent"))
    onnx.save(model, tmp_path / "m.onnx")
    tools.refuse(tmp_path, "mlc-opt", tmp_path / "m.onnx", "-o", tmp_path / "o.mlc",
                 says=["node 'silent': op Relu, domain ai.onnx, opset 17: it has no output"])


def test_above_the_limit_of_protobuf(tools, tmp_path):
    with open(tmp_path / "m.onnx", "wb") as file:
        file.truncate(2**31)  # a hole: no bytes on the disk
    tools.refuse(tmp_path, "mlc-opt", tmp_path / "m.onnx", "-o", tmp_path / "o.mlc",
                 says=["m.onnx' exceeds 2 GB, protobuf's limit; save the model with external data "
                       "(onnx.save_model(..., save_as_external_data=True))"])


@pytest.mark.parametrize("value,says", [
    (np.zeros((2, 4), np.float32), "--const gives input 'x' the value f32[2,4], the model declares the shape [?,3]"),
    (np.zeros(3, np.float32), "--const gives input 'x' the value f32[3], the model declares the shape [?,3]"),
])
def test_const_of_another_shape(tools, relu_model, tmp_path, value, says):
    np.save(tmp_path / "x.npy", value)
    tools.refuse(tmp_path, "mlc-opt", relu_model, "-o", tmp_path / "o.mlc", "--const", f"x={tmp_path}/x.npy", says=[says])
