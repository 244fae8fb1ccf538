"""Decisions: what a person may say about a change, and what becomes of it.

Every way to a decision ends here; each deed is checked, done and logged in one transaction, and
each attempt of a signed-in person that is refused is logged with its reason.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import zip_longest
from typing import Any

from policies import Level
from service.app import records
from service.app.people import People
from service.approvals import eyes
from service.approvals.eyes import Asks, Bar, Eyes, Given, Signer
from service.changes import (
    Approval,
    Change,
    ChangeId,
    Digest,
    Move,
    Person,
    Stage,
    System,
    UnknownChange,
    is_digest,
)
from service.ledger import Judgment, Kind
from service.ledger.canonical import canonical
from service.people import EVERYWHERE, No, Role, SignedIn, Strength
from service.store import Store
from service.store.decisions import STANDING, ApprovalOnRecord, PreparedRow
from service.store.unit import View, Work

LASTS = timedelta(hours=24)
"""How long an approval stands by default."""
PREPARED_LASTS = timedelta(minutes=5)
"""How long a prepared decision may be taken."""
LONGEST = 10_000
"""Characters that a reason or an answer may have."""

_ME = System("decisions")
_NONCE = re.compile(r"[A-Za-z0-9_-]{20,64}")
_DOMAIN = b"pawl/decision/v1\0"
_MAY_ASK = frozenset({Role.REQUESTER, Role.APPROVER, Role.POLICY_OWNER, Role.ADMINISTRATOR})


class Verdict(StrEnum):
    APPROVE = "approve"
    REJECT = "reject"
    REQUEST_CHANGES = "request-changes"


_LEAST = {Verdict.APPROVE: 20, Verdict.REJECT: 20, Verdict.REQUEST_CHANGES: 10}


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
    """The use cases about decisions. Nothing else writes an approval, a rejection or a freeze."""

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

    # --- how it stands --------------------------------------------------------------------
    def standing(self, change: Change, who: SignedIn | None) -> Standing:
        """How `change` stands before people, and what `who` may say of it."""
        logged = self._logged(change.id)
        with self._store.reading() as view:
            signers = view.decisions.signers(change.repository)
            rows = view.decisions.approvals(change.id)
            look = self._look(view, change, signers, rows, logged)
            frozen = _frozen(view)
            held = _roles(signers, who)
            account = None if who is None or who.session is None else who.account.id
        waiting = change.stage is Stage.WAITING
        bar = _bar(look, account)
        may = _may(look, account, waiting=waiting, frozen=frozen, rows=rows, binding=change.binding)
        blockers = tuple(_blockers(change, look, frozen))
        chairs = _chairs(look, signers, change)
        return Standing(
            blockers=blockers,
            next_step=_next_step(change, look, chairs, may, blockers),
            needs=look.needs if waiting else (),
            chairs=chairs,
            approvals=tuple(_approved(row) for row in rows),
            may=may,
            why_not=_why_not(change, bar, frozen, may, who),
            adopt=account is not None and _adoptable(change) and bool(held & _MAY_ASK),
            frozen=frozen,
            alone=_alone(look, account) if waiting else "",
        )

    def sufficient(
        self, change: Change, *, within: View | None = None
    ) -> tuple[Approval, ...] | str:
        """The approvals that let `change` merge now, or what is missing, in a sentence.

        `within` looks from inside a transaction, so that nothing is revoked between this answer
        and the move; without it, approvals whose time is over are ended on the way.
        """
        if within is None:
            self._end_over(change.id)
            with self._store.reading() as view:
                return self._sufficient(view, change)
        return self._sufficient(within, change)

    def _sufficient(self, view: View, change: Change) -> tuple[Approval, ...] | str:
        now = view.change(change.id)
        if now.stage not in (Stage.WAITING, Stage.MERGING):
            return f"{now.id} is {now.stage}: it does not wait for approvals"
        if now.binding is None or now.binding != change.binding:
            return f"{now.id} is bound to something else by now"
        stopped = _switched(_frozen(view), Switch.MERGES)
        if stopped is not None:
            return f"merges are frozen: {stopped.why}"
        look = self._look(
            view,
            now,
            view.decisions.signers(now.repository),
            view.decisions.approvals(now.id),
            self._logged(now.id),
        )
        if look.suffices:
            return look.approvals
        return look.blocked[0] if look.blocked else f"it needs {', and '.join(look.needs)}"

    def redeem(
        self, work: Work, change: Change, ref: str, approvals: Sequence[Approval] = ()
    ) -> None:
        """Mark approvals as used by the merge `ref`, within the transaction that records it.

        `approvals` are those that the merge was made with; where they are named, others that stand
        end as void.
        """
        signed = {one.by.id for one in approvals} | {
            one.cosigner.id for one in approvals if one.cosigner is not None
        }
        for row in work.decisions.approvals(change.id):
            if row.state != STANDING:
                continue
            used = row.binding == change.binding and (not approvals or row.account in signed)
            state, by = ("redeemed", ref) if used else ("voided", f"merged without it as {ref}")
            work.decisions.end(row.id, state, by, work.now)

    # --- deciding -------------------------------------------------------------------------
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
        found = self._seen_by(who, change)
        if isinstance(found, No):
            return self._refused(who, None, found, verdict, binding)
        said = _words(reason, _LEAST[verdict], "reason")
        asked = _words(question, 0, "answer to the question")
        told = _answers(answers or {})
        moved = self._moved_under(found, verdict)
        for no in (said, asked, told, moved):
            if isinstance(no, No):
                return self._refused(who, found.id, no, verdict, binding)
        put = self._store.artifacts.put
        body: dict[str, Any] = {
            "v": 1,
            "change": found.id,
            "binding": binding,
            "verdict": verdict.value,
            "reason": put(str(said).encode()),
            "question": put(str(asked).encode()),
            "account": who.account.id,
            "nonce": secrets.token_urlsafe(24),
        }
        if told:
            body["answers"] = put(records.dumps(told))
        with self._store.writing() as work:
            no = self._no(work, who, work.change(found.id), verdict, binding)
            if no is not None:
                work.note(_refusal(who, found.id, no, verdict, binding))
                return no
            written = canonical({**body, "at": _stamp(work.now)}).decode()
            row = PreparedRow(
                nonce=body["nonce"],
                change=found.id,
                binding=binding,
                account=who.account.id,
                session=who.session.id if who.session is not None else "",
                verdict=verdict.value,
                body=written,
                digest=digest_of_body(written),
                made_at=work.now,
                expires_at=work.now + PREPARED_LASTS,
                used_at=None,
            )
            work.decisions.add(row)
        options = self._people.assertion_options(who, bytes.fromhex(row.digest))
        return Prepared(
            nonce=row.nonce,
            digest=row.digest,
            expires_at=row.expires_at,
            options=None if isinstance(options, No) else options,
        )

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
        row = self._prepared(who, nonce)
        if isinstance(row, No):
            return self._refused(who, None, row)
        verdict, change = Verdict(row.verdict), ChangeId(row.change)
        early = self._early(who, row)
        proof = early or self._step_up(who, row, password, assertion, address)
        if not isinstance(proof, No):
            moved = self._moved_under(self._store.get(change), verdict)
            proof = moved or proof
        if isinstance(proof, No):
            return self._refused(who, change, proof, verdict, row.binding)
        how, on_record = proof
        evidence = self._store.artifacts.put(
            records.dumps({"body": row.body, "digest": row.digest, "how": how.value, **on_record})
        )
        with self._store.writing() as work:
            answer = self._take(work, who, row, how, evidence)
            if isinstance(answer, No):
                work.note(_refusal(who, change, answer, verdict, row.binding))
        if not isinstance(answer, No):
            self._wake(change)
        return answer

    def _take(
        self, work: Work, who: SignedIn, row: PreparedRow, how: Strength, evidence: Digest
    ) -> Change | No:
        """Claim the nonce, check all again, and do what was decided."""
        if not work.decisions.claim(row.nonce, work.now):
            return _DECIDED
        verdict, change = Verdict(row.verdict), work.change(ChangeId(row.change))
        no = self._no(work, who, change, verdict, row.binding)
        if no is not None:
            return no
        if verdict is Verdict.APPROVE and how is not Strength.PASSKEY and self._by_passkey(change):
            return _WEAK
        body = json.loads(row.body)
        words = self._text(body["reason"])
        repeated = work.decisions.gave_before(who.account.id, body["reason"], row.nonce)
        judgment = Judgment(
            kind=Kind.DECISION,
            actor=who.person,
            change=change.id,
            why=_DID[verdict],
            payload={
                "verdict": verdict.value,
                "binding": row.binding,
                "decision": row.nonce,
                "digest": row.digest,
                "how": how.value,
                "repeated_reason": repeated,
            },
            evidence=(
                evidence,
                *(Digest(body[k]) for k in ("reason", "question", "answers") if k in body),
            ),
        )
        if verdict is Verdict.APPROVE:
            work.decisions.approve(
                ApprovalOnRecord(
                    id=row.nonce,
                    change=change.id,
                    binding=row.binding,
                    account=who.account.id,
                    how=how.value,
                    reason=words,
                    question=self._text(body["question"]),
                    at=work.now,
                    expires_at=work.now + LASTS,
                    state=STANDING,
                    ended_at=None,
                    ended_by="",
                )
            )
            work.note(judgment)
            return change
        if verdict is Verdict.REJECT:
            work.decisions.end_all(change.id, "voided", "the change was rejected", work.now)
            return work.record(change.id, Move(Stage.REJECTED, {"why": words}), judgment)
        work.decisions.end_all(change.id, "voided", "changes were asked for", work.now)
        sets = {
            "told": (*change.told, f"A reviewer asks for changes: {words}"),
            "reviewers": (who.person,),
            "why": "",
        }
        return work.record(change.id, Move(Stage.REHEARSED, sets), judgment)

    def _no(
        self, view: View, who: SignedIn, change: Change, verdict: Verdict, binding: str
    ) -> No | None:
        """Why `who` may not say `verdict` of what `binding` names, now; None where they may."""
        if who.session is None:
            return _NO_SESSION
        if not view.decisions.session_runs(who.session.id, who.account.id):
            return _SIGNED_OUT
        if change.stage is not Stage.WAITING:
            return _not_waiting(change)
        if change.binding is None or binding != change.binding:
            return _STALE
        signers = view.decisions.signers(change.repository)
        rows = view.decisions.approvals(change.id)
        look = self._look(view, change, signers, rows, None)
        me = who.account.id
        if verdict is not Verdict.APPROVE:
            return None if me in look.may_object else _forbidden(_bar(look, me), change)
        stopped = _switched(_frozen(view), Switch.MERGES)
        if stopped is not None:
            why = f"Merges are frozen: {stopped.why}"
            return No("frozen", why, "Wait until an administrator thaws them.", 409)
        bar = _bar(look, me)
        if bar is not None:
            return _forbidden(bar, change)
        if _approved_already(look, rows, signers, me):
            return _APPROVED_ALREADY
        return None

    def _prepared(self, who: SignedIn, nonce: str) -> PreparedRow | No:
        """The prepared decision of `who`; another's is as unknown as one that never was."""
        if _NONCE.fullmatch(nonce) is None:
            return _UNKNOWN
        with self._store.reading() as view:
            row = view.decisions.prepared(nonce)
        if row is None or row.account != who.account.id:
            return _UNKNOWN
        return row

    def _early(self, who: SignedIn, row: PreparedRow) -> No | None:
        """What can be said before the person proves to be there."""
        if who.session is None:
            return _NO_SESSION
        if row.session != who.session.id:
            return _OTHER_SESSION
        if row.used_at is not None or not row.made_at <= self._clock() < row.expires_at:
            return _DECIDED
        body = json.loads(row.body)
        said = (body["change"], body["binding"], body["verdict"], body["account"], body["nonce"])
        kept = (row.change, row.binding, row.verdict, row.account, row.nonce)
        return None if said == kept and digest_of_body(row.body) == row.digest else _ALTERED

    def _step_up(
        self,
        who: SignedIn,
        row: PreparedRow,
        password: str | None,
        assertion: Mapping[str, Any] | None,
        address: str,
    ) -> tuple[Strength, Mapping[str, str]] | No:
        """Have the person prove to be there, for this very decision."""
        if assertion is not None:
            signed = self._people.check_assertion(who, assertion, bytes.fromhex(row.digest))
            return signed if isinstance(signed, No) else (Strength.PASSKEY, dict(signed))
        if password is None:
            return _PROVE_YOURSELF
        checked = self._people.check_password(who, password, address=address)
        return checked if isinstance(checked, No) else (checked, {})

    def _moved_under(self, change: Change, verdict: Verdict) -> No | None:
        if verdict is not Verdict.APPROVE or change.stage is not Stage.WAITING:
            return None
        moved = self._moved(change)
        if moved is None:
            return None
        return No("moved", moved, "It is proven again as it is now; look at it then.", 409)

    # --- other deeds ----------------------------------------------------------------------
    def revoke(self, who: SignedIn, approval: str, why: str) -> Change | No:
        """Take one's own approval back, while the change waits."""
        words = _words(why, 0, "reason")
        if isinstance(words, No):
            return words
        evidence = self._store.artifacts.put(words.encode())
        with self._store.writing() as work:
            row = work.decisions.approval(approval) if _NONCE.fullmatch(approval) else None
            if row is None or row.account != who.account.id:
                return No("unknown-approval", "There is no such approval of yours.", status=404)
            change = work.change(ChangeId(row.change))
            no = self._no_deed(work, who)
            if no is None and change.stage is not Stage.WAITING:
                no = _not_waiting(change)
            if no is None and not work.decisions.end(row.id, "revoked", who.account.id, work.now):
                no = No("ended", f"This approval is {row.state} already.", status=409)
            if no is not None:
                work.note(_refusal(who, change.id, no, binding=row.binding))
                return no
            work.note(
                Judgment(
                    kind=Kind.APPROVAL_REVOKED,
                    actor=who.person,
                    change=change.id,
                    why="takes their own approval back",
                    payload={"approval": row.id, "binding": row.binding},
                    evidence=(evidence,),
                )
            )
        return change

    def adopt(self, who: SignedIn, change: ChangeId) -> Change | No:
        """Answer for a request that no person made; counts as requester from then on."""
        found = self._seen_by(who, change)
        if isinstance(found, No):
            return found
        with self._store.writing() as work:
            now = work.change(found.id)
            no = self._no_deed(work, who, now.repository, _MAY_ASK)
            if no is None and not _adoptable(now):
                no = No("answered-for", "Somebody answers for this request already.", status=409)
            if no is not None:
                work.note(_refusal(who, now.id, no))
                return no
            for row in work.decisions.approvals(now.id):
                if row.account == who.account.id and row.state == STANDING:
                    work.decisions.end(row.id, "voided", "its giver adopted the request", work.now)
            adopted = work.record(
                now.id,
                Move(now.stage, {"adopter": who.person}),
                Judgment(
                    kind=Kind.ADOPTED,
                    actor=who.person,
                    change=now.id,
                    why="answers for the request from now on, as its requester",
                    payload={"asked_by": [now.request.by.kind, now.request.by.id]},
                ),
            )
        self._wake(adopted.id)
        return adopted

    def answer(self, who: SignedIn, change: ChangeId, answers: Sequence[str]) -> Change | No:
        """Answer the questions of a change in `needs-answer`; counts as having shaped it."""
        found = self._seen_by(who, change)
        if isinstance(found, No):
            return found
        if found.stage is not Stage.NEEDS_ANSWER:
            return self._refused(who, found.id, _NO_QUESTION)
        said = self._answered(found, answers)
        if isinstance(said, No):
            return said
        kept = self._store.artifacts.put(records.dumps(list(said)))
        back = self._asked_from(found.id)
        with self._store.writing() as work:
            now = work.change(found.id)
            no = self._no_deed(work, who, now.repository, _MAY_ASK, token=True)
            if no is None and (now.stage, now.ending) != (found.stage, found.ending):
                no = _NO_QUESTION
            if no is not None:
                work.note(_refusal(who, now.id, no))
                return no
            told = (*now.told, *(f"Question: {ask} Answer: {text}" for ask, text in said))
            answered = work.record(
                now.id,
                Move(back, {"told": told, "shapers": (who.person,), "ending": None, "why": ""}),
                Judgment(
                    kind=Kind.ANSWER,
                    actor=who.person,
                    change=now.id,
                    why=f"answers {len(said)} of its questions",
                    payload={"answers": len(said), "by_token": who.session is None},
                    evidence=(kept,),
                ),
            )
        self._wake(answered.id)
        return answered

    def withdraw(self, who: SignedIn, change: ChangeId, why: str) -> Change | No:
        """The requester, adopter or an administrator ends it."""
        words = _words(why, 0, "reason")
        if isinstance(words, No):
            return words
        found = self._seen_by(who, change)
        if isinstance(found, No):
            return found
        evidence = self._store.artifacts.put(words.encode())
        with self._store.writing() as work:
            now = work.change(found.id)
            no = self._no_withdrawal(work, who, now)
            if no is not None:
                work.note(_refusal(who, now.id, no))
                return no
            work.decisions.end_all(now.id, "voided", "the change was withdrawn", work.now)
            return work.record(
                now.id,
                Move(Stage.WITHDRAWN, {"why": words or "withdrawn"}),
                Judgment(
                    kind=Kind.WITHDRAWN,
                    actor=who.person,
                    change=now.id,
                    why="withdraws the change",
                    payload={"by_token": who.session is None},
                    evidence=(evidence,),
                ),
            )

    def expire(self) -> tuple[ChangeId, ...]:
        """End approvals and prepared decisions whose time is over; for a timer."""
        with self._store.reading() as view:
            quiet = not view.decisions.anything_over(view.now)
        if quiet:
            return ()
        with self._store.writing() as work:
            work.decisions.end_prepared(work.now)
        return self._end_over()

    def void(
        self,
        change: ChangeId,
        what: str,
        *,
        to: Stage = Stage.PLANNED,
        sets: Mapping[str, object] | None = None,
        also_merging: bool = True,
    ) -> Change:
        """Everything that stood on what was bound is void, because of `what` (a sentence).

        A change that neither waits nor merges is left as it is; one that merges as well where
        `also_merging` is False: only who holds its lease knows that the branch has not moved.
        """
        stages = {Stage.WAITING, Stage.MERGING} if also_merging else {Stage.WAITING}
        with self._store.writing() as work:
            now = work.change(change)
            if now.stage not in stages:
                return now
            ended = work.decisions.end_all(now.id, "voided", what, work.now)
            return work.record(
                now.id,
                Move(to, {**(sets or {}), "why": what}),
                Judgment(
                    kind=Kind.VOID,
                    actor=_ME,
                    change=now.id,
                    why=what,
                    payload={"binding": now.binding or "", "approvals": ended},
                ),
            )

    # --- switches -------------------------------------------------------------------------
    def freeze(self, who: SignedIn, switch: Switch, why: str) -> No | None:
        """Stop all merges, or all agents. Administrators everywhere, with a session."""
        return self._turn(who, switch, why, on=True)

    def thaw(self, who: SignedIn, switch: Switch, why: str) -> No | None:
        """Let them go on."""
        no = self._turn(who, switch, why, on=False)
        if no is None and switch is Switch.MERGES:
            with self._store.reading() as view:
                ready = view.decisions.with_standing()
            for change in ready:
                self._wake(change)
        return no

    def frozen(self) -> tuple[Frozen, ...]:
        """The switches that are on."""
        with self._store.reading() as view:
            return _frozen(view)

    def _turn(self, who: SignedIn, switch: Switch, why: str, *, on: bool) -> No | None:
        words = _words(why, 1, "reason")
        if isinstance(words, No):
            return words
        with self._store.writing() as work:
            no = self._no_deed(work, who, EVERYWHERE, frozenset({Role.ADMINISTRATOR}))
            if no is None and (_switched(_frozen(work), switch) is not None) is on:
                state = "frozen" if on else "not frozen"
                no = No("as-it-is", f"The {switch.value} are {state} already.", status=409)
            kind = Kind.FREEZE if on else Kind.THAW
            payload: dict[str, Any] = {"switch": switch.value}
            if no is not None:
                payload |= {"refused": no.code}
                work.note(Judgment(kind, who.person, None, f"refused: {no.code}", payload))
                return no
            work.decisions.switch(switch.value, on=on, by=who.account.id, why=words, now=work.now)
            work.note(Judgment(kind, who.person, None, words[:1000], payload))
        return None

    # --- inside ---------------------------------------------------------------------------
    def _look(
        self,
        view: View,
        change: Change,
        signers: Sequence[Signer],
        rows: Sequence[ApprovalOnRecord],
        logged: frozenset[tuple[str, str, str]] | None,
    ) -> Eyes:
        """Four eyes over what is on record. Where `logged` is given, a row without its entry in
        the log does not count: it was put there past Pawl."""
        given = [
            Given(
                id=row.id,
                account=row.account,
                binding=row.binding,
                weak=row.how != Strength.PASSKEY,
                at=row.at,
                expires_at=row.expires_at,
                standing=row.state == STANDING
                and (logged is None or (row.id, row.account, row.binding) in logged),
            )
            for row in rows
        ]
        return eyes.judge(change, signers, self._asks(change), given, view.now)

    def _logged(self, change: ChangeId) -> frozenset[tuple[str, str, str]]:
        """(decision, account, binding) of each approval that the log has."""
        return frozenset(
            (said["decision"], entry.judgment.actor.id, said["binding"])
            for entry in self._store.events(change)
            if entry.judgment.kind is Kind.DECISION
            and isinstance(entry.judgment.actor, Person)
            and (said := entry.judgment.payload).get("verdict") == Verdict.APPROVE
        )

    def _asks(self, change: Change) -> tuple[Asks, ...]:
        if change.verdict is None:
            return ()
        document = records.loads(self._store.artifacts.get(change.verdict))
        return tuple(
            Asks(one["rule"], one["role"])
            for one in document["findings"]
            if one["level"] == Level.ASK.value
        )

    def _by_passkey(self, change: Change) -> bool:
        return any(ask.role == eyes.PASSKEY for ask in self._asks(change))

    def _seen_by(self, who: SignedIn, change: ChangeId) -> Change | No:
        """The change, for whoever may see it."""
        try:
            found = self._store.get(change)
        except (UnknownChange, UnicodeError):
            return _UNKNOWN_CHANGE
        return found if who.may_see(found.repository) else _UNKNOWN_CHANGE

    def _no_deed(
        self,
        view: View,
        who: SignedIn,
        repository: str = EVERYWHERE,
        roles: frozenset[Role] = frozenset(),
        *,
        token: bool = False,
    ) -> No | None:
        """Why `who` may do nothing here: no session, an account that is closed, no such role."""
        if who.session is None:
            if not token:
                return _NO_SESSION
        elif not view.decisions.session_runs(who.session.id, who.account.id):
            return _SIGNED_OUT
        signers = view.decisions.signers(repository)
        if not any(one.id == who.account.id and one.open for one in signers):
            return _SIGNED_OUT
        if roles and not _roles(signers, who) & roles:
            names = " or ".join(sorted(role.value for role in roles))
            return No("no-role", f"This takes the role {names} here.", "Ask an administrator.")
        return None

    def _no_withdrawal(self, view: View, who: SignedIn, change: Change) -> No | None:
        own = who.person in (change.requester, change.request.by)
        roles = frozenset[Role]() if own else frozenset({Role.ADMINISTRATOR})
        no = self._no_deed(view, who, change.repository, roles, token=own)
        if no is not None:
            return no
        if change.ended:
            return No("ended", f"This change has ended: {change.stage.value}.", status=409)
        if change.stage is Stage.MERGING:
            return No("merging", "It is being merged; that can't be taken back.", status=409)
        return None

    def _answered(self, change: Change, answers: Sequence[str]) -> tuple[tuple[str, str], ...] | No:
        """Each question with its answer, or with its default where nothing was said."""
        asks: Sequence[Mapping[str, str]] = ()
        if change.ending is not None:
            asks = records.loads(self._store.artifacts.get(change.ending)).get("asks", ())
        if len(answers) > len(asks):
            return No("too-many", f"There are {len(asks)} questions only.", status=422)
        said: list[tuple[str, str]] = []
        for ask, answer in zip_longest(asks, answers, fillvalue=""):
            text = _words(str(answer), 0, "answer")
            if isinstance(text, No):
                return text
            if isinstance(ask, Mapping):
                said.append((ask["question"], text or ask["default"]))
        return tuple(said)

    def _asked_from(self, change: ChangeId) -> Stage:
        """The stage in which the question came up."""
        moves = [entry.move for entry in self._store.events(change) if entry.move is not None]
        return Stage(
            next(m["from"] for m in reversed(moves) if m["to"] == Stage.NEEDS_ANSWER.value)
        )

    def _end_over(self, change: ChangeId | None = None) -> tuple[ChangeId, ...]:
        """End approvals whose time is over, so that a clock set back revives none of them."""
        with self._store.reading() as view:
            if not view.decisions.over(view.now, change):
                return ()
        touched: list[ChangeId] = []
        with self._store.writing() as work:
            for row in work.decisions.over(work.now, change):
                ident = ChangeId(row.change)
                if work.change(ident).stage is Stage.MERGING:
                    continue  # it is being redeemed
                work.decisions.end(row.id, "expired", "its time was over", work.now)
                work.note(
                    Judgment(
                        kind=Kind.EXPIRED,
                        actor=_ME,
                        change=ident,
                        why="an approval was not used in its time",
                        payload={"approval": row.id, "account": row.account},
                    )
                )
                touched.append(ident)
        return tuple(dict.fromkeys(touched))

    def _text(self, digest: str) -> str:
        return self._store.artifacts.get(Digest(digest)).decode()

    def _refused(
        self,
        who: SignedIn,
        change: ChangeId | None,
        no: No,
        verdict: Verdict | None = None,
        binding: str = "",
    ) -> No:
        self._store.note(_refusal(who, change, no, verdict, binding))
        return no


def digest_of_body(body: str) -> str:
    """What a passkey signs, and what is shown short beside the button."""
    return hashlib.sha256(_DOMAIN + body.encode()).hexdigest()


_DID = {
    Verdict.APPROVE: "approves what is bound",
    Verdict.REJECT: "rejects the change",
    Verdict.REQUEST_CHANGES: "asks for changes",
}
_DECIDED = No(
    "already-decided",
    "This decision was taken already, or its five minutes are over.",
    "Look at the change again and decide anew.",
    409,
)
_STALE = No(
    "stale",
    "What you looked at is not what is bound now.",
    "Load the page again and look at what moved.",
    409,
)
_ALTERED = No("altered", "The decision is not as it was prepared.", "Decide anew.", 409)
_UNKNOWN = No("unknown-decision", "There is no such decision of yours.", "Decide anew.", 404)
_UNKNOWN_CHANGE = No("unknown-change", "There is no such change.", status=404)
_NO_SESSION = No(
    "needs-session",
    "This takes a person who is signed in; a token is not enough.",
    "Sign in with a browser.",
)
_SIGNED_OUT = No("signed-out", "You are not signed in any more.", "Sign in again.", 401)
_OTHER_SESSION = No(
    "other-session", "This decision was prepared in another session.", "Decide anew.", 409
)
_PROVE_YOURSELF = No(
    "prove-yourself", "A decision takes your passkey or your password.", "Give one.", 401
)
_WEAK = No(
    "weak",
    "A rule asks for approvals by passkey here; a password is not enough.",
    "Add a passkey to your account and approve with it.",
)
_APPROVED_ALREADY = No(
    "already-approved",
    "You approved this already; one person counts once.",
    "Nothing has to be done.",
    409,
)
_NO_QUESTION = No("no-question", "This question is not open any more.", status=409)


def _refusal(
    who: SignedIn,
    change: ChangeId | None,
    no: No,
    verdict: Verdict | None = None,
    binding: str = "",
) -> Judgment:
    """An attempt that came to nothing, as the log keeps it."""
    return Judgment(
        kind=Kind.DECISION,
        actor=who.person,
        change=change,
        why=f"refused: {no.code}",
        payload={
            "verdict": "refused",
            "wanted": "" if verdict is None else verdict.value,
            "code": no.code,
            "binding": binding if is_digest(binding) else "",
            "by_token": who.session is None,
        },
    )


def _stamp(at: datetime) -> str:
    return at.isoformat(timespec="microseconds")


def _words(text: str, least: int, name: str) -> str | No:
    """A person's words, trimmed; No 422 where they are too short, too long, or no text."""
    words = text.strip()
    try:
        words.encode()
    except UnicodeEncodeError:
        return No("no-text", f"The {name} holds what is no text.", "Write it anew.", 422)
    if len(words) < least:
        why = f"The {name} needs at least {least} characters."
        return No("too-short", why, "Say in your own words why.", 422)
    if len(words) > LONGEST:
        return No("too-long", f"The {name} may have {LONGEST} characters.", "Shorten it.", 422)
    return words


def _answers(answers: Mapping[str, str]) -> dict[str, str] | No:
    """What was said to open findings, by rule."""
    said: dict[str, str] = {}
    for rule, text in answers.items():
        for part in (rule, text):
            words = _words(part, 0, "answer")
            if isinstance(words, No):
                return words
        said[rule.strip()] = text.strip()
    return said


def _frozen(view: View) -> tuple[Frozen, ...]:
    return tuple(
        Frozen(switch=Switch(one.name), by=one.by, why=one.why, at=one.at)
        for one in view.decisions.switches()
    )


def _switched(frozen: Iterable[Frozen], switch: Switch) -> Frozen | None:
    return next((one for one in frozen if one.switch is switch), None)


def _roles(signers: Iterable[Signer], who: SignedIn | None) -> frozenset[Role]:
    """The roles that `who` holds by now, whatever the session remembers."""
    return frozenset(
        Role(held.role)
        for one in signers
        if who is not None and one.id == who.account.id and one.open
        for held in one.holds
    )


def _adoptable(change: Change) -> bool:
    return not change.ended and not isinstance(change.requester, Person)


def _bar(look: Eyes, account: str | None) -> Bar | None:
    """Why `account` may not approve; None where it may."""
    if account is None:
        return Bar("signed-out", "Sign in to decide.")
    return look.bars.get(account)


def _forbidden(bar: Bar | None, change: Change) -> No:
    if bar is None:  # who signs together with a reviewer may approve and nothing else
        return No("own-request", "Who asked for a change can't turn it down.", "Withdraw it.")
    mend = "Withdraw it instead." if bar.code == "own-request" and not change.ended else ""
    return No(bar.code, bar.why, mend or "Somebody else has to decide.")


def _not_waiting(change: Change) -> No:
    why = f"This change waits for no decision: it is {change.stage.value}."
    return No("already-decided", why, "Look at what became of it.", 409)


def _approved_already(
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
    look: Eyes,
    account: str | None,
    *,
    waiting: bool,
    frozen: Sequence[Frozen],
    rows: Sequence[ApprovalOnRecord],
    binding: str | None,
) -> frozenset[Verdict]:
    if account is None or not waiting:
        return frozenset()
    given = any(r.account == account and r.state == STANDING and r.binding == binding for r in rows)
    may = set[Verdict]()
    if _bar(look, account) is None and not given and _switched(frozen, Switch.MERGES) is None:
        may.add(Verdict.APPROVE)
    if account in look.may_object:
        may |= {Verdict.REJECT, Verdict.REQUEST_CHANGES}
    return frozenset(may)


def _blockers(change: Change, look: Eyes, frozen: Sequence[Frozen]) -> Iterable[str]:
    if change.stage is not Stage.WAITING:
        return
    if not isinstance(change.requester, Person):
        yield "No person answers for this request: somebody has to adopt it before it can merge."
    stopped = _switched(frozen, Switch.MERGES)
    if stopped is not None:
        yield f"Merges are frozen: {stopped.why}"
    if isinstance(change.requester, Person):
        yield from look.blocked
        if look.needs:
            yield f"It needs {', and '.join(look.needs)}."


def _why_not(
    change: Change,
    bar: Bar | None,
    frozen: Sequence[Frozen],
    may: frozenset[Verdict],
    who: SignedIn | None,
) -> str:
    if Verdict.APPROVE in may:
        return ""
    if who is not None and who.session is None:
        return _NO_SESSION.why
    if change.stage is not Stage.WAITING:
        return _not_waiting(change).why
    if bar is not None:
        return bar.why
    stopped = _switched(frozen, Switch.MERGES)
    return f"Merges are frozen: {stopped.why}" if stopped is not None else _APPROVED_ALREADY.why


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
    bar = _bar(look, account)
    if bar is None or bar.code != "own-request" or set(look.bars) != set(look.signers):
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
