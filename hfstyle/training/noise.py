"""Random numbers that belong to a sample, not to a batch."""

from collections.abc import Callable, Sequence

import torch


class Noise:
    """The random numbers of one batch, drawn for each of its samples from (seed, number of the sample) alone.

    So a batch that is split over processes, or over the parts of an accumulated one, draws the very numbers of the
    whole; and there is no random state to save.

    Where a network sees several pictures of each sample at once, such as real ones and fakes, the rows of its input
    are taken to be the samples in order, several times over.

    Args:
        seed: That of the training.
        samples: Numbers of the batch's samples in the endless stream of the training.
    """

    def __init__(self, seed: int, samples: Sequence[int]):
        self.generators = [torch.Generator().manual_seed(mix(seed, int(sample))) for sample in samples]

    def split(self, count: int) -> list["Noise"]:
        """Unrelated noise for each of several parts of a step, whichever draws first."""
        drawn = [int(torch.randint(2**62, (), generator=generator)) for generator in self.generators]
        return [Noise(part, drawn) for part in range(count)]

    def normal(self, rows: int, *shape: int) -> torch.Tensor:
        """float32 of shape (rows, *shape) with mean 0 and standard deviation 1, on the CPU."""
        return self._draw(rows, lambda generator: torch.randn(shape, generator=generator))

    def uniform(self, rows: int, *shape: int) -> torch.Tensor:
        """float32 of shape (rows, *shape) in [0, 1), on the CPU."""
        return self._draw(rows, lambda generator: torch.rand(shape, generator=generator))

    def integers(self, high: int, rows: int) -> list[int]:
        """A whole number in [0, high) for each row."""
        return self._draw(rows, lambda generator: torch.randint(high, (), generator=generator)).tolist()

    def choice(self, size: int, count: int, rows: int) -> torch.Tensor:
        """Up to `count` different numbers in [0, size) for each row: int64 of shape (rows, at most count)."""
        return self._draw(rows, lambda generator: torch.randperm(size, generator=generator)[:count])

    def _draw(self, rows: int, one: Callable[[torch.Generator], torch.Tensor]) -> torch.Tensor:
        return torch.stack([one(self.generators[row % len(self.generators)]) for row in range(rows)])


def mix(*numbers: int) -> int:
    """One seed from several numbers, so that neighbouring steps and samples have unrelated noise."""
    mixed = 0
    for number in numbers:
        mixed = (mixed * 6364136223846793005 + number + 1442695040888963407) % 2**63
        mixed ^= mixed >> 29
    return mixed
