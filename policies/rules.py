"""Pawl's own rules as files and as a list: ids, levels, titles, remedies, and their digest.

Reads the rule files and what their METADATA says; judges nothing and starts nothing.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from policies import GateError, Level

FOLDER = Path(__file__).parent / "rego"
MANIFEST = FOLDER / "manifest.json"
TABLE = Path(__file__).parents[1] / "docs" / "rules.md"
ROLES = ("approver", "policy-owner", "administrator")

_HEAD = re.compile(r"^(deny|ask|note) contains\b")


@dataclass(frozen=True)
class Rule:
    """One rule as its METADATA describes it."""

    id: str
    level: Level
    title: str
    remedy: str
    role: str  # for ask
    module: str
    topic: str  # title of the file that it stands in

    @property
    def source(self) -> str:
        """`floor` for what nothing can lift, else `pawl`."""
        return "floor" if self.id.startswith("floor.") else "pawl"


@dataclass(frozen=True)
class RuleSet:
    """Modules that judge, and what is known of their rules."""

    modules: Mapping[str, str]
    rules: Mapping[str, Rule]
    bodies: int  # how many deny, ask and note rules the modules have; a rule may have several

    @property
    def digest(self) -> str:
        """sha256 over names and texts of all modules."""
        return digest(self.modules)


def digest(modules: Mapping[str, str]) -> str:
    """sha256 in hex over `modules`, whatever their order."""
    text = json.dumps(sorted(modules.items()), ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def modules(folder: Path = FOLDER, *, tests: bool = False) -> dict[str, str]:
    """Rego files of `folder` by relative name; with `tests` their tests as well."""
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*.rego"))
        if tests or not path.name.endswith("_test.rego")
    }


@lru_cache(maxsize=1)
def own() -> RuleSet:
    """The rules that come with Pawl, checked against the manifest. Read only: it is shared.

    Raises `GateError` if a rule of the manifest is missing, or one is there that it does not list:
    a rule that got lost must not pass for one that had nothing to say.
    """
    found = read(modules())
    try:
        listed = json.loads(MANIFEST.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise GateError("the list of rules can't be read", code="gate-manifest") from error
    if listed != manifest(found):
        missing = sorted({rule["id"] for rule in listed.get("rules", [])} - set(found.rules))
        raise GateError(
            f"the rules are not those of the manifest (missing: {', '.join(missing) or 'none'})",
            code="gate-manifest",
            mend="restore policies/rego, or run: python -m policies.rules",
        )
    return found


def read(texts: Mapping[str, str]) -> RuleSet:
    """Make a rule set of modules. Raises `GateError` for a rule without complete METADATA."""
    rules: dict[str, Rule] = {}
    bodies = 0
    for name, text in sorted(texts.items()):
        topic, block = "", list[str]()
        said: Rule | None = None
        for row, line in enumerate(text.splitlines(), 1):
            if line.startswith("#"):
                block.append(line[2:])
                continue
            head = _HEAD.match(line)
            if line.startswith("package "):
                topic = str(_metadata(block, name, row).get("title", ""))
            elif head and text.startswith("# METADATA") and "package pawl.rules." in text:
                bodies += 1
                if block:
                    said = _rule(_metadata(block, name, row), name, topic, row)
                    if said.id in rules:
                        raise GateError(f"{name}:{row}: {said.id} is there twice")
                    rules[said.id] = said
                if said is None or said.level != head[1] or f'"{said.id}"' not in line:
                    raise GateError(f"{name}:{row}: the rule is not what its METADATA says")
            if line.strip():
                block = []
    return RuleSet(texts, rules, bodies)


def _metadata(block: list[str], name: str, row: int) -> dict[str, Any]:
    if not block or block[0].strip() != "METADATA":
        return {}
    try:
        loaded = yaml.safe_load("\n".join(block[1:]))
    except yaml.YAMLError as error:
        raise GateError(f"{name}:{row}: METADATA above can't be read: {error}") from error
    return loaded if isinstance(loaded, dict) else {}


def _rule(said: dict[str, Any], name: str, topic: str, row: int) -> Rule:
    custom = said.get("custom") or {}
    missing = [key for key in ("id", "level", "remedy") if not custom.get(key)]
    if missing or not said.get("title"):
        raise GateError(f"{name}:{row}: METADATA lacks {', '.join(missing) or 'a title'}")
    level, role = Level(custom["level"]), str(custom.get("role", ""))
    if (level is Level.ASK) != (role in ROLES):
        raise GateError(f"{name}:{row}: an ask needs a role of {', '.join(ROLES)}, others none")
    return Rule(custom["id"], level, said["title"], custom["remedy"], role, name, topic)


def manifest(rules: RuleSet) -> dict[str, Any]:
    """The checked-in list: what must be loaded, so that nothing gets lost unseen."""
    return {
        "schema": "rules/v1",
        "bodies": rules.bodies,
        "rules": [
            {"id": rule.id, "level": rule.level.value, "module": rule.module}
            for rule in sorted(rules.rules.values(), key=lambda rule: rule.id)
        ],
    }


def table(rules: RuleSet) -> str:
    """All rules as Markdown, by topic: the part of the documentation that is generated."""
    lines = [
        "# The rules that come with Pawl",
        "",
        "Generated from the METADATA of `policies/rego` by `python -m policies.rules`; don't edit.",
        "`deny` refuses, `ask` needs the approval of the role in brackets, `note` is shown. No",
        "setting, waiver or rule of a repository lifts a deny, or an ask of a `floor.`.",
        "How a repository adds rules of its own: [own-rules.md](own-rules.md).",
    ]
    for module in sorted({rule.module for rule in rules.rules.values()}):
        mine = [rule for rule in rules.rules.values() if rule.module == module]
        lines += ["", f"## {mine[0].topic}", "", f"`policies/rego/{module}`", ""]
        lines += ["| rule | level | what it finds | what to do |", "| --- | --- | --- | --- |"]
        for rule in sorted(mine, key=lambda rule: rule.id):
            level = f"{rule.level.value} ({rule.role})" if rule.role else rule.level.value
            lines.append(f"| `{rule.id}` | {level} | {rule.title} | {rule.remedy} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """`python -m policies.rules`: write the manifest and the table anew; people read the diff."""
    found = read(modules())
    MANIFEST.write_text(json.dumps(manifest(found), indent=1) + "\n", encoding="utf-8")
    TABLE.write_text(table(found), encoding="utf-8")


if __name__ == "__main__":
    main()
