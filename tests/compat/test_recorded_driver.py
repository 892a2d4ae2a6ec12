"""Two drivers of the v0 protocol, message by message, with a live Mesos: our master answers alike.

They subscribe from the same pid and from another one, with and without force, use every message that is older
than `mesos.scheduler.Call`, and send what is malformed. Requests are sent byte by byte as recorded, but for
ports and ids; answers, and messages with their contents, must be as recorded and in the same order. Offers
come when the allocator makes them, so they are in order among themselves only.
"""

from __future__ import annotations

import asyncio
import json
import re
from base64 import b64decode
from collections import deque
from pathlib import Path
from typing import Any

from meseta.runtime.loop import new_event_loop
from meseta.testing.process import Process
from meseta.wire.gen import internal_pb2 as i
from meseta.wire.gen import scheduler_v0_pb2 as v0
from meseta.wire.json import from_dict, to_dict
from tests.compat.scheduler_replay import WAIT_S, Json, RecordedAgent, normal
from tests.integration.cluster import pid_of, running_master

DATA = Path(__file__).parent / "data" / "libprocess" / "own-driver.jsonl"
STEPS: list[Json] = [json.loads(line) for line in DATA.read_text().splitlines()]
THEIR_ID = "b3eda3e5-ec75-4938-8a1c-a2403b36861a"
OFFERS = "mesos.internal.ResourceOffersMessage"
AS_IT_IS = ("garbage body", "empty body", "unknown message name", "message to an unknown process")
"""What has no contents that could be translated."""
PORTS = {"scheduler-x": "17175", "scheduler-y": "17176"}


def class_of(name: str) -> type[Any]:
    """The class of a message by its name on the wire."""
    if name == "mesos.scheduler.Call":
        return v0.Call
    kind: type[Any] = getattr(i, name.rpartition(".")[2])
    return kind


def content(step: Json) -> Json:
    """The contents of a recorded message."""
    return to_dict(class_of(step["message"]).FromString(b64decode(step["body_b64"])))


class Driver:
    """One driver: its process, and the connection on which it talks to the master."""

    def __init__(self, name: str) -> None:
        self.process = Process(name)
        self.heard: deque[tuple[str, Json]] = deque()
        self.offers: deque[Json] = deque()
        self.came = asyncio.Event()
        self.process.on_receive = self._take
        self._connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    def _take(self, sender: str, name: str, body: bytes) -> bool:
        assert sender.startswith("master@")
        message = to_dict(class_of(name).FromString(body))
        if name == OFFERS:
            self.offers.append(message)
        else:
            self.heard.append((name, message))
        self.came.set()
        return True

    async def next(self, queue: deque[Any]) -> Any:
        """The next of what comes in one of the queues."""
        try:
            async with asyncio.timeout(WAIT_S):
                while not queue:
                    self.came.clear()
                    await self.came.wait()
        except TimeoutError:
            raise AssertionError(f"nothing comes; else there are {self.heard} and {self.offers}") from None
        return queue.popleft()

    async def send(self, port: int, request: bytes) -> int:
        """Send a request to the master; return the status code of its answer."""
        if self._connection is None:
            self._connection = await asyncio.open_connection("127.0.0.1", port)
        reader, writer = self._connection
        writer.write(request)
        head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), WAIT_S)).decode()
        length = re.findall(r"Content-Length: (\d+)", head)
        await reader.readexactly(int(length[0]))
        return int(head.split()[1])


class Replay:
    """The recorded conversation under way."""

    def __init__(self, port: int, our_id: str, agent: RecordedAgent, drivers: dict[str, Driver]) -> None:
        self._port = port
        self._our_id = our_id
        self._agent = agent
        self._drivers = drivers
        self._offer_ids: dict[str, str] = {}

    async def run(self) -> None:
        """Take all steps; rescinds that come one after the other are told in no order."""
        steps = deque(STEPS)
        while steps:
            step = steps.popleft()
            if "say" in step:
                await self._say(step)
                continue
            expected = [step]
            while "Rescind" in step["hear"] and steps and steps[0].get("hear") == step["hear"]:
                expected.append(steps.popleft())
            await self._hear(expected)

    async def _say(self, step: Json) -> None:
        body = b64decode(step["body_b64"])
        if step["say"] not in AS_IT_IS:
            text = json.dumps(content(step))
            for theirs, ours in self._offer_ids.items():
                text = text.replace(f'"{theirs}"', f'"{ours}"')
            text = text.replace(THEIR_ID, self._our_id)
            body = from_dict(class_of(step["message"]), json.loads(text)).SerializeToString()
        driver = self._drivers[step["driver"]]
        fields = [*step["headers"], ["Host", f"127.0.0.1:{self._port}"], ["Content-Length", str(len(body))]]
        head = "\r\n".join([step["line"], *(f"{name}: {value}" for name, value in fields), "", ""])
        for name, port in PORTS.items():
            head = head.replace(f":{port}", f":{self._drivers[name].process.port}")
        assert await driver.send(self._port, head.encode() + body) == step["answer"], step["say"]

    async def _hear(self, steps: list[Json]) -> None:
        driver = self._drivers[steps[0]["driver"]]
        if steps[0]["hear"] == OFFERS:
            await self._hear_offers(driver, steps[0])
            return
        expected, heard = [], []
        for step in steps:
            message = class_of(step["hear"]).FromString(b64decode(step["body_b64"]))
            expected.append((step["hear"], normal(to_dict(message), THEIR_ID)))
            if step["hear"].endswith("StatusUpdateMessage") and message.update.uuid:
                self._play_agent(message.update)
            name, ours = await driver.next(driver.heard)
            heard.append((name, normal(ours, self._our_id)))
        assert heard == expected, f"\nheard    {heard}\nrecorded {expected}"

    async def _hear_offers(self, driver: Driver, step: Json) -> None:
        theirs = to_dict(i.ResourceOffersMessage.FromString(b64decode(step["body_b64"])))
        ours = await driver.next(driver.offers)
        assert normal(ours, self._our_id) == normal(theirs, THEIR_ID)
        for mine, recorded in zip(ours["offers"], theirs["offers"], strict=True):
            self._offer_ids[recorded["id"]["value"]] = mine["id"]["value"]

    def _play_agent(self, update: i.StatusUpdate) -> None:
        status = update.status
        status.agent_id.value = self._agent.id
        self._agent.say(update.framework_id.value.replace(THEIR_ID, self._our_id), status)


async def replay() -> None:
    async with (
        running_master("--hostname=127.0.0.1", "--allocation_interval=20ms") as master,
        RecordedAgent(pid_of(master), with_attributes=False) as agent,
    ):
        drivers = {name: Driver(name) for name in PORTS}
        async with drivers["scheduler-x"].process, drivers["scheduler-y"].process:
            await Replay(master.port, master.machine.state.config.id, agent, drivers).run()
            for driver in drivers.values():
                assert not driver.heard


def test_drivers_hear_what_mesos_told_them() -> None:
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(replay())


HEAD = """\
POST /scheduler-x/mesos.internal.FrameworkRegisteredMessage HTTP/1.1
User-Agent: libprocess/master@127.0.0.1:{master}
Libprocess-From: master@127.0.0.1:{master}
Connection: Keep-Alive
Host: 127.0.0.1:{driver}
Transfer-Encoding: chunked

"""
"""How a live Mesos began its answer to a driver, on a connection of its own."""


async def answer_to_a_subscription() -> tuple[bytes, int, int]:
    """What the master sends to a driver that subscribes, byte for byte, and the ports of both."""
    received: asyncio.Queue[bytes] = asyncio.Queue()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.put_nowait(await reader.readuntil(b"\r\n0\r\n\r\n"))
        writer.close()

    subscribe = {"type": "SUBSCRIBE", "subscribe": {"framework_info": {"user": "u", "name": "f"}}}
    subscription = from_dict(v0.Call, subscribe)
    async with running_master() as master, Process("unused") as process:
        server = await asyncio.start_server(listen, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        process.send(pid_of(master), subscription, sender=f"scheduler-x@127.0.0.1:{port}")
        raw = await asyncio.wait_for(received.get(), WAIT_S)
        server.close()
        return raw, master.port, port


def test_an_answer_is_framed_as_mesos_frames_it() -> None:
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        raw, master, driver = runner.run(answer_to_a_subscription())
    head = HEAD.format(master=master, driver=driver).replace("\n", "\r\n").encode()
    assert raw.startswith(head)
    size, _, rest = raw[len(head) :].partition(b"\r\n")
    body, end = rest[: int(size, 16)], rest[int(size, 16) :]
    assert end == b"\r\n0\r\n\r\n"
    assert i.FrameworkRegisteredMessage.FromString(body).master_info.port == master
