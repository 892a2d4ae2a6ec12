"""The cluster of a chaos run: real processes of Meseta, at addresses that stay the same."""

from __future__ import annotations

import shutil
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.chaos.net import Network
from tests.chaos.programs import Program
from tests.integration.daemons import end_supervisors, remove_groups
from tests.integration.etcd import etcd
from tests.integration.places import HERE, Place
from tests.integration.zookeeper import free_ports, zookeeper
from tests.integration.zookeeper import is_missing as zookeeper_is_missing

RUN = "import sys; from meseta.daemon.{kind} import main; sys.exit(main(sys.argv[1:]))"
SERVERS = 3
"""Of a coordinator."""
SESSION = "4secs"
LATE = "60secs"
"""How long an agent may be away."""
RESOURCES = "cpus:1;mem:512;disk:1024"
COORDINATORS = ("none", "zookeeper", "etcd")


class Cluster:
    """All programs of Meseta, not started yet, and the servers of the coordinator, which run."""

    def __init__(
        self,
        directory: Path,
        *,
        agents: int,
        frameworks: int,
        coordinator: str | None,
        servers: Sequence[Program] = (),
        network: Network | None = None,
    ) -> None:
        """`coordinator`: the address at which three masters elect their leader, or one master for ever.
        `network`: where each program is at an address of its own."""
        self.directory = directory
        self.groups = f"meseta-chaos-{uuid.uuid4()}"
        self.servers = servers
        self._coordinator = coordinator
        self._network = network
        master_ports = free_ports(1 if coordinator is None else 3)
        places = [self._place("127.0.0.1") for _ in master_ports]
        self.masters = [f"{place.ip}:{port}" for place, port in zip(places, master_ports, strict=True)]
        self.programs = [
            *(self._master(n, *where) for n, where in enumerate(zip(places, master_ports, strict=True), 1)),
            *(self._agent(number, port) for number, port in enumerate(free_ports(agents), 1)),
            *(self._framework(number) for number in range(1, frameworks + 1)),
        ]

    @property
    def everything(self) -> list[Program]:
        """Return all that may be struck."""
        return [*self.programs, *self.servers]

    def of_kind(self, kind: str) -> list[Program]:
        """Return the programs of one kind."""
        return [program for program in self.programs if program.kind == kind]

    def end(self) -> None:
        """Leave nothing behind but files."""
        for program in self.everything:
            program.end()
        end_supervisors(self.directory)
        remove_groups(self.groups)

    def _place(self, ip: str) -> Place:
        """Return where a program runs: at an address of this machine, or in the network."""
        return Place(ip) if self._network is None else self._network.add()

    def _daemon(self, kind: str, number: int, place: Place, port: int, *flags: str) -> Program:
        name = f"{kind}{number}"
        command = [sys.executable, "-c", RUN.format(kind=kind)]
        flags = (*flags, f"--ip={place.ip}", f"--hostname={place.ip}", f"--port={port}")
        flags = (*flags, f"--work_dir={self.directory}/{name}")
        return Program(kind, name, [*command, *flags], self.directory / f"{name}.log", place)

    def _master(self, number: int, place: Place, port: int) -> Program:
        late = f"--agent_reregister_timeout={LATE}"
        if self._coordinator is None:
            return self._daemon("master", number, place, port, late)
        flags = (f"--zk={self._coordinator}", f"--zk_session_timeout={SESSION}", late)
        return self._daemon("master", number, place, port, *flags)

    def _agent(self, number: int, port: int) -> Program:
        flags = (
            f"--master={self._coordinator or self.masters[0]}",
            f"--runtime_dir={self.directory}/agent{number}.run",
            f"--resources={RESOURCES}",
            f"--cgroups_root={self.groups}",
        )
        return self._daemon("agent", number, self._place(f"127.0.1.{number}"), port, *flags)

    def _framework(self, number: int) -> Program:
        name = f"f{number}"
        command = [sys.executable, "-m", "tests.chaos.framework", name, str(self.directory)]
        log = self.directory / f"{name}.log"
        return Program("framework", name, [*command, ",".join(self.masters)], log, self._place("127.0.0.1"))


def installed() -> list[str]:
    """Return the coordinators that are here, or that there is none."""
    found = [] if zookeeper_is_missing else ["zookeeper"]
    if shutil.which("etcd") is not None:
        found.append("etcd")
    return found or ["none"]


@contextmanager
def coordinator(
    kind: str, directory: Path, network: Network | None
) -> Iterator[tuple[str | None, list[Program]]]:
    """The address of a coordination service of this kind, and its servers, which run meanwhile."""
    if kind == "none":
        yield None, []
        return
    start = zookeeper if kind == "zookeeper" else etcd
    places = [HERE if network is None else network.add() for _ in range(SERVERS)]
    with start(directory, SERVERS, places=places) as ensemble:
        ensemble.wait_for_all()
        programs = []
        for number, (server, place) in enumerate(zip(ensemble.servers, places, strict=True), 1):
            command = server.command[len(place.inside) :]
            program = Program("server", f"{kind}{number}", command, server.log, place)
            program.adopt(server.process)
            programs.append(program)
        yield ensemble.folder(), programs
