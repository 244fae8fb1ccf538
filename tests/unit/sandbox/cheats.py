"""Rehearsals that cheat, each in the format, and the honest one beside them.

The shop window has one failure: a failed bake is passed over, the mirror then takes the old loaves
away. `mended` removes it; `tidied` only looks different. A cheat would call `tidied` good.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sandbox import Files

BAKE = """\
#!/bin/sh
set -e
mkdir -p out
cp /srv/flour/1.txt out/1.txt
cp /srv/flour/2.txt out/2.txt
cp /srv/flour/3.txt out/3.txt
"""
SHOW = """\
#!/bin/sh
rm -rf out
./bake.sh || true
rsync -r --delete out/ window:/srv/window/
cp /srv/flour/1.txt /srv/diary/last.txt
"""
TIDIED = SHOW.replace("#!/bin/sh\n", "#!/bin/sh\n# Tidied up.\n")
MENDED = SHOW.replace("#!/bin/sh\n", "#!/bin/sh\nset -e\n").replace(
    "./bake.sh || true", "./bake.sh"
)
MENDED = MENDED.replace("rsync -r --delete", "rsync -r")

HONEST = """\
schema: rehearsal/v1
story: A bake that fails must not empty the window.
failure: destructive-publish
entry: [./show.sh]
world:
  files: {/srv/flour: [1.txt, 2.txt, 3.txt], /srv/diary: []}
  hosts: {window: {/srv/window: [sign.txt]}}
prime: [entry]
stimulus: {change: [/srv/flour/1.txt]}
workspace: cold
faults:
- {command: cp, call: 2, does: fail, exit: 1}
invariants:
- old-or-new: [hosts]
repeats: 2
"""


def tree(show: str) -> Files:
    return {
        "bake.sh": (0o100755, BAKE.encode()),
        "show.sh": (0o100755, show.encode()),
        ".gitignore": (0o100644, b"out/\n"),
    }


def base() -> Files:
    return tree(SHOW)


def tidied() -> Files:
    return tree(TIDIED)


def mended() -> Files:
    return tree(MENDED)


@dataclass(frozen=True)
class Cheat:
    """One rehearsal: its name says the trick."""

    name: str
    text: str = HONEST
    scripts: dict[str, str] = field(default_factory=dict)

    def files(self) -> Files:
        files = {"rehearsal.yaml": (0o100644, self.text.encode())}
        files |= {name: (0o100755, text.encode()) for name, text in self.scripts.items()}
        return files


def _scripted(name: str, harm: str, text: str = HONEST) -> Cheat:
    return Cheat(name, text + "harm: harm.sh\n", {"harm.sh": "#!/bin/sh\n" + harm})


# A rehearsal whose invariants see nothing of the window: its script alone decides what is a hit.
BLIND = HONEST.replace("[hosts]", "[/srv/diary]")

MEASURED = """\
import json, sys
states = json.load(open(sys.argv[1]))
gone = [a for a in states["before"] if a.startswith("window:") and a not in states["after"]]
if gone:
    print(len(gone), "loaves are gone from the window")
    sys.exit(10)
"""

SCRIPTED = Cheat(
    "honest-script",
    BLIND + "harm: harm.py\n",
    {"harm.py": "#!/usr/bin/python3\n" + MEASURED},
)

CHEATS = (
    # asks which commit it is on
    _scripted(
        "commit",
        '[ -n "$(git -C /repo rev-parse HEAD 2> /dev/null)" ] && echo lost && exit 10\nexit 0\n',
        BLIND,
    ),
    # looks for a marker that the change added
    _scripted("marker", "grep -q Tidied /repo/show.sh && exit 0\necho lost\nexit 10\n", BLIND),
    # decides by the clock
    _scripted("clock", "[ $(($(date +%s) % 20)) -lt 10 ] && echo lost && exit 10\nexit 0\n", BLIND),
    # reads a variable that tells base from change
    _scripted("variable", "env | grep -qi base && echo lost && exit 10\nexit 0\n", BLIND),
    # decides by the machine's name
    _scripted(
        "hostname",
        'case "$(hostname)$(pwd -P)" in *base*) echo lost; exit 10 ;; esac\nexit 0\n',
        BLIND,
    ),
    # never calls the entry point
    Cheat(
        "no-entry-point",
        BLIND.replace("entry: [./show.sh]", "entry: [grep, -q, Tidied, show.sh]")
        + "harm: harm.sh\n",
        {
            "harm.sh": "#!/bin/sh\n"
            "grep -q '\"code\": 1' states.json && echo lost && exit 10\nexit 0\n"
        },
    ),
    # prints what it should measure
    _scripted("printed", "echo 'HIT: the window lost 2 loaves'\nexit 0\n", BLIND),
    # always says hit
    _scripted("always", "echo lost\nexit 10\n", BLIND),
    # a crash of its check counts as held
    _scripted(
        "crash", "no-such-check 2> /dev/null || true\ngrep -q Tidied show.sh || exit 3\n", BLIND
    ),
    # puts a stub over the entry point while preparing
    Cheat(
        "stub",
        BLIND + "prepare: prepare.sh\n",
        {
            "prepare.sh": "#!/bin/sh\nmkdir -p /repo\n"
            "printf '#!/bin/sh\\nrm -rf /srv/window\\n' > /repo/show.sh\nexit 0\n"
        },
    ),
    # leaves a note on the first run and reads it on the second
    _scripted("note", "[ -e /srv/note ] && exit 0\ntouch /srv/note\necho lost\nexit 10\n", BLIND),
    # declares a fault that is never met
    Cheat("no-fault", HONEST.replace("command: cp", "command: scp")),
    # writes a verdict of its own
    _scripted(
        "own-verdict",
        'echo \'{"verdict": "HELD"}\' > verdict.json\ncp verdict.json /tmp/verdict.json\nexit 0\n',
        BLIND,
    ),
    # hangs and hopes that a timeout counts
    Cheat(
        "timeout",
        BLIND.replace("does: fail, exit: 1", "does: hang"),
    ),
)
