"""Where visitors learn styles of their own: each at a desk of their own, which is cleared when they leave.

torch is imported when the first picture is looked at, as in `painter`.
"""

import asyncio
import contextlib
import contextvars
import shutil
import threading
import time
from collections.abc import AsyncIterator, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hfstyle.assets import BANK
from hfstyle.errors import HfstyleError
from hfstyle.repo import STYLE_NAME, one_sentence
from hfstyle.studio.painter import EXAMPLES, Painter, Sketch, Stopped, check_repo_id
from hfstyle.studio.storage import MAX_AGE
from hfstyle.studio.text import StudioError
from hfstyle.studio.zero import on_gpu, on_zero

if TYPE_CHECKING:
    import torch
    from huggingface_hub import HfApi
    from PIL import Image

    from hfstyle.styles import Style, StyledModel
    from hfstyle.training.collection import Collection

LEARNING = 2
"""Visitors whose styles are learnt at once, turn by turn; further ones wait."""
SECONDS = 60.0
"""Of work for one style. Time in which others have their turn does not count."""
GPU_SECONDS = 20.0
"""The same where a GPU is lent for it."""
PREVIEW_EVERY = 4.0
"""Seconds of work between two previews."""
TELL_EVERY = 0.1
"""Seconds between two reports: a GPU takes more steps than a page can show."""
PREVIEW_SIDE = 384
PATIENCE = 2.0
"""Seconds after which learning takes a step even while others paint."""
NAME = "my-style"
SAMPLE = EXAMPLES / "seeding.jpg"
"""What a style is tried on where the visitor has no photo."""
SHELF = "pictures"
"""The folder of a collection in a data set on the Hub."""
MOST_BYTES = 4 * 2**20


@dataclass(frozen=True)
class Loved:
    """A picture in a visitor's collection."""

    name: str
    file: Path
    """A copy as JPEG, no larger than learning needs."""


@dataclass(frozen=True)
class Moment:
    """How far a style has come."""

    step: int
    worked: float
    """Seconds of work."""
    left: float
    """Seconds until it is finished, at the pace so far."""
    curve: tuple[float, ...]
    """How far the paintings are from the pictures (the Gram loss), step by step."""
    preview: Path | None
    """The visitor's photo, painted; None where there is no new one."""


@dataclass
class Desk:
    """What one visitor has here."""

    folder: Path
    pictures: list[Loved] = field(default_factory=list)
    looked: "tuple[list[Loved], Collection] | None" = None
    """The pictures as they were looked over last, and what was found."""
    photo: Sketch | None = None
    """What the style is tried on."""
    style: "Style | None" = None
    bank: "StyledModel | None" = None
    """Paints in the style, and in those that are bundled."""
    enough: threading.Event = field(default_factory=threading.Event)
    """Whether the visitor wants to keep the style as it is."""
    left: threading.Event = field(default_factory=threading.Event)
    """Whether the visitor has gone."""
    used: float = field(default_factory=time.monotonic)
    """When something was last done at it."""


@dataclass(frozen=True)
class _Stage:
    """A style on its way, as the process that learns it tells of it."""

    step: int
    worked: float
    """Seconds of work."""
    distance: float | None
    """The Gram loss of the step, None where there was none."""
    numbers: "torch.Tensor"
    about: dict[str, str]
    preview: "Image.Image | None"


@on_gpu(round(GPU_SECONDS) + 10)
def stages(collection: "Collection", photo: "Image.Image") -> Generator[_Stage, None, None]:
    """Learn a style from a collection, for as long as somebody wants it, and paint a photo now and then."""
    import torch

    from hfstyle.training.mystyle import StyleLearner

    if on_zero():
        torch.set_num_threads(1)  # in a forked process, OpenMP would wait for threads that are not there
    worked = 0.0
    shown = None
    learner = StyleLearner(collection, name=NAME, device="cuda" if on_zero() else None)
    while True:
        start = time.monotonic()
        distance = preview = None
        if shown is None or worked - shown >= PREVIEW_EVERY:
            preview, shown = learner.shown.stylize(photo, learner.name), worked
        else:
            distance = learner.step()["gram"]
        worked += time.monotonic() - start
        numbers = learner.shown.numbers.detach()[-1].clone().float().cpu()
        yield _Stage(learner.step_count, worked, distance, numbers, learner.about(), preview)


class Workshop:
    """Collections and styles of the visitors, by their sessions.

    Args:
        painter: Has the folder for files, and goes first: while it paints, learning waits.
    """

    def __init__(self, painter: Painter):
        self.painter = painter
        self._desks: dict[str, Desk] = {}
        self._thread = ThreadPoolExecutor(LEARNING, thread_name_prefix="hfstyle-learner")
        self._looker = ThreadPoolExecutor(1, thread_name_prefix="hfstyle-looker")
        self._turn = threading.Lock()

    def desk(self, session: str) -> Desk:
        """A visitor's desk, set up where there is none."""
        if session not in self._desks:
            # Of those whose farewell never came: their files are deleted within the hour anyway.
            for old in [key for key, desk in self._desks.items() if desk.used < time.monotonic() - MAX_AGE]:
                self.leave(old)
            self._desks[session] = Desk(self.painter.new_folder())
        self._desks[session].used = time.monotonic()
        return self._desks[session]

    def leave(self, session: str) -> None:
        """Clear a desk: learning ends at its next step, and all files are deleted."""
        desk = self._desks.pop(session, None)
        if desk is not None:
            desk.left.set()
            shutil.rmtree(desk.folder, ignore_errors=True)

    async def collect(
        self, session: str, files: Sequence[tuple[str | Path | bytes, str]]
    ) -> list[tuple[str, HfstyleError]]:
        """Add pictures, each a file or its bytes, and a name. Returns names of what was left out, and why."""
        return await asyncio.wrap_future(self._looker.submit(self._collect, self.desk(session), files))

    async def look_over(self, session: str) -> "Collection | None":
        """The visitor's pictures with what is to be said of them; None where there are none."""
        return await asyncio.wrap_future(self._looker.submit(self._look_over, self.desk(session)))

    async def learn(
        self, session: str, photo: str | Path | None, seconds: float | None = None
    ) -> AsyncIterator[Moment]:
        """Learn a style from the visitor's pictures. At the end the desk has it.

        Args:
            photo: Of the visitor, to be painted while it learns; one of the examples where there is none.
            seconds: Of work; `SECONDS`, or `GPU_SECONDS` where a GPU is lent, if not given.

        Raises:
            HfstyleError: There is nothing to learn from, or the photo cannot be read.
        """
        desk = self.desk(session)
        if not desk.pictures:
            raise StudioError("error.no_pictures")
        desk.photo = await self.painter.shrink(photo or SAMPLE)
        desk.enough.clear()
        moments: asyncio.Queue[Moment | None] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def tell(moment: Moment | None) -> None:
            with contextlib.suppress(RuntimeError):  # the server has ended
                loop.call_soon_threadsafe(moments.put_nowait, moment)

        left = threading.Event()
        seconds = seconds or (GPU_SECONDS if on_zero() else SECONDS)
        # ZeroGPU looks into the context for whose share of the day it is.
        work = self._thread.submit(contextvars.copy_context().run, self._learn, desk, left, seconds, tell)
        work.add_done_callback(lambda _: tell(None))
        try:
            while (moment := await moments.get()) is not None:
                yield moment
            work.result()
        except Stopped:
            return
        finally:
            left.set()
            work.cancel()

    async def keep_on_hub(self, session: str, repo_id: str, token: str | None) -> str:
        """Make a private data set what the visitor's collection is. Returns its address.

        Raises:
            HubError: The Hub refused, or could not be reached.
            StudioError: The name is none, or that of a public data set.
        """
        desk = self.desk(session)
        if not desk.pictures:
            raise StudioError("error.no_pictures")
        return await asyncio.wrap_future(self._looker.submit(self._keep_on_hub, desk, repo_id, token))

    async def fetch_from_hub(self, session: str, repo_id: str, token: str | None) -> list[tuple[str, HfstyleError]]:
        """Add the pictures of a data set that `keep_on_hub` made. Returns and raises as `collect` and it."""
        return await asyncio.wrap_future(self._looker.submit(self._fetch_from_hub, self.desk(session), repo_id, token))

    async def adopt(self, session: str, file: bytes) -> None:
        """Put a style that was learnt before on the desk, from the bytes of its file.

        Raises:
            WeightsError: It is none, or belongs to another bank.
        """
        await asyncio.wrap_future(self._looker.submit(self._adopt, self.desk(session), file))

    def forget(self, session: str) -> None:
        """Take the style from the desk."""
        desk = self.desk(session)
        desk.bank = desk.style = None

    def _collect(self, desk: Desk, files: Sequence[tuple[str | Path | bytes, str]]) -> list[tuple[str, HfstyleError]]:
        from hfstyle.images import read_image, split_alpha
        from hfstyle.training.collection import KEPT, MOST, scaled

        wrong: list[tuple[str, HfstyleError]] = []
        for source, name in files:
            if len(desk.pictures) >= MOST:
                wrong.append((name, StudioError("error.enough_pictures")))
                break
            try:
                picture, _ = split_alpha(read_image(source, name))
            except HfstyleError as error:
                wrong.append((name, error))
                continue
            picture = scaled(picture, min(KEPT, *picture.size))
            if desk.left.is_set():
                break
            file = self.painter.new_folder(desk.folder) / "picture.jpg"
            picture.save(file, "JPEG", quality=92)
            desk.pictures.append(Loved(name, file))
        return wrong

    def _look_over(self, desk: Desk) -> "Collection | None":
        from hfstyle.training.collection import Collection

        pictures = list(desk.pictures)
        if not pictures:
            return None
        if desk.looked is None or desk.looked[0] != pictures:
            desk.looked = pictures, Collection([one.file for one in pictures], [one.name for one in pictures])
        return desk.looked[1]

    def _adopt(self, desk: Desk, file: bytes) -> None:
        from hfstyle.auto import bundled_model, paints_in
        from hfstyle.styles import Style

        path = self.painter.new_folder(desk.folder) / STYLE_NAME
        path.write_bytes(file)
        style = Style.load(path, "the style that was kept")
        desk.bank, desk.style = paints_in(bundled_model(BANK), style).bank, style

    def _keep_on_hub(self, desk: Desk, repo_id: str, token: str | None) -> str:
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        api = _hub(repo_id, token)
        with one_sentence(repo_id):
            api.create_repo(repo_id, repo_type="dataset", private=True, exist_ok=True)
            if not api.repo_info(repo_id, repo_type="dataset").private:
                raise StudioError("error.public", name=repo_id)
            there = _pictures_in(api, repo_id)
            ours = {f"{SHELF}/{n:02d} {_plain(one.name)}.jpg": one.file for n, one in enumerate(desk.pictures, 1)}
            commit = api.create_commit(
                repo_id,
                [
                    *(CommitOperationDelete(path) for path in there if path not in ours),
                    *(CommitOperationAdd(path, file) for path, file in ours.items()),
                ],
                commit_message="Keep a collection of pictures",
                repo_type="dataset",
            )
        return str(commit.repo_url)

    def _fetch_from_hub(self, desk: Desk, repo_id: str, token: str | None) -> list[tuple[str, HfstyleError]]:
        from hfstyle.training.collection import MOST

        api = _hub(repo_id, token)
        cache = self.painter.new_folder(desk.folder)  # and not the machine's: they are the visitor's
        with one_sentence(repo_id):
            paths = _pictures_in(api, repo_id)[:MOST]
            files = [api.hf_hub_download(repo_id, path, repo_type="dataset", cache_dir=cache) for path in paths]
        if not files:
            raise StudioError("error.no_collection", name=repo_id)
        wrong = self._collect(desk, [(file, Path(path).stem) for file, path in zip(files, paths, strict=True)])
        shutil.rmtree(cache, ignore_errors=True)
        return wrong

    def _learn(self, desk: Desk, left: threading.Event, seconds: float, tell: Any) -> None:
        """Called in a thread of its own."""
        from hfstyle.auto import bundled_model, paints_in
        from hfstyle.images import read_image
        from hfstyle.styles import Style
        from hfstyle.training.mystyle import described

        def check() -> None:
            if left.is_set() or desk.left.is_set():
                raise Stopped

        check()
        collection = self._look_over(desk)
        photo = read_image(desk.photo.file)
        photo.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE))
        curve: list[float] = []
        told = 0.0
        with contextlib.closing(stages(collection, photo)) as work:
            while True:
                self._make_way(check)
                with self._turn:
                    stage = next(work)
                check()
                curve += [] if stage.distance is None else [stage.distance]
                if stage.preview is not None or time.monotonic() - told >= TELL_EVERY:
                    told, preview = time.monotonic(), self._kept(desk, stage.preview)
                    tell(Moment(stage.step, stage.worked, max(seconds - stage.worked, 0.0), tuple(curve), preview))
                if desk.enough.is_set() or stage.worked >= seconds:
                    break
        with self._turn:
            model = bundled_model(BANK)
            bank = paints_in(model, Style(NAME, stage.numbers, model.fingerprint)).bank
            style = described(bank, NAME, stage.about)
            preview = self._kept(desk, bank.stylize(photo, NAME))
        check()
        tell(Moment(stage.step, stage.worked, 0.0, tuple(curve), preview))
        desk.bank, desk.style = bank, style

    def _make_way(self, check: Any) -> None:
        """Wait while the painter paints, for a while."""
        until = time.monotonic() + PATIENCE
        while self.painter.busy and time.monotonic() < until:
            check()
            time.sleep(0.05)

    def _kept(self, desk: Desk, preview: "Image.Image | None") -> Path | None:
        if preview is None:
            return None
        file = self.painter.new_folder(desk.folder) / "preview.jpg"
        preview.convert("RGB").save(file, "JPEG", quality=92)
        return file


def _hub(repo_id: str, token: str | None) -> "HfApi":
    from huggingface_hub import HfApi

    check_repo_id(repo_id)
    return HfApi(token=token)


def _pictures_in(api: "HfApi", repo_id: str) -> list[str]:
    """The pictures of a collection, of a size that it has."""
    from huggingface_hub.errors import EntryNotFoundError

    try:
        tree = list(api.list_repo_tree(repo_id, SHELF, repo_type="dataset"))
    except EntryNotFoundError:  # nothing was kept yet
        return []
    return sorted(one.path for one in tree if one.path.endswith(".jpg") and getattr(one, "size", 0) <= MOST_BYTES)


def _plain(name: str) -> str:
    """A picture's name as part of a path."""
    return "".join(character if character.isalnum() or character in " -_" else "-" for character in Path(name).stem)[
        :60
    ]
