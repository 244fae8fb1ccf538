from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from policies import GateError, Level, canary, rules, testing
from policies.engine import install
from tests.gate_parts import having, leaves, other_values, rules_that_speak


@pytest.fixture(scope="module", autouse=True)
def engine() -> Path:
    return install.install()


def test_the_manifest_lists_exactly_the_rules_that_are_there() -> None:
    listed = json.loads(rules.MANIFEST.read_text(encoding="utf-8"))
    assert listed == rules.manifest(rules.read(rules.modules()))
    assert len(listed["rules"]) >= 40


def test_the_table_of_rules_is_the_one_in_the_documentation() -> None:
    assert rules.TABLE.read_text(encoding="utf-8") == rules.table(rules.own())


def test_each_rule_has_a_test_that_fires_and_one_that_does_not() -> None:
    tests = "\n".join(rules.modules(tests=True).values())
    for id_ in rules.own().rules:
        name = re.sub(r"\W", "_", id_)
        assert f"test_{name}_fires if" in tests, id_
        assert f"test_{name}_silent if" in tests, id_


def test_all_tests_of_rules_pass_and_reach_nearly_every_line() -> None:
    report = testing.run_own(coverage=True)
    assert [test for test in report.tests if test.outcome != "passed"] == []
    assert len(report.tests) >= 2 * len(rules.own().rules)
    judging = [c for name, c in report.coverage.items() if not name.endswith("_test.rego")]
    covered, all_ = (sum(len(c[key]) for c in judging) for key in ("covered", "all"))
    assert covered / all_ >= 0.98


def test_a_test_that_fails_or_breaks_is_said() -> None:
    module = b"""package pawl.repo.broken_test
import rego.v1
test_right if 1 == 1
test_wrong if 1 == 2
test_undefined if input.nothing.here
two := 1
two := 2
test_conflict if two == 1
"""
    report = testing.run_repository({"broken_test.rego": module})
    assert {test.name: test.outcome for test in report.tests} == {
        "test_right": "passed",
        "test_wrong": "failed",
        "test_undefined": "failed",
        "test_conflict": "error",
    }
    assert not report.passed


def test_no_tests_are_no_pass() -> None:
    assert not testing.run_repository({"a.rego": b"package pawl.repo\nimport rego.v1\n"}).passed


def test_no_rule_names_a_fact_that_the_schema_does_not_have() -> None:
    _, problems = testing.reads(rules.modules())
    assert problems == []


@pytest.mark.parametrize(
    "line",
    [
        'deny contains {"rule": "x"} if input.fils[_].path == "a"',
        'deny contains {"rule": "x"} if { some f in input.files; f.pth == "a" }',
        'deny contains {"rule": "x"} if { f := input.files[_]; lookalike(f) }',
        'deny contains {"rule": "x"} if { every f in input.files { f.is_binary } }',
        'deny contains {"rule": "x"} if { some l in shells[_].added; l.txt == "a" }',
        'deny contains {"rule": "x"} if count([1 | some l in input.files[_].added; l.row > 1]) > 0',
    ],
)
def test_a_misspelt_fact_is_found_through_variables_helpers_and_comprehensions(line: str) -> None:
    module = f"""package pawl.rules.x
import rego.v1
shells contains f if {{ some f in input.files; f.kind == "shell" }}
lookalike(file) if file.twinn != ""
{line}
"""
    helper_alone = module.replace(line, "")
    _, problems = testing.reads({"x.rego": module})
    _, without_it = testing.reads({"x.rego": helper_alone})
    assert len(problems) == 1, problems
    assert without_it == []


def test_the_sources_of_findings_are_told_apart() -> None:
    own = rules.own().rules
    assert own["floor.no-proof"].source == "floor"
    assert own["size.large"].source == "pawl"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# custom:\n#   id: x.a\n#   level: deny\n#   remedy: y", "lacks a title"),
        ("# title: t\n# custom:\n#   id: x.a\n#   level: deny", "lacks remedy"),
        ("# title: t\n# custom:\n#   id: x.a\n#   level: note\n#   remedy: y", "not what its META"),
        ("# title: t\n# custom:\n#   id: x.b\n#   level: deny\n#   remedy: y", "not what its META"),
        (
            "# title: t\n# custom:\n#   id: x.a\n#   level: deny\n#   role: approver\n"
            "#   remedy: y",
            "an ask needs a role",
        ),
    ],
    ids=["no title", "no remedy", "other level", "other id", "a deny with a role"],
)
def test_a_rule_without_right_metadata_is_refused(text: str, said: str) -> None:
    module = (
        "# METADATA\n# title: X\npackage pawl.rules.x\n\nimport rego.v1\n\n# METADATA\n"
        f'{text}\ndeny contains {{"rule": "x.a", "place": "p", "why": "w"}} if true\n'
    )
    with pytest.raises(GateError, match=said):
        rules.read({"x.rego": module})


# --- what no plan can do ------------------------------------------------------------------------


def test_no_claimed_value_lifts_a_deny() -> None:
    """Every claimed field is flipped on facts that many rules deny: each of them stays."""
    bad = canary.bad()
    flipped = [
        having(bad, ("claimed", *path), other)
        for path in leaves(bad["claimed"])
        if not isinstance(_at(bad["claimed"], path), dict)
        for other in other_values(_at(bad["claimed"], path))
    ]
    assert len(flipped) > 20
    for denied in rules_that_speak(flipped):
        assert denied >= canary.DENIED


def test_only_rules_about_the_plan_read_its_words() -> None:
    reads, _ = testing.reads(rules.modules())
    readers = {m for m, facts in reads.items() if any(".claimed" in fact for fact in facts)}
    assert readers == {"plan.rego"}
    own = rules.own().rules.values()
    assert {r.id.split(".")[0] for r in own if r.module == "plan.rego"} == {"plan"}


def test_each_floor_is_a_deny_or_asks_a_policy_owner() -> None:
    for rule in rules.own().rules.values():
        if rule.source == "floor":
            assert rule.level is Level.DENY or rule.role == "policy-owner", rule.id


def _at(value: object, path: tuple[str | int, ...]) -> object:
    for step in path:
        value = value[step]  # type: ignore[index]
    return value
