"""A whole service in small: a real git repository, a real store, gate and planner; cells in memory.

The engine is `tests.fakes_engine.FakeEngine`, which passes the engine's contract suite; everything
else is the product's. A change goes from words to the queue in half a second.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.unit.sandbox import gallery

WORDS = (
    "Last night's fetch from the scanner died half way, and publish.sh wiped the pictures that "
    "were missing from the live gallery."
)
"""A request that the gallery's repository answers with a proposal."""

_PERSON = ("-c", "user.name=Somebody", "-c", "user.email=somebody@localhost")


def git(where: Path, *args: str, data: bytes = b"") -> str:
    """Run git in `where` and answer what it said."""
    done = subprocess.run(
        ["git", "-C", str(where), *_PERSON, *args], input=data, capture_output=True, check=True
    )
    return done.stdout.decode().strip()


def repository(where: Path, files: Mapping[str, tuple[int, bytes]] | None = None) -> Path:
    """A bare repository at `where` whose `main` holds `files` (the gallery's); answers `where`."""
    where.mkdir(parents=True)
    git(where, "init", "--quiet", "--bare", "--initial-branch=main")
    commit(where, gallery.tree() if files is None else files, "The gallery as it was")
    return where


def commit(
    bare: Path,
    files: Mapping[str, tuple[int, bytes] | None],
    message: str,
    *,
    branch: str = "main",
) -> str:
    """Put `files` (None: take it away) on top of `branch` of a bare repository, as a person who
    pushes would; answers the commit."""
    parent = _head(bare, branch)
    index = {"GIT_INDEX_FILE": str(bare / f"index-{branch.replace('/', '-')}")}

    def run(*args: str, data: bytes = b"") -> str:
        done = subprocess.run(
            ["git", "-C", str(bare), *_PERSON, *args],
            input=data,
            capture_output=True,
            check=True,
            env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **index},
        )
        return done.stdout.decode().strip()

    run("read-tree", parent) if parent else run("read-tree", "--empty")
    lines = []
    for path, entry in files.items():
        if entry is None:
            lines.append(f"0 {'0' * 40}\t{path}")
        else:
            blob = run("hash-object", "-w", "--stdin", data=entry[1])
            lines.append(f"{entry[0]:o} {blob}\t{path}")
    run("update-index", "--index-info", data="\n".join(lines).encode() + b"\n")
    tree = run("write-tree")
    made = run("commit-tree", tree, *(("-p", parent) if parent else ()), "-m", message)
    run("update-ref", f"refs/heads/{branch}", made, parent or "")
    return made


def _head(bare: Path, branch: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(bare), "rev-parse", "--verify", "--quiet", f"refs/heads/{branch}"],
        capture_output=True,
        check=False,
    )
    return done.stdout.decode().strip()


def files_of(bare: Path, revision: str = "main") -> dict[str, bytes]:
    """Path -> content of a revision."""
    paths = git(bare, "ls-tree", "-r", "--name-only", revision).splitlines()
    return {path: git(bare, "show", f"{revision}:{path}").encode() for path in paths}
