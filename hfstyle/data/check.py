"""What is wrong with training pictures, before hours are spent on them: `hfstyle data check`."""

import hashlib
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image
from tqdm import tqdm

from hfstyle.data.duplicates import find_groups
from hfstyle.data.pictures import thumbnail
from hfstyle.data.sources import Files, find_files, split_and_domain
from hfstyle.errors import ImageError, some
from hfstyle.images import contact_sheet, identify, read_image, split_alpha

SHEET_COLUMNS = 8
SHEET_PICTURES = 40
MOST_NAMED = 5
GREY = 3.0
"""Mean distance, in 255ths, of the channels from each other, below which a picture counts as grey."""


@dataclass(frozen=True)
class Checked:
    """A picture that can be read."""

    name: str
    part: str
    """The source, and its split where it has several: "art/ukiyoe train"."""
    training: bool
    """Whether training would learn from it: not held back in a folder `test` or `val`."""
    size: tuple[int, int]
    format: str
    mode: str
    digest: str
    grey: bool
    margin: float
    """Part of the sides that a frame of one colour takes up on each, 0 where there is none."""


@dataclass(frozen=True)
class Report:
    """The state of one or several sources."""

    pictures: list[Checked]
    broken: list[tuple[str, str]]
    """Name and reason."""
    exact: list[list[int]]
    """Groups of files with the same bytes, as indices into `pictures`; likewise the next."""
    near: list[list[int]]
    """Groups of pictures that look the same, those of `exact` included."""
    crop: int
    sheet: Image.Image | None

    @property
    def leaks(self) -> list[tuple[str, str]]:
        """A picture held back for testing, and one that training learns from, that look the same."""
        found = []
        for group in self.near:
            learnt = [self.pictures[index].name for index in group if self.pictures[index].training]
            held_back = [self.pictures[index].name for index in group if not self.pictures[index].training]
            found += [(name, learnt[0]) for name in held_back if learnt]
        return found

    @property
    def small(self) -> list[str]:
        """Pictures whose short side is below the crop: they would be scaled up."""
        return [picture.name for picture in self.pictures if min(picture.size) < self.crop]

    @property
    def grey(self) -> list[str]:
        """Grey pictures among coloured ones; none where all are grey."""
        names = [picture.name for picture in self.pictures if picture.grey]
        return names if len(names) < len(self.pictures) else []

    @property
    def inner_crop(self) -> float | None:
        """An `--inner-crop` that cuts away the frames of nearly all framed pictures; None where few are framed."""
        margins = sorted(picture.margin for picture in self.pictures if picture.margin)
        if len(margins) < max(3, len(self.pictures) / 10):
            return None
        return int(100 * (1 - 2 * margins[int(0.9 * (len(margins) - 1))])) / 100

    @property
    def framed(self) -> int:
        return sum(picture.margin > 0 for picture in self.pictures)

    @property
    def usable(self) -> int:
        """Pictures that training would learn from."""
        return sum(picture.training for picture in self.pictures)

    def parts(self) -> dict[str, dict[str, Any]]:
        """Facts of each source and split."""
        facts = {}
        for part in dict.fromkeys(picture.part for picture in self.pictures):
            inside = [picture for picture in self.pictures if picture.part == part]
            short = sorted(min(picture.size) for picture in inside)
            aspect = sorted(picture.size[0] / picture.size[1] for picture in inside)
            facts[part] = {
                "pictures": len(inside),
                "short_side": {"min": short[0], "median": short[len(short) // 2], "max": short[-1]},
                "aspect": {name: round(value, 2) for name, value in
                           (("min", aspect[0]), ("median", aspect[len(aspect) // 2]), ("max", aspect[-1]))},
                "formats": dict(Counter(picture.format for picture in inside).most_common()),
                "modes": dict(Counter(picture.mode for picture in inside).most_common()),
            }  # fmt: skip
        return facts

    def to_dict(self) -> dict[str, Any]:
        """All of it for JSON."""
        return {
            "parts": self.parts(),
            "broken": [{"name": name, "reason": reason} for name, reason in self.broken],
            "exact_duplicates": self._names(self.exact),
            "near_duplicates": self._names(self.near),
            "leaks": [{"test": test, "train": train} for test, train in self.leaks],
            "small": self.small,
            "grey": self.grey,
            "framed": self.framed,
            "inner_crop": self.inner_crop,
            "usable": self.usable,
        }

    def lines(self) -> list[str]:
        """The same for people, with advice at the end."""
        lines = []
        for part, fact in self.parts().items():
            short, aspect = fact["short_side"], fact["aspect"]
            lines += [
                f"{part}: {_count(fact['pictures'], 'picture')}",
                f"  short side {short['min']} to {short['max']} pixels, median {short['median']}; width by height "
                f"{aspect['min']} to {aspect['max']}, median {aspect['median']}",
                f"  {_tally(fact['formats'])}; {_tally(fact['modes'])}",
            ]
        lines += [f"broken: {reason}" for _, reason in self.broken]
        alike = [group for group in self._names(self.near) if group not in self._names(self.exact)]
        lines += [f"the same file: {some(group, MOST_NAMED)}" for group in self._names(self.exact)]
        lines += [f"look the same: {some(group, MOST_NAMED)}" for group in alike]
        lines += [f"LEAK: {test} is held back for testing, and training learns {train}" for test, train in self.leaks]
        return lines + ["", *self._advice()]

    def _advice(self) -> list[str]:
        advice = []
        if self.leaks:
            advice.append(
                f"{_count(len(self.leaks), 'picture')} of the test leaked into training: delete one of the two"
            )
        if surplus := sum(len(group) - 1 for group in self.near):
            advice.append(f"{_count(surplus, 'duplicate')}: training would see those pictures more often; delete them")
        if self.broken:
            advice.append(f"{_count(len(self.broken), 'broken file')}, which training skips")
        if self.small:
            advice.append(
                f"{_count(len(self.small), 'picture')} with a short side below the crop of {self.crop}, which would "
                f"be scaled up and blurred: {some(self.small, MOST_NAMED)}"
            )
        if self.grey:
            advice.append(
                f"{_count(len(self.grey), 'grey picture')} among coloured ones: {some(self.grey, MOST_NAMED)}"
            )
        if self.inner_crop:
            advice.append(
                f"{_count(self.framed, 'picture')} with a border of one colour: --inner-crop {self.inner_crop} cuts "
                "it away"
            )
        if self.usable:
            return [*advice, f"ready to train: {_count(self.usable, 'picture')}"]
        return [*advice, "nothing to train with"]

    def _names(self, groups: list[list[int]]) -> list[list[str]]:
        return [[self.pictures[index].name for index in group] for group in groups]


def check(
    sources: Sequence[str],
    *,
    column: str | None = None,
    subset: str | None = None,
    limit: int | None = None,
    crop: int = 256,
    revision: str | None = None,
    token: str | bool | None = None,
    quiet: bool = False,
) -> Report:
    """Look at every picture of folders, zips and data sets on the Hub, whatever split or domain it is in.

    Of a table on the Hub this is the split "train"; the first `limit` pictures are streamed where that is given.

    Args:
        sources: As `hfstyle.data.pictures.open_pictures` takes them.
        column, subset, limit, revision, token: As there.
        crop: Side, in pixels, of the crops that training will take.
        quiet: No progress bar.

    Raises:
        DataError: A source does not exist or has no pictures.
        HubError: The Hub refused or could not be reached.
    """
    hub = {"column": column, "subset": subset, "revision": revision, "token": token}
    found = [
        find_files(source, split=None, limit=limit, streaming=limit is not None, quiet=quiet, **hub)
        for source in dict.fromkeys(sources)
    ]
    pictures: list[Checked] = []
    broken: list[tuple[str, str]] = []
    thumbnails = []
    places = [(files, index) for files in found for index in range(len(files.names))]
    readable = []
    for files, index in tqdm(places, desc="checking", unit="pictures", disable=quiet or None, leave=False, delay=1):
        name = files.describe(index)
        if len(found) == 1:
            name = name.removeprefix(f"{files.where.rstrip('/')}/")
        try:
            data = files.read(index)
            picture, _ = split_alpha(read_image(data, files.describe(index)))
        except ImageError as error:
            broken.append((name, str(error)))
            continue
        thumbnails.append(thumbnail(picture))
        pictures.append(_look(picture, data, name, files, index))
        readable.append((files, index))
    by_digest: dict[str, list[int]] = {}
    for index, picture in enumerate(pictures):
        by_digest.setdefault(picture.digest, []).append(index)
    return Report(
        pictures,
        broken,
        exact=[group for group in by_digest.values() if len(group) > 1],
        near=find_groups(np.stack(thumbnails)) if thumbnails else [],
        crop=crop,
        sheet=_sheet(readable),
    )


def _look(picture: Image.Image, data: Path | bytes, name: str, files: Files, index: int) -> Checked:
    content = data if isinstance(data, bytes) else data.read_bytes()
    kind, mode = identify(content)
    # `data check photos/train photos/test` names the splits by the sources themselves.
    split, domain = split_and_domain(f"{PurePosixPath(Path(files.where).name)}/{files.names[index]}")
    inside = split_and_domain(files.names[index])[0] is not None
    pixels = np.asarray(picture.resize((64, 64), Image.Resampling.BOX), np.float32)
    return Checked(
        name=name,
        part=f"{files.where} {split}{domain or ''}" if inside else files.where,
        training=split in (None, "train"),
        size=picture.size,
        format=kind,
        mode=mode,
        digest=hashlib.sha256(content).hexdigest(),
        grey=float((pixels.max(2) - pixels.min(2)).mean()) < GREY,
        margin=margin(picture),
    )


def margin(picture: Image.Image) -> float:
    """Part of the sides that a frame of one colour takes up, the broadest of the four; 0 where there is no frame.

    A frame is on all four sides, in the same colour: a sky is on one.
    """
    small = picture.resize((min(picture.width, 200), min(picture.height, 200)), Image.Resampling.BOX)
    pixels = np.asarray(small, np.float32)
    widths, colours = [], []
    for turned in (pixels, pixels[::-1], pixels.swapaxes(0, 1), pixels.swapaxes(0, 1)[::-1]):
        colour = np.median(turned[0], axis=0)
        off = np.abs(turned - colour).max(2) > 24
        plain = off.mean(1) < 0.02  # rows of the frame, but for a stain or a stamp
        widths.append((len(plain) if plain.all() else int(plain.argmin())) / len(plain))
        colours.append(colour)
    if min(widths) < 0.01 or max(widths) > 0.25 or np.ptp(np.stack(colours), axis=0).max() > 32:
        return 0.0
    return max(widths)


def _sheet(readable: Sequence[tuple[Files, int]]) -> Image.Image | None:
    """Up to `SHEET_PICTURES` pictures, spread evenly over all; None where there is none."""
    count = min(len(readable), SHEET_PICTURES)
    chosen = [readable[place * len(readable) // count] for place in range(count)]
    pictures = []
    for files, index in chosen:
        picture, _ = split_alpha(read_image(files.read(index)))
        picture.thumbnail((320, 320))
        pictures.append(picture)
    rows = [pictures[start : start + SHEET_COLUMNS] for start in range(0, count, SHEET_COLUMNS)]
    return contact_sheet(rows, cell=192) if rows else None


def sheet_name(source: str | os.PathLike) -> str:
    """What the contact sheet of a source is called where no name is given: NAME-sheet.jpg."""
    path = Path(source).resolve() if Path(source).name in ("", "..") else Path(source)
    return f"{path.stem if path.suffix == '.zip' else path.name}-sheet.jpg"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _tally(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())
