"""The log's bars: what an append costs beside a bare commit, and verifying beside bare hashing.

`python -m evals.bench_log [--entries N]`; `evals.bench` calls `figures`. Each figure is a ratio of
two things that are measured in turn in one run, on one disk, through the store's public face.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from evals.bench import Figure
from service.changes import System
from service.ledger import Judgment, Kind
from service.ledger.verify import Answer, verify
from service.store import Store

ENTRIES = 100_000
ROUNDS = 400
GROUP = 64
BARE = "INSERT INTO bare (number, body) VALUES (?, ?)"


def figures(entries: int = ENTRIES) -> list[Figure]:
    """Measure the three bars with a log of `entries` entries (verify), a fresh one (append)."""
    with tempfile.TemporaryDirectory(dir=_beside()) as folder:
        return [*append_figures(Path(folder)), verify_figure(Path(folder), entries)]


def append_figures(folder: Path, rounds: int = ROUNDS) -> list[Figure]:
    """One append against one bare commit, and a group of 64 against single appends."""
    with _store(folder / "append") as store, _bare(folder / "bare.sqlite") as bare:
        body = "x" * len(store.entries(newest=1)[0].body)
        judgment, group = _finding(0), [_finding(number) for number in range(GROUP)]
        number = iter(range(10**9))
        deeds: dict[str, Callable[[], object]] = {
            "bare": lambda: bare.execute(BARE, (next(number), body)),
            "single": lambda: store.note(judgment),
            "group": lambda: store.note_all(group),
        }
        times: dict[str, list[float]] = {name: [] for name in deeds}
        for _ in range(rounds):
            for name, deed in deeds.items():
                began = time.perf_counter()
                deed()
                times[name].append(time.perf_counter() - began)
    bare_s, single_s, group_s = (statistics.median(times[name]) for name in deeds)
    each = group_s / GROUP
    return [
        Figure(
            "log append against one bare commit",
            single_s / bare_s,
            1.5,
            "x",
            detail=f"{single_s * 1e6:.0f} us against {bare_s * 1e6:.0f} us, median of {rounds}",
        ),
        Figure(
            f"log appends, {GROUP} at once, against the single rate",
            single_s / each,
            10,
            "x",
            at_least=True,
            detail=f"{1 / each:.0f} a second against {1 / single_s:.0f}",
        ),
    ]


def verify_figure(folder: Path, entries: int, rounds: int = 3) -> Figure:
    """Verifying an export against SHA-256 and JSON parsing of the same bytes."""
    with _store(folder / "verify") as store:
        while store.size < entries:
            many = min(1000, entries - store.size)
            store.note_all([_finding(store.size + offset) for offset in range(many)])
        outside, key = store.checkpoint().note, str(store.public_key)
        export = folder / "export.jsonl"
        with export.open("wb") as file:
            store.export(file)
    times: dict[str, list[float]] = {"verify": [], "bare": []}
    for _ in range(rounds):
        began = time.perf_counter()
        with export.open("rb") as lines:
            found = verify(lines, public_key=key, outside=[outside])
        times["verify"].append(time.perf_counter() - began)
        if found.answer is not Answer.SOUND:
            raise RuntimeError("; ".join(found.says))
        began = time.perf_counter()
        with export.open("rb") as lines:
            _bare_pass(lines)
        times["bare"].append(time.perf_counter() - began)
    ours, bare = (min(times[name]) for name in ("verify", "bare"))
    return Figure(
        f"log verify of {entries} entries against SHA-256 and JSON parsing",
        ours / bare,
        2,
        "x",
        detail=f"{ours:.2f} s against {bare:.2f} s, best of {rounds}",
    )


def _bare_pass(lines: io.BufferedReader) -> str:
    """What cannot be saved: every byte hashed once, every line parsed once."""
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line)
        json.loads(line)
    return digest.hexdigest()


def _finding(number: int) -> Judgment:
    """An entry of the usual size."""
    return Judgment(
        kind=Kind.FINDING,
        actor=System("gate"),
        change=None,
        why="a step of the release runs without a time limit and would wait for ever",
        payload={
            "rule": "limits.step-without-limit",
            "level": "note",
            "place": f"ci/release.yml:{number % 400}",
            "remedy": "give the step a limit",
            "number": number,
        },
    )


@contextmanager
def _store(home: Path) -> Iterator[Store]:
    at = datetime(2030, 1, 1, tzinfo=UTC)
    ticks = iter(range(10**9))
    store = Store.open(home, lambda: at + timedelta(milliseconds=next(ticks)))
    try:
        yield store
    finally:
        store.close()


@contextmanager
def _bare(path: Path) -> Iterator[sqlite3.Connection]:
    """A table of one column more than nothing, each insert a durable commit of its own."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("CREATE TABLE bare (number INTEGER PRIMARY KEY, body TEXT)")
    try:
        yield db
    finally:
        db.close()


def _beside() -> Path:
    """A folder on the disk that we work on: a memory disk would make commits free."""
    folder = Path("build/bench")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m evals.bench_log", description=__doc__)
    parser.add_argument("--entries", type=int, default=ENTRIES, metavar="N")
    for figure in figures(parser.parse_args(arguments).entries):
        print(
            f"{figure.what}: {figure.value:.2f}{figure.unit} "
            f"(bar {'>=' if figure.at_least else '<='} {figure.bar}{figure.unit}): {figure.ok}; "
            f"{figure.detail}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
