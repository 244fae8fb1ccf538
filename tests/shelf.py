"""A repository that lays out papers, and a scripted model that reads, rehearses and plans for it.

No recipe knows its failure, so the model has all the work.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fake_model import Asked, Says, prompt_of, says

SHELVE = """\
#!/bin/sh
# fetch the papers and lay them on the shelf
rsync -r --delete office:/papers/ in/
rm -rf /srv/shelf
mkdir -p /srv/shelf
cp -R in/. /srv/shelf/
"""
FILES = {
    "shelve.sh": (0o100755, SHELVE),
    "README.md": (0o100644, "# Shelf\n\nRun `./shelve.sh` to lay out the papers.\n"),
    ".gitignore": (0o100644, "in/\n"),
}
WORDS = "The fetch from the office died half way and the papers on the shelf were gone."

YAML = """\
schema: rehearsal/v1
story: A fetch that stops half way must not take papers off the shelf.
failure: emptied-shelf
entry: [./shelve.sh]
world:
  files: [/srv/shelf]
  hosts: {office: {/papers: [a.txt, b.txt, c.txt, old/d.txt, old/e.txt]}}
prime: [entry]
stimulus:
  change: ["office:/papers/a.txt"]
  add: ["office:/papers/new.txt"]
workspace: cold
faults:
- {command: rsync, call: 1, does: CUT, exit: 12}
invariants:
- old-or-new: [files]
repeats: 2
"""


def repository(where: Path) -> Path:
    """The repository, with a work tree, at `where`."""
    where.mkdir(parents=True)
    for name, (mode, text) in FILES.items():
        path = where / name
        path.write_text(text)
        path.chmod(mode & 0o777)
    for words in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-qm", "The shelf"]):
        person = ["-c", "user.name=Somebody", "-c", "user.email=somebody@localhost"]
        subprocess.run(["git", "-C", str(where), *person, *words], check=True)
    return where


def look(action: str, path: str = "", **more: Any) -> Says:
    """A step that looks around, or goes on to write."""
    step = {"notes": "the shelf is emptied first", "action": action, "path": path, "pattern": ""}
    return says({**step, "glob": "", "first": 1, "last": 0, "why": "to see it", **more})


def rehearsal(does: str = "cut") -> Says:
    text = YAML.replace("CUT", does)
    return Says(f"=== NEW rehearsal.yaml\nwhy: it is what happened\n{text}=== END\n")


def outline(title: str = "Lay out only what has arrived") -> Says:
    return says(
        {
            "title": title,
            "kind": "eliminate",
            "reasons": ["what is on the shelf is never taken off before its successor is there"],
            "alternatives": [
                {"title": "Try the fetch again", "why_not": "it can fail three times as well"},
                {"title": "Ask before emptying", "why_not": "nobody is there at night"},
            ],
            "unsolved": ["papers that left the office stay on the shelf"],
            "price": ["the shelf grows"],
            "readout": "open failures",
            "before": 1,
            "after": 0,
            "why_not_deeper": "",
        }
    )


def swap(search: str, replace: str, path: str = "shelve.sh") -> str:
    return (
        f"=== EDIT {path}\nwhy: so it can't be lost\n<<<<<<< SEARCH\n{search}=======\n{replace}"
        ">>>>>>> REPLACE\n=== END\n"
    )


NOT_ENOUGH = Says(swap("rm -rf /srv/shelf\n", "test -d in && rm -rf /srv/shelf\n"))
MISFIT = Says(swap("rm -rf  /srv/shelf\n", "true\n"))
ENOUGH = Says(
    swap(
        SHELVE.partition("shelf\n")[2],
        "set -e\nrsync -r --delete office:/papers/ in/\nmkdir -p /srv/shelf\n"
        "rsync -r in/ /srv/shelf/\n",
    )
)
STRICT_ONLY = Says(
    swap(
        "rsync -r --delete office:/papers/ in/\n", "set -e\nrsync -r --delete office:/papers/ in/\n"
    )
)


def critique(hole: str = "no", *concerns: str) -> Says:
    said = {"concerns": concerns, "only_automates": False, "hole": hole, "why": "it was looked at"}
    return says(said)


COUNTER = Says(
    "=== NEW rehearsal.yaml\nwhy: the copy can fail too\n"
    + YAML.replace("{command: rsync, call: 1, does: CUT, exit: 12}", "{command: cp, does: fail}")
    + "=== END\n"
)
NO_QUESTION = says({"questions": []})
QUESTION = says(
    {"questions": [{"question": "Is the shelf the only copy?", "default": "yes, it is"}]}
)


@dataclass
class Model:
    """Answers each role from a list of its own; a request that no list fits has no answer."""

    clarifier: list[Says] = field(default_factory=lambda: [NO_QUESTION])
    rehearser: list[Says] = field(
        default_factory=lambda: [
            look("read", "shelve.sh"),
            look("write"),
            rehearsal("slow"),  # does not hit
            look("write"),
            rehearsal("cut"),
        ]
    )
    planner: list[Says] = field(
        default_factory=lambda: [
            look("search", pattern="shelf"),
            look("write"),
            outline(),
            NOT_ENOUGH,
            look("write"),
            outline(),
            MISFIT,
            ENOUGH,
        ]
    )
    critic: list[Says] = field(default_factory=lambda: [critique(), critique()])
    before: Callable[[Asked], None] = lambda _: None

    def __call__(self, asked: Asked) -> Says | None:
        self.before(asked)
        for role in _BEGINS:
            if asked["messages"][0]["content"].startswith(_BEGINS[role]):
                script: list[Says] = getattr(self, role)
                return script.pop(0) if script else None
        return None

    @property
    def left(self) -> int:
        """Answers that nobody asked for."""
        return sum(len(getattr(self, role)) for role in _BEGINS)


_BEGINS = {
    "clarifier": "You read a request",
    "rehearser": "You write a rehearsal",
    "planner": "You plan a structural change",
    "critic": "You look for the hole",
}


def said_by(asked: Asked) -> str:
    """What a request told the model, without the role's own template."""
    return prompt_of({"messages": asked["messages"][1:]})


def environment(url: str, **more: str) -> dict[str, str]:
    """The settings that lead to a model at `url`."""
    return {"PAWL_MODEL_URL": url, "PAWL_MODEL": "scripted", "PAWL_MODEL_KEY": "k-secret", **more}


def document(text: str) -> dict[str, Any]:
    """The JSON document that a command printed."""
    found = json.loads(text)
    assert isinstance(found, dict)
    return found


def main(home: str, folder: str, url: str) -> None:
    """Propose for the repository at FOLDER, in a process that may be killed."""
    from service import wiring
    from service.cli.propose import look as seen
    from service.cli.propose import run
    from service.settings import load
    from tests.served import in_memory

    settings = load({"PAWL_HOME": home, **environment(url)})
    document, _ = run(
        seen(Path(folder)),
        WORDS,
        wiring.Named("model"),
        entry=None,
        settings=settings,
        cells=in_memory,
    )
    print(json.dumps(document))  # noqa: T201 - to the test that started it


if __name__ == "__main__":
    main(*sys.argv[1:])
