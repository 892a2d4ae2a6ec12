"""What processes do with pipes: libprocess messages with links, and HTTP exchanges."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from meseta.ids import Pid
from meseta.sim.network import END, Host, Mail, Network, Pipe


class Mailer:
    """Sends the libprocess messages of one life of one process (see `runtime.links`)."""

    def __init__(self, network: Network, host: Host, repeated: Callable[[Any], bool]) -> None:
        self._network = network
        self._host = host
        self._repeated = repeated
        self._pipes: dict[str, Pipe] = {}
        self._linked: set[str] = set()

    def send(self, mail: Mail) -> None:
        """Send a message, at most once unless its sender repeats such messages anyway."""
        pipe = self._pipe(_address(mail.receiver))
        pipe.send(mail)
        weather = self._network.weather
        if (
            weather.repeats
            and self._repeated(mail.record)
            and self._network.chance.random() < weather.repeats
        ):
            pipe.send(mail)

    def link(self, pid: Pid) -> None:
        """Keep a pipe to the address of a pid, and tell once when it is gone."""
        address = _address(pid)
        pipe = self._pipe(address)
        self._linked.add(address)
        pipe.send(None)

    def link_anew(self, pid: Pid) -> None:
        """The same over a new pipe; what is on its way in the old one may still arrive."""
        pipe = self._pipes.pop(_address(pid), None)
        if pipe is not None:
            pipe.abandon()
        self.link(pid)

    def unlink(self, pid: Pid) -> None:
        """Tell nothing of the pipe to the address of a pid; each process has an address of its own."""
        self._linked.discard(_address(pid))

    def close(self) -> None:
        """The process is gone."""
        for pipe in self._pipes.values():
            pipe.abandon()
        self._pipes.clear()
        self._linked.clear()

    def _pipe(self, address: str) -> Pipe:
        pipe = self._pipes.get(address)
        if pipe is None:
            pipe = self._pipes[address] = self._network.pipe(
                self._host.address, address, partial(self._deliver, address), partial(self._broke, address)
            )
        return pipe

    def _deliver(self, address: str, mail: Mail | None) -> None:
        if mail is not None:
            self._network.hosts[address].on_mail(mail)

    def _broke(self, address: str) -> None:
        self._pipes.pop(address, None)
        if address in self._linked:
            self._linked.discard(address)
            self._host.on_peer_exited(address)


class Exchange:
    """An HTTP connection: a client's requests, and what the server answers.

    `on_reply` gets each answer, `on_lost` tells the client that no more will come, and why.
    """

    def __init__(
        self,
        network: Network,
        client: str,
        server: str,
        on_reply: Callable[[Any], None],
        on_lost: Callable[[str], None],
    ) -> None:
        self.server = server
        self._network = network
        self._on_reply = on_reply
        self._on_lost = on_lost
        self._client_open = True
        self._server_open = True
        self._requests = network.pipe(
            client, server, self._serve, partial(self._lose, "the connection broke")
        )
        self._replies = network.pipe(server, client, self._reply, self._client_gone)

    def request(self, message: Any) -> None:
        """The client sends a request."""
        self._requests.send(message)

    def reply(self, message: Any) -> None:
        """The server answers, or adds to its answer."""
        self._replies.send(message)

    def close(self) -> None:
        """The client ends the connection; what is under way to it is not wanted any more."""
        if self._client_open:
            self._client_open = False
            self._requests.hang_up()

    def acknowledges(self, within_s: float) -> bool:
        """Tell the server whether the client's machine acknowledges what it is sent."""
        return self._replies.acknowledges(within_s)

    def finish(self) -> None:
        """The server ends its answer properly."""
        if self._server_open:
            self._server_open = False
            self._replies.hang_up()

    def die_at_client(self) -> None:
        """The client's process is gone."""
        self._client_open = False
        self._requests.abandon()

    def die_at_server(self) -> None:
        """The server's process is gone."""
        self._server_open = False
        self._replies.abandon()

    def _serve(self, message: Any) -> None:
        if message is END:
            self._client_gone()
        elif self._server_open:
            self._network.hosts[self.server].serve(self, message)
        else:
            self._requests.reset()

    def _reply(self, message: Any) -> None:
        if message is END:
            self._lose("the server closed the connection")
        elif self._client_open:
            self._on_reply(message)
        else:
            self._replies.reset()

    def _lose(self, reason: str) -> None:
        """The client learns that the connection is gone; so does the server, if word gets through."""
        if not self._client_open:
            return
        self._client_open = False
        self._requests.abandon()
        self._tell(self._requests, self._replies)
        self._on_lost(reason)

    def _client_gone(self) -> None:
        """The server learns that the connection is gone; so does the client, if word gets through."""
        if not self._server_open:
            return
        self._server_open = False
        self._replies.abandon()
        self._tell(self._replies, self._requests)
        self._network.hosts[self.server].on_client_gone(self)

    def _tell(self, used: Pipe, other: Pipe) -> None:
        network = self._network
        if not network.is_blocked(used.way):
            network.world.after(network.delay_s(), other.reset)


def _address(pid: Pid) -> str:
    """Return the `ip:port` part of a pid."""
    return pid.rpartition("@")[2]
