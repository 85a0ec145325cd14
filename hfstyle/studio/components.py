"""The pieces of the pages that Gradio lacks, or has only without a keyboard, a limit or a second language."""

import abc
import html
import json
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import FileData, ImageData
from gradio_client.utils import is_http_url_like

from hfstyle.studio.painter import EXAMPLES
from hfstyle.studio.text import LANGUAGES, StudioError, both

BARE = {"apply_default_css": False, "elem_classes": "bare"}
"""For `gr.HTML` that the studio's own style sheet dresses."""


class _WithoutStub(type(gr.Image)):
    """Gradio's metaclass writes a .pyi file beside the source of every new component class; this one does not."""

    def __new__(cls, name: str, bases: tuple[type, ...], attributes: dict[str, Any]) -> type:
        return abc.ABCMeta.__new__(cls, name, bases, attributes)


class PhotoInput(gr.Image, metaclass=_WithoutStub):
    """An image input whose function gets the path of the uploaded file, untouched.

    `gr.Image`, also with `type="filepath"`, lets Pillow open the file first: with every decoder that Pillow has,
    before our limits, and with a traceback for what is not a picture. It writes a new file where the mode differs,
    fetches the picture where a client sends an address instead of a file, and opens any file of the server where a
    client leaves out the mark by which Gradio knows file paths. None of that happens here.
    """

    def get_block_name(self) -> str:
        """The browser side is that of `gr.Image`."""
        return "image"

    def preprocess(self, payload: ImageData | None) -> str | None:
        """
        Parameters:
            payload: what the client sent in place of a file.
        Returns:
            The path of the file.
        """
        if payload is None:
            return None
        path = Path(payload.path or "").resolve()
        if not any(path.is_relative_to(Path(folder).resolve()) for folder in (self.GRADIO_CACHE, EXAMPLES)):
            raise gr.Error(str(StudioError("error.no_path")), print_exception=False)
        return str(path)

    async def async_move_resource_to_block_cache(self, url_or_file_path: str | Path | None) -> str | None:
        """As in `gr.Image`, but an address is refused: no request leaves the machine."""
        if url_or_file_path is not None and is_http_url_like(str(url_or_file_path)):
            raise gr.Error(str(StudioError("error.address")), print_exception=False)
        return await super().async_move_resource_to_block_cache(url_or_file_path)

    def example_payload(self) -> dict[str, Any]:
        """What the API page shows; that of `gr.Image` is an address."""
        return {"path": "photo.jpg", "url": "photo.jpg", "meta": {"_type": "gradio.FileData"}}

    def example_value(self) -> dict[str, Any]:
        """See `example_payload`."""
        return self.example_payload()


_HEADER_SCRIPT = """
const locales = %(locales)s;
// Gradio's page has a function that changes its language, in a module that is loaded already under a hashed name.
const core = performance.getEntriesByType("resource").map(entry => entry.name)
    .find(name => /\\/assets\\/core-[^/]+\\.js$/.test(name));
const languages = element.querySelector(".languages");
const remember = value => { try { localStorage.setItem("hfstyle-language", value); } catch {} };
const remembered = () => { try { return localStorage.getItem("hfstyle-language"); } catch { return null; } };
const speak = async locale => {
    (await import(core)).changeLocale(locale);
    document.documentElement.lang = locale;
    languages.querySelectorAll("button").forEach(button => {
        button.setAttribute("aria-pressed", String(button.lang === locale));
    });
};
if (core) {
    // Every kind of Chinese reads the Chinese there is; everybody else English, also where Gradio itself would speak
    // a third language.
    const spoken = navigator.language.toLowerCase().startsWith("zh") ? "zh-CN" : "en";
    speak(locales.includes(remembered()) ? remembered() : spoken);
    languages.addEventListener("click", event => {
        if (!event.target.lang) return;
        remember(event.target.lang);
        speak(event.target.lang);
    });
} else {
    languages.remove();
}
"""


def header() -> gr.HTML:
    """The name, one line, and the language switch, which Gradio would hide in its settings."""
    buttons = "".join(f'<button type="button" lang="{locale}">{name}</button>' for locale, name in LANGUAGES.items())
    return gr.HTML(
        value=f"""
        <header class="masthead">
            {_SEAL}<h1>{both("title")}</h1><p>{both("tagline")}</p>
            <div class="languages" role="group" aria-label="Language, 语言">{buttons}</div>
        </header>
        """,
        js_on_load=_HEADER_SCRIPT % {"locales": json.dumps(list(LANGUAGES))},
        **BARE,
    )


# A wave in a red seal: three arcs, drawn for this page.
_SEAL = """
<svg class="seal" viewBox="0 0 40 40" aria-hidden="true">
    <rect width="40" height="40" rx="7"/>
    <g fill="none" stroke-width="2.6" stroke-linecap="round">
        <path d="M6 29c5 0 6-3 8-7s6-9 12-9c5 0 8 4 7 8-1 3-5 4-7 1"/>
        <path d="M17 29c3 0 4-2 5-4"/>
        <path d="M26 29c3 0 5-1 8-3"/>
    </g>
</svg>
"""


_COMPARISON = """
{{#if value}}
<figure class="comparison" style="--ratio: {{value.ratio}}">
    <img class="after" src="{{value.painting.url}}" alt="" draggable="false">
    <img class="before" src="{{value.photo.url}}" alt="" draggable="false">
    <span class="tag before-tag" aria-hidden="true">%(photo)s</span>
    <span class="tag after-tag" aria-hidden="true">%(painting)s</span>
    <span class="line" aria-hidden="true"></span>
    <span class="for-readers" id="comparison-label">%(compare)s</span>
    <input type="range" min="0" max="100" step="1" value="50" aria-labelledby="comparison-label">
</figure>
{{/if}}
"""

_COMPARISON_SCRIPT = """
element.addEventListener("input", event => {
    const figure = event.target.closest(".comparison");
    if (figure) figure.style.setProperty("--cut", event.target.value + "%");
});
"""


def comparison(**options: Any) -> gr.HTML:
    """Photo and painting on top of each other, parted by a line that mouse, finger and arrow keys move.

    `gr.ImageSlider` of Gradio 6.31 has a handle that the keyboard cannot reach and pictures without a description.
    Here the handle is an `<input type="range">`, which brings all of that.
    """
    template = _COMPARISON % {key: both(key) for key in ("photo", "painting", "compare")}
    return gr.HTML(html_template=template, js_on_load=_COMPARISON_SCRIPT, **BARE, **options)


def comparison_value(photo: Path, painting: Path, size: tuple[int, int]) -> dict[str, Any]:
    """The value of a `comparison`: two picture files that show the same scene, and their shape (width, height)."""
    return {
        "photo": FileData(path=str(photo)).model_dump(),
        "painting": FileData(path=str(painting)).model_dump(),
        "ratio": size[0] / size[1],
    }


_EXAMPLES_SCRIPT = """
element.addEventListener("click", event => {
    const button = event.target.closest("[data-index]");
    if (button) trigger("click", {index: Number(button.dataset.index)});
});
"""


def example_strip(examples: list[tuple[Path, str, str]], **options: Any) -> gr.HTML:
    """Photos to click; `strip.click(f)` gives `f` a `gr.EventData` whose `index` says which.

    Args:
        examples: (file, title, credit as HTML); the files must be static paths of Gradio.
        **options: For `gr.HTML`.
    """
    items = "".join(
        f'<li><button type="button" data-index="{index}" aria-labelledby="example-verb example-{index}">'
        f'<img src="gradio_api/file={html.escape(str(path), quote=True)}" alt="" loading="lazy"></button>'
        f'<span class="title" id="example-{index}">{html.escape(title)}</span>'
        f'<span class="credit">{credit}</span></li>'
        for index, (path, title, credit) in enumerate(examples)
    )
    value = (
        f'<span class="for-readers" id="example-verb">{both("example_button")}</span>'
        f'<h2>{both("examples")}</h2><ul class="examples">{items}</ul>'
    )
    return gr.HTML(value=value, js_on_load=_EXAMPLES_SCRIPT, **BARE, **options)
