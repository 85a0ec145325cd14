"""What the discriminators share: judging pictures alone or beside their photo, at sizes that they take."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from test_images import gradient

from hfstyle import (
    AutoModel,
    DCGANDiscriminator,
    MultiScaleDiscriminator,
    PatchGANDiscriminator,
    PixelDiscriminator,
)
from hfstyle.discriminators import FeatureDiscriminator, SpectralConv2d, StylePatchGANDiscriminator
from hfstyle.errors import ConfigError, ImageError, OptionError
from hfstyle.features import VGG16Features
from hfstyle.tensors import to_tensor

KINDS = {
    PatchGANDiscriminator: {"ndf": 4, "n_layers": 2},
    PixelDiscriminator: {"ndf": 4},
    DCGANDiscriminator: {"ndf": 4, "image_size": 32},
}


def make(cls, **options):
    torch.manual_seed(0)
    return cls(**KINDS[cls], **options).eval()


def test_parameters_of_the_papers():
    with torch.device("meta"):
        assert PixelDiscriminator().num_parameters == 8_705
        assert PixelDiscriminator(norm="batch").num_parameters == 256 + 64 * 128 + 2 * 128 + 128
        # PyTorch's example has 2,765,568 and no bias in the first and the last convolution
        assert DCGANDiscriminator().num_parameters == 2_765_568 + 64 + 1


@pytest.mark.parametrize("cls,places", [(PixelDiscriminator, "0 2 5"), (DCGANDiscriminator, "0 2 5 8 11")])
def test_convolutions_stand_where_the_references_have_them(cls, places):
    with torch.device("meta"):
        layers = cls().layers
    assert [name for name, layer in layers.named_children() if hasattr(layer, "stride")] == places.split()


@pytest.mark.parametrize("cls", KINDS)
@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
def test_every_variant_runs_and_learns(cls, norm):
    judge = make(cls, norm=norm).train()
    outputs = judge(torch.rand(2, 3, 32, 32) * 2 - 1)
    shape = {PatchGANDiscriminator: (6, 6), PixelDiscriminator: (32, 32), DCGANDiscriminator: (1, 1)}[cls]
    assert outputs.shape == (2, 1, *shape)
    outputs.square().sum().backward()
    assert all(parameter.grad is not None for parameter in judge.parameters())


@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
@pytest.mark.parametrize("size", [16, 32, 64, 128, 256])
def test_one_number_a_picture(size, norm):
    judge = DCGANDiscriminator(ndf=2, image_size=size, norm=norm)
    assert judge(torch.zeros(2, 3, size, size)).shape == (2, 1, 1, 1)
    with pytest.raises(OptionError, match=f"pictures of {size}x{size}, not 64x{size + 1}"):
        judge(torch.zeros(1, 3, 64, size + 1))


@pytest.mark.parametrize("downsample", ["stride", "blur"])
@pytest.mark.parametrize("shape,size", [("paper", (14, 10)), ("pytorch_gan", (16, 12))])
def test_variants_of_the_patchgan(downsample, shape, size):
    judge = PatchGANDiscriminator(ndf=4, n_layers=2, downsample=downsample, shape=shape)
    x = (torch.rand(2, 3, 64, 48) * 2 - 1).requires_grad_()
    outputs = judge(x)
    if downsample == "stride":
        assert outputs.shape == (2, 1, *size)
    outputs.square().sum().backward()
    assert all(parameter.grad is not None for parameter in judge.parameters())
    least = judge.min_size
    assert judge(torch.rand(1, 3, least, least)).numel() >= 1


def test_a_blurred_patchgan_hardly_minds_a_shift():
    """Moved by a pixel, outputs of strided convolutions are new ones; after a blur they are nearly the same."""
    x = torch.rand(1, 3, 67, 67)
    change = {}
    for downsample in ("stride", "blur"):
        torch.manual_seed(0)
        judge = PatchGANDiscriminator(ndf=8, n_layers=2, norm="none", downsample=downsample)
        with torch.inference_mode():
            one, other = judge(x[..., :-1]), judge(x[..., 1:])
        inner = (..., slice(3, -3), slice(3, -3))
        change[downsample] = ((one - other)[inner].square().mean() / one[inner].var()).item()
    assert change["blur"] < 0.6 * change["stride"]


def test_several_scales():
    torch.manual_seed(0)
    judge = MultiScaleDiscriminator(ndf=4, n_layers=1, n_scales=3).eval()
    x = torch.rand(1, 3, 64, 48) * 2 - 1
    outputs = judge(x)
    assert [tuple(output.shape[2:]) for output in outputs] == [(30, 22), (14, 10), (6, 4)]
    small = F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)
    torch.testing.assert_close(judge.scales[1](small), outputs[1])
    score = judge.score(gradient(size=(48, 64)))
    assert score.map.shape == (30, 22) and 0 <= score.value <= 1
    # Each scale counts alike: were it patches that do, the finest would hold most of the vote.
    for scale, output in zip(judge.scales, (0.0, 0.0, 1.0), strict=True):
        scale[-1].weight.data.zero_()
        scale[-1].bias.data.fill_(output)
    score = judge.score(gradient(size=(48, 64)))
    assert score.value == pytest.approx(1 / 3) and np.allclose(score.map, 1 / 3)


def test_a_pixel_is_judged_by_itself():
    judge = make(PixelDiscriminator, norm="batch").double()
    x = torch.rand(1, 3, 8, 8, dtype=torch.float64, requires_grad=True)
    judge(x)[0, 0, 3, 5].backward()
    assert x.grad.abs().sum((0, 1)).nonzero().tolist() == [[3, 5]]


@pytest.mark.parametrize("cls", KINDS)
@pytest.mark.parametrize("size", [(1, 1), (3, 50), (64, 48)])
def test_any_picture_has_a_score(cls, size, tmp_path):
    judge = make(cls)
    gradient(size=size).save(tmp_path / "a.png")
    score = judge.score(tmp_path / "a.png")
    assert 0 <= score.value <= 1 and score.map.dtype == np.float32 and score.map.ndim == 2
    assert score.value == pytest.approx(score.map.mean(), abs=1e-6)
    assert score.heatmap(size).size == size
    if cls is DCGANDiscriminator:
        assert score.map.shape == (1, 1)


def test_a_whole_picture_is_judged_by_its_middle():
    judge = make(DCGANDiscriminator, gan_loss="log")
    picture = gradient(size=(64, 32))
    with torch.inference_mode():
        expected = torch.sigmoid(judge(to_tensor(picture.crop((16, 0, 48, 32)))[None])).item()
    assert judge.score(picture).value == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("cls", KINDS)
@pytest.mark.parametrize("channels,modes", [(6, ("RGB", "RGB")), (4, ("L", "RGB")), (2, ("L", "L"))])
def test_a_painting_beside_its_photo(cls, channels, modes):
    judge = make(cls, in_channels=channels, gan_loss="log")
    photo, painting = gradient(size=(32, 32)), gradient(size=(32, 32)).transpose(Image.Transpose.ROTATE_90)
    pairs = zip((photo, painting), modes, strict=True)
    both = torch.cat([to_tensor(picture, len(mode)) for picture, mode in pairs])
    with torch.inference_mode():
        expected = torch.sigmoid(judge(both[None]))[0, 0].numpy()
    np.testing.assert_allclose(judge.score(painting, condition=photo).map, expected, atol=1e-6)
    # A photo of another size is brought to the painting's.
    larger = photo.resize((64, 96), Image.Resampling.BICUBIC)
    assert judge.score(painting, condition=larger).map.shape == expected.shape


@pytest.mark.parametrize("cls", KINDS)
def test_a_condition_that_is_missing_surplus_or_broken_is_one_sentence(cls):
    picture = gradient()
    with pytest.raises(OptionError, match=r"beside its photo: score\(image, condition=photo\)"):
        make(cls, in_channels=6).score(picture)
    with pytest.raises(OptionError, match="leave condition out"):
        make(cls).score(picture, condition=picture)
    with pytest.raises(OptionError, match="this network takes 5"):
        make(cls, in_channels=5).score(picture)
    with pytest.raises(ImageError):
        make(cls, in_channels=6).score(picture, condition=b"no picture")


def test_the_bundled_judge_is_as_before():
    judge = AutoModel.from_pretrained("ukiyoe", subfolder="discriminator")
    assert isinstance(judge, PatchGANDiscriminator)
    assert 0 <= judge.score(gradient(size=(128, 96))).value <= 1


@pytest.mark.parametrize(
    "cls,options",
    [
        (PixelDiscriminator, {"norm": "layer"}),
        (PatchGANDiscriminator, {"shape": "hd"}),
        (MultiScaleDiscriminator, {"n_scales": 0}),
        (DCGANDiscriminator, {"image_size": 50}),
        (DCGANDiscriminator, {"ndf": 0}),
        (PatchGANDiscriminator, {"gan_loss": "wgan"}),
    ],
)
def test_impossible_options(cls, options):
    with pytest.raises(ConfigError, match=next(iter(options))):
        cls(**options)


# ---- told the style ----
def test_a_style_is_judged_by_its_own_expectations():
    torch.manual_seed(0)
    judge = StylePatchGANDiscriminator(ndf=4, n_layers=2, styles=("monet", "ukiyoe")).eval()
    plain = PatchGANDiscriminator(ndf=4, n_layers=2).eval()
    plain.load_state_dict({k: v for k, v in judge.state_dict().items() if k.startswith("layers")})
    x = torch.rand(2, 3, 32, 48) * 2 - 1
    with torch.no_grad():
        judge.embedding.weight[0] = 0
        outputs = judge(x, torch.tensor([0, 1]))
        assert torch.equal(outputs[:1], plain(x[:1])), "without expectations it is a PatchGAN"
        assert not torch.allclose(outputs[1:], plain(x[1:]))
        # a style for each picture, whatever else is in the batch
        torch.testing.assert_close(outputs[1:], judge(x[1:], torch.tensor([1])))


def test_a_style_has_a_score():
    torch.manual_seed(0)
    judge = StylePatchGANDiscriminator(ndf=4, n_layers=2, styles=("monet", "ukiyoe")).eval()
    picture = gradient(size=(40, 32))
    scores = [judge.score(picture, style) for style in ("monet", "ukiyoe")]
    assert all(0 <= score.value <= 1 and score.map.ndim == 2 for score in scores)
    assert scores[0].value != scores[1].value
    with pytest.raises(OptionError, match="no style 'vangogh' here; there are: monet, ukiyoe"):
        judge.score(picture, "vangogh")


def test_what_is_seen_is_judged_layer_by_layer():
    torch.manual_seed(0)
    judge = FeatureDiscriminator(styles=("monet", "ukiyoe"), width=8)
    with torch.no_grad():
        seen = VGG16Features()(torch.rand(2, 3, 64, 64) * 2 - 1)
    outputs = judge(seen, torch.tensor([0, 1]))
    assert [tuple(output.shape) for output in outputs] == [(2, 1, 16, 16), (2, 1, 8, 8), (2, 1, 4, 4)]
    swapped = judge(seen, torch.tensor([1, 0]))
    assert all(not torch.allclose(one, other) for one, other in zip(outputs, swapped, strict=True))
    sum(output.square().sum() for output in outputs).backward()
    assert all(parameter.grad is not None for parameter in judge.parameters())


def test_a_spectral_convolution_never_stretches():
    """Against torch's own, which comes near the same after many steps of power iteration."""
    torch.manual_seed(0)
    own, theirs = SpectralConv2d(6, 5, 3), torch.nn.Conv2d(6, 5, 3)
    theirs.load_state_dict(own.state_dict())
    theirs = torch.nn.utils.parametrizations.spectral_norm(theirs, n_power_iterations=500)
    x = torch.rand(2, 6, 7, 8)
    torch.testing.assert_close(own(x), theirs(x), atol=1e-5, rtol=1e-4)
    # without a state, parts of a batch are the batch
    torch.testing.assert_close(own(x)[1:], own(x[1:]))
    assert len(own.state_dict()) == 2


def test_a_spectral_convolution_is_computed_in_full_precision(monkeypatch):
    """GPUs have no eigenvalues in half precision, and unlike CPUs do not fall back."""
    solve = torch.linalg.eigvalsh

    def strict(matrix):
        assert matrix.dtype == torch.float32
        return solve(matrix)

    monkeypatch.setattr(torch.linalg, "eigvalsh", strict)
    with torch.autocast("cpu", torch.bfloat16):
        assert SpectralConv2d(6, 5, 3)(torch.rand(2, 6, 7, 8)).dtype == torch.bfloat16
