"""The studio without a browser: its words, its endpoint, what it does to bad files, and what it leaves on disk."""

import asyncio
import contextlib
import io
import os
import re
import shutil
import socket
import string
import struct
import subprocess
import sys
import threading
import time
import urllib.request
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import pytest
import torch
from huggingface_hub import constants
from PIL import Image

from hfstyle import AutoModel, CycleGANGenerator
from hfstyle.auto import bundled_model
from hfstyle.errors import DataError, HfstyleError, HubError, ImageError
from hfstyle.evaluation.culture import Step

pytest.importorskip("gradio", reason="the extra 'app' is not installed")

from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from hfstyle.studio import measure, overview, storage, text, tradition
from hfstyle.studio.app import MAX_UPLOAD_BYTES, build_app
from hfstyle.studio.components import wall_value
from hfstyle.studio.painter import EXAMPLES, Painter, Stopped, _fetch, check_repo_id
from hfstyle.studio.stylise import default_style
from hfstyle.traditions import tradition as described

ROOT = Path(__file__).resolve().parent.parent
PHOTO = EXAMPLES / "aitzgorri.jpg"
BLEND = {"monet": 0.7, "ukiyoe": 0.3}


@dataclass
class Studio:
    """A studio in a process of its own, started as users start it."""

    url: str
    log: Path
    temporary: Path
    process: subprocess.Popen

    def post(self, path: str, **request) -> httpx.Response:
        return httpx.post(f"{self.url}gradio_api/{path}", timeout=60, **request)


@contextlib.contextmanager
def running_studio(folder: Path, root: Path = ROOT, **variables: str) -> Iterator[Studio]:
    """Start it with `folder` for its log and its temporary files, of which none may be left at the end.

    Args:
        root: The folder with app.py.
    """
    log = folder / "log.txt"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}/"
    with open(log, "wb") as output:
        command = [sys.executable, "app.py"]
        home = folder.with_name(f"{folder.name}-home")  # one each: no test finds another's votes or styles
        own = {"TMPDIR": str(folder), "HFSTYLE_HOME": str(home), "GRADIO_SERVER_PORT": str(port)}
        environment = {**os.environ, **own, **variables}
        process = subprocess.Popen(command, cwd=root, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        end = time.monotonic() + 90
        while True:
            with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5):
                break
            assert process.poll() is None and time.monotonic() < end, log.read_text()
            time.sleep(0.1)
        yield Studio(url, log, folder, process)
    finally:
        process.terminate()
        process.wait(60)
    left = [path for path in folder.rglob("*") if path.is_file() and path != log]
    assert not left, "photos outlived the server"


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    with running_studio(tmp_path_factory.mktemp("studio")) as running:
        yield running


@pytest.fixture(scope="module")
def client(studio, tmp_path_factory):
    return Client(studio.url, verbose=False, download_files=tmp_path_factory.mktemp("downloads"))


@pytest.fixture(scope="module")
def model():
    return AutoModel.from_pretrained(default_style())


def small_photo(path: Path, mode: str = "RGB", size: tuple[int, int] = (96, 64), **options) -> Path:
    """A part of an example photo; with transparency that differs from pixel to pixel where `mode` has it."""
    with Image.open(PHOTO) as photo:
        image = photo.crop((300, 200, 300 + size[0], 200 + size[1])).convert(mode)
    if mode == "RGBA":
        ramp = np.linspace(0, 255, size[0] * size[1]).astype(np.uint8).reshape(size[1], size[0])
        image.putalpha(Image.fromarray(ramp))
    image.save(path, **options)
    return path


def same_pixels(path: str | Path, expected: Image.Image) -> None:
    """The file is a PNG of the same mode, size and pixels; two processes may round a float differently."""
    with Image.open(path) as image:
        assert (image.format, image.mode, image.size) == ("PNG", expected.mode, expected.size)
        difference = np.abs(np.asarray(image, dtype=int) - np.asarray(expected, dtype=int))
    assert difference.max() <= 1


# Words


def test_every_entry_has_every_language():
    for key, words in text.CATALOGUE.items():
        assert set(words) == set(text.LANGUAGES), key
        assert all(words[locale].strip() for locale in words), key
        places = {locale: {name for _, name, _, _ in string.Formatter().parse(words[locale])} for locale in words}
        assert len({frozenset(names) for names in places.values()}) == 1, key
    chinese = {words["zh-CN"] for key, words in text.CATALOGUE.items() if key != "title"}
    assert all(any("\u4e00" <= letter <= "\u9fff" for letter in words) for words in chinese)


def test_no_entry_is_left_over():
    source = "".join(path.read_text("utf-8") for path in Path(text.__file__).parent.glob("*.py"))
    made = ("style.", "page.", "axis.", "finding.", "gradio.", "common.", "status.")
    for key in text.CATALOGUE:
        found = source.count(f'"{key}"') + source.count(f"'{key}'")
        assert key.startswith(made) or found >= 2, key
    assert {key for key in text.CATALOGUE if key.startswith("axis.")} == {f"axis.{name}" for name in tradition.AXES}


def test_an_unknown_word_is_found_out_when_the_page_is_built():
    with pytest.raises(KeyError):
        text.label("no such word")


@pytest.mark.parametrize(
    ("error", "key", "english"),
    [
        (ImageError("/tmp/a/b/photo.jpg is empty"), "error.image", "photo.jpg is empty."),
        (ImageError("cannot open /tmp/a/b/photo.jpg: no"), "error.image", "Cannot open photo.jpg: no."),
        (text.StudioError("error.no_photo"), "error.no_photo", "Choose a photo first."),
        (HubError("the Hub is not there"), "error.hub", "The Hub is not there."),
        (DataError("there is no picture"), "error.data", "There is no picture."),
        (MemoryError(), "error.memory", "This photo needs more memory"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried ..."), "error.memory", "This"),
        (RuntimeError("secret detail"), "error.internal", "Something went wrong on our side"),
        (HfstyleError("<b>x</b>"), "error.internal", "<b>x</b>."),
    ],
)
def test_errors_are_sentences_in_both_languages(error, key, english):
    assert text.error_key(error) == key
    assert text.error_sentence(error, "/tmp/a/b/photo.jpg").startswith(english)
    page = text.error_html(error, "/tmp/a/b/photo.jpg")
    assert text.CATALOGUE[key]["zh-CN"] in page
    assert "/tmp" not in page and "<b>" not in page and "secret" not in page


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: check_repo_id("<b>"), "而不是 &#x27;&lt;b&gt;&#x27;"),
        (lambda: measure._gathered([], Path("paintings")), "至少需要十幅作品，目前能读取的有 0 幅"),
        (lambda: AutoModel.from_pretrained("no such model"), "找不到这个模型"),
    ],
)
def test_errors_in_chinese_name_their_cause(wrong, words):
    with pytest.raises(HfstyleError) as caught:
        wrong()
    assert words in text.error_html(caught.value)


def test_a_model_that_is_too_large_is_not_downloaded(hub, monkeypatch):
    CycleGANGenerator(ngf=4, n_blocks=1).push_to_hub("alice/tiny", token="hf_alice")
    _fetch("alice/tiny", False)
    shutil.rmtree(constants.HF_HUB_CACHE)
    monkeypatch.setattr("hfstyle.studio.painter.MAX_GUEST_BYTES", 1000)
    with pytest.raises(text.StudioError, match="larger than the studio loads"):
        _fetch("alice/tiny", False)
    assert not list(Path(constants.HF_HUB_CACHE).rglob("*.safetensors"))


def test_a_model_that_was_here_is_loaded_again_without_the_hub(hub):
    CycleGANGenerator(ngf=4, n_blocks=1).push_to_hub("alice/tiny", token="hf_alice")
    _fetch("alice/tiny", False)
    hub.clear()
    assert isinstance(_fetch("alice/tiny", False, again=True), CycleGANGenerator)


# All styles at once


def test_the_fast_network_paints_first(assets):
    assert overview.styles() == ["monet", "bank:ukiyoe", "山水", "sunset", "ukiyoe"]


@pytest.mark.parametrize(
    ("waiting", "busy", "seconds", "words"),
    [
        ("abc", True, None, "0 of 3 painted<"),
        ("abc", True, 3.1, "0 of 3 painted, about 4 s left"),
        ("c", False, 3.1, "Stopped after 2 of 3."),
        ("", False, 0, "Choose a painting"),
    ],
)
def test_the_page_tells_how_long_the_styles_that_are_left_will_take(waiting, busy, seconds, words):
    status = overview._status(3, list(waiting), busy, seconds)
    assert f">{words}" in status and ("<progress" in status) == bool(waiting)


def test_a_blend_is_called_by_its_parts():
    words = overview._blend_words({"monet": 50, "<b>": 100})
    assert words.startswith(text.both("style.monet") + " 33% + ") and words.endswith("&lt;b&gt; 67%")


def test_every_style_with_a_tradition_tells_of_it():
    for style in overview.styles():
        name = tradition.tradition_of(style)
        assert name and described(name).paragraphs["zh"] in tradition.tradition_html(name, None)
    assert tradition.tradition_of("sunset") is None is tradition.tradition_of(None)


def test_a_painting_lies_between_photo_and_tradition():
    steps = [
        Step("empty space", 0.1, 0.26, 0.3, 0.8),
        Step("flat share", 0.2, 0.1, 0.3, -1.0),  # the other way
        Step("tonal range", 60, 60, 61, None),  # nothing to do
        Step("symmetry", 0.1, 0.2, 0.3, 0.5),  # not for this page
    ]
    page = tradition.tradition_html("shanshui", steps)
    assert re.findall("--at:(-?[0-9]+)", page) == ["80", "-15"]
    assert "80% of the way" in page and "走了 -100%" in page and text.both("axis.tonal range") not in page
    assert "axes" not in tradition.tradition_html("shanshui", steps[2:])


def test_a_painting_is_located(painter, monkeypatch):
    """The photo itself has not moved; one in the colours of old silk has."""
    photo = asyncio.run(painter.shrink(PHOTO)).file
    silk = photo.with_name("silk.png")
    with Image.open(photo) as image:
        grey = np.asarray(image.convert("L"), dtype=float)[..., None] / 255
    Image.fromarray((np.array([70, 60, 45]) + grey * np.array([110, 100, 80])).astype(np.uint8)).save(silk)
    shares = [
        {step.measure: step.share for step in asyncio.run(painter.locate(photo, painting, "shanshui"))}
        for painting in (photo, silk)
    ]
    assert {share for share in shares[0].values() if share is not None} == {0.0}
    assert 0.5 < shares[1]["tonal range"] < 2 and shares[1]["chroma ratio"] > 0.5
    monkeypatch.setitem(sys.modules, "skimage", None)
    monkeypatch.setitem(sys.modules, "skimage.color", None)
    assert asyncio.run(painter.locate(photo, silk, "shanshui")) is None
    with pytest.raises(text.StudioError, match="deleted"):
        asyncio.run(painter.locate(photo.with_name("gone.png"), silk, "shanshui"))


def test_only_the_next_painting_is_marked(tmp_path):
    pictures = [tmp_path / "a.jpg", None, None]
    for busy in (True, False):
        cells = wall_value(pictures, (640, 480), busy)["cells"]
        assert [cell["next"] for cell in cells] == [False, busy, False]
        assert [bool(cell["file"]) for cell in cells] == [True, False, False]


# The endpoint


@pytest.mark.parametrize("options", [{}, {"strength": 0.4}, {"preserve_color": True}])
def test_the_endpoint_gives_the_pixels_of_stylize(client, model, tmp_path, options):
    photo = small_photo(tmp_path / "photo.png")
    painting = client.predict(
        handle_file(photo), default_style(), options.get("strength", 1.0), options.get("preserve_color", False),
        api_name="/stylize",
    )  # fmt: skip
    same_pixels(painting, model.stylize(photo, **options))
    assert Path(painting).name == f"photo-{default_style()}.png"


def test_transparency_is_kept(client, model, tmp_path):
    photo = small_photo(tmp_path / "glass.png", "RGBA")
    painting = client.predict(handle_file(photo), api_name="/stylize")
    same_pixels(painting, model.stylize(photo))
    assert np.array_equal(Image.open(painting).getchannel("A"), Image.open(photo).getchannel("A"))


def test_a_photo_taken_sideways_comes_back_upright(client, model, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    photo = small_photo(tmp_path / "sideways.jpg", exif=exif)
    painting = client.predict(handle_file(photo), api_name="/stylize")
    same_pixels(painting, model.stylize(photo))
    assert Image.open(painting).size == (64, 96)


def bomb() -> bytes:
    """A PNG of a few bytes that says it has 400 megapixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 20000, 20000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"0")) + chunk(b"IEND", b"")


def broken_files() -> dict[str, bytes]:
    whole = io.BytesIO()
    Image.new("RGB", (200, 200), "red").save(whole, "PNG")
    return {
        "empty.jpg": b"",
        "text.jpg": b"I am not a photo.",
        "truncated.png": whole.getvalue()[:-40],
        "bomb.png": bomb(),
        "drawing.svg": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
    }


@pytest.mark.parametrize("name", list(broken_files()))
def test_a_bad_file_gets_a_sentence(client, studio, tmp_path, name):
    file = tmp_path / name
    file.write_bytes(broken_files()[name])
    with pytest.raises(AppError) as caught:
        client.predict(handle_file(file), api_name="/stylize")
    sentence = str(caught.value)
    assert sentence.startswith(name) and sentence.endswith(".") and "\n" not in sentence
    assert "/" not in sentence.replace("PNG/", "")
    assert "Traceback" not in studio.log.read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("no such style",), "no such style"),
        (("../ukiyoe",), "no such style"),
        (("/",), "no such style"),
        (("alice/model",), "no such style"),
        ((default_style(), 1.5), "between 0 and 1"),
        ((default_style(), "much"), "between 0 and 1"),
    ],
)
def test_a_bad_option_gets_a_sentence(client, tmp_path, arguments, words):
    photo = small_photo(tmp_path / "photo.png")
    with pytest.raises(AppError, match=words):
        client.predict(handle_file(photo), *arguments, api_name="/stylize")


def test_no_photo_gets_a_sentence(client):
    with pytest.raises(AppError, match="Choose a photo first"):
        client.predict(None, api_name="/stylize")


FILE = {"_type": "gradio.FileData"}


@pytest.mark.parametrize(
    "photo",
    [
        {"path": "{secret}"},  # without the mark, gr.Image itself would open any file of the server
        {"path": "{secret}", "meta": FILE},
        {"path": "{folder}/../secret.png"},
        {"path": None, "url": "data:image/png;base64,AAAA", "meta": FILE},
        {"path": "http://127.0.0.1:9/photo.png", "meta": FILE},
    ],
)
def test_only_uploaded_files_are_read(studio, tmp_path, photo):
    secret = small_photo(tmp_path / "secret.png")
    photo = {
        key: value.format(secret=secret, folder=tmp_path / "x") if isinstance(value, str) else value
        for key, value in photo.items()
    }
    call = studio.post("call/stylize", json={"data": [photo, default_style(), 1.0, False]})
    answer = httpx.get(f"{studio.url}gradio_api/call/stylize/{call.json()['event_id']}", timeout=60).text
    assert "event: error" in answer and ".png" not in answer


def test_a_file_that_is_too_large_is_refused_while_it_arrives(studio):
    answer = studio.post("upload", files={"files": ("huge.jpg", b"x" * (MAX_UPLOAD_BYTES + 1))})
    assert answer.status_code == 413


def test_uploads_lie_in_a_private_folder(studio):
    file = Path(studio.post("upload", files={"files": ("photo.jpg", PHOTO.read_bytes())}).json()[0])
    (folder,) = studio.temporary.glob("hfstyle-studio-*")
    assert file.exists() and file.is_relative_to(folder) and folder.stat().st_mode & 0o077 == 0


# The app


def test_uploads_are_deleted_within_the_hour():
    app = build_app()
    frequency, age = app.delete_cache
    assert (frequency, age) == (300, 3000) and frequency + age < 3600
    assert app._queue.max_size == 20
    assert not app.analytics_enabled


def test_old_files_of_any_studio_are_deleted_and_nothing_else(tmp_path):
    names = ("hfstyle-studio-a/x/old.png", "hfstyle-studio-b/new.png", "c.png")
    old, new, others = (tmp_path / name for name in names)
    for path in (old, new, others):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    assert storage.delete_old_files(tmp_path) == 0
    time.sleep(0.05)
    new.write_bytes(b"y")
    assert storage.delete_old_files(tmp_path, age=0.04) == 1
    assert not old.exists() and new.exists() and others.exists()


def test_a_link_with_the_name_of_a_studio_is_not_followed(tmp_path):
    thesis = tmp_path / "home" / "thesis.txt"
    thesis.parent.mkdir()
    thesis.touch()
    (tmp_path / "hfstyle-studio-evil").symlink_to(thesis.parent)
    assert storage.delete_old_files(tmp_path, age=-60) == 0
    assert thesis.exists()


def test_building_the_page_imports_no_torch_and_writes_no_stubs():
    code = """
import sys
from hfstyle.studio import build_app
build_app()
print([name for name in ("torch", "accelerate", "numpy.testing") if name in sys.modules])
"""
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
    assert not list((ROOT / "hfstyle").rglob("*.pyi"))


def test_without_gradio_one_line_says_what_to_install():
    code = "import sys; sys.modules['gradio'] = None; import hfstyle.studio"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    last = result.stderr.strip().splitlines()[-1]
    assert "MissingExtraError" in last and "pip install 'hfstyle[app]'" in last


def test_a_port_in_use_is_an_error_in_words():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        result = subprocess.run([sys.executable, "app.py", "--port", port], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 2 and result.stderr.startswith("error: ") and port in result.stderr
    assert "Traceback" not in result.stderr


def test_every_example_is_credited():
    rows = (EXAMPLES / "CREDITS.tsv").read_text("utf-8").splitlines()[1:]
    assert {row.split("\t")[0] for row in rows} == {path.name for path in EXAMPLES.glob("*.jpg")}
    assert all(row.split("\t")[3] in ("CC0 1.0", "CC BY 4.0") and len(row.split("\t")) == 5 for row in rows)
    assert sum(path.stat().st_size for path in EXAMPLES.iterdir()) <= 700_000
    for path in EXAMPLES.glob("*.jpg"):
        with Image.open(path) as photo:
            assert max(photo.size) == 1024


# The painter


class SlowLayer(torch.nn.Module):
    def __init__(self, passed: list[int]):
        super().__init__()
        self.passed = passed

    def forward(self, x):
        self.passed.append(1)
        time.sleep(0.05)
        return x


class SlowModel(torch.nn.Sequential):
    """Takes five seconds for any picture."""

    def stylize(self, image, **_):
        self(torch.zeros(1))
        return image


@pytest.fixture
def painter(tmp_path):
    painter = Painter(tmp_path, keep=1)
    yield painter
    painter.close()


def test_stopping_stops_the_network_and_frees_the_painter(painter):
    passed = []
    slow = SlowModel(*(SlowLayer(passed) for _ in range(100)))
    style = default_style()
    painter._models[style] = slow

    async def stop_then_paint():
        fractions = []
        task = asyncio.create_task(painter.paint(PHOTO, style, 1.0, False, on_progress=fractions.append))
        while len(passed) < 5:
            await asyncio.sleep(0.01)
        waiting = asyncio.create_task(painter.paint(PHOTO, style, 1.0, False))
        await asyncio.sleep(0.3)
        for one in (task, waiting):
            one.cancel()
            with pytest.raises(asyncio.CancelledError):
                await one
        begin = time.monotonic()
        del painter._models[style]
        painter._models[style] = SlowModel(SlowLayer([]))
        await painter.paint(PHOTO, style, 1.0, False)
        return fractions, time.monotonic() - begin

    fractions, seconds = asyncio.run(stop_then_paint())
    assert len(passed) < 30 and seconds < 2
    assert fractions == sorted(fractions) and 0 < fractions[-1] < 1
    assert not any(layer._forward_pre_hooks for layer in slow)


def test_closing_ends_a_painting_in_progress(tmp_path):
    painter = Painter(tmp_path)
    passed = []
    painter._models[default_style()] = SlowModel(*(SlowLayer(passed) for _ in range(100)))
    threading.Timer(0.5, painter.close).start()
    with pytest.raises(Stopped):
        asyncio.run(painter.paint(PHOTO, default_style(), 1.0, False))
    assert 0 < len(passed) < 40


def test_few_models_stay_in_memory_and_a_bank_is_one_of_them(painter, assets, tmp_path, monkeypatch):
    loaded = []
    monkeypatch.setattr("hfstyle.auto.bundled_model", lambda name: loaded.append(name) or bundled_model(name))
    photo = small_photo(tmp_path / "photo.png")
    for style in ("sunset", "sunset", "monet", "山水", "bank:ukiyoe", "ukiyoe", "monet"):
        asyncio.run(painter.paint(photo, style, 1.0, False))
    assert loaded == ["sunset", "bank", "ukiyoe", "bank"] and list(painter._models) == ["bank"]


def test_a_sketch_is_the_small_photo_in_a_style_or_a_blend(painter, assets, tmp_path):
    async def sketches():
        photo = await painter.shrink(small_photo(tmp_path / "photo.png", "RGBA", size=(700, 350)))
        return photo, await painter.sketch(photo.file, "monet"), await painter.sketch(photo.file, BLEND)

    bank = bundled_model("bank")
    photo, *made = asyncio.run(sketches())
    with Image.open(photo.file) as small:
        assert small.size == photo.size == (512, 256) and small.mode == "RGBA"
    for sketch, style in zip(made, ("monet", BLEND), strict=True):
        expected = np.asarray(bank.stylize(photo.file, style), dtype=float)
        with Image.open(sketch.file) as image:
            assert (image.format, image.size, image.mode) == ("WEBP", sketch.size, "RGBA")
            assert np.abs(np.asarray(image, dtype=float) - expected)[expected[..., 3] > 200].mean() < 8
        assert sketch.file.is_relative_to(painter.folder)


@pytest.mark.parametrize("style", ["no such style", "../ukiyoe", {"no such style": 1.0}, {"sunset": 1.0}])
def test_only_bundled_styles_are_painted(painter, assets, style):
    for painting in (painter.sketch(PHOTO, style), painter.paint(PHOTO, style, 1.0, False)):
        with pytest.raises(text.StudioError, match="no such style"):
            asyncio.run(painting)


def test_a_blend_is_painted_at_full_size_too(painter, assets, tmp_path):
    photo = small_photo(tmp_path / "photo.png", size=(700, 350))
    painting = asyncio.run(painter.paint(photo, BLEND, 1.0, False, previews=False))
    assert painting.full.name == f"photo-{'+'.join(BLEND)}.png"
    with Image.open(painting.full) as image:
        assert np.abs(np.asarray(image, dtype=float) - bundled_model("bank").stylize(photo, BLEND)).max() <= 1


def test_how_long_a_painting_takes_is_known_from_the_last_of_its_network(painter, assets, tmp_path):
    photo = small_photo(tmp_path / "photo.png")
    assert painter.seconds("monet", (96, 64)) is None
    start = time.perf_counter()
    asyncio.run(painter.paint(photo, "monet", 1.0, False))
    took = time.perf_counter() - start
    assert 0 < painter.seconds("bank:ukiyoe", (96, 64)) < took
    assert painter.seconds("monet", (192, 128)) == pytest.approx(4 * painter.seconds("monet", (96, 64)))
    assert painter.seconds("sunset", (96, 64)) is None
    painter.warm_up("sunset")
    painter._thread.submit(int).result()
    assert painter.seconds("sunset", (96, 64)) > 0


def test_a_small_photo_is_not_enlarged_nor_a_deleted_one_shrunk(painter, tmp_path):
    assert asyncio.run(painter.shrink(small_photo(tmp_path / "photo.png"))).size == (96, 64)
    with pytest.raises(text.StudioError, match="within the hour"):
        asyncio.run(painter.shrink(tmp_path / "gone.png"))


def test_a_photo_that_was_deleted_meanwhile_gets_a_sentence(painter, tmp_path):
    with pytest.raises(text.StudioError, match="within the hour"):
        asyncio.run(painter.paint(tmp_path / "gone.png", default_style(), 1.0, False))


def test_a_large_photo_is_shown_small_and_downloaded_whole(painter):
    class Large(torch.nn.Identity):
        def stylize(self, image, **_):
            painting = Image.new("RGB", (3000, 2000))
            painting.info["stylized_size"] = (2400, 1600)
            return painting

    painter._models[default_style()] = Large()
    painting = asyncio.run(painter.paint(PHOTO, default_style(), 1.0, False))
    assert Image.open(painting.full).size == painting.size == (3000, 2000)
    assert Image.open(painting.painting_preview).size == (2048, 1365)
    assert painting.stylized_size == (2400, 1600)
    assert list(painter.folder.iterdir()) == [painting.full.parent]
