"""`pawl demo`: the founding incident through the whole service, told as it happens, then the pages.

Two people are made up: Rita, who reports the incident, and Aron, who may approve what comes of it.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.rule import Rule
from rich.text import Text

from service import settings as environment
from service import wiring
from service.app import records
from service.app.outcome import EXIT, outcome
from service.app.requests import ask_here
from service.changes import Change, Stage
from service.cli import report
from service.cli.propose import Document, diff_of
from service.cli.serve import alone, ended_by_signal, listening, local_url, run
from service.cli.terminal import Terminal
from service.errors import PawlError, SomethingMissing
from service.people import EVERYWHERE, Account, LinkKind, No, Role, SignedIn
from service.settings import Settings
from service.wiring import Serving

ROOT = Path(__file__).resolve().parents[2]
NAME = "demo"
_PORT = 8090
_HOST = "127.0.0.1"


@dataclass(frozen=True)
class Place:
    """Where the demo's things lie."""

    repository: Path
    home: Path


def demo(keep: Path | None) -> None:
    """File the incident, show the way to the queue, then serve; exit 0 if the proposal stands."""
    source = ROOT / "docs/demo"
    if not (source / "repo").is_dir():
        raise SomethingMissing(
            "the demo's incident is not here",
            code="missing-demo",
            mend="run it from a checkout of Pawl: make demo",
        )
    place = _fresh(source / "repo", keep)
    settings = replace(environment.load(), home=place.home)
    once = settings.demo_once or not sys.stdin.isatty()
    code = 130  # Ctrl-C before the queue
    with _service(settings) as (up, terminal, listener):
        document = _to_the_queue(up, terminal, place, (source / "request.md").read_text("utf-8"))
        code = EXIT.get(document["outcome"], 1)
        if code == 0 and not once:
            terminal.console.print(Text("\n  serving until Ctrl-C"))
            run(up.app, listener)
    sys.exit(code)


# --- before -------------------------------------------------------------------------------------


def _fresh(source: Path, keep: Path | None) -> Place:
    folder = ROOT / "build/demo"
    shutil.rmtree(folder, ignore_errors=True)
    repository = keep.absolute() if keep is not None else folder / "repository.git"
    if repository.exists():
        raise SomethingMissing(
            f"{repository} is there already", code="missing-room", mend="name another folder"
        )
    home = folder / "home"
    home.mkdir(parents=True, mode=0o700)
    _make(source, repository)
    return Place(repository, home)


def _make(source: Path, repository: Path) -> None:
    """A bare git repository with one commit on main that holds `source`."""
    repository.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        ["git", "init", "--quiet", "--bare", "--initial-branch=main", str(repository)], check=True
    )
    here = ("git", f"--git-dir={repository}", f"--work-tree={source}")
    person = ("-c", "user.name=Demo", "-c", "user.email=demo@localhost")
    for args in (
        ("add", "--all", "--force"),
        ("commit", "--quiet", "--message=The site as it was"),
    ):
        subprocess.run([*here, "-c", "core.bare=false", *person, *args], check=True, cwd=source)
    (repository / "index").unlink(missing_ok=True)


@contextmanager
def _service(settings: Settings) -> Iterator[tuple[Serving, Terminal, socket.socket]]:
    """The service, up, with a terminal that follows every change; its journal goes to a file."""
    from service.worker import journal

    terminal = Terminal()
    with (
        (settings.home / "service.log").open("w") as out,
        alone(settings.home),
        ended_by_signal(),
        _listening() as listener,
    ):
        journal.begin(out)
        url = local_url(_HOST, int(listener.getsockname()[1]))
        try:
            with wiring.serving(settings, public_url=url, also=lambda _: terminal) as up:
                yield up, terminal, listener
        finally:
            terminal.close()


@contextmanager
def _listening() -> Iterator[socket.socket]:
    """The usual port, or any that is free: two demos may run side by side."""
    try:
        with listening(_HOST, _PORT) as listener:
            yield listener
            return
    except SomethingMissing as taken:
        if taken.code != "missing-port":
            raise
    with listening(_HOST, 0) as listener:
        yield listener


# --- the way ------------------------------------------------------------------------------------


def _to_the_queue(up: Serving, terminal: Terminal, place: Place, request: str) -> Document:
    """Take the incident from Rita's words to the queue; answer the document of what came of it."""
    console = terminal.console
    began = time.monotonic()
    rita, aron = _people(up)
    _head(console, "An incident, in a person's words")
    for line in request.strip().splitlines():
        console.print(Text(f"  {line}"))
    _head(console, "Pawl re-enacts it, plans a reshape, proves it, asks the gate")
    change = _asked(up, rita, aron, place, request)
    terminal.say(f"{place.repository}: base {change.base[:12]}; asked by {rita.name}")
    terminal.say("first verdict in about half a minute, the whole proof in one to three minutes")
    change = _until_it_rests(up, terminal, change)
    terminal.close()
    artifacts = up.services.store.artifacts
    document = outcome(change, artifacts, took_ms=round(1000 * (time.monotonic() - began)))
    up.services.store.checkpoint()
    base = records.unpack(artifacts.get(change.tree)) if change.tree else {}
    draft = records.unpack(artifacts.get(change.draft)) if change.draft else None
    stands = document["outcome"] == "stands"
    lead = f"It lies on the branch `pawl/{change.id}`; main is untouched." if stands else ""
    _head(console, "What a reviewer gets")
    report.show(Console(highlight=False), document, diff_of(base, draft), lead=lead)
    if stands:
        _head(console, "The proposal waits for a second person")
        for text in _lines(up, place, change, rita, aron):
            console.print(Text(f"  {text}"))
    return document


def _people(up: Serving) -> tuple[Account, Account]:
    """Rita, who asks; Aron, who may approve and who looks after the service."""
    people = up.services.people
    rita = people.make_account(login="rita", name="Rita", roles=((EVERYWHERE, Role.REQUESTER),))
    roles = tuple((EVERYWHERE, role) for role in (Role.APPROVER, Role.ADMINISTRATOR))
    return rita, people.make_account(login="aron", name="Aron", roles=roles)


def _asked(up: Serving, rita: Account, aron: Account, place: Place, request: str) -> Change:
    """Aron registers the repository, Rita files the incident, as they would in a browser."""
    services = up.services
    people = services.people
    link = people.make_link(LinkKind.SIGN_IN, aron.id)
    entered = people.enter_by_link(link, agent="pawl demo", address="")
    if isinstance(entered, No):
        raise _refused(entered)
    registered = services.repositories.register(
        entered.signed_in, name=NAME, url=str(place.repository), branch="main"
    )
    people.sign_out(entered.signed_in)
    if isinstance(registered, No):
        raise _refused(registered)
    asks = SignedIn(rita, people.grants(account=rita.id), session=None)
    change = ask_here(
        services.store, services.repositories, asks, registered.id, request, mask=services.mask
    )
    if isinstance(change, No):
        raise _refused(change)
    up.pool.wake(change.id)
    return change


def _until_it_rests(up: Serving, terminal: Terminal, change: Change) -> Change:
    """Wait until people are needed or it ended. Raises where it can't go on."""
    told = ""
    while True:
        now = up.services.store.get(change.id)
        busy = change.id in (*up.pool.running(), *up.pool.queued())
        if not busy and (now.ended or now.stage in (Stage.WAITING, Stage.NEEDS_ANSWER)):
            return now
        state = up.pool.state()
        engine = state["engine"]
        if not engine["ok"] and engine["code"]:
            raise SomethingMissing(engine["text"], code=engine["code"], mend="pawl doctor --mend")
        if not engine["ok"] and engine["text"] != told:
            told = engine["text"]
            terminal.say(told)
        if change.id in state["left"]:
            raise PawlError("the change can't go on; the lines above say why", code="demo-stuck")
        time.sleep(0.05)


# --- after --------------------------------------------------------------------------------------


def _lines(
    up: Serving, place: Place, change: Change, rita: Account, aron: Account
) -> Iterator[str]:
    repository, url = place.repository, up.services.public_url
    branch = f"pawl/{change.id}"
    yield f"repository   {repository} (branch {branch}; main is untouched)"
    yield f"look at it   git -C {repository} diff main {branch}"
    yield f"keep it      .venv/bin/pawl rehearse {repository} --head {branch}"
    yield f"the log      PAWL_HOME={place.home} .venv/bin/pawl log verify"
    yield f"the page     {url}/changes/{change.id}"
    for account, what in ((rita, "asked for it"), (aron, "may approve it")):
        token = up.services.people.make_link(LinkKind.SIGN_IN, account.id)
        yield f"{account.name:<12} {url}/link/{token}  ({what}; signs in once)"


def _refused(no: No) -> PawlError:
    return PawlError(no.why, code=no.code, mend=no.mend)


def _head(console: Console, text: str) -> None:
    console.print()
    console.print(Rule(Text(text, style="bold"), align="left"))
