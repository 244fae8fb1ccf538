"""The family "hand-kept copies": one list that people keep by hand in several files, so that one of
them is forgotten.

Detects by shared values, rehearses a forgotten place, and gives one list, one command, one check.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import yaml

from agents import (
    Alternative,
    Brief,
    Desk,
    Edit,
    Files,
    NothingFits,
    NotReproduced,
    Plan,
    Prediction,
    Question,
    Rehearsal,
    ReshapeKind,
)
from agents.reading import lists, runbooks
from agents.reading.entries import workflow_files
from agents.reading.lists import Form, Group
from agents.recipes.hand_kept import blocks, comparer, facts, tool, upkeep, words
from agents.recipes.hand_kept.blocks import Block
from agents.recipes.hand_kept.facts import Fact, Shown, Truth, Unclear
from agents.recipes.hand_kept.tool import Design
from agents.recipes.hand_kept.words import Command

FAILURE = "hand-kept-copies"

_MOST_ODD = 0.4
"""The share of entries in which copies may differ; settings of two environments differ in more."""

_LOOKED_FOR = (
    "four or more names, addresses or versions that two files share, each as a list of entries of "
    "one shape (lines, a Markdown table, JSON)",
)
_HELP = (
    "the paths of the files that have to say the same, in the request",
    "a command in backticks as it should be called, with a word for each value",
)


@dataclass(frozen=True)
class Case:
    """A list in several places, and what the request wants of it."""

    group: Group
    fact: Fact
    truth: Truth
    right: str
    command: Command
    order: tuple[str, ...]


@dataclass(frozen=True)
class _Unsure:
    """Places disagree, and nobody said which one is right."""

    case: Case


# --- finding -------------------------------------------------------------------------------------


def found(brief: Brief) -> Case | _Unsure | Unclear:
    """The list that the request is about."""
    every = lists.groups(brief.tree)
    named = [words.command(brief.request, group, brief.tree) for group in every]
    ranked = [
        (words.relevance(brief.request, group, command), -i)
        for i, (group, command) in enumerate(zip(every, named, strict=True))
    ]
    if not ranked:
        return Unclear("no two files of this repository share a list of entries of one shape")
    relevance, place = max(ranked)
    if relevance == 0:
        return Unclear("the request is about something else than a list in several files")
    return _case(brief, every[-place])


def _case(brief: Brief, group: Group) -> Case | _Unsure | Unclear:
    texts = lists.readable(brief.tree)
    missed = _also_edited(brief, group)
    if missed:
        return Unclear(
            f"{missed} shows the same entries in a shape that can't be written anew: entries of "
            "several lines, or lines that differ"
        )
    fact = facts.understand(group, texts)
    if isinstance(fact, Unclear):
        return fact
    command = words.command(brief.request, group, brief.tree)
    order = tuple(fact.kinds)
    if command.holes:
        meant = words.matched(command.holes, fact)
        if isinstance(meant, Unclear):
            return meant
        fact, order = _in_the_words_of(fact, meant)
    else:
        order = (fact.key, *(f for f in order if f != fact.key))
    right = words.right([brief.request, *brief.told], group.paths, words.noun(group))
    truth = facts.merged(fact, right)
    if isinstance(truth, Unclear):
        return truth
    if len(truth.disagreements) > _MOST_ODD * len(truth.entities) * (len(fact.places) - 1):
        return Unclear(f"{', '.join(group.paths)} differ in most entries, so they are no copies")
    case = Case(group, fact, truth, right, command, order)
    return _Unsure(case) if truth.disagreements and not right else case


def _also_edited(brief: Brief, group: Group) -> str:
    """A file with the same values that people have to edit too, and that is no list of entries."""
    for path in group.also:
        others = [p for p in group.paths if p != path]
        if words.mention(brief.request, path, others) >= 4:
            return path
        for one in runbooks.procedures(brief.tree):
            for step in one.steps:
                named = words.mention(step.text, path, others) >= 4
                if named and one.path != path and runbooks.EDITING.search(step.text):
                    return path
    return ""


def _in_the_words_of(fact: Fact, meant: Mapping[str, str]) -> tuple[Fact, tuple[str, ...]]:
    """The fact under the request's words, where no table's heading says another one."""
    headed = {f for p in fact.places if "table" in p.read for f in p.fields}
    names = {field: hole for hole, field in meant.items() if field not in headed and hole != field}
    names = {field: hole for field, hole in names.items() if hole not in fact.kinds}
    return facts.renamed(fact, names), tuple(names.get(f, f) for f in meant.values())


# --- rehearsing ----------------------------------------------------------------------------------


def rehearse(brief: Brief, desk: Desk) -> Rehearsal | Question | NothingFits | NotReproduced:
    """Write a rehearsal in which a place is left out, and see that nothing notices it on base."""
    case = found(brief)
    if isinstance(case, Unclear):
        return _nothing(brief.tree, case.why)
    if isinstance(case, _Unsure):
        return _question(case.case)
    one = rehearsal(brief.tree, case)
    paths = ", ".join(case.group.paths)
    desk.say(
        f"{len(case.truth.entities)} {words.noun(case.group)} in {len(case.group.paths)} files: "
        f"{paths}; trying on base: an entry by hand in all of them, then with each one left out"
    )
    trial = desk.try_rehearsal(one)
    if trial.control_good and trial.hits:
        desk.say(f"hits: {trial.why}")
        return one
    desk.discard(FAILURE, trial.why)
    if not trial.control_good:
        return NothingFits(
            f"the places were found ({paths}), but an entry that is added by hand to all of them "
            f"does not come out right, so they are not understood: {trial.why}",
            _LOOKED_FOR,
            tuple(case.group.paths),
            _HELP,
            one,
        )
    return NotReproduced(
        f"a place that is left out is noticed on base already, so there is nothing to propose: "
        f"{trial.why}",
        (f"an entry that is missing in one of {paths}, committed, and what CI says of it",),
        ("which step is still done by hand, and what goes wrong when it is left out",),
    )


def rehearsal(tree: Files, case: Case) -> Rehearsal:
    """The rehearsal of a list: its places, how they are read, and what people will call."""
    fact, command = case.fact, case.command
    noun = words.noun(case.group)
    told = _comparable(fact) if command.only_check else tuple(fact.kinds)
    story = (
        f"Adding one of the {noun} must not depend on somebody remembering "
        f"{len(fact.places)} files."
    )
    document: dict[str, object] = {
        "schema": "rehearsal/v1",
        "story": story,
        "failure": FAILURE,
        "toil": {
            "facts": {f: kind for f, kind in fact.kinds.items() if f in told},
            "places": [_written(p, told) for p in fact.places],
            **({"truth": case.right} if case.right else {}),
            **({} if command.only_check else {"operation": _operation(case)}),
            **({"check": [command.path, command.check]} if command.checked else {}),
            "goal": "noticed" if command.only_check else "done",
        },
    }
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)
    return Rehearsal(
        _name(tree, noun),
        {"rehearsal.yaml": (0o100644, text.encode())},
        story,
        FAILURE,
        (
            f"{', '.join(case.group.paths)} share {len(case.group.shared)} values",
            *case.truth.disagreements[:6],
        ),
    )


def _operation(case: Case) -> dict[str, object]:
    command = case.command
    return {
        "add": [[command.path, command.add, *(f"{{{f}}}" for f in case.order)]],
        "remove": [[command.path, command.remove, f"{{{case.fact.key}}}"]],
    }


def _comparable(fact: Fact) -> tuple[str, ...]:
    """The fields that more than one place tells: no check can miss another one in step."""
    return tuple(f for f in fact.kinds if sum(f in p.fields for p in fact.places) > 1)


def _written(place: Shown, told: Sequence[str]) -> dict[str, object]:
    keeps = {"keeps": list(place.keeps)} if place.keeps else {}
    fields = [f for f in place.fields if f in told]
    return {"file": place.path, "fields": fields, "read": dict(place.read), **keeps}


def _name(tree: Files, noun: str) -> str:
    name = f"{noun}-in-one-place"
    taken = {
        p.split("/")[2] for p in tree if p.startswith(".pawl/rehearsals/") and p.count("/") > 2
    }
    free, number = name, 2
    while free in taken:
        free, number = f"{name}-{number}", number + 1
    return free


def _question(case: Case) -> Question:
    """Which place is right; the default is one that programs read and that names most entries."""
    places = sorted(
        case.fact.places, key=lambda p: (p.listing.form is Form.TABLE, -len(p.rows), p.path)
    )
    seen = "; ".join(case.truth.disagreements[:3])
    return Question(
        ((f"The files disagree: {seen}. Which one is right: {', '.join(case.group.paths)}?",
          places[0].path),)
    )  # fmt: skip


def _nothing(tree: Files, why: str) -> NothingFits:
    shown = tuple(
        f"{', '.join(g.paths)} share {len(g.shared)} values" for g in lists.groups(tree)[:4]
    )
    return NothingFits(why, _LOOKED_FOR, shown, _HELP)


# --- planning ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Draft:
    """The tree's files as they will be, and what is to be said of them."""

    design: Design
    tongue: str
    edits: tuple[Edit, ...]
    guard: str
    documents: upkeep.Documents


def plan(brief: Brief, desk: Desk, made: Rehearsal) -> Plan | Question | NothingFits:
    """One list, one command, the files rendered from it, one check in CI, a shorter runbook."""
    told = tuple(t for t in brief.told if not words.right([t], _places_of(made)))
    case = found(replace(brief, told=(*brief.told, _truth_of(made))))
    if isinstance(case, _Unsure):
        return _question(case.case)
    if isinstance(case, Unclear):
        return replace(_nothing(brief.tree, case.why), rehearsal=made)
    if told:
        desk.discard("one list and a tool that renders", f"came back: {told[-1][:200]}")
        return replace(
            _nothing(brief.tree, f"the only way that is known here came back: {told[-1][:300]}"),
            rehearsal=made,
        )
    if case.command.only_check:
        return _guard_plan(brief.tree, case, made)
    one = draft(brief.tree, case)
    if isinstance(one, Unclear):
        desk.discard("one list and a tool that renders", one.why)
        return replace(_nothing(brief.tree, one.why), rehearsal=made)
    return _plan(brief.tree, case, one)


def _places_of(made: Rehearsal) -> tuple[str, ...]:
    places = _toil(made).get("places")
    found_ = places if isinstance(places, list) else []
    return tuple(str(p["file"]) for p in found_ if isinstance(p, dict) and "file" in p)


def _truth_of(made: Rehearsal) -> str:
    return str(_toil(made).get("truth", ""))


def _toil(made: Rehearsal) -> Mapping[str, object]:
    entry = made.files.get("rehearsal.yaml")
    try:
        content = yaml.safe_load(entry[1]) if entry else None
    except yaml.YAMLError:
        content = None
    toil = content.get("toil") if isinstance(content, dict) else None
    return toil if isinstance(toil, dict) else {}


def draft(tree: Files, case: Case) -> Draft | Unclear:
    """Every file of the change, or why the entries can't be rendered as they stand."""
    rows, by_key = facts.order(case.fact, case.truth.entities)
    command, noun = case.command, words.noun(case.group)
    if command.path in tree or command.list_path in tree:
        return Unclear(f"{command.path} or {command.list_path} is there already")
    design = Design(command, case.order, case.fact.kinds, case.fact.key, (), rows, by_key, noun)
    texts: dict[str, str] = {}
    made: list[Block] = []
    for place in case.fact.places:
        base = tree[place.path][1].decode()
        text = _with_comments(base, place.path, case.group.paths, design)
        one = blocks.block(place, text)
        if isinstance(one, Unclear):
            return one
        made.append(one)
        is_json = place.listing.form is Form.JSON
        texts[place.path] = blocks.rendered(one, "[\n]\n" if is_json else text, rows) or ""
    design = replace(design, blocks=tuple(made))
    tongue = tool.language(tree, command.path)
    if tongue == "sh" and any(" " in b.file for b in made):
        tongue = "python"
    guarded = _guarded(tree, command, noun)
    if isinstance(guarded, Unclear):
        return guarded
    texts[guarded.path] = guarded.text
    now = {
        **tree,
        **{p: (tree[p][0] if p in tree else 0o100644, t.encode()) for p, t in texts.items()},
    }
    documents = upkeep.documents(now, design)
    texts.update(documents.texts)
    wrong = _wrong(case, design, texts)
    if wrong:
        return Unclear(wrong)
    return Draft(design, tongue, _edits(tree, design, tongue, texts), guarded.where, documents)


def _with_comments(text: str, path: str, paths: Sequence[str], design: Design) -> str:
    lines = text.splitlines(keepends=True)
    for i, said in upkeep.comments(text, path, paths, design):
        lines[i] = said + "\n"
    return "".join(lines)


def _guarded(tree: Files, command: Command, noun: str) -> upkeep.Guard | Unclear:
    check = f"{command.path} {command.check}"
    if "/" not in command.path:
        check = f"./{check}"
    guard = upkeep.guard(tree, check)
    if guard is not None:
        return guard
    others = [p for p in workflow_files(tree) if not p.startswith(".github/")]
    if others:
        return Unclear(f"CI is defined in {others[0]}, a form in which no step can be added yet")
    if not any(p.startswith(".github/") for p in tree):
        return Unclear("nothing here runs for each change, so drift would not be noticed")
    path = f".github/workflows/{noun}.yml"
    if path in tree:
        return Unclear(f"{path} does not run for each change")
    return upkeep.Guard(path, upkeep.workflow(noun, check), f"the new workflow {path}")


def _wrong(case: Case, design: Design, texts: Mapping[str, str]) -> str:
    """What the rendered files would still say wrongly; "" when every place is right."""
    for place, one in zip(case.fact.places, design.blocks, strict=True):
        text = texts[place.path]
        if blocks.rendered(one, text, design.rows) != text:
            return f"{place.path}: the lines around its entries would not be found again"
        got = facts.read(text, place.read)
        want = {tuple(r[f] for f in place.fields) for r in design.rows}
        if got is None or {tuple(r.get(f, "") for f in place.fields) for r in got} != want:
            return f"{place.path}: its entries can't be written so that they read as before"
    return ""


def _edits(tree: Files, design: Design, tongue: str, texts: Mapping[str, str]) -> tuple[Edit, ...]:
    command = design.command
    new = [
        Edit(
            command.list_path,
            None,
            (0o100644, tool.listed(design).encode()),
            f"the one place in which the {design.noun} are written by hand or by the command",
        ),
        Edit(
            command.path,
            None,
            (0o100755, tool.text(design, tongue).encode()),
            "adds, removes, renders and checks; refuses bad values before anything is written",
        ),
    ]
    rendered = {b.file for b in design.blocks}
    for path, text in sorted(texts.items()):
        before = tree.get(path)
        after = (before[0] if before else 0o100644, text.encode())
        if before != after:
            why = "rendered from the list" if path in rendered else "checked on each push"
            why = why if path.startswith(".github/") or path in rendered else "one command now"
            new.append(Edit(path, before, after, why))
    return tuple(sorted(new, key=lambda e: e.path))


def _plan(tree: Files, case: Case, one: Draft) -> Plan:
    command, design = case.command, one.design
    noun, docs = design.noun, one.documents
    places = ", ".join(case.group.paths)
    steps = Prediction("runbook steps", docs.before, docs.after)
    check = f"`{command.path} {command.check}`"
    return Plan(
        title=f"One list of {noun}, and one command that writes the {len(design.blocks)} files",
        kind=ReshapeKind.AUTOMATE,
        edits=one.edits,
        reasons=(
            f"{places} hold the same {noun}, and each new one had to be written into all of them",
            *(f"on base {odd}" for odd in case.truth.disagreements[:6]),
            *((f"{case.right} was taken as right, as the request says",) if case.right else ()),
            f"{one.guard} runs {check}, so that an edit by hand in one of the files is noticed",
            *docs.told,
        ),
        alternatives=_alternatives(case, one),
        unsolved=(
            *_also(case, tree),
            "Copies outside of this repository (a wiki, a ticket, another repository) are not fed.",
        ),
        price=tuple(_price(case, one)),
        prediction=steps if docs.before else Prediction("open failures", 1, 0),
        why_not_deeper=(
            "The files stay, since others read them where they are and as they are; so a command "
            "still has to be called for each new entry, and the list is still written by somebody."
        ),
    )


def _guard_plan(tree: Files, case: Case, made: Rehearsal) -> Plan | NothingFits:
    """Only a check, since only a check was asked for."""
    edits = _guard_edits(tree, case)
    if isinstance(edits, Unclear):
        return replace(_nothing(tree, edits.why), rehearsal=made)
    command, noun = case.command, words.noun(case.group)
    places = ", ".join(case.group.paths)
    return Plan(
        title=f"CI says so when the {len(case.fact.places)} lists of {noun} differ",
        kind=ReshapeKind.GUARD,
        edits=edits,
        reasons=(
            f"{places} hold the same {noun}, and nothing said so when one was forgotten",
            *(f"on base {odd}" for odd in case.truth.disagreements[:6]),
            f"`{command.path} {command.check}` reads all of them and compares what they say",
        ),
        alternatives=(
            Alternative(
                "One list from which the files are rendered, with a command that adds to it",
                "the request asks for a check only; with a command in it (`X add NAME ...`) this "
                "is what would be proposed",
            ),
        ),
        unsolved=(
            "Every file is still edited by hand for each entry.",
            *(
                f"Only one file tells the {f}, so nothing can be compared there."
                for f in case.fact.kinds
                if f not in _comparable(case.fact)
            ),
            *_also(case, tree),
        ),
        price=("A change that leaves one of the files for later can't be merged any more.",),
        prediction=Prediction("open failures", 1, 0),
        why_not_deeper=(
            "The request asks for a check and no more: leaving a file out is noticed, and the "
            "step is still there."
        ),
    )


def _guard_edits(tree: Files, case: Case) -> tuple[Edit, ...] | Unclear:
    command, noun = case.command, words.noun(case.group)
    guarded = _guarded(tree, command, noun)
    if isinstance(guarded, Unclear):
        return guarded
    texts = {guarded.path: guarded.text}
    rows, _ = facts.order(case.fact, case.truth.entities)
    for place in case.fact.places:
        want = {tuple(r[f] for f in place.fields) for r in rows}
        if want == {tuple(r[f] for f in place.fields) for r in place.rows}:
            continue
        text = tree[place.path][1].decode()
        one = blocks.block(place, text)
        if isinstance(one, Unclear):
            return one
        is_json = place.listing.form is Form.JSON
        texts[place.path] = blocks.rendered(one, "[\n]\n" if is_json else text, rows) or text
    made = comparer.text(case.fact, command, noun)
    tool_ = Edit(command.path, None, (0o100755, made.encode()), "compares what the places say")
    changed = [
        Edit(
            path,
            tree.get(path),
            (tree[path][0] if path in tree else 0o100644, text.encode()),
            "checked on each push" if path == guarded.path else "says what is so",
        )
        for path, text in texts.items()
    ]
    return tuple(sorted([tool_, *changed], key=lambda e: e.path))


def _also(case: Case, tree: Files) -> tuple[str, ...]:
    zones = [p for p in case.group.paths if re.search(rb"\bIN\s+SOA\b", tree[p][1])]
    serials = tuple(f"The serial of {path} is still raised by hand." for path in zones)
    return serials + tuple(
        f"{path} mentions most of the {words.noun(case.group)} as well, in a shape that is no "
        "list; nothing feeds it."
        for path in case.group.also
    )


def _price(case: Case, one: Draft) -> list[str]:
    command, design = case.command, one.design
    found_ = [
        f"Entries are edited in {command.list_path} or by {command.path} only; an edit in one of "
        f"the {len(design.blocks)} files is refused by CI until `{command.path} render` has run.",
        "Entries are written in one order and one layout; hand-written lines around them stay.",
    ]
    found_ += [
        f"{p.path} gets another layout (one value a line), since the tool writes it anew."
        for p in case.fact.places
        if p.listing.form is Form.JSON and p.listing.trouble
    ]
    for field, known in design.known.items():
        found_.append(
            f"A {field} that is none of {', '.join(known)} has to be added to {command.path} first."
        )
    return found_


def _alternatives(case: Case, one: Draft) -> tuple[Alternative, ...]:
    richest = max(case.fact.places, key=lambda p: (len(p.fields), len(p.rows)))
    missing = [f for f in case.fact.kinds if f not in richest.fields]
    source_why = (
        f"it does not tell {', '.join(missing)}"
        if missing
        else "a file that others read in their own format would be data and source at once, and an "
        "edit by hand in it could not be told from drift"
    )
    return (
        Alternative(
            f"Only a check that compares the {len(one.design.blocks)} files (a guard)",
            "it notices the forgotten file and leaves every step to be done by hand",
        ),
        Alternative(
            "Render the files when they are deployed and take them out of the repository",
            "others read them where they are, and what goes live could not be reviewed here",
        ),
        Alternative(f"{richest.path} as the source of the others", source_why),
    )


__all__ = ["FAILURE", "Case", "draft", "found", "plan", "rehearsal", "rehearse"]
