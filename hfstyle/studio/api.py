"""What programs call: each page's function as an endpoint, for `gradio_client`, plain HTTP and, as tools, for MCP.

Gradio reads the docstrings: their first lines, and a line for each argument.
"""

import asyncio
import contextlib
import dataclasses
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import gradio as gr

from hfstyle.assets import IMAGINE, bundled_models, bundled_styles, model_of
from hfstyle.errors import OptionError
from hfstyle.evaluation.votes import to_csv
from hfstyle.studio.compare import Booth, judged_traditions, without_others
from hfstyle.studio.components import QUEUE, READING, PhotoInput, PicturesInput, hub_token, log_if_ours
from hfstyle.studio.imagine import MOST_SEED
from hfstyle.studio.measure import MEASURING, PHOTOS, Measured, Measurer
from hfstyle.studio.mine import LEARN
from hfstyle.studio.painter import Painter
from hfstyle.studio.stylise import LOADING, default_style
from hfstyle.studio.text import StudioError, error_sentence, style_names
from hfstyle.studio.tradition import tradition_of
from hfstyle.studio.workshop import NAME, SECONDS, Workshop
from hfstyle.stylize import read_blend
from hfstyle.traditions import tradition as described
from hfstyle.traditions import traditions

if TYPE_CHECKING:
    from hfstyle.styles import StylePainter

LEAST_SECONDS = 5
MOST_PICTURES = 16
"""Of `imagine`, at once."""


def build(painter: Painter, workshop: Workshop, measurer: Measurer, booth: Booth, owner: bool = False) -> None:
    """Add the endpoints to the `gr.Blocks` that is being built.

    Args:
        owner: See `mine.build`.
    """

    async def stylize(photo: str | None, style: str, strength: float, preserve_color: bool) -> str:
        """Turn a photo into a painting of the same size, a PNG with transparency where the photo has it. Photo and
        painting are deleted within the hour.

        Args:
            photo: The photo (JPEG, PNG, WebP, TIFF, GIF, BMP, AVIF).
            style: A name that `styles` lists, a blend such as ukiyoe=.6,monet=.4 of styles of the bank, or a model
                of the Hub that `load_model` has loaded.
            strength: 0 gives the photo back, 1 the painting, between them a blend.
            preserve_color: Keep the photo's colours.
        """
        with _one_sentence(photo):
            return await paint(photo, read_blend(style or ""), strength, preserve_color)

    async def live(photo: str | None, style: str, strength: float) -> str:
        """Paint one frame of a camera at 256 pixels, as the page Live does it. Who paints many posts them as JPEG to
        gradio_api/live?style=monet&strength=100, which keeps no file.

        Args:
            photo: The frame.
            style: A name that `styles` lists, or a model of the Hub that `load_model` has loaded.
            strength: 0 gives the frame back, 1 the painting, between them a blend.
        """
        with _one_sentence(photo):
            _there(photo)
            _check_number("strength", strength)
            painting = await painter.frame(await asyncio.to_thread(Path(photo).read_bytes), style or "", strength)
            file = painter.new_folder() / "live.jpg"
            file.write_bytes(painting)
            return str(file)

    # No name that only type checkers know may be among the hints: Gradio would not find the request.
    async def load_model(name: str, request: gr.Request) -> str:
        """Load a model, or a style, from the Hugging Face Hub; `stylize`, `live`, `measure` and `pair` know it by its
        name from then on. Returns its card (Markdown, written by a stranger).

        Args:
            name: owner/name, or owner/name:style of a bank.
        """
        with _one_sentence(None):
            return await painter.invite((name or "").strip(), hub_token(owner, request))

    async def stylize_with_file(
        photo: str | None, style_file: str | None, strength: float, preserve_color: bool
    ) -> str:
        """Turn a photo into a painting as `stylize` does, in a style of one's own.

        Args:
            photo: The photo (JPEG, PNG, WebP, TIFF, GIF, BMP, AVIF).
            style_file: What `learn_style` made (.safetensors).
            strength: 0 gives the photo back, 1 the painting, between them a blend.
            preserve_color: Keep the photo's colours.
        """
        with _one_sentence(photo):
            if not style_file:
                raise OptionError("there is no style file; learn_style makes one")
            return await paint(photo, await _opened(style_file), strength, preserve_color)

    async def paint(photo: str | None, style: Any, strength: float, preserve_color: bool) -> str:
        _there(photo)
        _check_number("strength", strength)
        return str((await painter.paint(photo, style, strength, bool(preserve_color), previews=False)).full)

    async def sheet(photo: str | None, progress: gr.Progress = gr.Progress()) -> str:  # noqa: B008 - Gradio's way
        """Paint a photo in every style that is here, side by side on one labelled sheet (PNG).

        Args:
            photo: The photo.
        """
        with _one_sentence(photo):
            _there(photo)
            small = await painter.shrink(photo)
            paintings = []
            for style in progress.tqdm(bundled_styles(), unit="styles"):
                paintings.append((style_names(style)["en"], (await painter.sketch(small.file, style)).file))
            return str(await asyncio.to_thread(_sheet, painter, [("Photo", small.file), *paintings]))

    def styles() -> list[dict[str, str]]:
        """The styles that are here: name, title, and the tradition that each has learnt from."""
        return [_told(style) for style in bundled_styles()]

    async def distance(photo: str | None, painting: str | None, tradition: str) -> list[dict[str, Any]]:
        """Say where a painting lies between its photo and a tradition, measure by measure: a share of 0 is at the
        photo, 1 at the tradition.

        Args:
            photo: The photo.
            painting: What was made of it.
            tradition: The name of a tradition that `styles` names.
        """
        with _one_sentence(photo):
            _there(photo)
            _there(painting)
            if tradition not in traditions():
                _no_tradition(tradition, traditions())
            steps = await painter.locate(Path(photo), Path(painting), tradition)
            return [dataclasses.asdict(step) for step in steps or ()]

    async def learn_style(
        pictures: list[str] | None,
        seconds: float,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 - Gradio's way
    ) -> str:
        """Learn a style from pictures that somebody loves. Returns a file of some kilobytes, for `stylize` and every
        hfstyle; the pictures are deleted at once.

        Args:
            pictures: 1 to 30 picture files, each of which can be read.
            seconds: How long to learn, 5 to 60.
        """
        with _one_sentence(None):
            _check_number("seconds", seconds, LEAST_SECONDS, SECONDS)
            session = secrets.token_hex(16)
            try:
                wrong = await workshop.collect(session, [(file, Path(file).name) for file in pictures or []])
                for name, error in wrong:
                    raise gr.Error(error_sentence(error, name), print_exception=False)
                async for moment in workshop.learn(session, None, seconds):
                    progress(moment.worked / (moment.worked + moment.left or 1))
                file = painter.new_folder() / f"{NAME}.safetensors"
                await asyncio.to_thread(workshop.desk(session).style.save, file)
                return str(file)
            finally:
                workshop.leave(session)

    async def measure(
        style: str,
        photos: list[str] | None,
        paintings: list[str] | None,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 - Gradio's way
    ) -> tuple[dict[str, Any], str]:
        """Judge a style by photos that it paints and paintings of its tradition. Returns the figures (KID, FID,
        content, profile) and a report in one HTML file.

        Args:
            style: A name that `styles` lists.
            photos: At least ten photos; none: twelve that come with the studio.
            paintings: At least ten paintings of the tradition; with fifty the figures mean something.
        """
        with _one_sentence(None):
            async for found in measurer.measure(style, photos or PHOTOS, paintings or []):
                if isinstance(found, Measured):
                    return found.judgement.to_dict(), str(found.report)
                progress(found)
            raise RuntimeError("nothing was measured")

    async def pair(tradition: str, voter: str, model: str) -> tuple[dict[str, str], str, str, str]:
        """Show one photo as two painted it, or one of them left it, to be judged: which looks more like the
        tradition, and which keeps more of the photo? Returns the ballot, the tradition and the voter; then the photo,
        the left and the right painting.

        Args:
            tradition: One of those that `styles` names; empty for that of which least is known.
            voter: Who is asked, as an earlier answer named it; empty for somebody new. Nobody gets a pair twice.
            model: A model of the Hub that `load_model` has loaded, to be compared in this tradition; empty for none.
        """
        with _one_sentence(None):
            tradition, model = (tradition or "").strip(), (model or "").strip()
            if model and not painter.invited(model):
                raise OptionError(f"{model!r:.100} is not loaded; load_model does it")
            if (tradition or model) and tradition not in judged_traditions():
                _no_tradition(tradition, judged_traditions())
            voter = booth.voter(voter)
            shown = await booth.ask(voter, tradition, {model: tradition} if model else {})
            if shown is None:
                raise StudioError("compare.all_done")
            told = {"ballot": shown.ballot, "tradition": shown.tradition, "voter": voter}
            return told, str(shown.photo), str(shown.left), str(shown.right)

    async def vote(ballot: str, style: str, content: str) -> dict[str, Any]:
        """Judge the two paintings that `pair` showed. Returns the voter, and how many votes that voter has given.

        Args:
            ballot: As `pair` named it.
            style: Which looks more like the tradition: left, right or tie.
            content: Which keeps more of the photo: left, right or tie.
        """
        with _one_sentence(None):
            voter = await booth.answer(ballot, style=style, content=content)
            return {"voter": voter, "votes": await asyncio.to_thread(booth.votes.count, voter)}

    async def ranking() -> tuple[dict[str, Any], str]:
        """What people found who compared paintings: for each tradition and question the models by their strengths
        (Bradley-Terry, with bootstrap intervals), and how far people agree. Also returns the votes as CSV."""
        with _one_sentence(None):
            votes = without_others(await asyncio.to_thread(booth.votes.votes), ())
            file = painter.new_folder() / "votes.csv"
            file.write_text(to_csv(votes), encoding="utf-8")
            return await asyncio.to_thread(booth.summary), str(file)

    async def imagine(seed: float, number: float, towards: float) -> list[str]:
        """Draw pictures out of nothing but chance.

        Args:
            seed: Whole number; the same seed draws the same pictures.
            number: How many pictures, 1 to 16.
            towards: Another seed, to draw the pictures on the way to it; -1 for none.
        """
        with _one_sentence(None):
            _check_number("number", number, 1, MOST_PICTURES)
            _check_number("seed", seed, 0, MOST_SEED)
            _check_number("towards", towards, -1, MOST_SEED)
            last = None if towards < 0 else int(towards)
            return [str(file) for file in await painter.imagine(int(seed), last, int(number))]

    with gr.Column(visible=False):
        _offer(
            stylize,
            [
                PhotoInput(label="photo"),
                gr.Textbox(default_style(), label="style"),
                gr.Number(1.0, label="strength"),
                gr.Checkbox(False, label="preserve_color"),
            ],
            gr.Image(format="png", type="filepath", label="painting"),
            **QUEUE,
        )
        _offer(
            stylize_with_file,
            [
                PhotoInput(label="photo"),
                PicturesInput(label="style_file"),
                gr.Number(1.0, label="strength"),
                gr.Checkbox(False, label="preserve_color"),
            ],
            gr.Image(format="png", type="filepath", label="painting"),
            **QUEUE,
        )
        _offer(
            live,
            [PhotoInput(label="photo"), gr.Textbox(default_style(), label="style"), gr.Number(1.0, label="strength")],
            gr.Image(type="filepath", label="painting"),
            **QUEUE,
        )
        _offer(
            load_model, [gr.Textbox(label="name")], gr.Textbox(label="card"), concurrency_id=LOADING["concurrency_id"]
        )
        _offer(sheet, [PhotoInput(label="photo")], gr.Image(format="png", type="filepath", label="sheet"), **QUEUE)
        _offer(styles, None, gr.JSON(label="styles"), queue=False)
        _offer(
            distance,
            [PhotoInput(label="photo"), PhotoInput(label="painting"), gr.Textbox(label="tradition")],
            gr.JSON(label="measures"),
            concurrency_id=READING["concurrency_id"],
        )
        _offer(
            learn_style,
            [PicturesInput(file_count="multiple", label="pictures"), gr.Number(SECONDS, label="seconds")],
            gr.File(label="style"),
            **LEARN,
        )
        _offer(
            measure,
            [
                gr.Textbox(default_style(), label="style"),
                PicturesInput(file_count="multiple", label="photos"),
                PicturesInput(file_count="multiple", label="paintings"),
            ],
            [gr.JSON(label="figures"), gr.File(label="report")],
            **MEASURING,
        )
        _offer(
            pair,
            [gr.Textbox(label="tradition"), gr.Textbox(label="voter"), gr.Textbox(label="model")],
            [gr.JSON(label="ballot"), *(gr.Image(type="filepath", label=side) for side in ("photo", "left", "right"))],
            **QUEUE,
        )
        _offer(
            vote,
            [gr.Textbox(label="ballot"), gr.Textbox(label="style"), gr.Textbox(label="content")],
            gr.JSON(label="votes"),
            queue=False,
        )
        _offer(ranking, None, [gr.JSON(label="ranking"), gr.File(label="votes")], concurrency_id="ranking")
        if IMAGINE in bundled_models():
            _offer(
                imagine,
                [gr.Number(0, label="seed"), gr.Number(1, label="number"), gr.Number(-1, label="towards")],
                gr.File(file_count="multiple", label="pictures"),
                **QUEUE,
            )


def _offer(function: Any, inputs: Any, outputs: Any, **options: Any) -> None:
    """`gr.api` would hand over a client's dictionary unchecked, and with it any path of this machine; a component
    checks that a file lies in the upload folder."""
    gr.Button().click(function, inputs, outputs, api_name=function.__name__, show_progress="hidden", **options)


@contextlib.contextmanager
def _one_sentence(file: str | None) -> Iterator[None]:
    """Errors as programs get them: one English sentence, without paths of the server."""
    try:
        yield
    except Exception as error:
        if isinstance(error, gr.Error):
            raise
        log_if_ours(error)
        raise gr.Error(error_sentence(error, file or ""), print_exception=False) from error


def _there(photo: str | None) -> None:
    if not photo:
        raise StudioError("error.no_photo")


def _no_tradition(name: str, known: list[str]) -> NoReturn:
    raise OptionError(f"there is no tradition {name!r:.60}; there are: {', '.join(known)}")


def _check_number(name: str, number: Any, least: float = 0, most: float = 1) -> None:
    if isinstance(number, bool) or not isinstance(number, (int, float)) or not least <= number <= most:
        raise OptionError(f"{name} must be a number between {least:g} and {most:g}, not {number!r:.40}")


def _told(style: str) -> dict[str, str]:
    tradition = tradition_of(style)
    told = {"name": style, "title": style_names(style)["en"], "model": model_of(style)[0]}
    return told | ({"tradition": tradition, "about": described(tradition).paragraphs["en"]} if tradition else {})


def _sheet(painter: Painter, cells: list[tuple[str, Path]]) -> Path:
    from hfstyle.images import labelled_sheet, read_image, save_image

    file = painter.new_folder() / "sheet.png"
    save_image(labelled_sheet([(title, read_image(path)) for title, path in cells]), file)
    return file


async def _opened(file: str) -> "StylePainter":
    """What paints in the style of a file."""

    def load() -> Any:
        from hfstyle.assets import BANK
        from hfstyle.auto import bundled_model, paints_in
        from hfstyle.styles import Style

        return paints_in(bundled_model(BANK), Style.load(file, "the style file"))

    return await asyncio.to_thread(load)
