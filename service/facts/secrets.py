"""Secrets in text: where they are, and the text without them.

Wraps the detector (betterleaks); what a found secret means for a change is a rule's business.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import betterleaks

from service.facts import FactsError

MOST = 4 << 20  # bytes that are looked at in one text

_LEVELS = {"high": "high", "medium": "medium"}
# The detector lets many of these pass. References ($X, ${X}, <x>, {x}, *) are no secrets.
# It begins behind the scheme: one that is looked for from each letter takes hours on a long line.
_URL = re.compile(r"(?<=[a-z0-9+.-])://[^/\s:@\"']+:([^@\s/\"'$<{*]{4,})@", re.IGNORECASE)
_PLACEHOLDER = re.compile(r"(?i)^(pass|password|passwd|secret|changeme|example|x+|user|token)$")


@dataclass(frozen=True)
class Secret:
    """One place in a text. `value` never leaves the process."""

    rule: str
    line: int  # from 1
    last: int
    level: str  # high, medium or low
    value: str

    def __repr__(self) -> str:  # a traceback must not print it
        return f"Secret({self.rule!r}, line={self.line}, level={self.level!r})"


def find(text: str) -> list[Secret]:
    """Secrets of `text`, by line. Raises `FactsError` when the detector fails."""
    if not text.strip():
        return []
    if len(text) > MOST:
        raise FactsError(
            f"a text of {len(text)} characters can't be searched for secrets",
            code="too-large-to-search",
        )
    # The detector reads a C string: a NUL would hide the rest from it.
    plain = text.encode("utf-8", "replace").decode("utf-8").replace("\0", "\ufffd")
    try:
        found = betterleaks.scan_string(plain)
    except betterleaks.BetterleaksError as error:
        raise FactsError(
            f"the search for secrets failed: {error}", code="secret-search-failed"
        ) from error
    secrets = [secret for finding in found for secret in _of(finding)]
    for row, line in enumerate(plain.split("\n"), 1):
        for match in _URL.finditer(line):
            level = "low" if _PLACEHOLDER.match(match[1]) else "medium"
            secrets.append(Secret("password-in-url", row, row, level, match[1]))
    return sorted(set(secrets), key=lambda s: (s.line, s.last, s.rule, s.value))


def _of(finding: betterleaks.Finding) -> Iterator[Secret]:
    level = _LEVELS.get(finding.confidence, "low")
    where = finding.location
    if finding.secret:
        yield Secret(finding.rule_id, where.start_line, where.end_line, level, finding.secret)
    # The second half of a pair (an access key's secret key) is listed only here.
    for group in finding.component_sets:
        for part in group.get("components") or []:
            value = (part.get("match") or {}).get("value")
            at = part.get("location") or {}
            if value:
                first = int(at.get("start_line", where.start_line))
                last = int(at.get("end_line", first))
                yield Secret(str(part.get("rule_id", finding.rule_id)), first, last, level, value)


def mask(text: str) -> str:
    """`text` with every secret of every level blanked out.

    Raises `FactsError` when the detector fails: then the text must not be stored.
    """
    if len(text) > MOST:  # in parts that end with a line
        cut = text.rfind("\n", 0, MOST) + 1 or MOST
        return mask(text[:cut]) + mask(text[cut:])
    secrets = find(text)
    if not secrets:
        return text
    lines = text.split("\n")
    for secret in secrets:
        blank = f"[secret: {secret.rule}]"
        first, last = secret.line - 1, max(secret.line, secret.last)
        block = "\n".join(lines[first:last]).replace(secret.value, blank)
        # As many lines as before, so that the places of the others stay right.
        lines[first:last] = [*block.split("\n"), *[""] * (last - first)][: last - first]
    masked = "\n".join(lines)
    for secret in secrets:
        if len(secret.value) >= 8:  # the same again, where the detector saw no context for it
            masked = masked.replace(secret.value, f"[secret: {secret.rule}]")
    return masked
