"""The framework API for asyncio: subscribe, look at offers, launch tasks, wait for them.

    async with Scheduler("127.0.0.1:5050", name="demo") as scheduler:
        async for offer in scheduler.offers():
            if offer.fits(cpus=1, mem=128):
                task = await offer.launch(Task(command="echo hi", cpus=1, mem=128))
                print(await task.wait())
                break

What arrives changes offers and task handles at once and goes to iterators; handlers are called after
that, one after the other in the order of arrival. An exception from a handler stops the scheduler and
comes out of `async with`.

With implicit acknowledgement an update is acknowledged when its handlers have returned. With explicit,
that is when `acknowledge` is called; until then the agent repeats it and holds back the next update of
that task.
"""

from __future__ import annotations

import getpass
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType

from meseta.errors import ConfigError
from meseta.ids import FrameworkId, OfferId, TaskId
from meseta.sdk.codec import SchedulerCall, SchedulerEvent, token_of
from meseta.sdk.connection import SchedulerConnection
from meseta.sdk.desk import Desk, Failure, Message, Revocation, reconcile_call, request_call
from meseta.sdk.detect import find_masters
from meseta.sdk.faults import EndedError
from meseta.sdk.feeds import Feed
from meseta.sdk.handlers import Handler
from meseta.sdk.offers import Offer, OfferFeed
from meseta.sdk.specs import framework_info
from meseta.sdk.tasks import TaskHandle, TaskUpdate
from meseta.wire.gen import mesos_pb2

CAPABILITIES = ("MULTI_ROLE", "RESERVATION_REFINEMENT", "PARTITION_AWARE", "TASK_KILLING_STATE")
FAILOVER_TIMEOUT_S = 60.0
HOLD_OFFERS_S = 60.0


class Scheduler:
    """A framework's scheduler, subscribed within `async with`, or between `start` and `stop`.

    `masters` are addresses: `host:port`, URLs, several with commas or as a list, or that of a service
    which knows the leading one, `zk://host:port/path` or `etcd://host:port/path`. Offers that an iteration
    passed over are declined if `decline_unused`, and those that lie unused for `hold_offers_s` seconds
    anyway (None: never). Leaving `async with` tears the framework down unless `teardown_on_exit` is false:
    then its tasks live on for `failover_timeout_s` seconds, in which a scheduler with the same
    `framework_id` can take over. The same window covers a lost connection. `offer_filter` says which agents
    are of use, in all roles or by role, such as `cpus >= 4 and rack in ("r1", "r2")`. `info` is a
    FrameworkInfo that wins over the arguments, for everything that has none.

    `demands` says by role how much the framework wants to hold altogether, such as {"web": {"cpus": 8}}: it
    is offered no more once it has that, and where the master ends tasks so that roles get what is guaranteed
    to them, that much is made free. With `revocation_notices` it is told which of its own tasks are to end
    for others, before they are killed (`on_revoked`).

    With `standby` several schedulers share one `framework_id`, which they may choose: the first to come has
    the framework, `async with` of the others waits, and when the one that has it is gone the next is
    subscribed at once. Raises ConfigError for a standby without a `framework_id`.
    """

    def __init__(
        self,
        masters: str | Iterable[str],
        *,
        name: str = "meseta framework",
        roles: Sequence[str] = ("*",),
        user: str | None = None,
        framework_id: str | None = None,
        failover_timeout_s: float = FAILOVER_TIMEOUT_S,
        checkpoint: bool = True,
        capabilities: Sequence[str] = CAPABILITIES,
        labels: Mapping[str, str] | None = None,
        principal: str | None = None,
        secret: str | None = None,
        offer_filter: str | Mapping[str, str] | None = None,
        revocation_notices: bool = False,
        demands: Mapping[str, Mapping[str, float]] | None = None,
        info: mesos_pb2.FrameworkInfo | None = None,
        suppressed_roles: Iterable[str] = (),
        explicit_acknowledgements: bool = False,
        decline_unused: bool = True,
        hold_offers_s: float | None = HOLD_OFFERS_S,
        teardown_on_exit: bool = True,
        standby: bool = False,
    ) -> None:
        if standby and not framework_id and not (info is not None and info.HasField("id")):
            raise ConfigError("a standby scheduler needs the framework_id that all schedulers of it share")
        self.info = framework_info(
            info,
            name=name,
            roles=roles,
            user=user or getpass.getuser(),
            framework_id=framework_id,
            failover_timeout_s=failover_timeout_s,
            checkpoint=checkpoint,
            capabilities=capabilities,
            labels=labels or {},
            principal=principal,
            offer_filter=offer_filter,
            revocation_notices=revocation_notices,
            demands=demands,
        )
        self._decline_unused = decline_unused
        self._teardown_on_exit = teardown_on_exit
        self._desk = Desk(explicit=explicit_acknowledgements, hold_offers_s=hold_offers_s)
        self._connection = self._desk.connection = SchedulerConnection(
            find_masters(masters),
            self.info,
            self._desk,
            suppressed_roles=suppressed_roles,
            repeats=explicit_acknowledgements,
            standby=standby,
            credential=None if principal is None or secret is None else (principal, secret),
        )

    # ── Life ───────────────────────────────────────────────────────────────────────────────────────

    async def __aenter__(self) -> Scheduler:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop(failover=not self._teardown_on_exit)
        if error is None and self._desk.fault is not None:
            raise self._desk.fault

    async def start(self) -> None:
        """Subscribe; returns once subscribed. Raises EndedError if the master refuses for good."""
        self._desk.start()
        try:
            await self.subscribed()
        except BaseException:
            await self.stop(failover=True)
            raise

    async def subscribed(self) -> None:
        """Wait until there is a subscription. Raises EndedError if there will be none any more."""
        await self._desk.subscribed.wait()
        if self._desk.stopped.is_set():
            raise self._desk.fault or EndedError("the scheduler has stopped")

    async def run(self) -> None:
        """Wait until the scheduler stops; raises what stopped it. For frameworks made of handlers."""
        await self._desk.stopped.wait()
        if self._desk.fault is not None:
            raise self._desk.fault

    async def stop(self, *, failover: bool = False) -> None:
        """Leave: tear the framework down, or with `failover` leave its tasks to the next scheduler.

        A handler that is at work is cancelled, also one that calls this.
        """
        await self._desk.leave(failover=failover)

    @property
    def framework_id(self) -> FrameworkId | None:
        """The framework's id, once the master gave it one. Keep it to take over after a failure."""
        return self._connection.framework_id

    @property
    def master_info(self) -> mesos_pb2.MasterInfo | None:
        """The leading master, as it described itself."""
        return self._desk.master_info

    @property
    def tasks(self) -> Mapping[TaskId, TaskHandle]:
        """The tasks launched here that have not ended."""
        return self._desk.tasks.handles

    # ── What arrives ───────────────────────────────────────────────────────────────────────────────

    def offers(self) -> OfferFeed:
        """Iterate over offers. Each goes to one iterator; asking for the next settles the one before."""
        return OfferFeed(self._desk.offers, self._settle_offer)

    def updates(self) -> Feed[TaskUpdate]:
        """Iterate over status updates from now on."""
        return self._desk.updates.open()

    def events(self) -> Feed[SchedulerEvent]:
        """Iterate over all events from now on, as raw messages."""
        return self._desk.events.open()

    def on_subscribed(self, handler: Handler[FrameworkId]) -> Handler[FrameworkId]:
        """Call `handler` with the framework id after each subscription."""
        return self._desk.handlers.add("subscribed", handler)

    def on_disconnected(self, handler: Handler[str]) -> Handler[str]:
        """Call `handler` with the reason when the subscription is lost; all offers are void then."""
        return self._desk.handlers.add("disconnected", handler)

    def on_offer(self, handler: Handler[Offer]) -> Handler[Offer]:
        """Call `handler` for each offer; with such a handler `offers()` gets none."""
        return self._desk.handlers.add("offer", handler)

    def on_rescind(self, handler: Handler[OfferId]) -> Handler[OfferId]:
        """Call `handler` for each offer that the master takes back."""
        return self._desk.handlers.add("rescind", handler)

    def on_update(self, handler: Handler[TaskUpdate]) -> Handler[TaskUpdate]:
        """Call `handler` for each status update of a task."""
        return self._desk.handlers.add("update", handler)

    def on_message(self, handler: Handler[Message]) -> Handler[Message]:
        """Call `handler` for each message from an executor."""
        return self._desk.handlers.add("message", handler)

    def on_failure(self, handler: Handler[Failure]) -> Handler[Failure]:
        """Call `handler` when an agent is lost or a custom executor ends."""
        return self._desk.handlers.add("failure", handler)

    def on_inverse_offer(self, handler: Handler[mesos_pb2.InverseOffer]) -> Handler[mesos_pb2.InverseOffer]:
        """Call `handler` for each request to give an agent back; answer with a raw call."""
        return self._desk.handlers.add("inverse offer", handler)

    def on_revoked(self, handler: Handler[Revocation]) -> Handler[Revocation]:
        """Call `handler` when tasks are to end for a role's guarantee, or may run on after all."""
        return self._desk.handlers.add("revoked", handler)

    def on_operation(self, handler: Handler[mesos_pb2.OperationStatus]) -> Handler[mesos_pb2.OperationStatus]:
        """Call `handler` for each status of an operation that was given an id."""
        return self._desk.handlers.add("operation", handler)

    # ── Calls: they raise NotSubscribedError, CallLostError or CallRefusedError ────────────────────

    async def accept(
        self,
        offers: Sequence[Offer],
        operations: Sequence[mesos_pb2.Offer.Operation],
        *,
        refuse_s: float | None = None,
    ) -> None:
        """Apply raw operations, in order, to what offers of one agent hold together."""
        await self._desk.accept(offers, operations, refuse_s=refuse_s)

    async def decline(self, *offers: Offer, refuse_s: float | None = None) -> None:
        """Give offers back; the same is not offered again for `refuse_s` seconds (5 if None)."""
        await self._desk.decline(offers, refuse_s=refuse_s)

    async def suppress(self, *roles: str) -> None:
        """Want no offers for `roles`, or for all roles, until `revive`."""
        await self._connection.suppress(roles)

    async def revive(self, *roles: str) -> None:
        """Want offers for `roles`, or for all roles, and at once also those that were declined."""
        await self._connection.revive(roles)

    async def request(self, needed: Mapping[str, Mapping[str, float]]) -> None:
        """Say how much is needed by role beyond what the framework has, such as {"web": {"cpus": 4}}.

        This replaces what was said before, and brings back what was declined. {}: nothing is needed.
        """
        await self.call(request_call(needed))

    async def kill(
        self, task: TaskHandle | str, *, agent_id: str | None = None, grace_s: float | None = None
    ) -> None:
        """End a task, within `grace_s` seconds if given; its last update tells when it has ended."""
        if isinstance(task, TaskHandle):
            await self._desk.kill(task, grace_s=grace_s)
        else:
            await self._desk.kill_task(task, agent_id=agent_id, grace_s=grace_s)

    async def shutdown_executor(self, agent_id: str, executor_id: str) -> None:
        """End an executor with all its tasks."""
        call = SchedulerCall(type=SchedulerCall.SHUTDOWN)
        call.shutdown.agent_id.value = agent_id
        call.shutdown.executor_id.value = executor_id
        await self.call(call)

    async def acknowledge(self, update: TaskUpdate) -> None:
        """Say that an update was dealt with, where acknowledgements are explicit."""
        if update.uuid:
            self._connection.settle(token_of(update.status))

    async def acknowledge_operation(self, status: mesos_pb2.OperationStatus) -> None:
        """Say that the status of an operation was dealt with, where acknowledgements are explicit."""
        await self._desk.acknowledge_operation(status)

    async def reconcile(self, *tasks: TaskHandle) -> None:
        """Ask for the states of tasks, or of all tasks of the framework; they come as updates."""
        await self.call(reconcile_call(tasks))

    async def send_message(self, agent_id: str, executor_id: str, data: bytes) -> None:
        """Send bytes to an executor, best effort."""
        await self._desk.send_message(agent_id, executor_id, data)

    async def update_framework(
        self, info: mesos_pb2.FrameworkInfo, *, suppressed_roles: Iterable[str] = ()
    ) -> None:
        """Change what the framework says of itself, such as its roles."""
        await self._connection.update_framework(info, suppressed_roles)
        self.info = info

    async def teardown(self) -> None:
        """Remove the framework from the cluster, with all that it runs, and stop."""
        await self.stop()

    async def call(self, message: SchedulerCall) -> None:
        """Make a raw call, for everything that has no method here; the framework id is filled in."""
        await self._connection.call(message)

    async def _settle_offer(self, offer: Offer) -> None:
        if self._decline_unused:
            await self._desk.decline([offer])
