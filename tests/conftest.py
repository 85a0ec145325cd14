"""One local Hub for the whole session, and an environment in which no test can reach anything else."""

import atexit
import os
import shutil
import tempfile

from local_hub import LocalHub

# huggingface_hub and gradio read these when they are imported, and subprocesses inherit them.
_HF_HOME = tempfile.mkdtemp(prefix="hfstyle-tests-")
_HUB = LocalHub().start()
for _name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_HUB_CACHE", "HF_HUB_OFFLINE"):
    os.environ.pop(_name, None)
os.environ.update(
    HF_ENDPOINT=_HUB.url,
    HF_HOME=_HF_HOME,
    HFSTYLE_HOME=os.path.join(_HF_HOME, "own"),
    HF_HUB_DISABLE_XET="1",
    HF_HUB_DISABLE_TELEMETRY="1",
    GRADIO_ANALYTICS_ENABLED="False",
    NO_PROXY="127.0.0.1,localhost",
    no_proxy="127.0.0.1,localhost",
)


@atexit.register
def _leave_nothing_behind() -> None:
    _HUB.close()
    shutil.rmtree(_HF_HOME, ignore_errors=True)


import hypothesis  # noqa: E402
import pytest  # noqa: E402
from huggingface_hub import constants  # noqa: E402

# The same examples each time, and no example is too slow: whether a change breaks something must not hang on chance.
# To look further: `--hypothesis-profile search`.
for _profile in ("same", "search"):
    hypothesis.settings.register_profile(
        _profile,
        derandomize=_profile == "same",
        database=None,
        deadline=None,
        suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture, hypothesis.HealthCheck.too_slow],
    )
hypothesis.settings.load_profile("same")


@pytest.fixture
def hub():
    """The session's Hub, empty but for the users alice and bob, and an empty download cache."""
    _HUB.clear()
    _HUB.add_user("hf_alice", "alice")
    _HUB.add_user("hf_bob", "bob")
    shutil.rmtree(constants.HF_HUB_CACHE, ignore_errors=True)
    return _HUB


@pytest.fixture(scope="session")
def style(tmp_path_factory):
    """The folder of a style that takes no time: a CycleGAN generator that learnt nothing, named tiny."""
    import torch

    from hfstyle import CycleGANGenerator

    folder = tmp_path_factory.mktemp("styles") / "tiny"
    torch.manual_seed(0)
    CycleGANGenerator(ngf=4, n_blocks=1).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def browser():
    """Headless Chromium, by playwright."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium")
    if chromium is None:
        if os.environ.get("HFSTYLE_REQUIRE_BROWSER") == "1":
            pytest.fail("Chromium is not installed, and HFSTYLE_REQUIRE_BROWSER is set")
        pytest.skip("Chromium is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--use-fake-device-for-media-stream",
                "--use-fake-ui-for-media-stream",
            ],
        )
        yield browser
        browser.close()


@pytest.fixture
def assets(tmp_path_factory, monkeypatch):
    """Bundled models for one test: ukiyoe and sunset, of one style each, and a bank of monet, ukiyoe and 山水."""
    import torch
    from test_stylebank import tiny

    import hfstyle.evaluation.culture
    import hfstyle.traditions  # noqa: F401  (they keep the words and profiles that are bundled)
    from hfstyle import CycleGANGenerator

    folder = tmp_path_factory.mktemp("assets")
    for seed, name in enumerate(("ukiyoe", "sunset")):
        torch.manual_seed(seed)
        CycleGANGenerator(ngf=4, n_blocks=1).save_pretrained(folder / name)
    tiny().save_pretrained(folder / "bank")
    for module in ("assets", "repo", "auto"):
        monkeypatch.setattr(f"hfstyle.{module}.ASSETS", folder)
    return folder
