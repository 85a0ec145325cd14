"""What happens to a picture between the file and the network."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageEnhance, ImageOps

from hfstyle.tensors import to_tensor


@dataclass(frozen=True)
class Augmentation:
    """What happens to a picture between the file and the network."""

    crop: int
    """Side of the square that the network sees, in pixels."""
    resize: tuple[int, int]
    """Before cropping, the short side is scaled to a size drawn between these."""
    flip: bool = True
    """Mirror left and right half of the time."""
    aspect_jitter: float = 0.0
    """The width is further scaled by a factor drawn between 1 / (1 + this) and 1 + this."""

    color_jitter: float = 0.0
    """Brightness, contrast and saturation are each multiplied by a factor drawn between 1 - this and 1 + this."""

    def __call__(self, picture: Image.Image, random: np.random.Generator) -> torch.Tensor:
        """A float32 tensor of shape (3, crop, crop) in [-1, 1]."""
        return self._draw(picture.size, random)(picture)

    def pair(self, a: Image.Image, b: Image.Image, random: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Two pictures of one size that belong together, changed alike: two tensors (3, crop, crop) in [-1, 1]."""
        change = self._draw(a.size, random)
        return change(a), change(b)

    def _draw(self, size: tuple[int, int], random: np.random.Generator) -> Callable[[Image.Image], torch.Tensor]:
        """One random change, for pictures of one size. All that is random is drawn here."""
        picture_width, picture_height = size
        short = random.integers(self.resize[0], self.resize[1], endpoint=True)
        scale = short / min(size)
        stretch = (1 + self.aspect_jitter) ** random.uniform(-1, 1)
        width = max(self.crop, round(picture_width * scale * stretch))
        height = max(self.crop, round(picture_height * scale))
        left = random.integers(0, width - self.crop, endpoint=True)
        top = random.integers(0, height - self.crop, endpoint=True)
        # Scaling only the part that is kept costs a fraction of scaling the whole picture.
        fx, fy = picture_width / width, picture_height / height
        box = (left * fx, top * fy, (left + self.crop) * fx, (top + self.crop) * fy)
        mirrored = self.flip and random.random() < 0.5
        factors = 1 + self.color_jitter * random.uniform(-1, 1, 3) if self.color_jitter else None

        def change(picture: Image.Image) -> torch.Tensor:
            picture = picture.resize((self.crop, self.crop), Image.Resampling.BICUBIC, box=box)
            if mirrored:
                picture = ImageOps.mirror(picture)
            if factors is not None:
                for enhance, factor in zip(_ENHANCERS, factors, strict=True):
                    picture = enhance(picture).enhance(float(factor))
            return to_tensor(picture)

        return change


_ENHANCERS = (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color)
