from __future__ import annotations

from sandbox import Argv, Mirroring
from sandbox.engine import Call
from sandbox.proof.mirrors import never_tried, unreached

SEND: Argv = ("./send.sh",)
MIRROR = ("rsync", "-a", "--delete", "shelf/")


def at(line: int, *, entry: tuple[str, ...] = SEND, path: str = "send.sh") -> Mirroring:
    return Mirroring(entry, path, line, MIRROR)


def called(*argv: str) -> Call:
    return Call(argv[0], 1, argv, "/repo", 0)


MIRRORED = called("rsync", "-a", "--delete", "shelf/", "library:/srv/shelf")
COPIED = called("rsync", "-a", "shelf/", "library:/srv/shelf")


def test_a_mirror_that_a_run_came_to_is_reached_and_a_plain_copy_is_no_mirror() -> None:
    assert unreached([at(4)], {SEND: [MIRRORED]}) == ()
    assert unreached([at(4)], {SEND: [COPIED]}) == (at(4),)


def test_one_call_answers_for_one_of_two_equal_mirrors() -> None:
    assert unreached([at(4), at(9)], {SEND: [MIRRORED]}) == (at(9),)
    assert unreached([at(4), at(9)], {SEND: [MIRRORED, MIRRORED]}) == ()


def test_a_place_that_any_entry_point_comes_to_is_reached() -> None:
    nightly = ("./nightly.sh",)
    assert unreached([at(4), at(4, entry=nightly)], {SEND: [], nightly: [MIRRORED]}) == ()


def test_a_mirror_of_an_entry_point_that_was_not_tried_is_not_reached() -> None:
    prune = at(3, entry=("./prune.sh",), path="prune.sh")
    assert never_tried([at(4)], {SEND: [MIRRORED]}, [prune], {SEND: [COPIED]}) == (prune,)


def test_what_base_never_came_to_either_is_nothing_new() -> None:
    before = {SEND: [MIRRORED]}
    assert never_tried([at(4), at(9)], before, [at(5), at(11)], before) == ()
