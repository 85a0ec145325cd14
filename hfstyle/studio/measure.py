"""The page that measures a style: photos that it paints, against paintings, as `hfstyle evaluate` does."""

import asyncio
import contextlib
import html
import os
import shutil
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from hfstyle.assets import bundled_styles
from hfstyle.errors import DataError
from hfstyle.studio.compare import PHOTOS
from hfstyle.studio.components import (
    AT_ONCE,
    BARE,
    HIDDEN,
    STEP,
    PicturesInput,
    busy_scripts,
    hub_token,
    progress_line,
    refusal,
)
from hfstyle.studio.painter import MAX_NAME, Painter, Stopped
from hfstyle.studio.stylise import default_style
from hfstyle.studio.text import LANGUAGES, StudioError, both, label, style_names, style_title

if TYPE_CHECKING:
    from PIL import Image

    from hfstyle.evaluation.judge import Judgement
    from hfstyle.traditions import Language

MOST = 300
"""Pictures that are taken of each set."""
SIDE = 256
"""Short side of the photos, in pixels, when they are painted."""
INNER = 0.9
"""Part of the paintings that counts: scans have margins of paper."""
_SPOKEN = "(...inputs) => [...inputs.slice(0, -1), document.documentElement.lang]"
"""Puts the language of the page in the place of the last input."""
_TOO_FEW = {"photos": "error.few_photos", "paintings": "error.few_paintings"}
MEASURING = {"concurrency_id": "measuring", "concurrency_limit": 1}


@dataclass(frozen=True)
class Measured:
    """What came out, as files."""

    judgement: "Judgement"
    report: Path
    """The page that `hfstyle evaluate --html` writes."""


class Measurer:
    """Measures styles, one at a time.

    Args:
        painter: Paints the photos, each in turn with what visitors ask for.
    """

    def __init__(self, painter: Painter):
        self.painter = painter
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="hfstyle-measurer")

    async def measure(
        self,
        style: str,
        photos: Sequence[str | Path],
        paintings: Sequence[str | Path],
        language: "Language" = "en",
        title: str | None = None,
    ) -> AsyncIterator[tuple[int, int] | Measured]:
        """Yields how many photos are painted and how many there are, and at the end what came out.

        Args:
            style: Of those that the painter knows.
            photos, paintings: Files; at least ten of each that can be read.
            language: Of the report.
            title: What the report calls the style; else its name.

        Raises:
            HfstyleError: In one sentence, what is wrong with them.
        """
        loop, told, stopped = asyncio.get_running_loop(), asyncio.Queue(), threading.Event()
        folder = self.painter.new_folder()

        def tell(done: int) -> None:
            with contextlib.suppress(RuntimeError):  # the server has ended
                loop.call_soon_threadsafe(told.put_nowait, done)

        def made(photo: "Image.Image") -> "Image.Image":
            if stopped.is_set():
                raise Stopped
            painting = asyncio.run_coroutine_threadsafe(self.painter.paint_image(photo, style), loop).result()
            made.count += 1
            tell(made.count)
            return painting

        made.count = 0
        work = self._thread.submit(_measure, style, made, photos, paintings, folder, language, title)
        work.add_done_callback(lambda _: tell(-1))
        try:
            while (done := await told.get()) >= 0:
                yield done, min(len(photos), MOST)
            yield work.result()
        finally:
            stopped.set()
            work.cancel()


def _measure(
    style: str,
    made: Callable,
    photos: Sequence[str | Path],
    paintings: Sequence[str | Path],
    folder: Path,
    language: "Language",
    title: str | None,
) -> Measured:
    from hfstyle.data.pictures import open_pictures
    from hfstyle.evaluation.judge import FEWEST, judge
    from hfstyle.evaluation.report import write_report

    try:
        sets = [
            open_pictures(_gathered(files, folder / name), split=None, quiet=True, **options)
            for name, files, options in (
                ("photos", photos, {"short_side": SIDE}),
                ("paintings", paintings, {"inner_crop": INNER}),
            )
        ]
        for pictures, (name, too_few) in zip(sets, _TOO_FEW.items(), strict=True):
            pictures.files.where = f"the folder of {name}"  # and not a folder of this machine
            if len(pictures) < FEWEST:
                raise StudioError(too_few, count=len(pictures))
        judgement = judge(style, made, *sets, baselines=True, resamplings=300)
        write_report(judgement, folder / "report.html", language, title)
    except DataError as error:
        raise DataError(str(error).replace(f"{folder}{os.sep}", "the folder of ")) from error
    finally:
        for name in _TOO_FEW:
            shutil.rmtree(folder / name, ignore_errors=True)
    return Measured(judgement, folder / "report.html")


def _gathered(files: Sequence[str | Path], folder: Path) -> Path:
    """The files in one folder, under names that tell nothing and cannot meet."""
    if not files:
        raise StudioError(_TOO_FEW[folder.name], count=0)
    folder.mkdir()
    for n, file in enumerate(files[:MOST], 1):
        shutil.copyfile(file, folder / f"{n:03d}{Path(file).suffix.lower()}")
    return folder


def build(painter: Painter, owner: bool = False) -> Measurer:
    """Add the page to the `gr.Blocks` that is being built.

    Args:
        owner: See `mine.build`.
    """
    measurer = Measurer(painter)
    with gr.Column(elem_id="measure"):
        gr.HTML(f"<h2>{both('measure.title')}</h2><p>{both('measure.hint')}</p>", **STEP)
        with gr.Row():
            with gr.Column(scale=4, min_width=300):
                style = gr.Dropdown(
                    [(style_title(name), name) for name in bundled_styles()], value=default_style(),
                    label=label("style"), elem_id="measure-style",
                )  # fmt: skip
                model = gr.Textbox(
                    label=label("measure.model"),
                    placeholder="owner/name",
                    max_length=MAX_NAME,
                    elem_id="measure-model",
                )
                paintings = PicturesInput(
                    file_count="multiple", label=label("measure.paintings"), height=140, elem_id="measure-paintings"
                )
                photos = PicturesInput(
                    file_count="multiple", label=label("measure.photos"), height=140, elem_id="measure-photos"
                )
                begin = gr.Button(label("measure.begin"), variant="primary", elem_id="measure-begin")
                stop = gr.Button(label("stop"), visible=HIDDEN, elem_id="measure-stop")
            with gr.Column(scale=8, min_width=320):
                status = gr.HTML(elem_id="measure-status", **BARE)
                report = gr.HTML(visible=HIDDEN, elem_id="measure-report", **BARE)
                download = gr.DownloadButton(
                    label("measure.download"), visible=HIDDEN, size="md", elem_id="measure-download"
                )
                spoken = gr.Textbox(visible=HIDDEN)

    async def run(
        chosen: str,
        hub_model: str,
        own_photos: list[str] | None,
        given: list[str] | None,
        locale: str,
        request: gr.Request,
    ) -> AsyncIterator[dict[Any, Any]]:
        name = hub_model.strip() or chosen
        locale = locale if locale in LANGUAGES else "en"
        title = style_names(name)[locale]
        hidden = gr.update(visible=HIDDEN)
        yield {report: hidden, download: hidden, status: progress_line(both("measure.reading"), 0, 1)}
        try:
            if hub_model.strip():
                await painter.invite(name, hub_token(owner, request))
            async for found in measurer.measure(
                name, own_photos or PHOTOS, given or [], "zh" if locale == "zh-CN" else "en", title
            ):
                if isinstance(found, Measured):
                    break
                done, total = found
                words = both("measure.painted" if done < total else "measure.judging", done=done, total=total)
                yield {status: progress_line(words, done, total + 1)}
        except Stopped:
            return
        except Exception as error:
            raise refusal(error, None) from error
        yield {
            status: "",
            report: gr.update(value=report_html(found), visible=True),
            download: gr.update(value=str(found.report), visible=True),
        }

    begins, ends = busy_scripts("measuring")
    begin.click(lambda: progress_line(both("waiting"), 0, 1), None, status, **AT_ONCE)
    begun = begin.click(None, None, [begin, stop], js=begins, api_visibility="private")
    work = begun.then(
        run, [style, model, photos, paintings, spoken], [status, report, download], js=_SPOKEN,
        show_progress="hidden", api_visibility="private", **MEASURING,
    )  # fmt: skip
    for ended in (work.failure, work.success):
        ended(None, None, [begin, stop], js=ends, api_visibility="private")
        ended(lambda: "", None, status, **AT_ONCE)
    stop.click(None, cancels=work)
    return measurer


def report_html(found: Measured) -> str:
    """The report as a page within the page, which can do nothing."""
    page = html.escape(found.report.read_text("utf-8"), quote=True)
    return (
        f'<span class="for-readers" id="measure-named">{both("measure.report")}</span>'
        f'<iframe sandbox srcdoc="{page}" aria-labelledby="measure-named"></iframe>'
    )
