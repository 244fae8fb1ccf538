"""Secrets as placeholders, the same for the same secret, so that a text can leave and come back.

A placeholder tells nothing of its secret to whoever has not the key that it was made with.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from service.facts.secrets import MOST, find


@dataclass(frozen=True)
class Hiding:
    """Hides secrets with a key of this installation."""

    key: bytes = field(repr=False)

    def hide(self, text: str) -> tuple[str, Mapping[str, str]]:
        """`text` with placeholders, as many lines as before; and placeholder -> secret.

        Raises `FactsError` when the detector fails: then the text must not leave.
        """
        if len(text) > MOST:  # in parts that end with a line
            cut = text.rfind("\n", 0, MOST) + 1 or MOST
            head, known = self.hide(text[:cut])
            rest, more = self.hide(text[cut:])
            return head + rest, {**known, **more}
        values = {s.value: s.rule for s in find(text) if s.value.strip()}
        shown: dict[str, str] = {}
        # The longest first, so that one that holds another is hidden whole.
        for value in sorted(values, key=lambda v: (-len(v), v)):
            if value not in text or (len(value) < 4 and not _alone(value, text)):
                continue
            holder = self._holder(values[value], value)
            shown[holder] = value
            text = text.replace(value, holder + "\n" * value.count("\n"))
        return text, shown

    def _holder(self, rule: str, value: str) -> str:
        mark = hmac.new(self.key, value.encode("utf-8", "surrogatepass"), hashlib.sha256)
        return f"<secret:{re.sub(r'[^a-z0-9-]', '-', rule.lower())}:{mark.hexdigest()[:8]}>"


def _alone(value: str, text: str) -> bool:
    """Whether a very short secret can be hidden without tearing words apart."""
    return len(re.findall(re.escape(value), text)) == 1
