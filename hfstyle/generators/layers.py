"""Layers of torch, computed as CPUs like it: the same results, but for the last digits, in less time and memory.

On other devices, and in exported graphs, they are the plain operations.
"""

import torch
import torch.nn.functional as F
from torch import nn


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


class UpsampleConv2d(nn.Conv2d):
    """Twice the size by repeating each pixel, one pixel of reflection padding, and a 3x3 convolution.

    (N, in, H, W) -> (N, out, 2 H, 2 W). On a CPU computed as what it equals: each output pixel sees nine pixels that
    are copies of only four, so one transposed convolution of stride 2, with a 4x4 kernel made of sums of the nine
    weights, does it in 4/9 of the multiplications and without the larger picture in memory (the "sub-pixel" view of
    Shi et al. 2016, arXiv:1609.07009). Reflecting a picture of doubled pixels by one is repeating its border.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not _on_cpu(x):
            return super().forward(F.pad(F.interpolate(x, scale_factor=2), (1, 1, 1, 1), mode="reflect"))
        taps = F.pad(self.weight, (1, 1, 1, 1))  # (out, in, 5, 5)
        taps = taps[..., 1:, :] + taps[..., :-1, :]
        taps = taps[..., 1:] + taps[..., :-1]  # (out, in, 4, 4)
        kernel = taps.flip(-1, -2).transpose(0, 1)  # a transposed convolution turns it round
        return F.conv_transpose2d(_pad(x, 1, "replicate"), kernel, self.bias, stride=2, padding=3)


class NarrowConv2d(nn.Conv2d):
    """A convolution to very few channels, such as RGB. (N, in, H + k - 1, W + k - 1) -> (N, out, H, W)

    Processors compute 8 or 16 output channels at a time and would throw most of them away. So on a CPU the rows of the
    kernel become output channels, k x out of them from kernels one pixel high, and are then added up, each shifted by
    its row.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not _on_cpu(x) or self.out_channels > 4:
            return super().forward(x)
        rows = self.kernel_size[0]
        height = x.shape[2] - rows + 1
        kernel = self.weight.permute(2, 0, 1, 3).flatten(0, 1).unsqueeze(2)  # (k out, in, 1, k)
        parts = F.conv2d(x, kernel).split(self.out_channels, dim=1)
        # In half precision the parts are added with more digits than they have.
        total = self.bias.view(-1, 1, 1).to(torch.promote_types(parts[0].dtype, torch.float32))
        for row, part in enumerate(parts):
            total = total + part[:, :, row : row + height]
        return total.to(parts[0].dtype)


def _on_cpu(x: torch.Tensor) -> bool:
    """Whether to compute as CPUs like it; exported graphs keep the plain operations that runtimes look for."""
    return x.device.type == "cpu" and not torch.compiler.is_exporting() and not torch.jit.is_tracing()


def _pad(x: torch.Tensor, by: int, mode: str) -> torch.Tensor:
    if _on_cpu(x) and x.requires_grad and torch.is_grad_enabled():
        return _Pad.apply(x, by, mode)
    return F.pad(x, (by,) * 4, mode=mode)


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
