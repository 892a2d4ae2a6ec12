"""Command tasks and pods on a real agent, from the master's word to the acknowledged end."""

from __future__ import annotations

import asyncio
import os
import pwd
from pathlib import Path

import pytest

from meseta.runtime.client import HttpClient
from meseta.wire.gen import internal_pb2 as i
from meseta.wire.gen import mesos_pb2 as m
from tests.integration.agent_kit import (
    FRAMEWORK,
    command_task,
    executor_info,
    framework_info,
    master_and_agent,
    output,
    resources,
    run,
    sandbox,
    until,
)


def test_registers_with_what_the_flags_say(tmp_path: Path) -> None:
    async def body() -> None:
        async with master_and_agent(tmp_path, attributes="rack:r1;slot:3") as (master, daemon):
            registered = await master.wait_for("RegisterSlaveMessage")
            assert registered.slave.port == daemon.port
            shown = [(resource.name, resource.role) for resource in registered.slave.resources]
            assert shown == [("cpus", "*"), ("mem", "*"), ("disk", "*"), ("ports", "*")]
            assert [attribute.name for attribute in registered.slave.attributes] == ["rack", "slot"]

    run(body)


def test_runs_a_command(tmp_path: Path) -> None:
    async def body() -> None:
        async with master_and_agent(tmp_path) as (master, _):
            master.run(command_task("t1", "echo out; echo err >&2"))
            finished = await master.status("t1", "TASK_FINISHED")
            assert master.states("t1") == ["TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"]
            assert finished.message == "Command exited with status 0"
            assert finished.source == m.TaskStatus.SOURCE_EXECUTOR
            assert finished.container_status.network_infos[0].ip_addresses[0].ip_address == "127.0.0.1"
            assert output(tmp_path, "t1") == "out\n"
            assert output(tmp_path, "t1", "stderr") == "err\n"

    run(body)


def test_a_command_finds_mesos_s_environment(tmp_path: Path) -> None:
    async def body() -> None:
        variables = {"environment": m.Environment(variables=[{"name": "MINE", "value": "ä b"}])}
        async with master_and_agent(tmp_path) as (master, daemon):
            master.run(command_task("t1", "env; pwd", command_info=variables))
            await master.status("t1", "TASK_FINISHED")
            lines = output(tmp_path, "t1").splitlines()
        place = os.path.realpath(sandbox(tmp_path, "t1"))
        expected = {
            "MINE": "ä b",
            "LIBPROCESS_PORT": "0",
            "MESOS_AGENT_ENDPOINT": f"127.0.0.1:{daemon.port}",
            "MESOS_CHECKPOINT": "1",
            "MESOS_EXECUTOR_ID": "t1",
            "MESOS_FRAMEWORK_ID": FRAMEWORK,
            "MESOS_RECOVERY_TIMEOUT": "15mins",
            "MESOS_SANDBOX": place,
            "MESOS_SLAVE_PID": f"slave(1)@127.0.0.1:{daemon.port}",
            "PATH": os.environ["PATH"],
        }
        assert lines[-1] == place
        for name, value in expected.items():
            assert f"{name}={value}" in lines

    run(body)


@pytest.mark.parametrize(
    ("command", "message"),
    [("exit 7", "Command exited with status 7"), ("kill -9 $$", "Command terminated with signal Killed")],
)
def test_a_command_that_fails(tmp_path: Path, command: str, message: str) -> None:
    async def body() -> None:
        async with master_and_agent(tmp_path) as (master, _):
            master.run(command_task("t1", command))
            failed = await master.status("t1", "TASK_FAILED")
            assert failed.message == message
            assert not failed.HasField("reason")

    run(body)


def test_what_cannot_be_started_fails_with_the_reason(tmp_path: Path) -> None:
    async def body() -> None:
        async with master_and_agent(tmp_path) as (master, _):
            master.run(command_task("t1", "/no/such/file", command_info={"shell": False}))
            failed = await master.status("t1", "TASK_FAILED")
            assert failed.reason == m.TaskStatus.REASON_CONTAINER_LAUNCH_FAILED
            assert "/no/such/file: No such file or directory" in failed.message

    run(body)


def test_a_kill_is_gentle_first(tmp_path: Path) -> None:
    async def body() -> None:
        async with master_and_agent(tmp_path) as (master, _):
            killing = [m.FrameworkInfo.Capability(type=m.FrameworkInfo.Capability.TASK_KILLING_STATE)]
            polite = "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.01; done"
            stubborn = "trap '' TERM; echo up; while :; do sleep 0.01; done"
            master.run(command_task("polite", polite), capabilities=killing)
            master.run(command_task("stubborn", stubborn), capabilities=killing)
            await until(lambda: output(tmp_path, "polite") == "up\n", "it is up")
            await until(lambda: output(tmp_path, "stubborn") == "up\n", "it is up")
            master.kill("polite", 30)
            killed = await master.status("polite", "TASK_KILLED")
            assert master.states("polite")[-2:] == ["TASK_KILLING", "TASK_KILLED"]
            assert killed.message == "Command exited with status 0"
            assert output(tmp_path, "polite") == "up\nbye\n"
            master.kill("stubborn", 0.1)
            killed = await master.status("stubborn", "TASK_KILLED")
            assert killed.message == "Command terminated with signal Killed"

    run(body)


def test_a_kill_ends_the_whole_tree(tmp_path: Path) -> None:
    async def body() -> None:
        async with master_and_agent(tmp_path) as (master, _):
            master.run(command_task("t1", "sleep 1000 & echo $! > child; wait"))
            await until(lambda: output(tmp_path, "t1", "child"), "the child runs")
            master.kill("t1", 5)
            await master.status("t1", "TASK_KILLED")
            pid = int(output(tmp_path, "t1", "child"))
            await until(lambda: not os.path.exists(f"/proc/{pid}/cwd"), "the child is gone")

    run(body)


def test_updates_are_repeated_until_they_are_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meseta.updates.RETRY_MIN_S", 0.2)

    async def body() -> None:
        async with master_and_agent(tmp_path) as (master, _):
            master.acknowledges = False
            master.run(command_task("t1", "true"))
            first = await master.wait_for("StatusUpdateMessage", count=1)
            again = await master.wait_for("StatusUpdateMessage", count=3)
            assert again.update.uuid == first.update.uuid
            assert set(master.states("t1")) == {"TASK_STARTING"}, "one update is on its way at a time"
            assert again.update.latest_state == m.TASK_FINISHED
            master.acknowledges = True
            master.acknowledge(first.update)
            await master.status("t1", "TASK_FINISHED")

    run(body)


def test_uris_are_fetched_before_the_command_starts(tmp_path: Path) -> None:
    (tmp_path / "script").write_text("#!/bin/sh\necho fetched\n")

    async def body() -> None:
        uris = [m.CommandInfo.URI(value=str(tmp_path / "script"), executable=True)]
        async with master_and_agent(tmp_path) as (master, _):
            master.run(command_task("t1", "./script", command_info={"uris": uris}))
            await master.status("t1", "TASK_FINISHED")
            assert output(tmp_path, "t1") == "fetched\n"
            missing = [m.CommandInfo.URI(value=str(tmp_path / "missing"))]
            master.run(command_task("t2", "true", command_info={"uris": missing}))
            failed = await master.status("t2", "TASK_FAILED")
            assert failed.reason == m.TaskStatus.REASON_CONTAINER_LAUNCH_FAILED
            assert str(tmp_path / "missing") in failed.message

    run(body)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can switch users")
def test_a_task_runs_as_its_framework_s_user(tmp_path: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    for parent in (tmp_path, *tmp_path.parents):
        if parent.owner() == "root" and str(parent).startswith("/tmp/"):
            parent.chmod(parent.stat().st_mode | 0o011)

    async def body() -> None:
        async with master_and_agent(tmp_path) as (master, _):
            master.run(command_task("t1", "id -u; touch mine"), user="nobody")
            await master.status("t1", "TASK_FINISHED")
            place = sandbox(tmp_path, "t1")
            assert (place / "stdout").read_text() == f"{nobody.pw_uid}\n"
            assert place.stat().st_uid == (place / "mine").stat().st_uid == nobody.pw_uid
            master.run(command_task("t2", "true"), user="no-such-user")
            failed = await master.status("t2", "TASK_FAILED")
            assert "no-such-user" in failed.message

    run(body)


def test_a_pod_runs_its_tasks_together(tmp_path: Path) -> None:
    async def body() -> None:
        async with master_and_agent(tmp_path) as (master, _):
            executor = executor_info("pod", "", type=m.ExecutorInfo.DEFAULT)
            executor.ClearField("command")
            group = m.TaskGroupInfo(
                tasks=[
                    command_task("good", "echo hello; sleep 1000"),
                    command_task("bad", "sleep 0.3; exit 3"),
                ]
            )
            master.send(
                i.RunTaskGroupMessage(framework=framework_info(), executor=executor, task_group=group)
            )
            await master.status("bad", "TASK_FAILED")
            await master.status("good", "TASK_KILLED")
            running = await master.status("good", "TASK_RUNNING")
            own = running.container_status.container_id
            nested = sandbox(tmp_path, "pod") / "containers" / own.value
            assert (nested / "stdout").read_text() == "hello\n"
            await master.wait_for("ExitedExecutorMessage", lambda it: it.executor_id.value == "pod")

    run(body)


def test_a_health_check_runs_beside_its_task(tmp_path: Path) -> None:
    async def body() -> None:
        check = m.HealthCheck(
            type=m.HealthCheck.COMMAND,
            delay_seconds=0,
            interval_seconds=0.1,
            timeout_seconds=10,
            grace_period_seconds=0,
            consecutive_failures=2,
            command=m.CommandInfo(value='test -e well && test "$MESOS_EXECUTOR_ID" = t1'),
        )
        async with master_and_agent(tmp_path) as (master, _):
            master.run(command_task("t1", "touch well; sleep 1000", health_check=check))
            healthy = await master.wait_for("StatusUpdateMessage", lambda it: it.update.status.healthy)
            assert healthy.update.status.state == m.TASK_RUNNING
            (sandbox(tmp_path, "t1") / "well").unlink()
            killed = await master.status("t1", "TASK_KILLED")
            assert not killed.healthy

    run(body)


def test_sandboxes_and_logs_can_be_read(tmp_path: Path) -> None:
    async def body() -> None:
        log = tmp_path / "meseta-agent.log"
        log.write_text("hello from the log\n")
        async with (
            master_and_agent(tmp_path, log_dir=str(tmp_path)) as (master, daemon),
            HttpClient() as http,
        ):
            master.run(command_task("t1", "echo out"))
            await master.status("t1", "TASK_FINISHED")
            base = f"http://127.0.0.1:{daemon.port}/files/read?offset=0&path="
            place = os.path.realpath(sandbox(tmp_path, "t1"))
            virtual = f"/frameworks/{FRAMEWORK}/executors/t1/runs/latest"
            for path, text in (
                (f"{place}/stdout", b"out"),
                (f"{virtual}/stdout", b"out"),
                ("/slave/log", b"hello from the log"),
            ):
                answer = await http.request("GET", base + path)
                assert answer.status == 200
                assert text in answer.body
            answer = await http.request("GET", base + "/etc/passwd")
            assert answer.status == 404

    run(body)


def test_many_tasks_leave_nothing_behind(tmp_path: Path) -> None:
    count = 200

    async def body() -> None:
        async with master_and_agent(tmp_path, resources="cpus:1000;mem:100000") as (master, daemon):
            fds = len(os.listdir("/proc/self/fd"))
            for number in range(count):
                master.run(command_task(f"t{number}", "true", resources=resources(0.01, 1)))
                if number % 20 == 19:
                    await master.status(f"t{number}", "TASK_FINISHED")
            for number in range(count):
                await master.status(f"t{number}", "TASK_FINISHED")
            state = daemon.machine.state
            await until(lambda: not state.frameworks, "everything is settled")
            assert not len(state.containers)
            assert not state.owners
            assert not state.writing
            assert not len(state.updates)
            await asyncio.sleep(0)
            assert len(os.listdir("/proc/self/fd")) <= fds + 3

    run(body)
