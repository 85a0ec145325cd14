"""From a tradition's profile to its training."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from PIL import Image
from toy_training import given, make_pictures

from hfstyle.auto import AutoModel
from hfstyle.evaluation.culture import MEASURES, Profile, Spread, bundled_profiles
from hfstyle.losses import colour_loss
from hfstyle.training.bank import Bank
from hfstyle.training.cut import CUT
from hfstyle.training.cyclegan import CycleGAN
from hfstyle.training.main import main
from hfstyle.training.rule import CLOSEST, COLOUR, EMPTY_SPACE, FLATNESS, Recipe, recipe
from hfstyle.training.stylegram import StyleGram
from hfstyle.training.tradition import _on_the_scale_of
from hfstyle.training.trainer import Trainer


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return make_pictures(tmp_path_factory.mktemp("pictures"))


def config(pictures, output, method, **more):
    return method.Config(**(given(method.name, pictures) | {"output": output, "checkpoint_every": 0} | more))


def profile(**medians: float) -> Profile:
    """All measures at 0.5 with quartiles 0.4 and 0.6, but for those named."""
    measures = {name: Spread(0.4, 0.5, 0.6, 0.01) for name in MEASURES}
    for name, median in medians.items():
        name = name.replace("_", " ")
        measures[name] = dataclasses.replace(measures[name], median=median)
    return Profile("made up", 30, measures, ())


PHOTOS = profile(spectral_slope=-2.5)
COLOURS = sum(measure.group == "colour" for measure in MEASURES.values())


@pytest.mark.parametrize(
    ("tradition", "expected"),
    [
        ({}, {}),
        ({"spectral_slope": -2.2}, {"closeness": 1.3}),
        ({"spectral_slope": -3.0}, {"closeness": 1.0}),  # broad masses are not looked at from further away
        ({"spectral_slope": -1.0}, {"closeness": CLOSEST}),
        ({"flat_share": 0.75}, {"flatness": FLATNESS / 2}),
        ({"flat_share": 0.25}, {"flatness": 0.0}),
        ({"empty_space": 1.0}, {"empty_space": EMPTY_SPACE}),
        ({"chroma_ratio": 0.6}, {"colour": COLOUR * 0.1 / 0.2 / COLOURS}),
        ({"chroma_ratio": 0.4}, {"colour": COLOUR * 0.1 / 0.2 / COLOURS}),
        ({"chroma_ratio": 9.0}, {"colour": COLOUR}),
    ],
)
def test_recipe(tradition, expected):
    found = dataclasses.asdict(recipe(profile(**({"spectral_slope": -2.5} | tradition)), PHOTOS))
    assert found.pop("ground") == (0.4, 0.6)
    nothing = {"closeness": 1.0, "colour": 0.0, "flatness": 0.0, "empty_space": 0.0}
    assert found == pytest.approx(nothing | expected)


def test_what_the_bundled_profiles_ask_for():
    """What anybody would say who knows the traditions."""
    profiles = bundled_profiles()
    asked = {name: recipe(one, profiles["photos"]) for name, one in profiles.items()}
    assert asked["photos"] == Recipe(1.0, 0.0, 0.0, 0.0, asked["photos"].ground)
    assert max(asked, key=lambda name: asked[name].empty_space) == "shanshui"
    assert {name for name, one in asked.items() if one.flatness} == {"ukiyoe", "kuindzhi", "pirosmani"}
    assert all(asked[name].closeness > 1.2 for name in ("monet", "vangogh", "pointillism", "impressionism"))
    assert asked["kuindzhi"].closeness == asked["pirosmani"].closeness == 1


def test_photographs_that_are_all_flat_ask_for_nothing():
    assert recipe(profile(flat_share=1.0), profile(flat_share=1.0)).flatness == 0


@pytest.mark.parametrize("method", [Bank, CUT, CycleGAN, StyleGram], ids=lambda method: method.name)
def test_every_method_of_styles_has_the_terms(method, pictures, tmp_path):
    trainer = Trainer(method, config(pictures, tmp_path, method, max_steps=1, lambda_tradition=2.0))
    recipes = trainer.material.stream.recipes
    assert len(recipes) == (2 if method is Bank else 1)
    waves = recipes[0]
    assert waves.colour > 0 and waves.flatness > 0  # even stripes of blue, beside grey noise
    low, high = trainer.material.stream.domains[1][1].resize
    assert (low, high) == (round(32 * waves.closeness), round(40 * waves.closeness))
    assert trainer.material.stream.domains[0][1].resize == trainer.material.held_back.domains[1][1].resize == (32, 40)
    trainer.train()
    line = json.loads((tmp_path / "metrics.jsonl").read_text())
    assert line["colour"] > 0 and line["flatness"] > 0 and "empty_space" in line


def test_the_ground_is_as_light_as_in_the_pictures_themselves():
    """A profile has it in one range for all pictures, pale silk or black oilcloth."""
    lab = torch.zeros(4, 3, 8, 8)
    lab[:, 0, :4], lab[:, 0, 4:] = 20, 60
    lab[3] = 99  # one that is unlike the others
    assert _on_the_scale_of(lab, (15, 85)).tolist() == pytest.approx([20, 60])
    assert _on_the_scale_of(lab, (50, 67.5)).tolist() == pytest.approx([40, 50])


def test_terms_are_each_styles_own(pictures, tmp_path):
    terms = Trainer(Bank, config(pictures, tmp_path, Bank, lambda_tradition=3.0)).method.tradition_terms
    painted, photos = (torch.rand(2, 3, 32, 32) * 2 - 1 for _ in range(2))
    found = terms.losses(painted, photos, torch.tensor([1, 0]))["colour"]
    both = colour_loss(painted, terms.low[[1, 0]], terms.high[[1, 0]])
    assert found.item() == pytest.approx(3 * (terms.weights["colour"][[1, 0]] * both).mean().item())
    assert terms.weights["colour"][0] != terms.weights["colour"][1]
    assert (terms.low <= terms.high).all() and not torch.equal(terms.low[0], terms.low[1])


def test_without_the_option_nothing_changes(pictures, tmp_path):
    trainer = Trainer(Bank, config(pictures, tmp_path, Bank, max_steps=1))
    assert not trainer.material.stream.recipes
    assert {crop.resize for _, crop in trainer.material.stream.domains} == {(32, 40)}
    trainer.train()
    assert "colour" not in json.loads((tmp_path / "metrics.jsonl").read_text())


@pytest.mark.parametrize("method", ["pix2pix", "dcgan"])
def test_methods_without_a_style_to_learn_have_no_such_option(method, tmp_path, capfd):
    source = ["--source", "x"] if method == "pix2pix" else []
    assert main([method, *source, "--target", "x", "--output", str(tmp_path), "--lambda-tradition", "1"]) == 2
    assert "--lambda-tradition" in capfd.readouterr().err


def test_it_learns_the_colours_and_the_empty_ground(tmp_path):
    """With nothing but these terms: grey photos with a bright sky become red, and their sky as dark as the ground."""
    for folder in ("photos", "paintings"):
        (tmp_path / folder).mkdir()
    random = np.random.default_rng(0)
    for n in range(6):
        photo = random.integers(40, 200, (64, 64, 1)).repeat(3, 2)
        photo[:32] = 220
        Image.fromarray(photo.astype(np.uint8)).save(tmp_path / "photos" / f"{n}.png")
        Image.fromarray(np.full((64, 64, 3), (160, 40 + n, 40), np.uint8)).save(tmp_path / "paintings" / f"{n}.png")
    none = {f"lambda_{name}": 0.0 for name in ("adversarial", "gram", "content", "tv")}
    run = {"source": tmp_path / "photos", "target": tmp_path / "paintings", "max_steps": 60, "ngf": 8, "lr": 2e-3}
    run |= {"ema": 0.9, "lambda_tradition": 1.0}
    Trainer(StyleGram, config(tmp_path, tmp_path / "run", StyleGram, **run, **none)).train()
    painted = AutoModel.from_pretrained(tmp_path / "run").stylize(tmp_path / "photos" / "0.png")
    red, green, _ = np.asarray(painted, float).mean((0, 1))
    sky = np.asarray(painted, float)[4:28].mean()
    assert red > green + 60 and sky < 130, (red, green, sky)
