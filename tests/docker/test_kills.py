"""kill -9 at every stage: the next start goes on, ends once, and leaves nothing behind."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import docker
import pytest

from tests.stories.cli import Pawl

pytestmark = [pytest.mark.docker, pytest.mark.enable_socket]

ASSETS = Path(__file__).parents[1] / "assets/repos/makefile-handbook"
MARKS = [
    "surveyed",
    "trying on base",
    "rehearsed",
    "planned",
    "first verdict",
    "proven",
    "waiting",
]
"""What a run says at its stages; each one is killed at the first line that says it."""


def killed_at(pawl: Pawl, mark: str, *args: str | Path) -> bool:
    """Start `pawl`, kill -9 it at the first line with `mark`; False where it ended before."""
    process = pawl.start(*args)
    assert process.stderr is not None
    for line in process.stderr:
        if mark in line:
            process.kill()
            process.wait()
            process.stderr.close()
            assert process.stdout is not None
            process.stdout.close()
            return True
    process.wait()
    return False


def left_behind(client: docker.DockerClient, owner: str) -> list[str]:
    """Containers, volumes and mounts that carry this owner's label."""
    label: dict[str, str | list[str] | bool] = {"label": f"pawl.owner={owner}"}
    found = [c.name or "" for c in client.containers.list(all=True, filters=label)]
    found += [v.name for v in client.volumes.list(filters=label)]
    return found


def kinds(pawl: Pawl, change: str) -> list[str]:
    done = pawl.run("log", "show", "--json", "-n", "1000", "--change", change)
    return [json.loads(line)["kind"] for line in done.stdout.splitlines()]


def test_a_proposal_killed_at_each_stage_stands_once_and_leaves_nothing(tmp_path: Path) -> None:
    pawl = Pawl(tmp_path)
    repository = tmp_path / "repository"
    shutil.copytree(ASSETS / "repo", repository)
    args = ("propose", repository, "-f", ASSETS / "request.md", "--json")
    mounts = Path("/proc/mounts").read_text().count("/volumes/pawl-")
    for mark in MARKS:
        assert killed_at(pawl, mark, *args), f"the run ended before it said {mark!r}"
    done = pawl.run(*args)
    document = json.loads(done.stdout)
    assert (done.returncode, document["outcome"]) == (0, "stands"), done.stderr
    told = kinds(pawl, document["change"])
    for once in (
        "change-asked",
        "surveyed",
        "rehearsal-written",
        "plan-made",
        "proof-run",
        "gate-verdict",
        "waiting",
    ):
        assert told.count(once) == 1, f"{once} is in the log {told.count(once)} times"
    client = docker.from_env()
    try:
        assert left_behind(client, (tmp_path / "pawl/owner").read_text()) == []
    finally:
        client.close()
    assert Path("/proc/mounts").read_text().count("/volumes/pawl-") <= mounts
    assert pawl.run("log", "verify").returncode == 0
    clean = subprocess.run(
        ["diff", "-r", str(ASSETS / "repo"), str(repository)], capture_output=True, check=False
    )
    assert clean.returncode == 0, "the repository was touched"
