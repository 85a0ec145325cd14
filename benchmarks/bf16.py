"""Does bfloat16 cost quality? `python benchmarks/bf16.py PHOTOS PAINTINGS [--steps 1000] [--seeds 3]`

Trains CycleGAN in float32 and in bfloat16 from the same seeds, and prints the KID to held-back paintings at the end of
each (VGG16 features, averaged weights), with the interval of each precision's mean (Student's t, 95 %). bfloat16 costs
no quality that shows if the intervals overlap.

A processor without bfloat16 imitates it: convolutions and products take rounded numbers, sum them in float32 and round
the result, as one with bfloat16 does; what else there is in bfloat16, torch imitates itself, and slowly. So it shows
what bfloat16 costs in quality, but not what it saves in time.
"""

import argparse
import contextlib
import json
import math
import statistics
import tempfile
from pathlib import Path

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

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
    parser.add_argument("--threads", type=int, default=0, help="0: all cores; imitation takes one")
    asked = parser.parse_args()
    print("bfloat16 of the processor" if _has_bf16() else "bfloat16 imitated", flush=True)
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
            threads=asked.threads if _has_bf16() else 1,  # dispatch modes are a thread's own, and so out of the lanes
        )  # fmt: skip
        with contextlib.nullcontext() if _has_bf16() else ImitatedBFloat16():
            Trainer(CycleGAN, config).train()
        last = Path(folder, "run", "metrics.jsonl").read_text().splitlines()[-1]
    return json.loads(last)["eval_kid"]


def _has_bf16() -> bool:
    return torch.cuda.is_available() or bool(torch.cpu.get_capabilities().get("avx512_bf16"))


class ImitatedBFloat16(TorchDispatchMode):
    """Sums products of bfloat16 numbers in float32, and rounds the sum."""

    PRODUCTS = {
        torch.ops.aten.convolution.default,
        torch.ops.aten.convolution_backward.default,
        torch.ops.aten.mm.default,
        torch.ops.aten.bmm.default,
        torch.ops.aten.addmm.default,
    }

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        rounded = func in self.PRODUCTS and args[0].dtype == torch.bfloat16
        if rounded:
            args = tree_map_only(torch.Tensor, torch.Tensor.float, args)
        result = func(*args, **(kwargs or {}))
        return tree_map_only(torch.Tensor, torch.Tensor.bfloat16, result) if rounded else result


if __name__ == "__main__":
    main()
