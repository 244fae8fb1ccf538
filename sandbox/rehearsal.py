"""The rehearsal format `rehearsal/v1`: a folder of files in, values out, and back again.

Only what is written is judged here, strictly and in one sentence per mistake; running a rehearsal
and judging what it left live elsewhere (`sandbox.prover`, `sandbox.proof`).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import yaml

from sandbox import Argv, BadRehearsal, Files, worlds
from sandbox.engine import World
from sandbox.proof.states import is_system
from sandbox.strict import FILE
from sandbox.strict import argv as _argv
from sandbox.strict import bad as _bad
from sandbox.strict import is_int as _is_int
from sandbox.strict import listed as _list
from sandbox.strict import mapping as _mapping
from sandbox.strict import only as _only
from sandbox.strict import text as _text
from sandbox.toil import form
from sandbox.toil.form import Toil

SCHEMA = "rehearsal/v1"
MAX_BYTES = 256 * 1024
MAX_REPEATS = 10
DOES = ("fail", "cut", "short", "noop", "kill", "slow", "hang", "play")
WATCHES = ("object-storage", "hosts", "files")
_LATER = ("good-copies", "as-if-one-at-a-time", "recovers")
_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")
_HOST = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
_BUCKET = re.compile(r"^[a-z0-9][a-z0-9.-]{1,62}$")
_MINUS = re.compile(r"^minus:[1-9][0-9]*$")


class Workspace(StrEnum):
    """What the tree's ignored files hold when the judged run starts."""

    WARM = "warm"  # what priming left
    COLD = "cold"  # nothing


@dataclass(frozen=True)
class CallFault:
    """A command's n-th call goes wrong. `script` names a file of the folder (for `play`).

    `then` are entry points started after that run, when nothing goes wrong any more: whether what
    it left behind is got over. A fault that stays would meet them too, so it has none.
    `lacks` is for `cut` and `short`: how many of the last things that the call makes are missing,
    instead of the later half of its effects.
    """

    command: str
    does: str
    call: int = 1
    persistent: bool = False
    exit: int = 1
    seconds: float = 0.0
    script: str = ""
    then: tuple[Argv, ...] = ()
    lacks: int = 0


@dataclass(frozen=True)
class InputFault:
    """A setting or a source is wrong.

    `input` is "env:NAME", "ADDRESS#NAME" (an assignment in a file) or the address of a folder.
    For a setting `value` is its text, None when it is missing; for a folder it is "half", "empty"
    or "minus:N" (without its N-th file, from 1). `then` are entry points started after it.
    """

    input: str
    value: str | None
    then: tuple[Argv, ...] = ()

    @property
    def is_setting(self) -> bool:
        return self.input.startswith("env:") or "#" in self.input


@dataclass(frozen=True)
class LimitFault:
    """No program can write a file longer than this: a full disk."""

    limit: int


Fault = CallFault | InputFault | LimitFault


@dataclass(frozen=True)
class Frozen:
    """A neighbour that was decisive once and is tried for ever."""

    entry: Argv
    fault: Fault


def _nothing() -> Mapping[str, Any]:
    return MappingProxyType({})


@dataclass(frozen=True)
class WorldSketch:
    """The world as written: names and shapes. What is in the files comes from a repeat's seed."""

    spec: Mapping[str, Any] = field(default_factory=_nothing)  # see `sandbox.worlds`
    text: Mapping[str, str] = field(default_factory=_nothing)  # address -> exact content

    def build(self, seed: int) -> World:
        """What a side starts with in the repeat that has this seed."""
        world = worlds.build(self.spec, seed)
        exact = {address: text.encode("utf-8") for address, text in self.text.items()}
        return replace(world, content={**world.content, **exact})

    def folders(self) -> tuple[str, ...]:
        """Addresses of the folders on machines and hosts that are filled from the seed, sorted."""
        found: set[str] = set()
        hosts = self.spec.get("hosts", {})
        if isinstance(hosts, Mapping):
            for host, folders in hosts.items():
                found |= {f"{host}:{folder}" for folder, names in (folders or {}).items() if names}
        files = self.spec.get("files", {})
        if isinstance(files, Mapping):
            found |= {folder for folder, names in files.items() if names}
        return tuple(sorted(folder.rstrip("/") for folder in found))


@dataclass(frozen=True)
class Stimulus:
    """New input between priming and the judged run, so that old and new differ. Addresses."""

    change: tuple[str, ...] = ()
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rehearsal:
    """One failure, re-enacted. See DESIGN section 4 for what each part means."""

    story: str
    failure: str
    entry: Argv
    world: WorldSketch = WorldSketch()
    prepare: str = ""
    prime: tuple[Argv | None, ...] = ()  # None stands for the judged entry itself
    stimulus: Stimulus = Stimulus()
    workspace: Workspace = Workspace.WARM
    faults: tuple[Fault, ...] = ()
    watch: tuple[str, ...] = WATCHES
    harm: str = ""
    works: str = ""
    repeats: int = 3
    frozen: tuple[Frozen, ...] = ()
    scripts: Mapping[str, bytes] = field(default_factory=_nothing)
    toil: Toil | None = None  # in the place of faults: a step that people do by hand

    @property
    def is_about_settings(self) -> bool:
        """Whether every declared fault is a wrong setting: then what is foreign is at risk."""
        wrong = [isinstance(f, InputFault) and f.is_setting for f in self.faults]
        return bool(wrong) and all(wrong)


# --- reading -------------------------------------------------------------------------------------


class _Loader(yaml.SafeLoader):
    """Safe, and a key given twice is an error instead of a silent choice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, str):
                if key in seen:
                    line = key_node.start_mark.line + 1
                    raise _bad(f"key {key!r} is given twice (line {line})", "keep one of them")
                seen.add(key)
        return super().construct_mapping(node, deep)


def parse(files: Files) -> Rehearsal:
    """Read a rehearsal folder. Raises `BadRehearsal` naming the first mistake and its remedy."""
    if FILE not in files:
        raise BadRehearsal(f"The rehearsal folder has no {FILE}; add one.", mend=f"add {FILE}")
    raw = files[FILE][1]
    if len(raw) > MAX_BYTES:
        raise _bad(f"it has {len(raw)} bytes", f"keep it below {MAX_BYTES}")
    try:
        # a SafeLoader of our own: nothing but plain values can come out of it
        document = yaml.load(raw.decode("utf-8"), Loader=_Loader)  # noqa: S506
    except UnicodeDecodeError as error:
        raise _bad("it is not UTF-8", "save it as UTF-8") from error
    except RecursionError as error:
        raise _bad("it is nested too deeply", "write it flat") from error
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark is not None else ""
        problem = getattr(error, "problem", None) or "it can't be read"
        raise _bad(f"it is not YAML{where}: {problem}", "mend the syntax") from error
    scripts = {path: content for path, (_, content) in files.items() if path != FILE}
    return _rehearsal(_mapping(document, "the document"), scripts)


_KEYS = (
    "schema",
    "story",
    "failure",
    "entry",
    "world",
    "prepare",
    "prime",
    "stimulus",
    "workspace",
    "faults",
    "invariants",
    "harm",
    "works",
    "repeats",
    "frozen",
)
_WITH_TOIL = ("schema", "story", "failure", "toil", "repeats")


def _rehearsal(top: Mapping[str, Any], scripts: Mapping[str, bytes]) -> Rehearsal:
    _only(top, (*_KEYS, "toil"), "the top")
    if top.get("schema") != SCHEMA:
        raise _bad(f"schema is {top.get('schema')!r}", f"write `schema: {SCHEMA}`")
    if "toil" in top:
        return _of_toil(top, scripts)
    for key in ("story", "failure", "entry"):
        if key not in top:
            raise _bad(f"{key!r} is missing", f"add `{key}:`")
    entry = _argv(top["entry"], "entry")
    repeats = top.get("repeats", 3)
    if not _is_int(repeats) or not 1 <= repeats <= MAX_REPEATS:
        raise _bad(f"repeats is {repeats!r}", f"give a number from 1 to {MAX_REPEATS}")
    workspace = top.get("workspace", Workspace.WARM.value)
    if workspace not in (choice.value for choice in Workspace):
        raise _bad(f"workspace is {workspace!r}", "write `cold` or `warm`")
    faults = tuple(
        fault_from(item, f"faults[{i}]", scripts)
        for i, item in enumerate(_list(top.get("faults", []), "faults"))
    )
    return Rehearsal(
        story=_text(top["story"], "story"),
        failure=_text(top["failure"], "failure"),
        entry=entry,
        world=_world(_mapping(top.get("world") or {}, "world")),
        prepare=_script(top.get("prepare"), "prepare", scripts),
        prime=tuple(
            None if step == "entry" else _argv(step, f"prime[{i}]")
            for i, step in enumerate(_list(top.get("prime", []), "prime"))
        ),
        stimulus=_stimulus(_mapping(top.get("stimulus") or {}, "stimulus")),
        workspace=Workspace(workspace),
        faults=faults,
        watch=_watch(top.get("invariants")),
        harm=_script(top.get("harm"), "harm", scripts),
        works=_script(top.get("works"), "works", scripts),
        repeats=repeats,
        frozen=tuple(
            _frozen(item, f"frozen[{i}]", scripts)
            for i, item in enumerate(_list(top.get("frozen", []), "frozen"))
        ),
        scripts=scripts,
    )


def _of_toil(top: Mapping[str, Any], scripts: Mapping[str, bytes]) -> Rehearsal:
    """`toil:` stands in the place of everything that a fault needs."""
    for key in top:
        if key not in _WITH_TOIL:
            raise _bad(f"{key!r} and `toil` don't go together", "leave one of them out")
    for key in ("story", "failure"):
        if key not in top:
            raise _bad(f"{key!r} is missing", f"add `{key}:`")
    repeats = top.get("repeats", 2)
    if not _is_int(repeats) or not 1 <= repeats <= MAX_REPEATS:
        raise _bad(f"repeats is {repeats!r}", f"give a number from 1 to {MAX_REPEATS}")
    toil = form.parse(top["toil"])
    return Rehearsal(
        story=_text(top["story"], "story"),
        failure=_text(top["failure"], "failure"),
        entry=toil.entry,
        repeats=repeats,
        scripts=scripts,
        toil=toil,
    )


def _frozen(item: object, where: str, scripts: Mapping[str, bytes]) -> Frozen:
    found = _mapping(item, where)
    _only(found, ("entry", "fault"), where)
    if "entry" not in found or "fault" not in found:
        raise _bad(f"{where} needs entry and fault", "write {entry: [...], fault: {...}}")
    return Frozen(
        _argv(found["entry"], f"{where}.entry"),
        fault_from(found["fault"], f"{where}.fault", scripts),
    )


def fault_from(item: object, where: str, scripts: Mapping[str, bytes] | None = None) -> Fault:
    """Read one fault mapping; `where` names its place for people. Raises `BadRehearsal`."""
    found = _mapping(item, where)
    kinds = [key for key in ("command", "input", "limit") if key in found]
    if len(kinds) != 1:
        raise _bad(
            f"{where} says {len(kinds)} of command, input and limit", "name exactly one of them"
        )
    if kinds == ["limit"]:
        _only(found, ("limit",), where)
        if not _is_int(found["limit"]) or found["limit"] < 0:
            raise _bad(f"{where}.limit is {found['limit']!r}", "give a number of bytes")
        return LimitFault(found["limit"])
    if kinds == ["input"]:
        return _input_fault(found, where)
    return _call_fault(found, where, scripts)


def _input_fault(found: Mapping[str, Any], where: str) -> InputFault:
    _only(found, ("input", "value", "then"), where)
    target = _text(found["input"], f"{where}.input")
    if "value" not in found:
        raise _bad(f"{where} has no value", "say what the input is then, or `missing`")
    value = found["value"]
    then = _then(found, where)
    if target.startswith("env:") or "#" in target:
        name = target.removeprefix("env:") if target.startswith("env:") else target.split("#")[-1]
        if not _NAME.match(name):
            raise _bad(f"{where}.input names {name!r}", "name a setting (letters, digits, _)")
        if "#" in target and not target.startswith("env:"):
            _address(target.rsplit("#", 1)[0], f"{where}.input")
        if value is None or value == "missing":
            return InputFault(target, None, then)
        if value == "empty":
            return InputFault(target, "", then)
        if not isinstance(value, str):
            raise _bad(f"{where}.value is {value!r}, not text", "put it in quotes")
        if "\n" in value or "\0" in value:
            raise _bad(f"{where}.value has more than one line", "give one line")
        return InputFault(target, value, then)
    folder = _address(target, f"{where}.input")
    if value not in ("half", "empty", "missing") and not (
        isinstance(value, str) and _MINUS.match(value)
    ):
        raise _bad(f"{where}.value is {value!r}", "a folder can be half, empty, missing or minus:N")
    return InputFault(folder, "empty" if value == "missing" else value, then)


def _call_fault(
    found: Mapping[str, Any], where: str, scripts: Mapping[str, bytes] | None
) -> CallFault:
    _only(found, _CALL_KEYS, where)
    does = found.get("does")
    if does not in DOES:
        raise _bad(f"{where}.does is {does!r}", f"choose one of {', '.join(DOES)}")
    call, code = found.get("call", 1), found.get("exit", 1)
    if not _is_int(call) or call < 1:
        raise _bad(f"{where}.call is {call!r}", "count calls from 1")
    if not _is_int(code) or not 0 <= code <= 255:
        raise _bad(f"{where}.exit is {code!r}", "give an exit code from 0 to 255")
    persistent = found.get("persistent", False)
    if not isinstance(persistent, bool):
        raise _bad(f"{where}.persistent is {persistent!r}", "write true or false")
    seconds = found.get("seconds", 0)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= 600:
        raise _bad(f"{where}.seconds is {seconds!r}", "give seconds from 0 to 600")
    script = found.get("script", "")
    if (does == "play") != bool(script):
        raise _bad(f"{where}: `play` and `script` go together", "give both or neither")
    if script and scripts is not None:
        script = _script(script, f"{where}.script", scripts)
    then = _then(found, where)
    if then and persistent:
        raise _bad(
            f"{where}: `persistent` and `then` don't go together, what is started then would meet "
            "the fault too",
            "leave one of them out",
        )
    return CallFault(
        command=_text(found["command"], f"{where}.command"),
        does=does,
        call=call,
        persistent=persistent,
        exit=code,
        seconds=float(seconds),
        script=_text(script, f"{where}.script") if script else "",
        then=then,
        lacks=_lacks(found, where),
    )


_CALL_KEYS = (
    *("command", "call", "does", "exit", "persistent", "seconds", "script"),
    *("then", "lacks"),
)


def _lacks(found: Mapping[str, Any], where: str) -> int:
    lacks = found.get("lacks", 0)
    if not isinstance(lacks, int) or isinstance(lacks, bool) or lacks < 0:
        raise _bad(f"{where}.lacks is {lacks!r}", "say how many of the last things are missing")
    if lacks and found.get("does") not in ("cut", "short"):
        raise _bad(f"{where}: only `cut` and `short` lack something", "leave `lacks` out")
    return lacks


def _then(found: Mapping[str, Any], where: str) -> tuple[Argv, ...]:
    return tuple(
        _argv(step, f"{where}.then[{i}]")
        for i, step in enumerate(_list(found.get("then", []), f"{where}.then"))
    )


def _watch(item: object) -> tuple[str, ...]:
    if item is None:
        return WATCHES
    watch: list[str] = []
    for i, entry in enumerate(_list(item, "invariants")):
        where = f"invariants[{i}]"
        if entry == "old-or-new":
            watch += WATCHES
            continue
        name = entry if isinstance(entry, str) else next(iter(_mapping(entry, where)), "")
        if name in _LATER:
            raise _bad(f"{where} asks for {name}, which is not supported yet", "use old-or-new")
        found = _mapping(entry, where)
        _only(found, ("old-or-new",), where)
        for word in _list(found.get("old-or-new"), f"{where}.old-or-new"):
            text = _text(word, f"{where}.old-or-new")
            watch.append(text if text in WATCHES else _address(text, f"{where}.old-or-new"))
    if not watch:
        raise _bad("invariants watch nothing", f"name one of {', '.join(WATCHES)} or an address")
    return tuple(dict.fromkeys(watch))


def _world(found: Mapping[str, Any]) -> WorldSketch:
    spec = {key: value for key, value in found.items() if key != "text"}
    worlds.validate(spec)
    for address in worlds.build(spec, 0).content:
        _address(address, "world")
    text = {
        _address(address, "world.text"): _text(words, f"world.text.{address}", empty=True)
        for address, words in _mapping(found.get("text") or {}, "world.text").items()
    }
    return WorldSketch(MappingProxyType(spec), MappingProxyType(text))


def _stimulus(found: Mapping[str, Any]) -> Stimulus:
    _only(found, ("change", "add", "remove"), "stimulus")
    parts = {
        key: tuple(
            _address(address, f"stimulus.{key}")
            for address in _list(found.get(key, []), f"stimulus.{key}")
        )
        for key in ("change", "add", "remove")
    }
    return Stimulus(**parts)


def _script(item: object, where: str, scripts: Mapping[str, bytes]) -> str:
    if item is None:
        return ""
    name = _text(item, where)
    if name not in scripts:
        raise _bad(f"{where} names {name!r}, which is not in the folder", "add that file")
    return name


def _address(item: object, where: str) -> str:
    text = _text(item, where)
    if text.startswith("s3://"):
        bucket = text.removeprefix("s3://").split("/")[0]
        if not _BUCKET.match(bucket):
            raise _bad(f"{where} names {text!r}", "write s3://bucket/key")
        return text
    host, colon, path = text.partition(":")
    if colon and not text.startswith("/"):
        if not _HOST.match(host):
            raise _bad(f"{where} names {text!r}", "write HOST:/absolute/path")
        return f"{host}:{_absolute(path, where)}"
    return _absolute(text, where, local=True)


def _absolute(item: object, where: str, local: bool = False) -> str:
    text = _text(item, where)
    if not text.startswith("/") or ".." in text.split("/"):
        raise _bad(
            f"{where} names {text!r}, no absolute path", "write /a/path, HOST:/a/path or s3://b/key"
        )
    normal = posixpath.normpath(text).replace("//", "/")
    if local and is_system(normal):
        raise _bad(f"{where} names {text!r}, a system folder", "only the world can be filled")
    return normal


# --- writing -------------------------------------------------------------------------------------


class _Dumper(yaml.SafeDumper):
    """No anchors: a person reads this."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def fault_mapping(fault: Fault) -> dict[str, Any]:
    """The fault as it stands in rehearsal.yaml and in a cell; defaults are left out."""
    if isinstance(fault, LimitFault):
        return {"limit": fault.limit}
    if isinstance(fault, InputFault):
        found: dict[str, Any] = {
            "input": fault.input,
            "value": "missing" if fault.value is None else fault.value,
        }
        if fault.then:
            found["then"] = [list(argv) for argv in fault.then]
        return found
    found = {"command": fault.command, "call": fault.call, "does": fault.does}
    if fault.does in ("fail", "cut", "play") or fault.exit != 1:
        found["exit"] = fault.exit
    if fault.persistent:
        found["persistent"] = True
    if fault.seconds:
        found["seconds"] = fault.seconds
    if fault.script:
        found["script"] = fault.script
    if fault.then:
        found["then"] = [list(argv) for argv in fault.then]
    if fault.lacks:
        found["lacks"] = fault.lacks
    return found


def document(rehearsal: Rehearsal) -> dict[str, Any]:
    """The rehearsal as plain values in canonical order; what is default is left out."""
    if rehearsal.toil is not None:
        return {
            "schema": SCHEMA,
            "story": rehearsal.story,
            "failure": rehearsal.failure,
            "toil": dict(rehearsal.toil.written),
            "repeats": rehearsal.repeats,
        }
    sketch: dict[str, Any] = dict(rehearsal.world.spec)
    if rehearsal.world.text:
        sketch["text"] = dict(rehearsal.world.text)
    stimulus = {
        key: list(value)
        for key, value in (
            ("change", rehearsal.stimulus.change),
            ("add", rehearsal.stimulus.add),
            ("remove", rehearsal.stimulus.remove),
        )
        if value
    }
    frozen = [
        {"entry": list(item.entry), "fault": fault_mapping(item.fault)} for item in rehearsal.frozen
    ]
    parts: dict[str, Any] = {
        "schema": SCHEMA,
        "story": rehearsal.story,
        "failure": rehearsal.failure,
        "entry": list(rehearsal.entry),
        "world": sketch,
        "prepare": rehearsal.prepare,
        "prime": ["entry" if step is None else list(step) for step in rehearsal.prime],
        "stimulus": stimulus,
        "workspace": "" if rehearsal.workspace is Workspace.WARM else rehearsal.workspace.value,
        "faults": [fault_mapping(fault) for fault in rehearsal.faults],
        "invariants": [{"old-or-new": list(rehearsal.watch)}],
        "harm": rehearsal.harm,
        "works": rehearsal.works,
        "repeats": rehearsal.repeats,
        "frozen": frozen,
    }
    return {key: value for key, value in parts.items() if value}


def write(rehearsal: Rehearsal) -> Files:
    """The folder of `rehearsal`: canonical YAML for people, and its scripts."""
    text = yaml.dump(
        document(rehearsal),
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=None,  # leaves in one line, the rest in blocks
        width=100,
    )
    files: dict[str, tuple[int, bytes]] = {FILE: (0o100644, text.encode("utf-8"))}
    for path, content in rehearsal.scripts.items():
        files[path] = (0o100755, content)
    return files


def freeze(files: Files, decisive: Iterable[Mapping[str, Any]]) -> Files:
    """The folder `files` with decisive neighbours (`Proof.decisive`) frozen in, each once.

    Scripts keep their modes; a rehearsal of toil has no neighbours to freeze. Raises
    `BadRehearsal` when the folder or an item can't be read.
    """
    rehearsal = parse(files)
    if rehearsal.toil is not None:
        return files
    found = list(rehearsal.frozen)
    for i, item in enumerate(decisive):
        frozen = _frozen(item, f"decisive[{i}]", rehearsal.scripts)
        if frozen not in found:
            found.append(frozen)
    written = write(replace(rehearsal, frozen=tuple(found)))
    return {path: (files.get(path, one)[0], one[1]) for path, one in written.items()}
