"""The main walk of each page, in English and Chinese, on a desktop and on a phone, each seen by day and by night.

Every page leaves pictures named pages-PAGE-LANGUAGE-SCREEN-SCHEME in tests/screenshots/, to be looked at.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright import sync_api
from test_browser import (
    PATIENCE,
    PHONE,
    SCREENSHOTS,
    SECONDS,
    WALL,
    blend,
    bring,
    learnt,
    look,
    open_page,
    painted,
    sketched,
    studio,
    titled,
)
from test_browser_compare import ballot
from test_studio import small_photo

from hfstyle.studio.text import CATALOGUE

__all__ = ["open_page", "studio"]  # fixtures

pytestmark = pytest.mark.browser

SCREENS = {"desktop": {"color_scheme": "light"}, "phone": {"color_scheme": "dark", **PHONE}}
"""And what they are at first: pages are built by day on the one, by night on the other."""
IDEOGRAPH = "[\u4e00-\u9fff]"
IN_BOTH = {"hfstyle", "English", "中文", "Language, 语言", "owner/name", "loved.png"}
"""What pages of either language say."""


class Visit:
    """The studio as somebody sees it, the words of their language, and the pictures that they bring."""

    def __init__(self, page: sync_api.Page, locale: str, folder: Path) -> None:
        self.page, self.locale = page, locale
        self.loved = small_photo(folder / "loved.png", size=(300, 200))
        self.paintings = [small_photo(folder / f"{n}.png", size=(260 + 2 * n, 260)) for n in range(10)]

    def words(self, key: str) -> str:
        return CATALOGUE[key][self.locale]

    def button(self, key: str) -> sync_api.Locator:
        """With these words, and Gradio's arrow if it opens a box."""
        words = re.compile(rf"^{re.escape(self.words(key))}( ▼)?$")
        return self.page.get_by_role("button", name=words).locator("visible=true")

    def example(self) -> None:
        self.page.locator(".example-strip button").locator("visible=true").first.click()


def one(visit: Visit) -> None:
    visit.example()
    painted(visit.page)
    visit.page.locator("#tradition .mark").first.wait_for(timeout=PATIENCE)


def every(visit: Visit) -> None:
    visit.example()
    sketched(visit.page)
    assert visit.page.locator("#wall .title").all_inner_texts() == [visit.words(f"style.{name}") for name in WALL]
    visit.page.locator("#wall button").nth(WALL.index("pirosmani")).click()
    visit.page.locator("#all-tradition .mark").first.wait_for(timeout=PATIENCE)
    visit.button("blend").click()
    blended = [visit.words("style.bank:kuindzhi"), visit.words("style.bank:pirosmani")]
    blend(visit.page, *blended)
    titled(visit.page, f"{blended[0]} 50% + {blended[1]} 50%")


def mine(visit: Visit) -> None:
    assert visit.button("mine.learn").is_disabled()
    bring(visit.page, [visit.loved])
    learnt(visit.page)


def live(visit: Visit) -> None:
    visit.button("live.start").click()
    visit.page.wait_for_function("document.querySelector('#live-stage canvas').dataset.frames > 3", timeout=PATIENCE)


def imagine(visit: Visit) -> None:
    visit.button("imagine.draw").click()
    visit.page.locator(".dreams img").nth(11).wait_for(timeout=PATIENCE)


def compare(visit: Visit) -> None:
    visit.button("compare.start").click()
    first = ballot(visit.page)
    questions = visit.page.locator("#ballot fieldset")
    questions.nth(0).get_by_role("button", name="A").click()
    questions.nth(1).get_by_role("button", name=visit.words("compare.tie")).click()
    ballot(visit.page, first)
    visit.button("compare.ranking").click()
    visit.page.locator("#ranking table").first.wait_for()


def measure(visit: Visit) -> None:
    visit.page.set_input_files("#measure-paintings input[type=file]", visit.paintings)
    visit.page.wait_for_function("document.querySelectorAll('#measure-paintings tr').length >= 10")
    visit.button("measure.begin").click()
    report = visit.page.frame_locator("#measure-report iframe")
    said = report.get_by_role("heading", level=1)
    said.wait_for(timeout=2 * PATIENCE)
    assert bool(re.search(IDEOGRAPH, said.inner_text())) == (visit.locale == "zh-CN")
    plot = report.locator(".plot")
    visit.page.locator("#measure-report iframe").scroll_into_view_if_needed()  # else nothing in it is drawn
    plot.scroll_into_view_if_needed()
    assert plot.evaluate("image => image.complete && image.naturalWidth > 0")
    look(visit.page, f"pages-measure-plot-{visit.locale}-{visit.page.viewport_size['width']}")


def about(visit: Visit) -> None:
    visit.page.locator("#about summary").first.click()
    assert visit.page.locator("#about details").first.locator("p").nth(1).is_visible()


WALKS: dict[str, Callable[[Visit], None]] = {
    "one": one,
    "all": every,
    "mine": mine,
    "live": live,
    "imagine": imagine,
    "compare": compare,
    "measure": measure,
    "about": about,
}


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("locale", ["en", "zh-CN"])
def test_the_main_walk_of_each_page(open_page, locale, screen, tmp_path):
    page = open_page(**SCREENS[screen], locale={"en": "en-GB"}.get(locale, locale))
    visit = Visit(page, locale, tmp_path)
    wrong = []
    for name, walk in WALKS.items():
        page.get_by_role("link", name=visit.words(f"page.{name}"), exact=True).click()
        page.locator(f"#page-{name}").wait_for()
        for scheme in day_and_night(page):
            wrong += faults(page, f"{name}, at first, {scheme}")
        walk(visit)
        wrong += seen(page, f"pages-{name}-{locale}-{screen}") + foreign(page, locale, name)
    assert not wrong, "\n".join(wrong)


def day_and_night(page: sync_api.Page) -> Iterator[str]:
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_timeout(SECONDS / 4)
        yield scheme


def seen(page: sync_api.Page, name: str) -> list[str]:
    """Pictures of the page by day and by night, and what is wrong with them."""
    found = []
    for scheme in day_and_night(page):
        look(page, f"{name}-{scheme}", full=True)
        found += faults(page, f"{name}-{scheme}")
        with Image.open(SCREENSHOTS / f"{name}-{scheme}.png") as shown:
            ground = np.median(np.asarray(shown.convert("L").crop((0, 0, 10, shown.height))))
        if (ground > 200) != (scheme == "light") or (ground < 60) != (scheme == "dark"):
            found.append(f"{name}-{scheme}: a ground of {ground} of 255")
    return found


def foreign(page: sync_api.Page, locale: str, where: str) -> list[str]:
    """What the page says in the other language."""
    found = []
    for said in set(page.evaluate(SAID)) - IN_BOTH:
        chinese = re.search(IDEOGRAPH, said)
        if chinese if locale == "en" else re.search("[A-Za-z]{4}", said) and not chinese:
            found.append(f"{where}: not in the language of the page: {said}")
    return found


def faults(page: sync_api.Page, where: str) -> list[str]:
    found = [f"{where}: faint words: {words}" for words in page.evaluate(FAINT)]
    found += [f"{where}: a control without a name: {control}" for control in page.evaluate(NAMELESS)]
    if not page.evaluate("document.documentElement.scrollWidth <= innerWidth"):
        found.append(f"{where}: wider than the screen")
    return found


SAID = """() => {
    const there = [...document.querySelectorAll("body *")]
        .filter(element => element.checkVisibility() && !element.closest("[translate=no], script, style"));
    const texts = there
        .flatMap(element => [...element.childNodes].filter(node => node.nodeType === 3).map(node => node.data));
    const names = there.flatMap(element => ["aria-label", "title", "placeholder"].map(a => element.getAttribute(a)));
    return [...new Set([...texts, ...names].map(words => (words ?? "").trim()).filter(Boolean))];
}"""
"""What the page says to eyes and to screen readers, once each."""
NAMELESS = """() => [...document.querySelectorAll("button, input:not([type=file]), a")]
    .filter(element => element.checkVisibility())
    .filter(element => !(element.innerText.trim() || element.getAttribute("aria-label") || element.title
        || element.labels?.length || element.getAttribute("aria-labelledby")))
    .map(element => element.outerHTML.slice(0, 120))"""
FAINT = """() => {
    const channels = colour => colour.match(/[\\d.]+/g).map(Number);
    const light = colour => {
        const [r, g, b] = colour.slice(0, 3)
            .map(c => c / 255).map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ground = element => {
        for (; element; element = element.parentElement) {
            const [r, g, b, opacity = 1] = channels(getComputedStyle(element).backgroundColor);
            // What lies on a picture must be read on a white one too.
            const seen = opacity && element.closest(".comparison, .dreams, .shelf") ? opacity : 1;
            if (opacity === 1 || seen < 1) return [r, g, b].map(c => seen * c + (1 - seen) * 255);
        }
        return [255, 255, 255];
    };
    return [...document.querySelectorAll("h1, h2, p, span, label, button, a")]
        .filter(element => element.checkVisibility() && !element.closest(".for-readers"))
        .filter(element => [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim()))
        .map(element => {
            const colours = [channels(getComputedStyle(element).color), ground(element)];
            const pair = colours.map(light).sort((a, b) => b - a);
            return [element.innerText.trim().slice(0, 30), (pair[0] + 0.05) / (pair[1] + 0.05)];
        })
        .filter(([words, ratio]) => words && ratio < 4.5);
}"""
"""Words whose contrast with their ground is below 4.5 (WCAG 2.2, success criterion 1.4.3)."""
