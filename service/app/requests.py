"""Requests: an incident or a piece of toil in a person's words becomes a change, once."""

from __future__ import annotations

import getpass
import hashlib
from typing import Protocol

from service.app import records
from service.changes import Change, Digest, Request, Source, System
from service.repos import Snapshot


def by_cli() -> System:
    """Who asks at a terminal: not a signed-in person, so a change of theirs must be adopted."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "unknown"
    return System(f"cli:{name}")


class Artifacts(Protocol):
    def put(self, content: bytes) -> Digest: ...


class Asked(Protocol):
    """The store, as far as asking needs it."""

    @property
    def artifacts(self) -> Artifacts: ...

    def open_change(
        self,
        request: Request,
        *,
        repository: str,
        base: str,
        branch: str,
        key: str,
        tree: Digest | None = None,
    ) -> Change: ...


def ask(
    store: Asked,
    snapshot: Snapshot,
    text: str,
    *,
    planner: str,
    entry: tuple[str, ...] | None = None,
    given: bytes = b"",
) -> Change:
    """Open a change for `text` on what `snapshot` holds; asked again, it is the same change.

    `given` is somebody's own fix, when that is what is asked about. A change that has not ended is
    found again by (directory, base, words, planner, entry, fix), so that a run that was killed goes
    on instead of starting a second one.
    """
    tree = store.artifacts.put(records.pack(snapshot.files))
    key = hashlib.sha256(
        records.dumps(
            [str(snapshot.root), snapshot.tree, text, planner, list(entry or ()), given.hex()]
        )
    ).hexdigest()
    return store.open_change(
        Request(text=text, by=by_cli(), source=Source.CLI),
        repository=str(snapshot.root),
        base=snapshot.base,
        branch=snapshot.branch or "",
        key=key,
        tree=tree,
    )
