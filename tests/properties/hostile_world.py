"""A master without a network, with everything on the way from bytes to its state and back to bytes.

An honest agent and an honest framework live in it, by messages of the wire like everybody else; whoever
else there is speaks through `message` and `post`.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Sequence
from typing import Any

from meseta.allocator.constraints import constraints_fault
from meseta.allocator.hierarchical import HierarchicalAllocator
from meseta.api.messages import MasterMessages
from meseta.api.negotiation import JSON, PROTOBUF
from meseta.api.replies import Replies
from meseta.api.scheduler import SchedulerApi
from meseta.ids import Pid
from meseta.master import effects as x
from meseta.master import events as e
from meseta.master.config import MasterConfig
from meseta.master.invariants import check
from meseta.master.master import Master
from meseta.runtime.http1 import Request
from meseta.runtime.libprocess import encode_head, encode_message, parse_pid
from meseta.security.approvers import PERMISSIVE
from meseta.wire import recordio
from meseta.wire.agent_link import agent_message_bytes
from meseta.wire.gen import internal_pb2 as i
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.gen import scheduler_pb2 as s
from meseta.wire.scheduler_events import SchedulerEvents, master_info
from tests.unit.api.api_kit import FakeResponder, MasterSite
from tests.unit.master.master_kit import MASTER_ID, Playground

AGENT = "slave(1)@10.0.9.1:5051"
PATIENCE_S = 120
"""How long the honest framework waits for an offer while others hold theirs."""
MASTER = Pid("master@10.0.0.1:5050")


class World:
    """A master, its APIs, and two who behave."""

    def __init__(self, seed: int, **config: Any) -> None:
        self.entropy = random.Random(seed)
        self.now = 0.0
        settings = MasterConfig(id=MASTER_ID, pid=MASTER, hostname="master", **config)
        allocator = HierarchicalAllocator(self.entropy)
        self.master = Master(settings, allocator, PERMISSIVE, epoch_offset_s=1e6)
        self.state = self.master.state
        self.counters = self.state.counters
        self._inbox: deque[e.MasterEvent] = deque()
        self._busy = False
        self._encoder = SchedulerEvents(master_info(MASTER_ID, "10.0.0.1", 5050, "master", "1.12.0"))
        self._replies = Replies()
        self._messages = MasterMessages(self.feed, self._count, constraints_fault)
        self.api = SchedulerApi(
            self.master, self.feed, self._encoder, self.entropy, self._replies.later, constraints_fault
        )
        self.to_agent: deque[tuple[str, bytes]] = deque(maxlen=10_000)
        """What the honest agent was sent."""

    # ── bytes in ──────────────────────────────────────────────────────────────────────────────────────

    def message(self, sender: str, name: str, body: bytes) -> None:
        """Let somebody send a libprocess message."""
        assert self._messages.on_message("master", sender, name, body)

    def post(self, body: bytes, stream_id: str | None = None, *, as_json: bool = False) -> FakeResponder:
        """Let somebody call the scheduler API."""
        headers = {"content-type": JSON if as_json else PROTOBUF, "accept": PROTOBUF}
        if stream_id is not None:
            headers["mesos-stream-id"] = stream_id
        responder = FakeResponder()
        self.api.post_call(Request("POST", "/api/v1/scheduler", headers, body), responder)  # type: ignore[arg-type]
        return responder

    def stream_closed(self, number: int) -> None:
        """Let the peer of a stream leave."""
        self.api.close(number)
        self.feed(e.StreamClosed(stream=e.StreamId(number), reason="peer"))

    def peer_exited(self, pid: str) -> None:
        """Let the connection to a pid break."""
        self.feed(e.PeerExited(address=pid.partition("@")[2]))

    def feed(self, event: e.MasterEvent) -> None:
        """Let one event happen; what its effects lead to happens after it."""
        self._inbox.append(event)
        if self._busy:
            return
        self._busy = True
        while self._inbox:
            self._perform(self.master.handle(self._inbox.popleft(), self.now))
            check(self.state)
        self._busy = False

    def run(self, seconds: float) -> None:
        """Let time pass."""
        end = self.now + seconds
        for _ in range(10_000):
            due = self.master.deadline()
            if due is None or due > end:
                self.now = end
                return
            self.now = max(self.now, due)
            self._perform(self.master.tick(self.now))
            check(self.state)
        raise AssertionError("the master wants to tick for ever")

    # ── effects out ───────────────────────────────────────────────────────────────────────────────────

    def _perform(self, effects: Sequence[x.MasterEffect]) -> None:
        for effect in effects:
            if isinstance(effect, x.SendToFramework):
                self._tell_framework(effect)
            elif isinstance(effect, x.SendToAgent):
                self._send(effect.pid, *agent_message_bytes(effect.message, effect.registration))
            elif isinstance(effect, x.Persist):
                self.feed(e.Persisted(ticket=effect.ticket))
            elif isinstance(effect, x.CloseStream):
                self.api.close(effect.stream)
            elif isinstance(effect, x.Reply):
                self._replies.send(effect.request, effect.code, effect.text)

    def _tell_framework(self, effect: x.SendToFramework) -> None:
        if isinstance(effect.peer, int):
            self.api.send(effect.peer, effect.message)
        elif (encoded := self._encoder.v0(effect.message)) is not None:
            self._send(effect.peer, *encoded)

    def _send(self, to: str, name: str, body: bytes) -> None:
        receiver = parse_pid(to)
        if receiver is not None:
            encode_message(encode_head(receiver, MASTER, name), body)
        if to == AGENT:
            self.to_agent.append((name, body))

    def _count(self, name: str) -> None:
        self.counters[name] += 1

    # ── looking at it ─────────────────────────────────────────────────────────────────────────────────

    def look(self) -> None:
        """Ask for every page and every operator call that shows state, in both formats."""
        play = Playground()
        play.master, play.state = self.master, self.state
        site = MasterSite(play)
        for page in ("state", "state-summary", "slaves", "frameworks", "tasks", "roles", "metrics/snapshot"):
            assert site.get(f"/{page}").json is not None
        for kind in ("STATE", "AGENTS", "FRAMEWORKS", "TASKS", "EXECUTORS", "ROLES", "OPERATIONS"):
            body = f'{{"type":"GET_{kind}"}}'.encode()
            for accept in (JSON, PROTOBUF):
                answer = site.ask("POST", "/api/v1", body, {"content-type": JSON, "accept": accept})
                assert answer.code == 200, answer.text


class Honest:
    """An agent and a framework that do as they should, and a way to see that they can."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.tasks = self.updates = 0
        self.offers: dict[str, str] = {}
        """The agents of open offers."""
        self.agent_id = ""
        self.join()
        call = s.Call(type=s.Call.SUBSCRIBE)
        info = call.subscribe.framework_info
        info.user, info.name, info.failover_timeout = "nobody", "honest", 1e6
        info.roles.append("honest")
        for kind in ("MULTI_ROLE", "RESERVATION_REFINEMENT", "PARTITION_AWARE"):
            info.capabilities.add(type=m.FrameworkInfo.Capability.Type.Value(kind))
        info.checkpoint = True
        answer = world.post(call.SerializeToString())
        assert answer.head is not None
        assert answer.stream is not None
        self.stream_id = dict(answer.head.headers)["Mesos-Stream-Id"]
        self.stream = answer.stream
        self.framework_id = self.events()[0].subscribed.framework_id.value

    def join(self) -> None:
        """Register the agent: a big one, so that there is always room."""
        slave = i.SlaveInfo(hostname="honest", port=5051, checkpoint=True)
        for name, amount in (("cpus", 100.0), ("mem", 100_000.0)):
            slave.resources.add(name=name, type=m.Value.SCALAR).scalar.value = amount
        message = i.RegisterSlaveMessage(slave=slave, version="1.12.0")
        for capability in ("MULTI_ROLE", "HIERARCHICAL_ROLE", "RESERVATION_REFINEMENT"):
            message.agent_capabilities.add(type=m.AgentInfo.Capability.Type.Value(capability))
        self.world.message(AGENT, "mesos.internal.RegisterSlaveMessage", message.SerializeToString())
        self.agent_id = self.told(i.SlaveRegisteredMessage)[-1].slave_id.value

    def pong(self) -> None:
        """Answer pings."""
        self.world.message(AGENT, "mesos.internal.PongSlaveMessage", b"")

    def tend(self) -> None:
        """Do what a framework and an agent without work do: decline, and answer pings."""
        self.pong()
        self.events()
        if self.offers:
            call = self.call(s.Call.DECLINE)
            for offer_id in self.offers:
                call.decline.offer_ids.add(value=offer_id)
            call.decline.filters.refuse_seconds = 1.0
            self.offers.clear()
            self.post(call)

    def told(self, kind: Any) -> list[Any]:
        """Take what the agent was sent of a kind; the rest is dropped."""
        name = kind.DESCRIPTOR.full_name
        taken = [kind.FromString(body) for called, body in self.world.to_agent if called == name]
        self.world.to_agent.clear()
        return taken

    def events(self) -> list[s.Event]:
        """Take what the framework was sent, and keep its offers."""
        decoder = recordio.Decoder(1 << 26)
        records = [record for chunk in self.stream.written for record in decoder.feed(chunk)]
        self.stream.written.clear()
        events = [s.Event.FromString(record) for record in records]
        for event in events:
            self.offers |= {offer.id.value: offer.agent_id.value for offer in event.offers.offers}
            self.offers.pop(event.rescind.offer_id.value, None)
        return events

    def call(self, kind: s.Call.Type) -> s.Call:
        """A call of the framework."""
        call = s.Call(type=kind)
        call.framework_id.value = self.framework_id
        return call

    def post(self, call: s.Call) -> None:
        """Call; nothing may be refused."""
        answer = self.world.post(call.SerializeToString(), self.stream_id)
        assert answer.code == 202, answer.text

    def run_a_task(self) -> None:
        """Run a task from its offer to the acknowledgement of its end."""
        self.post(self.call(s.Call.REVIVE))
        offer_id = self._offer()
        self.tasks += 1
        accept = self.call(s.Call.ACCEPT)
        accept.accept.offer_ids.add(value=offer_id)
        del self.offers[offer_id]
        info = accept.accept.operations.add(type=m.Offer.Operation.LAUNCH).launch.task_infos.add(name="t")
        info.task_id.value, info.agent_id.value = f"honest-{self.tasks}", self.agent_id
        info.command.value = "true"
        info.resources.add(name="cpus", type=m.Value.SCALAR).scalar.value = 0.1
        accept.accept.filters.refuse_seconds = 0
        self.post(accept)
        run = self.told(i.RunTaskMessage)[-1]
        for state in (m.TASK_RUNNING, m.TASK_FINISHED):
            uuid = self._report(run, state)
            statuses = [event.update.status for event in self.events() if event.type == s.Event.UPDATE]
            assert [status.state for status in statuses] == [state]
            self._acknowledge(run, uuid)
            assert [a.uuid for a in self.told(i.StatusUpdateAcknowledgementMessage)] == [uuid]

    def _offer(self) -> str:
        """Wait for an offer that holds. The agent has failed what others launched meanwhile."""
        for _ in range(PATIENCE_S):
            self.world.run(1.0)
            self.pong()
            for run in self.told(i.RunTaskMessage):
                self._report(run, m.TASK_FAILED)
            self.events()
            mine = [o for o in self.offers if self.offers[o] == self.agent_id]
            if mine:
                return mine[-1]
        raise AssertionError("the honest framework is offered nothing")

    def _report(self, run: i.RunTaskMessage, state: m.TaskState) -> bytes:
        self.updates += 1
        uuid = self.updates.to_bytes(6, "big") + bytes([0x40]) + bytes(9)
        update = i.StatusUpdate(timestamp=1.0, uuid=uuid, latest_state=state)
        update.framework_id.CopyFrom(run.framework.id)
        update.slave_id.value = self.agent_id
        update.status.task_id.CopyFrom(run.task.task_id)
        update.status.state, update.status.uuid = state, uuid
        message = i.StatusUpdateMessage(update=update, pid=AGENT)
        self.world.message(AGENT, "mesos.internal.StatusUpdateMessage", message.SerializeToString())
        return uuid

    def _acknowledge(self, run: i.RunTaskMessage, uuid: bytes) -> None:
        call = self.call(s.Call.ACKNOWLEDGE)
        call.acknowledge.agent_id.value = self.agent_id
        call.acknowledge.task_id.CopyFrom(run.task.task_id)
        call.acknowledge.uuid = uuid
        self.post(call)
