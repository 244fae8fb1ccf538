"""The gate's bars: what a verdict takes in a confined single-use worker, beside the bare engine.

`python -m evals.bench_gate`; `evals.bench` calls `figures`. Both judge the same 200 kB of facts by
the same rules, in turn, in one run.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from policies import canary, rules
from policies.engine import install
from policies.engine.library import Engine, Library
from policies.gate import RegoGate
from policies.schema import misfit

ROUNDS = 40
SIZE = 200_000  # bytes of facts


@dataclass(frozen=True)
class Times:
    """Milliseconds of each round; the rest says what was judged."""

    ahead: tuple[float, ...]  # a verdict whose worker was started ahead
    cold: tuple[float, ...]  # a verdict that starts its worker
    bare: tuple[float, ...]  # the same question to a warm engine without walls
    rules: int
    bytes: int

    @property
    def p95(self) -> float:
        return percentile(self.ahead, 95)

    @property
    def ratio(self) -> float:
        """Verdict to bare engine, median to median."""
        return statistics.median(self.ahead) / statistics.median(self.bare)


def large_facts(size: int = SIZE) -> dict[str, Any]:
    """Facts of a large ordinary change: scripts and settings, nothing that denies."""
    facts = canary.good()
    script = facts["files"][0]
    number = 0
    while len(json.dumps(facts)) < size:
        number += 1
        texts = [
            f'  copy_page "$source_{n}" "$books/{number}/{n}" || fail "page {n}"'
            for n in range(1, 61)
        ]
        lines = [{"n": n, "text": text} for n, text in enumerate(texts, 1)]
        facts["files"].append(
            script
            | {
                "path": f"ops/part-{number:03}.sh",
                "added": lines,
                "removed": lines[:25],
                "added_lines": len(lines),
                "removed_lines": 25,
                "commands_added": [text.strip() for text in texts[:20]],
            }
        )
    return facts


def verdict_times(folder: Path | None = None, rounds: int = ROUNDS) -> Times:
    """Take the times in turn, so that a busy moment falls on all of them alike."""
    facts = large_facts()
    if misfit(facts):
        raise AssertionError(misfit(facts))
    payload = json.dumps(facts, ensure_ascii=False).encode()
    bare = _bare(folder)
    kinds: dict[str, list[float]] = {"ahead": [], "cold": [], "bare": []}
    library = install.library(folder).parent
    with RegoGate(library) as gate:
        for number in range(rounds + 1):
            gate.prepare(wait=True)
            taken = {"ahead": _judge(gate, facts)}
            if number % 4 == 0:
                taken["cold"] = _judge(gate, facts)
            began = time.perf_counter()
            bare.ask("x = data.pawl.gate.findings", payload)
            taken["bare"] = (time.perf_counter() - began) * 1000
            if number:  # the first round fills caches
                for name, value in taken.items():
                    kinds[name].append(value)
    return Times(
        tuple(kinds["ahead"]),
        tuple(kinds["cold"]),
        tuple(kinds["bare"]),
        len(rules.own().rules),
        len(payload),
    )


def _judge(gate: RegoGate, facts: Mapping[str, Any]) -> float:
    began = time.perf_counter()
    verdict = gate.judge(facts, {})
    took = (time.perf_counter() - began) * 1000
    if verdict.refused:
        raise AssertionError(verdict.broke or verdict.findings[0])
    return took


def _bare(folder: Path | None) -> Engine:
    """The same rules in an engine of this process: no walls, no schema, no canary."""
    engine = Library(str(install.library(folder))).engine()
    for name, text in rules.own().modules.items():
        engine.add(name, text)
    return engine


def percentile(values: tuple[float, ...], part: int) -> float:
    """The value below which `part` of 100 lie."""
    return statistics.quantiles(sorted(values), n=100, method="inclusive")[part - 1]


def figures(folder: Path | None = None) -> list[Any]:
    """The bars for `evals.bench`."""
    from evals.bench import Figure

    times = verdict_times(folder)
    middle = {name: statistics.median(getattr(times, name)) for name in ("ahead", "cold", "bare")}
    judged = f"{times.rules} rules, {times.bytes // 1000} kB, {len(times.ahead)} rounds"
    return [
        Figure(
            "a verdict, p95 (worker started ahead)",
            times.p95,
            80,
            "ms",
            detail=f"median {middle['ahead']:.0f} ms, without starting ahead"
            f" {middle['cold']:.0f} ms; {judged}",
        ),
        Figure(
            "a verdict against the bare warm engine",
            times.ratio,
            2,
            "x",
            detail=f"{middle['ahead']:.0f} ms against {middle['bare']:.0f} ms, medians; {judged}",
        ),
    ]


if __name__ == "__main__":
    for figure in figures():
        print(
            f"{figure.what}: {figure.value:.2f} {figure.unit} (bar {figure.bar}; {figure.detail})"
        )
