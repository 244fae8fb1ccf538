"""Names: what a login may be, what a name as shown may be. Pure text; who holds one is elsewhere.

A name that can't be told from another, or that reorders the text around it, would let somebody
pass for somebody else on the page where people decide.
"""

from __future__ import annotations

import re
import unicodedata

from service.people import No

_LOGIN = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,38}[a-z0-9])?")
_LONGEST = 80
_UNSEEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_UNSEEN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0]")
"""Characters that show nothing though their category does not say so."""


def login(text: str) -> str | No:
    """`text` as a login, in lower case; No 422 where it can't be one."""
    if text.isascii():  # lower() of a letter beyond ASCII may be one of ASCII
        wanted = text.strip().lower()
        if _LOGIN.fullmatch(wanted):
            return wanted
    return No(
        "bad-login",
        "A login has 1 to 40 of the letters a to z, digits, dot, dash and underscore.",
        "Begin and end it with a letter or a digit.",
        422,
    )


def shown(text: str) -> str | No:
    """`text` as a name that is shown, trimmed; No 422 where it can't be one."""
    name = unicodedata.normalize("NFC", text).strip()
    if not 1 <= len(name) <= _LONGEST or not any(letter.isalnum() for letter in name):
        return No("bad-name", f"A name has 1 to {_LONGEST} letters.", status=422)
    if unseen(name):
        return No(
            "bad-name",
            "The name holds a character that can't be seen.",
            "Type it again instead of pasting it.",
            422,
        )
    return name


def unseen(text: str) -> bool:
    """Whether `text` holds control, bidirectional, zero-width or other invisible characters."""
    if _UNSEEN.search(text):
        return True
    return any(unicodedata.category(letter) in _UNSEEN_CATEGORIES for letter in text)


def masked(text: str) -> str:
    """A login as the log may hold it: a password that was typed in its place must not show."""
    known = login(text)
    return "***" if isinstance(known, No) else f"{known[0]}***"
