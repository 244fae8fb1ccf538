"""The key that signs checkpoints: made once, kept where nobody else can read it.

<home>/keys/            folder, 0700
<home>/keys/log.ed25519 secret key, PKCS #8 PEM, 0600
<home>/keys/log.pub     verifier key, one line, for everybody
"""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from service.ledger import BadCheckpoint, PublicKey, SigningKey
from service.store.disk import sync_folder, write_whole
from service.store.errors import KeyExposed, KeyUnusable

SECRET = "log.ed25519"  # noqa: S105 - a file name
PUBLIC = "log.pub"


def exists(folder: Path) -> bool:
    """Whether the log has a key already."""
    return (folder / SECRET).exists()


def load(folder: Path) -> SigningKey:
    """The key in `folder`. Raises `KeyExposed` and `KeyUnusable`."""
    _guard(folder, folder=True)
    secret = _read(folder / SECRET)
    name = _name(secret)
    public = folder / PUBLIC
    if not public.exists():
        write_whole(public, f"{SigningKey(name, secret).public}\n".encode(), mode=0o644)
    try:
        stated = PublicKey.parse(public.read_text())
    except (BadCheckpoint, OSError, UnicodeDecodeError) as error:
        raise KeyUnusable(
            f"the public key in {public} can't be read: {error}",
            mend="remove that file; it is written again from the secret key",
        ) from error
    if stated.raw != secret.public_key().public_bytes_raw():
        raise KeyUnusable(
            f"{public} is not the public half of {folder / SECRET}",
            mend="put both files back from the same backup",
        )
    return SigningKey(stated.name, secret)


def make(folder: Path) -> SigningKey:
    """Make the key, unless it was made meanwhile, and answer the one that is there."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _guard(folder, folder=True)
    pem = Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    fresh = folder / f".{SECRET}.{secrets.token_hex(8)}"
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    try:
        # A link is there whole or not at all, and never replaces a key that is there.
        with suppress(FileExistsError):
            os.link(fresh, folder / SECRET)
    finally:
        fresh.unlink()
    sync_folder(folder)
    return load(folder)


def _read(path: Path) -> Ed25519PrivateKey:
    try:
        with path.open("rb") as file:
            _guard(path, os.fstat(file.fileno()))
            secret = load_pem_private_key(file.read(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise KeyUnusable(
            f"the key that signs the log can't be read: {error}",
            mend=f"put {path} back from a backup",
        ) from error
    if not isinstance(secret, Ed25519PrivateKey):
        raise KeyUnusable(f"{path} is no Ed25519 key", mend="put it back from a backup")
    return secret


def _guard(path: Path, status: os.stat_result | None = None, *, folder: bool = False) -> None:
    """Refuse a key file, or its folder, that somebody else could read or replace."""
    status = path.stat() if status is None else status
    if stat.S_IMODE(status.st_mode) & 0o077:
        mode = "700" if folder else "600"
        raise KeyExposed(
            f"others can read or replace the key that signs the log: {path} has mode "
            f"{stat.S_IMODE(status.st_mode):o}",
            mend=f"chmod {mode} {path}; if others use this machine, make a new log as well",
        )
    if status.st_uid not in (os.geteuid(), 0):
        raise KeyExposed(
            f"the key that signs the log belongs to another user: {path}",
            mend=f"chown it to the user that runs Pawl, uid {os.geteuid()}",
        )


def _name(secret: Ed25519PrivateKey) -> str:
    """A name of the log that no other log has, made from its first key."""
    return "pawl/log/" + sha256(secret.public_key().public_bytes_raw()).hexdigest()[:16]
