"""What a training tells people: its model card, its figures as a table and as curves."""

import csv
import io
import json
import logging
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hfstyle.card import FIGURES, Card, Result, model_code
from hfstyle.images import write_whole
from hfstyle.repo import REPO_ID, SAMPLES_NAME
from hfstyle.training.config import PictureConfig
from hfstyle.training.material import Material
from hfstyle.training.method import Method

logger = logging.getLogger(__name__)

METRICS_NAME = "metrics.jsonl"
TABLE_NAME = "metrics.csv"
CURVES_NAME = "curves.png"
MEASURED = "eval_"
"""Before the names of measures in metrics.jsonl, beside the losses."""
MEASURES = {
    "kid": "KID between the pictures made and pictures of the style (VGG16 features)",
    "content": "content distance between painting and photo (VGG16 relu3_3, relative)",
    "cycle": "mean absolute error after there and back again, of a range of 2",
    "l1": "mean absolute error to the picture that belongs to the input, of a range of 2",
}
"""What a training measures, in words; of all the lower is the better."""


LIMITS = {
    "image-to-image": (
        "For photographs of any size, best of what it learnt from, and for whoever likes to see them so. It repeats "
        "colours, contours and the grain of surfaces, and knows nothing of motifs, their meaning, or composition. Do "
        "not show its pictures as the work of those whose pictures it learnt from."
    ),
    "unconditional-image-generation": (
        "For play and study. It knows where colours and dark and light lie in the pictures that it learnt from, not "
        "what they show. Do not show its pictures as the work of those who made these."
    ),
}
"""By what a model is for: for whom it is, and what it must not be taken for."""
LICENCE = (
    "Whether the pictures that it learnt from allow this is for whoever publishes it to know; those that are data "
    "sets on the Hub are named above."
)


def write_curves(output: Path) -> None:
    """`metrics.csv` and `curves.png` from `metrics.jsonl`."""
    records = [json.loads(line) for line in (output / METRICS_NAME).read_text().splitlines()]
    if not records:
        return
    columns = list(dict.fromkeys(name for record in records for name in record))
    table = io.StringIO()
    writer = csv.DictWriter(table, columns)
    writer.writeheader()
    writer.writerows(records)
    with write_whole(output / TABLE_NAME) as file:
        file.write(table.getvalue().encode())
    try:
        from matplotlib import colormaps
        from matplotlib.figure import Figure
    except ImportError:
        logger.info("no %s: pip install 'hfstyle[train]'", CURVES_NAME)
        return
    measures = [name for name in columns if name.startswith(MEASURED)]
    others = ("step", "seconds_per_step")
    losses = [name for name in columns if name not in others and not name.startswith((MEASURED, "lr_"))]
    panels = [losses, *([name] for name in measures)]
    figure = Figure(figsize=(6 * len(panels), 4.5), layout="constrained")
    for axes, names in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        axes.set_prop_cycle(color=colormaps["tab20"].colors)  # a bank has more losses than the ten usual colours
        for name in names:
            points = [(record["step"], record[name]) for record in records if name in record]
            axes.plot(*zip(*points, strict=True), label=name, linewidth=1, marker="." if len(names) == 1 else None)
        axes.set_xlabel("step")
        if names is losses:
            axes.set_title("losses, as weighted")
            if all(value > 0 for record in records for name, value in record.items() if name in losses):
                axes.set_yscale("log")
            axes.legend(fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))  # beside, not upon the curves
        else:
            axes.set_title(names[0].removeprefix(MEASURED))
        axes.grid(alpha=0.3)
    with write_whole(output / CURVES_NAME) as file:
        figure.savefig(file, format="png", dpi=110)


def make_card(
    config: PictureConfig,
    method: Method,
    material: Material,
    folder: Path,
    step: int,
    evaluations: Mapping[str, Any],
    about: str,
) -> Card:
    """The model card of a training.

    Args:
        folder: Where the card is to lie: it shows the samples and curves that lie there.
        step: Steps done.
        evaluations: See `Trainer.evaluations`.
        about: Markdown about the style.
    """
    name = config.output.resolve().name
    command = f"accelerate launch train.py {method.name} " + " ".join(
        f"--{name.replace('_', '-')} {shell(value)}" if not isinstance(value, bool)
        else f"--{'' if value else 'no-'}{name.replace('_', '-')}"
        for name, value in config.changed().items()
        if name not in ("resume", "about", "title", "push_to_hub", "private")
    )  # fmt: skip
    sections = [("Training data", f"{material.described}.")]
    if about:
        sections.insert(0, ("The style", about))
    training = f"{step} steps of:\n\n```bash\n{command}\n```"
    if (folder / CURVES_NAME).exists():
        training += f"\n\n![Losses and measures by step]({CURVES_NAME})"
    sections.append(("Training", training))
    results = []
    if evaluations["last"] is not None:
        sections.append((FIGURES.capitalize(), _figures(evaluations, config, material)))
        measured = f"{config.eval_samples} crops of pictures {_held_back(material)}"
        last = {name: evaluations["last"][name] for name in MEASURES if name in evaluations["last"]}
        results = [Result(name, round(value, 4), MEASURES[name], measured) for name, value in last.items()]
    made_here = config.init_from is not None and Path(config.init_from).exists()
    if config.init_from:
        sections.append(("Started from", f"the weights of `{shell(config.init_from)}`."))
    generator = method.networks["generator"]
    sections.append(("Limits", LIMITS[generator.pipeline_tag]))
    sections.append(("Licence", f"The weights: `{config.license}`. {LICENCE}"))
    return Card(
        title=config.title or name,
        summary=method.summary,
        code=model_code(config.push_to_hub or name, generator.usage),
        license=config.license,
        pipeline_tag=generator.pipeline_tag,
        tags=[method.name],
        datasets=hub_datasets(config),
        # The other sheets show the pictures that it learnt from, which may not be the user's to publish.
        samples=SAMPLES_NAME if (folder / SAMPLES_NAME).exists() else None,
        samples_caption=method.samples_caption,
        base_model=config.init_from if REPO_ID.fullmatch(config.init_from or "") and not made_here else None,
        results=results,
        sections=sections,
    )


def hub_datasets(config: PictureConfig) -> list[str]:
    """The data sets on the Hub that a training learns from."""
    sources = config.sources.values()
    return list(dict.fromkeys(source for source in sources if REPO_ID.fullmatch(source) and not Path(source).exists()))


def _figures(evaluations: Mapping[str, Any], config: PictureConfig, material: Material) -> str:
    last, best = evaluations["last"], evaluations["best"]
    rows = [f"| {MEASURES[name]} | {last[name]:.4f} | {best[name]:.4f} |" for name in MEASURES if name in last]
    return "\n".join(
        [
            f"On {config.eval_samples} crops of {config.crop} pixels of pictures {_held_back(material)}; "
            "the lower the better. These choose between the steps of one training; they do not judge the style.\n",
            f"| | step {last['step']}, this model | step {best['step']}, the best by {config.metric} |",
            "|---|---|---|",
            *rows,
        ]
    )


def _held_back(material: Material) -> str:
    return f"that it {'did not learn' if material.held_back_count else 'learnt'} from"


def shell(value: Any) -> str:
    """An option's value for the card's command; of an absolute path only its end: the rest is nobody's business."""
    if isinstance(value, (tuple, list)):
        return " ".join(map(shell, value))
    name, equals, given = str(value).rpartition("=")  # NAME=PICTURES of --styles
    path = Path(given).expanduser() if isinstance(value, (str, Path)) else Path()
    return shlex.quote(name + equals + (path.name if path.is_absolute() else given))
