"""A style of one's own: what a collection says of itself, what is learnt, and what can be done with it."""

import dataclasses
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter

import hfstyle
from hfstyle import AutoModel, StyleBankGenerator, learn_style
from hfstyle.assets import ASSETS
from hfstyle.cli import main
from hfstyle.errors import DataError, OptionError, WeightsError
from hfstyle.features import STYLE_LAYERS, VGG16Features
from hfstyle.images import save_image
from hfstyle.losses import gram_loss
from hfstyle.styles import Style
from hfstyle.tensors import to_tensor
from hfstyle.training import mystyle
from hfstyle.training.collection import KEPT, MOST, Collection
from hfstyle.training.mystyle import StyleLearner


def stripes(seed: int = 0, size: tuple[int, int] = (200, 200), colour=(0.9, 0.5, 0.2)) -> Image.Image:
    """A picture of strokes in one colour and its dark, which leaves no doubt about its style."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[: size[1], : size[0]]
    wave = np.zeros(size[::-1])
    for _ in range(4):
        angle, length = random.uniform(0.6, 1.0), random.uniform(8, 12)
        wave += np.sin((x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi / length + random.uniform(0, 7))
    shade = 0.55 + 0.4 * np.tanh(wave)
    return Image.fromarray((shade[..., None] * np.array(colour) * 255).clip(0, 255).astype(np.uint8))


@pytest.fixture
def quick(monkeypatch):
    """Few and small crops."""
    monkeypatch.setattr(mystyle, "CROP", 96)
    monkeypatch.setattr(mystyle, "CROPS", 3)


@pytest.fixture(scope="module")
def bank():
    return AutoModel.from_pretrained("bank", device="cpu")


# ---- the collection ----
def test_a_collection_names_what_is_wrong_with_it(tmp_path):
    photos = [hfstyle.read_image(path) for path in sorted((ASSETS / "examples").glob("*.jpg"))]
    save_image(photos[0].resize((300, 260)), tmp_path / "good.png")
    save_image(photos[0].resize((170, 150)), tmp_path / "copy.png")
    save_image(photos[1].resize((60, 60)), tmp_path / "tiny.png")
    save_image(photos[2].resize((150, 400)), tmp_path / "small.png")
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    framed = Image.new("RGB", (440, 440), "white")
    framed.paste(photos[3].resize((400, 400)), (20, 20))
    save_image(framed, tmp_path / "framed.png")
    collection = Collection(sorted(tmp_path.iterdir()))
    assert collection.names == ["framed.png", "good.png", "small.png"]
    said = {(finding.kind, *finding.names) for finding in collection.findings}
    assert said == {
        ("unreadable", "broken.jpg"),
        ("small", "copy.png"),
        ("tiny", "tiny.png"),
        ("small", "small.png"),
        ("duplicate", "copy.png"),
    }
    assert all(finding.text.count("\n") == 0 and finding.names[0] in finding.text for finding in collection.findings)
    assert collection.pictures[0].size == (400, 400)
    rim = np.asarray(collection.pictures[0], int) - np.asarray(photos[3].resize((400, 400)), int)
    assert np.abs(rim).mean() < 12, "its frame is cut away"
    assert max(min(picture.size) for picture in collection.pictures) <= KEPT


def test_nothing_to_learn_from_is_one_line(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"nothing")
    with pytest.raises(DataError, match="no picture to learn from: .*a.jpg"):
        Collection([tmp_path / "a.jpg"])
    with pytest.raises(DataError, match="no picture"):
        learn_style([])


def test_of_many_pictures_some_are_taken_and_it_is_said():
    collection = Collection([stripes(seed, (110, 110)) for seed in range(MOST + 10)])
    assert len(collection) == MOST
    (surplus,) = [finding for finding in collection.findings if finding.kind == "surplus"]
    assert len(surplus.names) == 10


def test_strokes_can_be_wider_than_in_the_pictures():
    """Strokes twice as wide are those of a picture twice as large, of which half is seen."""
    picture = stripes(size=(256, 256))
    wide, large = (
        Collection([picture], strokes=2).looks[0],
        Collection([picture.resize((512, 512)).crop((128, 128, 384, 384))]),
    )
    plain = Collection([picture]).looks[0]
    deepest = STYLE_LAYERS[-1]
    distance = [(look.grams[deepest] - large.looks[0].grams[deepest]).norm() for look in (wide, plain)]
    assert distance[0] < 0.5 * distance[1]
    for wrong in (0.4, 2.1, float("nan")):
        with pytest.raises(OptionError, match="strokes must lie between"):
            Collection([picture], strokes=wrong)


def test_a_long_scroll_costs_no_more_than_its_middle():
    scroll = Image.new("RGB", (100, 20_000), "white")
    assert Collection([scroll]).pictures[0].size == (100, 800)


def test_the_hash_is_of_the_pictures_alone(tmp_path):
    pictures = [stripes(seed) for seed in range(3)]
    save_image(pictures[0], tmp_path / "a.png")
    digest = Collection(pictures).digest
    assert digest == Collection([pictures[2], tmp_path / "a.png", pictures[1]]).digest
    assert digest != Collection(pictures[:2]).digest


@pytest.fixture(scope="module")
def painted(bank):
    """Four photos, and the same as the bank paints them in two styles that are far apart."""
    photos = [hfstyle.read_image(path) for path in sorted((ASSETS / "examples").glob("*.jpg"))]
    small = [photo.resize((288, 192)) for photo in photos]
    return photos, *([bank.stylize(photo, style) for photo in small] for style in ("pointillism", "shanshui"))


def test_photographs_among_paintings_are_pointed_out(painted):
    photos, paintings, _ = painted
    names = ["photo", "a", "b"]
    mixed = Collection([photos[0], *paintings[1:3]], names)
    assert [finding.names for finding in mixed.findings if finding.kind == "photograph"] == [("photo",)]
    assert len(mixed) == 3, "pointed out, not taken away"
    for alike in (photos, paintings):
        assert not [finding for finding in Collection(alike).findings if finding.kind == "photograph"]


def test_pictures_of_two_styles_are_told_apart(painted):
    _, dots, ink = painted
    both = Collection([dots[0], ink[1], dots[2], ink[3]], ["dots 0", "ink 1", "dots 2", "ink 3"])
    assert sorted(both.groups) == [[0, 2], [1, 3]]
    (finding,) = [finding for finding in both.findings if finding.kind == "apart"]
    assert "dots 0, dots 2; or ink 1, ink 3" in finding.text
    part = both.part(both.groups[1])
    assert len(part) == 2 and part.groups == [[0, 1]] and part.names == [both.names[n] for n in both.groups[1]]
    assert Collection(dots).groups == [[0, 1, 2, 3]]


# ---- learning ----
def test_learning_comes_nearer_to_the_pictures(quick, bank):
    """On a photo that it has not seen, at another size."""
    pictures = [stripes(seed) for seed in range(2)]
    style = learn_style(pictures, bank, steps=25, name="waves")
    network = VGG16Features(STYLE_LAYERS)
    with torch.no_grad():
        target = StyleLearner(Collection(pictures), bank).target
        photo = hfstyle.read_image(ASSETS / "examples" / "seeding.jpg").resize((288, 192))
        mine = AutoModel.from_pretrained("bank", device="cpu")
        mine.load_style(style)
        distances = {
            name: gram_loss(network(to_tensor(mine.stylize(photo, name))[None]), target).item() for name in mine.styles
        }
    assert distances["waves"] < 0.8 * min(distances[name] for name in bank.styles)


def test_the_same_pictures_seed_and_steps_give_the_same_numbers(quick, bank):
    pictures = [stripes(seed) for seed in range(2)]
    first, again = (learn_style(pictures, bank, steps=3) for _ in range(2))
    assert torch.equal(first.numbers, again.numbers)
    assert first.about == again.about
    other = learn_style(pictures, bank, steps=3, seed=1)
    assert not torch.equal(first.numbers, other.numbers)


def test_the_bank_stays_as_it_was(quick, bank):
    before = {name: value.clone() for name, value in bank.state_dict().items()}
    styles, wanted = bank.styles, [parameter.requires_grad for parameter in bank.parameters()]
    learn_style(stripes(), bank, steps=2)
    assert bank.styles == styles
    assert [parameter.requires_grad for parameter in bank.parameters()] == wanted
    assert all(torch.equal(value, before[name]) for name, value in bank.state_dict().items())


def test_it_starts_near_a_style_that_it_knows(bank):
    """Pictures that the bank painted itself are nearest to the style that they were painted in."""
    painted = [bank.stylize(path, "pirosmani") for path in sorted((ASSETS / "examples").glob("*.jpg"))[:2]]
    start = StyleLearner(Collection(painted), bank).start
    assert max(start, key=start.get) == "pirosmani" and start["pirosmani"] > 0.6


def test_progress_counts_and_stops_when_told(quick, bank):
    seen = []

    def follow(progress):
        seen.append((progress.step, set(progress.losses), progress.seconds_left))
        assert progress.painter.stylize(stripes(5), max_pixels=4096).size == (200, 200)
        return progress.step < 2

    style = learn_style(stripes(), bank, seconds=600, on_progress=follow, name="early")
    assert [step for step, *_ in seen] == [0, 1, 2]
    assert [terms for _, terms, _ in seen] == [set(), *[{"gram", "content", "total_variation"}] * 2]
    assert all(500 < left <= 600 for *_, left in seen)
    assert style.about["recipe"].startswith("2 steps from ")


def test_seconds_are_kept(quick, bank):
    start = time.monotonic()
    learn_style(stripes(), bank, seconds=4.0)
    assert time.monotonic() - start < 8


def test_it_can_be_gone_on_with(quick, bank):
    first = learn_style(stripes(), bank, steps=6)
    more = learn_style(stripes(), bank, steps=1, resume=first)
    start = learn_style(stripes(), bank, steps=1)
    assert (more.numbers - first.numbers).abs().mean() < (start.numbers - first.numbers).abs().mean()
    assert "1 steps from 1.00 my-style" in more.about["recipe"]
    foreign = dataclasses.replace(first, fingerprint="0" * 64)
    with pytest.raises(WeightsError, match="another network"):
        learn_style(stripes(), bank, steps=1, resume=foreign)


def test_a_bank_without_styles_starts_from_the_photo(quick):
    torch.manual_seed(0)
    empty = StyleBankGenerator(ngf=4, n_blocks=1)
    style = learn_style(stripes(), empty, steps=1)
    assert "from the photo" in style.about["recipe"] and style.fingerprint == empty.fingerprint


def test_what_cannot_be_learnt_is_one_line(quick, bank, style):
    with pytest.raises(OptionError, match="no style can be added"):
        learn_style(stripes(), style, steps=1)
    with pytest.raises(OptionError, match="seconds must be above 0"):
        learn_style(stripes(), bank, seconds=0)
    with pytest.raises(OptionError, match="content has none"):
        learn_style(stripes(), bank, steps=1, content=[])
    with pytest.raises(OptionError, match="have none of"):
        learn_style(stripes(), bank, steps=1, name="a/b")


# ---- the file ----
def test_the_file_tells_how_it_was_made_and_holds_no_picture(quick, bank, tmp_path):
    style = learn_style([stripes(0), stripes(1)], bank, steps=1, name="waves")
    style.save(tmp_path / "waves.safetensors")
    size = (tmp_path / "waves.safetensors").stat().st_size
    assert size < 64_000
    again = Style.load(tmp_path / "waves.safetensors")
    assert again.about.keys() == {"recipe", "pictures"} and again.preview == style.preview
    assert again.about["pictures"].startswith("2 pictures, SHA-256 ")
    assert Image.open(io.BytesIO(again.preview)).width == 192
    told = learn_style(stripes(), bank, steps=1, learned_from="my own etchings")
    assert told.about["learned_from"] == "my own etchings" and "my own etchings" in told.card()
    assert "my own etchings" not in style.card()


def test_it_blends_with_bundled_styles(quick, bank, tmp_path, monkeypatch):
    monkeypatch.setenv("HFSTYLE_HOME", str(tmp_path / "home"))
    learn_style(stripes(), bank, steps=2, name="waves").save(tmp_path / "waves.safetensors")
    photo = stripes(7).filter(ImageFilter.GaussianBlur(3))
    alone = hfstyle.load_painter(str(tmp_path / "waves.safetensors")).stylize(photo)
    blended = hfstyle.load_painter(f"{tmp_path / 'waves.safetensors'}=.5,monet=.5").stylize(photo)
    monet = hfstyle.load_painter("bank:monet").stylize(photo)
    differences = [np.abs(np.asarray(blended, int) - np.asarray(other, int)).mean() for other in (alone, monet)]
    assert min(differences) > 0.5


# ---- on the command line ----
@pytest.fixture
def pictures(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HFSTYLE_HOME", str(tmp_path / "home"))
    (tmp_path / "loved").mkdir()
    for seed in range(2):
        save_image(stripes(seed), tmp_path / "loved" / f"{seed}.png")
    save_image(stripes(9, (120, 90)), tmp_path / "photo.jpg")
    return tmp_path


def test_learn_keep_use_rename_and_remove(quick, pictures, capsys):
    assert main(["learn", "loved", "-o", "waves.safetensors", "--steps", "2", "--preview", "photo.jpg", "--json"]) == 0
    (done,) = json.loads(capsys.readouterr().out)["styles"]
    assert done["steps"] == 2 and done["bytes"] < 64_000 and done["first_preview_seconds"] > 0
    assert Image.open("waves-preview.jpg").size == (120, 90)
    assert main(["styles", "add", "waves.safetensors"]) == 0
    assert main(["stylize", "photo.jpg", "--style", "waves"]) == 0
    assert main(["stylize", "photo.jpg", "-o", "blend.png", "--style", "waves=.5,monet=.5"]) == 0
    by_file = hfstyle.load_painter("waves.safetensors").stylize("photo.jpg")
    assert np.array_equal(np.asarray(Image.open("photo-waves.png")), np.asarray(by_file))
    assert main(["styles", "rename", "waves", "海浪"]) == 0
    capsys.readouterr()
    assert main(["styles", "list"]) == 0
    listed = capsys.readouterr().out
    assert "海浪" in listed and "2 steps from" in listed and "waves\n" not in listed
    assert main(["styles", "list", "--json"]) == 0
    assert [fact["name"] for fact in json.loads(capsys.readouterr().out)] == ["海浪"]
    assert main(["styles", "remove", "海浪"]) == 0
    assert main(["stylize", "photo.jpg", "-o", "x.png", "--style", "海浪"]) == 2
    assert not list(pictures.joinpath("home", "styles").iterdir())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["learn"], "at least one picture"),
        (["learn", "nowhere.jpg", "--steps", "1"], "nowhere.jpg"),
        (["learn", "loved", "-o", "a.png"], "name it .safetensors"),
        (["learn", "loved", "--name", "a/b"], "have none of"),
        (["learn", "loved", "--seconds", "-1"], "above 0"),
        (["learn", "loved", "--public"], "--push"),
        (["learn", "loved", "--base", "ukiyoe", "--steps", "1"], "no style can be added"),
        (["styles", "add", "nowhere.safetensors"], "nowhere.safetensors"),
        (["styles", "remove", "nothing"], "there are: none"),
        (["styles", "rename", "nothing", "b"], "there are: none"),
    ],
)
def test_bad_commands_are_one_line(pictures, capsys, arguments, said):
    assert main(arguments) == 2
    error = capsys.readouterr().err.strip()
    assert said in error and error.startswith("error: ") and "\n" not in error
    assert not list(pictures.glob("*.safetensors"))


def test_names_are_not_taken_twice(quick, pictures, capsys):
    assert main(["learn", "loved", "-o", "waves.safetensors", "--steps", "1"]) == 0
    assert main(["learn", "loved", "-o", "waves.safetensors", "--steps", "1"]) == 2
    assert main(["styles", "add", "waves.safetensors", "--name", "monet"]) == 2
    assert "bundled style" in capsys.readouterr().err
    assert main(["styles", "add", "waves.safetensors"]) == 0
    assert main(["styles", "add", "waves.safetensors"]) == 2
    assert main(["styles", "add", "waves.safetensors", "--overwrite"]) == 0
    assert main(["styles", "add", "waves.safetensors", "--name", "sea"]) == 0
    assert main(["styles", "rename", "sea", "waves"]) == 2
    assert main(["styles", "rename", "sea", "../x"]) == 2
    assert sorted(path.name for path in (pictures / "home" / "styles").iterdir()) == [
        "sea.safetensors",
        "waves.safetensors",
    ]


def test_a_style_is_pushed_as_a_private_repository(quick, pictures, hub, monkeypatch, capsys):
    monkeypatch.setenv("HF_TOKEN", "hf_alice")
    assert main(["learn", "loved", "-o", "waves.safetensors", "--steps", "1", "--push", "alice/waves"]) == 0
    repo = hub.repo("alice/waves")
    assert repo.private
    assert {"style.safetensors", "README.md", "samples.jpg"} <= set(repo.files("main"))
    assert "![" in repo.files("main")["README.md"].decode()
    assert main(["styles", "add", "alice/waves"]) == 0


def test_a_style_of_ones_own_is_exported_pushed_and_described_by_its_name(quick, pictures, hub, monkeypatch, capsys):
    pytest.importorskip("onnxruntime")
    monkeypatch.setenv("HF_TOKEN", "hf_alice")
    assert main(["learn", "loved", "-o", "waves.safetensors", "--steps", "2"]) == 0
    assert main(["styles", "add", "waves.safetensors"]) == 0
    assert main(["export", "waves", "--check"]) == 0
    exported = hfstyle.OnnxGenerator.from_pretrained("waves.onnx")
    assert exported.styles == ("waves",)
    painted = exported.stylize("photo.jpg", "waves"), hfstyle.load_painter("waves").stylize("photo.jpg")
    assert np.abs(np.asarray(painted[0], int) - np.asarray(painted[1], int)).max() <= 1
    assert main(["push", "waves", "alice/waves"]) == 0
    assert hub.repo("alice/waves").private
    capsys.readouterr()
    assert main(["info", "waves"]) == 0
    assert "2 steps from" in capsys.readouterr().out


def test_a_thorough_style_is_a_model(quick, pictures, bank, capsys):
    for seed in range(2, 9):
        save_image(stripes(seed, colour=(0.2 + seed / 12, 0.5, 0.2)), pictures / "loved" / f"{seed}.png")
    assert main(["learn", "loved", "--thorough", "--name", "waves", "--steps", "2", "--json"]) == 0
    (done,) = json.loads(capsys.readouterr().out)["styles"]
    terms = {"gram", "content", "total_variation"}
    assert done["losses"].keys() in (terms, terms | {"adversarial", "discriminator"})
    model = AutoModel.from_pretrained("waves")
    assert model.styles == ("waves",) and model.fingerprint != bank.fingerprint
    assert main(["stylize", "photo.jpg", "-o", "thorough.png", "--style", "waves:waves"]) == 0
    assert "pictures, SHA-256" in (pictures / "waves" / "README.md").read_text()
    assert main(["learn", "loved", "--thorough", "--name", "waves", "--steps", "1"]) == 2


def test_a_discriminator_judges_where_there_are_enough_pictures(quick, bank, monkeypatch):
    monkeypatch.setattr(mystyle, "ENOUGH", 2)
    collection = Collection([stripes(seed, colour=(0.9, 0.2 + seed / 4, 0.2)) for seed in range(3)])
    learner = StyleLearner(collection, bank, thorough=True)
    before = {name: value.clone() for name, value in learner.judge.network.state_dict().items()}
    for _ in range(2):
        assert {"adversarial", "discriminator"} < learner.step().keys()
    assert any(not torch.equal(value, before[name]) for name, value in learner.judge.network.state_dict().items())


@pytest.mark.slow
def test_ctrl_c_keeps_what_there_is(pictures):
    command = [sys.executable, "-m", "hfstyle", "learn", "loved", "-o", "waves.safetensors", "--seconds", "600"]
    process = subprocess.Popen([*command, "--preview", "photo.jpg"], stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    deadline = time.monotonic() + 120
    while not os.path.exists("waves-preview.jpg") and time.monotonic() < deadline:
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err.decode()
    assert b"waves.safetensors" in out and b"Traceback" not in err
    assert Style.load("waves.safetensors").name == "waves"


def test_two_learn_at_once_without_mixing(quick, bank):
    """In two threads, as in the studio: each gets what it would have got alone."""
    tasks = {"warm": stripes(0), "cold": stripes(1, colour=(0.2, 0.4, 0.9))}
    alone = {name: learn_style(picture, bank, steps=3, name=name).numbers for name, picture in tasks.items()}
    found = {}
    threads = [
        threading.Thread(target=lambda n=name, p=picture: found.update({n: learn_style(p, bank, steps=3, name=n)}))
        for name, picture in tasks.items()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name, numbers in alone.items():
        assert torch.allclose(found[name].numbers, numbers, atol=1e-4)
