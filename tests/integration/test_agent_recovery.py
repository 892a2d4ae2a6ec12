"""An agent that is killed and started again: its tasks go on, and nothing about them is lost."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from meseta.errors import ConfigError
from meseta.runtime.linux.processes import read_stat
from meseta.wire.gen import internal_pb2 as i
from meseta.wire.gen import mesos_pb2 as m
from tests.integration.agent_kit import (
    FRAMEWORK,
    ScriptedMaster,
    agent,
    agent_process,
    command_task,
    executor_info,
    framework_info,
    master_and_agent,
    output,
    run,
    sandbox,
    scripted_master,
    until,
)

SUPERVISOR_DIED = "Failed to launch container: The process supervisor ended while it was being started"
META = f"work/meta/slaves/m-S0/frameworks/{FRAMEWORK}"


def test_a_task_outlives_its_agent_and_its_exit_status_arrives(tmp_path: Path) -> None:
    async def body() -> None:
        async with scripted_master() as master:
            with agent_process(tmp_path, master) as process:
                await master.wait_for("UpdateSlaveMessage")
                master.run(
                    command_task(
                        "long", "echo $$ > pid; while ! test -e ../../go; do sleep 0.05; done; exit 9"
                    )
                )
                master.run(command_task("short", "while ! test -e ../../go; do sleep 0.05; done; exit 3"))
                await master.status("long", "TASK_RUNNING")
                await master.status("short", "TASK_RUNNING")
                await until(
                    lambda: (tmp_path / f"{META}/executors/short/runs/latest/pids/forked.pid").exists(),
                    "it is written",
                )
                await process.end()
                # One ends while there is no agent, the other when there is one again.
                (sandbox(tmp_path, "short").parent.parent / "go").touch()
                pid = int((tmp_path / f"{META}/executors/short/runs/latest/pids/forked.pid").read_text())
                await until(lambda: not os.path.exists(f"/proc/{pid}"), "the task has ended")
                process.start()
                back = await master.wait_for("ReregisterSlaveMessage")
                assert back.slave.id.value == "m-S0"
                assert {task.task_id.value for task in back.tasks} == {"long", "short"}
                failed = await master.status("short", "TASK_FAILED")
                assert failed.message == "Command exited with status 3"
                (sandbox(tmp_path, "long").parent.parent / "go").touch()
                failed = await master.status("long", "TASK_FAILED")
                assert failed.message == "Command exited with status 9"
                states = ["TASK_STARTING", "TASK_RUNNING", "TASK_FAILED"]
                assert list(dict.fromkeys(master.states("long"))) == states

    run(body)


def test_a_task_can_be_killed_after_a_restart(tmp_path: Path) -> None:
    async def body() -> None:
        async with scripted_master() as master:
            async with agent(tmp_path, master, keeps_tasks=True):
                await master.wait_for("UpdateSlaveMessage")
                master.run(command_task("t1", "sleep 1000"))
                await master.status("t1", "TASK_RUNNING")
            async with agent(tmp_path, master):
                await master.wait_for("UpdateSlaveMessage", count=2)
                master.kill("t1")
                killed = await master.status("t1", "TASK_KILLED")
                assert killed.message == "Command terminated with signal Terminated"

    run(body)


def test_unacknowledged_updates_are_sent_again(tmp_path: Path) -> None:
    async def body() -> None:
        async with scripted_master() as master:
            master.acknowledges = False
            with agent_process(tmp_path, master) as process:
                await master.wait_for("UpdateSlaveMessage")
                master.run(command_task("t1", "true"))
                first = await master.wait_for("StatusUpdateMessage")
                updates = tmp_path / f"{META}/executors/t1/runs/latest/tasks/t1/task.updates"
                await until(lambda: updates.read_bytes().count(b"m-S0") >= 6, "all updates are stored")
                await process.end()
                master.acknowledges = True
                master.inbox.clear()
                process.start()
                again = await master.wait_for("StatusUpdateMessage")
                assert again.update.uuid == first.update.uuid
                await master.status("t1", "TASK_FINISHED")
                assert master.states("t1") == ["TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"]

    run(body)


def test_tasks_of_frameworks_that_do_not_checkpoint_end_with_their_agent(tmp_path: Path) -> None:
    async def body() -> None:
        async with scripted_master() as master:
            with agent_process(tmp_path, master) as process:
                for signum in (signal.SIGTERM, signal.SIGKILL):
                    await master.wait_for("UpdateSlaveMessage")
                    master.run(command_task("t1", "echo $$; exec sleep 1000"), checkpoint=False)
                    await master.status("t1", "TASK_RUNNING")
                    await until(lambda: output(tmp_path, "t1"), "it runs")
                    pid = int(output(tmp_path, "t1"))
                    await process.end(signum)
                    master.inbox.clear()
                    process.start()
                    back = await master.wait_for("ReregisterSlaveMessage")
                    assert not back.tasks
                    await until(lambda: not os.path.exists(f"/proc/{pid}/cwd"), "the task is gone")  # noqa: B023

    run(body)


def test_a_pod_outlives_its_agent(tmp_path: Path) -> None:
    async def body() -> None:
        async with scripted_master() as master:
            with agent_process(tmp_path, master) as process:
                await master.wait_for("UpdateSlaveMessage")
                executor = executor_info("pod", "", type=m.ExecutorInfo.DEFAULT)
                executor.ClearField("command")
                tasks = [
                    command_task(name, "while ! test -e go; do sleep 0.05; done; exit 0")
                    for name in ("a", "b")
                ]
                group = m.TaskGroupInfo(tasks=tasks)
                master.send(
                    i.RunTaskGroupMessage(framework=framework_info(), executor=executor, task_group=group)
                )
                running = [await master.status(name, "TASK_RUNNING") for name in ("a", "b")]
                await process.end()
                process.start()
                await master.wait_for("ReregisterSlaveMessage")
                for status in running:
                    nested = status.container_status.container_id.value
                    (sandbox(tmp_path, "pod") / "containers" / nested / "go").touch()
                for name in ("a", "b"):
                    await master.status(name, "TASK_FINISHED")

    run(body)


def test_the_checkpoints_are_mesos_s_files(tmp_path: Path) -> None:
    async def body() -> None:
        async with master_and_agent(tmp_path) as (master, daemon):
            master.run(command_task("t1", "true"))
            await master.status("t1", "TASK_FINISHED")
            await until(lambda: not daemon.machine.state.frameworks, "it is settled")
        meta = tmp_path / "work/meta"
        names = {str(path.relative_to(meta)) for path in meta.rglob("*")}
        run_id = os.path.basename(os.readlink(tmp_path / f"{META}/executors/t1/runs/latest"))
        executor = f"slaves/m-S0/frameworks/{FRAMEWORK}/executors/t1"
        expected = {
            "boot_id",
            "slaves/latest",
            "slaves/m-S0/slave.info",
            f"slaves/m-S0/frameworks/{FRAMEWORK}/framework.info",
            f"slaves/m-S0/frameworks/{FRAMEWORK}/framework.pid",
            f"{executor}/executor.info",
            f"{executor}/executor_generated_for_command_task",
            f"{executor}/runs/latest",
            f"{executor}/runs/{run_id}/executor.sentinel",
            f"{executor}/runs/{run_id}/pids/forked.pid",
            f"{executor}/runs/{run_id}/tasks/t1/task.info",
            f"{executor}/runs/{run_id}/tasks/t1/task.updates",
        }
        assert expected <= names
        assert (meta / f"slaves/m-S0/frameworks/{FRAMEWORK}/framework.pid").read_text() == "@0.0.0.0:0"

    run(body)


def test_an_agent_that_has_changed_does_not_start(tmp_path: Path) -> None:
    async def body() -> None:
        async with scripted_master() as master:
            async with agent(tmp_path, master):
                await master.wait_for("UpdateSlaveMessage")
                await until(lambda: (tmp_path / "work/meta/slaves/latest").exists(), "it is written")
            with pytest.raises(ConfigError, match=r"other resources .*cpus:4.* now cpus:5"):
                async with agent(tmp_path, master, resources="cpus:5"):
                    pass

    run(body)


def test_two_agents_do_not_share_a_directory(tmp_path: Path) -> None:
    async def body() -> None:
        async with master_and_agent(tmp_path) as (master, _):
            with pytest.raises(ConfigError, match="another agent runs on"):
                async with agent(tmp_path, master):
                    pass

    run(body)


def test_a_task_outlives_the_supervisor(tmp_path: Path) -> None:
    async def body() -> None:
        async with master_and_agent(tmp_path) as (master, daemon):
            master.run(command_task("t1", "while ! test -e go; do sleep 0.05; done; exit 3"))
            await master.status("t1", "TASK_RUNNING")
            task = daemon._host.pids[next(iter(daemon._host.pids))]
            stat = read_stat(task)
            assert stat is not None
            os.kill(stat.parent, signal.SIGKILL)
            # A new task waits for the next supervisor, and an old one is watched by it.
            master.run(command_task("t2", "exit 4"))
            failed = await master.status("t2", "TASK_FAILED")
            assert failed.message in ("Command exited with status 4", SUPERVISOR_DIED)
            (sandbox(tmp_path, "t1") / "go").touch()
            failed = await master.status("t1", "TASK_FAILED")
            assert failed.message == "Command terminated with unknown status"

    run(body)


def test_an_agent_that_has_grown_takes_its_tasks_up(tmp_path: Path) -> None:
    async def body() -> None:
        async with scripted_master() as master:
            async with agent(tmp_path, master, keeps_tasks=True):
                await master.wait_for("UpdateSlaveMessage")
                master.run(command_task("t1", "sleep 1000"))
                await master.status("t1", "TASK_RUNNING")
                await until(lambda: (tmp_path / "work/meta/slaves/latest").exists(), "it is written")
            grown = "cpus:6;mem:2048;disk:1024;ports:[31000-31999]"
            how = {"resources": grown, "reconfiguration_policy": "additive"}
            async with agent(tmp_path, master, keeps_tasks=False, **how) as daemon:
                back = await master.wait_for("ReregisterSlaveMessage")
                assert [task.task_id.value for task in back.tasks] == ["t1"]
                assert {r.name: r.scalar.value for r in back.slave.resources}["cpus"] == 6
                assert daemon.machine.state.id == "m-S0"
                master.kill("t1")
                await master.status("t1", "TASK_KILLED")

    run(body)


def test_cleanup_ends_what_runs_and_the_next_agent_is_a_new_one(tmp_path: Path) -> None:
    async def body() -> None:
        async with scripted_master() as master:
            async with agent(tmp_path, master, keeps_tasks=True):
                await master.wait_for("UpdateSlaveMessage")
                master.run(command_task("t1", "echo $$; exec sleep 1000"))
                await master.status("t1", "TASK_RUNNING")
                await until(lambda: bool(output(tmp_path, "t1")), "it has told its pid")
            pid = int(output(tmp_path, "t1"))
            assert read_stat(pid) is not None
            async with agent(tmp_path, master, recover="cleanup"):
                assert not os.path.lexists(tmp_path / "work/meta/slaves/latest")
                await until(lambda: read_stat(pid) is None, "the task has ended")
            async with agent(tmp_path, master):
                await master.wait_for("RegisterSlaveMessage", count=2)
            with pytest.raises(ConfigError, match="expected reconnect or cleanup"):
                async with agent(tmp_path, master, recover="both"):
                    pass

    run(body)


@pytest.mark.parametrize("delay_s", [0.0, 0.002, 0.005, 0.01, 0.02, 0.05])
def test_an_agent_that_is_killed_at_any_moment_of_a_launch_starts_nothing_twice(
    tmp_path: Path, delay_s: float
) -> None:
    """Whatever was reached: a task has run once, or never and is known to be lost; its output is complete."""

    async def body() -> None:
        async with scripted_master() as master:
            with agent_process(tmp_path, master) as process:
                await master.wait_for("UpdateSlaveMessage")
                await until(lambda: (tmp_path / "work/meta/slaves/latest").exists(), "it is written")
                runs = tmp_path / "runs"
                names = [f"t{number}" for number in range(5)]
                for name in names:
                    master.run(command_task(name, f"echo {name} >> {runs}; echo one; sleep 0.2; echo two"))
                await asyncio.sleep(delay_s)
                process.process.kill()
                process.process.wait()
                await asyncio.sleep(0.3)
                process.start()
                await master.wait_for("ReregisterSlaveMessage")
                known = {status.task_id.value for status in (await ended(master, tmp_path, names, runs))}
                started = runs.read_text().split() if runs.exists() else []
                assert len(started) == len(set(started)), "nothing is started twice"
                assert set(started) <= known, "all that ran has been reported"
                for name in started:
                    assert output(tmp_path, name).endswith("one\ntwo\n")

    run(body)


async def ended(master: ScriptedMaster, directory: Path, names: list[str], runs: Path) -> list[m.TaskStatus]:
    """The ends of all tasks that the agent knows after its restart."""
    back = await master.wait_for("ReregisterSlaveMessage")
    known = {task.task_id.value for task in back.tasks}
    sent = [s.message.update.status for s in master.inbox if s.name == "StatusUpdateMessage"]
    known |= {status.task_id.value for status in sent}

    def ends() -> list[m.TaskStatus]:
        told = [s.message.update.status for s in master.inbox if s.name == "StatusUpdateMessage"]
        return [status for status in told if status.state in (m.TASK_FINISHED, m.TASK_FAILED)]

    await until(lambda: {status.task_id.value for status in ends()} >= known, "all that is known has ended")
    started = set(runs.read_text().split()) if runs.exists() else set()
    finished = {status.task_id.value for status in ends() if status.state == m.TASK_FINISHED}
    assert started <= finished, "what ran has ended with its status"
    return ends()
