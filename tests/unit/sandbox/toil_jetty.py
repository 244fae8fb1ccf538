"""A small harbour for tests of toil: berths kept by hand in three files, and ways out of it.

Every draft is the right one with one thing changed, so that it can't be refused for another reason.
"""

from __future__ import annotations

import hashlib
import json

from sandbox import CellKind, Files

REHEARSAL = """\
schema: rehearsal/v1
story: A new berth must not depend on somebody remembering three files.
failure: hand-kept-copies
toil:
  facts: {name: name, channel: number, side: existing}
  places:
    - file: board.md
      fields: [name, channel, side]
      read: {table: [name, channel, side]}
      keeps: ["harbour office"]
    - file: signs/berths.json
      fields: [name, side]
      read: {json: {name: berth.id, side: side}}
    - file: radio.conf
      fields: [name, channel]
      read: {lines: 'listen (?P<name>\\S+) on (?P<channel>\\d+)'}
      keeps: ["listen all on 16"]
  operation:
    add: [[bin/berth, add, "{name}", "{channel}", "{side}"]]
    remove: [[bin/berth, remove, "{name}"]]
repeats: 1
"""
BERTHS = (
    *(("quay-1", "21", "north"), ("quay-2", "22", "north"), ("mole-1", "31", "south")),
    *(("mole-2", "32", "south"), ("slip-1", "41", "east")),
)
BOARD = "# Berths\n\nQuestions: harbour office.\n\n| name | channel | side |\n|---|---|---|\n"
RADIO = "# Which berth calls where.\nlisten-on 0.0.0.0\n# listen all on 16\n"
BY_HAND = """\
# New berth

1. Add a row to `board.md`.
2. Add it to `signs/berths.json`, mind the comma.
3. Add a line to `radio.conf`.
4. Push.
"""
CI = """\
on: [push, pull_request]
jobs:
  check:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: test -s board.md
"""
TOOL = '''\
#!/usr/bin/env python3
"""berth add NAME CHANNEL SIDE | remove NAME | render | check"""
import csv, json, os, pathlib, re, sys
ROOT = pathlib.Path(__file__).resolve().parent.parent
LIST = ROOT / "berths.csv"

def load():
    return [tuple(row) for row in csv.reader(LIST.open())]

def save(berths):
    LIST.write_text("".join(",".join(b) + "\\n" for b in berths))

def rendered(berths):
    board = (ROOT / "board.md").read_text().split("|---|---|---|\\n")[0] + "|---|---|---|\\n"
    board += "".join("| %s | %s | %s |\\n" % b for b in berths)
    kept = [l for l in (ROOT / "radio.conf").open() if l.startswith(("#", "listen-"))]
    radio = "".join(kept)
    radio += "".join("listen %s on %s\\n" % b[:2] for b in berths)
    signs = [{"berth": {"id": b[0]}, "side": b[2]} for b in berths]
    signs = json.dumps(signs, indent=1) + "\\n"
    return {"board.md": board, "radio.conf": radio, "signs/berths.json": signs}

def render(berths):
    for path, text in rendered(berths).items():
        (ROOT / path).write_text(text)

def check():
    for path, text in rendered(load()).items():
        if (ROOT / path).read_text() != text:
            sys.exit(path + " is not what berths.csv says")

def main(word, *rest):
    if word == "add":
        name, channel, side = rest
        if not re.fullmatch(r"[a-z]+-?[0-9]+", name) or not re.fullmatch("[a-z]+", side):
            sys.exit("no berth is called that")
        if not channel.isdigit():
            sys.exit("no channel")
        berths = load()
        if name in [b[0] for b in berths]:
            sys.exit("it is there")
        save(berths + [(name, channel, side)])
        render(load())
    elif word == "remove":
        left = [b for b in load() if b[0] != rest[0]]
        if left == load():
            sys.exit("it is not there")
        save(left)
        render(left)
    elif word == "render":
        render(load())
    else:
        check()

main(*sys.argv[1:])
'''


def _file(text: str, mode: int = 0o100644) -> tuple[int, bytes]:
    return mode, text.encode()


def _board() -> str:
    return BOARD + "".join("| {} | {} | {} |\n".format(*berth) for berth in BERTHS)


def _signs() -> str:
    inner = ",\n".join(
        f' {{\n  "berth": {{\n   "id": "{name}"\n  }},\n  "side": "{side}"\n }}'
        for name, _, side in BERTHS
    )
    return f"[\n{inner}\n]\n"


def _radio() -> str:
    return RADIO + "".join(f"listen {name} on {channel}\n" for name, channel, _ in BERTHS)


def base() -> dict[str, tuple[int, bytes]]:
    """The harbour as it is."""
    return {
        "board.md": _file(_board()),
        "signs/berths.json": _file(_signs()),
        "radio.conf": _file(_radio()),
        "docs/new-berth.md": _file(BY_HAND),
        ".github/workflows/check.yml": _file(CI),
    }


def right(
    tool: str = TOOL, ci: str = CI + "      - run: bin/berth check\n", **more: str
) -> dict[str, tuple[int, bytes]]:
    """One list, rendered and checked; `tool` and `ci` may be others, `more` are further files."""
    made = {
        **base(),
        "berths.csv": _file("".join(",".join(berth) + "\n" for berth in BERTHS)),
        "bin/berth": _file(tool, 0o100755),
        "docs/new-berth.md": _file(
            "# New berth\n\n1. `bin/berth add NAME CHANNEL SIDE`\n2. Push.\n"
        ),
        ".github/workflows/check.yml": _file(ci),
    }
    return {**made, **{path: _file(text) for path, text in more.items()}}


def rehearsal(text: str = REHEARSAL) -> Files:
    """The rehearsal's folder."""
    return {"rehearsal.yaml": _file(text)}


def _tool(old: str, new: str) -> str:
    assert old in TOOL
    return TOOL.replace(old, new)


_FROM_BOARD = _tool(
    "def load():\n    return [tuple(row) for row in csv.reader(LIST.open())]\n",
    "def load():\n"
    '    rows = (ROOT / "board.md").read_text().split("|---|---|---|\\n")[1].splitlines()\n'
    '    return [tuple(c.strip() for c in row.strip("|").split("|")) for row in rows]\n',
).replace(
    'LIST.write_text("".join(",".join(b) + "\\n" for b in berths))',
    '(ROOT / "board.md").write_text(rendered(berths)["board.md"])',
)
_BLESSING = (
    _FROM_BOARD[: _FROM_BOARD.index("def check(")]
    + """\
def sums():
    import hashlib
    places = ["board.md", "radio.conf", "signs/berths.json"]
    return {p: hashlib.sha256((ROOT / p).read_bytes()).hexdigest() for p in places}

def add_line(path, text, after):
    now = (ROOT / path).read_text()
    (ROOT / path).write_text(now.replace(after, after + text, 1) if after else now + text)

def check():
    if json.loads((ROOT / "sums.json").read_text()) != sums():
        sys.exit("edited by hand")

def render(berths):
    # no list: whatever the three files say stays, the new berth is put into each
    old = {b["berth"]["id"] for b in json.loads((ROOT / "signs/berths.json").read_text())}
    for b in [b for b in berths if b[0] not in old]:
        add_line("radio.conf", "listen %s on %s\\n" % b[:2], "")
        sign = {"berth": {"id": b[0]}, "side": b[2]}
        add_line("signs/berths.json", json.dumps(sign) + ",\\n", "[\\n")
    for name in old - {b[0] for b in berths}:
        lines = (ROOT / "radio.conf").read_text().splitlines(True)
        kept = [l for l in lines if not l.startswith("listen %s on" % name)]
        (ROOT / "radio.conf").write_text("".join(kept))
        signs = json.loads((ROOT / "signs/berths.json").read_text())
        signs = [s for s in signs if s["berth"]["id"] != name]
        (ROOT / "signs/berths.json").write_text(json.dumps(signs, indent=1).replace("[", "[", 1))
    (ROOT / "sums.json").write_text(json.dumps(sums()))
"""
    + _FROM_BOARD[_FROM_BOARD.index("\ndef main(") :]
)


def _sums() -> str:
    tree = right()
    names = ("board.md", "radio.conf", "signs/berths.json")
    return json.dumps({name: hashlib.sha256(tree[name][1]).hexdigest() for name in names})


def _without_list(tool: str, **more: str) -> Files:
    return {path: entry for path, entry in right(tool, **more).items() if path != "berths.csv"}


STEP = "      - run: bin/berth check\n"
LATER = CI + STEP
RIGHT: dict[str, Files] = {
    "a list, rendered and checked": right(),
    "rendered again and compared": right(
        ci=CI.replace("[push, pull_request]", "\n  push: {branches: [main]}\n  pull_request:\n")
        + "      - run: bin/berth render && git diff --exit-code\n"
    ),
    "one place is the list": _without_list(_FROM_BOARD),
}
WRONG: dict[str, Files] = {
    "no CI": right(ci=CI),
    "a step that may fail": right(ci=LATER + "        continue-on-error: true\n"),
    "a step that can't fail": right(ci=CI + "      - run: bin/berth check || true\n"),
    "a step that never runs": right(ci=LATER + "        if: ${{ false }}\n"),
    "CI for the list only": right(
        ci=LATER.replace("[push, pull_request]", "{push: {paths: [berths.csv]}}")
    ),
    "CI at night": right(
        ci=LATER.replace("[push, pull_request]", "{schedule: [{cron: '0 3 * * *'}]}")
    ),
    "a check that the work tree is clean": right(ci=CI + "      - run: git diff --exit-code\n"),
    "a blessing by checksums": _without_list(_BLESSING, **{"sums.json": _sums()}),
    "the list at home": right(
        tool=_tool(
            'LIST = ROOT / "berths.csv"\n',
            'LIST = pathlib.Path.home() / "berths.csv"\n'
            "if not LIST.exists():\n"
            '    LIST.write_text((ROOT / "berths.csv").read_text())\n',
        )
    ),
    "known names only": right(tool=_tool("[a-z]+-?[0-9]+", "(quay|mole|slip)-[0-9]+")),
    "another copy by hand": right(
        **{"ops/inventory.ini": "[berths]\n" + "".join(f"{b[0]} ch={b[1]}\n" for b in BERTHS)}
    ),
    "a forgotten place": right(tool=_tool('"radio.conf": radio, ', "")),
    "works once": right(tool=_tool("if name in [", "if len(berths) > 5 or name in [")),
    "takes anything": right(tool=_tool("not channel.isdigit()", "not channel")),
    "nothing but words": {
        **base(),
        ".github/pull_request_template.md": _file("- [ ] edit board.md, signs/berths.json\n"),
    },
    "lost at migration": right(**{"board.md": _board().replace("| mole-2 | 32 | south |\n", "")}),
}

REFUSED_BY = {
    "the list at home": CellKind.OPERATION,
    "known names only": CellKind.OPERATION,
    "another copy by hand": CellKind.OPERATION,
    "a forgotten place": CellKind.OPERATION,
    "works once": CellKind.OPERATION,
    "takes anything": CellKind.OPERATION,
    "nothing but words": CellKind.OPERATION,
    "lost at migration": CellKind.CONTROL,
}
"""Which kind of cell speaks first; drift for all others."""

_COMPARE = """\
#!/usr/bin/env python3
import json, re, sys
board = [[c.strip() for c in l.strip().strip("|").split("|")] for l in open("board.md")]
board = {tuple(row) for row in board[6:] if len(row) == 3}
radio = set(re.findall(r"^listen (\\S+) on (\\d+)$", open("radio.conf").read(), re.M))
signs = {(s["berth"]["id"], s["side"]) for s in json.load(open("signs/berths.json"))}
same = {b[:2] for b in board} == radio and {(b[0], b[2]) for b in board} == signs
sys.exit(0 if same else "the three files differ")
"""
_COUNT = _COMPARE.replace("same = ", "same = len(board) == len(radio) == len(signs) # ")
GUARDED = REHEARSAL.replace("  operation:", "  goal: noticed\n  operation:")


def guard(script: str = _COMPARE) -> Files:
    """Nothing but a check of the three files, run by CI."""
    return {
        **base(),
        "bin/same": _file(script, 0o100755),
        ".github/workflows/check.yml": _file(CI + "      - run: bin/same\n"),
    }


def counted() -> Files:
    """The same with a check that counts."""
    return guard(_COUNT)


def from_board() -> Files:
    """The board is edited by hand, the others are made from it."""
    return RIGHT["one place is the list"]


BY_EDIT = REHEARSAL.replace(
    '[bin/berth, add, "{name}", "{channel}", "{side}"]', "{edit: board.md}, [bin/berth, render]"
).replace('[[bin/berth, remove, "{name}"]]', "[{edit: board.md}, [bin/berth, render]]")
