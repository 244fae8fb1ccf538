"""What `pawl model check` found out about an endpoint, kept beside the store.

A file of its own, since it can be found out again at any time: losing it costs a few refusals.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path


def found(home: Path, url: str, model: str) -> tuple[str, str] | None:
    """The rung and the name of the token limit for `model` at `url`; None where not known."""
    entry = _read(home).get(_name(url, model))
    if not isinstance(entry, dict):
        return None
    rung, limit = entry.get("rung"), entry.get("limit")
    return (rung, limit) if isinstance(rung, str) and isinstance(limit, str) else None


def keep(home: Path, url: str, model: str, rung: str, limit: str) -> Path:
    """Remember it, and answer where."""
    known = _read(home)
    known[_name(url, model)] = {"model": model, "rung": rung, "limit": limit}
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = _file(home).with_suffix(f".{os.getpid()}")
    fresh.write_text(json.dumps(known, indent=1, sort_keys=True))
    fresh.replace(_file(home))
    return _file(home)


def _file(home: Path) -> Path:
    return home / "model.json"


def _read(home: Path) -> dict[str, object]:
    try:
        known = json.loads(_file(home).read_text())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _name(url: str, model: str) -> str:
    """An address may hold a secret, so its digest stands for it."""
    return hashlib.sha256(json.dumps([url, model]).encode()).hexdigest()
