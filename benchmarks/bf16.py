"""Does bfloat16 cost quality? `python benchmarks/bf16.py PHOTOS PAINTINGS [--steps 1000] [--seeds 3]`

Trains CycleGAN in float32 and in bfloat16 from the same seeds, and prints the KID to held-back paintings at the end of
each (VGG16 features, averaged weights), with the interval of each precision's mean (Student's t, 95 %). bfloat16 costs
no quality that shows if the intervals overlap. Only on a processor with bfloat16: others imitate it, a hundred times
slower.
"""

import argparse
import json
import math
import statistics
import sys
import tempfile
from pathlib import Path

import torch

from hfstyle.training.cyclegan import CycleGAN
from hfstyle.training.trainer import Trainer

T_95 = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78}
"""Student's t for a 95 % interval of the mean of so many values."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos")
    parser.add_argument("paintings")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seeds", type=int, choices=T_95, default=3)
    parser.add_argument("--ngf", type=int, default=32)
    parser.add_argument("--blocks", type=int, default=6)
    parser.add_argument("--crop", type=int, default=128)
    parser.add_argument("--imitate", action="store_true", help="run on a processor without bfloat16 all the same")
    asked = parser.parse_args()
    has_bf16 = torch.cpu.get_capabilities().get("avx512_bf16") or torch.cuda.is_available()
    if not has_bf16 and not asked.imitate:
        sys.exit("this processor has no bfloat16; --imitate runs it all the same")
    for precision in ("no", "bf16"):
        kids = [_train(asked, precision, seed) for seed in range(asked.seeds)]
        mean = statistics.mean(kids)
        half = T_95[asked.seeds] * statistics.stdev(kids) / math.sqrt(asked.seeds)
        each = ", ".join(f"{kid:.3f}" for kid in kids)
        print(
            f"{precision}: KID {each}; mean {mean:.3f}, 95 % from {mean - half:.3f} to {mean + half:.3f}", flush=True
        )


def _train(asked: argparse.Namespace, precision: str, seed: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        config = CycleGAN.Config(
            source=asked.photos, target=asked.paintings, output=Path(folder, "run"), inner_crop=0.88,
            ngf=asked.ngf, ndf=asked.ngf, n_blocks=asked.blocks, crop=asked.crop,
            resize=(asked.crop * 9 // 8, 2 * asked.crop), batch_size=2, max_steps=asked.steps, seed=seed, ema=0.99,
            mixed_precision=precision, eval_every=asked.steps, eval_samples=256, sample_every=0, checkpoint_every=0,
        )  # fmt: skip
        Trainer(CycleGAN, config).train()
        last = Path(folder, "run", "metrics.jsonl").read_text().splitlines()[-1]
    return json.loads(last)["eval_kid"]


if __name__ == "__main__":
    main()
