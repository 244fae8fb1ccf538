"""One rehearsal of toil, tried: which cells there are on base and on a draft, and what they say.

The order is: what the places say and whether CI is content, the operation with fresh values, then
drift. What follows from all cells together is decided in `verdict`.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

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
)
from sandbox.proof import tells
from sandbox.toil import steps, values, words
from sandbox.toil.form import Edit, Goal, Toil
from sandbox.toil.places import Entity, Measure, Question, Unread, agree, measure, projected, shown
from sandbox.toil.play import Changes, Commit, Deed, Did, Player, Said, after
from sandbox.toil.steps import Drift, Step
from sandbox.toil.verdict import Told, named

_LOG = 16 * 1024
_DRIFT_SEED = 77
_MOST_SAID = 3


@dataclass(frozen=True)
class Ci:
    """What CI says of a tree as it is, and which of its jobs can't be asked here."""

    said: Said
    ignored: frozenset[str] = frozenset()  # red or unplayable before anything was done
    odd: tuple[str, ...] = ()  # new jobs that can't be played: they might have noticed


class Trying:
    """A rehearsal of toil on one tree or two."""

    def __init__(self, player: Player, toil: Toil, name: str, repeats: int, watch: Watch) -> None:
        self._player = player
        self._toil = toil
        self._name = name
        self._seeds = range(1, repeats + 1)
        self._watch = watch
        self._done = 0
        self._total = 0
        self._heard: dict[int, tuple[Files, Said]] = {}
        self.told = Told()

    # --- whole answers ------------------------------------------------------------------------

    def trial(self, tree: Files) -> Trial:
        """By hand on one tree: whole it is right, and leaving a place out is silent."""
        cells = self._on_base(tree)
        controls = [cell for cell in cells if cell.kind is CellKind.CONTROL]
        bad = next((cell for cell in controls if cell.outcome is not Outcome.HELD), None)
        if bad is not None or not controls:
            why = bad.why if bad else "Nothing was tried."
            return Trial(False, False, tuple(cells), (), why)
        declared = [cell for cell in cells if cell.kind is CellKind.DECLARED]
        hits = bool(declared) and all(cell.outcome is Outcome.HIT for cell in declared)
        why = declared[0].why if declared else "No place was left out."
        return Trial(True, hits, tuple(cells), (), why)

    def proof(self, base: Files, draft: Files, around: Surroundings) -> list[Cell]:
        """Base by hand, then everything on the draft, until a group does not hold."""
        cells = self._on_base(base)
        if not all(c.outcome is Outcome.HELD for c in cells if c.kind is CellKind.CONTROL):
            return cells
        if not any(c.outcome is Outcome.HIT for c in cells if c.kind is CellKind.DECLARED):
            return cells
        cells += self._tells(base, draft)
        silent = {
            str(c.fault["left out"])
            for c in cells
            if c.kind is CellKind.OMISSION and c.outcome is Outcome.HIT and c.fault
        }
        truth = self._measure(base)
        assert isinstance(truth, Measure)  # noqa: S101 - base was measured by its cells
        self._found_words(base, draft)
        cells += self._checks(base, draft, around)
        if _stands(cells):
            cells += self._on_draft(base, draft, truth, Side.DRAFT, silent=len(silent))
            cells += self._held(cells)
        return cells

    def old(self, base: Files, draft: Files) -> list[Cell]:
        """The ratchet: this old rehearsal on the draft; what base does no better does not count."""
        mine = self._old(base, draft, Side.DRAFT)
        if _stands(mine):
            return mine
        theirs = {_key(cell): cell for cell in self._old(base, base, Side.BASE)}
        return [self._no_worse(cell, theirs.get(_key(cell))) for cell in mine]

    def _old(self, base: Files, tree: Files, side: Side) -> list[Cell]:
        cells = self.again(tree, base, side=side)
        return [
            replace(
                cell,
                kind=CellKind.RATCHET,
                id=_id(self._name, side, CellKind.RATCHET, cell.seed, cell.fault),
            )
            for cell in cells
        ]

    def _no_worse(self, cell: Cell, on_base: Cell | None) -> Cell:
        """A cell of the draft; where base's is no better it is told and does not count."""
        as_base = on_base is not None and on_base.outcome is not Outcome.HELD
        if cell.outcome is Outcome.HELD or not as_base:
            return cell
        text = f"old rehearsal {self._name}, as on base: {cell.why}"
        told = self.told.residuals if cell.outcome is Outcome.HIT else self.told.unjudged
        told.append(text)
        return replace(cell, outcome=Outcome.HELD, why=f"No better on base: {cell.why}")

    def again(self, tree: Files, base: Files | None, *, side: Side = Side.DRAFT) -> list[Cell]:
        """Everything that a change is held to, on one tree, measured by what that tree says."""
        truth = self._measure(tree)
        if isinstance(truth, Question):
            fault = {"places": "as they are"}
            cell = self._cell(side, CellKind.CONTROL, fault, 1, Outcome.HIT, truth.why)
            self._judged(cell)
            return [cell]
        return self._on_draft(base, tree, truth, side)

    # --- base ---------------------------------------------------------------------------------

    def _on_base(self, tree: Files) -> list[Cell]:
        """Control: the whole procedure by hand. Omission: each place left out, in turn."""
        self._say("the procedure by hand, whole and with each place left out")
        truth = self._measure(tree)
        if isinstance(truth, Question):
            return [self._base_broken(f"Can't judge: {truth.why}")]
        models = steps.like(truth, tree)
        if not models:
            return [self._base_broken("Can't judge: no entity is shown by every place.")]
        cells = list(self._by_hands(tree, truth, models[0], self._ci_of_base(tree)))
        for cell in cells:
            self._judged(cell)
        return [*cells, *self._summed(cells)]

    def _base_broken(self, why: str) -> Cell:
        cell = self._cell(Side.BASE, CellKind.CONTROL, None, 1, Outcome.BROKEN, why)
        self._judged(cell)
        return cell

    def _by_hands(self, tree: Files, truth: Measure, model: Entity, ci: Ci) -> Iterator[Cell]:
        """The procedure by hand on `tree`, whole and with each place left out, in every repeat."""
        rows = [
            (seed, new, left)
            for seed in self._seeds
            for new in [values.fresh(self._toil, truth.entities, _chance(seed))]
            for left in ("", *(place.name for place in self._toil.files))
        ]
        self._expect(len(rows))
        made = [steps.by_hand(truth, tree, model, new, left) for _, new, left in rows]
        said = self._player.says(tree, [Commit(one) for one in made], ci.ignored)
        for (seed, new, left), changes, ci_says in zip(rows, made, said, strict=True):
            yield self._by_hand(tree, truth, new, seed, left, changes, ci_says, ci)

    def _by_hand(
        self,
        tree: Files,
        truth: Measure,
        new: Entity,
        seed: int,
        left: str,
        changes: Changes,
        said: Said,
        ci: Ci,
    ) -> Cell:
        lacks = _lacking(truth, tree, new, changes)
        if left:
            fault = {"left out": left}
            kind = CellKind.OMISSION
            if not lacks:
                outcome, why = Outcome.HELD, f"{left} needs no edit of its own."
            elif said.broken or (said.content and ci.odd):
                outcome, why = Outcome.BROKEN, said.broken or ci.odd[0]
            elif said.content:
                outcome, why = Outcome.HIT, f"{left} lacks the new entry and nothing says so."
            else:
                outcome, why = Outcome.HELD, f"Noticed: {said.red[0]}"
            return self._cell(Side.BASE, kind, fault, seed, outcome, why, log=said.log)
        if lacks:
            outcome, why = Outcome.BROKEN, f"By hand it can't be done right in {', '.join(lacks)}."
        elif said.broken or said.red:
            why = f"By hand all is right, and CI says no: {said.broken or said.red[0]}"
            outcome = Outcome.BROKEN
        else:
            outcome, why = Outcome.HELD, "By hand every place is right, and CI is content."
        kind = CellKind.CONTROL
        return self._cell(Side.BASE, kind, None, seed, outcome, why, log=said.log)

    def _summed(self, cells: Sequence[Cell]) -> list[Cell]:
        """The failure itself, once for each repeat: somebody leaves a place out."""
        summed = []
        for seed in self._seeds:
            mine = [c for c in cells if c.seed == seed and c.kind is CellKind.OMISSION]
            silent = [c for c in mine if c.outcome is Outcome.HIT]
            names = ", ".join(str((c.fault or {}).get("left out")) for c in silent)
            if silent:
                outcome = Outcome.HIT
                why = f"Leaving out one of {len(silent)} of {len(mine)} places is silent: {names}."
            else:
                broken = next((c for c in mine if c.outcome is Outcome.BROKEN), None)
                outcome = Outcome.BROKEN if broken else Outcome.HELD
                why = broken.why if broken else "Leaving out any place is noticed already."
            cell = self._cell(Side.BASE, CellKind.DECLARED, _FORGOTTEN, seed, outcome, why)
            self._judged(cell)
            summed.append(cell)
        return summed

    # --- draft --------------------------------------------------------------------------------

    def _on_draft(
        self,
        base: Files | None,
        draft: Files,
        truth: Measure,
        side: Side,
        *,
        silent: int = 0,
    ) -> list[Cell]:
        """Control, operation and drift. `silent`: places whose omission base does not notice."""
        ci = self._ci(draft, base)
        cells = [self._says_truth(draft, truth, side), self._is_content(ci, side)]
        for cell in cells:
            self._judged(cell)
        if not _stands(cells):
            return cells
        if self._toil.goal is Goal.NOTICED:
            cells += self._guarded(draft, truth, ci, side)
        elif self._toil.operation is None:
            why = "No operation is named that makes every place right, so the step is not gone."
            fault = {"operation": "add"}
            cells.append(self._cell(side, CellKind.OPERATION, fault, 1, Outcome.HIT, why))
        else:
            cells += self._operated(base, draft, truth, ci, silent, side)
        if _stands(cells):
            cells += self._drifted(draft, truth, ci, side)
        return cells

    def _says_truth(self, draft: Files, truth: Measure, side: Side) -> Cell:
        bad = truth.wrong(draft, self._probed(draft))
        outcome = Outcome.HIT if bad else Outcome.HELD
        why = _some(bad) or "Every place says what is so."
        return self._cell(side, CellKind.CONTROL, {"places": "as they are"}, 1, outcome, why)

    def _is_content(self, ci: Ci, side: Side) -> Cell:
        said = ci.said
        red = [one for one in said.red if not any(f": {key}: " in one for key in ci.ignored)]
        if said.broken:
            outcome, why = Outcome.BROKEN, f"CI could not be played: {said.broken}"
        elif red and said.lacking:
            outcome, why = Outcome.BROKEN, f"CI lacks what it needs here: {red[0]}"
        elif red:
            outcome, why = Outcome.HIT, f"With nothing changed, CI says no: {red[0]}"
        else:
            outcome, why = Outcome.HELD, "CI is content with the tree as it is."
        fault = {"CI": "on the tree as it is"}
        return self._cell(side, CellKind.CONTROL, fault, 1, outcome, why, log=said.log)

    def _operated(
        self,
        base: Files | None,
        draft: Files,
        truth: Measure,
        ci: Ci,
        silent: int,
        side: Side,
    ) -> list[Cell]:
        """The operation: sequences with fresh values, and values that it has to refuse."""
        toil = self._toil
        self._say("the operation, with fresh values")
        cost = self._costs(silent, side)
        if cost is not None:
            return [cost]
        runs = {seed: steps.sequence(truth, seed) for seed in self._seeds}
        bads = [] if self._has_edits else self._bad(truth)
        self._expect(sum(len(run) for run in runs.values()) + len(bads))
        done = self._sequences(draft, truth, list(runs.values()))
        if done is None:
            why = "The edit by hand that belongs to the operation can't be made."
            fault = {"operation": "edit"}
            return [self._cell(side, CellKind.OPERATION, fault, 1, Outcome.BROKEN, why)]
        refusals = self._player.deeds(
            draft, [[Deed(run=steps.commands(toil, "add", bad))] for _, _, bad in bads]
        )
        commits, asked = [], []
        for (seed, run), dids in zip(runs.items(), done, strict=True):
            for number, step in enumerate(run):
                before = steps.merged([did.changed for did in dids[:number]])
                commits.append(Commit(dids[number].changed, before))
                asked.append((seed, number, step, dids))
        said = self._player.says(draft, commits, ci.ignored)
        cells = [
            self._operation_cell(draft, side, *one, ci_says)
            for one, ci_says in zip(asked, said, strict=True)
        ]
        cells += [
            self._refusal_cell(side, name, value, did[0])
            for (name, value, _), did in zip(bads, refusals, strict=True)
        ]
        copies = self._copies(base, draft, truth, runs, done, side)
        for cell in (*cells, *copies):
            self._judged(cell)
        return [*cells, *copies]

    @property
    def _has_edits(self) -> bool:
        return any(isinstance(action, Edit) for action in steps.actions(self._toil, "add"))

    def _costs(self, silent: int, side: Side) -> Cell | None:
        """A cell that says no where the operation is no less work than what base asks."""
        parts = steps.actions(self._toil, "add")
        by_hand = sum(1 for action in parts if isinstance(action, Edit))
        if by_hand <= 1 and (not silent or len(parts) < silent):
            return None
        why = f"The operation has {len(parts)} actions, {by_hand} of them edits by hand."
        fault = {"operation": "add", "actions": len(parts)}
        cell = self._cell(side, CellKind.OPERATION, fault, 1, Outcome.HIT, why)
        self._judged(cell)
        return cell

    def _sequences(
        self, tree: Files, truth: Measure, runs: Sequence[Sequence[Step]]
    ) -> list[list[Did]] | None:
        """Do every sequence; one step at a time where edits by hand need to see what there is."""
        toil = self._toil
        probes = tuple(place.run for place in toil.places if place.run)

        def deed(step: Step) -> Deed:
            run = steps.commands(toil, step.verb, step.entity)
            return Deed(run=run, away=step.away, probes=probes)

        if not self._has_edits:
            return self._player.deeds(tree, [[deed(step) for step in run] for run in runs])
        model = steps.like(truth, tree)[0]
        done: list[list[Did]] = [[] for _ in runs]
        for number in range(max(len(run) for run in runs)):
            chains = []
            for run, dids in zip(runs, done, strict=True):
                before = steps.merged([did.changed for did in dids])
                made = steps.edits(toil, run[number], after(tree, before), model)
                if made is None:
                    return None
                first = Deed(write=before)
                chains.append([first, replace(deed(run[number]), write=made)])
            for dids, chain in zip(done, self._player.deeds(tree, chains), strict=True):
                dids.append(chain[1])
        return done

    def _operation_cell(
        self,
        draft: Files,
        side: Side,
        seed: int,
        number: int,
        step: Step,
        dids: Sequence[Did],
        said: Said,
    ) -> Cell:
        did = dids[number]
        tree = after(draft, steps.merged([one.changed for one in dids[: number + 1]]))
        bad = step.want.wrong(tree, steps.outputs(self._toil, did.probes))
        fault = {"operation": step.words, "step": number + 1}
        if did.broken:
            outcome, why = Outcome.BROKEN, f"It could not be done: {did.broken}"
        elif did.code != 0:
            ending = "takes too long" if did.code is None else f"ends with {did.code}"
            outcome, why = Outcome.HIT, f"`{step.words}` {ending}: {_last(did.said)}"
        elif bad and not said.content:
            outcome, why = Outcome.HIT, f"Not done, noticed only: {_some(bad)}"
        elif bad:
            outcome, why = Outcome.HIT, f"Not done, and nothing says so: {_some(bad)}"
        elif said.broken:
            outcome, why = Outcome.BROKEN, f"CI could not be played: {said.broken}"
        elif said.red:
            outcome, why = Outcome.HIT, f"Every place is right, and CI says no: {said.red[0]}"
        else:
            outcome, why = Outcome.HELD, "Done: every place is right, and CI is content."
        kind, log = CellKind.OPERATION, did.said + said.log
        cell = self._cell(side, kind, fault, seed, outcome, why, log=log)
        return replace(cell, code=did.code)

    def _bad(self, truth: Measure) -> list[tuple[str, str, Entity]]:
        good = values.fresh(self._toil, truth.entities, _chance(5))
        asked = {
            name
            for argv in self._toil.operation.add  # type: ignore[union-attr]
            for name in self._toil.facts
            if not isinstance(argv, Edit) and any(f"{{{name}}}" in word for word in argv)
        }
        return [one for one in values.bad(self._toil, good, truth.entities) if one[0] in asked]

    def _refusal_cell(self, side: Side, name: str, value: str, did: Did) -> Cell:
        fault = {"operation": "add", "with": f"{name} {value!r}"}
        if did.broken:
            outcome, why = Outcome.BROKEN, f"It could not be done: {did.broken}"
        elif did.code == 0:
            outcome, why = Outcome.HIT, f"{name} {value!r} is taken."
        elif not did.same:
            outcome, why = Outcome.HIT, f"{name} {value!r} is refused, and files have changed."
        else:
            outcome, why = Outcome.HELD, f"{name} {value!r} is refused, and nothing has changed."
        cell = self._cell(side, CellKind.OPERATION, fault, 1, outcome, why, log=did.said)
        return replace(cell, code=did.code)

    def _copies(
        self,
        base: Files | None,
        draft: Files,
        truth: Measure,
        runs: Mapping[int, Sequence[Step]],
        done: Sequence[Sequence[Did]],
        side: Side,
    ) -> list[Cell]:
        """Copies that the operation does not feed. One that may be old is told, not counted."""
        step, did = next(iter(runs.values()))[0], done[0][0]
        if did.code != 0:
            return []
        tree = after(draft, did.changed)
        before = draft if base is None else base
        had = words.copies(self._toil, truth.entities, before).keys()
        found = words.unfed(self._toil, truth.entities, step.entity, tree)
        places = {place.file for place in self._toil.files}
        new = [path for path in found if path not in had and path not in places]
        self.told.degrades += [
            f"{path} mentions most entities, as before, and the operation does not feed it"
            for path in found
            if path in had and path not in places
        ]
        why = "Every file that mentions most entities mentions the new one."
        if new:
            why = f"A copy that the operation does not feed: {', '.join(new[:_MOST_SAID])}"
        fault = {"operation": "feeds every copy"}
        outcome = Outcome.HIT if new else Outcome.HELD
        return [self._cell(side, CellKind.OPERATION, fault, 1, outcome, why)]

    def _drifted(self, draft: Files, truth: Measure, ci: Ci, side: Side) -> list[Cell]:
        """Each place edited by hand and committed; then the operation on top of it."""
        toil = self._toil
        self._say("places edited by hand and committed: does CI notice?")
        found = list(steps.drifts(truth, draft, _DRIFT_SEED))
        made = [one for one in found if isinstance(one, Drift)]
        for one in found:
            if isinstance(one, str):
                self.told.unjudged.append(f"drift not tried: {one}")
        lost = {p.name for p in toil.files} - {drift.place.name for drift in made}
        cells = [
            self._cell(
                side,
                CellKind.DRIFT,
                {"drift": "any", "at": name},
                1,
                Outcome.BROKEN,
                f"{name} can't be edited by hand here, so nothing was tried.",
            )
            for name in sorted(lost)
        ]
        self._expect(len(made))
        said = self._player.says(draft, [Commit(one.changes) for one in made], ci.ignored)
        for one, ci_says in zip(made, said, strict=True):
            fault = {"drift": one.does, "at": one.place.name}
            cells.append(self._drift_cell(side, fault, ci_says, ci, done=False))
        if toil.operation is not None and toil.goal is Goal.DONE and not self._has_edits:
            cells += self._on_top(draft, truth, ci, side, made)
        for cell in cells:
            self._judged(cell)
        return cells

    def _drift_cell(
        self, side: Side, fault: Mapping[str, Any], said: Said, ci: Ci, *, done: bool
    ) -> Cell:
        if said.broken:
            outcome, why = Outcome.BROKEN, f"CI could not be played: {said.broken}"
        elif said.red:
            outcome, why = Outcome.HELD, f"Noticed: {said.red[0]}"
        elif done:
            outcome, why = Outcome.HELD, "No blessing: the places agree again."
        elif ci.odd:
            outcome, why = Outcome.BROKEN, f"Nothing says so, and {ci.odd[0]}"
        else:
            outcome, why = Outcome.HIT, f"{fault['at']} is wrong, and CI says nothing."
        return self._cell(side, CellKind.DRIFT, fault, 1, outcome, why, log=said.log)

    def _on_top(
        self, draft: Files, truth: Measure, ci: Ci, side: Side, made: Sequence[Drift]
    ) -> list[Cell]:
        """The operation on a tree that has drifted: never a blessing."""
        toil = self._toil
        chosen = [one for one in made if one.does in ("add", "swap", one.place.fields[-1])]
        self._expect(len(chosen))
        news = [
            values.fresh(toil, truth.entities, _chance(_DRIFT_SEED + number))
            for number in range(len(chosen))
        ]
        probes = tuple(place.run for place in toil.places if place.run)
        done = self._player.deeds(
            draft,
            [
                [
                    Deed(write=one.changes),
                    Deed(run=steps.commands(toil, "add", new), probes=probes),
                ]
                for one, new in zip(chosen, news, strict=True)
            ],
        )
        said = self._player.says(
            draft, [Commit(did[1].changed, did[0].changed) for did in done], ci.ignored
        )
        cells = []
        for drift, new, did, ci_says in zip(chosen, news, done, said, strict=True):
            fault = {"drift": drift.does, "at": drift.place.name, "then": "add"}
            if did[1].broken:
                why = f"It could not be done: {did[1].broken}"
                cells.append(self._cell(side, CellKind.DRIFT, fault, 1, Outcome.BROKEN, why))
                continue
            if did[1].code != 0 and did[1].same:
                why = "The operation refuses to go on, and nothing has changed."
                cells.append(self._cell(side, CellKind.DRIFT, fault, 1, Outcome.HELD, why))
                continue
            tree = after(draft, steps.merged([did[0].changed, did[1].changed]))
            says = steps.outputs(toil, did[1].probes)
            done_ = not truth.with_(new).wrong(tree, says) or agree(toil, tree, says, new)
            cells.append(self._drift_cell(side, fault, ci_says, ci, done=done_))
        return cells

    def _guarded(self, draft: Files, truth: Measure, ci: Ci, side: Side) -> list[Cell]:
        """For a guard: the procedure by hand is content, and leaving out any place is noticed."""
        models = steps.like(truth, draft)
        if not models:
            why = "Can't judge: no entity is shown by every place."
            return [self._cell(side, CellKind.OMISSION, None, 1, Outcome.BROKEN, why)]
        cells = [
            replace(cell, side=side, id=_id(self._name, side, cell.kind, cell.seed, cell.fault))
            for cell in self._by_hands(draft, truth, models[0], ci)
        ]
        for cell in cells:
            self._judged(cell)
        return cells

    def _held(self, cells: Sequence[Cell]) -> list[Cell]:
        """The failure itself on the draft, once for each repeat: is there anything to forget?"""
        found = []
        for seed in self._seeds:
            mine = [
                cell
                for cell in cells
                if cell.side is Side.DRAFT
                and cell.seed == seed
                and cell.kind in (CellKind.OPERATION, CellKind.OMISSION)
            ]
            if not mine:  # the control before it did not stand, and that is said
                continue
            bad = next((cell for cell in mine if cell.outcome is not Outcome.HELD), None)
            if bad is not None:
                outcome, why = bad.outcome, bad.why
            elif self._toil.goal is Goal.NOTICED:
                outcome, why = Outcome.HELD, "Noticed only: leaving out any place is refused."
            else:
                outcome, why = Outcome.HELD, "There is no place left to forget."
            cell = self._cell(Side.DRAFT, CellKind.DECLARED, _FORGOTTEN, seed, outcome, why)
            self._judged(cell)
            found.append(cell)
        return found

    # --- beside the places --------------------------------------------------------------------

    def _tells(self, base: Files, draft: Files) -> list[Cell]:
        """A draft that asks what has another answer in life was tried for the trial alone."""
        cells = []
        for path, number, line in tells.asks(base, draft)[:_MOST_SAID]:
            why = f"`{line[:80]}` at {path}:{number} asks for what is so in every trial."
            fault = {"asks": f"{path}:{number}"}
            cell = self._cell(Side.DRAFT, CellKind.CONTROL, fault, 1, Outcome.BROKEN, why)
            self._judged(cell)
            cells.append(cell)
        return cells

    def _found_words(self, base: Files, draft: Files) -> None:
        """Documents that still tell to do the step by hand."""
        left = words.steps(self._toil, draft)
        if left:
            told = f"documents still tell to edit a place by hand: {'; '.join(left[:_MOST_SAID])}"
            self.told.degrades.append(told)

    def _checks(self, base: Files, draft: Files, around: Surroundings) -> list[Cell]:
        """The repository's own checks; what fails on base as well is said, not counted."""
        argvs = around.checks
        if not argvs:
            return []
        chains = [[Deed(run=(argv,))] for argv in argvs]
        cells = []
        for argv, (did,) in zip(argvs, self._player.deeds(draft, chains), strict=True):
            text = " ".join(argv)
            why = f"`{text}` ended with code {did.code}."
            outcome = Outcome.HELD if did.code == 0 else Outcome.HIT
            if did.broken or did.code is None:
                why = f"`{text}` could not be judged: {did.broken or 'it took too long'}"
                outcome = Outcome.BROKEN
            elif did.code != 0:
                before = self._player.deeds(base, [[Deed(run=(argv,))]])[0][0]
                if before.code != 0:
                    self.told.unjudged.append(f"check fails on base as well: {why}")
                    continue
            kind = CellKind.CHECK
            cell = self._cell(Side.DRAFT, kind, None, 1, outcome, why, log=did.said, entry=argv)
            self._judged(cell)
            cells.append(cell)
        return cells

    # --- asking -------------------------------------------------------------------------------

    def _measure(self, tree: Files) -> Measure | Question:
        return measure(self._toil, tree, self._probed(tree))

    def _probed(self, tree: Files) -> Mapping[str, str]:
        """What the commands of places say on a tree as it is."""
        probes = tuple(place.run for place in self._toil.places if place.run)
        if not probes:
            return {}
        did = self._player.deeds(tree, [[Deed(write={}, probes=probes)]])[0][0]
        return steps.outputs(self._toil, did.probes)

    def _ci_of_base(self, tree: Files) -> Ci:
        """What CI says of base as it is. What can't be asked there is left out, and told."""
        said = self._on_tree(tree)
        for key, why in said.unplayed.items():
            self._leave_out(f"CI job {key} is not played here: {why}")
        for one in said.red:
            self._leave_out(f"CI is red on the tree as it is, and is not asked: {one}")
        return Ci(said, said.red_keys | frozenset(said.unplayed))

    def _ci(self, tree: Files, base: Files | None) -> Ci:
        """What CI says of a tree as it is, without the jobs that can't be asked on base either."""
        said = self._on_tree(tree)
        if base is None:
            return Ci(said)
        known = self._ci_of_base(base)
        new = said.unplayed.keys() - known.said.unplayed.keys()
        odd = tuple(f"CI job {key} can't be played here: {said.unplayed[key]}" for key in new)
        return Ci(said, known.ignored, odd)

    def _on_tree(self, tree: Files) -> Said:
        if id(tree) not in self._heard:
            as_it_is = [Commit({}, all_paths=True)]
            said = self._player.says(tree, as_it_is, frozenset(), whole=True)[0]
            self._heard[id(tree)] = (tree, said)
        return self._heard[id(tree)][1]

    def _leave_out(self, text: str) -> None:
        if text not in self.told.unjudged:
            self.told.unjudged.append(text)

    # --- telling ------------------------------------------------------------------------------

    def _say(self, text: str) -> None:
        self._watch(Progress(text, self._done, self._total))

    def _expect(self, cells: int) -> None:
        self._total += cells

    def _judged(self, cell: Cell) -> None:
        self._done += 1
        self._total = max(self._total, self._done)
        text = f"{cell.side.value}: {named(cell)}: {cell.outcome}"
        self._watch(Progress(text, self._done, self._total, cell))

    def _cell(
        self,
        side: Side,
        kind: CellKind,
        fault: Mapping[str, Any] | None,
        seed: int,
        outcome: Outcome,
        why: str,
        *,
        log: str = "",
        entry: Argv | None = None,
    ) -> Cell:
        return Cell(
            id=_id(self._name, side, kind, seed, fault if entry is None else {"check": entry}),
            rehearsal=self._name,
            entry=self._toil.entry if entry is None else entry,
            side=side,
            kind=kind,
            fault=fault,
            seed=seed,
            outcome=outcome,
            why=why,
            log=log.encode("utf-8", "replace")[-_LOG:],
        )


_FORGOTTEN = {"left out": "a place"}


def _stands(cells: Sequence[Cell]) -> bool:
    """Whether nothing counts against the draft so far."""
    return all(c.outcome is Outcome.HELD for c in cells if c.side is Side.DRAFT)


def _key(cell: Cell) -> str:
    return json.dumps([cell.fault, cell.seed, cell.entry], sort_keys=True)


def _id(name: str, side: Side, kind: CellKind, seed: int, fault: Mapping[str, Any] | None) -> str:
    text = json.dumps([name, side.value, kind.value, seed, fault], sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:12]


def _chance(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - it has to be the same on both sides


def _lacking(truth: Measure, tree: Files, new: Entity, changes: Changes) -> tuple[str, ...]:
    """The places that do not show a new entity as they should after an edit by hand.

    What was wrong there before is not asked: the procedure is about the new one.
    """
    changed = after(tree, changes)
    found = []
    for place in truth.toil.files:
        before, now = shown(place, tree, {}), shown(place, changed, {})
        if (
            isinstance(before, Unread)
            or isinstance(now, Unread)
            or set(now) != {*before, projected(new, place)}
        ):
            found.append(place.name)
    return tuple(found)


def _some(sentences: Sequence[str]) -> str:
    return "; ".join(sentences[:_MOST_SAID])


def _last(said: str) -> str:
    lines = said.strip().splitlines()
    return lines[-1][:200] if lines else "it says nothing"
