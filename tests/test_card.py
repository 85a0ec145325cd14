"""Model cards: what they say, what the Hub reads of them, and what of them is whose when they are written again."""

import json
import time

import pytest
import yaml
from huggingface_hub import ModelCard
from hypothesis import given
from hypothesis import strategies as st

from hfstyle import bundled_models
from hfstyle.assets import ASSETS
from hfstyle.card import (
    Card,
    Result,
    card_parts,
    card_problems,
    default_card,
    for_repo,
    merge_cards,
    read_card,
    with_figures,
    without_figures,
)
from hfstyle.traditions import traditions


def card(**changes) -> Card:
    fields = {
        "title": "Prints",
        "summary": "Turns photographs into prints.",
        "code": 'model = AutoModel.from_pretrained("prints")',
        "samples": "samples.jpg",
        "traditions": ["ukiyoe"],
        "results": [Result("kid", 105.0, "KID x1000 (EfficientNet-Lite0)", "164 photos, 202 prints")],
        "sections": [("The style", "Woodblock prints."), ("Figures", "| KID | 105 |")],
    }
    return Card(**(fields | changes))


def front_matter(text: str) -> dict:
    return yaml.safe_load(text.split("---\n")[1])


def test_what_the_hub_reads():
    data = ModelCard(str(card(base_model="me/other", datasets=["me/prints"]))).data
    assert (data.library_name, data.pipeline_tag, data.license) == ("hfstyle", "image-to-image", "apache-2.0")
    assert data.base_model == "me/other" and data.datasets == ["me/prints"]
    (result,) = data.eval_results
    assert (result.task_type, result.metric_type, result.metric_value) == ("image-to-image", "kid", 105.0)
    assert result.metric_name == "KID x1000 (EfficientNet-Lite0)" and result.dataset_name == "164 photos, 202 prints"
    assert front_matter(str(card()))["widget"][0]["output"] == {"url": "samples.jpg"}
    assert front_matter(str(card()))["traditions"] == ["ukiyoe"]


def test_nothing_is_said_of_what_is_not_known():
    data = front_matter(str(Card("A", "B.", "c", license=None)))
    assert data.keys() == {"library_name", "pipeline_tag", "tags"}


def test_a_card_that_nobody_touched_is_renewed_to_the_letter():
    new = card(summary="Better.", results=[Result("kid", 90.0, "KID", "x")], sections=[("Figures", "90")])
    old = card(sections=[("Figures", "105")])
    assert merge_cards(str(old), str(new)) == str(new)
    assert merge_cards(str(new), str(new)) == str(new)


def test_what_somebody_wrote_stays():
    old = str(card()).replace("# Prints", "# Drucke\n\nHallo!").replace("license: apache-2.0", "license: cc-by-4.0")
    old = old.replace("tags:\n", "tags:\n- mine\n").replace(
        "<!-- hfstyle: figures -->", "Mein Urteil: schön.\n\n<!-- hfstyle: figures -->"
    )
    merged = merge_cards(old + "\nNachwort.\n", str(card(summary="Better.", sections=[("Figures", "90")])))
    for words in ("# Drucke\n\nHallo!", "Mein Urteil: schön.", "\nNachwort.\n", "license: cc-by-4.0", "- mine\n"):
        assert words in merged
    assert "Better." in merged and "Turns photographs" not in merged
    assert "90" in merged and "| KID | 105 |" not in merged
    assert "Woodblock prints." not in merged, "it was hfstyle's, and is no longer so"


def test_figures_never_outlive_their_weights():
    new = str(card(results=[], sections=[("The style", "Woodblock prints.")]))
    assert "105" in str(card())
    for merged in (merge_cards(str(card()), new), without_figures(str(card()))):
        assert "105" not in merged and "model-index" not in merged and "Woodblock prints." in merged
    assert without_figures(new) == new


def test_figures_are_put_in_their_place():
    new = with_figures(str(card()), "| 90 |", [Result("kid", 90.0, "KID", "164 photos")])
    assert card_problems(new, ["samples.jpg"]) == [] and "105" not in new
    assert card_parts(new)["figures"] == "## Figures\n\n| 90 |" and list(card_parts(new))[-1] == "figures"
    (result,) = ModelCard(new).data.eval_results
    assert result.metric_value == 90.0 and ModelCard(new).data.model_name == "Prints"
    assert with_figures(new, "| 90 |", [Result("kid", 90.0, "KID", "164 photos")]) == new


def test_what_somebody_took_away_stays_away():
    old = str(card())
    for name in ("samples", "figures"):
        old = old.replace(f"<!-- hfstyle: {name} -->\n{card_parts(old)[name]}\n<!-- /hfstyle: {name} -->", "")
    merged = merge_cards(old, str(card(summary="Better.")))
    assert "Better." in merged and "samples.jpg)" not in merged and "## Figures" not in merged


def test_what_nobody_changed_follows_what_is_known_now():
    """Title, licence, data sets and examples, and parts that there was nothing to say in before."""
    old = card(license="mit", datasets=["me/old"], results=[], sections=[])
    new = card(title="Better prints", license="cc0-1.0", datasets=["me/new"], samples=None)
    assert merge_cards(str(old), str(new)) == str(new)
    edited = str(old).replace("license: mit", "license: cc-by-4.0").replace("# Prints", "# Drucke")
    merged = merge_cards(edited, str(new))
    assert front_matter(merged)["license"] == "cc-by-4.0" and "# Drucke\n" in merged and "# Better" not in merged
    assert front_matter(merged)["datasets"] == ["me/new"] and "widget" not in front_matter(merged)
    assert card_parts(merged)["figures"] == "## Figures\n\n| KID | 105 |"
    # And so it goes on.
    assert front_matter(merge_cards(merged, str(card(license="mit"))))["license"] == "cc-by-4.0"


def test_front_matter_is_changed_line_by_line():
    old = "\ufeff\n" + str(card()).replace("tags:\n", "# mine\nlanguage: no\nversion: 1.10\ntags:\n", 1)
    old = old.replace("license: apache-2.0", "license: mit")
    merged = merge_cards(old, str(card(results=[Result("kid", 90.0, "KID", "x")])))
    assert "# mine\nlanguage: no\nversion: 1.10\n" in merged and "license: mit" in merged
    assert merged.count("---\n") == 2 and "value: 90.0" in merged and "105.0" not in merged


@pytest.mark.parametrize("front", [
    "widget: 5", "widget: [{output: x.jpg}]", "widget: [{output: }]", "widget: [5]", "a: " + "[" * 3000,
        "a: &a [1]\nb: *a",
    "date: 2024-13-45", "license: 2024-01-01", "model-index: 5", "model-index: [{results: [5]}]", "? [1]\n: 2", "- 1",
    "tags: {a: 1}", "title: \x1b[31m", "a: !!python/object:os.system x",
])  # fmt: skip
def test_strangers_cards_are_read_or_refused_in_a_line(front):
    text = f"---\nlicense: mit\n{front}\n---\n# T\n\n<!-- hfstyle: use -->\nx\n<!-- /hfstyle: use -->\n"
    assert all("\n" not in problem for problem in card_problems(text, []))
    title, data = read_card(text)
    json.dumps([title, data])
    for merged in (merge_cards(text, str(card())), without_figures(text)):
        assert "# T" in merged


def test_long_cards_are_read_in_no_time():
    start = time.perf_counter()
    for text in ("![" * 100_000, "<!-- hfstyle: a -->" * 50_000, "---\n" + "a: b\n" * 20_000):
        card_problems("---\nlicense: mit\n---\n" + text, [])
        merge_cards(text, str(card()))
    assert time.perf_counter() - start < 10


def test_a_card_by_hand_stays_as_it_is():
    for mine in ("---\nlicense: mit\n---\nMine.\n", "Mine.", ""):
        assert merge_cards(mine, str(card())) == mine and without_figures(mine) == mine


def test_broken_front_matter_is_left_to_its_writer():
    old = str(card()).replace("license: apache-2.0", "license: [")
    merged = merge_cards(old, str(card(summary="Better.")))
    assert "license: [" in merged and "Better." in merged


@given(st.text(), st.text())
def test_no_text_is_lost_or_trips_the_merge(before, after):
    old = before + str(card()) + after
    merged = merge_cards(old, str(card(summary="Better.")))
    assert before.strip() in merged and after.strip() in merged


def test_the_name_of_the_repository():
    text = for_repo(str(card(sections=[("The style", 'Not this: from_pretrained("prints")')])), "me/prints")
    assert 'AutoModel.from_pretrained("me/prints")' in text and 'Not this: from_pretrained("prints")' in text
    assert for_repo("Mine: from_pretrained('x')", "me/prints") == "Mine: from_pretrained('x')"


@pytest.mark.parametrize("change,words", [
    ({}, ()),
    ({"license: apache-2.0\n": ""}, ("license is missing",)),
    ({"license: apache-2.0": "license: 3"}, ("license must be text or a list of texts, not 3",)),
    ({"library_name: hfstyle": "library_name: diffusers"}, ("library_name must be hfstyle",)),
    ({"library_name: hfstyle": "library_name: ["}, ("not valid YAML",)),
    ({"tags:\n": "tags:\n- 3\n"}, ("tags must be text or a list of texts",)),
    ({"    - type: kid": "    - kind: kid"}, ("model-index is not as the Hub wants it",)),
    ({"url: samples.jpg": "url: other.jpg"}, ("the example other.jpg of widget is not among the files",)),
    ({"](samples.jpg)": "](lost.jpg)"}, ("the picture lost.jpg is not among the files",)),
    ({"  output:\n    url: samples.jpg\n": ""}, ("needs an output with a url",)),
])  # fmt: skip
def test_problems_are_named(change, words):
    text = str(card())
    for old, new in change.items():
        assert old in text
        text = text.replace(old, new)
    found = card_problems(text, ["samples.jpg"])
    assert len(found) == len(words) and all(word in one for word, one in zip(words, found, strict=True)), found
    assert not any("\n" in one for one in found)


def test_a_card_without_front_matter_has_one_problem():
    assert card_problems("Hello.", []) == ["there is no front matter, so the Hub cannot find the model by what it is"]


@pytest.mark.parametrize("name", bundled_models())
def test_bundled_cards_are_whole(name):
    folder = ASSETS / name
    text = (folder / "README.md").read_text("utf-8")
    files = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    assert card_problems(text, files) == []
    assert set(front_matter(text)["traditions"]) <= set(traditions())
    parts = card_parts(text)
    assert {"summary", "samples", "use", "the-style", "training-data", "training"} <= parts.keys()
    assert "accelerate launch train.py" in parts["training"]


def test_the_card_of_a_model_that_nothing_is_known_of():
    text = default_card("CycleGANGenerator", "image-to-image", "x", "me/prints")
    assert card_problems(text, []) == ["license is missing"]  # which is not for hfstyle to say
    assert 'from_pretrained("me/prints")' in text
