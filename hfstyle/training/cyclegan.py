"""CycleGAN: two generators, one each way, held together by cycle consistency (Zhu et al. 2017, arXiv:1703.10593)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from accelerate import Accelerator
from PIL import Image
from torch import nn

from hfstyle.data.streams import PictureStream
from hfstyle.losses import l1_loss
from hfstyle.training.adversary import Adversary, set_requires_grad
from hfstyle.training.config import UnpairedConfig
from hfstyle.training.lanes import Lanes
from hfstyle.training.material import unpaired
from hfstyle.training.method import Method
from hfstyle.training.noise import Noise
from hfstyle.training.start import start_chosen_discriminator, start_resnet, start_reverse_resnet


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
        discriminator = start_chosen_discriminator(config)
        reverse_generator = start_reverse_resnet(config, generator.config)
        reverse_discriminator = start_chosen_discriminator(config, "reverse/discriminator")
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
        # What is by chance, or counts its passes, cannot be computed once more.
        repeatable = not any(g.config.dropout or g.config.norm == "batch" for g in (generator, reverse_generator))
        self.lanes = Lanes(repeatable and accelerator.device.type == "cpu")
        self.paintings, self.photos = (
            Adversary(config.gan_loss, config.pool_size, config.diffaugment) for _ in range(2)
        )
        self.pools = {"paintings": self.paintings.pool, "photos": self.photos.pool}

    def backward(self, images: list[torch.Tensor], noise: Noise, share: float) -> dict[str, torch.Tensor]:
        """Add the gradients of one batch, times `share`, and return its losses.

        Both gradients are taken at the weights before the step, as in the reference implementation, where the
        discriminators learn from the very pictures that the generators just had to fool them with.
        """
        photos, paintings = images
        generator, reverse_generator, discriminator, reverse_discriminator, *_ = self.networks.values()
        one, other = noise.split(2)
        there = _Direction(self, generator, reverse_generator, discriminator, photos, paintings, one, share)
        back = _Direction(self, reverse_generator, generator, reverse_discriminator, paintings, photos, other, share)

        set_requires_grad(False, discriminator, reverse_discriminator)
        if self.lanes:
            # In each stage either lane has networks of its own. Both fakes are computed once more when gradients come
            # back to them: kept until then, they would take more memory than any other way.
            self.lanes.run(there.see, back.see)
            self.lanes.run(there.judge, back.judge)
            self.lanes.run(there.learn, back.learn)
        else:
            # One direction after the other: the sum of their gradients is that of both together, and only half of
            # what the backward passes need is in memory at a time.
            there.at_once()
            back.at_once()
        set_requires_grad(True, discriminator, reverse_discriminator)
        self.lanes.run(there.teach, back.teach)
        return there.losses | back.losses

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


class _Direction:
    """One direction of one step: photos to paintings and back, or paintings to photos and back.

    Args:
        images: What is translated.
        wanted: Pictures of the kind that it is translated to.
        share: Part of the step that this batch is.
    """

    def __init__(
        self,
        method: CycleGAN,
        generator: nn.Module,
        reverse_generator: nn.Module,
        discriminator: nn.Module,
        images: torch.Tensor,
        wanted: torch.Tensor,
        noise: Noise,
        share: float,
    ):
        self.method, self.config = method, method.config
        self.lambda_identity = method.config.lambda_cycle * method.config.lambda_identity
        self.generator, self.reverse_generator, self.discriminator = generator, reverse_generator, discriminator
        self.images, self.wanted, self.noise, self.share = images, wanted, noise, share
        self.to_paintings = generator is method.networks["generator"]
        self.adversary = method.paintings if self.to_paintings else method.photos
        self.losses: dict[str, torch.Tensor] = {}
        """Those whose gradients were taken."""

    # ---- generators, in one piece
    def at_once(self) -> None:
        """Take the gradients of all losses of generators. Passes through one network go as one batch."""
        inputs = torch.cat([self.images, self.wanted]) if self.lambda_identity else self.images
        fake, *same = self.generator(inputs).split(len(self.images))
        self._backward(self._of_fake(fake) | (self._of_same(same[0]) if same else {}))
        self.fake = fake.detach()

    # ---- the same in three stages, each with gradients of one generator alone
    def see(self) -> None:
        """Translate, and take the gradients of the identity loss."""
        with torch.no_grad():
            self.fake = self.generator(self.images)
        if self.lambda_identity:
            self._backward(self._of_same(self.generator(self.wanted)))

    def judge(self) -> None:
        """Take the gradients, for the way back and for the fakes, of all that is computed from fakes."""
        self.fake.requires_grad_()
        self._backward(self._of_fake(self.fake))
        self.gradient, self.fake = self.fake.grad, self.fake.detach()

    def learn(self) -> None:
        """Take those gradients of the generator that come through its fakes."""
        torch.autograd.backward(self.generator(self.images), self.gradient)

    # ---- discriminators
    def teach(self) -> None:
        """Take the gradients of the discriminators' losses."""
        losses = {}
        if self.to_paintings:
            losses = self.method.feature_terms.discriminator_losses(self.features, self.wanted, self.noise)
        negatives = self.images if self.to_paintings and self.config.photo_negatives else None
        losses["discriminator"] = self.adversary.discriminator_loss(
            self.discriminator, self.wanted, self.fake, self.noise, negatives
        )
        self._backward(losses)

    def _of_fake(self, fake: torch.Tensor) -> dict[str, torch.Tensor]:
        c = self.config
        noisy = fake + c.cycle_noise * self.noise.normal(*fake.shape).to(fake) if c.cycle_noise else fake
        losses = {
            # the discriminator of paintings takes it for one
            "adversarial": self.adversary.generator_loss(self.discriminator, fake, self.noise),
            # there and back again is where it started
            "cycle": c.lambda_cycle * l1_loss(self.reverse_generator(noisy), self.images),
        }
        if self.to_paintings:
            features = self.method.feature_terms.features(fake, self.noise)
            losses |= self.method.terms(fake, features, self.images)
            self.features = features.detach()
        return losses

    def _of_same(self, same: torch.Tensor) -> dict[str, torch.Tensor]:
        # what is a painting already stays as it is
        return {"identity": self.lambda_identity * l1_loss(same, self.wanted)}

    def _backward(self, losses: dict[str, torch.Tensor]) -> None:
        self.method.accelerator.backward(sum(losses.values()) * self.share)
        ending = "" if self.to_paintings else "_reverse"
        self.losses |= {name + ending: loss.detach() for name, loss in losses.items()}
