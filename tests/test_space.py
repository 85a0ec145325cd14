"""The studio as a Space: what is uploaded is all that it needs."""

import dataclasses
import re

import pytest
import torch
import yaml
from gradio_client import Client, handle_file
from huggingface_hub import snapshot_download
from local_hub import Status
from test_package import ROOT
from test_studio import running_studio, same_pixels, small_photo

from hfstyle import AutoModel, CycleGANGenerator, bundled_styles
from hfstyle.cli import main
from hfstyle.space import gather_studio

TOKEN = "hf_alice"


@pytest.fixture
def mine(tmp_path):
    """A model and a style of one's own, as files."""
    torch.manual_seed(3)
    CycleGANGenerator(ngf=4, n_blocks=1).save_pretrained(tmp_path / "sunset")
    style = dataclasses.replace(AutoModel.from_pretrained("bank").style("monet"), name="dusk")
    style.save(tmp_path / "dusk.safetensors")
    return tmp_path


@pytest.mark.slow
def test_the_space_paints_from_what_was_pushed(hub, mine, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    models = ["--model", str(mine / "sunset"), str(mine / "dusk.safetensors")]
    assert main(["space", "push", "studio", "alice/studio", "--private", *models]) == 0
    assert capsys.readouterr().out.strip().endswith("/spaces/alice/studio")
    repo = hub.repo("alice/studio", "space")
    assert repo.sdk == "gradio" and repo.private
    folder = tmp_path / "snapshot"
    snapshot_download("alice/studio", repo_type="space", local_dir=folder)
    (tmp_path / "run").mkdir()
    with running_studio(tmp_path / "run", folder) as studio:
        client = Client(studio.url, verbose=False, download_files=tmp_path)
        styles = {style["name"] for style in client.predict(api_name="/styles")}
        assert styles == {*bundled_styles(), "sunset", "dusk"}
        photo = small_photo(tmp_path / "photo.png")
        painting = client.predict(handle_file(photo), "sunset", api_name="/stylize")
        same_pixels(painting, AutoModel.from_pretrained(str(mine / "sunset")).stylize(photo))
        painting = client.predict(handle_file(photo), "dusk=.5,vangogh=.5", api_name="/stylize")
        same_pixels(painting, AutoModel.from_pretrained("bank").stylize(photo, {"monet": 0.5, "vangogh": 0.5}))
    # Pushed again without them, they are gone, in one commit.
    before = len(repo.commits)
    assert main(["space", "push", "studio", "alice/studio"]) == 0
    assert len(repo.commits) == before + 1 and "hfstyle/assets/sunset/config.json" not in repo.files("main")


def test_the_space_says_what_the_hub_must_know():
    front = yaml.safe_load((ROOT / "spaces" / "studio" / "README.md").read_text().split("---")[1])
    assert f"gradio[oauth,mcp]=={front['sdk_version']}" in (ROOT / "requirements.txt").read_text()
    assert front["sdk"] == "gradio" and front["hf_oauth"] is True
    assert len(front["short_description"]) <= 60


def test_a_free_account_is_told(hub, monkeypatch, capsys):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    hub.fail("POST", "/api/repos/create", Status(402, "Payment required"))
    assert main(["space", "push", "studio", "alice/studio"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "paid plan" in line and "ZeroGPU" in line


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("bank", "named bank already"),
        ("ukiyoe", "has a style named ukiyoe already"),
        ("missing", "missing"),
    ],
)
def test_what_cannot_be_added_is_one_line(hub, model, words, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert main(["space", "push", "studio", "alice/studio", "--model", model]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(words, line) and line.startswith("error: ") and ("space", "alice/studio") not in hub.repos


def test_the_files_are_those_of_the_package(tmp_path):
    gather_studio(tmp_path)
    assert (tmp_path / "app.py").is_file() and (tmp_path / "hfstyle" / "assets" / "bank" / "config.json").is_file()
    assert not list(tmp_path.rglob("__pycache__"))
    assert (tmp_path / "requirements.txt").read_text() == (ROOT / "spaces/studio/requirements.txt").read_text()
