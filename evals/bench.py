"""`python -m evals.bench`: figures beside the bars of the design, as ratios taken in one run.

Each measurement is a function that gives figures; those of other parts live in modules of their own
(`bench_cells`, `bench_gate`, `bench_log`). What can't be measured yet is said so, never left out.
"""

from __future__ import annotations

import argparse
import importlib
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from evals.case import load
from evals.parts import end_by_closing
from evals.solve import program
from evals.summary import table
from service import settings, wiring
from service.repos import trees

OUT = Path("build/bench")
COLUMNS = ("what", "figure", "bar", "ok", "detail")


@dataclass(frozen=True)
class Figure:
    """One measurement beside its bar. `value` None: it could not be taken, `detail` says why."""

    what: str
    value: float | None
    bar: float
    unit: str  # "x" for a ratio, "s", "ms", "MB"
    at_least: bool = False  # the bar is a floor
    detail: str = ""

    @property
    def ok(self) -> str:
        """Whether the bar is reached: yes, NO, or not yet."""
        if self.value is None:
            return "not yet"
        reached = self.value >= self.bar if self.at_least else self.value <= self.bar
        return "yes" if reached else "NO"


@dataclass(frozen=True)
class Bar:
    """A line of the design's table of bars, and who measures it."""

    name: str  # to choose it by
    what: str
    bar: float
    unit: str
    measure: Callable[[], Iterable[Figure]] | str  # a function, or "module:function" to look for
    at_least: bool = False


def help_time(rounds: int = 15) -> list[Figure]:
    """Start `pawl --help` and bare Python in turn; the medians' ratio."""
    pawl = [*program(Path("build/bench/home")), "--help"]
    bare = [sys.executable, "-c", "pass"]
    times: dict[str, list[float]] = {"pawl": [], "bare": []}
    for _ in range(rounds + 1):
        for name, argv in (("pawl", pawl), ("bare", bare)):
            began = time.perf_counter()
            subprocess.run(argv, stdout=subprocess.DEVNULL, check=True)
            times[name].append(time.perf_counter() - began)
    # The first round fills caches.
    ours, bare_s = (statistics.median(times[name][1:]) for name in ("pawl", "bare"))
    detail = f"{ours * 1000:.0f} ms against {bare_s * 1000:.0f} ms, median of {rounds}"
    return [Figure("pawl --help", ours / bare_s, 8, "x", detail=detail)]


FOUNDING = Path(__file__).parent / "cases" / "partial-build-sync"
_VERDICT = re.compile(r"\bdraft +(held|hit|broken)\b")


def founding() -> list[Figure]:
    """Run `pawl propose` on the founding incident: seconds to its first verdict, and to its end."""
    (case,) = load(FOUNDING)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        repository, request = Path(folder) / "repository", Path(folder) / "request.md"
        trees.write(case.base, repository)
        request.write_text(case.request, encoding="utf-8")
        argv = [*program(OUT / "home"), "propose", str(repository), "-f", str(request)]
        argv += ["--patch", str(Path(folder) / "proposal.patch")]
        began, first = time.monotonic(), None
        with subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        ) as child:
            for raw in child.stderr or ():
                line = raw.decode("utf-8", "replace")
                # A control is no verdict: it says that the normal job is done.
                if first is None and _VERDICT.search(line) and "(no fault)" not in line:
                    first = time.monotonic() - began
            code = child.wait()
        seconds = time.monotonic() - began
    detail = f"exit {code}"
    return [
        Figure("the founding incident, to the first verdict", first, 30, "s", detail=detail),
        Figure(
            "the founding incident, propose to report",
            seconds if code == 0 else None,
            180,
            "s",
            detail=detail,
        ),
    ]


def cells() -> list[Figure]:
    """Measure cells against bare containers, and a large tree against a small one."""
    from evals.bench_cells import bench

    kept = replace(settings.load(), home=(OUT / "home").absolute())
    engine = wiring.engine(kept, lambda text: print(text, file=sys.stderr, flush=True))
    try:
        found = bench(engine)
    finally:
        engine.close()
    return [Figure(f.what, f.ratio, f.bar, "x", detail=f.detail) for f in found]


BARS: tuple[Bar, ...] = (
    Bar("founding", "the founding incident, propose to report", 180, "s", founding),
    Bar("cell", "one cell against a bare docker run", 1.2, "x", cells),
    Bar("proof", "a whole proof against its cells bare", 1.15, "x", "bench_proof:figures"),
    Bar("gate", "a verdict, 40 rules, 200 kB facts, p95", 80, "ms", "bench_gate:figures"),
    Bar("log", "log append against one bare commit", 1.5, "x", "bench_log:figures"),
    Bar("pages", "pages with 100,000 changes against 100", 1.5, "x", "bench_web:figures"),
    Bar("context", "context for a model, large against small", 1.3, "x", "bench_context:figures"),
    Bar("help", "pawl --help against python -c pass", 8, "x", help_time),
    Bar("memory", "pawl serve, idle memory", 200, "MB", "bench_web:memory"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; exit code 0 whatever the figures."""
    parser = argparse.ArgumentParser(prog="python -m evals.bench", description=__doc__)
    parser.add_argument(
        "--only", action="append", default=[], choices=[bar.name for bar in BARS], metavar="NAME"
    )
    chosen = parser.parse_args(arguments).only
    end_by_closing()
    figures: list[Figure] = []
    for bar in BARS:
        if chosen and bar.name not in chosen:
            continue
        print(f"measuring: {bar.what}", file=sys.stderr, flush=True)
        figures += measured(bar)
        _write(figures)
    print(table([_row(figure) for figure in figures], COLUMNS))
    return 0


def measured(bar: Bar) -> list[Figure]:
    """Take the figures of `bar`, or one that says why there is none."""
    measure = _found(bar.measure) if isinstance(bar.measure, str) else bar.measure
    if measure is None:
        return [Figure(bar.what, None, bar.bar, bar.unit, bar.at_least, "nothing measures it yet")]
    try:
        return list(measure())
    except Exception as wrong:  # noqa: BLE001 (the other figures are still worth having)
        why = f"{type(wrong).__name__}: {wrong}"
        return [Figure(bar.what, None, bar.bar, bar.unit, bar.at_least, why)]


def _found(where: str) -> Callable[[], Iterable[Figure]] | None:
    module, _, name = where.partition(":")
    try:
        found = getattr(importlib.import_module(f"evals.{module}"), name, None)
    except ModuleNotFoundError as wrong:
        if wrong.name == f"evals.{module}":
            return None
        raise
    return found if callable(found) else None


def _row(figure: Figure) -> dict[str, str]:
    value = "-" if figure.value is None else f"{figure.value:.2f} {figure.unit}"
    sign = ">=" if figure.at_least else "<="
    return {
        "what": figure.what,
        "figure": value,
        "bar": f"{sign} {figure.bar:g} {figure.unit}",
        "ok": figure.ok,
        "detail": figure.detail,
    }


def _write(figures: Sequence[Figure]) -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    rows = [{**asdict(figure), "ok": figure.ok} for figure in figures]
    text = json.dumps({"figures": rows}, indent=2) + "\n"
    (OUT / "summary.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
