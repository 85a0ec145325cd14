"""The pictures of a training: what is learnt from, what is held back to judge by, what is shown."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image

from hfstyle.data.augment import Augmentation
from hfstyle.data.duplicates import duplicates_in_a_line
from hfstyle.data.pictures import PairedPictures, Pictures, open_pairs, open_pictures
from hfstyle.data.sources import has_two_domains
from hfstyle.data.streams import Crop, PictureStream, StyledStream, hold_back
from hfstyle.errors import OptionError
from hfstyle.evaluation.culture import Profile
from hfstyle.training.config import PictureConfig, StyledConfig, TranslationConfig, UnpairedConfig
from hfstyle.training.rule import CLOSEST, PICTURES, Recipe, recipe

logger = logging.getLogger(__name__)

SAMPLES = 6
"""Photos, and paintings, on a sample sheet."""
SAMPLE_SIDE = 384
"""Shorter side, in pixels, at which photos of `--sample-photos` are painted."""


@dataclass
class Material:
    """The pictures of a training."""

    stream: PictureStream
    """What is learnt from."""
    held_back: PictureStream
    """What is measured on, cropped as in `stream` but neither mirrored nor stretched."""
    photos: list[Image.Image]
    """What sample sheets show."""
    paintings: list[Image.Image]
    """What sample sheets show beside them."""
    described: str
    """How many pictures there are, in words."""
    held_back_count: int
    """How many of them are not learnt from; 0 where there were too few, and measuring is on what is learnt from."""
    fingerprints: list[str]
    """Change with the pictures, and with which of them are held back."""


def unpaired(config: UnpairedConfig, quiet: bool) -> Material:
    """Photos, and paintings that do not belong to them."""
    c = config
    if c.target is None and not has_two_domains(c.source):
        raise OptionError("name the paintings with --target (or a --source that holds trainA and trainB)")
    reading = _reading(c, quiet)
    photos = open_pictures(c.source, domain="A", column=c.source_column, **reading)
    paintings = open_pictures(
        c.target or c.source, domain="B", column=c.target_column, inner_crop=c.inner_crop, **reading
    )
    recipes = _recipes(c, photos, [paintings], quiet)
    # Photos are not stretched: what it is to undo there is in the paintings' data sets.
    crops = (_augmentation(c), *_crops_of_paintings(c, 1, recipes))
    counts = f"{_count(photos, 'photograph')} and {_count(paintings, 'painting')}"
    plain = Augmentation(c.crop, c.resize, flip=False)
    return _material(c, [photos, paintings], crops, plain, counts, recipes=recipes)


def styled(config: StyledConfig, quiet: bool) -> Material:
    """Photos, and paintings of several styles."""
    c = config
    reading = _reading(c, quiet)
    photos = open_pictures(c.source, domain="A", column=c.source_column, **reading)
    styles = [
        open_pictures(source, column=c.target_column, inner_crop=c.inner_crop, **reading)
        for source in c.pictures_of.values()
    ]
    recipes = _recipes(c, photos, styles, quiet)
    crops = (_augmentation(c), *_crops_of_paintings(c, len(styles), recipes))
    plain = Augmentation(c.crop, c.resize, flip=False)
    counts = f"{_count(photos, 'photograph')} and paintings in {len(styles)} styles: " + ", ".join(
        f"{len(pictures)} {name}" for name, pictures in zip(c.pictures_of, styles, strict=True)
    )
    material = _material(c, [photos, *styles], crops, plain, counts, StyledStream, recipes)
    material.paintings = [material.held_back.domains[1 + style][0][0] for style in range(len(styles))]
    return material


def paired(config: TranslationConfig, quiet: bool) -> Material:
    """Pictures that belong together."""
    c = config
    columns = (c.source_column, c.target_column) if c.source_column and c.target_column else None
    pairs = open_pairs(c.source, c.target, columns=columns, inner_crop=c.inner_crop, **_reading(c, quiet))
    backwards = c.direction == "BtoA"
    crops = (PairCrop(_augmentation(c, aspect_jitter=c.aspect_jitter), backwards),)
    plain = PairCrop(Augmentation(c.crop, c.resize, flip=False), backwards)
    return _material(c, [pairs], crops, plain, f"{len(pairs)} pairs")


@dataclass(frozen=True)
class PairCrop:
    """Crops both pictures of a pair alike."""

    augmentation: Augmentation
    backwards: bool
    """From the second picture to the first."""

    def __call__(
        self, pair: tuple[Image.Image, Image.Image], random: np.random.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        return self.augmentation.pair(*(reversed(pair) if self.backwards else pair), random)


def collection(config: PictureConfig, quiet: bool) -> Material:
    """Pictures of one kind."""
    c = config
    pictures = open_pictures(c.target, column=c.target_column, inner_crop=c.inner_crop, **_reading(c, quiet))
    crops = (_augmentation(c, aspect_jitter=c.aspect_jitter),)
    return _material(c, [pictures], crops, Augmentation(c.crop, c.resize, flip=False), _count(pictures, "picture"))


def _reading(c: PictureConfig, quiet: bool) -> dict[str, Any]:
    closest = CLOSEST if getattr(c, "lambda_tradition", 0.0) else 1.0
    short_side = round(c.resize[1] * closest)
    return {"short_side": short_side, "limit": c.limit, "streaming": c.limit is not None, "quiet": quiet}


def _augmentation(c: PictureConfig, closeness: float = 1.0, **options: Any) -> Augmentation:
    low, high = (round(size * closeness) for size in c.resize)
    return Augmentation(c.crop, (low, high), c.flip, color_jitter=c.color_jitter, **options)


def _crops_of_paintings(c: PictureConfig, styles: int, recipes: Sequence[Recipe]) -> list[Augmentation]:
    """How the paintings of each style are cropped."""
    closeness = [recipe.closeness for recipe in recipes] or [1.0] * styles
    return [_augmentation(c, close, aspect_jitter=c.aspect_jitter) for close in closeness]


def _recipes(c: TranslationConfig, photos: Pictures, styles: Sequence[Pictures], quiet: bool) -> list[Recipe]:
    """What the profile of each style's pictures asks for; of those that are learnt from."""
    if not c.lambda_tradition:
        return []
    profiles = [
        Profile.of(pictures.where, spread(_split(c, pictures)[0], PICTURES), quiet) for pictures in (photos, *styles)
    ]
    return [recipe(tradition, profiles[0]) for tradition in profiles[1:]]


def _split(c: PictureConfig, pictures: Pictures) -> tuple[Sequence[Any], Sequence[Any]]:
    return hold_back(pictures, c.hold_back if c.eval_every else 0.0, c.seed)


def _count(pictures: Pictures, what: str) -> str:
    return f"{len(pictures)} {what}{'' if len(pictures) == 1 else 's'}"


def _material(
    c: PictureConfig,
    domains: Sequence[Pictures | PairedPictures],
    crops: Sequence[Crop],
    plain: Crop,
    described: str,
    stream: type[PictureStream] = PictureStream,
    recipes: Sequence[Recipe] = (),
) -> Material:
    """Each domain split into what is learnt from and what is judged by; `plain` crops the latter."""
    for pictures in domains:
        if line := duplicates_in_a_line(pictures):
            logger.warning(line)
    learnt, judged = zip(*(_split(c, pictures) for pictures in domains), strict=True)
    kept = sum(len(held) for held, pictures in zip(judged, domains, strict=True) if held is not pictures)
    photos, paintings = spread(judged[0], SAMPLES), spread(judged[-1], SAMPLES)
    if len(judged) == 1 and isinstance(domains[0], PairedPictures):
        photos, paintings = map(list, zip(*photos, strict=True))
        if c.direction == "BtoA":
            photos, paintings = paintings, photos
    if getattr(c, "sample_photos", None) is not None:
        photos = spread(open_pictures(c.sample_photos, short_side=SAMPLE_SIDE, quiet=True), SAMPLES)
    return Material(
        stream=stream(c.seed, *zip(learnt, crops, strict=True), recipes=recipes),
        held_back=stream(c.seed, *((pictures, plain) for pictures in judged)),
        photos=photos,
        paintings=paintings,
        described=described + (f", {kept} of them held back to judge by" if kept else ""),
        held_back_count=kept,
        fingerprints=[*(pictures.fingerprint for pictures in domains), f"seed {c.seed}, {kept} held back"],
    )


def spread(pictures: Sequence[Any], count: int) -> list[Any]:
    """Up to `count` of them, evenly spread."""
    count = min(count, len(pictures))
    return [pictures[round(i * (len(pictures) - 1) / max(count - 1, 1))] for i in range(count)]
