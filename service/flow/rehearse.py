"""rehearse: re-enact the failure before any fix exists; it must hit on base."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from agents import Brief, NothingFits, NotReproduced, Question, Rehearsal
from service.app import records
from service.app.precedents import precedents
from service.changes import Change, Move, Stage
from service.flow.desk import FlowDesk, planner_actor
from service.flow.parts import Parts
from service.ledger import Judgment, Kind


def brief_of(parts: Parts, change: Change, told: tuple[str, ...] = (), failure: str = "") -> Brief:
    """What a planner is given; the request is masked like everything that leaves the store."""
    with parts.changes.reading() as view:
        before = precedents(view, change, failure)
    return Brief(
        request=parts.facts.mask(change.request.text),
        tree=parts.tree(change.tree),
        survey=records.to_survey(parts.document(change.survey)),
        entry=parts.entry,
        told=told,
        precedents=before,
        change=change.id,
    )


def rehearse(parts: Parts, change: Change) -> Change:
    """Ask the planner for a rehearsal; surveyed -> rehearsed, or an honest end."""
    brief = brief_of(parts, change, told=tuple(change.told))
    desk = FlowDesk(parts, change, brief.tree)
    parts.thread.say("re-enacting the failure on base, before any fix exists")
    answer = parts.planner.rehearse(brief, desk)
    match answer:
        case Rehearsal():
            answer = fresh_name(answer, parts.trees.ratchet(brief.tree).keys())
            if desk.last is None or not desk.last.hits:
                desk.try_rehearsal(answer)  # a planner's word that it hits is not enough
            trial = desk.last
            document = records.rehearsal(answer)
            if trial is not None:
                document["trial"] = [records.cell(c, parts.keep_log) for c in trial.cells]
                document["calls"] = list(trial.calls)
            digest = parts.keep(document)
            if trial is None or not trial.hits or not trial.control_good:
                return _end(
                    parts,
                    change,
                    Stage.NOT_REPRODUCED,
                    Kind.ABSTAINED,
                    desk,
                    f"the rehearsal does not hit on base: {trial.why if trial else 'not tried'}",
                    {"rehearsal": answer.name},
                    {"rehearsal": digest},
                )
            rehearsed = parts.changes.record(
                change.id,
                Move(Stage.REHEARSED, {"rehearsal": digest}),
                Judgment(
                    kind=Kind.REHEARSAL_WRITTEN,
                    actor=planner_actor(parts),
                    change=change.id,
                    why=parts.facts.mask(answer.story),
                    payload={
                        "name": answer.name,
                        "failure": answer.failure,
                        "reasons": [parts.facts.mask(r) for r in answer.reasons],
                    },
                    evidence=(digest,),
                ),
                desk.evidence,
            )
            parts.thread.stage(rehearsed, f"{answer.name}: {trial.why}")
            return rehearsed
        case NotReproduced():
            details = {"tried": list(answer.tried), "would_help": list(answer.would_help)}
            return _end(
                parts,
                change,
                Stage.NOT_REPRODUCED,
                Kind.ABSTAINED,
                desk,
                answer.why,
                details,
                {"ending": parts.keep({"why": answer.why, **details})},
            )
        case NothingFits():
            return nothing_fits(parts, change, desk, answer)
        case Question():
            return ask(parts, change, desk, answer)


def nothing_fits(parts: Parts, change: Change, desk: FlowDesk, answer: NothingFits) -> Change:
    """End a change for which no planner knows a reshape; a rehearsal that hits is handed over."""
    details = {
        "looked_for": list(answer.looked_for),
        "unknown": list(answer.unknown),
        "would_help": list(answer.would_help),
    }
    sets: dict[str, object] = {"ending": parts.keep({"why": answer.why, **details})}
    if answer.rehearsal is not None and change.rehearsal is None:
        sets["rehearsal"] = parts.keep(records.rehearsal(answer.rehearsal))
    return _end(parts, change, Stage.NOTHING_FITS, Kind.ABSTAINED, desk, answer.why, details, sets)


def ask(parts: Parts, change: Change, desk: FlowDesk, answer: Question) -> Change:
    """Put at most three questions to the requester, each with its default."""
    asks = [{"question": q, "default": d} for q, d in answer.asks[:3]]
    return _end(
        parts,
        change,
        Stage.NEEDS_ANSWER,
        Kind.QUESTION,
        desk,
        "; ".join(a["question"] for a in asks),
        {"asks": asks},
        {"ending": parts.keep({"why": "needs an answer", "asks": asks})},
    )


def fresh_name(rehearsal: Rehearsal, taken: Iterable[str]) -> Rehearsal:
    """The rehearsal under a name that base's ratchet does not have."""
    names = set(taken)
    name, number = rehearsal.name, 2
    while name in names:
        name, number = f"{rehearsal.name}-{number}", number + 1
    return Rehearsal(name, rehearsal.files, rehearsal.story, rehearsal.failure, rehearsal.reasons)


def _end(
    parts: Parts,
    change: Change,
    to: Stage,
    kind: Kind,
    desk: FlowDesk,
    why: str,
    payload: Mapping[str, object],
    sets: Mapping[str, object],
) -> Change:
    ended = parts.changes.record(
        change.id,
        Move(to, {**sets, "why": parts.facts.mask(why)}),
        Judgment(
            kind=kind,
            actor=planner_actor(parts),
            change=change.id,
            why=parts.facts.mask(why),
            payload=payload,
        ),
        desk.evidence,
    )
    parts.thread.stage(ended, why)
    return ended
