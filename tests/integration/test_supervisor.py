"""The process supervisor and its client, with real processes."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from meseta.errors import ConfigError, UnreachableError
from meseta.runtime.linux.processes import read_stat
from meseta.runtime.linux.supervision import Exited, Listed, Rlimit, Spawn, Spawned, SpawnFailed
from meseta.runtime.linux.supervisor_client import SupervisorClient, SupervisorLost

DEADLINE_S = 60.0
ENV = {"PATH": os.environ.get("PATH", "/usr/bin:/bin")}

EventT = TypeVar("EventT")


class Session:
    """A client whose events can be awaited, by type and key."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.client = SupervisorClient(str(directory / "s"), str(directory / "journal"), idle_exit_s=5.0)
        self.events: list[Any] = []
        self.listed: Listed | None = None
        self._news = asyncio.Event()
        self.client.on_event(self._on_event)

    def _on_event(self, event: Any) -> None:
        self.events.append(event)
        self._news.set()

    async def connect(self) -> Listed:
        self.listed = await self.client.connect_or_start(timeout_s=DEADLINE_S)
        return self.listed

    async def wait_for(self, kind: type[EventT], key: str | None = None) -> EventT:
        async with asyncio.timeout(DEADLINE_S):
            while True:
                for event in self.events:
                    if isinstance(event, kind) and key in (None, getattr(event, "key", None)):
                        return event
                self._news.clear()
                await self._news.wait()

    def spawn(self, key: str, *argv: str, **fields: Any) -> None:
        fields = {"env": ENV, "cwd": str(self.directory)} | fields
        self.client.spawn(Spawn(key, argv, **fields))

    async def run(self, key: str, *argv: str, **fields: Any) -> int | None:
        """Spawn, wait for the exit, forget; return the wait status."""
        self.spawn(key, *argv, **fields)
        exited = await self.wait_for(Exited, key)
        self.client.forget(key)
        return exited.wait_status


@asynccontextmanager
async def session(directory: Path) -> AsyncIterator[Session]:
    this = Session(directory)
    await this.connect()
    try:
        yield this
    finally:
        if not this.client.connected:
            await this.connect()
        this.client.shutdown(kill=True)
        await this.wait_for(SupervisorLost)


def check(directory: Path, body: Callable[[Session], Awaitable[None]]) -> None:
    async def main() -> None:
        async with session(directory) as this:
            await body(this)

    asyncio.run(main())


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not condition():
            await asyncio.sleep(0.01)


def is_alive(pid: int) -> bool:
    stat = read_stat(pid)
    return stat is not None and stat.state not in "ZX"


def test_a_process_gets_what_the_request_says(tmp_path: Path) -> None:
    (tmp_path / "in").write_text("from stdin\n")
    script = 'read line; echo "$line $GREETING"; pwd; echo problem >&2; exit 7'

    async def body(this: Session) -> None:
        env = ENV | {"GREETING": "hello \udcff"}
        files = {name: str(tmp_path / name) for name in ("stdout", "stderr")}
        status = await this.run("a", "/bin/sh", "-c", script, env=env, stdin=str(tmp_path / "in"), **files)
        assert status == 7 << 8

    check(tmp_path, body)
    assert (tmp_path / "stdout").read_bytes() == b"from stdin hello \xff\n" + os.fsencode(tmp_path) + b"\n"
    assert (tmp_path / "stderr").read_text() == "problem\n"


def test_a_process_leads_a_session_and_inherits_no_file(tmp_path: Path) -> None:
    async def body(this: Session) -> None:
        out = str(tmp_path / "out")
        code = "import os; print(os.getpid() == os.getsid(0) == os.getpgid(0), os.listdir('/proc/self/fd'))"
        assert await this.run("a", sys.executable, "-S", "-c", code, stdout=out) == 0

    check(tmp_path, body)
    # The listing itself holds the fourth descriptor.
    assert (tmp_path / "out").read_text() == "True ['0', '1', '2', '3']\n"


def test_output_is_appended_and_one_file_may_take_both(tmp_path: Path) -> None:
    async def body(this: Session) -> None:
        out = str(tmp_path / "out")
        for key in ("a", "b"):
            await this.run(key, "/bin/sh", "-c", f"echo {key}; echo {key}2 >&2", stdout=out, stderr=out)

    check(tmp_path, body)
    assert (tmp_path / "out").read_text() == "a\na2\nb\nb2\n"


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"argv": ("no-such-program",)}, "no-such-program: No such file or directory"),
        ({"cwd": "/no/such/directory"}, "/no/such/directory: No such file or directory"),
        ({"stdout": "/no/such/file"}, "/no/such/file: No such file or directory"),
        ({"argv": ()}, "the command is empty"),
        ({"argv": ("a\0b",)}, "null byte"),
        ({"env": {"A": "x" * (200 << 10)}}, "Argument list too long"),
        ({"env": {"A": "x" * (9 << 20)}}, "exceeds"),
        ({"user": "no-such-user"}, "There is no user 'no-such-user' on this machine"),
        ({"rlimits": (Rlimit("NONSENSE", 1, 1),)}, "no limit called 'NONSENSE'"),
        ({"rlimits": (Rlimit("NOFILE", 2, 1),)}, "current limit exceeds maximum limit"),
        ({"cgroups": ("/no/such/cgroup",)}, "/no/such/cgroup/cgroup.procs: No such file"),
    ],
)
def test_why_a_process_could_not_be_started(tmp_path: Path, fields: dict[str, Any], says: str) -> None:
    async def body(this: Session) -> None:
        argv = fields.get("argv", ("true",))
        this.spawn("a", *argv, **{name: value for name, value in fields.items() if name != "argv"})
        assert says in (await this.wait_for(SpawnFailed, "a")).reason
        assert await this.run("b", "true") == 0

    check(tmp_path, body)


def test_output_never_follows_a_link_out_of_the_sandbox(tmp_path: Path) -> None:
    (tmp_path / "stdout").symlink_to(tmp_path / "victim")

    async def body(this: Session) -> None:
        this.spawn("a", "echo", "x", stdout=str(tmp_path / "stdout"))
        await this.wait_for(SpawnFailed, "a")

    check(tmp_path, body)
    assert not (tmp_path / "victim").exists()


def test_a_key_names_one_process(tmp_path: Path) -> None:
    async def body(this: Session) -> None:
        this.spawn("a", "sleep", "100")
        this.spawn("a", "sleep", "100")
        assert "already" in (await this.wait_for(SpawnFailed, "a")).reason
        this.client.signal("a", signal.SIGKILL)
        assert (await this.wait_for(Exited, "a")).wait_status == signal.SIGKILL

    check(tmp_path, body)


def test_limits_are_set(tmp_path: Path) -> None:
    async def body(this: Session) -> None:
        limits = (Rlimit("NOFILE", 77, 99), Rlimit("CORE", 0, 0))
        argv = ("/bin/sh", "-c", "ulimit -Sn; ulimit -Hn; ulimit -c")
        await this.run("a", *argv, rlimits=limits, stdout=str(tmp_path / "out"))

    check(tmp_path, body)
    assert (tmp_path / "out").read_text().split() == ["77", "99", "0"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may start processes of another user")
def test_root_switches_the_user(tmp_path: Path) -> None:
    async def body(this: Session) -> None:
        out = str(tmp_path / "out")
        assert await this.run("a", "id", "-u", "-n", user="nobody", stdout=out) == 0

    check(tmp_path, body)
    assert (tmp_path / "out").read_text() == "nobody\n"
    assert (tmp_path / "out").owner() == "nobody"


def test_a_signal_goes_to_the_process_group(tmp_path: Path) -> None:
    async def body(this: Session) -> None:
        script = "trap 'echo caught; exit 3' TERM; echo ready; while :; do sleep 0.02; done"
        this.spawn("a", "/bin/sh", "-c", script, stdout=str(tmp_path / "out"))
        await this.wait_for(Spawned, "a")
        await until(lambda: "ready" in (tmp_path / "out").read_text())
        this.client.signal("a", signal.SIGTERM)
        assert (await this.wait_for(Exited, "a")).wait_status == 3 << 8

    check(tmp_path, body)
    assert (tmp_path / "out").read_text() == "ready\ncaught\n"


def test_a_tree_includes_those_who_left_the_group_or_lost_their_parent(tmp_path: Path) -> None:
    """`setsid` makes a new session below a living parent; the other sleeper's parent is gone."""
    script = "setsid sleep 100 & echo $!; (sleep 100 & echo $!); echo ready; wait"

    async def body(this: Session) -> None:
        this.spawn("a", "/bin/sh", "-c", script, stdout=str(tmp_path / "out"))
        spawned = await this.wait_for(Spawned, "a")
        await until(lambda: "ready" in (tmp_path / "out").read_text())
        pids = [spawned.pid, *map(int, (tmp_path / "out").read_text().split()[:2])]
        assert all(map(is_alive, pids))
        this.client.signal("a", signal.SIGKILL, tree=True)
        await this.wait_for(Exited, "a")
        await until(lambda: not any(map(is_alive, pids)))

    check(tmp_path, body)


@pytest.mark.parametrize("prefix", ["", "timeout 100 "], ids=["same group", "group of its own"])
def test_what_a_dead_leader_left_in_its_session_ends_with_it(tmp_path: Path, prefix: str) -> None:
    async def body(this: Session) -> None:
        script = f"{prefix}sleep 100 & echo $!; exit 3"
        this.spawn("a", "/bin/sh", "-c", script, stdout=str(tmp_path / "out"))
        exited = await this.wait_for(Exited, "a")
        assert exited.wait_status == 3 << 8
        this.client.forget("a")
        orphan = int((tmp_path / "out").read_text())
        await until(lambda: not is_alive(orphan))

    check(tmp_path, body)


def test_a_restarted_agent_goes_on_where_it_was(tmp_path: Path) -> None:
    async def body(this: Session) -> None:
        this.spawn("done", "/bin/sh", "-c", "exit 5")
        this.spawn("later", "/bin/sh", "-c", "read line; exit 6", stdin=str(fifo))
        await this.wait_for(Exited, "done")
        later = await this.wait_for(Spawned, "later")
        this.client.close()

        again = Session(tmp_path)
        listed = await again.connect()
        assert listed.pid == this.listed.pid  # type: ignore[union-attr]
        assert [(entry.key, entry.pid) for entry in listed.running] == [("later", later.pid)]
        assert [(entry.key, entry.wait_status) for entry in listed.exited] == [("done", 5 << 8)]
        again.client.forget("done")
        os.write(writer, b"go on\n")
        assert (await again.wait_for(Exited, "later")).wait_status == 6 << 8
        again.client.close()
        listed = await this.connect()
        assert [entry.key for entry in listed.exited] == ["later"]

    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    writer = os.open(fifo, os.O_RDWR)
    check(tmp_path, body)
    os.close(writer)


def test_processes_outlive_a_killed_supervisor_and_are_found_again(tmp_path: Path) -> None:
    async def body(this: Session) -> None:
        this.spawn("done", "/bin/sh", "-c", "exit 5")
        this.spawn("living", "sleep", "100")
        this.spawn("dying", "sleep", "100")
        living = await this.wait_for(Spawned, "living")
        dying = await this.wait_for(Spawned, "dying")
        await this.wait_for(Exited, "done")
        assert this.listed is not None
        os.kill(this.listed.pid, signal.SIGKILL)
        await this.wait_for(SupervisorLost)
        with pytest.raises(UnreachableError):
            this.client.forget("done")
        assert is_alive(living.pid)
        os.kill(dying.pid, signal.SIGKILL)
        await until(lambda: not is_alive(dying.pid))

        this.events.clear()
        listed = await this.connect()
        assert [(entry.key, entry.pid) for entry in listed.running] == [("living", living.pid)]
        assert {entry.key: entry.wait_status for entry in listed.exited} == {"done": 5 << 8, "dying": None}
        this.client.signal("living", signal.SIGKILL)
        assert (await this.wait_for(Exited, "living")).wait_status is None

    check(tmp_path, body)


def test_shutdown_without_kill_leaves_the_processes(tmp_path: Path) -> None:
    async def body(this: Session) -> None:
        this.spawn("a", "sleep", "100")
        spawned = await this.wait_for(Spawned, "a")
        this.client.shutdown(kill=False)
        await this.wait_for(SupervisorLost)
        assert is_alive(spawned.pid)
        this.events.clear()
        assert [entry.key for entry in (await this.connect()).running] == ["a"]

    check(tmp_path, body)


def test_an_idle_supervisor_exits_and_removes_its_socket(tmp_path: Path) -> None:
    async def main() -> None:
        client = SupervisorClient(str(tmp_path / "s"), str(tmp_path / "journal"), idle_exit_s=0.01)
        listed = await client.connect_or_start(timeout_s=DEADLINE_S)
        client.close()
        await until(lambda: not is_alive(listed.pid) and not (tmp_path / "s").exists())

    asyncio.run(main())


def test_a_second_supervisor_on_one_journal_does_not_start(tmp_path: Path) -> None:
    async def main() -> None:
        async with session(tmp_path):
            other = SupervisorClient(str(tmp_path / "other"), str(tmp_path / "journal"))
            starting = asyncio.ensure_future(other.connect_or_start(timeout_s=DEADLINE_S))
            log = tmp_path / "journal" / "supervisor.log"
            await until(lambda: "another supervisor already runs" in log.read_text())
            assert not starting.done()
            starting.cancel()

    asyncio.run(main())


def test_a_supervisor_that_does_not_answer_is_said_with_where_to_look(tmp_path: Path) -> None:
    async def main() -> None:
        async with session(tmp_path):
            other = SupervisorClient(str(tmp_path / "other"), str(tmp_path / "journal"))
            with pytest.raises(UnreachableError, match=r"within 0\.2 s; see .*supervisor\.log"):
                await other.connect_or_start(timeout_s=0.2)

    asyncio.run(main())


def test_a_socket_path_that_linux_would_cut_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="shorter --runtime_dir"):
        SupervisorClient("/tmp/" + "x" * 120, str(tmp_path))


def test_many_commands_leave_nothing_behind(tmp_path: Path) -> None:
    async def body(this: Session) -> None:
        assert this.listed is not None
        supervisor = this.listed.pid

        async def run_many(name: str, count: int) -> tuple[int, int]:
            for number in range(count):
                assert await this.run(f"{name}{number}", "true") == 0
                this.events.clear()
            stat = read_stat(supervisor)
            assert stat is not None
            return len(os.listdir(f"/proc/{supervisor}/fd")), stat.rss_pages

        fds, rss_pages = await run_many("warm-up", 50)
        fds_after, rss_pages_after = await run_many("n", 200)
        assert fds_after == fds
        assert rss_pages_after - rss_pages < 128
        children = Path(f"/proc/{supervisor}/task/{supervisor}/children")
        await until(lambda: children.read_text() == "")
        listed = await this.connect()
        assert (listed.running, listed.exited) == ((), ())

    check(tmp_path, body)


def test_parallel_commands_each_get_their_own_status(tmp_path: Path) -> None:
    async def body(this: Session) -> None:
        for number in range(40):
            this.spawn(str(number), "/bin/sh", "-c", f"exit {number}")
        for number in range(40):
            assert (await this.wait_for(Exited, str(number))).wait_status == number << 8

    check(tmp_path, body)
