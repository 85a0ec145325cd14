"""Model cards: the README.md of a model, with the front matter that the Hub reads."""

import dataclasses
import re
from collections.abc import Collection, Sequence
from typing import Any

import yaml
from huggingface_hub import EvalResult, ModelCard
from huggingface_hub.repocard_data import eval_results_to_model_index, model_index_to_eval_results

LIBRARY_NAME = "hfstyle"

USES = {
    "image-to-image": 'model.stylize("photo.jpg").save("painting.png")',
    "unconditional-image-generation": 'model.generate(seed=0)[0].save("painting.png")',
}
"""What a model is for, in the Hub's words, and the line of Python that does it."""


@dataclasses.dataclass(frozen=True)
class Result:
    """One figure of a model, for people and, as `model-index`, for the Hub."""

    metric: str
    """The Hub's word for it, such as `kid`."""
    value: float
    name: str
    """What it is, with the network that it was measured by: "KID x1000 (EfficientNet-Lite0)"."""
    dataset: str
    """What it was measured on, and how many: "164 photos, 202 prints"."""


@dataclasses.dataclass
class Card:
    """What a model card says. `str(card)` is the text of `README.md`.

    Each part of the text stands between marks, `<!-- hfstyle: use -->` and `<!-- /hfstyle: use -->`, which readers do
    not see. By them `merge_cards` knows what it may renew.
    """

    title: str
    summary: str
    code: str
    """Python that shows its use, such as `model_code`."""
    license: str | None = "apache-2.0"
    """The Hub's short name of a licence; None says nothing."""
    tags: list[str] = dataclasses.field(default_factory=list)
    datasets: list[str] = dataclasses.field(default_factory=list)
    samples: str | None = None
    """Path of a picture inside the repository that shows what the model does."""
    samples_caption: str = "Photographs and what the model makes of them."
    pipeline_tag: str | None = "image-to-image"
    """One of `USES`, or None for a model that makes no pictures. See `PreTrainedModel.pipeline_tag`."""
    base_model: str | None = None
    """Repository of the model that this one was made from or for."""
    traditions: list[str] = dataclasses.field(default_factory=list)
    """Names of the traditions that it learnt from, see `hfstyle.traditions`."""
    results: list[Result] = dataclasses.field(default_factory=list)
    sections: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    """Further headings with their text, in Markdown."""

    def __str__(self) -> str:
        parts = {"summary": self.summary}
        if self.samples:
            parts["samples"] = f"![{self.samples_caption}]({self.samples})\n\n{self.samples_caption}"
        parts["use"] = f"## Use\n\n```python\n{self.code}\n```"
        for heading, text in self.sections:
            parts[re.sub("[^a-z0-9]+", "-", heading.lower()).strip("-")] = f"## {heading}\n\n{text}"
        body = "\n\n".join(_marked(name, text) for name, text in parts.items())
        return f"{_front_matter(self._data())}\n# {self.title}\n\n{body}\n"

    def _data(self) -> dict[str, Any]:
        """The front matter."""
        styles = [] if self.pipeline_tag == "unconditional-image-generation" else ["style-transfer"]
        data: dict[str, Any] = {
            "library_name": LIBRARY_NAME,
            "pipeline_tag": self.pipeline_tag,
            "license": self.license,
            "base_model": self.base_model,
            "tags": list(dict.fromkeys([*self.tags, "gan", *styles, LIBRARY_NAME])),
            "datasets": self.datasets,
            "traditions": self.traditions,
        }
        if self.samples:
            data["widget"] = [{"text": self.samples_caption, "output": {"url": self.samples}}]
        if self.results:
            data["model-index"] = _model_index(self.title, self.pipeline_tag, self.results)
        return {key: value for key, value in data.items() if value not in (None, [])}


RENEWED = ("library_name", "pipeline_tag", "base_model", "model-index")
"""Keys of the front matter that a model knows better than whoever edited its card. (Of `model-index`, an old figure of
new weights would be a wrong one.)"""


def merge_cards(old: str, new: str) -> str:
    """The card `old`, as somebody may have edited it, with what hfstyle wrote in it as it is in `new`.

    Between the marks the text is that of `new`; all else stays, and so does the absence of what somebody took away,
    marks and all. In the front matter `RENEWED` are those of `new`, others are added where `old` has none. A card
    without marks is nobody's but its writer's, and stays as it is.
    """
    if not MARKS.search(old):
        return old
    parts = {match["name"]: match["text"] for match in MARKS.finditer(new)}

    def renewed(match: re.Match) -> str:
        return _marked(match["name"], parts[match["name"]]) if match["name"] in parts else ""

    merged = MARKS.sub(renewed, old)
    try:
        (before, body), (after, _) = (_split(text) for text in (merged, new))
    except yaml.YAMLError:
        return merged
    data = {key: value for key, value in before.items() if key not in RENEWED or key in after}
    data |= {key: value for key, value in after.items() if key in RENEWED or key not in data}
    return merged if data == before else _front_matter(data) + body


def for_repo(card: str, repo_id: str) -> str:
    """The card with the name of the repository that it lies in where it shows how to load the model."""

    def named(match: re.Match) -> str:
        if match["name"] != "use":
            return match[0]
        return re.sub(r'(from_pretrained\()"[^"\n]*"', rf'\1"{repo_id}"', match[0], count=1)

    return MARKS.sub(named, card)


def card_problems(card: str, files: Collection[str]) -> list[str]:
    """What the Hub, or whoever reads a card, would find wrong with it, each in a sentence.

    Args:
        files: Paths of the files that lie beside it.
    """
    try:
        data, body = _split(card)
    except yaml.YAMLError as error:
        return [f"the front matter is not valid YAML: {' '.join(str(error).split()):.200}"]
    if not data:
        return ["there is no front matter, so the Hub cannot find the model by what it is"]
    problems = []
    for key, kinds in _KINDS.items():
        value = data.get(key)
        whole = isinstance(value, str) or (list in kinds and isinstance(value, list) and all(map(_is_text, value)))
        if value is not None and not whole:
            problems.append(
                f"{key} must be {'text or a list of texts' if list in kinds else 'text'}, not {value!r:.60}"
            )
    problems += [f"{key} is missing" for key in ("library_name", "license") if not data.get(key)]
    if data.get("library_name", LIBRARY_NAME) != LIBRARY_NAME:
        problems.append(f"library_name must be {LIBRARY_NAME} for the Hub to show how it is loaded")
    if "model-index" in data:
        try:
            model_index_to_eval_results(data["model-index"])
        except Exception as error:  # it looks keys up in whatever is there
            problems.append(f"model-index is not as the Hub wants it: {type(error).__name__} {str(error):.100}")
    for example in data.get("widget") or []:
        url = example.get("output", {}).get("url") if isinstance(example, dict) else None
        if not isinstance(url, str):
            problems.append("each example under widget needs an output with a url")
        elif "://" not in url and url not in files:
            problems.append(f"the example {url:.100} of widget is not among the files")
    problems += [
        f"the picture {path} is not among the files"
        for path in re.findall(r"!\[[^]]*\]\(([^)\s]+)\)", body)
        if "://" not in path and path not in files
    ]
    return problems


_KINDS = {"license": (str, list), "library_name": (str,), "pipeline_tag": (str,), "base_model": (str, list)}
_KINDS |= {"tags": (str, list), "datasets": (str, list), "language": (str, list)}


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def with_figures(card: str, text: str, results: Sequence[Result]) -> str:
    """The card with these figures, in Markdown and for the Hub, in place of any that it has."""
    data, body = _split(without_figures(card))
    title = next((line.removeprefix("# ") for line in body.splitlines() if line.startswith("# ")), "")
    data["model-index"] = _model_index(title, data.get("pipeline_tag"), results)
    return f"{_front_matter(data)}{body.rstrip()}\n\n{_marked(FIGURES, f'## Figures{chr(10) * 2}{text}')}\n"


def _model_index(title: str, task: str | None, results: Sequence[Result]) -> list[dict[str, Any]]:
    evaluated = [
        EvalResult(
            task_type=task or "other",
            dataset_type="custom",
            dataset_name=result.dataset,
            metric_type=result.metric,
            metric_value=result.value,
            metric_name=result.name,
        )
        for result in results
    ]
    return eval_results_to_model_index(title, evaluated)


def without_figures(card: str) -> str:
    """The card of weights that are no longer those that were measured, of which nothing else is known."""
    text = MARKS.sub(lambda match: "" if match["name"] == FIGURES else match[0], card)
    try:
        data, body = _split(text)
    except yaml.YAMLError:
        return text
    return _front_matter(data) + body if data.pop("model-index", None) is not None else text


FIGURES = "figures"
"""The part with what was measured, under the heading "Figures"."""
MARKS = re.compile(r"<!-- hfstyle: (?P<name>[a-z0-9-]+) -->\n(?P<text>.*?)\n<!-- /hfstyle: (?P=name) -->", re.S)


def _marked(name: str, text: str) -> str:
    return f"<!-- hfstyle: {name} -->\n{text}\n<!-- /hfstyle: {name} -->"


def _front_matter(data: dict[str, Any]) -> str:
    return f"---\n{yaml.safe_dump(data, sort_keys=False, allow_unicode=True)}---\n"


def _split(card: str) -> tuple[dict[str, Any], str]:
    """The front matter and what comes after it."""
    match = re.match(r"---\n(.*?)^---\n", card, re.S | re.M)
    if match is None:
        return {}, card
    data = yaml.safe_load(match[1])
    if not isinstance(data, dict):
        raise yaml.YAMLError("the front matter holds no keys")
    return data, card[match.end() :]


def read_card(text: str) -> tuple[str | None, dict[str, Any]]:
    """The title and the front matter of a model card; of one that is none, nothing."""
    try:
        card = ModelCard(text, ignore_metadata_errors=True)
    except (ValueError, yaml.YAMLError):
        return None, {}
    title = next((line.removeprefix("# ") for line in card.text.splitlines() if line.startswith("# ")), None)
    return title, card.data.to_dict()


def model_code(name: str, use: str | None) -> str:
    """Python that loads what `from_pretrained` knows as `name`, and the line, if any, that shows what it is for."""
    load = f'from hfstyle import AutoModel\n\nmodel = AutoModel.from_pretrained("{name}")'
    return f"{load}\n{use}" if use else load


def class_tag(class_name: str) -> str:
    """The tag of a model's class, such as `cyclegan`."""
    return class_name.removesuffix("Generator").removesuffix("Discriminator").lower()


def default_card(class_name: str, pipeline_tag: str | None, use: str | None, name: str = "owner/name") -> str:
    """The card of a model of which nothing is known but its class, `usage`, and what `from_pretrained` takes."""
    return str(
        Card(
            title=class_name,
            summary=f"A `{class_name}` made with hfstyle.",
            code=model_code(name, use),
            license=None,
            tags=[class_tag(class_name)],
            pipeline_tag=pipeline_tag,
        )
    )
