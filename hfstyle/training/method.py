"""What all training methods have, and do unless they know better."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

import torch
from accelerate import Accelerator
from PIL import Image
from torch import nn

from hfstyle.data.streams import PictureStream
from hfstyle.losses import invented_loss, total_variation
from hfstyle.training.adversary import ImagePool
from hfstyle.training.config import PictureConfig
from hfstyle.training.material import Material
from hfstyle.training.noise import Noise
from hfstyle.training.perceptual import Features, FeatureTerms
from hfstyle.training.start import FEATURE_DISCRIMINATOR
from hfstyle.training.tradition import TraditionTerms


class Method(ABC):
    """One training method: which networks, which optimisers, what one step minimises.

    A subclass sets the class variables, fills `networks` and `optimizers` in `__init__`, and writes `backward`.
    """

    Config: ClassVar[type[PictureConfig]]
    """Its options; the docstring's first line is its help."""
    name: ClassVar[str]
    """`train.py NAME`."""
    summary: ClassVar[str]
    """First sentence of the model card."""
    samples_caption: ClassVar[str] = "Photographs and what the model makes of them."
    """What the card's sheet shows."""
    averaged: ClassVar[tuple[str, ...]] = ("generator",)
    """Networks whose running mean is saved, sampled and measured."""

    networks: dict[str, nn.Module]
    """All that learns, by name; saved in every checkpoint."""
    optimizers: dict[str, list[nn.Parameter]]
    """`generators` and `discriminators`: what each optimiser moves."""
    pools: dict[str, ImagePool]
    """Past fakes, saved in every checkpoint."""
    references: dict[str, nn.Module]
    """What training once started from and is held to, by name; saved in every checkpoint."""

    def __init__(self, config: PictureConfig, accelerator: Accelerator, stream: PictureStream):
        self.config = config
        self.accelerator = accelerator
        self.pools = {}
        self.references = {}

    def add_terms(self, stream: PictureStream) -> None:
        """The terms on VGG16 features, and of the tradition, that the options ask for; what they learn with joins the
        networks."""
        self.feature_terms = FeatureTerms(self.config, stream, self.accelerator)
        self.tradition_terms = TraditionTerms(self.config, stream, self.accelerator)
        self.networks |= self.feature_terms.networks
        for network in self.feature_terms.networks.values():
            self.optimizers["discriminators"] += network.parameters()

    def terms(
        self, fakes: torch.Tensor, features: Features, photos: torch.Tensor, styles: torch.Tensor | None = None
    ) -> dict[str, torch.Tensor]:
        """The weighted losses, besides its own, that the options ask of a generator.

        Args:
            fakes: What it made: (batch, 3, height, width) in [-1, 1].
            features: Of the fakes, by `feature_terms`.
            photos: What it made them from, of the same shape.
            styles: Numbers of the styles, int64 (batch,), where there are several.
        """
        losses = {}
        if self.config.lambda_tv:  # no more noise than need be
            losses["total_variation"] = self.config.lambda_tv * total_variation(fakes)
        if weight := getattr(self.config, "lambda_invented", 0.0):  # paints what is in the photo, not what is not
            losses["invented"] = weight * invented_loss(fakes, photos).mean()
        # texture of the paintings, content of the photo, and what VGG16 sees in it is as in a painting
        losses |= self.feature_terms.losses(features, photos, styles)
        # colours and space of the tradition
        return losses | self.tradition_terms.losses(fakes, photos, styles)

    @staticmethod
    @abstractmethod
    def material(config: PictureConfig, quiet: bool) -> Material:
        """The pictures that it learns from."""

    @abstractmethod
    def backward(self, images: list[torch.Tensor], noise: Noise, share: float) -> dict[str, torch.Tensor]:
        """Add the gradients of one batch, times `share`, and return its weighted losses.

        Args:
            images: The tensors of the stream's samples, each (batch, 3, crop, crop) in [-1, 1].
            noise: All random numbers, so that a batch in parts is the batch as a whole.
            share: Part of the step that this batch is.
        """

    def evaluate(
        self, networks: dict[str, nn.Module], images: list[torch.Tensor], noise: Noise
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Pictures made from held-back ones, and further measures: name -> (batch,), the lower the better."""
        return networks["generator"](images[0]), {}

    def sample(
        self, networks: dict[str, nn.Module], photos: list[Image.Image], paintings: list[Image.Image]
    ) -> list[list[Image.Image]]:
        """Rows of a sample sheet, those that `publishable_rows` counts first."""
        return [photos, [networks["generator"].stylize(photo) for photo in photos], paintings]

    @property
    def publishable_rows(self) -> int:
        """How many of a sample sheet's first rows may be shown to anybody."""
        return 2 if self.config.sample_photos is not None else 0

    def save_pretrained(
        self, networks: dict[str, nn.Module], folder: Path, card: str | None, dtype: torch.dtype | None = None
    ) -> None:
        """Write the generator at the top, its discriminator in `discriminator/`, that of features below it."""
        if (judge := networks.get("feature_discriminator")) is not None:
            judge.save_pretrained(folder / FEATURE_DISCRIMINATOR, dtype=dtype, card="")
        networks["discriminator"].save_pretrained(folder / "discriminator", dtype=dtype, card="")
        networks["generator"].save_pretrained(folder, dtype=dtype, card=card)
