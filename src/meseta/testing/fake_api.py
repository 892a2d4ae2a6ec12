"""One event stream and the calls beside it: what the scheduler and the executor API have in common."""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from typing import Any, Generic, TypeVar

from google.protobuf.message import Message

from meseta.runtime.http1 import Request, Response, text_response
from meseta.runtime.server import HttpServer
from meseta.runtime.streams import Responder, ResponseStream
from meseta.wire import json, recordio
from meseta.wire.gen import executor_pb2, scheduler_pb2

CallT = TypeVar("CallT", scheduler_pb2.Call, executor_pb2.Call)

JSON = "application/json"
PROTOBUF = "application/x-protobuf"
WAIT_S = 30.0
"""How long tests wait for a call before they fail."""
ACCEPTED = Response(202)


class FakeApi(Generic[CallT]):
    """Takes calls, keeps one stream, and notes everything for the test."""

    def __init__(self, call_type: type[CallT], path: str) -> None:
        self.calls: list[CallT] = []
        """All calls so far, subscriptions included."""
        self.stream_id = ""
        self.port = 0
        self._call_type: type[CallT] = call_type
        self._path = path
        self._server = HttpServer(self._handle)
        self._unseen: deque[CallT] = deque()
        self._arrived = asyncio.Event()
        self._answers: deque[Response] = deque()
        self._stream: ResponseStream | None = None
        self._as_json = False
        self._break_off = False

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    async def __aenter__(self) -> Any:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen; on the port of before if this was stopped."""
        _, self.port = await self._server.listen("127.0.0.1", self.port)

    async def stop(self) -> None:
        """Close everything, as a process that dies would."""
        await self._server.close()
        self._stream = None
        self._server = HttpServer(self._handle)

    async def next_call(self, kind: int) -> CallT:
        """Return the next call of a type that the test has not seen, waiting for it."""
        async with asyncio.timeout(WAIT_S):
            while True:
                for call in self._unseen:
                    if call.type == kind:
                        self._unseen.remove(call)
                        return call
                self._arrived.clear()
                await self._arrived.wait()

    def send(self, event: Message) -> None:
        """Send an event to the subscriber."""
        assert self._stream is not None, "there is a subscriber"
        body = json.to_json(event) if self._as_json else event.SerializeToString()
        self._stream.write(recordio.encode(body))

    def send_bytes(self, data: bytes) -> None:
        """Send raw bytes down the stream, such as bad ones."""
        assert self._stream is not None, "there is a subscriber"
        self._stream.write(data)

    def end_stream(self) -> None:
        """End the stream in an orderly way, without an ERROR."""
        assert self._stream is not None, "there is a subscriber"
        self._stream.end()
        self._stream = None

    def break_off(self) -> None:
        """Break the connection of the call at hand, instead of an answer."""
        self._break_off = True

    def answer_next(self, response: Response) -> None:
        """Answer the next request with this, whatever it is; several are used in turn."""
        self._answers.append(response)

    def on_call(self, call: CallT) -> None:
        """React to a call; for subclasses."""

    def on_subscribe(self, call: CallT) -> None:
        """React to a subscription; for subclasses."""
        raise NotImplementedError

    def _handle(self, request: Request, responder: Responder) -> None:
        if self._answers:
            responder.send(self._answers.popleft())
            return
        if not request.path.endswith(self._path):
            responder.send(text_response(404, "404 Not Found."))
            return
        as_json = request.headers.get("content-type") == JSON
        call = (
            json.from_json(self._call_type, request.body)
            if as_json
            else self._call_type.FromString(request.body)
        )
        self._note(call)
        if call.type == 1:  # SUBSCRIBE, in both APIs.
            self._open_stream(request, responder, call)
        elif self.stream_id and request.headers.get("mesos-stream-id", self.stream_id) != self.stream_id:
            responder.send(
                text_response(400, "The stream ID included in this request is not the current one.")
            )
        else:
            self.on_call(call)
            self._conclude(responder)

    def _conclude(self, responder: Responder) -> None:
        if self._break_off:
            self._break_off = False
            responder.abort()
        else:
            responder.send(ACCEPTED)

    def _note(self, call: CallT) -> None:
        self.calls.append(call)
        self._unseen.append(call)
        self._arrived.set()

    def _open_stream(self, request: Request, responder: Responder, call: CallT) -> None:
        if self._stream is not None:
            self._stream.end()
        self._as_json = "json" in request.headers.get("accept", JSON)
        self.stream_id = str(uuid.uuid4())
        content_type = JSON if self._as_json else PROTOBUF
        headers = (("Mesos-Stream-Id", self.stream_id), ("Content-Type", content_type))
        self._stream = responder.start_stream(Response(200, headers))
        self.on_subscribe(call)
