"""A small door to OPA's shared library: load, add a module, ask.

Standard library only, since the confined worker imports it. No rule and no fact is known here.
"""

from __future__ import annotations

import ctypes
import json
from typing import Any


class EngineError(Exception):
    """The engine said no: a module that does not compile, a builtin that failed, a conflict."""


class Library:
    """The loaded library. One per process."""

    def __init__(self, path: str) -> None:
        loaded = ctypes.CDLL(path)
        handle, text, owned = ctypes.c_uint64, ctypes.c_char_p, ctypes.c_void_p
        for name, result, arguments in (
            ("OpaNew", handle, []),
            ("OpaDestroy", None, [handle]),
            ("OpaFreeString", None, [owned]),
            ("OpaAddPolicy", owned, [handle, text, text]),
            ("OpaAddData", owned, [handle, text, text]),
            ("OpaEvalQuery", owned, [handle, text, text, ctypes.c_int, ctypes.c_int]),
        ):
            function = getattr(loaded, name)
            function.restype = result
            function.argtypes = arguments
        self.c = loaded

    def engine(self) -> Engine:
        """A fresh engine without modules; engines share nothing."""
        return Engine(self)


class Engine:
    """Modules and data that are asked together."""

    def __init__(self, library: Library) -> None:
        self._c = library.c
        self._handle = library.c.OpaNew()

    def add(self, name: str, source: str) -> None:
        """Add a Rego module. Raises `EngineError` if it does not parse."""
        self._call(self._c.OpaAddPolicy, _plain(name), _plain(source))

    def data(self, value: Any) -> None:
        """Merge `value` into the data document."""
        self._call(self._c.OpaAddData, b"", json.dumps(value).encode())

    def ask(
        self, query: str, facts: bytes = b"", *, coverage: bool = False
    ) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
        """Bindings of `query` with `facts` (JSON) as input, and the coverage if asked for."""
        answer = self._call(self._c.OpaEvalQuery, _plain(query), facts, int(coverage), 0)
        rows = [row.get("bindings", {}) for row in answer.get("result") or []]
        return rows, answer.get("coverage")

    def close(self) -> None:
        self._c.OpaDestroy(self._handle)

    def _call(self, function: Any, *arguments: Any) -> dict[str, Any]:
        pointer = function(self._handle, *arguments)
        if not pointer:
            raise EngineError("the engine gave no answer")
        try:
            raw = ctypes.string_at(pointer)
        finally:
            self._c.OpaFreeString(pointer)
        answer: dict[str, Any] = json.loads(raw)
        error = answer.get("error")
        if error is not None:
            raise EngineError(f"{error.get('code', 'error')}: {error.get('message', '')}")
        return answer


def _plain(text: str) -> bytes:
    """Bytes for a C string; a NUL would cut it silently and lone surrogates would collide."""
    if "\0" in text:
        raise EngineError("a NUL character in the text of a rule")
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise EngineError("the text of a rule is not valid UTF-8") from error
