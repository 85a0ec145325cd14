"""How many pictures of a camera does the studio paint in a second? `python benchmarks/live.py [--seconds 10]`.

Starts the studio in a process of its own and sends it one frame of 256 x 192 pixels after another, as the page Live
does. The browser's own work is not in it.
"""

import argparse
import contextlib
import io
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import torch

from hfstyle import read_image
from hfstyle.machine import describe

ROOT = Path(__file__).parent.parent
STYLES = ("bank:monet", "shanshui")
"""One of the bank, and a CycleGAN."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seconds", type=float, default=10.0)
    asked = parser.parse_args()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    photo = read_image(ROOT / "hfstyle" / "assets" / "examples" / "life.jpg").resize((256, 192))
    frame = io.BytesIO()
    photo.save(frame, "JPEG", quality=90)
    process = subprocess.Popen([sys.executable, "app.py", "--port", str(port)], cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}/", timeout=60) as client:
            while True:
                with contextlib.suppress(httpx.TransportError):
                    client.get("/")
                    break
                time.sleep(0.2)
            print(describe(torch.device("cpu")))
            for style in STYLES:
                for seconds in (3.0, asked.seconds):  # the first time, it warms up
                    start, count = time.perf_counter(), 0
                    while time.perf_counter() - start < seconds:
                        client.post(
                            "gradio_api/live", params={"style": style}, content=frame.getvalue()
                        ).raise_for_status()
                        count += 1
                print(f"{style}: {count / (time.perf_counter() - start):.1f} pictures a second")
    finally:
        process.terminate()
        process.wait(30)


if __name__ == "__main__":
    main()
