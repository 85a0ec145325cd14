"""The `hfstyle` command: what it writes where, what it says, and its exit codes."""

import hashlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import peers
import pytest
import torch
from PIL import Image
from test_images import encoded, gradient

from hfstyle import AutoModel, CycleGANGenerator, DCGANGenerator, bundled_styles, load_painter
from hfstyle.cli import Sheet, main
from hfstyle.errors import ModelNotFoundError


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working folder with two photos."""
    monkeypatch.chdir(tmp_path)
    gradient(size=(30, 20)).save("a.png")
    gradient(size=(20, 30)).save("b.jpg")
    return tmp_path


def same(path, photo, style, **options) -> bool:
    expected = AutoModel.from_pretrained(style).stylize(photo, **options)
    return np.array_equal(np.asarray(Image.open(path)), np.asarray(expected))


def errors(capsys) -> list[str]:
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return [line.removeprefix("error: ") for line in captured.err.splitlines() if line.startswith("error: ")]


def test_beside_the_photo(here, style, capsys):
    assert main(["stylize", "a.png", "--style", style]) == 0
    assert capsys.readouterr().out.strip() == "a-tiny.png"
    assert same("a-tiny.png", "a.png", style)


def test_the_working_folder(here, style):
    assert main(["stylize", ".", "--style", style]) == 0
    assert (here.parent / f"{here.name}-tiny" / "a-tiny.png").exists()


def test_a_folder_of_paintings_does_not_hide_the_style(here):
    for photo in ("a.png", "b.jpg"):
        assert main(["stylize", photo, "-o", "ukiyoe/"]) == 0


def test_a_broken_card_is_no_traceback(here, style, capsys):
    AutoModel.from_pretrained(style).save_pretrained("model", card="---\nfoo: [\n---\n")
    assert main(["info", "./model"]) == 0
    assert "CycleGANGenerator" in capsys.readouterr().out


def test_options_reach_the_model(here, style):
    more = ["--strength", "0.3", "--preserve-color", "--max-pixels", "100"]
    assert main(["stylize", "a.png", "-o", "out.png", "--style", style, "--device", "cpu", *more]) == 0
    assert same("out.png", "a.png", style, strength=0.3, preserve_color=True, max_pixels=100)


def test_a_reduced_photo_is_said_so(here, style, capsys):
    assert main(["stylize", "a.png", "--style", style, "--max-pixels", "150"]) == 0
    assert "stylised at 15x10; --max-pixels allows more" in capsys.readouterr().out


def test_several_photos_go_into_a_folder(here, style):
    assert main(["stylize", "a.png", "b.jpg", "-o", "out", "--style", style]) == 0
    assert sorted(os.listdir("out")) == ["a-tiny.png", "b-tiny.png"]
    assert same("out/b-tiny.png", "b.jpg", style)


def test_a_folder_keeps_its_shape_and_does_not_feed_on_itself(here, style):
    Path("photos/deep").mkdir(parents=True)
    Path("a.png").rename("photos/a.png")
    Path("b.jpg").rename("photos/deep/b.jpg")
    assert main(["stylize", "photos", "--style", style]) == 0
    assert main(["stylize", "photos/", "--style", style, "--overwrite"]) == 0
    made = sorted(str(path.relative_to(here)) for path in here.rglob("*.png"))
    assert made == ["photos-tiny/a-tiny.png", "photos-tiny/deep/b-tiny.png", "photos/a.png"]


def test_patterns(here, style):
    assert main(["stylize", "*.png", "--style", style]) == 0
    assert Path("a-tiny.png").exists() and not Path("b-tiny.png").exists()


def test_json(here, style, capsys):
    assert main(["stylize", "a.png", "b.jpg", "-o", "out", "--style", style, "--json"]) == 0
    first, second = json.loads(capsys.readouterr().out)
    assert first["photo"] == "a.png" and first["painting"] == "out/a-tiny.png" and first["size"] == [30, 20]
    assert second["stylized_size"] == [20, 30] and second["seconds"] > 0


def test_existing_files_are_not_overwritten(here, style, capsys):
    Path("a-tiny.png").write_text("precious")
    assert main(["stylize", "b.jpg", "a.png", "--style", style]) == 2
    assert errors(capsys) == ["a-tiny.png exists; pass --overwrite to replace it"]
    assert Path("a-tiny.png").read_text() == "precious" and not Path("b-tiny.png").exists()
    assert main(["stylize", "a.png", "--style", style, "--overwrite"]) == 0
    assert same("a-tiny.png", "a.png", style)


def test_one_bad_photo_does_not_stop_the_others(here, style, capsys):
    Path("broken.jpg").write_bytes(b"no")
    assert main(["stylize", "broken.jpg", "a.png", "-o", "out", "--style", style]) == 2
    assert len(errors(capsys)) == 1
    assert os.listdir("out") == ["a-tiny.png"]


@pytest.mark.parametrize(
    "arguments,words",
    [
        (["nothing.jpg"], "cannot open nothing.jpg"),
        (["none-*.jpg"], "no file matches none-*.jpg"),
        (["empty"], "empty has no pictures"),
        ([], "name at least one photo"),
        (["a.png", "--strength", "2"], "strength must lie between 0 and 1"),
        (["a.png", "--style", "rococo"], "no style named 'rococo' (there are: "),
        (["a.png", "--style", "./rococo"], "there is no folder ./rococo"),
        (["a.png", "--device", "abacus"], "there is no device 'abacus' here"),
        (["a.png", "-o", "out.doc"], "name it .png"),
        (["a.png", "-o", "a.png/x.png"], "cannot make the folder a.png"),
        (["a.png", "copy/a.png", "-o", "out"], "two photos would both become out/a-"),
        (["a.png", "--strength", "strong"], "--strength: could not convert string to float: 'strong'"),
        (["a.png", "--colour"], "--colour"),
        (["-", "--json"], "cannot both go to standard output"),
        (["a.png", "b.jpg", "-o", "-"], "only one picture can go to standard output"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(here, style, capsys, arguments, words):
    Path("empty").mkdir()
    Path("copy").mkdir()
    gradient().save("copy/a.png")
    before = sorted(here.rglob("*"))
    if "--style" not in arguments:
        arguments = [*arguments, "--style", style]
    assert main(["stylize", *arguments]) == 2
    (error,) = errors(capsys)
    assert words in error
    assert sorted(here.rglob("*")) == before, "something was left behind"


def test_a_discriminator_makes_no_pictures(here, tmp_path, capsys):
    from hfstyle import PatchGANDiscriminator

    PatchGANDiscriminator(ndf=4).save_pretrained(tmp_path / "judge")
    assert main(["stylize", "a.png", "--style", str(tmp_path / "judge")]) == 2
    assert "does not make pictures" in errors(capsys)[0]


def test_standard_input_and_output(here, style):
    command = [sys.executable, "-m", "hfstyle", "stylize", "-", "--style", style]
    result = subprocess.run(command, input=encoded(gradient(), "JPEG"), capture_output=True)
    assert result.returncode == 0, result.stderr
    painting = Image.open(io.BytesIO(result.stdout))
    expected = AutoModel.from_pretrained(style).stylize(encoded(gradient(), "JPEG"))
    assert np.array_equal(np.asarray(painting), np.asarray(expected))
    empty = subprocess.run(command, input=b"", capture_output=True, text=False)
    assert empty.returncode == 2 and empty.stderr == b"error: the picture is empty\n" and not empty.stdout


def test_convert(here, capsys, hub, monkeypatch):
    torch.save({"G_A2B": peers.resnet_state(blocks=1), "G_B2A": peers.resnet_state(blocks=2)}, "old.pth")
    assert main(["convert", "old.pth"]) == 2
    assert errors(capsys) == [
        "old.pth has several networks: G_A2B, G_B2A; choose one as key (--key on the command line)"
    ]
    assert main(["convert", "old.pth", "--key", "G_A2B"]) == 0
    said = capsys.readouterr().out
    assert said.splitlines()[0].startswith(
        "CycleGAN's ResNet generator, the reference's, 1 blocks: a CycleGANGenerator"
    )
    assert said.splitlines()[-1] == "old"
    assert main(["stylize", "a.png", "--style", "./old"]) == 0 and os.path.exists("a-old.png")
    card = Path("old/README.md").read_text()
    assert hashlib.sha256(Path("old.pth").read_bytes()).hexdigest() in card and "`G_A2B`" in card
    assert 'from_pretrained("old")' in card and "license:" not in card
    # What is there stays there.
    assert main(["convert", "old.pth", "--key", "G_B2A"]) == 2
    assert errors(capsys) == ["old has a config.json; pass --overwrite to replace it, or give -o another folder"]
    assert AutoModel.from_pretrained("./old").config.n_blocks == 1
    assert main(["convert", "old.pth", "--key", "G_B2A", "--overwrite"]) == 0
    assert AutoModel.from_pretrained("./old").config.n_blocks == 2
    # Nor is what somebody wrote lost, told to overwrite or not.
    Path("project").mkdir()
    Path("project/README.md").write_text("Mine.")
    assert main(["convert", "old.pth", "--key", "G_A2B", "-o", "project"]) == 2
    assert "project has a README.md" in errors(capsys)[0]
    assert main(["convert", "old.pth", "--key", "G_A2B", "-o", "project", "--overwrite"]) == 0
    assert Path("project/README.md").read_text() == "Mine."
    # To the Hub, in one commit, and in no folder here.
    capsys.readouterr()
    monkeypatch.setenv("HF_TOKEN", "hf_alice")
    torch.save(peers.animegan_state(), "face.pth")
    arguments = ["--set", "align_corners=false", "--push", "alice/face", "--private", "--json"]
    assert main(["convert", "face.pth", *arguments]) == 0
    done = json.loads(capsys.readouterr().out)
    assert done["class"] == "AnimeGANGenerator" and done["folder"] is None and "alice/face" in done["pushed"]
    pulled = AutoModel.from_pretrained("alice/face", token="hf_alice")
    assert pulled.config.align_corners is False and not Path("face").exists()
    with pytest.raises(ModelNotFoundError):
        AutoModel.from_pretrained("alice/face", token=False, force_download=True)


@pytest.mark.parametrize("arguments,words", [
    (["nowhere.pth"], "there is no file nowhere.pth"),
    (["a.png"], "a.png is no checkpoint of PyTorch"),
    (["old.pth", "--private"], "--private is about the repository that --push names"),
    (["old.pth", "--set", "x"], "--set takes FIELD=VALUE"),
    (["old.pth", "--set", "colour=blue"], "has no option colour"),
    (["old.pth", "--set", "margin=-1"], "margin must lie between 0 and 256"),
    (["old.pth", "--push", "me"], "a Hub repository is written owner/name"),
    (["old"], "old has no ending to take away; give -o a folder"),
    (["old.pth", "-o", "/proc/self"], "cannot write to /proc/self"),
])  # fmt: skip
def test_convert_says_what_is_wrong_and_leaves_nothing(here, capsys, arguments, words):
    torch.save(peers.resnet_state(blocks=1), "old.pth")
    assert main(["convert", *arguments]) == 2
    assert words in errors(capsys)[0]
    assert {path.name for path in here.iterdir()} == {"a.png", "b.jpg", "old.pth"}


def test_info(style, capsys):
    assert main(["info", style, "--json"]) == 0
    fact = json.loads(capsys.readouterr().out)
    assert fact["class"] == "CycleGANGenerator" and fact["config"]["ngf"] == 4
    assert fact["parameters"] == AutoModel.from_pretrained(style).num_parameters
    assert main(["info"]) == 0
    listing = capsys.readouterr().out
    assert listing.startswith("bank\n") and "\nukiyoe\n" in listing and "Ukiyo-e" in listing
    assert main(["info", "rococo"]) == 2


def test_data_check(here, capsys):
    assert main(["data", "check", "."]) == 0
    said = capsys.readouterr().out
    assert ".: 2 pictures\n  short side 20 to 20 pixels, median 20" in said and "ready to train: 2 pictures" in said
    assert said.endswith(f"contact sheet: {here.name}-sheet.jpg\n")
    assert Image.open(f"{here.name}-sheet.jpg").width > 300
    Path("sheets").mkdir()
    Path(f"{here.name}-sheet.jpg").rename("sheets/old.jpg")
    Path("broken.png").write_bytes(b"no")
    assert main(["data", "check", ".", "--json", "-o", "sheets/new.png", "--crop", "16"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["sheet"] == "sheets/new.png" and Path("sheets/new.png").exists()
    assert report["usable"] == 3 and report["small"] == []  # the old sheet is a picture too
    assert report["broken"][0]["name"] == "broken.png"


def test_data_check_without_a_picture_is_exit_code_2(here, capsys):
    Path("bad").mkdir()
    Path("bad/a.jpg").write_bytes(b"no")
    assert main(["data", "check", "bad"]) == 2
    assert "nothing to train with" in capsys.readouterr().out and not Path("bad-sheet.jpg").exists()


@pytest.mark.parametrize(
    "arguments,words",
    [
        ([], "name at least one folder, zip, or data set on the Hub"),
        (["none"], "there is no folder none"),
        (["./none/x"], "there is no folder ./none/x"),
        (["none.zip"], "there is no file none.zip"),
        (["a.png"], "a.png is neither a folder nor a zip"),
        (["empty"], "empty has no pictures"),
        ([".", "-o", "sheet.doc"], "cannot write sheet.doc: name it .png"),
        ([".", "-o", "b.jpg"], "b.jpg exists; pass --overwrite to replace it"),
        ([".", "--crop", "0"], "--crop and --limit must be at least 1"),
        ([".", "--colour"], "--colour"),
    ],
)
def test_bad_input_of_data_check_is_one_line(here, capsys, arguments, words):
    Path("empty").mkdir()
    before = sorted(here.rglob("*"))
    assert main(["data", "check", *arguments]) == 2
    (error,) = errors(capsys)
    assert words in error
    assert sorted(here.rglob("*")) == before, "something was left behind"


def test_an_interrupt_is_no_traceback(here, style, monkeypatch):
    monkeypatch.setattr(CycleGANGenerator, "stylize", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    assert main(["stylize", "a.png", "--style", style]) == 130
    assert sorted(os.listdir()) == ["a.png", "b.jpg"]


# ---- styles of a bank ----
def test_styles_of_the_bank_blends_and_own_styles(here, assets, capsys):
    bank = AutoModel.from_pretrained("bank")
    bank.save_style("ukiyoe", "own.safetensors", title="Dusk")
    painted = {
        "monet": ("a-monet.png", "monet"),
        "bank:ukiyoe": ("a-ukiyoe.png", "ukiyoe"),
        "山水=.5,monet=1.5": ("a-山水=.5,monet=1.5.png", {"山水": 0.25, "monet": 0.75}),
        "own.safetensors": ("a-own.png", bank.load_style("own.safetensors", name="own")),
    }
    for style, (name, expected) in painted.items():
        assert main(["stylize", "a.png", "--style", style, "--strength", "0.7"]) == 0
        assert capsys.readouterr().out.strip() == name
        assert np.array_equal(pixels(name), np.asarray(bank.stylize("a.png", expected, 0.7)))
    bank.save_pretrained("mine")
    assert main(["stylize", "a.png", "--style", "./mine:monet", "-o", "mine/"]) == 0
    assert np.array_equal(pixels("mine/a-monet.png"), np.asarray(bank.stylize("a.png", "monet")))


@pytest.mark.parametrize(
    "style,words",
    [
        ("rococo", "no style named 'rococo' (there are: sunset, ukiyoe, monet, bank:ukiyoe, 山水)"),
        ("bank", "bank has several styles (monet, ukiyoe, 山水); write bank:STYLE"),
        ("bank:rococo", "no style 'rococo' here; there are: monet, ukiyoe, 山水"),
        ("monet=.5,ukiyoe", "a blend is written ukiyoe=.6,monet=.4"),
        ("a.png", "a.png is damaged or not a safetensors file"),
    ],
)
def test_what_is_no_style_is_one_line(here, assets, capsys, style, words):
    assert main(["stylize", "a.png", "--style", style]) == 2
    (error,) = errors(capsys)
    assert words in error and sorted(os.listdir()) == ["a.png", "b.jpg"]


def test_info_of_a_bank_and_of_a_style(here, assets, capsys):
    bank = AutoModel.from_pretrained("bank")
    bank.save_style("ukiyoe", "own.safetensors", title="Dusk")
    assert main(["info", "bank", "--json"]) == 0
    fact = json.loads(capsys.readouterr().out)
    assert fact["styles"] == ["monet", "ukiyoe", "山水"] and fact["numbers a style"] == bank.n_numbers
    assert fact["config"] == {"ngf": 2, "n_blocks": 1, "margin": 0}
    assert main(["info"]) == 0
    said = capsys.readouterr().out
    assert "\n  styles       monet, ukiyoe, 山水\n" in said and said.startswith("bank\n")
    assert main(["info", "own.safetensors", "--json"]) == 0
    fact = json.loads(capsys.readouterr().out)
    assert (fact["name"], fact["title"], fact["belongs to"]) == ("ukiyoe", "Dusk", bank.fingerprint)


# ---- sheet ----
@pytest.fixture
def photo(here):
    """As large as a cell, so that it is to be found on the sheet."""
    gradient(size=(64, 48)).save("c.png")
    return "c.png"


def test_a_sheet_has_the_photo_in_every_style(photo, assets, capsys):
    assert main(["sheet", "c.png", "--cell", "64", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["sheet"] == "c-sheet.png" and list(facts["seconds"]) == [
        "monet",
        "bank:ukiyoe",
        "山水",
        "sunset",
        "ukiyoe",
    ]
    sheet = pixels("c-sheet.png")
    shown = [pixels("c.png")]
    for name in facts["seconds"]:
        shown.append(np.asarray(load_painter(name).stylize("c.png")))
    places = [place(sheet, picture) for picture in shown]
    assert all(places), "each picture is there to the pixel"
    assert places == sorted(places), "in rows, the photo first"


def place(sheet: np.ndarray, picture: np.ndarray) -> tuple[int, int] | None:
    """Where on a sheet a picture is: row and column of its first pixel."""
    height, width = picture.shape[:2]
    for row, column in np.argwhere((sheet == picture[0, 0]).all(-1)):
        if np.array_equal(sheet[row : row + height, column : column + width], picture):
            return row, column
    return None


def test_a_sheet_with_profiles_shows_palettes_and_tells_the_way(photo, assets, capsys):
    pytest.importorskip("skimage", reason="the extra 'eval' is not installed")
    from hfstyle.evaluation.culture import MEASURES, Profile, bundled_profile

    options = ["--cell", "64", "--styles", "monet", "bank:ukiyoe", "山水", "--profile", "--json"]
    assert main(["sheet", "c.png", *options]) == 0
    facts = json.loads(capsys.readouterr().out)
    # Of 山水 nobody has written down what its tradition is.
    assert list(facts["profile"]) == ["monet", "bank:ukiyoe"]
    sheet = pixels("c-sheet.png")
    painting = AutoModel.from_pretrained("bank").stylize("c.png", "monet")
    row, column = place(sheet, np.asarray(painting))
    for strip, profile in ((3, Profile.of("it", [painting])), (8, bundled_profile("monet"))):
        found = {"#{:02x}{:02x}{:02x}".format(*pixel) for pixel in sheet[row + 48 + strip, column : column + 64]}
        assert found == {colour for colour, share in profile.palette if share >= 0.02}
    (step,) = (step for step in facts["profile"]["monet"] if step["measure"] == "hue entropy")
    assert step["tradition"] == bundled_profile("monet").measures["hue entropy"].median
    assert [step["measure"] for step in facts["profile"]["monet"]] == list(MEASURES)


def test_the_names_on_a_sheet(assets):
    """Traditions by their titles where a bundled style learnt from them, else the style's own name."""
    names = {style: load_painter(style) for style in ("monet", "bank:ukiyoe", "ukiyoe", "sunset", "monet=.5,山水=.5")}
    labels = [Sheet("c.png")._label(*item) for item in names.items()]
    assert labels == [
        "Claude Monet", "Ukiyo-e landscape", "Ukiyo-e landscape (CycleGAN)", "sunset (CycleGAN)", "monet=.5,山水=.5",
    ]  # fmt: skip
    assert Sheet("c.png", language="zh")._label("monet", names["monet"]) == "克劳德·莫奈"
    assert Sheet("c.png", bank="mine")._label("monet", names["monet"]) == "monet"


def test_a_sheet_of_chosen_styles(photo, assets, capsys):
    bank = AutoModel.from_pretrained("bank")
    more = ["--cell", "64", "--strength", "0.5", "--preserve-color", "--device", "cpu"]
    assert main(["sheet", "c.png", "-o", "out/s.png", "--styles", "monet", "monet=.5,山水=.5", "sunset", *more]) == 0
    assert capsys.readouterr().out.strip() == "out/s.png"
    sheet = pixels("out/s.png")
    for style in ("monet", {"monet": 1, "山水": 1}):
        assert place(sheet, np.asarray(bank.stylize("c.png", style, 0.5, True)))
    assert place(sheet, np.asarray(AutoModel.from_pretrained("sunset").stylize("c.png", 0.5, True)))
    assert main(["sheet", "c.png", "-o", "out/s.png", "--overwrite", "--styles", "ukiyoe", "--cell", "64"]) == 0
    assert place(pixels("out/s.png"), np.asarray(AutoModel.from_pretrained("ukiyoe").stylize("c.png")))


def test_a_sheet_of_another_bank(photo, assets):
    bank = AutoModel.from_pretrained("bank")
    bank.rename_style("monet", "claude")
    bank.save_pretrained("mine")
    assert main(["sheet", "c.png", "--bank", "mine", "--cell", "64"]) == 0
    assert main(["sheet", "c.png", "--bank", "mine", "--styles", "ukiyoe", "-o", "one.png", "--cell", "64"]) == 0
    for style in bank.styles:
        assert place(pixels("c-sheet.png"), np.asarray(bank.stylize("c.png", style)))
        assert bool(place(pixels("one.png"), np.asarray(bank.stylize("c.png", style)))) is (style == "ukiyoe")


def test_a_large_photo_is_brought_to_the_size_of_a_cell(here, assets):
    gradient(size=(400, 300)).save("large.png")
    assert main(["sheet", "large.png", "--cell", "100", "--styles", "monet", "山水", "-o", "s.png"]) == 0
    assert Image.open("s.png").width < 400


def test_a_sheet_through_pipes(assets, style):
    command = [sys.executable, "-m", "hfstyle", "sheet", "-", "--styles", style, "--cell", "64"]
    result = subprocess.run(command, input=encoded(gradient(), "JPEG"), capture_output=True)
    assert result.returncode == 0, result.stderr
    assert Image.open(io.BytesIO(result.stdout)).width > 2 * gradient().width


@pytest.mark.parametrize(
    "arguments,words",
    [
        (["nothing.jpg"], "cannot open nothing.jpg"),
        (["a.png", "--styles", "rococo"], "no style named 'rococo'"),
        (["a.png", "--bank", "ukiyoe"], "ukiyoe is a CycleGANGenerator, which has no styles to choose from"),
        (["a.png", "--bank", "bank", "--styles", "rococo"], "no style 'rococo' here"),
        (["a.png", "--cell", "32"], "--cell must lie between 64 and 2048, not 32"),
        (["a.png", "--strength", "2"], "strength must lie between 0 and 1"),
        (["a.png", "-o", "sheet.doc"], "cannot write sheet.doc: name it .png"),
        (["a.png", "-o", "b.jpg"], "b.jpg exists; pass --overwrite to replace it"),
        (["a.png", "-o", "-", "--json"], "cannot both go to standard output"),
        (["a.png", "--device", "abacus"], "there is no device 'abacus' here"),
        ([], "PHOTO"),
    ],
)
def test_a_bad_sheet_is_one_line_and_exit_code_2(here, assets, capsys, arguments, words):
    before = sorted(here.rglob("*"))
    assert main(["sheet", *arguments]) == 2
    (error,) = errors(capsys)
    assert words in error
    assert sorted(here.rglob("*")) == before, "something was left behind"


# ---- imagine ----
@pytest.fixture(scope="module")
def dream(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dreams") / "dream"
    torch.manual_seed(0)
    DCGANGenerator(latent_dim=5, ngf=4, image_size=16).save_pretrained(folder)
    return str(folder)


def pixels(path) -> np.ndarray:
    return np.asarray(Image.open(path))


def test_a_sheet_of_imagined_pictures(here, dream, capsys):
    assert main(["imagine", dream, "-n", "5", "--seed", "3"]) == 0
    assert capsys.readouterr().out.strip() == "dream-3.png"
    sheet = pixels("dream-3.png")
    assert sheet.shape == (2 * 16 + 4, 3 * 16 + 2 * 4, 3)
    pictures = AutoModel.from_pretrained(dream).generate(5, seed=3)
    assert np.array_equal(sheet[:16, :16], np.asarray(pictures[0]))
    assert np.array_equal(sheet[-16:, 20:36], np.asarray(pictures[4]))
    assert main(["imagine", dream, "-n", "1", "-o", "one.jpg"]) == 0
    assert Image.open("one.jpg").size == (16, 16)


def test_a_folder_of_imagined_pictures(here, dream, capsys):
    assert main(["imagine", dream, "-n", "11", "-o", "out/deep", "--truncation", "0.5"]) == 0
    names = [f"out/deep/dream-0-{index:02}.png" for index in range(11)]
    assert capsys.readouterr().out.split() == names
    for name, picture in zip(names, AutoModel.from_pretrained(dream).generate(11, truncation=0.5), strict=True):
        assert np.array_equal(pixels(name), np.asarray(picture))
    assert main(["imagine", dream, "-n", "1", "-o", "./"]) == 0
    assert Path("dream-0-0.png").exists()


def test_a_walk(here, dream, capsys):
    assert main(["imagine", dream, "-n", "3", "--seed", "1", "--walk", "2", "-o", "out", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["seed"], facts["walk"], facts["truncation"]) == (1, 2, None)
    for name, picture in zip(facts["pictures"], AutoModel.from_pretrained(dream).interpolate(1, 2, 3), strict=True):
        assert np.array_equal(pixels(name), np.asarray(picture))


def test_imagined_pictures_overwrite_nothing(here, dream, capsys):
    Path("dream-0.png").write_text("precious")
    assert main(["imagine", dream]) == 2
    assert errors(capsys) == ["dream-0.png exists; pass --overwrite to replace it"]
    assert Path("dream-0.png").read_text() == "precious"
    assert main(["imagine", dream, "--overwrite"]) == 0
    Path("out").mkdir()
    for index in (3, 7):
        Path(f"out/dream-0-{index}.png").touch()
    assert main(["imagine", dream, "-n", "9", "-o", "out"]) == 2
    assert errors(capsys) == ["out/dream-0-3.png exists (and 1 more); pass --overwrite to replace it"]
    assert sorted(os.listdir("out")) == ["dream-0-3.png", "dream-0-7.png"]


def test_a_sheet_on_standard_output(dream):
    command = [sys.executable, "-m", "hfstyle", "imagine", dream, "-n", "4", "-o", "-"]
    result = subprocess.run(command, capture_output=True)
    assert result.returncode == 0, result.stderr
    assert Image.open(io.BytesIO(result.stdout)).size == (36, 36)


@pytest.mark.parametrize(
    "arguments,words",
    [
        (["-n", "0"], "--number must be at least 1"),
        (["-n", "1", "--walk", "2"], "at least 2 pictures"),
        (["--seed", "-1"], "seed must be a whole number from 0, not -1"),
        (["--walk", "4294967296"], "seed must be less than 2^32"),
        (["--truncation", "0"], "truncation must be greater than 0"),
        (["--device", "abacus"], "there is no device 'abacus' here"),
        (["-o", "out.doc"], "name it .png"),
        (["-o", "a.png/x.png"], "cannot make the folder a.png"),
        (["-o", "-", "--json"], "cannot both go to standard output"),
        (["-n", "1000000", "-o", "sheet.png"], "too many for one sheet"),
    ],
)
def test_bad_wishes_are_one_line_and_exit_code_2(here, dream, capsys, arguments, words):
    before = sorted(here.rglob("*"))
    assert main(["imagine", dream, *arguments]) == 2
    (error,) = errors(capsys)
    assert words in error
    assert sorted(here.rglob("*")) == before, "something was left behind"


def test_each_command_knows_the_other_s_models(here, style, dream, capsys):
    assert main(["imagine", style]) == 2
    assert "CycleGANGenerator, which needs a photo; see hfstyle stylize" in errors(capsys)[0]
    assert main(["stylize", "a.png", "--style", dream]) == 2
    assert "DCGANGenerator, which takes no photo; see hfstyle imagine" in errors(capsys)[0]


def test_the_bundled_model_imagines_and_is_no_style(here, capsys):
    assert main(["imagine", "-n", "4"]) == 0
    assert capsys.readouterr().out.strip() == "imagine-0.png"
    sheet = pixels("imagine-0.png")
    first, second = AutoModel.from_pretrained("imagine").generate(2)
    assert place(sheet, np.asarray(first)) == (0, 0) and place(sheet, np.asarray(second)) == (0, 68)
    assert np.asarray(first).std() > 10 and np.abs(np.asarray(first, float) - second).mean() > 10
    assert "imagine" not in bundled_styles()
    assert main(["stylize", "a.png", "--style", "imagine"]) == 2
    assert "which takes no photo; see hfstyle imagine" in errors(capsys)[0]
