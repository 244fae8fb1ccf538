"""Judgments, the vocabulary they use, and the entries that they become.

A judgment is what somebody says; an entry is that judgment with its place and time, as the bytes
that the tree hashes. Fields are added last and with a default; anything more is a new `v`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from service.changes import ChangeId, Digest, Principal, is_digest, principal
from service.ledger.canonical import canonical
from service.ledger.errors import BadEntry

VERSION = 1
LONGEST = 64 * 1024
"""Bytes that one entry may have. What is longer is an artifact, named by its digest."""


class Kind(StrEnum):
    """What was judged or done. Past tense or a noun; a name is never changed or reused."""

    # The way of a change
    CHANGE_ASKED = "change-asked"
    ADOPTED = "adopted"
    SURVEYED = "surveyed"
    QUESTION = "question"
    ANSWER = "answer"
    TRIAL = "trial"
    REHEARSAL_WRITTEN = "rehearsal-written"
    CANDIDATE_DISCARDED = "candidate-discarded"
    ABSTAINED = "abstained"
    PLAN_MADE = "plan-made"
    EDITS_REFUSED = "edits-refused"
    PROOF_RUN = "proof-run"
    FINDING = "finding"
    GATE_VERDICT = "gate-verdict"
    WAITING = "waiting"
    DECISION = "decision"
    APPROVAL_REVOKED = "approval-revoked"
    VOID = "void"
    WAIVER = "waiver"
    MERGE_INTENDED = "merge-intended"
    MERGED = "merged"
    PREDICTION_CHECKED = "prediction-checked"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    FAILED = "failed"
    # Models
    MODEL_CALL = "model-call"
    BUDGET_SPENT = "budget-spent"
    # People
    SIGN_IN = "sign-in"
    SIGN_IN_REFUSED = "sign-in-refused"
    SIGN_OUT = "sign-out"
    ACCOUNT_MADE = "account-made"
    ACCOUNT_RESET = "account-reset"
    ACCOUNT_CLOSED = "account-closed"
    ROLE_CHANGE = "role-change"
    TOKEN_MADE = "token-made"  # noqa: S105 - the name of a deed
    TOKEN_REVOKED = "token-revoked"  # noqa: S105
    # The service
    FREEZE = "freeze"
    THAW = "thaw"
    SETTING_CHANGED = "setting-changed"
    RULES_CHANGED = "rules-changed"
    REPOSITORY_ADDED = "repository-added"
    REPOSITORY_REMOVED = "repository-removed"
    UNSEEN_COMMIT = "unseen-commit"
    # The log itself
    KEY_MADE = "key-made"
    CHECKPOINT_SIGNED = "checkpoint-signed"
    CHECKPOINT_PUBLISHED = "checkpoint-published"
    EPOCH = "epoch"


@dataclass(frozen=True)
class Judgment:
    """Who judged what, why, and on which evidence; not yet written down.

    `payload` holds what JSON holds, without floats; `evidence` are digests of artifacts.
    """

    kind: Kind
    actor: Principal
    change: ChangeId | None
    why: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    evidence: tuple[Digest, ...] = ()


@dataclass(frozen=True)
class Entry:
    """A judgment as it stands in the log."""

    seq: int
    at: datetime
    judgment: Judgment
    move: Mapping[str, Any] | None
    """The move that came with it: {"from", "to", "sets"}; None for a judgment without one."""
    body: bytes
    """The canonical bytes that the tree hashes."""


@dataclass(frozen=True)
class Receipt:
    """A proof that one entry stands in the log that a root names."""

    seq: int
    size: int
    leaf: bytes
    path: tuple[bytes, ...]
    root: bytes


def body(
    judgment: Judgment, seq: int, at: datetime, move: Mapping[str, Any] | None = None
) -> bytes:
    """The bytes of the entry that `judgment` becomes at place `seq`. Raises `BadEntry`."""
    for digest in judgment.evidence:
        if not is_digest(digest):
            raise BadEntry(f"evidence is named by digest, not by {digest!r}")
    document: dict[str, Any] = {
        "v": VERSION,
        "seq": seq,
        "at": timestamp(at),
        "actor": {"kind": judgment.actor.kind, "id": judgment.actor.id},
        "kind": Kind(judgment.kind),
        "subject": {"change": judgment.change} if judgment.change is not None else {},
        "why": judgment.why,
        "payload": judgment.payload,
        "evidence": judgment.evidence,
    }
    if move is not None:
        document["move"] = move
    written = canonical(document)
    if len(written) > LONGEST:
        raise BadEntry(
            f"an entry of {len(written)} bytes is too long (at most {LONGEST})",
            mend="put the long part into an artifact and name its digest as evidence",
        )
    return written


def read(written: bytes) -> Entry:
    """The entry that `body` wrote. Raises `BadEntry` for anything else."""
    try:
        document = json.loads(written)
        subject = document["subject"].get("change")
        judgment = Judgment(
            kind=Kind(document["kind"]),
            actor=principal(document["actor"]["kind"], document["actor"]["id"]),
            change=None if subject is None else ChangeId(subject),
            why=document["why"],
            payload=document["payload"],
            evidence=tuple(Digest(one) for one in document["evidence"]),
        )
        at = datetime.fromisoformat(document["at"])
        return Entry(document["seq"], at, judgment, document.get("move"), written)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadEntry(f"this is no entry: {written[:80]!r}") from error


def timestamp(at: datetime) -> str:
    """`at` as entries write it: UTC, microseconds, "Z". Raises `BadEntry` without a zone."""
    if at.tzinfo is None:
        raise BadEntry("a time needs a zone")
    return at.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"
