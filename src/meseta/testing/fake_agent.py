"""An agent for tests of executors: it launches tasks when told to, and acknowledges their updates."""

from __future__ import annotations

from meseta.testing.fake_api import FakeApi
from meseta.wire.gen import executor_pb2, mesos_pb2

Call = executor_pb2.Call
Event = executor_pb2.Event


class FakeAgent(FakeApi[Call]):
    """The executor API for one executor. Without `acknowledges`, updates are only noted."""

    def __init__(self, *, acknowledges: bool = True, checkpoint: bool = True) -> None:
        super().__init__(Call, "/api/v1/executor")
        self.acknowledges = acknowledges
        self.states: dict[str, list[int]] = {}
        """The states of each task, as updates of different uuid told them."""
        self._checkpoint = checkpoint
        self._uuids: set[bytes] = set()

    @property
    def environment(self) -> dict[str, str]:
        """What the agent puts into the environment of its executor."""
        return {
            "MESOS_FRAMEWORK_ID": "f-0000",
            "MESOS_EXECUTOR_ID": "fake",
            "MESOS_SLAVE_ID": "f-S0",
            "MESOS_SLAVE_PID": f"slave(1)@{self.address}",
            "MESOS_AGENT_ENDPOINT": self.address,
            "MESOS_CHECKPOINT": "1" if self._checkpoint else "0",
            "MESOS_RECOVERY_TIMEOUT": "15mins",
            "MESOS_SUBSCRIPTION_BACKOFF_MAX": "100ms",
            "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD": "5secs",
        }

    def launch(self, *task_ids: str, data: bytes = b"") -> None:
        """Launch a task, or several as a group."""
        infos = [
            mesos_pb2.TaskInfo(
                name=task_id,
                task_id=mesos_pb2.TaskID(value=task_id),
                agent_id=mesos_pb2.AgentID(value="f-S0"),
                data=data,
            )
            for task_id in task_ids
        ]
        if len(infos) == 1:
            self.send(Event(type=Event.LAUNCH, launch=Event.Launch(task=infos[0])))
        else:
            group = Event.LaunchGroup(task_group=mesos_pb2.TaskGroupInfo(tasks=infos))
            self.send(Event(type=Event.LAUNCH_GROUP, launch_group=group))

    def kill(self, task_id: str, *, grace_s: float | None = None) -> None:
        """Ask for the end of a task."""
        event = Event(type=Event.KILL)
        event.kill.task_id.value = task_id
        if grace_s is not None:
            event.kill.kill_policy.grace_period.nanoseconds = round(grace_s * 1e9)
        self.send(event)

    def message(self, data: bytes) -> None:
        """Send what the scheduler would send."""
        self.send(Event(type=Event.MESSAGE, message=Event.Message(data=data)))

    def shutdown(self) -> None:
        """Ask for the end of the executor."""
        self.send(Event(type=Event.SHUTDOWN))

    def error(self, message: str) -> None:
        """End the executor's session."""
        self.send(Event(type=Event.ERROR, error=Event.Error(message=message)))

    def acknowledge(self, status: mesos_pb2.TaskStatus) -> None:
        """Take over the responsibility for an update."""
        acknowledged = Event.Acknowledged(task_id=status.task_id, uuid=status.uuid)
        self.send(Event(type=Event.ACKNOWLEDGED, acknowledged=acknowledged))

    def on_subscribe(self, call: Call) -> None:
        event = Event(type=Event.SUBSCRIBED)
        subscribed = event.subscribed
        subscribed.executor_info.executor_id.CopyFrom(call.executor_id)
        subscribed.framework_info.user = "nobody"
        subscribed.framework_info.name = "fake"
        subscribed.framework_info.capabilities.add(type=mesos_pb2.FrameworkInfo.Capability.TASK_KILLING_STATE)
        subscribed.agent_info.hostname = "host-0"
        self.send(event)
        for update in call.subscribe.unacknowledged_updates:
            self._take(update.status)

    def on_call(self, call: Call) -> None:
        if call.type == Call.UPDATE:
            self._take(call.update.status)

    def _take(self, status: mesos_pb2.TaskStatus) -> None:
        if status.uuid not in self._uuids:
            self._uuids.add(status.uuid)
            self.states.setdefault(status.task_id.value, []).append(status.state)
        if self.acknowledges:
            self.acknowledge(status)
