"""DiffAugment: what each policy does, that pictures differ, and that gradients find their way back."""

import pytest
import torch

from hfstyle.errors import OptionError
from hfstyle.training.diffaugment import POLICIES, check_policy, diff_augment
from hfstyle.training.noise import Noise

SAMPLES = range(8)


@pytest.fixture
def images():
    torch.manual_seed(0)
    return torch.rand(8, 3, 32, 48, dtype=torch.float64) * 2 - 1


@pytest.mark.parametrize("policy", [*POLICIES, "color,translation,cutout"])
def test_pictures_change_each_in_its_own_way(images, policy):
    same = images[:1].expand(8, -1, -1, -1)
    out = diff_augment(same, policy, Noise(0, SAMPLES))
    assert out.shape == images.shape and out.dtype == images.dtype
    assert len({tuple(image.ravel()[:2000].tolist()) for image in out}) > 5


def test_no_policy_changes_nothing(images):
    assert diff_augment(images, "", Noise(0, SAMPLES)) is images


def test_translation_moves_and_shows_grey(images):
    out = diff_augment(images, "translation", Noise(0, SAMPLES))
    for before, after in zip(images, out, strict=True):
        inner = before[:, 12:20, 16:32]  # moved by at most 4 and 6 pixels
        found = [
            (y, x)
            for y in range(-4, 5)
            for x in range(-6, 7)
            if torch.equal(after[:, 12 + y : 20 + y, 16 + x : 32 + x], inner)
        ]
        assert len(found) == 1
        y, x = found[0]
        assert (after[:, :y] == 0).all() if y > 0 else (after[:, 32 + y :] == 0).all()
        assert (after[:, :, :x] == 0).all() if x > 0 else (after[:, :, 48 + x :] == 0).all()


def test_cutout_greys_a_part_and_leaves_the_rest(images):
    out = diff_augment(images, "cutout", Noise(0, SAMPLES))
    gone = (out == 0).all(1)
    assert (out.movedim(1, -1)[~gone] == images.movedim(1, -1)[~gone]).all()
    assert 0 < gone.float().mean() < 0.3 and gone.any((1, 2)).all()


def test_color_keeps_places(images):
    """A change of brightness, saturation and contrast maps equal pixels to equal pixels."""
    flat = torch.tensor([0.2, -0.4, 0.6], dtype=torch.float64).reshape(1, 3, 1, 1).expand(4, 3, 8, 8)
    assert diff_augment(flat, "color", Noise(0, SAMPLES)).std((2, 3)).max() < 1e-12


@pytest.mark.parametrize("policy", POLICIES)
def test_gradients(policy):
    x = torch.rand(2, 3, 8, 8, dtype=torch.float64, requires_grad=True)

    def fixed(x):
        return diff_augment(x, policy, Noise(1, range(2)))

    assert torch.autograd.gradcheck(fixed, (x,))


def test_unknown_policies():
    check_policy("translation,cutout")
    with pytest.raises(OptionError, match="color,translation,cutout, not 'blur'"):
        check_policy("translation,blur")
