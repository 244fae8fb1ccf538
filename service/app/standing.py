"""How a change stands before people: what blocks it, who may decide, what comes next, in words.

Pure: it is told what four eyes say and what is on record.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from service.app.refusals import APPROVED_ALREADY, NO_SESSION, not_waiting
from service.app.verdicts import Approved, Chair, Frozen, Standing, Switch, Verdict
from service.approvals import eyes
from service.approvals.eyes import Bar, Eyes, Signer
from service.changes import Change, Person, Stage
from service.people import SignedIn, Strength
from service.store.decisions import ApprovalOnRecord


def standing(
    change: Change,
    who: SignedIn | None,
    look: Eyes,
    signers: Sequence[Signer],
    rows: Sequence[ApprovalOnRecord],
    frozen: tuple[Frozen, ...],
    *,
    may_ask: bool,
) -> Standing:
    """What `who` is shown of `change`; `may_ask`: they hold a role that lets them adopt it."""
    account = None if who is None or who.session is None else who.account.id
    waiting = change.stage is Stage.WAITING
    given = account is not None and approved_already(look, rows, signers, account)
    may = _may(look, account, frozen, given=given) if waiting else frozenset[Verdict]()
    blockers = tuple(_blockers(change, look, frozen))
    chairs = _chairs(look, signers, change)
    return Standing(
        blockers=blockers,
        next_step=_next_step(change, look, chairs, may, blockers),
        needs=look.needs if waiting else (),
        chairs=chairs,
        approvals=tuple(_approved(row) for row in rows),
        may=may,
        why_not=_why_not(change, bar(look, account), frozen, may, who),
        adopt=account is not None and adoptable(change) and may_ask,
        frozen=frozen,
        alone=_alone(look, account) if waiting else "",
    )


def adoptable(change: Change) -> bool:
    return not change.ended and not isinstance(change.requester, Person)


def switched(frozen: Iterable[Frozen], switch: Switch) -> Frozen | None:
    return next((one for one in frozen if one.switch is switch), None)


def bar(look: Eyes, account: str | None) -> Bar | None:
    """Why `account` may not approve; None where it may."""
    if account is None:
        return Bar("signed-out", "Sign in to decide.")
    return look.bars.get(account)


def approved_already(
    look: Eyes, rows: Iterable[ApprovalOnRecord], signers: Iterable[Signer], me: str
) -> bool:
    """Whether the human being behind `me` has an approval that counts."""
    human = eyes.humans(signers)
    return any(
        human.get(row.account, row.account) == human.get(me, me)
        for row in rows
        if row.id in look.standing
    )


def _may(
    look: Eyes, account: str | None, frozen: Sequence[Frozen], *, given: bool
) -> frozenset[Verdict]:
    if account is None:
        return frozenset()
    may = set[Verdict]()
    if bar(look, account) is None and not given and switched(frozen, Switch.MERGES) is None:
        may.add(Verdict.APPROVE)
    if account in look.may_object:
        may |= {Verdict.REJECT, Verdict.REQUEST_CHANGES}
    return frozenset(may)


def _blockers(change: Change, look: Eyes, frozen: Sequence[Frozen]) -> Iterable[str]:
    if change.stage is not Stage.WAITING:
        return
    if not isinstance(change.requester, Person):
        yield "No person answers for this request: somebody has to adopt it before it can merge."
    stopped = switched(frozen, Switch.MERGES)
    if stopped is not None:
        yield f"Merges are frozen: {stopped.why}"
    if isinstance(change.requester, Person):
        yield from look.blocked
        if look.needs:
            yield f"It needs {', and '.join(look.needs)}."


def _why_not(
    change: Change,
    barred: Bar | None,
    frozen: Sequence[Frozen],
    may: frozenset[Verdict],
    who: SignedIn | None,
) -> str:
    if Verdict.APPROVE in may:
        return ""
    if who is not None and who.session is None:
        return NO_SESSION.why
    if change.stage is not Stage.WAITING:
        return not_waiting(change).why
    if barred is not None:
        return barred.why
    stopped = switched(frozen, Switch.MERGES)
    return f"Merges are frozen: {stopped.why}" if stopped is not None else APPROVED_ALREADY.why


def _chairs(look: Eyes, signers: Iterable[Signer], change: Change) -> tuple[Chair, ...]:
    """Those who hold a role that signs, and who asked: each with why not."""
    return tuple(
        Chair(
            account=one.id,
            name=one.name,
            may=one.id not in look.bars,
            why="" if one.id not in look.bars else look.bars[one.id].why,
        )
        for one in signers
        if one.id not in look.bars
        or (one.open and any(held.role in look.wanted for held in one.holds))
        or one.id == change.requester.id
    )


def _next_step(
    change: Change,
    look: Eyes,
    chairs: Sequence[Chair],
    may: frozenset[Verdict],
    blockers: Sequence[str],
) -> str:
    if change.stage is not Stage.WAITING:
        return f"Nothing is to be decided: the change is {change.stage.value}."
    if not isinstance(change.requester, Person):
        return "Adopt the request if you answer for it; somebody else approves then."
    if not blockers:
        return "Nothing is left to do: it merges by itself."
    if Verdict.APPROVE in may:
        together = " Who asked has to sign together with you." if look.together else ""
        return f"Read it, then approve it, ask for changes, or reject it.{together}"
    others = [one.name for one in chairs if one.may]
    if not others:
        return (
            "Nobody can approve it as things are: an administrator has to give somebody the role."
        )
    return f"It waits for {_listed(others)}."


def _listed(names: Sequence[str]) -> str:
    shown = list(names[:5])
    if len(names) > len(shown):
        return f"{', '.join(shown)} or one of {len(names) - len(shown)} others"
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} or {shown[-1]}"


def _alone(look: Eyes, account: str | None) -> str:
    """What somebody is told who has nobody beside them."""
    barred = bar(look, account)
    if barred is None or barred.code != "own-request" or set(look.bars) != set(look.signers):
        return ""
    return (
        "Merging needs a second person, and nobody else here may approve. Invite somebody and give "
        "them the role approver, or take the proposal as a branch or a patch."
    )


def _approved(row: ApprovalOnRecord) -> Approved:
    return Approved(
        **{name: value for name, value in vars(row).items() if name not in ("change", "how")},
        how=Strength(row.how),
    )
