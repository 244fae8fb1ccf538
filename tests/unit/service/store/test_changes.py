from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from service.changes import (
    Approval,
    ChangeId,
    Move,
    MoveRefused,
    Person,
    Reason,
    Stage,
    UnknownChange,
)
from service.ledger import BadEntry, Judgment, Kind
from service.store import Store
from tests.unit.service.store.conftest import Clock
from tests.unit.service.store.kit import (
    ADA,
    BEN,
    CYN,
    REQUEST,
    SCANNED,
    ask,
    bring,
    digest,
    said,
)


def test_a_change_is_asked_with_all_that_was_said(store: Store) -> None:
    change = ask(store)
    assert store.get(change.id) == change
    assert (change.stage, change.request, change.repository) == (Stage.ASKED, REQUEST, "bakery")
    assert (change.base, change.branch, change.tree) == ("b" * 40, "main", digest("tree"))
    assert change.created == change.updated == datetime(2031, 3, 1, 9, 0, 3, tzinfo=UTC)


def test_asking_again_with_the_same_key_is_the_same_change(store: Store) -> None:
    first, size = ask(store), store.size
    assert ask(store) == first
    assert store.size == size
    assert ask(store, key="day-oven").id != first.id


def test_asking_again_after_the_end_is_another_change(store: Store) -> None:
    first = ask(store)
    store.record(first.id, Move(Stage.WITHDRAWN), said(Kind.WITHDRAWN))
    assert ask(store).id != first.id


def test_a_change_comes_back_as_it_was_recorded(store: Store, home: Path, clock: Clock) -> None:
    change = bring(store, ask(store, request=SCANNED), Stage.WAITING)
    sets = {
        "adopter": ADA,
        "shapers": (CYN, ADA),
        "reviewers": (Person("dov"),),
        "why": "the dough — «old» \U0001f35e",
    }
    change = store.record(change.id, Move(Stage.WAITING, sets), said(Kind.ADOPTED))
    back = {
        "told": ("the lid sticks", "use flour"),
        "prediction_due": datetime(2031, 6, 1, 12, tzinfo=UTC),
    }
    change = store.record(change.id, Move(Stage.REHEARSED, back), said(Kind.DECISION))
    store.close()
    again = Store.open(home, clock)
    assert again.get(change.id) == change
    assert change.told == ("the lid sticks", "use flour")
    assert change.adopter == ADA
    again.close()


def test_a_whole_way_ends_merged_with_a_judgment_each(store: Store) -> None:
    change = bring(store, ask(store), Stage.MERGED)
    events = store.events(change.id)
    assert [entry.judgment.kind for entry in events] == [
        Kind.CHANGE_ASKED,
        Kind.SURVEYED,
        Kind.REHEARSAL_WRITTEN,
        Kind.PLAN_MADE,
        Kind.PROOF_RUN,
        Kind.GATE_VERDICT,
        Kind.WAITING,
        Kind.MERGE_INTENDED,
        Kind.MERGED,
    ]
    merged = events[-1].move
    assert merged is not None
    assert (merged["from"], merged["to"]) == ("merging", "merged")
    assert merged["approvals"] == [{"binding": digest("binding"), "by": "ben", "cosigner": None}]


def test_evidence_stands_before_the_judgment_that_it_led_to(store: Store) -> None:
    change = ask(store)
    dropped = [said(Kind.CANDIDATE_DISCARDED, change.id, why=f"no {n}") for n in range(3)]
    store.record(change.id, Move(Stage.SURVEYED), said(Kind.SURVEYED), dropped)
    events = store.events(change.id)
    assert [e.judgment.why for e in events[1:]] == ["no 0", "no 1", "no 2", "so it was found"]
    assert [e.move is None for e in events[1:]] == [True, True, True, False]


# --- all or nothing -------------------------------------------------------------------------------


def test_a_refused_move_writes_nothing_and_says_why(store: Store) -> None:
    change, size = ask(store), store.size
    with pytest.raises(MoveRefused, match="from asked to merged") as caught:
        store.record(change.id, Move(Stage.MERGED), said(Kind.MERGED), [said(Kind.DECISION)])
    assert caught.value.refused.reason is Reason.NOT_IN_TABLE
    assert (store.get(change.id), store.size) == (change, size)


def test_a_merge_without_approval_is_refused_by_the_store_too(store: Store) -> None:
    change = bring(store, ask(store), Stage.WAITING)
    own = Approval(digest("binding"), ADA)
    with pytest.raises(MoveRefused) as caught:
        store.record(change.id, Move(Stage.MERGING, approvals=(own,)), said(Kind.MERGE_INTENDED))
    assert caught.value.refused.reason is Reason.OWN_REQUEST
    assert store.get(change.id) == change


@pytest.mark.parametrize("broken", ["judgment", "evidence"])
def test_a_judgment_that_can_not_be_written_takes_the_move_with_it(
    store: Store, broken: str
) -> None:
    change, size = ask(store), store.size
    bad = Judgment(Kind.TRIAL, BEN, change.id, "slow", {"seconds": 0.5})
    good = said(Kind.SURVEYED)
    judgment, evidence = (bad, [good]) if broken == "judgment" else (good, [bad])
    with pytest.raises(BadEntry, match=r"payload\.seconds"):
        store.record(change.id, Move(Stage.SURVEYED), judgment, evidence)
    assert (store.get(change.id), store.size) == (change, size)
    # and the tree goes on from where it was
    store.record(change.id, Move(Stage.SURVEYED), good)
    assert store.audit() == ()


def test_a_judgment_of_another_change_does_not_come_with_a_move(store: Store) -> None:
    one, other = ask(store), ask(store, key="day-oven")
    with pytest.raises(BadEntry, match="came with a move"):
        store.record(one.id, Move(Stage.SURVEYED), said(Kind.SURVEYED, other.id))


NOBODY = ChangeId("c0nobody")
DEEDS: dict[str, Callable[[Store], object]] = {
    "get": lambda store: store.get(NOBODY),
    "events": lambda store: store.events(NOBODY),
    "record": lambda store: store.record(NOBODY, Move(Stage.SURVEYED), said(Kind.SURVEYED)),
    "note": lambda store: store.note(said(Kind.FINDING, NOBODY)),
    "list": lambda store: store.list(after=NOBODY),
    "lease": lambda store: store.lease(NOBODY, "ada").__enter__(),
}


@pytest.mark.parametrize("deed", DEEDS.values(), ids=DEEDS)
def test_an_unknown_change_is_an_error_that_names_it(
    store: Store, deed: Callable[[Store], object]
) -> None:
    with pytest.raises(UnknownChange, match="c0nobody"):
        deed(store)


# --- lists ----------------------------------------------------------------------------------------


def test_a_list_is_newest_first_and_goes_on_after_a_page(store: Store) -> None:
    ids = [ask(store, key=f"oven {n}").id for n in range(7)]
    first = store.list(limit=3)
    second = store.list(limit=3, after=first[-1].id)
    third = store.list(limit=3, after=second[-1].id)
    assert [c.id for c in (*first, *second, *third)] == ids[::-1]
    assert store.list(limit=3, after=third[-1].id) == ()


def test_a_list_of_stages_holds_these_alone_in_the_order_of_all(store: Store) -> None:
    asked, surveyed, gone = (ask(store, key=f"oven {n}") for n in range(3))
    bring(store, surveyed, Stage.SURVEYED)
    store.record(gone.id, Move(Stage.WITHDRAWN), said(Kind.WITHDRAWN))
    assert [c.id for c in store.list([Stage.SURVEYED, Stage.WITHDRAWN])] == [gone.id, surveyed.id]
    assert [c.id for c in store.list([Stage.ASKED, Stage.WITHDRAWN], limit=1)] == [gone.id]
    assert [c.id for c in store.list({Stage.ASKED}, after=gone.id)] == [asked.id]
    assert store.list([]) == ()


def test_counts_say_how_many_there_are_in_each_stage(store: Store) -> None:
    for n in range(3):
        ask(store, key=f"oven {n}")
    bring(store, ask(store, key="last"), Stage.PROVEN)
    counts = store.counts()
    assert (counts[Stage.ASKED], counts[Stage.PROVEN], counts[Stage.MERGED]) == (3, 1, 0)


def test_times_are_utc_whatever_the_clock_says(home: Path) -> None:
    east = timezone(timedelta(hours=9))
    store = Store.open(home, lambda: datetime(2031, 3, 1, 18, 0, tzinfo=east))
    change = store.get(ask(store).id)
    assert change.created == datetime(2031, 3, 1, 9, 0, tzinfo=UTC)
    assert change.created.tzinfo is UTC
    store.close()
