"""Offer filters: what they mean, and what is said of those that cannot be used."""

from __future__ import annotations

import pytest

from meseta.allocator.offer_filter import (
    DEPTH_MAX,
    LENGTH_MAX,
    WORDS_MAX,
    Amount,
    OfferFilter,
    compile_filter,
    is_wanted,
    offer_filter_fault,
)
from meseta.attributes import parse_attributes
from meseta.ids import AgentId, FrameworkId
from meseta.records import AgentInfo, Domain, FrameworkInfo
from meseta.resources import Resources, parse_resources
from tests.unit.allocator.allocator_kit import Cluster, framework_info

FREE = parse_resources("cpus:4;mem:8192;ports:[31000-31002];licences:2")
AGENT = AgentInfo(
    hostname="db7",
    port=5051,
    resources=FREE,
    attributes=parse_attributes("rack:r1;slots:3;rack:r9;cpus:fast;levels:[1-3]"),
    domain=Domain("eu", "a"),
)


def compiled(text: str) -> OfferFilter:
    made = compile_filter(text)
    assert isinstance(made, OfferFilter), made
    return made


def wants(text: str) -> bool:
    return is_wanted(compiled(text).on(AGENT), FREE)


@pytest.mark.parametrize(
    "text",
    [
        'cpus >= 4 and mem >= 8192 and rack in ("r1", "r2")',
        "cpus > 3.999",
        "not cpus < 4",
        "not (cpus < 4 or mem < 8192)",
        "ports >= 3 and free.licences >= 2",
        "hostname == 'db7' and region == \"eu\" and zone != 'b'",
        "slots >= 3 and slots < 3.5 and not slots > 3",
        "rack not in ('r2', 'r3')",
        "has(rack) and has(levels) and not has(missing)",
        "attribute.cpus == 'fast'",
        "missing != 'x' and not missing == 'x'",
        "not missing < 5 and not missing >= 5",
        "slots != '3' and not slots < 'a'",
        "cpus >= 100 or mem >= 1 and rack == 'r1'",
        "(cpus >= 100 or mem >= 1) and rack == 'r1'",
    ],
)
def test_what_is_wanted(text: str) -> None:
    assert wants(text)
    assert not wants(f"({text}) and rack == 'r9'"), "of several attributes the first counts"


@pytest.mark.parametrize(
    "text",
    ["cpus > 4", "ports >= 4", "free.gold > 0", "missing < 5", "rack < 5", "levels == 1", "not has(rack)"],
)
def test_what_is_not_wanted(text: str) -> None:
    assert not wants(text)


def test_what_is_known_of_an_agent_is_worked_out_once() -> None:
    assert compiled("rack == 'r1' and cpus >= 2").on(AGENT) == Amount("cpus", 2000)
    assert compiled("rack == 'r2' and cpus >= 2").on(AGENT) is False
    assert compiled("rack == 'r1' or cpus >= 2").on(AGENT) is True
    assert compiled("has(rack)") is compiled("has(rack)")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "at character 1: expected a name, found the end"),
        ("cpus >= ", "at character 9: expected a number or a text in quotes, found the end"),
        ("cpus => 4", "at character 6: cannot be read: '=> 4'"),
        ("cpus 4", "at character 6: expected a comparison (== != < <= > >= in), found '4'"),
        ("rack in ()", "at character 10: expected a number or a text in quotes, found ')'"),
        ("rack == 'r1' rack", "at character 14: expected 'and', 'or' or the end, found 'rack'"),
        ("(has(rack)", "at character 11: expected ')', found the end"),
        ("has(and)", "at character 5: expected a name, found 'and'"),
        ("__import__('os')", "at character 11: expected a comparison (== != < <= > >= in), found '('"),
        ("x == '1", 'at character 6: cannot be read: "\'1"'),
        ("x == 1e9", "at character 6: cannot be read: '1e9'"),
        ("(" * (DEPTH_MAX + 2), f"at character {DEPTH_MAX + 2}: more than {DEPTH_MAX} parentheses"),
        ("not " * 40 + "has(x)", "more than 16 parentheses and negations within each other"),
        (" " * LENGTH_MAX + "x", f"only {LENGTH_MAX} characters are allowed"),
        (f"x in (1{',1' * WORDS_MAX})", f"more than {WORDS_MAX} names and values"),
    ],
)
def test_what_cannot_be_used(text: str, fault: str) -> None:
    assert fault in str(compile_filter(text))


@pytest.mark.parametrize("text", ["cpus <= 4", "not cpus >= 4", "cpus == 4", "cpus in (4)", "mem >= 'a'"])
def test_what_is_free_is_bounded_from_below_only(text: str) -> None:
    assert "can only be compared with a number by >= or >" in str(compile_filter(text))


def test_the_place_of_a_fault_is_named() -> None:
    info = FrameworkInfo(user="u", name="n", roles=("web",), wanted={"web": "cpus"})
    assert offer_filter_fault(info) == (
        "'FrameworkInfo.meseta.roles[web].offer_filter' is not valid at character 5: expected a comparison"
        " (== != < <= > >= in), found the end"
    )
    info = FrameworkInfo(user="u", name="n", roles=("web",), wanted={"db": "cpus >= 1"})
    assert str(offer_filter_fault(info)).endswith("for a role that the framework is not subscribed to")
    assert offer_filter_fault(FrameworkInfo(user="u", name="n", wanted={"*": "cpus >= 1"})) is None


# In the allocator -------------------------------------------------------------------------------------

RACKS = {name: parse_attributes(f"rack:{name}") for name in ("r1", "r2", "r3")}


def test_agents_are_offered_to_those_who_want_them() -> None:
    cluster = Cluster()
    for name, attributes in RACKS.items():
        cluster.agent(name, Resources.scalars(cpus=4, mem=4096), attributes=attributes)
    cluster.framework("f", "r", wanted={"r": "cpus >= 4 and rack in ('r1', 'r2')"})
    assert sorted(cluster.turns()) == [("f", "r", "r1"), ("f", "r", "r2")]
    assert ("r3", "r", "the framework's offer filter excludes the agent") in cluster.reasons(FrameworkId("f"))


def test_too_little_is_offered_as_soon_as_there_is_more() -> None:
    cluster = Cluster()
    cluster.agent("a", Resources.scalars(cpus=4, mem=4096))
    cluster.framework("small", "s")
    (offer,) = cluster.allocate()
    cluster.framework("large", "l", wanted={"l": "cpus >= 3"})
    cluster.give_back(offer, Resources.scalars(cpus=2, mem=2048), 3600.0)
    assert cluster.turns(1.0) == []
    assert cluster.reasons(FrameworkId("large")) == [
        ("a", "l", "what is free on the agent is less than the framework's offer filter asks for")
    ]
    cluster.give_back(offer, Resources.scalars(cpus=2, mem=2048), 3600.0)
    assert ("large", "l", "a") in cluster.turns(1.0)


def test_nothing_is_worked_out_when_nothing_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    on = OfferFilter.on

    def counted(self: OfferFilter, agent: AgentInfo) -> object:
        asked.append(agent.hostname)
        return on(self, agent)

    monkeypatch.setattr(OfferFilter, "on", counted)
    cluster = Cluster()
    for number in range(10):
        cluster.agent(f"a{number}", Resources.scalars(cpus=4), attributes=RACKS["r1"])
    cluster.framework("f", "r", wanted={"r": "rack == 'r2' or cpus >= 5"})
    for _ in range(5):
        assert cluster.turns(1.0) == []
    assert len(asked) == 10
    total = Resources.scalars(cpus=6)
    cluster.allocator.update_agent(AgentId("a3"), total=total)
    assert cluster.turns(1.0) == [("f", "r", "a3")]
    assert len(asked) == 10, "only amounts have changed"
    info = AgentInfo(hostname="a4", port=1, resources=total, attributes=RACKS["r2"])
    cluster.allocator.update_agent(AgentId("a4"), info=info)
    assert cluster.turns(1.0) == [("f", "r", "a4")]
    assert len(asked) == 11


def test_a_filter_may_change() -> None:
    cluster = Cluster()
    cluster.agent("r1", Resources.scalars(cpus=4), attributes=RACKS["r1"])
    cluster.framework("f", "r", wanted={"r": "rack == 'r2'"})
    assert cluster.turns() == []
    cluster.allocator.update_framework(
        FrameworkId("f"), framework_info("f", "r", wanted={"r": "rack == 'r1'"})
    )
    assert cluster.turns(1.0) == [("f", "r", "r1")]


def test_what_quota_leaves_may_be_too_little() -> None:
    cluster = Cluster()
    cluster.agent("a", Resources.scalars(cpus=4))
    cluster.allocator.update_quota("r", {}, {"cpus": 2000})
    cluster.framework("f", "r", wanted={"r": "cpus >= 3"})
    assert cluster.turns() == []
    cluster.allocator.update_quota("r", {}, {"cpus": 3000})
    assert [(one.framework_id, one.resources) for one in cluster.allocate(1.0)] == [
        ("f", Resources.scalars(cpus=3))
    ]
