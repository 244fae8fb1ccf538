"""Requests: an incident or a piece of toil in a person's words becomes a change, once."""

from __future__ import annotations

import getpass
import hashlib
from collections.abc import Callable
from typing import Protocol

from service.app import records
from service.changes import Change, Digest, Request, Source, System
from service.people import No, Role, SignedIn
from service.repos import Snapshot

LONGEST = 100_000
"""Bytes of UTF-8 that a request may have, pasted runbooks and logs included."""

_MAY_ASK = frozenset({Role.REQUESTER, Role.APPROVER, Role.POLICY_OWNER, Role.ADMINISTRATOR})


def by_cli() -> System:
    """Who asks at a terminal: not a signed-in person, so a change of theirs must be adopted."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "unknown"
    return System(f"cli:{name}")


class Artifacts(Protocol):
    def put(self, content: bytes) -> Digest: ...


class Asked(Protocol):
    """The store, as far as asking needs it."""

    @property
    def artifacts(self) -> Artifacts: ...

    def open_change(
        self,
        request: Request,
        *,
        repository: str,
        base: str,
        branch: str,
        key: str,
        tree: Digest | None = None,
    ) -> Change: ...


def ask(
    store: Asked,
    snapshot: Snapshot,
    text: str,
    *,
    planner: str,
    entry: tuple[str, ...] | None = None,
    given: bytes = b"",
) -> Change:
    """Open a change for `text` on what `snapshot` holds; asked again, it is the same change.

    `given` is somebody's own fix, when that is what is asked about. A change that has not ended is
    found again by (directory, base, words, planner, entry, fix), so that a run that was killed goes
    on instead of starting a second one.
    """
    tree = store.artifacts.put(records.pack(snapshot.files))
    key = hashlib.sha256(
        records.dumps(
            [str(snapshot.root), snapshot.tree, text, planner, list(entry or ()), given.hex()]
        )
    ).hexdigest()
    return store.open_change(
        Request(text=text, by=by_cli(), source=Source.CLI),
        repository=str(snapshot.root),
        base=snapshot.base,
        branch=snapshot.branch or "",
        key=key,
        tree=tree,
    )


class Registered(Protocol):
    """The repositories that Pawl looks after, as far as asking needs them."""

    def get(self, ident: str) -> Found | None: ...

    def snapshot(self, ident: str) -> Snapshot | No: ...


class Found(Protocol):
    @property
    def id(self) -> str: ...

    @property
    def branch(self) -> str: ...


def ask_here(
    store: Asked,
    repositories: Registered,
    who: SignedIn,
    repository: str,
    text: str,
    *,
    source: Source = Source.CHAT,
    mask: Callable[[str], str] = lambda text: text,
    frozen: Callable[[], str] = lambda: "",
) -> Change | No:
    """Open a change for `text` on the newest commit of a registered `repository` (id or name).

    `who` counts as its requester, by session or by token. Asked twice with the same words on the
    same commit, it is the same change. `frozen` answers why agents are frozen, "" where they are
    not. Whoever calls wakes the worker.
    """
    found = repositories.get(repository)
    if found is None or not who.may_see(found.id):
        return No("unknown-repository", "There is no such repository here.", "", 404)
    if not who.roles(found.id) & _MAY_ASK:
        return No(
            "may-not-ask",
            "You may read this repository, but not ask for changes to it.",
            "ask an administrator for the role of requester",
            403,
        )
    no = _unfit(text)
    if no is not None:
        return no
    why = frozen()
    if why:
        return No("agents-frozen", f"Agents are frozen: {why}", "ask again when they are not", 409)
    snapshot = repositories.snapshot(found.id)
    if isinstance(snapshot, No):
        return snapshot
    if not snapshot.files:
        return No("empty-repository", "The repository's branch holds no files.", "", 422)
    words = mask(text)
    key = records.dumps([found.id, snapshot.tree, snapshot.base, words, who.account.id])
    return store.open_change(
        Request(text=words, by=who.person, source=source),
        repository=found.id,
        base=snapshot.base,
        branch=found.branch,
        key=hashlib.sha256(key).hexdigest(),
        tree=store.artifacts.put(records.pack(snapshot.files)),
    )


def _unfit(text: str) -> No | None:
    """Why `text` is no request; None where it can be one."""
    if not text.strip():
        return No("empty-request", "Say in your own words what happened.", "", 422)
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return No("not-text", "The request holds half a character.", "paste it again", 422)
    if "\0" in text:
        return No("not-text", "The request holds a NUL character.", "paste it as text", 422)
    if size > LONGEST:
        return No(
            "too-long",
            f"The request has {size} bytes; at most {LONGEST} can be taken.",
            "leave out the parts of the log that repeat",
            422,
        )
    return None
