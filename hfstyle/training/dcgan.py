"""DCGAN: new pictures from noise, after a collection (Radford et al. 2016, arXiv:1511.06434)."""

from dataclasses import dataclass
from typing import Literal

import torch
from accelerate import Accelerator
from PIL import Image
from torch import nn

from hfstyle.data.streams import PictureStream
from hfstyle.discriminators import DCGANDiscriminator
from hfstyle.errors import OptionError
from hfstyle.generators.dcgan import DCGANGenerator
from hfstyle.training.adversary import Adversary, set_requires_grad
from hfstyle.training.config import PictureConfig
from hfstyle.training.material import collection
from hfstyle.training.method import Method
from hfstyle.training.noise import Noise
from hfstyle.training.start import start_discriminator, start_generator

SIDES = (32, 64, 128, 256)


@dataclass(kw_only=True)
class DCGANTrainConfig(PictureConfig):
    """New pictures from noise, after a collection: the log loss of the first GANs, and optional Gram matrices."""

    crop: int = 64
    """Side of the pictures in pixels, which crops of the collection are: 32, 64, 128 or 256. (The paper: 64.)"""
    resize: tuple[int, int] = (64, 80)
    """Before cropping, the short side is scaled to a size drawn between these two."""
    batch_size: int = 64
    """Samples a step in each process. (The paper: 128.)"""
    max_steps: int = 20_000
    """Optimiser steps in all."""
    decay_start: float = 1.0
    """Part of the steps after which the rate falls linearly to zero. (The paper: never.)"""
    latent_dim: int = 100
    """Numbers that a picture is made from. (The paper: 100.)"""
    upsample: Literal["resize", "transpose"] = "transpose"
    """How the generator grows: transpose is the paper's, resize leaves no checkerboard."""
    discriminator_norm: Literal["batch", "instance", "none"] = "batch"
    """Normalisation of the discriminator. (The paper: batch.)"""
    gan_loss: Literal["lsgan", "log", "hinge"] = "log"
    """Adversarial loss. (The paper: log.)"""
    pool_size: int = 0
    """Past fakes that the discriminator is shown. (The paper: none.)"""

    def check(self) -> None:
        if self.crop not in SIDES:
            raise OptionError(f"--crop is the side of the pictures, one of {', '.join(map(str, SIDES))}")
        super().check()
        self._at_least(1, "latent_dim")


class DCGAN(Method):
    """A generator from noise, which a discriminator takes for the collection."""

    Config = DCGANTrainConfig
    name = "dcgan"
    summary = (
        "Imagines pictures from noise, after a collection that it learnt from (DCGAN, "
        "[arXiv:1511.06434](https://arxiv.org/abs/1511.06434))."
    )
    samples_caption = "Thirty-two pictures of one seed, as they came."
    config: DCGANTrainConfig
    material = staticmethod(collection)

    def __init__(self, config: DCGANTrainConfig, accelerator: Accelerator, stream: PictureStream):
        super().__init__(config, accelerator, stream)
        generator = start_generator(
            DCGANGenerator, config, norms=True, latent_dim=config.latent_dim, ngf=config.ngf,
            image_size=config.crop, upsample=config.upsample,
        )  # fmt: skip
        if generator.config.image_size != config.crop:
            raise OptionError(f"{config.init_from} makes pictures of {generator.config.image_size} pixels: --crop")
        discriminator = start_discriminator(
            DCGANDiscriminator, config, norms=True, image_size=config.crop, norm=config.discriminator_norm
        )
        self.latent_dim = generator.config.latent_dim
        self.networks = {"generator": generator, "discriminator": discriminator}
        self.optimizers = {"generators": [*generator.parameters()], "discriminators": [*discriminator.parameters()]}
        self.add_terms(stream)
        self.collection = Adversary(config.gan_loss, config.pool_size, config.diffaugment)
        self.pools = {"collection": self.collection.pool}

    def backward(self, images: list[torch.Tensor], noise: Noise, share: float) -> dict[str, torch.Tensor]:
        generator, discriminator, *_ = self.networks.values()
        (pictures,) = images

        set_requires_grad(False, discriminator)
        fakes = generator(noise.normal(len(pictures), self.latent_dim).to(pictures))
        # the discriminator takes it for one of the collection
        losses = {"adversarial": self.collection.generator_loss(discriminator, fakes, noise)}
        features = self.feature_terms.features(fakes, noise)
        losses |= self.terms(fakes, features, pictures)
        self.accelerator.backward(sum(losses.values()) * share)

        set_requires_grad(True, discriminator)
        judged = self.feature_terms.discriminator_losses(features, pictures, noise)
        judged["discriminator"] = self.collection.discriminator_loss(discriminator, pictures, fakes, noise)
        self.accelerator.backward(sum(judged.values()) * share)
        return {name: loss.detach() for name, loss in (losses | judged).items()}

    def evaluate(
        self, networks: dict[str, nn.Module], images: list[torch.Tensor], noise: Noise
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Pictures from always the same noise."""
        return networks["generator"](noise.normal(len(images[0]), self.latent_dim).to(images[0])), {}

    def sample(
        self, networks: dict[str, nn.Module], photos: list[Image.Image], paintings: list[Image.Image]
    ) -> list[list[Image.Image]]:
        """Rows of a sample sheet: 32 pictures of always the same seed; some of the collection."""
        made = networks["generator"].generate(n=32, seed=0)
        return [*(made[first : first + 8] for first in range(0, 32, 8)), paintings]

    publishable_rows = 4
    """Those that it made."""
