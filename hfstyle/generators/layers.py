"""Layers of torch, computed as CPUs like it: the same results, but for the last digits, in less time and memory.

On other devices, and in exported graphs, they are the plain operations.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call


def grow(inputs: int, outputs: int, upsample: str, bias: bool) -> nn.Module:
    """Twice the size: a transposed convolution of 4x4 as in DCGAN and pix2pix, or resizing before one of 3x3."""
    if upsample == "transpose":
        return nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1, bias=bias)
    return UpsampleConv2d(inputs, outputs, 3, bias=bias)


class ReflectionPad2d(nn.ReflectionPad2d):
    """(N, C, H, W) -> (N, C, H + 2 p, W + 2 p), mirrored without repeating the border, as torch's."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return _pad(x, self.padding[0], "reflect")


class InstanceNorm2d(nn.InstanceNorm2d):
    """As torch's. On a CPU that one adds up one value at a time; layer norm over a plane is the same, in vectors."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not _on_cpu(x) or self.affine:
            return super().forward(x)
        return F.layer_norm(x, x.shape[2:], eps=self.eps)


class Blur2d(nn.Module):
    """Half the size without aliasing: blurred with [1 2 1] both ways, mirrored at the border, and every second pixel
    kept (Zhang 2019, "Making convolutional networks shift-invariant again", arXiv:1904.11486, Tri-3).

    (N, C, H, W) -> (N, C, ceil(H / 2), ceil(W / 2)). The filter is two means of neighbours, so it needs no weights.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.avg_pool2d(F.avg_pool2d(_pad(x, 1, "reflect"), 2, stride=1), 2)


class UpsampleConv2d(nn.Conv2d):
    """Twice the size by repeating each pixel, one pixel of padding, which mirrors or is zero, and a 3x3 convolution.

    (N, in, H, W) -> (N, out, 2 H, 2 W). On a CPU computed as what it equals: each output pixel sees nine pixels that
    are copies of only four, so one transposed convolution of stride 2, with a 4x4 kernel made of sums of the nine
    weights, does it in 4/9 of the multiplications and without the larger picture in memory (the "sub-pixel" view of
    Shi et al. 2016, arXiv:1609.07009). Reflecting a picture of doubled pixels by one is repeating its border.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, bias: bool = True, mirrored: bool = True):
        super().__init__(inputs, outputs, kernel, bias=bias)
        self.mirrored = mirrored

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not _on_cpu(x):
            padding = "reflect" if self.mirrored else "constant"
            return super().forward(F.pad(F.interpolate(x, scale_factor=2), (1, 1, 1, 1), mode=padding))
        taps = F.pad(self.weight, (1, 1, 1, 1))  # (out, in, 5, 5)
        taps = taps[..., 1:, :] + taps[..., :-1, :]
        taps = taps[..., 1:] + taps[..., :-1]  # (out, in, 4, 4)
        kernel = taps.flip(-1, -2).transpose(0, 1)  # a transposed convolution turns it round
        if self.mirrored:
            return F.conv_transpose2d(_pad(x, 1, "replicate"), kernel, self.bias, stride=2, padding=3)
        return F.conv_transpose2d(x, kernel, self.bias, stride=2, padding=1)


class NarrowConv2d(nn.Conv2d):
    """A convolution to very few channels, such as RGB. (N, in, H + k - 1, W + k - 1) -> (N, out, H, W)

    Processors compute 8 or 16 output channels at a time and would throw most of them away. So on a CPU the rows of the
    kernel become output channels, k x out of them from kernels one pixel high, and are then added up, each shifted by
    its row. With channels last and where no gradients are wanted, the pixels of a block of 4x2 become output channels
    instead, of a larger kernel with zeros that moves on by whole blocks: more multiplications, but nothing large to
    write and add up.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not _on_cpu(x) or self.out_channels > 4:
            return super().forward(x)
        if not torch.is_grad_enabled() and x.is_contiguous(memory_format=torch.channels_last):
            return self._in_blocks(x)
        rows = self.kernel_size[0]
        height = x.shape[2] - rows + 1
        kernel = self.weight.permute(2, 0, 1, 3).flatten(0, 1).unsqueeze(2)  # (k out, in, 1, k)
        parts = F.conv2d(x, kernel).split(self.out_channels, dim=1)
        # In half precision the parts are added with more digits than they have.
        total = self.bias.view(-1, 1, 1).to(torch.promote_types(parts[0].dtype, torch.float32))
        for row, part in enumerate(parts):
            total = total + part[:, :, row : row + height]
        return total.to(parts[0].dtype)

    def _in_blocks(self, x: torch.Tensor, tall: int = 4, wide: int = 2) -> torch.Tensor:
        height, width = (x.shape[2 + axis] - self.kernel_size[axis] + 1 for axis in (0, 1))
        x = _extend(x, -height % tall, -width % wide)
        places = [(row, column) for row in range(tall) for column in range(wide)]
        kernel = torch.cat(
            [F.pad(self.weight, (column, wide - 1 - column, row, tall - 1 - row)) for row, column in places]
        )
        blocks = F.conv2d(x, kernel, self.bias.repeat(len(places)), stride=(tall, wide))
        blocks = blocks.unflatten(1, (tall, wide, self.out_channels)).permute(0, 3, 4, 1, 5, 2)
        return blocks.flatten(4, 5).flatten(2, 3)[:, :, :height, :width]


def styled(
    layer: nn.Sequential | nn.Conv2d, x: torch.Tensor, scale: torch.Tensor, shift: torch.Tensor
) -> torch.Tensor:
    """What a convolution, or a sequence that ends in one, makes of `x`, times `scale` plus `shift`.

    Args:
        layer: Its convolution has a bias.
        x: (N, in, H, W).
        scale: (N or 1, out).
        shift: (N or 1, out).
    """
    if len(scale) > 1 or torch.is_grad_enabled():
        return torch.addcmul(shift[..., None, None], layer(x), scale[..., None, None])
    # The weights can do it as well, at no cost.
    prefix, conv = (f"{len(layer) - 1}.", layer[-1]) if isinstance(layer, nn.Sequential) else ("", layer)
    weights = {
        f"{prefix}weight": conv.weight * scale[0, :, None, None, None],
        f"{prefix}bias": conv.bias * scale[0] + shift[0],
    }
    return functional_call(layer, weights, x)


def styled_norm(
    layer: nn.Module, x: torch.Tensor, scale: torch.Tensor, shift: torch.Tensor, eps: float
) -> torch.Tensor:
    """The same, but each channel of each picture that the layer makes gets mean 0 and variance 1 before, so that the
    layer needs no bias: conditional instance normalisation (Dumoulin et al. 2017, arXiv:1610.07629)."""
    scale, shift = scale[..., None, None], shift[..., None, None]
    if torch.is_grad_enabled() or not _on_cpu(x):
        x = layer(x)
        # The same twice: layer norm over a plane is faster on a CPU, and ONNX has an operation for instance norm.
        normed = F.layer_norm(x, x.shape[2:], eps=eps) if _on_cpu(x) else F.instance_norm(x, eps=eps)
        return torch.addcmul(shift, normed, scale)
    # torch's norms need each plane in one piece, or lose digits where it is not. Taking the mean away also before,
    # where it makes no difference, leaves a flat picture nothing that could be rounded, and so no noise to amplify.
    x = layer(x - x.mean((2, 3), keepdim=True))
    x = x - x.mean((2, 3), keepdim=True)
    return x.mul_(scale * torch.rsqrt(x.square().mean((2, 3), keepdim=True) + eps)).add_(shift)


def in_strips(layers: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor, rows: int, halo: int) -> torch.Tensor:
    """What `layers` make of `x`, on a CPU in strips of `rows` rows where no gradients are wanted: what lies between
    the layers then stays small, and in the processor's cache.

    Args:
        layers: None of them may see the whole picture, as norms do. Their strides must divide `rows` and `halo`.
        x: (N, C, H, W).
        halo: Rows on both sides of a strip that its result depends on. They are computed twice.
    """
    height = x.shape[2]
    if height <= rows or torch.is_grad_enabled() or not _on_cpu(x):
        return layers(x)
    strips = []
    for top in range(0, height, rows):
        start, end = max(0, top - halo), min(height, top + rows + halo)
        strip = layers(x[:, :, start:end])
        first, last = ((row - start) * strip.shape[2] // (end - start) for row in (top, min(height, top + rows)))
        strips.append(strip[:, :, first:last])
    return torch.cat(strips, dim=2)


def for_cpu(x: torch.Tensor) -> torch.Tensor:
    """The same in the layout that convolutions like best on a CPU where no gradients are wanted: channels last."""
    if torch.is_grad_enabled() or not _on_cpu(x):
        return x
    return x.contiguous(memory_format=torch.channels_last)


def _on_cpu(x: torch.Tensor) -> bool:
    """Whether to compute as CPUs like it; exported graphs keep the plain operations that runtimes look for."""
    return x.device.type == "cpu" and not torch.compiler.is_exporting() and not torch.jit.is_tracing()


def _pad(x: torch.Tensor, by: int, mode: str) -> torch.Tensor:
    if _on_cpu(x) and x.requires_grad and torch.is_grad_enabled():
        return _Pad.apply(x, by, mode)
    return F.pad(x, (by,) * 4, mode=mode)


def _extend(x: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
    """With so many rows below and columns to the right that are of no consequence."""
    return F.pad(x, (0, columns, 0, rows)) if rows or columns else x


class _Pad(torch.autograd.Function):
    """`F.pad` with modes "reflect" and "replicate" (by one). torch's own backward pass on a CPU adds pixel by pixel,
    which takes ten times as long; this one copies the middle and adds the rims."""

    @staticmethod
    def forward(ctx, x: torch.Tensor, by: int, mode: str) -> torch.Tensor:
        ctx.by, ctx.first = by, 1 if mode == "reflect" else 0
        return F.pad(x, (by,) * 4, mode=mode)

    @staticmethod
    def backward(ctx, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        by = ctx.by
        for dim in (-1, -2):
            size = gradient.shape[dim] - 2 * by
            middle = gradient.narrow(dim, by, size).clone()
            middle.narrow(dim, ctx.first, by).add_(gradient.narrow(dim, 0, by).flip(dim))
            middle.narrow(dim, size - ctx.first - by, by).add_(gradient.narrow(dim, size + by, by).flip(dim))
            gradient = middle
        return gradient, None, None
