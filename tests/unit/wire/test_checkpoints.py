"""Checkpoint records, written and read back; the messages are Mesos's."""

from __future__ import annotations

from msgspec.structs import replace

from meseta.agent import effects as x
from meseta.attributes import parse_attributes
from meseta.ids import AgentId, ContainerId, ExecutorId, FrameworkId, TaskId
from meseta.records import (
    AgentInfo,
    CommandInfo,
    ContainerStatus,
    Domain,
    ExecutorInfo,
    StatusUpdate,
    TaskRecord,
    TaskState,
    TaskStatus,
)
from meseta.resources import Resources, parse_resources
from meseta.wire.checkpoints import (
    checkpoint_records,
    read_agent,
    read_checkpointed_resources,
    read_executor,
    read_framework,
    read_group,
    read_task,
    read_updates,
)
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.lift import lift_framework, lift_task

UUID = bytes.fromhex("00112233445546778899aabbccddeeff")
TASK = m.TaskInfo(
    name="t",
    task_id=m.TaskID(value="t1"),
    agent_id=m.AgentID(value="a"),
    resources=[
        m.Resource(
            name="cpus",
            type=m.Value.SCALAR,
            scalar=m.Value.Scalar(value=1),
            allocation_info=m.Resource.AllocationInfo(role="web"),
        )
    ],
    command=m.CommandInfo(value="sleep 1", user="nobody"),
    kill_policy=m.KillPolicy(grace_period=m.DurationInfo(nanoseconds=7_000_000_000)),
    labels=m.Labels(labels=[m.Label(key="k", value="v")]),
)


def records(record: x.CheckpointRecord) -> list[bytes]:
    encoded = checkpoint_records(record)
    assert isinstance(encoded, list)
    return encoded


def test_an_agent() -> None:
    info = AgentInfo(
        id=AgentId("a"),
        hostname="host",
        port=5051,
        resources=parse_resources("cpus:4;mem(web):64;ports:[1-5]"),
        attributes=parse_attributes("rack:r1;slots:3;range:[1-2]"),
        domain=Domain("r", "z"),
    )
    (record,) = records(x.AgentCheckpoint(info))
    assert replace(read_agent(record), raw=b"") == info


def test_a_framework() -> None:
    message = m.FrameworkInfo(user="u", name="f", id=m.FrameworkID(value="f"), checkpoint=True, roles=["*"])
    info = lift_framework(message)
    (record,) = records(x.FrameworkCheckpoint(info))
    assert read_framework(record) == info


def test_the_executor_of_a_command_task() -> None:
    info = ExecutorInfo(
        executor_id=ExecutorId("t1"),
        framework_id=FrameworkId("f"),
        resources=Resources.EMPTY,
        name="Command Executor",
        source="t1",
        command=CommandInfo(value="/bin/x", shell=False, arguments=("x", "y")),
    )
    (record,) = records(x.ExecutorCheckpoint(executor=info, command_task=True))
    back = read_executor(record)
    assert replace(back, raw=b"", fault=None) == info


def test_a_task_keeps_what_was_to_be_run() -> None:
    info = lift_task(TASK, with_command=True)
    record = TaskRecord(
        task_id=TaskId("t1"),
        name="t",
        framework_id=FrameworkId("f"),
        agent_id=AgentId("a"),
        executor_id=None,
        state=TaskState.TASK_STAGING,
        resources=info.resources,
        allocation_role="web",
    )
    written = records(x.TaskCheckpoint(x.TaskReport(record, info)))
    task = m.Task.FromString(written[0])
    assert (task.user, task.resources[0].role, task.resources[0].allocation_info.role) == (
        "nobody",
        "*",
        "web",
    )
    assert read_task(written) == info
    assert read_group(written) is None
    assert read_group(records(x.TaskCheckpoint(x.TaskReport(record, info), "pod 1"))) == "pod 1"
    from_mesos = read_task(written[:1])
    assert from_mesos.command is None
    assert (from_mesos.resources, from_mesos.kill_grace_period_s) == (info.resources, 7.0)


def test_updates_and_acknowledgements() -> None:
    status = TaskStatus(
        task_id=TaskId("t1"),
        state=TaskState.TASK_RUNNING,
        uuid=UUID,
        timestamp=1.5,
        agent_id=AgentId("a"),
        container_status=ContainerStatus(
            container_id=ContainerId("top.nested"), executor_pid=7, ip_addresses=("10.0.0.1",)
        ),
    )
    update = StatusUpdate(
        framework_id=FrameworkId("f"),
        executor_id=ExecutorId("e"),
        agent_id=AgentId("a"),
        status=status,
        timestamp=1.5,
        uuid=UUID,
    )
    written = records(x.UpdateCheckpoint(update=update)) + records(x.UpdateCheckpoint(acknowledged=UUID))
    back = read_updates(written)
    assert back.acknowledged == (UUID,)
    assert replace(back.updates[0], raw=b"") == status


def test_only_what_no_flag_brings_back_is_written_of_resources() -> None:
    total = parse_resources("cpus:4;mem(web):64")
    (record,) = records(x.ResourcesCheckpoint(total=total))
    assert read_checkpointed_resources(record) == Resources.EMPTY


def test_texts_are_texts() -> None:
    assert checkpoint_records(x.TextCheckpoint("executor(1)@h:1")) == "executor(1)@h:1"
