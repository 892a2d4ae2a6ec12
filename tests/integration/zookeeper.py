"""Real ZooKeeper servers for tests: one or several on loopback, each a process of its own in a directory.

They are those of the Debian package `zookeeper`. Where it is missing, tests that use them are skipped.
"""

from __future__ import annotations

import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from kazoo.client import KazooClient

from tests.integration.places import HERE, Place

JAR = Path("/usr/share/java/zookeeper.jar")
MAIN = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
START_TIMEOUT_S = 60.0
TICK_MS = 200
PORTS = range(10_000, 32_768)
"""Linux takes others for connections, and for port 0."""
JAVA = [
    "java",
    *("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"),
    *("-Dzookeeper.admin.enableServer=false", "-Dzookeeper.jmx.log4j.disable=true"),
    *("-Dzookeeper.preAllocSize=64", "-Dzookeeper.forceSync=no"),
    *("-cp", str(JAR)),
    MAIN,
]

is_missing = not JAR.exists() or shutil.which("java") is None
needs_zookeeper = [
    pytest.mark.skipif(is_missing, reason="ZooKeeper is not installed: apt-get install zookeeper"),
    pytest.mark.xdist_group("zookeeper"),
]
"""Put this into `pytestmark`: one worker runs all tests that start servers."""


class Server:
    """One server; it may be stopped and started again."""

    def __init__(self, directory: Path, port: int, others: str = "", place: Place = HERE) -> None:
        self.address = f"{place.ip}:{port}"
        self.command = [*place.inside, *JAVA, str(directory / "zoo.cfg")]
        self.log = directory / "log"
        self._directory = directory
        (directory / "zoo.cfg").write_text(
            f"dataDir={directory}/data\nclientPort={port}\nclientPortAddress={place.ip}\n"
            f"tickTime={TICK_MS}\ninitLimit=50\nsyncLimit=20\nmaxSessionTimeout=60000\nmaxClientCnxns=0\n"
            f"{others}"
        )
        self.start()

    def start(self) -> None:
        """Start it; `wait_for_quorum` tells when clients are served."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, cwd=self._directory)

    def kill(self) -> None:
        """End it at once, and wait for that."""
        self.process.kill()
        self.process.wait(timeout=60)

    def leads(self) -> bool:
        """Whether it leads the others."""
        return b"Mode: leader" in self._say("srvr")

    def serves(self) -> bool:
        """Whether it serves clients: then it leads, or follows who does."""
        try:
            return b"Mode: " in self._say("srvr")
        except OSError:
            return False

    def _say(self, word: str) -> bytes:
        host, port = self.address.split(":")
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(word.encode())
            return connection.recv(4096)

    def pause(self) -> None:
        """Let it do nothing until it is continued: its clients see silence."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self.process.send_signal(signal.SIGCONT)


class Ensemble:
    """Servers that form one ZooKeeper."""

    def __init__(self, servers: list[Server]) -> None:
        self.servers = servers
        self.hosts = ",".join(server.address for server in servers)
        self._numbers = 0

    def folder(self) -> str:
        """A folder that no other test uses, as an address."""
        self._numbers += 1
        return f"zk://{self.hosts}/masters{self._numbers}"

    @contextmanager
    def client(self) -> Iterator[KazooClient]:
        """A client of its own, for looking."""
        client = KazooClient(hosts=self.hosts, timeout=10)
        client.start(timeout=START_TIMEOUT_S)
        try:
            yield client
        finally:
            client.stop()
            client.close()

    def wait_for_all(self) -> None:
        """Wait until every server serves.

        A majority may do before. But then the third has to find them, and if one of them hangs just now it
        is for these two that a majority is missing: ZooKeeper may need a minute to get over that.
        """
        deadline = time.monotonic() + START_TIMEOUT_S
        while not all(server.serves() for server in self.servers):
            assert time.monotonic() < deadline, "a server does not join the others"
            time.sleep(0.05)

    def wait_for_quorum(self) -> None:
        """Wait until clients are served."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                with self.client() as client:
                    client.get_children("/")
                return
            except Exception:
                assert time.monotonic() < deadline, "ZooKeeper does not start"


@contextmanager
def zookeeper(directory: Path, count: int = 1, places: Sequence[Place] = ()) -> Iterator[Ensemble]:
    """A ZooKeeper of `count` servers below `directory`, all here if no places are named; nothing of it is
    left running."""
    ports = free_ports(3 * count)
    places = places or [HERE] * count
    members = [f"server.{n + 1}={places[n].ip}:{ports[3 * n + 1]}:{ports[3 * n + 2]}\n" for n in range(count)]
    servers: list[Server] = []
    try:
        for number in range(count):
            place = directory / f"zookeeper{number + 1}"
            (place / "data").mkdir(parents=True)
            (place / "data" / "myid").write_text(str(number + 1))
            others = "".join(members) if count > 1 else ""
            servers.append(Server(place, ports[3 * number], others, places[number]))
        ensemble = Ensemble(servers)
        ensemble.wait_for_quorum()
        yield ensemble
    finally:
        for server in servers:
            server.kill()


def free_ports(count: int) -> list[int]:
    """Ports of loopback that are free now, and that no connection nor port 0 is given later on.

    A server that is started again must find its port free.
    """
    candidates = iter(random.SystemRandom().sample(PORTS, 100 * count))
    return [next(filter(is_free, candidates)) for _ in range(count)]


def is_free(port: int) -> bool:
    """Whether a server may listen there."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
