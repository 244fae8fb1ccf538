"""What CI would start for a commit: workflows of a tree in, jobs with their steps out.

Pure: nothing runs here. A shape that is not known is never guessed; its job counts as not playable
and says why. How GitHub reads workflows is the rule (events, filters, `if`, `needs`, matrix).
"""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import yaml

from sandbox import Files
from sandbox.toil.expressions import Known, Unplayable, filled, is_met, shown

MAIN = "main"
_FOLDER = ".github/workflows/"
_SHELLS = {
    "bash": "bash --noprofile --norc -eo pipefail {0}",
    "sh": "sh -e {0}",
    "python": "python3 {0}",
}
_USUAL_SHELL = "bash -e {0}"
_SILENT = re.compile(r"^actions/(setup-[\w-]+|cache|upload-artifact|download-artifact)(/\w+)?@")
_MOST_JOBS = 40


@dataclass(frozen=True)
class Event:
    """What happens to a commit: it is pushed to a branch, or a pull request into `base` has it."""

    name: str  # push or pull_request
    branch: str
    base: str = ""

    @property
    def words(self) -> str:
        """For people."""
        return f"pull request into {self.base}" if self.base else f"push to {self.branch}"


EVENTS = (
    Event("pull_request", "change", MAIN),
    Event("push", MAIN),
    Event("push", "change"),
)
"""The life of a change: a pull request is opened for its branch, and the main branch gets it."""


@dataclass(frozen=True)
class Step:
    """One step that does something: a script, or a checkout (then `script` is empty)."""

    title: str
    script: str = ""
    shell: tuple[str, ...] = ()  # words; {0} stands for the script's file
    folder: str = "."
    env: Mapping[str, str] = field(default_factory=dict)
    runs: bool = True  # where nothing has failed before
    runs_after_failure: bool = False
    soft: bool = False  # continue-on-error
    whole_history: bool = False  # of a checkout


@dataclass(frozen=True)
class Job:
    """One job of one event, with one choice of its matrix."""

    key: str  # workflow, job and matrix: the same for the same job of any event
    event: Event
    name: str  # what `needs` of the same workflow call it
    workflow: str
    needs: tuple[str, ...] = ()
    runs: bool = True
    runs_after_failure: bool = False
    soft: bool = False
    env: Mapping[str, str] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    unheard: tuple[str, ...] = ()  # actions that were left out and that may check something
    unplayable: str = ""


def jobs(tree: Files, changed: Sequence[str]) -> tuple[Job, ...]:
    """What a commit that changes exactly these files starts, for every event of its life."""
    found: list[Job] = []
    for path, flow, why in _flows(tree):
        for event in EVENTS:
            if flow is None:
                found.append(Job(path, event, path, path, unplayable=why))
                continue
            try:
                if _starts(flow.get("on", flow.get(True)), event, changed):
                    found += _of(flow, path, event)
            except Unplayable as error:
                found.append(Job(path, event, path, path, unplayable=str(error)))
    return tuple(found)


def _flows(tree: Files) -> Iterator[tuple[str, Mapping[Any, Any] | None, str]]:
    for path in sorted(tree):
        inner = path.removeprefix(_FOLDER)
        if inner == path or "/" in inner or not path.endswith((".yml", ".yaml")):
            continue
        try:
            flow = yaml.safe_load(tree[path][1].decode("utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError):
            yield inner, None, "it is not YAML"
            continue
        if not isinstance(flow, Mapping) or not isinstance(flow.get("jobs"), Mapping):
            yield inner, None, "it is no workflow"
        else:
            yield inner, flow, ""


# --- which events start it -----------------------------------------------------------------------


def _starts(on: object, event: Event, changed: Sequence[str]) -> bool:
    if isinstance(on, str):
        on = {on: None}
    elif isinstance(on, list):
        on = dict.fromkeys(on)
    if not isinstance(on, Mapping):
        raise Unplayable("its `on` can't be read")
    if event.name not in on:
        return False
    filters = on[event.name] or {}
    if not isinstance(filters, Mapping):
        raise Unplayable(f"its `on.{event.name}` can't be read")
    types = _listed(filters.get("types"))
    if types and not set(types) & {"opened", "synchronize", "reopened"}:
        return False
    branches = filters.keys() & {"branches", "branches-ignore"}
    if filters.keys() & {"tags", "tags-ignore"} and not branches:
        return False
    branch = event.base or event.branch
    if "branches" in filters and not _matches(branch, _listed(filters["branches"])):
        return False
    if "branches-ignore" in filters and _matches(branch, _listed(filters["branches-ignore"])):
        return False
    if "paths" in filters:
        patterns = _listed(filters["paths"])
        return any(_matches(path, patterns) for path in changed)
    if "paths-ignore" in filters:
        patterns = _listed(filters["paths-ignore"])
        return not all(_matches(path, patterns) for path in changed)
    return True


def _listed(value: object) -> list[str]:
    if value is None:
        return []
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def _matches(name: str, patterns: Iterable[str]) -> bool:
    """Whether the last pattern that says something of a name says yes."""
    said = False
    for pattern in patterns:
        no = pattern.startswith("!")
        if re.fullmatch(_glob(pattern[1:] if no else pattern), name):
            said = not no
    return said


def _glob(pattern: str) -> str:
    out, at = "", 0
    while at < len(pattern):
        sign = pattern[at]
        if pattern.startswith("**/", at):
            out, at = out + "(?:.*/)?", at + 3
            continue
        if pattern.startswith("**", at):
            out, at = out + ".*", at + 2
            continue
        if sign == "*":
            out += "[^/]*"
        elif sign in "?+" and out:
            out += sign
        elif sign == "[" and "]" in pattern[at:]:
            end = pattern.index("]", at)
            out, at = out + pattern[at : end + 1], end
        elif sign == "\\":
            raise Unplayable(f"the pattern {pattern}")
        else:
            out += re.escape(sign)
        at += 1
    return out


# --- what they are -------------------------------------------------------------------------------


def _of(flow: Mapping[Any, Any], path: str, event: Event) -> list[Job]:
    found: list[Job] = []
    for name, spec in flow["jobs"].items():
        bare = Job(f"{path} {name}", event, str(name), path)
        if not isinstance(spec, Mapping):
            found.append(replace(bare, unplayable="it can't be read"))
            continue
        try:
            found += _chosen(flow, spec, bare)
        except Unplayable as error:
            needs = tuple(_listed(spec.get("needs")))
            found.append(replace(bare, needs=needs, unplayable=str(error)))
    if len(found) > _MOST_JOBS:
        raise Unplayable(f"it starts {len(found)} jobs")
    return found


def _chosen(flow: Mapping[Any, Any], spec: Mapping[Any, Any], bare: Job) -> list[Job]:
    contexts = _contexts(flow, bare)
    runs, after = _conditions(spec.get("if"), contexts)
    job = replace(
        bare, needs=tuple(_listed(spec.get("needs"))), runs=runs, runs_after_failure=after
    )
    if not runs and not after:
        return [job]
    if "uses" in spec:
        raise Unplayable(f"it uses another workflow, {spec['uses']}")
    if "container" in spec or "services" in spec:
        raise Unplayable("it wants a container of its own")
    if re.search(r"windows|macos", str(spec.get("runs-on"))):
        raise Unplayable(f"it runs on {spec['runs-on']}")
    made = []
    for choice in _matrix(spec):
        inside = {**contexts, "matrix": choice, "strategy": {}}
        label = ", ".join(shown(value) for value in choice.values())
        key = f"{job.key} ({label})" if label else job.key
        made.append(_job(flow, spec, replace(job, key=key), inside))
    return made


def _matrix(spec: Mapping[Any, Any]) -> list[Mapping[str, Any]]:
    strategy = spec.get("strategy") or {}
    matrix = (strategy.get("matrix") or {}) if isinstance(strategy, Mapping) else strategy
    plain = isinstance(matrix, dict) and not matrix.keys() & {"include", "exclude"}
    if not plain or not all(isinstance(values, list) for values in matrix.values()):
        raise Unplayable("its strategy.matrix is not a plain one")
    choices = itertools.product(*matrix.values())
    return [dict(zip(matrix, values, strict=True)) for values in choices]


def _job(
    flow: Mapping[Any, Any], spec: Mapping[Any, Any], job: Job, contexts: Mapping[str, Any]
) -> Job:
    env: dict[str, str] = {}
    for level in (flow, spec):
        env.update(_env(level, Known({**contexts, "env": dict(env)})))
    inside = {**contexts, "env": env}
    defaults: dict[str, Any] = {}
    for level in (flow, spec):
        defaults.update(((level.get("defaults") or {}).get("run")) or {})
    steps: list[Step] = []
    unheard: list[str] = []
    for one in spec.get("steps") or []:
        made = _step(one, inside, defaults)
        if isinstance(made, Step):
            steps.append(made)
        elif made:
            unheard.append(made)
    soft = shown(filled(spec.get("continue-on-error", False), Known(inside))) == "true"
    return replace(job, soft=soft, env=env, steps=tuple(steps), unheard=tuple(unheard))


def _env(level: Mapping[Any, Any], known: Known) -> dict[str, str]:
    found = level.get("env") or {}
    if not isinstance(found, Mapping):
        raise Unplayable("its env is not a plain one")
    return {str(key): shown(filled(value, known)) for key, value in found.items()}


def _step(one: object, contexts: Mapping[str, Any], defaults: Mapping[str, Any]) -> Step | str:
    """A step, or the action that it is, which is left out; no text where it says nothing."""
    if not isinstance(one, Mapping) or ("run" in one) == ("uses" in one):
        raise Unplayable("a step that neither runs nor uses something")
    env = _env(one, Known(contexts))
    inside = {**contexts, "env": {**contexts["env"], **env}}
    runs, after = _conditions(one.get("if"), inside)
    if not runs and not after:
        return ""
    known = Known(inside)
    soft = shown(filled(one.get("continue-on-error", False), known)) == "true"
    title = shown(filled(one.get("name"), known))
    bare = Step(title, env=env, runs=runs, runs_after_failure=after, soft=soft)
    if "uses" in one:
        return _use(str(one["uses"]), one, bare, known)
    script = shown(filled(one["run"], known))
    shell = shown(one.get("shell") or defaults.get("shell") or "")
    words = shlex.split(_SHELLS.get(shell, shell) or _USUAL_SHELL)
    if not any("{0}" in word for word in words):
        raise Unplayable(f"the shell {shell}")
    folder = shown(filled(one.get("working-directory") or defaults.get("working-directory"), known))
    return replace(
        bare,
        title=title or script.strip().split("\n")[0][:60],
        script=script,
        shell=tuple(words),
        folder=folder or ".",
    )


def _use(action: str, one: Mapping[Any, Any], bare: Step, known: Known) -> Step | str:
    if action.startswith(("./", "docker://")):
        raise Unplayable(f"it uses {action}")
    if not action.startswith("actions/checkout@"):
        return "" if _SILENT.match(action) else action
    how = one.get("with") or {}
    odd = sorted(how.keys() & {"repository", "ref", "sparse-checkout", "path"})
    if odd:
        raise Unplayable(f"its checkout says {', '.join(odd)}")
    depth = shown(filled(how.get("fetch-depth"), known))
    return replace(bare, title=action, whole_history=depth == "0")


def _conditions(condition: object, contexts: Mapping[str, Any]) -> tuple[bool, bool]:
    """Whether it runs where nothing has failed before, and where something has."""
    return is_met(condition, Known(contexts)), is_met(condition, Known(contexts, failed=True))


def _contexts(flow: Mapping[Any, Any], job: Job) -> dict[str, Any]:
    event, pull = job.event, job.event.name == "pull_request"
    repository = {"default_branch": MAIN, "full_name": "owner/repository", "fork": False}
    head = {"ref": event.branch, "repo": repository}
    said = {
        "event_name": event.name,
        "ref": "refs/pull/1/merge" if pull else f"refs/heads/{event.branch}",
        "ref_name": "1/merge" if pull else event.branch,
        "ref_type": "branch",
        "base_ref": event.base,
        "head_ref": event.branch if pull else "",
        "repository": "owner/repository",
        "repository_owner": "owner",
        "actor": "ops",
        "workflow": shown(flow.get("name")) or job.workflow,
        "run_id": "1",
        "run_number": "1",
        "run_attempt": "1",
        "token": "",
        "event": {
            "action": "synchronize" if pull else None,
            "repository": repository,
            "pull_request": {
                "head": head,
                "base": {"ref": MAIN, "repo": repository},
                "number": 1,
                "draft": False,
                "merged": False,
            }
            if pull
            else None,
            "head_commit": {"message": "change"},
            "forced": False,
        },
    }
    return {
        "github": said,
        "secrets": {},
        "vars": {},
        "inputs": {},
        "runner": {"os": "Linux", "arch": "X64", "temp": "/tmp"},  # noqa: S108 - the runner's word
        "env": {},
        "matrix": {},
        "steps": None,
        "needs": None,
    }
