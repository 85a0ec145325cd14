"""CycleGAN: two generators, one each way, held together by cycle consistency (Zhu et al. 2017, arXiv:1703.10593)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from accelerate import Accelerator
from PIL import Image
from torch import nn

from hfstyle.data import UnpairedStream
from hfstyle.discriminators import PatchGANDiscriminator
from hfstyle.errors import ModelNotFoundError
from hfstyle.generators.cyclegan import CycleGANGenerator
from hfstyle.losses import discriminator_loss, generator_loss, l1_loss, total_variation
from hfstyle.training.config import UnpairedConfig
from hfstyle.training.perceptual import FeatureTerms


@dataclass(kw_only=True)
class CycleGANTrainConfig(UnpairedConfig):
    """Train a CycleGAN: photos to paintings and back, from two unpaired folders."""

    # Architecture
    ngf: int = 64
    """Channels of the generators' first convolution. (The paper: 64.)"""
    n_blocks: int = 9
    """Residual blocks of the generators. (The paper: 9 at 256 pixels, 6 at 128.)"""
    upsample: Literal["resize", "transpose"] = "resize"
    """How generators grow back: resize leaves no checkerboard, transpose is the paper's."""
    ndf: int = 64
    """Channels of the discriminators' first convolution. (The paper: 64.)"""

    # Losses
    gan_loss: Literal["lsgan", "log", "hinge"] = "lsgan"
    """Adversarial loss. (The paper: least squares.)"""
    lambda_cycle: float = 10.0
    """Weight of the cycle loss. (The paper: 10.)"""
    lambda_identity: float = 0.5
    """Weight of the identity loss as a part of --lambda-cycle; it keeps colours. (The paper: 0.5, for paintings.)"""
    lambda_tv: float = 0.0
    """Weight of the total variation of the paintings; a little calms flat areas."""
    cycle_noise: float = 0.0
    """Noise (standard deviation, of a range of 2) added to a picture before it is translated back, so that generators
    cannot hide the photo in invisible patterns (Bashkirova et al. 2019, arXiv:1908.01517); 0.05 is their mildest."""
    pool_size: int = 50
    """Past fakes that the discriminators are shown. (The paper: 50.)"""

    def check(self) -> None:
        super().check()
        self._at_least(0, "lambda_cycle", "lambda_identity", "lambda_tv", "cycle_noise", "pool_size")


class CycleGAN:
    """One training method: which networks, which optimisers, what one step minimises."""

    Config = CycleGANTrainConfig
    config: CycleGANTrainConfig

    def __init__(self, config: CycleGANTrainConfig, accelerator: Accelerator, stream: UnpairedStream):
        self.config = config
        self.accelerator = accelerator
        c = config
        if c.init_from is not None:
            forward = CycleGANGenerator.from_pretrained(c.init_from, device="cpu").train()
            reverse = _companion(CycleGANGenerator, c.init_from, "reverse") or _fresh(
                CycleGANGenerator(forward.config)
            )
            judge = _companion(PatchGANDiscriminator, c.init_from, "discriminator")
        else:
            options = {"ngf": c.ngf, "n_blocks": c.n_blocks, "upsample": c.upsample}
            forward, reverse = (_fresh(CycleGANGenerator(**options)) for _ in range(2))
            judge = None
        judge = judge or _fresh(PatchGANDiscriminator(ndf=c.ndf, gan_loss=c.gan_loss))
        photo_judge = _companion(PatchGANDiscriminator, c.init_from, "reverse/discriminator") if c.init_from else None
        photo_judge = photo_judge or _fresh(PatchGANDiscriminator(judge.config))
        self.networks: dict[str, nn.Module] = {
            "forward": forward,  # photo -> painting
            "reverse": reverse,  # painting -> photo
            "painting_judge": judge,
            "photo_judge": photo_judge,
        }
        self.averaged = ("forward", "reverse")
        self.optimizers = {
            "generators": [*forward.parameters(), *reverse.parameters()],
            "discriminators": [*judge.parameters(), *photo_judge.parameters()],
        }
        self.feature_terms = FeatureTerms(c.lambda_gram, c.lambda_content, stream, accelerator)
        self.pools = {"paintings": ImagePool(c.pool_size), "photos": ImagePool(c.pool_size)}

    def backward(self, batch: tuple[torch.Tensor, torch.Tensor], share: float) -> dict[str, torch.Tensor]:
        """Add the gradients of one batch, times `share`, and return its losses.

        Both gradients are taken at the weights before the step, as in the reference implementation, where the
        discriminators learn from the very pictures that the generators were just judged by.
        """
        c = self.config
        paint, unpaint, painting_judge, photo_judge = self.networks.values()
        photos, paintings = batch

        # ---- generators; passes through one network go as one batch, which two cores like better
        _learns(False, painting_judge, photo_judge)
        fake_paintings, same_paintings = paint(torch.cat([photos, paintings])).chunk(2)
        fake_photos, same_photos = unpaint(torch.cat([paintings, photos])).chunk(2)
        cycled_photos, cycled_paintings = unpaint(self._noisy(fake_paintings)), paint(self._noisy(fake_photos))
        losses = {
            # a painting's judge takes it for a painting
            "adversarial": generator_loss(painting_judge(fake_paintings), c.gan_loss),
            "adversarial_reverse": generator_loss(photo_judge(fake_photos), c.gan_loss),
            # there and back again is where it started
            "cycle": c.lambda_cycle * l1_loss(cycled_photos, photos),
            "cycle_reverse": c.lambda_cycle * l1_loss(cycled_paintings, paintings),
            # what is a painting already stays as it is
            "identity": c.lambda_cycle * c.lambda_identity * l1_loss(same_paintings, paintings),
            "identity_reverse": c.lambda_cycle * c.lambda_identity * l1_loss(same_photos, photos),
        }
        if c.lambda_tv:
            losses["total_variation"] = c.lambda_tv * total_variation(fake_paintings)
        losses |= self.feature_terms(fake_paintings, photos)  # texture of the paintings, content of the photo
        self.accelerator.backward(sum(losses.values()) * share)

        # ---- discriminators; gradients stop at the pictures
        _learns(True, painting_judge, photo_judge)
        losses["discriminator"] = self._judge_loss(painting_judge, paintings, fake_paintings, "paintings")
        losses["discriminator_reverse"] = self._judge_loss(photo_judge, photos, fake_photos, "photos")
        self.accelerator.backward((losses["discriminator"] + losses["discriminator_reverse"]) * share)
        return {name: loss.detach() for name, loss in losses.items()}

    def _judge_loss(self, judge: nn.Module, real: torch.Tensor, fake: torch.Tensor, pool: str) -> torch.Tensor:
        shown = self.pools[pool].exchange(fake.detach())
        on_real, on_fake = judge(torch.cat([real, shown])).chunk(2)
        return discriminator_loss(on_real, on_fake, self.config.gan_loss)

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
        networks["reverse"].save_pretrained(folder / "reverse", dtype=dtype)
        networks["painting_judge"].save_pretrained(folder / "discriminator", dtype=dtype)
        networks["photo_judge"].save_pretrained(folder / "reverse" / "discriminator", dtype=dtype)
        networks["forward"].save_pretrained(folder, dtype=dtype, card=card)


class ImagePool:
    """Fakes of the past, so that a discriminator does not forget them (Shrivastava et al. 2017, arXiv:1612.07828)."""

    def __init__(self, size: int):
        self.size = size
        self.images: list[torch.Tensor] = []

    def exchange(self, images: torch.Tensor) -> torch.Tensor:
        """Each image, or with even chances one from the pool whose place it takes; while the pool fills up, itself."""
        if self.size == 0:
            return images
        shown = []
        for image in images:
            if len(self.images) < self.size:
                self.images.append(image.clone())
                shown.append(image)
            elif torch.rand(()) < 0.5:
                place = int(torch.randint(self.size, ()))
                shown.append(self.images[place])
                self.images[place] = image.clone()
            else:
                shown.append(image)
        return torch.stack(shown)


def _companion(cls: type, name: str, subfolder: str) -> nn.Module | None:
    """Another network of the model that training starts from, where it was kept."""
    try:
        return cls.from_pretrained(name, subfolder=subfolder, device="cpu").train()
    except ModelNotFoundError:
        return None


def _fresh(network: nn.Module) -> nn.Module:
    """Weights from N(0, 0.02), as in the paper (section 7.1)."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(module.weight, 0.0, 0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return network


def _learns(on: bool, *networks: nn.Module) -> None:
    for network in networks:
        network.requires_grad_(on)
