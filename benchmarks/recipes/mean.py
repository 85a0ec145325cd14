"""The mean of trainings that went on from each other: `python benchmarks/recipes/mean.py OUT/a=2 OUT/b=3 OUT/mean`.

Where one paints too freely and the other too timidly, their mean may do what neither does (Wortsman et al. 2022,
"Model soups", arXiv:2203.05482). Each counts as often as it says. Generators are averaged; discriminators, curves, the
card and, of a bank, samples are those of the last.
"""

import argparse
import shutil
from pathlib import Path

from hfstyle import AutoModel
from hfstyle.images import contact_sheet, list_images, read_image, save_image

ROOT = Path(__file__).parents[2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("trained", nargs="+", help="FOLDER=SHARE")
    parser.add_argument("mean", type=Path)
    asked = parser.parse_args()
    folders, shares = zip(*(one.rsplit("=", 1) for one in asked.trained), strict=True)
    shares = [float(share) for share in shares]
    ignored = shutil.ignore_patterns("checkpoint-*", "best", "samples")
    shutil.copytree(folders[-1], asked.mean, ignore=ignored, dirs_exist_ok=True)
    for generator in ("", "reverse"):
        if not (asked.mean / generator / "config.json").exists():
            return  # a bank: it knows no way back
        models = [AutoModel.from_pretrained(folder, subfolder=generator, device="cpu") for folder in folders]
        states = [model.state_dict() for model in models]
        mean = {
            name: sum(share * state[name] for share, state in zip(shares, states, strict=True)) / sum(shares)
            for name in states[0]
        }
        models[0].load_state_dict(mean)
        models[0].save_pretrained(asked.mean / generator, card="")
    model = AutoModel.from_pretrained(asked.mean, device="cpu")
    photos = [read_image(path) for path in list_images(ROOT / "hfstyle" / "assets" / "examples")]
    sheet = contact_sheet([photos, [model.stylize(photo) for photo in photos]], cell=384)
    save_image(sheet, asked.mean / "samples.jpg")


if __name__ == "__main__":
    main()
