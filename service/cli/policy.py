"""`pawl policy`: the rules' own tests."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from service import settings as environment
from service import wiring


def test(directory: Path | None) -> None:
    """Run every `test_` rule and exit 0 when all pass, 5 otherwise."""
    own: dict[str, bytes] = {}
    if directory is not None:
        from service.repos.ratchet import policies
        from service.repos.trees import snapshot

        own = policies(snapshot(directory).files, tests=True)
    results = wiring.policy_tests(environment.load(), own)
    for name, outcome in sorted(results.items()):
        if outcome != "pass":
            click.echo(f"{outcome}: {name}")
    failed = sum(outcome != "pass" for outcome in results.values())
    click.echo(f"{len(results) - failed} passed, {failed} failed")
    sys.exit(5 if failed or not results else 0)
