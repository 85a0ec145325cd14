"""The `hfstyle` command. Heavy imports wait until a command needs them, so that `--help` answers at once."""

import dataclasses
import functools
import io
import json
import math
import os
import sys
import textwrap
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from tyro.conf import FlagCreatePairsOff, OmitArgPrefixes, Positional, Suppress, arg, subcommand

from hfstyle.arguments import (
    STDIO,
    expand,
    find_device,
    is_pattern,
    make_folder,
    named,
    parse,
    refuse_existing,
    short,
)
from hfstyle.cli_hub import Convert, Export, Info, Pull, Push, ShowCard
from hfstyle.cli_space import Space
from hfstyle.cli_styles import Learn, Styles
from hfstyle.cli_votes import Votes
from hfstyle.errors import HfstyleError, ImageError, OptionError


@dataclass
class Stylize:
    """Turn photos into paintings of the same size."""

    photos: Annotated[Positional[list[str]], arg(metavar="PHOTO...")]
    """Files, folders, glob patterns, or - for standard input."""
    output: Annotated[str | None, arg(aliases=["-o"])] = None
    """A file for one photo, a folder for several, or - for standard output (PNG). None given: beside each photo as
    NAME-STYLE.png; for a folder, a folder FOLDER-STYLE."""
    style: str = "ukiyoe"
    """A bundled style, a blend of bundled styles (ukiyoe=.6,monet=.4), a folder with a model, the file of a style, or
    a Hub repository (owner/name). Of a bank, bundled or not, BANK:STYLE."""
    strength: float = 1.0
    """From 0 (the photo) to 1 (the painting)."""
    preserve_color: bool = False
    """Keep the photo's colours."""
    max_pixels: int = 4_000_000
    """Stylise larger photos at this many pixels and bring them back to their size."""
    device: str | None = None
    """cpu, cuda, mps ...; chosen by itself where not given."""
    overwrite: bool = False
    """Replace files that exist."""
    json: bool = False
    """Print what was done as JSON."""

    def run(self) -> int:
        jobs = _plan(self)
        if self.json and any(job.output == STDIO for job in jobs):
            raise OptionError("--json and a picture cannot both go to standard output; give -o a file")
        from tqdm import tqdm

        from hfstyle.auto import load_painter
        from hfstyle.images import read_image

        painter = load_painter(self.style, find_device(self.device))
        done, failed = [], False
        for job in tqdm(jobs, unit="photo", disable=None if len(jobs) > 1 else True):
            start = time.perf_counter()
            try:
                photo = read_image(sys.stdin.buffer if job.photo == STDIO else job.photo)
                painting = painter.stylize(photo, self.strength, self.preserve_color, self.max_pixels)
                _write(painting, job.output, self.overwrite)
            except ImageError as error:
                failed = _complain(str(error))
                continue
            if job.output == STDIO:
                continue
            done.append(
                {
                    "photo": job.photo,
                    "painting": job.output,
                    "style": self.style,
                    "size": painting.size,
                    "stylized_size": painting.info["stylized_size"],
                    "seconds": round(time.perf_counter() - start, 3),
                }
            )
            if not self.json:
                tqdm.write(f"{job.output}{_reduced(painting)}", file=sys.stdout)
        if self.json:
            print(json.dumps(done, indent=2))
        return 2 if failed else 0


@dataclass
class Sheet:
    """Show one photo in every style, on one sheet."""

    photo: Annotated[Positional[str], arg(metavar="PHOTO")]
    """A file, or - for standard input."""
    output: Annotated[str | None, arg(aliases=["-o"])] = None
    """A file, or - for standard output (PNG). None given: beside the photo as NAME-sheet.png."""
    styles: list[str] | None = None
    """Which styles, each as --style of hfstyle stylize takes them. None given: all of the bank, then the bundled
    models of one style."""
    bank: str | None = None
    """A folder with another bank than the bundled one, or a Hub repository (owner/name)."""
    cell: int = 512
    """Longest side of each picture, in pixels; the styles see the photo at this size."""
    strength: float = 1.0
    """From 0 (the photo) to 1 (the painting)."""
    preserve_color: bool = False
    """Keep the photo's colours."""
    profile: bool = False
    """Show also the colours of each picture and, under them, those of the tradition; with --json, how far each went
    from the photo to the tradition on every measure of hfstyle profile."""
    language: Literal["en", "zh"] = "en"
    """Of the names."""
    device: str | None = None
    """cpu, cuda, mps ...; chosen by itself where not given."""
    overwrite: bool = False
    """Replace a sheet that exists."""
    json: bool = False
    """Print what was done as JSON."""

    def run(self) -> int:
        output = self._output()
        if self.json and output == STDIO:
            raise OptionError("--json and a picture cannot both go to standard output; give -o a file")
        if output != STDIO:
            _check_ending(output)
        if not 64 <= self.cell <= 2048:
            raise OptionError(f"--cell must lie between 64 and 2048, not {self.cell}")
        refuse_existing([output], self.overwrite)
        from PIL import Image
        from tqdm import tqdm

        from hfstyle.images import MAX_PIXELS, labelled_sheet, read_image

        photo = read_image(sys.stdin.buffer if self.photo == STDIO else self.photo)
        photo.thumbnail((self.cell, self.cell), Image.Resampling.LANCZOS)
        painters = self._painters()
        if not painters:
            raise OptionError("there is no style; give --styles, or --bank with a bank that has some")
        if (len(painters) + 1) * photo.width * photo.height > MAX_PIXELS:
            raise OptionError(f"{len(painters)} styles are too many for one sheet; make --cell smaller")
        cells, seconds = [({"en": "Photo", "zh": "照片"}[self.language], photo)], {}
        for name, load in tqdm(painters.items(), unit="style", disable=None if len(painters) > 1 else True):
            painter = load()
            start = time.perf_counter()
            painting = painter.stylize(photo, self.strength, self.preserve_color)
            seconds[name] = round(time.perf_counter() - start, 3)
            cells.append((self._label(name, painter), painting))
        palettes, steps = self._profiles(list(painters), [picture for _, picture in cells])
        _write(labelled_sheet(cells, self.cell, palettes), output, self.overwrite)
        if self.json:
            done = {"photo": self.photo, "sheet": output, "seconds": seconds}
            print(json.dumps(done | ({"profile": steps} if self.profile else {}), indent=2))
        elif output != STDIO:
            print(output)
        return 0

    def _output(self) -> str:
        if self.output is not None:
            return self.output
        if self.photo == STDIO:
            return STDIO
        return str(Path(self.photo).with_name(f"{Path(self.photo).stem}-sheet.png"))

    def _painters(self) -> dict[str, Callable[[], Any]]:
        """The styles, each with what loads it."""
        from hfstyle.assets import bundled_models, bundled_styles
        from hfstyle.auto import AutoModel, load_painter
        from hfstyle.styles import StyledModel
        from hfstyle.stylize import read_blend

        device = find_device(self.device)
        if self.bank is None:
            # First what one network makes, to be compared; the sort is stable.
            names = self.styles or sorted(bundled_styles(), key=lambda name: name in bundled_models())
            return {name: functools.partial(load_painter, name, device) for name in names}
        bank = AutoModel.from_pretrained(self.bank, device=device)
        if not isinstance(bank, StyledModel):
            raise OptionError(f"{self.bank} is a {type(bank).__name__}, which has no styles to choose from")
        return {name: functools.partial(bank.painter, read_blend(name)) for name in self.styles or bank.styles}

    def _tradition(self, style: str) -> str | None:
        """The tradition that a bundled style learnt from."""
        from hfstyle.assets import bundled_styles

        known = self.bank is None and style in bundled_styles()
        return style.rpartition(":")[2] if known else None

    def _label(self, style: str, painter: Any) -> str:
        """What the sheet calls a style; a model that has but one is told from a bank's style of the same name."""
        from hfstyle.styles import StylePainter
        from hfstyle.traditions import tradition, traditions

        name = self._tradition(style)
        label = tradition(name).titles[self.language] if name in traditions() else short(style)
        kind = "" if isinstance(painter, StylePainter) else f" ({type(painter).__name__.removesuffix('Generator')})"
        return label + kind

    def _profiles(self, styles: list[str], pictures: list[Any]) -> tuple[list[list[Any]] | None, dict[str, Any]]:
        """For each picture its palette and the tradition's; and where each painting lies between photo and tradition.
        The first picture is the photo."""
        if not self.profile:
            return None, {}
        from hfstyle.evaluation.culture import Profile, bundled_profiles, distance

        photo, *painted = (Profile.of("picture", [picture]) for picture in pictures)
        palettes, steps = [[photo.palette]], {}
        for style, own in zip(styles, painted, strict=True):
            goal = bundled_profiles().get(self._tradition(style) or "")
            palettes.append([own.palette, goal.palette] if goal else [own.palette])
            if goal:
                steps[style] = [dataclasses.asdict(step) for step in distance(photo, own, goal)]
        return palettes, steps


@dataclass
class Imagine:
    """Make pictures out of nothing but chance, with a model that needs no photo (DCGAN)."""

    model: Annotated[Positional[str], arg(metavar="MODEL")] = "imagine"
    """The bundled model (landscapes), a folder with a model, or a Hub repository (owner/name)."""
    output: Annotated[str | None, arg(aliases=["-o"])] = None
    """A file for one sheet of all pictures, a folder for a file a picture, or - for a sheet on standard output (PNG).
    None given: a sheet MODEL-SEED.png in the working folder."""
    number: Annotated[int, arg(aliases=["-n"])] = 16
    """How many pictures."""
    seed: int = 0
    """Which pictures: the same seed, the same pictures."""
    walk: int | None = None
    """Another seed: walk from the first picture of --seed to the first of this one."""
    truncation: float | None = None
    """Cut chance off beyond this many standard deviations: less variety, fewer failures. 2 is mild, 0.5 strong."""
    device: str | None = None
    """cpu, cuda, mps ...; chosen by itself where not given."""
    overwrite: bool = False
    """Replace files that exist."""
    json: bool = False
    """Print what was done as JSON."""

    def run(self) -> int:
        if self.number < 1:
            raise OptionError(f"--number must be at least 1, not {self.number}")
        if self.walk is not None and self.number < 2:
            raise OptionError("a walk has at least 2 pictures; give --number")
        if self.json and self.output == STDIO:
            raise OptionError("--json and a picture cannot both go to standard output; give -o a file")
        outputs = self._outputs()
        refuse_existing(outputs, self.overwrite)
        from hfstyle.auto import AutoModel
        from hfstyle.images import MAX_PIXELS, contact_sheet

        model = AutoModel.from_pretrained(self.model, device=find_device(self.device))
        if not hasattr(model, "generate"):
            why = "needs a photo; see hfstyle stylize" if hasattr(model, "stylize") else "does not make pictures"
            raise OptionError(f"{self.model} is a {type(model).__name__}, which {why}")
        is_sheet = len(outputs) < self.number or outputs == [STDIO]
        if is_sheet and self.number * model.config.image_size**2 > MAX_PIXELS:
            raise OptionError(f"{self.number} pictures are too many for one sheet; give -o a folder")
        if self.walk is None:
            pictures = model.generate(self.number, self.seed, self.truncation)
        else:
            pictures = model.interpolate(self.seed, self.walk, self.number, self.truncation)
        if is_sheet:
            columns = math.ceil(math.sqrt(self.number))
            rows = [pictures[start : start + columns] for start in range(0, self.number, columns)]
            pictures = [contact_sheet(rows, cell=model.config.image_size)]
        for picture, output in zip(pictures, outputs, strict=True):
            _write(picture, output, self.overwrite)
            if output != STDIO and not self.json:
                print(output)
        if self.json:
            done = {"model": self.model, "pictures": outputs, "number": self.number, "seed": self.seed}
            print(json.dumps(done | {"walk": self.walk, "truncation": self.truncation}, indent=2))
        return 0

    def _outputs(self) -> list[str]:
        """The file of the sheet, or of each picture."""
        name = f"{named(Path(self.model)).name}-{self.seed}"
        name += f"-{self.walk}" if self.walk is not None else ""
        if self.output is None:
            return [f"{name}.png"]
        if self.output == STDIO or (Path(self.output).suffix and not _is_folder(self.output)):
            return [self.output]
        digits = len(str(self.number - 1))
        return [str(Path(self.output, f"{name}-{index:0{digits}}.png")) for index in range(self.number)]


@dataclass
class Evaluate:
    """Judge a style: photos that it never saw, painted, against paintings of the tradition."""

    photos: str
    """Photos that the style did not learn from: a folder, a zip, or a data set on the Hub (owner/name)."""
    paintings: str
    """Paintings of the tradition, all that are there: as --photos."""
    model: Annotated[Positional[str | None], arg(metavar="MODEL")] = None
    """A bundled style, a folder with a model, or a Hub repository (owner/name); a style of several as bank:monet."""
    outputs: str | None = None
    """In place of MODEL, pictures that something else made: a folder in which each has the name of its photo."""
    baselines: bool = False
    """Judge also what a style must beat: the unchanged photos, and photos with the paintings' colours; and the
    floor, one half of the paintings against the other."""
    inner_crop: float = 1.0
    """Part of the paintings' width and height that is kept around the centre, against paper margins and frames."""
    photo_size: int = 256
    """Paint photos at this short side, in pixels; larger ones are scaled down."""
    limit: int | None = None
    """Judge by the first photos only, this many."""
    resamplings: int = 1000
    """Bootstraps for the intervals."""
    seed: int = 0
    """Of the bootstraps: the same seed, the same figures."""
    html: str | None = None
    """File for a report with figures and a sheet of twelve photos, all in one page."""
    language: Literal["en", "zh"] = "en"
    """Of the report."""
    device: str | None = None
    """cpu, cuda, mps ...; chosen by itself where not given."""
    overwrite: bool = False
    """Replace a report that exists."""
    json: bool = False
    """Print JSON."""

    def run(self) -> int:
        if (self.model is None) == (self.outputs is None):
            raise OptionError("give a MODEL, or --outputs with the pictures that something else made, not both")
        if not 0 < self.inner_crop <= 1:
            raise OptionError(f"--inner-crop must be above 0 and at most 1, not {self.inner_crop}")
        if self.photo_size < 1 or (self.limit is not None and self.limit < 1):
            raise OptionError("--photo-size and --limit must be at least 1")
        if self.html is not None:
            if Path(self.html).suffix.lower() not in (".html", ".htm"):
                raise OptionError(f"cannot write {self.html}: name it .html")
            refuse_existing([self.html], self.overwrite)
        from hfstyle.data.pictures import open_pictures
        from hfstyle.evaluation.judge import judge
        from hfstyle.evaluation.report import write_report

        photos = open_pictures(self.photos, split=None, limit=self.limit, short_side=self.photo_size)
        paintings = open_pictures(self.paintings, split=None, inner_crop=self.inner_crop)
        if self.model is None:
            name, made = named(Path(self.outputs)).name, open_pictures(self.outputs, split=None)
            facts, device = {}, find_device(self.device) or "cpu"
        else:
            from hfstyle.auto import load_painter

            painter = load_painter(self.model, find_device(self.device))
            name, made, device = named(Path(self.model)).name, painter.stylize, painter.device
            model = getattr(painter, "bank", painter)
            facts = {"class": type(model).__name__, "parameters": model.num_parameters}
        judgement = judge(
            name, made, photos, paintings, baselines=self.baselines, resamplings=self.resamplings, seed=self.seed,
            device=device, facts=facts,
        )  # fmt: skip
        print(json.dumps(judgement.to_dict(), indent=2) if self.json else "\n".join(judgement.lines()))
        if self.html is not None:
            make_folder(Path(self.html).parent)
            write_report(judgement, self.html, self.language)
        return 0


@dataclass
class App:
    """Open the studio in the browser."""

    host: str | None = None
    """Address to listen on; this machine only where not given, 0.0.0.0 lets others in."""
    port: int | None = None
    """Port; the first free one from 7860 where not given."""
    share: bool = False
    """Make a public link through Gradio's servers."""
    browser: bool = False
    """Open a browser window."""

    def run(self) -> int:
        from hfstyle.studio import launch

        launch(host=self.host, port=self.port, share=self.share, inbrowser=self.browser)
        return 0


@dataclass
class ShowProfile:
    """What a set of pictures does with colour, space, line and surface, in numbers. It describes and ranks nothing."""

    pictures: Annotated[Positional[str], arg(metavar="DIR|STYLE")]
    """A folder, a zip, or a data set on the Hub (owner/name); or the name of a bundled tradition."""
    beside: str = "photos"
    """A bundled tradition, or photos, to show the same measures of."""
    plot: str | None = None
    """File for a picture of it."""
    limit: int | None = None
    """Measure this many pictures, spread evenly over all."""
    language: Literal["en", "zh"] = "en"
    """In which a bundled tradition is described."""
    overwrite: bool = False
    """Replace a plot that exists."""
    json: bool = False
    """Print JSON."""

    def run(self) -> int:
        if self.limit is not None and self.limit < 1:
            raise OptionError("--limit must be at least 1")
        if self.plot is not None:
            _check_ending(self.plot)
            refuse_existing([self.plot], self.overwrite)
        from hfstyle.data.pictures import open_pictures
        from hfstyle.evaluation.culture import FEWEST, MEASURES, aligned, bundled_profile, bundled_profiles, profile

        other = bundled_profile(self.beside)
        about = []
        if self.pictures in bundled_profiles() and not os.path.exists(self.pictures):
            found = bundled_profile(self.pictures)
            about = self._about(self.pictures)
        else:
            found = profile(open_pictures(self.pictures, split=None), self.limit)
            found = dataclasses.replace(found, name=named(Path(self.pictures)).name)
        if self.json:
            print(json.dumps(found.to_dict(), indent=2))
        else:
            rows = [["measure", "median", "quartiles", self.beside, "what it tells"]]
            for name, spread in found.measures.items():
                quartiles = f"{spread.low:.3g} to {spread.high:.3g}"
                text = MEASURES[name].text + (f" ({MEASURES[name].unit})" if MEASURES[name].unit else "")
                rows.append([name, f"{spread.median:.3g}", quartiles, f"{other.measures[name].median:.3g}", text])
            print("\n".join([*about, *aligned(rows)]))
            print("\npalette: " + ", ".join(f"{colour} {share:.0%}" for colour, share in found.palette))
            print(f"{found.pictures} picture{'' if found.pictures == 1 else 's'} of {found.name}")
        if found.pictures < FEWEST:
            print(f"note: with fewer than {FEWEST} pictures, much of this is chance", file=sys.stderr)
        if self.plot is not None:
            from hfstyle.evaluation.profile_plot import plot_profile

            _write(plot_profile(found), self.plot, self.overwrite)
        return 0

    def _about(self, name: str) -> list[str]:
        """The tradition in words; photographs have none."""
        from hfstyle.traditions import tradition, traditions

        if name not in traditions():
            return []
        found = tradition(name)
        # Chinese has no spaces to break lines at, and its signs are two columns wide.
        lines = textwrap.wrap(found.paragraphs[self.language], 100 if self.language == "en" else 50)
        return [found.titles[self.language], found.periods[self.language], "", *lines, ""]


@dataclass
class DataCheck:
    """Look at training pictures before hours are spent: counts, sizes, broken files, duplicates, a contact sheet."""

    sources: Annotated[Positional[list[str]], arg(metavar="DIR...")]
    """Folders, zips, or data sets on the Hub (owner/name)."""
    output: Annotated[str | None, arg(aliases=["-o"])] = None
    """File for the contact sheet. None given: NAME-sheet.jpg in this folder, after the first source."""
    crop: int = 256
    """Side of the crops that training will take, in pixels; smaller pictures are reported."""
    column: str | None = None
    """Column of a data set on the Hub, where it has several with pictures."""
    subset: str | None = None
    """Configuration of a data set on the Hub, where it has several."""
    limit: int | None = None
    """Look at the first pictures only, this many of each source."""
    overwrite: bool = False
    """Replace a contact sheet that exists."""
    json: bool = False
    """Print JSON."""

    def run(self) -> int:
        if not self.sources:
            raise OptionError("name at least one folder, zip, or data set on the Hub (owner/name)")
        if self.crop < 1 or (self.limit is not None and self.limit < 1):
            raise OptionError("--crop and --limit must be at least 1")
        from hfstyle.data.check import check, sheet_name
        from hfstyle.images import save_image

        output = self.output or sheet_name(self.sources[0])
        _check_ending(output)
        if os.path.exists(output) and not self.overwrite:
            raise OptionError(f"{output} exists; pass --overwrite to replace it")
        report = check(self.sources, column=self.column, subset=self.subset, limit=self.limit, crop=self.crop)
        if report.sheet is not None:
            make_folder(Path(output).parent)
            save_image(report.sheet, output)
        sheet = output if report.sheet is not None else None
        if self.json:
            print(json.dumps({**report.to_dict(), "sheet": sheet}, indent=2))
        else:
            print("\n".join(report.lines()))
            if sheet:
                print(f"contact sheet: {sheet}")
        return 0 if report.pictures else 2


# To tyro, a choice of one command is no choice; the suppressed None makes it two.
@dataclass
class Data:
    """Check training pictures."""

    command: OmitArgPrefixes[Annotated[DataCheck, subcommand("check", prefix_name=False)] | Annotated[None, Suppress]]

    def run(self) -> int:
        return self.command.run()


COMMANDS = {
    "stylize": Stylize,
    "sheet": Sheet,
    "learn": Learn,
    "styles": Styles,
    "votes": Votes,
    "imagine": Imagine,
    "evaluate": Evaluate,
    "profile": ShowProfile,
    "convert": Convert,
    "export": Export,
    "info": Info,
    "push": Push,
    "pull": Pull,
    "card": ShowCard,
    "data": Data,
    "app": App,
    "space": Space,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line. Returns the exit code: 2 for bad input, 130 when interrupted."""
    try:
        command = parse(
            tyro.extras.subcommand_cli_from_dict,
            COMMANDS,
            prog="hfstyle",
            description="Photographs into paintings.",
            args=arguments,
            config=(FlagCreatePairsOff,),
        )
        return command.run()
    except HfstyleError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # Whoever read our output has gone; so does the interpreter's last flush.
        sys.stdout = None
        return 1
    except KeyboardInterrupt:
        return 130


@dataclasses.dataclass(frozen=True)
class _Job:
    photo: str
    output: str


def _plan(options: Stylize) -> list[_Job]:
    """Which file becomes which, checked as a whole before any work is done."""
    if not options.photos:
        raise OptionError("name at least one photo: a file, a folder, a pattern, or - for standard input")
    style = short(options.style)
    jobs: list[_Job] = []
    several = len(options.photos) > 1 or Path(options.photos[0]).is_dir() or is_pattern(options.photos[0])
    for given in options.photos:
        if given == STDIO:
            output = options.output or STDIO
            jobs.append(
                _Job(STDIO, str(Path(output, f"stdin-{style}.png")) if several and output != STDIO else output)
            )
            continue
        for path, relative in expand(given):
            name = f"{path.stem}-{style}.png"
            if options.output == STDIO:
                output = STDIO
            elif options.output is None:
                # A folder of its own: else a second run would stylise the paintings of the first.
                base = path.parent if relative is None else (_beside(given, style) / relative).parent
                output = str(base / name)
            elif several or _is_folder(options.output):
                output = str(Path(options.output, relative or path.name).parent / name)
            else:
                output = options.output
            jobs.append(_Job(str(path), output))
    if sum(job.output == STDIO for job in jobs) > 1:
        raise OptionError("only one picture can go to standard output")
    outputs = [job.output for job in jobs]
    if twice := next((output for output in outputs if outputs.count(output) > 1), None):
        raise OptionError(f"two photos would both become {twice}; stylise them into different folders")
    refuse_existing(outputs, options.overwrite)
    return jobs


def _check_ending(output: str) -> None:
    if Path(output).suffix.lower() not in (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"):
        raise OptionError(f"cannot write {output}: name it .png, .jpg, .webp or .tif")


def _is_folder(given: str) -> bool:
    """Whether an output names a folder, which need not exist yet."""
    return given.endswith("/") or Path(given).is_dir()


def _beside(folder: str, style: str) -> Path:
    """FOLDER-STYLE beside FOLDER."""
    path = named(Path(folder))
    return path.with_name(f"{path.name}-{style}")


def _write(picture: Any, output: str, overwrite: bool) -> None:
    """Write a picture into a file, whose folder is made where missing, or to standard output."""
    from hfstyle.images import encode_image, save_image

    if output == STDIO:
        buffer = io.BytesIO()
        encode_image(picture, buffer)
        sys.stdout.buffer.write(buffer.getvalue())
        return
    make_folder(Path(output).parent)
    try:
        save_image(picture, output, overwrite=overwrite)
    except FileExistsError as error:
        raise ImageError(f"{output} exists; pass --overwrite to replace it") from error


def _complain(sentence: str) -> bool:
    from tqdm import tqdm

    tqdm.write(f"error: {sentence}", file=sys.stderr)
    return True


def _reduced(painting: Any) -> str:
    width, height = painting.info["stylized_size"]
    return "" if (width, height) == painting.size else f" (stylised at {width}x{height}; --max-pixels allows more)"
