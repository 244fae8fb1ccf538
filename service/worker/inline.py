"""The inline engine: runs a change in this process until it waits for people or ends."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver

from service.changes import Change, ChangeId
from service.flow.graph import FLOW_VERSION, NODES, build
from service.flow.parts import Parts


class Leases(Protocol):
    def lease(self, change: ChangeId, holder: str) -> Any:
        """A context manager that holds the change; raises LeaseTaken when somebody else does."""
        ...


class Inline:
    """Runs changes with `parts`. The checkpoint file is a help, never the truth: lose it freely."""

    def __init__(self, parts: Parts, leases: Leases, checkpoints: Path, holder: str) -> None:
        self._parts = parts
        self._leases = leases
        self._checkpoints = checkpoints
        self._holder = holder

    def run(self, change: ChangeId) -> Change:
        """Run `change` until it waits or ends, and answer it.

        Raises LeaseTaken when another process runs it, and whatever a part could not answer
        (`SandboxError`, `GateError`, `AgentError`): the change then stays at its stage and the
        next run goes on from there.
        """
        with self._leases.lease(change, self._holder), self._saver() as saver:
            graph = build(self._parts, saver)
            config = {"configurable": {"thread_id": change}, "recursion_limit": 60}
            start: dict[str, object] | None = {"change": change, "flow_version": FLOW_VERSION}
            if self._resumable(graph, config):
                start = None
            else:
                saver.delete_thread(change)
            graph.invoke(start, config, durability="sync")
            return self._parts.changes.get(change)

    def _resumable(self, graph: Any, config: dict[str, object]) -> bool:
        """Whether the thread can go on; a strange one is thrown away, the store knows the way."""
        try:
            state = graph.get_state(config)
        except Exception:  # noqa: BLE001 - an unreadable checkpoint costs nothing
            return False
        known = set(NODES)
        return (
            bool(state.next)
            and set(state.next) <= known
            and state.values.get("flow_version") == FLOW_VERSION
        )

    @contextmanager
    def _saver(self) -> Iterator[SqliteSaver]:
        serde = JsonPlusSerializer(allowed_msgpack_modules=None)
        connection = self._open()
        try:
            saver = SqliteSaver(connection, serde=serde)
            try:
                saver.setup()
            except sqlite3.DatabaseError:
                connection.close()
                self._checkpoints.unlink(missing_ok=True)
                connection = self._open()
                saver = SqliteSaver(connection, serde=serde)
                saver.setup()
            yield saver
        finally:
            connection.close()

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self._checkpoints, check_same_thread=False, timeout=30)
