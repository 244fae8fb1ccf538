"""What a CI workflow may do: triggers, rights, secrets; and which files of the tree it runs.

Reads GitHub's format. A workflow that can't be read says so; it is never taken for a harmless one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import yaml

from service.facts.lines import Line

MOST_BYTES = 256 << 10
MOST_NODES = 20_000
MOST_CALLED = 2_000

# With the rights of this repository, on what anybody may send.
_FOREIGN = {"pull_request_target"}
_SECRET = re.compile(r"\$\{\{[^}]*\b(secrets\b|github\.token\b)|\bsecrets:\s*inherit\b")
_CHECKOUT = re.compile(r"^actions/checkout(@|$)")
_QUIET = re.compile(
    r"continue-on-error:\s*(?!false\b)\S|\|\|\s*(true|:|exit\s+0)\s*($|[;&)#\"'])|\bset\s+\+\S*e"
)
_STRANGER = re.compile(
    r"\$\{\{[^}]*\bgithub\.(head_ref\b|event\.(issue|pull_request|comment|review|review_comment|"
    r"discussion|head_commit|commits|pages)\b[^}]*\.(title|body|message|name|email|ref|label|"
    r"page_name)\b)"
)
_VARIABLE = re.compile(r"^\s*-?\s*(?!run\b)[A-Za-z_][A-Za-z0-9_-]*:\s*[\"']?\$\{\{")
_USES = re.compile(r"^\s*-?\s*[\"']?uses[\"']?:\s*[\"']?(?P<what>[^\s\"'#]+)")
_COMMIT = re.compile(r"@(sha256:)?[0-9a-f]{40,64}$")
_WORD = re.compile(r"[A-Za-z0-9_.+@%/-]+")


def side(content: bytes | None) -> dict[str, Any]:
    """The facts `workflow_side` of one side; None where it has no such file."""
    facts: dict[str, Any] = {
        "present": content is not None,
        "readable": content is None,
        "triggers": [],
        "permissions": [],
        "writes": False,
        "foreign": False,
        "secrets": False,
        "checks_out": False,
    }
    document = _load(content)
    if content is None:
        return facts
    text = content.decode("utf-8", "replace")
    facts["secrets"] = _SECRET.search(text) is not None
    if document is None:
        # Nothing is known of it, so it is taken to do what its text could mean.
        facts |= {"foreign": any(word in text for word in _FOREIGN), "writes": True}
        return facts
    jobs = {str(k): v for k, v in document["jobs"].items() if isinstance(v, dict)}
    triggers = _triggers(document.get("on", document.get(True)))
    permissions = [*_grants("workflow", document.get("permissions"))]
    for name, job in jobs.items():
        permissions += _grants(name, job.get("permissions"))
    left_open = "permissions" not in document and any("permissions" not in j for j in jobs.values())
    return facts | {
        "readable": True,
        "triggers": triggers,
        "permissions": sorted(permissions)[:200],
        "writes": left_open or not jobs or any(p.endswith("=write") for p in permissions),
        "foreign": bool(_FOREIGN & set(triggers)),
        "checks_out": any(
            _CHECKOUT.match(str(step.get("uses", ""))) or "git checkout" in str(step.get("run", ""))
            for step in _steps(document)
        ),
    }


def _load(content: bytes | None) -> dict[Any, Any] | None:
    if content is None or len(content) > MOST_BYTES:
        return None
    try:
        document = yaml.safe_load(content.decode("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError):
        return None
    # Shared anchors make a small text a large document.
    if not isinstance(document, dict) or sum(1 for _ in _nodes(document)) > MOST_NODES:
        return None
    return document if isinstance(document.get("jobs"), dict) else None


def _nodes(document: object) -> Iterator[object]:
    waiting, seen = [document], 0
    while waiting and seen <= MOST_NODES:
        node = waiting.pop()
        seen += 1
        yield node
        if isinstance(node, dict):
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)


def _triggers(on: object) -> list[str]:
    if isinstance(on, str):
        return [on]
    if isinstance(on, list | dict):
        return sorted({str(trigger)[:100] for trigger in on})[:50]
    return []


def _grants(where: str, permissions: object) -> list[str]:
    if isinstance(permissions, str):
        return [f"{where}:*={permissions.removesuffix('-all')}"[:200]]
    if isinstance(permissions, dict):
        said = [f"{where}:{scope}={level}"[:200] for scope, level in permissions.items()]
        return said or [f"{where}:*=none"]
    return []


def _steps(document: dict[Any, Any]) -> Iterator[dict[Any, Any]]:
    for job in (document.get("jobs") or {}).values():
        steps = job.get("steps") if isinstance(job, dict) else None
        for step in steps if isinstance(steps, list) else []:
            if isinstance(step, dict):
                yield step


def scripts(content: bytes | None) -> list[bytes]:
    """The `run` texts of a workflow's steps; expressions become a plain word."""
    document = _load(content)
    if document is None:
        return []
    return [
        re.sub(r"\$\{\{.*?\}\}", "EXPRESSION", str(step["run"]), flags=re.DOTALL).encode()
        for step in _steps(document)
        if "run" in step
    ]


def quiet(added: Iterable[Line]) -> list[Line]:
    """Lines that let a step fail without notice."""
    return [line for line in added if _QUIET.search(line.text)]


def injected(added: Iterable[Line]) -> list[Line]:
    """Lines that put a stranger's words into a command (an environment variable is safe)."""
    return [
        line for line in added if _STRANGER.search(line.text) and not _VARIABLE.match(line.text)
    ]


def unpinned(added: Iterable[Line]) -> list[Line]:
    """Lines that use an action of others by a name that can move."""
    found = []
    for line in added:
        used = _USES.match(line.text)
        if used and not used["what"].startswith("./") and not _COMMIT.search(used["what"]):
            found.append(line)
    return found


def called(
    workflows: Iterable[bytes], paths: Callable[[str], bool], read: Callable[[str], bytes | None]
) -> set[str]:
    """Files of the tree that workflows name, and files that these name, and so on.

    Names are taken from the text, so that a comment counts as well: rather too many than too few.
    `paths` tells whether the tree has a file, `read` gives a text or None where it can't be read.
    """
    found: set[str] = set()
    waiting = [(content, "") for content in workflows]
    while waiting and len(found) < MOST_CALLED:
        content, folder = waiting.pop()
        for word in set(_WORD.findall(content[:MOST_BYTES].decode("utf-8", "replace"))):
            for path in _candidates(word, folder):
                if path not in found and paths(path):
                    found.add(path)
                    text = read(path)
                    if text is not None:
                        waiting.append((text, path.rpartition("/")[0]))
    return found


def _candidates(word: str, folder: str) -> Iterator[str]:
    plain = word.lstrip("/").removeprefix("./").rstrip(".")
    if len(plain) < 3 or "//" in plain:
        return
    yield plain
    if folder:
        yield f"{folder}/{plain.removeprefix('../')}"
