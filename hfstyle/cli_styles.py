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

from hfstyle.arguments import expand, find_device, make_folder, printable, refuse_existing, writing
from hfstyle.errors import OptionError

if TYPE_CHECKING:
    from hfstyle.styles import Style
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
    """File for the style (.safetensors), some kilobytes without the pictures. None given: NAME.safetensors in the
    working folder."""
    seconds: float = 60.0
    """How long, in all."""
    steps: int | None = None
    """How many steps instead of how long: the same pictures, seed and steps, the same style."""
    name: str | None = None
    """What to call it. None given: the name of the file."""
    preview: str | None = None
    """A photo of yours to be painted every few seconds while it learns, beside the style as NAME-preview.jpg."""
    split: bool = False
    """Where the pictures are of two kinds, learn a style from each: NAME-1 and NAME-2."""
    base: str = "bank"
    """The bank to which the style is added: the bundled one, a folder, or a Hub repository (owner/name)."""
    content: list[str] | None = None
    """Photos on which to learn, files or folders; those that come with hfstyle where not given."""
    resume: str | None = None
    """A style of the same bank to go on from: a file, a folder, or a Hub repository."""
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
        if not self.seconds > 0 or (self.steps is not None and self.steps < 1):
            raise OptionError("a style needs time: --seconds must be above 0 and --steps at least 1")
        if self.public and self.push is None:
            raise OptionError("--public is about the repository that --push names")
        if self.split and self.push is not None:
            raise OptionError("--split makes two styles, --push uploads one; push each with hfstyle push")
        output = Path(self.output or f"{self.name or 'my-style'}.safetensors")
        if output.suffix != ".safetensors":
            raise OptionError(f"cannot write {output}: name it .safetensors")
        name = self.name or output.stem
        from hfstyle.hub import wrong_name

        if wrong := wrong_name(name):
            raise OptionError(f"a style has a name: {wrong}")
        outputs = [output.with_stem(f"{output.stem}-{n}") for n in (1, 2)] if self.split else [output]
        refuse_existing([str(path) for path in [*outputs, *map(self._preview_beside, outputs)]], self.overwrite)
        from hfstyle.images import read_image
        from hfstyle.training.collection import Collection

        photo = read_image(self.preview) if self.preview is not None else None
        content = [path for given in self.content for path, _ in expand(given)] if self.content is not None else None
        collection = Collection([path for given in self.pictures for path, _ in expand(given)])
        for finding in collection.findings:
            print(f"note: {finding.text}", file=sys.stderr)
        collections = self._parts(collection)
        make_folder(output.parent)
        done = []
        for path, part in zip(outputs, collections, strict=True):
            called = name if len(outputs) == 1 else f"{name}-{path.stem.rpartition('-')[2]}"
            style, facts = self._learn(part, called, content, photo, path, started)
            started = time.monotonic()
            with writing(str(path)):
                style.save(path)
            facts |= {"file": str(path), "bytes": os.path.getsize(path), **style.about, "pushed": None}
            if self.push is not None:
                facts["pushed"] = style.push_to_hub(self.push, private=not self.public)
            done.append(facts)
        if self.json:
            found = [dataclasses.asdict(finding) for finding in collection.findings]
            print(json.dumps({"styles": done, "findings": found}, indent=2))
            return 0
        for facts in done:
            print(
                f"{facts['file']}: {facts['bytes'] / 1000:.0f} kB, {facts['steps']} steps in {facts['seconds']:.0f} s"
            )
            if facts["pushed"]:
                print(facts["pushed"])
            print(f"see it: hfstyle stylize PHOTO --style {facts['file']}")
        return 0

    def _preview_beside(self, style: Path) -> Path:
        return style.with_name(f"{style.stem}-preview.jpg")

    def _parts(self, collection: "Collection") -> list["Collection"]:
        """What to learn each style from."""
        if self.split and len(collection.groups) < 2:
            raise OptionError("these pictures look like one style; leave out --split")
        return [collection.part(group) for group in collection.groups] if self.split else [collection]

    def _learn(
        self, part: "Collection", name: str, content: list[Path] | None, photo: Any, output: Path, started: float
    ) -> tuple["Style", dict[str, Any]]:
        from tqdm import tqdm

        from hfstyle.images import save_image
        from hfstyle.training.mystyle import learn_style

        resume = None
        if self.resume is not None:
            from hfstyle.styles import Style

            resume = Style.from_pretrained(self.resume)
        facts: dict[str, Any] = {"name": name, "steps": 0, "seconds": 0.0, "first_preview_seconds": None, "losses": {}}
        shown = -PREVIEW_EVERY
        total = self.steps if self.steps is not None else round(self.seconds)
        form = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}{postfix}"
        with (
            _interrupted() as stopped,
            tqdm(total=total, desc=f"learning {name}", bar_format=form, disable=None) as bar,
        ):

            def follow(progress: "Progress") -> bool:
                nonlocal shown
                facts.update(steps=progress.step, seconds=progress.seconds, losses=dict(progress.losses))
                bar.n = min(progress.step if self.steps is not None else round(progress.seconds), total)
                losses = " ".join(f"{term} {value:.3f}" for term, value in progress.losses.items())
                bar.set_postfix_str(f"{progress.seconds_left:.0f} s left, step {progress.step} {losses}")
                if photo is not None and progress.seconds - shown >= PREVIEW_EVERY:
                    shown = progress.seconds
                    save_image(progress.painter.stylize(photo, max_pixels=512 * 512), self._preview_beside(output))
                    if facts["first_preview_seconds"] is None:
                        facts["first_preview_seconds"] = time.monotonic() - started
                return not stopped

            style = learn_style(
                part, self.base, content, max(self.seconds - (time.monotonic() - started), 1.0), follow,
                steps=self.steps, name=name, seed=self.seed, resume=resume, learned_from=self.learned_from,
                device=find_device(self.device),
            )  # fmt: skip
        return style, facts


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
