"""`kill -9` in the middle of work: what the others see of it, and that they go on."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.gen import scheduler_pb2 as s
from tests.integration.bad_input_kit import HttpScheduler, case, task
from tests.integration.daemons import DaemonProcess, cluster, wait_for

RUNNING_STATES = ("TASK_STAGING", "TASK_RUNNING")


def start_framework(address: str, **info: Any) -> tuple[subprocess.Popen[str], str, str]:
    """A framework process whose long task runs; with its id and that of the agent."""
    command = [sys.executable, "-m", "tests.integration.framework_process", address, json.dumps(info)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        framework_id, agent_id, state = json.loads(line)
        if state == m.TASK_RUNNING:
            return process, framework_id, agent_id
    raise AssertionError("the framework ended")


def running(master: DaemonProcess, framework_id: str) -> list[str]:
    """The states of the tasks of a framework that the master knows to be alive."""
    tasks = master.get("/tasks")["tasks"]
    return [t["state"] for t in tasks if t["framework_id"] == framework_id and t["state"] in RUNNING_STATES]


async def run_one(framework: HttpScheduler, agent_id: str, name: str) -> None:
    """Run a short task on an agent to its end."""
    await framework.post(framework.call(s.Call.REVIVE))
    offer = await framework.when(
        lambda: next((o for o in framework.offers.values() if o.agent_id.value == agent_id), None), "an offer"
    )
    await framework.post(framework.launch(offer, task(name, agent_id)))
    await until(framework, name, m.TASK_FINISHED)


async def until(framework: HttpScheduler, name: str, state: m.TaskState) -> None:
    """Acknowledge updates until a task is in a state."""
    while True:
        status = (await framework.event(s.Event.UPDATE)).update.status
        if status.uuid:
            await framework.acknowledge(status)
        if (status.task_id.value, status.state) == (name, state):
            return


async def start_long_task(framework: HttpScheduler) -> str:
    """Run a task that goes on; the id of its agent."""
    offer = await framework.offer()
    long = task("long", offer.agent_id.value)
    long.command.value = "sleep 100000"
    await framework.post(framework.launch(offer, long))
    await until(framework, "long", m.TASK_RUNNING)
    return offer.agent_id.value


def test_a_framework_is_killed(tmp_path: Path) -> None:
    """Without a failover timeout its task is killed; with one it goes on and waits."""

    @case
    async def scenario() -> None:
        with cluster(tmp_path) as (master, _):
            dying, dying_id, agent_id = start_framework(master.address, name="dying", failover_timeout=0.0)
            waiting, waiting_id, _ = start_framework(master.address, name="waiting", failover_timeout=1e6)
            async with HttpScheduler(master.address, name="other") as other:
                dying.kill()
                waiting.kill()
                await asyncio.to_thread(
                    wait_for, lambda: not running(master, dying_id), "the task of the killed framework to end"
                )
                assert running(master, waiting_id) == ["TASK_RUNNING"]
                frameworks = {f["id"]: f for f in master.get("/frameworks")["frameworks"]}
                assert (frameworks[waiting_id]["connected"], frameworks[waiting_id]["active"]) == (
                    False,
                    False,
                )
                assert dying_id not in frameworks
                await run_one(other, agent_id, "t1")
            dying.wait()
            waiting.wait()

    scenario()


def test_an_agent_is_killed(tmp_path: Path) -> None:
    """Others are offered and used; what checkpoints is there again when the agent is."""

    @case
    async def scenario() -> None:
        with cluster(tmp_path, agents=2) as (master, agents):
            async with HttpScheduler(master.address, name="f", checkpoint=True) as framework:
                victim_id = await start_long_task(framework)
                victim = next(each for each in agents if each.get("/state")["id"] == victim_id)
                other_id = next(each for each in agents if each is not victim).get("/state")["id"]
                victim.kill()
                await run_one(framework, other_id, "t1")
                assert running(master, framework.id) == ["TASK_RUNNING"]
                victim.start()
                await asyncio.to_thread(
                    wait_for,
                    lambda: master.get("/metrics/snapshot")["master/slaves_active"] == 2,
                    "the agent",
                )
                reconcile = framework.call(s.Call.RECONCILE)
                reconcile.reconcile.tasks.add().task_id.value = "long"
                await framework.post(reconcile)
                await until(framework, "long", m.TASK_RUNNING)
                await run_one(framework, victim_id, "t2")

    scenario()


def test_the_master_is_killed(tmp_path: Path) -> None:
    """Tasks go on; agents and frameworks find the next master at the old address, and nothing is lost."""

    @case
    async def scenario() -> None:
        with cluster(tmp_path) as (master, (agent,)):
            port = master.address.rpartition(":")[2]
            info: dict[str, Any] = {"name": "f", "failover_timeout": 1e6, "checkpoint": True}
            async with HttpScheduler(master.address, **info) as framework:
                await start_long_task(framework)
                master.kill()
                await asyncio.wait_for(framework.ended.wait(), 60)
            assert agent.process.poll() is None
            directory = tmp_path / "next"
            directory.mkdir()
            following = DaemonProcess("master", directory, f"--port={port}")
            try:
                again = HttpScheduler(following.address, **info)
                again.subscribe_as(framework.id)
                async with again:
                    await asyncio.to_thread(
                        wait_for,
                        lambda: len(following.get("/slaves")["slaves"]) == 1,
                        "the agent to come back",
                    )
                    await asyncio.to_thread(
                        wait_for, lambda: running(following, framework.id) == ["TASK_RUNNING"], "its task"
                    )
                    kill = again.call(s.Call.KILL)
                    kill.kill.task_id.value = "long"
                    assert (await again.post(kill))[0] == 202
                    await until(again, "long", m.TASK_KILLED)
            finally:
                following.kill()

    scenario()
