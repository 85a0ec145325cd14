"""A judgement as one web page: figures, where they come from, and pictures to look at."""

import base64
import dataclasses
import io
import os
from collections.abc import Callable

from jinja2 import Environment
from PIL import Image

from hfstyle.errors import OptionError
from hfstyle.evaluation.chinese import speaker
from hfstyle.evaluation.judge import Judgement, profile_table, table
from hfstyle.evaluation.network import QUALITY, SIZE
from hfstyle.evaluation.profile_plot import plot_profile_svg
from hfstyle.images import write_whole
from hfstyle.traditions import Language

CELL = 320
"""Longest side of a picture on the page, in pixels."""

# Names of files and folders are strangers' words, so everything is escaped.
_PAGE = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string("""\
{% macro cells(table, title) %}
<div class="wide" role="region" aria-labelledby="{{ title }}" tabindex="0">
<table>
<thead><tr>
{% for cell in table[0] %}
<th scope="col">{{ cell }}</th>
{% endfor %}
</tr></thead>
<tbody>
{% for row in table[1:] %}
<tr>
<th scope="row">{{ row[0] }}</th>
{% for cell in row[1:] %}
<td>{{ cell }}</td>
{% endfor %}
</tr>
{% endfor %}
</tbody>
</table>
</div>
{% endmacro %}
<!DOCTYPE html>
<html lang="{{ language }}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{{ say("{name}, judged", name=name) }}</title>
<link rel="icon" href="data:,">
<style>
:root { color-scheme: light dark; --line: #8886; --quiet: #5c5c5c }
@media (prefers-color-scheme: dark) { :root { --quiet: #b0b0b0 } }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 68rem; margin: 0 auto; padding: 1rem }
h1 { margin-bottom: 0 }
.quiet { color: var(--quiet) }
.wide { overflow-x: auto }
.wide:focus-visible { outline: 2px solid }
table { border-collapse: collapse }
th, td { padding: .4rem .8rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap }
tbody th, thead th:first-child { text-align: left }
thead th { vertical-align: bottom }
tbody th { font-weight: 400; white-space: normal; position: sticky; left: 0; background: Canvas }
#figures + .wide tbody tr:first-child > * { font-weight: 600 }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem }
dt { font-weight: 600 }
dd { margin: 0; overflow-wrap: anywhere }
.sheet { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)) }
.plot { display: block; width: 100%; min-width: 32rem; max-width: 56rem; background: #fff; margin-top: 1.5rem }
figure { margin: 0; display: grid; grid-template-columns: 1fr 1fr; gap: 2px }
@media (max-width: 40rem) { th, td { padding: .4rem } tbody th { max-width: 6rem } dl { grid-template-columns: 1fr } }
figure img { width: 100%; height: auto; display: block }
</style>
</head>
<body>
<main>
<h1>{{ say("{name}, judged", name=name) }}</h1>
<p class="quiet">{{ say("{photos} photos of {source}, painted, against {paintings} paintings of {target}",
photos=facts.photos.pictures, source=say(facts.photos.where),
paintings=facts.paintings.pictures, target=say(facts.paintings.where)) }}</p>

<h2 id="figures">{{ say("Figures") }}</h2>
{{ cells(table, "figures") }}
{% if costs %}
<p>{{ costs }}</p>
{% endif %}
<p>{{ say(intervals, resamplings=facts.resamplings, halvings=facts.halvings) }}</p>
<dl>
{% for term, said in terms %}
<dt>{{ say(term) }}</dt><dd>{{ say(said) }}</dd>
{% endfor %}
</dl>

<h2 id="profile">{{ say("Profile") }}</h2>
{{ cells(profile, "profile") }}
<p>{{ say(profile_words) }}</p>
<div class="wide" role="region" aria-labelledby="profile" tabindex="0">
<img class="plot" src="{{ plot }}" alt="{{ say(plot_words) }}">
</div>
<p class="quiet">{{ say(plot_words) }}</p>

<h2>{{ say("Pictures") }}</h2>
<div class="sheet">
{% for photo, painting in sheet %}
<figure>
<img src="{{ photo }}" alt="{{ say("Photo {number} of {count}", number=loop.index, count=loop.length) }}">
<img src="{{ painting }}" alt="{{ say("The same photo as {name} makes it", name=name) }}">
</figure>
{% endfor %}
</div>

<h2>{{ say("How it was measured") }}</h2>
<dl>
{% for term, said in provenance %}
<dt>{{ say(term) }}</dt><dd>{{ said }}</dd>
{% endfor %}
</dl>
</main>
</body>
</html>
""")


_INTERVALS = (
    "In brackets stands where 95 % of {resamplings} bootstraps lie, in which the pictures were drawn anew; of halves, "
    "where 95 % of {halvings} halvings lie."
)
_TERMS = {
    "KID": "how far the pictures are, as a set, from the paintings. The lower the better; it leads, since it is "
    "unbiased also for few pictures, and may so come out below 0.",
    "share closed": "of the way from the KID of the unchanged photos, 0 %, to that between two halves of the "
    "paintings, 100 %.",
    "content": "how far each picture is from its own photo: 0 is the photo, 1 has nothing in common with it.",
    "FID": "like KID, but too large where there are fewer pictures than the network's 1280 features, the more so the "
    "fewer there are: compare only sets of one size (halves have half as many).",
    "ArtFID": "(1 + content) × (1 + FID). Others measure it with other networks, so their figures are others.",
}
_PROFILE = (
    "What the pictures do with colour, space, line and surface: medians, and how far the style went from the photos, "
    "0 %, to the paintings, 100 %. A dash is where these differ by no more than chance. It describes, and ranks "
    "nothing; what each measure is, hfstyle profile tells."
)
_PLOT = "The palette of the pictures, and their measures among those of the bundled traditions and of photographs."


def write_report(
    judgement: Judgement, path: str | os.PathLike, language: Language = "en", name: str | None = None
) -> None:
    """Write the page, whole or not at all. It needs nothing else: its pictures are in it.

    Args:
        language: That of its words.
        name: What it calls the style; else as the judgement does.

    Raises:
        OptionError: It cannot be written.
    """
    say = speaker(language)
    plot = plot_profile_svg(dataclasses.replace(judgement.profile, name=name or judgement.name), language)
    page = _PAGE.render(
        say=say,
        language={"en": "en", "zh": "zh-CN"}[language],
        name=name or judgement.name,
        facts=judgement.facts,
        costs=judgement.costs(say),
        table=_said(table(judgement.rows), say, judgement.name, name),
        intervals=_INTERVALS,
        terms=_TERMS.items(),
        profile=_said(profile_table(judgement.steps), say),
        profile_words=_PROFILE,
        plot=_data_uri("image/svg+xml", plot.encode()),
        plot_words=_PLOT,
        sheet=[(_inline(photo), _inline(painting)) for photo, painting in judgement.sheet],
        provenance=_provenance(judgement, say),
    )
    try:
        with write_whole(path) as file:
            file.write(page.encode("utf-8", "surrogateescape"))
    except OSError as error:
        raise OptionError(f"cannot write {path}: {error.strerror or error}") from error


def _said(
    cells: list[list[str]], say: Callable[..., str], inner: str | None = None, name: str | None = None
) -> list[list[str]]:
    """A table in another language: its heading, and what its rows are of."""
    heading, *rows = cells
    return [
        [say(cell) for cell in heading],
        *([name if name and row[0] == inner else say(row[0]), *row[1:]] for row in rows),
    ]


def _provenance(judgement: Judgement, say: Callable[..., str]) -> list[tuple[str, str]]:
    facts = judgement.facts
    network = say(
        "{network}, on squares of {side} px after a JPEG of quality {quality}",
        network=facts["network"], side=SIZE, quality=QUALITY,
    )  # fmt: skip
    said = [("judged by", network)]
    if "class" in facts:
        model = {"name": judgement.name, "kind": facts["class"], "parameters": f"{facts['parameters']:,}"}
        said.insert(0, ("model", say("{name}, a {kind} of {parameters} parameters", **model)))
    for what in ("photos", "paintings"):
        pictures = facts[what]
        found = {"source": say(pictures["where"]), "count": pictures["pictures"]}
        found |= {"fingerprint": pictures["fingerprint"]}
        if pictures["unreadable"]:
            words = "{source}: {count}, {unreadable} unreadable left out (names {fingerprint})"
            said.append((what, say(words, unreadable=pictures["unreadable"], **found)))
        else:
            said.append((what, say("{source}: {count} (names {fingerprint})", **found)))
    sizes = say(
        "photos painted at {side} px; of paintings the inner {inner}",
        side=facts["photo_size"], inner=f"{facts['inner_crop']:.0%}",
    )  # fmt: skip
    return [
        *said,
        ("sizes", sizes),
        ("bootstraps", say("{count}, seed {seed}", count=facts["resamplings"], seed=facts["seed"])),
        ("machine", facts["machine"]),
        ("hfstyle", facts["hfstyle"]),
    ]


def _inline(picture: Image.Image) -> str:
    """A data URI of the picture as JPEG, which has no metadata."""
    small = picture.convert("RGB")
    small.thumbnail((CELL, CELL))
    file = io.BytesIO()
    small.save(file, "JPEG", quality=85)
    return _data_uri("image/jpeg", file.getvalue())


def _data_uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
