"""Push and pull over HTTP: the real client against the local Hub, through the classes that a user meets."""

import json
import logging
import os
import re
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

import pytest
import torch
import yaml
from huggingface_hub import constants
from local_hub import CutBody, GarbageJson, LongBody, Meanwhile, Status

from hfstyle import AutoModel, CycleGANGenerator, PatchGANDiscriminator
from hfstyle.card import Card, Result, model_code
from hfstyle.errors import ConfigError, HfstyleError, HubError, ModelNotFoundError, OptionError, WeightsError
from hfstyle.hub import default_device
from hfstyle.repo import ModelFiles, push_folder

ALICE = "hf_alice"
BOB = "hf_bob"
STRANGER = "hf_stranger"  # a token that the Hub does not know
REPO = "alice/model"
PUSHED = {".gitattributes", "README.md", "config.json", "model.safetensors"}
STORAGE = r"^/_storage/.*model\.safetensors$"  # where weights are downloaded from

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # the client's own, on uploads


def tiny(seed=0, **options):
    torch.manual_seed(seed)
    return CycleGANGenerator(ngf=4, n_blocks=1, **options)


def tiny_discriminator():
    return PatchGANDiscriminator(ndf=4, n_layers=1)


def saved(model, folder, **options):
    """The files that saving a model makes, as path -> content."""
    model.save_pretrained(folder, **options)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def same(model, other):
    ours, theirs = model.state_dict(), other.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


def said(caught, *words, about=REPO):
    """Check that an error is one clear sentence that holds these words, and that no token is anywhere in it."""
    assert isinstance(caught.value, HfstyleError)
    sentence = str(caught.value)
    assert not re.search(r"\n|Traceback|[a-z]Error\b", sentence)
    assert 20 < len(sentence) < 300
    for word in (about, *words):
        assert word in sentence
    # Unlike `sentence`, with the client's errors behind it: what a notebook shows.
    whole_story = "".join(traceback.format_exception(caught.value))
    for token in (ALICE, BOB, STRANGER):
        assert token not in whole_story


@pytest.fixture(autouse=True)
def naps(monkeypatch):
    """Makes the client's waiting between its retries take no time; the list of what it would have waited."""
    seconds = []
    monkeypatch.setattr(time, "sleep", seconds.append)
    return seconds


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return saved(tiny(), tmp_path_factory.mktemp("model"))


@pytest.fixture
def repo(hub, files):
    return hub.add_repo(REPO, files)


# ---- push ----


@pytest.mark.parametrize("make", [tiny, tiny_discriminator])
def test_what_is_pushed_loads_again_for_everybody(hub, make):
    model = make()
    address = model.push_to_hub(REPO, token=ALICE)
    repo = hub.repo(REPO)
    assert set(repo.files()) == PUSHED
    assert not repo.private
    assert [commit.title for commit in repo.commits] == [f"Upload {type(model).__name__}", "initial commit"]
    assert address == f"{hub.url}/{REPO}/commit/{repo.commits[0].sha}"
    for loader in (type(model), AutoModel):
        loaded = loader.from_pretrained(REPO)
        assert type(loaded) is type(model)
        assert loaded.config == model.config
        assert same(loaded, model)
        assert not loaded.training


def test_a_private_repo_is_for_its_owner(hub):
    model = tiny()
    model.push_to_hub(REPO, private=True, token=ALICE)
    assert hub.repo(REPO).private
    for token in (BOB, False):
        with pytest.raises(ModelNotFoundError) as caught:
            CycleGANGenerator.from_pretrained(REPO, token=token)
        said(caught, "private")
    assert same(CycleGANGenerator.from_pretrained(REPO, token=ALICE), model)


def test_weights_are_uploaded_in_parts_where_the_hub_wants_that(hub):
    hub.multipart_above = hub.part_size = 10_000
    model = tiny()
    model.push_to_hub(REPO, token=ALICE)
    assert len(hub.requests("PUT", "/part/")) > 1
    assert same(CycleGANGenerator.from_pretrained(REPO), model)


@pytest.mark.parametrize("make", [tiny, tiny_discriminator])
def test_the_card_says_what_it_is_and_how_to_load_it(hub, make):
    make().push_to_hub(REPO, token=ALICE)
    _, front_matter, text = hub.repo(REPO).files()["README.md"].decode().split("---\n", 2)
    card = yaml.safe_load(front_matter)
    assert (card["library_name"], card.get("pipeline_tag")) == ("hfstyle", make().pipeline_tag)
    assert f'from_pretrained("{REPO}")' in text
    assert ("stylize" in text) == (make is tiny)


def test_a_card_that_is_there_stays_unless_a_new_one_is_given(hub, repo):
    written_by_hand = b"---\nlicense: mit\n---\nMine.\n"
    repo.push({"README.md": written_by_hand})
    tiny(seed=1).push_to_hub(REPO, token=ALICE)
    assert repo.files()["README.md"] == written_by_hand
    tiny(seed=1).push_to_hub(REPO, token=ALICE, card="---\nlicense: mit\n---\nNew.\n")
    assert repo.files()["README.md"].endswith(b"New.\n")


def test_any_subfolder_makes_the_round_trip(hub, repo):
    """Not only those that hfstyle itself makes."""
    tiny(seed=1).push_to_hub(REPO, token=ALICE, subfolder="night/blue")
    assert set(repo.files()) == PUSHED | {"night/blue/config.json", "night/blue/model.safetensors"}
    assert same(CycleGANGenerator.from_pretrained(REPO, subfolder="night/blue"), tiny(seed=1))


def measured(repo_id=REPO) -> str:
    results = [Result("kid", 105.0, "KID", "164 photos")]
    return str(Card("Prints", "Prints.", model_code(repo_id, "x"), results=results, sections=[("Figures", "105")]))


def test_figures_stay_with_their_weights(hub, repo, tmp_path):
    """Pushing the same again changes nothing; pushing other weights takes the old ones' figures away."""
    tiny(seed=1).push_to_hub(REPO, token=ALICE, card=measured() + "\nMine.\n")
    before = repo.commits
    tiny(seed=1).push_to_hub(REPO, token=ALICE)
    assert repo.commits == before
    tiny(seed=2).push_to_hub(REPO, token=ALICE)
    text = repo.files()["README.md"].decode()
    assert "105" not in text and "model-index" not in text and "Prints." in text and text.endswith("Mine.\n")
    assert len(repo.commits) == len(before) + 1, "one commit"
    # A variant of the same changes nothing about them, and by whom the card was written neither.
    tiny(seed=2).push_to_hub(REPO, token=ALICE, card=measured())
    tiny(seed=2).push_to_hub(REPO, token=ALICE, variant="fp16")
    assert "105" in repo.files()["README.md"].decode()
    index = measured().split("model-index:")[1].split("---")[0]
    repo.push({"README.md": f"---\nlicense: mit\nmodel-index:{index}---\nMine.\n".encode()})
    tiny(seed=4).save_pretrained(tmp_path)
    push_folder(tmp_path, REPO, token=ALICE)
    assert repo.files()["README.md"] == b"---\nlicense: mit\n---\nMine.\n"
    # They are of the model at the top, not of what lies below it.
    tiny(seed=2).push_to_hub(REPO, token=ALICE, card=measured())
    tiny(seed=3).push_to_hub(REPO, token=ALICE, subfolder="reverse")
    assert "105" in repo.files()["README.md"].decode()


def test_a_folder_s_card_is_renewed_and_what_somebody_edited_stays(hub, tmp_path):
    tiny(seed=1).save_pretrained(tmp_path, card=measured("somewhere"))
    push_folder(tmp_path, REPO, token=ALICE)
    repo = hub.repo(REPO)
    text = repo.files()["README.md"].decode()
    assert f'from_pretrained("{REPO}")' in text and "somewhere" not in text
    repo.push({"README.md": text.replace("# Prints", "# My prints\n\nHello.").encode()})
    (tmp_path / "README.md").write_text(measured().replace("105", "90"))
    push_folder(tmp_path, REPO, token=ALICE)
    text = repo.files()["README.md"].decode()
    assert "# My prints\n\nHello." in text and "90" in text and "105" not in text
    push_folder(tmp_path, REPO, token=ALICE, card="replace")
    assert "Hello." not in repo.files()["README.md"].decode()


def test_a_tag_names_the_commit(hub, repo):
    tiny(seed=1).push_to_hub(REPO, token=ALICE, tag="v1")
    tiny(seed=2).push_to_hub(REPO, token=ALICE)
    assert same(CycleGANGenerator.from_pretrained(REPO, revision="v1"), tiny(seed=1))
    assert same(CycleGANGenerator.from_pretrained(REPO), tiny(seed=2))
    before = repo.commits
    with pytest.raises(OptionError) as caught:
        tiny(seed=3).push_to_hub(REPO, token=ALICE, tag="v1")
    said(caught, "has a tag v1 already; nothing was uploaded")
    with pytest.raises(OptionError) as caught:
        tiny(seed=3).push_to_hub(REPO, token=ALICE, tag="v2", create_pr=True)
    said(caught, "create_pr or tag, not both")
    assert repo.commits == before


def test_a_repository_of_a_newer_hfstyle_says_so(hub, repo, files):
    for change in ({"colour": "blue"}, {"_class_name": "DiffusionGenerator"}, {"ngf": "many"}):
        config = json.loads(files["config.json"]) | change | {"_hfstyle_version": "99.1.0"}
        repo.push({"config.json": json.dumps(config).encode()})
        with pytest.raises(ConfigError) as caught:
            AutoModel.from_pretrained(REPO)
        said(caught, "it was made by hfstyle 99.1.0, and this is", "pip install -U hfstyle")
    # What an older one, or nobody in particular, wrote wrong is simply wrong.
    for version in ("0.0.1", None, "x", 3):
        config = json.loads(files["config.json"]) | {"colour": "blue", "_hfstyle_version": version}
        repo.push({"config.json": json.dumps(config).encode()})
        with pytest.raises(ConfigError) as caught:
            AutoModel.from_pretrained(REPO)
        assert "made by" not in str(caught.value)


def test_device_map(hub, repo):
    for device_map in ("auto", "cpu", {"": "cpu"}):
        model = AutoModel.from_pretrained(REPO, device_map=device_map)
        assert model.device.type == default_device().type if device_map == "auto" else model.device.type == "cpu"
        assert same(model.cpu(), tiny()) and not model.training
    for options, words in (
        ({"device_map": "cpu", "device": "cpu"}, "give one of them"),
        ({"device_map": "abacus"}, "cannot be shared out by"),
        ({"device_map": {"head": "cpu"}}, "cannot be shared out by"),
    ):
        with pytest.raises(OptionError) as caught:
            AutoModel.from_pretrained(REPO, **options)
        assert words in str(caught.value)


def test_pulling_brings_what_was_pushed_and_nothing_else(hub, repo, files, tmp_path):
    repo.push({
        "reverse/config.json": files["config.json"], "reverse/model.safetensors": files["model.safetensors"],
        "samples.jpg": b"picture", "notes.txt": b"x", "deep/er/config.json": b"{}", "pytorch_model.bin": b"code",
    })  # fmt: skip
    names = ModelFiles(REPO).pull(tmp_path / "here")
    assert {
        str(path.relative_to(tmp_path / "here")) for path in (tmp_path / "here").rglob("*") if path.is_file()
    } == set(names)
    assert set(names) == {
        "README.md", "config.json", "model.safetensors", "samples.jpg", "reverse/config.json",
        "reverse/model.safetensors",
    }  # fmt: skip
    assert same(AutoModel.from_pretrained(tmp_path / "here", subfolder="reverse"), tiny())
    assert [path.name for path in tmp_path.iterdir()] == ["here"], "nothing is left over"


def test_what_is_too_large_to_be_of_the_model_is_not_downloaded(hub, repo, files, tmp_path):
    """A config that is small, and weights without end."""
    repo.push({"model.safetensors": files["model.safetensors"] + bytes(4 * 2**20)})
    hub.log.clear()
    with pytest.raises(WeightsError) as caught:
        AutoModel.from_pretrained(REPO)
    said(caught, "model.safetensors", "is larger than such a file of hfstyle can be", "it was not downloaded")
    assert not hub.requests("GET", STORAGE)
    repo.push({"config.json": bytes(2**20 + 1)})
    with pytest.raises(ConfigError) as caught:
        AutoModel.from_pretrained(REPO)
    said(caught, "config.json", "is larger than")


def test_paths_that_lead_elsewhere_are_not_followed(hub, repo, tmp_path):
    for path in ("../config.json", "/etc/model.safetensors", "reverse/../../config.json", "..\\model.safetensors"):
        repo.push({path: b"{}"})
    names = ModelFiles(REPO).pull(tmp_path / "a" / "here")
    assert set(names) == {"README.md", "config.json", "model.safetensors"}
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_links_are_neither_shared_nor_written_through(hub, repo, files, tmp_path):
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "elsewhere").mkdir()
    tiny(seed=1).save_pretrained(tmp_path / "model")
    (tmp_path / "model" / "samples.jpg").symlink_to(tmp_path / "secret")
    before = repo.commits
    with pytest.raises(OptionError, match=r"samples\.jpg is a link to a file elsewhere"):
        push_folder(tmp_path / "model", REPO, token=ALICE)
    assert repo.commits == before
    repo.push({"reverse/config.json": files["config.json"]})
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "reverse").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OptionError, match="reverse is a link to another folder"):
        ModelFiles(REPO).pull(tmp_path / "here")
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_pull_that_fails_leaves_what_was_there(hub, repo, tmp_path):
    ModelFiles(REPO).pull(tmp_path / "here")
    before = {path.name: path.read_bytes() for path in (tmp_path / "here").iterdir()}
    tiny(seed=1).push_to_hub(REPO, token=ALICE)
    hub.fail("GET", STORAGE, Status(500), times=None)
    with pytest.raises(HubError):
        ModelFiles(REPO).pull(tmp_path / "here")
    assert {path.name: path.read_bytes() for path in (tmp_path / "here").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["here"]


def test_a_push_without_a_change_makes_no_commit_and_uploads_nothing(hub):
    address = tiny().push_to_hub(REPO, token=ALICE)
    before = hub.repo(REPO).commits
    hub.log.clear()
    assert tiny().push_to_hub(REPO, token=ALICE) == address
    assert hub.repo(REPO).commits == before
    assert not hub.requests("PUT") and not hub.requests("POST", "/commit/")


def test_a_push_after_a_change_is_one_commit_under_the_given_title(hub, repo):
    before = repo.commits
    tiny(seed=1).push_to_hub(REPO, token=ALICE, commit_message="Trained for longer")
    assert [commit.title for commit in repo.commits] == ["Trained for longer", *(commit.title for commit in before)]
    changed = {path for path, content in repo.files().items() if content != repo.files(before[0].sha)[path]}
    assert changed == {"model.safetensors"}


def test_a_branch_is_made_and_main_left_alone(hub, repo, files):
    for seed in (1, 2):
        tiny(seed).push_to_hub(REPO, token=ALICE, revision="try/this")
        assert same(CycleGANGenerator.from_pretrained(REPO, revision="try/this"), tiny(seed))
    assert repo.files()["model.safetensors"] == files["model.safetensors"]


def test_a_pull_request_to_somebody_else_leaves_main_alone_and_can_be_added_to(hub, repo, files):
    address = tiny(seed=1).push_to_hub(REPO, token=BOB, create_pr=True)
    assert address == f"{hub.url}/{REPO}/discussions/1"
    assert same(CycleGANGenerator.from_pretrained(REPO, revision="refs/pr/1"), tiny(seed=1))
    tiny(seed=2).push_to_hub(REPO, token=ALICE, revision="refs/pr/1")
    assert same(CycleGANGenerator.from_pretrained(REPO, revision="refs/pr/1"), tiny(seed=2))
    assert repo.files()["model.safetensors"] == files["model.safetensors"]


def test_subfolder_variant_and_dtype_make_the_round_trip(hub, repo):
    model = tiny(seed=1)
    model.push_to_hub(REPO, token=ALICE, subfolder="reverse", variant="fp16", dtype=torch.float16)
    # No second card: a repo has one, at the top.
    assert set(repo.files()) == PUSHED | {"reverse/config.json", "reverse/model.fp16.safetensors"}
    options = {"subfolder": "reverse", "variant": "fp16"}
    for loader in (CycleGANGenerator, AutoModel):
        assert same(loader.from_pretrained(REPO, dtype="auto", **options), tiny(seed=1).half())
        assert same(loader.from_pretrained(REPO, **options), tiny(seed=1).half().float())
    assert same(CycleGANGenerator.from_pretrained(REPO), tiny())


def test_a_pushed_folder_leaves_behind_what_belongs_to_the_training(hub, tmp_path):
    tiny().save_pretrained(tmp_path)
    names = ("training_state.pt", ".env", "reverse/.env", "checkpoint-10/model.safetensors", "options.json")
    for private in (*names, "photos/family.jpg", "hfstyle/events.out.tfevents.1", "samples/step-1.jpg"):
        (tmp_path / private).parent.mkdir(exist_ok=True)
        (tmp_path / private).write_bytes(b"secret")
    (tmp_path / "reverse/config.json").write_bytes(b"{}")
    push_folder(tmp_path, REPO, token=ALICE)
    assert set(hub.repo(REPO).files()) == {*PUSHED, "reverse/config.json"}


def test_the_stored_token_is_used_unless_told_not_to(hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", ALICE)
    tiny().push_to_hub(REPO)
    hub.log.clear()
    CycleGANGenerator.from_pretrained(REPO, token=False)
    assert hub.log and not any(request.authorized for request in hub.log)


def test_a_token_with_the_newline_of_its_file_is_good(hub):
    tiny().push_to_hub(REPO, private=True, token=f"{ALICE}\n")
    assert same(CycleGANGenerator.from_pretrained(REPO, token=f" {ALICE}\n"), tiny())


def test_tokens_reach_neither_the_log_nor_the_storage(hub, caplog, capfd, monkeypatch):
    monkeypatch.setattr(constants, "HF_DEBUG", True)  # the client then logs whole requests
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "huggingface_hub")
    tiny().push_to_hub(REPO, private=True, token=ALICE)
    CycleGANGenerator.from_pretrained(REPO, token=ALICE)
    with pytest.raises(HubError):
        tiny().push_to_hub(REPO, token=STRANGER)
    with pytest.raises(HfstyleError):
        CycleGANGenerator.from_pretrained(REPO, token=STRANGER, force_download=True)
    assert f"{hub.url}/{REPO}/resolve/main/config.json" in caplog.text
    output = caplog.text + "".join(capfd.readouterr())
    assert not any(token in output for token in (ALICE, STRANGER))
    storage = hub.requests(path="^/_storage/")
    assert {request.method for request in storage} == {"PUT", "GET"}
    assert not any(request.authorized for request in storage)


# ---- push: refusals and failures ----


@pytest.mark.parametrize("repo_id", ["model", "alice/my model", "a/b/c", "../x", "alice/", ""])
def test_a_name_that_is_none_is_refused_without_a_request(hub, repo_id):
    with pytest.raises(OptionError) as caught:
        tiny().push_to_hub(repo_id, token=ALICE)
    said(caught, "owner/name", about=repo_id)
    assert not hub.log


@pytest.mark.parametrize("subfolder", ["../out", "a/../../out", "/out", "a\\b"])
def test_a_subfolder_outside_the_repo_is_refused_before_a_file_is_written(hub, tmp_path, monkeypatch, subfolder):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    if subfolder == "/out":
        subfolder = str(tmp_path / "out")
    with pytest.raises(OptionError) as caught:
        tiny().push_to_hub(REPO, token=ALICE, subfolder=subfolder)
    said(caught, "subfolder", about=repr(subfolder)[:50])
    assert [path.name for path in tmp_path.rglob("*")] == ["temporary"]
    assert not hub.log


@pytest.mark.parametrize("token", ["", " ", "hf_two words", "hf_\N{BLACK HEART SUIT}", "hf_alice\r\nX-Evil: 1"])
def test_what_cannot_be_a_token_is_refused_without_a_request_or_a_quotation(hub, repo, token):
    for attempt in (tiny().push_to_hub, CycleGANGenerator.from_pretrained):
        with pytest.raises(OptionError) as caught:
            attempt(REPO, token=token)
        said(caught, "token", about="Hub")
        assert not token.strip() or token not in str(caught.value)
    assert not hub.log


@pytest.mark.parametrize("token", [STRANGER, False, None])
def test_a_push_without_a_valid_token(hub, token):
    with pytest.raises(HubError) as caught:
        tiny().push_to_hub(REPO, token=token)
    said(caught, "token", "hf auth login")


def test_a_push_to_the_name_of_another(hub, repo):
    before = repo.files()
    for name in (REPO, "alice/new"):
        with pytest.raises(HubError) as caught:
            tiny(seed=1).push_to_hub(name, token=BOB)
        said(caught, "write access", about=name)
    assert repo.files() == before
    assert len(hub.repos) == 1


def test_a_pull_request_from_a_branch_is_refused(hub, repo):
    with pytest.raises(HfstyleError) as caught:
        tiny(seed=1).push_to_hub(REPO, token=ALICE, create_pr=True, revision="dev")
    said(caught, "create_pr", "revision")
    assert not repo.pull_requests


def test_a_broken_card_is_refused_with_the_reason(hub):
    with pytest.raises(HubError) as caught:
        tiny().push_to_hub(REPO, token=ALICE, card="---\nlicense: 3\n---\n")
    said(caught, "README.md", '"license" must be a string')
    assert set(hub.repo(REPO).files()) == {".gitattributes"}


STEPS_OF_A_PUSH = {
    "create": ("POST", "/api/repos/create"),
    "preupload": ("POST", "/preupload/"),
    "batch": ("POST", "/lfs/objects/batch"),
    "upload": ("PUT", "/_storage/"),
    "verify": ("POST", "/_lfs/verify"),
    "commit": ("POST", "/commit/"),
}


@pytest.mark.parametrize("step", STEPS_OF_A_PUSH)
@pytest.mark.parametrize(
    ("action", "words"),
    [
        (Status(403), ["may not"]),
        (Status(429, retry_after=1), ["slow down"]),
        (Status(500), ["HTTP 500", "later"]),
        (CutBody(), ["connection", "try again"]),
    ],
    ids=["403", "429", "500", "cut"],
)
def test_a_push_that_fails_for_good_at_any_step(hub, step, action, words):
    hub.fail(*STEPS_OF_A_PUSH[step], action, times=None)
    with pytest.raises(HubError) as caught:
        tiny().push_to_hub(REPO, token=ALICE)
    said(caught, *words)


@pytest.mark.parametrize("step", ["preupload", "batch", "upload", "verify"])
def test_a_push_outlives_a_passing_failure(hub, step, naps):
    hub.fail(*STEPS_OF_A_PUSH[step], Status(503), times=2)
    tiny().push_to_hub(REPO, token=ALICE)
    assert naps == [1, 2]
    assert same(CycleGANGenerator.from_pretrained(REPO), tiny())


@pytest.mark.parametrize("step", ["create", "preupload", "commit"])
@pytest.mark.parametrize(
    ("body", "words"), [(b"<html>Welcome to our hotel</html>", ["answer"]), (b"{}", []), (b"[]", [])]
)
def test_an_answer_that_makes_no_sense(hub, step, body, words):
    hub.fail(*STEPS_OF_A_PUSH[step], GarbageJson(body), times=None)
    with pytest.raises(HubError) as caught:
        tiny().push_to_hub(REPO, token=ALICE)
    said(caught, *words)


@pytest.mark.parametrize("code", [409, 412])
def test_somebody_else_pushes_at_the_same_moment(hub, repo, code):
    before = repo.files()
    hub.fail("POST", "/commit/", Status(code))
    with pytest.raises(HubError) as caught:
        tiny(seed=1).push_to_hub(REPO, token=ALICE)
    said(caught, "somebody else", "try again")
    assert repo.files() == before


def test_a_request_that_the_hub_calls_wrong_is_not_to_be_tried_again(hub, repo):
    hub.fail("POST", "/commit/", Status(400, "your commit is odd"))
    with pytest.raises(HubError) as caught:
        tiny(seed=1).push_to_hub(REPO, token=ALICE)
    said(caught, "your commit is odd")
    assert "try again" not in str(caught.value)


# ---- pull ----


def test_a_revision_is_a_branch_a_tag_or_a_commit(hub, repo, tmp_path):
    first = repo.commits[0].sha
    repo.tags["v1"] = first
    repo.branches["try/this"] = first
    weights = {seed: saved(tiny(seed), tmp_path / str(seed))["model.safetensors"] for seed in (1, 2)}
    repo.push({"model.safetensors": weights[1]}, branch="try/this")
    repo.push({"model.safetensors": weights[2]})
    for loader in (CycleGANGenerator, AutoModel):
        for revision, seed in {first: 0, "v1": 0, "try/this": 1, "main": 2, None: 2}.items():
            assert same(loader.from_pretrained(REPO, revision=revision), tiny(seed))


def test_a_new_commit_is_found(hub, repo, tmp_path):
    assert same(CycleGANGenerator.from_pretrained(REPO), tiny())
    repo.push({"model.safetensors": saved(tiny(seed=1), tmp_path)["model.safetensors"]})
    assert same(CycleGANGenerator.from_pretrained(REPO), tiny(seed=1))


@pytest.mark.parametrize("loader", [CycleGANGenerator, AutoModel])
def test_config_and_weights_come_from_one_commit(hub, repo, tmp_path, loader):
    later = saved(CycleGANGenerator(ngf=8, n_blocks=0), tmp_path)
    hub.fail("GET", "config.json$", Meanwhile(lambda: repo.push(later)))
    assert same(loader.from_pretrained(REPO), tiny())
    assert loader.from_pretrained(REPO).config.ngf == 8


def test_a_commit_in_the_cache_needs_no_request(hub, repo):
    options = {"revision": repo.commits[0].sha}
    CycleGANGenerator.from_pretrained(REPO, **options)
    hub.log.clear()
    assert same(AutoModel.from_pretrained(REPO, **options), tiny())
    assert not hub.log


@pytest.mark.parametrize("loader", [CycleGANGenerator, AutoModel])
def test_each_file_is_downloaded_once_unless_forced(hub, repo, loader):
    for force_download, downloads in (False, 1), (False, 1), (True, 2):
        loader.from_pretrained(REPO, force_download=force_download)
        assert len(hub.requests("GET", STORAGE)) == len(hub.requests("GET", "config.json$")) == downloads


def test_local_files_only_asks_nobody(hub, repo):
    with pytest.raises(HubError) as caught:
        CycleGANGenerator.from_pretrained(REPO, local_files_only=True)
    said(caught, "config.json", "cache")
    assert not hub.log
    CycleGANGenerator.from_pretrained(REPO)
    hub.log.clear()
    for loader in (CycleGANGenerator, AutoModel):
        assert same(loader.from_pretrained(REPO, local_files_only=True), tiny())
    assert not hub.log


def test_offline_by_the_environment_asks_nobody(hub, repo):
    CycleGANGenerator.from_pretrained(REPO)
    hub.log.clear()
    program = f"""
from hfstyle import AutoModel, HfstyleError
print(AutoModel.from_pretrained({REPO!r}).num_parameters)
for attempt in (AutoModel.from_pretrained, AutoModel.from_pretrained({REPO!r}).push_to_hub):
    try:
        attempt("alice/other")
    except HfstyleError as error:
        print(error)
"""
    result = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"HF_HUB_OFFLINE": "1", "PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
    )
    parameters, missing, push = result.stdout.splitlines()
    assert parameters == str(tiny().num_parameters)
    assert "alice/other" in missing and "cache" in missing and "switched off" in missing
    assert "alice/other" in push and "HF_HUB_OFFLINE" in push
    assert not hub.log


def test_cache_dir_takes_the_place_of_the_common_cache(hub, repo, tmp_path):
    for loader in (CycleGANGenerator, AutoModel):
        assert same(loader.from_pretrained(REPO, cache_dir=tmp_path), tiny())
    assert list(tmp_path.glob("models--alice--model/snapshots/*/model.safetensors"))
    assert not Path(constants.HF_HUB_CACHE).exists()
    assert len(hub.requests("GET", STORAGE)) == 1


def test_force_download_replaces_a_damaged_file_in_the_cache(hub, repo):
    CycleGANGenerator.from_pretrained(REPO)
    (cached,) = Path(constants.HF_HUB_CACHE).glob("models--alice--model/snapshots/*/model.safetensors")
    cached.write_bytes(b"damaged")
    with pytest.raises(WeightsError) as caught:
        CycleGANGenerator.from_pretrained(REPO)
    said(caught, "model.safetensors", "force_download")
    assert same(CycleGANGenerator.from_pretrained(REPO, force_download=True), tiny())
    assert same(CycleGANGenerator.from_pretrained(REPO), tiny())


def test_what_is_in_the_cache_outlives_an_outage(hub, repo):
    CycleGANGenerator.from_pretrained(REPO)
    hub.fail("HEAD", "", Status(503), times=None)
    assert same(AutoModel.from_pretrained(REPO), tiny())
    hub.stop()
    try:
        assert same(AutoModel.from_pretrained(REPO), tiny())
    finally:
        hub.start()


# ---- pull: refusals and failures ----

LOADERS = pytest.mark.parametrize("loader", [CycleGANGenerator, AutoModel])
FORCED = pytest.mark.parametrize("force_download", [False, True], ids=["plain", "forced"])


@FORCED
@LOADERS
def test_there_is_no_such_repo(hub, loader, force_download):
    with pytest.raises(ModelNotFoundError) as caught:
        loader.from_pretrained("alice/nothing", force_download=force_download)
    said(caught, "no alice/nothing", about="alice/nothing")


@FORCED
def test_there_is_no_such_revision(hub, repo, force_download):
    for revision in ("nowhere", "0" * 40):
        with pytest.raises(ModelNotFoundError) as caught:
            CycleGANGenerator.from_pretrained(REPO, revision=revision, force_download=force_download)
        said(caught, revision)


@FORCED
@pytest.mark.parametrize(
    ("missing", "options", "words"),
    [
        ("config.json", {}, ["no config.json"]),
        ("model.safetensors", {}, ["no model.safetensors"]),
        (None, {"variant": "fp16"}, ["no model.fp16.safetensors"]),
        (None, {"subfolder": "reverse"}, ["no reverse/config.json"]),
        ("config.json", {"revision": "main"}, ["revision main"]),
    ],
)
def test_a_file_is_missing(hub, repo, missing, options, words, force_download):
    if missing:
        repo.push({missing: None})
    with pytest.raises(ModelNotFoundError) as caught:
        CycleGANGenerator.from_pretrained(REPO, force_download=force_download, **options)
    said(caught, *words)


@FORCED
def test_the_token_is_wrong(hub, repo, force_download):
    with pytest.raises(HubError) as caught:
        CycleGANGenerator.from_pretrained(REPO, token=STRANGER, force_download=force_download)
    said(caught, "token", "hf auth login")


@FORCED
def test_the_repo_is_gated(hub, repo, force_download):
    repo.gated = "auto"
    for token in (BOB, False):
        with pytest.raises(HubError) as caught:
            CycleGANGenerator.from_pretrained(REPO, token=token, force_download=force_download)
        said(caught, "gated", "terms")
    assert same(CycleGANGenerator.from_pretrained(REPO, token=ALICE), tiny())


@FORCED
@pytest.mark.parametrize("path", [("HEAD", "config.json$"), ("GET", "config.json$"), ("GET", STORAGE)], ids=str)
@pytest.mark.parametrize(
    ("code", "words"),
    [(403, ["403"]), (404, ["404"]), (429, ["slow down"]), (500, ["500", "later"]), (503, ["503", "later"])],
)
def test_the_hub_refuses_for_good(hub, repo, path, code, words, force_download):
    hub.fail(*path, Status(code, retry_after=1), times=None)
    with pytest.raises(HubError) as caught:
        CycleGANGenerator.from_pretrained(REPO, force_download=force_download)
    said(caught, *words)
    # Neither blame belongs here: nothing was to be written, and nobody switched the network off.
    assert "write access" not in str(caught.value)
    assert "cache" not in str(caught.value)


@FORCED
def test_something_else_than_a_hub_answers(hub, repo, force_download):
    hub.fail("HEAD", "config.json$", Status(200), times=None)  # as a network's login page does
    with pytest.raises(HubError) as caught:
        CycleGANGenerator.from_pretrained(REPO, force_download=force_download)
    said(caught, "HF_ENDPOINT")


def test_a_passing_failure_is_waited_out(hub, repo, naps):
    hub.fail("HEAD", "config.json$", Status(503), times=3)
    hub.fail("GET", STORAGE, Status(429, retry_after=5), times=1)
    assert same(CycleGANGenerator.from_pretrained(REPO), tiny())
    # The client's first look is without patience, in case that the cache has an answer.
    assert naps == [1, 2, 6]


def test_a_cut_download_recovers(hub, repo):
    hub.fail("GET", STORAGE, CutBody(after=1000), times=3)
    hub.fail("GET", "config.json$", CutBody(after=10))
    assert same(CycleGANGenerator.from_pretrained(REPO), tiny())


@FORCED
@pytest.mark.parametrize("path", ["config.json$", STORAGE])
@pytest.mark.parametrize(
    ("action", "word"), [(CutBody(after=100), "connection"), (LongBody(length=10_000), "size")], ids=["cut", "long"]
)
def test_a_download_of_the_wrong_length_leaves_nothing_that_is_trusted_later(
    hub, repo, path, action, word, force_download
):
    hub.fail("GET", path, action, times=None)
    with pytest.raises(HubError) as caught:
        CycleGANGenerator.from_pretrained(REPO, force_download=force_download)
    said(caught, word)
    with pytest.raises(HubError):
        CycleGANGenerator.from_pretrained(REPO, local_files_only=True)
    assert not list(Path(constants.HF_HUB_CACHE).rglob("*incomplete*"))
    hub.faults.clear()
    assert same(CycleGANGenerator.from_pretrained(REPO), tiny())


@LOADERS
@pytest.mark.parametrize(
    ("config", "words"),
    [
        (GarbageJson().body, ["not valid JSON"]),
        (b"\xff\xfe\x00", ["not valid JSON"]),
        (b"[" * 100_000, ["not valid JSON"]),
        (b"[]", ["JSON object"]),
        (b"{}", ["_class_name"]),
        (b'{"_class_name": "Pickle"}', ["Pickle"]),
        (b'"' + b"x" * 2**21 + b'"', ["larger than"]),
    ],
    ids=["half", "binary", "deep", "list", "empty", "unknown class", "huge"],
)
def test_the_config_is_garbage(hub, repo, loader, config, words):
    repo.push({"config.json": config})
    with pytest.raises(ConfigError) as caught:
        loader.from_pretrained(REPO)
    said(caught, "config.json", *words)


def test_the_model_is_of_another_class(hub, repo):
    with pytest.raises(ConfigError) as caught:
        PatchGANDiscriminator.from_pretrained(REPO)
    said(caught, "CycleGANGenerator", "AutoModel")


@pytest.mark.parametrize("damage", [b"", b"garbage", b"\x80\x04K\x01.", None], ids=["empty", "text", "pickle", "half"])
def test_the_weights_are_garbage(hub, repo, files, damage):
    whole = files["model.safetensors"]
    repo.push({"model.safetensors": whole[: len(whole) // 2] if damage is None else damage})
    with pytest.raises(WeightsError) as caught:
        AutoModel.from_pretrained(REPO)
    said(caught, "model.safetensors")


@FORCED
@LOADERS
def test_the_connection_is_refused(hub, repo, loader, force_download):
    hub.stop()
    try:
        with pytest.raises(HubError) as caught:
            loader.from_pretrained(REPO, force_download=force_download)
        said(caught, "the Hub could not be reached")
        with pytest.raises(HubError) as caught:
            tiny().push_to_hub(REPO, token=ALICE)
        said(caught, "connection")
    finally:
        hub.start()
    assert same(loader.from_pretrained(REPO), tiny())


def test_what_looks_like_a_path_is_never_asked_of_the_hub(hub):
    for path in ("./model", "/no/such/model", "~/no-such-model", "a/b/c", "a\\b", "nothing"):
        with pytest.raises(ModelNotFoundError) as caught:
            AutoModel.from_pretrained(path)
        said(caught, about=path)
    assert not hub.log
