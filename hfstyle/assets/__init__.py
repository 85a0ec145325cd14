"""What comes with the package: styles, each a folder that `from_pretrained` loads by name, and example photographs."""

from pathlib import Path

ASSETS = Path(__file__).parent
"""The folder of all bundled files. (A wheel is unpacked on installation, so they are plain files.)"""


def bundled_models() -> list[str]:
    """Names of the bundled models, sorted: what `AutoModel.from_pretrained` takes besides folders and repositories."""
    return sorted(config.parent.name for config in ASSETS.glob("*/config.json"))
