"""Maintenance: the schedule, inverse offers, machines that go down and come up."""

from __future__ import annotations

from typing import Any

import pytest

from meseta.ids import FrameworkId
from meseta.master import effects, events
from meseta.master.effects import InverseOfferRecord, MasterEffect
from meseta.master.registry import Recovered, UpdateMaintenance
from meseta.records import Filters, MachineId, Schedule, Unavailability, Window
from tests.unit.master.master_kit import (
    STREAM,
    Playground,
    agent_info,
    pid_of,
    register,
    states,
    told,
    told_agent,
)
from tests.unit.master.test_draining import CAPABLE, back
from tests.unit.master.test_gone import REQUEST, replies

M1 = MachineId("a1", "10.0.1.1")
M2 = MachineId("A2", "10.0.1.2")
SOON = Unavailability(10**18, 3600 * 10**9)
LATER = Unavailability(2 * 10**18)
OK = [(200, "")]


def schedule(play: Playground, *windows: Window) -> list[MasterEffect]:
    return play.feed(events.MaintenanceScheduled(request=REQUEST, windows=windows))


def planned(*machines: MachineId, at: Unavailability = SOON) -> Window:
    return Window(machines, at)


def start(play: Playground, *machines: MachineId) -> list[MasterEffect]:
    return play.feed(events.MaintenanceStartRequested(request=REQUEST, machines=machines))


def stop(play: Playground, *machines: MachineId) -> list[MasterEffect]:
    return play.feed(events.MaintenanceStopRequested(request=REQUEST, machines=machines))


def asked(done: list[MasterEffect]) -> list[InverseOfferRecord]:
    """What a framework was asked to leave."""
    return [offer for message in told(done, STREAM, effects.InverseOffered) for offer in message.offers]


def answer(play: Playground, framework_id: FrameworkId, *offers: InverseOfferRecord, accepted: bool) -> None:
    kind: type[Any] = events.InverseOffersAccepted if accepted else events.InverseOffersDeclined
    ids = tuple(offer.offer_id for offer in offers)
    play.call(kind, framework_id, offer_ids=ids, filters=Filters(refuse_s=100.0))


def test_offers_tell_of_it_and_users_are_asked_to_leave() -> None:
    play = Playground(agent_ping_timeout_s=1000.0)
    framework_id, agent_id = play.running()
    assert play.offers(framework_id, 6)
    done = schedule(play, planned(M1))
    assert replies(done) == OK
    assert told(done, STREAM, effects.Rescinded)
    done = play.run(6)
    (offer,) = [each for batch in told(done, STREAM, effects.Offered) for each in batch.offers]
    assert offer.agent.unavailability == SOON
    (inverse,) = asked(done)
    assert (inverse.framework_id, inverse.agent.id, inverse.unavailability) == (framework_id, agent_id, SOON)
    assert not asked(play.run(60))  # It is asked once.
    answer(play, framework_id, inverse, accepted=True)
    said = play.state.allocator.inverse_offer_statuses()[agent_id][framework_id]
    assert (said.accepted, said.answered_s) == (True, play.now)
    assert not asked(play.run(90))
    assert asked(play.run(20))  # Its filter is over.


def test_a_new_schedule_withdraws_what_was_asked() -> None:
    play = Playground()
    framework_id, agent_id = play.running()
    schedule(play, planned(M1))
    (inverse,) = asked(play.run(6))
    done = schedule(play, planned(M1, M2, at=LATER))
    assert told(done, STREAM, effects.InverseRescinded) == [effects.InverseRescinded(inverse.offer_id)]
    answer(play, framework_id, inverse, accepted=True)  # Too late: no harm.
    (again,) = asked(play.run(6))
    assert again.unavailability == LATER
    done = schedule(play)
    assert told(done, STREAM, effects.InverseRescinded) == [effects.InverseRescinded(again.offer_id)]
    assert play.state.agents[agent_id].offered.unavailability is None
    assert not asked(play.run(60))


def test_questions_time_out_and_are_asked_again() -> None:
    play = Playground(offer_timeout_s=10.0)
    framework_id, _ = play.running()
    schedule(play, planned(M1))
    (inverse,) = asked(play.run(6))
    done = play.run(10)
    assert effects.InverseRescinded(inverse.offer_id) in told(done, STREAM, effects.InverseRescinded)
    assert asked(done)
    play.call(events.DeactivationRequested, framework_id)
    assert not play.state.inverse_offers


def test_users_of_an_agent_that_was_deactivated_meanwhile_are_asked_when_it_is_back() -> None:
    play = Playground()
    _, agent_id = play.running()
    play.feed(events.AgentDeactivationRequested(request=REQUEST, agent_id=agent_id))
    schedule(play, planned(M1))
    assert not asked(play.run(10))
    play.feed(events.AgentReactivationRequested(request=REQUEST, agent_id=agent_id))
    assert asked(play.run(10))


@pytest.mark.parametrize("how", ["teardown", "lost", "deactivated"])
def test_nobody_is_asked_who_has_nothing_to_leave(how: str) -> None:
    play = Playground()
    framework_id, agent_id = play.running()
    schedule(play, planned(M1))
    assert asked(play.run(6))
    if how == "teardown":
        play.call(events.TeardownRequested, framework_id)
    elif how == "lost":
        play.feed(events.PeerExited(address="10.0.1.1:5051"))
    else:
        play.feed(events.AgentDeactivationRequested(request=REQUEST, agent_id=agent_id))
    assert not play.state.inverse_offers
    assert not asked(play.run(60))


def test_down_and_up() -> None:
    play = Playground()
    _, agent_id = play.running()
    assert replies(schedule(play, planned(M1, M2))) == OK
    done = start(play, M1)
    assert replies(done) == OK
    assert told_agent(done, pid_of("a1"), effects.Shutdown)
    assert states(done) == [("t1", "TASK_LOST")]
    assert agent_id not in play.state.agents
    for refused in (register("a1"), back(agent_id)):
        (message,) = told_agent(play.feed(refused), pid_of("a1"), effects.Shutdown)
        assert message.message == "Machine is `DOWN`"
    play.register("a2")
    assert replies(stop(play, M1)) == OK
    play.register("a1")
    assert play.state.wishes.schedule == Schedule((planned(M2),))


def test_names_of_machines_have_no_case() -> None:
    play = Playground()
    agent_id = play.register("a2")
    schedule(play, planned(M2))
    assert play.state.agents[agent_id].offered.unavailability == SOON
    late = play.register("a1")
    assert play.state.agents[late].offered.unavailability is None


def test_a_new_master_goes_on() -> None:
    kept = Schedule((planned(M1, M2),), (M1,))
    info = agent_info("a2", id=play_id())
    play = Playground(recovered=Recovered(schedule=kept, agents=(info,)))
    framework_id = play.subscribe()
    assert told_agent(play.feed(register("a1")), pid_of("a1"), effects.Shutdown)
    play.register("a2")
    (offer,) = play.offers(framework_id)
    assert offer.agent.unavailability == SOON


def play_id() -> Any:
    return "old-S1"


BAD_IP = MachineId("x", "10.0.0")


@pytest.mark.parametrize(
    ("windows", "fault"),
    [
        ([planned()], "List of machines in the maintenance window is empty"),
        ([planned(M1, at=Unavailability(0, -1))], "Unavailability 'duration' is negative"),
        ([planned(MachineId())], "Both 'hostname' and 'ip' for a machine are empty"),
        ([planned(BAD_IP)], "Failed to parse the IP '10.0.0'"),
        (
            [planned(M1), planned(MachineId("A1", "10.0.1.1"))],
            """Machine '{"hostname":"A1","ip":"10.0.1.1"}' appears more than once in the schedule""",
        ),
    ],
)
def test_schedules_that_cannot_be(windows: list[Window], fault: str) -> None:
    assert replies(schedule(Playground(), *windows)) == [(400, fault)]


def test_modes() -> None:
    play = Playground()
    shown = """Machine '{"hostname":"a1","ip":"10.0.1.1"}' is"""
    assert replies(start(play, M1)) == [(400, f"{shown} not part of a maintenance schedule")]
    assert replies(stop(play, M1)) == [(400, f"{shown} not in DOWN mode and cannot be brought up")]
    assert replies(start(play)) == [(400, "List of machines is empty")]
    schedule(play, planned(M1))
    assert replies(stop(play, M1)) == [(400, f"{shown} not in DOWN mode and cannot be brought up")]
    start(play, M1)
    assert replies(start(play, M1)) == [(400, f"{shown} not in DRAINING mode and cannot be brought down")]
    removed = [(400, f"{shown} deactivated and cannot be removed from the schedule")]
    assert replies(schedule(play, planned(M2))) == removed


def test_one_change_at_a_time() -> None:
    play = Playground()
    play.persists = False
    (written,) = schedule(play, planned(M1))
    assert isinstance(written, effects.Persist)
    assert written.mutation == UpdateMaintenance(Schedule((planned(M1),)))
    assert [code for code, _ in replies(schedule(play))] == [503]
    assert replies(play.feed(events.Persisted(ticket=written.ticket))) == OK


def test_what_is_scheduled_is_not_drained() -> None:
    play = Playground()
    agent_id = play.register(capabilities=CAPABLE)
    schedule(play, planned(M1))
    done = play.feed(events.AgentDrainRequested(request=REQUEST, agent_id=agent_id))
    text = f"Agent {agent_id} is part of a maintenance schedule under Machine a1 (10.0.1.1)"
    assert replies(done) == [(400, text)]


def test_an_agent_that_is_let_in_while_its_machine_goes_down_leaves_again() -> None:
    play = Playground()
    schedule(play, planned(M1))
    play.persists = False
    (admission,) = [e for e in play.feed(register("a1")) if isinstance(e, effects.Persist)]
    (written,) = [e for e in start(play, M1) if isinstance(e, effects.Persist)]
    play.persists = True
    play.feed(events.Persisted(ticket=written.ticket))
    done = play.feed(events.Persisted(ticket=admission.ticket))
    assert told_agent(done, pid_of("a1"), effects.Shutdown)
    assert not play.state.agents
