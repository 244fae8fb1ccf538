"""The confined process in which rules run: one conversation, then it ends.

Standard library only. It trusts nobody's modules: it checks what they call and where they live
before the engine sees them, and answers only with JSON. What an answer means is not known here.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import sys
from collections.abc import Mapping
from typing import Any, BinaryIO

from policies.engine.library import Engine, EngineError, Library
from policies.engine.reading import (
    SETS,
    Node,
    Problem,
    Shapes,
    forbidden,
    head_name,
    judging,
    misplaced,
    package,
    tests,
)

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
OWN, REPOSITORY = "pawl.rules.", "pawl.repo"


class Refused(Exception):
    """The modules may not judge; the text says which and why."""


def confine(memory: int, cpu: int) -> str:
    """Take away what a rule never needs; says which network wall stands.

    Must come before the engine starts its threads. The network namespace is a second wall (many
    containers forbid it): the first is that no builtin on the list can reach a network.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    network = "builtins-only"
    if libc.unshare(CLONE_NEWNET) == 0:
        network = "namespace"
    elif libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0:
        network = "user-namespace"
    for limit, value in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, cpu),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(limit)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        # Soft below hard for the CPU, so that the signal says what ran out.
        most = value + 1 if limit == resource.RLIMIT_CPU and value < hard else value
        resource.setrlimit(limit, (value, most))
    return network


class Worker:
    """Holds Pawl's rules in one engine and a repository's in another; they share nothing."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._reader = library.engine()
        # Not in the list of builtins for rules: only this engine, which runs none, may parse.
        self._reader.add("reader", "package reader\nimport rego.v1\n")
        self._own: Engine | None = None
        self._query = ""

    def parse(self, modules: Mapping[str, str]) -> dict[str, Node]:
        """Syntax trees of `modules`. Raises `Refused` for one that does not parse."""
        trees = {}
        for name, source in modules.items():
            asked = json.dumps({"name": name, "source": source}, ensure_ascii=False)
            try:
                rows, _ = self._reader.ask(
                    "x = rego.parse_module(input.name, input.source)", asked.encode()
                )
            except (EngineError, UnicodeEncodeError) as error:
                raise Refused(f"{name} can't be read: {error}") from error
            if not rows:
                raise Refused(f"{name} can't be read")
            trees[name] = rows[0]["x"]
        return trees

    def load(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Compile Pawl's own rules and let them judge the canaries."""
        modules = asked["rules"]
        trees = self.parse(modules)
        _stop(forbidden(trees))
        self._own = self._engine(modules)
        self._query = "x = " + asked["query"]
        return {
            "rules": sum(
                len(judging(tree)) for tree in trees.values() if package(tree).startswith(OWN)
            ),
            "canaries": [_only(self._own, self._query, c.encode()) for c in asked["canaries"]],
        }

    def judge(self, asked: Mapping[str, Any], facts: bytes) -> dict[str, Any]:
        """Judge `facts` (JSON) by Pawl's rules, then by the repository's."""
        if self._own is None:
            raise Refused("no rules were loaded")
        modules = asked["repository"]
        answer: dict[str, Any] = {"rules": 0, "repository": {}}
        if modules:
            trees = self.parse(modules)
            answer["rules"] = self._check(trees, asked["schema"])
            engine = self._engine(modules)
            answer["repository"] = _only(engine, "x = " + _repository_query(trees), facts)
        answer["own"] = _only(self._own, self._query, facts)
        return answer

    def check(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Read and compile a repository's rules without judging anything."""
        trees = self.parse(asked["repository"])
        count = self._check(trees, asked["schema"])
        self._engine(asked["repository"]).ask("x = 1")
        return {"rules": count}

    def shapes(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Which facts each module names, and names that are no facts."""
        book = Shapes(asked["schema"], self.parse(asked["rules"]))
        problems = book.check()
        return {
            "reads": {module: sorted(reads) for module, reads in book.reads.items()},
            "problems": [str(problem) for problem in problems],
        }

    def test(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Run every `test_` rule: true passes, false and undefined fail, an error is an error."""
        modules = asked["rules"]
        trees = self.parse(modules)
        _stop(forbidden(trees))
        if asked.get("root"):
            _stop(misplaced(trees, asked["root"]))
        results: list[dict[str, str]] = []
        covered: dict[str, Any] = {}
        for module, tree in trees.items():
            # One question for a whole module: the engine keeps every question that it was asked.
            found = self._run(asked, package(tree), tests(tree), covered)
            results += [{"module": module, "name": name, **end} for name, end in found.items()]
        return {"tests": results, "coverage": covered}

    def _run(
        self, asked: Mapping[str, Any], where: str, names: list[str], covered: dict[str, Any]
    ) -> dict[str, dict[str, str]]:
        """Outcomes of some tests of one package; where they end in an error, one by one."""
        if not names:
            return {}
        engine = self._engine(asked["rules"])
        try:
            engine.data(asked.get("data") or {})
            counts = [f'"{name}": count([1 | data.{where}.{name} == true])' for name in names]
            rows, coverage = engine.ask(
                "x = {" + ", ".join(counts) + "}", coverage=bool(asked.get("coverage"))
            )
            _merge(covered, coverage)
            return {
                name: {"outcome": "passed" if rows[0]["x"][name] else "failed", "why": ""}
                for name in names
            }
        except EngineError as error:
            if len(names) == 1:
                return {names[0]: {"outcome": "error", "why": str(error)[:500]}}
        finally:
            engine.close()
        return {
            name: end
            for one in names
            for name, end in self._run(asked, where, [one], covered).items()
        }

    def _check(self, trees: Mapping[str, Node], schema: Mapping[str, Any]) -> int:
        _stop(misplaced(trees, REPOSITORY) + forbidden(trees))
        count = sum(len(judging(tree)) for tree in trees.values())
        if not count:
            raise Refused("the repository's rules have no deny, ask or note: none would ever speak")
        _stop(Shapes(schema, trees).check())
        return count

    def _engine(self, modules: Mapping[str, str]) -> Engine:
        engine = self._library.engine()
        for name, source in modules.items():
            engine.add(name, source)
        return engine


def _repository_query(trees: Mapping[str, Node]) -> str:
    """One object of all sets that the repository's packages define."""
    sets = {
        (package(tree), head_name(rule))
        for tree in trees.values()
        for rule in tree.get("rules") or []
        if head_name(rule) in SETS
    }
    pairs = [f'"{name}/{word}": data.{name}.{word}' for name, word in sorted(sets)]
    return "{" + ", ".join(pairs) + "}"


def _stop(problems: list[Problem]) -> None:
    if problems:
        raise Refused("; ".join(str(problem) for problem in problems[:5]))


def _only(engine: Engine, query: str, facts: bytes) -> Any:
    """The one answer to a query; none is an error, never a yes."""
    rows, _ = engine.ask(query, facts)
    if len(rows) != 1:
        raise EngineError("the rules gave no answer (undefined)")
    return rows[0]["x"]


def _merge(covered: dict[str, Any], coverage: dict[str, Any] | None) -> None:
    for name, file in ((coverage or {}).get("files") or {}).items():
        lines = covered.setdefault(name, {"covered": [], "all": []})
        for key, targets in (("covered", ("covered", "all")), ("not_covered", ("all",))):
            for span in file.get(key) or []:
                rows = range(span["start"]["row"], span["end"]["row"] + 1)
                for target in targets:
                    lines[target] = sorted({*lines[target], *rows})


def _say(pipe: BinaryIO, answer: Mapping[str, Any]) -> None:
    pipe.write(json.dumps(answer).encode() + b"\n")
    pipe.flush()


def main() -> None:
    """Talk: a JSON line in (`facts` bytes after it, if it says how many), a JSON line out."""
    pipe_in, pipe_out = sys.stdin.buffer, sys.stdout.buffer
    first = pipe_in.readline()
    if not first:
        return
    start = json.loads(first)
    network = confine(start["memory"], start["cpu"])
    worker = Worker(Library(start["library"]))
    deeds = {
        "load": worker.load,
        "check": worker.check,
        "shapes": worker.shapes,
        "test": worker.test,
    }
    while line := pipe_in.readline():
        asked = json.loads(line)
        try:
            if asked["do"] == "judge":
                answer = worker.judge(asked, pipe_in.read(asked["facts"]))
            else:
                answer = deeds[asked["do"]](asked)
            _say(pipe_out, {"answer": answer, "network": network})
        except (Refused, EngineError) as error:
            _say(pipe_out, {"broke": str(error)[:2000]})
            break
    # No tidying up: the engine's threads may be busy, and this process holds nothing.
    os._exit(0)


if __name__ == "__main__":
    main()
