"""CUT and FastCUT: one direction, held to the photo by contrasting patches (Park et al. 2020, arXiv:2007.15651)."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from accelerate import Accelerator
from torch import nn

from hfstyle.data.streams import PictureStream
from hfstyle.losses import full_precision, patch_nce_loss
from hfstyle.training.adversary import Adversary, init_weights, set_requires_grad
from hfstyle.training.config import UnpairedConfig
from hfstyle.training.material import unpaired
from hfstyle.training.method import Method
from hfstyle.training.noise import Noise
from hfstyle.training.start import start_chosen_discriminator, start_resnet


@dataclass(kw_only=True)
class CUTTrainConfig(UnpairedConfig):
    """Photos to paintings, one direction, by contrasting patches (CUT; --fast for FastCUT): half CycleGAN's work."""

    fast: bool = False
    """FastCUT: --lambda-nce 10 where not given, no contrast of paintings with themselves, mirrored queries."""
    lambda_nce: float | None = None
    """Weight of the PatchNCE loss. (The paper: 1; FastCUT: 10.)"""
    pool_size: int = 0
    """Past fakes that the discriminator is shown. (The paper: none.)"""
    nce_patches: int = 256
    """Patches of each picture and layer that are contrasted. (The paper: 256.)"""
    nce_temperature: float = 0.07
    """Temperature of the contrast. (The paper: 0.07.)"""

    def check(self) -> None:
        super().check()
        self._at_least(0, "lambda_nce")
        self._at_least(2, "nce_patches")
        self._at_least(1e-3, "nce_temperature")


class CUT(Method):
    """One direction; each patch of the painting is nearer to the photo's patch in its place than to any other."""

    Config = CUTTrainConfig
    name = "cut"
    summary = (
        "Turns photographs into paintings, with a network that learnt the style from unpaired pictures by contrasting "
        "patches (CUT, [arXiv:2007.15651](https://arxiv.org/abs/2007.15651))."
    )
    config: CUTTrainConfig
    material = staticmethod(unpaired)

    def __init__(self, config: CUTTrainConfig, accelerator: Accelerator, stream: PictureStream):
        super().__init__(config, accelerator, stream)
        self.lambda_nce = config.lambda_nce if config.lambda_nce is not None else (10.0 if config.fast else 1.0)
        generator = start_resnet(config)
        discriminator = start_chosen_discriminator(config)
        # Its widths are known from the generator's, so unlike the reference's it exists before the first batch.
        projector = init_weights(PatchProjector(generator.encoder_channels))
        self.networks = {
            "generator": generator,
            "discriminator": discriminator,
            "projector": projector,
        }
        self.optimizers = {
            "generators": [*generator.parameters(), *projector.parameters()],
            "discriminators": [*discriminator.parameters()],
        }
        self.add_terms(stream)
        self.paintings = Adversary(config.gan_loss, config.pool_size, config.diffaugment)
        self.pools = {"paintings": self.paintings.pool}

    def backward(self, images: list[torch.Tensor], noise: Noise, share: float) -> dict[str, torch.Tensor]:
        c = self.config
        generator, discriminator, *_ = self.networks.values()
        photos, paintings = images

        set_requires_grad(False, discriminator)
        inputs = photos if c.fast else torch.cat([photos, paintings])
        fakes, *same_paintings = generator(inputs).split(len(photos))
        losses = {
            # the discriminator of paintings takes it for one
            "adversarial": self.paintings.generator_loss(discriminator, fakes, noise),
            # each patch is nearer to the photo's patch in its place than to any other of the photo
            "nce": self._nce(fakes, photos, noise),
        }
        if same_paintings:
            # the same between a painting and what becomes of it, which keeps colours as an identity loss does
            losses["nce_identity"] = self._nce(same_paintings[0], paintings, noise) / 2
            losses["nce"] = losses["nce"] / 2
        features = self.feature_terms.features(fakes, noise)
        losses |= self.terms(fakes, features, photos)
        self.accelerator.backward(sum(losses.values()) * share)

        set_requires_grad(True, discriminator)
        judged = self.feature_terms.discriminator_losses(features, paintings, noise)
        judged["discriminator"] = self.paintings.discriminator_loss(
            discriminator, paintings, fakes, noise, photos if c.photo_negatives else None
        )
        self.accelerator.backward(sum(judged.values()) * share)
        return {name: loss.detach() for name, loss in (losses | judged).items()}

    def _nce(self, output: torch.Tensor, source: torch.Tensor, noise: Noise) -> torch.Tensor:
        c = self.config
        generator, projector = self.networks["generator"], self.networks["projector"]
        size = len(output)
        if c.fast:
            # Half of the queries are mirrored, so that features follow the content and not the place.
            mirrored = (noise.uniform(size) < 0.5).to(output.device)[:, None, None, None]
            queries = generator(torch.where(mirrored, output.flip(-1), output), encode=True)
            queries = [torch.where(mirrored, features.flip(-1), features) for features in queries]
        else:
            queries = generator(output, encode=True)
        keys = generator(source, encode=True)
        places = [noise.choice(layer.shape[-2] * layer.shape[-1], c.nce_patches, size) for layer in keys]
        terms = [
            patch_nce_loss(query, key.detach(), c.nce_temperature)
            for query, key in zip(projector(queries, places), projector(keys, places), strict=True)
        ]
        return self.lambda_nce * torch.stack(terms).mean()


class PatchProjector(nn.Module):
    """For each layer a two-layer perceptron to the unit sphere in which patches are compared (section 3.2).

    Layers of (batch, channels, height, width) and places in each, (batch, places) -> as many (batch, places, `width`).
    """

    def __init__(self, channels: Sequence[int], width: int = 256):
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, width)) for inputs in channels
        )

    def forward(self, features: list[torch.Tensor], places: list[torch.Tensor]) -> list[torch.Tensor]:
        projected = []
        for layer, values, place in zip(self.layers, features, places, strict=True):
            place = place.to(values.device)[:, None].expand(-1, values.shape[1], -1)
            patches = values.flatten(2).gather(2, place).mT  # (batch, places, channels)
            projected.append(F.normalize(full_precision(layer(patches)), dim=-1, eps=1e-7))
        return projected
