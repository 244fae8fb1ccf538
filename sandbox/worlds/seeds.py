"""Made-up content: what files of a world hold, as a function of their address and a seed.

The same address and seed give the same bytes on every side, machine and day. Nothing here puts
content anywhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

SMALLEST, LARGEST = 500, 1500
"""Bytes of one made-up file. Two seeds differ in content and, nearly always, in size."""


def join(folder: str, name: str) -> str:
    """The address of `name` below the folder's address, with one slash between them."""
    return f"{folder.rstrip('/')}/{name.lstrip('/')}"


def content(address: str, seed: int) -> bytes:
    """Text of 500 to 1500 bytes that only `address` and `seed` decide."""
    size = SMALLEST + int.from_bytes(_digest(address, seed, "size")[:4], "big") % (
        LARGEST - SMALLEST + 1
    )
    lines = bytearray()
    number = 0
    while len(lines) < size:
        lines += _digest(address, seed, str(number)).hex().encode() + b"\n"
        number += 1
    del lines[size - 1 :]
    return bytes(lines) + b"\n"


def seeded(folder: str, names: Iterable[str], seed: int) -> dict[str, bytes]:
    """Content for each of `names` below `folder` (an address: "/a", "HOST:/a", "s3://bucket/a")."""
    addresses = [join(folder, name) for name in names]
    return {address: content(address, seed) for address in addresses}


def later(addresses: Iterable[str], seed: int) -> dict[str, bytes]:
    """Other content than `seeded` gives for the same seed: what a stimulus changes or adds."""
    return {address: content(address + "\0later", seed) for address in addresses}


def _digest(address: str, seed: int, what: str) -> bytes:
    return hashlib.sha256(f"{seed}\0{address}\0{what}".encode("utf-8", "surrogateescape")).digest()
