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
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import Any

from policies import Level
from service.app import records
from service.app.people import People
from service.app.precedents import checked_typed
from service.app.refusals import (
    ALTERED,
    APPROVED_ALREADY,
    DECIDED,
    NO_QUESTION,
    NO_SESSION,
    OTHER_SESSION,
    PROVE_YOURSELF,
    SIGNED_OUT,
    STALE,
    UNKNOWN,
    UNKNOWN_CHANGE,
    WEAK,
    checked_answers,
    checked_words,
    forbidden,
    not_waiting,
    refusal,
)
from service.app.standing import adoptable, approved_already, bar, standing, switched
from service.app.verdicts import Approved, Chair, Frozen, Prepared, Standing, Switch, Verdict
from service.approvals import eyes
from service.approvals.eyes import Asks, Eyes, Given, Signer
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

__all__ = [
    "LASTS",
    "PREPARED_LASTS",
    "Approved",
    "Chair",
    "Decisions",
    "Frozen",
    "Prepared",
    "Standing",
    "Switch",
    "Verdict",
    "digest_of_body",
]

_ME = System("decisions")
_NONCE = re.compile(r"[A-Za-z0-9_-]{20,64}")
_DOMAIN = b"pawl/decision/v1\0"
_MAY_ASK = frozenset({Role.REQUESTER, Role.APPROVER, Role.POLICY_OWNER, Role.ADMINISTRATOR})
_LEAST = {Verdict.APPROVE: 20, Verdict.REJECT: 20, Verdict.REQUEST_CHANGES: 10}
_DID = {
    Verdict.APPROVE: "approves what is bound",
    Verdict.REJECT: "rejects the change",
    Verdict.REQUEST_CHANGES: "asks for changes",
}


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
            may_ask = bool(_roles(signers, who) & _MAY_ASK)
        return standing(change, who, look, signers, rows, frozen, may_ask=may_ask)

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
        stopped = switched(_frozen(view), Switch.MERGES)
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
        typed: str = "",
    ) -> Prepared | No:
        """Begin a decision. No 403 by whom it may not be taken, 409 where `binding` is not what is
        bound now (or the change waits no more), 422 for a reason that is too short. `typed` is the
        typed reason of a rejection (a `RejectedFor`), "" where there is none."""
        found = self._seen_by(who, change)
        if isinstance(found, No):
            return self._refused(who, None, found, verdict, binding)
        said = checked_words(reason, _LEAST[verdict], "reason")
        asked = checked_words(question, 0, "answer to the question")
        told = checked_answers(answers or {})
        kind = checked_typed(typed if verdict is Verdict.REJECT else "")
        moved = self._moved_under(found, verdict)
        for no in (said, asked, told, kind, moved):
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
        if kind:
            body["typed"] = kind
        with self._store.writing() as work:
            no = self._no(work, who, work.change(found.id), verdict, binding)
            if no is not None:
                work.note(refusal(who, found.id, no, verdict, binding))
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
                work.note(refusal(who, change, answer, verdict, row.binding))
        if not isinstance(answer, No):
            self._wake(change)
        return answer

    def _take(
        self, work: Work, who: SignedIn, row: PreparedRow, how: Strength, evidence: Digest
    ) -> Change | No:
        """Claim the nonce, check all again, and do what was decided."""
        if not work.decisions.claim(row.nonce, work.now):
            return DECIDED
        verdict, change = Verdict(row.verdict), work.change(ChangeId(row.change))
        no = self._no(work, who, change, verdict, row.binding)
        if no is not None:
            return no
        if verdict is Verdict.APPROVE and how is not Strength.PASSKEY and self._by_passkey(change):
            return WEAK
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
                **({"typed": body["typed"]} if "typed" in body else {}),
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
            return NO_SESSION
        if not view.decisions.session_runs(who.session.id, who.account.id):
            return SIGNED_OUT
        if change.stage is not Stage.WAITING:
            return not_waiting(change)
        if change.binding is None or binding != change.binding:
            return STALE
        signers = view.decisions.signers(change.repository)
        rows = view.decisions.approvals(change.id)
        look = self._look(view, change, signers, rows, None)
        me = who.account.id
        if verdict is not Verdict.APPROVE:
            return None if me in look.may_object else forbidden(bar(look, me), change)
        stopped = switched(_frozen(view), Switch.MERGES)
        if stopped is not None:
            why = f"Merges are frozen: {stopped.why}"
            return No("frozen", why, "Wait until an administrator thaws them.", 409)
        barred = bar(look, me)
        if barred is not None:
            return forbidden(barred, change)
        if approved_already(look, rows, signers, me):
            return APPROVED_ALREADY
        return None

    def _prepared(self, who: SignedIn, nonce: str) -> PreparedRow | No:
        """The prepared decision of `who`; another's is as unknown as one that never was."""
        if _NONCE.fullmatch(nonce) is None:
            return UNKNOWN
        with self._store.reading() as view:
            row = view.decisions.prepared(nonce)
        if row is None or row.account != who.account.id:
            return UNKNOWN
        return row

    def _early(self, who: SignedIn, row: PreparedRow) -> No | None:
        """What can be said before the person proves to be there."""
        if who.session is None:
            return NO_SESSION
        if row.session != who.session.id:
            return OTHER_SESSION
        if row.used_at is not None or not row.made_at <= self._clock() < row.expires_at:
            return DECIDED
        body = json.loads(row.body)
        said = (body["change"], body["binding"], body["verdict"], body["account"], body["nonce"])
        kept = (row.change, row.binding, row.verdict, row.account, row.nonce)
        return None if said == kept and digest_of_body(row.body) == row.digest else ALTERED

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
            return PROVE_YOURSELF
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
        words = checked_words(why, 0, "reason")
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
                no = not_waiting(change)
            if no is None and not work.decisions.end(row.id, "revoked", who.account.id, work.now):
                no = No("ended", f"This approval is {row.state} already.", status=409)
            if no is not None:
                work.note(refusal(who, change.id, no, binding=row.binding))
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
            if no is None and not adoptable(now):
                no = No("answered-for", "Somebody answers for this request already.", status=409)
            if no is not None:
                work.note(refusal(who, now.id, no))
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
            return self._refused(who, found.id, NO_QUESTION)
        said = self._answered(found, answers)
        if isinstance(said, No):
            return said
        kept = self._store.artifacts.put(records.dumps(list(said)))
        back = self._asked_from(found.id)
        with self._store.writing() as work:
            now = work.change(found.id)
            no = self._no_deed(work, who, now.repository, _MAY_ASK, token=True)
            if no is None and (now.stage, now.ending) != (found.stage, found.ending):
                no = NO_QUESTION
            if no is not None:
                work.note(refusal(who, now.id, no))
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
        words = checked_words(why, 0, "reason")
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
                work.note(refusal(who, now.id, no))
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
        words = checked_words(why, 1, "reason")
        if isinstance(words, No):
            return words
        with self._store.writing() as work:
            no = self._no_deed(work, who, EVERYWHERE, frozenset({Role.ADMINISTRATOR}))
            if no is None and (switched(_frozen(work), switch) is not None) is on:
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
            return UNKNOWN_CHANGE
        return found if who.may_see(found.repository) else UNKNOWN_CHANGE

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
                return NO_SESSION
        elif not view.decisions.session_runs(who.session.id, who.account.id):
            return SIGNED_OUT
        signers = view.decisions.signers(repository)
        if not any(one.id == who.account.id and one.open for one in signers):
            return SIGNED_OUT
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
            text = checked_words(str(answer), 0, "answer")
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
        self._store.note(refusal(who, change, no, verdict, binding))
        return no


def digest_of_body(body: str) -> str:
    """What a passkey signs, and what is shown short beside the button."""
    return hashlib.sha256(_DOMAIN + body.encode()).hexdigest()


def _frozen(view: View) -> tuple[Frozen, ...]:
    return tuple(
        Frozen(switch=Switch(one.name), by=one.by, why=one.why, at=one.at)
        for one in view.decisions.switches()
    )


def _roles(signers: Iterable[Signer], who: SignedIn | None) -> frozenset[Role]:
    """The roles that `who` holds by now, whatever the session remembers."""
    return frozenset(
        Role(held.role)
        for one in signers
        if who is not None and one.id == who.account.id and one.open
        for held in one.holds
    )


def _stamp(at: datetime) -> str:
    return at.isoformat(timespec="microseconds")
