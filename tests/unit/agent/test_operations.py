"""Operations on an agent: applied, written down, made into directories, reported until acknowledged."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import pytest

from meseta.agent.agent import Agent
from meseta.agent.effects import (
    Checkpoint,
    MakeVolume,
    OperationUpdate,
    RemoveVolume,
    Reregister,
    ResourcesCheckpoint,
    StartContainer,
    UpdateAgent,
)
from meseta.agent.events import (
    AgentReregistered,
    Checkpointed,
    OperationAcknowledged,
    OperationReceived,
    PingReceived,
    ReconcileOperationsReceived,
    Recovered,
    RecoveredOperation,
)
from meseta.containers.effects import VolumeLink
from meseta.ids import OperationId
from meseta.records import OperationState, OperationStatus, OperationType, ResourceOperation
from meseta.resources import Disk, Kind, Reservation, Resources
from tests.unit.agent.agent_kit import AGENT, FRAMEWORK, MASTER, Book, command_task, config

WEB = Reservation("web", dynamic=True, principal="ops")
RESERVED = Resources.of({Kind("cpus", reservations=(WEB,)): 1000, Kind("disk", reservations=(WEB,)): 512_000})
DISK = Disk(persistence_id="v1", principal="ops", container_path="data", mode="RW")
VOLUME = Resources.of({Kind("disk", reservations=(WEB,), disk=DISK): 512_000})


@pytest.fixture
def book() -> Book:
    return Book(resources=Resources.scalars(cpus=8, mem=4096, disk=1000)).register()


def received(type: OperationType, resources: Resources, number: int = 1, **fields: Any) -> OperationReceived:
    """An operation from the master."""
    what = ResourceOperation(type=type, id=OperationId("op"), resources=resources, **fields)
    uuid = bytes([number]) * 16
    return OperationReceived(sender=MASTER, operation_uuid=uuid, operation=what, framework_id=FRAMEWORK)


def reserve(number: int = 1) -> OperationReceived:
    return received(OperationType.RESERVE, RESERVED, number)


def create(number: int = 2) -> OperationReceived:
    return received(OperationType.CREATE, VOLUME, number)


def settle(book: Book, update: OperationUpdate) -> None:
    """Acknowledge an operation's end."""
    assert update.status.uuid is not None
    book.do(
        OperationAcknowledged(
            sender=MASTER, operation_uuid=update.operation_uuid, status_uuid=update.status.uuid
        )
    )


def test_an_operation_is_applied_written_and_reported_until_acknowledged(book: Book) -> None:
    event = reserve()
    book.do(event)
    assert book.agent.state.total == Resources.scalars(cpus=7, mem=4096, disk=488) + RESERVED
    record = book.only(Checkpoint).record
    assert isinstance(record, ResourcesCheckpoint)
    assert record.total == book.agent.state.total
    message = book.only(OperationUpdate)
    assert message.status.state is OperationState.OPERATION_FINISHED
    assert (message.status.operation_id, message.status.agent_id) == ("op", AGENT)
    assert not book.do(event)
    book.wait(10.0)
    assert book.only(OperationUpdate) == message
    settle(book, message)
    assert not book.agent.state.operations
    assert not book.wait(59.0) or not book.all(OperationUpdate)


def test_an_end_is_told_once_it_is_on_disk(book: Book) -> None:
    agent = book.agent
    effects = agent.handle(reserve(), book.now)
    (write,) = (effect for effect in effects if isinstance(effect, Checkpoint))
    assert len(effects) == 1
    assert write.ticket is not None
    assert len(agent.handle(Checkpointed(write.ticket), book.now)) == 1


def test_volumes_are_made_and_removed_with_their_resources(book: Book) -> None:
    path = f"{book.agent.state.config.work_dir}/volumes/roles/web/v1"
    book.do(reserve(), create())
    assert book.only(MakeVolume).path == path
    grown = received(
        OperationType.GROW_VOLUME,
        VOLUME,
        3,
        source=Resources.of({Kind("disk", reservations=(WEB,)): 100_000}),
    )
    book.do(received(OperationType.RESERVE, grown.operation.source, 4), grown)
    assert not book.all(MakeVolume)
    assert not book.all(RemoveVolume)
    bigger = Resources.of({Kind("disk", reservations=(WEB,), disk=DISK): 612_000})
    assert book.agent.state.total.persistent_volumes() == bigger
    book.do(received(OperationType.DESTROY, bigger, 5))
    assert book.only(RemoveVolume) == RemoveVolume(path)
    assert not book.agent.state.total.persistent_volumes()


def test_a_task_finds_its_volume_in_its_sandbox(book: Book) -> None:
    book.do(reserve(), create())
    book.run(command_task(resources=VOLUME + Resources.scalars(mem=32)))
    path = f"{book.agent.state.config.work_dir}/volumes/roles/web/v1"
    assert book.only(StartContainer).plan.sandbox.volumes == (VolumeLink(name="data", path=path),)


@pytest.mark.parametrize("name", ["/data", "a/b", "..", "."])
def test_other_places_than_names_in_the_sandbox_are_not_linked(book: Book, name: str) -> None:
    disk = Disk(persistence_id="v1", container_path=name, mode="RW")
    volume = Resources.of({Kind("disk", reservations=(WEB,), disk=disk): 512_000})
    book.do(reserve(), received(OperationType.CREATE, volume, 2))
    book.run(command_task(resources=volume + Resources.scalars(mem=32)))
    assert book.only(StartContainer).plan.sandbox.volumes == ()


@dataclass(frozen=True)
class Refused:
    event: OperationReceived
    state: OperationState
    message: str


UNDYNAMIC = Resources.of({Kind("cpus", reservations=(Reservation("web", dynamic=False),)): 1000})
REFUSED = [
    Refused(
        received(OperationType.UNRESERVE, RESERVED),
        OperationState.OPERATION_DROPPED,
        "The agent does not have the resources of the operation",
    ),
    Refused(
        received(OperationType.RESERVE, Resources.EMPTY),
        OperationState.OPERATION_ERROR,
        "The operation has no resources",
    ),
    Refused(
        received(OperationType.RESERVE, UNDYNAMIC),
        OperationState.OPERATION_ERROR,
        "cpus(reservations: [(STATIC,web)]):1 is not dynamically reserved",
    ),
    Refused(
        received(
            OperationType.CREATE,
            Resources.of(
                {
                    Kind(
                        "disk",
                        reservations=(WEB,),
                        disk=Disk(persistence_id="../x", container_path="d", mode="RW"),
                    ): 1000
                }
            ),
        ),
        OperationState.OPERATION_ERROR,
        "Invalid DiskInfo: Invalid persistence ID for persistent volume: '../x' contains invalid characters",
    ),
    Refused(
        OperationReceived(
            sender=MASTER,
            operation_uuid=b"x" * 16,
            operation=ResourceOperation(type=OperationType.RESERVE, resources=RESERVED),
            resource_version_uuid=b"y" * 16,
        ),
        OperationState.OPERATION_DROPPED,
        "Operation assumes outdated resource state",
    ),
]


@pytest.mark.parametrize("refused", REFUSED, ids=lambda refused: refused.message)
def test_what_cannot_be_applied_is_told_and_the_books_are_compared(book: Book, refused: Refused) -> None:
    total = book.agent.state.total
    book.do(refused.event)
    assert book.agent.state.total == total
    book.wait(2.0)
    assert book.all(Reregister)[0].checkpointed_resources == total.checkpointed()
    book.do(AgentReregistered(sender=MASTER, agent_id=AGENT))
    assert book.only(UpdateAgent).operations[0].latest_status.state is refused.state
    update = book.only(OperationUpdate)
    assert (update.status.state, update.status.message) == (refused.state, refused.message)


def test_operations_are_dropped_while_the_agent_asks_to_be_taken_back(book: Book) -> None:
    book.do(PingReceived(sender=MASTER, connected=False))
    assert not book.do(reserve())
    assert not book.agent.state.total.reserved()


def test_an_answer_to_an_older_request_makes_the_agent_register_again(book: Book) -> None:
    book.do(PingReceived(sender=MASTER, connected=False))
    book.wait(2.0)
    book.do(AgentReregistered(sender=MASTER, agent_id=AGENT))
    book.do(reserve())
    book.do(AgentReregistered(sender=MASTER, agent_id=AGENT))
    book.wait(2.0)
    assert book.all(Reregister)[0].checkpointed_resources == RESERVED


def test_unknown_operations_are_said_to_be_dropped(book: Book) -> None:
    book.do(ReconcileOperationsReceived(sender=MASTER, operation_uuids=(b"x" * 16,)))
    assert book.only(OperationUpdate).status.state is OperationState.OPERATION_DROPPED


def test_after_a_restart_ends_are_told_again_and_volumes_are_there() -> None:
    agent = Agent(config(resources=Resources.scalars(cpus=8, mem=4096, disk=1000)), random.Random(1))
    status = OperationStatus(
        state=OperationState.OPERATION_FINISHED, operation_id=OperationId("op"), uuid=b"s" * 16
    )
    event = create()
    known = RecoveredOperation(
        operation_uuid=event.operation_uuid,
        operation=event.operation,
        status=status,
        framework_id=FRAMEWORK,
    )
    total = Resources.scalars(cpus=8, mem=4096, disk=488) + VOLUME
    effects = agent.handle(Recovered(agent_id=AGENT, total=total, operations=(known,)), 0.0)
    assert [effect.path.rpartition("/")[2] for effect in effects if isinstance(effect, MakeVolume)] == ["v1"]
    assert list(agent.state.operations) == [event.operation_uuid]
    assert event.operation_uuid in agent.state.operation_updates


def test_tasks_of_a_pod_share_a_volume(book: Book) -> None:
    shared = Resources.of({Kind("disk", reservations=(WEB,), disk=DISK, shared=True): 512_000})
    book.do(reserve(), received(OperationType.CREATE, shared, 2))
    book.run_group(*(command_task(name, resources=shared + Resources.scalars(mem=32)) for name in ("a", "b")))
    sandboxes = [effect.plan.sandbox for effect in book.all(StartContainer)]
    assert [[link.shared for link in sandbox.volumes] for sandbox in sandboxes] == [[True], [True]]
