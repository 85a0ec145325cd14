"""Every training option, its default and where the default comes from."""

import dataclasses
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from tyro.conf import Suppress

from hfstyle.errors import OptionError
from hfstyle.repo import REPO_ID
from hfstyle.training.diffaugment import check_policy


@dataclass(kw_only=True)
class TrainConfig:
    """Options that every training method has."""

    output: Path
    """Folder for the model, checkpoints, samples and logs."""

    # Length and rhythm
    max_steps: int = 200_000
    """Optimiser steps in all. (CycleGAN: 200 times through about 1,000 pictures.)"""
    batch_size: int = 1
    """Samples a step in each process. (CycleGAN, CUT and pix2pix: 1.)"""
    gradient_accumulation: int = 1
    """Batches whose gradients are added up for one step."""
    checkpoint_every: int = 1000
    """Write checkpoint-N every so many steps, and at the end; 0: only at the end."""
    checkpoints_limit: int = 2
    """Keep this many of the newest checkpoints."""
    sample_every: int = 500
    """Write a sheet of samples every so many steps; 0 writes none."""
    log_every: int = 20
    """Write the mean losses to metrics.jsonl (and trackers) every so many steps."""
    dry_run: bool = False
    """Two steps of everything, then the expected time and peak memory of the whole; nothing is kept."""

    # Knowing when to stop
    eval_every: int = 1000
    """Measure on pictures held back from training every so many steps, and at the end; 0 holds none back."""
    eval_samples: int = 64
    """Crops that are measured on."""
    hold_back: float = 0.1
    """Part of the pictures that is held back. Of sets too small to give up two, all are trained and measured on."""
    metric: Literal["kid"] = "kid"
    """The step with the lowest is kept in best/. kid: distance between the pictures made and the held-back paintings
    (Binkowski et al. 2018) in VGG16 features."""
    early_stop: int = 0
    """Stop after so many evaluations in a row without a better --metric; 0: never."""

    # Optimiser
    lr: float = 2e-4
    """Learning rate of Adam. (CycleGAN, CUT, pix2pix and DCGAN: 0.0002.)"""
    lr_discriminator: float | None = None
    """Learning rate of the discriminators; the same where not given."""
    beta1: float = 0.5
    """First moment decay of Adam. (CycleGAN, CUT, pix2pix and DCGAN: 0.5.)"""
    decay_start: float = 0.5
    """Part of the steps after which the rate falls linearly to zero. (CycleGAN: half.)"""
    ema: float = 0.999
    """Decay of the running mean of the generator weights that is saved and sampled, lower during the first steps; 0
    saves the raw weights."""

    # Machine
    mixed_precision: Literal["auto", "no", "bf16", "fp16"] = "auto"
    """auto: bf16 where the processor has it, else float32. fp16 is for GPUs only."""
    seed: int = 0
    """Decides the first weights, the order of the pictures, crops and noise."""
    num_workers: int | None = None
    """Processes that load pictures; none given: 0 on a CPU, up to 8 beside a GPU."""
    threads: int = 0
    """CPU threads; 0: all cores when one process trains, else as the launcher set it."""
    cpu: bool = False
    """Train on the CPU even if there is a GPU."""

    # Going on, sharing
    resume: str | None = None
    """Go on from a checkpoint of this run: `latest`, or the folder of one."""
    init_from: str | None = None
    """Start from the weights of a model: folder, bundled name or Hub repository; its architecture is taken over."""
    push_to_hub: str | None = None
    """Push the finished model to this repository (owner/name)."""
    private: bool = False
    """Make that repository private."""
    track: Literal["none", "tensorboard", "trackio", "wandb"] = "none"
    """Also send the metrics to a tracker."""

    # What the model card says
    title: str = ""
    """Title of the model card; the output folder's name where not given."""
    about: Path | None = None
    """Markdown file for the model card: tradition, sources and rights of the pictures, limits."""
    license: str = "apache-2.0"
    """Licence of the trained weights, as the Hub writes it."""

    def resumed_from(self, checkpoint: Path) -> Self:
        """The same to build networks by that start from a checkpoint."""
        return dataclasses.replace(self, init_from=str(checkpoint))

    def check(self) -> None:
        """Raises OptionError for a value outside its range, before any work is done."""
        self._at_least(1, "max_steps", "batch_size", "gradient_accumulation", "log_every", "checkpoints_limit")
        self._at_least(0, "checkpoint_every", "sample_every", "eval_every", "early_stop")
        self._at_least(0, "threads", "seed", "lr", "lr_discriminator", "num_workers")
        for name, high in (("seed", 2**32 - 1), ("num_workers", 256), ("lr", 1), ("lr_discriminator", 1)):
            if (value := getattr(self, name)) is not None and not value <= high:
                raise OptionError(f"--{name.replace('_', '-')} must be at most {high}, not {value}")
        if self.beta1 == 1:
            raise OptionError("--beta1 must be less than 1")
        self._at_least(8, "eval_samples")
        self._at_most(1, "decay_start", "ema", "beta1")
        self._at_most(0.5, "hold_back")
        if self.early_stop and not self.eval_every:
            raise OptionError("--early-stop needs evaluations: give --eval-every")
        if self.push_to_hub is not None and not REPO_ID.fullmatch(self.push_to_hub):
            raise OptionError(f"--push-to-hub takes owner/name, not {self.push_to_hub!r:.100}")
        try:
            self.about_text()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is not text in UTF-8"
            raise OptionError(f"cannot read --about {self.about}: {reason}") from error

    def about_text(self) -> str:
        return self.about.read_text("utf-8").strip() if self.about is not None else ""

    def _at_least(self, low: float, *names: str) -> None:
        for name in names:
            value = getattr(self, name)
            if value is not None and not value >= low:
                raise OptionError(f"--{name.replace('_', '-')} must be at least {low}, not {value}")

    def _at_most(self, high: float, *names: str) -> None:
        for name in names:
            if not 0 <= getattr(self, name) <= high:
                raise OptionError(
                    f"--{name.replace('_', '-')} must lie between 0 and {high}, not {getattr(self, name)}"
                )

    def to_json(self) -> str:
        """The options as they are written into the output folder."""
        return json.dumps(dataclasses.asdict(self), indent=2, default=str) + "\n"

    def changed(self) -> dict[str, Any]:
        """The options that differ from their defaults, for the model card."""
        return {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.default is dataclasses.MISSING or getattr(self, field.name) != field.default
        }


@dataclass(kw_only=True)
class PictureConfig(TrainConfig):
    """Options of all methods, of the pictures that are learnt from and what a discriminator makes of them."""

    # Pictures
    target: str
    """Pictures of the style: a folder, a zip, or a data set on the Hub (owner/name)."""
    target_column: str | None = None
    """Column of the data set's pictures, where it has several."""
    limit: int | None = None
    """Take this many pictures at most from each source, the first ones; from the Hub no others are downloaded."""
    crop: int = 256
    """Side in pixels of the square crops that are trained on. (CycleGAN: 256.)"""
    resize: tuple[int, int] = (286, 286)
    """Before cropping, the short side is scaled to a size drawn between these two. (CycleGAN: 286.)"""
    inner_crop: float = 1.0
    """Part of each painting's width and height kept around the centre, against paper margins and frames; 0.88 suits
    scanned prints."""
    flip: bool = True
    """Mirror pictures left and right half of the time. (As the reference implementation.)"""
    aspect_jitter: float = 0.0
    """Stretch pictures by up to this part; 0.1 hides that a data set was squashed to squares."""
    color_jitter: float = 0.0
    """Change brightness, contrast and saturation of each crop by up to this part."""

    # Architecture
    ngf: int = 64
    """Channels of a generator's first convolution. (The papers: 64.)"""
    ndf: int = 64
    """Channels of a discriminator's first convolution. (The papers: 64.)"""

    # Losses
    gan_loss: Literal["lsgan", "log", "hinge"] = "lsgan"
    """Adversarial loss. (CycleGAN: least squares.)"""
    pool_size: int = 50
    """Past fakes that the discriminators are shown. (CycleGAN: 50.)"""
    diffaugment: str = ""
    """Changes to all that discriminators see, for small sets (Zhao et al. 2020): translation,cutout or
    color,translation,cutout."""
    lambda_tv: float = 0.0
    """Weight of the total variation of the pictures made; a little calms flat areas."""
    lambda_features: float = 0.0
    """Weight of the loss of another discriminator, which looks at VGG16 features (after Sauer et al. 2021, "Projected
    GANs"): from few pictures it learns shapes and textures; around 0.5 where it is used."""
    lambda_gram: float = 0.0
    """Weight of the Gram-matrix style loss on VGG16 features (Gatys et al. 2016); around 1 where it is used."""

    @property
    def sources(self) -> dict[str, str]:
        """Where the pictures come from that are learnt from, by the option that says so."""
        given = {"source": getattr(self, "source", None), "target": self.target}
        return {option: str(source) for option, source in given.items() if source is not None}

    def check(self) -> None:
        super().check()
        self._at_least(32, "crop")
        self._at_least(1, "limit")
        self._at_least(0, "lambda_features", "lambda_gram", "lambda_tv", "pool_size")
        check_policy(self.diffaugment)
        self._at_most(1, "inner_crop", "aspect_jitter", "color_jitter")
        low, high = self.resize
        if not self.crop <= low <= high:
            raise OptionError(
                f"--resize must be two sizes, at least --crop ({self.crop}) and rising, not {low} {high}"
            )
        if self.inner_crop < 0.1:
            raise OptionError(f"--inner-crop must lie between 0.1 and 1, not {self.inner_crop}")


@dataclass(kw_only=True)
class TranslationConfig(PictureConfig):
    """Options of the methods that turn photos into paintings."""

    source: str
    """Photographs: a folder, a zip, or a data set on the Hub (owner/name)."""
    source_column: str | None = None
    """Column of the data set's photos, where it has several."""
    sample_photos: Path | None = None
    """Photos for the samples. Only these and what becomes of them are published with the model, since the pictures of
    --source and --target may not be yours to publish."""
    discriminator: Literal["patch", "pixel", "multiscale"] = "patch"
    """What judges by pixels: patches of 70x70 (the papers'), the colour of each pixel alone (Isola et al. 2017, 4.4),
    or patches of the picture in full, half and quarter size (Wang et al. 2018, "pix2pixHD")."""
    metric: Literal["kid", "content"] = "kid"
    """The step with the lowest is kept in best/. kid: distance between painted photos and the held-back paintings
    (Binkowski et al. 2018), content: between painted photos and photos, lowest for a generator that does nothing; both
    in VGG16 features."""
    lambda_content: float = 0.0
    """Weight of the feature content loss on VGG16 features (Johnson et al. 2016); around 1 where it is used."""
    lambda_invented: float = 0.0
    """Weight of the loss of contrast that nothing in the photo explains or hides, such as light streaks in dark woods;
    100 where it is used."""
    lambda_tradition: float = 0.0
    """Weight of the terms that follow from the paintings' cultural profile: colours, flatness, empty space. Above 0,
    paintings of a fine touch are also shown closer. The rule is in hfstyle/training/rule.py; 1 where it is used."""

    def check(self) -> None:
        super().check()
        self._at_least(0, "lambda_content", "lambda_invented", "lambda_tradition")
        if self.discriminator == "multiscale" and self.crop < 96:
            raise OptionError(f"--discriminator multiscale needs a --crop of at least 96, not {self.crop}")


@dataclass(kw_only=True)
class UnpairedConfig(TranslationConfig):
    """Options of the methods that learn from photos and paintings that do not belong together."""

    target: str | None = None
    """Paintings; may be left out where --source holds both, as trainA and trainB."""
    n_blocks: int = 9
    """Residual blocks of a generator. (CycleGAN: 9 at 256 pixels, 6 at 128.)"""
    norm: Literal["instance", "instance_affine", "instance_blocks"] = "instance"
    """Normalisation of generators: instance is the papers'; instance_blocks, in the residual blocks alone, lets
    through how light and how colourful a picture is, so that nights stay dark."""
    downsample: Literal["stride", "blur"] = "stride"
    """How generators shrink: stride is the papers', blur, after the convolution, leaves no aliasing (CUT's code)."""
    upsample: Literal["resize", "bilinear", "transpose"] = "resize"
    """How generators grow back: resize and bilinear, which is softer and what CUT's code does, leave no checkerboard;
    transpose is the papers'."""
    activation_checkpointing: bool = False
    """Compute the residual blocks once more on the way back instead of keeping what they computed: less memory for
    about a quarter more time, and the same model to the last bit."""
    photo_negatives: bool = False
    """Show the discriminator of paintings unpainted photos too, as fakes: else it has never seen any, and its score of
    a photo means nothing."""

    def check(self) -> None:
        if self.crop % 4:
            raise OptionError(f"--crop must be a multiple of 4, which generators halve twice, not {self.crop}")
        super().check()


@dataclass(kw_only=True)
class StyledConfig(TranslationConfig):
    """Options of the methods that learn many styles at once."""

    styles: list[str]
    """The styles, each as NAME=PICTURES, where PICTURES is a folder, a zip, or a data set on the Hub (owner/name)."""
    teachers: tuple[str, ...] = ()
    """Models that show how a style is painted, each as NAME=MODEL, where MODEL is a folder, a bundled style or a
    repository on the Hub. See hfstyle/training/teachers.py."""
    lambda_teacher: float = 1.0
    """Weight of the distance to what the style's teacher paints: colours, Gram matrices and VGG16 features."""
    content_of: tuple[str, ...] = ()
    """Weights of the content loss for single styles, each as NAME=WEIGHT, in place of --lambda-content: less where a
    teacher keeps the photo, more where a style loses it."""
    target: Suppress[None] = None
    pool_size: Suppress[int] = 0
    discriminator: Suppress[str] = "patch"

    @property
    def sources(self) -> dict[str, str]:
        return super().sources | {f"styles {name}": source for name, source in self.pictures_of.items()}

    @property
    def pictures_of(self) -> dict[str, str]:
        """The source of each style's pictures, by its name."""
        return _by_style("--styles", self.styles, "PICTURES, such as monet=paintings/monet")

    @property
    def teachers_of(self) -> dict[str, str]:
        """The teachers of those styles that have one, by the styles' names."""
        return _by_style("--teachers", self.teachers, "MODEL, such as monet=alice/monet")

    @property
    def contents_of(self) -> dict[str, float]:
        """The weight of the content loss for those styles that have one of their own, by the styles' names."""
        weights = {}
        for name, given in _by_style("--content-of", self.content_of, "WEIGHT, such as monet=0.1").items():
            try:
                weights[name] = float(given)
            except ValueError:
                weights[name] = math.nan
            if not 0 <= weights[name] < math.inf:
                raise OptionError(f"--content-of takes numbers of at least 0, not {given!r:.100} for {name!r:.100}")
        return weights

    def check(self) -> None:
        super().check()
        self._at_least(0, "lambda_teacher")
        for option, given in (("--teachers", self.teachers_of), ("--content-of", self.contents_of)):
            if strange := [name for name in given if name not in self.pictures_of]:
                raise OptionError(f"{option} has one for {strange[0]!r:.100}, which is not one of --styles")


def _by_style(option: str, given: Sequence[str], value: str) -> dict[str, str]:
    """What each NAME=VALUE gives to a style."""
    found = {}
    for one in given:
        name, _, source = one.partition("=")
        if not (name and source):
            raise OptionError(f"{option} takes NAME={value}, not {one!r:.100}")
        if name in found:
            raise OptionError(f"{option} names {name!r:.100} twice")
        found[name] = source
    return found
