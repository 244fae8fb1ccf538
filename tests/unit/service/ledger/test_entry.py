from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from service.changes import ChangeId, Digest, Person, System, digest_of
from service.ledger import BadEntry, Judgment, Kind
from service.ledger.entry import LONGEST, body, read

AT = datetime(2031, 3, 1, 9, 30, 0, 250_000, tzinfo=timezone(timedelta(hours=2)))
FOUND = Judgment(
    kind=Kind.FINDING,
    actor=System("gate"),
    change=ChangeId("c1"),
    why="the oven has no lid",
    payload={"rule": "oven.lid", "places": ["a", "b"], "asks": 2},
    evidence=(digest_of(b"photo"),),
)


def test_an_entry_reads_back_as_what_was_judged() -> None:
    entry = read(body(FOUND, 7, AT, {"from": "asked", "to": "surveyed", "sets": {}}))
    assert entry.judgment == FOUND
    assert (entry.seq, entry.at) == (7, AT.astimezone(UTC))
    assert entry.move == {"from": "asked", "to": "surveyed", "sets": {}}


def test_the_bytes_of_an_entry_are_those_of_version_one() -> None:
    # Written down by hand: logs that exist must be readable for as long as anybody keeps one.
    signed = Judgment(Kind.SIGN_IN, Person("ada"), None, "by password")
    assert body(signed, 0, AT) == (
        b'{"actor":{"id":"ada","kind":"person"},"at":"2031-03-01T07:30:00.250000Z",'
        b'"evidence":[],"kind":"sign-in","payload":{},"seq":0,"subject":{},"v":1,'
        b'"why":"by password"}'
    )


def test_the_same_judgment_at_another_place_or_time_is_another_entry() -> None:
    later = AT + timedelta(microseconds=1)
    assert len({body(FOUND, 7, AT), body(FOUND, 8, AT), body(FOUND, 7, later)}) == 3


@pytest.mark.parametrize(
    "judgment",
    [
        replace(FOUND, payload={"seconds": 1.5}),
        replace(FOUND, evidence=(Digest("photo.png"),)),
        replace(FOUND, why="x" * LONGEST),
        replace(FOUND, kind="shrug"),  # type: ignore[arg-type]
    ],
    ids=["a float", "evidence that is no digest", "a text too long", "a kind that is no word"],
)
def test_a_judgment_is_refused_that_holds(judgment: Judgment) -> None:
    with pytest.raises((BadEntry, ValueError)):
        body(judgment, 0, AT)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(BadEntry, match="zone"):
        body(FOUND, 0, AT.replace(tzinfo=None))


@pytest.mark.parametrize("field", ["seq", "at", "actor", "kind", "subject", "why", "payload"])
def test_an_entry_without_a_field_can_not_be_read(field: str) -> None:
    document = json.loads(body(FOUND, 0, AT))
    del document[field]
    with pytest.raises(BadEntry):
        read(json.dumps(document).encode())
