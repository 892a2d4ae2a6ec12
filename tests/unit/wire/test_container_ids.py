from __future__ import annotations

import pytest

from meseta.api.agent_operator import check_container_ids
from meseta.errors import WireError
from meseta.ids import ContainerId
from meseta.wire.container_ids import (
    NESTED_CONTAINERS_MAX,
    fill_container_id,
    lift_container_id,
    nesting_fault,
)
from meseta.wire.gen import agent_pb2 as a
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.lift import lift_status


def nested(levels: int) -> m.ContainerID:
    message = m.ContainerID()
    fill_container_id(message, ContainerId(".".join(f"c{level}" for level in range(levels))))
    return message


@pytest.mark.parametrize("text", ["a", "a.b", "a.b.c"])
def test_ids_come_back(text: str) -> None:
    message = m.ContainerID()
    fill_container_id(message, ContainerId(text))
    assert message.value == text[-1]
    assert lift_container_id(message) == text


def test_the_limit_of_containers_within_each_other() -> None:
    assert nesting_fault(nested(NESTED_CONTAINERS_MAX)) is None
    assert nesting_fault(nested(NESTED_CONTAINERS_MAX + 1)) == "a container may be within at most 31 others"


def test_statuses_that_would_make_answers_unreadable_are_refused() -> None:
    status = m.TaskStatus(task_id=m.TaskID(value="t"), state=m.TASK_RUNNING)
    status.container_status.container_id.CopyFrom(nested(NESTED_CONTAINERS_MAX))
    assert lift_status(status).task_id == "t"
    status.container_status.container_id.CopyFrom(nested(95))
    with pytest.raises(WireError, match="status of task t names no container: a container may be within"):
        lift_status(status)


def test_calls_about_containers_too_deep_are_refused() -> None:
    call = a.Call(type=a.Call.WAIT_CONTAINER)
    call.wait_container.container_id.CopyFrom(nested(90))
    with pytest.raises(WireError, match=r"'wait_container.container_id' is invalid: a container may be"):
        check_container_ids(call)
