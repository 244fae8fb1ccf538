from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies import canary
from policies.schema import compile_check, facts_schema, misfit
from tests.gate_parts import having, leaves, without


def test_the_canaries_fit() -> None:
    assert misfit(canary.good()) == ""
    assert misfit(canary.bad()) == ""


def test_every_fact_is_required_and_no_other_is_taken() -> None:
    waiting: list[Any] = [facts_schema()]
    objects = 0
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            if "properties" in node:
                objects += 1
                assert sorted(node["required"]) == sorted(node["properties"])
                assert node["additionalProperties"] is False
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)
    assert objects > 15


@pytest.mark.parametrize("facts", [canary.good(), canary.bad()], ids=["good", "bad"])
def test_no_fact_can_be_missing(facts: dict[str, Any]) -> None:
    named = [path for path in leaves(facts) if isinstance(path[-1], str)]
    assert len(named) > 100
    for path in named:
        assert "is missing" in misfit(without(facts, path)), path


def test_no_fact_can_be_null() -> None:
    facts = canary.bad()
    for path in leaves(facts):
        assert misfit(having(facts, path, None)) != "", path


def test_the_misfit_says_where() -> None:
    facts = having(canary.good(), ("files", 1, "added", 0, "n"), "seven")
    assert misfit(facts) == "facts.files[1].added[0].n is no integer"


def test_a_keyword_that_is_not_checked_is_refused() -> None:
    with pytest.raises(ValueError, match="maxItems"):
        compile_check({"type": "array", "items": {"type": "string"}, "maxItems": 1})


_PATHS = list(leaves(canary.bad()))
_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 5),
    st.just(0.5),
    st.sampled_from(["", "deny", "shell", "100644", "1" * 40, "x" * 2001, "2026-01-01T00:00:00Z"]),
    st.just([]),
    st.just({}),
    st.lists(st.text(max_size=3), max_size=2),
)


@settings(max_examples=150, deadline=None)
@given(path=st.sampled_from(_PATHS), value=_VALUES)
def test_our_check_agrees_with_a_full_validator(path: tuple[str | int, ...], value: Any) -> None:
    facts = having(canary.bad(), path, value)
    oracle = jsonschema.Draft202012Validator(facts_schema())
    assert (misfit(facts) == "") == oracle.is_valid(facts)
