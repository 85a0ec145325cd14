"""The studio's desks: collecting, learning beside others, leaving."""

import asyncio
import base64
import multiprocessing
import pickle
import sys
import time
import types

import numpy as np
import pytest
import torch
from PIL import Image

from hfstyle.errors import HfstyleError, ImageError
from hfstyle.hub import default_device
from hfstyle.images import save_image
from hfstyle.studio import mine, workshop
from hfstyle.studio.mine import curve_svg, findings_html, kept_value, take_back
from hfstyle.studio.painter import EXAMPLES, Painter
from hfstyle.studio.text import StudioError
from hfstyle.studio.workshop import Workshop
from hfstyle.studio.zero import on_gpu
from hfstyle.training import mystyle

PHOTO = EXAMPLES / "seeding.jpg"


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(mystyle, "CROP", 96)
    monkeypatch.setattr(mystyle, "CROPS", 2)
    monkeypatch.setattr(mystyle, "TRIED", (1, 64))
    monkeypatch.setattr(workshop, "PREVIEW_SIDE", 96)


@pytest.fixture
def shop(tmp_path):
    painter = Painter(tmp_path)
    yield Workshop(painter)
    painter.close()


def files(count: int = 2) -> list:
    return [(path, path.name) for path in sorted(EXAMPLES.glob("*.jpg"))[:count]]


async def learn(shop: Workshop, session: str, seconds: float = 1.0) -> list:
    return [moment async for moment in shop.learn(session, PHOTO, seconds)]


def test_a_style_is_learnt_and_tried(shop, quick):
    async def walk():
        assert not await shop.collect("a", files())
        collection = await shop.look_over("a")
        moments = await learn(shop, "a")
        desk = shop.desk("a")
        sketch = await shop.painter.sketch(desk.photo.file, desk.bank.painter({"my-style": 0.5, "monet": 0.5}))
        painting = await shop.painter.paint(PHOTO, desk.bank.painter("my-style"), 1.0, False)
        return collection, moments, desk, sketch, painting

    collection, moments, desk, sketch, painting = asyncio.run(walk())
    assert len(collection) == 2
    assert moments[0].step == 0 and moments[0].preview is not None, "a preview before the first step"
    assert moments[-1].preview is not None and moments[-1].left == 0 and moments[-1].step == len(moments[-1].curve) > 0
    assert Image.open(moments[-1].preview).size[0] == 96
    assert sketch.size == (512, 288)
    assert painting.size == Image.open(PHOTO).size and painting.full.name == "seeding-my-style.png"
    assert desk.style.numbers.abs().sum() > 0 and "my-style" in desk.bank.styles


def test_what_is_learnt_are_the_pictures_that_are_there(shop, quick):
    """Also those that came, or went, after they were looked over last."""

    async def walk():
        await shop.collect("a", files(1))
        seen = await shop.look_over("a")
        assert await shop.look_over("a") is seen, "looked over once"
        await shop.collect("a", files(3)[1:])
        del shop.desk("a").pictures[0]
        await learn(shop, "a", 0.2)

    asyncio.run(walk())
    assert shop.desk("a").style.about["pictures"].startswith("2 pictures")


def test_enough_keeps_what_there_is(shop, quick):
    async def walk():
        await shop.collect("a", files(1))
        seen = []
        async for moment in shop.learn("a", PHOTO, seconds=600):
            seen.append(moment)
            if moment.step >= 2:
                shop.desk("a").enough.set()
        return seen

    seen = asyncio.run(walk())
    assert 2 <= seen[-1].step <= 9 and seen[-1].preview is not None
    assert shop.desk("a").style.about["recipe"].startswith(f"{seen[-1].step} steps")


def forked(task):
    """A generator as ZeroGPU runs it: in a forked process, with everything pickled, until it is closed."""
    context = multiprocessing.get_context("fork")

    def work(results, stopped, arguments):
        torch.set_num_threads(1)
        for result in task(*pickle.loads(arguments)):
            if stopped.is_set():
                return
            results.put(pickle.dumps(result))

    def generator(*arguments):
        results, stopped = context.SimpleQueue(), context.Event()
        process = context.Process(target=work, args=(results, stopped, pickle.dumps(arguments)))
        process.start()
        processes.append(process)
        try:
            while True:
                yield pickle.loads(results.get())
        finally:
            stopped.set()

    processes = generator.processes = []
    return generator


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="needs fork")
def test_a_style_is_learnt_in_another_process(shop, quick, monkeypatch):
    """As on ZeroGPU, where the process ends, and with it the GPU is given back, when the visitor has had enough."""
    monkeypatch.setattr(workshop, "stages", forked(workshop.stages))

    async def walk():
        await shop.collect("a", files(1))
        async for moment in shop.learn("a", PHOTO, seconds=600):
            if moment.step >= 2:
                shop.desk("a").enough.set()
        return moment

    last = asyncio.run(walk())
    workshop.stages.processes[0].join(20)
    assert not workshop.stages.processes[0].is_alive()
    assert last.step >= 2 and last.preview.exists()
    style = shop.desk("a").style
    assert style.about["recipe"].startswith(f"{last.step} steps") and style.preview is not None


def test_a_gpu_is_asked_for_on_zero_alone(monkeypatch):
    asked = []
    spaces = types.SimpleNamespace(GPU=lambda duration: asked.append(duration) or (lambda task: "decorated"))
    monkeypatch.setitem(sys.modules, "spaces", spaces)
    monkeypatch.delenv("SPACES_ZERO_GPU", raising=False)
    assert on_gpu(30)(files) is files and not asked
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    assert on_gpu(30)(files) == "decorated" and asked == [30]
    # torch, as it is changed there, says that there is a GPU at all times.
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    assert default_device() == torch.device("cpu")


def test_whoever_leaves_takes_all_along(shop, quick):
    """Learning ends within a step, and no file is left."""

    async def walk():
        await shop.collect("a", files(1))
        async for moment in shop.learn("a", PHOTO, seconds=600):
            if moment.step == 1:
                shop.leave("a")
                begun = time.monotonic()
        return time.monotonic() - begun

    folder = shop.desk("a").folder
    assert asyncio.run(walk()) < 10
    assert not folder.exists()
    assert shop.desk("a").style is None


def test_a_stopped_event_ends_learning(shop, quick):
    """As when Gradio cancels the page's event."""

    async def walk():
        await shop.collect("a", files(1))
        moments = shop.learn("a", PHOTO, seconds=600)
        async for moment in moments:
            if moment.step == 1:
                break
        await moments.aclose()
        # The one thread of `_looker` is free at once; those that learn after their step.
        await asyncio.wait_for(asyncio.wrap_future(shop._thread.submit(lambda: None)), 20)

    asyncio.run(walk())
    assert shop.desk("a").style is None


def test_two_learn_at_once_each_their_own(shop, quick, tmp_path):
    for name, colour in (("red", (200, 40, 30)), ("blue", (30, 60, 200))):
        noise = np.random.default_rng(0).integers(0, 60, (200, 200, 1))
        save_image(
            Image.fromarray((np.array(colour) * (0.7 + noise / 200)).clip(0, 255).astype(np.uint8)),
            tmp_path / f"{name}.png",
        )

    async def walk():
        for name in ("red", "blue"):
            await shop.collect(name, [(tmp_path / f"{name}.png", name)])
        moments = await asyncio.gather(*(learn(shop, name, 4.0) for name in ("red", "blue")))
        painted = [
            np.asarray(shop.desk(name).bank.stylize(PHOTO, "my-style", max_pixels=20_000)) for name in ("red", "blue")
        ]
        return moments, painted

    (red, blue), painted = asyncio.run(walk())
    assert red[-1].step > 1 and blue[-1].step > 1
    assert shop.desk("red").style.about["pictures"] != shop.desk("blue").style.about["pictures"]
    warm, cold = (picture[..., 0].mean() - picture[..., 2].mean() for picture in painted)
    assert warm > cold


def test_painting_goes_before_learning(shop, quick, monkeypatch):
    monkeypatch.setattr(workshop, "PATIENCE", 1000)

    async def walk():
        await shop.collect("a", files(1))
        steps = []
        async for moment in shop.learn("a", PHOTO, seconds=600):
            steps.append(moment.step)
            if moment.step == 1:
                shop.painter._painting = 1
                asyncio.get_running_loop().call_later(1.0, lambda: setattr(shop.painter, "_painting", 0))
                waiting = time.monotonic()
            if moment.step == 3:
                shop.desk("a").enough.set()
        return time.monotonic() - waiting

    assert asyncio.run(walk()) > 1.0


def test_bad_pictures_are_named_and_left_out(shop, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"no picture")

    async def walk():
        wrong = await shop.collect("a", [(tmp_path / "broken.jpg", "broken.jpg"), *files(1)])
        return wrong, await shop.look_over("a")

    ((name, wrong),), collection = asyncio.run(walk())
    assert name == "broken.jpg" and isinstance(wrong, ImageError) and "broken.jpg" in str(wrong)
    assert len(collection) == 1
    with pytest.raises(StudioError):
        asyncio.run(learn(shop, "nobody"))


def test_thirty_pictures_are_enough(shop):
    wrong = asyncio.run(shop.collect("a", [(PHOTO, f"{n}") for n in range(31)]))
    assert [error.key for _, error in wrong] == ["error.enough_pictures"] and len(shop.desk("a").pictures) == 30


def test_the_browser_keeps_style_and_pictures_and_nothing_odd(shop, quick):
    async def walk():
        await shop.collect("a", files(2))
        await learn(shop, "a", 0.5)
        kept = kept_value(shop.desk("a"), True)
        assert len(str(kept)) < 400_000
        assert "pictures" not in kept_value(shop.desk("a"), False)
        await take_back(shop, "b", kept)
        for odd in (
            None,
            5,
            {"pictures": [["a"], 3, ["b", "?"], ["c", base64.b64encode(b"x").decode()]]},
            {"style": 1},
        ):
            await take_back(shop, "c", odd)
        return shop.desk("a"), shop.desk("b"), shop.desk("c")

    first, again, odd = asyncio.run(walk())
    assert [one.name for one in again.pictures] == [one.name for one in first.pictures]
    assert torch.equal(again.style.numbers.half(), first.style.numbers.half())
    assert again.bank.stylize(PHOTO, "my-style", max_pixels=10_000)
    assert odd.pictures == [] and odd.style is None


def test_a_collection_is_kept_as_a_private_data_set(shop, hub, tmp_path):
    async def walk():
        await shop.collect("a", files(2))
        with pytest.raises(StudioError, match="owner/name"):
            await shop.keep_on_hub("a", "nothing", "hf_alice")
        with pytest.raises(StudioError, match="no collection"):
            hub.add_repo("alice/empty", type="dataset", private=True)
            await shop.fetch_from_hub("b", "alice/empty", "hf_alice")
        url = await shop.keep_on_hub("a", "alice/loved", "hf_alice")
        del shop.desk("a").pictures[0]
        await shop.keep_on_hub("a", "alice/loved", "hf_alice")
        assert not await shop.fetch_from_hub("b", "alice/loved", "hf_alice")
        with pytest.raises(HfstyleError):
            await shop.fetch_from_hub("c", "alice/loved", "hf_bob")
        return url

    assert asyncio.run(walk()).endswith("datasets/alice/loved")
    assert hub.repo("alice/loved", "dataset").private
    assert [one.name for one in shop.desk("b").pictures] == [f"01 {shop.desk('a').pictures[0].name[:-4]}"]
    assert not list(shop.desk("b").folder.rglob("blobs")), "the downloads are not kept"


def test_a_public_data_set_is_no_place_for_a_collection(shop, hub):
    hub.add_repo("alice/open", type="dataset")

    async def walk():
        await shop.collect("a", files(1))
        with pytest.raises(StudioError, match="is public"):
            await shop.keep_on_hub("a", "alice/open", "hf_alice")

    asyncio.run(walk())
    assert "pictures" not in str(hub.repo("alice/open", "dataset").files("main"))


def test_a_desk_that_nobody_left_is_cleared_in_time(shop, monkeypatch):
    old = shop.desk("a").folder
    monkeypatch.setattr(workshop, "MAX_AGE", -1)
    shop.desk("b")
    assert not old.exists()


def test_the_curve_and_the_findings_are_html():
    assert curve_svg([1.0]) == ""
    assert curve_svg([3.0, 2.0, 1.0]).count(",") == 3
    assert findings_html(None) == ""

    class Odd:
        findings = [type("Finding", (), {"kind": "tiny", "names": ("<b>.jpg",)})]
        names, groups = ["<b>.jpg"], [[0]]

    assert "&lt;b&gt;.jpg" in findings_html(Odd) and "<b>" not in findings_html(Odd)


def test_a_name_that_is_none_is_said(shop, quick):
    async def walk():
        await shop.collect("a", files(1))
        await learn(shop, "a", 0.2)

    asyncio.run(walk())
    desk = shop.desk("a")
    assert mine.style_file(shop, desk, "sea").name == "sea.safetensors" and "sea" in desk.bank.styles
    with pytest.raises(Exception, match="A style’s name"):
        mine.style_file(shop, desk, "../sea")
