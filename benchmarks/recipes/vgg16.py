"""Make `hfstyle/assets/vgg16.safetensors`: `python benchmarks/recipes/vgg16.py vgg16_fp16.safetensors`.

The input holds `conv{block}_{i}.weight` (OIHW) and `.bias` of VGG16 up to conv4_3, for BGR of 0..255 less the mean.
The output has 8-bit weights with one scale for each output channel: half the size for a relative error of its features
that this script prints, of each layer, on the example photographs.
"""

import argparse
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

from hfstyle.assets import ASSETS
from hfstyle.features import LAYERS, MEAN, VGG16Features
from hfstyle.images import list_images, read_image
from hfstyle.tensors import to_tensor


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path)
    full = load_file(parser.parse_args().weights)
    state = {}
    for name in LAYERS:
        weight = full[f"{name}.weight"].float()
        scale = weight.abs().amax((1, 2, 3)) / 127
        state[f"{name}.weight"] = (weight / scale[:, None, None, None]).round().to(torch.int8)
        state[f"{name}.scale"] = scale
        state[f"{name}.bias"] = full[f"{name}.bias"]
    save_file(state, ASSETS / "vgg16.safetensors")

    network = VGG16Features(name.replace("conv", "relu") for name in LAYERS)
    photos = [read_image(path).convert("RGB").resize((256, 256)) for path in list_images(ASSETS / "examples")]
    images = torch.stack([to_tensor(photo) for photo in photos])
    with torch.inference_mode():
        features = network(images)
        x = (images.flip(1) + 1) * 127.5 - torch.tensor(MEAN).reshape(1, 3, 1, 1)
        for name in LAYERS:
            if name in ("conv2_1", "conv3_1", "conv4_1"):
                x = F.max_pool2d(x, 2)
            x = F.relu(F.conv2d(x, full[f"{name}.weight"].float(), full[f"{name}.bias"].float(), padding=1))
            error = (features[name.replace("conv", "relu")] - x).norm() / x.norm()
            print(f"{name}: relative error {error:.4f}")


if __name__ == "__main__":
    main()
