"""GPUs that a Space has for moments: Hugging Face's ZeroGPU."""

import os
from collections.abc import Callable
from typing import TypeVar

Task = TypeVar("Task", bound=Callable)


def on_zero() -> bool:
    """Whether this is a ZeroGPU Space."""
    return bool(os.environ.get("SPACES_ZERO_GPU"))


def on_gpu(seconds: int) -> Callable[[Task], Task]:
    """For a function or generator: on a ZeroGPU Space it gets a GPU for as long as it runs; elsewhere nothing changes.

    There it runs in a process of its own: its arguments, what it yields and what it returns are pickled, and whoever
    stops a generator early must close it, which gives the GPU back.

    Args:
        seconds: How long it takes at most. Visitors with less than that left of their day's share are refused.
    """
    if not on_zero():
        return lambda task: task
    import spaces  # comes with the Space

    return spaces.GPU(duration=seconds)
