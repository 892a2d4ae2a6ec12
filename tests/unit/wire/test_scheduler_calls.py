"""What old drivers ask, in messages that are older than calls."""

from __future__ import annotations

from meseta.ids import OfferId, Pid
from meseta.master import events as e
from meseta.records import Filters, Launch
from meseta.wire.gen import internal_pb2 as i
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.scheduler_calls import driver_event

DRIVER = Pid("scheduler-1@10.0.0.1:4000")


def launch_tasks(*tasks: m.TaskInfo) -> e.MasterEvent | None:
    """What becomes of LaunchTasks with these tasks."""
    message = i.LaunchTasksMessage(
        framework_id=m.FrameworkID(value="m-0000"),
        offer_ids=[m.OfferID(value="m-O1")],
        tasks=tasks,
        filters=m.Filters(refuse_seconds=60),
    )
    return driver_event(
        "mesos.internal.LaunchTasksMessage",
        message.SerializeToString(),
        DRIVER,
        None,
        lambda constraints: None,
    )


def test_launching_no_tasks_declines_the_offers() -> None:
    event = launch_tasks()
    assert isinstance(event, e.OffersDeclined)
    assert (event.offer_ids, event.filters) == ((OfferId("m-O1"),), Filters(refuse_s=60))


def test_launching_tasks_accepts_the_offers() -> None:
    task = m.TaskInfo(name="t", task_id=m.TaskID(value="t1"), agent_id=m.AgentID(value="m-S0"))
    event = launch_tasks(task)
    assert isinstance(event, e.OffersAccepted)
    (launch,) = event.operations
    assert isinstance(launch, Launch)
    assert [info.task_id for info in launch.tasks] == ["t1"]
