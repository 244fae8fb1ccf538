"""A session: one rehearsal on an engine. Opens both sides, runs cells, has them judged, tells.

Which cells are run, and what follows from all of them together, is not decided here
(`sandbox.proving`); what one of them means is the matter of `sandbox.proof`.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from sandbox import (
    Argv,
    Cell,
    CellKind,
    Files,
    Outcome,
    Progress,
    Side,
    Surroundings,
    Trial,
    Watch,
    worlds,
)
from sandbox.engine import Ended, Engine, Ran, Run, World, WorldContent
from sandbox.judges import Judges, Question, Says
from sandbox.proof import neighbours, works
from sandbox.proof.invariants import Harm, old_or_new
from sandbox.proof.settings import own_places, places
from sandbox.proof.states import count, few, kind, placed
from sandbox.proof.verdict import Settled, name, outcome, settle
from sandbox.rehearsal import (
    CallFault,
    Fault,
    InputFault,
    LimitFault,
    Rehearsal,
    fault_mapping,
)
from sandbox.stage import Applied, Stage, Stages, adjusted, apply, counts_on_place

T = TypeVar("T")
LOG_BYTES = 16 * 1024
_NO_HARM = Harm()
_NO_ROOM = b"No space left on device"
_NOTHING_AROUND = Surroundings()


@dataclass(frozen=True)
class Limits:
    """How far a proof goes. All bounds are counts but the one for shrinking, which is courtesy."""

    entries: int = 4
    neighbours: int = 90  # at each entry point
    base_cells: int = 24  # neighbours tried on base as well, beside those that a draft needs
    settings: int = 8
    sources: int = 3
    got_over: int = 8  # faults that a clean run follows, at the judged entry point
    frozen: int = 12
    shrink_cells: int = 4  # in each trial; all decisive classes once, at the end
    shrink_seconds: float = 90.0
    cell_seconds: float = 60.0


@dataclass
class Pair:
    """Both sides at one entry point with one seed. Where there is one tree, both are that."""

    base: Stage
    draft: Stage

    def of(self, side: Side) -> Stage:
        return self.base if side is Side.BASE else self.draft

    @property
    def hidden(self) -> frozenset[str]:
        """What only the draft's priming or control made."""
        mine = self.draft.before.keys() | self.draft.after.keys()
        return frozenset(mine - self.base.before.keys() - self.base.after.keys())


class Session:
    """One rehearsal on an engine. Closes whatever it opened."""

    def __init__(
        self, engine: Engine, rehearsal: Rehearsal, name: str, watch: Watch, limits: Limits
    ) -> None:
        self.engine = engine
        self.rehearsal = rehearsal
        self.name = name
        self.limits = limits
        self.stages = Stages(engine, rehearsal)
        self.judges = Judges(engine, rehearsal)
        self.watch = watch
        self._pool = ThreadPoolExecutor(max(1, engine.slots), thread_name_prefix="cell")
        self._open: list[Stage] = []
        self._folders: dict[int, str] = {}
        self._placed: dict[int, bool] = {}  # by the identity of a tree
        self._lock = threading.Lock()
        self._aside = False
        self._done = 0
        self._total = 0

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        self.close(*self._open)
        self.judges.close()

    # --- telling and running -----------------------------------------------------------------

    def say(self, text: str) -> None:
        with self._lock:
            done, total = self._done, self._total
        self.watch(Progress(text, done, total))

    def expect(self, cells: int) -> None:
        with self._lock:
            self._total += cells

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Cells that are run in here are no part of the proof, and are not told as such."""
        self._aside = True
        try:
            yield
        finally:
            self._aside = False

    def judged(self, cell: Cell) -> None:
        if self._aside:
            return
        with self._lock:
            self._done += 1
            self._total = max(self._total, self._done)
            done, total = self._done, self._total
        self.watch(Progress(f"{cell.side.value}: {name(cell)}: {cell.outcome}", done, total, cell))

    def together(self, jobs: Iterable[Callable[[], T]]) -> list[T]:
        """Run jobs in the pool; answers in order. The first error is raised once all have ended."""
        futures = [self._pool.submit(job) for job in jobs]
        errors = []
        answers = []
        for future in futures:
            try:
                answers.append(future.result())
            except BaseException as error:  # noqa: BLE001 - raised below, when nothing runs any more
                errors.append(error)
                for other in futures:
                    other.cancel()
        if errors:
            raise errors[0]
        return answers

    # --- stages ------------------------------------------------------------------------------

    def open(self, side: Side, tree: Files, entry: Argv, seed: int, world: World) -> Stage:
        stage = self.stages.open(side, tree, entry, seed, world)
        if stage.lost:  # the engine's own error is no evidence: once more
            stage.ground.close()
            stage = self.stages.open(side, tree, entry, seed, world)
        stage.timeout = self.limits.cell_seconds
        with self._lock:
            self._open.append(stage)
        return stage

    def bait(self, tree: Files, entry: Argv, seed: int, around: Surroundings) -> dict[str, bytes]:
        """Foreign files for every wrong value of a path setting; nothing where there is none.

        What lies below the right folder is known only after priming: base is set up once for it.
        """
        known = (*places(around, self.rehearsal, entry), *own_places(self.rehearsal, tree))
        values = [
            place.value
            for place in known
            if place.is_path and place.value and place.value.startswith("/")
        ]
        if not values:
            return {}
        stage = self.open(Side.BASE, tree, entry, seed, self.stages.world(seed))
        try:
            texts = [content for _, content in tree.values() if b"\0" not in content]
            return neighbours.bait(values, stage.before, texts)
        finally:
            self.close(stage)

    def close(self, *stages: Stage) -> None:
        for stage in stages:
            with self._lock:
                if stage in self._open:
                    self._open.remove(stage)
            with suppress(Exception):  # a ground that is gone already is closed
                stage.ground.close()

    def pairs(
        self,
        base: Files,
        draft: Files,
        wanted: Sequence[tuple[Argv, int]],
        around: Surroundings = _NOTHING_AROUND,
    ) -> list[Pair]:
        """Both sides of each (entry, seed), in the same world, opened and primed."""
        worlds_ = self.together(
            [calling(self.world, base, entry, seed, around) for entry, seed in wanted]
        )
        jobs = []
        for (entry, seed), world in zip(wanted, worlds_, strict=True):
            jobs.append(calling(self.open, Side.BASE, base, entry, seed, world))
            jobs.append(calling(self.open, Side.DRAFT, draft, entry, seed, world))
        opened = self.together(jobs)
        return [Pair(opened[i], opened[i + 1]) for i in range(0, len(opened), 2)]

    def world(
        self, tree: Files, entry: Argv, seed: int, around: Surroundings = _NOTHING_AROUND
    ) -> World:
        """The world of this seed, with bait for every wrong value of a path setting.

        The tree stands somewhere else in each repeat, at the same place on both sides, so that none
        can tell by it that it is tried; but not where its own text counts on /repo.
        """
        world = self.stages.world(seed, self.bait(tree, entry, seed, around))
        with self._lock:
            if id(tree) not in self._placed:
                self._placed[id(tree)] = counts_on_place(self.rehearsal, tree)
            if self._placed[id(tree)]:
                return world
            folder = self._folders.setdefault(seed, f"/{secrets.token_hex(4)}/checkout")
        return replace(world, folder=folder)

    def control(self, stages: Sequence[Stage], *, record: bool) -> None:
        """Run each stage's control, with a record of its calls where `record`."""

        def one(stage: Stage) -> Ran:
            run = Run(stage.entry, record=record, timeout=self.limits.cell_seconds, seed=stage.seed)
            return once_more(lambda: stage.ground.run(run))

        answers = self.together([calling(one, stage) for stage in stages])
        for stage, ran in zip(stages, answers, strict=True):
            stage.control = ran
            stage.calls = ran.calls
            stage.timeout = min(self.limits.cell_seconds, 10 + 4 * ran.seconds)
            for call in ran.calls:
                asked = worlds.unknown_call(call.argv)
                if asked and not stage.trouble:
                    stage.trouble = asked

    def volatile(self, *stages: Stage) -> frozenset[str]:
        """What differs between two equal runs of these stages, time stamps and the like.

        Asked only where a difference was seen, so the second control is run only then.
        """
        found: frozenset[str] = frozenset()
        for stage in stages:
            with stage.lock:
                if stage.volatile is None:
                    run = Run(stage.entry, timeout=stage.timeout, seed=stage.seed)
                    again = once_more(calling(stage.ground.run, run)).state
                    stage.volatile = frozenset(
                        address
                        for address in again.keys() & stage.after.keys()
                        if again[address] != stage.after[address]
                    )
                found |= stage.volatile
        return found

    # --- cells -------------------------------------------------------------------------------

    def controls(
        self, pair: Pair, kind_: CellKind = CellKind.CONTROL
    ) -> tuple[Cell, Cell, works.Job]:
        """Judge both controls: base's cell, the draft's cell, and what the draft keeps."""
        base = self._control_cell(pair, Side.BASE, kind_)
        draft, job = self._draft_control(pair, kind_)
        return base, draft, job

    def _control_cell(self, pair: Pair, side: Side, kind_: CellKind) -> Cell:
        stage = pair.of(side)
        assert stage.control is not None  # noqa: S101 - set by `control` before
        ran = stage.control
        said, why = outcome(ran, Harm(), True, False)
        if stage.trouble:
            said, why = Outcome.BROKEN, f"Can't judge: {stage.trouble}"
        elif said is Outcome.HELD and ran.code != 0:
            room = " It had no room left; what one run may write is bounded."
            why = f"Without any fault `{words(stage.entry)}` ends with {ran.code}."
            said, why = Outcome.BROKEN, why + (room if _NO_ROOM in ran.output else "")
        elif said is Outcome.HELD:
            done = works.effects(stage.before, ran.state, self.rehearsal.watch)
            if not done and not self.rehearsal.works:
                said, why = (
                    Outcome.BROKEN,
                    f"`{words(stage.entry)}` leaves nothing behind that is watched, so there is "
                    "no normal work to compare with.",
                )
            else:
                why = f"Without a fault it does its work: {count(done)} made or changed."
        cell = self.cell(stage, kind_, None, ran, said, why)
        return self._asked(cell, pair, stage, ran, {}) if said is Outcome.HELD else cell

    def _draft_control(self, pair: Pair, kind_: CellKind) -> tuple[Cell, works.Job]:
        base, stage = pair.base, pair.draft
        cell = self._control_cell(pair, Side.DRAFT, kind_)
        if cell.outcome is not Outcome.HELD or stage.control is None:
            if (
                stage.control is not None
                and stage.control.ended is Ended.EXITED
                and not stage.trouble
            ):
                cell = replace(cell, outcome=Outcome.HIT)  # it was judged: work is not done
            return cell, works.Job()
        after = stage.control.state
        harm = self._harm(pair, stage, after, {}, own=False)
        parts = (base.before, base.after, stage.before, after)
        job = works.job(*parts, watch=self.rehearsal.watch)
        if job.missing:
            varies = self.volatile(base, stage)
            job = works.job(*parts, watch=self.rehearsal.watch, volatile=varies)
        if harm.lost:
            why = f"Without any fault {count(harm.lost, 'are')} gone: {few(harm.lost)}"
            return replace(cell, outcome=Outcome.HIT, why=why, lost=harm.lost), job
        if job.missing and not self.rehearsal.works:
            why = f"The normal job is not done; missing or different: {few(job.missing)}"
            return replace(cell, outcome=Outcome.HIT, why=why), job
        return cell, job

    def run(
        self, pair: Pair, side: Side, kind_: CellKind, fault: Fault, *, frozen: bool = False
    ) -> Cell:
        """Run and judge one cell."""
        stage = pair.of(side)
        applied = apply(fault, stage, self.rehearsal)
        if not applied.ready:
            why = "There is nothing to put wrong here: the input is not there."
            said = Outcome.BROKEN if self._must_reach(side, kind_) else Outcome.HELD
            cell = self.cell(stage, kind_, fault, None, said, why, reached=False, frozen=frozen)
        else:
            timeout = stage.timeout * (1 + len(applied.then))
            run = applied.run(stage.entry, timeout=timeout, seed=stage.seed)
            ran = once_more(lambda: stage.ground.run(run))
            cell = self._judge(pair, stage, kind_, fault, applied, ran, frozen)
        self.judged(cell)
        return cell

    @staticmethod
    def _must_reach(side: Side, kind_: CellKind) -> bool:
        return side is Side.BASE and kind_ is CellKind.DECLARED

    def _judge(
        self,
        pair: Pair,
        stage: Stage,
        kind_: CellKind,
        fault: Fault,
        applied: Applied,
        ran: Ran,
        frozen: bool,
    ) -> Cell:
        reached = bool(ran.fired) if isinstance(fault, CallFault) else True
        harm = self._harm(pair, stage, ran.state, applied.content, applied.then)
        if goes_on(fault):  # what differs in content shows in the job
            harm = Harm(lost=harm.lost)
        said, why = outcome(ran, harm, reached, self._must_reach(stage.side, kind_))
        cell = self.cell(stage, kind_, fault, ran, said, why, harm, reached, frozen)
        if goes_on(fault):
            cell = self._got_over(cell, pair, stage, ran)
        return self._asked(cell, pair, stage, ran, applied.content, goes_on(fault))

    def _got_over(self, cell: Cell, pair: Pair, stage: Stage, ran: Ran) -> Cell:
        """`cell` of a run with a fault that a clean one followed: is the normal job done by then?

        Not for one that its rehearsal's own script judges, nor for a draft that met no fault.
        """
        met = cell.reached or stage.side is Side.BASE
        if cell.outcome is not Outcome.HELD or self.rehearsal.works or not met:
            return cell
        parts = (pair.base.before, pair.base.after, stage.before, ran.state)
        missing = works.job(*parts, watch=self.rehearsal.watch).missing
        if missing:
            varies = self.volatile(pair.base, stage)
            missing = works.job(*parts, watch=self.rehearsal.watch, volatile=varies).missing
        if not missing:
            why = "Nothing is lost, and the clean run after the fault does the normal job."
            return replace(cell, why=why)
        why = (
            "The clean run after the fault does not do the normal job; missing or different: "
            f"{few(missing)}"
        )
        return replace(cell, outcome=Outcome.HIT, why=why, undone=missing)

    def _harm(
        self,
        pair: Pair,
        stage: Stage,
        after: Mapping[str, str],
        content: WorldContent,
        then: tuple[Argv, ...] = (),
        own: bool = True,
    ) -> Harm:
        base = pair.base
        new = adjusted(base.after, base.before, content)
        mine = adjusted(stage.after, stage.before, content) if own else new
        states = (placed(stage.before, content), after, new, mine)
        how: dict[str, Any] = {
            "watch": self.rehearsal.watch,
            "tracked": stage.tracked,
            "exempt": self._exempt(pair, stage, faulty=own) - content.keys(),
        }
        harm = old_or_new(*states, **how)
        if harm and then:  # what comes after may remove what is its own, as it does with no fault
            how["further"] = [adjusted(self._sequence(base, then).state, base.before, content)]
            harm = old_or_new(*states, **how)
        if harm.altered:
            harm = old_or_new(*states, **how, volatile=self.volatile(base, stage))
        return harm

    def _exempt(self, pair: Pair, stage: Stage, *, faulty: bool) -> frozenset[str]:
        """What a run may lose: what only this side's priming made, the other knows nothing of it.

        Where the failure is a wrong setting, the harm is to what is not one's own: a clean-up or
        an installation that stops half way may leave its own files half there.
        """
        found = stage.before.keys() - pair.base.before.keys()
        if faulty and self.rehearsal.is_about_settings:
            found |= {address for address in stage.own if kind(address) in ("files", "tree")}
        return frozenset(found)

    def _sequence(self, stage: Stage, then: tuple[Argv, ...]) -> Ran:
        """The entry and those after it without a fault; run once, where it matters."""
        with stage.lock:
            if then not in stage.sequences:
                run = Run(stage.entry, then=then, timeout=stage.timeout, seed=stage.seed)
                stage.sequences[then] = once_more(calling(stage.ground.run, run))
            return stage.sequences[then]

    def one_after_another(self, pair: Pair, then: Argv) -> Cell | None:
        """The draft's normal work followed by more of it; None where base can't do that either.

        What comes second must do its job as well as on base, and must lose nothing that base keeps.
        """
        base, stage = pair.base, pair.draft
        measure = self._sequence(base, (then,))
        if measure.ended is not Ended.EXITED or measure.code != 0 or measure.unknown:
            return None
        ran = self._sequence(stage, (then,))
        harm = old_or_new(
            stage.before,
            ran.state,
            base.after,
            stage.after,
            watch=self.rehearsal.watch,
            tracked=stage.tracked,
            exempt=self._exempt(pair, stage, faulty=False),
            further=[measure.state],
        )
        harm = Harm(lost=harm.lost)  # what differs in content was judged after the first
        said, why = outcome(ran, harm, True, False)
        done = works.effects(base.after, measure.state, self.rehearsal.watch)
        if said is Outcome.HELD and ran.code != 0 and done:  # nothing left to do is no failure
            said, why = Outcome.HIT, f"the normal job is not done; it ends with {ran.code}."
        why = f"`{words(then)}` right after `{words(stage.entry)}`: {why}"
        cell = self.cell(stage, CellKind.CONTROL, None, ran, said, why, harm)
        cell = replace(cell, id=_cell_id(self.name, stage, CellKind.CONTROL, {"then": then}))
        self.judged(cell)
        return cell

    def _asked(
        self,
        cell: Cell,
        pair: Pair,
        stage: Stage,
        ran: Ran,
        content: WorldContent,
        goes_on: bool = False,
    ) -> Cell:
        """`cell` after the rehearsal's own scripts were asked, where it has some.

        `goes_on`: a clean run came last, so that the normal job has to be done.
        """
        is_work = cell.fault is None or goes_on
        asked = (self.rehearsal.works if is_work else "", self.rehearsal.harm)
        if goes_on and ran.codes:  # the one that is judged
            ran = replace(ran, code=ran.codes[-1])
        for script in filter(None, asked):
            if cell.outcome is not Outcome.HELD or not cell.reached:
                return cell
            answer = self.judges.ask(script, self.question(pair, stage, ran, content))
            if answer.says is Says.HIT:
                undone = (script,) if goes_on and script == self.rehearsal.works else ()
                cell = replace(cell, outcome=Outcome.HIT, why=answer.why, undone=undone)
            elif answer.says is Says.BROKEN:
                cell = replace(cell, outcome=Outcome.BROKEN, why=answer.why)
        return cell

    def question(self, pair: Pair, stage: Stage, ran: Ran, content: WorldContent) -> Question:
        control = adjusted(pair.base.after, pair.base.before, content)
        return Question.of(placed(stage.before, content), ran.state, control, ran.code, pair.hidden)

    def cell(
        self,
        stage: Stage,
        kind_: CellKind,
        fault: Fault | None,
        ran: Ran | None,
        said: Outcome,
        why: str,
        harm: Harm = _NO_HARM,
        reached: bool = True,
        frozen: bool = False,
    ) -> Cell:
        mapping = fault_mapping(fault) if fault is not None else None
        return Cell(
            id=_cell_id(self.name, stage, kind_, mapping),
            rehearsal=self.name,
            entry=stage.entry,
            side=stage.side,
            kind=kind_,
            fault=mapping,
            seed=stage.seed,
            outcome=said,
            why=why,
            lost=harm.lost,
            altered=harm.altered,
            reached=reached,
            ended=ran.ended.value if ran is not None else Ended.EXITED.value,
            code=ran.code if ran is not None else None,
            seconds=round(ran.seconds, 3) if ran is not None else 0.0,
            log=ran.output[-LOG_BYTES:] if ran is not None else b"",
            frozen=frozen,
        )

    def settled(
        self, pair: Pair, kind_: CellKind, fault: Fault, classes: frozenset[str]
    ) -> tuple[Settled, Cell | None]:
        """A neighbour on the draft, measured by base's where that can change what it means."""
        draft = self.run(pair, Side.DRAFT, kind_, fault)
        if draft.outcome is Outcome.HELD:
            return Settled(draft), None
        base = self.run(pair, Side.BASE, kind_, fault)
        settled = settle(draft, base, classes)
        cell = settled.cell
        if cell.outcome is Outcome.HIT and cell.undone and self.rehearsal.is_about_settings:
            # where a wrong setting is the failure, one may leave alone what half a run left: whose
            # it is can't be told any more
            why = f"Nothing is lost. {cell.why}"
            held = replace(cell, outcome=Outcome.HELD, why=why)
            settled = Settled(held, degrades=f"{name(cell)}: {cell.why}")
        return settled, base

    # --- whole answers that need no draft ------------------------------------------------------

    def trial(self, tree: Files, around: Surroundings) -> Trial:
        """See `sandbox.Prover.try_rehearsal`: one repeat, then what hit there in all others."""
        rehearsal = self.rehearsal
        cells: list[Cell] = []
        alive = list(rehearsal.faults)
        calls: tuple[str, ...] = ()
        for seeds in (range(1, 2), range(2, rehearsal.repeats + 1)):
            if not seeds:
                continue
            self.say(f"setting up {len(seeds)} of {rehearsal.repeats} repeats")
            stages = self._stages(tree, seeds, around)
            self.control(stages, record=not calls)
            calls = calls or tuple(call.signature for call in stages[0].calls)
            pairs = [Pair(stage, stage) for stage in stages]
            for pair in pairs:
                control = self._control_cell(pair, Side.BASE, CellKind.CONTROL)
                self.judged(control)
                cells.append(control)
                if control.outcome is not Outcome.HELD:
                    return Trial(False, False, tuple(cells), calls, control.why)
            todo = [(pair, fault) for fault in alive for pair in pairs]
            tried = self.together(
                [calling(self.run, p, Side.BASE, CellKind.DECLARED, f) for p, f in todo]
            )
            cells += tried
            outcomes = [(f, c.outcome) for (_, f), c in zip(todo, tried, strict=True)]
            alive = [f for f in alive if all(o is Outcome.HIT for g, o in outcomes if g == f)]
            self.close(*stages)
            if not alive:
                why = tried[0].why if tried else "The rehearsal declares no fault."
                return Trial(True, False, tuple(cells), calls, f"No declared fault hits. {why}")
        hit = next(c for c in cells if c.fault == fault_mapping(alive[0]))
        return Trial(True, True, tuple(cells), calls, f"{name(hit)}: {hit.why}")

    def _stages(self, tree: Files, seeds: Sequence[int], around: Surroundings) -> list[Stage]:
        entry = self.rehearsal.entry
        made = self.together([calling(self.world, tree, entry, seed, around) for seed in seeds])
        return self.together(
            [
                calling(self.open, Side.BASE, tree, entry, seed, world)
                for seed, world in zip(seeds, made, strict=True)
            ]
        )

    def rehearse(self, tree: Files, base: Files | None) -> list[Cell]:
        """Control, declared and frozen cells on `tree`; losses are measured by base's, if given."""
        rehearsal = self.rehearsal
        cells: list[Cell] = []
        wanted: dict[Argv, list[tuple[CellKind, Fault, bool]]] = {rehearsal.entry: []}
        for fault in rehearsal.faults:
            wanted[rehearsal.entry].append((CellKind.DECLARED, fault, False))
        for item in rehearsal.frozen:
            wanted.setdefault(item.entry, []).append((kind_of(item.fault), item.fault, True))
        self.expect(sum(len(items) + 1 for items in wanted.values()))
        for entry, items in wanted.items():
            pair = self._pair_for(entry, tree, base)
            first, control, _ = self.controls(pair)
            if base is None:
                control = replace(first, side=Side.DRAFT)
            self.judged(control)
            cells.append(control)
            if first.outcome is not Outcome.HELD:
                if base is not None:
                    cells.append(first)
                self.close(pair.base, pair.draft)
                continue
            cells += self.together(
                [
                    calling(self.run, pair, Side.DRAFT, kind_, fault, frozen=frozen)
                    for kind_, fault, frozen in items
                ]
            )
            self.close(pair.base, pair.draft)
        return cells

    def _pair_for(self, entry: Argv, tree: Files, base: Files | None) -> Pair:
        if base is not None:
            pair = self.pairs(base, tree, [(entry, 1)])[0]
            self.control([pair.base, pair.draft], record=False)
            return pair
        stage = self.open(Side.DRAFT, tree, entry, 1, self.world(tree, entry, 1))
        self.control([stage], record=False)
        return Pair(stage, stage)


def kind_of(fault: Fault) -> CellKind:
    """The kind of cell that a fault makes when it is not the declared one."""
    if isinstance(fault, InputFault | LimitFault):
        return CellKind.INPUT
    return CellKind.LYING if fault.does in ("short", "noop") else CellKind.HONEST


def goes_on(fault: Fault) -> bool:
    """Whether clean runs follow the one that the fault is in."""
    return isinstance(fault, CallFault) and bool(fault.then)


def once_more(run: Callable[[], Ran]) -> Ran:
    """An engine's own error is no evidence: once more, then it stands."""
    ran = run()
    return run() if ran.ended is Ended.ENGINE_ERROR else ran


def words(argv: Argv) -> str:
    return " ".join(argv)


def _cell_id(rehearsal: str, stage: Stage, kind_: CellKind, fault: Mapping[str, Any] | None) -> str:
    parts = [rehearsal, *stage.entry, stage.side.value, kind_.value, str(stage.seed)]
    text = json.dumps([*parts, fault], sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:12]


def calling(function: Callable[..., T], *args: Any, **kwargs: Any) -> Callable[[], T]:
    return lambda: function(*args, **kwargs)
