"""Finds out what an endpoint can do: which rung of the ladder holds, which limit it takes.

A rung counts when the answer fits, whatever the endpoint accepted: some take a schema and ignore
it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from agents import AgentError
from agents.model_planner import wire
from agents.model_planner.asking import Post, never, strict, told_schema
from agents.model_planner.http import NoReply
from agents.model_planner.ports import Usage
from agents.model_planner.wire import LADDER, Content, Message, Profile, Rung, Trouble

TOKENS = 200
_TURNS = 3


class _Probe(BaseModel):
    """A shape that nobody answers with by chance."""

    model_config = ConfigDict(extra="forbid")

    weekday: Literal["monday", "friday"]
    boxes: int
    late: bool


@dataclass(frozen=True)
class Finding:
    """One rung as it was tried."""

    rung: Rung
    holds: bool
    said: str


@dataclass(frozen=True)
class Report:
    """What an endpoint turned out to take."""

    model: str
    profile: Profile | None
    """None: no rung held."""
    findings: tuple[Finding, ...]
    usage: Usage | None
    """As the endpoint counts; None where it does not say."""


def check(post: Post, model: str) -> Report:
    """Ask an endpoint a few small things. Raises `AgentError` where it can't be asked at all."""
    limit, usage = _limit(post, model)
    findings = tuple(_try(post, model, Profile(rung, limit)) for rung in LADDER)
    held = next((f.rung for f in findings if f.holds), None)
    profile = None if held is None else Profile(held, limit)
    return Report(model, profile, findings, usage)


def _limit(post: Post, model: str) -> tuple[str, Usage | None]:
    """The name of the token limit, by a plain question; any other trouble is raised."""
    trouble = Trouble("model-down", "it was never tried")
    for limit in ("max_tokens", "max_completion_tokens"):
        answer = _ask(post, model, Profile(Rung.TEXT, limit), None)
        match answer:
            case Content():
                return limit, answer.usage
            case Trouble(code="model-cut-short"):
                return limit, answer.usage
            case Trouble():
                trouble = answer
        if trouble.code != "model-bad-request":
            break
    raise AgentError(trouble.why, code=trouble.code, mend=trouble.mend)


def _try(post: Post, model: str, profile: Profile) -> Finding:
    said = ""
    for _ in range(_TURNS):
        answer = _ask(post, model, profile, strict(_Probe.model_json_schema()))
        if isinstance(answer, Trouble):
            said = f"{answer.code}: {answer.why}"
            if answer.code == "model-cut-short":
                continue  # it may have rambled on inside the schema
            break
        try:
            _Probe.model_validate_json(wire.unfenced(answer.text))
        except ValidationError:
            said = "accepted, but the answer does not fit the schema"
            continue
        return Finding(profile.rung, True, "the answer fits the schema")
    return Finding(profile.rung, False, said)


def _ask(
    post: Post, model: str, profile: Profile, schema: Mapping[str, object] | None
) -> Content | Trouble:
    question = "A van brings 12 boxes on friday. It is not late."
    messages: list[Message] = [
        {"role": "system", "content": "You note down deliveries."},
        {"role": "user", "content": question},
    ]
    if schema is not None and profile.rung is not Rung.JSON_SCHEMA:
        messages = told_schema(messages, schema)
    body = wire.request(model, messages, profile=profile, schema=schema, tokens=TOKENS)
    reply = post("chat/completions", wire.encode(body), never)
    if isinstance(reply, NoReply):
        return Trouble(reply.code, reply.why, wire.LATER)
    return wire.read(reply)
