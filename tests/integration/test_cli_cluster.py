"""The commands against a real cluster: run, logs, kill, and what shows it."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import urllib.request
from collections.abc import Iterator

import pytest

from meseta.sdk import Scheduler, Task, TaskState
from tests.integration.command_line import LIMIT_S, LocalCluster, interrupt, local_cluster, until

pytestmark = pytest.mark.xdist_group("cli-cluster")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """One cluster for all tests here; each uses task names of its own."""
    with local_cluster(tmp_path_factory.mktemp("local"), agents=2) as local:
        yield local


def running_task(cluster: LocalCluster, name: str) -> str:
    """Wait until a task with a name runs; return its id."""

    def found() -> list[str]:
        return [
            task["id"] for task in cluster.tasks() if task["name"] == name and task["state"] == "TASK_RUNNING"
        ]

    until(found, f"{name} to run")
    return found()[0]


def test_output_and_status_are_those_of_the_command(cluster: LocalCluster) -> None:
    done = cluster.meseta("run", "-q", "--", "sh", "-c", "printf 'a\\nb'; printf oops >&2; exit 3")
    assert (done.returncode, done.stdout, done.stderr) == (3, "a\nb", "oops")


def test_one_word_is_a_shell_line_and_the_environment_is_set(cluster: LocalCluster) -> None:
    done = cluster.meseta("run", "-q", "--env", "A=1 2", "-e", "B=3", 'echo "$A$B"')
    assert (done.returncode, done.stdout) == (0, "1 23\n")


def test_many_instances_say_who_they_are(cluster: LocalCluster) -> None:
    done = cluster.meseta("run", "-n", "3", "--name", "many", "--", "echo", "hi")
    assert done.returncode == 0
    assert len(re.findall(r"^many-[0-9a-f]{4}-\d \| hi$", done.stdout, re.MULTILINE)) == 3
    assert done.stderr.count("has finished") == 3


def test_a_lot_of_output_arrives_whole(cluster: LocalCluster) -> None:
    done = cluster.meseta("run", "-q", "--", "seq", "1", "60000")
    assert done.stdout.split() == [str(number) for number in range(1, 60001)]


def test_updates_as_json(cluster: LocalCluster) -> None:
    done = cluster.meseta("run", "--json", "--", "echo", "unseen")
    updates = [json.loads(line) for line in done.stdout.splitlines()]
    assert [update["state"] for update in updates][-2:] == ["TASK_RUNNING", "TASK_FINISHED"]
    assert done.stderr == ""


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_kills_the_tasks(cluster: LocalCluster, signum: signal.Signals) -> None:
    name = f"interrupted-{signum.name}"
    running = cluster.start("run", "--name", name, "-n", "2", "--", "sleep", "300")
    running_task(cluster, name)
    assert interrupt(running, signum) == 128 + signum
    assert {task["state"] for task in cluster.tasks() if task["name"] == name} == {"TASK_KILLED"}


def test_what_does_not_fit_is_said(cluster: LocalCluster) -> None:
    running = cluster.start("run", "--cpus", "64", "--", "true")
    assert running.stderr is not None
    assert "too little for 64 CPUs" in running.stderr.readline()
    assert interrupt(running) == 130


def test_only_agents_that_a_filter_wants_are_used(cluster: LocalCluster) -> None:
    done = cluster.meseta("run", "-q", "--where", "cpus >= 0.5 and not has(rack)", "--", "echo", "here")
    assert (done.returncode, done.stdout) == (0, "here\n")


def test_how_to_find_out_why_nothing_is_offered(cluster: LocalCluster) -> None:
    running = cluster.start("run", "--name", "picky", "--where", "cpus >= 64", "--", "true")
    assert running.stderr is not None
    said = running.stderr.readline()
    assert "no agent was offered yet" in said
    framework = re.search(r"meseta explain (\S+)$", said)
    assert framework is not None
    assert "the framework's offer filter" in cluster.meseta("explain", framework[1]).stdout
    assert interrupt(running) == 130


def test_the_master_is_told_what_is_needed(cluster: LocalCluster) -> None:
    before = requests(cluster)
    done = cluster.meseta("run", "-q", "--request", "-n", "2", "--", "true")
    assert done.returncode == 0
    assert requests(cluster) > before


def requests(cluster: LocalCluster) -> float:
    """How often frameworks have said what they need."""
    with urllib.request.urlopen(f"http://{cluster.master}/metrics/snapshot", timeout=LIMIT_S) as answer:
        count: float = json.load(answer)["master/messages_resource_request"]
    return count


def test_logs_of_a_task_that_runs_and_that_has_ended(cluster: LocalCluster) -> None:
    running = cluster.start("run", "-q", "--name", "logged", "echo one; echo two >&2; sleep 300")
    task = running_task(cluster, "logged")
    until(lambda: cluster.meseta("task", "logs", task).stdout == "one\n", "its output")
    assert interrupt(running) == 130
    assert cluster.meseta("task", "logs", task, "--follow").stdout == "one\n"
    as_json = json.loads(cluster.meseta("task", "logs", task, "--stderr", "--json").stdout)
    assert (as_json["id"], as_json["stderr"]) == (task, "two\n")


def test_logs_of_tasks_of_a_group(cluster: LocalCluster) -> None:
    async def body() -> None:
        tasks = [
            Task(id=f"group-{name}", command=f"echo I am {name}; sleep 300", cpus=0.1, mem=32)
            for name in ("a", "b")
        ]
        async with Scheduler(cluster.master, name="group") as scheduler:
            offer = await anext(scheduler.offers())
            handles = await offer.launch_group(tasks, executor_id="pod")
            for name, handle in zip(("a", "b"), handles, strict=True):
                await handle.wait_for(TaskState.TASK_RUNNING)
                await asyncio.to_thread(
                    until, lambda name=name: logs_of(f"group-{name}") == f"I am {name}\n", "its output"
                )

    def logs_of(task_id: str) -> str:
        return cluster.meseta("task", "logs", task_id).stdout

    asyncio.run(body())


def test_a_task_that_is_not_there(cluster: LocalCluster) -> None:
    for command in ("logs", "kill"):
        done = cluster.meseta("task", command, "nobody")
        assert done.returncode == 1
        assert "there is no task 'nobody'" in done.stderr


def test_kill_signals_the_container_of_a_task(cluster: LocalCluster) -> None:
    running = cluster.start("run", "-q", "--name", "victim", "--", "sleep", "300")
    task = running_task(cluster, "victim")
    done = cluster.meseta("task", "kill", task)
    assert (done.returncode, done.stdout) == (0, f"sent SIGTERM to task {task}\n")
    assert running.wait(LIMIT_S) == 128 + signal.SIGTERM
    again = cluster.meseta("task", "kill", task)
    assert again.returncode == 1
    assert "has ended already" in again.stderr


def test_kill_knows_its_signals(cluster: LocalCluster) -> None:
    done = cluster.meseta("task", "kill", "any", "--signal", "NOPE")
    assert (done.returncode, "no signal" in done.stderr) == (2, True)


def test_everything_can_be_shown(cluster: LocalCluster) -> None:
    running = cluster.start(
        "run", "-q", "--name", "shown", "--cpus", "1.5", "--mem", "1024", "--", "sleep", "300"
    )
    task = running_task(cluster, "shown")
    try:
        assert "1.5 / 3  1 GB / 6 GB" in cluster.meseta("agents").stdout
        assert re.search(r"shown +\S+ +\* +active +1 +1.5 +1 GB", cluster.meseta("frameworks").stdout)
        assert f"{task}  shown" in cluster.meseta("tasks").stdout
        assert "cpus 1.5, " in cluster.meseta("roles").stdout
        assert cluster.meseta("offers").stdout.startswith("ID ")
        assert "Agents: 2 active" in cluster.meseta("state").stdout
        for command in ("agents", "frameworks", "tasks", "roles", "offers", "state"):
            json.loads(cluster.meseta(command, "--json").stdout)
    finally:
        interrupt(running)


def test_why_a_framework_is_offered_nothing(cluster: LocalCluster) -> None:
    running = cluster.start("run", "-q", "--name", "greedy", "--cpus", "64", "--", "true")
    try:
        until(lambda: "greedy" in cluster.meseta("frameworks").stdout, "the framework")
        until(lambda: "REFUSED" in cluster.meseta("explain", "greedy").stdout, "its refusals")
        (row,) = cluster.meseta("explain", "greedy").stdout.splitlines()[1:]
        assert re.match(r"\* +2 +REFUSED +the framework has refused what is free on the agent +\d+s", row)
        one = json.loads(cluster.meseta("agents", "--json").stdout)[0]["id"]
        done = cluster.meseta("explain", "greedy", "--agent", one, "--role", "*", "--json")
        assert [skip["agent_id"] for skip in json.loads(done.stdout)["skips"]] == [one]
        wrong = cluster.meseta("explain", "greedy", "--role", "eng")
        assert (wrong.returncode, "is not in role 'eng' but in *" in wrong.stderr) == (1, True)
    finally:
        interrupt(running)
