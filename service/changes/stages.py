"""Stages of a change and the one table of moves between them.

Data only: what a move asks for beyond the table is said in `service.changes.moves`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Stage(StrEnum):
    """How far a change has come. Stored: a name is never changed or reused."""

    ASKED = "asked"
    SURVEYED = "surveyed"
    NEEDS_ANSWER = "needs-answer"
    REHEARSED = "rehearsed"
    PLANNED = "planned"
    PROVEN = "proven"
    GATED = "gated"
    WAITING = "waiting"
    MERGING = "merging"
    MERGED = "merged"
    NOTHING_FITS = "nothing-fits"
    NOT_REPRODUCED = "not-reproduced"
    NOT_PROVEN = "not-proven"
    REFUSED = "refused"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    FAILED = "failed"


ENDED: frozenset[Stage] = frozenset(
    {
        Stage.MERGED,
        Stage.NOTHING_FITS,
        Stage.NOT_REPRODUCED,
        Stage.NOT_PROVEN,
        Stage.REFUSED,
        Stage.REJECTED,
        Stage.WITHDRAWN,
        Stage.EXPIRED,
        Stage.FAILED,
    }
)
OPEN: frozenset[Stage] = frozenset(Stage) - ENDED

_ANY_TIME = {Stage.WITHDRAWN, Stage.EXPIRED, Stage.FAILED}

MOVES: Mapping[Stage, frozenset[Stage]] = MappingProxyType(
    {
        Stage.ASKED: frozenset({Stage.SURVEYED} | _ANY_TIME),
        Stage.SURVEYED: frozenset(
            {Stage.NEEDS_ANSWER, Stage.REHEARSED, Stage.NOTHING_FITS, Stage.NOT_REPRODUCED}
            | _ANY_TIME
        ),
        # An answer leads back to where the question came up.
        Stage.NEEDS_ANSWER: frozenset({Stage.SURVEYED, Stage.REHEARSED, Stage.PLANNED} | _ANY_TIME),
        # refused: the edits of the plan lead where no edit may.
        Stage.REHEARSED: frozenset(
            {
                Stage.NEEDS_ANSWER,
                Stage.PLANNED,
                Stage.NOTHING_FITS,
                Stage.NOT_REPRODUCED,
                Stage.REFUSED,
            }
            | _ANY_TIME
        ),
        # Back to `rehearsed`: the proof did not hold, a new plan is made that knows its evidence.
        # planned -> planned: the same, where the next plan is at hand already.
        Stage.PLANNED: frozenset(
            {
                Stage.REHEARSED,
                Stage.PLANNED,
                Stage.NEEDS_ANSWER,
                Stage.PROVEN,
                Stage.NOT_PROVEN,
                Stage.NOTHING_FITS,
                Stage.NOT_REPRODUCED,
            }
            | _ANY_TIME
        ),
        # The gate judges what is proven: on, once back to a new plan, or refused.
        Stage.PROVEN: frozenset(
            {Stage.GATED, Stage.REHEARSED, Stage.PLANNED, Stage.REFUSED} | _ANY_TIME
        ),
        Stage.GATED: frozenset(
            {Stage.WAITING, Stage.REHEARSED, Stage.PLANNED, Stage.REFUSED} | _ANY_TIME
        ),
        # Back to `rehearsed`: people asked for changes, so a new plan is made. Back to `planned`:
        # a void that a judgment names, so the same plan is proven again.
        Stage.WAITING: frozenset(
            {Stage.REHEARSED, Stage.PLANNED, Stage.MERGING, Stage.REJECTED} | _ANY_TIME
        ),
        # Too late to withdraw or expire: the branch may have moved already, and a change that was
        # merged must not be on record as taken back. A void leads back as from `waiting`: to
        # `rehearsed` where the plan can't be brought onto the branch as it is now.
        Stage.MERGING: frozenset({Stage.REHEARSED, Stage.PLANNED, Stage.MERGED, Stage.FAILED}),
        **{stage: frozenset() for stage in ENDED},
    }
)

NEEDS: Mapping[Stage, tuple[str, ...]] = MappingProxyType(
    {
        Stage.REHEARSED: ("rehearsal",),
        Stage.PLANNED: ("rehearsal", "plan"),
        Stage.PROVEN: ("rehearsal", "plan", "proof"),
        Stage.GATED: ("rehearsal", "plan", "proof", "verdict"),
        Stage.WAITING: ("rehearsal", "plan", "proof", "verdict", "binding"),
        Stage.MERGING: ("rehearsal", "plan", "proof", "verdict", "binding"),
        Stage.MERGED: ("rehearsal", "plan", "proof", "verdict", "binding"),
    }
)
"""What must be on record before a change may be said to have come that far."""
