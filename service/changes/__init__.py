"""Changes: one request's way to the end, as values, with one table of stages and moves.

Pure: no clock, no disk, no database. `apply` is the only function that sets a stage; whoever keeps
changes (`service.store`) calls it and writes down what it answers.
"""

from __future__ import annotations

from service.changes.errors import LeaseLost, LeaseTaken, MoveRefused, UnknownChange
from service.changes.moves import (
    MAX_ATTEMPTS,
    MAX_RETURNS,
    Approval,
    Move,
    Reason,
    Refused,
    apply,
    change_from,
)
from service.changes.stages import ENDED, MOVES, NEEDS, OPEN, Stage
from service.changes.values import (
    Agent,
    Bot,
    Change,
    ChangeId,
    Digest,
    Person,
    Principal,
    Request,
    Source,
    System,
    digest_of,
    is_digest,
    principal,
)

__all__ = [
    "ENDED",
    "MAX_ATTEMPTS",
    "MAX_RETURNS",
    "MOVES",
    "NEEDS",
    "OPEN",
    "Agent",
    "Approval",
    "Bot",
    "Change",
    "ChangeId",
    "Digest",
    "LeaseLost",
    "LeaseTaken",
    "Move",
    "MoveRefused",
    "Person",
    "Principal",
    "Reason",
    "Refused",
    "Request",
    "Source",
    "Stage",
    "System",
    "UnknownChange",
    "apply",
    "change_from",
    "digest_of",
    "is_digest",
    "principal",
]
