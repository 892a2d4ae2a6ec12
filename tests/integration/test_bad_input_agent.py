"""Tasks that cannot be started, and peers that tell an agent nonsense: it reports, and runs the others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from meseta.testing.process import Process
from meseta.wire.gen import executor_pb2, mesos_pb2
from meseta.wire.gen import internal_pb2 as i
from meseta.wire.gen import mesos_pb2 as m
from tests.integration.agent_kit import (
    FRAMEWORK,
    command_task,
    executor_info,
    executor_task,
    master_and_agent,
    run,
)
from tests.integration.bad_input_kit import PROTOBUF, Raw, counted, metrics

MIB = 1024 * 1024
Spoil = Callable[[m.CommandInfo], Any]


def variable(name: str, value: str) -> Spoil:
    return lambda command: command.environment.variables.add(name=name, value=value)


def user(name: str) -> Spoil:
    return lambda command: setattr(command, "user", name)


def uri(**fields: Any) -> Spoil:
    return lambda command: command.uris.add(**fields)


def arguments(*values: str) -> Spoil:
    def spoil(command: m.CommandInfo) -> None:
        command.shell = False
        command.arguments.extend(values)

    return spoil


def value(text: str) -> Spoil:
    return lambda command: setattr(command, "value", text)


@pytest.mark.parametrize(
    "spoil",
    [
        value("a\0b"),
        value("true;" + " " * 3 * MIB),
        variable("A\0", "x"),
        variable("A", "x\0y"),
        variable("A=B", "x"),
        variable("", "x"),
        variable("A", "x" * 3 * MIB),
        user("no such user"),
        user("a\0b"),
        user(""),
        arguments("a\0"),
        arguments("x" * 3 * MIB),
        uri(value="a\0b"),
        uri(value="nonsense://x/y"),
        uri(value="http://127.0.0.1:1/x"),
        uri(value="http://[::1/x"),
        uri(value="/etc/hostname", output_file="../../escaped"),
        uri(value="/etc/hostname", output_file="a\0b"),
        uri(value=""),
        uri(value="x" * 100_000),
    ],
    ids=lambda spoil: "",
)
def test_a_command_that_cannot_be_started(tmp_path: Path, spoil: Spoil) -> None:
    async def body() -> None:
        async with master_and_agent(tmp_path) as (master, _):
            bad = command_task("bad", "true")
            spoil(bad.command)
            master.run(bad)
            master.run(command_task("good", "true"))
            await master.status("good", "TASK_FINISHED")
            ended = await master.wait_for(
                "StatusUpdateMessage",
                lambda it: it.update.status.task_id.value == "bad" and it.update.status.state in ENDS,
            )
            assert len(ended.update.status.message) < 5000
        assert not list(tmp_path.rglob("escaped"))

    run(body)


ENDS = (mesos_pb2.TASK_FINISHED, mesos_pb2.TASK_FAILED)


@pytest.mark.parametrize("name", ["é" * 127, "x" * 255, "a b'c\"$(d)`", "-rf", "~", "%2e%2e", "a\u2028b"])
def test_odd_ids_make_odd_directories(tmp_path: Path, name: str) -> None:
    async def body() -> None:
        async with master_and_agent(tmp_path) as (master, _):
            master.run(command_task(name, "touch made"))
            await master.status(name, "TASK_FINISHED")
            (made,) = [path for path in tmp_path.rglob("made") if "latest" not in path.parts]
            assert made.is_relative_to(tmp_path / "work")

    run(body)


@pytest.mark.parametrize("name", ["..", "a/b", "", "a\n", "x" * 256])
def test_ids_that_are_no_names_of_directories_are_dropped(tmp_path: Path, name: str) -> None:
    async def body() -> None:
        async with master_and_agent(tmp_path) as (master, daemon):
            address = f"{daemon.ip}:{daemon.port}"
            async with counted(address, "slave/dropped_messages", 2):
                master.run(command_task(name, "touch made"))
                master.run(executor_task("t", executor_info(name, "touch made")))
            master.run(command_task("good", "true"))
            await master.status("good", "TASK_FINISHED")
        assert not list(tmp_path.rglob("made"))

    run(body)


def test_strangers_cannot_speak_for_the_master(tmp_path: Path) -> None:
    async def body() -> None:
        async with master_and_agent(tmp_path) as (master, daemon), Process("master") as stranger:
            address = f"{daemon.ip}:{daemon.port}"
            agent = daemon.machine.state.config.pid
            async with counted(address, "slave/dropped_messages", 4):
                stranger.send(agent, i.ShutdownMessage(message="end"))
                stranger.send(agent, i.ShutdownFrameworkMessage(framework_id=m.FrameworkID(value=FRAMEWORK)))
                stranger.send(agent, b"\xff\xff", name="mesos.internal.RunTaskMessage")
                stranger.send(agent, b"", name="mesos.internal.NoSuchMessage")
            async with counted(address, "meseta/messages_undeliverable"):
                stranger.send(f"slave(2)@{address}", i.ShutdownMessage(message="end"))
            master.run(command_task("good", "true"))
            await master.status("good", "TASK_FINISHED")

    run(body)


def test_calls_of_strangers_to_the_executor_api(tmp_path: Path) -> None:
    async def body() -> None:
        async with master_and_agent(tmp_path) as (master, daemon):
            address = f"{daemon.ip}:{daemon.port}"
            master.run(command_task("long", "sleep 1000"))
            await master.status("long", "TASK_RUNNING")
            call = executor_pb2.Call(type=executor_pb2.Call.SUBSCRIBE)
            call.framework_id.value, call.executor_id.value = FRAMEWORK, "nobody"
            call.subscribe.SetInParent()
            for body in (call.SerializeToString(), b"\xff", b"", bytes(17 * MIB)):
                async with counted(address, "meseta/executor_calls_refused"), Raw(address) as raw:
                    head = f"POST /api/v1/executor HTTP/1.1\r\nContent-Type: {PROTOBUF}\r\n"
                    raw.send(
                        f"{head}Accept: {PROTOBUF}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
                    )
                    assert await raw.status() in (400, 413)
            assert (await metrics(address))["slave/tasks_running"] == 1
            master.kill("long")
            await master.status("long", "TASK_KILLED")

    run(body)
