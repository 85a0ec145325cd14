"""The bank of styles: what its numbers do, what it is called by, and that its fast path paints the same."""

import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from test_images import gradient

from hfstyle import AutoModel, StyleBankGenerator
from hfstyle.errors import ConfigError, OptionError
from hfstyle.generators.stylebank import EPS, GAIN
from hfstyle.hub import MAX_NAMES, wrong_name
from hfstyle.repo import CONFIG_NAME, MAX_CONFIG_BYTES
from hfstyle.tensors import to_image, to_tensor


def tiny(**options) -> StyleBankGenerator:
    """A bank with three styles that differ to the eye."""
    torch.manual_seed(0)
    options = {"styles": ("monet", "ukiyoe", "山水"), "ngf": 2, "n_blocks": 1} | options
    bank = StyleBankGenerator(**options).eval()
    torch.nn.init.normal_(bank.numbers, 0, 0.1)
    torch.nn.init.normal_(bank.tail[1].weight, 0, 0.05)
    return bank


@pytest.fixture
def bank():
    return tiny()


def pixels(image) -> np.ndarray:
    return np.asarray(image, float)


# ---- the network ----
def written_out(bank: StyleBankGenerator, x: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
    """The network of one style, from its weights and torch's functions alone."""
    state, numbers = bank.state_dict(), list(bank.origin + numbers)

    def take(channels):
        scale, shift = (torch.stack([numbers.pop(0) for _ in range(channels)])[:, None, None] for _ in (0, 1))
        return 1 + GAIN * scale, GAIN * shift

    def conv(x, name, **options):
        return F.conv2d(x, state[f"{name}.weight"], state.get(f"{name}.bias"), **options)

    def reflect(x, by):
        return F.pad(x, (by,) * 4, mode="reflect")

    def affine(x):
        scale, shift = take(x.shape[1])
        return x * scale + shift

    def norm(x):
        return affine(F.instance_norm(x, eps=EPS))

    def block(x, name):
        inner = F.relu(norm(conv(reflect(x, 1), f"{name}.a.1")))
        return x + norm(conv(reflect(inner, 1), f"{name}.b.1"))

    def up(x, name):
        return affine(conv(reflect(F.interpolate(x, scale_factor=2), 1), name))

    x = F.relu(affine(conv(reflect(x, 3), "down.0.1", stride=2)))
    quarter = F.relu(affine(conv(reflect(x, 1), "down.1.1", stride=2)))
    x = F.relu(affine(conv(reflect(quarter, 1), "down.2.1", stride=2)))
    for index in range(bank.config.n_blocks):
        x = block(x, f"blocks.{index}")
    x = block(F.relu(up(x, "up.0") + quarter), "fine")
    x = F.relu(up(F.relu(up(x, "up.1")), "up.2"))
    assert not numbers
    return torch.tanh(conv(reflect(x, 3), "tail.1"))


@pytest.mark.parametrize("size", [(64, 64), (72, 112), (544, 40)])
@pytest.mark.parametrize("options", [{}, {"ngf": 12, "n_blocks": 2}], ids=["tiny", "with Winograd's layers"])
def test_both_ways_to_compute_it_are_the_network_written_out(options, size):
    bank = tiny(**options)
    x = torch.rand(1, 3, *size) * 2 - 1
    numbers = bank.numbers[1:2].detach()
    with torch.no_grad():
        expected = written_out(bank.double(), x.double(), numbers[0].double()).float()
    bank.float()
    torch.testing.assert_close(bank(x, numbers), expected, atol=1e-4, rtol=0)  # as it learns
    with torch.inference_mode():
        torch.testing.assert_close(bank(x, numbers), expected, atol=1e-4, rtol=0)  # as it paints


def test_parameters_and_numbers():
    with torch.device("meta"):
        bank = StyleBankGenerator(styles=("a", "b"))
    shared = bank.num_parameters - bank.numbers.numel()
    assert (shared, bank.n_numbers, tuple(bank.numbers.shape)) == (1_452_675, 2_976, (2, 2_976))


def test_each_picture_of_a_batch_has_its_own_style(bank):
    x = torch.rand(3, 3, 64, 72) * 2 - 1
    one_by_one = torch.cat([bank(x[i : i + 1], bank.numbers[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(bank(x, bank.numbers), one_by_one, atol=1e-5, rtol=0)
    with torch.inference_mode():
        torch.testing.assert_close(bank(x, bank.numbers), one_by_one, atol=1e-5, rtol=0)
        # a single style is that of all
        torch.testing.assert_close(bank(x, bank.numbers[:1])[:1], one_by_one[:1], atol=1e-5, rtol=0)


def test_styles_and_the_origin_learn_apart(bank):
    x = torch.rand(2, 3, 64, 64) * 2 - 1
    bank(x, bank.numbers[:2]).square().sum().backward()
    assert bank.numbers.grad[:2].abs().sum(1).min() > 0 and not bank.numbers.grad[2].any()
    assert bank.origin.grad is None
    assert all(parameter.grad is not None for name, parameter in bank.named_parameters() if name != "origin")
    bank(x).square().sum().backward()
    assert bank.origin.grad.abs().sum() > 0


def test_the_brightness_of_the_photo_arrives():
    """Where all layers are normalised, a dark picture and a light one of the same shapes become the same painting."""
    bank = tiny()
    x = torch.rand(1, 3, 64, 64) * 0.2
    with torch.inference_mode():
        dark, light = bank(x - 0.8), bank(x + 0.6)
    assert (dark - light).abs().mean() > 0.01


@pytest.mark.parametrize("colour", ["black", "white", "grey", "red", "navy"])
def test_a_picture_of_one_colour_is_painted_without_noise(colour):
    """Ten norms in a row amplify what is but rounding: in float32, by more than any picture can bear."""
    bank = tiny(ngf=16, n_blocks=4)
    painting = pixels(bank.stylize(Image.new("RGB", (200, 120), colour), "monet"))
    assert np.ptp(painting, axis=(0, 1)).max() <= 1


# ---- painting ----
def test_a_style_paints_with_its_numbers(bank):
    image = gradient(size=(96, 64))
    paintings = {style: bank.stylize(image, style) for style in bank.styles}
    for style, painting in paintings.items():
        row = bank.styles.index(style)
        with torch.inference_mode():
            expected = to_image(bank(to_tensor(image)[None], bank.numbers[row : row + 1])[0])
        assert np.array_equal(pixels(painting), pixels(expected))
    assert len({painting.tobytes() for painting in paintings.values()}) == 3
    assert np.array_equal(pixels(bank.stylize([image], "山水")[0]), pixels(paintings["山水"]))


def test_a_blend_is_the_mean_by_its_weights(bank):
    monet, ukiyoe, _ = bank.numbers.detach()
    torch.testing.assert_close(bank.numbers_of({"ukiyoe": 3, "monet": 1}), 0.25 * monet + 0.75 * ukiyoe)
    torch.testing.assert_close(bank.numbers_of({"ukiyoe": 0.03, "monet": 0.01}), 0.25 * monet + 0.75 * ukiyoe)
    assert torch.equal(bank.numbers_of({"ukiyoe": 5, "monet": 0}), ukiyoe) and torch.equal(
        bank.numbers_of("ukiyoe"), ukiyoe
    )
    image = gradient(size=(64, 64))
    mixed = pixels(bank.stylize(image, {"ukiyoe": 0.5, "monet": 0.5}))
    assert not np.array_equal(mixed, pixels(bank.stylize(image, "ukiyoe")))


@pytest.mark.parametrize(
    "style,words",
    [
        ("rococo", "no style 'rococo' here; there are: monet, ukiyoe, 山水"),
        ({"monet": 0.5, "rococo": 0.5}, "no style 'rococo'"),
        ({"monet": -0.1, "ukiyoe": 1}, "number from 0, not -0.1"),
        ({"monet": float("nan")}, "number from 0, not nan"),
        ({"monet": float("inf")}, "number from 0, not inf"),
        ({"monet": "much"}, "number from 0, not 'much'"),
        ({"monet": True}, "number from 0, not True"),
        ({"monet": 0.0, "ukiyoe": 0}, "a weight above 0"),
        ({}, "a style is a name, or names with weights"),
        (None, "a style is a name, or names with weights, not None"),
        (3, "a style is a name"),
    ],
)
def test_what_is_no_style_is_one_sentence(bank, style, words):
    for attempt in (bank.numbers_of, bank.painter, lambda style: bank.stylize(gradient(), style)):
        with pytest.raises(OptionError) as caught:
            attempt(style)
        assert words in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("max_pixels", [4_000_000, 2000])
def test_strength_moves_through_style_space_and_puts_the_photo_back(bank, max_pixels):
    image = gradient(size=(96, 64))
    whole = {"max_pixels": max_pixels}
    assert np.array_equal(pixels(bank.stylize(image, "monet", strength=0, **whole)), pixels(image))
    bank.add_style("a third", 0.3 * bank.numbers_of("monet"))
    bank.add_style("the photo", torch.zeros(bank.n_numbers))
    expected = pixels(bank.stylize(image, "a third", **whole)) + 0.7 * (
        pixels(image) - pixels(bank.stylize(image, "the photo", **whole))
    )
    between = bank.stylize(image, "monet", strength=0.3, **whole)
    assert np.abs(pixels(between) - expected.clip(0, 255)).max() <= 1
    assert between.size == image.size
    assert (between.info["stylized_size"] == image.size) is (max_pixels > 96 * 64)
    almost = pixels(bank.stylize(image, "monet", strength=0.001, **whole))
    assert np.abs(almost - pixels(image)).max() <= 3, "no jump at 0, nor a loss of detail"
    nearly = pixels(bank.stylize(image, "monet", strength=0.999, **whole))
    assert np.abs(nearly - pixels(bank.stylize(image, "monet", **whole))).max() <= 3, "no jump at 1"


def test_strength_keeps_colour_and_transparency(bank):
    image = gradient(size=(64, 64))
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    between = bank.stylize(image, "monet", 0.5, preserve_color=True)
    assert np.array_equal(pixels(between)[..., 3], pixels(image)[..., 3])
    kept = np.asarray(between.convert("RGB").convert("YCbCr"), int)
    photo = np.asarray(image.convert("RGB").convert("YCbCr"), int)
    inside = (np.asarray(between)[..., :3] % 255 != 0).all(-1) & (np.asarray(image)[..., 3] > 0)
    assert np.abs(kept - photo)[..., 1:][inside].max() <= 2


def test_a_painter_is_used_like_a_generator(bank):
    image = gradient(size=(70, 50))
    for style in ("ukiyoe", {"ukiyoe": 1, "monet": 2}):
        painter = bank.painter(style)
        expected = bank.stylize(image, style, 0.4, True, 2000)
        for given in (painter.stylize(image, 0.4, True, 2000), painter.stylize([image], 0.4, True, 2000)[0]):
            assert np.array_equal(pixels(given), pixels(expected))
    assert painter.device == bank.device


def test_a_margin_is_mirrored_and_cut_away():
    bank, plain = tiny(margin=16), tiny()
    image = gradient(size=(96, 64))
    with torch.inference_mode():
        mirrored = F.pad(to_tensor(image)[None], (16,) * 4, mode="reflect")
        expected = to_image(plain(mirrored, plain.numbers[:1])[0, :, 16:-16, 16:-16])
    assert np.array_equal(pixels(bank.stylize(image, "monet")), pixels(expected))


# ---- which styles there are ----
def test_styles_come_and_go_and_the_others_stay(bank, tmp_path):
    image = gradient(size=(64, 64))
    before = {style: bank.stylize(image, style).tobytes() for style in bank.styles}
    bank.add_style("Ōtsu-e 大津絵", bank.numbers_of("monet"))
    bank.remove_style("ukiyoe")
    bank.rename_style("monet", "claude")
    assert bank.styles == ("claude", "山水", "Ōtsu-e 大津絵") and bank.numbers.shape == (3, bank.n_numbers)
    bank.save_pretrained(tmp_path)
    loaded = AutoModel.from_pretrained(tmp_path)
    assert loaded.styles == bank.styles and loaded.config == bank.config
    after = {style: loaded.stylize(image, style).tobytes() for style in loaded.styles}
    assert after["claude"] == after["Ōtsu-e 大津絵"] == before["monet"] and after["山水"] == before["山水"]
    for gone in ("ukiyoe", "monet"):
        with pytest.raises(OptionError, match=f"no style '{gone}' here; there are: claude, 山水, Ōtsu-e 大津絵"):
            loaded.stylize(image, gone)


def test_a_painter_of_a_forgotten_style_says_so(bank):
    painter = bank.painter("monet")
    bank.remove_style("monet")
    with pytest.raises(OptionError, match="no style 'monet' here; there are: ukiyoe"):
        painter.stylize(gradient())


def test_a_bank_may_be_empty(tmp_path):
    bank = tiny(styles=())
    bank.save_pretrained(tmp_path)
    loaded = AutoModel.from_pretrained(tmp_path)
    assert loaded.styles == () and loaded.numbers.shape == (0, bank.n_numbers)
    with pytest.raises(OptionError, match="there are: none"):
        loaded.stylize(gradient(), "monet")
    loaded.add_style("first", [0.1] * loaded.n_numbers)
    assert loaded.stylize(gradient(), "first").size == gradient().size


def test_what_is_learnt_stays_what_is_learnt(bank):
    assert bank.numbers.requires_grad
    bank.requires_grad_(False)
    bank.add_style("more", torch.zeros(bank.n_numbers, dtype=torch.float64))
    assert not bank.numbers.requires_grad and bank.numbers.dtype == torch.float32


@pytest.mark.parametrize(
    "change,words",
    [
        (lambda bank: bank.add_style("monet", torch.zeros(bank.n_numbers)), "a style monet already"),
        (lambda bank: bank.add_style("new", torch.zeros(3)), "numbers, not 3"),
        (lambda bank: bank.add_style("new", torch.zeros(1, bank.n_numbers)), r"not of shape \(1, "),
        (lambda bank: bank.add_style("new", torch.full((bank.n_numbers,), float("nan"))), "finite"),
        (lambda bank: bank.add_style("new", torch.full((bank.n_numbers,), 1e6)), "half precision"),
        (lambda bank: bank.add_style("new", "numbers"), "a row of numbers, not str"),
        (lambda bank: bank.add_style("a/b", torch.zeros(bank.n_numbers)), "begin with a letter"),
        (lambda bank: bank.remove_style("rococo"), "no style 'rococo' here"),
        (lambda bank: bank.rename_style("rococo", "x"), "no style 'rococo' here"),
        (lambda bank: bank.rename_style("monet", "ukiyoe"), "a style ukiyoe already"),
        (lambda bank: bank.rename_style("monet", ""), "1 to 64"),
    ],
)
def test_impossible_changes_change_nothing(bank, change, words):
    numbers = bank.numbers
    with pytest.raises(OptionError, match=words):
        change(bank)
    assert bank.styles == ("monet", "ukiyoe", "山水") and bank.numbers is numbers


# ---- names in a config ----
@pytest.mark.parametrize("name", ["a", "Monet 1890", "vangogh_2", "山水", "浮世绘", "Хокусай", "हिन्दी", "9", "a" * 64])
def test_names(name):
    assert wrong_name(name) is None and tiny(styles=[name]).styles == (name,)


@pytest.mark.parametrize(
    "name",
    [*("", " a", "a ", "a.", ".hidden", "..", "-x", "a/b", "a\\b", "bank:a", "a=1", "a,b", "a\nb", "a\x1b[31m", "a\0")]
    + ["a" * 65, "\u202eevil", "\ud800", "*", "a?", 3, None, ["a"], b"a"],
)
def test_what_is_no_name_is_one_printable_sentence(name):
    with pytest.raises(ConfigError) as caught:
        StyleBankGenerator(styles=("fine", name))
    assert str(caught.value).isprintable() and "StyleBankConfig.styles must hold names" in str(caught.value)


@pytest.mark.parametrize("styles", ["monet", {"monet": 1}, None, 3, ["a"] * 2, [f"{i}" for i in range(MAX_NAMES + 1)]])
def test_what_is_no_list_of_names_is_refused(styles):
    with pytest.raises(ConfigError, match="styles must"):
        StyleBankGenerator(styles=styles)


def test_the_longest_config_can_be_read_again(tmp_path):
    names = tuple(f"{index:𠮷<64}" for index in range(MAX_NAMES))
    with torch.device("meta"):
        config = StyleBankGenerator(styles=names, ngf=1, n_blocks=0).config
    bank = StyleBankGenerator(config)
    bank.save_pretrained(tmp_path)
    assert (tmp_path / CONFIG_NAME).stat().st_size < MAX_CONFIG_BYTES
    assert json.loads((tmp_path / CONFIG_NAME).read_text("utf-8"))["styles"] == list(names)
    assert AutoModel.from_pretrained(tmp_path).styles == names
