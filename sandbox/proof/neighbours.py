"""Faults beside the declared ones: at every effectful call, at wrong inputs, in sequences.

A proof fitted to one fault proves little; these come from records and states alone, so that no
planner chooses the neighbours that judge it. Which side runs which of them is the prover's matter.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sandbox import Argv, CellKind, worlds
from sandbox.engine import Call, State
from sandbox.proof.states import is_log, kind, listing
from sandbox.rehearsal import CallFault, Fault, InputFault, LimitFault

FILE_LIMIT = 1024  # bytes: below what most seeded files have
FOREIGN = "/srv/neighbour"  # somebody else's folder, populated with bait

# Commands that only pass text on or look around. They are faulted only where their own record shows
# effects that no other call explains (`tee` into a config does; `tee` into a log does not).
HELPERS = frozenset(
    [
        "awk",
        "basename",
        "cat",
        "chmod",
        "cmp",
        "comm",
        "cut",
        "date",
        "dirname",
        "du",
        "echo",
        "egrep",
        "env",
        "expr",
        "false",
        "fgrep",
        "find",
        "gawk",
        "grep",
        "head",
        "hostname",
        "id",
        "jq",
        "ls",
        "mawk",
        "mkdir",
        "mktemp",
        "nproc",
        "printf",
        "readlink",
        "realpath",
        "rmdir",
        "sed",
        "seq",
        "sleep",
        "sort",
        "stat",
        "sync",
        "tail",
        "tee",
        "test",
        "touch",
        "tr",
        "true",
        "uname",
        "uniq",
        "wc",
        "which",
        "whoami",
        "xargs",
    ]
)


@dataclass(frozen=True)
class Neighbour:
    """One more thing that can go wrong, and which kind of cell it makes."""

    kind: CellKind
    fault: Fault

    @property
    def group(self) -> tuple[str, ...]:
        """What it is like: freezing and shrinking take one of each group."""
        fault = self.fault
        if isinstance(fault, CallFault):
            return (self.kind.value, fault.command, fault.does)
        if isinstance(fault, LimitFault):
            return (self.kind.value, "limit")
        value = "missing" if fault.value is None else fault.value.split(":")[0]
        if fault.is_setting:
            value = value if value in ("", "missing") else "wrong"
        return (self.kind.value, fault.input, value, "then" if fault.then else "")


def is_boundary(call: Call) -> bool:
    """Whether a call leaves the machine: its record shows it, or its command is known to."""
    seen = (*call.created, *call.changed, *call.removed, *call.read)
    if any(kind(address) in ("object-storage", "hosts", "journal") for address in seen):
        return True
    return worlds.is_boundary(call.signature, call.argv)


def own_effects(calls: Sequence[Call]) -> dict[tuple[str, int], frozenset[str]]:
    """Each call's effects by (signature, number).

    A walk before and after sees what ran meanwhile too, so a helper in a pipeline is credited only
    with what no working command did; logs count for nobody.
    """
    explained = {
        address
        for call in calls
        if call.signature.split()[0] not in HELPERS
        for address in (*call.created, *call.changed, *call.removed)
    }
    found = {}
    for call in calls:
        effects = {
            address
            for address in (*call.created, *call.changed, *call.removed)
            if not is_log(address)
        }
        if call.signature.split()[0] in HELPERS:
            effects -= explained
        found[call.signature, call.number] = frozenset(effects)
    return found


def at_calls(
    calls: Sequence[Call], boundary: Callable[[Call], bool] = is_boundary
) -> tuple[Neighbour, ...]:
    """Honest faults at every effectful call, lying ones where a call leaves the machine.

    Of many equal calls the first, the middle and the last, and one fault that stays (a retry beats
    every fault that comes once). A call that reads from outside counts as effectful: its effect is
    what it brings.
    """
    effects = own_effects(calls)
    by_signature: dict[str, list[Call]] = {}
    for call in calls:
        if effects[call.signature, call.number] or boundary(call):
            by_signature.setdefault(call.signature, []).append(call)
    honest: list[Neighbour] = []
    lying: list[Neighbour] = []
    for signature, found in by_signature.items():
        numbers = sorted({call.number for call in found})
        picked = pick(numbers)
        for number in picked:
            for does in ("fail", "cut", "kill"):
                if does == "cut" and len(picked) == 1:
                    continue  # the cut that stays, below, is the sharper one
                honest.append(Neighbour(CellKind.HONEST, CallFault(signature, does, number)))
        honest.append(
            Neighbour(CellKind.HONEST, CallFault(signature, "cut", numbers[0], persistent=True))
        )
        # a lie about a line in a journal loses no object
        outside = sorted({call.number for call in found if boundary(call) and not _notes(call)})
        for number in pick(outside):
            for does in ("short", "noop"):
                fault = CallFault(signature, does, number, len(outside) == 1, exit=0)
                lying.append(Neighbour(CellKind.LYING, fault))
    return (*honest, *lying)


def _notes(call: Call) -> bool:
    effects = (*call.created, *call.changed, *call.removed)
    return bool(effects) and all(kind(address) == "journal" for address in effects)


def pick(numbers: Sequence[int]) -> tuple[int, ...]:
    """The first, the middle and the last of `numbers` (all, if there are three or fewer)."""
    if len(numbers) <= 3:
        return tuple(numbers)
    return (numbers[0], numbers[len(numbers) // 2], numbers[-1])


def at_sources(
    state: State, sources: Iterable[str], most_folders: int = 4
) -> tuple[Neighbour, ...]:
    """Wrong sources: empty, half, and minus one file: first, middle and last of each folder."""
    found: list[Neighbour] = []
    for source in sources:
        names = listing(state, source)
        if not names:
            continue
        folders: dict[str, list[int]] = {}
        for number, address in enumerate(names, 1):
            folders.setdefault(posixpath.dirname(address), []).append(number)
        minus = [
            number for numbers in list(folders.values())[:most_folders] for number in pick(numbers)
        ]
        values = ["half", "empty", *(f"minus:{number}" for number in minus)]
        if len(names) == 1:
            values = ["empty"]
        found += [Neighbour(CellKind.INPUT, InputFault(source, value)) for value in values]
    return tuple(found)


def at_setting(
    place: str, value: str | None, *, path: bool, sequences: Sequence[Argv] = ()
) -> tuple[Neighbour, ...]:
    """A wrong setting: empty and missing; one that feeds a path also in all the ways that hurt.

    `place` is an input as in a rehearsal ("env:NAME", "ADDRESS#NAME"). `sequences` are entry points
    that are started after the judged one with the same wrong value.
    """
    values: list[str | None] = ["", None]
    if path:
        values.append("/")
        if value and value.startswith("/"):
            parent = posixpath.dirname(value.rstrip("/")) or "/"
            values += [parent, posixpath.dirname(parent), f"{value.rstrip('/')}/.."]
            values += [FOREIGN, f"{value} {FOREIGN}"]
        else:
            values += [FOREIGN, f"{value or '.'} {FOREIGN}"]
        values.append(posixpath.basename(FOREIGN))
    elif value is not None and value.lstrip("-").isdigit():
        values += ["0", "-1", "three"]
    unique = [v for v in dict.fromkeys(values) if v != value]
    found = [Neighbour(CellKind.INPUT, InputFault(place, wrong)) for wrong in unique]
    if path:
        found += [
            Neighbour(CellKind.INPUT, InputFault(place, FOREIGN, (argv,))) for argv in sequences
        ]
    return tuple(found)


def bait(values: Iterable[str], state: State, most: int = 6) -> dict[str, bytes]:
    """Foreign files that match what is removed below a setting's folder, for every wrong folder.

    An empty or wrong setting removes nothing, and "holds", where nothing lies that matches the rest
    of the path. So the names found below the right folder are put below its parents and below
    `FOREIGN`. Contents say whose they are, nothing else.
    """
    found: dict[str, bytes] = {}
    for value in values:
        if not value.startswith("/"):
            continue
        right = value.rstrip("/")
        names = [address[len(right) + 1 :] for address in listing(state, right)]
        names = sorted(names, key=lambda name: (name.count("/"), name))[:most]
        parent = posixpath.dirname(right) or "/"
        for folder in dict.fromkeys((parent, posixpath.dirname(parent), FOREIGN)):
            top = folder.rstrip("/")
            for name in (*names, "keep/letter.txt", "photo.jpg"):
                if not top and "/" not in name:
                    continue  # a file right below / has no place of its own
                address = f"{top}/{name}"
                if address not in state:
                    found[address] = f"somebody else's {name}\n".encode()
    return found


def limited() -> tuple[Neighbour, ...]:
    """A full disk for every program."""
    return (Neighbour(CellKind.INPUT, LimitFault(FILE_LIMIT)),)


def reaches(fault: Fault, calls: Sequence[Call]) -> bool:
    """Whether a run that goes like the recorded one comes to the call that `fault` waits for."""
    if not isinstance(fault, CallFault):
        return True
    return any(c.signature == fault.command and c.number >= fault.call for c in calls)
