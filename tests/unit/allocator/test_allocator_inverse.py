"""Inverse offers: who is asked to vacate an agent, and how often."""

from __future__ import annotations

from meseta.allocator.allocator import InverseStatus
from meseta.ids import AgentId, FrameworkId
from meseta.records import Filters, Unavailability
from meseta.resources import Resources
from tests.unit.allocator.allocator_kit import Cluster

AGENT = Resources.scalars(cpus=4, mem=4096)
HALF = Resources.scalars(cpus=2, mem=2048)
PLANNED = Unavailability(10**18)
F, G = FrameworkId("f"), FrameworkId("g")


class Maintained(Cluster):
    """One agent that `f` and `g` hold a half of each."""

    def __init__(self) -> None:
        super().__init__()
        self.framework("f", "a")
        self.framework("g", "b")
        self.one = self.agent("one", AGENT, {"f": {"a": HALF}, "g": {"b": HALF}})

    def plan(self, unavailability: Unavailability | None = PLANNED) -> None:
        self.allocator.update_unavailability(self.one, unavailability)

    def asked(self, after_s: float = 0.0) -> list[str]:
        self.now += after_s
        return [one.framework_id for one in self.allocator.inverse_offers(self.now)]

    def answer(self, framework: FrameworkId, accepted: bool | None, refuse_s: float | None = None) -> None:
        filters = None if refuse_s is None else Filters(refuse_s)
        self.allocator.update_inverse_offer(self.one, framework, accepted, filters, self.now)


def test_those_who_hold_something_are_asked_once() -> None:
    cluster = Maintained()
    cluster.framework("h", "c")
    assert cluster.asked() == []
    cluster.allocate()
    cluster.plan()
    assert cluster.allocator.deadline() == 0.0
    assert cluster.asked() == ["f", "g"]
    assert cluster.asked(10.0) == []
    assert cluster.allocator.deadline() is None


def test_who_answers_is_asked_again_with_the_next_batch() -> None:
    cluster = Maintained()
    cluster.plan()
    assert cluster.asked(0.5) == ["f", "g"]
    cluster.answer(F, True)
    assert cluster.allocate() == []
    assert cluster.asked() == []
    assert cluster.allocator.deadline() == 1.0
    assert cluster.asked(0.5) == ["f"]
    assert cluster.allocator.inverse_offer_statuses() == {cluster.one: {F: InverseStatus(True, 0.5)}}


def test_a_refusal_holds_for_its_time() -> None:
    cluster = Maintained()
    cluster.plan()
    cluster.asked()
    cluster.answer(F, False, refuse_s=3.0)
    cluster.answer(G, False, refuse_s=-1.0)
    assert cluster.asked(2.9) == []
    assert cluster.asked(0.1) == ["f"]
    assert cluster.asked(2.0) == ["g"]


def test_a_question_that_is_withdrawn_is_no_answer() -> None:
    cluster = Maintained()
    cluster.plan()
    cluster.asked()
    cluster.answer(F, None)
    assert cluster.allocator.inverse_offer_statuses() == {cluster.one: {}}
    assert cluster.asked(1.0) == ["f"]


def test_revive_drops_refusals() -> None:
    cluster = Maintained()
    cluster.plan()
    cluster.asked()
    cluster.answer(F, False, refuse_s=1000.0)
    cluster.allocator.revive(F, ["a"])
    assert cluster.asked() == ["f"]


def test_a_new_plan_is_a_new_question() -> None:
    cluster = Maintained()
    cluster.plan()
    cluster.asked()
    cluster.answer(F, False, refuse_s=1000.0)
    cluster.plan(Unavailability(2 * 10**18))
    assert cluster.asked() == ["f", "g"]
    cluster.plan(None)
    assert cluster.asked(1000.0) == []
    assert cluster.allocator.inverse_offer_statuses() == {}


def test_an_inactive_framework_is_asked_when_it_is_back() -> None:
    cluster = Maintained()
    cluster.allocator.deactivate_framework(F)
    cluster.plan()
    assert cluster.asked() == ["g"]
    cluster.allocator.activate_framework(F)
    assert cluster.asked() == ["f"]


def test_a_framework_that_gets_something_later_is_asked_then() -> None:
    cluster = Maintained()
    cluster.plan()
    cluster.asked()
    cluster.framework("h", "c")
    cluster.allocator.recover(F, cluster.one, "a", HALF, None, cluster.now, accepted=True)
    assert [one.framework_id for one in cluster.allocate(0.005)] == ["h"]
    assert cluster.asked() == ["h"]


def test_who_and_what_is_gone_is_forgotten() -> None:
    cluster = Maintained()
    cluster.plan()
    cluster.asked()
    cluster.answer(G, True, refuse_s=5.0)
    cluster.allocator.remove_framework(G)
    assert cluster.allocator.inverse_offer_statuses() == {cluster.one: {}}
    cluster.allocator.remove_agent(AgentId("one"))
    assert cluster.asked(100.0) == []
    cluster.answer(F, True)
    cluster.answer(G, True)
    assert cluster.allocator.inverse_offer_statuses() == {}


def test_a_framework_that_revives_and_refuses_without_end_costs_no_memory() -> None:
    cluster = Maintained()
    cluster.plan()
    for _ in range(2000):
        cluster.asked(0.001)
        cluster.answer(F, False, refuse_s=1e6)
        cluster.allocator.revive(F, ["a"])
    assert len(cluster.allocator._inverse._later) <= 257
    assert cluster.asked() == ["f"]
