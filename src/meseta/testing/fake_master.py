"""A master for tests of frameworks: it makes offers when told to, and lets tasks run if asked to."""

from __future__ import annotations

import uuid

from meseta.testing.fake_api import FakeApi
from meseta.wire.gen import mesos_pb2, scheduler_pb2

Call = scheduler_pb2.Call
Event = scheduler_pb2.Event

MASTER_ID = "11111111-2222-4333-8444-555555555555"
AGENT_ID = f"{MASTER_ID}-S0"
DISK = 10_240.0
"""MiB that every offer has."""


class FakeMaster(FakeApi[Call]):
    """The scheduler API of one framework.

    With `runs_tasks` every launched task is RUNNING at once and FINISHED when that was acknowledged, with
    the task's own data as data; a killed one is KILLED. With `offers_always` an offer of `cpus` and `mem`
    follows each subscription, ACCEPT and DECLINE.
    """

    def __init__(
        self,
        *,
        runs_tasks: bool = False,
        offers_always: bool = False,
        cpus: float = 4.0,
        mem: float = 4096.0,
        heartbeat_interval_s: float = 15.0,
    ) -> None:
        super().__init__(Call, "/api/v1/scheduler")
        self.framework_id = f"{MASTER_ID}-0000"
        self.tasks: dict[str, mesos_pb2.TaskInfo] = {}
        self._runs_tasks = runs_tasks
        self._offers_always = offers_always
        self._cpus = cpus
        self._mem = mem
        self._heartbeat_interval_s = heartbeat_interval_s
        self._offer_count = 0
        self._running: dict[bytes, str] = {}

    def offer(self, cpus: float | None = None, mem: float | None = None, *, role: str = "*") -> str:
        """Send an offer of one agent; return its id."""
        event = Event(type=Event.OFFERS)
        offer = event.offers.offers.add(hostname="host-0")
        offer.id.value = f"{MASTER_ID}-O{self._offer_count}"
        offer.framework_id.value = self.framework_id
        offer.agent_id.value = AGENT_ID
        offer.allocation_info.role = role
        for name, amount in (("cpus", cpus or self._cpus), ("mem", mem or self._mem), ("disk", DISK)):
            resource = offer.resources.add(name=name, type=mesos_pb2.Value.SCALAR)
            resource.scalar.value = amount
            resource.allocation_info.role = role
        ports = offer.resources.add(name="ports", type=mesos_pb2.Value.RANGES)
        ports.ranges.range.add(begin=31000, end=31999)
        ports.allocation_info.role = role
        self._offer_count += 1
        self.send(event)
        return offer.id.value

    def rescind(self, offer_id: str) -> None:
        """Take an offer back."""
        event = Event(type=Event.RESCIND)
        event.rescind.offer_id.value = offer_id
        self.send(event)

    def update(
        self,
        task_id: str,
        state: mesos_pb2.TaskState,
        *,
        uuid_bytes: bytes | None = None,
        data: bytes = b"",
        message: str = "",
    ) -> bytes:
        """Send an update of a task, to be acknowledged by the uuid returned."""
        event = Event(type=Event.UPDATE)
        status = event.update.status
        status.task_id.value = task_id
        status.agent_id.value = AGENT_ID
        status.state = state
        status.uuid = uuid.uuid4().bytes if uuid_bytes is None else uuid_bytes
        status.data = data
        status.message = message
        self.send(event)
        return status.uuid

    def message(self, executor_id: str, data: bytes) -> None:
        """Send what an executor would send."""
        event = Event(type=Event.MESSAGE)
        event.message.agent_id.value = AGENT_ID
        event.message.executor_id.value = executor_id
        event.message.data = data
        self.send(event)

    def failure(self, executor_id: str | None = None, status: int | None = None) -> None:
        """Tell of a lost agent, or of an executor that ended."""
        event = Event(type=Event.FAILURE)
        event.failure.agent_id.value = AGENT_ID
        if executor_id is not None:
            event.failure.executor_id.value = executor_id
        if status is not None:
            event.failure.status = status
        self.send(event)

    def heartbeat(self) -> None:
        """Send a sign of life. None come by themselves, so that tests decide about silence."""
        self.send(Event(type=Event.HEARTBEAT))

    def error(self, message: str) -> None:
        """End the framework."""
        event = Event(type=Event.ERROR)
        event.error.message = message
        self.send(event)
        self.end_stream()

    def on_subscribe(self, call: Call) -> None:
        event = Event(type=Event.SUBSCRIBED)
        event.subscribed.framework_id.value = call.framework_id.value or self.framework_id
        event.subscribed.heartbeat_interval_seconds = self._heartbeat_interval_s
        event.subscribed.master_info.id = MASTER_ID
        event.subscribed.master_info.ip = 16777343
        event.subscribed.master_info.port = self.port
        self.send(event)
        self.heartbeat()
        self._offer_if_wanted()

    def on_call(self, call: Call) -> None:
        match call.type:
            case Call.ACCEPT | Call.DECLINE:
                for operation in call.accept.operations:
                    for info in (*operation.launch.task_infos, *operation.launch_group.task_group.tasks):
                        self._launch(info)
                self._offer_if_wanted()
            case Call.ACKNOWLEDGE if call.acknowledge.uuid in self._running:
                info = self.tasks[self._running.pop(call.acknowledge.uuid)]
                self.update(info.task_id.value, mesos_pb2.TASK_FINISHED, data=info.data)
            case Call.KILL if self._runs_tasks:
                self.update(call.kill.task_id.value, mesos_pb2.TASK_KILLED)
            case Call.TEARDOWN:
                self.end_stream()

    def _offer_if_wanted(self) -> None:
        if self._offers_always:
            self.offer()

    def _launch(self, info: mesos_pb2.TaskInfo) -> None:
        self.tasks[info.task_id.value] = info
        if self._runs_tasks:
            self._running[self.update(info.task_id.value, mesos_pb2.TASK_RUNNING)] = info.task_id.value
