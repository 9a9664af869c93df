"""Architectures of which no package has a small one: U-Nets, and the neck of a YOLO."""
import torch
from torch import nn
from torch.nn import functional as F


def block(dims, channels, out):
    conv, norm = (nn.Conv2d, nn.BatchNorm2d) if dims == 2 else (nn.Conv3d, nn.InstanceNorm3d)
    layers = []
    for source in (channels, out):
        layers += [conv(source, out, 3, padding=1, bias=False), norm(out, affine=True), nn.ReLU()]
    return nn.Sequential(*layers)


class UNet(nn.Module):
    """Contracting and expanding paths with concatenated shortcuts. Upwards by transposed convolutions or by `resize` (a mode of
    interpolate). 3-D ones have instance norms, as nnU-Net's."""

    def __init__(self, dims=2, widths=(9, 14, 22), channels=3, classes=4, resize=""):
        super().__init__()
        conv, transposed = (nn.Conv2d, nn.ConvTranspose2d) if dims == 2 else (nn.Conv3d, nn.ConvTranspose3d)
        self.pool = nn.MaxPool2d(2) if dims == 2 else nn.MaxPool3d(2)
        self.resize = resize
        self.down = nn.ModuleList(block(dims, *pair) for pair in zip((channels, *widths[:-2]), widths[:-1]))
        self.bottom = block(dims, widths[-2], widths[-1])
        pairs = list(zip(widths[::-1], widths[-2::-1]))
        self.up = nn.ModuleList(conv(a, b, 1) if resize else transposed(a, b, 2, stride=2) for a, b in pairs)
        self.merge = nn.ModuleList(block(dims, 2 * b, b) for _, b in pairs)
        self.head = conv(widths[0], classes, 1)

    def forward(self, x):
        shortcuts = []
        for level in self.down:
            shortcuts.append(level(x))
            x = self.pool(shortcuts[-1])
        x = self.bottom(x)
        for up, merge in zip(self.up, self.merge):
            if self.resize:
                x = F.interpolate(x, scale_factor=2, mode=self.resize,
                                  align_corners=None if self.resize == "nearest" else False)  # fmt: skip
            x = merge(torch.cat([shortcuts.pop(), up(x)], 1))
        return self.head(x)


class Unit(nn.Module):
    def __init__(self, channels, out, size=1, stride=1):
        super().__init__()
        self.conv = nn.Conv2d(channels, out, size, stride, size // 2, bias=False)
        self.norm = nn.BatchNorm2d(out)

    def forward(self, x):
        return F.silu(self.norm(self.conv(x)))


class Split(nn.Module):
    """YOLOv8's C2f: half of the channels goes through bottlenecks, whose results are all kept."""

    def __init__(self, channels, out, depth, shortcut):
        super().__init__()
        self.half, self.shortcut = out // 2, shortcut
        self.enter = Unit(channels, 2 * self.half)
        step = lambda: nn.Sequential(Unit(self.half, self.half, 3), Unit(self.half, self.half, 3))
        self.steps = nn.ModuleList(step() for _ in range(depth))
        self.leave = Unit((2 + depth) * self.half, out)

    def forward(self, x):
        parts = list(self.enter(x).split(self.half, 1))
        for step in self.steps:
            y = step(parts[-1])
            parts.append(parts[-1] + y if self.shortcut else y)
        return self.leave(torch.cat(parts, 1))


class Pyramid(nn.Module):
    """SPPF: max pools of 5, 9 and 13 as three of 5."""

    def __init__(self, channels):
        super().__init__()
        self.enter, self.leave = Unit(channels, channels // 2), Unit(2 * channels, channels)
        self.pool = nn.MaxPool2d(5, 1, 2)

    def forward(self, x):
        parts = [self.enter(x)]
        for _ in range(3):
            parts.append(self.pool(parts[-1]))
        return self.leave(torch.cat(parts, 1))


class Yolo(nn.Module):
    """A backbone of three scales, the neck that joins them upwards and downwards, and a head whose boxes are decoded from
    distributions (DFL), as YOLOv8's."""

    def __init__(self, width=12, classes=5, bins=8):
        super().__init__()
        a, b, c = width, 2 * width, 4 * width
        self.stem = nn.Sequential(Unit(3, a, 3, 2), Unit(a, a, 3, 2))
        self.stages = nn.ModuleList([nn.Sequential(Unit(a, a, 3, 2), Split(a, a, 1, True)),
                                     nn.Sequential(Unit(a, b, 3, 2), Split(b, b, 2, True)),
                                     nn.Sequential(Unit(b, c, 3, 2), Split(c, c, 1, True), Pyramid(c))])  # fmt: skip
        self.up = nn.ModuleList([Split(c + b, b, 1, False), Split(b + a, a, 1, False)])
        self.down = nn.ModuleList([Unit(a, a, 3, 2), Unit(b, b, 3, 2)])
        self.out = nn.ModuleList([Split(a + b, b, 1, False), Split(b + c, c, 1, False)])
        self.heads = nn.ModuleList(nn.Conv2d(channels, 4 * bins + classes, 1) for channels in (a, b, c))
        self.bins = bins
        self.register_buffer("positions", torch.arange(bins, dtype=torch.float32).view(1, 1, bins, 1))

    def forward(self, image):
        small, middle, large = (y := self.stages[0](self.stem(image))), (y := self.stages[1](y)), self.stages[2](y)
        grow = lambda x: F.interpolate(x, scale_factor=2, mode="nearest")
        middle = self.up[0](torch.cat([grow(large), middle], 1))
        small = self.up[1](torch.cat([grow(middle), small], 1))
        middle = self.out[0](torch.cat([self.down[0](small), middle], 1))
        large = self.out[1](torch.cat([self.down[1](middle), large], 1))
        flat = torch.cat([head(x).flatten(2) for head, x in zip(self.heads, (small, middle, large))], 2)
        boxes, scores = flat[:, : 4 * self.bins], flat[:, 4 * self.bins :]
        distances = (boxes.reshape(boxes.shape[0], 4, self.bins, -1).softmax(2) * self.positions).sum(2)
        return torch.cat([distances, scores.sigmoid()], 1)
