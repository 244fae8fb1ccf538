"""Joins the real parts; the only module that imports them. Tests join fakes the same way."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents import Planner, Reader
from policies import Gate
from sandbox import Prover, SandboxError
from service.errors import SomethingMissing
from service.flow.parts import Drafted, Files, Parts, Thread
from service.settings import Model, Settings

if TYPE_CHECKING:
    from fastapi import FastAPI

    from agents.model_planner.cassette import Cassette
    from sandbox.engine import Engine
    from service.app.calls import Calls
    from service.app.merging import Merging
    from service.app.people import People
    from service.app.repositories import Repositories
    from service.changes import Change, ChangeId
    from service.store import Store
    from service.web.services import Services
    from service.worker.inline import Inline
    from service.worker.pool import Pool


def clock() -> datetime:
    """The real time, in UTC."""
    return datetime.now(UTC)  # noqa: TID251 - the one clock


def home(settings: Settings) -> None:
    """Make the folder that holds all, unless it is there. Raises `SomethingMissing`."""
    from service.store.disk import own_folder

    own_folder(settings.home)


def store(settings: Settings) -> Store:
    """Open the store below PAWL_HOME; makes it on first use."""
    from service.store import Store

    return Store.open(settings.home, clock)


def read_log(home: Path) -> bytes:
    """The export of the log below `home`, without opening the store, so that a log which it
    refuses can be looked at. Raises SomethingMissing where there is none."""
    from service.store import read_export

    if not (home / "pawl.sqlite").is_file():
        raise SomethingMissing(
            f"there is no log below {home}",
            code="missing-log",
            mend="set PAWL_HOME to the folder of the log, or make one: `pawl propose`",
        )
    return read_export(home)


def engine(settings: Settings, say: Callable[[str], None]) -> Engine:
    """Open the Docker engine, with its image; removes what dead processes left first."""
    from sandbox.engine.docker import open_engine

    opened = open_engine(
        owner=owner(settings.home),
        boot=boot(),
        docker_url=settings.docker_url,
        slots=settings.slots,
        say=say,
        lives=lives,
    )
    opened.reap()
    return opened


def owner(home: Path) -> str:
    """The name of this installation on its engine's containers: made once, kept in PAWL_HOME."""
    return made_once(home / "owner", 8)


def made_once(file: Path, size: int) -> str:
    """The random word in `file`, made on first use; nobody else may read it."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = file.with_suffix(f".{os.getpid()}")
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_hex(size))
        try:
            os.link(fresh, file)  # the first one wins
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return file.read_text().strip()


def boot() -> str:
    """The name of this process on its engine's containers: pid and start time tell it from a
    later process of the same pid."""
    stat = Path("/proc/self/stat").read_text()
    started = stat.rpartition(")")[2].split()[19]
    return f"{os.getpid()}.{started}"


def lives(boot_: str) -> bool | None:
    """Whether the process that `boot` named on this machine still runs; None: can't tell."""
    pid, _, rest = boot_.partition(".")
    if not pid.isdigit():
        return None
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[19] == rest.partition(".")[0]


def prover(engine: Engine) -> Prover:
    from sandbox.prover import CellProver

    return CellProver(engine)


def reader() -> Reader:
    from agents.reading.reader import TreeReader

    return TreeReader()


def planner(
    name: str = "recipes",
    settings: Settings | None = None,
    kept: Store | None = None,
    stop: Callable[[], bool] = lambda: False,
    *,
    asks: bool = True,
) -> Planner:
    """The planner of that name. Raises KeyError for one that there is not.

    The model needs `settings` that name one, and a store whose ledger keeps its calls; `asks` says
    whether somebody is there who can answer its questions.
    """
    from agents.recipes.planner import RecipePlanner

    if name == "model" and settings is not None and kept is not None:
        return _model_planner(settings, kept, RecipePlanner(), stop, asks)
    return {"recipes": RecipePlanner}[name]()


@dataclass(frozen=True)
class Named:
    """A planner that is made once there is a store."""

    name: str


def named(name: str, settings: Settings) -> Named:
    """A planner by its name. Raises SomethingMissing where it needs what is not set up."""
    if name == "model":
        _model(settings)
    return Named(name)


def _model(settings: Settings) -> Model:
    if settings.model is None:
        raise SomethingMissing(
            "no model is set up",
            code="missing-model",
            mend="set PAWL_MODEL_URL, PAWL_MODEL and, where it needs one, PAWL_MODEL_KEY; then "
            "`pawl model check`",
        )
    return settings.model


def _model_planner(
    settings: Settings, kept: Store, recipes: Planner, stop: Callable[[], bool], asks: bool
) -> Planner:
    from agents.model_planner.http import Endpoint
    from agents.model_planner.planner import ModelPlanner, Way
    from agents.model_planner.wire import Profile, Rung
    from service.app import endpoints
    from service.app.hiding import Hiding
    from service.flow.graph import Stopped

    model = _model(settings)
    known = endpoints.found(settings.home, model.url, model.name)
    secret = made_once(settings.home / "fence", 32).encode()

    def check() -> None:
        if stop():
            raise Stopped

    def learned(profile: Profile) -> None:
        endpoints.keep(settings.home, model.url, model.name, profile.rung, profile.limit)

    way = Way(
        post=Endpoint(model.url, model.key, float(model.seconds)).post,
        ledger=calls(kept, model) if model.cassette is None else _cassette(model.cassette),
        mask=Hiding(secret),
        models={"*": model.name, **model.roles},
        secret=secret,
        profile=Profile() if known is None else Profile(Rung(known[0]), known[1]),
        check=check,
        found=learned,
    )
    return ModelPlanner(way, recipes, asks)


def calls(kept: Store, model: Model) -> Calls:
    """The ledger of calls to models over `kept`."""
    from service.app.calls import Budget, Calls, Price

    return Calls(kept, Budget(model.tokens_change, model.tokens_day), Price(*model.price))


def _cassette(file: Path) -> Cassette:
    from agents.model_planner.cassette import load

    try:
        return load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as wrong:
        raise SomethingMissing(
            f"there is no cassette at {file}",
            code="missing-cassette",
            mend="write one: `pawl model calls CHANGE > FILE`",
        ) from wrong


def model_check(settings: Settings) -> list[dict[str, Any]]:
    """Ask each model that is set up what it takes, and keep it. Raises AgentError."""
    from agents.model_planner.check import check
    from agents.model_planner.http import Endpoint
    from service.app import endpoints
    from service.settings import ROLES

    model = _model(settings)
    post = Endpoint(model.url, model.key, float(model.seconds)).post
    reports: list[dict[str, Any]] = []
    for name in dict.fromkeys([model.name, *model.roles.values()]):
        report = check(post, name)
        if report.profile is not None:
            profile = report.profile
            endpoints.keep(settings.home, model.url, name, profile.rung, profile.limit)
        reports.append(
            {
                "model": name,
                "roles": [r for r in ROLES if model.roles.get(r, model.name) == name],
                "rung": None if report.profile is None else report.profile.rung.value,
                "limit": None if report.profile is None else report.profile.limit,
                "ladder": [
                    {"rung": f.rung.value, "holds": f.holds, "said": f.said}
                    for f in report.findings
                ],
                "counts_tokens": report.usage is not None,
            }
        )
    return reports


def gate(settings: Settings) -> Gate:
    from policies.gate import open_gate

    return open_gate(settings.opa)


@dataclass(frozen=True)
class RepositoryTrees:
    """`service.repos` as the flow sees it."""

    blocked: frozenset[str] = frozenset()

    def apply(self, base: Files, edits: Sequence[Any]) -> Drafted:
        from service.repos import Refused
        from service.repos.edits import apply

        answer = apply(base, edits, blocked=self.blocked)
        if isinstance(answer, Refused):
            return Drafted(None, str(answer), answer.path)
        return Drafted(answer.files)

    def tree_id(self, files: Files) -> str:
        from service.repos.trees import tree_id

        return tree_id(files)

    def touched(self, base: Files, draft: Files) -> list[tuple[str, str, str, str, str]]:
        from service.repos.edits import between, touched

        return [
            (
                t.path.hex(),
                f"{t.old_mode:o}" if t.old_mode else "",
                t.old_blob,
                f"{t.new_mode:o}" if t.new_mode else "",
                t.new_blob,
            )
            for t in touched(between(base, draft))
        ]

    def write_patch(self, base: Files, draft: Files) -> bytes:
        from service.repos.patches import write

        return write(base, draft)

    def ratchet(self, files: Files) -> Mapping[str, Files]:
        from service.repos.ratchet import rehearsals

        return rehearsals(files)

    def checks(self, files: Files) -> tuple[tuple[str, ...], ...]:
        from service.repos.ratchet import config

        return config(files).checks

    def rules(self, files: Files) -> Mapping[str, bytes]:
        from service.repos.ratchet import policies

        return policies(files)


@dataclass(frozen=True)
class RehearsalFormat:
    """`sandbox.rehearsal` as the flow sees it."""

    def entry(self, files: Files) -> tuple[str, ...]:
        from sandbox.rehearsal import parse

        return parse(files).entry

    def freeze(self, files: Files, decisive: Sequence[Mapping[str, Any]]) -> Files:
        from sandbox.rehearsal import freeze

        return freeze(files, decisive)


@contextmanager
def running(
    settings: Settings,
    thread: Thread,
    *,
    planner_: Planner | Named,
    entry: tuple[str, ...] | None = None,
    blocked: frozenset[str] = frozenset(),
    replans: bool = True,
    cells_: OpenCells | None = None,
) -> Iterator[tuple[Store, Inline]]:
    """Open all parts for one process and close them: the store and the inline engine over it.

    A `Named` planner is made over the store; `cells_` opens the engine (None: Docker's).
    """
    from service.worker.inline import Inline

    kept = store(settings)
    for warning in kept.warnings:
        thread.say(f"the log: {warning}")
    cells = None
    try:
        if isinstance(planner_, Named):  # at a terminal: a change there has nobody to answer
            planner_ = planner(planner_.name, settings, kept, asks=False)
        judge = gate(settings)
        judge.selftest()
        cells = (cells_ or engine)(settings, thread.say)
        parts = Parts(
            changes=kept,
            planner=planner_,
            reader=reader(),
            prover=prover(cells),
            gate=judge,
            trees=RepositoryTrees(blocked),
            rehearsals=RehearsalFormat(),
            facts=facts(),
            clock=clock,
            thread=thread,
            entry=entry,
            replans=replans,
        )
        yield kept, Inline(parts, kept, settings.home / "flow.sqlite", f"pid {os.getpid()}")
    finally:
        if cells is not None:
            cells.close()
        kept.close()


OpenCells = Callable[[Settings, Callable[[str], None]], "Engine"]
"""Opens an engine for cells."""


class Bench:
    """What the pool's runs work with: the engine, the gate, the planner, the exact merge."""

    def __init__(
        self,
        settings: Settings,
        kept: Store,
        merges: Merging,
        blocked: Callable[[Change], frozenset[str]],
        cells: OpenCells | None = None,
    ) -> None:
        """`blocked` answers the paths of a change's base that no edit may lead through; `cells`
        opens the engine (None: Docker's)."""
        self._open_cells = cells or engine
        self._settings = settings
        self._store = kept
        self._merges = merges
        self._blocked = blocked
        self._facts = facts()
        self._gate: Gate | None = None
        self._cells: Engine | None = None
        self._holder = f"pid {os.getpid()}"

    def open(self, say: Callable[[str], None]) -> None:
        """Make gate and engine ready. Raises GateError, SandboxError."""
        if self._gate is None:
            say("the policy gate tests itself")
            judge = gate(self._settings)
            judge.selftest()
            self._gate = judge
        self.close()
        say("the sandbox engine is being opened")
        self._cells = self._open_cells(self._settings, say)

    def inline(self, change: Change, thread: Thread, stop: Callable[[], bool]) -> Inline:
        from service.worker.inline import Inline

        if self._gate is None or self._cells is None:
            raise SomethingMissing("the sandbox engine is not open", code="engine-down")
        cells = self._cells
        parts = Parts(
            changes=self._store,
            planner=planner(self._settings.planner, self._settings, self._store, stop),
            reader=reader(),
            prover=prover(cells),
            gate=self._gate,
            trees=RepositoryTrees(self._blocked(change)),
            rehearsals=RehearsalFormat(),
            facts=self._facts,
            clock=clock,
            thread=thread,
            stop=stop,
            image=lambda: cells.image,
            merging=self._merges,
        )
        return Inline(parts, self._store, self._settings.home / "flow.sqlite", self._holder)

    def reap(self) -> None:
        if self._cells is not None:
            self._cells.reap()

    def state(self) -> dict[str, Any]:
        disk = shutil.disk_usage(self._settings.home)
        return {
            "image": None if self._cells is None else self._cells.image,
            "slots": self._settings.slots,
            "disk": {"free": disk.free, "total": disk.total},
            "policy": "ready" if self._gate is not None else "not tested yet",
        }

    def close(self) -> None:
        cells, self._cells = self._cells, None
        if cells is not None:
            with suppress(SandboxError):
                cells.close()


@dataclass(frozen=True)
class Serving:
    """A service that is up."""

    services: Services
    pool: Pool
    app: FastAPI


@contextmanager
def serving(
    settings: Settings,
    *,
    public_url: str,
    also: Callable[[ChangeId], Thread | None] = lambda _: None,
    cells: OpenCells | None = None,
    clock_: Callable[[], datetime] = clock,
) -> Iterator[Serving]:
    """Join everything that `pawl serve` is made of, begin to run changes, and end it all again.

    `also` names somebody else in this process who follows a change (the demo's terminal). Tests
    hand in an engine in memory and a time that they can move.
    """
    from service.store import Store
    from service.web.app import make

    kept = Store.open(settings.home, clock_)
    try:
        with _pooled(settings, kept, public_url, also, cells, clock_) as (services, pool):
            yield Serving(services, pool, make(services))
    finally:
        kept.close()


@contextmanager
def _pooled(
    settings: Settings,
    kept: Store,
    public_url: str,
    also: Callable[[ChangeId], Thread | None],
    cells: OpenCells | None,
    clock_: Callable[[], datetime],
) -> Iterator[tuple[Services, Pool]]:
    from service.app.decisions import Decisions
    from service.app.live import Following
    from service.app.merging import Merging
    from service.web.services import Services
    from service.worker.decided import Decided
    from service.worker.pool import Pool
    from service.worker.thread import Steps

    people_ = people(settings, kept, public_url, clock_)
    repositories_ = repositories(settings, kept, clock_)
    following = Following(kept)
    mask = facts().mask
    # Decisions, merging and the pool each need the next one; none is asked before all are there.
    decisions = Decisions(
        kept,
        people_,
        clock_,
        wake=lambda change: pool.wake(change),
        moved=lambda change: merges.moved(change, fresh=True),
    )
    merges = Merging(kept, repositories_, decisions, clock_, people_.names)
    pool = Pool(
        kept,
        Bench(settings, kept, merges, lambda change: _blocked(repositories_, change), cells),
        Steps(following, mask),
        Decided(decisions, merges.watch),
        at_once=settings.changes,
        here=lambda change: repositories_.get(change.repository) is not None,
        also=also,
    )
    services = Services(
        store=kept,
        people=people_,
        repositories=repositories_,
        decisions=decisions,
        following=following,
        worker=pool,
        clock=clock_,
        public_url=public_url,
        mask=mask,
    )
    pool.start()
    try:
        yield services, pool
    finally:
        pool.close()


def _blocked(repositories_: Repositories, change: Change) -> frozenset[str]:
    """Where submodules are: no edit may lead through them."""
    from service.repos import mirrors

    mirror = repositories_.mirror_of(change)
    return frozenset() if mirror is None else mirrors.snapshot(mirror, change.base).blocked


def people(
    settings: Settings, kept: Store, public_url: str, clock_: Callable[[], datetime] = clock
) -> People:
    from service.app.people import People

    return People(kept, clock_, public_url)


def repositories(
    settings: Settings, kept: Store, clock_: Callable[[], datetime] = clock
) -> Repositories:
    from service.app.repositories import Repositories

    return Repositories(kept, reader(), settings.home / "mirrors", clock_, settings.host)


def facts() -> Any:
    from service.facts.build import GitFacts

    return GitFacts()


def policy_engine(settings: Settings, *, mend: bool, say: Callable[[str], None]) -> str:
    """Answer the policy engine's name; with `mend`, install it first where it is missing.

    Raises GateError where it is not there.
    """
    from policies import GateError
    from policies.engine import install
    from policies.gate import ENGINE

    try:
        install.library(settings.opa)
    except GateError:
        if not mend:
            raise
        say(f"installing the policy engine, {ENGINE}, pinned by hash")
        install.install(settings.opa)
    return ENGINE


def policy_tests(settings: Settings, own: Mapping[str, bytes]) -> dict[str, str]:
    """Run the tests of Pawl's rules and of `own`; test -> "pass" or why it did not."""
    from policies.testing import run_own, run_repository

    tests = run_own(settings.opa).tests
    if own:
        tests += run_repository(own, settings.opa).tests
    return {
        f"{t.module}: {t.name}": "pass" if t.outcome == "passed" else f"{t.outcome}: {t.why}"
        for t in tests
    }


def image(settings: Settings) -> str | None:
    """The tag of the sandbox image, or None where it is not built yet."""
    from sandbox.engine.image import image_tag, is_there

    return image_tag() if is_there(settings.docker_url) else None
