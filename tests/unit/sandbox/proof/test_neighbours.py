from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sandbox import CellKind
from sandbox.engine import Call
from sandbox.proof import neighbours
from sandbox.proof.neighbours import (
    FOREIGN,
    at_calls,
    at_setting,
    at_sources,
    bait,
    got_over,
    left_out,
    pick,
    spots,
)
from sandbox.rehearsal import CallFault, InputFault


def call(name: str, number: int = 1, **effects: tuple[str, ...]) -> Call:
    return Call(name, number, tuple(name.split()), "/repo", 0, **effects)


def of(found: tuple[neighbours.Neighbour, ...], kind: CellKind) -> list[CallFault]:
    return [n.fault for n in found if n.kind is kind and isinstance(n.fault, CallFault)]


@given(st.lists(st.integers(1, 500), min_size=1, unique=True).map(sorted))
def test_of_many_calls_the_first_the_middle_and_the_last_are_kept(numbers: list[int]) -> None:
    kept = pick(numbers)
    assert kept[0] == numbers[0]
    assert kept[-1] == numbers[-1]
    assert set(kept) <= set(numbers)
    assert len(kept) == min(3, len(numbers))
    if len(numbers) > 3:
        assert numbers.index(kept[1]) == len(numbers) // 2


@given(st.integers(1, 40))
def test_every_effectful_command_is_faulted_at_its_ends_and_for_good(count: int) -> None:
    calls = [call("knead", n, created=(f"/srv/dough/{n}",)) for n in range(1, count + 1)]
    honest = of(at_calls(calls), CellKind.HONEST)
    assert {f.call for f in honest} == set(spots(range(1, count + 1)))
    for end in (1, count):
        assert {f.does for f in honest if f.call == end} == {"fail", "cut", "kill"}
    assert [f for f in honest if f.persistent] == [CallFault("knead", "cut", 1, persistent=True)]
    assert len(honest) <= 9
    assert len(left_out(calls)) == (count > 5)


@given(st.lists(st.integers(1, 500), min_size=1, unique=True).map(sorted))
def test_of_many_calls_two_at_each_end_and_the_middle_are_faulted(numbers: list[int]) -> None:
    kept = spots(numbers)
    assert len(kept) == min(5, len(numbers))
    assert {*numbers[:2], numbers[len(numbers) // 2], *numbers[-2:]} <= set(kept)
    assert list(kept) == sorted(set(kept))


def test_a_call_that_makes_much_also_stops_just_before_its_end() -> None:
    made = tuple(f"/srv/dough/{n}" for n in range(3))
    lacking = [f for f in of(at_calls([call("knead", created=made)]), CellKind.HONEST) if f.lacks]
    assert lacking == [CallFault("knead", "cut", lacks=1)]
    few = at_calls([call("knead", created=made[:2])])
    assert not [f for f in of(few, CellKind.HONEST) if f.lacks]
    # what is put in place by renaming is there as a whole
    assert not [f for f in of(at_calls([call("mv", created=made)]), CellKind.HONEST) if f.lacks]


def test_a_clean_run_follows_what_stopped_in_the_middle_and_what_was_killed_at_the_end() -> None:
    calls = [
        call("knead", 1, created=("/srv/a",)),
        call("weigh"),
        call("knead", 2, created=("/srv/b",)),
        call("send", created=("s3://shelf/a",)),
    ]
    found = of(got_over(calls, ("./bake.sh",), 8), CellKind.HONEST)
    then = (("./bake.sh",),)
    assert found[:2] == [
        CallFault("send", "kill", then=then),
        CallFault("knead", "cut", 2, then=then),
    ]
    assert {(f.command, f.does, f.call) for f in found} >= {
        ("knead", "kill", 2),
        ("knead", "cut", 1),
        ("send", "cut", 1),
    }
    assert got_over(calls, ("./bake.sh",), 2) == tuple(got_over(calls, ("./bake.sh",), 8)[:2])
    assert got_over([call("weigh")], ("./bake.sh",), 8) == ()


def test_what_only_carries_another_call_is_left_alone() -> None:
    carrier = Call(
        "ssh", 1, ("ssh", "oven", "rsync --server -r . /srv"), "/repo", 0, read=("oven:/srv",)
    )
    plain = Call("ssh", 2, ("ssh", "oven", "bake"), "/repo", 0, changed=("oven:/srv/a",))
    assert {f.call for f in of(at_calls([carrier, plain]), CellKind.HONEST)} == {2}


def test_a_line_in_a_journal_can_only_fail() -> None:
    found = at_calls([call("ring", created=("journal:bell/1",))])
    assert of(found, CellKind.HONEST) == [CallFault("ring", "fail")]
    assert of(found, CellKind.LYING) == []


def test_a_call_without_effects_is_left_alone() -> None:
    assert at_calls([call("weigh")]) == ()


def test_a_call_that_reads_from_outside_is_faulted() -> None:
    found = at_calls([call("fetchit", read=("oven:/srv/recipes",))])
    assert {f.does for f in of(found, CellKind.LYING)} == {"short", "noop"}


def test_lies_are_told_only_where_a_call_leaves_the_machine() -> None:
    inside = at_calls([call("knead", created=("/srv/a",))])
    outside = at_calls([call("send", created=("s3://shelf/a",))])
    assert of(inside, CellKind.LYING) == []
    assert {f.does for f in of(outside, CellKind.LYING)} == {"short", "noop"}


def test_a_command_known_to_leave_the_machine_may_lie_without_a_trace() -> None:
    dump = call("pg_dump", created=("/srv/dump.sql",))
    assert of(at_calls([dump]), CellKind.LYING)


def test_a_helper_in_a_pipeline_is_not_credited_with_what_others_did() -> None:
    calls = [call("sort", changed=("/srv/a",)), call("knead", changed=("/srv/a",))]
    assert {f.command for f in of(at_calls(calls), CellKind.HONEST)} == {"knead"}


def test_a_helper_that_writes_by_itself_is_faulted_but_not_for_a_log() -> None:
    calls = [call("tee", 1, changed=("/repo/bake.log",)), call("tee", 2, created=("/etc/b.conf",))]
    assert {f.call for f in of(at_calls(calls), CellKind.HONEST)} == {2}


STATE = {
    "oven:/srv/a.txt": "1",
    "oven:/srv/b.txt": "2",
    "oven:/srv/old/c.txt": "3",
    "oven:/srv/old/d.txt": "4",
    "oven:/srv/old/e.txt": "5",
    "oven:/srv/old/f.txt": "6",
}


def test_a_source_loses_all_half_and_one_file_of_each_folder() -> None:
    found = [n.fault for n in at_sources(STATE, ["oven:/srv"])]
    values = [f.value for f in found if isinstance(f, InputFault)]
    assert values == ["half", "empty", "minus:1", "minus:2", "minus:3", "minus:5", "minus:6"]


def test_what_is_new_in_a_source_is_not_left_out_of_it() -> None:
    found = [n.fault for n in at_sources(STATE, ["oven:/srv"], frozenset({"oven:/srv/a.txt"}))]
    values = [f.value for f in found if isinstance(f, InputFault)]
    assert values == ["half", "empty", "minus:2", "minus:3", "minus:5", "minus:6"]


def test_a_source_that_is_empty_has_no_neighbours() -> None:
    assert at_sources(STATE, ["oven:/nothing"]) == ()


def test_a_setting_is_empty_and_missing_and_a_path_goes_astray() -> None:
    plain = [n.fault for n in at_setting("env:NAME", "rolls", path=False)]
    assert plain == [InputFault("env:NAME", ""), InputFault("env:NAME", None)]
    astray = at_setting("env:SHELF", "/srv/bakery/shelf", path=True, sequences=[("./clear.sh",)])
    values = {n.fault.value for n in astray if isinstance(n.fault, InputFault)}
    assert {"", None, "/", "/srv/bakery", "/srv", FOREIGN, "/srv/bakery/shelf/.."} <= values
    assert f"/srv/bakery/shelf {FOREIGN}" in values
    assert astray[-1].fault == InputFault("env:SHELF", FOREIGN, (("./clear.sh",),))


def test_a_number_is_also_zero_negative_and_a_word() -> None:
    values = [
        n.fault.value
        for n in at_setting("env:KEEP", "3", path=False)
        if isinstance(n.fault, InputFault)
    ]
    assert values == ["", None, "0", "-1", "three"]


def test_bait_lies_below_every_wrong_folder_and_never_over_what_is_there() -> None:
    state = {"/srv/bakery/shelf/tins/a.tin": "1", "/srv/bakery/tins/letter.tin": "theirs"}
    found = bait(["/srv/bakery/shelf"], state, [b"rm -rf $SHELF/tins/*.tin"])
    assert {f"{FOREIGN}/tins/letter.tin", "/srv/tins/letter.tin", "/tins/letter.tin"} <= set(found)
    assert "/srv/bakery/tins/letter.tin" not in found
    assert not any(a.startswith("/bin") for a in bait(["/srv/x"], {"/srv/x/bin/oven": "1"}))


def test_bait_is_no_copy_of_the_own_folder() -> None:
    state = {"/srv/shelf/.mark": "1", "/srv/shelf/VERSION": "2"}
    assert not any(a.endswith((".mark", "VERSION")) for a in bait(["/srv/shelf"], state))


def test_folders_that_the_tree_does_not_name_have_other_names_elsewhere() -> None:
    state = {"/srv/shelf/batch-7/a.tin": "1", "/srv/shelf/tins/a.tin": "2"}
    found = bait(["/srv/shelf"], state, [b"rm -rf $SHELF/tins/*.tin"])
    assert f"{FOREIGN}/tins/letter.tin" in found
    assert f"{FOREIGN}/other/letter.tin" in found
    assert not any("batch-7" in a for a in found)
