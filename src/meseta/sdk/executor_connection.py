"""Runs an executor session on asyncio: stream, updates and messages to the agent."""

from __future__ import annotations

import asyncio
import logging
import random
from typing import Any, Protocol

from meseta.errors import MesetaError
from meseta.ids import TaskId, new_uuid
from meseta.records import TaskState, is_terminal
from meseta.runtime.driver import Driver
from meseta.sdk import executor_events as events
from meseta.sdk.codec import ExecutorCall, ExecutorEvent, check_complete, executor_event
from meseta.sdk.environment import ExecutorEnvironment
from meseta.sdk.executor_session import ExecutorSession
from meseta.sdk.faults import SdkError
from meseta.sdk.outbound import Outbound
from meseta.sdk.transport import Transport
from meseta.wire.gen import mesos_pb2

LOG = logging.getLogger("meseta.sdk")
PATH = "/api/v1/executor"


class Listener(Protocol):
    """Who hears what arrives. All methods are called on the loop, in the order of arrival."""

    def on_subscribed(self, again: bool, event: ExecutorEvent, /) -> None: ...

    def on_disconnected(self, reason: str, /) -> None: ...

    def on_event(self, event: ExecutorEvent, /) -> None: ...

    def on_orphaned(self, reason: str, unwanted: bool, /) -> None:
        """The agent will not come back, or (`unwanted`) has no use for this executor: end."""
        ...


class ExecutorConnection:
    """An executor's connection to its agent, used on the loop that it was started on."""

    def __init__(self, environment: ExecutorEnvironment, listener: Listener) -> None:
        self._environment = environment
        self._listener = listener
        self._entropy = random.SystemRandom()
        self._session = ExecutorSession(
            self._entropy,
            recovery_timeout_s=environment.recovery_timeout_s if environment.checkpoint else None,
            backoff_max_s=environment.backoff_max_s,
        )
        self._transport = Transport(token=environment.token)
        self._url = environment.agent + PATH
        self._outbound: Outbound[ExecutorCall] = Outbound(self._send_call)
        self._streams: dict[int, asyncio.Task[None]] = {}
        self._stopped = asyncio.Event()
        self._driver: Driver[events.Event, events.Effect] | None = None

    def start(self) -> None:
        """Subscribe, and stay subscribed."""
        clock = asyncio.get_running_loop().time
        self._driver = Driver(self._session, self._performers(), clock=clock, on_bug=self._on_bug)
        self._outbound.start()
        self._feed(events.Started())

    def update(self, status: mesos_pb2.TaskStatus) -> bytes:
        """Send a status until the agent acknowledges it; return its uuid, which is made if missing.

        Raises SdkError for a status that no agent takes.
        """
        if status.state == mesos_pb2.TASK_STAGING:
            raise SdkError(f"task {status.task_id.value} cannot go back to TASK_STAGING; send TASK_STARTING")
        if not status.uuid:
            status.uuid = new_uuid(self._entropy)
        status.source = mesos_pb2.TaskStatus.SOURCE_EXECUTOR
        status.executor_id.value = self._environment.executor_id
        if self._environment.agent_id is not None:
            status.agent_id.value = self._environment.agent_id
        check_complete(status, f"the status of task {status.task_id.value}")
        made = events.UpdateMade(
            task_id=TaskId(status.task_id.value),
            uuid=status.uuid,
            terminal=is_terminal(TaskState(status.state)),
            payload=status,
        )
        self._feed(made)
        return status.uuid

    def send_message(self, data: bytes) -> None:
        """Send bytes to the scheduler, best effort."""
        self._feed(events.MessageMade(payload=data))

    async def stop(self) -> None:
        """End; waits a few seconds for updates that are not acknowledged yet."""
        if self._driver is None:
            return
        self._driver.feed(events.StopRequested())
        await self._stopped.wait()
        self._driver.stop()
        await self._outbound.close()
        for stream in self._streams.values():
            stream.cancel()
        await asyncio.gather(*self._streams.values(), return_exceptions=True)
        await self._transport.close()

    def _feed(self, event: events.Event) -> None:
        if self._driver is None:
            raise SdkError("the executor was not started; use `async with`, or await `start()`")
        self._driver.feed(event)

    # ── Performers ─────────────────────────────────────────────────────────────────────────────────

    def _performers(self) -> dict[type, Any]:
        listener = self._listener
        return {
            events.OpenStream: self._open_stream,
            events.CloseStream: self._close_stream,
            events.SendUpdate: self._send_update,
            events.SendMessage: self._send_message,
            events.SendHeartbeat: self._send_heartbeat,
            events.RefuseUpdate: self._refuse_update,
            events.Deliver: lambda effect: listener.on_event(effect.payload),
            events.ReportSubscribed: lambda effect: listener.on_subscribed(effect.again, effect.payload),
            events.ReportDisconnected: lambda effect: listener.on_disconnected(effect.reason),
            events.ReportShutdown: lambda effect: listener.on_orphaned(effect.reason, effect.unwanted),
            events.ReportStopped: self._report_stopped,
        }

    def _open_stream(self, effect: events.OpenStream) -> None:
        task = asyncio.get_running_loop().create_task(self._read_stream(effect))
        self._streams[effect.attempt] = task
        task.add_done_callback(lambda _: self._streams.pop(effect.attempt, None))

    def _close_stream(self, effect: events.CloseStream) -> None:
        task = self._streams.get(effect.attempt)
        if task is not None:
            task.cancel()

    def _send_update(self, effect: events.SendUpdate) -> None:
        call = self._call(ExecutorCall.UPDATE)
        call.update.status.CopyFrom(effect.payload)
        self._outbound.put(call)

    def _send_message(self, effect: events.SendMessage) -> None:
        call = self._call(ExecutorCall.MESSAGE)
        call.message.data = effect.payload
        self._outbound.put(call)

    def _send_heartbeat(self, effect: events.SendHeartbeat) -> None:
        self._outbound.put(self._call(ExecutorCall.HEARTBEAT))

    def _refuse_update(self, effect: events.RefuseUpdate) -> None:
        LOG.error("task %s has too many updates that wait for the agent; one is dropped", effect.task_id)

    def _report_stopped(self, effect: events.ReportStopped) -> None:
        if effect.unacknowledged:
            LOG.warning("%d status updates were not acknowledged before the end", effect.unacknowledged)
        self._stopped.set()

    def _on_bug(self, bug: BaseException) -> None:
        LOG.error("the executor session failed", exc_info=bug)
        self._listener.on_orphaned(f"the executor session failed: {bug!r}", False)
        self._stopped.set()

    # ── The network ────────────────────────────────────────────────────────────────────────────────

    async def _read_stream(self, effect: events.OpenStream) -> None:
        attempt, feed = effect.attempt, self._feed
        call = self._call(ExecutorCall.SUBSCRIBE)
        call.subscribe.unacknowledged_tasks.extend(effect.tasks)
        for status in effect.updates:
            call.subscribe.unacknowledged_updates.add().status.CopyFrom(status)
        try:
            async with self._transport.stream(self._url, call.SerializeToString()) as stream:
                if stream.status != 200:
                    reason = await stream.text()
                    feed(events.StreamRefused(attempt=attempt, status=stream.status, reason=reason))
                    return
                async for records in stream.records():
                    for record in records:
                        feed(executor_event(record, attempt))
                feed(events.StreamBroken(attempt=attempt, reason="the agent closed the stream"))
        except MesetaError as error:
            LOG.info("no stream from the agent at %s: %s", self._environment.agent, error)
            feed(events.StreamBroken(attempt=attempt, reason=str(error)))

    async def _send_call(self, call: ExecutorCall) -> None:
        """Make a call; an update that gets lost here is sent again by the session."""
        name = ExecutorCall.Type.Name(call.type)
        try:
            reply = await self._transport.post(self._url, call.SerializeToString())
        except MesetaError as error:
            LOG.info("%s did not reach the agent: %s", name, error)
            return
        if reply.status >= 300:
            LOG.warning("the agent refused %s: %d %s", name, reply.status, reply.reason)

    def _call(self, kind: ExecutorCall.Type) -> ExecutorCall:
        call = ExecutorCall(type=kind)
        call.framework_id.value = self._environment.framework_id
        call.executor_id.value = self._environment.executor_id
        return call
