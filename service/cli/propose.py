"""`pawl propose` and `pawl prove`: from words (and somebody's own fix) to a report."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
import time
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from agents import Planner
from service import settings as environment
from service import wiring
from service.app import records, requests
from service.app.outcome import EXIT, outcome
from service.cli import report
from service.cli.terminal import Terminal
from service.errors import PawlError, UsageError
from service.flow.parts import Files
from service.repos import Draft, Refused, Snapshot
from service.settings import Settings

Document = dict[str, Any]


def propose(
    directory: Path,
    text: str,
    *,
    patch: Path | None,
    branch: str | None,
    entry: str | None,
    planner: str,
    as_json: bool,
) -> None:
    """Run one change from request to proposal and exit with what came of it."""
    snapshot = look(directory)
    if patch is not None and not patch.parent.is_dir():
        raise UsageError(f"--patch {patch}: there is no folder {patch.parent}")
    chosen = wiring.named(planner, environment.load())
    document, draft = run(snapshot, text, chosen, entry=argv_of(entry))
    lead = hand_over(document, snapshot, draft, patch, branch)
    finish(document, draft, snapshot, lead, as_json=as_json)


def prove(
    directory: Path,
    text: str,
    *,
    fix: Path,
    rehearsal: Path | None,
    entry: str | None,
    as_json: bool,
) -> None:
    """Run somebody's own fix through the same flow and exit with what came of it."""
    from service.app.given import GivenPlanner
    from service.repos.patches import parse
    from service.repos.trees import snapshot as folder

    snapshot = look(directory)
    given = fix.read_bytes()
    edits = parse(snapshot.files, given)
    if isinstance(edits, Refused):
        raise PawlError(
            f"{fix} was refused: {edits}",
            code=f"patch-{edits.code}",
            mend=edits.remedy,
            exit_code=6,
        )
    own = dict(folder(rehearsal).files) if rehearsal is not None else None
    planner = GivenPlanner(
        inner=wiring.planner(),
        edits=tuple(edits),
        rehearsal=own,
        name_hint=rehearsal.name if rehearsal is not None else "",
    )
    document, draft = run(
        snapshot,
        text or f"prove {fix.name}",
        planner,
        entry=argv_of(entry),
        given=given + (records.pack(own) if own else b""),
    )
    finish(document, draft, snapshot, "", as_json=as_json)


def look(directory: Path) -> Snapshot:
    """The directory as it lies there."""
    from service.repos.trees import snapshot

    found = snapshot(directory)
    if not found.files:
        raise UsageError(f"{directory}: there are no files here that Pawl could look at")
    return found


def argv_of(entry: str | None) -> tuple[str, ...] | None:
    """An entry point as typed -> argv. Raises UsageError."""
    if entry is None:
        return None
    try:
        argv = tuple(shlex.split(entry))
    except ValueError as wrong:
        raise UsageError(f"--entry {entry!r}: {wrong}") from wrong
    if not argv:
        raise UsageError("--entry is empty: write the command as you would type it")
    return argv


def run(
    snapshot: Snapshot,
    text: str,
    planner: Planner | wiring.Named,
    *,
    entry: tuple[str, ...] | None,
    given: bytes = b"",
    settings: Settings | None = None,
    cells: wiring.OpenCells | None = None,
) -> tuple[Document, Files | None]:
    """Take a request through the flow; answer its document and its draft tree."""
    began = time.monotonic()
    kept = settings or environment.load()
    terminal = Terminal()
    what = {True: "dirty work tree", False: snapshot.kind.value}[snapshot.dirty]
    terminal.say(
        f"{snapshot.root} ({what}): {len(snapshot.files)} files, base {snapshot.base[:12]}; "
        "it is read and left untouched"
    )
    for left in snapshot.left_out[:5]:
        terminal.say(f"left out: {left.path}: {left.why}")
    terminal.say("first verdict in about half a minute, the whole proof in one to three minutes")
    try:
        with wiring.running(
            kept,
            terminal,
            planner_=planner,
            entry=entry,
            blocked=snapshot.blocked,
            replans=not given,
            cells_=cells,
        ) as (store, inline):
            change = requests.ask(
                store, snapshot, text, planner=planner.name, entry=entry, given=given
            )
            change = inline.run(change.id)
            document = outcome(
                change, store.artifacts, took_ms=round(1000 * (time.monotonic() - began))
            )
            checkpoint = store.checkpoint()
            document["log"] = {
                "size": checkpoint.size,
                "root": checkpoint.root.hex(),
                "path": str(kept.home / "checkpoint"),
            }
            document["dirty"] = snapshot.dirty
            draft = records.unpack(store.artifacts.get(change.draft)) if change.draft else None
            return document, draft
    finally:
        terminal.close()


def hand_over(
    document: Document,
    snapshot: Snapshot,
    draft: Files | None,
    patch: Path | None,
    branch: str | None,
    settings: Settings | None = None,
) -> str:
    """Write the proposal where it was asked for; answer a sentence that says where it lies."""
    from service.repos.patches import write

    if document["outcome"] == "stands" and draft is not None:
        said = []
        if branch is not None:
            said.append(f"branch `{branch}` at `{_commit(document, snapshot, draft, branch)[:12]}`")
        if patch is not None or branch is None:
            target = _write(
                patch or _proposals(settings) / f"{document['change']}.patch",
                write(snapshot.files, draft),
            )
            document["patch"] = str(target)
            said.append(f"`git apply {shlex.quote(str(target))}`")
        return "Take it: " + ", or ".join(said)
    rehearsal = document.get("rehearsal")
    if document["outcome"] == "nothing-fits" and rehearsal:
        files = dict(snapshot.files)
        files[f"{rehearsal['path']}/rehearsal.yaml"] = (0o100644, rehearsal["yaml"].encode())
        target = _write(
            patch or _proposals(settings) / f"{document['change']}-rehearsal.patch",
            write(snapshot.files, files),
        )
        document["patch"] = str(target)
        return (
            "The rehearsal that hits is worth keeping until somebody can mend it: "
            f"`git apply {shlex.quote(str(target))}`, then `pawl rehearse`"
        )
    return ""


def _commit(document: Document, snapshot: Snapshot, draft: Files, branch: str) -> str:
    from service.repos.branches import commit
    from service.repos.edits import apply, between

    drafted = apply(snapshot.files, between(snapshot.files, draft), blocked=snapshot.blocked)
    if not isinstance(drafted, Draft):
        raise PawlError(f"the draft can't be committed: {drafted}", code="draft-refused")
    plan = document["plan"]
    message = "\n".join(
        [plan["title"], "", *plan["reasons"], "", f"Pawl-Change: {document['change']}"]
    )
    sha = commit(snapshot, drafted, branch, message)
    if isinstance(sha, Refused):
        raise PawlError(f"--branch {branch}: {sha}", code=f"branch-{sha.code}", mend=sha.remedy)
    return sha


def _proposals(settings: Settings | None) -> Path:
    folder = (settings or environment.load()).home / "proposals"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _write(target: Path, data: bytes) -> Path:
    """Write all or nothing."""
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    fresh.write_bytes(data)
    fresh.replace(target)
    return target.absolute()


def diff_of(base: Files, draft: Files | None) -> str:
    """The diff that a reader wants: the draft without the rehearsal's own files."""
    from service.repos.patches import write

    if draft is None:
        return ""

    def shown(files: Files) -> Files:
        return {p: e for p, e in files.items() if not p.startswith(".pawl/rehearsals/")}

    text = write(shown(base), shown(draft)).decode("utf-8", "replace")
    # Blob ids are for `git apply`; a reader has no use for them.
    return re.sub(r"(?m)^index [0-9a-f]{40}\.\.[0-9a-f]{40}.*\n", "", text)


def finish(
    document: Document, draft: Files | None, snapshot: Snapshot, lead: str, *, as_json: bool
) -> None:
    """Print the document or the page and exit."""
    if as_json:
        click.echo(json.dumps(document, indent=2, sort_keys=True))
    else:
        report.show(Console(highlight=False), document, diff_of(snapshot.files, draft), lead=lead)
    sys.exit(EXIT.get(document["outcome"], 1))
