"""Hosts: machines that ssh, scp, sftp and rsync reach, each with folders of its own.

Says what a rehearsal may write below `hosts` and `unreachable` and what it starts with. The
stand-in is `sandbox/image/inside/world`.
"""

from __future__ import annotations

import re
from typing import Any

from sandbox import BadRehearsal
from sandbox.engine import World
from sandbox.worlds.checks import absolute, mapping_of, names_of
from sandbox.worlds.seeds import seeded

KIND = "hosts"
UNREACHABLE = "unreachable"
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?")


def part(spec: Any, seed: int) -> World:
    """`{HOST: {FOLDER: [file names]}}` or `[HOST, ..]` as the start of a world.

    A folder without names is made, empty.
    """
    if isinstance(spec, list):
        spec = {name: {} for name in names_of(spec, KIND)}
    content: dict[str, bytes | None] = {}
    empty: list[str] = []
    for host, folders in mapping_of(spec, KIND).items():
        _check(host)
        where = f"{KIND}.{host}"
        for folder, names in mapping_of({} if folders is None else folders, where).items():
            top = f"{host}:{absolute(folder, where)}"
            found = seeded(top, names_of([] if names is None else names, f"{where}.{folder}"), seed)
            content.update(found)
            if not found and folder.strip("/"):
                empty.append(top.rstrip("/"))
    return World(hosts=tuple(spec), content=content, empty=tuple(empty))


def unreachable(spec: Any, seed: int) -> World:
    """`[HOST, ..]`: machines that have a name but don't answer."""
    names = tuple(names_of(spec, UNREACHABLE))
    for name in names:
        _check(name)
    return World(unreachable=names)


def _check(host: str) -> None:
    if not _HOST.fullmatch(host):
        raise BadRehearsal(
            f'world: "{host}" can\'t be the name of a host',
            mend="use the name as the scripts say it, without user and port",
        )
