"""What came of a change, as one document: for `--json`, the report, and later the pages."""

from __future__ import annotations

from typing import Any

from service.app import records
from service.changes import Change, Stage

EXIT = {
    "stands": 0,
    "nothing-fits": 3,
    "not-reproduced": 4,
    "not-proven": 5,
    "refused": 6,
}
"""Outcome -> exit code of the CLI. Scripts build on them."""

_OUTCOMES = {
    Stage.WAITING: "stands",
    Stage.MERGING: "stands",
    Stage.MERGED: "stands",
    Stage.NEEDS_ANSWER: "nothing-fits",
}


def outcome(change: Change, artifacts: Any, *, took_ms: int = 0) -> records.Document:
    """Build the document of `change` from the store alone.

    Keys: outcome, change, stage, why, request, base, rehearsal, plan, proof, findings, gate,
    binding, ending (what was looked for and tried), took_ms. Absent parts are null.
    """

    def document(digest: Any) -> records.Document | None:
        return records.loads(artifacts.get(digest)) if digest else None

    rehearsal = document(change.rehearsal)
    plan = document(change.plan)
    verdict = document(change.verdict)
    name = _OUTCOMES.get(change.stage, change.stage.value)
    return {
        "outcome": name,
        "change": change.id,
        "stage": change.stage.value,
        "why": change.why or _why(change, document(change.proof), verdict),
        "request": change.request.text,
        "base": change.base,
        "branch": change.branch,
        "survey": document(change.survey),
        "rehearsal": _rehearsal(rehearsal),
        "plan": records.plan_for_people(plan) if plan else None,
        "proof": document(change.proof),
        "findings": verdict["findings"] if verdict else [],
        "gate": {k: verdict[k] for k in ("rules", "engine", "loaded", "broke", "refused")}
        if verdict
        else None,
        "binding": change.binding,
        "ending": document(change.ending),
        "attempts": change.attempts,
        "patch": None,
        "took_ms": took_ms,
    }


def _why(change: Change, proof: records.Document | None, verdict: records.Document | None) -> str:
    if change.stage is Stage.WAITING:
        return "the proposal stands: proven, gated, and waiting for a person who did not ask for it"
    if proof is not None and not proof["holds"]:
        return str(proof["why"])
    if verdict is not None and verdict["broke"]:
        return str(verdict["broke"])
    return change.stage.value


def _rehearsal(document: records.Document | None) -> records.Document | None:
    if document is None:
        return None
    read = records.to_rehearsal(document)
    return {
        "name": read.name,
        "story": read.story,
        "failure": read.failure,
        "reasons": list(read.reasons),
        "path": f".pawl/rehearsals/{read.name}",
        "yaml": next(
            (
                entry[1].decode("utf-8", "replace")
                for path, entry in read.files.items()
                if path == "rehearsal.yaml"
            ),
            "",
        ),
        "trial": document.get("trial", []),
    }
