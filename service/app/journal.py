"""The log as pages show it: a timeline for whoever may see it, evidence, and the proof of an entry.

Reads only. Who may see a change's repository may see its entries; what is about no change is for
administrators, for whom it is about, and, where the service itself is meant, for everybody.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from service.app import records
from service.changes import Change, ChangeId, Digest, UnknownChange, is_digest
from service.ledger import Checkpoint, Entry, Kind, tree
from service.people import No, SignedIn
from service.store import Store, StoreError

PAGE = 50
"""Entries on one page."""
_LOOKED_AT = 2_000
"""Entries that one page looks through at most: a rare filter is answered in several pages."""
_SCANNED = 5_000
"""Newest entries that are searched for a digest when nobody says which change names it."""

_OF_ALL = frozenset(
    {
        Kind.FREEZE,
        Kind.THAW,
        Kind.RULES_CHANGED,
        Kind.KEY_MADE,
        Kind.CHECKPOINT_SIGNED,
        Kind.CHECKPOINT_PUBLISHED,
        Kind.EPOCH,
    }
)
"""Kinds about the service itself: whoever relies on it may see them."""

_NOT_FOUND = No("unknown-entry", "The log has no such entry that you may see.", "", 404)
_NO_EVIDENCE = No("unknown-evidence", "There is no such evidence that you may see.", "", 404)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which entries a timeline shows. Empty: each."""

    change: str = ""
    kind: str = ""
    actor: str = ""
    """Id of a person, agent, bot or part of Pawl, whole."""


@dataclass(frozen=True)
class Timeline:
    """A page of the log, newest first."""

    entries: tuple[Entry, ...]
    older: int | None
    """`before` of the page that follows; None at the log's beginning."""
    looked_at: int
    """How many entries were looked through for it."""


@dataclass(frozen=True)
class PathStep:
    """One step up the tree: two hashes beside each other, and what they make."""

    left: bytes
    right: bytes
    top: bytes


@dataclass(frozen=True)
class Proved:
    """An entry with the proof that it stands in the log."""

    entry: Entry
    leaf: bytes
    path: tuple[bytes, ...]
    steps: tuple[PathStep, ...]
    size: int
    """How many entries the root is over."""
    root: bytes
    fits: bool
    """Whether the entry's bytes, made again, lead to the root."""
    checkpoint: Checkpoint | None
    """The signed checkpoint with that size and root; None where none covers the entry yet."""

    @property
    def document(self) -> records.Document:
        """The proof as one JSON document."""
        return {
            "seq": self.entry.seq,
            "size": self.size,
            "leaf": self.leaf.hex(),
            "path": [one.hex() for one in self.path],
            "root": self.root.hex(),
            "checkpoint": None if self.checkpoint is None else self.checkpoint.note,
        }


class Journal:
    """What people may read of the log."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def timeline(
        self, who: SignedIn, wanted: Wanted, *, before: int | None = None, limit: int = PAGE
    ) -> Timeline:
        """At most `limit` entries below place `before` that `who` may see, newest first."""
        sight = _Sight(self._store, who)
        found: list[Entry] = []
        looked_at = 0
        last: int | None = None
        for entry in self._downwards(wanted.change, before):
            if len(found) == limit or looked_at == _LOOKED_AT:
                return Timeline(tuple(found), last, looked_at)
            looked_at += 1
            last = entry.seq
            if _is_wanted(entry, wanted) and sight.shows(entry):
                found.append(entry)
        return Timeline(tuple(found), None, looked_at)

    def change(self, who: SignedIn, change: str) -> Change | No:
        """The change whose log is wanted."""
        return _visible(self._store, who, change) or No(
            "unknown-change", "There is no such change that you may see.", "", 404
        )

    def entry(self, who: SignedIn, seq: int) -> Entry | No:
        """One entry."""
        if not 0 <= seq < self._store.size:
            return _NOT_FOUND
        found = self._store.since(seq - 1, limit=1)
        if not found or not _Sight(self._store, who).shows(found[0]):
            return _NOT_FOUND
        return found[0]

    def proof(self, who: SignedIn, seq: int) -> Proved | No:
        """One entry with the proof that it stands below the newest signed checkpoint.

        An entry that is younger than that is proved below the log as it is now, which nobody
        signed yet.
        """
        entry = self.entry(who, seq)
        if isinstance(entry, No):
            return entry
        signed = self._store.latest_checkpoint()
        covers = signed is not None and seq < signed.size
        size = signed.size if signed is not None and covers else None
        receipt = self._store.inclusion(seq, size=size)
        leaf = tree.leaf(entry.body)  # from the bytes, not from what the table says
        steps = tuple(_steps(leaf, seq, receipt.size, receipt.path))
        fits = tree.verify_inclusion(leaf, seq, receipt.size, receipt.path, receipt.root)
        if covers and signed is not None:
            fits = fits and receipt.root == signed.root
        return Proved(
            entry=entry,
            leaf=leaf,
            path=receipt.path,
            steps=steps,
            size=receipt.size,
            root=receipt.root,
            fits=fits,
            checkpoint=signed if covers else None,
        )

    def evidence(self, who: SignedIn, digest: str, *, of: str = "") -> bytes | No:
        """What `digest` names, where an entry or a proof that `who` may see names it.

        `of` is the change that does; without it the newest entries are searched.
        """
        if not is_digest(digest):
            return _NO_EVIDENCE
        if not self._names(who, Digest(digest), of):
            return _NO_EVIDENCE
        try:
            return self._store.artifacts.get(Digest(digest))
        except StoreError as error:
            return No("evidence-gone", f"The evidence can't be shown: {error}", "", 410)

    def export(self, who: SignedIn, file: BinaryIO) -> No | None:
        """Write the whole log to `file`. Administrators."""
        if not who.is_administrator():
            return No(
                "administrators-only",
                "The whole log holds what people did everywhere, so only administrators take it.",
                "ask one of them for an export",
            )
        self._store.export(file)
        return None

    def checkpoint(self) -> Checkpoint | None:
        """The newest signed checkpoint."""
        return self._store.latest_checkpoint()

    def public_key(self) -> str:
        """The key that checkpoints are checked with, as one line."""
        return str(self._store.public_key)

    @property
    def size(self) -> int:
        """How many entries the log has."""
        return self._store.size

    # --- inside ---------------------------------------------------------------------------

    def _downwards(self, change: str, before: int | None) -> Iterator[Entry]:
        """Entries below `before`, newest first, read in portions."""
        about = ChangeId(change) if change else None
        portion = PAGE * 2
        while True:
            page = self._store.entries(about, newest=portion, before=before)
            yield from reversed(page)
            if len(page) < portion:
                return
            before = page[0].seq

    def _names(self, who: SignedIn, digest: Digest, of: str) -> bool:
        if of:
            change = _visible(self._store, who, of)
            return change is not None and self._change_names(change, digest)
        sight = _Sight(self._store, who)
        for looked_at, entry in enumerate(self._downwards("", None)):
            if looked_at == _SCANNED:
                return False
            if digest in entry.judgment.evidence and sight.shows(entry):
                return True
        return False

    def _change_names(self, change: Change, digest: Digest) -> bool:
        if any(digest in entry.judgment.evidence for entry in self._store.events(change.id)):
            return True
        return digest in self._logs(change.proof) or digest in self._logs(change.rehearsal)

    def _logs(self, document: Digest | None) -> frozenset[str]:
        """Digests of the cells' logs in a proof, or in a rehearsal's trial."""
        if document is None:
            return frozenset()
        try:
            read = records.loads(self._store.artifacts.get(document))
        except (StoreError, ValueError, TypeError):
            return frozenset()
        cells = [*read.get("cells", []), *read.get("trial", [])]
        return frozenset(str(one["log"]) for one in cells if one.get("log"))


class _Sight:
    """What one person may see, remembering what was looked up."""

    def __init__(self, store: Store, who: SignedIn) -> None:
        self._store = store
        self._who = who
        self._known: dict[ChangeId, bool] = {}

    def shows(self, entry: Entry) -> bool:
        judgment = entry.judgment
        if judgment.change is not None:
            return self._change(judgment.change)
        if self._who.is_administrator() or judgment.kind in _OF_ALL:
            return True
        if judgment.actor == self._who.person:
            return True
        if judgment.payload.get("account") == self._who.account.id:
            return True
        repository = judgment.payload.get("repository")
        return isinstance(repository, str) and bool(repository) and self._who.may_see(repository)

    def _change(self, change: ChangeId) -> bool:
        if change not in self._known:
            self._known[change] = _visible(self._store, self._who, change) is not None
        return self._known[change]


def _visible(store: Store, who: SignedIn, ident: str) -> Change | None:
    try:
        change = store.get(ChangeId(ident))
    except UnknownChange:
        return None
    return change if who.may_see(change.repository) else None


def _is_wanted(entry: Entry, wanted: Wanted) -> bool:
    judgment = entry.judgment
    if wanted.kind and judgment.kind.value != wanted.kind:
        return False
    return not wanted.actor or judgment.actor.id == wanted.actor


def _steps(leaf: bytes, seq: int, size: int, path: tuple[bytes, ...]) -> Iterator[PathStep]:
    """The way from a leaf to the root, as `tree.verify_inclusion` goes it."""
    at, last, top = seq, size - 1, leaf
    for beside in path:
        on_the_right = bool(at & 1) or at == last
        left, right = (beside, top) if on_the_right else (top, beside)
        top = tree.node(left, right)
        yield PathStep(left, right, top)
        if on_the_right:
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        at, last = at >> 1, last >> 1


def payload_lines(entry: Entry) -> tuple[tuple[str, str], ...]:
    """What an entry's payload says, in lines that people can read."""
    return tuple(
        (name.replace("_", " "), _told(value))
        for name, value in entry.judgment.payload.items()
        if value not in ("", [], {}, None)
    )


def _told(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str | int):
        return str(value)
    if isinstance(value, list) and all(isinstance(one, str | int) for one in value):
        return ", ".join(str(one) for one in value)
    return json.dumps(value, sort_keys=True, ensure_ascii=False)
