"""What a live Mesos said to a scheduler and to an executor, said again to the sessions of the SDK."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from meseta.ids import TaskId
from meseta.sdk import events, executor_events
from meseta.sdk.codec import executor_event, scheduler_call, scheduler_event
from meseta.sdk.environment import read_environment
from meseta.sdk.executor_session import ExecutorSession
from meseta.sdk.session import SchedulerSession
from meseta.wire.gen import executor_pb2, mesos_pb2, scheduler_pb2
from meseta.wire.json import from_json

DATA = Path(__file__).parent / "data"


def rows(name: str) -> Iterator[dict[str, Any]]:
    for line in (DATA / name).read_text().splitlines():
        yield json.loads(line)


def test_a_recorded_scheduler_stream_is_acknowledged_as_the_recorded_framework_did() -> None:
    session = SchedulerSession(["http://m:5050"], ["golden"], random.Random(1))
    session.handle(events.Started(), 0.0)
    effects: list[events.Effect] = []
    recorded = []
    for row in rows("sdk_scheduler_stream.jsonl"):
        if "acknowledgement" in row:
            recorded.append(scheduler_pb2.Call.FromString(base64.b64decode(row["acknowledgement"])))
            continue
        event = scheduler_event(base64.b64decode(row["event"]), attempt=1)
        new = session.handle(event, 1.0)
        for effect in new:
            if isinstance(effect, events.Deliver) and effect.token is not None:
                new = new + session.handle(events.UpdateSettled(token=effect.token), 1.0)
        effects += new
    calls = [scheduler_call(effect) for effect in effects if isinstance(effect, events.SendCall)]
    assert {call.SerializeToString(deterministic=True) for call in calls} == {
        call.SerializeToString(deterministic=True) for call in recorded
    }
    delivered = [effect for effect in effects if isinstance(effect, events.Deliver)]
    tokens = [effect.token.uuid for effect in delivered if effect.token is not None]
    assert len(tokens) == len(set(tokens)), "the repeated update is passed on once"
    assert effects[-1] == events.ReportStopped(fault="the master ended the framework: Framework failed over")


def test_a_recorded_executor_session_takes_every_event() -> None:
    session = ExecutorSession(random.Random(1), recovery_timeout_s=900, backoff_max_s=2)
    opened = session.handle(executor_events.Started(), 0.0)[0]
    assert isinstance(opened, executor_events.OpenStream)
    delivered: list[int] = []
    for row in rows("sdk_executor_stream.jsonl"):
        record = from_json(executor_pb2.Event, row["event"].encode())
        if record.type == executor_pb2.Event.SUBSCRIBED and delivered:
            lost = executor_events.StreamBroken(attempt=opened.attempt, reason="dropped by the executor")
            session.handle(lost, 1.0)
            opened = session.tick(10.0)[0]
            assert isinstance(opened, executor_events.OpenStream)
        event = executor_event(record.SerializeToString(), opened.attempt)
        if isinstance(event, executor_events.UpdateAcknowledged):
            _make(session, event)
        for effect in session.handle(event, 1.0):
            if isinstance(effect, executor_events.Deliver):
                delivered.append(effect.payload.type)
        if isinstance(event, executor_events.UpdateAcknowledged):
            assert session.unacknowledged == 0
    kinds = executor_pb2.Event
    assert delivered == [kinds.LAUNCH, kinds.MESSAGE, kinds.KILL, kinds.SHUTDOWN]


def _make(session: ExecutorSession, event: executor_events.UpdateAcknowledged) -> None:
    """Make the update that the recorded executor had made, unless it was the same again."""
    made = executor_events.UpdateMade(
        task_id=TaskId(event.task_id), uuid=event.uuid, terminal=False, payload=mesos_pb2.TaskStatus()
    )
    session.handle(made, 1.0)


def test_a_recorded_environment_is_understood() -> None:
    environment = read_environment(
        {
            "MESOS_EXECUTOR_ID": "json-exec",
            "MESOS_CHECKPOINT": "1",
            "MESOS_HTTP_COMMAND_EXECUTOR": "1",
            "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD": "3secs",
            "MESOS_SUBSCRIPTION_BACKOFF_MAX": "2secs",
            "MESOS_AGENT_ENDPOINT": "127.0.0.1:17151",
            "MESOS_RECOVERY_TIMEOUT": "15mins",
            "MESOS_FRAMEWORK_ID": "e42f47a4-f799-46da-b4ad-7fe38a26af40-0000",
            "MESOS_SLAVE_ID": "e42f47a4-f799-46da-b4ad-7fe38a26af40-S0",
            "MESOS_SLAVE_PID": "slave(1)@127.0.0.1:17151",
            "MESOS_DIRECTORY": "/var/lib/mesos/run",
        }
    )
    assert environment.agent == "http://127.0.0.1:17151"
    assert environment.checkpoint
    assert (environment.recovery_timeout_s, environment.backoff_max_s, environment.shutdown_grace_s) == (
        900,
        2,
        3,
    )
    assert environment.sandbox == "/var/lib/mesos/run"
