"""Shell text parsed by tree-sitter, and the few questions that others ask of a node.

Only syntax lives here: no variable is looked up and no file is opened.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import tree_sitter_bash
import tree_sitter_yaml
from tree_sitter import Language, Node, Parser

MAX_BYTES = 512 * 1024
"""Longer files are not read as code."""

_SHELLS = re.compile(
    rb"^#!\s*\S*?(?:/env\s+(?:-S\s+)?)?(?:\S*/)?(bash|dash|ksh|ash|sh|zsh)\b([^\n]*)"
)


@lru_cache(maxsize=1)
def _bash() -> Language:
    return Language(tree_sitter_bash.language())


@lru_cache(maxsize=1)
def _yaml() -> Language:
    return Language(tree_sitter_yaml.language())


def parse_shell(content: bytes) -> Node:
    """The root node of shell text; never raises, broken parts are error nodes."""
    return Parser(_bash()).parse(content).root_node


def parse_yaml(content: bytes) -> Node:
    """The root node of YAML text."""
    return Parser(_yaml()).parse(content).root_node


def text(node: Node) -> str:
    """The node's text; bytes that are not UTF-8 come back as surrogates."""
    return (node.text or b"").decode("utf-8", "surrogateescape")


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it, in order, without recursion."""
    todo = [node]
    while todo:
        one = todo.pop()
        yield one
        todo.extend(reversed(one.children))


def error_nodes(root: Node) -> list[Node]:
    """Nodes that could not be parsed, and tokens that the parser made up."""
    if not root.has_error:
        return []
    return [node for node in walk(root) if node.is_error or node.is_missing]


def error_signature(content: bytes) -> tuple[int, int]:
    """How many error nodes and made-up tokens shell text has."""
    found = error_nodes(parse_shell(content))
    return sum(node.is_error for node in found), sum(node.is_missing for node in found)


@dataclass(frozen=True)
class Shebang:
    dialect: str  # "bash" or "sh"
    options: frozenset[str]


def shebang(content: bytes) -> Shebang | None:
    """What the first line says, if it names a shell that we read."""
    found = _SHELLS.match(content[:200])
    if not found:
        return None
    name = found.group(1).decode()
    dialect = "bash" if name in ("bash", "zsh", "ksh") else "sh"
    return Shebang(dialect, options_of(found.group(2).decode("utf-8", "replace").split()))


LETTERS = {"e": "errexit", "u": "nounset"}


def options_of(arguments: list[str], sign: str = "-") -> frozenset[str]:
    """The options among errexit, nounset, pipefail, allexport that `set ARGUMENTS` switches."""
    found: set[str] = set()
    take_name = False
    for argument in arguments:
        if take_name:
            take_name = False
            found.add(argument)
        elif argument.startswith(sign) and len(argument) > 1 and argument[1] not in "-+":
            for letter in argument[1:]:
                if letter in LETTERS:
                    found.add(LETTERS[letter])
                elif letter == "a":
                    found.add("allexport")
                elif letter == "o":
                    take_name = True
    return frozenset(found)


def looks_like_shell(path: str, content: bytes) -> bool:
    """Whether a file is shell text by its first line or its name."""
    if len(content) > MAX_BYTES or b"\0" in content[:1024]:
        return False
    if content.startswith(b"#!"):
        return shebang(content) is not None
    return path.endswith((".sh", ".bash", ".ksh"))
