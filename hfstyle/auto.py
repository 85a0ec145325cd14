"""From a name to a model of the right class."""

import os
from typing import Any

from hfstyle.discriminators import DCGANDiscriminator, PatchGANDiscriminator, PixelDiscriminator
from hfstyle.errors import ConfigError
from hfstyle.generators.cyclegan import CycleGANGenerator
from hfstyle.generators.dcgan import DCGANGenerator
from hfstyle.generators.unet import Pix2PixGenerator
from hfstyle.hub import CLASS_KEY, CONFIG_NAME, ModelFiles, PreTrainedModel

MODEL_CLASSES: dict[str, type[PreTrainedModel]] = {
    cls.__name__: cls
    for cls in (
        CycleGANGenerator,
        Pix2PixGenerator,
        DCGANGenerator,
        PatchGANDiscriminator,
        PixelDiscriminator,
        DCGANDiscriminator,
    )
}


class AutoModel:
    """Loads or builds a model of whichever class its config names."""

    def __init__(self) -> None:
        raise TypeError("AutoModel is not a model itself: call AutoModel.from_pretrained or AutoModel.from_config")

    @staticmethod
    def from_pretrained(name_or_path: str | os.PathLike, **options: Any) -> PreTrainedModel:
        """See `PreTrainedModel.from_pretrained`, whose options it takes."""
        loading = {key: options.pop(key) for key in ("variant", "dtype", "device") if key in options}
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
        raise ConfigError(
            f"{where} is not of a model that this version of hfstyle knows: {CLASS_KEY} is {name!r:.60}, "
            f"known are {', '.join(MODEL_CLASSES)}"
        )
    return MODEL_CLASSES[name]
