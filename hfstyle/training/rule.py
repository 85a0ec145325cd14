"""The rule by which the cultural profile of a tradition decides how its style is learnt, and the only place of it."""

from dataclasses import dataclass

from hfstyle.evaluation.culture import MEASURES, Profile

PICTURES = 30
"""Of each set that are measured for the rule: the fewest whose median says something."""
CLOSEST = 1.5
"""More than this, and scans of a few hundred pixels are mere blur."""
COLOUR = 4.0
FLATNESS = 4.0
EMPTY_SPACE = 4.0
"""Chosen by hand. In the bank's training the three came to about 0.01, 0.15 and 0.01, beside a content loss of 0.6."""


@dataclass(frozen=True)
class Recipe:
    """What training does for a tradition beyond what it does for all.

    Attributes:
        closeness: Its paintings are shown this many times larger than photographs, so that a fine touch becomes wide
            enough to be learnt.
        colour: Weight of `losses.colour_loss`, whose range is that of the tradition's own pictures.
        flatness: Weight of `losses.flatness_loss`.
        empty_space: Weight of `losses.empty_space_loss`.
        ground: Usual lightness of its empty ground, the quartiles of its pictures: 15 is a picture's dark, its 5th
            percentile of L*, and 85 its light, the 95th.
    """

    closeness: float
    colour: float
    flatness: float
    empty_space: float
    ground: tuple[float, float]


def recipe(tradition: Profile, photos: Profile) -> Recipe:
    """The recipe that follows from how the profile of a tradition differs from that of photographs.

    - The shallower its spectrum, the finer its touch, the closer it is looked at: 1 + the difference in slope.
    - The further its colours are from photographs', the more they are asked for: the mean over the measures of colour
      of |difference| / (upper - lower quartile of photographs), at most 1.
    - The more of its pictures is flat, and the more is empty, the more of what is not flat or empty in photographs
      becomes so: (share - share in photographs) / (1 - share in photographs).

    Each of the last three times a constant. What is not beyond photographs costs nothing: 0.
    """
    slope, flat, empty = (
        (tradition.measures[name].median, photos.measures[name].median)
        for name in ("spectral slope", "flat share", "empty space")
    )
    ground = tradition.measures["ground lightness"]
    return Recipe(
        closeness=min(max(1 + slope[0] - slope[1], 1.0), CLOSEST),
        colour=COLOUR * min(_colour_gap(tradition, photos), 1.0),
        flatness=FLATNESS * _beyond(*flat),
        empty_space=EMPTY_SPACE * _beyond(*empty),
        ground=(ground.low, ground.high),
    )


def _beyond(share: float, of_photos: float) -> float:
    return max(share - of_photos, 0.0) / (1 - of_photos) if of_photos < 1 else 0.0


def _colour_gap(tradition: Profile, photos: Profile) -> float:
    gaps = []
    for measure in MEASURES.values():
        if measure.group == "colour":
            goal, start = tradition.measures[measure.name], photos.measures[measure.name]
            gaps.append(abs(goal.median - start.median) / max(start.high - start.low, 1e-6))
    return sum(gaps) / len(gaps)
