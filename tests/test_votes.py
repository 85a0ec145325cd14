"""Votes: kept whatever happens, and what follows from them."""

import dataclasses
import json
import math
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import HfApi

from hfstyle.cli import main
from hfstyle.errors import DataError, HubError
from hfstyle.evaluation.votes import (
    Vote,
    VoteStore,
    agreement,
    all_pairs,
    most_telling,
    ranking,
    read_votes,
    summary,
    to_csv,
)
from hfstyle.studio.compare import open_votes

ALICE = "hf_alice"


def vote(voter="a", photo="coast", left="monet", right="photo", style="left", content="right", **more) -> Vote:
    return Vote(voter, more.pop("tradition", "monet"), photo, left, right, style, content, **more)


def crowd(strengths: dict[str, float], voters: int, votes: int, seed: int = 0) -> list[Vote]:
    """People who answer as the model of Bradley & Terry says."""
    random = np.random.default_rng(seed)
    models = list(strengths)
    found = []
    for voter in range(voters):
        for n in range(votes):
            left, right = random.choice(models, 2, replace=False)
            wins = random.random() < 1 / (1 + math.exp(strengths[right] - strengths[left]))
            answer = "left" if wins else "right"
            found.append(vote(f"v{voter}", f"p{n}", str(left), str(right), answer, "tie"))
    return found


# Keeping them


def on_the_hub(folder: Path, token: str = ALICE) -> VoteStore:
    store = VoteStore(folder)
    store.follow("alice/votes", token)
    return store


def test_votes_are_kept_once_a_person_and_pair(tmp_path):
    store = VoteStore(tmp_path)
    assert store.add(vote())
    assert not store.add(vote()), "the same again"
    assert not store.add(vote(left="photo", right="monet")), "nor with the sides swapped"
    assert store.add(vote(voter="b")) and store.add(vote(photo="other")) and store.add(vote(tradition="vangogh"))
    assert [one.voter for one in VoteStore(tmp_path).votes()] == ["a", "b", "a", "a"]


KILLED = """
import os, signal, sys
from hfstyle.evaluation.votes import Vote, VoteStore
store = VoteStore(sys.argv[1])
for n in range(1000):
    store.add(Vote("a", "monet", f"p{n}", "monet", "photo", "left", "tie"))
    print(n, flush=True)
"""


def test_no_vote_is_lost_by_a_kill(tmp_path):
    """What was acknowledged is there after SIGKILL, and the next process goes on."""
    process = subprocess.Popen([sys.executable, "-c", KILLED, tmp_path], stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        last = int(line)
        if last >= 20:
            process.send_signal(signal.SIGKILL)
            break
    last = max([last, *(int(line) for line in process.stdout)])
    process.wait()
    store = VoteStore(tmp_path)
    assert len(store.votes()) >= last + 1
    assert store.add(vote(photo="after"))


def test_on_a_space_votes_go_to_a_data_set_and_come_back(tmp_path, hub, monkeypatch):
    hub.add_user(ALICE, "alice")
    store = on_the_hub(tmp_path / "one")
    assert store.add(vote()) and store.add(vote(voter="b"))
    store.close()
    repo = hub.repo("alice/votes", "dataset")
    (name,) = (file for file in repo.files("main") if file.endswith(".jsonl"))
    assert name.startswith("votes/") and repo.private
    # A Space that starts again has an empty disk.
    again = on_the_hub(tmp_path / "two")
    assert [one.voter for one in again.votes()] == ["a", "b"]
    assert not again.add(vote()) and again.add(vote(voter="c"))
    again.close()
    on_the_hub(tmp_path / "three").close()
    files = [file for file in repo.files("main") if file.endswith(".jsonl")]
    assert len(files) == 2, "nobody's file was replaced, and nobody leaves an empty one"
    monkeypatch.setenv("HF_TOKEN", ALICE)
    assert sorted(one.voter for one in read_votes("alice/votes")) == ["a", "b", "c"]


def test_what_a_kill_left_behind_goes_to_the_data_set_later(tmp_path, hub):
    hub.add_user(ALICE, "alice")
    killed = on_the_hub(tmp_path)
    killed.add(vote())
    killed._scheduler.stop()  # the process is gone before a commit
    on_the_hub(tmp_path).close()
    new = on_the_hub(tmp_path / "new")
    assert [one.voter for one in new.votes()] == ["a"]
    new.close()


def test_what_was_said_before_and_elsewhere_goes_to_the_data_set_once(tmp_path, hub):
    hub.add_user(ALICE, "alice")
    store = VoteStore(tmp_path / "one")
    store.add(vote())
    store.follow("alice/votes", ALICE)
    store.add(vote("b"))
    store.close()
    # The same machine again, and a file that a full disk cut off.
    again = on_the_hub(tmp_path / "one")
    again._shared.write_text('{"id": "cut o', "utf-8")
    again.close()
    two = on_the_hub(tmp_path / "two")
    assert [one.voter for one in two.votes()] == ["a", "b"]
    two.close()


def test_a_data_set_that_everybody_can_see_takes_no_votes(tmp_path, hub):
    hub.add_user(ALICE, "alice")
    HfApi(token=ALICE).create_repo("alice/votes", repo_type="dataset", private=False)
    with pytest.raises(DataError, match="is public"):
        on_the_hub(tmp_path)


def test_a_studio_starts_where_its_hub_refuses(tmp_path, hub, monkeypatch, caplog):
    monkeypatch.setenv("HFSTYLE_HOME", str(tmp_path))
    monkeypatch.setenv("HFSTYLE_VOTES", "alice/votes")
    monkeypatch.setenv("HF_TOKEN", "hf_nobody")
    store = open_votes()
    assert store.add(vote())
    end = time.monotonic() + 20
    while not caplog.records and time.monotonic() < end:
        time.sleep(0.05)
    assert "votes are kept on this machine only" in caplog.text
    assert store.count() == store.count("a") == 1 and store.count("b") == 0


def test_a_hub_that_refuses_is_one_sentence(tmp_path, hub):
    with pytest.raises(HubError):
        on_the_hub(tmp_path, "hf_nobody")


def test_a_hub_that_is_gone_at_the_end_is_one_sentence_and_loses_nothing(tmp_path, hub):
    store = on_the_hub(tmp_path / "one")
    assert store.add(vote())
    store._scheduler.trigger().result()
    store.add(vote(voter="b"))
    hub.clear()
    with pytest.raises(HubError, match="alice/votes"):
        store.close()
    hub.add_user(ALICE, "alice")
    again = on_the_hub(tmp_path / "one")
    again.close()
    elsewhere = on_the_hub(tmp_path / "two")
    assert [one.voter for one in elsewhere.votes()] == ["a", "b"]
    elsewhere.close()


@pytest.mark.parametrize(
    "wrong", [{"style": "both"}, {"voter": ""}, {"photo": "x" * 201}, {"left": "photo"}, {"content": None}]
)
def test_what_is_no_vote_is_refused(wrong):
    with pytest.raises(DataError, match="a vote"):
        vote(**wrong)


# Reading them


def test_csv_goes_there_and_back(tmp_path):
    votes = crowd({"a": 0, "b": 1, "photo, untouched": 2}, 2, 5)
    (tmp_path / "votes.csv").write_text(to_csv(votes), encoding="utf-8")
    there = read_votes(tmp_path / "votes.csv")
    assert [dataclasses.replace(one, voter=f"v{int(one.voter) - 1}") for one in there] == votes, "voters are numbered"
    store = VoteStore(tmp_path / "store")
    for one in votes:
        store.add(one)
    assert set(read_votes(tmp_path / "store")) <= set(votes)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"not,votes\n1,2\n", "line 2, is no vote"),
        (b"\xff\xfe\x00", "holds no votes"),
        (b"SQLite format 3\0" + b"x" * 200, "holds no votes"),
        (to_csv([vote()]).replace("left,", "middle,", 1).encode(), "is no vote|a vote's"),
    ],
)
def test_a_file_of_something_else_is_one_sentence(tmp_path, text, words):
    (tmp_path / "file").write_bytes(text)
    with pytest.raises(DataError, match=words):
        read_votes(tmp_path / "file")


def test_no_file_is_one_sentence(tmp_path):
    with pytest.raises(DataError, match="there are no votes in"):
        read_votes(tmp_path / "missing")


# What follows from them


def test_the_ranking_finds_the_strengths():
    truth = {"weak": -1.0, "middle": 0.0, "strong": 1.0}
    standings = ranking(crowd(truth, 20, 40), "style", samples=100)
    assert [one.model for one in standings] == ["strong", "middle", "weak"]
    for one in standings:
        assert one.strength == pytest.approx(truth[one.model], abs=0.35)
        assert one.low <= one.share <= one.high
    assert sum(one.share for one in standings) == pytest.approx(1.5)
    assert sum(one.votes for one in standings) == 2 * 800


def test_ties_are_half_a_win_for_each():
    standings = ranking(crowd({"a": 0, "b": 1}, 3, 10), "content", samples=20)
    assert [one.share for one in standings] == pytest.approx([0.5, 0.5])


def test_few_votes_say_that_they_are_few():
    few, many = (ranking(crowd({"a": 0, "b": 0.5}, voters, 5), "style", samples=100) for voters in (5, 60))
    assert few[0].high - few[0].low > 2 * (many[0].high - many[0].low)
    alone = ranking([vote()], "style", samples=10)[0]
    assert 0.5 < alone.share < 0.95 and alone.low is None, "one win is no certainty"
    assert ranking([vote(photo=f"p{n}") for n in range(9)], "style", samples=10)[0].low is not None, "of one person"


def test_the_interval_is_that_of_people_and_not_of_votes():
    """Six people who each say the same thirty times are six, not a hundred and eighty."""
    of_one_mind = [vote(f"v{v}", f"p{n}", "a", "b", ("left", "right")[v % 2]) for v in range(6) for n in range(30)]
    standing = ranking(of_one_mind, "style", samples=200)[0]
    assert standing.low < 0.2 and standing.high > 0.8


def test_agreement():
    same = [vote(voter, f"p{n}", style=("left", "right")[n % 2]) for voter in "abc" for n in range(6)]
    found = agreement(same, "style")
    assert (found.pairs, found.same) == (18, 1.0) and found.alpha == pytest.approx(1)
    # Sides are swapped for some, which changes nothing.
    other = {"left": "right", "right": "left"}
    turned = [dataclasses.replace(one, left=one.right, right=one.left, style=other[one.style]) for one in same]
    swapped = [two if one.voter == "b" else one for one, two in zip(same, turned, strict=True)]
    assert agreement(swapped, "style") == found
    random = np.random.default_rng(0)
    chance = [vote(voter, f"p{n}", style=str(random.choice(["left", "right"]))) for voter in "abcd" for n in range(60)]
    found = agreement(chance, "style")
    assert abs(found.alpha) < 0.15 and 0.4 < found.same < 0.6
    assert agreement([vote(), vote(photo="other")], "style") is None
    assert agreement([vote("a"), vote("b")], "style").alpha is None


def test_pairs_are_chosen_where_a_vote_teaches_most():
    pairs = all_pairs(["a", "b", "c", "d"])
    # a and b have been compared often, and d always loses.
    votes = [vote(f"v{n}", left="a", right="b", style=("left", "right")[n % 2]) for n in range(40)]
    votes += [vote(f"w{n}", left=winner, right="d", style="left") for n in range(10) for winner in "ab"]
    order = most_telling(votes, pairs)
    assert "c" in order[0], "of c nothing is known"
    assert order[-1] == ("a", "b"), "of a and b enough"
    assert most_telling([], pairs) == pairs


def test_by_tradition():
    votes = [*crowd({"a": 0, "b": 1}, 2, 4), vote(tradition="ukiyoe", left="ukiyoe")]
    told = summary(votes, samples=10)
    assert told["votes"] == 9 and set(told["traditions"]) == {"monet", "ukiyoe"}
    assert json.loads(json.dumps(told)) == told
    assert told["traditions"]["ukiyoe"]["style"]["ranking"][0]["model"] == "ukiyoe"
    assert told["traditions"]["ukiyoe"]["content"]["ranking"][0]["model"] == "photo"


def test_the_command(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HFSTYLE_HOME", str(tmp_path))

    def run(*arguments) -> tuple[int, str, str]:
        return main(["votes", *map(str, arguments)]), *capsys.readouterr()

    code, _, said = run()
    assert code == 2 and "there are no votes in" in said
    store = VoteStore(tmp_path / "votes")
    for one in (vote(), vote("b"), vote("b", tradition="ukiyoe")):
        store.add(one)
    code, told, _ = run("--tradition", "monet", "--csv", tmp_path / "votes.csv")
    assert code == 0 and "monet: who looks more like it" in told
    assert "2 votes of 2 people" in told and "ukiyoe" not in told
    assert len(read_votes(tmp_path / "votes.csv")) == 2
    code, _, said = run("--csv", tmp_path / "votes.csv")
    assert code == 2 and "--overwrite" in said
    assert json.loads(run(tmp_path / "votes.csv", "--json")[1])["voters"] == 2
