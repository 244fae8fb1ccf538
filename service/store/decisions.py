"""Rows of decisions, approvals and freeze switches. Values come out; nothing here decides."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, update

from service.approvals.eyes import Holding, Signer
from service.changes import ChangeId
from service.store.rows import METADATA

_DECISION = METADATA.tables["decision"]
_APPROVAL = METADATA.tables["approval"]
_SWITCH = METADATA.tables["switch"]
_ACCOUNT = METADATA.tables["account"]
_GRANT = METADATA.tables["grant"]
_SESSION = METADATA.tables["session"]
_EVERYWHERE = "*"
STANDING = "standing"


@dataclass(frozen=True, kw_only=True)
class PreparedRow:
    """A decision as it was prepared."""

    nonce: str
    change: str
    binding: str
    account: str
    session: str
    verdict: str
    body: str
    digest: str
    made_at: datetime
    expires_at: datetime
    used_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class ApprovalOnRecord:
    """An approval, standing or ended."""

    id: str
    change: str
    binding: str
    account: str
    how: str
    reason: str
    question: str
    at: datetime
    expires_at: datetime
    state: str
    ended_at: datetime | None
    ended_by: str


@dataclass(frozen=True, kw_only=True)
class SwitchOn:
    """A switch that is on."""

    name: str
    by: str | None
    why: str
    at: datetime


class Decisions:
    """The rows, within one transaction or view."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # --- prepared decisions ---------------------------------------------------------------
    def add(self, row: PreparedRow) -> None:
        values = {"id" if name == "nonce" else name: value for name, value in vars(row).items()}
        self._connection.execute(_DECISION.insert().values(**values))

    def prepared(self, nonce: str) -> PreparedRow | None:
        found = self._connection.execute(select(_DECISION).where(_DECISION.c.id == nonce))
        row = found.mappings().first()
        if row is None:
            return None
        return PreparedRow(nonce=row["id"], **{k: v for k, v in row.items() if k != "id"})

    def claim(self, nonce: str, now: datetime) -> bool:
        """Use a prepared decision up. False where it was used, or its time is not now."""
        claimed = self._connection.execute(
            update(_DECISION)
            .where(
                _DECISION.c.id == nonce,
                _DECISION.c.used_at.is_(None),
                _DECISION.c.made_at <= now,
                _DECISION.c.expires_at > now,
            )
            .values(used_at=now)
        )
        return claimed.rowcount == 1

    def end_prepared(self, now: datetime) -> int:
        """Use up what was prepared and is over, so that a clock set back revives none of it."""
        ended = self._connection.execute(
            update(_DECISION)
            .where(_DECISION.c.used_at.is_(None), _DECISION.c.expires_at <= now)
            .values(used_at=now)
        )
        return ended.rowcount

    def anything_over(self, now: datetime) -> bool:
        """Whether a prepared decision or an approval is there whose time is over."""
        prepared = select(_DECISION.c.id).where(
            _DECISION.c.used_at.is_(None), _DECISION.c.expires_at <= now
        )
        found = self._connection.execute(prepared.limit(1)).first()
        return found is not None or bool(self.over(now))

    def gave_before(self, account: str, reason: str, but: str) -> bool:
        """Whether `account` used the very reason (a digest) in another decision."""
        query = select(_DECISION.c.id).where(
            _DECISION.c.account == account,
            _DECISION.c.id != but,
            _DECISION.c.used_at.is_not(None),
            _DECISION.c.body.contains(f'"reason":"{reason}"', autoescape=True),
        )
        return self._connection.execute(query.limit(1)).first() is not None

    # --- approvals ------------------------------------------------------------------------
    def approve(self, row: ApprovalOnRecord) -> None:
        self._connection.execute(_APPROVAL.insert().values(**vars(row)))

    def approval(self, ident: str) -> ApprovalOnRecord | None:
        found = self._connection.execute(select(_APPROVAL).where(_APPROVAL.c.id == ident))
        row = found.mappings().first()
        return None if row is None else ApprovalOnRecord(**row)

    def approvals(self, change: str) -> tuple[ApprovalOnRecord, ...]:
        """All of a change, newest first."""
        query = select(_APPROVAL).where(_APPROVAL.c.change == change)
        rows = self._connection.execute(query.order_by(_APPROVAL.c.at.desc(), _APPROVAL.c.id))
        return tuple(ApprovalOnRecord(**row) for row in rows.mappings())

    def over(self, now: datetime, change: str | None = None) -> tuple[ApprovalOnRecord, ...]:
        """Those that stand though their time is over."""
        query = select(_APPROVAL).where(
            _APPROVAL.c.state == STANDING, _APPROVAL.c.expires_at <= now
        )
        if change is not None:
            query = query.where(_APPROVAL.c.change == change)
        rows = self._connection.execute(query.order_by(_APPROVAL.c.at, _APPROVAL.c.id))
        return tuple(ApprovalOnRecord(**row) for row in rows.mappings())

    def end(self, ident: str, state: str, by: str, now: datetime) -> bool:
        """End an approval that stands. False where it had ended."""
        ended = self._connection.execute(
            update(_APPROVAL)
            .where(_APPROVAL.c.id == ident, _APPROVAL.c.state == STANDING)
            .values(state=state, ended_at=now, ended_by=by)
        )
        return ended.rowcount == 1

    def end_all(
        self, change: str, state: str, by: str, now: datetime, binding: str | None = None
    ) -> int:
        """End all of a change that stand (for `binding` only, where one is named)."""
        query = update(_APPROVAL).where(_APPROVAL.c.change == change, _APPROVAL.c.state == STANDING)
        if binding is not None:
            query = query.where(_APPROVAL.c.binding == binding)
        return self._connection.execute(
            query.values(state=state, ended_at=now, ended_by=by)
        ).rowcount

    def with_standing(self) -> tuple[ChangeId, ...]:
        """Changes that have an approval which stands."""
        query = select(_APPROVAL.c.change).where(_APPROVAL.c.state == STANDING).distinct()
        return tuple(ChangeId(row[0]) for row in self._connection.execute(query))

    # --- switches -------------------------------------------------------------------------
    def switch(self, name: str, *, on: bool, by: str, why: str, now: datetime) -> None:
        self._connection.execute(_SWITCH.delete().where(_SWITCH.c.name == name))
        self._connection.execute(_SWITCH.insert().values(name=name, on=on, by=by, why=why, at=now))

    def switches(self) -> tuple[SwitchOn, ...]:
        """Those that are on."""
        rows = self._connection.execute(
            select(_SWITCH).where(_SWITCH.c.on.is_(True)).order_by(_SWITCH.c.name)
        ).mappings()
        return tuple(SwitchOn(name=r["name"], by=r["by"], why=r["why"], at=r["at"]) for r in rows)

    # --- who signs ------------------------------------------------------------------------
    def signers(self, repository: str) -> tuple[Signer, ...]:
        """All accounts, closed ones too, with the roles that count in `repository`."""
        holds: defaultdict[str, list[Holding]] = defaultdict(list)
        held = select(_GRANT).where(_GRANT.c.repository.in_([repository, _EVERYWHERE]))
        for row in self._connection.execute(held).mappings():
            holds[row["account"]].append(Holding(row["role"], row["by"], row["at"]))
        accounts = self._connection.execute(select(_ACCOUNT).order_by(_ACCOUNT.c.name)).mappings()
        return tuple(
            Signer(
                id=row["id"],
                name=row["name"],
                open=row["closed_at"] is None,
                made_by=row["made_by"],
                reset_by=row["reset_by"],
                same_as=row["same_as"],
                holds=tuple(holds[row["id"]]),
            )
            for row in accounts
        )

    def session_runs(self, session: str, account: str) -> bool:
        """Whether `session` is one of `account` and was not ended."""
        query = select(_SESSION.c.id).where(
            _SESSION.c.id == session,
            _SESSION.c.account == account,
            _SESSION.c.ended_at.is_(None),
        )
        return self._connection.execute(query).first() is not None
