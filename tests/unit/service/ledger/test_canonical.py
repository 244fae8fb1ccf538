from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from service.ledger import BadEntry
from service.ledger.canonical import canonical

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
    ),
    max_leaves=20,
)


@given(JSON)
def test_bytes_are_those_of_rfc_8785(value: object) -> None:
    assert canonical(value) == rfc8785.dumps(value)  # type: ignore[arg-type]


def test_keys_are_ordered_as_utf_16_and_not_as_code_points() -> None:
    # U+FB33 is the smaller code point, U+1F600 the smaller sequence of UTF-16 units.
    assert canonical({"\ufb33": 1, "\U0001f600": 2}) == '{"\U0001f600":2,"\ufb33":1}'.encode()


class Oven(StrEnum):
    NIGHT = "night"


def test_tuples_read_only_mappings_and_choices_are_written_as_json_knows_them() -> None:
    value = MappingProxyType({"ovens": (Oven.NIGHT, True), "none": None})
    assert canonical(value) == b'{"none":null,"ovens":["night",true]}'


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ({"payload": {"grams": 12.5}}, "entry.payload.grams"),
        ({"loaves": [1, float("nan")]}, r"entry.loaves\[1\]"),
        ({"big": 2**53}, "entry.big"),
        ({"raw": b"dough"}, "entry.raw"),
        ({"set": {1}}, "entry.set"),
        ({1: "one"}, "entry has the key 1"),
    ],
    ids=["a float", "not a number", "a big number", "bytes", "a set", "a key that is a number"],
)
def test_what_readers_could_read_in_two_ways_is_refused_by_its_place(
    value: object, place: str
) -> None:
    with pytest.raises(BadEntry, match=place):
        canonical(value)


@pytest.mark.parametrize("key", ["\ud800", "a"])
def test_half_a_surrogate_pair_is_refused(key: str) -> None:
    with pytest.raises(BadEntry, match="surrogate"):
        canonical({key: "\udfff"})


def test_a_value_without_a_bottom_is_refused() -> None:
    loop: list[object] = []
    loop.append(loop)
    with pytest.raises(BadEntry, match="deep"):
        canonical(loop)
