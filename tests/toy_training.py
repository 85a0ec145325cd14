"""Trainings so small that they take seconds, killing them, and whether two of them are the same."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file

from hfstyle.training.checkpoints import checkpoints

ROOT = Path(__file__).parent.parent
LAUNCH = [
    sys.executable,
    "-m",
    "accelerate.commands.launch",
    "--num_processes",
    "1",
    str(ROOT / "train.py"),
]
TINY = {"ngf": 4, "ndf": 4, "crop": 32, "resize": (32, 40), "batch_size": 2, "log_every": 1, "threads": 1}
"""Networks so small that one thread is faster than two."""
RESNET = {"source": "photos", "target": "paintings", "n_blocks": 1}
OWN = {
    "cyclegan": RESNET,
    "cut": RESNET,
    "stylegram": RESNET,
    "bank": {"source": "photos", "styles": ["waves=paintings", "noise=photos"], "n_blocks": 1},
    "pix2pix": {"source": "pairs", "n_downs": 2},
    "dcgan": {"target": "paintings", "batch_size": 4},
}
"""What each method is given besides."""


def make_pictures(folder: Path) -> Path:
    """Two folders that a network can tell apart, grey noise and blue waves, and pairs of both side by side."""
    noise = np.random.default_rng(0)
    (folder / "pairs").mkdir()
    for domain in ("photos", "paintings"):
        (folder / domain).mkdir()
        for index in range(6):
            if domain == "photos":
                pixels = noise.integers(60, 200, (48, 64, 1)).repeat(3, 2)
            else:
                wave = np.sin(np.arange(64) / (2 + index)) * 60 + 128
                pixels = np.stack([wave * 0.3, wave * 0.6, wave], -1)[None].repeat(48, 0)
            Image.fromarray(pixels.astype(np.uint8)).save(folder / domain / f"{index}.png")
    for index in range(6):
        halves = [np.asarray(Image.open(folder / domain / f"{index}.png")) for domain in ("photos", "paintings")]
        Image.fromarray(np.concatenate(halves, 1)[:, 8:-8]).save(folder / "pairs" / f"{index}.png")
    return folder


def given(method: str, pictures) -> dict:
    """The options of a tiny training."""
    found = TINY | OWN[method]
    found |= {name: pictures / found[name] for name in ("source", "target") if name in found}
    if "styles" in found:
        found["styles"] = [style.replace("=", f"={pictures}/") for style in found["styles"]]
    return found


def options(method: str, pictures, output, *more: str) -> list[str]:
    words = ["--output", str(output)]
    for name, value in given(method, pictures).items():
        words += [f"--{name.replace('_', '-')}", *map(str, value if isinstance(value, (tuple, list)) else [value])]
    return [*words, *more]


def launch(method: str, pictures, output, *more: str) -> subprocess.CompletedProcess:
    command = [*LAUNCH, method, *options(method, pictures, output, *more)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stdout + result.stderr
    return result


def weights(folder) -> dict[str, torch.Tensor]:
    files = sorted(Path(folder).rglob("model.safetensors"))
    found = {
        f"{path.relative_to(folder)}:{name}": tensor
        for path in files
        if not any(part.startswith("checkpoint-") for part in path.relative_to(folder).parts)
        for name, tensor in load_file(path).items()
    }
    assert len(found) > 10
    return found


def assert_same_run(one, other):
    first, second = weights(one), weights(other)
    assert first.keys() == second.keys()
    different = [name for name in first if not torch.equal(first[name], second[name])]
    assert not different, f"{len(different)} of {len(first)} tensors differ, such as {different[:3]}"
    state, other_state = (
        torch.load(checkpoints(run)[-1] / "training_state.pt", weights_only=True) for run in (one, other)
    )
    assert state["step"] == other_state["step"]
    assert state["evaluations"] == other_state["evaluations"]
    for name in ("samples", "networks", "averages", "optimizers", "pools"):
        torch.testing.assert_close(state[name], other_state[name], atol=0, rtol=0, msg=lambda m, name=name: name + m)


def kill_and_resume(method: str, pictures: Path, folder: Path, kills: int) -> int:
    """Train undisturbed, and again with SIGKILLs at random moments and `--resume latest` as often as it takes.

    Half of the kills come within the time of a checkpoint's writing. Raises AssertionError if anything differs in the
    end. Returns how many processes were killed.
    """
    steps = 10 + 10 * kills
    run = ["--max-steps", str(steps), "--checkpoint-every", "3", "--sample-every", "7"]
    run += ["--eval-every", "9", "--eval-samples", "8", "--num-workers", "2" if method == "pix2pix" else "0"]
    run += ["--diffaugment", "translation,cutout"]
    run += ["--pool-size", "5"] if method != "bank" else []
    run += {
        "cyclegan": ["--cycle-noise", "0.1", "--lambda-features", "0.5"],
        "cut": ["--fast"],
        "bank": ["--lambda-tradition", "1"],
        "dcgan": ["--lambda-gram", "0.5"],
    }.get(method, [])
    launch(method, pictures, folder / "undisturbed", *run)
    output = folder / "killed"
    command = [*LAUNCH, method, *options(method, pictures, output, *run, "--resume", "latest")]
    moment = random.Random(time.time_ns())
    done = 0
    for _ in range(kills):
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )
        before = checkpoints(output)[-1:]
        writing = moment.random() < 0.5
        # until there is a newer checkpoint, and then for a random while or until the next one is being written
        while checkpoints(output)[-1:] == before or (writing and not list(output.glob(".checkpoint-*"))):
            if process.poll() is not None:
                break
            time.sleep(0.001)
        if not writing:
            time.sleep(moment.uniform(0, 0.1))
        if process.poll() is not None:
            assert process.returncode == 0, process.stdout.read()
            break  # it came to its end
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        done += 1
    result = launch(method, pictures, output, *run, "--resume", "latest")
    assert "going on from" in result.stdout
    assert_same_run(folder / "undisturbed", output)
    logged = [json.loads(line)["step"] for line in (output / "metrics.jsonl").read_text().splitlines()]
    assert logged == list(range(1, steps + 1))
    return done
