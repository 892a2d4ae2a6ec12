"""Playbooks of a candidacy: sessions, entries, leases, and time."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meseta.election.candidate import CONFIRMS_PER_LEASE, MARGIN, RETRY_S, Candidate, Phase
from meseta.election.events import (
    CandidatesSeen,
    ConfirmLease,
    ContendRequested,
    Effect,
    Enrol,
    Enrolled,
    EnrolmentFailed,
    Event,
    Lead,
    LeaseConfirmed,
    ResignRequested,
    SessionLost,
    SessionOpened,
    StepDown,
    Withdraw,
)

LEASE_S = 10.0
USED_S = LEASE_S * (1 - MARGIN)


def enrolled(session: int = 1, number: int = 7) -> Enrolled:
    return Enrolled(session=session, number=number, entry=f"/mesos/json.info_{number:010}")


def seen(*numbers: int, session: int = 1) -> CandidatesSeen:
    return CandidatesSeen(session=session, numbers=frozenset(numbers))


def confirmed(asked_at: float, session: int = 1, lease_s: float = LEASE_S) -> LeaseConfirmed:
    return LeaseConfirmed(session=session, asked_at=asked_at, lease_s=lease_s)


def played(*steps: tuple[float, Event]) -> tuple[Candidate, list[Effect]]:
    """A candidate to which these events came, and what it did."""
    candidate = Candidate(LEASE_S)
    effects: list[Effect] = []
    for now, event in steps:
        effects += candidate.handle(event, now)
    return candidate, effects


def standby(number: int = 7) -> Candidate:
    return played((0.0, ContendRequested()), (0.0, SessionOpened(session=1)), (0.0, enrolled(number=number)))[
        0
    ]


def leader() -> Candidate:
    """It leads since 0.0, and its lease was asked for at 0.0."""
    candidate = standby()
    candidate.handle(seen(7, 8), 0.0)
    assert candidate.handle(confirmed(0.0), 0.0) == [Lead(entry="/mesos/json.info_0000000007")]
    return candidate


def reasons(effects: list[Effect]) -> list[str]:
    return [effect.reason for effect in effects if isinstance(effect, StepDown)]


def test_it_enrols_when_it_wants_to_and_has_a_session() -> None:
    assert played((0.0, SessionOpened(session=1)))[1] == []
    assert played((0.0, ContendRequested()))[1] == []
    assert played((0.0, SessionOpened(session=1)), (0.0, ContendRequested()))[1] == [Enrol(session=1)]
    assert played((0.0, ContendRequested()), (0.0, SessionOpened(session=1)))[1] == [Enrol(session=1)]


def test_an_entry_that_could_not_be_made_is_tried_again() -> None:
    candidate, _ = played(
        (0.0, ContendRequested()),
        (0.0, SessionOpened(session=1)),
        (1.0, EnrolmentFailed(session=1, reason="no quorum")),
    )
    assert candidate.deadline() == 1.0 + RETRY_S
    assert candidate.tick(1.0 + RETRY_S) == [Enrol(session=1)]


def test_the_lowest_number_leads_once_its_lease_is_confirmed() -> None:
    candidate = standby()
    assert candidate.handle(seen(7, 8), 0.1) == []
    assert not candidate.leads(0.1)
    assert candidate.handle(confirmed(0.0), 0.2) == [Lead(entry="/mesos/json.info_0000000007")]
    assert candidate.leads(0.2)


def test_others_stand_by_until_those_before_them_are_gone() -> None:
    candidate = standby(number=9)
    candidate.handle(confirmed(0.0), 0.1)
    assert candidate.handle(seen(7, 8, 9), 0.1) == []
    assert candidate.handle(seen(8, 9), 0.2) == []
    assert candidate.handle(seen(9), 0.3) == [Lead(entry="/mesos/json.info_0000000009")]


def test_a_standby_whose_confirmation_is_old_waits_for_a_new_one() -> None:
    candidate = standby()
    candidate.handle(confirmed(0.0), 0.1)
    assert candidate.handle(seen(7), USED_S) == []
    asked_at = USED_S + 0.1
    assert candidate.handle(confirmed(USED_S), asked_at) == [ConfirmLease(session=1, asked_at=asked_at)]
    assert candidate.handle(confirmed(asked_at), asked_at) == [Lead(entry="/mesos/json.info_0000000007")]


def test_one_confirmation_after_a_long_silence_does_not_count() -> None:
    candidate = leader()
    rare_s = 2 * LEASE_S / CONFIRMS_PER_LEASE
    assert candidate.handle(confirmed(rare_s), rare_s) == [ConfirmLease(session=1, asked_at=rare_s)]
    assert not candidate.leads(USED_S)
    candidate = leader()
    candidate.handle(confirmed(rare_s), rare_s)
    assert candidate.handle(confirmed(rare_s), rare_s) == []
    assert candidate.leads(rare_s + USED_S - 0.001)


def test_an_entry_that_took_long_to_make_is_no_recent_sign_of_life() -> None:
    candidate, _ = played((0.0, ContendRequested()), (0.0, SessionOpened(session=1)), (5.0, enrolled()))
    candidate.handle(seen(7), 5.0)
    assert candidate.handle(confirmed(5.0), 5.1) == [ConfirmLease(session=1, asked_at=5.1)]
    assert candidate.handle(confirmed(5.1), 5.2) == [Lead(entry="/mesos/json.info_0000000007")]


def test_leases_are_confirmed_at_intervals() -> None:
    candidate = standby()
    interval_s = LEASE_S / CONFIRMS_PER_LEASE
    assert candidate.deadline() == interval_s
    assert candidate.tick(interval_s) == [ConfirmLease(session=1, asked_at=interval_s)]
    assert candidate.deadline() == 2 * interval_s


def test_confirmations_keep_a_leader() -> None:
    candidate = leader()
    for second in range(1, 100):
        assert candidate.tick(second) == [ConfirmLease(session=1, asked_at=second)]
        assert candidate.handle(confirmed(second), second + 0.5) == []
        assert candidate.leads(second + 0.9)


def test_a_leader_steps_down_before_its_lease_ends() -> None:
    candidate = leader()
    assert candidate.leads(USED_S - 0.001)
    assert not candidate.leads(USED_S)
    effects: list[Effect] = []
    while candidate.phase is Phase.LEADING:
        due = candidate.deadline()
        assert due is not None
        effects += candidate.tick(due)
    assert due == USED_S < LEASE_S
    assert reasons(effects) == ["its lease was not confirmed in time: it was cut off, or stopped"]


@pytest.mark.parametrize(
    "event",
    [
        confirmed(0.5),
        confirmed(USED_S),
        seen(7),
        SessionLost(session=1),
        EnrolmentFailed(session=1, reason=""),
    ],
)
def test_one_that_was_stopped_steps_down_whatever_it_hears_first(event: Event) -> None:
    candidate = leader()
    assert len(reasons(candidate.handle(event, USED_S))) == 1
    assert not candidate.leads(USED_S)
    assert candidate.handle(confirmed(USED_S), USED_S) == []


def test_a_late_answer_extends_only_from_when_it_was_asked_for() -> None:
    candidate = leader()
    candidate.handle(confirmed(1.0), 7.0)
    assert candidate.leads(1.0 + USED_S - 0.001)
    assert not candidate.leads(1.0 + USED_S)


def test_answers_out_of_order_do_not_shorten_a_lease() -> None:
    candidate = leader()
    candidate.handle(confirmed(2.0), 3.9)
    candidate.handle(confirmed(3.0), 4.0)
    candidate.handle(confirmed(2.5), 4.1)
    assert candidate.leads(3.0 + USED_S - 0.001)


def test_the_service_may_give_a_shorter_lease() -> None:
    candidate = standby()
    candidate.handle(seen(7), 0.0)
    candidate.handle(confirmed(0.0, lease_s=4.0), 0.0)
    assert not candidate.leads(4.0 * (1 - MARGIN))
    candidate.tick(1.0)
    assert candidate.deadline() == 1.4


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (SessionLost(session=1), "its session has expired"),
        (SessionOpened(session=2), "its session was replaced by another"),
        (seen(8), "its entry was removed"),
        (seen(3, 7), "another one stands before it"),
    ],
)
def test_a_leader_that_has_lost_its_place_is_deposed_for_good(event: Event, reason: str) -> None:
    candidate = leader()
    assert candidate.handle(event, 1.0) == [StepDown(reason=reason), Withdraw()]
    assert not candidate.leads(1.0)
    assert candidate.deadline() is None
    assert candidate.handle(SessionOpened(session=3), 2.0) == []
    assert candidate.handle(seen(7), 2.0) == []


def test_a_standby_that_has_lost_its_session_joins_again() -> None:
    candidate = standby()
    candidate.handle(confirmed(0.0), 0.0)
    assert candidate.handle(SessionLost(session=1), 1.0) == []
    assert candidate.deadline() is None
    assert candidate.handle(SessionOpened(session=2), 2.0) == [Enrol(session=2)]
    assert candidate.handle(enrolled(2, 12), 2.0) == [ConfirmLease(session=2, asked_at=2.0)]
    assert candidate.handle(seen(12, session=2), 2.0) == []
    assert candidate.handle(confirmed(2.0, 2), 2.1) == [Lead(entry="/mesos/json.info_0000000012")]


def test_a_standby_whose_entry_was_removed_makes_another() -> None:
    assert standby().handle(seen(8), 1.0) == [Enrol(session=1)]


def test_what_belongs_to_an_earlier_session_does_not_count() -> None:
    candidate = standby()
    candidate.handle(SessionOpened(session=2), 1.0)
    assert candidate.handle(enrolled(1), 1.0) == []
    assert candidate.handle(seen(7), 1.0) == []
    assert candidate.handle(confirmed(1.0), 1.0) == []
    assert candidate.phase is Phase.JOINING


@pytest.mark.parametrize("make", [standby, leader, lambda: Candidate(LEASE_S)])
def test_whoever_resigns_leaves_once(make: Any) -> None:
    candidate = make()
    assert candidate.handle(ResignRequested(), 1.0) == [Withdraw()]
    assert not candidate.leads(1.0)
    assert candidate.deadline() is None
    assert candidate.handle(ResignRequested(), 1.0) == []
    assert candidate.handle(SessionOpened(session=5), 1.0) == []


def test_one_that_was_deposed_has_withdrawn() -> None:
    candidate = leader()
    assert Withdraw() in candidate.handle(SessionLost(session=1), 1.0)
    assert candidate.handle(ResignRequested(), 1.0) == []


STEPS = st.lists(
    st.tuples(
        st.floats(0.0, 3.0),
        st.sampled_from(["tick", "ask", "answer", "open", "lose", "enrol", "first", "second", "gone"]),
    ),
    max_size=60,
)


@settings(max_examples=200)
@given(STEPS)
def test_nobody_leads_past_what_was_confirmed(steps: list[tuple[float, str]]) -> None:
    """Whatever comes in whatever order: at no time it leads is there no confirmation of this lease."""
    candidate, now, session, asked = Candidate(LEASE_S), 0.0, 0, [0.0]
    proof = -LEASE_S
    candidate.handle(ContendRequested(), now)
    for wait_s, what in steps:
        now += wait_s
        effects: list[Effect] = []
        if what == "tick":
            effects = candidate.tick(now)
        elif what == "ask":
            asked.append(now)
        elif what == "answer":
            proof = max(proof, asked[-1])
            effects = candidate.handle(confirmed(asked[-1], session), now)
        elif what == "open":
            session, proof = session + 1, -LEASE_S
            effects = candidate.handle(SessionOpened(session=session), now)
        elif what == "lose":
            effects = candidate.handle(SessionLost(session=session), now)
            proof = -LEASE_S
        elif what == "enrol":
            effects = candidate.handle(enrolled(session), now)
        else:
            numbers = {"first": (7, 8), "second": (6, 7), "gone": (8,)}[what]
            effects = candidate.handle(seen(*numbers, session=session), now)
        assert not candidate.leads(now) or now < proof + USED_S + 1e-9
        if any(isinstance(x, StepDown) for x in effects):
            assert not candidate.leads(now)
