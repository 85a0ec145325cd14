"""Losses as pure functions, each with its formula and where it comes from."""

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
import torch.nn.functional as F

GANLoss = Literal["lsgan", "log", "hinge"]


def discriminator_loss(
    real: torch.Tensor | Sequence[torch.Tensor], fake: torch.Tensor | Sequence[torch.Tensor], kind: GANLoss = "lsgan"
) -> torch.Tensor:
    """What a discriminator minimises, given its outputs on real pictures and on imitations. Returns a scalar.

    - `lsgan`: ½ E[(D(x) - 1)²] + ½ E[D(G(z))²] (Mao et al. 2017, arXiv:1611.04076, eq. 9; as in CycleGAN)
    - `log`: -½ E[log σ(D(x))] - ½ E[log(1 - σ(D(G(z))))] (Goodfellow et al. 2014, arXiv:1406.2661, eq. 1)
    - `hinge`: ½ E[max(0, 1 - D(x))] + ½ E[max(0, 1 + D(G(z)))] (Lim & Ye 2017, arXiv:1705.02894)

    Of a discriminator with several outputs, for layers or scales, each counts alike.
    """
    if not isinstance(real, torch.Tensor):
        return torch.stack([discriminator_loss(*both, kind) for both in zip(real, fake, strict=True)]).mean()
    real, fake = full_precision(real), full_precision(fake)
    if kind == "lsgan":
        return 0.5 * ((real - 1).square().mean() + fake.square().mean())
    if kind == "log":
        return 0.5 * (F.softplus(-real).mean() + F.softplus(fake).mean())
    return 0.5 * (F.relu(1 - real).mean() + F.relu(1 + fake).mean())


def generator_loss(fake: torch.Tensor | Sequence[torch.Tensor], kind: GANLoss = "lsgan") -> torch.Tensor:
    """What a generator minimises, given the discriminator's outputs on its pictures. Returns a scalar.

    - `lsgan`: E[(D(G(z)) - 1)²]
    - `log`: -E[log σ(D(G(z)))], the non-saturating form that Goodfellow et al. recommend
    - `hinge`: -E[D(G(z))]

    Of a discriminator with several outputs, each counts alike.
    """
    if not isinstance(fake, torch.Tensor):
        return torch.stack([generator_loss(one, kind) for one in fake]).mean()
    fake = full_precision(fake)
    if kind == "lsgan":
        return (fake - 1).square().mean()
    if kind == "log":
        return F.softplus(-fake).mean()
    return -fake.mean()


def l1_loss(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """E[|output - target|]: cycle consistency and identity (Zhu et al. 2017, eq. 2 and section 5.2)."""
    return F.l1_loss(full_precision(output), full_precision(target))


def total_variation(images: torch.Tensor) -> torch.Tensor:
    """Mean absolute difference between neighbouring pixels of (batch, channels, height, width), both directions added.

    Anisotropic total variation (Rudin, Osher & Fatemi 1992; in style transfer: Johnson et al. 2016, section 3.2).
    """
    images = full_precision(images)
    return images.diff(dim=-1).abs().mean() + images.diff(dim=-2).abs().mean()


def gram_matrix(features: torch.Tensor) -> torch.Tensor:
    """Which features occur together, wherever in the picture: (batch, channels, height, width) -> (batch, channels,
    channels).

    G = F Fᵀ / (channels height width), F being the features as (channels, height x width) (Gatys et al. 2016, eq. 3;
    normalised as Johnson et al. 2016, eq. 3).
    """
    batch, channels, height, width = features.shape
    flat = full_precision(features).reshape(batch, channels, height * width)
    return flat @ flat.mT / (channels * height * width)


def gram_loss(features: Mapping[str, torch.Tensor], targets: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Distance between the Gram matrices of pictures and those of a style, as a part of the latter. Returns a scalar.

    Mean over layers and pictures of |G - T|² / |T|², with Frobenius norms: Gatys et al. 2016, eq. 4 and 5, divided by
    the target's own size so that each layer counts alike whatever the network's scale.

    Args:
        features: Layer name -> (batch, channels, height, width).
        targets: Layer name -> (channels, channels) or (batch, channels, channels).
    """
    terms = []
    for name, target in targets.items():
        difference = gram_matrix(features[name]) - full_precision(target)
        terms.append((difference.square().sum((-2, -1)) / full_precision(target).square().sum((-2, -1))).mean())
    return torch.stack(terms).mean()


def content_loss(features: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Distance between the features of two pictures, as a part of the second's. Returns a scalar.

    Mean over pictures of |F - P|² / |P|²: Gatys et al. 2016, eq. 1 (Johnson et al. 2016, eq. 2), divided by the
    target's own size.
    """
    features, target = full_precision(features), full_precision(target)
    difference = (features - target).square().sum((1, 2, 3))
    return (difference / target.square().sum((1, 2, 3)).clamp_min(1e-8)).mean()


def patch_nce_loss(query: torch.Tensor, key: torch.Tensor, temperature: float = 0.07) -> torch.Tensor:
    """How badly each patch finds its counterpart among the patches of the same picture. Returns a scalar.

    Mean of -log(exp(qᵢ·kᵢ/τ) / Σⱼ exp(qᵢ·kⱼ/τ)) (Park et al. 2020, arXiv:2007.15651, eq. 3).

    Args:
        query: (batch, patches, channels), of unit length.
        key: The counterparts, of the same shape.
        temperature: τ.
    """
    query, key = full_precision(query), full_precision(key)
    similarity = query @ key.mT / temperature  # (batch, patches, patches)
    counterpart = torch.arange(query.shape[1], device=query.device).expand(len(query), -1)
    return F.cross_entropy(similarity.flatten(0, 1), counterpart.flatten())


def full_precision(x: torch.Tensor) -> torch.Tensor:
    """Half precision has too few digits for means over a picture."""
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x
