"""The thread of a request: what was asked, each step as a line, questions, and what came of it.

Reads only, and nothing here decides. What people paste is data: it is kept beside their words,
fenced by lines, and never taken for anything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from service.app import records
from service.app.outcome import outcome
from service.app.requests import LONGEST
from service.changes import Change, ChangeId, Digest, Principal, Stage, UnknownChange
from service.ledger import Entry, Kind
from service.people import No, SignedIn
from service.store import Store, StoreError

LARGEST_FILE = 200_000
"""Bytes of one attached file."""
_RULE = "-----"
_ROOM_FOR_MARKS = 400
_OWN_LOOKED_AT = 1_000

_QUIET = frozenset({Kind.FINDING, Kind.MODEL_CALL, Kind.BUDGET_SPENT})
"""Entries that have a card or a page of their own, and no line in a thread."""


# --- what people paste ------------------------------------------------------------------------


@dataclass(frozen=True)
class Attached:
    """Something pasted or attached to a request: a log, a runbook."""

    name: str
    text: str


def compose(words: str, attached: Sequence[Attached]) -> str:
    """A request's text: the words, then each attachment between lines that name it.

    What is too long together loses the middle of its longest parts, and says how much: a log's
    beginning and end tell most.
    """
    words = _clean(words).strip()
    kept = [Attached(_label(one.name), _clean(one.text).rstrip()) for one in attached]
    kept = [one for one in kept if one.text.strip()]
    room = LONGEST - len(words.encode()) - _ROOM_FOR_MARKS * (len(kept) + 1)
    shares = _shares([len(one.text.encode()) for one in kept], max(room, 0))
    parts = [words]
    for one, share in zip(kept, shares, strict=True):
        parts.append(f"{_RULE} {one.name} {_RULE}\n{_shortened(one.text, share)}")
    return "\n\n".join(parts)


def taken_apart(text: str) -> tuple[str, tuple[Attached, ...]]:
    """The words of a request and what was attached to them, as `compose` joined them."""
    words: list[str] = []
    found: list[tuple[str, list[str]]] = []
    for line in text.split("\n"):
        if line.startswith(f"{_RULE} ") and line.endswith(f" {_RULE}") and len(line) > 12:
            found.append((line[len(_RULE) + 1 : -len(_RULE) - 1], []))
        elif found:
            found[-1][1].append(line)
        else:
            words.append(line)
    attached = tuple(Attached(name, "\n".join(lines).strip("\n")) for name, lines in found)
    return "\n".join(words).strip(), attached


def _clean(text: str) -> str:
    """Text as it is kept: line ends of browsers made plain, NUL and half characters shown."""
    plain = (
        text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\N{REPLACEMENT CHARACTER}")
    )
    return plain.encode("utf-8", "replace").decode()


def _label(name: str) -> str:
    """A file's name as a label: one line, short, without a rule of its own."""
    plain = "".join(char if char.isprintable() else " " for char in _clean(name))
    return plain.replace(_RULE, "-").strip()[-80:].strip() or "attached"


def _shares(sizes: Sequence[int], room: int) -> list[int]:
    """How many of `room` bytes each part gets: small ones whole, the rest in equal shares."""
    shares = [0] * len(sizes)
    left = sorted(range(len(sizes)), key=lambda index: sizes[index])
    while left:
        index, fair = left[0], room // len(left)
        shares[index] = min(sizes[index], fair)
        room -= shares[index]
        left.pop(0)
    return shares


def _shortened(text: str, room: int) -> str:
    data = text.encode()
    if len(data) <= room:
        return text
    half = max(room // 2, 0)
    head = data[:half].decode("utf-8", "ignore")
    tail = data[len(data) - half :].decode("utf-8", "ignore")
    return f"{head}\n[... {len(data) - 2 * half} bytes left out here ...]\n{tail}"


# --- the thread -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """One step: who did what, and why; an entry of the log."""

    seq: int
    at: datetime
    actor: Principal
    kind: Kind
    text: str
    evidence: tuple[Digest, ...]
    took: timedelta | None
    """Time since the move before, where this entry moved the change."""


@dataclass(frozen=True)
class Asked:
    """A question with its default."""

    question: str
    default: str


@dataclass(frozen=True, kw_only=True)
class Thread:
    """A request and what came of it so far."""

    change: Change
    words: str
    attached: tuple[Attached, ...]
    lines: tuple[Line, ...]
    questions: tuple[Asked, ...]
    """Those that are open; none where nothing is asked."""
    document: records.Document
    """The outcome document: plan, proof, findings, ending, as `--json` prints it."""
    counts: tuple[tuple[str, str, int], ...]
    """(side, outcome, how many) over the proof's cells."""


class Threads:
    """Threads of requests, and which requests a person has made."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, who: SignedIn, ident: str) -> Thread | No:
        """The thread of a change that `who` may see."""
        change = find(self._store, who, ident)
        if isinstance(change, No):
            return change
        words, attached = taken_apart(change.request.text)
        document = self._document(change)
        return Thread(
            change=change,
            words=words,
            attached=attached,
            lines=lines(self._store.events(change.id)),
            questions=_questions(change, document),
            document=document,
            counts=_counts(document["proof"]),
        )

    def own(self, who: SignedIn, *, limit: int = 20) -> tuple[Change, ...]:
        """The newest changes that `who` answers for, among the newest of all."""
        found: list[Change] = []
        after: ChangeId | None = None
        for _ in range(_OWN_LOOKED_AT // 100):
            page = self._store.list(limit=100, after=after)
            found += [one for one in page if who.person in (one.requester, one.request.by)]
            if len(found) >= limit or len(page) < 100:
                break
            after = page[-1].id
        return tuple(one for one in found[:limit] if who.may_see(one.repository))

    def _document(self, change: Change) -> records.Document:
        """The outcome document; evidence that is gone is left out, and said."""
        try:
            return outcome(change, self._store.artifacts)
        except StoreError as error:
            return {
                "outcome": change.stage.value,
                "why": f"{change.why or change.stage.value} (evidence can't be shown: {error})",
                "rehearsal": None,
                "survey": None,
                "plan": None,
                "proof": None,
                "findings": [],
                "gate": None,
                "ending": None,
            }


def find(store: Store, who: SignedIn, ident: str) -> Change | No:
    """The change that `who` may see; the same answer for one that is not there."""
    unknown = No("unknown-change", "There is no such change that you may see.", "", 404)
    try:
        change = store.get(ChangeId(ident))
    except UnknownChange:
        return unknown
    return change if who.may_see(change.repository) else unknown


def lines(entries: Sequence[Entry]) -> tuple[Line, ...]:
    """The log of a change as lines, oldest first."""
    told: list[Line] = []
    moved: datetime | None = None
    for entry in entries:
        judgment = entry.judgment
        took = entry.at - moved if entry.move is not None and moved is not None else None
        if entry.move is not None:
            moved = entry.at
        if judgment.kind in _QUIET:
            continue
        told.append(
            Line(
                seq=entry.seq,
                at=entry.at,
                actor=judgment.actor,
                kind=judgment.kind,
                text=judgment.why,
                evidence=judgment.evidence,
                took=took,
            )
        )
    return tuple(told)


def _questions(change: Change, document: records.Document) -> tuple[Asked, ...]:
    if change.stage is not Stage.NEEDS_ANSWER:
        return ()
    asks: list[dict[str, Any]] = (document["ending"] or {}).get("asks", [])
    return tuple(Asked(str(one["question"]), str(one["default"])) for one in asks[:3])


def _counts(proof: records.Document | None) -> tuple[tuple[str, str, int], ...]:
    if proof is None:
        return ()
    tally: dict[tuple[str, str], int] = {}
    for cell in proof["cells"]:
        key = (str(cell["side"]), str(cell["outcome"]))
        tally[key] = tally.get(key, 0) + 1
    return tuple((side, outcome_, count) for (side, outcome_), count in sorted(tally.items()))
