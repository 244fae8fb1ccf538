"""wait: the proposal stands and waits for people. The interrupt stands alone in its node."""

from __future__ import annotations

from langgraph.types import interrupt

from service.changes import Change, Move, Stage, System
from service.flow.parts import Parts
from service.ledger import Judgment, Kind


def queue(parts: Parts, change: Change) -> Change:
    """gated -> waiting: from here on only people move it."""
    published = parts.merging.publish(change) if parts.merging is not None else ""
    if published:
        parts.thread.say(published)
    waiting = parts.changes.record(
        change.id,
        Move(Stage.WAITING, {}),
        Judgment(
            kind=Kind.WAITING,
            actor=System("pawl"),
            change=change.id,
            why="the proposal stands and waits for a person who did not ask for it",
            payload={"binding": change.binding or "", "published": published},
        ),
    )
    parts.thread.stage(waiting, "the proposal stands; merging needs a second person")
    return waiting


def wait(change: Change) -> None:
    """Stop until a decision is in the store; the payload is an id, never the question."""
    interrupt({"change": change.id})
