"""What an agent may not say of itself."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from meseta.errors import WireError
from meseta.ids import Pid, new_uuid
from meseta.wire.agent_link import agent_event
from meseta.wire.gen import internal_pb2 as i
from meseta.wire.gen import mesos_pb2 as m

SENDER = Pid("slave(1)@10.0.0.1:5051")
NAME = new_uuid(random.Random(1))


def add_resource(resources: Any, name: str = "cpus", amount: float = 1.0) -> None:
    resources.add(name=name, type=m.Value.SCALAR).scalar.value = amount


def add_port(resources: Any, port: int) -> None:
    resources.add(name="ports", type=m.Value.RANGES).ranges.range.add(begin=port, end=port)


def report() -> i.ReregisterSlaveMessage:
    """An agent that runs a task of its own executor and a command task."""
    message = i.ReregisterSlaveMessage(version="1.12.0")
    message.slave.hostname, message.slave.id.value, message.slave.checkpoint = "h", "m-S0", True
    add_resource(message.slave.resources, amount=4.0)
    framework = message.frameworks.add(user="u", name="n", role="web")
    framework.id.value = "m-0000"
    executor = message.executor_infos.add(type=m.ExecutorInfo.CUSTOM)
    executor.executor_id.value, executor.framework_id.value = "e1", "m-0000"
    add_resource(executor.resources, amount=0.1)
    for name, executor_id in (("t1", "e1"), ("t2", "")):
        task = message.tasks.add(name=name, state=m.TASK_RUNNING)
        task.task_id.value, task.agent_id.value, task.framework_id.value = name, "m-S0", "m-0000"
        task.executor_id.value = executor_id
        add_resource(task.resources)
    return message


def fault_of(message: Any) -> str | None:
    event = agent_event(message.DESCRIPTOR.full_name, message.SerializeToString(), SENDER, None)
    fault: str | None = event.fault  # type: ignore[union-attr]
    return fault


def test_a_good_report() -> None:
    assert fault_of(report()) is None


def _agent_id(message: Any) -> None:
    message.slave.id.value = "m-S0\n"


def _resources(message: Any) -> None:
    add_resource(message.slave.resources, amount=-1.0)


def _checkpointed(message: Any) -> None:
    add_resource(message.checkpointed_resources, name="")


def _framework_id(message: Any) -> None:
    message.frameworks[0].id.value = "a/b"


def _no_framework_id(message: Any) -> None:
    message.frameworks.add(user="u", name="n")


def _framework_twice(message: Any) -> None:
    message.frameworks.append(message.frameworks[0])


def _failover_timeout(message: Any) -> None:
    message.frameworks[0].failover_timeout = float("nan")


def _executor_id(message: Any) -> None:
    message.executor_infos[0].executor_id.value = ".."


def _foreign_executor(message: Any) -> None:
    message.executor_infos[0].framework_id.value = "m-0009"


def _executor_twice(message: Any) -> None:
    message.executor_infos.append(message.executor_infos[0])


def _executor_resources(message: Any) -> None:
    add_resource(message.executor_infos[0].resources, amount=float("inf"))


def _task_id(message: Any) -> None:
    message.tasks[0].task_id.value = ""


def _other_agent(message: Any) -> None:
    message.tasks[0].agent_id.value = "m-S1"


def _foreign_task(message: Any) -> None:
    message.tasks[0].framework_id.value = "m-0009"


def _lost_executor(message: Any) -> None:
    message.tasks[0].executor_id.value = "e2"


def _state(message: Any) -> None:
    message.tasks[0].state = m.TASK_UNREACHABLE


def _task_resources(message: Any) -> None:
    add_resource(message.tasks[0].resources, amount=float("nan"))


def _allocated_to_no_role(message: Any) -> None:
    message.tasks[0].resources[0].allocation_info.role = "web/."


def _allocated_to_two_roles(message: Any) -> None:
    resources = message.executor_infos[0].resources
    add_resource(resources, name="mem")
    resources[0].allocation_info.role, resources[1].allocation_info.role = "web", "db"


def _overlap(message: Any) -> None:
    for task in message.tasks:
        add_port(task.resources, 31000)


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (_agent_id, "its ID is invalid"),
        (_resources, "value <= 0"),
        (_checkpointed, "Empty resource name"),
        (_framework_id, "'a/b' contains invalid characters"),
        (_no_framework_id, "a framework has no ID"),
        (_framework_twice, "a framework is there twice"),
        (_failover_timeout, "failover_timeout"),
        (_executor_id, "Executor has an invalid ExecutorID"),
        (_foreign_executor, "Executor has an invalid FrameworkID 'm-0009'"),
        (_executor_twice, "Framework 'm-0000' has a duplicate ExecutorID 'e1'"),
        (_executor_resources, "not finite"),
        (_task_id, "Task has an invalid TaskID"),
        (_other_agent, "Task has an invalid SlaveID 'm-S1'"),
        (_foreign_task, "Task has an invalid FrameworkID 'm-0009'"),
        (_lost_executor, "Task has an invalid ExecutorID 'e2'"),
        (_state, "Task 't1' is said to be in TASK_UNREACHABLE"),
        (_task_resources, "Task uses invalid resources"),
        (
            _allocated_to_no_role,
            "Task uses invalid resources: Role 'web/.' cannot include '.' as a component",
        ),
        (_allocated_to_two_roles, "Executor uses invalid resources"),
        (_overlap, "overlaps"),
    ],
)
def test_what_makes_a_report_useless(spoil: Callable[[Any], None], fault: str) -> None:
    message = report()
    spoil(message)
    assert fault in (fault_of(message) or "")


def test_a_task_that_is_over_holds_no_port() -> None:
    message = report()
    _overlap(message)
    message.tasks[1].state = m.TASK_FINISHED
    assert fault_of(message) is None


def test_a_request_has_a_proper_name_or_none() -> None:
    message = report()
    assert lifted(message).registration is None
    message.registration_uuid.value = NAME
    assert lifted(message).registration == NAME
    message.registration_uuid.value = NAME + b"x"
    with pytest.raises(WireError, match="uuid"):
        lifted(message)


def lifted(message: Any) -> Any:
    return agent_event(message.DESCRIPTOR.full_name, message.SerializeToString(), SENDER, None)
