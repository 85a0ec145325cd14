"""Two halves of a step at the same time, each on half of the processor's cores."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait

import torch


class Lanes:
    """Two threads for work that has nothing in common: different networks, different pictures.

    Cores that share every operation between them, as torch has them do, wait for each other at the end of each, and
    hand its numbers from one to the other.

    Args:
        wanted: Whether to, where there are cores for it. A GPU is busy with one work.
    """

    def __init__(self, wanted: bool):
        self.threads = torch.get_num_threads()
        self.pool = ThreadPoolExecutor(2, "lane") if wanted and self.threads > 1 else None

    def __bool__(self) -> bool:
        return self.pool is not None

    def run(self, one: Callable[[], None], other: Callable[[], None]) -> None:
        """Do both, one after the other where there are no lanes; raises what the first of them raises."""
        if self.pool is None:
            one()
            other()
            return
        half = self.threads // 2
        running = [self.pool.submit(_alone, one, self.threads - half), self.pool.submit(_alone, other, half)]
        wait(running)  # neither may still be at work when an error is raised
        torch.set_num_threads(self.threads)
        for work in running:
            work.result()


def _alone(work: Callable[[], None], threads: int) -> None:
    torch.get_num_threads()  # a thread's first question would undo what is set before it
    torch.set_num_threads(threads)
    work()
