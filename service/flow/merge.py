"""merge: the exact future tree, tried and judged again, goes onto the branch, or the change back.

Each step looks at the store and the repository first, so that a run that was killed anywhere is
followed by one that ends right, once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agents import Rehearsal
from policies import Verdict
from sandbox import Outcome
from service.app import records
from service.app.futures import Arrived, Clash, Closed, FutureTree, Overtaken, Stopped
from service.changes import Change, Digest, Stage
from service.flow.gate import facts_of
from service.flow.parts import Files, Merging, Parts
from service.flow.prove import evidence_of, prove_on

ROUNDS = 8
"""How often one run follows a branch that others move, before it leaves it to the next run."""

CONFIG = ".pawl/config.yaml"


@dataclass(frozen=True)
class Held:
    """The future tree stands: how that is known, and the proof that is true of it."""

    how: str
    proof: Mapping[str, Any]
    evidence: tuple[Digest, ...] = ()


@dataclass(frozen=True)
class Fell:
    """What was approved is not true of the future tree any more."""

    why: str


@dataclass
class Tried:
    """On which commit the ratchet held last in this run."""

    head: str | None = None
    how: Held | None = None


def may(parts: Parts, change: Change) -> bool:
    """Whether enough people said yes to what is bound now."""
    return parts.merging is not None and not isinstance(parts.merging.sufficient(change), str)


def merge(parts: Parts, change: Change) -> Change:
    """waiting -> merging -> merged; back to planned or rehearsed where something moved."""
    if parts.merging is None:
        return change
    tried = Tried()
    for _ in range(ROUNDS):
        answer = _round(parts, parts.merging, parts.changes.get(change.id), tried)
        if answer is not None:
            return answer
    parts.thread.say(f"{change.branch} moved {ROUNDS} times; merging goes on in the next run")
    return parts.changes.get(change.id)


def _round(parts: Parts, merging: Merging, change: Change, tried: Tried) -> Change | None:
    """One try on the branch as it is now; None where it moved meanwhile."""
    say = parts.thread.say
    say(f"merging: looking at {change.branch} as it is now")
    ground = merging.ground(change)
    if isinstance(ground, Closed):
        return _later(parts, change, ground.why)
    commit = merging.landed(change)
    if commit is not None:
        say(f"{change.branch} holds it already, as {commit[:12]}")
        return _finish(parts, merging, change, commit)
    against = merging.frozen() or merging.closed(change)
    if against is not None:
        return _later(parts, change, against)
    foreign = merging.foreign(change)
    if foreign is not None:
        return _void(parts, merging, change, foreign)
    future = merging.future(change, ground.head)
    if isinstance(future, Clash) or not future.same:
        return _void(parts, merging, change, _differs(change, future))
    held = _try_again(parts, merging, change, future, tried)
    judged = held if isinstance(held, Fell) else _judge_again(parts, merging, change, future, held)
    if isinstance(judged, Fell):
        return _void(parts, merging, change, judged.why)
    if isinstance(judged, Stopped):
        return _later(parts, change, judged.why)
    meant = merging.intend(change, future, how=judged.how, evidence=judged.evidence)
    if isinstance(meant, str):
        if change.stage is Stage.MERGING and merging.frozen() is None:
            return _void(parts, merging, change, f"its approval no longer stands: {meant}")
        return _later(parts, change, meant)
    say(f"putting tree {future.tree[:12]} onto {change.branch} at {future.head[:12]}")
    match merging.push(meant, future):
        case Arrived(commit):
            return _finish(parts, merging, meant, commit)
        case Overtaken(why):
            say(f"somebody was quicker ({why}); looking again")
            return None
        case Stopped(why):
            return _later(parts, meant, why)


def _try_again(
    parts: Parts, merging: Merging, change: Change, future: FutureTree, tried: Tried
) -> Held | Fell:
    """What was proven on base must be true of the tree that the branch would have."""
    proof = parts.document(change.proof)
    image = parts.image()
    same_image = not image or image == proof["image"]
    if future.head == change.base and same_image:
        how = "the base has not moved: the proven tree is the future tree, so nothing is run again"
        parts.thread.say(how)
        return Held(how, proof)
    if tried.head is not None and tried.how is not None:
        moved = merging.moved_paths(change, tried.head, future.head)
        reached = _reach_of_ratchet(parts, merging, change, future)
        if reached is not None and not reached.intersection(moved):
            how = (
                f"the ratchet held on {tried.head[:12]}, and nothing that its entry points reach "
                "has moved since: not run again"
            )
            parts.thread.say(how)
            return Held(how, _now_of(parts, merging, change, future, tried.how.proof))
    answer = _run_again(parts, merging, change, future, proof)
    if isinstance(answer, Held):
        tried.head, tried.how = future.head, answer
    return answer


def _run_again(
    parts: Parts, merging: Merging, change: Change, future: FutureTree, proof: Mapping[str, Any]
) -> Held | Fell:
    base = merging.files(change, future.head)
    draft = merging.files(change, future.tree)
    rehearsal = records.to_rehearsal(parts.document(change.rehearsal))
    ratchet = {**parts.trees.ratchet(base), rehearsal.name: rehearsal.files}
    parts.thread.say(f"{change.branch} has moved: running the ratchet on the tree that it would be")
    cells = parts.prover.rehearse(ratchet, draft, None, parts.thread.progress)
    document = {"cells": [records.cell(c, parts.keep_log) for c in cells], "tree": future.tree}
    evidence = parts.keep(document)
    bad = next((c for c in cells if c.outcome is not Outcome.HELD), None)
    if bad is not None or not cells:
        why = f"{bad.rehearsal}: {bad.why}" if bad is not None else "no cell was run"
        return Fell(f"{change.branch} moved to {future.head[:12]}, and on it {why}")
    how = f"{len(ratchet)} rehearsals held on it ({len(cells)} cells)"
    if not _must_prove(parts, merging, change, future, rehearsal, base):
        return Held(how, _now_of(parts, merging, change, future, proof), (evidence,))
    parts.thread.say("what its entry points reach has moved: running the whole proof")
    again = prove_on(parts, base, draft, rehearsal)
    if not again.holds:
        return Fell(
            f"on {change.branch} at {future.head[:12]} it holds no more: {evidence_of(again)}"
        )
    fresh = records.proof(again, parts.keep_log)
    for name in ("residuals", "degrades"):
        more = set(fresh[name]) - set(proof[name])
        if more:
            return Fell(f"on {change.branch} at {future.head[:12]} there is more: {min(more)}")
    fresh = _now_of(parts, merging, change, future, fresh)
    return Held(f"{how}, and so did the whole proof", fresh, (evidence, parts.keep(fresh)))


def _now_of(
    parts: Parts, merging: Merging, change: Change, future: FutureTree, proof: Mapping[str, Any]
) -> dict[str, Any]:
    """The proof, named after the trees that it was found to be true of."""
    return {
        **proof,
        "base_tree": parts.trees.tree_id(merging.files(change, future.head)),
        "draft_tree": parts.trees.tree_id(merging.files(change, future.tree)),
    }


def _must_prove(
    parts: Parts,
    merging: Merging,
    change: Change,
    future: FutureTree,
    rehearsal: Rehearsal,
    base: Files,
) -> bool:
    """Whether anything has moved that the rehearsal's entry points reach, or that is a setting."""
    moved = set(merging.moved_paths(change, change.base, future.head))
    image = parts.image()
    if CONFIG in moved or (image and image != parts.document(change.proof)["image"]):
        return True
    entry = parts.rehearsals.entry(rehearsal.files)
    for tree in (parts.tree(change.tree), base):
        reach = parts.reader.around(tree, entry, rehearsal.failure).reach
        if reach is None or any(moved.intersection(paths) for paths in reach.values()):
            return True
    return False


def _reach_of_ratchet(
    parts: Parts, merging: Merging, change: Change, future: FutureTree
) -> set[str] | None:
    """All that the entry points of all rehearsals reach, rehearsals included; None: not known."""
    base = merging.files(change, future.head)
    own = records.to_rehearsal(parts.document(change.rehearsal))
    ratchet = {**parts.trees.ratchet(base), own.name: own.files}
    reach = parts.reader.survey(base).reach
    if reach is None:
        return None
    reached = {CONFIG} | {path for path in base if path.startswith(".pawl/rehearsals/")}
    for files in ratchet.values():
        paths = reach.get(parts.rehearsals.entry(files))
        if paths is None:
            return None
        reached.update(paths)
    return reached


def _judge_again(
    parts: Parts, merging: Merging, change: Change, future: FutureTree, held: Held
) -> Held | Fell | Stopped:
    """The gate, on facts of the branch as it is and the tree that it would have."""
    base = merging.files(change, future.head)
    draft = merging.files(change, future.tree)
    facts = facts_of(parts, change, base, draft, held.proof)
    verdict = parts.gate.judge(facts, parts.trees.rules(base))
    approved = parts.document(change.verdict)
    if verdict.broke:
        return Stopped(f"the gate can't judge it now: {verdict.broke}")
    if verdict.rules != approved["rules"]:
        return Fell("the rules are not those that it was approved under")
    more = _more(verdict, approved)
    if verdict.refused or more:
        return Fell(f"the gate finds more than was approved: {more or 'a denial'}")
    document = parts.keep(records.verdict(verdict))
    return Held(held.how, held.proof, (*held.evidence, parts.keep(facts), document))


def _more(verdict: Verdict, approved: Mapping[str, Any]) -> str:
    """The first finding that the approver was not shown; "" where there is none."""

    def what(document: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple(document[name] for name in ("rule", "level", "place", "role", "source"))

    known = {what(one) for one in approved["findings"]}
    for finding in verdict.findings:
        if what(records.finding(finding)) not in known:
            return f"{finding.title}: {finding.why}"
    return ""


def _differs(change: Change, future: FutureTree | Clash) -> str:
    at = f"{change.branch} moved to {future.head[:12]}"
    paths = ", ".join(future.paths[:5])
    if isinstance(future, Clash):
        return f"{at}, and the change can't be put on it" + (f" ({paths})" if paths else "")
    return f"{at}, in what the change touches: its patch is another one there"


def _void(parts: Parts, merging: Merging, change: Change, what: str) -> Change:
    back = merging.void(change, parts.facts.mask(what))
    parts.thread.stage(back, f"what was approved is void: {what}")
    return back


def _later(parts: Parts, change: Change, why: str) -> Change:
    parts.thread.say(f"not merged now: {why}")
    return change


def _finish(parts: Parts, merging: Merging, change: Change, commit: str) -> Change:
    merged = merging.finish(change, commit)
    parts.thread.stage(merged, f"{change.branch} holds it as {commit[:12]}")
    return merged
