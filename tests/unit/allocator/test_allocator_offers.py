"""The built-in allocator as the master sees it: who is offered what, when, and why not."""

from __future__ import annotations

from meseta.allocator.invariants import check
from meseta.attributes import Attribute, AttributeType
from meseta.ids import AgentId, FrameworkId
from meseta.records import AgentInfo
from meseta.resources import Kind, Ranges, Resources, ValueType
from tests.unit.allocator.allocator_kit import EVERYTHING, Cluster, framework_info

BIG = Resources.scalars(cpus=4, mem=1024)
SMALL = Resources.scalars(cpus=1, mem=128)
PORTS = Resources.of({Kind("ports", ValueType.RANGES): Ranges.from_pairs([(31000, 31009)])})


# Whole agents, and what counts as allocated.


def test_one_framework_gets_all_that_is_free_on_an_agent() -> None:
    cluster = Cluster()
    framework = cluster.framework("f")
    cluster.agent("a", BIG + PORTS, {"f": {"*": SMALL}})
    (offer,) = cluster.allocate()
    assert (offer.framework_id, offer.role, offer.agent_id) == (framework, "*", "a")
    assert offer.resources == BIG + PORTS - SMALL
    assert cluster.allocate() == []


def test_frameworks_of_a_role_take_turns_over_agents() -> None:
    cluster = Cluster()
    cluster.framework("f")
    cluster.framework("g")
    for name in ("a", "b", "c", "d"):
        cluster.agent(name, BIG)
    turns = [framework for framework, _, _ in cluster.turns()]
    assert sorted(turns) == ["f", "f", "g", "g"]


def test_agents_come_in_random_order_of_the_seed() -> None:
    def order(seed: int) -> list[str]:
        cluster = Cluster(seed)
        cluster.framework("f")
        for index in range(20):
            cluster.agent(f"a{index:02}", BIG)
        return [agent for _, _, agent in cluster.turns()]

    assert order(1) == order(1)
    assert order(1) != order(2)
    assert sorted(order(1)) == [f"a{index:02}" for index in range(20)]


def test_the_budget_is_a_number_of_agents() -> None:
    cluster = Cluster()
    cluster.framework("f")
    for index in range(5):
        cluster.agent(f"a{index}", BIG)
    assert [len(cluster.allocator.allocate(0.0, 2)) for _ in range(4)] == [2, 2, 1, 0]


def test_what_is_below_the_minimum_is_not_offered() -> None:
    cluster = Cluster()
    cluster.framework("f")
    cluster.agent("a", Resources.scalars(cpus=0.005, mem=31, disk=1000))
    assert cluster.allocate() == []
    anything = Cluster(min_allocatable_resources=())
    anything.framework("f")
    anything.agent("a", Resources.scalars(disk=1))
    assert len(anything.allocate()) == 1


def test_a_framework_sets_its_own_minimum_per_role() -> None:
    cluster = Cluster()
    cluster.framework("f", offer_filters={"*": ({"cpus": 8000}, {"mem": 2_048_000, "ports": 2000})})
    cluster.agent("small", BIG + PORTS)
    cluster.agent("ports", Resources.scalars(mem=2048) + PORTS)
    cluster.agent("portless", Resources.scalars(mem=2048))
    assert cluster.turns() == [("f", "*", "ports")]


def test_resources_used_by_unknown_frameworks_are_theirs() -> None:
    """After a master's failover agents come back before their frameworks do."""
    cluster = Cluster()
    cluster.framework("f")
    cluster.agent("a", BIG, {"late": {"r": SMALL}})
    (offer,) = cluster.allocate()
    assert offer.resources == BIG - SMALL
    late = FrameworkId("late")
    cluster.allocator.add_framework(
        late, framework_info("late", "r"), {AgentId("a"): {"r": SMALL}}, active=True
    )
    assert cluster.share("r") == 0.25
    cluster.allocator.recover(late, AgentId("a"), "r", SMALL, None, 0.0, accepted=True)
    assert [(one.framework_id, one.resources) for one in cluster.allocate()] == [("late", SMALL)]


def test_a_role_that_was_left_keeps_its_account_until_all_is_returned() -> None:
    cluster = Cluster()
    framework = cluster.framework("f", "old")
    cluster.agent("a", BIG)
    (offer,) = cluster.allocate()
    cluster.allocator.update_framework(framework, framework_info("f", "new"))
    assert cluster.share("old") == 1.0
    cluster.give_back(offer)
    assert cluster.allocator.ledger.tree.node("old") is None
    assert cluster.turns() == [("f", "new", "a")]


def test_what_a_removed_framework_held_is_free() -> None:
    cluster = Cluster()
    framework = cluster.framework("f")
    cluster.agent("a", BIG)
    cluster.allocate()
    cluster.allocator.remove_framework(framework)
    cluster.framework("g")
    assert cluster.turns() == [("g", "*", "a")]


def test_returns_from_who_is_gone_are_ignored() -> None:
    cluster = Cluster()
    framework = cluster.framework("f")
    agent = cluster.agent("a", BIG)
    (offer,) = cluster.allocate()
    cluster.allocator.remove_agent(agent)
    cluster.give_back(offer)
    cluster.allocator.remove_framework(framework)
    cluster.give_back(offer)
    assert cluster.allocate() == []


def test_an_agent_in_debt_offers_nothing_until_it_is_paid() -> None:
    cluster = Cluster()
    cluster.framework("f")
    agent = cluster.agent("a", BIG)
    (offer,) = cluster.allocate()
    cluster.allocator.update_agent(agent, total=SMALL)
    cluster.give_back(offer, BIG - SMALL - SMALL)
    assert cluster.allocate() == []
    cluster.give_back(offer, SMALL + SMALL)
    assert [one.resources for one in cluster.allocate()] == [SMALL]


# When.


def test_events_want_an_allocation_at_once_and_returns_a_little_later() -> None:
    cluster = Cluster()
    assert cluster.allocator.deadline() is None
    cluster.framework("f")
    cluster.agent("a", BIG)
    assert cluster.allocator.deadline() == 0.0
    (offer,) = cluster.allocate()
    assert cluster.allocator.deadline() is None
    cluster.now = 3.2
    cluster.give_back(offer)
    assert cluster.allocator.deadline() == 3.205


def test_an_offer_declined_without_refusal_waits_for_the_batch() -> None:
    """Else the framework and the master would send it to and fro without end."""
    cluster = Cluster()
    cluster.framework("f")
    cluster.agent("a", BIG)
    (offer,) = cluster.allocate()
    cluster.now = 3.2
    cluster.decline(offer, refuse_s=0.0)
    assert cluster.allocator.deadline() == 4.0
    assert cluster.allocate() == []
    assert len(cluster.allocate(after_s=0.8)) == 1


def test_the_end_of_a_refusal_is_noticed_by_the_next_batch() -> None:
    cluster = Cluster()
    cluster.framework("f")
    cluster.agent("a", BIG)
    (offer,) = cluster.allocate()
    cluster.now = 0.5
    cluster.decline(offer, refuse_s=1.0)
    assert cluster.allocate(after_s=1.4) == []
    assert cluster.allocator.deadline() == 2.0
    assert len(cluster.allocate(after_s=0.1)) == 1


def test_an_allocation_that_runs_out_of_budget_wants_the_next_at_once() -> None:
    cluster = Cluster()
    cluster.framework("f")
    cluster.agent("a", BIG)
    cluster.agent("b", BIG)
    cluster.allocator.allocate(7.0, 1)
    assert cluster.allocator.deadline() == 7.0


# Refusals.


def test_a_refusal_holds_back_what_it_contains_from_that_framework_alone() -> None:
    cluster = Cluster()
    cluster.framework("f")
    cluster.agent("a", BIG)
    (offer,) = cluster.allocate()
    cluster.decline(offer, refuse_s=60.0)
    assert cluster.allocate(after_s=1.0) == []
    cluster.framework("g")
    assert cluster.turns() == [("g", "*", "a")]


def test_a_refusal_does_not_hold_back_more_than_was_refused() -> None:
    cluster = Cluster()
    cluster.framework("f")
    cluster.agent("a", BIG, {"f": {"*": SMALL}})
    (offer,) = cluster.allocate()
    cluster.decline(offer, refuse_s=60.0)
    assert cluster.allocate(after_s=1.0) == []
    cluster.give_back(offer, SMALL, accepted=True)
    assert [one.resources for one in cluster.allocate()] == [BIG]


def test_a_refusal_holds_for_one_role() -> None:
    cluster = Cluster()
    cluster.framework("f", "r", "s")
    cluster.agent("a", BIG)
    (offer,) = cluster.allocate()
    cluster.decline(offer, refuse_s=60.0)
    assert cluster.turns() == [("f", "s" if offer.role == "r" else "r", "a")]


def test_revive_ends_refusals() -> None:
    cluster = Cluster()
    framework = cluster.framework("f", "r")
    cluster.agent("a", BIG)
    (offer,) = cluster.allocate()
    cluster.decline(offer, refuse_s=60.0)
    cluster.allocator.revive(framework, ["r"])
    assert cluster.turns() == [("f", "r", "a")]


def test_deactivation_ends_refusals() -> None:
    cluster = Cluster()
    framework = cluster.framework("f", "r")
    cluster.agent("a", BIG)
    (offer,) = cluster.allocate()
    cluster.decline(offer, refuse_s=60.0)
    cluster.allocator.deactivate_framework(framework)
    assert cluster.allocate(after_s=1.0) == []
    cluster.allocator.activate_framework(framework)
    assert cluster.turns() == [("f", "r", "a")]


def test_new_attributes_of_an_agent_end_refusals() -> None:
    cluster = Cluster()
    cluster.framework("f")
    agent = cluster.agent("a", BIG)
    (offer,) = cluster.allocate()
    cluster.decline(offer, refuse_s=60.0)
    same = cluster.allocator.ledger.agents[agent].info
    cluster.allocator.update_agent(agent, info=same)
    assert cluster.allocate() == []
    rack = Attribute("rack", AttributeType.TEXT, "r1")
    changed = AgentInfo(hostname="a", port=1, resources=BIG, attributes=(rack,))
    cluster.allocator.update_agent(agent, info=changed)
    assert cluster.turns() == [("f", "*", "a")]


# Who takes part.


def test_suppressed_roles_get_no_offers() -> None:
    cluster = Cluster()
    framework = cluster.framework("f", "r", "s", suppressed=["s"])
    cluster.agent("a", BIG)
    cluster.agent("b", BIG)
    assert {role for _, role, _ in cluster.turns()} == {"r"}
    cluster.allocator.suppress(framework, ["r"])
    cluster.agent("c", BIG)
    assert cluster.turns() == []
    cluster.allocator.revive(framework, ["s"])
    assert cluster.turns() == [("f", "s", "c")]


def test_an_update_replaces_the_suppressed_roles() -> None:
    cluster = Cluster()
    framework = cluster.framework("f", "r", suppressed=["r"])
    cluster.agent("a", BIG)
    assert cluster.turns() == []
    cluster.allocator.update_framework(framework, framework_info("f", "r"))
    assert cluster.turns() == [("f", "r", "a")]


def test_inactive_frameworks_and_agents_take_no_part() -> None:
    cluster = Cluster()
    framework = cluster.framework("f", active=False)
    agent = cluster.agent("a", BIG)
    assert cluster.turns() == []
    cluster.allocator.deactivate_agent(agent)
    cluster.allocator.activate_framework(framework)
    assert cluster.turns() == []
    cluster.allocator.activate_agent(agent)
    assert cluster.turns() == [("f", "*", "a")]


def test_only_hosts_on_the_whitelist_are_offered() -> None:
    cluster = Cluster()
    cluster.framework("f")
    cluster.agent("a", BIG)
    cluster.agent("b", BIG)
    cluster.allocator.update_whitelist(frozenset({"b.example.org"}))
    assert cluster.turns() == [("f", "*", "b")]
    cluster.allocator.update_whitelist(None)
    assert cluster.turns() == [("f", "*", "a")]


def test_a_request_brings_back_what_was_refused() -> None:
    cluster = Cluster()
    framework = cluster.framework("f")
    cluster.allocator.request_resources(framework, [(None, BIG)])
    assert cluster.allocate() == []
    cluster.agent("a", BIG)
    (offer,) = cluster.allocate()
    cluster.decline(offer, refuse_s=1000.0)
    cluster.allocator.request_resources(framework, [])
    assert cluster.allocate() == [], "it needs nothing"
    cluster.allocator.request_resources(framework, [(None, BIG)])
    assert len(cluster.allocate()) == 1


# Explanations.


def test_explain_says_why_for_each_agent_and_role() -> None:
    cluster = Cluster()
    framework = cluster.framework("f", "r", "s", suppressed=["s"])
    refused = cluster.agent("refused", BIG)
    (offer,) = cluster.allocate()
    cluster.decline(offer, refuse_s=60.0)
    cluster.framework("g")
    cluster.agent("tiny", Resources.scalars(disk=1))
    off = cluster.agent("off", BIG)
    cluster.allocator.deactivate_agent(off)
    cluster.agent("next", BIG)
    reasons = {(agent, role): reason for agent, role, reason in cluster.reasons(framework)}
    assert reasons[refused, "s"] == "the framework has suppressed offers in the role"
    assert reasons[refused, "r"].endswith("has refused what is free on the agent, for another 60 s at most")
    assert "below the minimum" in reasons[AgentId("tiny"), "r"]
    assert reasons[off, "r"] == "the agent is deactivated"
    assert "framework g in role * is served first" in reasons[AgentId("next"), "r"]
    assert len(reasons) == 8


def test_explain_of_frameworks_that_take_no_part() -> None:
    cluster = Cluster()
    framework = cluster.framework("f", "old")
    cluster.agent("a", BIG)
    cluster.agent("b", BIG)
    offers = cluster.allocate()
    cluster.allocator.update_whitelist(frozenset())
    cluster.give_back(offers[0])
    texts = {agent: text for agent, _, text in cluster.reasons(framework)}
    assert "not on the whitelist" in texts[offers[0].agent_id]
    cluster.allocator.update_framework(framework, framework_info("f", "new"))
    cluster.allocator.deactivate_framework(framework)
    reasons = {role: reason for _, role, reason in cluster.reasons(framework)}
    assert "has left the role" in reasons["old"]
    assert "is not active" in reasons["new"]


def test_cost_follows_the_change() -> None:
    """What everybody has refused is not looked at again."""
    cluster = Cluster()
    cluster.framework("f")
    for index in range(50):
        cluster.agent(f"a{index}", BIG)
    offers = cluster.allocate()
    for offer in offers:
        cluster.decline(offer, refuse_s=1000.0)
    assert cluster.allocate() == []
    agents = cluster.allocator.ledger.agents.values()
    assert not any(cluster.allocator.pending(agent) for agent in agents)
    assert cluster.allocator.allocate(500.0, EVERYTHING) == []


def test_an_agent_that_uses_more_than_it_has_is_offered_when_that_is_over() -> None:
    cluster = Cluster()
    used = {"f1": {"web": Resources.scalars(cpus=3)}, "f2": {"web": Resources.scalars(cpus=2)}}
    agent = cluster.agent("a", Resources.scalars(cpus=4), used)
    cluster.framework("f1", "web")
    assert not cluster.allocate(1.0)
    three = Resources.scalars(cpus=3)
    cluster.allocator.recover(FrameworkId("f1"), agent, "web", three, None, cluster.now, accepted=True)
    check(cluster.allocator)
    assert [allocation.resources for allocation in cluster.allocate(1.0)] == [Resources.scalars(cpus=2)]
