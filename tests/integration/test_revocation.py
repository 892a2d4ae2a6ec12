"""A guarantee that is kept by ending others' tasks, on real daemons, with frameworks of the SDK."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
from pathlib import Path

from meseta.records import TaskReason
from meseta.sdk import Revocation, Scheduler, Task, TaskState
from tests.integration.command_line import MESETA
from tests.integration.daemons import DaemonProcess, cluster

LIMIT_S = 180.0
FLAGS = ("--revocation", "--revocation_check_interval=200ms", "--revocation_grace_period=2secs")


def set_guarantee(master: DaemonProcess, role: str, cpus: float) -> None:
    config = {"role": role, "guarantees": {"cpus": {"value": cpus}}}
    body = {"type": "UPDATE_QUOTA", "update_quota": {"quota_configs": [config]}}
    request = urllib.request.Request(
        f"http://{master.address}/api/v1",
        json.dumps(body).encode(),
        {"Content-Type": "application/json", "Accept": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert answer.status == 200


async def story(master: DaemonProcess) -> None:
    notices: asyncio.Queue[Revocation] = asyncio.Queue()
    greedy = Scheduler(master.address, roles=["batch"], revocation_notices=True)
    greedy.on_revoked(notices.put)
    needy = Scheduler(master.address, roles=["web"], demands={"web": {"cpus": 1}})
    async with greedy:
        running = []
        offers = greedy.offers()
        while len(running) < 4:
            offer = await anext(offers)
            running += await offer.launch_all([Task(command="sleep 300", cpus=1, mem=64) for _ in range(2)])
        for task in running:
            await task.wait_for(TaskState.TASK_RUNNING)
        set_guarantee(master, "web", 2)
        async with needy:
            notice = await notices.get()
            assert notice.role == "web"
            assert notice.deadline is not None
            assert abs(notice.deadline - time.time()) < LIMIT_S
            (victim,) = [task for task in running if task.id in notice.task_ids]
            end = await victim.wait()
            assert end.state is TaskState.TASK_KILLED
            assert end.status.reason == TaskReason.REASON_REVOKED
            offer = await anext(offer async for offer in needy.offers() if offer.fits(cpus=1, mem=64))
            kept = await offer.launch(Task(command="sleep 300", cpus=1, mem=64))
            await kept.wait_for(TaskState.TASK_RUNNING)
            # Another one of the role requests more than that, up to the guarantee.
            async with Scheduler(master.address, roles=["web"]) as another:
                await another.request({"web": {"cpus": 8}})
                second = await notices.get()
                assert len(second.task_ids) == 1
                await another.request({})
                withdrawn = await notices.get()
                assert withdrawn == Revocation("web", second.task_ids, None)
    snapshot = master.get("/metrics/snapshot")
    assert snapshot["master/tasks_revoked"] == 1
    assert snapshot["master/revocation_policy_faults"] == 0


def test_a_role_gets_its_guarantee_from_tasks_of_others(tmp_path: Path) -> None:
    with cluster(tmp_path, agents=2, resources="cpus:2;mem:512;disk:64", master_flags=FLAGS) as (master, _):

        async def body() -> None:
            async with asyncio.timeout(LIMIT_S):
                await story(master)

        asyncio.run(body())


async def story_of_a_command(master: DaemonProcess) -> None:
    async with Scheduler(master.address, roles=["batch"]) as greedy:
        offer = await anext(greedy.offers())
        held = await offer.launch_all([Task(command="sleep 300", cpus=1, mem=64) for _ in range(2)])
        for task in held:
            await task.wait_for(TaskState.TASK_RUNNING)
        set_guarantee(master, "web", 1)
        wanted = ("--role", "web", "--cpus", "1", "--request", "--", "echo", "there")
        run = await asyncio.create_subprocess_exec(
            *MESETA, "run", "-q", "--master", master.address, *wanted, stdout=asyncio.subprocess.PIPE
        )
        output, _ = await run.communicate()
        assert (run.returncode, output) == (0, b"there\n")
        assert [task.state for task in held].count(TaskState.TASK_KILLED) == 1


def test_a_command_at_the_command_line_gets_what_is_guaranteed(tmp_path: Path) -> None:
    with cluster(tmp_path, agents=1, resources="cpus:2;mem:512;disk:64", master_flags=FLAGS) as (master, _):

        async def body() -> None:
            async with asyncio.timeout(LIMIT_S):
                await story_of_a_command(master)

        asyncio.run(body())
