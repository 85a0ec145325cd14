"""Models of one style that show a bank of many how they paint (knowledge distillation, Hinton et al. 2015,
arXiv:1503.02531; for generators of pictures Li et al. 2020, arXiv:2003.08936)."""

import torch
import torch.nn.functional as F
from accelerate import Accelerator

from hfstyle.auto import load_painter
from hfstyle.features import CONTENT_LAYER, VGG16Features
from hfstyle.losses import content_loss, full_precision, gram_loss, gram_matrix, l1_loss
from hfstyle.training.config import StyledConfig

LAYERS = ("relu1_2", "relu2_2", "relu3_3")
COLOUR, TEXTURE, CONTENT = 5.0, 18.0, 0.5
"""Weights of the three distances. By pixels or features alone the bank would paint the mean of what it cannot foresee,
which has no strokes."""
AREA = 8
"""Side in pixels of the areas whose mean colours are compared."""


class Teachers:
    """The distance from what the bank makes of a photo to what the teacher of that style makes of it: colours of small
    areas, Gram matrices of VGG16 features, and the features themselves.

    Args:
        config: Its `teachers` are loaded; `lambda_teacher` is the weight.

    Raises:
        HfstyleError: A teacher could not be loaded; see `load_painter`.
    """

    def __init__(self, config: StyledConfig, accelerator: Accelerator):
        self.weight = config.lambda_teacher
        self.accelerator = accelerator
        known = list(config.pictures_of)
        self.painters = {
            known.index(style): load_painter(model, accelerator.device) for style, model in config.teachers_of.items()
        }
        self.network = VGG16Features(LAYERS).to(accelerator.device) if self.painters else None

    def losses(self, painted: torch.Tensor, photos: torch.Tensor, styles: torch.Tensor) -> dict[str, torch.Tensor]:
        """The weighted term of a generator; none where no style has a teacher.

        Args:
            painted: (batch, 3, height, width) in [-1, 1].
            photos: What it was painted from, of the same shape.
            styles: Numbers of the styles, int64 (batch,).
        """
        if not self.painters:
            return {}
        shown, taught = photos.clone(), torch.zeros_like(styles, dtype=torch.bool)
        with torch.no_grad():
            for style, painter in self.painters.items():
                if (mine := styles == style).any():
                    shown[mine] = painter(photos[mine]).to(shown.dtype)
                    taught |= mine
        if not taught.any():
            return {"teacher": photos.new_zeros(())}
        distance = self._distance(full_precision(painted[taught]), shown[taught])
        return {"teacher": self.weight * distance * taught.sum() / len(photos)}

    def _distance(self, painted: torch.Tensor, shown: torch.Tensor) -> torch.Tensor:
        """The mean over pictures. Features are those of a corner: less than half of the work, and as random as all."""
        colour = l1_loss(F.avg_pool2d(painted, AREA), F.avg_pool2d(shown, AREA))
        side = max(32, painted.shape[-1] * 2 // 3)
        with self.accelerator.autocast():
            with torch.no_grad():
                wanted = self.network(shown[..., :side, :side])
            found = self.network(painted[..., :side, :side])
        texture = gram_loss(found, {layer: gram_matrix(value) for layer, value in wanted.items()})
        content = content_loss(found[CONTENT_LAYER], wanted[CONTENT_LAYER])
        return COLOUR * colour + TEXTURE * texture + CONTENT * content
