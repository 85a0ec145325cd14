"""Models that load, save and share like any on the Hugging Face Hub.

A model is a folder (or a Hub repository) with two files: `config.json`, which names the class and all that is needed
to build it, and `model.safetensors`. Nothing else is ever loaded: no pickles, no code. Loading is strict: a tensor or
a config key that is missing, surplus or of the wrong kind is an error that names it, found before memory is allocated.
"""

import contextlib
import dataclasses
import json
import os
import re
import tempfile
import typing
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialize_safetensors
from torch import nn
from torch.overrides import TorchFunctionMode

from hfstyle import __version__
from hfstyle.card import USES, default_card, without_figures
from hfstyle.errors import ConfigError, OptionError, WeightsError, some
from hfstyle.images import write_whole
from hfstyle.repo import (
    CARD_NAME,
    CONFIG_NAME,
    VERSION_KEY,
    WEIGHTS_NAME,
    ModelFiles,
    check_subfolder,
    made_by_newer,
    push_folder,
    release,
)

CLASS_KEY = "_class_name"
MAX_NAMES = 2048
"""Names in one config field; all of them at their longest fit into `MAX_CONFIG_BYTES`."""
MAX_NAME_LENGTH = 64
FLOATS = ("F16", "BF16", "F32", "F64")
"""The types, in safetensors' words, that weights may be stored in."""


def ranged(default: int | float, low: int | float, high: int | float) -> Any:
    """A config field with a default and inclusive limits, checked whenever a config is made."""
    return dataclasses.field(default=default, metadata={"low": low, "high": high})


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """Base of all model configs: typed fields with limits, to and from the plain dictionary of `config.json`.

    A field of type `tuple[str, ...]` holds distinct names (see `check_name`), and takes a list as well.
    """

    def __post_init__(self) -> None:
        hints = typing.get_type_hints(type(self))
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, list):  # as JSON has them; a frozen config must not hold what can change
                value = tuple(value)
                object.__setattr__(self, field.name, value)
            _check_value(type(self).__name__, field, hints[field.name], value)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], where: str = "the config") -> Self:
        """Build from a dictionary that holds every field and nothing else (keys that start with `_` are notes).

        One that an older hfstyle wrote may lack a field that came later: its default is what was before.

        Raises:
            ConfigError: A key is unknown or missing, or its value has the wrong type or is outside its range.
        """
        if not isinstance(values, Mapping):
            raise ConfigError(f"{where} must be a JSON object, not {type(values).__name__}")
        given = {key: value for key, value in values.items() if not str(key).startswith("_")}
        known = [field.name for field in dataclasses.fields(cls)]
        if unknown := sorted(str(key) for key in given if key not in known):
            raise ConfigError(f"{where} has keys that {cls.__name__} does not know: {some(unknown)}")
        missing = [name for name in known if name not in given]
        made_by = values.get(VERSION_KEY)
        older = isinstance(made_by, str) and () < release(made_by) < release(__version__)
        if missing and not older:
            raise ConfigError(f"{where} lacks keys that {cls.__name__} needs: {some(missing)}")
        try:
            return cls(**given)
        except ConfigError as error:
            raise ConfigError(f"{where}: {error}") from error

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def _check_value(owner: str, field: dataclasses.Field, hint: Any, value: Any) -> None:
    if typing.get_origin(hint) is Literal:
        choices = typing.get_args(hint)
        if not any(value == choice and type(value) is type(choice) for choice in choices):
            raise ConfigError(
                f"{owner}.{field.name} must be one of {', '.join(map(repr, choices))}, not {value!r:.80}"
            )
        return
    if hint == tuple[str, ...]:
        _check_names(f"{owner}.{field.name}", value)
        return
    # bool is an int to Python, never to a reader of config.json.
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise ConfigError(f"{owner}.{field.name} must be {hint.__name__}, not {type(value).__name__} {value!r:.80}")
    if "low" in field.metadata and not field.metadata["low"] <= value <= field.metadata["high"]:
        low, high = field.metadata["low"], field.metadata["high"]
        raise ConfigError(f"{owner}.{field.name} must lie between {low} and {high}, not {value!r:.80}")


def _check_names(where: str, names: Any) -> None:
    if not isinstance(names, tuple) or len(names) > MAX_NAMES:
        raise ConfigError(f"{where} must be a list of at most {MAX_NAMES} names, not {names!r:.80}")
    for name in names:
        if wrong := wrong_name(name):
            raise ConfigError(f"{where} must hold names: {wrong}")
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise ConfigError(f"{where} must hold each name once, not {some(twice)} again")


def wrong_name(name: Any) -> str | None:
    """Why something is no name for a style, or None where it is one.

    A name is printable text in any script that begins with a letter or digit and can stand in a command, in a blend
    (`monet=.6,ukiyoe=.4`) and in the name of a file.
    """
    if not isinstance(name, str):
        return f"{name!r:.80} is no text"
    shown = f"{name!a:.80}" if not name.isprintable() else f"{name!r:.80}"
    if not 1 <= len(name) <= MAX_NAME_LENGTH:
        return f"{shown} has {len(name)} characters; a name has 1 to {MAX_NAME_LENGTH}"
    if not name.isprintable() or not name[0].isalnum() or name[-1] in " ." or set(name) & set(_SPECIAL):
        return f"{shown} must begin with a letter or digit, not end with a space or dot, and have none of {_SPECIAL}"
    return None


_SPECIAL = '/\\:=,*?"<>|'


class PreTrainedModel(nn.Module):
    """A network with a config, that loads from and saves to a folder or the Hub.

    A subclass sets `Config` and builds its layers in `__init__` after `super().__init__(config, **options)`:

        generator = CycleGANGenerator(ngf=32, n_blocks=6)           # options: fields of its Config
        generator = CycleGANGenerator.from_pretrained("ukiyoe")     # bundled, a folder, or "owner/name" on the Hub
    """

    Config: ClassVar[type[ModelConfig]]
    pipeline_tag: ClassVar[str | None] = None
    """What it is for, in the Hub's words (`hfstyle.card.USES`); None for one that makes no pictures."""

    def __init__(self, config: ModelConfig | None = None, **options: Any):
        super().__init__()
        if config is not None and options:
            raise OptionError(f"{type(self).__name__} takes a config or options, not both")
        try:
            self.config = config if config is not None else self.Config(**options)
        except TypeError as error:
            known = ", ".join(field.name for field in dataclasses.fields(self.Config))
            raise ConfigError(f"{type(self).__name__}: unknown option; it knows {known}") from error

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        return next(self.parameters()).dtype

    @property
    def num_parameters(self) -> int:
        return sum(parameter.numel() for parameter in self.parameters())

    @property
    def usage(self) -> str | None:
        """The line of Python with which its card shows what it does; None for a model that makes no pictures."""
        return USES.get(self.pipeline_tag)

    @classmethod
    def from_config(cls, config: ModelConfig | Mapping[str, Any]) -> Self:
        """A model with fresh weights from a config object or the dictionary of a `config.json`."""
        if isinstance(config, Mapping):
            _check_class(cls, config, "the config")
            config = cls.Config.from_dict(config)
        return cls(config)

    @classmethod
    def from_pretrained(
        cls,
        name_or_path: str | os.PathLike,
        *,
        revision: str | None = None,
        subfolder: str | None = "",
        variant: str | None = None,
        dtype: torch.dtype | str | None = None,
        device: str | torch.device | None = None,
        device_map: str | Mapping[str, Any] | None = None,
        token: str | bool | None = None,
        cache_dir: str | os.PathLike | None = None,
        local_files_only: bool = False,
        force_download: bool = False,
    ) -> Self:
        """Load a model, in evaluation mode.

        Args:
            name_or_path: In this order: an existing folder; the name of a bundled model (`"ukiyoe"`); a repository on
                the Hub (`"owner/name"`). What looks like a path and does not exist is never asked of the Hub.
            revision: Branch, tag or commit on the Hub; `None` is `main`.
            subfolder: Folder inside the repository, such as `"reverse"`.
            variant: Load `model.{variant}.safetensors`, such as `"fp16"`.
            dtype: Type of the weights in memory, such as `torch.float16` or `"float16"`. `None` is float32, `"auto"`
                the type they are stored in.
            device: Where to put it; `None` lets accelerate choose (CUDA, MPS, ... or CPU).
            device_map: In place of `device`, how to share it out among several: "auto", a device, or module names with
                devices, as accelerate's `dispatch_model` takes them.
            token: Hub token, `True` for the stored one, `False` for none.
            cache_dir: Folder for downloads instead of the Hub's own cache.
            local_files_only: Never touch the network.
            force_download: Download again what is in the cache.

        Raises:
            ModelNotFoundError: There is no such folder, bundled model, repository, revision or file.
            ConfigError: `config.json` is not that of a `cls`.
            WeightsError: The weights do not fit the config.
            HubError: The Hub refused or could not be reached.
        """
        files = ModelFiles(name_or_path, revision, subfolder, token, cache_dir, local_files_only, force_download)
        return cls.from_files(files, variant=variant, dtype=dtype, device=device, device_map=device_map)

    @classmethod
    def from_files(
        cls,
        files: "ModelFiles",
        *,
        variant: str | None = None,
        dtype: torch.dtype | str | None = None,
        device: str | torch.device | None = None,
        device_map: str | Mapping[str, Any] | None = None,
    ) -> Self:
        """Load a model from files that are known already. See `from_pretrained`."""
        dtype = _check_dtype(dtype)
        if device is not None and device_map is not None:
            raise OptionError("device and device_map say the same: give one of them")
        with hint_at_newer(files.config()):
            _check_class(cls, files.config(), files.describe(CONFIG_NAME))
            config = cls.Config.from_dict(files.config(), files.describe(CONFIG_NAME))
        # Built on "meta", a network costs no memory, so a config that asks for the impossible is found out by
        # comparing it with the file's header before anything is allocated.
        model = skeleton(cls, config)
        path = files.path(weights_name(variant), _most_bytes(model))
        try:
            with hint_at_newer(files.config()):
                state = _read_weights(path, model.state_dict(), files.describe(path.name))
        except WeightsError as error:
            if files.folder is not None or not isinstance(error.__cause__, SafetensorError):
                raise
            raise WeightsError(f"{error}; force_download=True fetches it again") from error.__cause__
        model.load_state_dict(state, assign=True)
        if dtype != "auto":
            model.to(dtype or torch.float32)
        if device_map is not None:
            return _dispatched(model, device_map).eval()
        return model.to(device if device is not None else default_device()).eval()

    def save_pretrained(
        self,
        folder: str | os.PathLike,
        *,
        variant: str | None = None,
        dtype: torch.dtype | None = None,
        card: str | None = None,
    ) -> None:
        """Write `config.json`, the weights and, where there is none yet, a model card.

        Each file is written whole or not at all.

        Args:
            folder: Made where missing.
            variant: Write `model.{variant}.safetensors` instead of `model.safetensors`.
            dtype: Convert floating-point weights, such as `torch.float16`.
            card: The text of `README.md`; replaces one that is there. `""` writes none.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        config = {CLASS_KEY: type(self).__name__, VERSION_KEY: __version__, **self.config.to_dict()}
        state = {
            name: tensor.detach().to("cpu", dtype if dtype and tensor.is_floating_point() else None).contiguous()
            for name, tensor in self.state_dict().items()
        }
        data = serialize_safetensors(state, metadata={"format": "pt"})
        if card is None:
            _drop_figures(folder, weights_name(variant), data)
        with write_whole(folder / weights_name(variant)) as file:
            file.write(data)
        with write_whole(folder / CONFIG_NAME) as file:
            file.write((json.dumps(config, indent=2, ensure_ascii=False) + "\n").encode())
        if card is None and not (folder / CARD_NAME).exists():
            card = default_card(type(self).__name__, self.pipeline_tag, self.usage)
        if card:
            with write_whole(folder / CARD_NAME) as file:
                file.write(card.encode())

    def push_to_hub(
        self,
        repo_id: str,
        *,
        private: bool | None = None,
        commit_message: str | None = None,
        revision: str | None = None,
        subfolder: str = "",
        variant: str | None = None,
        dtype: torch.dtype | None = None,
        card: str | None = None,
        tag: str | None = None,
        create_pr: bool = False,
        token: str | bool | None = None,
    ) -> str:
        """Upload the model to the Hub in one commit, making the repository where it is missing.

        A card that is already in the repository stays, unless `card` gives a new one; but figures that hfstyle wrote
        into it go where the weights are others. Pushing what is there already makes no commit.

        Args:
            repo_id: `owner/name`.
            private: Visibility of a repository that this call makes; `None` is the account's default.
            commit_message: Title of the commit.
            revision: Branch to push to; made where it is missing. `None` is `main`.
            subfolder: Folder inside the repository.
            variant: See `save_pretrained`.
            dtype: See `save_pretrained`.
            card: Text of the model card.
            tag: Name to give to the commit, such as "v1", for `from_pretrained(..., revision="v1")`.
            create_pr: Open a pull request instead of writing to the branch.
            token: Hub token; `None` or `True` is the stored one.

        Returns:
            The address of the commit, or of the pull request.

        Raises:
            HubError: The Hub refused or could not be reached.
        """
        with tempfile.TemporaryDirectory() as folder:
            subfolder = check_subfolder(subfolder)
            # A repository has one card, at its top: another would tell how to load the wrong model.
            default = "" if subfolder else default_card(type(self).__name__, self.pipeline_tag, self.usage, repo_id)
            own_card = default if card is None else card
            self.save_pretrained(Path(folder, subfolder), variant=variant, dtype=dtype, card=own_card)
            return push_folder(
                folder,
                repo_id,
                private=private,
                commit_message=commit_message or f"Upload {type(self).__name__}",
                revision=revision,
                subfolders=[subfolder],
                card="keep" if card is None else "replace",
                tag=tag,
                create_pr=create_pr,
                token=token,
            )


@contextlib.contextmanager
def hint_at_newer(config: Mapping[str, Any]) -> Iterator[None]:
    """What is wrong with what a newer hfstyle wrote may well be right: say so."""
    try:
        yield
    except (ConfigError, WeightsError) as error:
        if (newer := made_by_newer(config)) is None:
            raise
        raise type(error)(f"{error}; {newer}") from error


def _dispatched(model: PreTrainedModel, device_map: str | Mapping[str, Any]) -> PreTrainedModel:
    """The model with its parts where `device_map` says."""
    from accelerate import dispatch_model, infer_auto_device_map

    try:
        if device_map == "auto":
            device_map = infer_auto_device_map(model)
        elif isinstance(device_map, str):
            device_map = {"": device_map}
        return dispatch_model(model, dict(device_map))
    except (ValueError, RuntimeError, KeyError, TypeError, AssertionError) as error:  # the last: torch without CUDA
        raise OptionError(f"the model cannot be shared out by {device_map!r:.100}: {str(error)!s:.200}") from error


def weights_name(variant: str | None) -> str:
    """`model.safetensors`, or `model.{variant}.safetensors`."""
    if variant is None:
        return WEIGHTS_NAME
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,40}", variant):
        raise OptionError(f"a variant is a short word such as 'fp16', not {variant!r:.60}")
    return f"model.{variant}.safetensors"


def skeleton(cls: type[PreTrainedModel], config: ModelConfig | Mapping[str, Any]) -> PreTrainedModel:
    """See `PreTrainedModel.from_config`; on the device "meta": shapes without memory, and so without values."""
    with torch.device("meta"), _NoFirstValues():
        return cls.from_config(config)


class _NoFirstValues(TorchFunctionMode):
    """Leaves out the random values that layers begin with. On "meta" they are nothing, but drawing them there imports
    half of torch's compiler, which takes a second."""

    def __torch_function__(self, func: Any, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None) -> Any:
        kwargs = kwargs or {}
        draws = func in (torch.Tensor.normal_, torch.Tensor.uniform_)
        if draws or getattr(func, "__module__", None) == "torch.nn.init":
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)


def default_device() -> torch.device:
    """The device that accelerate chooses: CUDA, MPS or another accelerator where there is one, else the CPU."""
    # On ZeroGPU a GPU is there only within the calls that ask for one, though torch says that it is there always.
    on_zero = bool(os.environ.get("SPACES_ZERO_GPU"))
    if on_zero or not torch.accelerator.is_available():  # without the half second that accelerate takes to say so
        return torch.device("cpu")
    from accelerate import PartialState

    return PartialState().device


def _check_dtype(dtype: torch.dtype | str | None) -> torch.dtype | str | None:
    if dtype in (None, "auto"):
        return dtype
    meant = getattr(torch, dtype, None) if isinstance(dtype, str) else dtype
    if not isinstance(meant, torch.dtype) or not meant.is_floating_point:
        raise OptionError(f"dtype must be 'auto' or a floating-point type such as torch.float16, not {dtype!r:.60}")
    return meant


def _check_class(cls: type, config: Mapping[str, Any], where: str) -> None:
    name = config.get(CLASS_KEY)
    if name is None:
        raise ConfigError(
            f"{where} does not name its class: the key {CLASS_KEY} is missing, so hfstyle did not write it"
        )
    if name != cls.__name__:
        raise ConfigError(
            f"{where} holds a {name!s:.60}, not a {cls.__name__}; AutoModel.from_pretrained finds the right class"
        )


def _drop_figures(folder: Path, name: str, data: bytes) -> None:
    """Take figures out of a folder's card where the weights become others than those that were measured."""
    weights, card = folder / name, folder / CARD_NAME
    if not (weights.is_file() and card.is_file()) or weights.read_bytes() == data:
        return
    text = card.read_text("utf-8", errors="replace")
    if (kept := without_figures(text)) != text:
        with write_whole(card) as file:
            file.write(kept.encode())


def _most_bytes(model: nn.Module) -> int:
    """The size of its weights in double precision, with room for their names."""
    return sum(8 * tensor.numel() + 1024 for tensor in model.state_dict().values()) + 2**20


def _read_weights(path: Path, expected: Mapping[str, torch.Tensor], where: str) -> dict[str, torch.Tensor]:
    """The tensors of a safetensors file, compared with what the model expects before any is read."""
    try:
        with safe_open(path, framework="pt") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 - the file is no dictionary
            shapes = {name: tuple(tensor.get_shape()) for name, tensor in slices.items()}
            if missing := sorted(expected.keys() - shapes.keys()):
                raise WeightsError(f"{where} lacks tensors that the config asks for: {some(missing)}")
            if surplus := sorted(shapes.keys() - expected.keys()):
                raise WeightsError(f"{where} has tensors that the config does not ask for: {some(surplus)}")
            for name, tensor in expected.items():
                if shapes[name] != tuple(tensor.shape):
                    raise WeightsError(
                        f"{where}: {name} has shape {shapes[name]}, the config asks for {tuple(tensor.shape)}"
                    )
                kinds = FLOATS if tensor.is_floating_point() else ("I64",)
                if (kind := slices[name].get_dtype()) not in kinds:
                    raise WeightsError(f"{where}: {name} holds {kind}, the config asks for one of {', '.join(kinds)}")
            state = {name: file.get_tensor(name) for name in expected}
    except SafetensorError as error:
        raise WeightsError(
            f"{where} is damaged or not a safetensors file ({str(error).splitlines()[0]:.120})"
        ) from error
    except OSError as error:
        raise WeightsError(f"{where} cannot be read: {error.strerror or error}") from error
    if damaged := find_not_finite(state):
        raise WeightsError(f"{where}: {damaged} holds NaN or infinity; the training that wrote it had failed")
    return state


def find_not_finite(state: Mapping[str, torch.Tensor]) -> str | None:
    """The name of the first tensor with a number that is none, or is infinite."""
    return next((name for name, tensor in state.items() if not tensor.isfinite().all()), None)
