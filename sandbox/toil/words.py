"""What a tree's text still says about a step: copies that nothing feeds, and steps in documents.

Pure. A copy that the operation does not feed is kept by hand; a numbered line that names a place
with an edit verb tells people to do so.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from sandbox import Files
from sandbox.toil.analogy import token
from sandbox.toil.form import Kind, Toil
from sandbox.toil.places import Entity

_DOCUMENTS = (".md", ".rst", ".txt", ".adoc")
_STEP = re.compile(r"^\s*(?:\d+[.)]|[-*+]\s+\[.\])\s")
_VERB = re.compile(
    r"\b(add|edit|put|append|insert|change|set|paste|update|copy|compare|remove|delete)\b", re.I
)
_KEPT = re.compile(
    r"(^|[/_.-])(tests?|fixtures?|testdata|examples?|samples?|history|archive|changelog|changes)"
    r"([/_.-]|$)",
    re.I,
)
_MOST_BYTES = 1 << 20
_PLAIN = frozenset({Kind.NUMBER, Kind.PORT, Kind.EXISTING})


def copies(toil: Toil, entities: Sequence[Entity], tree: Files) -> dict[str, str]:
    """Files that mention more than half of the entities: path -> the field they mention them by.

    Only by a field whose values nearly tell the entities apart, and that a text can't hold by
    chance, as it can a plain number. What is named as a test, an example or history may well name
    all of them, and what Pawl keeps is none of it.
    """
    telling = {
        name: sorted({one[name] for one in entities})
        for name, kind in toil.facts.items()
        if kind not in _PLAIN and len({one[name] for one in entities}) > 0.6 * len(entities)
    }
    found: dict[str, str] = {}
    for path, (mode, content) in tree.items():
        if mode == 0o120000 or len(content) > _MOST_BYTES or b"\0" in content:
            continue
        if path.startswith((".pawl/", ".git/")) or _KEPT.search(path):
            continue
        text = content.decode("utf-8", "replace")
        for name, values in telling.items():
            if sum(1 for value in values if mentions(text, value)) > 0.5 * len(values):
                found[path] = name
                break
    return found


def mentions(text: str, value: str) -> bool:
    """Whether a value stands in a text by itself."""
    return value in text and re.search(token(value), text) is not None


def unfed(toil: Toil, known: Sequence[Entity], new: Entity, tree: Files) -> tuple[str, ...]:
    """Copies in a tree that knows `new` which mention the known entities and not the new one."""
    return tuple(
        path
        for path, name in sorted(copies(toil, known, tree).items())
        if not mentions(tree[path][1].decode("utf-8", "replace"), new[name])
    )


def steps(toil: Toil, tree: Files) -> tuple[str, ...]:
    """Numbered or ticked lines of documents that tell to edit a place: "path:line text"."""
    names = [place.file for place in toil.files]
    found = []
    for path, (_, content) in sorted(tree.items()):
        if not path.lower().endswith(_DOCUMENTS) or path.startswith(".pawl/"):
            continue
        for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
            if _STEP.match(line) and _VERB.search(line) and any(name in line for name in names):
                found.append(f"{path}:{number} {line.strip()[:80]}")
    return tuple(found)
