"""In headless Chromium: models that are compared, models of the Hub, and links to a choice."""

import csv
import shutil
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
import torch
from playwright import sync_api
from test_browser import LATE_CAMERA, PATIENCE, SECONDS, choose, complaint, download, look, open_page, paint, studio
from test_studio import same_pixels, small_photo

from hfstyle import AutoModel, CycleGANGenerator
from hfstyle.studio.painter import EXAMPLES

__all__ = ["open_page", "studio"]  # fixtures

pytestmark = pytest.mark.browser


def ballot(page: sync_api.Page, before: str = "") -> str:
    """Wait for the next pair; returns what tells it from others."""
    page.wait_for_function(
        "before => { const image = document.querySelector('#ballot .sides img');"
        "return image && image.getAttribute('src') !== before }",
        arg=before,
        timeout=PATIENCE,
    )
    page.wait_for_function("[...document.querySelectorAll('#ballot img')].every(image => image.naturalWidth > 0)")
    return page.locator("#ballot .sides img").first.get_attribute("src")


def test_pairs_are_judged_and_ranked(open_page, tmp_path):
    page = open_page()
    page.get_by_role("link", name="Compare").click()
    page.get_by_role("button", name="Show me two").click()
    first = ballot(page)
    look(page, "compare", full=True)
    markup = page.locator("#ballot").inner_html()
    assert not any(word in markup for word in ("monet", "vangogh", "bank")), "nothing gives away who painted"
    assert page.locator("#ballot fieldset").nth(1).get_by_role("button", name="A").is_disabled(), "one after the other"
    page.keyboard.down("ArrowLeft")
    page.keyboard.down("ArrowLeft")  # held, a key comes again and again
    page.keyboard.up("ArrowLeft")
    page.keyboard.press("ArrowDown")
    second = ballot(page, first)
    page.get_by_text("Thank you: 1 answered.").wait_for()
    page.locator("#ballot fieldset").nth(0).get_by_role("button", name="B").click()
    page.locator("#ballot fieldset").nth(1).get_by_role("button", name="A").click()
    ballot(page, second)
    page.get_by_text("Thank you: 2 answered.").wait_for()
    page.get_by_role("button", name="What people found").click()
    page.locator("#ranking table").first.wait_for()
    look(page, "compare-ranking", full=True)
    assert page.locator("#ranking").get_by_text("The untouched photo").first.is_visible()
    with page.expect_download() as waiting:
        page.locator("#compare-csv").click()
    waiting.value.save_as(tmp_path / "votes.csv")
    with open(tmp_path / "votes.csv", encoding="utf-8") as file:
        votes = list(csv.DictReader(file))[-2:]
    assert [(vote["style"], vote["content"]) for vote in votes] == [("left", "tie"), ("right", "left")]
    assert votes[0]["voter"] == votes[1]["voter"] and votes[0]["photo"] != votes[1]["photo"]


def test_a_link_reopens_a_choice(open_page, tmp_path):
    page = open_page("?style=bank:monet&strength=60&colors=photo&photo=seeding&nonsense=1")
    page.locator("#photo img").wait_for()
    assert page.get_by_role("radio", name="Monet II", exact=True).is_checked()
    assert page.locator("#strength input[type=number]").input_value() == "60"
    assert page.locator("#keep-color input").is_checked()
    paint(page)
    download(page).save_as(tmp_path / "painting.png")
    bank = AutoModel.from_pretrained("bank")
    expected = bank.stylize(EXAMPLES / "seeding.jpg", "monet", strength=0.6, preserve_color=True)
    same_pixels(tmp_path / "painting.png", expected)
    # And the address follows.
    page.locator("#keep-color input").uncheck()
    page.get_by_role("radio", name="Kuindzhi II").check()
    page.wait_for_function("location.search.includes('kuindzhi') && !location.search.includes('colors')")
    asked = parse_qs(urlsplit(page.url).query)
    assert asked["style"] == ["bank:kuindzhi"] and asked["strength"] == ["60"] and asked["photo"] == ["seeding"]
    page.evaluate("window.same = true")
    page.get_by_role("link", name="Imagine").click()
    page.locator("#draw").wait_for()
    assert page.evaluate("window.same") and "kuindzhi" in page.url, "another page of the same visit"


def test_a_link_to_nonsense_is_the_page_as_ever(open_page):
    page = open_page("?style=<img>&strength=1e9&photo=../../etc/passwd")
    page.locator("#paint").wait_for()
    assert page.locator("#strength input[type=number]").input_value() == "100"
    assert page.locator("#photo img").count() == 0


def test_a_link_to_a_model_of_the_hub_waits_for_the_visitor(open_page, hub):
    torch.manual_seed(1)
    CycleGANGenerator(ngf=4, n_blocks=1).push_to_hub("alice/tiny", token="hf_alice")
    asked = len(hub.log)
    page = open_page("?style=alice/tiny&strength=60")
    page.get_by_text("The link that you followed asks for this model").wait_for()
    assert page.locator("#strength input[type=number]").input_value() == "60"
    page.wait_for_timeout(SECONDS)
    assert "style=alice/tiny" in unquote(page.url) and "strength=60" in page.url, "it can be loaded anew, and sent on"
    assert len(hub.log) == asked, "a link alone makes the studio call nobody"
    page.get_by_role("button", name="Load it").click()
    page.get_by_role("radio", name="alice/tiny").wait_for()
    assert page.get_by_role("radio", name="alice/tiny").is_checked()
    page.get_by_text("The link that you followed asks for this model").wait_for(state="hidden")
    page.wait_for_function("location.search.includes('alice%2Ftiny')")


CARD = """---
license: mit
---
# A tiny model
It paints <script>alert(1)</script> nothing. ![spy](http://127.0.0.2/spy.png) <img src="http://127.0.0.2/spy.png">

!![x](y)[spy](http://127.0.0.2/spy.png) ![![a](b)](http://127.0.0.2/spy.png)

> - ```mermaid
>   flowchart TD
>   A@{ img: "http://127.0.0.2/spy.png", label: "spy" }
>   ```

~~~~ Mermaid
flowchart TD
A@{ img: "http://127.0.0.2/spy.png", label: "spy" }
~~~~
"""


def test_a_model_of_the_hub_is_loaded_with_its_card(open_page, hub, tmp_path, monkeypatch):
    torch.manual_seed(1)
    model = CycleGANGenerator(ngf=4, n_blocks=1)
    model.push_to_hub("alice/tiny", token="hf_alice", card=CARD)
    page = open_page()
    page.get_by_role("button", name="A model on the Hugging Face Hub").locator("visible=true").first.click()
    page.locator("#hub-model textarea, #hub-model input").fill("alice/missing")
    page.get_by_role("button", name="Load it").click()
    assert "alice/missing" in complaint(page)
    page.locator("#hub-model textarea, #hub-model input").fill("alice/tiny")
    page.get_by_role("button", name="Load it").click()
    page.locator("#hub-card").get_by_text("A tiny model").wait_for()
    look(page, "hub-model", full=True)
    assert page.locator("#hub-card img, #hub-card script").count() == 0
    assert page.get_by_role("radio", name="alice/tiny").is_checked()
    photo = small_photo(tmp_path / "photo.png", size=(420, 280))
    choose(page, photo)
    paint(page)
    download(page).save_as(tmp_path / "painting.png")
    same_pixels(tmp_path / "painting.png", model.stylize(photo))
    # It competes where it is asked to.
    page.get_by_role("link", name="Compare").click()
    page.get_by_role("button", name="Compare other models too").click()
    page.get_by_role("textbox", name="A model on the Hugging Face Hub").fill("alice/tiny")
    page.get_by_role("button", name="Add this model").click()
    page.get_by_text("It is among those that you compare now.").wait_for(timeout=20 * SECONDS)
    page.get_by_role("button", name="Show me two").click()
    ballot(page)


def test_the_camera_is_painted_live(open_page):
    page = open_page()
    page.get_by_role("link", name="Live").click()
    page.get_by_role("button", name="Start the camera").click()
    canvas = page.locator("#live-stage canvas")
    page.wait_for_function("document.querySelector('#live-stage canvas').dataset.frames > 8", timeout=PATIENCE)
    page.get_by_text("pictures a second").locator("visible=true").wait_for()
    look(page, "live", full=True)
    print("frames a second in Chromium:", canvas.get_attribute("data-pace"))
    page.get_by_role("radio", name="Kuindzhi II").locator("visible=true").check()
    page.wait_for_function("document.querySelector('#live-stage .live').dataset.style === 'bank:kuindzhi'")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Keep this picture").click()
    assert waiting.value.suggested_filename == "bank-kuindzhi.png"
    page.get_by_role("link", name="Imagine").click()  # the camera is off as soon as another page is looked at
    page.wait_for_timeout(1500)
    before = canvas.get_attribute("data-frames")
    page.wait_for_timeout(500)
    assert canvas.get_attribute("data-frames") == before
    page.get_by_role("link", name="Live").click()
    page.get_by_role("button", name="Start the camera").wait_for()


def test_a_camera_that_is_allowed_too_late_stays_off(open_page):
    """While the browser asks, the visitor starts once more, and goes to another page."""
    page = open_page()
    page.evaluate(LATE_CAMERA)
    page.get_by_role("link", name="Live").click()
    page.get_by_role("button", name="Start the camera").click()
    page.get_by_role("button", name="Start the camera").click()
    page.get_by_role("link", name="Imagine").click()
    page.locator("#draw").wait_for()
    page.evaluate("allow()")
    page.wait_for_function("cameras.length === 2")
    page.wait_for_function("cameras.every(camera => camera.getTracks().every(track => track.readyState === 'ended'))")
    page.get_by_role("link", name="Live").click()
    page.get_by_role("button", name="Start the camera").wait_for()


def test_a_proxy_that_answers_for_the_studio_stops_the_camera(browser, studio):
    page = browser.new_page(locale="en-US")
    try:
        page.route("**/gradio_api/live*", lambda route: route.fulfill(status=502, body="<h1>Bad gateway</h1>"))
        page.goto(studio.url)
        page.get_by_role("link", name="Live").click()
        page.get_by_role("button", name="Start the camera").click()
        page.get_by_text("does not answer any more").locator("visible=true").wait_for()
        page.get_by_role("button", name="Start the camera").wait_for()
    finally:
        page.close()


def test_a_refused_camera_is_said(open_page):
    page = open_page()
    page.evaluate(
        "() => { navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', 'NotAllowedError') } }"
    )
    page.get_by_role("link", name="Live").click()
    page.get_by_role("button", name="Start the camera").click()
    page.get_by_text("does not let this page use the camera").locator("visible=true").wait_for()


def test_a_style_is_measured(open_page, tmp_path):
    paintings = [small_photo(tmp_path / f"{n}.png", size=(260 + 2 * n, 260)) for n in range(10)]
    page = open_page()
    page.get_by_role("link", name="Measure").click()
    page.get_by_role("button", name="Measure", exact=True).click()
    assert complaint(page) == "It takes ten paintings at least; 0 can be read."
    page.set_input_files("#measure-paintings input[type=file]", paintings)
    page.wait_for_function("document.querySelectorAll('#measure-paintings tr').length >= 10")
    page.get_by_role("button", name="Measure", exact=True).click()
    page.locator("#measure-stop").click()
    page.get_by_role("button", name="Measure", exact=True).click()
    page.get_by_text("of 12 photos painted").locator("visible=true").wait_for()
    report = page.frame_locator("#measure-report iframe")
    report.get_by_role("heading", level=1).wait_for(timeout=2 * PATIENCE)
    assert report.locator(".sheet figure").count() == 12
    look(page, "measure", full=True)
    with page.expect_download() as waiting:
        page.locator("#measure-download").click()
    assert waiting.value.suggested_filename == "report.html"


def test_the_comparison_fills_the_screen(open_page, tmp_path):
    page = open_page()
    choose(page, small_photo(tmp_path / "photo.png", size=(420, 280)))
    paint(page)
    button = page.get_by_role("button", name="Full screen, and back").locator("visible=true")
    button.click()
    page.wait_for_function("document.fullscreenElement?.classList.contains('comparison')")
    box = page.locator(".comparison:visible").bounding_box()
    assert box["width"] > 1200 or box["height"] > 800
    look(page, "full-screen")
    page.locator("#tradition .mark").first.wait_for(state="attached", timeout=PATIENCE)
    button.click()
    page.wait_for_function("!document.fullscreenElement")


def test_names_of_files_are_no_html(open_page, tmp_path):
    name = "<img src=x onerror=document.title='broken'>"
    small_photo(tmp_path / f"{name}.png", size=(300, 200))
    (tmp_path / f"{name}.jpg").write_text("I am no picture.")
    page = open_page()
    page.set_input_files("#photo input[type=file]", tmp_path / f"{name}.jpg")
    assert "onerror" in complaint(page)
    choose(page, tmp_path / f"{name}.png")
    paint(page)
    page.locator("#tradition .mark").first.wait_for(timeout=PATIENCE)
    page.get_by_role("link", name="My style").click()
    shutil.copy(tmp_path / f"{name}.png", tmp_path / "the same.png")
    page.set_input_files("#mine-files input[type=file]", [tmp_path / "the same.png", tmp_path / f"{name}.png"])
    page.locator("#findings li").get_by_text("onerror").first.wait_for(timeout=PATIENCE)
    assert page.title() == "hfstyle" and page.locator("img[src=x]").count() == 0
