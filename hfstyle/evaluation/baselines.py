"""What a style must be better than, made without learning anything."""

import warnings
from collections.abc import Iterable

import numpy as np
from PIL import Image

from hfstyle.errors import MissingExtraError


def color_statistics(pictures: Iterable[Image.Image]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of lightness, a and b (CIELAB), each (3,), averaged over pictures."""
    statistics = [(lab.mean((0, 1)), lab.std((0, 1))) for lab in map(_to_lab, pictures)]
    means, deviations = zip(*statistics, strict=True)
    return np.mean(means, 0), np.mean(deviations, 0)


def transfer_color(photo: Image.Image, mean: np.ndarray, deviation: np.ndarray) -> Image.Image:
    """Give a photo the mean and standard deviation of each channel that others have (Reinhard et al. 2001, "Color
    transfer between images"; in CIELAB where the paper has Ruderman's lab).

    Args:
        photo: An RGB picture.
        mean, deviation: See `color_statistics`.

    Returns:
        A new RGB picture of the same size. Colours that no screen has are clipped.
    """
    from skimage.color import lab2rgb

    lab = _to_lab(photo)
    spread = np.maximum(lab.std((0, 1)), 1e-3)  # a grey photo has no colours to spread
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of clipped colours
        rgb = lab2rgb((lab - lab.mean((0, 1))) / spread * deviation + mean)
    return Image.fromarray((rgb.clip(0, 1) * 255).round().astype(np.uint8))


def _to_lab(picture: Image.Image) -> np.ndarray:
    try:
        from skimage.color import rgb2lab
    except ImportError as error:
        raise MissingExtraError("colour transfer", "eval") from error
    return rgb2lab(np.asarray(picture.convert("RGB")))
