"""The tool of a guard: it compares what the places say and writes nothing.

Text only, Python 3 with its standard library; used where people asked for a check and no more.
"""

from __future__ import annotations

from collections.abc import Mapping

from agents.recipes.hand_kept.facts import Fact
from agents.recipes.hand_kept.tool import quoted
from agents.recipes.hand_kept.words import Command

_TEXT = '''#!/usr/bin/env python3
"""The @NOUN@ stand in the files of PLACES, written by hand; do all of them say the same?

    @CMD@ @CHECK@    fail when one of them says something else than the others
"""
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve()@UP@
KEY = @KEY@
# lines: a pattern for an entry; json: where a field stands in an element, what has a colon is
# split; table: the columns. fields: what the file tells of an entry.
PLACES = {
@PLACES@}


def read(text, how):
    if "lines" in how:
        bare = "\\n".join(re.sub(r"(^|\\s)#.*", r"\\1", line) for line in text.splitlines())
        return [m.groupdict() for m in re.finditer(how["lines"], bare, re.MULTILINE)]
    if "table" in how:
        return list(table(text, how["table"]))
    return [element(one, how) for one in json.loads(text)]


def table(text, columns):
    for line in text.splitlines():
        cells = [cell.strip(" `*") for cell in line.strip().strip("|").split("|")]
        is_rule = set("".join(cells)) <= set("-: ")
        is_head = [cell.lower() for cell in cells] == columns
        if line.lstrip().startswith("|") and len(cells) == len(columns):
            if not is_rule and not is_head:
                yield dict(zip(columns, cells))


def element(one, how):
    row = {}
    for field, path in how["json"].items():
        value = one
        for step in path.split("."):
            value = value[int(step)] if isinstance(value, list) else value[step]
        parts = how.get("split", {}).get(field, [field])
        row.update(zip(parts, str(value).rsplit(":", len(parts) - 1)))
    return row


def shown(row, fields):
    return tuple(row.get(field, "") for field in fields)


def differences(rows):
    """What one place says and another one does not, a sentence each."""
    known = {}
    for name, found in rows.items():
        for row in found if KEY in PLACES[name]["fields"] else []:
            entry = known.setdefault(row[KEY], {})
            for field, value in row.items():
                if entry.setdefault(field, value) != value:
                    yield f"{name}: the {field} of {row[KEY]} is {value}, elsewhere {entry[field]}"
    for name, found in rows.items():
        fields = PLACES[name]["fields"]
        said = [shown(row, fields) for row in found]
        want = {shown(entry, fields) for entry in known.values()}
        for row in sorted(want - set(said)):
            yield f"{name}: {' '.join(row)} is missing"
        for row in sorted(set(said) - want):
            yield f"{name}: {' '.join(row)} stands here alone"


def main(args):
    if args != [@CHECKLIT@]:
        sys.exit(__doc__)
    rows = {}
    for name, how in PLACES.items():
        try:
            rows[name] = read((ROOT / name).read_text(encoding="utf-8"), how)
        except (OSError, ValueError, LookupError, TypeError) as error:
            sys.exit(f"{name} can't be read: {error!r}")
    wrong = list(differences(rows))
    if wrong:
        sys.exit("\\n".join(wrong))


main(sys.argv[1:])
'''


def text(fact: Fact, command: Command, noun: str) -> str:
    """The whole tool."""
    places = ""
    for one in fact.places:
        how: Mapping[str, object] = {"fields": list(one.fields), **one.read}
        places += f"    {quoted(one.path)}: {quoted(dict(how))},\n"
    marks = {
        "@NOUN@": noun,
        "@CMD@": command.path,
        "@CHECK@": command.check,
        "@CHECKLIT@": quoted(command.check),
        "@UP@": ".parent" * (command.path.count("/") + 1),
        "@KEY@": quoted(fact.key),
    }
    made = _TEXT
    for mark, part in marks.items():
        made = made.replace(mark, part)
    return made.replace("@PLACES@", places)
