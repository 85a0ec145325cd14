"""A bank with styles that were learnt apart: `python benchmarks/recipes/gather.py OUT/bank OUT/dots... OUT/all/bank`.

Each takes the place of what was there before: a bank that was trained with `--freeze-network` gives its styles, which
must fit the network; one that has all styles, trained with `--lambda-remembered`, gives its network too. The order of
the styles, discriminators, curves and the card are the first's, and the card says so.
"""

import argparse
import json
import shutil
from pathlib import Path

import torch

from hfstyle import AutoModel
from hfstyle.images import contact_sheet, list_images, read_image, save_image
from hfstyle.training.material import SAMPLES, spread
from hfstyle.training.report import shell

ROOT = Path(__file__).parents[2]
LAST = "The command below is that of the training on the GPU."
OTHERS = (
    "output", "title", "about", "threads", "init_from", "remember", "source", "styles", "teachers", "lambda_teacher",
    "sample_photos", "freeze_network", "checkpoint_every", "sample_every", "log_every",
)  # fmt: skip
"""Options that leave what is learnt as it is, or that the card tells in words."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("bank", type=Path)
    parser.add_argument("numbers", type=Path, nargs="+")
    parser.add_argument("together", type=Path)
    asked = parser.parse_args()
    ignored = shutil.ignore_patterns("checkpoint-*", "best", "samples")
    shutil.copytree(asked.bank, asked.together, ignore=ignored, dirs_exist_ok=True)
    bank = AutoModel.from_pretrained(asked.bank, device="cpu")
    here = json.loads((asked.bank / "options.json").read_text("utf-8"))
    told = []
    for folder in asked.numbers:
        learnt = AutoModel.from_pretrained(folder, device="cpu")
        same = learnt.fingerprint == bank.fingerprint
        assert same or {*learnt.styles} == {*bank.styles}, f"{folder} has another network: train with --freeze-network"
        there = json.loads((folder / "options.json").read_text("utf-8"))
        changed = " ".join(
            f"--{name.replace('_', '-')} {shell(value)}"
            for name, value in there.items()
            if value not in (here.get(name), [], None) and name not in OTHERS
        )
        names = " and ".join(f"`{style.partition('=')[0]}`" for style in there["styles"])
        what = "the numbers alone" if same else "the network, which remembered the other styles,"
        taught = f"a teacher (`--lambda-teacher {there['lambda_teacher']}`)" if there["teachers"] else "no teacher"
        told.append(f"{what} for {names}, with `{changed}` and {taught}")
        if not same:
            others = {name: value for name, value in learnt.state_dict().items() if name != "numbers"}
            bank.load_state_dict(others, strict=False)
        with torch.no_grad():
            for name in learnt.styles:
                bank.numbers[bank.styles.index(name)] = learnt.numbers_of(name)
    bank.save_pretrained(asked.together, card="")
    photos = [read_image(path) for path in spread(list_images(ROOT / "hfstyle" / "assets" / "examples"), SAMPLES)]
    rows = [photos, *([bank.stylize(photo, style) for photo in photos] for style in bank.styles)]
    save_image(contact_sheet(rows, cell=152), asked.together / "samples.jpg")
    card = (asked.bank / "README.md").read_text("utf-8")
    assert card.count(LAST) == 1, f"the card does not say {LAST!r}"
    more = f"{LAST} After it these learnt on: {'; '.join(told)}."
    (asked.together / "README.md").write_text(card.replace(LAST, more), "utf-8")


if __name__ == "__main__":
    main()
