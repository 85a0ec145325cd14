"""The studio as a Space on the Hugging Face Hub: its files put together, and uploaded in one commit."""

import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from hfstyle.assets import ASSETS, BANK, bundled_models, bundled_styles
from hfstyle.auto import AutoModel, load_own_style
from hfstyle.errors import HubError, OptionError
from hfstyle.hub import wrong_name
from hfstyle.repo import REPO_ID, one_sentence

PACKAGE = Path(__file__).parent


def template() -> Path:
    """The folder of the Space's own files: in an installed package beside its assets, else in the checkout."""
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


def push_studio(repo_id: str, models: Sequence[str] = (), private: bool = False, token: str | None = None) -> str:
    """Make a Space, or bring an existing one up to date. Returns its address.

    Args:
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
        gather_studio(Path(folder), models)
        api = HfApi(token=token, library_name="hfstyle")
        with one_sentence(repo_id):
            try:
                url = api.create_repo(
                    repo_id, repo_type="space", space_sdk="gradio", private=private or None, exist_ok=True
                )
            except HfHubHTTPError as error:
                if error.response is not None and error.response.status_code == 402:
                    raise HubError(
                        f"the Hub does not host Gradio Spaces such as {repo_id} for this account: it takes a paid "
                        "plan, or one of the two ZeroGPU Spaces of a free account older than 30 days"
                    ) from error
                raise
            # What an earlier version had and this one lacks goes too.
            api.upload_folder(
                repo_id=repo_id,
                folder_path=folder,
                repo_type="space",
                delete_patterns="hfstyle/*",
                commit_message="Upload the studio",
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
