"""Reads Rego modules as syntax trees: what they call, where they live, which facts they name.

Pure, and standard library only, since the confined worker imports it. It says what is wrong with a
module; it never evaluates one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Node = Any  # a piece of OPA's syntax tree, as JSON

SETS = ("deny", "ask", "note")
"""The partial sets that the gate reads from each package of rules."""

BUILTINS = frozenset(  # a text, since 120 quoted lines would be harder to read
    """
    abs all and any array.concat array.flatten array.reverse array.slice assign base64.decode
    base64.encode bits.and bits.lsh bits.negate bits.or bits.rsh bits.xor ceil concat contains count
    crypto.md5 crypto.sha1 crypto.sha256 div endswith eq equal floor format_int glob.match
    glob.quote_meta gt gte hex.decode hex.encode indexof indexof_n internal.member_2
    internal.member_3 internal.print internal.template_string intersection is_array is_boolean
    is_null is_number is_object is_set is_string json.filter json.is_valid json.marshal json.patch
    json.remove json.unmarshal lower lt lte max min minus mul neq net.cidr_contains
    net.cidr_intersects net.cidr_is_valid numbers.range numbers.range_step object.filter object.get
    object.keys object.remove object.subset object.union object.union_n or plus print product
    regex.find_all_string_submatch_n regex.find_n regex.is_valid regex.match regex.replace
    regex.split rem replace round semver.compare semver.is_valid sort split sprintf startswith
    strings.any_prefix_match strings.any_suffix_match strings.count strings.render_template
    strings.replace_n strings.reverse substring sum time.add_date time.clock time.date time.diff
    time.format time.parse_duration_ns time.parse_ns time.parse_rfc3339_ns time.weekday to_number
    trim trim_left trim_prefix trim_right trim_space trim_suffix type_name union units.parse
    units.parse_bytes upper urlquery.decode urlquery.encode walk yaml.is_valid yaml.unmarshal
    """.split()  # noqa: SIM905
)
"""What a rule may call. Not on it: the network, the clock, chance, the host (time is `input.now`,
so that a verdict can be replayed)."""


@dataclass(frozen=True)
class Problem:
    """Why a module may not judge."""

    module: str
    row: int  # 0: the whole module
    text: str

    def __str__(self) -> str:
        place = f"{self.module}:{self.row}" if self.row else self.module
        return f"{place}: {self.text}"


def package(tree: Node) -> str:
    """The dotted package of a module, without `data`."""
    return ".".join(str(part["value"]) for part in tree["package"]["path"][1:])


def head_name(rule: Node) -> str:
    """The name by which the package knows a rule."""
    head = rule["head"]
    return str(head["ref"][0]["value"]) if head.get("ref") else str(head.get("name", ""))


def judging(tree: Node) -> list[str]:
    """Names (deny, ask, note) of the rules of a module that the gate reads, one per rule."""
    return [head_name(rule) for rule in tree.get("rules") or [] if head_name(rule) in SETS]


def tests(tree: Node) -> list[str]:
    """Names of the `test_` rules of a module, in order, each once."""
    names = [head_name(rule) for rule in tree.get("rules") or []]
    return list(dict.fromkeys(name for name in names if name.startswith("test_")))


def owned(trees: Mapping[str, Node]) -> dict[str, frozenset[str]]:
    """Package -> the names that its modules define."""
    found: dict[str, set[str]] = {}
    for tree in trees.values():
        found.setdefault(package(tree), set()).update(map(head_name, tree.get("rules") or []))
    return {name: frozenset(names) for name, names in found.items()}


def forbidden(trees: Mapping[str, Node]) -> list[Problem]:
    """What the modules call that is not on the list."""
    names = owned(trees)
    problems = []
    for module, tree in sorted(trees.items()):
        known = names[package(tree)] | imported(tree)
        for rule in _rules(tree):
            for called, row in _calls(rule, known | {"data", "input"}):
                if called not in BUILTINS:
                    problems.append(Problem(module, row, f"may not call {called}"))
    return problems


def misplaced(trees: Mapping[str, Node], root: str) -> list[Problem]:
    """Modules outside package `root`, and judging rules that are no sets of findings."""
    problems = []
    for module, tree in sorted(trees.items()):
        name = package(tree)
        if name != root and not name.startswith(root + "."):
            problems.append(Problem(module, 0, f"is package {name}, but may only be {root}..."))
        for rule in tree.get("rules") or []:
            word, head = head_name(rule), rule["head"]
            is_set = len(head.get("ref") or [0]) == 1 and "key" in head and "value" not in head
            if word in SETS and not is_set:
                problems.append(
                    Problem(module, 0, f"{word} must be a set: {word} contains finding if ...")
                )
    return problems


def imported(tree: Node) -> frozenset[str]:
    """Names that a module's imports bring."""
    return frozenset(_imports(tree))


def _imports(tree: Node) -> dict[str, list[Node]]:
    found = {}
    for line in tree.get("imports") or []:
        path = line["path"]["value"]
        found[str(line.get("alias") or path[-1]["value"])] = path
    return found


def _rules(tree: Node) -> Iterator[Node]:
    """Every rule of a module, its else branches as rules of their own."""
    waiting = list(tree.get("rules") or [])
    while waiting:
        rule = waiting.pop(0)
        yield rule
        if rule.get("else"):
            waiting.append(rule["else"])


def _row(node: Node) -> int:
    location = node.get("location") if isinstance(node, dict) else None
    return int(location.get("row", 0)) if isinstance(location, dict) else 0


def _calls(rule: Node, known: frozenset[str]) -> Iterator[tuple[str, int]]:
    """Dotted names of what a rule calls or puts in the place of something, own names left out."""
    names = known | _locals(rule)
    waiting: list[Node] = [rule]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting.extend(node)
            continue
        if not isinstance(node, dict):
            continue
        terms = node.get("terms")
        if isinstance(terms, list) and terms:
            yield from _operator(terms[0], known, node)
        if node.get("type") == "call":
            yield from _operator(node["value"][0], known, node)
        for mock in node.get("with") or []:
            # `with f as http.send` would let a builtin in by another name.
            yield from _operator(mock["target"], known, node)
            yield from _operator(mock["value"], names, node)
        waiting.extend(value for key, value in node.items() if key != "else")


def _operator(term: Node, known: frozenset[str], where: Node) -> Iterator[tuple[str, int]]:
    if term.get("type") == "ref":
        parts = [str(part["value"]) for part in term["value"]]
        if parts[0] not in known:
            yield ".".join(parts), _row(where)
    elif term.get("type") == "var" and term["value"] not in known:
        yield str(term["value"]), _row(where)


def _locals(rule: Node) -> frozenset[str]:
    """Names that a rule declares for itself: arguments, `:=`, `some`, `every`."""
    found: set[str] = set()
    for argument in rule["head"].get("args") or []:
        found.update(_variables(argument))
    waiting: list[Node] = [rule]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting.extend(node)
        elif isinstance(node, dict):
            terms = node.get("terms")
            if isinstance(terms, list) and len(terms) > 1 and _is(terms[0], "assign"):
                found.update(_variables(terms[1]))
            elif isinstance(terms, dict):
                for symbol in terms.get("symbols") or []:
                    if symbol.get("type") == "var":
                        found.update(_variables(symbol))
                    elif symbol.get("type") == "call":  # some x in xs; some i, x in xs
                        for declared in symbol["value"][1:-1]:
                            found.update(_variables(declared))
                for key in ("key", "value"):
                    if "domain" in terms and isinstance(terms.get(key), dict):
                        found.update(_variables(terms[key]))
            waiting.extend(node.values())
    return frozenset(found)


def _is(term: Node, name: str) -> bool:
    return term.get("type") == "ref" and [part["value"] for part in term["value"]] == [name]


def _variables(term: Node) -> Iterator[str]:
    """Variables in a pattern (a variable, or an array or object of them)."""
    if not isinstance(term, dict):
        return
    if term.get("type") == "var":
        yield str(term["value"])
    elif term.get("type") == "array":
        for part in term["value"]:
            yield from _variables(part)
    elif term.get("type") == "object":
        for _, part in term["value"]:
            yield from _variables(part)


# Which facts a module names -----------------------------------------------------------------


class Shapes:
    """Follows the facts' schema through rules, to find names that no fact has.

    A misspelt fact is undefined, and a rule on it is silent for ever; so it is refused before it
    can judge. What can't be followed (a computed key, `object.get`) is left alone.
    """

    def __init__(self, schema: Mapping[str, Any], trees: Mapping[str, Node]) -> None:
        self._defs: Mapping[str, Any] = schema.get("$defs", {})
        self._root = schema
        self._trees = trees
        self._names: dict[str, Any] = {}  # "data.p.rule": its value, "...()[i]": an argument
        self.reads: dict[str, set[str]] = {module: set() for module in trees}
        self.problems: list[Problem] = []

    def check(self) -> list[Problem]:
        """All names of facts that the schema does not have."""
        for last in (False, False, False, True):  # helpers of helpers of helpers
            for module, tree in sorted(self._trees.items()):
                for rule in _rules(tree):
                    _RuleShapes(self, module, tree, rule, last).follow()
        return self.problems

    def resolve(self, shape: Any) -> Any:
        """The shape behind a $ref; None where nothing is known."""
        while isinstance(shape, Mapping) and "$ref" in shape:
            shape = self._defs.get(str(shape["$ref"]).rsplit("/", 1)[-1])
        return shape

    def learn(self, name: str, shape: Any) -> None:
        if shape is not None:
            self._names.setdefault(name, shape)

    def known(self, name: str) -> Any:
        return self._names.get(name)

    @property
    def root(self) -> Mapping[str, Any]:
        return self._root


class _RuleShapes:
    """The variables of one rule and what is known of their shapes."""

    def __init__(self, book: Shapes, module: str, tree: Node, rule: Node, report: bool) -> None:
        self.book, self.module, self.rule, self.report = book, module, rule, report
        self.home = "data." + package(tree)
        self.imports = _imports(tree)
        self.env: dict[str, Any] = {}
        self.locals = _locals(rule)

    def follow(self) -> None:
        head = self.rule["head"]
        for index, argument in enumerate(head.get("args") or []):
            if argument.get("type") == "var":
                known = self.book.known(f"{self.home}.{head_name(self.rule)}()[{index}]")
                if known is not None:
                    self.env[argument["value"]] = known
        self._walk(self.rule.get("body") or [])
        for key in ("key", "value"):
            if key in head:
                self._walk(head[key])
        name = f"{self.home}.{head_name(self.rule)}"
        if "key" in head and "value" not in head:
            self.book.learn(name, _array_of(self._shape(head["key"])))
        elif "value" in head and not head.get("args"):
            self.book.learn(name, self._shape(head["value"]))

    def _walk(self, node: Node) -> None:
        """Visit in reading order: what a body declares above is known below it."""
        if isinstance(node, list):
            for part in node:
                self._walk(part)
            return
        if not isinstance(node, dict):
            return
        terms = node.get("terms")
        if isinstance(terms, list) and len(terms) == 3 and terms[0].get("type") == "ref":
            if _is(terms[0], "assign") or _is(terms[0], "eq"):
                self._bind(terms[1], self._shape(terms[2]))
        elif isinstance(terms, dict):
            for symbol in terms.get("symbols") or []:
                if symbol.get("type") == "call":
                    item = self._item(symbol["value"][-1])
                    self._bind(symbol["value"][-2], item)
            if "domain" in terms:
                self._bind(terms["value"], self._item(terms["domain"]))
        if node.get("type") in ("arraycomprehension", "setcomprehension", "objectcomprehension"):
            self._walk(node["value"]["body"])
            for key in ("term", "key", "value"):
                self._walk(node["value"].get(key))
            return
        if node.get("type") == "ref":
            self._shape(node)
        call = terms if isinstance(terms, list) else None
        if node.get("type") == "call":
            call = node["value"]
        if call:
            self._arguments(call)
        # A `with` puts other facts in place: what follows it is not ours to check.
        for key, value in node.items():
            if key not in ("with", "location"):
                self._walk(value)

    def _arguments(self, call: Sequence[Node]) -> None:
        name = self._absolute(call[0])
        if name:
            for index, argument in enumerate(call[1:]):
                self.book.learn(f"{name}()[{index}]", self._shape(argument))

    def _bind(self, pattern: Node, shape: Any) -> None:
        if pattern.get("type") == "var" and shape is not None:
            self.env[pattern["value"]] = shape

    def _item(self, term: Node) -> Any:
        return _item_of(self.book.resolve(self._shape(term)))

    def _absolute(self, term: Node) -> str:
        """`data.pkg.name` of a rule or function that a term names, or nothing."""
        if term.get("type") == "var":
            parts: list[Node] = [term]
        elif term.get("type") == "ref":
            parts = term["value"]
        else:
            return ""
        first = str(parts[0]["value"])
        if first in self.env or first in self.locals or first == "input":
            return ""
        if first in self.imports:
            parts = [*self.imports[first], *parts[1:]]
        elif first != "data":
            return f"{self.home}.{first}"
        return ".".join(str(part["value"]) for part in parts if part["type"] in ("var", "string"))

    def _shape(self, term: Node) -> Any:
        """What is known of a term's value."""
        kind = term.get("type") if isinstance(term, dict) else None
        if kind == "var":
            return self._ref([term])
        if kind == "ref":
            return self._ref(term["value"])
        if kind in ("setcomprehension", "arraycomprehension"):
            self._walk(term["value"]["body"])
            return _array_of(self._shape(term["value"]["term"]))
        return None

    def _ref(self, parts: list[Node]) -> Any:
        first = parts[0].get("value")
        shape: Any
        rest = parts[1:]
        said = str(first)
        if first in self.env:
            shape = self.env[first]
        elif first in self.locals:
            return None
        elif first in self.imports:
            return self._ref([*self.imports[first], *rest])
        elif first == "input":
            shape = self.book.root
        else:
            shape, rest = self._named(parts)
            if shape is None:
                return None
        for index, part in enumerate(rest):
            shape = self.book.resolve(shape)
            if shape is None:
                return None
            if part.get("type") == "string":
                said += "." + str(part["value"])
                properties = shape.get("properties")
                if properties is None:
                    return None
                if part["value"] not in properties:
                    self._unknown(said, rest[index])
                    return None
                shape = properties[part["value"]]
            else:
                said += "[_]"
                shape = _item_of(shape)
        if first == "input":
            self.book.reads[self.module].add(said)
        return shape

    def _named(self, parts: list[Node]) -> tuple[Any, list[Node]]:
        """The shape of a rule of these modules, and what of the reference is left."""
        for length in range(len(parts), 0, -1):
            name = self._absolute({"type": "ref", "value": parts[:length]})
            shape = self.book.known(name) if name else None
            if shape is not None:
                return shape, parts[length:]
        return None, []

    def _unknown(self, said: str, part: Node) -> None:
        problem = Problem(self.module, _row(part), f"{said} is not in the facts")
        if self.report and problem not in self.book.problems:
            self.book.problems.append(problem)


def _array_of(shape: Any) -> Any:
    return None if shape is None else {"type": "array", "items": shape}


def _item_of(shape: Any) -> Any:
    if not isinstance(shape, Mapping):
        return None
    if "items" in shape:
        return shape["items"]
    extra = shape.get("additionalProperties")
    return extra if isinstance(extra, Mapping) else None
