"""Model cards: the README.md of a model, with the front matter that the Hub reads."""

import dataclasses
import json
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import EvalResult
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
        data = self._data()
        return f"{_front_matter(data)}\n# {self.title}\n\n{body}\n\n{_wrote(self.title, data, list(parts))}\n"

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
    marks and all. The title, and keys of the front matter, are those of `new` where nobody has changed them since
    hfstyle wrote them, and `RENEWED` always. A card without marks is nobody's but its writer's, and stays as it is.
    """
    theirs, ours = card_parts(old), card_parts(new)
    if not theirs:
        return old
    wrote, record = _read_wrote(old), WROTE.search(new)
    end = f"\n\n{record[0]}\n" if record else "\n"
    merged = _joined([(name, ours.get(name, text)) for name, text in _pieces(old)], theirs.keys() - ours.keys())
    fresh = [name for name in ours if name not in theirs and name not in wrote.get("parts", ours)]
    merged = WROTE.sub("", merged).rstrip("\n") + "".join("\n\n" + _marked(name, ours[name]) for name in fresh)
    try:
        (front, before, text), after, new_title = _split(merged), _split(new)[1], _title(new)
    except BadFrontMatter:
        return merged + end
    written = wrote.get("front matter", {})
    changes = {
        key: after.get(key)
        for key in {**before, **after}
        if before.get(key) != after.get(key) and (key in RENEWED or before.get(key) == written.get(key))
    }
    if wrote.get("title") and new_title:
        text = re.sub(rf"(?m)^# {re.escape(str(wrote['title']))}$", lambda match: f"# {new_title}", text, count=1)
    return _edited(front, changes) + text + end


def renewed_card(path: Path, card: str) -> str:
    """`card`; where there is one at `path` already, that one with what hfstyle wrote in it renewed."""
    return merge_cards(path.read_text("utf-8", errors="replace"), card) if path.exists() else card


MARK = re.compile(r"<!-- (/?)hfstyle: ([a-z0-9-]{1,60}) -->")
WROTE = re.compile(r"<!-- hfstyle wrote: ([^>]*) -->")
"""What hfstyle wrote outside of marks, so that it can tell what somebody changed."""


def card_parts(card: str) -> dict[str, str]:
    """The text of each part between marks."""
    return {name: text for name, text in _pieces(card) if name is not None}


def _pieces(card: str) -> list[tuple[str | None, str]]:
    """The parts between marks, by their names, and what lies between them, in order."""
    marks, pieces, end = list(MARK.finditer(card)), [], 0
    for begins, ends in zip(marks, marks[1:], strict=False):
        if not begins[1] and ends[1] and begins[2] == ends[2] and begins.start() >= end:
            pieces.append((None, card[end : begins.start()]))
            pieces.append((begins[2], card[begins.end() : ends.start()].strip("\n")))
            end = ends.end()
    return [*pieces, (None, card[end:])]


def _joined(pieces: Sequence[tuple[str | None, str]], gone: Collection[str] = ()) -> str:
    """The card again, without some of its parts and the empty line before each."""
    text = ""
    for name, piece in pieces:
        if name in gone:
            text = text.removesuffix("\n\n")
        else:
            text += piece if name is None else _marked(name, piece)
    return text


def _wrote(title: str, data: Mapping[str, Any], parts: Sequence[str]) -> str:
    own = {key: value for key, value in data.items() if key not in RENEWED}
    text = json.dumps({"title": title, "front matter": own, "parts": parts})
    return f"<!-- hfstyle wrote: {text.replace('>', chr(92) + 'u003e')} -->"


def _read_wrote(card: str) -> dict[str, Any]:
    found = WROTE.search(card)
    try:
        wrote = json.loads(found[1]) if found else {}
    except (ValueError, RecursionError):
        return {}
    whole = isinstance(wrote, dict) and isinstance(wrote.get("front matter", {}), dict)
    return wrote if whole and isinstance(wrote.get("parts", []), list) else {}


def _title(card: str) -> str | None:
    return next((line.removeprefix("# ") for line in _split(card)[2].splitlines() if line.startswith("# ")), None)


def for_repo(card: str, repo_id: str) -> str:
    """The card with the name of the repository that it lies in where it shows how to load the model."""
    return _joined(
        [
            (
                name,
                re.sub(r'(from_pretrained\()"[^"\n]*"', rf'\1"{repo_id}"', text, count=1) if name == "use" else text,
            )
            for name, text in _pieces(card)
        ]
    )


def card_problems(card: str, files: Collection[str]) -> list[str]:
    """What the Hub, or whoever reads a card, would find wrong with it, each in a sentence.

    Args:
        files: Paths of the files that lie beside it.
    """
    try:
        _, data, body = _split(card)
    except BadFrontMatter as error:
        return [str(error)]
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
    examples = data.get("widget") or []
    for example in examples if isinstance(examples, list) else [examples]:
        output = example.get("output") if isinstance(example, dict) else None
        url = output.get("url") if isinstance(output, dict) else None
        if not isinstance(url, str):
            problems.append("each example under widget needs an output with a url")
        elif "://" not in url and url not in files:
            problems.append(f"the example {url:.100} of widget is not among the files")
    problems += [
        f"the picture {path} is not among the files"
        for path in re.findall(r"!\[[^]\n]{0,500}\]\(([^)\s]{1,500})\)", body)
        if "://" not in path and path not in files
    ]
    return problems


_KINDS = {"license": (str, list), "library_name": (str,), "pipeline_tag": (str,), "base_model": (str, list)}
_KINDS |= {"tags": (str, list), "datasets": (str, list), "language": (str, list)}


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def with_figures(card: str, text: str, results: Sequence[Result]) -> str:
    """The card with these figures, in Markdown and for the Hub, in place of any that it has.

    Raises:
        BadFrontMatter: It has none that can be read.
    """
    front, data, body = _split(without_figures(card))
    record = WROTE.search(body)
    index = _model_index(_title(card) or "", data.get("pipeline_tag"), results)
    figures = _marked(FIGURES, f"## Figures\n\n{text}")
    end = f"\n{record[0]}\n" if record else ""
    return f"{_edited(front, {'model-index': index})}{WROTE.sub('', body).rstrip()}\n\n{figures}\n{end}"


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
    text = _joined(_pieces(card), [FIGURES])
    try:
        front, data, body = _split(text)
    except BadFrontMatter:
        return text
    return _edited(front, {"model-index": None}) + body if "model-index" in data else text


FIGURES = "figures"
"""The part with what was measured, under the heading "Figures"."""


class BadFrontMatter(ValueError):
    """A card's front matter cannot be read. The text is one line."""


def _marked(name: str, text: str) -> str:
    return f"<!-- hfstyle: {name} -->\n{text}\n<!-- /hfstyle: {name} -->"


def _front_matter(data: dict[str, Any]) -> str:
    return f"---\n{yaml.safe_dump(data, sort_keys=False, allow_unicode=True)}---\n"


class _Loader(yaml.SafeLoader):
    """Without aliases, by which a few lines become gigabytes, and with dates as the text that they are."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not supported")
        return super().compose_node(parent, index)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _split(card: str) -> tuple[str, dict[str, Any], str]:
    """The front matter as text, with its fences, and as data, and what comes after it.

    Raises:
        BadFrontMatter: It is there and cannot be read.
    """
    match = FENCED.match(card)
    if match is None:
        return "", {}, card
    try:
        data = yaml.load(match[2], _Loader)  # noqa: S506 - it is a SafeLoader
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise BadFrontMatter(f"the front matter is not valid YAML: {' '.join(str(error).split()):.200}") from error
    if not isinstance(data, dict) and data is not None:
        raise BadFrontMatter("the front matter holds no keys")
    return match[0], {str(key): value for key, value in (data or {}).items()}, card[match.end() :]


def _edited(front: str, changes: Mapping[str, Any]) -> str:
    """The front matter with other values for some keys, None to take one away; all other lines stay as they are."""
    if not front:
        kept = {key: value for key, value in changes.items() if value is not None}
        return _front_matter(kept) if kept else ""
    begin, lines, end = FENCED.fullmatch(front).groups()
    blocks = re.split(r"(?m)^(?=[A-Za-z_][\w-]*[ \t]*:)", lines)
    left = dict(changes)
    for index, block in enumerate(blocks):
        key = re.match(r"([A-Za-z_][\w-]*)[ \t]*:", block)
        if key and key[1] in left:
            blocks[index] = _dumped(key[1], left.pop(key[1]))
    blocks += [_dumped(key, value) for key, value in left.items()]
    return begin + "".join(blocks) + end


FENCED = re.compile(r"([\ufeff\s]*---[ \t]*\n)(.*?)(^---[ \t]*(?:\n|\Z))", re.S | re.M)
"""The front matter: its first fence, its lines, its last fence."""


def _dumped(key: str, value: Any) -> str:
    return "" if value is None else yaml.safe_dump({key: value}, sort_keys=False, allow_unicode=True)


def read_card(text: str) -> tuple[str | None, dict[str, Any]]:
    """The title and the front matter of a model card; of one that is none, nothing."""
    try:
        return _title(text), _split(text)[1]
    except BadFrontMatter:
        return None, {}


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
