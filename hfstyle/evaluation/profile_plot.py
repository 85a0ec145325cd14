"""A cultural profile to look at."""

import io
import warnings
from collections.abc import Callable
from typing import Any

from PIL import Image

from hfstyle.errors import MissingExtraError
from hfstyle.evaluation.chinese import speaker
from hfstyle.evaluation.culture import MEASURES, Profile, bundled_profiles
from hfstyle.traditions import Language

WIDTH = 9.0
"""Of the plot, in inches of 160 pixels."""


def plot_profile(profile: Profile) -> Image.Image:
    """The palette, and each measure from the least to the most that the bundled traditions have of it: median and
    quartiles of the set, among the traditions' medians and that of photographs.

    Raises:
        MissingExtraError: The extra "eval" is not installed.
    """
    figure = _plot(profile, speaker("en"))
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    file = io.BytesIO()
    FigureCanvasAgg(figure).print_png(file)
    return Image.open(file).convert("RGB")


def plot_profile_svg(profile: Profile, language: Language = "en") -> str:
    """The same as SVG, whose letters come from the fonts of whoever looks at it, and so in any language.

    Raises:
        MissingExtraError: The extra "eval" is not installed.
    """
    figure = _plot(profile, speaker(language))
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    file = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "hfstyle"}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # where it measures letters; others draw them
        FigureCanvasSVG(figure).print_svg(file, metadata={"Date": None})
    return file.getvalue()


def _plot(profile: Profile, say: Callable[..., str]) -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("a plot", "eval") from error
    others = {name: other for name, other in bundled_profiles().items() if name != profile.name}
    photos = others.pop("photos", None)
    groups: dict[str, list[str]] = {}
    for name, measure in MEASURES.items():
        groups.setdefault(measure.group, []).append(name)
    rows = len(MEASURES) + len(groups)
    figure = Figure(figsize=(WIDTH, 1.6 + 0.3 * rows), dpi=160, layout="constrained")
    strip, axes = figure.subplots(2, 1, height_ratios=[0.6, 0.3 * rows])
    start = 0.0
    for colour, share in profile.palette:
        strip.barh(0, share, left=start, color=colour, height=1)
        start += share
    # Names are strangers' words; a dollar sign would begin a formula.
    title = "{name}, 1 picture" if profile.pictures == 1 else "{name}, {count} pictures"
    # Names of folders may hold bytes that are no letters.
    name = "".join(letter if letter.isprintable() else "\ufffd" for letter in profile.name)
    title = say(title, name=name, count=profile.pictures)
    strip.set_title(title, loc="left", fontweight="bold", parse_math=False)
    strip.set_xlim(0, 1)
    strip.set_axis_off()

    place, labels = 0, []
    for group, names in groups.items():
        labels.append((place, say(group).upper()))
        place += 1
        for name in names:
            spreads = [other.measures[name] for other in bundled_profiles().values()]
            own = profile.measures[name]
            low = min(spread.low for spread in (*spreads, own))
            span = max(spread.high for spread in (*spreads, own)) - low or 1.0
            axes.plot([0, 1], [place, place], color="#dddddd", linewidth=1, zorder=0)
            medians = [(other.measures[name].median - low) / span for other in others.values()]
            axes.scatter(medians, [place] * len(medians), s=14, color="#9a9a9a", zorder=1)
            if photos is not None:
                at = (photos.measures[name].median - low) / span
                axes.scatter(at, place, s=34, facecolors="white", edgecolors="#333333", zorder=2)
            axes.plot(
                [(own.low - low) / span, (own.high - low) / span], [place, place],
                color="#b5401e", linewidth=5, alpha=0.45, solid_capstyle="butt", zorder=2,
            )  # fmt: skip
            axes.scatter((own.median - low) / span, place, s=52, color="#b5401e", zorder=3)
            axes.text(1.03, place, f"{own.median:.3g}", va="center", fontsize=8)
            labels.append((place, say(name)))
            place += 1
    axes.set_yticks([at for at, _ in labels], [text for _, text in labels], fontsize=9)
    headings = {say(group).upper() for group in groups}
    for text in axes.get_yticklabels():
        if text.get_text() in headings:
            text.set_fontweight("bold")
    axes.set_ylim(place - 0.5, -0.8)
    axes.set_xlim(-0.02, 1.12)
    axes.set_xticks([])
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    legend = [
        axes.scatter([], [], s=52, color="#b5401e", label=say("this set: median, quartiles")),
        axes.scatter([], [], s=14, color="#9a9a9a", label=say("bundled traditions")),
    ]
    if photos is not None:
        legend.append(axes.scatter([], [], s=34, facecolors="white", edgecolors="#333333", label=say("photographs")))
    figure.legend(handles=legend, loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    return figure
