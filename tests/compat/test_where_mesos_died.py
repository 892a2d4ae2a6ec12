"""What ended a C++ Mesos master must not end ours, nor disturb anybody: over real sockets, a whole master.

A status update from anybody whose pid does not parse or that has no uuid; 20,000 calls queued on one
connection; ids with control characters.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable

import pytest

from meseta.daemon.master import MasterDaemon
from meseta.runtime.loop import new_event_loop
from meseta.testing.process import Process
from meseta.wire.gen import internal_pb2 as i
from meseta.wire.gen import mesos_pb2 as m
from tests.compat.scheduler_replay import WAIT_S, RecordedAgent
from tests.integration.cluster import pid_of, running_master

CALLS = 20_000
UUID = bytes.fromhex("c8f3b4e0a0a84c7e9a3b1a2b3c4d5e6f")


async def surviving(attack: Callable[[MasterDaemon], Awaitable[None]]) -> dict[str, float]:
    """Attack a master with an agent; return its counters if a scheduler is served all the same."""
    async with running_master() as master, RecordedAgent(pid_of(master)):
        await attack(master)
        async with asyncio.timeout(WAIT_S):
            reader, writer = await subscribe(master, "after")
            while b"OFFERS" not in await reader.readuntil(b"\r\n"):
                pass
        writer.close()
        return dict(master.machine.state.counters)


async def subscribe(master: MasterDaemon, name: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a scheduler's stream."""
    call = {"type": "SUBSCRIBE", "subscribe": {"framework_info": {"user": "u", "name": name}}}
    reader, writer = await asyncio.open_connection("127.0.0.1", master.port)
    writer.write(request(json.dumps(call).encode()))
    return reader, writer


def request(body: bytes, *headers: str) -> bytes:
    """A call to the scheduler API."""
    fields = ["Host: x", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(["POST /api/v1/scheduler HTTP/1.1", *fields, "", ""]).encode() + body


def update(**fields: object) -> i.StatusUpdateMessage:
    """A status update of a task that nobody knows, or that has no name that could be one."""
    message = i.StatusUpdateMessage(pid=str(fields.get("pid", "slave(1)@127.0.0.1:1")))
    inner = message.update
    inner.framework_id.value = inner.slave_id.value = str(fields.get("id", "nobody"))
    inner.status.task_id.value = str(fields.get("id", "t"))
    inner.timestamp = 1.0
    inner.status.state = m.TASK_RUNNING
    if fields.get("uuid", True):
        inner.uuid = inner.status.uuid = UUID
    return message


@pytest.mark.parametrize(
    "fields",
    [{"pid": "no pid at all"}, {"pid": ""}, {"uuid": False}, {"id": "a\x00b\n\x1b[31m"}, {"id": ""}],
)
def test_a_status_update_from_a_stranger(fields: dict[str, object]) -> None:
    async def attack(master: MasterDaemon) -> None:
        async with Process("stranger") as stranger:
            stranger.send(pid_of(master), update(**fields))
            stranger.send(pid_of(master), b"", name="mesos.internal.StatusUpdateMessage")
            async with asyncio.timeout(WAIT_S):
                while not master.machine.state.counters["master/dropped_messages"]:
                    await asyncio.sleep(0.01)

    counters = run(attack)
    assert counters["master/invalid_status_updates"] == 1


def test_twenty_thousand_calls_on_one_connection() -> None:
    async def attack(master: MasterDaemon) -> None:
        reader, writer = await subscribe(master, "busy")
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        event = (await reader.readuntil(b'"}')).decode()
        call = {"type": "REVIVE", "framework_id": {"value": re.findall(r'"value":"([^"]+)"', event)[0]}}
        stream = re.findall(r"Mesos-Stream-Id: \S+", head)[0]
        answers, calls = await asyncio.open_connection("127.0.0.1", master.port)
        calls.write(request(json.dumps(call).encode(), stream) * CALLS)
        async with asyncio.timeout(60):
            for _ in range(CALLS):
                answer = await answers.readuntil(b"\r\n\r\n")
                assert answer.startswith(b"HTTP/1.1 202 ")
        calls.close()
        writer.close()

    assert run(attack)["master/messages_revive_offers"] == CALLS


def run(attack: Callable[[MasterDaemon], Awaitable[None]]) -> dict[str, float]:
    """Run an attack on a loop of its own."""
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(surviving(attack))
