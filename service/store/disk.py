"""Writing files so that after a crash they are there whole or not at all.

Nothing here knows what the files mean.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from service.store.errors import HomeUnusable

_ELSEWHERE = "set PAWL_HOME to a folder that you may write in"


def own_folder(folder: Path) -> None:
    """Make `folder`, readable by its owner alone, unless it is there. Raises `HomeUnusable`."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        why = "it is no folder" if isinstance(error, FileExistsError) else error.strerror
        raise HomeUnusable(f"{folder} can't be used: {why}", mend=_ELSEWHERE) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise HomeUnusable(f"{folder} can't be used: nothing may be written there", mend=_ELSEWHERE)


def write_whole(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Put `content` at `path`, replacing what was there, durably."""
    fresh = path.with_name(f".{path.name[:40]}.{secrets.token_hex(8)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), mode)  # whatever the umask says
            os.fsync(file.fileno())
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
