"""`pawl people`: what only somebody at the machine may do for people who are locked out."""

from __future__ import annotations

import click

from service import settings as environment
from service import wiring
from service.errors import UsageError


def link(login: str) -> None:
    """Print a one-time link that lets `login` set a new way to sign in; it is on record."""
    from service.people import LinkKind

    settings = environment.load()
    url = (settings.url or "http://localhost:8090").rstrip("/")
    store = wiring.store(settings)
    try:
        people = wiring.people(settings, store, url)
        found = next((a for a in people.accounts() if a.login == login.casefold()), None)
        if found is None or not found.open:
            raise UsageError(f"no open account has the login {login!r}", code="unknown-login")
        token = people.make_link(LinkKind.RESET, found.id)
    finally:
        store.close()
    click.echo(f"{url}/link/{token}")
    click.echo(f"For {found.name} alone, once, within a day. It is on record.", err=True)
