"""What comes with the package: styles, each a folder that `from_pretrained` loads by name, and example photographs."""

import json
from pathlib import Path

ASSETS = Path(__file__).parent
"""The folder of all bundled files. (A wheel is unpacked on installation, so they are plain files.)"""


def bundled_models() -> list[str]:
    """Names of the bundled models, sorted: what `AutoModel.from_pretrained` takes besides folders and repositories."""
    return sorted(config.parent.name for config in ASSETS.glob("*/config.json"))


BANK = "bank"
"""Name of the bundled model that paints in many styles."""
IMAGINE = "imagine"
"""Name of the bundled model that takes no photo."""


def bank_styles() -> list[str]:
    """Names of the styles of the bundled bank; none where none is bundled."""
    config = ASSETS / BANK / "config.json"
    return json.loads(config.read_text("utf-8"))["styles"] if config.is_file() else []


def bundled_styles() -> list[str]:
    """Names of all styles that are bundled, as `load_painter` takes them: models of one style, then those of the bank.

    Where both have a style of one name, `bank:NAME` is the bank's.
    """
    models = [name for name in bundled_models() if name not in (BANK, IMAGINE)]
    return models + [f"{BANK}:{style}" if style in models else style for style in bank_styles()]


def model_of(style: str) -> tuple[str, str | None]:
    """The bundled model that paints in one of `bundled_styles()`, and its own name for the style if it has many."""
    bank, _, name = style.rpartition(":")
    return (style, None) if not bank and style in bundled_models() else (BANK, name)
