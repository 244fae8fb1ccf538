"""The roles: a template each, whose digest goes on record, and the shapes of their answers.

A role's words live in `agents/prompts/`; what they may answer is fixed here and checked always.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from importlib import resources
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from agents import ReshapeKind
from agents.model_planner.asking import Role
from agents.model_planner.fence import show_hidden


class Name(StrEnum):
    """Who there is to ask."""

    CLARIFIER = "clarifier"
    REHEARSER = "rehearser"
    PLANNER = "planner"
    CRITIC = "critic"


TOKENS: Mapping[Name, int] = {
    Name.CLARIFIER: 1024,
    Name.REHEARSER: 4096,
    Name.PLANNER: 8192,
    Name.CRITIC: 4096,
}


def role(name: Name, models: Mapping[str, str]) -> Role:
    """The role as it is asked; `models` names its model, "*" that of the others."""
    system = resources.files("agents").joinpath(f"prompts/{name.value}.md").read_text("utf-8")
    return Role(
        name.value,
        models.get(name.value) or models["*"],
        system,
        hashlib.sha256(system.encode()).hexdigest(),
        TOKENS[name],
    )


def _line(most: int) -> BeforeValidator:
    """One line of text that people will read: hidden characters shown, too long cut visibly."""

    def tidy(value: object) -> object:
        if not isinstance(value, str):
            return value
        text = " ".join(show_hidden(value).split())
        return text if len(text) <= most else text[: most - 1] + "…"

    return BeforeValidator(tidy)


def _text(most: int) -> BeforeValidator:
    def tidy(value: object) -> object:
        return show_hidden(value)[:most] if isinstance(value, str) else value

    return BeforeValidator(tidy)


Line = Annotated[str, _line(400)]
Title = Annotated[str, _line(100), Field(min_length=3)]
Word = Annotated[str, _line(300)]


class Shape(BaseModel):
    """An answer: nothing more than asked for."""

    model_config = ConfigDict(extra="forbid", strict=False, frozen=True)


class Ask(Shape):
    question: Annotated[str, _line(300), Field(min_length=5)]
    default: Annotated[str, _line(300), Field(min_length=1)]


class Asks(Shape):
    """The clarifier's: none, or at most three."""

    questions: Annotated[list[Ask], Field(max_length=3)]


class Step(Shape):
    """One step of a role that looks around: an action, and the notes that it keeps."""

    notes: Annotated[str, _text(2000)]
    action: Literal["list", "search", "read", "who_runs", "write", "give_up"]
    path: Word
    pattern: Word
    glob: Word
    first: int
    last: int
    why: Line


class Weighed(Shape):
    title: Title
    why_not: Annotated[str, _line(400), Field(min_length=5)]


class Outline(Shape):
    """A plan without its edits."""

    title: Title
    kind: ReshapeKind
    reasons: Annotated[list[Line], Field(min_length=1, max_length=6)]
    alternatives: Annotated[list[Weighed], Field(min_length=2, max_length=5)]
    unsolved: Annotated[list[Line], Field(max_length=6)]
    price: Annotated[list[Line], Field(max_length=6)]
    readout: Literal["open failures", "runbook steps"]
    before: Annotated[int, Field(ge=0, le=10_000)]
    after: Annotated[int, Field(ge=0, le=10_000)]
    why_not_deeper: Line

    @model_validator(mode="after")
    def _says_why_not_deeper(self) -> Outline:
        shallow = self.kind in (ReshapeKind.AUTOMATE, ReshapeKind.DOCUMENT)
        if shallow and not self.why_not_deeper:
            raise ValueError("a plan that only automates or documents must say why not deeper")
        return self


class Critique(Shape):
    """The critic's: what may break, and whether it can show a hole."""

    concerns: Annotated[list[Line], Field(max_length=4)]
    only_automates: bool
    hole: Literal["yes", "no"]
    why: Line
