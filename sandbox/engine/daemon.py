"""The Docker engine's API as Pawl uses it: few deeds, typed, every error translated.

The only module besides `image` that knows the docker package. What a container is for, and how
much it may use, is said elsewhere.
"""

from __future__ import annotations

import contextlib
import io
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import docker.errors
import docker.types
import requests

from sandbox import SandboxError

DEFAULT_URL = "unix:///var/run/docker.sock"
_CALL_SECONDS = 60


class EngineDown(SandboxError):
    """The engine did not answer, or broke off: nothing that ran there can be judged."""

    def __init__(self, message: str) -> None:
        super().__init__(
            message,
            code="engine-down",
            mend="start the Docker engine, or say with DOCKER_HOST where it is",
        )


class EngineRefused(SandboxError):
    """The engine answered no. `status` is its HTTP status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message, code="engine-refused")
        self.status = status


@dataclass(frozen=True)
class Mount:
    """A folder or file of the engine's host, or a volume by name, at a path of the container."""

    source: str
    target: str
    read_only: bool = False
    volume: bool = False


@dataclass(frozen=True)
class Limits:
    """What a container may use. Sizes in bytes."""

    memory: int
    processes: int
    cpus: float
    files: int = 1024
    file_size: int | None = None


@dataclass(frozen=True)
class Recipe:
    """A container to be made. What is the same for all is in `Daemon.create`."""

    image: str
    command: Sequence[str]
    user: str
    limits: Limits
    labels: Mapping[str, str]
    mounts: Sequence[Mount] = ()
    tmpfs: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    network: str = "none"  # or "container:ID"
    hostname: str | None = None
    folder: str = "/"
    stdin: bool = False
    name: str | None = None


@dataclass(frozen=True)
class Ended:
    """How a container ended, in the engine's words."""

    code: int
    oom_killed: bool
    error: str


class Line:
    """An attached stream. `close` is safe at any time and twice, and never waits."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.socket: socket.socket = getattr(stream, "_sock", stream)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError, ValueError):
            self._stream.close()
        with contextlib.suppress(OSError):
            self.socket.close()


class Daemon:
    """One client. Safe for a few threads; a slot has its own, since a stream takes a connection."""

    def __init__(self, url: str) -> None:
        self.url = url
        path = Path(url.removeprefix("unix://"))
        if url.startswith("unix://") and not path.is_socket():
            raise EngineDown(f"no container engine answers at {url}: there is no such socket")
        try:
            self._api = docker.APIClient(
                base_url=url, timeout=_CALL_SECONDS, version="auto", max_pool_size=20
            )
        except docker.errors.DockerException as error:
            raise EngineDown(f"no container engine answers at {url}: {error}") from error

    def close(self) -> None:
        self._api.close()

    def info(self) -> Mapping[str, Any]:
        with _translated():
            return dict(self._api.info())

    def create(self, recipe: Recipe) -> str:
        """Create a hardened container; return its id. A warning of the engine is a refusal.

        A flag that this engine ignores shows only as a warning, so that none is let pass.
        """
        ulimits = [
            docker.types.Ulimit(name="nofile", soft=recipe.limits.files, hard=recipe.limits.files),
            docker.types.Ulimit(name="core", soft=0, hard=0),
        ]
        if recipe.limits.file_size is not None:
            size = recipe.limits.file_size
            ulimits.append(docker.types.Ulimit(name="fsize", soft=size, hard=size))
        with _translated():
            host = self._api.create_host_config(
                network_mode=recipe.network,
                read_only=True,
                cap_drop=["ALL"],
                security_opt=["no-new-privileges:true"],
                pids_limit=recipe.limits.processes,
                mem_limit=recipe.limits.memory,
                memswap_limit=recipe.limits.memory,
                nano_cpus=int(recipe.limits.cpus * 1e9),
                ipc_mode="private",
                init=True,
                # else the engine writes the host's own name servers into the container
                dns=["127.0.0.1"] if recipe.network == "none" else None,
                shm_size=16 << 20,
                ulimits=ulimits,
                tmpfs=dict(recipe.tmpfs),
                log_config=docker.types.LogConfig(type="none"),
                mounts=[
                    docker.types.Mount(m.target, m.source, type="volume", no_copy=True)
                    if m.volume
                    else docker.types.Mount(m.target, m.source, type="bind", read_only=m.read_only)
                    for m in recipe.mounts
                ],
            )
            made = self._api.create_container(
                recipe.image,
                list(recipe.command),
                user=recipe.user,
                environment=dict(recipe.environment),
                labels=dict(recipe.labels),
                working_dir=recipe.folder,
                hostname=recipe.hostname,
                stdin_open=recipe.stdin,
                name=recipe.name,
                host_config=host,
                use_config_proxy=False,  # the client's proxies are nothing for a cell
            )
        warnings = [w for w in made.get("Warnings") or () if w]
        identity = str(made["Id"])
        if warnings:
            self.remove(identity)
            raise SandboxError(
                f"the engine would not harden a container: {'; '.join(warnings)}",
                code="not-hardened",
                mend="run `pawl doctor`; the engine has to support every limit that Pawl sets",
            )
        return identity

    def attach(self, container: str, *, stdin: bool = False) -> Line:
        """Attach to a container that was not started yet, so that no output is missed."""
        parameters = {"stdout": 1, "stderr": 0 if stdin else 1, "stream": 1}
        if stdin:
            parameters["stdin"] = 1
        with _translated():
            return Line(self._api.attach_socket(container, params=parameters))

    def start(self, container: str) -> None:
        with _translated():
            self._api.start(container)

    def wait(self, container: str, seconds: float) -> Ended:
        """Wait for the end and say how it ended. Raises `EngineDown` after `seconds`."""
        with _translated():
            self._api.wait(container, timeout=int(seconds))
            state = self._api.inspect_container(container)["State"]
        return Ended(int(state["ExitCode"]), bool(state["OOMKilled"]), str(state["Error"]))

    def running(self, container: str) -> bool:
        try:
            with _translated():
                return bool(self._api.inspect_container(container)["State"]["Running"])
        except EngineRefused:
            return False

    def kill(self, container: str) -> None:
        """Kill; fine if it ended. Close every stream of it before: else the engine hangs."""
        with contextlib.suppress(EngineRefused), _translated():
            self._api.kill(container)

    def remove(self, container: str) -> None:
        """Remove, killing it if need be; fine if it is gone."""
        try:
            with _translated():
                self._api.remove_container(container, force=True, v=True)
        except EngineRefused as refused:
            if refused.status not in (404, 409):
                raise

    def put(self, container: str, folder: str, archive: Any) -> None:
        """Unpack a tar archive (bytes or a file) below a folder of a running container."""
        with _translated():
            if not self._api.put_archive(container, folder, archive):
                raise SandboxError(f"the engine did not take files for {folder}", code="put-failed")

    def make_volume(self, name: str, options: Mapping[str, str], labels: Mapping[str, str]) -> str:
        """Make a local volume; return its path on the engine's host."""
        with _translated():
            made = self._api.create_volume(
                name, driver="local", driver_opts=dict(options), labels=dict(labels)
            )
        return str(made["Mountpoint"])

    def remove_volume(self, name: str) -> bool:
        """Remove a volume; False if the engine can't yet (it is retried by the reaper)."""
        try:
            with _translated():
                self._api.remove_volume(name)
        except EngineRefused as refused:
            return refused.status == 404
        return True

    def containers(self, label: str) -> Sequence[tuple[str, Mapping[str, str], bool]]:
        """All containers with a label: (id, labels, whether it runs)."""
        with _translated():
            found = self._api.containers(all=True, filters={"label": label})
        return [(str(c["Id"]), dict(c["Labels"]), c["State"] == "running") for c in found]

    def volumes(self, label: str) -> Sequence[tuple[str, Mapping[str, str]]]:
        """All volumes with a label: (name, labels)."""
        with _translated():
            found = self._api.volumes(filters={"label": label})["Volumes"] or ()
        return [(str(v["Name"]), dict(v["Labels"] or {})) for v in found]


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except docker.errors.APIError as error:
        status = error.response.status_code if error.response is not None else 0
        raise EngineRefused(f"the engine refused: {error.explanation or error}", status) from error
    except (requests.exceptions.RequestException, docker.errors.DockerException) as error:
        raise EngineDown(f"the engine broke off: {error}") from error
    except (OSError, io.UnsupportedOperation) as error:
        raise EngineDown(f"the line to the engine broke: {error}") from error
