from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox import BadRehearsal, Files
from sandbox.rehearsal import (
    CallFault,
    Fault,
    Frozen,
    InputFault,
    LimitFault,
    Rehearsal,
    Stimulus,
    Workspace,
    WorldSketch,
    fault_mapping,
    freeze,
    parse,
    write,
)

GOOD: dict[str, Any] = {
    "schema": "rehearsal/v1",
    "story": "A copy that stops must not cost a recipe.",
    "failure": "destructive-publish",
    "entry": ["./bake.sh", "sunday"],
    "world": {
        "object-storage": {"buckets": ["bakery"], "objects": {"bakery": ["rolls/seeded.txt"]}},
        "hosts": {"oven": {"/srv/recipes": ["rye.txt", "old/oat.txt"]}},
        "files": {"/srv/dough": ["a.txt"]},
        "text": {"/etc/bakery.conf": "SHELF=/srv/dough\n"},
        "tools": {"mixer": {"kind": "converter", "output": "-o"}},
        "env": {"SHELF": "/srv/dough"},
    },
    "prime": ["entry", ["./warm.sh"]],
    "stimulus": {"change": ["oven:/srv/recipes/rye.txt"], "add": ["/srv/dough/b.txt"]},
    "faults": [
        {"command": "rsync", "call": 1, "does": "cut", "exit": 12},
        {"input": "env:SHELF", "value": ""},
        {"input": "oven:/srv/recipes", "value": "half"},
        {"limit": 700},
    ],
    "invariants": [{"old-or-new": ["object-storage", "/srv/dough"]}],
}


def folder(document: object, **scripts: bytes) -> Files:
    text = document if isinstance(document, str) else yaml.safe_dump(document)
    files = {"rehearsal.yaml": (0o100644, text.encode())}
    files |= {f"{name}.sh": (0o100755, content) for name, content in scripts.items()}
    return files


def but(**changed: Any) -> Files:
    return folder({k: v for k, v in (GOOD | changed).items() if v is not None})


def test_a_rehearsal_says_what_was_written() -> None:
    found = parse(folder(GOOD))
    assert found.entry == ("./bake.sh", "sunday")
    assert found.prime == (None, ("./warm.sh",))
    assert found.faults == (
        CallFault("rsync", "cut", exit=12),
        InputFault("env:SHELF", ""),
        InputFault("oven:/srv/recipes", "half"),
        LimitFault(700),
    )
    assert found.watch == ("object-storage", "/srv/dough")
    assert found.workspace is Workspace.WARM
    assert found.repeats == 3
    assert found.world.folders() == ("/srv/dough", "oven:/srv/recipes")


def test_a_world_is_filled_from_the_seed_and_the_exact_texts() -> None:
    world = parse(folder(GOOD)).world
    one, two = world.build(1).content, world.build(2).content
    assert one["/etc/bakery.conf"] == b"SHELF=/srv/dough\n"
    assert one.keys() == two.keys()
    assert one["oven:/srv/recipes/rye.txt"] != two["oven:/srv/recipes/rye.txt"]


@pytest.mark.parametrize(
    ("files", "says"),
    [
        pytest.param({}, "no rehearsal.yaml", id="no file"),
        pytest.param(folder("a: [1"), "not YAML at line", id="not YAML"),
        pytest.param(folder("story: a\nstory: b\n"), "'story' is given twice", id="a key twice"),
        pytest.param(folder("- a\n"), "no mapping", id="a list"),
        pytest.param(but(schema="rehearsal/v9"), "schema is", id="another schema"),
        pytest.param(but(stroy="x"), "did you mean 'story'", id="a misspelt key"),
        pytest.param(but(story=None), "'story' is missing", id="no story"),
        pytest.param(but(entry="./bake.sh"), "entry is no command", id="entry is a string"),
        pytest.param(but(entry=[]), "entry is no command", id="entry is empty"),
        pytest.param(but(entry=["a", 1]), "not text", id="a number in entry"),
        pytest.param(but(repeats=0), "from 1 to", id="no repeats"),
        pytest.param(but(repeats=True), "from 1 to", id="repeats is a boolean"),
        pytest.param(but(workspace="tidy"), "`cold` or `warm`", id="another workspace"),
        pytest.param(but(harm="harm.sh"), "not in the folder", id="a script that is not there"),
        pytest.param(but(prepare="../x"), "not in the folder", id="a script outside"),
        pytest.param(but(world={"queue": {}}), "no stand-in", id="a world without a stand-in"),
        pytest.param(but(world={"files": {"/usr/x": ["a"]}}), "system folder", id="system folder"),
        pytest.param(
            but(faults=[{"does": "cut"}]), "command, input and limit", id="a fault of nothing"
        ),
        pytest.param(
            but(faults=[{"command": "cp", "limit": 3}]), "exactly one", id="a fault of two things"
        ),
        pytest.param(
            but(faults=[{"command": "cp", "does": "explode"}]), "choose one", id="unknown kind"
        ),
        pytest.param(
            but(faults=[{"command": "cp", "does": "cut", "call": 0}]), "from 1", id="call 0"
        ),
        pytest.param(
            but(faults=[{"command": "cp", "does": "play"}]), "go together", id="play, no script"
        ),
        pytest.param(but(faults=[{"input": "env:A B", "value": ""}]), "name a setting", id="name"),
        pytest.param(but(faults=[{"input": "env:A"}]), "has no value", id="input without value"),
        pytest.param(but(faults=[{"input": "env:A", "value": 3}]), "quotes", id="a number"),
        pytest.param(
            but(faults=[{"input": "/srv/dough", "value": "third"}]), "half, empty", id="a third"
        ),
        pytest.param(
            but(faults=[{"input": "/srv/dough", "value": "minus:0"}]), "half, empty", id="minus 0"
        ),
        pytest.param(but(stimulus={"add": ["dough.txt"]}), "absolute path", id="relative"),
        pytest.param(but(stimulus={"add": ["/srv/../etc/x"]}), "absolute path", id="parent"),
        pytest.param(but(invariants=[]), "watch nothing", id="no invariant"),
        pytest.param(
            but(invariants=[{"good-copies": {"in": ["/x"]}}]), "not supported yet", id="later"
        ),
        pytest.param(but(invariants=[{"old-or-knew": []}]), "did you mean", id="misspelt"),
        pytest.param(but(frozen=[{"entry": ["./x"]}]), "entry and fault", id="frozen, no fault"),
        pytest.param(folder("a: " + "x" * 300_000), "bytes", id="huge"),
    ],
)
def test_a_mistake_is_named_in_one_sentence(files: Files, says: str) -> None:
    with pytest.raises(BadRehearsal) as caught:
        parse(files)
    message = str(caught.value)
    assert says in message
    assert "\n" not in message.strip()
    assert caught.value.mend


def test_the_accepted_twin_of_the_mistakes_is_accepted() -> None:
    assert parse(but()) == parse(folder(GOOD))


names = st.from_regex(r"[a-z][a-z0-9]{0,8}\.txt", fullmatch=True)
words = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=8)
argvs = st.lists(words, min_size=1, max_size=3)
texts = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), max_size=20)
call_faults = st.builds(
    CallFault,
    command=st.sampled_from(["rsync", "aws s3 sync", "cp"]),
    does=st.sampled_from(["fail", "cut", "short", "noop", "kill", "hang"]),
    call=st.integers(1, 50),
    persistent=st.booleans(),
    exit=st.integers(0, 255),
)
input_faults = st.one_of(
    st.builds(
        InputFault,
        input=st.sampled_from(["env:SHELF", "/etc/bakery.conf#SHELF", "/repo/a.env#X"]),
        value=st.none() | texts.filter(lambda t: t not in ("missing", "empty")),
        then=st.lists(argvs.map(tuple), max_size=2).map(tuple),
    ),
    st.builds(
        InputFault,
        input=st.sampled_from(["oven:/srv/recipes", "/srv/dough"]),
        value=st.sampled_from(["half", "empty", "minus:3"]),
    ),
)
faults: st.SearchStrategy[Fault] = st.one_of(
    call_faults, input_faults, st.builds(LimitFault, st.integers(0, 10**9))
)
rehearsals = st.builds(
    Rehearsal,
    story=texts.filter(str.strip),
    failure=st.just("destructive-publish"),
    entry=argvs.map(tuple),
    world=st.builds(
        lambda files, text: WorldSketch({"files": {"/srv/x": files}} if files else {}, text),
        st.lists(names, unique=True, max_size=4),
        st.dictionaries(st.sampled_from(["/etc/a.conf", "/etc/b"]), texts, max_size=2),
    ),
    prime=st.lists(st.none() | argvs.map(tuple), max_size=3).map(tuple),
    stimulus=st.builds(Stimulus, change=st.sampled_from([(), ("/srv/x/a", "oven:/srv/b")])),
    workspace=st.sampled_from(Workspace),
    faults=st.lists(faults, max_size=4).map(tuple),
    watch=st.sampled_from([("files",), ("object-storage", "hosts", "files"), ("s3://bakery/x",)]),
    repeats=st.integers(1, 10),
    frozen=st.lists(st.builds(Frozen, argvs.map(tuple), faults), max_size=3).map(tuple),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rehearsals)
def test_what_is_written_is_read_again_as_it_was(rehearsal: Rehearsal) -> None:
    files = write(rehearsal)
    again = parse(files)
    assert again == rehearsal
    assert write(again) == files


def test_a_written_rehearsal_keeps_leaves_in_one_line() -> None:
    text = write(parse(folder(GOOD)))["rehearsal.yaml"][1].decode()
    assert "entry: [./bake.sh, sunday]" in text
    assert "- {command: rsync, call: 1, does: cut, exit: 12}" in text
    assert "repeats: 3" in text


def test_decisive_neighbours_are_frozen_in_once_and_scripts_stay() -> None:
    files = folder(GOOD | {"harm": "harm.sh"}, harm=b"#!/bin/sh\nexit 0\n")
    item = {"entry": ["./bake.sh"], "fault": {"command": "cp", "call": 2, "does": "kill"}}
    once = freeze(files, [item, item])
    twice = freeze(once, [item])
    assert parse(once).frozen == (Frozen(("./bake.sh",), CallFault("cp", "kill", 2)),)
    assert twice == once
    assert once["harm.sh"] == files["harm.sh"]


def test_a_faults_mapping_leaves_out_what_is_default() -> None:
    assert fault_mapping(CallFault("cp", "kill")) == {"command": "cp", "call": 1, "does": "kill"}
    assert fault_mapping(InputFault("env:A", None)) == {"input": "env:A", "value": "missing"}
    assert replace(CallFault("cp", "kill"), call=2).call == 2
