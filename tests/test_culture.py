"""Each measure of the profile on pictures whose answer is known, and profiles of sets."""

import dataclasses
import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image, ImageOps
from test_cli import errors

pytest.importorskip("skimage", reason="the extra 'eval' is not installed")

from hfstyle.cli import main
from hfstyle.errors import DataError, OptionError
from hfstyle.evaluation.culture import (
    LONGEST,
    MEASURES,
    SIZE,
    Profile,
    bundled_profile,
    bundled_profiles,
    distance,
    measure,
    prepare,
)
from hfstyle.evaluation.profile_plot import plot_profile_svg

ROWS, COLUMNS = np.mgrid[:192, :256]
CHECKER = (ROWS // 16 + COLUMNS // 16) % 2
ANGLE = np.arctan2(ROWS - 96, COLUMNS - 128)
RADIUS = np.hypot(ROWS - 96, COLUMNS - 128)


def picture(values: np.ndarray) -> Image.Image:
    """Of grey levels (height, width), or of colours (height, width, 3)."""
    values = np.asarray(values, float)
    if values.ndim == 2:
        values = np.repeat(values[..., None], 3, axis=2)
    return Image.fromarray(values.clip(0, 255).round().astype(np.uint8))


def colours(lab: np.ndarray) -> Image.Image:
    from skimage.color import lab2rgb

    return picture(lab2rgb(lab) * 255)


def noise(low: float = 0, high: float = 255) -> np.ndarray:
    return np.random.default_rng(0).uniform(low, high, ROWS.shape)


def spectrum(slope: float) -> np.ndarray:
    """Noise whose power falls as frequency to the power of `slope`."""
    side = 192
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side)))
    frequency[0, 0] = 1
    waves = np.fft.fft2(np.random.default_rng(0).normal(size=(side, side))) * frequency ** (slope / 2)
    waves = np.fft.ifft2(waves).real
    return 128 + 40 * waves / waves.std()


def lab(lightness, a, b) -> np.ndarray:
    return np.stack(np.broadcast_arrays(np.asarray(lightness, float), a, b), -1)


FINE_CHECKER = (ROWS // 8 + COLUMNS // 8) % 2
PAPER = np.where((COLUMNS >= 170)[..., None], 90 + 90 * FINE_CHECKER[..., None], (232, 222, 200))
TWO_FIELDS = np.where((COLUMNS < 128)[..., None], (180, 60, 50), (60, 90, 170))
DARK_LINES = np.where(COLUMNS % 24 < 3, 40, 200)
GRATING = 128 + 100 * np.sin(COLUMNS / 3)
RINGS = 128 + 100 * np.sin(RADIUS / 3)
BUSY_MIDDLE = np.where((abs(ROWS - 96) < 40) & (abs(COLUMNS - 128) < 55), noise(), 128)
GREY = np.full(ROWS.shape, 128)


@pytest.mark.parametrize(
    "name,shown,low,high",
    [
        ("tonal range", picture(np.where(CHECKER, 90, 180)), 34.6, 35.6),
        ("tonal range", picture(np.where(CHECKER, 128, 128)), 0, 0.01),
        ("chroma ratio", picture(noise()), 0, 0.001),
        ("chroma ratio", colours(lab(50 + 20 * CHECKER, 30 * np.sign(COLUMNS - 128), 0)), 0.5, 1.6),
        ("hue entropy", colours(lab(60 + 5 * CHECKER, 30 * np.cos(ANGLE), 30 * np.sin(ANGLE))), 0.97, 1),
        ("hue entropy", picture(noise()), 0, 0),
        ("colour entropy", picture(GREY), 0, 0),
        ("colour entropy", colours(lab(ROWS / 2, 60 * np.cos(ANGLE), 60 * np.sin(ANGLE))), 0.6, 1),
        ("chromatic edges", colours(lab(60, 30 - 60 * CHECKER, 0)), 0.97, 1),
        ("chromatic edges", picture(noise()), 0, 0.001),
        ("empty space", picture(PAPER), 0.6, 0.7),
        ("empty space", picture(90 + 90 * FINE_CHECKER), 0, 0.05),
        ("ground unity", picture(PAPER), 0.9, 1),
        ("ground unity", picture(TWO_FIELDS), 0.45, 0.6),
        ("ground lightness", picture(PAPER), 75, 110),
        ("detail concentration", picture(PAPER), 1.2, 1.6),
        ("detail concentration", picture(GRATING), 0, 0.1),
        ("detail in the centre", picture(BUSY_MIDDLE), 1, 5),
        ("detail in the centre", picture(GRATING), -0.1, 0.1),
        ("detail in the light", picture(np.where(COLUMNS < 128, 40, 180 + noise(-40, 40))), 0.55, 1),
        ("detail in the light", picture(np.where(COLUMNS < 128, 220, 60 + noise(-40, 40))), -1, -0.55),
        ("symmetry", picture(np.where(ROWS < 96, 60, 190)), 0.99, 1),
        ("symmetry", picture(np.where(COLUMNS < 128, 60, 190)), -1, -0.95),
        ("contour contrast", picture(GREY), 0, 0),
        ("contour density", picture(GREY), 0, 0),
        ("contour density", picture(np.where(COLUMNS < 128, 60, 190)), 0.003, 0.009),
        ("line polarity", picture(DARK_LINES), 0.9, 1),
        ("line polarity", picture(255 - DARK_LINES), -1, -0.9),
        ("stroke coherence", picture(GRATING), 0.9, 1),
        ("stroke coherence", picture(noise()), 0, 0.45),
        ("coarse coherence", picture(GRATING), 0.9, 1),
        ("coarse coherence", picture(noise()), 0, 0.25),
        ("direction entropy", picture(GRATING), 0, 0.5),
        ("direction entropy", picture(RINGS), 0.99, 1),
        ("flat share", picture(TWO_FIELDS), 0.95, 1),
        ("flat share", picture(noise()), 0, 0.05),
        ("spectral slope", picture(spectrum(-2)), -2.25, -1.75),
        ("spectral slope", picture(spectrum(-3)), -3.25, -2.75),
        ("pattern entropy", picture(noise()), 0.9, 1),
        ("pattern entropy", picture(np.broadcast_to(COLUMNS, ROWS.shape)), 0, 0.1),
        ("pattern complexity", picture(noise()), 0, 0.1),
        ("coarse pattern entropy", picture(noise()), 0.9, 1),
        ("coarse pattern entropy", picture(np.broadcast_to(COLUMNS, ROWS.shape)), 0, 0.1),
        ("self-similarity", picture(GRATING), 0.97, 1),
        ("self-similarity", picture(RINGS), 0, 0.3),
        ("evenness", picture(np.where(COLUMNS < 20, noise(), 128)), 0, 0.45),
        ("evenness", picture(noise()), 0.8, 1),
    ],
)
def test_a_measure_of_a_known_picture(name, shown, low, high):
    assert low <= measure(shown)[name] <= high


def test_every_measure_is_tried_on_a_known_picture():
    tried = {values.values[0] for values in _parameters()}
    assert tried == set(MEASURES) and len({one.text for one in MEASURES.values()}) == len(MEASURES)


def _parameters():
    mark = next(mark for mark in test_a_measure_of_a_known_picture.pytestmark if mark.name == "parametrize")
    return [pytest.param(*values) for values in mark.args[1]]


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_picture_of_one_colour_has_finite_measures(level):
    assert np.isfinite(list(measure(picture(np.full((192, 192), level))).values())).all()


def test_fade_and_tint_change_little():
    scene = picture(
        spectrum(-2.4)[..., None]
        + np.stack([20 * np.sin(COLUMNS[:, :192] / 9), 0 * ROWS[:, :192], 15 * CHECKER[:, :192]], -1)
    )
    faded = Image.fromarray((np.asarray(scene) * np.array([0.75, 0.73, 0.7]) + 30).round().astype(np.uint8))
    before, after = measure(scene), measure(faded)
    for name, spread in bundled_profile("monet").measures.items():
        # These three look at the file as it is.
        if name not in ("tonal range", "empty space", "ground unity"):
            assert abs(before[name] - after[name]) < 0.5 * (spread.high - spread.low), name


# ---- preparation ----
@pytest.mark.parametrize("size", [(300, 200), (200, 300), (5000, 40), (40, 40), (192, 192), (1, 900)])
def test_pictures_come_to_one_size(size):
    prepared = prepare(Image.new("L", size, 90))
    assert min(prepared.size) == SIZE and max(prepared.size) <= LONGEST and prepared.mode == "RGB"


def test_paper_margins_are_left_out():
    scene = picture(spectrum(-2))
    framed = ImageOps.expand(scene, 16, (232, 222, 200))
    bare, with_frame = measure(prepare(scene)), measure(prepare(framed))
    for name in ("self-similarity", "direction entropy", "contour contrast", "flat share"):
        assert with_frame[name] == pytest.approx(bare[name], rel=0.1, abs=0.02), name


# ---- profiles ----
def scenes(count: int, slope: float = -2) -> list[Image.Image]:
    random = np.random.default_rng(0)
    return [
        picture(np.roll(spectrum(slope), random.integers(0, 192, 2), (0, 1)) + random.uniform(-9, 9))
        for _ in range(count)
    ]


def test_a_profile_is_quartiles_with_their_error_and_a_palette():
    profile = Profile.of("scenes", scenes(12))
    assert profile.pictures == 12 and list(profile.measures) == list(MEASURES)
    for spread in profile.measures.values():
        assert spread.low <= spread.median <= spread.high and spread.error >= 0
    assert sum(share for _, share in profile.palette) == pytest.approx(1, abs=0.01)
    assert Profile.from_dict(json.loads(json.dumps(profile.to_dict()))) == profile
    assert Profile.of("scenes", scenes(12)) == profile


def test_a_palette_holds_the_colours():
    palette = Profile.of("flag", [picture(TWO_FIELDS)]).palette
    for known in ((180, 60, 50), (60, 90, 170)):
        near = sum(
            share
            for colour, share in palette
            if max(abs(int(colour[1 + 2 * n : 3 + 2 * n], 16) - known[n]) for n in range(3)) <= 12
        )
        assert near == pytest.approx(0.5, abs=0.06)


def test_no_picture_is_no_profile():
    with pytest.raises(DataError, match="empty has no picture"):
        Profile.of("empty", [])


def test_the_bundled_traditions_are_told_apart():
    """As their art history has it: see the table of benchmarks/profiles.py."""
    profiles = bundled_profiles()
    assert set(profiles) == {
        "monet", "impressionism", "pointillism", "vangogh", "ukiyoe", "shanshui", "kuindzhi", "pirosmani", "photos",
    }  # fmt: skip
    assert all(profile.pictures >= 30 and list(profile.measures) == list(MEASURES) for profile in profiles.values())

    def order(name: str) -> list[str]:
        return sorted(profiles, key=lambda key: profiles[key].measures[name].median)

    assert order("chroma ratio")[0] == "shanshui" and order("empty space")[-1] in ("shanshui", "kuindzhi")
    assert "ukiyoe" in order("contour contrast")[-2:] and order("line polarity")[0] == "pirosmani"
    assert order("chromatic edges")[-1] == "pointillism" and order("spectral slope")[0] == "kuindzhi"
    assert set(order("flat share")[:4]) == {"monet", "impressionism", "pointillism", "vangogh"}
    with pytest.raises(OptionError, match="no profile 'cubism'; there are monet, "):
        bundled_profile("cubism")


def test_distance_is_the_share_of_the_way():
    photos, tradition = Profile.of("photos", scenes(8)), Profile.of("tradition", scenes(8, -3))
    half = Profile.of("half", scenes(8, -2.5))
    for painted, share in ((photos, 0), (half, 0.5), (tradition, 1)):
        steps = {step.measure: step for step in distance(photos, painted, tradition)}
        assert steps["spectral slope"].share == pytest.approx(share, abs=0.1)
        assert steps["hue entropy"].share is None  # all are grey: there is no way to go
        assert steps["spectral slope"].tradition == tradition.measures["spectral slope"].median


def test_distance_of_one_picture():
    photo, painting = (Profile.of("one", scenes(1, slope)) for slope in (-2, -3))
    tradition = bundled_profile("kuindzhi")
    steps = {step.measure: step for step in distance(photo, painting, tradition)}
    assert 0.3 < steps["spectral slope"].share < 2
    (near,) = (Profile.of("near", scenes(1, -2.65)),)
    steps = {step.measure: step for step in distance(near, painting, tradition)}
    assert steps["spectral slope"].share is None  # it could have been one of them before


# ---- the command ----
@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    for index, scene in enumerate(scenes(4)):
        scene.save(tmp_path / "mine" / f"{index}.png")
    return tmp_path


def test_a_profile_in_words(here, capsys):
    assert main(["profile", "mine", "--beside", "ukiyoe"]) == 0
    told = capsys.readouterr()
    heading, *rows, _, palette, last = told.out.splitlines()
    assert heading.split()[:4] == ["measure", "median", "quartiles", "ukiyoe"]
    assert [row.split("  ")[0] for row in rows] == list(MEASURES)
    assert palette.startswith("palette: #") and last == "4 pictures of mine"
    assert "fewer than 30 pictures" in told.err
    median = Profile.of("mine", scenes(4)).measures["spectral slope"].median
    (row,) = (row for row in rows if row.startswith("spectral slope"))
    assert f" {median:.3g} " in row and f" {bundled_profile('ukiyoe').measures['spectral slope'].median:.3g} " in row


def test_a_bundled_tradition_and_a_folder_of_its_name(here, capsys):
    assert main(["profile", "shanshui", "--json"]) == 0
    told = capsys.readouterr()
    assert Profile.from_dict(json.loads(told.out)) == bundled_profile("shanshui") and "chance" not in told.err
    (here / "mine").rename("shanshui")
    assert main(["profile", "shanshui", "--limit", "2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["pictures"] == 2


def test_a_plot_as_svg_has_words_of_its_language():
    profile = bundled_profiles()["pirosmani"]
    for language, word in (("en", "contour contrast"), ("zh", "轮廓力度")):
        plot = plot_profile_svg(profile, language)
        texts = [text.text for text in ElementTree.fromstring(plot).iter("{http://www.w3.org/2000/svg}text")]
        assert word in texts and plot == plot_profile_svg(profile, language)
        assert len(texts) >= 2 * len(MEASURES)
    strange = dataclasses.replace(profile, name="<script>$x$</script> \udcff\x01")
    plot = plot_profile_svg(strange)
    assert "<script" not in plot and ElementTree.fromstring(plot) is not None


def test_a_plot_has_the_palette_and_all_measures(here, capsys):
    assert main(["profile", "pirosmani", "--plot", "deep/p.png"]) == 0
    plot = Image.open("deep/p.png")
    assert plot.width > 1000 and plot.height > 1000
    pixels = {pixel for _, pixel in plot.getcolors(plot.width * plot.height)}
    for colour, _ in bundled_profile("pirosmani").palette:
        assert tuple(int(colour[n : n + 2], 16) for n in (1, 3, 5)) in pixels
    before = Path("deep/p.png").read_bytes()
    assert main(["profile", "pirosmani", "--plot", "deep/p.png"]) == 2
    assert "--overwrite" in errors(capsys)[0] and Path("deep/p.png").read_bytes() == before
    assert main(["profile", "mine", "--plot", "deep/p.png", "--overwrite"]) == 0


@pytest.mark.parametrize(
    "arguments,words",
    [
        (["none"], "there is no folder none"),
        (["mine", "--beside", "cubism"], "no profile 'cubism'"),
        (["mine", "--plot", "p.pdf"], "cannot write p.pdf: name it .png"),
        (["mine", "--limit", "0"], "--limit must be at least 1"),
    ],
)
def test_bad_input_is_one_line(here, capsys, arguments, words):
    assert main(["profile", *arguments]) == 2
    (line,) = errors(capsys)
    assert words in line
