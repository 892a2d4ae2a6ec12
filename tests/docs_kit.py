"""What the tests of the documents compare: their tables, and a small cluster that is asked everything."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from google.protobuf.descriptor import Descriptor

from meseta.daemon.agent import AgentDaemon
from meseta.daemon.config import AGENT_FLAGS
from meseta.daemon.flags import parse_flags
from meseta.daemon.master import MasterDaemon
from meseta.runtime.client import HttpClient
from meseta.sdk import Scheduler, Task
from meseta.wire.gen import agent_pb2, master_pb2
from tests.integration.cluster import running_master
from tests.integration.daemons import end_supervisors

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"
PROTOBUF = "application/x-protobuf"

Table = dict[str, list[str]]
"""The rows of a section's tables: the other cells by the code in the first one."""


def sections(document: str) -> dict[str, Table]:
    """The tables of a reference document, by the heading above them; only rows that begin with code."""
    found: dict[str, Table] = {}
    table: Table = {}
    for line in (REFERENCE / document).read_text().splitlines():
        if line.startswith("#"):
            table = found.setdefault(line.lstrip("# "), {})
            continue
        cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if cells and cells[0].startswith("`"):
            name = cells[0].strip("`")
            assert name not in table, f"{document} has two rows for {name} in one section"
            table[name] = cells[1:]
    return found


def rows(document: str) -> Table:
    """All those rows of a document."""
    return {name: cells for table in sections(document).values() for name, cells in table.items()}


class Answers(NamedTuple):
    """What one daemon has answered."""

    routes: frozenset[str]
    """Paths of all endpoints."""
    metrics: frozenset[str]
    calls: dict[str, int]
    """The status of every operator call."""
    pages: dict[tuple[str, str], int]
    """The status of every method that the documents name for an endpoint."""


async def ask_cluster(directory: Path) -> tuple[Answers, Answers]:
    """Run a cluster with a framework and a refused task, and return what master and agent tell."""
    async with (
        running_cluster(directory) as (master, agent),
        HttpClient() as http,
        Scheduler(f"127.0.0.1:{master.port}", name="documented") as scheduler,
    ):
        async for offer in scheduler.offers():
            refused = await offer.launch(Task(id="not/valid", command="true", cpus=0.1, mem=32))
            break
        await refused.wait()
        await _set_quota(http, master)
        return (
            await _ask(http, master, master_pb2.Call, ("Master", "Both")),
            await _ask(http, agent, agent_pb2.Call, ("Agent", "Both")),
        )


async def _set_quota(http: HttpClient, master: MasterDaemon) -> None:
    """Let a role have a quota, of which its reservation on the agent counts as consumed."""
    asked = {"role": "docs", "guarantees": {"cpus": {"value": 1}}, "limits": {"cpus": {"value": 2}}}
    body = json.dumps({"type": "UPDATE_QUOTA", "update_quota": {"quota_configs": [asked]}}).encode()
    url = f"http://127.0.0.1:{master.port}/api/v1"
    answer = await http.request("POST", url, headers={"Content-Type": "application/json"}, body=body)
    assert answer.status == 200, answer.body


@asynccontextmanager
async def running_cluster(directory: Path) -> AsyncIterator[tuple[MasterDaemon, AgentDaemon]]:
    """A master and an agent in this process."""
    async with running_master() as master:
        agent = AgentDaemon(_agent_flags(master, directory), _end, _end)
        await agent.start()
        try:
            yield master, agent
        finally:
            await agent.stop()
            end_supervisors(directory)


def _agent_flags(master: MasterDaemon, directory: Path) -> Any:
    arguments = [
        "--ip=127.0.0.1",
        "--port=0",
        "--hostname=localhost",
        "--isolation=posix",
        "--registration_backoff_factor=1ms",
        f"--master=127.0.0.1:{master.port}",
        f"--work_dir={directory}/work",
        "--resources=cpus:2;cpus(docs):0.5;mem:512;disk:100;ports:[31000-31009]",
    ]
    return parse_flags(arguments, {}, AGENT_FLAGS, [])[0]


def _end(reason: object) -> None:
    raise AssertionError(f"the agent ends: {reason}")


async def _ask(
    http: HttpClient, daemon: MasterDaemon | AgentDaemon, call: Any, headings: tuple[str, ...]
) -> Answers:
    base = f"http://127.0.0.1:{daemon.port}"
    snapshot = await http.request("GET", f"{base}/metrics/snapshot")
    documented = sections("endpoints.md")
    pages = {
        (method, path): await _status(http, method, base + path)
        for heading in headings
        for path, (methods, *_) in documented[heading].items()
        for method in methods.split(", ")
    }
    return Answers(
        routes=frozenset(daemon._router.requests),
        metrics=frozenset(json.loads(snapshot.body)),
        calls={
            name: await _status(http, "POST", f"{base}/api/v1", _call_bytes(call, name))
            for name in call.Type.keys()  # noqa: SIM118  (an enum, not a dict)
        },
        pages=pages,
    )


async def _status(http: HttpClient, method: str, url: str, body: bytes = b"") -> int:
    """The status of an answer; what follows the head of a stream is left alone."""
    headers = {"Content-Type": PROTOBUF, "Accept": PROTOBUF} if body else {}
    stream = await http.stream(method, url, headers=headers, body=body)
    await stream.aclose()
    return stream.status


def _call_bytes(call: Any, name: str) -> bytes:
    """A call with the fewest fields that it can have."""
    message = call(type=call.Type.Value(name))
    field = call.DESCRIPTOR.fields_by_name.get(name.lower())
    if field is not None:
        part = getattr(message, field.name)
        part.SetInParent()
        _fill(part, field.message_type)
    return bytes(message.SerializeToString())


def _fill(message: Any, descriptor: Descriptor) -> None:
    if descriptor.name == "ContainerID":
        message.parent.value = "parent"
    for field in descriptor.fields:
        if not field.is_required:
            continue
        if field.message_type is not None:
            part = getattr(message, field.name)
            part.SetInParent()
            _fill(part, field.message_type)
        elif field.enum_type is not None:
            setattr(message, field.name, field.enum_type.values[0].number)
        else:
            value = "x" if field.cpp_type == field.CPPTYPE_STRING else 0
            setattr(message, field.name, value if field.type != field.TYPE_BYTES else b"x")
