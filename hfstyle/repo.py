"""The files of a model, wherever they are: a folder, a bundled model, or a repository on the Hugging Face Hub.

Nothing here needs torch. Whatever the Hub answers, what goes wrong is one sentence.
"""

import contextlib
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import httpx2
from huggingface_hub import CommitOperationAdd, HfApi, hf_hub_download, hf_hub_url
from huggingface_hub import errors as hub_errors

from hfstyle import __version__
from hfstyle.assets import ASSETS, bundled_models
from hfstyle.card import for_repo, merge_cards, without_figures
from hfstyle.errors import (
    ConfigError,
    HfstyleError,
    HubError,
    ModelNotFoundError,
    OptionError,
    WeightsError,
    first_line,
)

CONFIG_NAME = "config.json"
WEIGHTS_NAME = "model.safetensors"
CARD_NAME = "README.md"
VERSION_KEY = "_hfstyle_version"
"""In a config: which hfstyle made it."""
STYLE_NAME = "style.safetensors"
"""The file of a style on its own, see `hfstyle.styles`."""
SAMPLES_NAME = "samples.jpg"
"""The picture in a card."""
ONNX_NAME = "model.onnx"
"""The file of an exported network, see `hfstyle.export`."""
MAX_CONFIG_BYTES = 2**20
MAX_CARD_BYTES = 4 * 2**20
MAX_BYTES = 2**35
"""Of one file that is pulled without a look at it."""
PUBLISHED = (CARD_NAME, CONFIG_NAME, "model*.safetensors", STYLE_NAME, "model*.onnx")
PUBLISHED += (SAMPLES_NAME, "metrics.jsonl", "curves.png")
"""What is uploaded and pulled, in these folders:"""
SUBFOLDERS = ("", "discriminator", "discriminator/features", "reverse", "reverse/discriminator")

REPO_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*/[A-Za-z0-9_][A-Za-z0-9._-]*")
SNAPSHOT = re.compile(r"/snapshots/([0-9a-f]{40})/")


class ModelFiles:
    """The files of one model, wherever they are: a folder, a bundled model or a Hub repository."""

    def __init__(
        self,
        name_or_path: str | os.PathLike,
        revision: str | None = None,
        subfolder: str = "",
        token: str | bool | None = None,
        cache_dir: str | os.PathLike | None = None,
        local_files_only: bool = False,
        force_download: bool = False,
    ):
        self.name = os.fspath(name_or_path)
        self.subfolder = check_subfolder(subfolder)
        self.folder = _find_folder(self.name)
        self.revision = revision
        self._config: dict[str, Any] | None = None
        self.download_options = {
            "revision": revision,
            "token": clean_token(token),
            "cache_dir": cache_dir,
            "local_files_only": local_files_only,
            "force_download": force_download,
        }

    def describe(self, file: str) -> str:
        """How an error names one of the files."""
        return f"{file} of {'/'.join(filter(None, (self.name, self.subfolder)))}"

    def path(self, file: str, at_most: int, error: type[HfstyleError] = WeightsError) -> Path:
        """The path of a file on this machine, downloaded where needed.

        Raises:
            error: On the Hub, it has more than `at_most` bytes. None of them is downloaded.
        """
        if self.folder is not None:
            path = self.folder / self.subfolder / file
            if not path.is_file():
                raise ModelNotFoundError(f"{path.parent} is not a model: it has no {file}")
            return path
        return self._download("/".join(filter(None, (self.subfolder, file))), at_most, error)

    def _download(self, name: str, at_most: int, error: type[HfstyleError] = WeightsError) -> Path:
        """A file of the repository, by its path there."""
        options = {"library_name": "hfstyle", "library_version": __version__, **self.download_options}
        with one_sentence(self.name, revision=self.revision, file=name):
            there = None
            with contextlib.suppress(Exception):  # the Hub is out of reach: the cache may do, or says what is wrong
                there = hf_hub_download(self.name, name, dry_run=True, **options)
            if there and there.will_download and (there.file_size or 0) > at_most:
                raise error(
                    f"{name} of {self.name} is larger than such a file of hfstyle can be: {there.file_size:,} bytes, "
                    f"where {at_most:,} are enough; it was not downloaded"
                )
            path = hf_hub_download(self.name, name, **options)
        # From here on this very commit: somebody may push between the config and the weights.
        if commit := SNAPSHOT.search(Path(path).as_posix()):
            self.download_options["revision"] = commit[1]
        return Path(path)

    def config(self) -> dict[str, Any]:
        """The contents of `config.json`, read once."""
        if self._config is None:
            self._config = self._read_config()
        return self._config

    def _read_config(self) -> dict[str, Any]:
        path = self.path(CONFIG_NAME, MAX_CONFIG_BYTES, ConfigError)
        try:
            if path.stat().st_size > MAX_CONFIG_BYTES:
                raise ConfigError(f"{self.describe(CONFIG_NAME)} is larger than {MAX_CONFIG_BYTES // 2**20} MB")
            config = json.loads(path.read_text("utf-8"))
        except (ValueError, RecursionError) as error:
            if isinstance(error, ConfigError):
                raise
            raise ConfigError(f"{self.describe(CONFIG_NAME)} is not valid JSON") from error
        if not isinstance(config, dict):
            raise ConfigError(f"{self.describe(CONFIG_NAME)} must be a JSON object, not {type(config).__name__}")
        return config

    def card(self) -> str | None:
        """The text of the model card, or None where there is none."""
        try:
            return self.path(CARD_NAME, MAX_CARD_BYTES).read_text("utf-8", errors="replace")
        except (ModelNotFoundError, HubError, WeightsError):
            return None  # offline, one that nobody asked for before is not in the cache

    def sizes(self) -> dict[str, int]:
        """The files, by their paths inside the folder or repository, with their bytes. Nothing is downloaded."""
        if self.folder is not None:
            return {name: (self.folder / name).stat().st_size for name in _published(self.folder, SUBFOLDERS)}
        options = {name: self.download_options[name] for name in ("revision", "token")}
        with one_sentence(self.name, revision=self.revision, file="list of files"):
            info = HfApi(library_name="hfstyle", library_version=__version__).model_info(
                self.name, files_metadata=True, **options
            )
        self.download_options["revision"] = info.sha
        return {file.rfilename: file.size or 0 for file in info.siblings or ()}

    def link(self, name: str) -> str:
        """Where a file is to be looked at: its path, or its address on the Hub."""
        if self.folder is not None:
            return str(self.folder / name)
        return hf_hub_url(self.name, name, revision=self.download_options["revision"])

    def pull(self, folder: str | os.PathLike) -> list[str]:
        """Copy all that `PUBLISHED` names into a folder, which is made where missing; all or nothing.

        Returns:
            The paths inside it.
        """
        # Only where hfstyle puts them: a stranger's paths may lead anywhere.
        parts = {name: name.rpartition("/") for name in self.sizes()}
        names = [name for name, (where, _, file) in parts.items() if where in SUBFOLDERS and _is_published(file)]
        if CONFIG_NAME not in names and STYLE_NAME not in names:
            raise ModelNotFoundError(f"{self.name} has no model of hfstyle: neither {CONFIG_NAME} nor {STYLE_NAME}")
        paths = {
            name: self.folder / name if self.folder is not None else self._download(name, MAX_BYTES) for name in names
        }
        target = Path(folder)
        for name in names:
            if (target / name).parent.is_symlink() and target != (target / name).parent:
                raise OptionError(f"{(target / name).parent} is a link to another folder; remove it first")
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as partial:
            for name, path in paths.items():
                Path(partial, name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, Path(partial, name))
            target.mkdir(exist_ok=True)
            for name in paths:
                Path(target, name).parent.mkdir(parents=True, exist_ok=True)
                os.replace(Path(partial, name), Path(target, name))
        return names


def _is_published(file: str) -> bool:
    """Whether a file's name is one that hfstyle writes."""
    return any(PurePosixPath(file).match(known) for known in PUBLISHED) and "\\" not in file


def _published(folder: Path, subfolders: Sequence[str]) -> list[str]:
    """The files of a model in a folder, by their paths in it."""
    paths = [path for subfolder in subfolders for path in sorted(Path(folder, subfolder).glob("*")) if path.is_file()]
    return [path.relative_to(folder).as_posix() for path in paths if _is_published(path.name)]


def push_folder(
    folder: str | os.PathLike,
    repo_id: str,
    *,
    private: bool | None = None,
    commit_message: str | None = None,
    revision: str | None = None,
    subfolders: Sequence[str] = SUBFOLDERS,
    card: Literal["renew", "keep", "replace"] = "renew",
    default_card: str = "",
    tag: str | None = None,
    create_pr: bool = False,
    token: str | bool | None = None,
) -> str:
    """Upload a saved model in one commit: what `PUBLISHED` names in `subfolders`. See `PreTrainedModel.push_to_hub`.

    All else stays behind: training checkpoints, the copy of an earlier step in `best/`, the sheets in `samples/`,
    which show the training pictures, `options.json` with paths of this machine, and whatever of the user's lies beside
    the model.

    Args:
        card: What becomes of a card that is in the repository already. `renew`: parts that hfstyle wrote are those of
            the new card, see `merge_cards`. `keep`: it stays, but if the weights are others, without its figures.
            `replace`: it is the new card.
        default_card: The card where the folder has none.
    """
    if create_pr and (revision is not None or tag is not None):
        what = "revision" if revision is not None else "tag"
        raise OptionError(f"a pull request to {repo_id} is made from main: give create_pr or {what}, not both")
    folder = Path(folder)
    files: dict[str, Path | str] = {name: _own_file(folder, name) for name in _published(folder, subfolders)}
    api = create_repo(repo_id, private=private, token=token)
    with one_sentence(repo_id, revision=revision):
        if revision is not None and not revision.startswith("refs/"):  # refs/pr/1 is there or cannot be made
            api.create_branch(repo_id, branch=revision, exist_ok=True)
        if tag is not None and tag in {one.name for one in api.list_repo_refs(repo_id).tags}:
            raise OptionError(f"{repo_id} has a tag {tag} already; nothing was uploaded")
        if CARD_NAME in files:
            text = Path(folder, CARD_NAME).read_text("utf-8")
            files[CARD_NAME] = for_repo(text, repo_id) if CONFIG_NAME in files else text  # a style's names its bank
        elif default_card and "" in subfolders:
            files[CARD_NAME] = default_card
        if card != "replace" and (there := _card_there(api, repo_id, revision)) is not None:
            new = files.pop(CARD_NAME, "")
            renewed = without_figures(there) if _other_weights(api, repo_id, revision, files) else there
            if card == "renew" and new:
                renewed = merge_cards(renewed, new)
            if renewed != there:
                files[CARD_NAME] = renewed
        commit = api.create_commit(
            repo_id,
            [
                CommitOperationAdd(name, content.encode() if isinstance(content, str) else content)
                for name, content in files.items()
            ],
            commit_message=commit_message or f"Upload {folder.resolve().name}",
            revision=revision,
            create_pr=create_pr,
        )
        if tag is not None:
            api.create_tag(repo_id, tag=tag, revision=commit.oid)
    return commit.pr_url or commit.commit_url


def _own_file(folder: Path, name: str) -> Path:
    """A file that lies in the folder itself: a link in a stranger's folder may lead to what nobody means to share."""
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise OptionError(f"{path} is a link to a file elsewhere; copy it there if it is to be shared")
    return path


def _card_there(api: HfApi, repo_id: str, revision: str | None) -> str | None:
    """The text of the card that is in a repository."""
    if not api.file_exists(repo_id, CARD_NAME, revision=revision):
        return None
    return Path(api.hf_hub_download(repo_id, CARD_NAME, revision=revision)).read_text("utf-8", errors="replace")


def _other_weights(api: HfApi, repo_id: str, revision: str | None, files: Mapping[str, Any]) -> bool:
    """Whether weights that the card is about are in the repository, and others than those that are to be uploaded."""
    ours = {name: path for name, path in files.items() if name.endswith(".safetensors") and "/" not in name}
    theirs = {
        info.path: info.lfs.sha256 if info.lfs else info.blob_id
        for info in api.get_paths_info(repo_id, list(ours), revision=revision)
    }
    return any(name in theirs and theirs[name] not in _hashes(path) for name, path in ours.items())


def _hashes(path: Path) -> tuple[str, str]:
    """By which the Hub knows a file: SHA-256 of a large one, git's of others."""
    data = path.read_bytes()
    return hashlib.sha256(data).hexdigest(), hashlib.sha1(b"blob %d\0%s" % (len(data), data)).hexdigest()


def create_repo(repo_id: str, *, private: bool | None = None, token: str | bool | None = None) -> HfApi:
    """Make a repository where it is missing; returns the client for what is done with it next."""
    if not REPO_ID.fullmatch(repo_id):
        raise OptionError(f"a Hub repository is written owner/name, not {repo_id!r:.100}")
    api = HfApi(token=clean_token(token), library_name="hfstyle", library_version=__version__)
    with one_sentence(repo_id):
        api.create_repo(repo_id, private=private, exist_ok=True)
    return api


def _find_folder(name: str) -> Path | None:
    """The folder that `name` means, or None where it means a Hub repository."""
    folder = Path(os.path.expanduser(name))
    # Pictures in a folder called "ukiyoe" do not hide the bundled style. (os.path takes any text for a path.)
    if os.path.isdir(folder) and (name not in bundled_models() or (folder / CONFIG_NAME).is_file()):
        return folder
    if os.path.isfile(name):
        raise ModelNotFoundError(
            f"{name} is a file; a model is a folder with {CONFIG_NAME} and {WEIGHTS_NAME} (hfstyle convert makes one "
            "of another project's checkpoint)"
        )
    if name in bundled_models():
        return ASSETS / name
    if name.startswith((".", "/", "~")) or name.count("/") > 1 or "\\" in name:
        raise ModelNotFoundError(f"there is no folder {name}")
    if REPO_ID.fullmatch(name):
        return None
    raise ModelNotFoundError(
        f"there is no bundled model named {name!r:.100} (there are: {', '.join(bundled_models()) or 'none'}); "
        "a model on the Hub is written owner/name"
    )


def made_by_newer(config: Mapping[str, Any]) -> str | None:
    """What to say of a model that a newer hfstyle than this one made; None of others."""
    made_by = config.get(VERSION_KEY)
    if not isinstance(made_by, str) or release(made_by) <= release(__version__):
        return None
    return f"it was made by hfstyle {made_by:.20}, and this is {__version__}: pip install -U hfstyle"


def release(version: str) -> tuple[int, ...]:
    """The numbers of a version, to compare it by."""
    return tuple(int(number) for number in re.findall(r"\d{1,9}", version[:40].partition("+")[0])[:3])


def check_subfolder(subfolder: str | None) -> str:
    subfolder = subfolder or ""
    parts = [part for part in subfolder.split("/") if part not in ("", ".")]
    if ".." in parts or subfolder.startswith("/") or "\\" in subfolder:
        raise OptionError(f"a subfolder lies inside the model's folder, not at {subfolder!r:.100}")
    return "/".join(parts)


def clean_token(token: str | bool | None) -> str | bool | None:
    """The token without the newline of the file that it came from.

    Raises:
        OptionError: It cannot be one. (Sent all the same, it would be quoted in the client's error.)
    """
    if not isinstance(token, str):
        return token
    token = token.strip()
    if not re.fullmatch("[!-~]+", token):
        raise OptionError("the Hub token is empty or has spaces or other characters that no token has")
    return token


@contextlib.contextmanager
def one_sentence(repo_id: str, revision: str | None = None, file: str = "") -> Iterator[None]:
    """Turn the Hub client's many errors into one sentence each; `file` is what was to be downloaded, if anything."""
    try:
        yield
    except HfstyleError:
        raise
    except Exception as error:
        translated = _translated(_reason(error), repo_id, revision, file)
        if translated is None:
            raise
        raise translated from error


def _reason(error: Exception) -> Exception:
    """What the Hub said, where the client wrapped it into an error that says less."""
    cause = error.__cause__
    if isinstance(error, hub_errors.LocalEntryNotFoundError):
        said_more = isinstance(cause, (hub_errors.HfHubHTTPError, hub_errors.FileMetadataError))
    elif isinstance(error, RuntimeError) or "above error" in str(error):  # a failed upload; force_download
        said_more = isinstance(cause, (hub_errors.HfHubHTTPError, httpx2.HTTPError, OSError))
    else:
        said_more = False
    return cause if said_more else error


def _translated(error: Exception, repo_id: str, revision: str | None, file: str) -> Exception | None:
    """The error in one sentence, None for one that the Hub has no part in. The order is from special to general."""
    at = f" at revision {revision}" if revision else ""
    match error:
        case hub_errors.GatedRepoError():
            return HubError(
                f"{repo_id} is gated: accept its terms on the Hub, then log in with `hf auth login` or pass token="
            )
        case hub_errors.RepositoryNotFoundError():
            return ModelNotFoundError(
                f"there is no {repo_id} on the Hub, or it is private and the token may not see it: check the name, "
                "or log in with `hf auth login`"
            )
        case hub_errors.RevisionNotFoundError():
            return ModelNotFoundError(f"{repo_id} on the Hub has no branch, tag or commit {revision}")
        case hub_errors.LocalEntryNotFoundError():
            return HubError(
                f"{file} of {repo_id}{at} is not in the local cache, and the Hub could not be reached or is switched "
                "off"
            )
        case hub_errors.EntryNotFoundError():
            return ModelNotFoundError(f"{repo_id} on the Hub{at} has no {file}, which an hfstyle model needs")
        case hub_errors.HfHubHTTPError():
            return HubError(_status_sentence(repo_id, error, writing=not file))
        case hub_errors.HFValidationError() | hub_errors.LocalTokenNotFoundError():
            return HubError(f"{repo_id}: {first_line(error, 200)}")
        case hub_errors.OfflineModeIsEnabled():
            return HubError(f"the Hub is switched off (HF_HUB_OFFLINE is set), so {repo_id} cannot be reached")
        case httpx2.HTTPError() | ConnectionError() | TimeoutError():
            return HubError(
                f"the Hub could not be reached, or the connection broke, while asking for {repo_id}; try again later"
            )
        case json.JSONDecodeError() | hub_errors.FileMetadataError() | KeyError() | TypeError() | AttributeError():
            # A login page of the network, or a server that is no Hub: the client trips over what is not in the answer.
            return HubError(
                f"the answer for {repo_id} is not that of a Hub: check HF_ENDPOINT, and that no login page is in "
                "between"
            )
        case ValueError() if isinstance(error.__cause__, hub_errors.BadRequestError):
            return HubError(f"{repo_id}: {' '.join(str(error).split()):.250}")  # says which line of the card is wrong
        case ValueError() | OSError() | RuntimeError():
            # Among others a download of the wrong length.
            return HubError(f"{repo_id}: {first_line(error, 200)}")
    return None


def _status_sentence(repo_id: str, error: hub_errors.HfHubHTTPError, writing: bool) -> str:
    status = getattr(error.response, "status_code", None)
    match status:
        case 400 | 422:
            reason = " ".join((error.server_message or "bad request").split())
            return f"the Hub refuses this for {repo_id}: {reason:.200}"
        case 401:
            return f"the Hub does not accept the token for {repo_id}: log in with `hf auth login` or pass another"
        case 402:
            return f"the Hub asks for a paid plan to do this with {repo_id}"
        case 403 if writing:
            return f"the token may not do this with {repo_id}: it needs write access to that account"
        case 403:
            return f"the Hub refuses access to {repo_id} (HTTP 403): log in with `hf auth login` or pass another token"
        case 409 | 412 if writing:
            return f"{repo_id} was changed by somebody else at the same moment; try again"
        case 413:
            return f"the Hub refused {repo_id}: too large"
        case 429:
            return f"the Hub asks to slow down (too many requests for {repo_id}); try again in a few minutes"
    return f"the Hub failed to answer for {repo_id} (HTTP {status}); try again later"
