"""Offers: accepted together or not at all, declined, rescinded, limited; suppressed and revived."""

from __future__ import annotations

import pytest

from meseta.ids import AgentId, OfferId, Pid
from meseta.master import effects, events
from meseta.master.events import StreamId
from meseta.records import Filters, Launch, OperationType, ResourceOperation, TaskState
from meseta.resources import Resources
from tests.unit.master.master_kit import STREAM, Playground, refusals, states, task, told, told_agent

WHOLE = Resources.scalars(cpus=4, mem=4096, disk=1000)


def test_what_is_left_of_an_accepted_offer_is_refused_for_the_filter_s_time() -> None:
    play = Playground()
    framework_id, agent_id = play.subscribe(), play.register()
    (offer,) = play.offers(framework_id)
    play.launch(framework_id, offer, task("t1", agent_id))
    assert play.offers(framework_id, seconds=4.9) == ()
    (again,) = play.offers(framework_id, seconds=3)
    assert again.resources == WHOLE - Resources.scalars(cpus=1, mem=128)


def test_a_declined_offer_comes_back_after_its_filter() -> None:
    play = Playground()
    framework_id = play.subscribe()
    play.register()
    (offer,) = play.offers(framework_id)
    declined = Filters(refuse_s=10)
    play.call(events.OffersDeclined, framework_id, offer_ids=(offer.id,), filters=declined)
    assert play.offers(framework_id, seconds=9.9) == ()
    (again,) = play.offers(framework_id, seconds=3)
    assert again.id != offer.id
    assert again.resources == WHOLE


def test_a_framework_cannot_decline_the_offers_of_another() -> None:
    play = Playground()
    first = play.subscribe(StreamId(1))
    second = play.subscribe(StreamId(2))
    play.register()
    play.run(1)
    (offer,) = play.state.offers.values()
    other = second if offer.framework_id == first else first
    play.call(events.OffersDeclined, other, offer_ids=(offer.id,))
    assert offer.id in play.state.offers


def test_offers_of_one_agent_are_accepted_together() -> None:
    play = Playground()
    framework_id, agent_id = play.subscribe(), play.register()
    (first,) = play.offers(framework_id)
    play.accept(framework_id, [first], Launch(tasks=(task("t1", agent_id, cpus=2),)), refuse_s=0)
    (second,) = play.offers(framework_id, seconds=2)
    play.update(framework_id, agent_id, "t1", TaskState.TASK_FINISHED)
    (third,) = play.offers(framework_id)
    done = play.accept(framework_id, [second, third], Launch(tasks=(task("t2", agent_id, cpus=4),)))
    assert len(told_agent(done, play.state.agents[agent_id].pid, effects.RunTask)) == 1
    assert not play.state.offers


@pytest.mark.parametrize(
    ("offer_ids", "fault"),
    [
        ([], "No offers specified"),
        (["m-O0", "m-O0"], "Duplicate offer m-O0 in offer list"),
        (["m-O9"], "Offer m-O9 is no longer valid"),
    ],
)
def test_invalid_offers_drop_tasks_and_operations(offer_ids: list[str], fault: str) -> None:
    play = Playground()
    framework_id, agent_id = play.subscribe(), play.register()
    play.offers(framework_id)
    reserve = ResourceOperation(type=OperationType.RESERVE, id="op")  # type: ignore[arg-type]
    done = play.accept(
        framework_id,
        [OfferId(id) for id in offer_ids],
        Launch(tasks=(task("t1", agent_id),)),
        reserve,
    )
    assert states(done) == [("t1", "TASK_DROPPED")]
    assert refusals(done) == [f"Task launched with invalid offers: {fault}"]
    (operation,) = told(done, STREAM, effects.OperationUpdated)
    assert operation.status.message == f"Operation attempted with invalid offers: {fault}"
    assert ("m-O0" in play.state.offers) == (offer_ids != ["m-O0", "m-O0"])


def test_frameworks_that_do_not_know_of_partitions_hear_of_lost_tasks() -> None:
    play = Playground()
    framework_id = play.subscribe(capabilities=frozenset())
    agent_id = play.register()
    done = play.accept(framework_id, [OfferId("none")], Launch(tasks=(task("t1", agent_id),)))
    assert states(done) == [("t1", "TASK_LOST")]
    assert play.state.counters["master/tasks_lost"] == 1
    assert play.state.counters["master/task_lost/source_master/reason_invalid_offers"] == 1


def test_offers_of_two_agents_cannot_be_accepted_together() -> None:
    play = Playground()
    framework_id = play.subscribe()
    a1 = play.register("a1")
    play.register("a2")
    offers = play.offers(framework_id)
    done = play.accept(framework_id, offers, Launch(tasks=(task("t1", a1),)))
    (message,) = refusals(done)
    assert message is not None
    assert "Aggregated offers must belong to one single agent" in message
    assert not play.state.offers


def test_an_offer_of_another_framework_is_not_given_back() -> None:
    play = Playground()
    play.subscribe(StreamId(1))
    play.register()
    play.run(1)
    second = play.subscribe(StreamId(2))
    (offer,) = play.state.offers.values()
    done = play.accept(second, [offer.id], Launch(tasks=(task("t", AgentId("m-S0")),)))
    assert refusals(done, StreamId(2)) == [
        "Task launched with invalid offers: Offer m-O0 has invalid framework m-0000 while framework m-0001 is"
        " expected"
    ]
    assert offer.id in play.state.offers


def test_an_offer_that_is_not_answered_in_time_is_rescinded() -> None:
    play = Playground(offer_timeout_s=30.0)
    framework_id = play.subscribe()
    play.register()
    (offer,) = play.offers(framework_id)
    assert told(play.run(28), STREAM, effects.Rescinded) == []
    (rescinded,) = told(play.run(2), STREAM, effects.Rescinded)
    assert rescinded.offer_id == offer.id


def test_what_timed_out_is_offered_to_others_first() -> None:
    play = Playground(offer_timeout_s=30.0)
    busy = play.subscribe()
    play.register()
    for _ in range(5):
        (offer,) = play.offers(busy, seconds=2)
        play.call(events.OffersDeclined, busy, offer_ids=(offer.id,), filters=Filters(refuse_s=0))
    silent = play.subscribe(StreamId(2), name="silent")
    play.run(1)
    play.call(events.OffersDeclined, busy, offer_ids=tuple(play.state.frameworks[busy].offers))
    play.run(8)
    assert len(play.state.frameworks[silent].offers) == 1
    assert len(play.offers(busy, seconds=28)) == 1
    assert play.state.counters["master/offers_timed_out"] == 1


def test_silent_frameworks_are_offered_less_and_less() -> None:
    play = Playground(offer_timeout_s=5.0, agent_ping_timeout_s=1e6)
    play.register()
    for number in range(10):
        play.subscribe(StreamId(10 + number), name=f"silent {number}")
    play.run(200)
    busy = play.subscribe()
    offered = 0
    for _ in range(100):
        offers = play.offers(busy)
        ids = tuple(offer.id for offer in offers)
        if ids:
            play.call(events.OffersDeclined, busy, offer_ids=ids, filters=Filters(refuse_s=0))
        offered += bool(ids)
    assert offered > 40


def test_an_answered_offer_does_not_time_out() -> None:
    play = Playground(offer_timeout_s=30.0)
    framework_id, agent_id = play.subscribe(), play.register()
    (offer,) = play.offers(framework_id)
    play.launch(framework_id, offer, task("t1", agent_id, cpus=4, mem=4096))
    assert told(play.run(40), STREAM, effects.Rescinded) == []


def test_a_framework_with_too_many_open_offers_gets_no_more() -> None:
    play = Playground(offers_max=2)
    framework_id = play.subscribe()
    for number in range(4):
        play.register(f"a{number}")
    assert len(play.offers(framework_id)) == 2
    assert play.state.counters["master/offers_held_back"] >= 2


def test_suppress_and_revive() -> None:
    play = Playground()
    framework_id = play.subscribe(roles=("web", "db"))
    play.call(events.Suppressed, framework_id, roles=("web",))
    assert play.state.frameworks[framework_id].suppressed == {"web"}
    play.register()
    (offer,) = play.offers(framework_id)
    assert offer.role == "db"
    play.call(events.Suppressed, framework_id)
    declined = Filters(refuse_s=0)
    play.call(events.OffersDeclined, framework_id, offer_ids=(offer.id,), filters=declined)
    assert play.offers(framework_id, seconds=3) == ()
    play.call(events.Revived, framework_id)
    assert play.state.frameworks[framework_id].suppressed == frozenset()
    assert len(play.offers(framework_id)) == 1


def test_one_foreign_role_voids_suppress_and_revive() -> None:
    play = Playground()
    framework_id = play.subscribe()
    done = play.call(events.Suppressed, framework_id, roles=("web", "other"))
    assert play.state.frameworks[framework_id].suppressed == frozenset()
    assert isinstance(done[0], effects.Log)
    play.call(events.Suppressed, framework_id)
    play.call(events.Revived, framework_id, roles=("other",))
    assert play.state.frameworks[framework_id].suppressed == {"web"}


def test_calls_from_elsewhere_are_dropped() -> None:
    play = Playground()
    framework_id = play.subscribe()
    play.register()
    (offer,) = play.offers(framework_id)
    for sender in (StreamId(9), Pid("scheduler-x@10.0.0.9:1")):
        done = play.feed(
            events.OffersDeclined(framework_id=framework_id, sender=sender, offer_ids=(offer.id,))
        )
        assert [type(effect) for effect in done] == [effects.Log]
    assert offer.id in play.state.offers


def test_answers_to_inverse_offers_and_requests_do_no_harm() -> None:
    play = Playground()
    framework_id = play.subscribe()
    play.call(events.InverseOffersAccepted, framework_id, offer_ids=(OfferId("none"),))
    play.call(events.InverseOffersDeclined, framework_id, offer_ids=())
    needed = events.ResourceRequest(resources=Resources.scalars(cpus=1))
    play.call(events.ResourcesRequested, framework_id, requests=(needed,))
    assert play.state.counters["master/messages_resource_request"] == 1
