"""Runs the tests of rules: `test_` rules of Pawl's own files and of a repository's.

For `pawl policy test` and `pawl policy check`; nothing here judges a change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from policies import GateError, canary, rules
from policies.engine import install
from policies.engine.process import Broke, Limits, Process
from policies.schema import facts_schema

LIMITS = Limits(cpu=120, wall=120.0, collect=True)


@dataclass(frozen=True)
class Tested:
    """How one `test_` rule ended."""

    module: str
    name: str
    outcome: str  # passed, failed or error
    why: str = ""


@dataclass(frozen=True)
class Report:
    tests: tuple[Tested, ...]
    coverage: Mapping[str, Mapping[str, list[int]]]  # module -> lines "covered" and "all"

    @property
    def passed(self) -> bool:
        """All did, and there was at least one."""
        return bool(self.tests) and all(test.outcome == "passed" for test in self.tests)


def run_own(folder: Path | None = None, *, coverage: bool = False) -> Report:
    """Run the tests beside Pawl's own rules. `folder` is the engine's. Raises `GateError`."""
    return _report(folder, rules.modules(tests=True), "", coverage)


def run_repository(
    texts: Mapping[str, bytes], folder: Path | None = None, *, coverage: bool = False
) -> Report:
    """Run a repository's tests on its rules; facts to start from are `data.sample.good`.

    Raises `GateError` when the modules can't be run at all.
    """
    return _report(folder, _decoded(texts), "pawl.repo", coverage)


def check_repository(texts: Mapping[str, bytes], folder: Path | None = None) -> int:
    """Read a repository's rules as the gate would; how many there are. Raises `GateError`."""
    asked = {"do": "check", "repository": _decoded(texts), "schema": facts_schema()}
    return int(_ask(folder, asked)["rules"])


def reads(
    modules: Mapping[str, str], folder: Path | None = None
) -> tuple[dict[str, list[str]], list[str]]:
    """Which facts each module names, and the names that no fact has. Raises `GateError`."""
    answer = _ask(folder, {"do": "shapes", "rules": dict(modules), "schema": facts_schema()})
    return answer["reads"], answer["problems"]


def _decoded(texts: Mapping[str, bytes]) -> dict[str, str]:
    try:
        return {name: data.decode("utf-8") for name, data in texts.items()}
    except UnicodeDecodeError as error:
        raise GateError("a rule is not valid UTF-8", code="gate-bad-rule") from error


def _report(folder: Path | None, modules: Mapping[str, str], root: str, coverage: bool) -> Report:
    asked = {
        "do": "test",
        "rules": dict(modules),
        "root": root,
        "data": {"sample": {"good": canary.good(), "bad": canary.bad()}},
        "coverage": coverage,
    }
    answer = _ask(folder, asked)
    return Report(tuple(Tested(**test) for test in answer["tests"]), answer["coverage"])


def _ask(folder: Path | None, asked: Mapping[str, Any]) -> dict[str, Any]:
    process = Process(install.library(folder), LIMITS)
    try:
        process.tell(asked)
        return process.answer(LIMITS.wall)
    except Broke as error:
        raise GateError(str(error), code="gate-bad-rule") from error
    finally:
        process.kill()
