"""Health checks, garbage, guests, draining, environments, paths, metrics."""

from __future__ import annotations

import pytest

from meseta.agent import paths
from meseta.agent.agent import HANDLERS
from meseta.agent.effects import (
    DestroyContainer,
    RemoveContainer,
    RemovePath,
    Reply,
    RunCheck,
    SampleDiskUsage,
    SignalContainer,
    StartContainer,
)
from meseta.agent.environment import duration_text
from meseta.agent.events import (
    AgentEvent,
    CheckFinished,
    ContainerExited,
    ContainerKillRequested,
    ContainerLaunchRequested,
    ContainerRemovalRequested,
    ContainerStarted,
    ContainerWaitRequested,
    DiskUsageSampled,
    DrainReceived,
)
from meseta.agent.views import allocated, containers, metrics
from meseta.ids import ContainerId
from meseta.records import (
    CommandInfo,
    FrameworkCapability,
    HealthCheck,
    HealthCheckType,
    TaskReason,
    TaskState,
)
from meseta.resources import Resources
from tests.unit.agent.agent_kit import AGENT, FRAMEWORK, MASTER, Book, command_task, framework


@pytest.fixture
def book() -> Book:
    return Book().register()


def start(book: Book, **changes: object) -> ContainerId:
    book.run(command_task(**changes))
    plan = book.only(StartContainer).plan
    book.start()
    book.acknowledge()
    return plan.container_id


def test_every_event_has_a_handler() -> None:
    assert set(AgentEvent.__args__) == set(HANDLERS)


# health


def checked(book: Book, fault: str | None) -> None:
    book.do(CheckFinished(check=book.only(RunCheck).check, fault=fault))


def test_health_is_reported_first_and_when_it_changes(book: Book) -> None:
    check = HealthCheck(type=HealthCheckType.TCP, port=80, delay_s=1.0, interval_s=2.0)
    start(book, health_check=check)
    book.wait(1.0)
    assert book.only(RunCheck).port == 80
    checked(book, None)
    status = book.updates()[0].status
    assert (status.state, status.healthy) == (TaskState.TASK_RUNNING, True)
    assert status.reason is TaskReason.REASON_TASK_HEALTH_CHECK_STATUS_UPDATED
    book.acknowledge()
    book.wait(2.0)
    checked(book, None)
    assert not book.updates()
    book.wait(2.0)
    checked(book, "refused")
    assert book.updates()[0].status.healthy is False


def test_too_many_failures_kill_the_task(book: Book) -> None:
    command = CommandInfo(value="./check")
    check = HealthCheck(
        type=HealthCheckType.COMMAND,
        command=command,
        delay_s=0.0,
        interval_s=4.0,
        grace_period_s=3.0,
        consecutive_failures=2,
    )
    container = start(book, health_check=check)
    book.wait(0.0)
    assert book.only(RunCheck).argv == ("/bin/sh", "-c", "./check")
    checked(book, "early")
    assert not book.updates()
    for _ in range(2):
        assert not book.all(SignalContainer)
        book.wait(4.0)
        checked(book, "exit 1")
        book.acknowledge()
    assert book.only(SignalContainer).container_id == container
    book.do(ContainerExited(container_id=container, wait_status=15))
    status = book.updates()[0].status
    assert (status.state, status.healthy) == (TaskState.TASK_KILLED, False)


def test_an_http_check_asks_the_address_of_the_task(book: Book) -> None:
    check = HealthCheck(type=HealthCheckType.HTTP, port=8080, path="/ok", delay_s=0.0)
    start(book, health_check=check)
    book.wait(0.0)
    assert book.only(RunCheck).url == "http://127.0.0.1:8080/ok"


# garbage


def end(book: Book, container: ContainerId) -> None:
    book.do(ContainerExited(container_id=container, wait_status=0))
    book.acknowledge()


def test_old_sandboxes_go_sooner_when_the_disk_is_full(book: Book) -> None:
    end(book, start(book))
    book.wait(60.0)
    book.only(SampleDiskUsage)
    book.do(DiskUsageSampled(0.1))
    assert not book.all(RemovePath)
    book.do(DiskUsageSampled(0.95))
    removed = [effect.path for effect in book.all(RemovePath)]
    assert removed[-1] == paths.framework_dir(AGENT, FRAMEWORK)
    assert book.agent.state.collected == len(removed)
    assert removed[0].startswith(f"{removed[-1]}/executors/t1/runs/")


def test_a_framework_that_comes_back_keeps_its_directories(book: Book) -> None:
    end(book, start(book))
    start(book)
    book.do(DiskUsageSampled(1.0))
    removed = [effect.path for effect in book.all(RemovePath)]
    assert len(removed) == 1
    assert "/runs/" in removed[0]


# guests


def test_a_nested_container_runs_is_waited_for_and_removed(book: Book) -> None:
    nested = ContainerId(f"{start(book)}.debug")
    book.do(ContainerLaunchRequested(request=1, container_id=nested, command=CommandInfo(value="sh")))
    assert not book.all(Reply)
    assert book.only(StartContainer).plan.sandbox.path.endswith("/containers/debug")
    book.do(ContainerStarted(container_id=nested, pid=9))
    assert book.only(Reply) == Reply(request=1)
    book.do(ContainerWaitRequested(request=2, container_id=nested))
    book.do(ContainerRemovalRequested(request=3, container_id=nested))
    assert book.only(Reply).code == 500
    book.do(ContainerKillRequested(request=4, container_id=nested, signal=2))
    assert book.only(SignalContainer).signal == 2
    book.do(ContainerExited(container_id=nested, wait_status=2))
    assert book.only(Reply) == Reply(request=2, wait_status=2)
    book.do(ContainerWaitRequested(request=5, container_id=nested))
    assert book.only(Reply) == Reply(request=5, wait_status=2)
    book.do(ContainerRemovalRequested(request=6, container_id=nested))
    assert book.only(RemoveContainer).container_id == nested
    book.do(ContainerWaitRequested(request=7, container_id=nested))
    assert book.only(Reply).code == 404


def test_a_standalone_container_and_bad_requests(book: Book) -> None:
    alone = ContainerId("alone")
    book.do(ContainerLaunchRequested(request=1, container_id=alone))
    assert book.only(StartContainer).plan.sandbox.path.endswith("/containers/alone")
    book.do(ContainerLaunchRequested(request=2, container_id=ContainerId("nobody.child")))
    assert book.only(Reply).code == 400
    book.do(ContainerKillRequested(request=3, container_id=ContainerId("nobody")))
    assert book.only(Reply).code == 404
    book.do(ContainerRemovalRequested(request=4, container_id=ContainerId("nobody")))
    assert book.only(Reply).code == 200


def test_nested_containers_end_with_their_parent(book: Book) -> None:
    parent = start(book)
    nested = ContainerId(f"{parent}.debug")
    book.do(ContainerLaunchRequested(request=1, container_id=nested))
    book.do(ContainerStarted(container_id=nested, pid=9))
    book.do(ContainerExited(container_id=parent, wait_status=0))
    assert book.only(DestroyContainer).container_id == nested


# draining


def test_draining_kills_all_and_refuses_more_until_empty(book: Book) -> None:
    container = start(book)
    book.do(DrainReceived(sender=MASTER, max_grace_period_s=1.0))
    book.only(SignalContainer)
    book.run(command_task("t2"))
    assert book.updates()[0].status.reason is TaskReason.REASON_AGENT_DRAINING
    book.wait(1.1)
    book.only(DestroyContainer)
    book.do(ContainerExited(container_id=container, wait_status=9))
    status = book.updates()[0].status
    assert (status.state, status.reason) == (TaskState.TASK_KILLED, TaskReason.REASON_AGENT_DRAINING)
    book.acknowledge()
    assert book.agent.state.draining is None


def test_draining_for_good_says_so(book: Book) -> None:
    book.run(command_task(), framework(False, FrameworkCapability.PARTITION_AWARE))
    container = book.only(StartContainer).plan.container_id
    book.start()
    book.acknowledge()
    book.do(DrainReceived(sender=MASTER, mark_gone=True))
    book.do(ContainerExited(container_id=container, wait_status=15))
    assert book.states() == [TaskState.TASK_GONE_BY_OPERATOR]


# environments


def test_the_environment_is_that_of_mesos() -> None:
    book = Book(libprocess_ip="127.0.0.1").register()
    book.run(command_task("1"), framework(True))
    plan = book.only(StartContainer).plan
    directory = plan.sandbox.path
    assert dict(plan.environment) == {
        "LIBPROCESS_IP": "127.0.0.1",
        "LIBPROCESS_PORT": "0",
        "MESOS_AGENT_ENDPOINT": "10.0.0.1:5051",
        "MESOS_CHECKPOINT": "1",
        "MESOS_DIRECTORY": directory,
        "MESOS_EXECUTOR_ID": "1",
        "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD": "5secs",
        "MESOS_FRAMEWORK_ID": FRAMEWORK,
        "MESOS_HTTP_COMMAND_EXECUTOR": "0",
        "MESOS_RECOVERY_TIMEOUT": "15mins",
        "MESOS_SANDBOX": directory,
        "MESOS_SLAVE_ID": AGENT,
        "MESOS_SLAVE_PID": "slave(1)@10.0.0.1:5051",
        "MESOS_SUBSCRIPTION_BACKOFF_MAX": "2secs",
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    }


def test_a_tasks_own_variables_win(book: Book) -> None:
    command = CommandInfo(value="env", environment=(("PATH", "/mine"), ("X", "1")))
    book.run(command_task(command=command))
    environment = dict(book.only(StartContainer).plan.environment)
    assert (environment["PATH"], environment["X"]) == ("/mine", "1")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0ns"),
        (5, "5secs"),
        (900, "15mins"),
        (0.5, "500ms"),
        (1.5, "1500ms"),
        (90, "90secs"),
        (864000, "10days"),
        (604800, "1weeks"),
        (-2, "-2secs"),
    ],
)
def test_durations_read_as_mesos_writes_them(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


# views


def test_what_is_used_is_shown(book: Book) -> None:
    container = start(book)
    assert allocated(book.agent.state) == Resources.scalars(cpus=1, mem=32)
    (view,) = containers(book.agent.state)
    assert (view.container_id, view.pid) == (container, 100)
    values = metrics(book.agent.state)
    assert values["slave/tasks_running"] == 1
    assert values["slave/cpus_percent"] == 1 / 8
    assert values["slave/mem_used"] == 32
    end(book, container)
    assert metrics(book.agent.state)["slave/tasks_finished"] == 1
