"""The commands that move models: push, pull, info, card."""

import json
import os
from pathlib import Path

import pytest
import torch
from test_cli import errors

from hfstyle import AutoModel, CycleGANGenerator, bundled_models
from hfstyle.card import Card, Result, model_code
from hfstyle.cli import main
from hfstyle.repo import STYLE_NAME
from hfstyle.styles import Style

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # the client's own, on uploads


@pytest.fixture
def here(tmp_path, monkeypatch, hub):
    """A working folder with a model, whose card somebody measured, and alice's login."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_TOKEN", "hf_alice")
    torch.manual_seed(0)
    model = CycleGANGenerator(ngf=4, n_blocks=1)
    results = [Result("kid", 105.0, "KID x1000 (EfficientNet-Lite0)", "164 photos")]
    card = Card("Prints", "S.", model_code("mine", "x"), samples="samples.jpg", traditions=["ukiyoe"], results=results)
    model.save_pretrained("mine", card=str(card))
    model.save_pretrained("mine/reverse", card="")
    Path("mine/samples.jpg").write_bytes(b"picture")
    Path("mine/options.json").write_text("{}")
    return tmp_path


def said(capsys) -> str:
    return capsys.readouterr().out


def test_there_and_back_again(here, hub, capsys):
    assert main(["push", "./mine", "alice/prints", "--tag", "v1", "--message", "First"]) == 0
    repo = hub.repo("alice/prints")
    assert said(capsys).strip() == f"{hub.url}/alice/prints/commit/{repo.commits[0].sha}"
    assert repo.commits[0].title == "First" and not repo.private and list(repo.tags) == ["v1"]
    assert "options.json" not in repo.files() and "reverse/model.safetensors" in repo.files()
    assert 'from_pretrained("alice/prints")' in repo.files()["README.md"].decode()
    assert main(["pull", "alice/prints", "--json"]) == 0
    done = json.loads(said(capsys))
    assert done["folder"] == "prints" and "reverse/config.json" in done["files"]
    for name in ("config.json", "model.safetensors", "samples.jpg", "reverse/model.safetensors"):
        assert Path("prints", name).read_bytes() == Path("mine", name).read_bytes()
    assert main(["pull", "alice/prints"]) == 2
    assert errors(capsys) == ["prints is not empty; pass --overwrite to replace what is in it, or -o another folder"]
    assert main(["pull", "alice/prints", "--revision", "v1", "-o", "sub/old", "--overwrite"]) == 0
    assert AutoModel.from_pretrained("sub/old").num_parameters


def test_a_pulled_model_of_a_newer_hfstyle_says_so(here, hub, capsys):
    assert main(["push", "./mine", "alice/prints"]) == 0
    repo = hub.repo("alice/prints")
    assert main(["pull", "alice/prints", "-o", "old"]) == 0
    assert "note:" not in capsys.readouterr().err
    config = json.loads(repo.files()["config.json"]) | {"_hfstyle_version": "99.1.0"}
    repo.push({"config.json": json.dumps(config).encode()})
    assert main(["pull", "alice/prints", "-o", "new"]) == 0
    assert "note: it was made by hfstyle 99.1.0, and this is" in capsys.readouterr().err
    assert json.loads(Path("new/config.json").read_text()) == config


def test_info_of_a_repository_downloads_no_weights(here, hub, capsys):
    assert main(["push", "./mine", "alice/prints"]) == 0
    hub.log.clear()
    said(capsys)
    assert main(["info", "alice/prints", "--json"]) == 0
    facts = json.loads(said(capsys))
    assert facts["class"] == "CycleGANGenerator" and facts["title"] == "Prints" and facts["traditions"] == ["ukiyoe"]
    assert facts["parameters"] == AutoModel.from_pretrained("./mine").num_parameters
    assert facts["bytes"] == os.path.getsize("mine/model.safetensors") and facts["parts"] == ["reverse"]
    assert facts["license"] == "apache-2.0"
    assert facts["figures"] == ["KID x1000 (EfficientNet-Lite0): 105.0 on 164 photos"]
    sha = hub.repo("alice/prints").commits[0].sha
    assert facts["pictures"] == [f"{hub.url}/alice/prints/resolve/{sha}/samples.jpg"]
    assert not [request for request in hub.log if "safetensors" in request.path]
    assert main(["info", "alice/prints"]) == 0
    assert "  parameters   " in said(capsys)
    assert main(["info", "alice/nothing"]) == 2
    assert "there is no alice/nothing on the Hub" in errors(capsys)[0]


def test_info_says_what_is_there_and_no_more(here, capsys):
    """A stranger's card neither commands the terminal nor stops the JSON."""
    card = "---\nlicense: 2024-01-01\ntags: [2024-01-01, 3]\nmodel-index: 5\n---\n# T\x1b[31m\n"
    Path("mine/README.md").write_text(card)
    assert main(["info", "./mine", "--json"]) == 0
    assert json.loads(said(capsys))["license"] == "2024-01-01"
    assert main(["info", "./mine"]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_figures_go_when_other_weights_are_saved(here):
    CycleGANGenerator.from_pretrained("./mine").save_pretrained("mine")
    assert "105" in Path("mine/README.md").read_text()
    CycleGANGenerator(ngf=4, n_blocks=1).save_pretrained("mine")
    text = Path("mine/README.md").read_text()
    assert "105" not in text and "# Prints" in text


def test_a_model_without_a_card_gets_one(here, hub):
    os.remove("mine/README.md")
    assert main(["push", "./mine", "alice/prints", "--private"]) == 0
    repo = hub.repo("alice/prints")
    assert repo.private and 'from_pretrained("alice/prints")' in repo.files()["README.md"].decode()
    assert not os.path.exists("mine/README.md")


def test_what_somebody_edited_stays_unless_told(here, hub):
    assert main(["push", "./mine", "alice/prints"]) == 0
    repo = hub.repo("alice/prints")
    repo.push({"README.md": repo.files()["README.md"].replace(b"# Prints", b"# Drucke")})
    assert main(["push", "./mine", "alice/prints"]) == 0
    assert b"# Drucke" in repo.files()["README.md"]
    assert main(["push", "./mine", "alice/prints", "--replace-card"]) == 0
    assert b"# Prints" in repo.files()["README.md"]


def test_pull_requests_and_branches(here, hub, capsys):
    hub.add_repo("bob/prints", {"README.md": b"x"})
    assert main(["push", "./mine", "bob/prints", "--create-pr", "--json"]) == 0
    assert json.loads(said(capsys)) == {"./mine": f"{hub.url}/bob/prints/discussions/1"}
    assert main(["push", "./mine", "alice/prints", "--revision", "next"]) == 0
    assert set(hub.repo("alice/prints").files()) == {".gitattributes"}
    assert main(["pull", "alice/prints", "--revision", "next"]) == 0


def test_styles_are_private_unless_told(here, hub, assets, capsys):
    AutoModel.from_pretrained("bank").save_style("monet", "monet.safetensors", title="Dusk")
    assert main(["push", "monet.safetensors", "alice/dusk"]) == 0
    assert hub.repo("alice/dusk").private
    assert main(["push", "monet.safetensors", "alice/open", "--public"]) == 0
    assert not hub.repo("alice/open").private
    said(capsys)
    assert main(["info", "alice/open", "--json"]) == 0
    facts = json.loads(said(capsys))
    assert (facts["repo"], facts["name"], facts["class"], facts["title"]) == ("alice/open", "monet", "Style", "Dusk")
    assert main(["pull", "alice/dusk"]) == 0
    assert torch.equal(Style.load(f"dusk/{STYLE_NAME}").numbers, Style.load("monet.safetensors").numbers)


def test_all_bundled_models_get_a_repository_each(here, hub, assets, capsys):
    """Of the bundled ones in the fixture, which are small."""
    assert main(["push", "--bundled", "alice"]) == 0
    assert sorted(hub.repos) == [("model", f"alice/{name}") for name in ("bank", "sunset", "ukiyoe")]
    assert len(said(capsys).splitlines()) == 3
    assert AutoModel.from_pretrained("alice/bank").styles == AutoModel.from_pretrained("bank").styles


def test_the_models_that_are_bundled_can_be_published(here, hub, capsys):
    """The real ones: their cards are as the Hub wants them, and show how the repository is loaded."""
    assert main(["push", "--bundled", "alice", "--json"]) == 0
    assert json.loads(said(capsys)).keys() == set(bundled_models())
    for name in bundled_models():
        assert main(["card", f"alice/{name}", "--check"]) == 0
        files = hub.repo(f"alice/{name}").files()
        assert f'from_pretrained("alice/{name}")' in files["README.md"].decode() and "samples.jpg" in files
        assert AutoModel.from_pretrained(f"alice/{name}").num_parameters


def test_cards(here, hub, capsys):
    assert main(["card", "./mine"]) == 0
    assert said(capsys) == Path("mine/README.md").read_text()
    assert main(["card", "./mine", "--check"]) == 0
    assert said(capsys) == "the card is as the Hub wants it\n"
    os.remove("mine/samples.jpg")
    assert main(["card", "./mine", "--check"]) == 2
    assert len(said(capsys).splitlines()) == 2
    os.remove("mine/README.md")
    assert main(["card", "./mine"]) == 2
    assert errors(capsys) == ["./mine has no card"]


@pytest.mark.parametrize("arguments,words", [
    (["push", "./mine"], "name a model and a repository, such as hfstyle push ./mine me/mine"),
    (["push", "./mine", "alice/a", "--bundled"], "with --bundled name the user or organisation"),
    (["push", "./mine", "alice"], "a Hub repository is written owner/name, not 'alice'"),
    (["push", "./mine", "alice/a", "--private", "--public"], "contradict each other"),
    (["push", "./mine", "bob/a"], "it needs write access"),
    (["push", "./nowhere", "alice/a"], "there is no folder ./nowhere"),
    (["push", "bob/there", "alice/a"], "bob/there is on the Hub already; hfstyle pull brings it here"),
    (["pull", "./mine"], "./mine is here already"),
    (["pull", "bob/other"], "has no model of hfstyle"),
    (["pull", "bob/there", "-o", "mine/config.json"], "is a file; give -o a folder"),
    (["pull", "bob/there", "-o", "mine/config.json/x"], "cannot write to mine/config.json/x"),
    (["pull", "bob/there", "-o", "/proc/x"], "cannot write to /proc/x"),
    (["card", "bob/nowhere"], "there is no bob/nowhere on the Hub"),
])  # fmt: skip
def test_what_is_wrong_is_one_line_and_nothing_changes(here, hub, capsys, arguments, words):
    model = {path.name: path.read_bytes() for path in Path("mine").iterdir() if path.is_file()}
    hub.add_repo("bob/there", {name: model[name] for name in ("README.md", "config.json", "model.safetensors")})
    hub.add_repo("bob/other", {"README.md": b"x", "pytorch_model.bin": b"x"})
    before = set(here.rglob("*"))
    repos = set(hub.repos)
    assert main(arguments) == 2
    assert words in errors(capsys)[0]
    assert set(here.rglob("*")) == before and set(hub.repos) == repos


def test_a_model_that_does_not_load_is_not_shared(here, hub, capsys):
    Path("mine/model.safetensors").write_bytes(b"no")
    assert main(["push", "./mine", "alice/prints"]) == 2
    assert "model.safetensors" in errors(capsys)[0] and not hub.repos
