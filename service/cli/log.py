"""`pawl log`: show, verify, export. Verifying uses nothing of the writer but the export's bytes."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import click

from service import settings as environment
from service import wiring


def show(change: str | None, newest: int, *, as_json: bool) -> None:
    """Print the newest entries, oldest of them first."""
    from rich.console import Console

    from service.changes import ChangeId

    store = wiring.store(environment.load())
    try:
        entries = store.entries(change=ChangeId(change) if change else None, newest=newest)
    finally:
        store.close()
    console = Console(highlight=False, soft_wrap=True)
    for entry in entries:
        if as_json:
            click.echo(entry.body.decode())
            continue
        judgment = entry.judgment
        console.print(
            f"{entry.seq:>6}  {entry.at:%Y-%m-%d %H:%M:%S}  {judgment.kind.value:<20} "
            f"{judgment.actor.kind}:{judgment.actor.id:<16} {judgment.change or '-':<12} "
            f"{judgment.why}",
            markup=False,
        )


def verify(
    exported: Path | None, checkpoint: Path | None, key: Path | None, *, as_json: bool
) -> None:
    """Recompute the log and exit 0 sound, 1 tampered, 2 could not check, 3 nothing outside."""
    from service.ledger.verify import verify as recompute

    home = environment.load().home
    beside = exported is None
    if checkpoint is None and beside and (home / "checkpoint").is_file():
        checkpoint = home / "checkpoint"
    if key is None and beside and (home / "keys/log.pub").is_file():
        key = home / "keys/log.pub"
    lines = exported.read_bytes() if exported is not None else wiring.read_log(home)
    found = recompute(
        io.BytesIO(lines),
        public_key=key.read_text().strip() if key is not None else None,
        outside=(checkpoint.read_text(),) if checkpoint is not None else (),
    )
    if as_json:
        click.echo(
            json.dumps(
                {
                    "answer": found.answer.value,
                    "entries": found.entries,
                    "root": found.root.hex(),
                    "faults": [{"place": f.place, "why": f.why} for f in found.faults],
                    "warnings": list(found.warnings),
                },
                indent=2,
            )
        )
    else:
        for line in found.says:
            click.echo(line)
        if checkpoint == home / "checkpoint":
            click.echo(
                "compared with the checkpoint and key beside the store: whoever can write there "
                "can write both; keep copies elsewhere and give --checkpoint and --key"
            )
    sys.exit(found.exit_code)


def export(file: Path) -> None:
    """Write the log, with its checkpoints, to `file` or stdout."""
    data = wiring.read_log(environment.load().home)
    if str(file) == "-":
        sys.stdout.buffer.write(data)
    else:
        file.write_bytes(data)
        click.echo(f"{file}: {data.count(chr(10).encode())} lines")
