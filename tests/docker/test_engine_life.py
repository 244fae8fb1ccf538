"""What becomes of an engine whose helpers die, and of what a dead process left."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from sandbox import SandboxError
from sandbox.engine import Ended, Engine, Run, World
from sandbox.engine.daemon import DEFAULT_URL, Daemon
from sandbox.engine.docker import open_engine
from sandbox.engine.reaper import reap

pytestmark = pytest.mark.docker

OWNER = "pawl-life-tests"


@pytest.fixture
def raw() -> Iterator[docker.DockerClient]:
    client = docker.DockerClient(base_url=DEFAULT_URL, timeout=60)
    yield client
    client.close()


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    client = Daemon(DEFAULT_URL)
    yield client
    client.close()


@pytest.fixture
def own() -> Iterator[Engine]:
    engine = open_engine(OWNER, f"l{time.time_ns()}", slots=1)
    yield engine
    engine.close()


def of_boot(raw: docker.DockerClient, boot: str) -> list[str]:
    label: dict[str, str | list[str] | bool] = {"label": f"pawl.boot={boot}.1"}
    names = [c.name or "" for c in raw.containers.list(all=True, filters=label)]
    return names + [v.name for v in raw.volumes.list(filters=label)]


def test_a_run_on_a_dead_keeper_can_not_be_judged_and_the_next_ground_works(
    own: Engine, raw: docker.DockerClient
) -> None:
    ground = own.open({"a": (0o100644, b"x")}, World())
    assert ground.run(Run(("cat", "a"))).output == b"x"
    (keeper,) = [
        c
        for c in raw.containers.list(filters={"label": f"pawl.owner={OWNER}"})
        if c.labels["pawl.kind"] == "keeper"
    ]
    keeper.kill()
    ran = ground.run(Run(("cat", "a")))
    assert (ran.ended, ran.code) == (Ended.ENGINE_ERROR, None)
    with pytest.raises(SandboxError):
        ground.place({"/repo/b": b"y"})
    ground.close()
    again = own.open({"a": (0o100644, b"z")}, World())
    assert again.run(Run(("cat", "a"))).output == b"z"
    again.close()


def test_a_world_that_died_makes_a_run_impossible_to_judge(
    own: Engine, raw: docker.DockerClient
) -> None:
    ground = own.open({}, World())
    for container in raw.containers.list(filters={"label": f"pawl.owner={OWNER}"}):
        if container.labels["pawl.kind"] == "world":
            container.kill()
    ran = ground.run(Run(("true",)))
    assert ran.ended is Ended.ENGINE_ERROR
    assert ground.run(Run(("true",))).ended is Ended.EXITED  # it was started again
    ground.close()


def test_closing_leaves_nothing(raw: docker.DockerClient) -> None:
    boot = f"l{time.time_ns()}"
    engine = open_engine(OWNER, boot)
    ground = engine.open({"a": (0o100644, b"x")}, World())
    ground.run(Run(("true",)))
    assert of_boot(raw, boot)
    engine.close()
    assert of_boot(raw, boot) == []


def test_what_a_killed_process_left_is_reaped_and_nothing_else(
    own: Engine, raw: docker.DockerClient, daemon: Daemon
) -> None:
    boot = f"l{time.time_ns()}"
    program = f"""
import os, signal, threading
from sandbox.engine import Run, World
from sandbox.engine.docker import open_engine
engine = open_engine({OWNER!r}, {boot!r}, slots=1)
ground = engine.open({{}}, World())
def dies(line):
    os.kill(os.getpid(), signal.SIGKILL)
ground.run(Run(("bash", "-c", "echo up; sleep 300")), dies)
"""
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", program], cwd=root, check=False, timeout=120)
    ground = own.open({}, World())
    left = of_boot(raw, boot)
    assert any(name.endswith("-c2") for name in left)  # the cell that went on (the first probed)
    end = time.monotonic() + 30
    # its keeper ends by itself, since its line to the process is gone
    while of_boot(raw, boot) and time.monotonic() < end:
        reap(daemon, owner=OWNER, now=time.time() + 100)
        time.sleep(0.2)
    assert of_boot(raw, boot) == []
    assert ground.run(Run(("echo", "here"))).output == b"here\n"
    ground.close()


def test_only_what_is_over_is_reaped(own: Engine, daemon: Daemon) -> None:
    ground = own.open({}, World())
    reap(daemon, owner="somebody-else", now=time.time() + 100)
    reap(daemon, owner=OWNER, now=time.time() + 100)  # its keeper runs: it is alive
    assert ground.run(Run(("echo", "here"))).output == b"here\n"
    ground.close()


def test_an_engine_that_is_not_there_is_said_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SandboxError) as refused:
        open_engine(OWNER, "b", docker_url=f"unix://{tmp_path}/none.sock")
    assert refused.value.code == "engine-down"
    assert "DOCKER_HOST" in refused.value.mend
