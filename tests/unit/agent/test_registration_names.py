"""What is said under a request of the agent counts while that goes to the process that leads.

A master that dies and one that is started at its address cannot be told apart by what they call themselves.
"""

from __future__ import annotations

import pytest

from meseta.agent.effects import Link, Register, Reregister, StartContainer
from meseta.agent.events import (
    AgentRegistered,
    AgentReregistered,
    DrainReceived,
    MasterDetected,
    PeerExited,
    PingReceived,
    Recovered,
    RunTaskReceived,
    ShutdownReceived,
    UpdateAcknowledged,
)
from meseta.agent.registration import REGISTRATIONS_MAX
from meseta.agent.state import Phase
from meseta.ids import Pid
from tests.unit.agent.agent_kit import AGENT, MASTER, Book, command_task, framework

ADDRESS = "10.0.0.9:5050"


def ask(book: Book) -> bytes:
    """Wait for the next request of the agent, and return its name."""
    for _ in range(10):
        requests = [*book.all(Register), *book.all(Reregister)]
        if requests:
            book.effects = []
            return requests[-1].registration_uuid
        due = book.agent.deadline()
        assert due is not None
        book.wait(max(0.0, due - book.now))
    raise AssertionError("the agent asks for nothing")


def answer(book: Book, name: bytes) -> None:
    if book.agent.state.id is None:
        registered = AgentRegistered(
            sender=MASTER, registration=name, agent_id=AGENT, total_ping_timeout_s=75.0
        )
        book.do(registered)
    else:
        book.do(AgentReregistered(sender=MASTER, registration=name, agent_id=AGENT))


def dropped_messages(book: Book) -> float:
    return book.agent.state.counters.as_metrics()["slave/dropped_messages"]


def launches(book: Book, task: str, name: bytes | None) -> bool:
    """Have a task launched under a request, and tell whether the agent does that."""
    dropped = dropped_messages(book)
    book.do(
        RunTaskReceived(
            sender=MASTER, registration=name, framework=framework(checkpoint=True), task=command_task(task)
        )
    )
    is_dropped = dropped_messages(book) > dropped
    assert is_dropped is not bool(book.all(StartContainer))
    return not is_dropped


@pytest.fixture
def book() -> Book:
    """An agent that seeks its master for the first time."""
    book = Book()
    book.do(Recovered(), MasterDetected(MASTER))
    return book


def test_each_request_has_a_name_of_its_own(book: Book) -> None:
    assert len({ask(book) for _ in range(5)}) == 5


def test_what_a_dead_master_had_sent_is_not_heard(book: Book) -> None:
    first = ask(book)
    answer(book, first)
    assert launches(book, "t1", first)
    book.do(PeerExited(ADDRESS))
    assert not launches(book, "t2", first), "its successor is yet to be asked"
    second = ask(book)
    assert not launches(book, "t3", first), "its successor was told that this does not run"
    answer(book, second)
    assert book.agent.state.phase is Phase.RUNNING
    assert not launches(book, "t4", first)
    assert launches(book, "t5", second)


def test_a_dead_master_does_not_end_or_drain_the_agent(book: Book) -> None:
    first = ask(book)
    answer(book, first)
    book.do(PeerExited(ADDRESS))
    answer(book, ask(book))
    assert not book.do(DrainReceived(sender=MASTER, registration=first))
    assert not book.do(ShutdownReceived(sender=MASTER, registration=first))
    assert book.agent.state.phase is Phase.RUNNING


def test_the_answer_to_any_request_over_the_link_counts(book: Book) -> None:
    first, second = ask(book), ask(book)
    answer(book, first)
    assert launches(book, "t1", first)
    answer(book, second)
    assert launches(book, "t2", second)
    assert not launches(book, "t3", first), "the master knows by now that this does not run"


def test_an_answer_to_a_request_over_an_earlier_link_does_not_count(book: Book) -> None:
    first = ask(book)
    book.do(PeerExited(ADDRESS))
    answer(book, first)
    assert book.agent.state.id is None


def test_a_link_that_broke_is_made_again_before_the_next_request(book: Book) -> None:
    ask(book)
    book.do(PeerExited(ADDRESS))
    book.wait(70.0)
    assert [effect.pid for effect in book.all(Link)] == [MASTER]
    kinds = [type(effect).__name__ for effect in book.effects]
    assert kinds.index("Link") < kinds.index("SendToMaster")


def test_the_end_of_another_link_changes_nothing(book: Book) -> None:
    name = ask(book)
    book.do(PeerExited("10.0.0.7:1234"))
    answer(book, name)
    assert book.agent.state.phase is Phase.RUNNING


@pytest.mark.parametrize("is_silent", [True, False])
def test_who_is_sought_anew_may_be_another_one(book: Book, is_silent: bool) -> None:
    first = ask(book)
    answer(book, first)
    if is_silent:
        book.wait(76.0)
    else:
        book.do(PingReceived(sender=Pid(f"slave-observer(1)@{ADDRESS}"), connected=False))
    assert book.agent.state.phase is Phase.DISCONNECTED
    assert not launches(book, "t1", first)
    name = ask(book)
    answer(book, name)
    assert launches(book, "t1", name)


def test_masters_that_know_no_names_are_heard(book: Book) -> None:
    ask(book)
    book.do(AgentRegistered(sender=MASTER, agent_id=AGENT))
    assert launches(book, "t1", None)
    book.do(PeerExited(ADDRESS))
    assert launches(book, "t2", None)
    ask(book)
    book.do(AgentReregistered(sender=MASTER, agent_id=AGENT))
    assert launches(book, "t3", None)


def test_acknowledgements_count_whenever_they_come(book: Book) -> None:
    first = ask(book)
    answer(book, first)
    launches(book, "t1", first)
    book.start()
    (update,) = book.updates()
    book.do(PeerExited(ADDRESS))
    answer(book, ask(book))
    assert update.uuid is not None
    book.do(
        UpdateAcknowledged(
            sender=MASTER,
            framework_id=update.framework_id,
            task_id=update.status.task_id,
            uuid=update.uuid,
        )
    )
    (following,) = book.updates()
    assert following.uuid != update.uuid


def test_an_agent_that_may_have_missed_its_admission_says_at_once_what_it_runs(book: Book) -> None:
    ask(book)
    book.do(PeerExited(ADDRESS))
    answer(book, ask(book))
    assert book.agent.state.phase is Phase.DISCONNECTED
    name = ask(book)
    answer(book, name)
    assert book.agent.state.phase is Phase.RUNNING
    book.do(PeerExited(ADDRESS))
    answer(book, ask(book))
    assert book.agent.state.phase is Phase.RUNNING, "once is enough"


def test_only_so_many_requests_wait_for_an_answer(book: Book) -> None:
    names = []
    while len(names) < 2 * REGISTRATIONS_MAX:
        book.wait(60.0)
        names += [message.registration_uuid for message in book.all(Register)]
    assert len(book.agent.state.registrations) == REGISTRATIONS_MAX
    answer(book, names[0])
    assert book.agent.state.id is None
    answer(book, names[-1])
    assert book.agent.state.registrations == names[-1:]
