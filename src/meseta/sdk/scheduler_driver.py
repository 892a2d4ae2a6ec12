"""MesosSchedulerDriver: the classic scheduler API on top of the scheduler connection."""

from __future__ import annotations

import getpass
import logging
from asyncio import Future, ensure_future
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from meseta.ids import FrameworkId
from meseta.sdk.callbacks import Scheduler
from meseta.sdk.codec import SchedulerCall, SchedulerEvent, check_complete, token_of
from meseta.sdk.connection import SchedulerConnection
from meseta.sdk.detect import find_masters
from meseta.sdk.driver_threads import DriverThreads, Status
from meseta.sdk.events import Token
from meseta.sdk.faults import NotSubscribedError, SdkError
from meseta.wire.gen import mesos_pb2

LOG = logging.getLogger("meseta.sdk")
Operation = mesos_pb2.Offer.Operation


class MesosSchedulerDriver(DriverThreads):
    """Connects a `Scheduler` to the master. Methods may be called from any thread; none of them waits.

    `master` is an address in any form of `meseta.sdk.detect`. All methods return the driver's status.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        framework: mesos_pb2.FrameworkInfo,
        master: str,
        implicitAcknowledgements: bool = True,
        credential: mesos_pb2.Credential | None = None,
        suppressedRoles: Iterable[str] = (),
    ) -> None:
        super().__init__()
        self._scheduler = scheduler
        self._framework = mesos_pb2.FrameworkInfo()
        self._framework.CopyFrom(framework)
        self._framework.user = framework.user or getpass.getuser()
        check_complete(self._framework, "the FrameworkInfo")
        self._masters = find_masters(master)
        self._implicit = implicitAcknowledgements
        self._credential = (credential.principal, credential.secret) if credential is not None else None
        self._suppressed = tuple(suppressedRoles)
        self._connection: SchedulerConnection

    def stop(self, failover: bool = False) -> Status:
        """Leave: remove the framework, or with `failover` leave its tasks to another scheduler."""
        return self._end(mesos_pb2.DRIVER_STOPPED, failover=failover)

    def launchTasks(
        self,
        offerIds: mesos_pb2.OfferID | Sequence[mesos_pb2.OfferID],
        tasks: Sequence[mesos_pb2.TaskInfo],
        filters: mesos_pb2.Filters | None = None,
    ) -> Status:
        """Launch tasks on offers of one agent. No tasks: the offers are declined."""
        operation = Operation(type=Operation.LAUNCH, launch=Operation.Launch(task_infos=tasks))
        return self.acceptOffers(offerIds, [operation], filters)

    def acceptOffers(
        self,
        offerIds: mesos_pb2.OfferID | Sequence[mesos_pb2.OfferID],
        operations: Sequence[Operation],
        filters: mesos_pb2.Filters | None = None,
    ) -> Status:
        """Apply operations, in order, to what offers of one agent hold together."""
        call = SchedulerCall(type=SchedulerCall.ACCEPT)
        call.accept.offer_ids.extend([offerIds] if isinstance(offerIds, mesos_pb2.OfferID) else offerIds)
        call.accept.operations.extend(operations)
        if filters is not None:
            call.accept.filters.CopyFrom(filters)
        return self._call(call, lambda: self._drop_tasks(operations))

    def declineOffer(self, offerId: mesos_pb2.OfferID, filters: mesos_pb2.Filters | None = None) -> Status:
        """Give an offer back."""
        call = SchedulerCall(type=SchedulerCall.DECLINE)
        call.decline.offer_ids.append(offerId)
        if filters is not None:
            call.decline.filters.CopyFrom(filters)
        return self._call(call)

    def killTask(self, taskId: mesos_pb2.TaskID) -> Status:
        """End a task; a status update tells when it has ended."""
        call = SchedulerCall(type=SchedulerCall.KILL)
        call.kill.task_id.CopyFrom(taskId)
        return self._call(call)

    def reviveOffers(self, roles: Iterable[str] | None = None) -> Status:
        """Want offers for roles, or for all of them, also those that were declined."""
        wanted = tuple(roles or ())
        return self._do(lambda: self._connection.revive(wanted))

    def suppressOffers(self, roles: Iterable[str] | None = None) -> Status:
        """Want no offers for roles, or for all of them, until `reviveOffers`."""
        unwanted = tuple(roles or ())
        return self._do(lambda: self._connection.suppress(unwanted))

    def acknowledgeStatusUpdate(self, status: mesos_pb2.TaskStatus) -> Status:
        """Acknowledge an update. Raises SdkError unless acknowledgements are explicit."""
        if self._implicit:
            raise SdkError("this driver acknowledges by itself; make it with implicitAcknowledgements=False")
        if status.uuid and self._running():
            self._settle(token_of(status))
        return self._status

    def sendFrameworkMessage(
        self, executorId: mesos_pb2.ExecutorID, slaveId: mesos_pb2.AgentID, data: bytes
    ) -> Status:
        """Send bytes to an executor, best effort."""
        call = SchedulerCall(type=SchedulerCall.MESSAGE)
        call.message.executor_id.CopyFrom(executorId)
        call.message.agent_id.CopyFrom(slaveId)
        call.message.data = data
        return self._call(call)

    def reconcileTasks(self, tasks: Iterable[mesos_pb2.TaskStatus]) -> Status:
        """Ask for the states of tasks, or of all tasks if there are none; they come as updates."""
        call = SchedulerCall(type=SchedulerCall.RECONCILE)
        call.reconcile.SetInParent()
        for status in tasks:
            task = call.reconcile.tasks.add(task_id=status.task_id)
            if status.HasField("agent_id"):
                task.agent_id.CopyFrom(status.agent_id)
        return self._call(call)

    def requestResources(self, requests: Iterable[mesos_pb2.Request]) -> Status:
        """Tell the master what the framework would like to have."""
        call = SchedulerCall(type=SchedulerCall.REQUEST)
        call.request.requests.extend(requests)
        return self._call(call)

    def updateFramework(
        self, frameworkInfo: mesos_pb2.FrameworkInfo, suppressedRoles: Iterable[str] = ()
    ) -> Status:
        """Change what the framework says of itself, such as its roles."""
        suppressed = tuple(suppressedRoles)
        return self._do(lambda: self._connection.update_framework(frameworkInfo, suppressed))

    # ── The connection's listener: on the loop's thread ────────────────────────────────────────────

    def on_subscribed(self, framework_id: FrameworkId, again: bool, event: SchedulerEvent, /) -> None:
        scheduler, master = self._scheduler, event.subscribed.master_info
        if again:
            self._tell(lambda: scheduler.reregistered(self, master))
        else:
            framework = mesos_pb2.FrameworkID(value=framework_id)
            self._tell(lambda: scheduler.registered(self, framework, master))

    def on_disconnected(self, reason: str, /) -> None:
        LOG.warning("disconnected from the master: %s", reason)
        self._tell(lambda: self._scheduler.disconnected(self))

    def on_stopped(self, fault: str | None, /) -> None:
        if fault is not None:
            self._callbacks.put(lambda: self._fail(fault))

    def on_event(self, event: SchedulerEvent, token: Token | None, /) -> None:
        handle = EVENTS.get(event.type)
        if handle is not None:
            self._tell(lambda: handle(self, self._scheduler, event))
        if token is not None and self._implicit:
            self._tell(lambda: self._settle(token))

    # ── Inside ─────────────────────────────────────────────────────────────────────────────────────

    def _connect(self) -> None:
        self._connection = SchedulerConnection(
            self._masters,
            self._framework,
            self,
            suppressed_roles=self._suppressed,
            repeats=not self._implicit,
            credential=self._credential,
        )
        self._connection.start()

    async def _disconnect(self, failover: bool) -> None:
        await self._connection.stop(teardown=not failover)

    def _fail(self, fault: str) -> None:
        """Abort, then say why: an aborted driver makes no other callback."""
        self.abort()
        self._scheduler.error(self, fault)

    def _settle(self, token: Token) -> None:
        self._on_loop(lambda: self._connection.settle(token))

    def _call(self, call: SchedulerCall, on_unsent: Callable[[], None] | None = None) -> Status:
        return self._do(lambda: self._connection.submit(call), on_unsent)

    def _do(self, submit: Callable[[], Any], on_unsent: Callable[[], None] | None = None) -> Status:
        """Submit a call on the loop; its failure is logged, since nobody waits for it."""

        def concluded(outcome: Future[None]) -> None:
            error = None if outcome.cancelled() else outcome.exception()
            if isinstance(error, NotSubscribedError) and on_unsent is not None:
                on_unsent()
            elif error is not None:
                LOG.warning("%s", error)

        if self._running():
            self._on_loop(lambda: ensure_future(submit()).add_done_callback(concluded))
        return self._status

    def _drop_tasks(self, operations: Sequence[Operation]) -> None:
        """Tell of tasks that could not be launched because there was no master."""
        capabilities = self._framework.capabilities
        kinds = mesos_pb2.FrameworkInfo.Capability
        aware = any(capability.type == kinds.PARTITION_AWARE for capability in capabilities)
        for operation in operations:
            for task in (*operation.launch.task_infos, *operation.launch_group.task_group.tasks):
                status = mesos_pb2.TaskStatus(
                    task_id=task.task_id,
                    agent_id=task.agent_id,
                    state=mesos_pb2.TASK_DROPPED if aware else mesos_pb2.TASK_LOST,
                    source=mesos_pb2.TaskStatus.SOURCE_MASTER,
                    reason=mesos_pb2.TaskStatus.REASON_MASTER_DISCONNECTED,
                    message="Master disconnected",
                )
                self._tell(_later(self._scheduler.statusUpdate, self, status))


def _later(callback: Callable[..., None], *arguments: Any) -> Callable[[], None]:
    return lambda: callback(*arguments)


def _offers(driver: MesosSchedulerDriver, scheduler: Scheduler, event: SchedulerEvent) -> None:
    scheduler.resourceOffers(driver, list(event.offers.offers))


def _rescind(driver: MesosSchedulerDriver, scheduler: Scheduler, event: SchedulerEvent) -> None:
    scheduler.offerRescinded(driver, event.rescind.offer_id)


def _update(driver: MesosSchedulerDriver, scheduler: Scheduler, event: SchedulerEvent) -> None:
    scheduler.statusUpdate(driver, event.update.status)


def _message(driver: MesosSchedulerDriver, scheduler: Scheduler, event: SchedulerEvent) -> None:
    message = event.message
    scheduler.frameworkMessage(driver, message.executor_id, message.agent_id, message.data)


def _failure(driver: MesosSchedulerDriver, scheduler: Scheduler, event: SchedulerEvent) -> None:
    failure = event.failure
    if failure.HasField("executor_id"):
        scheduler.executorLost(driver, failure.executor_id, failure.agent_id, failure.status)
    else:
        scheduler.slaveLost(driver, failure.agent_id)


EVENTS: dict[int, Callable[[MesosSchedulerDriver, Scheduler, SchedulerEvent], None]] = {
    SchedulerEvent.OFFERS: _offers,
    SchedulerEvent.RESCIND: _rescind,
    SchedulerEvent.UPDATE: _update,
    SchedulerEvent.MESSAGE: _message,
    SchedulerEvent.FAILURE: _failure,
}
