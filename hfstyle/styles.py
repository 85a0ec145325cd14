"""Styles as vectors of numbers: a network that paints in many of them, and a single one as a file of some kilobytes.

A style's file, `style.safetensors`, holds a tensor `numbers` in half precision and, where it has one, a `preview`, the
bytes of a small JPEG; and in its header as JSON a name, the fingerprint of the network that the numbers belong to, and
texts about the style.
"""

import dataclasses
import hashlib
import io
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from PIL import Image
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialize_safetensors
from torch import nn

from hfstyle.card import Card
from hfstyle.errors import OptionError, WeightsError
from hfstyle.hub import FLOATS, wrong_name
from hfstyle.image_to_image import ImageToImageModel
from hfstyle.images import ImageSource, write_whole
from hfstyle.repo import CARD_NAME, REPO_ID, SAMPLES_NAME, STYLE_NAME, ModelFiles, push_folder
from hfstyle.stylize import Blend, StyledStylizer, blend_shares, place_of

HEADER = "hfstyle.style"
"""The entry of the safetensors header that describes a style."""
FORMAT = 1
MAX_STYLE_BYTES = 4 * 2**20
"""Enough for the numbers of the largest network that a config allows."""
MAX_PREVIEW_BYTES = 40_000
MAX_PREVIEW_SIDE = 512
MAX_TEXTS = 32
MAX_TEXT_LENGTH = 4000


@dataclass(frozen=True, eq=False)
class Style:
    """One style on its own, to be kept, mailed or shared, and loaded into the network that it belongs to.

    Raises:
        OptionError: A field is not what it should be.
    """

    name: str
    """See `hfstyle.hub.wrong_name`."""
    numbers: torch.Tensor
    """Of shape (n,), finite, kept as float32."""
    fingerprint: str
    """`StyledModel.fingerprint` of the network that the numbers belong to."""
    about: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Texts about it by lower-case keys, as many and such as one likes. `title`, `license` (the Hub's short name) and
    `base_model` (the repository of the network) go into the model card where they belong, others below it."""
    preview: bytes | None = None
    """A small picture that was painted in it: a JPEG, see `as_preview`."""

    def __post_init__(self) -> None:
        if wrong := wrong_name(self.name):
            raise OptionError(f"a style has a name: {wrong}")
        object.__setattr__(self, "numbers", _checked(self.numbers))
        if not isinstance(self.fingerprint, str) or not re.fullmatch("[0-9a-f]{64}", self.fingerprint):
            raise OptionError(f"a fingerprint has 64 digits from 0 to f, unlike {self.fingerprint!r:.80}")
        _check_texts(self.about)
        if self.preview is not None:
            _check_preview(self.preview)

    def save(self, path: str | os.PathLike) -> None:
        """Write the file, whole or not at all; into a folder as `style.safetensors`."""
        path = Path(path)
        header = {"format": FORMAT, "name": self.name, "fingerprint": self.fingerprint, "about": dict(self.about)}
        tensors = {"numbers": self.numbers.half().contiguous()}
        if self.preview is not None:
            tensors["preview"] = torch.frombuffer(bytearray(self.preview), dtype=torch.uint8)
        with write_whole(path / STYLE_NAME if path.is_dir() else path) as file:
            file.write(serialize_safetensors(tensors, metadata={HEADER: json.dumps(header, ensure_ascii=False)}))

    @classmethod
    def load(cls, path: str | os.PathLike, where: str | None = None) -> Self:
        """Read a file.

        Args:
            where: What errors call it; its path where not given.

        Raises:
            WeightsError: It is no style, or damaged.
        """
        path, where = Path(path), where or os.fspath(path)
        try:
            if path.stat().st_size > MAX_STYLE_BYTES:
                raise WeightsError(f"{where} is larger than {MAX_STYLE_BYTES // 2**20} MB, so it is no style")
            with safe_open(path, framework="pt") as file:
                header = (file.metadata() or {}).get(HEADER)
                if header is None or sorted(file.keys()) not in (["numbers"], ["numbers", "preview"]):
                    raise WeightsError(f"{where} is no style that hfstyle wrote")
                kind, shape = file.get_slice("numbers").get_dtype(), file.get_slice("numbers").get_shape()
                if kind not in FLOATS or len(shape) != 1:
                    raise WeightsError(f"{where}: a style's numbers are a row of floats, not {kind} of shape {shape}")
                numbers, preview = file.get_tensor("numbers"), None
                if "preview" in file.keys():  # noqa: SIM118  (it is no dictionary)
                    preview = file.get_tensor("preview").flatten().to(torch.uint8).numpy().tobytes()
        except SafetensorError as error:
            reason = str(error).splitlines()[0]
            raise WeightsError(f"{where} is damaged or not a safetensors file ({reason:.120})") from error
        except OSError as error:
            raise WeightsError(f"{where} cannot be read: {error.strerror or error}") from error
        try:
            return cls(numbers=numbers, preview=preview, **_fields(header))
        except OptionError as error:
            raise WeightsError(f"{where}: {error}") from error

    @classmethod
    def from_pretrained(
        cls,
        name_or_path: str | os.PathLike,
        *,
        revision: str | None = None,
        token: str | bool | None = None,
        cache_dir: str | os.PathLike | None = None,
        local_files_only: bool = False,
        force_download: bool = False,
    ) -> Self:
        """Load a style: an existing file, a folder with `style.safetensors`, or a repository on the Hub (owner/name).

        The options are those of `PreTrainedModel.from_pretrained`.

        Raises:
            ModelNotFoundError: There is no such file, folder, repository or revision, or no style in it.
            WeightsError: The file is no style, or damaged.
            HubError: The Hub refused or could not be reached.
        """
        if os.path.isfile(path := os.path.expanduser(name_or_path)):
            return cls.load(path)
        files = ModelFiles(name_or_path, revision, "", token, cache_dir, local_files_only, force_download)
        return cls.load(files.path(STYLE_NAME, MAX_STYLE_BYTES), files.describe(STYLE_NAME))

    def push_to_hub(
        self,
        repo_id: str,
        *,
        private: bool | None = True,
        commit_message: str | None = None,
        revision: str | None = None,
        card: str | None = None,
        tag: str | None = None,
        create_pr: bool = False,
        token: str | bool | None = None,
    ) -> str:
        """Upload `style.safetensors`, its preview and a card in one commit. See `PreTrainedModel.push_to_hub`.

        A repository that this call makes is private unless told otherwise: a style of one's own is one's own.
        """
        with tempfile.TemporaryDirectory() as folder:
            self.save(folder)
            if self.preview is not None:
                Path(folder, SAMPLES_NAME).write_bytes(self.preview)
            Path(folder, CARD_NAME).write_text(self.card(repo_id) if card is None else card, "utf-8")
            return push_folder(
                folder,
                repo_id,
                private=private,
                commit_message=commit_message or f"Upload the style {self.name}",
                revision=revision,
                subfolders=[""],
                card="renew" if card is None else "replace",
                tag=tag,
                create_pr=create_pr,
                token=token,
            )

    def card(self, repo_id: str = "owner/name") -> str:
        """The text of its model card on the Hub."""
        about = dict(self.about)
        title, license, bank = about.pop("title", self.name), about.pop("license", None), about.pop("base_model", None)
        code = (
            "from hfstyle import AutoModel\n\n"
            f"bank = AutoModel.from_pretrained({json.dumps(bank or 'bank')})\n"
            f"style = bank.load_style({json.dumps(repo_id)})\n"
            'bank.stylize("photo.jpg", style).save("painting.png")'
        )
        return str(
            Card(
                title=title,
                summary=f"A style, called `{self.name}`: the {len(self.numbers):,} numbers with which a style bank of "
                "hfstyle paints in it.",
                code=code,
                license=license,
                tags=["style-bank"],
                samples=None if self.preview is None else SAMPLES_NAME,
                samples_caption="A photograph that comes with hfstyle, in this style.",
                base_model=bank if bank and REPO_ID.fullmatch(bank) else None,
                sections=[(key.replace("_", " ").capitalize(), text) for key, text in about.items()],
            )
        )


def _checked(numbers: Any) -> torch.Tensor:
    """A style's numbers as float32 on the CPU."""
    try:
        numbers = torch.as_tensor(numbers).detach().to("cpu", torch.float32)
    except (TypeError, ValueError, RuntimeError) as error:
        raise OptionError(f"a style's numbers are a row of numbers, not {type(numbers).__name__}") from error
    if numbers.ndim != 1 or not len(numbers):
        raise OptionError(f"a style's numbers are a row, not of shape {tuple(numbers.shape)}")
    if not numbers.half().isfinite().all():
        raise OptionError("a style's numbers must be finite and fit into half precision")
    return numbers


def as_preview(picture: Image.Image) -> bytes:
    """A picture as a `Style` keeps it: at most 192 pixels on the longer side, as a JPEG."""
    picture = picture.convert("RGB")
    picture.thumbnail((192, 192), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=80)
    return file.getvalue()


def _check_preview(preview: Any) -> None:
    if not isinstance(preview, bytes) or len(preview) > MAX_PREVIEW_BYTES:
        raise OptionError(f"a style's preview is a JPEG of at most {MAX_PREVIEW_BYTES:,} bytes")
    try:
        with Image.open(io.BytesIO(preview), formats=("JPEG",)) as picture:
            if max(picture.size) > MAX_PREVIEW_SIDE:
                raise OptionError(f"a style's preview is at most {MAX_PREVIEW_SIDE} pixels on a side")
            picture.load()
    except OptionError:
        raise
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise OptionError("a style's preview is no JPEG, or a damaged one") from error


def _check_texts(texts: Any) -> None:
    if not isinstance(texts, Mapping) or len(texts) > MAX_TEXTS:
        raise OptionError(f"what is said about a style is a dictionary of at most {MAX_TEXTS} texts")
    for key, text in texts.items():
        if not isinstance(key, str) or not re.fullmatch("[a-z][a-z0-9_]{0,39}", key):
            raise OptionError(f"a key is a short lower-case word such as 'tradition', not {key!r:.80}")
        printable = isinstance(text, str) and all(line.isprintable() for line in text.split("\n"))
        if not printable or len(text) > MAX_TEXT_LENGTH:
            raise OptionError(f"{key} must be printable text of at most {MAX_TEXT_LENGTH} characters")


def _fields(header: str) -> dict[str, Any]:
    """The fields of a style but for its numbers, from the JSON of its file."""
    try:
        fields = json.loads(header)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict) or not isinstance(fields.get("format"), int):
        raise OptionError("its header is not that of a style")
    if fields["format"] > FORMAT:
        raise OptionError("it was written by a newer hfstyle; update yours")
    if fields.keys() != {"format", "name", "fingerprint", "about"}:
        raise OptionError("its header is not that of a style")
    return {key: value for key, value in fields.items() if key != "format"}


class StyledModel(StyledStylizer, ImageToImageModel):
    """A network that paints in many styles: a shared part, and a vector of numbers for each.

    A subclass builds its layers, calls `_begin_styles`, and takes the numbers as the second argument of `forward`:
    (batch, 3, height, width) and (batch or 1, n_numbers), which are added to `origin`. Its config has a field
    `styles`.

        bank = AutoModel.from_pretrained("bank")
        bank.stylize("photo.jpg", "ukiyoe")
        bank.stylize("photo.jpg", {"ukiyoe": 0.6, "monet": 0.4}, strength=0.8)
    """

    numbers: nn.Parameter
    """(styles, n_numbers): what makes each style, from `origin` on."""
    origin: nn.Parameter
    """(n_numbers,): that of style space, where the network gives the photo back, as well as it can."""

    def _begin_styles(self, n_numbers: int) -> None:
        # On the meta device, randn would import half of torch's compiler.
        self.numbers = nn.Parameter(torch.empty(len(self.styles), n_numbers).normal_(0, 0.002))
        self.origin = nn.Parameter(torch.zeros(n_numbers))

    def painter(self, style: Blend) -> "StylePainter":
        """What paints in one style, or one blend, and is used like a generator that has but one.

        Raises:
            OptionError: There is no such style.
        """
        return StylePainter(self, style)

    @property
    def usage(self) -> str:
        return f'model.stylize("photo.jpg", "{next(iter(self.styles), "NAME")}").save("painting.png")'

    # ---- styles ----
    @property
    def styles(self) -> tuple[str, ...]:
        """Names of the styles, in the order of `numbers`."""
        return self.config.styles

    @property
    def n_numbers(self) -> int:
        """How many numbers a style has."""
        return self.origin.numel()

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the shared weights in half precision, and so the same in whichever precision they are stored.

        A style belongs to the network whose fingerprint it has. Which styles that one has besides does not matter.
        """
        digest = hashlib.sha256()
        for name, tensor in sorted(self.state_dict().items()):
            if name != "numbers":
                digest.update(f"{name}{tuple(tensor.shape)}".encode())
                digest.update(tensor.detach().half().cpu().contiguous().numpy().astype("<f2").tobytes())
        return digest.hexdigest()

    def numbers_of(self, style: Blend) -> torch.Tensor:
        """See `StyledStylizer.numbers_of`. Of shape (n_numbers,), without gradient."""
        places, shares = zip(*blend_shares(style, self.styles), strict=True)
        return torch.tensor(shares, dtype=torch.float64).to(self.numbers) @ self.numbers.detach()[list(places)]

    def add_style(self, name: str, numbers: torch.Tensor | Sequence[float]) -> None:
        """Add a style. The others stay as they are.

        Args:
            name: See `hfstyle.hub.wrong_name`.
            numbers: (n_numbers,), finite.

        Raises:
            OptionError: The name is none or taken, or the numbers are not what they should be.
        """
        self._check_new(name)
        numbers = _checked(numbers)
        if len(numbers) != self.n_numbers:
            raise OptionError(f"a style of this bank has {self.n_numbers:,} numbers, not {len(numbers):,}")
        self._set_styles((*self.styles, name), torch.cat([self.numbers.detach(), numbers[None].to(self.numbers)]))

    def remove_style(self, name: str) -> None:
        """Forget a style.

        Raises:
            OptionError: There is none of that name.
        """
        kept = [row for row in range(len(self.styles)) if row != place_of(name, self.styles)]
        self._set_styles(tuple(self.styles[row] for row in kept), self.numbers.detach()[kept])

    def keep_style(self, name: str) -> None:
        """Forget all styles but one.

        Raises:
            OptionError: There is none of that name.
        """
        row = place_of(name, self.styles)
        self._set_styles((name,), self.numbers.detach()[row : row + 1])

    def rename_style(self, old: str, new: str) -> None:
        """Give a style another name.

        Raises:
            OptionError: There is none of the old name, or the new one is none or taken.
        """
        row = place_of(old, self.styles)
        if new != old:
            self._check_new(new)
        styles = (*self.styles[:row], new, *self.styles[row + 1 :])
        self.config = dataclasses.replace(self.config, styles=styles)

    def style(self, name: str, preview: bytes | None = None, **about: str) -> Style:
        """One of the styles on its own, with a preview and texts about it. See `Style`.

        Raises:
            OptionError: There is no such style.
        """
        return Style(name, self.numbers[place_of(name, self.styles)].clone(), self.fingerprint, about, preview)

    def save_style(self, name: str, path: str | os.PathLike, **about: str) -> None:
        """Write a style into a file of some kilobytes. See `style` and `Style.save`."""
        self.style(name, **about).save(path)

    def load_style(self, source: str | os.PathLike | Style, name: str | None = None, **options: Any) -> str:
        """Add a style from a file, a folder or the Hub.

        Args:
            source: See `Style.from_pretrained`, whose options it takes.
            name: What to call it here; its own name where not given.

        Returns:
            The name that it has here.

        Raises:
            WeightsError: The file is no style, or one for another network.
            OptionError: The name is none, or taken.
            ModelNotFoundError: There is no such file, folder or repository.
            HubError: The Hub refused or could not be reached.
        """
        style = source if isinstance(source, Style) else Style.from_pretrained(source, **options)
        ours = self.fingerprint
        if style.fingerprint != ours or len(style.numbers) != self.n_numbers:
            raise WeightsError(
                f"the style {style.name} belongs to another network (fingerprint {style.fingerprint[:12]}, this one "
                f"has {ours[:12]}); load it into the bank that it was made with"
            )
        name = style.name if name is None else name
        self.add_style(name, style.numbers)
        return name

    def _check_new(self, name: str) -> None:
        if wrong := wrong_name(name):
            raise OptionError(f"a style needs a name: {wrong}")
        if name in self.styles:
            raise OptionError(f"there is a style {name} already; remove it first, or choose another name")

    def _set_styles(self, styles: tuple[str, ...], numbers: torch.Tensor) -> None:
        self.config = dataclasses.replace(self.config, styles=styles)
        self.numbers = nn.Parameter(numbers, requires_grad=self.numbers.requires_grad)


@dataclass(frozen=True)
class StylePainter:
    """One style, or one blend, of a network that has many: to be used like a generator that has but one."""

    bank: StyledModel
    style: Blend

    def __post_init__(self) -> None:
        self.bank.numbers_of(self.style)

    def stylize(
        self,
        image: ImageSource | Sequence[ImageSource],
        strength: float = 1.0,
        preserve_color: bool = False,
        max_pixels: int = 4_000_000,
    ) -> Any:
        """See `StyledModel.stylize`."""
        return self.bank.stylize(image, self.style, strength, preserve_color, max_pixels)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, 3, height, width) in [-1, 1] -> the same, painted."""
        return self.bank(x, self.bank.numbers_of(self.style)[None])

    @property
    def device(self) -> torch.device:
        return self.bank.device

    def modules(self) -> Iterator[nn.Module]:
        """The layers that a photo goes through."""
        return self.bank.modules()
