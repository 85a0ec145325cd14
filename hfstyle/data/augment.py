"""What happens to a picture between the file and the network."""

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageOps

from hfstyle.images import to_tensor


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

    def __call__(self, picture: Image.Image, random: np.random.Generator) -> torch.Tensor:
        """A float32 tensor of shape (3, crop, crop) in [-1, 1]."""
        short = random.integers(self.resize[0], self.resize[1], endpoint=True)
        scale = short / min(picture.size)
        stretch = (1 + self.aspect_jitter) ** random.uniform(-1, 1)
        width = max(self.crop, round(picture.width * scale * stretch))
        height = max(self.crop, round(picture.height * scale))
        left = random.integers(0, width - self.crop, endpoint=True)
        top = random.integers(0, height - self.crop, endpoint=True)
        # Scaling only the part that is kept costs a fraction of scaling the whole picture.
        fx, fy = picture.width / width, picture.height / height
        box = (left * fx, top * fy, (left + self.crop) * fx, (top + self.crop) * fy)
        picture = picture.resize((self.crop, self.crop), Image.Resampling.BICUBIC, box=box)
        if self.flip and random.random() < 0.5:
            picture = ImageOps.mirror(picture)
        return to_tensor(picture)
