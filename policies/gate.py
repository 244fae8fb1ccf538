"""The gate over the Rego engine: facts in, a verdict computed here, in Python.

A worker process of its own judges once and is thrown away. Whatever goes wrong (no engine, a hung
rule, an answer of another shape) is a verdict with `broke`, which refuses.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from policies import Finding, GateError, Level, Verdict, canary, rules
from policies.engine import install
from policies.engine.process import Broke, Limits, Process
from policies.schema import facts_schema, misfit

MOST_FACTS = 1 << 20  # bytes
MOST_RULES = 256 << 10  # bytes of a repository's own rules
MOST_MODULES = 64
MOST_FINDINGS = 500
ENGINE = f"opa {install.OPA_VERSION} ({install.CARRIER} {install.CARRIER_VERSION})"

_KEYS = {"rule", "place", "why"}
_REPOSITORY_KEYS = _KEYS | {"title", "remedy", "role"}


def open_gate(folder: Path | None = None) -> RegoGate:
    """A gate on the engine in `folder` (default: below this environment). Starts nothing."""
    return RegoGate(folder or install.default_folder())


@dataclass
class _Worker:
    """A worker that was told to load the rules; `loaded` once it has said that it did."""

    process: Process
    loaded: bool = False


class RegoGate:
    """Implements `policies.Gate`. May be shared by threads.

    With `ahead`, a worker that has compiled Pawl's rules waits for the next call: a verdict then
    takes a third of the time, and the process holds some 70 MB while it waits.
    """

    def __init__(
        self,
        folder: Path,
        *,
        limits: Limits | None = None,
        ahead: bool = False,
        own: rules.RuleSet | None = None,
    ) -> None:
        self._folder = folder
        self._limits = limits or Limits()
        self._keep_ahead = ahead
        self._rules = own
        self._library: Path | None = None
        self._ahead: _Worker | None = None
        self._lock = threading.Lock()

    # --- the promise ------------------------------------------------------------------------

    def judge(self, facts: Mapping[str, Any], repository_rules: Mapping[str, bytes]) -> Verdict:
        """See `policies.Gate.judge`."""
        texts = {name: data.decode("utf-8", "replace") for name, data in repository_rules.items()}
        try:
            own = self._own()
        except GateError as error:
            return Verdict((), "", ENGINE, 0, broke=str(error))
        judging = {f"pawl/{name}": text for name, text in own.modules.items()}
        digest = rules.digest(judging | {f"repository/{n}": t for n, t in texts.items()})
        try:
            answer = self._ask(facts, repository_rules, texts)
            findings = _findings(own, answer)
            loaded = own.bodies + int(answer["rules"])
        except (Broke, GateError) as error:
            return Verdict((), digest, ENGINE, 0, broke=f"the gate could not judge: {error}")
        return Verdict(findings, digest, ENGINE, loaded)

    def selftest(self) -> None:
        """See `policies.Gate.selftest`.

        The bad canary is judged before every verdict, so that one verdict on the good one tests
        both.
        """
        verdict = self.judge(canary.good(), {})
        if verdict.broke:
            raise GateError(verdict.broke, code="gate-broke", mend=install.MEND)
        if verdict.refused:
            raise GateError(
                f"the gate denies a good change: {verdict.findings[0].rule}",
                code="gate-canary",
                mend="restore policies/, then run: pawl policy test",
            )

    # --- starting ahead ---------------------------------------------------------------------

    def prepare(self, *, wait: bool = False) -> None:
        """Start the next worker now, so that `judge` need not wait for it. Cheap to repeat.

        With `wait`, return only when it has loaded the rules. Never raises for a worker that
        fails: the verdict that needs it says why.
        """
        with self._lock:
            if self._ahead is not None and not self._ahead.process.alive:
                self._ahead.process.kill()
                self._ahead = None
            try:
                if self._ahead is None:
                    self._ahead = self._start()
                if wait:
                    self._load(self._ahead)
            except (Broke, GateError):
                self._ahead = None

    @property
    def waiting(self) -> int | None:
        """Process id of the worker that waits for the next verdict."""
        return self._ahead.process.pid if self._ahead is not None else None

    def close(self) -> None:
        """End the worker that waits, if there is one."""
        with self._lock:
            waiting, self._ahead = self._ahead, None
        if waiting is not None:
            waiting.process.kill()

    def __enter__(self) -> RegoGate:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # --- inside -----------------------------------------------------------------------------

    def _own(self) -> rules.RuleSet:
        found = self._rules or rules.own()
        if not found.bodies:
            raise GateError("there are no rules, and no rule is no yes", code="gate-no-rules")
        return found

    def _start(self) -> _Worker:
        """A worker that is told to compile Pawl's rules and to judge the canaries."""
        if self._library is None:  # its hash is checked once per gate
            self._library = install.library(self._folder)
        process = Process(self._library, self._limits)
        process.tell(
            {
                "do": "load",
                "rules": dict(self._own().modules),
                "query": "data.pawl.gate.findings",
                "canaries": [json.dumps(canary.good()), json.dumps(canary.bad())],
            }
        )
        return _Worker(process)

    def _load(self, worker: _Worker) -> None:
        """Wait until the rules are loaded and the canaries ended as they must. Raises `Broke`."""
        if not worker.loaded:
            try:
                self._ready(worker.process.answer(self._limits.start))
            except Broke:
                worker.process.kill()
                raise
            worker.loaded = True

    def _take(self) -> _Worker:
        with self._lock:
            waiting, self._ahead = self._ahead, None
        if waiting is not None:
            if waiting.process.alive:
                return waiting
            waiting.process.kill()
        return self._start()

    def _ask(
        self,
        facts: Mapping[str, Any],
        repository_rules: Mapping[str, bytes],
        texts: Mapping[str, str],
    ) -> dict[str, Any]:
        _fits(repository_rules)
        try:
            payload = json.dumps(facts, ensure_ascii=False, allow_nan=False).encode("utf-8")
        except (TypeError, ValueError, RecursionError) as error:
            raise Broke(f"the facts are no plain JSON: {error}") from error
        if len(payload) > MOST_FACTS:
            raise Broke(f"the facts have {len(payload)} bytes, more than {MOST_FACTS}")
        worker = self._take()
        process = worker.process
        try:
            self._load(worker)
            question: dict[str, Any] = {"do": "judge", "facts": len(payload), "repository": texts}
            question["schema"] = facts_schema() if texts else {}
            process.tell(question, payload)
            # While the worker judges: the same facts, against their schema.
            wrong = misfit(facts)
            if wrong:
                raise Broke(f"the facts don't fit facts/v1: {wrong}")
            return process.answer(self._limits.wall)
        finally:
            process.kill()
            if self._keep_ahead:
                self.prepare()

    def _ready(self, answer: Mapping[str, Any]) -> None:
        """Raise unless all rules were loaded and the canaries ended as they must."""
        own = self._own()
        if answer.get("rules") != own.bodies:
            raise Broke(f"{answer.get('rules')} of {own.bodies} rules were loaded")
        judged = answer.get("canaries")
        if not isinstance(judged, list) or len(judged) != 2:
            raise Broke("the canaries were not judged")
        for result, expected in zip(judged, (frozenset[str](), canary.DENIED), strict=True):
            found = _findings(own, {"own": result, "repository": {}})
            denied = {f.rule for f in found if f.level is Level.DENY}
            if denied != expected:
                raise Broke(f"the canary was not judged as it must: {sorted(denied ^ expected)}")


def _fits(repository_rules: Mapping[str, bytes]) -> None:
    size = sum(map(len, repository_rules.values()))
    if len(repository_rules) > MOST_MODULES or size > MOST_RULES:
        raise Broke(
            f"the repository has {len(repository_rules)} rule files with {size} bytes"
            f" (at most {MOST_MODULES} and {MOST_RULES})"
        )
    for name, data in repository_rules.items():
        try:
            data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise Broke(f"{name} is not valid UTF-8") from error


def _findings(own: rules.RuleSet, answer: Mapping[str, Any]) -> tuple[Finding, ...]:
    """Findings of an answer, each checked against what its rule may say. Raises `Broke`."""
    found: set[Finding] = set()
    spoken, repository = answer.get("own"), answer.get("repository")
    if not isinstance(spoken, dict) or set(spoken) != {level.value for level in Level}:
        raise Broke("the rules' answer has the wrong shape")
    if not isinstance(repository, dict):
        raise Broke("the repository's rules' answer has the wrong shape")
    for level in Level:
        for item in _items(spoken[level.value]):
            rule = own.rules.get(str(item.get("rule")))
            if rule is None or rule.level is not level or set(item) != _KEYS:
                raise Broke(f"a {level} that no rule of Pawl may say: {item.get('rule')}")
            place, why = _text(item, "place"), _text(item, "why")
            found.add(
                Finding(rule.id, level, rule.title, place, why, rule.remedy, rule.role, rule.source)
            )
    for key, items in repository.items():
        package, _, word = str(key).rpartition("/")
        for item in _items(items):
            found.add(_of_repository(package, Level(word), item))
    if len(found) > MOST_FINDINGS:
        raise Broke(f"the rules have {len(found)} findings, more than {MOST_FINDINGS}")
    order = {Level.DENY: 0, Level.ASK: 1, Level.NOTE: 2}
    return tuple(sorted(found, key=lambda f: (order[f.level], f.rule, f.place, f.why)))


def _of_repository(package: str, level: Level, item: Mapping[str, Any]) -> Finding:
    """A finding of a repository's own rule: `{rule, why}`, or `{msg}` as Conftest has it."""
    said = dict(item)
    if "msg" in said:
        said.setdefault("why", said.pop("msg"))
    extra = set(said) - _REPOSITORY_KEYS
    if extra:
        raise Broke(f"a finding of {package} has fields that no finding has: {sorted(extra)}")
    name = _text(said, "rule", "unnamed")
    role = said.get("role", "approver" if level is Level.ASK else "")
    if role not in (rules.ROLES if level is Level.ASK else ("",)):
        raise Broke(f"{package}: only an ask names a role, one of {', '.join(rules.ROLES)}")
    return Finding(
        rule=f"{package.removeprefix('pawl.')}.{name}",
        level=level,
        title=_text(said, "title", name),
        place=_text(said, "place", "change"),
        why=_text(said, "why"),
        remedy=_text(said, "remedy", "See the repository's own rules in .pawl/policies."),
        role=role,
        source="repository",
    )


def _items(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise Broke("a set of findings has the wrong shape")
    return value


def _text(item: Mapping[str, Any], key: str, default: str | None = None) -> str:
    value = item.get(key, default)
    if not isinstance(value, str) or not value:
        raise Broke(f"a finding has no text for {key!r}")
    return value[:2000]
