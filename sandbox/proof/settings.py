"""Settings as inputs: where each is put wrong for one entry point, and what its right value is.

Pure; which wrong values are tried is the matter of `neighbours`.
"""

from __future__ import annotations

from dataclasses import dataclass

from sandbox import Argv, Files, Setting, Surroundings
from sandbox.proof.assignments import assigned
from sandbox.rehearsal import InputFault, Rehearsal


@dataclass(frozen=True)
class Place:
    """Where a setting is put wrong: an input as in a rehearsal, its right value, what it feeds."""

    input: str
    value: str | None
    feeds: str = "other"

    @property
    def is_path(self) -> bool:
        """Whether it names a local path that is removed from."""
        return self.feeds == "path"


def places(around: Surroundings, rehearsal: Rehearsal, entry: Argv) -> list[Place]:
    """Each setting of the surroundings once, those that feed paths first.

    Where several files assign it, those count whose path holds a word of the entry's arguments.
    """
    by_name: dict[str, list[Setting]] = {}
    for setting in around.settings:
        by_name.setdefault(setting.name, []).append(setting)
    words = {word for word in entry[1:] if len(word) > 2}
    found: list[Place] = []
    for all_of in by_name.values():
        inside = [one for one in all_of if one.file]
        meant = [
            one for one in inside if words & set((one.file or "").replace(".", "/").split("/"))
        ]
        if inside:
            found += [
                Place(f"/repo/{one.file}#{one.name}", one.value, one.feeds)
                for one in (meant or inside)[:2]
            ]
        else:
            found.append(_outside(all_of[0], rehearsal))
    return sorted(found, key=lambda place: not place.is_path)


def _outside(setting: Setting, rehearsal: Rehearsal) -> Place:
    """A setting that no file of the tree assigns: a file of the world does, or the environment."""
    for address, text in rehearsal.world.text.items():
        value = assigned(text.encode(), setting.name)
        if value is not None:
            return Place(f"{address}#{setting.name}", value, setting.feeds)
    env = rehearsal.world.spec.get("env", {})
    value = env.get(setting.name, setting.value)
    return Place(f"env:{setting.name}", None if value is None else str(value), setting.feeds)


def own_places(rehearsal: Rehearsal, tree: Files) -> list[Place]:
    """The settings that the rehearsal's own faults put wrong; an absolute value is a path."""
    faults = [*rehearsal.faults, *(item.fault for item in rehearsal.frozen)]
    found: dict[str, Place] = {}
    for fault in faults:
        if not isinstance(fault, InputFault) or not fault.is_setting or fault.input in found:
            continue
        value = _right_value(fault.input, rehearsal, tree)
        feeds = "path" if value is not None and value.startswith("/") else "other"
        found[fault.input] = Place(fault.input, value, feeds)
    return list(found.values())


def _right_value(target: str, rehearsal: Rehearsal, tree: Files) -> str | None:
    if target.startswith("env:"):
        value = rehearsal.world.spec.get("env", {}).get(target.removeprefix("env:"))
        return None if value is None else str(value)
    address, name = target.rsplit("#", 1)
    if address in rehearsal.world.text:
        return assigned(rehearsal.world.text[address].encode(), name)
    path = address.removeprefix("/repo/")
    return assigned(tree[path][1], name) if path in tree else None
