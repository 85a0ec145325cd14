"""Exported networks at work: as their torch originals, without torch (`hfstyle export` makes the files)."""

import base64
import binascii
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from hfstyle.errors import MissingExtraError, OptionError, WeightsError
from hfstyle.images import from_array, to_array
from hfstyle.repo import ONNX_NAME, ModelFiles
from hfstyle.stylize import Blend, StyledStylizer, Stylizer, blend_shares

HEADER = "hfstyle"
"""The entry of a file's metadata, in JSON, that says how to use it."""
FORMAT = 1
FLOATS = "tensor(float)"
MAX_FILE_BYTES = 2**31
MAX_STYLES = 2048
MAX_NUMBERS = 2**20


class OnnxGenerator(Stylizer):
    """A network in ONNX Runtime that turns photos into paintings.

        painting = OnnxGenerator.from_pretrained("monet.onnx").stylize("photo.jpg")

    Of a network of many styles, `stylize` takes a style or a blend as its second argument, as `StyleBankGenerator`'s.
    It gives the pixels that torch gives, but for roundings. Neither this module nor `hfstyle.stylize` imports torch.
    """

    def __init__(self, session: Any, header: Mapping[str, Any]):
        self.session = session
        self.in_channels: int = header["channels"]
        self.size_multiple: int = header["size_multiple"]
        self.min_size: int = header["min_size"]
        self.margin: int = header["margin"]
        self.title: str | None = header["title"]
        self.license: str | None = header["license"]

    @classmethod
    def from_pretrained(
        cls,
        name_or_path: str | os.PathLike,
        *,
        providers: list[str] | None = None,
        revision: str | None = None,
        subfolder: str | None = "",
        token: str | bool | None = None,
        cache_dir: str | os.PathLike | None = None,
        local_files_only: bool = False,
        force_download: bool = False,
    ) -> "OnnxGenerator":
        """Load a file that `hfstyle export` wrote: itself, a folder with `model.onnx`, or a repository on the Hub.

        Args:
            name_or_path: See above.
            providers: Where ONNX Runtime computes, by its names, such as `["CPUExecutionProvider"]`; `None` is all
                that it has.

        The other options are those of `PreTrainedModel.from_pretrained`.

        Raises:
            ModelNotFoundError: There is no such file, folder or repository.
            WeightsError: It is no ONNX file, or hfstyle did not write it.
            OptionError: It is of a network that takes no photo.
            MissingExtraError: onnxruntime is not installed.
            HubError: The Hub refused or could not be reached.
        """
        path = Path(os.path.expanduser(os.fspath(name_or_path)))
        if not path.is_file():
            files = ModelFiles(name_or_path, revision, subfolder, token, cache_dir, local_files_only, force_download)
            path = files.path(ONNX_NAME, MAX_FILE_BYTES)
        session = open_session(path, providers)
        header = _read_header(session, path.name)
        inputs = [(one.name, one.type, len(one.shape)) for one in session.get_inputs()]
        wanted = [("pixels", FLOATS, 4), *([("numbers", FLOATS, 2)] if "styles" in header else [])]
        if inputs != wanted or [one.type for one in session.get_outputs()] != [FLOATS]:
            raise WeightsError(f"{path.name} does not take and give what its header says")
        return (OnnxStyleBank if "styles" in header else OnnxGenerator)(session, header)

    def _paint_pixels(self, image: Image.Image, *conditions: np.ndarray) -> Image.Image:
        pixels = to_array(image, self.in_channels)
        height, width = pixels.shape[1:]
        rows, columns, mirrored = self.padding(height, width)
        pixels = np.pad(pixels, ((0, 0), rows, columns), mode="reflect" if mirrored else "edge")
        names = [one.name for one in self.session.get_inputs()]
        try:
            (painting,) = self.session.run(None, dict(zip(names, (pixels[None], *conditions), strict=True)))
        except Exception as error:  # its exceptions have no common class but this
            raise WeightsError(f"the network cannot paint this: {' '.join(str(error).split()):.200}") from error
        if painting.ndim != 4 or painting.shape[2:] != pixels.shape[1:]:
            raise WeightsError(f"the network makes something of shape {painting.shape}, not a picture of that size")
        return from_array(painting[0, :, rows[0] : rows[0] + height, columns[0] : columns[0] + width])


class OnnxStyleBank(StyledStylizer, OnnxGenerator):
    """What `OnnxGenerator.from_pretrained` gives for a network of many styles."""

    def __init__(self, session: Any, header: Mapping[str, Any]):
        super().__init__(session, header)
        self.styles = tuple(header["styles"])
        self.numbers: np.ndarray = header["numbers"]
        """float32 of shape (styles, numbers)."""

    def numbers_of(self, style: Blend) -> np.ndarray:
        """See `StyledStylizer.numbers_of`. float32 of shape (numbers,)."""
        places, shares = zip(*blend_shares(style, self.styles), strict=True)
        return np.asarray(shares, np.float32) @ self.numbers[list(places)]


def open_session(source: str | os.PathLike | bytes, providers: list[str] | None = None) -> Any:
    """An ONNX file, or its bytes, ready to run.

    Raises:
        WeightsError: It is no ONNX file, or has operations that ONNX Runtime does not know.
        MissingExtraError: onnxruntime is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtraError("running ONNX files", "export") from error
    where = "the file" if isinstance(source, bytes) else os.path.basename(source)
    if not isinstance(source, bytes) and os.path.getsize(source) > MAX_FILE_BYTES:
        raise WeightsError(f"{where} is larger than {MAX_FILE_BYTES // 2**30} GB")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what is wrong is in the error
    known = onnxruntime.get_available_providers()
    if unknown := sorted(set(providers or ()) - set(known)):
        raise OptionError(f"ONNX Runtime has no provider {', '.join(unknown)} here; it has {', '.join(known)}")
    try:
        data = source if isinstance(source, bytes) else os.fspath(source)
        return onnxruntime.InferenceSession(data, options, providers=providers or known)
    except Exception as error:  # its exceptions have no common class but this
        reason = " ".join(str(error).split())
        raise WeightsError(f"{where} is damaged or no ONNX file that can be run ({reason:.160})") from error


def _read_header(session: Any, where: str) -> dict[str, Any]:
    """What the file says about itself, checked; of many styles with their numbers as an array."""
    try:
        header = json.loads(session.get_modelmeta().custom_metadata_map[HEADER])
    except (KeyError, ValueError, RecursionError) as error:
        raise WeightsError(f"{where} is not from hfstyle export: it does not say how it is used") from error
    if not isinstance(header, dict) or not isinstance(header.get("format"), int):
        raise WeightsError(f"{where} does not say in a way that hfstyle knows how it is used")
    if header["format"] > FORMAT:
        raise WeightsError(f"{where} was exported by a newer hfstyle; update yours")
    if "latent_dim" in header:
        raise OptionError(f"{where} is a {header.get('class')!s:.60}, which takes no photo")
    for name, low, high in (("channels", 1, 3), ("size_multiple", 1, 1024), ("min_size", 1, 4096), ("margin", 0, 256)):
        value = header.get(name)
        if type(value) is not int or not low <= value <= high:
            raise WeightsError(f"{where}: {name} must lie between {low} and {high}, not {value!r:.60}")
    texts = {name: header.get(name) for name in ("title", "license")}
    header |= {name: text if isinstance(text, str) else None for name, text in texts.items()}
    return _read_styles(header, where) if "styles" in header else header


def _read_styles(header: dict[str, Any], where: str) -> dict[str, Any]:
    styles, n_numbers, text = header["styles"], header.get("n_numbers"), header.get("numbers")
    named = isinstance(styles, list) and len(styles) <= MAX_STYLES and all(isinstance(name, str) for name in styles)
    if not named or type(n_numbers) is not int or not 1 <= n_numbers <= MAX_NUMBERS or not isinstance(text, str):
        raise WeightsError(f"{where} does not say in a way that hfstyle knows which styles it has")
    try:
        numbers = np.frombuffer(base64.b64decode(text, validate=True), "<f2").astype(np.float32)
    except (ValueError, binascii.Error) as error:
        raise WeightsError(f"{where}: the numbers of its styles are damaged") from error
    if len(numbers) != len(styles) * n_numbers or not math.isfinite(float(np.abs(numbers).sum())):
        raise WeightsError(f"{where}: the numbers of its styles are damaged")
    return header | {"numbers": numbers.reshape(len(styles), n_numbers)}
