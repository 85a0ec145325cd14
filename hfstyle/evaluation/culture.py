"""The cultural profile: what sets of pictures do with colour, empty space, line and surface, in numbers.

A profile describes reproductions, never a culture, and nothing in it is better or worse. Each measure is the median
and the quartiles over a set. Pictures are first brought to one size and one JPEG quality and, for most measures, to
one range of lightness around a neutral middle, so that a faded or tinted scan changes little.
"""

import dataclasses
import functools
import io
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from PIL import Image
from torch.utils.data import Subset
from tqdm import tqdm

from hfstyle.assets import ASSETS
from hfstyle.data.check import margin
from hfstyle.data.pictures import Pictures
from hfstyle.errors import DataError, MissingExtraError, OptionError

SIZE = 192
"""Short side of the pictures that are measured."""
LONGEST = 256
"""And the long side, of which the middle is kept."""
QUALITY = 75
INNER = 0.86
"""Part of width and height that is measured, against paper margins and frames."""
RANGE = 70
"""Lightness from the darkest twentieth to the lightest in a picture that is brought to one range."""
DARK = 15
"""Lightness of the darkest twentieth there."""
FEWEST = 30
"""With fewer pictures, chance moves a median by more than 0.6 of the spread between traditions."""
COLOURS = 6
"""In a palette."""

Group = Literal["colour", "space", "line", "surface"]


@dataclass(frozen=True)
class Measure:
    """One number of a picture."""

    name: str
    group: Group
    unit: str
    """Empty for shares and ratios."""
    text: str
    """What it tells, for people."""
    of: Callable[["_View"], float]


@dataclass(frozen=True)
class Spread:
    """A measure over a set: quartiles, and how far chance moves the median (standard deviation of 200 bootstraps)."""

    low: float
    median: float
    high: float
    error: float


@dataclass(frozen=True)
class Profile:
    """What a set of pictures has in common.

    Attributes:
        name: Of the set.
        pictures: How many.
        measures: By name, in the order of `MEASURES`.
        palette: Up to `COLOURS` sRGB colours as #rrggbb, each with the share of pixels nearest to it.
    """

    name: str
    pictures: int
    measures: dict[str, Spread]
    palette: tuple[tuple[str, float], ...]

    @classmethod
    def of(cls, name: str, pictures: Iterable[Image.Image], quiet: bool = True) -> "Profile":
        """Measure pictures of any size and mode.

        Raises:
            DataError: There are none.
            MissingExtraError: The extra "eval" is not installed.
        """
        total = len(pictures) if hasattr(pictures, "__len__") else None
        values, pixels = [], []
        for picture in tqdm(pictures, f"measuring {name}", total, leave=False, unit="picture", disable=quiet or None):
            prepared = prepare(picture)
            values.append(list(measure(prepared).values()))
            pixels.append(np.asarray(prepared.resize((24, 24), Image.Resampling.BOX)).reshape(-1, 3))
        if not values:
            raise DataError(f"{name} has no picture to measure")
        return cls(name, len(values), _spreads(np.array(values)), _palette(np.concatenate(pixels)))

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Profile":
        """From what `to_dict` gave."""
        measures = {name: Spread(**spread) for name, spread in plain["measures"].items()}
        return cls(plain["name"], plain["pictures"], measures, tuple((c, share) for c, share in plain["palette"]))


def profile(pictures: Pictures, limit: int | None = None) -> Profile:
    """The profile of a folder, zip or data set.

    Args:
        pictures: As `hfstyle.data.pictures.open_pictures` gives them.
        limit: Measure this many, spread evenly over all.
    """
    count = len(pictures) if limit is None else min(limit, len(pictures))
    places = [place * len(pictures) // count for place in range(count)]
    return Profile.of(pictures.where, Subset(pictures, places), quiet=False)


@functools.cache
def bundled_profiles() -> dict[str, Profile]:
    """Profiles of the traditions that the bundled styles learnt from, and of photographs under "photos"."""
    plain = json.loads((ASSETS / "profiles.json").read_text("utf-8"))
    return {name: Profile.from_dict(one) for name, one in plain.items()}


def bundled_profile(name: str) -> Profile:
    """One of them.

    Raises:
        OptionError: There is none of that name.
    """
    if name not in bundled_profiles():
        raise OptionError(f"there is no profile {name!r:.100}; there are {', '.join(bundled_profiles())}")
    return bundled_profiles()[name]


@dataclass(frozen=True)
class Step:
    """Where what was painted lies between photographs and the tradition on one measure.

    Attributes:
        share: (painted - photos) / (tradition - photos), 0 at the photographs and 1 at the tradition; None where these
            lie so close that chance could have put them there.
    """

    measure: str
    photos: float
    painted: float
    tradition: float
    share: float | None


def distance(photos: Profile, painted: Profile, tradition: Profile) -> list[Step]:
    """How far what was painted went from the photographs towards the tradition, on each measure.

    A profile of one picture is measured by the spread of the tradition, as one of its pictures would be.
    """
    steps = []
    for name, goal in tradition.measures.items():
        start, end = photos.measures[name], painted.measures[name]
        chance = np.hypot(goal.error, start.error)
        if photos.pictures == 1:
            # the standard deviation of a normal distribution with these quartiles
            chance = (goal.high - goal.low) / 1.349
        gap = goal.median - start.median
        share = (end.median - start.median) / gap if abs(gap) > chance else None
        steps.append(Step(name, start.median, end.median, goal.median, share))
    return steps


def aligned(cells: list[list[str]]) -> list[str]:
    """A table in lines."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in cells]


# ---- pictures, as they are measured ----
def prepare(picture: Image.Image) -> Image.Image:
    """Without margins, `SIZE` on the short side and at most `LONGEST` on the other, after a JPEG (4:2:0)."""
    picture = picture.convert("RGB")
    frame = margin(picture)
    cut = frame + (1 - INNER) / 2 * (1 - 2 * frame)
    width, height = picture.size
    box = (cut * width, cut * height, (1 - cut) * width, (1 - cut) * height)
    scale = SIZE / min(box[2] - box[0], box[3] - box[1])
    # The middle is taken before it is resized: a very long picture would become very large.
    wide, tall = (min(LONGEST / scale, box[2 + axis] - box[axis]) for axis in (0, 1))
    left, top = (box[0] + box[2] - wide) / 2, (box[1] + box[3] - tall) / 2
    size = max(SIZE, round(wide * scale)), max(SIZE, round(tall * scale))
    picture = picture.resize(size, Image.Resampling.LANCZOS, (left, top, left + wide, top + tall))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=QUALITY, subsampling=2)
    return Image.open(file).convert("RGB")


def measure(prepared: Image.Image) -> dict[str, float]:
    """All measures of a picture that `prepare` made, by name.

    Raises:
        MissingExtraError: The extra "eval" is not installed.
    """
    view = _View(prepared)
    return {name: float(one.of(view)) for name, one in MEASURES.items()}


class _View:
    """What several measures look at, computed once. Planes are (height, width), lightness from 0 to 100."""

    def __init__(self, picture: Image.Image):
        try:
            from skimage.color import rgb2lab
        except ImportError as error:
            raise MissingExtraError("measuring pictures", "eval") from error
        self.raw = rgb2lab(np.asarray(picture, np.float64) / 255)
        self.dark, light = np.percentile(self.raw[..., 0], [5, 95])
        self.range = light - self.dark
        self.scale = RANGE / max(self.range, 10)
        middle = np.median(self.raw[..., 1:], (0, 1))
        self.lab = np.concatenate(
            [(self.raw[..., :1] - self.dark) * self.scale + DARK, (self.raw[..., 1:] - middle) * self.scale], -1
        )
        self.lightness = self.lab[..., 0]
        self.chroma = np.hypot(self.lab[..., 1], self.lab[..., 2])

    @functools.cached_property
    def gradient(self) -> tuple[np.ndarray, np.ndarray]:
        """Of lightness, to the right and downwards, over about 1.5 pixels."""
        return tuple(_derivative(self.lightness, axis, 1.5) for axis in (1, 0))

    @functools.cached_property
    def steepness(self) -> np.ndarray:
        return np.hypot(*self.gradient)

    @functools.cached_property
    def whitened(self) -> tuple[np.ndarray, np.ndarray]:
        """The gradient stretched so that the picture as a whole has no direction, as many were squashed to squares."""
        right, down = self.gradient
        covariance = np.cov(np.stack([right.ravel(), down.ravel()]), bias=True)
        # Of a picture with lines of one direction only, the other is noise, which is not blown up.
        values, vectors = np.linalg.eigh(covariance + (1e-2 * np.trace(covariance) + 1e-9) * np.eye(2))
        stretch = vectors @ np.diag(values**-0.5) @ vectors.T
        return stretch[0, 0] * right + stretch[0, 1] * down, stretch[1, 0] * right + stretch[1, 1] * down

    @functools.cached_property
    def edges(self) -> np.ndarray:
        """Where contours are (Canny 1986)."""
        from skimage.feature import canny

        return canny(self.lightness, 1.5, 5, 12)

    @functools.cached_property
    def ground(self) -> "_Ground":
        return _Ground(self.raw)

    @functools.cached_property
    def patterns(self) -> tuple[float, float]:
        """Entropy and complexity of what lies next to what over 3 pixels, see `_patterns`."""
        return _patterns(self.lightness, 1.5, 2)


MEASURES: dict[str, Measure] = {}
"""All of them by name. The functions below hold formulas and sources."""


def _measure(name: str, group: Group, text: str, unit: str = ""):
    def register(of: Callable[[_View], float]) -> Callable[[_View], float]:
        MEASURES[name] = Measure(name, group, unit, text, of)
        return of

    return register


# ---- colour ----
@_measure("tonal range", "colour", "from the darkest twentieth to the lightest; less where a scan has faded", "L*")
def _tonal_range(view: _View) -> float:
    """P95 - P5 of L* as it is in the file (related: Graham & Field 2007)."""
    return view.range


@_measure("chroma ratio", "colour", "colour against ink: how colourful for its light and dark")
def _chroma_ratio(view: _View) -> float:
    """Mean of hypot(a, b), over the range of lightness."""
    return view.chroma.mean() / RANGE


@_measure("hue entropy", "colour", "breadth of hues: 0 is one hue, 1 all of them evenly")
def _hue_entropy(view: _View) -> float:
    """Entropy of 36 bins of hue weighted by chroma, where it is above 5, over ln 36 (related: Kim et al. 2014)."""
    colourful = view.chroma > 5
    hue = np.arctan2(view.lab[..., 2], view.lab[..., 1])[colourful]
    histogram, _ = np.histogram(hue, 36, (-np.pi, np.pi), weights=view.chroma[colourful])
    return _entropy(histogram) / np.log(36)


@_measure("colour entropy", "colour", "how many different colours there are: 0 is one, 1 all of Lab")
def _colour_entropy(view: _View) -> float:
    """Entropy of 10 x 16 x 16 bins of Lab, blurred by 2 pixels, over the logarithm of their number."""
    ranges = ((0, 100), (-72, 72), (-72, 72))
    histogram, _ = np.histogramdd(_blur(view.lab, 2).reshape(-1, 3), (10, 16, 16), ranges)
    return _entropy(histogram) / np.log(histogram.size)


@_measure("chromatic edges", "colour", "contours by colour, not by light: 0 is light alone, 1 colour alone")
def _chromatic_edges(view: _View) -> float:
    """E = mean squared derivatives over 4 pixels: (E_a + E_b) / (E_L + E_a + E_b)."""
    energies = [sum((_derivative(view.lab[..., plane], axis, 4) ** 2).mean() for axis in (0, 1)) for plane in range(3)]
    return (energies[1] + energies[2]) / max(sum(energies), 1e-9)


# ---- space ----
@_measure("empty space", "space", "share of smooth area of one ground colour (liubai); sky counts")
def _empty_space(view: _View) -> float:
    """See `_Ground`."""
    return view.ground.near.mean()


@_measure("ground unity", "space", "share of all smooth area that is of the one ground")
def _ground_unity(view: _View) -> float:
    """See `_Ground`."""
    smooth = view.ground.smooth.sum()
    return view.ground.near.sum() / smooth if smooth else 0.0


@_measure("ground lightness", "space", "of the ground: 15 is the picture's dark, 85 its light", "L* in one range")
def _ground_lightness(view: _View) -> float:
    """See `_Ground`; the middle, 50, where nothing is smooth."""
    return (view.ground.lightness - view.dark) * view.scale + DARK if view.ground.smooth.any() else 50.0


@_measure("detail concentration", "space", "detail gathered in places: 0 is the same everywhere")
def _detail_concentration(view: _View) -> float:
    """Standard deviation over mean of the gradient's 6 x 6 cells."""
    cells = _cells(view.steepness, 6)
    return cells.std() / max(cells.mean(), 1e-9)


@_measure("detail in the centre", "space", "above 0 more in the middle than around it", "ln")
def _detail_in_the_centre(view: _View) -> float:
    """Logarithm of the mean gradient in the middle half of width and height over that in the rest."""
    height, width = view.steepness.shape
    middle = np.zeros((height, width), bool)
    middle[height // 4 : -(height // 4), width // 4 : -(width // 4)] = True
    return np.log((view.steepness[middle].mean() + 0.1) / (view.steepness[~middle].mean() + 0.1))


@_measure("detail in the light", "space", "above 0 where light parts have more of it than dark ones, to 1")
def _detail_in_the_light(view: _View) -> float:
    """Correlation of lightness and gradient over cells of about 12 pixels."""
    cells = view.lightness.shape[0] // 12
    return _correlation(_cells(view.lightness, cells), _cells(view.steepness, cells))


@_measure("symmetry", "space", "left like right: 1 is a mirror, -1 its opposite")
def _symmetry(view: _View) -> float:
    """Correlation of lightness, blurred to 24 x 24, with its mirror image."""
    small = _cells(_blur(view.lightness, 4), 24)
    return _correlation(small, small[:, ::-1])


# ---- line ----
@_measure("contour contrast", "line", "force of outlines", "L* a pixel in one range")
def _contour_contrast(view: _View) -> float:
    """Mean gradient on contours (Canny 1986)."""
    return view.steepness[view.edges].mean() if view.edges.any() else 0.0


@_measure("contour density", "line", "share of pixels on outlines")
def _contour_density(view: _View) -> float:
    """As Canny 1986 finds them."""
    return view.edges.mean()


@_measure("line polarity", "line", "dark lines on light, to 1; light marks on dark, to -1")
def _line_polarity(view: _View) -> float:
    """Of lightness blurred by 1.5: what closing with a disk of 4 adds (dark lines) against what opening takes away
    (light ones): (d - l) / (d + l) (Serra 1982)."""
    from scipy.ndimage import grey_closing, grey_opening
    from skimage.morphology import disk

    blurred = _blur(view.lightness, 1.5)
    dark = (grey_closing(blurred, footprint=disk(4)) - blurred).mean()
    light = (blurred - grey_opening(blurred, footprint=disk(4))).mean()
    return (dark - light) / (dark + light + 0.01)


@_measure("stroke coherence", "line", "aligned strokes over 2.5 pixels: 0 no direction, 1 all one direction")
def _stroke_coherence(view: _View) -> float:
    """See `_coherence`."""
    return _coherence(*view.whitened, 2.5)


@_measure("coarse coherence", "line", "the same over 6 pixels")
def _coarse_coherence(view: _View) -> float:
    """See `_coherence`."""
    return _coherence(*view.whitened, 6)


@_measure("direction entropy", "line", "evenness of directions: 0 is one, 1 all alike")
def _direction_entropy(view: _View) -> float:
    """Entropy of 18 bins of the whitened gradient's direction mod π, weighted by its length, over ln 18 (Redies et al.
    2017, there with Gabor filters)."""
    right, down = view.whitened
    histogram, _ = np.histogram(np.arctan2(down, right) % np.pi, 18, (0, np.pi), weights=np.hypot(right, down))
    return _entropy(histogram) / np.log(18)


# ---- surface ----
@_measure("flat share", "surface", "share of fields of hardly any change in colour")
def _flat_share(view: _View) -> float:
    """Area of segments (Felzenszwalb & Huttenlocher 2004) of at least 1 % whose mean ΔE to their mean is below 7."""
    from skimage.segmentation import felzenszwalb

    segments = felzenszwalb(view.lab / 100, scale=100, sigma=0.8, min_size=40).ravel()
    sizes = np.bincount(segments)
    colours = view.lab.reshape(-1, 3)
    means = np.stack([np.bincount(segments, plane) / sizes for plane in colours.T], -1)
    change = np.bincount(segments, np.linalg.norm(colours - means[segments], axis=1)) / sizes
    return sizes[(sizes >= 0.01 * segments.size) & (change < 7)].sum() / segments.size


@_measure("spectral slope", "surface", "fine against coarse: the lower, the smoother", "d ln power / d ln frequency")
def _spectral_slope(view: _View) -> float:
    """Line through the radial power spectrum (Hann window), 6 to 32 cycles a picture in 9 logarithmic bins (Graham &
    Field 2007; Koch et al. 2010)."""
    side = min(view.lightness.shape)
    square = view.lightness[:side, :side]
    window = np.hanning(side)
    power = np.abs(np.fft.fft2((square - square.mean()) * np.outer(window, window))) ** 2
    frequencies = np.fft.fftfreq(side) * side
    radius = np.hypot(*np.meshgrid(frequencies, frequencies))
    bounds = np.geomspace(6, 32, 10)
    means = [power[(radius >= low) & (radius < high)].mean() for low, high in zip(bounds, bounds[1:], strict=False)]
    return np.polyfit(np.log(np.sqrt(bounds[1:] * bounds[:-1])), np.log(np.array(means) + 1e-12), 1)[0]


@_measure("pattern entropy", "surface", "chance in what lies next to what, over 3 pixels: 0 is order, 1 is chance")
def _pattern_entropy(view: _View) -> float:
    """See `_patterns`."""
    return view.patterns[0]


@_measure("pattern complexity", "surface", "neither order nor chance: how structured they are, over 3 pixels")
def _pattern_complexity(view: _View) -> float:
    """See `_patterns`."""
    return view.patterns[1]


@_measure("coarse pattern entropy", "surface", "chance in what lies next to what, over 6 pixels")
def _coarse_pattern_entropy(view: _View) -> float:
    """See `_patterns`."""
    return _patterns(view.lightness, 3, 4)[0]


@_measure("self-similarity", "surface", "parts like the whole in their directions: 1 is the same")
def _self_similarity(view: _View) -> float:
    """PHOG (Amirshahi et al. 2012): 16 bins of the gradient's direction, weighted by its length; median over 8 x 8
    cells of the share that their histogram has in common with that of the whole."""
    right, down = view.gradient
    bins = np.minimum((np.arctan2(down, right) % np.pi / np.pi * 16).astype(int), 15)
    whole = np.bincount(bins.ravel(), view.steepness.ravel(), 16)
    common = []
    for rows in np.array_split(np.arange(bins.shape[0]), 8):
        for columns in np.array_split(np.arange(bins.shape[1]), 8):
            cell = np.ix_(rows, columns)
            part = np.bincount(bins[cell].ravel(), view.steepness[cell].ravel(), 16)
            if part.sum() > 1e-9:
                common.append(np.minimum(part / part.sum(), whole / whole.sum()).sum())
    return np.median(common) if common else 1.0


@_measure("evenness", "surface", "detail over 3 pixels spread evenly: 1 is the same everywhere")
def _evenness(view: _View) -> float:
    """Mean over root mean square of the gradient's length, over 3 pixels."""
    steepness = np.hypot(*(_derivative(view.lightness, axis, 3) for axis in (0, 1)))
    return steepness.mean() / max(np.sqrt((steepness**2).mean()), 1e-9)


# ---- what they have in common ----
class _Ground:
    """Empty space after Wang et al. 2022: where blurred colour hardly changes, and is one colour.

    Of Lab as it is in the file, blurred by 3 pixels: `smooth` where the Sobel gradient over all three planes is below
    1 a pixel, `near` where besides it is within ΔE 10 of the ground, the most frequent smooth colour, after opening
    with a disk of 2. In one range the silk of a dark scroll would no longer be empty.
    """

    def __init__(self, raw: np.ndarray):
        from scipy.ndimage import gaussian_filter, sobel
        from skimage.morphology import disk, opening

        blurred = _blur(raw, 3)
        change = np.sqrt(sum(sobel(blurred[..., plane], axis) ** 2 for plane in range(3) for axis in (0, 1))) / 8
        self.smooth = change < 1
        self.near = np.zeros_like(self.smooth)
        if not self.smooth.any():
            return
        edges = [np.arange(low, high + 1, 4.0) for low, high in ((-4, 104), (-120, 120), (-120, 120))]
        histogram, _ = np.histogramdd(blurred[self.smooth], edges)
        most = np.unravel_index(gaussian_filter(histogram, 0.7).argmax(), histogram.shape)
        ground = np.array([edge[place] + 2 for edge, place in zip(edges, most, strict=True)])
        close = self.smooth & (np.linalg.norm(blurred - ground, axis=-1) < 10)
        self.near = opening(close, disk(2)).astype(bool)
        self.lightness = ground[0]


def _patterns(lightness: np.ndarray, blur: float, step: int) -> tuple[float, float]:
    """Entropy H and complexity C of 2x2 ordinal patterns (Ribeiro et al. 2012; of paintings Sigaki et al. 2018).

    Of lightness, blurred, every `step`th pixel, in steps of 0.4: the order of four neighbours is one of 24. H is the
    entropy of their frequencies over ln 24; C is H times their Jensen-Shannon divergence from even ones, over the
    largest that there is.
    """
    values = np.round(_blur(lightness, blur)[::step, ::step] * 2.5)
    four = np.stack([values[:-1, :-1], values[:-1, 1:], values[1:, :-1], values[1:, 1:]], -1).reshape(-1, 4)
    order = np.argsort(four, axis=1, kind="stable")
    counts = np.bincount(order @ [64, 16, 4, 1], minlength=256)
    part = np.zeros(24)
    found = np.sort(counts[counts > 0])
    part[: len(found)] = found / found.sum()
    even = np.full(24, 1 / 24)
    entropy = _entropy(part) / np.log(24)
    divergence = _entropy((part + even) / 2) - _entropy(part) / 2 - np.log(24) / 2
    largest = -0.5 * ((24 + 1) / 24 * np.log(24 + 1) + np.log(24) - 2 * np.log(2 * 24))
    return entropy, entropy * divergence / largest


def _coherence(right: np.ndarray, down: np.ndarray, over: float) -> float:
    """Σ(λ1 - λ2) / Σ(λ1 + λ2) of the structure tensor's eigenvalues (Bigün & Granlund 1987)."""
    xx, xy, yy = (_blur(product, over) for product in (right * right, right * down, down * down))
    return np.hypot(xx - yy, 2 * xy).sum() / max((xx + yy).sum(), 1e-9)


def _blur(x: np.ndarray, sigma: float) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(x, (sigma, sigma, 0)[: x.ndim])


def _derivative(plane: np.ndarray, axis: int, sigma: float) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(plane, sigma, order=(1, 0) if axis == 0 else (0, 1))


def _cells(plane: np.ndarray, count: int) -> np.ndarray:
    """Means over `count` x `count` cells."""
    rows = np.array_split(plane, count)
    return np.array([[cell.mean() for cell in np.array_split(row, count, axis=1)] for row in rows])


def _entropy(histogram: np.ndarray) -> float:
    part = histogram[histogram > 0] / max(histogram.sum(), 1e-12)
    return -(part * np.log(part)).sum()


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a - a.mean(), b - b.mean()
    size = np.sqrt((a * a).sum() * (b * b).sum())
    return (a * b).sum() / size if size > 1e-6 else 0.0


def _spreads(values: np.ndarray) -> dict[str, Spread]:
    """Of (pictures, measures)."""
    random = np.random.default_rng(0)
    drawn = random.integers(0, len(values), (200, len(values)))
    errors = np.median(values[drawn], axis=1).std(0)
    quartiles = np.quantile(values, [0.25, 0.5, 0.75], axis=0)
    return {
        name: Spread(*(round(float(value), 4) for value in (*quartiles[:, n], errors[n])))
        for n, name in enumerate(MEASURES)
    }


def _palette(pixels: np.ndarray) -> tuple[tuple[str, float], ...]:
    """The means of k-means clusters in Lab of (pixels, 3) in sRGB, the largest first (k-means++)."""
    from scipy.cluster.vq import kmeans2
    from skimage.color import lab2rgb, rgb2lab

    colours = min(COLOURS, len(np.unique(pixels, axis=0)))
    lab = rgb2lab(pixels[None] / 255)[0]
    centres, nearest = kmeans2(lab, colours, minit="++", rng=np.random.default_rng(0))
    shares = np.bincount(nearest, minlength=colours) / len(nearest)
    rgb = (lab2rgb(centres[None])[0] * 255).round().astype(int)
    order = [place for place in np.argsort(-shares) if shares[place]]
    return tuple(("#{:02x}{:02x}{:02x}".format(*rgb[place]), round(float(shares[place]), 3)) for place in order)
