"""Expressions of GitHub workflows, as far as they can be known before anything runs.

Pure. What depends on a run (outputs of steps and jobs) is never guessed: it raises `Unplayable`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Value = Any
"""Text, number, truth value or None; a mapping or list inside a context."""


class Unplayable(Exception):
    """A shape that can't be played: says which."""


@dataclass(frozen=True)
class Known:
    """What expressions may ask."""

    contexts: Mapping[str, Value]
    failed: bool = False  # whether something before has failed


_TOKEN = re.compile(
    r"""\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+(?:\.\d+)?)|(?P<word>[A-Za-z_][\w-]*)"""
    r"""|(?P<sign>&&|\|\||==|!=|<=|>=|[<>!().,\[\]*]))"""
)
_WHOLE = re.compile(r"\s*\$\{\{((?:(?!\}\}).)*)\}\}\s*", re.DOTALL)
_PART = re.compile(r"\$\{\{((?:(?!\}\}).)*)\}\}", re.DOTALL)
_STATUS = re.compile(r"\b(always|failure|success|cancelled)\s*\(")


def is_met(condition: object, known: Known) -> bool:
    """Whether the `if:` of a step or a job lets it run."""
    text = shown(condition) if condition is not None else ""
    if not text.strip():
        return not known.failed
    whole = _WHOLE.fullmatch(text)
    if not whole and "${{" in text:
        raise Unplayable(f"if: {text}")
    inner = whole[1] if whole else text
    value = bool(evaluated(inner, known))
    return value and (not known.failed or bool(_STATUS.search(inner)))


def filled(text: object, known: Known) -> Value:
    """A value of a workflow with its expressions worked out."""
    if not isinstance(text, str):
        return text
    whole = _WHOLE.fullmatch(text)
    if whole:
        return evaluated(whole[1], known)
    return _PART.sub(lambda part: shown(evaluated(part[1], known)), text)


def shown(value: Value) -> str:
    """A value as text, the way the runner does it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, Mapping | list):
        raise Unplayable("an object where a text belongs")
    return str(value)


def evaluated(text: str, known: Known) -> Value:
    """The value of one expression, without its braces."""
    parser = _Parser(text, known)
    value = parser.either()
    parser.end()
    return value


class _Parser:
    def __init__(self, text: str, known: Known) -> None:
        self._text = text.strip()
        self._known = known
        self._tokens = self._cut()
        self._at = 0

    def _cut(self) -> list[tuple[str, str]]:
        tokens, at = [], 0
        while at < len(self._text):
            found = _TOKEN.match(self._text, at)
            if not found or found.lastgroup is None:
                raise self._no()
            tokens.append((found.lastgroup, found[found.lastgroup]))
            at = found.end()
        return tokens

    def _no(self) -> Unplayable:
        return Unplayable(f"the expression {self._text}")

    def _peek(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def _take(self, *signs: str) -> str:
        if self._at < len(self._tokens) and self._tokens[self._at] in [("sign", s) for s in signs]:
            self._at += 1
            return self._tokens[self._at - 1][1]
        return ""

    def end(self) -> None:
        if self._at < len(self._tokens):
            raise self._no()

    def either(self) -> Value:
        value = self._both()
        while self._take("||"):
            other = self._both()
            value = value or other
        return value

    def _both(self) -> Value:
        value = self._compared()
        while self._take("&&"):
            other = self._compared()
            value = value and other
        return value

    def _compared(self) -> Value:
        value = self._not()
        while sign := self._take("==", "!=", "<=", ">=", "<", ">"):
            other = self._not()
            if sign in ("==", "!="):
                value = _equal(value, other) == (sign == "==")
            else:
                one, two = _number(value), _number(other)
                value = {"<": one < two, ">": one > two, "<=": one <= two, ">=": one >= two}[sign]
        return value

    def _not(self) -> Value:
        if self._take("!"):
            return not self._not()
        return self._single()

    def _single(self) -> Value:
        if self._take("("):
            value = self.either()
            if not self._take(")"):
                raise self._no()
            return value
        if self._at >= len(self._tokens):
            raise self._no()
        kind, word = self._tokens[self._at]
        self._at += 1
        if kind == "text":
            return word[1:-1].replace("''", "'")
        if kind == "number":
            return float(word)
        if kind != "word":
            raise self._no()
        if word in ("true", "false", "null"):
            return {"true": True, "false": False, "null": None}[word]
        if self._take("("):
            return self._call(word)
        return self._path(word)

    def _call(self, name: str) -> Value:
        values: list[Value] = []
        while not self._take(")"):
            values.append(self.either())
            if not self._take(",") and self._peek() != ")":
                raise self._no()
        status = {"always": True, "success": not self._known.failed, "failure": self._known.failed}
        if name in status and not values:
            return status[name]
        if name == "cancelled" and not values:
            return False
        function = _FUNCTIONS.get(name)
        if function is None:
            raise self._no()
        try:
            return function(*values)
        except TypeError as error:
            raise self._no() from error

    def _path(self, context: str) -> Value:
        if context not in self._known.contexts:
            raise self._no()
        value = self._known.contexts[context]
        if value is None:  # there is such a context, and what it holds is not known before a run
            raise self._no()
        while True:
            if self._take("."):
                kind, step = self._tokens[self._at] if self._at < len(self._tokens) else ("", "")
                if kind != "word":
                    raise self._no()
                self._at += 1
            elif self._take("["):
                step = shown(self.either())
                if not self._take("]"):
                    raise self._no()
            else:
                return value
            value = value.get(step) if isinstance(value, Mapping) else None


def _equal(one: Value, two: Value) -> bool:
    if isinstance(one, str) and isinstance(two, str):
        return one.lower() == two.lower()
    if type(one) is type(two):
        return bool(one == two)
    return _number(one) == _number(two)


def _number(value: Value) -> float:
    if value is None or value == "":
        return 0.0
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


def _contains(where: Value, what: Value) -> bool:
    if isinstance(where, list):
        return any(_equal(one, what) for one in where)
    return shown(what).lower() in shown(where).lower()


def _format(text: Value, *values: Value) -> str:
    return re.sub(r"\{(\d+)\}", lambda hole: shown(values[int(hole[1])]), shown(text))


_FUNCTIONS: Mapping[str, Callable[..., Value]] = {
    "contains": _contains,
    "startsWith": lambda where, what: shown(where).lower().startswith(shown(what).lower()),
    "endsWith": lambda where, what: shown(where).lower().endswith(shown(what).lower()),
    "format": _format,
}
