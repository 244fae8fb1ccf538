from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Git = Callable[..., str]


@pytest.fixture
def git() -> Git:
    """The real git, used as a person would, apart from Pawl's own way to run it."""

    def run(folder: Path, *args: str, given: bytes | None = None) -> str:
        environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": "/nonexistent",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_NOSYSTEM": "1",
        }
        for role in ("AUTHOR", "COMMITTER"):
            environment[f"GIT_{role}_NAME"] = "Mara"
            environment[f"GIT_{role}_EMAIL"] = "mara@example.org"
            environment[f"GIT_{role}_DATE"] = "1700000000 +0100"
        done = subprocess.run(
            ["git", *args], cwd=folder, env=environment, input=given, capture_output=True
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode().strip()

    return run


@pytest.fixture
def library(tmp_path: Path, git: Git) -> Path:
    """A small repository: a lending desk that mails reminders."""
    root = tmp_path / "library"
    (root / "desk").mkdir(parents=True)
    (root / "README.md").write_text("# lending desk\n")
    (root / "desk/remind.sh").write_text("#!/bin/sh\nmail overdue\n")
    (root / "desk/remind.sh").chmod(0o755)
    (root / ".gitignore").write_text("*.tmp\n")
    (root / "latest").symlink_to("desk/remind.sh")
    git(root, "init", "-q", "-b", "main")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "The desk as it is")
    return root


def fingerprint(root: Path) -> dict[str, tuple[object, ...]]:
    """Everything below `root`, .git included: kind, mode, time of change, content."""
    seen: dict[str, tuple[object, ...]] = {}
    for folder, names, files in os.walk(root):
        for name in (*names, *files):
            path = Path(folder) / name
            facts = path.lstat()
            content = (
                str(path.readlink())
                if path.is_symlink()
                else path.read_bytes()
                if path.is_file()
                else None
            )
            seen[str(path)] = (facts.st_mode, facts.st_mtime_ns, content)
    return seen
