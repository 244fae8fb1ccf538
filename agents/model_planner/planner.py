"""The planner that asks a model: clarify, rehearse, plan; each role in a context of its own.

Every prompt is built anew from bounded pieces, so that a large repository costs as much as a small
one. A role sees what its work needs: the rehearser no plan, the planner one hit and no list.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import yaml

from agents import (
    Alternative,
    Brief,
    Desk,
    Edit,
    NothingFits,
    NotReproduced,
    Plan,
    Planner,
    Prediction,
    Question,
    Rehearsal,
)
from agents import edit_blocks as blocks
from agents.model_planner import fence, roles
from agents.model_planner.asking import Asking, Declined, Post, Role, never
from agents.model_planner.memory import Memory
from agents.model_planner.ports import Check, Ledger, Mask
from agents.model_planner.roles import Asks, Critique, Name, Outline, Step
from agents.model_planner.view import View
from agents.model_planner.wire import Profile

STEPS = 16
"""How often a role may look before it must write."""
TRIES = 5
"""Rehearsals that are tried on base."""
REPAIRS = 3
"""How often edits that don't fit may be written again."""
_KEPT = 4
_STEP = 1500
"""Tokens of a step's answer; what is written may be longer."""


@dataclass(frozen=True)
class Way:
    """How models are asked: the parts that wiring hands in."""

    post: Post
    ledger: Ledger
    mask: Mask
    models: Mapping[str, str]
    """Role -> model; "*" for the others."""
    secret: bytes
    """What the fence's nonce is made of."""
    profile: Profile = field(default_factory=Profile)
    check: Check = never
    found: Callable[[Profile], None] = lambda _: None


@dataclass
class ModelPlanner:
    """A `Planner` that asks a model, and takes a recipe's rehearsal where there is one."""

    way: Way
    recipes: Planner | None = None
    asks: bool = True
    """Whether somebody is there who can answer a question."""
    name: str = "model"

    def rehearse(
        self, brief: Brief, desk: Desk
    ) -> Rehearsal | Question | NothingFits | NotReproduced:
        """A recipe's rehearsal that hits, else a question, else one that the model writes."""
        known = self._recipe(brief, desk)
        if known is not None:
            return known
        talk = self._talk(brief, desk)
        if self.asks and not brief.told:
            asks = talk.clarify()
            if asks is not None:
                return asks
        return talk.rehearse()

    def plan(self, brief: Brief, desk: Desk, rehearsal: Rehearsal) -> Plan | Question | NothingFits:
        """The model's plan, with edits that apply."""
        return self._talk(brief, desk).plan(rehearsal)

    def _recipe(self, brief: Brief, desk: Desk) -> Rehearsal | None:
        """The rehearsal of a recipe; a recipe's plan is not taken, only its re-enactment."""
        if self.recipes is None:
            return None
        answer = self.recipes.rehearse(brief, Memory(desk, self.way.ledger, brief.change))
        if isinstance(answer, NothingFits):
            answer = answer.rehearsal or answer
        if isinstance(answer, Rehearsal):
            desk.say("a recipe re-enacts this failure; the model plans")
            return answer
        return None

    def _talk(self, brief: Brief, desk: Desk) -> _Talk:
        way = self.way
        view = View(brief.tree, brief.survey, way.mask)
        nonce = fence.nonce(way.secret, brief.change)
        asking = Asking(
            way.post, way.ledger, brief.change, nonce, way.profile, way.check, found=way.found
        )
        memory = Memory(desk, way.ledger, brief.change)
        return _Talk(way, brief, desk, view, asking, memory)


@dataclass
class _Talk:
    """One node's work with the model, for one change."""

    way: Way
    brief: Brief
    desk: Desk
    view: View
    asking: Asking
    memory: Memory

    # --- the roles ------------------------------------------------------------------------

    def clarify(self) -> Question | None:
        answer = self.asking.value(
            self._role(Name.CLARIFIER), self._brief() + "\n\nAnswer with your questions.", Asks
        )
        if isinstance(answer, Declined):
            self.desk.discard("a question", answer.why)
            return None
        asks = tuple((a.question, a.default) for a in answer.questions[:3])
        return Question(asks) if asks else None

    def rehearse(self) -> Rehearsal | NothingFits | NotReproduced:
        role = self._role(Name.REHEARSER)
        tried: list[str] = []
        outcome = ""
        notes = ""
        while len(tried) < TRIES:
            number = len(tried) + 1
            looked = self._look(role, f"Try {number} of {TRIES}.", outcome, notes)
            if isinstance(looked, Declined):
                return self._gave_up(looked, tried)
            notes = looked.notes
            self.desk.say(f"the model writes a rehearsal (try {number} of {TRIES})")
            said = self.asking.text(
                role,
                f"{self._brief()}\n\n{self._so_far(notes, looked.results, outcome)}\n\n"
                f"Write the rehearsal (try {number} of {TRIES}): blocks only.",
            )
            if isinstance(said, Declined):
                return self._gave_up(said, tried)
            rehearsal = self._rehearsal(said)
            if isinstance(rehearsal, str):
                why, log = rehearsal, ""
            else:
                trial = self.memory.try_rehearsal(rehearsal)
                if trial.control_good and trial.hits:
                    return rehearsal
                why, log = trial.why, trial.log
                self.desk.discard(f"rehearsal {number} of the model", why)
            tried.append(why)
            outcome = self._outcome(number, said, why, log)
        return NotReproduced(
            f"{TRIES} rehearsals of the model were tried, none hits on base",
            tuple(tried),
            ("the command that failed (`--entry`), or a log of the failure",),
        )

    def plan(self, rehearsal: Rehearsal) -> Plan | NothingFits:
        role = self._role(Name.PLANNER)
        hit = self._hit(rehearsal)
        looked = self._look(role, "Plan the change.", hit, "")
        if isinstance(looked, Declined):
            return self._nothing(looked.why, rehearsal)
        base = f"{self._brief()}\n\n{self._so_far(looked.notes, looked.results, hit)}"
        outline = self.asking.value(role, f"{base}\n\nGive the plan, without its edits.", Outline)
        if isinstance(outline, Declined):
            return self._nothing(outline.why, rehearsal)
        for other in outline.alternatives:
            self.desk.discard(other.title, other.why_not)
        edits = self._edits(role, base, outline, "")
        if isinstance(edits, str):
            return self._nothing(edits, rehearsal)
        concerns, hole = self._criticise(rehearsal, edits)
        if hole:
            edits = self._edits(role, base, outline, hole)
            if isinstance(edits, str):
                return self._nothing(edits, rehearsal)
        return _plan(outline, edits, concerns)

    def _criticise(
        self, rehearsal: Rehearsal, edits: tuple[Edit, ...]
    ) -> tuple[tuple[str, ...], str]:
        """The critic's concerns, and the evidence of a hole that was seen in the sandbox or ""."""
        role = self._role(Name.CRITIC)
        shown = f"{self._brief()}\n\n{self._hit(rehearsal)}\n\nThe change:\n{self._diff(edits)}"
        critique = self.asking.value(
            replace(role, tokens=_STEP), f"{shown}\n\nGive your critique.", Critique
        )
        if isinstance(critique, Declined):
            self.desk.discard("a critique", critique.why)
            return (), ""
        concerns = [f"the critic asks: {c}" for c in critique.concerns]
        if critique.only_automates:
            concerns.append(f"the critic says that this only automates: {critique.why}")
        if critique.hole == "no":
            return tuple(concerns), ""
        said = self.asking.text(role, f"{shown}\n\nWrite the counter-rehearsal: blocks only.")
        counter = said.why if isinstance(said, Declined) else self._rehearsal(said)
        if isinstance(counter, str):
            self.desk.discard("a counter-rehearsal of the critic", counter)
            return tuple(concerns), ""
        self.desk.say("the critic's counter-rehearsal is tried on the draft")
        trial = self.memory.try_draft(counter, edits)
        if trial is None or not (trial.control_good and trial.hits):
            why = "this desk can't try a draft" if trial is None else trial.why
            self.desk.discard("a counter-rehearsal of the critic", why)
            return tuple(concerns), ""
        self.desk.discard("a draft that a counter-rehearsal hit", trial.why)
        lost = "\n".join([trial.why, *(f"lost: {x}" for x in trial.lost[:20])])
        return tuple(concerns), self._hide(lost)[:3000]

    # --- steps ----------------------------------------------------------------------------

    def _look(self, role: Role, task: str, outcome: str, notes: str) -> _Looked | Declined:
        """Let a role look around until it is ready to write."""
        results: list[str] = []
        for turn in range(1, STEPS + 1):
            prompt = (
                f"{self._brief()}\n\n{self._so_far(notes, results, outcome)}\n\n"
                f"{task} Step {turn} of {STEPS}; at the last one you must `write` or `give_up`."
            )
            step = self.asking.value(replace(role, tokens=_STEP), prompt, Step)
            if isinstance(step, Declined):
                return step
            notes = step.notes
            if step.action == "give_up":
                return Declined(step.why or "the model gave up")
            if step.action == "write":
                break
            asked = f"{step.action} {step.path or step.pattern}".strip()
            self.desk.say(f"the model looks: {asked[:100]}")
            results = [*results, self._fenced(self._tool(step), "result", asked)][-_KEPT:]
        return _Looked(notes, results)

    def _tool(self, step: Step) -> str:
        match step.action:
            case "list":
                return self.view.folder(step.path)
            case "search":
                return self.view.search(step.pattern, step.glob)
            case "read":
                return self.view.read(step.path, step.first, step.last)
            case "who_runs":
                return self.view.who_runs(step.path)
            case _:
                return "there is no such action"

    def _edits(self, role: Role, base: str, outline: Outline, hole: str) -> tuple[Edit, ...] | str:
        plan = self._fenced(outline.model_dump_json(indent=1), "your-plan", "")
        if hole:
            self.desk.say("the draft has a hole; the model writes the edits again")
            plan += (
                "\nEdits for it were tried in the sandbox against another fault, which hit:\n"
                + self._fenced(hole, "hit", "")
            )
        wrong, last = "", ""
        for turn in range(REPAIRS + 1):
            again = ""
            if wrong:
                self.desk.say(f"the edits don't fit; the model mends them ({turn} of {REPAIRS})")
                again = (
                    f"\n\nNothing was applied of your last blocks, because of this:\n"
                    f"{self._fenced(fence.capped(wrong, 4000), 'mistakes', '')}\n"
                    f"{self._fenced(fence.capped(last, 12_000), 'your-blocks', '')}\n"
                    f"Write all blocks again (repair {turn} of {REPAIRS})."
                )
            said = self.asking.text(
                role, f"{base}\n\n{plan}\n\nGive the edits: blocks only.{again}"
            )
            if isinstance(said, Declined):
                return said.why
            found = blocks.parse(said)
            if not isinstance(found, blocks.Mistakes):
                for block in found:
                    self.view.text(block.path)  # so that its own placeholders are known
                made = blocks.edits(self.brief.tree, found, self.view.hidden)
                if not isinstance(made, blocks.Mistakes):
                    if made:
                        return made
                    made = blocks.Mistakes(("the blocks change nothing",))
                found = made
            wrong, last = str(found), said
        return f"the model's edits did not fit the files, {REPAIRS} repairs included: {wrong[:300]}"

    # --- pieces of prompts ----------------------------------------------------------------

    def _role(self, name: Name) -> Role:
        return roles.role(name, self.way.models)

    def _brief(self) -> str:
        """What every role is given: bounded, fenced, the same for the same change."""
        brief = self.brief
        parts = [
            "The request:",
            self._fenced(fence.capped(self._hide(brief.request), 12_000), "request", ""),
            "The repository:",
            self._fenced(self.view.overview(brief.request), "overview", ""),
            self._fenced(self.view.entries(), "survey", ""),
        ]
        if brief.entry is not None:
            entry = self._hide(" ".join(brief.entry))
            parts += ["A person said which entry point is meant:", self._fenced(entry, "entry", "")]
        if brief.told:
            parts.append(
                "What came back since (answers of people, outcomes, remedies), newest last:"
            )
            parts += [
                self._fenced(fence.capped(self._hide(told), 2000), "told", "")
                for told in brief.told[-5:]
            ]
        if brief.precedents:
            parts.append("Earlier changes of this repository, and what came of them:")
            parts += [
                self._fenced(fence.capped(self._hide(p.told), 1500), "precedent", "")
                for p in brief.precedents[:5]
            ]
        return "\n".join(parts)

    def _so_far(self, notes: str, results: Sequence[str], outcome: str) -> str:
        parts = [outcome] if outcome else []
        parts += ["Your notes:", self._fenced(notes or "(none yet)", "notes", "")]
        parts += ["The last results:", *results] if results else []
        return "\n".join(parts)

    def _outcome(self, number: int, said: str, why: str, log: str) -> str:
        parts = [
            f"Your try {number} was:",
            self._fenced(fence.capped(said, 6000), "your-blocks", ""),
            "What came of it:",
            self._fenced(self._hide(why)[:2000], "outcome", ""),
        ]
        if log:
            parts += ["The end of its log:", self._fenced(self._hide(log), "log", "")]
        return "\n".join(parts)

    def _hit(self, rehearsal: Rehearsal) -> str:
        text = _without_frozen(rehearsal.files["rehearsal.yaml"][1])
        parts = [
            "The rehearsal that hits on the repository as it is:",
            self._fenced(fence.capped(self._hide(text), 6000), "rehearsal", rehearsal.name),
        ]
        hit = self.memory.of(rehearsal)
        if hit is not None:
            lost = "\n".join([hit.why, *(f"lost: {x}" for x in hit.lost[:20])])
            parts.append(self._fenced(self._hide(lost)[:3000], "hit", ""))
            if hit.log:
                parts.append(self._fenced(self._hide(hit.log), "log", ""))
        return "\n".join(parts)

    def _diff(self, edits: tuple[Edit, ...]) -> str:
        """The change as a diff, with secrets hidden and at most 12,000 characters."""
        lines: list[str] = []
        for edit in edits:
            before, after = (
                self._hide(side[1].decode("utf-8", "replace")).splitlines() if side else []
                for side in (edit.before, edit.after)
            )
            lines += difflib.unified_diff(before, after, edit.path, edit.path, lineterm="")
        return self._fenced(fence.capped("\n".join(lines), 12_000), "diff", "")

    def _fenced(self, text: str, kind: str, name: str) -> str:
        return fence.fenced(text, kind=kind, name=name, nonce=self.asking.nonce)

    def _hide(self, text: str) -> str:
        return self.way.mask.hide(text)[0]

    # --- answers --------------------------------------------------------------------------

    def _rehearsal(self, said: str) -> Rehearsal | str:
        """The folder that the blocks hold, or what is wrong with them."""
        found = blocks.parse(said)
        if isinstance(found, blocks.Mistakes):
            return str(found)
        files: dict[str, tuple[int, bytes]] = {}
        for block in found:
            if block.content is None or not re.fullmatch(r"[a-z0-9_-]+\.(yaml|sh)", block.path):
                return f"{block.path}: only rehearsal.yaml and scripts beside it, as NEW blocks"
            mode = 0o100755 if block.path.endswith(".sh") else 0o100644
            files[block.path] = (mode, block.content.encode())
        if "rehearsal.yaml" not in files:
            return "there is no block `=== NEW rehearsal.yaml`"
        try:
            document = yaml.safe_load(files["rehearsal.yaml"][1])
            story, failure = str(document["story"]), str(document["failure"])
        except (yaml.YAMLError, KeyError, TypeError, RecursionError) as wrong:
            return f"rehearsal.yaml can't be read: {str(wrong)[:300]}"
        if self.asking.nonce in said or "<secret:" in said:
            return "a rehearsal holds no marks of the prompt and no placeholder of a secret"
        if not re.fullmatch(r"[a-z][a-z0-9-]{2,40}", failure):
            return "failure must be a class in small letters with hyphens"
        name = "-".join(re.findall(r"[a-z0-9]+", story.lower())[:6])[:48] or failure
        reasons = tuple(fence.show_hidden(b.why)[:300] for b in found)
        return Rehearsal(name, files, fence.show_hidden(story)[:300], failure, reasons)

    def _gave_up(self, declined: Declined, tried: Sequence[str]) -> NothingFits | NotReproduced:
        if tried:
            return NotReproduced(declined.why, tuple(tried), ("a log of the failure",))
        return self._nothing(declined.why, None)

    def _nothing(self, why: str, rehearsal: Rehearsal | None) -> NothingFits:
        return NothingFits(
            why,
            ("a reshape by the model",),
            (),
            ("another model, or a fix of your own (`pawl prove`)",),
            rehearsal,
        )


@dataclass(frozen=True)
class _Looked:
    notes: str
    results: list[str]


def _plan(outline: Outline, edits: tuple[Edit, ...], concerns: tuple[str, ...]) -> Plan:
    return Plan(
        title=outline.title,
        kind=outline.kind,
        edits=tuple(replace(e, why=fence.show_hidden(e.why)[:300]) for e in edits),
        reasons=tuple(outline.reasons),
        alternatives=tuple(Alternative(a.title, a.why_not) for a in outline.alternatives),
        unsolved=(*outline.unsolved, *concerns),
        price=tuple(outline.price),
        prediction=Prediction(outline.readout, outline.before, outline.after),
        why_not_deeper=outline.why_not_deeper,
    )


def _without_frozen(text: bytes) -> str:
    """The rehearsal without the neighbours that were frozen into it: no planner sees those."""
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError:
        return ""
    if not isinstance(document, dict):
        return ""
    document.pop("frozen", None)
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)
