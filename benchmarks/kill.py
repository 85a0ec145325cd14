"""Kill trainings and resume them: `python benchmarks/kill.py [--kills 20] [--methods cyclegan cut ...]`.

For each method, a training that nobody disturbs, and one that is killed (SIGKILL) at random moments, half of them
while a checkpoint is written, and resumed each time. Weights, averages, optimisers, pools, evaluations and the place
in the data must be equal to the bit in the end.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from toy_training import OWN, kill_and_resume, make_pictures  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--methods", nargs="+", choices=list(OWN), default=list(OWN))
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        pictures = make_pictures(Path(folder))
        for method in asked.methods:
            start = time.monotonic()
            killed = kill_and_resume(method, pictures, Path(folder, method), asked.kills)
            print(
                f"{method}: killed {killed} times, the same to the bit ({time.monotonic() - start:.0f} s)", flush=True
            )


if __name__ == "__main__":
    main()
