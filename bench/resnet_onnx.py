"""Convolutional networks as ONNX graphs with seeded weights: ResNet-50 and MobileNetV2, for sizes and shapes that no
package ships.

    python bench/resnet_onnx.py resnet50 resnet50.onnx

The layers are those of torchvision (https://github.com/pytorch/vision, version 0.20): ResNet-50 v1.5, its stride in the
3x3 convolution (https://arxiv.org/abs/1512.03385), and MobileNetV2 (https://arxiv.org/abs/1801.04381). Batch
normalisation is left as nodes, as exporters in training form leave it, unless --fold says otherwise.
"""
import argparse

import numpy as np
import onnx
from onnx import TensorProto, helper

from bert_onnx import Graph


class Network(Graph):
    def __init__(self, seed, fold):
        super().__init__()
        self.rng, self.fold = np.random.default_rng(seed), fold

    def draw(self, *shape, scale=1.0, around=0.0):
        return (around + scale * self.rng.standard_normal(shape)).astype(np.float32)

    def conv(self, x, channels, out, size, stride=1, groups=1, gain=1.0):
        """Convolution and batch normalisation; activations keep about their variance, times gain^2."""
        depth = size * size * channels // groups
        weight = self.draw(out, channels // groups, size, size, scale=np.sqrt(2.0 / depth))
        scale, shift = self.draw(out, scale=0.1, around=gain), self.draw(out, scale=0.1)
        mean, variance = self.draw(out, scale=0.1), np.abs(self.draw(out, scale=0.1, around=1))
        attributes = dict(kernel_shape=[size] * 2, strides=[stride] * 2, pads=[size // 2] * 4, group=groups)
        if self.fold:
            factor = scale / np.sqrt(variance + np.float32(1e-5))
            weight, bias = weight * factor[:, None, None, None], shift - mean * factor
            return self.op("Conv", x, self.weight(weight), self.weight(bias), **attributes)
        y = self.op("Conv", x, self.weight(weight), **attributes)
        return self.op("BatchNormalization", y, *(self.weight(v) for v in (scale, shift, mean, variance)), epsilon=1e-5)

    def head(self, x, channels, classes):
        x = self.op("Flatten", self.op("GlobalAveragePool", x), axis=1)
        weight = self.draw(classes, channels, scale=np.sqrt(1.0 / channels))
        return self.op("Gemm", x, self.weight(weight), self.weight(self.draw(classes, scale=0.1)), transB=1)

    def model(self, name, size, classes):
        self.nodes[-1].output[0] = "logits"
        image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, size, size])
        logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", classes])
        graph = helper.make_graph(self.nodes, name, [image], [logits], self.initializers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        onnx.checker.check_model(model)
        return model


def resnet50(seed=0, fold=False, size=224, width=64, classes=1000):
    g = Network(seed, fold)
    relu = lambda x: g.op("Relu", x)
    x = relu(g.conv("image", 3, width, 7, stride=2))
    x = g.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    channels = width
    for stage, blocks in enumerate((3, 4, 6, 3)):
        inner = width << stage
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            y = relu(g.conv(x, channels, inner, 1))
            y = relu(g.conv(y, inner, inner, 3, stride=stride))
            y = g.conv(y, inner, 4 * inner, 1, gain=0.5)
            if block == 0:
                x = g.conv(x, channels, 4 * inner, 1, stride=stride)
            channels = 4 * inner
            x = relu(g.op("Add", y, x))
    g.head(x, channels, classes)
    return g.model("resnet50", size, classes)


def mobilenet_v2(seed=0, fold=False, size=224, classes=1000):
    g = Network(seed, fold)
    low, high = g.weight(np.float32(0)), g.weight(np.float32(6))
    relu6 = lambda x: g.op("Clip", x, low, high)
    x, channels = relu6(g.conv("image", 3, 32, 3, stride=2)), 32
    for expand, out, repeat, first in ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1),
                                       (6, 160, 3, 2), (6, 320, 1, 1)):
        for i in range(repeat):
            stride, inner = first if i == 0 else 1, channels * expand
            y = relu6(g.conv(x, channels, inner, 1)) if expand != 1 else x
            y = relu6(g.conv(y, inner, inner, 3, stride=stride, groups=inner))
            y = g.conv(y, inner, out, 1, gain=0.5)
            x = g.op("Add", x, y) if stride == 1 and channels == out else y
            channels = out
    x = relu6(g.conv(x, channels, 1280, 1))
    g.head(x, 1280, classes)
    return g.model("mobilenet_v2", size, classes)


MODELS = {"resnet50": resnet50, "mobilenet_v2": mobilenet_v2}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=MODELS)
    parser.add_argument("path")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fold", action="store_true", help="batch normalisation folded into the weights")
    arguments = parser.parse_args()
    onnx.save(MODELS[arguments.model](arguments.seed, arguments.fold), arguments.path)


if __name__ == "__main__":
    main()
