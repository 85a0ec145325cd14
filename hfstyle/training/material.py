"""The pictures of a training: what is learnt from, what is held back to judge by, what is shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image

from hfstyle.data.augment import Augmentation
from hfstyle.data.pictures import PictureFolder
from hfstyle.data.streams import PictureStream, hold_back
from hfstyle.training.config import PictureConfig, UnpairedConfig

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
    fingerprints: list[str]
    """Change with the pictures."""


def unpaired(config: UnpairedConfig, quiet: bool) -> Material:
    """Photos, and paintings that do not belong to them."""
    c = config
    photos = PictureFolder(c.source, short_side=c.resize[1], quiet=quiet)
    paintings = PictureFolder(c.target, c.inner_crop, short_side=c.resize[1], quiet=quiet)
    crops = (Augmentation(c.crop, c.resize, c.flip), Augmentation(c.crop, c.resize, c.flip, c.aspect_jitter))
    shown = PictureFolder(c.sample_photos, short_side=SAMPLE_SIDE, quiet=True) if c.sample_photos else None
    return _material(c, [photos, paintings], crops, shown, f"{len(photos)} photographs and {len(paintings)} paintings")


def _material(
    c: PictureConfig,
    domains: Sequence[PictureFolder],
    crops: Sequence[Any],
    shown: Sequence[Image.Image] | None,
    described: str,
) -> Material:
    part = c.hold_back if c.eval_every else 0.0
    split = [hold_back(pictures, part, c.seed) for pictures in domains]
    learnt, judged = zip(*split, strict=True)
    plain = Augmentation(c.crop, c.resize, flip=False)
    kept = sum(len(held) for (_, held), pictures in zip(split, domains, strict=True) if held is not pictures)
    return Material(
        stream=PictureStream(c.seed, *zip(learnt, crops, strict=True)),
        held_back=PictureStream(c.seed, *((pictures, plain) for pictures in judged)),
        photos=spread(judged[0] if shown is None else shown, SAMPLES),
        paintings=spread(judged[-1], SAMPLES),
        described=described + (f", {kept} of them held back to judge by" if kept else ""),
        fingerprints=[pictures.fingerprint for pictures in domains],
    )


def spread(pictures: Sequence[Image.Image], count: int) -> list[Image.Image]:
    """Up to `count` pictures, evenly spread."""
    count = min(count, len(pictures))
    return [pictures[round(i * (len(pictures) - 1) / max(count - 1, 1))] for i in range(count)]
