"""The journal: effects that have no state, one line each, such as a restart or an invalidation.

Keeps lines by the name of who wrote them and makes them comparable between runs. Nothing here
decides who may write.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence

from .values import Item, Picture, Refused, digest

PREFIX = "journal:"
MOST_LINES = 5000
_MADE_UP = (
    (re.compile(r"(?<![\w.])(?:/[\w.-]+)*/tmp\.[A-Za-z0-9]{6,}"), "<temporary>"),
    (re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", re.IGNORECASE), "<id>"),
    (re.compile(r"\b\d{4}-?\d\d-?\d\d[T _-]?\d\d:?\d\d(?::?\d\d)?(?:\.\d+)?Z?\b"), "<time>"),
    (re.compile(r"(?<![\w.])1\d{9}(?:\d{3}|\d{6}|\d{9})?(?![\w.])"), "<time>"),
)
"""What differs from run to run without meaning anything: temporary names, ids, moments."""


def canonical(argv: Sequence[str]) -> str:
    """A call as one line that two runs of the same call share."""
    line = shlex.join(argv)
    for pattern, stands_for in _MADE_UP:
        line = pattern.sub(stands_for, line)
    return line


class Journal:
    """Lines by name; the n-th line of NAME has the address "journal:NAME/n"."""

    def __init__(self) -> None:
        self._lines: dict[str, dict[int, str]] = {}
        self._picture: Picture | None = {}

    def write(self, name: str, argv: Sequence[str]) -> None:
        """Add one line. Raises `Refused` when there are too many."""
        lines = self._lines.setdefault(name, {})
        if len(lines) >= MOST_LINES:
            raise Refused(f"the journal of {name} is full")
        lines[max(lines, default=0) + 1] = canonical(argv)
        self._picture = None

    def lines(self, name: str) -> list[str]:
        """The lines of `name`, oldest first."""
        return [line for _, line in sorted(self._lines.get(name, {}).items())]

    def all(self) -> dict[str, list[str]]:
        """Every name with its lines, for a dump."""
        return {name: self.lines(name) for name in sorted(self._lines) if self._lines[name]}

    def owns(self, address: str) -> bool:
        return address.startswith(PREFIX)

    def picture(self) -> Picture:
        if self._picture is None:
            self._picture = {
                f"{PREFIX}{name}/{number}": Item(digest(line.encode()), line)
                for name, lines in self._lines.items()
                for number, line in lines.items()
            }
        return self._picture

    def become(self, picture: Picture, shape: None) -> None:
        self._lines = {}
        for address, item in picture.items():
            name, number = _split(address)
            self._lines.setdefault(name, {})[number] = item.kept
        self._picture = picture

    def shape(self) -> None:
        return None

    def give_back(self, address: str, item: Item | None) -> None:
        name, number = _split(address)
        lines = self._lines.setdefault(name, {})
        if item is None:
            lines.pop(number, None)
        else:
            lines[number] = item.kept
        self._picture = None

    def put(self, address: str, content: bytes | None) -> None:
        name, number = _split(address)
        line = None if content is None else content.decode("utf-8", "surrogateescape")
        self.give_back(f"{PREFIX}{name}/{number}", None if line is None else Item("", line))

    def read(self, address: str) -> bytes | None:
        name, number = _split(address)
        line = self._lines.get(name, {}).get(number)
        return None if line is None else line.encode("utf-8", "surrogateescape")

    def watch(self) -> None:
        """Nobody reads a journal."""

    def reads(self) -> Iterable[str]:
        return ()


def _split(address: str) -> tuple[str, int]:
    name, _, number = address.removeprefix(PREFIX).rpartition("/")
    if not name or not number.isdigit():
        raise Refused(f"{address} is no line of a journal")
    return name, int(number)
