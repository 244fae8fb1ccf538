"""`pawl model`: can the endpoint be asked, how is it held to a schema, what did it answer?"""

from __future__ import annotations

import json
import sys

import click

from service import settings as environment
from service import wiring
from service.changes import ChangeId


def calls(change: str) -> None:
    """Print all that models answered for a change, as a cassette."""
    from service.app.calls import Budget, Calls

    settings = environment.load()
    kept = wiring.store(settings)
    try:
        kept.get(ChangeId(change))
        document = Calls(kept, Budget(0, 0)).cassette(change)
    finally:
        kept.close()
    click.echo(json.dumps(document, indent=1, sort_keys=True))


def check(*, as_json: bool) -> None:
    """Ask the endpoint a few small things; exit 0 where a rung holds, 7 where none does."""
    settings = environment.load()
    reports = wiring.model_check(settings)
    if as_json:
        click.echo(json.dumps({"models": reports}, indent=2))
    else:
        for report in reports:
            click.echo(f"model {report['model']} (for {', '.join(report['roles'])})")
            for finding in report["ladder"]:
                mark = "holds" if finding["holds"] else "no   "
                click.echo(f"  {mark}  {finding['rung']}: {finding['said']}")
            if report["rung"] is None:
                click.echo("  no rung of the ladder holds: the planner can't work with this model")
            else:
                click.echo(f"  uses {report['rung']}, limit by {report['limit']}; kept for later")
    sys.exit(0 if all(report["rung"] for report in reports) else 7)
