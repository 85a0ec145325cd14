"""What the page tells of a tradition: words, and where a painting lies between the photo and the tradition."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from hfstyle.assets import model_of
from hfstyle.studio.text import both, in_both
from hfstyle.traditions import tradition as described
from hfstyle.traditions import traditions

if TYPE_CHECKING:
    from hfstyle.evaluation.culture import Step

AXES = ("tonal range", "chroma ratio", "empty space", "flat share", "contour contrast", "stroke coherence")
"""Measures that say something to people who have never heard of them; their words are `axis.` entries."""


def tradition_of(style: str | None) -> str | None:
    """The tradition of a bundled style, if there is one that is described."""
    name = style and (model_of(style)[1] or style)
    return name if name in traditions() else None


def tradition_html(name: str, steps: "Iterable[Step] | None") -> str:
    """A tradition's title, period and paragraph, and the axes on which it differs from the photo.

    Args:
        steps: What `hfstyle.evaluation.culture.distance` found; None while it is not known.
    """
    told = described(name)
    parts = [
        f"<h2>{in_both(told.titles)}</h2>",
        f'<p class="period">{in_both(told.periods)}</p>',
        f"<p>{in_both(told.paragraphs)}</p>",
    ]
    rows = [_axis(step) for step in steps or () if step.measure in AXES and step.share is not None]
    if rows:
        parts += [f"<h3>{both('axes')}</h3>", f'<ul class="axes">{"".join(rows)}</ul>']
        parts.append(f'<p class="quiet">{both("axes_hint")}</p>')
    return "".join(parts)


def _axis(step: "Step") -> str:
    """One measure: a line from the photo to the tradition, and a mark where the painting is."""
    share = round(100 * step.share)
    place = min(max(share, -15), 115)
    return (
        f'<li><span class="name">{both("axis." + step.measure)}</span>'
        f'<span class="track" aria-hidden="true"><span class="mark" style="--at:{place}"></span></span>'
        f'<span class="share">{both("axis_share", share=share)}</span></li>'
    )
