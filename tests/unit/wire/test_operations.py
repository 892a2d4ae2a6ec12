"""What schedulers ask to launch, lifted: completed as Mesos completes it, and refused with its sentences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from meseta.ids import FrameworkId
from meseta.records import Launch, LaunchGroup, ResourceOperation
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.operations import (
    is_on_resources,
    lift_operations,
    lift_resource_operation,
    with_allocation,
)

FRAMEWORK = FrameworkId("m-0000")
Operation = m.Offer.Operation


def cpus(target: Any, amount: float = 1.0) -> m.Resource:
    """Add cpus to a message with resources."""
    resource: m.Resource = target.resources.add(name="cpus", type=m.Value.SCALAR)
    resource.scalar.value = amount
    return resource


def task(task_id: str = "t", **fields: Any) -> m.TaskInfo:
    """A task of 1 cpu."""
    info = m.TaskInfo(name=task_id, **fields)
    info.task_id.value, info.agent_id.value = task_id, "m-S0"
    cpus(info)
    return info


def custom_executor() -> m.ExecutorInfo:
    """An executor as old frameworks describe theirs."""
    executor = m.ExecutorInfo(command=m.CommandInfo(value="run"))
    executor.executor_id.value = "e"
    return executor


def launch(*tasks: m.TaskInfo) -> Launch:
    """What is lifted from a LAUNCH of these tasks."""
    operation = Operation(type=Operation.LAUNCH)
    operation.launch.task_infos.extend(tasks)
    (lifted,) = lift_operations([operation], FRAMEWORK)
    assert isinstance(lifted, Launch)
    return lifted


def launch_group(
    *tasks: m.TaskInfo, change: Callable[[m.ExecutorInfo], Any] = lambda executor: None
) -> LaunchGroup:
    """What is lifted from a LAUNCH_GROUP of these tasks with a default executor."""
    operation = Operation(type=Operation.LAUNCH_GROUP)
    executor = operation.launch_group.executor
    executor.type, executor.executor_id.value = m.ExecutorInfo.DEFAULT, "pod"
    executor.framework_id.value = FRAMEWORK
    cpus(executor)
    change(executor)
    operation.launch_group.task_group.tasks.extend(tasks)
    (lifted,) = lift_operations([operation], FRAMEWORK)
    assert isinstance(lifted, LaunchGroup)
    return lifted


def test_an_executor_names_its_framework() -> None:
    (lifted,) = launch(task(executor=custom_executor())).tasks
    assert m.TaskInfo.FromString(lifted.raw).executor.framework_id.value == FRAMEWORK
    assert lifted.executor is not None
    assert lifted.executor.framework_id == FRAMEWORK


def test_the_tasks_of_a_group_carry_its_executor() -> None:
    lifted = launch_group(task("a"), task("b"))
    assert [t.executor for t in lifted.group.tasks] == [lifted.executor, lifted.executor]
    assert [t.executor.executor_id.value for t in m.TaskGroupInfo.FromString(lifted.group.raw).tasks] == [
        "pod",
        "pod",
    ]


@pytest.mark.parametrize(
    ("check", "type"),
    [
        (m.HealthCheck(command=m.CommandInfo(value="true")), m.HealthCheck.COMMAND),
        (m.HealthCheck(http=m.HealthCheck.HTTPCheckInfo(port=80)), m.HealthCheck.HTTP),
    ],
)
def test_a_health_check_without_a_type_gets_it(check: m.HealthCheck, type: int) -> None:
    (lifted,) = launch(task(command=m.CommandInfo(value="x"), health_check=check)).tasks
    assert (lifted.fault, m.TaskInfo.FromString(lifted.raw).health_check.type) == (None, type)


def test_reservations_are_written_the_new_way() -> None:
    asked = task(command=m.CommandInfo(value="x"))
    asked.resources[0].role = "*"
    reserved = cpus(asked, 2.0)
    reserved.role, reserved.reservation.principal = "web", "ops"
    (lifted,) = launch(asked).tasks
    free, dynamic = m.TaskInfo.FromString(lifted.raw).resources
    assert not free.HasField("role")
    assert not dynamic.HasField("role")
    assert not dynamic.HasField("reservation")
    (reservation,) = dynamic.reservations
    assert (reservation.type, reservation.role, reservation.principal) == (
        m.Resource.ReservationInfo.DYNAMIC,
        "web",
        "ops",
    )


def with_secret(**secret: Any) -> m.CommandInfo:
    """A command with a secret in its environment."""
    command = m.CommandInfo(value="x")
    variable = command.environment.variables.add(name="S", type=m.Environment.Variable.SECRET)
    variable.secret.CopyFrom(m.Secret(**secret))
    return command


def with_volume(kind: int, **source: Any) -> m.ContainerInfo:
    """A container with one volume from a source."""
    container = m.ContainerInfo(type=m.ContainerInfo.MESOS)
    volume = container.volumes.add(container_path="v", mode=m.Volume.RW)
    volume.source.CopyFrom(m.Volume.Source(type=kind, **source))  # type: ignore[arg-type]
    return container


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        (
            {"command": with_secret(type=m.Secret.VALUE, value=m.Secret.Value(data=b"a\0b"))},
            "Task's `CommandInfo` is invalid: Environment variable 'S' specifies a secret containing null"
            " bytes, which is not allowed in the environment",
        ),
        (
            {"command": with_secret(type=m.Secret.VALUE)},
            "Task's `CommandInfo` is invalid: Environment variable 'S' specifies an invalid secret:"
            " Secret of type VALUE must have the 'value' field set",
        ),
        (
            {"container": with_volume(m.Volume.Source.HOST_PATH)},
            "Task's `ContainerInfo` is invalid: Invalid volume: 'source.host_path' is not set for HOST_PATH"
            " volume",
        ),
        (
            {"container": with_volume(m.Volume.Source.UNKNOWN)},
            "Task's `ContainerInfo` is invalid: Invalid volume: 'source.type' is unknown",
        ),
        (
            {
                "container": m.ContainerInfo(
                    type=m.ContainerInfo.MESOS, linux_info=m.LinuxInfo(share_cgroups=False)
                )
            },
            "Only tasks in a task group may have 'share_cgroups' set to 'false'",
        ),
    ],
)
def test_faults_of_contents(fields: dict[str, Any], fault: str) -> None:
    (lifted,) = launch(task(**fields)).tasks
    assert (lifted.fault, lifted.contents_fault) == (None, fault)


@pytest.mark.parametrize(
    ("check", "fault"),
    [
        (
            m.HealthCheck(type=m.HealthCheck.COMMAND, command=m.CommandInfo(shell=False)),
            "Task uses invalid health check: Command health check must contain 'executable path'",
        ),
        (
            m.HealthCheck(type=m.HealthCheck.COMMAND, command=with_secret(type=m.Secret.VALUE)),
            "Task uses invalid health check: Health check's `CommandInfo` is invalid: Environment variable"
            " 'S' specifies an invalid secret: Secret of type VALUE must have the 'value' field set",
        ),
        (
            m.HealthCheck(type=m.HealthCheck.TCP, tcp=m.HealthCheck.TCPCheckInfo(port=1), delay_seconds=-1),
            "Task uses invalid health check: Expecting 'delay_seconds' to be non-negative",
        ),
        (m.HealthCheck(), "Task uses invalid health check: HealthCheck must specify 'type'"),
    ],
)
def test_faults_of_health_checks(check: m.HealthCheck, fault: str) -> None:
    assert launch(task(health_check=check)).tasks[0].fault == fault


def of_docker(executor: m.ExecutorInfo) -> None:
    executor.type, executor.command.value = m.ExecutorInfo.CUSTOM, "x"
    executor.container.type, executor.container.docker.image = m.ContainerInfo.DOCKER, "i"


def with_image(executor: m.ExecutorInfo) -> None:
    executor.container.type = m.ContainerInfo.MESOS
    executor.container.mesos.image.type = m.Image.DOCKER


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda e: e.ClearField("framework_id"), "'ExecutorInfo.framework_id' must be set"),
        (lambda e: e.ClearField("type"), "'ExecutorInfo.type' must be set"),
        (of_docker, "Docker ContainerInfo is not supported on the executor"),
        (with_image, "'ExecutorInfo.container.mesos.image' must not be set for 'DEFAULT' executor"),
        (
            lambda e: setattr(e.command, "value", "x"),
            "'ExecutorInfo.command' must not be set for 'DEFAULT' executor",
        ),
    ],
)
def test_faults_of_group_executors(change: Callable[[m.ExecutorInfo], Any], fault: str) -> None:
    assert launch_group(task(), change=change).executor.fault == fault


def test_a_pod_task_may_not_be_in_docker() -> None:
    container = m.ContainerInfo(type=m.ContainerInfo.DOCKER, docker=m.ContainerInfo.DockerInfo(image="i"))
    lifted = launch_group(task(container=container))
    assert lifted.group.tasks[0].contents_fault == "Docker ContainerInfo is not supported on the task"


def test_resources_of_two_roles_are_a_fault_of_the_task() -> None:
    asked = task()
    asked.resources[0].allocation_info.role = "a"
    cpus(asked).allocation_info.role = "b"
    (lifted,) = launch(asked).tasks
    assert (lifted.fault, lifted.resources_fault) == (
        "Invalid task resources: The resources have multiple allocation roles ('b' and 'a')"
        " but only one allocation role is allowed",
        None,
    )


@pytest.mark.parametrize(
    ("operation", "fault"),
    [
        (
            Operation(type=Operation.RESERVE),
            "A RESERVE offer operation must have the Offer.Operation.reserve field set.",
        ),
        (
            Operation(
                type=Operation.UNRESERVE,
                unreserve=Operation.Unreserve(
                    resources=[m.Resource(name="cpus", type=m.Value.SCALAR, scalar=m.Value.Scalar(value=-1))]
                ),
            ),
            "Resource 'cpus:-1' is invalid: Invalid scalar resource: value <= 0",
        ),
    ],
)
def test_faults_of_other_operations(operation: m.Offer.Operation, fault: str) -> None:
    (lifted,) = lift_operations([operation], FRAMEWORK)
    assert isinstance(lifted, ResourceOperation)
    assert lifted.fault == fault


def test_a_long_task_is_kept_without_its_command_and_data() -> None:
    long = task(data=b"d" * 2000, executor=custom_executor())
    long.executor.command.user = "ann"
    long.labels.labels.add(key="k")
    (info,) = launch(long).tasks
    assert m.TaskInfo.FromString(info.raw).data == b"d" * 2000
    brief = m.TaskInfo.FromString(info.brief)
    assert brief == task(labels=long.labels, command=m.CommandInfo(user="ann"))


def test_a_short_task_is_kept_as_it_is() -> None:
    (info,) = launch(task(command=m.CommandInfo(value="run"))).tasks
    assert info.brief == b""


def test_operations_on_resources_are_told_from_others() -> None:
    kinds = {
        Operation.Type.Name(kind) for kind in Operation.Type.values() if is_on_resources(Operation(type=kind))
    }
    assert "RESERVE" in kinds
    assert kinds.isdisjoint({"UNKNOWN", "LAUNCH", "LAUNCH_GROUP"})


def test_an_old_reservation_is_written_the_new_way_and_allocated() -> None:
    operation = Operation(type=Operation.RESERVE)
    resource = operation.reserve.resources.add(name="cpus", type=m.Value.SCALAR, role="web")
    resource.scalar.value, resource.reservation.principal = 1.0, "ops"
    lifted = lift_resource_operation(operation)
    assert str(lifted.resources) == "cpus(reservations: [(DYNAMIC,web,ops)]):1"
    (written,) = with_allocation(lifted, "web").reserve.resources
    assert not written.HasField("role")
    assert written.reservations[0].role == written.allocation_info.role == "web"
    (bare,) = with_allocation(lifted, None).reserve.resources
    assert not bare.HasField("allocation_info")


@pytest.mark.parametrize("amount", [float("nan"), float("inf"), -1e300])
def test_a_volume_shrinks_by_numbers_only(amount: float) -> None:
    operation = Operation(type=Operation.SHRINK_VOLUME)
    operation.shrink_volume.volume.name, operation.shrink_volume.volume.type = "disk", m.Value.SCALAR
    operation.shrink_volume.volume.scalar.value = 1.0
    operation.shrink_volume.subtract.value = amount
    assert lift_resource_operation(operation).subtract == 0
