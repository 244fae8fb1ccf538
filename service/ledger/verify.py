"""Checks an export of the log against keys and checkpoints that come from elsewhere.

Imports nothing of whoever writes or keeps the log: every hash is made again from the bytes of the
export. What it answers names the entry, or the checkpoint, that no longer fits.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import Any

from service.ledger import checkpoint as notes
from service.ledger import export
from service.ledger.checkpoint import Checkpoint, PublicKey
from service.ledger.errors import BadCheckpoint, BadExport
from service.ledger.tree import node, root_of

_MANY = 20  # faults that are told; what was rewritten wholesale needs no longer list


class Answer(StrEnum):
    """What checking came to."""

    SOUND = "sound"
    TAMPERED = "tampered"
    COULD_NOT_CHECK = "could-not-check"
    NO_OUTSIDE = "no-outside-checkpoint"


_EXIT = {
    Answer.SOUND: 0,
    Answer.TAMPERED: 1,
    Answer.COULD_NOT_CHECK: 2,
    Answer.NO_OUTSIDE: 3,
}


@dataclass(frozen=True)
class Fault:
    """One thing that does not fit."""

    place: str
    """"entry 17", "entries 12 to 19", "checkpoint of 20 entries", "outside checkpoint of 40
    entries", "public key", "end", "line 31"."""
    why: str


@dataclass(frozen=True)
class Verification:
    """What was checked and what came out."""

    answer: Answer
    entries: int
    root: bytes
    signed: int = 0
    """Entries below the newest checkpoint inside the export that fits."""
    vouched: int = 0
    """Entries below the newest checkpoint from outside that fits."""
    faults: tuple[Fault, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 sound, 1 tampered, 2 could not check, 3 no outside checkpoint."""
        return _EXIT[self.answer]

    @property
    def says(self) -> tuple[str, ...]:
        """The answer in sentences, most important first."""
        first = {
            Answer.SOUND: f"sound: all {self.entries} entries fit; an outside checkpoint vouches "
            f"for the first {self.vouched}",
            Answer.TAMPERED: "tampered: the log is not what it was",
            Answer.COULD_NOT_CHECK: "could not check",
            Answer.NO_OUTSIDE: f"{self.entries} entries fit each other, but nothing from outside "
            "was there to compare them with: a log put back or written anew would look the same",
        }[self.answer]
        return (first, *(f"{f.place}: {f.why}" for f in self.faults), *self.warnings)


@dataclass
class _Check:
    """The state of one pass over an export."""

    key: PublicKey
    outside: dict[int, list[Checkpoint]]
    count: int = 0
    tops: list[bytes] = field(default_factory=list)
    signed: int = 0
    vouched: int = 0
    fits: int = 0
    """The largest size at which some signed root was met."""
    faults: list[Fault] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    epochs: list[tuple[int, dict[str, Any]]] = field(default_factory=list)

    def fault(self, place: str, why: str) -> None:
        if len(self.faults) < _MANY:
            self.faults.append(Fault(place, why))

    def met(self, checkpoint: Checkpoint, *, outside: bool) -> None:
        """Compare the entries so far with a signed checkpoint of just that size."""
        if root_of(self.tops) == checkpoint.root:
            self.fits = max(self.fits, checkpoint.size)
            if outside:
                self.vouched = max(self.vouched, checkpoint.size)
            else:
                self.signed = max(self.signed, checkpoint.size)
            return
        where = "outside checkpoint" if outside else "checkpoint"
        since = f"entries {self.fits} to {checkpoint.size - 1}" if self.fits else "its entries"
        self.fault(
            f"{where} of {checkpoint.size} entries",
            f"it signs root {checkpoint.root.hex()[:16]}, but the export's entries make "
            f"{root_of(self.tops).hex()[:16]}: one of {since} is not what was signed"
            + self._declared(checkpoint.size),
        )

    def gone(self, checkpoint: Checkpoint) -> None:
        """An outside checkpoint that is larger than the whole log."""
        self.fault(
            f"outside checkpoint of {checkpoint.size} entries",
            f"the log has {self.count} entries only: entries {self.count} to "
            f"{checkpoint.size - 1} are gone" + self._declared(checkpoint.size),
        )

    def _declared(self, size: int) -> str:
        for seq, epoch in self.epochs:
            first, last = epoch.get("lost_from"), epoch.get("lost_to")
            if isinstance(first, int) and isinstance(last, int) and first < size <= last + 1:
                return (
                    f". Entry {seq} declares entries {first} to {last} lost, by "
                    f"{' and '.join(map(str, epoch.get('signed_by', ())))}: ask them, then check "
                    "with a checkpoint that was made since"
                )
        return ""


def verify(
    lines: Iterable[bytes],
    *,
    public_key: str | None = None,
    outside: Sequence[str] = (),
) -> Verification:
    """Check an export (its lines, each with its newline) and answer what was found.

    `public_key` is a verifier key and `outside` are checkpoint notes, both kept somewhere that the
    writer of the log can't reach. Without either the answer is never `SOUND`. Never raises for what
    the export or the checkpoints hold.
    """
    reading = iter(lines)
    try:
        header = export.read_header(next(reading, b""))
        key = PublicKey.parse(header.public_key if public_key is None else public_key)
    except (BadExport, BadCheckpoint) as error:
        return Verification(Answer.COULD_NOT_CHECK, 0, b"", warnings=(str(error),))
    check = _Check(key, {})
    if public_key is None:
        check.warnings.append(
            "the public key was taken from the export itself: give the one that you keep"
        )
    elif header.public_key != str(key):
        check.fault("public key", "the export names another key than the one that was given")
    if header.origin != key.name:
        check.fault("header", f"the export says it is of {header.origin!r}, not of {key.name!r}")
    for note in outside:
        _take(check, note)
    _read(check, reading)
    if check.count != header.size:
        why = f"{header.size} entries are promised, {check.count} could be read"
        check.fault("end", why)
    for size in sorted(check.outside):
        for checkpoint in check.outside[size]:
            if size > check.count:
                check.gone(checkpoint)
    return _answer(check, pinned=public_key is not None)


def _take(check: _Check, note: str) -> None:
    try:
        checkpoint = notes.verify(note, check.key)
    except BadCheckpoint as error:
        check.warnings.append(f"an outside checkpoint can't be used: {error}")
        return
    if checkpoint.size:
        check.outside.setdefault(checkpoint.size, []).append(checkpoint)


def _answer(check: _Check, *, pinned: bool) -> Verification:
    if check.faults:
        answer = Answer.TAMPERED
    elif check.vouched and pinned:
        answer = Answer.SOUND
    else:
        answer = Answer.NO_OUTSIDE
    if check.signed < check.count:
        check.warnings.append(
            f"entries {check.signed} to {check.count - 1} are not signed yet"
            if check.signed
            else "no checkpoint inside the export signs its entries"
        )
    return Verification(
        answer,
        check.count,
        root_of(check.tops),
        check.signed,
        check.vouched,
        tuple(check.faults),
        tuple(check.warnings),
    )


def _read(check: _Check, lines: Iterable[bytes]) -> None:
    """Read entries and checkpoints, making every hash again. Stops where the order is broken."""
    decode, tops, outside = json.JSONDecoder().raw_decode, check.tops, check.outside
    head, middle, end = export.LEAF, export.ENTRY, export.END
    leaf_at, body_at = export.LEAF_AT, export.BODY_AT
    count = 0
    for number, line in enumerate(lines, 2):
        if not line.startswith(head):
            check.count = count
            if not _checkpoint_line(check, line, number):
                return
            continue
        body = line[body_at:-2]
        leaf = sha256(b"\x00" + body).digest()
        if line != head + leaf.hex().encode() + middle + body + end:
            stated = line[leaf_at : leaf_at + 64]
            check.fault(f"entry {count}", "its bytes are not those that its leaf hash names")
            try:  # go on with what was stated, so that later faults are faults of their own
                leaf = bytes.fromhex(stated.decode())
            except ValueError:
                return
        try:
            document, _ = decode(body.decode())
            seq, epoch = document["seq"], document["kind"] == "epoch"
        except (ValueError, LookupError, TypeError, RecursionError):
            check.fault(f"entry {count}", "it can't be read")
        else:
            if seq != count:
                why = f"it says that it is entry {seq}: one is missing or moved"
                check.fault(f"entry {count}", why)
                return
            if epoch:
                _epoch(check, count, document)
        at = count
        while at & 1:
            leaf = node(tops.pop(), leaf)
            at >>= 1
        tops.append(leaf)
        count += 1
        if count in outside:
            for checkpoint in outside[count]:
                check.met(checkpoint, outside=True)
        check.count = count


def _checkpoint_line(check: _Check, line: bytes, number: int) -> bool:
    """Check one checkpoint inside the export; False where reading can't go on."""
    try:
        note = export.read_checkpoint(line)
    except BadExport as error:
        check.fault(f"line {number}", f"after {check.count} entries: {error}")
        return False
    try:
        checkpoint = notes.verify(note, check.key)
    except BadCheckpoint as error:
        check.fault(f"line {number}", str(error))
        return True
    if checkpoint.size != check.count:
        place = f"checkpoint of {checkpoint.size} entries"
        check.fault(place, f"it stands after {check.count} entries")
        return True
    check.met(checkpoint, outside=False)
    return True


def _epoch(check: _Check, seq: int, document: dict[str, Any]) -> None:
    payload = document.get("payload")
    if isinstance(payload, dict):
        check.epochs.append((seq, payload))
        check.warnings.append(
            f"entry {seq} begins a new epoch after a backup was put back: {document.get('why', '')}"
        )
