"""Who proposes: a request and a view of the repository in, a proposal out.

Promises and values only. Nothing here writes a tree, runs a command, decides, or knows the sandbox,
the policies or the service; `service.wiring` alone imports the planners themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable

Files = Mapping[str, tuple[int, bytes]]
"""A tree or folder as it crosses a wall: relative posix path (surrogateescape for bytes that are
not UTF-8) -> (git mode 0o100644, 0o100755 or 0o120000; content, for a link its target)."""

Argv = tuple[str, ...]


class ReshapeKind(StrEnum):
    """What a plan does to the failure. The first two compound; the others say why not deeper."""

    ELIMINATE = "eliminate"
    GUARD = "guard"
    AUTOMATE = "automate"
    DOCUMENT = "document"


@dataclass(frozen=True)
class EntryPoint:
    """A way in which people, cron or CI start something."""

    argv: Argv
    started_by: str  # "CI .github/workflows/x.yml:12", "cron ops/crontab:3", "people README.md:9"


@dataclass(frozen=True)
class Setting:
    """A setting that an entry point reads."""

    name: str
    file: str | None  # path in the tree that assigns it; None: from the environment
    value: str | None
    feeds: str = "other"  # "path": a local path of a destructive command; "remote"; "other"


@dataclass(frozen=True)
class Mirroring:
    """A command that makes a live place equal to a source, where it stands and who comes to it."""

    entry: Argv  # () for a block of CI
    path: str
    line: int
    words: Argv  # its name and the words of it that are known, without patterns


@dataclass(frozen=True)
class Survey:
    """What reading found in a tree, without running anything."""

    entry_points: tuple[EntryPoint, ...]
    settings: tuple[Setting, ...]
    sources: tuple[str, ...]  # addresses of folders that commands read: "HOST:/path", "/path"
    destructive: tuple[str, ...]  # "scripts/x.sh:12 aws s3 sync --delete", for people
    unread: tuple[str, ...] = ()  # what could not be parsed, and why
    reach: Mapping[Argv, tuple[str, ...]] | None = None
    """Entry point -> files of the tree that it can run or read as code (its static closure)."""
    mirrors: tuple[Mirroring, ...] = ()


@dataclass(frozen=True)
class Precedent:
    """An earlier change of the same repository that ended, and what came of it."""

    change: str
    outcome: str  # merged | rejected | refused | withdrawn | nothing-fits
    failure: str  # class; "" where no rehearsal was written
    title: str  # of its plan; "" where there was none
    kind: str
    files: tuple[str, ...]
    why: str
    typed: str = ""
    """The typed reason of a rejection; "" where none was given."""
    on: str = ""  # the day it ended, as YYYY-MM-DD

    @property
    def told(self) -> str:
        """The precedent in one sentence, as plans cite it."""
        named = f' "{self.title}"' if self.title else ""
        typed = f"{self.typed.replace('-', ' ')}: " if self.typed else ""
        because = f" because {typed}{self.why}" if typed or self.why else ""
        return f"change {self.change}{named}: {self.outcome} on {self.on}{because}"

    def bars(self, failure: str, title: str, kind: str, files: tuple[str, ...]) -> bool:
        """Whether it was rejected in a way that speaks against such a plan here.

        Who says that the problem is wrong or not worth it speaks against every plan for it; any
        other reason against the same plan only. A duplicate says nothing of the plan.
        """
        if self.outcome != "rejected" or self.typed == "duplicate" or self.failure != failure:
            return False
        if not set(self.files) & set(files):
            return False
        about_all = self.typed in ("wrong-problem", "not-worth-it")
        return about_all or (self.title, self.kind) == (title, kind)


@dataclass(frozen=True)
class Brief:
    """What a planner is given."""

    request: str
    tree: Files
    survey: Survey
    entry: Argv | None = None  # a person said which entry point
    told: tuple[str, ...] = ()
    """Words that came back: evidence of a proof that did not hold, a gate's remedy, a reviewer."""
    precedents: tuple[Precedent, ...] = ()
    """Earlier changes of this repository that ended, most telling first: data, never orders."""
    change: str = ""
    """Whose brief it is; "" where nobody keeps a record."""


@dataclass(frozen=True)
class Rehearsal:
    """A rehearsal written before any fix exists: the folder `.pawl/rehearsals/<name>/`."""

    name: str
    files: Files  # relative to that folder; holds rehearsal.yaml
    story: str
    failure: str  # class, from the taxonomy
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Trial:
    """What happened when a rehearsal was tried on base. A planner sees one hit, never a list."""

    control_good: bool
    hits: bool
    why: str
    lost: tuple[str, ...] = ()  # of one hit
    log: str = ""


@dataclass(frozen=True)
class Edit:
    """One file of a change, whole: None before = new, None after = removed."""

    path: str
    before: tuple[int, bytes] | None
    after: tuple[int, bytes] | None
    why: str


@dataclass(frozen=True)
class Alternative:
    title: str
    why_not: str


@dataclass(frozen=True)
class Prediction:
    """Which readout moves, from what to what. Only readouts that Pawl computes itself."""

    readout: str  # "open failures" | "runbook steps"
    before: int
    after: int


@dataclass(frozen=True)
class Plan:
    title: str
    kind: ReshapeKind
    edits: tuple[Edit, ...]
    reasons: tuple[str, ...]
    alternatives: tuple[Alternative, ...]
    unsolved: tuple[str, ...]
    price: tuple[str, ...]
    prediction: Prediction
    why_not_deeper: str = ""  # required unless the kind compounds


@dataclass(frozen=True)
class Question:
    """At most three questions to the requester, each with a default."""

    asks: tuple[tuple[str, str], ...]  # (question, default)


@dataclass(frozen=True)
class NothingFits:
    """No planner knows a reshape. The rehearsal that hits is handed over all the same."""

    why: str
    looked_for: tuple[str, ...]
    unknown: tuple[str, ...]  # which call or shape was unknown
    would_help: tuple[str, ...]
    rehearsal: Rehearsal | None = None


@dataclass(frozen=True)
class NotReproduced:
    """No rehearsal hits on base: what was found and what was tried."""

    why: str
    tried: tuple[str, ...]
    would_help: tuple[str, ...] = ()


class Desk(Protocol):
    """What a planner may use. Read-only and bounded; nothing here decides."""

    def try_rehearsal(self, rehearsal: Rehearsal) -> Trial:
        """Run control and the declared faults on base, in the sandbox."""
        ...

    def say(self, text: str) -> None:
        """One line of progress for the person who waits."""
        ...

    def discard(self, candidate: str, why: str) -> None:
        """Put on record that a candidate was weighed and dropped."""
        ...


@runtime_checkable
class DraftDesk(Protocol):
    """A desk at which a draft can be tried too, against a counter-rehearsal."""

    def try_draft(self, rehearsal: Rehearsal, edits: tuple[Edit, ...]) -> Trial:
        """Run control and the declared faults on what `edits` would make of base."""
        ...


class Planner(Protocol):
    @property
    def name(self) -> str: ...

    def rehearse(
        self, brief: Brief, desk: Desk
    ) -> Rehearsal | Question | NothingFits | NotReproduced:
        """Write the rehearsal, before any fix exists; a returned one was seen to hit on base."""
        ...

    def plan(self, brief: Brief, desk: Desk, rehearsal: Rehearsal) -> Plan | Question | NothingFits:
        """Weigh alternatives and give edits."""
        ...


class Reader(Protocol):
    """Finds entry points, settings and sources in a tree; pure (`agents.reading`)."""

    def survey(self, tree: Files) -> Survey:
        """Read the whole tree."""
        ...

    def around(self, tree: Files, entry: Argv, failure: str) -> Survey:
        """The survey, cut to what reaches the same effect as `entry` for the class `failure`."""
        ...


class AgentError(Exception):
    """A planner could not answer. `code` can be searched for in the log; `mend` says what to do."""

    def __init__(self, message: str, *, code: str = "agent-error", mend: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.mend = mend
