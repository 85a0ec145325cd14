"""A judgement as one web page: figures, where they come from, and pictures to look at."""

import base64
import io
import os

from jinja2 import Environment
from PIL import Image

from hfstyle.errors import OptionError
from hfstyle.evaluation.judge import Judgement, profile_table, table
from hfstyle.evaluation.network import QUALITY, SIZE
from hfstyle.images import write_whole

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
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{{ judgement.name }}, judged</title>
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
figure { margin: 0; display: grid; grid-template-columns: 1fr 1fr; gap: 2px }
@media (max-width: 40rem) { th, td { padding: .4rem } tbody th { max-width: 6rem } dl { grid-template-columns: 1fr } }
figure img { width: 100%; height: auto; display: block }
</style>
</head>
<body>
<main>
<h1>{{ judgement.name }}, judged</h1>
<p class="quiet">{{ facts.photos.pictures }} photos of {{ facts.photos.where }}, painted, against
{{ facts.paintings.pictures }} paintings of {{ facts.paintings.where }}</p>

<h2 id="figures">Figures</h2>
{{ cells(table, "figures") }}
{% if judgement.costs() %}
<p>{{ judgement.costs() }}</p>
{% endif %}
<p>In brackets stands where 95 % of {{ facts.resamplings }} bootstraps lie, in which the pictures were drawn anew; of
halves, where 95 % of {{ facts.halvings }} halvings lie.</p>
<dl>
<dt>KID</dt><dd>how far the pictures are, as a set, from the paintings. The lower the better; it leads, since it is
unbiased also for few pictures, and may so come out below 0.</dd>
<dt>share closed</dt><dd>of the way from the KID of the unchanged photos, 0 %, to that between two halves of the
paintings, 100 %.</dd>
<dt>content</dt><dd>how far each picture is from its own photo: 0 is the photo, 1 has nothing in common with it.</dd>
<dt>FID</dt><dd>like KID, but too large where there are fewer pictures than the network's 1280 features, the more so
the fewer there are: compare only sets of one size (halves have half as many).</dd>
<dt>ArtFID</dt><dd>(1 + content) × (1 + FID). Others measure it with other networks, so their figures are others.</dd>
</dl>

<h2 id="profile">Profile</h2>
{{ cells(profile, "profile") }}
<p>What the pictures do with colour, space, line and surface: medians, and how far the style went from the photos, 0 %,
to the paintings, 100 %. A dash is where these differ by no more than chance. It describes, and ranks nothing; what
each measure is, <code>hfstyle profile</code> tells.</p>

<h2>Pictures</h2>
<div class="sheet">
{% for photo, painting in sheet %}
<figure>
<img src="{{ photo }}" alt="Photo {{ loop.index }} of {{ loop.length }}">
<img src="{{ painting }}" alt="The same photo as {{ judgement.name }} makes it">
</figure>
{% endfor %}
</div>

<h2>How it was measured</h2>
<dl>
{% for term, said in provenance %}
<dt>{{ term }}</dt><dd>{{ said }}</dd>
{% endfor %}
</dl>
</main>
</body>
</html>
""")


def write_report(judgement: Judgement, path: str | os.PathLike) -> None:
    """Write the page, whole or not at all. It needs nothing else: its pictures are in it.

    Raises:
        OptionError: It cannot be written.
    """
    page = _PAGE.render(
        judgement=judgement,
        facts=judgement.facts,
        table=table(judgement.rows),
        profile=profile_table(judgement.steps),
        sheet=[(_inline(photo), _inline(painting)) for photo, painting in judgement.sheet],
        provenance=_provenance(judgement),
    )
    try:
        with write_whole(path) as file:
            file.write(page.encode("utf-8", "surrogateescape"))
    except OSError as error:
        raise OptionError(f"cannot write {path}: {error.strerror or error}") from error


def _provenance(judgement: Judgement) -> list[tuple[str, str]]:
    facts = judgement.facts
    said = [("judged by", f"{facts['network']}, on squares of {SIZE} px after a JPEG of quality {QUALITY}")]
    if "class" in facts:
        said.insert(0, ("model", f"{judgement.name}, a {facts['class']} of {facts['parameters']:,} parameters"))
    for what in ("photos", "paintings"):
        pictures = facts[what]
        left_out = f", {pictures['unreadable']} unreadable left out" if pictures["unreadable"] else ""
        said.append((what, f"{pictures['where']}: {pictures['pictures']}{left_out} (names {pictures['fingerprint']})"))
    return [
        *said,
        ("sizes", f"photos painted at {facts['photo_size']} px; of paintings the inner {facts['inner_crop']:.0%}"),
        ("bootstraps", f"{facts['resamplings']}, seed {facts['seed']}"),
        ("machine", facts["machine"]),
        ("hfstyle", facts["hfstyle"]),
    ]


def _inline(picture: Image.Image) -> str:
    """A data URI of the picture as JPEG, which has no metadata."""
    small = picture.convert("RGB")
    small.thumbnail((CELL, CELL))
    file = io.BytesIO()
    small.save(file, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
