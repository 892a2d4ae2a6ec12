"""What a small call costs in the HTTP server, against the same in an aiohttp application.

    python -m benchmarks.http_calls

The call is a DECLINE of a framework that is subscribed, about 100 bytes of protobuf. Four servers answer it
with 202, each alone in a process of its own on uvloop:

    master    a whole master: it checks the stream id, lifts the call and feeds it to the machine
    edge      the same HTTP server with a handler that parses the call and does nothing with it
    aiohttp   an aiohttp application with the same handler
    floor     a protocol on a socket that answers whatever comes, unread: two system calls and the loop

This process generates the load: connections that each send the next call when the last one is answered.
Runs alternate (peer, ours, ours, peer). Cost is CPU of the server's process, kernel included, per call.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

from benchmarks.processes import rss_bytes
from meseta.runtime import loop
from meseta.wire.gen import scheduler_pb2 as s

FRAMEWORK = "130ae4e3-6b13-4ef4-baa9-9f2e85c3e9af-0000"
"""Has the length of every framework id that a master gives."""


def call_bytes(framework: str, stream: str) -> bytes:
    """A DECLINE as it goes over the wire."""
    call = s.Call(type=s.Call.DECLINE)
    call.framework_id.value = framework
    call.decline.offer_ids.add().value = framework[:36] + "-O1"
    body = call.SerializeToString()
    head = (
        "POST /api/v1/scheduler HTTP/1.1\r\nHost: 127.0.0.1:5050\r\nContent-Type: application/x-protobuf\r\n"
        f"Accept: application/x-protobuf\r\nMesos-Stream-Id: {stream}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


HEAD_END = b"\r\n\r\n"


class Server:
    """A server process under measurement."""

    def __init__(
        self, process: subprocess.Popen[str], port: str, framework: str = "", stream: str = ""
    ) -> None:
        self.process = process
        self.port = int(port)
        self.call = call_bytes(framework or FRAMEWORK, stream or FRAMEWORK[:36])

    def cpu_s(self) -> float:
        """User and system time of the process so far."""
        return time.clock_gettime((~self.process.pid << 3) | 2)  # what clock_getcpuclockid(3) returns

    def rss_bytes(self) -> int:
        """Resident memory of the process."""
        return rss_bytes(self.process.pid)


@contextlib.contextmanager
def started(module: str, kind: str) -> Iterator[Server]:
    """Run `python -m module --serve kind` for a while; it prints its port, and whom it knows."""
    command = [sys.executable, "-m", module, "--serve", kind]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Server(process, *process.stdout.readline().split())
        finally:
            process.kill()


class Caller(asyncio.Protocol):
    """One connection that calls until the common budget of calls is spent."""

    budget = 0
    request = b""

    def __init__(self) -> None:
        self.done = asyncio.get_running_loop().create_future()
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def call(self) -> None:
        """Send the next call, or leave."""
        if Caller.budget > 0:
            Caller.budget -= 1
            self.transport.write(Caller.request)
        else:
            self.done.set_result(None)

    def data_received(self, data: bytes) -> None:
        assert data.startswith(b"HTTP/1.1 202 "), data
        assert data.endswith(HEAD_END), data
        self.call()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("the server has closed the connection"))


async def load(server: Server, calls: int, connections: int) -> None:
    """Make so many calls over so many connections."""
    running = asyncio.get_running_loop()
    callers = [
        (await running.create_connection(Caller, "127.0.0.1", server.port))[1] for _ in range(connections)
    ]
    Caller.budget, Caller.request = calls, server.call
    for caller in callers:
        caller.call()
    await asyncio.gather(*(caller.done for caller in callers))
    for caller in callers:
        caller.transport.close()


def cost_us(server: Server, calls: int, connections: int) -> float:
    """CPU of the server per call, in microseconds."""
    before = server.cpu_s()
    loop.run(load(server, calls, connections))
    return (server.cpu_s() - before) / calls * 1e6


async def serve_master() -> None:
    """Answer with a master that has one framework."""
    from meseta.daemon.config import MASTER_FLAGS
    from meseta.daemon.flags import parse_flags
    from meseta.daemon.logs import set_up_logging
    from meseta.daemon.master import MasterDaemon
    from meseta.runtime.client import HttpClient

    set_up_logging("master", level="ERROR", quiet=True, log_dir=None)
    flags, _ = parse_flags(["--ip=127.0.0.1", "--port=0", "--hostname=localhost"], {}, MASTER_FLAGS, [])
    daemon = MasterDaemon(flags, lambda bug: sys.exit(f"the master broke: {bug!r}"))
    await daemon.start()
    subscribe = s.Call(type=s.Call.SUBSCRIBE)
    subscribe.subscribe.framework_info.user = subscribe.subscribe.framework_info.name = "calls"
    async with HttpClient() as client:
        url = f"http://127.0.0.1:{daemon.port}/api/v1/scheduler"
        kind = "application/x-protobuf"
        headers = {"Content-Type": kind, "Accept": kind}
        stream = await client.stream("POST", url, headers, subscribe.SerializeToString())
        framework = next(iter(daemon.machine.state.frameworks))
        print(daemon.port, framework, stream.headers["mesos-stream-id"], flush=True)
        async for _ in stream:
            pass


async def serve_edge() -> None:
    """Answer with Meseta's HTTP server and nothing behind it but a parser."""
    from meseta.runtime.http1 import ACCEPTED, Request
    from meseta.runtime.server import HttpServer
    from meseta.runtime.streams import Responder

    def handle(request: Request, responder: Responder) -> None:
        assert s.Call.FromString(request.body).type == s.Call.DECLINE
        responder.send(ACCEPTED)

    server = HttpServer(handle)
    _, port = await server.listen("127.0.0.1", 0)
    print(port, flush=True)
    await asyncio.Event().wait()


async def serve_aiohttp() -> None:
    """Answer with an aiohttp application."""
    from aiohttp import web

    async def handle(request: web.Request) -> web.Response:
        assert request.headers["Content-Type"] == "application/x-protobuf"
        assert s.Call.FromString(await request.read()).type == s.Call.DECLINE
        return web.Response(status=202)

    application = web.Application()
    application.router.add_post("/api/v1/scheduler", handle)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


class Parrot(asyncio.Protocol):
    """Says the same to everything."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")


async def serve_floor() -> None:
    """Answer without a look at what came."""
    server = await asyncio.get_running_loop().create_server(Parrot, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


SERVERS = {"master": serve_master, "edge": serve_edge, "aiohttp": serve_aiohttp, "floor": serve_floor}


def measure(calls: int, connections: int, pairs: int) -> dict[str, list[float]]:
    """Costs per call of all servers, in runs that alternate."""
    costs: dict[str, list[float]] = {kind: [] for kind in SERVERS}
    with contextlib.ExitStack() as stack:
        servers = {kind: stack.enter_context(started("benchmarks.http_calls", kind)) for kind in SERVERS}
        for server in servers.values():
            cost_us(server, calls // 4, connections)  # warm up
        for _ in range(pairs):
            for kind in (*SERVERS, *reversed(SERVERS)):
                costs[kind].append(cost_us(servers[kind], calls, connections))
    return costs


def show(costs: dict[str, list[float]]) -> dict[str, Any]:
    """Print what was measured, and return it."""
    medians = {kind: statistics.median(values) for kind, values in costs.items()}
    for kind, values in costs.items():
        spread = f"{min(values):.1f}–{max(values):.1f}"
        print(f"{kind:8} {medians[kind]:6.1f} µs CPU per call ({spread})")
    ratio, whole, floor = (medians[kind] / medians["aiohttp"] for kind in ("edge", "master", "floor"))
    print(f"the same call costs {ratio:.3f} of aiohttp (goal: at most 0.25); the least there is {floor:.3f}")
    print(f"with the whole master {whole:.3f}")
    figures = {f"{kind}_us": value for kind, value in medians.items()}
    return {"name": "http.calls", **figures, "ratio": ratio, "master_ratio": whole, "floor_ratio": floor}


def main() -> None:
    """Measure, print for people, and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--serve", choices=SERVERS, help=argparse.SUPPRESS)
    parser.add_argument("--calls", type=int, default=20_000, help="in each run")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--pairs", type=int, default=3, help="times that the four runs are made")
    arguments = parser.parse_args()
    if arguments.serve:
        loop.run(SERVERS[arguments.serve]())
    else:
        print(json.dumps(show(measure(arguments.calls, arguments.connections, arguments.pairs))))


if __name__ == "__main__":
    main()
