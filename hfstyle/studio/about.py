"""The page that says what this is, what the styles learnt from, and what becomes of photos."""

import csv
import html

import gradio as gr

from hfstyle import __version__
from hfstyle.assets import ASSETS, bundled_styles
from hfstyle.studio.components import BARE, credit
from hfstyle.studio.text import both, in_both, style_words
from hfstyle.studio.tradition import tradition_of
from hfstyle.traditions import tradition as described


def build() -> None:
    """Add the page to the `gr.Blocks` that is being built."""
    gr.HTML(about_html(), elem_id="about", **BARE)


def about_html() -> str:
    """All of it: it changes with no visitor."""
    parts = [f"<h2>{both('about.title')}</h2>", f"<p>{both('about.what')}</p>", f"<p>{both('about.how')}</p>"]
    parts += [f"<h3>{both('about.privacy')}</h3>", f"<p>{both('about.privacy_words')}</p>"]
    parts.append(f"<h3>{both('about.styles')}</h3>")
    by_tradition: dict[str, list[str]] = {}
    for style in bundled_styles():
        if tradition := tradition_of(style):
            by_tradition.setdefault(tradition, []).append(style)
    for tradition, styles in by_tradition.items():
        told = described(tradition)
        names = ", ".join(style_words(style) for style in styles)
        parts.append(
            f"<details><summary>{in_both(told.titles)} <span class=quiet>{names}</span></summary>"
            f"<p class=quiet>{in_both(told.periods)}</p><p>{in_both(told.paragraphs)}</p></details>"
        )
    photos = "; ".join(f"{html.escape(title)}: {said}" for title, said in _credits())
    parts += [f"<h3>{both('about.photos')}</h3>", f"<p class=quiet translate=no>{photos}</p>"]
    parts.append(
        f"<p class=quiet><span translate=no>hfstyle {__version__}, Apache 2.0.</span> {both('about.command')}</p>"
    )
    return f'<article class="about">{"".join(parts)}</article>'


def _credits() -> list[tuple[str, str]]:
    """(title, credit as HTML) of the photos that come with the package."""
    found = []
    for folder in ("examples", "content"):
        with open(ASSETS / folder / "CREDITS.tsv", encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file, delimiter="\t")
            found += [(row["title"], credit(row["author"], row["licence"])) for row in rows]
    return found
