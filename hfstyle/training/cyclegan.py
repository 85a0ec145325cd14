"""CycleGAN: two generators, one each way, held together by cycle consistency (Zhu et al. 2017, arXiv:1703.10593)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from accelerate import Accelerator
from PIL import Image
from torch import nn

from hfstyle.data.streams import PictureStream
from hfstyle.discriminators import PatchGANDiscriminator
from hfstyle.losses import l1_loss, total_variation
from hfstyle.training.adversary import Adversary, set_requires_grad
from hfstyle.training.config import UnpairedConfig
from hfstyle.training.material import unpaired
from hfstyle.training.method import Method
from hfstyle.training.noise import Noise
from hfstyle.training.start import start_discriminator, start_resnet, start_reverse_resnet


@dataclass(kw_only=True)
class CycleGANTrainConfig(UnpairedConfig):
    """Photos to paintings and back, from two unpaired folders: two directions, cycle and identity losses."""

    lambda_cycle: float = 10.0
    """Weight of the cycle loss. (The paper: 10.)"""
    lambda_identity: float = 0.5
    """Weight of the identity loss as a part of --lambda-cycle; it keeps colours. (The paper: 0.5, for paintings.)"""
    metric: Literal["kid", "content", "cycle"] = "kid"
    """The step with the lowest is kept in best/. kid: distance between painted photos and the held-back paintings
    (Binkowski et al. 2018), content: between painted photos and photos, both in VGG16 features; cycle: between photos
    and what comes back."""
    cycle_noise: float = 0.0
    """Noise (standard deviation, of a range of 2) added to a picture before it is translated back, so that generators
    cannot hide the photo in invisible patterns (Bashkirova et al. 2019, arXiv:1908.01517)."""

    def check(self) -> None:
        super().check()
        self._at_least(0, "lambda_cycle", "lambda_identity", "cycle_noise")


class CycleGAN(Method):
    """Two directions, held together by cycle consistency."""

    Config = CycleGANTrainConfig
    name = "cyclegan"
    summary = (
        "Turns photographs into paintings, with a network that learnt the style from unpaired pictures "
        "(CycleGAN, [arXiv:1703.10593](https://arxiv.org/abs/1703.10593))."
    )
    averaged = ("generator", "reverse_generator")
    config: CycleGANTrainConfig
    material = staticmethod(unpaired)

    def __init__(self, config: CycleGANTrainConfig, accelerator: Accelerator, stream: PictureStream):
        super().__init__(config, accelerator, stream)
        generator = start_resnet(config)
        discriminator = start_discriminator(PatchGANDiscriminator, config)
        reverse_generator = start_reverse_resnet(config, generator.config)
        reverse_discriminator = start_discriminator(PatchGANDiscriminator, config, "reverse/discriminator")
        self.networks = {
            "generator": generator,  # photo -> painting
            "reverse_generator": reverse_generator,  # painting -> photo
            "discriminator": discriminator,
            "reverse_discriminator": reverse_discriminator,
        }
        self.optimizers = {
            "generators": [*generator.parameters(), *reverse_generator.parameters()],
            "discriminators": [*discriminator.parameters(), *reverse_discriminator.parameters()],
        }
        self.add_terms(stream)
        self.paintings, self.photos = (
            Adversary(config.gan_loss, config.pool_size, config.diffaugment) for _ in range(2)
        )
        self.pools = {"paintings": self.paintings.pool, "photos": self.photos.pool}

    def backward(self, images: list[torch.Tensor], noise: Noise, share: float) -> dict[str, torch.Tensor]:
        """Add the gradients of one batch, times `share`, and return its losses.

        Both gradients are taken at the weights before the step, as in the reference implementation, where the
        discriminators learn from the very pictures that the generators just had to fool them with.
        """
        c = self.config
        generator, reverse_generator, discriminator, reverse_discriminator, *_ = self.networks.values()
        photos, paintings = images

        # ---- generators, one direction after the other: the sum of their gradients is that of both together, and only
        # half of what the backward passes need is in memory at a time. Passes through one network go as one batch.
        set_requires_grad(False, discriminator, reverse_discriminator)
        size = len(photos)
        with_identity = c.lambda_cycle * c.lambda_identity > 0

        inputs = torch.cat([photos, paintings]) if with_identity else photos
        fake_paintings, *same_paintings = generator(inputs).split(size)
        cycled_photos = reverse_generator(self._noisy(fake_paintings, noise))
        losses = {
            # the discriminator of paintings takes it for one
            "adversarial": self.paintings.generator_loss(discriminator, fake_paintings, noise),
            # there and back again is where it started
            "cycle": c.lambda_cycle * l1_loss(cycled_photos, photos),
        }
        if with_identity:
            # what is a painting already stays as it is
            losses["identity"] = c.lambda_cycle * c.lambda_identity * l1_loss(same_paintings[0], paintings)
        if c.lambda_tv:
            losses["total_variation"] = c.lambda_tv * total_variation(fake_paintings)
        features = self.feature_terms.features(fake_paintings)
        losses |= self.feature_terms.losses(features, photos)  # texture of the paintings, content of the photo
        losses |= self.tradition_terms.losses(fake_paintings, photos)  # colours and space of the tradition
        self.accelerator.backward(sum(losses.values()) * share)
        fake_paintings = fake_paintings.detach()
        features = {layer: value.detach() for layer, value in features.items()}

        inputs = torch.cat([paintings, photos]) if with_identity else paintings
        fake_photos, *same_photos = reverse_generator(inputs).split(size)
        cycled_paintings = generator(self._noisy(fake_photos, noise))
        reverse = {
            "adversarial_reverse": self.photos.generator_loss(reverse_discriminator, fake_photos, noise),
            "cycle_reverse": c.lambda_cycle * l1_loss(cycled_paintings, paintings),
        }
        if with_identity:
            reverse["identity_reverse"] = c.lambda_cycle * c.lambda_identity * l1_loss(same_photos[0], photos)
        self.accelerator.backward(sum(reverse.values()) * share)
        losses |= reverse

        # ---- discriminators
        set_requires_grad(True, discriminator, reverse_discriminator)
        judged = self.feature_terms.discriminator_losses(features, paintings)
        judged["discriminator"] = self.paintings.discriminator_loss(
            discriminator, paintings, fake_paintings, noise, photos if c.photo_negatives else None
        )
        judged["discriminator_reverse"] = self.photos.discriminator_loss(
            reverse_discriminator, photos, fake_photos, noise
        )
        self.accelerator.backward(sum(judged.values()) * share)
        return {name: loss.detach() for name, loss in (losses | judged).items()}

    def _noisy(self, images: torch.Tensor, noise: Noise) -> torch.Tensor:
        if not self.config.cycle_noise:
            return images
        return images + self.config.cycle_noise * noise.normal(*images.shape).to(images)

    def evaluate(
        self, networks: dict[str, nn.Module], images: list[torch.Tensor], noise: Noise
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Paintings of the photos, and how far from the photos these come back."""
        photos = images[0]
        fakes = networks["generator"](photos)
        return fakes, {"cycle": (networks["reverse_generator"](fakes) - photos).abs().mean((1, 2, 3))}

    def sample(
        self, networks: dict[str, nn.Module], photos: list[Image.Image], paintings: list[Image.Image]
    ) -> list[list[Image.Image]]:
        """Rows of a sample sheet: photos, their paintings, the photos that come back; paintings and their photos."""
        painted = [networks["generator"].stylize(photo) for photo in photos]
        back = [networks["reverse_generator"].stylize(painting) for painting in painted]
        unpainted = [networks["reverse_generator"].stylize(painting) for painting in paintings]
        return [photos, painted, back, paintings, unpainted]

    def save_pretrained(
        self, networks: dict[str, nn.Module], folder: Path, card: str | None, dtype: torch.dtype | None = None
    ) -> None:
        """Write, besides, the way back and its discriminator in `reverse/`."""
        networks["reverse_generator"].save_pretrained(folder / "reverse", dtype=dtype, card="")
        networks["reverse_discriminator"].save_pretrained(folder / "reverse" / "discriminator", dtype=dtype, card="")
        super().save_pretrained(networks, folder, card, dtype)
