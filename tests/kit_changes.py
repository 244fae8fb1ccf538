"""Changes with realistic documents, at any stage, for tests of pages and use cases.

`ask` opens one, `bring` moves it along the real table of moves, `waiting` does both. Documents are
written by `service.app.records`, trees, patch and binding are real; only the cells were not run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from agents import (
    Alternative,
    Edit,
    EntryPoint,
    Plan,
    Prediction,
    Rehearsal,
    ReshapeKind,
    Setting,
    Survey,
)
from policies import Finding, Level, Verdict
from sandbox import Cell, CellKind, HunkRole, Outcome, Proof, Side
from service.app import records
from service.approvals.binding import binding
from service.changes import (
    Approval,
    Change,
    ChangeId,
    Digest,
    Move,
    Person,
    Principal,
    Request,
    Source,
    Stage,
    System,
)
from service.ledger import Judgment, Kind
from service.store import Store
from service.store.rows import METADATA
from service.wiring import RepositoryTrees

Files = Mapping[str, tuple[int, bytes]]

TEXT = (
    "On Tuesday the catalogue build ran out of memory half way, and publishing it removed about "
    "four hundred pages from both hosts. The runbook says to count the pages first; nobody did."
)
ENTRY = ("ops/publish.sh", "live")
LIVE = "/srv/catalogue/live"
NIGHTLY = ("make", "nightly")
_SCRIPT = b"""#!/usr/bin/env bash
set -eu
HOSTS="one.example two.example"
TARGET=/srv/catalogue/live

python3 tools/render.py --out build || echo "render returned $?"

for h in $HOSTS; do
  rsync -a --delete build/ "pub@$h:$TARGET/"
done

echo "published $(git rev-parse --short HEAD)"
"""
_AFTER = b"""#!/usr/bin/env bash
set -euo pipefail
HOSTS="one.example two.example"
ROOT=/srv/catalogue
RELEASE=$(git rev-parse --short HEAD)

python3 tools/render.py --out build
(cd build && sha256sum --quiet --check pages.sha256)   # a page that is missing stops here

for h in $HOSTS; do
  rsync -a build/ "pub@$h:$ROOT/releases/$RELEASE/"
done
for h in $HOSTS; do   # going live is one rename
  ssh "pub@$h" "cd $ROOT && ln -sfn releases/$RELEASE next && mv -T next live"
done

echo "published $RELEASE"
"""
HEADER = "@@ -1,13 +1,20 @@"
_RUNBOOK = b"""# Publishing the catalogue

1. Pull main.
2. Run `make render` and count the pages in `build/`.
   If there are fewer than 400, stop and render again. Never publish
   a short `build/`: rsync removes what is missing.
3. Run `ops/publish.sh live`.
4. Open three product pages.
"""
_RUNBOOK_AFTER = b"""# Publishing the catalogue

1. Pull main.
2. Run `ops/publish.sh live`.
3. Open three product pages.
"""
BASE: Files = {
    "ops/publish.sh": (0o100755, _SCRIPT),
    "docs/publishing.md": (0o100644, _RUNBOOK),
    "Makefile": (0o100644, b"nightly:\n\tops/publish.sh live\n"),
    "tools/render.py": (0o100644, b"print('pages')\n"),
}
_YAML = b"""schema: rehearsal/v1
story: A render that stops half way must not delete live pages.
failure: destructive-publish
entry: [ops/publish.sh, live]
world:
  hosts: [one.example, two.example]
prepare: prepare.sh
stimulus:
  add: [build/new.html]
faults:
- {command: python3, call: 1, does: cut}
- {command: rsync, call: 1, does: cut, exit: 12}
invariants:
- old-or-new: [hosts]
repeats: 3
"""
REHEARSAL = Rehearsal(
    name="half-a-render",
    files={
        "rehearsal.yaml": (0o100644, _YAML),
        "prepare.sh": (0o100755, b"#!/bin/sh\nseq 400 | sed 's/^/page /' > pages\n"),
    },
    story="A render that stops half way must not delete live pages.",
    failure="destructive-publish",
    reasons=("the words name a build that stopped and pages that were gone afterwards",),
)
PLAN = Plan(
    title="Publishing can no longer delete live pages after half a render",
    kind=ReshapeKind.ELIMINATE,
    edits=(
        Edit(
            "ops/publish.sh",
            BASE["ops/publish.sh"],
            (0o100755, _AFTER),
            "each release has a folder of its own, and going live is one rename",
        ),
        Edit(
            "docs/publishing.md",
            BASE["docs/publishing.md"],
            (0o100644, _RUNBOOK_AFTER),
            "counting pages is needless: the script refuses a short build",
        ),
    ),
    reasons=(
        "no command of the script can remove a live page any more",
        "a render that fails stops the script before any host is reached",
    ),
    alternatives=(
        Alternative("Stop when the render fails", "a render that exits 0 with pages missing hits"),
        Alternative("Leave `--delete` out", "pages that were taken back would stay reachable"),
    ),
    unsolved=("a disk that fills up on one of the hosts",),
    price=("old releases stay: about 150 MB each until somebody removes them",),
    prediction=Prediction("runbook steps", 4, 3),
)
SURVEY = Survey(
    entry_points=(
        EntryPoint(ENTRY, "people docs/publishing.md:7"),
        EntryPoint(NIGHTLY, "cron ops/crontab:3"),
    ),
    settings=(Setting("TARGET", "ops/publish.sh", "/srv/catalogue/live", "remote"),),
    sources=("build",),
    destructive=("ops/publish.sh:9 rsync -a --delete build/",),
)
FINDINGS = (
    Finding(
        rule="publish.keeps-releases",
        level=Level.ASK,
        title="Releases are never removed",
        place="ops/publish.sh:11",
        why="each publish adds a folder on both hosts and nothing removes one",
        remedy="say how many releases are kept, or that it is accepted",
        role="approver",
        source="pawl: publish.rego",
    ),
    Finding(
        rule="runbook.step-removed",
        level=Level.NOTE,
        title="A runbook step goes",
        place="docs/publishing.md:4",
        why="a step that people did by hand is not needed any more",
        remedy="",
        source="repository: .pawl/policies/runbook.rego",
    ),
)


def cell(
    side: Side,
    outcome: Outcome,
    kind: CellKind,
    fault: Mapping[str, Any] | None,
    *,
    number: int,
    seed: int = 1,
    entry: tuple[str, ...] = ENTRY,
    rehearsal: str = REHEARSAL.name,
) -> Cell:
    """A cell as the prover would have judged it."""
    hit = outcome is Outcome.HIT
    log = ["rendering 400 pages", "render: 12 of 400", "render returned 137" if fault else "done"]
    log.append("sent 12 files, deleted 388" if hit else "pages.sha256: no such page; stopped")
    return Cell(
        id=f"{side.value}-{number:03d}",
        rehearsal=rehearsal,
        entry=entry,
        side=side,
        kind=kind,
        fault=fault,
        seed=seed,
        outcome=outcome,
        why="388 objects are gone" if hit else "nothing is gone",
        lost=tuple(
            f"one.example:/srv/catalogue/live/p{n:03d}.html" for n in range(388 if hit else 0)
        ),
        reached=kind is not CellKind.LYING or side is Side.BASE,
        code=0 if hit else 1,
        seconds=1.2,
        log="\n".join(log).encode() + b"\n",
    )


PYTHON_KILLED = {"command": "python3", "call": 1, "does": "kill"}


def proof_cells() -> tuple[Cell, ...]:
    """Control, declared, neighbours, an old rehearsal and a check, on both sides."""
    rows: list[tuple[CellKind, Mapping[str, Any] | None, Outcome, int, tuple[str, ...], str]] = []
    name = REHEARSAL.name
    declared: tuple[dict[str, Any], ...] = (
        {"command": "python3", "call": 1, "does": "cut"},
        {"command": "rsync", "call": 1, "does": "cut", "exit": 12},
    )
    for seed in (1, 2, 3):
        rows.append((CellKind.CONTROL, None, Outcome.HELD, seed, ENTRY, name))
        rows += [(CellKind.DECLARED, one, Outcome.HIT, seed, ENTRY, name) for one in declared]
    for command in ("python3", "rsync", "ssh"):
        for does in ("fail", "cut", "kill"):
            hit = Outcome.HIT if command == "python3" else Outcome.HELD
            fault = {"command": command, "call": 1, "does": does}
            rows.append((CellKind.HONEST, fault, hit, 1, ENTRY, name))
            rows.append((CellKind.HONEST, fault, hit, 1, NIGHTLY, name))
    for does in ("short", "noop"):
        fault = {"command": "rsync", "call": 1, "does": does}
        rows.append((CellKind.LYING, fault, Outcome.HELD, 1, ENTRY, name))
    for value in ("", "/", ".."):
        fault = {"input": "env:TARGET", "value": value}
        rows.append((CellKind.INPUT, fault, Outcome.HELD, 1, ENTRY, name))
    rows.append((CellKind.RATCHET, None, Outcome.HELD, 1, ENTRY, "host-drops-half-way"))
    rows.append((CellKind.CHECK, None, Outcome.HELD, 1, ("make", "test"), "checks"))
    cells: list[Cell] = []
    for number, (kind, found, on_base, seed, entry, rehearsal) in enumerate(rows):
        for side in (Side.BASE, Side.DRAFT):
            outcome = on_base if side is Side.BASE else Outcome.HELD
            cells.append(
                cell(
                    side,
                    outcome,
                    kind,
                    found,
                    number=number,
                    seed=seed,
                    entry=entry,
                    rehearsal=rehearsal,
                )
            )
    return tuple(cells)


def proof() -> Proof:
    """A proof that holds."""
    cells = proof_cells()
    roles = (
        HunkRole("ops/publish.sh", HEADER, "carries", "without it the failure is back"),
        HunkRole("docs/publishing.md", "@@ -1,9 +1,5 @@", "idle", "not needed with what is left"),
    )
    return Proof(
        holds=True,
        why="each declared fault hits on base and holds on the draft, and so do its neighbours",
        cells=cells,
        residuals=("rsync cut at its second call: two.example keeps the old release, as on base",),
        degrades=("degrades: 3 objects under a cut ssh are the old ones",),
        load_bearing=roles,
        not_covered=("a full disk on a host was never tried",),
        decisive=(
            {"entry": list(ENTRY), "fault": {"command": "python3", "call": 1, "does": "kill"}},
        ),
        image="pawl-sandbox:test",
        seconds=96.4,
    )


@dataclass(frozen=True)
class Kit:
    """What a change is made from; `replace` a part for a change that differs in it."""

    base: Files = field(default_factory=lambda: dict(BASE))
    plan: Plan = PLAN
    rehearsal: Rehearsal = REHEARSAL
    proof: Proof = field(default_factory=proof)
    findings: tuple[Finding, ...] = FINDINGS
    shapers: tuple[Principal, ...] = ()

    def draft(self) -> Files:
        """The base with the edits of the plan and the rehearsal."""
        files = dict(self.base)
        for edit in self.plan.edits:
            if edit.after is None:
                files.pop(edit.path, None)
            else:
                files[edit.path] = edit.after
        folder = f".pawl/rehearsals/{self.rehearsal.name}"
        files.update({f"{folder}/{path}": entry for path, entry in self.rehearsal.files.items()})
        return files


def edited(kit: Kit, path: str, after: tuple[int, bytes] | None, why: str = "so it is") -> Kit:
    """`kit` with one more edited (new, removed) file."""
    edit = Edit(path, kit.base.get(path), after, why)
    others = tuple(one for one in kit.plan.edits if one.path != path)
    return replace(kit, plan=replace(kit.plan, edits=(*others, edit)))


def ask(
    store: Store,
    *,
    by: Principal | None = None,
    repository: str = "site",
    text: str = TEXT,
    key: str = "",
    source: Source = Source.CHAT,
    kit: Kit | None = None,
) -> Change:
    """Open a change. `by` None: Person("ana")."""
    tree = store.artifacts.put(records.pack((kit or Kit()).base))
    return store.open_change(
        Request(text, by or Person("ana"), source),
        repository=repository,
        base="b" * 40,
        branch="main",
        key=key or f"{repository}:{text}:{store.size}",
        tree=tree,
    )


def moves(store: Store, change: Change, kit: Kit) -> Sequence[tuple[Move, Kind]]:
    """The way from `asked` to `waiting`, with all documents written."""
    put = store.artifacts.put

    def keep(document: object) -> Digest:
        return put(records.dumps(document))

    trees, draft = RepositoryTrees(), kit.draft()
    proved = records.proof(kit.proof, lambda log: put(log))
    proved["base_tree"], proved["draft_tree"] = trees.tree_id(kit.base), trees.tree_id(draft)
    judged = Verdict(kit.findings, "r" * 64, "a scripted engine", 31)
    plan, patch = records.plan(kit.plan), trees.touched(kit.base, draft)
    bound = binding(
        patch=patch,
        plan=records.plan_for_people(plan),
        rehearsals={
            bytes.fromhex(row[0]).decode("utf-8", "surrogateescape"): row[4]
            for row in patch
            if bytes.fromhex(row[0]).startswith(b".pawl/rehearsals/")
        },
        proof=records.proof_outcome(proved),
        findings=[records.finding(one) for one in kit.findings],
        rules=judged.rules,
        branch=change.branch,
    )
    rehearsal = {
        **records.rehearsal(kit.rehearsal),
        "trial": [
            records.cell(one, lambda log: put(log))
            for one in kit.proof.cells
            if one.side is Side.BASE and one.kind is CellKind.DECLARED
        ],
        "calls": ["python3 tools/render.py", "rsync -a --delete", "rsync -a --delete"],
    }
    planned = {
        "plan": keep(plan),
        "draft": put(records.pack(draft)),
        "patch": put(trees.write_patch(kit.base, draft)),
        "title": kit.plan.title,
    }
    gated: dict[str, object] = {
        "facts": keep({"schema": "facts/v1"}),
        "verdict": keep(records.verdict(judged)),
        "binding": bound,
    }
    if kit.shapers:
        gated["shapers"] = kit.shapers
    return (
        (Move(Stage.SURVEYED, {"survey": keep(records.survey(SURVEY))}), Kind.SURVEYED),
        (Move(Stage.REHEARSED, {"rehearsal": keep(rehearsal)}), Kind.REHEARSAL_WRITTEN),
        (Move(Stage.PLANNED, planned), Kind.PLAN_MADE),
        (Move(Stage.PROVEN, {"proof": keep(proved)}), Kind.PROOF_RUN),
        (Move(Stage.GATED, gated), Kind.GATE_VERDICT),
        (Move(Stage.WAITING), Kind.WAITING),
    )


def bring(store: Store, change: Change, to: Stage, kit: Kit | None = None) -> Change:
    """Move a change that was just asked along the way until it is at `to`.

    Ends off the way (`nothing-fits`, `withdrawn` ...) are reached from the last stage that allows
    them; `merging` and `merged` with an approval of Person("ben").
    """
    kit = kit or Kit()
    way = moves(store, change, kit)
    if to is Stage.NEEDS_ANSWER:
        change = _step(store, change, *way[0])
        asks = [{"question": "Which host is the first?", "default": "one.example"}]
        ending = store.artifacts.put(records.dumps({"why": "needs an answer", "asks": asks}))
        return _step(store, change, Move(to, {"ending": ending}), Kind.QUESTION)
    off = {
        Stage.NOTHING_FITS: (1, Kind.ABSTAINED),
        Stage.NOT_REPRODUCED: (1, Kind.ABSTAINED),
        Stage.NOT_PROVEN: (3, Kind.PROOF_RUN),
        Stage.REFUSED: (4, Kind.GATE_VERDICT),
        Stage.REJECTED: (6, Kind.DECISION),
        Stage.WITHDRAWN: (6, Kind.WITHDRAWN),
        Stage.EXPIRED: (6, Kind.EXPIRED),
        Stage.FAILED: (2, Kind.FAILED),
        Stage.MERGING: (6, Kind.MERGE_INTENDED),
        Stage.MERGED: (6, Kind.MERGED),
    }
    count, _ = off.get(to, (len(way), Kind.WAITING))
    for move, kind in way[:count]:
        if change.stage is to:
            return change
        change = _step(store, change, move, kind)
    if to in (Stage.MERGING, Stage.MERGED):
        yes = (Approval(Digest(str(change.binding)), Person("ben")),)
        change = _step(store, change, Move(Stage.MERGING, approvals=yes), Kind.MERGE_INTENDED)
        if to is Stage.MERGED:
            change = _step(store, change, Move(to, approvals=yes), Kind.MERGED)
    elif to in off:
        change = _step(store, change, Move(to, {"why": f"it is {to.value}"}), off[to][1])
    if change.stage is not to:
        raise AssertionError(f"{change.stage} and not {to}")
    return change


def waiting(
    store: Store,
    *,
    by: Principal | None = None,
    repository: str = "site",
    text: str = TEXT,
    key: str = "",
    kit: Kit | None = None,
) -> Change:
    """A change that waits for a person. `by` None: asked by Person("ana")."""
    change = ask(store, by=by, repository=repository, text=text, key=key, kit=kit)
    return bring(store, change, Stage.WAITING, kit)


def many(store: Store, count: int, *, repositories: Sequence[str] = ("site",)) -> None:
    """`count` changes in bulk, without log entries: for paging and benches alone."""
    running = (Stage.WAITING, Stage.PLANNED, Stage.NEEDS_ANSWER)
    stages = (*running, *[Stage.MERGED] * 10, Stage.REJECTED)
    table = METADATA.tables["change"]
    with store.writing() as work:
        have = work.connection.exec_driver_sql("SELECT coalesce(max(number),0) FROM change")
        first = int(have.scalar_one()) + 1
        rows = [
            _bulk(n, stages[n % len(stages)], repositories[n % len(repositories)], work.now)
            for n in range(first, first + count)
        ]
        for start in range(0, count, 1000):
            work.connection.execute(table.insert(), rows[start : start + 1000])


def _bulk(number: int, stage: Stage, repository: str, now: Any) -> dict[str, Any]:
    from service.store.values import row_of

    change = Change(
        id=ChangeId(f"c{number:010d}"),
        repository=repository,
        request=Request(f"Step {number} is done by hand.", Person(f"p{number % 7}"), Source.CHAT),
        base="b" * 40,
        branch="main",
        stage=stage,
        created=now,
        updated=now,
        title=f"Step {number} does itself" if number % 3 else "",
    )
    return {"number": number, "key": f"bulk-{number}", **row_of(change)}


def _step(store: Store, change: Change, move: Move, kind: Kind) -> Change:
    return store.record(
        change.id, move, Judgment(kind, System("pawl"), change.id, f"it came to {move.to.value}")
    )
