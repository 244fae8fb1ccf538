"""One world server a slot: started beside the cells that join its network, spoken to by the keeper.

The server itself is `sandbox/image/inside/world`. What its content means is not known here; it is
loaded, asked for its state, and kept under names.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from typing import Any

from sandbox import SandboxError
from sandbox.engine import State, World, WorldContent, hardening
from sandbox.engine.daemon import Daemon, Mount, Recipe
from sandbox.engine.keeper import Keeper, Labels

_START_SECONDS = 30.0
_GONE = "world-gone"


class WorldServer:
    """The outside systems of one slot. One cell at a time uses it."""

    def __init__(
        self, daemon: Daemon, keeper: Keeper, image: str, labels: Labels, slot: str, cpus: int
    ) -> None:
        """Start the container; `wait` says when it answers. Raises `SandboxError`."""
        self._daemon = daemon
        self._keeper = keeper
        self._slot = slot
        self._known: set[str] = set()
        self._down = False
        self.container = daemon.create(
            Recipe(
                image=image,
                command=[
                    *("/usr/bin/timeout", str(hardening.HELPER_SECONDS)),
                    *(f"{hardening.PAWL}/python3", "-I", f"{hardening.PAWL}/world/server.py", slot),
                ],
                user=hardening.WORLD_USER,
                limits=hardening.world_limits(cpus),
                labels=labels.of("world"),
                mounts=[Mount(keeper.control_volume, "/ctl", volume=True)],
                tmpfs={
                    "/tmp": hardening.tmpfs(  # noqa: S108
                        hardening.TEMPORARY_BYTES, hardening.WORLD_USER, "1777"
                    ),
                    "/srv/hosts": hardening.tmpfs(
                        hardening.HOSTS_BYTES, hardening.WORLD_USER, "755", inodes=200000
                    ),
                },
                hostname=hardening.HOSTNAME,
                name=f"{keeper.name}-world{slot}",
            )
        )
        try:
            daemon.start(self.container)
        except BaseException:
            daemon.remove(self.container)
            raise

    def wait(self) -> None:
        """Wait until the server has proved to itself that its stand-ins work; raise if it can't."""
        end = time.monotonic() + _START_SECONDS
        while True:
            try:
                self.ask({"op": "selftest"})
            except SandboxError as error:
                # until its socket is there, nobody answers
                if error.code != _GONE or time.monotonic() > end:
                    raise SandboxError(
                        f"the world's stand-ins don't work: {error}",
                        code="world-selftest",
                        mend="rebuild the sandbox image; if it stays, this is a defect of Pawl",
                    ) from error
                time.sleep(0.05)
            else:
                self._down = False
                return

    def revive(self) -> None:
        """Start the server again if it went down, as by a run; the next run is whole."""
        if self._down:
            self._known.clear()
            self._daemon.start(self.container)
            self.wait()

    def ask(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """One control request. Raises `SandboxError`, `KeeperGone` included."""
        try:
            return self._keeper.ask("world", slot=self._slot, request=request)
        except SandboxError as error:
            self._down = self._down or error.code == _GONE
            raise

    def restore(self, name: str, dump: Mapping[str, Any]) -> None:
        """Set the world to what is known as `name`, loading `dump` if it is not known yet."""
        if name in self._known:
            self.ask({"op": "restore", "from": name})
            return
        self.ask({"op": "load", **{k: v for k, v in dump.items() if k not in ("ok", "id")}})
        self.ask({"op": "save", "as": name})
        self._known.add(name)

    def forget(self, name: str) -> None:
        if name in self._known:
            self._known.discard(name)
            self.ask({"op": "forget", "name": name})

    def put(self, content: WorldContent) -> None:
        if content:
            self.ask({"op": "put", "content": encoded(content)})

    def state(self) -> State:
        return {str(a): str(v) for a, v in self.ask({"op": "state"})["state"].items()}

    def unknown(self) -> tuple[str, ...]:
        return tuple(str(text) for text in self.ask({"op": "unknown"})["unknown"])

    def close(self) -> None:
        self._daemon.remove(self.container)


def first_dump(world: World, content: WorldContent) -> Mapping[str, Any]:
    """What to load for a world that nothing has run in."""
    folders: dict[str, dict[str, int]] = {}
    for address in world.empty:
        host, colon, folder = address.partition(":")
        if colon and not address.startswith("/"):
            folders.setdefault(host, {})[folder] = 0o755
    return {
        "folders": folders,
        "buckets": list(world.buckets),
        "hosts": list(world.hosts),
        "unreachable": list(world.unreachable),
        "content": {a: v for a, v in encoded(content).items() if v is not None},
    }


def encoded(content: WorldContent) -> dict[str, str | None]:
    return {
        address: None if data is None else base64.b64encode(data).decode()
        for address, data in content.items()
    }
