"""Passwords: which may be one, how it is hashed, whether one fits. Knows no account and no store.

A hash takes 64 MiB and a third of a second, so few run at once, and never within a transaction.
"""

from __future__ import annotations

import base64
import secrets
import threading
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from service.people import No

SHORTEST = 12
LONGEST = 256
AT_ONCE = 2


class Passwords:
    """Hashes and checks. May be used from threads; waits where too many do."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = PasswordHasher() if hasher is None else hasher
        self._room = threading.BoundedSemaphore(AT_ONCE)

    def hash(self, password: str) -> str:
        """The hash that is kept of a password that `refuse` has nothing against."""
        with self._room:
            return self._hasher.hash(_normal(password))

    def fits(self, password: str, kept: str | None) -> bool:
        """Whether `password` is the one. None (nobody has it) takes as long as a real one."""
        wanted = self._nobodys() if kept is None else kept
        try:
            given = _normal(password[: LONGEST + 1])
        except UnicodeEncodeError:
            given = b""  # no password at all; still as slow as any
        try:
            with self._room:
                self._hasher.verify(wanted, given)
        except (VerificationError, InvalidHashError):
            return False
        return kept is not None

    def outdated(self, kept: str) -> bool:
        """Whether a hash was made with other parameters than those of today."""
        return self._hasher.check_needs_rehash(kept)

    def _nobodys(self) -> str:
        """A hash of nothing known, with the parameters of today; made without the work of one."""
        hasher = self._hasher
        cost = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
        salt, digest = (
            base64.b64encode(secrets.token_bytes(length)).decode().rstrip("=")
            for length in (hasher.salt_len, hasher.hash_len)
        )
        return f"$argon2id$v=19${cost}${salt}${digest}"


def refuse(password: str, *, login: str, name: str = "") -> No | None:
    """Why `password` can't be one, None where it can."""
    try:
        _normal(password)
    except UnicodeEncodeError:
        return No("bad-password", "The password holds a broken character.", status=422)
    length = len(unicodedata.normalize("NFKC", password))
    if length < SHORTEST:
        return No(
            "short-password",
            f"A password has at least {SHORTEST} characters.",
            "Four words that have nothing to do with each other make a good one.",
            422,
        )
    if length > LONGEST or len(password) > LONGEST:
        return No("long-password", f"A password has at most {LONGEST} characters.", status=422)
    plain = password.casefold().strip()
    if plain in {login.casefold(), name.casefold()} or len(set(plain)) < 4:
        return No(
            "weak-password",
            "That password would be guessed first.",
            "Four words that have nothing to do with each other make a good one.",
            422,
        )
    return None


def _normal(password: str) -> bytes:
    """One spelling for what looks the same: keyboards differ. Raises `UnicodeEncodeError`."""
    return unicodedata.normalize("NFKC", password).encode()
