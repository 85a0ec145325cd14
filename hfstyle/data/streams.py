"""An endless, seekable stream of training samples: the n-th is the same whenever and wherever it is asked for."""

from collections.abc import Iterator

import numpy as np
import torch
from torch.utils.data import Dataset

from hfstyle.data.augment import Augmentation
from hfstyle.data.pictures import Pictures


class UnpairedStream(Dataset):
    """The n-th training sample for any n: a photo and a painting, cropped, that have nothing to do with each other.

    Order and augmentation follow from (`seed`, n) alone. So a training that resumes at sample n sees what it would
    have seen, whatever the number of loader processes; and several training processes share the samples among them.

    Each folder is gone through in an order of its own, shuffled anew each time round.
    """

    def __init__(
        self,
        source: Pictures,
        target: Pictures,
        augment_source: Augmentation,
        augment_target: Augmentation,
        seed: int,
    ):
        self.folders = (source, target)
        self.augmentations = (augment_source, augment_target)
        self.seed = seed

    def __getitem__(self, n: int) -> tuple[torch.Tensor, torch.Tensor]:
        return self.sample(n, domain=0), self.sample(n, domain=1)

    def sample(self, n: int, domain: int) -> torch.Tensor:
        """The photo (`domain` 0) or the painting (1) of the n-th sample: float32 (3, crop, crop) in [-1, 1]."""
        folder = self.folders[domain]
        time_round, place = divmod(n, len(folder))
        order = np.random.default_rng((self.seed, domain, 0, time_round)).permutation(len(folder))
        random = np.random.default_rng((self.seed, domain, 1, n))
        return self.augmentations[domain](folder[int(order[place])], random)


class StepSampler(torch.utils.data.Sampler[int]):
    """Indices of the samples that one of several processes sees, from a given step on.

    A step takes `batch_size` samples in each process; all processes together take consecutive ones.
    """

    def __init__(self, first_step: int, last_step: int, batch_size: int, process: int = 0, processes: int = 1):
        self.steps = range(first_step, last_step)
        self.batch_size = batch_size
        self.process = process
        self.processes = processes

    def __iter__(self) -> Iterator[int]:
        for step in self.steps:
            first = (step * self.processes + self.process) * self.batch_size
            yield from range(first, first + self.batch_size)

    def __len__(self) -> int:
        return len(self.steps) * self.batch_size
