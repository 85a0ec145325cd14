"""The commands of `hfstyle` that move models: between folders and the Hub, and from and to other formats."""

import dataclasses
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import Positional, arg

from hfstyle.arguments import make_folder, printable, refuse_existing, short, writing
from hfstyle.errors import OptionError

if TYPE_CHECKING:
    from hfstyle.styles import Style


@dataclass
class Convert:
    """Make a model of another project's checkpoint: CycleGAN, pix2pix, CUT, HugGAN, fast neural style, AnimeGAN ..."""

    checkpoint: Annotated[Positional[str], arg(metavar="FILE")]
    """A .pth, .pt, .bin, .ckpt or .safetensors file with the state dict of a network."""
    output: Annotated[str | None, arg(aliases=["-o"])] = None
    """Folder for the model. None given, and no --push: beside the file and named after it."""
    push: str | None = None
    """Repository on the Hub (owner/name) to upload it to."""
    private: bool = False
    """Make that repository a private one, if it is not there yet."""
    key: str | None = None
    """Which network, where the file has several, such as G_A2B."""
    set: Annotated[list[str], arg(metavar="FIELD=VALUE")] = dataclasses.field(default_factory=list)
    """Of the model's config, what tensors cannot tell: align_corners=false (AnimeGAN), gan_loss=log (of a judge)."""
    overwrite: bool = False
    """Replace a model that is in the folder."""
    json: bool = False
    """Print what was done as JSON."""

    def run(self) -> int:
        if self.private and self.push is None:
            raise OptionError("--private is about the repository that --push names")
        output = self.output
        if output is None and self.push is None:
            output = os.path.splitext(os.path.expanduser(self.checkpoint))[0]
            if output == os.path.expanduser(self.checkpoint):
                raise OptionError(f"{self.checkpoint} has no ending to take away; give -o a folder")
        from hfstyle.repo import CARD_NAME, CONFIG_NAME, WEIGHTS_NAME, push_folder

        for name in (CONFIG_NAME, WEIGHTS_NAME, CARD_NAME):
            if output is not None and os.path.exists(os.path.join(output, name)) and not self.overwrite:
                raise OptionError(f"{output} has a {name}; pass --overwrite to replace it, or give -o another folder")
        from hfstyle.card import renewed_card
        from hfstyle.conversion import recognise

        found = recognise(self.checkpoint, self.key, **_fields(self.set))
        done = {"checkpoint": self.checkpoint, "key": found.key, "layout": found.layout, "notes": list(found.notes)}
        done |= {"class": type(found.model).__name__, "parameters": found.model.num_parameters}
        done |= {"config": found.model.config.to_dict(), "folder": output, "pushed": None}
        if output is not None:
            make_folder(Path(output))
            with writing(output):
                card = found.card(self.checkpoint, Path(output).resolve().name)
                found.model.save_pretrained(output, card=renewed_card(Path(output, CARD_NAME), card))
        if self.push is not None:
            with tempfile.TemporaryDirectory() as folder:
                found.model.save_pretrained(folder, card=found.card(self.checkpoint, self.push))
                done["pushed"] = push_folder(
                    folder,
                    self.push,
                    private=self.private or None,
                    commit_message=f"Convert {os.path.basename(self.checkpoint)}",
                )
        if self.json:
            print(json.dumps(done, indent=2))
            return 0
        print(f"{found.layout}: a {done['class']} with {done['parameters']:,} parameters")
        for note in found.notes:
            print(f"assumed: {note}")
        for where in (output, done["pushed"]):
            if where is not None:
                print(where)
        return 0


@dataclass
class Export:
    """Write a model as an ONNX file, which runs without torch: in Python (OnnxGenerator), browsers and phones."""

    model: Annotated[Positional[str], arg(metavar="MODEL")]
    """A bundled model, a folder with a model, or a Hub repository (owner/name); or the name or file of a style of your
    own, which becomes the bank with that style alone."""
    output: Annotated[str | None, arg(aliases=["-o"])] = None
    """The file. None given: MODEL.onnx in the working folder."""
    fp16: bool = False
    """Store weights in half precision: half the file, and the same inputs, outputs and speed."""
    check: bool = False
    """Run the file, and compare what it paints with what the model paints, at two sizes."""
    overwrite: bool = False
    """Replace a file that exists."""
    json: bool = False
    """Print what was done as JSON."""

    def run(self) -> int:
        output = self.output or f"{short(self.model)}.onnx"
        if Path(output).suffix != ".onnx":
            raise OptionError(f"cannot write {output}: name it .onnx")
        refuse_existing([output], self.overwrite)
        from hfstyle.auto import bank_of, load_own_style, model_class
        from hfstyle.card import read_card
        from hfstyle.export import export
        from hfstyle.repo import CONFIG_NAME, ModelFiles

        own = load_own_style(self.model)
        if own is not None:
            model, title, license = bank_of(own), own.about.get("title", own.name), own.about.get("license")
        else:
            files = ModelFiles(self.model)
            model = model_class(files.config(), files.describe(CONFIG_NAME)).from_files(files, device="cpu")
            title, data = read_card(files.card() or "")
            license = data.get("license")
        make_folder(Path(output).parent)
        with writing(output):
            difference = export(
                model, output, fp16=self.fp16, check=self.check, title=title,
                license=", ".join(map(str, license)) if isinstance(license, list) else license,
            )  # fmt: skip
        size = os.path.getsize(output)
        if self.json:
            done = {"model": self.model, "class": type(model).__name__, "file": output, "bytes": size}
            print(json.dumps(done | {"fp16": self.fp16, "largest_difference": difference}, indent=2))
            return 0
        checked = f", at most {difference:.1g} from torch in a range of 2" if difference is not None else ""
        print(f"{output}: {size / 1e6:.1f} MB{checked}")
        return 0


@dataclass
class Push:
    """Share a model on the Hub: one commit with weights, config, card and pictures (after hf auth login)."""

    names: Annotated[Positional[list[str]], arg(metavar="[MODEL] REPO")]
    """A folder with a model or a style, the file or name of a style of your own, or a bundled model; then the
    repository (owner/name). With --bundled, the user or organisation in whose name each bundled model gets a
    repository."""
    bundled: bool = False
    """Share every bundled model."""
    private: bool = False
    """Make repositories that are not there yet private. (A style of one's own becomes private by itself.)"""
    public: bool = False
    """Make them public, also that of a style."""
    revision: str | None = None
    """Branch to push to; made where it is missing."""
    tag: str | None = None
    """Name to give to the commit, such as v1."""
    create_pr: bool = False
    """Open a pull request instead."""
    message: str | None = None
    """Title of the commit."""
    replace_card: bool = False
    """Replace a card that is in the repository, even where somebody edited it."""
    json: bool = False
    """Print what was done as JSON."""

    def run(self) -> int:
        from hfstyle.assets import ASSETS, bundled_models
        from hfstyle.auto import load_own_style

        if len(self.names) != (1 if self.bundled else 2):
            wanted = (
                "with --bundled name the user or organisation" if self.bundled else "name a model and a repository"
            )
            raise OptionError(f"{wanted}, such as hfstyle push {'--bundled me' if self.bundled else './mine me/mine'}")
        if self.private and self.public:
            raise OptionError("--private and --public contradict each other")
        if self.bundled:
            pushed = {name: self._push(ASSETS / name, f"{self.names[0]}/{name}") for name in bundled_models()}
        elif (own := load_own_style(self.names[0])) is not None:
            pushed = {self.names[0]: self._push_style(own, self.names[1])}
        else:
            from hfstyle.repo import ModelFiles

            folder = ModelFiles(self.names[0]).folder
            if folder is None:
                raise OptionError(f"{self.names[0]} is on the Hub already; hfstyle pull brings it here")
            pushed = {self.names[0]: self._push(folder, self.names[1])}
        print(json.dumps(pushed, indent=2) if self.json else "\n".join(pushed.values()))
        return 0

    def _push(self, folder: Path, repo_id: str) -> str:
        from hfstyle.auto import AutoModel
        from hfstyle.card import default_card
        from hfstyle.repo import push_folder

        model = AutoModel.from_pretrained(folder, device="cpu")  # what cannot be loaded is not shared
        return push_folder(
            folder,
            repo_id,
            private=True if self.private else False if self.public else None,
            commit_message=self.message or f"Upload {type(model).__name__}",
            revision=self.revision,
            card="replace" if self.replace_card else "renew",
            default_card=default_card(type(model).__name__, model.pipeline_tag, model.usage, repo_id),
            tag=self.tag,
            create_pr=self.create_pr,
        )

    def _push_style(self, style: "Style", repo_id: str) -> str:
        return style.push_to_hub(
            repo_id,
            private=not self.public,
            commit_message=self.message,
            revision=self.revision,
            card=style.card(repo_id) if self.replace_card else None,
            tag=self.tag,
            create_pr=self.create_pr,
        )


@dataclass
class Pull:
    """Bring a model or a style from the Hub into a folder, with its card and pictures."""

    repo: Annotated[Positional[str], arg(metavar="REPO")]
    """A repository (owner/name)."""
    output: Annotated[str | None, arg(aliases=["-o"])] = None
    """The folder. None given: one named as the repository, in the working folder."""
    revision: str | None = None
    """Branch, tag or commit."""
    overwrite: bool = False
    """Replace files in a folder that exists."""
    json: bool = False
    """Print what was done as JSON."""

    def run(self) -> int:
        from hfstyle.repo import CONFIG_NAME, ModelFiles, made_by_newer

        output = self.output or self.repo.rpartition("/")[2]
        files = ModelFiles(self.repo, self.revision)
        if files.folder is not None:
            raise OptionError(f"{self.repo} is here already; a repository on the Hub is written owner/name")
        if os.path.exists(output) and not os.path.isdir(output):
            raise OptionError(f"{output} is a file; give -o a folder")
        if os.path.isdir(output) and os.listdir(output) and not self.overwrite:
            raise OptionError(
                f"{output} is not empty; pass --overwrite to replace what is in it, or -o another folder"
            )
        with writing(output):
            names = files.pull(output)
        if CONFIG_NAME in names and (newer := made_by_newer(files.config())):
            print(f"note: {newer}", file=sys.stderr)
        print(json.dumps({"repo": self.repo, "folder": output, "files": names}, indent=2) if self.json else output)
        return 0


@dataclass
class ShowCard:
    """Print a model's card, or check it."""

    model: Annotated[Positional[str], arg(metavar="MODEL")]
    """A bundled model, a folder with a model, or a Hub repository (owner/name)."""
    check: bool = False
    """Say what the Hub or a reader would find wrong; exit code 2 if anything."""

    def run(self) -> int:
        from hfstyle.card import card_problems
        from hfstyle.repo import ModelFiles

        files = ModelFiles(self.model)
        sizes, card = files.sizes(), files.card()
        if card is None:
            raise OptionError(f"{self.model} has no card")
        if not self.check:
            print(card, end="")
            return 0
        problems = card_problems(card, sizes)
        print("\n".join(problems) or "the card is as the Hub wants it")
        return 2 if problems else 0


@dataclass
class Info:
    """Show the bundled styles, or what one model is, without downloading its weights."""

    model: Annotated[Positional[str | None], arg(metavar="MODEL")] = None
    """A bundled model, a folder with a model or a style, the file of a style, or a Hub repository (owner/name)."""
    json: bool = False
    """Print JSON."""

    def run(self) -> int:
        from hfstyle.assets import bundled_models

        names = [self.model] if self.model is not None else bundled_models()
        facts = [_facts(name) for name in names]
        if self.json:
            print(json.dumps(facts[0] if self.model is not None else facts, indent=2))
            return 0
        for fact in facts:
            print(fact["name"])
            for key, value in fact.items():
                if key != "name":
                    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
                    print(f"  {key:<12} {printable(text)}")
        return 0


def _fields(given: Sequence[str]) -> dict[str, Any]:
    """Fields of a config as they are written in a command: `margin=16`, `gan_loss=log`."""
    fields = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not (name and equals):
            raise OptionError(f"--set takes FIELD=VALUE, such as align_corners=false, not {one!r:.80}")
        try:
            fields[name] = json.loads(value)
        except ValueError:  # text needs no quotes
            fields[name] = value
    return fields


def _facts(name: str) -> dict[str, Any]:
    """What `hfstyle info` says of a model."""
    from hfstyle.auto import load_own_style, model_class
    from hfstyle.card import read_card
    from hfstyle.errors import ModelNotFoundError
    from hfstyle.hub import skeleton
    from hfstyle.repo import CONFIG_NAME, VERSION_KEY, ModelFiles
    from hfstyle.styles import Style, StyledModel

    if (own := load_own_style(name)) is not None:
        return _style_facts(own)
    files = ModelFiles(name)
    try:
        config = files.config()
    except ModelNotFoundError as error:
        try:
            return {"repo": name, **_style_facts(Style.from_pretrained(name))}
        except ModelNotFoundError:
            raise error from None
    cls = model_class(config, files.describe(CONFIG_NAME))
    model = skeleton(cls, config)  # counts parameters without memory for them
    sizes = files.sizes()
    title, data = read_card(files.card() or "")
    facts = {
        "name": name,
        "title": title,
        "class": cls.__name__,
        "parameters": model.num_parameters,
        "bytes": sum(size for file, size in sizes.items() if "/" not in file and file.endswith(".safetensors")),
        "config": model.config.to_dict(),
        "license": data.get("license"),
        "traditions": data.get("traditions"),
        "figures": _figures(data),
        "tags": data.get("tags"),
        "pictures": [files.link(file) for file in sizes if "/" not in file and file.endswith((".jpg", ".png"))],
        "parts": [file.rpartition("/")[0] for file in sizes if file.endswith(f"/{CONFIG_NAME}")],
        "made with": f"hfstyle {config.get(VERSION_KEY)}",
    }
    if isinstance(model, StyledModel):
        facts |= {"styles": list(model.styles), "numbers a style": model.n_numbers}
        del facts["config"]["styles"]
    return {key: value for key, value in facts.items() if value not in (None, [])}


def _style_facts(style: Any) -> dict[str, Any]:
    facts = {"name": style.name, "class": "Style", "numbers": len(style.numbers), "belongs to": style.fingerprint}
    return {**style.about, **facts}


def _figures(data: dict[str, Any]) -> list[str]:
    """What the front matter of a card says was measured."""
    results = data.get("model-index") or []
    try:
        return [
            f"{metric.get('name') or metric['type']}: {metric['value']} on {result['dataset']['name']}"
            for result in (result for model in results for result in model["results"])
            for metric in result["metrics"]
        ]
    except (TypeError, KeyError, AttributeError):  # somebody's own
        return []
