"""Offer constraints: which agents a framework wants to see in a role, by what the agents say of themselves.

A role's constraints are alternatives, each of which is a conjunction of predicates over one attribute or
over the host name, region or zone. Of several attributes with one name the first counts. A predicate on
text holds for an attribute that is not text, negated or not (src/master/allocator/mesos/
offer_constraints_filter.cpp).

Expressions are RE2's, which match in time linear in the text whatever the expression. They have to match
the whole text, and are limited in size, since every agent is held against them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import re2

from meseta.attributes import Attribute
from meseta.records import AgentInfo, AttributeConstraint, OfferConstraints

NOT_TEXT = object()
"""Stands for the value of an attribute that is not text."""

Predicate = Callable[[object, str | None], bool]
"""From what the agent has (None: nothing there; NOT_TEXT; a text) and the wanted text to a verdict."""


class ExpressionLimits(NamedTuple):
    """How much an expression may cost; with Mesos's defaults."""

    memory: int = 4096
    """Bytes that RE2 may use for one expression."""
    size: int = 100
    """Of its compiled form, in instructions."""


DEFAULT_LIMITS = ExpressionLimits()
MEMORY_MAX = 8 << 20
"""The largest limit of memory that can be set."""
COMPILED_MAX = 1024
"""How many expressions are kept compiled."""

PREDICATES: dict[str, Predicate] = {
    "exists": lambda found, wanted: found is not None,
    "not_exists": lambda found, wanted: found is None,
    "text_equals": lambda found, wanted: found is NOT_TEXT or found == wanted,
    "text_not_equals": lambda found, wanted: found is NOT_TEXT or found != wanted,
    "text_matches": lambda found, wanted: found is NOT_TEXT or _matches(found, wanted),
    "text_not_matches": lambda found, wanted: found is NOT_TEXT or not _matches(found, wanted),
}
EXPRESSIONS = ("text_matches", "text_not_matches")
PSEUDO_ATTRIBUTES = ("HOSTNAME", "REGION", "ZONE")


def constraints_fault(constraints: OfferConstraints, limits: ExpressionLimits = DEFAULT_LIMITS) -> str | None:
    """Say why these constraints cannot be used, if so; a framework with such is not to be subscribed."""
    for role, groups in constraints.by_role.items():
        if not groups:
            return (
                f"'OfferConstraints::role_constraints' has an empty 'RoleConstraints::groups' for role {role}"
            )
        for group in groups:
            if not group:
                return f"'RoleConstraints::groups' for role '{role}' contains an empty group"
            for constraint in group:
                if fault := _constraint_fault(constraint, limits):
                    return f"A role {role} has an invalid 'AttributeConstraint': {fault}"
    return None


def is_excluded(constraints: OfferConstraints, role: str, agent: AgentInfo) -> bool:
    """Tell whether an agent is not to be offered in `role`."""
    groups = constraints.by_role.get(role)
    if groups is None:
        return False
    return not any(all(_holds(constraint, agent) for constraint in group) for group in groups)


def _constraint_fault(constraint: AttributeConstraint, limits: ExpressionLimits) -> str | None:
    kind, name = constraint.selector
    if kind == "pseudo" and name not in PSEUDO_ATTRIBUTES:
        return f"Unknown pseudoattribute type '{name}': use one of {', '.join(PSEUDO_ATTRIBUTES)}"
    if kind not in ("pseudo", "attribute"):
        return "Exactly one of 'attribute_name' or 'pseudoattribute_type' must be set in 'selector'"
    if constraint.predicate in EXPRESSIONS:
        return _expression_fault(constraint.value or "", limits)
    if constraint.predicate not in PREDICATES:
        return f"Unknown predicate type '{constraint.predicate}': use one of {', '.join(PREDICATES)}"
    return None


def _holds(constraint: AttributeConstraint, agent: AgentInfo) -> bool:
    return PREDICATES[constraint.predicate](_found(constraint.selector, agent), constraint.value)


def _matches(found: object, expression: str | None) -> bool:
    return found is not None and _matcher(expression or "").fullmatch(found) is not None


def _matcher(expression: str) -> Any:
    """Return an expression compiled that was let in, in as little memory as it needs."""
    compiled = _compiled(expression, DEFAULT_LIMITS.memory)
    if isinstance(compiled, str):  # Then the operator has set a higher limit.
        compiled = _compiled(expression, MEMORY_MAX)
    assert not isinstance(compiled, str), compiled
    return compiled


def _expression_fault(expression: str, limits: ExpressionLimits) -> str | None:
    compiled = _compiled(expression, limits.memory)
    if isinstance(compiled, str):
        return compiled
    if compiled.programsize > limits.size:
        return (
            f"Regex '{expression}' is too complex: program size of {compiled.programsize}"
            f" is larger than maximum of {limits.size} allowed"
        )
    return None


@lru_cache(maxsize=COMPILED_MAX)
def _compiled(expression: str, memory: int) -> Any:
    """Return an expression compiled within `memory` bytes, or why it cannot be used."""
    options = re2.Options()
    options.max_mem = memory
    options.log_errors = False
    try:
        compiled = re2.compile(expression, options)
    except re2.error as error:
        reason = error.args[0]
        text = reason.decode(errors="replace") if isinstance(reason, bytes) else reason
        return f"Failed to construct regex from pattern '{expression}': {text}"
    except UnicodeEncodeError:
        return f"Failed to construct regex from pattern {expression!a}: it is not valid Unicode"
    return compiled


def _found(selector: tuple[str, str], agent: AgentInfo) -> object:
    kind, name = selector
    if kind == "attribute":
        return next((_text(attribute) for attribute in agent.attributes if attribute.name == name), None)
    if name == "HOSTNAME":
        return agent.hostname
    if agent.domain is None:
        return None
    return agent.domain.region if name == "REGION" else agent.domain.zone


def _text(attribute: Attribute) -> object:
    return attribute.value if isinstance(attribute.value, str) else NOT_TEXT
