"""Cells: the port between the proof and whatever runs untrusted work.

Promises and values only; `docker.py` beside it is the real part. A cell is one run in a hardened
throw-away container over a fresh view of (tree + world); what it leaves is a state, never followed
links. Nothing here judges: hit and held are words of `sandbox.proof`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from sandbox import Argv, Files

State = Mapping[str, str]
"""What is there: address -> sha256 hex (24 digits) of the content, or "->target" for a link.

Addresses: an absolute path of the cell ("/repo/dist/a", "/var/lib/x"), "HOST:/abs/path" on a host
that stands for a machine, "s3://bucket/key", or "journal:NAME/N" (the N-th line that a stand-in
wrote down: an effect without state, such as a cache invalidation)."""

WorldContent = Mapping[str, bytes | None]
"""Address -> content to put there; None removes it (a folder's address ends in "/": all below)."""


class Ended(StrEnum):
    """How a run ended. The first five are evidence; the last two never count as hit or held."""

    EXITED = "exited"
    SIGNALLED = "signalled"
    OOM = "out-of-memory"
    TIMEOUT = "timed-out"
    OUTPUT_CAP = "output-cap"
    CANNOT_START = "cannot-start"
    ENGINE_ERROR = "engine-error"


@dataclass(frozen=True)
class Fault:
    """What goes wrong at a call. `command` is a signature such as "rsync" or "aws s3 sync"."""

    command: str
    does: str  # fail cut short noop kill slow hang play
    call: int = 1
    persistent: bool = False  # every call from `call` on
    exit: int = 1
    seconds: float = 0.0  # slow
    script: bytes = b""  # play
    lacks: int = 0  # cut, short: the last things that it makes are missing, not the later half


@dataclass(frozen=True)
class Tool:
    """A builder stand-in for a program that the image does not have.

    `converter`: one input file argument, one output (`output` names the option, e.g. "-o", or
    "last" for the last argument); the output is a function of the input's content. `builder`:
    writes `count` seeded files below `output` (a folder, relative to the working directory, or the
    option that names it). `sink`: exits 0 and writes a journal line.
    """

    name: str
    kind: str  # converter | builder | sink
    output: str = ""
    count: int = 6


@dataclass(frozen=True)
class World:
    """The outside systems that a side starts with."""

    buckets: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    unreachable: tuple[str, ...] = ()
    tools: tuple[Tool, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    content: WorldContent = field(default_factory=dict)
    empty: tuple[str, ...] = ()  # folders to make, empty: absolute, or "HOST:/abs/path"
    folder: str = "/repo"  # where the tree stands; its addresses say /repo wherever that is


@dataclass(frozen=True)
class Run:
    """One run of an entry point. `content` is put in place for this run only."""

    argv: Argv
    faults: Sequence[Fault] = ()
    record: bool = False
    content: WorldContent = field(default_factory=dict)
    env: Mapping[str, str | None] = field(default_factory=dict)  # None unsets
    then: Sequence[Argv] = ()  # further entry points in the same view (sequences)
    file_limit: int | None = None  # bytes; a full disk for every program
    timeout: float = 60.0
    seed: int = 0  # for stand-ins that make things up


@dataclass(frozen=True)
class Call:
    """One recorded call of a command with its effects, from a record run."""

    signature: str
    number: int  # the n-th call of that signature, from 1
    argv: Argv
    cwd: str
    code: int | None
    created: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    read: tuple[str, ...] = ()  # addresses of folders on hosts or prefixes in buckets that it read

    @property
    def effectful(self) -> bool:
        return bool(self.created or self.changed or self.removed)


@dataclass(frozen=True)
class Ran:
    """What a run left."""

    ended: Ended
    code: int | None
    output: bytes  # stdout and stderr as they came, capped
    truncated: bool
    seconds: float
    state: State
    calls: tuple[Call, ...] = ()
    fired: tuple[Fault, ...] = ()
    codes: tuple[int, ...] = ()  # of each entry point that came to its end, in order
    unknown: tuple[str, ...] = ()  # what a stand-in was asked and does not know: the cell is broken
    broken: str = ""  # forged record, stand-in died ...: why the run can't be judged
    oom_kills: int = 0
    error: str = ""  # engine's own words, for ENGINE_ERROR and CANNOT_START


class Ground(Protocol):
    """A tree and a world, opened: what fresh views are taken from."""

    @property
    def state(self) -> State:
        """What is there before a run."""
        ...

    def run(self, run: Run, on_line: Callable[[bytes], None] | None = None) -> Ran:
        """Run in a fresh view that is thrown away. May be called from several threads."""
        ...

    def advance(self, run: Run, on_line: Callable[[bytes], None] | None = None) -> Ran:
        """Run, and make what it left the new ground (priming)."""
        ...

    def place(self, content: WorldContent) -> None:
        """Put content into the ground (stimulus)."""
        ...

    def clear(self, patterns: Sequence[str]) -> None:
        """Remove paths of the tree by git-ignore patterns (a cold workspace)."""
        ...

    def read(self, address: str) -> bytes | None:
        """Content at an address of the ground, or None."""
        ...

    def close(self) -> None: ...


class Engine(Protocol):
    """Opens grounds. Raises `sandbox.SandboxError`."""

    @property
    def image(self) -> str:
        """The image tag that cells run on, a content hash."""
        ...

    @property
    def slots(self) -> int:
        """How many cells may run at once."""
        ...

    def probe(self) -> Mapping[str, Any]:
        """Start one probe container and check every wall from inside; raise if one differs."""
        ...

    def open(self, tree: Files, world: World) -> Ground: ...

    def reap(self) -> int:
        """Remove what earlier owners left: their containers, volumes, folders. How many."""
        ...

    def close(self) -> None: ...
