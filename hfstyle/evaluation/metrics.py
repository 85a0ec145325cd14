"""Distances between sets of pictures, on the features of a given network."""

import warnings

import torch
from torch import nn

from hfstyle.errors import MissingExtraError, OptionError


class KID:
    """Kernel Inception Distance (Binkowski et al. 2018, arXiv:1801.01401): the squared maximum mean discrepancy of two
    sets of features under the kernel (x·y / d + 1)³. Unbiased also for small sets, where FID is not; so it may come
    out a little below 0. torchmetrics computes it.

    Args:
        real: Features of the reference pictures: (pictures, d). Comparable only with features of the same network.

    Raises:
        MissingExtraError: torchmetrics is not installed.
    """

    def __init__(self, real: torch.Tensor):
        try:
            from torchmetrics.image.kid import KernelInceptionDistance
        except ImportError as error:
            raise MissingExtraError("measuring KID", "train") from error
        if len(real) < 2:
            raise OptionError("KID needs at least two reference pictures")
        self.real = real.double()
        self.distance = KernelInceptionDistance

    def __call__(self, fake: torch.Tensor) -> float:
        """The distance of (pictures, d) from the reference."""
        size = min(len(self.real), len(fake))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it keeps features is the point
            # One subset of all pictures: subsets exist to save memory, and cost precision.
            # One process measures; the others, which torchmetrics would wait for, do not.
            metric = self.distance(feature=nn.Identity(), subsets=1, subset_size=size, sync_on_compute=False)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)  # it shuffles
            metric.update(self.real, real=True)
            metric.update(fake.double(), real=False)
            mean, _ = metric.compute()
        return mean.item()
