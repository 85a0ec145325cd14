"""Where uploads live, and for how long.

Gradio's `delete_cache` deletes the files that it knows of. It forgets those of a server that was killed, and never
knew those of an upload that broke off or a run that was stopped; what is promised to visitors must hold for these too.
"""

import atexit
import contextlib
import os
import shutil
import stat
import tempfile
import threading
import time
from pathlib import Path

CHECK_EVERY = 300
"""Seconds between two looks for old files."""
MAX_AGE = 3000
"""Seconds after which a file is deleted; together with `CHECK_EVERY`, within the hour."""

_PREFIX = "hfstyle-studio-"


def claim_folder() -> Path:
    """Make a folder that only this user can read and that goes when the process ends; Gradio keeps all files there."""
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    return folder


def delete_old_files(parent: Path, age: float = MAX_AGE) -> int:
    """Delete what is older than `age` seconds in every studio's folder below `parent`; returns how many files."""
    deleted = 0
    oldest = time.time() - age
    for studio in parent.glob(f"{_PREFIX}*"):
        if not _is_own_folder(studio):
            continue
        for folder, _, names in os.walk(studio):  # follows no links
            for path in (Path(folder, name) for name in names):
                # Another studio may delete the same file.
                with contextlib.suppress(OSError):
                    if path.lstat().st_ctime < oldest:
                        path.unlink()
                        deleted += 1
    return deleted


def _is_own_folder(path: Path) -> bool:
    """False for links: where everybody may write, anybody can give one a studio's name and point it at our home."""
    try:
        info = path.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(info.st_mode) and (not hasattr(os, "getuid") or info.st_uid == os.getuid())


def keep_clean(folder: Path) -> None:
    """Delete old files beside and below `folder`, now and again, for as long as the process lives."""

    def forever() -> None:
        while True:
            delete_old_files(folder.parent)
            time.sleep(CHECK_EVERY)

    threading.Thread(target=forever, name="hfstyle-cleaner", daemon=True).start()
