"""From an uploaded file to the files of its painting, off the event loop, one at a time, stoppable at any moment.

torch and the models are imported when they are first needed, so that the page is there long before they are.
"""

import asyncio
import contextlib
import io
import logging
import os
import re
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from hfstyle.assets import ASSETS, BANK, IMAGINE, bank_styles, bundled_styles, model_of
from hfstyle.studio.text import StudioError

if TYPE_CHECKING:
    from PIL import Image

    from hfstyle.evaluation.culture import Step
    from hfstyle.hub import PreTrainedModel
    from hfstyle.image_to_image import ImageToImageModel
    from hfstyle.styles import StylePainter
    from hfstyle.stylize import Blend

T = TypeVar("T")

logger = logging.getLogger(__name__)

EXAMPLES = ASSETS / "examples"

SHOWN_BY_BROWSERS = frozenset((".jpg", ".jpeg", ".jfif", ".png", ".webp", ".gif", ".bmp", ".avif"))

PREVIEW_SIDE = 2048
"""Longest side, in pixels, of what the page shows; the download always has the photo's full size."""
IMAGINED_SIDE = 256
MAX_CARD_BYTES = 2**18
MAX_GUEST_BYTES = 2**28
"""Of the weights of a model of the Hub; those of the largest architecture here have 218 MB."""
MAX_NAME = 200
"""Characters of the name of a model on the Hub, and perhaps its style."""
MOST_GUESTS = 50
"""Models of the Hub that are known by their names; of more, those are forgotten that were loaded first."""
FRAME_SIDE = 256
"""Of what a camera sees."""
SKETCH_SIDE = 512
"""Longest side, in pixels, of paintings that are looked at beside each other."""


@dataclass(frozen=True)
class Painting:
    """What one run leaves on disk, and the sizes (width, height) that the page tells about."""

    full: Path
    """The painting as PNG, of the photo's size."""
    photo_preview: Path
    painting_preview: Path
    size: tuple[int, int]
    stylized_size: tuple[int, int]
    """Smaller than `size` where the photo was too large for the network."""


@dataclass(frozen=True)
class Sketch:
    """A small picture, for the page alone."""

    file: Path
    size: tuple[int, int]


class Stopped(Exception):
    """The visitor asked to stop, or left."""


class Painter:
    """Paints photos with the bundled styles.

    Args:
        folder: Where files are written, each run in a folder of its own with a name that cannot be guessed.
        keep: How many models stay in memory, the most recently used ones.
    """

    def __init__(self, folder: Path, keep: int = 3):
        self.folder = folder
        self.keep = keep
        self._models: OrderedDict[str, PreTrainedModel] = OrderedDict()
        self._guests: OrderedDict[str, str | bool | None] = (
            OrderedDict()
        )  # models of the Hub, with the tokens for them
        self._paces: dict[str, float] = {}  # seconds for a pixel, of each model when it was last used
        # One thread, since one forward pass already uses every core.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="hfstyle-painter")
        # Reading must not wait for painting; one at a time, since a photo can take 360 MB.
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="hfstyle-reader")
        # Nor may anybody wait for the Hub.
        self._fetcher = ThreadPoolExecutor(1, thread_name_prefix="hfstyle-fetcher")
        self._closed = threading.Event()
        self._painting = 0

    @property
    def busy(self) -> bool:
        """Whether somebody waits for a painting."""
        return self._painting > 0

    def warm_up(self, style: str) -> None:
        """Import torch, load a style and run it once, in the background, so that the first visitor need not wait."""
        self._thread.submit(self._warm_up, style)

    def close(self) -> None:
        """Stop what is being painted and take on nothing more."""
        self._closed.set()
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._reader.shutdown(wait=False, cancel_futures=True)
        self._fetcher.shutdown(wait=False, cancel_futures=True)

    async def receive(self, photo: str | Path) -> Path:
        """Look at an upload before anybody asks for its painting, so that a bad file gets its words at once.

        Returns:
            The file itself or, where browsers cannot show its kind (HEIC, TIFF), a copy as PNG.

        Raises:
            ImageError: The file is not a photo that can be read.
        """
        return await asyncio.wrap_future(self._reader.submit(self._receive, Path(photo)))

    async def shrink(self, photo: str | Path) -> Sketch:
        """A small copy of an upload, for `sketch`.

        Raises:
            HfstyleError: The file is not a photo that can be read.
        """
        _check_there(photo)
        return await asyncio.wrap_future(self._reader.submit(self._shrink, Path(photo)))

    async def locate(self, photo: Path, painting: Path, tradition: str) -> "list[Step] | None":
        """Where a painting lies between its photo and a tradition with a bundled profile, measure by measure.

        None where the packages that measure pictures are not installed.
        """
        _check_there(photo)
        return await asyncio.wrap_future(self._reader.submit(self._locate, photo, painting, tradition))

    def seconds(self, style: str, size: tuple[int, int]) -> float | None:
        """How long a painting of this size (width, height) takes, None where that network has not painted yet."""
        pace = self._paces.get(self._split(style)[0])
        return pace and pace * size[0] * size[1]

    async def paint(
        self,
        photo: str | Path,
        style: "Blend | StylePainter",
        strength: float,
        preserve_color: bool,
        previews: bool = True,
        on_progress: Callable[[float], None] = lambda fraction: None,
    ) -> Painting:
        """Paint one photo. Cancelling the awaiting task stops the network at its next layer.

        Args:
            photo: Path of the uploaded file, read by `hfstyle.images.read_image` and by nothing else.
            style: Name of a bundled style, or weights of the bundled bank's styles by their names in it; nothing else
                is ever loaded. Or what paints in a style that was learnt here.
            strength: 0 to 1, see `stylize`.
            preserve_color: See `stylize`.
            previews: Also write pictures for the page.
            on_progress: Called in the event loop with the fraction that is done.

        Raises:
            HfstyleError: In one sentence, what is wrong with the photo or the options.
        """
        self._check_known(style)
        _check_there(photo)
        return await self._in_thread(
            self._paint, Path(photo), style, strength, preserve_color, previews, on_progress=on_progress
        )

    async def sketch(self, photo: str | Path, style: "Blend | StylePainter", strength: float = 1.0) -> Sketch:
        """Paint what `shrink` made, for the page alone. Can be cancelled like `paint`.

        Args:
            photo: Path of the small photo.
            style: As for `paint`.

        Raises:
            HfstyleError: In one sentence, what is wrong with the photo or the weights.
        """
        self._check_known(style)
        _check_there(photo)
        return await self._in_thread(self._sketch, Path(photo), style, strength)

    async def paint_image(self, photo: "Image.Image", style: str) -> "Image.Image":
        """Paint a picture that was read already, in its turn. See `paint`."""
        self._check_known(style)
        return await self._in_thread(self._stylize, photo, style)

    async def frame(self, picture: bytes, style: str, strength: float) -> bytes:
        """Paint what a camera sees: a JPEG of up to `FRAME_SIDE` pixels, from memory to memory.

        Raises:
            HfstyleError: In one sentence, what is wrong with the picture or the style.
        """
        self._check_known(style)
        return await self._in_thread(self._frame, picture, style, strength)

    async def invite(self, name: str, token: str | bool | None) -> str:
        """Load a model, or a style, from the Hub. From then on `paint` and `sketch` know it by its name.

        Args:
            name: `owner/name`, or `owner/name:style` of a bank.
            token: See `PreTrainedModel.from_pretrained`; False for what everybody may see.

        Returns:
            Its card, as Markdown; empty where it has none.

        Raises:
            HfstyleError: In one sentence, why it cannot be had.
        """
        model = await asyncio.wrap_future(self._fetcher.submit(_fetch, name, token))
        card = await asyncio.wrap_future(self._fetcher.submit(_card, name, token))
        self._guests[name] = token
        self._guests.move_to_end(name)
        while len(self._guests) > MOST_GUESTS:
            self._guests.popitem(last=False)
        await asyncio.wrap_future(self._thread.submit(self._keep, name, model))
        return card

    def invited(self, name: str) -> bool:
        """Whether it is a model of the Hub that `paint` and `sketch` know."""
        return name in self._guests

    async def imagine(self, seed: int, towards: int | None, number: int) -> list[Path]:
        """Pictures that the bundled DCGAN makes of a seed, or on the way to another. Can be cancelled like `paint`."""
        return await self._in_thread(self._imagine, seed, towards, number)

    async def _in_thread(
        self, work: Callable[..., T], *arguments: Any, on_progress: Callable[[float], None] = lambda fraction: None
    ) -> T:
        """Call `work` with a `_Run` and the arguments, until the awaiting task is cancelled."""
        run = _Run(self._closed)
        self._painting += 1
        waiting = asyncio.wrap_future(self._thread.submit(work, run, *arguments))
        try:
            while not (await asyncio.wait([waiting], timeout=0.1))[0]:
                on_progress(run.fraction)
            return waiting.result()
        finally:
            self._painting -= 1
            run.stopped.set()
            waiting.cancel()

    def _receive(self, photo: Path) -> Path:
        from hfstyle.images import read_image

        image = read_image(photo)
        if photo.suffix.lower() in SHOWN_BY_BROWSERS:
            return photo
        copy = self.new_folder() / f"{photo.stem[:60] or 'photo'}.png"
        image.save(copy, "PNG", compress_level=2)
        return copy

    def _shrink(self, photo: Path) -> Sketch:
        from PIL import Image

        from hfstyle.images import read_image

        image = read_image(photo)
        image.thumbnail((SKETCH_SIDE, SKETCH_SIDE), Image.Resampling.LANCZOS, reducing_gap=3)
        # Without loss, since a network sees it.
        file = self.new_folder() / "photo.png"
        image.save(file, "PNG", compress_level=2)
        return Sketch(file, image.size)

    def _locate(self, photo: Path, painting: Path, tradition: str) -> "list[Step] | None":
        from hfstyle.errors import MissingExtraError
        from hfstyle.evaluation.culture import Profile, bundled_profile, distance
        from hfstyle.images import read_image

        try:
            there, here = (Profile.of(path.name, [read_image(path)]) for path in (photo, painting))
        except MissingExtraError:
            return None
        return distance(there, here, bundled_profile(tradition))

    def new_folder(self, parent: Path | None = None) -> Path:
        """A folder whose name cannot be guessed."""
        folder = (parent or self.folder) / secrets.token_hex(16)
        folder.mkdir(parents=True)
        return folder

    def _paint(
        self,
        run: "_Run",
        photo: Path,
        style: "Blend | StylePainter",
        strength: float,
        preserve_color: bool,
        previews: bool,
    ) -> Painting:
        from hfstyle.images import read_image

        run.check()
        image = read_image(photo)
        painting = self._stylize(run, image, style, strength=strength, preserve_color=preserve_color)
        folder = self.new_folder()
        named = style.style if _was_learnt(style) else style
        name = re.sub("[:/]", "-", named) if isinstance(named, str) else "+".join(named)
        full = folder / f"{photo.stem[:60] or 'photo'}-{name}.png"
        # Pillow's default, 6, takes three times as long and makes a painting no smaller.
        painting.save(full, "PNG", compress_level=2)
        return Painting(
            full=full,
            photo_preview=_preview(image, folder / "photo") if previews else full,
            painting_preview=_preview(painting, folder / "painting") if previews else full,
            size=painting.size,
            stylized_size=painting.info.get("stylized_size", painting.size),
        )

    def _imagine(self, run: "_Run", seed: int, towards: int | None, number: int) -> list[Path]:
        from PIL import Image

        run.check()
        model = self._load(IMAGINE)
        with run.watch(model):
            pictures = model.generate(number, seed) if towards is None else model.interpolate(seed, towards, number)
        folder = self.new_folder()
        files = [folder / f"{n}.png" for n in range(number)]
        for picture, file in zip(pictures, files, strict=True):
            # They are of 64 pixels; larger, they can be looked at, and learnt from.
            side = max(IMAGINED_SIDE, *picture.size)
            picture.resize((side, side), Image.Resampling.LANCZOS).save(file, "PNG", compress_level=2)
        return files

    def _sketch(self, run: "_Run", photo: Path, style: "Blend | StylePainter", strength: float) -> Sketch:
        from hfstyle.images import read_image

        run.check()
        painting = self._stylize(run, read_image(photo), style, strength=strength)
        return Sketch(_preview(painting, self.new_folder() / "sketch"), painting.size)

    def _frame(self, run: "_Run", picture: bytes, style: str, strength: float) -> bytes:
        from hfstyle.images import read_image

        run.check()
        photo = read_image(picture).convert("RGB")
        photo.thumbnail((FRAME_SIDE, FRAME_SIDE))
        out = io.BytesIO()
        self._stylize(run, photo, style, strength=strength).save(out, "JPEG", quality=90)
        return out.getvalue()

    def _stylize(
        self, run: "_Run", photo: "Image.Image", style: "Blend | StylePainter", **options: Any
    ) -> "Image.Image":
        """`stylize` with the model of a style, for as long as it is wanted."""
        model = self._model(style)
        start = time.perf_counter()
        with run.watch(model):
            painting = model.stylize(photo, **options)
        run.check()
        width, height = painting.info.get("stylized_size", painting.size)
        self._paces[self._split(style)[0]] = (time.perf_counter() - start) / (width * height)
        return painting

    def _model(self, style: "Blend | StylePainter") -> "ImageToImageModel | StylePainter":
        """What paints in a style or blend. Only ever called in the one thread, so it needs no lock."""
        if _was_learnt(style):
            return style
        name, inner = self._split(style)
        model = self._load(name)
        return model if inner is None else model.painter(inner)

    def _split(self, style: "Blend | StylePainter") -> "tuple[str, Blend | None]":
        """The model that paints a style or blend, and what the bank is asked for."""
        if _was_learnt(style):
            return BANK, None
        if isinstance(style, str) and style in self._guests:
            return style, None
        return model_of(style) if isinstance(style, str) else (BANK, style)

    def _check_known(self, style: "Blend | StylePainter") -> None:
        if _was_learnt(style):
            return
        known = {*bank_styles()}
        if not isinstance(style, Mapping):  # `bank:NAME` whether or not a model has the name
            known = {*bundled_styles(), *(f"{BANK}:{name}" for name in known), *self._guests}
        if not known.issuperset([style] if isinstance(style, str) else style):
            raise StudioError("error.unknown_style")

    def _load(self, name: str) -> Any:
        """A bundled model, or one of the Hub that was invited."""
        from hfstyle.auto import bundled_model

        if name in self._models:
            self._models.move_to_end(name)
        else:
            guest = name in self._guests
            self._keep(name, _fetch(name, self._guests[name], again=True) if guest else bundled_model(name))
        return self._models[name]

    def _keep(self, name: str, model: Any) -> None:
        self._models[name] = model
        self._models.move_to_end(name)
        while len(self._models) > self.keep:
            self._models.popitem(last=False)

    def _warm_up(self, style: str) -> None:
        from PIL import Image

        try:
            for _ in range(2):  # the first time is not how long it takes
                self._stylize(_Run(self._closed), Image.new("RGB", (256, 256)), style)
        except Stopped:
            pass
        except Exception:
            # The first visitor gets the error in words; here it must only not end the thread.
            logger.exception("the style %s could not be loaded", style)


class _Run:
    """The thread's side of one call of `Painter.paint`: how far it is, and whether it is still wanted."""

    def __init__(self, closed: threading.Event) -> None:
        self.closed = closed
        self.stopped = threading.Event()
        self.fraction = 0.0

    def check(self) -> None:
        if self.stopped.is_set() or self.closed.is_set():
            raise Stopped

    @contextlib.contextmanager
    def watch(self, model: "ImageToImageModel | StylePainter") -> Iterator[None]:
        """Look, before every layer of the network, whether to go on: Python cannot interrupt a thread from outside."""
        layers = [module for module in model.modules() if not any(module.children())]
        passed = 0

        def before_layer(*_: object) -> None:
            nonlocal passed
            self.check()
            self.fraction = min(passed / len(layers), 0.99)
            passed += 1

        hooks = [layer.register_forward_pre_hook(before_layer) for layer in layers]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()


def _was_learnt(style: "Blend | StylePainter") -> bool:
    """Whether a style is none that is bundled, but what paints in it."""
    return hasattr(style, "stylize")


def _fetch(name: str, token: str | bool | None, again: bool = False) -> "ImageToImageModel | StylePainter":
    """A model of the Hub.

    Args:
        again: It was here before: the Hub need not be asked.
    """
    from hfstyle.auto import hub_painter
    from hfstyle.errors import ModelNotFoundError
    from hfstyle.repo import WEIGHTS_NAME, ModelFiles

    repo_id, _, _ = name.partition(":")
    check_repo_id(repo_id)
    # What lies on this machine is not for everybody who can see the page.
    if os.path.exists(repo_id) or len(name) > MAX_NAME:
        raise StudioError("error.hub_name", name=f"{name!r:.100}")
    options = {"token": token, "local_files_only": again}
    files = ModelFiles(repo_id, **options)
    with contextlib.suppress(ModelNotFoundError):  # it may be a style alone, whose file is small
        files.path(WEIGHTS_NAME, MAX_GUEST_BYTES, lambda _: StudioError("error.too_large"))
        options["revision"] = files.download_options["revision"]  # and nothing that is pushed meanwhile
    return hub_painter(name, **options)


def _card(name: str, token: str | bool | None) -> str:
    """The card of a model of the Hub without the front matter; empty where it has none."""
    from hfstyle.errors import HfstyleError
    from hfstyle.repo import ModelFiles

    files = ModelFiles(name.partition(":")[0], token=token)
    try:
        card = files.path("README.md", MAX_CARD_BYTES).read_text("utf-8", "replace")
    except HfstyleError:
        return ""
    return re.sub(r"\A---\n.*?\n---\n", "", card, flags=re.DOTALL)


def check_repo_id(name: str) -> None:
    """
    Raises:
        StudioError: Nothing on the Hub can have this name.
    """
    from hfstyle.repo import REPO_ID

    if not REPO_ID.fullmatch(name):
        raise StudioError("error.hub_name", name=f"{name!r:.100}")


def _check_there(photo: str | Path) -> None:
    if not Path(photo).exists():
        raise StudioError("error.expired")


def _preview(image: "Image.Image", path: Path) -> Path:
    """A copy that every browser can show, at most `PREVIEW_SIDE` wide and high."""
    from PIL import Image

    if max(image.size) > PREVIEW_SIDE:
        image = image.copy()
        image.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE), Image.Resampling.LANCZOS, reducing_gap=3)
    if image.mode == "RGB":
        path = path.with_suffix(".jpg")
        image.save(path, "JPEG", quality=92, subsampling=0)
    else:
        path = path.with_suffix(".webp")
        image.save(path, "WEBP", quality=90, method=2)
    return path
