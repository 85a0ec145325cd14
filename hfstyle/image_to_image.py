"""What all networks from pictures to pictures share."""

import torch
import torch.nn.functional as F
from PIL import Image

from hfstyle.hub import PreTrainedModel
from hfstyle.stylize import Stylizer
from hfstyle.tensors import to_image, to_tensor


class ImageToImageModel(Stylizer, PreTrainedModel):
    """A network from pictures in [-1, 1] to pictures in [-1, 1], and all that a user needs to never see a tensor."""

    pipeline_tag = "image-to-image"

    @property
    def in_channels(self) -> int:
        return getattr(self.config, "in_channels", 3)

    @property
    def margin(self) -> int:
        return getattr(self.config, "margin", 0)

    def _paint_pixels(self, image: Image.Image, *conditions: torch.Tensor) -> Image.Image:
        pixels = to_tensor(image, self.in_channels).unsqueeze(0).to(self.device, self.dtype)
        return to_image(self.forward_any_size(pixels, *conditions)[0])

    @torch.inference_mode()
    def forward_any_size(self, pixels: torch.Tensor, *conditions: torch.Tensor) -> torch.Tensor:
        """The network applied to (batch, channels, height, width) of any height and width from 1.

        The margin, and what is missing to a size that the network takes, is mirrored (or, in tiny pictures, repeated)
        on all sides and cut away again, so that the result neither shifts nor shrinks. `conditions` are what `forward`
        takes besides the pictures.
        """
        height, width = pixels.shape[-2:]
        (top, bottom), (left, right), mirrored = self.padding(height, width)
        # float16 has no such kernel on a CPU, so only pad where needed.
        if top or bottom or left or right:
            pixels = F.pad(pixels, (left, right, top, bottom), mode="reflect" if mirrored else "replicate")
        return self(pixels, *conditions)[..., top : top + height, left : left + width]
