"""Checkpoints: "the log of this origin had this many entries under this root", signed.

C2SP signed-note and tlog-checkpoint, Ed25519. Keys are values here; where a secret key is kept, and
who may read it, is the store's business.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from service.ledger.errors import BadCheckpoint

_ED25519 = b"\x01"
_DASH = "\N{EM DASH} "


@dataclass(frozen=True)
class PublicKey:
    """Who signs, and how that is checked. Written as a C2SP verifier key: name+id+key."""

    name: str
    raw: bytes

    @property
    def id(self) -> bytes:
        """The four bytes by which a signature line says which key made it."""
        return sha256(self.name.encode() + b"\n" + _ED25519 + self.raw).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(_ED25519 + self.raw).decode()}"

    @classmethod
    def parse(cls, text: str) -> PublicKey:
        """Read a verifier key. Raises `BadCheckpoint`."""
        name, _, rest = text.strip().partition("+")
        ident, _, encoded = rest.partition("+")
        raw = _unbase64(encoded)
        if not _is_name(name) or len(raw) != 33 or raw[:1] != _ED25519:
            raise BadCheckpoint(
                f"this is no public key of a log: {text.strip()[:80]!r}",
                mend="it is one line, name+id+key, as in keys/log.pub",
            )
        key = cls(name, raw[1:])
        if key.id.hex() != ident:
            raise BadCheckpoint("the public key does not match its own id", mend="copy it again")
        return key

    def holds(self, text: bytes, signature: bytes) -> bool:
        """Whether this key made `signature` over `text`."""
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, text)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True)
class SigningKey:
    """The secret half. Its `repr` shows the name alone."""

    name: str
    secret: Ed25519PrivateKey

    def __repr__(self) -> str:
        return f"SigningKey({self.name!r})"

    @property
    def public(self) -> PublicKey:
        return PublicKey(self.name, self.secret.public_key().public_bytes_raw())


@dataclass(frozen=True)
class Checkpoint:
    """What a note says. Whether it is signed is another question: `verify` answers it."""

    origin: str
    size: int
    root: bytes
    note: str
    """The whole text, signatures included."""

    def __str__(self) -> str:
        return f"{self.origin} at {self.size} entries, root {self.root.hex()[:12]}"


def sign(key: SigningKey, size: int, root: bytes) -> Checkpoint:
    """The signed checkpoint of the log whose origin is the key's name."""
    text = f"{key.name}\n{size}\n{base64.b64encode(root).decode()}\n"
    public = key.public
    signature = base64.b64encode(public.id + key.secret.sign(text.encode())).decode()
    return Checkpoint(key.name, size, root, f"{text}\n{_DASH}{key.name} {signature}\n")


def parse(note: str) -> Checkpoint:
    """Read a note without checking its signatures. Raises `BadCheckpoint`."""
    text, gap, signatures = note.rpartition("\n\n")
    lines = text.split("\n")
    if not gap or len(lines) < 3 or not signatures.endswith("\n"):
        raise BadCheckpoint(
            "this is no signed checkpoint",
            mend="it is five lines: origin, size, root, an empty line, a signature",
        )
    origin, size, encoded = lines[:3]
    root = _unbase64(encoded)
    if not origin or len(root) != 32 or not _is_size(size):
        raise BadCheckpoint("the checkpoint does not say origin, size and root, a line each")
    return Checkpoint(origin, int(size), root, note)


def verify(note: str, key: PublicKey) -> Checkpoint:
    """Read a note that `key` signed. Raises `BadCheckpoint` where it did not.

    Signatures of others (witnesses) are left alone, as the format asks for.
    """
    checkpoint = parse(note)
    if checkpoint.origin != key.name:
        raise BadCheckpoint(f"the checkpoint is of {checkpoint.origin!r}, not of {key.name!r}")
    text, _, signatures = note.rpartition("\n\n")
    signed = f"{text}\n".encode()
    for line in signatures.splitlines():
        name, _, encoded = line.removeprefix(_DASH).partition(" ")
        made = _unbase64(encoded)
        if line.startswith(_DASH) and name == key.name and made[:4] == key.id:
            if key.holds(signed, made[4:]):
                return checkpoint
            raise BadCheckpoint(f"the signature on the checkpoint ({checkpoint}) does not hold")
    raise BadCheckpoint(f"{key.name} did not sign the checkpoint ({checkpoint}) with this key")


def _is_size(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 17 and str(int(text)) == text


def _is_name(text: str) -> bool:
    return bool(text) and text.isprintable() and not any(c.isspace() or c == "+" for c in text)


def _unbase64(text: str) -> bytes:
    """The bytes that `text` encodes; none where it is not written as base64 writes them."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
    # Spare bits in the last letter would let one signature be written in several ways.
    return raw if base64.b64encode(raw).decode() == text else b""
