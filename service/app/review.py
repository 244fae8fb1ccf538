"""The review of a change: one read model of all that a person needs to decide, and what they read.

Nothing here decides; how a change stands before people is `service.app.decisions`' to say. What is
shown comes from the documents of the change, as they are bound.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agents import Precedent
from service.app import records
from service.app.decisions import Decisions, Standing
from service.app.live import fault_words
from service.app.people import People
from service.app.precedents import precedents
from service.app.queue import first_line
from service.app.repositories import Repositories
from service.changes import Change, ChangeId, Digest, Stage, UnknownChange, digest_of
from service.ledger import Kind
from service.people import No, Role, SignedIn
from service.repos import shown
from service.store import Store, StoreError
from service.store.seen import Seen, SeenRow

Entry = tuple[int, bytes]
Document = records.Document
REHEARSALS = ".pawl/rehearsals/"
_KEPT_TREES = 8
_KEPT_BYTES = 4 << 20
_LONGEST_LOG = 256 << 10

_GROUPS: tuple[tuple[str, str, str], ...] = (
    ("declared", "The failure itself", "what went wrong, played again on both sides"),
    ("control", "Normal work", "no fault: the job must still be done"),
    ("honest", "Honest faults", "a command fails, is cut short or is killed, one after another"),
    ("lying", "Lying faults", "a call that leaves the machine says it worked, and did not"),
    ("input", "Wrong inputs", "settings and sources that are empty, missing or foreign"),
    ("omission", "A step left out", "the procedure by hand, without one of its edits"),
    ("operation", "The operation", "what takes the step's place, with fresh values, again, undone"),
    ("drift", "Edits by hand", "one place was edited alone and committed: does CI say no?"),
    ("ratchet", "Old rehearsals", "what this repository already holds must go on holding"),
    ("check", "The repository's own checks", "as the base commit names them"),
)
_NOT_SHOWN = frozenset({Kind.CHECKPOINT_SIGNED, Kind.CHECKPOINT_PUBLISHED})


@dataclass(frozen=True, kw_only=True)
class Side:
    """What a fault did on one side, all repeats together."""

    word: str  # hit | held | works | broken | mixed | ""
    runs: int
    why: str
    lost: int
    altered: int
    reached: bool
    cell: int | None
    """Number of the cell to look at: the worst one."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One row of the proof: a fault at an entry point, on base and on the draft."""

    words: str
    entry: str
    rehearsal: str
    frozen: bool
    base: Side
    draft: Side

    @property
    def decisive(self) -> bool:
        """Whether it shows something: a hit, or a side that can't be judged."""
        return any(side.word in ("hit", "broken", "mixed") for side in (self.base, self.draft))


@dataclass(frozen=True, kw_only=True)
class Group:
    """Trials of a kind."""

    kind: str
    title: str
    about: str
    trials: tuple[Trial, ...]
    base: Mapping[str, int]
    draft: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Where base and draft part in one trial: the first line of output that is another one."""

    words: str
    line: int
    base: str
    draft: str
    cell: int


@dataclass(frozen=True, kw_only=True)
class Found:
    """Findings of a rule that say the same, with the places where it found it."""

    rule: str
    level: str
    title: str
    why: str
    remedy: str
    role: str
    source: str
    places: tuple[tuple[str, int | None, int | None], ...]
    """(as written, number of the file in the diff, line)."""


@dataclass(frozen=True, kw_only=True)
class File:
    """A file that the change touches."""

    number: int
    path: str
    shown: str
    old: Entry | None
    new: Entry | None
    mark: str
    """Names both versions: a read mark falls when it changes."""
    why: str
    notes: tuple[str, ...]
    roles: tuple[tuple[str, str, str], ...]  # (role, why, header)
    read: bool
    news: bool

    @property
    def removed(self) -> bool:
        return self.new is None


@dataclass(frozen=True, kw_only=True)
class News:
    """What is another one since the person looked last."""

    at: datetime
    files: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Said:
    """An entry of the log, in short."""

    seq: int
    at: datetime
    kind: str
    actor: Any
    why: str


@dataclass(frozen=True, kw_only=True)
class Review:
    """Everything that the page shows."""

    change: Change
    title: str
    repository: str
    standing: Standing
    plan: Document | None
    rehearsal: Document | None
    yaml: str
    survey: Document | None
    proof: Document | None
    groups: tuple[Group, ...]
    difference: Difference | None
    gate: Document | None
    findings: tuple[Found, ...]
    files: tuple[File, ...]
    news: News | None
    ending: Document | None
    branch: str
    """The branch in the repository, as Pawl published it; "" where it did not."""
    log: tuple[Said, ...]
    may_withdraw: bool
    may_answer: bool
    gone: tuple[str, ...]
    """Evidence that was erased or is damaged."""
    precedents: tuple[Precedent, ...] = ()
    """Earlier changes of the repository that are like this one, and how they ended."""

    @property
    def questions(self) -> tuple[Document, ...]:
        """What the requester is asked."""
        asked = self.change.stage is Stage.NEEDS_ANSWER and self.ending
        return tuple(self.ending.get("asks", ())) if asked and self.ending else ()

    @property
    def asking(self) -> tuple[Found, ...]:
        """The findings that whoever approves answers, a rule once."""
        return tuple({f.rule: f for f in self.findings if f.level == "ask"}.values())

    @property
    def unread(self) -> tuple[File, ...]:
        return tuple(one for one in self.files if not one.read)

    @property
    def cells(self) -> int:
        return len(self.proof["cells"]) if self.proof else 0

    def runs(self, side: str, outcome: str) -> int:
        """How many cells of a side ended so."""
        cells = self.proof["cells"] if self.proof else ()
        return sum(1 for c in cells if c["side"] == side and c["outcome"] == outcome)


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One run with its log, beside its counterpart on the other side."""

    number: int
    document: Document
    words: str
    log: str
    cut: bool
    other: int | None
    other_document: Document | None
    other_log: str
    differs_at: int | None


class Reviews:
    """The use case. May be used from several threads."""

    def __init__(
        self, store: Store, people: People, repositories: Repositories, decisions: Decisions
    ) -> None:
        self._store = store
        self._people = people
        self._repositories = repositories
        self._decisions = decisions
        self._trees = _Trees(store)

    def find(self, who: SignedIn, ident: str) -> Change | No:
        """The change, where `who` may see it; for everybody else there is none."""
        try:
            change = self._store.get(ChangeId(ident))
        except UnknownChange:
            return _NOTHING
        return change if who.may_see(change.repository) else _NOTHING

    def read(self, who: SignedIn, ident: str) -> Review | No:
        """The whole review. The first look of a person is kept, so that news can be told later."""
        change = self.find(who, ident)
        if isinstance(change, No):
            return change
        gone: list[str] = []
        plan, proof = self._document(change.plan, gone), self._document(change.proof, gone)
        rehearsal = self._document(change.rehearsal, gone)
        verdict = self._document(change.verdict, gone)
        seen = self._seen(who, change)
        files = self._files(change, plan, proof, seen, gone)
        kept = self._repositories.get(change.repository)
        with self._store.reading() as view:
            published = view.repositories.published(change.id)
            before = precedents(view, change, str(rehearsal["failure"]) if rehearsal else "")
        return Review(
            change=change,
            title=change.title or first_line(change.request.text),
            repository=kept.name if kept is not None else change.repository,
            standing=self._decisions.standing(change, who),
            plan=plan,
            rehearsal=rehearsal,
            yaml=_yaml(rehearsal),
            survey=self._document(change.survey, gone),
            proof=proof,
            groups=_groups(proof),
            difference=self._difference(proof),
            gate=verdict,
            findings=_findings(verdict, files),
            files=files,
            news=self._news(change, seen),
            ending=self._document(change.ending, gone),
            branch=published.ref if published is not None else "",
            log=self._log(change),
            may_withdraw=_may_withdraw(change, who),
            may_answer=change.stage is Stage.NEEDS_ANSWER and change.requester == who.person,
            gone=tuple(gone),
            precedents=before,
        )

    def file(self, who: SignedIn, ident: str, number: int, *, since: bool = False) -> File | No:
        """One file of the change; `since`: compared with what the person looked at last."""
        change = self.find(who, ident)
        if isinstance(change, No):
            return change
        files = self.since(who, change) if since else self._plain_files(who, change)
        return files[number] if 0 <= number < len(files) else _NOTHING

    def since(self, who: SignedIn, change: Change) -> tuple[File, ...]:
        """What is another one than in the draft that `who` looked at last."""
        seen = self._seen(who, change)
        if seen is None or change.draft is None or seen.draft == change.draft:
            return ()
        try:
            pairs = self._trees.changed(Digest(seen.draft), change.draft)
        except StoreError:
            return ()
        return tuple(_file(n, *pair, "", (), None, False) for n, pair in enumerate(pairs))

    def cell(self, who: SignedIn, ident: str, number: int) -> Cell | No:
        """A cell of the proof, and its counterpart."""
        cells = self._cells(who, ident, number)
        if isinstance(cells, No):
            return cells
        document = cells[number]
        other = _counterpart(cells, number)
        log, theirs = self._text(document), self._text(cells[other]) if other is not None else ""
        return Cell(
            number=number,
            document=document,
            words=fault_words(document["fault"]),
            log=log[:_LONGEST_LOG],
            cut=len(log) > _LONGEST_LOG,
            other=other,
            other_document=cells[other] if other is not None else None,
            other_log=theirs[:_LONGEST_LOG],
            differs_at=_first_difference(log, theirs) if other is not None else None,
        )

    def log(self, who: SignedIn, ident: str, number: int) -> bytes | No:
        """The whole log of a cell, as it was kept: secrets are masked in it."""
        cells = self._cells(who, ident, number)
        if isinstance(cells, No):
            return cells
        return self._text(cells[number]).encode("utf-8", "replace")

    def _cells(self, who: SignedIn, ident: str, number: int) -> list[records.Document] | No:
        """The cells of the proof, of which `number` is one."""
        change = self.find(who, ident)
        if isinstance(change, No):
            return change
        proof = self._document(change.proof, [])
        cells: list[records.Document] = proof["cells"] if proof else []
        return cells if 0 <= number < len(cells) else _NOTHING

    def patch(self, who: SignedIn, ident: str) -> bytes | No:
        """The proposal as something that `git apply` takes."""
        change = self.find(who, ident)
        if isinstance(change, No):
            return change
        return self._store.artifacts.get(change.patch) if change.patch is not None else _NOTHING

    # --- what was read --------------------------------------------------------------------

    def mark(self, who: SignedIn, ident: str, number: int, mark: str, *, read: bool) -> File | No:
        """Mark a file as read in the form that was shown. No 409 where it is another one by now."""
        file = self.file(who, ident, number)
        if isinstance(file, No):
            return file
        if file.mark != mark:
            return No("moved", "This file changed while you read it.", "Load the page again.", 409)
        change = self._store.get(ChangeId(ident))
        with self._store.writing() as work:
            rows = Seen(work.connection)
            kept = rows.get(who.account.id, change.id)
            files = dict(kept.files) if kept is not None else {}
            files.pop(file.path, None)
            if read:
                files[file.path] = mark
            draft = kept.draft if kept is not None else str(change.draft)
            rows.put(
                SeenRow(
                    account=who.account.id,
                    change=change.id,
                    draft=draft,
                    files=files,
                    at=kept.at if kept is not None else work.now,
                )
            )
        return file

    def looked(self, who: SignedIn, ident: str) -> Change | No:
        """From here on, news are what differs from the draft as it is now."""
        change = self.find(who, ident)
        if isinstance(change, No) or change.draft is None:
            return change
        with self._store.writing() as work:
            rows = Seen(work.connection)
            kept = rows.get(who.account.id, change.id)
            rows.put(
                SeenRow(
                    account=who.account.id,
                    change=change.id,
                    draft=change.draft,
                    files=kept.files if kept is not None else {},
                    at=work.now,
                )
            )
        return change

    # --- inside ---------------------------------------------------------------------------

    def _seen(self, who: SignedIn, change: Change) -> SeenRow | None:
        with self._store.reading() as view:
            found = Seen(view.connection).get(who.account.id, change.id)
        if found is None and change.draft is not None and who.session is not None:
            self.looked(who, change.id)
        return found

    def _news(self, change: Change, seen: SeenRow | None) -> News | None:
        if seen is None or change.draft is None or seen.draft == change.draft:
            return None
        try:
            pairs = self._trees.changed(Digest(seen.draft), change.draft)
        except StoreError:
            return None
        return News(at=seen.at, files=tuple(shown(path) for path, _, _ in pairs))

    def _plain_files(self, who: SignedIn, change: Change) -> tuple[File, ...]:
        gone: list[str] = []
        plan, proof = self._document(change.plan, gone), self._document(change.proof, gone)
        return self._files(change, plan, proof, self._seen(who, change), gone)

    def _files(
        self,
        change: Change,
        plan: Document | None,
        proof: Document | None,
        seen: SeenRow | None,
        gone: list[str],
    ) -> tuple[File, ...]:
        if change.tree is None or change.draft is None:
            return ()
        try:
            pairs = self._trees.changed(change.tree, change.draft)
            old = self._trees.changed(change.tree, Digest(seen.draft)) if seen is not None else ()
        except StoreError as error:
            gone.append(f"the files: {error}")
            return ()
        before = {path: _mark(path, a, b) for path, a, b in old}
        whys = {edit["path"]: str(edit["why"]) for edit in plan["edits"]} if plan else {}
        roles: dict[str, list[tuple[str, str, str]]] = {}
        for hunk in proof["load_bearing"] if proof else ():
            roles.setdefault(hunk["path"], []).append((hunk["role"], hunk["why"], hunk["header"]))
        moved = _moved(pairs)
        return tuple(
            _file(
                number,
                path,
                a,
                b,
                whys.get(path, moved.get(path, "")),
                tuple(roles.get(path, ())),
                seen,
                seen is not None and before.get(path) != _mark(path, a, b),
            )
            for number, (path, a, b) in enumerate(sorted(pairs, key=_reading_order))
        )

    def _document(self, digest: Digest | None, gone: list[str]) -> Document | None:
        if digest is None:
            return None
        try:
            return records.loads(self._store.artifacts.get(digest))
        except StoreError as error:
            gone.append(str(error))
            return None

    def _text(self, cell: Document) -> str:
        if not cell["log"]:
            return ""
        try:
            return self._store.artifacts.get(cell["log"]).decode("utf-8", "replace")
        except StoreError as error:
            return f"(the log is gone: {error})\n"

    def _difference(self, proof: Document | None) -> Difference | None:
        """In the first declared fault that hits on base."""
        for number, cell in enumerate(proof["cells"] if proof else ()):
            if cell["kind"] != "declared" or (cell["side"], cell["outcome"]) != ("base", "hit"):
                continue
            other = _counterpart(proof["cells"] if proof else [], number)
            if other is None or proof is None:
                return None
            base, draft = self._text(cell), self._text(proof["cells"][other])
            at = _first_difference(base, draft)
            if at is None:
                return None
            return Difference(
                words=fault_words(cell["fault"]),
                line=at,
                base=_line(base, at),
                draft=_line(draft, at),
                cell=number,
            )
        return None

    def _log(self, change: Change) -> tuple[Said, ...]:
        entries = self._store.entries(change.id, newest=14)
        return tuple(
            Said(
                seq=one.seq,
                at=one.at,
                kind=one.judgment.kind.value.replace("-", " "),
                actor=one.judgment.actor,
                why=one.judgment.why,
            )
            for one in reversed(entries)
            if one.judgment.kind not in _NOT_SHOWN
        )


class _Trees:
    """What differs between two packed trees. The last ones are kept, where they are small."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: OrderedDict[tuple[str, str], tuple[tuple[str, Entry | None, Entry | None], ...]]
        self._kept = OrderedDict()
        self._lock = threading.Lock()

    def changed(
        self, old: Digest, new: Digest
    ) -> tuple[tuple[str, Entry | None, Entry | None], ...]:
        """(path, before, after) by path. Raises `StoreError` where a tree is gone."""
        if old == new:
            return ()
        with self._lock:
            if (old, new) in self._kept:
                self._kept.move_to_end((old, new))
                return self._kept[old, new]
        a = records.unpack(self._store.artifacts.get(old))
        b = records.unpack(self._store.artifacts.get(new))
        paths = sorted(a.keys() | b.keys())
        found = tuple((p, a.get(p), b.get(p)) for p in paths if a.get(p) != b.get(p))
        if sum(len(e[1]) for _, *both in found for e in both if e is not None) <= _KEPT_BYTES:
            with self._lock:
                self._kept[old, new] = found
                while len(self._kept) > _KEPT_TREES:
                    self._kept.popitem(last=False)
        return found


# --- files ------------------------------------------------------------------------------------


def _file(
    number: int,
    path: str,
    old: Entry | None,
    new: Entry | None,
    why: str,
    roles: tuple[tuple[str, str, str], ...],
    seen: SeenRow | None,
    news: bool,
) -> File:
    mark = _mark(path, old, new)
    return File(
        number=number,
        path=path,
        shown=shown(path),
        old=old,
        new=new,
        mark=mark,
        why=why,
        notes=tuple(_notes(path, old, new)),
        roles=roles,
        read=seen is not None and seen.files.get(path) == mark,
        news=news,
    )


def _mark(path: str, old: Entry | None, new: Entry | None) -> str:
    parts = [path.encode("utf-8", "surrogateescape")]
    parts += [b"-" if e is None else f"{e[0]:o} ".encode() + e[1] for e in (old, new)]
    return digest_of(b"".join(digest_of(part).encode() for part in parts))[:32]


def _notes(path: str, old: Entry | None, new: Entry | None) -> Iterable[str]:
    """What a file is, in a word or two each."""
    if path.startswith(REHEARSALS):
        yield "new rehearsal" if old is None else "edits an old rehearsal"
    elif path.startswith(".pawl/"):
        yield "Pawl's own settings"
    elif old is None:
        yield "new file"
    if new is None:
        yield "removed"


def _moved(pairs: Sequence[tuple[str, Entry | None, Entry | None]]) -> dict[str, str]:
    """Files whose content was there before under another name; both are shown all the same."""
    gone = {old[1]: path for path, old, new in pairs if old is not None and new is None and old[1]}
    return {
        path: f"the same content as {shown(gone[new[1]])}, which is removed"
        for path, old, new in pairs
        if old is None and new is not None and new[1] in gone
    }


def _reading_order(one: tuple[str, Entry | None, Entry | None]) -> tuple[bool, bool, str]:
    """What runs comes first, rehearsals last."""
    path = one[0]
    return path.startswith(".pawl/"), path.endswith((".md", ".rst", ".txt")), path


def _yaml(rehearsal: Document | None) -> str:
    if rehearsal is None:
        return ""
    entry = records.to_rehearsal(rehearsal).files.get("rehearsal.yaml")
    return entry[1].decode("utf-8", "replace") if entry is not None else ""


# --- proof ------------------------------------------------------------------------------------


def _groups(proof: Document | None) -> tuple[Group, ...]:
    if proof is None:
        return ()
    numbered = list(enumerate(proof["cells"]))
    found = []
    for kind, title, about in _GROUPS:
        cells = [(n, c) for n, c in numbered if c["kind"] == kind]
        if not cells:
            continue
        rows: dict[tuple[str, str, str, bool], list[tuple[int, Document]]] = {}
        for number, cell in cells:
            words = "no fault" if cell["fault"] is None else fault_words(cell["fault"])
            key = (words, " ".join(cell["entry"]), cell["rehearsal"], bool(cell["frozen"]))
            rows.setdefault(key, []).append((number, cell))
        trials = [
            Trial(
                words=key[0],
                entry=key[1],
                rehearsal=key[2],
                frozen=key[3],
                base=_side(kind, [one for one in row if one[1]["side"] == "base"]),
                draft=_side(kind, [one for one in row if one[1]["side"] == "draft"]),
            )
            for key, row in rows.items()
        ]
        found.append(
            Group(
                kind=kind,
                title=title,
                about=about,
                trials=tuple(sorted(trials, key=lambda one: not one.decisive)),
                base=Counter(c["outcome"] for _, c in cells if c["side"] == "base"),
                draft=Counter(c["outcome"] for _, c in cells if c["side"] == "draft"),
            )
        )
    return tuple(found)


_WORST = ("hit", "broken", "held")


def _side(kind: str, cells: Sequence[tuple[int, Document]]) -> Side:
    if not cells:
        return Side(word="", runs=0, why="", lost=0, altered=0, reached=True, cell=None)
    number, worst = min(cells, key=lambda one: _WORST.index(one[1]["outcome"]))
    word = str(worst["outcome"]) if len({c["outcome"] for _, c in cells}) == 1 else "mixed"
    return Side(
        word="works" if word == "held" and kind in ("control", "check") else word,
        runs=len(cells),
        why=str(worst["why"]),
        lost=int(worst["lost_count"]),
        altered=int(worst["altered_count"]),
        reached=any(c["reached"] for _, c in cells),
        cell=number,
    )


def _counterpart(cells: Sequence[Document], number: int) -> int | None:
    """The run of the same trial and repeat on the other side."""
    mine = cells[number]
    same = ("kind", "rehearsal", "entry", "fault", "seed", "frozen")
    for other, cell in enumerate(cells):
        if cell["side"] != mine["side"] and all(cell[key] == mine[key] for key in same):
            return other
    return None


def _first_difference(base: str, draft: str) -> int | None:
    """Number of the first line that is another one; None where there is none."""
    a, b = base.split("\n"), draft.split("\n")
    for number in range(max(len(a), len(b))):
        if a[number : number + 1] != b[number : number + 1]:
            return number + 1
    return None


def _line(text: str, number: int) -> str:
    lines = text.split("\n")
    return lines[number - 1][:300] if number <= len(lines) else ""


# --- findings, rights -------------------------------------------------------------------------


def _findings(verdict: Document | None, files: Sequence[File]) -> tuple[Found, ...]:
    alike: dict[tuple[str, ...], list[Document]] = {}
    for one in verdict["findings"] if verdict else ():
        key = tuple(str(one[k]) for k in ("rule", "level", "title", "why", "remedy", "role"))
        alike.setdefault(key, []).append(one)
    numbers = {file.shown: file.number for file in files}
    order = ("deny", "ask", "note")
    return tuple(
        Found(
            rule=key[0],
            level=key[1],
            title=key[2],
            why=key[3],
            remedy=key[4],
            role=key[5],
            source=str(found[0]["source"]),
            places=tuple(dict.fromkeys(_place(str(one["place"]), numbers) for one in found)),
        )
        for key, found in sorted(alike.items(), key=lambda pair: order.index(pair[0][1]))
    )


def _place(place: str, numbers: Mapping[str, int]) -> tuple[str, int | None, int | None]:
    path, _, line = place.rpartition(":")
    if line.isdecimal() and path in numbers:
        return place, numbers[path], int(line)
    return place, numbers.get(place), None


def _may_withdraw(change: Change, who: SignedIn) -> bool:
    if change.ended or change.stage is Stage.MERGING or who.session is None:
        return False
    mine = who.person in (change.requester, change.request.by)
    return mine or Role.ADMINISTRATOR in who.roles(change.repository)


_NOTHING = No(
    "not-found",
    "There is no such change, or you have no role in its repository.",
    "Ask an administrator for a role there.",
    404,
)
