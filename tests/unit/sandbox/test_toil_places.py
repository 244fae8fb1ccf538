"""Places read as rows, the merged truth of a tree, and edits by analogy."""

from __future__ import annotations

import random
import re

import pytest

from sandbox import Files
from sandbox.rehearsal import parse
from sandbox.toil import analogy, steps, values, words
from sandbox.toil.form import Kind, Place, Toil
from sandbox.toil.places import Measure, Question, Unread, measure, rows
from sandbox.toil.play import after
from sandbox.toil.steps import Drift
from tests.unit.sandbox.toil_jetty import BERTHS, REHEARSAL, base, rehearsal, right


def _toil(text: str = REHEARSAL) -> Toil:
    toil = parse(rehearsal(text)).toil
    assert toil is not None
    return toil


def _with(path: str, old: str, new: str) -> Files:
    tree = base()
    text = tree[path][1].decode()
    assert old in text
    return {**tree, path: (0o100644, text.replace(old, new, 1).encode())}


def _chance(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - no secret


TOIL = _toil()
BOARD, SIGNS, RADIO = TOIL.places


def _truth(tree: Files, toil: Toil = TOIL) -> Measure:
    found = measure(toil, tree, {})
    assert isinstance(found, Measure), found
    return found


def test_the_truth_is_what_the_places_say_together() -> None:
    found = [(e["name"], e["channel"], e["side"]) for e in _truth(base()).entities]
    assert found == list(BERTHS)


def test_order_comments_and_layout_are_free() -> None:
    tree = _with("radio.conf", "listen quay-1 on 21\n", "")
    text = tree["radio.conf"][1] + b"#listen nobody on 1\n\n  listen quay-1 on 21  # first\n"
    assert _truth(base()).wrong({**tree, "radio.conf": (0o100644, text)}, {}) == ()


WRONG = {
    "a missing row": ("radio.conf", "listen quay-2 on 22\n", "", "radio.conf lacks 22 quay-2"),
    "a row too many": ("radio.conf", "listen quay-2", "listen x on 9\nlisten quay-2", "still says"),
    "another value": ("board.md", "| 31 |", "| 13 |", "board.md lacks 31 mole-1 south"),
    "a row twice": ("radio.conf", "listen quay-2", "listen quay-1 on 21\nlisten quay-2", "twice"),
    "a kept part that is gone": ("board.md", "harbour office", "x", "lost 'harbour office'"),
    "no JSON": ("signs/berths.json", "[", "", "it is no JSON list"),
}


@pytest.mark.parametrize(("path", "old", "new", "said"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_in_a_place_is_said(path: str, old: str, new: str, said: str) -> None:
    (sentence,) = _truth(base()).wrong(_with(path, old, new), {})
    assert said in sentence


def test_a_place_that_is_gone_is_wrong() -> None:
    tree = {path: entry for path, entry in base().items() if path != "board.md"}
    assert _truth(base()).wrong(tree, {}) == ("board.md: it is not there",)


def test_places_that_disagree_are_a_question() -> None:
    found = measure(TOIL, _with("board.md", "| 31 |", "| 13 |"), {})
    assert isinstance(found, Question)
    assert "13" in found.why


def test_where_the_places_disagree_the_named_one_is_right() -> None:
    toil = _toil(REHEARSAL.replace("  operation:", "  truth: radio.conf\n  operation:"))
    tree = _with("board.md", "| 31 |", "| 13 |")
    assert {"name": "mole-1", "channel": "31", "side": "south"} in _truth(tree, toil).entities


def test_a_right_place_without_names_corrects_the_nearest() -> None:
    text = REHEARSAL.replace("fields: [name, channel]", "fields: [channel]").replace(
        "  operation:", "  truth: radio.conf\n  operation:"
    )
    shared = _with("board.md", "| 31 |", "| 13 |")
    found = measure(_toil(text), shared, {})
    assert isinstance(found, Question)  # one field alone can't tell which one it was


def test_a_command_is_a_place_too() -> None:
    text = REHEARSAL.replace("file: radio.conf", "run: [bin/radio]")
    said = {"bin/radio": base()["radio.conf"][1].decode()}
    found = measure(_toil(text), base(), said)
    assert isinstance(found, Measure)
    assert found.wrong(base(), said) == ()
    assert found.wrong(base(), {}) == ("bin/radio: it is not there",)


# --- edits ---------------------------------------------------------------------------------------

OLD = {"name": "mole-1", "channel": "31", "side": "south"}
NEW = {"name": "kelp-7", "channel": "77", "side": "east"}


def _text(place: Place) -> str:
    return base()[place.file][1].decode()


@pytest.mark.parametrize("place", TOIL.places, ids=lambda place: place.name)
def test_a_new_entity_is_written_as_the_others_are(place: Place) -> None:
    made = analogy.added(_text(place), place, OLD, NEW)
    assert made is not None
    back = analogy.removed(made, place, NEW)
    assert back == _text(place)
    assert "kelp-7" in made


@pytest.mark.parametrize("at", range(len(BERTHS)))
@pytest.mark.parametrize("place", TOIL.places, ids=lambda place: place.name)
def test_any_entity_can_be_the_model_and_can_be_taken_away(place: Place, at: int) -> None:
    model = dict(zip(("name", "channel", "side"), BERTHS[at], strict=True))
    text = _text(place)
    for made in (
        analogy.added(text, place, model, NEW),
        analogy.removed(text, place, model),
        analogy.changed(text, place, model, "name", "kelp-7"),
    ):
        assert made is not None
        assert not isinstance(rows(made, place.read), Unread)


def test_the_last_element_of_a_comma_list_stays_the_last() -> None:
    place = _toil(REHEARSAL.replace("'listen (?P<name>\\S+) on", "'(?P<name>\\S+) on")).places[2]
    text = "x {\n  mole-2 on 32,\n  mole-1 on 31\n}\n"
    made = analogy.added(text, place, OLD, NEW)
    assert made == "x {\n  mole-2 on 32,\n  kelp-7 on 77,\n  mole-1 on 31\n}\n"
    assert analogy.removed(text, place, OLD) == "x {\n  mole-2 on 32\n}\n"


def test_an_edit_that_would_do_anything_else_is_none() -> None:
    line = "listen mole-1 on 31 listen mole-2 on 32\n"
    assert analogy.added(line, RADIO, OLD, NEW) is None


def test_every_drift_makes_its_place_wrong() -> None:
    truth = _truth(base())
    made = [one for one in steps.drifts(truth, base(), 7) if isinstance(one, Drift)]
    for drift in made:
        assert truth.wrong(after(base(), drift.changes), {})
    assert [d.does for d in made if d.place is BOARD] == [
        *("add", "remove", "name", "channel", "side", "swap")
    ]


def test_a_sequence_adds_again_from_elsewhere_and_takes_away_again() -> None:
    run = steps.sequence(_truth(base()), 1)
    assert [(step.verb, step.away) for step in run] == [
        *(("add", False), ("add", True), ("add", False)),
        *(("remove", False), ("remove", False), ("remove", False)),
    ]
    assert run[3].entity == run[2].entity
    assert len(run[-1].want.entities) == len(BERTHS) + 3 - 3


# --- values --------------------------------------------------------------------------------------


def test_fresh_values_lie_outside_what_is_known() -> None:
    known = _truth(base()).entities
    for seed in range(50):
        new = values.fresh(TOIL, known, _chance(seed))
        assert new["name"].split("-")[0] not in ("quay", "mole", "slip")
        assert new["name"] not in [one["name"] for one in known]
        assert new["side"] in ("north", "south", "east")


def test_a_known_name_is_a_bad_value() -> None:
    known = _truth(base()).entities
    found = values.bad(TOIL, NEW, known)
    assert ("name", "quay-1", {**NEW, "name": "quay-1"}) in found
    assert {name for name, _, _ in found} == set(TOIL.facts)


LIKE = {
    Kind.IPV4: (["192.168.7.3"], r"192\.168\.\d+\.\d+"),
    Kind.HOST: (["a-1.example.org"], r"\w+-\d+\.example\.org"),
    Kind.VERSION: (["v1.2.3", "v1.10.0"], r"v1\.\d+\.0"),
    Kind.PORT: (["9100"], r"9\d\d\d"),
    Kind.NUMBER: (["7"], r"\d+"),
}


@pytest.mark.parametrize("kind", LIKE, ids=lambda kind: kind.value)
def test_fresh_values_look_like_the_known_ones(kind: Kind) -> None:
    known, pattern = LIKE[kind]
    toil = _toil(
        REHEARSAL.replace("{name: name, channel: number", f"{{name: name, channel: {kind.value}")
    )
    others = [{"name": "quay-1", "channel": one, "side": "east"} for one in known]
    found = values.fresh(toil, others, _chance(3))["channel"]
    assert found not in known
    assert re.fullmatch(pattern, found)


# --- words ---------------------------------------------------------------------------------------


def test_a_copy_that_nothing_feeds_is_found() -> None:
    entities = _truth(base()).entities
    text = "".join(f"{berth[0]} here\n" for berth in BERTHS[:3]).encode()
    tree: Files = {**right(), "inventory": (0o100644, text)}
    assert "inventory" in words.unfed(TOIL, entities, NEW, tree)
    fed = {**tree, "inventory": (0o100644, text + b"kelp-7 here\n")}
    assert "inventory" not in words.unfed(TOIL, entities, NEW, fed)


def test_half_of_the_names_is_no_copy() -> None:
    text = "".join(f"{berth[0]}\n" for berth in BERTHS[:2]).encode()
    assert "few" not in words.copies(TOIL, _truth(base()).entities, {"few": (0o100644, text)})


@pytest.mark.parametrize("path", ["tests/all", "docs/history.md", "fixtures/a", ".pawl/x"])
def test_what_may_well_name_all_is_no_copy(path: str) -> None:
    text = "".join(f"{berth[0]}\n" for berth in BERTHS).encode()
    assert not words.copies(TOIL, _truth(base()).entities, {path: (0o100644, text)})


def test_numbered_lines_that_tell_to_edit_a_place_are_steps() -> None:
    found = words.steps(TOIL, base())
    assert [one.split(":")[1].split(" ")[0] for one in found] == ["3", "4", "5"]
    assert words.steps(TOIL, right()) == ()
