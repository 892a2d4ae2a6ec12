"""Links over real sockets: messages in order, and exactly one word when a linked peer is gone."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from meseta.runtime.links import LinkLimits, Links
from meseta.runtime.server import HttpServer
from tests.integration.test_http_server import run, until

ME = "me@127.0.0.1:1"


class Receiver:
    """A server that collects messages."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.server = HttpServer(lambda _, responder: responder.abort(), on_message=self._on_message)
        self.port = 0

    def _on_message(self, receiver: str, sender: str, name: str, body: bytes) -> bool:
        self.bodies.append(body)
        return receiver == "master"

    async def start(self, port: int = 0) -> str:
        """Listen; the pid of a process here."""
        _, self.port = await self.server.listen("127.0.0.1", port)
        return f"master@127.0.0.1:{self.port}"


def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


async def with_links(
    body: Callable[[Links, list[str], Receiver, str], object], limits: LinkLimits | None = None
) -> None:
    links = Links(limits)
    gone: list[str] = []
    links.on_exited(gone.append)
    receiver = Receiver()
    pid = await receiver.start()
    await body(links, gone, receiver, pid)  # type: ignore[misc]
    await links.close()
    await receiver.server.close()


def test_messages_arrive_in_order_over_one_socket() -> None:
    async def body(links: Links, gone: list[str], receiver: Receiver, pid: str) -> None:
        sent = [b"%d" % number if number % 10 else b"" for number in range(5000)]
        for number, message in enumerate(sent):
            assert links.send(pid, ME, "a.B", message)
            if number % 500 == 0:
                await asyncio.sleep(0)
        await until(lambda: len(receiver.bodies) == len(sent))
        assert receiver.bodies == sent
        assert receiver.server.counters["connections_accepted"] == 1
        assert links.counters["messages_sent"] == len(sent)
        assert gone == []

    run(lambda: with_links(body))


def test_a_temporary_socket_is_closed_when_quiet_and_tells_nothing() -> None:
    async def body(links: Links, gone: list[str], receiver: Receiver, pid: str) -> None:
        links.send(pid, ME, "a.B", b"1")
        await until(lambda: receiver.bodies)
        await until(lambda: receiver.server.connections == 0)
        links.send(pid, ME, "a.B", b"2")
        await until(lambda: len(receiver.bodies) == 2)
        assert receiver.server.counters["connections_accepted"] == 2
        assert gone == []

    run(lambda: with_links(body, LinkLimits(linger_s=0.05)))


def test_a_linked_socket_stays_until_the_last_link_is_dropped() -> None:
    async def body(links: Links, gone: list[str], receiver: Receiver, pid: str) -> None:
        other = pid.replace("master", "slave-observer(1)")
        links.link(pid)
        links.link(other)
        await until(lambda: receiver.server.connections == 1)
        links.unlink(pid)
        await asyncio.sleep(0.2)
        assert receiver.server.connections == 1
        links.unlink(other)
        await until(lambda: receiver.server.connections == 0)
        assert gone == []

    run(lambda: with_links(body, LinkLimits(linger_s=0.05)))


def test_the_end_of_a_linked_peer_is_told_once_and_forgotten() -> None:
    async def body(links: Links, gone: list[str], receiver: Receiver, pid: str) -> None:
        links.link(pid)
        links.link(pid.replace("master", "other"))
        links.send(pid, ME, "a.B", b"1")
        await until(lambda: receiver.bodies)
        await receiver.server.close()
        await until(lambda: gone)
        await asyncio.sleep(0.05)
        assert gone == [f"127.0.0.1:{receiver.port}"]
        again = Receiver()
        await again.start(receiver.port)
        links.send(pid, ME, "a.B", b"2")
        await until(lambda: again.bodies == [b"2"])
        await again.server.close()
        await asyncio.sleep(0.05)
        assert len(gone) == 1, "the link was forgotten with the first end"

    run(lambda: with_links(body))


def test_a_failure_to_connect_is_told_to_those_who_linked() -> None:
    async def body(links: Links, gone: list[str], receiver: Receiver, pid: str) -> None:
        port = closed_port()
        links.send(f"a@127.0.0.1:{port}", ME, "a.B", b"lost")
        await until(lambda: links.counters["connects_failed"] == 1)
        assert links.counters["messages_lost"] == 1
        assert gone == []
        links.link(f"a@127.0.0.1:{port}")
        links.link(f"b@127.0.0.1:{port}")
        await until(lambda: gone)
        await asyncio.sleep(0.05)
        assert gone == [f"127.0.0.1:{port}"]

    run(lambda: with_links(body))


def test_linking_again_with_reconnect_replaces_the_socket_silently() -> None:
    async def body(links: Links, gone: list[str], receiver: Receiver, pid: str) -> None:
        links.link(pid)
        await until(lambda: receiver.server.connections == 1)
        links.send(pid, ME, "a.B", b"before")
        links.link(pid, reconnect=True)
        links.send(pid, ME, "a.B", b"after")
        await until(lambda: sorted(receiver.bodies) == [b"after", b"before"])
        await until(lambda: receiver.server.connections == 1)
        assert receiver.server.counters["connections_accepted"] == 2
        assert gone == []
        await receiver.server.close()
        await until(lambda: gone)
        await asyncio.sleep(0.05)
        assert gone == [f"127.0.0.1:{receiver.port}"]

    run(lambda: with_links(body))


def test_a_full_queue_drops_what_is_new() -> None:
    async def body(links: Links, gone: list[str], receiver: Receiver, pid: str) -> None:
        results = [links.send(pid, ME, "a.B", b"%d" % number) for number in range(5)]
        assert results == [True, True, True, False, False]
        await until(lambda: receiver.bodies == [b"0", b"1", b"2"])
        assert links.counters["messages_dropped"] == 2

    run(lambda: with_links(body, LinkLimits(messages_max=3)))


def test_what_is_no_pid_is_refused() -> None:
    async def body(links: Links, gone: list[str], receiver: Receiver, pid: str) -> None:
        assert not links.send("@0.0.0.0:0", ME, "a.B", b"")
        assert not links.send(f"a HTTP/1.1\r\n\r\n{pid}", ME, "a.B", b"")
        assert not links.link("nonsense")
        links.unlink("nonsense")
        assert links.counters["pids_malformed"] == 2

    run(lambda: with_links(body))


def test_host_names_are_resolved() -> None:
    async def body(links: Links, gone: list[str], receiver: Receiver, pid: str) -> None:
        assert links.send(pid.replace("127.0.0.1", "localhost"), ME, "a.B", b"named")
        await until(lambda: receiver.bodies == [b"named"])
        links.link("a@no-such-host.invalid:5050")
        await until(lambda: gone == ["no-such-host.invalid:5050"])

    run(lambda: with_links(body))


def test_many_addresses_are_connected_a_few_at_a_time() -> None:
    async def body(links: Links, gone: list[str], receiver: Receiver, pid: str) -> None:
        receivers = [Receiver() for _ in range(8)]
        pids = [await one.start() for one in receivers]
        for one in pids:
            links.send(one, ME, "a.B", b"x")
        await until(lambda: all(one.bodies for one in receivers))
        for one in receivers:
            await one.server.close()

    run(lambda: with_links(body, LinkLimits(connects_max=2)))


def test_a_peer_that_does_not_read_fills_only_its_queue() -> None:
    async def main() -> None:
        accepted: list[asyncio.StreamWriter] = []

        async def never_read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            accepted.append(writer)

        listener = await asyncio.start_server(never_read, "127.0.0.1", 0)
        pid = f"a@127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        links = Links(LinkLimits(bytes_max=1_000_000, linger_s=0.1))
        receiver = Receiver()
        other = await receiver.start()
        while not links.counters["messages_dropped"]:
            links.send(pid, ME, "a.B", bytes(100_000))
            await asyncio.sleep(0)
        links.send(other, ME, "a.B", b"fine")
        await until(lambda: receiver.bodies)
        await links.close()
        await receiver.server.close()
        for writer in accepted:
            writer.transport.abort()
        listener.close()

    run(main)
