"""The terms that the cultural profile of a tradition asks for, in Lab: its colours, its flatness, its empty space."""

import functools
from collections.abc import Callable

import torch
from accelerate import Accelerator

from hfstyle.data.streams import PictureStream, StyledStream
from hfstyle.losses import colour_loss, colour_quantiles, empty_space_loss, flatness_loss, to_lab
from hfstyle.training.config import PictureConfig
from hfstyle.training.perceptual import REFERENCE_CROPS


class TraditionTerms:
    """Losses with which painted photos do with colour and space what the tradition does, as its recipe weighs them.

    The usual colours are those between the quartiles of the first `REFERENCE_CROPS` paintings of the stream, or of
    each of its styles, so they are the same after a resume.

    Args:
        config: Its `lambda_tradition` is the weight of all; 0 leaves them out.
        stream: Where the paintings come from, with a recipe for each style.
    """

    def __init__(self, config: PictureConfig, stream: PictureStream, accelerator: Accelerator):
        self.weight = getattr(config, "lambda_tradition", 0.0)
        if not self.weight:
            return
        device = accelerator.device
        styled = isinstance(stream, StyledStream)
        count = stream.styles if styled else 1
        paintings = [functools.partial(stream.picture_of, n) for n in range(count)] if styled else [stream.style]
        usual = torch.stack([_usual_colours(painting) for painting in paintings])
        self.low, self.high = usual.to(device).unbind(1)
        self.ground = torch.tensor([recipe.ground for recipe in stream.recipes], device=device)
        self.weights = {
            name: torch.tensor([getattr(recipe, name) for recipe in stream.recipes], device=device)
            for name in ("colour", "flatness", "empty_space")
        }

    def losses(
        self, painted: torch.Tensor, photos: torch.Tensor, styles: torch.Tensor | None = None
    ) -> dict[str, torch.Tensor]:
        """The weighted terms of a generator.

        Args:
            painted: (batch, 3, height, width) in [-1, 1].
            photos: What it was painted from, of the same shape.
            styles: Numbers of the styles, int64 (batch,), where there are several.
        """
        if not self.weight:
            return {}
        if styles is None:
            styles = torch.zeros(len(photos), dtype=torch.int64, device=photos.device)
        low, high = self.ground[styles].unbind(1)
        with torch.autocast(painted.device.type, enabled=False):  # half precision cannot tell near colours apart
            each = {
                "colour": colour_loss(painted, self.low[styles], self.high[styles]),
                "flatness": flatness_loss(painted),
                "empty_space": empty_space_loss(painted, photos, low, high),
            }
        return {name: self.weight * (self.weights[name][styles] * loss).mean() for name, loss in each.items()}


def _usual_colours(painting: Callable[[int], torch.Tensor]) -> torch.Tensor:
    """The quartiles, lower and upper, of what `colour_quantiles` finds in paintings: (2, directions, levels)."""
    crops = torch.stack([painting(n) for n in range(REFERENCE_CROPS)])
    return torch.quantile(colour_quantiles(to_lab(crops)), torch.tensor([0.25, 0.75]), dim=0)
