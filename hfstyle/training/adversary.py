"""The adversarial part that the methods share: a discriminator's two losses, its memory, its blinkers."""

from typing import Any

import torch
from torch import nn

from hfstyle.losses import GANLoss, discriminator_loss, generator_loss
from hfstyle.training.diffaugment import diff_augment
from hfstyle.training.noise import Noise


class Adversary:
    """What fools a discriminator, and what it learns from.

    Args:
        gan_loss: See `hfstyle.losses`.
        pool_size: Past fakes that the discriminator is shown, see `ImagePool`.
        diffaugment: Policy of `diff_augment` for all that the discriminator sees.
    """

    def __init__(self, gan_loss: GANLoss, pool_size: int, diffaugment: str):
        self.gan_loss = gan_loss
        self.pool = ImagePool(pool_size)
        self.diffaugment = diffaugment

    def generator_loss(
        self, discriminator: nn.Module, fake: torch.Tensor, noise: Noise, styles: torch.Tensor | None = None
    ) -> torch.Tensor:
        """How far the discriminator, one that is told the `styles` where given, is from taking the fakes for real."""
        told = () if styles is None else (styles,)
        return generator_loss(discriminator(diff_augment(fake, self.diffaugment, noise), *told), self.gan_loss)

    def discriminator_loss(
        self,
        discriminator: nn.Module,
        real: torch.Tensor,
        fake: torch.Tensor,
        noise: Noise,
        photos: torch.Tensor | None = None,
        styles: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """How badly the discriminator tells real from fake, and from photos; no gradient goes into the fakes.

        One that is told the `styles` is shown neither photos nor fakes of the past, which are of other styles.
        """
        fakes = torch.cat([self.pool.exchange(fake.detach(), noise), *([] if photos is None else [photos])])
        if any(isinstance(module, nn.BatchNorm2d) for module in discriminator.modules()):
            # Statistics over real and fake together would tell the discriminator which is which.
            on_real, on_fake = (discriminator(diff_augment(x, self.diffaugment, noise)) for x in (real, fakes))
        else:
            told = () if styles is None else (styles.repeat(2),)
            outputs = discriminator(diff_augment(torch.cat([real, fakes]), self.diffaugment, noise), *told)
            on_real, on_fake = _split(outputs, len(real))
        return discriminator_loss(on_real, on_fake, self.gan_loss)


def _split(outputs: torch.Tensor | list[torch.Tensor], first: int) -> tuple[Any, Any]:
    """The outputs on the first pictures of a batch and on the others, of each scale if there are several."""
    if isinstance(outputs, torch.Tensor):
        return outputs[:first], outputs[first:]
    return [scale[:first] for scale in outputs], [scale[first:] for scale in outputs]


class ImagePool:
    """Fakes of the past, so that a discriminator does not forget them (Shrivastava et al. 2017, arXiv:1612.07828)."""

    def __init__(self, size: int):
        self.size = size
        self.images: list[torch.Tensor] = []

    def exchange(self, images: torch.Tensor, noise: Noise) -> torch.Tensor:
        """Each image, or with even chances one from the pool whose place it takes; while the pool fills up, itself."""
        if self.size == 0:
            return images
        shown = []
        coins, places = noise.uniform(len(images)).tolist(), noise.integers(self.size, len(images))
        for image, coin, place in zip(images, coins, places, strict=True):
            if len(self.images) < self.size:
                self.images.append(image.clone())
                shown.append(image)
            elif coin < 0.5:
                shown.append(self.images[place])
                self.images[place] = image.clone()
            else:
                shown.append(image)
        return torch.stack(shown)


def set_requires_grad(on: bool, *networks: nn.Module) -> None:
    """Whether gradients for these networks are computed: never for a discriminator while a generator learns."""
    for network in networks:
        network.requires_grad_(on)


def init_weights(network: nn.Module, norms: bool = False) -> nn.Module:
    """Weights from N(0, 0.02) (Radford et al. 2016, section 3; also CycleGAN and pix2pix). Returns the network.

    With `norms`, the learnt scales of normalisations too, from N(1, 0.02), as DCGAN's and pix2pix's own code does.
    """
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            nn.init.normal_(module.weight, 0.0, 0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, 0.0, 0.02)
        elif norms and isinstance(module, (nn.BatchNorm2d, nn.InstanceNorm2d)) and module.weight is not None:
            nn.init.normal_(module.weight, 1.0, 0.02)
    return network
