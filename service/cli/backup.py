"""`pawl backup`, `pawl restore` and `pawl log epoch`: keeping it, putting it back, going on."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from service import settings as environment
from service import wiring
from service.errors import PawlError, SomethingMissing, UsageError

_HOW_TO_GO_ON = (
    "two people sign a new epoch: pawl log epoch --by LOGIN --by LOGIN --why 'what was lost'"
)


def backup(file: Path) -> None:
    """Write a backup to `file`, readable by its owner alone."""
    from service.app.backup import take

    settings = environment.load()
    if not (settings.home / "pawl.sqlite").is_file():
        raise SomethingMissing(
            f"there is nothing to back up below {settings.home}",
            code="missing-store",
            mend="set PAWL_HOME to the folder that the service works over",
        )
    store = wiring.store(settings)
    try:
        taken = take(store, settings.home, file.absolute(), wiring.clock())
    finally:
        store.close()
    click.echo(
        f"{file}: {taken.entries} entries of the log, {taken.artifacts} artifacts, "
        f"{taken.size >> 10} KiB; it holds the key that signs the log"
    )


def restore(file: Path, checkpoint: Path | None) -> None:
    """Put `file` into PAWL_HOME; exit 7 where a new epoch has to begin."""
    from service.app.backup import put_back

    home = environment.load().home
    outside = None if checkpoint is None else checkpoint.read_text(errors="replace")
    done = put_back(file, home, wiring.clock, outside)
    click.echo(f"{home}: {done.entries} entries of the log, {done.artifacts} artifacts")
    for warning in done.warnings:
        click.echo(f"the log and the tables differ: {warning}", err=True)
    if done.lost:
        raise SomethingMissing(
            f"the backup is older than that checkpoint: {done.lost}",
            code="missing-entries",
            mend=_HOW_TO_GO_ON,
        )
    if outside is None:
        click.echo(
            "no outside checkpoint was given, so whether newer entries are lost is not known; each "
            "merge leaves one at refs/pawl/checkpoint in its repository",
            err=True,
        )
    click.echo("Everybody signs in again; what was approved and not merged is proven again.")


def epoch(logins: tuple[str, ...], why: str) -> None:
    """Begin a new epoch; each of `logins` says their password."""
    from service.app.epoch import begin
    from service.people import No

    if len(logins) != 2:
        raise UsageError("a new epoch is signed by two people", mend="give --by LOGIN twice")
    home = environment.load().home
    if not (home / "pawl.sqlite").is_file():
        raise SomethingMissing(f"there is no log below {home}", code="missing-log")
    signers = [(login, _password(login)) for login in logins]
    answer = begin(home, wiring.clock, signers, why)
    if isinstance(answer, No):
        raise PawlError(answer.why, code=answer.code, mend=answer.mend, exit_code=6)
    click.echo(f"A new epoch has begun; it is signed up to entry {answer.size - 1}.")


def _password(login: str) -> str:
    if sys.stdin.isatty():
        return str(click.prompt(f"Password of {login}", hide_input=True))
    return sys.stdin.readline().rstrip("\n")
