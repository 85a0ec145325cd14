"""From a name to what paints in a style, wherever it is."""

import shutil

import numpy as np
import pytest
from test_hub import ALICE
from test_images import gradient
from test_stylebank import tiny

from hfstyle import AutoModel, CycleGANGenerator, DCGANGenerator, PatchGANDiscriminator, bundled_styles, load_painter
from hfstyle.auto import bundled_painter
from hfstyle.errors import HfstyleError, ModelNotFoundError, OptionError, WeightsError
from hfstyle.repo import STYLE_NAME
from hfstyle.stylize import read_blend

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # the client's own, on uploads


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def same(painter, other, *style) -> bool:
    """Whether a painter and a model, or a bank's style, make the same painting."""
    photo = gradient(size=(72, 64))
    return np.array_equal(np.asarray(painter.stylize(photo)), np.asarray(other.stylize(photo, *style)))


def test_bundled_styles_are_those_of_models_and_of_the_bank(assets):
    assert bundled_styles() == ["sunset", "ukiyoe", "monet", "bank:ukiyoe", "山水"]
    shutil.rmtree(assets / "bank")
    assert bundled_styles() == ["sunset", "ukiyoe"]
    for name in bundled_styles():
        assert same(load_painter(name), AutoModel.from_pretrained(name))
    for name in ("monet", "bank:monet", "ukiyoe=1"):
        with pytest.raises(ModelNotFoundError) as caught:
            load_painter(name)
        assert "ukiyoe" in str(caught.value) and "\n" not in str(caught.value)


def test_a_model_comes_before_the_bank_s_style_of_its_name(assets):
    bank = AutoModel.from_pretrained("bank")
    assert same(load_painter("ukiyoe"), AutoModel.from_pretrained("ukiyoe"))
    assert same(load_painter("bank:ukiyoe"), bank, "ukiyoe")
    assert same(load_painter("monet"), bank, "monet") and same(load_painter("bank:山水"), bank, "山水")
    assert load_painter("monet", "cpu").device.type == "cpu"


def test_every_bundled_style_has_its_painter_whatever_lies_here(assets, here):
    bank = AutoModel.from_pretrained("bank")
    expected = {name: load_painter(name) for name in bundled_styles()}
    for name in ("bank", "ukiyoe", "monet"):
        CycleGANGenerator(ngf=5, n_blocks=0).save_pretrained(here / name)
    for name, painter in expected.items():
        assert same(bundled_painter(name), painter)
    assert same(bundled_painter("bank:monet"), bank, "monet")


def test_blends(assets):
    bank = AutoModel.from_pretrained("bank")
    for text in ("monet=.75,山水=.25", "bank:monet=3,山水=1", "monet = 3e1 , 山水 = 10"):
        assert same(load_painter(text), bank, {"monet": 0.75, "山水": 0.25})
    assert same(load_painter("ukiyoe=1"), bank, "ukiyoe"), "a blend is always of the bank"
    assert read_blend("monet") == "monet" and read_blend("a=1,b=0.5") == {"a": 1.0, "b": 0.5}
    for text in (
        "monet=",
        "monet=.5,ukiyoe",
        "=1",
        "monet=much",
        "monet=1,monet=2",
        "monet=1,",
        "monet=-1",
        "monet=nan",
    ):
        with pytest.raises(OptionError):
            load_painter(text)
    with pytest.raises(OptionError, match="no style 'rococo' here; there are: monet, ukiyoe, 山水"):
        load_painter("monet=1,rococo=1")


def test_another_bank_in_a_folder_or_on_the_hub(assets, here, hub):
    bank = tiny(ngf=3)
    bank.save_pretrained(here / "mine")
    bank.push_to_hub("alice/bank", token=ALICE)
    for name in ("mine:monet", "./mine:monet", f"{here}/mine:monet", "alice/bank:monet"):
        assert same(load_painter(name), bank, "monet")
    assert same(load_painter("alice/bank:monet=1,ukiyoe=3"), bank, {"monet": 0.25, "ukiyoe": 0.75})
    bank.save_style("monet", here / "again.safetensors")
    rounded = bank.painter(bank.load_style("again.safetensors", name="rounded"))
    assert same(load_painter("./mine:again.safetensors"), rounded)
    for name in ("mine", "./mine", "alice/bank", "bank"):
        with pytest.raises(OptionError, match=f"{name} has several styles .monet, ukiyoe, 山水.; write {name}:STYLE"):
            load_painter(name)
    with pytest.raises(OptionError, match="no style 'rococo' here"):
        load_painter("alice/bank:rococo")
    with pytest.raises(OptionError, match="ukiyoe has no styles to choose from; leave out :monet"):
        load_painter("ukiyoe:monet")


def test_a_style_of_one_s_own_in_a_file_a_folder_or_on_the_hub(assets, here, hub):
    bank = AutoModel.from_pretrained("bank")
    own = bank.numbers_of({"monet": 1, "山水": 1})
    bank.remove_style("monet")
    bank.add_style("monet", own)  # of the name of one that the bundled bank has
    bank.save_style("monet", here / "own.safetensors")
    (here / "folder").mkdir()
    bank.save_style("monet", here / "folder")
    bank.style("monet").push_to_hub("alice/own", private=False, token=ALICE)
    expected = bank.painter(bank.load_style(here / "own.safetensors", name="rounded"))
    for name in ("own.safetensors", "folder", "./folder", here / "own.safetensors", "alice/own"):
        assert same(load_painter(name), expected)
    tiny(ngf=3).save_style("monet", here / "other.safetensors")
    with pytest.raises(WeightsError, match="belongs to another network"):
        load_painter("other.safetensors")
    shutil.rmtree(assets / "bank")
    with pytest.raises(ModelNotFoundError, match="no bundled model named 'bank'"):
        load_painter("own.safetensors")


def test_models_of_one_style(assets, here, hub):
    model = CycleGANGenerator(ngf=6, n_blocks=0)
    model.save_pretrained(here / "monet")
    model.push_to_hub("alice/model", token=ALICE)
    for name in ("monet", "./monet", here / "monet", "alice/model"):
        assert same(load_painter(name), model)
    assert not same(load_painter("bank:monet"), model)


def test_pictures_in_a_folder_of_its_name_do_not_hide_a_style(assets, here):
    (here / "monet").mkdir()
    gradient().save(here / "monet" / "1.png")
    assert same(load_painter("monet"), AutoModel.from_pretrained("bank"), "monet")
    (here / "renoir").mkdir()
    with pytest.raises(ModelNotFoundError, match=r"renoir is not a model: it has no config\.json"):
        load_painter("renoir")


def test_a_name_that_nothing_has_lists_what_there_is(assets, hub):
    with pytest.raises(ModelNotFoundError) as caught:
        load_painter("rococo")
    assert "no style named 'rococo' (there are: sunset, ukiyoe, monet, bank:ukiyoe, 山水)" in str(caught.value)
    assert "owner/name" in str(caught.value)
    for path in (
        "./rococo",
        "~/rococo",
        "a/b/c",
        "..",
        "rococo:monet",
        "./rococo:monet",
        "",
        "~nobody/x",
        "x" * 999,
        "\0",
    ):
        with pytest.raises(HfstyleError) as caught:
            load_painter(path)
        assert "\n" not in str(caught.value)
    assert not hub.log
    with pytest.raises(ModelNotFoundError, match="there is no alice/rococo on the Hub"):
        load_painter("alice/rococo")


def test_what_does_not_paint_is_named(assets, here, hub):
    PatchGANDiscriminator(ndf=4, n_layers=1).save_pretrained(here / "judge")
    DCGANGenerator(ngf=4, image_size=16, latent_dim=4).save_pretrained(here / "dream")
    for name, words in {"judge": "does not make pictures", "dream": "takes no photo; see hfstyle imagine"}.items():
        with pytest.raises(OptionError, match=words):
            load_painter(name)
    hub.add_repo("alice/broken", {STYLE_NAME: b"x"})
    with pytest.raises(WeightsError, match="damaged"):
        load_painter("alice/broken")
