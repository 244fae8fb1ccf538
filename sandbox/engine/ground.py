"""A ground: a tree and a world, opened in the keeper; fresh views are taken from it.

Knows which runs may go on at once and what changes under whom. How a view is made is the keeper's,
how a run goes is the cell's.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from sandbox import SandboxError
from sandbox.engine import Ended, Ran, Run, State, WorldContent
from sandbox.engine.cell import Left, Slot, Start, run_cell
from sandbox.engine.keeper import Keeper
from sandbox.engine.world import encoded

OnLine = Callable[[bytes], None]


class Slots(Protocol):
    """Where cells run. A slot is taken by one run at a time."""

    def taken(self) -> contextlib.AbstractContextManager[Slot]: ...

    def each(self, deed: Callable[[Slot], None]) -> None:
        """Do something in every slot, one after another, when no cell runs in it."""
        ...


class DockerGround:
    """The real `sandbox.engine.Ground`."""

    def __init__(
        self, keeper: Keeper, slots: Slots, start: Start, closed: Callable[[DockerGround], None]
    ) -> None:
        self._keeper, self._slots, self._start = keeper, slots, start
        self._closed = closed
        self._version = 0
        self._turn = threading.Condition()
        self._runs = 0
        self._changing = False
        self._old_names: list[str] = []

    @property
    def state(self) -> State:
        return self._start.state

    def run(self, run: Run, on_line: OnLine | None = None) -> Ran:
        with self._as_it_is():
            return self._run(run, on_line, adopt=False).ran

    def advance(self, run: Run, on_line: OnLine | None = None) -> Ran:
        with self._alone():
            left = self._run(run, on_line, adopt=True)
            if left.adopted is not None and left.world_dump is not None:
                self._now(left.adopted, left.world_dump, _beyond(left.ran.state))
            return left.ran

    def place(self, content: WorldContent) -> None:
        files = {a: v for a, v in content.items() if a.startswith("/")}
        beyond = {a: v for a, v in content.items() if not a.startswith("/")}
        with self._alone():
            start = self._start
            state = start.files
            if files:
                state = self._keeper.ask("place", ground=start.ground, content=encoded(files))[
                    "state"
                ]
            if not beyond:
                self._now(state, start.world_dump, start.beyond, same_world=True)
                return
            with self._slots.taken() as slot:
                slot.world.restore(start.world_name, start.world_dump)
                slot.world.put(beyond)
                self._now(state, slot.world.ask({"op": "dump"}), slot.world.state())

    def clear(self, patterns: Sequence[str]) -> None:
        with self._alone():
            start = self._start
            state = self._keeper.ask("clear", ground=start.ground, patterns=list(patterns))["state"]
            self._now(state, start.world_dump, start.beyond, same_world=True)

    def read(self, address: str) -> bytes | None:
        with self._as_it_is():
            if address.startswith("/"):
                found = self._keeper.ask("read", ground=self._start.ground, address=address)
                content = found["content"]
            else:
                content = self._start.world_dump["content"].get(address)
            return None if content is None else base64.b64decode(content)

    def close(self) -> None:
        with self._alone():
            self._closed(self)
            with contextlib.suppress(SandboxError):  # with a dead keeper all of it is gone anyway
                self._keeper.ask("close", ground=self._start.ground)
                self._slots.each(self._forget)

    # ---- inside ----

    def _forget(self, slot: Slot) -> None:
        with contextlib.suppress(SandboxError):  # a server that is down has forgotten
            for name in [*self._old_names, self._start.world_name]:
                slot.world.forget(name)

    def _run(self, run: Run, on_line: OnLine | None, *, adopt: bool) -> Left:
        if not self._keeper.alive:
            return Left(_lost(self._start.state))
        with self._slots.taken() as slot:
            return run_cell(slot, self._start, run, on_line, adopt=adopt)

    def _now(
        self,
        files: State,
        dump: Mapping[str, Any],
        beyond: State,
        *,
        same_world: bool = False,
    ) -> None:
        name = self._start.world_name
        if not same_world:
            self._version += 1
            self._old_names.append(name)
            name = f"{self._start.ground}-{self._version}"
        self._start = dataclasses.replace(
            self._start, files=files, beyond=beyond, world_name=name, world_dump=dump
        )

    @contextlib.contextmanager
    def _as_it_is(self) -> Iterator[None]:
        with self._turn:
            self._turn.wait_for(lambda: not self._changing)
            self._runs += 1
        try:
            yield
        finally:
            with self._turn:
                self._runs -= 1
                self._turn.notify_all()

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        with self._turn:
            self._turn.wait_for(lambda: not self._changing and not self._runs)
            self._changing = True
        try:
            yield
        finally:
            with self._turn:
                self._changing = False
                self._turn.notify_all()


def _beyond(state: State) -> State:
    return {a: v for a, v in state.items() if not a.startswith("/")}


def _lost(state: State) -> Ran:
    return Ran(
        ended=Ended.ENGINE_ERROR,
        code=None,
        output=b"",
        truncated=False,
        seconds=0.0,
        state=state,
        error="the engine was started again; what this ground held is lost",
    )


def top_folders(addresses: Sequence[str], system: frozenset[str]) -> tuple[str, ...]:
    """Return the top folders that need a place of their own.

    The image's own writable folders need none. Raises `SandboxError` for an address that no world
    can have, such as one below `system`, the top folders that are read-only.
    """
    found: set[str] = set()
    for address in addresses:
        if not address.startswith("/"):
            continue
        parts = address.split("/")[1:]
        if ".." in parts or "." in parts or "" in parts[:-1] or "\0" in address:
            raise SandboxError(f"{address!r} is no plain absolute path", code="bad-world")
        if parts[:2] == ["usr", "local"] and len(parts) > 2:
            continue
        if parts[0] in system:
            raise SandboxError(
                f"{address} lies in a system folder, which no run can change", code="bad-world"
            )
        if len(parts) < 2:
            raise SandboxError(f"{address!r} names no file", code="bad-world")
        found.add("/" + parts[0])
    return tuple(sorted(found - _PLACES))


_PLACES = frozenset({"/etc", "/home", "/opt", "/srv", "/var", "/root", "/mnt", "/repo"})
