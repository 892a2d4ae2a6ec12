"""What an event costs that goes to every one of many open streams, and what an idle stream holds in memory.

    python -m benchmarks.streams

The server runs in a process of its own; this one opens the streams and asks for broadcasts of a 180-byte
record over one more connection. The peer is the floor: the same bytes by `transport.write` on bare transports
of the same loop. Cost is CPU of the server's process, kernel included, per event and stream.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import statistics
from typing import Any

from benchmarks.http_calls import Server, started
from meseta.runtime import loop
from meseta.runtime.http1 import ACCEPTED, Request, Response, encode_chunk
from meseta.runtime.server import HttpServer
from meseta.runtime.streams import Responder, ResponseStream

RECORD = b"176\n" + bytes(176)
SUBSCRIBE = (
    b"POST /subscribe HTTP/1.1\r\nHost: 127.0.0.1:5050\r\nContent-Type: application/json\r\n"
    b"Accept: application/json\r\nContent-Length: 2\r\n\r\n{}"
)
BROADCAST = b"POST /broadcast HTTP/1.1\r\nHost: 127.0.0.1:5050\r\nContent-Length: 0\r\n\r\n"
CHUNK = encode_chunk(RECORD)


class Subscriber(asyncio.Protocol):
    """One stream; it counts the bytes of events."""

    def __init__(self) -> None:
        self.transport: Any = None
        self.received_bytes = 0
        self.opened = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(SUBSCRIBE)

    def data_received(self, data: bytes) -> None:
        if not self.opened.done():
            assert data.startswith(b"HTTP/1.1 200 OK\r\n"), data
            self.opened.set_result(None)
        else:
            self.received_bytes += len(data)


async def serve_ours() -> None:
    """Streams of Meseta's server."""
    streams: list[ResponseStream] = []
    head = Response(200, (("Content-Type", "application/json"),))

    def handle(request: Request, responder: Responder) -> None:
        if request.path == "/subscribe":
            streams.append(responder.start_stream(head))
        else:
            for stream in streams:
                stream.write(RECORD)
            responder.send(ACCEPTED)

    _, port = await HttpServer(handle).listen("127.0.0.1", 0)
    print(port, flush=True)
    await asyncio.Event().wait()


class BareStream(asyncio.Protocol):
    """The least that can be done: no parser, no bounds, one write per event."""

    transports: list[Any] = []  # noqa: RUF012
    __slots__ = ("transport",)

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if data == BROADCAST:
            for transport in self.transports:
                transport.write(CHUNK)
            self.transport.write(ACCEPTED.encode())
        else:
            self.transports.append(self.transport)
            self.transport.write(b"HTTP/1.1 200 OK\r\n\r\n")


async def serve_floor() -> None:
    """Bare transports."""
    listener = await asyncio.get_running_loop().create_server(BareStream, "127.0.0.1", 0, backlog=4096)
    print(listener.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


SERVERS = {"ours": serve_ours, "floor": serve_floor}


async def broadcast(server: Server, streams: int, rounds: int) -> tuple[float, float]:
    """CPU per event and stream in microseconds, and resident bytes per stream."""
    running = asyncio.get_running_loop()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    rss_bytes = server.rss_bytes()
    subscribers = []
    for _ in range(streams):
        _, subscriber = await running.create_connection(Subscriber, "127.0.0.1", server.port)
        subscribers.append(subscriber)
    await asyncio.gather(*(subscriber.opened for subscriber in subscribers))
    rss_bytes = server.rss_bytes() - rss_bytes
    cpu_s = server.cpu_s()
    for number in range(1, rounds + 1):
        writer.write(BROADCAST)
        await reader.readuntil(b"\r\n\r\n")
        while any(one.received_bytes < number * len(CHUNK) for one in subscribers):
            await asyncio.sleep(0.001)
    cpu_s = server.cpu_s() - cpu_s
    for subscriber in subscribers:
        assert subscriber.received_bytes == rounds * len(CHUNK)
        subscriber.transport.abort()
    writer.close()
    return cpu_s / streams / rounds * 1e6, rss_bytes / streams


def measure(streams: int, rounds: int, pairs: int) -> dict[str, list[tuple[float, float]]]:
    """Costs of both, in runs that alternate; each run has a fresh process, whose memory is its own."""
    costs: dict[str, list[tuple[float, float]]] = {"floor": [], "ours": []}
    for _ in range(pairs):
        for kind in ("floor", "ours", "ours", "floor"):
            with started("benchmarks.streams", kind) as server:
                costs[kind].append(loop.run(broadcast(server, streams, rounds)))
    return costs


def show(costs: dict[str, list[tuple[float, float]]]) -> dict[str, float | str]:
    """Print what was measured; the record of it."""
    us, rss = {}, {}
    for kind, values in costs.items():
        us[kind] = statistics.median(value for value, _ in values)
        rss[kind] = statistics.median(value for _, value in values)
        print(f"{kind:6} {us[kind]:5.2f} µs CPU per event and stream, {rss[kind] / 1024:5.2f} KiB per stream")
    ratio = us["ours"] / us["floor"]
    print(f"ours is {ratio:.2f} of the floor")
    return {"name": "http.streams", "us": us["ours"], "rss_bytes": rss["ours"], "ratio_to_floor": ratio}


def main() -> None:
    """Measure, print for people, and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--serve", choices=SERVERS, help=argparse.SUPPRESS)
    parser.add_argument("--streams", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--pairs", type=int, default=2, help="times that the four runs are made")
    arguments = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65_536), hard))  # servers inherit it
    if arguments.serve:
        loop.run(SERVERS[arguments.serve]())
    else:
        print(json.dumps(show(measure(arguments.streams, arguments.rounds, arguments.pairs))))


if __name__ == "__main__":
    main()
