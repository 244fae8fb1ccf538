"""prove: the same failure on base and on the draft, neighbours, the ratchet, the checks."""

from __future__ import annotations

from dataclasses import replace

from agents import Rehearsal
from sandbox import Outcome, Proof, Side
from service.app import records
from service.changes import MAX_ATTEMPTS, Change, Move, Stage, System
from service.flow.desk import around
from service.flow.parts import Files, Parts
from service.flow.plan import rehearsal_edits
from service.ledger import Judgment, Kind


def prove(parts: Parts, change: Change) -> Change:
    """Run the proof. It holds -> proven; else back to plan with its evidence, at most 3 times."""
    base, draft = parts.tree(change.tree), parts.tree(change.draft)
    rehearsal = records.to_rehearsal(parts.document(change.rehearsal))
    parts.thread.say("proving: the same failure on base and on the draft, then its neighbours")
    proof = prove_on(parts, base, draft, rehearsal)
    document = records.proof(proof, parts.keep_log)
    sets: dict[str, object] = {}
    if proof.holds:
        kept = replace(rehearsal, files=parts.rehearsals.freeze(rehearsal.files, proof.decisive))
        edits = [(path, draft.get(path), entry) for path, _, entry in rehearsal_edits(kept)]
        final = parts.trees.apply(draft, edits)
        if final.files is None:
            raise RuntimeError(f"the frozen rehearsal can't be written: {final.refused}")
        sets = {
            "rehearsal": parts.keep({**records.rehearsal(kept)}),
            "draft": parts.changes.artifacts.put(records.pack(final.files)),
            "patch": parts.changes.artifacts.put(parts.trees.write_patch(base, final.files)),
        }
        document["draft_tree"] = parts.trees.tree_id(final.files)
    document["base_tree"] = parts.trees.tree_id(base)
    digest = parts.keep(document)
    judgment = Judgment(
        kind=Kind.PROOF_RUN,
        actor=System("pawl"),
        change=change.id,
        why=parts.facts.mask(proof.why),
        payload={
            "holds": proof.holds,
            **counts(proof),
            "image": proof.image,
            "attempt": change.attempts + 1,
        },
        evidence=(digest,),
    )
    if proof.holds:
        proven = parts.changes.record(
            change.id, Move(Stage.PROVEN, {"proof": digest, **sets}), judgment
        )
        parts.thread.stage(proven, proof.why)
        return proven
    parts.thread.say(f"the proof does not hold: {proof.why}")
    attempts = change.attempts + 1
    again = parts.replans and change.attempts < MAX_ATTEMPTS
    to = Stage.REHEARSED if again else Stage.NOT_PROVEN
    return parts.changes.record(
        change.id,
        Move(
            to,
            {
                "proof": digest,
                "attempts": attempts,
                "why": parts.facts.mask(proof.why),
                "told": (*change.told, evidence_of(proof)),
            },
        ),
        judgment,
    )


def prove_on(parts: Parts, base: Files, draft: Files, rehearsal: Rehearsal) -> Proof:
    """The whole proof of `rehearsal` on two trees, with what was read of base and its ratchet."""
    return parts.prover.prove(
        base=base,
        draft=draft,
        rehearsal=rehearsal.files,
        name=rehearsal.name,
        ratchet=parts.trees.ratchet(base),
        around=around(parts.reader, parts, base, rehearsal, draft),
        watch=parts.thread.progress,
    )


def counts(proof: Proof) -> dict[str, int]:
    """How many cells hit, held or broke on each side."""
    found: dict[str, int] = {"cells": len(proof.cells)}
    for side in Side:
        for outcome in Outcome:
            found[f"{side.value}_{outcome.value}"] = sum(
                1 for c in proof.cells if c.side is side and c.outcome is outcome
            )
    return found


def evidence_of(proof: Proof) -> str:
    """What a planner is told of a proof that did not hold: one hit, never the list."""
    hit = next((c for c in proof.cells if c.side is Side.DRAFT and c.outcome is Outcome.HIT), None)
    if hit is None:
        return proof.why
    return f"{proof.why} ({' '.join(hit.entry)}: {hit.why})"
