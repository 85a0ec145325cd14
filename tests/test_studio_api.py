"""What programs call: the endpoints beside /stylize, through gradio_client, and as tools of an MCP server."""

import asyncio
import base64
import csv
import io
import json
import shutil
import socket
import time
from pathlib import Path

import httpx
import numpy as np
import pytest
import torch
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client
from PIL import Image
from test_package import blocks
from test_studio import client, running_studio, same_pixels, small_photo, studio

from hfstyle import AutoModel, CycleGANGenerator, Style, bundled_styles
from hfstyle.studio.stylise import default_style

ENDPOINTS = {
    "/stylize",
    "/stylize_with_file",
    "/sheet",
    "/styles",
    "/distance",
    "/learn_style",
    "/imagine",
    "/measure",
    "/live",
    "/load_model",
    "/pair",
    "/vote",
    "/ranking",
}


__all__ = ["client", "studio"]  # fixtures


@pytest.fixture(scope="module")
def bank():
    return AutoModel.from_pretrained("bank")


def test_the_endpoints_say_what_they_take(client):
    endpoints = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert set(endpoints) == ENDPOINTS
    parameters = endpoints["/stylize"]["parameters"]
    defaults = {parameter["parameter_name"]: parameter["parameter_default"] for parameter in parameters}
    assert defaults == {"photo": None, "style": default_style(), "strength": 1.0, "preserve_color": False}
    for name, endpoint in endpoints.items():
        assert len(endpoint["description"]) >= 40, name


def test_styles_are_listed(client):
    listed = client.predict(api_name="/styles")
    assert [style["name"] for style in listed] == bundled_styles()
    assert all(style["title"] and style["about"] for style in listed)


def test_a_blend_is_painted(client, bank, tmp_path):
    photo = small_photo(tmp_path / "photo.png")
    painting = client.predict(handle_file(photo), "monet=.6,vangogh=.4", api_name="/stylize")
    same_pixels(painting, bank.stylize(photo, {"monet": 0.6, "vangogh": 0.4}))


def test_a_style_may_be_called_the_bank_s(client, bank, tmp_path):
    """Whether or not a model has its name, as `hfstyle stylize --style` has it."""
    photo = small_photo(tmp_path / "photo.png")
    painting = client.predict(handle_file(photo), "bank:pointillism", api_name="/stylize")
    same_pixels(painting, bank.stylize(photo, "pointillism"))


def test_the_python_in_the_readme_runs(studio, bank, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    photo = small_photo(tmp_path / "photo.jpg", quality=95)
    found = {}
    exec(blocks("python")[2].replace("http://127.0.0.1:7860", studio.url), found)
    same_pixels(found["painting"], bank.stylize(photo, {"ukiyoe": 0.6, "monet": 0.4}))


@pytest.mark.parametrize(
    ("style", "words"), [("monet=.6,sunset=.4", "no such style"), ("monet=x", "A blend is written"), ("=1", "such")]
)
def test_a_wrong_blend_gets_a_sentence(client, tmp_path, style, words):
    with pytest.raises(AppError, match=words):
        client.predict(handle_file(small_photo(tmp_path / "photo.png")), style, api_name="/stylize")


def test_a_sheet_has_every_style(client, tmp_path):
    sheet = Image.open(client.predict(handle_file(small_photo(tmp_path / "photo.png")), api_name="/sheet"))
    assert sheet.format == "PNG" and sheet.width > 3 * 96 and sheet.height > 3 * 64
    assert len(np.unique(np.asarray(sheet).reshape(-1, 3), axis=0)) > 1000


def test_a_painting_is_located(client, bank, tmp_path):
    photo = small_photo(tmp_path / "photo.png", size=(320, 240))
    bank.stylize(photo, "monet").save(tmp_path / "painting.png")
    measures = client.predict(
        handle_file(photo), handle_file(tmp_path / "painting.png"), "monet", api_name="/distance"
    )
    assert {"measure", "photos", "painted", "tradition", "share"} == set(measures[0]) and len(measures) > 5
    with pytest.raises(AppError, match="There is no tradition"):
        client.predict(handle_file(photo), handle_file(photo), "sunset", api_name="/distance")


@pytest.mark.slow
def test_a_style_is_learnt_and_painted_in(client, bank, studio, tmp_path):
    pictures = [small_photo(tmp_path / f"{n}.png", size=(160 + n, 140)) for n in range(2)]
    file = client.predict([handle_file(one) for one in pictures], 5, api_name="/learn_style")
    style = Style.load(file)
    assert style.about["pictures"].startswith("1 picture") and Path(file).stat().st_size < 64 * 1024
    photo = small_photo(tmp_path / "photo.png")
    painting = client.predict(handle_file(photo), handle_file(file), api_name="/stylize_with_file")
    own = AutoModel.from_pretrained("bank")
    same_pixels(painting, own.stylize(photo, own.load_style(style)))
    assert not list(studio.temporary.rglob("picture.jpg")), "the pictures are deleted at once"


@pytest.mark.parametrize(
    ("pictures", "seconds", "words"),
    [([], 5, "Bring a picture"), (["text"], 5, "text.jpg"), (["good"], 600, "between 5 and 60")],
)
def test_learning_from_nothing_gets_a_sentence(client, tmp_path, pictures, seconds, words):
    (tmp_path / "text.jpg").write_text("I am no picture.")
    small_photo(tmp_path / "good.jpg")
    files = [handle_file(tmp_path / f"{name}.jpg") for name in pictures]
    with pytest.raises(AppError, match=words):
        client.predict(files, seconds, api_name="/learn_style")


def test_a_file_that_is_no_style_gets_a_sentence(client, tmp_path):
    photo = small_photo(tmp_path / "photo.png")
    with pytest.raises(AppError, match="The style file"):
        client.predict(handle_file(photo), handle_file(photo), api_name="/stylize_with_file")


def test_pictures_are_imagined(client):
    model = AutoModel.from_pretrained("imagine")
    files = client.predict(3, 2, api_name="/imagine")
    expected = model.generate(2, 3)
    for file, picture in zip(files, expected, strict=True):
        small = Image.open(file).resize(picture.size, Image.Resampling.BOX)
        assert np.abs(np.asarray(small, float) - np.asarray(picture, float)).mean() < 12
    with pytest.raises(AppError, match="between 1 and 16"):
        client.predict(3, 100, api_name="/imagine")


@pytest.mark.parametrize("place", ["{secret}", "http://127.0.0.1:9/photo.png", "/gradio_api/file={secret}"])
@pytest.mark.parametrize("endpoint", ["learn_style", "sheet"])
def test_only_uploaded_files_are_read(studio, tmp_path, place, endpoint):
    secret = small_photo(tmp_path / "secret.png")
    file = {"path": place.format(secret=secret), "meta": {"_type": "gradio.FileData"}}
    call = studio.post(f"call/{endpoint}", json={"data": [[file], 5] if endpoint == "learn_style" else [file]})
    answer = httpx.get(f"{studio.url}gradio_api/call/{endpoint}/{call.json()['event_id']}", timeout=60).text
    assert "event: error" in answer and "safetensors" not in answer and "sheet" not in answer


def use_tools(url: str, work):
    async def session():
        async with (
            streamablehttp_client(f"{url}gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as mcp,
        ):
            await mcp.initialize()
            return await work(mcp)

    return asyncio.run(session())


def test_the_endpoints_are_tools(studio, bank, tmp_path):
    """A photo goes in as an upload's address, as `gradio upload-mcp` gives it, or as data; the painting comes out."""
    photo = small_photo(tmp_path / "photo.png")
    (path,) = studio.post("upload", files={"files": ("photo.png", photo.read_bytes())}).json()
    data = f"data:image/png;base64,{base64.b64encode(photo.read_bytes()).decode()}"

    async def work(mcp):
        tools = (await mcp.list_tools()).tools
        listed = await mcp.call_tool("styles", {})
        paintings = [
            await mcp.call_tool("stylize", {"photo": given, "style": "bank:monet"})
            for given in (f"{studio.url}gradio_api/file={path}", data)
        ]
        refused = await mcp.call_tool("stylize", {"photo": "http://127.0.0.1:9/photo.png", "style": "bank:monet"})
        return tools, listed, paintings, refused

    tools, listed, paintings, refused = use_tools(studio.url, work)
    described = {tool.name: tool for tool in tools}
    assert {f"/{name}" for name in described} == ENDPOINTS
    assert "keep" in json.dumps(described["stylize"].inputSchema).lower(), "arguments are described"
    assert "ukiyoe" in listed.content[0].text
    for answer in paintings:
        (tmp_path / "painting.png").write_bytes(base64.b64decode(answer.content[0].data))
        same_pixels(tmp_path / "painting.png", bank.stylize(photo, "monet"))
    assert refused.isError and "internet" in refused.content[0].text


@pytest.mark.slow
def test_a_studio_that_is_killed_loses_the_running_request_only(bank, tmp_path):
    """What visitors have of it, and what they said, is good for the one that is started next."""
    pictures = [handle_file(small_photo(tmp_path / f"{n}.png", size=(160, 140 + n))) for n in range(2)]
    photo = small_photo(tmp_path / "photo.png")
    with Image.open(photo) as image:
        image.resize((2400, 1600)).save(tmp_path / "large.png")
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
    home = {"HFSTYLE_HOME": str(tmp_path / "home")}
    with running_studio(folders[0], **home) as first:
        visitor = Client(first.url, verbose=False, download_files=tmp_path)
        ballot, *_ = visitor.predict("monet", "", "", api_name="/pair")
        visitor.predict(ballot["ballot"], "left", "right", api_name="/vote")
        file = visitor.predict(pictures, 5, api_name="/learn_style")
        running = visitor.submit(handle_file(tmp_path / "large.png"), "monet", api_name="/stylize")
        time.sleep(1)
        first.process.kill()
        with pytest.raises(Exception):  # noqa: B017 - gradio_client's, of several kinds
            running.result(timeout=60)
        shutil.rmtree(folders[0])  # the next studio on this machine does it within the hour, see test_studio.py
        folders[0].mkdir()
        first.log.touch()
    with running_studio(folders[1], **home) as second:
        visitor = Client(second.url, verbose=False, download_files=tmp_path)
        found, _ = visitor.predict(api_name="/ranking")
        assert found["votes"] == 1
        again, *_ = visitor.predict("monet", ballot["voter"], "", api_name="/pair")
        assert visitor.predict(again["ballot"], "tie", "tie", api_name="/vote")["votes"] == 2
        painting = visitor.predict(handle_file(photo), handle_file(file), api_name="/stylize_with_file")
        own = AutoModel.from_pretrained("bank")
        same_pixels(painting, own.stylize(photo, own.load_style(file)))


def test_a_model_of_the_hub_is_loaded_and_paints(client, hub, tmp_path):
    torch.manual_seed(1)
    model = CycleGANGenerator(ngf=4, n_blocks=1)
    model.push_to_hub("alice/tiny", token="hf_alice", card="---\nlicense: mit\n---\n# A tiny model\n")
    photo = small_photo(tmp_path / "photo.png")
    with pytest.raises(AppError, match="no such style"):
        client.predict(handle_file(photo), "alice/tiny", api_name="/stylize")
    with pytest.raises(AppError, match="is written owner/name, not 'alice'"):
        client.predict("alice", api_name="/load_model")
    assert client.predict("alice/tiny", api_name="/load_model").startswith("# A tiny model")
    same_pixels(client.predict(handle_file(photo), "alice/tiny", api_name="/stylize"), model.stylize(photo))
    ballot, *_ = client.predict("monet", "", "alice/tiny", api_name="/pair")
    assert ballot["tradition"] == "monet"
    with pytest.raises(AppError, match="There is no tradition ''"):
        client.predict("", "", "alice/tiny", api_name="/pair")


def test_a_model_of_the_hub_reads_nothing_of_this_machine(client, bank, hub, tmp_path, monkeypatch):
    bank.push_to_hub("alice/bank", token="hf_alice")
    own = AutoModel.from_pretrained("bank")
    own.add_style("secret", own.numbers_of("monet"))
    own.save_style("secret", tmp_path / "secret.safetensors")
    for name in (f"alice/bank:{tmp_path}/secret.safetensors", f"alice/bank:{tmp_path}/secret.safetensors=.5,monet=.5"):
        with pytest.raises(AppError, match="no style"):
            client.predict(name, api_name="/load_model")
    client.predict("alice/bank:monet=.5,ukiyoe=.5", api_name="/load_model")
    photo = small_photo(tmp_path / "photo.png")
    painting = client.predict(handle_file(photo), "alice/bank:monet=.5,ukiyoe=.5", api_name="/live")
    assert Image.open(painting).size == (96, 64)
    with pytest.raises(AppError, match="'vangogh' is not loaded"):
        client.predict("monet", "", "vangogh", api_name="/pair")


def test_a_frame_is_painted_small(client, bank, tmp_path):
    photo = small_photo(tmp_path / "photo.png", size=(640, 400))
    painting = Image.open(client.predict(handle_file(photo), "bank:monet", 1.0, api_name="/live"))
    with Image.open(photo) as image:
        image.thumbnail((256, 256))
        expected = bank.stylize(image, "monet")
    assert painting.size == (256, 160)
    assert np.abs(np.asarray(painting, float) - np.asarray(expected, float)).mean() < 6


def test_pairs_are_judged_and_ranked(client):
    ballot, *pictures = client.predict("monet", "alice", "", api_name="/pair")
    assert ballot["tradition"] == "monet" and ballot["voter"] != "alice", "a voter is a number that was drawn here"
    photo, left, right = (Image.open(file) for file in pictures)
    assert photo.size == left.size == right.size
    assert "bank" not in f"{ballot}{pictures}", "nothing gives away who painted"
    with pytest.raises(AppError, match="left, right or tie, not 'both'"):
        client.predict(ballot["ballot"], "both", "tie", api_name="/vote")
    answer = client.predict(ballot["ballot"], "left", "tie", api_name="/vote")
    assert answer == {"voter": ballot["voter"], "votes": 1}
    with pytest.raises(AppError, match="not asked about any more"):
        client.predict(ballot["ballot"], "left", "tie", api_name="/vote")
    again, *_ = client.predict("monet", ballot["voter"], "", api_name="/pair")
    assert client.predict(again["ballot"], "tie", "right", api_name="/vote")["votes"] == 2
    found, file = client.predict(api_name="/ranking")
    votes = list(csv.DictReader(Path(file).read_text("utf-8").splitlines()))
    assert found["traditions"]["monet"]["votes"] == len(votes) == 2
    assert [(vote["voter"], vote["style"], vote["content"]) for vote in votes] == [
        ("1", "left", "tie"),
        ("1", "tie", "right"),
    ]
    assert (votes[0]["photo"], {votes[0]["left"], votes[0]["right"]}) != (
        votes[1]["photo"],
        {votes[1]["left"], votes[1]["right"]},
    )


def live(studio, frame: bytes, **options) -> httpx.Response:
    return studio.post("live", params=options, content=frame, headers={"Content-Type": "image/jpeg"})


def test_a_frame_of_the_camera_comes_back_painted(studio, bank, tmp_path):
    frame = small_photo(tmp_path / "frame.jpg", size=(256, 192), quality=95)
    answer = live(studio, frame.read_bytes(), style="bank:monet", strength="50")
    assert answer.headers["content-type"] == "image/jpeg"
    painting = np.asarray(Image.open(io.BytesIO(answer.content)), float)
    expected = np.asarray(bank.stylize(frame, "monet", strength=0.5), float)
    assert painting.shape == expected.shape and np.abs(painting - expected).mean() < 6
    assert not list(studio.temporary.rglob("*frame*")), "frames stay in memory"


def test_slow_frames_hold_nobody_up(studio, tmp_path):
    address = studio.url.split("/")[2].split(":")
    slow = [socket.create_connection((address[0], int(address[1]))) for _ in range(3)]
    try:
        for one in slow:
            one.sendall(b"POST /gradio_api/live HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\nx")
        time.sleep(0.5)
        frame = small_photo(tmp_path / "frame.jpg")
        assert live(studio, frame.read_bytes(), style="bank:monet").status_code == 200
    finally:
        for one in slow:
            one.close()


def test_a_large_frame_is_painted_small(studio, tmp_path):
    frame = small_photo(tmp_path / "frame.jpg", size=(640, 400), quality=60)
    assert Image.open(io.BytesIO(live(studio, frame.read_bytes(), style="bank:monet").content)).size == (256, 160)


@pytest.mark.parametrize(
    ("frame", "options", "status", "words"),
    [
        (b"nonsense", {}, 400, "not a picture"),
        (b"", {}, 400, "picture"),
        (b"x" * 2**19, {}, 413, "no frame"),
        (b"nonsense", {"style": "../secret"}, 400, "no such style"),
        (b"nonsense", {"strength": "-1"}, 400, "no frame"),
    ],
)
def test_what_is_no_frame_gets_a_sentence(studio, frame, options, status, words):
    before = studio.log.stat().st_size
    answer = live(studio, frame, **options)
    assert answer.status_code == status and words in answer.json()["error"]
    assert studio.log.stat().st_size == before, "nothing that the owner should look at"


@pytest.mark.slow
def test_a_style_is_measured(client, tmp_path):
    """As `hfstyle evaluate` does it."""
    crops = [small_photo(tmp_path / f"{n}.png", size=(230 + 2 * n, 230)) for n in range(10)]
    files = [handle_file(path) for path in crops]
    figures, report = client.predict("bank:monet", files, files, api_name="/measure")
    assert figures["photos"]["pictures"] == figures["paintings"]["pictures"] == 10
    assert [row["name"] for row in figures["rows"]][:2] == ["bank:monet", "photo unchanged"]
    page = Path(report).read_text("utf-8")
    assert "KID" in page and page.count("data:image/jpeg") == 20
    with pytest.raises(AppError, match="^It takes ten photos at least; 3 can be read."):
        client.predict("bank:monet", files[:3], files, api_name="/measure")
    (tmp_path / "text.jpg").write_text("I am no picture.")
    with pytest.raises(AppError, match="^The folder of paintings has no readable picture"):
        client.predict("bank:monet", files, [handle_file(tmp_path / "text.jpg")] * 10, api_name="/measure")
    with pytest.raises(AppError, match="no such style"):
        client.predict("sunset", files, files, api_name="/measure")
