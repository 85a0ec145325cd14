"""Checkpoints of other projects become models, recognised by the names and shapes of their tensors alone.

A checkpoint is a `.pth`, `.pt`, `.bin`, `.ckpt` or `.safetensors` file with the state dict of a network, by itself, in
DataParallel's or `torch.compile`'s wrapping, or somewhere inside a dictionary. `LAYOUTS` says what is known. Files are
read without running any code that is in them.
"""

import dataclasses
import hashlib
import os
import re
import warnings
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from hfstyle.card import Card, class_tag, model_code
from hfstyle.discriminators import DCGANDiscriminator, PatchGANDiscriminator, PixelDiscriminator
from hfstyle.errors import ConfigError, ModelNotFoundError, OptionError, WeightsError, first_line, some
from hfstyle.generators.animegan import AnimeGANGenerator
from hfstyle.generators.cyclegan import CycleGANGenerator
from hfstyle.generators.dcgan import DCGANGenerator
from hfstyle.generators.fast_style import FastStyleGenerator
from hfstyle.generators.unet import Pix2PixGenerator
from hfstyle.hub import PreTrainedModel, find_not_finite, skeleton

Tensors = dict[str, torch.Tensor]

MAX_FILE_BYTES = 8 * 2**30
MAX_PICKLE_BYTES = 16 * 2**20
"""Of what stands around the tensors, which for the largest known network is some kilobytes."""
MAX_DEPTH = 8
"""How deep networks may lie inside dictionaries and prefixes."""
MAX_FOUND = 32
MAX_LOOKS = 20_000
"""Values that are looked at in one file: a stranger's dictionaries may lead to one another in endless ways."""

COUNTERS = ("running_mean", "running_var", "num_batches_tracked")


@dataclass(frozen=True)
class Conversion:
    """A model and where it came from."""

    model: PreTrainedModel
    """In evaluation mode, in float32 on the CPU."""
    layout: str
    """What the checkpoint is, in words."""
    key: str
    """Where in the file the network lay; empty where it is all of it."""
    notes: tuple[str, ...] = ()
    """What the tensors could not tell, nor the options, and was assumed."""

    def card(self, file: str | os.PathLike, name: str) -> str:
        """The card of a model that was made from `file`, and that `from_pretrained` will know as `name`."""
        with open(os.path.expanduser(file), "rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        where = f"`{os.path.basename(file)}`" + (f", there under `{self.key}`" if self.key else "")
        origin = f"Weights from {where} (SHA-256 `{digest}`), a checkpoint of this layout: {self.layout}."
        assumed = [f"Assumed: {note}." for note in self.notes]
        kind = type(self.model).__name__
        return str(
            Card(
                title=Path(file).stem,
                summary=f"A `{kind}` with weights that were trained elsewhere. What it learnt from, and under which "
                "licence, is for who publishes it to say.",
                code=model_code(name, self.model.usage),
                license=None,
                tags=[class_tag(kind)],
                pipeline_tag=self.model.pipeline_tag,
                sections=[("Where it comes from", "\n\n".join([origin, *assumed, "Converted by hfstyle."]))],
            )
        )


def convert(file: str | os.PathLike, key: str | None = None, **options: Any) -> PreTrainedModel:
    """The model that another project's checkpoint holds, in evaluation mode.

    It computes what its project's own test script does, to the last digits; see `LAYOUTS`. Generators with batch norm
    become those with instance norm that compute the same: the reference runs them on the statistics of the picture at
    hand. `model.save_pretrained(folder)` or `model.push_to_hub("owner/name")` keep it.

    Args:
        file: The checkpoint.
        key: Which network, where the file has several, such as `"G_A2B"`; one inside another is written `"a.b"`.
        options: Config fields that tensors cannot tell: `align_corners` of AnimeGAN, `gan_loss` of a discriminator.

    Raises:
        ModelNotFoundError: There is no such file.
        WeightsError: The file cannot be read, or is of no layout that is known.
        OptionError: It has no such key, several networks and no key, or a model that has no such option.
    """
    return recognise(file, key, **options).model


def recognise(file: str | os.PathLike, key: str | None = None, **options: Any) -> Conversion:
    """As `convert`, with what is known of the model besides."""
    where = os.path.basename(os.fspath(file))
    search = _Search(key, options)
    search.look_into(read_checkpoint(file))
    if key is not None and key not in search.seen:
        raise OptionError(f"{where} has nothing at {key!r:.80}; it has: {some(list(filter(None, search.seen)), 12)}")
    if not search.found and search.unfit:
        raise search.unfit[0]
    # Beside a generator, its discriminator is not meant.
    generators = [one for one in search.found if one.found.cls.pipeline_tag is not None]
    found = generators or search.found
    if len(found) == 1:
        return found[0].conversion()
    if found:
        keys = some([one.path or "the whole" for one in found], 12)
        raise OptionError(f"{where} has several networks: {keys}; choose one as key (--key on the command line)")
    raise WeightsError(_unknown(where, search))


def _unknown(where: str, search: "_Search") -> str:
    """The sentence for a checkpoint that nothing is known of."""
    known = "; ".join(layout.name for layout in LAYOUTS)
    if not search.seen:
        return f"{where} has no tensors under names; known are state dicts of: {known}"
    tensors = max(search.seen.values(), key=len)
    shown = [f"{name} {tuple(tensor.shape)}" for name, tensor in tensors.items()]
    close = f" ({search.close[0]})" if search.close else ""
    return f"{where} is of no known layout{close}: it has {len(shown)} tensors, {some(shown, 4)}; known are: {known}"


# ---- reading ----
def read_checkpoint(file: str | os.PathLike) -> Any:
    """What a checkpoint file holds: dictionaries, lists, numbers, text and tensors, and never an object with code.

    Raises:
        ModelNotFoundError: There is no such file.
        WeightsError: It is no checkpoint, damaged, too large, or asks to run code.
    """
    path = Path(os.path.expanduser(os.fspath(file)))
    where = path.name
    if not path.is_file():
        raise ModelNotFoundError(f"there is no file {os.fspath(file)}")
    if (size := path.stat().st_size) > MAX_FILE_BYTES:
        raise WeightsError(f"{where} is larger than {MAX_FILE_BYTES // 2**30} GB")
    with path.open("rb") as stream:
        start = stream.read(9)
    if start[:4] == b"PK\x03\x04":
        described = _check_zip(path, size)
    elif start[8:9] == b"{":
        return _read_safetensors(path)
    elif start[:1] != b"\x80":  # how pickles begin, as torch wrote them before 1.6
        raise WeightsError(f"{where} is no checkpoint of PyTorch: neither torch.save nor safetensors wrote it")
    else:
        with path.open("rb") as stream:
            described = stream.read(MAX_PICKLE_BYTES)
    if b"bytearray" in described:  # torch's reader lets it be made, of any size, before it looks at what it is
        raise WeightsError(f"{where} holds more than tensors, which hfstyle does not read")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickles that torch did not write
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a stranger's file makes the reader trip over
        if "weights only" in str(error).lower():
            raise WeightsError(
                f"{where} holds more than tensors and would run code to be read, which hfstyle never does; where it "
                "comes from, save the network's state_dict() alone"
            ) from error
        raise WeightsError(f"{where} is damaged or no checkpoint of PyTorch ({first_line(error)})") from error


def _check_zip(path: Path, size: int) -> bytes:
    """Refuse archives that are no plain checkpoint before anything in them is read. Returns their description of the
    tensors."""
    try:
        with zipfile.ZipFile(path) as archive:
            return _checked_pickle(path, size, archive)
    except WeightsError:
        raise
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, OSError, EOFError) as error:
        raise WeightsError(f"{path.name} is damaged ({first_line(error)})") from error


def _checked_pickle(path: Path, size: int, archive: zipfile.ZipFile) -> bytes:
    entries = archive.infolist()
    names = [entry.filename.partition("/")[2] for entry in entries]
    if "constants.pkl" in names or any(name.startswith("code/") for name in names):
        raise WeightsError(f"{path.name} is a TorchScript program, not a checkpoint; save the state_dict() instead")
    if "data.pkl" not in names:
        raise WeightsError(f"{path.name} is a zip archive, but no checkpoint of PyTorch")
    # torch compresses nothing, so what is in the file is no more than the file.
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries) or (
        sum(entry.file_size for entry in entries) > size
    ):
        raise WeightsError(f"{path.name} claims to hold more than its size, as no checkpoint of PyTorch does")
    described = entries[names.index("data.pkl")]
    if described.file_size > MAX_PICKLE_BYTES:
        raise WeightsError(f"{path.name} has more than {MAX_PICKLE_BYTES // 2**20} MB around its tensors")
    return archive.read(described)


def _read_safetensors(path: Path) -> Tensors:
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - the file is no dictionary
    except SafetensorError as error:
        raise WeightsError(f"{path.name} is damaged or not a safetensors file ({first_line(error)})") from error


# ---- finding networks ----
class _Search:
    """Looks for networks in what a checkpoint holds: in dictionaries, and behind prefixes of names."""

    def __init__(self, key: str | None, options: Mapping[str, Any]):
        self.key = key
        self.options = options
        self.seen: dict[str, Tensors] = {}
        """Every set of named tensors, by where it lies."""
        self.found: list[_Match] = []
        self.close: list[str] = []
        """What kept sets that look like a network from being one."""
        self.unfit: list[OptionError] = []
        """Of networks that do not have the options."""
        self._looks = 0

    def look_into(self, content: Any, path: str = "", depth: int = 0) -> None:
        self._looks += 1
        if not isinstance(content, Mapping) or depth > MAX_DEPTH or self._looks > MAX_LOOKS:
            return
        if len(self.found) > MAX_FOUND:  # enough to say that there are several
            return
        named = {name: value for name, value in content.items() if isinstance(name, str)}
        tensors = _without_wrappings({name: value for name, value in named.items() if _is_tensor(value)})
        if tensors and not self._recognised(path, tensors):
            prefixes: dict[str, Tensors] = {}
            for name, tensor in tensors.items():
                prefix, dot, rest = name.partition(".")
                if dot:
                    prefixes.setdefault(prefix, {})[rest] = tensor
            for prefix, inside in prefixes.items():
                self.look_into(inside, _joined(path, prefix), depth + 1)
        for name, value in named.items():
            self.look_into(value, _joined(path, name), depth + 1)

    def _recognised(self, path: str, tensors: Tensors) -> bool:
        self.seen[path] = tensors
        if self.key not in (None, path):
            return False
        try:
            found = _recognised(path, tensors, self.options)
        except _Unlike as error:
            self.close.append(str(error))
            return False
        except OptionError as error:
            self.unfit.append(error)
            return True
        if found is not None:
            self.found.append(found)
        return found is not None


def _is_tensor(value: Any) -> bool:
    return isinstance(value, torch.Tensor)


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _without_wrappings(tensors: Tensors) -> Tensors:
    """Without what DataParallel (`module.`) and torch.compile (`_orig_mod.`) put before each name."""
    while tensors and all(name.startswith(("module.", "_orig_mod.")) for name in tensors):
        tensors = {name.partition(".")[2]: tensor for name, tensor in tensors.items()}
    return tensors


# ---- recognising ----
class _Unlike(Exception):
    """A network looks like one of a layout, and is not. The text says in what."""


@dataclass
class _Found:
    """What a layout makes of a network's tensors: whose weights they are."""

    cls: type[PreTrainedModel]
    options: dict[str, Any]
    modules: dict[str, str]
    """Our module -> theirs. A bias that theirs lacks is zero."""
    kind: str = ""
    """Which of a layout's kinds it is."""
    finish: Callable[[Tensors], None] = lambda state: None
    """What remains to be done with the weights under our names, in place."""
    notes: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """What the tensors cannot tell, by the option that can; under "" what none can."""


@dataclass(frozen=True)
class Layout:
    """How one project names its tensors."""

    name: str
    find: Callable[[Tensors], _Found | None]
    """Looks at names and shapes; None where it is certainly something else."""


def _recognised(path: str, tensors: Tensors, options: Mapping[str, Any]) -> "_Match | None":
    for layout in LAYOUTS:
        if (found := layout.find(tensors)) is not None:
            match = _Match(path, layout.name + (f", {found.kind}" if found.kind else ""), found, tensors, options)
            try:
                match.check()
            except _Unlike as error:
                raise _Unlike(f"it looks like {match.name}, but {error}") from error
            return match
    return None


@dataclass
class _Match:
    """Tensors that look like a network of a layout. Until it is chosen, nothing is copied."""

    path: str
    name: str
    found: _Found
    tensors: Tensors
    options: Mapping[str, Any]

    def check(self) -> None:
        """That every tensor of the checkpoint has its place, and every place a tensor.

        Raises:
            _Unlike: They do not fit.
            OptionError: The options do not fit the model.
        """
        found, tensors = self.found, self.tensors
        self._check_options()
        try:
            found.cls.Config(**found.options)
        except ConfigError as error:
            raise _Unlike(str(error)) from error
        try:
            config = found.cls.Config(**(found.options | dict(self.options)))
        except ConfigError as error:
            raise OptionError(str(error)) from error
        self.model = skeleton(found.cls, config)  # without memory, whatever they claim to be
        self.places: dict[str, str] = {}
        for name, expected in self.model.state_dict().items():
            module, _, kind = name.rpartition(".")
            if module not in found.modules:
                raise _Unlike(f"it has no {name}")
            theirs = f"{found.modules[module]}.{kind}"
            if theirs in tensors:
                self.places[name] = theirs
                _check_tensor(theirs, tensors[theirs], expected)
            elif kind not in ("bias", "num_batches_tracked"):
                raise _Unlike(f"it lacks {theirs}")
        used = {tensors[theirs].untyped_storage().data_ptr(): tensors[theirs] for theirs in self.places.values()}
        there = sum(tensor.untyped_storage().nbytes() for tensor in used.values())
        if sum(tensors[name].numel() * tensors[name].element_size() for name in self.places.values()) > there:
            raise _Unlike("several of its tensors are the same numbers")
        surplus = [
            name for name in tensors.keys() - set(self.places.values()) if not name.endswith((*COUNTERS, ".filt"))
        ]
        if surplus:
            raise _Unlike(f"it also has {some(sorted(surplus))}")
        _check_filters(tensors)

    def _check_options(self) -> None:
        known = {field.name for field in dataclasses.fields(self.found.cls.Config)}
        name = self.found.cls.__name__
        if surplus := sorted(self.options.keys() - known):
            raise OptionError(f"a {name} has no option {some(surplus)}; it has: {some(sorted(known), 20)}")
        told = sorted(self.options.keys() & self.found.options.keys() - self.found.notes.keys())
        if told:
            raise OptionError(f"the tensors tell what {some(told)} of this {name} is; it is no option")

    def conversion(self) -> Conversion:
        """The model with its weights."""
        state = {
            name: self.tensors[self.places[name]].detach().to(expected.dtype, copy=True).contiguous()
            if name in self.places
            else torch.zeros(expected.shape, dtype=expected.dtype)
            for name, expected in self.model.state_dict().items()
        }
        self.found.finish(state)
        if damaged := find_not_finite(state):
            raise WeightsError(f"{damaged} holds NaN or infinity: that training had failed")
        self.model.load_state_dict(state, assign=True)
        notes = tuple(note for option, note in self.found.notes.items() if option not in self.options)
        return Conversion(self.model.eval(), self.name, self.path, notes)


def _check_tensor(name: str, tensor: torch.Tensor, expected: torch.Tensor) -> None:
    """That a tensor is of the shape that is expected, and that the file has as many numbers as it claims."""
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_complex() or tensor.is_meta:
        raise _Unlike(f"{name} is no plain tensor")
    if tensor.shape != expected.shape:
        raise _Unlike(f"{name} has shape {tuple(tensor.shape)} in place of {tuple(expected.shape)}")
    if tensor.untyped_storage().nbytes() < tensor.numel() * tensor.element_size():
        raise _Unlike(f"{name} has fewer numbers than its shape says")


def _check_filters(tensors: Tensors) -> None:
    """Blurs are part of the layout; those in the file must be the ones that we compute."""
    for name, tensor in tensors.items():
        if name.endswith(".filt"):
            taps = {(1, 3, 3): [1.0, 2.0, 1.0], (1, 4, 4): [1.0, 3.0, 3.0, 1.0]}.get(tuple(tensor.shape[1:]))
            if taps is None:
                raise _Unlike(f"{name} is a blur of another size")
            row = torch.tensor(taps)
            blur = row[:, None] * row / row.sum() ** 2 * (4 if len(row) == 4 else 1)
            expected = blur.expand(len(tensor), 1, *blur.shape)
            _check_tensor(name, tensor, expected)
            if not torch.allclose(tensor.float(), expected, atol=1e-6):
                raise _Unlike(f"{name} is another blur")


def _shape(tensors: Tensors, name: str, ndim: int = 4) -> tuple[int, ...] | None:
    """Of a tensor with so many dimensions, if there is one."""
    found = tensors.get(name)
    return tuple(found.shape) if found is not None and found.ndim == ndim else None


def _places(tensors: Tensors, pattern: str) -> list[int]:
    """The numbers that stand for the group of `pattern` in the names, in order."""
    return sorted({int(match[1]) for name in tensors if (match := re.fullmatch(pattern, name[:200]))})


def _convolutions(tensors: Tensors, prefix: str | None) -> list[int]:
    """The places of convolutions in a sequence."""
    places = _places(tensors, rf"{prefix}\.(\d{{1,6}})\.weight")
    return [place for place in places if _shape(tensors, f"{prefix}.{place}.weight")]


def _norm(tensors: Tensors, conv: str, norm: str) -> str:
    """Which normalisation follows a convolution. With learnt numbers it is instance norm: batch norm is run on the
    statistics of one picture, and then computes the same."""
    if f"{norm}.weight" in tensors:
        return "instance_affine"
    return "instance" if f"{conv}.bias" in tensors else "none"


def _resnet(tensors: Tensors) -> _Found | None:
    """ResNet generators of CycleGAN, CUT and HugGAN."""
    head = _shape(tensors, "model.1.weight")
    blocks = _places(tensors, r"model\.(\d{1,6})\.(?:conv_)?block\.1\.weight")
    if head is None or not blocks or head[2:] != (7, 7):
        return None
    first, n_blocks = blocks[0], len(blocks)
    after = first + n_blocks
    huggan = f"model.{first}.block.1.weight" in tensors
    block = "block" if huggan else "conv_block"
    dropout = _shape(tensors, f"model.{first}.{block}.6.weight") is not None  # it takes a place
    second = 6 if dropout else 5
    blurred, bilinear = "model.7.filt" in tensors, f"model.{after}.filt" in tensors
    upsample = "resize_zeros" if huggan else "bilinear" if bilinear else "transpose"
    # Where the convolutions stand, and in which places of ours.
    places, at = {"head.1": 1}, 4
    for ours in (0, 4) if blurred else (0, 3):
        places[f"down.{ours}"] = at
        at += 4 if blurred else 3
    modules = {}
    for n in range(n_blocks):
        for ours, theirs in ((1, 1), (2, 2), (6, second), (7, second + 1)):
            modules[f"blocks.{n}.body.{ours}"] = f"model.{first + n}.{block}.{theirs}"
    at = after
    for ours in {"transpose": (0, 3), "bilinear": (1, 5), "resize_zeros": (2, 7)}[upsample]:
        places[f"up.{ours}"] = at if upsample == "transpose" else at + 1
        at += 3 if upsample == "transpose" else 4
    for ours, theirs in places.items():
        modules[ours] = f"model.{theirs}"
        part, _, place = ours.partition(".")
        modules[f"{part}.{int(place) + 1}"] = f"model.{theirs + 1}"
    modules["tail.1"] = tail = f"model.{at + 1}"
    last = _shape(tensors, f"{tail}.weight")
    if last is None:
        raise _Unlike(f"it looks like a ResNet generator, but lacks {tail}.weight")
    options = {
        "in_channels": head[1],
        "out_channels": last[0],
        "ngf": head[0],
        "n_blocks": n_blocks,
        "norm": _norm(tensors, "model.1", "model.2"),
        "dropout": dropout,
        "downsample": "blur" if blurred else "stride",
        "upsample": upsample,
    }
    kind = "HugGAN's" if huggan else "CUT's, anti-aliased" if blurred or bilinear else "the reference's"
    # HugGAN pads by as many pixels as there are channels, which is right for three.
    notes = {}
    if huggan and head[1] != 3:
        notes[""] = "pictures keep their size; HugGAN's own code would make these smaller"
    return _Found(CycleGANGenerator, options, modules, f"{kind}, {n_blocks} blocks", notes=notes)


def _unet(tensors: Tensors) -> _Found | None:
    """The recursive U-Net of pix2pix."""
    head, tail = _shape(tensors, "model.model.0.weight"), _shape(tensors, "model.model.3.weight")
    if head is None or tail is None:
        return None
    modules = {"down.0.0": "model.model.0", "tail.1": "model.model.3"}
    levels, inside = [], "model.model.1"
    while f"{inside}.model.1.weight" in tensors:
        levels.append(inside)
        inside += ".model.3"
    n_downs = len(levels) + 1
    for level, inside in enumerate(levels, start=1):
        up = n_downs - 1 - level  # ours count from the bottom
        down, grow, norm = ("1", "3", "4") if level == n_downs - 1 else ("1", "5", "6")
        modules |= {f"down.{level}.0": f"{inside}.model.{down}", f"down.{level}.1": f"{inside}.model.2"}
        modules |= {f"up.{up}.1": f"{inside}.model.{grow}", f"up.{up}.2": f"{inside}.model.{norm}"}
    norm = _norm(tensors, "model.model.1.model.1", "model.model.1.model.2")
    if norm == "none":
        raise _Unlike("it looks like pix2pix's U-Net, but has no normalisation")
    options = {"in_channels": head[1], "out_channels": tail[1], "ngf": head[0], "n_downs": n_downs, "norm": norm}
    return _Found(Pix2PixGenerator, options, modules, f"unet_{2**n_downs}")


def _huggan_unet(tensors: Tensors) -> _Found | None:
    """HugGAN's pix2pix, after PyTorch-GAN."""
    head, tail = _shape(tensors, "down1.model.0.weight"), _shape(tensors, "final.2.weight")
    downs = _places(tensors, r"down(\d{1,6})\.model\.0\.weight")
    if head is None or tail is None or downs != list(range(1, len(downs) + 1)):
        return None
    modules = {f"down.{n - 1}.0": f"down{n}.model.0" for n in downs}
    modules |= {f"up.{n - 1}.1": f"up{n}.model.0" for n in downs[:-1]} | {"tail.1": "final.2"}
    options = {"in_channels": head[1], "out_channels": tail[0], "ngf": head[0], "n_downs": len(downs)}

    def twins_first(state: Tensors) -> None:
        # Theirs joins what came up and its twin from the way down in the other order.
        for name, dim in [(f"up.{n}.1.weight", 0) for n in range(1, len(downs) - 1)] + [("tail.1.weight", 1)]:
            state[name] = torch.cat(state[name].chunk(2, dim)[::-1], dim)

    options |= {"norm": "instance", "shape": "pytorch_gan"}
    return _Found(Pix2PixGenerator, options, modules, finish=twins_first)


def _fast_style(tensors: Tensors) -> _Found | None:
    """PyTorch's example of fast neural style, whose pictures go from 0 to 255."""
    head = _shape(tensors, "conv1.conv2d.weight")
    blocks = _places(tensors, r"res(\d{1,6})\.conv1\.conv2d\.weight")
    if head is None or blocks != list(range(1, len(blocks) + 1)):
        return None
    modules = {"head.1": "conv1.conv2d", "head.2": "in1", "tail.1": "deconv3.conv2d"}
    modules |= {"down.1": "conv2.conv2d", "down.2": "in2", "down.5": "conv3.conv2d", "down.6": "in3"}
    modules |= {"up.0": "deconv1.conv2d", "up.1": "in4", "up.3": "deconv2.conv2d", "up.4": "in5"}
    for n in blocks:
        for ours, theirs in ((1, "conv1.conv2d"), (2, "in1"), (5, "conv2.conv2d"), (6, "in2")):
            modules[f"blocks.{n - 1}.body.{ours}"] = f"res{n}.{theirs}"

    def to_unit_range(state: Tensors) -> None:
        # theirs(127.5 x + 127.5) / 127.5 - 1: mirrored padding keeps to that, so that the convolutions can do it.
        first, last = state["head.1.weight"].double(), state["tail.1.weight"].double()
        state["head.1.bias"] = (state["head.1.bias"] + 127.5 * first.sum((1, 2, 3))).float()
        state["head.1.weight"] = (127.5 * first).float()
        state["tail.1.weight"] = (last / 127.5).float()
        state["tail.1.bias"] = (state["tail.1.bias"].double() / 127.5 - 1).float()

    return _Found(FastStyleGenerator, {"ngf": head[0], "n_blocks": len(blocks)}, modules, finish=to_unit_range)


def _animegan(tensors: Tensors) -> _Found | None:
    """AnimeGANv2 in PyTorch."""
    head = _shape(tensors, "block_a.0.1.weight")
    blocks = _places(tensors, r"block_c\.(\d{1,6})\.layers\.0\.1\.weight")
    if head is None or not blocks:
        return None
    last = blocks[-1] + 1
    theirs = {
        "head": ("block_a.0", "block_a.1", "block_a.2"),
        "down": ("block_b.0", "block_b.1", "block_c.0"),
        "up.0": (f"block_c.{last}",),
        "up.1": ("block_d.0", "block_d.1"),
        "up.2": ("block_e.0", "block_e.1", "block_e.2"),
    }
    modules = {"tail.0": "out_layer.0"}
    for ours, layers in theirs.items():
        for n, layer in enumerate(layers):
            modules |= {f"{ours}.{4 * n + 1}": f"{layer}.1", f"{ours}.{4 * n + 2}": f"{layer}.2"}
    for n, block in enumerate(blocks):
        for ours, layer in ((0, "0.1"), (1, "0.2"), (4, "1.1"), (5, "1.2"), (7, "2"), (8, "3")):
            modules[f"blocks.{n}.body.{ours}"] = f"block_c.{block}.layers.{layer}"
    note = "align_corners is true, as in its library; what its script test.py painted needs false"
    options = {"ngf": head[0], "n_blocks": len(blocks)}
    return _Found(AnimeGANGenerator, options, modules, notes={"align_corners": note})


def _dcgan(tensors: Tensors) -> _Found | None:
    """The generator of PyTorch's example of DCGAN, and HugGAN's."""
    prefix = next((prefix for prefix in ("main", "model") if _shape(tensors, f"{prefix}.0.weight")), None)
    convs = _convolutions(tensors, prefix)
    if prefix is None or f"{prefix}.1.weight" not in tensors or convs != list(range(0, 3 * len(convs), 3)):
        return None
    first, last = _shape(tensors, f"{prefix}.0.weight"), _shape(tensors, f"{prefix}.{convs[-1]}.weight")
    modules = {"head.0": f"{prefix}.0", "head.1": f"{prefix}.1", "tail.0": f"{prefix}.{convs[-1]}"}
    for n in convs[1:-1]:
        modules |= {f"up.{n - 3}": f"{prefix}.{n}", f"up.{n - 2}": f"{prefix}.{n + 1}"}
    options = {"latent_dim": first[0], "out_channels": last[1], "ngf": last[0], "image_size": 2 ** (len(convs) + 1)}
    return _Found(DCGANGenerator, options, modules)


def _dcgan_discriminator(tensors: Tensors) -> _Found | None:
    """The discriminator of PyTorch's example of DCGAN, and HugGAN's. Its sigmoid belongs to the loss."""
    prefix = next((prefix for prefix in ("main", "model") if _shape(tensors, f"{prefix}.0.weight")), None)
    convs = _convolutions(tensors, prefix)
    if prefix is None or f"{prefix}.0.bias" in tensors or convs != [0, *range(2, 3 * len(convs) - 1, 3)]:
        return None
    first = _shape(tensors, f"{prefix}.0.weight")
    modules = {f"layers.{n + offset}": f"{prefix}.{n + offset}" for n in convs for offset in (0, 1)}
    options = {"in_channels": first[1], "ndf": first[0], "image_size": 2 ** (len(convs) + 1)}
    note = "gan_loss is log, by which scores are read: its example ends in a sigmoid"
    options |= {"gan_loss": "log", "norm": "batch"}
    return _Found(DCGANDiscriminator, options, modules, notes={"gan_loss": note})


def _patchgan(tensors: Tensors) -> _Found | None:
    """PatchGANs of CycleGAN, pix2pix, CUT and HugGAN."""
    head = _shape(tensors, "model.0.weight")
    convs = _convolutions(tensors, "model")
    if head is None or head[2:] != (4, 4) or len(convs) < 3 or "model.0.bias" not in tensors:
        return None
    blurred = "model.2.filt" in tensors
    huggan = not blurred and convs[-1] % 3 == 0  # the padding before its last convolution takes a place
    batch = f"model.{convs[1] + 1}.weight" in tensors
    modules = {f"layers.{n + offset}": f"model.{n + offset}" for n in convs for offset in (0, 1)}
    options = {
        "in_channels": head[1],
        "ndf": head[0],
        "n_layers": len(convs) - (1 if huggan else 2),
        "norm": "batch" if batch else "instance" if f"model.{convs[1]}.bias" in tensors else "none",
        "downsample": "blur" if blurred else "stride",
        "shape": "pytorch_gan" if huggan else "paper",
        "gan_loss": "log" if batch and head[1] > 3 else "lsgan",
    }
    note = (
        f"gan_loss is {options['gan_loss']}, by which scores are read; it is the default where such networks come from"
    )
    kind = "HugGAN's" if huggan else "CUT's, anti-aliased" if blurred else "the reference's"
    return _Found(PatchGANDiscriminator, options, modules, kind, notes={"gan_loss": note})


def _pixel(tensors: Tensors) -> _Found | None:
    """The pixel discriminator of pix2pix."""
    head = _shape(tensors, "net.0.weight")
    if head is None or head[2:] != (1, 1):
        return None
    batch = "net.3.weight" in tensors
    norm = "batch" if batch else "instance" if "net.2.bias" in tensors else "none"
    options = {"in_channels": head[1], "ndf": head[0], "norm": norm, "gan_loss": "log" if batch else "lsgan"}
    note = f"gan_loss is {options['gan_loss']}, by which scores are read"
    modules = {f"layers.{n}": f"net.{n}" for n in (0, 2, 3, 5)}
    return _Found(PixelDiscriminator, options, modules, notes={"gan_loss": note})


LAYOUTS = (
    Layout("CycleGAN's ResNet generator", _resnet),
    Layout("pix2pix's U-Net", _unet),
    Layout("HugGAN's pix2pix U-Net", _huggan_unet),
    Layout("fast neural style (PyTorch's example)", _fast_style),
    Layout("AnimeGANv2's generator", _animegan),
    Layout("DCGAN's generator (PyTorch's example, HugGAN)", _dcgan),
    Layout("DCGAN's discriminator", _dcgan_discriminator),
    Layout("PatchGAN discriminator", _patchgan),
    Layout("pixel discriminator", _pixel),
)
"""What is known, in the order in which it is tried."""
