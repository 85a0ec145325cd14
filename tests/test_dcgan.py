"""Pictures from noise: the same seed, the same picture, whatever else is asked for."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from hfstyle import DCGANDiscriminator, DCGANGenerator, Pix2PixGenerator
from hfstyle.errors import ConfigError, OptionError
from hfstyle.generators.dcgan import slerp
from hfstyle.training.adversary import init_weights


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    model = DCGANGenerator(latent_dim=20, ngf=4, image_size=32)
    for _ in range(20):  # running averages that are not those of a fresh layer
        model(torch.randn(8, 20))
    return model.eval()


def same(a: Image.Image, b: Image.Image) -> bool:
    return np.array_equal(np.asarray(a), np.asarray(b))


def test_parameters_of_the_paper():
    with torch.device("meta"):
        # 100·512·16 + 512·256·16 + 256·128·16 + 128·64·16 + 64·3·16, two for each normalised channel, a last bias
        assert DCGANGenerator().num_parameters == 3_574_784 + 2 * (512 + 256 + 128 + 64) + 3


@pytest.mark.parametrize("upsample", ["transpose", "resize"])
@pytest.mark.parametrize("size", [16, 32, 64, 128, 256])
def test_every_size_runs_and_learns(size, upsample):
    generator = DCGANGenerator(latent_dim=6, out_channels=1, ngf=2, image_size=size, upsample=upsample)
    maps = generator.head(torch.randn(2, 6, 1, 1))
    assert maps.shape[2:] == (4, 4) and maps.shape[1] == 2 * min(8, size // 8)
    pictures = generator(torch.randn(3, 6))
    assert pictures.shape == (3, 1, size, size) and pictures.abs().max() <= 1
    pictures.square().sum().backward()
    assert all(parameter.grad is not None for parameter in generator.parameters())


def test_a_picture_depends_on_its_seed_and_place_alone(model):
    pictures = model.generate(5, seed=3)
    assert all(picture.size == (32, 32) and picture.mode == "RGB" for picture in pictures)
    assert all(same(a, b) for a, b in zip(pictures, model.generate(2, seed=3), strict=False))
    (fourth,) = model.decode(model.latent(3, 3)[None])
    assert same(fourth, pictures[3])
    assert same(model.generate()[0], model.generate(n=1, seed=0)[0])
    everything = [*pictures, *model.generate(5, seed=4), *model.generate(5, seed=0)]
    assert len({picture.tobytes() for picture in everything}) == 15


def test_it_asks_no_global_random_state_and_changes_none(model):
    torch.manual_seed(1)
    first = model.generate(2, seed=1)
    torch.manual_seed(2)
    np.random.seed(2)
    assert all(same(a, b) for a, b in zip(first, model.generate(2, seed=1), strict=True))
    state = torch.get_rng_state()
    model.generate(1)
    assert torch.equal(torch.get_rng_state(), state)


def test_latents_are_standard_normal_and_known():
    model = DCGANGenerator(latent_dim=4096, ngf=1, image_size=16)
    z = torch.cat([model.latent(seed, index) for seed in (0, 2**32 - 1) for index in range(8)])
    assert z.dtype == torch.float32 and z.device.type == "cpu"
    assert abs(z.mean()) < 0.02 and abs(z.std() - 1) < 0.02
    apart = torch.corrcoef(torch.stack([model.latent(0, 0), model.latent(0, 1), model.latent(1, 0)]))
    assert (apart - torch.eye(3)).abs().max() < 0.06


def test_what_a_seed_means_does_not_change():
    latent = DCGANGenerator(latent_dim=3, ngf=1, image_size=16).latent(7, 2)
    assert latent.tolist() == pytest.approx([-0.79198468, 0.46240159, 0.52626276])


def test_truncation_is_that_of_resampling(model):
    wide = DCGANGenerator(latent_dim=4096, ngf=1, image_size=16)
    for limit in (0.01, 0.5, 2.0):
        z = torch.cat([wide.latent(0, index, truncation=limit) for index in range(8)])
        drawn = torch.randn(2_000_000 if limit < 0.1 else 200_000, generator=torch.Generator().manual_seed(0))
        drawn = drawn[drawn.abs() <= limit]
        assert z.abs().max() <= limit
        assert abs(z.std() / drawn.std() - 1) < 0.02
    in_order = wide.latent(0, truncation=2.0)[wide.latent(0).argsort()]
    assert (in_order.diff() >= 0).all(), "the same picture, only less so"
    torch.testing.assert_close(wide.latent(0, truncation=50.0), wide.latent(0))
    assert same(model.generate(1, truncation=0.7)[0], model.decode(model.latent(0, truncation=0.7)[None])[0])


def test_batch_norm_goes_by_its_running_averages(model):
    expected = model.generate(2, seed=5)
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    model.train()
    try:
        assert all(same(a, b) for a, b in zip(model.generate(2, seed=5), expected, strict=True))
        assert model.training
        assert all(torch.equal(buffer, buffers[name]) for name, buffer in model.named_buffers())
    finally:
        model.eval()


def test_the_pixels_are_those_of_the_network(model):
    with torch.inference_mode():
        pixels = (model(model.latent(0)[None])[0] + 1) * 127.5
    assert np.array_equal(np.asarray(model.generate()[0]), pixels.round().byte().permute(1, 2, 0).numpy())


@pytest.mark.parametrize("truncation", [None, 1.0])
def test_a_walk_starts_and_ends_where_it_says(model, truncation):
    walk = model.interpolate(1, 2, steps=5, truncation=truncation)
    assert len(walk) == 5 and len({picture.tobytes() for picture in walk}) == 5
    assert same(walk[0], model.generate(seed=1, truncation=truncation)[0])
    assert same(walk[-1], model.generate(seed=2, truncation=truncation)[0])
    assert all(same(a, b) for a, b in zip(walk, model.interpolate(2, 1, 5, truncation)[::-1], strict=True))
    still = model.interpolate(1, 1, steps=3)
    assert all(same(picture, still[0]) for picture in still)


def test_slerp_stays_on_the_sphere():
    a, b = torch.randn(2, 50, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    b = b / b.norm() * a.norm()
    for t in (0.1, 0.5, 0.8):
        c = slerp(a, b, t)
        assert c.norm() == pytest.approx(a.norm())
        # An even pace: at t, that part of the angle is behind us.
        angles = [torch.acos(torch.dot(a, x) / a.norm() ** 2) for x in (c, b)]
        assert angles[0] / angles[1] == pytest.approx(t)
    assert torch.equal(slerp(a, b, 0.0), a) and torch.equal(slerp(a, b, 1.0), b)
    for parallel in (a, 2 * a, -a):
        assert torch.equal(slerp(a, parallel, 0.0), a) and torch.equal(slerp(a, parallel, 1.0), parallel)
        assert slerp(a, parallel, 0.3).isfinite().all()


@pytest.mark.parametrize(
    "call,words",
    [
        (lambda m: m.generate(0), "n must be a whole number from 1, not 0"),
        (lambda m: m.generate(2.0), "n must be a whole number"),
        (lambda m: m.generate(True), "n must be a whole number"),
        (lambda m: m.generate(seed=-1), "seed must be a whole number from 0, not -1"),
        (lambda m: m.generate(seed="x"), "seed must be a whole number"),
        (lambda m: m.generate(seed=2**32), r"seed must be less than 2\^32"),
        (lambda m: m.latent(0, -1), "index must be a whole number"),
        (lambda m: m.generate(truncation=0.0), "truncation must be greater than 0, not 0.0"),
        (lambda m: m.generate(truncation=float("nan")), "truncation must be greater than 0"),
        (lambda m: m.interpolate(0, 1, 1), "steps must be a whole number from 2, not 1"),
        (lambda m: m.decode(torch.zeros(20)), r"latents have the shape \(n, 20\), not \(20,\)"),
        (lambda m: m.decode(torch.zeros(2, 3)), r"latents have the shape \(n, 20\), not \(2, 3\)"),
    ],
)
def test_bad_arguments_are_one_sentence(model, call, words):
    with pytest.raises(OptionError, match=words) as error:
        call(model)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "options", [{"image_size": 48}, {"image_size": 8}, {"latent_dim": 0}, {"upsample": "bicubic"}]
)
def test_impossible_options(options):
    with pytest.raises(ConfigError, match=next(iter(options))):
        DCGANGenerator(**options)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_other_types(model, tmp_path, dtype):
    model.save_pretrained(tmp_path)
    other = DCGANGenerator.from_pretrained(tmp_path, dtype=dtype).generate(seed=1)[0]
    difference = np.asarray(other, int) - np.asarray(model.generate(seed=1)[0], int)
    assert np.abs(difference).max() <= 8


@pytest.mark.parametrize(
    "cls,options",
    [
        (DCGANGenerator, {"latent_dim": 32, "ngf": 32, "image_size": 32}),
        (Pix2PixGenerator, {"ngf": 32, "n_downs": 5}),
        (DCGANDiscriminator, {"ndf": 32, "image_size": 32}),
    ],
)
def test_initial_weights_are_those_of_the_paper(cls, options):
    torch.manual_seed(0)
    network = init_weights(cls(**options), norms=True)
    norms = [m for m in network.modules() if isinstance(m, (nn.BatchNorm2d, nn.InstanceNorm2d))]
    scales = torch.cat([norm.weight for norm in norms])
    assert abs(scales.mean() - 1) < 0.01 and abs(scales.std() - 0.02) < 0.003
    assert all((norm.bias == 0).all() for norm in norms)
    convolutions = [m for m in network.modules() if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d))]
    weights = torch.cat([convolution.weight.ravel() for convolution in convolutions])
    assert abs(weights.mean()) < 1e-3 and abs(weights.std() - 0.02) < 1e-3
