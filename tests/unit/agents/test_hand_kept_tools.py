"""The tool that a change brings, run: it writes all places or none, and notices edits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from agents import Files
from agents.recipes import hand_kept_copies
from agents.recipes.hand_kept import tool
from agents.recipes.hand_kept_copies import Case, Draft
from tests.unit.agents.hand_kept_parts import Checkout, drafted, planned
from tests.unit.agents.trees import brief, load


@dataclass(frozen=True)
class Style:
    """A repository, its command and a new entry."""

    name: str
    add: tuple[str, ...]
    new: tuple[str, ...]
    remove: tuple[str, ...]
    places: tuple[str, ...]

    @property
    def tool(self) -> str:
        return self.add[0]


BERTHS = Style(
    "berths-signs",
    ("bin/berths", "add"),
    ("pier-09", "10.8.9.9", "12"),
    ("bin/berths", "remove"),
    ("doc/berths.md", "lights/berths.yaml", "net/hosts", "signage/boards.json"),
)
STATIONS = Style(
    "stations-inventory",
    ("scripts/stations.py", "enroll"),
    ("st-77", "172.20.7.77", "west"),
    ("scripts/stations.py", "retire"),
    ("dhcp/stations.conf", "dns/weather.zone", "inventory/hosts.ini"),
)


@pytest.fixture(params=[BERTHS, STATIONS], ids=["sh", "python"])
def style(request: pytest.FixtureRequest) -> Style:
    found = request.param
    assert isinstance(found, Style)
    return found


@pytest.fixture
def draft(style: Style) -> Files:
    files, request = load(style.name)
    return drafted(files, planned(files, request))


@pytest.fixture
def checkout(draft: Files, tmp_path: Path) -> Checkout:
    return Checkout(draft, tmp_path)


def test_the_draft_is_what_its_list_gives(style: Style, checkout: Checkout, draft: Files) -> None:
    assert checkout.run(style.tool, "check").returncode == 0
    assert checkout.run(style.tool, "render").returncode == 0
    assert checkout.files() == dict(draft)


def test_adding_writes_every_place_and_removing_takes_it_out_of_all(
    style: Style, checkout: Checkout, draft: Files
) -> None:
    done = checkout.run(*style.add, *style.new)
    assert done.returncode == 0, done.stderr
    for path in style.places:
        assert style.new[0] in checkout.text(path), path
    assert checkout.run(style.tool, "check").returncode == 0
    assert checkout.run(*style.remove, style.new[0]).returncode == 0
    assert checkout.files() == dict(draft)


def test_an_edit_by_hand_in_any_place_is_noticed_and_nothing_is_changed(
    style: Style, checkout: Checkout
) -> None:
    for path in style.places:
        known = "quay-02" if style is BERTHS else "st-27"
        checkout.change(path, known, "other-1")
        before = checkout.files()
        found = checkout.run(style.tool, "check")
        assert found.returncode != 0, path
        assert path in found.stderr
        assert checkout.files() == before
        checkout.change(path, "other-1", known)
    assert checkout.run(style.tool, "check").returncode == 0


def test_an_entry_outside_of_its_list_is_noticed(style: Style, checkout: Checkout) -> None:
    path = "net/hosts" if style is BERTHS else "dhcp/stations.conf"
    entry = (
        "10.8.7.7      odd.lamps.example"
        if style is BERTHS
        else "    host odd { fixed-address 172.20.1.1; }"
    )
    text = checkout.text(path)
    (checkout.root / path).write_text(entry + "\n" + text)
    found = checkout.run(style.tool, "check")
    assert found.returncode != 0
    assert "outside of its list" in found.stderr


def test_lines_by_hand_around_the_entries_may_change(style: Style, checkout: Checkout) -> None:
    if style is BERTHS:
        checkout.change("lights/berths.yaml", "dim_after: 22", "dim_after: 23")
        checkout.change("doc/berths.md", "keine Leiter", "eine Leiter")
    else:
        checkout.change("dns/weather.zone", " 7 3600", " 8 3600")
        checkout.change("inventory/hosts.ini", "user=weather", "user=rain")
    assert checkout.run(style.tool, "check").returncode == 0
    assert checkout.run(*style.add, *style.new).returncode == 0
    kept = ("dim_after: 23",) if style is BERTHS else (" 8 3600", "user=rain")
    texts = "".join(checkout.text(p) for p in style.places)
    assert all(one in texts for one in kept)


BAD: dict[str, Callable[[tuple[str, ...]], tuple[str, ...]]] = {
    "a network in the place of an address": lambda new: (new[0], "10.20.0.0/8", new[2]),
    "an address out of range": lambda new: (new[0], "10.20.300.1", new[2]),
    "a short address": lambda new: (new[0], "10.20.8", new[2]),
    "an address with a leading zero": lambda new: (new[0], "10.20.8.01", new[2]),
    "a word in the place of an address": lambda new: (new[0], "all", new[2]),
    "an empty address": lambda new: (new[0], "", new[2]),
    "an empty name": lambda new: ("", *new[1:]),
    "a name with a blank": lambda new: ("a b", *new[1:]),
    "a name that is code": lambda new: ("x|y; allow all", *new[1:]),
    "a path": lambda new: ("../../x", *new[1:]),
    "a name with a comma": lambda new: ("x,y", *new[1:]),
    "a name of two lines": lambda new: ("x\ny", *new[1:]),
    "a last value of two lines": lambda new: (new[0], new[1], f"{new[2]}\n9"),
    "an unknown last value": lambda new: (new[0], new[1], "some where"),
    "too few values": lambda new: new[:2],
    "too many values": lambda new: (*new, "x"),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_a_bad_value_is_refused_and_nothing_is_changed(
    style: Style,
    checkout: Checkout,
    draft: Files,
    bad: Callable[[tuple[str, ...]], tuple[str, ...]],
) -> None:
    assert checkout.run(*style.add, *bad(style.new)).returncode != 0
    assert checkout.files() == dict(draft)


def test_a_known_name_an_unknown_one_and_a_wrong_verb_are_refused(
    style: Style, checkout: Checkout, draft: Files
) -> None:
    known = "mole" if style is BERTHS else "st-02"
    assert checkout.run(*style.add, known, *style.new[1:]).returncode != 0
    assert checkout.run(*style.remove, "nobody").returncode != 0
    assert checkout.run(*style.remove).returncode != 0
    assert checkout.run(style.tool, "nonsense").returncode != 0
    assert checkout.run(style.tool).returncode != 0
    assert checkout.files() == dict(draft)


def test_a_run_that_is_cut_short_leaves_every_file_as_it_was(
    style: Style, checkout: Checkout, draft: Files
) -> None:
    assert checkout.run(*style.add, *style.new, limit=0).returncode != 0
    assert checkout.files() == dict(draft)


def test_a_spoilt_list_is_refused(style: Style, checkout: Checkout) -> None:
    path = f"{style.tool.removesuffix('.py')}.csv"
    for old, new in ((",", ";"), ("\n", "\nsome,thing\n")):
        text = checkout.text(path)
        checkout.change(path, old, new)
        assert checkout.run(style.tool, "check").returncode != 0
        (checkout.root / path).write_text(text)
    assert checkout.run(style.tool, "check").returncode == 0


def test_an_edit_of_the_list_is_rendered(style: Style, checkout: Checkout) -> None:
    path = f"{style.tool.removesuffix('.py')}.csv"
    (checkout.root / path).write_text(checkout.text(path) + ",".join(style.new) + "\n")
    assert checkout.run(style.tool, "check").returncode != 0
    assert checkout.run(style.tool, "render").returncode == 0
    assert all(style.new[0] in checkout.text(p) for p in style.places)


def test_both_languages_write_the_same_bytes(style: Style, tmp_path: Path) -> None:
    files, request = load(style.name)
    case = hand_kept_copies.found(brief(files, request))
    assert isinstance(case, Case)
    one = hand_kept_copies.draft(files, case)
    assert isinstance(one, Draft)
    drafted_ = drafted(files, planned(files, request))
    made = []
    for tongue in ("sh", "python"):
        text = tool.text(one.design, tongue).encode()
        checkout = Checkout({**drafted_, style.tool: (0o100755, text)}, tmp_path / tongue)
        assert checkout.run(*style.add, *style.new).returncode == 0
        assert checkout.run(*style.add, "averylongname-1", *style.new[1:]).returncode == 0
        assert checkout.run(*style.remove, style.new[0]).returncode == 0
        left = dict(checkout.files())
        del left[style.tool]
        made.append(left)
    assert made[0] == made[1]
