"""After a failover: with quota, nothing is offered before most agents are back. And what is measured."""

from __future__ import annotations

from meseta.resources import Kind, Reservation, Resources
from tests.unit.allocator.allocator_kit import Cluster

AGENT = Resources.scalars(cpus=4, mem=4096)


def test_most_agents_have_to_be_back() -> None:
    cluster = Cluster()
    cluster.allocator.update_quota("a", {"cpus": 1000})
    cluster.allocator.await_agents(5, cluster.now)
    cluster.framework("f", "b")
    for index in range(3):
        cluster.agent(f"a{index}", AGENT)
    assert cluster.allocate(1.0) == []
    assert cluster.allocator.deadline() == 600.0
    cluster.agent("a3", AGENT)
    assert cluster.allocator.deadline() == 0.0
    assert len(cluster.allocate()) == 4


def test_or_time_has_to_pass() -> None:
    cluster = Cluster(recovery_timeout_s=30.0)
    cluster.allocator.update_quota("a", {"cpus": 1000})
    cluster.allocator.await_agents(100, cluster.now)
    cluster.framework("f", "b")
    cluster.agent("one", AGENT)
    assert cluster.allocate(29.9) == []
    assert len(cluster.allocate(0.1)) == 1


def test_without_quota_nobody_waits() -> None:
    cluster = Cluster()
    cluster.allocator.await_agents(100, cluster.now)
    cluster.framework("f", "b")
    cluster.agent("one", AGENT)
    assert len(cluster.allocate()) == 1


def test_what_is_offered_is_not_consumed_yet() -> None:
    cluster = Cluster()
    cluster.allocator.update_quota("a", limits={"cpus": 9000})
    framework = cluster.framework("f", "a/b")
    reserved = Resources.of({Kind("cpus", reservations=(Reservation("a", False),)): 500})
    agent = cluster.agent("one", AGENT + reserved)

    def consumed() -> dict[str, float]:
        prefix, suffix = "allocator/mesos/quota/roles/a/resources/", "/consumed"
        metrics = cluster.allocator.metrics().items()
        return {
            name.removeprefix(prefix).removesuffix(suffix): value
            for name, value in metrics
            if name.startswith(prefix) and name.endswith(suffix)
        }

    (offer,) = cluster.allocate()
    assert offer.resources == AGENT + reserved
    assert consumed() == {"cpus": 0.5}, "what is reserved is consumed, whoever uses it"
    cluster.accept(offer)
    assert consumed() == {"cpus": 4.5, "mem": 4096.0}
    cluster.give_back(offer, Resources.scalars(cpus=3), accepted=True)
    assert consumed() == {"cpus": 1.5, "mem": 4096.0}
    cluster.allocator.remove_framework(framework)
    cluster.allocator.remove_agent(agent)
    assert consumed() == {}


def test_metrics_have_their_names_in_mesos() -> None:
    cluster = Cluster()
    cluster.allocator.update_quota("a", {"cpus": 1000}, {"cpus": 2000, "mem": 64_000})
    cluster.framework("f", "a/b")
    cluster.agent("one", AGENT)
    (offer,) = cluster.allocate()
    cluster.give_back(offer, Resources.scalars(cpus=1), refuse_s=100.0)
    quota = "allocator/mesos/quota/roles/a/resources"
    assert cluster.allocator.metrics() == {
        "allocator/mesos/allocation_runs": 1.0,
        "allocator/mesos/resources/cpus/total": 4.0,
        "allocator/mesos/resources/cpus/offered_or_allocated": 1.0,
        "allocator/mesos/resources/mem/total": 4096.0,
        "allocator/mesos/resources/mem/offered_or_allocated": 64.0,
        "allocator/mesos/resources/disk/total": 0.0,
        "allocator/mesos/resources/disk/offered_or_allocated": 0.0,
        "allocator/mesos/roles/a/shares/dominant": 0.25,
        "allocator/mesos/roles/a/b/shares/dominant": 0.25,
        "allocator/mesos/offer_filters/roles/a/active": 0.0,
        "allocator/mesos/offer_filters/roles/a/b/active": 1.0,
        f"{quota}/cpus/guarantee": 1.0,
        f"{quota}/cpus/limit": 2.0,
        f"{quota}/mem/limit": 64.0,
        f"{quota}/cpus/offered_or_allocated": 1.0,
        f"{quota}/mem/offered_or_allocated": 64.0,
    }
