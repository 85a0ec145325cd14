"""A bank one of whose styles starts anew, half-way to another: `halfway.py BANK STYLE OTHER OUT`."""

import argparse
from pathlib import Path

from hfstyle import AutoModel


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument("bank")
    parser.add_argument("style")
    parser.add_argument("other")
    parser.add_argument("output", type=Path)
    asked = parser.parse_args()
    bank = AutoModel.from_pretrained(asked.bank, device="cpu")
    between = (bank.numbers_of(asked.style) + bank.numbers_of(asked.other)) / 2
    bank.remove_style(asked.style)
    bank.add_style(asked.style, between)
    bank.save_pretrained(asked.output, card="")


if __name__ == "__main__":
    main()
