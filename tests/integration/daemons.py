"""Real daemon processes for integration tests: started, found, and surely ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from meseta.runtime.linux import cgroups

START_TIMEOUT_S = 60.0


class DaemonProcess:
    """A daemon in a process of its own; its log goes to a file."""

    def __init__(self, name: str, directory: Path, *arguments: str) -> None:
        self.name = name
        self.log = directory / f"{name}.log"
        self._arguments = ["--ip=127.0.0.1", "--hostname=localhost", *arguments]
        self.start()

    def start(self, *more: str) -> None:
        """Start it, or start it again, with `more` flags; `address` is then known."""
        run = f"import sys; from meseta.daemon.{self.name} import main; sys.exit(main(sys.argv[1:]))"
        with self.log.open("ab") as log:
            offset = log.tell()
            self.process = subprocess.Popen([sys.executable, "-c", run, *self._arguments, *more], stderr=log)
        self.address = self._wait_for_address(offset)

    def _wait_for_address(self, offset: int) -> str:
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            text = self.log.read_bytes()[offset:].decode()
            if "listens at " in text:
                return text.split("listens at ")[1].split()[0]
            assert self.process.poll() is None, f"{self.name} ended: {text}"
            time.sleep(0.02)
        raise AssertionError(f"{self.name} did not start: {text}")

    def kill(self, signum: int = signal.SIGKILL) -> None:
        """Send a signal and wait for the end."""
        self.process.send_signal(signum)
        self.process.wait(timeout=60)

    def get(self, path: str) -> Any:
        """Return the JSON that a GET answers."""
        with urllib.request.urlopen(f"http://{self.address}{path}", timeout=60) as answer:
            return json.load(answer)


@contextmanager
def cluster(
    directory: Path,
    *,
    agents: int = 1,
    resources: str = "cpus:4;mem:2048;disk:1024",
    flags: Sequence[str] = (),
    master_flags: Sequence[str] = (),
) -> Iterator[tuple[DaemonProcess, list[DaemonProcess]]]:
    """A master and agents as real processes, all with `flags`; nothing of them is left behind.

    The master has `master_flags` besides.
    """
    groups = f"meseta-test-{uuid.uuid4()}"
    master = DaemonProcess("master", directory, "--port=0", *flags, *master_flags)
    started: list[DaemonProcess] = []
    try:
        for number in range(agents):
            place = directory / f"agent{number}"
            place.mkdir()
            started.append(
                DaemonProcess(
                    "agent",
                    place,
                    "--port=0",
                    f"--master={master.address}",
                    f"--work_dir={place}/work",
                    f"--runtime_dir={place}/run",
                    f"--resources={resources}",
                    f"--cgroups_root={groups}",
                    *flags,
                )
            )
        wait_for(lambda: len(master.get("/slaves")["slaves"]) == agents, "all agents to register")
        yield master, started
    finally:
        for daemon in [*started, master]:
            if daemon.process.poll() is None:
                daemon.kill(signal.SIGTERM)
        end_supervisors(directory)
        remove_groups(groups)


def end_supervisors(directory: Path) -> None:
    """Kill what agents leave running on purpose: supervisors and tasks below `directory`."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                command = (entry / "cmdline").read_bytes()
                place = os.readlink(entry / "cwd")
            except OSError:
                continue
            if str(directory).encode() in command or place.startswith(str(directory)):
                try:
                    os.kill(int(entry.name), signal.SIGKILL)
                except ProcessLookupError:
                    continue


def remove_groups(root: str) -> None:
    """Remove the control groups of agents that were killed."""
    found = cgroups.detect(root)
    wait_for(lambda: all(found.remove(name) for name in found.containers()), "the tasks to die")
    for path in set(found.directories.values()):
        os.rmdir(path)


def wait_for(condition: Any, what: str, timeout_s: float = 60.0) -> None:
    """Wait until `condition()` holds."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.02)
