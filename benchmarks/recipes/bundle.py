"""Make a trained model a bundled one: `python benchmarks/recipes/bundle.py OUT/ukiyoe [--restart-only]`.

Into `hfstyle/assets/NAME` go the generator and its judge in half precision, the card and a small copy of its samples.
Into `benchmarks/restart/NAME` go all networks in half precision, from which `--init-from` trains on, and the curves.
With `--restart-only`, of a model that is not good enough yet, only the latter.
"""

import argparse
from pathlib import Path

import torch
from PIL import Image

from hfstyle import AutoModel
from hfstyle.traditions import traditions

ROOT = Path(__file__).parents[2]
RESTART = ("", "reverse", "discriminator", "reverse/discriminator", "discriminator/features")
BUNDLED = ("", "discriminator")
CURVES = "\n![Losses and measures by step](curves.png)\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("trained", type=Path)
    parser.add_argument("--restart-only", action="store_true")
    parser.add_argument("--no-judge", action="store_true", help="leave the judge out of what is bundled")
    parser.add_argument("--name", help="the folder's where not given; best/ and checkpoints need one")
    asked = parser.parse_args()
    name = asked.name or asked.trained.resolve().name
    bundled = BUNDLED[:1] if asked.no_judge else BUNDLED
    homes = {"benchmarks/restart": RESTART} | ({} if asked.restart_only else {"hfstyle/assets": bundled})
    for home, subfolders in homes.items():
        folder = ROOT / home / name
        for subfolder in subfolders:
            if not (asked.trained / subfolder / "config.json").exists():
                continue  # not every method knows a way back
            model = AutoModel.from_pretrained(asked.trained, subfolder=subfolder, device="cpu")
            # One card, at the top: a style's judge is explained there.
            model.save_pretrained(folder / subfolder, dtype=torch.float16, card="")
        if home == "hfstyle/assets":
            card = (asked.trained / "README.md").read_text("utf-8").replace(CURVES, "")
            if name in traditions() and "\ntraditions:" not in card:
                card = card.replace("\nwidget:", f"\ntraditions:\n- {name}\nwidget:", 1)
            (folder / "README.md").write_text(card, "utf-8")
            # What the card shows may be as small as eyes allow: it comes with every installation.
            with Image.open(asked.trained / "samples.jpg") as samples:
                samples.thumbnail((1000, samples.height), Image.Resampling.LANCZOS)
                samples.save(folder / "samples.jpg", quality=75, optimize=True)
        elif (asked.trained / "curves.png").exists():  # best/ and checkpoints have none
            with Image.open(asked.trained / "curves.png") as curves:
                curves.convert("RGB").quantize(128).save(folder / "curves.png", optimize=True)
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        print(f"{folder.relative_to(ROOT)}: {size / 2**20:.1f} MB")


if __name__ == "__main__":
    main()
