"""The pictures that somebody loves, few and mixed: read, looked over, and made ready to learn one style from."""

import copy
import functools
import hashlib
import itertools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file

from hfstyle.assets import ASSETS
from hfstyle.data.check import margin
from hfstyle.data.duplicates import find_groups
from hfstyle.data.pictures import thumbnail
from hfstyle.errors import DataError, ImageError, OptionError, some
from hfstyle.features import STYLE_LAYERS, VGG16Features, pooled
from hfstyle.images import ImageSource, read_image, split_alpha
from hfstyle.losses import gram_matrix
from hfstyle.tensors import to_tensor

MOST = 30
"""Pictures that a style is learnt from; of more, some spread evenly over all."""
SIDE = 256
"""Short side, in pixels, at which pictures are looked at, and photos while a style learns: so strokes come out as
wide, beside the whole, as they are in the pictures."""
BROADEST = 2.0
"""How many times wider they may be asked for."""
KEPT = round(SIDE * BROADEST)
"""Short side to which pictures are scaled down as they are read."""
TINY, SMALL = 96, 192
"""Pictures with a shorter side than the first show no strokes, than the second soft ones."""
LONGEST = 8
"""Of a scroll longer than so many times its width, the middle is taken."""
AREA = 5 * SIDE**2
"""Pixels of all pictures together that are looked at: of many pictures, a part of each."""

PHOTOGRAPH = 0.7
"""From this probability on, a picture is pointed out as a photograph."""
APART = 20.0
"""Squared distance of the middles of two groups, where pictures of one tradition have a variance of about 1, from
which on they count as two styles. So do 1 % of sets of four pictures of one tradition, and 92 % of those of two."""
FEWEST = 4
"""Pictures of which it can be said."""

Kind = Literal["unreadable", "tiny", "small", "duplicate", "surplus", "photograph", "apart"]


@dataclass(frozen=True)
class Finding:
    """Something that the owner of a collection should know."""

    kind: Kind
    names: tuple[str, ...]
    """Of the pictures that it is about."""
    text: str
    """One sentence."""


@dataclass(frozen=True)
class Look:
    """What VGG16 sees in one picture, at the size that suits its touch."""

    grams: dict[str, torch.Tensor]
    """Layer name -> Gram matrix (channels, channels)."""
    pooled: torch.Tensor
    """See `hfstyle.features.pooled`: (960,)."""


class Collection:
    """Pictures that a style is to be learnt from.

    Frames and paper margins are cut away. What cannot be read, shows no strokes or is there twice is left out. That,
    and what else may be wrong, is said in `findings`: photographs among paintings, or two styles in one set.

    Args:
        sources: 1 to 30 pictures, see `read_image`; of more, `MOST` are taken.
        names: What findings call them; their file names, or "picture 3", where not given.
        strokes: How many times wider strokes are to come out than they are in the pictures, 0.5 to 2.

    Attributes:
        names, pictures: Of those that are learnt from. The pictures are RGB, at most `KEPT` pixels on the short side.
        looks: What VGG16 sees in each.
        findings: What the owner should know.
        groups: Places of the pictures: of all, or of each of two styles.

    Raises:
        DataError: No picture is left.
        OptionError: `strokes` is outside its range.
    """

    def __init__(self, sources: Sequence[ImageSource], names: Sequence[str] | None = None, strokes: float = 1.0):
        if not 1 / BROADEST <= strokes <= BROADEST:
            raise OptionError(f"strokes must lie between {1 / BROADEST} and {BROADEST}, not {strokes}")
        self.strokes = strokes
        names = [_name(source, n) for n, source in enumerate(sources, 1)] if names is None else list(names)
        self.findings: list[Finding] = []
        self.names: list[str] = []
        self.pictures: list[Image.Image] = []
        if len(sources) > MOST:
            places = [place * len(sources) // MOST for place in range(MOST)]
            text = f"{len(sources)} pictures are more than it takes: {MOST} of them, spread evenly, are used"
            self._find("surplus", [name for n, name in enumerate(names) if n not in set(places)], text)
            sources, names = [sources[place] for place in places], [names[place] for place in places]
        for source, name in zip(sources, names, strict=True):
            try:
                picture, _ = split_alpha(read_image(source, name))
            except ImageError as error:
                self._find("unreadable", [name], str(error))
                continue
            picture = _middle(_without_frame(picture))
            short = min(picture.size)
            if short < TINY:
                self._find("tiny", [name], f"{name} is too small to show strokes: {short} pixels on its short side")
                continue
            if short < SMALL:
                self._find("small", [name], f"{name} is small, so its strokes come out soft: {short} pixels")
            self.names.append(name)
            self.pictures.append(scaled(picture, min(KEPT, short)))
        self._leave_out_duplicates()
        if not self.pictures:
            why = f": {self.findings[0].text}" if self.findings else ""
            raise DataError(f"there is no picture to learn from{why}")
        network = VGG16Features(STYLE_LAYERS)
        side, area = round(SIDE * strokes), AREA // len(self.pictures)
        self.looks = [look(network, picture, side, area) for picture in self.pictures]
        self._point_out_photographs()
        self.groups = _groups(torch.stack([one.pooled for one in self.looks]))
        if len(self.groups) > 1:
            parts = "; or ".join(some([self.names[n] for n in group], 3) for group in self.groups)
            self._find("apart", self.names, f"these pictures look like two styles, each better learnt alone: {parts}")

    def part(self, places: Sequence[int]) -> "Collection":
        """A collection of some of its pictures, without findings."""
        part = copy.copy(self)
        part.names, part.pictures, part.looks = (
            [values[n] for n in places] for values in (self.names, self.pictures, self.looks)
        )
        part.findings, part.groups = [], [[*range(len(places))]]
        return part

    def __len__(self) -> int:
        return len(self.pictures)

    @property
    def digest(self) -> str:
        """SHA-256 of what is learnt from, in whatever order it was given."""
        each = sorted(hashlib.sha256(f"{p.size}".encode() + p.tobytes()).hexdigest() for p in self.pictures)
        return hashlib.sha256("".join(each).encode()).hexdigest()

    def _point_out_photographs(self) -> None:
        weight, bias, _ = _learnt()
        likely = [torch.sigmoid(one.pooled @ weight + bias).item() for one in self.looks]
        found = [name for name, probability in zip(self.names, likely, strict=True) if probability > PHOTOGRAPH]
        # Whoever brings little else wants the look of photographs.
        if 0 < len(found) <= len(self) / 2:
            self._find("photograph", found, f"among paintings, these look like photographs: {some(found)}")

    def _leave_out_duplicates(self) -> None:
        thumbnails = [thumbnail(picture) for picture in self.pictures]
        out = set()
        for group in find_groups(np.stack(thumbnails)) if thumbnails else []:
            best = max(group, key=lambda n: min(self.pictures[n].size))
            others = [n for n in group if n != best]
            names = [self.names[n] for n in others]
            self._find("duplicate", names, f"left out, since they look like {self.names[best]}: {some(names)}")
            out.update(others)
        self.names = [name for n, name in enumerate(self.names) if n not in out]
        self.pictures = [picture for n, picture in enumerate(self.pictures) if n not in out]

    def _find(self, kind: Kind, names: Sequence[str], text: str) -> None:
        self.findings.append(Finding(kind, tuple(names), text))


@torch.inference_mode()
def look(network: VGG16Features, picture: Image.Image, side: int, area: int) -> Look:
    """What a network with `STYLE_LAYERS` sees in a picture of `side` pixels, or in its middle of `area` pixels."""
    picture = scaled(picture, side)
    short = min(*picture.size, round(area**0.5))
    width, height = (min(length, area // short) for length in picture.size)
    left, top = (picture.width - width) // 2, (picture.height - height) // 2
    features = network(to_tensor(picture.crop((left, top, left + width, top + height))).unsqueeze(0), STYLE_LAYERS)
    grams = {layer: gram_matrix(value)[0] for layer, value in features.items()}
    return Look(grams, pooled(features)[0])


def _groups(seen: torch.Tensor) -> list[list[int]]:
    """Places of pictures of one style, or of each of two, by `Look.pooled` (pictures, 960).

    Two-means (Lloyd 1982) from each pair of pictures, along the directions in which traditions differ, not pictures of
    one tradition (Fisher 1936): see `benchmarks/recipes/looks.py`.
    """
    together = [[*range(len(seen))]]
    if len(seen) < FEWEST:
        return together
    points = seen @ _learnt()[2]  # (pictures, 8)
    best, found = torch.inf, together
    for pair in itertools.combinations(range(len(points)), 2):
        middles = points[list(pair)]
        for _ in range(10):
            nearest = torch.cdist(points, middles).argmin(1)
            if nearest.unique().numel() < 2:
                break
            middles = torch.stack([points[nearest == group].mean(0) for group in (0, 1)])
        spread = (points - middles[nearest]).square().sum().item()
        groups = [torch.nonzero(nearest == group).flatten().tolist() for group in (0, 1)]
        if spread < best:
            apart = (middles[0] - middles[1]).square().sum() > APART and min(map(len, groups)) > 1
            best, found = spread, groups if apart else together
    return found


@functools.cache
def _learnt() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """What `benchmarks/recipes/looks.py` learnt: weights (960,) and bias () of photographs, axes (960, 8)."""
    learnt = load_file(ASSETS / "looks.safetensors")
    return tuple(learnt[name].float() for name in ("photograph.weight", "photograph.bias", "axes"))


def _name(source: ImageSource, number: int) -> str:
    return os.path.basename(source) if isinstance(source, (str, os.PathLike)) else f"picture {number}"


def _without_frame(picture: Image.Image) -> Image.Image:
    cut = margin(picture)
    width, height = picture.size
    return picture.crop((round(cut * width), round(cut * height), round((1 - cut) * width), round((1 - cut) * height)))


def _middle(picture: Image.Image) -> Image.Image:
    width, height = (min(length, LONGEST * min(picture.size)) for length in picture.size)
    left, top = (picture.width - width) // 2, (picture.height - height) // 2
    return picture.crop((left, top, left + width, top + height))


def scaled(picture: Image.Image, short_side: int) -> Image.Image:
    """The picture with so many pixels on its short side."""
    scale = short_side / min(picture.size)
    size = max(round(picture.width * scale), short_side), max(round(picture.height * scale), short_side)
    return picture if picture.size == size else picture.resize(size, Image.Resampling.LANCZOS)
