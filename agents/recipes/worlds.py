"""The world of a rehearsal, derived from what a run would touch: buckets, hosts, folders, tools.

Everything comes from evidence in the tree: operands, settings, names that pages refer to, options
that name outputs. Where the evidence ends, the answer names the call that can't be played.
"""

from __future__ import annotations

import fnmatch
import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from agents import Files
from agents.reading import effects, entries, tools
from agents.reading.effects import Chain, Mirror
from agents.reading.syntax import MAX_BYTES, looks_like_shell
from agents.reading.values import TREE, Step, Trace, line_of, tree_path

MAX_NAMES = 10
FRONT_PAGE = "index.html"  # every builder stand-in makes one
_NAME = re.compile(
    r"(?<![\w./:@-])((?:[\w-]+/)*[\w][\w.-]*\.([A-Za-z][A-Za-z0-9]{1,4}))(?![\w/@-])"
)
_ASSETS = tools.named(
    """
    jpg jpeg png gif svg webp avif ico pdf mp4 webm mp3 ogg wav zip gz csv json xml txt css js
    html woff woff2 ttf xlsx docx odt epub tif tiff
    """
)
_PLAIN = frozenset(
    (
        ".md",
        ".html",
        ".htm",
        ".txt",
        ".css",
        ".yml",
        ".yaml",
        ".toml",
        ".json",
        ".csv",
        ".rst",
        ".xml",
        ".tmpl",
        ".tpl",
        ".j2",
        ".njk",
        ".hbs",
        ".erb",
    )
)


@dataclass(frozen=True)
class Tool:
    """A stand-in for a program that a plain host does not have."""

    name: str
    kind: str  # converter, builder or sink
    output: str = ""
    count: int = 6

    def spec(self) -> dict[str, object]:
        if self.kind == "sink":
            return {"kind": self.kind}
        if self.kind == "converter":
            return {"kind": self.kind, "output": self.output}
        return {"kind": self.kind, "output": self.output, "count": self.count}


@dataclass
class World:
    """The outside systems of one entry point, by name."""

    buckets: dict[str, None] = field(default_factory=dict)
    hosts: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    files: dict[str, list[str]] = field(default_factory=dict)
    text: dict[str, str] = field(default_factory=dict)
    tools: dict[str, Tool] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)
    built: dict[int, str] = field(default_factory=dict)
    """Where steps write whose words do not say it: place in the run -> address."""

    def spec(self) -> dict[str, object]:
        """The `world` part of rehearsal.yaml."""
        found: dict[str, object] = {}
        if self.buckets:
            found["object-storage"] = {"buckets": list(self.buckets)}
        if self.hosts:
            found["hosts"] = {h: dict(f) for h, f in self.hosts.items()}
        if self.files:
            found["files"] = dict(self.files)
        if self.text:
            found["text"] = dict(self.text)
        if self.tools:
            found["tools"] = {t.name: t.spec() for t in self.tools.values()}
        if self.env:
            found["env"] = dict(self.env)
        return found


@dataclass(frozen=True)
class Unplayable:
    """A call that no stand-in can play, and why."""

    call: str
    why: str


def invented(run: Trace, mirrors: Iterable[Mirror]) -> dict[str, str]:
    """Values for settings that the tree never gives, where their use says what they are."""
    found: dict[str, str] = {}
    for step in run.steps:
        for word in step.words[1:]:
            for name in word.unknown_names:
                if not re.fullmatch(r"\$[A-Za-z_]\w*", name):
                    continue
                bare = name[1:]
                slug = re.sub(r"[^a-z0-9]+", "-", bare.lower()).strip("-") or "value"
                if f"s3://{name}" in word.text:
                    found[bare] = slug if len(slug) > 2 else f"{slug}-bucket"
                elif re.search(rf"(^|@){re.escape(name)}:", word.text):
                    found[bare] = f"{slug}.example"
    known = {r.name: r for r in run.readings}
    for mirror in mirrors:
        for word in mirror.step.words[1:]:
            if word.known or len(word.pieces) != 1 or word.text[1:] in found:
                continue
            bare = word.text[1:]
            if bare in known and mirror.step.name == "rsync":
                target = word is mirror.step.words[-1]
                found[bare] = "target.example:/srv/target/" if target else "/srv/source/"
    return {name: value for name, value in found.items() if name in known or name.isupper()}


def needed(run: Trace) -> dict[str, str]:
    """Values for settings that a strict script would stop for, when nothing gives them."""
    used = {n for s in run.steps for w in s.words for n in w.names}
    return {
        r.name: f"{r.name.lower().replace('_', '-')}-1"
        for r in run.readings
        if r.default is None
        and (r.name in used or r.required)
        and re.fullmatch(r"[A-Z][A-Z0-9_]*", r.name)
    }


def derive(
    tree: Files, run: Trace, mirrors: tuple[Mirror, ...], env: Mapping[str, str]
) -> World | Unplayable:
    """The world that a run needs, or the call that can't be played."""
    world = World(env=dict(env))
    for mirror in mirrors:
        if mirror.unknown:
            return Unplayable(_call(mirror.step), mirror.unknown)
    chains = [effects.chain(run, mirror) for mirror in mirrors]
    for outside, example in run.outside:
        if example is not None:
            world.text[outside] = tree[example][1].decode("utf-8", "replace")
    for step in run.steps:
        _places(world, step)
    for one in chains:
        for origin in one.origins:
            _seed(tree, run, world, origin)
    for mirror in mirrors:
        _target(world, mirror.target)
    unplayable = _tools(tree, run, world, mirrors, chains)
    return unplayable or world


def _target(world: World, target: str) -> None:
    """A published folder, and beside it what belongs to others and must stay."""
    if target.startswith("s3://"):
        return
    host, _, path = target.rpartition(":") if not target.startswith("/") else ("", "", target)
    place = world.hosts.setdefault(host, {}) if host else world.files
    place.setdefault(path, [])
    above = posixpath.dirname(path)
    if above != "/" and not any(
        f == above or f.startswith(above + "/") for f, n in place.items() if n
    ):
        place[above] = ["beside/theirs.txt"]


def _call(step: Step) -> str:
    return " ".join(step.texts)[:100]


def _places(world: World, step: Step) -> None:
    """Each remote word in any operand of a step."""
    for word in step.words[1:]:
        if not word.known:
            continue
        found = re.match(r"^s3://([a-z0-9][a-z0-9.-]{1,62})(/|$)", word.text)
        if found:
            world.buckets[found.group(1)] = None
        elif step.name in ("rsync", "scp") and (remote := tools.host_of(word.text)):
            host, path = remote
            if path.startswith("/"):
                folder = posixpath.normpath(path)
                if posixpath.splitext(folder)[1] and not path.endswith("/"):
                    folder = posixpath.dirname(folder)
                world.hosts.setdefault(host, {}).setdefault(folder, [])
    if step.name == "ssh":
        plain = [step.words[i] for i in tools.operand_indexes(step.texts)]
        if plain and plain[0].known:
            world.hosts.setdefault(plain[0].text.rsplit("@", 1)[-1], {})


def _seed(tree: Files, run: Trace, world: World, origin: str) -> None:
    """Fill a folder outside the checkout with names that the tree knows of."""
    if not effects.is_outside(origin) or "$" in origin or "://" in origin:
        return
    host, _, path = origin.rpartition(":") if not origin.startswith("/") else ("", "", origin)
    single = posixpath.splitext(path.rstrip("/"))[1] and "*" not in path
    folder = posixpath.dirname(path) if single or path.endswith("/*") else path.rstrip("/")
    folder = posixpath.normpath(folder or "/")
    if folder in ("/", "/etc", "/usr", "/bin", "/dev"):
        return
    names = [posixpath.basename(path)] if single else evidence(tree, run)
    place = world.hosts.setdefault(host, {}) if host else world.files
    # a folder inside another one that is filled already
    place[folder] = list(dict.fromkeys([*place.get(folder, []), *names]))


def evidence(tree: Files, run: Trace) -> list[str]:
    """File names that a source outside the tree should have.

    Names that texts of the tree refer to and that the tree does not hold, of the kinds that the
    run looks for; then some that nothing refers to, some of them nested.
    """
    kinds = wanted_kinds(tree, run)
    held = {posixpath.basename(p) for p in tree}
    found: dict[str, None] = {}
    for path in sorted(tree):
        content = tree[path][1]
        if len(content) > MAX_BYTES or posixpath.splitext(path)[1] not in _PLAIN:
            continue
        for name, kind in _NAME.findall(content.decode("utf-8", "replace")):
            base = posixpath.basename(name)
            fits = kind.lower() in (kinds or _ASSETS)
            if fits and base not in held and not _is_host(name):
                found[base] = None
    names = list(found)[:MAX_NAMES]
    kind = next(iter(kinds), None) or (names[0].rsplit(".", 1)[-1] if names else "txt")
    plain = [f"first-{i}.{kind}" for i in range(1, 4)] if len(names) < 3 else []
    return [*names, *plain, f"unlisted.{kind}", f"older/one.{kind}", f"older/two.{kind}"]


def _is_host(name: str) -> bool:
    return bool(re.search(r"\.(example|com|org|net|de|io|dev)\b", name))


def wanted_kinds(tree: Files, run: Trace) -> tuple[str, ...]:
    """The file name endings that a run looks for (`find -name '*.jpg'`, `for x in src/*.csv`)."""
    found: dict[str, None] = {}
    for step in run.steps:
        for word in step.words[1:]:
            if not word.text.startswith("-"):
                found.update(dict.fromkeys(re.findall(r"\*\.([A-Za-z0-9]{2,5})$", word.text)))
    for path in run.files:
        if path in tree and looks_like_shell(path, tree[path][1]):
            for match in re.finditer(rb"\bin\s[^\n;]*\*\.([A-Za-z0-9]{2,5})\b", tree[path][1]):
                found[match.group(1).decode()] = None
    return tuple(kind for kind in found if kind not in ("sh", "env", "conf", "md"))


# --- tools ---------------------------------------------------------------------------------------

_INSTALLERS = re.compile(r"^(install|ci|i|add|sync|restore|update)$")


def _tools(
    tree: Files,
    run: Trace,
    world: World,
    mirrors: tuple[Mirror, ...],
    chains: list[Chain],
) -> Unplayable | None:
    producers = {id(step) for one in chains for step in one.producers}
    for number, step in enumerate(run.steps):
        name = step.words[0].text if step.words else ""
        if not step.words[0].known:
            return Unplayable(_call(step), "which program it starts is not known from the tree")
        bare = step.name
        if id(step) in producers and (far := _far_away(step)):
            return Unplayable(_call(step), far)
        if bare in tools.AT_HAND or bare in tools.BUILTINS:
            continue
        if bare in world.tools:
            _note_built(world, number, step)
            continue
        if bare in tools.INTERPRETERS and bare in ("python3", "python", "perl", "awk"):
            continue
        if "/" in name:
            where = tree_path(posixpath.normpath(posixpath.join(step.cwd or TREE, name)))
            if where in tree:
                continue
            return Unplayable(_call(step), f"{name} is a program that the tree does not hold")
        tool = _stand_in(tree, run, step, mirrors, id(step) in producers)
        if isinstance(tool, Unplayable):
            return tool
        world.tools[bare] = tool
        _note_built(world, number, step)
    return None


def _note_built(world: World, number: int, step: Step) -> None:
    """Take down where a builder writes, when it is a folder that its words do not name."""
    tool = world.tools[step.name]
    if tool.kind == "builder" and not tool.output.startswith("-") and step.cwd:
        world.built[number] = posixpath.normpath(posixpath.join(step.cwd, tool.output))


def _far_away(step: Step) -> str:
    """Why what a producer fetches can't be played, or ""."""
    urls = [w.text for w in step.words[1:] if re.match(r"^(https?|ftp|git)://", w.text)]
    if step.name in ("curl", "wget") and urls:
        return f"it fetches {urls[0]}, and nothing plays that address"
    if step.name == "git" and {"clone", "fetch", "pull"} & set(step.texts[1:3]):
        return "it fetches from another repository, which nothing plays"
    return ""


def _stand_in(
    tree: Files, run: Trace, step: Step, mirrors: tuple[Mirror, ...], producer: bool
) -> Tool | Unplayable:
    """What stands in for an unknown program, by what the tree says of its outputs."""
    options = list(effects.option_outputs(step))
    operands = [step.words[i] for i in tools.operand_indexes(step.texts)]
    for option, where in options:
        short = option.split("=")[0]
        is_file = bool(posixpath.splitext(where)[1])
        fed = any(effects.overlaps(where, s) for m in mirrors for s in _feeding(run, m))
        if is_file and len(operands) > 0:
            return Tool(step.name, "converter", short)
        if fed or _is_built(tree, run, where):
            return Tool(step.name, "builder", short)
    if step.outputs and not options:
        return Unplayable(_call(step), "what it prints goes into a file, and its form is not known")
    if step.captured:
        return Unplayable(
            _call(step), "what it prints steers the script, and its form is not known"
        )
    two = [w.text for w in operands if posixpath.splitext(w.text)[1]]
    if len(two) == 2 and producer and step.repeats:
        return Tool(step.name, "converter", "last")
    for where in effects.mentions(step):
        inside = tree_path(where)
        fed = any(effects.overlaps(where, s) for m in mirrors for s in _feeding(run, m))
        if inside and inside not in tree and fed and _is_built(tree, run, where):
            return Tool(step.name, "builder", _from(step, where))
    later = _next_source(run, step, mirrors)
    if later is not None and _is_built(tree, run, later) and not _made_before(run, step, later):
        # of several programs that say nothing of their outputs, the last one is the builder
        rivals = [s for s in _between(run, step, mirrors) if s.name != step.name and _silent(s)]
        verb = operands[0].text if operands else ""
        more = [s for s in run.steps if s.name == step.name and s is not step]
        if tree_path(later) and not rivals and (more or not _INSTALLERS.match(verb)):
            return Tool(step.name, "builder", _from(step, later))
        if rivals and not step.piped and not step.outputs:
            return Tool(step.name, "sink")
    if not producer and not step.piped and not step.outputs:
        if later is None or _made_by_others(run, step, later):
            return Tool(step.name, "sink")
        return Unplayable(
            _call(step),
            "a tool that a plain host does not have, and nothing in the tree says where it writes",
        )
    return Unplayable(
        _call(step),
        "a tool that a plain host does not have, and nothing in the tree says what it writes",
    )


def _from(step: Step, where: str) -> str:
    """A folder of the tree as seen from the step's own folder."""
    return posixpath.relpath(where, step.cwd) if step.cwd else where


def _feeding(run: Trace, mirror: Mirror) -> tuple[str, ...]:
    return effects.chain(run, mirror).places


def _next_source(run: Trace, step: Step, mirrors: tuple[Mirror, ...]) -> str | None:
    """The folder of the tree that the first mirror after a step takes as its source."""
    order = {id(s): i for i, s in enumerate(run.steps)}
    for mirror in mirrors:
        if order[id(mirror.step)] > order[id(step)] or mirror.way is effects.Way.CLEAR:
            for source in mirror.sources:
                if source.startswith(TREE + "/"):
                    return source.rstrip("/").removesuffix("/.").removesuffix("/*")
    return None


def _between(run: Trace, step: Step, mirrors: tuple[Mirror, ...]) -> list[Step]:
    """The steps after one that run before the last mirror."""
    last = {id(m.step) for m in mirrors if m.way is effects.Way.MIRROR}
    found: list[Step] = []
    seen = False
    for one in run.steps:
        if id(one) in last and seen:
            break
        if seen:
            found.append(one)
        seen = seen or one is step
    return found


def _silent(step: Step) -> bool:
    """Whether a step is a program that a plain host lacks and whose words name no output."""
    return (
        step.name not in tools.AT_HAND
        and step.name not in tools.BUILTINS
        and step.words[0].known
        and "/" not in step.words[0].text
        and not list(effects.option_outputs(step))
        and not step.captured
    )


def _is_built(tree: Files, run: Trace, where: str) -> bool:
    """Whether a folder is one that builds fill: ignored by git, or emptied by the run."""
    inside = tree_path(where)
    if inside is None:
        return True
    held = any(p.startswith(inside.rstrip("/") + "/") for p in tree)
    emptied = any(
        s.name in ("rm", "mkdir")
        and any(effects.address(w, s.cwd).rstrip("/*") == where for w in s.words[1:])
        for s in run.steps
    )
    return not held and (emptied or ignored(tree, inside) or bool(inside))


def _made_before(run: Trace, step: Step, where: str) -> bool:
    """Whether an earlier step is known to fill a folder."""
    return any(
        any(effects.overlaps(w, where) for w in effects.writes(s)) and s.name != step.name
        for s in run.before(step)
    )


def _made_by_others(run: Trace, step: Step, where: str) -> bool:
    return any(
        s is not step
        and s.name not in ("rm", "mkdir")
        and (any(effects.overlaps(w, where) for w in (*effects.writes(s), *effects.mentions(s))))
        for s in run.steps
        if where not in effects.reads(s)
    )


def ignored(tree: Files, path: str) -> bool:
    """Whether git ignores a path, by the tree's .gitignore files."""
    folder = posixpath.dirname(path)
    above = [""]
    for part in folder.split("/") if folder else []:
        above.append(posixpath.join(above[-1], part))
    for base in above:
        entry = tree.get(posixpath.join(base, ".gitignore") if base else ".gitignore")
        if entry is None:
            continue
        inner = path[len(base) + 1 :] if base else path
        for line in entry[1].decode("utf-8", "replace").splitlines():
            pattern = line.strip()
            if not pattern or pattern.startswith(("#", "!")):
                continue
            anchored = pattern.lstrip("/").rstrip("/")
            parts = inner.split("/")
            if any(
                fnmatch.fnmatchcase("/".join(parts[:i]), anchored)
                or ("/" not in anchored and fnmatch.fnmatchcase(parts[i - 1], anchored))
                for i in range(1, len(parts) + 1)
            ):
                return True
    return False


def stimulus(
    tree: Files, run: Trace, world: World, mirrors: Iterable[Mirror], chains: Iterable[Chain]
) -> dict[str, list[str]]:
    """New input, so that old and new differ: one changed and one new source file.

    Where nothing but a stand-in makes what is published, a live page that somebody changed by hand.
    """
    chains = list(chains)
    for one in chains:
        for origin in one.origins:
            host, _, path = (
                origin.rpartition(":") if not origin.startswith("/") else ("", "", origin)
            )
            folders = world.hosts.get(host, {}) if host else world.files
            folder = posixpath.normpath(path.rstrip("/*") or "/")
            names = folders.get(folder)
            if names:
                lead = f"{host}:{folder}" if host else folder
                kind = posixpath.splitext(names[0])[1]
                return {
                    "change": [f"{lead}/{names[0]}"],
                    "add": [f"{lead}/newest{kind}"],
                }
    for one in chains:
        for step in one.producers:
            if step.name not in ("cp", "rsync", "install"):
                continue
            for where in effects.reads(step):
                named = tree_path(where.rstrip("/*").rstrip("/").removesuffix("/.")) or ""
                folder = _before_pattern(named)
                below = sorted(
                    p
                    for p in tree
                    if folder
                    and p.startswith(folder + "/")
                    and (folder == named or fnmatchcase(p, named))
                )
                if below:
                    kind = posixpath.splitext(below[0])[1]
                    return {
                        "change": [f"{TREE}/{below[0]}"],
                        "add": [f"{TREE}/{posixpath.dirname(below[0])}/newest{kind}"],
                    }
    return _changed_by_hand(run, world, mirrors)


def _before_pattern(path: str) -> str:
    """The folder that holds all that a pattern of the shell can mean; a plain path as it is."""
    parts = path.split("/")
    for number, part in enumerate(parts):
        if set("*?[") & set(part):
            return "/".join(parts[:number])
    return path


def _changed_by_hand(run: Trace, world: World, mirrors: Iterable[Mirror]) -> dict[str, list[str]]:
    for number, step in enumerate(run.steps):
        tool = world.tools.get(step.name)
        if tool is None or tool.kind != "builder":
            continue
        outputs = [w for o, w in effects.option_outputs(step) if o.split("=")[0] == tool.output]
        for where in [*outputs, *([world.built[number]] if number in world.built else [])]:
            for mirror in mirrors:
                for source in (s.rstrip("/*").removesuffix("/.") for s in mirror.sources):
                    if effects.overlaps(where, source):
                        inner = posixpath.relpath(where, source)
                        below = "" if inner.startswith(".") else f"{inner}/"
                        return {"change": [f"{mirror.target.rstrip('/')}/{below}{FRONT_PAGE}"]}
    return {}


def where_of(tree: Files, step: Step) -> str:
    """Where a step's own words stand, as "path:line"."""
    place = next((w.place for w in step.words if w.place is not None and w.place.path), step.place)
    entry = tree.get(place.path)
    return f"{place.path}:{line_of(entry[1], place.start)}" if entry else "the entry point"


__all__ = [
    "Tool",
    "Unplayable",
    "World",
    "derive",
    "entries",
    "evidence",
    "ignored",
    "invented",
    "needed",
    "stimulus",
    "where_of",
]
