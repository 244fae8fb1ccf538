"""`python -m evals.solve`: the product on requests, judged by each case's own oracle.

`pawl propose --json` runs as a process of its own on a fresh repository that holds nothing but the
case's tree; what it proposes is applied and given to the oracle. A case ends solved, abstained (the
product said that it can't), or as a false proof (it said "stands", the oracle says no).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evals import case as cases
from evals.case import Case, Verdict, judge
from evals.parts import end_by_closing
from evals.summary import OUT, Row, Summary, table
from service.errors import PawlError
from service.repos import Files, Refused, edits, git, patches, trees

COLUMNS = ("case", "result", "outcome", "oracle", "seconds", "why")
ABSTAINED = frozenset({"nothing-fits", "not-reproduced", "not-proven", "refused"})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the evaluation; exit code 0 whatever the figures, 1 or 2 when it could not run."""
    parser = argparse.ArgumentParser(prog="python -m evals.solve", description=__doc__)
    parser.add_argument("--cases", type=Path, default=Path(__file__).parent / "cases")
    parser.add_argument("--solver", default="recipes", help="the planner: recipes, model, ...")
    parser.add_argument("--only", default="", metavar="NAME", help="one case")
    parser.add_argument("--timeout", type=float, default=900.0, help="seconds for one request")
    given = parser.parse_args(arguments)
    end_by_closing()
    try:
        found = cases.load(given.cases, given.only)
        summary = Summary("solve", len(found), counts)
        for case in found:
            row = solved(case, given.solver, given.timeout)
            summary.add(row)
            say(f"{row['case']}: {row['result']} ({row['outcome']}, oracle {row['oracle']})")
    except PawlError as wrong:
        say(f"could not run: {wrong} {wrong.mend}".rstrip())
        return 2 if wrong.exit_code == 2 else 1
    print(table(summary.rows, COLUMNS))
    document = summary.document()
    print(
        f"{document['cases']} cases: {document['solved']} solved, {document['abstained']} "
        f"abstained, {document['false_proofs']} false proofs"
    )
    return 0


def say(text: str) -> None:
    """One line of progress, at once."""
    print(text, file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Answer:
    """What the product said."""

    document: dict[str, Any]
    code: int
    seconds: float
    patch: bytes | None
    complaint: str  # last lines of standard error


def solved(case: Case, solver: str, timeout: float) -> Row:
    """Run the product on `case` and give the row."""
    say(f"{case.name}: asking pawl ({solver})")
    answer = ask(case, solver, timeout)
    outcome = str(answer.document.get("outcome", "none"))
    row = {
        "case": case.name,
        "outcome": outcome,
        "oracle": "-",
        "seconds": round(answer.seconds, 1),
        "code": answer.code,
        "why": str(answer.document.get("why") or answer.complaint),
        "change": answer.document.get("change"),
    }
    if outcome in ABSTAINED:
        return {**row, "result": "abstained"}
    if outcome != "stands" or answer.patch is None:
        return {**row, "result": "error"}
    tree = applied(case.base, answer.patch)
    if isinstance(tree, str):
        return {**row, "result": "error", "why": f"its patch does not apply: {tree}"}
    verdict = judge(case, tree, lambda line: say(f"{case.name}: {line}"))
    result = {Verdict.HOLDS: "solved", Verdict.FAILS: "FALSE PROOF"}.get(verdict, "not judged")
    return {**row, "result": result, "oracle": verdict.value}


def applied(base: Files, patch: bytes) -> Files | str:
    """Give the tree that `patch` makes of `base`, or why it can't be taken."""
    changes = patches.parse(base, patch)
    drafted = changes if isinstance(changes, Refused) else edits.apply(base, changes)
    return str(drafted) if isinstance(drafted, Refused) else drafted.files


def ask(case: Case, solver: str, timeout: float) -> Answer:
    """Run `pawl propose` on the case's request in a fresh repository."""
    with tempfile.TemporaryDirectory(prefix="eval-") as folder:
        repository, patch = Path(folder) / "repository", Path(folder) / "proposal.patch"
        trees.write(case.base, repository)
        _commit(repository)
        request = Path(folder) / "request.md"
        request.write_text(case.request, encoding="utf-8")
        argv = [*program(OUT / "home"), "propose", str(repository), "-f", str(request)]
        argv += ["--json", "--patch", str(patch), "--planner", solver]
        began = time.monotonic()
        code, out, complaint = _run(argv, timeout, case.name)
        seconds = time.monotonic() - began
        written = patch.read_bytes() if patch.is_file() else None
    try:
        document = json.loads(out)
    except ValueError:
        document = {}
    return Answer(document if isinstance(document, dict) else {}, code, seconds, written, complaint)


def program(home: Path) -> list[str]:
    """Give the argv that starts the product with `home` as its PAWL_HOME."""
    installed = Path(sys.executable).with_name("pawl")
    start = (
        [str(installed)]
        if installed.is_file()
        else [sys.executable, "-c", "from service.cli import main; main()"]
    )
    return ["env", f"PAWL_HOME={home.absolute()}", *start]


def _commit(repository: Path) -> None:
    who: dict[str, str] = {}
    for role in ("AUTHOR", "COMMITTER"):
        who |= {f"GIT_{role}_NAME": "Case", f"GIT_{role}_EMAIL": "case@example.org"}
    for args in (["init", "-q", "-b", "main", "--template="], ["add", "-A"]):
        git.run(args, cwd=repository)
    git.run(["commit", "-q", "-m", "The repository as it is"], cwd=repository, env=who)


def _run(argv: list[str], timeout: float, label: str) -> tuple[int, bytes, str]:
    """Run `argv`; its standard error is told as it comes."""
    child = subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    timer = threading.Timer(timeout, child.terminate)
    timer.start()
    lines: list[str] = []

    def tell() -> None:
        for raw in child.stderr or ():
            line = raw.decode("utf-8", "replace").rstrip()
            lines.append(line)
            say(f"{label}: {line}")

    done = threading.Event()

    def beat() -> None:
        began = time.monotonic()
        while not done.wait(30):
            say(f"{label}: at work for {time.monotonic() - began:.0f} s")

    helpers = [threading.Thread(target=tell), threading.Thread(target=beat)]
    for helper in helpers:
        helper.start()
    try:
        out = child.stdout.read() if child.stdout else b""
        code = child.wait()
    finally:
        child.terminate()
        timer.cancel()
        done.set()
        for helper in helpers:
            helper.join()
    for stream in (child.stdout, child.stderr):
        if stream is not None:
            stream.close()
    return code, out, " ".join(lines[-3:])


def counts(rows: Sequence[Row]) -> dict[str, int]:
    """Add up."""
    results = [row["result"] for row in rows]
    return {
        "solved": results.count("solved"),
        "abstained": results.count("abstained"),
        "false_proofs": results.count("FALSE PROOF"),
    }


if __name__ == "__main__":
    sys.exit(main())
