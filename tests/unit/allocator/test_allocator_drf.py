"""Dominant resource fairness on the examples of its paper and of an article about Mesos."""

from __future__ import annotations

import pytest

from meseta.ids import AgentId
from meseta.resources import Resources
from tests.unit.allocator.allocator_kit import Cluster


def fill(total: Resources, demands: dict[str, Resources], refuse_s: float = 1000.0) -> tuple[Cluster, str]:
    """Let frameworks, each in a role of its name, take one task of each offer and leave the rest.

    Who cannot use an offer refuses it. Return the order in which tasks were started.
    """
    cluster = Cluster(min_allocatable_resources=())
    for name in demands:
        cluster.framework(name, name)
    cluster.agent("agent", total)
    order = ""
    while offers := cluster.allocate(1.0):
        (offer,) = offers
        task = demands[offer.framework_id]
        if offer.resources.contains(task):
            order += offer.framework_id
            cluster.give_back(offer, offer.resources - task)
        else:
            cluster.decline(offer, refuse_s)
    return cluster, order


def test_example_of_the_paper() -> None:
    """Table 1 of the DRF paper: A runs three tasks, B two, and both hold two thirds."""
    demands = {"A": Resources.scalars(cpus=1, mem=4), "B": Resources.scalars(cpus=3, mem=1)}
    cluster, order = fill(Resources.scalars(cpus=9, mem=18), demands)
    assert sorted(order) == list("AAABB")
    assert cluster.share("A") == pytest.approx(2 / 3)
    assert cluster.share("B") == pytest.approx(2 / 3)


def test_order_of_the_paper() -> None:
    """The paper starts with B; here the name decides the tie, so the one that demands <3, 1> comes first."""
    demands = {"1": Resources.scalars(cpus=3, mem=1), "2": Resources.scalars(cpus=1, mem=4)}
    _, order = fill(Resources.scalars(cpus=9, mem=18), demands)
    assert order == "12212"


def test_trace_of_the_article() -> None:
    """10 CPUs and 20 GB, A needs <3, 2> and B <1, 5>: A, B, B, A, B."""
    demands = {"A": Resources.scalars(cpus=3, mem=2), "B": Resources.scalars(cpus=1, mem=5)}
    cluster, order = fill(Resources.scalars(cpus=10, mem=20), demands)
    assert order == "ABBAB"
    held = cluster.allocator.ledger.agents[AgentId("agent")].held
    assert {client.framework_id: resources for client, resources in held.items()} == {
        "A": Resources.scalars(cpus=6, mem=4),
        "B": Resources.scalars(cpus=3, mem=15),
    }


def test_weights_scale_shares() -> None:
    """A role of weight 2 gets two thirds of equal agents, one of weight 1 one third."""
    cluster = Cluster()
    cluster.framework("f", "heavy")
    cluster.framework("g", "light")
    cluster.allocator.update_weights({"heavy": 2.0})
    for index in range(9):
        cluster.agent(f"agent{index}", Resources.scalars(cpus=1, mem=100))
    roles = [role for _, role, _ in cluster.turns()]
    assert (roles.count("heavy"), roles.count("light")) == (6, 3)


def test_weight_of_a_parent_counts_at_its_level_only() -> None:
    cluster = Cluster()
    for role in ("a/x", "a/y", "b"):
        cluster.framework(f"f-{role.replace('/', '-')}", role)
    cluster.allocator.update_weights({"a": 3.0})
    for index in range(8):
        cluster.agent(f"agent{index}", Resources.scalars(cpus=1, mem=100))
    roles = [role for _, role, _ in cluster.turns()]
    assert [roles.count(role) for role in ("a/x", "a/y", "b")] == [3, 3, 2]


def test_ports_and_excluded_resources_have_no_share() -> None:
    cluster = Cluster(fair_sharing_excluded_resource_names=frozenset({"disk"}))
    cluster.framework("f", "r")
    cluster.agent(
        "a",
        Resources.scalars(cpus=10, mem=1000, disk=100),
        {"f": {"r": Resources.scalars(cpus=1, disk=100)}},
    )
    assert cluster.share("r") == 0.1
