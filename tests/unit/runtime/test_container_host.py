"""What the container host makes of a supervisor's reports, of its loss above all."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from meseta.containers.effects import (
    ContainerPlan,
    DestroyContainer,
    PrepareSandbox,
    RemoveContainer,
    RunCheck,
    Sandbox,
    SignalContainer,
    StartContainer,
)
from meseta.containers.events import (
    CheckFinished,
    ContainerExited,
    ContainerStarted,
    ContainerStartFailed,
    SandboxFailed,
    SandboxPrepared,
)
from meseta.errors import UnreachableError
from meseta.ids import ContainerId, TaskId
from meseta.records import Uri
from meseta.runtime import container_host
from meseta.runtime.container_host import ContainerHost
from meseta.runtime.fetcher import Fetcher
from meseta.runtime.linux.supervision import (
    Exited,
    Forget,
    Listed,
    Running,
    Signal,
    Spawn,
    Spawned,
    SpawnFailed,
)
from meseta.runtime.linux.supervisor_client import SupervisorLost

C1, C2, C3, C4 = (ContainerId(f"c{number}") for number in range(1, 5))


class FakeSupervisor:
    """Notes requests; reports what the test says."""

    def __init__(self) -> None:
        self.connected = True
        self.requests: list[Any] = []
        self.listings: list[Listed | Exception] = []
        self.tell: Callable[[Any], None]

    def on_event(self, callback: Callable[[Any], None]) -> None:
        self.tell = callback

    def spawn(self, request: Spawn) -> None:
        self.requests.append(request)

    def signal(self, key: str, signum: int, *, tree: bool = False) -> None:
        self.requests.append(Signal(key, signum, tree))

    def forget(self, key: str) -> None:
        self.requests.append(Forget(key))

    async def connect_or_start(self) -> Listed:
        await asyncio.sleep(0)
        answer = self.listings.pop(0)
        if isinstance(answer, Exception):
            raise answer
        self.connected = True
        return answer

    def lose(self, *answers: Listed | Exception) -> None:
        self.connected = False
        self.listings = list(answers)
        self.tell(SupervisorLost("killed"))


class Bench:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.supervisor = FakeSupervisor()
        self.events: list[Any] = []
        fetcher = Fetcher(str(directory / "cache"))
        self.host = ContainerHost(
            self.events.append,
            self.supervisor,  # type: ignore[arg-type]
            fetcher,
            None,
            lambda sandbox: None,
        )
        self._performers = self.host.performers()

    def do(self, effect: Any) -> None:
        self._performers[type(effect)](effect)

    def start(self, *container_ids: ContainerId) -> None:
        for container_id in container_ids:
            sandbox = Sandbox(path=str(self.directory / container_id))
            self.do(StartContainer(plan_in(sandbox, container_id)))

    async def reconnected(self) -> None:
        async with asyncio.timeout(60):
            while self.host._is_lost:
                await asyncio.sleep(0.001)


def plan_in(sandbox: Sandbox, container_id: ContainerId) -> ContainerPlan:
    return ContainerPlan(
        container_id=container_id,
        file="/bin/true",
        argv=("true",),
        environment=(("A", "b"),),
        sandbox=sandbox,
    )


def listed(*running: Running, exited: tuple[Exited, ...] = ()) -> Listed:
    return Listed(1, 99, running, exited)


def check(directory: Path, test: Callable[[Bench], Awaitable[None]]) -> None:
    async def body() -> None:
        bench = Bench(directory)
        await test(bench)
        bench.host.close()

    asyncio.run(body())


def test_a_container_from_start_to_end(tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        bench.start(C1)
        spawn = bench.supervisor.requests[-1]
        assert (spawn.key, spawn.argv, spawn.env, spawn.executable) == (
            C1,
            ("true",),
            {"A": "b"},
            "/bin/true",
        )
        assert spawn.cwd == str(tmp_path / "c1")
        assert spawn.stdout == str(tmp_path / "c1/stdout")
        assert os.path.isdir(spawn.cwd)
        bench.supervisor.tell(Spawned(C1, 7))
        bench.do(SignalContainer(container_id=C1, signal=15))
        bench.do(DestroyContainer(C1))
        bench.supervisor.tell(Exited(C1, 9, 1.0))
        bench.do(RemoveContainer(C1))
        assert bench.supervisor.requests[1:] == [Signal(C1, 15, True), Signal(C1, 9, True), Forget(C1)]
        assert bench.events == [
            ContainerStarted(container_id=C1, pid=7),
            ContainerExited(container_id=C1, wait_status=9),
        ]
        assert not bench.host.pids

    check(tmp_path, body)


def test_a_start_that_fails(tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        (tmp_path / "c2").write_text("in the way")
        bench.start(C1, C2)
        bench.supervisor.tell(SpawnFailed(C1, "no such file", 2))
        failed = [(event.container_id, event.message) for event in bench.events]
        assert failed[1] == (C1, "no such file")
        assert failed[0][0] == C2
        assert "c2" in failed[0][1]

    check(tmp_path, body)


def test_the_sandboxes_of_a_pod(tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        runs = tmp_path / "executors/pod/runs"
        frame = Sandbox(path=str(runs / "c1"), latest=str(runs / "latest"))
        bench.do(PrepareSandbox(container_id=C1, sandbox=frame))
        nested = Sandbox(path=str(runs / "c1/containers/n1"), task=TaskId("t1"))
        bench.do(StartContainer(plan_in(nested, ContainerId("c1.n1"))))
        assert bench.events == [SandboxPrepared(C1)]
        assert os.readlink(runs / "latest") == str(runs / "c1")
        assert os.listdir(runs / "c1/containers") == ["n1"]
        assert os.readlink(runs / "c1/tasks/t1") == nested.path
        assert bench.supervisor.requests[-1].cwd == nested.path

    check(tmp_path, body)


def test_a_fetch_that_nobody_wants_any_more_is_given_up(tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        os.mkfifo(tmp_path / "never")
        sandbox = Sandbox(path=str(tmp_path / "c1"), latest=str(tmp_path / "latest"))
        uri = Uri(value=str(tmp_path / "never"))
        bench.do(PrepareSandbox(container_id=C1, sandbox=sandbox, uris=(uri,)))
        await asyncio.sleep(0)
        bench.do(DestroyContainer(C1))
        assert bench.events == [SandboxFailed(container_id=C1, message="the fetch was given up")]
        bench.do(DestroyContainer(C1))
        assert bench.supervisor.requests == [Signal(C1, 9, True)]

    check(tmp_path, body)


def test_what_happened_while_there_was_no_supervisor(tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        bench.start(C1, C2, C3, C4)
        for pid, container_id in enumerate((C1, C2), 11):
            bench.supervisor.tell(Spawned(container_id, pid))
        bench.events.clear()
        # c1 has ended, c2 runs on, c3 got started, c4 did not.
        bench.supervisor.lose(
            UnreachableError("not yet"),
            listed(Running(C2, 12, 0.0), Running(C3, 13, 0.0), exited=(Exited(C1, 256, 1.0),)),
        )
        await bench.reconnected()
        assert sorted(bench.events, key=lambda event: event.container_id) == [
            ContainerExited(container_id=C1, wait_status=256),
            ContainerStarted(container_id=C3, pid=13),
            ContainerStartFailed(
                container_id=C4, message="The process supervisor ended while it was being started"
            ),
        ]
        assert bench.host.pids == {C2: 12, C3: 13}

    container_host.RETRY_S, before = 0.01, container_host.RETRY_S
    try:
        check(tmp_path, body)
    finally:
        container_host.RETRY_S = before


def test_requests_wait_for_a_supervisor(tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        bench.supervisor.lose(listed())
        bench.start(C1)
        bench.do(DestroyContainer(C1))
        assert bench.supervisor.requests == []
        await bench.reconnected()
        assert [type(request) for request in bench.supervisor.requests] == [Spawn, Signal]
        assert bench.events == []

    check(tmp_path, body)


def test_a_container_that_nobody_knows_any_more_has_ended(tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        bench.start(C1)
        bench.supervisor.tell(Spawned(C1, 7))
        bench.supervisor.lose(listed())
        await bench.reconnected()
        assert bench.events[-1] == ContainerExited(container_id=C1, wait_status=None)

    check(tmp_path, body)


def test_what_a_former_agent_has_left_is_taken_over(tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        left = listed(
            Running(C1, 7, 0.0),
            Running("c1/check-1", 8, 0.0),
            exited=(Exited(C2, 0, 1.0), Exited("c1/check-0", 0, 1.0)),
        )
        adopted = {container.container_id: container for container in bench.host.adopt(left)}
        assert adopted.keys() == {C1, C2}
        assert adopted[C1].pid == 7
        assert (adopted[C2].exited, adopted[C2].wait_status) == (True, 0)
        assert bench.supervisor.requests == [Signal("c1/check-1", 9, True), Forget("c1/check-0")]

    check(tmp_path, body)


def run_check(**fields: Any) -> RunCheck:
    return RunCheck(check=5, container_id=C1, timeout_s=fields.pop("timeout_s", 10.0), **fields)


async def outcome(bench: Bench) -> str | None:
    async with asyncio.timeout(60):
        while not any(isinstance(event, CheckFinished) for event in bench.events):
            await asyncio.sleep(0.001)
    finished = bench.events[-1]
    assert finished.check == 5
    fault: str | None = finished.fault
    return fault


def test_a_command_checks_a_container_from_inside(tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        bench.start(C1)
        bench.supervisor.tell(Spawned(C1, os.getpid()))
        bench.do(run_check(argv=("test", "-e", "x"), environment=(("EXTRA", "1"),)))
        await asyncio.sleep(0)
        spawn = bench.supervisor.requests[-1]
        assert (spawn.key, spawn.argv, spawn.user) == ("c1/check-5", ("test", "-e", "x"), str(os.getuid()))
        assert spawn.env["EXTRA"] == "1"
        assert spawn.env["PATH"] == os.environ["PATH"]
        bench.supervisor.tell(Spawned("c1/check-5", 8))
        bench.supervisor.tell(Exited("c1/check-5", 256, 1.0))
        assert await outcome(bench) == "the command exited with status 1"
        assert bench.supervisor.requests[-1] == Forget("c1/check-5")

    check(tmp_path, body)


def test_a_command_that_takes_too_long_is_killed(tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        bench.start(C1)
        bench.supervisor.tell(Spawned(C1, os.getpid()))
        bench.do(run_check(argv=("sleep", "9"), timeout_s=0.01))
        assert await outcome(bench) == "no answer within 0.01 s"
        assert bench.supervisor.requests[-1] == Signal("c1/check-5", 9, True)
        bench.supervisor.tell(Exited("c1/check-5", 9, 1.0))
        assert bench.supervisor.requests[-1] == Forget("c1/check-5")

    check(tmp_path, body)


def test_checks_end_with_the_supervisor(tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        bench.start(C1)
        bench.supervisor.tell(Spawned(C1, os.getpid()))
        bench.do(run_check(argv=("sleep", "9")))
        await asyncio.sleep(0)
        bench.supervisor.lose(listed(Running(C1, os.getpid(), 0.0)))
        assert await outcome(bench) == "the process supervisor ended"

    check(tmp_path, body)


def test_a_port_is_checked(tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        bench.do(run_check(port=port))
        assert await outcome(bench) is None
        server.close()
        await server.wait_closed()
        bench.events.clear()
        bench.do(run_check(port=port))
        fault = await outcome(bench)
        assert fault is not None
        assert f"port {port} does not accept connections" in fault

    check(tmp_path, body)
