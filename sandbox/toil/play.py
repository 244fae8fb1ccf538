"""Deeds and CI, done in cells: orders to the driver, and what it tells, as values.

What to do and what it means is not decided here. Jobs of one tree go together in few cells; each of
them starts from the tree as it was given.
"""

from __future__ import annotations

import base64
import json
import pathlib
import secrets
import zlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from sandbox import Argv, Files, SandboxError
from sandbox.engine import Ended, Engine, Ran, Run, World
from sandbox.toil.workflows import EVENTS, Event, Job, jobs

Changes = Mapping[str, tuple[int, bytes] | None]
"""Path -> (git mode, content), or None where it is taken away."""

_MOST_JOBS = 10  # in one cell
_DEED_SECONDS = 60
_CELL_SECONDS = 900.0


@dataclass(frozen=True)
class Deed:
    """What somebody does in a clone: commands, or a change by hand; then it is committed."""

    run: tuple[Argv, ...] = ()
    write: Changes | None = None
    away: bool = False  # started from another folder
    probes: tuple[Argv, ...] = ()


@dataclass(frozen=True)
class Did:
    """What came of a deed."""

    code: int | None  # None: it took too long
    said: str
    same: bool  # nothing was changed
    changed: Changes
    probes: tuple[str, ...] = ()
    broken: str = ""


@dataclass(frozen=True)
class Commit:
    """A commit with exactly these changes, on a main branch that has `before` already."""

    changes: Changes
    before: Changes = field(default_factory=dict)
    all_paths: bool = False  # as if every file had changed: whatever CI has is started


@dataclass(frozen=True)
class Said:
    """What CI says of a commit."""

    red: tuple[str, ...]  # jobs that end red, with event and step
    red_keys: frozenset[str] = frozenset()
    unplayed: Mapping[str, str] = field(default_factory=dict)  # job -> why
    lacking: bool = False  # what is red lacks a tool or a network
    log: str = ""
    broken: str = ""

    @property
    def content(self) -> bool:
        """Whether it says nothing against the commit."""
        return not self.red and not self.broken


class Player(Protocol):
    """Does deeds and plays CI on one tree."""

    def deeds(self, tree: Files, chains: Sequence[Sequence[Deed]]) -> list[list[Did]]:
        """Do each chain of deeds, each from `tree`, each deed on what the one before committed."""
        ...

    def says(
        self,
        tree: Files,
        commits: Sequence[Commit],
        without: frozenset[str],
        *,
        whole: bool = False,
    ) -> list[Said]:
        """What CI says of each commit; `without` some jobs; `whole`: every job, not up to a red."""
        ...


def after(tree: Files, changes: Changes) -> Files:
    """A tree with changes in it."""
    kept = {path: entry for path, entry in tree.items() if path not in changes}
    return {**kept, **{path: entry for path, entry in changes.items() if entry is not None}}


class CellPlayer:
    """The real `Player`, in an engine's cells. Closes nothing but what it opened itself."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def deeds(self, tree: Files, chains: Sequence[Sequence[Deed]]) -> list[list[Did]]:
        orders = [{"deeds": [_order(deed) for deed in chain]} for chain in chains]
        answers = self._all(tree, orders)
        return [
            [_did(one) for one in answer]
            if isinstance(answer, list)
            else [Did(None, "", False, {}, broken=str(answer["broken"])) for _ in chain]
            for chain, answer in zip(chains, answers, strict=True)
        ]

    def says(
        self,
        tree: Files,
        commits: Sequence[Commit],
        without: frozenset[str],
        *,
        whole: bool = False,
    ) -> list[Said]:
        plans, orders = [], []
        for commit in commits:
            committed = after(after(tree, commit.before), commit.changes)
            paths = sorted(committed if commit.all_paths else commit.changes)
            plan = [job for job in jobs(committed, paths) if job.key not in without]
            plans.append(plan)
            orders.append(
                {
                    "before": _packed(commit.before),
                    "commit": _packed(commit.changes),
                    "events": _events(plan),
                    "until_red": not whole,
                }
            )
        # what starts nothing needs no cell
        todo = [i for i, order in enumerate(orders) if order["events"]]
        answers = dict(zip(todo, self._all(tree, [orders[i] for i in todo]), strict=True))
        return [_said(plan, answers.get(i, {"results": []})) for i, plan in enumerate(plans)]

    def _all(self, tree: Files, orders: Sequence[Mapping[str, Any]]) -> list[Any]:
        """What came of every order, in order."""
        if not orders:
            return []
        slots = max(1, self._engine.slots)
        size = min(_MOST_JOBS, -(-len(orders) // slots))
        groups = [orders[i : i + size] for i in range(0, len(orders), size)]
        word = secrets.token_hex(8)
        world = World(folder=f"/{secrets.token_hex(4)}/checkout")
        ground = self._engine.open(tree, world)

        def one(group: Sequence[Mapping[str, Any]]) -> list[Any]:
            order = {"word": word, "seconds": _DEED_SECONDS, "jobs": list(group)}
            place = f"/srv/{secrets.token_hex(6)}"
            run = Run(
                argv=("/usr/bin/python3", "-IS", f"{place}/play"),
                content={f"{place}/play": _DRIVER, f"{place}/order.json": _json(order)},
                timeout=_CELL_SECONDS,
            )
            ran = ground.run(run)
            if ran.ended is Ended.ENGINE_ERROR:
                ran = ground.run(run)
            return _told(ran, word, len(group))

        try:
            with ThreadPoolExecutor(slots, thread_name_prefix="toil") as pool:
                return [answer for part in pool.map(one, groups) for answer in part]
        finally:
            ground.close()


_DRIVER = (pathlib.Path(__file__).parent / "driver.py").read_bytes()


def _json(order: Mapping[str, Any]) -> bytes:
    return json.dumps(order).encode("utf-8", "surrogateescape")


def _told(ran: Ran, word: str, jobs_: int) -> list[Any]:
    """What the driver told, a part for each job; what it could not tell breaks them all."""
    if ran.ended in (Ended.ENGINE_ERROR, Ended.CANNOT_START):
        raise SandboxError(f"a cell could not run: {ran.error}", code="engine-error")
    why = ran.broken
    if not why:
        for line in reversed(ran.output.decode("utf-8", "replace").splitlines()):
            if line.startswith(word + " "):
                told = json.loads(zlib.decompress(base64.b64decode(line.split(" ", 1)[1])))
                if "done" in told:
                    return list(told["done"])
                why = told["broken"]
                break
    if not why:
        tail = ran.output.decode("utf-8", "replace").strip()[-300:]
        why = f"what was done there could not be told: {ran.ended.value} {ran.code} {tail}"
    return [{"broken": why}] * jobs_


def _packed(changes: Changes) -> dict[str, Any]:
    return {
        path: None if entry is None else [entry[0], base64.b64encode(entry[1]).decode()]
        for path, entry in changes.items()
    }


def _order(deed: Deed) -> dict[str, Any]:
    order: dict[str, Any] = {
        "run": [list(argv) for argv in deed.run],
        "away": deed.away,
        "probes": [list(argv) for argv in deed.probes],
    }
    return order if deed.write is None else {**order, "write": _packed(deed.write)}


def _did(answer: Mapping[str, Any]) -> Did:
    changed = {
        path: None if entry is None else (int(entry[0]), base64.b64decode(entry[1]))
        for path, entry in answer["changed"].items()
    }
    return Did(
        code=answer["code"],
        said=answer["said"],
        same=answer["same"],
        changed=changed,
        probes=tuple(said for _, said in answer["probes"]),
    )


def _events(plan: Sequence[Job]) -> list[dict[str, Any]]:
    found = []
    for event in EVENTS:
        of = [job for job in _in_order(plan, event) if not job.unplayable]
        if any(job.steps for job in of):
            found.append(
                {
                    "name": event.name,
                    "branch": event.branch,
                    "words": event.words,
                    "env": _env(event),
                    "jobs": [_job(job) for job in of],
                }
            )
    return found


def _in_order(plan: Sequence[Job], event: Event) -> list[Job]:
    """The jobs of an event, each after those that it needs."""
    left = [job for job in plan if job.event == event]
    found: list[Job] = []
    while left:
        names = {(job.workflow, job.name) for job in left}
        ready = [j for j in left if not any((j.workflow, need) in names for need in j.needs)]
        found += ready or left  # a circle: GitHub starts none of them, and neither runs here right
        left = [job for job in left if job not in ready] if ready else []
    return found


def _job(job: Job) -> dict[str, Any]:
    return {
        "key": job.key,
        "name": f"{job.workflow} {job.name}",
        "needs": [f"{job.workflow} {need}" for need in job.needs],
        "runs": job.runs,
        "runs_after_failure": job.runs_after_failure,
        "soft": job.soft,
        "env": dict(job.env),
        "steps": [{**asdict(step), "env": dict(step.env)} for step in job.steps],
    }


def _env(event: Event) -> dict[str, str]:
    pull = event.name == "pull_request"
    return {
        "GITHUB_EVENT_NAME": event.name,
        "GITHUB_REF": "refs/pull/1/merge" if pull else f"refs/heads/{event.branch}",
        "GITHUB_REF_NAME": "1/merge" if pull else event.branch,
        "GITHUB_REF_TYPE": "branch",
        "GITHUB_BASE_REF": event.base,
        "GITHUB_HEAD_REF": event.branch if pull else "",
        "GITHUB_REPOSITORY": "owner/repository",
        "GITHUB_ACTOR": "ops",
        "GITHUB_RUN_ID": "1",
    }


def _said(plan: Sequence[Job], answer: Mapping[str, Any]) -> Said:
    unplayed = {job.key: job.unplayable for job in plan if job.unplayable}
    for job in plan:
        for action in job.unheard:
            unplayed[f"{job.key}: {action}"] = f"`uses: {action}` was left out"
    if "broken" in answer:
        return Said((), unplayed=unplayed, broken=str(answer["broken"]))
    soft = {job.key for job in plan if job.soft}
    bad = [one for one in answer["results"] if one["why"] and one["key"] not in soft]
    return Said(
        red=tuple(f"{one['event']}: {one['key']}: {one['why']}" for one in bad),
        red_keys=frozenset(one["key"] for one in bad),
        unplayed=unplayed,
        lacking=any(one["lacking"] for one in bad),
        log="\n".join(f"{one['event']}: {one['key']}\n{one['said']}" for one in answer["results"]),
    )
