"""Load for a real master: emulated agents on one port, and frameworks on HTTP, in one process.

An emulated agent registers, answers pings, and says RUNNING and FINISHED for every task at once; it keeps
the order of Mesos's messages (the next update after the acknowledgement of the former). A framework
subscribes with protobuf, accepts every offer with as many tasks as fit, and acknowledges every update.
Messages are spliced by hand, because the generator shares two cores with what it measures.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import time

from meseta import ids
from meseta.runtime.http1 import Request, text_response
from meseta.runtime.links import Links
from meseta.runtime.server import HttpServer
from meseta.runtime.streams import Responder
from meseta.wire import recordio
from meseta.wire.gen import internal_pb2 as i
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.gen import scheduler_pb2 as s
from meseta.wire.splice import field, number

CPUS_PER_AGENT = 4
CAPABILITIES = ("MULTI_ROLE", "HIERARCHICAL_ROLE", "RESERVATION_REFINEMENT", "RESOURCE_PROVIDER")
RUNNING, FINISHED = 1, 2


def agent_resources(cpus: int) -> list[m.Resource]:
    """Return what each emulated agent has."""
    amounts = (("cpus", cpus), ("mem", 1024 * cpus), ("disk", 10000))
    resources = [m.Resource(name=name, type=m.Value.SCALAR) for name, _ in amounts]
    for resource, (_, amount) in zip(resources, amounts, strict=True):
        resource.scalar.value = amount
    ports = m.Resource(name="ports", type=m.Value.RANGES)
    ports.ranges.range.add(begin=31000, end=32000)
    return [*resources, ports]


class Agents:
    """Emulated agents, all behind one port as `slave(N)`."""

    def __init__(
        self,
        count: int,
        master: str,
        *,
        hold: bool = False,
        first: int = 1,
        cpus: int = CPUS_PER_AGENT,
        task_s: float = 0.0,
    ) -> None:
        """`hold`: tasks stay RUNNING; else they run for about `task_s`. `first` numbers the agents."""
        self._task_s = task_s
        self._cpus = cpus
        self._count = count
        self._first = first
        self._master = master
        self._hold = hold
        self._address = ""
        self._ids: dict[str, bytes] = {}
        self._waiting: dict[tuple[str, bytes], bytes] = {}
        self._entropy = random.Random(7)
        self.registered = 0

    async def start(self) -> None:
        """Register all agents and return when all are admitted."""
        self._server = HttpServer(self._refuse, on_message=self._on_message)
        host, port = await self._server.listen("127.0.0.1", 0)
        self._address = f"{host}:{port}"
        self._links = Links()
        for n in range(self._first, self._first + self._count):
            self._send(n, "RegisterSlaveMessage", self._registration(n, port))
            if n % 200 == 0:
                await asyncio.sleep(0.01)
        while self.registered < self._count:
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        """Drop all connections."""
        await self._server.close()
        await self._links.close()

    def _refuse(self, request: Request, responder: Responder) -> None:
        responder.send(text_response(404, "nothing here"))

    def _registration(self, n: int, port: int) -> bytes:
        info = i.SlaveInfo(
            hostname=f"host{n}", port=port, checkpoint=True, resources=agent_resources(self._cpus)
        )
        message = i.RegisterSlaveMessage(slave=info, version="1.12.0")
        for name in CAPABILITIES:
            message.agent_capabilities.add(type=m.AgentInfo.Capability.Type.Value(name))
        return message.SerializeToString()

    def _reregistration(self, n: int) -> i.ReregisterSlaveMessage:
        """Return what an agent that is admitted says to the next master, without what it runs."""
        port = int(self._address.rpartition(":")[2])
        registration = i.RegisterSlaveMessage.FromString(self._registration(n, port))
        message = i.ReregisterSlaveMessage(version=registration.version, slave=registration.slave)
        message.slave.id.value = self._ids[f"slave({n})"].decode()
        message.agent_capabilities.extend(registration.agent_capabilities)
        return message

    def _send(self, n: int | str, name: str, body: bytes, to: str | None = None) -> None:
        sender = n if isinstance(n, str) else f"slave({n})"
        self._links.send(to or self._master, f"{sender}@{self._address}", f"mesos.internal.{name}", body)

    def _on_message(self, receiver: str, sender: str, name: str, body: bytes) -> bool:
        kind = name[len("mesos.internal.") :]
        if kind == "RunTaskMessage":
            self._run(receiver, body)
        elif kind == "StatusUpdateAcknowledgementMessage":
            self._acknowledged(receiver, body)
        elif kind == "PingSlaveMessage":
            self._send(receiver, "PongSlaveMessage", b"", sender)
        elif kind == "SlaveRegisteredMessage":
            self._ids[receiver] = i.SlaveRegisteredMessage.FromString(body).slave_id.value.encode()
            self.registered += 1
        return True

    def _run(self, receiver: str, body: bytes) -> None:
        message = i.RunTaskMessage.FromString(body)
        framework_id = message.framework.id.value.encode()
        task_id = message.task.task_id.value.encode()
        self._update(receiver, framework_id, task_id, RUNNING)

    def _acknowledged(self, receiver: str, body: bytes) -> None:
        message = i.StatusUpdateAcknowledgementMessage.FromString(body)
        key = (receiver, message.task_id.value.encode())
        framework_id = self._waiting.pop(key, None)
        if framework_id is None:
            return
        if self._task_s:
            loop = asyncio.get_running_loop()
            delay_s = self._task_s * (0.5 + self._entropy.random())
            loop.call_later(delay_s, self._update, receiver, framework_id, key[1], FINISHED)
        else:
            self._update(receiver, framework_id, key[1], FINISHED)

    def _update(self, receiver: str, framework_id: bytes, task_id: bytes, state: int) -> None:
        if state == RUNNING and not self._hold:
            self._waiting[(receiver, task_id)] = framework_id
        agent_id = self._ids[receiver]
        uuid = ids.new_uuid(self._entropy)
        status = i.StatusUpdate(timestamp=time.time())
        status.status.timestamp = status.timestamp
        tail = status.SerializePartialToString()
        inner = b"".join(
            (
                field(1, field(1, task_id)),
                number(2, state),
                field(5, field(1, agent_id)),
                field(7, field(1, task_id)),
                number(9, 2),
                field(11, uuid),
            )
        )
        update = b"".join(
            (
                field(1, field(1, framework_id)),
                field(2, field(1, task_id)),
                field(3, field(1, agent_id)),
                tail,
                field(4, inner),
                field(6, uuid),
                number(7, state),
            )
        )
        pid = f"{receiver}@{self._address}".encode()
        self._send(receiver, "StatusUpdateMessage", field(1, update) + field(2, pid))


class Framework(asyncio.Protocol):
    """One framework: the stream of its events, and a second connection for its calls."""

    _names = itertools.count()

    def __init__(
        self,
        master: str,
        *,
        tasks_per_offer: int = CPUS_PER_AGENT,
        freed_at: dict[bytes, float] | None = None,
    ) -> None:
        """`freed_at`: when tasks of an agent ended, shared by frameworks that are offered each other's."""
        host, _, port = master.partition("@")[2].rpartition(":")
        self._host, self._port = host, int(port)
        self._number = next(Framework._names)
        self._tasks_per_offer = tasks_per_offer
        self._tasks = itertools.count()
        self._decoder = recordio.Decoder(64 << 20)
        self._buffer = b""
        self._in_body = False
        self._id = b""
        self._stream_id = b""
        self._calls: asyncio.Transport | None = None
        self._outbox: list[bytes] = []
        self.limit: int | None = None
        self.launched = 0
        self.done = 0
        self.accepted_at: dict[bytes, float] = {}
        self.to_running_s: list[float] = []
        self.to_offer_s: list[float] = []
        self._freed_at = freed_at if freed_at is not None else {}

    async def start(self) -> None:
        """Subscribe."""
        loop = asyncio.get_running_loop()
        call = s.Call(type=s.Call.SUBSCRIBE)
        info = call.subscribe.framework_info
        info.user, info.name, info.roles[:] = "nobody", f"load-{self._number}", ["*"]
        for kind in ("MULTI_ROLE", "RESERVATION_REFINEMENT", "PARTITION_AWARE"):
            info.capabilities.add(type=m.FrameworkInfo.Capability.Type.Value(kind))
        transport, _ = await loop.create_connection(lambda: self, self._host, self._port)
        transport.write(self._post(call.SerializeToString()))
        calls, _ = await loop.create_connection(asyncio.Protocol, self._host, self._port)
        self._calls = calls

    def _post(self, body: bytes) -> bytes:
        stream = b"Mesos-Stream-Id: " + self._stream_id + b"\r\n" if self._stream_id else b""
        return (
            b"POST /api/v1/scheduler HTTP/1.1\r\nHost: master\r\nContent-Type: application/x-protobuf\r\n"
            b"Accept: application/x-protobuf\r\n" + stream + b"Content-Length: %d\r\n\r\n" % len(body) + body
        )

    def _call(self, body: bytes) -> None:
        if not self._outbox:
            asyncio.get_running_loop().call_soon(self._flush)
        self._outbox.append(self._post(field(1, field(1, self._id)) + body))

    def _flush(self) -> None:
        data, self._outbox = b"".join(self._outbox), []
        assert self._calls is not None, "calls follow the subscription"
        self._calls.write(data)

    def data_received(self, data: bytes) -> None:
        """Take pieces of the stream: the head, then chunks of records."""
        self._buffer += data
        if not self._in_body:
            head, separator, rest = self._buffer.partition(b"\r\n\r\n")
            if not separator:
                return
            self._stream_id = next(
                line.split(b": ")[1] for line in head.split(b"\r\n") if line.startswith(b"Mesos-Stream-Id")
            )
            self._buffer, self._in_body = rest, True
        self._take_chunks()

    def _take_chunks(self) -> None:
        buffer, at = self._buffer, 0
        while True:
            end = buffer.find(b"\r\n", at)
            if end < 0:
                break
            size = int(buffer[at:end], 16)
            if len(buffer) < end + 2 + size + 2:
                break
            for record in self._decoder.feed(buffer[end + 2 : end + 2 + size]):
                self._on_event(s.Event.FromString(record))
            at = end + 2 + size + 2
        self._buffer = buffer[at:]

    def _on_event(self, event: s.Event) -> None:
        if event.type == s.Event.OFFERS:
            for offer in event.offers.offers:
                self._on_offer(offer)
        elif event.type == s.Event.UPDATE:
            self._on_update(event.update.status)
        elif event.type == s.Event.SUBSCRIBED:
            self._id = event.subscribed.framework_id.value.encode()

    def _on_offer(self, offer: m.Offer) -> None:
        agent_id = offer.agent_id.value.encode()
        freed = self._freed_at.pop(agent_id, None)
        if freed is not None:
            self.to_offer_s.append(time.perf_counter() - freed)
        cpus = next((r.scalar.value for r in offer.resources if r.name == "cpus"), 0)
        count = min(int(cpus), self._tasks_per_offer)
        if self.limit is not None:
            count = min(count, self.limit - self.launched)
        tasks = b"".join([self._task(agent_id) for _ in range(count)])
        offer_id = field(1, field(1, offer.id.value.encode()))
        operation = field(2, number(1, 1) + field(2, tasks)) if count else b""
        no_filter = field(3, b"\x09" + bytes(8))
        self._call(number(2, s.Call.ACCEPT) + field(4, offer_id + operation + no_filter))
        self.launched += count

    def _task(self, agent_id: bytes) -> bytes:
        task_id = b"t%d-%d" % (self._number, next(self._tasks))
        self.accepted_at[task_id] = time.perf_counter()
        return field(
            1,
            b"".join(
                (field(1, task_id), field(2, field(1, task_id)), field(3, field(1, agent_id)), TASK_TAIL)
            ),
        )

    def _on_update(self, status: m.TaskStatus) -> None:
        task_id, agent_id = status.task_id.value.encode(), status.agent_id.value.encode()
        if status.state == m.TASK_RUNNING:
            self.to_running_s.append(time.perf_counter() - self.accepted_at.pop(task_id))
        elif status.state == m.TASK_FINISHED:
            self.done += 1
            self._freed_at.setdefault(agent_id, time.perf_counter())
        else:
            raise RuntimeError(f"{task_id!r}: {m.TaskState.Name(status.state)} {status.message}")
        if status.uuid:
            acknowledge = field(1, field(1, agent_id)) + field(2, field(1, task_id)) + field(3, status.uuid)
            self._call(number(2, s.Call.ACKNOWLEDGE) + field(8, acknowledge))


def _task_tail() -> bytes:
    task = m.TaskInfo()
    for name, amount in (("cpus", 1.0), ("mem", 32.0)):
        resource = task.resources.add(name=name, type=m.Value.SCALAR)
        resource.scalar.value = amount
        resource.allocation_info.role = "*"
    task.command.value = "true"
    label = task.labels.labels.add()
    label.key, label.value = "purpose", "load"
    return task.SerializePartialToString()


TASK_TAIL = _task_tail()
