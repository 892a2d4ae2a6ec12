"""A master, executors and strangers that send an agent whatever they like: it never fails."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from typing import Any

import pytest

from meseta.agent import effects as x
from meseta.agent import events as e
from meseta.agent.agent import Agent
from meseta.agent.invariants import check
from meseta.api.agent_messages import AGENT, AgentMessages
from meseta.api.executor import ExecutorApi
from meseta.api.negotiation import JSON, PROTOBUF
from meseta.containers import effects as c
from meseta.containers import events as ce
from meseta.errors import WireError
from meseta.ids import ContainerId
from meseta.runtime.http1 import Request
from meseta.runtime.libprocess import encode_head, encode_message, parse_pid
from meseta.wire import json
from meseta.wire.checkpoints import checkpoint_records
from meseta.wire.executor_link import EXECUTOR_MESSAGES, executor_message_bytes
from meseta.wire.gen import executor_pb2 as v1
from meseta.wire.gen import internal_pb2 as i
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.master_link import MASTER_MESSAGES, master_message_bytes
from meseta.wire.parsing import parse
from tests.properties.hostile import Hostile
from tests.unit.agent.agent_kit import AGENT as AGENT_ID
from tests.unit.agent.agent_kit import MASTER, config
from tests.unit.api.api_kit import AgentSite, FakeResponder

STEPS = 250
EXECUTOR = "executor(1)@10.0.0.1:7"
FRAMEWORKS = ("m-0000", "m-0001")
PAGES = ("state", "containers", "monitor/statistics", "metrics/snapshot")
CALLS = ("STATE", "AGENT", "FRAMEWORKS", "TASKS", "EXECUTORS", "OPERATIONS", "CONTAINERS")


class Crowd:
    """Peers of one agent. Containers start, fail and end as they like."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.agent = Agent(config(), random.Random(seed))
        self.state = self.agent.state
        self.now = 0.0
        self._inbox: deque[e.AgentEvent] = deque()
        self._busy = False
        self.running: list[ContainerId] = []
        self.tasks: list[str] = []
        self.dropped = 0
        self.messages = AgentMessages(self.feed, self._count)
        self.api = ExecutorApi(self.agent, self.feed)
        self.hostile = Hostile(self.random)
        self.honesty = 1.0
        self.feed(e.Recovered())
        self.feed(e.MasterDetected(MASTER))
        self.pass_time(2.0)
        self.feed(e.AgentRegistered(sender=MASTER, agent_id=AGENT_ID, total_ping_timeout_s=1e9))

    def _count(self) -> None:
        self.dropped += 1

    # ── the agent ─────────────────────────────────────────────────────────────────────────────────────

    def feed(self, event: e.AgentEvent) -> None:
        """Let one event happen; what its effects lead to happens after it."""
        self._inbox.append(event)
        if not self._busy:
            self._busy = True
            self._drain()

    def _drain(self) -> None:
        while self._inbox:
            self._perform(self.agent.handle(self._inbox.popleft(), self.now))
        self._busy = False

    def pass_time(self, seconds: float) -> None:
        end = self.now + seconds
        for _ in range(10_000):
            due = self.agent.deadline()
            if due is None or due > end:
                self.now = end
                return
            self.now = max(self.now, due)
            self._busy = True
            self._perform(self.agent.tick(self.now))
            self._drain()
        raise AssertionError("the agent wants to tick for ever")

    def _perform(self, effects: Any) -> None:
        check(self.state)
        for effect in effects:
            self._perform_one(effect)

    def _perform_one(self, effect: Any) -> None:
        if isinstance(effect, x.SendToMaster | x.SendToFramework):
            name, body = master_message_bytes(effect.message)
            receiver = parse_pid(effect.master if isinstance(effect, x.SendToMaster) else effect.pid)
            if receiver is not None:
                encode_message(encode_head(receiver, self.state.config.pid, name), body)
        elif isinstance(effect, x.SendToExecutor):
            if isinstance(effect.peer, int):
                self.api.send(effect.peer, effect.message)
            else:
                executor_message_bytes(effect.message)
        elif isinstance(effect, x.CloseExecutorStream):
            self.api.close(effect.stream)
        elif isinstance(effect, x.Checkpoint):
            checkpoint_records(effect.record)
            if effect.ticket is not None:
                self.feed(e.Checkpointed(effect.ticket))
        else:
            self._contain(effect)

    def _contain(self, effect: Any) -> None:
        if isinstance(effect, c.PrepareSandbox):
            failed = ce.SandboxFailed(container_id=effect.container_id, message="404")
            self.feed(failed if self.random.random() < 0.2 else ce.SandboxPrepared(effect.container_id))
        elif isinstance(effect, c.StartContainer):
            container = effect.plan.container_id
            if self.random.random() < 0.1:
                self.feed(ce.ContainerStartFailed(container_id=container, message="fork"))
            else:
                self.running.append(container)
                self.feed(ce.ContainerStarted(container_id=container, pid=7))
        elif isinstance(effect, c.DestroyContainer):
            self._exit(effect.container_id, 9)
        elif isinstance(effect, c.RunCheck):
            self.feed(ce.CheckFinished(check=effect.check, fault=None))

    def _exit(self, container: ContainerId, status: int) -> None:
        if container in self.running:
            self.running.remove(container)
            self.feed(ce.ContainerExited(container_id=container, wait_status=status))

    # ── its peers ─────────────────────────────────────────────────────────────────────────────────────

    def act(self) -> None:
        frameworks = [id.encode() for id in (*FRAMEWORKS, *self.state.frameworks)]
        self.hostile = Hostile(
            self.random,
            {
                "mesos.v1.FrameworkID": frameworks,
                "mesos.v1.AgentID": [AGENT_ID.encode()],
                "mesos.v1.TaskID": [*(task.encode() for task in self.tasks[-5:]), b"t0"],
                "mesos.v1.ExecutorID": [b"e1", b"e2", *(task.encode() for task in self.tasks[-3:])],
                "mesos.v1.Resource.name": [b"cpus", b"mem", b"disk", b"ports"],
                "uuid": [b"u" * 16],
            },
        )
        self.honesty = self.random.choice([0.7, 0.95, 0.99, 0.995, 1.0])
        actions = [
            *[self._anything] * 3,
            *[self._run] * 4,
            *[self._subscribe] * 2,
            *[self._register] * 2,
            *[self._report] * 4,
            self._end_container,
            self._leave,
            self._wait,
        ]
        self.random.choice(actions)()

    def _anything(self) -> None:
        """Any message of a master or an executor, or any call of an executor."""
        name = self.random.choice([*MASTER_MESSAGES, *EXECUTOR_MESSAGES, ""])
        if name in ("mesos.internal.ShutdownMessage", ""):
            self._post(self.hostile.message(v1.Call.DESCRIPTOR, honesty=self.honesty))
            return
        of = getattr(i, name.rpartition(".")[2])
        self._send(name, self.hostile.message(of.DESCRIPTOR, honesty=self.honesty))

    def _send(self, name: str, body: bytes) -> None:
        sender = MASTER if name in MASTER_MESSAGES else EXECUTOR
        sender = self.random.choice([sender, sender, sender, sender, "x@10.0.0.9:1", "", "no pid"])
        self.messages.on_message(AGENT, sender, name, body)

    def _message(self, message: Any) -> None:
        self._send(message.DESCRIPTOR.full_name, self.hostile.spoiled(message, honesty=self.honesty))

    def _post(self, body: bytes) -> None:
        as_json = self.random.random() < 0.3
        if as_json:
            try:
                body = json.to_json(parse(v1.Call, body))
            except WireError:
                return
        headers = {
            "content-type": JSON if as_json else PROTOBUF,
            "accept": self.random.choice([JSON, PROTOBUF]),
        }
        request = Request("POST", "/api/v1/executor", headers, body)
        self.api.post_call(request, FakeResponder())  # type: ignore[arg-type]

    def _run(self) -> None:
        framework_id = self.random.choice(FRAMEWORKS)
        if self.random.random() < 0.4:
            group = i.RunTaskGroupMessage()
            self._fill_framework(group.framework, framework_id)
            self._fill_executor(group.executor, framework_id)
            group.executor.type = m.ExecutorInfo.DEFAULT
            group.executor.ClearField("command")
            for _ in range(self.random.randrange(3)):
                self._fill_task(group.task_group.tasks.add())
            self._message(group)
            return
        run = i.RunTaskMessage(pid=self.random.choice(["", "scheduler-1@10.0.0.8:1", "@0.0.0.0:0"]))
        self._fill_framework(run.framework, framework_id)
        self._fill_task(run.task)
        if self.random.random() < 0.5:
            run.task.ClearField("command")
            self._fill_executor(run.task.executor, framework_id)
        self._message(run)

    def _fill_framework(self, info: m.FrameworkInfo, framework_id: str) -> None:
        info.user, info.name, info.id.value = "nobody", "f", framework_id
        info.checkpoint = self.random.random() < 0.5

    def _fill_task(self, task: m.TaskInfo) -> None:
        self.tasks.append(f"t{len(self.tasks)}")
        task.name, task.task_id.value, task.agent_id.value = "t", self.tasks[-1], AGENT_ID
        task.command.value = "true"
        self._fill_resources(task.resources)
        if self.random.random() < 0.3:
            task.command.uris.add(value="http://x/y")
            task.kill_policy.grace_period.nanoseconds = self.random.choice([0, 10**9, 2**63 - 1])
            task.health_check.type = m.HealthCheck.COMMAND
            task.health_check.command.value = "true"
            task.health_check.interval_seconds = self.random.choice([0.0, 1.0, 1e300])
        if self.random.random() < 0.1:
            task.max_completion_time.nanoseconds = self.random.choice([0, 10**9, 2**63 - 1])

    def _fill_executor(self, executor: m.ExecutorInfo, framework_id: str) -> None:
        executor.executor_id.value = self.random.choice(["e1", "e2"])
        executor.framework_id.value = framework_id
        executor.command.value = "run"
        self._fill_resources(executor.resources)

    def _fill_resources(self, resources: Any) -> None:
        for name, amount in (("cpus", 0.5), ("mem", 32.0)):
            resources.add(name=name, type=m.Value.SCALAR).scalar.value = amount

    def _executor(self) -> tuple[str, str]:
        """An executor that there is, or one that there is not."""
        known = [(f.id, id) for f in self.state.frameworks.values() for id in f.executors]
        return self.random.choice([*known, (FRAMEWORKS[0], "e1")])

    def _subscribe(self) -> None:
        framework_id, executor_id = self._executor()
        call = v1.Call(type=v1.Call.SUBSCRIBE)
        call.framework_id.value, call.executor_id.value = framework_id, executor_id
        call.subscribe.SetInParent()
        for _ in range(self.random.randrange(2)):
            self._fill_task(call.subscribe.unacknowledged_tasks.add())
            self._fill_status(call.subscribe.unacknowledged_updates.add().status)
        self._post(self.hostile.spoiled(call, honesty=self.honesty))

    def _register(self) -> None:
        framework_id, executor_id = self._executor()
        message: Any = self.random.choice([i.RegisterExecutorMessage, i.ReregisterExecutorMessage])()
        message.framework_id.value, message.executor_id.value = framework_id, executor_id
        self._message(message)

    def _report(self) -> None:
        framework_id, executor_id = self._executor()
        if self.random.random() < 0.5:
            message = i.StatusUpdateMessage()
            update = message.update
            update.framework_id.value, update.executor_id.value = framework_id, executor_id
            update.timestamp, update.uuid = 1.0, self._uuid()
            self._fill_status(update.status)
            self._message(message)
            return
        call = v1.Call(type=v1.Call.UPDATE)
        call.framework_id.value, call.executor_id.value = framework_id, executor_id
        self._fill_status(call.update.status)
        self._post(self.hostile.spoiled(call, honesty=self.honesty))

    def _fill_status(self, status: m.TaskStatus) -> None:
        status.task_id.value = self.random.choice([*self.tasks[-5:], "t0"])
        status.state = self.random.choice(m.TaskState.values())  # type: ignore[assignment]
        status.source, status.uuid = m.TaskStatus.SOURCE_EXECUTOR, self._uuid()
        status.container_status.container_id.value = self.random.choice(["", ".", "a.b", "c"])

    def _uuid(self) -> bytes:
        return self.random.randbytes(6) + b"\x40" + self.random.randbytes(9)

    def _end_container(self) -> None:
        if self.running:
            self._exit(self.random.choice(self.running), self.random.choice([0, 9, 256, None]))  # type: ignore[arg-type]

    def _leave(self) -> None:
        streams = list(self.state.streams)
        if streams:
            stream = self.random.choice(streams)
            self.api.close(stream)
            self.feed(e.ExecutorStreamClosed(stream))
        else:
            self.feed(e.PeerExited(EXECUTOR.partition("@")[2]))

    def _wait(self) -> None:
        self.pass_time(self.random.choice([0.0, 1.0, 10.0, 100.0]))
        if self.random.random() < 0.5:
            self.feed(e.MasterDetected(MASTER))
            self.pass_time(2.0)
            self.feed(e.AgentReregistered(sender=MASTER, agent_id=AGENT_ID, total_ping_timeout_s=1e9))

    def look(self) -> None:
        """Ask for everything that shows state."""
        site = AgentSite(self.state)
        for page in PAGES:
            assert site.get(f"/{page}").json is not None
        for kind in CALLS:
            for accept in (JSON, PROTOBUF):
                body = f'{{"type":"GET_{kind}"}}'.encode()
                answer = site.ask("POST", "/api/v1", body, {"content-type": JSON, "accept": accept})
                assert answer.code == 200, answer.text


@pytest.mark.parametrize("seed", range(8))
def test_whatever_peers_send(seed: int) -> None:
    async def scenario() -> None:
        crowd = Crowd(seed)
        for _ in range(STEPS):
            crowd.act()
        crowd.look()
        assert crowd.dropped

    asyncio.run(scenario())
