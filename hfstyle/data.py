"""Training pictures: folders read once, then an endless, seekable stream of augmented crops."""

import hashlib
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch.utils.data import Dataset
from tqdm import tqdm

from hfstyle.errors import DataError, ImageError
from hfstyle.images import list_images, read_image, split_alpha, to_tensor

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


@dataclass(frozen=True)
class Augmentation:
    """What happens to a picture between the file and the network."""

    crop: int
    """Side of the square that the network sees, in pixels."""
    resize: tuple[int, int]
    """Before cropping, the short side is scaled to a size drawn between these."""
    flip: bool = True
    """Mirror left and right half of the time."""
    aspect_jitter: float = 0.0
    """The width is further scaled by a factor drawn between 1 / (1 + this) and 1 + this."""

    def __call__(self, picture: Image.Image, random: np.random.Generator) -> torch.Tensor:
        """A float32 tensor of shape (3, crop, crop) in [-1, 1]."""
        short = random.integers(self.resize[0], self.resize[1], endpoint=True)
        scale = short / min(picture.size)
        stretch = (1 + self.aspect_jitter) ** random.uniform(-1, 1)
        width = max(self.crop, round(picture.width * scale * stretch))
        height = max(self.crop, round(picture.height * scale))
        left = random.integers(0, width - self.crop, endpoint=True)
        top = random.integers(0, height - self.crop, endpoint=True)
        # Scaling only the part that is kept costs a fraction of scaling the whole picture.
        fx, fy = picture.width / width, picture.height / height
        box = (left * fx, top * fy, (left + self.crop) * fx, (top + self.crop) * fy)
        picture = picture.resize((self.crop, self.crop), Image.Resampling.BICUBIC, box=box)
        if self.flip and random.random() < 0.5:
            picture = ImageOps.mirror(picture)
        return to_tensor(picture)


class UnpairedStream(Dataset):
    """The n-th training sample for any n: a photo and a painting, cropped, that have nothing to do with each other.

    Order and augmentation follow from (`seed`, n) alone. So a training that resumes at sample n sees what it would
    have seen, whatever the number of loader processes; and several training processes share the samples among them.

    Each folder is gone through in an order of its own, shuffled anew each time round.
    """

    def __init__(
        self,
        source: PictureFolder,
        target: PictureFolder,
        augment_source: Augmentation,
        augment_target: Augmentation,
        seed: int,
    ):
        self.folders = (source, target)
        self.augmentations = (augment_source, augment_target)
        self.seed = seed

    def __getitem__(self, n: int) -> tuple[torch.Tensor, torch.Tensor]:
        return self.sample(n, domain=0), self.sample(n, domain=1)

    def sample(self, n: int, domain: int) -> torch.Tensor:
        """The photo (`domain` 0) or the painting (1) of the n-th sample: float32 (3, crop, crop) in [-1, 1]."""
        folder = self.folders[domain]
        time_round, place = divmod(n, len(folder))
        order = np.random.default_rng((self.seed, domain, 0, time_round)).permutation(len(folder))
        random = np.random.default_rng((self.seed, domain, 1, n))
        return self.augmentations[domain](folder[int(order[place])], random)


class StepSampler(torch.utils.data.Sampler[int]):
    """Indices of the samples that one of several processes sees, from a given step on.

    A step takes `batch_size` samples in each process; all processes together take consecutive ones.
    """

    def __init__(self, first_step: int, last_step: int, batch_size: int, process: int = 0, processes: int = 1):
        self.steps = range(first_step, last_step)
        self.batch_size = batch_size
        self.process = process
        self.processes = processes

    def __iter__(self) -> Iterator[int]:
        for step in self.steps:
            first = (step * self.processes + self.process) * self.batch_size
            yield from range(first, first + self.batch_size)

    def __len__(self) -> int:
        return len(self.steps) * self.batch_size
