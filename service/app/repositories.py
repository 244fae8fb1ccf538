"""Repositories: register, test, look at; a mirror of each lies below PAWL_HOME/mirrors."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from agents import Reader
from service.changes import Change, Move, Person, Stage
from service.ledger import Judgment, Kind
from service.people import No, SignedIn
from service.people.tokens import fresh_id
from service.repos import RepositoryError, Snapshot, mirrors, ratchet
from service.repos.git import Protocol
from service.repos.mirrors import Mirror
from service.repos.remotes import BadUrl, Remote, remote
from service.store import Store
from service.store.repositories import Repository

__all__ = ["Looked", "Repositories", "Repository"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,79}")
Listed = list  # `Repositories.list` takes the name inside the class


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
        self,
        store: Store,
        reader: Reader,
        mirrors: Path,
        clock: Callable[[], datetime],
        host: Mapping[str, str] | None = None,
    ) -> None:
        """`host` is what of this machine's environment git may see to sign in over ssh and https
        (HOME, SSH_AUTH_SOCK); without it, git looks in the home of whoever runs Pawl."""
        self._store = store
        self._reader = reader
        self._mirrors = mirrors
        self._clock = clock
        self._host = dict(host or {})

    def register(self, who: SignedIn, *, name: str, url: str, branch: str) -> Repository | No:
        """Make a mirror and keep the repository. Administrators, with a session. `branch` "":
        the remote's HEAD. No 422 says what is wrong with the url, in one sentence."""
        no = _may(who)
        if no is not None:
            return no
        if _NAME.fullmatch(name) is None:
            why = "A repository's name has letters, digits, dots, dashes and slashes, at most 80."
            return No("bad-name", why, "Choose a plain name.", 422)
        where = remote(url.strip())
        if isinstance(where, BadUrl):
            return No("bad-url", f"{where.why}.", where.remedy, 422)
        try:
            wanted = branch.strip() or mirrors.default_branch(where, self._host) or ""
            refused = mirrors.branch_name(wanted) if wanted else None
            if refused is not None or not wanted:
                why = str(refused) if refused else "the repository does not say which branch counts"
                return No("bad-branch", f"{why}.", "Name the branch that changes go to.", 422)
            taken = self._taken(name, where.url, wanted)
            if taken is not None:
                return taken
            return self._add(who, name, where, wanted)
        except RepositoryError as error:
            return No(error.code, f"{error}.", error.mend or "", 422)

    def remove(self, who: SignedIn, ident: str) -> No | None:
        """Stop looking after it; open changes of it are withdrawn; the repository is untouched."""
        no = _may(who)
        if no is not None:
            return no
        with self._store.writing() as work:
            kept = work.repositories.get(ident)
            if kept is None:
                return _unknown(ident)
            open_ = [work.change(one) for one in work.repositories.open_changes(kept.id)]
            merging = next((one.id for one in open_ if one.stage is Stage.MERGING), None)
            if merging is not None:
                why = f"{merging} is being merged there at this moment."
                return No("merging", why, "Wait until that ends.", 409)
            why = f"{kept.name} is no longer looked after"
            for change in open_:
                said = Judgment(Kind.WITHDRAWN, who.person, change.id, why)
                work.record(change.id, Move(Stage.WITHDRAWN, {"why": why}), said)
            work.repositories.remove(kept.id, work.now)
            work.note(_said(Kind.REPOSITORY_REMOVED, who.person, kept, why))
        mirrors.remove(self.mirror(kept))
        return None

    def list(self, who: SignedIn | None = None) -> tuple[Repository, ...]:
        """Those that `who` may see (None: all), by name."""
        with self._store.reading() as view:
            found = view.repositories.all()
        return tuple(one for one in found if who is None or who.may_see(one.id))

    def get(self, ident: str) -> Repository | None:
        """By id or by name."""
        with self._store.reading() as view:
            return view.repositories.get(ident)

    def fetch(self, ident: str) -> Repository | No:
        """Bring the mirror up to date."""
        kept = self.get(ident)
        if kept is None:
            return _unknown(ident)
        mirror = self.mirror(kept)
        try:
            if mirrors.exists(mirror):
                mirrors.fetch(mirror)
            else:
                mirrors.create(mirror)
        except RepositoryError as error:
            with self._store.writing() as work:
                work.repositories.troubled(kept.id, str(error))
            return No(error.code, f"{error}.", error.mend or "", 422)
        with self._store.writing() as work:
            work.repositories.fetched(kept.id, head=mirrors.head(mirror), at=work.now)
            fresh = work.repositories.get(kept.id)
        return _unknown(ident) if fresh is None else fresh

    def look(self, ident: str) -> Looked | No:
        """Fetch, read the tree, find entry points, check config; never runs anything of it."""
        kept = self.get(ident)
        found = self.snapshot(ident)
        if kept is None or isinstance(found, No):
            return found if isinstance(found, No) else _unknown(ident)
        survey = self._reader.survey(found.files)
        problems: Listed[str] = []
        checks: tuple[tuple[str, ...], ...] = ()
        try:
            checks = ratchet.config(found.files).checks
        except RepositoryError as error:
            problems.append(f"{error}.")
        mirror = self.mirror(kept)
        closed = mirrors.may_push(mirror)
        if closed:
            problems.append(f"{closed[:1].upper()}{closed[1:]}.")
        hooks = mirrors.hooks(mirror)
        if hooks:
            problems.append(
                f"The repository has hooks ({', '.join(hooks)}), which a push over a local path "
                "does not run; register it over ssh if they must run."
            )
        problems += [f"{one.path}: {one.why}." for one in found.left_out]
        if not survey.entry_points:
            problems.append("No entry point was found: nothing that could be started and tried.")
        return Looked(
            head=found.base,
            files=len(found.files),
            entry_points=tuple((" ".join(e.argv), e.started_by) for e in survey.entry_points),
            destructive=survey.destructive,
            rehearsals=tuple(ratchet.rehearsals(found.files)),
            checks=tuple(" ".join(check) for check in checks),
            problems=tuple(problems),
            may_push=not closed,
        )

    def snapshot(self, ident: str) -> Snapshot | No:
        """The branch's newest commit as a tree: what a request starts from."""
        kept = self.fetch(ident)
        if isinstance(kept, No):
            return kept
        try:
            return mirrors.snapshot(self.mirror(kept), kept.head or kept.branch)
        except RepositoryError as error:
            return No(error.code, f"{error}.", error.mend or "", 422)

    def mirror(self, kept: Repository) -> Mirror:
        """The mirror of a repository, whether or not it is made yet."""
        where = remote(kept.url)
        if isinstance(where, BadUrl):  # a folder that is gone: git says so when it is asked
            where = Remote(kept.url, Protocol.FILE)
        return Mirror(self._mirrors / f"{kept.id}.git", where, kept.branch, self._host)

    def mirror_of(self, change: Change) -> Mirror | None:
        """The mirror that `change` is to be merged in; None where its repository is not kept."""
        kept = self.get(change.repository)
        return None if kept is None else self.mirror(kept)

    def _taken(self, name: str, url: str, branch: str) -> No | None:
        with self._store.reading() as view:
            if view.repositories.get(name) is not None:
                why = f"a repository is called {name} already."
                return No("name-taken", why, "Choose another name.", 409)
            same = view.repositories.at(url, branch)
        if same is None:
            return None
        why = f"{branch} of this repository is looked after already, as {same.name}."
        return No("known", why, "Use that one.", 409)

    def _add(self, who: SignedIn, name: str, where: Remote, branch: str) -> Repository | No:
        ident = fresh_id("r")
        mirror = Mirror(self._mirrors / f"{ident}.git", where, branch, self._host)
        mirrors.create(mirror)
        now = self._clock()
        kept = Repository(
            id=ident,
            name=name,
            url=where.url,
            branch=branch,
            made_by=who.account.id,
            made_at=now,
            head=mirrors.head(mirror),
            fetched_at=now,
            trouble="",
        )
        with self._store.writing() as work:
            free = work.repositories.get(name) is None
            if free:
                work.repositories.add(kept)
                why = f"{name} is looked after from now on"
                work.note(_said(Kind.REPOSITORY_ADDED, who.person, kept, why))
        if free:
            return kept
        mirrors.remove(mirror)
        return No("name-taken", f"a repository is called {name} already.", "Choose another.", 409)


def _may(who: SignedIn) -> No | None:
    if who.session is None:
        why = "repositories are registered and removed by a person who is signed in."
        return No("no-session", why, "Sign in on the page.", 403)
    if not who.is_administrator():
        why = "only an administrator registers and removes repositories."
        return No("not-allowed", why, "Ask an administrator.", 403)
    return None


def _unknown(ident: str) -> No:
    return No("unknown-repository", f"no repository is called {ident!r}.", "", 404)


def _said(kind: Kind, by: Person, kept: Repository, why: str) -> Judgment:
    payload = {"repository": kept.id, "name": kept.name, "url": kept.url, "branch": kept.branch}
    return Judgment(kind, by, None, why, payload)
