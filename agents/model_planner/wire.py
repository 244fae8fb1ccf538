"""The wire format of Chat Completions: requests out, replies read strictly. Pure.

Whatever a server promised, a reply is looked at in this order: status, JSON, choices, finish
reason, content. All else is a trouble with a name.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, TypeGuard

from agents.model_planner.ports import Reply, Usage

FORMAT = 1
"""Of the digest. Raise it where a request of the same meaning would be written otherwise."""

Message = Mapping[str, str]


class Rung(StrEnum):
    """How an endpoint is held to a schema, the surest first."""

    JSON_SCHEMA = "json_schema"
    JSON_OBJECT = "json_object"
    TEXT = "text"


LADDER = tuple(Rung)


@dataclass(frozen=True)
class Profile:
    """What an endpoint takes; `pawl model check` finds it."""

    rung: Rung = Rung.JSON_SCHEMA
    limit: str = "max_tokens"  # or max_completion_tokens


@dataclass(frozen=True)
class Trouble:
    """Why there is no answer. `code` can be searched for."""

    code: str
    why: str
    mend: str = ""
    again: bool = False
    """Sending the same once more may help."""
    wait: float = 0.0
    """Seconds that the server asked for."""
    usage: Usage | None = None
    """What it cost all the same, where the endpoint says so."""


@dataclass(frozen=True)
class Content:
    """A reply that can be used."""

    text: str
    usage: Usage | None


def request(
    model: str,
    messages: Sequence[Message],
    *,
    profile: Profile,
    schema: Mapping[str, Any] | None,
    tokens: int,
) -> dict[str, Any]:
    """The body of a request. `schema` None: plain text is wanted."""
    body: dict[str, Any] = {"model": model, "messages": [dict(m) for m in messages]}
    body[profile.limit] = tokens
    if schema is not None and profile.rung is Rung.JSON_SCHEMA:
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "answer", "strict": True, "schema": schema},
        }
    elif schema is not None and profile.rung is Rung.JSON_OBJECT:
        body["response_format"] = {"type": "json_object"}
    return body


def encode(body: Mapping[str, Any]) -> bytes:
    """A request as bytes; equal requests are equal bytes."""
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def digest(role: str, body: Mapping[str, Any], nonce: str) -> str:
    """The name of what is asked. Neither host, key, time nor the fence's nonce are part of it."""
    asked = encode({"format": FORMAT, "role": role, "body": body})
    if nonce:
        asked = asked.replace(nonce.encode(), b"NONCE")
    return hashlib.sha256(asked).hexdigest()


def estimate(characters: int) -> int:
    """Tokens of a text of that length, rather too many."""
    return characters // 3 + 1


# --- replies -------------------------------------------------------------------------------------


def read(reply: Reply) -> Content | Trouble:
    """What a reply says, or why it can't be used."""
    if reply.status != 200:
        return _refused(reply)
    document = _json(reply.body)
    if isinstance(document, Trouble):
        return document
    if document.get("error"):
        return Trouble("model-error-inside", f"the endpoint says: {_said(reply.body)}", again=True)
    choices = document.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        return Trouble("model-no-choices", "the reply holds no choices", _NOT_CHAT)
    usage = _usage(document.get("usage"))
    answer = _choice(choices[0])
    return replace(answer, usage=usage)


def _choice(choice: Mapping[str, Any]) -> Content | Trouble:
    message = choice.get("message")
    if not isinstance(message, dict):
        return Trouble("model-no-choices", "the reply holds no message", _NOT_CHAT)
    reason = choice.get("finish_reason")
    if reason == "length":
        return Trouble("model-cut-short", "the answer was cut at its token limit")
    if reason == "content_filter":
        return Trouble(
            "model-filtered",
            "the endpoint's content filter stopped the answer",
            "say the request in other words, or use another model",
        )
    if isinstance(message.get("refusal"), str) and message["refusal"]:
        return Trouble("model-refused", f"the model refused: {message['refusal'][:400]}")
    if message.get("tool_calls"):
        return Trouble("model-unasked-tool", "the model called a tool that it was not offered")
    if reason != "stop":
        return Trouble("model-unknown-finish", f"the answer ended with {reason!r}, not with 'stop'")
    content = message.get("content")
    if not isinstance(content, str) or not content.strip():
        return Trouble("model-empty", "the answer is empty")
    return Content(content, None)


def _json(body: bytes) -> dict[str, Any] | Trouble:
    start = body.lstrip()[:1]
    if start == b"<":
        return Trouble("model-not-an-api", "a web page came back instead of an answer", _BASE_URL)
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return Trouble("model-bad-json", "what came back is not JSON", again=True)
    if not isinstance(document, dict):
        return Trouble("model-no-choices", "what came back is no object", _NOT_CHAT)
    return document


def _usage(said: Any) -> Usage | None:
    if not isinstance(said, dict):
        return None
    prompt, completion = said.get("prompt_tokens"), said.get("completion_tokens")
    return Usage(prompt, completion) if _count(prompt) and _count(completion) else None


def _count(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 40


def _refused(reply: Reply) -> Trouble:
    """The table of refusals: what each status means, and whether to try again."""
    status, said = reply.status, _said(reply.body)
    lower = said.lower()
    if "insufficient_quota" in lower or status == 402:
        return Trouble("model-quota", f"the account has no quota left: {said}", _PAY)
    if status in (401, 403):
        return Trouble("model-key-refused", f"the endpoint refuses the key ({status})", _KEY)
    if status == 404:
        return Trouble("model-not-found", f"no such model or address: {said}", _NAMES)
    if status == 413 or (status in (400, 422) and _TOO_LONG.search(lower)):
        return Trouble("model-too-long", f"the question is too long for the model: {said}", _LONG)
    if status in (400, 422):
        return Trouble("model-bad-request", f"the endpoint refuses the request: {said}")
    if 300 <= status < 400:
        return Trouble("model-not-an-api", "the endpoint redirects elsewhere", _BASE_URL)
    if status in (408, 409, 429) or status >= 500:
        code = "model-busy" if status in (409, 429) else "model-down"
        return Trouble(
            code, f"the endpoint answers {status}: {said}", LATER, True, _wait(reply.headers)
        )
    return Trouble("model-bad-request", f"the endpoint answers {status}: {said}")


def _said(body: bytes) -> str:
    """The words of a refusal, as far as they can be read, on one line."""
    if body.lstrip()[:1] == b"<":
        return "(a web page)"
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    found = document.get("error", document) if isinstance(document, dict) else None
    if isinstance(found, dict):
        parts = [str(found[k]) for k in ("code", "type", "message") if found.get(k)]
        text = "; ".join(parts) or "(no words)"
    else:
        text = str(found) if found else body.decode("utf-8", "replace")
    return re.sub(r"[^\x20-\x7e]+", " ", text).strip()[:300] or "(no words)"


def _wait(headers: Mapping[str, str]) -> float:
    value = headers.get("retry-after", "")
    return min(float(value), 86400.0) if re.fullmatch(r"[0-9]{1,6}(\.[0-9]+)?", value) else 0.0


_TOO_LONG = re.compile(
    r"context.{0,20}(length|size|window)|exceed.{0,40}(context|tokens)|too (long|many tokens)"
    r"|maximum.{0,20}tokens"
)
_BASE_URL = "PAWL_MODEL_URL must be the address below which `chat/completions` lies, mostly .../v1"
_NOT_CHAT = "PAWL_MODEL_URL must lead to an endpoint that speaks Chat Completions"
_KEY = "set PAWL_MODEL_KEY to a key that this endpoint takes"
_NAMES = "look at PAWL_MODEL and PAWL_MODEL_URL; `pawl model check` tries them"
_PAY = "raise the quota there, then run the same again: it goes on from here"
LATER = "run the same again later: it goes on from here, nothing is paid twice"
_LONG = "use a model with a longer context, or say which entry point is meant (--entry)"


# --- answers -------------------------------------------------------------------------------------

_FENCE = re.compile(r"\A\s*```[a-zA-Z]*\s*\n(.*?)\n?```\s*\Z", re.DOTALL)
_INNER = re.compile(r"```(?:json)?\s*\n(.*?)\n```", re.DOTALL)


def unfenced(text: str) -> str:
    """The JSON of an answer: without the one code fence around it, or in it."""
    whole = _FENCE.match(text)
    if whole:
        return whole[1]
    if text.lstrip()[:1] not in ("{", "["):
        inner = _INNER.findall(text)
        if len(inner) == 1:
            return str(inner[0])
    return text
