"""KID against its definition written out, and what it must tell apart."""

import numpy as np
import pytest
import torch

from hfstyle.errors import OptionError
from hfstyle.evaluation.metrics import KID
from hfstyle.features import POOLED, VGG16Features, pooled


def by_definition(x: np.ndarray, y: np.ndarray) -> float:
    """Binkowski et al. 2018, eq. 4, with the kernel (x.y / d + 1)^3."""

    def kernel(a, b):
        return (a @ b / len(a) + 1) ** 3

    m, n = len(x), len(y)
    within_x = sum(kernel(x[i], x[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    within_y = sum(kernel(y[i], y[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    between = sum(kernel(a, b) for a in x for b in y) / (m * n)
    return within_x + within_y - 2 * between


def test_kid_is_its_definition():
    random = np.random.default_rng(0)
    x, y = random.normal(size=(9, 5)), random.normal(0.5, 2, size=(9, 5))
    assert KID(torch.from_numpy(x))(torch.from_numpy(y)) == pytest.approx(by_definition(x, y), rel=1e-12)


def test_kid_of_one_distribution_is_about_zero_and_leaves_random_numbers_alone():
    torch.manual_seed(3)
    values = [KID(torch.randn(60, 8))(torch.randn(60, 8)) for _ in range(30)]
    assert abs(np.mean(values)) < 3 * np.std(values) / 30**0.5 + 1e-3 and min(values) < 0 < max(values)
    assert KID(torch.randn(60, 8))(torch.randn(60, 8) + 1) > 5 * np.std(values)
    torch.manual_seed(4)
    expected = torch.rand(2)
    torch.manual_seed(4)
    first = torch.rand(1)
    KID(torch.ones(4, 2))(torch.zeros(5, 2))
    assert torch.equal(torch.cat([first, torch.rand(1)]), expected)


def test_kid_needs_two_pictures():
    with pytest.raises(OptionError, match="at least two"):
        KID(torch.zeros(1, 4))


def test_pooled_features_know_what_and_not_where():
    network = VGG16Features()
    torch.manual_seed(0)
    noise = torch.rand(1, 3, 64, 64) * 2 - 1
    flat = torch.full((1, 3, 64, 64), 0.2)
    described = pooled(network(torch.cat([noise, noise.roll(16, -1), flat])))
    assert described.shape == (3, 960) and len(POOLED) == 4
    moved, other = (described[1:] - described[:1]).norm(dim=1)
    assert moved < other / 5  # not 0: a border is a place
