"""How a picture of any size goes through any network that paints. Knows no model by name, and needs no torch."""

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image

from hfstyle.errors import OptionError, some
from hfstyle.images import ImageSource, add_difference, keep_color, read_image, split_alpha

Blend = str | Mapping[str, float]
"""A style's name, or several with their weights: `{"ukiyoe": 0.6, "monet": 0.4}`."""


def read_blend(text: str) -> Blend:
    """A style or a blend as it is written in a command: `monet`, `ukiyoe=.6,monet=.4`.

    Raises:
        OptionError: It is not written so.
    """
    if "=" not in text:
        return text
    parts = [part.rpartition("=") for part in text.split(",")]
    try:
        blend = {name.strip(): float(weight) for name, _, weight in parts}
    except ValueError:
        blend = {}
    if len(blend) < len(parts):
        raise OptionError(f"a blend is written ukiyoe=.6,monet=.4, each style once, not {text!r:.100}")
    return blend


class Stylizer:
    """What paints photos. A subclass says in `_paint_pixels` how."""

    size_multiple: int = 1
    """Height and width that the network takes without cropping are multiples of this."""
    min_size: int = 1
    """The smallest height and width that the network takes."""
    margin: int = 0
    """Pixels that are added on each side, and cut away again."""

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
        *conditions: Any,
    ) -> Any:
        """See `stylize`; `conditions` is what the network takes besides the picture."""
        if not 0.0 <= strength <= 1.0:
            raise OptionError(f"strength must lie between 0 and 1, not {strength}")
        strength = float(strength)
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

    def _paint(self, photo: Image.Image, small: Image.Image, strength: float, *conditions: Any) -> Image.Image:
        """The painting of `photo`, of the same size, for which the network sees its copy `small`."""
        painting = self._paint_pixels(small, *conditions)
        if painting.size != photo.size:
            painting = painting.resize(photo.size, Image.Resampling.LANCZOS)
        return Image.blend(photo, painting, strength) if strength < 1.0 else painting

    def _paint_pixels(self, image: Image.Image, *conditions: Any) -> Image.Image:
        """What the network makes of an RGB picture, of the same size."""
        raise NotImplementedError

    def padding(self, height: int, width: int) -> tuple[tuple[int, int], tuple[int, int], bool]:
        """Pixels to add (top and bottom, left and right) to a picture, and whether they can mirror it, which needs
        more pixels than it adds; where they cannot, its border is repeated."""
        sides = [self._missing(size) for size in (height, width)]
        split = [(missing // 2, missing - missing // 2) for missing in sides]
        mirrored = all(max(both) < size for both, size in zip(split, (height, width), strict=True))
        return split[0], split[1], mirrored

    def _missing(self, size: int) -> int:
        """Pixels to add to a height or width."""
        least = max(size + 2 * self.margin, self.min_size)
        return math.ceil(least / self.size_multiple) * self.size_multiple - size


class StyledStylizer(Stylizer):
    """What paints photos in many styles. A subclass has `styles` and `numbers_of`."""

    styles: tuple[str, ...]
    """Names of the styles."""

    def numbers_of(self, style: Blend) -> Any:
        """The numbers of a style, or of a blend: the mean, by the weights given.

        Raises:
            OptionError: There is no such style, or a weight is no number from 0, or all are 0.
        """
        raise NotImplementedError

    def stylize(
        self,
        image: ImageSource | Sequence[ImageSource],
        style: Blend,
        strength: float = 1.0,
        preserve_color: bool = False,
        max_pixels: int = 4_000_000,
    ) -> Any:
        """Turn a photo into a painting of the same size. See `Stylizer.stylize`.

        Args:
            image: A picture or a list of pictures.
            style: The name of a style, or a blend.
            strength: 0 gives the photo back, 1 the painting. Between them the network paints with `strength` times
                the style's numbers, and (1 - strength) of what it would change without a style is put back.
            preserve_color: Keep the photo's colours.
            max_pixels: The most that the network sees.

        Raises:
            ImageError: A picture cannot be read.
            OptionError: There is no such style, or another argument is outside its range.
        """
        return self._stylize(image, strength, preserve_color, max_pixels, self.numbers_of(style)[None])

    def _paint(self, photo: Image.Image, small: Image.Image, strength: float, numbers: Any) -> Image.Image:
        paint = super()._paint
        if strength == 1.0:
            return paint(photo, small, 1.0, numbers)
        painting = paint(photo, small, 1.0, strength * numbers)
        return add_difference(painting, photo, paint(photo, small, 1.0, 0 * numbers), 1 - strength)


def blend_shares(style: Blend, styles: Sequence[str]) -> list[tuple[int, float]]:
    """Places in `styles` of those that a blend names, each with its share of the whole.

    Raises:
        OptionError: See `StyledStylizer.numbers_of`.
    """
    blend = {style: 1.0} if isinstance(style, str) else style
    if not isinstance(blend, Mapping) or not blend:
        raise OptionError(f"a style is a name, or names with weights, not {style!r:.80}")
    for weight in blend.values():
        if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not 0 <= weight < math.inf:
            raise OptionError(f"a weight in a blend is a number from 0, not {weight!r:.40}")
    places = [place_of(name, styles) for name in blend]
    total = math.fsum(blend.values())
    if not total > 0:
        raise OptionError("a blend needs a weight above 0")
    return [(place, weight / total) for place, weight in zip(places, blend.values(), strict=True)]


def place_of(name: str, styles: Sequence[str]) -> int:
    """Where a style stands among others.

    Raises:
        OptionError: It does not.
    """
    if name not in styles:
        raise OptionError(f"there is no style {name!r:.100} here; there are: {some(styles, 24) or 'none'}")
    return styles.index(name)


def fit_pixels(size: tuple[int, int], max_pixels: int) -> tuple[int, int]:
    """The largest (width, height) of the same shape with at most `max_pixels` pixels; never larger than `size`."""
    width, height = size
    if width * height <= max_pixels:
        return size
    scale = math.sqrt(max_pixels / (width * height))
    # Of a very long picture one pixel across is left, so the other side must give way further.
    return min(max(1, int(width * scale)), max_pixels), min(max(1, int(height * scale)), max_pixels)
