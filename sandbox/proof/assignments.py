"""Assignments in settings files: read one, put another value there, or take it away.

Pure text work on `NAME=value`, `NAME: value` and `NAME = value`; whose settings these are is known
elsewhere.
"""

from __future__ import annotations

import re


def reassigned(content: bytes, name: str, value: str | None) -> bytes | None:
    """`content` with the assignment of `name` changed (None: the line left out).

    Knows `NAME=value`, with `export` or not, `NAME: value` and `NAME = value`; text that a shell
    would split is quoted. None where nothing assigns `name`.
    """
    text = content.decode("utf-8", "surrogateescape")
    pattern = re.compile(
        rf"^(?P<head>[ \t]*(?:export[ \t]+)?{re.escape(name)}[ \t]*[=:][ \t]*).*$", re.MULTILINE
    )
    if not pattern.search(text):
        return None
    if value is None:
        text = re.sub(pattern.pattern + r"\n?", "", text, flags=re.MULTILINE)
    else:
        plain = re.fullmatch(r"[A-Za-z0-9_@%+=:,./-]*", value) is not None
        quoted = value if plain else "'" + value.replace("'", "'\\''") + "'"
        text = pattern.sub(lambda match: match["head"] + quoted, text)
    return text.encode("utf-8", "surrogateescape")


def assigned(content: bytes, name: str) -> str | None:
    """The value that a file gives `name`, without quotes; None if it does not assign it."""
    match = re.search(
        rf"^[ \t]*(?:export[ \t]+)?{re.escape(name)}[ \t]*[=:][ \t]*(.*)$",
        content.decode("utf-8", "surrogateescape"),
        re.MULTILINE,
    )
    if match is None:
        return None
    return match[1].strip().strip("\"'")
