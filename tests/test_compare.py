"""The page Compare, without a browser: who is asked what, and what is told of it."""

from test_votes import vote

from hfstyle.assets import bundled_styles
from hfstyle.evaluation.votes import Vote, all_pairs
from hfstyle.studio.compare import (
    NAMES,
    OWN,
    PHOTO,
    Ballot,
    _following,
    contenders,
    ranking_html,
    without_others,
)
from hfstyle.traditions import traditions


def given(ballot: Ballot, who: str = "a") -> Vote:
    return vote(who, ballot.photo, ballot.left, ballot.right, tradition=ballot.tradition)


def test_every_tradition_has_the_untouched_photo_as_control():
    for name in traditions():
        models = contenders(name)
        assert models[0] == PHOTO and set(models[1:]) <= set(bundled_styles()) and len(models) > 1
    assert {"ukiyoe", "bank:ukiyoe"} <= set(contenders("ukiyoe"))
    assert contenders("monet", {"alice/tiny": "monet", "bob/tiny": "ukiyoe"})[-1] == "alice/tiny"


def test_nobody_sees_a_pair_twice_and_all_see_all():
    votes, seen = [], set()
    while (ballot := _following(votes, "a", "monet", {})) is not None:
        key = ballot.photo, frozenset((ballot.left, ballot.right))
        assert key not in seen and ballot.tradition == "monet"
        seen.add(key)
        votes.append(given(ballot))
    assert len(seen) == len(NAMES) * len(all_pairs(contenders("monet")))
    assert _following(votes, "b", "monet", {}) is not None, "others are asked"


def test_sides_are_drawn():
    lefts = {_following([], "a", "monet", {}).left for _ in range(40)}
    assert lefts >= {"monet", PHOTO}


def test_the_tradition_of_which_least_is_known_comes_first():
    votes = [vote(f"v{n}", tradition=name, left=name) for name in traditions() if name != "kuindzhi" for n in range(3)]
    assert {_following(votes, "a", "", {}).tradition for _ in range(5)} == {"kuindzhi"}


def test_the_ranking_names_models_and_escapes_strangers():
    evil = "alice/<b>"
    votes = [vote("a"), vote("b", left=evil), vote("c", left=f"{OWN}1234")]
    told = ranking_html(without_others(votes, []))
    assert "The untouched photo" in told and "too few people yet" in told
    assert evil not in told and "alice/&lt;b&gt;" in told
    assert "My style" not in told and "My style" in ranking_html(without_others(votes, [f"{OWN}1234"]))
    assert "Nobody has voted yet." in ranking_html([])
