"""Command lines from typed dataclasses: tyro, with its errors in one line like all others."""

import contextlib
import io
import re
from collections.abc import Callable
from typing import Any

from hfstyle.errors import OptionError

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
