"""A framework that says how much it wants to hold of a role is offered no more once it has it."""

from __future__ import annotations

from meseta.allocator.allocator import Allocation
from meseta.ids import AgentId, FrameworkId
from meseta.records import FrameworkCapability
from meseta.resources import Kind, Resources
from tests.unit.allocator.allocator_kit import Cluster, framework_info

AGENT = Resources.scalars(cpus=4, mem=4096)
TASK = Resources.scalars(cpus=1, mem=1024)
TWO_AGENTS = {"r": {"cpus": 8000}}
MET = "the framework holds, or is offered, all that it says it wants to hold in the role"


def cluster_of(agents: int, **options: object) -> Cluster:
    cluster = Cluster(recovery_window_s=0.0, **options)
    for index in range(agents):
        cluster.agent(f"a{index}", AGENT)
    return cluster


def satisfied(agents: int = 4, **options: object) -> tuple[Cluster, list[Allocation]]:
    """Return a cluster where `f`, which wants two agents of four, has accepted them."""
    cluster = cluster_of(agents, **options)
    cluster.framework("f", "r", demands=TWO_AGENTS)
    offers = cluster.allocate()
    for offer in offers:
        cluster.accept(offer)
    return cluster, offers


def test_offers_stop_when_the_demand_is_met_and_go_to_others() -> None:
    cluster, offers = satisfied()
    assert len(offers) == 2, "offers count, in the middle of an allocation"
    assert cluster.allocate(10.0) == []
    cluster.framework("other", "r")
    assert {framework for framework, _, _ in cluster.turns()} == {"other"}


def test_a_part_that_is_missing_brings_whole_agents() -> None:
    cluster = cluster_of(2)
    cluster.framework("f", "r", demands={"r": {"cpus": 4001}})
    assert len(cluster.allocate()) == 2


def test_every_name_counts() -> None:
    cluster = cluster_of(3)
    cluster.framework("f", "r", demands={"r": {"cpus": 1000, "mem": 5000_000}})
    assert len(cluster.allocate()) == 2


def test_it_is_offered_again_at_once_when_a_task_ends() -> None:
    cluster, offers = satisfied()
    cluster.give_back(offers[0], TASK, accepted=True)
    assert cluster.allocator.deadline() == cluster.now
    assert len(cluster.allocate()) == 1


def test_it_is_offered_again_at_once_when_an_agent_is_lost() -> None:
    cluster, offers = satisfied()
    cluster.allocator.remove_agent(offers[0].agent_id)
    assert cluster.allocator.deadline() == cluster.now
    assert len(cluster.allocate()) == 1


def test_it_is_offered_others_when_it_declines() -> None:
    cluster = cluster_of(4)
    cluster.framework("f", "r", demands=TWO_AGENTS)
    first, second = cluster.allocate()
    cluster.accept(second)
    cluster.decline(first)
    (third,) = cluster.allocate()
    assert third.agent_id not in (first.agent_id, second.agent_id)


def test_an_offer_that_is_declined_without_a_refusal_does_not_go_to_and_fro() -> None:
    cluster = cluster_of(1)
    cluster.framework("f", "r", demands={"r": {"cpus": 1000}})
    (offer,) = cluster.allocate()
    cluster.decline(offer, refuse_s=0.0)
    assert cluster.allocator.deadline() == cluster.now + 1.0
    assert len(cluster.allocate(1.0)) == 1


def test_a_greater_demand_brings_offers_at_once_and_so_does_none() -> None:
    for demands in ({"r": {"cpus": 12_000}}, None):
        cluster, _ = satisfied()
        cluster.allocator.update_framework(FrameworkId("f"), framework_info("f", "r", demands=demands))
        assert cluster.allocator.deadline() == cluster.now
        assert len(cluster.allocate()) == (2 if demands is None else 1)


def test_what_it_holds_already_counts_for_a_new_demand() -> None:
    cluster = cluster_of(2)
    cluster.framework("f", "r")
    first, second = cluster.allocate()
    cluster.accept(first)
    cluster.allocator.update_framework(
        FrameworkId("f"), framework_info("f", "r", demands={"r": {"cpus": 4000}})
    )
    cluster.give_back(second)
    assert cluster.allocate() == []


def test_what_it_held_at_a_former_master_counts() -> None:
    cluster = Cluster()
    cluster.framework("f", "r", demands={"r": {"cpus": 1000}})
    cluster.agent("a", AGENT, {"f": {"r": TASK}})
    assert cluster.allocate() == []


def test_each_role_has_its_own() -> None:
    cluster = cluster_of(3)
    cluster.framework("f", "r", "s", has=[FrameworkCapability.MULTI_ROLE], demands={"r": {"cpus": 1000}})
    assert sorted(role for _, role, _ in cluster.turns()) == ["r", "s", "s"]


def test_revocable_resources_do_not_meet_a_demand() -> None:
    revocable = Resources.of([(Kind("cpus", revocable=True), 4000), (Kind("mem"), 1024_000)])
    cluster = Cluster()
    for name in ("a", "b"):
        cluster.agent(name, revocable)
    has = [FrameworkCapability.REVOCABLE_RESOURCES]
    cluster.framework("f", "r", has=has, demands={"r": {"cpus": 4000}})
    assert len(cluster.allocate()) == 2


def test_a_demand_goes_before_a_guarantee() -> None:
    """What the role is guaranteed is kept free for it all the same."""
    cluster = cluster_of(3)
    cluster.allocator.update_quota("r", guarantees={"cpus": 12_000})
    cluster.framework("f", "r", demands={"r": {"cpus": 4000}})
    assert len(cluster.allocate()) == 1
    cluster.framework("other", "s")
    assert not any(offer.resources.scalar("cpus") for offer in cluster.allocate())


def test_an_explanation_says_so() -> None:
    cluster, _ = satisfied(3)
    free = cluster.reasons(FrameworkId("f"))
    assert {reason for _, _, reason in free} == {MET}


def test_no_agent_is_held_back_for_who_has_what_it_wants() -> None:
    cluster, _ = satisfied(3, starvation_timeout_s=30.0)
    info = framework_info("f", "r", demands=TWO_AGENTS, offer_filters={"r": ({"cpus": 4000},)})
    cluster.allocator.update_framework(FrameworkId("f"), info)
    for _ in range(5):
        cluster.allocate(30.0)
    assert not cluster.allocator.holders


def test_an_agent_that_is_held_back_is_let_go_when_its_holder_wants_no_more() -> None:
    cluster = Cluster(starvation_timeout_s=30.0, recovery_window_s=0.0)
    cluster.framework("small", "small")
    cluster.agent("a", AGENT, {"f": {"r": TASK}})
    for offer in cluster.allocate():
        cluster.accept(offer)
    whole = {"r": ({"cpus": 4000},)}
    cluster.framework("f", "r", offer_filters=whole, demands={"r": {"cpus": 2000}})
    cluster.allocate(30.0)
    assert list(cluster.allocator.holders) == [AgentId("a")]
    info = framework_info("f", "r", offer_filters=whole, demands={"r": {"cpus": 1000}})
    cluster.allocator.update_framework(FrameworkId("f"), info)
    cluster.allocate()
    assert not cluster.allocator.holders


def test_a_framework_that_is_gone_leaves_nothing_behind() -> None:
    cluster, _ = satisfied()
    cluster.allocator.remove_framework(FrameworkId("f"))
    demands = cluster.allocator.ledger.demands
    assert (demands.lacks, demands.met) == ({}, 0)
