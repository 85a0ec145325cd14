"""Reading, checking, converting and writing pictures: the one door for files that come from strangers."""

import contextlib
import io
import math
import os
import struct
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, ImageCms, ImageDraw, ImageFont, ImageOps, ImageSequence, UnidentifiedImageError

from hfstyle.errors import ImageError, OptionError

MAX_FILE_BYTES = 100 * 2**20
MAX_PIXELS = 120_000_000
"""The largest picture that is decoded: 120 megapixels, 360 MB as RGB. Phones stop at 50 or at 108."""

FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "TIFF", "GIF", "BMP", "PPM", "AVIF", "HEIF")
"""Decoders that a stranger's file may reach. Pillow has dozens more, several of which run other programs."""

SUFFIXES = frozenset(
    [".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".tif", ".tiff", ".gif", ".bmp"]
    + [".ppm", ".pgm", ".avif", ".heic", ".heif"]
)
"""File names that are taken for pictures when a folder is searched."""

ImageSource = str | os.PathLike | bytes | IO[bytes] | Image.Image


def read_image(source: ImageSource, name: str | None = None) -> Image.Image:
    """Open a picture and bring it into the one form that the rest of the package knows.

    Args:
        source: A path, the file's bytes, an open binary file, or a PIL image.
        name: What errors call it; its path where not given.

    Returns:
        A new image of mode `RGB`, or `RGBA` where the source has transparency: upright (EXIF orientation applied), in
        sRGB (an embedded colour profile applied), 8 bits a channel, the first frame of an animation.

    Raises:
        ImageError: The file is missing, broken, not a picture, or larger than `MAX_FILE_BYTES` or `MAX_PIXELS`.
    """
    if isinstance(source, Image.Image):
        try:
            return _normalise(source, name or "the picture")
        except _PILLOW_ERRORS as error:  # `Image.open` reads the pixels only now
            raise _damaged(name or "the picture", error) from error
    name, file = _open(source, name)
    with file, warnings.catch_warnings():
        # Of damaged metadata and of sizes that our own limit allows, Pillow warns; the user can do nothing about them.
        warnings.simplefilter("ignore")
        try:
            image = Image.open(file, formats=_formats())
        except Image.DecompressionBombError as error:
            raise ImageError(
                f"{name} has more than {MAX_PIXELS // 10**6} megapixels; make it smaller first"
            ) from error
        except _PILLOW_ERRORS as error:
            raise ImageError(f"{name} {_why_unreadable(file)}") from error
        with image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise ImageError(
                    f"{name} is {width}x{height}, more than {MAX_PIXELS // 10**6} megapixels; make it smaller first"
                )
            try:
                image.load()
                return _normalise(image, name)
            except ImageError:
                raise
            except _PILLOW_ERRORS as error:
                raise _damaged(name, error) from error


def identify(source: str | os.PathLike | bytes | IO[bytes]) -> tuple[str, str]:
    """Format and mode of a picture file in Pillow's words, such as ("JPEG", "CMYK"), without decoding its pixels.

    Raises:
        ImageError: As `read_image`, where the file's head is enough to tell.
    """
    name, file = _open(source)
    with file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(file, formats=_formats()) as image:
                return image.format, image.mode
        except _PILLOW_ERRORS as error:
            raise _damaged(name, error) from error


# What Pillow's decoders are known to raise on damaged files.
_PILLOW_ERRORS = (
    UnidentifiedImageError,
    Image.DecompressionBombError,
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
    ZeroDivisionError,
    struct.error,
)


def _damaged(name: str, error: Exception) -> ImageError:
    if isinstance(error, ImageError):
        return error
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return ImageError(f"{name} is damaged or incomplete ({reason:.120})")


def _open(source: str | os.PathLike | bytes | IO[bytes], name: str | None = None) -> tuple[str, IO[bytes]]:
    """A name for messages and an open file of at most `MAX_FILE_BYTES` bytes."""
    if isinstance(source, bytes):
        name, file = name or "the picture", io.BytesIO(source)
    elif isinstance(source, (str, os.PathLike)):
        name = name or os.fspath(source)
        try:
            file = open(source, "rb")  # noqa: SIM115 - closed by the caller
        except IsADirectoryError as error:
            raise ImageError(f"{name} is a folder, not a picture") from error
        except (OSError, ValueError) as error:
            raise ImageError(f"cannot open {name}: {getattr(error, 'strerror', None) or error}") from error
        if not file.seekable():  # a pipe that the shell gave a name: <(curl ...)
            with file:
                file = io.BytesIO(file.read(MAX_FILE_BYTES + 1))
    elif hasattr(source, "read"):
        # Pillow seeks; a pipe cannot, so take the bytes, never more than the limit.
        name, file = name or "the picture", io.BytesIO(source.read(MAX_FILE_BYTES + 1))
    else:
        raise ImageError(f"a picture is a path, bytes, an open file or a PIL image, not {type(source).__name__}")
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    if size == 0 or size > MAX_FILE_BYTES:
        file.close()
        what = "is empty" if size == 0 else f"is larger than {MAX_FILE_BYTES // 2**20} MB; make it smaller first"
        raise ImageError(f"{name} {what}")
    return name, file


def _formats() -> list[str]:
    with contextlib.suppress(ImportError):
        import pillow_heif

        pillow_heif.register_heif_opener()
    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]


def _why_unreadable(file: IO[bytes]) -> str:
    file.seek(0)
    start = file.read(64)
    if (
        start[4:8] == b"ftyp"
        and start[8:12] in (b"heic", b"heix", b"mif1", b"hevc", b"msf1")
        and "HEIF" not in _formats()
    ):
        return "is a HEIC picture, which needs one more package: pip install 'hfstyle[heif]' (or save it as JPEG)"
    if start.lstrip()[:5].lower() in (b"<?xml", b"<svg ", b"<svg>"):
        return "is a drawing or text, not pixels; save it as PNG or JPEG first"
    return "is not a picture that can be read (JPEG, PNG, WebP, TIFF, GIF, BMP, AVIF)"


def _normalise(image: Image.Image, name: str) -> Image.Image:
    """Upright, sRGB, 8 bits, RGB or RGBA; always a new image."""
    if image.width < 1 or image.height < 1:
        raise ImageError(f"{name} has no pixels")
    profile = image.info.get("icc_profile")
    exif_orientation = image.getexif().get(0x0112, 1)
    if getattr(image, "is_animated", False):
        image = next(iter(ImageSequence.Iterator(image)))
    if image.mode.startswith("I") or image.mode == "F":
        image = _to_8_bit(image)
    transparent = image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info
    if profile and image.mode in ("RGB", "RGBA", "CMYK", "L"):
        image = _to_srgb(image, profile)
    image = image.convert("RGBA" if transparent else "RGB")
    if exif_orientation != 1:
        image.getexif()[0x0112] = exif_orientation
        image = ImageOps.exif_transpose(image)
    # Only the pixels go on: EXIF may hold where and by whom a photo was taken.
    clean = Image.new(image.mode, image.size)
    clean.paste(image)
    return clean


def _to_8_bit(image: Image.Image) -> Image.Image:
    """16-bit, 32-bit and float greys to 8 bits. Pillow's own conversion clips at 255 and leaves a white picture."""
    pixels = np.asarray(image).astype(np.float64)
    pixels = np.nan_to_num(pixels, nan=0.0, posinf=np.finfo(np.float32).max, neginf=0.0)
    high = pixels.max()
    if image.mode == "F" and high <= 1.0:
        white = 1.0
    elif high <= 255.0:
        white = 255.0
    elif high <= 65535.0:
        white = 65535.0
    else:
        white = high
    return Image.fromarray((pixels.clip(0, white) * (255.0 / white)).round().astype(np.uint8))


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Apply an embedded colour profile (phones save Display P3); a broken one is ignored, as browsers do."""
    alpha = image.getchannel("A") if image.mode == "RGBA" else None
    colours = image.convert("RGB") if alpha is not None else image
    try:
        converted = ImageCms.profileToProfile(
            colours, io.BytesIO(profile), ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image
    if alpha is not None:
        converted.putalpha(alpha)
    return converted


def list_images(folder: str | os.PathLike) -> list[Path]:
    """All files below `folder` whose names look like pictures, hidden ones left out, in a fixed order."""
    root = Path(folder)
    return sorted(
        path
        for path in root.rglob("*")
        if path.suffix.lower() in SUFFIXES
        and not any(part.startswith(".") for part in path.relative_to(root).parts)
        and path.is_file()
    )


def split_alpha(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Colours and transparency apart; where a pixel is wholly transparent its hidden colour becomes white."""
    if image.mode != "RGBA":
        return image, None
    alpha = image.getchannel("A")
    paper = Image.new("RGB", image.size, "white")
    return Image.composite(image.convert("RGB"), paper, alpha.point(lambda value: 255 if value else 0)), alpha


def to_array(image: Image.Image, channels: int = 3) -> np.ndarray:
    """An image as float32 of shape (channels, height, width) in [-1, 1]; `channels` is 1 (grey) or 3 (RGB)."""
    if channels not in (1, 3):
        raise OptionError(f"a picture has 1 or 3 channels; this network takes {channels}")
    pixels = np.asarray(image.convert("L" if channels == 1 else "RGB"))
    planes = pixels.reshape(*pixels.shape[:2], channels).transpose(2, 0, 1).astype(np.float32, order="C")
    planes /= 127.5
    planes -= 1
    return planes


def from_array(array: np.ndarray) -> Image.Image:
    """The inverse of `to_array`: (1 or 3, height, width) in [-1, 1], clipped and rounded, to an RGB image."""
    if array.shape[0] not in (1, 3):
        raise OptionError(f"a picture has 1 or 3 channels; this network makes {array.shape[0]}")
    planes = np.clip(array, -1, 1)
    planes += 1
    planes *= 127.5
    pixels = np.rint(planes, out=planes).astype(np.uint8).transpose(1, 2, 0)
    return Image.fromarray(np.ascontiguousarray(pixels.repeat(3, 2) if pixels.shape[2] == 1 else pixels))


def keep_color(painting: Image.Image, photo: Image.Image) -> Image.Image:
    """The painting's light and dark with the photo's colours (luma and chroma of Y'CbCr, ITU-R BT.601)."""
    luma = painting.convert("YCbCr").getchannel("Y")
    _, blue, red = photo.convert("YCbCr").split()
    return Image.merge("YCbCr", (luma, blue, red)).convert("RGB")


def add_difference(image: Image.Image, plus: Image.Image, minus: Image.Image, share: float) -> Image.Image:
    """image + share x (plus - minus), rounded and clipped, of three RGB images of one size."""
    result = np.array(image)
    pictures = np.asarray(plus), np.asarray(minus)
    for top in range(0, len(result), 256):  # floats take four times the memory
        rows = slice(top, top + 256)
        more, less = (picture[rows].astype(np.float32) for picture in pictures)
        result[rows] = (result[rows] + np.float32(share) * (more - less)).round().clip(0, 255)
    return Image.fromarray(result)


def contact_sheet(rows: list[list[Image.Image]], cell: int = 256, gap: int = 4) -> Image.Image:
    """Pictures in rows on white, each fitted into a square of `cell` pixels; rows are as high as need be."""
    if not rows or not all(rows):
        raise OptionError("a contact sheet needs at least one picture in each row")
    box = (cell, cell)
    fitted = [[ImageOps.contain(image.convert("RGB"), box, Image.Resampling.LANCZOS) for image in row] for row in rows]
    heights = [max(image.height for image in row) for row in fitted]
    width = max(map(len, fitted)) * (cell + gap) - gap
    sheet = Image.new("RGB", (width, sum(heights) + gap * (len(rows) - 1)), "white")
    top = 0
    for row, height in zip(fitted, heights, strict=True):
        for column, image in enumerate(row):
            left = column * (cell + gap) + (cell - image.width) // 2
            sheet.paste(image, (left, top + (height - image.height) // 2))
        top += height + gap
    return sheet


Palette = Sequence[tuple[str, float]]
"""Colours as #rrggbb with the share of each."""


def labelled_sheet(
    cells: list[tuple[str, Image.Image]], cell: int = 512, palettes: list[Sequence[Palette]] | None = None
) -> Image.Image:
    """Pictures on paper, each with its label below, in as many columns as make the sheet about as wide as a screen and
    leave few places empty.

    Args:
        cells: Labels and pictures.
        cell: Longest side of a picture, in pixels.
        palettes: For each of them palettes that are drawn as strips between picture and label.
    """
    if not cells:
        raise OptionError("a sheet needs at least one picture")
    pictures = [ImageOps.contain(image, (cell, cell), Image.Resampling.LANCZOS) for _, image in cells]
    width, height = (max(picture.size[side] for picture in pictures) for side in (0, 1))
    gap, line = max(cell // 24, 4), max(cell // 10, 14)
    strip = max(cell // 32, 3)
    strips = (strip + 2) * max(map(len, palettes or [[]]))
    step = width + gap, height + strips + line + gap // 2

    def shape(columns: int) -> tuple[int, int]:
        return columns * step[0] + gap, math.ceil(len(cells) / columns) * step[1] + gap

    def fault(columns: int) -> float:
        across, down = shape(columns)
        return abs(math.log(across / down / 1.5)) + (-len(cells) % columns) / len(cells)

    columns = min(range(1, len(cells) + 1), key=fault)
    sheet = Image.new("RGB", shape(columns), "#f6f3ec")
    draw = ImageDraw.Draw(sheet)
    for index, ((label, _), picture) in enumerate(zip(cells, pictures, strict=True)):
        left, top = gap + index % columns * step[0], gap + index // columns * step[1]
        place = left + (width - picture.width) // 2, top + height - picture.height
        sheet.paste(picture, place, picture if picture.mode == "RGBA" else None)
        top += height
        for palette in palettes[index] if palettes else ():
            begin = 0.0
            for colour, share in palette:
                start, end = (round(place[0] + picture.width * min(at, 1)) for at in (begin, begin + share))
                if end > start:
                    draw.rectangle((start, top + 2, end - 1, top + 1 + strip), colour)
                begin += share
            top += strip + 2
        size = line * 0.5
        while draw.textlength(label, _font(label, size)) > width and size > 8:
            size *= 0.9
        middle = left + width / 2, top + line * 0.5
        draw.text(middle, label, "#2b2a28", _font(label, size), anchor="mm")
    return sheet


_FONTS = (
    *("NotoSansCJK-Regular.ttc", "NotoSansSC-Regular.otf", "SourceHanSansSC-Regular.otf", "wqy-microhei.ttc"),
    *("PingFang.ttc", "Hiragino Sans GB.ttc", "msyh.ttc", "simsun.ttc", "DejaVuSans.ttf", "arial.ttf"),
)
"""What systems have for Chinese and other scripts; Pillow's own font is for Latin only."""


def _font(text: str, size: float) -> ImageFont.FreeTypeFont:
    """A font for `text`: where the system has none for its script, one that draws boxes."""
    with contextlib.suppress(UnicodeEncodeError):
        text.encode("latin-1")
        return ImageFont.load_default(size)
    for name in _FONTS:
        with contextlib.suppress(OSError):
            return ImageFont.truetype(name, size)
    return ImageFont.load_default(size)


@contextlib.contextmanager
def write_whole(path: str | os.PathLike, overwrite: bool = True):
    """A binary file that appears under its name only when the block ends well; else nothing is left behind.

    Raises:
        FileExistsError: `path` exists and `overwrite` is false.
    """
    path = Path(path)
    if not overwrite and path.exists():
        raise FileExistsError(f"{path} exists")
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name[:80]}.", dir=path.parent)
    try:
        with open(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)  # mkstemp makes files that only their owner can read
        if overwrite:
            os.replace(temporary, path)
        else:
            _rename_to_new(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def _rename_to_new(temporary: str, path: Path) -> None:
    """A rename that fails if somebody wrote `path` meanwhile."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:  # memory cards and USB sticks (FAT, exFAT) have no links
        if path.exists():
            raise FileExistsError(f"{path} exists") from None
        os.replace(temporary, path)
    else:
        os.unlink(temporary)


def save_image(image: Image.Image, path: str | os.PathLike, overwrite: bool = True) -> None:
    """Write a picture whole or not at all, in the format that the file's name asks for.

    Raises:
        ImageError: The name's ending is not one that pictures are written in, or the file cannot be written.
        FileExistsError: `path` exists and `overwrite` is false.
    """
    suffix = Path(path).suffix.lower()
    kind = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WEBP", ".tif": "TIFF", ".tiff": "TIFF"}.get(
        suffix
    )
    if kind is None:
        raise ImageError(f"cannot write {path}: name it .png, .jpg, .webp or .tif")
    try:
        with write_whole(path, overwrite) as file:
            encode_image(image, file, kind)
    except FileExistsError:
        raise
    except OSError as error:
        raise ImageError(f"cannot write {path}: {error.strerror or error}") from error


def encode_image(image: Image.Image, file: IO[bytes], kind: str = "PNG") -> None:
    """Write `image` into an open file as PNG, JPEG (quality 95, no chroma subsampling), WEBP (lossless) or TIFF."""
    if kind == "JPEG":
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image) if image.mode == "RGBA" else image
        image.convert("RGB").save(file, kind, quality=95, subsampling=0)
    elif kind == "WEBP":
        image.save(file, kind, lossless=True)
    else:
        image.save(file, kind)
