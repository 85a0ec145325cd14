"""Discriminators: networks that tell a style's pictures from imitations, patch by patch."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from PIL import Image
from torch import nn

from hfstyle.hub import ModelConfig, PreTrainedModel, ranged
from hfstyle.images import ImageSource, read_image, split_alpha, to_tensor
from hfstyle.stylize import fit_pixels


@dataclass(frozen=True)
class PatchGANConfig(ModelConfig):
    in_channels: int = ranged(3, 1, 64)
    """Channels of the input; 3 is RGB."""
    ndf: int = ranged(64, 1, 512)
    """Channels after the first convolution; doubled by each of the next, up to eight times as many."""
    n_layers: int = ranged(3, 1, 6)
    """Convolutions of stride 2: 3 sees patches of 70x70 pixels, 1 of 16x16, 5 of 286x286."""
    norm: Literal["instance", "batch"] = "instance"
    """Normalisation between the convolutions."""
    gan_loss: Literal["lsgan", "log", "hinge"] = "lsgan"
    """The adversarial loss it was trained with, which says what its outputs mean."""


@dataclass(frozen=True)
class StyleScore:
    """How much a picture looks like a style, by the judgement of that style's discriminator."""

    value: float
    """Mean over the patches, from 0 (an imitation) to 1 (the real thing)."""
    map: np.ndarray
    """float32 of shape (rows, columns) in [0, 1]: the same for each patch, top left first."""

    def heatmap(self, size: tuple[int, int]) -> Image.Image:
        """The map as a grey picture of `size` (width, height): white where the style is convincing."""
        return Image.fromarray((self.map * 255).round().astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)


class PatchGANDiscriminator(PreTrainedModel):
    """C64-C128-C256-C512 and a 1-channel convolution, kernels of 4 (Isola et al. 2017, arXiv:1611.07004, 6.1.2).

    (batch, in_channels, height, width) in [-1, 1] -> (batch, 1, rows, columns), a number for each overlapping patch.
    With `n_layers=3` height and width are at least 24.
    """

    Config = PatchGANConfig
    config: PatchGANConfig

    def __init__(self, config: PatchGANConfig | None = None, **options):
        super().__init__(config, **options)
        c = self.config
        widths = [min(2**i, 8) * c.ndf for i in range(c.n_layers + 1)]
        layers = [nn.Conv2d(c.in_channels, c.ndf, 4, stride=2, padding=1), nn.LeakyReLU(0.2, inplace=True)]
        for i, (inputs, outputs) in enumerate(zip(widths, widths[1:], strict=False)):
            stride = 2 if i < c.n_layers - 1 else 1
            layers += [
                nn.Conv2d(inputs, outputs, 4, stride=stride, padding=1, bias=c.norm != "batch"),
                nn.BatchNorm2d(outputs) if c.norm == "batch" else nn.InstanceNorm2d(outputs),
                nn.LeakyReLU(0.2, inplace=True),
            ]
        self.layers = nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 4, padding=1))

    @property
    def min_size(self) -> int:
        """The smallest height and width from which at least one patch and one value to normalise is left."""
        return 2 ** (self.config.n_layers) * 3

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)

    @torch.inference_mode()
    def score(self, image: ImageSource, max_pixels: int = 1_000_000) -> StyleScore:
        """How much a picture looks like the style that this network has learnt, and where.

        A style has a scale: compare pictures of one size only, near that of the training pictures.

        Args:
            image: A PIL image, a path, the bytes of a file or an open file.
            max_pixels: A larger picture is made smaller first.
        """
        picture, _ = split_alpha(read_image(image))
        width, height = fit_pixels(picture.size, max_pixels)
        picture = picture.resize((max(width, self.min_size), max(height, self.min_size)), Image.Resampling.LANCZOS)
        pixels = to_tensor(picture, self.config.in_channels).unsqueeze(0).to(self.device, self.dtype)
        patches = self(pixels)[0, 0].float()
        # What the losses drive real and imitated patches to: lsgan 1 and 0, hinge beyond 1 and -1, log a logit.
        patches = {
            "lsgan": lambda x: x.clamp(0, 1),
            "log": torch.sigmoid,
            "hinge": lambda x: (x / 2 + 0.5).clamp(0, 1),
        }[self.config.gan_loss](patches)
        return StyleScore(patches.mean().item(), patches.cpu().numpy())
