"""Removes what earlier starts of Pawl left on the engine: containers first, then volumes.

By labels only; a boot counts as alive while its keeper runs, since a keeper ends with the process
that started it, and while it is just being set up. Nothing without Pawl's labels is ever touched.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from sandbox.engine.daemon import Daemon, EngineRefused

SET_UP_SECONDS = 60  # from the first volume to a keeper that runs
_ORDER = ("cell", "world", "keeper")


def unknown(boot: str) -> bool | None:
    """For an owner who can't tell whether a boot's process lives."""
    return None


def reap(
    daemon: Daemon, *, owner: str, now: float, lives: Callable[[str], bool | None] = unknown
) -> int:
    """Remove what is left of dead boots of `owner`, and of anybody what has expired.

    `now` is in seconds since the epoch. `lives` answers whether the process of a boot of `owner`
    lives, where that can be known: what a dead one left goes at once. Answers how many things
    went; what the engine can't remove yet stays for the next time. Raises `EngineDown`.
    """
    found = daemon.containers("pawl.owner")
    alive = {
        labels["pawl.boot"]
        for _, labels, runs in found
        if runs and labels.get("pawl.kind") == "keeper"
    }

    def over(labels: dict[str, str]) -> bool:
        expired = float(labels.get("pawl.expires", "0") or 0) < now
        young = float(labels.get("pawl.made", "0") or 0) > now - SET_UP_SECONDS
        if expired or labels.get("pawl.owner") != owner:
            return expired
        boot = labels.get("pawl.boot", "")
        return lives(boot) is False or (boot not in alive and not young)

    gone = 0
    dead = [(i, dict(labels)) for i, labels, _ in found if over(dict(labels))]
    for identity, _ in sorted(dead, key=lambda item: _place(item[1])):
        with suppress(EngineRefused):
            daemon.remove(identity)
            gone += 1
    volumes = [
        (n, dict(labels)) for n, labels in daemon.volumes("pawl.owner") if over(dict(labels))
    ]
    # an overlay stands on the tmpfs volumes
    for name, _ in sorted(volumes, key=lambda item: item[1].get("pawl.kind") != "overlay"):
        gone += daemon.remove_volume(name)
    return gone


def _place(labels: dict[str, str]) -> int:
    kind = labels.get("pawl.kind", "")
    return _ORDER.index(kind) if kind in _ORDER else 0
