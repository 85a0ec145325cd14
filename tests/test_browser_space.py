"""The page for browsers: pushed to the Hub, downloaded, served as the Hub serves static Spaces, used in Chromium."""

import base64
import gzip
import io
import os
import re
import shutil
import socket
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import uvicorn
import yaml
from huggingface_hub import snapshot_download
from PIL import Image
from playwright import sync_api
from starlette.applications import Starlette
from starlette.staticfiles import StaticFiles
from test_browser import LATE_CAMERA, PATIENCE, SECONDS, look
from test_browser_pages import SCREENS, faults, foreign, seen
from test_studio import small_photo

from hfstyle import AutoModel
from hfstyle.cli import main
from hfstyle.studio.painter import EXAMPLES

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PHOTO = EXAMPLES / "life.jpg"
SERVED: list[str] = []
"""Files that browsers have asked for."""


@pytest.fixture(scope="module")
def space(tmp_path_factory):
    """What an empty machine downloads of the Space."""
    if shutil.which("npm") is None:
        (pytest.fail if os.environ.get("HFSTYLE_REQUIRE_BROWSER") == "1" else pytest.skip)("Node is not installed")
    from conftest import _HUB

    _HUB.clear()
    _HUB.add_user("hf_alice", "alice")
    patch = pytest.MonkeyPatch()
    patch.setenv("HF_TOKEN", "hf_alice")
    assert main(["space", "push", "browser", "alice/page"]) == 0
    folder = tmp_path_factory.mktemp("page")
    snapshot_download("alice/page", repo_type="space", local_dir=folder)
    assert _HUB.repo("alice/page", "space").sdk == "static"
    patch.undo()
    return folder


@pytest.fixture(scope="module")
def site(space):
    """Its address: served with the headers that its README asks for, and gone when the server is stopped."""
    front = yaml.safe_load((space / "README.md").read_text("utf-8").split("---")[1])
    headers = [(key.encode(), value.encode()) for key, value in front["custom_headers"].items()]

    class Files(StaticFiles):
        async def get_response(self, path, scope):
            SERVED.append(path)
            answer = await super().get_response(path, scope)
            answer.raw_headers.extend(headers)
            return answer

    app = Starlette()
    app.mount("/", Files(directory=space, html=True))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}/", server
    server.should_exit = True
    thread.join(10)


@pytest.fixture
def open_site(browser, site):
    """Opens the page in a fresh browser. Afterwards: no error went unseen, and no request went anywhere else."""
    contexts, hosts, sent, complaints = [], set(), [], []

    def open_site(**options) -> sync_api.Page:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 860}, "locale": "en-US", **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20 * SECONDS)
        context.on("request", lambda request: hosts.add(request.url.split("/")[2]))
        context.on("request", lambda request: sent.append(request.method))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
        page.goto(site[0])
        until(page, "document.documentElement.dataset.ready === 'true'")
        return page

    yield open_site
    for context in contexts:
        context.close()
    assert {host for host in hosts if host} <= {site[0].split("/")[2]}
    assert set(sent) <= {"GET"}, "nothing is sent, so the photo stays"
    assert complaints == []


def until(page: sync_api.Page, condition: str, argument: object = None) -> None:
    """Playwright's own way to wait evaluates text in the page, which the page's rules forbid."""
    end = time.monotonic() + 3 * PATIENCE / SECONDS  # an imitated graphics card is slow
    while not page.evaluate(condition, argument):
        assert time.monotonic() < end, condition
        page.wait_for_timeout(50)


def paint(page: sync_api.Page, photo: Path = PHOTO) -> None:
    page.set_input_files("#file", photo)
    painted(page, "0")


def painted(page: sync_api.Page, before: str) -> str:
    until(page, "before => Number(document.getElementById('after').dataset.round ?? 0) > Number(before)", before)
    return page.locator("#after").get_attribute("data-round")


def pixels(page: sync_api.Page, element: str = "after") -> np.ndarray:
    """What a canvas shows."""
    data = page.evaluate("name => document.getElementById(name).toDataURL('image/png')", element)
    with Image.open(io.BytesIO(base64.b64decode(data.partition(",")[2]))) as image:
        return np.asarray(image.convert("RGB"), float)


def near(page: sync_api.Page, expected: Image.Image) -> float:
    return float(np.abs(pixels(page) - np.asarray(expected.convert("RGB"), float)).mean())


def test_a_photo_is_painted_as_the_package_paints_it(open_site):
    page = open_site()
    look(page, "browser-empty", full=True)
    assert page.evaluate("crossOriginIsolated"), "so that it may use threads"
    paint(page)
    look(page, "browser-painted", full=True)
    print("seconds:", page.locator("#after").get_attribute("data-seconds"))
    photo = Image.fromarray(pixels(page, "before").astype(np.uint8))
    assert max(photo.size) == 512
    bank = AutoModel.from_pretrained("bank")
    assert near(page, bank.stylize(photo, bank.styles[0])) < 1
    # A blend of two.
    before = page.locator("#after").get_attribute("data-round")
    page.locator("#other").select_option("bank:vangogh")
    painted(page, before)
    assert near(page, bank.stylize(photo, {bank.styles[0]: 0.6, "vangogh": 0.4})) < 1
    # Another network.
    before = page.locator("#after").get_attribute("data-round")
    page.get_by_role("button", name="Shanshui", exact=True).click()
    painted(page, before)
    assert near(page, AutoModel.from_pretrained("shanshui").stylize(photo)) < 1
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download PNG").click()
    assert waiting.value.suggested_filename == "life-shanshui.png"


def test_a_style_of_one_s_own_is_painted(open_site, tmp_path):
    bank = AutoModel.from_pretrained("bank")
    numbers = (bank.numbers_of("monet") + bank.numbers_of("ukiyoe")) / 2
    bank.add_style("mine", numbers)
    bank.save_style("mine", tmp_path / "mine.safetensors")
    page = open_site()
    paint(page)
    before = page.locator("#after").get_attribute("data-round")
    page.set_input_files("#own", tmp_path / "mine.safetensors")
    painted(page, before)
    photo = Image.fromarray(pixels(page, "before").astype(np.uint8))
    assert near(page, bank.stylize(photo, "mine")) < 1
    (tmp_path / "text.safetensors").write_text("I am no style.")
    page.set_input_files("#own", tmp_path / "text.safetensors")
    page.get_by_text("text.safetensors is no style").wait_for()
    page.set_input_files("#file", tmp_path / "mine.safetensors")
    page.get_by_text("mine.safetensors is not a picture").wait_for()


def test_it_works_without_a_network(open_site, site):
    """Once loaded, and reloaded with the server gone."""
    page = open_site()
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.context.set_offline(True)
    page.reload()
    until(page, "document.documentElement.dataset.ready === 'true'")
    page.get_by_role("button", name="Try our photo").click()
    painted(page, "0")
    assert page.get_by_text("Painted in").is_visible()


def test_the_camera_is_painted_live(open_site):
    page = open_site()
    page.get_by_role("button", name="Live camera").click()
    until(page, "document.getElementById('live-canvas').dataset.frames > 5")
    print("frames a second:", page.locator("#live-canvas").get_attribute("data-pace"))
    look(page, "browser-live")
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Take a photo").click()
    painted(page, "0")


def test_a_camera_that_is_allowed_too_late_stays_off(open_site):
    """While the browser asks, the visitor starts once more, then chooses a photo."""
    page = open_site()
    page.evaluate(LATE_CAMERA)
    page.get_by_role("button", name="Live camera").click()
    page.get_by_role("button", name="Live camera").click()
    paint(page)
    page.evaluate("allow()")
    until(page, "cameras.length === 2")
    until(page, "cameras.every(camera => camera.getTracks().every(track => track.readyState === 'ended'))")
    assert page.locator("#live").is_hidden() and page.locator("#comparison").is_visible()


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("locale", ["en", "zh-CN"])
def test_the_main_walk(open_site, locale, screen):
    """A photo, a style, a blend; in both languages, on both screens, by day and by night."""
    page = open_site(**SCREENS[screen], locale={"en": "en-GB"}.get(locale, locale))
    wrong = faults(page, "at first")
    paint(page)
    before = page.locator("#after").get_attribute("data-round")
    page.get_by_role("button", name={"en": "Kuindzhi II", "zh-CN": "库因芝（二）"}[locale]).click()
    painted(page, before)
    wrong += seen(page, f"browser-{locale}-{screen}") + foreign(page, locale, "painted")
    other, again = {"en": ("中文", "换一张照片"), "zh-CN": ("English", "Another photo")}[locale]
    page.get_by_role("button", name=other).click()
    assert page.get_by_role("button", name=again).is_visible()
    status = page.locator("#status").inner_text()
    assert re.fullmatch(
        {"en": r"用时 [\d.]+ 秒，\d+ × \d+。", "zh-CN": r"Painted in [\d.]+ s at .+"}[locale], status
    ), status
    assert not wrong, "\n".join(wrong)


def test_by_keyboard(open_site, tmp_path):
    page = open_site()
    paint(page, small_photo(tmp_path / "photo.png", size=(200, 150)))
    page.locator("#cut").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("#comparison").evaluate("one => one.style.getPropertyValue('--cut')") == "51%"
    before = page.locator("#after").get_attribute("data-round")
    page.get_by_role("button", name="Kuindzhi II").focus()
    page.keyboard.press("Enter")
    painted(page, before)
    nameless = page.evaluate(
        """[...document.querySelectorAll("button, select, input:not([type=file])")]
            .filter(one => one.checkVisibility() && !one.textContent && !one.labels?.length && !one.ariaLabel)
            .map(one => one.id)"""
    )
    assert nameless == []


def megabytes(files: set[Path]) -> float:
    """As servers compress them."""
    return sum(len(gzip.compress(path.read_bytes())) for path in files if path.is_file()) / 1e6


def check_first_load(space, asked: list[str]) -> None:
    """What a browser has asked for."""
    files = {space / path.lstrip("/") for path in asked}
    print("first load:", megabytes(files), "MB")
    assert {"bank.onnx", "ort-wasm-simd-threaded.wasm", "styles.json"} <= {path.name for path in files}
    assert megabytes(files) < 8


def test_the_first_load_is_small(open_site, space):
    """Of the page, its first painting, and what it keeps to work without a network."""
    SERVED.clear()
    page = open_site()
    paint(page)
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    check_first_load(space, SERVED)


def test_a_photo_that_comes_before_the_styles_waits_for_them(browser, site, tmp_path):
    page = browser.new_page(locale="en-US")
    try:
        waiting = []
        page.route("**/styles.json", lambda route: waiting.append(route))
        page.goto(site[0])
        page.set_input_files("#file", small_photo(tmp_path / "photo.png", size=(200, 150)))
        until(page, "document.getElementById('status').textContent.startsWith('Loading')")
        waiting.pop().continue_()
        painted(page, "0")
        until(page, "document.getElementById('status').textContent.startsWith('Painted in')")
    finally:
        page.close()


def test_without_node_one_line_says_so(monkeypatch, capsys):
    monkeypatch.setenv("PATH", "")
    assert main(["space", "push", "browser", "alice/page"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "checkout" in line and "Node" in line


def test_a_graphics_card_paints_the_same(browser, site, space, tmp_path):
    """By WebGPU, on a card that the processor imitates; no shader may need more than WebGPU allows. What it takes
    comes after the first painting."""
    chromium = browser.browser_type.launch(
        executable_path=shutil.which("chromium"),
        args=[
            "--no-sandbox",
            "--enable-unsafe-webgpu",
            "--use-webgpu-adapter=swiftshader",
            "--use-angle=swiftshader",
            "--enable-features=Vulkan",
        ],
    )
    try:
        page = chromium.new_page()
        SERVED.clear()
        page.goto(site[0])
        if not page.evaluate("navigator.gpu?.requestAdapter().then(adapter => Boolean(adapter))"):
            pytest.skip("this Chromium has no WebGPU")
        until(page, "document.documentElement.dataset.ready === 'true'")
        check_first_load(space, SERVED)
        first_load = set(SERVED)
        paint(page, small_photo(tmp_path / "photo.png", size=(24, 20)))
        after = page.locator("#after")
        assert after.get_attribute("data-provider") == "wasm"
        first = pixels(page)
        for _ in range(100):
            if after.get_attribute("data-provider") == "webgpu":
                break
            page.wait_for_timeout(100)
            before = after.get_attribute("data-round")
            page.locator("#strength").dispatch_event("change")
            painted(page, before)
        assert np.abs(pixels(page) - first).mean() < 1
        print("for WebGPU:", megabytes({space / path.lstrip("/") for path in {*SERVED} - first_load}), "MB")
        assert after.get_attribute("data-provider") == "webgpu", after.get_attribute("data-reason")
        bank = AutoModel.from_pretrained("bank")
        assert near(page, bank.stylize(tmp_path / "photo.png", bank.styles[0])) < 1
    finally:
        chromium.close()
