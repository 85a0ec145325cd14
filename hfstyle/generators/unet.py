"""The U-Net generator of pix2pix (Isola et al. 2017, arXiv:1611.07004, appendix 6.1.1)."""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import nn

from hfstyle.errors import OptionError
from hfstyle.generators.layers import grow
from hfstyle.hub import ModelConfig, ranged
from hfstyle.image_to_image import ImageToImageModel


@dataclass(frozen=True)
class Pix2PixConfig(ModelConfig):
    in_channels: int = ranged(3, 1, 64)
    """Channels of the input; 3 is RGB, 1 is grey."""
    out_channels: int = ranged(3, 1, 64)
    """Channels of the output."""
    ngf: int = ranged(64, 1, 512)
    """Channels after the first convolution; doubled by each of the next, up to eight times as many."""
    n_downs: int = ranged(8, 2, 10)
    """Halvings on the way down, and doublings on the way up: 8 for pictures of 256 px, 7 for 128 px. Height and width
    are multiples of 2 ** n_downs."""
    norm: Literal["instance_affine", "instance", "batch"] = "instance_affine"
    """Normalisation: of each picture alone with learnt scale and shift, the same without, or over the batch.

    The paper trains with `batch` on single pictures and keeps the statistics of the picture at hand when it is used
    (6.2). That is `instance_affine`, number for number, but in evaluation mode and in batches too; `batch` would be
    judged by running averages that no picture of the training was seen with."""
    dropout: bool = True
    """Dropout of one half on the way up, where the map is smallest, while training: the paper's noise. Evaluation mode
    has none, so that a photo has one painting."""
    upsample: Literal["transpose", "resize"] = "transpose"
    """How it grows back: transposed convolutions as in the paper, or (but for the innermost) nearest-neighbour
    resizing before a convolution, which leaves no checkerboard (Odena et al. 2016, "Deconvolution and checkerboard
    artifacts")."""
    shape: Literal["paper", "pytorch_gan"] = "paper"
    """The paper's, or that of the widespread PyTorch-GAN, which HugGAN took over: on the way up the ReLU follows the
    normalisation, so that twins from the way down come in as their LeakyReLU left them, and the picture is made by
    resizing before a convolution of 4x4."""


class Pix2PixGenerator(ImageToImageModel):
    """C64-C128-C256-C512-C512-C512-C512-C512 and the way back, each level of which also sees its twin on the way down.

    (batch, in_channels, height, width) in [-1, 1] -> (batch, out_channels, height, width) in [-1, 1]; height and width
    multiples of 2 ** n_downs. With `norm="batch"`, `n_downs=8` has 54,413,955 parameters and computes what the
    reference implementation's `unet_256` does, `n_downs=7` 41,828,995 and what `unet_128` does.

    `stylize` takes any size and pads to the next multiple: with `n_downs=8`, a photo of 257x257 pixels costs as much
    as one of 512x512. The network is at its best near the size of its training pictures, whose bottleneck it knows.
    """

    Config = Pix2PixConfig
    config: Pix2PixConfig

    def __init__(self, config: Pix2PixConfig | None = None, **options):
        super().__init__(config, **options)
        c = self.config
        widths = [min(2**level, 8) * c.ngf for level in range(c.n_downs)]  # after each halving
        bottom = c.n_downs - 1
        as_paper = c.shape == "paper"
        self.down = nn.ModuleList(  # level l: -> (N, widths[l], H / 2^(l+1), W / 2^(l+1))
            _down(inputs, outputs, c.norm, normed=0 < level < bottom, activated=level < bottom or not as_paper)
            for level, (inputs, outputs) in enumerate(zip([c.in_channels, *widths], widths, strict=False))
        )
        self.up = nn.ModuleList(  # from the bottom, level l: -> (N, widths[l-1], H / 2^l, W / 2^l)
            _up(
                inputs=widths[level] * (1 if level == bottom else 2),  # above the bottom, with the twin's channels
                outputs=widths[level - 1],
                norm=c.norm,
                # Where widths stay the same: three levels of the paper's eight. The innermost has none.
                dropout=0.5 if c.dropout and 4 <= level < bottom else 0.0,
                # Of a single pixel, resizing makes a flat map, which normalisation empties: it would say nothing.
                upsample="transpose" if level == bottom else c.upsample,
                relu_first=as_paper,
            )
            for level in range(bottom, 0, -1)
        )
        self.tail = nn.Sequential(  # -> (N, out, H, W)
            nn.ReLU(inplace=True) if as_paper else nn.Identity(),
            grow(widths[0] * 2, c.out_channels, c.upsample, bias=True)
            if as_paper
            else ResizeConv2d(widths[0] * 2, c.out_channels, 4),
            nn.Tanh(),
        )

    @property
    def size_multiple(self) -> int:
        return 2**self.config.n_downs

    min_size = size_multiple

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Raises `OptionError` where height or width is no multiple of `size_multiple`."""
        if any(size % self.size_multiple for size in x.shape[-2:]):
            raise OptionError(
                f"this U-Net takes heights and widths that are multiples of {self.size_multiple}, not "
                f"{x.shape[-2]}x{x.shape[-1]}; stylize takes any size"
            )
        skips = []
        for down in self.down:
            x = down(x)
            skips.append(x)
        x = skips.pop()
        for up in self.up:
            x = torch.cat([skips.pop(), up(x)], dim=1)
        return self.tail(x)


# The activation stands at the end of a level down, not at the start of the next as in the reference, whose skip has
# the activated value only because that activation works in place. (It makes no difference to the result: the way up
# begins with a ReLU, and ReLU(LeakyReLU(x)) = ReLU(x).)
def _down(inputs: int, outputs: int, norm: str, normed: bool, activated: bool) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv2d(inputs, outputs, 4, stride=2, padding=1, bias=_bias(norm))]
    if normed:  # not the innermost map, which may be a single pixel, which normalised is zero
        layers.append(_norm(norm, outputs))
    if activated:
        layers.append(nn.LeakyReLU(0.2, inplace=True))
    return nn.Sequential(*layers)


def _up(inputs: int, outputs: int, norm: str, dropout: float, upsample: str, relu_first: bool) -> nn.Sequential:
    doubled = (grow(inputs, outputs, upsample, _bias(norm)), _norm(norm, outputs), nn.Dropout(dropout))
    relu = nn.ReLU(inplace=True)
    return nn.Sequential(relu, *doubled) if relu_first else nn.Sequential(nn.Identity(), *doubled, relu)


class ResizeConv2d(nn.Conv2d):
    """Twice the size by repeating each pixel, zeros around, and a 4x4 convolution.

    (N, in, H, W) -> (N, out, 2 H, 2 W)
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(F.pad(F.interpolate(x, scale_factor=2), (2, 1, 2, 1)))


def _norm(kind: str, channels: int) -> nn.Module:
    if kind == "batch":
        return nn.BatchNorm2d(channels)
    return nn.InstanceNorm2d(channels, affine=kind == "instance_affine")


def _bias(norm: str) -> bool:
    """As the reference: none beside a learnt shift. So `instance_affine` has the parameters of `batch`."""
    return norm == "instance"
