"""The second page: a photo in every style, painted one by one and small, to be compared, and blends of styles."""

import dataclasses
import math
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from hfstyle.assets import BANK, bundled_models, bundled_styles, model_of
from hfstyle.studio.components import (
    AT_ONCE,
    BARE,
    HIDDEN,
    QUEUE,
    READING,
    comparison,
    comparison_value,
    example_strip,
    photo_input,
    progress_line,
    read_examples,
    refusal,
    scroll_to,
    size_notice,
    wall,
    wall_value,
)
from hfstyle.studio.mine import Shelf
from hfstyle.studio.painter import Painter, Sketch
from hfstyle.studio.text import both, label, style_title, style_words
from hfstyle.studio.tradition import tell_of, tradition_panel

if TYPE_CHECKING:
    from hfstyle.styles import Blend

MOST_BLENDED = 3
"""Styles in one blend; more of them look alike."""


@dataclass(frozen=True)
class Sheet:
    """What a visitor has: a photo, and its paintings so far by their styles."""

    original: Path
    """The photo as it came."""
    photo: Sketch
    sketches: dict[str, Sketch] = field(default_factory=dict)


def styles() -> list[str]:
    """All bundled styles in the order in which they are painted: first the fast network, then those of one style."""
    return sorted(bundled_styles(), key=lambda name: name in bundled_models())


def build(painter: Painter, shelf: Shelf) -> None:
    """Add the page to the `gr.Blocks` that is being built."""
    names = styles()
    blended = [name for name in names if model_of(name)[0] == BANK]
    examples = read_examples()

    sheet = gr.State()
    viewed = gr.State()  # the style, or weights of the bank's styles, that is compared with the photo
    with gr.Row(elem_id="all"):
        with gr.Column(scale=5, min_width=320, elem_classes="stage"):
            photo = photo_input(height="calc(0.7 * var(--stage))", elem_id="all-photo", elem_classes="photo")
            result = comparison("all-comparison")
            notice = gr.HTML(visible=HIDDEN, elem_id="all-notice", **BARE)
            with gr.Row(elem_id="all-buttons"):
                full = gr.Button(label("full"), visible=HIDDEN, size="md", min_width=100, elem_id="full")
                full_stop = gr.Button(label("stop"), visible=HIDDEN, size="md", min_width=100, elem_id="full-stop")
                download = gr.DownloadButton(
                    label("download"), visible=HIDDEN, size="md", min_width=100, elem_id="all-download"
                )
                heart = gr.Button(label("heart"), visible=HIDDEN, size="md", min_width=100, elem_id="all-heart")
                another = gr.Button(label("another"), visible=HIDDEN, size="md", min_width=100, elem_id="all-another")
            # Always there, since Gradio 6.31, when it shows a container again, shows all that is hidden in it.
            with gr.Accordion(label("blend"), open=False, elem_id="blend"):
                chosen = gr.CheckboxGroup(
                    [(style_title(name), name) for name in blended],
                    label=label("blend_styles"),
                    interactive=False,
                    elem_id="blended",
                )
                weights = [
                    gr.Slider(5, 100, 50, step=5, label=style_title(name), buttons=[], visible=HIDDEN)
                    for name in blended
                ]
            gr.HTML(both("privacy"), elem_id="all-privacy", **BARE)
        with gr.Column(scale=7, min_width=320, elem_id="all-paintings"):
            with gr.Row(elem_id="all-work"):
                status = gr.HTML(visible=HIDDEN, elem_id="all-status", **BARE)
                stop = gr.Button(label("stop"), visible=HIDDEN, size="md", scale=0, elem_id="all-stop")
                rest = gr.Button(label("rest"), visible=HIDDEN, size="md", scale=0, elem_id="all-rest")
            paintings = wall([style_words(name) for name in names], visible=HIDDEN, elem_id="wall")
            told = tradition_panel("all-tradition")
            strip = example_strip(examples, elem_id="all-examples")

    shown = [sheet, paintings, status, stop, rest]
    finishing = [full, full_stop, download, heart, notice]
    everything = [photo, result, another, chosen, *weights, strip, viewed, told, *finishing, *shown]

    def begin(small: Sketch | None, original: str | None = None) -> dict[Any, Any]:
        """The page with a photo of which nothing is painted yet, or with none."""
        there, not_there = (gr.update(visible=visible or HIDDEN) for visible in (small is not None, small is None))
        return {
            # Also hidden, lest another photo comes while this one is being painted.
            photo: gr.update(value=None, visible=small is None or HIDDEN),
            result: gr.update(value=small and comparison_value(small.file, None, small.size), **there),
            another: there,
            chosen: gr.update(value=[], interactive=small is not None),
            **{weight: gr.update(visible=HIDDEN) for weight in weights},
            strip: not_there,
            viewed: None,
            told: gr.update(visible=HIDDEN),
            **offer(False),
            **show(small and Sheet(Path(original), small), busy=True),
        }

    def show(work: Sheet | None, busy: bool) -> dict[Any, Any]:
        """What is painted, how far that is, and the button that fits."""
        if work is None:
            hidden = gr.update(visible=HIDDEN)
            return {
                sheet: None,
                paintings: gr.update(value=None, **hidden),
                status: hidden,
                stop: hidden,
                rest: hidden,
            }
        pictures = [work.sketches[name].file if name in work.sketches else None for name in names]
        waiting = [name for name in names if name not in work.sketches]
        busy = busy and bool(waiting)
        return {
            sheet: work,
            paintings: gr.update(value=wall_value(pictures, work.photo.size, busy), visible=True),
            status: gr.update(value=_status(len(names), waiting, busy, left(work)), visible=True),
            stop: gr.update(visible=busy or HIDDEN),
            rest: gr.update(visible=bool(waiting) and not busy or HIDDEN),
        }

    def left(work: Sheet) -> float | None:
        """Seconds that the styles will take that are not painted yet, where one can know."""
        known = {name: painter.seconds(name, work.photo.size) for name in names}
        usual = max(filter(None, known.values()), default=None)
        return usual and sum(known[name] or usual for name in names if name not in work.sketches)

    def offer(there: bool) -> dict[Any, Any]:
        """What is compared can be painted at full size, once more if it was before."""
        return {
            full: gr.update(visible=there or HIDDEN),
            heart: gr.update(visible=there or HIDDEN),
            full_stop: gr.update(visible=HIDDEN),
            download: gr.update(value=None, visible=HIDDEN),
            notice: gr.update(visible=HIDDEN),
        }

    async def receive(file: str | None) -> dict[Any, Any]:
        try:
            return begin(file and await painter.shrink(file), file)
        except Exception as error:
            raise refusal(error, file) from error

    async def receive_example(event: gr.EventData) -> dict[Any, Any]:
        return await receive(str(examples[event.index][0]))

    async def run(work: Sheet | None) -> AsyncIterator[dict[Any, Any]]:
        if work is None:
            return
        yield show(work, busy=True)
        for name in names:
            if name in work.sketches:
                continue
            try:
                sketch = await painter.sketch(work.photo.file, name)
            except Exception as error:
                raise refusal(error, str(work.photo.file)) from error
            work = dataclasses.replace(work, sketches={**work.sketches, name: sketch})
            yield show(work, busy=True)

    def halt(work: Sheet | None) -> dict[Any, Any]:
        return show(work, busy=False)

    def put_on_stage(work: Sheet, sketch: Sketch, title: str) -> dict[str, Any]:
        return comparison_value(work.photo.file, sketch.file, sketch.size, title)

    def compare(work: Sheet | None, event: gr.EventData) -> dict[Any, Any]:
        name = names[event.index]
        if work is None or name not in work.sketches:
            return {result: gr.skip()}
        return {result: put_on_stage(work, work.sketches[name], style_words(name)), viewed: name, **offer(True)}

    async def tell(work: Sheet | None, name: "Blend | None") -> AsyncIterator[dict[str, Any]]:
        if work is not None and isinstance(name, str):
            async for update in tell_of(painter, name, work.photo.file, work.sketches[name].file):
                yield update

    def choose(picked: list[str]) -> list[Any]:
        """Show the weights of the chosen styles; one too many takes the place of the first."""
        kept = picked[-MOST_BLENDED:]
        # Only then: a visitor who is quick may have chosen another meanwhile.
        choice = gr.update(value=kept) if kept != picked else gr.skip()
        return [choice, *(gr.update(visible=name in kept or HIDDEN) for name in blended)]

    async def follow(work: Sheet | None, picked: list[str], *shares: float) -> dict[Any, Any]:
        if work is None or not picked:
            return {result: gr.skip()}
        mixture = {name: share for name, share in zip(blended, shares, strict=True) if name in picked}
        blend = {model_of(name)[1]: share for name, share in mixture.items()}
        try:
            sketch = await painter.sketch(work.photo.file, blend)
        except Exception as error:
            raise refusal(error, str(work.photo.file)) from error
        return {
            result: put_on_stage(work, sketch, _blend_words(mixture)),
            viewed: blend,
            told: gr.update(visible=HIDDEN),
            **offer(True),
        }

    async def finish(
        work: Sheet | None,
        style: "Blend | None",
        progress: gr.Progress = gr.Progress(),  # noqa: B008 - how Gradio asks for it
    ) -> dict[Any, Any]:
        if work is None or style is None:
            return offer(False)
        progress(0)
        try:
            painting = await painter.paint(work.original, style, 1.0, False, previews=False, on_progress=progress)
        except Exception as error:
            raise refusal(error, str(work.original)) from error
        return {
            **offer(False),
            heart: gr.update(visible=True),
            download: gr.update(value=str(painting.full), visible=True),
            notice: gr.update(value=size_notice(painting), visible=painting.stylized_size != painting.size or HIDDEN),
        }

    # No name that only type checkers know may be among the hints: Gradio would not find the request.
    async def collect(work: Sheet | None, style: Any, request: gr.Request) -> None:
        try:
            sketch = await painter.sketch(work.photo.file, style) if work and style else None
        except Exception as error:
            raise refusal(error, str(work.photo.file)) from error
        name = style if isinstance(style, str) else "+".join(style or ())
        await shelf.heart(request.session_hash, sketch and sketch.file, f"{name}.jpg")

    painting = {"show_progress": "hidden", "api_visibility": "private", **QUEUE}
    received = photo.upload(receive, photo, everything, **READING)
    received.failure(lambda: None, None, photo, **AT_ONCE)
    works = [
        received.success(run, sheet, shown, **painting),
        strip.click(receive_example, None, everything, **READING).success(run, sheet, shown, **painting),
        rest.click(run, sheet, shown, **painting),
    ]
    for work in works:
        work.failure(halt, sheet, shown, **AT_ONCE)
    compared = paintings.click(compare, sheet, [result, viewed, *finishing], **AT_ONCE)
    shelf.follow(heart.click(collect, [sheet, viewed], None, **painting))
    compared.then(None, js=scroll_to("all-comparison"), api_visibility="private")
    telling = compared.then(tell, [sheet, viewed], told, **READING)
    chosen.input(choose, chosen, [chosen, *weights], **AT_ONCE)
    following = gr.on(
        [chosen.change, *(weight.change for weight in weights)],
        follow,
        [sheet, chosen, *weights],
        [result, viewed, told, *finishing],
        show_progress="minimal",
        trigger_mode="always_last",
        api_visibility="private",
        concurrency_id="blending",
    )
    finished = full.click(
        lambda: (gr.update(visible=HIDDEN), gr.update(visible=True)), None, [full, full_stop], **AT_ONCE
    ).then(finish, [sheet, viewed], finishing, show_progress_on=result, api_visibility="private", **QUEUE)
    finished.failure(lambda: offer(True), None, finishing, **AT_ONCE)
    # In two steps, since with both in one, Gradio 6.31 cancels after it calls: a painting could still come in between.
    stop.click(None, cancels=works).then(halt, sheet, shown, **AT_ONCE)
    full_stop.click(None, cancels=finished).then(lambda: offer(True), None, finishing, **AT_ONCE)
    paintings.click(None, cancels=finished)
    gr.on([chosen.change, *(weight.change for weight in weights)], None, cancels=[telling, finished])
    another.click(None, cancels=[*works, following, telling, finished]).then(
        lambda: begin(None), None, everything, **AT_ONCE
    )


def _status(total: int, waiting: list[str], busy: bool, seconds: float | None) -> str:
    """Words and a bar about the paintings, of which the styles in `waiting` are not there yet.

    Args:
        seconds: How long these will take, None where nobody knows.
    """
    done = total - len(waiting)
    if not waiting:
        words = both("all_done")
    elif not busy:
        words = both("all_stopped", done=done, total=total)
    elif seconds is None:
        words = both("all_progress", done=done, total=total)
    else:
        words = both("all_progress_left", done=done, total=total, seconds=math.ceil(seconds))
    return progress_line(words, done, total)


def _blend_words(mixture: dict[str, float]) -> str:
    """What a blend is called, as HTML."""
    total = sum(mixture.values())
    return " + ".join(f"{style_words(name)} {round(100 * share / total)}%" for name, share in mixture.items())
