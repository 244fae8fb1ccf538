"""One proof: which cells are run, in which order, and what is shown of them.

The first verdict comes early (the declared faults, once, on both sides), then other data, other
entry points, the ratchet, neighbours, and last the edits that carry it. Every bound is in `Limits`.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from sandbox import (
    Argv,
    Cell,
    CellKind,
    Files,
    HunkRole,
    Outcome,
    Proof,
    Side,
    Surroundings,
)
from sandbox.engine import Ended, Run
from sandbox.judges import Says
from sandbox.proof import hunks, mirrors, neighbours, tells
from sandbox.proof.freezing import spread
from sandbox.proof.neighbours import Neighbour
from sandbox.proof.settings import places
from sandbox.proof.shrinking import Without, shrink
from sandbox.proof.states import below, count, few, kind, listing
from sandbox.proof.verdict import Settled, decide, losing, name
from sandbox.rehearsal import (
    CallFault,
    Fault,
    InputFault,
    LimitFault,
    Rehearsal,
    fault_mapping,
)
from sandbox.session import Pair, Session, calling, goes_on, kind_of, once_more, words
from sandbox.stage import apply

T = TypeVar("T")


CellOf = tuple[Pair, CellKind, Fault]


@dataclass
class Told:
    """What people must be told beside the cells."""

    residuals: list[str] = field(default_factory=list)
    degrades: list[str] = field(default_factory=list)
    unjudged: list[str] = field(default_factory=list)

    def take(self, settled: Settled) -> None:
        if settled.residual:
            self.residuals.append(settled.residual)
        if settled.degrades:
            self.degrades.append(settled.degrades)
        if settled.unjudged:
            self.unjudged.append(settled.unjudged)


@dataclass(frozen=True)
class Tried:
    """A neighbour at one entry point and the draft's cell (None: the draft can't come to it)."""

    pair: Pair
    neighbour: Neighbour
    draft: Cell | None

    @property
    def goes_on(self) -> bool:
        """Whether the draft went on to its end, so that what it then does was tried as well."""
        return self.draft is not None and self.draft.code == 0

    @property
    def fine(self) -> tuple[object, ...]:
        """What it is like, kind by kind and file by file."""
        fault = self.neighbour.fault
        value = fault.value if isinstance(fault, InputFault) else ""
        return (*self.neighbour.group, value, self.goes_on)

    @property
    def coarse(self) -> tuple[object, ...]:
        """The class of it: for a call its command, for an input which and how."""
        fault = self.neighbour.fault
        if isinstance(fault, CallFault):
            return (self.neighbour.kind.value, fault.command, self.goes_on)
        return (*self.neighbour.group, self.goes_on)


class Proving:
    """One proof, from the first declared cell to the load-bearing hunks."""

    def __init__(
        self,
        session: Session,
        base: Files,
        draft: Files,
        around: Surroundings,
        ratchet: Mapping[str, Rehearsal],
        clock: Callable[[], float],
    ) -> None:
        self._session = session
        self._rehearsal = session.rehearsal
        self._limits = session.limits
        self._base = base
        self._draft = draft
        self._around = around
        self._ratchet = ratchet
        self._clock = clock
        self._cells: list[Cell] = []
        self._told = Told()
        self._decisive: list[Tried] = []

    def proof(self) -> Proof:
        """Every step in order; ends at the first that can't hold."""
        session = self._session
        pair = self._first()
        if pair is None or not self._so_far():
            return self._end()
        if not self._repeats() or not self._so_far():
            return self._end()
        pairs = [pair, *self._others()]
        self._never_run(pairs)
        self._tells(pairs)
        self._again(pair)
        if not self._so_far():
            return self._end()
        self._sequences(pairs)
        self._old_ones()
        self._checks(pair)
        if not self._so_far():
            return self._end()
        tried = self._neighbours(pairs)
        if not self._so_far():
            return self._end()
        self._on_base(tried)
        if not self._so_far():
            return self._end()
        session.say("the proof holds; looking for the edits that carry it")
        return self._end(self._load_bearing(pairs))

    def ratchet_alone(self) -> tuple[list[Cell], list[str], list[str]]:
        """Only the old rehearsals: their cells, residuals, and what could not be judged."""
        self._old_ones()
        return self._cells, self._told.residuals, self._told.unjudged

    # --- steps --------------------------------------------------------------------------------

    def _first(self) -> Pair | None:
        """Control and declared faults of the first repeat: the first verdict."""
        session, rehearsal = self._session, self._rehearsal
        session.expect((2 + 2 * len(rehearsal.faults)) * rehearsal.repeats)
        session.say("setting up base and draft")
        pair = self._opened([(rehearsal.entry, 1)])[0]
        session.control([pair.base, pair.draft], record=True)
        if not self._take_controls(pair):
            return None
        self._declared([pair])
        hits = losing(self._cells)
        session.say(f"first verdict: {self._so_far_text()}; the failure loses {_things(hits)}")
        return pair

    def _opened(self, wanted: Sequence[tuple[Argv, int]]) -> list[Pair]:
        return self._session.pairs(self._base, self._draft, wanted, self._around)

    def _take_controls(self, pair: Pair) -> bool:
        """Judge both controls. False where base's is not good, so that nothing can be judged."""
        base, draft, job = self._session.controls(pair)
        self._add(base)
        if base.outcome is not Outcome.HELD:
            return False
        self._add(draft)
        if job.kept:
            text = f"keeps {count(job.kept)} that base's run removes: {few(job.kept)}"
            self._told.degrades.append(f"{text}, in `{words(pair.base.entry)}`")
        return True

    def _declared(self, pairs: Sequence[Pair]) -> None:
        session = self._session
        todo = [(pair, fault) for pair in pairs for fault in self._rehearsal.faults]
        base = session.together(
            [calling(session.run, p, Side.BASE, CellKind.DECLARED, f) for p, f in todo]
        )
        draft = session.together(
            [calling(session.run, p, Side.DRAFT, CellKind.DECLARED, f) for p, f in todo]
        )
        self._cells += base
        self._cells += draft
        for cell in draft:
            if not cell.reached:
                text = f"never reached on the draft: {name(cell)}"
                if text not in self._told.unjudged:
                    self._told.unjudged.append(text)

    def _repeats(self) -> bool:
        """The declared faults again, with other data each time."""
        session, rehearsal = self._session, self._rehearsal
        seeds = range(2, rehearsal.repeats + 1)
        if not seeds:
            return True
        pairs = self._opened([(rehearsal.entry, seed) for seed in seeds])
        session.control([s for pair in pairs for s in (pair.base, pair.draft)], record=False)
        for pair in pairs:
            if not self._take_controls(pair):
                return False
        self._declared(pairs)
        for pair in pairs:
            session.close(pair.base, pair.draft)
        return True

    def _others(self) -> list[Pair]:
        """Every other entry point, with control; those that can't be judged are said."""
        entries = [
            e for e in dict.fromkeys(self._around.entry_points) if e != self._rehearsal.entry
        ]
        for item in self._rehearsal.frozen:
            if item.entry not in entries and item.entry != self._rehearsal.entry:
                entries.insert(0, item.entry)
        most = self._limits.entries - 1
        if len(entries) > most:
            left = ", ".join(f"`{words(e)}`" for e in entries[most:])
            self._told.unjudged.append(f"entry points not tried, there are too many: {left}")
        opened = self._opened([(entry, 1) for entry in entries[:most]])
        self._session.control([s for p in opened for s in (p.base, p.draft)], record=True)
        good = []
        for pair in opened:
            base, draft, job = self._session.controls(pair)
            if base.outcome is not Outcome.HELD:
                self._told.unjudged.append(
                    f"`{words(pair.base.entry)}` could not be judged on base: {base.why}"
                )
                continue
            self._add(base)
            self._add(draft)
            if job.kept:
                text = f"keeps {count(job.kept)} that base's run removes: {few(job.kept)}"
                self._told.degrades.append(f"{text}, in `{words(pair.base.entry)}`")
            good.append(pair)
        return good

    def _sequences(self, pairs: Sequence[Pair]) -> None:
        """Every entry point twice, and each after each other: normal work goes on being normal."""
        todo = [(pair, other.base.entry) for pair in pairs for other in pairs]
        self._session.expect(len(todo))
        for cell in self._session.together(
            [calling(self._session.one_after_another, *each) for each in todo]
        ):
            if cell is not None:
                self._cells.append(cell)

    def _never_run(self, pairs: Sequence[Pair]) -> None:
        """A mirror of the draft that no control comes to was not tried, so it can't hold."""
        around = self._around
        new = mirrors.never_tried(
            around.mirrors,
            {pair.base.entry: pair.base.calls for pair in pairs},
            around.draft_mirrors,
            {pair.draft.entry: pair.draft.calls for pair in pairs},
        )
        for mirror in new:
            stage = next((p.draft for p in pairs if p.draft.entry == mirror.entry), pairs[0].draft)
            why = (
                f"`{words(mirror.words)[:80]}` at {mirror.path}:{mirror.line} can empty a live "
                "place, and no run without a fault came to it, so nothing was tried of it."
            )
            self._add(
                self._session.cell(
                    stage, CellKind.CONTROL, None, stage.control, Outcome.BROKEN, why
                )
            )

    def _tells(self, pairs: Sequence[Pair]) -> None:
        """A draft that asks what has another answer in life was tried for the trial alone."""
        found = [
            (pairs[0], f"`{line[:80]}` at {path}:{number}")
            for path, number, line in tells.asks(self._base, self._draft)
        ]
        for pair in pairs:
            found += [
                (pair, f"`{text[:80]}` in `{words(pair.base.entry)}`")
                for text in tells.tries(pair.base.calls, pair.draft.calls)
            ]
        for pair, what in found[:3]:
            why = (
                f"{what} asks for what is so in every trial (system folders that can't be written "
                "to, programs of Pawl), so what it does in life was not tried."
            )
            stage = pair.draft
            self._add(
                self._session.cell(
                    stage, CellKind.CONTROL, None, stage.control, Outcome.BROKEN, why
                )
            )

    def _again(self, pair: Pair) -> None:
        """Ask a harm script about base and draft at the same moment once more: same answers?"""
        if not self._rehearsal.harm:
            return
        for fault in self._rehearsal.faults:
            sides = self._session.together(
                [calling(self._asked_again, pair, side, fault) for side in (Side.BASE, Side.DRAFT)]
            )
            for cell in sides:
                if cell is not None:
                    self._cells.append(cell)

    def _asked_again(self, pair: Pair, side: Side, fault: Fault) -> Cell | None:
        session, stage = self._session, pair.of(side)
        applied = apply(fault, stage, self._rehearsal)
        if not applied.ready:
            return None
        run = applied.run(stage.entry, timeout=stage.timeout, seed=stage.seed)
        ran = stage.ground.run(run)
        question = session.question(pair, stage, ran, applied.content)
        answer = session.judges.ask(self._rehearsal.harm, question, again=True)
        if answer.says is not Says.BROKEN:
            return None
        return session.cell(stage, CellKind.DECLARED, fault, ran, Outcome.BROKEN, answer.why)

    def _old_ones(self) -> None:
        """The ratchet: what held on base holds on the draft."""
        for key, old in self._ratchet.items():
            with Session(
                self._session.engine, old, key, self._session.watch, self._limits
            ) as session:
                session.say(f"ratchet: {key}")
                self._old_one(session)

    def _old_one(self, session: Session) -> None:
        old = session.rehearsal
        wanted: dict[Argv, list[tuple[Fault, bool]]] = {old.entry: [(f, False) for f in old.faults]}
        for item in old.frozen:
            wanted.setdefault(item.entry, []).append((item.fault, True))
        for entry, faults in wanted.items():
            pair = session.pairs(self._base, self._draft, [(entry, 1)])[0]
            session.control([pair.base, pair.draft], record=False)
            base, draft, _ = session.controls(pair, CellKind.RATCHET)
            if base.outcome is not Outcome.HELD:
                self._told.unjudged.append(f"old rehearsal {session.name}: {base.why}")
                continue
            self._add(draft)
            answers = session.together(
                [
                    calling(self._ratchet_cell, session, pair, fault, frozen)
                    for fault, frozen in faults
                ]
            )
            for settled in answers:
                self._told.take(settled)
                self._cells.append(settled.cell)

    @staticmethod
    def _ratchet_cell(session: Session, pair: Pair, fault: Fault, frozen: bool) -> Settled:
        """What held on base must hold; what does not hold there is said and does not count."""
        cell = session.run(pair, Side.DRAFT, CellKind.RATCHET, fault, frozen=frozen)
        if cell.outcome is Outcome.HELD:
            return Settled(cell)
        base = session.run(pair, Side.BASE, CellKind.RATCHET, fault, frozen=frozen)
        if base.outcome is Outcome.HELD:
            return Settled(cell)
        held = replace(cell, outcome=Outcome.HELD, why=f"No better on base: {cell.why}")
        text = f"old rehearsal {session.name}, as on base: {name(cell)}: {cell.why}"
        if cell.outcome is Outcome.BROKEN or base.outcome is Outcome.BROKEN:
            return Settled(cell if cell.outcome is Outcome.HIT else held, unjudged=text)
        return Settled(held, residual=text)

    def _checks(self, pair: Pair) -> None:
        """The repository's own checks; what fails on base as well is said, not counted."""

        def one(side: Side, argv: Argv) -> Cell:
            stage = replace(pair.of(side), entry=argv)
            run = Run(argv, timeout=self._limits.cell_seconds, seed=stage.seed)
            ran = once_more(lambda: stage.ground.run(run))
            good = ran.ended is Ended.EXITED and ran.code == 0
            judged = ran.ended not in (Ended.ENGINE_ERROR, Ended.CANNOT_START)
            said = Outcome.HELD if good else Outcome.HIT if judged else Outcome.BROKEN
            ending = f"code {ran.code}" if ran.ended is Ended.EXITED else ran.ended.value
            cell = self._session.cell(
                stage, CellKind.CHECK, None, ran, said, f"`{words(argv)}` ended with {ending}."
            )
            self._session.judged(cell)
            return cell

        checks = self._around.checks
        for cell in self._session.together([calling(one, Side.DRAFT, argv) for argv in checks]):
            if (
                cell.outcome is not Outcome.HELD
                and one(Side.BASE, cell.entry).outcome is not Outcome.HELD
            ):
                self._told.unjudged.append(f"check fails on base as well: {cell.why}")
                continue
            self._cells.append(cell)

    def _neighbours(self, pairs: Sequence[Pair]) -> list[Tried]:
        """All neighbours on the draft, until one counts against it. Returns what was tried."""
        session = self._session
        todo: list[tuple[Pair, Neighbour]] = []
        tried: list[Tried] = []
        covered: set[tuple[str, ...]] = set()
        for pair in pairs:
            found = self._around_pair(pair, pairs, covered)
            covered |= {neighbour.group for neighbour in found}
            for neighbour in found:
                if neighbours.reaches(neighbour.fault, pair.draft.calls):
                    todo.append((pair, neighbour))
                else:  # a run that goes like control never comes there: no need to look
                    tried.append(Tried(pair, neighbour, None))
        if tried:
            text = f"{len(tried)} neighbour faults wait at calls that the draft does not make"
            self._told.unjudged.append(text)
        session.expect(len(todo))
        session.say(f"{len(todo)} neighbours on the draft")
        classes = losing(self._cells)
        stopped = threading.Event()

        def one(pair: Pair, neighbour: Neighbour) -> tuple[Settled, Cell | None] | None:
            if stopped.is_set():
                return None
            answer = session.settled(pair, neighbour.kind, neighbour.fault, classes)
            if answer[0].cell.outcome is not Outcome.HELD and not answer[0].unjudged:
                stopped.set()
            return answer

        answers = session.together([calling(one, *each) for each in todo])
        missed = 0
        for (pair, neighbour), answer in zip(todo, answers, strict=True):
            if answer is None:
                missed += 1
                continue
            settled, base = answer
            self._told.take(settled)
            if base is not None:
                self._cells.append(base)
            if settled.unjudged:
                continue
            self._cells.append(settled.cell)
            tried.append(Tried(pair, neighbour, settled.cell))
        if missed:
            self._told.unjudged.append(
                f"stopped at the first neighbour that counts: {missed} others were not run"
            )
        return tried

    def _around_pair(
        self, pair: Pair, pairs: Sequence[Pair], covered: set[tuple[str, ...]]
    ) -> list[Neighbour]:
        """What else can go wrong at one entry point, each once, bounded and spread."""
        base, draft = pair.base, pair.draft
        found = [*neighbours.at_calls(base.calls), *neighbours.at_calls(draft.calls)]
        new = frozenset(self._rehearsal.stimulus.add)
        found += neighbours.at_sources(base.before, self._sources(pair), new)
        others = [other.base.entry for other in pairs if other is not pair]
        known = places(self._around, self._rehearsal, base.entry)[: self._limits.settings]
        for place in known:
            found += neighbours.at_setting(
                place.input, place.value, path=place.is_path, sequences=[*others, base.entry]
            )
        found += neighbours.limited()
        if base.entry == self._rehearsal.entry:
            declared = {json.dumps(fault_mapping(f)) for f in self._rehearsal.faults}
        else:
            declared = set()
            found = [*(Neighbour(kind_of(f), f) for f in self._rehearsal.faults), *found]
        for item in self._rehearsal.frozen:
            if item.entry == base.entry:
                found.insert(0, Neighbour(kind_of(item.fault), item.fault))
        unique: dict[str, Neighbour] = {}
        for neighbour in found:
            key = json.dumps(fault_mapping(neighbour.fault))
            if key not in declared and not _is_covered(neighbour, covered):
                unique.setdefault(key, neighbour)
        kept = spread(((n.group, n) for n in unique.values()), self._limits.neighbours)
        if len(kept) < len(unique):
            self._told.unjudged.append(
                f"{len(unique) - len(kept)} neighbours of `{words(base.entry)}` were not tried, "
                "there are too many"
            )
        is_judged = base.entry == self._rehearsal.entry
        most = self._limits.got_over if is_judged else min(2, self._limits.got_over)
        after = neighbours.got_over(draft.calls, base.entry, most)
        self._told.unjudged += [
            f"{text} in `{words(base.entry)}` were not faulted one by one"
            for text in neighbours.left_out(draft.calls)
        ]
        return [*sorted(kept, key=lambda n: _ORDER[n.kind]), *after]

    def _sources(self, pair: Pair) -> list[str]:
        """Folders that feed the run and that base's control leaves as they are."""
        base = pair.base
        read = [a for call in base.calls for a in call.read if kind(a) == "hosts"]
        candidates = [*self._around.sources, *read]
        if not self._rehearsal.is_about_settings:  # else they are bystanders, put there as bait
            candidates += self._rehearsal.world.folders()
        found: list[str] = []
        for candidate in candidates:
            folder = candidate.rstrip("/")
            if not folder or kind(f"{folder}/") == "tree" or folder == "/repo":
                continue
            if any(below(folder, known) or below(known, folder) for known in found):
                continue
            names = listing(base.before, folder)
            touched = [a for a in listing(base.after, folder) if a not in base.before]
            touched += [a for a in names if base.after.get(a) != base.before[a]]
            if names and not touched:
                found.append(folder)
        return found[: self._limits.sources]

    def _on_base(self, tried: Sequence[Tried]) -> None:
        """Which neighbours hit on base: they are decisive, and the draft must have faced them."""
        session = self._session
        ran = {(c.entry, json.dumps(c.fault)) for c in self._cells if c.side is Side.BASE}
        held = [
            one
            for one in tried
            if (one.draft is None or (one.draft.outcome is Outcome.HELD and not one.draft.altered))
            and (one.pair.base.entry, json.dumps(fault_mapping(one.neighbour.fault))) not in ran
            and neighbours.reaches(one.neighbour.fault, one.pair.base.calls)
            and not goes_on(one.neighbour.fault)
        ]
        # likely ones first: settings where the failure is about settings, else anything but them;
        # and where the draft went on to its end it was tried hardest
        about = self._rehearsal.is_about_settings
        held.sort(key=lambda one: (_is_setting(one.neighbour.fault) != about, not one.goes_on))
        todo = _in_turns(held, lambda one: one.fine)[: self._limits.base_cells]
        session.expect(len(todo))
        session.say(f"{len(todo)} of the neighbours on base: which of them are decisive?")
        cells = session.together(
            [
                calling(session.run, one.pair, Side.BASE, one.neighbour.kind, one.neighbour.fault)
                for one in todo
            ]
        )
        faced = {
            (id(one.pair), *one.neighbour.group)
            for one in tried
            if one.draft is not None and one.draft.reached
        }
        for one, cell in zip(todo, cells, strict=True):
            self._cells.append(cell)
            if cell.outcome is not Outcome.HIT:
                continue
            fault = one.neighbour.fault
            self._decisive.append(one)
            if not isinstance(fault, CallFault) or (id(one.pair), *one.neighbour.group) in faced:
                continue
            if any(call.signature == fault.command for call in one.pair.draft.calls):
                blind = replace(
                    cell,
                    side=Side.DRAFT,
                    outcome=Outcome.BROKEN,
                    why="It hits on base, and on the draft nothing like it was reached.",
                )
                self._cells.append(blind)

    def _load_bearing(self, pairs: Sequence[Pair]) -> tuple[HunkRole, ...]:
        """Which hunks the proof needs."""
        # What Pawl keeps for itself runs in no cell.
        found = tuple(
            hunk
            for hunk in hunks.hunks(self._base, self._draft)
            if not hunk.path.startswith(".pawl/")
        )
        if not found:
            return ()
        cells = self._shrink_cells(pairs[0])
        few_cells = cells[: len(self._rehearsal.faults) + self._limits.shrink_cells]
        seconds = self._limits.shrink_seconds
        started = self._clock()

        def trial_of(cells: Sequence[CellOf], until: float) -> Callable[[frozenset[int]], Without]:
            trial = Shrinking(self._session, self._base, self._draft, found, pairs, cells)

            def one(left_out: frozenset[int]) -> Without:
                if self._clock() > until:
                    return Without.UNKNOWN
                with self._session.aside():
                    said = trial.without(left_out)
                self._session.say(f"without {len(left_out)} of {len(found)} hunks: {_SAID[said]}")
                return said

            return one

        idle = [i for i, hunk in enumerate(found) if hunk.is_words]
        last = started + 1.5 * seconds  # what was found is confirmed even where time ran out
        confirm = trial_of(cells, last) if len(cells) > len(few_cells) else None
        answer = shrink(len(found), [idle], trial_of(few_cells, started + seconds), confirm)
        return tuple(
            HunkRole(hunk.path, hunk.header, *_ROLES[answer.parts[i]])
            for i, hunk in enumerate(found)
        )

    def _shrink_cells(self, pair: Pair) -> list[CellOf]:
        """The declared faults, then every class that was decisive: the sharpest first."""
        turns = _in_turns(self._decisive, lambda one: one.coarse)
        seen: dict[tuple[object, ...], CellOf] = {}
        for one in turns:
            key = (id(one.pair), *one.coarse)
            seen.setdefault(key, (one.pair, one.neighbour.kind, one.neighbour.fault))
        declared = [(pair, CellKind.DECLARED, fault) for fault in self._rehearsal.faults]
        return [*declared, *seen.values()]

    # --- the end ------------------------------------------------------------------------------

    def _add(self, cell: Cell) -> None:
        self._cells.append(cell)
        self._session.judged(cell)

    def _so_far(self) -> bool:
        return decide(self._cells)[0]

    def _so_far_text(self) -> str:
        holds, why = decide(self._cells)
        return "hit on base, held on the draft" if holds else why

    def _end(self, roles: tuple[HunkRole, ...] = ()) -> Proof:
        holds, why = decide(self._cells)
        turns = _in_turns(self._decisive, lambda one: one.coarse)[: self._limits.frozen]
        decisive = [(one.pair.base.entry, one.neighbour.fault) for one in turns]
        told = self._told
        return Proof(
            holds=holds,
            why=why,
            cells=tuple(self._cells),
            residuals=tuple(dict.fromkeys(told.residuals)),
            degrades=tuple(dict.fromkeys(told.degrades)),
            load_bearing=roles,
            not_covered=tuple(dict.fromkeys(told.unjudged)),
            decisive=tuple(
                {"entry": list(entry), "fault": fault_mapping(fault)} for entry, fault in decisive
            ),
            evidence=self._evidence(),
        )

    def _evidence(self) -> dict[str, Any]:
        """The first difference: what one declared fault does on base, and what it meets now."""
        shown: dict[str, Any] = {"cells": len(self._cells)}
        bad = next(
            (
                cell
                for cell in self._cells
                if cell.side is Side.DRAFT and cell.outcome is not Outcome.HELD
            ),
            None,
        )
        pick = {
            "hit": next((c for c in self._cells if c.outcome is Outcome.HIT), None),
            "refused": bad,
        }
        for key, cell in pick.items():
            if cell is not None:
                shown[key] = {
                    "cell": cell.id,
                    "what": name(cell),
                    "side": cell.side.value,
                    "why": cell.why,
                    "lost": list(cell.lost[:20]),
                    "altered": list(cell.altered[:20]),
                    "log": cell.log[-2000:].decode("utf-8", "replace"),
                }
        return shown


class Shrinking:
    """Tries the draft without some hunks: its own priming, control, then cells until one hits."""

    def __init__(
        self,
        session: Session,
        base: Files,
        draft: Files,
        found: tuple[hunks.Hunk, ...],
        pairs: Sequence[Pair],
        cells: Sequence[CellOf],
    ) -> None:
        self._session = session
        self._base = base
        self._draft = draft
        self._found = found
        self._cells = cells
        self._pairs = pairs  # control at every entry point: none may stop working

    def without(self, left_out: frozenset[int]) -> Without:
        """What happens without the hunks numbered `left_out`."""
        session = self._session
        tree = hunks.without(self._base, self._draft, self._found, left_out)
        whole = self._pairs
        opened = session.together(
            [
                calling(
                    session.open,
                    Side.DRAFT,
                    tree,
                    pair.base.entry,
                    pair.base.seed,
                    pair.base.world,
                )
                for pair in whole
            ]
        )
        trial = {id(p): Pair(p.base, stage) for p, stage in zip(whole, opened, strict=True)}
        try:
            session.control(opened, record=False)
            for pair in trial.values():
                pair.draft.timeout = pair.base.timeout
                _, control, _ = session.controls(pair)
                if control.outcome is not Outcome.HELD:
                    return Without.BREAKS
            return self._cells_of(trial)
        finally:
            session.close(*opened)

    def _cells_of(self, trial: Mapping[int, Pair]) -> Without:
        session = self._session
        stopped = threading.Event()

        def one(pair: Pair, kind_: CellKind, fault: Fault) -> Outcome | None:
            if stopped.is_set():
                return None
            said = session.run(trial[id(pair)], Side.DRAFT, kind_, fault).outcome
            if said is not Outcome.HELD:
                stopped.set()
            return said

        answers = session.together([calling(one, *each) for each in self._cells])
        if Outcome.HIT in answers:
            return Without.HIT
        return Without.UNKNOWN if Outcome.BROKEN in answers else Without.FINE


_ORDER = {CellKind.LYING: 0, CellKind.INPUT: 1, CellKind.HONEST: 2}
_ROLES = {
    Without.HIT: ("carries", "without it the failure is back"),
    Without.BREAKS: ("needed", "without it the normal job is not done"),
    Without.FINE: ("idle", "not needed with what is left"),
    Without.UNKNOWN: ("untried", "kept: the time for trying without it was over"),
}


_SAID = {
    Without.HIT: "the failure is back",
    Without.BREAKS: "the normal job is not done",
    Without.FINE: "still held",
    Without.UNKNOWN: "could not be judged",
}


def _is_covered(neighbour: Neighbour, covered: set[tuple[str, ...]]) -> bool:
    """Whether an earlier entry point tried its like, so that this one need not.

    Every entry point faces wrong sources, and of each command the fault that stays: whether it
    guards what it does itself is seen by these.
    """
    fault = neighbour.fault
    if neighbour.group not in covered or isinstance(fault, LimitFault):
        return False
    if isinstance(fault, InputFault):
        return fault.is_setting and not fault.then
    return not (fault.persistent and fault.does in ("cut", "short"))


_THINGS = {
    "object-storage": "objects in object storage",
    "hosts": "files on hosts",
    "files": "files outside the tree",
    "tree": "files of the tree",
}


def _things(kinds: Iterable[str]) -> str:
    """Classes of objects, for a sentence."""
    return " and ".join(_THINGS.get(one, one) for one in sorted(kinds)) or "what its script names"


def _is_setting(fault: Fault) -> bool:
    return isinstance(fault, InputFault) and fault.is_setting


def _in_turns(items: Iterable[Tried], group: Callable[[Tried], Hashable]) -> list[Tried]:
    """Every entry point in turns, and at each of them every group in turns."""
    at: dict[int, list[Tried]] = {}
    for item in items:
        at.setdefault(id(item.pair), []).append(item)
    mixed = [
        (key, item)
        for key, found in at.items()
        for item in spread(((group(one), one) for one in found), len(found))
    ]
    return list(spread(mixed, len(mixed)))
