"""Convolutions of 3x3 in a quarter of the multiplications: F(4x4, 3x3) of Lavin & Gray 2016, arXiv:1509.09308."""

import functools
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd.function import once_differentiable

FEWEST_CHANNELS = 96
"""With fewer, the way there and back costs more than it saves."""
TILES = 128
"""As many at a time as stay in a processor's cache."""


class WinogradConv2d(nn.Conv2d):
    """A 3x3 convolution as torch's, with zero padding or none. (N, in, H, W) -> (N, out, H + 2 p - 2, W + 2 p - 2)

    In float32 on a CPU and of many channels, each tile of 6x6 pixels becomes 36 numbers in which the convolution is
    one product each, and these become 4x4 pixels; all three are products of matrices. So are both gradients. It costs
    two digits: results are exact to about 1e-5 of the largest.

    Args:
        frozen: The weights never change, so that what becomes of them is kept; it takes eight times their memory.
    """

    def __init__(self, *args, frozen: bool = False, **kwargs):
        super().__init__(*args, **kwargs)
        self.kept: dict[bool, torch.Tensor] | None = {} if frozen else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if (
            min(self.in_channels, self.out_channels) < FEWEST_CHANNELS
            or x.dtype != torch.float32
            or x.device.type != "cpu"
            or torch.is_autocast_enabled("cpu")
            # Exported graphs keep the operation that runtimes look for.
            or torch.compiler.is_exporting()
            or torch.jit.is_tracing()
        ):
            return super().forward(x)
        if self.padding[0]:
            x = F.pad(x, (self.padding[0],) * 4)
        if torch.is_grad_enabled() and (x.requires_grad or self.weight.requires_grad):
            return _Convolution.apply(x, self.weight, self.bias, self.kept)
        return _convolve(x, _transformed(self.weight, self.kept), self.bias)


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, kept: dict | None):
        ctx.save_for_backward(x, weight)
        ctx.kept = kept
        # Instance norms, which follow in training, want each plane in one piece.
        return _convolve(x, _transformed(weight, kept), bias).clone(memory_format=torch.contiguous_format)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: torch.Tensor):
        x, weight = ctx.saved_tensors
        of_x = of_weight = of_bias = None
        if ctx.needs_input_grad[0]:
            kernel = _transformed(weight, ctx.kept, backward=True)
            of_x = _convolve(F.pad(gradient, (2,) * 4), kernel, None).contiguous()
        if ctx.needs_input_grad[1]:
            of_weight = _gradient_of_weight(x, gradient)
        if ctx.needs_input_grad[2]:
            of_bias = gradient.sum((0, 2, 3))
        return of_x, of_weight, of_bias, None


def _transformed(weight: torch.Tensor, kept: dict[bool, torch.Tensor] | None, backward: bool = False) -> torch.Tensor:
    """(out, in, 3, 3) -> the kernel in which the convolution is a product, (36, in, out), or `backward` that of the
    gradient, (36, out, in). Looked up in `kept` if there is one."""
    if kept and backward in kept:
        return kept[backward]
    # A gradient goes the other way through the kernel turned round.
    weight = weight.permute(2, 3, 0, 1).flip(0, 1) if backward else weight.permute(2, 3, 1, 0)
    kernel = _twice(_matrices()[1], weight).view(36, *weight.shape[2:])
    if kept is not None:
        kept[backward] = kernel
    return kernel


def _convolve(x: torch.Tensor, kernel: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """(N, in, H + 2, W + 2) and (36, in, out) -> (N, out, H, W), channels last."""
    into, _, back = _matrices()
    height, width = x.shape[2] - 2, x.shape[3] - 2
    blocks = x.new_empty(len(x), -(-height // 4), 4, -(-width // 4), 4, kernel.shape[2])
    for rows, tiles in _tiles(x):  # (6, 6, N, rows, columns, in)
        products = torch.bmm(_twice(into, tiles).view(36, -1, kernel.shape[1]), kernel)
        pixels = _twice(back, products).view(4, 4, *tiles.shape[2:5], kernel.shape[2])
        blocks[:, rows] = pixels.permute(2, 3, 0, 4, 1, 5)
    if bias is not None:
        blocks += bias
    return blocks.flatten(3, 4).flatten(1, 2)[:, :height, :width].permute(0, 3, 1, 2)


def _gradient_of_weight(x: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
    """(N, in, H + 2, W + 2) and (N, out, H, W) -> (out, in, 3, 3): the transposed of each of the three products."""
    into, of_kernel, back = _matrices()
    height, width = gradient.shape[2:]
    blocks = _channels_last(gradient, -height % 4, -width % 4).unflatten(2, (-1, 4)).unflatten(1, (-1, 4))
    total = x.new_zeros(36, x.shape[1], gradient.shape[1])
    for rows, tiles in _tiles(x):
        inputs = _twice(into, tiles).view(36, -1, x.shape[1])
        pixels = blocks[:, rows].permute(2, 4, 0, 1, 3, 5)  # (4, 4, N, rows, columns, out)
        outputs = _twice(back.T, pixels).view(36, -1, gradient.shape[1])
        total.baddbmm_(inputs.transpose(1, 2), outputs)
    return _twice(of_kernel.T, total).view(3, 3, *total.shape[1:]).permute(3, 2, 0, 1).contiguous()


def _tiles(x: torch.Tensor) -> Iterator[tuple[slice, torch.Tensor]]:
    """(N, C, H + 2, W + 2) -> views of 6x6 pixels, four apart, (6, 6, N, rows, columns, C), and which rows they are:
    `TILES` at a time."""
    height, width = x.shape[2] - 2, x.shape[3] - 2
    rows, columns = -(-height // 4), -(-width // 4)
    x = _channels_last(x, -height % 4, -width % 4)
    step = max(1, TILES // (columns * len(x)))
    for first in range(0, rows, step):
        part = x[:, 4 * first : 4 * (first + step) + 2]
        yield slice(first, first + step), part.unfold(1, 6, 4).unfold(2, 6, 4).permute(4, 5, 0, 1, 2, 3)


def _channels_last(x: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
    """(N, C, H, W) -> (N, H + rows, W + columns, C), zeros where there was nothing."""
    x = F.pad(x, (0, columns, 0, rows)) if rows or columns else x
    return x.contiguous(memory_format=torch.channels_last).permute(0, 2, 3, 1)


def _twice(matrix: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """(n, k) along rows and along columns of tiles, (k, k, ...) or of as many values -> (n, n, values)."""
    rows, columns = matrix.shape
    x = (matrix @ x.reshape(columns, -1)).view(rows, columns, -1)
    return torch.bmm(matrix.expand(rows, -1, -1), x)


@functools.cache
def _matrices() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """B transposed, G and A transposed of Lavin & Gray's section 4.3: float32 of shapes (6, 6), (6, 3) and (4, 6)."""
    b = [4, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0], [0, -2, -1, 2, 1, 0], [0, 2, -1, -2, 1, 0]
    g = [6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]
    a = [1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]
    with torch.inference_mode(False):
        b, g, a = (torch.tensor(rows, dtype=torch.float32) for rows in ((*b, [0, 4, 0, -5, 0, 1]), g, a))
        return b, g / 24, a
