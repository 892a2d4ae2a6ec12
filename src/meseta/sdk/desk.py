"""A scheduler's memory: what arrives changes it at once, then iterators and handlers are told.

connection ──event──▶ Desk: offers, task handles, executors ──▶ feeds (iterators)
                        │                                  └──▶ handlers, one after the other ─▶ acknowledge
                        └──calls──▶ connection
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from meseta.ids import AgentId, ExecutorId, FrameworkId, OfferId, TaskId
from meseta.records import TaskState
from meseta.sdk.codec import SchedulerCall, SchedulerEvent
from meseta.sdk.connection import SchedulerConnection
from meseta.sdk.events import Token
from meseta.sdk.faults import CallLostError, EndedError, NotSubscribedError, SdkError
from meseta.sdk.feeds import Feeds
from meseta.sdk.handlers import Handlers
from meseta.sdk.offers import Offer, OfferBook
from meseta.sdk.specs import NANOSECONDS
from meseta.sdk.tasks import TaskBook, TaskHandle, TaskUpdate, task_update
from meseta.wire.gen import mesos_pb2

LOG = logging.getLogger("meseta.sdk")
Operation = mesos_pb2.Offer.Operation


class Message(msgspec.Struct, frozen=True):
    """A message from an executor."""

    agent_id: AgentId
    executor_id: ExecutorId
    data: bytes


class Failure(msgspec.Struct, frozen=True):
    """An agent was lost, or with `executor_id` one of its executors ended with the raw wait `status`."""

    agent_id: AgentId | None
    executor_id: ExecutorId | None
    status: int | None


class Revocation(msgspec.Struct, frozen=True):
    """Tasks are to end so that `role` gets what is guaranteed to it; or, withdrawn, they may run on."""

    role: str
    task_ids: tuple[TaskId, ...]
    deadline: float | None
    """When they are killed, in seconds since the epoch; None: they may run on."""


class Desk:
    """Everything that a scheduler knows between two events."""

    def __init__(self, *, explicit: bool, hold_offers_s: float | None) -> None:
        self.handlers = Handlers(self._on_handler_error)
        self.updates: Feeds[TaskUpdate] = Feeds()
        self.events: Feeds[SchedulerEvent] = Feeds()
        self.tasks = TaskBook()
        self.offers = OfferBook()
        self.subscribed = asyncio.Event()
        self.stopped = asyncio.Event()
        self.fault: Exception | None = None
        self.master_info: mesos_pb2.MasterInfo | None = None
        self.connection: SchedulerConnection
        """Set right after: the connection is made with this object as its listener."""
        self._explicit = explicit
        self._hold_offers_s = hold_offers_s
        self._executors: dict[tuple[str, str], mesos_pb2.ExecutorInfo] = {}
        self._leaving: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Subscribe, and call handlers from now on."""
        self.handlers.start()
        self.connection.start()
        self._release_old_offers()

    # ── Listener ───────────────────────────────────────────────────────────────────────────────────

    def on_subscribed(self, framework_id: FrameworkId, again: bool, event: SchedulerEvent, /) -> None:
        self.master_info = event.subscribed.master_info
        self.subscribed.set()
        self.events.put(event)
        self.handlers.tell("subscribed", framework_id)
        if again and self.tasks.handles:
            self._background(self.connection.submit(reconcile_call(self.tasks.handles.values())))

    def on_disconnected(self, reason: str, /) -> None:
        LOG.warning("disconnected from the master: %s", reason)
        self.subscribed.clear()
        self.offers.close_all()
        self.handlers.tell("disconnected", reason)

    def on_stopped(self, fault: str | None, /) -> None:
        if fault is not None and self.fault is None:
            self.fault = EndedError(fault)
        self.stopped.set()
        self.subscribed.set()  # Wakes who waits for it; they look at `stopped`.
        self.offers.end(self.fault)
        self.updates.end(self.fault)
        self.events.end(self.fault)
        self.tasks.give_up(self.fault)

    def on_event(self, event: SchedulerEvent, token: Token | None, /) -> None:
        self.events.put(event)
        handle = EVENTS.get(event.type)
        if handle is not None:
            handle(self, event, token)

    async def room(self) -> None:
        await self.handlers.room()

    def on_offers(self, event: SchedulerEvent, token: None) -> None:
        queue = not self.handlers.has("offer")
        for message in event.offers.offers:
            offer = Offer(message, self)
            self.offers.add(offer, asyncio.get_running_loop().time(), queue=queue)
            self.handlers.tell("offer", offer)

    def on_rescind(self, event: SchedulerEvent, token: None) -> None:
        offer_id = OfferId(event.rescind.offer_id.value)
        self.offers.close(offer_id)
        self.handlers.tell("rescind", offer_id)

    def on_update(self, event: SchedulerEvent, token: Token | None) -> None:
        update = task_update(event.update.status)
        self._forget_unstarted_executor(update)
        self.tasks.take(update)
        self.updates.put(update)
        if token is None or self._explicit:
            self.handlers.tell("update", update)
        else:
            settled: Token = token
            self.handlers.tell("update", update, lambda: self.connection.settle(settled))

    def on_message(self, event: SchedulerEvent, token: None) -> None:
        message = event.message
        agent_id, executor_id = AgentId(message.agent_id.value), ExecutorId(message.executor_id.value)
        self.handlers.tell("message", Message(agent_id, executor_id, message.data))

    def on_failure(self, event: SchedulerEvent, token: None) -> None:
        failure = event.failure
        agent_id = AgentId(failure.agent_id.value) if failure.HasField("agent_id") else None
        executor_id = ExecutorId(failure.executor_id.value) if failure.HasField("executor_id") else None
        for agent, executor in list(self._executors):
            if agent == agent_id and executor_id in (None, executor):
                del self._executors[agent, executor]
        status = failure.status if failure.HasField("status") else None
        self.handlers.tell("failure", Failure(agent_id, executor_id, status))

    def on_inverse_offers(self, event: SchedulerEvent, token: None) -> None:
        for inverse_offer in event.inverse_offers.inverse_offers:
            self.handlers.tell("inverse offer", inverse_offer)

    def on_revoke(self, event: SchedulerEvent, token: None) -> None:
        revoke = event.revoke
        ids = tuple(TaskId(id.value) for id in revoke.task_ids)
        deadline = None if revoke.withdrawn else revoke.deadline.nanoseconds / NANOSECONDS
        self.handlers.tell("revoked", Revocation(revoke.role, ids, deadline))

    def on_operation_status(self, event: SchedulerEvent, token: None) -> None:
        status = event.update_operation_status.status
        wanted = bool(status.uuid.value) and not self._explicit
        then = (lambda: self._background(self.acknowledge_operation(status))) if wanted else None
        self.handlers.tell("operation", status, then)

    # ── Calls ──────────────────────────────────────────────────────────────────────────────────────

    @property
    def framework_id(self) -> FrameworkId | None:
        return self.connection.framework_id

    async def accept(
        self, offers: Sequence[Offer], operations: Sequence[Operation], /, *, refuse_s: float | None = None
    ) -> None:
        call = SchedulerCall(type=SchedulerCall.ACCEPT)
        for offer in offers:
            offer.check_open()
        for offer in offers:
            self.offers.close(offer.id)
            call.accept.offer_ids.add(value=offer.id)
        call.accept.operations.extend(operations)
        if refuse_s is not None:
            call.accept.filters.refuse_seconds = refuse_s
        await self.connection.call(call)

    async def decline(self, offers: Sequence[Offer], /, *, refuse_s: float | None = None) -> None:
        """Decline those of the offers that are open. A lost connection declines them as well."""
        call = SchedulerCall(type=SchedulerCall.DECLINE)
        for offer in offers:
            if self.offers.close(offer.id) is not None:
                call.decline.offer_ids.add(value=offer.id)
        if refuse_s is not None:
            call.decline.filters.refuse_seconds = refuse_s
        if call.decline.offer_ids:
            try:
                await self.connection.call(call)
            except (NotSubscribedError, CallLostError):
                LOG.debug("%d offers became void before they were declined", len(offers))

    async def launch(
        self,
        offer: Offer,
        operation: Operation,
        infos: Sequence[mesos_pb2.TaskInfo],
        refuse_s: float | None,
        /,
    ) -> list[TaskHandle]:
        group_executor = operation.launch_group.executor.executor_id.value or None
        handles = [TaskHandle(info, self, group_executor) for info in infos]
        for handle, info in zip(handles, infos, strict=True):
            self.tasks.add(handle)
            if info.HasField("executor"):
                self._executors[offer.agent_id, handle.executor_id] = info.executor
        try:
            await self.accept([offer], [operation], refuse_s=refuse_s)
        except CallLostError as error:
            # Whether the tasks run will be known from the master: after a reconnection, or if we ask.
            LOG.warning("%s; asking what became of the tasks", error)
            self._background(self.connection.submit(reconcile_call(handles)))
        except SdkError:
            for handle in handles:
                self.tasks.drop(handle)
                self._executors.pop((offer.agent_id, handle.executor_id), None)
            raise
        return handles

    def known_executor(self, agent_id: AgentId, executor_id: str, /) -> mesos_pb2.ExecutorInfo | None:
        return self._executors.get((agent_id, executor_id))

    async def kill(self, task: TaskHandle, /, *, grace_s: float | None = None) -> None:
        await self.kill_task(task.id, agent_id=task.agent_id, grace_s=grace_s)

    async def kill_task(
        self, task_id: str, *, agent_id: str | None = None, grace_s: float | None = None
    ) -> None:
        call = SchedulerCall(type=SchedulerCall.KILL)
        call.kill.task_id.value = task_id
        if agent_id is not None:
            call.kill.agent_id.value = agent_id
        if grace_s is not None:
            call.kill.kill_policy.grace_period.nanoseconds = round(grace_s * NANOSECONDS)
        await self.connection.call(call)

    async def send_message(self, agent_id: str, executor_id: str, data: bytes, /) -> None:
        call = SchedulerCall(type=SchedulerCall.MESSAGE)
        call.message.agent_id.value = agent_id
        call.message.executor_id.value = executor_id
        call.message.data = data
        await self.connection.call(call)

    def acknowledge_operation(self, status: mesos_pb2.OperationStatus) -> asyncio.Future[None]:
        call = SchedulerCall(type=SchedulerCall.ACKNOWLEDGE_OPERATION_STATUS)
        acknowledgement = call.acknowledge_operation_status
        acknowledgement.operation_id.CopyFrom(status.operation_id)
        acknowledgement.uuid = status.uuid.value
        if status.HasField("agent_id"):
            acknowledgement.agent_id.CopyFrom(status.agent_id)
        if status.HasField("resource_provider_id"):
            acknowledgement.resource_provider_id.CopyFrom(status.resource_provider_id)
        return self.connection.submit(call)

    # ── In the background ──────────────────────────────────────────────────────────────────────────

    async def leave(self, *, failover: bool) -> None:
        """Leave once; everybody who asks waits for the same end."""
        if self._leaving is None:
            self._leaving = asyncio.get_running_loop().create_task(self._leave(failover))
        await asyncio.shield(self._leaving)

    async def _leave(self, failover: bool) -> None:
        await self.connection.stop(teardown=not failover)
        await self.handlers.stop()

    def _on_handler_error(self, error: Exception) -> None:
        """A scheduler whose own code failed must not go on as if nothing had happened."""
        self.fault = error
        self._leaving = self._leaving or asyncio.get_running_loop().create_task(self._leave(True))

    def _release_old_offers(self) -> None:
        """Decline what lies unused for long: others may want it. Looks a few times within the limit."""
        if self._hold_offers_s is None or self.stopped.is_set():
            return
        loop = asyncio.get_running_loop()
        old = self.offers.older_than(loop.time() - self._hold_offers_s)
        if old:
            self._background(asyncio.ensure_future(self.decline(old)))
        loop.call_later(self._hold_offers_s / 4, self._release_old_offers)

    def _background(self, outcome: asyncio.Future[None]) -> None:
        """Let a call go on that nobody waits for; whether it was refused is worth a line in the log."""
        outcome.add_done_callback(_log_failure)

    def _forget_unstarted_executor(self, update: TaskUpdate) -> None:
        """A task that was lost before it ran may have taken its executor with it: launch it anew."""
        handle = self.tasks.handles.get(update.task_id)
        lost = update.is_terminal and update.state not in (TaskState.TASK_FINISHED, TaskState.TASK_KILLED)
        if handle is not None and lost:
            self._executors.pop((handle.agent_id, handle.executor_id), None)


def reconcile_call(tasks: Iterable[TaskHandle]) -> SchedulerCall:
    """Return the call that asks for the states of tasks; of all tasks if there are none."""
    call = SchedulerCall(type=SchedulerCall.RECONCILE)
    call.reconcile.SetInParent()
    for task in tasks:
        entry = call.reconcile.tasks.add()
        entry.task_id.value = task.id
        entry.agent_id.value = task.agent_id
    return call


def request_call(needed: Mapping[str, Mapping[str, float]]) -> SchedulerCall:
    """Return the call that says how much is needed by role."""
    call = SchedulerCall(type=SchedulerCall.REQUEST)
    call.request.SetInParent()
    for role, amounts in needed.items():
        request = call.request.requests.add()
        for name, amount in amounts.items():
            resource = request.resources.add(name=name, type=mesos_pb2.Value.SCALAR)
            resource.scalar.value = amount
            resource.allocation_info.role = role
    return call


def _log_failure(outcome: asyncio.Future[None]) -> None:
    if not outcome.cancelled() and (error := outcome.exception()) is not None:
        LOG.warning("%s", error)


EVENTS: dict[int, Callable[[Desk, SchedulerEvent, Any], None]] = {
    SchedulerEvent.OFFERS: Desk.on_offers,
    SchedulerEvent.RESCIND: Desk.on_rescind,
    SchedulerEvent.UPDATE: Desk.on_update,
    SchedulerEvent.MESSAGE: Desk.on_message,
    SchedulerEvent.FAILURE: Desk.on_failure,
    SchedulerEvent.REVOKE: Desk.on_revoke,
    SchedulerEvent.INVERSE_OFFERS: Desk.on_inverse_offers,
    SchedulerEvent.UPDATE_OPERATION_STATUS: Desk.on_operation_status,
}
