"""A cassette answers what is on it, and says plainly what is not."""

from __future__ import annotations

import json

import pytest

from agents import AgentError
from agents.model_planner.cassette import load

GOOD = {
    "schema": "cassette/v1",
    "calls": [
        {
            "digest": "d",
            "status": 200,
            "reply": "{}",
            "request": {"messages": [{"content": "one\ntwo"}]},
        }
    ],
    "trials": {"k": "kept"},
}


def test_what_is_on_it_is_found_for_any_change() -> None:
    tape = load(json.dumps(GOOD))
    assert tape.find("c1", "d") == tape.find("c2", "d") == (200, b"{}")
    assert tape.recall("c1", "k") == b"kept"


def test_what_is_not_on_it_shows_where_it_differs() -> None:
    asked = json.dumps({"messages": [{"content": "one\nthree"}]}).encode()
    with pytest.raises(AgentError, match=r"-two \| \+three"):
        load(json.dumps(GOOD)).begin(role="planner", request=asked)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", json.dumps({**GOOD, "schema": "cassette/v9"}), "[" * 100_000],
    ids=["empty", "a-list", "nothing", "newer", "deep"],
)
def test_what_is_no_cassette_is_said(text: str) -> None:
    with pytest.raises(AgentError) as caught:
        load(text)
    assert caught.value.code == "model-bad-cassette"
