"""The user's own styles on this machine: files in one folder, `~/.hfstyle/styles`, known by their names.

The environment variable `HFSTYLE_HOME` names another folder than `~/.hfstyle`.
"""

import dataclasses
import os
from pathlib import Path

from hfstyle.assets import bundled_models, bundled_styles
from hfstyle.errors import HfstyleError, ModelNotFoundError, OptionError, some
from hfstyle.hub import wrong_name
from hfstyle.styles import Style

ENDING = ".safetensors"


def home() -> Path:
    """Where what is the user's own is kept on this machine; it need not be there."""
    return Path(os.environ.get("HFSTYLE_HOME") or Path.home() / ".hfstyle")


def library() -> Path:
    """The folder of styles, which need not be there."""
    return home() / "styles"


def own_styles() -> dict[str, Path]:
    """Names of the user's own styles, sorted, each with its file."""
    return {path.name.removesuffix(ENDING): path for path in sorted(library().glob(f"[!.]*{ENDING}"))}


def find_style(name: str) -> Path:
    """The file of one of them.

    Raises:
        ModelNotFoundError: There is none of that name.
    """
    if name not in own_styles():
        known = some([*own_styles()], 24) or "none"
        raise ModelNotFoundError(f"there is no style of your own named {name!r:.100}; there are: {known}")
    return own_styles()[name]


def add_style(style: Style, overwrite: bool = False) -> Path:
    """Keep a style under its name. Returns its file.

    Raises:
        OptionError: The name is taken, or the folder cannot be written to.
    """
    path = _free_place(style.name, overwrite)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        style.save(path)
    except OSError as error:
        raise OptionError(f"cannot write to {path.parent}: {error.strerror or error}") from error
    return path


def remove_style(name: str) -> None:
    """Delete one of the user's own styles."""
    find_style(name).unlink(missing_ok=True)


def rename_style(old: str, new: str) -> Path:
    """Give one of them another name. Returns its file."""
    path = find_style(old)
    if new == old:
        return path
    if wrong := wrong_name(new):
        raise OptionError(f"a style has a name: {wrong}")
    renamed = add_style(dataclasses.replace(Style.load(path), name=new))
    path.unlink()
    return renamed


def _free_place(name: str, overwrite: bool) -> Path:
    if name in (*bundled_models(), *bundled_styles()):
        raise OptionError(f"{name} is the name of a bundled style; give yours another")
    if name in own_styles() and not overwrite:
        raise OptionError(f"there is a style {name} already; remove it first, or give yours another name")
    return library() / f"{name}{ENDING}"


def describe_own() -> list[dict[str, str]]:
    """What is known of each: its name, file, and the texts in it; of one that cannot be read, why."""
    facts = []
    for name, path in own_styles().items():
        try:
            about = Style.load(path).about
        except HfstyleError as error:
            about = {"damaged": str(error)}
        facts.append({"name": name, "file": str(path), **about})
    return facts
