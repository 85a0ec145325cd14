"""From a name to a model of the right class, or to what paints in a style."""

import os
from typing import Any

from hfstyle.assets import ASSETS, BANK, bundled_models, bundled_styles, model_of
from hfstyle.discriminators import (
    DCGANDiscriminator,
    FeatureDiscriminator,
    MultiScaleDiscriminator,
    PatchGANDiscriminator,
    PixelDiscriminator,
    StylePatchGANDiscriminator,
)
from hfstyle.errors import ConfigError, ModelNotFoundError, OptionError, some
from hfstyle.generators.animegan import AnimeGANGenerator
from hfstyle.generators.cyclegan import CycleGANGenerator
from hfstyle.generators.dcgan import DCGANGenerator
from hfstyle.generators.fast_style import FastStyleGenerator
from hfstyle.generators.stylebank import StyleBankGenerator
from hfstyle.generators.unet import Pix2PixGenerator
from hfstyle.hub import CLASS_KEY, PreTrainedModel, hint_at_newer
from hfstyle.image_to_image import ImageToImageModel
from hfstyle.library import own_styles
from hfstyle.repo import CONFIG_NAME, STYLE_NAME, ModelFiles
from hfstyle.styles import Style, StyledModel, StylePainter
from hfstyle.stylize import Blend, read_blend

MODEL_CLASSES: dict[str, type[PreTrainedModel]] = {
    cls.__name__: cls
    for cls in (
        CycleGANGenerator,
        Pix2PixGenerator,
        FastStyleGenerator,
        AnimeGANGenerator,
        StyleBankGenerator,
        DCGANGenerator,
        PatchGANDiscriminator,
        MultiScaleDiscriminator,
        PixelDiscriminator,
        DCGANDiscriminator,
        StylePatchGANDiscriminator,
        FeatureDiscriminator,
    )
}


class AutoModel:
    """Loads or builds a model of whichever class its config names."""

    def __init__(self) -> None:
        raise TypeError("AutoModel is not a model itself: call AutoModel.from_pretrained or AutoModel.from_config")

    @staticmethod
    def from_pretrained(name_or_path: str | os.PathLike, **options: Any) -> PreTrainedModel:
        """See `PreTrainedModel.from_pretrained`, whose options it takes."""
        loading = {key: options.pop(key) for key in ("variant", "dtype", "device", "device_map") if key in options}
        files = ModelFiles(name_or_path, **options)
        return model_class(files.config(), files.describe(CONFIG_NAME)).from_files(files, **loading)

    @staticmethod
    def from_config(config: dict[str, Any]) -> PreTrainedModel:
        """A model with fresh weights from the dictionary of a `config.json`."""
        return model_class(config, "the config").from_config(config)


def model_class(config: dict[str, Any], where: str) -> type[PreTrainedModel]:
    """The class that a config names.

    Raises:
        ConfigError: It names none, or one that this version does not know.
    """
    name = config.get(CLASS_KEY)
    if not isinstance(name, str) or name not in MODEL_CLASSES:
        with hint_at_newer(config):
            raise ConfigError(
                f"{where} is not of a model that this version of hfstyle knows: {CLASS_KEY} is {name!r:.60}, "
                f"known are {some(list(MODEL_CLASSES), 4)}"
            )
    return MODEL_CLASSES[name]


def load_painter(
    name: str | os.PathLike, device: Any = None, token: str | bool | None = None
) -> ImageToImageModel | StylePainter:
    """What paints in a style: it has a method `stylize(photo, strength, preserve_color, max_pixels)` and a `device`.

    Args:
        name: In this order: a folder with a model; a file, or a folder, with a style that belongs to the bundled bank;
            a bundled model of one style; a style of the bundled bank; one of the user's own, see `hfstyle.library`; a
            repository on the Hub (`"owner/name"`) with a model or such a style. `"bank:monet"` is the bank's style
            where a model has the same name, `"owner/bank:monet"` or `"./bank:monet"` that of another bank. In place of
            the bank's style there may be a blend, `"ukiyoe=.6,monet=.4"` or `"bank:ukiyoe=.6,monet=.4"`, or after the
            colon the file of a style that belongs to that bank. In a blend, files of styles and the user's own styles
            may stand beside the bank's.
        device, token: See `PreTrainedModel.from_pretrained`.

    Raises:
        ModelNotFoundError: There is no such style.
        OptionError: It is no style, or one of many and not said which.
        ConfigError, WeightsError, HubError: See `PreTrainedModel.from_pretrained`.
    """
    name = os.fspath(name)
    path = os.path.expanduser(name)
    bank, colon, style = name.rpartition(":")
    if os.path.isfile(os.path.join(path, CONFIG_NAME)):
        return _of_one_style(AutoModel.from_pretrained(name, device=device, token=token), name)
    if own_style(name):
        return paints_in(AutoModel.from_pretrained(BANK, device=device), Style.from_pretrained(name))
    if name in bundled_styles():
        return bundled_painter(name, device)
    if name in own_styles():
        return paints_in(AutoModel.from_pretrained(BANK, device=device), Style.load(own_styles()[name]))
    if colon or "=" in name:
        model = _of_styles(AutoModel.from_pretrained(bank or BANK, device=device, token=token), bank, style)
        return paints_in(model, Style.load(style)) if os.path.isfile(style) else _blends(model, read_blend(style))
    if os.path.basename(name) == name and not os.path.isdir(path) and name not in bundled_models():
        raise ModelNotFoundError(
            f"there is no style named {name!r:.100} (there are: "
            f"{some([*bundled_styles(), *own_styles()], 40) or 'none'}); a model on "
            "the Hub is written owner/name"
        )
    return hub_painter(name, device=device, token=token)


def hub_painter(name: str, device: Any = None, **options: Any) -> ImageToImageModel | StylePainter:
    """What paints in a model or a style of the Hub, `"owner/name"`, or in a style or blend of a bank there,
    `"owner/bank:ukiyoe=.6,monet=.4"`. No style of this machine is looked for.

    Args:
        device: See `PreTrainedModel.from_pretrained`.
        options: `revision`, `token`, `local_files_only`: see there.

    Raises:
        HfstyleError: See `load_painter`.
    """
    repo_id, colon, style = name.partition(":")
    if colon:
        model = _of_styles(AutoModel.from_pretrained(repo_id, device=device, **options), repo_id, style)
        return model.painter(read_blend(style))
    try:
        return _of_one_style(AutoModel.from_pretrained(name, device=device, **options), name)
    except ModelNotFoundError as error:
        try:
            own = Style.from_pretrained(name, **options)
        except ModelNotFoundError:
            raise error from None
    return paints_in(bundled_model(BANK, device), own)


def own_style(name: str | os.PathLike) -> bool:
    """Whether a path is that of a style on its own: a file, or a folder with one and no model."""
    path = os.path.expanduser(name)
    if os.path.isfile(os.path.join(path, CONFIG_NAME)):
        return False
    return os.path.isfile(path) or os.path.isfile(os.path.join(path, STYLE_NAME))


def load_own_style(name: str) -> Style | None:
    """A style on its own: of a path, or the user's own of that name where nothing else is called so. Else None."""
    if own_style(name):
        return Style.from_pretrained(name)
    taken = os.path.exists(os.path.expanduser(name)) or name in (*bundled_models(), *bundled_styles())
    return Style.load(own_styles()[name]) if name in own_styles() and not taken else None


def bank_of(style: Style) -> StyledModel:
    """The bundled bank with this style alone.

    Raises:
        WeightsError: It belongs to another one.
    """
    bank = paints_in(bundled_model(BANK, "cpu"), style).bank
    bank.keep_style(style.name)
    return bank


def bundled_painter(name: str, device: Any = None) -> ImageToImageModel | StylePainter:
    """What paints in one of `bundled_styles()`, whatever lies in the working folder. See `load_painter`."""
    model, style = model_of(name)
    loaded = bundled_model(model, device)
    return loaded if style is None else loaded.painter(style)


def bundled_model(name: str, device: Any = None) -> PreTrainedModel:
    """One of `bundled_models()`, whatever lies in the working folder."""
    return AutoModel.from_pretrained(ASSETS / name, device=device)


def _of_styles(model: PreTrainedModel, name: str, style: str) -> StyledModel:
    if not isinstance(model, StyledModel):
        raise OptionError(f"{name} has no styles to choose from; leave out :{style}")
    return model


def _of_one_style(model: PreTrainedModel, name: str) -> ImageToImageModel:
    """The model, if it takes a photo and nothing else."""
    if isinstance(model, StyledModel):
        raise OptionError(f"{name} has several styles ({some(model.styles, 24) or 'none'}); write {name}:STYLE")
    if not isinstance(model, ImageToImageModel):
        why = "takes no photo; see hfstyle imagine" if hasattr(model, "generate") else "does not make pictures"
        raise OptionError(f"{name} is a {type(model).__name__}, which {why}")
    return model


def _blends(bank: StyledModel, blend: Blend) -> StylePainter:
    """What paints in a blend, of which some styles may come from elsewhere."""
    shares = {blend: 1.0} if isinstance(blend, str) else blend
    found: dict[str, float] = {}
    for name, share in shares.items():
        own = os.path.expanduser(name) if os.path.isfile(os.path.expanduser(name)) else own_styles().get(name)
        if name not in bank.styles and own is not None:
            style = Style.load(own)
            name = style.name
            if name in bank.styles:
                raise OptionError(f"{own} is a style called {name}, as one of the bank's; rename it to blend it")
            bank.load_style(style)
        found[name] = share
    return bank.painter(found)


def paints_in(bank: StyledModel, style: Style) -> StylePainter:
    """What paints in a style from elsewhere that belongs to the bank; it comes before the bank's own of its name."""
    if style.name in bank.styles:
        bank.remove_style(style.name)
    return bank.painter(bank.load_style(style))
