"""Rows to values and back, and what the log says of a move.

Pure: a row here is a mapping of column names, wherever it came from.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from service.changes import (
    Change,
    ChangeId,
    Move,
    Person,
    Principal,
    Request,
    Source,
    Stage,
    digest_of,
    principal,
)
from service.ledger.entry import timestamp

DIGESTS = (
    "tree",
    "survey",
    "rehearsal",
    "plan",
    "draft",
    "proof",
    "facts",
    "verdict",
    "patch",
    "binding",
    "ending",
)
_PLAIN = ("repository", "base", "branch", "attempts", "returned", *DIGESTS)


def row_of(change: Change) -> dict[str, Any]:
    """The columns of a change, but for `number` and `key`."""
    return {
        "id": change.id,
        "open": not change.ended,
        "text": change.request.text,
        "by_kind": change.request.by.kind,
        "by_id": change.request.by.id,
        "source": change.request.source.value,
        "stage": change.stage.value,
        **{name: getattr(change, name) for name in _PLAIN},
        "shapers": _people(change.shapers),
        "reviewers": _people(change.reviewers),
        "adopter": None if change.adopter is None else change.adopter.id,
        "told": json.dumps(change.told),
        "why": change.why,
        "title": change.title or None,
        "created": change.created,
        "updated": change.updated,
        "prediction_due": change.prediction_due,
    }


def change_of(row: Mapping[Any, Any]) -> Change:
    """The change that `row_of` wrote."""
    return Change(
        id=ChangeId(row["id"]),
        request=Request(
            row["text"], principal(row["by_kind"], row["by_id"]), Source(row["source"])
        ),
        stage=Stage(row["stage"]),
        **{name: row[name] for name in _PLAIN},
        shapers=_read_people(row["shapers"]),
        reviewers=_read_people(row["reviewers"]),
        adopter=None if row["adopter"] is None else Person(row["adopter"]),
        told=tuple(json.loads(row["told"])),
        why=row["why"],
        title=row["title"] or "",
        created=row["created"],
        updated=row["updated"],
        prediction_due=row["prediction_due"],
    )


def on_record(change: Change) -> dict[str, Any]:
    """What the log says of a change's fields. Words of people stand there by digest only."""
    return {
        **{name: getattr(change, name) for name in _PLAIN},
        "title": change.title or None,
        "requester": [change.request.by.kind, change.request.by.id],
        "text": digest_of(change.request.text.encode("utf-8", "surrogatepass")),
        "shapers": [[one.kind, one.id] for one in change.shapers],
        "reviewers": [[one.kind, one.id] for one in change.reviewers],
        "adopter": None if change.adopter is None else change.adopter.id,
        "told": digest_of(json.dumps(change.told).encode()) if change.told else None,
        "prediction_due": _at(change.prediction_due),
    }


def opened(change: Change) -> dict[str, Any]:
    """What the log says of a change that begins."""
    sets = {name: value for name, value in on_record(change).items() if value is not None}
    return {"from": None, "to": change.stage.value, "sets": sets}


def moved(before: Change, after: Change, move: Move) -> dict[str, Any]:
    """What the log says of a step: from where, to where, and the fields that are not as before."""
    old, new = on_record(before), on_record(after)
    said: dict[str, Any] = {
        "from": before.stage.value,
        "to": after.stage.value,
        "sets": {name: value for name, value in new.items() if value != old[name]},
    }
    if move.approvals:
        said["approvals"] = [
            {
                "binding": one.binding,
                "by": one.by.id,
                "cosigner": None if one.cosigner is None else one.cosigner.id,
            }
            for one in move.approvals
        ]
    return said


def _people(people: tuple[Principal, ...]) -> str:
    return json.dumps([[one.kind, one.id] for one in people])


def _read_people(text: str) -> tuple[Principal, ...]:
    return tuple(principal(kind, ident) for kind, ident in json.loads(text))


def _at(moment: datetime | None) -> str | None:
    return None if moment is None else timestamp(moment)
