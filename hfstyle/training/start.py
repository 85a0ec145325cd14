"""The networks that a training starts from: fresh, or those of a model (`--init-from`)."""

import dataclasses
from typing import Any, TypeVar

from hfstyle.discriminators import Discriminator
from hfstyle.errors import ModelNotFoundError
from hfstyle.generators.cyclegan import CycleGANConfig, CycleGANGenerator
from hfstyle.hub import PreTrainedModel
from hfstyle.training.adversary import init_weights
from hfstyle.training.config import PictureConfig, UnpairedConfig

MARGIN = 16
"""Of new ResNet generators, see `CycleGANConfig.margin`: as wide as the lines that were seen."""

Model = TypeVar("Model", bound=PreTrainedModel)


def start_generator(cls: type[Model], config: PictureConfig, norms: bool = False, **options: Any) -> Model:
    """The generator: that of the model to start from, whose architecture is taken over, or a fresh one.

    Args:
        norms: See `init_weights`.
        options: Architecture of a fresh one.
    """
    if config.init_from is not None:
        return cls.from_pretrained(config.init_from, device="cpu").train()
    return init_weights(cls(**options), norms)


def start_resnet(config: UnpairedConfig) -> CycleGANGenerator:
    """The generator of the methods without pairs."""
    c = config
    generator = start_generator(
        CycleGANGenerator, c, ngf=c.ngf, n_blocks=c.n_blocks, upsample=c.upsample, margin=MARGIN
    )
    generator.set_activation_checkpointing(c.activation_checkpointing)
    return generator


def start_reverse_resnet(config: UnpairedConfig, architecture: CycleGANConfig) -> CycleGANGenerator:
    """The generator from paintings to photos where it was kept, else a fresh one."""
    generator = _kept(CycleGANGenerator, config, "reverse") or init_weights(CycleGANGenerator(architecture))
    generator.set_activation_checkpointing(config.activation_checkpointing)
    return generator


def start_discriminator(
    cls: type[Discriminator],
    config: PictureConfig,
    subfolder: str = "discriminator",
    norms: bool = False,
    **options: Any,
) -> Discriminator:
    """A discriminator where it was kept, in `subfolder` of the model, else a fresh one."""
    discriminator = _kept(cls, config, subfolder)
    if discriminator is None:
        return init_weights(cls(ndf=config.ndf, gan_loss=config.gan_loss, **options), norms)
    # By this, `score` knows what the outputs mean; the loss may be another than the model was trained with.
    discriminator.config = dataclasses.replace(discriminator.config, gan_loss=config.gan_loss)
    return discriminator


def _kept(cls: type[Model], config: PictureConfig, subfolder: str) -> Model | None:
    if config.init_from is None:
        return None
    try:
        return cls.from_pretrained(config.init_from, subfolder=subfolder, device="cpu").train()
    except ModelNotFoundError:
        return None
