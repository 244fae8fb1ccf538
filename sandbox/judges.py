"""A rehearsal's own harm and works scripts, asked about recorded states in a cell of their own.

They see neither the tree nor the side: states of the world and an exit code go in, an exit code and
a sentence come out. The same states always get the same answer, whenever they are asked about.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from enum import StrEnum

from sandbox.engine import Ended, Engine, Ground, Run, State, World
from sandbox.proof.states import TREE, kind
from sandbox.rehearsal import Rehearsal


class Says(StrEnum):
    HELD = "held"  # harm: none; works: the job was done
    HIT = "hit"  # harm: there is some; works: the job was not done
    BROKEN = "broken"  # anything else: no verdict


@dataclass(frozen=True)
class Answer:
    says: Says
    why: str


@dataclass(frozen=True)
class Question:
    """What a script is told: JSON with before, after, control (base's) and the exit code."""

    text: str

    @classmethod
    def of(
        cls, before: State, after: State, control: State, code: int | None, hidden: frozenset[str]
    ) -> Question:
        """Files of the tree and what only one side's priming or control made (`hidden`) tell which
        side runs, so they are left out."""

        def shown(state: State) -> dict[str, str]:
            return {
                address: content
                for address, content in sorted(state.items())
                if kind(address) != "tree" and address != TREE and address not in hidden
            }

        parts = {
            "before": shown(before),
            "after": shown(after),
            "control": shown(control),
            "code": code,
        }
        return cls(json.dumps(parts, sort_keys=True))


class Judges:
    """Asks the scripts of one rehearsal. May be used from several threads."""

    def __init__(self, engine: Engine, rehearsal: Rehearsal) -> None:
        self._engine = engine
        self._rehearsal = rehearsal
        self._ground: Ground | None = None
        self._known: dict[tuple[str, str], Answer] = {}
        self._lock = threading.Lock()

    def ask(self, script: str, question: Question, *, again: bool = False) -> Answer:
        """The script's answer; `again` asks although it is known: a clock may have its say."""
        key = (script, question.text)
        with self._lock:
            known = self._known.get(key)
            if self._ground is None:
                files = {path: (0o100755, c) for path, c in self._rehearsal.scripts.items()}
                self._ground = self._engine.open(files, World())
            ground = self._ground
        if known is not None and not again:
            return known
        ran = ground.run(
            Run(
                argv=(f"./{script}", "states.json"),
                content={f"{TREE}states.json": question.text.encode()},
                timeout=30.0,
            )
        )
        said = ran.output.decode("utf-8", "replace").strip().splitlines()
        sentence = said[-1][:300] if said else ""
        if ran.ended is Ended.EXITED and ran.code == 0:
            answer = Answer(Says.HELD, sentence or f"{script} finds nothing wrong")
        elif ran.ended is Ended.EXITED and ran.code == 10 and sentence:
            answer = Answer(Says.HIT, sentence)
        else:
            ending = f"code {ran.code}" if ran.ended is Ended.EXITED else ran.ended.value
            answer = Answer(Says.BROKEN, f"{script} gave no verdict ({ending}) {sentence}".strip())
        if known is not None and known.says is not answer.says:
            return Answer(Says.BROKEN, f"{script} says different things of the same states")
        with self._lock:
            return self._known.setdefault(key, answer)

    def close(self) -> None:
        with self._lock:
            if self._ground is not None:
                self._ground.close()
                self._ground = None
