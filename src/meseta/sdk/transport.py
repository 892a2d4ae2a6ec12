"""Calls and event streams in protobuf over HTTP, for schedulers and executors alike."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import NamedTuple

from meseta.runtime.client import ClientStream, HttpClient
from meseta.wire.recordio import Decoder

PROTOBUF = "application/x-protobuf"
CALL_TIMEOUT_S = 30.0
EVENT_BYTES_MAX = 64 << 20
REASON_CHARS_MAX = 2_000
NO_HEADERS: Mapping[str, str] = {}


class Reply(NamedTuple):
    """The answer to a call."""

    status: int
    reason: str


class EventStream:
    """The answer to a subscription: a refusal with a text, or events without an end."""

    def __init__(self, stream: ClientStream) -> None:
        self.status = stream.status
        self.stream_id = stream.headers.get("mesos-stream-id")
        self.location = stream.headers.get("location")
        self._stream = stream

    async def text(self) -> str:
        """Return the text of a refusal."""
        return _reason(await self._stream.read())

    async def records(self) -> AsyncIterator[list[bytes]]:
        """Iterate over the events as they come. Raises WireError and UnreachableError."""
        decoder = Decoder(EVENT_BYTES_MAX)
        async for chunk in self._stream:
            if records := decoder.feed(chunk):
                yield records
        decoder.finish()


class Transport:
    """Talks to one kind of API, as a principal if there is one."""

    def __init__(self, credential: tuple[str, str] | None = None, *, token: str | None = None) -> None:
        self._client = HttpClient()
        self._headers = {"Content-Type": PROTOBUF, "Accept": PROTOBUF}
        if credential is not None:
            basic = base64.b64encode(":".join(credential).encode()).decode()
            self._headers["Authorization"] = f"Basic {basic}"
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"

    async def post(self, url: str, body: bytes, stream_id: str | None = None) -> Reply:
        """Make a call. Calls made one after the other arrive in that order. Raises UnreachableError."""
        headers = self._headers if stream_id is None else {**self._headers, "Mesos-Stream-Id": stream_id}
        response = await self._client.request("POST", url, headers, body, timeout_s=CALL_TIMEOUT_S)
        return Reply(response.status, "" if response.status < 300 else _reason(response.body))

    @asynccontextmanager
    async def stream(
        self, url: str, body: bytes, extra_headers: Mapping[str, str] = NO_HEADERS
    ) -> AsyncIterator[EventStream]:
        """Subscribe. Raises UnreachableError."""
        headers = {**self._headers, **extra_headers}
        stream = await self._client.stream("POST", url, headers, body, timeout_s=CALL_TIMEOUT_S)
        try:
            yield EventStream(stream)
        finally:
            await stream.aclose()

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()


def _reason(body: bytes) -> str:
    return body.decode(errors="replace").strip()[:REASON_CHARS_MAX]
