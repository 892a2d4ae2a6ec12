"""Records become messages again: what a record says wins over the bytes that it came with."""

from __future__ import annotations

from meseta.ids import AgentId, ContainerId, FrameworkId, TaskId
from meseta.master.effects import Updated
from meseta.records import (
    ContainerStatus,
    FrameworkInfo,
    StatusUpdate,
    TaskSource,
    TaskState,
    TaskStatus,
)
from meseta.resources import Resources
from meseta.wire.gen import internal_pb2 as i
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.lift import lift_framework, lift_status
from meseta.wire.lower import framework_message, status_message
from meseta.wire.scheduler_events import SchedulerEvents


def told() -> m.TaskStatus:
    """What an executor says of a task, in full."""
    status = m.TaskStatus(state=m.TASK_RUNNING, source=m.TaskStatus.SOURCE_EXECUTOR, data=b"d", message="hi")
    status.task_id.value, status.agent_id.value, status.executor_id.value = "t", "a", "t"
    status.healthy, status.uuid = True, b"u" * 16
    status.labels.labels.add(key="k")
    status.unreachable_time.nanoseconds = 1
    status.container_status.network_infos.add().ip_addresses.add(ip_address="10.0.0.1")
    status.limitation.resources.add(name="mem", type=m.Value.SCALAR).scalar.value = 1
    return status


def test_a_status_is_lowered_as_it_was_lifted() -> None:
    assert status_message(lift_status(told())) == told()


def test_what_a_status_does_not_say_is_not_said() -> None:
    bare = TaskStatus(
        task_id=TaskId("t"),
        state=TaskState.TASK_RUNNING,
        source=TaskSource.SOURCE_MASTER,
        raw=told().SerializeToString(),
    )
    message = status_message(bare)
    assert {field.name for field, _ in message.ListFields()} == {
        "task_id",
        "state",
        "source",
        "container_status",
    }


def test_a_container_without_addresses_has_no_networks() -> None:
    """Frameworks take the first address of the first network, if there is one."""
    where = ContainerStatus(container_id=ContainerId("pod.task"))
    status = TaskStatus(task_id=TaskId("t"), state=TaskState.TASK_STARTING, container_status=where)
    message = status_message(status).container_status
    assert (message.container_id.value, message.container_id.parent.value) == ("task", "pod")
    assert not message.network_infos


def test_what_a_container_was_ended_for_is_told() -> None:
    status = TaskStatus(
        task_id=TaskId("t"), state=TaskState.TASK_FAILED, limitation=Resources.scalars(mem=64)
    )
    (resource,) = status_message(status).limitation.resources
    assert (resource.name, resource.scalar.value, resource.role) == ("mem", 64.0, "*")
    assert lift_status(status_message(status)).raw == status_message(status).SerializeToString()


def test_a_driver_is_told_each_part_of_a_status_once() -> None:
    status = lift_status(told())
    update = StatusUpdate(
        framework_id=FrameworkId("f"),
        executor_id=None,
        agent_id=AgentId("a"),
        status=status,
        timestamp=1.0,
        uuid=b"u" * 16,
    )
    encoded = SchedulerEvents(m.MasterInfo()).v0(Updated(update, None))
    assert encoded is not None
    assert i.StatusUpdateMessage.FromString(encoded[1]).update.status == told()


def test_a_framework_keeps_what_it_may_not_change() -> None:
    """What a scheduler says when it subscribes again loses to what the master has kept."""
    raw = m.FrameworkInfo(user="somebody", name="f", checkpoint=True).SerializeToString()
    kept = FrameworkInfo(
        user="root", name="f", id=FrameworkId("m-0000"), checkpoint=False, principal="p", raw=raw
    )
    message = framework_message(kept)
    assert (message.id.value, message.user, message.checkpoint, message.principal) == (
        "m-0000",
        "root",
        False,
        "p",
    )
    assert not framework_message(lift_framework(m.FrameworkInfo(user="u", name="f"))).HasField("checkpoint")
