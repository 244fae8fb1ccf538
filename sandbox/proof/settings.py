"""Settings as inputs: where each is put wrong for one entry point, and what its right value is.

Pure; which wrong values are tried is the matter of `neighbours`.
"""

from __future__ import annotations

from sandbox import (
    Argv,
    Setting,
    Surroundings,
)
from sandbox.proof.assignments import assigned
from sandbox.rehearsal import (
    Rehearsal,
)


def settings_of(
    around: Surroundings, rehearsal: Rehearsal, entry: Argv
) -> list[tuple[str, str | None, str]]:
    """Each setting once: where it is put wrong, its right value, what it feeds; paths first.

    Where several files assign it, those count whose path holds a word of the entry's arguments.
    """
    by_name: dict[str, list[Setting]] = {}
    for setting in around.settings:
        by_name.setdefault(setting.name, []).append(setting)
    found: list[tuple[str, str | None, str]] = []
    for setting_name, all_of in by_name.items():
        inside = [s for s in all_of if s.file]
        words = {word for word in entry[1:] if len(word) > 2}
        meant = [s for s in inside if words & set((s.file or "").replace(".", "/").split("/"))]
        if inside:
            found += [
                (f"/repo/{one.file}#{one.name}", one.value, one.feeds)
                for one in (meant or inside)[:2]
            ]
            continue
        setting = all_of[0]
        for address, text in rehearsal.world.text.items():
            value = assigned(text.encode(), setting_name)
            if value is not None:
                found.append((f"{address}#{setting_name}", value, setting.feeds))
                break
        else:
            env = rehearsal.world.spec.get("env", {})
            value = env.get(setting_name, setting.value)
            found.append((f"env:{setting_name}", value, setting.feeds))
    return sorted(found, key=lambda item: item[2] != "path")
