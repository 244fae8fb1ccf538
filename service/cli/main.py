"""The commands of `pawl` and their options; each calls a use case in a module of its own."""

from __future__ import annotations

import sys
from pathlib import Path

import click

HERE = click.Path(exists=True, file_okay=False, path_type=Path)
TEXT_FILE = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=(
        "Exit codes: 0 stands or holds, 1 Pawl's own error, 2 usage, 3 nothing fits, "
        "4 not reproduced, 5 not proven or hit, 6 refused by the gate, "
        "7 something needed is missing."
    ),
)
@click.version_option(package_name="pawl", message="pawl %(version)s")
def cli() -> None:
    """Turn an incident into a structural change that is proven, judged, and kept as a rehearsal.

    Start with `pawl propose -m "what happened"` in a repository; it is left untouched.
    """


def _words(message: str | None, file: Path | None, command: str) -> str:
    if message is not None and file is None:
        text = message
    elif file is not None and message is None:
        text = (
            sys.stdin.read()
            if str(file) == "-"
            else file.read_text(encoding="utf-8", errors="replace")
        )
    else:
        raise click.UsageError(f"say what happened, once: pawl {command} -m TEXT, or -f FILE")
    if not text.strip():
        raise click.UsageError("the request is empty: say in your own words what happened")
    return text


@cli.command(short_help="Propose a structural change for what happened.")
@click.argument("directory", type=HERE, default=".")
@click.option("-m", "--message", metavar="TEXT", help="The incident or toil in your own words.")
@click.option("-f", "--file", type=TEXT_FILE, help="The same from a file; - reads standard input.")
@click.option(
    "--patch", type=click.Path(path_type=Path), help="Write the proposal for `git apply`."
)
@click.option("--branch", metavar="NAME", help="Commit the proposal to a new branch of that name.")
@click.option("--entry", metavar="CMD", help="The command that failed, as you would type it.")
@click.option(
    "--planner",
    type=click.Choice(["recipes", "model"]),
    default="recipes",
    show_default=True,
    help="Who plans the reshape; a model is set up with PAWL_MODEL_URL and PAWL_MODEL.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def propose(
    directory: Path,
    message: str | None,
    file: Path | None,
    patch: Path | None,
    branch: str | None,
    entry: str | None,
    planner: str,
    as_json: bool,
) -> None:
    """Propose a structural change for what happened in DIRECTORY (default: here).

    Re-enacts the failure in sandbox cells, plans a reshape, proves it on base and draft, and asks
    the policy gate. DIRECTORY is read and left untouched; a dirty tree is taken as it lies there.
    """
    from service.cli.propose import propose as run

    run(
        directory,
        _words(message, file, "propose"),
        patch=patch,
        branch=branch,
        entry=entry,
        planner=planner,
        as_json=as_json,
    )


@cli.command()
@click.argument("directory", type=HERE, default=".")
@click.option(
    "--change",
    "fix",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Your own fix, as a patch that `git apply` takes.",
)
@click.option("-m", "--message", metavar="TEXT", help="The incident in your own words.")
@click.option("-f", "--file", type=TEXT_FILE, help="The same from a file; - reads standard input.")
@click.option("--rehearsal", type=HERE, help="A rehearsal folder to prove it against.")
@click.option("--entry", metavar="CMD", help="The command that failed, as you would type it.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def prove(
    directory: Path,
    fix: Path,
    message: str | None,
    file: Path | None,
    rehearsal: Path | None,
    entry: str | None,
    as_json: bool,
) -> None:
    """Prove or refute a fix of your own: does this change hold?

    The same way as `propose`, with your patch in the planner's place. Needs the incident's words
    (the rehearsal is then written from them) or a rehearsal folder.
    """
    from service.cli.propose import prove as run

    text = "" if rehearsal is not None and message is None and file is None else None
    run(
        directory,
        _words(message, file, "prove --change FIX.patch") if text is None else text,
        fix=fix,
        rehearsal=rehearsal,
        entry=entry,
        as_json=as_json,
    )


@cli.command(short_help="Run a repository's ratchet: its rehearsals.")
@click.argument("directory", type=HERE, default=".")
@click.argument("names", nargs=-1)
@click.option("--base", metavar="REV", help="Judge beside this revision (rehearsals come from it).")
@click.option("--head", metavar="REV", help="Judge this revision instead of the directory.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
@click.option("--junit", type=click.Path(path_type=Path), help="Write JUnit XML to this file.")
def rehearse(
    directory: Path,
    names: tuple[str, ...],
    base: str | None,
    head: str | None,
    as_json: bool,
    junit: Path | None,
) -> None:
    """Run a repository's ratchet: all its rehearsals, or those that are NAMED.

    Exit 0 when all hold, 5 when one hits, 1 when one can't be judged.
    """
    from service.cli.rehearse import rehearse as run

    run(directory, names, base=base, head=head, as_json=as_json, junit=junit)


@cli.command(short_help="Serve pages and API, and run changes.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    default=8090,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="0: any free one.",
)
@click.option(
    "--public-url",
    metavar="URL",
    help="scheme://host[:port] as browsers see it, where that differs (a TLS proxy).",
)
def serve(host: str, port: int, public_url: str | None) -> None:
    """Serve pages and API and run changes until SIGTERM or Ctrl-C.

    The first start prints a link that makes the first administrator. Without an engine the pages
    are there all the same, and changes wait.
    """
    from service.cli.serve import serve as run

    run(host, port, public_url)


@cli.command(short_help="File a request with a running service.")
@click.option("-m", "--message", metavar="TEXT", help="The incident or toil in your own words.")
@click.option("-f", "--file", type=TEXT_FILE, help="The same from a file; - reads standard input.")
@click.option("--repository", metavar="NAME", required=True, help="As it is called there.")
@click.option("--follow", is_flag=True, help="Tell what happens until people are needed.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def ask(
    message: str | None, file: Path | None, repository: str, follow: bool, as_json: bool
) -> None:
    """File a request with the service at PAWL_URL, as whoever PAWL_TOKEN belongs to."""
    from service.cli.client import ask as run

    run(_words(message, file, "ask"), repository=repository, follow=follow, as_json=as_json)


@cli.command()
@click.argument("change")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def show(change: str, as_json: bool) -> None:
    """Show how a CHANGE stands in the service at PAWL_URL."""
    from service.cli.client import show as run

    run(change, as_json=as_json)


@cli.group()
def people() -> None:
    """Accounts, from the machine that Pawl runs on."""


@people.command("link")
@click.argument("login")
def people_link(login: str) -> None:
    """Print a one-time link with which LOGIN sets a new way to sign in. It is on record."""
    from service.cli.people import link as run

    run(login)


@cli.group()
def log() -> None:
    """The log of judgments: who judged what, on which evidence, why."""


@log.command("show")
@click.option("--change", metavar="ID", help="Only this change.")
@click.option("-n", "--newest", default=20, show_default=True, help="How many entries.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def log_show(change: str | None, newest: int, as_json: bool) -> None:
    """Show the newest entries."""
    from service.cli.log import show as run

    run(change, newest, as_json=as_json)


@log.command("verify")
@click.option(
    "--export",
    "exported",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Verify this export instead of the store.",
)
@click.option(
    "--checkpoint",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A checkpoint that was kept outside; default: the one beside the store.",
)
@click.option(
    "--key",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The public key, kept outside; default: the one beside the store.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def log_verify(
    exported: Path | None, checkpoint: Path | None, key: Path | None, as_json: bool
) -> None:
    """Recompute the whole log and hold it against an outside checkpoint.

    Exit 0 sound, 1 tampered with (says which entry or checkpoint), 2 could not check, 3 no outside
    checkpoint to compare with.
    """
    from service.cli.log import verify as run

    run(exported, checkpoint, key, as_json=as_json)


@log.command("export")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
def log_export(file: Path) -> None:
    """Write the log with its checkpoints to FILE, one JSON object a line; - is stdout."""
    from service.cli.log import export as run

    run(file)


@log.command("epoch")
@click.option("--by", "logins", metavar="LOGIN", multiple=True, help="Who signs; give it twice.")
@click.option("--why", metavar="TEXT", required=True, help="What was lost, and how.")
def log_epoch(logins: tuple[str, ...], why: str) -> None:
    """Go on with a log that lost entries, signed by two people.

    Asks for the password of each; from standard input, a line each, where that is no terminal.
    """
    from service.cli.backup import epoch as run

    run(logins, why)


@cli.command(short_help="Write a backup while the service runs.")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup(file: Path) -> None:
    """Write everything below PAWL_HOME that can't be made again to FILE, one tar.

    It holds the key that signs the log: keep it as you keep that. May be taken while `pawl serve`
    runs.
    """
    from service.cli.backup import backup as run

    run(file)


@cli.command(short_help="Put a backup into an empty PAWL_HOME.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--checkpoint",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A checkpoint of the log that was kept outside: tells whether entries are lost.",
)
def restore(file: Path, checkpoint: Path | None) -> None:
    """Put the backup FILE into PAWL_HOME, which must be empty or missing.

    Exit 7 when the outside checkpoint knows of entries that the backup does not have: then a new
    epoch has to be signed by two people before anything goes on.
    """
    from service.cli.backup import restore as run

    run(file, checkpoint)


@cli.group()
def policy() -> None:
    """The rules of the gate."""


@policy.command("test")
@click.argument("directory", type=HERE, required=False)
def policy_test(directory: Path | None) -> None:
    """Run the rules' own tests: Pawl's, and those of DIRECTORY's `.pawl/policies/`."""
    from service.cli.policy import test as run

    run(directory)


@cli.group()
def model() -> None:
    """The model that can plan, where one is set up."""


@model.command("check")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def model_check(as_json: bool) -> None:
    """Ask the endpoint at PAWL_MODEL_URL what it can do, and keep that for the planner.

    Exit 0 where it can be held to a schema, 7 where it can't.
    """
    from service.cli.model import check as run

    run(as_json=as_json)


@model.command("calls")
@click.argument("change")
def model_calls(change: str) -> None:
    """Print what models were asked and answered for CHANGE, as JSON.

    With PAWL_MODEL_CASSETTE set to a file of that, the change runs again and no model is asked.
    """
    from service.cli.model import calls as run

    run(change)


@cli.command()
@click.option("--mend", is_flag=True, help="Mend what can be mended without a package manager.")
@click.option("--quiet", is_flag=True, help="Say something only when something is missing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def doctor(mend: bool, quiet: bool, as_json: bool) -> None:
    """Say what is missing here and how to mend it. Exit 7 when something needed is missing."""
    from service.cli.doctor import doctor as run

    run(mend=mend, quiet=quiet, as_json=as_json)


@cli.command()
@click.option("--keep", type=click.Path(path_type=Path), help="Make the demo's repository here.")
def demo(keep: Path | None) -> None:
    """Take the founding incident through the flow, told live. Ends by itself."""
    from service.cli.demo import demo as run

    run(keep)


def main() -> None:
    """Run the command line: one clear sentence and the right exit code for every error."""
    from service.cli.errors import guarded

    guarded(cli)
