"""The embedded planner: asks the families of failure one after another.

A family is a module with `rehearse(brief, desk)` and `plan(brief, desk, rehearsal)` and a class of
failure; nothing here knows what a family does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agents import (
    Brief,
    Desk,
    NothingFits,
    NotReproduced,
    Plan,
    Question,
    Rehearsal,
)
from agents.recipes import destructive_publish, hand_kept_copies


@dataclass(frozen=True)
class Family:
    """One family of failure: how it is re-enacted and how its ground is taken away."""

    failure: str
    rehearse: Callable[[Brief, Desk], Rehearsal | Question | NothingFits | NotReproduced]
    plan: Callable[[Brief, Desk, Rehearsal], Plan | Question | NothingFits]


FAMILIES: tuple[Family, ...] = (
    Family(destructive_publish.FAILURE, destructive_publish.rehearse, destructive_publish.plan),
    Family(hand_kept_copies.FAILURE, hand_kept_copies.rehearse, hand_kept_copies.plan),
)


class RecipePlanner:
    """A `Planner` that knows families of failure by parsing. It makes no guesses and no network."""

    name = "recipes"

    def rehearse(
        self, brief: Brief, desk: Desk
    ) -> Rehearsal | Question | NothingFits | NotReproduced:
        """The first family's rehearsal that hits on base, else the most telling answer."""
        answers: list[Question | NothingFits | NotReproduced] = []
        for family in FAMILIES:
            answer = family.rehearse(brief, desk)
            if isinstance(answer, Rehearsal):
                return answer
            desk.discard(family.failure, _why(answer))
            answers.append(answer)
        for kind in (NotReproduced, Question):
            for answer in answers:
                if isinstance(answer, kind):
                    return answer
        return _joined([a for a in answers if isinstance(a, NothingFits)])

    def plan(self, brief: Brief, desk: Desk, rehearsal: Rehearsal) -> Plan | Question | NothingFits:
        """The plan of the family that the rehearsal belongs to."""
        for family in FAMILIES:
            if family.failure == rehearsal.failure:
                return family.plan(brief, desk, rehearsal)
        return NothingFits(
            f"no recipe knows the class {rehearsal.failure}",
            tuple(family.failure for family in FAMILIES),
            (rehearsal.failure,),
            ("the model planner, or a fix of your own (`pawl prove`)",),
            rehearsal,
        )


def _why(answer: Question | NothingFits | NotReproduced) -> str:
    return "; ".join(q for q, _ in answer.asks) if isinstance(answer, Question) else answer.why


def _joined(answers: list[NothingFits]) -> NothingFits:
    return NothingFits(
        "; ".join(dict.fromkeys(a.why for a in answers)),
        tuple(dict.fromkeys(x for a in answers for x in a.looked_for)),
        tuple(dict.fromkeys(x for a in answers for x in a.unknown)),
        tuple(dict.fromkeys(x for a in answers for x in a.would_help)),
        next((a.rehearsal for a in answers if a.rehearsal is not None), None),
    )
