"""One direction with feature losses: a generator that is near the paintings in the eyes of a discriminator and in Gram
matrices, and near the photo in content.

The Gram-matrix style loss is that of Gatys et al. 2016, learnt by a feed-forward network as in Johnson et al. 2016
(arXiv:1603.08155), beside an adversarial loss as in AnimeGAN (Chen et al. 2020).
"""

from dataclasses import dataclass

import torch
from accelerate import Accelerator

from hfstyle.data.streams import PictureStream
from hfstyle.training.adversary import Adversary, set_requires_grad
from hfstyle.training.config import UnpairedConfig
from hfstyle.training.material import unpaired
from hfstyle.training.method import Method
from hfstyle.training.noise import Noise
from hfstyle.training.start import start_chosen_discriminator, start_resnet


@dataclass(kw_only=True)
class StyleGramTrainConfig(UnpairedConfig):
    """Photos to paintings: adversarial, Gram-matrix style, feature content and total variation losses."""

    lambda_adversarial: float = 0.3
    """Weight of the adversarial loss."""
    lambda_gram: float = 4.0
    """Weight of the Gram-matrix style loss on VGG16 features (Gatys et al. 2016)."""
    lambda_content: float = 1.0
    """Weight of the feature content loss on VGG16 features (Johnson et al. 2016)."""
    lambda_tv: float = 0.02
    """Weight of the total variation of the paintings; a little calms flat areas."""

    def check(self) -> None:
        super().check()
        self._at_least(0, "lambda_adversarial")


class StyleGram(Method):
    """Adversarial, Gram-matrix style, feature content and total variation losses, one direction."""

    Config = StyleGramTrainConfig
    name = "stylegram"
    summary = (
        "Turns photographs into paintings, with a network that learnt a style from unpaired pictures by an "
        "adversarial loss and Gram matrices ([arXiv:1603.08155](https://arxiv.org/abs/1603.08155))."
    )
    config: StyleGramTrainConfig
    material = staticmethod(unpaired)

    def __init__(self, config: StyleGramTrainConfig, accelerator: Accelerator, stream: PictureStream):
        super().__init__(config, accelerator, stream)
        generator = start_resnet(config)
        discriminator = start_chosen_discriminator(config)
        self.networks = {"generator": generator, "discriminator": discriminator}
        self.optimizers = {"generators": [*generator.parameters()], "discriminators": [*discriminator.parameters()]}
        self.add_terms(stream)
        self.paintings = Adversary(config.gan_loss, config.pool_size, config.diffaugment)
        self.pools = {"paintings": self.paintings.pool}

    def backward(self, images: list[torch.Tensor], noise: Noise, share: float) -> dict[str, torch.Tensor]:
        c = self.config
        generator, discriminator, *_ = self.networks.values()
        photos, paintings = images

        set_requires_grad(False, discriminator)
        fakes = generator(photos)
        features = self.feature_terms.features(fakes, noise)
        losses = {
            # the discriminator takes it for a painting
            "adversarial": c.lambda_adversarial * self.paintings.generator_loss(discriminator, fakes, noise),
            **self.terms(fakes, features, photos),
        }
        self.accelerator.backward(sum(losses.values()) * share)

        set_requires_grad(True, discriminator)
        judged = self.feature_terms.discriminator_losses(features, paintings, noise)
        judged["discriminator"] = self.paintings.discriminator_loss(
            discriminator, paintings, fakes, noise, photos if c.photo_negatives else None
        )
        self.accelerator.backward(sum(judged.values()) * share)
        return {name: loss.detach() for name, loss in (losses | judged).items()}
