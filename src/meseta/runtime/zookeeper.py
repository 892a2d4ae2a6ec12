"""One session with ZooKeeper, used from the loop.

kazoo does the protocol in threads of its own. Its calls block, so they are made one after the other in a
thread beside the loop, and what they return comes back as a callback on the loop. Connections come and go
within a session; kazoo tries for ever to have one. While there is none, calls wait or fail.

A leader must find another server before its lease is over when its own falls silent. Kazoo would take two
thirds of the session timeout to notice that, and as much again as the whole to give up a server that does
not even take connections: both are made shorter here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import structlog
from kazoo.client import KazooClient, KazooState
from kazoo.exceptions import KazooException
from kazoo.handlers.threading import SequentialThreadingHandler
from kazoo.security import CREATOR_ALL_ACL, OPEN_ACL_UNSAFE, READ_ACL_UNSAFE

from meseta.runtime.service_address import Address
from meseta.runtime.worker import Errands

RECONNECT = {"max_tries": -1, "delay": 0.1, "backoff": 2, "max_delay": 1.0}
"""Seconds between attempts to connect: short, since a leader may have few seconds left."""
SILENCE = 1 / 3
"""The part of a session timeout after which a silent server is given up; kazoo pings at half of it."""
CLOSE_TIMEOUT_S = 5.0

ResultT = TypeVar("ResultT")
log = structlog.get_logger()


def acl_of(address: Address) -> list[Any]:
    """Return who may do what to our nodes, as in Mesos: with a password, others may only read."""
    if address.credential is None:
        return list(OPEN_ACL_UNSAFE)
    return [*CREATOR_ALL_ACL, *READ_ACL_UNSAFE]


def auth_of(address: Address) -> list[tuple[str, str]] | None:
    """Return what kazoo is to show the servers."""
    return None if address.credential is None else [("digest", ":".join(address.credential))]


class _Handler(SequentialThreadingHandler):  # type: ignore[misc]
    """Kazoo's threads; with less patience for servers that do not take connections."""

    def __init__(self, connect_timeout_s: float) -> None:
        super().__init__()
        self._connect_timeout_s = connect_timeout_s

    def create_connection(self, *arguments: Any, **options: Any) -> Any:
        options["timeout"] = self._connect_timeout_s
        return super().create_connection(*arguments, **options)


class ZooKeeper:
    """A session that is opened again whenever it has expired. Use it on the loop it was made on."""

    def __init__(
        self,
        address: Address,
        session_timeout_s: float,
        on_connected: Callable[[int], None],
        on_disconnected: Callable[[], None],
    ) -> None:
        """`on_connected` is told the id of the session, which is another one if the last has expired."""
        self.address = address
        self.lease_s = session_timeout_s
        """How long the server keeps the session without a sign of life: it has the last word on it."""
        self._on_connected = on_connected
        self._on_disconnected = on_disconnected
        self._errands = Errands("zookeeper", KazooException)
        self._client = self._make_client(session_timeout_s)

    def start(self) -> None:
        """Connect, for ever."""
        self._client.start_async()

    def do(
        self,
        work: Callable[[Any], ResultT],
        on_done: Callable[[ResultT], None],
        on_failed: Callable[[KazooException], None],
    ) -> None:
        """Call `work` with the client of kazoo, after all earlier work, and tell how it ended.

        A connection that breaks is among the failures, and there may be none for as long as there is no
        connection. Other exceptions are bugs.
        """
        self._errands.do(lambda: work(self._client), on_done, on_failed)

    def tell(self, callback: Callable[..., None], *arguments: object) -> None:
        """Call something on the loop, from any thread; nothing is called after `close`."""
        self._errands.tell(callback, *arguments)

    async def close(self) -> None:
        """End the session, so that its nodes go; without a connection the server ends it later."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self.close_soon()

    def close_soon(self) -> asyncio.Future[None]:
        """End the session, and tell when that is done."""
        self._errands.close(lambda: None)
        # Not in our own thread: what it does may wait for a connection, and fails only by this.
        return Errands("zookeeper end", KazooException).close(self._close)

    def _make_client(self, session_timeout_s: float) -> Any:
        address = self.address
        logger = logging.getLogger("kazoo.meseta")
        logger.setLevel(logging.ERROR)
        client = KazooClient(
            hosts=address.hosts,
            timeout=session_timeout_s,
            handler=_Handler(session_timeout_s * SILENCE / (len(address.servers))),
            auth_data=auth_of(address),
            connection_retry=dict(RECONNECT),
            logger=logger,
        )
        client.add_listener(self._on_state)
        self._adjust_timeouts(client)
        return client

    def _adjust_timeouts(self, client: Any) -> None:
        """Of the timeout that is negotiated, kazoo only tells its own loop: two thirds are for silence."""
        connect = client._connection._connect

        def connect_and_adjust(*arguments: Any) -> Any:
            silence_ms, connect_ms = connect(*arguments)
            session_ms = silence_ms * 1.5
            self.lease_s = session_ms / 1000
            return session_ms * SILENCE, connect_ms

        client._connection._connect = connect_and_adjust

    # ── in kazoo's threads ────────────────────────────────────────────────────────────────────────────

    def _on_state(self, state: str) -> None:
        if state == KazooState.CONNECTED:
            self.tell(self._on_connected, self._client.client_id[0])
        elif state == KazooState.SUSPENDED:
            self.tell(self._on_disconnected)

    def _close(self) -> None:
        with suppress(Exception):  # Whatever is wrong with it, we are leaving.
            self._client.stop()
            self._client.close()
