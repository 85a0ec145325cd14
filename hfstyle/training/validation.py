"""Measuring a training on pictures that it does not learn from, so that it is known when to stop."""

import contextlib
import statistics
from collections.abc import Iterator, Mapping, Sequence

import torch
from accelerate import Accelerator
from torch import nn

from hfstyle.evaluation.metrics import KID
from hfstyle.features import CONTENT_LAYER, VGG16Features, pooled
from hfstyle.losses import content_loss
from hfstyle.training.material import Material
from hfstyle.training.method import Method
from hfstyle.training.noise import Noise

BATCH = 8


class Validation:
    """KID, content distance and what else a method measures, always on the same crops.

    Args:
        material: Its held-back pictures are measured on.
        samples: How many crops of each domain.
    """

    def __init__(self, material: Material, samples: int, accelerator: Accelerator):
        self.stream = material.held_back
        self.samples = samples
        self.accelerator = accelerator
        self.network = VGG16Features().to(accelerator.device)
        with torch.no_grad():
            styles = [self.stream.style(n) for n in range(samples)]
            real = [pooled(self.network(torch.stack(part).to(accelerator.device))) for part in _parts(styles)]
        # Of several styles each is measured by itself: else one that paints like another would not be noticed.
        turn = getattr(self.stream, "turn", lambda n: 0)
        self.groups = torch.tensor([turn(n) for n in range(samples)])
        self.kids = {group: KID(torch.cat(real)[self.groups == group]) for group in self.groups.unique().tolist()}

    @torch.no_grad()
    def __call__(self, method: Method, networks: dict[str, nn.Module]) -> dict[str, float]:
        """Each measure by its name; of all of them the lower is the better."""
        with evaluating(networks):
            return self._measure(method, networks)

    def _measure(self, method: Method, networks: dict[str, nn.Module]) -> dict[str, float]:
        measured: dict[str, list[torch.Tensor]] = {}
        fakes = []
        for numbers in _parts(range(self.samples)):
            _, *columns = zip(*(self.stream[n] for n in numbers), strict=True)
            images = [torch.stack(column).to(self.accelerator.device) for column in columns]
            made, further = method.evaluate(networks, images, Noise(0, numbers))
            features = self.network(made.float())
            fakes.append(pooled(features))
            if len(images) > 1:  # it was made from a photo
                photo = self.network(images[0], [CONTENT_LAYER])[CONTENT_LAYER]
                pairs = zip(features[CONTENT_LAYER].split(1), photo.split(1), strict=True)
                further = {"content": torch.stack([content_loss(one, other) for one, other in pairs]), **further}
            for name, values in further.items():
                measured.setdefault(name, []).append(values.float())
        kids = [kid(torch.cat(fakes)[self.groups == group]) for group, kid in self.kids.items()]
        return {"kid": statistics.mean(kids), **{k: torch.cat(v).mean().item() for k, v in measured.items()}}


@contextlib.contextmanager
def evaluating(networks: Mapping[str, nn.Module]) -> Iterator[None]:
    """Networks in evaluation mode meanwhile."""
    was_training = {name: network.training for name, network in networks.items()}
    for network in networks.values():
        network.eval()
    try:
        yield
    finally:
        for name, network in networks.items():
            network.train(was_training[name])


def _parts(values: Sequence) -> list[Sequence]:
    return [values[first : first + BATCH] for first in range(0, len(values), BATCH)]
