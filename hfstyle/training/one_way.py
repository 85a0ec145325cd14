"""What the methods with one generator and one discriminator share: what they show and what they save."""

from pathlib import Path

import torch
from PIL import Image
from torch import nn


class OneWay:
    """Base of the methods that paint photos and know no way back."""

    averaged = ("generator",)
    """Networks whose running mean is saved and sampled."""

    def sample(
        self, networks: dict[str, nn.Module], photos: list[Image.Image], paintings: list[Image.Image]
    ) -> list[list[Image.Image]]:
        """Rows of a sample sheet: photos, their paintings; paintings to compare with."""
        return [photos, [networks["generator"].stylize(photo) for photo in photos], paintings]

    def save_pretrained(
        self, networks: dict[str, nn.Module], folder: Path, card: str | None, dtype: torch.dtype | None = None
    ) -> None:
        """Write the generator at the top, its discriminator in `discriminator/`."""
        networks["discriminator"].save_pretrained(folder / "discriminator", dtype=dtype, card="")
        networks["generator"].save_pretrained(folder, dtype=dtype, card=card)
