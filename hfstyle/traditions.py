"""The traditions that the bundled styles learn from, in words: for cards, the studio and `hfstyle profile`."""

import functools
import json
from dataclasses import dataclass
from typing import Literal

from hfstyle.assets import ASSETS
from hfstyle.errors import OptionError

Language = Literal["en", "zh"]


@dataclass(frozen=True)
class Tradition:
    """Who, where and when; what it does with colour, line and space; what a style model does not capture."""

    name: str
    """What commands call it, such as "ukiyoe"."""
    titles: dict[Language, str]
    periods: dict[Language, str]
    """Who, when and where, in a line."""
    paragraphs: dict[Language, str]
    """Plain text of about a hundred words, the sources of the pictures included."""
    avoid: tuple[str, ...]
    """English words that do the tradition wrong; no text about it should use them."""


def traditions() -> list[str]:
    """Names of all traditions that are described."""
    return list(_all())


def tradition(name: str) -> Tradition:
    """The description of one tradition.

    Raises:
        OptionError: None of that name is described.
    """
    if name not in _all():
        raise OptionError(f"there is no tradition {name!r:.100}; there are {', '.join(_all())}")
    return _all()[name]


@functools.cache
def _all() -> dict[str, Tradition]:
    described = json.loads((ASSETS / "traditions.json").read_text("utf-8"))
    return {
        name: Tradition(name, text["title"], text["period"], text["paragraph"], tuple(text["avoid"]))
        for name, text in described.items()
    }
