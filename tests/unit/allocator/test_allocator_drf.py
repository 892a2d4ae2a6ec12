"""Dominant resource fairness on the examples of its paper and of an article about Mesos."""

from __future__ import annotations

from fractions import Fraction

import pytest

from meseta.ids import AgentId
from meseta.resources import Resources
from tests.unit.allocator.allocator_kit import Cluster

Shares = dict[str, Fraction]
"""Dominant shares by framework."""


def fill(
    total: Resources, demands: dict[str, Resources], shares: list[Shares] | None = None
) -> tuple[Cluster, str]:
    """Let frameworks, each in a role of its name, take one task of each offer and leave the rest.

    Who cannot use an offer refuses it. Return the order in which tasks were started; append to `shares` what
    the dominant shares were after each.
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
            if shares is not None:
                shares.append(
                    {name: Fraction(cluster.share(name)).limit_denominator(1000) for name in demands}
                )
        else:
            cluster.decline(offer, refuse_s=1000.0)
    return cluster, order


def test_example_of_the_paper() -> None:
    """Table 1 of the DRF paper: A runs three tasks, B two, and both hold two thirds."""
    demands = {"A": Resources.scalars(cpus=1, mem=4), "B": Resources.scalars(cpus=3, mem=1)}
    cluster, order = fill(Resources.scalars(cpus=9, mem=18), demands)
    assert sorted(order) == list("AAABB")
    assert cluster.share("A") == pytest.approx(2 / 3)
    assert cluster.share("B") == pytest.approx(2 / 3)


def test_steps_of_the_paper() -> None:
    """Table 1: B, A, A, B, A, and the share of each after its turn.

    The paper starts with B; here the name decides the tie, so B, which demands <3, 1>, is called 1.
    """
    demands = {"1": Resources.scalars(cpus=3, mem=1), "2": Resources.scalars(cpus=1, mem=4)}
    shares: list[Shares] = []
    cluster, order = fill(Resources.scalars(cpus=9, mem=18), demands, shares)
    assert order == "12212"
    steps = [after[name] for name, after in zip(order, shares, strict=True)]
    assert steps == [Fraction(1, 3), Fraction(2, 9), Fraction(4, 9), Fraction(2, 3), Fraction(2, 3)]
    agent = cluster.allocator.ledger.agents[AgentId("agent")]
    assert {client.role: held for client, held in agent.held.items()} == {
        "1": Resources.scalars(cpus=6, mem=2),
        "2": Resources.scalars(cpus=3, mem=12),
    }
    assert agent.available == Resources.scalars(mem=4)


def test_trace_of_the_article() -> None:
    """10 CPUs and 20 GB, A needs <3, 2> and B <1, 5>: A, B, B, A, B.

    The article prints 33 % and 66 % for A's three and six of ten CPUs; the shares here are exact.
    """
    demands = {"A": Resources.scalars(cpus=3, mem=2), "B": Resources.scalars(cpus=1, mem=5)}
    shares: list[Shares] = []
    cluster, order = fill(Resources.scalars(cpus=10, mem=20), demands, shares)
    assert order == "ABBAB"
    percent = [(int(after["A"] * 100), int(after["B"] * 100)) for after in shares]
    assert percent == [(30, 0), (30, 25), (30, 50), (60, 50), (60, 75)]
    assert cluster.allocator.ledger.agents[AgentId("agent")].available == Resources.scalars(cpus=1, mem=1)
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
