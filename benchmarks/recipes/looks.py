"""What `Collection` knows of pictures: `python benchmarks/recipes/looks.py ART [--write]`.

From what VGG16 sees (`Look.pooled`) in the pictures of ART/*/train, each also as another file of it might hold it,
smaller and of a stronger JPEG, two things are learnt. What tells photographs from paintings, by logistic regression.
And the directions in which traditions differ while pictures of one do not, by linear discriminant analysis (Fisher
1936) after 60 principal components. Both are judged by ART/*/test:

- how many pictures of each set, of ART/photos-open and of scikit-image are taken for photographs; and of each
  tradition, while nothing of it is learnt from;
- of how many sets of four, six and ten pictures it is said that they are two styles, where they are of one tradition,
  and where half is of another family of traditions.

`--write` replaces what the package ships. Needs scikit-learn.
"""

import argparse
import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from skimage import data
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from tqdm import tqdm

from hfstyle.assets import ASSETS
from hfstyle.features import STYLE_LAYERS, VGG16Features
from hfstyle.images import list_images, read_image
from hfstyle.training import collection
from hfstyle.training.collection import AREA, PHOTOGRAPH, SIDE, look

PHOTOS = "photos"
MOST = {PHOTOS: 240}
"""Pictures of a set that are learnt from; of the others 40."""
SKIMAGE = ("astronaut", "chelsea", "coffee", "rocket")
FAMILIES = (
    ("monet", "impressionism", "pointillism", "vangogh"),
    ("ukiyoe", "ukiyoe-figures"),
    ("shanshui",),
    ("kuindzhi",),
    ("pirosmani",),
)
TRIES = 400


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("art", type=Path)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    network, random = VGG16Features(STYLE_LAYERS), np.random.default_rng(0)
    learnt, judged = {}, {}
    for folder in sorted(path for path in asked.art.iterdir() if (path / "train").is_dir()):
        files = list_images(folder / "train")
        count = min(len(files), MOST.get(folder.name, 40))
        pictures = [another(read_image(files[n * len(files) // count]), random) for n in range(count)]
        learnt[folder.name] = see(network, pictures, folder.name)
        judged[folder.name] = see(network, map(read_image, list_images(folder / "test")[:40]), f"{folder.name} test")
    others = {"photos-open": see(network, map(read_image, list_images(asked.art / "photos-open")), "photos-open")}
    others["scikit-image"] = see(network, [Image.fromarray(getattr(data, name)()) for name in SKIMAGE], "scikit-image")
    photograph = fit_photograph(learnt)
    print(f"taken for photographs (from a probability of {PHOTOGRAPH} on), of those that were not learnt from:")
    for name, seen in {**judged, **others}.items():
        line = f"  {name}: {taken(seen, *photograph):.0%} of {len(seen)}"
        if name in judged and name != PHOTOS:
            without = fit_photograph({other: seen for other, seen in learnt.items() if other != name})
            line += f"; {taken(seen, *without):.0%} where nothing of it was learnt from"
        print(line)
    axes = fit_axes({name: seen for name, seen in learnt.items() if name != PHOTOS})
    tensors = {
        "photograph.weight": torch.tensor(photograph[0]).float(),
        "photograph.bias": torch.tensor(photograph[1]).float(),
        "axes": torch.tensor(axes).float(),
    }
    collection._learnt = lambda: tuple(tensors.values())
    for count in (4, 6, 10):
        one, two, sorted_out = said_to_be_two(judged, count, random)
        print(f"{count} pictures: two styles in {one:.0%} of sets of one tradition, in {two:.0%} of those of two, "
              f"where {sorted_out:.0%} of the pictures are with their own")  # fmt: skip
    if asked.write:
        save_file(tensors, ASSETS / "looks.safetensors")


def another(picture: Image.Image, random: np.random.Generator) -> Image.Image:
    """The picture as another file might hold it."""
    scale = random.uniform(0.7, 1.0)
    size = [max(100, round(side * scale)) for side in picture.size]
    file = io.BytesIO()
    quality = int(random.integers(60, 95))
    picture.convert("RGB").resize(size, Image.Resampling.LANCZOS).save(file, "JPEG", quality=quality)
    return Image.open(file).convert("RGB")


def see(network: VGG16Features, pictures: Iterable[Image.Image], title: str) -> np.ndarray:
    """(pictures, 960)"""
    looks = [look(network, picture.convert("RGB"), SIDE, AREA // 5) for picture in tqdm(pictures, title, disable=None)]
    return np.stack([one.pooled.numpy() for one in looks])


def fit_photograph(sets: dict[str, np.ndarray]) -> tuple[np.ndarray, float]:
    """Weights and bias on unscaled features."""
    features = np.concatenate([*sets.values()])
    photographs = np.concatenate([[name == PHOTOS] * len(seen) for name, seen in sets.items()])
    scaler = StandardScaler().fit(features)
    model = LogisticRegression(C=0.003, class_weight="balanced", max_iter=2000)
    model.fit(scaler.transform(features), photographs)
    weight = model.coef_[0] / scaler.scale_
    return weight, float(model.intercept_[0] - weight @ scaler.mean_)


def taken(seen: np.ndarray, weight: np.ndarray, bias: float) -> float:
    return float((1 / (1 + np.exp(-(seen @ weight + bias))) > PHOTOGRAPH).mean())


def fit_axes(sets: dict[str, np.ndarray]) -> np.ndarray:
    """(960, traditions - 1): along them pictures of one tradition have a variance of 1."""
    features = np.concatenate([*sets.values()])
    names = np.concatenate([[name] * len(seen) for name, seen in sets.items()])
    components = PCA(60, random_state=0).fit(features)
    scale = components.transform(features).std(0).mean()
    model = LinearDiscriminantAnalysis(solver="eigen", shrinkage=0.5)
    model.fit(components.transform(features) / scale, names)
    return components.components_.T / scale @ model.scalings_[:, : len(sets) - 1]


def said_to_be_two(judged: dict[str, np.ndarray], count: int, random: np.random.Generator) -> tuple[float, ...]:
    family = {name: place for place, names in enumerate(FAMILIES) for name in names}
    one, two, right = [], [], []
    for _ in range(TRIES):
        while True:
            a, b = random.choice([*family], 2, replace=False)
            if family[a] != family[b]:
                break
        half = count // 2
        alone = judged[a][random.choice(len(judged[a]), min(count, len(judged[a])), replace=False)]
        mixed = np.concatenate(
            [judged[name][random.choice(len(judged[name]), half, replace=False)] for name in (a, b)]
        )
        one.append(len(collection._groups(torch.tensor(alone))) > 1)
        groups = collection._groups(torch.tensor(mixed))
        two.append(len(groups) > 1)
        if two[-1]:
            first = np.isin(np.arange(2 * half), groups[0])
            right.append(
                max((first == (np.arange(2 * half) < half)).mean(), (first != (np.arange(2 * half) < half)).mean())
            )
    return float(np.mean(one)), float(np.mean(two)), float(np.mean(right))


if __name__ == "__main__":
    main()
