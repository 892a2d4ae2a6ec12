"""The agent's side of the process supervisor: start or find it, send requests, hear reports.

Sends never wait: a request is written to the socket's buffer, its outcome comes to the callback. When the
supervisor dies the callback hears `SupervisorLost`; `connect_or_start` then brings up the next one, which
watches the processes that the dead one has left.
"""

from __future__ import annotations

import asyncio
import errno
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from meseta.errors import ConfigError, UnreachableError
from meseta.runtime.linux import supervision
from meseta.runtime.linux.supervision import (
    Decoder,
    Exited,
    Forget,
    FramingError,
    List,
    Listed,
    Request,
    Shutdown,
    Signal,
    Spawn,
    Spawned,
    SpawnFailed,
)

SOCKET_PATH_BYTES_MAX = 100
"""Linux allows 107; the supervisor adds a suffix while it starts."""

RETRY_S = 0.02


class SupervisorLost(NamedTuple):
    """The connection broke. Processes go on; their exits are told after `connect_or_start`."""

    reason: str


SupervisorEvent = Spawned | SpawnFailed | Exited | SupervisorLost


class SupervisorClient:
    """A connection to the supervisor of one agent; it belongs to one event loop."""

    def __init__(self, socket_path: str, journal_dir: str, *, idle_exit_s: float = 60.0) -> None:
        if len(os.fsencode(socket_path)) > SOCKET_PATH_BYTES_MAX:
            raise ConfigError(
                f"The supervisor's socket path '{socket_path}' is longer than {SOCKET_PATH_BYTES_MAX} bytes; "
                "choose a shorter --runtime_dir"
            )
        self._socket_path = socket_path
        self._journal_dir = journal_dir
        self._idle_exit_s = idle_exit_s
        self._callbacks: list[Callable[[SupervisorEvent], None]] = []
        self._link: _Link | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def connected(self) -> bool:
        """Whether requests can be sent."""
        return self._link is not None

    def on_event(self, callback: Callable[[SupervisorEvent], None]) -> None:
        """Call `callback` with every report from now on, on the event loop, in order."""
        self._callbacks.append(callback)

    async def connect_or_start(self, *, timeout_s: float = 10.0) -> Listed:
        """Connect to the supervisor, start one if there is none, and return what it looks after.

        Exits in the answer are not reported again: forget each when it is stored. Raises
        `UnreachableError` when no supervisor answers in time, `ConfigError` for one of another version.
        """
        try:
            async with asyncio.timeout(timeout_s):
                return await self._connect_or_start()
        except TimeoutError:
            raise UnreachableError(
                f"No process supervisor answers at {self._socket_path} within {timeout_s:g} s; "
                f"see {self._log_path()}"
            ) from None

    def spawn(self, request: Spawn) -> None:
        """Start a process; the answer is `Spawned` or `SpawnFailed`, later `Exited`."""
        try:
            self._send(request)
        except FramingError as error:
            reason = f"Cannot start '{request.key}': {error}"
            failed = SpawnFailed(request.key, reason, errno.E2BIG)
            asyncio.get_running_loop().call_soon(self._tell, failed)

    def signal(self, key: str, signum: int, *, tree: bool = False) -> None:
        """Signal the process group of `key`, or its whole tree; nothing happens if it is unknown."""
        self._send(Signal(key, signum, tree))

    def forget(self, key: str) -> None:
        """Let the supervisor drop the entry of an exited process."""
        self._send(Forget(key))

    def shutdown(self, *, kill: bool) -> None:
        """End the supervisor, with its processes or without."""
        self._send(Shutdown(kill))

    def close(self) -> None:
        """Drop the connection without a report; supervisor and processes go on."""
        if self._link is not None:
            self._link.close()
            self._link = None

    def _send(self, request: Request) -> None:
        if self._link is None:
            raise UnreachableError(f"The process supervisor at {self._socket_path} is not connected")
        self._link.send(supervision.encode(request))

    async def _connect_or_start(self) -> Listed:
        try:
            while True:
                try:
                    return await self._connect()
                except (OSError, EOFError):
                    # Nobody listens, or who did was just leaving.
                    if self._process is None or self._process.poll() is not None:
                        self._process = self._start()
                    await asyncio.sleep(RETRY_S)
        except BaseException:
            if self._process is not None:
                self._process.terminate()
            raise

    async def _connect(self) -> Listed:
        self.close()
        loop = asyncio.get_running_loop()
        _, link = await loop.create_unix_connection(lambda: _Link(self._on_report), self._socket_path)
        try:
            link.send(supervision.encode(List()))
            listed = await link.listed
        except BaseException:
            link.close()
            raise
        if listed.version != supervision.PROTOCOL_VERSION:
            link.close()
            raise ConfigError(
                f"The process supervisor at {self._socket_path} (pid {listed.pid}) speaks version "
                f"{listed.version}, not {supervision.PROTOCOL_VERSION}: drain this agent, end that process"
            )
        self._link = link
        return listed

    def _start(self) -> subprocess.Popen[bytes]:
        os.makedirs(self._journal_dir, mode=0o700, exist_ok=True)
        command = [sys.executable, "-P", "-m", "meseta.runtime.linux.supervisor"]
        command += [self._socket_path, self._journal_dir, str(self._idle_exit_s)]
        with open(self._log_path(), "ab") as log:
            return subprocess.Popen(
                command,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _log_path(self) -> str:
        return os.path.join(self._journal_dir, "supervisor.log")

    def _on_report(self, link: _Link, report: SupervisorEvent) -> None:
        if isinstance(report, SupervisorLost):
            if link is not self._link:
                return
            self._link = None
            if self._process is not None:
                self._process.poll()
        self._tell(report)

    def _tell(self, event: SupervisorEvent) -> None:
        for callback in self._callbacks:
            callback(event)


class _Link(asyncio.Protocol):
    """One connection: cuts what arrives into reports. `listed` is the answer to the first request."""

    def __init__(self, report: Callable[[_Link, Any], None]) -> None:
        self._report = report
        self._decoder = Decoder()
        self._transport: Any = None
        self._reason = "it closed the connection"
        self.listed: asyncio.Future[Listed] = asyncio.get_running_loop().create_future()

    def send(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.write(data)

    def close(self) -> None:
        assert self._transport is not None
        self.listed.cancel()
        self._transport.abort()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            reports = self._decoder.feed(data)
        except FramingError as error:
            self._reason = str(error)
            self.close()
            return
        for report in reports:
            if not isinstance(report, Listed):
                self._report(self, report)
            elif not self.listed.done():
                self.listed.set_result(report)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.listed.done():
            self.listed.set_exception(EOFError(self._reason))
        self._report(self, SupervisorLost(str(exc or self._reason)))
