"""A style of one's own, learnt in a minute from a few pictures: the numbers that a bank of styles lacks.

A bank paints each of its styles with one network and, for each, the scales and shifts of its normalisation. Dumoulin
et al. 2017 (arXiv:1610.07629, section 3.3) show that a new style can be had by learning these alone. Here they start
from the nearest blend of the styles that are there and follow Gram matrices (Gatys et al. 2016) of the pictures, while
what VGG16 sees in photos stays (Johnson et al. 2016).
"""

import copy
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image

from hfstyle import __version__
from hfstyle.assets import ASSETS, BANK
from hfstyle.auto import AutoModel
from hfstyle.card import Card, class_tag, model_code
from hfstyle.data.augment import Augmentation
from hfstyle.discriminators import PatchGANDiscriminator
from hfstyle.errors import OptionError
from hfstyle.features import CONTENT_LAYER, STYLE_LAYERS, VGG16Features
from hfstyle.images import ImageSource, list_images, read_image, split_alpha
from hfstyle.losses import content_loss, gram_loss, gram_matrix, total_variation
from hfstyle.styles import Style, StyledModel, StylePainter, as_preview
from hfstyle.training.adversary import Adversary, init_weights, set_requires_grad
from hfstyle.training.collection import SIDE, Collection
from hfstyle.training.noise import Noise, mix

LAYERS = STYLE_LAYERS[:3]
"""What lies deeper costs a third of the time, and made the few steps of a minute worse."""
CROP = 160
"""Side, in pixels, of the crops of photos that the style is tried on."""
CROPS = 36
"""How many of these."""
GRAM = 5.0
CONTENT = 1.0
TOTAL_VARIATION = 0.1
ADVERSARIAL = 0.3
"""Weights of the losses."""
RATE, WEIGHTS_RATE, JUDGE_RATE = 0.01, 2e-4, 2e-4
"""Learning rates of the style's numbers and, in a thorough training, of the shared weights and the discriminator."""
ENOUGH = 8
"""Pictures from which a discriminator learns more than their names."""
WARM_UP = 5
"""Steps until the learning rates are reached."""
MEMORY = 0.95
"""The result is a moving average of the numbers with this decay, in place of a learning rate that falls: so that it
can be stopped at any moment."""
TRIED = (2, 112)
"""How many crops, and of how many pixels a side, the styles that are there are tried on, to start from the nearest."""
DEFAULT_NAME = "my-style"
PREVIEW = "seeding.jpg"
"""The example that a style's file shows."""
FINISH = 0.5
"""Seconds that making the file takes."""


@dataclass(frozen=True)
class Progress:
    """How far a style has come."""

    step: int
    """Steps taken."""
    seconds: float
    """Since `learn_style` was called."""
    seconds_left: float
    """Until it ends by itself."""
    losses: Mapping[str, float]
    """The weighted terms of the last step: gram, content, total_variation; in a thorough training with many pictures
    also adversarial, and the discriminator's own. Empty before the first."""
    painter: StylePainter
    """Paints in the style as it is now: `progress.painter.stylize(photo)`."""


def learn_style(
    images: Collection | ImageSource | Sequence[ImageSource],
    base: str | os.PathLike | StyledModel = BANK,
    content: Sequence[ImageSource] | None = None,
    seconds: float = 60.0,
    on_progress: Callable[[Progress], bool | None] | None = None,
    *,
    steps: int | None = None,
    name: str = DEFAULT_NAME,
    strokes: float = 1.0,
    seed: int = 0,
    resume: Style | None = None,
    learned_from: str | None = None,
    device: Any = None,
) -> Style:
    """Learn a style from a few pictures.

        style = learn_style(["poster.jpg", "postcard.jpg"])
        bank = AutoModel.from_pretrained("bank")
        bank.load_style(style)
        bank.stylize("photo.jpg", {"my-style": 0.7, "ukiyoe": 0.3}).save("painting.png")

    The same pictures, photos, seed and steps give the same numbers, on one machine and with as many threads.

    Args:
        images: 1 to 30 pictures, a folder of pictures, or a `Collection`, whose findings say what is wrong with them.
        base: A bank of styles: a name, folder or repository (owner/name), or the model.
        content: Photos on which to learn; those that come with the package where not given.
        seconds: How long, in all.
        on_progress: Called before the first step and after each; when it returns False, what there is is kept.
        steps: How many steps instead of how long.
        name: Of the style, see `hfstyle.hub.wrong_name`.
        strokes: How many times wider strokes are to come out than in the pictures, 0.5 to 2; of a `Collection`, its
            own.
        seed: Of the crops.
        resume: A style of the same bank to go on from, instead of the nearest.
        learned_from: What the style's file and card say that it was learnt from; they say nothing where not given.
        device: See `PreTrainedModel.from_pretrained`.

    Raises:
        DataError: There is no picture to learn from.
        OptionError: `base` has no styles to add to, or an argument is outside its range.
        WeightsError: `resume` belongs to another bank.
        ModelNotFoundError, ConfigError, HubError: See `PreTrainedModel.from_pretrained`.
    """
    if not seconds > 0 or (steps is not None and steps < 1):
        raise OptionError(f"seconds must be above 0 and steps at least 1, not {seconds} and {steps}")
    started = time.monotonic()
    learner = StyleLearner(
        _collected(images, strokes), base, content, name=name, seed=seed, resume=resume, device=device
    )
    learner.run(started, seconds - FINISH, steps, on_progress)
    return learner.style(learned_from)


class StyleLearner:
    """Learns one style step by step.

    Args:
        collection: The pictures.
        base, content, name, seed, resume, device: See `learn_style`.
        thorough: Adapt also the shared weights, so that a whole network is this style's own (see `model`). From
            `ENOUGH` pictures on, a PatchGAN (Isola et al. 2017, arXiv:1611.07004) learns to tell them from paintings
            of photos, which have to pass for them.

    Attributes:
        step_count: Steps taken.
        losses: The weighted terms of the last step; empty before the first.
        start: The styles that it began from, each with its share.
    """

    def __init__(
        self,
        collection: Collection,
        base: str | os.PathLike | StyledModel = BANK,
        content: Sequence[ImageSource] | None = None,
        *,
        name: str = DEFAULT_NAME,
        seed: int = 0,
        resume: Style | None = None,
        device: Any = None,
        thorough: bool = False,
    ):
        given = isinstance(base, torch.nn.Module)
        bank = copy.deepcopy(base) if given else AutoModel.from_pretrained(base, device=device)
        if not isinstance(bank, StyledModel):
            raise OptionError(f"a {type(bank).__name__} is no bank of styles, so no style can be added to it")
        self.bank = bank.float().eval().requires_grad_(False)
        self.base = None if given else str(base)
        self.collection, self.name, self.seed = collection, name, seed
        self.network = VGG16Features(LAYERS).to(bank.device)
        grams = [look.grams for look in collection.looks]
        self.target = {layer: torch.stack([one[layer] for one in grams]).mean(0).to(bank.device) for layer in LAYERS}
        self.crops = _crops(content, seed, bank.device)
        self.kept: dict[int, torch.Tensor] = {}  # what VGG16 sees in each crop
        self.step_count = 0
        self.losses: dict[str, float] = {}
        self.start = self._nearest() if resume is None else {resume.name: 1.0}
        if resume is None:
            numbers = bank.numbers_of(self.start) if self.start else torch.zeros(bank.n_numbers)
            resume = Style(name, numbers, bank.fingerprint)
        if name in bank.styles:
            bank.remove_style(name)
        bank.load_style(resume, name)
        self.numbers = bank.numbers.detach()[-1].clone().requires_grad_(True)
        weights = [weight for key, weight in bank.named_parameters() if key not in ("numbers", "origin")]
        self.learnt = [self.numbers, *(weight.requires_grad_(True) for weight in weights if thorough)]
        self.averages = [torch.zeros_like(one) for one in self.learnt]
        self.optimizer = torch.optim.Adam(
            [{"params": one, "rate": WEIGHTS_RATE if n else RATE} for n, one in enumerate(self.learnt)],
            betas=(0.9, 0.99),
        )
        self.shown = copy.deepcopy(bank).requires_grad_(False)  # paints with the averages
        shown = dict(self.shown.named_parameters())
        self.places = [shown["numbers"][-1], *(shown[key] for key, weight in bank.named_parameters() if
                       weight.requires_grad)]  # fmt: skip
        self.judge = _Judge(collection, seed, bank.device) if thorough and len(collection) >= ENOUGH else None

    def run(
        self,
        started: float,
        seconds: float,
        steps: int | None = None,
        on_progress: Callable[[Progress], bool | None] | None = None,
    ) -> None:
        """Take steps, so many or until `seconds` after `started` (of `time.monotonic`). See `learn_style`."""
        first, before = time.monotonic(), self.step_count
        while True:
            now, taken = time.monotonic(), self.step_count - before
            each = (now - first) / max(taken, 1)
            left = started + seconds - now if steps is None else (steps - taken) * each
            if on_progress is not None:
                progress = Progress(
                    self.step_count, now - started, max(left, 0.0), dict(self.losses), self.shown.painter(self.name)
                )
                if on_progress(progress) is False:
                    break
            # A step that would end late is not begun; but there is at least one.
            if taken >= steps if steps is not None else taken and left < each:
                break
            self.step()

    def step(self) -> dict[str, float]:
        """One step. Returns the weighted terms of what it minimised."""
        n = self._place()
        photo = self.crops[n]
        if n not in self.kept:
            with torch.no_grad():
                self.kept[n] = self.network(photo, [CONTENT_LAYER])[CONTENT_LAYER]
        with torch.enable_grad():
            painted = self.bank(photo, self.numbers[None])
            features = self.network(painted)
            terms = {
                "gram": GRAM * gram_loss(features, self.target),
                "content": CONTENT * content_loss(features[CONTENT_LAYER], self.kept[n]),
                "total_variation": TOTAL_VARIATION * total_variation(painted),
            }
            if self.judge is not None:
                terms["adversarial"] = ADVERSARIAL * self.judge.generator_loss(painted, self.step_count)
            self.optimizer.zero_grad()
            sum(terms.values()).backward()
            if self.judge is not None:
                terms["discriminator"] = self.judge.learn(painted.detach(), self.step_count)
        self.step_count += 1
        for group in self.optimizer.param_groups:
            group["lr"] = group["rate"] * min(1.0, self.step_count / WARM_UP)
        self.optimizer.step()
        with torch.no_grad():
            for one, average, place in zip(self.learnt, self.averages, self.places, strict=True):
                average.lerp_(one, 1 - MEMORY)
                place.copy_(average / (1 - MEMORY**self.step_count))
        self.losses = {name: term.item() for name, term in terms.items()}
        return self.losses

    def style(self, learned_from: str | None = None) -> Style:
        """The style as it is now, with a preview and how it was made."""
        about = self.about(learned_from)
        if self.base is not None and self.base != BANK and not os.path.exists(self.base):
            about["base_model"] = self.base
        return described(self.shown, self.name, about)

    def about(self, learned_from: str | None = None) -> dict[str, str]:
        """How the style was made, in words: `recipe`, `pictures` and, where told, `learned_from`."""
        start = " + ".join(f"{share:.2f} {name}" for name, share in self.start.items()) or "the photo"
        start += f", strokes {self.collection.strokes:g}" if self.collection.strokes != 1 else ""
        count = len(self.collection)
        about = {
            "recipe": f"{self.step_count} steps from {start}, seed {self.seed}, hfstyle {__version__}",
            "pictures": f"{count} picture{'' if count == 1 else 's'}, SHA-256 {self.collection.digest}",
        }
        return about if learned_from is None else {**about, "learned_from": learned_from}

    def model(self) -> StyledModel:
        """A bank with the style as it is now, and no other: of a thorough training the others would be out of tune."""
        model = copy.deepcopy(self.shown)
        model.keep_style(self.name)
        return model.requires_grad_(True)

    def card(self, learned_from: str | None = None) -> str:
        """The text of the model's card on the Hub."""
        model = self.model()
        return str(
            Card(
                title=self.name,
                summary=f"A style of one's own, called `{self.name}`, learnt with hfstyle from a few pictures: a "
                f"`{type(model).__name__}` adapted from another one, with this style alone.",
                code=model_code("owner/name", model.usage),
                license=None,
                tags=[class_tag(type(model).__name__)],
                sections=[
                    (key.replace("_", " ").capitalize(), text) for key, text in self.about(learned_from).items()
                ],
            )
        )

    def _place(self) -> int:
        """Which crop is next: all in an order drawn anew, time after time."""
        time_round, place = divmod(self.step_count, len(self.crops))
        return int(np.random.default_rng((self.seed, 1, time_round)).permutation(len(self.crops))[place])

    @torch.no_grad()
    def _nearest(self) -> dict[str, float]:
        """The blend of the bank's styles whose pictures have the nearest Gram matrices, or one of them where that
        comes nearer: blends of numbers do not paint blends of matrices."""
        if not self.bank.styles:
            return {}
        grams = [self._painted({style: 1.0}) for style in self.bank.styles]
        shares = _nearest_mixture(grams, self.target)
        blend = {style: round(share, 2) for style, share in zip(self.bank.styles, shares, strict=True) if share > 0.05}
        alone = {self.bank.styles[min(range(len(grams)), key=lambda n: _distance(grams[n], self.target))]: 1.0}
        return min([alone, blend], key=lambda one: _distance(self._painted(one), self.target))

    def _painted(self, blend: Mapping[str, float]) -> dict[str, torch.Tensor]:
        """Mean Gram matrices of what a blend makes of the first crops."""
        count, side = TRIED
        photos = torch.cat([crop[..., :side, :side] for crop in self.crops[:count]])
        features = self.network(self.bank(photos, self.bank.numbers_of(blend)[None]))
        return {layer: gram_matrix(value).mean(0) for layer, value in features.items()}


class _Judge:
    """A discriminator of the collection's pictures, which learns along."""

    def __init__(self, collection: Collection, seed: int, device: torch.device):
        self.collection, self.seed, self.device = collection, seed, device
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.network = init_weights(PatchGANDiscriminator(ndf=32, gan_loss="hinge")).to(device)
        self.adversary = Adversary("hinge", 0, "color,translation")
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=JUDGE_RATE, betas=(0.5, 0.99))

    def generator_loss(self, painted: torch.Tensor, step: int) -> torch.Tensor:
        set_requires_grad(False, self.network)
        return self.adversary.generator_loss(self.network, painted, Noise(mix(self.seed, 0), [step]))

    def learn(self, painted: torch.Tensor, step: int) -> torch.Tensor:
        """One step. Returns its loss."""
        set_requires_grad(True, self.network)
        random = np.random.default_rng((self.seed, 2, step))
        n = int(random.integers(len(self.collection)))
        side = round(SIDE * self.collection.strokes)
        crop = Augmentation(CROP, (min(max(CROP, round(0.8 * side)), side), max(CROP, side)))
        real = crop(self.collection.pictures[n], random).unsqueeze(0).to(self.device)
        loss = self.adversary.discriminator_loss(self.network, real, painted, Noise(mix(self.seed, 1), [step]))
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.detach()


def described(bank: StyledModel, name: str, about: Mapping[str, str]) -> Style:
    """A style of a bank, with a preview and what is known of it."""
    with Image.open(ASSETS / "examples" / PREVIEW) as photo:
        photo.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
        return bank.style(name, as_preview(bank.stylize(photo, name)), **about)


def _distance(grams: Mapping[str, torch.Tensor], target: Mapping[str, torch.Tensor]) -> float:
    """See `losses.gram_loss`, of Gram matrices."""
    return sum((grams[layer] - goal).square().sum() / goal.square().sum() for layer, goal in target.items()).item()


def _nearest_mixture(grams: Sequence[Mapping[str, torch.Tensor]], target: Mapping[str, torch.Tensor]) -> list[float]:
    """Shares, which add up to 1, of the mixture of Gram matrices that is nearest to `target` by `_distance`.

    That is quadratic in the shares; exponentiated gradients (Kivinen & Warmuth 1997) keep them positive.
    """
    products = torch.zeros(len(grams), len(grams), dtype=torch.float64)
    towards = torch.zeros(len(grams), dtype=torch.float64)
    for layer, goal in target.items():
        rows = torch.stack([one[layer].flatten() for one in grams]).double() / goal.norm()
        products += (rows @ rows.T).cpu()
        towards += (rows @ goal.flatten().double() / goal.norm()).cpu()
    shares = torch.full_like(towards, 1 / len(towards))
    rate = 1 / products.abs().max()
    for _ in range(500):
        shares = shares * torch.exp(-rate * (products @ shares - towards))
        shares = shares / shares.sum()
    return shares.tolist()


def _collected(images: Collection | ImageSource | Sequence[ImageSource], strokes: float) -> Collection:
    if isinstance(images, Collection):
        return images
    if isinstance(images, (str, os.PathLike)) and os.path.isdir(images):
        return Collection(list_images(images), strokes=strokes)
    several = isinstance(images, Sequence) and not isinstance(images, (str, bytes))
    return Collection(images if several else [images], strokes=strokes)


def _crops(content: Sequence[ImageSource] | None, seed: int, device: torch.device) -> list[torch.Tensor]:
    """`CROPS` crops of photos, (1, 3, CROP, CROP) in [-1, 1] each."""
    if content is None:
        content = [path for folder in ("examples", "content") for path in list_images(ASSETS / folder)]
    photos = [_photo(source) for source in content]
    if not photos:
        raise OptionError("a style is learnt on photos; content has none")
    crop = Augmentation(CROP, (CROP, SIDE))
    random = np.random.default_rng((seed, 0))
    return [crop(photos[n % len(photos)], random).unsqueeze(0).to(device) for n in range(max(CROPS, len(photos)))]


def _photo(source: ImageSource) -> Image.Image:
    photo, _ = split_alpha(read_image(source))
    photo.thumbnail((4 * SIDE, 4 * SIDE), Image.Resampling.LANCZOS)
    return photo
