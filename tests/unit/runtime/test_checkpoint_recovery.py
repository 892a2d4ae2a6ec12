"""Power cuts: checkpoints of which the last is cut off at any byte are as without it, or as with it."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from meseta.agent.compatibility import ADDITIVE
from meseta.agent.effects import AgentCheckpoint, AgentEffect, Checkpoint, UpdateCheckpoint
from meseta.agent.events import ContainerExited, Recovered, RunTaskGroupReceived
from meseta.errors import ConfigError, MesetaError
from meseta.records import AgentInfo, TaskGroupInfo, TaskInfo
from meseta.resources import parse_resources
from meseta.runtime.agent_recovery import recover
from meseta.runtime.checkpointer import Checkpointer
from meseta.runtime.checkpoints import frame
from meseta.wire.checkpoints import checkpoint_records
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.lift import lift_executor, lift_task
from tests.unit.agent.agent_kit import AGENT, FRAMEWORK, MASTER, Book, framework

BOOT = "boot"


class Recorder(Book):
    """An agent whose checkpoints are kept, in order."""

    def __init__(self) -> None:
        self.written: list[Checkpoint] = []
        super().__init__()

    def _feed(self, effects: Iterable[AgentEffect]) -> None:
        effects = list(effects)
        self.written += [effect for effect in effects if isinstance(effect, Checkpoint)]
        super()._feed(effects)


def task(name: str) -> TaskInfo:
    """A task that came as bytes, as all do that are written down."""
    info = m.TaskInfo(name=name, task_id=m.TaskID(value=name), agent_id=m.AgentID(value=AGENT))
    info.command.value = "sleep 1"
    cpus = info.resources.add(name="cpus", type=m.Value.SCALAR)
    cpus.scalar.value = 0.5
    return lift_task(info, with_command=True)


@pytest.fixture(scope="module")
def life() -> tuple[list[Checkpoint], AgentInfo]:
    """What an agent writes that runs a command task and a pod, and sees the command task end."""
    book = Recorder()
    book.register()
    book.run(task("t1"), framework(True))
    container_id = next(iter(book.agent.state.owners))
    book.start()
    book.acknowledge()
    pod = m.ExecutorInfo(executor_id=m.ExecutorID(value="pod"), type=m.ExecutorInfo.DEFAULT)
    pod.framework_id.value = FRAMEWORK
    group = TaskGroupInfo(tasks=(task("p1"), task("p2")))
    book.do(
        RunTaskGroupReceived(
            sender=MASTER, framework=framework(True), executor=lift_executor(pod), group=group
        )
    )
    book.start(200)
    book.acknowledge()
    book.do(ContainerExited(container_id=container_id, wait_status=256))
    book.acknowledge()
    return book.written, book.agent.state.info()


def write(work_dir: Path, checkpoints: Iterable[Checkpoint]) -> None:
    async def body() -> None:
        bugs: list[BaseException] = []
        writer = Checkpointer(str(work_dir), lambda ticket: None, bugs.append)
        for checkpoint in checkpoints:
            writer.write(checkpoint)
        async with asyncio.timeout(20):
            await writer.flush()
        writer.close()
        assert not bugs

    asyncio.run(body())


def found(work_dir: Path, agent: AgentInfo, **how: Any) -> Recovered:
    """What the next agent takes up; what is never used again is not compared."""
    return msgspec.structs.replace(recover(str(work_dir), agent, BOOT, (), **how), garbage=())


def content(checkpoint: Checkpoint) -> bytes:
    records = checkpoint_records(checkpoint.record)
    return records.encode() if isinstance(records, str) else b"".join(map(frame, records))


def cut_off(path: Path, checkpoint: Checkpoint, old: bytes, length: int) -> None:
    """Leave what a power cut may leave of a write: its beginning, or of a new file nothing."""
    data = content(checkpoint)[:length]
    path.write_bytes(old + data if isinstance(checkpoint.record, UpdateCheckpoint) else data)


def test_a_write_that_is_cut_off_at_any_byte_was_done_or_not(
    tmp_path: Path, life: tuple[list[Checkpoint], AgentInfo]
) -> None:
    written, agent = life
    kinds = {type(checkpoint.record).__name__ for checkpoint in written}
    assert kinds >= {"AgentCheckpoint", "FrameworkCheckpoint", "ExecutorCheckpoint", "TaskCheckpoint"}
    assert sum(isinstance(checkpoint.record, UpdateCheckpoint) for checkpoint in written) >= 10
    work, copy = tmp_path / "work", tmp_path / "copy"
    for checkpoint in written:
        (work / "meta").mkdir(parents=True, exist_ok=True)
        before = found(work, agent)
        path = work / checkpoint.path
        replaces = path.exists() and not isinstance(checkpoint.record, UpdateCheckpoint)
        shutil.copytree(work, copy, symlinks=True)
        (copy / checkpoint.path).parent.mkdir(parents=True, exist_ok=True)
        old = path.read_bytes() if path.exists() else b""
        write(work, [checkpoint])
        after = found(work, agent)
        length = len(content(checkpoint))
        # A file that is replaced is there as it was until the new one is whole: nothing can be cut off.
        for cut in () if replaces else {*range(0, length, 1 + length // 40), length - 1}:
            cut_off(copy / checkpoint.path, checkpoint, old, max(0, cut))
            assert found(copy, agent) in (before, after), (checkpoint.path, cut)
        shutil.rmtree(copy)
    (only,) = found(work, agent).frameworks
    assert {task.info.task_id for executor in only.executors for task in executor.tasks} >= {"p1", "p2"}


def test_an_update_after_a_cut_is_read(tmp_path: Path, life: tuple[list[Checkpoint], AgentInfo]) -> None:
    written, agent = life
    last = next(c for c in reversed(written) if "p1" in c.path and isinstance(c.record, UpdateCheckpoint))
    write(tmp_path, written[: written.index(last)])
    path = tmp_path / last.path
    cut_off(path, last, path.read_bytes(), 7)
    once = found(tmp_path, agent)
    write(tmp_path, [last])
    again = found(tmp_path, agent)
    assert again != once
    assert found(tmp_path, agent) == again


def test_damage_stops_the_start_or_is_passed_over(
    tmp_path: Path, life: tuple[list[Checkpoint], AgentInfo]
) -> None:
    written, agent = life
    write(tmp_path, written)
    (path,) = {c.path for c in written if c.path.endswith("p1/task.updates")}
    (tmp_path / path).write_bytes(b"\xff\xff\xff\x7f and no record")
    with pytest.raises(MesetaError, match=r"p1/task\.updates is damaged"):
        found(tmp_path, agent)
    faults: list[str] = []
    (only,) = found(tmp_path, agent, tolerate=faults.append).frameworks
    assert len(faults) == 1
    tasks = {task.info.task_id for executor in only.executors for task in executor.tasks}
    assert "p2" in tasks
    assert "p1" not in tasks


def test_an_agent_that_has_grown_keeps_its_id_where_that_is_allowed(
    tmp_path: Path, life: tuple[list[Checkpoint], AgentInfo]
) -> None:
    written, agent = life
    write(tmp_path, [c for c in written if isinstance(c.record, AgentCheckpoint)])
    grown = msgspec.structs.replace(agent, resources=agent.resources + parse_resources("cpus:2"))
    with pytest.raises(ConfigError, match=r"remove .*latest"):
        found(tmp_path, grown)
    taken = found(tmp_path, grown, policy=ADDITIVE)
    assert (taken.agent_id, taken.reconfigured) == (AGENT, True)
    assert found(tmp_path, agent, policy=ADDITIVE).reconfigured is False
    write(tmp_path, [Checkpoint(path=written[0].path, record=AgentCheckpoint(grown))])
    with pytest.raises(ConfigError, match="Value of scalar resource 'cpus' decreased"):
        found(tmp_path, agent, policy=ADDITIVE)


def test_after_a_reboot_an_agent_that_has_changed_is_a_new_one(
    tmp_path: Path, life: tuple[list[Checkpoint], AgentInfo]
) -> None:
    written, agent = life
    write(tmp_path, written)
    (tmp_path / "meta/boot_id").write_text("another")
    assert found(tmp_path, agent).agent_id == AGENT
    grown = msgspec.structs.replace(agent, hostname="other")
    assert found(tmp_path, grown).agent_id is None
