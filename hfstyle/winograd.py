"""Convolutions of 3x3 in a quarter of the multiplications: F(4x4, 3x3) of Lavin & Gray 2016, arXiv:1509.09308."""

import functools
import math
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch
from torch import nn
from torch.autograd.function import once_differentiable

from hfstyle.machine import cores

FEWEST_CHANNELS = 96
"""With fewer, the way there and back costs more than it saves."""
FEWEST_NUMBERS = 2**15
"""Tiles times channels for each of several threads; with fewer, handing them out costs what it saves."""
TILES = 128
"""As many at a time as stay in a processor's cache."""
MOST_KEPT = 2**22
"""Numbers that scratch memory of one name holds, 16 MB."""

Kept = dict[bool, torch.Tensor] | None
"""Transformed kernels of weights that do not change, forwards (False) and backwards (True)."""


class WinogradConv2d(nn.Conv2d):
    """A 3x3 convolution as torch's, with zero padding or none. (N, in, H, W) -> (N, out, H + 2 p - 2, W + 2 p - 2)

    In float32 on a CPU and of many channels, each tile of 6x6 pixels becomes 36 numbers in which the convolution is
    one product each, and these become 4x4 pixels; all three are products of matrices. So are both gradients. It costs
    two digits: results are exact to about 1e-5 of the largest.

    Args:
        frozen: The weights never change, so that what becomes of them is kept once gradients go through, as in
            training; it takes eight times their memory.
    """

    def __init__(self, *args, frozen: bool = False, **kwargs):
        super().__init__(*args, **kwargs)
        self.kept: Kept = {} if frozen else None

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
        padding, threads = self.padding[0], torch.get_num_threads()
        count, rows, _, columns, *_ = _shape(x, padding, 0)
        numbers = count * rows * columns * min(self.in_channels, self.out_channels)
        if threads > 1 and numbers < FEWEST_NUMBERS * threads:
            return super().forward(x)
        if torch.is_grad_enabled() and (x.requires_grad or self.weight.requires_grad):
            return _Convolution.apply(x, self.weight, self.bias, padding, self.kept)
        height, width = (size + 2 * padding - 2 for size in x.shape[2:])
        blocks = x.new_empty(_shape(x, padding, self.out_channels))
        kernel = _transformed(self.weight, self.kept, keep=False)
        return _convolve(x, padding, kernel, self.bias, blocks)[:, :, :height, :width]


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, padding: int, kept: Kept):
        ctx.save_for_backward(x, weight)
        ctx.padding, ctx.kept = padding, kept
        return _in_planes(x, padding, _transformed(weight, kept), bias)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: torch.Tensor):
        x, weight = ctx.saved_tensors
        of_x = of_weight = of_bias = None
        if ctx.needs_input_grad[0]:
            of_x = _in_planes(gradient, 2 - ctx.padding, _transformed(weight, ctx.kept, backward=True), None)
        if ctx.needs_input_grad[1]:
            of_weight = _gradient_of_weight(x, ctx.padding, gradient)
        if ctx.needs_input_grad[2]:
            of_bias = gradient.sum((0, 2, 3))
        return of_x, of_weight, of_bias, None, None


def _transformed(weight: torch.Tensor, kept: Kept, backward: bool = False, keep: bool = True) -> torch.Tensor:
    """(out, in, 3, 3) -> the kernel in which the convolution is a product, (36, in, out), or `backward` that of the
    gradient, (36, out, in). Looked up in `kept` if there is one, and put there to `keep`."""
    if kept and backward in kept:
        return kept[backward]
    # A gradient goes the other way through the kernel turned round.
    weight = weight.permute(2, 3, 0, 1).flip(0, 1) if backward else weight.permute(2, 3, 1, 0)
    kernel = _twice(_matrices()[1], weight, "kernel").view(36, *weight.shape[2:])
    if kept is not None and keep:
        kernel = kept[backward] = kernel.clone()
    return kernel


def _in_planes(x: torch.Tensor, padding: int, kernel: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """The convolution with each plane in one piece, as instance norms want it, which follow in training."""
    height, width = (size + 2 * padding - 2 for size in x.shape[2:])
    pixels = _convolve(x, padding, kernel, bias, _scratch("blocks", *_shape(x, padding, kernel.shape[2])))
    return pixels[:, :, :height, :width].clone(memory_format=torch.contiguous_format)


def _shape(x: torch.Tensor, padding: int, channels: int) -> tuple[int, ...]:
    """Of the blocks of 4x4 pixels that cover the result: (N, rows, 4, columns, 4, channels)."""
    rows, columns = (-(-(size + 2 * padding - 2) // 4) for size in x.shape[2:])
    return len(x), rows, 4, columns, 4, channels


def _convolve(
    x: torch.Tensor, padding: int, kernel: torch.Tensor, bias: torch.Tensor | None, blocks: torch.Tensor
) -> torch.Tensor:
    """(N, in, H, W) and (36, in, out) -> (N, out, 4 rows, 4 columns), channels last, in the memory of `blocks`."""
    into, _, back = _matrices()
    inputs, outputs = kernel.shape[1:]

    def convolve(strips: Strips) -> None:
        for rows, tiles in strips:
            values = _twice(into, tiles, "values").view(36, -1, inputs)
            products = torch.bmm(values, kernel, out=_scratch("products", 36, values.shape[1], outputs))
            pixels = _twice(back, products, "pixels").view(4, 4, *tiles.shape[2:5], outputs)
            blocks[:, rows] = pixels.permute(2, 3, 0, 4, 1, 5)

    _share(convolve, _strips(x, padding))
    if bias is not None:
        blocks += bias
    return blocks.flatten(3, 4).flatten(1, 2).permute(0, 3, 1, 2)


def _gradient_of_weight(x: torch.Tensor, padding: int, gradient: torch.Tensor) -> torch.Tensor:
    """(N, in, H, W) and (N, out, ...) -> (out, in, 3, 3): the transposed of each of the three products."""
    into, of_kernel, back = _matrices()
    inputs, outputs = x.shape[1], gradient.shape[1]
    shape = _shape(x, padding, outputs)
    blocks = _channels_last(gradient, 0, 4 * shape[1], 4 * shape[3], "gradient").view(shape)

    def correlate(strips: Strips) -> torch.Tensor:
        total = None  # not in scratch memory: the next part may come to the same thread before this one is added
        for rows, tiles in strips:
            values = _twice(into, tiles, "values").view(36, -1, inputs)
            pixels = blocks[:, rows].permute(2, 4, 0, 1, 3, 5)  # (4, 4, N, rows, columns, out)
            products = values.transpose(1, 2), _twice(back.T, pixels, "pixels").view(36, -1, outputs)
            total = torch.bmm(*products) if total is None else total.baddbmm_(*products)
        return total

    total = functools.reduce(torch.Tensor.add_, _share(correlate, _strips(x, padding)))
    weight = _twice(of_kernel.T, total, "kernel").view(3, 3, inputs, outputs)
    return weight.permute(3, 2, 0, 1).clone(memory_format=torch.contiguous_format)


Strips = list[tuple[slice, torch.Tensor]]
"""Rows of tiles, and the tiles themselves: views of 6x6 pixels, (6, 6, N, rows, columns, C)."""


def _strips(x: torch.Tensor, padding: int) -> Strips:
    """(N, C, H, W) -> all tiles, four pixels apart, about `TILES` in a strip."""
    _, rows, _, columns, *_ = _shape(x, padding, 0)
    x = _channels_last(x, padding, 4 * rows + 2, 4 * columns + 2, "x")
    threads = torch.get_num_threads()
    count = min(rows, -(-len(x) * rows * columns // (TILES * threads)) * threads)  # as many for each thread
    bounds = [place * rows // count for place in range(count + 1)]
    strips = []
    for first, end in zip(bounds, bounds[1:], strict=False):
        part = x[:, 4 * first : 4 * end + 2]
        strips.append((slice(first, end), part.unfold(1, 6, 4).unfold(2, 6, 4).permute(4, 5, 0, 1, 2, 3)))
    return strips


Result = TypeVar("Result")


def _share(work: Callable[[Strips], Result], strips: Strips) -> list[Result]:
    """What `work` makes of the strips, dealt out to as many threads as torch uses here, always in the same way.

    torch's own threads would divide each product in another way, and hand all numbers from core to core between them:
    on some machines that takes as long as the products.
    """
    count = min(torch.get_num_threads(), len(strips))
    if count < 2:
        return [work(strips)]
    inference = torch.is_inference_mode_enabled()

    def one(strips: Strips) -> Result:
        with torch.inference_mode(inference), torch.no_grad():
            return work(strips)

    return list(_pool(cores()).map(one, [strips[first::count] for first in range(count)]))


@functools.cache
def _pool(threads: int) -> ThreadPoolExecutor:
    """Threads in which torch uses no threads of its own, shared by all that compute at the same time."""
    before = torch.get_num_threads()
    ready = threading.Barrier(threads)

    def alone() -> None:
        torch.set_num_threads(1)
        ready.wait()

    pool = ThreadPoolExecutor(threads, "winograd")
    list(pool.map(lambda _: alone(), range(threads)))
    torch.set_num_threads(before)  # what threads to come begin with
    return pool


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)


def _channels_last(x: torch.Tensor, padding: int, height: int, width: int, name: str) -> torch.Tensor:
    """(N, C, H, W) -> (N, height, width, C) with `padding` zeros above and to the left, and as many as are missing on
    the other sides."""
    place = padding, height - padding - x.shape[2], padding, width - padding - x.shape[3]
    result = _scratch(name, len(x), height, width, x.shape[1])
    result[:, : place[0]] = result[:, height - place[1] :] = 0
    result[:, :, : place[2]] = result[:, :, width - place[3] :] = 0
    result[:, place[0] : height - place[1], place[2] : width - place[3]] = x.permute(0, 2, 3, 1)
    return result


def _twice(matrix: torch.Tensor, x: torch.Tensor, name: str) -> torch.Tensor:
    """(n, k) along rows and along columns of tiles, (k, k, ...) or of as many values -> (n, n, values)."""
    rows, columns = matrix.shape
    if not x.is_contiguous():
        x = _scratch("tiles", *x.shape).copy_(x)
    x = x.view(columns, -1)
    half = torch.mm(matrix, x, out=_scratch("half", rows, x.shape[1])).view(rows, columns, -1)
    return torch.bmm(matrix.expand(rows, -1, -1), half, out=_scratch(name, rows, rows, half.shape[2]))


_kept = threading.local()


def _scratch(name: str, *shape: int) -> torch.Tensor:
    """Memory for what is no longer needed when the next convolution begins, each under its name. Asked for anew each
    time, it would leave holes between what is kept, a third more memory in all, and new pages to be cleared."""
    size = math.prod(shape)
    if size > MOST_KEPT:
        return torch.empty(shape)
    memory = getattr(_kept, name, None)
    if memory is None or memory.numel() < size:
        with torch.inference_mode(False):
            memory = torch.empty(size)
        setattr(_kept, name, memory)
    return memory[:size].view(shape)


@functools.cache
def _matrices() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """B transposed, G and A transposed of Lavin & Gray's section 4.3: float32 of shapes (6, 6), (6, 3) and (4, 6)."""
    b = [4, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0], [0, -2, -1, 2, 1, 0], [0, 2, -1, -2, 1, 0]
    g = [6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]
    a = [1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]
    with torch.inference_mode(False):
        b, g, a = (torch.tensor(rows, dtype=torch.float32) for rows in ((*b, [0, 4, 0, -5, 0, 1]), g, a))
        return b, g / 24, a
