"""The export: the whole log as JSON lines, which anybody can check without Pawl's database.

    {"format":"pawl-log/v1","origin":"...","public_key":"...","size":2}
    {"leaf":"<64 hexadecimal digits>","entry":{...}}
    {"leaf":"<64 hexadecimal digits>","entry":{...}}
    {"checkpoint":"<a signed note over all entries above it>"}

The first line is the header. An entry's bytes between `"entry":` and the last brace are exactly
what the tree hashes, so nothing has to be written again to be checked.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from service.ledger.checkpoint import Checkpoint, PublicKey
from service.ledger.errors import BadExport

FORMAT = "pawl-log/v1"
LEAF = b'{"leaf":"'
ENTRY = b'","entry":'
END = b"}\n"
LEAF_AT = len(LEAF)
BODY_AT = LEAF_AT + 64 + len(ENTRY)
CHECKPOINT = b'{"checkpoint":'


@dataclass(frozen=True)
class Header:
    """What an export says of itself. Nothing of it is signed; `verify` checks each word."""

    origin: str
    public_key: str
    size: int


def write(
    key: PublicKey,
    size: int,
    entries: Iterable[tuple[bytes, bytes]],
    checkpoints: Iterable[Checkpoint],
) -> Iterator[bytes]:
    """The lines of an export of `size` entries (leaf hash, body) with `checkpoints` by size."""
    waiting = iter(checkpoints)
    following = next(waiting, None)
    head = {"format": FORMAT, "origin": key.name, "public_key": str(key), "size": size}
    yield _line(head)
    for seq, (leaf, body) in enumerate(entries):
        yield LEAF + leaf.hex().encode() + ENTRY + body + END
        while following is not None and following.size <= seq + 1:
            yield _line({"checkpoint": following.note})
            following = next(waiting, None)


def read_header(line: bytes) -> Header:
    """The header in `line`. Raises `BadExport` for anything else."""
    try:
        head = json.loads(line)
        form = head["format"]
        header = Header(head["origin"], head["public_key"], head["size"])
    except (ValueError, KeyError, TypeError) as error:
        raise BadExport(
            "this is no export of a log: the first line is no header",
            mend="write one with `pawl log export`",
        ) from error
    if form != FORMAT:
        raise BadExport(
            f"the export is of format {form!r}; only {FORMAT!r} is known here",
            mend="check it with the version of Pawl that wrote it, or a newer one",
        )
    if type(header.size) is not int or not isinstance(header.public_key, str):
        raise BadExport("the header of the export does not say size and public key")
    return header


def read_checkpoint(line: bytes) -> str:
    """The note in a checkpoint line. Raises `BadExport`."""
    try:
        note = json.loads(line)["checkpoint"]
    except (ValueError, KeyError, TypeError) as error:
        raise BadExport("a line of the export is neither entry nor checkpoint") from error
    if not isinstance(note, str) or _line({"checkpoint": note}) != line:
        raise BadExport("a checkpoint line of the export is not as it was written")
    return note


def _line(document: dict[str, object]) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
