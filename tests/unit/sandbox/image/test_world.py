"""The orders of a world, on real folders: what is in the image, run here without its libraries."""

from __future__ import annotations

import base64
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.image.inside.world.control import answer
from sandbox.image.inside.world.journal import Journal, canonical
from sandbox.image.inside.world.machines import Machines
from sandbox.image.inside.world.values import Item, Picture, Refused, digest
from sandbox.image.inside.world.world import Quiet, World


class Shelves:
    """Object storage in a dictionary, in place of moto's, by the same promise."""

    def __init__(self) -> None:
        self.buckets: tuple[str, ...] = ()
        self._there: dict[str, bytes] = {}

    def reset(self, buckets: Iterable[str]) -> None:
        self.buckets, self._there = tuple(buckets), {}

    def old(self) -> float:
        return 0.0

    def moment(self, about: Mapping[str, Any], usual: float) -> float:
        return usual

    def place(self, address: str, content: bytes, at: float, headers: Any = None) -> None:
        self._there[address] = content

    def about(self, item: Item) -> dict[str, Any]:
        return {}

    def owns(self, address: str) -> bool:
        return address.startswith("s3://")

    def picture(self) -> Picture:
        return {at: Item(digest(data), _Kept(data)) for at, data in self._there.items()}

    def shape(self) -> tuple[str, ...]:
        return self.buckets

    def become(self, picture: Picture, shape: tuple[str, ...]) -> None:
        self.buckets = shape
        self._there = {at: item.kept.content for at, item in picture.items()}

    def give_back(self, address: str, item: Item | None) -> None:
        self.put(address, None if item is None else item.kept.content)

    def put(self, address: str, content: bytes | None) -> None:
        if content is None:
            self._there.pop(address, None)
        else:
            self._there[address] = content

    def read(self, address: str) -> bytes | None:
        return self._there.get(address)

    def watch(self) -> None: ...

    def reads(self) -> Iterable[str]:
        return ()


class _Kept:
    def __init__(self, content: bytes) -> None:
        self.content = content


def text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def a_world(top: Path) -> World:
    machines = Machines(str(top / "hosts"), busy=lambda: False)
    return World(Shelves(), machines, Journal(), Quiet())


def started(top: Path) -> World:
    world = a_world(top)
    world.do(
        {
            "op": "load",
            "buckets": ["shelf"],
            "hosts": ["attic", "cellar"],
            "unreachable": ["moon"],
            "content": {
                "attic:/srv/letters/a": text(b"one"),
                "attic:/srv/letters/b": text(b"two"),
                "s3://shelf/x": text(b"three"),
            },
        }
    )
    return world


@pytest.fixture
def world(tmp_path: Path) -> World:
    return started(tmp_path)


def state(world: World) -> Mapping[str, str]:
    found: Mapping[str, str] = world.do({"op": "state"})["state"]
    return found


def disk(tmp_path: Path, address: str) -> Path:
    host, _, path = address.partition(":")
    return tmp_path / "hosts" / host / path.lstrip("/")


def touch(world: World, tmp_path: Path, address: str, content: bytes | None) -> None:
    """What a command on a host does: behind the world's back."""
    path = disk(tmp_path, address)
    if content is None:
        path.unlink()
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    world.machines.touched()


# load, state, read, put


def test_a_state_names_every_file_object_and_line_by_its_digest(world: World) -> None:
    world.journal.write("bell", ["bell", "ring"])
    assert state(world) == {
        "attic:/srv/letters/a": digest(b"one"),
        "attic:/srv/letters/b": digest(b"two"),
        "s3://shelf/x": digest(b"three"),
        "journal:bell/1": digest(b"bell ring"),
    }


def test_loading_again_leaves_nothing_of_the_world_before(world: World) -> None:
    world.journal.write("bell", ["bell"])
    world.unknown("something")
    world.do({"op": "load", "buckets": [], "hosts": ["attic"], "unreachable": [], "content": {}})
    assert state(world) == {}
    assert world.do({"op": "unknown"})["unknown"] == []
    with pytest.raises(Refused, match="cellar"):
        world.do({"op": "put", "content": {"cellar:/a": text(b"x")}})


@pytest.mark.parametrize(
    ("address", "content"),
    [
        ("attic:/srv/letters/a", b"one"),
        ("s3://shelf/x", b"three"),
        ("attic:/srv/letters/none", None),
        ("s3://shelf/none", None),
        ("nowhere", None),
    ],
)
def test_reading_gives_content_or_nothing(
    world: World, address: str, content: bytes | None
) -> None:
    said = world.do({"op": "read", "address": address})["content"]
    assert said == (None if content is None else text(content))


def test_what_is_put_counts_as_newer_than_what_was_there(world: World, tmp_path: Path) -> None:
    path = disk(tmp_path, "attic:/srv/letters/a")
    before = path.stat().st_mtime
    world.do({"op": "put", "content": {"attic:/srv/letters/a": text(b"ONE")}})
    first = path.stat().st_mtime
    world.do({"op": "put", "content": {"attic:/srv/letters/a": text(b"Uno")}})
    assert before + 1 <= first
    assert first + 1 <= path.stat().st_mtime


def test_putting_none_removes_a_file_and_a_slash_all_below(world: World, tmp_path: Path) -> None:
    world.do({"op": "put", "content": {"attic:/srv/letters/a": None}})
    assert sorted(state(world)) == ["attic:/srv/letters/b", "s3://shelf/x"]
    world.do({"op": "put", "content": {"attic:/srv/letters/": None}})
    assert sorted(state(world)) == ["s3://shelf/x"]
    assert disk(tmp_path, "attic:/srv/letters").is_dir()  # as when nothing is mounted there


@pytest.mark.parametrize(
    "address", ["moon:/srv/a", "attic:/../cellar/a", "s4://shelf/a", "attic", "journal:bell/one"]
)
def test_an_address_that_is_nowhere_is_refused(world: World, address: str) -> None:
    with pytest.raises(Refused):
        world.do({"op": "put", "content": {address: text(b"x")}})


# save, restore, dump


def test_restoring_brings_back_files_links_modes_times_and_folders(
    world: World, tmp_path: Path
) -> None:
    script = disk(tmp_path, "attic:/srv/letters/run")
    touch(world, tmp_path, "attic:/srv/letters/run", b"#!/bin/sh\n")
    script.chmod(0o750)
    disk(tmp_path, "attic:/srv/now").symlink_to("letters")
    disk(tmp_path, "attic:/srv/empty").mkdir()
    world.machines.touched()
    before = world.do({"op": "dump"})
    world.do({"op": "save", "as": "s"})

    script.chmod(0o600)
    os.utime(disk(tmp_path, "attic:/srv/letters/a"), (5, 5))
    disk(tmp_path, "attic:/srv/now").unlink()
    disk(tmp_path, "attic:/srv/empty").rmdir()
    disk(tmp_path, "attic:/srv/letters/b").unlink()
    touch(world, tmp_path, "attic:/srv/letters/b/in", b"a folder in place of a file")
    touch(world, tmp_path, "cellar:/srv/deep/er", b"new")
    assert world.do({"op": "dump"}) != before

    world.do({"op": "restore", "from": "s"})
    assert world.do({"op": "dump"}) == before
    assert not disk(tmp_path, "cellar:/srv/deep").exists()


def test_a_dump_loaded_elsewhere_is_the_same_world(world: World, tmp_path: Path) -> None:
    world.journal.write("bell", ["bell", "ring"])
    disk(tmp_path, "attic:/srv/now").symlink_to("letters")
    world.machines.touched()
    other = a_world(tmp_path / "other")
    other.do({**world.do({"op": "dump"}), "op": "load"})
    assert state(other) == state(world)
    assert other.do({"op": "dump"}) == world.do({"op": "dump"})


def test_saved_worlds_are_apart_until_forgotten(world: World) -> None:
    world.do({"op": "save", "as": "one"})
    world.do({"op": "put", "content": {"s3://shelf/x": text(b"other")}})
    world.do({"op": "save", "as": "two"})
    for name, content in (("one", b"three"), ("two", b"other"), ("one", b"three")):
        world.do({"op": "restore", "from": name})
        assert state(world)["s3://shelf/x"] == digest(content)
    world.do({"op": "forget", "name": "one"})
    with pytest.raises(Refused, match="one"):
        world.do({"op": "restore", "from": "one"})


def test_a_link_to_an_absolute_path_is_the_hosts_own(world: World, tmp_path: Path) -> None:
    root = disk(tmp_path, "attic:/")
    (root / "srv/now").symlink_to(root / "srv/letters")  # as libfakechroot writes it
    world.machines.touched()
    assert state(world)["attic:/srv/now"] == "->/srv/letters"


def test_a_restored_folder_that_was_locked_comes_back(world: World, tmp_path: Path) -> None:
    world.do({"op": "save", "as": "s"})
    folder = disk(tmp_path, "attic:/srv/letters")
    disk(tmp_path, "attic:/srv/letters/a").chmod(0)
    folder.chmod(0)
    world.machines.touched()
    assert state(world)["attic:/srv/letters/a"] == digest(b"one")
    world.do({"op": "restore", "from": "s"})
    assert folder.stat().st_mode & 0o777 == 0o755


# mark, since, undo


def test_effects_are_told_apart_and_reads_are_seen(world: World, tmp_path: Path) -> None:
    token = world.do({"op": "mark"})["token"]
    disk(tmp_path, "attic:/srv/letters/a").read_bytes()
    touch(world, tmp_path, "cellar:/var/new", b"x")
    touch(world, tmp_path, "attic:/srv/letters/b", None)
    world.do({"op": "put", "content": {"s3://shelf/x": text(b"changed")}})
    world.journal.write("bell", ["bell"])
    since = world.do({"op": "since", "token": token})
    assert since["created"] == ["cellar:/var/new", "journal:bell/1"]
    assert since["changed"] == ["s3://shelf/x"]
    assert since["removed"] == ["attic:/srv/letters/b"]
    assert since["read"] == ["attic:/srv/letters"]


def test_a_call_that_does_nothing_has_no_effects_and_read_nothing(world: World) -> None:
    token = world.do({"op": "mark"})["token"]
    since = world.do({"op": "since", "token": token})
    assert since == {"ok": True, "created": [], "changed": [], "removed": [], "read": []}


def test_only_the_topmost_folder_that_was_read_is_named(world: World, tmp_path: Path) -> None:
    touch(world, tmp_path, "attic:/srv/letters/old/c", b"x")
    token = world.do({"op": "mark"})["token"]
    for folder, _, names in os.walk(disk(tmp_path, "attic:/srv/letters")):
        for name in names:
            Path(folder, name).read_bytes()
    world.machines.touched()
    assert world.do({"op": "since", "token": token})["read"] == ["attic:/srv/letters"]


def test_a_mark_that_was_never_given_is_refused(world: World) -> None:
    with pytest.raises(Refused):
        world.do({"op": "since", "token": 77})


ADDRESSES = (
    *(f"attic:/srv/{name}" for name in ("a", "b/c", "b/d", "e/f/g")),
    "cellar:/var/h",
    *(f"s3://shelf/{name}" for name in ("i", "j/k")),
)
contents = st.sampled_from([b"", b"red", b"green", b"blue"])
worlds = st.dictionaries(st.sampled_from(ADDRESSES), contents)


def place(world: World, wanted: Mapping[str, bytes]) -> None:
    gone = {address: None for address in ADDRESSES if address not in wanted}
    there = {address: text(content) for address, content in wanted.items()}
    world.do({"op": "put", "content": {**gone, **there}})


@settings(deadline=None, max_examples=30)
@given(before=worlds, after=worlds, lines=st.integers(0, 3), how=st.sampled_from(["cut", "short"]))
def test_undoing_keeps_the_earlier_half_whole_and_takes_the_later_half_back(
    before: dict[str, bytes], after: dict[str, bytes], lines: int, how: str
) -> None:
    for world in _worlds():
        place(world, before)
        was = state(world)
        token = world.do({"op": "mark"})["token"]
        place(world, after)
        for number in range(lines):
            world.journal.write("bell", ["bell", str(number)])
        now = state(world)
        since = world.do({"op": "since", "token": token})
        effects = since["created"] + since["changed"] + since["removed"]
        assert all(part == sorted(part) for part in (since["created"], since["changed"]))

        undone = world.do({"op": "undo", "token": token, "how": how})

        assert undone["kept"] + undone["undone"] == effects
        assert len(undone["kept"]) == len(effects) // 2
        expected = {**now, **{at: was[at] for at in undone["undone"] if at in was}}
        for address in undone["undone"]:
            if address not in was:
                del expected[address]
        assert state(world) == expected


@settings(deadline=None, max_examples=30)
@given(before=worlds, after=worlds)
def test_restoring_after_anything_is_the_saved_world(
    before: dict[str, bytes], after: dict[str, bytes]
) -> None:
    for world in _worlds():
        place(world, before)
        was = world.do({"op": "dump"})
        world.do({"op": "save", "as": "s"})
        place(world, after)
        world.do({"op": "restore", "from": "s"})
        assert world.do({"op": "dump"}) == was


def test_folders_that_undone_files_needed_go_with_them(world: World, tmp_path: Path) -> None:
    token = world.do({"op": "mark"})["token"]
    touch(world, tmp_path, "cellar:/srv/new/deep/file", b"x")
    world.do({"op": "undo", "token": token, "how": "cut"})
    assert not disk(tmp_path, "cellar:/srv/new").exists()


# the journal, the socket


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("say /tmp/tmp.Ab3dEf9x/a", "say /tmp/tmp.Qq7yyZ01/a"),
        ("say --at 1767225600", "say --at 1798761600"),
        ("say 2026-01-02T03:04:05Z", "say 2026-11-12T13:14:15Z"),
        ("say 0b8f4a52-0000-4000-8000-aaaaaaaaaaaa", "say ffffffff-1111-4000-8000-bbbbbbbbbbbb"),
    ],
)
def test_lines_that_differ_by_the_run_alone_are_the_same(one: str, two: str) -> None:
    assert canonical(one.split()) == canonical(two.split())


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("stop a", "stop b"),
        ("say '' b", "say b"),
        ("scale 3", "scale 4"),
        ("drop v1.2", "drop v1.3"),
    ],
)
def test_lines_that_mean_different_things_stay_apart(one: str, two: str) -> None:
    assert canonical(one.split()) != canonical(two.split())


@pytest.mark.parametrize(
    "line", [b"{", b"[]", b'{"op": "dance"}', b'{"op": "save"}', b'{"op": "undo", "token": 1}']
)
def test_an_order_that_makes_no_sense_is_answered_and_the_world_goes_on(
    world: World, line: bytes
) -> None:
    assert set(answer(line, world.do)) == {"error"}
    assert answer(b'{"op": "unknown"}', world.do) == {"ok": True, "unknown": []}


def test_a_selftest_that_fails_says_so_and_leaves_the_world_as_it_was(world: World) -> None:
    before = world.do({"op": "dump"})

    def fails() -> None:
        world.do({"op": "load", "buckets": [], "hosts": [], "unreachable": [], "content": {}})
        raise Refused("self-test: nothing works")

    world.selftest = fails
    assert answer(b'{"op": "selftest"}', world.do) == {"error": "self-test: nothing works"}
    assert world.do({"op": "dump"}) == before


def _worlds() -> Iterator[World]:
    """One fresh world; hypothesis can't take fixtures that live for one example."""
    with tempfile.TemporaryDirectory() as top:
        world = a_world(Path(top))
        world.do({"op": "load", "buckets": ["shelf"], "hosts": ["attic", "cellar"]})
        yield world
