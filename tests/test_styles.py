"""Styles on their own: as files that come from strangers, and as repositories on the Hub."""

import copy
import json
import os
import re
import struct

import numpy as np
import pytest
import torch
import yaml
from local_hub import CutBody, Status
from safetensors.torch import load_file, save_file
from test_hub import ALICE, BOB, STRANGER, said
from test_images import gradient
from test_stylebank import tiny

from hfstyle import AutoModel, Style
from hfstyle.errors import HubError, ModelNotFoundError, OptionError, WeightsError
from hfstyle.repo import STYLE_NAME
from hfstyle.styles import FORMAT, HEADER, MAX_STYLE_BYTES

REPO = "alice/dusk"
PRINT = "ab" * 32

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # the client's own, on uploads


@pytest.fixture
def bank():
    return tiny()


@pytest.fixture
def file(bank, tmp_path):
    bank.save_style("ukiyoe", tmp_path / "mine.safetensors", title="Dusk", license="cc0-1.0", tradition="Edo\nprints")
    return tmp_path / "mine.safetensors"


def emptied(bank, *kept):
    """The same network with no styles but those."""
    bank = copy.deepcopy(bank)
    for style in set(bank.styles) - set(kept):
        bank.remove_style(style)
    return bank


def painted(bank, style) -> bytes:
    return bank.stylize(gradient(size=(64, 64)), style).tobytes()


# ---- files ----
def test_a_style_goes_into_a_file_and_into_another_bank(bank, file):
    other = emptied(bank, "monet")
    assert file.stat().st_size < 10_000
    assert other.load_style(file) == "ukiyoe" and other.load_style(str(file), name="Dämmerung 暮") == "Dämmerung 暮"
    assert other.styles == ("monet", "ukiyoe", "Dämmerung 暮")
    torch.testing.assert_close(other.numbers_of("ukiyoe"), bank.numbers_of("ukiyoe"), atol=1e-3, rtol=1e-3)
    painting = np.frombuffer(painted(other, "ukiyoe"), np.uint8).astype(int)
    assert np.abs(painting - np.frombuffer(painted(bank, "ukiyoe"), np.uint8)).max() <= 3
    style = Style.load(file)
    assert (style.name, style.fingerprint) == ("ukiyoe", bank.fingerprint)
    assert style.about == {"title": "Dusk", "license": "cc0-1.0", "tradition": "Edo\nprints"}


def test_saving_a_loaded_style_changes_no_byte(file, tmp_path):
    Style.load(file).save(tmp_path)  # into a folder
    assert (tmp_path / STYLE_NAME).read_bytes() == file.read_bytes()
    assert Style.from_pretrained(tmp_path).name == "ukiyoe"


def test_a_style_knows_its_network_in_any_precision(bank, file, tmp_path):
    bank.save_pretrained(tmp_path / "bank", dtype=torch.float16)
    for dtype in (torch.float32, torch.float16, "auto"):
        loaded = AutoModel.from_pretrained(tmp_path / "bank", dtype=dtype)
        assert loaded.fingerprint == bank.fingerprint
        assert loaded.load_style(file, name="again") == "again"


@pytest.mark.parametrize("change", ["weights", "origin", "size"])
def test_a_style_of_another_network_is_refused(bank, file, change):
    other = tiny(ngf=3) if change == "size" else tiny()
    with torch.no_grad():
        if change == "weights":
            next(other.down.parameters())[0] += 0.1
        if change == "origin":
            other.origin += 0.1
    with pytest.raises(WeightsError) as caught:
        other.load_style(file, name="new")
    said(caught, "belongs to another network", bank.fingerprint[:12], other.fingerprint[:12], about="ukiyoe")
    assert other.styles == bank.styles


def test_which_styles_a_bank_has_is_no_matter_to_the_others(bank):
    before = bank.fingerprint
    bank.remove_style("monet")
    torch.nn.init.zeros_(bank.numbers)
    assert bank.fingerprint == before and re.fullmatch("[0-9a-f]{64}", before)


def test_a_name_that_is_taken_needs_another(bank, file):
    with pytest.raises(OptionError, match="a style ukiyoe already"):
        bank.load_style(file)
    assert len(bank.numbers) == 3
    with pytest.raises(OptionError, match="begin with a letter"):
        bank.load_style(file, name="a/b")


def test_a_save_that_fails_leaves_the_old_file(bank, file, monkeypatch):
    before = file.read_bytes()
    monkeypatch.setattr(os, "fsync", lambda descriptor: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space"):
        bank.save_style("monet", file)
    assert file.read_bytes() == before and len(list(file.parent.iterdir())) == 1


HEAD = {"format": FORMAT, "name": "dusk", "fingerprint": PRINT, "about": {}}


def written(path, numbers=None, head=HEAD, **tensors):
    """A file as a stranger might write it."""
    text = head if isinstance(head, str) else json.dumps(head)
    tensors = {"numbers": torch.zeros(8, dtype=torch.float16) if numbers is None else numbers} | tensors
    save_file(tensors, path, {HEADER: text} if head is not None else None)
    return path


def test_a_stranger_s_file_that_is_right(tmp_path):
    for numbers in (torch.arange(8.0), torch.arange(8).double(), torch.arange(8.0).bfloat16()):
        style = Style.load(written(tmp_path / "a", numbers))
        assert style.numbers.dtype == torch.float32 and style.numbers.tolist() == list(range(8))


@pytest.mark.parametrize(
    "options,words",
    [
        ({"head": None}, "no style that hfstyle wrote"),
        ({"extra": torch.zeros(2)}, "no style that hfstyle wrote"),
        ({"numbers": torch.zeros(2, 4)}, "a row of floats, not F32 of shape [2, 4]"),
        ({"numbers": torch.zeros(8, dtype=torch.int8)}, "a row of floats, not I8"),
        ({"numbers": torch.zeros(0)}, "not of shape (0,)"),
        ({"numbers": torch.tensor([0.0, float("inf")])}, "finite"),
        ({"numbers": torch.tensor([0.0, float("nan")])}, "finite"),
        ({"numbers": torch.tensor([1e6])}, "half precision"),
        ({"head": "{"}, "header is not that of a style"),
        ({"head": "[" * 100_000}, "header is not that of a style"),
        ({"head": "[]"}, "header is not that of a style"),
        ({"head": HEAD | {"format": "1"}}, "header is not that of a style"),
        ({"head": HEAD | {"format": FORMAT + 1}}, "newer hfstyle; update"),
        ({"head": HEAD | {"more": 1}}, "header is not that of a style"),
        ({"head": {"format": FORMAT}}, "header is not that of a style"),
        ({"head": HEAD | {"name": "../a"}}, "begin with a letter"),
        ({"head": HEAD | {"name": ["a"]}}, "no text"),
        ({"head": HEAD | {"fingerprint": "abc"}}, "fingerprint has 64 digits"),
        ({"head": HEAD | {"fingerprint": None}}, "fingerprint has 64 digits"),
        ({"head": HEAD | {"about": ["title"]}}, "dictionary"),
        ({"head": HEAD | {"about": {f"k{i}": "" for i in range(33)}}}, "at most 32 texts"),
        ({"head": HEAD | {"about": {"Title": "x"}}}, "lower-case word"),
        ({"head": HEAD | {"about": {"title": 3}}}, "title must be printable text"),
        ({"head": HEAD | {"about": {"title": "\x1b[2J"}}}, "title must be printable text"),
        ({"head": HEAD | {"about": {"title": "x" * 4001}}}, "at most 4000 characters"),
    ],
)
def test_what_is_no_style_is_one_sentence(tmp_path, options, words):
    file = written(tmp_path / "a.safetensors", **options)
    for attempt in (Style.load, Style.from_pretrained, tiny().load_style):
        with pytest.raises(WeightsError) as caught:
            attempt(file)
        said(caught, words, about="a.safetensors")


@pytest.mark.parametrize("data", [b"", b"x", b"PK\x03\x04", b"\x80\x02}q\x00.", struct.pack("<Q", 2**40) + b"{}"])
def test_what_is_no_safetensors_file(tmp_path, data):
    (tmp_path / "a.safetensors").write_bytes(data)
    with pytest.raises(WeightsError) as caught:
        Style.load(tmp_path / "a.safetensors")
    said(caught, "damaged or not a safetensors file", about="a.safetensors")


def test_a_huge_file_is_not_even_opened(tmp_path, monkeypatch):
    with open(tmp_path / "a.safetensors", "wb") as file:
        file.truncate(MAX_STYLE_BYTES + 1)
    monkeypatch.setattr("hfstyle.styles.safe_open", None)
    with pytest.raises(WeightsError, match="larger than 4 MB"):
        Style.load(tmp_path / "a.safetensors")


def test_the_largest_style_fits():
    with torch.device("meta"):
        from hfstyle import StyleBankGenerator

        bank = StyleBankGenerator(ngf=256, n_blocks=64)
    assert bank.n_numbers * 4 < MAX_STYLE_BYTES


@pytest.mark.parametrize(
    "options,words",
    [
        ({"name": ""}, "1 to 64"),
        ({"numbers": [[1.0]]}, "a row"),
        ({"numbers": object()}, "a row of numbers, not object"),
        ({"fingerprint": "AB" * 32}, "64 digits"),
        ({"about": {"title": None}}, "title must be"),
    ],
)
def test_impossible_styles(options, words):
    with pytest.raises(OptionError, match=words):
        Style(**({"name": "dusk", "numbers": [1.0], "fingerprint": PRINT} | options))


def test_missing_files_and_folders(tmp_path, hub, bank):
    for attempt in (Style.from_pretrained, bank.load_style):
        with pytest.raises(ModelNotFoundError, match="no style.safetensors"):
            attempt(tmp_path)
        for nowhere in ("./nowhere", "/no/where.safetensors", "a/b/c"):
            with pytest.raises(ModelNotFoundError, match="there is no folder"):
                attempt(nowhere)
    with pytest.raises(WeightsError, match="cannot be read"):
        Style.load(tmp_path / "none.safetensors")
    assert not hub.log


# ---- the Hub ----
def test_a_style_is_pushed_and_pulled(bank, hub):
    style = bank.style("山水", title="Shan shui", license="cc0-1.0", tradition="Ink, *paper* and room.")
    address = style.push_to_hub(REPO, private=False, token=ALICE)
    repo = hub.repo(REPO)
    assert set(repo.files()) == {".gitattributes", "README.md", STYLE_NAME}
    assert [commit.title for commit in repo.commits] == ["Upload the style 山水", "initial commit"]
    assert address == f"{hub.url}/{REPO}/commit/{repo.commits[0].sha}" and not repo.private
    other = emptied(bank)
    assert other.load_style(REPO) == "山水"
    pulled = Style.from_pretrained(REPO)
    assert pulled.about == style.about and torch.equal(pulled.numbers.half(), style.numbers.half())
    assert torch.equal(other.numbers_of("山水"), pulled.numbers)


def test_its_card_says_what_it_is_and_how_to_use_it(bank, hub, tmp_path, monkeypatch):
    about = {"title": "Dusk", "license": "cc0-1.0", "base_model": "alice/bank", "tradition": "Edo.", "made_by": "Me"}
    bank.style("ukiyoe", **about).push_to_hub(REPO, private=False, token=ALICE)
    bank.remove_style("ukiyoe")
    bank.push_to_hub("alice/bank", token=ALICE)
    _, front_matter, text = hub.repo(REPO).files()["README.md"].decode().split("---\n", 2)
    card = yaml.safe_load(front_matter)
    assert (card["library_name"], card["license"], card["base_model"]) == ("hfstyle", "cc0-1.0", "alice/bank")
    assert "# Dusk\n" in text and "## Tradition\n\nEdo.\n" in text and "## Made by\n\nMe\n" in text
    monkeypatch.chdir(tmp_path)
    gradient().save("photo.jpg")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.S)
    exec(compile(code, "README.md", "exec"), {})
    assert (tmp_path / "painting.png").exists()


def test_a_style_of_which_nothing_is_said_claims_no_licence(bank, hub):
    bank.style("monet").push_to_hub(REPO, private=False, token=ALICE)
    card = hub.repo(REPO).files()["README.md"].decode()
    assert "license" not in card and "base_model" not in card and 'from_pretrained("bank")' in card


def test_a_push_without_a_change_makes_no_commit(bank, hub):
    style = bank.style("monet", title="Monet", tradition="x")
    address = style.push_to_hub(REPO, token=ALICE)
    commits = hub.repo(REPO).commits
    assert style.push_to_hub(REPO, token=ALICE) == address
    assert hub.repo(REPO).commits == commits
    bank.style("ukiyoe").push_to_hub(REPO, token=ALICE, commit_message="Another")
    assert [commit.title for commit in hub.repo(REPO).commits[:2]] == ["Another", "Upload the style monet"]
    assert "called `ukiyoe`" in hub.repo(REPO).files()["README.md"].decode(), "the card tells of what is there"


def test_a_private_style_is_for_its_owner(bank, hub):
    bank.style("monet").push_to_hub(REPO, token=ALICE)
    assert hub.repo(REPO).private
    other = emptied(bank)
    for token in (BOB, False):
        with pytest.raises(ModelNotFoundError) as caught:
            other.load_style(REPO, token=token)
        said(caught, "private", about=REPO)
    assert other.load_style(REPO, token=ALICE, name="mine") == "mine"


def test_branches_and_pull_requests(bank, hub):
    bank.style("monet").push_to_hub(REPO, private=False, token=ALICE)
    bank.style("ukiyoe").push_to_hub(REPO, token=ALICE, revision="next", card="---\nlicense: mit\n---\nMine.\n")
    assert (
        Style.from_pretrained(REPO).name == "monet" and Style.from_pretrained(REPO, revision="next").name == "ukiyoe"
    )
    assert bank.style("山水").push_to_hub(REPO, token=BOB, create_pr=True).endswith("/discussions/1")
    assert Style.from_pretrained(REPO, revision="refs/pr/1").name == "山水"


def test_refusals_are_one_sentence(bank, hub):
    style = bank.style("monet")
    for token in (STRANGER, False):
        with pytest.raises(HubError) as caught:
            style.push_to_hub(REPO, token=token)
        said(caught, "token", "hf auth login", about=REPO)
    with pytest.raises(HubError) as caught:
        style.push_to_hub(REPO, token=BOB)
    said(caught, "write access", about=REPO)
    with pytest.raises(OptionError) as caught:
        style.push_to_hub("dusk", token=ALICE)
    said(caught, "owner/name", about="dusk")
    with pytest.raises(ModelNotFoundError) as caught:
        bank.load_style("alice/nothing")
    said(caught, "no alice/nothing", about="alice/nothing")
    bank.push_to_hub("alice/bank", token=ALICE)
    with pytest.raises(ModelNotFoundError) as caught:
        bank.load_style("alice/bank")
    said(caught, "no style.safetensors", about="alice/bank")


@pytest.mark.parametrize("action,words", [(Status(500), "HTTP 500"), (CutBody(after=100), "connection")])
def test_a_pull_that_fails(bank, hub, action, words, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    bank.style("monet").push_to_hub(REPO, private=False, token=ALICE)
    hub.fail("GET", r"^/_storage/", action, times=None)
    with pytest.raises(HubError) as caught:
        bank.load_style(REPO, name="new")
    said(caught, words, about=REPO)
    hub.faults.clear()
    assert bank.load_style(REPO, name="new") == "new"


def test_a_stranger_s_repo_with_something_else(bank, hub, tmp_path):
    repo = hub.add_repo(REPO, {STYLE_NAME: b"\x80\x04K\x01."})
    with pytest.raises(WeightsError) as caught:
        bank.load_style(REPO)
    said(caught, STYLE_NAME, "damaged", about=REPO)
    repo.push({STYLE_NAME: bytes(MAX_STYLE_BYTES + 1)})
    with pytest.raises(WeightsError) as caught:
        bank.load_style(REPO)
    said(caught, "larger than", about=REPO)


def test_a_style_beside_a_model_goes_with_it(bank, hub, file):
    """Whoever pushes a bank with a style of its own beside it means both."""
    from hfstyle.repo import push_folder

    bank.save_pretrained(file.parent)
    file.rename(file.parent / STYLE_NAME)
    push_folder(file.parent, REPO, token=ALICE)
    assert load_file(file.parent / STYLE_NAME).keys() == {"numbers"}
    assert {STYLE_NAME, "model.safetensors"} <= set(hub.repo(REPO).files())
