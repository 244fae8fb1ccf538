"""What the nodes work with: promises of the other packages and of the store, joined by wiring."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from agents import Planner, Reader
from policies import Gate
from sandbox import Progress, Prover
from service.app import records
from service.app.futures import (
    Arrived,
    Clash,
    Closed,
    FutureTree,
    Ground,
    Overtaken,
    Stopped,
)
from service.app.precedents import Past
from service.changes import Approval, Change, ChangeId, Digest, Move
from service.ledger import Judgment

Files = Mapping[str, tuple[int, bytes]]


class Artifacts(Protocol):
    def put(self, data: bytes) -> Digest: ...

    def get(self, digest: Digest) -> bytes: ...


class Changes(Protocol):
    """The store, as far as the flow needs it."""

    @property
    def artifacts(self) -> Artifacts: ...

    def get(self, change: ChangeId) -> Change: ...

    def record(
        self, change: ChangeId, move: Move, judgment: Judgment, evidence: Sequence[Judgment] = ()
    ) -> Change: ...

    def note(self, judgment: Judgment) -> int: ...

    def reading(self) -> AbstractContextManager[Past]:
        """One view of what is committed; precedents are found in it."""
        ...


@dataclass(frozen=True)
class Drafted:
    """A draft tree, or the reason why the edits were refused."""

    files: Files | None
    refused: str = ""
    path: str = ""


class Trees(Protocol):
    """`service.repos`, as far as the flow needs it."""

    def apply(
        self,
        base: Files,
        edits: Sequence[tuple[str, tuple[int, bytes] | None, tuple[int, bytes] | None]],
    ) -> Drafted: ...

    def tree_id(self, files: Files) -> str: ...

    def touched(self, base: Files, draft: Files) -> list[tuple[str, str, str, str, str]]:
        """The patch as sorted rows: path bytes as hex, old mode and blob, new mode and blob."""
        ...

    def write_patch(self, base: Files, draft: Files) -> bytes: ...

    def ratchet(self, files: Files) -> Mapping[str, Files]: ...

    def checks(self, files: Files) -> tuple[tuple[str, ...], ...]: ...

    def rules(self, files: Files) -> Mapping[str, bytes]: ...


class Rehearsals(Protocol):
    """The rehearsal format, as far as the flow needs it."""

    def entry(self, files: Files) -> tuple[str, ...]:
        """The entry point that a rehearsal starts."""
        ...

    def freeze(self, files: Files, decisive: Sequence[Mapping[str, Any]]) -> Files:
        """The rehearsal with the decisive neighbours frozen in."""
        ...


class Facts(Protocol):
    """`service.facts`, as far as the flow needs it."""

    def build(
        self,
        *,
        base: Files,
        draft: Files,
        proof: Mapping[str, Any] | None,
        claimed: Mapping[str, Any],
        actors: Mapping[str, Any],
        reach: Sequence[str],
        now: datetime,
    ) -> dict[str, Any]: ...

    def mask(self, text: str) -> str:
        """`text` with secrets blanked out: nothing else is ever stored."""
        ...


class Thread(Protocol):
    """Somebody who follows along (a terminal, later a page). Must not block."""

    def stage(self, change: Change, text: str) -> None: ...

    def say(self, text: str) -> None: ...

    def progress(self, progress: Progress) -> None: ...


class Merging(Protocol):
    """`service.app.merging`, as far as the flow needs it."""

    def publish(self, change: Change) -> str:
        """Put the proposal on a branch; answer a sentence, never fail."""
        ...

    def ground(self, change: Change) -> Ground | Closed: ...

    def closed(self, change: Change) -> str | None: ...

    def frozen(self) -> str | None: ...

    def sufficient(self, change: Change) -> tuple[Approval, ...] | str: ...

    def landed(self, change: Change) -> str | None: ...

    def foreign(self, change: Change) -> str | None: ...

    def future(self, change: Change, head: str) -> FutureTree | Clash: ...

    def files(self, change: Change, treeish: str) -> Files: ...

    def moved_paths(self, change: Change, old: str, new: str) -> tuple[str, ...]: ...

    def void(self, change: Change, what: str) -> Change: ...

    def intend(
        self, change: Change, future: FutureTree, *, how: str, evidence: tuple[Digest, ...] = ()
    ) -> Change | str:
        """Put the merge on record, with the decisions as they are; or what stands against it."""
        ...

    def push(self, change: Change, future: FutureTree) -> Arrived | Overtaken | Stopped: ...

    def finish(self, change: Change, commit: str) -> Change: ...


@dataclass(frozen=True)
class Parts:
    changes: Changes
    planner: Planner
    reader: Reader
    prover: Prover
    gate: Gate
    trees: Trees
    rehearsals: Rehearsals
    facts: Facts
    clock: Callable[[], datetime]
    thread: Thread
    entry: tuple[str, ...] | None = None  # a person said which entry point
    replans: bool = True  # somebody's own fix is tried once: there is no second plan
    stop: Callable[[], bool] = field(default=lambda: False)
    merging: Merging | None = None
    """None: a proposal in a folder, which nobody merges here."""
    image: Callable[[], str] = field(default=lambda: "")
    """The sandbox image that proofs run in now; "": not known, so never compared."""

    # --- documents ------------------------------------------------------------------------

    def keep(self, document: Mapping[str, Any]) -> Digest:
        return self.changes.artifacts.put(records.dumps(document))

    def document(self, digest: Digest | None) -> records.Document:
        if digest is None:
            raise LookupError("the change has no such document yet")
        return records.loads(self.changes.artifacts.get(digest))

    def keep_log(self, log: bytes) -> str:
        """Store a cell's log with secrets masked; answer its digest."""
        text = self.facts.mask(log.decode("utf-8", "replace"))
        return self.changes.artifacts.put(text.encode())

    def tree(self, digest: Digest | None) -> dict[str, tuple[int, bytes]]:
        if digest is None:
            raise LookupError("the change has no such tree yet")
        return records.unpack(self.changes.artifacts.get(digest))
