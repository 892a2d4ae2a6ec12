"""The cluster of a chaos run: real processes of Meseta, on loopback addresses that stay the same."""

from __future__ import annotations

import shutil
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.chaos.programs import Program
from tests.integration.daemons import end_supervisors, remove_groups
from tests.integration.etcd import etcd
from tests.integration.zookeeper import free_ports, zookeeper
from tests.integration.zookeeper import is_missing as zookeeper_is_missing

RUN = "import sys; from meseta.daemon.{kind} import main; sys.exit(main(sys.argv[1:]))"
SESSION = "4secs"
LATE = "60secs"
"""How long an agent may be away."""
RESOURCES = "cpus:1;mem:512;disk:1024"
COORDINATORS = ("none", "zookeeper", "etcd")


class Cluster:
    """All programs, not started yet."""

    def __init__(self, directory: Path, *, agents: int, frameworks: int, coordinator: str | None) -> None:
        """`coordinator`: the address at which three masters elect their leader, or one master for ever."""
        self.directory = directory
        self.groups = f"meseta-chaos-{uuid.uuid4()}"
        ports = free_ports((1 if coordinator is None else 3) + agents)
        master_ports = [ports.pop() for _ in range(len(ports) - agents)]
        self.masters = [f"127.0.0.1:{port}" for port in master_ports]
        self._coordinator = coordinator
        self.programs = [
            *(self._master(number, port) for number, port in enumerate(master_ports, 1)),
            *(self._agent(number, port) for number, port in enumerate(ports, 1)),
            *(self._framework(number) for number in range(1, frameworks + 1)),
        ]

    def of_kind(self, kind: str) -> list[Program]:
        """Return the programs of one kind."""
        return [program for program in self.programs if program.kind == kind]

    def end(self) -> None:
        """Leave nothing behind but files."""
        for program in self.programs:
            program.end()
        end_supervisors(self.directory)
        remove_groups(self.groups)

    def _daemon(self, kind: str, number: int, ip: str, port: int, *flags: str) -> Program:
        name = f"{kind}{number}"
        command = [sys.executable, "-c", RUN.format(kind=kind)]
        flags = (*flags, f"--ip={ip}", "--hostname=localhost", f"--port={port}")
        flags = (*flags, f"--work_dir={self.directory}/{name}")
        return Program(kind, name, [*command, *flags], self.directory / f"{name}.log")

    def _master(self, number: int, port: int) -> Program:
        late = f"--agent_reregister_timeout={LATE}"
        if self._coordinator is None:
            return self._daemon("master", number, "127.0.0.1", port, late)
        flags = (f"--zk={self._coordinator}", f"--zk_session_timeout={SESSION}", late)
        return self._daemon("master", number, "127.0.0.1", port, *flags)

    def _agent(self, number: int, port: int) -> Program:
        flags = (
            f"--master={self._coordinator or self.masters[0]}",
            f"--runtime_dir={self.directory}/agent{number}.run",
            f"--resources={RESOURCES}",
            f"--cgroups_root={self.groups}",
        )
        return self._daemon("agent", number, agent_ip(number), port, *flags)

    def _framework(self, number: int) -> Program:
        name = f"f{number}"
        command = [sys.executable, "-m", "tests.chaos.framework", name, str(self.directory)]
        return Program("framework", name, [*command, ",".join(self.masters)], self.directory / f"{name}.log")


def agent_ip(number: int) -> str:
    """Return the address of an agent: each has one of its own."""
    return f"127.0.1.{number}"


def installed() -> list[str]:
    """Return the coordinators that are here, or that there is none."""
    found = [] if zookeeper_is_missing else ["zookeeper"]
    if shutil.which("etcd") is not None:
        found.append("etcd")
    return found or ["none"]


@contextmanager
def coordinator(kind: str, directory: Path) -> Iterator[str | None]:
    """The address of a coordination service of this kind, which runs meanwhile."""
    if kind == "none":
        yield None
    else:
        start = zookeeper if kind == "zookeeper" else etcd
        with start(directory) as ensemble:
            yield ensemble.folder()
