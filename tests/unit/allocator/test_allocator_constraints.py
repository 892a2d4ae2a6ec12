"""Offer constraints: what holds for which agent, and what is refused at once."""

from __future__ import annotations

import pytest

from meseta.allocator.constraints import ExpressionLimits, constraints_fault, is_excluded
from meseta.attributes import Attribute, AttributeType
from meseta.records import AgentInfo, AttributeConstraint, Domain, OfferConstraints
from meseta.resources import EMPTY

AGENT = AgentInfo(
    hostname="host",
    port=1,
    resources=EMPTY,
    attributes=(
        Attribute("rack", AttributeType.TEXT, "r1"),
        Attribute("rack", AttributeType.TEXT, "r2"),
        Attribute("slot", AttributeType.SCALAR, 3.0),
    ),
    domain=Domain("europe", "a"),
)


def constraint(selector: str, predicate: str, value: str | None = None) -> AttributeConstraint:
    kind = "pseudo" if selector.isupper() else "attribute"
    return AttributeConstraint((kind, selector), predicate, value)


def constraints(*groups: tuple[AttributeConstraint, ...]) -> OfferConstraints:
    return OfferConstraints({"r": groups})


@pytest.mark.parametrize(
    ("one", "holds"),
    [
        (constraint("rack", "exists"), True),
        (constraint("shelf", "exists"), False),
        (constraint("rack", "not_exists"), False),
        (constraint("shelf", "not_exists"), True),
        (constraint("rack", "text_equals", "r1"), True),
        (constraint("rack", "text_equals", "r2"), False),
        (constraint("rack", "text_not_equals", "r2"), True),
        (constraint("shelf", "text_equals", ""), False),
        (constraint("shelf", "text_not_equals", "x"), True),
        (constraint("rack", "text_matches", "r."), True),
        (constraint("rack", "text_matches", "r"), False),
        (constraint("rack", "text_not_matches", "r"), True),
        (constraint("rack", "text_not_matches", "[a-z][0-9]"), False),
        (constraint("shelf", "text_matches", ".*"), False),
        (constraint("shelf", "text_not_matches", ".*"), True),
        (constraint("slot", "text_matches", "x"), True),
        (constraint("slot", "text_not_matches", ".*"), True),
        (constraint("HOSTNAME", "text_matches", "(?i)HOST"), True),
        (constraint("slot", "text_equals", "x"), True),
        (constraint("slot", "text_not_equals", "3"), True),
        (constraint("HOSTNAME", "text_equals", "host"), True),
        (constraint("REGION", "text_equals", "europe"), True),
        (constraint("ZONE", "text_not_equals", "a"), False),
    ],
)
def test_predicates(one: AttributeConstraint, holds: bool) -> None:
    assert is_excluded(constraints((one,)), "r", AGENT) != holds


def test_groups_are_alternatives_of_conjunctions() -> None:
    yes, no = constraint("rack", "exists"), constraint("rack", "not_exists")
    assert is_excluded(constraints((yes, no)), "r", AGENT)
    assert not is_excluded(constraints((no,), (yes, yes)), "r", AGENT)


def test_other_roles_are_not_constrained() -> None:
    assert not is_excluded(constraints((constraint("rack", "not_exists"),)), "other", AGENT)


def test_an_agent_without_domain_has_no_region() -> None:
    agent = AgentInfo(hostname="host", port=1, resources=EMPTY)
    assert not is_excluded(constraints((constraint("REGION", "not_exists"),)), "r", agent)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (constraints(), "has an empty 'RoleConstraints::groups' for role r"),
        (constraints(()), "contains an empty group"),
        (constraints((constraint("RACK", "exists"),)), "Unknown pseudoattribute type 'RACK'"),
        (constraints((constraint("rack", "is_nice"),)), "Unknown predicate type 'is_nice'"),
        (
            constraints((constraint("rack", "text_matches", "("),)),
            "A role r has an invalid 'AttributeConstraint': "
            "Failed to construct regex from pattern '(': missing ): (",
        ),
        (constraints((constraint("rack", "text_not_matches", "(a{1,100}){1,8}"),)), "pattern too large"),
        (
            constraints((constraint("rack", "text_matches", "a{1,60}"),)),
            "Regex 'a{1,60}' is too complex: program size of 123 is larger than maximum of 100 allowed",
        ),
        (constraints((constraint("rack", "text_matches", "\ud800"),)), "not valid Unicode"),
        (OfferConstraints({"r": ((AttributeConstraint(("", ""), "exists"),),)}), "Exactly one of"),
    ],
)
def test_faults(bad: OfferConstraints, words: str) -> None:
    fault = constraints_fault(bad)
    assert fault is not None
    assert words in fault


def test_no_fault() -> None:
    assert constraints_fault(constraints((constraint("rack", "text_equals", "r1"),))) is None


def test_what_an_operator_lets_in_beyond_the_default_is_matched() -> None:
    large = constraints((constraint("rack", "text_matches", "(r1|" + "x?" * 200 + ")"),))
    assert constraints_fault(large) is not None
    limits = ExpressionLimits(memory=1 << 20, size=10_000)
    assert constraints_fault(large, limits) is None
    assert not is_excluded(large, "r", AGENT)
    small = constraints((constraint("rack", "text_matches", "r1"),))
    assert constraints_fault(small, ExpressionLimits(size=1)) is not None
