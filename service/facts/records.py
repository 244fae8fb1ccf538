"""Records as facts: the proof, the plan's words, people, precedents. Cut to size, never invented.

What a record does not say becomes the value that lifts nothing: no proof, nobody, no words.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

MOST_TEXT = 600
MOST_ITEMS = 40
MOST_CELLS = 400

_KINDS = {"person", "agent", "bot", "system"}
_CELLS = {"control", "declared", "honest", "lying", "input", "check", "ratchet"}
_RANGES = re.compile(r"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")

WordsOnly = Callable[[str, range, range], bool]
"""Path, lines of base, lines of the draft: whether only comments and blank lines differ there."""


def text(value: object, most: int = MOST_TEXT) -> str:
    """A text that fits; what is no text is no words."""
    if not isinstance(value, str):
        return ""
    plain = value.encode("utf-8", "replace").decode("utf-8")
    return plain if len(plain) <= most else plain[: most - 1] + "\u2026"


def texts(value: object) -> list[str]:
    """A list of texts; what does not fit is counted in the last one."""
    items = list(value) if isinstance(value, list | tuple) else []
    found = [text(item) for item in items[:MOST_ITEMS]]
    if len(items) > MOST_ITEMS:
        found.append(f"and {len(items) - MOST_ITEMS} more")
    return found


def number(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def principal(value: object) -> dict[str, str]:
    """Who somebody is: {"kind", "id"}; nobody where it is not said."""
    said = value if isinstance(value, Mapping) else {}
    kind = str(said.get("kind", "")).lower()
    return {"id": text(said.get("id")), "kind": kind if kind in _KINDS else "unknown"}


def actors(said: Mapping[str, Any]) -> dict[str, Any]:
    """People and machines of a change.

    `said` has requester, author (or planner: a name), shapers, approvals. A planner that plays
    somebody's own fix is `given`: then the requester is the author.
    """
    requester = principal(said.get("requester"))
    author = principal(said.get("author"))
    if "author" not in said:
        planner = text(said.get("planner"))
        author = requester if planner == "given" else {"id": planner, "kind": "agent"}
    return {
        "requester": requester,
        "author": author,
        "shapers": [principal(one) for one in said.get("shapers") or ()][:MOST_ITEMS],
        "approvals": [principal(one) for one in said.get("approvals") or ()][:MOST_ITEMS],
    }


def claimed(said: Mapping[str, Any]) -> dict[str, Any]:
    """The plan's own words."""
    alternatives = [
        f"{one.get('title', '')}: {one.get('why_not', '')}" if isinstance(one, Mapping) else one
        for one in said.get("alternatives") or ()
    ]
    predicted = said.get("prediction")
    prediction: Mapping[str, Any] = predicted if isinstance(predicted, Mapping) else {}
    return {
        "kind": text(said.get("kind")),
        "title": text(said.get("title")),
        "reasons": texts(said.get("reasons")),
        "alternatives": texts(alternatives),
        "unsolved": texts(said.get("unsolved")),
        "price": texts(said.get("price")),
        "why_not_deeper": text(said.get("why_not_deeper")),
        "prediction": {
            "readout": text(prediction.get("readout")),
            "before": number(prediction.get("before")),
            "after": number(prediction.get("after")),
        },
    }


def proof(said: Mapping[str, Any] | None, words_only: WordsOnly) -> tuple[dict[str, Any], bool]:
    """The proof table as facts, and whether something of it did not fit.

    `said` is the proof's record: holds, why, cells (rehearsal, side, kind, outcome), degrades,
    residuals, not_covered, load_bearing (path, header, role), base_tree, draft_tree, and, where
    known, rehearsal and at.
    """
    record: Mapping[str, Any] = said or {}
    counted: Counter[tuple[str, str, str, str]] = Counter()
    declared = ""
    for cell in record.get("cells") or ():
        kind, outcome = str(cell.get("kind")), str(cell.get("outcome"))
        name, side = text(cell.get("rehearsal"), 200), str(cell.get("side"))
        if kind == "declared" and not declared:
            declared = name
        counted[
            name,
            side if side in ("base", "draft") else "draft",
            kind if kind in _CELLS else "other",
            outcome if outcome in ("held", "hit", "broken") else "broken",
        ] += 1
    cells = [
        {"rehearsal": name, "side": side, "kind": kind, "outcome": outcome, "count": count}
        for (name, side, kind, outcome), count in sorted(counted.items())
    ]
    hunks = [hunk for hunk in record.get("load_bearing") or () if isinstance(hunk, Mapping)]
    idle = [hunk for hunk in hunks if hunk.get("role") == "idle"]
    facts = {
        "present": said is not None,
        "holds": record.get("holds") is True,
        "why": text(record.get("why")) or "the proof gives no reason",
        "base": _digest(record.get("base_tree")),
        "draft": _digest(record.get("draft_tree")),
        "at": text(record.get("at"), 40),
        "rehearsal": text(record.get("rehearsal"), 200) or declared,
        "rehearsals": sorted({name for name, _, _, _ in counted})[:MOST_CELLS],
        "cells": cells[:MOST_CELLS],
        "degrades": texts(record.get("degrades")),
        "residuals": texts(record.get("residuals")),
        "not_covered": texts(record.get("not_covered")),
        "idle": [_hunk(hunk, words_only) for hunk in idle[:MOST_ITEMS]],
        "carries": len(hunks) - len(idle),
    }
    return facts, len(cells) > MOST_CELLS


def _hunk(said: Mapping[str, Any], words_only: WordsOnly) -> dict[str, Any]:
    path, header = text(said.get("path")), text(said.get("header"), 100)
    found = _RANGES.match(header)
    words = False
    if found:
        old, olds, new, news = (int(part) if part else 1 for part in found.groups())
        words = words_only(path, range(old, old + olds), range(new, new + news))
    return {"path": path, "header": header, "words_only": words}


def _digest(value: object) -> str:
    plain = value if isinstance(value, str) else ""
    return plain if re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", plain) else ""


def precedents(said: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """The nearest changes that ended."""
    return [
        {key: text(one.get(key), 200) for key in ("change", "failure", "title", "outcome")}
        for one in said[:MOST_ITEMS]
    ]
