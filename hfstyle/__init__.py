"""hfstyle: photographs into paintings with generative adversarial networks.

Names resolve when they are first used, so that `import hfstyle` costs nothing and `hfstyle --help` answers at once.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "AnimeGANGenerator": "hfstyle.generators.animegan",
    "AutoModel": "hfstyle.auto",
    "CycleGANGenerator": "hfstyle.generators.cyclegan",
    "DCGANDiscriminator": "hfstyle.discriminators",
    "DCGANGenerator": "hfstyle.generators.dcgan",
    "FastStyleGenerator": "hfstyle.generators.fast_style",
    "HfstyleError": "hfstyle.errors",
    "MultiScaleDiscriminator": "hfstyle.discriminators",
    "PatchGANDiscriminator": "hfstyle.discriminators",
    "OnnxGenerator": "hfstyle.onnx_generator",
    "Pix2PixGenerator": "hfstyle.generators.unet",
    "PixelDiscriminator": "hfstyle.discriminators",
    "PreTrainedModel": "hfstyle.hub",
    "Style": "hfstyle.styles",
    "StyleBankGenerator": "hfstyle.generators.stylebank",
    "bundled_models": "hfstyle.assets",
    "bundled_styles": "hfstyle.assets",
    "convert": "hfstyle.conversion",
    "learn_style": "hfstyle.training.mystyle",
    "load_painter": "hfstyle.auto",
    "read_image": "hfstyle.images",
}

__all__ = ["__version__", *_HOMES]

if TYPE_CHECKING:
    from hfstyle.assets import bundled_models, bundled_styles
    from hfstyle.auto import AutoModel, load_painter
    from hfstyle.conversion import convert
    from hfstyle.discriminators import (
        DCGANDiscriminator,
        MultiScaleDiscriminator,
        PatchGANDiscriminator,
        PixelDiscriminator,
    )
    from hfstyle.errors import HfstyleError
    from hfstyle.generators.animegan import AnimeGANGenerator
    from hfstyle.generators.cyclegan import CycleGANGenerator
    from hfstyle.generators.dcgan import DCGANGenerator
    from hfstyle.generators.fast_style import FastStyleGenerator
    from hfstyle.generators.stylebank import StyleBankGenerator
    from hfstyle.generators.unet import Pix2PixGenerator
    from hfstyle.hub import PreTrainedModel
    from hfstyle.images import read_image
    from hfstyle.onnx_generator import OnnxGenerator
    from hfstyle.styles import Style
    from hfstyle.training.mystyle import learn_style


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'hfstyle' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
