"""An endless, seekable stream of training samples: the n-th is the same whenever and wherever it is asked for."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset, Subset

Crop = Callable[[Any, np.random.Generator], torch.Tensor | tuple[torch.Tensor, ...]]
"""From a picture to float32 (3, crop, crop) in [-1, 1], or from what belongs together to as many of these."""


class PictureStream(Dataset):
    """The n-th training sample for any n: one picture of each domain, cropped. The last domain is the style.

    Order and augmentation follow from (`seed`, n) alone. So a training that resumes at sample n sees what it would
    have seen, whatever the number of loader processes; and several training processes share the samples among them.

    Each domain is gone through in an order of its own, shuffled anew each time round: pictures of different domains
    have nothing to do with each other. What belongs together, as photo and painting of a pair, is one domain.

    Args:
        seed: Decides order and augmentation.
        domains: Pictures, and how they are cropped, of each domain.
        recipes: What else each style's training does, where that follows from its pictures.
    """

    def __init__(self, seed: int, *domains: tuple[Sequence[Any], Crop], recipes: Sequence[Any] = ()):
        self.seed = seed
        self.domains = domains
        self.recipes = recipes

    def __getitem__(self, n: int) -> tuple[int | torch.Tensor, ...]:
        """n, then each domain's tensors."""
        return n, *(tensor for domain in range(len(self.domains)) for tensor in self._sample(n, domain))

    def style(self, n: int) -> torch.Tensor:
        """The style's picture of the n-th sample: float32 (3, crop, crop) in [-1, 1]."""
        return self._sample(n, len(self.domains) - 1)[-1]

    def _sample(self, n: int, domain: int) -> tuple[torch.Tensor, ...]:
        pictures, crop = self.domains[domain]
        time_round, place = divmod(n, len(pictures))
        order = np.random.default_rng((self.seed, domain, 0, time_round)).permutation(len(pictures))
        random = np.random.default_rng((self.seed, domain, 1, n))
        cropped = crop(pictures[int(order[place])], random)
        return cropped if isinstance(cropped, tuple) else (cropped,)


class StyledStream(PictureStream):
    """Photos, and pictures of several styles that take turns: in any `len(styles)` samples from a multiple of that on,
    each style once, in an order drawn anew, however many pictures each has.

    A sample is n, a photo, the number of the style as an int64 tensor without dimensions, and a picture of that style.

    Args:
        seed: Decides order and augmentation.
        domains: Photographs, then the pictures of each style; and how they are cropped.
        recipes: What else each style's training does, where that follows from its pictures.
    """

    def __init__(self, seed: int, *domains: tuple[Sequence[Any], Crop], recipes: Sequence[Any] = ()):
        super().__init__(seed, *domains, recipes=recipes)
        self.styles = len(domains) - 1

    def __getitem__(self, n: int) -> tuple[int | torch.Tensor, ...]:
        return n, *self._sample(n, 0), torch.tensor(self.turn(n)), self.style(n)

    def turn(self, n: int) -> int:
        """The number of the n-th sample's style."""
        time_round, place = divmod(n, self.styles)
        return int(np.random.default_rng((self.seed, time_round)).permutation(self.styles)[place])

    def style(self, n: int) -> torch.Tensor:
        return self.picture_of(self.turn(n), n // self.styles)

    def picture_of(self, style: int, n: int) -> torch.Tensor:
        """The n-th picture of a style: float32 (3, crop, crop) in [-1, 1]."""
        return self._sample(n, 1 + style)[-1]


class StepSampler(torch.utils.data.Sampler[int]):
    """Numbers of the samples that one of several processes sees, batch after batch.

    A batch is `batch_size` samples in each process; all processes together take consecutive ones. So they are the
    batches of one process with as many times the batch size.

    Args:
        first: The first sample.
        batches: How many batches.
        batch_size: Samples of a batch in one process.
    """

    def __init__(self, first: int, batches: int, batch_size: int, process: int = 0, processes: int = 1):
        self.first = first
        self.batches = batches
        self.batch_size = batch_size
        self.process = process
        self.processes = processes

    def __iter__(self) -> Iterator[int]:
        for batch in range(self.batches):
            first = self.first + (batch * self.processes + self.process) * self.batch_size
            yield from range(first, first + self.batch_size)

    def __len__(self) -> int:
        return self.batches * self.batch_size


def hold_back(pictures: Sequence[Any], part: float, seed: int) -> tuple[Sequence[Any], Sequence[Any]]:
    """Pictures to train on and pictures to judge by, the latter a random `part`.

    Of so few that fewer than two would be held back, all are both.
    """
    count = int(len(pictures) * part)
    if count < 2:
        return pictures, pictures
    order = np.random.default_rng((seed, len(pictures))).permutation(len(pictures)).tolist()
    return Subset(pictures, sorted(order[count:])), Subset(pictures, sorted(order[:count]))
