"""Outside text as data: fenced with a nonce that it can't know, hidden characters shown. Pure.

The fence is hygiene, not the wall: the wall is that tools only read, that cells have no network,
that facts are computed, and that a person approves.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import unicodedata

_PLAIN = frozenset("\n\t")


def nonce(secret: bytes, change: str) -> str:
    """The fence's nonce for a change: the same in each of its prompts, unknown to its texts."""
    return hmac.new(secret, f"fence:{change}".encode(), hashlib.sha256).hexdigest()[:24]


def show_hidden(text: str) -> str:
    """`text` with control, format and unassigned characters written out, as <U+202E>."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if _plain(c) else f"<U+{ord(c):04X}>" for c in text)


def _plain(c: str) -> bool:
    if c in _PLAIN or " " <= c <= "~":
        return True
    if 0xFE00 <= ord(c) <= 0xFE0F or 0xE0100 <= ord(c) <= 0xE01EF or c in "\u115f\u1160\u3164":
        return False  # variation selectors and fillers draw nothing
    return unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def fenced(text: str, *, kind: str, name: str = "", nonce: str) -> str:
    """`text` between marks that carry the nonce; a nonce inside is taken out."""
    inner = show_hidden(text.replace(nonce, ""))
    named = f" name={json.dumps(show_hidden(name))}" if name else ""
    end = "" if inner.endswith("\n") else "\n"
    return f"<data {nonce} kind={kind}{named}>\n{inner}{end}</data {nonce}>"


def capped(text: str, most: int, hint: str = "") -> str:
    """The head of `text`, at most about `most` characters, with a word on what is missing."""
    if len(text) <= most:
        return text
    return text[:most] + f"\n[{len(text) - most} more characters{'; ' + hint if hint else ''}]"


def tail(text: str, lines: int, most: int) -> str:
    """The last lines of a log, at most `most` characters of them."""
    return "\n".join(text.rstrip("\n").splitlines()[-lines:])[-most:]
