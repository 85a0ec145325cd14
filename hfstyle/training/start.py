"""The networks that a training starts from: fresh, or those of a model (`--init-from`)."""

import copy
import dataclasses
from typing import Any, TypeVar

from torch import nn

from hfstyle.auto import AutoModel
from hfstyle.discriminators import (
    Discriminator,
    FeatureDiscriminator,
    MultiScaleDiscriminator,
    PatchGANDiscriminator,
    PixelDiscriminator,
    StylePatchGANDiscriminator,
)
from hfstyle.errors import ModelNotFoundError, OptionError
from hfstyle.generators.cyclegan import CycleGANConfig, CycleGANGenerator
from hfstyle.generators.stylebank import StyleBankGenerator
from hfstyle.hub import PreTrainedModel
from hfstyle.training.adversary import init_weights
from hfstyle.training.config import PictureConfig, StyledConfig, TranslationConfig, UnpairedConfig

MARGIN = 16
"""Of new generators of whole pictures, see `CycleGANConfig.margin`: as wide as the lines that were seen."""

DISCRIMINATORS: dict[str, type[Discriminator]] = {
    "patch": PatchGANDiscriminator,
    "pixel": PixelDiscriminator,
    "multiscale": MultiScaleDiscriminator,
}
"""What `--discriminator` means."""

FEATURE_DISCRIMINATOR = "discriminator/features"
"""Where the discriminator of features lies in a model's folder."""

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
        CycleGANGenerator, c, ngf=c.ngf, n_blocks=c.n_blocks, norm=c.norm, downsample=c.downsample,
        upsample=c.upsample, margin=MARGIN,
    )  # fmt: skip
    if c.init_from is None:
        _keep_the_scale(generator)
    generator.set_activation_checkpointing(c.activation_checkpointing)
    return generator


def start_reverse_resnet(config: UnpairedConfig, architecture: CycleGANConfig) -> CycleGANGenerator:
    """The generator from paintings to photos where it was kept, else a fresh one."""
    generator = _kept(CycleGANGenerator, config, "reverse")
    if generator is None:
        generator = init_weights(CycleGANGenerator(architecture))
        _keep_the_scale(generator)
    generator.set_activation_checkpointing(config.activation_checkpointing)
    return generator


def _keep_the_scale(generator: CycleGANGenerator) -> None:
    """First weights where no norm follows: numbers keep their size (He et al. 2015, arXiv:1502.01852), and residual
    blocks add nothing yet (Goyal et al. 2017, arXiv:1706.02677, section 5.1), which their norms have made large."""
    if generator.config.norm != "instance_blocks":
        return
    for part in (generator.head, generator.down, generator.up):
        for module in part:
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    for block in generator.blocks:
        nn.init.zeros_(block.body[-1].weight)


def start_discriminator(
    cls: type[Discriminator],
    config: PictureConfig,
    subfolder: str = "discriminator",
    norms: bool = False,
    **options: Any,
) -> Discriminator:
    """A discriminator where it was kept, in `subfolder` of the model, else a fresh one.

    Raises:
        OptionError: One was kept that is of another class.
    """
    discriminator = _kept(AutoModel, config, subfolder)
    if discriminator is None:
        return init_weights(cls(ndf=config.ndf, gan_loss=config.gan_loss, **options), norms)
    if type(discriminator) is not cls:
        known = {kind.__name__: name for name, kind in DISCRIMINATORS.items()}
        kept = type(discriminator).__name__
        hint = f"; say --discriminator {known[kept]}" if kept in known else ""
        raise OptionError(f"{config.init_from} has a {kept}, not a {cls.__name__}{hint}")
    # By this, `score` knows what the outputs mean; the loss may be another than the model was trained with.
    discriminator.config = dataclasses.replace(discriminator.config, gan_loss=config.gan_loss)
    return discriminator


def start_chosen_discriminator(
    config: TranslationConfig, subfolder: str = "discriminator", norms: bool = False, **options: Any
) -> Discriminator:
    """The discriminator that `--discriminator` asks for. See `start_discriminator`."""
    return start_discriminator(DISCRIMINATORS[config.discriminator], config, subfolder, norms, **options)


def start_bank(config: StyledConfig, remembers: bool) -> StyleBankGenerator:
    """The bank with the styles of `config`: those that it knows as they are, others fresh.

    Args:
        remembers: The other styles of the bank to start from stay in it, after those of `config`.

    Raises:
        OptionError: It `remembers`, and there are no other styles.
    """
    names = tuple(config.pictures_of)
    if config.init_from is None:
        return StyleBankGenerator(styles=names, ngf=config.ngf, n_blocks=config.n_blocks, margin=MARGIN)
    bank = StyleBankGenerator.from_pretrained(config.init_from, device="cpu").train()
    if remembers:
        others = tuple(name for name in bank.styles if name not in names)
        if not others:
            raise OptionError(f"--lambda-remembered: {config.init_from} has no styles beside those of --styles")
        names += others
    fresh = StyleBankGenerator(dataclasses.replace(bank.config, styles=names))
    return _with_rows_of(fresh, bank, "numbers")


def start_memory(config: StyledConfig, bank: StyleBankGenerator, remember: str | None) -> StyleBankGenerator:
    """A bank that paints the styles of `bank`, which is to learn, as they are to stay.

    Args:
        remember: The bank that paints them so, where it is not `bank` itself as it is.

    Raises:
        OptionError: It is of another size, or lacks one of the styles that are not those of `config`.
    """
    if remember is None:
        return copy.deepcopy(bank)
    memory = StyleBankGenerator.from_pretrained(remember, device="cpu")
    if missing := set(bank.styles) - set(config.pictures_of) - set(memory.styles):
        raise OptionError(f"--remember: {remember} has no style {', '.join(sorted(missing))}")
    if dataclasses.replace(memory.config, styles=bank.styles) != bank.config:
        raise OptionError(f"--remember: {remember} is a bank of another size than {config.init_from}")
    return _with_rows_of(StyleBankGenerator(bank.config), memory, "numbers")


def start_style_discriminator(config: StyledConfig) -> StylePatchGANDiscriminator:
    """A discriminator that is told the style, where it was kept, else a fresh one."""
    discriminator = _start_told(
        StylePatchGANDiscriminator, config, "discriminator", tuple(config.pictures_of), ndf=config.ndf
    )
    discriminator.config = dataclasses.replace(discriminator.config, gan_loss=config.gan_loss)
    return discriminator


def start_feature_discriminator(config: PictureConfig) -> FeatureDiscriminator:
    """A discriminator of VGG16 features, told the style if there are several, where it was kept, else a fresh one."""
    styles = tuple(config.pictures_of) if isinstance(config, StyledConfig) else ()
    return _start_told(FeatureDiscriminator, config, FEATURE_DISCRIMINATOR, styles)


def _start_told(cls: type[Model], config: PictureConfig, subfolder: str, styles: tuple[str, ...], **options) -> Model:
    kept = _kept(cls, config, subfolder)
    if kept is None:
        return init_weights(cls(styles=styles, **options))
    fresh = init_weights(cls(dataclasses.replace(kept.config, styles=styles)))
    return _with_rows_of(fresh, kept, "embedding.weight")


def _with_rows_of(fresh: Model, kept: Model, table: str) -> Model:
    """`fresh` with the weights of `kept`. In tensors whose names end in `table` each style has a row: of these, the
    rows of the styles that both know."""
    state, known = fresh.state_dict(), kept.config.styles
    for name, value in kept.state_dict().items():
        if not name.endswith(table):
            state[name] = value
            continue
        for row, style in enumerate(fresh.config.styles):
            if style in known:
                state[name][row] = value[known.index(style)]
    fresh.load_state_dict(state)
    return fresh


def _kept(cls: type[Model] | type[AutoModel], config: PictureConfig, subfolder: str) -> Model | None:
    if config.init_from is None:
        return None
    try:
        return cls.from_pretrained(config.init_from, subfolder=subfolder, device="cpu").train()
    except ModelNotFoundError:
        return None
