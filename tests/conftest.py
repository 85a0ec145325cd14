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


import pytest  # noqa: E402
from huggingface_hub import constants  # noqa: E402


@pytest.fixture
def hub():
    """The session's Hub, empty but for the users alice and bob, and an empty download cache."""
    _HUB.clear()
    _HUB.add_user("hf_alice", "alice")
    _HUB.add_user("hf_bob", "bob")
    shutil.rmtree(constants.HF_HUB_CACHE, ignore_errors=True)
    return _HUB
