"""Verdicts, switches and what pages are told of decisions. Values only; nothing here decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from service.people import Strength


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
