"""What makes it fast changes nothing else: each shortcut beside what torch's own layers compute."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from hfstyle import CycleGANGenerator
from hfstyle.errors import OptionError
from hfstyle.generators.layers import (
    Blur2d,
    InstanceNorm2d,
    NarrowConv2d,
    ReflectionPad2d,
    UpsampleConv2d,
    _Pad,
    in_strips,
    styled,
    styled_norm,
)


def plainly(layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """What a layer stands for, with torch's functions alone."""
    if isinstance(layer, ReflectionPad2d):
        return F.pad(x, layer.padding, mode="reflect")
    if isinstance(layer, InstanceNorm2d):
        return F.instance_norm(x, weight=layer.weight, bias=layer.bias)
    if isinstance(layer, Blur2d):
        line = torch.tensor([0.25, 0.5, 0.25], dtype=x.dtype)
        kernel = (line[:, None] * line).expand(x.shape[1], 1, 3, 3)
        return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), kernel, stride=2, groups=x.shape[1])
    if isinstance(layer, UpsampleConv2d):
        padding = "reflect" if layer.mirrored else "constant"
        x = F.pad(F.interpolate(x, scale_factor=2), (1, 1, 1, 1), mode=padding)
    return F.conv2d(x, layer.weight, layer.bias)


LAYERS = {
    "pad1": lambda: ReflectionPad2d(1),
    "pad3": lambda: ReflectionPad2d(3),
    "norm": lambda: InstanceNorm2d(5),
    "affine norm": lambda: InstanceNorm2d(5, affine=True),
    "upsample": lambda: UpsampleConv2d(5, 4, 3),
    "upsample without bias": lambda: UpsampleConv2d(5, 4, 3, bias=False),
    "upsample with zeros": lambda: UpsampleConv2d(5, 4, 3, mirrored=False),
    "blur": Blur2d,
    **{f"narrow{outputs}": lambda outputs=outputs: NarrowConv2d(5, outputs, 7) for outputs in (1, 3, 4, 5)},
}


@pytest.mark.parametrize("dtype,tolerance", [(torch.float64, 1e-12), (torch.float32, 1e-5)])
@pytest.mark.parametrize("size", [(8, 8), (9, 16), (7, 20)])
@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_a_layer_and_its_gradients_are_what_torch_computes(layer, size, dtype, tolerance):
    torch.manual_seed(0)
    layer = layer().to(dtype)
    x = torch.randn(2, 5, *size, dtype=dtype, requires_grad=True)
    inputs = [x, *layer.parameters()]
    output, expected = layer(x), plainly(layer, x)
    torch.testing.assert_close(output, expected, atol=tolerance, rtol=tolerance)
    weights = torch.randn_like(expected)
    ours, theirs = (torch.autograd.grad(result, inputs, weights) for result in (output, expected))
    # Gradients of weights are sums over all pixels.
    torch.testing.assert_close(ours, theirs, atol=30 * tolerance, rtol=tolerance)
    with torch.inference_mode():
        for given in (x, x.contiguous(memory_format=torch.channels_last)):
            torch.testing.assert_close(layer(given), expected, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("by,mode", [(1, "reflect"), (3, "reflect"), (1, "replicate")])
def test_padding_is_differentiable_twice(by, mode):
    x = torch.randn(2, 1, 4, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: _Pad.apply(x, by, mode), x)
    assert torch.autograd.gradgradcheck(lambda x: _Pad.apply(x, by, mode), x)


@pytest.mark.parametrize("upsample", ["resize", "transpose"])
def test_an_exported_graph_holds_the_plain_operations(upsample):
    generator = CycleGANGenerator(ngf=4, n_blocks=1, upsample=upsample).eval()
    x = torch.rand(1, 3, 16, 24) * 2 - 1
    program = torch.export.export(generator, (x,))
    operations = {node.target for node in program.graph.nodes if node.op == "call_function"}
    names = {str(operation).split(".")[1] for operation in operations}
    grown = {"upsample_nearest2d"} if upsample == "resize" else {"conv_transpose2d"}
    assert {name for name in names if "upsample" in name or "transpose" in name} == grown
    with torch.no_grad():
        torch.testing.assert_close(program.module()(x), generator(x), atol=1e-5, rtol=0)


def test_other_devices_take_the_plain_way():
    generator = CycleGANGenerator(ngf=4, n_blocks=1, upsample="resize").to("meta")
    assert generator(torch.empty(2, 3, 32, 48, device="meta")).shape == (2, 3, 32, 48)


@pytest.mark.parametrize("dropout", [False, True])
def test_activation_checkpointing_gives_the_same_gradients(dropout):
    torch.manual_seed(0)
    generator = CycleGANGenerator(ngf=4, n_blocks=3, dropout=dropout)
    x = torch.rand(2, 3, 32, 32) * 2 - 1
    gradients, kept = [], []
    for on in (False, True):
        generator.set_activation_checkpointing(on)
        torch.manual_seed(1)
        generator.zero_grad()
        saved = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t, saved=saved: saved.append(t) or t, lambda t: t):
            generator(x).square().mean().backward()
        gradients.append([parameter.grad for parameter in generator.parameters()])
        kept.append(sum(tensor.numel() for tensor in saved if tensor.dim() == 4))
    assert kept[1] < 0.8 * kept[0]
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))
    with pytest.raises(OptionError, match="batch norm"):
        CycleGANGenerator(ngf=4, n_blocks=1, norm="batch").set_activation_checkpointing()


@pytest.mark.parametrize("rows,halo", [(8, 4), (16, 8)])
def test_strips_are_the_whole(rows, halo):
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv2d(2, 3, 3, stride=2, padding=1), nn.ConvTranspose2d(3, 2, 6, 4, padding=1)).double()
    x = torch.rand(1, 2, 36, 5, dtype=torch.float64)
    with torch.inference_mode():
        seen = []
        strips = in_strips(lambda x: seen.append(x.shape[2]) or layers(x), x, rows, halo)
        torch.testing.assert_close(strips, layers(x))
    assert len(seen) == -(-36 // rows) and max(seen) <= rows + 2 * halo


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_norms_of_what_is_almost_flat(layout):
    """Far from 0 and almost constant, sums of squares have no digits left; the variance must not come out negative."""
    x = (100 + 1e-3 * torch.randn(2, 5, 40, 30)).contiguous(memory_format=layout)
    scale, shift = torch.rand(1, 5), torch.rand(1, 5)
    expected = F.instance_norm(x.double(), weight=scale[0].double(), bias=shift[0].double(), eps=1e-5)
    with torch.inference_mode():
        result = styled_norm(nn.Identity(), x, scale, shift, 1e-5)
    torch.testing.assert_close(result.double(), expected, atol=1e-3, rtol=0)


def test_scale_and_shift_are_the_same_in_the_weights():
    torch.manual_seed(0)
    padding, conv = nn.ReflectionPad2d(1), nn.Conv2d(2, 3, 3).double()
    x, scale, shift = torch.rand(2, 2, 6, 7).double(), torch.rand(1, 3).double(), torch.rand(1, 3).double()
    for layer in (conv, nn.Sequential(padding, conv)):
        expected = layer(x) * scale[0, :, None, None] + shift[0, :, None, None]
        torch.testing.assert_close(styled(layer, x, scale, shift), expected)
        with torch.inference_mode():
            torch.testing.assert_close(styled(layer, x, scale, shift), expected)
            torch.testing.assert_close(styled(layer, x, scale.repeat(2, 1), shift.repeat(2, 1)), expected)
