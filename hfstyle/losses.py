"""Losses as pure functions, each with its formula and where it comes from."""

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
import torch.nn.functional as F

from hfstyle.errors import MissingExtraError

GANLoss = Literal["lsgan", "log", "hinge"]

COLOUR_DIRECTIONS = (
    (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (1, -1, 0), (1, 0, 1), (1, 0, -1), (0, 1, 1), (0, 1, -1),
)  # fmt: skip
"""Directions in Lab along which colours are compared: lightness, green to red, blue to yellow, and between them."""
COLOUR_LEVELS = 16
"""Quantiles along each."""


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


def content_loss(features: torch.Tensor, target: torch.Tensor, weights: torch.Tensor | float = 1.0) -> torch.Tensor:
    """Distance between the features of two pictures, as a part of the second's. Returns a scalar.

    Mean over pictures of |F - P|² / |P|²: Gatys et al. 2016, eq. 1 (Johnson et al. 2016, eq. 2), divided by the
    target's own size.

    Args:
        features: (batch, channels, height, width).
        target: Of the same shape.
        weights: Of each picture (batch,), or of all.
    """
    features, target = full_precision(features), full_precision(target)
    difference = (features - target).square().sum((1, 2, 3))
    return (weights * difference / target.square().sum((1, 2, 3)).clamp_min(1e-8)).mean()


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


def to_lab(images: torch.Tensor) -> torch.Tensor:
    """sRGB in [-1, 1] to CIE L*a*b* under D65: (batch, 3, height, width), L* 0 to 100, a* and b* about -110 to 110.

    A distance of 1 is about the least that an eye sees. kornia computes it, differentiably.

    Raises:
        MissingExtraError: kornia is not installed.
    """
    try:
        from kornia.color import rgb_to_lab
    except ImportError as error:
        raise MissingExtraError("losses in Lab", "train") from error
    return rgb_to_lab((full_precision(images) + 1) / 2)


def colour_quantiles(lab: torch.Tensor, levels: int = COLOUR_LEVELS) -> torch.Tensor:
    """Which colours a picture has, wherever they are: (batch, 3, height, width) in Lab -> (batch, 9, `levels`).

    Along each of `COLOUR_DIRECTIONS` the quantiles at (j + ½) / `levels`, linear between neighbours.
    """
    directions = torch.tensor(COLOUR_DIRECTIONS, dtype=lab.dtype, device=lab.device)
    ordered = (directions / directions.norm(dim=1, keepdim=True) @ lab.flatten(2)).sort(dim=2).values
    last = ordered.shape[2] - 1
    place = (torch.arange(levels, dtype=lab.dtype, device=lab.device) + 0.5) / levels * last
    low = place.long().clamp(max=max(last - 1, 0))
    high = (low + 1).clamp(max=last)
    return torch.lerp(ordered[..., low], ordered[..., high], (place - low).expand(*ordered.shape[:2], -1))


def colour_loss(images: torch.Tensor, low: torch.Tensor, high: torch.Tensor) -> torch.Tensor:
    """How far the colours of pictures are outside those usual in a tradition, wherever they are. Returns (batch,).

    Mean over directions d and levels j of (max(Q - high, 0) + max(low - Q, 0)) / 100 with Q = Q_dj(Lab(x)). With
    low = high = Q(y) it is the sliced Wasserstein distance to y (Bonneel et al. 2015, "Sliced and Radon Wasserstein
    barycenters of measures") along nine fixed directions instead of random ones, which with the diagonals also sees
    which hues occur together. With a range, as between the quartiles of a tradition's pictures, a picture of night may
    remain one.

    Args:
        images: (batch, 3, height, width) in [-1, 1].
        low, high: `colour_quantiles` that are usual, (9, levels), or (batch, 9, levels) for each picture its own.
    """
    quantiles = colour_quantiles(to_lab(images), low.shape[-1])
    outside = (quantiles - full_precision(high)).relu() + (full_precision(low) - quantiles).relu()
    return outside.mean((1, 2)) / 100


def flatness_loss(images: torch.Tensor, scale: float = 3.0) -> torch.Tensor:
    """The part of a picture that is not flat, smoothed so that it has a gradient: from 0 to 1. Returns (batch,).

    Mean of 1 - exp(-|∇Lab|² / (2 scale²)), |∇Lab|² being the squared differences to the next pixel, over both
    directions and three channels: Welsch's function in place of the count of non-zero gradients of L0 smoothing (Xu et
    al. 2011, "Image smoothing via L0 gradient minimization"). Total variation pulls at every edge alike; this lets go
    of those well over `scale`, so fields become even and contours stay.

    Args:
        images: (batch, 3, height, width) in [-1, 1], at least 2 pixels a side.
        scale: Difference in Lab, between neighbours, at which it pulls the most.
    """
    return (1 - torch.exp(-_squared_gradient(to_lab(images)) / (2 * scale**2))).mean((1, 2))


def empty_space_loss(
    images: torch.Tensor, photos: torch.Tensor, low: torch.Tensor, high: torch.Tensor, smoothness: float = 10.0
) -> torch.Tensor:
    """How far the sky and mist of photos are from empty ground in what became of them. Returns (batch,).

    Mean of w (d + smoothness h(|∇Lab(x)|)) / 100, with d how far L* lies outside `low` to `high`, h(s) = √(1 + s²) - 1
    (about s where it can be seen) and w = `emptiness(photos)`. Pictures without sky add nothing.

    Args:
        images: What became of the photos: (batch, 3, height, width) in [-1, 1], at least 2 pixels a side.
        photos: Of the same shape.
        low, high: Lightness L* that is usual of the tradition's ground, a scalar or (batch,).
        smoothness: How much a difference between neighbours weighs, beside one from the ground.
    """
    lab = to_lab(images)
    low, high = (full_precision(bound).reshape(-1, 1, 1) for bound in (low, high))
    outside = (lab[:, 0] - high).relu() + (low - lab[:, 0]).relu()
    rough = F.pad(_squared_gradient(lab), (0, 1, 0, 1))  # the last row and column have no next
    return (emptiness(photos) * (outside + smoothness * ((1 + rough).sqrt() - 1))).mean((1, 2)) / 100


def emptiness(photos: torch.Tensor) -> torch.Tensor:
    """Where photos are bright and smooth, as sky and mist are: (batch, 3, height, width) -> (batch, height, width),
    from 0 to 1.

    exp(-|∇B|² / 2) σ((B_L - 65) / 5), B being Lab blurred (Gaussian, sigma 3 pixels): the profile's smooth area, which
    is where |∇B| < 1, with a soft edge.
    """
    from kornia.filters import gaussian_blur2d

    blurred = gaussian_blur2d(to_lab(photos), (19, 19), (3.0, 3.0), border_type="replicate")
    rough = F.pad(_squared_gradient(blurred), (0, 1, 0, 1))
    return torch.exp(-rough / 2) * torch.sigmoid((blurred[:, 0] - 65) / 5)


def _squared_gradient(lab: torch.Tensor) -> torch.Tensor:
    """Squared differences to the next pixel on the right and below, summed: (batch, height - 1, width - 1)."""
    right, below = lab.diff(dim=-1)[..., :-1, :], lab.diff(dim=-2)[..., :-1]
    return (right.square() + below.square()).sum(1)


def invented_loss(
    images: torch.Tensor, photos: torch.Tensor, free: float = 2.0, masked: float = 1.0, noise: float = 4.0
) -> torch.Tensor:
    """How much contrast pictures have that nothing in their photos explains: marks of their own, such as light streaks
    in dark woods. Returns (batch,).

    Mean of max(s - free - masked sqrt(tr Cov(x, x)), 0) / 100, where s² = tr(Cov(y, y) - Cov(y, x) (Cov(x, x) +
    noise² I)⁻¹ Cov(x, y)), with x and y the Lab of photo and picture in a Gaussian window (sigma 4 pixels): what is
    left of y after the affine function of x that fits best, as in the guided filter (He et al. 2013, "Guided image
    filtering", eq. 14). Other colours, harder or softer, are free. After Luan et al. 2017 (arXiv:1703.07511), who ask
    for a locally affine function throughout.

    Args:
        images: What became of the photos: (batch, 3, height, width) in [-1, 1].
        photos: Of the same shape.
        free: Standard deviation in Lab that costs nothing, as of the touch of a brush.
        masked: How much more costs nothing for each unit of the photo's own. Contrast hides contrast (Legge and Foley
            1980, "Contrast masking in human vision"): contours and strokes on rocks are welcome, a mark in a clear
            sky is not.
        noise: Standard deviation in Lab below which the contrast of a photo explains little.
    """
    from kornia.filters import gaussian_blur2d

    x, y = to_lab(photos), to_lab(images)
    moments = torch.cat([x, y, _products(x, x), _products(x, y), y.square().sum(1, keepdim=True)], 1)
    # The means of windows change little from one pixel to the next.
    moments = gaussian_blur2d(moments, (25, 25), (4.0, 4.0), border_type="replicate")[..., ::4, ::4].movedim(1, -1)
    x, y, xx, xy, yy = moments.split([3, 3, 9, 9, 1], -1)
    of_x, of_both = (
        products.unflatten(-1, (3, 3)) - x.unsqueeze(-1) * other.unsqueeze(-2)
        for products, other in ((xx, x), (xy, y))
    )
    explained = of_both * torch.linalg.solve(of_x + noise**2 * torch.eye(3, dtype=x.dtype, device=x.device), of_both)
    left = yy.squeeze(-1) - y.square().sum(-1) - explained.sum((-2, -1))
    left = left.clamp_min(1e-2).sqrt()  # a square root has no gradient at zero
    hidden = of_x.diagonal(dim1=-2, dim2=-1).sum(-1).clamp_min(0).sqrt()
    return (left - free - masked * hidden).relu().mean((1, 2)) / 100


def _products(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Of each channel with each: (batch, n, height, width) -> (batch, n², height, width)."""
    return (one.unsqueeze(2) * other.unsqueeze(1)).flatten(1, 2)


def full_precision(x: torch.Tensor) -> torch.Tensor:
    """Half precision has too few digits for means over a picture."""
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x
