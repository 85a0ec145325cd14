"""The Gram-matrix style term and the feature content term, which any method can add."""

import torch
from accelerate import Accelerator

from hfstyle.data.streams import PictureStream
from hfstyle.features import VGG16Features
from hfstyle.losses import content_loss, gram_loss, gram_matrix

STYLE_LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
CONTENT_LAYER = "relu3_3"
REFERENCE_CROPS = 64
"""Crops of paintings whose mean Gram matrices are the style."""


class FeatureTerms:
    """Losses on VGG16 features of painted photos: near the paintings in texture, near the photo in content.

    The style is the mean of the Gram matrices of the first `REFERENCE_CROPS` paintings of the stream, so it is the
    same after a resume.

    Args:
        lambda_gram: Weight of the style term; 0 leaves it out.
        lambda_content: Weight of the content term; 0 leaves it out.
        stream: Where the paintings come from.
    """

    def __init__(self, lambda_gram: float, lambda_content: float, stream: PictureStream, accelerator: Accelerator):
        self.lambda_gram = lambda_gram
        self.lambda_content = lambda_content
        self.accelerator = accelerator
        layers = {*(STYLE_LAYERS if lambda_gram else ()), *((CONTENT_LAYER,) if lambda_content else ())}
        self.network = VGG16Features(sorted(layers)).to(accelerator.device) if layers else None
        self.style: dict[str, torch.Tensor] = {}
        if lambda_gram:
            with torch.no_grad():
                for n in range(REFERENCE_CROPS):
                    painting = stream.style(n).unsqueeze(0).to(accelerator.device)
                    for name, value in self.network(painting, STYLE_LAYERS).items():
                        self.style[name] = self.style.get(name, 0) + gram_matrix(value)[0] / REFERENCE_CROPS

    def __call__(self, painted: torch.Tensor, photos: torch.Tensor) -> dict[str, torch.Tensor]:
        """The weighted terms for (batch, 3, height, width) in [-1, 1]; empty where both weights are 0."""
        if self.network is None:
            return {}
        losses = {}
        with self.accelerator.autocast():
            features = self.network(painted)
            if self.lambda_content:
                with torch.no_grad():
                    kept = self.network(photos, [CONTENT_LAYER])[CONTENT_LAYER]
        if self.lambda_gram:
            losses["gram"] = self.lambda_gram * gram_loss(features, self.style)
        if self.lambda_content:
            losses["content"] = self.lambda_content * content_loss(features[CONTENT_LAYER], kept)
        return losses
