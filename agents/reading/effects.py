"""What steps read and write, and which of them make a place equal to a source.

Addresses: an absolute path of the run ("/repo/dist"), "HOST:/path", "s3://bucket/key". Knowledge
of tools in general, never of a repository; nothing is judged and nothing is edited here.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from agents.reading import tools
from agents.reading.values import TREE, Step, Trace, Word


class Way(StrEnum):
    """How a command takes away what its source does not have."""

    MIRROR = "mirror"  # it deletes while it copies
    CLEAR = "clear"  # it empties the place, and a later step fills it


@dataclass(frozen=True)
class Mirror:
    """A step that makes a place equal to a source, so that half a source deletes the rest."""

    step: Step
    way: Way
    sources: tuple[str, ...]  # addresses; an operand that is not known comes as its text
    target: str
    flags: tuple[Word, ...]  # the words that make it delete; () for a clearing step
    unknown: str = ""  # why its world can't be set up, "" if it can
    fillers: tuple[Step, ...] = ()  # for a clearing step: what fills the place afterwards

    @property
    def call(self) -> str:
        """The kind of the call, for people."""
        flag = f" {self.flags[0].text}" if self.flags else ""
        return tools.signature(self.step.texts) + flag

    @property
    def publishes(self) -> bool:
        """Whether the place lies outside the checkout, where others look at it."""
        return is_outside(self.target)


_RSYNC_DELETES = re.compile(r"^--del(ete(-(before|during|delay|after|excluded))?)?$")
# mirrors whose far side no stand-in plays: tool, verbs, the word that makes it delete
_FOREIGN: tuple[tuple[str, tuple[str, ...], re.Pattern[str]], ...] = (
    ("rclone", ("sync",), re.compile(r"^sync$")),
    ("gsutil", ("rsync",), re.compile(r"^-[a-zA-Z]*d[a-zA-Z]*$")),
    ("gcloud", ("storage", "rsync"), re.compile(r"^--delete-unmatched-destination-objects$")),
    ("s3cmd", ("sync",), re.compile(r"^--delete-removed$")),
    ("s5cmd", ("sync",), re.compile(r"^--delete$")),
    ("mc", ("mirror",), re.compile(r"^--remove$")),
    ("azcopy", ("sync",), re.compile(r"^--delete-destination")),
    ("az", ("storage", "blob", "sync"), re.compile(r"^--delete-destination")),
    ("kubectl", ("apply",), re.compile(r"^--prune$")),
    ("lftp", (), re.compile(r"\bmirror\b.*(--delete|-e\b)")),
    ("unison", (), re.compile(r"^-force$")),
    ("docker", ("stack", "deploy"), re.compile(r"^--prune$")),
)


def address(word: Word | str, cwd: str) -> str:
    """The address that an operand names, seen from a folder; relative remote paths keep theirs."""
    text = word if isinstance(word, str) else word.text
    if text.startswith("s3://"):
        return text
    if tools.scheme_of(text):
        return text
    remote = tools.host_of(text)
    if remote is not None:
        host, path = remote
        return f"{host}:{posixpath.normpath(path) if path else ''}"
    if text.startswith("/"):
        return posixpath.normpath(text)
    if text.startswith("$"):  # an unknown root: no folder can be put before it
        return text
    return posixpath.normpath(posixpath.join(cwd, text)) if cwd else text


def is_outside(where: str) -> bool:
    """Whether an address lies outside the checkout and outside temporary folders."""
    return not (where == TREE or where.startswith((TREE + "/", "/tmp/", "./"))) and (  # noqa: S108
        where.startswith(("/", "$")) or ":" in where
    )


def overlaps(one: str, other: str) -> bool:
    """Whether one address is the other, or lies below it."""
    a, b = one.rstrip("/"), other.rstrip("/")
    return a == b or a.startswith(b + "/") or b.startswith(a + "/") or b == "" or a == ""


def mirrors(trace: Trace) -> tuple[Mirror, ...]:
    """The steps of a run that make a place equal to a source, in order."""
    found: list[Mirror] = []
    for i, step in enumerate(trace.steps):
        one = _mirror(step) or _foreign(step) or _clearing(step, trace.steps[i + 1 :])
        if one is not None:
            found.append(one)
    return tuple(found)


def _mirror(step: Step) -> Mirror | None:
    texts = step.texts
    if step.name == "rsync":
        flags = tuple(w for w in step.words[1:] if _RSYNC_DELETES.match(w.text))
    elif step.name == "aws" and tools.signature(texts) == "aws s3 sync":
        flags = tuple(w for w in step.words[1:] if w.text == "--delete")
    else:
        return None
    operands = _operands(step)
    if not flags or len(operands) < 2:
        return None
    sources = tuple(address(word, step.cwd) for word in operands[:-1])
    target = address(operands[-1], step.cwd)
    return Mirror(step, Way.MIRROR, sources, target, flags, _unknown(operands, step))


def _operands(step: Step) -> list[Word]:
    verbs = len(tools.signature(step.texts).split()) - 1
    return [step.words[i] for i in tools.operand_indexes(step.texts)][verbs:]


def _unknown(operands: Iterable[Word], step: Step) -> str:
    for word in operands:
        if not word.known:
            names = ", ".join(word.unknown_names)
            return f"the operand {word.text} is not known from the tree ({names})"
        if word.text.startswith("rsync://") or "::" in word.text:
            return f"{word.text} is an rsync daemon, which no stand-in plays"
        remote = tools.host_of(word.text)
        if remote is not None and not remote[1].startswith("/"):
            return f"{word.text} is relative to a remote home folder"
        if not step.cwd and remote is None and not word.text.startswith(("/", "s3://")):
            return f"{word.text} is relative to a folder that reading can't tell"
    return ""


def _foreign(step: Step) -> Mirror | None:
    for tool, verbs, pattern in _FOREIGN:
        if step.name != tool:
            continue
        texts = step.texts
        plain = [t for t in texts[1:] if not t.startswith("-")]
        if tuple(plain[: len(verbs)]) != verbs:
            continue
        flags = tuple(w for w in step.words[1:] if pattern.search(w.text))
        if not flags:
            continue
        operands = plain[len(verbs) :]
        sources = tuple(address(o, step.cwd) for o in operands[:-1])
        target = operands[-1] if operands else tool
        why = f"{tool} is a tool whose far side no stand-in plays"
        where = target if ":" in target else f"{tool}:{target}"
        return Mirror(step, Way.MIRROR, sources, where, flags, why)
    return None


def _clearing(step: Step, later: Sequence[Step]) -> Mirror | None:
    """A step that empties a place outside the checkout which a later step fills."""
    places: list[tuple[str, str]] = []
    if step.name == "aws" and tools.signature(step.texts) == "aws s3 rm":
        if "--recursive" in step.texts:
            places = [(address(w, step.cwd), _unknown([w], step)) for w in _operands(step)]
    elif step.name == "rm" and any(re.match(r"^-\w*[rR]|^--recursive$", t) for t in step.texts):
        for word in _operands(step):
            where = address(word, step.cwd)
            where = posixpath.dirname(where) if where.endswith("/*") else where
            if is_outside(where) and where not in ("/", "."):
                places.append((where, _unknown([word], step)))
    elif step.name == "find" and "-delete" in step.texts and len(step.words) > 1:
        where = address(step.words[1], step.cwd)
        if is_outside(where) and where != "/":
            places = [(where, _unknown([step.words[1]], step))]
    elif step.name == "ssh":
        places = _remote_removal(step)
    for where, unknown in places:
        fillers = tuple(
            other
            for other in later
            if any(overlaps(where, target) for target in writes(other)) and reads(other)
        )
        if fillers:
            found = tuple(dict.fromkeys(r for one in fillers for r in reads(one)))
            return Mirror(step, Way.CLEAR, found, where, (), unknown, fillers)
    return None


def _remote_removal(step: Step) -> list[tuple[str, str]]:
    operands = [step.words[i] for i in tools.operand_indexes(step.texts)]
    if len(operands) < 2:
        return []
    host = operands[0].text.rsplit("@", 1)[-1]
    unknown = "" if all(w.known for w in operands) else _unknown(operands, step)
    command = " ".join(w.text for w in operands[1:])
    found = re.search(r"\brm\s+-\w*[rR]\w*\s+(?:--\s+)?([^;&|]+)", command)
    if not found:
        return []
    paths = [p.strip("'\"") for p in found.group(1).split()]
    return [
        (f"{host}:{posixpath.dirname(p) if p.endswith('/*') else posixpath.normpath(p)}", unknown)
        for p in paths
        if p.startswith(("/", "$"))
    ]


# --- reads and writes ----------------------------------------------------------------------------

_COPIES = frozenset(("cp", "mv", "rsync", "install", "ln", "scp"))
_CLOUD_COPIES = frozenset(("aws s3 sync", "aws s3 cp", "aws s3 mv", "gsutil cp", "gsutil rsync"))
_OUTPUTS = re.compile(
    r"^(-o|-O|-d|-D|--out|--output|--dest|--destination|--out-?dir|--output-?dir|--outDir"
    r"|--publish-?dir|--site-dir|--build-dir|--target-dir|--dist-dir|--directory|-C|-P)(=|$)"
)
_MAKES_FOLDERS = frozenset(("mkdir", "touch", "rm", "rmdir", "chmod", "chown", "test", "ls"))
_QUIET = tools.named(
    """
    dirname basename echo printf date find sort grep sed awk wc head tail cut tr uniq xargs tee
    cat ls test stat du df sleep true false whoami hostname id realpath readlink seq cmp diff
    ssh kill pgrep pkill
    """
)


def _target_folder(step: Step) -> Word | None:
    for i, text in enumerate(step.texts):
        if text in ("-t", "--target-directory") and i + 1 < len(step.words):
            return step.words[i + 1]
    return None


def writes(step: Step) -> tuple[str, ...]:
    """Addresses that a step writes to or below, as far as its words say."""
    found = [address(word, step.cwd) for word in step.outputs]
    texts = step.texts
    if step.name in _COPIES:
        folder = _target_folder(step) if step.name in ("cp", "mv", "install", "ln") else None
        operands = _operands(step)
        if folder is not None:
            found.append(address(folder, step.cwd))
        elif len(operands) > 1:
            found.append(address(operands[-1], step.cwd))
    elif tools.signature(texts) in _CLOUD_COPIES:
        operands = _operands(step)
        if len(operands) > 1:
            found.append(address(operands[-1], step.cwd))
    elif step.name == "tee":
        found += [address(w, step.cwd) for w in _operands(step)]
    elif step.name in ("tar", "bsdtar", "unzip"):
        if step.name == "unzip" or any(re.match(r"^-?\w*x", t) for t in texts[1:2]):
            folder = next(
                (
                    step.words[i + 1]
                    for i, t in enumerate(texts[:-1])
                    if t in ("-C", "-d", "--directory")
                ),
                None,
            )
            found.append(address(folder, step.cwd) if folder is not None else step.cwd)
        else:
            found += [
                address(step.words[i + 1], step.cwd)
                for i, t in enumerate(texts[:-1])
                if re.match(r"^-?\w*f$", t)
            ]
    elif step.name == "git" and "clone" in texts:
        operands = _operands(step)
        if len(operands) > 1:
            found.append(address(operands[-1], step.cwd))
    elif step.name == "sed" and any(t.startswith("-i") for t in texts):
        found += [address(w, step.cwd) for w in _operands(step)[1:]]
    elif step.name not in _QUIET and step.name not in _MAKES_FOLDERS:
        found += [where for _, where in option_outputs(step)]
    return tuple(dict.fromkeys(found))


def option_outputs(step: Step) -> Iterator[tuple[str, str]]:
    """The outputs that a command's options name: (option, address)."""
    texts = step.texts
    for i, word in enumerate(texts[1:], 1):
        match = _OUTPUTS.match(word)
        if not match:
            continue
        if match.group(2) == "=":
            option, _, value = word.partition("=")
            yield option, address(value, step.cwd)
        elif i + 1 < len(texts) and not texts[i + 1].startswith("-"):
            yield word, address(texts[i + 1], step.cwd)


def reads(step: Step) -> tuple[str, ...]:
    """Addresses that a step reads, as far as its words say."""
    found = [address(word, step.cwd) for word in step.inputs]
    written = set(writes(step))
    operands = _operands(step)
    if step.name in _COPIES or tools.signature(step.texts) in _CLOUD_COPIES:
        if _target_folder(step) is None or step.name in ("rsync", "scp"):
            operands = operands[:-1]
        found += [address(w, step.cwd) for w in operands]
    elif step.name == "find":
        paths = []
        for word in step.words[1:]:
            if word.text.startswith(("-", "(", "!")):
                break
            paths.append(address(word, step.cwd))
        found += paths or ([step.cwd] if step.cwd else [])
    elif step.name not in _MAKES_FOLDERS and step.name != "tee":
        found += [address(w, step.cwd) for w in operands if "/" in w.text or "." in w.text]
    return tuple(dict.fromkeys(where for where in found if where not in written))


def mentions(step: Step) -> tuple[str, ...]:
    """Addresses of all arguments that may be paths, for tools that reading does not know."""
    if step.name in _QUIET or step.name in _MAKES_FOLDERS:
        return ()
    words = [step.words[i] for i in tools.operand_indexes(step.texts)]
    return tuple(address(w, step.cwd) for w in words if w.text and not tools.scheme_of(w.text))


@dataclass(frozen=True)
class Chain:
    """What feeds a mirror: the steps that write what it reads, and where it all comes from."""

    producers: tuple[Step, ...]  # in the order of the run
    places: tuple[str, ...]  # addresses on the way, the mirror's own sources first
    origins: tuple[str, ...]  # addresses that nothing on the way writes: where the input comes from


def chain(trace: Trace, mirror: Mirror, built: Mapping[int, str] | None = None) -> Chain:
    """Walk back from a mirror's sources to what writes them.

    `built` says of steps (by their place in the run) where they write, for tools whose words do
    not say it.
    """
    extra = {id(trace.steps[i]): where for i, where in (built or {}).items()}
    places: list[str] = list(mirror.sources)
    producers: list[Step] = []
    made: set[str] = set()
    steps = list(trace.before(mirror.step))
    if mirror.way is Way.CLEAR:
        steps = [s for s in trace.steps if s is not mirror.step]
    for step in reversed(steps):
        if step.name in _MAKES_FOLDERS:
            continue
        written = (*writes(step), *([extra[id(step)]] if id(step) in extra else []))
        touched = [w for w in written if any(overlaps(w, p) for p in places)]
        if not touched and not written:
            touched = [w for w in mentions(step) if any(overlaps(w, p) for p in places)]
            touched = [w for w in touched if w != TREE]
        if not touched or (step.captured and not step.outputs):
            continue
        producers.insert(0, step)
        made |= {p for p in places if any(overlaps(w, p) for w in touched)}
        spelled = [w for w in mentions(step) if re.search(r"[/.]", w.removeprefix(step.cwd + "/"))]
        for where in (*reads(step), *spelled):
            if where not in places and where not in touched and where != TREE:
                places.append(where)
    origins = tuple(p for p in places if p not in made)
    return Chain(tuple(producers), tuple(places), origins)
