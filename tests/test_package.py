"""What a newcomer meets first: the README's commands, the wheel, and an import that costs nothing."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import numpy as np
import peers
import pytest
import torch
from PIL import Image
from test_images import gradient

import hfstyle
from hfstyle.images import read_image

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.S)


def python(script: str, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, *arguments, "-c", script], capture_output=True, text=True, cwd=ROOT)


def test_importing_hfstyle_imports_nothing_heavy():
    heavy = ("torch", "numpy", "PIL", "huggingface_hub", "gradio")
    assert (
        python(f"import sys, hfstyle; print([name for name in {heavy} if name in sys.modules])").stdout.strip() == "[]"
    )


@pytest.mark.parametrize("command", ["stylize", "sheet", "evaluate", "data check"])
def test_help_answers_without_torch(command):
    script = f"""if True:
        import sys
        sys.argv = ["hfstyle", *{command.split()}, "--help"]
        from hfstyle.cli import main
        try:
            main()
        except SystemExit:
            print("torch" in sys.modules)
    """
    assert python(script).stdout.strip().endswith("False")


def test_every_public_name_resolves():
    for name in hfstyle.__all__:
        assert getattr(hfstyle, name) is not None
    assert set(hfstyle.__all__) <= set(dir(hfstyle))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        hfstyle.nothing  # noqa: B018


def test_imports_run_downwards():
    """No room imports from a floor above it (the order is that of the README's map)."""
    floors = [
        "cli",
        "cli_hub",
        "cli_styles",
        "cli_votes",
        "cli_space",
        "space",
        "studio",
        "training",
        "evaluation",
        "auto",
        "conversion",
        "export",
    ]
    floors += ["onnx_generator", "discriminators", "generators", "library", "styles", "image_to_image", "stylize"]
    floors += ["features", "winograd", "losses", "data", "hub", "tensors", "arguments", "images", "repo", "card"]
    floors += ["traditions", "machine", "errors", "assets"]
    for path in sorted((ROOT / "hfstyle").rglob("*.py")):
        room = path.relative_to(ROOT / "hfstyle").parts[0].removesuffix(".py")
        if room in ("__init__", "__main__"):
            continue
        for imported in re.findall(r"^\s*(?:from|import) hfstyle\.(\w+)", path.read_text(), re.M):
            assert floors.index(imported) >= floors.index(room), f"{path.relative_to(ROOT)} imports hfstyle.{imported}"


def test_the_map_in_the_readme_is_the_tree():
    listed = set(re.findall(r"^  ([\w/]+(?:\.py)?)", next(b for b in blocks("text") if "hfstyle/" in b), re.M))
    for name in listed:
        assert (ROOT / "hfstyle" / name).exists(), name
    files = {path.name for path in (ROOT / "hfstyle").glob("*.py")} - {
        "__init__.py",
        "__main__.py",
        "errors.py",
        "arguments.py",
        "card.py",
        "tensors.py",
        "cli_hub.py",
        "cli_styles.py",
        "cli_votes.py",
        "cli_space.py",
    }
    assert files <= listed


def test_the_python_in_the_readme_runs(tmp_path, monkeypatch, hub):
    hub.add_user("hf_me", "me")
    monkeypatch.setenv("HF_TOKEN", "hf_me")
    monkeypatch.chdir(tmp_path)
    gradient(size=(80, 60)).save("photo.jpg")
    for name in ("poster.jpg", "postcard.jpg"):
        gradient(size=(100 + len(name), 100)).save(name)
    models, mine, _ = blocks("python")  # the third needs the studio: see test_studio_api
    exec(compile(models, "README.md", "exec"), {})
    assert read_image("painting.png").size == (80, 60)
    Path("painting.png").unlink()
    exec(compile(mine.replace('name="mine"', 'name="mine", steps=1'), "README.md", "exec"), {})
    assert read_image("painting.png").size == (80, 60)
    assert "model.safetensors" in hub.repo("me/my-style").files("main")
    assert hfstyle.AutoModel.from_pretrained("my-style").config


def test_the_chinese_readme_keeps_step():
    """Its commands and code are the English ones, but for what is said in comments."""
    english, chinese = ((ROOT / name).read_text("utf-8") for name in ("README.md", "README.zh.md"))

    def code(text: str) -> list[str]:
        found = re.findall(r"^```(?:bash|python)\n(.*?)^```", text, re.M | re.S)
        return [line.split("  #")[0].strip() for block in found for line in block.splitlines() if line.strip()]

    assert set(code(chinese)) <= set(code(english))
    sections = [re.findall(r"^## ", text, re.M) for text in (english, chinese)]
    assert len(sections[1]) == len(sections[0]) - 1, "all but the map of the files"
    for name in re.findall(r"`(/\w+)`", english):
        assert f"`{name}`" in chinese, name


@pytest.mark.slow
def test_the_command_lines_in_the_readme_run(tmp_path):
    (tmp_path / "holidays").mkdir()
    for folder in ("photos", "paintings"):
        (tmp_path / folder).mkdir()
        for index in range(10):  # as few as can be judged
            gradient(size=(120, 100 + index)).save(tmp_path / folder / f"{index}.jpg")
    for name in ("photo.jpg", "holidays/1.jpg", "holidays/2.png"):
        gradient(size=(60, 40)).save(tmp_path / name)
    torch.save(peers.resnet_state(blocks=1), tmp_path / "latest_net_G.pth")
    lines = [line.split("#")[0].strip() for block in blocks("bash") for line in block.splitlines()]
    commands = [line for line in lines if line.startswith(".venv/bin/hfstyle") and not line.endswith(" app")]
    environment = {**os.environ, "HFSTYLE_HOME": str(tmp_path / "home")}
    assert len(commands) >= 4
    for command in commands:
        command = command.replace(".venv/bin/hfstyle", f"{shlex.quote(sys.executable)} -m hfstyle")
        command += " --steps 1" if " learn " in command else ""
        result = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True, env=environment)
        assert result.returncode == 0, command + result.stderr
    made = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.png")}
    assert {
        "photo-ukiyoe.png",
        "photo-sheet.png",
        "imagine-0.png",
        "profile.png",
        "painting.png",
        "paintings/1-ukiyoe.png",
        "paintings/2-ukiyoe.png",
    } <= made
    assert (tmp_path / "latest_net_G/model.safetensors").exists()
    assert (tmp_path / "home/styles/mine.safetensors").exists()


@pytest.mark.slow
def test_the_training_chapter_of_the_readme_leads_to_a_model_on_the_hub(tmp_path, hub):
    """Each command as it stands there, with networks and crops of a size for tests."""
    hub.add_user("hf_me", "me")
    noise = np.random.default_rng(0)
    for folder in ("photos", "paintings/monet", "paintings/prints"):
        (tmp_path / folder).mkdir(parents=True)
        for index in range(3):
            pixels = noise.integers(0, 256, (50, 60 + index, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / folder / f"{index}.png")
    chapter = README.split("## Training")[1].split("## What is where")[0]
    bash = "".join(re.findall(r"```bash\n(.*?)```", chapter, re.S))
    lines = [line.split("#")[0].strip() for line in bash.splitlines()]
    commands = [line for line in lines if line.startswith(".venv/bin/")]
    assert len(commands) == 6 and sum("accelerate launch" in command for command in commands) == 4
    python = shlex.quote(sys.executable)
    environment = os.environ | {"HF_TOKEN": "hf_me", "PYTHONPATH": str(ROOT)}
    said = ""
    for command in commands:
        command = command.replace("train.py", shlex.quote(str(ROOT / "train.py")))
        command = command.replace(".venv/bin/hfstyle", f"{python} -m hfstyle")
        command = command.replace(".venv/bin/accelerate launch", f"{python} -m accelerate.commands.launch")
        command = command.replace(".venv/bin/torchrun", f"{python} -m torch.distributed.run --standalone")
        if "--nproc" in command:
            command = command.replace("runs/mine", "runs/two") + " --cpu"
        if "train.py" in command:
            command += " --max-steps 1 --ngf 4 --n-blocks 1 --ndf 4 --crop 32 --resize 32 40 --eval-samples 8"
        result = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True, env=environment)
        assert result.returncode == 0, command + result.stdout + result.stderr
        said += result.stdout
        if "--dry-run" in command:
            assert "steps take about" in result.stdout and not (tmp_path / "runs" / "mine").exists()
    assert (tmp_path / "pictures.jpg").exists() and "2 processes" in said
    assert hfstyle.AutoModel.from_pretrained(tmp_path / "runs" / "bank").styles == ("monet", "prints")
    pulled = hfstyle.AutoModel.from_pretrained("me/mine", token="hf_me")
    assert pulled.config == hfstyle.AutoModel.from_pretrained(tmp_path / "runs" / "mine").config
    assert {"README.md", "curves.png", "reverse/model.safetensors"} <= set(hub.repo("me/mine").files("main"))


def test_the_accelerate_config_in_the_readme_is_one(tmp_path):
    (text,) = blocks("yaml")
    (tmp_path / "config.yaml").write_text(text)
    from accelerate.commands.config import load_config_from_file

    config = load_config_from_file(str(tmp_path / "config.yaml"))
    assert (config.num_machines, config.num_processes, config.machine_rank) == (2, 8, 0)


def clean_copy(folder: Path) -> Path:
    """The tree as from a clean clone, without what lies about here."""
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in tracked.strip("\0").split("\0"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.mark.slow
def test_the_wheel_carries_the_style_and_names_its_extras(tmp_path):
    source = clean_copy(tmp_path / "source")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(source)]
    result = subprocess.run(build, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata = next(archive.read(name).decode() for name in names if name.endswith("METADATA"))
        config = json.loads(archive.read("hfstyle/assets/ukiyoe/config.json"))
    assert config["_class_name"] == "CycleGANGenerator"
    for name in (
        "assets/ukiyoe/model.safetensors",
        "assets/ukiyoe/README.md",
        "assets/content/CREDITS.tsv",
        "assets/examples/CREDITS.tsv",
        "assets/looks.safetensors",
        "assets/studio-space/app.py",
        "py.typed",
    ):
        assert f"hfstyle/{name}" in names
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/"))]
    assert any(name.endswith("licenses/NOTICE") for name in names)
    for extra in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]:
        assert f"Provides-Extra: {extra}" in metadata
    assert wheel.stat().st_size < 32 * 2**20


@pytest.mark.slow
def test_a_release_can_be_cut(tmp_path, hub):
    """The commands of CONTRIBUTING.md, from a clean copy: wheel and sdist, each installed afresh, then the Hub. (The
    second finds what the first needed in this environment: to install all of it once is slow enough.)"""
    hub.add_user("hf_release", "hfstyle")
    source = clean_copy(tmp_path / "source")
    chapter = (ROOT / "CONTRIBUTING.md").read_text().split("<!-- release -->\n")[1]
    commands = re.match(r"```bash\n(.*?)```", chapter, re.S)[1].splitlines()
    environment = {**os.environ, "HF_TOKEN": "hf_release"}
    for command in commands[1:]:  # the first makes what is here already
        command = command.replace(".venv/bin/python", shlex.quote(sys.executable))
        command = command.replace(
            "pip install dist", "pip install -q torch==" + torch.__version__.split("+")[0] + " dist"
        )
        if "tar.gz" in command:
            command = command.replace("pip install", "pip install --no-deps")
            path = shlex.quote(sysconfig.get_path("purelib"))
            command += f" && echo {path} > $(echo .venv-release/lib/python*/site-packages)/others.pth"
        result = subprocess.run(command, shell=True, cwd=source, capture_output=True, text=True, env=environment)
        assert result.returncode == 0, command + result.stderr
    assert len(list((source / "dist").iterdir())) == 2
    assert (source / "life.png").read_bytes() == (source / "life-too.png").read_bytes()
    for name in hfstyle.bundled_models():
        assert list(hub.repo(f"hfstyle/{name}").tags) == [f"v{hfstyle.__version__}"]


def test_the_changelog_knows_this_version():
    assert f"## {hfstyle.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_pinned_versions_lie_within_the_ranges():
    from packaging.requirements import Requirement

    pinned = dict(re.findall(r"^([\w.-]+)(?:\[.*\])?==(\S+)", (ROOT / "requirements.txt").read_text(), re.M))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    ranges = [*project["dependencies"], *project["optional-dependencies"]["app"]]
    for requirement in map(Requirement, ranges):
        if requirement.name in pinned:
            assert requirement.specifier.contains(pinned[requirement.name]), requirement.name
    core = {Requirement(line).name for line in project["dependencies"]}
    assert core <= pinned.keys() | {"hfstyle"}, core - pinned.keys()


def test_the_space_asks_for_what_the_package_needs():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = (ROOT / "spaces" / "studio" / "requirements.txt").read_text().split()
    extras = [line for extra in ("app", "eval", "heif") for line in project["optional-dependencies"][extra]]
    # A Space brings its own Gradio, and ZeroGPU has no newer torch.
    needed = {line for line in extras if not line.startswith("gradio")} | set(project["dependencies"])
    assert {line.replace("torch>=2.8,<2.12", "torch>=2.8") for line in asked} == needed
