"""survey: what can be started here, what is destructive, what could not be read."""

from __future__ import annotations

from service.app import records
from service.changes import Change, Move, Stage, System
from service.flow.parts import Parts
from service.ledger import Judgment, Kind


def survey(parts: Parts, change: Change) -> Change:
    """Read the base tree; asked -> surveyed."""
    base = parts.tree(change.tree)
    found = parts.reader.survey(base)
    digest = parts.keep(records.survey(found))
    text = (
        f"{len(found.entry_points)} entry points, {len(found.destructive)} destructive commands, "
        f"{len(base)} files"
    )
    surveyed = parts.changes.record(
        change.id,
        Move(Stage.SURVEYED, {"survey": digest}),
        Judgment(
            kind=Kind.SURVEYED,
            actor=System("pawl"),
            change=change.id,
            why=text,
            payload={
                "entry_points": len(found.entry_points),
                "destructive": list(found.destructive[:20]),
                "unread": list(found.unread[:20]),
                "base": change.base,
            },
            evidence=(digest,),
        ),
    )
    parts.thread.stage(surveyed, text)
    return surveyed
