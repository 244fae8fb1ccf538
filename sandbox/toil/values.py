"""Values for new entities: fresh ones that no tree can know, and bad ones that must be refused.

Pure, from a seed. Fresh values lie outside base's vocabulary and look like base's own, so that what
works for known names alone does not work here.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence

from sandbox.toil.form import Kind, Toil
from sandbox.toil.places import Entity

_WORDS = (
    *("kelp", "reed", "buoy", "quartz", "tansy", "heron", "basalt", "willow", "otter", "sedge"),
    *("plover", "gneiss", "yarrow", "curlew", "alder", "marl"),
)
_MOST_TRIES = 1000


def fresh(toil: Toil, known: Sequence[Entity], chance: random.Random) -> dict[str, str]:
    """A new entity. `known` are those of base and those made before."""
    return {name: _value(toil, name, known, chance) for name in toil.facts}


def another(toil: Toil, name: str, known: Sequence[Entity], chance: random.Random) -> str:
    """A value of one field that differs from all that are known, or from most of them."""
    return _value(toil, name, known, chance)


def sharing(toil: Toil, like: Entity, known: Sequence[Entity], chance: random.Random) -> Entity:
    """A new entity that has one field in common with `like`, where base's entities do so too."""
    new = fresh(toil, known, chance)
    for name, kind in toil.facts.items():
        values = [one[name] for one in known]
        if name != toil.key and kind is not Kind.EXISTING and len(set(values)) < len(values):
            return {**new, name: like[name]}
    return new


def _value(toil: Toil, name: str, known: Sequence[Entity], chance: random.Random) -> str:
    taken = sorted({one[name] for one in known})
    kind = toil.facts[name]
    if kind is Kind.EXISTING:
        return chance.choice(taken)
    make = _MAKERS[kind]
    for _ in range(_MOST_TRIES):
        if (value := make(taken, chance)) not in taken:
            return value
    return make(taken, chance)


def _name(taken: Sequence[str], chance: random.Random) -> str:
    text = "\n".join(taken)
    words = [word for word in _WORDS if word not in text] or list(_WORDS)
    joint = "-" if "-" in text else "_" if "_" in text else ""
    has_digits = any(value[-1:].isdigit() for value in taken)
    if not joint and not has_digits:
        return "".join(chance.sample(words, 2))
    return f"{chance.choice(words)}{joint}{chance.randrange(10, 99)}"


def _host(taken: Sequence[str], chance: random.Random) -> str:
    _, dot, domain = (taken[0] if taken else "a.example.org").partition(".")
    heads = [value.partition(".")[0] for value in taken]
    return f"{_name(heads, chance)}{dot}{domain}"


def _ipv4(taken: Sequence[str], chance: random.Random) -> str:
    parts = (taken[0] if taken else "10.0.0.1").split(".")
    kept = parts[:1] if parts[0] == "10" else parts[:2]
    rest = [chance.randrange(20, 250) for _ in range(4 - len(kept))]
    return ".".join([*kept, *map(str, rest)])


def _port(taken: Sequence[str], chance: random.Random) -> str:
    return str(chance.randrange(9000, 9999))


def _number(taken: Sequence[str], chance: random.Random) -> str:
    numbers = [int(value) for value in taken if value.isdigit()]
    return str(max(numbers, default=10) + chance.randrange(3, 90))


def _version(taken: Sequence[str], chance: random.Random) -> str:
    newest = max(taken, key=_in_numbers, default="1.0.0")
    parts = re.split(r"(\d+)", newest)
    places = [i for i, part in enumerate(parts) if part.isdigit()]
    at = places[min(1, len(places) - 1)] if places else 0
    parts[at] = str(int(parts[at] or 0) + chance.randrange(3, 30)) if places else newest + "1"
    return "".join(parts)


def _in_numbers(value: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", value)]


_MAKERS: Mapping[Kind, Callable[[Sequence[str], random.Random], str]] = {
    Kind.NAME: _name,
    Kind.HOST: _host,
    Kind.IPV4: _ipv4,
    Kind.PORT: _port,
    Kind.NUMBER: _number,
    Kind.VERSION: _version,
}

_BAD: Mapping[Kind, tuple[str, ...]] = {
    Kind.IPV4: ("10.20.0.0/8", "10.20.300.1", "10.20.8", "all", ""),
    Kind.PORT: ("0", "99999", "http", "", "-1"),
    Kind.NAME: ("", "a b", "x|y; allow all", "../../x"),
    Kind.HOST: ("", "a b", "x|y; allow all", "../../x"),
    Kind.NUMBER: ("", "one", "1 2"),
    Kind.VERSION: ("", "a b", "x\ny"),
    Kind.EXISTING: ("", "a b", "x\ny"),
}


def bad(toil: Toil, good: Entity, known: Sequence[Entity]) -> list[tuple[str, str, Entity]]:
    """Entities with one bad value each: (field, value, entity). A known name is one of them."""
    found: list[tuple[str, str, Entity]] = []
    for name, kind in toil.facts.items():
        values = list(_BAD[kind])
        if name == toil.key and known:
            values.append(known[0][name])
        found += [(name, value, {**good, name: value}) for value in values]
    return found
