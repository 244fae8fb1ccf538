"""Moves: how a change gets from one stage to the next, and what each move asks for.

Pure. Roles, expiry and single use of decisions are `service.approvals`' business; here is the last
line, which no caller can go around: nothing merges without a valid approval of what is bound.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from service.changes.stages import MOVES, NEEDS, Stage
from service.changes.values import (
    Agent,
    Bot,
    Change,
    ChangeId,
    Digest,
    Person,
    Principal,
    Request,
    System,
    is_digest,
)

MAX_ATTEMPTS = 3
"""How often a proof that did not hold may lead back to the plan before the change is not proven."""
MAX_RETURNS = 1
"""How often a denial may lead back to the plan before the change is refused."""

_DIGESTS = frozenset(
    {
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
    }
)
_PEOPLE = frozenset({"shapers", "reviewers"})
_COUNTERS = frozenset({"attempts", "returned"})
_SETTABLE = (
    _DIGESTS | _PEOPLE | _COUNTERS | {"adopter", "why", "title", "told", "base", "prediction_due"}
)

# What a binding is made from, with what stands for it: when one moves, the binding is void.
_BOUND = frozenset(
    {"tree", "rehearsal", "plan", "draft", "proof", "facts", "verdict", "patch", "base"}
)
# What was found of one plan and must be found again.
_OF_ONE_PROOF = ("proof", "facts", "verdict", "binding")
# A move to the stage where the change already is may only say who takes part.
_STAYING = _PEOPLE | {"adopter", "why"}
_BACK = frozenset({Stage.REHEARSED, Stage.PLANNED})
_NEW_ROUND = frozenset({Stage.WAITING, Stage.MERGING})


@dataclass(frozen=True)
class Approval:
    """A person's yes to exactly what `binding` digests.

    `cosigner` signs with `by` where four eyes leave nobody else: the requester, together with
    somebody who asked for changes.
    """

    binding: Digest
    by: Person
    cosigner: Person | None = None


@dataclass(frozen=True)
class Move:
    """A wish to bring a change to `to`, with the fields that it sets.

    `sets` may name: tree, survey, rehearsal, plan, draft, proof, facts, verdict, patch, binding,
    ending (digests or None), shapers, reviewers (principals, added to those on record), adopter,
    told (tuple of texts, replaces), why, title, base, prediction_due. `attempts`, `returned` follow
    from the move; who names them must name what follows. `approvals` is read for merging, merged.
    """

    to: Stage
    sets: Mapping[str, object] = field(default_factory=dict)
    approvals: tuple[Approval, ...] = ()


class Reason(StrEnum):
    """Why a move was refused."""

    ENDED = "ended"
    NOT_IN_TABLE = "not-in-table"
    NOT_SETTABLE = "not-settable"
    SOMETHING_MISSING = "something-missing"
    TOO_OFTEN = "too-often"
    BOUND = "bound"
    NO_APPROVAL = "no-approval"
    OTHER_BINDING = "other-binding"
    NOT_A_PERSON = "not-a-person"
    OWN_REQUEST = "own-request"
    SHAPED_IT = "shaped-it"
    REQUESTER_NOT_A_PERSON = "requester-not-a-person"
    ADOPTED_ALREADY = "adopted-already"


@dataclass(frozen=True)
class Refused:
    """A move that is not allowed: an ordinary answer, so it is returned and not raised."""

    change: ChangeId
    at: Stage
    to: Stage
    reason: Reason
    why: str


def change_from(
    request: Request,
    *,
    ident: ChangeId,
    repository: str,
    base: str,
    branch: str,
    now: datetime,
    tree: Digest | None = None,
) -> Change:
    """A change as it begins: asked. Raises `ValueError` for a time without a zone."""
    at = _utc(now)
    return Change(
        id=ident,
        repository=repository,
        request=request,
        base=base,
        branch=branch,
        stage=Stage.ASKED,
        tree=tree,
        created=at,
        updated=at,
    )


def apply(change: Change, move: Move, now: datetime) -> Change | Refused:
    """Answer the change after `move`, or why it is refused. The only way to set a stage.

    `now` is a time with a zone; `ValueError` is raised for one without. A move to the stage where
    the change is may only name people (shapers, reviewers, an adopter), except planned -> planned.
    A move back to the plan takes proof, facts, verdict and binding off the record.
    """
    at = _utc(now)
    refusal = (
        _off_the_table(change, move)
        or _wrong_sets(change, move)
        or _too_often(change, move)
        or _adopted(change, move)
    )
    if refusal is not None:
        return refusal
    after = _moved(change, move, at)
    wrong = [n for n in sorted(_COUNTERS & move.sets.keys()) if getattr(after, n) != move.sets[n]]
    if wrong:
        why = f"{wrong[0]} follows from the move: {getattr(after, wrong[0])}"
        return Refused(change.id, change.stage, move.to, Reason.NOT_SETTABLE, why)
    missing = [name for name in NEEDS.get(move.to, ()) if getattr(after, name) is None]
    if missing:
        why = f"{change.id} can't be {move.to}: no {' and no '.join(missing)} is on record"
        return Refused(change.id, change.stage, move.to, Reason.SOMETHING_MISSING, why)
    if move.to in (Stage.MERGING, Stage.MERGED):
        no = _not_approved(change, move)
        if no is not None:
            return Refused(change.id, change.stage, move.to, *no)
    return after


def _off_the_table(change: Change, move: Move) -> Refused | None:
    if change.ended:
        why = f"{change.id} ended as {change.stage}; nothing leads on from there"
        return Refused(change.id, change.stage, move.to, Reason.ENDED, why)
    if move.to in MOVES[change.stage] or _stays(change, move):
        return None
    why = f"no move leads from {change.stage} to {move.to}"
    return Refused(change.id, change.stage, move.to, Reason.NOT_IN_TABLE, why)


def _stays(change: Change, move: Move) -> bool:
    """Whether the move only says who takes part, without being a step."""
    return move.to is change.stage and bool(move.sets) and _STAYING.issuperset(move.sets)


def _wrong_sets(change: Change, move: Move) -> Refused | None:
    for name, value in move.sets.items():
        problem = _unfit(name, value)
        if problem:
            return Refused(change.id, change.stage, move.to, Reason.NOT_SETTABLE, problem)
    touched = sorted((_BOUND | {"binding"}).intersection(move.sets))
    if move.to in (Stage.MERGING, Stage.MERGED) and touched:
        why = f"what is approved can't be set while merging: {', '.join(touched)}"
        return Refused(change.id, change.stage, move.to, Reason.BOUND, why)
    return None


def _unfit(name: str, value: object) -> str:
    """What is wrong with setting field `name` to `value`; "" where nothing is."""
    if name not in _SETTABLE:
        return f"a move can't set {name!r}"
    if name in _DIGESTS:
        fits = value is None or is_digest(value)
        return "" if fits else f"{name} must be a digest (64 hexadecimal digits) or None"
    if name in _PEOPLE:
        fits = isinstance(value, tuple) and all(
            isinstance(one, Person | Agent | Bot | System) for one in value
        )
        return "" if fits else f"{name} must be a tuple of principals"
    if name == "told":
        fits = isinstance(value, tuple) and all(isinstance(one, str) for one in value)
        return "" if fits else "told must be a tuple of texts"
    if name in _COUNTERS:
        return "" if type(value) is int else f"{name} must be a whole number"
    if name == "adopter":
        return "" if isinstance(value, Person) else "only a person adopts a request"
    if name == "prediction_due":
        fits = value is None or (isinstance(value, datetime) and value.tzinfo is not None)
        return "" if fits else "prediction_due must be a time with a zone, or None"
    fits = isinstance(value, str) and (name != "base" or bool(value))
    return "" if fits else f"{name} must be text"


def _too_often(change: Change, move: Move) -> Refused | None:
    if move.to not in _BACK or _stays(change, move):
        return None
    if change.stage is Stage.PLANNED and change.attempts >= MAX_ATTEMPTS:
        why = f"{change.attempts} plans went back to be made again; it is not proven"
        return Refused(change.id, change.stage, move.to, Reason.TOO_OFTEN, why)
    if change.stage in (Stage.PROVEN, Stage.GATED) and change.returned >= MAX_RETURNS:
        why = "the gate sent a plan back before; now it refuses"
        return Refused(change.id, change.stage, move.to, Reason.TOO_OFTEN, why)
    return None


def _adopted(change: Change, move: Move) -> Refused | None:
    if "adopter" not in move.sets:
        return None
    if change.adopter is None and not isinstance(change.request.by, Person):
        return None
    who = change.requester.id
    why = f"{who} answers for this request already; it can't be adopted again"
    return Refused(change.id, change.stage, move.to, Reason.ADOPTED_ALREADY, why)


def _moved(change: Change, move: Move, at: datetime) -> Change:
    sets: dict[str, Any] = {}
    if not _stays(change, move):
        if move.to in _BACK:
            sets.update(dict.fromkeys(_OF_ONE_PROOF))
        sets.update(_counters(change, move.to))
    if _BOUND.intersection(move.sets):
        sets["binding"] = None  # unless the move brings the new one
    sets.update({name: value for name, value in move.sets.items() if name not in _COUNTERS})
    for name in _PEOPLE.intersection(move.sets):
        on_record: tuple[Principal, ...] = getattr(change, name)
        sets[name] = tuple(dict.fromkeys((*on_record, *sets[name])))
    if sets.get("prediction_due") is not None:
        sets["prediction_due"] = _utc(sets["prediction_due"])
    return replace(change, stage=move.to, updated=at, **sets)


def _counters(change: Change, to: Stage) -> dict[str, int]:
    """The counters that a step from where `change` is to `to` moves."""
    at = change.stage
    if at is Stage.PLANNED and to in (*_BACK, Stage.NOT_PROVEN):
        return {"attempts": change.attempts + 1}
    if at in (Stage.PROVEN, Stage.GATED) and to in (*_BACK, Stage.REFUSED):
        return {"returned": change.returned + 1}
    if at in _NEW_ROUND and to in _BACK:
        return {"attempts": 0, "returned": 0}
    return {}


def _not_approved(change: Change, move: Move) -> tuple[Reason, str] | None:
    """Why the approvals that came with `move` don't let `change` merge; None where they do."""
    if not isinstance(change.requester, Person):
        why = f"{change.requester.id} is no person: somebody has to adopt the request first"
        return Reason.REQUESTER_NOT_A_PERSON, why
    if not move.approvals:
        return Reason.NO_APPROVAL, "nothing merges without an approval"
    for approval in move.approvals:
        no = _invalid(change, approval)
        if no is not None:
            return no
    return None


def _invalid(change: Change, approval: Approval) -> tuple[Reason, str] | None:
    by = approval.by
    if by.kind != Person.kind:  # whatever the types promised
        return Reason.NOT_A_PERSON, "only a person approves"
    if change.binding is None or approval.binding != change.binding:
        return Reason.OTHER_BINDING, f"{by.id} approved something else than what is bound now"
    if by in (change.requester, change.request.by):
        return Reason.OWN_REQUEST, f"{by.id} asked for it and can't approve it"
    if by in change.shapers:
        return Reason.SHAPED_IT, f"{by.id} shaped it and can't approve it"
    if by in change.reviewers and approval.cosigner != change.requester:
        why = f"{by.id} asked for changes and can approve only together with the requester"
        return Reason.SHAPED_IT, why
    return None


def _utc(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError("a time needs a zone")
    return at.astimezone(UTC)
