"""Masters that elect who leads through a real etcd, and keep their registry there."""

from __future__ import annotations

import asyncio
import http.client
import random
import signal
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from meseta.daemon.process import EXIT_DEPOSED, EXIT_STORE
from meseta.runtime import etcd as e
from meseta.runtime.detectors.contender import Contender
from meseta.runtime.detectors.detector import Detector
from meseta.runtime.detectors.find import find_detector, find_group
from meseta.sdk import Scheduler, Task, TaskState
from meseta.wire.master_info import MasterInfo, json_of_info
from meseta.wire.scheduler_events import master_info
from tests.integration.agent_kit import run
from tests.integration.daemons import DaemonProcess, end_supervisors, remove_groups, wait_for
from tests.integration.etcd import Ensemble, etcd, needs_etcd
from tests.integration.test_election import SESSION, ask, leads, log_of, masters

pytestmark = needs_etcd

LIMIT_S = 180.0
LEASE_S = 4.0


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ensemble]:
    with etcd(tmp_path_factory.mktemp("etcd")) as servers:
        yield servers


@pytest.fixture
def three(tmp_path: Path) -> Iterator[Ensemble]:
    with etcd(tmp_path, 3) as servers:
        yield servers


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.02)


def fail(fault: BaseException) -> None:
    raise fault


def data_of(name: str) -> bytes:
    return json_of_info(master_info(name, "127.0.0.1", 5050, name, "1.12.0"))


class Member:
    """A candidate in this process."""

    def __init__(self, folder: str, name: str) -> None:
        self.entries: list[str] = []
        self.reasons: list[str] = []
        data = data_of(name)
        self.contender = Contender(
            find_group(folder, data, LEASE_S), LEASE_S, self.entries.append, self.reasons.append, fail
        )
        self.contender.start()


def watch(folder: str, told: list[str | None], warnings: list[str]) -> Detector:
    """What detects; names are told."""

    def tell(info: MasterInfo | None) -> None:
        told.append(None if info is None else info.hostname)

    detector = find_detector(folder, random.Random(1), tell, warn=warnings.append, session_timeout_s=LEASE_S)
    detector.start()
    return detector


def test_the_first_leads_and_the_next_after_it(ensemble: Ensemble) -> None:
    async def play() -> None:
        folder = ensemble.folder()
        told: list[str | None] = []
        detector = watch(folder, told, [])
        await until(lambda: told == [None])
        first = Member(folder, "first")
        await until(first.contender.leads)
        second = Member(folder, "second")
        await until(lambda: told == [None, "first"])
        await asyncio.sleep(2 * LEASE_S)
        assert first.contender.leads()
        assert not second.contender.leads()
        await first.contender.resign()
        await until(second.contender.leads)
        await until(lambda: told == [None, "first", "second"])
        await second.contender.resign()
        await until(lambda: told == [None, "first", "second", None])
        detector.stop()
        assert len(first.entries) == len(second.entries) == 1
        assert first.reasons == second.reasons == []

    run(play)


def test_a_leader_whose_entry_was_removed_leads_no_more(ensemble: Ensemble) -> None:
    async def play() -> None:
        member = Member(ensemble.folder(), "m")
        await until(member.contender.leads)
        client = ensemble.client()
        client.call("kv/deleterange", e.key_range(member.entries[0].encode()))
        client.close()
        await until(lambda: member.reasons == ["its entry was removed"])
        assert not member.contender.leads()
        await member.contender.resign()

    run(play)


def test_a_leader_lasts_while_one_of_three_servers_dies_or_hangs(three: Ensemble) -> None:
    async def play() -> None:
        folder = three.folder()
        told: list[str | None] = []
        lease_s = 12.0
        data = data_of("m")
        lost: list[str] = []
        contender = Contender(
            find_group(folder, data, lease_s), lease_s, lambda entry: None, lost.append, fail
        )
        contender.start()
        await until(contender.leads)
        detector = watch(folder, told, [])
        await until(lambda: told == ["m"])
        for server in three.servers:
            server.kill()
            await asyncio.sleep(2.5)
            server.start()
            await asyncio.to_thread(three.wait_for_all)
            await asyncio.sleep(1.0)
        three.servers[0].pause()
        await asyncio.sleep(lease_s)
        three.servers[0].resume()
        assert contender.leads()
        assert not lost
        assert told == ["m"]
        detector.stop()
        await contender.resign()

    run(play)


def test_nobody_leads_without_a_majority(three: Ensemble) -> None:
    async def play() -> None:
        folder = three.folder()
        told: list[str | None] = []
        warnings: list[str] = []
        member = Member(folder, "m")
        await until(member.contender.leads)
        detector = watch(folder, told, warnings)
        await until(lambda: told == ["m"])
        three.servers[1].kill()
        three.servers[2].kill()
        await until(lambda: bool(member.reasons))
        await until(lambda: told == ["m", None])
        assert "cannot be reached: the leading master is not known" in warnings[-1]
        three.servers[1].start()
        other = Member(folder, "other")
        await until(other.contender.leads)
        await until(lambda: told[-1] == "other")
        detector.stop()
        await other.contender.resign()

    run(play)


def test_a_leader_that_was_stopped_for_long_serves_nobody_any_more(
    ensemble: Ensemble, tmp_path: Path
) -> None:
    with masters(tmp_path, ensemble.folder(), 2) as (leader, standby):
        wait_for(lambda: ask(standby, "/state").status == 307, "the standby to know the leader")
        leader.process.send_signal(signal.SIGSTOP)
        host, port = leader.address.split(":")
        waiting = http.client.HTTPConnection(host, int(port), timeout=60)
        waiting.request("GET", "/state")
        wait_for(lambda: leads(standby), "the standby to lead")
        leader.process.send_signal(signal.SIGCONT)
        with pytest.raises((http.client.HTTPException, OSError)):
            waiting.getresponse()
        waiting.close()
        assert leader.process.wait(timeout=60) in (EXIT_DEPOSED, EXIT_STORE)
        assert "leads no more" in log_of(leader)


def test_tasks_outlive_the_leader(three: Ensemble, tmp_path: Path) -> None:
    folder, groups = three.folder(), f"meseta-etcd-{uuid.uuid4()}"
    place = tmp_path / "agent"
    place.mkdir()
    with masters(tmp_path, folder, 3) as all_masters:
        agent = DaemonProcess(
            "agent",
            place,
            "--port=0",
            f"--master={folder}",
            f"--zk_session_timeout={SESSION}",
            f"--work_dir={place}/work",
            f"--runtime_dir={place}/run",
            "--resources=cpus:4;mem:2048;disk:1024",
            f"--cgroups_root={groups}",
            "--registration_backoff_factor=100ms",
        )
        try:
            run(lambda: asyncio.wait_for(play_failover(folder, all_masters), LIMIT_S))
        finally:
            agent.kill()
            end_supervisors(tmp_path)
            remove_groups(groups)


async def play_failover(folder: str, all_masters: list[DaemonProcess]) -> None:
    """A task runs; the leader dies; the next one knows the agent from the registry, and ends the task."""
    async with Scheduler(folder, name="sdk") as scheduler:
        offer = await anext(aiter(scheduler.offers()))
        handle = await offer.launch(Task(command="sleep 1000", cpus=0.5, mem=32))
        await handle.wait_for(TaskState.TASK_RUNNING)
        await asyncio.to_thread(all_masters[0].kill)
        await asyncio.to_thread(wait_for, lambda: any(map(leads, all_masters)), "another to lead")
        leader = next(filter(leads, all_masters))
        await asyncio.to_thread(wait_for, lambda: has_task(leader), "agent and framework to be back")
        assert "holds 1 agents, and 0 unreachable ones" in log_of(leader)
        assert leader.get("/metrics/snapshot")["master/slave_registrations"] == 0
        await handle.kill()
        assert (await handle.wait()).state is TaskState.TASK_KILLED


def has_task(leader: DaemonProcess) -> bool:
    frameworks = leader.get("/state")["frameworks"]
    return [len(each["tasks"]) for each in frameworks if each["connected"]] == [1]
