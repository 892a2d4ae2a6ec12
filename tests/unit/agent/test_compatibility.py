"""What an agent may have become when it starts again."""

from __future__ import annotations

import pytest

from meseta.agent.compatibility import ADDITIVE, EQUAL, incompatibility, is_changed
from meseta.attributes import parse_attributes
from meseta.records import AgentInfo, Domain
from meseta.resources import parse_resources

BEFORE = "cpus:4;ports:[10-20];things:{a,b}"
FACTS = "rack:r1;slots:3;free:[1-5]"


def info(
    resources: str = BEFORE, attributes: str = FACTS, hostname: str = "h", domain: Domain | None = None
) -> AgentInfo:
    return AgentInfo(
        hostname=hostname,
        port=5051,
        resources=parse_resources(resources),
        attributes=parse_attributes(attributes),
        domain=domain,
    )


@pytest.mark.parametrize("policy", [EQUAL, ADDITIVE])
def test_what_has_not_changed_is_fine(policy: str) -> None:
    assert incompatibility(policy, info(), info()) is None
    assert not is_changed(info(), info())


@pytest.mark.parametrize(
    "now",
    [
        info("cpus:5;ports:[10-30];things:{a,b,c};mem:64"),
        info(attributes=f"zone:z;{FACTS}"),
        info(attributes="rack:r1;slots:3;free:[1-9]"),
        info(domain=Domain(region="r", zone="z")),
    ],
)
def test_more_is_fine_if_it_may_be_more(now: AgentInfo) -> None:
    assert incompatibility(ADDITIVE, info(), now) is None
    fault = incompatibility(EQUAL, info(), now)
    assert fault is not None
    assert fault.startswith("This agent was started before with other ")
    assert is_changed(info(), now)


@pytest.mark.parametrize(
    ("now", "fault"),
    [
        (info(hostname="g"), "Hostname changed from h to g"),
        (info("cpus:3;ports:[10-20];things:{a,b}"), "Value of scalar resource 'cpus' decreased from 4 to 3"),
        (info("ports:[10-20];things:{a,b}"), "Resource not found: cpus:4"),
        (
            info("cpus:4;ports:[11-20];things:{a,b}"),
            "Previous value of range resource 'ports' ([10-20]) not included in current [11-20]",
        ),
        (
            info("cpus:4;ports:[10-20];things:{b,c}"),
            "Previous value of set resource 'things' ({a, b}) not included in current {b, c}",
        ),
        (info(attributes="slots:3;free:[1-5]"), "Couldn't find attribute rack:r1"),
        (
            info(attributes="rack:7;slots:3;free:[1-5]"),
            "Type of attribute 'rack' changed from TEXT to SCALAR",
        ),
        (
            info(attributes="rack:r2;slots:3;free:[1-5]"),
            "Value of text attribute 'rack' changed from r1 to r2",
        ),
        (
            info(attributes="rack:r1;slots:3;free:[2-5]"),
            "Previous value of ranges attribute 'free' ([1-5]) not included in current [2-5]",
        ),
    ],
)
def test_less_or_other_is_not(now: AgentInfo, fault: str) -> None:
    said = incompatibility(ADDITIVE, info(), now)
    assert said == f"Configuration change not permitted under 'additive' policy: {fault}"


def test_a_domain_may_be_given_and_not_changed() -> None:
    before, now = info(domain=Domain(region="r", zone="z")), info()
    assert "Domain changed from" in (incompatibility(ADDITIVE, before, now) or "")
