"""How the process keeps memory while it trains."""

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""Parameters of mallopt(3)."""


def keep_freed_memory() -> None:
    """Have glibc keep freed memory for the next step instead of returning it to the system; elsewhere do nothing.

    torch has no cache of its own on CPUs. By default glibc gets each large tensor from the kernel and gives it back,
    and the kernel clears every page of it again.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if mallopt is not None:
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, -1)
