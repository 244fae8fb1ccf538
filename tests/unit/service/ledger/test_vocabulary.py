"""`docs/log.md` is read by people and by the test of the flow: its words are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

from service.changes import MOVES, Stage
from service.ledger import Kind

PAGE = (Path(__file__).parents[4] / "docs" / "log.md").read_text()
SECTION = PAGE.split("## What each node logs")[1].split("\n## ")[0]
ROWS = [
    [re.findall(r"`([^`]+)`", cell) for cell in line.strip("|").split("|")]
    for line in SECTION.split("| about |")[0].splitlines()
    if line.startswith("| ") and not line.startswith(("| node", "| ---"))
]
EVERYTHING = set(re.findall(r"`([a-z-]+)`", SECTION))


def test_every_kind_is_on_the_page() -> None:
    assert {kind.value for kind in Kind} - EVERYTHING == set()


def test_every_kind_in_the_table_of_nodes_is_in_the_vocabulary() -> None:
    named = {word for row in ROWS for cell in row[3:] for word in cell}
    assert named
    assert named - {kind.value for kind in Kind} == set()


def test_every_node_logs_something() -> None:
    assert all(row[3] for row in ROWS)


def test_every_move_in_the_table_of_nodes_is_one_that_is_allowed() -> None:
    pairs = [(a, b) for row in ROWS for a in row[1] for b in row[2] if a and b]
    odd = [
        (a, b)
        for a, b in pairs
        if Stage(b) not in MOVES[Stage(a)]
        and not (a == "merging" and b in ("withdrawn", "expired"))
    ]
    assert odd == []


def test_every_stage_is_reached_by_a_node_of_the_table() -> None:
    reached = {word for row in ROWS for word in row[2]}
    assert {stage.value for stage in Stage} - reached == set()
