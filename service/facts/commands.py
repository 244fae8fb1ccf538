"""Shell commands of a script, parsed and never run.

Each simple command as one line of text; what it does is not known here.
"""

from __future__ import annotations

import tree_sitter_bash
from tree_sitter import Language, Node, Parser

MOST_BYTES = 512 << 10
MOST_COMMANDS = 4_000
MOST_TEXT = 300


class TooLarge(Exception):
    """The script is more than is parsed; what it runs is not known."""


def commands_of(content: bytes) -> list[str]:
    """Commands in the order of the text, blanks made single. Raises `TooLarge`."""
    if len(content) > MOST_BYTES:
        raise TooLarge(f"{len(content)} bytes")
    tree = Parser(Language(tree_sitter_bash.language())).parse(content)
    found: list[str] = []
    waiting: list[Node] = [tree.root_node]
    while waiting:
        node = waiting.pop()
        if node.type in ("command", "declaration_command", "unset_command", "test_command"):
            found.append(_text(node))
            if len(found) > MOST_COMMANDS:
                raise TooLarge(f"more than {MOST_COMMANDS} commands")
        waiting.extend(reversed(node.children))
    return found


def _text(node: Node) -> str:
    raw = node.text or b""
    parent = node.parent
    if parent is not None and parent.type == "redirected_statement":
        raw = parent.text or raw  # where its output goes is part of what it does
    return " ".join(raw[: 4 * MOST_TEXT].decode("utf-8", "replace").split())[:MOST_TEXT]
