"""A registered repository on this disk, changes in it, and people who said yes: for merge tests.

Git, store, mirrors and trees are real; planner, prover and gate are scripted, and `SaysYes` stands
in for the decisions of people.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agents import Edit
from service.app import records
from service.app.merging import Merging
from service.app.repositories import Repositories, Repository
from service.changes import Approval, Change, Person, Request, Source
from service.flow.parts import Parts
from service.ledger import Entry, Kind
from service.people import Account, AccountId, Grant, No, Role, Session, SignedIn, Strength
from service.repos import Snapshot
from service.store import Store
from service.store.unit import View, Work
from service.wiring import RehearsalFormat, RepositoryTrees
from service.worker.inline import Inline
from tests.unit.service.flow.parts import (
    REHEARSAL,
    TREE,
    Listener,
    PlainFacts,
    PlainReader,
    ScriptedGate,
    ScriptedPlanner,
    ScriptedProver,
    plan_with,
    verdict,
)
from tests.unit.service.store.conftest import Clock

ANA, BO = Person("ana"), Person("bo")
GOOD = b"#!/bin/sh\nset -e\nmake-it\nmirror\n"
LONG = b"#!/bin/sh\nmake-it\nmirror --delete\n" + b"".join(b"echo %d\n" % n for n in range(20))


def git(folder: Path, *args: str) -> str:
    """The real git, used as a person would."""
    environment = {
        "PATH": os.defpath,
        "HOME": "/nonexistent",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        **{f"GIT_{r}_NAME": "Mara" for r in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{r}_EMAIL": "mara@example.org" for r in ("AUTHOR", "COMMITTER")},
    }
    done = subprocess.run(["git", *args], cwd=folder, env=environment, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


def administrator() -> SignedIn:
    at = datetime(2031, 3, 1, tzinfo=UTC)
    account = Account(id=AccountId("root"), login="root", name="Root", made_by=None, made_at=at)
    grant = Grant(account="root", repository="*", role=Role.ADMINISTRATOR, by=None, at=at)
    session = Session(
        id="s",
        account="root",
        csrf="x",
        made_at=at,
        seen_at=at,
        strong_at=at,
        strong_how=Strength.PASSWORD,
        agent="test",
        address="",
    )
    return SignedIn(account, (grant,), session)


@dataclass
class SaysYes:
    """Stands in for the decisions of people: Bo approves what is bound, unless told otherwise."""

    missing: str = ""
    redeemed: list[tuple[str, str]] = field(default_factory=list)

    def sufficient(
        self, change: Change, *, within: View | None = None
    ) -> tuple[Approval, ...] | str:
        if self.missing or change.binding is None:
            return self.missing or "nothing is bound"
        return (Approval(change.binding, BO),)

    def redeem(
        self, work: Work, change: Change, ref: str, approvals: Sequence[Approval] = ()
    ) -> None:
        assert [one.by for one in approvals] == [BO]
        self.redeemed.append((change.id, ref))


class Crash(Exception):
    """The process is gone."""


@dataclass
class Meddled:
    """The merging use case, with something that happens before or after one of its deeds."""

    real: Merging
    before: dict[str, Callable[[], None]] = field(default_factory=dict)
    after: dict[str, Callable[[], None]] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        deed = getattr(self.real, name)

        def run(*args: Any, **named: Any) -> Any:
            self.before.get(name, lambda: None)()
            answer = deed(*args, **named)
            self.after.get(name, lambda: None)()
            return answer

        return run


@dataclass
class Scene:
    """A bare repository that is looked after, and what works on changes of it."""

    home: Path
    tree: Mapping[str, tuple[int, bytes]] = field(default_factory=lambda: dict(TREE))
    bare: bool = True
    requester: Person = ANA

    def __post_init__(self) -> None:
        self.clock = Clock()
        self.work = self.home / "work"
        for path, (mode, data) in self.tree.items():
            file = self.work / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
            file.chmod(mode & 0o777)
        git(self.work, "init", "-q", "-b", "main")
        git(self.work, "add", "-A")
        git(self.work, "commit", "-q", "-m", "Start")
        self.origin = self.work
        if self.bare:
            self.origin = self.home / "origin.git"
            git(self.home, "clone", "-q", "--bare", str(self.work), str(self.origin))
        self.store = Store.open(self.home / "pawl", self.clock)
        self.repositories = Repositories(
            self.store, PlainReader(), self.home / "pawl/mirrors", self.clock
        )
        made = self.repositories.register(
            administrator(), name="site", url=str(self.origin), branch="main"
        )
        assert isinstance(made, Repository), made
        self.repository = made
        self.yes = SaysYes()
        self.merging = Merging(self.store, self.repositories, self.yes, self.clock)
        self.meddled = Meddled(self.merging)
        self.planner = ScriptedPlanner([], [])
        self.prover, self.gate, self.listener = (
            ScriptedProver(),
            ScriptedGate([verdict()]),
            Listener(),
        )

    @property
    def parts(self) -> Parts:
        return Parts(
            changes=self.store,
            planner=self.planner,
            reader=PlainReader(),
            prover=self.prover,
            gate=self.gate,
            trees=RepositoryTrees(),
            rehearsals=RehearsalFormat(),
            facts=PlainFacts(),
            clock=self.clock,
            thread=self.listener,
            merging=self.meddled,
        )

    def asked(self, key: str = "k1", found: Snapshot | No | None = None) -> Change:
        found = found or self.repositories.snapshot(self.repository.id)
        assert not isinstance(found, No)
        return self.store.open_change(
            Request("the deploy wiped files", self.requester, Source.CHAT),
            repository=self.repository.id,
            base=found.base,
            branch="main",
            key=key,
            tree=self.store.artifacts.put(records.pack(found.files)),
        )

    def waiting(self, key: str = "k1", title: str = "Stop before publishing") -> Change:
        """A change that is proven, judged, and waits; nobody has said yes yet."""
        self.yes.missing = "an approver"
        before, script = self.tree["bin/publish"], GOOD
        if self.tree["bin/publish"][1] == LONG:
            script = LONG.replace(b" --delete", b"")
        plan = plan_with(GOOD, title)
        edit = Edit("bin/publish", before, (0o100755, script), "nothing deletes any more")
        self.planner.rehearsals.append(replace(REHEARSAL, name=f"half-a-build-{key}"))
        self.planner.plans.append(replace(plan, edits=(edit,)))
        change = self.run(self.asked(key))
        self.yes.missing = ""
        return change

    def added(self, key: str, found: Snapshot | No | None = None) -> Change:
        """A change that only adds a file and its rehearsal, so that many fit beside each other.

        It waits like any other, but for the branch that shows it to people.
        """
        self.yes.missing = "an approver"
        edit = Edit(f"notes/{key}.md", None, (0o100644, key.encode()), "said")
        self.planner.rehearsals.append(replace(REHEARSAL, name=f"half-a-build-{key}"))
        self.planner.plans.append(replace(plan_with(GOOD, f"Add {key}"), edits=(edit,)))
        asked = self.asked(key, found)
        change = self.run(asked, replace(self.parts, merging=None))
        self.yes.missing = ""
        return change

    def run(self, change: Change, parts: Parts | None = None) -> Change:
        inline = Inline(parts or self.parts, self.store, self.home / "flow.sqlite", "test")
        return inline.run(change.id)

    def push(self, files: Mapping[str, str | None], to: str = "main") -> str:
        """Somebody pushes a commit that puts `files` on the branch."""
        git(self.work, "fetch", "-q", str(self.origin), to)
        git(self.work, "checkout", "-q", "--detach", "FETCH_HEAD")
        for path, text in files.items():
            file = self.work / path
            if text is None:
                file.unlink()
                continue
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        git(self.work, "add", "-A")
        git(self.work, "commit", "-q", "-m", "Somebody's")
        git(self.work, "push", "-q", str(self.origin), f"HEAD:{to}")
        return git(self.work, "rev-parse", "HEAD")

    def at(self, ref: str = "main") -> str:
        return git(self.origin, "rev-parse", ref)

    def shows(self, path: str, ref: str = "main") -> str:
        return git(self.origin, "show", f"{ref}:{path}")

    def refs(self) -> list[str]:
        return git(self.origin, "for-each-ref", "--format=%(refname)").splitlines()

    def merges(self, change: Change) -> list[str]:
        """The commits on main that say they merge `change`."""
        wanted = f"--grep=^Pawl-Change: {change.id}$"
        return git(self.origin, "log", "--format=%H", wanted, "main").splitlines()

    def kinds(self, change: Change) -> list[Kind]:
        return [e.judgment.kind for e in self.store.events(change.id)]

    def last(self, change: Change, kind: Kind) -> Entry:
        return [e for e in self.store.events(change.id) if e.judgment.kind is kind][-1]

    def close(self) -> None:
        self.store.close()
