"""The commands of `hfstyle` about styles of one's own: learning one, and keeping those that one has."""

import dataclasses
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import OmitArgPrefixes, Positional, arg, subcommand

from hfstyle.arguments import expand, find_device, make_folder, named, printable, refuse_existing, writing
from hfstyle.errors import OptionError

if TYPE_CHECKING:
    from hfstyle.styles import Style, StyledModel
    from hfstyle.training.collection import Collection
    from hfstyle.training.mystyle import Progress

PREVIEW_EVERY = 5.0
"""Seconds between previews."""


@dataclass
class Learn:
    """Learn a style of your own in a minute, from 1 to 30 pictures that you love. Ctrl-C keeps what there is."""

    pictures: Annotated[Positional[list[str]], arg(metavar="PICTURE...")]
    """Files, folders or glob patterns."""
    output: Annotated[str | None, arg(aliases=["-o"])] = None
    """File for the style (.safetensors), some kilobytes without the pictures; with --thorough, a folder. None given:
    NAME.safetensors, or NAME, in the working folder."""
    seconds: float | None = None
    """How long, in all. None given: 60, or 600 with --thorough."""
    steps: int | None = None
    """How many steps instead of how long: the same pictures, seed and steps, the same style."""
    name: str | None = None
    """What to call it. None given: the name of the file."""
    preview: str | None = None
    """A photo of yours to be painted every few seconds while it learns, beside the style as NAME-preview.jpg."""
    thorough: bool = False
    """Adapt the network as well, and let a discriminator judge where there are enough pictures: a whole model."""
    split: bool = False
    """Where the pictures are of two kinds, learn a style from each: NAME-1 and NAME-2."""
    base: str = "bank"
    """The bank to which the style is added: the bundled one, a folder, or a Hub repository (owner/name)."""
    content: list[str] | None = None
    """Photos on which to learn, files or folders; those that come with hfstyle where not given."""
    resume: str | None = None
    """A style of the same bank to go on from: a file, a folder, or a Hub repository."""
    strokes: float = 1.0
    """How many times wider strokes are to come out than in the pictures, 0.5 to 2."""
    seed: int = 0
    """Of the crops of photos."""
    learned_from: str | None = None
    """What the style and its card may say that it was learnt from. They say nothing of the pictures otherwise."""
    push: str | None = None
    """Repository on the Hub (owner/name) to upload the style to."""
    public: bool = False
    """Make that repository, if it is not there yet, public instead of private."""
    device: str | None = None
    """cpu, cuda, mps ...; chosen by itself where not given."""
    overwrite: bool = False
    """Replace files that exist."""
    json: bool = False
    """Print what was done as JSON."""

    def run(self) -> int:
        started = time.monotonic()
        if not self.pictures:
            raise OptionError("name at least one picture: a file, a folder, or a pattern")
        seconds = self.seconds if self.seconds is not None else 600.0 if self.thorough else 60.0
        if not seconds > 0 or (self.steps is not None and self.steps < 1):
            raise OptionError("a style needs time: --seconds must be above 0 and --steps at least 1")
        if self.public and self.push is None:
            raise OptionError("--public is about the repository that --push names")
        if self.split and self.push is not None:
            raise OptionError("--split makes two styles, --push uploads one; push each with hfstyle push")
        name, outputs = self._outputs()
        refuse_existing([str(path) for path in [*outputs, *map(_preview_beside, outputs)]], self.overwrite)
        from hfstyle.images import read_image
        from hfstyle.training.collection import Collection

        photo = read_image(self.preview) if self.preview is not None else None
        content = [path for given in self.content for path, _ in expand(given)] if self.content is not None else None
        files = [path for given in self.pictures for path, _ in expand(given)]
        collection = Collection(files, strokes=self.strokes)
        for finding in collection.findings:
            print(f"note: {finding.text}", file=sys.stderr)
        parts = self._parts(collection)
        make_folder(outputs[0].parent)
        done = []
        for n, (path, part) in enumerate(zip(outputs, parts, strict=True), 1):
            called = name if len(parts) == 1 else f"{name}-{n}"
            learnt, facts = self._learn(part, called, content, photo, path, started, seconds)
            started = time.monotonic()
            done.append(facts | self._keep(learnt, path))
        if self.json:
            found = [dataclasses.asdict(finding) for finding in collection.findings]
            print(json.dumps({"styles": done, "findings": found}, indent=2))
            return 0
        for facts in done:
            size = facts["bytes"] / 1000
            print(f"{facts['file']}: {size:.0f} kB, {facts['steps']} steps in {facts['seconds']:.0f} s")
            if facts["pushed"]:
                print(facts["pushed"])
            style = f"{facts['file']}:{facts['name']}" if self.thorough else facts["file"]
            print(f"see it: hfstyle stylize PHOTO --style {style}")
        return 0

    def _outputs(self) -> tuple[str, list[Path]]:
        """What the style is called, and where it, or each of two, goes."""
        from hfstyle.hub import wrong_name

        ending = "" if self.thorough else ".safetensors"
        output = Path(self.output or f"{self.name or 'my-style'}{ending}")
        if output.suffix != ending:
            kind = "a model, so name a folder" if self.thorough else "a style, so name it .safetensors"
            raise OptionError(f"cannot write {output}: this makes {kind}")
        name = self.name or named(output).stem
        if wrong := wrong_name(name):
            raise OptionError(f"a style has a name: {wrong}")
        return name, [output.with_stem(f"{output.stem}-{n}") for n in (1, 2)] if self.split else [output]

    def _keep(self, learnt: "Style | tuple[StyledModel, str]", path: Path) -> dict[str, Any]:
        """Write, and push, what was learnt. Returns what is to be said of it."""
        from hfstyle.repo import WEIGHTS_NAME

        private = not self.public
        with writing(str(path)):
            if isinstance(learnt, tuple):
                model, card = learnt
                model.save_pretrained(path, card=card)
                pushed = self.push and model.push_to_hub(self.push, private=private, card=card)
                return {"file": str(path), "bytes": os.path.getsize(path / WEIGHTS_NAME), "pushed": pushed}
            learnt.save(path)
        pushed = self.push and learnt.push_to_hub(self.push, private=private)
        return {"file": str(path), "bytes": os.path.getsize(path), **learnt.about, "pushed": pushed}

    def _parts(self, collection: "Collection") -> list["Collection"]:
        """What to learn each style from."""
        if self.split and len(collection.groups) < 2:
            raise OptionError("these pictures look like one style; leave out --split")
        return [collection.part(group) for group in collection.groups] if self.split else [collection]

    def _learn(
        self,
        part: "Collection",
        name: str,
        content: list[Path] | None,
        photo: Any,
        output: Path,
        started: float,
        seconds: float,
    ) -> tuple["Style | tuple[StyledModel, str]", dict[str, Any]]:
        """The style, or a model and its card; and what is to be said of them."""
        from tqdm import tqdm

        from hfstyle.images import save_image
        from hfstyle.training.mystyle import FINISH, StyleLearner

        resume = None
        if self.resume is not None:
            from hfstyle.styles import Style

            resume = Style.from_pretrained(self.resume)
        facts: dict[str, Any] = {"name": name, "steps": 0, "seconds": 0.0, "first_preview_seconds": None, "losses": {}}
        shown = -PREVIEW_EVERY
        total = self.steps if self.steps is not None else round(seconds)
        form = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}{postfix}"
        bar = tqdm(total=total, desc=f"learning {name}", bar_format=form, disable=None)

        def follow(progress: "Progress") -> bool:
            nonlocal shown
            facts.update(steps=progress.step, seconds=progress.seconds, losses=dict(progress.losses))
            bar.n = min(progress.step if self.steps is not None else round(progress.seconds), total)
            losses = " ".join(f"{term} {value:.3f}" for term, value in progress.losses.items())
            bar.set_postfix_str(f"{progress.seconds_left:.0f} s left, step {progress.step} {losses}")
            if photo is not None and progress.seconds - shown >= PREVIEW_EVERY:
                shown = progress.seconds
                save_image(progress.painter.stylize(photo, max_pixels=512 * 512), _preview_beside(output))
                if facts["first_preview_seconds"] is None:
                    facts["first_preview_seconds"] = time.monotonic() - started
            return not stopped

        with _interrupted() as stopped, bar:
            learner = StyleLearner(
                part, self.base, content, name=name, seed=self.seed, resume=resume, thorough=self.thorough,
                device=find_device(self.device),
            )  # fmt: skip
            learner.run(started, seconds - FINISH, self.steps, follow)
        if not self.thorough:
            return learner.style(self.learned_from), facts
        return (learner.model(), learner.card(self.learned_from)), facts


def _preview_beside(style: Path) -> Path:
    return style.with_name(f"{style.stem}-preview.jpg")


@contextmanager
def _interrupted() -> Iterator[list[bool]]:
    """Within, a first Ctrl-C only fills the list; a second one ends the program as ever."""
    stopped: list[bool] = []

    def receive(*_: object) -> None:
        stopped.append(True)
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, receive)
    try:
        yield stopped
    finally:
        signal.signal(signal.SIGINT, before)


@dataclass
class ListStyles:
    """List your own styles."""

    json: bool = False
    """Print JSON."""

    def run(self) -> int:
        from hfstyle.library import describe_own, library

        facts = describe_own()
        if self.json:
            print(json.dumps(facts, indent=2))
            return 0
        if not facts:
            print(f"no styles of your own in {library()}; hfstyle learn makes one, hfstyle styles add keeps it")
        for fact in facts:
            print(printable(fact["name"]))
            for key, value in fact.items():
                if key != "name":
                    print(f"  {key:<12} {printable(value)}")
        return 0


@dataclass
class AddStyle:
    """Keep a style under its name, so that every command knows it: hfstyle stylize PHOTO --style NAME."""

    style: Annotated[Positional[str], arg(metavar="STYLE")]
    """The file of a style, a folder with one, or a Hub repository (owner/name)."""
    name: str | None = None
    """What to call it; its own name where not given."""
    overwrite: bool = False
    """Replace a style of that name."""

    def run(self) -> int:
        from hfstyle.library import add_style
        from hfstyle.styles import Style

        style = Style.from_pretrained(self.style)
        style = style if self.name is None else dataclasses.replace(style, name=self.name)
        print(add_style(style, self.overwrite))
        return 0


@dataclass
class RemoveStyle:
    """Delete one of your own styles."""

    name: Annotated[Positional[str], arg(metavar="NAME")]
    """Its name."""

    def run(self) -> int:
        from hfstyle.library import remove_style

        remove_style(self.name)
        return 0


@dataclass
class RenameStyle:
    """Give one of your own styles another name."""

    old: Annotated[Positional[str], arg(metavar="OLD")]
    """Its name."""
    new: Annotated[Positional[str], arg(metavar="NEW")]
    """The other one."""

    def run(self) -> int:
        from hfstyle.library import rename_style

        print(rename_style(self.old, self.new))
        return 0


@dataclass
class Styles:
    """List, add, remove and rename the styles of your own."""

    command: OmitArgPrefixes[
        Annotated[ListStyles, subcommand("list", prefix_name=False)]
        | Annotated[AddStyle, subcommand("add", prefix_name=False)]
        | Annotated[RemoveStyle, subcommand("remove", prefix_name=False)]
        | Annotated[RenameStyle, subcommand("rename", prefix_name=False)]
    ]

    def run(self) -> int:
        return self.command.run()
