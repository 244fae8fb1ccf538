"""How often somebody may try to sign in: what is counted, how many, and how long to wait.

Pure: the times of failed attempts come in, an answer goes out. The store keeps the times.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

WINDOW = timedelta(minutes=15)
QUIET = timedelta(minutes=1)
"""The log gets at most one refused attempt a key in this time: a flood must not fill it."""


@dataclass(frozen=True)
class Key:
    """What is counted together, and how many failures it may have within the window."""

    name: str
    most: int
    wiped: bool = True
    """Whether a success forgets the failures before it. Not those of an address: whoever has one
    account could try others for ever."""


def by_login(text: str) -> Key:
    """All attempts under one name. As a digest: passwords get typed where names belong."""
    name = hashlib.sha256(text.strip().lower().encode("utf-8", "surrogatepass")).hexdigest()
    return Key(f"login:{name[:32]}", 5)


def by_account(account: str) -> Key:
    """Those of somebody who is signed in; apart from the name, which strangers can use up."""
    return Key(f"account:{account}", 5)


def by_address(address: str) -> Key:
    """All attempts from one place; of IPv6 the /64, which one household has whole."""
    return Key(f"address:{_place(address, 32, 64)}", 50, wiped=False)


def network(address: str) -> str:
    """`address` as the log may hold it: roughly where, not who. "" where it is none."""
    place = _place(address, 24, 48)
    return place if "/" in place else ""


def wait(key: Key, failures: Sequence[datetime], now: datetime) -> int:
    """Seconds until `key` may try again, 0: now. `failures` within the window, oldest first."""
    if len(failures) < key.most:
        return 0
    return max(1, int((failures[-key.most] + WINDOW - now).total_seconds()) + 1)


def _place(address: str, v4: int, v6: int) -> str:
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(known, ipaddress.IPv6Address) and known.ipv4_mapped is not None:
        known = known.ipv4_mapped
    bits = v4 if known.version == 4 else v6
    return str(ipaddress.ip_network(f"{known}/{bits}", strict=False))
