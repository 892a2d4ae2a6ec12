"""What a Mesos master sent to agents and drivers, made by our encoders from our records, to the byte."""

from __future__ import annotations

import json
import random
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from meseta.ids import AgentId, ExecutorId, FrameworkId, OfferId, Pid, TaskId, new_uuid
from meseta.master import effects as x
from meseta.records import AgentInfo, FrameworkCapability, FrameworkInfo
from meseta.resources import EMPTY
from meseta.wire.agent_link import agent_message_bytes
from meseta.wire.gen import internal_pb2 as i
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.lift import (
    lift_attribute,
    lift_executor,
    lift_framework,
    lift_status,
    lift_status_update,
    lift_task,
    lift_task_group,
)
from meseta.wire.operations import lift_resource_operation
from meseta.wire.resources import lift_resources
from meseta.wire.scheduler_events import SchedulerEvents

DATA = Path(__file__).parent / "data" / "libprocess" / "from-master.jsonl"
UUID = new_uuid(random.Random(1))
ROWS = [json.loads(line) for line in DATA.read_text().splitlines()]


# ── to agents ─────────────────────────────────────────────────────────────────────────────────────────


def version(message: Any) -> bytes | None:
    """The version of the agent's own resources, if the message has one."""
    return next((entry.uuid.value for entry in message.resource_version_uuids), None)


def role_of(resources: Any) -> str:
    """The role that resources are allocated to."""
    role: str = resources[0].allocation_info.role
    return role


def without_role(message: Any) -> Any:
    """The same message as a framework sends it that leaves the role to the master."""
    made = type(message).FromString(message.SerializeToString())
    for resource in made.resources:
        resource.ClearField("allocation_info")
    return made


def run_task(message: i.RunTaskMessage) -> x.RunTask:
    return x.RunTask(
        FrameworkId(message.framework.id.value),
        lift_framework(message.framework),
        Pid(message.pid),
        lift_task(without_role(message.task), with_command=False),
        role_of(message.task.resources),
        message.launch_executor,
        version(message),
    )


def run_task_group(message: i.RunTaskGroupMessage) -> x.RunTaskGroup:
    return x.RunTaskGroup(
        FrameworkId(message.framework.id.value),
        lift_framework(message.framework),
        lift_executor(without_role(message.executor)),
        lift_task_group(message.task_group, with_command=False),
        role_of(message.executor.resources),
        message.launch_executor,
        version(message),
    )


def reregistered(message: i.SlaveReregisteredMessage) -> x.AgentReregistered:
    tasks = tuple(
        x.ReconciledTasks(
            FrameworkId(entry.framework_id.value),
            lift_framework(entry.framework),
            tuple(lift_status(status) for status in entry.statuses),
        )
        for entry in message.reconciliations
    )
    timeout = message.connection.total_ping_timeout_seconds
    return x.AgentReregistered(AgentId(message.slave_id.value), timeout, tasks)


TO_AGENTS: dict[str, Callable[[Any], x.AgentMessage]] = {
    "SlaveRegisteredMessage": lambda w: x.AgentRegistered(
        w.slave_id.value, w.connection.total_ping_timeout_seconds
    ),
    "SlaveReregisteredMessage": reregistered,
    "PingSlaveMessage": lambda w: x.Ping(w.connected),
    "RunTaskMessage": run_task,
    "RunTaskGroupMessage": run_task_group,
    "KillTaskMessage": lambda w: x.KillTask(
        w.framework_id.value,
        TaskId(w.task_id.value),
        w.kill_policy.SerializeToString() if w.HasField("kill_policy") else None,
    ),
    "ShutdownExecutorMessage": lambda w: x.ShutdownExecutor(
        w.framework_id.value, ExecutorId(w.executor_id.value)
    ),
    "ShutdownFrameworkMessage": lambda w: x.ShutdownFramework(w.framework_id.value),
    "UpdateFrameworkMessage": lambda w: x.UpdateFramework(
        w.framework_id.value, lift_framework(w.framework_info), Pid(w.pid)
    ),
    "FrameworkToExecutorMessage": lambda w: x.DeliverToExecutor(
        w.framework_id.value, w.slave_id.value, ExecutorId(w.executor_id.value), w.data
    ),
    "StatusUpdateAcknowledgementMessage": lambda w: x.AcknowledgeUpdate(
        w.framework_id.value, w.slave_id.value, TaskId(w.task_id.value), w.uuid
    ),
    "AcknowledgeOperationStatusMessage": lambda w: x.AcknowledgeOperation(
        w.status_uuid.value, w.operation_uuid.value
    ),
    "ApplyOperationMessage": lambda w: x.ApplyOperation(
        None,
        lift_resource_operation(w.operation_info),
        None,
        w.operation_uuid.value,
        w.resource_version_uuid.uuid.value,
    ),
    "ShutdownMessage": lambda w: x.Shutdown(w.message),
}


# ── to drivers ────────────────────────────────────────────────────────────────────────────────────────


def offered(message: i.ResourceOffersMessage) -> x.Offered:
    multi_role = any(resource.HasField("allocation_info") for resource in message.offers[0].resources)
    capabilities = (
        {FrameworkCapability.MULTI_ROLE, FrameworkCapability.RESERVATION_REFINEMENT} if multi_role else set()
    )
    info = FrameworkInfo(user="root", name="f", capabilities=frozenset(capabilities))
    offers = zip(message.offers, message.pids, strict=True)
    return x.Offered(info, tuple(offer_record(offer, Pid(pid)) for offer, pid in offers))


def offer_record(offer: m.Offer, pid: Pid) -> x.OfferRecord:
    """An offer in the master's terms."""
    info = AgentInfo(
        hostname=offer.hostname,
        port=offer.url.address.port,
        resources=EMPTY,
        attributes=tuple(lift_attribute(attribute) for attribute in offer.attributes),
    )
    return x.OfferRecord(
        OfferId(offer.id.value),
        FrameworkId(offer.framework_id.value),
        offer.allocation_info.role or "*",
        x.OfferedAgent(AgentId(offer.agent_id.value), pid, info),
        lift_resources(offer.resources).resources,
        tuple(ExecutorId(executor_id.value) for executor_id in offer.executor_ids),
    )


def subscribed(message: Any) -> x.Subscribed:
    again = isinstance(message, i.FrameworkReregisteredMessage)
    return x.Subscribed(FrameworkId(message.framework_id.value), again, 15.0)


def updated(message: i.StatusUpdateMessage) -> x.Updated:
    pid = Pid(message.pid) if message.HasField("pid") else None
    return x.Updated(lift_status_update(message.update), pid)


TO_DRIVERS: dict[str, Callable[[Any], x.FrameworkMessage]] = {
    "FrameworkRegisteredMessage": subscribed,
    "FrameworkReregisteredMessage": subscribed,
    "ResourceOffersMessage": offered,
    "RescindResourceOfferMessage": lambda w: x.Rescinded(OfferId(w.offer_id.value)),
    "StatusUpdateMessage": updated,
    "LostSlaveMessage": lambda w: x.Failed(FrameworkId(""), AgentId(w.slave_id.value)),
    "FrameworkErrorMessage": lambda w: x.Errored(w.message),
}


# ── the tests ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("row", ROWS, ids=[f"{row['message']}-{n}" for n, row in enumerate(ROWS)])
def test_a_message_is_made_as_mesos_made_it(row: dict[str, str]) -> None:
    recorded = b64decode(row["body_b64"])
    message: Any = getattr(i, row["message"]).FromString(recorded)
    if row["to"] == "agent":
        encoded: Any = agent_message_bytes(TO_AGENTS[row["message"]](message))
    else:
        events = SchedulerEvents(getattr(message, "master_info", m.MasterInfo()))
        encoded = events.v0(TO_DRIVERS[row["message"]](message))
    name, body = encoded
    assert name == f"mesos.internal.{row['message']}"
    made = type(message).FromString(body)
    if row["message"] == "ResourceOffersMessage":
        sort_resources(made)
        sort_resources(message)
    else:
        assert body == recorded
    assert made == message


@pytest.mark.parametrize("name", sorted(TO_AGENTS))
def test_the_name_of_a_registration_is_one_more_field(name: str) -> None:
    recorded = next(b64decode(row["body_b64"]) for row in ROWS if row["message"] == name)
    message = TO_AGENTS[name](getattr(i, name).FromString(recorded))
    _, body = agent_message_bytes(message, UUID)
    made = getattr(i, name).FromString(body)
    if type(message) in x.TIMELESS:
        assert body == recorded
    else:
        assert made.registration_uuid.value == UUID
        made.ClearField("registration_uuid")
        assert made == getattr(i, name).FromString(recorded)


def sort_resources(message: i.ResourceOffersMessage) -> None:
    """Put the resources of offers in one order: equal vectors are one to us, in whatever order they came."""
    for offer in message.offers:
        offer.resources.sort(key=lambda resource: resource.SerializeToString())


def test_every_kind_of_message_was_recorded() -> None:
    recorded = {row["message"] for row in ROWS}
    assert recorded == TO_AGENTS.keys() | TO_DRIVERS.keys()
