"""The mean of two trainings of one method that began alike: `python benchmarks/recipes/mean.py OUT/a OUT/b OUT/mean`.

Where one paints too freely and the other too timidly, their mean may do what neither does (Wortsman et al. 2022,
"Model soups", arXiv:2203.05482). Generators are averaged; discriminators, curves and the card are those of the first,
and the card says so.
"""

import argparse
import json
import shutil
from pathlib import Path

from hfstyle import AutoModel
from hfstyle.images import contact_sheet, list_images, read_image, save_image

ROOT = Path(__file__).parents[2]
LAST = "The command below is the last of the three."
OTHERS = ("output", "title", "about", "threads", "eval_every")
"""Options that leave what is learnt as it is."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    parser.add_argument("mean", type=Path)
    asked = parser.parse_args()
    shutil.copytree(asked.first, asked.mean, ignore=shutil.ignore_patterns("checkpoint-*", "best", "samples"))
    for generator in ("", "reverse"):
        first, second = (
            AutoModel.from_pretrained(folder, subfolder=generator, device="cpu")
            for folder in (asked.first, asked.second)
        )
        other = second.state_dict()
        first.load_state_dict({name: (value + other[name]) / 2 for name, value in first.state_dict().items()})
        first.save_pretrained(asked.mean / generator, card="")
    model = AutoModel.from_pretrained(asked.mean, device="cpu")
    photos = [read_image(path) for path in list_images(ROOT / "hfstyle" / "assets" / "examples")]
    save_image(
        contact_sheet([photos, [model.stylize(photo) for photo in photos]], cell=384), asked.mean / "samples.jpg"
    )
    here, there = (json.loads((folder / "options.json").read_text("utf-8")) for folder in (asked.first, asked.second))
    changed = " ".join(
        f"--{name.replace('_', '-')} {value}"
        for name, value in there.items()
        if value != here.get(name) and name not in OTHERS
    )
    card = (asked.first / "README.md").read_text("utf-8")
    assert card.count(LAST) == 1, f"the card does not say {LAST!r}"
    more = f"{LAST} The weights are the mean of its own and those of another that differs by `{changed}`."
    (asked.mean / "README.md").write_text(card.replace(LAST, more), "utf-8")


if __name__ == "__main__":
    main()
