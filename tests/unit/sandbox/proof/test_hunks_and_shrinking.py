from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sandbox import Files
from sandbox.proof.freezing import spread
from sandbox.proof.hunks import hunks, without
from sandbox.proof.shrinking import Without, shrink


def tree(**files: bytes) -> Files:
    return {path: (0o100644, content) for path, content in files.items()}


lines = st.lists(st.sampled_from([b"a\n", b"b\n", b"c\n", b"\n", b"end"]), max_size=25)
contents = lines.map(b"".join)
trees = st.dictionaries(
    st.sampled_from(["bake", "roll", "docs/x.md"]),
    st.tuples(st.sampled_from([0o100644, 0o100755]), contents | st.just(b"\0bin")),
)


@given(trees, trees)
def test_without_all_hunks_a_draft_is_base_and_without_none_it_is_itself(
    base: Files, draft: Files
) -> None:
    found = hunks(base, draft)
    assert without(base, draft, found, frozenset()) == draft
    assert without(base, draft, found, frozenset(range(len(found)))) == base


@given(trees, trees, st.data())
def test_leaving_hunks_out_leaves_other_files_alone(
    base: Files, draft: Files, data: st.DataObject
) -> None:
    found = hunks(base, draft)
    out = data.draw(st.sets(st.sampled_from(range(len(found))))) if found else set()
    mixed = without(base, draft, found, out)
    touched = {found[i].path for i in out}
    for path in base.keys() | draft.keys():
        if path not in touched:
            assert mixed.get(path) == draft.get(path)


def test_two_places_of_a_file_are_two_hunks() -> None:
    text = [f"step {n}\n".encode() for n in range(30)]
    changed = [b"first\n", *text[1:29], b"last\n"]
    base, draft = tree(bake=b"".join(text)), tree(bake=b"".join(changed))
    found = hunks(base, draft)
    assert [h.header[:2] for h in found] == ["@@", "@@"]
    assert without(base, draft, found, {0})["bake"][1] == b"".join([*text[:29], b"last\n"])


def test_a_new_file_and_a_binary_one_are_whole() -> None:
    found = hunks(tree(b=b"\0"), tree(b=b"\0\1", n=b"new\n"))
    assert [(h.path, h.header) for h in found] == [("b", "whole file"), ("n", "whole file")]


@given(st.integers(1, 9), st.data())
def test_what_stays_is_sufficient_and_never_nothing(count: int, data: st.DataObject) -> None:
    # any one of these sets of hunks is enough: a monotone truth, as a proof has it
    enough = data.draw(
        st.lists(st.frozensets(st.integers(0, count - 1), min_size=1), min_size=1, max_size=4)
    )
    group = data.draw(st.lists(st.integers(0, count - 1), unique=True))

    def trial(left_out: frozenset[int]) -> Without:
        stays = frozenset(range(count)) - left_out
        return Without.FINE if any(one <= stays for one in enough) else Without.HIT

    stays = shrink(count, [group], trial).sufficient
    assert stays
    assert any(one <= stays for one in enough) or not any(
        one <= frozenset(range(count)) for one in enough
    )
    assert set(shrink(count, [group], trial).parts) == set(range(count))


def test_defence_in_depth_is_not_called_idle_twice() -> None:
    def trial(left_out: frozenset[int]) -> Without:
        return Without.HIT if left_out >= {0, 1} else Without.FINE

    found = shrink(3, [], trial)
    assert found.sufficient == {1}
    assert found.parts == {0: Without.FINE, 1: Without.HIT, 2: Without.FINE}


@given(st.integers(1, 7), st.data())
def test_what_stays_passes_the_sharper_trial(count: int, data: st.DataObject) -> None:
    numbers = st.frozensets(st.integers(0, count - 1))
    needed_here, needed_there = data.draw(numbers), data.draw(numbers)

    def trial(left_out: frozenset[int]) -> Without:
        return Without.HIT if left_out & needed_here else Without.FINE

    def confirm(left_out: frozenset[int]) -> Without:
        return Without.HIT if left_out & (needed_here | needed_there) else Without.FINE

    found = shrink(count, [], trial, confirm)
    assert found.sufficient
    assert found.sufficient >= needed_here | needed_there


def test_an_untried_hunk_stays() -> None:
    assert shrink(2, [], lambda _: Without.UNKNOWN).sufficient == {0, 1}


@given(st.lists(st.tuples(st.integers(0, 5), st.integers())), st.integers(0, 20))
def test_a_spread_takes_from_every_group_before_it_takes_twice(
    items: list[tuple[int, int]], most: int
) -> None:
    chosen = spread(((group, (group, i)) for i, (group, _) in enumerate(items)), most)
    assert len(chosen) == min(most, len(items))
    counts = [sum(g == group for g, _ in chosen) for group in {g for g, _ in items}]
    whole = {group: sum(g == group for g, _ in items) for group, _ in items}
    for group, count in zip({g for g, _ in items}, counts, strict=True):
        assert count >= min(whole[group], max(counts, default=0) - 1)
