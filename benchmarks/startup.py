"""How long until the studio's page is there, and until a photo is painted, beside an empty Gradio page.

    python benchmarks/startup.py

Starts the studio and a page with nothing in it in fresh processes, in turns, and waits for `/` to answer 200. Then
paints a photo of 512x512 pixels through the last studio. Run it on an idle machine.
"""

import argparse
import contextlib
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

EMPTY_PAGE = """
import sys, gradio
with gradio.Blocks(analytics_enabled=False) as demo:
    pass
demo.launch(server_port=int(sys.argv[1]), ssr_mode=False, quiet=True)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5, help="fresh processes of each kind")
    runs = parser.parse_args().runs
    empty, studio = [], []
    for run in range(runs):
        with started([sys.executable, "-c", EMPTY_PAGE]) as (_, seconds):
            empty.append(seconds)
        with started([sys.executable, "app.py", "--port"]) as (url, seconds):
            studio.append(seconds)
            if run == runs - 1:
                painting = paint(url, times=max(runs, 2))
    print(f"empty Gradio page  {spread(empty)}")
    print(f"studio             {spread(studio)}")
    print(f"ratio of medians   {statistics.median(studio) / statistics.median(empty):.2f}")
    print(f"512x512 photo      {spread(painting)}  (upload, painting, download)")
    print(f"load average       {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


@contextlib.contextmanager
def started(command: list[str]) -> Iterator[tuple[str, float]]:
    """A server process, given a free port as its last argument: its address, and how long its page took."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}/"
    environment = {**os.environ, "GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1"}
    begin = time.perf_counter()
    process = subprocess.Popen(
        [*command, str(port)], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while not answers(url):
            if process.poll() is not None:
                sys.exit(f"{' '.join(command)[:60]} ended with code {process.returncode}")
            time.sleep(0.01)
        yield url, time.perf_counter() - begin
    finally:
        process.terminate()
        process.wait(30)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def paint(url: str, times: int) -> list[float]:
    """Seconds for one photo after another; the first, which also loads torch and the model, is left out."""
    from gradio_client import Client, handle_file
    from PIL import Image

    client = Client(url, verbose=False)
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder, "photo.png")
        with Image.open(ROOT / "hfstyle/assets/examples/aitzgorri.jpg") as example:
            example.crop((0, 0, 512, 512)).save(photo)
        for _ in range(times + 1):
            begin = time.perf_counter()
            client.predict(handle_file(photo), api_name="/stylize")
            seconds.append(time.perf_counter() - begin)
    return seconds[1:]


def spread(seconds: list[float]) -> str:
    return f"{statistics.median(seconds):.2f} s median of {len(seconds)}, {min(seconds):.2f} to {max(seconds):.2f}"


if __name__ == "__main__":
    main()
