"""What the nodes log is what the table in docs/log.md says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from agents import NothingFits, NotReproduced
from policies import Level
from tests.unit.service.flow.parts import REHEARSAL, finding, plan_with, verdict
from tests.unit.service.flow.test_flow import BAD, GOOD, Desk, desk

__all__ = ["desk"]  # the fixture

PAGE = Path(__file__).resolve().parents[4] / "docs/log.md"


def table() -> dict[tuple[str, str, str], set[str]]:
    """(from, to, kind of the judgment) -> kinds that may come with it."""
    rows: dict[tuple[str, str, str], set[str]] = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) != 5 or cells[0] in ("node", "---"):
            continue
        words = [re.findall(r"`([a-z-]+)`", cell) for cell in cells]
        for start in words[1] or ["-"]:
            for end in words[2]:
                for kind in words[3]:
                    rows.setdefault((start, end, kind), set()).update(words[4])
    return rows


@pytest.mark.parametrize(
    "script",
    [
        {},
        {"plans": [plan_with(BAD), plan_with(GOOD)]},
        {"plans": [plan_with(BAD + b"#%d\n" % n) for n in range(5)]},
        {"rehearsals": [NotReproduced("no", ())]},
        {"rehearsals": [NothingFits("no", (), (), ())]},
        {"plans": [NothingFits("no", (), (), ())]},
        {"verdicts": [verdict(finding(Level.DENY))], "plans": [plan_with(GOOD)] * 2},
        {"verdicts": [verdict(finding(Level.NOTE))]},
    ],
    ids=[
        "stands",
        "once-back",
        "not-proven",
        "not-reproduced",
        "nothing-fits",
        "no-plan",
        "refused",
        "noted",
    ],
)
def test_each_move_is_logged_as_the_table_says(desk: Desk, script: dict[str, Any]) -> None:
    desk.planner.rehearsals = script.get("rehearsals", [REHEARSAL])
    desk.planner.plans = script.get("plans", desk.planner.plans)
    desk.gate.verdicts = script.get("verdicts", desk.gate.verdicts)
    change = desk.run(desk.asked())
    rows, waiting_for_a_move = table(), []
    assert len(rows) > 20
    for entry in desk.store.events(change.id):
        kind = entry.judgment.kind.value
        if entry.move is None:
            waiting_for_a_move.append(kind)
            continue
        step = (entry.move["from"] or "-", entry.move["to"], kind)
        assert step in rows, f"{step} is not in the table"
        assert set(waiting_for_a_move) <= rows[step]
        waiting_for_a_move = []
    assert waiting_for_a_move == [], "entries that no move follows"
