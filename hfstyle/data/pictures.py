"""Pictures to train on: read once, checked, kept in memory."""

import hashlib
import logging
import os
from pathlib import Path

from PIL import Image
from tqdm import tqdm

from hfstyle.errors import DataError, ImageError
from hfstyle.images import list_images, read_image, split_alpha

logger = logging.getLogger(__name__)


class PictureFolder:
    """All readable pictures below a folder, in a fixed order.

    Every file is decoded once at the start, so that hours later no broken one stops a training: those that cannot be
    read are left out and named. Decoded pictures stay in memory up to `cache_bytes`; the rest is read again when
    needed.

    Args:
        folder: Searched with all its subfolders.
        inner_crop: Part of width and height that is kept around the centre; below 1 it cuts away the paper margins and
            frames of scanned paintings.
        short_side: Pictures whose shorter side is longer are scaled down to it as they are read. Crops are taken from
            these, so it is the largest size that a crop will be taken at; a long scroll keeps its length.
        cache_bytes: Memory for decoded pictures.
        quiet: No progress bar.

    Raises:
        DataError: There is no such folder, or no readable picture in it.
    """

    def __init__(
        self,
        folder: str | os.PathLike,
        inner_crop: float = 1.0,
        short_side: int = 1024,
        cache_bytes: int = 2 * 2**30,
        quiet: bool = False,
    ):
        self.folder = Path(folder)
        self.inner_crop = inner_crop
        self.short_side = short_side
        if not self.folder.is_dir():
            raise DataError(f"there is no folder {folder}")
        found = list_images(self.folder)
        if not found:
            raise DataError(f"{folder} has no pictures (JPEG, PNG, WebP, TIFF, GIF, BMP, AVIF)")
        self.paths: list[Path] = []
        self.unreadable: list[tuple[Path, str]] = []
        self._cache: dict[int, Image.Image] = {}
        for path in tqdm(found, desc=f"reading {self.folder.name}", unit="pictures", disable=quiet, leave=False):
            try:
                picture = self._read(path)
            except ImageError as error:
                self.unreadable.append((path, str(error)))
                continue
            cache_bytes -= picture.width * picture.height * 3
            if cache_bytes >= 0:
                self._cache[len(self.paths)] = picture
            self.paths.append(path)
        for _, reason in self.unreadable:
            logger.warning("skipped: %s", reason)
        if not self.paths:
            raise DataError(f"{folder} has no readable picture; the first of {len(found)}: {self.unreadable[0][1]}")

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Image.Image:
        """The RGB picture after the inner crop."""
        return self._cache.get(index) or self._read(self.paths[index])

    @property
    def fingerprint(self) -> str:
        """Changes when a picture is added, removed or renamed."""
        names = "\n".join(path.relative_to(self.folder).as_posix() for path in self.paths)
        return hashlib.sha256(names.encode()).hexdigest()[:16]

    def _read(self, path: Path) -> Image.Image:
        picture, _ = split_alpha(read_image(path))
        width, height = picture.size
        dx, dy = int(width * (1 - self.inner_crop) / 2), int(height * (1 - self.inner_crop) / 2)
        picture = picture.crop((dx, dy, width - dx, height - dy))
        scale = self.short_side / min(picture.size)
        if scale < 1:
            size = (round(picture.width * scale), round(picture.height * scale))
            picture = picture.resize(size, Image.Resampling.LANCZOS)
        return picture
