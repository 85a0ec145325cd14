"""Many styles in one network, told apart by a few thousand numbers each (Dumoulin et al. 2017, arXiv:1610.07629).

Dumoulin's network learns one painting a style, by Gram matrices. This one learns traditions: beside mean Gram matrices
of many paintings it has to pass for one of the style's in the eyes of two discriminators, one of pixels (a PatchGAN)
and one of what VGG16 sees in the picture (after Sauer et al. 2021, arXiv:2111.01007). Where there is a model that
paints in a style already, the bank may learn from it.
"""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch
from accelerate import Accelerator
from PIL import Image
from torch import nn

from hfstyle.data.streams import StyledStream
from hfstyle.errors import OptionError
from hfstyle.losses import l1_loss
from hfstyle.training.adversary import Adversary, set_requires_grad
from hfstyle.training.config import StyledConfig
from hfstyle.training.material import styled
from hfstyle.training.method import Method
from hfstyle.training.noise import Noise
from hfstyle.training.start import start_bank, start_memory, start_style_discriminator
from hfstyle.training.teachers import Teachers


@dataclass(kw_only=True)
class BankTrainConfig(StyledConfig):
    """Photos to paintings in many styles, by one small network: adversarial, Gram-matrix style and content losses."""

    ngf: int = 16
    """Channels of the generator's last convolution; eight times as many in its residual blocks."""
    n_blocks: int = 4
    """Residual blocks at an eighth of the size."""
    lambda_adversarial: float = 0.3
    """Weight of the PatchGAN's loss."""
    lambda_features: float = 0.5
    """Weight of the loss of another discriminator, which looks at VGG16 features (after Sauer et al. 2021)."""
    lambda_gram: float = 4.0
    """Weight of the Gram-matrix style loss on VGG16 features (Gatys et al. 2016)."""
    lambda_content: float = 1.0
    """Weight of the feature content loss on VGG16 features (Johnson et al. 2016)."""
    lambda_tv: float = 0.02
    """Weight of the total variation of the paintings; a little calms flat areas."""
    lambda_photo: float = 1.0
    """Weight of the loss of the style that gives the photo back, where strength 0 is."""
    lambda_remembered: float = 0.0
    """Weight of what holds the other styles of --init-from to what they were while the network learns (learning
    without forgetting, Li and Hoiem 2016). Above 0 they stay in the bank; at 0 it has the --styles alone."""
    remember: str | None = None
    """Bank whose paintings those other styles are held to, where it is not --init-from itself: one of before an
    earlier training cost them something."""
    freeze_network: bool = False
    """Learn the styles' numbers alone (Dumoulin et al. 2017, section 3.3): the network, and with it all other styles
    that were learnt for it, stay as they are, so --lambda-photo has nothing to weigh."""

    def check(self) -> None:
        super().check()
        self._at_least(0, "lambda_adversarial", "lambda_photo", "lambda_remembered")
        if self.lambda_remembered and self.init_from is None:
            raise OptionError("--lambda-remembered needs a bank whose styles to remember: give --init-from")
        if self.remember and (self.freeze_network or not self.lambda_remembered):
            raise OptionError("--remember is for a network that learns: give --lambda-remembered, no --freeze-network")
        if self.freeze_network and self.init_from is None:
            raise OptionError("--freeze-network needs a bank to start from: give --init-from")

    def resumed_from(self, checkpoint: Path) -> Self:
        return dataclasses.replace(super().resumed_from(checkpoint), remember=None)


class Bank(Method):
    """Adversarial, Gram-matrix style, feature content and total variation losses, for styles that take turns."""

    Config = BankTrainConfig
    name = "bank"
    summary = (
        "Turns photographs into paintings of many traditions, and of all that lies between them, with one small "
        "network whose normalisation is told the style ([arXiv:1610.07629](https://arxiv.org/abs/1610.07629))."
    )
    config: BankTrainConfig
    material = staticmethod(styled)

    def __init__(self, config: BankTrainConfig, accelerator: Accelerator, stream: StyledStream):
        super().__init__(config, accelerator, stream)
        generator = start_bank(config, remembers=config.lambda_remembered > 0)
        discriminator = start_style_discriminator(config)
        learns = [*generator.parameters()]
        if config.freeze_network:
            generator.requires_grad_(False)
            learns = [generator.numbers.requires_grad_()]
        # What the other styles were, to be remembered by a network that learns. A frozen one forgets nothing.
        self.others = len(generator.styles) - len(config.pictures_of)
        if self.others and not config.freeze_network:
            memory = start_memory(config, generator, config.remember).requires_grad_(False)
            self.references["before"] = memory.to(accelerator.device)
        self.networks = {"generator": generator, "discriminator": discriminator}
        self.optimizers = {"generators": learns, "discriminators": [*discriminator.parameters()]}
        self.add_terms(stream)
        self.teachers = Teachers(config, accelerator)
        self.paintings = Adversary(config.gan_loss, 0, config.diffaugment)
        c = config
        asked = c.lambda_adversarial + c.lambda_tv + c.lambda_tradition + c.lambda_invented + len(c.teachers)
        self.learns_styles = self.feature_terms.network is not None or asked > 0
        if config.freeze_network and not self.learns_styles:
            raise OptionError("--freeze-network leaves nothing to learn where the weights of all losses are 0")

    def backward(self, images: list[torch.Tensor], noise: Noise, share: float) -> dict[str, torch.Tensor]:
        c = self.config
        generator, discriminator, *_ = self.networks.values()
        photos, styles, paintings = images

        losses = {}
        if not c.freeze_network:
            # Without a style, the photo itself. A quarter of a crop is a quarter of the work, as random as the whole.
            corner = photos[..., : c.crop // 2, : c.crop // 2]
            losses["photo"] = c.lambda_photo * l1_loss(generator(corner), corner)
            self.accelerator.backward(losses["photo"] * share)
        if (before := self.references.get("before")) is not None:
            drawn = noise.integers(self.others, len(photos))
            others = torch.tensor(drawn, device=photos.device) + len(c.pictures_of)
            with torch.no_grad():
                wanted = before(photos, before.numbers[others])
            found = generator(photos, generator.numbers[others])
            losses["remembered"] = c.lambda_remembered * l1_loss(found, wanted)
            self.accelerator.backward(losses["remembered"] * share)
        if not self.learns_styles:
            return {name: loss.detach() for name, loss in losses.items()}

        set_requires_grad(False, discriminator)
        fakes = generator(photos, generator.numbers[styles])
        features = self.feature_terms.features(fakes, noise)
        painted = {
            **self.terms(fakes, features, photos, styles),
            # as the teacher of the style paints it
            **self.teachers.losses(fakes, photos, styles),
        }
        if c.lambda_adversarial:  # the discriminator takes it for a painting of the style
            passed = self.paintings.generator_loss(discriminator, fakes, noise, styles)
            painted["adversarial"] = c.lambda_adversarial * passed
        self.accelerator.backward(sum(painted.values()) * share)

        set_requires_grad(True, discriminator)
        judged = self.feature_terms.discriminator_losses(features, paintings, noise, styles)
        if c.lambda_adversarial:
            judged["discriminator"] = self.paintings.discriminator_loss(
                discriminator, paintings, fakes, noise, styles=styles
            )
        if judged:
            self.accelerator.backward(sum(judged.values()) * share)
        return {name: loss.detach() for name, loss in (losses | painted | judged).items()}

    def evaluate(
        self, networks: dict[str, nn.Module], images: list[torch.Tensor], noise: Noise
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        photos, style, _ = images
        return networks["generator"](photos, networks["generator"].numbers[style]), {}

    def sample(
        self, networks: dict[str, nn.Module], photos: list[Image.Image], paintings: list[Image.Image]
    ) -> list[list[Image.Image]]:
        """Rows of a sample sheet: photos, their paintings style by style, and a painting of each style."""
        bank = networks["generator"]
        return [photos, *([bank.stylize(photo, style) for photo in photos] for style in bank.styles), paintings]

    @property
    def publishable_rows(self) -> int:
        return 1 + len(self.networks["generator"].styles) if super().publishable_rows else 0
