"""Any picture in, the same size out: what `stylize` promises, for every model that has it."""

import io
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from PIL import Image
from test_images import encoded, gradient
from test_models import TINY

from hfstyle import CycleGANGenerator
from hfstyle.auto import MODEL_CLASSES
from hfstyle.errors import ImageError, OptionError
from hfstyle.hub import ModelConfig
from hfstyle.image_to_image import ImageToImageModel, to_tensor
from hfstyle.styles import StyledModel, StylePainter
from hfstyle.stylize import fit_pixels

GENERATORS = sorted(name for name, cls in MODEL_CLASSES.items() if issubclass(cls, ImageToImageModel))


@pytest.fixture(params=GENERATORS)
def model(request):
    torch.manual_seed(0)
    return of_one_style(MODEL_CLASSES[request.param](**TINY[request.param]).eval())


def of_one_style(model):
    return model.painter(model.styles[0]) if isinstance(model, StyledModel) else model


def network(model, pixels):
    if isinstance(model, StylePainter):
        return model.bank(pixels, model.bank.numbers_of(model.style)[None])
    return model(pixels)


@dataclass(frozen=True)
class IdentityConfig(ModelConfig):
    margin: int = 5


class Identity(ImageToImageModel):
    """Gives back what it gets, if the size suits it: shows what the path to and from a network does to a picture."""

    Config = IdentityConfig
    size_multiple = 8
    min_size = 24

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(()))

    def forward(self, x):
        assert x.shape[-1] % 8 == 0 and x.shape[-2] % 8 == 0 and min(x.shape[-2:]) >= 24
        return x * self.weight


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (1, 97), (5, 3), (16, 16), (31, 33), (64, 48), (101, 67), (257, 8)])
def test_same_size_out(model, size):
    image = gradient(size=size)
    result = model.stylize(image)
    assert result.size == size and result.mode == "RGB"
    assert result.info["stylized_size"] == size
    assert np.array_equal(np.asarray(result), np.asarray(model.stylize(image)))


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (23, 24), (25, 31), (64, 64)])
def test_the_picture_neither_shifts_nor_changes_on_its_way(size):
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (*size[::-1], 3), dtype=np.uint8))
    assert np.array_equal(np.asarray(Identity().stylize(image)), np.asarray(image))


def test_the_pixels_are_those_of_the_network(model):
    image = gradient(size=(96, 64))
    with torch.inference_mode():
        expected = (network(model, to_tensor(image)[None])[0].clamp(-1, 1) + 1) * 127.5
    assert np.array_equal(np.asarray(model.stylize(image)), expected.round().byte().permute(1, 2, 0).numpy())


def test_a_margin_is_mirrored_and_cut_away():
    torch.manual_seed(0)
    model = CycleGANGenerator(ngf=4, n_blocks=1, margin=6).eval()
    image = gradient(size=(64, 48))
    with torch.inference_mode():
        mirrored = torch.nn.functional.pad(to_tensor(image)[None], (6,) * 4, mode="reflect")
        expected = (model(mirrored)[0, :, 6:54, 6:70].clamp(-1, 1) + 1) * 127.5
    assert np.array_equal(np.asarray(model.stylize(image)), expected.round().byte().permute(1, 2, 0).numpy())


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK", "I;16", "F"])
def test_modes(model, mode):
    image = Image.fromarray(np.full((20, 20), 40000, np.uint16)) if mode == "I;16" else gradient("L").convert(mode)
    assert model.stylize(image).mode == "RGB"


def test_transparency_is_kept_to_the_bit(model):
    image = gradient()
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    for strength in (0.0, 0.5, 1.0):
        result = model.stylize(image, strength=strength)
        assert result.mode == "RGBA"
        assert np.array_equal(np.asarray(result)[..., 3], np.asarray(image)[..., 3])


def test_exif_orientation(model):
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(gradient(size=(40, 24)), "JPEG", quality=100, exif=exif)
    result = model.stylize(data)
    assert result.size == (24, 40)
    upright = Image.fromarray(np.rot90(np.asarray(Image.open(io.BytesIO(data))), k=-1))
    assert np.array_equal(np.asarray(result), np.asarray(model.stylize(upright)))


def test_paths_and_lists(model, tmp_path):
    image = gradient()
    image.save(tmp_path / "a.png")
    expected = np.asarray(model.stylize(image))
    results = model.stylize([tmp_path / "a.png", image, str(tmp_path / "a.png")])
    assert len(results) == 3 and all(np.array_equal(np.asarray(result), expected) for result in results)
    assert model.stylize([]) == []


def test_strength_goes_from_photo_to_painting(model):
    image = gradient()
    photo, painting = np.asarray(image, float), np.asarray(model.stylize(image), float)
    assert np.array_equal(np.asarray(model.stylize(image, strength=0)), photo)
    assert np.array_equal(np.asarray(model.stylize(image, strength=0, preserve_color=True)), photo)
    if not isinstance(model, StylePainter):  # which does not blend pixels, see test_stylebank.py
        half = np.asarray(model.stylize(image, strength=0.5), float)
        assert np.abs(half - (photo + painting) / 2).max() <= 1
    for bad in (-0.1, 1.1, float("nan")):
        with pytest.raises(OptionError, match="strength must lie between 0 and 1"):
            model.stylize(image, strength=bad)


def test_preserve_color(model):
    image = gradient()
    kept = np.asarray(model.stylize(image, preserve_color=True).convert("YCbCr"), int)
    painting = np.asarray(model.stylize(image).convert("YCbCr"), int)
    photo = np.asarray(image.convert("YCbCr"), int)
    inside = (np.asarray(model.stylize(image, preserve_color=True)) % 255 != 0).all(-1)  # where RGB did not clip
    assert np.abs(kept - painting)[..., 0][inside].max() <= 2
    assert np.abs(kept - photo)[..., 1:][inside].max() <= 2


def test_large_photos_are_stylised_smaller_and_come_back(model):
    result = model.stylize(gradient(size=(120, 80)), max_pixels=2400)
    assert result.size == (120, 80)
    assert result.info["stylized_size"] == (60, 40)
    with pytest.raises(OptionError, match="at least 1"):
        model.stylize(gradient(), max_pixels=0)


@pytest.mark.parametrize("size", [(1, 1), (100, 100), (9000, 1), (1, 9000), (640, 481), (99999, 3)])
@pytest.mark.parametrize("limit", [1, 2, 100, 4_000_000])
def test_fit_pixels(size, limit):
    width, height = fit_pixels(size, limit)
    assert 1 <= width <= size[0] and 1 <= height <= size[1]
    assert width * height <= limit
    if size[0] * size[1] <= limit:
        assert (width, height) == size


def test_bad_pictures_are_one_sentence(model, tmp_path):
    (tmp_path / "a.jpg").write_text("no")
    for bad in (tmp_path / "a.jpg", tmp_path / "none.jpg", b"", 7):
        with pytest.raises(ImageError):
            model.stylize(bad)
