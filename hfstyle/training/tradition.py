"""The terms that the cultural profile of a tradition asks for, in Lab: its colours, its flatness, its empty space."""

import functools
from collections.abc import Callable

import torch
from accelerate import Accelerator

from hfstyle.data.streams import PictureStream, StyledStream
from hfstyle.evaluation.culture import DARK, RANGE
from hfstyle.losses import colour_loss, colour_quantiles, empty_space_loss, flatness_loss, to_lab
from hfstyle.training.config import PictureConfig
from hfstyle.training.perceptual import REFERENCE_CROPS

QUARTILES = torch.tensor([0.25, 0.75])


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
        labs = [_first(painting) for painting in paintings]
        usual = torch.stack([torch.quantile(colour_quantiles(lab), QUARTILES, dim=0) for lab in labs])
        self.low, self.high = usual.to(device).unbind(1)
        self.ground = torch.stack(
            [_on_the_scale_of(lab, recipe.ground) for lab, recipe in zip(labs, stream.recipes, strict=True)]
        ).to(device)
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


def _first(painting: Callable[[int], torch.Tensor]) -> torch.Tensor:
    """The first paintings in Lab: (crops, 3, height, width)."""
    return to_lab(torch.stack([painting(n) for n in range(REFERENCE_CROPS)]))


def _on_the_scale_of(lab: torch.Tensor, lightness: tuple[float, float]) -> torch.Tensor:
    """Lightness as the profile has it, where 15 is a picture's dark and 85 its light, as L* of these pictures."""
    dark, light = torch.quantile(lab[:, 0].flatten(1), torch.tensor([0.05, 0.95]), dim=1).median(1).values
    return dark + (torch.tensor(lightness) - DARK) / RANGE * (light - dark)
