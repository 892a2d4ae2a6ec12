"""`meseta task logs` and `meseta task kill`."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import Annotated, Any

import typer

from meseta.cli.endpoint import Cluster
from meseta.cli.faults import NotFoundError
from meseta.cli.options import DEFAULT_MASTER, Json, Master
from meseta.cli.sandboxes import SandboxFile, sandbox_path
from meseta.cli.show import print_json
from meseta.cli.tasks import ENDED, TASKS_MAX, is_of
from meseta.runtime import loop
from meseta.wire.gen import agent_pb2, mesos_pb2
from meseta.wire.json import from_dict

app = typer.Typer(add_completion=False, help="What a task has written, and its end.", no_args_is_help=True)

FOLLOW_INTERVAL_S = 0.5

TaskId = Annotated[str, typer.Argument(metavar="TASK_ID", help="As 'meseta tasks --all' shows it.")]
FrameworkId = Annotated[
    str,
    typer.Option(
        "--framework",
        "-f",
        metavar="ID",
        help="Its framework, if several have a task of that name: the id, or its end.",
    ),
]


@app.command()
def logs(
    task_id: TaskId,
    master: Master = DEFAULT_MASTER,
    framework: FrameworkId = "",
    stderr: Annotated[bool, typer.Option("--stderr", help="Print stderr instead of stdout.")] = False,
    follow: Annotated[bool, typer.Option("--follow", "-F", help="Go on until the task has ended.")] = False,
    as_json: Json = False,
) -> None:
    """Print what a task has written."""
    name = "stderr" if stderr else "stdout"
    loop.run(_logs(master, task_id, framework, name, follow=follow and not as_json, as_json=as_json))


@app.command()
def kill(
    task_id: TaskId,
    master: Master = DEFAULT_MASTER,
    framework: FrameworkId = "",
    signal_name: Annotated[str, typer.Option("--signal", metavar="NAME", help="TERM, KILL, …")] = "TERM",
    as_json: Json = False,
) -> None:
    """Send a signal to the container of a task.

    Its framework is not asked, and may well start the task again.
    """
    loop.run(_kill(master, task_id, framework, _signal_number(signal_name), as_json=as_json))


async def _logs(master: str, task_id: str, framework: str, name: str, *, follow: bool, as_json: bool) -> None:
    async with Cluster(master) as cluster:
        task = await _find(cluster, task_id, framework)
        path = sandbox_path(task["framework_id"], task["executor_id"] or task["id"], _container_id(task))
        file = SandboxFile(cluster, task["slave_id"], f"{path}/{name}")
        data = await file.read_rest()
        if not file.exists:
            raise NotFoundError(
                f"there is no {name} of task {task['id']} on its agent: either it has not started yet, "
                "or the agent has removed its sandbox (--gc_delay)"
            )
        if as_json:
            print_json(
                {"id": task["id"], "framework_id": task["framework_id"], name: data.decode(errors="replace")}
            )
            return
        _write(data)
        while follow:
            task = await _find(cluster, task["id"], task["framework_id"])
            _write(await file.read_rest())
            follow = task["state"] not in ENDED
            await asyncio.sleep(FOLLOW_INTERVAL_S if follow else 0)


async def _kill(master: str, task_id: str, framework: str, signum: int, *, as_json: bool) -> None:
    async with Cluster(master) as cluster:
        task = await _find(cluster, task_id, framework)
        container = _container_id(task)
        if task["state"] in ENDED:
            raise NotFoundError(f"task {task['id']} has ended already ({task['state']})")
        if container is None:
            raise NotFoundError(f"task {task['id']} has no container yet; try again when it is TASK_RUNNING")
        call = agent_pb2.Call(type=agent_pb2.Call.KILL_CONTAINER)
        call.kill_container.container_id.CopyFrom(from_dict(mesos_pb2.ContainerID, container))
        call.kill_container.signal = signum
        url = await cluster.agent_url(task["slave_id"])
        if await cluster.call_agent(url, call) is None:
            raise NotFoundError(f"the container of task {task['id']} is gone: it has just ended")
    if as_json:
        print_json({"id": task["id"], "framework_id": task["framework_id"], "signal": signum})
    else:
        print(f"sent {signal.Signals(signum).name} to task {task['id']}")


async def _find(cluster: Cluster, task_id: str, framework: str) -> dict[str, Any]:
    found = (await cluster.get("/tasks", task_id=task_id, limit=str(TASKS_MAX)))["tasks"]
    found = [task for task in found if task["id"] == task_id and (not framework or is_of(task, framework))]
    if not found:
        raise NotFoundError(f"there is no task '{task_id}'; see 'meseta tasks --all' for those there are")
    if len(found) > 1:
        owners = ", ".join(task["framework_id"] for task in found)
        raise NotFoundError(
            f"{len(found)} frameworks have a task '{task_id}' ({owners}); choose with --framework"
        )
    task: dict[str, Any] = found[0]
    return task


def _container_id(task: dict[str, Any]) -> dict[str, Any] | None:
    """Return the latest that a status says of the task's container."""
    for status in reversed(task.get("statuses", ())):
        container_id: dict[str, Any] | None = status.get("container_status", {}).get("container_id")
        if container_id:
            return container_id
    return None


def _signal_number(name: str) -> int:
    try:
        return int(name) if name.isdigit() else signal.Signals[f"SIG{name.upper().removeprefix('SIG')}"].value
    except KeyError:
        raise typer.BadParameter(f"'{name}' is no signal; give a name such as TERM or KILL") from None


def _write(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
