"""What an agent's containers may use, enforced by the control groups of the kernel that the tests run on."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from meseta.runtime.linux import cgroups
from meseta.wire.gen import internal_pb2 as i
from meseta.wire.gen import mesos_pb2 as m
from tests.integration.agent_kit import (
    agent,
    command_task,
    executor_info,
    framework_info,
    master_and_agent,
    output,
    resources,
    run,
    sandbox,
    scripted_master,
    until,
)

HOG = "a=x; while :; do a=$a$a; done"


@pytest.fixture
def flags() -> Iterator[dict[str, str]]:
    root = f"meseta-test-{uuid.uuid4()}"
    found = cgroups.detect(root)
    for controller in ("cpu", "memory"):
        if not found.has(controller):
            pytest.skip(f"no cgroup controller {controller}: {found.refused[controller]}")
    yield {"isolation": "cgroups", "cgroups_root": root}
    assert found.containers() == set(), "the groups of containers go with them"
    for path in set(found.directories.values()):
        os.rmdir(path)


def test_a_task_that_takes_too_much_memory_is_killed(tmp_path: Path, flags: dict[str, str]) -> None:
    async def body() -> None:
        async with master_and_agent(tmp_path, **flags) as (master, daemon):
            master.run(command_task("hog", HOG, resources=resources(mem=32)))
            failed = await master.status("hog", "TASK_FAILED")
            assert failed.reason == m.TaskStatus.REASON_CONTAINER_LIMITATION_MEMORY
            assert "Memory limit exceeded" in failed.message
            await until(lambda: not daemon.machine.state.frameworks, "it is settled")

    run(body)


def test_a_task_is_in_its_own_groups_with_all_that_it_starts(tmp_path: Path, flags: dict[str, str]) -> None:
    async def body() -> None:
        async with master_and_agent(tmp_path, **flags) as (master, daemon):
            # What outlives its parent, in a session of its own, is still found by its group.
            master.run(command_task("t1", "cat /proc/self/cgroup; setsid sleep 1000 & echo $! >pid; exit 4"))
            await master.status("t1", "TASK_FAILED")
            await until(lambda: not daemon.machine.state.frameworks, "it is settled")
            assert flags["cgroups_root"] in output(tmp_path, "t1")
            pid = int(output(tmp_path, "t1", "pid"))
            await until(lambda: not os.path.exists(f"/proc/{pid}/cwd"), "the daemon is gone")

    run(body)


def test_the_tasks_of_a_pod_are_limited_one_by_one(tmp_path: Path, flags: dict[str, str]) -> None:
    async def body() -> None:
        async with master_and_agent(tmp_path, **flags) as (master, daemon):
            executor = executor_info("pod", "", type=m.ExecutorInfo.DEFAULT)
            executor.ClearField("command")
            calm = command_task("calm", "sleep 1000", resources=resources(mem=64))
            group = m.TaskGroupInfo(tasks=[calm, command_task("hog", HOG, resources=resources(mem=32))])
            master.send(
                i.RunTaskGroupMessage(framework=framework_info(), executor=executor, task_group=group)
            )
            failed = await master.status("hog", "TASK_FAILED")
            assert failed.reason == m.TaskStatus.REASON_CONTAINER_LIMITATION_MEMORY
            assert [(it.name, it.scalar.value) for it in failed.limitation.resources] == [("mem", 32.0)]
            await master.status("calm", "TASK_KILLED")
            await until(lambda: not daemon.machine.state.frameworks, "it is settled")

    run(body)


def test_usage_is_measured_by_group(tmp_path: Path, flags: dict[str, str]) -> None:
    async def body() -> None:
        async with master_and_agent(tmp_path, **flags) as (master, daemon):
            master.run(command_task("t1", "sleep 1000"))
            await master.status("t1", "TASK_RUNNING")
            container_id = next(iter(daemon.machine.state.containers)).id
            measured = daemon._statistics([container_id])
            assert measured[container_id]["mem_total_bytes"] > 0
            master.kill("t1")
            await master.status("t1", "TASK_KILLED")
            await until(lambda: not daemon.machine.state.frameworks, "it is settled")

    run(body)


def test_cleanup_leaves_no_groups(tmp_path: Path, flags: dict[str, str]) -> None:
    async def body() -> None:
        async with scripted_master() as master:
            async with agent(tmp_path, master, keeps_tasks=True, **flags):
                await master.wait_for("UpdateSlaveMessage")
                pod = executor_info("pod", "", type=m.ExecutorInfo.DEFAULT)
                pod.ClearField("command")
                group = m.TaskGroupInfo(tasks=[command_task("inner", "sleep 1000")])
                master.send(
                    i.RunTaskGroupMessage(
                        framework=framework_info(checkpoint=True), executor=pod, task_group=group
                    )
                )
                master.run(command_task("running", "setsid sleep 1000 & wait"))
                master.run(command_task("ended", "while [ ! -e go ]; do sleep 0.01; done"))
                for name in ("inner", "running", "ended"):
                    await master.status(name, "TASK_RUNNING")
            (sandbox(tmp_path, "ended") / "go").touch()
            async with agent(tmp_path, master, keeps_tasks=False, recover="cleanup", **flags):
                assert cgroups.detect(flags["cgroups_root"]).containers() == set()

    run(body)
