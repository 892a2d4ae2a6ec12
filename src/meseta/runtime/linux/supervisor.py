"""The process supervisor: starts the agent's processes, waits for them, and outlives the agent.

    python -m meseta.runtime.linux.supervisor SOCKET JOURNAL_DIR IDLE_EXIT_SECONDS

A task has to survive a restart of its agent, and its exit status with it; only a parent gets that status.
So the parent is this small program, one for each agent, in a session of its own. It has one thread and one
epoll, and watches its children by pidfd.

The agent connects to a Unix socket and sends requests; what happens comes back as reports. Each exit is in
the journal before anybody is told, and stays there until the agent says `Forget`. One client at a time:
a new connection replaces the one before. The first thing a client does is `List`: it gets what runs and
what has exited meanwhile, and goes on from there.

When the supervisor itself is killed its children go on, as orphans. The next supervisor on the same journal
finds them again by pid and start time; it can tell when they end but not how (`wait_status` is None). A
process started in the very millisecond of the kill is in no journal and remains unknown.

What a process leaves running when it ends is killed: its process group at once, the rest of its session
soon after, for many at a time, as that takes a walk of /proc. Whoever made a session of its own escapes
(only a control group holds daemons).
"""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import time
from typing import Any

from meseta.runtime.linux import supervision
from meseta.runtime.linux.journal import Entry, Journal, JournalError
from meseta.runtime.linux.processes import kill_trees, read_stat, send_group, signal_tree
from meseta.runtime.linux.spawn import SpawnError, spawn_process
from meseta.runtime.linux.supervision import (
    Decoder,
    Exited,
    Forget,
    FramingError,
    List,
    Listed,
    Report,
    Running,
    Shutdown,
    Signal,
    Spawn,
    Spawned,
    SpawnFailed,
)

ENTRIES_MAX = 20_000
"""Processes that run or wait to be forgotten; more are refused."""

BACKLOG_BYTES_MAX = 16 << 20
"""Reports that a client has not read; beyond it is cut off, and learns the rest by `List`."""

READ_BYTES = 1 << 18

SWEEP_S = 0.5
"""From an exit to the look for what is left of its session."""


class Connection:
    """The agent's end of the socket: what it has sent so far, what it has not read yet."""

    __slots__ = ("backlog", "decoder", "socket")

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.decoder = Decoder()
        self.backlog = bytearray()

    def flush(self) -> bool:
        """Send what the peer takes; say whether all is sent. Raises `OSError` when it is gone."""
        while self.backlog:
            try:
                sent = self.socket.send(self.backlog)
            except BlockingIOError:
                return False
            del self.backlog[:sent]
        return True


class Supervisor:
    """The loop and its state. `run` returns when the work is done."""

    def __init__(self, listener: socket.socket, journal: Journal, idle_exit_s: float) -> None:
        self._listener = listener
        self._journal = journal
        self._idle_exit_s = idle_exit_s
        self._epoll = select.epoll()
        self._connection: Connection | None = None
        self._pidfds: dict[int, str] = {}
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._leaving = False
        self._ended: dict[int, int] = {}
        """Start times of leaders that have ended, by pid, whose sessions are still to be looked for."""
        self._sweep_at = 0.0
        self._epoll.register(listener, select.EPOLLIN)

    def run(self) -> None:
        """Serve until told to shut down, or until nobody needs it for `idle_exit_s`."""
        self._adopt()
        while not (self._leaving and not self._pidfds):
            idle = not self._pidfds and self._connection is None and not self._ended
            events = self._epoll.poll(self._idle_exit_s if idle else self._sweep_due_s())
            if idle and not events:
                return
            for fd, mask in events:
                self._on_ready(fd, mask)
            if self._ended and time.monotonic() >= self._sweep_at:
                self._sweep()
        self._sweep()

    def _on_ready(self, fd: int, mask: int) -> None:
        if fd in self._pidfds:
            self._on_exited(fd)
        elif fd == self._listener.fileno():
            self._on_connected()
        elif self._connection is not None and fd == self._connection.socket.fileno():
            self._on_socket(self._connection, mask)

    # Clients

    def _on_connected(self) -> None:
        try:
            sock, _ = self._listener.accept()
        except OSError:
            return
        sock.setblocking(False)
        self._disconnect()
        self._connection = Connection(sock)
        self._epoll.register(sock, select.EPOLLIN)

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._epoll.unregister(self._connection.socket)
            self._connection.socket.close()
            self._connection = None

    def _on_socket(self, connection: Connection, mask: int) -> None:
        try:
            if mask & select.EPOLLOUT:
                self._flush(connection)
            if mask & ~select.EPOLLOUT:
                self._read(connection)
        except (OSError, FramingError) as error:
            print(f"Dropping the agent's connection: {error}", file=sys.stderr, flush=True)
            self._disconnect()

    def _read(self, connection: Connection) -> None:
        try:
            data = connection.socket.recv(READ_BYTES)
        except BlockingIOError:
            return
        if not data:
            self._disconnect()
            return
        for request in connection.decoder.feed(data):
            self._on_request(request)

    def _tell(self, report: Report) -> None:
        connection = self._connection
        if connection is None:
            return
        connection.backlog += supervision.encode(report)
        try:
            self._flush(connection)
        except OSError:
            self._disconnect()
            return
        if len(connection.backlog) > BACKLOG_BYTES_MAX:
            print("Dropping the agent's connection: it does not read", file=sys.stderr, flush=True)
            self._disconnect()

    def _flush(self, connection: Connection) -> None:
        sent = connection.flush()
        self._epoll.modify(connection.socket, select.EPOLLIN if sent else select.EPOLLIN | select.EPOLLOUT)

    # Requests

    def _on_request(self, request: Any) -> None:
        if isinstance(request, Spawn):
            self._on_spawn(request)
        elif isinstance(request, Signal):
            self._on_signal(request)
        elif isinstance(request, Forget):
            self._on_forget(request)
        elif isinstance(request, List):
            self._tell(self._listing())
        elif isinstance(request, Shutdown):
            self._on_shutdown(request)
        else:
            raise FramingError(f"a {type(request).__name__} is not for the supervisor")

    def _on_spawn(self, request: Spawn) -> None:
        try:
            self._check_room(request)
            child = spawn_process(request)
        except SpawnError as error:
            self._tell(SpawnFailed(request.key, error.reason, error.errno))
            return
        self._children[request.key] = child
        stat = read_stat(child.pid)
        assert stat is not None, "a child that nobody waited for has a /proc entry"
        self._journal.spawned(request.key, child.pid, stat.start_ticks, time.time())
        self._watch(request.key, os.pidfd_open(child.pid))
        self._tell(Spawned(request.key, child.pid))

    def _check_room(self, request: Spawn) -> None:
        if self._leaving:
            raise SpawnError(f"Cannot start '{request.key}': the supervisor is shutting down")
        if request.key in self._journal.entries:
            raise SpawnError(f"Cannot start '{request.key}': there is a process with that key already")
        if len(self._journal.entries) >= ENTRIES_MAX:
            raise SpawnError(f"Cannot start '{request.key}': there are {ENTRIES_MAX} processes already")

    def _on_signal(self, request: Signal) -> None:
        entry = self._journal.entries.get(request.key)
        if entry is None:
            return
        if request.tree:
            signal_tree(entry.pid, entry.start_ticks, request.signum)
        elif entry.exited is None and _is_alive(entry):
            send_group(entry.pid, request.signum)

    def _on_forget(self, request: Forget) -> None:
        entry = self._journal.entries.get(request.key)
        if entry is not None and entry.exited is not None:
            self._journal.forget(request.key)

    def _on_shutdown(self, request: Shutdown) -> None:
        self._leaving = True
        if not request.kill:
            self._unwatch_all()
            return
        for entry in list(self._journal.entries.values()):
            if entry.exited is None:
                signal_tree(entry.pid, entry.start_ticks, signal.SIGKILL)

    def _listing(self) -> Listed:
        running, exited = [], []
        for key, entry in self._journal.entries.items():
            if entry.exited is None:
                running.append(Running(key, entry.pid, entry.started))
            else:
                exited.append(Exited(key, entry.wait_status, entry.exited))
        return Listed(supervision.PROTOCOL_VERSION, os.getpid(), tuple(running), tuple(exited))

    # Children

    def _adopt(self) -> None:
        """Watch again what an earlier supervisor on this journal had started and is still there."""
        for key, entry in list(self._journal.entries.items()):
            if entry.exited is not None:
                continue
            pidfd = _open_pidfd(entry)
            if pidfd is None:
                self._journal.exited(key, None, time.time())
            else:
                self._watch(key, pidfd)

    def _watch(self, key: str, pidfd: int) -> None:
        self._pidfds[pidfd] = key
        self._epoll.register(pidfd, select.EPOLLIN)

    def _unwatch(self, pidfd: int) -> str:
        self._epoll.unregister(pidfd)
        os.close(pidfd)
        return self._pidfds.pop(pidfd)

    def _unwatch_all(self) -> None:
        for pidfd in list(self._pidfds):
            self._unwatch(pidfd)

    def _on_exited(self, pidfd: int) -> None:
        key = self._pidfds[pidfd]
        entry = self._journal.entries[key]
        # Before the wait: as long as its leader is a zombie the group's number is nobody else's.
        send_group(entry.pid, signal.SIGKILL)
        wait_status = None
        child = self._children.get(key)
        if child is not None:
            pid, wait_status = os.waitpid(child.pid, os.WNOHANG)
            if pid == 0:
                return
            child.returncode = os.waitstatus_to_exitcode(wait_status)
            del self._children[key]
        self._unwatch(pidfd)
        now = time.time()
        self._journal.exited(key, wait_status, now)
        self._tell(Exited(key, wait_status, now))
        if not self._ended:
            self._sweep_at = time.monotonic() + SWEEP_S
        self._ended[entry.pid] = entry.start_ticks

    # What they leave behind

    def _sweep_due_s(self) -> float:
        """Return how long to wait for events; -1 is for ever."""
        return max(0.0, self._sweep_at - time.monotonic()) if self._ended else -1

    def _sweep(self) -> None:
        ended, self._ended = self._ended, {}
        if ended:
            kill_trees(ended)


def _open_pidfd(entry: Entry) -> int | None:
    """Return a pidfd of the process of `entry`, None if it has ended. Its number may be another's now."""
    try:
        pidfd = os.pidfd_open(entry.pid)
    except ProcessLookupError:
        return None
    if _is_alive(entry):
        return pidfd
    os.close(pidfd)
    return None


def _is_alive(entry: Entry) -> bool:
    stat = read_stat(entry.pid)
    return stat is not None and stat.start_ticks == entry.start_ticks


def _listen(path: str) -> socket.socket:
    """Listen on `path`, which appears only when it accepts connections; only for the same user."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.setblocking(False)
    temporary = f"{path}.new"
    if os.path.exists(temporary):
        os.unlink(temporary)
    listener.bind(temporary)
    os.chmod(temporary, 0o600)
    listener.listen(8)
    os.rename(temporary, path)
    return listener


def _ignore(signum: int, frame: object) -> None:
    """Stand in for SIG_IGN, which the children would inherit."""


def _terminate(signum: int, frame: object) -> None:
    sys.exit(0)


def main() -> int:
    """Run a supervisor as `SupervisorClient` starts it; return the exit status."""
    socket_path, journal_dir, seconds = sys.argv[1:]
    idle_exit_s = float(seconds)
    for signum in (signal.SIGHUP, signal.SIGINT):
        signal.signal(signum, _ignore)
    signal.signal(signal.SIGTERM, _terminate)
    os.chdir("/")
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            journal = Journal(journal_dir, file.read().strip(), time.time())
        listener = _listen(socket_path)
    except (OSError, ValueError, JournalError) as error:
        print(f"The supervisor cannot start: {error}", file=sys.stderr)
        return 1
    try:
        Supervisor(listener, journal, idle_exit_s).run()
    finally:
        os.unlink(socket_path)
        journal.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
