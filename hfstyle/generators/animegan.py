"""The generator of AnimeGANv2 (Chen & Liu 2020), after Chen et al. 2020, "AnimeGAN: a novel lightweight GAN for photo
animation", ISICA 2019: inverted residual blocks, layer norm, resizing before the convolutions on the way up."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from hfstyle.generators.layers import ReflectionPad2d
from hfstyle.hub import ModelConfig, ranged
from hfstyle.image_to_image import ImageToImageModel
from hfstyle.winograd import WinogradConv2d


@dataclass(frozen=True)
class AnimeGANConfig(ModelConfig):
    ngf: int = ranged(32, 1, 256)
    """Channels after the first convolution; twice as many at half the size, four times at a quarter, eight times in
    the residual blocks."""
    n_blocks: int = ranged(4, 1, 64)
    """Inverted residual blocks at a quarter of the size."""
    align_corners: bool = True
    """How it grows back, as torch's `interpolate` means it: `True` keeps any height and width, and is what the
    widespread PyTorch version does as a library; `False` wants multiples of 4, and is the default of its script."""


class AnimeGANGenerator(ImageToImageModel):
    """c7s1-n, d2n, R2n, d4n, R4n, R4n, blocks of 8n, R4n, u4n, R4n, u2n, R2n, c7s1-n, c1s1-3, tanh, in CycleGAN's
    notation for n = ngf, where R is a convolution of 3x3; layer norm over each whole picture, LeakyReLU 0.2.

    (batch, 3, height, width) in [-1, 1] -> (batch, 3, height, width) in [-1, 1]; height and width from 8, and
    multiples of 4 where corners are not aligned. With its defaults it has 2,143,552 parameters.
    """

    Config = AnimeGANConfig
    min_size = 16

    config: AnimeGANConfig

    def __init__(self, config: AnimeGANConfig | None = None, **options):
        super().__init__(config, **options)
        n, n_blocks = self.config.ngf, self.config.n_blocks
        half = nn.ReflectionPad2d((0, 1, 0, 1))
        self.head = nn.Sequential(  # (N, 3, H, W) -> (N, 2 n, H/2, W/2)
            *_conv(3, n, 7), half, *_conv(n, 2 * n, 3, stride=2)[1:], *_conv(2 * n, 2 * n)
        )
        self.down = nn.Sequential(  # -> (N, 4 n, H/4, W/4)
            half, *_conv(2 * n, 4 * n, 3, stride=2)[1:], *_conv(4 * n, 4 * n), *_conv(4 * n, 4 * n)
        )
        self.blocks = nn.Sequential(
            *(InvertedResidualBlock((4 if index == 0 else 8) * n, 8 * n) for index in range(n_blocks))
        )
        self.up = nn.ModuleList(  # -> (N, 4 n, H/2, W/2), after resizing -> (N, n, H, W)
            [
                nn.Sequential(*_conv(8 * n, 4 * n)),
                nn.Sequential(*_conv(4 * n, 4 * n), *_conv(4 * n, 4 * n)),
                nn.Sequential(*_conv(4 * n, 2 * n), *_conv(2 * n, 2 * n), *_conv(2 * n, n, 7)),
            ]
        )
        self.tail = nn.Sequential(nn.Conv2d(n, 3, 1, bias=False), nn.Tanh())  # -> (N, 3, H, W)

    @property
    def size_multiple(self) -> int:
        return 1 if self.config.align_corners else 4

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first = self.head(x)
        inner = self.up[0](self.blocks(self.down(first)))
        inner = self.up[1](self._resize(inner, first))
        return self.tail(self.up[2](self._resize(inner, x)))

    def _resize(self, inner: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
        """Twice as large, where corners are aligned to exactly the size of `like`."""
        if self.config.align_corners:
            return F.interpolate(inner, like.shape[-2:], mode="bilinear", align_corners=True)
        return F.interpolate(inner, scale_factor=2, mode="bilinear", align_corners=False)


class InvertedResidualBlock(nn.Module):
    """Wider by two, a convolution of 3x3 for each channel by itself, and down to `outputs` (Sandler et al. 2018,
    "MobileNetV2", arXiv:1801.04381, section 3.3); added to `x` where that has as many channels."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        wide = 2 * inputs
        self.body = nn.Sequential(
            *_conv(inputs, wide, 1)[1:],
            *_conv(wide, wide, groups=wide),
            nn.Conv2d(wide, outputs, 1, bias=False),
            _norm(outputs),
        )
        self.adds = inputs == outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.body(x) if self.adds else self.body(x)


def _conv(inputs: int, outputs: int, kernel: int = 3, stride: int = 1, groups: int = 1) -> tuple[nn.Module, ...]:
    """Mirrored padding, a convolution, which has a bias where it goes by channels, norm and activation."""
    if kernel == 3 and stride == 1 and groups == 1:
        conv = WinogradConv2d(inputs, outputs, 3, bias=False)
    else:
        conv = nn.Conv2d(inputs, outputs, kernel, stride=stride, groups=groups, bias=groups > 1)
    return ReflectionPad2d(kernel // 2), conv, _norm(outputs), nn.LeakyReLU(0.2, inplace=True)


def _norm(channels: int) -> nn.Module:
    """Layer norm over channels and places, with a scale and a shift for each channel."""
    return nn.GroupNorm(1, channels)
