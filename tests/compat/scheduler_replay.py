"""Replays the session of a scheduler with a live Mesos 1.12 to our master, call by call and event by event.

A recording is a list of steps: the scheduler asks, hears an event, sees its stream end, or drops it. What an
executor said in the recording is said here by a played agent. Ids and times are ours; everything else of what
the scheduler hears must be as recorded, in the same order. Only offers are not in order with the rest: when
they come depends on the allocator's timing, so the replay waits for one with the recorded contents.
"""

from __future__ import annotations

import asyncio
import json
import re
from base64 import b64decode
from pathlib import Path
from typing import Any

from meseta.daemon.master import MasterDaemon
from meseta.wire.gen import internal_pb2 as i
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.gen import scheduler_pb2 as s
from meseta.wire.json import from_dict, to_dict
from tests.integration.cluster import PlayedAgent, pid_of

DATA = Path(__file__).parent / "data" / "scheduler"
WAIT_S = 60.0
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
OFFER = re.compile(r"MASTER-O\d+")
ADDRESS = re.compile(r"127\.0\.0\.1:\d+")

SHRINKING = "Invalid SHRINK_VOLUME operation: "

Json = dict[str, Any]


def steps_of(name: str) -> list[Json]:
    """The steps of a recording."""
    return [json.loads(line) for line in (DATA / name).read_text().splitlines()]


class RecordedAgent(PlayedAgent):
    """An agent with what the recorded one had."""

    def __init__(self, master: str, *, with_attributes: bool = True) -> None:
        super().__init__(master)
        self._with_attributes = with_attributes

    def registration(self) -> i.RegisterSlaveMessage:
        slave = i.SlaveInfo(hostname="127.0.0.1", port=self.process.port, checkpoint=True)
        ports = slave.resources.add(name="ports", type=m.Value.RANGES)
        ports.ranges.range.add(begin=31000, end=32000)
        for name, amount in (("cpus", 4.0), ("mem", 4096.0), ("disk", 20000.0)):
            slave.resources.add(name=name, type=m.Value.SCALAR).scalar.value = amount
        if self._with_attributes:
            slave.attributes.add(name="rack", type=m.Value.TEXT).text.value = "r1"
            slave.attributes.add(name="slot", type=m.Value.SCALAR).scalar.value = 3
            slave.attributes.add(name="range", type=m.Value.RANGES).ranges.range.add(begin=1, end=10)
        capabilities = [m.AgentInfo.Capability(type=number) for number in range(1, 9)]  # type: ignore[arg-type]
        message = i.RegisterSlaveMessage(slave=slave, version="1.12.0", agent_capabilities=capabilities)
        message.resource_version_uuid.value = b"0123456789abcdef"
        return message

    def say(self, framework_id: str, status: m.TaskStatus) -> None:
        """Send a status of an executor."""
        update = i.StatusUpdate(timestamp=status.timestamp, uuid=status.uuid, latest_state=status.state)
        update.framework_id.value = framework_id
        update.executor_id.CopyFrom(status.executor_id)
        update.slave_id.value = status.agent_id.value
        update.status.CopyFrom(status)
        self.process.send(self.master, i.StatusUpdateMessage(update=update, pid=self.process.pid))


class Stream:
    """One subscription, read as bytes by code that is not the product's."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, as_json: bool) -> None:
        self._reader = reader
        self.writer = writer
        self._as_json = as_json
        self.id = ""
        self.offers: dict[str, Json] = {}
        """By id, those that were not answered."""
        self.heard: list[str] = []
        """Types of all events."""
        self.ended = asyncio.Event()
        """The last, empty chunk has come."""
        self._events: asyncio.Queue[Json] = asyncio.Queue()
        self.offered = asyncio.Event()

    async def read(self) -> None:
        """Take events until the stream ends."""
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        assert head.startswith("HTTP/1.1 200 OK\r\n"), head
        self.id = re.findall(r"Mesos-Stream-Id: (\S+)", head)[0]
        while (size := int(await self._reader.readline(), 16)) > 0:
            chunk = (await self._reader.readexactly(size + 2))[:-2]
            length, _, record = chunk.partition(b"\n")
            assert int(length) == len(record), "one record a chunk, as Mesos sends them"
            self._take(json.loads(record) if self._as_json else to_dict(s.Event.FromString(record)))
        self.ended.set()

    def _take(self, event: Json) -> None:
        self.heard.append(event["type"])
        if event["type"] == "OFFERS":
            self.offers |= {offer["id"]["value"]: offer for offer in event["offers"]["offers"]}
            self.offered.set()
        elif event["type"] != "HEARTBEAT":
            self._events.put_nowait(event)

    async def next(self) -> Json:
        """The next event that is neither offers nor a heartbeat."""
        return await asyncio.wait_for(self._events.get(), WAIT_S)


class Replay:
    """A recording under way, with a master and an agent that are ours."""

    def __init__(self, master: MasterDaemon, agent: RecordedAgent, steps: list[Json]) -> None:
        self._daemon = master
        self._agent = agent
        self._steps = steps
        self.as_json = "body" in steps[0]
        first = next(self._body(step, s.Event) for step in steps if step.get("hear") == "SUBSCRIBED")
        self._their_id: str = first["subscribed"]["master_info"]["id"]
        self._our_id: str = master.machine.state.config.id
        self._framework_id = ""
        self._offer_ids: dict[str, str] = {}
        """Ours, by those recorded."""
        self.streams: dict[str, Stream] = {}
        self._readers: list[asyncio.Task[None]] = []
        self._steps_taken = 0

    async def run(self) -> None:
        """Take all steps."""
        try:
            while self._steps_taken < len(self._steps):
                step = self._steps[self._steps_taken]
                if "hear" in step and step["hear"] != "OFFERS":
                    await self._hear_all()
                    continue
                self._steps_taken += 1
                if "ask" in step:
                    await self._ask(step)
                elif "hear" in step:
                    await self._find_offer(step)
                elif "end" in step:
                    await asyncio.wait_for(self.streams[step["end"]].ended.wait(), WAIT_S)
                else:
                    await self._drop(step["drop"])
        finally:
            for reader in self._readers:
                reader.cancel()

    # ── asking ────────────────────────────────────────────────────────────────────────────────────────

    async def _ask(self, step: Json) -> None:
        headers = {"Accept": step.get("accept", "application/json" if self.as_json else "*/*;q=0")}
        body = await self._call(step)
        if step.get("stream"):
            await self._subscribe(step["session"], body)
            return
        code, text = await self._post(step["session"], body, headers)
        expected = (step.get("code", 202), normal(step.get("text", ""), self._their_id))
        heard = (code, normal(text, self._our_id))
        if "regex" in expected[1]:  # Expressions are refused altogether, with another sentence.
            heard, expected = heard[:1], expected[:1]
        assert heard == expected, f"{step['ask']}: {heard}, recorded {expected}"
        await self._check_agent(self._body(step, s.Call), accepted=code == 202)

    async def _call(self, step: Json) -> bytes:
        """The recorded call in our ids."""
        text = json.dumps(self._body(step, s.Call))
        for theirs in re.findall(f"{self._their_id}-O\\d+", text):
            text = text.replace(f'"{theirs}"', f'"{await self._our_offer(step["session"], theirs)}"')
        text = text.replace(self._their_id, self._our_id)
        return text.encode() if self.as_json else from_dict(s.Call, json.loads(text)).SerializeToString()

    async def _our_offer(self, session: str, theirs: str) -> str:
        """The offer that stands for a recorded one: the one found, else the next that comes."""
        stream = self.streams[session]
        async with asyncio.timeout(WAIT_S):
            while theirs not in self._offer_ids:
                stream.offered.clear()
                if stream.offers:
                    self._offer_ids[theirs] = next(iter(stream.offers))
                else:
                    await stream.offered.wait()
        stream.offers.pop(self._offer_ids[theirs], None)
        return self._offer_ids[theirs]

    async def _subscribe(self, session: str, body: bytes) -> None:
        stream = await self._open(body)
        self.streams[session] = stream
        self._readers.append(asyncio.create_task(stream.read()))

    async def _open(self, body: bytes) -> Stream:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._daemon.port)
        writer.write(self._request(body, {"Accept": self._content_type}))
        return Stream(reader, writer, as_json=self.as_json)

    @property
    def _content_type(self) -> str:
        return "application/json" if self.as_json else "application/x-protobuf"

    def _request(self, body: bytes, headers: dict[str, str]) -> bytes:
        fields = {
            "Host": "x",
            "Content-Type": self._content_type,
            "Content-Length": str(len(body)),
            **headers,
        }
        head = [
            "POST /api/v1/scheduler HTTP/1.1",
            *(f"{name}: {value}" for name, value in fields.items()),
        ]
        return "\r\n".join([*head, "", ""]).encode() + body

    async def _post(self, session: str, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._daemon.port)
        stream_id = self.streams[session].id
        writer.write(self._request(body, {**headers, "Mesos-Stream-Id": stream_id, "Connection": "close"}))
        head, _, text = (await asyncio.wait_for(reader.read(), WAIT_S)).decode().partition("\r\n\r\n")
        writer.close()
        return int(head.split()[1]), text

    async def _drop(self, session: str) -> None:
        """Break a stream, and wait until the master has seen it."""
        self.streams[session].writer.close()
        framework = next(iter(self._daemon.machine.state.frameworks.values()))
        async with asyncio.timeout(WAIT_S):
            while framework.connected:
                await asyncio.sleep(0.01)

    # ── the agent ─────────────────────────────────────────────────────────────────────────────────────

    async def _check_agent(self, call: Json, *, accepted: bool) -> None:
        """See that the agent is told what a call asks of it."""
        process = self._agent.process
        if call["type"] == "ACKNOWLEDGE":
            uuid = b64decode(call["acknowledge"]["uuid"])
            await process.receive(i.StatusUpdateAcknowledgementMessage, lambda told: told.uuid == uuid)
        elif call["type"] == "ACKNOWLEDGE_OPERATION_STATUS" and accepted:
            uuid = b64decode(call["acknowledge_operation_status"]["uuid"])
            await process.receive(
                i.AcknowledgeOperationStatusMessage, lambda told: told.status_uuid.value == uuid
            )
        elif call["type"] == "SHUTDOWN":
            told = await process.receive(i.ShutdownExecutorMessage)
            assert told.executor_id.value == call["shutdown"]["executor_id"]["value"]
        elif call["type"] == "KILL" and "kill_policy" in call["kill"]:
            killed = await process.receive(i.KillTaskMessage)
            assert to_dict(killed)["kill_policy"] == call["kill"]["kill_policy"]

    async def _play_agent(self, event: Json) -> None:
        """Say what the recorded agent must have said for the scheduler to hear this event."""
        if event["type"] == "UPDATE_OPERATION_STATUS":
            await self._end_operation(event["update_operation_status"]["status"])
        elif event["type"] == "UPDATE" and "uuid" in event["update"]["status"]:
            text = json.dumps(event["update"]["status"]).replace(self._their_id, self._our_id)
            self._agent.say(self._framework_id, from_dict(m.TaskStatus, json.loads(text)))
        elif event["type"] == "FAILURE":
            exited = i.ExitedExecutorMessage(status=event["failure"]["status"])
            exited.slave_id.value, exited.framework_id.value = self._agent.id, self._framework_id
            exited.executor_id.value = event["failure"]["executor_id"]["value"]
            self._agent.process.send(pid_of(self._daemon), exited)

    async def _end_operation(self, status: Json) -> None:
        """Report the end of an operation that the agent is told to apply; others end at the master."""
        if "uuid" not in status:
            return
        told = await self._agent.process.receive(
            i.ApplyOperationMessage,
            lambda told: told.operation_info.id.value == status["operation_id"]["value"],
        )
        text = json.dumps(status).replace(self._their_id, self._our_id)
        update = i.UpdateOperationStatusMessage(status=from_dict(m.OperationStatus, json.loads(text)))
        update.latest_status.CopyFrom(update.status)
        update.slave_id.value, update.framework_id.value = self._agent.id, self._framework_id
        update.operation_uuid.CopyFrom(told.operation_uuid)
        self._agent.process.send(self._agent.master, update)

    # ── hearing ───────────────────────────────────────────────────────────────────────────────────────

    async def _hear_all(self) -> None:
        """Hear the events up to the next step of another kind, and compare them."""
        expected, heard = [], []
        while (step := self._peek()) is not None and step.get("hear", "OFFERS") != "OFFERS":
            event = self._body(step, s.Event)
            await self._play_agent(event)
            expected.append((step["session"], normal(event, self._their_id)))
            actual = await self.streams[step["session"]].next()
            if actual["type"] == "SUBSCRIBED":
                self._framework_id = actual["subscribed"]["framework_id"]["value"]
            heard.append((step["session"], normal(actual, self._our_id)))
            self._steps_taken += 1
        if all(is_reconciliation(event) for _, event in expected):
            expected.sort(key=str)  # What is known is told in no order.
            heard.sort(key=str)
        for ours, theirs in zip(heard, expected, strict=True):
            assert ours == theirs, f"\nheard    {ours}\nrecorded {theirs}"

    def _peek(self) -> Json | None:
        return self._steps[self._steps_taken] if self._steps_taken < len(self._steps) else None

    async def _find_offer(self, step: Json) -> None:
        """Wait for an offer like the recorded one; offers of parts of it are declined until they are one."""
        (recorded,) = self._body(step, s.Event)["offers"]["offers"]
        wanted, stream = normal(recorded, self._their_id), self.streams[step["session"]]
        seen: list[Json] = []
        try:
            async with asyncio.timeout(WAIT_S):
                while True:
                    stream.offered.clear()
                    for id, offer in stream.offers.items():
                        seen.append(normal(offer, self._our_id))
                        if seen[-1] == wanted:
                            self._offer_ids[recorded["id"]["value"]] = id
                            return
                    if stream.offers:
                        await self._decline(step["session"])
                    await stream.offered.wait()
        except TimeoutError:
            raise AssertionError(f"no offer like {wanted} in {seen[-3:]}") from None

    async def _decline(self, session: str) -> None:
        ids = [{"value": id} for id in self.streams[session].offers]
        self.streams[session].offers.clear()
        decline = {"offer_ids": ids, "filters": {"refuse_seconds": 0.0}}
        call = {"type": "DECLINE", "framework_id": {"value": self._framework_id}, "decline": decline}
        body = json.dumps(call).encode() if self.as_json else from_dict(s.Call, call).SerializeToString()
        assert await self._post(session, body, {}) == (202, "")

    def _body(self, step: Json, kind: type[Any]) -> Json:
        """What was recorded, as JSON."""
        if "body" in step:
            body: Json = step["body"]
            return body
        return to_dict(kind.FromString(b64decode(step["body_b64"])))


def is_reconciliation(event: Json) -> bool:
    """Tell whether an event is an answer to RECONCILE."""
    return bool(event.get("update", {}).get("status", {}).get("reason") == "REASON_RECONCILIATION")


def normal(value: Any, master_id: str, key: str = "") -> Any:
    """Put names in the place of what differs from run to run: times, ports, and the ids of one master."""
    if isinstance(value, dict):
        return {name: normal(inner, master_id, name) for name, inner in value.items()}
    if isinstance(value, list):
        made = [normal(inner, master_id, key) for inner in value]
        return sorted(made, key=str) if key == "resources" else made
    if key in ("timestamp", "port"):
        return key
    if isinstance(value, str):
        text = OFFER.sub("OFFER", value.replace(master_id, "MASTER"))
        text, found, offered = text.partition(" than available ")
        text += found + "; ".join(sorted(offered.split("; ")))  # Resources are written in no order.
        have, found, missing = text.partition(" does not contain ")
        text = "; ".join(sorted(have.removeprefix(SHRINKING).split("; "))) + found + missing
        return ADDRESS.sub("ADDRESS", UUID.sub("UUID", text))
    return value
