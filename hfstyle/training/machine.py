"""The machine that trains: its processor or GPU, its cores and memory, and its wish to stop."""

import contextlib
import logging
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.tracking import get_available_trackers
from accelerate.utils import DistributedType, GradientAccumulationPlugin

from hfstyle.errors import MissingExtraError, OptionError
from hfstyle.machine import cores
from hfstyle.training.config import TrainConfig

PLAIN = (DistributedType.NO, DistributedType.MULTI_CPU, DistributedType.MULTI_GPU)
"""How processes may work together: by averaging gradients."""


def make_accelerator(config: TrainConfig) -> Accelerator:
    """The accelerator that the options ask for, and torch set up for runs that can be repeated.

    Raises:
        OptionError: The machine cannot do what is asked.
        MissingExtraError: A tracker is not installed.
    """
    track = None if config.track == "none" else config.track
    precision = config.mixed_precision
    on_cpu = config.cpu or not torch.accelerator.is_available()
    if precision == "fp16" and on_cpu:
        raise OptionError("--mixed-precision fp16 does nothing on a CPU; use bf16, or no")
    if precision == "auto":
        if on_cpu:
            # Older versions of torch cannot tell; float32 is then only slower.
            capabilities = getattr(torch.cpu, "get_capabilities", dict)()
            bf16 = capabilities.get("avx512_bf16", False) or capabilities.get("amx_bf16", False)
        else:
            # Older GPUs, such as the T4 of free notebooks, only imitate it, slowly.
            bf16 = torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
        precision = "bf16" if bf16 else "no"
    # Without its package, accelerate would only warn, and track nothing.
    if track and track not in [str(tracker) for tracker in get_available_trackers()]:
        if track == "wandb":
            raise OptionError("--track wandb needs one more package: pip install wandb")
        raise MissingExtraError(f"--track {track}", "train")
    # A notebook may train twice with different precisions; accelerate alone would refuse the second.
    AcceleratorState._reset_state()
    try:
        accelerator = Accelerator(
            mixed_precision=precision,
            cpu=on_cpu,  # else it takes each of several processes for the only one
            log_with=track,
            project_dir=str(config.output),
            # The option is ours; the launcher's of the same name would divide the gradients once more.
            gradient_accumulation_plugin=GradientAccumulationPlugin(num_steps=1),
        )
    except (ImportError, ValueError) as error:
        raise OptionError(str(error).splitlines()[0]) from error
    if accelerator.distributed_type not in PLAIN:
        raise OptionError(
            f"these networks are small: training shares them whole between processes, without "
            f"{accelerator.distributed_type.value}; choose plain multi-GPU in `accelerate config`"
        )
    if not accelerator.is_local_main_process:
        logging.getLogger("hfstyle").setLevel(logging.ERROR)  # one process says what is wrong with the pictures
    if accelerator.num_processes == 1:
        # `accelerate launch` gives a CPU process one thread unless told otherwise.
        torch.set_num_threads(config.threads or cores())
    elif config.threads:
        torch.set_num_threads(config.threads)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    return accelerator


@contextlib.contextmanager
def memory_errors() -> Iterator[None]:
    """One sentence where memory was not enough, which each device says in its own way."""
    words = ("out of memory", "can't allocate memory", "could not create a memory object")
    try:
        yield
    except (RuntimeError, MemoryError) as error:  # torch.OutOfMemoryError is a RuntimeError
        if not isinstance(error, (MemoryError, torch.OutOfMemoryError)) and not any(w in str(error) for w in words):
            raise
        raise OptionError(
            "out of memory: try a smaller --batch-size (--gradient-accumulation makes up for it), --crop, --ngf or "
            "--ndf; --mixed-precision bf16 and --activation-checkpointing help too"
        ) from error


class StopSignal:
    """Ctrl-C, or the SIGTERM of a cluster, ends the training after the step; a second one ends it at once.

    A closed terminal ends it after the step too, unless nohup has it ignored.
    """

    ONCE = 2.0
    """Seconds within which a second signal is the first once more: a cluster tells all processes to stop, and the
    launcher among them tells its own."""

    def __init__(self, accelerator: Accelerator):
        self.accelerator = accelerator
        self.received: float | None = None
        """When, in `time.monotonic`."""
        self.before: dict[int, Any] = {}

    def __enter__(self) -> "StopSignal":
        if threading.current_thread() is threading.main_thread():  # others cannot catch signals
            numbers = [signal.SIGINT, signal.SIGTERM]
            if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
                numbers.append(signal.SIGHUP)
            for number in numbers:
                self.before[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _receive(self, *_: object) -> None:
        now = time.monotonic()
        if self.received is None:
            self.received = now
        elif now - self.received > self.ONCE:
            raise KeyboardInterrupt("stopped at once; go on from the last checkpoint with --resume latest")

    def asked(self) -> bool:
        """Whether any process was asked to stop, the same answer in each, so that all stop at the same step."""
        if self.accelerator.num_processes == 1:
            return self.received is not None
        received = torch.tensor(float(self.received is not None), device=self.accelerator.device)
        return bool(self.accelerator.reduce(received, "sum") > 0)
