"""The way between pictures and tensors."""

import torch
from PIL import Image

from hfstyle.images import from_array, to_array


def to_tensor(image: Image.Image, channels: int = 3) -> torch.Tensor:
    """An image as float32 of shape (channels, height, width) in [-1, 1]; `channels` is 1 (grey) or 3 (RGB)."""
    return torch.from_numpy(to_array(image, channels))


def to_image(tensor: torch.Tensor) -> Image.Image:
    """The inverse of `to_tensor`: (1 or 3, height, width) in [-1, 1], clipped and rounded, to an RGB image."""
    return from_array(tensor.detach().float().cpu().numpy())
