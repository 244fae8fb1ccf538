"""The page on rules of one's own shows rules that work."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from policies import Level, canary, testing
from policies.engine import install
from policies.gate import open_gate
from tests.gate_parts import having

PAGE = Path(__file__).parents[3] / "docs" / "own-rules.md"


@pytest.fixture(scope="module")
def shown() -> dict[str, bytes]:
    rule, test = re.findall(r"```rego\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return {"freeze.rego": rule.encode(), "freeze_test.rego": test.encode()}


def test_the_shown_tests_pass_on_the_shown_rule(shown: dict[str, bytes]) -> None:
    install.install()
    assert testing.check_repository(shown | {}) == 1
    report = testing.run_repository(shown)
    assert [test.outcome for test in report.tests] == ["passed", "passed"]


def test_the_shown_rule_denies_in_the_gate(shown: dict[str, bytes]) -> None:
    friday = having(canary.good(), ("now",), "2026-05-08T09:00:00Z")
    friday = having(friday, ("files", 0, "path"), "schema/books.sql")
    verdict = open_gate(install.install().parent).judge(
        friday, {"freeze.rego": shown["freeze.rego"]}
    )
    denied = [f for f in verdict.findings if f.level is Level.DENY]
    assert [(f.rule, f.place) for f in denied] == [
        ("repo.freeze.no-schema-on-friday", "schema/books.sql")
    ]
