"""The networks that a training starts from: fresh, or those of a model (`--init-from`)."""

import dataclasses

from hfstyle.discriminators import PatchGANDiscriminator
from hfstyle.errors import ModelNotFoundError
from hfstyle.generators.cyclegan import CycleGANGenerator
from hfstyle.hub import PreTrainedModel
from hfstyle.training.adversary import init_weights
from hfstyle.training.config import UnpairedConfig

MARGIN = 16
"""Of new generators, see `CycleGANConfig.margin`: as wide as the lines that were seen."""


def start_generator(config: UnpairedConfig) -> CycleGANGenerator:
    """The generator from photos to paintings."""
    c = config
    if c.init_from is not None:
        return CycleGANGenerator.from_pretrained(c.init_from, device="cpu").train()
    return init_weights(CycleGANGenerator(ngf=c.ngf, n_blocks=c.n_blocks, upsample=c.upsample, margin=MARGIN))


def start_reverse_generator(config: UnpairedConfig, generator: CycleGANGenerator) -> CycleGANGenerator:
    """The generator from paintings to photos where it was kept, else a fresh one of the other's architecture."""
    return _kept(CycleGANGenerator, config, "reverse") or init_weights(CycleGANGenerator(generator.config))


def start_discriminator(config: UnpairedConfig, subfolder: str = "discriminator") -> PatchGANDiscriminator:
    """A discriminator where it was kept, in `subfolder` of the model, else a fresh one."""
    discriminator = _kept(PatchGANDiscriminator, config, subfolder)
    if discriminator is None:
        return init_weights(PatchGANDiscriminator(ndf=config.ndf, gan_loss=config.gan_loss))
    # By this, `score` knows what the outputs mean; the loss may be another than the model was trained with.
    discriminator.config = dataclasses.replace(discriminator.config, gan_loss=config.gan_loss)
    return discriminator


def _kept(cls: type[PreTrainedModel], config: UnpairedConfig, subfolder: str) -> PreTrainedModel | None:
    if config.init_from is None:
        return None
    try:
        return cls.from_pretrained(config.init_from, subfolder=subfolder, device="cpu").train()
    except ModelNotFoundError:
        return None
