"""What the page tells of a tradition: words, and where a painting lies between the photo and the tradition."""

from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from hfstyle.assets import model_of
from hfstyle.studio.components import BARE, HIDDEN, refusal
from hfstyle.studio.painter import Painter
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


def tradition_panel(elem_id: str) -> gr.HTML:
    """Where `tell_of` tells."""
    dress = {**BARE, "elem_classes": ["bare", "tradition"]}
    return gr.HTML(visible=HIDDEN, elem_id=elem_id, **dress)


async def tell_of(painter: Painter, style: str, photo: Path, painting: Path) -> AsyncIterator[dict[str, Any]]:
    """What there is to know of a painting's tradition, for a `tradition_panel`: first words, then how far it went.

    Args:
        photo, painting: Pictures of the page.
    """
    tradition = tradition_of(style)
    if tradition is None:
        yield gr.update(visible=HIDDEN)
        return
    yield gr.update(value=tradition_html(tradition, None), visible=True)
    try:
        steps = await painter.locate(photo, painting, tradition)
    except Exception as error:
        raise refusal(error, str(photo)) from error
    yield gr.update(value=tradition_html(tradition, steps), visible=True)


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
