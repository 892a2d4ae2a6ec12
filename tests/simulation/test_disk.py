"""What a crash leaves on the simulated disks."""

from __future__ import annotations

import random
from functools import partial

from meseta.agent import paths
from meseta.agent.effects import (
    AgentCheckpoint,
    Checkpoint,
    ExecutorCheckpoint,
    FrameworkCheckpoint,
    RemovePath,
    TaskCheckpoint,
    TaskReport,
    TextCheckpoint,
    UpdateCheckpoint,
)
from meseta.agent.events import Recovered, RecoveredContainer
from meseta.ids import AgentId, ContainerId, ExecutorId, FrameworkId, TaskId
from meseta.master.registry import AdmitAgent, MarkReachable, MarkUnreachable, RemoveAgent
from meseta.records import (
    AgentInfo,
    ExecutorInfo,
    FrameworkInfo,
    StatusUpdate,
    TaskInfo,
    TaskRecord,
    TaskState,
    TaskStatus,
)
from meseta.resources import Resources
from meseta.sim.disk import Disk, Latency, Registry, WorkDirectory
from meseta.sim.trace import Trace
from meseta.sim.world import World

AGENT, FRAMEWORK, EXECUTOR = AgentId("S0"), FrameworkId("F"), ExecutorId("e")
INFO = AgentInfo(hostname="h", port=1, resources=Resources.EMPTY, id=AGENT)
TASK = TaskInfo(task_id=TaskId("t"), name="t", agent_id=AGENT, resources=Resources.EMPTY)


class Writes:
    """Numbers that were asked to be written, that are durable, and that were told to be."""

    def __init__(self, seed: int) -> None:
        self.world = World(seed, Trace(on=False))
        self.disk = Disk(self.world, Latency(mean_s=1.0), random.Random(seed))
        self.durable: list[int] = []
        self.told: list[int] = []

    def write(self, number: int) -> None:
        self.disk.write(partial(self.durable.append, number), partial(self.told.append, number))


def test_writes_land_in_order_and_a_crash_leaves_a_beginning() -> None:
    kept = set()
    for seed in range(50):
        writes = Writes(seed)
        for number in range(5):
            writes.write(number)
        writes.world.run(1.0)
        before = list(writes.told)
        writes.disk.crash()
        writes.write(9)
        writes.world.run(100.0)
        assert writes.told == [*before, 9]
        assert writes.durable[:-1] == list(range(len(writes.durable) - 1))
        kept.add(len(writes.durable) - len(writes.told))
    assert kept >= {0, 1, 2}


def test_a_registry_knows_who_is_admitted_and_who_is_unreachable() -> None:
    registry = Registry()
    registry.apply(AdmitAgent(INFO))
    assert registry.recovered().agents == (INFO,)
    registry.apply(MarkUnreachable(AGENT, 7.0))
    assert (registry.recovered().agents, registry.recovered().unreachable) == ((), ((AGENT, 7.0),))
    registry.apply(MarkReachable(INFO))
    assert (registry.recovered().agents, registry.recovered().unreachable) == ((INFO,), ())
    registry.apply(RemoveAgent(AGENT))
    assert registry.recovered().agents == ()


def write(files: WorkDirectory, path: str, record: object) -> None:
    files.apply(Checkpoint(path=path, record=record))  # type: ignore[arg-type]


def update(state: TaskState, uuid: bytes) -> UpdateCheckpoint:
    status = TaskStatus(task_id=TASK.task_id, state=state, uuid=uuid)
    whole = StatusUpdate(
        framework_id=FRAMEWORK, executor_id=EXECUTOR, agent_id=AGENT, status=status, timestamp=1.0, uuid=uuid
    )
    return UpdateCheckpoint(update=whole)


def run_task(files: WorkDirectory, container: str) -> str:
    run = ContainerId(container)
    task_dir = paths.task_dir(AGENT, FRAMEWORK, EXECUTOR, run, TASK.task_id)
    record = TaskRecord(
        task_id=TASK.task_id,
        name="t",
        framework_id=FRAMEWORK,
        agent_id=AGENT,
        executor_id=None,
        state=TaskState.TASK_STAGING,
        resources=Resources.EMPTY,
        allocation_role=None,
    )
    write(files, f"{task_dir}/task.info", TaskCheckpoint(TaskReport(record, TASK)))
    return task_dir


def filled() -> WorkDirectory:
    files = WorkDirectory()
    executor = ExecutorInfo(executor_id=EXECUTOR, resources=Resources.EMPTY)
    write(files, paths.agent_info(AGENT), AgentCheckpoint(INFO))
    framework = FrameworkInfo(user="u", name="n", id=FRAMEWORK)
    write(files, paths.framework_info(AGENT, FRAMEWORK), FrameworkCheckpoint(framework))
    path = paths.executor_info(AGENT, FRAMEWORK, EXECUTOR)
    write(files, path, ExecutorCheckpoint(executor=executor, command_task=True))
    return files


def test_a_fresh_directory_holds_nothing() -> None:
    container = RecoveredContainer(container_id=ContainerId("c"), pid=1)
    assert WorkDirectory().recovered((container,)) == Recovered(containers=(container,))


def test_the_latest_run_is_found_with_its_tasks_and_updates() -> None:
    files = filled()
    run_task(files, "c1")
    task_dir = run_task(files, "c2")
    running = update(TaskState.TASK_RUNNING, b"r" * 16)
    write(files, f"{task_dir}/task.updates", running)
    write(files, f"{task_dir}/task.updates", UpdateCheckpoint(acknowledged=b"r" * 16))
    found = files.recovered(())
    assert found.agent_id == AGENT
    (executor,) = found.frameworks[0].executors
    assert (executor.container_id, executor.command_task, executor.completed) == ("c2", True, False)
    (task,) = executor.tasks
    assert task.info is TASK
    assert running.update is not None
    assert task.updates == (running.update.status,)
    assert task.acknowledged == (b"r" * 16,)


def test_what_is_settled_or_removed_is_not_taken_up() -> None:
    files = filled()
    run_task(files, "c1")
    sentinel = paths.sentinel(AGENT, FRAMEWORK, EXECUTOR, ContainerId("c1"))
    write(files, sentinel, TextCheckpoint())
    assert files.recovered(()).frameworks[0].executors[0].completed
    files.apply(RemovePath(f"{paths.META}/{paths.framework_dir(AGENT, FRAMEWORK)}"))
    assert files.recovered(()).frameworks == ()
