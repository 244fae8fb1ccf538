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
AT_ONCE = frozenset(["git", "ln", "mv", "rename"])  # all that they make is there at once
MANY = 3  # things that one call makes: from here on half of them and all but one differ
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
            how = "then" if fault.then else "but-one" if fault.lacks else ""
            return (self.kind.value, fault.command, fault.does, how)
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


@dataclass(frozen=True)
class Faultable:
    """The calls of a record that can go wrong, as they came. What none of them does has no fault.

    A call that reads from outside counts as effectful: its effect is what it brings. A line in a
    journal can't be half written and loses no object.
    """

    honest: tuple[Call, ...]
    outside: frozenset[tuple[str, int]]  # which of them leave the machine
    noted: tuple[Call, ...]  # leave lines in journals alone

    def numbers(self) -> dict[str, list[int]]:
        """The numbers of the honest ones by signature."""
        found: dict[str, list[int]] = {}
        for call in self.honest:
            found.setdefault(call.signature, []).append(call.number)
        return found


def faultable(calls: Sequence[Call]) -> Faultable:
    """Sort a record's calls by what can go wrong at them."""
    effects = own_effects(calls)
    honest, outside, noted = [], set(), []
    for call in calls:
        mine = effects[call.signature, call.number]
        leaves = is_boundary(call, mine)
        if is_carrier(call) or not (mine or leaves):
            continue
        if mine and all(kind(address) == "journal" for address in mine):
            noted.append(call)
            continue
        honest.append(call)
        if leaves:
            outside.add((call.signature, call.number))
    return Faultable(tuple(honest), frozenset(outside), tuple(noted))


def at_calls(calls: Sequence[Call]) -> tuple[Neighbour, ...]:
    """Honest faults at every effectful call, lying ones where a call leaves the machine.

    Of many equal calls those of `spots`, and one fault that stays (a retry beats every fault that
    comes once). A call that makes many things also stops short of the last of them: half of the
    work is what a count or a share of it would notice.
    """
    sorted_ = faultable(calls)
    numbers = sorted_.numbers()
    found = [
        Neighbour(CellKind.LYING, CallFault(signature, does, number, persistent=True, exit=0))
        for signature, all_of in numbers.items()
        for number in pick([n for n in all_of if (signature, n) in sorted_.outside])
        for does in ("short", "noop")
    ]
    for signature, all_of in numbers.items():
        found += [Neighbour(CellKind.HONEST, fault) for fault in _honest(signature, all_of)]
    many: dict[str, int] = {}
    for call in sorted_.honest:
        if len(call.created) + len(call.changed) >= MANY and call.argv[0] not in AT_ONCE:
            many.setdefault(call.signature, call.number)
    found += [
        Neighbour(CellKind.HONEST, CallFault(signature, "cut", number, lacks=1))
        for signature, number in many.items()
    ]
    found += [
        Neighbour(CellKind.HONEST, CallFault(signature, "fail", number))
        for signature, number in {c.signature: c.number for c in reversed(sorted_.noted)}.items()
        if signature not in numbers
    ]
    return tuple(found)


def got_over(calls: Sequence[Call], entry: Argv, most: int) -> tuple[Neighbour, ...]:
    """Faults in one run that a clean run of the same entry point follows, at most `most`.

    What a run that stopped leaves behind (half a folder, a lock, a mark) meets the next one. The
    half work of each command's first call and a killed caller at its last: a caller that is killed
    tidies nothing up. First come the last effectful call and the middle one.
    """
    honest = faultable(calls).honest
    if not honest:
        return ()
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    for call in honest:
        first.setdefault(call.signature, call.number)
        last[call.signature] = call.number
    end, middle = honest[-1], honest[len(honest) // 2]
    wanted = [(end.signature, "kill", end.number), (middle.signature, "cut", middle.number)]
    wanted += [(signature, "kill", number) for signature, number in last.items()]
    wanted += [(signature, "cut", number) for signature, number in first.items()]
    return tuple(
        Neighbour(CellKind.HONEST, CallFault(signature, does, number, then=(entry,)))
        for signature, does, number in list(dict.fromkeys(wanted))[:most]
    )


def left_out(calls: Sequence[Call]) -> tuple[str, ...]:
    """The commands of whose calls only some are faulted, for people: "3 of 8 calls of `x`"."""
    return tuple(
        f"{len(numbers) - len(spots(numbers))} of {len(numbers)} calls of `{signature}`"
        for signature, numbers in faultable(calls).numbers().items()
        if len(numbers) > len(spots(numbers))
    )


def _honest(signature: str, numbers: Sequence[int]) -> list[CallFault]:
    """The cut that stays first; then at the ends all kinds, between them the cut alone."""
    picked = spots(numbers)
    faults = [CallFault(signature, "cut", picked[0], persistent=True)]
    for number in picked:
        is_end = number in (picked[0], picked[-1])
        if number != picked[0]:
            faults.append(CallFault(signature, "cut", number))
        if is_end:
            faults += [CallFault(signature, does, number) for does in ("fail", "kill")]
    return faults


def spots(numbers: Sequence[int]) -> tuple[int, ...]:
    """The first two, the middle and the last two of `numbers` (all, if there are five or fewer).

    A pipeline's or a loop's last call often ends otherwise than the others, and so does the first.
    """
    if len(numbers) <= 5:
        return tuple(numbers)
    return (*numbers[:2], numbers[len(numbers) // 2], *numbers[-2:])


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
