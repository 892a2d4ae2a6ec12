"""The agent with our own master: a framework over HTTP launches a task and hears of its end."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from meseta.daemon.config import MASTER_FLAGS
from meseta.daemon.flags import parse_flags
from meseta.daemon.master import MasterDaemon
from meseta.errors import UnreachableError
from meseta.runtime.client import HttpClient
from meseta.wire import recordio
from tests.integration.agent_kit import DEADLINE_S, make_agent, run, supervisors_ended, until


class Framework:
    """A framework that speaks JSON."""

    def __init__(self, http: HttpClient, master: str) -> None:
        self._http = http
        self._url = f"http://{master}/api/v1/scheduler"
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"}
        self._events: asyncio.Queue[Any] = asyncio.Queue()

    async def subscribe(self, *roles: str) -> None:
        info: dict[str, Any] = {"user": "root", "name": "json", "roles": roles or ["*"], "checkpoint": True}
        info["capabilities"] = [{"type": "MULTI_ROLE"}, {"type": "RESERVATION_REFINEMENT"}]
        body = json.dumps({"type": "SUBSCRIBE", "subscribe": {"framework_info": info}}).encode()
        self._stream = await self._http.stream("POST", self._url, self._headers, body)
        self._headers["Mesos-Stream-Id"] = self._stream.headers["mesos-stream-id"]
        self._reader = asyncio.create_task(self._read())
        self._id = (await self.event("SUBSCRIBED"))["subscribed"]["framework_id"]

    async def _read(self) -> None:
        decoder = recordio.Decoder(1 << 24)
        with suppress(UnreachableError):  # the end of the master
            async for chunk in self._stream:
                for record in decoder.feed(chunk):
                    self._events.put_nowait(json.loads(record))

    async def event(self, kind: str) -> Any:
        async with asyncio.timeout(DEADLINE_S):
            while (event := await self._events.get())["type"] != kind:
                pass
        return event

    async def call(self, kind: str, body: Any) -> None:
        call = {"type": kind, "framework_id": self._id, kind.lower(): body}
        answer = await self._http.request("POST", self._url, self._headers, json.dumps(call).encode())
        assert answer.status == 202, answer.body

    async def state(self) -> str:
        """Acknowledge the next update; return its state."""
        status = (await self.event("UPDATE"))["update"]["status"]
        acknowledged = {name: status[name] for name in ("agent_id", "task_id", "uuid")}
        assert len(base64.b64decode(status["uuid"])) == 16
        await self.call("ACKNOWLEDGE", acknowledged)
        state: str = status["state"]
        return state


@asynccontextmanager
async def cluster(directory: Path) -> AsyncIterator[tuple[MasterDaemon, HttpClient, Any]]:
    def fail(bug: BaseException) -> None:
        raise bug

    flags, _ = parse_flags(["--ip=127.0.0.1", "--hostname=127.0.0.1", "--port=0"], {}, MASTER_FLAGS, ())
    master = MasterDaemon(flags, fail)
    await master.start()
    with supervisors_ended(directory):
        agent = make_agent(directory, f"127.0.0.1:{master.port}")
        await agent.start()
        async with HttpClient() as http:
            try:
                yield master, http, agent
            finally:
                await agent.stop()
                await master.stop()


def test_a_task_from_offer_to_end(tmp_path: Path) -> None:
    async def body() -> None:
        async with cluster(tmp_path) as (master, http, agent):
            framework = Framework(http, f"127.0.0.1:{master.port}")
            await framework.subscribe()
            offer = (await framework.event("OFFERS"))["offers"]["offers"][0]
            task = {
                "name": "t",
                "task_id": {"value": "t1"},
                "agent_id": offer["agent_id"],
                "command": {"value": "echo hello; exit 0"},
                "resources": [
                    {"name": "cpus", "type": "SCALAR", "scalar": {"value": 1}},
                    {"name": "mem", "type": "SCALAR", "scalar": {"value": 64}},
                ],
            }
            launch = {"type": "LAUNCH", "launch": {"task_infos": [task]}}
            await framework.call("ACCEPT", {"offer_ids": [offer["id"]], "operations": [launch]})
            states = [await framework.state() for _ in range(3)]
            assert states == ["TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"]
            await until(lambda: not agent.machine.state.frameworks, "the agent has forgotten it")
            found = list((tmp_path / "work/slaves").glob("*/frameworks/*/executors/t1/runs/latest/stdout"))
            assert found[0].read_text() == "hello\n"

    run(body)
