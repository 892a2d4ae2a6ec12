"""Several masters: what elects them is simulated as it must be, and the checkers find what is wrong."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from meseta.election import candidate
from meseta.election import events as e
from meseta.election.candidate import Candidate
from meseta.ids import AgentId
from meseta.master import master
from meseta.master.admission import on_persisted
from meseta.master.events import Persisted, RegistrationRequested
from meseta.master.registry import MarkUnreachable, RemoveAgent
from meseta.sim.coordination import ADDRESS, Client, Coordination
from meseta.sim.failures import SafetyViolation
from meseta.sim.network import Network, ip_of
from meseta.sim.plan import swarm_plan
from meseta.sim.simulation import Outcome, Simulation
from meseta.sim.terms import SharedRegistry
from meseta.sim.trace import Trace
from meseta.sim.world import World

HERE, SERVICE = "10.0.0.1:5050", ip_of(ADDRESS)


class Place:
    """A service with one client, which may hang, and what the client hears."""

    def __init__(self) -> None:
        self.world = World(1, Trace(on=False))
        self.network = Network(self.world)
        self.service = Coordination(self.network, session_s=3.0)
        self.heard: list[e.Event] = []
        self.leaders: list[str | None] = []
        self.runs = True
        self.client = Client(self.service, HERE, lambda: self.runs, self._see, self.heard.append)
        self.pass_time(1.0)

    def _see(self, entries: Any) -> None:
        self.leaders.append(entries[0].address if entries else None)

    def pass_time(self, seconds: float) -> None:
        self.world.run(self.world.now + seconds)


def test_a_session_lasts_while_its_client_is_heard_of() -> None:
    place = Place()
    assert place.heard[0] == e.SessionOpened(session=1)
    place.client.enrol(1)
    place.pass_time(60.0)
    assert [entry.address for entry in place.service.entries()] == [HERE]
    assert place.leaders[-1] == HERE
    place.runs = False
    place.pass_time(3.1)
    assert place.service.entries() == ()
    place.runs = True
    place.pass_time(3.0)
    assert e.SessionLost(session=1) in place.heard
    assert place.heard.count(e.SessionOpened(session=2)) == 1


@pytest.mark.parametrize("way", [(ip_of(HERE), SERVICE), (SERVICE, ip_of(HERE))])
def test_who_is_cut_off_is_not_heard_or_hears_nothing(way: tuple[str, str]) -> None:
    place = Place()
    place.client.enrol(1)
    place.pass_time(0.1)
    place.network.block(way)
    place.heard.clear()
    place.client.confirm(1, asked_at=1.1)
    place.pass_time(10.0)
    assert not any(isinstance(event, e.LeaseConfirmed) for event in place.heard)
    assert place.leaders[-1] is None
    is_heard = way[0] == ip_of(HERE)
    assert (place.service.entries() == ()) is is_heard
    place.network.unblock(way)
    place.pass_time(3.0)
    assert (e.SessionLost(session=1) in place.heard) is is_heard


def test_an_answer_that_is_lost_is_told() -> None:
    place = Place()
    place.network.block((SERVICE, ip_of(HERE)))
    place.client.enrol(1)
    place.pass_time(4.0)
    assert e.EnrolmentFailed(session=1, reason="the connection was lost") in place.heard
    place.network.unblock((SERVICE, ip_of(HERE)))
    place.client.enrol(1)
    place.pass_time(4.0)
    assert isinstance(place.heard[-1], e.CandidatesSeen)
    assert sum(isinstance(event, e.EnrolmentFailed) for event in place.heard) == 1


def test_an_entry_is_made_once() -> None:
    place = Place()
    place.client.enrol(1)
    place.client.enrol(1)
    place.pass_time(0.1)
    assert {event.number for event in place.heard if isinstance(event, e.Enrolled)} == {1}
    assert len(place.service.entries()) == 1


def test_a_write_of_an_earlier_term_is_refused() -> None:
    registry = SharedRegistry()
    first, _ = registry.claim("a")
    gone, late = RemoveAgent(AgentId("s")), MarkUnreachable(AgentId("s"), 1.0)
    assert registry.write(late, first, "a")
    second, recovered = registry.claim("b")
    assert recovered.unreachable == ((AgentId("s"), 1.0),)
    assert not registry.write(gone, first, "a")
    assert registry.held.recovered() == recovered
    assert registry.refused == 1
    with pytest.raises(SafetyViolation, match="a writes in term 2, which is that of b"):
        registry.write(gone, second, "a")


def run(seed: int, *faults: str) -> Outcome:
    plan = swarm_plan(seed, agents=2, frameworks=1, masters=3, only=faults)
    return Simulation(replace(plan, session_s=3.0), Trace(on=False), check_every=50).run()


def found(*faults: str) -> str:
    """Return what the first run says that fails."""
    failures = (run(seed, *faults).failure for seed in range(1, 16))
    return str(next(filter(None, failures), "nothing"))


def test_leaders_follow_one_another() -> None:
    outcome = run(2, "master", "elections", "pauses")
    assert outcome.failure is None
    assert outcome.marks["master is elected"] > 1
    assert outcome.marks["scheduler is sent to the leader"] > 0


def test_a_leader_that_does_not_look_at_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    def forever(self: Candidate, now: float) -> bool:
        return self.phase is candidate.Phase.LEADING

    monkeypatch.setattr(Candidate, "leads", forever)
    assert "leads, too" in found("elections", "pauses")


def test_a_lease_that_is_used_for_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidate, "MARGIN", -1.0)
    assert "leads, too" in found("elections", "pauses")


def test_an_admission_that_is_told_too_early(monkeypatch: pytest.MonkeyPatch) -> None:
    register = master.HANDLERS[RegistrationRequested]

    def answer(state: Any, event: Any, now: float) -> None:
        register(state, event, now)
        for ticket in list(state.pending):
            on_persisted(state, Persisted(ticket=ticket), now)

    monkeypatch.setitem(master.HANDLERS, RegistrationRequested, answer)
    assert "no registry knows it" in found()
