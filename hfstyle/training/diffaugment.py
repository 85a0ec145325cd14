"""DiffAugment: random, differentiable changes to all that a discriminator sees, real and fake (Zhao et al. 2020,
arXiv:2006.10738). With a few hundred paintings a discriminator otherwise learns them by heart.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F

from hfstyle.errors import OptionError
from hfstyle.training.noise import Noise


def diff_augment(images: torch.Tensor, policy: str, noise: Noise) -> torch.Tensor:
    """Augment (batch, channels, height, width) in [-1, 1], each picture in its own way; gradients pass through.

    Args:
        policy: Any of `color`, `translation` and `cutout`, with commas between; empty for none. `color` hides the
            palette from the discriminator, so it is not for learning one.
        noise: Decides how.
    """
    for name in filter(None, policy.split(",")):
        images = POLICIES[name](images, noise)
    return images


def check_policy(policy: str) -> None:
    """Raises OptionError for a policy that there is not."""
    if unknown := [name for name in filter(None, policy.split(",")) if name not in POLICIES]:
        raise OptionError(f"--diffaugment is any of {','.join(POLICIES)}, not {unknown[0]!r:.40}")


def _color(x: torch.Tensor, noise: Noise) -> torch.Tensor:
    """Brightness by up to a quarter of the range, saturation by 0 to 2, contrast by 0.5 to 1.5."""
    brightness, saturation, contrast = noise.uniform(len(x), 3).to(x)[..., None, None, None].unbind(1)
    x = x + (brightness - 0.5)
    pictures = x.unflatten(1, (-1, 3))  # a pair of photo and painting has six channels
    grey = pictures.mean(2, keepdim=True)
    x = (grey + (pictures - grey) * (2 * saturation[..., None])).flatten(1, 2)
    mean = x.mean((1, 2, 3), keepdim=True)
    return mean + (x - mean) * (contrast + 0.5)


def _translation(x: torch.Tensor, noise: Noise) -> torch.Tensor:
    """Moved by up to an eighth of the side; what comes in from outside is grey."""
    height, width = x.shape[-2:]
    dy, dx = round(height / 8), round(width / 8)
    padded = F.pad(x, (dx, dx, dy, dy))
    tops, lefts = (noise.integers(2 * d + 1, len(x)) for d in (dy, dx))
    moved = [
        image[:, top : top + height, left : left + width] for image, top, left in zip(padded, tops, lefts, strict=True)
    ]
    return torch.stack(moved)


def _cutout(x: torch.Tensor, noise: Noise) -> torch.Tensor:
    """A square of half the side becomes grey; it may hang over the edge."""
    height, width = x.shape[-2:]
    mask = torch.ones(len(x), 1, height, width, dtype=x.dtype, device=x.device)
    rows, columns = (noise.integers(side, len(x)) for side in (height, width))
    for n, (row, column) in enumerate(zip(rows, columns, strict=True)):
        top, left = row - height // 4, column - width // 4
        mask[n, :, max(top, 0) : top + height // 2, max(left, 0) : left + width // 2] = 0
    return x * mask


POLICIES: dict[str, Callable[[torch.Tensor, Noise], torch.Tensor]] = {
    "color": _color,
    "translation": _translation,
    "cutout": _cutout,
}
