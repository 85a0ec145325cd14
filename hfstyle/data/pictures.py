"""Pictures to train on: read once, checked, kept in memory; alone or in pairs."""

import hashlib
import logging
import os
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from PIL import Image
from tqdm import tqdm

from hfstyle.data.sources import Files, find_files, has_two_domains, pair_key
from hfstyle.errors import DataError, ImageError, some
from hfstyle.images import read_image, split_alpha

logger = logging.getLogger(__name__)

THUMBNAIL = 64
"""Side, in pixels, of the grey thumbnails by which near-duplicates are found."""
MOST_NAMED = 20
"""Broken files that are named one by one; the rest is counted."""


class Pictures:
    """All readable pictures of a source, in a fixed order: PIL images of mode RGB.

    Every file is decoded once at the start, so that hours later no broken one stops a training: those that cannot be
    read are left out and named. Decoded pictures stay in memory up to `cache_bytes`; the rest is read again when
    needed.

    Args:
        files: Where they are. See `open_pictures`, which finds them.
        inner_crop: Part of width and height that is kept around the centre; below 1 it cuts away the paper margins and
            frames of scanned paintings.
        short_side: Pictures whose shorter side is longer are scaled down to it as they are read. Crops are taken from
            these, so it is the largest size that a crop will be taken at; a long scroll keeps its length.
        cache_bytes: Memory for decoded pictures.
        half: Of each file only the left or right half, cut before all else.
        quiet: No progress bar.

    Attributes:
        names: The readable files, with `/` between folders.
        unreadable: Name and reason of each file that is left out.
        sizes: Width and height of each picture as it is in its file.
        thumbnails: uint8 (pictures, 64, 64): the pictures in grey, squeezed into squares.

    Raises:
        DataError: No picture is readable.
    """

    def __init__(
        self,
        files: Files,
        inner_crop: float = 1.0,
        short_side: int = 1024,
        cache_bytes: int = 2 * 2**30,
        half: Literal["left", "right"] | None = None,
        quiet: bool = False,
    ):
        self.files = files
        self.inner_crop = inner_crop
        self.short_side = short_side
        self.half = half
        self.names: list[str] = []
        self.unreadable: list[tuple[str, str]] = []
        self.sizes: list[tuple[int, int]] = []
        self._places: list[int] = []  # of the readable ones among the files
        self._cache: dict[int, Image.Image] = {}
        thumbnails = []
        title = f"reading {os.path.basename(files.where.rstrip('/')) or files.where}"
        for place, name in enumerate(tqdm(files.names, desc=title, unit="pictures", disable=quiet, leave=False)):
            try:
                whole = self._open(place)
                picture = self._prepare(whole)
            except ImageError as error:
                self.unreadable.append((name, str(error)))
                continue
            self.sizes.append(whole.size)
            thumbnails.append(thumbnail(picture))
            cache_bytes -= picture.width * picture.height * 3
            if cache_bytes >= 0:
                self._cache[len(self.names)] = picture
            self.names.append(name)
            self._places.append(place)
        if not self.names:
            first = self.unreadable[0][1]
            raise DataError(f"{files.where} has no readable picture; the first of {len(files.names)}: {first}")
        self.thumbnails = np.stack(thumbnails)

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Image.Image:
        """The RGB picture after the inner crop."""
        return self._cache.get(index) or self._prepare(self._open(self._places[index]))

    @property
    def where(self) -> str:
        """How messages name the source."""
        return self.files.where

    @property
    def fingerprint(self) -> str:
        """Changes when a picture is added, removed or renamed, or a data set on the Hub has a new commit."""
        parts = [*self.names, *filter(None, [self.files.version])]
        return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogateescape")).hexdigest()[:16]

    def _open(self, place: int) -> Image.Image:
        picture, _ = split_alpha(read_image(self.files.read(place), self.files.describe(place)))
        if self.half is not None and picture.width < 2:
            raise ImageError(f"{self.files.describe(place)} is too narrow to be a pair side by side")
        return picture

    def _prepare(self, picture: Image.Image) -> Image.Image:
        if self.half is not None:
            width = picture.width // 2  # of an odd width, the middle column is in neither half
            left = 0 if self.half == "left" else picture.width - width
            picture = picture.crop((left, 0, left + width, picture.height))
        width, height = picture.size
        dx, dy = int(width * (1 - self.inner_crop) / 2), int(height * (1 - self.inner_crop) / 2)
        picture = picture.crop((dx, dy, width - dx, height - dy))
        scale = self.short_side / min(picture.size)
        if scale < 1:
            size = (round(picture.width * scale), round(picture.height * scale))
            picture = picture.resize(size, Image.Resampling.LANCZOS)
        return picture


def thumbnail(picture: Image.Image) -> np.ndarray:
    """The picture in grey, squeezed into a square: uint8 (64, 64)."""
    return np.asarray(picture.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX).convert("L"))


def open_pictures(
    source: str | os.PathLike,
    *,
    split: str | None = "train",
    domain: Literal["A", "B"] | None = None,
    column: str | None = None,
    subset: str | None = None,
    streaming: bool = False,
    limit: int | None = None,
    revision: str | None = None,
    token: str | bool | None = None,
    inner_crop: float = 1.0,
    short_side: int = 1024,
    cache_bytes: int = 2 * 2**30,
    quiet: bool = False,
) -> Pictures:
    """The pictures of a folder, a zip, or a data set on the Hub.

    Args:
        source: In this order: an existing folder, searched with all its subfolders; an existing zip; a data set on the
            Hub (`"owner/name"`) of picture files, of Parquet files (through `datasets`), or of one zip. What looks
            like a path, or is a `Path`, and does not exist is never asked of the Hub.
        split: "train", "test" or "val": what lies below folders of that name, or the Hub's split. A source without
            such folders is all for training; what lies below a folder `test` or `val` never is. `None`: all that is
            there.
        domain: "A" or "B", where the source holds both: folders `trainA` and `trainB`, Hub splits of these names, or
            columns such as `imageA` and `imageB`. Ignored where it holds one.
        column: Column of a table on the Hub; the only one with pictures, or that of the domain, where not given.
        subset: Configuration of a data set on the Hub, where it has several.
        streaming: Fetch from a table on the Hub no more than the first pictures, instead of all into the cache. They
            stay in memory.
        limit: Take no more than this many, the first ones.
        revision: Branch, tag or commit on the Hub; `None` is `main`.
        token: Hub token, `True` for the stored one, `False` for none.
        inner_crop, short_side, cache_bytes, quiet: See `Pictures`.

    Raises:
        DataError: There is no such source, split or column, or no readable picture in it.
        HubError: The Hub refused or could not be reached.
        MissingExtraError: A table on the Hub needs the package `datasets`.
    """
    files = find_files(
        source, split=split, domain=domain, column=column, subset=subset, streaming=streaming, limit=limit,
        revision=revision, token=token, quiet=quiet,
    )  # fmt: skip
    pictures = Pictures(files, inner_crop, short_side, cache_bytes, quiet=quiet)
    _name_unreadable(pictures.unreadable)
    return pictures


def _name_unreadable(unreadable: Sequence[tuple[str, str]]) -> None:
    for _, reason in unreadable[:MOST_NAMED]:
        logger.warning("skipped: %s", reason)
    if len(unreadable) > MOST_NAMED:
        logger.warning("skipped: %d more", len(unreadable) - MOST_NAMED)


class PairedPictures:
    """Pictures that belong together: (A, B), both PIL images of mode RGB and of the same size.

    Pairs are found by name: files at the same place in both sources but for their ending (`trainA/x/1.jpg` and
    `trainB/x/1.png`), or rows of a table. Those without a partner are named and left out.

    Attributes:
        unmatched: Names without a partner, of A and then of B.
        unreadable: Name and reason of each file that is left out, of A and then of B.

    Raises:
        DataError: Nothing belongs together.
    """

    def __init__(self, a: Pictures, b: Pictures):
        self.a, self.b = a, b
        places = [{}, {}]
        for pictures, place in zip((a, b), places, strict=True):
            for index, name in enumerate(pictures.names):
                place.setdefault(pair_key(name), index)  # of 1.jpg beside 1.png, the first
        self.pairs = [(index, places[1][key]) for key, index in places[0].items() if key in places[1]]
        if not self.pairs:
            raise DataError(
                f"no picture of {a.where} has a partner of the same name in {b.where}: {a.names[0]}, {b.names[0]}"
            )
        self.names = [a.names[index] for index, _ in self.pairs]
        matched = [set(column) for column in zip(*self.pairs, strict=True)]
        self.unmatched = [
            name
            for pictures, kept in zip((a, b), matched, strict=True)
            for index, name in enumerate(pictures.names)
            if index not in kept
        ]
        self.unreadable = list(dict.fromkeys(a.unreadable + b.unreadable))
        if self.unmatched:
            logger.warning("left out, without a partner: %s", some(self.unmatched))
        if stretched := [name for name, pair in zip(self.names, self.pairs, strict=True) if not self._fit(*pair)]:
            logger.warning("A and B differ in shape, so B is stretched: %s", some(stretched))

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> tuple[Image.Image, Image.Image]:
        """A and B after the inner crop; B is brought to the size of A."""
        first, second = self.pairs[index]
        a, b = self.a[first], self.b[second]
        return a, b if b.size == a.size else b.resize(a.size, Image.Resampling.LANCZOS)

    @property
    def fingerprint(self) -> str:
        """Changes when a pair is added, removed or renamed, or a data set on the Hub has a new commit."""
        both = f"{self.a.fingerprint} {self.b.fingerprint} {self.a.half}"
        return hashlib.sha256(both.encode()).hexdigest()[:16]

    def _fit(self, first: int, second: int) -> bool:
        """Whether the two have the same shape, but for a pixel of rounding."""
        (a_width, a_height), (b_width, b_height) = self.a.sizes[first], self.b.sizes[second]
        return abs(a_width * b_height - b_width * a_height) <= max(a_width, a_height, b_width, b_height)


def open_pairs(
    source: str | os.PathLike, target: str | os.PathLike | None = None, *,
    columns: tuple[str, str] | None = None, subset: str | None = None, revision: str | None = None,
    token: str | bool | None = None, quiet: bool = False, cache_bytes: int = 2 * 2**30, **options: Any,
) -> PairedPictures:  # fmt: skip
    """Pairs from two sources, from one that holds both domains, or from files with A and B side by side.

    Args:
        source: The pictures A, or both. See `open_pictures` for what it can be.
        target: The pictures B. Where not given, `source` holds two domains, or else each of its files is cut in the
            middle: A is the left half, B the right one.
        columns: The two columns of a table on the Hub; found by their names where not given.
        subset, revision, token, quiet, cache_bytes: See `open_pictures`.
        **options: Others of `open_pictures`: `split`, `streaming`, `limit`, `inner_crop`, `short_side`.

    Raises:
        DataError: As `open_pictures`, or nothing belongs together.
        HubError: The Hub refused or could not be reached.
    """
    hub = {"subset": subset, "revision": revision, "token": token}
    common = hub | options | {"quiet": quiet, "cache_bytes": cache_bytes // 2}
    if target is not None:
        a, b = columns or (None, None)
        return PairedPictures(
            open_pictures(source, domain="A", column=a, **common),
            open_pictures(target, domain="B", column=b, **common),
        )
    if columns is not None or has_two_domains(source, **hub):
        a, b = columns or (None, None)
        return PairedPictures(
            open_pictures(source, domain="A", column=a, **common),
            open_pictures(source, domain="B", column=b, **common),
        )
    prepare = {name: common.pop(name) for name in ("inner_crop", "short_side", "cache_bytes") if name in common}
    files = find_files(source, **common)
    a, b = (Pictures(files, **prepare, half=half, quiet=quiet) for half in ("left", "right"))
    _name_unreadable(a.unreadable)
    pairs = PairedPictures(a, b)
    odd = [name for name, (width, height) in zip(a.names, a.sizes, strict=True) if width != 2 * height]
    if odd:
        logger.warning("not twice as wide as high, and cut in the middle all the same: %s", some(odd))
    return pairs
