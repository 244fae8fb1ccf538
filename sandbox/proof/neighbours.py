"""Faults beside the declared ones: at every effectful call, at wrong inputs, in sequences.

A proof fitted to one fault proves little; these come from records and states alone, so that no
planner chooses the neighbours that judge it. Which side runs which of them is the prover's matter.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass

from sandbox import Argv, CellKind, worlds
from sandbox.engine import Call, State
from sandbox.proof.states import is_log, is_system, kind, listing
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


# What another call starts to carry its own work: the call itself is faulted, not its carrier, whose
# half answers only make both ends wait for each other.
_CARRIED = (
    "rsync --server",
    "git-upload-pack",
    "git-receive-pack",
    "sftp-server",
    "scp -t",
    "scp -f",
)


def is_boundary(call: Call, effects: Set[str]) -> bool:
    """Whether a call leaves the machine: its own effects show it, or its command is known to."""
    seen = effects if is_helper(call) else effects | set(call.read)
    if any(kind(address) in ("object-storage", "hosts", "journal") for address in seen):
        return True
    return worlds.is_boundary(call.signature, call.argv)


def is_helper(call: Call) -> bool:
    """Whether a call only passes text on or looks around."""
    return call.signature.split()[0] in HELPERS


def is_carrier(call: Call) -> bool:
    """Whether a call only carries another call's work to another machine."""
    return call.signature == "ssh" and any(word in " ".join(call.argv) for word in _CARRIED)


def own_effects(calls: Sequence[Call]) -> dict[tuple[str, int], frozenset[str]]:
    """Each call's effects by (signature, number).

    A walk before and after sees what ran meanwhile too, so a helper in a pipeline is credited only
    with what no working command did; logs count for nobody.
    """
    explained = {
        address
        for call in calls
        if not is_helper(call)
        for address in (*call.created, *call.changed, *call.removed)
    }
    found = {}
    for call in calls:
        effects = {
            address
            for address in (*call.created, *call.changed, *call.removed)
            if not is_log(address)
        }
        if is_helper(call):
            effects -= explained
        found[call.signature, call.number] = frozenset(effects)
    return found


def at_calls(calls: Sequence[Call]) -> tuple[Neighbour, ...]:
    """Honest faults at every effectful call, lying ones where a call leaves the machine.

    Of many equal calls the first, the middle and the last, and one fault that stays (a retry beats
    every fault that comes once). A call that reads from outside counts as effectful: its effect is
    what it brings. A line in a journal can't be half written and loses no object.
    """
    effects = own_effects(calls)
    honest: dict[str, list[int]] = {}
    lying: dict[str, list[int]] = {}
    noted: dict[str, list[int]] = {}
    for call in calls:
        mine = effects[call.signature, call.number]
        outside = is_boundary(call, mine)
        if is_carrier(call) or not (mine or outside):
            continue
        if mine and all(kind(address) == "journal" for address in mine):
            noted.setdefault(call.signature, []).append(call.number)
            continue
        honest.setdefault(call.signature, []).append(call.number)
        if outside:
            lying.setdefault(call.signature, []).append(call.number)
    found = [
        Neighbour(CellKind.LYING, CallFault(signature, does, number, persistent=True, exit=0))
        for signature, numbers in lying.items()
        for number in pick(numbers)
        for does in ("short", "noop")
    ]
    for signature, numbers in honest.items():
        found += [Neighbour(CellKind.HONEST, fault) for fault in _honest(signature, pick(numbers))]
    found += [
        Neighbour(CellKind.HONEST, CallFault(signature, "fail", numbers[0]))
        for signature, numbers in noted.items()
        if signature not in honest
    ]
    return tuple(found)


def _honest(signature: str, picked: Sequence[int]) -> list[CallFault]:
    """The cut that stays first; then at the ends all kinds, in the middle the cut alone."""
    faults = [CallFault(signature, "cut", picked[0], persistent=True)]
    for number in picked:
        is_end = number in (picked[0], picked[-1])
        if number != picked[0]:
            faults.append(CallFault(signature, "cut", number))
        if is_end:
            faults += [CallFault(signature, does, number) for does in ("fail", "kill")]
    return faults


def pick(numbers: Sequence[int]) -> tuple[int, ...]:
    """The first, the middle and the last of `numbers` (all, if there are three or fewer)."""
    if len(numbers) <= 3:
        return tuple(numbers)
    return (numbers[0], numbers[len(numbers) // 2], numbers[-1])


def at_sources(
    state: State,
    sources: Iterable[str],
    new: Set[str] = frozenset(),
    most_folders: int = 4,
) -> tuple[Neighbour, ...]:
    """Wrong sources: empty, half, and minus one file: first, middle and last of each folder.

    What is `new` there has not gone anywhere yet, so that nothing can be lost by its lack.
    """
    found: list[Neighbour] = []
    for source in sources:
        names = listing(state, source)
        if not names:
            continue
        folders: dict[str, list[int]] = {}
        for number, address in enumerate(names, 1):
            if address not in new:
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


def bait(
    values: Iterable[str], state: State, texts: Iterable[bytes] = (), most: int = 8
) -> dict[str, bytes]:
    """Foreign files that match what is removed below a setting's folder, for every wrong folder.

    An empty or wrong setting removes nothing, and "holds", where nothing lies that matches the rest
    of the path. So below the right folder's parents, below / and below `FOREIGN` lie files in the
    same inner folders, with the same endings and with names of their own: a whole copy would be
    our own folder by every sign that a tree could look for. An inner folder keeps its name only if
    `texts` (the tree's files) name it: what is data has other names elsewhere.
    """
    found: dict[str, bytes] = {}
    tree = b"\n".join(texts)
    for value in values:
        if not value.startswith("/"):
            continue
        right = value.rstrip("/")
        names = dict.fromkeys(_stranger(a[len(right) + 1 :], tree) for a in listing(state, right))
        few = sorted(names, key=lambda name: (name.count("/"), name))[:most]
        parent = posixpath.dirname(right) or "/"
        for folder in dict.fromkeys((parent, posixpath.dirname(parent), FOREIGN, "/")):
            top = folder.rstrip("/")
            for name in (*few, "keep/letter.txt", "photo.jpg"):
                if not top and "/" not in name:
                    continue  # a file right below / has no place of its own
                address = f"{top}/{name}"
                if address not in state and not is_system(address):
                    found[address] = f"somebody else's {name}\n".encode()
    return found


def _stranger(name: str, tree: bytes) -> str:
    """A name beside `name` that a pattern for it takes too: known folders, same ending."""
    folder, base = posixpath.split(name)
    parts = [
        part if part.encode("utf-8", "surrogateescape") in tree else "other"
        for part in folder.split("/")
        if part
    ]
    return "/".join([*parts, "letter" + posixpath.splitext(base)[1]])


def limited() -> tuple[Neighbour, ...]:
    """A full disk for every program."""
    return (Neighbour(CellKind.INPUT, LimitFault(FILE_LIMIT)),)


def reaches(fault: Fault, calls: Sequence[Call]) -> bool:
    """Whether a run that goes like the recorded one comes to the call that `fault` waits for."""
    if not isinstance(fault, CallFault):
        return True
    return any(c.signature == fault.command and c.number >= fault.call for c in calls)
