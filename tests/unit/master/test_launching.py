"""Launching: every refusal with Mesos's sentence, executors shared and charged once, groups all or none."""

from __future__ import annotations

import math
from typing import Any

import pytest

from meseta.ids import FrameworkId, OperationId, TaskId
from meseta.master import effects
from meseta.records import ExecutorType, Launch, LaunchGroup, TaskGroupInfo, TaskInfo
from meseta.resources import Disk, Kind, Ranges, Reservation, Resources, ValueType
from tests.unit.master.master_kit import (
    STREAM,
    Playground,
    executor,
    pid_of,
    refusals,
    replaced,
    states,
    task,
    told,
    told_agent,
)

OFFER = "cpus(allocated: web):4; mem(allocated: web):4096; disk(allocated: web):1000"


def launch_one(play: Playground, change: Any = None, **fields: Any) -> list[Any]:
    """Launch one task of whatever kind from a fresh offer."""
    framework_id, agent_id = play.subscribe(), play.register()
    (offer,) = play.offers(framework_id)
    info = task("t1", agent_id, **fields)
    return play.launch(framework_id, offer, replaced(info, **change) if change else info)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"task_id": TaskId("a/b")}, "'a/b' contains invalid characters"),
        ({"task_id": TaskId("..")}, "'..' is disallowed"),
        ({"task_id": TaskId("")}, "ID must not be empty"),
        ({"task_id": TaskId("x" * 256)}, "ID must not be greater than 255 characters"),
        ({"task_id": TaskId("a\tb")}, "'a\tb' contains invalid characters"),
        ({"agent_id": "other-S9"}, "Task uses invalid agent other-S9 while agent m-S0 is expected"),
        ({"fault": "Task's 'kill_policy.grace_period' must be non-negative"}, None),
        ({"resources": Resources.EMPTY}, "Task uses no resources"),
        (
            {"has_command": False},
            "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present",
        ),
        (
            {"executor": executor("e")},
            "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present",
        ),
        ({"limits": (("cpus", 2.0),)}, "Agent is not capable of handling task resource limits"),
        (
            {"resources": Resources.scalars(cpus=1000, mem=32)},
            "Total resources cpus(allocated: web):1000; mem(allocated: web):32 required by task and its"
            f" executor is more than available {OFFER}",
        ),
        (
            {"allocation_role": "other"},
            "Total resources cpus(allocated: other):1; mem(allocated: other):128 required by task and its"
            f" executor is more than available {OFFER}",
        ),
    ],
)
def test_an_invalid_task_is_an_error(change: dict[str, Any], fault: str | None) -> None:
    play = Playground()
    done = launch_one(play, change)
    (update,) = told(done, STREAM, effects.Updated)
    status = update.update.status
    assert (status.state.name, status.message) == ("TASK_ERROR", fault or change["fault"])
    assert status.reason is not None
    assert status.reason.name == "REASON_TASK_INVALID"
    assert (status.uuid, update.update.uuid) == (None, None)
    assert not play.state.frameworks[FrameworkId("m-0000")].tasks
    assert play.state.counters["master/tasks_error"] == 1


GPUS = Resources.scalars(cpus=1, gpus=0.5)
MIXED = Resources.of([(Kind("cpus"), 1000), (Kind("cpus", revocable=True), 1000)])
VOLUME = Kind(
    "disk",
    reservations=(Reservation("web", dynamic=True),),
    disk=Disk(persistence_id="v", container_path="data", mode="RW"),
)
TWO_VOLUMES = Resources.of([(VOLUME, 1000), (VOLUME, 2000)])
BAD_GPUS = "Invalid 'gpus' resource: The 'gpus' resource must be an unsigned integer"
BAD_MIX = "Cannot use both revocable and non-revocable 'cpus' at the same time"
BAD_VOLUMES = "Persistence ID 'v' is not unique"
ONE_PORT = Resources.of([(Kind("ports", ValueType.RANGES), Ranges.from_pairs([(80, 80)]))])


@pytest.mark.parametrize(
    ("resources", "fault"),
    [
        (GPUS, f"Task uses invalid resources: {BAD_GPUS}"),
        (TWO_VOLUMES, f"Task uses duplicate persistence ID: {BAD_VOLUMES}"),
        (MIXED, f"Task mixes revocable and non-revocable resources: {BAD_MIX}"),
    ],
)
def test_what_a_task_uses_must_fit_together(resources: Resources, fault: str) -> None:
    change = {"resources": resources, "contents_fault": "looked at later"}
    assert refusals(launch_one(Playground(), change)) == [fault]


def test_how_a_volume_is_mounted_is_judged_for_each_task() -> None:
    """The algebra takes these for equal; so what was said of one must not be said of the next."""
    used = "Task uses invalid resources: Invalid DiskInfo: Expecting 'host_path' to be unset"
    for host_path, refused in ((None, False), ("/etc", True), (None, False)):
        mounted = VOLUME.replace(disk=Disk("mount-judged", None, "data", host_path, "RW"))
        (fault,) = refusals(launch_one(Playground(), {"resources": Resources.of([(mounted, 1000)])}))
        assert fault.startswith(used) == refused
        assert fault.startswith("Total resources") != refused


@pytest.mark.parametrize(
    ("of_task", "of_executor", "fault"),
    [
        (ONE_PORT, GPUS, f"Executor uses invalid resources: {BAD_GPUS}"),
        (
            ONE_PORT,
            ONE_PORT,
            "There are overlapping resources in the task resources ports:[80-80]"
            " and executor resources ports:[80-80]",
        ),
        (
            Resources.of([(VOLUME, 1000)]),
            Resources.of([(VOLUME, 2000)]),
            f"Task and its executor use duplicate persistence ID: {BAD_VOLUMES}",
        ),
        (
            Resources.scalars(cpus=1),
            Resources.of([(Kind("cpus", revocable=True), 1000)]),
            f"Task and its executor mix revocable and non-revocable resources: {BAD_MIX}",
        ),
    ],
)
def test_a_task_and_its_executor_must_fit_together(
    of_task: Resources, of_executor: Resources, fault: str
) -> None:
    info = replaced(executor("e"), resources=of_executor)
    change = {"resources": of_task, "executor": info, "has_command": False}
    assert refusals(launch_one(Playground(), change)) == [fault]


@pytest.mark.parametrize(
    ("limits", "fault"),
    [
        ((("disk", 1.0),), "Only cpus and mem may be included in a task's resource limits"),
        ((("cpus", 0.5),), "The cpu limit must be greater than or equal to the cpu request"),
        ((("mem", 1.0),), "The memory limit must be greater than or equal to the memory request"),
        ((("cpus", 2.0), ("mem", math.inf)), None),
    ],
)
def test_limits_are_at_least_what_is_requested(
    limits: tuple[tuple[str, float], ...], fault: str | None
) -> None:
    play = Playground()
    framework_id = play.subscribe()
    agent_id = play.register(capabilities=frozenset({"MULTI_ROLE", "TASK_RESOURCE_LIMITS"}))
    (offer,) = play.offers(framework_id)
    done = play.launch(framework_id, offer, task("t1", agent_id, limits=limits))
    assert refusals(done) == ([fault] if fault is not None else [])


def test_with_one_task_of_malformed_resources_nothing_of_an_operation_is_done() -> None:
    play = Playground()
    framework_id, agent_id = play.subscribe(), play.register()
    (offer,) = play.offers(framework_id)
    malformed = task("t2", agent_id, resources_fault="no resources")
    assert refusals(play.launch(framework_id, offer, task("t1", agent_id), malformed)) == ["no resources"] * 2


def test_what_only_the_agent_needs_is_sent_and_not_kept() -> None:
    play = Playground()
    own = executor("e1", raw=b"e" * 5000)
    done = launch_one(play, raw=b"r" * 9000, brief=b"b", container=b"c", executor=own)
    (sent,) = told_agent(done, pid_of("a1"), effects.RunTask)
    assert (sent.task.raw, sent.task.container, sent.task.executor) == (b"r" * 9000, b"c", own)
    kept = play.state.frameworks[FrameworkId("m-0000")].tasks[TaskId("t1")].info
    assert isinstance(kept, TaskInfo)
    assert (kept.raw, kept.brief, kept.container, kept.executor) == (b"b", b"", b"", None)


def test_a_task_id_may_have_a_space() -> None:
    assert states(launch_one(Playground(), {"task_id": TaskId("sp ace")})) == []


def test_of_two_tasks_with_one_id_the_first_runs() -> None:
    play = Playground()
    framework_id, agent_id = play.subscribe(), play.register()
    (offer,) = play.offers(framework_id)
    done = play.launch(framework_id, offer, task("t1", agent_id), task("t1", agent_id))
    assert refusals(done) == ["Task has duplicate ID: t1"]
    assert len(told_agent(done, pid_of("a1"), effects.RunTask)) == 1


def test_launch_operations_cannot_have_ids() -> None:
    play = Playground()
    framework_id, agent_id = play.subscribe(), play.register()
    (offer,) = play.offers(framework_id)
    launch = Launch(tasks=(task("t1", agent_id),), id=OperationId("op"))
    done = play.accept(framework_id, [offer], launch)
    assert refusals(done) == ["The `id` field cannot be set on LAUNCH operations"]


def executor_task(task_id: str, **executor_fields: Any) -> TaskInfo:
    return task(task_id, "m-S0", executor=executor("e1", **executor_fields))  # type: ignore[arg-type]


def test_an_executor_is_charged_once() -> None:
    play = Playground()
    framework_id, agent_id = play.subscribe(), play.register()
    (offer,) = play.offers(framework_id)
    done = play.launch(framework_id, offer, executor_task("t1"), executor_task("t2"))
    runs = told_agent(done, pid_of("a1"), effects.RunTask)
    assert [run.launch_executor for run in runs] == [True, False]
    assert list(play.state.agents[agent_id].executors[framework_id]) == ["e1"]
    (again,) = play.offers(framework_id, seconds=7)
    assert again.resources == Resources.scalars(cpus=4 - 2 - 0.5, mem=4096 - 256 - 64, disk=990)
    assert again.executor_ids == ("e1",)


def test_another_executor_of_the_same_id_is_refused() -> None:
    play = Playground()
    framework_id = play.subscribe()
    play.register()
    (offer,) = play.offers(framework_id)
    done = play.launch(framework_id, offer, executor_task("t1"), executor_task("t2", name="other"))
    (message,) = refusals(done)
    assert message is not None
    assert message.startswith(
        "ExecutorInfo is not compatible with existing ExecutorInfo with same ExecutorID"
    )


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        (
            {"framework_id": "x"},
            "ExecutorInfo has an invalid FrameworkID (Actual: x vs Expected: m-0000)",
        ),
        ({"type": ExecutorType.DEFAULT}, "'ExecutorInfo.type' must be 'CUSTOM'"),
        ({"fault": "Executor uses invalid resources: x"}, "Executor uses invalid resources: x"),
    ],
)
def test_an_invalid_executor_is_an_error(fields: dict[str, Any], fault: str) -> None:
    play = Playground()
    framework_id = play.subscribe()
    play.register()
    (offer,) = play.offers(framework_id)
    assert refusals(play.launch(framework_id, offer, executor_task("t1", **fields))) == [fault]


def group(
    *tasks: TaskInfo, cpus: float = 0.1, mem: float = 32, disk: float = 32, **fields: Any
) -> LaunchGroup:
    pod = executor("pod", cpus, mem, disk, **{"type": ExecutorType.DEFAULT, **fields})
    return LaunchGroup(executor=pod, group=TaskGroupInfo(tasks=tasks))


def launch_pod(play: Playground, operation: LaunchGroup) -> list[Any]:
    framework_id = play.subscribe()
    play.register()
    (offer,) = play.offers(framework_id)
    return play.accept(framework_id, [offer], operation)


def pod_task(task_id: str, cpus: float = 0.5) -> TaskInfo:
    return task(task_id, "m-S0", cpus=cpus, mem=32)  # type: ignore[arg-type]


def test_a_group_starts_together() -> None:
    play = Playground()
    done = launch_pod(play, group(pod_task("g1"), pod_task("g2")))
    (run,) = told_agent(done, pid_of("a1"), effects.RunTaskGroup)
    assert [t.task_id for t in run.group.tasks] == ["g1", "g2"]
    assert (run.executor.executor_id, run.role, run.launch_executor) == ("pod", "web", True)
    framework = play.state.frameworks[FrameworkId("m-0000")]
    assert {t.executor_id for t in framework.tasks.values()} == {"pod"}


@pytest.mark.parametrize(
    ("operation", "fault"),
    [
        (
            group(pod_task("g1"), pod_task("g2", cpus=1000)),
            "Total resources cpus(allocated: web):1000.6; mem(allocated: web):96; disk(allocated: web):32"
            f" required by task group and its executor are more than available {OFFER}",
        ),
        (group(pod_task("g1"), pod_task("g1")), "Task 'g1' is invalid: Task has duplicate ID: g1"),
        (group(pod_task("g1"), pod_task("a/b")), "Task 'a/b' is invalid: 'a/b' contains invalid characters"),
        (
            group(pod_task("g1"), cpus=0, mem=32),
            "Executor 'pod' uses less CPUs (None) than the minimum required (0.01)",
        ),
        (
            group(pod_task("g1"), mem=16),
            "Executor 'pod' uses less memory (16MB) than the minimum required (32MB)",
        ),
        (
            group(pod_task("g1"), mem=16.5),
            "Executor 'pod' uses less memory (16896KB) than the minimum required (32MB)",
        ),
        (group(pod_task("g1"), disk=0), "Executor 'pod' uses no disk"),
        (
            group(replaced(pod_task("g1"), resources=ONE_PORT), replaced(pod_task("g2"), resources=ONE_PORT)),
            "There are overlapping resources in the task group's task resources"
            " [ ports:[80-80], ports:[80-80] ] and/or executor resources cpus:0.1; mem:32; disk:32",
        ),
        (group(pod_task("g1"), type=ExecutorType.UNKNOWN), "Unknown executor type"),
    ],
)
def test_one_fault_refuses_the_whole_group(operation: LaunchGroup, fault: str) -> None:
    play = Playground()
    done = launch_pod(play, operation)
    assert refusals(done) == [fault] * len(operation.group.tasks)
    reasons = {u.update.status.reason.name for u in told(done, STREAM, effects.Updated)}
    assert reasons == {"REASON_TASK_GROUP_INVALID"}
    assert not play.state.frameworks[FrameworkId("m-0000")].tasks


def test_an_empty_group_is_nothing() -> None:
    play = Playground()
    assert launch_pod(play, group()) == []
    assert not play.state.agents["m-S0"].executors  # type: ignore[index]


class Strict:
    """Lets nobody run anything."""

    def approves(self, action: str, subject: str | None, object: str | None, /) -> bool:
        return action != "run_tasks"


def test_tasks_must_be_authorized() -> None:
    play = Playground()
    play.state.approvers = Strict()
    (update,) = told(launch_one(play), STREAM, effects.Updated)
    reason = update.update.status.reason
    assert reason is not None
    assert reason.name == "REASON_TASK_UNAUTHORIZED"
