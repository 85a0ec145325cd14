"""The ResNet generator of CycleGAN (Zhu et al. 2017, arXiv:1703.10593, appendix 7.2; after Johnson et al. 2016)."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from hfstyle.errors import OptionError
from hfstyle.generators.layers import Blur2d, InstanceNorm2d, NarrowConv2d, ReflectionPad2d, UpsampleConv2d
from hfstyle.hub import ModelConfig, ranged
from hfstyle.image_to_image import ImageToImageModel
from hfstyle.winograd import WinogradConv2d


@dataclass(frozen=True)
class CycleGANConfig(ModelConfig):
    in_channels: int = ranged(3, 1, 64)
    """Channels of the input; 3 is RGB, 1 is grey."""
    out_channels: int = ranged(3, 1, 64)
    """Channels of the output."""
    ngf: int = ranged(64, 1, 512)
    """Channels after the first convolution; the residual blocks have four times as many."""
    n_blocks: int = ranged(9, 0, 64)
    """Residual blocks: 6 for pictures of 128 px, 9 for 256 px and more in the paper."""
    norm: Literal["instance", "instance_affine", "instance_blocks", "batch", "none"] = "instance"
    """Normalisation: of each picture alone; the same with learnt scale and shift; that in the residual blocks, and
    none outside, where it takes away how light and how colourful a picture is; over the batch; or none at all."""
    dropout: bool = False
    """Dropout of one half inside each residual block while training."""
    downsample: Literal["stride", "blur"] = "stride"
    """How it shrinks: strided convolutions as in the paper, or a blur after the convolution, which leaves no aliasing
    (Zhang 2019, arXiv:1904.11486), as CUT's code does."""
    upsample: Literal["transpose", "resize", "resize_zeros", "bilinear"] = "transpose"
    """How it grows back: transposed convolutions as in the paper; nearest-neighbour resizing before a convolution,
    which leaves no checkerboard (Odena et al. 2016, "Deconvolution and checkerboard artifacts"); the same with zeros
    around, as in HugGAN; or bilinear resizing, as CUT's code does."""
    margin: int = ranged(0, 0, 256)
    """Pixels that `stylize` mirrors on to each side of a picture and cuts away again: discriminators pad with zeros,
    which leads generators to draw lines along the borders. 0 gives the pixels of `forward`."""


class CycleGANGenerator(ImageToImageModel):
    """c7s1-ngf, d2ngf, d4ngf, n x R4ngf, u2ngf, ungf, c7s1-3, tanh, in the paper's notation.

    (batch, in_channels, height, width) in [-1, 1] -> (batch, out_channels, height, width) in [-1, 1]; height and width
    multiples of 4 from 8. `ngf=64, n_blocks=9` has 11,378,179 parameters and computes what the reference
    implementation's `resnet_9blocks` does.
    """

    Config = CycleGANConfig
    size_multiple = 4
    min_size = 16  # below, instance norm sees so few values at a quarter of the size that it paints noise

    config: CycleGANConfig

    def __init__(self, config: CycleGANConfig | None = None, **options):
        super().__init__(config, **options)
        c = self.config
        ngf = c.ngf
        bias = c.norm != "batch"  # as the reference; without affine norm the bias has no effect on the result
        inside, outside = ("instance_affine", "none") if c.norm == "instance_blocks" else (c.norm, c.norm)
        self.head = nn.Sequential(  # (N, in, H, W) -> (N, ngf, H, W)
            ReflectionPad2d(3),
            nn.Conv2d(c.in_channels, ngf, 7, bias=bias),
            _norm(outside, ngf),
            nn.ReLU(inplace=True),
        )
        self.down = nn.Sequential(  # -> (N, 4 ngf, H/4, W/4)
            *_down(ngf, 2 * ngf, outside, bias, c.downsample),
            *_down(2 * ngf, 4 * ngf, outside, bias, c.downsample),
        )
        self.blocks = nn.Sequential(*(ResidualBlock(4 * ngf, inside, c.dropout, bias) for _ in range(c.n_blocks)))
        self.up = nn.Sequential(  # -> (N, ngf, H, W)
            *_up(4 * ngf, 2 * ngf, outside, bias, c.upsample),
            *_up(2 * ngf, ngf, outside, bias, c.upsample),
        )
        self.tail = nn.Sequential(  # -> (N, out, H, W)
            ReflectionPad2d(3), NarrowConv2d(ngf, c.out_channels, 7), nn.Tanh()
        )

    def set_activation_checkpointing(self, on: bool = True) -> None:
        """Whether residual blocks keep only their input for the backward pass and compute the rest again: less memory
        for more time, and the same gradients to the last bit (Chen et al. 2016, arXiv:1604.06174).

        Raises:
            OptionError: The network has batch norm, whose running statistics would count every batch twice.
        """
        if on and self.config.norm == "batch":
            raise OptionError("activation checkpointing does not go with batch norm; use instance norm")
        for block in self.blocks:
            block.checkpointing = on

    @property
    def encoder_channels(self) -> tuple[int, ...]:
        """Channels of what `forward(x, encode=True)` returns."""
        c = self.config
        return c.in_channels, 2 * c.ngf, 4 * c.ngf, 4 * c.ngf, 4 * c.ngf

    def forward(self, x: torch.Tensor, encode: bool = False) -> torch.Tensor | list[torch.Tensor]:
        """The picture or, with `encode`, the five layers of the way to it that CUT compares (Park et al. 2020, C.1):
        the input itself, both convolutions on the way down, the first residual block and the middle one (the fifth of
        nine).
        """
        if not encode:
            return self.tail(self.up(self.blocks(self.down(self.head(x)))))
        second = len(self.down) // 2  # where the second convolution stands
        layers = [x, self.down[0](self.head(x))]
        layers.append(self.down[1 : second + 1](layers[-1]))
        x = self.down[second + 1 :](layers[-1])
        middle = self.config.n_blocks // 2
        for index, block in enumerate(self.blocks[: middle + 1]):
            x = block(x)
            if index in (0, middle):
                layers.append(x)
        # With fewer than two blocks, the last layer stands for those that are missing.
        return layers + [x] * (len(self.encoder_channels) - len(layers))


class ResidualBlock(nn.Module):
    """x + norm(conv(relu(norm(conv(x))))), 3x3 with reflection padding, no activation after the sum."""

    def __init__(self, channels: int, norm: str, dropout: bool, bias: bool):
        super().__init__()
        self.checkpointing = False
        self.body = nn.Sequential(
            ReflectionPad2d(1),
            WinogradConv2d(channels, channels, 3, bias=bias),
            _norm(norm, channels),
            # The usual order is ReLU, dropout, padding. They commute, and this way round one tensor is kept for the
            # backward pass, ReLU's result that the convolution takes, instead of two.
            nn.Dropout(0.5 if dropout else 0.0),
            ReflectionPad2d(1),
            nn.ReLU(inplace=True),
            WinogradConv2d(channels, channels, 3, bias=bias),
            _norm(norm, channels),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.checkpointing and torch.is_grad_enabled():
            return x + checkpoint(self.body, x, use_reentrant=False)
        return x + self.body(x)


def _norm(kind: str, channels: int) -> nn.Module:
    if kind == "none":
        return nn.Identity()
    if kind == "batch":
        return nn.BatchNorm2d(channels)
    return InstanceNorm2d(channels, affine=kind == "instance_affine")


def _down(inputs: int, outputs: int, norm: str, bias: bool, downsample: str) -> tuple[nn.Module, ...]:
    blurred = downsample == "blur"
    shrink = nn.Conv2d(inputs, outputs, 3, stride=1 if blurred else 2, padding=1, bias=bias)
    return shrink, _norm(norm, outputs), nn.ReLU(inplace=True), *([Blur2d()] if blurred else [])


def _up(inputs: int, outputs: int, norm: str, bias: bool, upsample: str) -> tuple[nn.Module, ...]:
    if upsample == "transpose":
        grow = (nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1, bias=bias),)
    elif upsample == "bilinear":
        grow = (nn.Upsample(scale_factor=2, mode="bilinear"), nn.Conv2d(inputs, outputs, 3, padding=1, bias=bias))
    else:
        # The first two hold the places, and so the names of the weights, of resizing and padding on their own.
        mirrored = upsample == "resize"
        grow = (nn.Identity(), nn.Identity(), UpsampleConv2d(inputs, outputs, 3, bias=bias, mirrored=mirrored))
    return *grow, _norm(norm, outputs), nn.ReLU(inplace=True)
