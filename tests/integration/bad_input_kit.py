"""Peers of a real master: some behave and show that they are served, others do what a test wants."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from inspect import signature
from types import TracebackType
from typing import Any

from meseta.errors import UnreachableError
from meseta.runtime.client import HttpClient
from meseta.runtime.loop import run
from meseta.wire import recordio
from meseta.wire.gen import internal_pb2 as i
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.gen import scheduler_pb2 as s
from tests.integration.cluster import PlayedAgent

PROTOBUF = "application/x-protobuf"
PATIENCE_S = 60.0
SCENARIO_S = 240.0
RECORD_BYTES_MAX = 1 << 28


class HttpScheduler:
    """A scheduler on the v1 API, in protobuf. It keeps what it is told."""

    def __init__(self, address: str, *, wants_offers: bool = True, **info: Any) -> None:
        self.address = address
        self.url = f"http://{address}/api/v1/scheduler"
        self.info = m.FrameworkInfo(**{"user": "nobody", "name": "f", "roles": ["web"], **info})
        for kind in ("MULTI_ROLE", "RESERVATION_REFINEMENT", "PARTITION_AWARE"):
            self.info.capabilities.add(type=m.FrameworkInfo.Capability.Type.Value(kind))
        self.subscription = s.Call(type=s.Call.SUBSCRIBE)
        self.subscription.subscribe.framework_info.CopyFrom(self.info)
        if not wants_offers:
            self.subscription.subscribe.suppressed_roles.extend(self.info.roles)
        self.id = self.stream_id = ""
        self.told: list[s.Event] = []
        self.offers: dict[str, m.Offer] = {}
        self.only_agent: str | None = None
        """Offers of other agents are declined for good."""
        self.ended = asyncio.Event()
        self._came = asyncio.Event()
        self._client = HttpClient()

    def subscribe_as(self, framework_id: str) -> None:
        """Take over a framework that there is."""
        self.subscription.framework_id.value = framework_id
        self.subscription.subscribe.framework_info.id.value = framework_id

    async def __aenter__(self) -> HttpScheduler:
        headers = {"Content-Type": PROTOBUF, "Accept": PROTOBUF}
        body = self.subscription.SerializeToString()
        self._stream = await self._client.stream("POST", self.url, headers, body)
        assert self._stream.status == 200
        self.stream_id = self._stream.headers["mesos-stream-id"]
        self._reading = asyncio.ensure_future(self._read())
        self.id = (await self.event(s.Event.SUBSCRIBED)).subscribed.framework_id.value
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reading.cancel()
        await self._client.aclose()

    async def _read(self) -> None:
        decoder = recordio.Decoder(RECORD_BYTES_MAX)
        with suppress(UnreachableError):
            async for piece in self._stream:
                for record in decoder.feed(piece):
                    self._note(s.Event.FromString(record))
        self.ended.set()

    def _note(self, event: s.Event) -> None:
        self.told.append(event)
        for offer in event.offers.offers:
            self.offers[offer.id.value] = offer
        foreign = [o for o in self.offers.values() if self.only_agent not in (None, o.agent_id.value)]
        if foreign:
            self._declining = asyncio.ensure_future(self.decline(foreign))
        self.offers.pop(event.rescind.offer_id.value, None)
        self._came.set()

    async def event(
        self, kind: s.Event.Type, matching: Callable[[s.Event], bool] = lambda e: True
    ) -> s.Event:
        """Wait for an event, and take it; the others stay."""

        def find() -> s.Event | None:
            return next((event for event in self.told if event.type == kind and matching(event)), None)

        found = await self.when(find, s.Event.Type.Name(kind))
        self.told.remove(found)
        return found

    async def when(self, find: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> Any:
        """Wait until `find` finds something in what came, and return that."""
        try:
            async with asyncio.timeout(patience_s):
                while (found := find()) is None:
                    self._came.clear()
                    await self._came.wait()
                return found
        except TimeoutError:
            kinds = [s.Event.Type.Name(event.type) for event in self.told]
            raise AssertionError(f"waited in vain for {what}; there are {kinds[:20]}") from None

    async def offer(self) -> m.Offer:
        """Wait for an open offer."""
        return await self.when(lambda: next(iter(self.offers.values()), None), "an offer")

    async def only_offer(self, agent_id: str) -> m.Offer:
        """Wait for an offer of an agent; decline all others, and want no more."""
        offer: m.Offer = await self.when(
            lambda: next((o for o in self.offers.values() if o.agent_id.value == agent_id), None), "an offer"
        )
        await self.post(self.call(s.Call.SUPPRESS))
        await self.decline([other for other in self.offers.values() if other is not offer])
        return offer

    async def decline(self, offers: list[m.Offer]) -> None:
        """Refuse offers for a long time."""
        call = self.call(s.Call.DECLINE)
        call.decline.filters.refuse_seconds = 1e6
        for offer in offers:
            call.decline.offer_ids.append(offer.id)
            self.offers.pop(offer.id.value, None)
        await self.post(call)

    def call(self, kind: s.Call.Type) -> s.Call:
        """A call of this framework."""
        call = s.Call(type=kind)
        call.framework_id.value = self.id
        return call

    async def post(self, call: s.Call | bytes, **headers: str) -> tuple[int, str]:
        """Call; the status and text of the answer. A header named `x_y` is X-Y."""
        body = call if isinstance(call, bytes) else call.SerializePartialToString()
        fields = {"Content-Type": PROTOBUF, "Accept": PROTOBUF, "Mesos-Stream-Id": self.stream_id}
        fields.update({name.replace("_", "-").title(): value for name, value in headers.items()})
        answer = await self._client.request("POST", self.url, fields, body, timeout_s=PATIENCE_S)
        return answer.status, answer.body.decode()

    def launch(self, offer: m.Offer, *tasks: m.TaskInfo, refuse_s: float = 0.0) -> s.Call:
        """A call that launches tasks."""
        accept = self.call(s.Call.ACCEPT)
        accept.accept.offer_ids.append(offer.id)
        operation = accept.accept.operations.add(type=m.Offer.Operation.LAUNCH)
        operation.launch.task_infos.extend(tasks)
        accept.accept.filters.refuse_seconds = refuse_s
        self.offers.pop(offer.id.value, None)
        return accept

    async def acknowledge(self, status: m.TaskStatus) -> None:
        """Acknowledge an update."""
        call = self.call(s.Call.ACKNOWLEDGE)
        call.acknowledge.agent_id.CopyFrom(status.agent_id)
        call.acknowledge.task_id.CopyFrom(status.task_id)
        call.acknowledge.uuid = status.uuid
        assert (await self.post(call))[0] == 202


def task(name: str, agent_id: str, cpus: float = 0.1) -> m.TaskInfo:
    """A small command task."""
    info = m.TaskInfo(name=name)
    info.task_id.value, info.agent_id.value, info.command.value = name, agent_id, "true"
    info.resources.add(name="cpus", type=m.Value.SCALAR).scalar.value = cpus
    return info


class Bystander:
    """An agent and a framework that go on with their work, whatever others do."""

    def __init__(self, address: str) -> None:
        self.agent = PlayedAgent(f"master@{address}")
        self.framework = HttpScheduler(address, name="bystander", roles=["bystander"])
        self._numbers = itertools.count()

    async def __aenter__(self) -> Bystander:
        await self.agent.__aenter__()
        self.framework.only_agent = self.agent.id
        await self.framework.__aenter__()
        self._working = asyncio.ensure_future(self._work())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._working.cancel()
        await self.framework.__aexit__(kind, error, trace)
        await self.agent.__aexit__()

    async def _work(self) -> None:
        """The agent's part; it fails what is not ours."""
        process = self.agent.process
        while True:
            told = await process.receive(i.RunTaskMessage, timeout_s=1e6)
            if told.framework.id.value != self.framework.id:
                self.agent.update(told, m.TASK_FAILED, uuid.uuid4().bytes)
                continue
            for state in (m.TASK_RUNNING, m.TASK_FINISHED):
                name = uuid.uuid4().bytes
                self.agent.update(told, state, name)

    async def run_task(self) -> float:
        """Run a task from an offer to the acknowledgement of its end; how many seconds it took."""
        framework = self.framework
        started = time.monotonic()
        offer = await framework.when(self._own_offer, "an offer of the bystander's agent")
        name = f"t{next(self._numbers)}"
        assert (await framework.post(framework.launch(offer, task(name, self.agent.id))))[0] == 202
        for state in (m.TASK_RUNNING, m.TASK_FINISHED):
            event = await framework.event(s.Event.UPDATE, lambda e: e.update.status.task_id.value == name)
            assert event.update.status.state == state
            await framework.acknowledge(event.update.status)
        return time.monotonic() - started

    def _own_offer(self) -> m.Offer | None:
        offers = self.framework.offers.values()
        return next((offer for offer in offers if offer.agent_id.value == self.agent.id), None)

    @asynccontextmanager
    async def busy(self) -> AsyncIterator[list[float]]:
        """Run task after task all the while; the list is of the seconds that each took."""
        seconds: list[float] = []
        is_over = False

        async def go_on() -> None:
            while not is_over:
                seconds.append(await self.run_task())

        going = asyncio.ensure_future(go_on())
        try:
            yield seconds
        finally:
            is_over = True
            await going


def raw_request(call: s.Call, stream_id: str | None = None) -> bytes:
    """A call as bytes."""
    body = call.SerializeToString()
    head = f"POST /api/v1/scheduler HTTP/1.1\r\nHost: x\r\nContent-Type: {PROTOBUF}\r\nAccept: {PROTOBUF}\r\n"
    if stream_id is not None:
        head += f"Mesos-Stream-Id: {stream_id}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


class Raw:
    """One connection on which anything can be sent."""

    def __init__(self, address: str) -> None:
        self._host, _, port = address.partition(":")
        self._port = int(port)

    async def __aenter__(self) -> Raw:
        self.reader, self.writer = await asyncio.open_connection(self._host, self._port, limit=1 << 26)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.writer.transport.abort()  # type: ignore[attr-defined]
        await asyncio.sleep(0)

    def send(self, data: bytes) -> None:
        """Send these bytes."""
        self.writer.write(data)

    async def read_all(self) -> bytes:
        """All until the other side closes."""
        async with asyncio.timeout(PATIENCE_S):
            with suppress(ConnectionResetError):
                return await self.reader.read()
        return b""

    async def status(self) -> int:
        """The status of the next answer, whose body is read as well."""
        async with asyncio.timeout(PATIENCE_S):
            head = await self.reader.readuntil(b"\r\n\r\n")
            found = re.search(rb"(?i)content-length: *(\d+)", head)
            length = int(found[1]) if found is not None else 0
            await self.reader.readexactly(length)
            return int(head.split(b" ")[1])


async def metrics(address: str) -> dict[str, float]:
    """What /metrics/snapshot of a daemon says."""
    async with HttpClient() as client:
        answer = await client.request("GET", f"http://{address}/metrics/snapshot")
    numbers: dict[str, float] = json.loads(answer.body)
    return numbers


@asynccontextmanager
async def counted(address: str, name: str, least: int = 1) -> AsyncIterator[None]:
    """Check that a metric grows by at least so much."""
    before = (await metrics(address)).get(name, 0)
    yield
    async with asyncio.timeout(PATIENCE_S):
        while (now := (await metrics(address))[name]) - before < least:
            await asyncio.sleep(0.01)
    assert now - before >= least


def case(scenario: Any) -> Any:
    """Run an async test on the loop that production uses."""

    def wrapped(*arguments: Any, **named: Any) -> None:
        run(asyncio.wait_for(scenario(*arguments, **named), SCENARIO_S))

    wrapped.__name__ = scenario.__name__
    wrapped.__doc__ = scenario.__doc__
    wrapped.__signature__ = signature(scenario)  # type: ignore[attr-defined]
    return wrapped
