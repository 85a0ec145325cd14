"""One small network, many styles: conditional instance normalisation (Dumoulin et al. 2017, arXiv:1610.07629)."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from hfstyle.generators.layers import (
    NarrowConv2d,
    ReflectionPad2d,
    UpsampleConv2d,
    for_cpu,
    in_strips,
    styled,
    styled_norm,
)
from hfstyle.hub import ModelConfig, ranged
from hfstyle.styles import StyledModel
from hfstyle.winograd import WinogradConv2d

GAIN = 4.0
"""A style's numbers are stored as a quarter of their effect, so that Adam, whose steps have one size for all weights,
moves them four times as fast ("equalised learning rate", Karras et al. 2018, arXiv:1710.10196)."""

EPS = 1e-3
"""Of the norms. With torch's 1e-5, ten of them in a row make strokes out of what is but rounded in a picture of one
colour, up to 46 of 255 levels."""

Affine = tuple[torch.Tensor, torch.Tensor]
"""Scale and shift of one layer: (batch or 1, channels) each."""


@dataclass(frozen=True)
class StyleBankConfig(ModelConfig):
    styles: tuple[str, ...] = ()
    """Names of the styles, in the order of their numbers."""
    ngf: int = ranged(16, 1, 256)
    """Channels before the last convolution; the residual blocks have eight times as many."""
    n_blocks: int = ranged(4, 0, 64)
    """Residual blocks at an eighth of the size."""
    margin: int = ranged(0, 0, 256)
    """See `CycleGANConfig.margin`."""


class StyleBankGenerator(StyledModel):
    """c7s2-2n, d4n, d8n, blocks x R8n, u4n with a skip from d4n, R4n, u2n, un, c7s1-3, tanh, in CycleGAN's notation
    for n = ngf; resizing before the convolutions on the way up.

    Each layer but the last is scaled and shifted by the style. The residual blocks normalise first; the others do not,
    so that the brightness of a night or of black paper survives. With its defaults it has 1,452,675 shared parameters
    and 2,976 numbers a style.

    (batch, 3, height, width) in [-1, 1] and (batch or 1, n_numbers) -> (batch, 3, height, width) in [-1, 1]; height
    and width multiples of 8 from 16. Without numbers it gives the photo back, as well as it can.
    """

    Config = StyleBankConfig
    size_multiple = 8
    min_size = 64  # below, instance norm sees too few values at an eighth of the size

    config: StyleBankConfig

    def __init__(self, config: StyleBankConfig | None = None, **options):
        super().__init__(config, **options)
        n, n_blocks = self.config.ngf, self.config.n_blocks
        self.down = nn.ModuleList(  # (N, 3, H, W) -> (N, 8 n, H/8, W/8)
            [
                nn.Sequential(ReflectionPad2d(3), nn.Conv2d(3, 2 * n, 7, stride=2)),
                nn.Sequential(ReflectionPad2d(1), nn.Conv2d(2 * n, 4 * n, 3, stride=2)),
                nn.Sequential(ReflectionPad2d(1), nn.Conv2d(4 * n, 8 * n, 3, stride=2)),
            ]
        )
        self.blocks = nn.ModuleList([ResidualBlock(8 * n) for _ in range(n_blocks)])
        self.fine = ResidualBlock(4 * n)  # at (N, 4 n, H/4, W/4)
        self.up = nn.ModuleList(  # -> (N, n, H, W)
            [UpsampleConv2d(8 * n, 4 * n, 3), UpsampleConv2d(4 * n, 2 * n, 3), UpsampleConv2d(2 * n, n, 3)]
        )
        self.tail = nn.Sequential(ReflectionPad2d(3), NarrowConv2d(n, 3, 7), nn.Tanh())  # -> (N, 3, H, W)
        self.widths = [2 * n, 4 * n, 8 * n, *[8 * n] * (2 * n_blocks), 4 * n, 4 * n, 4 * n, 2 * n, n]
        """Channels of each layer that a style scales and shifts, in the order of its numbers."""
        self._begin_styles(2 * sum(self.widths))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        nn.init.normal_(self.tail[1].weight, 0.0, 0.02)

    def forward(self, x: torch.Tensor, numbers: torch.Tensor | None = None) -> torch.Tensor:
        # Styles do not move the origin, from which all of them are measured.
        affine = self._affine(self.origin[None] if numbers is None else self.origin.detach() + numbers)
        first, second = next(affine), next(affine)

        def begin(x: torch.Tensor) -> torch.Tensor:
            x = F.relu_(styled(self.down[0], x, *first))
            return F.relu_(styled(self.down[1], x, *second))

        quarter = in_strips(begin, for_cpu(x), rows=256, halo=8)  # (N, 4 n, H/4, W/4); it sees 5 rows further
        x = F.relu_(styled(self.down[2], quarter, *next(affine)))
        for block in self.blocks:
            x = block(x, next(affine), next(affine))
        x = F.relu_(styled(self.up[0], x, *next(affine)).add_(quarter))
        x = self.fine(x, next(affine), next(affine))
        third, last = next(affine), next(affine)

        def finish(x: torch.Tensor) -> torch.Tensor:
            x = F.relu_(styled(self.up[1], x, *third))
            x = F.relu_(styled(self.up[2], x, *last))
            return self.tail(x)

        return in_strips(finish, x, rows=64, halo=2)

    def _affine(self, numbers: torch.Tensor) -> Iterator[Affine]:
        """Scale and shift of each layer in turn."""
        numbers, start = GAIN * numbers, 0
        # One slice after the other: exported, a split into all of them would be one operation with more outputs than
        # WebGPU allows.
        for width in self.widths:
            scale, shift = (numbers[..., at : at + width] for at in (start, start + width))
            start += 2 * width
            yield 1 + scale, shift


class ResidualBlock(nn.Module):
    """x + norm(conv(relu(norm(conv(x))))), 3x3 with reflection padding, the norms with a style's scale and shift.

    The convolutions need no bias, which a norm takes away again.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.a = nn.Sequential(ReflectionPad2d(1), WinogradConv2d(channels, channels, 3, bias=False))
        self.b = nn.Sequential(ReflectionPad2d(1), WinogradConv2d(channels, channels, 3, bias=False))

    def forward(self, x: torch.Tensor, first: Affine, second: Affine) -> torch.Tensor:
        inner = F.relu_(styled_norm(self.a, x, *first, EPS))
        return styled_norm(self.b, inner, *second, EPS).add_(x)
