"""Repositories with lists kept by hand, and a place on disk where a generated tool may run."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from agents import Files, Plan, Rehearsal
from agents.recipes.planner import RecipePlanner
from tests.unit.agents.trees import ScriptedDesk, brief

STYLES = ("berths-signs", "stations-inventory")


def rehearsed(files: Files, request: str, told: tuple[str, ...] = ()) -> Rehearsal:
    answer = RecipePlanner().rehearse(brief(files, request, told), ScriptedDesk())
    assert isinstance(answer, Rehearsal), answer
    return answer


def planned(files: Files, request: str) -> Plan:
    one = rehearsed(files, request)
    answer = RecipePlanner().plan(brief(files, request), ScriptedDesk(), one)
    assert isinstance(answer, Plan), answer
    return answer


def drafted(files: Files, plan: Plan) -> Files:
    """The tree with the edits of a plan."""
    made = dict(files)
    for edit in plan.edits:
        assert made.get(edit.path) == edit.before
        assert edit.after is not None
        made[edit.path] = edit.after
    return made


class Checkout:
    """A tree on disk; its tool is of our making, so it may run here."""

    def __init__(self, files: Files, root: Path) -> None:
        self.root = root
        for path, (mode, content) in files.items():
            full = root / path
            full.parent.mkdir(parents=True, exist_ok=True)
            full.write_bytes(content)
            full.chmod(mode & 0o777)

    def run(self, *argv: str, limit: int | None = None) -> subprocess.CompletedProcess[str]:
        """Run a file of the tree from another folder, with a limit on file sizes if given."""
        words = [str(self.root / argv[0]), *argv[1:]]
        if limit is not None:
            words = ["sh", "-c", f'ulimit -f {limit}; exec "$@"', "sh", *words]
        return subprocess.run(
            words, cwd="/", capture_output=True, text=True, timeout=30, check=False
        )

    def text(self, path: str) -> str:
        return (self.root / path).read_text()

    def change(self, path: str, old: str, new: str) -> None:
        text = self.text(path)
        assert old in text
        (self.root / path).write_text(text.replace(old, new, 1))

    def files(self) -> Files:
        """All files as they are, bytecode aside."""
        return {
            p.relative_to(self.root).as_posix(): (
                0o100755 if os.access(p, os.X_OK) else 0o100644,
                p.read_bytes(),
            )
            for p in sorted(self.root.rglob("*"))
            if p.is_file()
        }
