"""What a browser sent in a form, as a value: text is text, files are bytes, nothing is missing.

A field that was not sent reads as "", so that every page says in its own words what it needs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request

MOST_FILES = 8
MOST_FIELDS = 400


@dataclass(frozen=True)
class Attached:
    """A file that came with a form."""

    field: str
    name: str
    content: bytes


@dataclass(frozen=True)
class Form:
    """The fields of one request."""

    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    files: tuple[Attached, ...] = ()

    def text(self, name: str) -> str:
        """The field's first value as it was sent, "" where there is none."""
        values = self.fields.get(name, ())
        return values[0] if values else ""

    def line(self, name: str) -> str:
        """The field's first value, trimmed."""
        return self.text(name).strip()

    def texts(self, name: str) -> tuple[str, ...]:
        """All values of a field."""
        return self.fields.get(name, ())

    def has(self, name: str) -> bool:
        """Whether the field was sent: a checkbox, the name of a button."""
        return name in self.fields

    def object(self, name: str) -> Mapping[str, Any] | None:
        """The field read as a JSON object; None where it is none."""
        try:
            value = json.loads(self.text(name))
        except (ValueError, RecursionError):
            return None
        return value if isinstance(value, dict) else None


async def read(request: Request) -> Form:
    """The form of `request`. Its size is bounded by the guard."""
    fields: dict[str, tuple[str, ...]] = {}
    files: list[Attached] = []
    async with request.form(max_files=MOST_FILES, max_fields=MOST_FIELDS) as sent:
        for name, value in sent.multi_items():
            if isinstance(value, UploadFile):
                if value.filename:
                    files.append(Attached(name, value.filename, await value.read()))
            else:
                fields[name] = (*fields.get(name, ()), value)
    return Form(fields, tuple(files))
