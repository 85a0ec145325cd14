"""The U-Net computes what the reference's recursive U-Net of pix2pix does."""

import pytest
import torch
from test_images import gradient
from torch import nn

from hfstyle import Pix2PixGenerator
from hfstyle.errors import ConfigError, OptionError


class ReferenceBlock(nn.Module):
    """One level of the reference's U-Net around the next, its in-place activations and all; keys as in its files."""

    def __init__(self, outer, inner, inputs=None, inside=None, outermost=False, dropout=False, norm=nn.BatchNorm2d):
        super().__init__()
        self.outermost = outermost
        bias = norm is nn.InstanceNorm2d
        down = nn.Conv2d(outer if inputs is None else inputs, inner, 4, 2, 1, bias=bias)
        up = nn.ConvTranspose2d(inner * (2 if inside else 1), outer, 4, 2, 1, bias=bias or outermost)
        if outermost:
            layers = [down, inside, nn.ReLU(True), up, nn.Tanh()]
        elif inside is None:
            layers = [nn.LeakyReLU(0.2, True), down, nn.ReLU(True), up, norm(outer)]
        else:
            layers = [nn.LeakyReLU(0.2, True), down, norm(inner), inside, nn.ReLU(True), up, norm(outer)]
            layers += [nn.Dropout(0.5)] if dropout else []
        self.model = nn.Sequential(*layers)

    def forward(self, x):
        return self.model(x) if self.outermost else torch.cat([x, self.model(x)], 1)


class Reference(nn.Module):
    def __init__(self, n_downs, ngf, dropout=False, norm=nn.BatchNorm2d):
        super().__init__()
        block = ReferenceBlock(ngf * 8, ngf * 8, norm=norm)
        for _ in range(n_downs - 5):
            block = ReferenceBlock(ngf * 8, ngf * 8, inside=block, dropout=dropout, norm=norm)
        for outer, inner in ((4, 8), (2, 4), (1, 2)):
            block = ReferenceBlock(ngf * outer, ngf * inner, inside=block, norm=norm)
        self.model = ReferenceBlock(3, ngf, inputs=3, inside=block, outermost=True, norm=norm)

    def forward(self, x):
        return self.model(x)


def from_reference(state: dict[str, torch.Tensor], n_downs: int) -> dict[str, torch.Tensor]:
    """The reference's state dict under our names."""
    names = {"model.model.0": "down.0.0", "model.model.3": "tail.1"}
    inside = "model.model.1"
    for level in range(1, n_downs):
        up = n_downs - 1 - level  # ours count from the bottom
        if level < n_downs - 1:
            parts = {"1": f"down.{level}.0", "2": f"down.{level}.1", "5": f"up.{up}.1", "6": f"up.{up}.2"}
        else:
            parts = {"1": f"down.{level}.0", "3": f"up.{up}.1", "4": f"up.{up}.2"}
        names |= {f"{inside}.model.{theirs}": ours for theirs, ours in parts.items()}
        inside += ".model.3"
    layers = {key: key.rpartition(".") for key in state}
    return {f"{names[layer]}.{kind}": state[key] for key, (layer, _, kind) in layers.items()}


def pair(n_downs, norm, **options):
    """A reference network and ours with its weights, which are as lively as trained ones, in float64."""
    torch.manual_seed(0)
    layer = nn.InstanceNorm2d if norm == "instance" else nn.BatchNorm2d
    reference = Reference(n_downs, ngf=4, norm=layer, **options).double()
    for module in reference.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.2)
            nn.init.normal_(module.bias, 0.0, 0.2)
    ours = Pix2PixGenerator(n_downs=n_downs, ngf=4, norm=norm, dropout=False).double()
    state = from_reference(reference.state_dict(), n_downs)
    if norm == "instance_affine":
        state = {name: tensor for name, tensor in state.items() if "running" not in name and "num_batches" not in name}
    ours.load_state_dict(state)
    return reference, ours


@pytest.mark.parametrize("norm", ["batch", "instance"])
@pytest.mark.parametrize("n_downs,size", [(8, (256, 512)), (7, (128, 128)), (5, (64, 96))])
def test_same_numbers_as_the_reference(n_downs, size, norm):
    reference, ours = pair(n_downs, norm)
    x = torch.rand(2, 3, *size, dtype=torch.float64) * 2 - 1
    with torch.no_grad():
        for _ in range(2):  # on the batch's statistics, then on running ones, which the training mode has moved
            torch.testing.assert_close(ours(x), reference(x.clone()), atol=1e-12, rtol=0)
        torch.testing.assert_close(ours.eval()(x), reference.eval()(x.clone()), atol=1e-12, rtol=0)


def test_same_gradients_as_the_reference():
    reference, ours = pair(6, "batch")
    x = torch.rand(2, 3, 64, 64, dtype=torch.float64) * 2 - 1
    for network in (reference, ours):
        network(x.clone()).square().sum().backward()
    gradients = {name: parameter.grad for name, parameter in reference.named_parameters()}
    for name, gradient_of in from_reference(gradients, 6).items():
        torch.testing.assert_close(ours.get_parameter(name).grad, gradient_of, atol=1e-10, rtol=1e-8)


def test_affine_instance_norm_is_batch_norm_of_one_picture_at_a_time():
    """Why it is the default: what pix2pix is used with, in evaluation mode and in batches."""
    reference, ours = pair(6, "instance_affine")
    x = torch.rand(3, 3, 64, 128, dtype=torch.float64) * 2 - 1
    with torch.no_grad():
        one_by_one = torch.cat([reference.train()(picture[None].clone()) for picture in x])
        torch.testing.assert_close(ours.eval()(x), one_by_one, atol=1e-10, rtol=0)


def test_parameters_of_the_paper():
    with torch.device("meta"):
        assert Pix2PixGenerator(norm="batch").num_parameters == 54_413_955
        assert Pix2PixGenerator().num_parameters == 54_413_955
        assert Pix2PixGenerator(norm="batch", n_downs=7).num_parameters == 41_828_995
        assert Pix2PixGenerator(norm="batch", dropout=False).num_parameters == 54_413_955


@pytest.mark.parametrize("n_downs", range(5, 11))
def test_dropout_stands_where_the_reference_has_it(n_downs):
    with torch.device("meta"):
        reference = Reference(n_downs, ngf=1, dropout=True)
        ours = Pix2PixGenerator(n_downs=n_downs, ngf=1, dropout=True)
    dropped = [up[-1].p == 0.5 for up in ours.up]
    assert dropped == [False, *[True] * (n_downs - 5), False, False, False]
    assert sum(dropped) == sum(isinstance(module, nn.Dropout) for module in reference.modules())


@pytest.mark.parametrize("norm", ["instance", "instance_affine", "batch"])
@pytest.mark.parametrize("upsample", ["transpose", "resize"])
@pytest.mark.parametrize("n_downs", [2, 6])
@pytest.mark.parametrize("shape", ["paper", "pytorch_gan"])
def test_every_variant_runs_and_learns(norm, upsample, n_downs, shape):
    """At the smallest size, too, where the innermost map is a single pixel, and a batch of one."""
    options = {"norm": norm, "upsample": upsample, "n_downs": n_downs, "shape": shape}
    generator = Pix2PixGenerator(in_channels=1, out_channels=2, ngf=4, **options)
    x = torch.rand(1, 1, 2**n_downs, 2**n_downs) * 2 - 1
    y = generator(x)
    assert y.shape == (1, 2, *x.shape[2:]) and y.abs().max() <= 1
    y.square().sum().backward()
    assert all(parameter.grad is not None for parameter in generator.parameters())
    assert torch.equal(generator(x), generator(x)) is (n_downs == 2)  # with six levels, one drops out
    generator.eval()
    assert torch.equal(generator(x), generator(x))


@pytest.mark.parametrize("norm", ["instance", "instance_affine", "batch"])
@pytest.mark.parametrize("upsample", ["transpose", "resize"])
def test_a_bottleneck_of_one_pixel_is_heard(norm, upsample):
    torch.manual_seed(0)
    generator = Pix2PixGenerator(ngf=4, n_downs=5, dropout=False, norm=norm, upsample=upsample)  # training mode
    x = torch.rand(1, 3, 32, 32) * 2 - 1
    with torch.no_grad():
        before = generator(x)
        generator.down[-1][0].weight.neg_()
        assert (generator(x) - before).abs().max() > 0.01


@pytest.mark.parametrize("size", [(250, 333), (1, 1), (257, 128)])
def test_any_size_through_the_paper_s_depth(size):
    torch.manual_seed(0)
    generator = Pix2PixGenerator(ngf=2).eval()
    assert generator.size_multiple == generator.min_size == 256
    assert generator.stylize(gradient(size=size)).size == size


def test_a_size_that_does_not_suit_is_one_sentence():
    with pytest.raises(OptionError, match="multiples of 16, not 32x40; stylize takes any size"):
        Pix2PixGenerator(ngf=2, n_downs=4)(torch.zeros(1, 3, 32, 40))


@pytest.mark.parametrize("options", [{"ngf": 0}, {"n_downs": 1}, {"n_downs": 11}, {"norm": "layer"}, {"dropout": 1}])
def test_impossible_options(options):
    with pytest.raises(ConfigError, match=next(iter(options))):
        Pix2PixGenerator(**options)
