"""Procedures in documents: ordered or ticked lists of things that people do, step by step.

Pure text work on Markdown. What a step is about is judged from its words; nothing is ever run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agents import Files
from agents.reading.entries import is_document
from agents.reading.syntax import MAX_BYTES

_ITEM = re.compile(r"^(\s*)(?:(\d+)([.)])|([-*+])(\s+\[[ xX]\]))(\s+)(.*)$")
_FENCE = re.compile(r"^\s*(```|~~~)")
_HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*$")
_LEFT_OUT = re.compile(r"(^|/)(vendor|node_modules|third_party|archive|\.pawl|\.git)/")

EDITING = re.compile(
    r"\b(add|edit|put|append|insert|change|set|paste|update|copy|write|enter|include|remove|delete"
    r"|extend|list|register|mirror|repeat|do the same)\b",
    re.IGNORECASE,
)
COMPARING = re.compile(
    r"\b(compare|cross-check|double-check|diff|make sure|check that|verify that|look (over|through)"
    r"|go through)\b",
    re.IGNORECASE,
)
REVERSING = re.compile(
    r"\b(backwards?|in reverse|reverse order|the same|undo|other way round)\b", re.I
)
REMOVING = re.compile(r"\b(remov\w+|delet\w+|retir\w+|tak\w+ (out|away)|drop\w*)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Step:
    """One item of a procedure, with the lines that belong to it."""

    start: int  # the first line, from 0
    end: int  # the line behind the last one
    text: str
    number: str = ""  # "3" where steps are numbered
    indent: str = ""


@dataclass(frozen=True)
class Procedure:
    """A list of steps in a document."""

    path: str
    heading: str
    steps: tuple[Step, ...]

    @property
    def end(self) -> int:
        return self.steps[-1].end


def procedures(tree: Files) -> tuple[Procedure, ...]:
    """Every list of numbered or ticked items of the tree's documents, in order."""
    found: list[Procedure] = []
    for path in sorted(tree):
        mode, content = tree[path]
        if mode == 0o120000 or len(content) > MAX_BYTES or _LEFT_OUT.search(path):
            continue
        if is_document(path):
            found += _procedures(path, content.decode("utf-8", "replace").splitlines())
    return tuple(found)


def _procedures(path: str, lines: Sequence[str]) -> Iterator[Procedure]:
    heading, fenced = "", False
    steps: list[Step] = []
    for i, line in enumerate([*lines, "# "]):
        if _FENCE.match(line):
            fenced = not fenced
        item = None if fenced else _ITEM.match(line)
        if item and (not steps or item.group(1) == steps[0].indent):
            if steps and item.group(2) == "1" and steps[-1].number not in ("", "1"):
                yield Procedure(path, heading, tuple(steps))
                steps = []
            steps.append(Step(i, i + 1, item.group(7), item.group(2) or "", item.group(1)))
            continue
        if steps and (fenced or _continues(line, steps[-1], lines, i)):
            last = steps[-1]
            text = f"{last.text} {line.strip()}".strip()
            steps[-1] = Step(last.start, i + 1, text, last.number, last.indent)
            continue
        if steps and line.strip():
            yield Procedure(path, heading, tuple(steps))
            steps = []
        title = _HEADING.match(line)
        if title and not fenced:
            heading = title.group(1)
    if steps:
        yield Procedure(path, heading, tuple(steps))


def _continues(line: str, step: Step, lines: Sequence[str], at: int) -> bool:
    """Whether a line belongs to a step: indented below it, or lazily right behind it."""
    if not line.strip():
        return False
    deeper = len(line) - len(line.lstrip()) > len(step.indent)
    lazy = at == step.end and not line.startswith(("#", "|", ">", "- ", "* "))
    return deeper or lazy


def commands(text: str) -> tuple[str, ...]:
    """The code in a step's words."""
    return tuple(re.findall(r"`([^`]+)`", text))
