"""Explanations: who is ahead, how long a no lasts, and how much is looked at."""

from __future__ import annotations

from itertools import count

import pytest

from meseta.allocator.allocator import Question, Skip
from meseta.ids import AgentId, FrameworkId
from meseta.resources import Resources
from tests.unit.allocator.allocator_kit import Cluster

BIG = Resources.scalars(cpus=4, mem=4096)
SMALL = Resources.scalars(cpus=1, mem=1024)


def only(cluster: Cluster, framework: FrameworkId, **question: object) -> Skip:
    (skip,) = cluster.allocator.explain(framework, cluster.now, Question(**question)).skips  # type: ignore[arg-type]
    return skip


class TestWhoIsAhead:
    def test_a_role_with_a_lower_share_is_named(self) -> None:
        cluster = Cluster()
        cluster.agent("used", BIG, {"rich": {"eng/web": SMALL}})
        cluster.framework("poor", "ads")
        rich = cluster.framework("rich", "eng/web")
        cluster.agent("free", BIG)
        skip = only(cluster, rich, agent_id=AgentId("free"))
        assert skip.reason == "BEHIND"
        assert skip.detail == (
            "framework poor in role ads is served first: the share of role ads is 0, that of role eng 0.125"
        )
        assert only(cluster, FrameworkId("poor"), agent_id=AgentId("free")).reason == "NEXT"

    def test_in_a_role_frameworks_are_compared(self) -> None:
        cluster = Cluster()
        cluster.agent("used", BIG, {"rich": {"eng": SMALL}})
        cluster.framework("poor", "eng")
        rich = cluster.framework("rich", "eng")
        skip = only(cluster, rich)
        assert "the share of framework poor is 0, that of framework rich 0.25" in skip.detail

    def test_equal_shares(self) -> None:
        cluster = Cluster()
        cluster.framework("a", "r")
        second = cluster.framework("b", "r")
        cluster.agent("one", BIG)
        assert "the shares are the same" in only(cluster, second).detail

    def test_who_cannot_use_the_agent_is_not_ahead(self) -> None:
        cluster = Cluster()
        cluster.framework("a", "r", suppressed=["r"])
        cluster.framework("b", "r", offer_filters={"r": ({"cpus": 100_000},)})
        third = cluster.framework("c", "r")
        cluster.agent("one", BIG)
        assert only(cluster, third).reason == "NEXT"

    def test_guarantees_go_first(self) -> None:
        cluster = Cluster()
        cluster.allocator.update_quota("sure", SMALL.quantities())
        cluster.agent("used", BIG, {"needy": {"sure": Resources.scalars(cpus=0.5)}})
        cluster.framework("needy", "sure")
        other = cluster.framework("other", "ads")
        cluster.agent("free", BIG)
        skip = only(cluster, other, agent_id=AgentId("free"))
        assert skip.detail.endswith("is served first: its role misses some of its guarantees")

    @pytest.mark.parametrize("sorter", ["role_sorter", "framework_sorter"])
    def test_by_lot_nobody_is(self, sorter: str) -> None:
        cluster = Cluster(**{sorter: "random"})
        names = [cluster.framework(name, "r") for name in ("a", "b")]
        cluster.agent("one", BIG)
        assert {only(cluster, name).reason for name in names} == {"NEXT"}


def test_the_explanation_is_that_of_the_next_decision() -> None:
    """Whoever is told to be next is, and those who are told to wait wait for that one."""
    cluster = Cluster(seed=3)
    frameworks = [cluster.framework(f"f{index}", f"r{index % 2}") for index in range(4)]
    used = {"f0": {"r0": SMALL}, "f3": {"r1": SMALL}}
    cluster.agent("busy", BIG, used)
    cluster.allocate()
    cluster.agent("free", BIG)
    reasons = {name: only(cluster, name, agent_id=AgentId("free")) for name in frameworks}
    (first,) = [name for name, skip in reasons.items() if skip.reason == "NEXT"]
    waiting = [skip.detail for name, skip in reasons.items() if name != first]
    assert all(detail.startswith(f"framework {first} in role") for detail in waiting)
    (offer,) = cluster.allocate()
    assert (offer.framework_id, offer.agent_id) == (first, "free")


def test_the_end_of_a_refusal_is_told() -> None:
    cluster = Cluster()
    framework = cluster.framework("f", "r")
    cluster.agent("one", BIG)
    (offer,) = cluster.allocate()
    cluster.decline(offer, refuse_s=60.0)
    cluster.allocate(10.0)
    skip = only(cluster, framework)
    assert (skip.reason, skip.left_s) == ("REFUSED", 50.0)


def test_open_offers_are_told() -> None:
    cluster = Cluster()
    first, second = (cluster.framework(name, "r") for name in ("a", "b"))
    agent = cluster.agent("one", BIG)
    cluster.allocate()
    told = "what was free on the agent is offered to {}, which has not answered"
    assert only(cluster, second) == Skip(agent, "r", "OFFERED", told.format("framework a"))
    assert only(cluster, first).detail == told.format("the framework itself")
    cluster.allocator.accept(first, agent, "r", BIG)
    assert only(cluster, second).reason == "NOTHING_FREE"


def test_a_pause_after_a_failover_is_told() -> None:
    cluster = Cluster()
    cluster.allocator.update_quota("a", SMALL.quantities())
    cluster.allocator.await_agents(10, cluster.now)
    framework = cluster.framework("f", "a")
    cluster.agent("one", BIG)
    assert only(cluster, framework).reason == "PAUSED"
    cluster.allocate(601.0)
    assert only(cluster, framework).reason == "OFFERED"


class TestPages:
    def make(self) -> tuple[Cluster, FrameworkId]:
        cluster = Cluster()
        for index in range(5):
            cluster.agent(f"a{index}", BIG)
        return cluster, cluster.framework("f", "r", "s")

    @pytest.mark.parametrize("limit", [1, 2, 3, 5, 7, 10, 11])
    def test_pages_join_to_the_whole(self, limit: int) -> None:
        cluster, framework = self.make()
        whole = cluster.allocator.explain(framework, cluster.now)
        assert whole.total == len(whole.skips) == 10
        joined: list[Skip] = []
        for offset in count(0, limit):
            page = cluster.allocator.explain(framework, cluster.now, Question(offset=offset, limit=limit))
            assert page.total == 10
            assert len(page.skips) == min(limit, max(0, 10 - offset))
            joined += page.skips
            if not page.skips:
                break
        assert joined == whole.skips

    def test_roles_and_agents_are_selected(self) -> None:
        cluster, framework = self.make()
        role = cluster.allocator.explain(framework, cluster.now, Question(role="s"))
        assert {(skip.role) for skip in role.skips} == {"s"}
        assert role.total == 5
        agent = cluster.allocator.explain(framework, cluster.now, Question(agent_id=AgentId("a3")))
        assert [(skip.agent_id, skip.role) for skip in agent.skips] == [("a3", "r"), ("a3", "s")]
        nothing = Question(role="t", agent_id=AgentId("a9"))
        assert cluster.allocator.explain(framework, cluster.now, nothing).total == 0

    def test_no_more_is_looked_at_than_asked_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        cluster, framework = self.make()
        looks = 0
        judge = cluster.allocator.reason

        def counted(*about: object) -> object:
            nonlocal looks
            looks += 1
            return judge(*about)  # type: ignore[arg-type]

        monkeypatch.setattr(cluster.allocator, "reason", counted)
        cluster.allocator.explain(framework, cluster.now, Question(limit=3))
        assert looks <= 3 * 2  # One other may be ahead of each.
