"""What a request says of lists that are kept by hand: which command, which side is right.

Pure. Words are matched against the places that reading found; nothing is known of any repository.
"""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from agents import Files
from agents.reading import lists
from agents.reading.lists import Group
from agents.reading.tools import named
from agents.recipes.hand_kept.facts import Fact, Unclear

_ADD = frozenset(["add", "new", "create", "register", "enrol", "enroll", "insert", "put", "join"])
_REMOVE = frozenset(["remove", "delete", "rm", "drop", "retire", "unregister", "leave"])
_CHECK = frozenset(["check", "verify", "lint", "validate", "test", "compare"])
_NO_TOOLS = named("make just npm pnpm yarn git docker kubectl terraform ansible-playbook")
_COMMAND = re.compile(
    r"^(?:\./)?([A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*)\s+([a-z][a-z-]*)((?:\s+\S+)*)$"
)
_HOLE = re.compile(r"^[<{\[$]*([A-Za-z][A-Za-z0-9_-]*)[>}\]]*$")
_RIGHT = re.compile(
    r"\b(is|are|be|stays?|has it) (always |the one that is |what is )?"
    r"(right|correct|authoritative|leading|the truth|true|the master)\b"
    r"|\b(trust|believe|wins|source of truth|authoritative|take it from|go by)\b",
    re.IGNORECASE,
)
_TOIL = tuple(
    re.compile(words, re.IGNORECASE)
    for words in (
        r"\bby hand\b|\bmanual(ly)?\b",
        r"\bforg[eo]t|\bmiss(ed|es|ing)?\b|\boverlook|\blost\b",
        r"\b(in|out of) (step|sync)\b|\bdrift|\bdisagree|\bsays? something else\b|\bdiffer",
        r"\b(two|three|four|five|six|several|\d+|all) (different )?(files|places|lists)\b",
        r"\bsteps?\b|\brunbook\b|\bprocedure\b|\btoil\b|\btedious\b|\bchore\b",
        r"\bone (place|list|command|file)\b|\bsingle (place|list|source)\b",
        r"\bcop(y|ies|ied)\b|\bduplicat|\btwice\b|\bsame (list|entries|thing|names?)\b",
        r"\bedit(ing|ed)?\b|\badd(ing)? (a|one|an|another|new)\b|\bevery time\b|\beach time\b",
    )
)
_SYNONYMS: Mapping[str, frozenset[str]] = {
    "ipv4": frozenset(["address", "addr", "ip", "ipv4", "ipaddress", "ip_address"]),
    "port": frozenset(["port"]),
    "version": frozenset(["version", "tag", "release"]),
    "name": frozenset(["name", "host", "hostname", "id", "node", "machine", "key", "who"]),
    "host": frozenset(["name", "host", "hostname", "fqdn", "domain", "node", "machine", "key"]),
}
_TOOL_FOLDERS = ("ops", "bin", "tools", "scripts", "script", "hack", "ci")
_DULL = named(
    """
    allow list lists file files conf config main index readme docs data yaml json text values
    entries default defaults
    """
)


@dataclass(frozen=True)
class Command:
    """The tool that people will call, and its verbs."""

    path: str
    add: str = "add"
    remove: str = "remove"
    check: str = "check"
    holes: tuple[str, ...] = ()  # placeholders in the request's words, small letters
    named: bool = False  # the request names it
    checked: bool = False  # the request names its check
    only_check: bool = False  # and nothing that writes

    @property
    def list_path(self) -> str:
        return posixpath.splitext(self.path)[0] + ".csv"


def _codes(request: str) -> list[str]:
    found = re.findall(r"`([^`\n]+)`", request)
    fenced = False
    for line in request.splitlines():
        if line.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
        elif fenced or line.startswith(("    ", "\t")):
            found.append(line.strip().removeprefix("$ "))
    return found


def command(request: str, group: Group, tree: Files) -> Command:
    """The command that the request names, else one below the folder in which tools stand."""
    verbs: dict[str, dict[str, str]] = {}
    holes: dict[str, tuple[str, ...]] = {}
    for code in _codes(request):
        found = _COMMAND.match(code.strip())
        if not found or found.group(1) in _NO_TOOLS or ".." in found.group(1).split("/"):
            continue
        path, verb, rest = found.groups()
        for role, words in (("add", _ADD), ("remove", _REMOVE), ("check", _CHECK)):
            if verb in words:
                verbs.setdefault(path, {}).setdefault(role, verb)
                if role == "add" and rest.split():
                    names = [_HOLE.match(w) for w in rest.split()]
                    if all(names):
                        holes[path] = tuple(
                            n.group(1).lower().replace("-", "_") for n in names if n
                        )
    free = {path: said for path, said in verbs.items() if path not in tree}
    for path, said in free.items():
        if "add" in said:
            return Command(
                path,
                said["add"],
                said.get("remove", "remove"),
                said.get("check", "check"),
                holes.get(path, ()),
                named=True,
                checked="check" in said,
            )
    for path, said in free.items():
        if set(said) == {"check"}:
            return Command(path, check=said["check"], named=True, checked=True, only_check=True)
    return Command(_free(tree, posixpath.join(_folder(tree), noun(group))))


def _folder(tree: Files) -> str:
    tops = {p.split("/")[0] for p, (mode, _) in tree.items() if "/" in p and mode == 0o100755}
    every = {p.split("/")[0] for p in tree if "/" in p}
    return next(
        (f for f in _TOOL_FOLDERS if f in tops),
        next((f for f in _TOOL_FOLDERS if f in every), "ops"),
    )


def _free(tree: Files, path: str) -> str:
    found, number = path, 2
    while found in tree or f"{found}.csv" in tree or any(p.startswith(found + "/") for p in tree):
        found, number = f"{path}-{number}", number + 1
    return found


def noun(group: Group) -> str:
    """What people call the entries, from the names of the files that list them."""
    words: Counter[str] = Counter()
    for one in group.listings:
        parts = re.split(r"[^a-z]+", one.path.lower())
        weight = 2 if one.headed else 1
        stem = set(re.split(r"[^a-z]+", lists.stem(one.path).lower()))
        words.update({p: weight + (p in stem) for p in set(parts) if len(p) > 3 and p not in _DULL})
    best = words.most_common(1)
    return best[0][0] if best else "entries"


def matched(holes: Sequence[str], fact: Fact) -> dict[str, str] | Unclear:
    """Which field each placeholder of the request stands for."""
    if len(holes) != len(fact.kinds):
        return Unclear(
            f"the command of the request takes {len(holes)} values ({', '.join(holes)}), and the "
            f"places tell {len(fact.kinds)} ({', '.join(fact.kinds)})"
        )
    left = list(fact.kinds)
    found: dict[str, str] = {}

    def take(hole: str, field: str) -> None:
        found[hole] = field
        left.remove(field)

    for hole in holes:
        if hole in left:
            take(hole, hole)
    for hole in (h for h in holes if h not in found):
        like = [f for f in left if hole in _SYNONYMS.get(fact.kinds[f], ())]
        if len(like) == 1:
            take(hole, like[0])
    for hole in (h for h in holes if h not in found):
        near = [f for f in left if hole in f or f in hole]
        if len(near) == 1:
            take(hole, near[0])
    rest = [h for h in holes if h not in found]
    if len(rest) > 1:
        return Unclear(
            f"which of {', '.join(left)} is meant by {', '.join(rest)} in the request is not clear"
        )
    for hole in rest:
        take(hole, left[0])
    return {hole: found[hole] for hole in holes}


# --- places --------------------------------------------------------------------------------------


def _tokens(path: str) -> frozenset[str]:
    return frozenset(w for w in re.split(r"[^a-z0-9]+", path.lower()) if len(w) > 2)


def mention(text: str, path: str, others: Iterable[str], noun: str = "") -> int:
    """How plainly a text names a place; `noun` is what all of them are about."""
    plain = text.lower()
    if path.lower() in plain:
        return 5
    if posixpath.basename(path).lower() in plain:
        return 4
    rivals = frozenset().union(*(_tokens(p) for p in others))
    words = frozenset(re.split(r"[^a-z0-9]+", plain))
    own = (_tokens(path) - rivals - {noun}) & words
    return 2 * bool(own)


def right(texts: Sequence[str], paths: Sequence[str], noun: str = "") -> str:
    """The place that is right where places disagree, as somebody said; "" when nobody did."""
    for text in texts:
        if text.strip().strip("`'\".") in paths:
            return text.strip().strip("`'\".")
        for sentence in re.split(r"(?<=[.!?;])\s+|\n\s*\n", text):
            if not _RIGHT.search(sentence):
                continue
            scored = [(mention(sentence, p, [q for q in paths if q != p], noun), p) for p in paths]
            best = max(scored)
            if best[0] and sum(score == best[0] for score, _ in scored) == 1:
                return best[1]
    return ""


def relevance(request: str, group: Group, named: Command) -> int:
    """How much of a request speaks of a list in several places; 0: of something else."""
    toil = sum(bool(words.search(request)) for words in _TOIL)
    paths = group.paths
    places = sum(mention(request, p, [q for q in paths if q != p]) for p in paths)
    values = sum(lists.mentions(request, v) for v in group.shared)
    about = places + 2 * min(values, 3) + 4 * named.named
    if (toil >= 2 and about) or (toil and about >= 6):
        return 2 * toil + about
    return 0
