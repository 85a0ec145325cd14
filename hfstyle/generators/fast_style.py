"""The feed-forward network of fast neural style (Johnson et al. 2016, arXiv:1603.08155, with the instance norm of
Ulyanov et al. 2016, arXiv:1607.08022): one network, one style."""

from dataclasses import dataclass

import torch
from torch import nn

from hfstyle.generators.layers import InstanceNorm2d, NarrowConv2d, ReflectionPad2d, UpsampleConv2d
from hfstyle.hub import ModelConfig, ranged
from hfstyle.image_to_image import ImageToImageModel
from hfstyle.winograd import WinogradConv2d


@dataclass(frozen=True)
class FastStyleConfig(ModelConfig):
    ngf: int = ranged(32, 1, 512)
    """Channels after the first convolution; the residual blocks have four times as many."""
    n_blocks: int = ranged(5, 0, 64)
    """Residual blocks at a quarter of the size."""


class FastStyleGenerator(ImageToImageModel):
    """c9s1-n, d2n, d4n, blocks x R4n, u2n, un, c9s1-3 in CycleGAN's notation for n = ngf, with affine instance norm,
    mirrored padding and resizing before the convolutions on the way up.

    (batch, 3, height, width) in [-1, 1] -> (batch, 3, height, width) around [-1, 1], which nothing keeps it within;
    height and width multiples of 4. With its defaults it has 1,679,235 parameters and computes what PyTorch's
    well-known example does, whose pictures go from 0 to 255 (`hfstyle.convert` puts that into the weights).
    """

    Config = FastStyleConfig
    size_multiple = 4
    min_size = 16  # below, instance norm sees so few values at a quarter of the size that it paints noise

    config: FastStyleConfig

    def __init__(self, config: FastStyleConfig | None = None, **options):
        super().__init__(config, **options)
        n = self.config.ngf
        self.head = nn.Sequential(*_conv(3, n, 9))  # (N, 3, H, W) -> (N, n, H, W)
        self.down = nn.Sequential(*_conv(n, 2 * n, 3, 2), *_conv(2 * n, 4 * n, 3, 2))  # -> (N, 4 n, H/4, W/4)
        self.blocks = nn.Sequential(*(ResidualBlock(4 * n) for _ in range(self.config.n_blocks)))
        self.up = nn.Sequential(*_up(4 * n, 2 * n), *_up(2 * n, n))  # -> (N, n, H, W)
        self.tail = nn.Sequential(ReflectionPad2d(4), NarrowConv2d(n, 3, 9))  # -> (N, 3, H, W)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.tail(self.up(self.blocks(self.down(self.head(x)))))


class ResidualBlock(nn.Module):
    """x + norm(conv(relu(norm(conv(x))))), 3x3 with reflection padding, no activation after the sum."""

    def __init__(self, channels: int):
        super().__init__()
        self.body = nn.Sequential(
            ReflectionPad2d(1),
            WinogradConv2d(channels, channels, 3),
            InstanceNorm2d(channels, affine=True),
            nn.ReLU(inplace=True),
            ReflectionPad2d(1),
            WinogradConv2d(channels, channels, 3),
            InstanceNorm2d(channels, affine=True),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.body(x)


def _conv(inputs: int, outputs: int, kernel: int, stride: int = 1) -> tuple[nn.Module, ...]:
    conv = nn.Conv2d(inputs, outputs, kernel, stride=stride)
    return ReflectionPad2d(kernel // 2), conv, InstanceNorm2d(outputs, affine=True), nn.ReLU(inplace=True)


def _up(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    return UpsampleConv2d(inputs, outputs, 3), InstanceNorm2d(outputs, affine=True), nn.ReLU(inplace=True)
