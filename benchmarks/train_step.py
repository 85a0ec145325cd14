"""Seconds and memory of one CycleGAN training step, ours beside a plain one: `python benchmarks/train_step.py`.

The plain step is CycleGAN as the reference implementation trains it: float32, six generator passes one after another
and one backward pass through them all, then each discriminator on real and on past fakes in passes of their own; Adam
with torch's defaults; no running mean of the weights. It gets its pictures ready made. Ours is what a user runs:
`Trainer.train` on picture files, from loading them to the running mean, with the precision that it chooses here.

Each round starts a fresh process for either side, in turns, and leaves its first steps out. Peak memory is the
process's largest resident set (ru_maxrss); "above start" leaves out what it was before networks were built, which is
Python with torch. It includes what malloc keeps of freed memory and what oneDNN needs beside its inputs. Run it on an
idle machine.
"""

import argparse
import contextlib
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

CONFIGS = {
    "small": {"ngf": 32, "ndf": 32, "n_blocks": 6, "crop": 128, "batch_size": 2},
    "large": {"ngf": 64, "ndf": 64, "n_blocks": 9, "crop": 256, "batch_size": 1},
}
WARM_UP = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", choices=CONFIGS, default="small")
    parser.add_argument("--upsample", choices=("resize", "transpose"), default="resize", help="of both sides")
    parser.add_argument("--mixed-precision", default="auto", help="of ours; the plain step is float32")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="of both sides")
    parser.add_argument("--rounds", type=int, default=3, help="fresh processes of each side")
    parser.add_argument("--steps", type=int, default=5, help="timed steps in each process")
    parser.add_argument("--side", choices=("plain", "ours"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        torch.set_num_threads(options.threads)
        measured = (plain if options.side == "plain" else ours)(options)
        print(json.dumps(measured))
        return
    results: dict[str, list[dict]] = {"plain": [], "ours": []}
    for _ in range(options.rounds):
        for side, found in results.items():
            command = [sys.executable, __file__, *sys.argv[1:], "--side", side]
            result = subprocess.run(command, capture_output=True, text=True)
            if result.returncode:
                sys.exit(result.stderr)
            found.append(json.loads(result.stdout.splitlines()[-1]))
    report(options, results)


def report(options: argparse.Namespace, results: dict[str, list[dict]]) -> None:
    numbers = {}
    for side, found in results.items():
        seconds = [second for one in found for second in one["seconds"]]
        peak = statistics.median(one["peak"] for one in found)
        above = statistics.median(one["peak"] - one["start"] for one in found)
        numbers[side] = statistics.median(seconds), min(seconds), peak, above
    ratios = [a / b for a, b in zip(numbers["plain"], numbers["ours"], strict=True)]
    shape = ", ".join(f"{name} {value}" for name, value in CONFIGS[options.config].items())
    print(
        f"{_processor()}, {options.threads} threads, torch {torch.__version__}; {shape}, {options.upsample}; ours in "
        f"{results['ours'][0]['precision']}; {options.rounds} rounds of {options.steps} steps"
    )
    print("\n| step | median s | fastest s | peak MB | MB above start |\n|---|---|---|---|---|")
    for side, (median, fastest, peak, above) in numbers.items():
        print(f"| {side} | {median:.3f} | {fastest:.3f} | {peak:.0f} | {above:.0f} |")
    print(
        f"| **ratio** | **{ratios[0]:.2f}** | {ratios[1]:.2f} times the speed | {1 / ratios[2]:.2f} | "
        f"**{1 / ratios[3]:.2f}** times the memory |"
    )


def peak_megabytes() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


# ---- ours ----
class Enough(Exception):
    pass


def ours(options: argparse.Namespace) -> dict:
    """The trainer's own loop, seen from where it starts each step."""
    from hfstyle.training.cyclegan import CycleGAN
    from hfstyle.training.trainer import Trainer

    c = CONFIGS[options.config]
    with tempfile.TemporaryDirectory() as folder:
        noise = np.random.default_rng(0)
        side = c["crop"] * 286 // 256
        for domain in ("photos", "paintings"):
            Path(folder, domain).mkdir()
            for n in range(8):
                pixels = noise.integers(0, 256, (side, side, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(Path(folder, domain, f"{n}.jpg"))
        start = peak_megabytes()
        config = CycleGAN.Config(
            source=Path(folder, "photos"),
            target=Path(folder, "paintings"),
            output=Path(folder, "run"),
            resize=(side, side),
            upsample=options.upsample,
            mixed_precision=options.mixed_precision,
            sample_every=0,
            checkpoint_every=0,
            cpu=True,
            threads=options.threads,
            **c,
        )
        trainer = Trainer(CycleGAN, config)
        backward = trainer.method.backward
        begins = []

        def timed(*arguments):
            begins.append(time.perf_counter())
            if len(begins) > WARM_UP + options.steps:
                raise Enough
            return backward(*arguments)

        trainer.method.backward = timed
        with contextlib.suppress(Enough):
            trainer.train()
        peak = peak_megabytes()
    seconds = [b - a for a, b in zip(begins[WARM_UP:], begins[WARM_UP + 1 :], strict=False)]
    precision = trainer.accelerator.mixed_precision
    return {"seconds": seconds, "start": start, "peak": peak, "precision": {"no": "float32"}.get(precision, precision)}


# ---- plain ----
def plain(options: argparse.Namespace) -> dict:
    """CycleGAN (Zhu et al. 2017) with the reference's order of work and torch's layers as they are."""
    c = CONFIGS[options.config]
    torch.manual_seed(0)
    start = peak_megabytes()
    to_painting, to_photo = (plain_generator(c["ngf"], c["n_blocks"], options.upsample) for _ in range(2))
    judge_paintings, judge_photos = (plain_discriminator(c["ndf"]) for _ in range(2))
    generators = [*to_painting.parameters(), *to_photo.parameters()]
    discriminators = [*judge_paintings.parameters(), *judge_photos.parameters()]
    generator_adam, discriminator_adam = (
        torch.optim.Adam(parameters, lr=2e-4, betas=(0.5, 0.999)) for parameters in (generators, discriminators)
    )
    pools: tuple[list, list] = ([], [])
    l1, squared = nn.L1Loss(), nn.MSELoss()

    def fooled(outputs: torch.Tensor) -> torch.Tensor:
        return squared(outputs, torch.ones_like(outputs))

    def judged(judge: nn.Module, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
        on_real, on_fake = judge(real), judge(fake.detach())
        return 0.5 * (squared(on_real, torch.ones_like(on_real)) + squared(on_fake, torch.zeros_like(on_fake)))

    seconds = []
    for _ in range(WARM_UP + options.steps):
        photos, paintings = (torch.rand(c["batch_size"], 3, c["crop"], c["crop"]) * 2 - 1 for _ in range(2))
        begin = time.perf_counter()
        for parameter in discriminators:
            parameter.requires_grad_(False)
        fake_paintings = to_painting(photos)
        cycled_photos = to_photo(fake_paintings)
        fake_photos = to_photo(paintings)
        cycled_paintings = to_painting(fake_photos)
        loss = 5 * l1(to_painting(paintings), paintings) + 5 * l1(to_photo(photos), photos)
        loss = loss + fooled(judge_paintings(fake_paintings)) + fooled(judge_photos(fake_photos))
        loss = loss + 10 * l1(cycled_photos, photos) + 10 * l1(cycled_paintings, paintings)
        generator_adam.zero_grad()
        loss.backward()
        generator_adam.step()
        for parameter in discriminators:
            parameter.requires_grad_(True)
        discriminator_adam.zero_grad()
        judged(judge_paintings, paintings, from_pool(pools[0], fake_paintings.detach())).backward()
        judged(judge_photos, photos, from_pool(pools[1], fake_photos.detach())).backward()
        discriminator_adam.step()
        seconds.append(time.perf_counter() - begin)
    return {"seconds": seconds[WARM_UP:], "start": start, "peak": peak_megabytes()}


def from_pool(pool: list[torch.Tensor], images: torch.Tensor, size: int = 50) -> torch.Tensor:
    """Past fakes instead of half of the new ones (Shrivastava et al. 2017)."""
    shown = []
    for image in images:
        if len(pool) < size:
            pool.append(image.clone())
        elif torch.rand(()) < 0.5:
            place = int(torch.randint(size, ()))
            pool[place], image = image.clone(), pool[place]
        shown.append(image)
    return torch.stack(shown)


class PlainBlock(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.body = nn.Sequential(
            nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3), nn.InstanceNorm2d(channels), nn.ReLU(True),
            nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3), nn.InstanceNorm2d(channels),
        )  # fmt: skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.body(x)


def plain_generator(ngf: int, n_blocks: int, upsample: str) -> nn.Module:
    def normed(*layers: nn.Module, channels: int) -> list[nn.Module]:
        return [*layers, nn.InstanceNorm2d(channels), nn.ReLU(True)]

    def grow(inputs: int, outputs: int) -> list[nn.Module]:
        if upsample == "transpose":
            return [nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1)]
        return [nn.Upsample(scale_factor=2), nn.ReflectionPad2d(1), nn.Conv2d(inputs, outputs, 3)]

    return nn.Sequential(
        *normed(nn.ReflectionPad2d(3), nn.Conv2d(3, ngf, 7), channels=ngf),
        *normed(nn.Conv2d(ngf, 2 * ngf, 3, stride=2, padding=1), channels=2 * ngf),
        *normed(nn.Conv2d(2 * ngf, 4 * ngf, 3, stride=2, padding=1), channels=4 * ngf),
        *(PlainBlock(4 * ngf) for _ in range(n_blocks)),
        *normed(*grow(4 * ngf, 2 * ngf), channels=2 * ngf),
        *normed(*grow(2 * ngf, ngf), channels=ngf),
        nn.ReflectionPad2d(3), nn.Conv2d(ngf, 3, 7), nn.Tanh(),
    )  # fmt: skip


def plain_discriminator(ndf: int) -> nn.Module:
    layers = [nn.Conv2d(3, ndf, 4, stride=2, padding=1), nn.LeakyReLU(0.2, True)]
    for inputs, outputs, stride in ((ndf, 2 * ndf, 2), (2 * ndf, 4 * ndf, 2), (4 * ndf, 8 * ndf, 1)):
        layers += [nn.Conv2d(inputs, outputs, 4, stride, 1), nn.InstanceNorm2d(outputs), nn.LeakyReLU(0.2, True)]
    return nn.Sequential(*layers, nn.Conv2d(8 * ndf, 1, 4, padding=1))


def _processor() -> str:
    with open("/proc/cpuinfo") if os.path.exists("/proc/cpuinfo") else open(os.devnull) as file:
        names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
