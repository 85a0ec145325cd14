"""The first page: a photo goes in, a painting comes out. Also the API endpoint that does the same."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import gradio as gr

from hfstyle.assets import bundled_styles
from hfstyle.errors import OptionError
from hfstyle.studio.components import (
    AT_ONCE,
    BARE,
    HIDDEN,
    QUEUE,
    PhotoInput,
    comparison,
    comparison_value,
    example_strip,
    log_if_ours,
    photo_input,
    read_examples,
    refusal,
    scroll_to,
    size_notice,
)
from hfstyle.studio.mine import Shelf
from hfstyle.studio.painter import Painter
from hfstyle.studio.text import StudioError, both, error_sentence, label, style_title
from hfstyle.studio.tradition import tell_of, tradition_panel

DEFAULT_STYLE = "ukiyoe"


def build(painter: Painter, shelf: Shelf) -> None:
    """Add the page to the `gr.Blocks` that is being built."""
    styles = bundled_styles()
    examples = read_examples()

    with gr.Row(elem_id="work"):
        with gr.Column(scale=7, min_width=320, elem_id="stage", elem_classes="stage"):
            photo = photo_input(height="var(--stage)", elem_id="photo", elem_classes="photo")
            result = comparison("comparison")
            notice = gr.HTML(visible=HIDDEN, elem_id="notice", **BARE)
            with gr.Row(elem_id="result-buttons"):
                download = gr.DownloadButton(
                    label("download"), visible=HIDDEN, size="md", min_width=100, elem_id="download"
                )
                heart = gr.Button(label("heart"), visible=HIDDEN, size="md", min_width=100, elem_id="heart")
                another = gr.Button(label("another"), visible=HIDDEN, size="md", min_width=100, elem_id="another")
        with gr.Column(scale=3, min_width=280, elem_id="panel"):
            style = gr.Radio(
                [(style_title(name), name) for name in styles],
                value=default_style(),
                label=label("style"),
                elem_id="style",
            )
            strength = gr.Slider(0, 100, 100, step=5, label=label("strength"), buttons=[], elem_id="strength")
            keep_color = gr.Checkbox(False, label=label("keep_color"), elem_id="keep-color")
            paint = gr.Button(label("paint"), variant="primary", elem_id="paint")
            stop = gr.Button(label("stop"), visible=HIDDEN, elem_id="stop")
            gr.HTML(both("privacy"), elem_id="privacy", **BARE)
    told = tradition_panel("tradition")
    strip = example_strip(examples, elem_id="examples")

    painted = gr.State()  # style and pictures of what is shown
    inputs = [photo, style, strength, keep_color]
    outputs = [photo, result, notice, download, heart, another, told, painted]

    async def receive(file: str | None) -> Any:
        try:
            shown = await painter.receive(file) if file else None
        except Exception as error:
            raise refusal(error, file) from error
        return gr.skip() if shown is None or str(shown) == file else str(shown)

    async def run(
        file: str | None,
        style_name: str | None,
        percent: float,
        keep: bool,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 - how Gradio asks for it
    ) -> dict[Any, Any]:
        progress(0)
        try:
            if not file:
                raise StudioError("error.no_photo")
            painting = await painter.paint(file, style_name or "", percent / 100, keep, on_progress=progress)
        except Exception as error:
            raise refusal(error, file) from error
        return {
            photo: gr.update(visible=HIDDEN),
            result: gr.update(
                value=comparison_value(painting.photo_preview, painting.painting_preview, painting.size), visible=True
            ),
            notice: gr.update(value=size_notice(painting), visible=painting.stylized_size != painting.size or HIDDEN),
            download: gr.update(value=str(painting.full), visible=True),
            heart: gr.update(visible=True),
            another: gr.update(visible=True),
            painted: (style_name, painting.photo_preview, painting.painting_preview),
        }

    async def tell(shown: tuple[str, Path, Path] | None) -> AsyncIterator[dict[str, Any]]:
        if shown is not None:
            async for update in tell_of(painter, *shown):
                yield update

    def show_photo(file: Path | None) -> dict[Any, Any]:
        hidden = gr.update(visible=HIDDEN)
        return {
            photo: gr.update(value=str(file) if file else None, visible=True),
            result: gr.update(value=None, visible=HIDDEN),
            notice: hidden,
            download: hidden,
            heart: hidden,
            another: hidden,
            told: hidden,
            painted: None,
        }

    async def collect(shown: tuple[str, Path, Path] | None, request: gr.Request) -> None:
        style_name, _, painting = shown or ("", None, None)
        await shelf.heart(request.session_hash, painting, f"{style_name}.jpg")

    def show_example(event: gr.EventData) -> dict[Any, Any]:
        return show_photo(examples[event.index][0])

    def busy() -> tuple[dict[str, Any], dict[str, Any]]:
        return gr.update(visible=HIDDEN), gr.update(visible=True)

    def idle() -> tuple[dict[str, Any], dict[str, Any]]:
        return gr.update(visible=True), gr.update(visible=HIDDEN)

    def paint_after(trigger: Callable[..., Any]) -> Any:
        """Show Stop in place of Paint for as long as it takes, however it ends; returns what Stop has to cancel."""
        begun = trigger(busy, None, [paint, stop], **AT_ONCE)
        work = begun.then(run, inputs, outputs, show_progress_on=[photo, result], api_visibility="private", **QUEUE)
        # `then` is meant for both, but Gradio 6.31 passes it over after an error.
        work.failure(idle, None, [paint, stop], **AT_ONCE)
        done = work.success(idle, None, [paint, stop], **AT_ONCE)
        done.then(None, js=scroll_to("comparison"), api_visibility="private")
        telling.append(done.then(tell, painted, told, **reading))
        return work

    reading = {"show_progress": "hidden", "api_visibility": "private", "concurrency_id": "reading"}
    telling: list[Any] = []
    photo.upload(receive, photo, photo, **reading).failure(lambda: None, None, photo, **AT_ONCE)
    work = [
        paint_after(paint.click),
        paint_after(strip.click(show_example, None, outputs, **AT_ONCE).then),
    ]
    stop.click(idle, None, [paint, stop], cancels=work, **AT_ONCE)
    shelf.follow(heart.click(collect, painted, None, **reading))
    another.click(None, cancels=telling).then(lambda: show_photo(None), None, outputs, **AT_ONCE)


def add_endpoint(painter: Painter) -> None:
    """Add `/stylize`, which programs call, to the `gr.Blocks` that is being built."""

    async def stylize(
        photo: str | None, style: str = DEFAULT_STYLE, strength: float = 1.0, preserve_color: bool = False
    ) -> str:
        try:
            if not photo:
                raise StudioError("error.no_photo")
            if not isinstance(strength, (int, float)):
                raise OptionError(f"strength must be a number between 0 and 1, not {strength!r:.40}")
            painting = await painter.paint(photo, style, strength, bool(preserve_color), previews=False)
        except Exception as error:
            log_if_ours(error)
            raise gr.Error(error_sentence(error, photo or ""), print_exception=False) from error
        return str(painting.full)

    # `gr.api` would hand us the client's dictionary unchecked, and with it any path of this machine; a component
    # checks that a file lies in the upload folder.
    with gr.Column(visible=False):
        gr.Button().click(
            stylize,
            [
                PhotoInput(label="photo"),
                gr.Textbox(default_style(), label="style"),
                gr.Number(1.0, label="strength"),
                gr.Checkbox(False, label="preserve_color"),
            ],
            gr.Image(format="png", type="filepath", label="painting"),
            api_name="stylize",
            api_description=(
                "Turn a photo into a painting of the same size. photo: an uploaded picture file (JPEG, PNG, WebP, "
                "TIFF, GIF, BMP, AVIF). style: the name of a style on the page. strength: 0 gives the photo back, 1 "
                "the painting, between them a blend. preserve_color: keep the photo's colours. Returns a PNG file, "
                "with transparency where the photo has it. Both files are deleted within the hour."
            ),
            **QUEUE,
        )


def default_style() -> str | None:
    """The style that is chosen at first, None where no style is bundled."""
    styles = bundled_styles()
    return DEFAULT_STYLE if DEFAULT_STYLE in styles else next(iter(styles), None)
