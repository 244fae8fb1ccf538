"""The family "destructive publish": a command makes a live place equal to a source, whatever state
the source is in, so a build that went half wrong deletes what is live.

Detects by effect, rehearses with a broken producer, and takes both the masks and the deletion out.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property

import yaml

from agents import (
    Alternative,
    Argv,
    Brief,
    Desk,
    Edit,
    Files,
    NothingFits,
    NotReproduced,
    Plan,
    Prediction,
    Rehearsal,
    ReshapeKind,
)
from agents import edits as editing
from agents.reading import effects, entries, tools
from agents.reading.effects import Chain, Mirror, Way
from agents.reading.reader import Reach, ci_traces, reaches, suspects
from agents.reading.trace import trace
from agents.reading.values import TREE, Step, Trace, tree_path
from agents.recipes import fail_closed, worlds
from agents.recipes.fail_closed import Run, Sheet

FAILURE = "destructive-publish"
MAX_TRIES = 6

_PUBLISHING = tools.named(
    """
    publish published publishing deploy deployed deploys deployment upload uploaded sync synced
    mirror mirrored release released rollout push pushed site website web www bucket server live
    production prod page pages cdn docs build built rebuild ship shipped
    """
)
_LOSING = tools.named(
    """
    deleted deletes delete deleting removed removes remove gone missing vanished lost lose wiped
    wipe empty emptied disappeared disappear 404 half partial incomplete broken truncated erased
    restore restored overwritten purged away wipes cleared dropped destroyed vanish disappears
    blank deletion
    """
)


# --- candidates ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Candidate:
    """An entry point that reaches a destructive publish, with all that its rehearsal needs."""

    reach: Reach
    run: Trace
    env: dict[str, str]
    mirrors: tuple[Mirror, ...]  # those that publish
    world: worlds.World | worlds.Unplayable

    @property
    def argv(self) -> Argv:
        return self.reach.start.argv

    @cached_property
    def chains(self) -> tuple[Chain, ...]:
        built = self.world.built if isinstance(self.world, worlds.World) else {}
        return tuple(effects.chain(self.run, m, built) for m in self.mirrors)

    @cached_property
    def producers(self) -> tuple[Step, ...]:
        """Everything that feeds one of the mirrors, in the order of the run."""
        ids = {id(s) for one in self.chains for s in one.producers}
        return tuple(s for s in self.run.steps if id(s) in ids)

    def goal(self, step: Step) -> Step:
        """The first publish that a step feeds."""
        for mirror, one in zip(self.mirrors, self.chains, strict=True):
            if any(s is step for s in one.producers):
                return mirror.step
        return self.mirrors[0].step


def candidates(tree: Files, entry: Argv | None = None) -> tuple[Candidate, ...]:
    """The ways to start something that reach a destructive publish, one a script."""
    found: list[Candidate] = []
    for reach in reaches(tree, entry):
        if not reach.mirrors:
            continue
        run = reach.trace
        env = {**worlds.invented(run, reach.mirrors)}
        if any(m.unknown for m in reach.mirrors) and env:
            run = trace(tree, reach.start.argv, env=env)
        env = {**worlds.needed(run), **env}
        mirrors = tuple(m for m in effects.mirrors(run) if m.publishes)
        if mirrors:
            world = worlds.derive(tree, run, mirrors, env)
            found.append(Candidate(reach, run, env, mirrors, world))
    return tuple(found)


def _words(request: str) -> list[str]:
    return re.findall(r"[a-z0-9][a-z0-9_.-]*[a-z0-9]|[a-z0-9]", request.lower())


def relevance(request: str, candidate: Candidate) -> int:
    """How much of a request speaks of a candidate: its files, tools, places and kind of harm.

    Zero means that the request is about something else.
    """
    words = set(_words(request))
    plain = request.lower()
    score = 0
    for path in candidate.run.files:
        base = posixpath.basename(path)
        if path.lower() in plain or (len(base) > 4 and base.lower() in words):
            score += 3
    score += 3 * (" ".join(candidate.argv).lower() in plain)
    for mirror in candidate.mirrors:
        place = re.sub(r"^s3://", "", mirror.target).split(":")[0].split("/")[0].lower()
        score += 2 * bool(place and place in plain)
    names = {s.name for s in (*candidate.producers, *(m.step for m in candidate.mirrors))}
    score += 2 * bool({n for n in names if len(n) > 3} & words)
    publishing = len(_PUBLISHING & words)
    losing = len(_LOSING & words)
    fits = (publishing and losing) or publishing > 1 or score > 1
    return score + 2 * publishing + 2 * losing if fits else 0


def _order(request: str, entry: Argv | None, candidate: Candidate) -> tuple[int, int, int]:
    chosen = 0 if entry is not None and candidate.argv == entry else 1
    return chosen, -relevance(request, candidate), int(candidate.reach.start.rank)


def is_rotation(candidate: Candidate) -> str:
    """Why a source is a store with generations of its own and no build, or ""."""
    for mirror, one in zip(candidate.mirrors, candidate.chains, strict=True):
        source = mirror.sources[0] if mirror.sources else ""
        if not effects.is_outside(source) or ":" in source:
            continue
        for step in candidate.run.before(mirror.step):
            if step.name not in ("mv", "rm"):
                continue
            touched = [
                effects.address(w, step.cwd) for w in step.words[1:] if not w.text.startswith("-")
            ]
            below = [
                w
                for w in touched
                if w != source and effects.overlaps(w, source) and len(w) > len(source)
            ]
            if below and any(s.name != step.name for s in one.producers):
                return (
                    f"{' '.join(step.texts)[:60]} turns over generations inside {source}, "
                    "which is mirrored afterwards: a rotation, another family"
                )
    return ""


# --- rehearsing ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Attempt:
    """One thing that goes wrong, and how it is said to people."""

    fault: dict[str, object]
    shown: str


def attempts(candidate: Candidate) -> list[Attempt]:
    """What may go wrong, the likeliest first: broken producers whose failure is lost, sources."""
    found: list[Attempt] = []
    seen: dict[str, int] = {}
    numbered: list[tuple[Step, str, int]] = []
    for step in candidate.run.steps:
        kind = tools.signature(step.texts)
        seen[kind] = seen.get(kind, 0) + 1
        numbered.append((step, kind, seen[kind]))
    feeding = {id(s) for s in candidate.producers}
    lost: list[tuple[Step, str, int]] = []
    for step, kind, number in numbered:
        if id(step) not in feeding or step.name in ("date", "echo", "printf", "cat", "mv"):
            continue
        if fail_closed.masked(step, candidate.goal(step)):
            lost.append((step, kind, number))
    filling = {id(s) for m in candidate.mirrors for s in m.fillers}
    for step, kind, number in numbered:
        if id(step) in filling and kind != "mv":  # what is emptied stays empty without it
            found.append(_call(kind, number, "cut"))
    once = [x for x in lost if not x[0].repeats]
    loops = [(s, k, 1) for s, k, _ in lost if s.repeats]
    ranked = list(dict.fromkeys((k, n) for _, k, n in [*once, *loops]))
    for kind, number in ranked[:2]:
        found.append(_call(kind, number, "cut"))
    if ranked:
        found += [_call(*ranked[0], "fail"), _call(*ranked[0], "kill")]
    origins = dict.fromkeys(
        o.rstrip("/*").rstrip("/")
        for one in candidate.chains
        for o in one.origins
        if effects.is_outside(o) and "$" not in o and "://" not in o
    )
    found += [
        Attempt({"input": o, "value": "half"}, f"half of {o} is there") for o in list(origins)[:2]
    ]
    outward = [
        (k, n)
        for s, k, n in numbered
        if id(s) in feeding
        and s.name in ("rsync", "scp", "aws", "curl", "wget")
        and any(effects.is_outside(r) for r in effects.reads(s))
    ]
    found += [_call(k, n, "short") for k, n in outward[:1]]
    found += [_call(k, n, "noop") for k, n in outward[:1]]
    unmasked = [
        (k, n)
        for s, k, n in numbered
        if id(s) in feeding
        and (k, n) not in ranked
        and s.name not in ("date", "echo", "printf", "cat", "mv")
    ]
    found += [_call(k, n, "cut") for k, n in unmasked[:1]]
    unique = {str(sorted(a.fault.items(), key=str)): a for a in found}
    return list(unique.values())[:MAX_TRIES]


def _call(kind: str, number: int, does: str) -> Attempt:
    shown = {
        "cut": "ends half way with an error",
        "fail": "fails at once",
        "kill": "is killed",
        "short": "does half of its work and says nothing",
        "noop": "does nothing and says nothing",
    }[does]
    fault: dict[str, object] = {"command": kind, "call": number, "does": does}
    if does in ("cut", "fail"):
        fault["exit"] = 12 if kind == "rsync" else 1
    return Attempt(fault, f"{kind} (call {number}) {shown}")


def _watch(mirrors: Sequence[Mirror]) -> list[str]:
    found: dict[str, None] = {}
    for mirror in mirrors:
        if mirror.target.startswith("s3://"):
            found["object-storage"] = None
        elif mirror.target.startswith("/"):
            found[mirror.target] = None
        else:
            found["hosts"] = None
    return list(found)


def document(
    tree: Files, candidate: Candidate, world: worlds.World, attempt: Attempt
) -> dict[str, object]:
    """The content of rehearsal.yaml."""
    fed = {p for one in candidate.chains for p in one.places}
    cold = any(
        inside and worlds.ignored(tree, inside.rstrip("/")) for inside in map(tree_path, fed)
    )
    # settings that stand in for an ignored file of the checkout must outlast the clearing
    cold = cold and not any(a.startswith(TREE + "/") for a in world.text)
    parts: dict[str, object] = {
        "schema": "rehearsal/v1",
        "story": story(candidate, attempt),
        "failure": FAILURE,
        "entry": list(candidate.argv),
        "world": world.spec(),
        "prime": ["entry"],
        "stimulus": worlds.stimulus(
            tree, candidate.run, world, candidate.mirrors, candidate.chains
        ),
        "workspace": "cold" if cold else "warm",
        "faults": [attempt.fault],
        "invariants": [{"old-or-new": _watch(candidate.mirrors)}],
        "repeats": 3,
    }
    return {key: value for key, value in parts.items() if value}


def story(candidate: Candidate, attempt: Attempt) -> str:
    """One sentence for people."""
    places = " and ".join(dict.fromkeys(m.target for m in candidate.mirrors))
    return f"When {attempt.shown}, {' '.join(candidate.argv)} must not delete anything in {places}."


class _Dumper(yaml.SafeDumper):
    """Leaves in one line, no anchors."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def rehearsal(
    tree: Files, candidate: Candidate, world: worlds.World, attempt: Attempt
) -> Rehearsal:
    """The rehearsal of one attempt as files."""
    content = document(tree, candidate, world, attempt)
    shown = yaml.dump(
        content,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=None,
        width=100,
    )
    reasons = [
        f"{worlds.where_of(tree, m.step)}: `{m.call}` makes {m.target} equal to "
        f"{', '.join(m.sources)}, whatever is there at that moment"
        for m in candidate.mirrors
    ]
    for step in candidate.producers:
        lost = fail_closed.masked(step, candidate.goal(step))
        if lost:
            kinds = ", ".join(dict.fromkeys(_SHOWN.get(m.kind.value, m.kind.value) for m in lost))
            reasons.append(
                f"{worlds.where_of(tree, step)}: a failure of `{step.name}` does not "
                f"stop the run ({kinds})"
            )
    return Rehearsal(
        name=_name(tree, candidate),
        files={"rehearsal.yaml": (0o100644, shown.encode())},
        story=story(candidate, attempt),
        failure=FAILURE,
        reasons=tuple(dict.fromkeys(reasons))[:12],
    )


_SHOWN = {
    "pipe": "it stands in a pipe",
    "no-errexit": "the script goes on after it",
    "or": "`||` takes it away",
    "and": "only the last of `&&` counts",
    "condition": "it is taken as an answer",
    "make-prefix": "make is told to ignore it",
    "find-exec": "find does not tell",
}


def _name(tree: Files, candidate: Candidate) -> str:
    last = candidate.reach.start.target.split()[-1]
    stem = re.sub(r"[^a-z0-9]+", "-", posixpath.splitext(posixpath.basename(last))[0].lower())
    name = f"half-built-{stem.strip('-') or 'publish'}-deletes-nothing"
    taken = {
        p.split("/")[2] for p in tree if p.startswith(".pawl/rehearsals/") and p.count("/") > 2
    }
    number, found = 2, name
    while found in taken:
        found, number = f"{name}-{number}", number + 1
    return found


def rehearse(brief: Brief, desk: Desk) -> Rehearsal | NothingFits | NotReproduced:
    """Write a rehearsal that was seen to hit on base, or say what was looked for and tried."""
    tree = brief.tree
    found = sorted(
        candidates(tree, brief.entry), key=lambda c: _order(brief.request, brief.entry, c)
    )
    if not found:
        return _nothing(tree, "no command in this repository makes a live place equal to a source")
    fitting = [c for c in found if brief.entry is not None or relevance(brief.request, c) > 0]
    if not fitting:
        listed = tuple(
            worlds.where_of(tree, m.step) + " " + m.call for c in found for m in c.mirrors
        )
        return _nothing(
            tree, "the request is about something else than a publish that deletes", unknown=listed
        )
    desk.say(_seen(tree, fitting))
    tried: list[str] = []
    unplayable: list[str] = []
    budget, judged = MAX_TRIES, 0
    for candidate in fitting:
        if budget <= 0:
            break
        shown = " ".join(candidate.argv)
        if why := is_rotation(candidate):
            unplayable.append(why)
            desk.discard(shown, why)
            continue
        world = candidate.world
        if isinstance(world, worlds.Unplayable):
            unplayable.append(f"{world.call}: {world.why}")
            desk.discard(shown, f"can't be re-enacted: {world.call}: {world.why}")
            continue
        for attempt in attempts(candidate):
            if budget <= 0:
                break
            budget -= 1
            one = rehearsal(tree, candidate, world, attempt)
            desk.say(f"trying on base: {shown}, where {attempt.shown}")
            trial = desk.try_rehearsal(one)
            judged += trial.control_good
            if trial.control_good and trial.hits:
                desk.say(f"hits: {trial.why}")
                return one
            tried.append(f"{shown}: {attempt.shown}: {trial.why}")
            desk.discard(f"{shown}: {attempt.shown}", trial.why)
            if not trial.control_good:
                break  # the run itself does not work there; another fault would not help
    if not tried:
        if not unplayable:
            unplayable = [
                f"{' '.join(c.argv)}: nothing that could break is known to feed the publish"
                for c in fitting
            ]
        return _nothing(
            tree,
            "a publish that deletes was found, but its world can't be set up",
            unknown=tuple(dict.fromkeys(unplayable)),
        )
    if not judged:
        said = tried[0].splitlines()[0][:300]
        return NotReproduced(
            why="a publish that deletes was found, but its normal run can't be judged here: "
            + said,
            tried=tuple(tried),
            would_help=(
                "what the run needs that is not in the repository (files, settings, programs)",
                "another entry point that reaches the same publish (`--entry`)",
            ),
        )
    return NotReproduced(
        why=f"{_ways(len(tried))} in which the publish could go wrong, and no live file was lost "
        "that should not be",
        tried=tuple(tried),
        would_help=(
            "the log of the run that did harm",
            "the entry point that was started (`--entry`), with its arguments",
            "settings that are not in the repository",
        ),
    )


def _ways(number: int) -> str:
    return "one way was tried" if number == 1 else f"{number} ways were tried"


def _seen(tree: Files, found: Sequence[Candidate]) -> str:
    lines = [f"{worlds.where_of(tree, m.step)} `{m.call}`" for c in found for m in c.mirrors]
    unique = list(dict.fromkeys(lines))
    starts = ", ".join(" ".join(c.argv) for c in found[:4])
    return (
        f"{len(unique)} command(s) that make a live place equal to a source: "
        f"{'; '.join(unique[:4])}; reached from {starts}"
    )


def _nothing(tree: Files, why: str, unknown: tuple[str, ...] = ()) -> NothingFits:
    listed = list(unknown)
    if not listed:
        listed += suspects(tree)
        listed += _opaque_mirrors(tree)
        listed += _inline(tree)
    help_ = ["the entry point that did harm (`--entry`)"]
    if listed:
        help_.append("a script in the repository in the place of what could not be followed")
    return NothingFits(
        why=why if not listed or unknown else f"{why} in a form that can be followed",
        looked_for=(
            "rsync --delete, aws s3 sync --delete and their kin, reached from scripts, makefiles, "
            "CI or cron",
            "a live place that is emptied before it is filled",
        ),
        unknown=tuple(dict.fromkeys(listed)),
        would_help=tuple(help_),
    )


_MIRROR_TEXT = re.compile(r"\brsync\b.*--del|\bs3 sync\b.*--delete|\brclone sync\b|rsync -\w*d\b")


def _opaque_mirrors(tree: Files) -> list[str]:
    """Strings for eval and the like that hold a mirroring command."""
    return [
        line
        for reach in reaches(tree)
        for line in reach.trace.opaque
        if _MIRROR_TEXT.search(line) or "eval of a string" in line
    ]


def _inline(tree: Files) -> list[str]:
    """Publishes that stand in a CI definition itself, where no entry point can start them."""
    return [
        f"{worlds.where_of(tree, mirror.step)}: `{mirror.call}` stands in the CI definition "
        "itself, which can't be started as an entry point"
        for block, run in ci_traces(tree)
        for mirror in effects.mirrors(run)
        if mirror.publishes and mirror.step.place.path == block.path
    ]


# --- planning ------------------------------------------------------------------------------------


class _Strategy(StrEnum):
    """One way to write the change; the first that was not refused yet is taken."""

    STRICT = "strict"  # scripts stop at the first failure, nothing deletes
    LOOSE = "loose"  # the same without nounset
    NARROW = "narrow"  # masks of the steps on the way only


_STRATEGIES = tuple(_Strategy)
_TITLES = {
    _Strategy.STRICT: "Publishing stops at the first failure and never deletes",
    _Strategy.LOOSE: "Publishing stops at the first failed command and never deletes",
    _Strategy.NARROW: "Publishing stops when a step before it fails, and never deletes",
}


@dataclass(frozen=True)
class Draft:
    """The edits of one strategy, and what is to be said of them."""

    strategy: _Strategy
    edits: tuple[Edit, ...]
    done: tuple[str, ...]
    left: tuple[str, ...]
    stuck: tuple[Mirror, ...]


def draft(tree: Files, found: Sequence[Candidate], strategy: _Strategy) -> Draft:
    """Write the edits of a strategy."""
    sheet = Sheet(tree)
    runs: list[Run] = []
    deleting: list[Mirror] = []
    for candidate in found:
        goals = tuple(m.step for m in candidate.mirrors)
        runs.append(Run(candidate.run, candidate.producers, goals))
        places = {p for one in candidate.chains for p in one.places}
        for mirror in effects.mirrors(candidate.run):
            feeds = any(effects.overlaps(mirror.target, p) for p in places)
            if mirror.publishes or feeds:
                deleting.append(mirror)
    stuck = fail_closed.take_deletion_out(sheet, deleting)
    fail_closed.restore_failures(sheet, runs)
    if strategy is _Strategy.NARROW:
        fail_closed.stop_after_steps(sheet, runs)
    else:
        fail_closed.strict_scripts(sheet, runs, nounset=strategy is _Strategy.STRICT)
    made = editing.apply(tree, sheet.changes)
    return Draft(strategy, made, tuple(sheet.done), tuple(sheet.left), stuck)


def plan(brief: Brief, desk: Desk, made: Rehearsal) -> Plan | NothingFits:
    """Give the edits, the alternatives weighed and the price."""
    tree = brief.tree
    entry = entry_of(made)
    found = candidates(tree, entry)
    if not found:
        return replace(_nothing(tree, "nothing that deletes is reached any more"), rehearsal=made)
    drafts: list[Draft] = []
    for strategy in _STRATEGIES:
        one = draft(tree, found, strategy)
        if one.edits and not any(_same(one, other) for other in drafts):
            drafts.append(one)
    usable = [d for d in drafts if not d.stuck and not editing.broken(d.edits)]
    for one in drafts:
        if one not in usable:
            desk.discard(
                one.strategy,
                "; ".join(
                    [f"`{m.call}` can't be edited where its flag stands" for m in one.stuck]
                    + [f"{p} would not be well-formed any more" for p in editing.broken(one.edits)]
                ),
            )
    usable, barred = _not_rejected(brief, desk, made, usable)
    refused = len(brief.told)
    for one, words in zip(usable[:refused], brief.told, strict=False):
        desk.discard(one.strategy, f"came back: {words[:200]}")
    if refused >= len(usable):
        stuck = tuple(f"{worlds.where_of(tree, m.step)} {m.call}" for d in drafts for m in d.stuck)
        why = (
            f"every way to write this change was rejected here: {'; '.join(barred)}"
            if barred
            else "every way to write this change came back"
            if usable
            else "the deletion can't be taken out where it stands"
        )
        return NothingFits(
            why,
            ("edits that take the deletion out of the publish",),
            tuple(dict.fromkeys(stuck)),
            ("a person who edits these lines",),
            made,
        )
    chosen = usable[refused]
    answer = _plan(tree, found, chosen)
    cited = tuple(f"not written as before: {words}" for words in barred)
    return replace(answer, reasons=(*answer.reasons, *cited))


def _not_rejected(
    brief: Brief, desk: Desk, made: Rehearsal, usable: list[Draft]
) -> tuple[list[Draft], tuple[str, ...]]:
    """The drafts that no rejection speaks against, and the rejections that speak against others."""
    left: list[Draft] = []
    said: dict[str, None] = {}
    for one in usable:
        files = tuple(e.path for e in one.edits)
        against = [
            p.told
            for p in brief.precedents
            if p.bars(made.failure, _TITLES[one.strategy], ReshapeKind.ELIMINATE.value, files)
        ]
        if not against:
            left.append(one)
            continue
        desk.discard(one.strategy, f"rejected before: {against[0]}")
        said.update(dict.fromkeys(against))
    return left, tuple(said)


def _same(one: Draft, other: Draft) -> bool:
    return [(e.path, e.after) for e in one.edits] == [(e.path, e.after) for e in other.edits]


def entry_of(made: Rehearsal) -> Argv | None:
    """The entry point of a rehearsal; None when it can't be read."""
    entry = made.files.get("rehearsal.yaml")
    try:
        content = yaml.safe_load(entry[1]) if entry else None
    except yaml.YAMLError:
        return None
    argv = content.get("entry") if isinstance(content, dict) else None
    return tuple(str(w) for w in argv) if isinstance(argv, list) and argv else None


def _plan(tree: Files, found: Sequence[Candidate], chosen: Draft) -> Plan:
    mirrors = [m for c in found for m in c.mirrors]
    feeding = [
        m
        for c in found
        for m in effects.mirrors(c.run)
        if not m.publishes
        and any(effects.overlaps(m.target, p) for o in c.chains for p in o.places)
    ]
    price = list(dict.fromkeys(_price(m) for m in mirrors))
    price += list(
        dict.fromkeys(
            f"What left {', '.join(m.sources)} stays in {tree_path(m.target) or m.target} as well, "
            "and so goes on being published until it is removed there."
            for m in feeding
        )
    )
    price.append(
        "A run that used to limp on after a failed step now ends there with an error, "
        "and publishes nothing further."
    )
    unsolved = [
        "A source that is damaged without an error (a file that is there but broken) is published.",
        *(chosen.left),
    ]
    return Plan(
        title=_TITLES[chosen.strategy],
        kind=ReshapeKind.ELIMINATE,
        edits=chosen.edits,
        reasons=(
            *(
                f"{worlds.where_of(tree, m.step)}: `{m.call}` deleted from {m.target} whatever "
                "the source did not have at that moment"
                for m in _unique(tree, mirrors)
            ),
            *chosen.done,
        ),
        alternatives=_alternatives(chosen, mirrors),
        unsolved=tuple(dict.fromkeys(unsolved)),
        price=tuple(price),
        prediction=Prediction("open failures", 1, 0),
    )


def _unique(tree: Files, mirrors: Sequence[Mirror]) -> list[Mirror]:
    return list({worlds.where_of(tree, m.step): m for m in mirrors}.values())


def _price(mirror: Mirror) -> str:
    target = mirror.target
    if target.startswith("s3://"):
        how = f"`aws s3 rm {target.rstrip('/')}/NAME`"
    elif target.startswith("/"):
        how = f"`rm -- {target.rstrip('/')}/NAME`"
    else:
        host, _, path = target.partition(":")
        how = f"`ssh {host} rm -- {path.rstrip('/')}/NAME`"
    return f"What is retired stays live in {target} until somebody removes it on purpose: {how}."


def _alternatives(chosen: Draft, mirrors: Sequence[Mirror]) -> tuple[Alternative, ...]:
    place = mirrors[0].target if mirrors else "the live place"
    found = [
        Alternative(
            "Stop at the first failure, keep the deletion",
            "a source that lies (half of it is there, and the copy ends with exit 0) still deletes "
            f"the rest of {place}; no option of a shell sees that",
        ),
        Alternative(
            "Keep the deletion, but only below a prefix that the build owns whole",
            "the repository says nowhere which names a build owns whole and which are kept for "
            "others; with such a list it would be the next step, and retired files would go again",
        ),
        Alternative(
            "Refuse to publish when too many files would be deleted",
            "a threshold lets every loss below it through, one live file included, and needs "
            "tuning for ever",
        ),
        Alternative(
            "Try again when a step fails",
            "a step that fails each time, or fails without saying so, still reaches the publish",
        ),
    ]
    if chosen.strategy is _Strategy.NARROW:
        found.append(
            Alternative(
                "Make the scripts on the way strict as a whole",
                "it was tried first and its proof did not hold",
            )
        )
    return tuple(found)


__all__ = ["FAILURE", "Candidate", "Way", "candidates", "draft", "entries", "plan", "rehearse"]
