"""The `toil:` part of a rehearsal: what is taken, and one clear sentence for everything else."""

from __future__ import annotations

import pytest

from sandbox import BadRehearsal
from sandbox.rehearsal import freeze, parse, write
from sandbox.strict import FILE
from sandbox.toil.form import Goal, filled
from tests.unit.sandbox.toil_jetty import REHEARSAL, rehearsal

ADD = 'add: [[bin/berth, add, "{name}", "{channel}", "{side}"]]'


def test_a_rehearsal_of_toil_is_read() -> None:
    toil = parse(rehearsal()).toil
    assert toil is not None
    assert toil.key == "name"
    assert [place.name for place in toil.places] == ["board.md", "signs/berths.json", "radio.conf"]
    assert toil.goal is Goal.DONE
    assert toil.entry == ("bin/berth", "add")


def test_what_is_written_is_read_again_as_the_same() -> None:
    first = parse(rehearsal())
    again = parse(write(first))
    assert again == first


def test_there_is_nothing_to_freeze() -> None:
    assert freeze(rehearsal(), []) == rehearsal()


def test_a_command_gets_the_values_of_an_entity() -> None:
    assert filled(("x", "--to={name}", "{name}{port}"), {"name": "a", "port": "1"}) == (
        "x",
        "--to=a",
        "a1",
    )


BAD = {
    "faults beside toil": ("repeats: 1", "faults: []", "'faults' and `toil` don't go together"),
    "an entry beside toil": ("repeats: 1", "entry: [x]", "'entry' and `toil`"),
    "no story": ("story:", "tale:", "unknown key 'tale'"),
    "too many repeats": ("repeats: 1", "repeats: 99", "a number from 1 to 10"),
    "a calendar": ("  facts:", "  calendar: {period: 90d}\n  facts:", "not supported yet"),
    "an unknown key": ("  operation:", "  operations:", "did you mean 'operation'"),
    "no such type": ("channel: number", "channel: int", "toil.facts.channel is 'int'"),
    "existing values only": (
        "{name: name, channel: number, side: existing}",
        "{name: existing, channel: existing, side: existing}",
        "existing values only",
    ),
    "a field that nothing shows": (
        "side: existing}",
        "side: existing, depth: number}",
        "no place shows depth",
    ),
    "an unknown field": ("fields: [name, side]", "fields: [name, sign]", "names 'sign'"),
    "a reader that never gives a field": (
        "{table: [name, channel, side]}",
        "{table: [name, channel, quay]}",
        "never gives side",
    ),
    "no pattern": ("listen (?P<name>", "listen ((?P<name>", "is no pattern"),
    "no group": (
        "'listen (?P<name>\\S+) on (?P<channel>\\d+)'",
        "'listen .*'",
        "has no named group",
    ),
    "two readers": ("{table: [", "{lines: x, table: [", "says 2 of lines, json and table"),
    "split without json": ("{table: [", "{split: {}, table: [", "goes with json only"),
    "a split of nothing": (
        "side: side}}",
        "side: side}, split: {address: [side, name]}}",
        "cuts 'address'",
    ),
    "a file outside": ("file: board.md", "file: ../board.md", "names '../board.md'"),
    "a file and a command": ("file: board.md", "file: board.md\n      run: [x]", "needs a file or"),
    "the same place twice": ("file: radio.conf", "file: board.md", "has 'board.md' twice"),
    "a truth that is no place": (
        "  operation:",
        "  truth: x\n  operation:",
        "truth names 'x'",
    ),
    "no such goal": ("  operation:", "  goal: perfect\n  operation:", "write `done` or `noticed`"),
    "an operation without add": (ADD, "move: []", "unknown key 'move'"),
    "a hole for nothing": ('"{side}"]', '"{quay}"]', "has a hole {quay}"),
    "an edit of what is no place": (ADD, "add: [{edit: x.csv}]", "names no place"),
    "no command": (ADD, "add: [bin/berth]", "is no command"),
}


@pytest.mark.parametrize(("old", "new", "said"), BAD.values(), ids=BAD.keys())
def test_a_mistake_is_said_in_one_sentence(old: str, new: str, said: str) -> None:
    assert old in REHEARSAL
    with pytest.raises(BadRehearsal) as caught:
        parse(rehearsal(REHEARSAL.replace(old, new, 1)))
    assert said in str(caught.value)
    assert str(caught.value).startswith(FILE)
    assert caught.value.mend
