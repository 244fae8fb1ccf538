"""Facts: one JSON document about a change, computed from git trees and records.

Values only; `build` makes the document, its neighbours each compute one kind of fact. Nothing here
believes a planner: its words lie under `claimed` and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from service.errors import PawlError

Tree = Mapping[bytes, tuple[int, str]]
"""A flattened git tree: path bytes -> (mode, blob id)."""

Read = Callable[[str], bytes]
"""Content of a blob id. Raises `FactsError` if there is none."""


class FactsError(PawlError):
    """The facts could not be computed; without them nothing is judged."""

    code = "facts-error"
