"""A house of people around one store: who asks, who approves, and passkeys in software."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from dataclasses import replace
from typing import Any, TypeVar

import cbor2
from argon2 import PasswordHasher
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from policies import Finding, Level, Verdict
from service.app import records
from service.app.decisions import Decisions, Prepared
from service.app.decisions import Verdict as Said
from service.app.people import People
from service.changes import (
    Approval,
    Change,
    ChangeId,
    Move,
    Person,
    Principal,
    Request,
    Source,
    Stage,
    System,
    digest_of,
)
from service.ledger import Entry, Judgment, Kind
from service.people import EVERYWHERE, No, Passkey, Role, SignedIn
from service.people.passwords import Passwords
from service.store import Store
from tests.unit.service.store.conftest import Clock

T = TypeVar("T")
CHAT = Source.CHAT
WAY_MARKS = ("survey", "rehearsal", "plan", "proof")
WORDS = "four words beside another"
URL = "http://localhost:8080"
HERE = "orchard"
REASON = "The draft can't empty the store room, and the proof shows it."
QUESTION = "Yes: the step is gone. The count of runbook steps falls from four to three."


def quick() -> Passwords:
    """A hash that costs nothing: argon2 is not what is tested here."""
    return Passwords(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


def yes(answer: T | No) -> T:
    """The answer, which is no refusal."""
    assert not isinstance(answer, No), answer
    return answer


def no(answer: object) -> No:
    """The refusal that the answer is."""
    assert isinstance(answer, No), answer
    return answer


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Authenticator:
    """A passkey of an account, with the key in memory."""

    def __init__(self, account: str, origin: str = URL) -> None:
        self.id = secrets.token_bytes(16)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._origin = origin
        self._account = account
        self._counter = 0

    def row(self, clock: Clock) -> Passkey:
        numbers = self._key.public_key().public_numbers()
        cose = cbor2.dumps(
            {
                1: 2,
                3: -7,
                -1: 1,
                -2: numbers.x.to_bytes(32, "big"),
                -3: numbers.y.to_bytes(32, "big"),
            }
        )
        return Passkey(
            id=b64(self.id),
            account=self._account,
            key=b64(cose),
            counter=0,
            name="a key",
            made_at=clock.now,
            used_at=None,
        )

    def sign(self, challenge: bytes) -> dict[str, Any]:
        """What a browser answers after the person touched the key and was verified."""
        self._counter += 1
        client = json.dumps(
            {"type": "webauthn.get", "challenge": b64(challenge), "origin": self._origin}
        ).encode()
        host = b"localhost"
        data = hashlib.sha256(host).digest() + b"\x05" + self._counter.to_bytes(4, "big")
        signed = self._key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
        return {
            "id": b64(self.id),
            "rawId": b64(self.id),
            "type": "public-key",
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": b64(client),
                "authenticatorData": b64(data),
                "signature": b64(signed),
                "userHandle": b64(self._account.encode()),
            },
        }


class House:
    """Ada administers; Rita asks; Aron and Bea approve; Pia owns rules; Vera looks on."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self.clock = clock
        self.people = People(store, clock, URL, hasher=quick())
        self.woken: list[ChangeId] = []
        self.moved: str | None = None
        self.decisions = Decisions(
            store, self.people, clock, wake=self.woken.append, moved=lambda _: self.moved
        )
        self.keys: dict[str, Authenticator] = {}
        token = self.people.first_link()
        assert token is not None
        self.ada = self.sign_up(token, "ada")
        self.give_key(self.ada)
        for role in (Role.APPROVER, Role.POLICY_OWNER):
            assert self.people.revoke(self.ada, self.ada.account.id, EVERYWHERE, role) is None
        self.rita = self.join("rita", Role.REQUESTER)
        self.aron = self.join("aron", Role.APPROVER)
        self.bea = self.join("bea", Role.APPROVER)
        self.pia = self.join("pia", Role.POLICY_OWNER)
        self.vera = self.join("vera", Role.VIEWER)

    def join(self, login: str, *roles: Role, by: SignedIn | None = None) -> SignedIn:
        """Somebody whom `by` (Ada) invited to this repository, signed in and with a passkey."""
        wanted = tuple((HERE, role) for role in roles)
        _, token = yes(
            self.people.invite(by or self.ada, name=login.title(), login=login, roles=wanted)
        )
        who = self.sign_up(token, "")
        self.give_key(who)
        return who

    def sign_up(self, token: str, login: str) -> SignedIn:
        """Burn a one-time link as its owner does."""
        entered = self.people.sign_up(
            token, login=login, name=login.title(), password=WORDS, agent="a", address="::1"
        )
        return yes(entered).signed_in

    def give_key(self, who: SignedIn) -> None:
        key = Authenticator(who.account.id)
        with self.store.writing() as work:
            work.people.add_passkey(key.row(self.clock))
        self.keys[who.account.id] = key

    def waiting(
        self,
        *,
        by: Principal | None = None,
        asks: tuple[str, ...] = (),
        shapers: tuple[Principal, ...] = (),
        key: str = "",
    ) -> Change:
        """A change that waits for a person. `by` None: Rita asked."""
        change = self.store.open_change(
            Request("The store room was emptied by half a build.", by or self.rita.person, CHAT),
            repository=HERE,
            base="b" * 40,
            branch="main",
            key=key or f"change {self.store.size}",
        )
        return self._along(change, "Half a build empties nothing", asks, shapers)

    def back_to_waiting(
        self, change: Change, title: str = "", asks: tuple[str, ...] = ()
    ) -> Change:
        """A change that was sent back, taken along its way again; `title` makes it another plan."""
        return self._along(change, title or "Half a build empties nothing", asks)

    def _along(
        self,
        change: Change,
        title: str,
        asks: tuple[str, ...],
        shapers: tuple[Principal, ...] = (),
    ) -> Change:
        """Move `change` on to where it waits for people."""
        verdict = records.verdict(
            Verdict(tuple(asking(role) for role in asks), "r" * 64, "a scripted engine", 31)
        )
        made = {name: digest_of(f"{name} of {title}".encode()) for name in WAY_MARKS}
        judged: dict[str, object] = {
            "verdict": self.store.artifacts.put(records.dumps(verdict)),
            "binding": digest_of(f"{title} {asks}".encode()),
        }
        if shapers:
            judged["shapers"] = shapers
        way: tuple[tuple[Stage, dict[str, object], Kind], ...] = (
            (Stage.SURVEYED, {"survey": made["survey"]}, Kind.SURVEYED),
            (Stage.REHEARSED, {"rehearsal": made["rehearsal"]}, Kind.REHEARSAL_WRITTEN),
            (Stage.PLANNED, {"plan": made["plan"], "title": title}, Kind.PLAN_MADE),
            (Stage.PROVEN, {"proof": made["proof"]}, Kind.PROOF_RUN),
            (Stage.GATED, judged, Kind.GATE_VERDICT),
            (Stage.WAITING, {}, Kind.WAITING),
        )
        behind = {Stage.ASKED: 0, Stage.REHEARSED: 2, Stage.PLANNED: 3}[change.stage]
        for to, sets, kind in way[behind:]:
            said = Judgment(kind, System("pawl"), change.id, f"it came to {to.value}")
            change = self.store.record(change.id, Move(to, sets), said)
        return change

    def shape(self, change: Change, who: Person) -> Change:
        """`who` changes the branch of a change that waits."""
        said = Judgment(Kind.ANSWER, who, change.id, "pushed to its branch")
        return self.store.record(change.id, Move(change.stage, {"shapers": (who,)}), said)

    def now(self, change: Change) -> Change:
        return self.store.get(change.id)

    def again(self, who: SignedIn) -> SignedIn:
        """`who` as the next request finds them: the roles that they hold by now."""
        return replace(who, grants=self.people.grants(who.account.id))

    def prepare(
        self,
        who: SignedIn,
        change: Change,
        verdict: Said = Said.APPROVE,
        *,
        reason: str = REASON,
        binding: str | None = None,
    ) -> Prepared | No:
        return self.decisions.prepare(
            who,
            change.id,
            verdict=verdict,
            reason=reason,
            question=QUESTION,
            binding=str(change.binding) if binding is None else binding,
        )

    def take(self, who: SignedIn, prepared: Prepared, *, weak: bool = False) -> Change | No:
        """Decide what was prepared, by passkey or (weak) by password."""
        if weak:
            return self.decisions.decide(who, prepared.nonce, password=WORDS)
        signed = self.keys[who.account.id].sign(bytes.fromhex(prepared.digest))
        return self.decisions.decide(who, prepared.nonce, assertion=signed)

    def decide(
        self,
        who: SignedIn,
        change: Change,
        verdict: Said = Said.APPROVE,
        *,
        reason: str = REASON,
        binding: str | None = None,
        weak: bool = False,
    ) -> Change | No:
        """Prepare and decide, as a page does."""
        prepared = self.prepare(who, change, verdict, reason=reason, binding=binding)
        return prepared if isinstance(prepared, No) else self.take(who, prepared, weak=weak)

    def sufficient(self, change: Change) -> tuple[Approval, ...] | str:
        return self.decisions.sufficient(self.now(change))

    def judgments(self, change: Change | None = None, kind: Kind = Kind.DECISION) -> list[Entry]:
        """Entries of a kind, oldest first."""
        found = self.store.entries(None if change is None else change.id, newest=1000)
        return [one for one in found if one.judgment.kind is kind]

    def refused(self) -> list[tuple[str, str]]:
        """(who, code) of each attempt that came to nothing."""
        return [
            (one.judgment.actor.id, one.judgment.payload["code"])
            for one in self.judgments()
            if one.judgment.payload["verdict"] == "refused"
        ]


def asking(role: str) -> Finding:
    """A finding that asks for `role`."""
    return Finding(
        rule=f"asks-{role or 'nobody'}",
        level=Level.ASK,
        title="Somebody has to look",
        place="ops/publish.sh",
        why="it touches what others rely on",
        remedy="have it signed",
        role=role,
        source="test",
    )
