"""Procedures in documents: which lines are steps, and what belongs to them."""

from __future__ import annotations

from agents.reading import runbooks
from tests.unit.agents.trees import made


def found(text: str) -> list[list[str]]:
    files = made({"docs/a.md": text})
    return [[s.text for s in p.steps] for p in runbooks.procedures(files)]


def test_numbered_lines_are_steps_and_indented_lines_belong_to_them() -> None:
    assert found("1. Look.\n2. Write\n   it down.\n\nDone.\n") == [["Look.", "Write it down."]]


def test_blank_lines_between_steps_do_not_end_a_procedure() -> None:
    assert found("1. Look.\n\n2. Write.\n") == [["Look.", "Write."]]


def test_ticked_items_are_steps_and_plain_bullets_are_none() -> None:
    assert found("- [ ] Look.\n- [x] Write.\n\n- apples\n- pears\n") == [["Look.", "Write."]]


def test_a_numbered_line_in_a_fence_is_no_step() -> None:
    assert found("```\n1. not a step\n2. nor this\n```\n") == []


def test_two_lists_under_two_headings_are_two_procedures() -> None:
    files = made({"a.md": "# One\n\n1. Look.\n2. Go.\n\n# Two\n\n1. Stop.\n"})
    assert [(p.heading, len(p.steps)) for p in runbooks.procedures(files)] == [
        ("One", 2),
        ("Two", 1),
    ]


def test_only_documents_are_read() -> None:
    assert runbooks.procedures(made({"a.conf": "1. Look.\n2. Go.\n"})) == ()
