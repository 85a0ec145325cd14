"""Does the studio's Space hold all that it needs? `python benchmarks/space.py`.

Pushes it to a Hub on the loopback, downloads it into an empty folder, installs what its requirements say into a fresh
environment, as a Space does, starts it there, and has a photo painted through its page in headless Chromium. Of torch,
2.13.0 is installed in place of the range that ZeroGPU has. Takes some minutes; exit code 1 where it fails.
"""

import contextlib
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import yaml
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from local_hub import LocalHub  # noqa: E402

DOWNLOAD = (
    "import sys, huggingface_hub as h; h.snapshot_download('me/studio', repo_type='space', local_dir=sys.argv[1])"
)


def main() -> int:
    with tempfile.TemporaryDirectory() as work, LocalHub() as hub:
        space, venv = Path(work) / "space", Path(work) / "venv"
        hub.add_user("hf_me", "me")
        environment = {
            **os.environ,
            "HF_ENDPOINT": hub.url,
            "HF_HOME": f"{work}/hub",
            "HF_TOKEN": "hf_me",
            "HF_HUB_DISABLE_XET": "1",
        }
        for command in (["-m", "hfstyle", "space", "push", "studio", "me/studio"], ["-c", DOWNLOAD, str(space)]):
            subprocess.run([sys.executable, *command], check=True, env=environment, cwd=ROOT)
        front = yaml.safe_load((space / "README.md").read_text("utf-8").split("---")[1])
        wanted = re.sub(r"^torch.*$", "torch==2.13.0", (space / "requirements.txt").read_text(), flags=re.M)
        (Path(work) / "requirements.txt").write_text(wanted)
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        gradio = f"gradio[oauth,mcp]=={front['sdk_version']}"
        pip = [venv / "bin/pip", "install", "-q", "-r", f"{work}/requirements.txt", gradio, "spaces"]
        subprocess.run(pip, check=True)
        return paint(space, venv, Path(work))


def paint(space: Path, venv: Path, work: Path) -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    url = f"http://127.0.0.1:{port}/"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment |= {"GRADIO_SERVER_PORT": port, "HFSTYLE_HOME": str(work / "home")}
    with subprocess.Popen([venv / "bin/python", "app.py"], cwd=space, env=environment) as process:
        try:
            while process.poll() is None:
                with contextlib.suppress(OSError), urllib.request.urlopen(url):
                    break
                time.sleep(0.2)
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
                page = browser.new_page()
                page.goto(url)
                page.locator("#paint").wait_for()
                page.set_input_files("#photo input[type=file]", space / "hfstyle/assets/examples/life.jpg")
                page.locator("#photo img").wait_for()
                page.locator("#paint").click()
                page.locator(".comparison .after").wait_for(timeout=120_000)
                painted = page.locator(".comparison .after").first.evaluate(
                    "image => image.decode().then(() => image.naturalWidth)"
                )
                browser.close()
        finally:
            process.terminate()
    print(f"painted, {painted} pixels wide")
    return 0 if painted == 1024 else 1


if __name__ == "__main__":
    sys.exit(main())
