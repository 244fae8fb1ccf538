from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from service.ledger import tree

MOST = 130
CONTENTS = [b"loaf %d" % number for number in range(MOST)]


def grown(contents: list[bytes]) -> dict[tuple[int, int], bytes]:
    """All nodes of the tree over `contents`."""
    nodes: dict[tuple[int, int], bytes] = {}
    tops: list[bytes] = []
    for index, content in enumerate(contents):
        for level, at, made in tree.grow(tops, index, tree.leaf(content)):
            assert (level, at) not in nodes  # a node is made once and never again
            nodes[level, at] = made
    return nodes


NODES = grown(CONTENTS)


def read(level: int, index: int) -> bytes:
    return NODES[level, index]


@pytest.fixture(scope="module")
def oracle() -> InmemoryTree:
    """Another implementation of the same RFC."""
    other = InmemoryTree(algorithm="sha256")
    for content in CONTENTS:
        other.append_entry(content)
    return other


def test_roots_are_those_of_another_implementation(oracle: InmemoryTree) -> None:
    for size in range(1, MOST + 1):
        assert tree.root(size, read) == oracle.get_root(size)


def test_inclusion_paths_are_those_of_another_implementation(oracle: InmemoryTree) -> None:
    for size in (1, 2, 3, 7, 8, 9, 64, 100, MOST):
        for index in range(size):
            # That one puts the leaf itself in front and counts from one.
            theirs = oracle.prove_inclusion(index + 1, size).path[1:]
            assert list(tree.inclusion(index, size, read)) == theirs


def test_every_leaf_is_shown_in_every_tree_that_holds_it() -> None:
    for size in range(1, MOST + 1):
        root = tree.root(size, read)
        for index in range(size):
            path = tree.inclusion(index, size, read)
            assert tree.verify_inclusion(read(0, index), index, size, path, root)


def test_every_older_tree_is_shown_in_every_newer_one() -> None:
    roots = [tree.root(size, read) for size in range(MOST + 1)]
    for new in range(1, MOST + 1):
        for old in range(1, new + 1):
            path = tree.consistency(old, new, read)
            assert tree.verify_consistency(old, new, path, roots[old], roots[new])


@given(st.data())
def test_an_inclusion_with_one_thing_altered_is_not_shown(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, MOST))
    index = data.draw(st.integers(0, size - 1))
    path, root = tree.inclusion(index, size, read), tree.root(size, read)
    assert not tree.verify_inclusion(tree.leaf(b"stale"), index, size, path, root)
    assert not tree.verify_inclusion(read(0, index), index, size, path, tree.EMPTY)
    assert not tree.verify_inclusion(read(0, index), index, size, path[:-1], root)
    assert not tree.verify_inclusion(read(0, index), index, size, (*path, root), root)
    assert not tree.verify_inclusion(read(0, index), size, size, path, root)
    assert not tree.verify_inclusion(read(0, index), -1, size, path, root)
    elsewhere = data.draw(st.integers(0, size - 1).filter(lambda other: other != index))
    assert not tree.verify_inclusion(read(0, index), elsewhere, size, path, root)
    at = data.draw(st.integers(0, len(path) - 1))
    wrong = (*path[:at], tree.EMPTY, *path[at + 1 :])
    assert not tree.verify_inclusion(read(0, index), index, size, wrong, root)


@given(st.data())
def test_a_consistency_with_one_thing_altered_is_not_shown(data: st.DataObject) -> None:
    new = data.draw(st.integers(2, MOST))
    old = data.draw(st.integers(1, new - 1))
    path = tree.consistency(old, new, read)
    first, second = tree.root(old, read), tree.root(new, read)
    assert not tree.verify_consistency(old, new, path, tree.EMPTY, second)
    assert not tree.verify_consistency(old, new, path, first, tree.EMPTY)
    assert not tree.verify_consistency(old, new, path[:-1], first, second)
    assert not tree.verify_consistency(old, new, (*path, first), first, second)
    assert not tree.verify_consistency(new, old, path, second, first)
    assert not tree.verify_consistency(0, new, path, tree.EMPTY, second)
    at = data.draw(st.integers(0, len(path) - 1))
    wrong = (*path[:at], tree.leaf(b"stale"), *path[at + 1 :])
    assert not tree.verify_consistency(old, new, wrong, first, second)


def test_a_tree_of_nothing_has_the_root_of_nothing() -> None:
    assert tree.root(0, read) == tree.EMPTY


@pytest.mark.parametrize(("index", "size"), [(0, 0), (5, 5), (-1, 3)])
def test_there_is_no_path_to_a_leaf_outside(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="no leaf"):
        tree.inclusion(index, size, read)


@pytest.mark.parametrize(("old", "new"), [(0, 5), (6, 5)])
def test_a_longer_tree_is_no_prefix(old: int, new: int) -> None:
    with pytest.raises(ValueError, match="prefix"):
        tree.consistency(old, new, read)
