"""Does the studio hold up? `python benchmarks/load.py [--users 50] [--minutes 5]`.

Starts the studio in a process of its own. So many users, each with a `gradio_client` of their own, have photos of 512
pixels painted one after another; every fifth file is odd: some can be read all the same (GIF, 16 bit, HEIC where the
extra is installed), the others (truncated, a bomb, SVG, a zip named .jpg, nothing) must get a sentence. Who finds the
queue full waits a moment and comes back. In the end each painting is compared with what the package paints here.

Prints counts, seconds (median and 95th percentile), paintings a minute, memory, and what was wrong. Exit code 1 where
something was.
"""

import argparse
import contextlib
import io
import os
import random
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import zipfile
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import psutil
import torch
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from hfstyle import AutoModel, read_image
from hfstyle.machine import describe

ROOT = Path(__file__).parent.parent
SIDE = 512
STYLES = ("impressionism", "pointillism", "bank:pirosmani")
READABLE, SENTENCE = "a painting", "a sentence"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--minutes", type=float, default=5.0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as work, studio(Path(work)) as (url, process, log):
        photos, odd = files(Path(work) / "files")
        memory = [process.memory_info().rss]
        results: list[dict] = []
        end = time.monotonic() + 60 * asked.minutes
        users = [threading.Thread(target=use, args=(url, n, photos, odd, end, results)) for n in range(asked.users)]
        for user in users:
            user.start()
        while any(user.is_alive() for user in users):
            memory.append(process.memory_info().rss)
            time.sleep(1)
        running = process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        wrong = check(results, photos)
        if not running:
            wrong.append("the server died")
        if "Traceback" in log.read_text():
            wrong.append(f"a traceback in the log: {log.read_text()[-300:]}")
        report(results, memory, asked, wrong)
    return 1 if wrong else 0


@contextlib.contextmanager
def studio(work: Path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = work / "log.txt"
    (work / "temporary").mkdir()
    environment = {**os.environ, "TMPDIR": str(work / "temporary"), "HFSTYLE_HOME": str(work / "home")}
    with open(log, "wb") as output:
        command = [sys.executable, "app.py", "--port", str(port)]
        child = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
    url = f"http://127.0.0.1:{port}/"
    try:
        while True:
            with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5):
                break
            time.sleep(0.2)
        Client(url, verbose=False).predict(handle_file(str(EXAMPLES[0])), STYLES[0], api_name="/stylize")  # warm
        yield url, psutil.Process(child.pid), log
    finally:
        child.terminate()
        child.wait(60)


EXAMPLES = sorted((ROOT / "hfstyle" / "assets" / "examples").glob("*.jpg"))


def files(folder: Path) -> tuple[list[Path], list[tuple[Path, str]]]:
    """Photos, and odd files with what they are to get."""
    folder.mkdir()
    photos = []
    for n, path in enumerate(EXAMPLES * 2):
        photo = read_image(path)
        photo.thumbnail((SIDE + 8 * n, SIDE + 8 * n))
        photo = photo.crop((0, 0, SIDE, min(photo.height, 352)))
        photos.append(folder / f"photo-{n}.jpg")
        photo.save(photos[-1], quality=92)
    whole, small = photos[0].read_bytes(), read_image(photos[0]).resize((160, 110))
    odd = {
        "truncated.jpg": (whole[: len(whole) // 2], SENTENCE),
        "bomb.png": (bomb(), SENTENCE),
        "drawing.svg": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', SENTENCE),
        "zip.jpg": (zipped(), SENTENCE),
        "empty.jpg": (b"", SENTENCE),
        "animated.gif": (saved(small.convert("P"), "GIF"), READABLE),
        "deep.png": (saved(Image.fromarray(np.asarray(small.convert("L")).astype(np.uint16) * 257), "PNG"), READABLE),
    }
    with contextlib.suppress(ImportError):
        import pillow_heif

        pillow_heif.register_heif_opener()
        odd["phone.heic"] = (saved(small, "HEIF"), READABLE)
    for name, (data, _) in odd.items():
        (folder / name).write_bytes(data)
    return photos, [(folder / name, wanted) for name, (_, wanted) in odd.items()]


def saved(image: Image.Image, kind: str) -> bytes:
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("photo.jpg", b"none")
    return out.getvalue()


def bomb() -> bytes:
    """A PNG of a few bytes that says it has 400 megapixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 20000, 20000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"0")) + chunk(b"IEND", b"")


def use(url: str, user: int, photos: list[Path], odd: list, end: float, results: list[dict]) -> None:
    """What one user does until the end."""
    random_ = random.Random(user)
    with tempfile.TemporaryDirectory() as downloads:
        client = Client(url, verbose=False, download_files=downloads)
        turn = user
        while time.monotonic() < end:
            turn += 1
            file, wanted = random_.choice(odd) if turn % 5 == 0 else (random_.choice(photos), READABLE)
            style = random_.choice(STYLES)
            result = {"file": file, "style": style, "wanted": wanted}
            start = time.monotonic()
            try:
                painting = client.predict(handle_file(str(file)), style, api_name="/stylize")
                with Image.open(painting) as image:
                    result |= {"got": READABLE, "painting": np.asarray(image.convert("RGB"))}
                os.unlink(painting)
            except AppError as error:
                full = "queue is full" in str(error).lower()
                result |= {"got": "queue full" if full else SENTENCE, "said": str(error)}
            except Exception as error:
                full = "queue is full" in str(error).lower()
                result |= {"got": "queue full" if full else "an error", "said": f"{type(error).__name__}: {error}"}
            result["seconds"] = time.monotonic() - start
            results.append(result)
            if result["got"] == "queue full":
                time.sleep(random_.uniform(1, 4))


def check(results: list[dict], photos: list[Path]) -> list[str]:
    """What was wrong."""
    wrong = Counter()
    bank = AutoModel.from_pretrained("bank")
    expected = {
        (photo, style): np.asarray(bank.stylize(photo, style.removeprefix("bank:"))).astype(int)
        for photo in photos
        for style in STYLES
    }
    for result in results:
        if result["got"] == "queue full":
            continue
        if result["got"] != result["wanted"]:
            wrong[f"{result['file'].name} got {result['got']}: {result.get('said', '')[:160]}"] += 1
        elif result["got"] == SENTENCE and ("\n" in result["said"] or "Traceback" in result["said"]):
            wrong[f"no sentence: {result['said'][:160]}"] += 1
        elif (result["file"], result["style"]) in expected:
            target = expected[result["file"], result["style"]]
            same = result["painting"].shape == target.shape and np.abs(result["painting"] - target).max() <= 1
            if not same:
                wrong[f"{result['file'].name} in {result['style']} is not what the package paints"] += 1
    return [f"{count} times: {what}" for what, count in wrong.items()]


def report(results: list[dict], memory: list[int], asked: argparse.Namespace, wrong: list[str]) -> None:
    counts = Counter(result["got"] for result in results)
    seconds = sorted(result["seconds"] for result in results if result["got"] == READABLE)
    print(describe(torch.device("cpu")))
    print(
        f"{asked.users} users for {asked.minutes:g} minutes: " + ", ".join(f"{n} {what}" for what, n in counts.items())
    )
    if seconds:
        late = seconds[min(len(seconds) - 1, int(0.95 * len(seconds)))]
        print(f"a painting after {statistics.median(seconds):.1f} s (median), {late:.1f} s (95th percentile)")
        print(f"{len(seconds) / asked.minutes:.0f} paintings a minute")
    third = len(memory) // 3 or 1
    parts = [
        f"{statistics.median(part) / 2**20:.0f}"
        for part in (memory[:third], memory[third : 2 * third], memory[-third:])
    ]
    print(f"memory of the server in MiB, thirds of the time: {', '.join(parts)}; most {max(memory) / 2**20:.0f}")
    print("\n".join(["nothing was wrong"] if not wrong else ["wrong:", *wrong]))


if __name__ == "__main__":
    sys.exit(main())
