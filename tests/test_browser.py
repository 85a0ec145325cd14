"""The studio as its visitors meet it: in headless Chromium, with the mouse, the keyboard and a phone's screen.

Every test leaves a picture of the page in tests/screenshots/, to be looked at.
"""

import io
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("gradio", reason="the extra 'app' is not installed")
pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from huggingface_hub import HfApi
from playwright import sync_api
from test_studio import bomb, running_studio, same_pixels, small_photo

from hfstyle import AutoModel, Style
from hfstyle.assets import model_of
from hfstyle.space import gather_studio
from hfstyle.studio import overview, text
from hfstyle.studio.painter import EXAMPLES
from hfstyle.studio.stylise import default_style

pytestmark = pytest.mark.browser

SCREENSHOTS = Path(__file__).parent / "screenshots"
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "is_mobile": True, "has_touch": True}
SECONDS = 1000
PATIENCE = 60 * SECONDS
"""How long to wait for a painting on a busy machine."""

OpenPage = Callable[..., sync_api.Page]


@pytest.fixture(scope="module")
def studio(browser, tmp_path_factory):
    with running_studio(tmp_path_factory.mktemp("studio")) as running:
        yield running


@pytest.fixture(scope="module")
def model():
    return AutoModel.from_pretrained(default_style())


LATE_CAMERA = """() => {
    const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    const gate = new Promise(open => { window.allow = open; });
    window.cameras = [];
    navigator.mediaDevices.getUserMedia = async wanted => {
        await gate;
        const camera = await real(wanted);
        window.cameras.push(camera);
        return camera;
    };
}"""
"""The browser asks its user, who says yes when `allow()` is called."""


@pytest.fixture
def open_page(browser, studio) -> Iterator[OpenPage]:
    """Opens the studio in a fresh browser; afterwards, whatever went wrong unseen fails the test."""
    contexts, hosts, complaints = [], set(), []

    def open_page(link: str = "", **options) -> sync_api.Page:
        options = {"viewport": {"width": 1280, "height": 860}, "locale": "en-US", **options}
        context = browser.new_context(accept_downloads=True, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20 * SECONDS)
        page.on("request", lambda request: hosts.add(request.url.split("/")[2]))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
        page.on("response", lambda answer: complaints.append(answer.url) if answer.status >= 400 else None)
        page.goto(studio.url + link)
        page.locator("#paint").wait_for()
        page.locator(".languages [aria-pressed=true]").wait_for()
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert {host.split(":")[0] for host in hosts if host} == {"127.0.0.1"}
    assert complaints == []


@pytest.fixture
def photo(tmp_path) -> Path:
    return small_photo(tmp_path / "my photo.png", size=(420, 280))


def look(page: sync_api.Page, name: str, full: bool = False) -> None:
    """Keep a picture of the page, once fonts and pictures are there and the pointer's hints are gone."""
    SCREENSHOTS.mkdir(exist_ok=True)
    page.evaluate("document.fonts.ready.then(() => true)")
    page.wait_for_timeout(500)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=full)


def choose(page: sync_api.Page, photo: Path) -> None:
    page.set_input_files("#photo input[type=file]", photo)
    page.locator("#photo img").wait_for()


def paint(page: sync_api.Page) -> None:
    page.locator("#paint").click()
    painted(page)


def painted(page: sync_api.Page) -> None:
    page.locator(".comparison").wait_for(timeout=PATIENCE)
    page.locator("#paint").wait_for(timeout=PATIENCE)
    page.wait_for_function("[...document.querySelectorAll('.comparison img')].every(image => image.naturalWidth > 0)")


def download(page: sync_api.Page) -> sync_api.Download:
    with page.expect_download() as waiting:
        page.locator("#download").click()
    return waiting.value


def complaint(page: sync_api.Page) -> str:
    """What the page says is wrong, and only what a visitor sees of it."""
    message = page.locator("[data-testid=toast-text]").last
    message.wait_for()
    return message.inner_text()


def test_photo_in_painting_out(open_page, model, photo, tmp_path):
    page = open_page()
    look(page, "desktop-empty", full=True)
    choose(page, photo)
    look(page, "desktop-photo")
    paint(page)
    look(page, "desktop-painted", full=True)
    file = download(page)
    assert file.suggested_filename == f"my photo-{default_style()}.png"
    file.save_as(tmp_path / "painting.png")
    same_pixels(tmp_path / "painting.png", model.stylize(photo))
    told = page.locator("#tradition")
    told.get_by_role("heading", name="Ukiyo-e landscape").wait_for(timeout=PATIENCE)
    told.locator(".mark").first.wait_for(timeout=PATIENCE)
    page.get_by_role("button", name="Another photo").locator("visible=true").click()
    told.wait_for(state="hidden")


def test_strength_and_colours_reach_the_painting(open_page, model, photo, tmp_path):
    page = open_page()
    choose(page, photo)
    paint(page)
    page.locator("#strength input[type=number]").fill("50")
    page.locator("#strength input[type=number]").press("Tab")
    page.locator("#keep-color input").check()
    before = page.locator(".comparison .after").get_attribute("src")
    page.locator("#paint").click()
    page.wait_for_function(
        "before => document.querySelector('.comparison .after')?.getAttribute('src') !== before",
        arg=before,
        timeout=PATIENCE,
    )
    painted(page)
    download(page).save_as(tmp_path / "painting.png")
    same_pixels(tmp_path / "painting.png", model.stylize(photo, strength=0.5, preserve_color=True))


def test_an_example_is_painted_at_a_click(open_page, model, tmp_path):
    page = open_page()
    page.get_by_role("button", name="Paint this photo: Seeding").click()
    painted(page)
    look(page, "desktop-example")
    assert page.locator("#examples").get_by_text("Clemens Engelhardt, CC0 1.0").is_visible()
    download(page).save_as(tmp_path / "painting.png")
    same_pixels(tmp_path / "painting.png", model.stylize(EXAMPLES / "seeding.jpg"))


def test_the_comparison_moves_by_mouse_and_by_keyboard(open_page, photo):
    page = open_page()
    choose(page, photo)
    paint(page)
    handle = page.get_by_role("slider", name="Photo and painting: drag, or use the arrow keys, to compare")
    handle.focus()
    for _ in range(10):
        handle.press("ArrowRight")
    assert (
        page.locator(".comparison").evaluate("figure => getComputedStyle(figure).getPropertyValue('--cut')") == "60%"
    )
    box = handle.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + box["height"] / 2, steps=5)
    page.mouse.up()
    line, figure = page.locator(".comparison .line").bounding_box(), page.locator(".comparison").bounding_box()
    assert abs(line["x"] + line["width"] / 2 - figure["x"] - figure["width"] * 0.25) < figure["width"] * 0.02
    look(page, "comparison-moved")


def test_the_whole_way_by_keyboard(open_page, photo):
    page = open_page()
    choose(page, photo)
    page.locator("#strength input[type=number]").focus()
    reached = []
    for _ in range(8):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.closest('[id]:not([id^=component])')?.id"))
        if reached[-1] == "paint":
            break
    assert reached[-1] == "paint", reached
    page.keyboard.press("Enter")
    painted(page)


def test_stop_stops(open_page, tmp_path):
    large = tmp_path / "large.jpg"
    with Image.open(EXAMPLES / "life.jpg") as example:
        example.resize((3000, 2000)).save(large)
    page = open_page()
    choose(page, large)
    page.locator("#paint").click()
    page.locator("#stop").wait_for()
    page.locator("#photo .progress-bar, #photo .progress-level, #photo .eta-bar").first.wait_for(state="attached")
    look(page, "desktop-painting")
    page.locator("#stop").click()
    page.locator("#paint").wait_for()
    assert not page.locator("#stop").is_visible() and not page.locator(".comparison").is_visible()
    page.wait_for_timeout(2 * SECONDS)
    assert not page.locator(".comparison").is_visible()
    # The next painting need not wait for the one that was stopped.
    page.get_by_role("button", name="Paint this photo: Seeding").click()
    painted(page)


def test_a_large_photo_says_that_it_was_painted_smaller(open_page, tmp_path):
    large = tmp_path / "large.jpg"
    with Image.open(EXAMPLES / "seeding.jpg") as example:
        example.resize((2800, 1575)).save(large)
    page = open_page()
    choose(page, large)
    paint(page)
    assert "painted at 2666 × 1500 and enlarged to its full 2800 × 1575 pixels" in page.locator("#notice").inner_text()
    look(page, "desktop-large")
    download(page).save_as(tmp_path / "painting.png")
    assert Image.open(tmp_path / "painting.png").size == (2800, 1575)


def test_another_photo_starts_over(open_page, photo):
    page = open_page()
    choose(page, photo)
    paint(page)
    page.locator("#another").click()
    page.locator(".comparison").wait_for(state="hidden")
    assert not page.locator("#download").is_visible()
    choose(page, photo)
    paint(page)


def test_another_photo_ends_the_painting_of_the_first(open_page, photo, tmp_path):
    with Image.open(EXAMPLES / "seeding.jpg") as example:
        example.resize((2800, 1575)).save(tmp_path / "large.jpg")
    page = open_page()
    page.get_by_role("radio", name="Monet", exact=True).check()
    choose(page, photo)
    paint(page)
    # Again, and for long: an example takes the place of one that is painted, another photo that of the example.
    page.locator("#another").click()
    page.locator(".comparison").wait_for(state="hidden")
    choose(page, tmp_path / "large.jpg")
    page.locator("#paint").click()
    page.locator("#stop").wait_for()
    page.get_by_role("button", name="Paint this photo: Life").click()
    page.locator("#stop").wait_for()
    painted(page)
    assert download(page).suggested_filename == "life-monet.png"
    page.locator("#paint").click()
    page.locator("#stop").wait_for()
    page.locator("#another").click()
    page.locator("#comparison .comparison").wait_for(state="hidden")
    choose(page, photo)
    page.wait_for_timeout(3 * SECONDS)
    assert page.locator("#photo img").is_visible() and not page.locator("#comparison .comparison").is_visible()
    assert not page.locator("#stop").is_visible()


def test_an_example_is_painted_though_it_takes_long_to_hear_that_the_last_was_stopped(open_page, tmp_path):
    """On a slow connection the server's word that it stopped comes long after the next painting was begun."""
    small_photo(tmp_path / "large.png", size=(2000, 1400))
    page = open_page()
    page.get_by_role("radio", name="Monet", exact=True).check()
    choose(page, tmp_path / "large.png")

    def answer_late(route: sync_api.Route) -> None:
        answer = route.fetch()
        page.wait_for_timeout(2 * SECONDS)
        route.fulfill(response=answer)

    page.route("**/gradio_api/cancel", answer_late)
    with page.expect_response("**/queue/join*"):
        page.locator("#paint").click()
    with page.expect_response("**/gradio_api/cancel"):
        page.get_by_role("button", name="Paint this photo: Life").click()
    page.wait_for_timeout(SECONDS / 2)
    assert page.locator("#stop").is_visible() or page.locator(".comparison").is_visible()
    painted(page)
    assert download(page).suggested_filename == "life-monet.png"


def test_it_hears_of_a_painting_that_is_begun_as_the_last_one_ends(open_page, photo, tmp_path):
    """The server has told of all there was, and ended the stream. On a slow connection the page asks for more before
    it knows that."""
    small_photo(tmp_path / "large.png", size=(2000, 1400))
    page = open_page()
    page.get_by_role("radio", name="Monet", exact=True).check()
    choose(page, tmp_path / "large.png")
    page.wait_for_timeout(SECONDS)
    told, asked = [], []

    def tell_late(route: sync_api.Route) -> None:
        if told:
            return route.continue_()
        told.append(route.fetch())  # all of it
        while not asked:
            page.wait_for_timeout(SECONDS / 10)
        page.wait_for_timeout(SECONDS)
        route.fulfill(response=told[0])

    def ask_late(route: sync_api.Route) -> None:
        if asked:
            return route.continue_()
        while not told:
            page.wait_for_timeout(SECONDS / 10)
        answer = route.fetch()
        route.fulfill(response=answer)
        asked.append(answer)

    page.route("**/queue/data*", tell_late)
    with page.expect_request("**/queue/data*"):
        page.locator("#paint").click()
    page.route("**/queue/join*", ask_late)
    page.get_by_role("button", name="Paint this photo: Life").click()
    painted(page)
    assert told and asked
    assert download(page).suggested_filename == "life-monet.png"


def test_what_was_painted_too_late_covers_nothing(open_page, photo):
    """On a slow connection the painting is on its way already when one chooses another photo."""
    page = open_page()
    page.get_by_role("radio", name="Monet", exact=True).check()
    choose(page, photo)
    paint(page)
    page.wait_for_timeout(SECONDS)
    told = []

    def tell_late(route: sync_api.Route) -> None:
        if told:
            return route.continue_()
        told.append(route.fetch())
        page.locator("#another").click()
        page.wait_for_timeout(SECONDS)
        route.fulfill(response=told[0])

    page.route("**/queue/data*", tell_late)
    page.locator("#paint").click()
    page.wait_for_timeout(6 * SECONDS)
    assert "process_completed" in told[0].text()
    assert not page.locator("#comparison .comparison").is_visible() and not page.locator("#stop").is_visible()
    choose(page, photo)
    paint(page)


def test_it_is_stopped_before_the_server_has_answered(open_page, photo):
    """On a slow connection there is nothing yet to cancel when one thinks better of it."""
    page = open_page()
    page.get_by_role("radio", name="Monet", exact=True).check()
    choose(page, photo)
    late = []

    def answer_late(route: sync_api.Route) -> None:
        answer = route.fetch()
        page.wait_for_timeout(SECONDS)
        late.append(answer.json()["event_id"])
        route.fulfill(response=answer)

    page.route("**/queue/join*", answer_late)
    page.locator("#paint").click()
    page.locator("#stop").click()
    page.wait_for_timeout(4 * SECONDS)
    assert late, "there was nothing to stop"
    assert page.locator("#photo img").is_visible() and not page.locator("#comparison .comparison").is_visible()
    page.unroute("**/queue/join*")
    paint(page)


def test_a_photo_with_transparency_looks_right(open_page, tmp_path):
    page = open_page()
    choose(page, small_photo(tmp_path / "glass.png", "RGBA", size=(420, 280)))
    paint(page)
    look(page, "desktop-transparent")
    download(page).save_as(tmp_path / "painting.png")
    assert Image.open(tmp_path / "painting.png").mode == "RGBA"


def test_a_photo_is_taken_with_the_camera(open_page):
    page = open_page(permissions=["camera"])
    page.get_by_role("button", name="Capture from camera").click()
    page.locator("#photo").get_by_role("button", name="Click to Access Webcam").click()
    page.wait_for_function("document.querySelector('#photo video')?.videoWidth > 0")
    page.locator("#photo").get_by_role("button", name="capture photo").click()
    page.locator("#photo .image-frame img").wait_for()
    paint(page)


def test_a_bad_file_gets_words_at_once(open_page, photo, tmp_path):
    page = open_page()
    file = tmp_path / "holiday.jpg"
    file.write_text("<b>I am not a photo.</b>")
    page.set_input_files("#photo input[type=file]", file)
    assert complaint(page) == "holiday.jpg is not a picture that can be read (JPEG, PNG, WebP, TIFF, GIF, BMP, AVIF)."
    page.locator("#photo img").wait_for(state="detached")
    look(page, "desktop-error")
    choose(page, photo)
    paint(page)


def test_no_photo_gets_words(open_page):
    page = open_page()
    page.locator("#paint").click()
    assert complaint(page) == "Choose a photo first."
    page.locator("#paint").wait_for()
    look(page, "desktop-no-photo")


def test_a_bomb_gets_words(open_page, tmp_path):
    page = open_page()
    (tmp_path / "bomb.png").write_bytes(bomb())
    page.set_input_files("#photo input[type=file]", tmp_path / "bomb.png")
    assert "megapixels; make it smaller first." in complaint(page)


def test_a_kind_that_browsers_cannot_show_is_shown(open_page, model, tmp_path):
    page = open_page()
    scan = small_photo(tmp_path / "scan.tif", size=(420, 280))
    page.set_input_files("#photo input[type=file]", scan)
    page.wait_for_function("document.querySelector('#photo img')?.naturalWidth === 420")
    paint(page)
    download(page).save_as(tmp_path / "painting.png")
    same_pixels(tmp_path / "painting.png", model.stylize(scan))


def test_a_photo_is_dropped(open_page, photo):
    page = open_page()
    page.evaluate(
        """async bytes => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(bytes)], "dropped.png", {type: "image/png"}));
            const target = document.querySelector("#photo button.upload-container");
            target.dispatchEvent(new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true}));
        }""",
        list(photo.read_bytes()),
    )
    page.locator("#photo img").wait_for()
    paint(page)
    assert download(page).suggested_filename == f"dropped-{default_style()}.png"


def test_a_photo_is_pasted(open_page, photo):
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    page.evaluate(
        """async bytes => {
            const picture = new Blob([new Uint8Array(bytes)], {type: "image/png"});
            await navigator.clipboard.write([new ClipboardItem({"image/png": picture})]);
        }""",
        list(photo.read_bytes()),
    )
    page.get_by_role("button", name="Paste from clipboard").click()
    page.locator("#photo img").wait_for()
    paint(page)


@pytest.mark.parametrize("locale", ["zh-CN", "zh-HK", "zh"])
def test_chinese_for_those_who_read_it(open_page, locale):
    page = open_page(locale=locale)
    page.get_by_role("button", name="开始作画").click()
    assert complaint(page) == text.CATALOGUE["error.no_photo"]["zh-CN"]
    page.locator("#paint").wait_for()
    visible = page.locator("body").inner_text()
    for key in ("tagline", "photo", "style", "strength", "keep_color", "paint", "examples", "privacy", "style.ukiyoe"):
        assert text.CATALOGUE[key]["zh-CN"] in visible and text.CATALOGUE[key]["en"] not in visible, key
    assert page.evaluate("document.documentElement.lang") == "zh-CN"
    look(page, f"chinese-{locale}", full=True)


def test_english_for_everybody_else(open_page):
    page = open_page(locale="de-DE")
    visible = page.locator("body").inner_text()
    assert "Strength" in visible and "强度" not in visible and "API" in visible
    assert "verwenden" not in visible  # Gradio itself speaks German


def test_the_language_switch_keeps_the_painting_and_is_remembered(open_page, photo):
    page = open_page()
    choose(page, photo)
    paint(page)
    page.get_by_role("button", name="中文").click()
    page.get_by_role("button", name="开始作画").wait_for()
    assert page.locator(".comparison").is_visible()
    assert page.locator("#comparison").get_by_text("画作", exact=True).is_visible()
    look(page, "switched-to-chinese")
    page.reload()
    page.get_by_role("button", name="开始作画").wait_for()
    page.get_by_role("button", name="English").click()
    page.get_by_role("button", name="Paint", exact=True).wait_for()


def test_on_a_phone(open_page, photo):
    page = open_page(**PHONE)
    narrow = "document.documentElement.scrollWidth <= window.innerWidth"
    assert page.evaluate(narrow) and page.evaluate("window.innerWidth") == 390
    look(page, "phone-empty", full=True)
    choose(page, photo)
    button = page.locator("#paint")
    button.scroll_into_view_if_needed()
    box = button.bounding_box()
    assert box["height"] >= 40 and box["width"] >= 300
    button.tap()
    painted(page)
    page.wait_for_timeout(SECONDS)
    figure = page.locator(".comparison").bounding_box()
    assert figure["y"] >= -1 and figure["y"] + figure["height"] <= 844, "the painting is brought into view"
    assert page.evaluate(narrow)
    look(page, "phone-painted")
    look(page, "phone-painted-whole", full=True)
    assert download(page).suggested_filename.endswith(".png")


# All styles at once


@pytest.fixture(scope="module")
def bank():
    return AutoModel.from_pretrained("bank")


WALL = overview.styles()
IN_THE_BANK = [name for name in WALL if model_of(name)[1]]


def show_all(page: sync_api.Page, name: str = "All at once") -> None:
    page.get_by_role("link", name=name).click()
    page.locator("#all-photo").wait_for()


def sketch_all(page: sync_api.Page, photo: Path) -> None:
    page.set_input_files("#all-photo input[type=file]", photo)
    sketched(page)


def sketched(page: sync_api.Page, number: int = len(WALL)) -> None:
    """Wait until so many styles are painted."""
    page.wait_for_function(
        "number => [...document.querySelectorAll('#wall img')].filter(one => one.naturalWidth > 0).length >= number",
        arg=number,
        timeout=PATIENCE,
    )


def blend(page: sync_api.Page, *styles: str) -> None:
    for style in styles:
        page.get_by_role("checkbox", name=style, exact=True).check()


def titled(page: sync_api.Page, words: str) -> None:
    """Wait until the painting beside the photo is called so, and is there."""
    tag = page.locator("#all-comparison .after-tag")
    sync_api.expect(tag).to_have_text(
        re.compile(rf"^\s*{re.escape(words)}\s*$"), timeout=PATIENCE, use_inner_text=True
    )
    page.wait_for_function(
        "[...document.querySelectorAll('#all-comparison img')].every(one => one.complete && one.naturalWidth > 0)"
    )


def difference(page: sync_api.Page, picture: sync_api.Locator, expected: Image.Image) -> float:
    """Mean difference in levels between a picture on the page and another; JPEG costs some 2."""
    answer = page.request.get(picture.evaluate("image => image.src"))
    with Image.open(io.BytesIO(answer.body())) as image:
        assert image.size == expected.size
        return np.abs(np.asarray(image.convert("RGB"), dtype=float) - np.asarray(expected, dtype=float)).mean()


def test_a_photo_appears_in_every_style(open_page, bank, photo):
    page = open_page()
    show_all(page)
    look(page, "all-empty", full=True)
    page.set_input_files("#all-photo input[type=file]", photo)
    sketched(page, 1)
    assert page.locator("#all-stop").is_visible() and page.locator("#all-status progress").is_visible()
    assert re.match(rf"\d+ of {len(WALL)} painted, about \d+ s left", page.locator("#all-status").inner_text())
    look(page, "all-painting")
    sketched(page)
    page.locator("#all-stop").wait_for(state="hidden")
    assert page.locator("#all-status").inner_text() == "Choose a painting to compare it with your photo."
    titles = [text.CATALOGUE[f"style.{name}"]["en"] for name in WALL]
    assert page.locator("#wall .title").all_inner_texts() == titles
    for index, name in enumerate(WALL[: len(IN_THE_BANK)]):
        errors = {
            other: difference(page, page.locator("#wall img").nth(index), bank.stylize(photo, model_of(other)[1]))
            for other in (name, IN_THE_BANK[index - 1])
        }
        assert errors[name] == min(errors.values()) < 5, errors
    look(page, "all-painted", full=True)


def test_the_pages_have_addresses(open_page, studio):
    page = open_page()
    one, every = page.get_by_role("link", name="One style"), page.get_by_role("link", name="All at once")
    every.click()
    page.locator("#all-photo").wait_for()
    assert page.url == f"{studio.url}#all" and not page.locator("#photo").is_visible()
    page.wait_for_timeout(SECONDS)  # until what runs at the start has ended: a reload would break it off
    assert (one.get_attribute("aria-current"), every.get_attribute("aria-current")) == ("false", "page")
    page.reload()
    page.locator("#all-photo").wait_for()
    page.go_back()
    page.locator("#photo").wait_for()
    assert not page.locator("#all-photo").is_visible()


def test_one_of_them_is_compared_with_the_photo(open_page, photo):
    page = open_page()
    show_all(page)
    sketch_all(page, photo)
    assert not page.locator("#all-comparison .after").count(), "the photo stands alone until a painting is chosen"
    page.get_by_role("button", name="Compare with the photo: Shanshui", exact=True).click()
    titled(page, "Shanshui")
    shown = page.locator("#all-comparison .after")
    shan_shui = page.locator("#wall img").nth(WALL.index("shanshui"))
    assert (
        shown.evaluate("image => image.src").split("/")[-2:]
        == shan_shui.evaluate("image => image.src").split("/")[-2:]
    )
    with Image.open(photo) as image:
        assert difference(page, page.locator("#all-comparison .before"), image.convert("RGB")) == 0
    handle = page.locator("#all-comparison").get_by_role("slider")
    handle.focus()
    handle.press("ArrowRight")
    # The line stays where it was put while the painting changes.
    told = page.locator("#all-tradition")
    told.get_by_role("heading", name="Shanshui of the Song and Ming").wait_for(timeout=PATIENCE)
    told.locator(".mark").first.wait_for(timeout=PATIENCE)
    assert told.get_by_text("% of the way").count() == told.locator(".mark").count()
    look(page, "all-tradition", full=True)
    page.get_by_role("button", name="Compare with the photo: Monet II").click()
    titled(page, "Monet II")
    told.get_by_text("Claude Monet (1840-1926) painted in France").wait_for(timeout=PATIENCE)
    cut = "figure => getComputedStyle(figure).getPropertyValue('--cut')"
    assert page.locator("#all-comparison .comparison").evaluate(cut) == "51%"
    look(page, "all-compared")


def test_a_blend_follows_its_weights(open_page, bank, photo):
    page = open_page()
    show_all(page)
    page.get_by_role("button", name="Blend styles").click()
    assert page.get_by_role("checkbox", name="Monet II").is_disabled(), "there is nothing to paint yet"
    sketch_all(page, photo)
    blend(page, "Monet II", "Pirosmani II")
    titled(page, "Monet II 50% + Pirosmani II 50%")
    assert not page.locator("#all-tradition").is_visible(), "a blend is of no tradition"
    shown = page.locator("#all-comparison .after")
    assert difference(page, shown, bank.stylize(photo, {"monet": 1.0, "pirosmani": 1.0})) < 5
    page.get_by_role("spinbutton", name=re.compile("Pirosmani")).fill("100")
    page.get_by_role("spinbutton", name=re.compile("Pirosmani")).press("Tab")
    titled(page, "Monet II 33% + Pirosmani II 67%")
    assert difference(page, shown, bank.stylize(photo, {"monet": 1.0, "pirosmani": 2.0})) < 5
    blend(page, "Van Gogh II")
    titled(page, "Monet II 25% + Van Gogh II 25% + Pirosmani II 50%")
    look(page, "all-blended", full=True)
    # A fourth takes the place of the first that was chosen.
    blend(page, "Kuindzhi II")
    titled(page, "Van Gogh II 25% + Kuindzhi II 25% + Pirosmani II 50%")
    assert not page.get_by_role("checkbox", name="Monet II").is_checked()
    assert page.locator("#blend input[type=range]:visible").count() == 3
    slider = page.locator("#blend input[type=range]:visible").first
    slider.focus()
    slider.press("ArrowRight")
    titled(page, "Van Gogh II 27% + Kuindzhi II 24% + Pirosmani II 49%")


def downloaded(page: sync_api.Page) -> Image.Image:
    """The painting behind the button that follows when it is painted at full size."""
    page.get_by_role("button", name="Paint at full size").click()
    page.locator("#all-download").wait_for(timeout=PATIENCE)
    assert not page.get_by_role("button", name="Paint at full size").is_visible()
    with page.expect_download() as download:
        page.locator("#all-download").click()
    with Image.open(download.value.path()) as image:
        return image.convert("RGB")


def test_what_is_compared_is_painted_at_full_size(open_page, bank, tmp_path):
    with Image.open(EXAMPLES / "picosdeeuropa.jpg") as image:
        image.resize((900, 660)).save(tmp_path / "large.png")
    page = open_page()
    show_all(page)
    sketch_all(page, tmp_path / "large.png")
    assert not page.get_by_role("button", name="Paint at full size").is_visible(), "nothing is compared yet"
    page.get_by_role("button", name="Compare with the photo: Monet II").click()
    titled(page, "Monet II")
    expected = bank.stylize(tmp_path / "large.png", "monet")
    assert np.abs(np.asarray(downloaded(page), dtype=float) - np.asarray(expected, dtype=float)).max() <= 1
    look(page, "all-full")
    page.get_by_role("button", name="Blend styles").click()
    blend(page, "Monet II", "Pirosmani II")
    titled(page, "Monet II 50% + Pirosmani II 50%")
    page.locator("#all-download").wait_for(state="hidden")
    expected = bank.stylize(tmp_path / "large.png", {"monet": 1.0, "pirosmani": 1.0})
    assert np.abs(np.asarray(downloaded(page), dtype=float) - np.asarray(expected, dtype=float)).max() <= 1
    page.get_by_role("button", name="Another photo").locator("visible=true").click()
    page.locator("#all-photo").wait_for()
    assert not page.locator("#all-download").is_visible()


def test_stop_leaves_what_was_painted(open_page):
    page = open_page()
    show_all(page)
    page.get_by_role("button", name="Paint this photo: Life").click()
    sketched(page, 2)
    page.get_by_role("button", name="Stop").click()
    page.locator("#all-rest").wait_for()
    sources = page.locator("#wall img").evaluate_all("images => images.map(image => image.src)")
    page.wait_for_timeout(2 * SECONDS)
    assert 2 <= len(sources) < len(WALL) and page.locator("#wall img").count() == len(sources)
    assert page.locator("#all-status").inner_text().startswith(f"Stopped after {len(sources)} of {len(WALL)}.")
    assert page.locator("#wall button:disabled").count() == len(WALL) - len(sources)
    look(page, "all-stopped")
    page.get_by_role("button", name="Compare with the photo: Van Gogh II").click()
    titled(page, "Van Gogh II")
    page.get_by_role("button", name="Paint the rest").click()
    sketched(page)
    assert (
        page.locator("#wall img").evaluate_all("images => images.map(image => image.src)")[: len(sources)] == sources
    )
    titled(page, "Van Gogh II")


def test_another_photo_ends_the_first(open_page, photo):
    page = open_page()
    show_all(page)
    page.get_by_role("button", name="Paint this photo: Life").click()
    sketched(page, 1)
    page.locator("#all-another").click()
    page.get_by_role("button", name="Paint this photo: Life").wait_for()
    page.wait_for_timeout(SECONDS)
    assert not page.locator("#wall").is_visible() and not page.locator("#all-stop").is_visible()
    assert not page.locator("#all-comparison .comparison").count()
    sketch_all(page, photo)
    with Image.open(photo) as image:
        assert difference(page, page.locator("#all-comparison .before"), image.convert("RGB")) == 0


def test_all_styles_by_keyboard(open_page):
    page = open_page()
    page.get_by_role("link", name="One style").focus()
    tab_to(page, lambda name: name.startswith("All at once"))
    page.keyboard.press("Enter")
    page.locator("#all-photo").wait_for()
    tab_to(page, lambda name: name.startswith("Paint this photo: Seeding"))
    page.keyboard.press("Enter")
    sketched(page, 2)
    tab_to(page, lambda name: name.startswith("Compare with the photo: Van Gogh II"))
    sketched(page)
    assert page.evaluate(FOCUSED).startswith("Compare with the photo: Van Gogh II"), (
        "what comes in takes no focus away"
    )
    page.keyboard.press("Enter")
    titled(page, "Van Gogh II")


FOCUSED = "document.activeElement.innerText.trim().replace(/\\s+/g, ' ')"


def tab_to(page: sync_api.Page, is_there: Callable[[str], bool]) -> None:
    for _ in range(40):
        if is_there(page.evaluate(FOCUSED)):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"no way there; at {page.evaluate(FOCUSED)!r}")


def test_an_upright_photo_on_a_phone(open_page, tmp_path):
    page = open_page(**PHONE)
    show_all(page)
    sketch_all(page, small_photo(tmp_path / "upright.png", size=(210, 280)))
    cell = page.locator("#wall button").first.bounding_box()
    assert abs(cell["width"] / cell["height"] - 0.75) < 0.02, "nothing is cut away"
    page.get_by_role("button", name="Blend styles").tap()
    blend(page, "Monet II", "Kuindzhi II", "Pirosmani II")
    titled(page, "Monet II 33% + Kuindzhi II 33% + Pirosmani II 33%")
    page.locator("#blend input[type=range]:visible").last.scroll_into_view_if_needed()
    page.wait_for_timeout(SECONDS)
    figure = page.locator("#all-comparison .comparison").bounding_box()
    assert figure["y"] >= -1 and figure["y"] + figure["height"] <= 844, "the picture stays in sight of its weights"
    look(page, "all-phone-upright")


def test_a_bad_file_gets_words_here_too(open_page, photo, tmp_path):
    page = open_page()
    show_all(page)
    (tmp_path / "holiday.jpg").write_text("I am not a photo.")
    page.set_input_files("#all-photo input[type=file]", tmp_path / "holiday.jpg")
    assert complaint(page) == "holiday.jpg is not a picture that can be read (JPEG, PNG, WebP, TIFF, GIF, BMP, AVIF)."
    page.locator("#all-photo img").wait_for(state="detached")
    assert not page.locator("#wall").is_visible() and not page.locator("#all-stop").is_visible()
    sketch_all(page, photo)


def test_a_photo_deleted_meanwhile_gets_words(open_page, studio, photo):
    page = open_page()
    show_all(page)
    page.set_input_files("#all-photo input[type=file]", photo)
    sketched(page, 1)
    page.get_by_role("button", name="Stop").click()
    page.locator("#all-rest").wait_for()
    for small in studio.temporary.glob("hfstyle-studio-*/*/photo.png"):
        small.unlink()
    page.get_by_role("button", name="Paint the rest").click()
    assert complaint(page) == "This photo has been deleted, as all are within the hour; choose it again."
    page.locator("#all-rest").wait_for()
    assert not page.locator("#all-stop").is_visible()


def test_all_styles_in_chinese_on_a_phone(open_page, photo):
    page = open_page(**{**PHONE, "viewport": {"width": 360, "height": 740}}, locale="zh-CN")
    narrow = "document.documentElement.scrollWidth <= window.innerWidth"
    show_all(page, "全部画风")
    assert page.evaluate(narrow) and page.evaluate("window.innerWidth") == 360
    look(page, "all-phone-empty", full=True)
    page.set_input_files("#all-photo input[type=file]", photo)
    sketched(page, 1)
    assert re.match(rf"已画好 \d+ 幅，共 {len(WALL)} 幅，大约还需 \d+ 秒", page.locator("#all-status").inner_text())
    look(page, "all-phone-painting")
    sketched(page)
    assert page.locator("#wall .title").all_inner_texts() == [
        text.CATALOGUE[f"style.{name}"]["zh-CN"] for name in WALL
    ]
    page.get_by_role("button", name="与照片比较： 皮罗斯马尼（二）").tap()
    titled(page, "皮罗斯马尼（二）")
    page.wait_for_timeout(SECONDS)
    figure = page.locator("#all-comparison .comparison").bounding_box()
    assert figure["y"] >= -1 and figure["y"] + figure["height"] <= 740, "the painting is brought into view"
    look(page, "all-phone-compared")
    page.get_by_role("button", name="混合画风").tap()
    blend(page, "莫奈（二）", "凡·高（二）", "库因芝（二）")
    titled(page, "莫奈（二） 33% + 凡·高（二） 33% + 库因芝（二） 33%")
    assert page.evaluate(narrow)
    look(page, "all-phone-blended", full=True)
    visible = page.locator("body").inner_text()
    for key in ("blend", "blend_styles", "all_done", "another", "page.one", "page.all", "privacy"):
        assert text.CATALOGUE[key]["zh-CN"] in visible and text.CATALOGUE[key]["en"] not in visible, key


def test_the_language_changes_with_everything_there(open_page, photo):
    page = open_page()
    page.get_by_role("button", name="中文").click()
    page.get_by_role("button", name="开始作画").wait_for()
    show_all(page, "全部画风")
    page.get_by_role("button", name="混合画风").click()
    sketch_all(page, photo)
    page.get_by_role("button", name="English").click()
    page.get_by_role("button", name="Compare with the photo: Monet II").click()
    titled(page, "Monet II")
    blend(page, "Monet II", "Kuindzhi II")
    titled(page, "Monet II 50% + Kuindzhi II 50%")
    assert page.get_by_role("spinbutton", name=re.compile("Kuindzhi")).is_visible()
    visible = page.locator("#all").inner_text()
    assert not re.search("[\u4e00-\u9fff]", visible), visible
    look(page, "all-switched", full=True)


# ---- a style of one's own ----
def open_mine(open_page: OpenPage, **options) -> sync_api.Page:
    page = open_page(**options)
    page.locator('nav a[href="#mine"]').click()
    page.locator("#mine-learn").wait_for()
    return page


def bring(page: sync_api.Page, files: list[Path]) -> None:
    before = page.locator(".shelf li").count()
    page.set_input_files("#mine-files input[type=file]", files)
    page.locator(".shelf li").nth(before + len(files) - 1).wait_for(timeout=PATIENCE)


@pytest.fixture
def loved(tmp_path) -> list[Path]:
    """Two pictures of one hand."""
    files = []
    for n, example in enumerate(sorted(EXAMPLES.glob("*.jpg"))[:2]):
        files.append(tmp_path / f"loved {n}.png")
        AutoModel.from_pretrained("bank").stylize(example, "pointillism", max_pixels=300 * 300).save(files[-1])
    return files


def learnt(page: sync_api.Page) -> None:
    """Let it learn some steps, then say that it is enough."""
    page.locator("#mine-learn").click()
    page.locator("#mine-comparison .after").wait_for(timeout=PATIENCE)
    page.locator("#mine-status .curve").wait_for(timeout=PATIENCE)
    look(page, "mine-learning")
    page.locator("#mine-stop").click()
    page.locator("#mine-save").wait_for(timeout=PATIENCE)


def test_a_style_is_learnt_tried_kept_and_deleted(open_page, loved, photo, tmp_path):
    page = open_mine(open_page)
    assert page.locator("#mine-learn").is_disabled()
    bring(page, loved)
    look(page, "mine-brought")
    learnt(page)
    before = page.locator("#mine-comparison .after").get_attribute("src")
    page.locator("#mine-other input").first.click()
    page.get_by_role("option", name="Monet II").click()
    page.wait_for_function(
        "before => document.querySelector('#mine-comparison .after')?.getAttribute('src') != before", arg=before
    )
    page.locator("#mine-name textarea, #mine-name input").first.fill("dots")
    page.locator("#mine-name textarea, #mine-name input").first.blur()
    page.wait_for_function("document.querySelector('#mine-save')?.closest('a')?.href.includes('dots') ?? true")
    page.wait_for_timeout(1000)
    with page.expect_download() as waiting:
        page.locator("#mine-save").click()
    assert waiting.value.suggested_filename == "dots.safetensors"
    waiting.value.save_as(tmp_path / "dots.safetensors")
    style = Style.load(tmp_path / "dots.safetensors")
    assert style.name == "dots" and style.about["pictures"].startswith("2 pictures")
    assert AutoModel.from_pretrained("bank").load_style(style) == "dots"
    look(page, "mine-learnt", full=True)
    page.locator("#mine-delete").click()
    page.locator("#mine-try").wait_for(state="hidden")


def test_a_reload_comes_back_to_the_style_and_the_pictures(open_page, loved):
    page = open_mine(open_page)
    bring(page, loved[:1])
    page.locator("#mine-remember input").check()
    learnt(page)
    page.wait_for_timeout(1500)
    page.reload()
    page.locator("#mine-save").wait_for(timeout=PATIENCE)
    page.locator(".shelf li").first.wait_for(timeout=PATIENCE)
    assert page.locator(".shelf li").count() == 1
    # What is deleted is gone from the browser too.
    stored = "localStorage.getItem('hfstyle-mine').length"
    before = page.evaluate(stored)
    page.locator("#mine-delete").click()
    page.locator("#mine-try").wait_for(state="hidden")
    page.wait_for_function(f"before => {stored} < before - 5000", arg=before)
    before = page.evaluate(stored)
    page.locator("#mine-remember input").uncheck()
    page.wait_for_function(f"before => {stored} < before && {stored} < 200", arg=before)
    page.wait_for_timeout(1500)  # until the event has ended: a reload would break it off
    page.reload()
    page.locator("#mine-learn").wait_for()
    page.wait_for_timeout(3 * SECONDS)
    assert page.locator(".shelf li").count() == 0 and not page.locator("#mine-try").is_visible()


def test_a_closed_tab_leaves_nothing(open_page, studio, loved):
    """Learning ends within seconds, and the visitor's pictures are gone."""
    page = open_mine(open_page)
    bring(page, loved)
    page.locator("#mine-learn").click()
    page.locator("#mine-comparison .after").wait_for(timeout=PATIENCE)
    there = set(studio.temporary.rglob("picture.jpg"))
    assert len(there) >= 2
    page.context.close()
    for _ in range(100):
        if not [path for path in there if path.exists()]:
            break
        time.sleep(0.2)
    assert not [path for path in there if path.exists()]


def test_what_is_wrong_with_pictures_is_said(open_page, loved, tmp_path):
    page = open_mine(open_page)
    small_photo(tmp_path / "tiny.png", size=(50, 50))
    bring(page, [*loved, tmp_path / "tiny.png"])
    page.locator("#findings").get_by_text("tiny.png").locator("visible=true").wait_for(timeout=PATIENCE)
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    page.set_input_files("#mine-files input[type=file]", tmp_path / "broken.jpg")
    assert "broken.jpg" in complaint(page)
    page.locator(".shelf button").last.click()
    page.locator("#findings").wait_for(state="hidden", timeout=PATIENCE)
    assert page.locator(".shelf li").count() == 2
    look(page, "mine-findings")


def test_hearts_collect(open_page, photo):
    page = open_page()
    choose(page, photo)
    paint(page)
    page.locator("#heart").click()
    page.get_by_text("Collected: see My style.").locator("visible=true").wait_for()
    page.locator('nav a[href="#mine"]').click()
    page.locator(".shelf li").first.wait_for()
    assert page.locator("#mine-learn").is_enabled()


def test_hearts_collect_one_of_all(open_page, photo):
    page = open_page()
    page.locator('nav a[href="#all"]').click()
    page.set_input_files("#all-photo input[type=file]", photo)
    page.locator("#wall button:enabled").nth(1).click(timeout=PATIENCE)
    page.locator("#all-heart").click(timeout=PATIENCE)
    page.get_by_text("Collected: see My style.").locator("visible=true").wait_for(timeout=PATIENCE)
    page.locator('nav a[href="#mine"]').click()
    page.locator(".shelf li").first.wait_for()


def mine_in_a_studio_of_its_own(browser: sync_api.Browser, url: str) -> sync_api.Page:
    page = browser.new_context(locale="en-US", viewport={"width": 1280, "height": 860}).new_page()
    page.goto(f"{url}#mine")
    page.locator("#mine-learn").wait_for()
    return page


def test_a_style_goes_to_the_hub(browser, hub, loved, tmp_path, monkeypatch):
    """With the token of whoever owns the machine, since the page is open to this machine alone."""
    monkeypatch.setenv("HF_TOKEN", "hf_alice")
    (tmp_path / "studio").mkdir()
    with running_studio(tmp_path / "studio") as studio:
        page = mine_in_a_studio_of_its_own(browser, studio.url)
        bring(page, loved)
        learnt(page)
        page.get_by_text("Put it on the Hugging Face Hub").locator("visible=true").click()
        page.locator("#mine-repo textarea, #mine-repo input").first.fill("alice/dots")
        page.locator("#mine-told textarea, #mine-told input").first.fill("two photos of mine")
        page.locator("#mine-push").click()
        page.locator("#mine-pushed a").wait_for(timeout=PATIENCE)
        look(page, "mine-pushed", full=True)
        page.locator("#mine-repo textarea, #mine-repo input").first.fill("no such thing")
        page.locator("#mine-push").click()
        assert "owner/name" in complaint(page)
        page.context.close()
    assert hub.repo("alice/dots").private
    assert "two photos of mine" in hub.repo("alice/dots").files("main")["README.md"].decode()


def test_names_of_fetched_pictures_run_nothing(browser, hub, loved, tmp_path, monkeypatch):
    """Gradio evaluates the HTML of a template as JavaScript; the names come from a stranger's data set."""
    monkeypatch.setenv("HF_TOKEN", "hf_alice")
    names = ["${document.title='broken'}", "`+(document.title='broken')+`", "plain\\u0041 <b>&"]
    api = HfApi(token="hf_alice")
    api.create_repo("alice/strange", repo_type="dataset")
    with Image.open(loved[0]) as picture:
        for n, name in enumerate(names):
            file = tmp_path / f"{n}.jpg"
            picture.rotate(90 * n, expand=True).convert("RGB").save(file)
            api.upload_file(
                path_or_fileobj=file, path_in_repo=f"pictures/{name}.jpg", repo_id="alice/strange", repo_type="dataset"
            )
    (tmp_path / "studio").mkdir()
    with running_studio(tmp_path / "studio") as studio:
        page = mine_in_a_studio_of_its_own(browser, studio.url)
        page.get_by_text("Keep the pictures on the Hugging Face Hub").locator("visible=true").click()
        page.locator("#mine-dataset textarea, #mine-dataset input").first.fill("alice/strange")
        page.locator("#mine-fetch").click()
        page.locator(".shelf li").nth(len(names) - 1).wait_for(timeout=PATIENCE)
        shown = page.locator(".shelf img").evaluate_all("images => images.map(image => image.alt)")
        assert sorted(shown) == sorted(names) and page.title() == "hfstyle"
        page.context.close()


def test_on_a_space_visitors_log_in(browser, hub, loved, tmp_path):
    """And push with their own token; without it, nobody's is taken."""
    on_space = {
        "SYSTEM": "spaces",
        "SPACE_ID": "bob/studio",
        "OAUTH_CLIENT_ID": "studio",
        "OAUTH_CLIENT_SECRET": "secret",
        "OAUTH_SCOPES": "openid profile write-repos",
        "OPENID_PROVIDER_URL": hub.url,
        "GRADIO_SERVER_NAME": "0.0.0.0",
        "HF_TOKEN": "hf_bob",  # the Space's own, which is nothing to visitors
    }
    (tmp_path / "studio").mkdir()
    gather_studio(tmp_path / "space")
    with running_studio(tmp_path / "studio", tmp_path / "space", **on_space) as studio:
        page = mine_in_a_studio_of_its_own(browser, studio.url)
        bring(page, loved)
        page.get_by_text("Keep the pictures on the Hugging Face Hub").locator("visible=true").click()
        page.locator("#mine-dataset textarea, #mine-dataset input").first.fill("alice/pictures")
        page.locator("#mine-keep-there").click()
        assert complaint(page) == "Log in first."
        with page.expect_navigation():
            page.get_by_role("button", name="Sign in with Hugging Face").locator("visible=true").first.click()
        page.locator("#mine-learn").wait_for(timeout=PATIENCE)  # back on the same page
        page.wait_for_function("!document.querySelector('.shelf li')")
        bring(page, loved)
        page.get_by_text("Keep the pictures on the Hugging Face Hub").locator("visible=true").click()
        page.get_by_role("button", name="Logout (Alice)").first.wait_for(timeout=PATIENCE)
        look(page, "mine-logged-in", full=True)
        page.locator("#mine-dataset textarea, #mine-dataset input").first.fill("alice/pictures")
        page.locator("#mine-keep-there").click()
        page.locator("#mine-dataset-said a").wait_for(timeout=PATIENCE)
        page.context.close()
        log = studio.log.read_text()
    repo = hub.repo("alice/pictures", "dataset")
    assert repo.private and len([name for name in repo.files("main") if name.endswith(".jpg")]) == 2
    assert "hf_alice" not in log and "hf_bob" not in log, "no token is logged"


# ---- pictures out of nothing ----
def test_pictures_are_imagined_walked_between_and_collected(open_page):
    page = open_page()
    page.locator('nav a[href="#imagine"]').click()
    page.locator("#draw").click()
    page.locator(".dreams img").nth(11).wait_for(timeout=PATIENCE)
    first = page.locator(".dreams img").first.get_attribute("src")
    look(page, "imagine")
    page.locator("#walk").click()
    page.wait_for_function(
        "before => document.querySelector('.dreams img')?.getAttribute('src') != before", arg=first, timeout=PATIENCE
    )
    look(page, "imagine-walk")
    page.locator(".dreams button").nth(2).click()
    page.get_by_text("Collected: see My style.").locator("visible=true").wait_for()
    page.locator('nav a[href="#mine"]').click()
    page.locator(".shelf li").first.wait_for()
