"""Features of a pretrained network, for style and content losses.

VGG16 (Simonyan & Zisserman 2014, arXiv:1409.1556), trained on ImageNet, up to its tenth convolution. Its features are
the ones that Gram-matrix style losses have been built on since Gatys et al. 2016.
"""

from collections.abc import Collection, Iterable, Mapping

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn

from hfstyle.assets import ASSETS
from hfstyle.errors import OptionError
from hfstyle.winograd import WinogradConv2d

LAYERS = ("conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1", "conv3_2", "conv3_3", "conv4_1", "conv4_2", "conv4_3")
WIDTHS = {"1": 64, "2": 128, "3": 256, "4": 512}
STYLE_LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
"""Whose Gram matrices are a style (Johnson et al. 2016, arXiv:1603.08155, section 4.1)."""
CONTENT_LAYER = "relu3_3"
POOLED = {"relu1_2": 155.0, "relu2_2": 230.0, "relu3_3": 205.0, "relu4_3": 27.0}
"""Layers that describe a picture as a whole, each with the root mean square of its channels' means on photographs."""
MEAN = (103.939, 116.779, 123.68)
"""What VGG's authors subtracted from blue, green and red of 0..255."""


class VGG16Features(nn.Module):
    """The first ten convolutions of VGG16 with the weights that come with the package. Never trained.

    (batch, 3, height, width) in [-1, 1] -> {"relu1_2": (batch, 64, height, width), "relu2_2": (batch, 128, height / 2,
    width / 2), "relu3_3": (batch, 256, height / 4, width / 4), "relu4_3": (batch, 512, height / 8, width / 8)}

    Args:
        layers: Names of the layers to return, `relu1_1` to `relu4_3`. What lies deeper is not computed.
    """

    def __init__(self, layers: Iterable[str] = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")):
        super().__init__()
        self.layers = tuple(layers)
        names = [layer.replace("relu", "conv") for layer in self.layers]
        if not names or not set(names) <= set(LAYERS):
            known = ", ".join(name.replace("conv", "relu") for name in LAYERS)
            raise OptionError(f"VGG16 features are any of {known}, not {', '.join(self.layers) or 'none'}")
        self.names = LAYERS[: max(map(LAYERS.index, names)) + 1]
        state = load_file(ASSETS / "vgg16.safetensors")
        self.convolutions = nn.ModuleDict()
        inputs = 3
        for name in self.names:
            outputs = WIDTHS[name[4]]
            convolution = WinogradConv2d(inputs, outputs, 3, padding=1, frozen=True)
            # 8 bits and a scale for each output channel, see benchmarks/recipes/vgg16.py
            weight = state[f"{name}.weight"].float() * state[f"{name}.scale"][:, None, None, None]
            convolution.load_state_dict({"weight": weight, "bias": state[f"{name}.bias"].float()})
            self.convolutions[name] = convolution
            inputs = outputs
        self.register_buffer("mean", torch.tensor(MEAN).reshape(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False).eval()

    def forward(self, images: torch.Tensor, layers: Collection[str] | None = None) -> dict[str, torch.Tensor]:
        """The features of `layers`, any of those that it was made with; all where not given."""
        layers = self.layers if layers is None else layers
        x = (images.flip(1) + 1) * 127.5 - self.mean.to(images.dtype)  # RGB to BGR, as VGG was trained
        features = {}
        for name in self.names:
            if name in ("conv2_1", "conv3_1", "conv4_1"):
                x = F.max_pool2d(x, 2)
            x = F.relu(self.convolutions[name](x))
            layer = name.replace("conv", "relu")
            if layer in layers:
                features[layer] = x
                if len(features) == len(layers):
                    break
        return features


def pooled(features: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """One description for each picture: the mean of each channel of the layers in `POOLED`, of mean square 1.

    {"relu1_2": (batch, 64, height, width), ...} -> (batch, 960). From colour and grain to shapes, wherever they are.
    All of one length, else a few pictures of strong contrast would decide every mean over a set.
    """
    means = torch.cat([features[layer].float().mean((2, 3)) / scale for layer, scale in POOLED.items()], 1)
    return means / means.square().mean(1, keepdim=True).sqrt()
