"""The binding digest: SHA-256 over everything that an approver is shown and says yes to."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import rfc8785

from service.changes import Digest


def binding(
    *,
    patch: Sequence[Sequence[str]],
    plan: Mapping[str, Any],
    rehearsals: Mapping[str, str],
    proof: Mapping[str, Any],
    findings: Sequence[Mapping[str, Any]],
    rules: str,
    branch: str,
) -> Digest:
    """Answer the digest that an approval is bound to.

    `patch` is the sorted list of (path bytes as hex, old mode, old blob, new mode, new blob),
    never diff text: the same patch has one form only. `rehearsals` is path -> blob id below
    `.pawl/rehearsals/`; `proof` holds the outcome of each cell without times or logs, so that the
    same proof run again binds to the same digest.
    """
    document: dict[str, Any] = {
        "v": 1,
        "patch": [list(row) for row in patch],
        "plan": plan,
        "rehearsals": dict(rehearsals),
        "proof": proof,
        "findings": [dict(f) for f in findings],
        "rules": rules,
        "branch": branch,
    }
    return Digest(hashlib.sha256(rfc8785.dumps(document)).hexdigest())
