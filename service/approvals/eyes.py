"""Four eyes: who may approve a change, whose approvals count, and what is still missing.

Pure: accounts, roles and approvals come in as values of this module, sentences and approvals go
out. Whatever is not plainly allowed here does not count.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from service.changes import Approval, Change, Digest, Person

APPROVER = "approver"
PASSKEY = "passkey"
"""In place of a role in a finding: only approvals by passkey count."""

SIGNING: Mapping[str, str] = MappingProxyType(
    {
        APPROVER: "an approver",
        "policy-owner": "a policy owner",
        "administrator": "an administrator",
    }
)
"""The roles that a finding may ask for. Nobody signs under any other name."""


@dataclass(frozen=True)
class Holding:
    """A role that counts in the change's repository."""

    role: str
    by: str | None  # who gave it; None: the command line or the first-run link
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Signer:
    """An account, as far as four eyes look at it; closed ones too."""

    id: str
    name: str
    open: bool = True
    made_by: str | None = None
    reset_by: str | None = None
    same_as: str | None = None
    holds: tuple[Holding, ...] = ()


@dataclass(frozen=True)
class Asks:
    """A finding that asks for a role."""

    rule: str
    role: str


@dataclass(frozen=True, kw_only=True)
class Given:
    """An approval on record."""

    id: str
    account: str
    binding: str
    weak: bool  # without a passkey
    at: datetime
    expires_at: datetime
    standing: bool = True  # neither redeemed, voided, expired nor revoked


@dataclass(frozen=True)
class Bar:
    """Why somebody may not approve: a stable code and one sentence."""

    code: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Eyes:
    """What four eyes say of a change."""

    bars: Mapping[str, Bar]
    """Account -> why it may not approve. An account that is not here may."""
    may_object: frozenset[str]
    """Accounts that may reject or ask for changes: having shaped it does not forbid that."""
    needs: tuple[str, ...]
    """What is still missing, in words: "an approver", "a policy owner" ..."""
    blocked: tuple[str, ...]
    """Needs that nobody can meet as things are, a sentence each."""
    counted: frozenset[str]
    """Ids of the approvals that count."""
    approvals: tuple[Approval, ...]
    """What to hand to the move: one for each human being; empty unless they suffice."""
    standing: frozenset[str]
    """Ids of the approvals that stand for what is bound now, whether they count or not."""
    signers: frozenset[str]
    wanted: tuple[str, ...]
    """The roles that have to be signed in."""
    together: bool
    """Whether requester and reviewer sign together, since nobody else is left."""
    passkey_only: bool

    @property
    def suffices(self) -> bool:
        return bool(self.approvals)


def judge(
    change: Change,
    signers: Iterable[Signer],
    asks: Sequence[Asks],
    given: Sequence[Given],
    now: datetime,
) -> Eyes:
    """Answer who may approve `change`, what counts of what was `given`, and what is missing."""
    look = _Look(change, {one.id: one for one in signers}, asks)
    weak_out = look.passkey_only
    valid = [one for one in given if _valid(one, change, now) and not (weak_out and one.weak)]
    cosigned = any(one.account == look.cosigner for one in valid)
    counted = [
        one
        for one in valid
        if look.counts_for(one.account) and (cosigned or not look.reviewed(one.account))
    ]
    needs, blocked = _missing(look, valid, counted, cosigned=cosigned)
    counts = {one.id for one in counted}
    if any(look.reviewed(one.account) for one in counted):
        counts |= {one.id for one in valid if one.account == look.cosigner}
    return Eyes(
        bars={one: bar for one in look.signers if (bar := look.bar(one)) is not None},
        may_object=frozenset(one for one in look.signers if look.may_object(one)),
        needs=tuple(needs),
        blocked=tuple(blocked),
        counted=frozenset(counts),
        approvals=() if needs else _handed_over(look, counted),
        standing=frozenset(one.id for one in valid),
        signers=frozenset(look.signers),
        wanted=look.wanted,
        together=look.cosigner is not None,
        passkey_only=look.passkey_only,
    )


def humans(signers: Iterable[Signer]) -> dict[str, str]:
    """Account -> one name for the human being behind it: the least of the linked accounts."""
    table = {one.id: one for one in signers}
    leader = {one: one for one in table}

    def lead(one: str) -> str:
        while leader.setdefault(one, one) != one:
            one = leader[one]
        return one

    for one in table.values():
        if one.same_as is not None:
            first, second = sorted((lead(one.id), lead(one.same_as)))
            leader[second] = first
    return {one: lead(one) for one in list(leader)}


def _valid(one: Given, change: Change, now: datetime) -> bool:
    """Whether an approval stands for what is bound now, at this time."""
    if not one.standing:
        return False
    if change.binding is None or one.binding != change.binding:
        return False
    return one.at <= now < one.expires_at  # one from the future: the clock was set back


class _Look:
    """One look at one change; every question about an account is answered here."""

    def __init__(self, change: Change, signers: Mapping[str, Signer], asks: Sequence[Asks]) -> None:
        self.change = change
        self.signers = signers
        self.passkey_only = any(ask.role == PASSKEY for ask in asks)
        self.unknown = [a for a in asks if a.role not in SIGNING and a.role != PASSKEY]
        asked = sorted({ask.role for ask in asks if ask.role in SIGNING} - {APPROVER})
        self.wanted = (APPROVER, *asked)
        self._human = humans(signers.values())
        self._asked = self._of(
            one.id for one in (change.requester, change.request.by) if isinstance(one, Person)
        )
        self._shaped = self._of(one.id for one in change.shapers if isinstance(one, Person))
        self._reviewed = self._of(one.id for one in change.reviewers if isinstance(one, Person))
        plain = [one for one in signers if not self.reviewed(one)]
        held = frozenset[str]().union(*(self._entitled(one) for one in plain))
        self.vacant = frozenset(self.wanted) - held
        """Roles that nobody is left to sign in, reviewers apart."""
        requester = signers.get(change.requester.id)
        self._cosignable = (
            isinstance(change.requester, Person) and requester is not None and requester.open
        )
        alone = any(self.reviewed(one) and self.counts_for(one) for one in signers)
        self.cosigner = change.requester.id if alone else None
        """The requester's account, where it signs together with a reviewer."""

    def human(self, account: str) -> str:
        return self._human.get(account, account)

    def reviewed(self, account: str) -> bool:
        """Whether the human being behind `account` asked for changes."""
        return self.human(account) in self._reviewed

    def made(self, account: str) -> bool:
        """Whether who asked made or reset the account."""
        one = self.signers[account]
        hands = {self.human(by) for by in (one.made_by, one.reset_by) if by is not None}
        return bool(hands & self._asked)

    def counts_for(self, account: str) -> frozenset[str]:
        """The wanted roles in which an approval by `account` counts."""
        roles = self._entitled(account)
        if not self.reviewed(account):
            return roles
        return roles & self.vacant if self._cosignable else frozenset()

    def may_object(self, account: str) -> bool:
        """Whether `account` may send the change back or turn it down."""
        if not self.signers[account].open:
            return False
        return self.human(account) not in self._asked and bool(self._held(account))

    def bar(self, account: str) -> Bar | None:
        """Why `account` may not approve; None where it may."""
        if account == self.cosigner:
            return None
        bar = self._barred(account)
        if bar is not None:
            return bar
        name = self.signers[account].name
        if not self._entitled(account):
            return self._without_role(account)
        if not self.counts_for(account):
            return Bar("asked-for-changes", f"{name} asked for changes, so somebody else approves.")
        return None

    def _barred(self, account: str) -> Bar | None:
        """What no role makes good."""
        one = self.signers.get(account)
        if one is None:
            return Bar("no-account", "There is no such account.")
        if not one.open:
            return Bar("closed", f"The account of {one.name} is closed.")
        if self.human(account) in self._asked:
            why = f"{one.name} {self._part(account)}, and nobody approves their own request."
            return Bar("own-request", why)
        if self.human(account) in self._shaped:
            why = f"{one.name} shaped this change (answered a question or changed its branch)."
            return Bar("shaped-it", why)
        return None

    def _part(self, account: str) -> str:
        if self.change.adopter is not None and account == self.change.adopter.id:
            return "adopted this request"
        if account in (self.change.requester.id, self.change.request.by.id):
            return "asked for this change"
        return "is the same person as somebody who asked for this change"

    def _without_role(self, account: str) -> Bar:
        one = self.signers[account]
        late = [h for h in one.holds if h.role in self.wanted and self._given_late(account, h)]
        if late:
            own = late[0].by is not None and self.human(late[0].by) == self.human(account)
            giver = "themselves" if own else "who asked for this change"
            return Bar(
                "late-role",
                f"The role {late[0].role} of {one.name} was given by {giver} after the change was "
                "asked for, so it does not count for it.",
            )
        roles = " or ".join(SIGNING[role] for role in self.wanted)
        return Bar("no-role", f"{one.name} is not {roles} in this repository.")

    def _entitled(self, account: str) -> frozenset[str]:
        """The wanted roles that `account` holds and that count for this change."""
        return frozenset() if self._barred(account) is not None else self._held(account)

    def _held(self, account: str) -> frozenset[str]:
        return frozenset(
            held.role
            for held in self.signers[account].holds
            if held.role in self.wanted and not self._given_late(account, held)
        )

    def _given_late(self, account: str, held: Holding) -> bool:
        """Whether it was given, once the change was there, by who asked or by its own holder."""
        if held.by is None or held.at < self.change.created:
            return False
        return self.human(held.by) in self._asked | {self.human(account)}

    def _of(self, accounts: Iterable[str]) -> frozenset[str]:
        return frozenset(self.human(one) for one in accounts)


def _missing(
    look: _Look, valid: Sequence[Given], counted: Sequence[Given], *, cosigned: bool
) -> tuple[list[str], list[str]]:
    """What is needed yet, and what of it nobody can give."""
    if not isinstance(look.change.requester, Person):
        why = f"{look.change.requester.id} is no person: somebody has to adopt the request first."
        return ["a person who answers for the request"], [why]
    signed = frozenset[str]().union(*(look.counts_for(one.account) for one in counted))
    needs: list[str] = []
    blocked: list[str] = []
    for role in look.wanted:
        if role in signed:
            continue
        needs.append(SIGNING[role] + (", by passkey" if look.passkey_only else ""))
        if not any(role in look.counts_for(one) for one in look.signers):
            blocked.append(f"Nobody can sign as {SIGNING[role]}: {_why_nobody(look, role)}.")
    for ask in look.unknown:
        needs.append(f"somebody with the role {ask.role!r}")
        blocked.append(
            f"The rule {ask.rule} asks for the role {ask.role!r}, which nobody can have."
        )
    _third(look, counted, needs, blocked)
    if look.cosigner is not None and not cosigned:
        reviewers = [o for o in valid if look.reviewed(o.account) and look.counts_for(o.account)]
        if reviewers or any(role in look.vacant for role in look.wanted if role not in signed):
            name = look.signers[look.cosigner].name
            needs.append(
                f"{name}, who asked, together with who asked for changes: nobody else is left"
            )
    return needs, blocked


def _third(look: _Look, counted: Sequence[Given], needs: list[str], blocked: list[str]) -> None:
    """An approver whose account who asked made or reset is not enough: one more approver is.

    A policy owner who signs beside them is not that one, else a rule that asks for more would make
    less do.
    """
    approvers = [one.account for one in counted if APPROVER in look.counts_for(one.account)]
    made = [account for account in approvers if look.made(account)]
    if not made or len(made) < len(approvers):
        return
    asked = look.signers.get(look.change.requester.id)
    who = asked.name if asked is not None else look.change.requester.id
    name = look.signers[made[0]].name
    needs.append(f"a third person, since {who} made or reset the account of {name}")
    if not any(APPROVER in look.counts_for(one) and not look.made(one) for one in look.signers):
        blocked.append(
            f"Everybody who could approve has an account that {who} made or reset: "
            "another administrator has to invite somebody."
        )


def _why_nobody(look: _Look, role: str) -> str:
    holders = [o for o in look.signers.values() if any(h.role == role for h in o.holds)]
    if not holders:
        return f"no account holds the role {role} here"
    return "everybody who holds that role asked for this change, shaped it, or can't sign"


def _handed_over(look: _Look, counted: Sequence[Given]) -> tuple[Approval, ...]:
    """One approval for each human being, by their account that is an approver if there is one."""
    best: dict[str, Given] = {}
    for one in sorted(counted, key=lambda o: (APPROVER not in look.counts_for(o.account), o.at)):
        best.setdefault(look.human(one.account), one)
    cosigner = None if look.cosigner is None else Person(look.cosigner)
    return tuple(
        Approval(
            Digest(one.binding),
            Person(one.account),
            cosigner if look.reviewed(one.account) else None,
        )
        for one in sorted(best.values(), key=lambda o: (o.at, o.id))
    )
