"""What learners in the studio do to each other and to painters: `python benchmarks/workshop.py [--seconds 20]`.

One style is learnt alone, then two at once, each with as much time of work; and an example photo is painted at full
size (1024x576) as on the page "One style", by nobody else, and while one and two styles are learnt. Prints wall time,
steps and the time to the first preview of each learner, and the median of some paintings. The models are warm.
"""

import argparse
import asyncio
import contextlib
import statistics
import tempfile
import time
from pathlib import Path

import torch

from hfstyle.machine import describe
from hfstyle.studio.painter import EXAMPLES, Painter
from hfstyle.studio.workshop import Workshop

PHOTO = EXAMPLES / "seeding.jpg"
PAINTINGS = 5


async def main(seconds: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        painter = Painter(Path(folder))
        shop = Workshop(painter)
        try:
            await painter.paint(PHOTO, "bank:monet", 1.0, False)
            print(describe(torch.device("cpu")))
            for count in (0, 1, 2):
                for session in map(str, range(count)):
                    await shop.collect(session, [(path, path.name) for path in sorted(EXAMPLES.glob("*.jpg"))[:2]])
                    await shop.look_over(session)
                alone = await asyncio.gather(*(learn(shop, str(n), seconds) for n in range(count)))
                for wall, first, steps in alone:
                    print(f"{count} at once: {steps} steps in {wall:.0f} s, first preview after {first:.1f} s")
                learning = [asyncio.create_task(learn(shop, str(n), 600)) for n in range(count)]
                await asyncio.sleep(8 if count else 0)
                took = []
                for _ in range(PAINTINGS):
                    start = time.monotonic()
                    await painter.paint(PHOTO, "bank:monet", 1.0, False)
                    took.append(time.monotonic() - start)
                    await asyncio.sleep(1)
                print(f"painting while {count} learn: {statistics.median(took):.2f} s")
                for task in learning:
                    task.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await task
        finally:
            painter.close()


async def learn(shop: Workshop, session: str, seconds: float) -> tuple[float, float, int]:
    """Wall time, time to the first preview, steps."""
    start, first, steps = time.monotonic(), None, 0
    async for moment in shop.learn(session, PHOTO, seconds):
        if moment.preview is not None and first is None:
            first = time.monotonic() - start
        steps = moment.step
    return time.monotonic() - start, first or 0.0, steps


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seconds", type=float, default=20.0)
    asyncio.run(main(parser.parse_args().seconds))
