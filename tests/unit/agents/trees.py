"""Trees for the tests of reading and recipes, written in place or loaded from tests/assets."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path

from agents import Brief, Files, Rehearsal, Trial
from agents.reading.reader import TreeReader

REPOS = Path(__file__).parents[2] / "assets" / "repos"


def made(files: dict[str, str]) -> Files:
    """A tree from path -> text; what starts with #! is executable."""
    found: dict[str, tuple[int, bytes]] = {}
    for path, text in files.items():
        plain = textwrap.dedent(text).lstrip("\n")
        found[path] = (0o100755 if plain.startswith("#!") else 0o100644, plain.encode())
    return found


def load(name: str) -> tuple[Files, str]:
    """A repository below tests/assets/repos and its request."""
    root = REPOS / name / "repo"
    found: dict[str, tuple[int, bytes]] = {}
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        mode = 0o100755 if os.access(path, os.X_OK) else 0o100644
        found[path.relative_to(root).as_posix()] = (mode, path.read_bytes())
    return found, (REPOS / name / "request.md").read_text()


def brief(files: Files, request: str, told: tuple[str, ...] = ()) -> Brief:
    return Brief(request, files, TreeReader().survey(files), told=told)


class ScriptedDesk:
    """A desk whose trials answer as they are told; what was tried and said is kept."""

    def __init__(self, *hits: bool, control_good: bool = True) -> None:
        self.answers = list(hits) or [True]
        self.control_good = control_good
        self.tried: list[Rehearsal] = []
        self.said: list[str] = []
        self.discarded: list[tuple[str, str]] = []

    def try_rehearsal(self, rehearsal: Rehearsal) -> Trial:
        self.tried.append(rehearsal)
        hit = self.answers.pop(0) if self.answers else False
        return Trial(self.control_good, hit, "as scripted", ("s3://a/b",) if hit else (), "")

    def say(self, text: str) -> None:
        self.said.append(text)

    def discard(self, candidate: str, why: str) -> None:
        self.discarded.append((candidate, why))
