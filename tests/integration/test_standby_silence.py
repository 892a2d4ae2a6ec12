"""Schedulers with a standby whose machine vanishes without a word, and those that only hang."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from meseta.runtime.limits import Limits
from tests.chaos.net import is_permitted
from tests.integration.daemons import DaemonProcess, wait_for
from tests.integration.two_machines import Inside, TwoMachines, two_machines

HANGS_S = 3.0
SILENT = "no sign of its machine"


@contextmanager
def running(inside: Inside, log: Path, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process of Python that writes what it says to a file."""
    with log.open("ab") as file:
        process = subprocess.Popen([*inside, sys.executable, *command], stdout=file, stderr=file)
    try:
        yield process
    finally:
        process.kill()
        process.wait(timeout=60)


def says(log: Path, text: str) -> Callable[[], bool]:
    """Tell whether a log has a text by now."""
    return lambda: text in log.read_text()


def standby(
    inside: Inside, directory: Path, master: str, name: str
) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """A scheduler that has the framework when its turn comes."""
    command = ("-m", "tests.integration.standby_process", master, name)
    return running(inside, directory / f"{name}.log", *command)


@pytest.mark.skipif(not is_permitted(), reason="network namespaces need root, unshare, nsenter and ip")
def test_a_scheduler_whose_machine_vanishes_is_followed_within_a_second(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with two_machines() as machines:
        took_s = vanish(machines, tmp_path)
    # Promised is a second, and the machine of the test may be busy; the kernel would need a minute.
    assert took_s < Limits().silence_timeout_s / 2
    with capsys.disabled():
        print(f" {1000 * took_s:.0f} ms to the next scheduler", end="")


def vanish(machines: TwoMachines, directory: Path) -> float:
    """Pull the cable of a scheduler with a standby; return how long the framework was without one."""
    log, first, second = (directory / f"{name}.log" for name in ("master", "active", "waiting"))
    run = "import sys; from meseta.daemon.master import main; sys.exit(main(sys.argv[1:]))"
    address = f"--ip={machines.NEAR_IP}", "--hostname=near", "--port=5050"
    master = f"{machines.NEAR_IP}:5050"
    with running(machines.near, log, "-c", run, *address):
        wait_for(says(log, "listens at "), "the master to start")
        with standby(machines.far, directory, master, "active"):
            wait_for(says(first, "subscribed active "), "the first scheduler")
            with standby(machines.near, directory, master, "waiting"):
                wait_for(says(log, "stands by for framework"), "the second scheduler")
                pulled = machines.pull()
                wait_for(says(second, "subscribed waiting "), "the second scheduler's turn")
                assert SILENT in log.read_text()
                machines.plug()
                wait_for(
                    lambda: log.read_text().count("stands by for framework") == 2,
                    "the first scheduler to stand by",
                )
    return float(second.read_text().split("subscribed waiting ")[1].split()[0]) - pulled


def test_a_scheduler_that_hangs_is_not_taken_for_a_machine_that_vanished(tmp_path: Path) -> None:
    master = DaemonProcess("master", tmp_path, "--port=0")
    try:
        with standby((), tmp_path, master.address, "active") as active:
            wait_for(says(tmp_path / "active.log", "subscribed active "), "the first scheduler")
            with standby((), tmp_path, master.address, "waiting"):
                wait_for(says(master.log, "stands by for framework"), "the second scheduler")
                active.send_signal(signal.SIGSTOP)
                before = master.get("/metrics/snapshot")["master/uptime_secs"]
                wait_for(
                    lambda: master.get("/metrics/snapshot")["master/uptime_secs"] > before + HANGS_S,
                    "the master to have asked often enough",
                )
                assert SILENT not in master.log.read_text()
                active.kill()
                wait_for(says(tmp_path / "waiting.log", "subscribed waiting "), "the second scheduler's turn")
    finally:
        master.kill()
