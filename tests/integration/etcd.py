"""Real etcd servers for tests: one or several on loopback, each a process of its own in a directory.

They are those of the Debian package `etcd-server`. Where it is missing, tests that use them are skipped.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from meseta.runtime.etcd import Etcd, EtcdError
from meseta.runtime.service_address import parse_address
from tests.integration.places import HERE, Place
from tests.integration.zookeeper import free_ports

START_TIMEOUT_S = 60.0
ELECTION_MS = 1000

is_missing = shutil.which("etcd") is None
needs_etcd = [
    pytest.mark.skipif(is_missing, reason="etcd is not installed: apt-get install etcd-server"),
    pytest.mark.xdist_group("etcd"),
]
"""Put this into `pytestmark`: one worker runs all tests that start servers."""


class Server:
    """One server; it may be stopped and started again."""

    def __init__(
        self, directory: Path, name: str, port: int, peer: int, flags: list[str], place: Place
    ) -> None:
        self.address = f"{place.ip}:{port}"
        self.log = directory / "log"
        self.directory = directory
        self.command = [
            *place.inside,
            "etcd",
            f"--name={name}",
            f"--data-dir={directory}/data",
            f"--listen-client-urls=http://{self.address}",
            f"--advertise-client-urls=http://{self.address}",
            f"--listen-peer-urls=http://{place.ip}:{peer}",
            f"--initial-advertise-peer-urls=http://{place.ip}:{peer}",
            f"--heartbeat-interval={ELECTION_MS // 10}",
            f"--election-timeout={ELECTION_MS}",
            *flags,
        ]
        self.start()

    def start(self) -> None:
        """Start it; `wait_for_quorum` tells when clients are served."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, cwd=self.directory)

    def kill(self) -> None:
        """End it at once, and wait for that."""
        self.process.kill()
        self.process.wait(timeout=60)

    def pause(self) -> None:
        """Let it do nothing until it is continued: its clients see silence."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self.process.send_signal(signal.SIGCONT)

    def serves(self) -> bool:
        """Whether it knows who leads: only then it answers."""
        client = Etcd(parse_address(f"etcd://{self.address}/any"), 5.0)
        try:
            client.read(b"any")
        except EtcdError:
            return False
        finally:
            client.close()
        return True


class Ensemble:
    """Servers that form one etcd."""

    def __init__(self, servers: list[Server]) -> None:
        self.servers = servers
        self.hosts = ",".join(server.address for server in servers)
        self._numbers = 0

    def folder(self) -> str:
        """A path that no other test uses, as an address."""
        self._numbers += 1
        return f"etcd://{self.hosts}/masters{self._numbers}"

    def client(self) -> Etcd:
        """A client of its own, for looking."""
        return Etcd(parse_address(f"etcd://{self.hosts}/any"), 5.0)

    def wait_for_all(self) -> None:
        """Wait until every server serves."""
        self._wait_until(lambda: all(server.serves() for server in self.servers))

    def wait_for_quorum(self) -> None:
        """Wait until clients are served."""
        self._wait_until(lambda: any(server.serves() for server in self.servers))

    def _wait_until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not condition():
            assert time.monotonic() < deadline, "etcd does not start"
            time.sleep(0.05)


@contextmanager
def etcd(directory: Path, count: int = 1, *flags: str, places: Sequence[Place] = ()) -> Iterator[Ensemble]:
    """An etcd of `count` servers below `directory`, all here if no places are named; nothing of it is left
    running."""
    ports = free_ports(2 * count)
    places = places or [HERE] * count
    members = ",".join(f"e{n}=http://{places[n].ip}:{ports[2 * n + 1]}" for n in range(count))
    servers: list[Server] = []
    try:
        for number in range(count):
            place = directory / f"etcd{number}"
            place.mkdir()
            own = [f"--initial-cluster={members}", *flags]
            client, peer = ports[2 * number : 2 * number + 2]
            servers.append(Server(place, f"e{number}", client, peer, own, places[number]))
        ensemble = Ensemble(servers)
        ensemble.wait_for_quorum()
        yield ensemble
    finally:
        for server in servers:
            server.kill()
