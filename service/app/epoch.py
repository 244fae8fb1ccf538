"""A new epoch: two people say, each with their password, that a log goes on after a loss.

Nothing is signed in and nothing else is done by it; the first entry of the epoch is theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from service.app import backup
from service.ledger import Checkpoint
from service.people import EVERYWHERE, Account, No, Role
from service.people.passwords import Passwords
from service.store import Store

SHORTEST = 20
"""Characters that the reason has at least."""


def begin(
    home: Path,
    clock: Callable[[], datetime],
    signers: Sequence[tuple[str, str]],
    why: str,
    passwords: Passwords | None = None,
) -> Checkpoint | No:
    """Begin an epoch, signed by two (login, password), at least one of them an administrator.

    Raises `BadEntry` where nothing contradicts the log, so that none has to begin.
    """
    if len(why.strip()) < SHORTEST:
        text = f"The reason needs at least {SHORTEST} characters: what was lost, and how."
        return No("short-reason", text, "", 422)
    if len(signers) != 2:
        return No("two-people", "A new epoch is signed by two people.", "give --by twice", 422)
    hasher = passwords or Passwords()
    store = Store.open_unchecked(home, clock)
    try:
        found = [_signer(store, hasher, login, password) for login, password in signers]
        signed = [one for one in found if isinstance(one, Account)]
        for one in found:
            if isinstance(one, No):
                return one
        if _human(signed[0]) == _human(signed[1]):
            return No("two-people", "Both logins belong to the same person.", "", 403)
        if not any(_administers(store, one) for one in signed):
            return No("no-administrator", "One of the two has to be an administrator.", "", 403)
        signed_by = (signed[0].person, signed[1].person)
        store.begin_epoch(by=signed_by, why=why.strip())
        backup.start_anew(store)
        return store.checkpoint()
    finally:
        store.close()


def _signer(store: Store, hasher: Passwords, login: str, password: str) -> Account | No:
    with store.reading() as view:
        account = view.people.by_login(login.casefold())
        kept = None if account is None else view.people.password(account.id)
    fits = hasher.fits(password, kept)
    if account is None or not account.open or not fits:
        return No("not-them", f"{login} and that password don't go together.", "", 401)
    return account


def _human(account: Account) -> str:
    return account.same_as or account.id


def _administers(store: Store, account: Account) -> bool:
    with store.reading() as view:
        grants = view.people.grants(account=account.id)
    return any(g.role is Role.ADMINISTRATOR and g.repository == EVERYWHERE for g in grants)
