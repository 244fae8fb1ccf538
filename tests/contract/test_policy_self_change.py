"""Changes that change what judges them: each must end as its class demands, on the real gate."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from policies import Level, Verdict
from policies.engine import install
from policies.gate import open_gate
from service.facts.build import GitFacts
from service.facts.trees import flatten, tree_id

PATCHES = Path(__file__).parents[1] / "assets" / "adversarial" / "policy-self-change"
Files = dict[str, tuple[int, bytes]]

WORKFLOW = b"""name: ci
on: [push, pull_request]
jobs:
  check:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: pawl rehearse --all
"""
BASE: Files = {
    ".pawl/policies/limits.rego": (
        0o100644,
        b"package pawl.limits\n\nmax_deleted_lines := 200\n",
    ),
    ".pawl/config.yaml": (
        0o100644,
        b"approvals:\n  required: 1\n  requester_may_approve: false\n",
    ),
    ".pawl/rehearsals/partial-build/rehearsal.yaml": (0o100644, b"schema: rehearsal/v1\n"),
    ".pawl/rehearsals/partial-build/check.sh": (
        0o100755,
        b'#!/bin/bash\n[ "$(ls store | wc -l)" = 3 ]\n',
    ),
    ".github/CODEOWNERS": (0o100644, b"/deploy/ @shop/ops\n/.pawl/ @shop/security\n"),
    ".github/workflows/ci.yml": (0o100644, WORKFLOW),
    ".github/workflows/rules.yml": (
        0o100644,
        b"name: rules\non: push\njobs:\n  a:\n    runs-on: x\n    steps:\n"
        b"      - run: bash ci/rules.sh --all\n",
    ),
    "ci/rules.sh": (0o100755, b'#!/bin/bash\nexec pawl check --strict "$@"\n'),
    "deploy/deploy.sh": (0o100755, b"#!/bin/bash\n./build.sh | tee build.log\n"),
}

PERSON = {"kind": "person", "id": "p-ines"}
MACHINE = {"kind": "agent", "id": "recipes"}


@dataclass(frozen=True)
class Must:
    """How a patch must end: refused by a rule, or asking a policy owner by one."""

    machine: str  # the rule that denies it when a planner proposes it; "ask: rule" if none does
    person: str  # the same when a person brings it as a change of their own


MUST = {
    "01-loosen-threshold": Must("floor.policy-rides-along", "floor.policy-rides-along"),
    "02-allow-all": Must("floor.policy-by-machine", "floor.policy-unusable"),
    "03-approvals-zero": Must("floor.policy-by-machine", "ask: floor.policy-change"),
    "04-codeowners": Must("floor.policy-by-machine", "ask: floor.policy-change"),
    "05-ci-skips-check": Must("ask: ci.quiet-failure", "ask: ci.quiet-failure"),
    "06-ci-secrets-on-pr": Must("floor.ci-foreign-rights", "floor.ci-foreign-rights"),
    "07-rehearsal-deleted": Must("floor.rehearsal-broken", "floor.rehearsal-broken"),
    "08-rehearsal-weakened": Must("floor.policy-by-machine", "ask: floor.rehearsal-change"),
    "09-rename-policy-folder": Must("floor.policy-rides-along", "floor.policy-rides-along"),
    "10-case-twin": Must("floor.case-twin", "floor.case-twin"),
    "11-indirect-include": Must("ask: ci.check-removed", "ask: ci.check-removed"),
    "12-honest-policy-change": Must("floor.policy-by-machine", "ask: floor.policy-change"),
}


def drafted(patch: Path, folder: Path) -> Files:
    """What `git apply` makes of the base."""
    for path, (mode, content) in BASE.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        target.chmod(mode & 0o777)
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    done = subprocess.run(
        ["git", "apply", str(patch)], cwd=folder, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return {
        path.relative_to(folder).as_posix(): (
            0o100755 if path.stat().st_mode & 0o100 else 0o100644,
            path.read_bytes(),
        )
        for path in folder.rglob("*")
        if path.is_file() and ".git" not in path.relative_to(folder).parts[:1]
    }


def judged(draft: Files, author: dict[str, str]) -> Verdict:
    """The gate's word on the draft, with a proof that holds: it must not be what refuses."""
    cells = [
        {"rehearsal": "new", "side": side, "kind": kind, "outcome": outcome}
        for side, kind, outcome in (
            ("base", "declared", "hit"),
            ("draft", "control", "held"),
            ("draft", "declared", "held"),
        )
    ]
    cells.append(
        {"rehearsal": "partial-build", "side": "draft", "kind": "ratchet", "outcome": "held"}
    )
    facts = GitFacts().build(
        base=BASE,
        draft=draft,
        proof={
            "holds": True,
            "why": "the failure is gone",
            "base_tree": tree_id(flatten(BASE).tree),
            "draft_tree": tree_id(flatten(draft).tree),
            "cells": cells,
        },
        claimed={
            "kind": "guard",
            "title": "a plan",
            "alternatives": ["another"],
            "prediction": {"readout": "open failures", "before": 1, "after": 0},
        },
        actors={"requester": PERSON, "author": author, "shapers": []},
        reach=(),
        now=datetime(2026, 2, 2, tzinfo=UTC),
    )
    return open_gate(install.install().parent).judge(facts, {})


@pytest.mark.parametrize("author", [MACHINE, PERSON], ids=["by a machine", "by a person"])
@pytest.mark.parametrize("name", MUST)
def test_a_change_of_what_judges_it_ends_as_it_must(
    name: str, author: dict[str, str], tmp_path: Path
) -> None:
    verdict = judged(drafted(PATCHES / f"{name}.patch", tmp_path), author)
    assert verdict.broke == ""
    must = MUST[name].person if author is PERSON else MUST[name].machine
    denied = {f.rule for f in verdict.findings if f.level is Level.DENY}
    asked = {f.rule for f in verdict.findings if f.level is Level.ASK and f.role == "policy-owner"}
    if must.startswith("ask: "):
        assert must.removeprefix("ask: ") in asked
        assert not denied
    else:
        assert must in denied


def test_every_patch_has_its_must() -> None:
    assert {path.stem for path in PATCHES.glob("*.patch")} == set(MUST)


def test_the_change_without_its_policy_part_is_not_refused(tmp_path: Path) -> None:
    """The good half of the first patch, alone: so the policy part is what was refused."""
    whole = drafted(PATCHES / "01-loosen-threshold.patch", tmp_path)
    half = BASE | {"deploy/deploy.sh": whole["deploy/deploy.sh"]}
    verdict = judged(half, MACHINE)
    assert (verdict.refused, verdict.broke) == (False, "")


def test_a_changed_policy_does_not_judge_its_own_change(tmp_path: Path) -> None:
    """The base's rule denies all; the draft takes it out. Only base's rules are handed over."""
    rule = b'package pawl.repo\nimport rego.v1\ndeny contains {"msg": "frozen"}\n'
    verdict = open_gate(install.install().parent).judge(
        _facts_of_a_policy_removal(rule), {".pawl/policies/freeze.rego": rule}
    )
    assert {f.rule for f in verdict.findings if f.level is Level.DENY} == {"repo.unnamed"}


def _facts_of_a_policy_removal(rule: bytes) -> dict[str, Any]:
    base = BASE | {".pawl/policies/freeze.rego": (0o100644, rule)}
    return GitFacts().build(
        base=base,
        draft=BASE,
        proof=None,
        claimed={},
        actors={"requester": PERSON, "author": PERSON},
        reach=(),
        now=datetime(2026, 2, 2, tzinfo=UTC),
    )
