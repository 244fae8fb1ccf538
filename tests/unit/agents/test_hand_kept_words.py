"""What a request says of lists kept by hand: the command, and the side that is right."""

from __future__ import annotations

import pytest

from agents.reading import lists
from agents.reading.lists import Group
from agents.recipes.hand_kept import facts, words
from agents.recipes.hand_kept.facts import Fact, Unclear
from tests.unit.agents.trees import load

FILES, REQUEST = load("stations-inventory")
GROUP: Group = lists.groups(FILES)[0]
PATHS = GROUP.paths


def fact() -> Fact:
    found = facts.understand(GROUP, lists.readable(FILES))
    assert isinstance(found, Fact)
    return found


@pytest.mark.parametrize(
    ("said", "path", "verbs", "holes"),
    [
        pytest.param(
            "`ops/nodes add NAME IP`, `ops/nodes remove NAME` and `ops/nodes check`",
            "ops/nodes",
            ("add", "remove", "check"),
            ("name", "ip"),
            id="capitals",
        ),
        pytest.param(
            "`./nodes.sh register <who> <where>` please",
            "nodes.sh",
            ("register", "remove", "check"),
            ("who", "where"),
            id="angles",
        ),
        pytest.param(
            "Like this:\n\n    $ bin/n new {id}\n    $ bin/n drop {id}\n",
            "bin/n",
            ("new", "drop", "check"),
            ("id",),
            id="an indented block",
        ),
    ],
)
def test_a_command_line_in_the_request_is_the_command(
    said: str, path: str, verbs: tuple[str, ...], holes: tuple[str, ...]
) -> None:
    found = words.command(said, GROUP, FILES)
    assert (found.path, (found.add, found.remove, found.check), found.holes) == (path, verbs, holes)
    assert found.named


@pytest.mark.parametrize(
    "said",
    [
        pytest.param("It takes too long.", id="none"),
        pytest.param("`make add` is what I want", id="a runner of targets"),
        pytest.param("`../x add NAME`", id="outside of the tree"),
        pytest.param("`scripts/push.py add NAME`", id="a file that is there"),
    ],
)
def test_without_a_usable_command_the_tool_stands_where_tools_stand(said: str) -> None:
    found = words.command(said, GROUP, FILES)
    assert (found.path, found.named) == ("scripts/stations", False)


@pytest.mark.parametrize(
    ("said", "path"),
    [
        ("If in doubt trust dhcp.", "dhcp/stations.conf"),
        ("Where they differ the zone is right.", "dns/weather.zone"),
        ("`inventory/hosts.ini` is always correct.", "inventory/hosts.ini"),
        ("inventory/hosts.ini", "inventory/hosts.ini"),
        ("dns is wrong again.", ""),
        ("The stations are right.", ""),
        ("I keep dhcp by hand. Right.", ""),
    ],
)
def test_the_right_side_is_the_place_that_a_sentence_calls_right(said: str, path: str) -> None:
    assert words.right([said], PATHS, "stations") == path


@pytest.mark.parametrize(
    "said",
    [
        "The nightly publish deleted half of the live site.",
        "push.py fails when the name server is down.",
        "Please write down how dns works.",
        "dhcp is slow.",
    ],
)
def test_a_request_about_something_else_is_not_about_a_list(said: str) -> None:
    assert words.relevance(said, GROUP, words.command(said, GROUP, FILES)) == 0


@pytest.mark.parametrize(
    "said",
    [
        REQUEST,
        "We forget dns each time we add a station by hand.",
        "st-31 was missing in dns, the same list is kept in three files.",
    ],
)
def test_a_request_about_forgotten_files_is_about_the_list(said: str) -> None:
    assert words.relevance(said, GROUP, words.command(said, GROUP, FILES)) > 0


def test_placeholders_stand_for_the_fields_of_their_kind() -> None:
    meant = words.matched(("id", "address", "zone"), fact())
    assert meant == {"id": "name", "address": "ansible_host", "zone": "zone"}


def test_a_command_with_too_few_values_is_unclear() -> None:
    found = words.matched(("id", "address"), fact())
    assert isinstance(found, Unclear)
    assert "takes 2 values" in found.why
