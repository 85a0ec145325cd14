"""Model cards: the README.md of a model, with the front matter that the Hub reads."""

import dataclasses
from typing import Any

import yaml
from huggingface_hub import ModelCard
from jinja2 import Environment

LIBRARY_NAME = "hfstyle"

USES = {
    "image-to-image": 'model.stylize("photo.jpg").save("painting.png")',
    "unconditional-image-generation": 'model.generate(seed=0)[0].save("painting.png")',
}
"""What a model is for, in the Hub's words, and the line of Python that does it."""

_TEMPLATE = Environment(keep_trailing_newline=True, trim_blocks=True, lstrip_blocks=True).from_string("""\
---
{{ front_matter }}---

# {{ title }}

{{ summary }}
{% if samples %}

![{{ samples_caption }}]({{ samples }})

{{ samples_caption }}
{% endif %}

## Use

```python
{{ code }}
```
{% for heading, text in sections %}

## {{ heading }}

{{ text }}
{% endfor %}
""")


@dataclasses.dataclass
class Card:
    """What a model card says. `str(card)` is the text of `README.md`."""

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
    """Repository of the model that this one is made for."""
    sections: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    """Further headings with their text, in Markdown."""

    def __str__(self) -> str:
        styles = [] if self.pipeline_tag == "unconditional-image-generation" else ["style-transfer"]
        front_matter: dict[str, Any] = {
            "library_name": LIBRARY_NAME,
            "pipeline_tag": self.pipeline_tag,
            "license": self.license,
            "base_model": self.base_model,
            "tags": list(dict.fromkeys([*self.tags, "gan", *styles, LIBRARY_NAME])),
        }
        front_matter = {key: value for key, value in front_matter.items() if value is not None}
        if self.datasets:
            front_matter["datasets"] = self.datasets
        if self.samples:
            front_matter["widget"] = [{"text": self.samples_caption, "output": {"url": self.samples}}]
        values = dataclasses.asdict(self) | {
            "front_matter": yaml.safe_dump(front_matter, sort_keys=False, allow_unicode=True),
        }
        return _TEMPLATE.render(values)


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
            tags=[class_tag(class_name)],
            pipeline_tag=pipeline_tag,
        )
    )
