"""Masters that elect who leads through a real ZooKeeper, as real processes."""

from __future__ import annotations

import http.client
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from kazoo.client import KazooClient

from meseta.daemon.process import EXIT_DEPOSED
from tests.integration.daemons import DaemonProcess, wait_for
from tests.integration.zookeeper import Ensemble, needs_zookeeper, zookeeper

pytestmark = needs_zookeeper

SESSION = "6secs"
"""A busy machine may keep a master from its work for a second or two, which shall not cost it its lease."""


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ensemble]:
    with zookeeper(tmp_path_factory.mktemp("zookeeper")) as servers:
        yield servers


def start_master(directory: Path, name: str, folder: str, *flags: str) -> DaemonProcess:
    place = directory / name
    place.mkdir(exist_ok=True)
    return DaemonProcess(
        "master", place, "--port=0", f"--zk={folder}", "--quorum=2", f"--zk_session_timeout={SESSION}", *flags
    )


@contextmanager
def masters(directory: Path, folder: str, count: int, *flags: str) -> Iterator[list[DaemonProcess]]:
    """Masters, of which the first leads; they end with the test."""
    started: list[DaemonProcess] = []
    try:
        for number in range(count):
            started.append(start_master(directory, f"m{number}", folder, *flags))
            wait_for(lambda: leads(started[0]), "the first to lead")
        yield started
    finally:
        for master in started:
            if master.process.poll() is None:
                master.kill()


def ask(
    master: DaemonProcess, target: str, method: str = "GET", body: bytes = b""
) -> http.client.HTTPResponse:
    host, port = master.address.split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=60)
    connection.request(method, target, body)
    answer = connection.getresponse()
    answer.text = answer.read().decode()  # type: ignore[attr-defined]
    connection.close()
    return answer


def leads(master: DaemonProcess) -> bool:
    """Whether it leads, and has read the registry."""
    return master.process.poll() is None and ask(master, "/state").status == 200


def log_of(master: DaemonProcess) -> str:
    return master.log.read_text()


def test_a_standby_shows_the_way_to_the_leader(ensemble: Ensemble, tmp_path: Path) -> None:
    with masters(tmp_path, ensemble.folder(), 2) as (leader, standby):
        wait_for(lambda: ask(standby, "/state").status == 307, "the standby to know the leader")
        there = "//localhost:" + leader.address.rpartition(":")[2]
        for target, location in [
            ("/state?a=b", "/master/state?a=b"),
            ("/master/slaves", "/master/slaves"),
            ("/redirect", ""),
        ]:
            answer = ask(standby, target)
            assert (answer.status, answer.headers["Location"]) == (307, there + location)
        for target in ("/api/v1", "/api/v1/scheduler"):
            answer = ask(standby, target, "POST", b"nonsense")
            assert (answer.status, answer.headers["Location"]) == (307, f"{there}/master{target}")
        for target in ("/health", "/version", "/flags", "/metrics/snapshot"):
            assert ask(standby, target).status == 200
        assert standby.get("/metrics/snapshot")["master/elected"] == 0
        assert leader.get("/metrics/snapshot")["master/elected"] == 1
        assert ask(leader, "/redirect").headers["Location"] == there
        state = leader.get("/state")
        assert state["leader"] == f"master@{leader.address}"


def test_without_a_leader_there_is_no_way(tmp_path: Path) -> None:
    with zookeeper(tmp_path) as own:
        own.servers[0].pause()
        master = start_master(tmp_path, "m", own.folder())
        try:
            for target in ("/state", "/redirect"):
                answer = ask(master, target)
                assert (answer.status, answer.text) == (503, "No leader elected")  # type: ignore[attr-defined]
            own.servers[0].resume()
            wait_for(lambda: leads(master), "it to lead once there is ZooKeeper")
        finally:
            master.kill()


def test_a_leader_that_ends_makes_place_at_once(ensemble: Ensemble, tmp_path: Path) -> None:
    with masters(tmp_path, ensemble.folder(), 2) as (leader, standby):
        leader.kill(signal.SIGTERM)
        assert leader.process.returncode == 0
        wait_for(lambda: leads(standby), "the standby to lead")


def test_a_leader_that_was_stopped_for_long_serves_nobody_any_more(
    ensemble: Ensemble, tmp_path: Path
) -> None:
    with masters(tmp_path, ensemble.folder(), 2) as (leader, standby):
        leader.process.send_signal(signal.SIGSTOP)
        host, port = leader.address.split(":")
        waiting = [http.client.HTTPConnection(host, int(port), timeout=60) for _ in range(5)]
        for connection in waiting:
            connection.request("GET", "/state")
        wait_for(lambda: leads(standby), "the standby to lead")
        leader.process.send_signal(signal.SIGCONT)
        for connection in waiting:
            with pytest.raises((http.client.HTTPException, OSError)):
                connection.getresponse()
            connection.close()
        assert leader.process.wait(timeout=60) == EXIT_DEPOSED
        assert "this master leads no more: its lease was not confirmed in time" in log_of(leader)


def test_a_standby_that_was_stopped_for_long_contends_again(ensemble: Ensemble, tmp_path: Path) -> None:
    with masters(tmp_path, ensemble.folder(), 2) as (leader, standby):
        with ensemble.client() as client:
            path = f"/{leader.get('/flags')['flags']['zk'].rpartition('/')[2]}"
            standby.process.send_signal(signal.SIGSTOP)
            wait_for(lambda: entries(client, path) == 1, "its session to end")
            standby.process.send_signal(signal.SIGCONT)
            wait_for(lambda: entries(client, path) == 2, "it to contend again")
        leader.kill(signal.SIGTERM)
        wait_for(lambda: leads(standby), "it to lead")


def entries(client: KazooClient, path: str) -> int:
    return sum(name.startswith("json.info_") for name in client.get_children(path))


def test_a_leader_without_zookeeper_ends_before_another_could_lead(tmp_path: Path) -> None:
    with zookeeper(tmp_path) as own, masters(tmp_path, own.folder(), 2) as (leader, standby):
        own.servers[0].kill()
        assert leader.process.wait(timeout=60) == EXIT_DEPOSED
        wait_for(lambda: ask(standby, "/state").status == 503, "the standby to know no leader")
        own.servers[0].start()
        wait_for(lambda: leads(standby), "the standby to lead once there is ZooKeeper")


@pytest.mark.parametrize("address", ["zk://127.0.0.1:1", "127.0.0.1:2181/mesos", "zk://x@h/mesos"])
def test_an_unusable_address_is_refused(address: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="is not usable"):
        start_master(tmp_path, "m", address)
