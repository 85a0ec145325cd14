"""Profiles of the traditions, and whether they tell them apart: `python benchmarks/profiles.py ART`.

ART holds a folder for each tradition and one of photographs, each with `train/` and `test/`. Prints the medians.

--write     replaces the profiles that the package ships, from `train/`.
--classify  asks a plain classifier (logistic regression on standardised measures) which set a picture belongs to.
            Scans differ from set to set, and a classifier could go by them alone; so each picture is measured also as
            another scan of it might look: squashed, faded, tinted, smaller, and a stronger JPEG, all at random. It
            learns from both, and is judged by both, on pictures that it never saw: in five folds of `train/` (names
            that differ in their number only stay together) and on `test/`. Accuracy is the mean over the sets; chance
            is one in nine.
            Needs scikit-learn.
"""

import argparse
import io
import json
import os
import re
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from hfstyle.assets import ASSETS
from hfstyle.evaluation.culture import MEASURES, Profile, measure, prepare
from hfstyle.machine import describe

SETS = ("monet", "impressionism", "pointillism", "vangogh", "ukiyoe", "shanshui", "kuindzhi", "pirosmani", "photos")
OTHERS = {"pointillism": ("henri-martin",)}
"""Names in the folders that stood apart from the tradition."""
MOST = 160
"""Pictures of a set that are measured, spread evenly, so that none weighs much more than another."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("art", type=Path)
    parser.add_argument("--write", action="store_true", help="replace the profiles that the package ships")
    parser.add_argument("--classify", action="store_true", help="ask a classifier, with scans controlled for")
    options = parser.parse_args()
    profiles = {name: Profile.of(name, map(Image.open, files(options.art, name, "train")), False) for name in SETS}
    print(table(profiles))
    if options.write:
        plain = {name: profile.to_dict() for name, profile in profiles.items()}
        (ASSETS / "profiles.json").write_text(json.dumps(plain, indent=1) + "\n", "utf-8")
    if options.classify:
        classify(options.art)


def files(art: Path, name: str, part: str) -> list[Path]:
    """The pictures of a set, the same each time."""
    found = [
        path
        for path in sorted((art / name / part).iterdir())
        if path.suffix.lower() in (".jpg", ".jpeg", ".png") and not path.name.startswith(OTHERS.get(name, ()))
    ]
    if not found:
        sys.exit(f"there is no picture in {art / name / part}")
    count = min(MOST, len(found))
    return [found[place * len(found) // count] for place in range(count)]


def table(profiles: dict[str, Profile]) -> str:
    lines = ["| median (quartiles) | " + " | ".join(profiles) + " |", "|-" * (len(profiles) + 1) + "|"]
    for name in MEASURES:
        cells = []
        for profile in profiles.values():
            spread = profile.measures[name]
            digits = 0 if abs(spread.median) >= 10 else 2
            cells.append(f"{spread.median:.{digits}f} ({spread.low:.{digits}f}, {spread.high:.{digits}f})")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    lines.append("| pictures | " + " | ".join(str(profile.pictures) for profile in profiles.values()) + " |")
    return "\n".join(lines)


# ---- the classifier ----
def classify(art: Path) -> None:
    try:
        from sklearn.linear_model import LogisticRegression
        from sklearn.metrics import balanced_accuracy_score
        from sklearn.model_selection import StratifiedGroupKFold
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
    except ImportError:
        sys.exit("--classify needs scikit-learn: pip install scikit-learn")

    def learnt(values: np.ndarray, names: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        model = make_pipeline(StandardScaler(), LogisticRegression(C=1, max_iter=3000, class_weight="balanced"))
        return model.fit(values, names).predict

    train, test = (measured(art, part) for part in ("train", "test"))
    names = train[0]
    groups = [re.sub(r"([-_]\d+)+$", "", path.stem) for path in train[1]]
    columns = list(MEASURES)
    counts = f"{len(names)} pictures of train/, {len(test[0])} of test/; chance {1 / len(SETS):.2f}"
    print(f"\n{describe(torch.device('cpu'))}; {counts}")
    print("\n| measures | folds | folds, other scan | test | test, other scan |\n|-|-|-|-|-|")
    for title, left_out in (("all", ()), ("without tonal range", ("tonal range",))):
        kept = [n for n, column in enumerate(columns) if column not in left_out]
        found = [np.empty(len(names), names.dtype) for _ in range(2)]
        folds = StratifiedGroupKFold(5, shuffle=True, random_state=0)
        for inner, outer in folds.split(names, names, groups):
            predict = learnt(np.concatenate([scan[inner][:, kept] for scan in train[2]]), np.tile(names[inner], 2))
            for scan, guesses in zip(train[2], found, strict=True):
                guesses[outer] = predict(scan[outer][:, kept])
        scores = [balanced_accuracy_score(names, guesses) for guesses in found]
        predict = learnt(np.concatenate([scan[:, kept] for scan in train[2]]), np.tile(names, 2))
        scores += [balanced_accuracy_score(test[0], predict(scan[:, kept])) for scan in test[2]]
        print(f"| {title} | " + " | ".join(f"{score:.3f}" for score in scores) + " |")
        if not left_out:
            confusion = predict(test[2][0][:, kept])
    print("\nOf each set in test/, where its pictures were put, all measures:\n")
    print("| set | " + " | ".join(SETS) + " |\n" + "|-" * (len(SETS) + 1) + "|")
    for name in SETS:
        guesses = confusion[test[0] == name]
        print(f"| {name} | " + " | ".join(f"{(guesses == other).mean():.2f}" for other in SETS) + " |")


def measured(art: Path, part: str) -> tuple[np.ndarray, list[Path], list[np.ndarray]]:
    """Of all sets: names, files, and measures of each picture as it is and as another scan, (pictures, measures)."""
    found = [(name, path) for name in SETS for path in files(art, name, part)]
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        values = pool.map(both, [path for _, path in found], chunksize=8)
        values = np.array(list(tqdm(values, part, len(found), False, unit="picture", disable=None)))
    return np.array([name for name, _ in found]), [path for _, path in found], [values[:, 0], values[:, 1]]


def both(path: Path) -> list[list[float]]:
    picture = Image.open(path).convert("RGB")
    random = np.random.default_rng([*path.name.encode()])
    return [list(measure(prepare(one)).values()) for one in (picture, other_scan(picture, random))]


def other_scan(picture: Image.Image, random: np.random.Generator) -> Image.Image:
    """The picture as another scan might show it."""
    width, height = picture.size
    scale = random.uniform(0.55, 1)
    size = round(width * scale * np.exp(random.uniform(-0.35, 0.35))), round(height * scale)
    tint = random.uniform(0.9, 1.1, 3)
    contrast = random.uniform(0.6, 1)
    lift = 255 * random.uniform(0, 1 - contrast) * 0.7
    pixels = np.asarray(picture.resize(size, Image.Resampling.BICUBIC), float) * tint / tint.max() * contrast + lift
    file = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).round().astype(np.uint8)).save(
        file, "JPEG", quality=int(random.uniform(45, 95))
    )
    return Image.open(file)


if __name__ == "__main__":
    main()
