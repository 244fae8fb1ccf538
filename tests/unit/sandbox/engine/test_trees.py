"""A tree is named by its content and brought whole, or as what differs from another."""

from __future__ import annotations

import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as some

from sandbox import Files, SandboxError
from sandbox.engine import trees

TREE: Files = {
    "a.txt": (0o100644, b"a"),
    "bin/run": (0o100755, b"#!/bin/sh\n"),
    "deep/er/b.txt": (0o100644, b"b"),
    "link": (0o120000, b"../else/where"),
    "caf\udce9.txt": (0o100644, b"not UTF-8"),
}


@pytest.mark.parametrize(
    ("path", "entry"),
    [
        pytest.param("a.txt", (0o100644, b"A"), id="another content"),
        pytest.param("a.txt", (0o100755, b"a"), id="another mode"),
        pytest.param("a.txt", (0o120000, b"a"), id="a link with the same bytes"),
        pytest.param("b.txt", (0o100644, b"a"), id="one file more"),
    ],
)
def test_any_difference_gives_another_name(path: str, entry: tuple[int, bytes]) -> None:
    assert trees.outline({**TREE, path: entry}).digest != trees.outline(TREE).digest
    assert (
        trees.outline(dict(sorted(TREE.items(), reverse=True))).digest == trees.outline(TREE).digest
    )


def test_an_archive_holds_every_file_with_owner_mode_and_time() -> None:
    with trees.archive(TREE, 1_000_000, 77) as archive, tarfile.open(fileobj=archive) as tar:
        members = {m.name: m for m in tar.getmembers()}
        assert members["bin/run"].mode == 0o755
        assert members["a.txt"].mode == 0o644
        assert members["link"].linkname == "../else/where"
        assert "caf\udce9.txt" in members
        assert {n for n, m in members.items() if m.isdir()} == {"bin", "deep", "deep/er"}
        assert {(m.uid, m.gid, m.mtime) for m in members.values()} == {(77, 77, 1_000_000)}


def test_a_tree_that_the_keeper_can_not_hold_is_refused_with_what_to_do() -> None:
    big = memoryview(bytes(1)).cast("B")  # one shared byte string, many times
    content = bytes(big) * (64 << 20)
    tree: dict[str, tuple[int, bytes]] = {f"{n}": (0o100644, content) for n in range(16)}
    tree["film.mov"] = (0o100644, content + b"1")
    with pytest.raises(SandboxError, match=r"1088 MiB of at most 1024 MiB.*film\.mov") as refused:
        trees.archive(tree, 0, 0)
    assert refused.value.mend
    assert refused.value.code.startswith("missing")  # something to mend, not a verdict


names = some.lists(some.sampled_from("abc"), min_size=1, max_size=3).map("/".join)


def a_tree(files: dict[str, bytes]) -> Files:
    """Drop what lies below another file: no tree holds both."""
    parents = {"/".join(p.split("/")[:n]) for p in files for n in range(1, len(p.split("/")))}
    return {p: (0o100644, v) for p, v in files.items() if p not in parents}


@given(
    old=some.dictionaries(names, some.binary(max_size=2), max_size=8),
    new=some.dictionaries(names, some.binary(max_size=2), max_size=8),
)
def test_old_with_the_difference_is_new(old: dict[str, bytes], new: dict[str, bytes]) -> None:
    before, after = a_tree(old), a_tree(new)
    written, gone = trees.difference(trees.outline(before), trees.outline(after))
    # as an overlay does it: what is gone hides all below, a file hides a folder of its name
    hidden = gone | written
    left = {
        path: entry
        for path, entry in before.items()
        if not any(path == h or path.startswith(h + "/") for h in hidden)
    }
    assert left | {path: after[path] for path in written} == after
    parents = {path.rpartition("/")[0] for path in gone} - {""}
    assert not parents & gone
    assert not any(path in after for path in gone)
