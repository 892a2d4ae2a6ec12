"""Offer filters: expressions by which a framework says which agents are of use to it, with how much free.

    cpus >= 4 and mem >= 8192 and (rack in ("r1", "r2") or not hostname == "db7")

    expression   both ("or" both)*             both    part ("and" part)*
    part         "not" part | "(" expression ")" | "has" "(" name ")" | name sign value
                 | name ["not"] "in" "(" value ("," value)* ")"
    sign         == != < <= > >=               value   a number, or a text in "double" or 'single' quotes

`cpus`, `mem`, `disk`, `gpus`, `ports` are what is free, in units (a port is one), and so is `free.NAME` for
any other resource. `hostname`, `region`, `zone` and all other names are facts about the agent: attributes by
their names, also as `attribute.NAME`. Of several attributes with one name the first counts. What an agent
lacks, and a text beside a number, equals nothing and is neither less nor more.

What is free can be bounded from below only: any offer may be used in part, and so a no to some of an agent is
a no to less, which is what the allocator remembers (`agents.AgentAccount.blocked`).

There is no way to loop or to call anything. An expression is compiled once; held against an agent's facts
once, what is left of it asks only for amounts (`Rest`), and is kept with the agent.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NoReturn

import msgspec

from meseta.allocator.amounts import amount
from meseta.records import AgentInfo, FrameworkInfo
from meseta.resources import Resources

LENGTH_MAX = 2048
"""Characters of an expression."""
DEPTH_MAX = 16
"""Parentheses and negations within each other."""
WORDS_MAX = 256
"""Names and values in an expression: what it costs to hold it against an agent."""
COMPILED_MAX = 1024
"""How many expressions are kept compiled."""

AMOUNTS = frozenset({"cpus", "mem", "disk", "gpus", "ports"})
FREE, ATTRIBUTE = "free.", "attribute."
TOKEN = re.compile(
    r"\s*(?:(?P<number>\d{1,15}(?:\.\d{1,6})?)(?![\w.])|(?P<text>\"[^\"]*\"|'[^']*')"
    r"|(?P<name>[A-Za-z_][\w.\-/]*)|(?P<sign>[<>=!]=|[<>(),]))",
    re.ASCII,
)
OPPOSITES = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
KEYWORDS = frozenset({"and", "or", "not", "in", "has"})

Value = float | str


class Amount(msgspec.Struct, frozen=True):
    """At least so much of a resource is free, in milli-units."""

    name: str
    least: int


class Fact(msgspec.Struct, frozen=True):
    """The agent has a fact ("has"), it is one of the values ("=="), or it compares so with the only one."""

    name: str
    sign: str
    values: tuple[Value, ...]
    negated: bool


class Both(msgspec.Struct, frozen=True):
    """All parts hold."""

    parts: tuple[Node, ...]


class Either(msgspec.Struct, frozen=True):
    """Some part holds."""

    parts: tuple[Node, ...]


Node = Amount | Fact | Both | Either
Rest = Amount | Both | Either | bool
"""What is left of an expression for one agent: an answer, or nodes that ask for amounts."""


class OfferFilter(msgspec.Struct, frozen=True, eq=False):
    """A compiled expression. There is one object for each text, as long as it is in use."""

    text: str
    root: Node

    def on(self, agent: AgentInfo) -> Rest:
        """Hold the expression against an agent's facts."""
        return _reduce(self.root, agent)


def offer_filter_fault(info: FrameworkInfo) -> str | None:
    """Say what is wrong with a framework's offer filters, if anything."""
    for role, text in info.wanted.items():
        where = f"'FrameworkInfo.meseta.roles[{role}].offer_filter'"
        if role not in info.roles:
            return f"{where} is for a role that the framework is not subscribed to"
        compiled = compile_filter(text)
        if isinstance(compiled, str):
            return f"{where} is not valid {compiled}"
    return None


@lru_cache(maxsize=COMPILED_MAX)
def compile_filter(text: str) -> OfferFilter | str:
    """Return an expression compiled, or what is wrong with it: "at character N: …"."""
    try:
        return OfferFilter(text, _Parser(text).parse())
    except _Fault as fault:
        return str(fault)


def is_wanted(rest: Rest, free: Resources) -> bool:
    """Tell whether what is left of an expression holds for what is free."""
    match rest:
        case bool():
            return rest
        case Amount():
            return amount(free, rest.name) >= rest.least
        case Both():
            return all(is_wanted(part, free) for part in rest.parts)  # type: ignore[arg-type]
        case Either():
            return any(is_wanted(part, free) for part in rest.parts)  # type: ignore[arg-type]


# Facts ------------------------------------------------------------------------------------------------


def _reduce(node: Node, agent: AgentInfo) -> Rest:
    """Replace what is known of an agent by the answer."""
    match node:
        case Amount():
            return node
        case Fact():
            return _holds(node, agent)
    ends = isinstance(node, Either)  # The answer of one part that settles the whole.
    left = []
    for part in node.parts:
        rest = _reduce(part, agent)
        if rest is ends:
            return ends
        if not isinstance(rest, bool):
            left.append(rest)
    if len(left) > 1:
        return type(node)(tuple(left))
    return left[0] if left else not ends


def _holds(fact: Fact, agent: AgentInfo) -> bool:
    return _compares(_found(fact.name, agent), fact) is not fact.negated


def _compares(found: object, fact: Fact) -> bool:
    if fact.sign == "has":
        return found is not None
    if fact.sign == "==":
        return found in fact.values
    wanted, order = fact.values[0], ORDERS[fact.sign]
    if isinstance(wanted, str):
        return isinstance(found, str) and order(found, wanted)
    return isinstance(found, float) and order(found, wanted)


def _found(name: str, agent: AgentInfo) -> object:
    """Return a fact about an agent: a number, a text, None if it lacks it, or what equals nothing."""
    if name == "hostname":
        return agent.hostname
    if name in ("region", "zone"):
        return None if agent.domain is None else getattr(agent.domain, name)
    name = name.removeprefix(ATTRIBUTE)
    for attribute in agent.attributes:
        if attribute.name == name:
            return attribute.value
    return None


# Parsing ----------------------------------------------------------------------------------------------


class _Fault(Exception):
    """An expression cannot be used."""


class _Parser:
    """Reads one expression by recursive descent. Negations are pushed down to the comparisons."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = self.next_at = 0
        self.kind = self.token = ""
        self.words = 0

    def parse(self) -> Node:
        if len(self.text) > LENGTH_MAX:
            raise _Fault(f"at character {LENGTH_MAX + 1}: only {LENGTH_MAX} characters are allowed")
        self._advance()
        node = self._either(0, negated=False)
        if self.kind != "end":
            self._refuse("'and', 'or' or the end")
        return node

    def _either(self, depth: int, *, negated: bool) -> Node:
        parts = [self._both(depth, negated=negated)]
        while self._take("or"):
            parts.append(self._both(depth, negated=negated))
        return _joined(Both if negated else Either, parts)

    def _both(self, depth: int, *, negated: bool) -> Node:
        parts = [self._part(depth, negated=negated)]
        while self._take("and"):
            parts.append(self._part(depth, negated=negated))
        return _joined(Either if negated else Both, parts)

    def _part(self, depth: int, *, negated: bool) -> Node:
        if depth > DEPTH_MAX:
            raise self._fault(f"more than {DEPTH_MAX} parentheses and negations within each other")
        if self._take("not"):
            return self._part(depth + 1, negated=not negated)
        if self._take("("):
            node = self._either(depth + 1, negated=negated)
            self._expect(")")
            return node
        if self._take("has"):
            self._expect("(")
            name = self._name()
            self._expect(")")
            return Fact(name, "has", (), negated)
        return self._comparison(negated=negated)

    def _comparison(self, *, negated: bool) -> Node:
        start, name = self.at, self._name()
        if self.token in OPPOSITES and self.kind == "sign":
            sign = self.token
            self._advance()
            values: tuple[Value, ...] = (self._value(),)
        else:
            sign = "!=" if self._take("not") else "=="
            if not self._take("in"):
                self._refuse("a comparison (== != < <= > >= in)")
            values = self._list()
        if name in AMOUNTS or name.startswith(FREE):
            return self._amount(start, name, OPPOSITES[sign] if negated else sign, values)
        if sign == "!=":
            sign, negated = "==", not negated
        return Fact(name, sign, values, negated)

    def _amount(self, start: int, name: str, sign: str, values: tuple[Value, ...]) -> Amount:
        least = values[0]
        if sign not in (">", ">=") or isinstance(least, str):
            self.at = start
            raise self._fault(f"{name} can only be compared with a number by >= or >: it may be used in part")
        return Amount(name.removeprefix(FREE), round(least * 1000) + (sign == ">"))

    def _list(self) -> tuple[Value, ...]:
        self._expect("(")
        values = [self._value()]
        while self._take(","):
            values.append(self._value())
        self._expect(")")
        return tuple(values)

    def _value(self) -> Value:
        self._count()
        kind, token = self.kind, self.token
        if kind not in ("number", "text"):
            self._refuse("a number or a text in quotes")
        self._advance()
        return float(token) if kind == "number" else token[1:-1]

    def _name(self) -> str:
        self._count()
        name = self.token
        if self.kind != "name" or name in KEYWORDS:
            self._refuse("a name")
        self._advance()
        return name

    def _count(self) -> None:
        self.words += 1
        if self.words > WORDS_MAX:
            raise self._fault(f"more than {WORDS_MAX} names and values")

    def _take(self, token: str) -> bool:
        """Go on if this is the next token."""
        if self.token != token or self.kind not in ("name", "sign"):
            return False
        self._advance()
        return True

    def _expect(self, token: str) -> None:
        if not self._take(token):
            self._refuse(f"'{token}'")

    def _advance(self) -> None:
        match = TOKEN.match(self.text, self.next_at)
        if match is not None:
            self.kind = match.lastgroup or ""
            self.token = match[self.kind]
            self.at, self.next_at = match.start(self.kind), match.end()
            return
        rest = self.text[self.next_at :]
        self.at = self.next_at + len(rest) - len(rest.lstrip())
        if rest.strip():
            raise self._fault(f"cannot be read: {rest.strip()[:20]!a}")
        self.kind, self.token = "end", ""

    def _refuse(self, expected: str) -> NoReturn:
        found = f"'{self.token}'" if self.token else "the end"
        raise self._fault(f"expected {expected}, found {found}")

    def _fault(self, what: str) -> _Fault:
        return _Fault(f"at character {self.at + 1}: {what}")


def _joined(kind: type[Both | Either], parts: list[Node]) -> Node:
    return parts[0] if len(parts) == 1 else kind(tuple(parts))
