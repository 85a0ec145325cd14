"""Discriminators: networks that tell a style's pictures from imitations, patch by patch or as a whole."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageOps
from torch import nn

from hfstyle.errors import OptionError
from hfstyle.features import POOLED
from hfstyle.generators.layers import Blur2d
from hfstyle.hub import ModelConfig, PreTrainedModel, ranged
from hfstyle.images import ImageSource, read_image, split_alpha
from hfstyle.stylize import fit_pixels
from hfstyle.tensors import to_tensor


@dataclass(frozen=True)
class DiscriminatorConfig(ModelConfig):
    in_channels: int = ranged(3, 1, 64)
    """Channels of the input; 3 is RGB, 6 a photo and its painting, one behind the other."""
    ndf: int = ranged(64, 1, 512)
    """Channels after the first convolution; doubled by each of the next, up to eight times as many."""
    gan_loss: Literal["lsgan", "log", "hinge"] = "lsgan"
    """The adversarial loss it was trained with, which says what its outputs mean."""


@dataclass(frozen=True)
class StyleScore:
    """How much a picture looks like a style, by the judgement of that style's discriminator."""

    value: float
    """Mean over the patches, from 0 (an imitation) to 1 (the real thing)."""
    map: np.ndarray
    """float32 of shape (rows, columns) in [0, 1]: the same for each patch, top left first."""

    def heatmap(self, size: tuple[int, int]) -> Image.Image:
        """The map as a grey picture of `size` (width, height): white where the style is convincing."""
        return Image.fromarray((self.map * 255).round().astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)


class Discriminator(PreTrainedModel):
    """What all of them are: (batch, in_channels, height, width) in [-1, 1] -> (batch, 1, rows, columns), a number for
    each patch; a conditional one is given the photo's channels, then the painting's."""

    config: DiscriminatorConfig

    min_size: int = 1
    """The smallest height and width from which at least one patch and one value to normalise is left."""

    @torch.inference_mode()
    def score(
        self, image: ImageSource, condition: ImageSource | None = None, max_pixels: int = 1_000_000
    ) -> StyleScore:
        """How much a picture looks like the style that this network has learnt, and where.

        A style has a scale: compare pictures of one size only, near that of the training pictures.

        Args:
            image: A PIL image, a path, the bytes of a file or an open file.
            condition: The photo that the picture was made from, for a discriminator that judges both together. With
                `in_channels=6` both are in colour, with 4 the photo is grey, with 2 both.
            max_pixels: A larger picture is made smaller first.

        Raises:
            ImageError: A picture cannot be read.
            OptionError: A conditional discriminator lacks its photo, another is given one.
        """
        channels = {2: (1, 1), 4: (1, 3), 6: (3, 3)}.get(self.config.in_channels)  # of condition and picture
        if channels is None and condition is not None:
            raise OptionError("this discriminator judges a picture by itself: leave condition out")
        if channels is not None and condition is None:
            raise OptionError("this discriminator judges a painting beside its photo: score(image, condition=photo)")
        picture, _ = split_alpha(read_image(image))
        if channels is None:
            pixels = to_tensor(self._fit(picture, max_pixels), self.config.in_channels)
        else:
            photo, _ = split_alpha(read_image(condition))
            photo = photo.resize(picture.size, Image.Resampling.LANCZOS)
            pairs = zip((photo, picture), channels, strict=True)
            pixels = torch.cat([to_tensor(self._fit(one, max_pixels), count) for one, count in pairs])
        return self._judged(self(pixels.unsqueeze(0).to(self.device, self.dtype)))

    def _judged(self, outputs: torch.Tensor | Sequence[torch.Tensor]) -> StyleScore:
        """The score that outputs, (1, 1, rows, columns), mean; of several, the finest first, each counts alike."""
        outputs = [outputs] if isinstance(outputs, torch.Tensor) else outputs
        # What the losses drive real and imitated patches to: lsgan 1 and 0, hinge beyond 1 and -1, log a logit.
        read = {
            "lsgan": lambda x: x.clamp(0, 1),
            "log": torch.sigmoid,
            "hinge": lambda x: (x / 2 + 0.5).clamp(0, 1),
        }[self.config.gan_loss]
        scales = [read(output.float()) for output in outputs]
        value = torch.stack([patches.mean() for patches in scales]).mean().item()
        maps = [F.interpolate(patches, scales[0].shape[2:])[0, 0] for patches in scales]
        return StyleScore(value, torch.stack(maps).mean(0).cpu().numpy())

    def _fit(self, picture: Image.Image, max_pixels: int) -> Image.Image:
        """The picture at a size that the network takes."""
        width, height = fit_pixels(picture.size, max_pixels)
        return picture.resize((max(width, self.min_size), max(height, self.min_size)), Image.Resampling.LANCZOS)


@dataclass(frozen=True)
class PatchGANConfig(DiscriminatorConfig):
    n_layers: int = ranged(3, 1, 6)
    """Halvings: 3 sees patches of 70x70 pixels, 1 of 16x16, 5 of 286x286 (if `shape` is the paper's)."""
    norm: Literal["instance", "batch", "none"] = "instance"
    """Normalisation between the convolutions."""
    downsample: Literal["stride", "blur"] = "stride"
    """How it shrinks: strided convolutions as in the paper, or a blur after the convolution, which leaves no aliasing
    (Zhang 2019, arXiv:1904.11486), as CUT's code does."""
    shape: Literal["paper", "pytorch_gan"] = "paper"
    """The paper's, or that of the widespread PyTorch-GAN, which HugGAN took over: no convolution of stride 1 before
    the last, and zeros enough that the map is as large as the picture divided by 2 ** n_layers."""


class PatchGANDiscriminator(Discriminator):
    """C64-C128-C256-C512 and a 1-channel convolution, kernels of 4 (Isola et al. 2017, arXiv:1611.07004, 6.1.2).

    (batch, in_channels, height, width) in [-1, 1] -> (batch, 1, rows, columns), a number for each overlapping patch.
    With `n_layers=3` height and width are at least 24. `in_channels=6` is pix2pix's, which sees the photo too.
    """

    Config = PatchGANConfig
    config: PatchGANConfig

    def __init__(self, config: PatchGANConfig | None = None, **options):
        super().__init__(config, **options)
        self.layers = _patchgan(self.config)

    @property
    def min_size(self) -> int:
        return 2 ** (self.config.n_layers) * 3

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


def _patchgan(c: PatchGANConfig) -> nn.Sequential:
    as_paper, blurred = c.shape == "paper", c.downsample == "blur"
    stride = 1 if blurred else 2
    shrink = [Blur2d()] if blurred else []
    widths = [min(2**i, 8) * c.ndf for i in range(c.n_layers + as_paper)]
    layers = [nn.Conv2d(c.in_channels, c.ndf, 4, stride=stride, padding=1), nn.LeakyReLU(0.2, inplace=True), *shrink]
    for i, (inputs, outputs) in enumerate(zip(widths, widths[1:], strict=False), start=1):
        if i < c.n_layers:
            layers += [*_block(inputs, outputs, c.norm, kernel=4, stride=stride, padding=1), *shrink]
        else:
            layers += _block(inputs, outputs, c.norm, kernel=4, stride=1, padding=1)
    if not as_paper:
        layers.append(nn.ZeroPad2d((1, 0, 1, 0)))
    return nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 4, padding=1))


@dataclass(frozen=True)
class MultiScaleConfig(PatchGANConfig):
    n_scales: int = ranged(3, 1, 5)
    """PatchGANs, each of which sees the picture at half the size of the one before."""


class MultiScaleDiscriminator(Discriminator):
    """Several PatchGANs that look at a picture in full, half and quarter size, so that the large as well as the small
    is judged (Wang et al. 2018, "pix2pixHD", arXiv:1711.11585, section 3.2).

    (batch, in_channels, height, width) in [-1, 1] -> for each scale (batch, 1, rows, columns), the finest first.
    """

    Config = MultiScaleConfig
    config: MultiScaleConfig

    def __init__(self, config: MultiScaleConfig | None = None, **options):
        super().__init__(config, **options)
        self.scales = nn.ModuleList(_patchgan(self.config) for _ in range(self.config.n_scales))

    @property
    def min_size(self) -> int:
        return 2 ** (self.config.n_layers + self.config.n_scales - 1) * 3

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        outputs = [self.scales[0](x)]
        for scale in self.scales[1:]:
            x = F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)
            outputs.append(scale(x))
        return outputs


@dataclass(frozen=True)
class StylePatchGANConfig(PatchGANConfig):
    styles: tuple[str, ...] = ()
    """The styles that it tells apart, in the order of their numbers."""


class StylePatchGANDiscriminator(PatchGANDiscriminator):
    """A PatchGAN that is told which style a picture claims to be of, by projection (Miyato & Koyama 2018,
    arXiv:1802.05637, eq. 3): how much a patch is like a painting of any style, and what is seen in it times what is to
    be seen in that style.

    (batch, in_channels, height, width) in [-1, 1] and the styles' numbers, int64 (batch,) -> (batch, 1, rows,
    columns).
    """

    Config = StylePatchGANConfig
    config: StylePatchGANConfig

    def __init__(self, config: StylePatchGANConfig | None = None, **options):
        super().__init__(config, **options)
        self.embedding = nn.Embedding(len(self.config.styles), self.layers[-1].in_channels)

    def forward(self, x: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
        seen = self.layers[:-1](x)
        # The last layer's kernel of 4 leaves one place less than it sees.
        return self.layers[-1](seen) + F.avg_pool2d(_projection(seen, self.embedding(style)), 2, stride=1)

    @torch.inference_mode()
    def score(self, image: ImageSource, style: str, max_pixels: int = 1_000_000) -> StyleScore:
        """How much a picture looks like one of the styles, and where. See `Discriminator.score`.

        Raises:
            ImageError: The picture cannot be read.
            OptionError: It does not know the style.
        """
        if style not in self.config.styles:
            raise OptionError(f"there is no style {style!r:.60} here; there are: {', '.join(self.config.styles)}")
        picture, _ = split_alpha(read_image(image))
        pixels = to_tensor(self._fit(picture, max_pixels), self.config.in_channels)
        number = torch.tensor([self.config.styles.index(style)], device=self.device)
        return self._judged(self(pixels.unsqueeze(0).to(self.device, self.dtype), number))


@dataclass(frozen=True)
class FeatureDiscriminatorConfig(ModelConfig):
    styles: tuple[str, ...] = ()
    """The styles that it tells apart, in the order of their numbers; none where there is only one."""
    width: int = ranged(64, 1, 512)
    """Channels of its layers."""


class FeatureDiscriminator(PreTrainedModel):
    """Tells paintings from imitations by what a pretrained network sees in them, which it cannot change: so it learns
    from few pictures, and asks for shapes and textures rather than the grain of a scan (Sauer et al. 2021, "Projected
    GANs converge faster", arXiv:2111.01007). Where there are several styles it is told which, by projection, as
    `StylePatchGANDiscriminator`.

    Features of `hfstyle.features.VGG16Features` and the styles' numbers, int64 (batch,) -> for each of `LAYERS`
    (batch, 1, rows, columns).
    """

    Config = FeatureDiscriminatorConfig
    config: FeatureDiscriminatorConfig

    LAYERS: ClassVar[dict[str, int]] = {"relu2_2": 128, "relu3_3": 256, "relu4_3": 512}
    """What it looks at, with the channels."""

    def __init__(self, config: FeatureDiscriminatorConfig | None = None, **options):
        super().__init__(config, **options)
        c = self.config
        self.heads = nn.ModuleDict(
            {layer: _FeatureHead(channels, c.width, len(c.styles)) for layer, channels in self.LAYERS.items()}
        )

    def forward(self, features: Mapping[str, torch.Tensor], style: torch.Tensor | None = None) -> list[torch.Tensor]:
        return [head(features[layer] / POOLED[layer], style) for layer, head in self.heads.items()]


class _FeatureHead(nn.Module):
    """(batch, inputs, height, width) and (batch,) -> (batch, 1, height / 2, width / 2)"""

    def __init__(self, inputs: int, width: int, styles: int):
        super().__init__()
        self.mix = SpectralConv2d(inputs, width, 1)
        self.look = SpectralConv2d(width, width, 3, stride=2, padding=1)
        self.last = SpectralConv2d(width, 1, 1)
        self.embedding = nn.Embedding(styles, width) if styles else None

    def forward(self, features: torch.Tensor, style: torch.Tensor | None) -> torch.Tensor:
        seen = F.leaky_relu(self.look(F.leaky_relu(self.mix(features), 0.2)), 0.2)
        if self.embedding is None:
            return self.last(seen)
        return self.last(seen) + _projection(seen, F.normalize(self.embedding(style)))


class SpectralConv2d(nn.Conv2d):
    """A convolution whose weights, as a matrix of outputs by all inputs, are divided by their largest singular value
    (Miyato et al. 2018, arXiv:1802.05957), so that a discriminator cannot grow steep. Computed, not approached step by
    step as torch's `spectral_norm` does: so it has no state, and a batch in parts is the batch as a whole."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.autocast(x.device.type, enabled=False):  # in which GPUs have no eigenvalues
            # Of a copy: where memory is not aligned, as in a mapped file, BLAS adds up in another order.
            weight = self.weight.flatten(1).clone()
            largest = torch.linalg.eigvalsh(weight @ weight.mT)[-1].sqrt()  # far faster than all singular values
        return self._conv_forward(x, self.weight / largest, self.bias)


def _projection(seen: torch.Tensor, expected: torch.Tensor) -> torch.Tensor:
    """Inner product at each place: (N, C, H, W), (N, C) -> (N, 1, H, W)"""
    return torch.einsum("nchw,nc->nhw", seen, expected).unsqueeze(1)


@dataclass(frozen=True)
class PixelConfig(DiscriminatorConfig):
    norm: Literal["instance", "batch", "none"] = "instance"
    """Normalisation between the convolutions."""


class PixelDiscriminator(Discriminator):
    """C64-C128 and a 1-channel convolution, kernels of 1: a PatchGAN of 1x1 patches (Isola et al. 2017, 6.1.2).

    (batch, in_channels, height, width) in [-1, 1] -> (batch, 1, height, width). It judges colours and nothing else.
    Height and width are at least 2.
    """

    Config = PixelConfig
    config: PixelConfig
    min_size = 2

    def __init__(self, config: PixelConfig | None = None, **options):
        super().__init__(config, **options)
        c = self.config
        self.layers = nn.Sequential(
            nn.Conv2d(c.in_channels, c.ndf, 1),
            nn.LeakyReLU(0.2, inplace=True),
            *_block(c.ndf, 2 * c.ndf, c.norm, kernel=1),
            nn.Conv2d(2 * c.ndf, 1, 1, bias=c.norm != "batch"),  # as the reference
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


@dataclass(frozen=True)
class DCGANDiscriminatorConfig(DiscriminatorConfig):
    image_size: Literal[16, 32, 64, 128, 256] = 64
    """Height and width of the pictures in pixels."""
    norm: Literal["batch", "instance", "none"] = "batch"
    """Normalisation between the convolutions: over the batch as in the paper, of each picture alone, or none."""


class DCGANDiscriminator(Discriminator):
    """Strided convolutions down to 4x4 and one over all that is left (Radford et al. 2016, arXiv:1511.06434).

    (batch, in_channels, image_size, image_size) in [-1, 1] -> (batch, 1, 1, 1): one number a picture, a patch that is
    all of it. `score` cuts a square from the middle of a picture.
    """

    Config = DCGANDiscriminatorConfig
    config: DCGANDiscriminatorConfig

    def __init__(self, config: DCGANDiscriminatorConfig | None = None, **options):
        super().__init__(config, **options)
        c = self.config
        widths = [min(2**i, 8) * c.ndf for i in range(int(math.log2(c.image_size)) - 2)]
        layers = [nn.Conv2d(c.in_channels, c.ndf, 4, stride=2, padding=1), nn.LeakyReLU(0.2, inplace=True)]
        for inputs, outputs in zip(widths, widths[1:], strict=False):
            layers += _block(inputs, outputs, c.norm, kernel=4, stride=2, padding=1)
        self.layers = nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 4))

    @property
    def min_size(self) -> int:
        return self.config.image_size

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Raises `OptionError` where the pictures have another size."""
        size = self.config.image_size
        if x.shape[-2:] != (size, size):
            raise OptionError(f"this discriminator takes pictures of {size}x{size}, not {x.shape[-2]}x{x.shape[-1]}")
        return self.layers(x)

    def _fit(self, picture: Image.Image, max_pixels: int) -> Image.Image:
        return ImageOps.fit(picture, (self.config.image_size,) * 2, Image.Resampling.LANCZOS)


def _block(inputs: int, outputs: int, norm: str, kernel: int, stride: int = 1, padding: int = 0) -> list[nn.Module]:
    """A convolution, its normalisation and the activation."""
    norms = {"batch": nn.BatchNorm2d, "instance": nn.InstanceNorm2d, "none": nn.Identity}
    return [
        nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=padding, bias=norm != "batch"),
        norms[norm](outputs),
        nn.LeakyReLU(0.2, inplace=True),
    ]
