"""Checkpoint folders: under its name a checkpoint is always whole, and every byte of it is checked when it is read."""

import logging
import os
import pickle
import re
import shutil
import zipfile
from pathlib import Path
from typing import Any

import torch

from hfstyle.errors import CheckpointError, OptionError

logger = logging.getLogger(__name__)

STATE_NAME = "training_state.pt"
BEST_NAME = "best"
STATE_KEYS = ("step", "samples", "networks", "averages", "optimizers", "pools", "scaler", "pictures", "evaluations")


def checkpoints(output: Path) -> list[Path]:
    """The checkpoint folders of a run, oldest first."""
    found = [path for path in output.glob("checkpoint-*") if path.name.removeprefix("checkpoint-").isdigit()]
    return sorted(found, key=step_of)


def step_of(checkpoint: Path) -> int:
    return int(checkpoint.name.removeprefix("checkpoint-"))


def find_state(output: Path, resume: str | None) -> tuple[Path, dict[str, Any]] | None:
    """The checkpoint to go on from, with its state; None for a fresh start.

    Args:
        output: Folder of the run.
        resume: `latest`, the folder of a checkpoint, or None.

    Raises:
        OptionError: `output` holds a training, and nobody said to go on.
        CheckpointError: There is no such checkpoint, or no readable one.
    """
    found = checkpoints(output)
    if resume is None:
        if found:
            raise OptionError(
                f"{output} holds a training already: go on with --resume latest, or choose another --output"
            )
        return None
    if resume != "latest":
        if not Path(resume, STATE_NAME).is_file():
            raise CheckpointError(f"{resume} is not a checkpoint: it has no {STATE_NAME}")
        return Path(resume), read_state(Path(resume))
    for folder in reversed(found):
        try:
            return folder, read_state(folder)
        except CheckpointError as error:
            logger.warning("%s; trying the one before", error)
    if found:
        raise CheckpointError(f"none of the checkpoints in {output} can be read")
    print(f"no checkpoint in {output} yet, starting afresh")
    return None


def read_state(folder: Path) -> dict[str, Any]:
    """The contents of a checkpoint's state file, every byte of it checked."""
    path = folder / STATE_NAME
    try:
        with zipfile.ZipFile(path) as archive:  # torch.load does not look at the checksums
            if (damaged := archive.testzip()) is not None:
                raise CheckpointError(f"{folder} is damaged (at {damaged})")
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, zipfile.BadZipFile, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise CheckpointError(f"{folder} is damaged ({reason(error)})") from error
    if missing := [name for name in STATE_KEYS if name not in state]:
        raise CheckpointError(f"{folder} was written by another version of hfstyle (it lacks {missing[0]})")
    return state


def replace_folder(partial: Path, final: Path) -> None:
    """Give a finished folder its name. A kill half way must not leave half of another under that name."""
    if final.exists():
        remove_folder(final)
    os.replace(partial, final)


def remove_folder(folder: Path) -> None:
    """Delete a folder, which is hidden first: see `replace_folder`."""
    hidden = folder.with_name(f".{folder.name}-old")
    shutil.rmtree(hidden, ignore_errors=True)
    os.replace(folder, hidden)
    shutil.rmtree(hidden, ignore_errors=True)


def remove_leftovers(output: Path) -> None:
    """Delete what a kill left half written or half deleted."""
    for leftover in output.glob(".*"):
        if re.fullmatch(rf"\.(checkpoint-\d+|{BEST_NAME})(-old)?", leftover.name):
            shutil.rmtree(leftover, ignore_errors=True)


def reason(error: Exception) -> str:
    """The first line of what went wrong."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"{next(iter(str(error).splitlines()), type(error).__name__):.150}"
