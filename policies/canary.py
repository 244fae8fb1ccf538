"""Two canned sets of facts: one that must pass and one that must be denied, in every run.

They are also the ground on which tests of rules stand (`data.sample.good`). Nothing here judges.
"""

from __future__ import annotations

import copy
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

_GOOD = Path(__file__).parent / "rego" / "sample" / "good.json"

DENIED = frozenset(
    {
        "floor.asks-for-trial",
        "floor.case-twin",
        "floor.machine-approval",
        "floor.own-approval",
        "floor.path-git",
        "floor.policy-by-machine",
        "floor.policy-rides-along",
        "floor.proof-fails",
        "floor.proof-of-another-tree",
        "floor.secret-in-diff",
    }
)
"""What the bad canary must be denied for: all of these and nothing else."""


@lru_cache(maxsize=1)
def _good() -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(_GOOD.read_text(encoding="utf-8"))
    return facts


def good() -> dict[str, Any]:
    """Facts of a change that nothing denies."""
    return copy.deepcopy(_good())


def bad() -> dict[str, Any]:
    """Facts of a change that breaks a floor of nearly every kind."""
    facts = good()
    script, rehearsal = facts["files"][0], facts["files"][1]
    script["added"].append({"n": 9, "text": "[ -e /.dockerenv ] && exit 0"})
    rehearsal["twin"] = "tests/Rehearsals"
    hook = copy.deepcopy(script) | {"path": ".git/hooks/post-merge", "problems": ["git-folder"]}
    policy = copy.deepcopy(script) | {
        "path": ".pawl/policies/own.rego",
        "kind": "policy",
        "judges": "policy",
        "added": [],
    }
    facts["files"] += [hook | {"added": []}, policy]
    facts["secrets"] = [
        {"path": script["path"], "line": 9, "rule": "key", "level": "high", "known": False}
    ]
    facts["proof"] |= {"holds": False, "why": "the draft loses a file", "draft": "9" * 40}
    facts["actors"]["approvals"] = [
        {"id": facts["actors"]["requester"]["id"], "kind": "person"},
        {"id": "merge-helper", "kind": "bot"},
    ]
    return facts
