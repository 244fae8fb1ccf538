"""gate: facts from trees and records, a verdict from policy; never from a planner's words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from policies import Finding, Level
from service.app import records
from service.approvals.binding import binding
from service.changes import Change, Move, Stage, System
from service.flow.parts import Files, Parts
from service.ledger import Judgment, Kind


def gate(parts: Parts, change: Change) -> Change:
    """Judge the draft; proven -> gated, once back to plan with the remedy, else refused."""
    base, draft = parts.tree(change.tree), parts.tree(change.draft)
    plan = parts.document(change.plan)
    proof = parts.document(change.proof)
    facts = facts_of(parts, change, base, draft, proof)
    verdict = parts.gate.judge(facts, parts.trees.rules(base))
    facts_digest, document = parts.keep(facts), records.verdict(verdict)
    verdict_digest = parts.keep(document)
    denies = [f for f in verdict.findings if f.level is Level.DENY]
    findings = [
        Judgment(
            kind=Kind.FINDING,
            actor=System("gate"),
            change=change.id,
            why=parts.facts.mask(f.why),
            payload=dict(records.finding(f)),
        )
        for f in verdict.findings
    ]
    if verdict.refused:
        why = verdict.broke or "; ".join(f"{f.title}: {f.why}" for f in denies)
        back = not verdict.broke and change.returned == 0 and parts.replans
        to = Stage.REHEARSED if back else Stage.REFUSED
        sets: dict[str, object] = {"why": parts.facts.mask(why), "returned": change.returned + 1}
        if back:
            sets["told"] = (*change.told, *(f"{f.why} Remedy: {f.remedy}" for f in denies))
    else:
        why = "nothing denies it" + _counted(verdict.findings)
        to = Stage.GATED
        patch = parts.trees.touched(base, draft)
        rehearsals = {
            bytes.fromhex(path).decode("utf-8", "surrogateescape"): new_blob
            for path, _, _, _, new_blob in patch
            if bytes.fromhex(path).startswith(b".pawl/rehearsals/")
        }
        sets = {
            "binding": binding(
                patch=patch,
                plan=records.plan_for_people(plan),
                rehearsals=rehearsals,
                proof=records.proof_outcome(proof),
                findings=document["findings"],
                rules=verdict.rules,
                branch=change.branch,
            )
        }
    judged = parts.changes.record(
        change.id,
        Move(to, {"facts": facts_digest, "verdict": verdict_digest, **sets}),
        Judgment(
            kind=Kind.GATE_VERDICT,
            actor=System("gate"),
            change=change.id,
            why=parts.facts.mask(why),
            payload={
                "refused": verdict.refused,
                "broke": verdict.broke,
                "rules": verdict.rules,
                "engine": verdict.engine,
                "loaded": verdict.loaded,
            },
            evidence=(facts_digest, verdict_digest),
        ),
        findings,
    )
    parts.thread.stage(judged, why)
    return judged


def facts_of(
    parts: Parts, change: Change, base: Files, draft: Files, proof: Mapping[str, Any]
) -> dict[str, Any]:
    """The facts about `draft` on `base`, which `proof` was run on."""
    return parts.facts.build(
        base=base,
        draft=draft,
        proof=proof,
        claimed=records.plan_for_people(parts.document(change.plan)),
        actors={
            "requester": {
                "kind": type(change.request.by).__name__.lower(),
                "id": change.request.by.id,
            },
            "planner": parts.planner.name,
            "shapers": [{"kind": type(s).__name__.lower(), "id": s.id} for s in change.shapers],
        },
        reach=(),
        now=parts.clock(),
    )


def _counted(findings: Sequence[Finding]) -> str:
    asks = sum(1 for f in findings if f.level is Level.ASK)
    notes = sum(1 for f in findings if f.level is Level.NOTE)
    return f"; {asks} to ask for, {notes} to note" if asks or notes else ""
