"""Repositories: register, test, look at; a mirror of each lies below PAWL_HOME/mirrors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from agents import Reader
from service.people import No, SignedIn
from service.repos import Snapshot
from service.store import Store


@dataclass(frozen=True, kw_only=True)
class Repository:
    """A repository that Pawl looks after."""

    id: str
    name: str
    url: str
    branch: str
    made_by: str | None
    made_at: datetime
    head: str | None
    fetched_at: datetime | None
    trouble: str


@dataclass(frozen=True, kw_only=True)
class Looked:
    """What a test of a repository found. `problems` are sentences; none: it can be used."""

    head: str
    files: int
    entry_points: tuple[tuple[str, str], ...]  # (command line, who starts it)
    destructive: tuple[str, ...]
    rehearsals: tuple[str, ...]
    checks: tuple[str, ...]  # of .pawl/config.yaml
    problems: tuple[str, ...]
    may_push: bool


class Repositories:
    def __init__(
        self, store: Store, reader: Reader, mirrors: Path, clock: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._reader = reader
        self._mirrors = mirrors
        self._clock = clock

    def register(self, who: SignedIn, *, name: str, url: str, branch: str) -> Repository | No:
        """Make a mirror and keep the repository. Administrators, with a session. `branch` "":
        the remote's HEAD. No 422 says what is wrong with the url, in one sentence."""
        raise NotImplementedError

    def remove(self, who: SignedIn, ident: str) -> No | None:
        """Stop looking after it; open changes of it are withdrawn; the repository is untouched."""
        raise NotImplementedError

    def list(self, who: SignedIn | None = None) -> tuple[Repository, ...]:
        """Those that `who` may see (None: all), by name."""
        raise NotImplementedError

    def get(self, ident: str) -> Repository | None:
        """By id or by name."""
        raise NotImplementedError

    def fetch(self, ident: str) -> Repository | No:
        """Bring the mirror up to date."""
        raise NotImplementedError

    def look(self, ident: str) -> Looked | No:
        """Fetch, read the tree, find entry points, check config; never runs anything of it."""
        raise NotImplementedError

    def snapshot(self, ident: str) -> Snapshot | No:
        """The branch's newest commit as a tree: what a request starts from."""
        raise NotImplementedError
