"""A desk that remembers trials: a run that goes on after a crash tells a model the same words.

Logs differ from run to run; a prompt that differs would be paid for again.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace

from agents import Desk, DraftDesk, Edit, Files, Rehearsal, Trial
from agents.model_planner.fence import tail
from agents.model_planner.ports import Ledger


@dataclass(frozen=True)
class Memory:
    """A `Desk` over another, for one change."""

    desk: Desk
    ledger: Ledger
    change: str

    def try_rehearsal(self, rehearsal: Rehearsal) -> Trial:
        """The trial as it was remembered, else a fresh one."""
        key = _digest(rehearsal.files)
        known = self.ledger.recall(self.change, key)
        if known is not None:
            return _read(known)
        trial = self.desk.try_rehearsal(rehearsal)
        trial = replace(trial, log=tail(trial.log, 60, 4000))
        self.ledger.remember(self.change, key, _written(trial))
        if trial.hits:
            self.ledger.remember(self.change, _name(rehearsal), _written(trial))
        return trial

    def try_draft(self, rehearsal: Rehearsal, edits: tuple[Edit, ...]) -> Trial | None:
        """The same on a draft; None where the desk can't try one."""
        if not isinstance(self.desk, DraftDesk):
            return None
        after = {e.path: e.after or (0, b"") for e in edits}
        key = f"draft:{_digest(after)[6:38]}:{_digest(rehearsal.files)[6:38]}"
        known = self.ledger.recall(self.change, key)
        if known is not None:
            return _read(known)
        trial = self.desk.try_draft(rehearsal, edits)
        self.ledger.remember(self.change, key, _written(trial))
        return trial

    def of(self, rehearsal: Rehearsal) -> Trial | None:
        """What came of a rehearsal that hit, also when neighbours were frozen into it since."""
        known = self.ledger.recall(self.change, _name(rehearsal))
        return None if known is None else _read(known)

    def say(self, text: str) -> None:
        """One line of progress."""
        self.desk.say(text)

    def discard(self, candidate: str, why: str) -> None:
        """A candidate that was dropped."""
        self.desk.discard(candidate, why)


def _name(rehearsal: Rehearsal) -> str:
    said = json.dumps([rehearsal.failure, rehearsal.story])
    return "hit:" + hashlib.sha256(said.encode()).hexdigest()


def _digest(files: Files) -> str:
    parts = [[p, mode, hashlib.sha256(data).hexdigest()] for p, (mode, data) in files.items()]
    return "trial:" + hashlib.sha256(json.dumps(sorted(parts)).encode()).hexdigest()


def _written(trial: Trial) -> bytes:
    return json.dumps(
        [trial.control_good, trial.hits, trial.why, list(trial.lost), trial.log]
    ).encode()


def _read(known: bytes) -> Trial:
    good, hits, why, lost, log = json.loads(known)
    return Trial(good, hits, why, tuple(lost), log)
