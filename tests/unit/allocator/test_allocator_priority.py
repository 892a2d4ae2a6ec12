"""Strict priority: the order of turns differs, everything else is shared."""

from __future__ import annotations

import random

import pytest

from meseta.allocator import sorter
from meseta.allocator.allocator import AllocatorOptions
from meseta.allocator.policies.priority import PriorityAllocator
from meseta.errors import ConfigError
from meseta.ids import AgentId
from meseta.plugins.load import load_allocator
from meseta.resources import Resources
from tests.unit.allocator.allocator_kit import Cluster

BIG = Resources.scalars(cpus=4, mem=4096)


def cluster_with(**priorities: int) -> Cluster:
    cluster = Cluster()
    options = AllocatorOptions(role_priorities=priorities)
    cluster.allocator = PriorityAllocator(random.Random(1), options)
    return cluster


def add_agents(cluster: Cluster, count: int, start: int = 0) -> None:
    for index in range(start, start + count):
        cluster.agent(f"a{index}", BIG)


@pytest.fixture(params=[1, 100], ids=["in the tree", "few"], autouse=True)
def ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Candidates are taken from the tree, or sorted among themselves."""
    monkeypatch.setattr(sorter, "FEW", request.param)


def test_it_is_chosen_by_name() -> None:
    assert load_allocator("priority") is PriorityAllocator


def test_the_higher_priority_gets_everything() -> None:
    """However large its share is."""
    cluster = cluster_with(prod=10, batch=1)
    cluster.framework("aaa", "batch")
    cluster.framework("zzz", "prod")
    add_agents(cluster, 4)
    assert {one.framework_id for one in cluster.allocate()} == {"zzz"}


def test_the_lower_one_gets_what_is_declined() -> None:
    cluster = cluster_with(prod=10)
    cluster.framework("low", "batch")
    cluster.framework("high", "prod")
    add_agents(cluster, 1)
    (offer,) = cluster.allocate()
    cluster.decline(offer, refuse_s=60.0)
    (offer,) = cluster.allocate(1.0)
    assert offer.framework_id == "low"
    cluster.give_back(offer)
    cluster.allocator.revive(cluster.framework("higher", "prod"), ["prod"])
    assert [one.framework_id for one in cluster.allocate(1.0)] == ["higher"]


def test_equals_share_by_drf() -> None:
    cluster = cluster_with(a=5, b=5, c=1)
    for role in ("a", "b", "c"):
        cluster.framework(role, role)
    add_agents(cluster, 6)
    owners = sorted(one.framework_id for one in cluster.allocate())
    assert owners == ["a", "a", "a", "b", "b", "b"]


def test_unset_is_zero_and_below_is_lower() -> None:
    cluster = cluster_with(spare=-1)
    cluster.framework("spare", "spare")
    cluster.framework("usual", "web")
    add_agents(cluster, 2)
    assert {one.framework_id for one in cluster.allocate()} == {"usual"}


def test_priorities_count_among_siblings() -> None:
    cluster = cluster_with(**{"eng/prod": 100, "eng": 1, "ads": 2})
    cluster.framework("prod", "eng/prod")
    cluster.framework("dev", "eng/dev")
    cluster.framework("ads", "ads", suppressed=[])
    add_agents(cluster, 1)
    (offer,) = cluster.allocate()
    assert offer.framework_id == "ads"
    cluster.allocator.suppress(offer.framework_id, ["ads"])
    cluster.give_back(offer)
    add_agents(cluster, 2, start=1)
    assert {one.framework_id for one in cluster.allocate(1.0)} == {"prod"}


def test_priorities_change_while_it_runs() -> None:
    cluster = cluster_with(a=2, b=1)
    cluster.framework("a", "a")
    cluster.framework("b", "b")
    add_agents(cluster, 2)
    assert {one.framework_id for one in cluster.allocate()} == {"a"}
    assert isinstance(cluster.allocator, PriorityAllocator)
    cluster.allocator.update_priorities({"b": 3, "later": 9})
    add_agents(cluster, 2, start=2)
    assert {one.framework_id for one in cluster.allocate()} == {"b"}
    cluster.framework("later", "later")
    add_agents(cluster, 1, start=4)
    assert {one.framework_id for one in cluster.allocate()} == {"later"}


def test_guarantees_come_before_priorities() -> None:
    cluster = cluster_with(prod=10)
    cluster.allocator.update_quota("sure", BIG.quantities())
    cluster.framework("prod", "prod")
    cluster.framework("sure", "sure")
    add_agents(cluster, 2)
    assert sorted(one.framework_id for one in cluster.allocate()) == ["prod", "sure"]


def test_an_explanation_names_the_priorities() -> None:
    cluster = cluster_with(prod=10)
    cluster.framework("high", "prod")
    low = cluster.framework("low", "batch")
    agent = cluster.agent("one", BIG)
    expected = (
        "framework high in role prod is served first: the priority of role prod is 10, that of role batch 0"
    )
    assert cluster.reasons(low) == [(AgentId(agent), "batch", expected)]


def test_roles_by_lot_have_no_priorities() -> None:
    with pytest.raises(ConfigError, match="--role_sorter=random draws the roles by lot"):
        PriorityAllocator(random.Random(1), AllocatorOptions(role_sorter="random"))


def test_frameworks_by_lot_have_roles_with_priorities() -> None:
    cluster = Cluster()
    options = AllocatorOptions(role_priorities={"prod": 1}, framework_sorter="random")
    cluster.allocator = PriorityAllocator(random.Random(1), options)
    for name in "abcdef":
        cluster.framework(f"{name}-low", "batch")
        cluster.framework(f"{name}-high", "prod")
    add_agents(cluster, 8)
    winners = {one.framework_id for one in cluster.allocate()}
    assert len(winners) > 1
    assert all(name.endswith("-high") for name in winners)
