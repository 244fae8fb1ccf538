"""What every container of the sandbox is held by: users, limits, places, environment.

Values only, the same for base and draft. Whether the engine really keeps them is asked from inside
by `probe`.
"""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.engine.daemon import Limits

CELL_USER = "10001:10001"
WORLD_USER = "10002:10002"
HOSTNAME = "ops"
PAWL = "/usr/lib/pawl"
REPO = "/repo"

MEBIBYTE = 1 << 20
BASE_BYTES = 1536 * MEBIBYTE  # the keeper's volume: trees, grounds
SLOT_BYTES = 256 * MEBIBYTE  # what one cell may write
TEMPORARY_BYTES = 64 * MEBIBYTE
FILE_BYTES = 256 * MEBIBYTE  # stops a sparse file of 100 GB
HOSTS_BYTES = 256 * MEBIBYTE

CELL_PROCESSES = 256
# A page of a tmpfs is charged to who writes it: the sum of all that a cell may write has to fit, so
# that a full disk is a full disk and not a death by memory.
CELL_MEMORY = SLOT_BYTES + TEMPORARY_BYTES + 448 * MEBIBYTE
KEEPER_MEMORY = 2 * BASE_BYTES + 2 * SLOT_BYTES
WORLD_MEMORY = HOSTS_BYTES + TEMPORARY_BYTES + 512 * MEBIBYTE

CELL_SECONDS_MOST = 3600
HELPER_SECONDS = 6 * 3600  # a keeper's and a world's life; an orphan ends by itself

SYSTEM_FOLDERS = ("usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "proc", "sys", "dev")
"""Top folders that are read-only or the kernel's; only /usr/local is a place of the world."""

ENVIRONMENT: Mapping[str, str] = {
    "HOME": "/home/ops",
    "USER": "ops",
    "LOGNAME": "ops",
    "SHELL": "/bin/bash",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "TERM": "dumb",
    "TMPDIR": "/tmp",  # noqa: S108  the cell's own
    "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
    "PYTHONDONTWRITEBYTECODE": "1",
}


def tmpfs(size: int, user: str, mode: str, *, inodes: int = 20000) -> str:
    """Options of a tmpfs, complete: the engine's defaults are noexec, root's and unbounded."""
    uid, _, gid = user.partition(":")
    return f"rw,exec,nosuid,nodev,size={size},mode={mode},nr_inodes={inodes},uid={uid},gid={gid}"


def cell_limits(cpus: int) -> Limits:
    return Limits(CELL_MEMORY, CELL_PROCESSES, float(min(2, cpus)), file_size=FILE_BYTES)


def keeper_limits(cpus: int) -> Limits:
    return Limits(KEEPER_MEMORY, 512, float(min(2, cpus)), files=8192)


def world_limits(cpus: int) -> Limits:
    return Limits(WORLD_MEMORY, 512, float(min(2, cpus)), files=4096, file_size=FILE_BYTES)
