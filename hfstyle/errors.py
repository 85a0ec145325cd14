"""What can go wrong, as exceptions whose text is one sentence for the person who reads it.

Every error that hfstyle raises on purpose derives from `HfstyleError`, so that the command line, the app and a calling
program can tell "your file is broken" from "our code is broken" with one `except`.
"""

from collections.abc import Sequence


class HfstyleError(Exception):
    """Base of all errors raised on purpose. `str(error)` is one line that says what was wrong and what to do."""

    said_elsewhere = False
    """Whether another of several processes tells the user."""


class ImageError(HfstyleError, ValueError):
    """A picture cannot be read: not a picture, truncated, too large, or of a kind that is not supported."""


class OptionError(HfstyleError, ValueError):
    """An argument is outside its range, or two of them contradict each other."""


class ConfigError(HfstyleError, ValueError):
    """A model's config is not one: an unknown or missing key, a wrong type, a value outside its range."""


class WeightsError(HfstyleError, ValueError):
    """A weights file does not fit its model: missing, surplus or misshapen tensors, or not a safetensors file."""


class ModelNotFoundError(HfstyleError, FileNotFoundError):
    """No folder, bundled model or Hub repository has that name, or it lacks the file that was asked for."""


class HubError(HfstyleError, OSError):
    """The Hugging Face Hub refused or failed: access, connection, limits, or an answer that makes no sense."""


class DataError(HfstyleError, ValueError):
    """A source of training pictures cannot be used: missing, empty, oddly laid out, or without a readable picture."""


class CheckpointError(HfstyleError, ValueError):
    """A training checkpoint cannot be resumed from."""


class MissingExtraError(HfstyleError, ImportError):
    """An optional dependency is not installed; the text names the extra that brings it."""

    def __init__(self, feature: str, extra: str):
        super().__init__(f"{feature} needs more packages: pip install 'hfstyle[{extra}]'")


def some(names: Sequence[str], most: int = 5) -> str:
    """The first of many names for a sentence, and how many more there are; each short and printable."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(name[:200] if name.isprintable() else f"{name!a:.200}" for name in names[:most]) + more


def first_line(error: Exception, most: int = 120) -> str:
    """The first line of what another library says, cut short; the kind of error where it says nothing."""
    return next(iter(str(error).splitlines()), type(error).__name__)[:most]
