"""Rows of accounts, sessions, passkeys, links, tokens, roles, attempts. Nothing here decides.

Values come out; what a rule makes of them is said in `service.app.people`. Secrets never come in:
digests and hashes do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, delete, exists, func, insert, select
from sqlalchemy import update as update_rows

from service.people import (
    EVERYWHERE,
    Account,
    AccountId,
    ApiToken,
    Grant,
    Link,
    LinkKind,
    Passkey,
    Role,
    Session,
    Strength,
)
from service.store.rows import METADATA

_ACCOUNT = METADATA.tables["account"]
_PASSKEY = METADATA.tables["passkey"]
_SESSION = METADATA.tables["session"]
_CHALLENGE = METADATA.tables["challenge"]
_LINK = METADATA.tables["link"]
_TOKEN = METADATA.tables["token"]
_GRANT = METADATA.tables["grant"]
_ATTEMPT = METADATA.tables["attempt"]


class People:
    """The rows, within one transaction or view."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # --- accounts -------------------------------------------------------------------------

    def account(self, ident: str) -> Account | None:
        return self._one_account(_ACCOUNT.c.id == ident)

    def by_login(self, login: str) -> Account | None:
        return self._one_account(_ACCOUNT.c.login == login)

    def accounts(self) -> tuple[Account, ...]:
        """All, closed ones too, by name as shown."""
        rows = self._connection.execute(_accounts()).mappings()
        found = [_account(row) for row in rows]
        return tuple(sorted(found, key=lambda one: (one.name.casefold(), one.login)))

    def names(self) -> dict[str, str]:
        """Account id -> name as shown."""
        rows = self._connection.execute(select(_ACCOUNT.c.id, _ACCOUNT.c.name))
        return {row.id: row.name for row in rows}

    def administrators(self) -> tuple[Account, ...]:
        """Open accounts that are administrator everywhere."""
        holds = exists().where(
            _GRANT.c.account == _ACCOUNT.c.id,
            _GRANT.c.repository == EVERYWHERE,
            _GRANT.c.role == Role.ADMINISTRATOR.value,
        )
        query = _accounts().where(_ACCOUNT.c.closed_at.is_(None), holds)
        return tuple(_account(row) for row in self._connection.execute(query).mappings())

    def add_account(
        self,
        ident: AccountId,
        *,
        login: str,
        name: str,
        made_by: str | None,
        made_at: datetime,
        password: str | None = None,
    ) -> None:
        """Keep a new account. Look `by_login` first: the write lock is held, so it stays true."""
        self._connection.execute(
            insert(_ACCOUNT).values(
                id=ident,
                login=login,
                name=name,
                password=password,
                made_by=made_by,
                made_at=made_at,
            )
        )

    def password(self, account: str) -> str | None:
        """The hash that is kept."""
        query = select(_ACCOUNT.c.password).where(_ACCOUNT.c.id == account)
        kept: str | None = self._connection.execute(query).scalar_one_or_none()
        return kept

    def set_password(self, account: str, kept: str | None) -> None:
        self._set_account(account, password=kept)

    def set_name(self, account: str, name: str) -> None:
        self._set_account(account, name=name)

    def set_reset(self, account: str, by: str | None, at: datetime) -> None:
        self._set_account(account, reset_by=by, reset_at=at)

    def set_closed(self, account: str, at: datetime) -> None:
        self._set_account(account, closed_at=at)

    def set_same(self, account: str, other: str | None) -> None:
        """Say that `account`, and all who were said to be the same as it, are `other`."""
        self._set_account(account, same_as=other)
        if other is not None:
            self._connection.execute(
                update_rows(_ACCOUNT).where(_ACCOUNT.c.same_as == account).values(same_as=other)
            )

    # --- roles ----------------------------------------------------------------------------

    def grants(
        self, account: str | None = None, repository: str | None = None
    ) -> tuple[Grant, ...]:
        query = select(_GRANT).order_by(_GRANT.c.repository, _GRANT.c.account, _GRANT.c.role)
        if account is not None:
            query = query.where(_GRANT.c.account == account)
        if repository is not None:
            query = query.where(_GRANT.c.repository == repository)
        return tuple(_grant(row) for row in self._connection.execute(query).mappings())

    def grant(self, grant: Grant) -> bool:
        """Keep a role; False where it was held already."""
        if self._connection.execute(select(exists().where(*_same(grant)))).scalar_one():
            return False
        self._connection.execute(
            insert(_GRANT).values(**{**asdict(grant), "role": grant.role.value})
        )
        return True

    def revoke(self, account: str, repository: str, role: Role) -> bool:
        """Take a role; False where it was not held."""
        query = delete(_GRANT).where(
            _GRANT.c.account == account,
            _GRANT.c.repository == repository,
            _GRANT.c.role == role.value,
        )
        return self._connection.execute(query).rowcount == 1

    # --- sessions -------------------------------------------------------------------------

    def session(self, ident: str) -> Session | None:
        """The session, unless it was ended; whether its time is over is not looked at."""
        query = select(_SESSION).where(_SESSION.c.id == ident, _SESSION.c.ended_at.is_(None))
        row = self._connection.execute(query).mappings().first()
        return None if row is None else _session(row)

    def sessions(self, account: str) -> tuple[Session, ...]:
        """Those that were not ended, newest first."""
        query = (
            select(_SESSION)
            .where(_SESSION.c.account == account, _SESSION.c.ended_at.is_(None))
            .order_by(_SESSION.c.made_at.desc(), _SESSION.c.id)
        )
        return tuple(_session(row) for row in self._connection.execute(query).mappings())

    def add_session(self, session: Session) -> None:
        self._connection.execute(
            insert(_SESSION).values(**{**asdict(session), "strong_how": session.strong_how.value})
        )

    def see_session(self, ident: str, at: datetime) -> None:
        self._set_session(ident, seen_at=at)

    def strengthen_session(self, ident: str, at: datetime, how: Strength) -> None:
        self._set_session(ident, seen_at=at, strong_at=at, strong_how=how.value)

    def end_session(self, ident: str, at: datetime) -> None:
        self._set_session(ident, ended_at=at)

    def end_sessions(self, account: str, at: datetime, *, keep: str | None = None) -> None:
        """End all sessions of an account, but for `keep`."""
        self._connection.execute(
            update_rows(_SESSION)
            .where(
                _SESSION.c.account == account,
                _SESSION.c.ended_at.is_(None),
                _SESSION.c.id != (keep or ""),
            )
            .values(ended_at=at)
        )

    def forget_sessions(self, account: str, before: datetime) -> None:
        """Take rows away that began before `before`."""
        self._connection.execute(
            delete(_SESSION).where(_SESSION.c.account == account, _SESSION.c.made_at < before)
        )

    # --- passkeys and their challenges ----------------------------------------------------

    def passkey(self, ident: str) -> Passkey | None:
        row = self._connection.execute(select(_PASSKEY).where(_PASSKEY.c.id == ident)).mappings()
        found = row.first()
        return None if found is None else Passkey(**found)

    def passkeys(self, account: str) -> tuple[Passkey, ...]:
        """Those of an account, oldest first."""
        query = (
            select(_PASSKEY)
            .where(_PASSKEY.c.account == account)
            .order_by(_PASSKEY.c.made_at, _PASSKEY.c.id)
        )
        return tuple(Passkey(**row) for row in self._connection.execute(query).mappings())

    def add_passkey(self, passkey: Passkey) -> None:
        self._connection.execute(insert(_PASSKEY).values(**asdict(passkey)))

    def use_passkey(self, ident: str, counter: int, at: datetime) -> None:
        self._connection.execute(
            update_rows(_PASSKEY).where(_PASSKEY.c.id == ident).values(counter=counter, used_at=at)
        )

    def remove_passkey(self, ident: str) -> None:
        self._connection.execute(delete(_PASSKEY).where(_PASSKEY.c.id == ident))

    def remove_passkeys(self, account: str) -> None:
        self._connection.execute(delete(_PASSKEY).where(_PASSKEY.c.account == account))

    def add_challenge(
        self, ident: str, *, purpose: str, account: str | None, now: datetime, expires_at: datetime
    ) -> None:
        """Keep a challenge that was given out, and forget those whose time is over."""
        self._connection.execute(delete(_CHALLENGE).where(_CHALLENGE.c.expires_at <= now))
        self._connection.execute(
            insert(_CHALLENGE).values(
                id=ident, purpose=purpose, account=account, expires_at=expires_at
            )
        )

    def crowd_challenges(self, purpose: str, most: int) -> None:
        """Forget the oldest challenges of a purpose, so that `most` stay."""
        newest = (
            select(_CHALLENGE.c.id)
            .where(_CHALLENGE.c.purpose == purpose)
            .order_by(_CHALLENGE.c.expires_at.desc())
            .limit(most)
        )
        self._connection.execute(
            delete(_CHALLENGE).where(
                _CHALLENGE.c.purpose == purpose, _CHALLENGE.c.id.not_in(newest)
            )
        )

    def take_challenge(
        self, ident: str, *, purpose: str, account: str | None, now: datetime
    ) -> bool:
        """Use a challenge up; False where it was not given out for that, or its time is over."""
        whose = (
            _CHALLENGE.c.account.is_(None) if account is None else _CHALLENGE.c.account == account
        )
        query = delete(_CHALLENGE).where(
            _CHALLENGE.c.id == ident,
            _CHALLENGE.c.purpose == purpose,
            _CHALLENGE.c.expires_at > now,
            whose,
        )
        return self._connection.execute(query).rowcount == 1

    # --- one-time links -------------------------------------------------------------------

    def link(self, ident: str) -> Link | None:
        row = self._connection.execute(select(_LINK).where(_LINK.c.id == ident)).mappings().first()
        return None if row is None else Link(**{**row, "kind": LinkKind(row["kind"])})

    def add_link(self, link: Link) -> None:
        self._connection.execute(insert(_LINK).values(**{**asdict(link), "kind": link.kind.value}))

    def burn_link(self, ident: str, now: datetime) -> bool:
        """Use a link up; False where it was used, or its time is over: one caller gets True."""
        query = (
            update_rows(_LINK)
            .where(_LINK.c.id == ident, _LINK.c.used_at.is_(None), _LINK.c.expires_at > now)
            .values(used_at=now)
        )
        return self._connection.execute(query).rowcount == 1

    def void_links(self, now: datetime, *, account: str | None) -> None:
        """Use up all links of an account; None: those that belong to nobody yet."""
        whose = _LINK.c.account.is_(None) if account is None else _LINK.c.account == account
        self._connection.execute(
            update_rows(_LINK).where(whose, _LINK.c.used_at.is_(None)).values(used_at=now)
        )

    # --- API tokens -----------------------------------------------------------------------

    def token(self, ident: str) -> tuple[ApiToken, str] | None:
        """A token and the digest of its secret."""
        row = self._connection.execute(select(_TOKEN).where(_TOKEN.c.id == ident)).mappings()
        found = row.first()
        return None if found is None else (_token(found), str(found["digest"]))

    def tokens(self, account: str) -> tuple[ApiToken, ...]:
        """All of an account, newest first."""
        query = (
            select(_TOKEN)
            .where(_TOKEN.c.account == account)
            .order_by(_TOKEN.c.made_at.desc(), _TOKEN.c.id)
        )
        return tuple(_token(row) for row in self._connection.execute(query).mappings())

    def add_token(self, token: ApiToken, digest: str) -> None:
        self._connection.execute(insert(_TOKEN).values(**asdict(token), digest=digest))

    def use_token(self, ident: str, at: datetime) -> None:
        self._connection.execute(update_rows(_TOKEN).where(_TOKEN.c.id == ident).values(used_at=at))

    def revoke_token(self, ident: str, at: datetime) -> None:
        self._connection.execute(
            update_rows(_TOKEN)
            .where(_TOKEN.c.id == ident, _TOKEN.c.revoked_at.is_(None))
            .values(revoked_at=at)
        )

    def revoke_tokens(self, account: str, at: datetime) -> None:
        self._connection.execute(
            update_rows(_TOKEN)
            .where(_TOKEN.c.account == account, _TOKEN.c.revoked_at.is_(None))
            .values(revoked_at=at)
        )

    # --- failed attempts ------------------------------------------------------------------

    def attempts(self, key: str, after: datetime) -> tuple[datetime, ...]:
        """When attempts were counted under `key`, after a time, oldest first."""
        query = (
            select(_ATTEMPT.c.at)
            .where(_ATTEMPT.c.key == key, _ATTEMPT.c.at > after)
            .order_by(_ATTEMPT.c.at)
        )
        return tuple(self._connection.execute(query).scalars())

    def add_attempt(self, key: str, at: datetime) -> int:
        """Count one; answer its number, to take it back by."""
        done = self._connection.execute(insert(_ATTEMPT).values(key=key, at=at))
        return int(done.inserted_primary_key[0])  # type: ignore[index]

    def take_back_attempt(self, number: int) -> None:
        self._connection.execute(delete(_ATTEMPT).where(_ATTEMPT.c.number == number))

    def forget_attempts(self, key: str) -> None:
        """Forget all that was counted under `key`."""
        self._connection.execute(delete(_ATTEMPT).where(_ATTEMPT.c.key == key))

    def prune_attempts(self, before: datetime) -> None:
        """Forget all that was counted before a time."""
        self._connection.execute(delete(_ATTEMPT).where(_ATTEMPT.c.at < before))

    # --- inside ---------------------------------------------------------------------------

    def _one_account(self, which: ColumnElement[bool]) -> Account | None:
        row = self._connection.execute(_accounts().where(which)).mappings().first()
        return None if row is None else _account(row)

    def _set_account(self, account: str, **columns: Any) -> None:
        self._connection.execute(
            update_rows(_ACCOUNT).where(_ACCOUNT.c.id == account).values(**columns)
        )

    def _set_session(self, ident: str, **columns: Any) -> None:
        """Change a session that was not ended: what ended stays as it was."""
        self._connection.execute(
            update_rows(_SESSION)
            .where(_SESSION.c.id == ident, _SESSION.c.ended_at.is_(None))
            .values(**columns)
        )


def _accounts() -> Select[Any]:
    passkeys = (
        select(func.count())
        .select_from(_PASSKEY)
        .where(_PASSKEY.c.account == _ACCOUNT.c.id)
        .scalar_subquery()
    )
    return select(_ACCOUNT, passkeys.label("passkeys"))


def _account(row: Mapping[Any, Any]) -> Account:
    columns = {name: row[name] for name in row if name != "password"}
    return Account(**columns, has_password=row["password"] is not None)


def _grant(row: Mapping[Any, Any]) -> Grant:
    return Grant(**{**row, "role": Role(row["role"])})


def _same(grant: Grant) -> tuple[ColumnElement[bool], ...]:
    return (
        _GRANT.c.account == grant.account,
        _GRANT.c.repository == grant.repository,
        _GRANT.c.role == grant.role.value,
    )


def _session(row: Mapping[Any, Any]) -> Session:
    columns = {name: row[name] for name in row if name != "ended_at"}
    return Session(**{**columns, "strong_how": Strength(row["strong_how"])})


def _token(row: Mapping[Any, Any]) -> ApiToken:
    return ApiToken(**{name: row[name] for name in row if name != "digest"})
