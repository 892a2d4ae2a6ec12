"""Runs a scheduler session on asyncio: the one place where the framework side meets the network.

Calls go out in the order in which they were made, over one connection of their own: calls on different
connections have no order, and the stream occupies the first one.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
from collections.abc import Iterable
from typing import Any, Protocol

from meseta.errors import MesetaError
from meseta.ids import FrameworkId
from meseta.runtime.detectors.detector import Detector
from meseta.runtime.detectors.find import find_detector
from meseta.runtime.driver import Driver
from meseta.sdk import events
from meseta.sdk.codec import (
    SchedulerCall,
    SchedulerEvent,
    check_complete,
    scheduler_call,
    scheduler_event,
    subscribe_call,
)
from meseta.sdk.detect import Masters, leader_of, url_of
from meseta.sdk.faults import CallLostError, CallRefusedError, NotSubscribedError, SdkError
from meseta.sdk.outbound import Outbound
from meseta.sdk.session import SchedulerSession
from meseta.sdk.transport import Transport
from meseta.wire.gen import mesos_pb2
from meseta.wire.master_info import MasterInfo

LOG = logging.getLogger("meseta.sdk")
PATH = "/api/v1/scheduler"
CALLS_MAX = 100_000
"""Calls that may wait for their turn or their answer."""


class Listener(Protocol):
    """Who hears what arrives. All methods are called on the loop, in the order of arrival."""

    def on_subscribed(self, framework_id: FrameworkId, again: bool, event: SchedulerEvent, /) -> None: ...

    def on_disconnected(self, reason: str, /) -> None: ...

    def on_event(self, event: SchedulerEvent, token: events.Token | None, /) -> None: ...

    def on_stopped(self, fault: str | None, /) -> None: ...

    async def room(self) -> None:
        """Wait until there is room for more events."""
        ...


class SchedulerConnection:
    """A framework's connection to its master, used on the loop that it was started on."""

    def __init__(
        self,
        masters: Masters,
        info: mesos_pb2.FrameworkInfo,
        listener: Listener,
        *,
        suppressed_roles: Iterable[str] = (),
        repeats: bool = False,
        standby: bool = False,
        credential: tuple[str, str] | None = None,
    ) -> None:
        self._info = info
        self._listener = listener
        entropy = random.SystemRandom()
        self._session = SchedulerSession(
            masters.urls,
            info.roles or [info.role],
            entropy,
            framework_id=FrameworkId(info.id.value) if info.HasField("id") else None,
            suppressed_roles=suppressed_roles,
            repeats=repeats,
            standby=standby,
        )
        self._transport = Transport(credential)
        self._outbound: Outbound[events.SendCall] = Outbound(self._send_call)
        self._outcomes: dict[int, tuple[str, asyncio.Future[None]]] = {}
        self._numbers = itertools.count(1)
        self._streams: dict[int, asyncio.Task[None]] = {}
        self._attempt: int | None = None
        self._stopped = asyncio.Event()
        self._driver: Driver[events.Event, events.Effect] | None = None
        self._detector: Detector | None = None
        if masters.service is not None:
            self._detector = find_detector(masters.service, entropy, self._on_detected, warn=LOG.warning)

    @property
    def framework_id(self) -> FrameworkId | None:
        """The id that the master gave to the framework, once it did."""
        return self._session.framework_id

    def start(self) -> None:
        """Subscribe, and stay subscribed."""
        clock = asyncio.get_running_loop().time
        self._driver = Driver(self._session, self._performers(), clock=clock, on_bug=self._on_bug)
        self._outbound.start()
        self._feed(events.Started())
        if self._detector is not None:
            self._detector.start()

    def settle(self, token: events.Token) -> None:
        """Acknowledge an update."""
        self._feed(events.UpdateSettled(token=token))

    async def call(self, message: SchedulerCall) -> None:
        """Make a call; its framework id is filled in. Returns when the master took it.

        Raises NotSubscribedError, CallLostError or CallRefusedError.
        """
        await self.submit(message)

    def submit(self, message: SchedulerCall) -> asyncio.Future[None]:
        """Make a call without waiting: the outcome comes in the future."""
        name = SchedulerCall.Type.Name(message.type)
        check_complete(message, name)
        number, outcome = self._expect(name)
        self._feed(events.CallRequested(number=number, call=message))
        return outcome

    def suppress(self, roles: Iterable[str] = ()) -> asyncio.Future[None]:
        """Want no offers for roles, or for all; counts across reconnections."""
        number, outcome = self._expect("SUPPRESS")
        self._feed(events.SuppressRequested(number=number, roles=tuple(roles)))
        return outcome

    def revive(self, roles: Iterable[str] = ()) -> asyncio.Future[None]:
        """Want offers for roles again, or for all, filtered ones too."""
        number, outcome = self._expect("REVIVE")
        self._feed(events.ReviveRequested(number=number, roles=tuple(roles)))
        return outcome

    async def update_framework(self, info: mesos_pb2.FrameworkInfo, suppressed_roles: Iterable[str]) -> None:
        """Change what the framework says of itself; the id is filled in."""
        suppressed = tuple(suppressed_roles)
        call = SchedulerCall(type=SchedulerCall.UPDATE_FRAMEWORK)
        call.update_framework.framework_info.CopyFrom(info)
        call.update_framework.framework_info.id.value = self.framework_id or ""
        call.update_framework.suppressed_roles.extend(suppressed)
        await self.call(call)
        self._info = info
        self._feed(events.RolesChanged(roles=tuple(info.roles), suppressed=suppressed))

    async def stop(self, *, teardown: bool) -> None:
        """Leave; returns when all is closed."""
        if self._driver is None:
            return
        self._driver.feed(events.StopRequested(teardown=teardown))
        await self._stopped.wait()
        self._driver.stop()
        if self._detector is not None:
            self._detector.stop()
        await self._outbound.close()
        for stream in self._streams.values():
            stream.cancel()
        await asyncio.gather(*self._streams.values(), return_exceptions=True)
        await self._transport.close()

    def _feed(self, event: events.Event) -> None:
        if self._driver is None:
            raise SdkError("the scheduler was not started; use `async with`, or await `start()`")
        self._driver.feed(event)

    def _expect(self, what: str) -> tuple[int, asyncio.Future[None]]:
        if len(self._outcomes) >= CALLS_MAX:
            raise SdkError(f"{what} was not made: {CALLS_MAX} calls wait already; await them")
        if self._driver is None:
            raise SdkError(f"{what} was not made: the scheduler was not started")
        number = next(self._numbers)
        outcome: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._outcomes[number] = (what, outcome)
        return number, outcome

    def _on_detected(self, leader: MasterInfo | None) -> None:
        self._feed(events.LeaderDetected(address=None if leader is None else url_of(leader)))

    # ── Performers ─────────────────────────────────────────────────────────────────────────────────

    def _performers(self) -> dict[type, Any]:
        return {
            events.OpenStream: self._open_stream,
            events.CloseStream: self._close_stream,
            events.SendCall: self._outbound.put,
            events.ConcludeCall: self._conclude_call,
            events.Deliver: lambda effect: self._listener.on_event(effect.payload, effect.token),
            events.ReportSubscribed: lambda effect: self._listener.on_subscribed(
                effect.framework_id, effect.again, effect.payload
            ),
            events.ReportDisconnected: lambda effect: self._listener.on_disconnected(effect.reason),
            events.ReportStopped: self._report_stopped,
        }

    def _open_stream(self, effect: events.OpenStream) -> None:
        self._attempt = effect.attempt
        task = asyncio.get_running_loop().create_task(self._read_stream(effect))
        self._streams[effect.attempt] = task
        task.add_done_callback(lambda _: self._streams.pop(effect.attempt, None))

    def _close_stream(self, effect: events.CloseStream) -> None:
        self._attempt = None
        task = self._streams.get(effect.attempt)
        if task is not None:
            task.cancel()

    def _conclude_call(self, effect: events.ConcludeCall) -> None:
        what, outcome = self._outcomes.pop(effect.number)
        if outcome.done():
            return
        if not effect.sent:
            outcome.set_exception(NotSubscribedError(f"{what} was not made: {effect.reason}"))
        elif effect.status == 0:
            outcome.set_exception(CallLostError(f"{what} got no answer: {effect.reason}"))
        elif effect.status >= 300:
            outcome.set_exception(CallRefusedError(what, effect.status, effect.reason))
        else:
            outcome.set_result(None)

    def _report_stopped(self, effect: events.ReportStopped) -> None:
        self._listener.on_stopped(effect.fault)
        for number in list(self._outcomes):
            reason = "the scheduler stopped before it came"
            self._conclude_call(events.ConcludeCall(number=number, status=0, reason=reason))
        self._stopped.set()

    def _on_bug(self, bug: BaseException) -> None:
        LOG.error("the scheduler session failed", exc_info=bug)
        self._report_stopped(events.ReportStopped(fault=f"the scheduler session failed: {bug!r}"))

    # ── The network ────────────────────────────────────────────────────────────────────────────────

    async def _read_stream(self, effect: events.OpenStream) -> None:
        attempt, feed = effect.attempt, self._feed
        body = subscribe_call(self._info, effect).SerializeToString()
        try:
            standby = {"Meseta-Standby": "true"} if effect.standby else {}
            async with self._transport.stream(effect.address + PATH, body, standby) as stream:
                if stream.status == 307:
                    feed(events.StreamRedirected(attempt=attempt, address=leader_of(stream.location)))
                elif stream.status != 200:
                    reason = await stream.text()
                    feed(events.StreamRefused(attempt=attempt, status=stream.status, reason=reason))
                else:
                    feed(events.StreamOpened(attempt=attempt, stream_id=stream.stream_id))
                    async for records in stream.records():
                        for record in records:
                            feed(scheduler_event(record, attempt))
                        await self._listener.room()
                    feed(events.StreamBroken(attempt=attempt, reason="the master closed the stream"))
        except MesetaError as error:
            LOG.warning("no stream from the master at %s: %s", effect.address, error)
            feed(events.StreamBroken(attempt=attempt, reason=str(error)))

    async def _send_call(self, effect: events.SendCall) -> None:
        number, feed = effect.number, self._feed
        if effect.attempt != self._attempt:
            reason = "the subscription was lost before its turn"
            feed(events.CallBroken(number=number, reason=reason, sent=False))
            return
        try:
            body = scheduler_call(effect).SerializeToString()
            reply = await self._transport.post(effect.address + PATH, body, effect.stream_id)
        except MesetaError as error:
            feed(events.CallBroken(number=number, reason=str(error), sent=True))
        else:
            feed(
                events.CallAnswered(
                    number=number, status=reply.status, reason=reply.reason, attempt=effect.attempt
                )
            )
