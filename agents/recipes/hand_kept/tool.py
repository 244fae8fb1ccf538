"""The one tool that a change brings: a list, its types, and the files that are rendered from it.

Text only, in Python 3 (standard library) or POSIX sh with awk; both write the same bytes, validate
before they write, and write all files or none.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agents import Files
from agents.recipes.hand_kept.blocks import Block
from agents.recipes.hand_kept.facts import Entity
from agents.recipes.hand_kept.words import Command

_NAME = "[a-z0-9][a-z0-9-]*"
_LOOSE_NAME = "[A-Za-z0-9][A-Za-z0-9._-]*"


@dataclass(frozen=True)
class Design:
    """All that a tool's text is made from."""

    command: Command
    order: tuple[str, ...]  # the fields, as they are given on the command line
    kinds: Mapping[str, str]
    key: str
    blocks: tuple[Block, ...]
    rows: tuple[Entity, ...]
    by_key: bool
    noun: str

    @property
    def usage(self) -> str:
        return " ".join(f.upper() for f in self.order)

    @property
    def known(self) -> dict[str, list[str]]:
        """The values that a field with few values may have."""
        return {
            f: sorted({r[f] for r in self.rows}) for f in self.order if self.kinds[f] == "existing"
        }

    def pattern(self, field: str) -> str:
        """What a value must look like, in a form that awk and Python read alike."""
        kind = self.kinds[field]
        if kind == "number":
            return "[0-9]+"
        if kind == "version":
            return "v?[0-9]+([.][0-9]+)*([.-]?[a-z]+[.]?[0-9]*)?"
        if kind == "host":
            return "[a-z0-9][a-z0-9-]*([.][a-z0-9-]+)+"
        tight = all(re.fullmatch(_NAME, r[field]) for r in self.rows)
        return _NAME if tight else _LOOSE_NAME


def listed(design: Design) -> str:
    """The list as a CSV file."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(design.order)
    writer.writerows([row[f] for f in design.order] for row in design.rows)
    return out.getvalue()


def language(tree: Files, path: str) -> str:
    """ "python" or "sh": what the repository uses already."""
    if path.endswith(".py"):
        return "python"
    if path.endswith(".sh"):
        return "sh"
    word = re.compile(rb"\bpython3?\b")
    shells = 0
    for name, (mode, content) in tree.items():
        if mode == 0o120000 or len(content) > 256 * 1024:
            continue
        if name.endswith(".py") or re.match(rb"#!.*\bpython", content):
            return "python"
        is_text = name.endswith((".md", ".yml", ".yaml", ".sh", "Makefile", "Dockerfile"))
        if (is_text or content.startswith(b"#!")) and word.search(content):
            return "python"
        shells += bool(re.match(rb"#!.*\b(ba|da|k)?sh\b", content))
    return "sh" if shells else "python"


def text(design: Design, tongue: str) -> str:
    """The whole tool."""
    return _python(design) if tongue == "python" else _shell(design)


def _filled(template: str, parts: Mapping[str, str]) -> str:
    for mark, part in parts.items():
        template = template.replace(mark, part)
    return template


def _common(design: Design) -> dict[str, str]:
    command = design.command
    return {
        "@CMD@": command.path,
        "@ADD@": command.add,
        "@REMOVE@": command.remove,
        "@CHECK@": command.check,
        "@USAGE@": design.usage,
        "@KEYU@": design.key.upper(),
        "@LIST@": command.list_path,
        "@NOUN@": design.noun,
    }


# --- Python --------------------------------------------------------------------------------------

_PYTHON = '''#!/usr/bin/env python3
"""The @NOUN@ stand in @LIST@; the files in PLACES are rendered from it.

    @CMD@ @ADD@ @USAGE@
    @CMD@ @REMOVE@ @KEYU@
    @CMD@ render    write the files (@ADD@ and @REMOVE@ do it too)
    @CMD@ @CHECK@    fail when a file is not what the list gives
"""
import csv
import difflib
import io
import ipaddress
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve()@UP@
LIST = ROOT / @LISTLIT@
FIELDS = @FIELDS@
KEY = @KEY@
# ipv4 is one plain address, port a number from 1 to 65535; the others are patterns.
TYPES = @TYPES@
# A value that is new on purpose is added here first.
KNOWN = @KNOWN@
# entry: with {field}, {field:width} where filled up; before, after: lines by hand around entries.
PLACES = @PLACES@


def good(row):
    if list(row) != FIELDS:
        sys.exit(f"not {','.join(FIELDS)}: {row}")
    for field, value in row.items():
        if not is_good(TYPES[field], value):
            sys.exit(f"not a good {field}: {value!r}")
        if value not in KNOWN.get(field, [value]):
            sys.exit(f"not a known {field}: {value!r} (KNOWN in @CMD@: {', '.join(KNOWN[field])})")
    return row


def is_good(kind, value):
    if kind == "ipv4":
        try:
            return str(ipaddress.IPv4Address(value)) == value
        except ValueError:
            return False
    if kind == "port":
        return bool(re.fullmatch("[1-9][0-9]{0,4}", value or "")) and int(value) < 65536
    return bool(re.fullmatch(kind, value or ""))


def load():
    with LIST.open(newline="", encoding="utf-8") as file:
        rows = [good(row) for row in csv.DictReader(file)]
    if len({row[KEY] for row in rows}) != len(rows):
        sys.exit(f"{LIST.name} has an entry twice")
    return @LOADED@


def listed(rows):
    out = io.StringIO()
    writer = csv.DictWriter(out, FIELDS, lineterminator="\\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def fill(entry, row):
    fields = re.compile(r"\\{(%s)(?:([^\\w:{}]*):(\\d+))?\\}" % "|".join(FIELDS))
    return fields.sub(lambda m: (row[m[1]] + (m[2] or "")).ljust(int(m[3] or 0)), entry)


def entries(place, rows):
    made = {}
    for row in rows:
        made.setdefault(fill(place["entry"], row), []).append(row)
    for number, (line, told) in enumerate(made.items(), 1):
        if place["comma"] == "all" or place["comma"] == "between" and number < len(made):
            line += ","
@REMARKS@        yield line


def find(lines, part, start):
    spots = range(start, len(lines) - len(part) + 1)
    return next((i for i in spots if lines[i : i + len(part)] == part), None)


def rendered(rows):
    """What each file has to be: path -> text."""
    out = {}
    for place in PLACES:
        path = ROOT / place["file"]
        lines = path.read_text(encoding="utf-8").splitlines()
        first = find(lines, place["before"], 0)
        start = None if first is None else first + len(place["before"])
        end = None if start is None else find(lines, place["after"], start)
        if end is None:
            sys.exit(f"{place['file']}: the lines around the entries are gone (PLACES in @CMD@)")
        end = end if place["after"] else len(lines)
        for line in lines[:start] + lines[end:]:
            if place["stray"] and re.search(place["stray"], line):
                sys.exit(f"{place['file']}: an entry outside of its list: {line.strip()}")
        out[path] = "\\n".join(lines[:start] + list(entries(place, rows)) + lines[end:]) + "\\n"
    return out


def write(rows):
    """Write all files or none."""
    texts = {**rendered(rows), LIST: listed(rows)}
    fresh = {path.resolve(): path.resolve().with_name(f".{path.name}.new") for path in texts}
    try:
        for path, text in texts.items():
            new = fresh[path.resolve()]
            new.write_text(text, encoding="utf-8")
            new.chmod(path.stat().st_mode & 0o777)
        for path, new in fresh.items():
            new.replace(path)
    except OSError as error:
        sys.exit(f"not written: {error}")
    finally:
        for new in fresh.values():
            new.unlink(missing_ok=True)


def check(rows):
    wrong = []
    for path, text in rendered(rows).items():
        now = path.read_text(encoding="utf-8")
        if now != text:
            name = str(path.relative_to(ROOT))
            wrong.append(name)
            old, new = now.splitlines(True), text.splitlines(True)
            sys.stdout.writelines(difflib.unified_diff(old, new, name, f"from {LIST.name}"))
    if wrong:
        sys.exit(f"not what {LIST.name} gives: {', '.join(wrong)}; run @CMD@ render")


def main(args):
    rows = load()
    if args[:1] == [@ADDLIT@] and len(args) == 1 + len(FIELDS):
        new = good(dict(zip(FIELDS, args[1:])))
        if any(row[KEY] == new[KEY] for row in rows):
            sys.exit(f"{new[KEY]} is there already")
        write(@ADDED@)
    elif args[:1] == [@REMOVELIT@] and len(args) == 2:
        left = [row for row in rows if row[KEY] != args[1]]
        if len(left) == len(rows):
            sys.exit(f"no such entry: {args[1]}")
        write(left)
    elif args == ["render"]:
        write(rows)
    elif args == [@CHECKLIT@]:
        check(rows)
    else:
        sys.exit(__doc__)


main(sys.argv[1:])
'''

_PYTHON_REMARKS = """\
        if place["remark"]:
            names = ", ".join(dict.fromkeys(row[place["remark"]] for row in told))
            line = f"{line + place['gap']:<{place['at']}}{place['sign']} {names}"
"""


def quoted(value: object) -> str:
    """A Python literal with double quotes where that is possible."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return "[" + ", ".join(quoted(v) for v in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{quoted(k)}: {quoted(v)}" for k, v in value.items()) + "}"
    return repr(value)


def _python(design: Design) -> str:
    has_remarks = any(b.remark for b in design.blocks)
    places = "[\n"
    for one in design.blocks:
        parts: dict[str, object] = {
            "file": one.file,
            "entry": one.entry,
            "comma": one.comma,
            "before": list(one.before),
            "after": list(one.after),
            "stray": one.stray,
        }
        if has_remarks:
            parts |= {"remark": one.remark, "sign": one.sign, "gap": one.gap, "at": one.at}
        places += "    {\n"
        places += "".join(f"        {quoted(k)}: {quoted(v)},\n" for k, v in parts.items())
        places += "    },\n"
    key = "key=lambda row: row[KEY]"
    types = {
        f: design.kinds[f] if design.kinds[f] in ("ipv4", "port") else design.pattern(f)
        for f in design.order
    }
    marks = {
        "@UP@": ".parent" * (design.command.path.count("/") + 1),
        "@LISTLIT@": quoted(design.command.list_path),
        "@FIELDS@": quoted(list(design.order)),
        "@KEY@": quoted(design.key),
        "@TYPES@": quoted(types),
        "@KNOWN@": quoted(design.known),
        "@LOADED@": f"sorted(rows, {key})" if design.by_key else "rows",
        "@ADDED@": f"sorted(rows + [new], {key})" if design.by_key else "rows + [new]",
        "@REMARKS@": _PYTHON_REMARKS if has_remarks else "",
        "@ADDLIT@": quoted(design.command.add),
        "@REMOVELIT@": quoted(design.command.remove),
        "@CHECKLIT@": quoted(design.command.check),
        **_common(design),
    }
    return _filled(_PYTHON, marks).replace("@PLACES@", places + "]")


# --- sh and awk ----------------------------------------------------------------------------------

_SHELL = r"""#!/bin/sh
# The @NOUN@ stand in @LIST@; the files under `places` are rendered from it.
#
#   @CMD@ @ADD@ @USAGE@
#   @CMD@ @REMOVE@ @KEYU@
#   @CMD@ render    write the files (@ADD@ and @REMOVE@ do it too)
#   @CMD@ @CHECK@    fail when a file is not what the list gives
set -eu
LC_ALL=C
export LC_ALL
root=$(cd "$(dirname "$0")@UP@" && pwd)
list=$root/@LIST@
fields=@FIELDS@
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

die() {
  echo "$*" >&2
  exit 1
}

# ipv4 is one plain address, port a number from 1 to 65535; the others are patterns.
# A value that is new on purpose is added to its alternatives first.
good() { # FILE: is every row of this list fine?
  awk -F, -v fields="$fields" '
    function plain(address, parts, i) {
      if (address !~ /^[0-9.]+$/ || split(address, parts, ".") != 4) return 0
      for (i = 1; i <= 4; i++)
        if (parts[i] !~ /^(0|[1-9][0-9]?[0-9]?)$/ || parts[i] > 255) return 0
      return 1
    }
    function bad(why) { print why > "/dev/stderr"; failed = 1; exit 1 }
    NR == 1 { if ($0 != fields) bad("the first line is not " fields); next }
    NF != split(fields, field, ",") { bad("not " fields ": " $0) }
    seen[$@KEYAT@]++ { bad("there is " $@KEYAT@ " already, or twice") }
@GOOD@    END { exit failed }
  ' "$1" || exit 1
}

render() { # OUT FILE ENTRY COMMA BEFORE AFTER STRAY REMARK SIGN GAP AT: from $work/list
  ENTRY=$3 COMMA=$4 BEFORE=$5 AFTER=$6 STRAY=$7 REMARK=$8 SIGN=$9 GAP=${10} AT=${11} \
    awk -F, -v name="$2" '
    function put(text, field, value, mark, at, out) {
      mark = "{" field "}"
      while (at = index(text, mark)) {
        out = out substr(text, 1, at - 1) value
        text = substr(text, at + length(mark))
      }
      return out text
    }
    function fill(text, field, value, mark, at) {
      while (match(text, "[{]" field "[^A-Za-z0-9_:{}]*:[0-9]+[}]")) {
        mark = substr(text, RSTART + 1 + length(field), RLENGTH - 2 - length(field))
        at = index(mark, ":")
        text = substr(text, 1, RSTART - 1) \
          sprintf("%-" substr(mark, at + 1) "s", value substr(mark, 1, at - 1)) \
          substr(text, RSTART + RLENGTH)
      }
      return text
    }
    function find(part, count, start, i, j) {
      for (i = start; i + count - 1 <= lines; i++) {
        for (j = 1; j <= count && line[i + j - 1] == part[j]; j++) ;
        if (j > count) return i
      }
      return 0
    }
    function stray(i) {
      if (ENVIRON["STRAY"] == "" || line[i] !~ ENVIRON["STRAY"]) return
      print name ": an entry outside of its list: " line[i] > "/dev/stderr"
      exit 1
    }
    NR == 1 { columns = split($0, field, ","); next }
    NR == FNR {
      text = ENVIRON["ENTRY"]
      told = ""
      for (i = 1; i <= columns; i++) text = fill(text, field[i], $i)
      for (i = 1; i <= columns; i++) {
        text = put(text, field[i], $i)
        if (field[i] == ENVIRON["REMARK"]) told = $i
      }
      if (!(text in tell)) { made[++rows] = text; tell[text] = told }
      else if (index(", " tell[text] ", ", ", " told ", ") == 0) tell[text] = tell[text] ", " told
      next
    }
    { line[++lines] = $0 }
    END {
      befores = split(ENVIRON["BEFORE"], before, "\n")
      afters = split(ENVIRON["AFTER"], after, "\n")
      if (ENVIRON["AFTER"] == "\n") { afters = 1; after[1] = "" }
      start = befores ? find(before, befores, 1) : 1
      if (start) start += befores
      stop = !start ? 0 : afters ? find(after, afters, start) : lines + 1
      if (!stop) {
        print name ": the lines around the entries are gone" > "/dev/stderr"
        exit 1
      }
      for (i = 1; i < start; i++) { stray(i); print line[i] }
      for (i = 1; i <= rows; i++) {
        comma = ENVIRON["COMMA"] == "all" || ENVIRON["COMMA"] == "between" && i < rows ? "," : ""
        text = made[i] comma
        if (ENVIRON["REMARK"] != "") {
          text = sprintf("%-" ENVIRON["AT"] "s", text ENVIRON["GAP"])
          text = text ENVIRON["SIGN"] " " tell[made[i]]
        }
        print text
      }
      for (i = stop; i <= lines; i++) { stray(i); print line[i] }
    }
  ' "$work/list" "$root/$2" > "$work/$1" || die "$2: not rendered"
}

# NUMBER FILE ENTRY COMMA BEFORE AFTER STRAY REMARK SIGN GAP AT; before, after: lines by hand.
places() {
@PLACES@}
names="@NAMES@"

sorted() { @SORTED@; }

# Every file is complete beside its place before the first one is put there.
write() {
  places
  number=0
  for name in $names @LIST@; do
    number=$((number + 1))
    [ "$name" = "@LIST@" ] && new=$work/list || new=$work/$number
    cp -p "$root/$name" "$root/$name.new" && cat "$new" > "$root/$name.new" || {
      for name in $names @LIST@; do rm -f "$root/$name.new"; done
      die "not written"
    }
  done
  for name in $names @LIST@; do mv "$root/$name.new" "$root/$name"; done
}

check() {
  places
  number=0
  wrong=
  for name in $names; do
    number=$((number + 1))
    cmp -s "$root/$name" "$work/$number" && continue
    diff -u "$root/$name" "$work/$number" || :
    wrong="$wrong $name"
  done
  [ -z "$wrong" ] || die "not what @LIST@ gives:$wrong; run @CMD@ render"
}

good "$list"
sorted "$list"
case "${1-} $#" in
  "@ADD@ @ADDCOUNT@")
    shift
    row=
    for value; do
      case $value in *[!A-Za-z0-9._-]* | "") die "not a good value: $value" ;; esac
      row=$row,$value
    done
    { cat "$work/list"; echo "${row#,}"; } > "$work/more"
    good "$work/more"
    sorted "$work/more"
    write
    ;;
  "@REMOVE@ 2")
    awk -F, -v key="$2" 'NR == 1 || $@KEYAT@ "" != key ""' "$work/list" > "$work/less"
    cmp -s "$work/list" "$work/less" && die "no such entry: $2"
    mv "$work/less" "$work/list"
    write
    ;;
  "render 1") write ;;
  "@CHECK@ 1") check ;;
  *)
    sed -n '2,/^set -eu$/s/^# \{0,1\}//p' "$0" >&2
    exit 1
    ;;
esac
"""


def _shell(design: Design) -> str:
    good = ""
    for i, field in enumerate(design.order, 1):
        kind = design.kinds[field]
        if kind == "ipv4":
            test = f"!plain(${i})"
        elif kind == "port":
            test = f"${i} !~ /^[1-9][0-9]?[0-9]?[0-9]?[0-9]?$/ || ${i} > 65535"
        elif kind == "existing":
            known = "|".join(re.sub(r"[.]", "[.]", v) for v in design.known[field])
            test = f"${i} !~ /^({known})$/"
        else:
            test = f"${i} !~ /^{design.pattern(field)}$/"
        good += f'    {test} {{ bad("not a good {field}: " ${i}) }}\n'
    places = ""
    for number, one in enumerate(design.blocks, 1):
        words = [
            *(one.file, one.entry, one.comma, _lines(one.before), _lines(one.after)),
            *(one.stray, one.remark, one.sign, one.gap, str(one.at)),
        ]
        places += f"  render {number} " + " \\\n    ".join(_word(w) for w in words) + "\n"
    at = design.order.index(design.key) + 1
    by_key = f'{{ sed 1q "$1"; sed 1d "$1" | sort -t , -k {at},{at}; }} > "$work/sorted"'
    order = f'{by_key}; mv "$work/sorted" "$work/list"'
    up = "/.." * design.command.path.count("/")
    parts = {
        "@UP@": up,
        "@FIELDS@": ",".join(design.order),
        "@KEYAT@": str(at),
        "@GOOD@": good,
        "@NAMES@": " ".join(b.file for b in design.blocks),
        "@SORTED@": order if design.by_key else 'cp "$1" "$work/list"',
        "@ADDCOUNT@": str(1 + len(design.order)),
        **_common(design),
    }
    return _filled(_SHELL, parts).replace("@PLACES@", places)


def _lines(part: Sequence[str]) -> str:
    joined = "\n".join(part)
    return "\n" if part and not joined else joined


def _word(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
