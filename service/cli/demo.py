"""`pawl demo`: the founding incident through the real flow, told as it happens."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.rule import Rule
from rich.text import Text

from service import settings as environment
from service import wiring
from service.app.outcome import EXIT
from service.cli import report
from service.cli.propose import diff_of, hand_over, look, run
from service.errors import SomethingMissing

ROOT = Path(__file__).resolve().parents[2]


def demo(keep: Path | None) -> None:
    """Make a repository from the incident, file the incident, show the way, exit 0 if it stands."""
    source = ROOT / "docs/demo"
    if not (source / "repo").is_dir():
        raise SomethingMissing(
            "the demo's incident is not here",
            code="missing-demo",
            mend="run it from a checkout of Pawl: make demo",
        )
    folder = ROOT / "build/demo"
    shutil.rmtree(folder, ignore_errors=True)
    repository = keep or folder / "repository"
    if repository.exists():
        raise SomethingMissing(
            f"{repository} is there already", code="missing-room", mend="name another folder"
        )
    _make(source / "repo", repository)
    settings = replace(environment.load(), home=folder / "home")
    request = (source / "request.md").read_text(encoding="utf-8")
    console = Console(file=sys.stderr, highlight=False, soft_wrap=True)

    _head(console, "An incident, in a person's words")
    for line in request.strip().splitlines():
        console.print(Text(f"  {line}"))
    _head(console, "Pawl re-enacts it, plans a reshape, proves it, asks the gate")
    snapshot = look(repository)
    document, draft = run(snapshot, request, wiring.planner(), entry=None, settings=settings)
    lead = hand_over(document, snapshot, draft, None, "pawl/proposal", settings)
    _head(console, "What a reviewer gets")
    report.show(Console(highlight=False), document, diff_of(snapshot, draft), lead=lead)
    if document["outcome"] == "stands":
        _head(console, "The proposal lies ready")
        for text in (
            f"repository   {repository} (branch pawl/proposal; main is untouched)",
            f"look at it   git -C {repository} diff main pawl/proposal",
            f"keep it      .venv/bin/pawl rehearse {repository} --head pawl/proposal",
            f"the log      PAWL_HOME={settings.home} .venv/bin/pawl log verify",
        ):
            console.print(Text(f"  {text}"))
    sys.exit(EXIT.get(document["outcome"], 1))


def _make(source: Path, repository: Path) -> None:
    """A git repository with one commit that holds `source`."""
    shutil.copytree(source, repository, symlinks=True)
    for path in [repository, *repository.rglob("*")]:
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | 0o200)
    person = ("-c", "user.name=Demo", "-c", "user.email=demo@localhost")
    for args in (
        ("init", "--quiet", "--initial-branch=main"),
        ("add", "--all"),
        (*person, "commit", "--quiet", "--message=The site as it was"),
    ):
        subprocess.run(["git", "-C", str(repository), *args], check=True)


def _head(console: Console, text: str) -> None:
    console.print()
    console.print(Rule(Text(text, style="bold"), align="left"))
