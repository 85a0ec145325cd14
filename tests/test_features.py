"""The bundled VGG16 features: their shapes, their arithmetic, and that they see what a style is."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file

from hfstyle.assets import ASSETS
from hfstyle.errors import OptionError
from hfstyle.features import LAYERS, MEAN, VGG16Features
from hfstyle.losses import content_loss, gram_loss, gram_matrix
from hfstyle.tensors import to_tensor


@pytest.fixture(scope="module")
def network():
    return VGG16Features()


def test_layers_and_shapes(network):
    features = network(torch.zeros(2, 3, 48, 64))
    assert {name: tuple(value.shape) for name, value in features.items()} == {
        "relu1_2": (2, 64, 48, 64),
        "relu2_2": (2, 128, 24, 32),
        "relu3_3": (2, 256, 12, 16),
        "relu4_3": (2, 512, 6, 8),
    }
    assert sum(parameter.numel() for parameter in network.parameters()) == 7_635_264
    shallow = VGG16Features(["relu2_1"])
    assert list(shallow(torch.zeros(1, 3, 16, 16))) == ["relu2_1"] and len(shallow.convolutions) == 3
    once = network(torch.zeros(1, 3, 16, 16), ["relu2_2"])
    assert list(once) == ["relu2_2"] and torch.equal(once["relu2_2"], network(torch.zeros(1, 3, 16, 16))["relu2_2"])
    for wrong in ([], ["relu5_1"], ["pool1"]):
        with pytest.raises(OptionError, match="VGG16 features are any of relu1_1"):
            VGG16Features(wrong)


def test_the_arithmetic_is_that_of_the_published_network(network):
    """Written out in the published convention: BGR of 0..255 less the mean."""
    state = load_file(ASSETS / "vgg16.safetensors")
    pixels = np.random.default_rng(0).integers(0, 256, (20, 24, 3), dtype=np.uint8)
    x = torch.from_numpy(pixels[..., ::-1].copy()).float() - torch.tensor(MEAN)
    x = x.permute(2, 0, 1)[None]
    for name in LAYERS[:7]:
        x = F.max_pool2d(x, 2) if name in ("conv2_1", "conv3_1") else x
        weight = state[f"{name}.weight"].float() * state[f"{name}.scale"].reshape(-1, 1, 1, 1)
        x = F.conv2d(x, weight, state[f"{name}.bias"].float(), padding=1).clamp_min(0)
    ours = network(to_tensor(Image.fromarray(pixels))[None])["relu3_3"]
    torch.testing.assert_close(ours, x, atol=x.max().item() * 1e-5, rtol=1e-4)


def test_it_is_never_trained_but_passes_gradients_on(network):
    images = torch.zeros(1, 3, 32, 32, requires_grad=True)
    network(images)["relu4_3"].sum().backward()
    assert images.grad.abs().sum() > 0
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_gram_sees_texture_and_content_sees_places(network):
    """A texture moved elsewhere keeps its Gram matrices and loses its content; another texture loses both."""
    noise = np.random.default_rng(0)
    stripes = np.tile((np.arange(96) // 16 % 2 * 255)[None, :, None], (96, 1, 3)).astype(np.uint8)
    dots = noise.integers(0, 256, (96, 96, 1), dtype=np.uint8).repeat(3, 2)
    images = {"stripes": stripes, "moved": np.roll(stripes, 16, 1), "dots": dots}
    features = {name: network(to_tensor(Image.fromarray(pixels))[None]) for name, pixels in images.items()}
    target = {name: gram_matrix(value) for name, value in features["stripes"].items()}
    assert gram_loss(features["moved"], target) < 0.1 * gram_loss(features["dots"], target)
    moved = content_loss(features["moved"]["relu3_3"], features["stripes"]["relu3_3"])
    assert moved > 0.3 and content_loss(features["stripes"]["relu3_3"], features["stripes"]["relu3_3"]) == 0
