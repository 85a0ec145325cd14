"""The pieces of the pages that Gradio lacks, or has only without a keyboard, a limit or a second language."""

import abc
import csv
import html
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import gradio as gr
from gradio.data_classes import FileData, ImageData, ListFiles
from gradio_client.utils import is_http_url_like

from hfstyle.errors import HfstyleError
from hfstyle.studio.painter import EXAMPLES, Painter, Painting
from hfstyle.studio.text import CATALOGUE, LANGUAGES, StudioError, both, error_html, label

logger = logging.getLogger(__name__)

# One painting at a time, from the pages and the API together, since one already uses every core.
QUEUE = {"concurrency_id": "painting", "concurrency_limit": 1}
# For what only moves things about on the page: at once, and of no use to a program.
AT_ONCE = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}

READING = {"show_progress": "hidden", "api_visibility": "private", "concurrency_id": "reading"}
"""For what looks at pictures beside the painting."""

# With False, Gradio would take the component out of the page, and put it back in the language of the first time.
HIDDEN = "hidden"

BARE = {"apply_default_css": False, "elem_classes": "bare"}
"""For `gr.HTML` that the studio's own style sheet dresses."""


STEP = {**BARE, "elem_classes": ["bare", "step"]}
"""For `gr.HTML` that is a heading."""


class _WithoutStub(type(gr.Image)):
    """Gradio's metaclass writes a .pyi file beside the source of every new component class; this one does not."""

    def __new__(cls, name: str, bases: tuple[type, ...], attributes: dict[str, Any]) -> type:
        return abc.ABCMeta.__new__(cls, name, bases, attributes)


class _Uploads(gr.components.Component, metaclass=_WithoutStub):
    """What hands files over untouched: those that were uploaded here, and no others.

    Gradio opens any file of the server where a client leaves out the mark by which it knows file paths, and fetches
    the file where a client sends an address; here no request leaves the machine. An address of an upload to this very
    server, as MCP clients have it, is that upload.
    """

    def _inside(self, file: FileData | ImageData) -> str:
        path = Path(file.path or "").resolve()
        if not any(path.is_relative_to(Path(folder).resolve()) for folder in (self.GRADIO_CACHE, EXAMPLES)):
            raise gr.Error(str(StudioError("error.no_path")), print_exception=False)
        return str(path)

    async def async_move_resource_to_block_cache(self, url_or_file_path: str | Path | None) -> str | None:
        """As in Gradio, but for addresses."""
        if url_or_file_path is not None and is_http_url_like(str(url_or_file_path)):
            _, _, path = str(url_or_file_path).partition("/gradio_api/file=")
            if not path:
                raise gr.Error(str(StudioError("error.address")), print_exception=False)
            return self._inside(FileData(path=unquote(path)))
        return await super().async_move_resource_to_block_cache(url_or_file_path)


class PicturesInput(_Uploads, gr.File):
    """A file input whose function gets the paths of the uploaded files; one that takes one file, its path or None."""

    def get_block_name(self) -> str:
        """The browser side is that of `gr.File`."""
        return "file"

    def preprocess(self, payload: ListFiles | FileData | None) -> Any:
        """
        Parameters:
            payload: what the client sent in place of files.
        Returns:
            Their paths.
        """
        several = [] if payload is None else payload if isinstance(payload, ListFiles) else [payload]
        paths = [self._inside(file) for file in several]
        return paths if self.file_count == "multiple" else next(iter(paths), None)


class PhotoInput(_Uploads, gr.Image):
    """An image input whose function gets the path of the uploaded file, untouched.

    `gr.Image`, also with `type="filepath"`, lets Pillow open the file first: with every decoder that Pillow has,
    before our limits, and with a traceback for what is not a picture, and writes a new file where the mode differs.
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
        return None if payload is None else self._inside(payload)

    def example_payload(self) -> dict[str, Any]:
        """What the API page shows; that of `gr.Image` is an address."""
        return {"path": "photo.jpg", "url": "photo.jpg", "meta": {"_type": "gradio.FileData"}}

    def example_value(self) -> dict[str, Any]:
        """See `example_payload`."""
        return self.example_payload()


# A phone's camera on the far side, and more than the 640x480 that browsers choose by themselves.
_CAMERA = {"video": {"facingMode": {"ideal": "environment"}, "width": {"ideal": 1920}, "height": {"ideal": 1440}}}


def photo_input(**options: Any) -> PhotoInput:
    """Where a photo is dropped, pasted or taken."""
    return PhotoInput(
        sources=["upload", "webcam", "clipboard"],
        label=label("photo"),
        placeholder=label("photo_hint"),
        buttons=[],
        webcam_options=gr.WebcamOptions(mirror=False, constraints=_CAMERA),
        **options,
    )


_CALLS_SCRIPT = """
// What Gradio 6.31 gets wrong between a page and its server, which shows on slow lines.
const send = window.fetch.bind(window);
const asked = new Map();  // the last call of each function that is not answered yet
const awaited = new Set(), given_up = new Set();  // names of calls that the server has answered
let go_on = () => {};
// Gradio cancels a call by the name that the server's answer gives it. Before that is there it asks for the end of
// nothing, which is an error, and what the call brings covers what is chosen meanwhile. So this cancels when the name
// is known, and leaves Gradio without an answer, for which it waits no more. Nor does it wait for the server's word
// that a call was cancelled: what is called meanwhile it would cancel, too, or take for what has ended.
const ask = async (key, address, options) => {
    const call = {cancel: null};
    asked.set(key, call);
    const answer = await send(address, options);
    const name = (await answer.clone().json().catch(() => ({}))).event_id;  // none where it is refused
    if (asked.get(key) === call) asked.delete(key);
    if (!call.cancel) {
        if (name) awaited.add(name);
        go_on();
        return answer;
    }
    if (name) call.cancel(name);
    return new Promise(() => {});
};
const cancel = (key, name, address, options) => {
    if (!name) {
        if (asked.has(key)) asked.get(key).cancel = name => {
            const body = JSON.stringify({...JSON.parse(options.body), event_id: name});
            cancel(key, name, address, {...options, body});
        };
    } else {
        given_up.add(name);
        send(address, options).catch(error => console.warn(error));
    }
    return new Response("{}");
};
// The server ends the stream of what its calls bring with the last of them. The page asks for another stream only when
// it has heard that, and so never for what brings a call that it makes before. To the page the stream has no end here:
// it goes on as soon as there is a call to hear of. What a call brings that was cancelled on its way is left out, and
// to the page it ends as one does whose input was refused without a word, after which nothing more is called.
const listen = async request => {
    const first = await send(request.clone());
    if (!first.ok) return first;
    const pass = async (answer, page) => {
        const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
        for (let text = "";;) {
            const {done, value} = await reader.read();
            if (done && awaited.size) throw new Error("the stream was cut off");
            if (done) return;
            const lines = (text + value).split("\\n\\n");
            text = lines.pop();
            for (const line of lines) {
                const told = JSON.parse(line.slice("data: ".length)), over = told.msg === "process_completed";
                if (told.msg === "close_stream") return;
                if (over) awaited.delete(told.event_id);
                if (!given_up.has(told.event_id)) page.enqueue(line + "\\n\\n");
                else if (over) page.enqueue(`data: ${JSON.stringify({...told, output: {error: []}})}\\n\\n`);
            }
        }
    };
    const start = async page => {
        try {
            for (let answer = first;; answer = await send(request.clone())) {
                if (!answer.ok) throw new Error(`the stream was refused: ${answer.status}`);
                await pass(answer, page);
                while (!awaited.size) await new Promise(resolve => { go_on = resolve; });
            }
        } catch (error) {
            page.error(error);
        }
    };
    return new Response(new ReadableStream({start}).pipeThrough(new TextEncoderStream()), {headers: first.headers});
};
window.fetch = (address, options) => {
    const what = /\\/gradio_api\\/(queue\\/join|queue\\/data|cancel|reset)(\\?|$)/.exec(address.url ?? address)?.[1];
    if (what === "queue/data" && address instanceof Request) return listen(address);
    if (!what || typeof options?.body !== "string") return send(address, options);
    const {session_hash, fn_index, event_id} = JSON.parse(options.body), key = session_hash + " " + fn_index;
    return what === "queue/join" ? ask(key, address, options) : cancel(key, event_id, address, options);
};
"""

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
    translate();
    languages.querySelectorAll("button").forEach(button => {
        button.setAttribute("aria-pressed", String(button.lang === locale));
    });
};
// Names that Gradio gives its controls in English only, and hints that show our inner names of styles.
const entries = %(entries)s;
const translate = () => {
    document.querySelectorAll("label input[title]").forEach(input => input.removeAttribute("title"));
    document.querySelectorAll("[aria-label]").forEach(named => {
        const entry = entries.find(entry => Object.values(entry).includes(named.ariaLabel));
        if (entry) named.ariaLabel = entry[document.documentElement.lang] ?? named.ariaLabel;
    });
};
new MutationObserver(translate).observe(document.body, {childList: true, subtree: true});
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

const links = [...element.querySelectorAll("nav a")];
const names = links.map(link => link.hash.slice(1));
const turn = () => {
    const page = names.includes(location.hash.slice(1)) ? location.hash.slice(1) : names[0];
    document.documentElement.dataset.page = page;
    links.forEach((link, index) => link.setAttribute("aria-current", names[index] === page ? "page" : "false"));
};
addEventListener("hashchange", turn);
// Gradio's page has a base address, so that a link to #mine would leave "?style=monet", and load the page anew.
links.forEach(link => link.addEventListener("click", event => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    location.hash = link.hash;
}));
// Logging in leads away, and back to the first page: to the one from which it went.
const back = sessionStorage.getItem("hfstyle-back");
if (back) {
    sessionStorage.removeItem("hfstyle-back");
    location.hash = back;
}
document.addEventListener("click", event => {
    if (event.target.closest(".login")) sessionStorage.setItem("hfstyle-back", location.hash);
}, true);
turn();
"""


def header(pages: Sequence[str]) -> gr.HTML:
    """The name, one line, the way to each page, and the language switch, which Gradio would hide in its settings.

    `gr.Tabs` of Gradio 6.31 leaves the names of those that are not shown in the language of the first time, and has no
    addresses. Here a page's address is its name after `#`, and `data-page` of the document says which is shown.
    """
    links = "".join(f'<a href="#{name}">{both(f"page.{name}")}</a>' for name in pages)
    entries = [words for key, words in CATALOGUE.items() if key.startswith("gradio.")]
    buttons = "".join(f'<button type="button" lang="{locale}">{name}</button>' for locale, name in LANGUAGES.items())
    return gr.HTML(
        value=f"""
        <header class="masthead">
            {_SEAL}<h1>{both("title")}</h1><p>{both("tagline")}</p>
            <nav>{links}</nav>
            <div class="languages" role="group" aria-label="Language, 语言">{buttons}</div>
        </header>
        """,
        js_on_load=_CALLS_SCRIPT
        + _HEADER_SCRIPT % {"locales": json.dumps(list(LANGUAGES)), "entries": json.dumps(entries)},
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
    <img class="before" src="{{value.photo.url}}" alt="" draggable="false">
    <span class="tag before-tag" aria-hidden="true">%(photo)s</span>
    {{#if value.painting}}
    <img class="after" src="{{value.painting.url}}" alt="" draggable="false">
    <span class="tag after-tag" aria-hidden="true">
        {{#if value.title}}{{{value.title}}}{{else}}%(painting)s{{/if}}
    </span>
    <span class="line" aria-hidden="true"></span>
    <label>
        <span class="for-readers">%(compare)s</span>
        <input type="range" min="0" max="100" step="1" value="50">
    </label>
    <button type="button" class="whole-screen">%(corners)s<span class="for-readers">%(whole_screen)s</span></button>
    {{/if}}
</figure>
{{/if}}
"""

_CORNERS = """
<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M9 4H4v5M15 4h5v5M9 20H4v-5M15 20h5v-5"/></svg>
"""

_COMPARISON_SCRIPT = """
// Here and not on the figure, of which every new painting makes another.
element.addEventListener("input", event => element.style.setProperty("--cut", event.target.value + "%"));
element.addEventListener("click", event => {
    if (!event.target.closest(".whole-screen")) return;
    if (document.fullscreenElement) document.exitFullscreen();
    else element.querySelector(".comparison").requestFullscreen?.();
});
"""


def comparison(elem_id: str) -> gr.HTML:
    """Photo and painting on top of each other, parted by a line that mouse, finger and arrow keys move.

    `gr.ImageSlider` of Gradio 6.31 has a handle that the keyboard cannot reach and pictures without a description.
    Here the handle is an `<input type="range">`, which brings all of that.
    """
    words = {key: both(key) for key in ("photo", "painting", "compare", "whole_screen")}
    template = _COMPARISON % {**words, "corners": _CORNERS}
    dress = {**BARE, "elem_classes": ["bare", "result"]}
    return gr.HTML(html_template=template, js_on_load=_COMPARISON_SCRIPT, visible=HIDDEN, elem_id=elem_id, **dress)


def comparison_value(
    photo: Path, painting: Path | None, size: tuple[int, int], title: str | None = None
) -> dict[str, Any]:
    """The value of a `comparison`.

    Args:
        photo, painting: Two picture files that show the same scene; without a painting, the photo is shown alone.
        size: Their shape (width, height).
        title: What the painting is called, as HTML.
    """
    return {
        "title": title and inert(title),
        "photo": FileData(path=str(photo)).model_dump(),
        "painting": painting and FileData(path=str(painting)).model_dump(),
        "ratio": size[0] / size[1],
    }


def inert(words: str) -> str:
    """HTML for a template of `gr.HTML`, which evaluates what Handlebars made as a template string of JavaScript: names
    of strangers must not end it, nor have a `${}` in it."""
    return words.replace("\\", "&#92;").replace("`", "&#96;").replace("$", "&#36;")


CLICK_SCRIPT = """
element.addEventListener("click", event => {
    const button = event.target.closest("[data-index]");
    if (button) trigger("click", {index: Number(button.dataset.index)});
});
"""


def example_strip(examples: list[tuple[Path, str, str]], **options: Any) -> gr.HTML:
    """Photos to click; `strip.click(f)` gives `f` a `gr.EventData` whose `index` says which.

    Args:
        examples: See `read_examples`.
        **options: For `gr.HTML`.
    """
    items = "".join(
        f'<li><button type="button" data-index="{index}">'
        f'<span class="for-readers">{both("example_button")} <i translate="no">{html.escape(title)}</i></span>'
        f'<img src="gradio_api/file={html.escape(str(path), quote=True)}" alt="" loading="lazy"></button>'
        f'<span class="title" translate="no">{html.escape(title)}</span>'
        f'<span class="credit" translate="no">{credit}</span></li>'
        for index, (path, title, credit) in enumerate(examples)
    )
    value = f'<h2>{both("examples")}</h2><ul class="examples">{items}</ul>'
    dress = {**BARE, "elem_classes": ["bare", "example-strip"]}
    return gr.HTML(value=value, js_on_load=CLICK_SCRIPT, **dress, **options)


_LICENCES = {
    "CC BY 4.0": "https://creativecommons.org/licenses/by/4.0/",
    "CC0 1.0": "https://creativecommons.org/publicdomain/zero/1.0/",
}


def read_examples() -> list[tuple[Path, str, str]]:
    """(file, title, credit as HTML) of the example photos."""
    gr.set_static_paths([EXAMPLES])
    with open(EXAMPLES / "CREDITS.tsv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return [(EXAMPLES / row["file"], row["title"], credit(row["author"], row["licence"])) for row in rows]


def credit(author: str, licence: str) -> str:
    """Whose a photo is, as HTML."""
    words = html.escape(licence)
    if address := _LICENCES.get(licence):
        words = f'<a href="{address}" target="_blank" rel="noopener license">{words}</a>'
    return f"{html.escape(author)}, {words}"


def wall(titles: list[str], **options: Any) -> gr.HTML:
    """Small paintings in a grid, that appear one by one and can be clicked as in `example_strip`.

    Args:
        titles: What each is called, as HTML.
        **options: For `gr.HTML`.
    """
    titles = [inert(title) for title in titles]
    cells = "".join(
        f'<li{{{{#if value.cells.{index}.next}}}} class="next"{{{{/if}}}}>'
        f'<button type="button" data-index="{index}"{{{{#unless value.cells.{index}.file}}}} disabled{{{{/unless}}}}>'
        f'<span class="for-readers">{both("compare_button")} {title}</span>'
        f'{{{{#if value.cells.{index}.file}}}}<img src="{{{{value.cells.{index}.file.url}}}}" alt="">{{{{/if}}}}'
        f'</button><span class="title">{title}</span></li>'
        for index, title in enumerate(titles)
    )
    template = f'{{{{#if value}}}}<ul class="wall" style="--ratio: {{{{value.ratio}}}}">{cells}</ul>{{{{/if}}}}'
    return gr.HTML(html_template=template, js_on_load=CLICK_SCRIPT, **BARE, **options)


def wall_value(pictures: list[Path | None], size: tuple[int, int], busy: bool) -> dict[str, Any]:
    """The value of a `wall`.

    Args:
        pictures: The files, None for those that are not painted yet.
        size: Their shape (width, height); very long ones are cut to fit.
        busy: Whether the first that is not there is being painted.
    """
    following = pictures.index(None) if busy and None in pictures else None
    return {
        "ratio": min(max(size[0] / size[1], 2 / 3), 2),
        "cells": [
            {"file": picture and FileData(path=str(picture)).model_dump(), "next": index == following}
            for index, picture in enumerate(pictures)
        ],
    }


def progress_line(words: str, done: int, total: int) -> str:
    """How far something is, as HTML: words (as HTML) and, until it is done, a bar."""
    bar = f'<progress value="{done}" max="{total}" aria-hidden="true"></progress>' if done < total else ""
    return f'<p role="status">{words}</p>{bar}'


def size_notice(painting: Painting) -> str:
    """Says, as HTML, that the network saw a smaller picture, where it did."""
    small, full = (f"{width} × {height}" for width, height in (painting.stylized_size, painting.size))
    return both("reduced", small=small, full=full)


def scroll_to(elem_id: str) -> str:
    """JavaScript that brings a component into view."""
    return f"() => document.querySelector('#{elem_id}')?.scrollIntoView({{block: 'nearest', behavior: 'smooth'}})"


def busy_scripts(what: str) -> tuple[str, str]:
    """JavaScript for two outputs, a button that begins something long and one that stops it: shows the second in place
    of the first, and the first again.

    In the browser, since answers of the server may overtake each other. What begins waits until the same has ended,
    since Gradio 6.31 passes over a call of what still runs. To stop it is to cancel it, which counts as a failure.

    Args:
        what: Tells it from others on the page.
    """
    say = f"""
        const shown = one => ({{__type__: "update", visible: one || "hidden"}});
        const page = document.documentElement.dataset;
        const say = busy => {{ page.{what} = busy ? "yes" : ""; return [shown(!busy), shown(busy)]; }};
    """
    wait = f"while (page.{what}) await new Promise(done => setTimeout(done, 20));"
    return f"async () => {{ {say} {wait} return say(true); }}", f"() => {{ {say} return say(false); }}"


def look_at_uploads(photo: PhotoInput, painter: Painter) -> None:
    """Say at once of a file that it is no photo, and show a copy of what browsers cannot show."""

    async def receive(file: str | None) -> Any:
        try:
            shown = await painter.receive(file) if file else None
        except Exception as error:
            raise refusal(error, file) from error
        return gr.skip() if shown is None or str(shown) == file else str(shown)

    received = photo.upload(receive, photo, photo, **READING)
    received.failure(lambda: None, None, photo, **AT_ONCE)


def hub_token(owner: bool, request: gr.Request) -> bool | None:
    """For a request to the Hub: None, which is the token of this machine, for its owner; else False, which is none.

    Args:
        owner: Whether the page is meant for the owner of this machine alone.
    """
    host = (request.headers.get("host") or "").rpartition(":")[0]
    # Nobody may stand between the browser and us, as would a proxy that lets others in.
    passed_on = request.headers.get("x-forwarded-for") or request.headers.get("forwarded")
    return None if owner and host in ("127.0.0.1", "localhost", "[::1]") and not passed_on else False


def refusal(error: Exception, file: str | None) -> gr.Error:
    """An error as the pages show it. `file` is the server's path of the photo, which they do not show."""
    if isinstance(error, gr.Error):  # ZeroGPU's own, say of a day's share that is used up
        return error
    log_if_ours(error)
    return gr.Error(error_html(error, file or ""), duration=20, print_exception=False)


def log_if_ours(error: Exception) -> None:
    """What no visitor can have caused goes to the server's log, with its traceback."""
    if not isinstance(error, (HfstyleError, MemoryError)):
        logger.error("painting failed", exc_info=error)
