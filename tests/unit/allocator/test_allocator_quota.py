"""Quota: guarantees come first and are kept free, limits cut, and both include sub-roles."""

from __future__ import annotations

from meseta.allocator.allocator import Allocation
from meseta.allocator.quota import Quota
from meseta.ids import AgentId, FrameworkId
from meseta.records import FrameworkCapability
from meseta.resources import Kind, Ranges, Reservation, Resources, ValueType
from tests.unit.allocator.allocator_kit import Cluster

AGENT = Resources.scalars(cpus=4, mem=4096)
PORTS = Resources.of({Kind("ports", ValueType.RANGES): Ranges.from_pairs([(31000, 31009)])})

NOTHING_AT_ALL = {"cpus": 0, "mem": 0}


def quantities(cpus: float, mem: float) -> dict[str, int]:
    return Resources.scalars(cpus=cpus, mem=mem).quantities()


def offered(decided: list[Allocation]) -> dict[str, Resources]:
    """What each framework was offered in all."""
    total: dict[str, Resources] = {}
    for one in decided:
        total[one.framework_id] = total.get(one.framework_id, Resources.EMPTY) + one.resources
    return total


def reserved(role: str, cpus: float, mem: float) -> Resources:
    return Resources.scalars(cpus=cpus, mem=mem).push_reservation(Reservation(role, True))


class TestGuarantees:
    def test_come_before_fairness(self) -> None:
        cluster = Cluster()
        cluster.framework("poor", "a")
        cluster.framework("rich", "b")
        cluster.agent("old", AGENT, {"rich": {"b": AGENT}})
        cluster.allocator.update_quota("b", quantities(8, 8192))
        cluster.agent("new", AGENT)
        assert offered(cluster.allocate()) == {"rich": AGENT}

    def test_are_kept_free_for_frameworks_that_are_not_there_yet(self) -> None:
        cluster = Cluster()
        cluster.allocator.update_quota("a", quantities(6, 6144))
        for name in ("one", "two"):
            cluster.agent(name, AGENT)
        cluster.framework("other", "b")
        assert offered(cluster.allocate()) == {"other": Resources.scalars(cpus=2, mem=2048)}
        cluster.framework("late", "a")
        assert offered(cluster.allocate()) == {"late": Resources.scalars(cpus=6, mem=6144)}

    def test_of_names_that_an_agent_lacks_do_not_help(self) -> None:
        """An agent without gpus is left to the others."""
        cluster = Cluster()
        cluster.allocator.update_quota("a", {"gpus": 1000})
        cluster.framework("f", "a", suppressed=("a",))
        cluster.framework("g", "b")
        cluster.agent("one", AGENT)
        assert offered(cluster.allocate()) == {"g": AGENT}

    def test_bring_what_is_not_counted_along(self) -> None:
        cluster = Cluster()
        cluster.allocator.update_quota("a", {"cpus": 1000})
        cluster.framework("f", "a")
        cluster.agent("one", AGENT + PORTS)
        assert offered(cluster.allocate()) == {"f": AGENT + PORTS}

    def test_are_served_in_sub_roles_too(self) -> None:
        cluster = Cluster()
        cluster.allocator.update_quota("a", quantities(4, 4096))
        cluster.framework("f", "a/b")
        cluster.framework("other", "b")
        cluster.agent("one", AGENT)
        assert offered(cluster.allocate()) == {"f": AGENT}

    def test_can_be_met_though_they_are_more_than_there_is(self) -> None:
        cluster = Cluster()
        cluster.allocator.update_quota("a", quantities(100, 100_000))
        cluster.allocator.update_quota("b", quantities(100, 100_000))
        cluster.framework("f", "a")
        cluster.agent("one", AGENT)
        assert offered(cluster.allocate()) == {"f": AGENT}

    def test_count_reservations_used_or_not(self) -> None:
        cluster = Cluster()
        cluster.allocator.update_quota("a", quantities(4, 4096))
        cluster.agent("one", reserved("a/b", 3, 3072) + AGENT)
        cluster.framework("other", "b")
        assert offered(cluster.allocate()) == {"other": Resources.scalars(cpus=3, mem=3072)}

    def test_do_not_keep_reservations_or_revocable_resources_from_others(self) -> None:
        cluster = Cluster()
        cluster.allocator.update_quota("a", quantities(100, 100_000))
        spare = Resources.of({Kind("cpus", revocable=True): 1000})
        own = reserved("b", 1, 32)
        cluster.agent("one", AGENT + spare + own)
        cluster.framework("other", "b", has=(FrameworkCapability.REVOCABLE_RESOURCES,))
        assert offered(cluster.allocate()) == {"other": spare + own}

    def test_that_are_lifted_let_others_have_it_with_the_next_batch(self) -> None:
        cluster = Cluster()
        cluster.allocator.update_quota("a", quantities(4, 4096))
        cluster.framework("other", "b")
        cluster.agent("one", AGENT)
        assert cluster.allocate() == []
        cluster.allocator.update_quota("a")
        assert cluster.allocator.deadline() == 1.0
        assert offered(cluster.allocate(1.0)) == {"other": AGENT}
        assert not cluster.allocator.ledger.quotas.enforced


class TestLimits:
    def test_cut_offers(self) -> None:
        cluster = Cluster()
        cluster.allocator.update_quota("a", limits={"cpus": 1500})
        cluster.framework("f", "a")
        cluster.agent("one", AGENT + PORTS)
        assert offered(cluster.allocate()) == {"f": Resources.scalars(cpus=1.5, mem=4096) + PORTS}

    def test_leave_the_rest_to_others(self) -> None:
        cluster = Cluster()
        cluster.allocator.update_quota("a", limits=quantities(1, 1024))
        cluster.framework("f", "a")
        cluster.framework("g", "z")
        cluster.agent("one", AGENT)
        expected = {"f": Resources.scalars(cpus=1, mem=1024), "g": Resources.scalars(cpus=3, mem=3072)}
        assert offered(cluster.allocate()) == expected

    def test_bind_the_role_and_its_sub_roles_together(self) -> None:
        cluster = Cluster()
        cluster.allocator.update_quota("a", limits=quantities(3, 3072))
        cluster.framework("f", "a/b")
        cluster.framework("g", "a/c")
        cluster.framework("h", "a")
        for name in ("one", "two", "three"):
            cluster.agent(name, AGENT)
        total = sum(offered(cluster.allocate()).values(), Resources.EMPTY)
        assert total == Resources.scalars(cpus=3, mem=3072)

    def test_let_go_on_when_something_ends_elsewhere(self) -> None:
        cluster = Cluster()
        cluster.allocator.update_quota("a", limits=quantities(4, 4096))
        cluster.framework("f", "a")
        cluster.agent("one", AGENT)
        cluster.agent("two", AGENT)
        first, *others = cluster.allocate()
        assert not others
        assert cluster.allocate(1.0) == []
        cluster.give_back(first, Resources.scalars(cpus=1, mem=1024))
        decided = cluster.allocate(0.005)
        assert offered(decided) == {"f": Resources.scalars(cpus=1, mem=1024)}

    def test_do_not_count_revocable_resources(self) -> None:
        cluster = Cluster()
        cluster.allocator.update_quota("a", limits=NOTHING_AT_ALL)
        spare = Resources.of({Kind("cpus", revocable=True): 1000})
        cluster.framework("f", "a", has=(FrameworkCapability.REVOCABLE_RESOURCES,))
        cluster.agent("one", AGENT + spare)
        assert offered(cluster.allocate()) == {"f": spare}

    def test_hold_after_a_change_of_mind(self) -> None:
        """What is consumed beyond a lowered limit is kept; nothing is added."""
        cluster = Cluster()
        cluster.framework("f", "a")
        cluster.agent("one", AGENT)
        assert len(cluster.allocate()) == 1
        cluster.allocator.update_quota("a", limits=quantities(1, 1024))
        cluster.agent("two", AGENT)
        assert cluster.allocate(1.0) == []
        cluster.allocator.update_quota("a", limits=quantities(5, 5120))
        assert offered(cluster.allocate(1.0)) == {"f": Resources.scalars(cpus=1, mem=1024)}


def test_legacy_quota_is_a_limit_too() -> None:
    assert Quota.legacy({"cpus": 1000}) == Quota({"cpus": 1000}, {"cpus": 1000})


class TestExplanations:
    def test_of_a_limit(self) -> None:
        cluster = Cluster()
        cluster.allocator.update_quota("a", limits=NOTHING_AT_ALL)
        cluster.agent("one", AGENT)
        framework = cluster.framework("f", "a/b")
        assert cluster.allocate() == []
        expected = "the quota limit of role a leaves too little of the agent"
        assert cluster.reasons(framework) == [("one", "a/b", expected)]

    def test_of_headroom(self) -> None:
        cluster = Cluster()
        for index in range(5):
            cluster.allocator.update_quota(f"q{index}", quantities(1, 1024))
        cluster.agent("one", AGENT)
        framework = cluster.framework("f", "a")
        assert cluster.allocate() == []
        expected = "what is free on the agent is kept back for the guarantees of role q0, q1, q2 and 2 more"
        assert cluster.reasons(framework) == [("one", "a", expected)]

    def test_of_a_refusal_of_a_part(self) -> None:
        cluster = Cluster()
        cluster.allocator.update_quota("a", limits=quantities(1, 1024))
        cluster.agent("one", AGENT)
        framework = cluster.framework("f", "a")
        (offer,) = cluster.allocate()
        cluster.decline(offer, refuse_s=100.0)
        assert cluster.allocate(1.0) == []
        expected = "the framework has refused the part of the agent that quota leaves it"
        assert cluster.reasons(framework) == [("one", "a", f"{expected}, for another 99 s at most")]
        cluster.allocator.update_quota("a", limits=quantities(2, 2048))
        assert offered(cluster.allocate(1.0)) == {framework: Resources.scalars(cpus=2, mem=2048)}


def test_an_unknown_framework_that_holds_resources_counts() -> None:
    cluster = Cluster()
    cluster.allocator.update_quota("a", limits=quantities(4, 4096))
    cluster.agent("one", AGENT, {"stranger": {"a": AGENT}})
    cluster.agent("two", AGENT)
    cluster.framework("f", "a")
    assert cluster.allocate() == []
    stranger, one = FrameworkId("stranger"), AgentId("one")
    cluster.allocator.recover(stranger, one, "a", AGENT, None, cluster.now, accepted=True)
    assert offered(cluster.allocate(0.005)) == {"f": AGENT}


def test_example_of_the_explanation() -> None:
    """docs/explanation/allocation.md, step by step."""
    cluster = Cluster(min_allocatable_resources=({"cpus": 10}, {"mem": 1000}))
    whole = Resources.scalars(cpus=4, mem=8)
    cluster.allocator.update_quota("eng", whole.quantities(), {"cpus": 6000})
    for name in ("a1", "a2", "a3"):
        cluster.agent(name, whole)
    batch = cluster.framework("batch", "ads")
    first, second = cluster.allocate()
    assert (first.resources, second.resources) == (whole, whole)
    kept = "what is free on the agent is kept back for the guarantees of role eng"
    assert kept in [reason for _, _, reason in cluster.reasons(batch)]
    cluster.framework("web", "eng/web")
    assert offered(cluster.allocate()) == {"web": whole}
    cluster.give_back(first, Resources.scalars(cpus=3, mem=6))
    assert offered(cluster.allocate(0.005)) == {
        "web": Resources.scalars(cpus=2, mem=6),
        "batch": Resources.scalars(cpus=1),
    }
