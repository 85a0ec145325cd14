"""Losses against values worked out by hand, and their gradients against finite differences."""

import math

import pytest
import torch

from hfstyle.losses import (
    content_loss,
    discriminator_loss,
    generator_loss,
    gram_loss,
    gram_matrix,
    l1_loss,
    patch_nce_loss,
    total_variation,
)


def test_lsgan():
    real, fake = torch.tensor([1.0, 0.5]), torch.tensor([0.0, 2.0])
    assert discriminator_loss(real, fake).item() == pytest.approx(0.5 * (0.25 / 2 + 4 / 2))
    assert generator_loss(fake).item() == pytest.approx((1 + 1) / 2)


def test_log():
    real, fake = torch.tensor([0.0, math.log(3)]), torch.tensor([0.0])
    expected = 0.5 * ((math.log(2) + math.log(4 / 3)) / 2 + math.log(2))
    assert discriminator_loss(real, fake, "log").item() == pytest.approx(expected)
    assert generator_loss(torch.tensor([math.log(3)]), "log").item() == pytest.approx(math.log(4 / 3))
    assert generator_loss(torch.tensor([-200.0]), "log").item() == pytest.approx(200.0)  # no overflow


def test_hinge():
    real, fake = torch.tensor([2.0, 0.5]), torch.tensor([-3.0, 0.5])
    assert discriminator_loss(real, fake, "hinge").item() == pytest.approx(0.5 * (0.25 + 0.75))
    assert generator_loss(fake, "hinge").item() == pytest.approx(1.25)


def test_l1():
    assert l1_loss(torch.tensor([1.0, -1.0]), torch.tensor([0.5, 1.0])).item() == pytest.approx(1.25)


def test_total_variation():
    image = torch.tensor([[0.0, 1.0], [3.0, 3.0]]).reshape(1, 1, 2, 2)
    assert total_variation(image).item() == pytest.approx((1 + 0) / 2 + (3 + 2) / 2)
    assert total_variation(torch.ones(2, 3, 5, 7)).item() == 0


@pytest.mark.parametrize("kind", ["lsgan", "log", "hinge"])
def test_gradients(kind):
    torch.manual_seed(0)
    real, fake = (torch.randn(7, dtype=torch.float64, requires_grad=True) for _ in range(2))
    assert torch.autograd.gradcheck(lambda r, f: discriminator_loss(r, f, kind), (real, fake))
    assert torch.autograd.gradcheck(lambda f: generator_loss(f, kind), (fake,))


def test_gradients_of_the_picture_losses():
    torch.manual_seed(0)
    x, y = (torch.randn(1, 2, 3, 4, dtype=torch.float64, requires_grad=True) for _ in range(2))
    assert torch.autograd.gradcheck(l1_loss, (x, y))
    assert torch.autograd.gradcheck(total_variation, (x,))


def test_gram_matrix():
    features = torch.tensor([[1.0, 2.0], [0.0, 3.0]]).reshape(1, 2, 1, 2)  # two channels of two pixels
    expected = torch.tensor([[[5.0, 6.0], [6.0, 9.0]]]) / 4
    torch.testing.assert_close(gram_matrix(features), expected)
    shuffled = features[..., [1, 0]]  # a style has no places
    torch.testing.assert_close(gram_matrix(shuffled), expected)


def test_gram_loss():
    features = {"a": torch.tensor([1.0, 2.0]).reshape(1, 1, 1, 2), "b": torch.ones(1, 1, 2, 2)}
    targets = {"a": torch.tensor([[5.0]]), "b": torch.tensor([[1.0]])}
    assert gram_loss(features, targets).item() == pytest.approx((((2.5 - 5) / 5) ** 2 + 0) / 2)
    own = {name: gram_matrix(value) for name, value in features.items()}
    assert gram_loss(features, own).item() == 0


def test_content_loss():
    x = torch.tensor([[3.0, 4.0], [1.0, 0.0]]).reshape(2, 2, 1, 1)
    y = torch.tensor([[3.0, 0.0], [2.0, 0.0]]).reshape(2, 2, 1, 1)
    assert content_loss(x, y).item() == pytest.approx((16 / 9 + 1 / 4) / 2)
    assert content_loss(x, torch.zeros_like(x)).isfinite()


def test_patch_nce():
    one, other = [1.0, 0.0], [0.0, 1.0]
    query = torch.tensor([[one, other]])
    expected = -math.log(math.exp(1 / 0.5) / (math.exp(1 / 0.5) + 1))
    assert patch_nce_loss(query, query, 0.5).item() == pytest.approx(expected)
    swapped = torch.tensor([[other, one]])
    assert patch_nce_loss(query, swapped, 0.5).item() == pytest.approx(expected + 2)
    alike = torch.tensor([[one, one, one]])
    assert patch_nce_loss(alike, alike).item() == pytest.approx(math.log(3))
    torch.manual_seed(0)
    x, y = (torch.nn.functional.normalize(torch.randn(2, 4, 3, dtype=torch.float64), dim=-1) for _ in range(2))
    assert torch.autograd.gradcheck(lambda x: patch_nce_loss(x, y), (x.requires_grad_(),))


def test_gradients_of_the_feature_losses():
    torch.manual_seed(0)
    x, y = (torch.randn(2, 3, 2, 4, dtype=torch.float64, requires_grad=True) for _ in range(2))
    target = {"a": gram_matrix(y).detach()}
    assert torch.autograd.gradcheck(lambda x: gram_loss({"a": x}, target), (x,))
    assert torch.autograd.gradcheck(lambda x: content_loss(x, y.detach()), (x,))


def test_half_precision_is_summed_in_float32():
    """In bfloat16 itself the mean of many small numbers would stall."""
    many = torch.full((1, 1, 512, 512), 0.01, dtype=torch.bfloat16)
    for loss in (generator_loss(many), l1_loss(many, torch.zeros_like(many))):
        assert loss.dtype == torch.float32
    assert generator_loss(many).item() == pytest.approx((0.01 - 1) ** 2, rel=1e-3)
