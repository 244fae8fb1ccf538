"""What a change is: who asked, in which words, and what was found so far, by digest.

Values only. Evidence itself (plans, proofs, transcripts) lies in the store's artifacts; a change
holds nothing but the digests that name it.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, NewType

from service.changes.stages import ENDED, Stage

ChangeId = NewType("ChangeId", str)
Digest = NewType("Digest", str)
"""SHA-256 as 64 lower-case hexadecimal digits."""

_DIGEST = re.compile(r"[0-9a-f]{64}")


def digest_of(content: bytes) -> Digest:
    """The digest that names `content`."""
    return Digest(hashlib.sha256(content).hexdigest())


def is_digest(text: object) -> bool:
    """Whether `text` is written as a digest is."""
    return isinstance(text, str) and _DIGEST.fullmatch(text) is not None


@dataclass(frozen=True)
class Person:
    """A human being with an account. Only a person decides."""

    id: str
    kind: ClassVar[str] = "person"


@dataclass(frozen=True)
class Agent:
    """A planner, or a role of one. Proposes and nothing else."""

    id: str
    kind: ClassVar[str] = "agent"


@dataclass(frozen=True)
class Bot:
    """An account of a machine on a forge or in a chat."""

    id: str
    kind: ClassVar[str] = "bot"


@dataclass(frozen=True)
class System:
    """Pawl itself: a node of the flow, the gate, the store."""

    id: str
    kind: ClassVar[str] = "system"


Principal = Person | Agent | Bot | System

_PRINCIPALS: dict[str, type[Person | Agent | Bot | System]] = {
    kind.kind: kind for kind in (Person, Agent, Bot, System)
}


def principal(kind: str, ident: str) -> Principal:
    """The principal written down as (`kind`, `ident`). Raises `ValueError` for another kind."""
    if kind not in _PRINCIPALS:
        raise ValueError(f"{kind!r} is not a kind of principal")
    return _PRINCIPALS[kind](ident)


class Source(StrEnum):
    """Where a request came from."""

    CHAT = "chat"
    CLI = "cli"
    API = "api"
    ISSUE = "issue"
    SCAN = "scan"


@dataclass(frozen=True)
class Request:
    """An incident or a piece of toil in a person's words."""

    text: str
    by: Principal
    source: Source


@dataclass(frozen=True, kw_only=True)
class Change:
    """One request's way to the end. Made by `change_from`, moved by `apply`, by nothing else."""

    id: ChangeId
    repository: str
    request: Request
    base: str
    """Commit or tree id that the change starts from; `tree` holds its files."""
    branch: str
    """Name of the branch that it is to be merged into."""
    stage: Stage
    created: datetime
    updated: datetime
    attempts: int = 0
    """How often a proof did not hold in this round. A round ends where people send it back."""
    returned: int = 0
    """How often the gate denied a plan of this round."""
    tree: Digest | None = None
    """The base tree, packed."""
    survey: Digest | None = None
    rehearsal: Digest | None = None
    plan: Digest | None = None
    draft: Digest | None = None
    proof: Digest | None = None
    facts: Digest | None = None
    verdict: Digest | None = None
    patch: Digest | None = None
    binding: Digest | None = None
    """What an approval approves; None where nothing stands to be approved."""
    shapers: tuple[Principal, ...] = ()
    """Everyone who shaped what would be merged: answered a question, pushed to its branch ..."""
    reviewers: tuple[Principal, ...] = ()
    """Who shaped it by `request changes` alone; may sign together with the requester."""
    adopter: Person | None = None
    """Who took over a request that no signed-in person made; counts as requester."""
    why: str = ""
    title: str = ""
    """What the plan does, in a line; "" before there is one."""
    ending: Digest | None = None
    """What was found where it ended or stopped to ask: tried, looked for, would help."""
    told: tuple[str, ...] = ()
    """Words for the next plan: evidence of a proof, a remedy of the gate, a reviewer's words."""
    prediction_due: datetime | None = None

    @property
    def ended(self) -> bool:
        """Whether no move leads on."""
        return self.stage in ENDED

    @property
    def requester(self) -> Principal:
        """Who answers for the request: the adopter, else who asked."""
        return self.adopter if self.adopter is not None else self.request.by
