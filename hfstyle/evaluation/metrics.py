"""Distances between sets of pictures, on the features of a given network, and how far chance moves them."""

import warnings

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

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


class Distances:
    """KID and FID of two sets, also of many resamplings of them at once, from the products of their features alone.

    A resampling says how often each picture is in it. Of pictures that are in twice, the pair of a picture with itself
    is left out, as KID leaves it out: else every bootstrap would come out too large. torchmetrics, against which the
    tests check both, knows no resamplings, and where the sets are not of one size it leaves pictures out.

    FID (Heusel et al. 2017, arXiv:1706.08500) is the distance of two normal distributions with the means and
    covariances of the features. With fewer pictures than features the covariances lack rank, and it comes out too
    large, the more so the fewer the pictures: compare only sets of one size, and believe KID where the two disagree.

    Args:
        fake, real: Features: (n, d) and (m, d).
    """

    def __init__(self, fake: torch.Tensor, real: torch.Tensor):
        fake, real = fake.double(), real.double()
        self.within_fake, self.within_real, self.between = fake @ fake.T, real @ real.T, fake @ real.T
        self.features = fake.shape[1]

    def kid(self, fake: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
        """KID (resamplings,) of pictures that are in `fake` (resamplings, n) and `real` (resamplings, m) times,
        all float64."""

        def kernel(products: torch.Tensor) -> torch.Tensor:
            return (products / self.features + 1) ** 3

        def within(products: torch.Tensor, times: torch.Tensor) -> torch.Tensor:
            pairs = times.sum(1).square() - times.square().sum(1)
            return (times @ kernel(products).fill_diagonal_(0) * times).sum(1) / pairs

        between = (fake @ kernel(self.between) * real).sum(1) / (fake.sum(1) * real.sum(1))
        return within(self.within_fake, fake) + within(self.within_real, real) - 2 * between

    def fid(self, fake: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
        """FID (resamplings,) of the same. For covariances A'A and B'B, the trace of the root of their product is the
        sum of the singular values of AB', a matrix of pictures by pictures."""
        resamplings = tqdm(zip(fake, real, strict=True), "resampling", len(fake), False, delay=1, disable=None)
        return torch.stack([self._fid(*times) for times in resamplings])

    def _fid(self, fake: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
        p, q = fake / fake.sum(), real / real.sum()
        # Sums over pictures are divided by one less than their number.
        scale_p, scale_q = (times.sum() / (times.sum() - 1) for times in (fake, real))
        square_p, square_q, mixed = p @ self.within_fake @ p, q @ self.within_real @ q, p @ self.between @ q
        spread_p, spread_q = p @ self.within_fake.diagonal() - square_p, q @ self.within_real.diagonal() - square_q
        centred = self.between - p @ self.between - (self.between @ q)[:, None] + mixed
        roots = (p.sqrt()[:, None] * centred * q.sqrt())[p > 0][:, q > 0]
        overlap = torch.linalg.svdvals(roots).sum() * (scale_p * scale_q).sqrt()
        return square_p + square_q - 2 * mixed + spread_p * scale_p + spread_q * scale_q - 2 * overlap


def draw(pictures: int, resamplings: int, random: np.random.Generator) -> torch.Tensor:
    """Bootstrap: how often each picture is in each resampling of as many pictures, (resamplings, pictures)."""
    return torch.from_numpy(random.multinomial(pictures, np.full(pictures, 1 / pictures), resamplings)).double()


def halve(pictures: int, times: int, random: np.random.Generator) -> torch.Tensor:
    """Halves at random: 1 for the pictures of one half and 0 for the others, (times, pictures)."""
    half = torch.zeros(times, pictures, dtype=torch.float64)
    for row in half:
        row[random.permutation(pictures)[: pictures // 2]] = 1
    return half
