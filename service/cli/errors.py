"""Turns errors into one clear sentence and an exit code; the only place that does."""

from __future__ import annotations

import sys

import click


def guarded(command: click.Command) -> None:
    """Run `command` and exit. Unknown errors print their code and where the trace lies."""
    try:
        command.main(standalone_mode=False)
    except click.ClickException as wrong:
        wrong.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        print("stopped; the change stays where it is, the same command goes on", file=sys.stderr)
        sys.exit(130)
    except SystemExit:
        raise
    except BrokenPipeError:
        sys.exit(141)
    except Exception as wrong:  # noqa: BLE001 - the last line of defence
        sys.exit(_tell(wrong))
    sys.exit(0)


def _tell(wrong: Exception) -> int:
    """Say what went wrong on stderr; answer the exit code."""
    code = getattr(wrong, "code", None)
    if not isinstance(code, str):
        import traceback

        traceback.print_exception(wrong, file=sys.stderr)
        print(
            f"pawl: an error of Pawl's own [internal-error]: {type(wrong).__name__}: {wrong}\n"
            "  Nothing was half done: the same command goes on from the last finished stage.",
            file=sys.stderr,
        )
        return 1
    print(f"pawl: {wrong} [{code}]", file=sys.stderr)
    mend = getattr(wrong, "mend", "")
    if mend:
        print(f"  To mend it: {mend}", file=sys.stderr)
    return int(getattr(wrong, "exit_code", 7 if code.startswith("missing") else 1))
