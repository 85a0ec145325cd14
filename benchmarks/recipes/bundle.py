"""Make a trained style a bundled one: `python benchmarks/recipes/bundle.py OUT/ukiyoe`.

Into `hfstyle/assets/NAME` go the generator and its judge in half precision, the card and its samples. Into
`benchmarks/restart/NAME` go all four networks in half precision: `--init-from benchmarks/restart/NAME` trains on.
"""

import argparse
import shutil
from pathlib import Path

import torch

from hfstyle import AutoModel

ROOT = Path(__file__).parents[2]
RESTART = ("", "reverse", "discriminator", "reverse/discriminator")
BUNDLED = ("", "discriminator")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("trained", type=Path)
    trained = parser.parse_args().trained
    for home, subfolders in (("hfstyle/assets", BUNDLED), ("benchmarks/restart", RESTART)):
        folder = ROOT / home / trained.name
        for subfolder in subfolders:
            model = AutoModel.from_pretrained(trained, subfolder=subfolder, device="cpu")
            # One card, at the top: a style's judge is explained there.
            model.save_pretrained(folder / subfolder, dtype=torch.float16, card="")
        if subfolders is BUNDLED:
            shutil.copy(trained / "README.md", folder)
            shutil.copy(trained / "samples.jpg", folder)
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        print(f"{folder.relative_to(ROOT)}: {size / 2**20:.1f} MB")


if __name__ == "__main__":
    main()
