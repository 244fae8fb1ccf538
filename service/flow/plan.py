"""plan: weigh alternatives, give edits, make the draft tree that they would lead to."""

from __future__ import annotations

from dataclasses import replace

from agents import Brief, NothingFits, Plan, Question, Rehearsal
from service.app import records
from service.changes import Change, Move, Stage, System
from service.flow.desk import FlowDesk, planner_actor
from service.flow.parts import Parts
from service.flow.rehearse import ask, brief_of, nothing_fits
from service.ledger import Judgment, Kind

REHEARSALS = ".pawl/rehearsals"


def plan(parts: Parts, change: Change) -> Change:
    """Ask the planner for a plan and make the draft; -> planned, nothing-fits, needs-answer."""
    rehearsal = records.to_rehearsal(parts.document(change.rehearsal))
    brief = brief_of(parts, change, told=tuple(change.told), failure=rehearsal.failure)
    desk = FlowDesk(parts, change, brief.tree)
    again = f" (try {change.attempts + 1})" if change.attempts else ""
    parts.thread.say(f"weighing plans{again}")
    answer = parts.planner.plan(brief, desk, rehearsal)
    if isinstance(answer, Plan) and parts.replans:  # somebody's own fix is theirs to offer again
        answer = unless_rejected(answer, brief, desk, rehearsal)
    match answer:
        case Question():
            return ask(parts, change, desk, answer)
        case NothingFits():
            return nothing_fits(parts, change, desk, answer)
        case Plan():
            pass
    edits = [(e.path, e.before, e.after) for e in answer.edits]
    drafted = parts.trees.apply(brief.tree, [*edits, *rehearsal_edits(rehearsal)])
    if drafted.files is None:
        why = f"the plan's edits were refused: {drafted.refused}"
        parts.thread.say(why)
        return parts.changes.record(
            change.id,
            Move(Stage.REFUSED, {"why": why}),
            Judgment(
                kind=Kind.EDITS_REFUSED,
                actor=System("pawl"),
                change=change.id,
                why=why,
                payload={"path": drafted.path},
            ),
            desk.evidence,
        )
    document = records.plan(answer)
    plan_digest = parts.keep(document)
    draft_digest = parts.changes.artifacts.put(records.pack(drafted.files))
    patch = parts.changes.artifacts.put(parts.trees.write_patch(brief.tree, drafted.files))
    planned = parts.changes.record(
        change.id,
        Move(
            Stage.PLANNED,
            {
                "plan": plan_digest,
                "draft": draft_digest,
                "patch": patch,
                "title": parts.facts.mask(answer.title),
            },
        ),
        Judgment(
            kind=Kind.PLAN_MADE,
            actor=planner_actor(parts),
            change=change.id,
            why=parts.facts.mask("; ".join(answer.reasons) or answer.title),
            payload={
                "title": parts.facts.mask(answer.title),
                "kind": answer.kind.value,
                "files": [e.path for e in answer.edits],
                "alternatives": [
                    {"title": a.title, "why_not": a.why_not} for a in answer.alternatives
                ],
                "price": list(answer.price),
                "unsolved": list(answer.unsolved),
            },
            evidence=(plan_digest, patch),
        ),
        desk.evidence,
    )
    parts.thread.stage(planned, f"{answer.kind.value}: {answer.title}")
    return planned


def unless_rejected(
    answer: Plan, brief: Brief, desk: FlowDesk, rehearsal: Rehearsal
) -> Plan | NothingFits:
    """The plan, with the rejections cited that it answers; nothing fits where one speaks against
    it, whoever planned: what was rejected in a repository does not come back there."""
    files = tuple(e.path for e in answer.edits)
    against = [
        p.told
        for p in brief.precedents
        if p.bars(rehearsal.failure, answer.title, answer.kind.value, files)
    ]
    if against:
        desk.discard(answer.title, f"rejected before: {against[0]}")
        return NothingFits(
            f"what would be proposed was rejected here: {'; '.join(against)}",
            ("a plan that was not rejected in this repository",),
            (),
            ("a plan of another shape, or a fix of your own (`pawl prove`)",),
            rehearsal,
        )
    said = " ".join(answer.reasons)
    cited = tuple(
        f"weighed: {p.told}"
        for p in brief.precedents
        if p.outcome == "rejected" and p.failure == rehearsal.failure and p.told not in said
    )
    return replace(answer, reasons=(*answer.reasons, *cited[:3]))


def rehearsal_edits(
    rehearsal: Rehearsal,
) -> list[tuple[str, tuple[int, bytes] | None, tuple[int, bytes] | None]]:
    """The edits that put the rehearsal into the repository."""
    return [
        (f"{REHEARSALS}/{rehearsal.name}/{path}", None, entry)
        for path, entry in sorted(rehearsal.files.items())
    ]
