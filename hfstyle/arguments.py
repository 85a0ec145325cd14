"""Command lines from typed dataclasses: tyro, with its errors in one line like all others; and what commands share."""

import contextlib
import glob
import io
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from hfstyle.errors import HfstyleError, ImageError, OptionError

STDIO = "-"
"""In place of a file, standard input or output."""

_FRAME = "│╭╮╰╯─┃━ "


def parse(cli: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Call `tyro.cli`, or one of its kin, on `arguments` and `options`.

    Raises:
        OptionError: The command line cannot be understood; tyro would draw a box of several lines.
        SystemExit: After `--help`.
    """
    drawn = io.StringIO()
    try:
        with contextlib.redirect_stderr(drawn):
            return cli(*arguments, **options)
    except SystemExit as end:
        if end.code != 2:
            raise
        raise OptionError(_one_line(drawn.getvalue())) from None


def _one_line(box: str) -> str:
    """What stands in tyro's box above its first rule, which is the error; below it stands the help."""
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in box.splitlines()]
    inside = [line.strip(_FRAME) for line in lines[1:]]
    said = inside[: inside.index("")] if "" in inside else inside
    return " ".join(said).rstrip(".:") + "; see --help"


def refuse_existing(outputs: list[str], overwrite: bool) -> None:
    existing = [output for output in outputs if output != STDIO and Path(output).exists()]
    if existing and not overwrite:
        more = f" (and {len(existing) - 1} more)" if len(existing) > 1 else ""
        raise OptionError(f"{existing[0]} exists{more}; pass --overwrite to replace it")


def make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImageError(f"cannot make the folder {folder}: {error.strerror or error}") from error


@contextlib.contextmanager
def writing(where: str) -> Iterator[None]:
    """Turn what the system says of a place that cannot be written to into one sentence."""
    try:
        yield
    except HfstyleError:
        raise
    except OSError as error:
        raise OptionError(f"cannot write to {where}: {error.strerror or error}") from error


def printable(text: str) -> str:
    """A stranger's text without what would command the terminal."""
    return "".join(character if character.isprintable() else f"{character!a}"[1:-1] for character in text)


def named(path: Path) -> Path:
    """The same path by its name, which `.` and `..` lack."""
    return path.resolve() if path.name in ("", "..") else path


def short(style: str) -> str:
    """What names of files call a style."""
    name = style if os.path.exists(style) else style.rpartition(":")[2]
    path = named(Path(name))
    return path.stem if path.suffix == ".safetensors" else path.name


def expand(given: str) -> list[tuple[Path, Path | None]]:
    """Picture files that an argument means, each with its path inside the folder that was given, if one was."""
    from hfstyle.images import list_images

    path = Path(given)
    if path.is_dir():
        found = [(picture, picture.relative_to(path)) for picture in list_images(path)]
        if not found:
            raise ImageError(f"{given} has no pictures")
        return found
    if not path.exists() and is_pattern(given):
        matches = [Path(match) for match in sorted(glob.glob(given, recursive=True)) if Path(match).is_file()]
        if not matches:
            raise ImageError(f"no file matches {given}")
        return [(match, None) for match in matches]
    return [(path, None)]


def is_pattern(given: str) -> bool:
    return any(character in given for character in "*?[") and not Path(given).exists()


def find_device(name: str | None) -> Any:
    import torch

    if name is None:
        return None
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise OptionError(f"there is no device {name!r} here") from error
    return device
