"""pix2pix: from pictures to the pictures that belong to them (Isola et al. 2017, arXiv:1611.07004)."""

from dataclasses import dataclass
from typing import Literal

import torch
from accelerate import Accelerator
from torch import nn
from tyro.conf import Suppress

from hfstyle.data.streams import PictureStream
from hfstyle.errors import OptionError
from hfstyle.generators.unet import Pix2PixGenerator
from hfstyle.losses import l1_loss
from hfstyle.training.adversary import Adversary, set_requires_grad
from hfstyle.training.config import TranslationConfig
from hfstyle.training.material import paired
from hfstyle.training.method import Method
from hfstyle.training.noise import Noise
from hfstyle.training.start import start_chosen_discriminator, start_generator


@dataclass(kw_only=True)
class Pix2PixTrainConfig(TranslationConfig):
    """Pairs, photo and painting of the same thing: adversarial loss given the photo, and L1 to the painting."""

    target: str | None = None
    """The paintings, with the same names as the photos; left out where --source holds pictures with photo and painting
    side by side, or folders trainA and trainB."""
    direction: Literal["AtoB", "BtoA"] = "AtoB"
    """From --source (or the left half) to --target (or the right half), or back."""
    metric: Literal["kid", "content", "l1"] = "kid"
    """The step with the lowest is kept in best/. kid: distance between painted photos and the held-back paintings
    (Binkowski et al. 2018), content: between painted photos and photos, both in VGG16 features; l1: between painted
    photos and their own paintings."""
    n_downs: int = 8
    """Halvings of the U-Net: 8 at 256 pixels, 7 at 128. (The paper: 8.)"""
    norm: Literal["instance_affine", "instance", "batch"] = "instance_affine"
    """Normalisation of the U-Net. (The paper: batch, on single pictures, which is instance_affine.)"""
    dropout: bool = True
    """Dropout in the innermost levels of the way up, while training. (The paper: yes.)"""
    upsample: Literal["resize", "transpose"] = "resize"
    """How the U-Net grows back: resize leaves no checkerboard, transpose is the paper's."""
    gan_loss: Literal["lsgan", "log", "hinge"] = "log"
    """Adversarial loss. (The paper: log.)"""
    pool_size: int = 0
    """Past fakes that the discriminator is shown. (The paper: none.)"""
    lambda_tradition: Suppress[float] = 0.0
    lambda_l1: float = 100.0
    """Weight of the L1 distance to the painting that belongs to the photo. (The paper: 100.)"""

    def check(self) -> None:
        if not 2 <= self.n_downs <= 10:
            raise OptionError(f"--n-downs must lie between 2 and 10, not {self.n_downs}")
        if self.crop % 2**self.n_downs:
            raise OptionError(f"--crop must be a multiple of 2 to the --n-downs ({2**self.n_downs}), not {self.crop}")
        if (self.source_column is None) != (self.target_column is None):
            raise OptionError("--source-column and --target-column go together")
        super().check()
        self._at_least(0, "lambda_l1")


class Pix2Pix(Method):
    """A discriminator that sees photo and painting together, and the L1 distance to the right painting."""

    Config = Pix2PixTrainConfig
    name = "pix2pix"
    summary = (
        "Turns pictures of one kind into another, with a network that learnt from pairs (pix2pix, "
        "[arXiv:1611.07004](https://arxiv.org/abs/1611.07004))."
    )
    config: Pix2PixTrainConfig
    material = staticmethod(paired)

    def __init__(self, config: Pix2PixTrainConfig, accelerator: Accelerator, stream: PictureStream):
        super().__init__(config, accelerator, stream)
        generator = start_generator(
            Pix2PixGenerator, config, norms=True, ngf=config.ngf, n_downs=config.n_downs, norm=config.norm,
            dropout=config.dropout, upsample=config.upsample,
        )  # fmt: skip
        discriminator = start_chosen_discriminator(config, norms=True, in_channels=6)
        self.networks = {"generator": generator, "discriminator": discriminator}
        self.optimizers = {"generators": [*generator.parameters()], "discriminators": [*discriminator.parameters()]}
        self.add_terms(stream)
        self.pairs = Adversary(config.gan_loss, config.pool_size, config.diffaugment)
        self.pools = {"pairs": self.pairs.pool}

    def backward(self, images: list[torch.Tensor], noise: Noise, share: float) -> dict[str, torch.Tensor]:
        c = self.config
        generator, discriminator, *_ = self.networks.values()
        photos, paintings = images

        set_requires_grad(False, discriminator)
        fakes = generator(photos)
        fake_pairs = torch.cat([photos, fakes], 1)
        losses = {
            # beside its photo, the discriminator takes it for the painting
            "adversarial": self.pairs.generator_loss(discriminator, fake_pairs, noise),
            # pixel by pixel it is the painting
            "l1": c.lambda_l1 * l1_loss(fakes, paintings),
        }
        features = self.feature_terms.features(fakes, noise)
        losses |= self.terms(fakes, features, photos)
        self.accelerator.backward(sum(losses.values()) * share)

        set_requires_grad(True, discriminator)
        judged = self.feature_terms.discriminator_losses(features, paintings, noise)
        judged["discriminator"] = self.pairs.discriminator_loss(
            discriminator, torch.cat([photos, paintings], 1), fake_pairs, noise
        )
        self.accelerator.backward(sum(judged.values()) * share)
        return {name: loss.detach() for name, loss in (losses | judged).items()}

    def evaluate(
        self, networks: dict[str, nn.Module], images: list[torch.Tensor], noise: Noise
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Paintings of the photos, and how far they are from the right ones."""
        photos, paintings = images
        fakes = networks["generator"](photos)
        return fakes, {"l1": (fakes - paintings).abs().mean((1, 2, 3))}
