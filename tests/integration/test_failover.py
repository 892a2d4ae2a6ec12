"""The leader of three masters dies: agents, frameworks and tools go on with the next, and tasks with them."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from meseta.sdk import Scheduler, Task, TaskState
from tests.integration.agent_kit import run
from tests.integration.daemons import DaemonProcess, end_supervisors, remove_groups, wait_for
from tests.integration.test_election import leads, masters
from tests.integration.zookeeper import Ensemble, needs_zookeeper, zookeeper

pymesos = pytest.importorskip("pymesos", reason="pymesos is not installed: python tools/install_pymesos.py")

from tests.integration.test_pymesos import Framework  # noqa: E402

pytestmark = needs_zookeeper

LIMIT_S = 180.0


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ensemble]:
    with zookeeper(tmp_path_factory.mktemp("zookeeper"), 3) as servers:
        yield servers


class Found:
    """What pymesos takes for a master: an address."""

    def __init__(self, address: str) -> None:
        self.address = address


@pytest.fixture
def agent_flags(tmp_path: Path) -> Iterator[list[str]]:
    groups = f"meseta-failover-{uuid.uuid4()}"
    yield [
        "--port=0",
        f"--work_dir={tmp_path}/agent/work",
        f"--runtime_dir={tmp_path}/agent/run",
        "--resources=cpus:4;mem:2048;disk:1024",
        f"--cgroups_root={groups}",
        "--registration_backoff_factor=100ms",
    ]
    end_supervisors(tmp_path)
    remove_groups(groups)


def command_line(*arguments: str) -> Any:
    command = [sys.executable, "-m", "meseta.cli", *arguments, "--json"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, timeout=60).stdout)


def test_tasks_outlive_the_leader(ensemble: Ensemble, tmp_path: Path, agent_flags: list[str]) -> None:
    folder = ensemble.folder()
    with masters(tmp_path, folder, 3) as all_masters:
        (tmp_path / "agent").mkdir()
        # As in the unit files of Mesos: the address is in a file.
        (tmp_path / "zk").write_text(f"{folder}\n")
        agent = DaemonProcess("agent", tmp_path / "agent", f"--master=file://{tmp_path}/zk", *agent_flags)
        try:
            run(lambda: asyncio.wait_for(play(folder, all_masters), LIMIT_S))
        finally:
            agent.kill()


async def play(folder: str, all_masters: list[DaemonProcess]) -> None:
    """Two frameworks run a task each; the leader dies; both end their tasks through the next one."""
    async with Scheduler(folder, name="sdk") as scheduler:
        offer = await anext(aiter(scheduler.offers()))
        handle = await offer.launch(Task(command="sleep 1000", cpus=0.5, mem=32), refuse_s=1000)
        await handle.wait_for(TaskState.TASK_RUNNING)
        other = await asyncio.to_thread(Framework, Found(folder))
        task = await asyncio.to_thread(start_task, other)

        await asyncio.to_thread(all_masters[0].kill)
        await asyncio.to_thread(wait_for, lambda: any(map(leads, all_masters)), "another to lead")
        leader = next(filter(leads, all_masters))
        await asyncio.to_thread(wait_for, lambda: has_all(leader), "agent and frameworks to be back")

        tasks = await asyncio.to_thread(command_line, "tasks", "--master", folder)
        assert {each["state"] for each in tasks} == {"TASK_RUNNING"}
        await handle.kill()
        assert (await handle.wait()).state is TaskState.TASK_KILLED
        await asyncio.to_thread(end_task, other, task)


def start_task(framework: Framework) -> str:
    task = framework.launch(framework.offer(), command={"value": "sleep 1000"})
    framework.update("TASK_RUNNING", task)
    return task


def end_task(framework: Framework, task: str) -> None:
    framework.driver.killTask({"value": task})
    framework.update("TASK_KILLED", task)
    framework.driver.stop()
    framework.driver.join()


def has_all(leader: DaemonProcess) -> bool:
    state = leader.get("/state")
    frameworks = [each for each in state["frameworks"] if each["connected"]]
    return len(frameworks) == 2 and all(len(each["tasks"]) == 1 for each in frameworks)
