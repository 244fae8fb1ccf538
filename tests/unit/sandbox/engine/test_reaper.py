"""What is over goes, in an order that the engine allows; what lives stays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import pytest

from sandbox.engine.daemon import Daemon
from sandbox.engine.reaper import reap

NOW = 1000.0


def labels(
    kind: str, *, owner: str = "me", boot: str = "old", made: int = 1, expires: int = 2000
) -> dict[str, str]:
    return {
        "pawl.made": str(made),
        "pawl.kind": kind,
        "pawl.owner": owner,
        "pawl.boot": boot,
        "pawl.expires": str(expires),
    }


@dataclass
class Shelf:
    """The part of the engine that a reaper sees: keeps what there is and what was removed."""

    boxes: list[tuple[str, dict[str, str], bool]] = field(default_factory=list)
    shelves: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)

    def containers(self, label: str) -> Sequence[tuple[str, Mapping[str, str], bool]]:
        return [box for box in self.boxes if label in box[1]]

    def volumes(self, label: str) -> Sequence[tuple[str, Mapping[str, str]]]:
        return [shelf for shelf in self.shelves if label in shelf[1]]

    def remove(self, container: str) -> None:
        self.removed.append(container)

    def remove_volume(self, name: str) -> bool:
        self.removed.append(name)
        return True


def swept(shelf: Shelf) -> list[str]:
    count = reap(cast(Daemon, shelf), owner="me", now=NOW)
    assert count == len(shelf.removed)
    return shelf.removed


def test_containers_go_before_volumes_and_overlays_before_what_they_stand_on() -> None:
    shelf = Shelf(
        [
            ("keeper", labels("keeper"), False),
            ("world", labels("world"), True),
            ("cell", labels("cell"), True),
        ],
        [("base", labels("tmpfs")), ("view", labels("overlay"))],
    )
    assert swept(shelf) == ["cell", "world", "keeper", "view", "base"]


@pytest.mark.parametrize(
    ("there", "running"),
    [
        pytest.param(labels("cell", made=990), True, id="what is just being set up"),
        pytest.param(labels("keeper"), True, id="a boot whose keeper runs"),
        pytest.param(labels("cell", owner="other"), True, id="somebody else's"),
        pytest.param({"name": "no label of ours"}, True, id="nothing of ours"),
    ],
)
def test_what_is_not_over_stays(there: dict[str, str], running: bool) -> None:
    assert swept(Shelf([("box", there, running)], [("shelf", there)] if not running else [])) == []


def test_a_live_boot_keeps_its_cells_and_volumes() -> None:
    shelf = Shelf(
        [("keeper", labels("keeper"), True), ("cell", labels("cell"), True)],
        [("base", labels("tmpfs"))],
    )
    assert swept(shelf) == []


@pytest.mark.parametrize("kind", ["cell", "keeper"])
def test_what_a_process_left_that_is_known_to_be_dead_goes_at_once(kind: str) -> None:
    shelf = Shelf([("box", labels(kind, made=990), True)])
    assert reap(cast(Daemon, shelf), owner="me", now=NOW, lives=lambda boot: boot != "old") == 1


def test_what_a_live_process_sets_up_stays() -> None:
    shelf = Shelf([("box", labels("cell", made=990), True)])
    assert reap(cast(Daemon, shelf), owner="me", now=NOW, lives=lambda boot: True) == 0


def test_what_has_expired_goes_whoever_made_it() -> None:
    shelf = Shelf([("cell", labels("cell", owner="other", expires=999), True)])
    assert swept(shelf) == ["cell"]
