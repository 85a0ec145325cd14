"""The first page: a photo goes in, a painting comes out."""

import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import gradio as gr

from hfstyle.assets import bundled_styles
from hfstyle.repo import REPO_ID
from hfstyle.studio.components import (
    AT_ONCE,
    BARE,
    HIDDEN,
    QUEUE,
    READING,
    busy_scripts,
    comparison,
    comparison_value,
    example_strip,
    hub_token,
    look_at_uploads,
    photo_input,
    read_examples,
    refusal,
    scroll_to,
    size_notice,
)
from hfstyle.studio.mine import Shelf
from hfstyle.studio.painter import EXAMPLES, MAX_NAME, Painter
from hfstyle.studio.text import StudioError, both, label, style_title
from hfstyle.studio.tradition import tell_of, tradition_panel

DEFAULT_STYLE = "ukiyoe"
MAX_CARD = 20_000
"""Characters of a card that are shown."""
LOADING = {"api_visibility": "private", "concurrency_id": "loading"}


# The address follows what is chosen, so that it can be sent to somebody.
_FOLLOW = """
(style, strength, keep, photo) => {
    const url = new URL(location), asked = url.searchParams;
    const example = /\\/examples\\/([\\w-]+)\\.jpg$/.exec(photo?.path ?? "")?.[1];
    // Until it is loaded, the model of the Hub that a link asks for stays in it.
    const linked = document.querySelector("#hub-linked")?.checkVisibility() && style === %s && asked.get("style");
    const share = strength === 100 ? "" : strength;
    const wanted = {style: linked || style, photo: example, strength: share, colors: keep ? "photo" : ""};
    for (const [name, value] of Object.entries(wanted)) {
        value || value === 0 ? asked.set(name, value) : asked.delete(name);
    }
    history.replaceState(null, "", url);
}
"""


def build(painter: Painter, shelf: Shelf, owner: bool = False) -> None:
    """Add the page to the `gr.Blocks` that is being built.

    Args:
        owner: See `mine.build`.
    """
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
            with gr.Accordion(label("hub.model"), open=False, elem_id="hub-box") as hub:
                linked = gr.HTML(visible=HIDDEN, elem_id="hub-linked", **BARE)
                model = gr.Textbox(
                    show_label=False,
                    placeholder="owner/name",
                    max_length=MAX_NAME,
                    container=False,
                    elem_id="hub-model",
                )
                load = gr.Button(label("hub.load"), size="md", elem_id="hub-load")
                card = gr.Markdown(visible=HIDDEN, elem_id="hub-card")
            gr.HTML(both("privacy"), elem_id="privacy", **BARE)
    told = tradition_panel("tradition")
    strip = example_strip(examples, elem_id="examples")

    guests = gr.State([])  # models of the Hub that this visitor loaded
    painted = gr.State()  # style and pictures of what is shown
    inputs = [photo, style, strength, keep_color]
    outputs = [photo, result, notice, download, heart, another, told, painted]

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

    async def fetch(name: str, invited: list[str], request: gr.Request) -> dict[Any, Any]:
        name = name.strip()
        try:
            told = await painter.invite(name, hub_token(owner, request))
        except Exception as error:
            raise refusal(error, None) from error
        invited = [*(one for one in invited if one != name), name]
        choices = [*((style_title(one), one) for one in styles), *((one, one) for one in invited)]
        return {
            guests: invited,
            linked: gr.update(visible=HIDDEN),
            style: gr.update(choices=choices, value=name),
            card: gr.update(value=card_text(told), visible=bool(told) or HIDDEN),
        }

    def reopen(request: gr.Request) -> dict[Any, Any]:
        """What the address asks for. The Hub is asked for a model only when the visitor says so."""
        link = read_link(request.query_params)
        named = {
            hub: gr.update(open=True),
            model: link.get("model"),
            linked: gr.update(value=f"<p>{both('hub.linked')}</p>", visible=True),
        }
        return {
            **(named if "model" in link else {}),
            style: link.get("style", gr.skip()),
            strength: link.get("strength", gr.skip()),
            keep_color: link.get("keep", gr.skip()),
            photo: str(link["photo"]) if "photo" in link else gr.skip(),
        }

    def show_example(event: gr.EventData) -> dict[Any, Any]:
        return show_photo(examples[event.index][0])

    begins, ends = busy_scripts("painting")

    def paint_after(trigger: Callable[..., Any]) -> Any:
        """Returns what is to be cancelled to stop it."""
        begun = trigger(None, None, [paint, stop], js=begins, api_visibility="private")
        work = begun.then(run, inputs, outputs, show_progress_on=[photo, result], api_visibility="private", **QUEUE)
        # `then` is meant for both, but Gradio 6.31 passes it over after an error; cancelling is a failure.
        work.failure(None, None, [paint, stop], js=ends, api_visibility="private")
        done = work.success(None, None, [paint, stop], js=ends, api_visibility="private")
        done.then(None, js=scroll_to("comparison"), api_visibility="private")
        telling.append(done.then(tell, painted, told, **READING))
        return work

    telling: list[Any] = []
    gr.on(
        [load.click, model.submit],
        fetch,
        [model, guests],
        [guests, linked, style, card],
        show_progress_on=load,
        **LOADING,
    )
    choice = [style, strength, keep_color, photo]
    gr.context.Context.root_block.load(reopen, None, [*choice, hub, model, linked], **AT_ONCE)
    gr.on(
        [one.change for one in choice],
        None,
        choice,
        js=_FOLLOW % json.dumps(default_style()),
        api_visibility="private",
    )
    work = [
        paint_after(paint.click),
        paint_after(strip.click(show_example, None, outputs, **AT_ONCE).then),
    ]
    stop.click(None, cancels=work)
    shelf.follow(heart.click(collect, painted, None, **READING))
    another.click(None, cancels=[*work, *telling]).then(lambda: show_photo(None), None, outputs, **AT_ONCE)
    # What is painted must not cover what is chosen meanwhile.
    gr.on([strip.click, photo.upload, photo.clear], None, cancels=work)
    look_at_uploads(photo, painter)  # after it, since what is called waits for what was called before


def read_link(asked: Mapping[str, str]) -> dict[str, Any]:
    """What an address asks for, `?style=monet&strength=80&colors=photo&photo=coast`, without what makes no sense."""
    found: dict[str, Any] = {}
    if asked.get("style") in bundled_styles():
        found["style"] = asked["style"]
    elif REPO_ID.fullmatch(asked.get("style", "").partition(":")[0]) and len(asked["style"]) <= MAX_NAME:
        found["model"] = asked["style"]
    if re.fullmatch(r"\d{1,3}", asked.get("strength", "")):
        found["strength"] = min(int(asked["strength"]), 100)
    if asked.get("colors") == "photo":
        found["keep"] = True
    if asked.get("photo") in {path.stem for path, _, _ in read_examples()}:
        found["photo"] = EXAMPLES / f"{asked['photo']}.jpg"
    return found


def card_text(card: str) -> str:
    """A stranger's card as the page shows it: no HTML, and no pictures, which would be fetched from anywhere."""
    without_tags = re.sub(r"<!--.*?-->|</?[a-zA-Z][^>]*>", "", card[:MAX_CARD], flags=re.DOTALL)
    without_pictures = re.sub(r"!\[[^\]]*\](\([^)]*\)|\[[^\]]*\])?", "", without_tags)
    # Taking one out may have made another of what stood around it: without its mark none is a picture.
    without_pictures = re.sub(r"!+\[", "[", without_pictures).replace("<", "&lt;")
    # Gradio draws diagrams of blocks of code in the language mermaid, which may have pictures too.
    return re.sub(r"(?m)^([ \t>*+\-\d.)]*)(`{3,}|~{3,})[^\n]*$", r"\1\2", without_pictures)


def default_style() -> str | None:
    """The style that is chosen at first, None where no style is bundled."""
    styles = bundled_styles()
    return DEFAULT_STYLE if DEFAULT_STYLE in styles else next(iter(styles), None)
