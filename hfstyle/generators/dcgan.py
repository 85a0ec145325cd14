"""The generator of DCGAN, which imagines pictures from noise (Radford et al. 2016, arXiv:1511.06434, figure 1)."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from PIL import Image
from torch import nn

from hfstyle.errors import OptionError
from hfstyle.generators.layers import grow
from hfstyle.hub import ModelConfig, PreTrainedModel, ranged
from hfstyle.tensors import to_image


@dataclass(frozen=True)
class DCGANConfig(ModelConfig):
    latent_dim: int = ranged(100, 1, 4096)
    """Numbers in a latent vector, the noise that a picture is made from."""
    out_channels: int = ranged(3, 1, 64)
    """Channels of the pictures; 3 is RGB, 1 is grey."""
    ngf: int = ranged(64, 1, 512)
    """Channels before the last convolution; doubled at each halving of the size, up to eight times as many."""
    image_size: Literal[16, 32, 64, 128, 256] = 64
    """Height and width of the pictures in pixels."""
    upsample: Literal["transpose", "resize"] = "transpose"
    """How it grows: transposed convolutions as in the paper, or nearest-neighbour resizing before a convolution,
    which leaves no checkerboard (Odena et al. 2016, "Deconvolution and checkerboard artifacts")."""


class DCGANGenerator(PreTrainedModel):
    """A latent vector becomes a map of 4x4, which is doubled until it is a picture; batch norm and ReLU between.

    (batch, latent_dim), drawn from N(0, 1) -> (batch, out_channels, image_size, image_size) in [-1, 1]. With its
    defaults it has 3,576,707 parameters: PyTorch's well-known example and a bias in the last convolution.

        pictures = DCGANGenerator.from_pretrained("owner/name").generate(n=16, seed=0)
    """

    Config = DCGANConfig
    pipeline_tag = "unconditional-image-generation"

    config: DCGANConfig

    def __init__(self, config: DCGANConfig | None = None, **options):
        super().__init__(config, **options)
        c = self.config
        doublings = int(math.log2(c.image_size)) - 3  # those between 4x4 and half the picture's size
        widths = [min(2**level, 8) * c.ngf for level in range(doublings, -1, -1)]
        self.head = nn.Sequential(  # (N, latent, 1, 1) -> (N, widths[0], 4, 4)
            nn.ConvTranspose2d(c.latent_dim, widths[0], 4, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(inplace=True),
        )
        self.up = nn.Sequential()  # -> (N, ngf, S/2, S/2)
        for inputs, outputs in zip(widths, widths[1:], strict=False):
            doubled = grow(inputs, outputs, c.upsample, bias=False)
            self.up.extend([doubled, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)])
        self.tail = nn.Sequential(grow(c.ngf, c.out_channels, c.upsample, bias=True), nn.Tanh())  # -> (N, out, S, S)

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        return self.tail(self.up(self.head(latents[:, :, None, None])))

    def generate(self, n: int = 1, seed: int = 0, truncation: float | None = None) -> list[Image.Image]:
        """Imagine pictures. The i-th of a seed is the same whatever `n` is.

        Args:
            n: How many.
            seed: From 0 to 2^32 - 1.
            truncation: See `latent`.

        Raises:
            OptionError: An argument is outside its range.
        """
        return self.decode(
            torch.stack([self.latent(seed, index, truncation) for index in range(_at_least(1, n, "n"))])
        )

    def latent(self, seed: int, index: int = 0, truncation: float | None = None) -> torch.Tensor:
        """The latent vector of a seed's `index`-th picture: float32 of shape (latent_dim,) from N(0, 1), on the CPU.

        It is the same on every machine, since it comes from NumPy's frozen generator.

        Args:
            seed: From 0 to 2^32 - 1.
            index: From 0 to 2^32 - 1.
            truncation: Draw from N(0, 1) cut off beyond ± this number: less variety, fewer failures. `None` is no
                limit; 2 is mild, 0.5 strong. It is the distribution of the truncation trick (Brock et al. 2019,
                arXiv:1809.11096, section 3.1), through its inverse cumulative function where they draw again, so that
                a seed stays recognisably the same picture.

        Raises:
            OptionError: An argument is outside its range.
        """
        for name, value in (("seed", seed), ("index", index)):
            if not 0 <= _at_least(0, value, name) < 2**32:
                raise OptionError(f"{name} must be less than 2^32, not {value}")
        z = torch.from_numpy(np.random.RandomState([seed, index]).standard_normal(self.config.latent_dim))
        if truncation is not None:
            if not truncation > 0:
                raise OptionError(f"truncation must be greater than 0, not {truncation}")
            low, high = torch.special.ndtr(torch.tensor([-truncation, truncation], dtype=z.dtype))
            z = torch.special.ndtri(low + torch.special.ndtr(z) * (high - low))
        return z.float()

    @torch.inference_mode()
    def decode(self, latents: torch.Tensor) -> list[Image.Image]:
        """The RGB picture of each of (n, latent_dim) latent vectors, in evaluation mode: by running averages.

        They are made one by one, since the size of a batch shows in the last bit. For thousands of pictures where that
        does not matter, call the network itself.

        Raises:
            OptionError: `latents` has another shape.
        """
        if latents.ndim != 2 or latents.shape[1] != self.config.latent_dim:
            raise OptionError(f"latents have the shape (n, {self.config.latent_dim}), not {tuple(latents.shape)}")
        training = self.training
        self.eval()
        try:
            return [to_image(self(z[None].to(self.device, self.dtype))[0]) for z in latents]
        finally:
            self.train(training)

    def interpolate(
        self, seed_a: int, seed_b: int, steps: int = 8, truncation: float | None = None
    ) -> list[Image.Image]:
        """A walk of `steps` pictures from one seed's first picture to another's, both included.

        Raises:
            OptionError: `steps` is less than 2, or another argument is outside its range.
        """
        _at_least(2, steps, "steps")
        a, b = self.latent(seed_a, truncation=truncation), self.latent(seed_b, truncation=truncation)
        return self.decode(torch.stack([slerp(a, b, step / (steps - 1)) for step in range(steps)]))


def slerp(a: torch.Tensor, b: torch.Tensor, t: float) -> torch.Tensor:
    """Spherical interpolation from vector `a` (t = 0) to `b` (t = 1) (Shoemake 1985; White 2016, arXiv:1609.04468).

    Latent vectors lie near a sphere, whose inside, where straight lines lead, the network has hardly seen.
    """
    cosine = torch.dot(a, b) / (a.norm() * b.norm())
    angle = math.acos(max(-1.0, min(1.0, cosine.item())))
    if math.sin(angle) < 1e-4:  # (almost) parallel: there is no arc between them, or no single one
        return a + t * (b - a) if t < 1 else b
    return math.sin((1 - t) * angle) / math.sin(angle) * a + math.sin(t * angle) / math.sin(angle) * b


def _at_least(low: int, value: int, name: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < low:
        raise OptionError(f"{name} must be a whole number from {low}, not {value!r:.40}")
    return value
