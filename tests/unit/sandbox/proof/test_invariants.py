from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.proof.invariants import Harm, old_or_new
from sandbox.proof.states import is_watched, kind, placed
from sandbox.proof.works import job

WATCH = ("object-storage", "hosts", "files")
BEFORE = {"s3://shelf/a": "old-a", "s3://shelf/b": "old-b", "oven:/srv/c": "c", "/srv/d": "d"}
NEW = BEFORE | {"s3://shelf/a": "new-a", "s3://shelf/n": "n"}


def judge(
    after: dict[str, str],
    exempt: frozenset[str] = frozenset(),
    volatile: frozenset[str] = frozenset(),
) -> Harm:
    return old_or_new(BEFORE, after, NEW, NEW, watch=WATCH, exempt=exempt, volatile=volatile)


def test_nothing_done_and_everything_done_are_both_fine() -> None:
    assert not judge(BEFORE)
    assert not judge(NEW)


def test_half_of_the_work_is_fine_where_each_object_is_old_or_new() -> None:
    assert not judge(BEFORE | {"s3://shelf/n": "n"})


@pytest.mark.parametrize(
    "address", list(BEFORE), ids=["object", "other object", "on a host", "file"]
)
def test_an_object_that_is_gone_is_lost(address: str) -> None:
    after = {a: c for a, c in BEFORE.items() if a != address}
    assert judge(after) == Harm(lost=(address,))


def test_an_object_that_base_itself_removes_may_go() -> None:
    new = {a: c for a, c in BEFORE.items() if a != "/srv/d"}
    after = dict(new)
    assert not old_or_new(BEFORE, after, new, BEFORE, watch=WATCH)


def test_an_object_that_a_further_control_of_base_removes_may_go() -> None:
    further = {a: c for a, c in BEFORE.items() if a != "/srv/d"}
    assert old_or_new(BEFORE, further, BEFORE, BEFORE, watch=WATCH).lost == ("/srv/d",)
    assert not old_or_new(BEFORE, further, BEFORE, BEFORE, watch=WATCH, further=[further])


def test_an_object_that_only_the_own_control_removes_is_lost() -> None:
    own = {a: c for a, c in BEFORE.items() if a != "/srv/d"}
    assert old_or_new(BEFORE, own, BEFORE, own, watch=WATCH).lost == ("/srv/d",)


def test_the_own_controls_content_is_new_too() -> None:
    own = BEFORE | {"s3://shelf/b": "own-b"}
    assert not old_or_new(BEFORE, own, NEW, own, watch=WATCH)


def test_content_of_nobody_is_altered() -> None:
    assert judge(BEFORE | {"s3://shelf/a": "half"}) == Harm(altered=("s3://shelf/a",))


def test_a_new_object_with_other_content_than_control_makes_is_altered() -> None:
    assert judge(BEFORE | {"s3://shelf/n": "half"}) == Harm(altered=("s3://shelf/n",))


def test_a_new_object_that_no_control_makes_is_no_harm() -> None:
    assert not judge(BEFORE | {"s3://shelf/other": "x"})


def test_what_only_the_own_priming_made_may_go() -> None:
    after = {a: c for a, c in BEFORE.items() if a != "/srv/d"}
    assert not judge(after, exempt=frozenset({"/srv/d"}))


def test_what_varies_by_itself_can_still_be_lost() -> None:
    volatile = frozenset({"/srv/d"})
    assert not judge(BEFORE | {"/srv/d": "later"}, volatile=volatile)
    after = {a: c for a, c in BEFORE.items() if a != "/srv/d"}
    assert judge(after, volatile=volatile).lost == ("/srv/d",)


def test_a_file_of_the_tree_counts_for_loss_alone() -> None:
    before = BEFORE | {"/repo/recipe.txt": "r", "/repo/out/x": "x"}
    tracked = frozenset({"/repo/recipe.txt"})
    assert not old_or_new(
        before, before | {"/repo/recipe.txt": "s"}, before, before, watch=WATCH, tracked=tracked
    )
    assert old_or_new(before, BEFORE, before, before, watch=WATCH, tracked=tracked).lost == (
        "/repo/recipe.txt",
    )


def test_scratch_and_journals_are_not_watched() -> None:
    assert not is_watched("/tmp/x", WATCH)
    assert not is_watched("journal:aws/1", WATCH)
    assert is_watched("/srv/shelf/x", ("/srv/shelf",))
    assert not is_watched("/srv/shelf2/x", ("/srv/shelf",))


addresses = st.sampled_from(["s3://b/a", "s3://b/c", "h:/x/y", "/srv/a", "/tmp/t", "journal:j/1"])
states = st.dictionaries(addresses, st.sampled_from(["1", "2", "3"]))


@given(states, states, states)
def test_lost_were_there_and_are_gone_and_altered_are_there(
    before: dict[str, str], after: dict[str, str], new: dict[str, str]
) -> None:
    harm = old_or_new(before, after, new, new, watch=WATCH)
    assert all(a in before and a not in after for a in harm.lost)
    assert all(after[a] not in (before.get(a), new.get(a)) for a in harm.altered)
    assert not set(harm.lost) & set(harm.altered)
    assert all(kind(a) in WATCH for a in (*harm.lost, *harm.altered))


@given(states, states)
def test_before_and_control_never_harm(before: dict[str, str], new: dict[str, str]) -> None:
    assert not old_or_new(before, before, new, new, watch=WATCH)
    assert not old_or_new(before, new, new, new, watch=WATCH)


@given(states, states, states, addresses)
def test_losing_one_more_is_never_less_harm(
    before: dict[str, str], after: dict[str, str], new: dict[str, str], gone: str
) -> None:
    less = {a: c for a, c in after.items() if a != gone}
    harm = old_or_new(before, after, new, new, watch=WATCH)
    worse = old_or_new(before, less, new, new, watch=WATCH)
    assert set(harm.lost) <= set(worse.lost)


def test_a_job_is_done_when_what_base_makes_is_made() -> None:
    done = job(BEFORE, NEW, BEFORE, NEW, watch=WATCH)
    assert done.missing == ()
    half = job(BEFORE, NEW, BEFORE, BEFORE | {"s3://shelf/n": "n"}, watch=WATCH)
    assert half.missing == ("s3://shelf/a",)


def test_what_base_removes_and_the_draft_keeps_is_a_price() -> None:
    after = {a: c for a, c in BEFORE.items() if a != "s3://shelf/b"}
    kept = job(BEFORE, after, BEFORE, BEFORE, watch=WATCH)
    assert (kept.missing, kept.kept) == ((), ("s3://shelf/b",))


def test_a_journal_that_base_writes_to_is_written_to() -> None:
    had = {"journal:mail/1": "x"}
    base = had | {"journal:mail/2": "y"}
    assert job(had, base, had, base, watch=WATCH).missing == ()
    assert job(had, base, had, had, watch=WATCH).missing == ("journal:mail",)
    assert job(had, base, had, had | {"journal:mail/2": "z"}, watch=WATCH).missing == ()


def test_placed_content_shows_in_a_state() -> None:
    state = placed(BEFORE, {"/srv/d": None, "oven:/srv/": None, "/srv/e": b"x"})
    assert "/srv/d" not in state
    assert "oven:/srv/c" not in state
    assert len(state["/srv/e"]) == 24
