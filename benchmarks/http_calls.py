"""What a small call costs in the HTTP server, against the same in an aiohttp application.

    python -m benchmarks.http_calls

Each server runs alone in a process of its own on uvloop and answers 202 to POSTs of a 93-byte body. This
process generates the load: connections that each send the next call when the last one is answered. Runs
alternate (peer, ours, ours, peer). Cost is CPU of the server's process, kernel included, per call.
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

from meseta.runtime import loop

BODY = bytes(range(93))
CALL = (
    b"POST /api/v1/scheduler HTTP/1.1\r\n"
    b"Host: 127.0.0.1:5050\r\n"
    b"Content-Type: application/x-protobuf\r\n"
    b"Accept: application/x-protobuf\r\n"
    b"Mesos-Stream-Id: 130ae4e3-6b13-4ef4-baa9-9f2e85c3e9af\r\n"
    b"Content-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
)
HEAD_END = b"\r\n\r\n"


class Server:
    """A server process under measurement."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process = process
        self.port = port

    def cpu_s(self) -> float:
        """User and system time of the process so far."""
        return time.clock_gettime((~self.process.pid << 3) | 2)  # what clock_getcpuclockid(3) returns

    def rss_bytes(self) -> int:
        """Resident memory of the process."""
        with open(f"/proc/{self.process.pid}/statm") as file:
            return int(file.read().split()[1]) * 4096


@contextlib.contextmanager
def started(module: str, kind: str) -> Iterator[Server]:
    """Run `python -m module --serve kind` for a while; it prints its port when it listens."""
    command = [sys.executable, "-m", module, "--serve", kind]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Server(process, int(process.stdout.readline()))
        finally:
            process.kill()


class Caller(asyncio.Protocol):
    """One connection that calls until the common budget of calls is spent."""

    budget = 0

    def __init__(self) -> None:
        self.done = asyncio.get_running_loop().create_future()
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def call(self) -> None:
        """Send the next call, or leave."""
        if Caller.budget > 0:
            Caller.budget -= 1
            self.transport.write(CALL)
        else:
            self.done.set_result(None)

    def data_received(self, data: bytes) -> None:
        assert data.startswith(b"HTTP/1.1 202 "), data
        assert data.endswith(HEAD_END), data
        self.call()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("the server has closed the connection"))


async def load(port: int, calls: int, connections: int) -> None:
    """Make so many calls over so many connections."""
    running = asyncio.get_running_loop()
    callers = [(await running.create_connection(Caller, "127.0.0.1", port))[1] for _ in range(connections)]
    Caller.budget = calls
    for caller in callers:
        caller.call()
    await asyncio.gather(*(caller.done for caller in callers))
    for caller in callers:
        caller.transport.close()


def cost_us(server: Server, calls: int, connections: int) -> float:
    """CPU of the server per call, in microseconds."""
    before = server.cpu_s()
    loop.run(load(server.port, calls, connections))
    return (server.cpu_s() - before) / calls * 1e6


async def serve_ours() -> None:
    """Answer with Meseta's server."""
    from meseta.runtime.http1 import ACCEPTED, Request
    from meseta.runtime.server import HttpServer
    from meseta.runtime.streams import Responder

    def handle(request: Request, responder: Responder) -> None:
        assert request.method == "POST"
        assert request.path == "/api/v1/scheduler"
        assert request.headers["content-type"] == "application/x-protobuf"
        assert len(request.body) == len(BODY)
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
        assert len(await request.read()) == len(BODY)
        return web.Response(status=202)

    application = web.Application()
    application.router.add_post("/api/v1/scheduler", handle)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


SERVERS = {"ours": serve_ours, "aiohttp": serve_aiohttp}


def measure(calls: int, connections: int, pairs: int) -> dict[str, list[float]]:
    """Costs per call of both servers, in runs that alternate."""
    costs: dict[str, list[float]] = {"aiohttp": [], "ours": []}
    name = "benchmarks.http_calls"
    with started(name, "ours") as ours, started(name, "aiohttp") as aiohttp:
        servers = {"ours": ours, "aiohttp": aiohttp}
        for kind in ("aiohttp", "ours"):
            cost_us(servers[kind], calls // 4, connections)  # warm up
        for _ in range(pairs):
            for kind in ("aiohttp", "ours", "ours", "aiohttp"):
                costs[kind].append(cost_us(servers[kind], calls, connections))
    return costs


def show(costs: dict[str, list[float]]) -> dict[str, float | str]:
    """Print what was measured; the record of it."""
    medians = {kind: statistics.median(values) for kind, values in costs.items()}
    for kind, values in costs.items():
        spread = f"{min(values):.1f}–{max(values):.1f}"
        print(f"{kind:8} {medians[kind]:6.1f} µs CPU per call ({spread})")
    ratio = medians["ours"] / medians["aiohttp"]
    print(f"ours is {ratio:.3f} of aiohttp; the target is at most 0.25")
    return {"name": "http.calls", "us": medians["ours"], "aiohttp_us": medians["aiohttp"], "ratio": ratio}


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
