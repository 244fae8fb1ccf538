"""Case folders as values: what a person asked, the tree before, and patches known right or wrong.

Any folder of the format counts; nothing here knows one case from another. Nothing is run here but
a case's own oracle.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from service.errors import UsageError
from service.repos import Files, trees


class Verdict(StrEnum):
    """What a case's oracle says of a tree."""

    HOLDS = "holds"
    FAILS = "fails"
    CANNOT_JUDGE = "cannot-judge"


@dataclass(frozen=True)
class Patch:
    """A change that a case brings along."""

    name: str  # as in the case: "ref-fix.patch", "tries/wrong-x.patch"
    file: Path
    right: bool


@dataclass(frozen=True)
class Case:
    """One incident or piece of toil."""

    name: str
    folder: Path
    request: str
    base: Files
    patches: tuple[Patch, ...]


def load(folder: Path, only: str = "") -> list[Case]:
    """Read the cases below `folder`, or the one that it is; with `only`, the one of that name.

    Raises `UsageError` when there is none.
    """
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}")
    folders = [folder] if (folder / "request.md").is_file() else sorted(folder.iterdir())
    found = [
        _read(one)
        for one in folders
        if (one / "request.md").is_file() and (one / "repo").is_dir() and only in ("", one.name)
    ]
    if not found:
        raise UsageError(f"there is no case {only or 'at all'} below {folder}")
    return found


def _read(folder: Path) -> Case:
    known = [("ref-fix.patch", True), ("other-fix.patch", True), ("patch-only.patch", False)]
    tries = sorted((folder / "tries").glob("*.patch")) if (folder / "tries").is_dir() else []
    known += [
        (f"tries/{path.name}", path.name.startswith("right-"))
        for path in tries
        if path.name.startswith(("right-", "wrong-"))
    ]
    return Case(
        name=folder.resolve().name,
        folder=folder.resolve(),
        request=(folder / "request.md").read_text(encoding="utf-8"),
        base=trees.snapshot(folder / "repo").files,
        patches=tuple(
            Patch(name, folder.resolve() / name, right)
            for name, right in known
            if (folder / name).is_file()
        ),
    )


def judge(case: Case, tree: Files, say: Callable[[str], None]) -> Verdict:
    """Ask the case's own oracle about `tree`; its lines that fail go to `say`."""
    with tempfile.TemporaryDirectory(prefix="eval-", dir="/var/tmp") as folder:
        written = Path(folder) / "tree"
        trees.write(tree, written)
        Path(folder).chmod(0o755)  # the oracle's confined processes read it as nobody
        done = subprocess.run(
            [str(case.folder / "oracle" / "run"), str(written)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=300,
            check=False,
        )
    for line in done.stdout.decode("utf-8", "replace").splitlines():
        if line.startswith(("FAIL", "CANNOT")):
            say(line)
    return {0: Verdict.HOLDS, 1: Verdict.FAILS}.get(done.returncode, Verdict.CANNOT_JUDGE)
