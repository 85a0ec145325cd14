"""The command of `hfstyle` about votes: what people who compared paintings found."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from hfstyle.arguments import refuse_existing, writing
from hfstyle.errors import DataError


@dataclass
class Votes:
    """Rank what people compared in the studio, tradition by tradition, and say how far they agree."""

    source: Annotated[Positional[str | None], arg(metavar="SOURCE")] = None
    """A folder or file of votes (.sqlite3, .csv), or a data set on the Hub (owner/name). None given: those of the
    studio on this machine, ~/.hfstyle/votes."""
    tradition: str | None = None
    """Only this one."""
    csv: str | None = None
    """Write the votes into this file, one a line."""
    overwrite: bool = False
    """Replace a file that exists."""
    json: bool = False
    """Print the figures as JSON."""

    def run(self) -> int:
        from hfstyle.evaluation.votes import QUESTIONS, read_votes, summary, to_csv
        from hfstyle.library import home

        refuse_existing([self.csv] if self.csv else [], self.overwrite)
        votes = read_votes(self.source or home() / "votes")
        if self.tradition is not None:
            votes = [vote for vote in votes if vote.tradition == self.tradition]
        if not votes:
            raise DataError("there are no votes" + (f" on {self.tradition}" if self.tradition else "") + " yet")
        if self.csv:
            with writing(self.csv):
                Path(self.csv).write_text(to_csv(votes), encoding="utf-8")
        told = summary(votes)
        if self.json:
            print(json.dumps(told, indent=2, ensure_ascii=False))
            return 0
        print(f"{told['votes']} votes of {told['voters']} people")
        for tradition, found in told["traditions"].items():
            for question in QUESTIONS:
                print(f"\n{tradition}: {ASKED[question]}")
                for one in found[question]["ranking"]:
                    sure = "too few people" if one["low"] is None else f"{one['low']:.0%} to {one['high']:.0%}"
                    print(f"  {one['model']:<32} {one['share']:>4.0%}  ({sure}), {one['votes']} votes")
                if agreed := found[question]["agreement"]:
                    alpha = "" if agreed["alpha"] is None else f", Krippendorff's alpha {agreed['alpha']:.2f}"
                    print(
                        f"  two people give the same answer in {agreed['same']:.0%} of {agreed['pairs']} cases{alpha}"
                    )
        if self.csv:
            print(f"\n{self.csv}")
        return 0


ASKED = {"style": "who looks more like it", "content": "who keeps more of the photo"}
