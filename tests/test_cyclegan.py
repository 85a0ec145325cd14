"""The generator computes what the CycleGAN reference does; the discriminator what its PatchGAN does."""

import pytest
import torch
import torch.nn.functional as F

from hfstyle import CycleGANGenerator, PatchGANDiscriminator
from hfstyle.errors import ConfigError


def reference_generator(state: dict[str, torch.Tensor], x: torch.Tensor, blocks: int) -> torch.Tensor:
    """The reference's `resnet_{blocks}blocks` with instance norm, written out, on a state dict with its names."""

    def conv(x, name, **options):
        return F.conv2d(x, state[f"model.{name}.weight"], state[f"model.{name}.bias"], **options)

    def grow(x, name):
        weight, bias = state[f"model.{name}.weight"], state[f"model.{name}.bias"]
        return F.conv_transpose2d(x, weight, bias, stride=2, padding=1, output_padding=1)

    def reflect(x, by):
        return F.pad(x, (by,) * 4, mode="reflect")

    x = F.relu(F.instance_norm(conv(reflect(x, 3), 1)))
    x = F.relu(F.instance_norm(conv(x, 4, stride=2, padding=1)))
    x = F.relu(F.instance_norm(conv(x, 7, stride=2, padding=1)))
    for index in range(10, 10 + blocks):
        inner = F.relu(F.instance_norm(conv(reflect(x, 1), f"{index}.conv_block.1")))
        x = x + F.instance_norm(conv(reflect(inner, 1), f"{index}.conv_block.5"))
    x = F.relu(F.instance_norm(grow(x, 10 + blocks)))
    x = F.relu(F.instance_norm(grow(x, 13 + blocks)))
    return torch.tanh(conv(reflect(x, 3), 16 + blocks))


def reference_names(generator: CycleGANGenerator) -> dict[str, str]:
    """Our name -> the reference's name."""
    blocks = generator.config.n_blocks
    names = {"head.1": "1", "down.0": "4", "down.3": "7", "up.0": f"{10 + blocks}", "up.3": f"{13 + blocks}"}
    names |= {"tail.1": f"{16 + blocks}"}
    for block in range(blocks):
        names |= {f"blocks.{block}.body.{ours}": f"{10 + block}.conv_block.{i}" for ours, i in ((1, 1), (6, 5))}
    return {f"{a}.{kind}": f"model.{b}.{kind}" for a, b in names.items() for kind in ("weight", "bias")}


@pytest.mark.parametrize("blocks,size", [(9, (64, 64)), (6, (48, 100))])
def test_same_numbers_as_the_reference(blocks, size):
    torch.manual_seed(0)
    generator = CycleGANGenerator(ngf=16, n_blocks=blocks).double().eval()
    names = reference_names(generator)
    state = {names[name]: tensor for name, tensor in generator.state_dict().items()}
    x = torch.rand(2, 3, *size, dtype=torch.float64) * 2 - 1
    with torch.inference_mode():
        torch.testing.assert_close(generator(x), reference_generator(state, x, blocks), atol=1e-12, rtol=0)


def test_parameters_of_the_paper():
    with torch.device("meta"):
        assert CycleGANGenerator(ngf=64, n_blocks=9, upsample="transpose").num_parameters == 11_378_179
        assert CycleGANGenerator(ngf=64, n_blocks=6, upsample="transpose").num_parameters == 7_837_699
        assert CycleGANGenerator(norm="batch").num_parameters == 11_383_427
        assert PatchGANDiscriminator().num_parameters == 2_764_737
        assert PatchGANDiscriminator(in_channels=6, norm="batch").num_parameters == 2_768_705


@pytest.mark.parametrize("norm", ["instance", "instance_affine", "instance_blocks", "batch", "none"])
@pytest.mark.parametrize("downsample", ["stride", "blur"])
@pytest.mark.parametrize("upsample", ["transpose", "resize", "resize_zeros", "bilinear"])
@pytest.mark.parametrize("dropout", [False, True])
def test_every_variant_runs_and_learns(norm, downsample, upsample, dropout):
    options = {"norm": norm, "downsample": downsample, "upsample": upsample, "dropout": dropout}
    generator = CycleGANGenerator(in_channels=1, out_channels=2, ngf=4, n_blocks=2, **options)
    x = torch.rand(2, 1, 32, 44) * 2 - 1
    y = generator(x)
    assert y.shape == (2, 2, 32, 44) and y.abs().max() <= 1
    y.square().sum().backward()
    assert all(parameter.grad is not None for parameter in generator.parameters())
    assert (generator(x) == generator(x)).all().item() is not dropout
    generator.eval()
    assert torch.equal(generator(x), generator(x))


@pytest.mark.parametrize("blocks", [0, 1, 2, 6, 9])
@pytest.mark.parametrize("downsample", ["stride", "blur"])
def test_the_layers_that_cut_compares(blocks, downsample):
    generator = CycleGANGenerator(ngf=4, n_blocks=blocks, downsample=downsample).eval()
    x = torch.rand(2, 3, 32, 48)
    layers = generator(x, encode=True)
    assert tuple(layer.shape[1] for layer in layers) == generator.encoder_channels
    # After a blur, the convolution before the next one is what CUT's own code takes (its layers 4 and 8).
    halves = [(16, 24), (8, 12)] if downsample == "stride" else [(32, 48), (16, 24)]
    assert [tuple(layer.shape[2:]) for layer in layers] == [(32, 48), *halves, (8, 12), (8, 12)]
    if blocks == 9:
        deep = generator.blocks[:5](generator.down(generator.head(x)))
        torch.testing.assert_close(layers[-1], deep)


def test_norms_in_the_blocks_alone_let_light_and_colour_through():
    """With norms everywhere a darker picture becomes the same painting, with norms in the blocks a darker one."""
    photo = torch.rand(1, 3, 32, 32)
    change = {}
    for norm in ("instance", "instance_blocks"):
        torch.manual_seed(0)
        generator = CycleGANGenerator(ngf=8, n_blocks=1, norm=norm).eval()
        with torch.inference_mode():
            change[norm] = (generator(photo) - generator(photo * 0.5 - 0.3)).abs().max().item()
    assert change["instance"] < 1e-3 < 0.01 < change["instance_blocks"]


def test_resize_leaves_no_checkerboard():
    """Of a flat picture, whatever the weights, resizing makes a flat picture; `transpose` does not."""
    flat = torch.full((1, 3, 64, 64), 0.3)
    roughness = {}
    for upsample in ("resize", "resize_zeros", "bilinear", "transpose"):
        torch.manual_seed(1)
        generator = CycleGANGenerator(ngf=8, n_blocks=1, upsample=upsample, norm="batch").eval()
        with torch.inference_mode():
            y = generator(flat)
        roughness[upsample] = y[..., 16:-16, 16:-16].std(dim=(-1, -2)).max().item()
    assert all(roughness.pop(name) < 1e-5 for name in ("resize", "resize_zeros", "bilinear"))
    assert roughness["transpose"] > 1e-5


@pytest.mark.parametrize(
    "options", [{"ngf": 0}, {"n_blocks": 65}, {"norm": "layer"}, {"upsample": None}, {"dropout": 1}]
)
def test_impossible_options(options):
    with pytest.raises(ConfigError, match=next(iter(options))):
        CycleGANGenerator(**options)


@pytest.mark.parametrize("layers", [1, 3, 5])
def test_a_patch_sees_what_the_paper_says(layers):
    """The receptive field, measured: which inputs change one output. 16, 70 and 286 pixels for 1, 3 and 5 layers."""
    field = {1: 16, 3: 70, 5: 286}[layers]
    torch.manual_seed(0)
    judge = PatchGANDiscriminator(ndf=2, n_layers=layers, norm="batch").double().eval()
    x = torch.rand(1, 3, 400, 400, dtype=torch.float64, requires_grad=True)
    y = judge(x)
    y[0, 0, y.shape[2] // 2, y.shape[3] // 2].backward()
    rows = x.grad.abs().sum((0, 1, 3)).nonzero().ravel()
    assert rows[-1] - rows[0] + 1 == field


def test_score_tells_where(tmp_path):
    from PIL import Image

    judge = PatchGANDiscriminator(ndf=4).eval()
    with torch.no_grad():  # a judge by hand: what is bright is real
        for parameter in judge.parameters():
            parameter.zero_()
        for layer in judge.layers:
            if isinstance(layer, torch.nn.Conv2d):
                layer.weight.fill_(1 / layer.weight[0].numel())
    picture = Image.new("RGB", (256, 128))
    picture.paste("white", (128, 0, 256, 128))
    picture.save(tmp_path / "a.png")
    score = judge.score(tmp_path / "a.png")
    assert 0 <= score.value <= 1 and score.map.min() >= 0 and score.map.max() <= 1
    columns = score.map.shape[1]
    assert score.map[:, : columns // 3].mean() + 0.2 < score.map[:, -columns // 3 :].mean()
    heat = score.heatmap((256, 128))
    assert heat.size == (256, 128) and heat.getpixel((10, 60)) < heat.getpixel((245, 60))
    assert abs(score.value - score.map.mean()) < 1e-6
    assert judge.score(Image.new("RGB", (3, 5))).map.size >= 1  # too small for a patch: brought to size


@pytest.mark.parametrize("gan_loss,raw", [("lsgan", [0, 0.5, 1]), ("log", [-99, 0, 99]), ("hinge", [-1, 0, 1])])
def test_score_reads_each_loss_on_its_own_scale(gan_loss, raw):
    from PIL import Image

    for value, expected in zip(raw, (0.0, 0.5, 1.0), strict=True):
        judge = PatchGANDiscriminator(ndf=2, gan_loss=gan_loss).eval()
        torch.nn.init.zeros_(judge.layers[-1].weight)
        torch.nn.init.constant_(judge.layers[-1].bias, value)
        assert judge.score(Image.new("RGB", (64, 64))).value == pytest.approx(expected)
