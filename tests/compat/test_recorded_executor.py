"""What a live Mesos agent answered to an executor, asked again of ours: calls, refusals, and the stream."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from meseta.errors import UnreachableError
from meseta.runtime.client import ClientStream, HttpClient
from meseta.wire import recordio
from meseta.wire.gen import internal_pb2 as i
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.json import from_json
from tests.integration.agent_kit import NO_PID, ScriptedMaster, agent, run, scripted_master, until

ROWS = [
    json.loads(line)
    for line in (Path(__file__).parent / "data" / "executor_session.jsonl").read_text().splitlines()
]
EVENTS = [json.loads(row["body"]) for row in ROWS if row["kind"] == "event"]
FRAMEWORK = next(event["subscribed"]["framework_info"] for event in EVENTS if event["type"] == "SUBSCRIBED")
TASK = next(event["launch"]["task"] for event in EVENTS if event["type"] == "LAUNCH")
AGENT_ID = TASK["agent_id"]["value"]


class Executor:
    """An executor whose process is this test: it repeats the recorded session."""

    def __init__(self, master: ScriptedMaster, http: HttpClient, base: str) -> None:
        self._master = master
        self._http = http
        self._base = base
        self._events: asyncio.Queue[Any] = asyncio.Queue()
        self._readers: list[asyncio.Task[None]] = []
        self._streams: list[ClientStream] = []

    async def replay(self) -> None:
        pending: list[dict[str, Any]] = []
        for row in ROWS:
            if row["kind"] == "request" and not row["stream"]:
                pending.append(await self._call(row))
            elif row["kind"] == "request":
                pending.append(await self._subscribe(row))
            elif row["kind"] in ("response", "stream-head"):
                answer = pending.pop(0)
                expected = {"status": row["status"], "headers": row["headers"], "body": row["body"]}
                if answer["what"] == "invalid: malformed JSON":
                    # What follows is the parser's own sentence.
                    for said in (answer["is"], expected):
                        said["body"] = said["body"].partition("JSON: ")[0]
                assert answer["is"] == expected, answer["what"]
            elif row["kind"] == "event":
                await self._expect(json.loads(row["body"]))
        for reader in self._readers:
            reader.cancel()

    async def _call(self, row: dict[str, Any]) -> dict[str, Any]:
        url = self._base + row["target"]
        answer = await self._http.request(row["method"], url, row["headers"], row["body"].encode())
        shown = _shown(answer.status, answer.headers, answer.body.decode())
        return {"what": row["what"], "is": shown}

    async def _subscribe(self, row: dict[str, Any]) -> dict[str, Any]:
        if row["what"] == "SUBSCRIBE again":
            await self._streams[-1].aclose()
        url = self._base + row["target"]
        stream = await self._http.stream("POST", url, row["headers"], row["body"].encode())
        if row["what"].startswith("third"):
            await until(self._readers[-1].done, "the older stream is ended by the agent")
        self._streams.append(stream)
        self._readers.append(asyncio.create_task(self._read(stream)))
        return {"what": row["what"], "is": _shown(stream.status, stream.headers, "")}

    async def _read(self, stream: ClientStream) -> None:
        decoder = recordio.Decoder(1 << 20)
        with suppress(UnreachableError):
            async for chunk in stream:
                for event in map(json.loads, decoder.feed(chunk)):
                    # Mesos never acknowledges what it does not know, and so is told again and again.
                    if event.get("acknowledged", {}).get("task_id") != {"value": "unknown-task"}:
                        self._events.put_nowait(event)

    async def _expect(self, expected: Any) -> None:
        self._provoke(expected)
        event = await asyncio.wait_for(self._events.get(), 60)
        if event["type"] == "SUBSCRIBED":
            for side in (event, expected):
                del side["subscribed"]["agent_info"]["port"], side["subscribed"]["container_id"]
                side["subscribed"]["executor_info"]["command"]["value"] = ""
        elif event["type"] == "LAUNCH":
            event["launch"]["task"]["executor"]["command"]["value"] = ""
            expected["launch"]["task"]["executor"]["command"]["value"] = ""
        assert event == expected

    def _provoke(self, event: Any) -> None:
        """Have the master do what led to an event."""
        framework = m.FrameworkID(value=FRAMEWORK["id"]["value"])
        executor = m.ExecutorID(value="json-exec")
        if event["type"] == "MESSAGE":
            message = i.FrameworkToExecutorMessage(
                slave_id=m.AgentID(value=AGENT_ID),
                framework_id=framework,
                executor_id=executor,
                data=b"from the scheduler",
            )
            self._master.send(message)
        elif event["type"] == "KILL":
            task_id = m.TaskID(value="json-task")
            self._master.send(i.KillTaskMessage(framework_id=framework, task_id=task_id))
        elif event["type"] == "SHUTDOWN":
            self._master.send(i.ShutdownExecutorMessage(framework_id=framework, executor_id=executor))


def _shown(status: int, headers: dict[str, str], body: str) -> dict[str, Any]:
    kept = [
        [name.title(), value] for name, value in headers.items() if name not in ("date", "content-length")
    ]
    return {"status": status, "headers": kept, "body": body}


def test_an_executor_is_answered_as_by_mesos(tmp_path: Path) -> None:
    async def body() -> None:
        async with scripted_master() as master:
            master.agent_id = AGENT_ID
            resources = "cpus:4;mem:4096;disk:20000;ports:[31000-32000]"
            async with agent(tmp_path, master, resources=resources) as daemon, HttpClient() as http:
                await master.wait_for("UpdateSlaveMessage")
                task = from_json(m.TaskInfo, json.dumps(TASK).encode())
                task.executor.command.value = "sleep 1000"
                framework = from_json(m.FrameworkInfo, json.dumps(FRAMEWORK).encode())
                master.send(i.RunTaskMessage(framework=framework, task=task, pid=NO_PID))
                await until(lambda: daemon.machine.state.frameworks, "the executor is expected")
                await Executor(master, http, f"http://127.0.0.1:{daemon.port}").replay()
                told = await master.wait_for("ExecutorToFrameworkMessage")
                assert told.data == b"from the executor"

    run(body)
