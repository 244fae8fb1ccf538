"""Removes what earlier starts of Pawl left on the engine: containers first, then volumes.

By labels only; a boot counts as alive while its keeper runs, since a keeper ends with the process
that started it. Nothing without Pawl's labels is ever touched.
"""

from __future__ import annotations

from contextlib import suppress

from sandbox.engine.daemon import Daemon, EngineRefused

_ORDER = ("cell", "world", "keeper")


def reap(daemon: Daemon, *, owner: str, boot: str, now: float) -> int:
    """Remove what is left of dead boots of `owner`, and of anybody what has expired.

    `boot` is this process's own and is spared. Answers how many things went; what the engine can't
    remove yet stays for the next time. Raises `EngineDown`.
    """
    found = daemon.containers("pawl.owner")
    alive = {
        labels["pawl.boot"]
        for _, labels, runs in found
        if runs and labels.get("pawl.kind") == "keeper"
    } | {boot}

    def over(labels: dict[str, str]) -> bool:
        if labels.get("pawl.boot") == boot:
            return False
        expired = float(labels.get("pawl.expires", "0") or 0) < now
        mine = labels.get("pawl.owner") == owner
        return expired or (mine and labels.get("pawl.boot", "") not in alive)

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
