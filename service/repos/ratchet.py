"""Reads what a repository keeps for Pawl below `.pawl/`: rehearsals, configuration, rules.

Files in, values out. What a rehearsal or a rule says is read by who runs it, not here.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import yaml

from service.repos import LINK, Entry, Files, RepositoryError, shown

HOME = ".pawl"
REHEARSALS = f"{HOME}/rehearsals"
POLICIES = f"{HOME}/policies"
CONFIG = f"{HOME}/config.yaml"
MAX_CONFIG = 64 << 10


@dataclass(frozen=True)
class Config:
    """What `.pawl/config.yaml` says."""

    checks: tuple[tuple[str, ...], ...] = ()
    """The repository's own checks, each an argv, started in the tree."""


def rehearsals(files: Files) -> dict[str, dict[str, Entry]]:
    """Give the ratchet: each folder below `.pawl/rehearsals/` by name, paths relative to it.

    A folder that lacks its `rehearsal.yaml` is given too, so that it is not lost in silence.
    """
    found: dict[str, dict[str, Entry]] = {}
    for path in sorted(files):
        name, slash, rest = path.removeprefix(f"{REHEARSALS}/").partition("/")
        if path.startswith(f"{REHEARSALS}/") and slash:
            found.setdefault(name, {})[rest] = files[path]
    return found


def policies(files: Files, *, tests: bool = False) -> dict[str, bytes]:
    """Give the repository's own rules by path, and with `tests` their tests as well."""
    return {
        path: data
        for path, (mode, data) in sorted(files.items())
        if path.startswith(f"{POLICIES}/")
        and path.endswith(".rego")
        and mode != LINK
        and (tests or not path.endswith("_test.rego"))
    }


def config(files: Files) -> Config:
    """Read `.pawl/config.yaml`; without one, a repository has no checks of its own.

    Raises `RepositoryError` with one sentence for whatever doesn't belong there: a check that is
    not understood must not be a check that is left out.
    """
    if CONFIG not in files:
        return Config()
    mode, data = files[CONFIG]
    if mode == LINK or len(data) > MAX_CONFIG:
        raise _bad(f"it must be a plain file of at most {MAX_CONFIG >> 10} KiB")
    try:
        document = yaml.load(data.decode("utf-8"), Loader=_StrictLoader)  # noqa: S506 (a SafeLoader)
    except UnicodeDecodeError as wrong:
        raise _bad("it is not UTF-8") from wrong
    except (yaml.YAMLError, RecursionError) as wrong:
        raise _bad(f"it is not YAML: {_first_line(wrong)}") from wrong
    if document is None:
        return Config()
    if not isinstance(document, Mapping):
        raise _bad("it must hold keys, such as `checks:`")
    unknown = sorted(str(key) for key in document if key != "checks")
    if unknown:
        raise _bad(f"`{shown(unknown[0])}` is no key that it can hold; known is `checks`")
    checks = document.get("checks")
    return Config(() if checks is None else _checks(checks))


def _checks(value: object) -> tuple[tuple[str, ...], ...]:
    if not isinstance(value, list):
        raise _bad('`checks` must be a list of commands, such as `- ["make", "check"]`')
    checks = []
    for number, argv in enumerate(value, 1):
        words = isinstance(argv, list) and argv and all(isinstance(word, str) for word in argv)
        if not words or not argv[0] or any("\0" in word for word in argv):
            raise _bad(
                f'check {number} must be a list of words in quotes, such as `["make", "check"]`'
            )
        checks.append(tuple(argv))
    return tuple(checks)


class _StrictLoader(yaml.SafeLoader):
    """Refuses a key that comes twice: of two lists of checks one would be lost."""


def _mapping(loader: _StrictLoader, node: yaml.MappingNode) -> dict[Hashable, object]:
    seen: set[object] = set()
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode):
            if key.value in seen:
                raise yaml.YAMLError(f"the key `{key.value}` comes twice")
            seen.add(key.value)
    return loader.construct_mapping(node, deep=True)


_StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def _first_line(wrong: Exception) -> str:
    return shown(" ".join(str(wrong).split()))


def _bad(why: str) -> RepositoryError:
    return RepositoryError(
        f"{CONFIG}: {why}", code="bad-config", mend=f"Mend {CONFIG} in the repository."
    )
