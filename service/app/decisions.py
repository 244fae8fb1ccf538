"""Decisions: what a person may say about a change, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from service.app.people import People
from service.changes import Change, ChangeId
from service.people import No, SignedIn, Strength
from service.store import Store

LASTS = timedelta(hours=24)
"""How long an approval stands by default."""


class Verdict(StrEnum):
    APPROVE = "approve"
    REJECT = "reject"
    REQUEST_CHANGES = "request-changes"


class Switch(StrEnum):
    MERGES = "merges"
    AGENTS = "agents"


@dataclass(frozen=True, kw_only=True)
class Frozen:
    """A switch that is on."""

    switch: Switch
    by: str | None
    why: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A decision as it will be signed. `digest` (hex) is the passkey's challenge; shown short
    beside the button. `options` is None where the person has no passkey."""

    nonce: str
    digest: str
    expires_at: datetime
    options: Mapping[str, Any] | None


@dataclass(frozen=True, kw_only=True)
class Approved:
    """An approval on record."""

    id: str
    account: str
    binding: str
    how: Strength
    reason: str
    question: str
    at: datetime
    expires_at: datetime
    state: str  # standing | redeemed | voided | expired | revoked
    ended_at: datetime | None
    ended_by: str


@dataclass(frozen=True, kw_only=True)
class Chair:
    """Somebody who might decide: may they, and why not."""

    account: str
    name: str
    may: bool
    why: str  # "" where they may; else one sentence


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How a change stands before people: what blocks, who may decide, what was decided."""

    blockers: tuple[str, ...]  # sentences, most pressing first; none: it merges by itself now
    next_step: str  # one sentence for whoever looks at it
    needs: tuple[str, ...]  # e.g. "an approver", "a policy owner"
    chairs: tuple[Chair, ...]
    approvals: tuple[Approved, ...]  # all, newest first
    may: frozenset[Verdict]  # what the one who looks may say
    why_not: str  # why they may not approve; "" where they may
    adopt: bool  # nobody answers for the request yet, and the one who looks may adopt it
    frozen: tuple[Frozen, ...]
    alone: str  # "" or the sentence for somebody who is alone


class Decisions:
    def __init__(
        self,
        store: Store,
        people: People,
        clock: Callable[[], datetime],
        wake: Callable[[ChangeId], None] = lambda _: None,
        moved: Callable[[Change], str | None] = lambda _: None,
    ) -> None:
        """`wake` tells the worker that a change may go on; `moved` answers what moved under a
        waiting change since it was bound (a sentence), None where nothing did."""
        self._store = store
        self._people = people
        self._clock = clock
        self._wake = wake
        self._moved = moved

    def standing(self, change: Change, who: SignedIn | None) -> Standing:
        raise NotImplementedError

    def prepare(
        self,
        who: SignedIn,
        change: ChangeId,
        *,
        verdict: Verdict,
        reason: str,
        question: str,
        binding: str,
        answers: Mapping[str, str] | None = None,
    ) -> Prepared | No:
        """Begin a decision. No 403 by whom it may not be taken, 409 where `binding` is not what is
        bound now (or the change waits no more), 422 for a reason that is too short."""
        raise NotImplementedError

    def decide(
        self,
        who: SignedIn,
        nonce: str,
        *,
        password: str | None = None,
        assertion: Mapping[str, Any] | None = None,
        address: str = "",
    ) -> Change | No:
        """Take a prepared decision, once: step-up is checked, everything else is checked again.
        No 409 "already decided" for a second, late or stale one; it changes nothing but the log."""
        raise NotImplementedError

    def revoke(self, who: SignedIn, approval: str, why: str) -> Change | No:
        """Take one's own approval back, while the change waits."""
        raise NotImplementedError

    def adopt(self, who: SignedIn, change: ChangeId) -> Change | No:
        """Answer for a request that no person made; counts as requester from then on."""
        raise NotImplementedError

    def answer(self, who: SignedIn, change: ChangeId, answers: Sequence[str]) -> Change | No:
        """Answer the questions of a change in `needs-answer`; counts as having shaped it."""
        raise NotImplementedError

    def withdraw(self, who: SignedIn, change: ChangeId, why: str) -> Change | No:
        """The requester, adopter or an administrator ends it."""
        raise NotImplementedError

    def expire(self) -> tuple[ChangeId, ...]:
        """End approvals and prepared decisions whose time is over; for a timer."""
        raise NotImplementedError

    def void(self, change: ChangeId, what: str) -> Change:
        """Everything that stood on what was bound is void, because of `what` (a sentence)."""
        raise NotImplementedError

    def freeze(self, who: SignedIn, switch: Switch, why: str) -> No | None:
        raise NotImplementedError

    def thaw(self, who: SignedIn, switch: Switch, why: str) -> No | None:
        raise NotImplementedError

    def frozen(self) -> tuple[Frozen, ...]:
        raise NotImplementedError
