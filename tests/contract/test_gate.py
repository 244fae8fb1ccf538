"""What the gate promises, on the real engine: a refusal with a reason for whatever goes wrong."""

from __future__ import annotations

import os
import re
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from policies import Gate, GateError, Level, canary, rules
from policies.engine import install
from policies.engine.process import Limits
from policies.gate import RegoGate, open_gate
from tests.gate_parts import having, without

HEAD = "package pawl.repo\nimport rego.v1\n"


@pytest.fixture(scope="module")
def engine() -> Path:
    return install.install().parent


@pytest.fixture(scope="module", params=["on demand", "ahead"])
def gate(request: pytest.FixtureRequest, engine: Path) -> Iterator[RegoGate]:
    with RegoGate(engine, ahead=request.param == "ahead") as made:
        yield made


def test_a_good_change_is_not_refused(gate: Gate) -> None:
    verdict = gate.judge(canary.good(), {})
    assert (verdict.refused, verdict.broke) == (False, "")
    assert verdict.loaded == rules.own().bodies
    assert verdict.engine.startswith("opa 1.20.2")
    assert len(verdict.rules) == 64


def test_a_bad_change_is_denied_with_place_reason_and_remedy(gate: Gate) -> None:
    verdict = gate.judge(canary.bad(), {})
    denied = [f for f in verdict.findings if f.level is Level.DENY]
    assert {f.rule for f in denied} == canary.DENIED
    assert all(f.title and f.place and f.why and f.remedy and f.source == "floor" for f in denied)
    secret = next(f for f in denied if f.rule == "floor.secret-in-diff")
    assert secret.place == "ops/rotate-ledger.sh:9"


def test_the_self_test_passes(gate: Gate) -> None:
    gate.selftest()


@pytest.mark.parametrize(
    "path",
    [("proof",), ("proof", "holds"), ("files", 0, "added"), ("actors", "approvals"), ("now",)],
    ids=lambda path: ".".join(map(str, path)),
)
def test_a_missing_fact_is_a_refusal_that_names_it(gate: Gate, path: tuple[str | int, ...]) -> None:
    verdict = gate.judge(without(canary.good(), path), {})
    assert verdict.refused
    assert f"{path[-1]} is missing" in verdict.broke


@pytest.mark.parametrize(
    "facts", [{}, {"schema": "facts/v2"}, {"x": float("nan")}, {"x": {1, 2}}, {"x": "\ud800"}]
)
def test_facts_of_another_kind_are_a_refusal(gate: Gate, facts: dict[str, Any]) -> None:
    assert gate.judge(facts, {}).broke != ""


# --- a repository's own rules -------------------------------------------------------------------


def test_a_repository_can_deny_ask_and_note(gate: Gate) -> None:
    module = (
        HEAD
        + """
deny contains {"rule": "no-ops", "place": f.path, "why": "ops is frozen", "remedy": "wait"} if {
	some f in input.files
	startswith(f.path, "ops/")
}
ask contains {"rule": "second-look", "why": "on a Monday", "role": "policy-owner"} if {
	time.weekday(time.parse_rfc3339_ns(input.now)) == "Monday"
}
note contains {"msg": "as Conftest has it"}
"""
    )
    verdict = gate.judge(canary.good(), {".pawl/policies/own.rego": module.encode()})
    found = {f.rule: f for f in verdict.findings if f.source == "repository"}
    assert verdict.broke == ""
    assert verdict.refused
    assert verdict.loaded == rules.own().bodies + 3
    assert found["repo.no-ops"].place == "ops/rotate-ledger.sh"
    assert found["repo.second-look"].role == "policy-owner"
    assert found["repo.unnamed"].why == "as Conftest has it"


def test_a_repository_can_only_add(gate: Gate) -> None:
    quiet = HEAD + "deny contains x if { false; x := {} }\n"
    verdict = gate.judge(canary.bad(), {"quiet.rego": quiet.encode()})
    assert {f.rule for f in verdict.findings if f.level is Level.DENY} >= canary.DENIED


def test_other_rules_are_another_digest(gate: Gate) -> None:
    one = gate.judge(canary.good(), {"a.rego": (HEAD + "note contains {'msg': 'x'}").encode()})
    rule = (HEAD + 'note contains {"msg": "x"}').encode()
    two, three = (gate.judge(canary.good(), {name: rule}) for name in ("a.rego", "b.rego"))
    assert len({one.rules, two.rules, three.rules, gate.judge(canary.good(), {}).rules}) == 4


REFUSED = {
    "does not parse": (HEAD + "deny contains {", "can't be read"),
    "is not a module": ("hello", "can't be read"),
    "calls the network": (
        HEAD + 'deny contains {"msg": "x"} if http.send({"method": "get", "url": "u"}).ok',
        "may not call http.send",
    ),
    "calls the network by another spelling": (
        HEAD + 'deny contains {"msg": "x"} if { y := http["send"]({}); y.ok }',
        "may not call http.send",
    ),
    "puts the network in another's place": (
        HEAD
        + 'f(x) := x\ndeny contains {"msg": "x"} if f({}).ok with data.pawl.repo.f as http.send',
        "may not call http.send",
    ),
    "puts something in a builtin's place": (
        HEAD + 'deny contains {"msg": "x"} if { x := 1 with rego.parse_module as 2; x > 0 }',
        "may not call rego.parse_module",
    ),
    "asks for the clock": (
        HEAD + 'deny contains {"msg": "x"} if time.now_ns() > 0',
        "may not call time.now_ns",
    ),
    "asks for the host": (
        HEAD + 'deny contains {"msg": "x"} if { every y in [1] { opa.runtime().env; y } }',
        "may not call opa.runtime",
    ),
    "asks in an else branch": (
        HEAD + 'v := 1 if false else := rand.intn("x", 3)\ndeny contains {"msg": "x"} if v == 1',
        "may not call rand.intn",
    ),
    "takes the gate's place": (
        "package pawl.gate\nimport rego.v1\ndeny := set()\n",
        "is package pawl.gate",
    ),
    "takes a rule's place": (
        "package pawl.rules.paths\nimport rego.v1\ndeny := set()\n",
        "is package pawl.rules.paths",
    ),
    "lives beside the root": (
        'package pawl.repository\nimport rego.v1\ndeny contains {"msg": "x"}\n',
        "is package pawl.repository",
    ),
    "has a deny that is no set": (HEAD + "deny := false", "deny must be a set"),
    "has a deny that is a function": (HEAD + "deny(x) := x", "deny must be a set"),
    "has a default deny": (HEAD + "default deny := []", "deny must be a set"),
    "has nothing to say": (HEAD + "dney contains {}", "none would ever speak"),
    "names a fact that there is not": (
        HEAD + 'deny contains {"msg": "x"} if input.fles[_].binary',
        "input.fles is not in the facts",
    ),
    "names such a fact behind a variable": (
        HEAD + 'deny contains {"msg": "x"} if { some f in input.files; f.bin }',
        "f.bin is not in the facts",
    ),
    "has two values at once": (
        HEAD + 'v := 1\nv := 2\ndeny contains {"msg": "x"} if v == 1',
        "eval_conflict_error",
    ),
    "fails in a builtin": (
        HEAD + 'deny contains {"msg": "x"} if regex.match("(", input.now)',
        "eval_builtin_error",
    ),
    "has an unsafe variable": (HEAD + 'deny contains {"msg": x} if true', "unsafe"),
    "says something without words": (HEAD + 'deny contains {"rule": "x"}', "no text for 'why'"),
    "says something of another shape": (HEAD + 'deny contains "no"', "wrong shape"),
    "says more than a finding has": (
        HEAD + 'deny contains {"msg": "x", "allow": true}',
        "fields that no finding has",
    ),
    "asks nobody that there is": (
        HEAD + 'ask contains {"msg": "x", "role": "everyone"}',
        "only an ask names a role",
    ),
    "says it a thousand times": (
        HEAD + 'note contains {"msg": sprintf("%d", [n])} if some n in numbers.range(1, 1000)',
        "more than 500",
    ),
    "has a NUL": (HEAD + '# \0\ndeny contains {"msg": "x"}', "null character"),
    "is no UTF-8": (HEAD.encode() + b"# \xff", "not valid UTF-8"),
    "is a book": (HEAD + "#" * (300 << 10), "at most"),
}


@pytest.mark.parametrize(("module", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_a_rule_is_refused_that(engine: Path, module: str | bytes, said: str) -> None:
    text = module if isinstance(module, bytes) else module.encode()
    verdict = open_gate(engine).judge(canary.good(), {"own.rego": text})
    assert verdict.refused
    assert verdict.findings == ()
    assert said in verdict.broke


def test_data_can_not_take_a_rules_place(gate: Gate) -> None:
    """Nothing of a repository reaches the data document; a rule at its path is refused."""
    module = "package data.pawl.rules.paths\nimport rego.v1\ndeny contains {}\n"
    assert gate.judge(canary.bad(), {"own.rego": module.encode()}).broke != ""


# --- rules that don't end -----------------------------------------------------------------------

BOMBS = {
    "never ends": (
        # small ranges, many of them: time runs out long before memory does
        "deny contains {'msg': 'x'} if { some a in numbers.range(1, 400);"
        " some b in numbers.range(1, 400); some c in numbers.range(1, 400);"
        " some d in numbers.range(1, 400); (a * b) * (c * d) < 0 }",
        "did not end within 1 s",
    ),
    "takes all memory": (
        "deny contains {'msg': 'x'} if count([concat('', [format_int(a, 10), format_int(b, 10)])"
        " | some a in numbers.range(1, 5000); some b in numbers.range(1, 5000)]) < 0",
        "memory",
    ),
}


@pytest.mark.parametrize(("rule", "said"), BOMBS.values(), ids=BOMBS.keys())
def test_a_rule_is_stopped_that(engine: Path, rule: str, said: str) -> None:
    wall = 60.0 if said == "memory" else 1.0
    limits = Limits(wall=wall, cpu=60, memory=1200 << 20 if said == "memory" else 2 << 30)
    verdict = RegoGate(engine, limits=limits).judge(
        canary.good(), {"bomb.rego": (HEAD + rule.replace("'", '"')).encode()}
    )
    assert verdict.refused
    assert said in verdict.broke


def test_a_rule_that_burns_its_processor_time_is_stopped(engine: Path) -> None:
    rule = HEAD + BOMBS["never ends"][0].replace("'", '"')
    gate = RegoGate(engine, limits=Limits(wall=60, cpu=2))
    verdict = gate.judge(canary.good(), {"bomb.rego": rule.encode()})
    assert verdict.refused
    # The kernel's first signal, or on a busy machine its second one, which says no more.
    assert re.search(r"processor time|SIGKILL", verdict.broke)


def test_a_killed_worker_is_a_refusal(engine: Path) -> None:
    """Killed while it judges, from outside."""
    gate = RegoGate(engine, ahead=True, limits=Limits(wall=60, cpu=60))
    rule = HEAD + BOMBS["never ends"][0].replace("'", '"')
    gate.prepare()
    worker = gate.waiting
    assert worker is not None
    killer = threading.Timer(0.5, os.kill, (worker, signal.SIGKILL))
    killer.start()
    try:
        verdict = gate.judge(canary.good(), {"bomb.rego": rule.encode()})
    finally:
        killer.join()
        gate.close()
    assert verdict.refused
    assert "killed (SIGKILL)" in verdict.broke


def test_a_worker_that_died_while_waiting_is_replaced(engine: Path) -> None:
    with RegoGate(engine, ahead=True) as gate:
        gate.prepare()
        first = gate.waiting
        assert first is not None
        os.kill(first, signal.SIGKILL)
        assert gate.judge(canary.good(), {}).broke in ("", _killed())
        assert gate.judge(canary.good(), {}).broke == ""


def _killed() -> str:
    return "the gate could not judge: the engine was killed (SIGKILL)"


def test_each_verdict_has_a_worker_of_its_own(engine: Path) -> None:
    with RegoGate(engine, ahead=True) as gate:
        seen = set()
        for _ in range(3):
            gate.prepare()
            seen.add(gate.waiting)
            assert gate.judge(canary.good(), {}).broke == ""
        assert len(seen) == 3


def test_many_threads_get_their_own_answers(engine: Path) -> None:
    answers: dict[int, bool] = {}
    with RegoGate(engine, ahead=True) as gate:

        def ask(index: int) -> None:
            facts = canary.bad() if index % 2 else canary.good()
            answers[index] = gate.judge(facts, {}).refused

        threads = [threading.Thread(target=ask, args=(index,)) for index in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert answers == {index: bool(index % 2) for index in range(6)}


# --- no engine, no rules, other rules ------------------------------------------------------------


def test_no_engine_refuses_and_says_how_to_get_it(tmp_path: Path) -> None:
    gate = open_gate(tmp_path)
    verdict = gate.judge(canary.good(), {})
    assert verdict.refused
    assert "policy engine is not at" in verdict.broke
    with pytest.raises(GateError) as caught:
        gate.selftest()
    assert "policies.engine.install" in caught.value.mend


def test_another_library_in_the_engines_place_refuses(tmp_path: Path) -> None:
    (tmp_path / install.LIBRARY).write_bytes(b"\x7fELF something else")
    assert "not the pinned one" in open_gate(tmp_path).judge(canary.good(), {}).broke


def test_an_empty_rule_set_refuses(engine: Path) -> None:
    gate = RegoGate(engine, own=rules.RuleSet({}, {}, 0))
    assert "no rules" in gate.judge(canary.good(), {}).broke


def test_fewer_rules_than_the_list_says_refuse(engine: Path) -> None:
    own = rules.own()
    fewer = {name: text for name, text in own.modules.items() if name != "people.rego"}
    gate = RegoGate(engine, own=rules.RuleSet(fewer, own.rules, own.bodies))
    assert "rules were loaded" in gate.judge(canary.good(), {}).broke


def test_a_module_that_silences_the_others_is_seen_by_the_canary(engine: Path) -> None:
    """As many rules as the list says, but the gate no longer gathers what they say."""
    own = rules.own()
    silent = having(dict(own.modules), ("gate.rego",), _silent(own.modules["gate.rego"]))
    gate = RegoGate(engine, own=rules.RuleSet(silent, own.rules, own.bodies))
    assert "canary" in gate.judge(canary.good(), {}).broke


def _silent(text: str) -> str:
    return text.replace("if data.pawl.rules[_].deny[finding]", "if { false; finding := {} }")


# --- confinement ----------------------------------------------------------------------------------


def test_the_worker_sees_no_environment(engine: Path) -> None:
    with RegoGate(engine, ahead=True) as gate:
        gate.prepare()
        environment = Path(f"/proc/{gate.waiting}/environ").read_bytes()
    names = {entry.partition(b"=")[0] for entry in environment.split(b"\0") if entry}
    assert names == {b"GOMAXPROCS", b"GOGC", b"GOMEMLIMIT"}
