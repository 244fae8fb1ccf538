"""Secrets that open something, the digests that are kept in their place, and fresh names.

Pure but for the system's randomness. No secret is ever written down here; only digests are.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets

from service.people import AccountId, Digest256

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # no letters that look like others
_API = re.compile(r"pawl_([0-9a-f]{16})_([0-9a-f]{64})")


def fresh() -> str:
    """A secret of 256 bits, for a cookie or a link."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> Digest256:
    """What is kept of `secret`."""
    return Digest256(hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest())


def fits(secret: str, kept: str) -> bool:
    """Whether `kept` is the digest of `secret`, in a time that tells nothing."""
    return hmac.compare_digest(digest(secret), kept)


def fresh_id(prefix: str, length: int = 10) -> str:
    """A name that nothing else has, in this store or another: `prefix` and so many letters."""
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(length))


def account_id() -> AccountId:
    """A name for an account."""
    return AccountId(fresh_id("p", 12))


def api_token() -> tuple[str, str, str]:
    """A fresh API token: its public id, its secret, and the whole as its owner gets to see it."""
    ident, secret = secrets.token_hex(8), secrets.token_hex(32)
    return ident, secret, f"pawl_{ident}_{secret}"


def parse_api_token(token: str) -> tuple[str, str] | None:
    """Public id and secret of an API token; None for anything else."""
    match = _API.fullmatch(token)
    return None if match is None else (match[1], match[2])
