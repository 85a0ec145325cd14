"""How a picture of any size goes through any image-to-image network. Knows no model by name."""

import math
import os
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image

from hfstyle.errors import OptionError
from hfstyle.hub import PreTrainedModel
from hfstyle.images import ImageSource, keep_color, read_image, split_alpha, to_image, to_tensor


class ImageToImageModel(PreTrainedModel):
    """A network from pictures in [-1, 1] to pictures in [-1, 1], and all that a user needs to never see a tensor."""

    pipeline_tag = "image-to-image"

    size_multiple: int = 1
    """Height and width that the network takes without cropping are multiples of this."""
    min_size: int = 1
    """The smallest height and width that the network takes."""

    def stylize(
        self,
        image: ImageSource | Sequence[ImageSource],
        strength: float = 1.0,
        preserve_color: bool = False,
        max_pixels: int = 4_000_000,
    ) -> Any:
        """Turn a photo into a painting of the same size.

        Args:
            image: A PIL image, a path, the bytes of a file or an open file, or a list of these.
            strength: 0 gives the photo back, 1 the painting, between them a blend.
            preserve_color: Keep the photo's colours and take only light, dark and texture from the painting.
            max_pixels: A larger photo is made smaller, stylised and brought back to its size, since memory grows with
                the pixels. `result.info["stylized_size"]` is the (width, height) at which the network saw it.

        Returns:
            A PIL image, or a list where a list was given: `RGBA` where the photo has transparency, else `RGB`.

        Raises:
            ImageError: A picture cannot be read.
            OptionError: `strength` is outside [0, 1] or `max_pixels` is less than 1.
        """
        return self._stylize(image, strength, preserve_color, max_pixels)

    def _stylize(
        self,
        image: ImageSource | Sequence[ImageSource],
        strength: float,
        preserve_color: bool,
        max_pixels: int,
        *conditions: torch.Tensor,
    ) -> Any:
        """See `stylize`; `conditions` is what the network takes besides the picture."""
        if not 0.0 <= strength <= 1.0:
            raise OptionError(f"strength must lie between 0 and 1, not {strength}")
        if max_pixels < 1:
            raise OptionError(f"max_pixels must be at least 1, not {max_pixels}")
        if isinstance(image, Sequence) and not isinstance(image, (str, bytes, os.PathLike)):
            return [self._stylize(one, strength, preserve_color, max_pixels, *conditions) for one in image]
        photo, alpha = split_alpha(read_image(image))
        small = photo.resize(fit_pixels(photo.size, max_pixels), Image.Resampling.LANCZOS)
        painting = photo
        if strength > 0:
            painting = self._paint(photo, small, strength, *conditions)
            if preserve_color:
                painting = keep_color(painting, photo)
        if alpha is not None:
            painting.putalpha(alpha)
        painting.info["stylized_size"] = small.size
        return painting

    def _paint(
        self, photo: Image.Image, small: Image.Image, strength: float, *conditions: torch.Tensor
    ) -> Image.Image:
        """The painting of `photo`, of the same size, for which the network sees its copy `small`."""
        pixels = to_tensor(small, getattr(self.config, "in_channels", 3))
        pixels = pixels.unsqueeze(0).to(self.device, self.dtype)
        painting = to_image(self.forward_any_size(pixels, *conditions)[0])
        if painting.size != photo.size:
            painting = painting.resize(photo.size, Image.Resampling.LANCZOS)
        return Image.blend(photo, painting, strength) if strength < 1.0 else painting

    @torch.inference_mode()
    def forward_any_size(self, pixels: torch.Tensor, *conditions: torch.Tensor) -> torch.Tensor:
        """The network applied to (batch, channels, height, width) of any height and width from 1.

        The margin, and what is missing to a size that the network takes, is mirrored (or, in tiny pictures, repeated)
        on all sides and cut away again, so that the result neither shifts nor shrinks. `conditions` are what `forward`
        takes besides the pictures.
        """
        height, width = pixels.shape[-2:]
        missing = [self._padding(size) for size in (height, width)]
        top, left = missing[0] // 2, missing[1] // 2
        padding = (left, missing[1] - left, top, missing[0] - top)
        # Mirroring needs more pixels than it adds; float16 has no such kernel on a CPU, so only pad where needed.
        mode = "reflect" if max(padding[:2]) < width and max(padding[2:]) < height else "replicate"
        padded = F.pad(pixels, padding, mode=mode) if any(padding) else pixels
        return self(padded, *conditions)[..., top : top + height, left : left + width]

    def _padding(self, size: int) -> int:
        """Pixels to add to a height or width."""
        least = max(size + 2 * getattr(self.config, "margin", 0), self.min_size)
        return math.ceil(least / self.size_multiple) * self.size_multiple - size


def fit_pixels(size: tuple[int, int], max_pixels: int) -> tuple[int, int]:
    """The largest (width, height) of the same shape with at most `max_pixels` pixels; never larger than `size`."""
    width, height = size
    if width * height <= max_pixels:
        return size
    scale = math.sqrt(max_pixels / (width * height))
    # Of a very long picture one pixel across is left, so the other side must give way further.
    return min(max(1, int(width * scale)), max_pixels), min(max(1, int(height * scale)), max_pixels)
