"""The studio, or the page for browsers, as a Space on the Hugging Face Hub: its files, in one commit."""

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from hfstyle.assets import ASSETS, BANK, bundled_models, bundled_styles
from hfstyle.auto import AutoModel, load_own_style
from hfstyle.errors import HubError, OptionError
from hfstyle.hub import wrong_name
from hfstyle.repo import REPO_ID, one_sentence

PACKAGE = Path(__file__).parent
BROWSER = PACKAGE.parent / "spaces" / "browser"
"""The sources of the page for browsers, which are in a checkout alone."""
PREVIEW = "picosdeeuropa.jpg", (240, 160)
"""The example that the page shows of each style, and its size."""
EXAMPLE = "life.jpg"
"""The photo for visitors who have none at hand."""


def template() -> Path:
    """The folder of the studio's own files: in an installed package beside its assets, else in the checkout."""
    installed = ASSETS / "studio-space"
    return installed if installed.is_dir() else PACKAGE.parent / "spaces" / "studio"


def gather_studio(folder: Path, models: Sequence[str] = ()) -> None:
    """Put all files of the Space into a folder.

    The package lies there as it is, and not as a wheel: Spaces install what `requirements.txt` says before the
    repository's other files are there.

    Args:
        models: What the studio is to paint with besides what is bundled: folders and repositories of models, files and
            names of styles of one's own.

    Raises:
        OptionError: There is one whose name is taken or none, or that is no model of one style.
        ModelNotFoundError, WeightsError, HubError: One cannot be had.
    """
    shutil.copytree(template(), folder, dirs_exist_ok=True)
    skipped = shutil.ignore_patterns("__pycache__", "studio-space", "*.pyc")
    shutil.copytree(PACKAGE, folder / "hfstyle", ignore=skipped, dirs_exist_ok=True)
    for name in models:
        _add(name, folder / "hfstyle" / "assets")


def gather_browser(folder: Path, models: Sequence[str] = ()) -> None:
    """Build the page for browsers, with all that it needs, into a folder.

    Args:
        models: See `gather_studio`.

    Raises:
        OptionError: This is no checkout, there is no Node, or one of the models cannot be added.
        MissingExtraError: The extra "export" is not installed.
        ModelNotFoundError, WeightsError, HubError: One of the models cannot be had.
    """
    if not BROWSER.is_dir() or shutil.which("npm") is None:
        raise OptionError("the page for browsers is built from a checkout of hfstyle, by Node 18 or newer with npm")
    with tempfile.TemporaryDirectory() as work:
        assets = Path(work) / "assets"
        shutil.copytree(ASSETS, assets, ignore=shutil.ignore_patterns("studio-space", "vgg16.safetensors"))
        for name in models:
            _add(name, assets)
        sources = Path(work) / "browser"
        shutil.copytree(BROWSER, sources, ignore=shutil.ignore_patterns("node_modules", "dist", "models"))
        _write_models(assets, sources / "public" / "models")
        for command in (["npm", "ci", "--no-audit", "--no-fund"], ["npm", "run", "build"]):
            done = subprocess.run(command, cwd=sources, capture_output=True, text=True)
            if done.returncode:
                said = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
                raise OptionError(f"{' '.join(command)} failed: {' / '.join(said[-3:]):.300}")
        shutil.copytree(sources / "dist", folder, dirs_exist_ok=True)
        shutil.copy(sources / "README.md", folder)


def _write_models(assets: Path, folder: Path) -> None:
    """The networks as ONNX files, small pictures of their styles, and what the page must know of them."""
    from hfstyle.export import HEADER, export
    from hfstyle.images import read_image
    from hfstyle.studio.text import style_names

    folder.mkdir(parents=True)
    shutil.copy(assets / "examples" / EXAMPLE, folder / "example.jpg")
    photo = read_image(assets / "examples" / PREVIEW[0])
    photo.thumbnail((3 * PREVIEW[1][0], 3 * PREVIEW[1][1]))
    bank = AutoModel.from_pretrained(assets / BANK, device="cpu")
    singles = sorted(path.parent.name for path in assets.glob("*/config.json") if path.parent.name != BANK)
    styles: list[dict[str, Any]] = []

    def add(name: str, painting: Any, **more: Any) -> None:
        file = f"{name.replace(':', '-')}.jpg"
        painting.resize(PREVIEW[1]).save(folder / file, "JPEG", quality=80)
        title = {"en": style_names(name)["en"], "zh": style_names(name)["zh-CN"]}
        styles.append({"name": name, "title": title, "preview": f"models/{file}", **more})

    def written(model: Any, name: str) -> dict[str, Any]:
        """How the network is used, from the file itself."""
        import onnx

        export(model, folder / f"{name}.onnx", fp16=True)
        proto = onnx.load(folder / f"{name}.onnx", load_external_data=False)
        (header,) = (entry.value for entry in proto.metadata_props if entry.key == HEADER)
        return {"file": f"models/{name}.onnx", **json.loads(header)}

    header = written(bank, BANK) | {"fingerprint": bank.fingerprint}
    for row, style in enumerate(bank.styles):
        add(f"{BANK}:{style}" if style in singles else style, bank.stylize(photo, style), row=row)
    for name in singles:
        model = AutoModel.from_pretrained(assets / name, device="cpu")
        if hasattr(model, "stylize"):
            add(name, model.stylize(photo), model=written(model, name))
    (folder / "styles.json").write_text(json.dumps({"bank": header, "styles": styles}, ensure_ascii=False), "utf-8")


def push_space(
    kind: Literal["studio", "browser"],
    repo_id: str,
    models: Sequence[str] = (),
    private: bool = False,
    token: str | None = None,
) -> str:
    """Make a Space, or bring an existing one up to date. Returns its address.

    Args:
        kind: The studio, which runs on a machine of the Hub, or the page that runs in browsers.
        models: See `gather_studio`.
        private: Where the Space is made now: only its owner sees it.

    Raises:
        HubError: The Hub refused, or could not be reached.
        OptionError: See `gather_studio`; or the name is none.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    if not REPO_ID.fullmatch(repo_id):
        raise OptionError(f"a Space is written owner/name, not {repo_id!r:.100}")
    with tempfile.TemporaryDirectory() as folder:
        (gather_studio if kind == "studio" else gather_browser)(Path(folder), models)
        sdk = "gradio" if kind == "studio" else "static"
        api = HfApi(token=token, library_name="hfstyle")
        with one_sentence(repo_id):
            try:
                url = api.create_repo(
                    repo_id, repo_type="space", space_sdk=sdk, private=private or None, exist_ok=True
                )
            except HfHubHTTPError as error:
                if error.response is not None and error.response.status_code == 402:
                    raise HubError(
                        f"the Hub does not host Gradio Spaces such as {repo_id} for this account: it takes a paid "
                        "plan, or one of the two ZeroGPU Spaces of a free account older than 30 days; the page for "
                        f"browsers is free: hfstyle space push browser {repo_id}"
                    ) from error
                raise
            # What an earlier version had and this one lacks goes too.
            api.upload_folder(
                repo_id=repo_id,
                folder_path=folder,
                repo_type="space",
                delete_patterns="hfstyle/*" if kind == "studio" else ["assets/*", "models/*"],
                commit_message=f"Upload the {kind}",
            )
    return str(url)


def _add(name: str, assets: Path) -> None:
    """Make a model or a style one of those that are bundled."""
    style = load_own_style(name)
    called = style.name if style is not None else re.split(r"[/\\]", os.path.normpath(name))[-1]
    taken = [*bundled_models(), *bundled_styles(), *(path.name for path in assets.iterdir())]
    if wrong := wrong_name(called):
        raise OptionError(f"{name} cannot be called so in the studio: {wrong}")
    if called in taken:
        raise OptionError(f"the studio has a style named {called} already; rename yours")
    if style is not None:
        bank = AutoModel.from_pretrained(assets / BANK, device="cpu")
        bank.load_style(style)
        bank.save_pretrained(assets / BANK)
        return
    model = AutoModel.from_pretrained(name, device="cpu")
    if not hasattr(model, "stylize") or hasattr(model, "styles"):
        raise OptionError(f"{name} is a {type(model).__name__}, and no model that paints in one style")
    model.save_pretrained(assets / called)
