"""The page that draws pictures out of nothing but chance, with the bundled DCGAN; each can be collected."""

from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import FileData

from hfstyle.studio.components import AT_ONCE, BARE, CLICK_SCRIPT, HIDDEN, QUEUE, READING, STEP, refusal
from hfstyle.studio.mine import Shelf
from hfstyle.studio.painter import Painter
from hfstyle.studio.text import both, label

PICTURES = 12
MOST_SEED = 2**32 - 1

_GRID = """
{{#if value}}
<ul class="dreams">
    {{#each value}}
    <li><img src="{{this.file.url}}" alt="{{this.name}}">
        <button type="button" data-index="{{@index}}"><span aria-hidden="true">♥</span>
        <span class="for-readers">%(heart)s {{this.name}}</span></button></li>
    {{/each}}
</ul>
{{/if}}
"""


def build(painter: Painter, shelf: Shelf) -> None:
    """Add the page to the `gr.Blocks` that is being built."""
    with gr.Column(elem_id="imagine"):
        gr.HTML(f"<h2>{both('imagine.title')}</h2><p>{both('imagine.hint')}</p>", **STEP)
        with gr.Row(elem_id="imagine-controls"):
            seed = gr.Number(0, label=label("imagine.seed"), precision=0, minimum=0, maximum=MOST_SEED, elem_id="seed")
            draw = gr.Button(label("imagine.draw"), variant="primary", elem_id="draw")
            more = gr.Button(label("imagine.more"), elem_id="draw-more")
        with gr.Row(elem_id="imagine-walk"):
            towards = gr.Number(
                1, label=label("imagine.towards"), precision=0, minimum=0, maximum=MOST_SEED, elem_id="towards"
            )
            walk = gr.Button(label("imagine.walk"), elem_id="walk")
        grid = gr.HTML(
            html_template=_GRID % {"heart": both("heart")},
            js_on_load=CLICK_SCRIPT,
            visible=HIDDEN,
            elem_id="dreams",
            **BARE,
        )
    drawn = gr.State([])  # what is shown: files and their names

    async def dream(first: float | None, last: float | None = None) -> dict[Any, Any]:
        try:
            files = await painter.imagine(_seed(first), None if last is None else _seed(last), PICTURES)
        except Exception as error:
            raise refusal(error, None) from error
        names = [f"{_seed(first)}{'' if last is None else f'-{_seed(last)}'} {n}" for n in range(1, PICTURES + 1)]
        pictures = list(zip(files, names, strict=True))
        value = [{"name": name, "file": FileData(path=str(file)).model_dump()} for file, name in pictures]
        return {grid: gr.update(value=value, visible=True), drawn: pictures}

    async def dream_alone(first: float | None) -> dict[Any, Any]:
        return await dream(first)

    async def collect(pictures: list[tuple[Path, str]], event: gr.EventData, request: gr.Request) -> None:
        file, name = pictures[event.index] if 0 <= event.index < len(pictures) else (None, "")
        await shelf.heart(request.session_hash, file, f"{name}.png")

    busy = {"show_progress_on": grid, "api_visibility": "private", **QUEUE}
    draw.click(dream_alone, seed, [grid, drawn], **busy)
    more.click(lambda first: _seed(first) + 1, seed, seed, **AT_ONCE).then(dream_alone, seed, [grid, drawn], **busy)
    walk.click(dream, [seed, towards], [grid, drawn], **busy)
    shelf.follow(grid.click(collect, drawn, None, **READING))


def _seed(number: float | None) -> int:
    """What is typed may be anything, or nothing."""
    return min(max(int(number or 0), 0), MOST_SEED)
