"""kill -9 of the Docker engine itself, at stages of a proposal: the next start ends right, once."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import docker
import pytest

from sandbox.engine.image import image_tag
from tests.docker.test_kills import ASSETS, kinds, left_behind
from tests.stories.cli import Pawl

pytestmark = [pytest.mark.docker, pytest.mark.soak, pytest.mark.enable_socket]

MARKS = ["trying on base", "planned", "first verdict", "looking for the edits"]


@dataclass
class SecondEngine:
    """A Docker engine of the test's own: its own root, socket and containerd."""

    folder: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.folder}/docker.sock"

    def start(self) -> None:
        """Start it and wait until it answers."""
        for stale in ("docker.pid", "exec/containerd/containerd.pid"):
            (self.folder / stale).unlink(missing_ok=True)
        log = (self.folder / "log").open("ab")
        self.process = subprocess.Popen(
            [
                "dockerd",
                "--host",
                self.url,
                "--data-root",
                str(self.folder / "data"),
                "--exec-root",
                str(self.folder / "exec"),
                "--pidfile",
                str(self.folder / "docker.pid"),
                "--bridge=none",
                "--iptables=false",
                "--ip-forward=false",
            ],
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        log.close()
        for _ in range(300):
            asked = ["docker", "--host", self.url, "version"]
            if subprocess.run(asked, capture_output=True, check=False).returncode == 0:
                return
            assert self.process.poll() is None, (self.folder / "log").read_text()[-2000:]
            time.sleep(0.1)
        raise AssertionError("the second engine did not come up")

    def kill(self) -> None:
        """kill -9 the engine and its containerd: nothing of theirs gets to tidy up."""
        assert self.process is not None
        containerd = int((self.folder / "exec/containerd/containerd.pid").read_text())
        self.process.kill()
        self.process.wait()
        with suppress(ProcessLookupError):
            os.kill(containerd, signal.SIGKILL)

    def stop(self) -> None:
        """End it in good order, and what of its containers still runs."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=60)


@pytest.fixture
def second(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecondEngine]:
    folder = Path(f"/tmp/pawl-second-{time.time_ns()}")
    folder.mkdir()
    engine = SecondEngine(folder)
    try:
        engine.start()
        with (
            closing(docker.from_env()) as first,
            closing(docker.DockerClient(base_url=engine.url, timeout=600)) as other,
        ):
            other.images.load(b"".join(first.images.get(image_tag()).save(named=image_tag())))
        yield engine
    finally:
        engine.stop()
        shutil.rmtree(folder, ignore_errors=True)


class ThereOnly(Pawl):
    """`pawl` on the second engine."""

    url = ""

    def environment(self) -> dict[str, str]:
        return {**super().environment(), "DOCKER_HOST": self.url}


def test_an_engine_killed_at_each_stage_ends_right_once(
    second: SecondEngine, tmp_path: Path
) -> None:
    class There(ThereOnly):
        url = second.url

    pawl = There(tmp_path)
    repository = tmp_path / "repository"
    shutil.copytree(ASSETS / "repo", repository)
    args = ("propose", repository, "-f", ASSETS / "request.md", "--json")
    for mark in MARKS:
        process = pawl.start(*args)
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if mark in line:
                second.kill()
                break
        else:
            raise AssertionError(f"the run ended before it said {mark!r}: {said[-5:]}")
        rest = process.stderr.read()
        assert process.wait(timeout=300) == 1, rest
        assert "engine" in rest
        process.stderr.close()
        assert process.stdout is not None
        process.stdout.close()
        second.start()
    done = pawl.run(*args)
    document = json.loads(done.stdout)
    assert (done.returncode, document["outcome"]) == (0, "stands"), done.stderr
    told = kinds(pawl, document["change"])
    assert told.count("proof-run") == told.count("waiting") == 1
    with closing(docker.DockerClient(base_url=second.url, timeout=60)) as client:
        assert left_behind(client, (tmp_path / "pawl/owner").read_text()) == []
    assert str(second.folder / "data/volumes/pawl-") not in Path("/proc/mounts").read_text()
