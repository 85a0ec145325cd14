"""Losses against values worked out by hand, and their gradients against finite differences."""

import math

import pytest
import torch

from hfstyle.losses import (
    colour_loss,
    colour_quantiles,
    content_loss,
    discriminator_loss,
    emptiness,
    empty_space_loss,
    flatness_loss,
    generator_loss,
    gram_loss,
    gram_matrix,
    invented_loss,
    l1_loss,
    patch_nce_loss,
    to_lab,
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


# ---- terms in Lab ----
def plain(*rgb: float, size: int = 4) -> torch.Tensor:
    """A picture of one colour, each channel in [-1, 1]."""
    return torch.tensor(rgb, dtype=torch.float64).reshape(1, 3, 1, 1).expand(1, 3, size, size)


WHITE, BLACK, RED = plain(1, 1, 1), plain(-1, -1, -1), plain(1, -1, -1)


def test_lab():
    expected = torch.tensor([[100, 0, 0], [0, 0, 0], [53.24, 80.09, 67.20]], dtype=torch.float64)  # the standard's
    colours = to_lab(torch.cat([WHITE, BLACK, RED]))[..., 0, 0]
    torch.testing.assert_close(colours, expected, atol=0.02, rtol=0)


def test_colour_quantiles():
    quantiles = colour_quantiles(to_lab(torch.cat([WHITE[..., :1], BLACK[..., :1]], dim=-1)[..., :1, :]), levels=2)[0]
    assert quantiles.shape == (9, 2)
    # of the two values 0 and 100, at 1/4 and 3/4; on the diagonals of L and a or b, divided by the root of 2
    torch.testing.assert_close(quantiles[0], torch.tensor([25.0, 75.0], dtype=torch.float64), atol=0.01, rtol=0)
    for diagonal in (3, 4, 5, 6):
        torch.testing.assert_close(quantiles[diagonal], quantiles[0] / 2**0.5, atol=0.02, rtol=0)
    assert colour_quantiles(to_lab(WHITE[..., :1, :1]), 3)[0, 0] == pytest.approx(100, abs=0.01)  # a single pixel


def test_colour_loss():
    black = colour_quantiles(to_lab(BLACK), 16)
    white = colour_quantiles(to_lab(WHITE), 16)
    far = (100 + 4 * 100 / 2**0.5) / 9 / 100
    both = torch.cat([WHITE, BLACK])
    assert colour_loss(both, black, black).tolist() == pytest.approx([far, 0], abs=1e-4)
    assert colour_loss(both, torch.cat([white, black]), torch.cat([white, black])).max() < 1e-9  # each its own
    # nothing between the two is unusual
    low, high = torch.minimum(black, white), torch.maximum(black, white)
    assert colour_loss(torch.cat([both, plain(0, 0, 0)]), low, high).max() < 1e-4
    torch.manual_seed(0)
    pictures = torch.rand(2, 3, 6, 7, dtype=torch.float64) * 2 - 1
    own = colour_quantiles(to_lab(pictures), 16)
    moved = pictures.flatten(2)[..., torch.randperm(42)].reshape(2, 3, 7, 6)
    assert colour_loss(moved, own, own).max() < 1e-12  # colours have no places


def test_colour_loss_sees_which_hues_occur_together():
    """Green-red and blue-yellow have the same quantiles each, paired one way and the other."""
    one, other = (
        colour_quantiles(torch.tensor([[50.0, 50], [30, -30], [s * 30, -s * 30]]).reshape(1, 3, 1, 2))[0]
        for s in (1, -1)
    )
    differ = (one - other).abs().amax(dim=1)
    assert differ[:3].max() == 0 and differ[7:].min() > 20


def test_flatness_loss():
    assert flatness_loss(WHITE).item() == 0
    split = torch.cat([WHITE[..., :2], BLACK[..., :2]], dim=-1)  # one of three columns of differences is an edge
    assert flatness_loss(split).item() == pytest.approx(1 / 3)
    near = torch.cat([WHITE[..., :1], plain(0.9, 0.9, 0.9)[..., :1]], dim=-1)
    step = (to_lab(WHITE) - to_lab(plain(0.9, 0.9, 0.9)))[0, :, 0, 0].norm().item()
    assert flatness_loss(near).item() == pytest.approx(1 - math.exp(-(step**2) / 18))
    assert flatness_loss(near, scale=1.0).item() == pytest.approx(1 - math.exp(-(step**2) / 2))


def test_flatness_loss_lets_go_of_contours():
    """Total variation pulls at a contour as at a faint step; this does not."""

    def pull(low: float) -> float:
        picture = torch.cat([plain(0, 0, 0), plain(low, low, low)], dim=-1).clone().requires_grad_()
        flatness_loss(picture).backward()
        return picture.grad.abs().max().item()

    assert pull(-1.0) < 1e-6 * pull(-0.05)


def test_empty_space_loss():
    white = torch.tensor([100.0 - 1e-3]), torch.tensor([101.0])
    sky, night = WHITE, plain(-0.8, -0.8, -0.8)
    weight = 1 / (1 + math.exp(-(100 - 65) / 5))
    assert emptiness(sky).numpy() == pytest.approx(weight, abs=1e-5) and emptiness(night).max() < 1e-4
    assert empty_space_loss(sky, sky, *white).item() < 1e-5
    assert empty_space_loss(BLACK, sky, *white).item() == pytest.approx(weight, rel=1e-4)
    assert empty_space_loss(BLACK, night, *white).item() < 1e-4
    to_grey = torch.tensor([0.0]), torch.tensor([60.0])
    assert empty_space_loss(sky, sky, *to_grey).item() == pytest.approx(weight * 0.4, rel=1e-4)
    both = [torch.cat(bounds) for bounds in zip(white, to_grey, strict=True)]  # each picture its own
    assert empty_space_loss(torch.cat([sky, sky]), torch.cat([sky, sky]), *both).tolist() == pytest.approx(
        [0, weight * 0.4], abs=1e-4
    )
    # an edge in the picture: 4 rows, of which 3 have a next one, times 1 column of 4
    split = torch.cat([WHITE[..., :2], BLACK[..., :2]], dim=-1)
    off = math.sqrt(1 + 100**2) - 1
    expected = weight * (100 / 2 + 10 * off * 3 / 16) / 100
    assert empty_space_loss(split, sky, *white).item() == pytest.approx(expected, rel=1e-4)


def test_emptiness_is_smooth_and_bright():
    """Half sky, half foliage: the sky counts, but for its border."""
    torch.manual_seed(0)
    leaves = torch.rand(1, 3, 8, 16, dtype=torch.float64).repeat_interleave(4, -1).repeat_interleave(4, -2) * 2 - 1
    photo = torch.cat([plain(0.8, 0.8, 0.9, size=64)[..., :32, :], leaves], dim=-2)
    weight = emptiness(photo)[0]
    assert weight.shape == (64, 64) and weight[:20].min() > 0.9 and weight[40:].median() < 0.2


def test_invented_loss():
    """A streak where the photo is even costs; the same where the photo has it, harder, softer or the other way, does
    not, and neither does a faint one."""
    night, streak = plain(-0.9, -0.9, -0.9, size=48), plain(-0.9, -0.9, -0.9, size=48).clone()
    streak[..., 8:40, 20:28] = 0.6
    alone = invented_loss(streak, night).item()
    assert alone > 0.02
    assert invented_loss(night, night).item() == 0
    assert invented_loss(night + 0.03 * (streak - night), night).item() == 0
    for shown in (streak, night + 0.5 * (streak - night), -streak):
        assert invented_loss(streak, shown).item() < 0.2 * alone
        assert invented_loss(shown, streak).item() < 0.2 * alone
    # the noise of a dark photo explains nothing, wherever it lies
    assert invented_loss(streak, night + 0.02 * (streak - night)).item() > 0.7 * alone
    # and a mark beside one of the photo still counts
    assert invented_loss(streak.roll(12, -1), streak).item() > 0.4 * alone
    # but among leaves it is hidden
    torch.manual_seed(0)
    ground, mark = plain(-0.5, -0.5, -0.5, size=48), 0.4 * (streak - night)
    leaves = ground + 0.2 * torch.randn(1, 1, 48, 48)
    assert invented_loss(leaves + mark, leaves).item() < 0.2 * invented_loss(ground + mark, ground).item()
    both = invented_loss(torch.cat([streak, night]), torch.cat([night, night]))
    assert both.tolist() == pytest.approx([alone, 0])


@pytest.mark.parametrize("picture", [BLACK, WHITE, RED])
def test_terms_in_lab_have_gradients_where_nothing_changes(picture):
    """A square root would have none at zero."""
    picture = picture.float().clone().requires_grad_()
    target = colour_quantiles(to_lab(plain(0, 0, 0))).float()
    loss = colour_loss(picture, target, target) + flatness_loss(picture)
    loss = loss + invented_loss(picture, WHITE.float())
    (loss + empty_space_loss(picture, WHITE.float(), torch.tensor([80.0]), torch.tensor([85.0]))).sum().backward()
    assert picture.grad.isfinite().all()


def test_gradients_of_the_terms_in_lab():
    torch.manual_seed(0)
    x, y = (torch.rand(2, 3, 4, 5, dtype=torch.float64) * 1.8 - 0.9 for _ in range(2))
    x.requires_grad_()
    low = colour_quantiles(to_lab(y)) + 0.37
    dark, light = torch.tensor([20.0, 40.0]), torch.tensor([30.0, 60.0])
    assert torch.autograd.gradcheck(lambda x: colour_loss(x, low, low + 5), (x,))
    assert torch.autograd.gradcheck(lambda x: flatness_loss(x, scale=20.0), (x,))
    assert torch.autograd.gradcheck(lambda x: invented_loss(x, y * 0.1), (x,))
    assert torch.autograd.gradcheck(lambda x: empty_space_loss(x, y * 0.1 + 0.6, dark, light), (x,))
