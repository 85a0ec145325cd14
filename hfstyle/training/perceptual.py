"""The terms on VGG16 features, which any method can add: Gram-matrix style, feature content, a discriminator."""

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from accelerate import Accelerator
from torch import nn
from tqdm import tqdm

from hfstyle.data.streams import PictureStream, StyledStream
from hfstyle.discriminators import FeatureDiscriminator
from hfstyle.features import CONTENT_LAYER, STYLE_LAYERS, VGG16Features
from hfstyle.losses import content_loss, discriminator_loss, generator_loss, gram_loss, gram_matrix
from hfstyle.training.adversary import set_requires_grad
from hfstyle.training.config import PictureConfig, StyledConfig
from hfstyle.training.diffaugment import diff_augment
from hfstyle.training.noise import Noise
from hfstyle.training.start import start_feature_discriminator

REFERENCE_CROPS = 64
"""Crops of paintings whose mean Gram matrices are the style."""


class Features(NamedTuple):
    """VGG16 features of painted photos, by layer; both empty where no term needs them."""

    plain: dict[str, torch.Tensor]
    """Of the pictures as they are."""
    shown: dict[str, torch.Tensor]
    """What the discriminator is shown: those of the pictures as `diff_augment` changed them."""

    def detach(self) -> "Features":
        """The same, without what gradients would need."""
        return Features(*({layer: value.detach() for layer, value in features.items()} for features in self))


class FeatureTerms:
    """Losses on VGG16 features of painted photos: near the paintings in texture, near the photo in content, and for
    one of the paintings in the eyes of a discriminator that looks at nothing else.

    The style is the mean of the Gram matrices of the first `REFERENCE_CROPS` paintings of the stream, or of each of
    its styles, so it is the same after a resume.

    Args:
        config: Its `lambda_gram`, `lambda_content` (or `content_of`, for single styles) and `lambda_features` are the
            weights; 0 leaves a term out. Its `diffaugment` changes what the discriminator sees.
        stream: Where the paintings come from.
    """

    def __init__(self, config: PictureConfig, stream: PictureStream, accelerator: Accelerator):
        self.accelerator = accelerator
        self.lambda_gram = config.lambda_gram
        of_all = getattr(config, "lambda_content", 0.0)
        weights = [of_all]
        if isinstance(config, StyledConfig):
            of_some = config.contents_of
            weights = [of_some.get(style, of_all) for style in config.pictures_of]
        self.content_weights = torch.tensor(weights, device=accelerator.device) if any(weights) else None
        self.lambda_features = config.lambda_features
        self.discriminator = start_feature_discriminator(config) if self.lambda_features else None
        self.diffaugment = config.diffaugment if self.discriminator else ""
        self.plain = set(STYLE_LAYERS if self.lambda_gram else ())
        if self.content_weights is not None:
            self.plain.add(CONTENT_LAYER)
        layers = self.plain | set(FeatureDiscriminator.LAYERS if self.discriminator else ())
        if not self.diffaugment:
            self.plain = layers  # one pass through the network is enough for both
        self.network = VGG16Features(sorted(layers)).to(accelerator.device) if layers else None
        self.style: dict[str, torch.Tensor] = {}
        if self.lambda_gram and isinstance(stream, StyledStream):
            self.style = self._mean_grams([functools.partial(stream.picture_of, n) for n in range(stream.styles)])
        elif self.lambda_gram:
            self.style = {layer: grams[0] for layer, grams in self._mean_grams([stream.style]).items()}

    @property
    def networks(self) -> dict[str, nn.Module]:
        """What learns here."""
        return {"feature_discriminator": self.discriminator} if self.discriminator else {}

    def features(self, painted: torch.Tensor, noise: Noise) -> Features:
        """What the losses are computed from, of (batch, 3, height, width) in [-1, 1]."""
        if self.network is None:
            return Features({}, {})
        with self.accelerator.autocast():
            plain = self.network(painted, self.plain) if self.plain else {}
            return Features(plain, self._shown(painted, noise) if self.diffaugment else plain)

    def losses(
        self, features: Features, photos: torch.Tensor, styles: torch.Tensor | None = None
    ) -> dict[str, torch.Tensor]:
        """The weighted terms of a generator.

        Args:
            features: Of the painted photos.
            photos: (batch, 3, height, width) in [-1, 1].
            styles: Numbers of the styles, int64 (batch,), where there are several.
        """
        losses = {}
        if self.lambda_gram:
            targets = {layer: grams if styles is None else grams[styles] for layer, grams in self.style.items()}
            losses["gram"] = self.lambda_gram * gram_loss(features.plain, targets)
        if self.content_weights is not None:
            weights = self.content_weights if styles is None else self.content_weights[styles]
            with self.accelerator.autocast(), torch.no_grad():
                kept = self.network(photos, [CONTENT_LAYER])[CONTENT_LAYER]
            losses["content"] = content_loss(features.plain[CONTENT_LAYER], kept, weights)
        if self.discriminator is not None:
            set_requires_grad(False, self.discriminator)
            outputs = self.discriminator(features.shown, styles)
            losses["adversarial_features"] = self.lambda_features * generator_loss(outputs, "hinge")
        return losses

    def discriminator_losses(
        self, features: Features, paintings: torch.Tensor, noise: Noise, styles: torch.Tensor | None = None
    ) -> dict[str, torch.Tensor]:
        """What the discriminator of features learns from, if there is one: paintings of the same `styles`, if several,
        and the features of painted photos, into which no gradient goes."""
        if self.discriminator is None:
            return {}
        set_requires_grad(True, self.discriminator)
        with self.accelerator.autocast(), torch.no_grad():
            real = self._shown(paintings, noise)
        both = {layer: torch.cat([value, features.shown[layer].detach()]) for layer, value in real.items()}
        outputs = self.discriminator(both, None if styles is None else styles.repeat(2))
        on_real, on_fake = zip(*(output.chunk(2) for output in outputs), strict=True)
        return {"discriminator_features": discriminator_loss(on_real, on_fake, "hinge")}

    def _shown(self, pictures: torch.Tensor, noise: Noise) -> dict[str, torch.Tensor]:
        return self.network(diff_augment(pictures, self.diffaugment, noise), FeatureDiscriminator.LAYERS)

    @torch.no_grad()
    def _mean_grams(self, styles: Sequence[Callable[[int], torch.Tensor]]) -> dict[str, torch.Tensor]:
        """The mean Gram matrices of the first `REFERENCE_CROPS` paintings of each style: layer name -> (styles,
        channels, channels)."""
        grams = {layer: [0.0] * len(styles) for layer in STYLE_LAYERS}
        crops = list(itertools.product(range(len(styles)), range(REFERENCE_CROPS)))
        quiet = not self.accelerator.is_main_process
        for style, n in tqdm(crops, "looking at paintings", leave=False, unit="crop", delay=1, disable=quiet):
            crop = styles[style](n).unsqueeze(0).to(self.accelerator.device)
            for layer, value in self.network(crop, STYLE_LAYERS).items():
                grams[layer][style] += gram_matrix(value)[0] / REFERENCE_CROPS
        return {layer: torch.stack(values) for layer, values in grams.items()}
