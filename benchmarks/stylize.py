"""Seconds a photo takes, and seconds `import hfstyle` takes: `python benchmarks/stylize.py [--style ukiyoe]`.

Each figure is the median of several runs after a warm-up, in one process on all cores; run it on an idle machine.
"""

import argparse
import platform
import statistics
import subprocess
import sys
import time

import torch
from PIL import Image

from hfstyle import AutoModel

SIZES = (256, 512, 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--style", default="ukiyoe")
    parser.add_argument("--runs", type=int, default=7)
    options = parser.parse_args()
    model = AutoModel.from_pretrained(options.style)
    print(
        f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}"
    )
    print(f"{options.style}: {model.num_parameters:,} parameters")
    noise = torch.randint(0, 256, (max(SIZES), max(SIZES), 3), dtype=torch.uint8).numpy()
    for size in SIZES:
        photo = Image.fromarray(noise).resize((size, size))
        model.stylize(photo)
        print(f"{size}x{size}: {median(lambda photo=photo: model.stylize(photo), options.runs):.3f} s")
    bare = median(lambda: subprocess.run([sys.executable, "-c", "pass"], check=True), options.runs)
    full = median(lambda: subprocess.run([sys.executable, "-c", "import hfstyle"], check=True), options.runs)
    print(f"import hfstyle: {full - bare:.3f} s beyond an empty Python ({bare:.3f} s)")


def median(work, runs: int) -> float:
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


if __name__ == "__main__":
    main()
