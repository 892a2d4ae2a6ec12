"""Calls that a live Mesos 1.12 refused or accepted, replayed byte for byte against our master.

Status line, headers in their order, and bodies must be the same but for what differs by nature (dates,
ids) and what a JSON parser says of a syntax error.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from meseta.daemon.config import MASTER_FLAGS
from meseta.daemon.flags import parse_flags
from meseta.daemon.master import MasterDaemon
from meseta.runtime.loop import new_event_loop

DATA = Path(__file__).parent / "data" / "scheduler" / "invalid-calls.jsonl"
ROWS = [json.loads(line) for line in DATA.read_text().splitlines()]

RECORDED_FRAMEWORK = "96fea86a-4fe4-48ce-a1a8-d2ed26bafb96-0017"
RECORDED_STREAM = "bf77e9d0-c000-4a82-8bb3-e7029448003b"
SUBSCRIBE = '{"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"root","name":"replay"}}}'

DIFFERENT = {
    "SUBSCRIBE constraint without predicate": "map entries are named by their key, not by their position",
    "SUBSCRIBE failover_timeout as string": "a JSON parser's words about a number",
    "gzip encoded request body": "the recorded ids are inside of the compressed body, so it names a stranger",
    "Expect: 100-continue": "the interim answer that HTTP asks for is sent, as Mesos does not",
}
"""Rows whose text is ours, with the reason; status and headers are compared all the same."""


def raw_request(row: dict[str, Any]) -> bytes:
    """The bytes of a recorded request."""
    request = row["request"]
    if "raw_b64" in request:
        return base64.b64decode(request["raw_b64"])
    body = base64.b64decode(request["body_b64"]) if "body_b64" in request else request["body"].encode()
    head = [request["line"], *(f"{name}: {value}" for name, value in request["headers"])]
    return "\r\n".join([*head, "", ""]).encode() + body


class Replay:
    """One master, and the framework that stands for the recorded one."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.framework = ""
        self.stream = ""
        self._subscription: asyncio.StreamWriter | None = None

    async def subscribe(self) -> None:
        """Have a framework subscribed, under ids that stand for the recorded ones."""
        reader, self._subscription = await asyncio.open_connection("127.0.0.1", self.port)
        head = f"Host: x\r\nContent-Type: application/json\r\nContent-Length: {len(SUBSCRIBE)}\r\n\r\n"
        self._subscription.write(f"POST /api/v1/scheduler HTTP/1.1\r\n{head}{SUBSCRIBE}".encode())
        answer = b""
        while b"SUBSCRIBED" not in answer or b"}}" not in answer:
            answer += await asyncio.wait_for(reader.read(65536), 10)
        self.stream = re.findall(rb"Mesos-Stream-Id: (\S+)", answer)[0].decode()
        self.framework = re.findall(rb'"framework_id":\{"value":"([^"]+)"', answer)[0].decode()

    def translate(self, data: bytes) -> bytes:
        """Put our ids in the place of the recorded ones, which are as long."""
        for theirs, ours in ((RECORDED_FRAMEWORK, self.framework), (RECORDED_STREAM, self.stream)):
            data = data.replace(theirs.encode(), ours.encode())
            data = data.replace(theirs.upper().encode(), ours.upper().encode())
        return data

    async def ask(self, request: bytes) -> bytes:
        """Return what comes back within a moment of quiet."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(request)
        answer = b""
        try:
            while piece := await asyncio.wait_for(reader.read(65536), 10 if not answer else 0.05):
                answer += piece
        except TimeoutError:
            pass
        writer.close()
        return answer


@asynccontextmanager
async def replaying() -> AsyncIterator[Replay]:
    """A master for the time of one block."""
    flags, _ = parse_flags(["--ip=127.0.0.1", "--port=0", "--hostname=127.0.0.1"], {}, MASTER_FLAGS, [])
    bugs: list[BaseException] = []
    daemon = MasterDaemon(flags, bugs.append)
    await daemon.start()
    try:
        replay = Replay(daemon.port)
        await replay.subscribe()
        yield replay
    finally:
        await daemon.stop()
    assert not bugs


@pytest.fixture(scope="module")
def answers() -> Iterator[dict[str, tuple[bytes, bytes]]]:
    """For each row: what our master answered, and what Mesos did, in our ids."""

    async def replay_all() -> dict[str, tuple[bytes, bytes]]:
        found = {}
        async with replaying() as replay:
            for row in ROWS:
                answer = await replay.ask(replay.translate(raw_request(row)))
                found[row["what"]] = (answer, replay.translate(json.dumps(row["response"]).encode()))
        return found

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        yield runner.run(replay_all())


def unchunked(body: bytes) -> bytes:
    """A chunked body's contents, as far as it came."""
    contents = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        contents += rest[: int(size, 16)]
        body = rest[int(size, 16) + 2 :]
    return contents


def first_event(record: str) -> dict[str, Any]:
    """The first record of a JSON stream."""
    length, _, rest = record.partition("\n")
    event: dict[str, Any] = json.loads(rest.encode()[: int(length)])
    return event


@pytest.mark.parametrize("what", [row["what"] for row in ROWS])
def test_the_answer_is_that_of_mesos(what: str, answers: dict[str, tuple[bytes, bytes]]) -> None:
    ours, recorded = answers[what]
    theirs = json.loads(recorded)
    if theirs["line"] is None:
        assert ours == b""
        return
    head, _, body = ours.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n").partition(b"\r\n\r\n")
    line, *fields = head.decode().split("\r\n")
    headers = [field.split(": ", 1) for field in fields]
    if what == "gzip encoded request body":
        assert body == b"Framework cannot be found", "it was inflated and understood"
        return
    assert line == theirs["line"], ours
    assert [name for name, _ in headers] == [name for name, _ in theirs["headers"]]
    for (name, value), (_, expected) in zip(headers, theirs["headers"], strict=True):
        if name not in ("Date", "Mesos-Stream-Id", "Content-Length"):
            assert value == expected
    compare_bodies(what, headers, body, theirs)


def compare_bodies(what: str, headers: list[list[str]], body: bytes, theirs: dict[str, Any]) -> None:
    """Compare texts, and the first events of streams."""
    if ["Transfer-Encoding", "chunked"] in headers:
        if "body" in theirs:
            mine, expected = first_event(unchunked(body).decode()), first_event(theirs["body"])
            assert mine["type"] == expected["type"], mine
            assert mine.get("error") == expected.get("error") or what in DIFFERENT
        return
    expected_text, text = theirs.get("body", ""), body.decode()
    syntax = "Failed to parse body into JSON: "
    if expected_text.startswith(syntax):
        assert text.startswith(syntax)
    elif what not in DIFFERENT and "two calls" not in what:
        assert text == expected_text
