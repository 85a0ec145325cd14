"""The networks that a training starts from: fresh, or those of a model (`--init-from`)."""

import dataclasses

from torch import nn

from hfstyle.discriminators import PatchGANDiscriminator
from hfstyle.errors import ModelNotFoundError
from hfstyle.generators.cyclegan import CycleGANGenerator
from hfstyle.hub import PreTrainedModel
from hfstyle.training.adversary import fresh
from hfstyle.training.config import UnpairedConfig

MARGIN = 16
"""Of new generators, see `CycleGANConfig.margin`: as wide as the lines that were seen."""


def generator_and_judge(config: UnpairedConfig) -> tuple[nn.Module, nn.Module]:
    """The generator from photos to paintings, and the discriminator of paintings where it was kept."""
    c = config
    if c.init_from is None:
        forward = fresh(CycleGANGenerator(ngf=c.ngf, n_blocks=c.n_blocks, upsample=c.upsample, margin=MARGIN))
    else:
        forward = CycleGANGenerator.from_pretrained(c.init_from, device="cpu").train()
    judge = _kept_judge(c, "discriminator")
    return forward, judge or fresh(PatchGANDiscriminator(ndf=c.ndf, gan_loss=c.gan_loss))


def reverse_and_judge(config: UnpairedConfig, forward: nn.Module, judge: nn.Module) -> tuple[nn.Module, nn.Module]:
    """The same for the way back, of the same architecture."""
    reverse = _kept(CycleGANGenerator, config.init_from, "reverse")
    photo_judge = _kept_judge(config, "reverse/discriminator")
    return reverse or fresh(type(forward)(forward.config)), photo_judge or fresh(type(judge)(judge.config))


def _kept_judge(config: UnpairedConfig, subfolder: str) -> nn.Module | None:
    judge = _kept(PatchGANDiscriminator, config.init_from, subfolder)
    if judge is not None:
        # By this, `score` knows what the outputs mean; the loss may be another than the model was trained with.
        judge.config = dataclasses.replace(judge.config, gan_loss=config.gan_loss)
    return judge


def _kept(cls: type[PreTrainedModel], name: str | None, subfolder: str) -> nn.Module | None:
    if name is None:
        return None
    try:
        return cls.from_pretrained(name, subfolder=subfolder, device="cpu").train()
    except ModelNotFoundError:
        return None
