"""What a master, or somebody in its name, may not tell an agent."""

from __future__ import annotations

from typing import Any

import pytest

from meseta.agent import events as e
from meseta.errors import WireError
from meseta.ids import Pid
from meseta.wire.gen import internal_pb2 as i
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.lift import CHECK_INTERVAL_MIN_S, lift_health_check
from meseta.wire.master_link import MASTER_MESSAGES, master_event

MASTER = Pid("master@10.0.0.1:5050")


def lifted(message: Any) -> Any:
    return master_event(message.DESCRIPTOR.full_name, message.SerializeToString(), MASTER)


def run_task(**executor: str) -> i.RunTaskMessage:
    message = i.RunTaskMessage()
    message.framework.user, message.framework.name, message.framework.id.value = "u", "n", "m-0000"
    task = message.task
    task.name, task.task_id.value, task.agent_id.value = "t", "t", "m-S0"
    task.executor.executor_id.value = "e"
    if executor:
        task.executor.framework_id.value = executor["framework_id"]
    return message


def test_an_executor_is_of_the_framework_of_its_task() -> None:
    for message in (run_task(), run_task(framework_id="m-0000")):
        assert lifted(message).task.executor.framework_id == "m-0000"
    with pytest.raises(WireError, match="m-0001"):
        lifted(run_task(framework_id="m-0001"))


def test_a_framework_keeps_its_id() -> None:
    message = i.UpdateFrameworkMessage(pid="")
    message.framework_id.value = "m-0000"
    message.framework_info.user = message.framework_info.name = "x"
    assert lifted(message).framework.id == "m-0000"
    message.framework_info.id.value = "m-0001"
    with pytest.raises(WireError, match="m-0001"):
        lifted(message)


@pytest.mark.parametrize("timeout_s", [float("nan"), float("inf"), -1.0, 0.0])
def test_a_ping_timeout_is_a_time(timeout_s: float) -> None:
    message = i.SlaveRegisteredMessage()
    message.slave_id.value = "m-S0"
    message.connection.total_ping_timeout_seconds = timeout_s
    event = lifted(message)
    assert isinstance(event, e.AgentRegistered)
    assert event.total_ping_timeout_s is None


def test_times_of_health_checks_are_times() -> None:
    nan = float("nan")
    check = m.HealthCheck(
        type=m.HealthCheck.COMMAND,
        delay_seconds=nan,
        interval_seconds=nan,
        timeout_seconds=-1.0,
        grace_period_seconds=nan,
    )
    times = lift_health_check(check)
    assert (times.delay_s, times.interval_s) == (0.0, CHECK_INTERVAL_MIN_S)
    assert (times.timeout_s, times.grace_period_s) == (0.0, 0.0)


def test_a_message_says_under_which_registration_it_counts() -> None:
    message = run_task()
    assert lifted(message).registration is None
    message.registration_uuid.value = b"r" * 16
    assert lifted(message).registration == b"r" * 16


def test_all_that_has_a_time_can_say_its_registration() -> None:
    to_agents = [i.DESCRIPTOR, *i.DESCRIPTOR.dependencies]
    kinds = {name: kind for file in to_agents for name, kind in file.message_types_by_name.items()}
    timeless = {
        "PingSlaveMessage",
        "FrameworkToExecutorMessage",
        "StatusUpdateAcknowledgementMessage",
        "AcknowledgeOperationStatusMessage",
    }
    for full_name in MASTER_MESSAGES:
        name = full_name.removeprefix("mesos.internal.")
        assert ("registration_uuid" in kinds[name].fields_by_name) is (name not in timeless), name
