"""Does a style's discriminator know the style? `python benchmarks/score.py PHOTOS PAINTINGS [--style ukiyoe]`

Prints the mean score of paintings that it never saw, of photos, and of the photos as the style paints them.
"""

import argparse
import statistics
from pathlib import Path

from PIL import Image

from hfstyle import AutoModel
from hfstyle.data.pictures import open_pictures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path)
    parser.add_argument("paintings", type=Path)
    parser.add_argument("--style", default="ukiyoe")
    options = parser.parse_args()
    model = AutoModel.from_pretrained(options.style)
    discriminator = AutoModel.from_pretrained(options.style, subfolder="discriminator")

    def mean(pictures: list[Image.Image]) -> str:
        # A style has a scale, so all are judged at one size.
        scores = [discriminator.score(picture.resize((256, 256))).value for picture in pictures]
        return f"{statistics.mean(scores):.2f} (standard deviation {statistics.stdev(scores):.2f}, {len(scores)})"

    photos = list(open_pictures(options.photos, short_side=256))
    print("paintings", mean(list(open_pictures(options.paintings, inner_crop=0.88))))
    print("photos   ", mean(photos))
    print("painted  ", mean([model.stylize(photo) for photo in photos]))


if __name__ == "__main__":
    main()
