"""Trains each method for ten steps in float64 and saves its weights: what several processes do, to compare with one.

torchrun --nproc_per_node 2 tests/float64_training.py OUT '{"cyclegan": {"source": ..., "batch_size": 2}, ...}'
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from hfstyle.training.bank import Bank
from hfstyle.training.main import METHODS
from hfstyle.training.trainer import Trainer


def to_float64(trainer: Trainer) -> None:
    """In float32, Adam blows rounding errors up to whole steps wherever a gradient is zero.

    Batch norm, whose statistics are each process's own, is frozen.
    """
    for network in trainer.networks.values():
        network.double()
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
    method = trainer.method
    terms = method.feature_terms
    if terms.network is not None:
        terms.network.double()
        terms.style = {name: gram.double() for name, gram in terms.style.items()}
    if isinstance(method, Bank) and method.teachers.painters:
        method.teachers.network.double()
        for painter in method.teachers.painters.values():
            getattr(painter, "bank", painter).double()
    backward = method.backward

    def in_float64(images: list[torch.Tensor], *rest: Any) -> dict[str, torch.Tensor]:
        return backward([image.double() if image.is_floating_point() else image for image in images], *rest)

    method.backward = in_float64


def main(out: Path, options: dict[str, dict]) -> None:
    for method, given in options.items():
        given["resize"] = tuple(given["resize"])
        config = METHODS[method].Config(output=out / method, **given)
        trainer = Trainer(METHODS[method], config)
        to_float64(trainer)
        trainer._finish = lambda: None  # which would take leave of the other processes
        trainer.train()
        if trainer.main:
            found = {
                f"{name}.{key}": parameter
                for name, network in trainer.networks.items()
                for key, parameter in network.named_parameters()
                if not any(parameter is bias for bias in cancelled_biases(network))
            }
            torch.save(found | {"processes": trainer.accelerator.num_processes}, out / f"{method}.pt")


def cancelled_biases(network: nn.Module) -> Iterator[nn.Parameter]:
    """Biases that an instance norm takes away again: their gradients are nothing but rounding errors."""
    for sequence in network.modules():
        if isinstance(sequence, nn.Sequential):
            for module, following in zip(sequence, sequence[1:], strict=False):
                if isinstance(following, nn.InstanceNorm2d) and module.bias is not None:
                    yield module.bias


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(sys.argv[2]))
