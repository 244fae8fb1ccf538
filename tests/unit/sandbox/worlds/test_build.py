from __future__ import annotations

from typing import Any

import pytest

from sandbox import BadRehearsal
from sandbox.engine import Tool
from sandbox.worlds import build, validate

SPEC: dict[str, Any] = {
    "object-storage": {"buckets": ["old-shelf"], "objects": {"shelf-one": ["a.txt", "b/c.txt"]}},
    "hosts": {"attic": {"/srv/letters": ["one", "two"]}, "cellar": None},
    "unreachable": ["moon"],
    "files": {"/var/post": ["in/1"], "/var/out": []},
    "tools": {"press": {"kind": "converter", "output": "-o"}},
    "env": {"STAMPS": "three", "PAGES": 4},
}


def test_every_kind_ends_in_its_place() -> None:
    world = build(SPEC, 1)
    assert world.buckets == ("old-shelf", "shelf-one")
    assert world.hosts == ("attic", "cellar")
    assert world.unreachable == ("moon",)
    assert world.tools == (Tool("press", "converter", "-o"),)
    assert world.env == {"STAMPS": "three", "PAGES": "4"}
    assert world.empty == ("/var/out",)
    assert set(world.content) == {
        "s3://shelf-one/a.txt",
        "s3://shelf-one/b/c.txt",
        "attic:/srv/letters/one",
        "attic:/srv/letters/two",
        "/var/post/in/1",
    }


def test_content_follows_the_seed_and_nothing_else() -> None:
    assert build(SPEC, 1) == build(SPEC, 1)
    assert build(SPEC, 1).content != build(SPEC, 2).content


def test_lists_are_a_short_way_to_say_empty() -> None:
    world = build({"hosts": ["attic"], "files": ["/var/post"]}, 1)
    assert world.hosts == ("attic",)
    assert world.empty == ("/var/post",)


def test_a_folder_without_names_is_made_on_a_host_too() -> None:
    world = build({"hosts": {"attic": {"/srv/old": ["one.txt"], "/srv/new": []}}}, 1)
    assert world.empty == ("attic:/srv/new",)
    assert list(world.content) == ["attic:/srv/old/one.txt"]


def test_no_world_at_all_is_an_empty_world() -> None:
    assert build(None, 1) == build({}, 1)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        pytest.param({"queue": {}}, '"queue"', id="a kind that nobody stands in for"),
        pytest.param([], "not a mapping", id="not a mapping"),
        pytest.param({"object-storage": {"bucket": []}}, '"bucket"', id="a key that is not known"),
        pytest.param({"object-storage": {"buckets": ["No"]}}, '"No"', id="a bucket's name"),
        pytest.param({"hosts": {"a b": {}}}, '"a b"', id="a host's name"),
        pytest.param({"hosts": {"attic": {"srv": []}}}, "'srv'", id="a relative folder"),
        pytest.param({"files": {"/srv": ["../x"]}}, "'../x'", id="a name that climbs out"),
        pytest.param({"files": {"/srv": "x"}}, "list of names", id="a name in place of a list"),
        pytest.param({"tools": {"press": {"kind": "magic"}}}, "'magic'", id="a tool's kind"),
        pytest.param({"tools": {"press": {"kind": "builder"}}}, "output", id="no output"),
        pytest.param(
            {"tools": {"press": {"kind": "sink", "count": 0}}}, "make 0 files", id="no files"
        ),
        pytest.param({"env": {"A-B": "x"}}, "A-B", id="a variable's name"),
        pytest.param({"env": {"A": True}}, "True", id="a value that YAML turned into a boolean"),
    ],
)
def test_a_wrong_world_is_refused_in_one_sentence(spec: Any, said: str) -> None:
    with pytest.raises(BadRehearsal) as refusal:
        validate(spec)
    assert said in str(refusal.value)
    assert refusal.value.mend
