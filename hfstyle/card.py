"""Model cards: the README.md of a model, with the front matter that the Hub reads."""

import dataclasses
from typing import Any

import yaml
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
from hfstyle import AutoModel

model = AutoModel.from_pretrained("{{ name }}")
{% if use %}
{{ use }}
{% endif %}
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
    name: str = "owner/name"
    """What `from_pretrained` takes: the repository, or the name of a bundled model."""
    license: str = "apache-2.0"
    tags: list[str] = dataclasses.field(default_factory=list)
    datasets: list[str] = dataclasses.field(default_factory=list)
    samples: str | None = None
    """Path of a picture inside the repository that shows what the model does."""
    samples_caption: str = "Photographs and what the model makes of them."
    pipeline_tag: str | None = "image-to-image"
    """One of `USES`, or None for a model that makes no pictures. See `PreTrainedModel.pipeline_tag`."""
    sections: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    """Further headings with their text, in Markdown."""

    def __str__(self) -> str:
        styles = [] if self.pipeline_tag == "unconditional-image-generation" else ["style-transfer"]
        front_matter: dict[str, Any] = {
            "library_name": LIBRARY_NAME,
            "pipeline_tag": self.pipeline_tag,
            "license": self.license,
            "tags": list(dict.fromkeys([*self.tags, "gan", *styles, LIBRARY_NAME])),
        }
        if self.pipeline_tag is None:
            del front_matter["pipeline_tag"]
        if self.datasets:
            front_matter["datasets"] = self.datasets
        if self.samples:
            front_matter["widget"] = [{"text": self.samples_caption, "output": {"url": self.samples}}]
        values = dataclasses.asdict(self) | {
            "front_matter": yaml.safe_dump(front_matter, sort_keys=False, allow_unicode=True),
            "use": USES.get(self.pipeline_tag),
        }
        return _TEMPLATE.render(values)


def default_card(class_name: str, pipeline_tag: str | None, name: str = "owner/name") -> str:
    """The card of a model of which nothing is known but its class, and what `from_pretrained` takes."""
    return str(
        Card(
            title=class_name,
            name=name,
            summary=f"A `{class_name}` made with hfstyle.",
            tags=[class_name.removesuffix("Generator").removesuffix("Discriminator").lower()],
            pipeline_tag=pipeline_tag,
        )
    )
