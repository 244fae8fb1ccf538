"""Changes and judgments of a bakery, for tests of the store."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service.changes import (
    Approval,
    Bot,
    Change,
    ChangeId,
    Digest,
    Move,
    Person,
    Request,
    Source,
    Stage,
    System,
    digest_of,
)
from service.ledger import Judgment, Kind
from service.ledger.verify import Verification, verify
from service.store import Store

ADA, BEN, CYN = Person("ada"), Person("ben"), Person("cyn")
REQUEST = Request("The night oven bakes yesterday's dough.", ADA, Source.CHAT)
SCANNED = Request("Two ovens share one timer.", Bot("scan"), Source.SCAN)


def digest(word: str) -> Digest:
    return digest_of(word.encode())


def ask(store: Store, key: str = "night-oven", request: Request = REQUEST) -> Change:
    return store.open_change(
        request, repository="bakery", base="b" * 40, branch="main", key=key, tree=digest("tree")
    )


def said(kind: Kind, change: ChangeId | None = None, why: str = "so it was found") -> Judgment:
    return Judgment(kind, System("pawl"), change, why, {"loaves": 12})


WAY: tuple[tuple[Move, Kind], ...] = (
    (Move(Stage.SURVEYED, {"survey": digest("survey")}), Kind.SURVEYED),
    (Move(Stage.REHEARSED, {"rehearsal": digest("rehearsal")}), Kind.REHEARSAL_WRITTEN),
    (Move(Stage.PLANNED, {"plan": digest("plan"), "draft": digest("draft")}), Kind.PLAN_MADE),
    (Move(Stage.PROVEN, {"proof": digest("proof")}), Kind.PROOF_RUN),
    (
        Move(
            Stage.GATED,
            {
                "facts": digest("facts"),
                "verdict": digest("verdict"),
                "binding": digest("binding"),
                "shapers": (CYN,),
            },
        ),
        Kind.GATE_VERDICT,
    ),
    (Move(Stage.WAITING), Kind.WAITING),
    (Move(Stage.MERGING, approvals=(Approval(digest("binding"), BEN),)), Kind.MERGE_INTENDED),
    (Move(Stage.MERGED, approvals=(Approval(digest("binding"), BEN),)), Kind.MERGED),
)


def bring(store: Store, change: Change, to: Stage) -> Change:
    """Move `change` along the way until it is at `to`."""
    for move, kind in WAY:
        if change.stage is to:
            break
        change = store.record(change.id, move, said(kind))
    assert change.stage is to
    return change


def verified(store: Store, *outside: str) -> Verification:
    """What an auditor says who kept the public key and `outside`."""
    file = io.BytesIO()
    store.export(file)
    lines = file.getvalue().splitlines(keepends=True)
    return verify(lines, public_key=str(store.public_key), outside=outside)


@contextmanager
def by_hand(home: Path) -> Iterator[sqlite3.Connection]:
    """The database, as somebody opens it who goes around Pawl."""
    db = sqlite3.connect(home / "pawl.sqlite")
    try:
        yield db
        db.commit()
    finally:
        db.close()


def without_triggers(db: sqlite3.Connection) -> None:
    """Take away what keeps the log append-only."""
    names = db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for (name,) in names:
        db.execute(f"DROP TRIGGER {name}")
