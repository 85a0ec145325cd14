"""Judging a style: photos that it has never seen, made into paintings, against paintings of the tradition.

One protocol for all. Every picture is brought to one size and one JPEG quality first; another network looks at them
than any that trains; and each figure has an interval, since sets of paintings are small. The lower the better, but for
the share.

- KID: how far the pictures are, as a set, from the paintings. It is unbiased, so it leads.
- Share: how much of the way from the unchanged photos to the paintings a style goes in KID. The end of the way is the
  KID between two halves of the paintings.
- Content: how far each picture is from its own photo, 1 - cosine of features that know where things are.
- FID: like KID, with a bias that grows the fewer the pictures. See `hfstyle.evaluation.metrics.Distances`.
- ArtFID: (1 + content) * (1 + FID), one figure for both (Wright & Ommer 2022, arXiv:2207.12280). They measure with
  other networks, so their figures are others.
- Profile: on each measure of `hfstyle.evaluation.culture`, how far a style went from the photos to the paintings.
"""

import dataclasses
import logging
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

import hfstyle
from hfstyle.data.pictures import Pictures
from hfstyle.data.sources import pair_key
from hfstyle.errors import DataError, OptionError, some
from hfstyle.evaluation.baselines import color_statistics, transfer_color
from hfstyle.evaluation.culture import Profile, Step, aligned, distance, profile
from hfstyle.evaluation.metrics import Distances, draw, halve
from hfstyle.evaluation.network import QUALITY, SIZE, EfficientNetLite0, as_judged
from hfstyle.machine import describe, peak_memory

logger = logging.getLogger(__name__)

FEWEST = 10
"""Pictures that a set must have to be judged."""
HALVINGS = 100
"""Into how many pairs of halves the paintings are split for the floor."""
SHEET = 12
"""Photos on the sheet, spread evenly over all, so that it is the same for every style."""
PROFILED = 60
"""Pictures of each set whose profile is taken, spread evenly over all."""


@dataclass(frozen=True)
class Figure:
    """A measure and where 95 % of its bootstraps lie around it: pictures drawn anew, with repetition, from both sets.

    The bootstraps are moved so that their mean is the measure: of FID they would all lie above it, since fewer
    different pictures make it larger. So the interval says how much chance there is in the figure, not what is true.
    """

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, value: float, resampled: torch.Tensor) -> "Figure":
        """From the measure and its bootstraps."""
        low, high = (resampled - resampled.mean()).quantile(torch.tensor([0.025, 0.975], dtype=resampled.dtype))
        return cls(value, value + low.item(), value + high.item())


@dataclass(frozen=True)
class Row:
    """One way to make pictures, and what it is worth. A figure that makes no sense for it is None."""

    name: str
    kid: Figure
    share: Figure | None
    content: Figure | None
    fid: Figure
    artfid: Figure | None


@dataclass(frozen=True)
class Judgement:
    """What `judge` found.

    Attributes:
        name: Of the style, or of the folder with the pictures.
        rows: What was judged, and after it the baselines where asked for.
        steps: Where it lies between the photos and the paintings, on each measure of the profile.
        seconds: Median of what a picture took; None where the pictures were there before.
        memory: Most bytes of memory until all were made; None where unknown or where they were there before.
        facts: Which network, pictures, seed and machine.
        sheet: Photos and what became of each.
        profile: Of what was made.
    """

    name: str
    rows: list[Row]
    steps: list[Step]
    seconds: float | None
    memory: int | None
    facts: dict[str, Any]
    sheet: list[tuple[Image.Image, Image.Image]]
    profile: Profile

    def to_dict(self) -> dict[str, Any]:
        """All but the pictures, for JSON."""
        return {
            "name": self.name,
            "rows": [dataclasses.asdict(row) for row in self.rows],
            "profile": [dataclasses.asdict(step) for step in self.steps],
            "seconds_per_picture": self.seconds,
            "peak_memory_bytes": self.memory,
            **self.facts,
        }

    def costs(self, say: Callable[..., str] = str.format) -> str | None:
        """Seconds and memory in a line, by `say` of chinese.py; None where the pictures were there before."""
        if self.seconds is None:
            return None
        found = {"seconds": f"{self.seconds:.3f}", "machine": self.facts["machine"]}
        if not self.memory:
            return say("{seconds} s a picture (median); {machine}", **found)
        found["memory"] = f"{self.memory / 2**20:.0f}"
        return say("{seconds} s a picture (median), peak memory {memory} MiB; {machine}", **found)

    def lines(self) -> list[str]:
        """All of it for people."""
        facts = self.facts
        lines = [*aligned(table(self.rows)), "", *aligned(profile_table(self.steps))]
        pictures = f"{facts['photos']['pictures']} photos against {facts['paintings']['pictures']} paintings"
        lines += [
            "",
            f"{pictures}; {facts['network']}; all at {SIZE} px and JPEG {QUALITY}; 95 % intervals of "
            f"{facts['resamplings']} bootstraps, seed {facts['seed']}",
        ]
        return lines + [line for line in [self.costs()] if line]


def table(rows: Iterable[Row]) -> list[list[str]]:
    """The figures for people, a heading first: `228 [215, 241]` is a figure and its interval."""
    heading = ["pictures", "KID x1000", "share closed", "content", "FID", "ArtFID"]
    cells = [
        [
            row.name,
            _write(row.kid, 1000, 0),
            _write(row.share, 100, 0, " %"),
            _write(row.content, 1, 2),
            _write(row.fid, 1, 0),
            _write(row.artfid, 1, 0),
        ]
        for row in rows
    ]
    return [heading, *cells]


def profile_table(steps: Iterable[Step]) -> list[list[str]]:
    """The profile for people, a heading first. A dash is where photos and paintings do not differ."""
    cells = [
        [step.measure, f"{step.photos:.3g}", f"{step.painted:.3g}", f"{step.tradition:.3g}"]
        + ["-" if step.share is None else f"{step.share + 0:.0%}"]
        for step in steps
    ]
    return [["profile (medians)", "photos", "painted", "paintings", "of the way"], *cells]


def _write(figure: Figure | None, factor: float, digits: int, unit: str = "") -> str:
    if figure is None:
        return "-"
    # Not "-0": that would be asked about.
    value, low, high = (f"{round(factor * number, digits) + 0:.{digits}f}" for number in dataclasses.astuple(figure))
    return f"{value}{unit} [{low}, {high}]" if figure.low < figure.high else f"{value}{unit}"


def judge(
    name: str,
    made: Callable[[Image.Image], Image.Image] | Pictures,
    photos: Pictures,
    paintings: Pictures,
    *,
    baselines: bool = False,
    resamplings: int = 1000,
    seed: int = 0,
    device: torch.device | str = "cpu",
    facts: dict[str, Any] | None = None,
) -> Judgement:
    """Judge a style, or pictures that something else made.

    Args:
        name: What to call it.
        made: What makes a painting of a photo, such as `model.stylize`; or the paintings, each with the name of its
            photo (`x/1.png` belongs to `x/1.jpg`).
        photos: Pictures that the style did not learn from. Their `short_side` is the size at which they are painted.
        paintings: What the tradition's pictures look like.
        baselines: Judge also what a style must beat: the unchanged photos, and photos with the paintings' colours
            (`hfstyle.evaluation.baselines`); and the floor, the halves of the paintings.
        resamplings: How many bootstraps.
        seed: Of the bootstraps and halves: the same seed, the same figures.
        device: Where the judging network runs, and for which memory is measured.
        facts: Further entries for the report, such as what is known of the model.

    Raises:
        DataError: There are too few pictures, or none for a photo.
        OptionError: `resamplings` or `seed` is too small.
        MissingExtraError: The extra "eval" is not installed.
    """
    if resamplings < 100 or seed < 0:
        raise OptionError("an interval takes at least 100 resamplings, and a seed is a whole number from 0")
    for pictures in (photos, paintings):
        if len(pictures) < FEWEST:
            raise DataError(f"{pictures.where} has {len(pictures)} readable pictures; to judge by takes {FEWEST}")
        if small := [size for size in pictures.sizes if min(size) * pictures.inner_crop < SIZE]:
            logger.warning(
                "%s: %d of %d pictures are smaller than the %d px at which all are judged, and will look blurred",
                pictures.where, len(small), len(pictures), SIZE,
            )  # fmt: skip
    device = torch.device(device)
    network = EfficientNetLite0().to(device)  # first, since it may be missing
    judged, sheet, profiled, seconds = _make(made, photos)
    ready = isinstance(made, Pictures)
    memory = None if ready else peak_memory(device)
    bench = _Bench(network, photos, paintings, resamplings, seed)
    rows = [bench.row(name, judged)]
    if baselines:
        mean, deviation = color_statistics(_each(paintings))
        recoloured = [as_judged(transfer_color(photo, mean, deviation)) for photo in _each(photos)]
        rows += [bench.unchanged(), bench.row("colours of the paintings", recoloured), bench.floor()]
    painted = Profile.of("what was made", profiled, quiet=False)
    steps = distance(profile(photos, PROFILED), painted, profile(paintings, PROFILED))
    return Judgement(
        name,
        rows,
        steps,
        None if ready else statistics.median(seconds),
        memory,
        {
            **(facts or {}),
            "photos": _facts(photos),
            "paintings": _facts(paintings),
            "inner_crop": paintings.inner_crop,
            "photo_size": photos.short_side,
            "network": EfficientNetLite0.name,
            "judged_at": {"size": SIZE, "jpeg_quality": QUALITY},
            "resamplings": resamplings,
            "halvings": HALVINGS,
            "seed": seed,
            "machine": describe(device),
            "hfstyle": hfstyle.__version__,
        },
        sheet,
        painted,
    )


class _Bench:
    """The photos and paintings that all rows have in common, looked at once."""

    def __init__(self, network: EfficientNetLite0, photos: Pictures, paintings: Pictures, resamplings: int, seed: int):
        self.network = network
        self.photos, self.contents = network.describe([as_judged(photo) for photo in _each(photos)], "photos")
        self.paintings, _ = network.describe([as_judged(painting) for painting in _each(paintings)], "paintings")
        random = np.random.default_rng(seed)
        # The same for all rows: what chance does to the photos or paintings, it then does to each of them.
        self.times = draw(len(photos), resamplings, random), draw(len(paintings), resamplings, random)
        halves = halve(len(paintings), HALVINGS, random)
        self.halves = halves, 1 - halves
        self.from_photos = Distances(self.photos, self.paintings)
        self.between_paintings = Distances(self.paintings, self.paintings)
        self.start = self._kid(self.from_photos)
        self.end = _spread(self.between_paintings.kid(*self.halves))
        # Where photos are no further from the paintings than these from each other, there is no way to go.
        self.far = self.start[0].low > self.end.high

    def row(self, name: str, pictures: list[Image.Image]) -> Row:
        """What pictures are worth, one for each photo and in their order."""
        pooled, block = self.network.describe(pictures, name)
        return self._row(name, Distances(pooled, self.paintings), 1 - torch.cosine_similarity(self.contents, block))

    def unchanged(self) -> Row:
        """The photos themselves."""
        return self._row("photo unchanged", self.from_photos, torch.zeros(len(self.photos)))

    def floor(self) -> Row:
        """Half of the paintings against the other half, the mean over many halvings; intervals hold 95 % of them."""
        fid = _spread(self.between_paintings.fid(*self.halves))
        return Row("halves of the paintings", self.end, Figure(1, 1, 1) if self.far else None, None, fid, None)

    def _row(self, name: str, distances: Distances, contents: torch.Tensor) -> Row:
        kid, kids = self._kid(distances)
        of_photos, _ = self.times
        content, changes = contents.double().mean().item(), of_photos @ contents.double() / len(contents)
        fid, fids = distances.fid(*self._once).item(), distances.fid(*self.times)
        return Row(
            name,
            kid=kid,
            share=self._share(kid, kids),
            content=Figure.of(content, changes),
            fid=Figure.of(fid, fids),
            artfid=Figure.of((1 + content) * (1 + fid), (1 + changes) * (1 + fids)),
        )

    def _kid(self, distances: Distances) -> tuple[Figure, torch.Tensor]:
        resampled = distances.kid(*self.times)
        return Figure.of(distances.kid(*self._once).item(), resampled), resampled

    def _share(self, kid: Figure, kids: torch.Tensor) -> Figure | None:
        if not self.far:
            return None
        start, starts = self.start
        end = self.end.value
        return Figure.of(1 - (kid.value - end) / (start.value - end), 1 - (kids - end) / (starts - end))

    @property
    def _once(self) -> tuple[torch.Tensor, torch.Tensor]:
        return tuple(torch.ones(1, times.shape[1], dtype=times.dtype) for times in self.times)


def _spread(values: torch.Tensor) -> Figure:
    return Figure.of(values.mean().item(), values)


def _each(pictures: Pictures) -> Iterator[Image.Image]:
    return (pictures[index] for index in range(len(pictures)))


def _make(
    made: Callable[[Image.Image], Image.Image] | Pictures, photos: Pictures
) -> tuple[list[Image.Image], list[tuple[Image.Image, Image.Image]], list[Image.Image], list[float]]:
    """A painting for each photo, as it will be judged; the sheet; those to profile; and the seconds that each took."""
    places = _places(photos, made) if isinstance(made, Pictures) else None
    chosen, measured = ({place * len(photos) // count for place in range(count)} for count in (SHEET, PROFILED))
    judged, sheet, profiled, seconds = [], [], [], []
    for index, photo in enumerate(tqdm(_each(photos), "painting", len(photos), False, unit="photo", disable=None)):
        start = time.perf_counter()
        painting = made(photo) if places is None else made[places[index]]
        seconds.append(time.perf_counter() - start)
        judged.append(as_judged(painting))
        if index in chosen:
            sheet.append((photo, painting))
        if index in measured:
            profiled.append(painting)
    return judged, sheet, profiled, seconds


def _places(photos: Pictures, made: Pictures) -> list[int]:
    """Where among the pictures made each photo's is."""
    places = {pair_key(name): index for index, name in enumerate(made.names)}
    keys = [pair_key(name) for name in photos.names]
    if missing := [name for name, key in zip(photos.names, keys, strict=True) if key not in places]:
        raise DataError(f"{made.where} has no readable picture of the name of {some(missing)}")
    return [places[key] for key in keys]


def _facts(pictures: Pictures) -> dict[str, Any]:
    path = Path(pictures.where)
    return {
        # Of an absolute path only the end: the rest is nobody's business.
        "where": "/".join(path.parts[-2:]) if path.is_absolute() else pictures.where,
        "pictures": len(pictures),
        "unreadable": len(pictures.unreadable),
        "fingerprint": pictures.fingerprint,
    }
