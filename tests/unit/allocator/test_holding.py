"""One large request among many small ones: an agent is held back for it, for a bounded time."""

from __future__ import annotations

import heapq

from meseta.allocator.allocator import Allocation
from meseta.allocator.holding import HELD_MAX, HELD_TIMEOUTS, Holding
from meseta.ids import AgentId
from meseta.resources import Resources
from tests.unit.allocator.allocator_kit import Cluster

AGENT = Resources.scalars(cpus=4, mem=4096)
TASK = Resources.scalars(cpus=1, mem=1024)
TASK_S = 20.0
WHOLE = {"large": ({"cpus": 4000},)}
TIMEOUT_S = 30.0


class Small:
    """A framework that starts a task of 20 s on every quarter of an agent, and would go on for ever."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.ends: list[tuple[float, int, Allocation]] = []
        self.started = 0

    def take(self, offer: Allocation) -> None:
        """Fill an offer with tasks. At first they end one after another, so that no agent becomes empty."""
        self.cluster.accept(offer)
        for _ in range(offer.resources.scalar("cpus") // 1000):
            lasts_s = TASK_S if self.started >= 8 else 5.0 * (1 + self.started % 4)
            heapq.heappush(self.ends, (self.cluster.now + lasts_s, self.started, offer))
            self.started += 1

    def end_tasks(self) -> None:
        """End the tasks whose time is over."""
        while self.ends and self.ends[0][0] <= self.cluster.now:
            self.cluster.give_back(heapq.heappop(self.ends)[2], TASK, accepted=True)


def served_after_s(timeout_s: float, limit_s: float, **large: object) -> float | None:
    """Return when a framework that needs a whole agent is offered one, of two full of small tasks."""
    cluster = Cluster(starvation_timeout_s=timeout_s, recovery_window_s=0.0)
    cluster.framework("small", "small")
    for name in ("a", "b"):
        cluster.agent(name, AGENT)
    tasks = Small(cluster)
    for offer in cluster.allocate():
        tasks.take(offer)
    cluster.framework("large", "large", **large)  # type: ignore[arg-type]
    while cluster.now < limit_s:
        for offer in cluster.allocate(1.0):
            if offer.framework_id == "large":
                return cluster.now
            tasks.take(offer)
        tasks.end_tasks()
    return None


def test_a_large_request_among_small_ones_starves_without_the_guard() -> None:
    assert served_after_s(0.0, 600.0, offer_filters=WHOLE) is None


def test_a_large_request_among_small_ones_is_served_within_a_timeout_and_a_task() -> None:
    served = served_after_s(TIMEOUT_S, 600.0, offer_filters=WHOLE)
    assert served is not None
    assert TIMEOUT_S < served <= TIMEOUT_S + TASK_S + 2.0


def test_an_offer_filter_that_asks_for_much_is_guarded_alike() -> None:
    served = served_after_s(TIMEOUT_S, 600.0, wanted={"large": "cpus >= 4"})
    assert served is not None
    assert served <= TIMEOUT_S + TASK_S + 2.0


def full_cluster() -> tuple[Cluster, list[Allocation]]:
    """Return a cluster where all is taken, `large` waits for a whole agent, and `small` for anything."""
    cluster = Cluster(starvation_timeout_s=TIMEOUT_S, recovery_window_s=0.0)
    cluster.framework("small", "small")
    cluster.agent("a", AGENT)
    cluster.agent("b", AGENT)
    offers = sorted(cluster.allocate(), key=lambda offer: offer.agent_id)
    for offer in offers:
        cluster.accept(offer)
    cluster.framework("large", "large", offer_filters=WHOLE)
    return cluster, offers


def test_the_agent_that_lacks_least_is_held_back() -> None:
    cluster, (_, on_b) = full_cluster()
    assert cluster.turns(TIMEOUT_S - 1.0) == []
    cluster.give_back(on_b, TASK, accepted=True)
    assert cluster.turns(1.0) == []
    assert list(cluster.allocator.holders) == ["b"]


def test_what_is_held_back_is_given_for_a_guarantee_that_comes_later() -> None:
    cluster, (_, on_b) = full_cluster()
    cluster.turns(TIMEOUT_S - 1.0)
    cluster.give_back(on_b, TASK, accepted=True)
    assert cluster.turns(1.0) == []
    assert list(cluster.allocator.holders) == ["b"]
    cluster.allocator.update_quota("small", {"cpus": 8000})
    assert [turn[:2] for turn in cluster.turns(1.0)] == [("small", "small")]


def test_nothing_is_held_back_for_those_whom_no_agent_could_serve() -> None:
    cluster = Cluster(starvation_timeout_s=TIMEOUT_S)
    cluster.agent("a", AGENT)
    cluster.framework("huge", "huge", wanted={"huge": "cpus >= 5"})
    cluster.framework("lost", "lost", wanted={"lost": "rack == 'r9'"})
    cluster.allocate(TIMEOUT_S)
    assert not cluster.allocator.holders
    assert cluster.allocator.deadline() == 2 * TIMEOUT_S


def test_nothing_is_held_back_from_those_who_have_priority() -> None:
    cluster = Cluster(starvation_timeout_s=TIMEOUT_S, role_priorities={"small": 1})
    cluster.framework("large", "large", offer_filters=WHOLE)
    assert cluster.allocator.deadline() is None or cluster.allocate(TIMEOUT_S) == []
    assert not cluster.allocator.holders


def test_a_role_may_have_a_minimum_of_its_own() -> None:
    cluster = Cluster(role_min_offer_size={"large": ({"cpus": 4000},)})
    cluster.framework("large", "large")
    cluster.agent("a", AGENT - TASK)
    assert cluster.allocate() == []
    cluster.agent("b", AGENT)
    assert cluster.turns() == [("large", "large", "b")]


def test_what_a_framework_says_goes_before_the_minimum_of_its_role() -> None:
    cluster = Cluster(role_min_offer_size={"large": ({"cpus": 4000},)})
    cluster.framework("large", "large", offer_filters={"large": ({"cpus": 1000},)})
    cluster.agent("a", AGENT - TASK)
    assert cluster.turns() == [("large", "large", "a")]


def test_others_are_told_for_whom_an_agent_is_held_back() -> None:
    cluster, (on_a, _) = full_cluster()
    cluster.allocate(TIMEOUT_S)
    cluster.give_back(on_a, TASK, accepted=True)
    assert cluster.turns(1.0) == []
    reason = cluster.reasons(cluster.allocator.ledger.frameworks["small"].id)[0]  # type: ignore[index]
    assert reason == ("a", "small", "what is free on the agent is held back for framework large")


def test_who_wants_nothing_any_more_holds_nothing_back() -> None:
    cluster, (on_a, _) = full_cluster()
    cluster.allocate(TIMEOUT_S)
    cluster.give_back(on_a, TASK, accepted=True)
    assert cluster.turns(1.0) == []
    cluster.allocator.suppress(cluster.allocator.ledger.frameworks["large"].id, ["large"])  # type: ignore[index]
    assert cluster.turns(1.0) == [("small", "small", "a")]


def test_an_agent_is_held_back_for_a_bounded_time() -> None:
    cluster, (on_a, _) = full_cluster()
    cluster.allocate(TIMEOUT_S)
    cluster.give_back(on_a, TASK, accepted=True)
    assert cluster.turns(1.0) == []
    assert cluster.turns(HELD_TIMEOUTS * TIMEOUT_S) == [("small", "small", "a")]


def test_an_agent_that_leaves_is_replaced_at_once() -> None:
    cluster, _ = full_cluster()
    cluster.allocate(TIMEOUT_S)
    assert list(cluster.allocator.holders) == ["a"]
    cluster.allocator.remove_agent(AgentId("a"))
    cluster.allocate()
    assert list(cluster.allocator.holders) == ["b"]


def test_what_is_no_use_any_more_is_not_held_back() -> None:
    cluster, _ = full_cluster()
    cluster.allocate(TIMEOUT_S)
    cluster.allocator.deactivate_agent(AgentId("a"))
    cluster.allocate()
    assert list(cluster.allocator.holders) == ["b"]


def test_only_so_many_agents_are_held_back() -> None:
    cluster = Cluster(starvation_timeout_s=TIMEOUT_S)
    cluster.framework("small")
    for index in range(2 * HELD_MAX):
        cluster.agent(f"a{index}", AGENT)
    for offer in cluster.allocate():
        cluster.accept(offer)
    for index in range(2 * HELD_MAX):
        cluster.framework(f"f{index}", wanted={"*": "cpus >= 4"})
    for _ in range(10):
        cluster.allocate(TIMEOUT_S / 5)
    assert len(cluster.allocator.holders) == HELD_MAX


def test_without_a_timeout_nobody_waits() -> None:
    assert Holding(0.0).deadline() is None
