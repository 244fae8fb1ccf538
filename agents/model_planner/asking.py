"""Asks a model one thing: budget, request, raw reply kept, read, checked; or a named error.

The retry table and the ladder live here. What could not be answered is an `AgentError`, and the
change stays where it is; what the model would not answer is a `Declined`.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from agents import AgentError
from agents.model_planner import wire
from agents.model_planner.http import NoReply
from agents.model_planner.ports import Call, Check, Ledger, Reply, Usage
from agents.model_planner.wire import Content, Message, Profile, Rung, Trouble

TRIES = 3
"""How often one request is sent where sending it again may help."""
MENDS = 2
"""How often a model is shown why its answer does not fit the schema."""
PATIENCE = 30.0
"""Seconds that a server may make us wait inside a call; more, and the change is left for later."""

Shape = TypeVar("Shape", bound=BaseModel)


class Post(Protocol):
    """Sends a body to a path of the endpoint."""

    def __call__(self, path: str, body: bytes, check: Check, /) -> Reply | NoReply: ...


@dataclass(frozen=True)
class Declined:
    """The model gave no answer that can be used; `why` is a sentence."""

    why: str
    code: str = "model-declined"


@dataclass(frozen=True)
class Role:
    """Who is asked, and by which template."""

    name: str
    model: str
    system: str
    template: str
    """Digest of the template."""
    tokens: int = 4096


def never() -> None:
    """Nobody asks to stop."""


@dataclass
class Asking:
    """Asks for one change. The profile may step down while it asks, and stays there."""

    post: Post
    ledger: Ledger
    change: str
    nonce: str
    profile: Profile = field(default_factory=Profile)
    check: Check = never
    back_off: float = 1.0
    """Seconds before the second try; each later pause is twice as long."""
    found: Callable[[Profile], None] = lambda _: None
    """Told when the endpoint turned out to take less than was thought."""

    def text(self, role: Role, prompt: str) -> str | Declined:
        """A plain text answer."""
        return self._text(role, [*_opening(role), {"role": "user", "content": prompt}], None)

    def value(self, role: Role, prompt: str, shape: type[Shape]) -> Shape | Declined:
        """An answer of a shape: checked here, whatever the endpoint promised."""
        schema = strict(shape.model_json_schema())
        turns: list[Message] = [{"role": "user", "content": prompt}]
        for turn in range(MENDS + 1):
            said = self._text(role, [*_opening(role), *turns], schema)
            if isinstance(said, Declined):
                return said
            try:
                return shape.model_validate_json(wire.unfenced(said))
            except ValidationError as wrong:
                complaint = _complaint(wrong)
            if turn == MENDS:
                break
            turns = [
                turns[0],
                {"role": "assistant", "content": said[:6000]},
                {
                    "role": "user",
                    "content": f"Answer {turn + 1} does not fit the schema: {complaint}\n"
                    "Answer again: one JSON object that fits it, and nothing else.",
                },
            ]
        return Declined(
            f"the model's answer did not fit the schema {MENDS + 1} times", "model-wrong-shape"
        )

    # --- one answer -----------------------------------------------------------------------

    def _text(
        self, role: Role, messages: Sequence[Message], schema: Mapping[str, Any] | None
    ) -> str | Declined:
        tokens = role.tokens
        while True:
            answer = self._ask(role, messages, schema, tokens)
            match answer:
                case Content():
                    return answer.text
                case Trouble(code="model-cut-short") if tokens == role.tokens:
                    tokens *= 2  # one larger try; what was cut is never used
                case Trouble(code="model-bad-request") if (
                    step := self._lower(schema is not None, answer)
                ) is not None:
                    self.profile = step
                    self.found(step)
                case Trouble(code=code) if code in _NO:
                    return Declined(answer.why, code)
                case Trouble():
                    raise AgentError(answer.why, code=answer.code, mend=answer.mend)

    def _lower(self, shaped: bool, trouble: Trouble) -> Profile | None:
        """The profile to go on with where the endpoint refuses what we send; None: no other."""
        if "max_completion_tokens" in trouble.why and self.profile.limit == "max_tokens":
            return replace(self.profile, limit="max_completion_tokens")
        if shaped and self.profile.rung is not Rung.TEXT:
            return replace(self.profile, rung=wire.LADDER[wire.LADDER.index(self.profile.rung) + 1])
        return None

    def _ask(
        self,
        role: Role,
        messages: Sequence[Message],
        schema: Mapping[str, Any] | None,
        tokens: int,
    ) -> Content | Trouble:
        if schema is not None and self.profile.rung is not Rung.JSON_SCHEMA:
            messages = told_schema(messages, schema)
        body = wire.request(
            role.model, messages, profile=self.profile, schema=schema, tokens=tokens
        )
        sent = wire.encode(body)
        call = Call(
            change=self.change,
            role=role.name,
            model=role.model,
            template=role.template,
            digest=wire.digest(role.name, body, self.nonce),
            request=sent,
            reserve=wire.estimate(len(sent)) + tokens,
        )
        known = self.ledger.find(self.change, call.digest)
        if known is not None:
            return wire.read(Reply(*known))
        answer: Content | Trouble = Trouble("model-down", "it was never tried")
        for turn in range(TRIES):
            answer = self._once(call)
            if isinstance(answer, Content) or not answer.again:
                return answer
            if answer.wait > PATIENCE:
                mend = f"{answer.mend or 'run it again'} (in {answer.wait:.0f} seconds)"
                return replace(answer, again=False, mend=mend)
            if turn < TRIES - 1:
                self._pause(answer.wait or self.back_off * 2**turn * (0.75 + random.random() / 2))  # noqa: S311
        return answer

    def _once(self, call: Call) -> Content | Trouble:
        """One request: on record before it is sent, its raw reply kept before it is read."""
        self.check()
        number = self.ledger.begin(**vars(call))
        try:
            reply = self.post("chat/completions", call.request, self.check)
        except BaseException:
            self.ledger.failed(number, "stopped", charged=True)
            raise
        if isinstance(reply, NoReply):
            self.ledger.failed(number, reply.code, charged=reply.sent)
            mend = "" if reply.code == "model-too-much" else wire.LATER
            return Trouble(reply.code, reply.why, mend, again=reply.code in _AGAIN)
        answer = wire.read(reply)
        if isinstance(answer, Trouble) and answer.code not in _NO:
            paid = reply.status == 200 and answer.code != "model-not-an-api"
            self.ledger.failed(
                number, answer.code, charged=paid, status=reply.status, body=reply.body
            )
        else:
            usage = _usage(call, reply, answer)
            self.ledger.done(number, reply.status, reply.body, **vars(usage))
        return answer

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.check()
            time.sleep(min(left, 0.2))


_NO = frozenset(
    {
        "model-refused",
        "model-filtered",
        "model-cut-short",
        "model-empty",
        "model-unasked-tool",
        "model-unknown-finish",
    }
)
"""Troubles that are the model's answer: nobody's machine is at fault."""
_AGAIN = frozenset({"model-cut-off", "model-unreachable"})


def _opening(role: Role) -> list[Message]:
    return [{"role": "system", "content": role.system}]


def told_schema(messages: Sequence[Message], schema: Mapping[str, Any]) -> list[Message]:
    """The schema in words, where the endpoint does not take it."""
    first = dict(messages[0])
    first["content"] += (
        "\n\nAnswer with one JSON object that fits this JSON schema, and nothing else "
        "(a single ```json fence around it is fine):\n" + wire.encode(schema).decode()
    )
    return [first, *messages[1:]]


def _usage(call: Call, reply: Reply, answer: Content | Trouble) -> Usage:
    if answer.usage is not None:
        return answer.usage
    said = len(answer.text) if isinstance(answer, Content) else len(reply.body)
    return Usage(wire.estimate(len(call.request)), wire.estimate(said), estimated=True)


def _complaint(wrong: ValidationError) -> str:
    """The first mistakes, without the values: a model's words don't come back as ours."""
    found = [
        f"{'.'.join(map(str, e['loc'])) or 'the answer'}: {e['msg']}"
        for e in wrong.errors(include_url=False, include_input=False, include_context=False)
    ]
    return "; ".join(found[:5])[:800]


_UNSENT = frozenset({"title", "default", "description", "minLength", "maxLength"})
"""Not every endpoint takes them; the answer is checked for all of them here."""


def strict(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema as the strictest endpoints want it: no defaults, all required, nothing more."""
    found: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _UNSENT:
            continue
        if key in ("properties", "$defs"):
            found[key] = {name: strict(part) for name, part in value.items()}
        elif isinstance(value, dict):
            found[key] = strict(value)
        elif isinstance(value, list):
            found[key] = [strict(v) if isinstance(v, dict) else v for v in value]
        else:
            found[key] = value
    if found.get("type") == "object" and "properties" in found:
        found["required"] = list(found["properties"])
        found["additionalProperties"] = False
    return found
