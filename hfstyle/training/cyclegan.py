"""CycleGAN: two generators, one each way, held together by cycle consistency (Zhu et al. 2017, arXiv:1703.10593)."""

from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import Accelerator
from PIL import Image
from torch import nn

from hfstyle.data import UnpairedStream
from hfstyle.losses import l1_loss, total_variation
from hfstyle.training.adversary import Adversary, learns
from hfstyle.training.config import UnpairedConfig
from hfstyle.training.perceptual import FeatureTerms
from hfstyle.training.start import generator_and_judge, reverse_and_judge


@dataclass(kw_only=True)
class CycleGANTrainConfig(UnpairedConfig):
    """Photos to paintings and back, from two unpaired folders: two directions, cycle and identity losses."""

    lambda_cycle: float = 10.0
    """Weight of the cycle loss. (The paper: 10.)"""
    lambda_identity: float = 0.5
    """Weight of the identity loss as a part of --lambda-cycle; it keeps colours. (The paper: 0.5, for paintings.)"""
    cycle_noise: float = 0.0
    """Noise (standard deviation, of a range of 2) added to a picture before it is translated back, so that generators
    cannot hide the photo in invisible patterns (Bashkirova et al. 2019, arXiv:1908.01517)."""

    def check(self) -> None:
        super().check()
        self._at_least(0, "lambda_cycle", "lambda_identity", "cycle_noise")


class CycleGAN:
    """One training method: which networks, which optimisers, what one step minimises."""

    Config = CycleGANTrainConfig
    name = "cyclegan"
    summary = (
        "Turns photographs into paintings, with a network that learnt the style from unpaired pictures "
        "(CycleGAN, [arXiv:1703.10593](https://arxiv.org/abs/1703.10593))."
    )
    averaged = ("forward", "reverse")
    """Networks whose running mean is saved and judged."""
    config: CycleGANTrainConfig

    def __init__(self, config: CycleGANTrainConfig, accelerator: Accelerator, stream: UnpairedStream):
        self.config = config
        self.accelerator = accelerator
        forward, painting_judge = generator_and_judge(config)
        reverse, photo_judge = reverse_and_judge(config, forward, painting_judge)
        self.networks: dict[str, nn.Module] = {
            "forward": forward,  # photo -> painting
            "reverse": reverse,  # painting -> photo
            "painting_judge": painting_judge,
            "photo_judge": photo_judge,
        }
        self.optimizers = {
            "generators": [*forward.parameters(), *reverse.parameters()],
            "discriminators": [*painting_judge.parameters(), *photo_judge.parameters()],
        }
        self.feature_terms = FeatureTerms(config.lambda_gram, config.lambda_content, stream, accelerator)
        self.paintings, self.photos = (
            Adversary(config.gan_loss, config.pool_size, config.diffaugment) for _ in range(2)
        )
        self.pools = {"paintings": self.paintings.pool, "photos": self.photos.pool}

    def backward(self, batch: tuple[torch.Tensor, torch.Tensor], share: float) -> dict[str, torch.Tensor]:
        """Add the gradients of one batch, times `share`, and return its losses.

        Both gradients are taken at the weights before the step, as in the reference implementation, where the
        discriminators learn from the very pictures that the generators were just judged by.
        """
        c = self.config
        paint, unpaint, painting_judge, photo_judge = self.networks.values()
        photos, paintings = batch

        # ---- generators; passes through one network go as one batch, which two cores like better
        learns(False, painting_judge, photo_judge)
        own = c.lambda_identity > 0
        fake_paintings, *same_paintings = paint(torch.cat([photos, paintings]) if own else photos).split(len(photos))
        fake_photos, *same_photos = unpaint(torch.cat([paintings, photos]) if own else paintings).split(len(photos))
        cycled_photos, cycled_paintings = unpaint(self._noisy(fake_paintings)), paint(self._noisy(fake_photos))
        losses = {
            # a painting's judge takes it for a painting
            "adversarial": self.paintings.generator_loss(painting_judge, fake_paintings),
            "adversarial_reverse": self.photos.generator_loss(photo_judge, fake_photos),
            # there and back again is where it started
            "cycle": c.lambda_cycle * l1_loss(cycled_photos, photos),
            "cycle_reverse": c.lambda_cycle * l1_loss(cycled_paintings, paintings),
        }
        if own:
            # what is a painting already stays as it is
            losses["identity"] = c.lambda_cycle * c.lambda_identity * l1_loss(same_paintings[0], paintings)
            losses["identity_reverse"] = c.lambda_cycle * c.lambda_identity * l1_loss(same_photos[0], photos)
        if c.lambda_tv:
            losses["total_variation"] = c.lambda_tv * total_variation(fake_paintings)
        losses |= self.feature_terms(fake_paintings, photos)  # texture of the paintings, content of the photo
        self.accelerator.backward(sum(losses.values()) * share)

        # ---- discriminators
        learns(True, painting_judge, photo_judge)
        losses["discriminator"] = self.paintings.discriminator_loss(painting_judge, paintings, fake_paintings)
        losses["discriminator_reverse"] = self.photos.discriminator_loss(photo_judge, photos, fake_photos)
        self.accelerator.backward((losses["discriminator"] + losses["discriminator_reverse"]) * share)
        return {name: loss.detach() for name, loss in losses.items()}

    def _noisy(self, images: torch.Tensor) -> torch.Tensor:
        return images + self.config.cycle_noise * torch.randn_like(images) if self.config.cycle_noise else images

    def sample(
        self, networks: dict[str, nn.Module], photos: list[Image.Image], paintings: list[Image.Image]
    ) -> list[list[Image.Image]]:
        """Rows of a sample sheet: photos, their paintings, the photos that come back; paintings and their photos."""
        painted = [networks["forward"].stylize(photo) for photo in photos]
        back = [networks["reverse"].stylize(painting) for painting in painted]
        return [photos, painted, back, paintings, [networks["reverse"].stylize(painting) for painting in paintings]]

    def save_pretrained(
        self, networks: dict[str, nn.Module], folder: Path, card: str | None, dtype: torch.dtype | None = None
    ) -> None:
        """Write the forward generator at the top, the way back in `reverse/`, each one's judge in `discriminator/`."""
        networks["reverse"].save_pretrained(folder / "reverse", dtype=dtype, card="")
        networks["painting_judge"].save_pretrained(folder / "discriminator", dtype=dtype, card="")
        networks["photo_judge"].save_pretrained(folder / "reverse" / "discriminator", dtype=dtype, card="")
        networks["forward"].save_pretrained(folder, dtype=dtype, card=card)
