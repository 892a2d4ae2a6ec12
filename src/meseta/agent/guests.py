"""Containers that executors and operators launch through the agent's API: nested ones and standalone ones.

A request is answered when its container runs, or is over, as asked. One that is over is remembered, so that a
late wait still learns its status, until it is removed or too many are.
"""

from __future__ import annotations

from meseta.agent import environment, gc, paths
from meseta.agent.effects import RemoveContainer, RemovePath, Reply
from meseta.agent.events import (
    ContainerKillRequested,
    ContainerLaunchRequested,
    ContainerRemovalRequested,
    ContainerWaitRequested,
)
from meseta.agent.hosting import user_of
from meseta.agent.state import Executor, Framework, Guest, State
from meseta.containers import plan
from meseta.containers.effects import Sandbox
from meseta.containers.isolators import ordered
from meseta.containers.life import Outcome, Started
from meseta.ids import CONTAINER_ID_BYTES_MAX, ContainerId
from meseta.records import CommandInfo

GUESTS_MAX = 10_000


def on_container_launch_requested(state: State, event: ContainerLaunchRequested, now: float) -> None:
    """Start a container, in that of an executor or on its own."""
    fault = _launch_fault(state, event.container_id)
    if fault is not None:
        state.out.append(Reply(request=event.request, code=400, message=fault))
        return
    if event.container_id in state.containers:
        state.out.append(Reply(request=event.request, code=202))
        return
    framework, executor = _home(state, event.container_id)
    command = event.command or CommandInfo()
    directory = _directory(state, event.container_id)
    if framework is None or executor is None:
        user = command.user if state.config.switch_user else None
        variables = {"PATH": state.config.path}
    else:
        user = user_of(state, framework, command)
        variables = environment.for_pod_task(
            state.config, state.agent_id(), framework, executor, directory, None
        )
    state.guests[event.container_id] = Guest(event.request)
    sandbox = Sandbox(path=f"{state.config.work_dir}/{directory}", user=user)
    state.containers.launch(
        plan.build(
            event.container_id,
            command,
            variables,
            sandbox,
            user=user,
            resources=event.resources,
            isolators=ordered(state.config.isolation),
            container=event.container,
        ),
        command.uris,
    )


def on_container_wait_requested(state: State, event: ContainerWaitRequested, now: float) -> None:
    """Answer when the container is over, at once if it is already."""
    guest = state.guests.get(event.container_id)
    if guest is None:
        state.out.append(_unknown(event.request, event.container_id))
    elif guest.ended:
        state.out.append(Reply(request=event.request, wait_status=guest.wait_status))
    else:
        guest.waits.append(event.request)


def on_container_kill_requested(state: State, event: ContainerKillRequested, now: float) -> None:
    """Send the signal, to whatever container it is."""
    if event.container_id not in state.containers:
        state.out.append(_unknown(event.request, event.container_id))
        return
    state.containers.signal(event.container_id, event.signal, tree=False)
    state.out.append(Reply(request=event.request))


def on_container_removal_requested(state: State, event: ContainerRemovalRequested, now: float) -> None:
    """Forget a container that is over. Removing one that is unknown is fine: it is gone."""
    guest = state.guests.get(event.container_id)
    if event.container_id in state.containers:
        message = f"Nested container has not terminated yet: {event.container_id}"
        state.out.append(Reply(request=event.request, code=500, message=message))
        return
    if guest is not None:
        del state.guests[event.container_id]
        state.out.append(RemoveContainer(event.container_id))
        state.out.append(RemovePath(_directory(state, event.container_id)))
    state.out.append(Reply(request=event.request))


def settle(state: State, outcome: Outcome) -> None:
    """Answer what waits for this."""
    guest = state.guests[outcome.container_id]
    launching, guest.launching = guest.launching, None
    if isinstance(outcome, Started):
        if launching is not None:
            state.out.append(Reply(request=launching))
        return
    if launching is not None:
        message = outcome.message or "Container terminated before it ran"
        state.out.append(Reply(request=launching, code=400, message=message))
    guest.ended = True
    guest.wait_status = outcome.wait_status
    for request in guest.waits:
        state.out.append(Reply(request=request, wait_status=outcome.wait_status))
    guest.waits.clear()
    _limit(state)


def destroy_nested(state: State, parent: ContainerId) -> None:
    """Kill the guests within a container that is gone."""
    for container_id in [id for id in state.guests if id.startswith(f"{parent}.")]:
        state.containers.destroy(container_id)


def _limit(state: State) -> None:
    if len(state.guests) <= GUESTS_MAX:
        return
    for container_id, guest in state.guests.items():
        if guest.ended:
            del state.guests[container_id]
            state.out.append(RemoveContainer(container_id))
            gc.schedule(state, _directory(state, container_id), state.now)
            return


def _launch_fault(state: State, container_id: ContainerId) -> str | None:
    own = container_id.rpartition(".")[2]
    if not own or "/" in container_id or " " in container_id or len(own.encode()) > CONTAINER_ID_BYTES_MAX:
        return f"Container id '{own}' is not valid"
    parent = container_id.rpartition(".")[0]
    if parent and ContainerId(parent) not in state.containers:
        return f"Parent container '{parent}' cannot be found"
    if container_id in state.guests and state.guests[container_id].ended:
        return f"Container '{container_id}' has run already"
    return None


def _home(state: State, container_id: ContainerId) -> tuple[Framework | None, Executor | None]:
    """The executor whose container this one is nested in, at whatever depth."""
    owner = state.owners.get(ContainerId(container_id.partition(".")[0]))
    if owner is None:
        return None, None
    return state.frameworks.get(owner.framework_id), state.executor(*owner)


def _directory(state: State, container_id: ContainerId) -> str:
    """The sandbox of a guest, relative to the work directory."""
    framework, executor = _home(state, container_id)
    if framework is None or executor is None:
        return paths.standalone_dir(container_id)
    return paths.run_dir(state.agent_id(), framework.id, executor.id, container_id)


def _unknown(request: int, container_id: ContainerId) -> Reply:
    return Reply(request=request, code=404, message=f"Container {container_id} cannot be found")
