"""The machine that the work is done on: its processor, cores and memory."""

import contextlib
import os
import platform
import re
import sys
from pathlib import Path

import torch


def cores() -> int:
    """The cores that this process may use, which in a container are fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def peak_memory(device: torch.device) -> int | None:
    """The most memory that this process has taken so far, in bytes: of the GPU where there is one; None if unknown."""
    if device.type == "cuda":
        return torch.cuda.max_memory_reserved(device)
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def describe(device: torch.device) -> str:
    """What did the work, for a report of seconds and memory: processor, cores or GPU, version of torch."""
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}"
    name = platform.processor() or platform.machine()
    with contextlib.suppress(OSError, AttributeError):  # not Linux, or a processor without a name
        name = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)[1]
    threads = f"{torch.get_num_threads()} of {os.cpu_count()} cores"
    return f"{name} ({torch.backends.cpu.get_cpu_capability()}), {threads}, torch {torch.__version__}"
