"""The page for a style of one's own: bring pictures, watch it learn, try it, keep it."""

import asyncio
import base64
import contextlib
import dataclasses
import html
import io
import math
import os
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
from gradio.data_classes import FileData

from hfstyle.assets import BANK, bank_styles, bundled_styles, model_of
from hfstyle.errors import HfstyleError
from hfstyle.studio.components import (
    AT_ONCE,
    BARE,
    CLICK_SCRIPT,
    HIDDEN,
    QUEUE,
    STEP,
    PicturesInput,
    comparison,
    comparison_value,
    hub_token,
    inert,
    look_at_uploads,
    photo_input,
    progress_line,
    refusal,
    scroll_to,
)
from hfstyle.studio.painter import Painter, check_repo_id
from hfstyle.studio.text import StudioError, both, error_html, label, style_title
from hfstyle.studio.workshop import LEARNING, NAME, SAMPLE, Desk, Loved, Moment, Workshop

if TYPE_CHECKING:
    from hfstyle.training.collection import Collection

LEARN = {"concurrency_id": "learning", "concurrency_limit": LEARNING}
READ = {"show_progress": "hidden", "api_visibility": "private", "concurrency_id": "looking"}

_SHELF = """
{{#if value}}
<ul class="shelf">
    {{#each value}}
    <li><img src="{{this.file.url}}" alt="{{{this.name}}}">
        <button type="button" data-index="{{@index}}"><span aria-hidden="true">×</span>
        <span class="for-readers">%(remove)s {{{this.name}}}</span></button></li>
    {{/each}}
</ul>
{{/if}}
"""


@dataclass(frozen=True)
class Shelf:
    """The visitor's pictures, for other pages, which add to them."""

    workshop: Workshop
    follow: Callable[[Any], None]
    """To be called with each event that changes the pictures: what shows them and tells of them follows it."""

    async def heart(self, session: str, file: Path | None, name: str) -> None:
        """Collect a picture of another page."""
        if file is None:
            raise gr.Error(both("error.expired"), print_exception=False)
        try:
            for _, error in await self.workshop.collect(session, [(file, name)]):
                raise error
        except Exception as error:
            raise refusal(error, str(file)) from error
        gr.Info(both("hearted"), duration=4)


def build(painter: Painter, owner: bool = False) -> Shelf:
    """Add the page to the `gr.Blocks` that is being built.

    Args:
        owner: Whether none but the owner of this machine can see the page, and so may push with the token of
            `hf auth login`. On a Space, visitors log in themselves.
    """
    on_space = bool(os.environ.get("SPACE_ID") and os.environ.get("OAUTH_CLIENT_ID"))
    workshop = Workshop(painter)
    remembered = gr.BrowserState(None, storage_key="hfstyle-mine", secret="hfstyle")
    blends = [(style_title(name), model_of(name)[1]) for name in bundled_styles() if model_of(name)[0] == BANK]
    with gr.Row(elem_id="mine"):
        with gr.Column(scale=5, min_width=320, elem_classes="stage"):
            gr.HTML(f"<h2>{both('mine.bring')}</h2><p>{both('mine.bring_hint')}</p>", **STEP)
            files = PicturesInput(
                file_count="multiple", label=label("mine.files"), height=150, elem_id="mine-files", buttons=[]
            )
            shelf = gr.HTML(
                html_template=_SHELF % {"remove": both("mine.remove")},
                js_on_load=CLICK_SCRIPT,
                visible=HIDDEN,
                elem_id="shelf",
                **BARE,
            )
            findings = gr.HTML(visible=HIDDEN, elem_id="findings", **BARE)
            remember = gr.Checkbox(False, label=label("mine.remember"), elem_id="mine-remember")
            if owner or on_space:
                with gr.Accordion(label("mine.dataset"), open=False, elem_id="mine-dataset-box"):
                    if on_space:
                        gr.LoginButton(size="md", elem_classes="login")
                    dataset = gr.Textbox(
                        label=label("mine.dataset_name"),
                        placeholder="me/pictures",
                        max_length=100,
                        elem_id="mine-dataset",
                    )
                    with gr.Row():
                        keep = gr.Button(label("mine.keep_there"), size="md", min_width=100, elem_id="mine-keep-there")
                        fetch = gr.Button(label("mine.fetch"), size="md", min_width=100, elem_id="mine-fetch")
                    dataset_said = gr.HTML(elem_id="mine-dataset-said", **BARE)
            with gr.Accordion(label("mine.photo"), open=False, elem_id="mine-photo-box"):
                photo = photo_input(height=220, elem_id="mine-photo", elem_classes="photo")
            gr.HTML(both("mine.privacy"), elem_id="mine-privacy", **BARE)
        with gr.Column(scale=7, min_width=320, elem_classes="stage"):
            gr.HTML(f"<h2>{both('mine.watch')}</h2><p>{both('mine.watch_hint')}</p>", **STEP)
            with gr.Row(elem_id="mine-buttons"):
                learn = gr.Button(label("mine.learn"), variant="primary", interactive=False, elem_id="mine-learn")
                stop = gr.Button(label("mine.enough"), visible=HIDDEN, elem_id="mine-stop")
            status = gr.HTML(elem_id="mine-status", **BARE)
            result = comparison("mine-comparison")
            # studio.css shows it where there is a style: Gradio 6.31 shows with a container all that is hidden in it.
            with gr.Column(elem_id="mine-try"):
                gr.HTML(f"<h2>{both('mine.try')}</h2>", **STEP)
                with gr.Row():
                    other = gr.Dropdown(
                        [(label("mine.alone"), ""), *blends], value="", label=label("mine.blend"), elem_id="mine-other"
                    )
                    share = gr.Slider(0, 100, 40, step=5, label=label("mine.share"), buttons=[], elem_id="mine-share")
                    strength = gr.Slider(
                        0, 100, 100, step=5, label=label("strength"), buttons=[], elem_id="mine-strength"
                    )
                with gr.Row(elem_id="mine-full-buttons"):
                    full = gr.Button(label("full"), size="md", min_width=100, elem_id="mine-full")
                    download = gr.DownloadButton(
                        label("download"), visible=HIDDEN, size="md", min_width=100, elem_id="mine-download"
                    )
                gr.HTML(f"<h2>{both('mine.keep')}</h2>", **STEP)
                with gr.Row(elem_id="mine-keep"):
                    name = gr.Textbox(NAME, label=label("mine.name"), max_length=40, elem_id="mine-name")
                    save = gr.DownloadButton(label("mine.save"), size="md", min_width=100, elem_id="mine-save")
                    delete = gr.Button(label("mine.delete"), size="md", min_width=100, elem_id="mine-delete")
                gr.HTML(both("mine.use"), elem_id="mine-use", **BARE)
                if owner or on_space:
                    with gr.Accordion(label("mine.hub"), open=False, elem_id="mine-hub"):
                        if on_space:
                            gr.LoginButton(size="md", elem_classes="login")
                        with gr.Row():
                            repo = gr.Textbox(
                                label=label("mine.repo"),
                                placeholder="me/my-style",
                                max_length=100,
                                elem_id="mine-repo",
                            )
                            told = gr.Textbox(label=label("mine.told"), max_length=500, elem_id="mine-told")
                        public = gr.Checkbox(False, label=label("mine.public"), elem_id="mine-public")
                        push = gr.Button(label("mine.push"), size="md", elem_id="mine-push")
                        pushed = gr.HTML(elem_id="mine-pushed", **BARE)

    shown = [status, result, learn, stop, download, save]

    async def bring(uploads: list[str] | None, request: gr.Request) -> None:
        try:
            given = [(upload, Path(upload).name) for upload in uploads or []]
            wrong = await workshop.collect(request.session_hash, given)
        except Exception as error:
            raise refusal(error, None) from error
        for name_of_file, error in wrong:
            gr.Warning(error_html(error, name_of_file), duration=12)

    def show_shelf(request: gr.Request) -> list[Any]:
        """For `shelf` and `learn`."""
        pictures = workshop.desk(request.session_hash).pictures
        there = bool(pictures)
        return [gr.update(value=shelf_value(pictures), visible=there or HIDDEN), gr.update(interactive=there)]

    async def look_over(request: gr.Request) -> Any:
        try:
            collection = await workshop.look_over(request.session_hash)
        except HfstyleError as error:
            return gr.update(value=f"<ul><li>{error_html(error)}</li></ul>", visible=True)
        except Exception as error:
            raise refusal(error, None) from error
        told = findings_html(collection)
        return gr.update(value=told, visible=bool(told) or HIDDEN)

    def remove(event: gr.EventData, request: gr.Request) -> None:
        pictures = workshop.desk(request.session_hash).pictures
        if 0 <= event.index < len(pictures):
            del pictures[event.index]

    def keep_in_browser(wanted: bool, request: gr.Request) -> Any:
        return kept_value(workshop.desk(request.session_hash), wanted)

    async def restore(kept: Any, request: gr.Request) -> list[Any]:
        session = request.session_hash
        with contextlib.suppress(HfstyleError):  # kept by an older version: as if there were nothing
            await take_back(workshop, session, kept)
        desk = workshop.desk(session)
        return [bool(desk.pictures), *finished(desk)]

    def finished(desk: Desk) -> list[Any]:
        """What is shown of a desk where nobody learns, for `shown`."""
        there = desk.style is not None
        file = str(style_file(workshop, desk, desk.style.name)) if there else None
        return [
            gr.update(value=f'<p class="ready" role="status">{both("mine.done")}</p>' if there else "", visible=True),
            gr.skip(),
            gr.update(visible=True, interactive=bool(desk.pictures)),
            gr.update(visible=HIDDEN),
            gr.update(visible=HIDDEN),
            gr.update(value=file),
        ]

    async def run(file: str | None, request: gr.Request) -> AsyncIterator[dict[Any, Any]]:
        session = request.session_hash
        preview = None
        try:
            yield {status: progress_line(both("mine.looking"), 0, 1)}
            async for moment in workshop.learn(session, file):
                update: dict[Any, Any] = {status: moment_html(moment)}
                if moment.preview is not None:
                    preview, desk = moment.preview, workshop.desk(session)
                    update[result] = gr.update(
                        value=comparison_value(desk.photo.file, preview, desk.photo.size, both("mine.title")),
                        visible=True,
                    )
                yield update
        except Exception as error:
            raise refusal(error, file) from error
        yield dict(zip(shown, finished(workshop.desk(session)), strict=True))

    def begin() -> tuple[Any, Any, str]:
        waiting = progress_line(both("waiting"), 0, 1)
        return gr.update(visible=HIDDEN), gr.update(visible=True, interactive=True), waiting

    def idle(request: gr.Request) -> list[Any]:
        return finished(workshop.desk(request.session_hash))

    def enough(request: gr.Request) -> Any:
        workshop.desk(request.session_hash).enough.set()
        return gr.update(interactive=False)

    def blend(desk: Desk, other_style: str, percent: float) -> Any:
        if desk.bank is None or desk.style is None:
            raise StudioError("error.no_style")
        mixture = {desk.style.name: 1.0}
        if other_style in bank_styles() and percent > 0:
            mixture = {desk.style.name: 100 - percent, other_style: percent}
        return desk.bank.painter({style: weight for style, weight in mixture.items() if weight > 0})

    async def follow(other_style: str, percent: float, force: float, request: gr.Request) -> dict[Any, Any]:
        desk = workshop.desk(request.session_hash)
        if desk.style is None:
            return {result: gr.skip()}
        try:
            desk.photo = desk.photo or await painter.shrink(SAMPLE)
            sketch = await painter.sketch(desk.photo.file, blend(desk, other_style, percent), force / 100)
        except Exception as error:
            raise refusal(error, None) from error
        value = comparison_value(desk.photo.file, sketch.file, sketch.size, both("mine.title"))
        return {result: gr.update(value=value, visible=True), download: gr.update(visible=HIDDEN)}

    async def finish(
        file: str | None,
        other_style: str,
        percent: float,
        force: float,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 - how Gradio asks for it
    ) -> Any:
        progress(0)
        try:
            style = blend(workshop.desk(request.session_hash), other_style, percent)
            painting = await painter.paint(
                file or SAMPLE, style, force / 100, False, previews=False, on_progress=progress
            )
        except Exception as error:
            raise refusal(error, file) from error
        return gr.update(value=str(painting.full), visible=True)

    def rename(called: str, request: gr.Request) -> Any:
        desk = workshop.desk(request.session_hash)
        try:
            if desk.style is None:
                raise StudioError("error.no_style")
            return gr.update(value=str(style_file(workshop, desk, called.strip())))
        except Exception as error:
            raise refusal(error, None) from error

    def token_of(oauth: gr.OAuthToken | None, request: gr.Request) -> str | None:
        """The visitor's, or None for that of this machine."""
        token = hub_token(owner, request) if oauth is None else oauth.token
        if token is False:
            raise StudioError("error.login")
        return token

    async def share_on_hub(
        repo_id: str, everybody: bool, learned_from: str, oauth: gr.OAuthToken | None, request: gr.Request
    ) -> str:
        desk = workshop.desk(request.session_hash)
        try:
            if desk.style is None:
                raise StudioError("error.no_style")
            check_repo_id(repo_id.strip())
            token = token_of(oauth, request)
            about = {**desk.style.about, **({"learned_from": learned_from.strip()} if learned_from.strip() else {})}
            style = dataclasses.replace(desk.style, about=about)
            url = await asyncio.to_thread(style.push_to_hub, repo_id.strip(), private=not everybody, token=token)
        except Exception as error:
            raise refusal(error, None) from error
        return said_there(url)

    async def keep_there(repo_id: str, oauth: gr.OAuthToken | None, request: gr.Request) -> str:
        try:
            token = token_of(oauth, request)
            return said_there(await workshop.keep_on_hub(request.session_hash, repo_id.strip(), token))
        except Exception as error:
            raise refusal(error, None) from error

    async def fetch_from_there(repo_id: str, oauth: gr.OAuthToken | None, request: gr.Request) -> None:
        try:
            token = token_of(oauth, request)
            wrong = await workshop.fetch_from_hub(request.session_hash, repo_id.strip(), token)
        except Exception as error:
            raise refusal(error, None) from error
        for name_of_file, error in wrong:
            gr.Warning(error_html(error, name_of_file), duration=12)

    def drop(request: gr.Request) -> list[Any]:
        workshop.forget(request.session_hash)
        updates = finished(workshop.desk(request.session_hash))
        updates[1] = gr.update(value=None, visible=HIDDEN)
        return updates

    look_at_uploads(photo, painter)
    brought = files.upload(bring, files, None, **READ)
    removed = shelf.click(remove, None, None, **AT_ONCE)
    remember.input(keep_in_browser, remember, remembered, **AT_ONCE)
    begun = learn.click(begin, None, [learn, stop, status], **AT_ONCE)
    work = begun.then(run, photo, shown, show_progress="hidden", api_visibility="private", **LEARN)
    work.failure(idle, None, shown, **AT_ONCE)
    work.success(keep_in_browser, remember, remembered, **AT_ONCE).then(
        None, js=scroll_to("mine-try"), api_visibility="private"
    )
    stop.click(enough, None, stop, **AT_ONCE)
    gr.on(
        [other.input, share.release, strength.release],
        follow,
        [other, share, strength],
        [result, download],
        show_progress="minimal",
        trigger_mode="always_last",
        api_visibility="private",
        concurrency_id="blending",
    )
    full.click(
        finish, [photo, other, share, strength], download, show_progress_on=result, api_visibility="private", **QUEUE
    )
    name.change(rename, name, save, **AT_ONCE)
    delete.click(drop, None, shown, **AT_ONCE).then(keep_in_browser, remember, remembered, **AT_ONCE)

    def follow_up(change: Any) -> None:
        shown_there = change.then(show_shelf, None, [shelf, learn], **AT_ONCE)
        shown_there.then(look_over, None, findings, **READ).then(keep_in_browser, remember, remembered, **AT_ONCE)

    changes = [brought.then(lambda: None, None, files, **AT_ONCE), removed]
    if owner or on_space:
        at_the_hub = {**READ, "show_progress": "minimal"}
        push.click(share_on_hub, [repo, public, told], pushed, **at_the_hub)
        keep.click(keep_there, dataset, dataset_said, **at_the_hub)
        changes.append(fetch.click(fetch_from_there, dataset, None, **at_the_hub))
    for change in changes:
        follow_up(change)
    demo = gr.context.Context.root_block
    restored = demo.load(restore, remembered, [remember, *shown], **READ)
    restored.then(show_shelf, None, [shelf, learn], **AT_ONCE).then(look_over, None, findings, **READ)
    demo.unload(leave_with(workshop))
    return Shelf(workshop, follow_up)


def said_there(url: str) -> str:
    link = f'<a href="{html.escape(url, quote=True)}" target="_blank" rel="noopener">{html.escape(url)}</a>'
    return f'<p role="status">{both("mine.pushed")} {link}</p>'


def leave_with(workshop: Workshop) -> Any:
    """What clears a desk when its tab is closed."""

    def leave(request: gr.Request) -> None:
        workshop.leave(request.session_hash)

    return leave


def shelf_value(pictures: Sequence[Loved]) -> list[dict[str, Any]]:
    return [
        {"name": inert(html.escape(one.name)), "file": FileData(path=str(one.file)).model_dump()} for one in pictures
    ]


def findings_html(collection: "Collection | None") -> str:
    """What is to be said of a collection, as HTML."""
    if collection is None:
        return ""
    items = []
    for finding in collection.findings:
        names = ", ".join(finding.names[:4]) + (" …" if len(finding.names) > 4 else "")
        groups = " | ".join(", ".join(collection.names[n] for n in group) for group in collection.groups)
        items.append(f"<li>{both(f'finding.{finding.kind}', names=names, groups=groups)}</li>")
    return f"<ul>{''.join(items)}</ul>" if items else ""


def moment_html(moment: Moment) -> str:
    """How far a style has come: a line, a bar, and the curve."""
    total = moment.worked + moment.left
    words = both("mine.progress", step=moment.step, seconds=math.ceil(moment.left))
    return progress_line(words, round(100 * moment.worked), math.ceil(100 * total) + 1) + curve_svg(moment.curve)


def curve_svg(curve: Sequence[float], width: int = 480, height: int = 90, window: int = 8) -> str:
    """Distance from the pictures step by step as a line, each point the mean of some steps, since crops differ."""
    means = [
        sum(curve[max(0, n - window) : n + 1]) / len(curve[max(0, n - window) : n + 1]) for n in range(len(curve))
    ]
    if len(means) < 2:
        return ""
    top, low = max(means), min(means)
    points = " ".join(
        f"{n * width / (len(means) - 1):.1f},{4 + (top - value) * (height - 8) / ((top - low) or 1):.1f}"
        for n, value in enumerate(means)
    )
    return (
        f'<figure class="curve"><svg viewBox="0 0 {width} {height}" preserveAspectRatio="none" aria-hidden="true">'
        f'<polyline points="{points}" fill="none" vector-effect="non-scaling-stroke"/></svg>'
        f"<figcaption>{both('mine.curve')}</figcaption></figure>"
    )


def style_file(workshop: Workshop, desk: Desk, name: str) -> Path:
    """The style on a desk as a file, under a name."""
    from hfstyle.hub import wrong_name

    if wrong_name(name):
        raise StudioError("error.style_name")
    if desk.style.name != name:
        desk.bank.rename_style(desk.style.name, name)
        desk.style = dataclasses.replace(desk.style, name=name)
    path = workshop.painter.new_folder(desk.folder) / f"{name}.safetensors"
    desk.style.save(path)
    return path


def kept_value(desk: Desk, pictures_too: bool) -> dict[str, Any]:
    """What the browser keeps: the finished style and, if the visitor wants it, the pictures."""
    # Never empty: Gradio does not write what is falsy, so what was deleted would stay in the browser.
    kept: dict[str, Any] = {"version": 1}
    if desk.style is not None:
        file = desk.folder / "kept.safetensors"
        desk.style.save(file)
        kept["style"] = base64.b64encode(file.read_bytes()).decode()
        file.unlink()
    if pictures_too and desk.pictures:
        kept["pictures"] = [[one.name, base64.b64encode(_smaller(one.file)).decode()] for one in desk.pictures]
    return kept


async def take_back(workshop: Workshop, session: str, kept: Any) -> None:
    """Put on a desk what a browser kept, which may be anything."""
    from hfstyle.training.collection import MOST

    if not isinstance(kept, dict):
        return
    pictures = kept.get("pictures")
    if isinstance(pictures, list):
        good = [(_bytes(data), name) for name, data in (one for one in pictures[:MOST] if _is_pair(one))]
        await workshop.collect(session, [(data, name) for data, name in good if data])
    if data := _bytes(kept.get("style")):
        await workshop.adopt(session, data)


def _is_pair(one: Any) -> bool:
    return isinstance(one, list) and len(one) == 2 and all(isinstance(part, str) for part in one)


def _bytes(data: Any) -> bytes | None:
    try:
        return base64.b64decode(data, validate=True) if isinstance(data, str) and len(data) < 2**20 else None
    except ValueError:
        return None


def _smaller(file: Path) -> bytes:
    """A picture of some 40 kB: browsers keep five megabytes in all."""
    from PIL import Image

    with Image.open(file) as picture:
        picture.thumbnail((480, 480), Image.Resampling.LANCZOS)
        out = io.BytesIO()
        picture.save(out, "JPEG", quality=80)
    return out.getvalue()
