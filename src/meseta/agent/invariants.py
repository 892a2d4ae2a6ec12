"""What is true of an agent's state between any two events. Checked in tests and in the simulator."""

from __future__ import annotations

from meseta.agent.state import COMPLETED_FRAMEWORKS_MAX, ExecutorState, State, TaskPhase


def check(state: State) -> None:
    """Assert all invariants."""
    assert not state.out, "effects are handed out with their event"
    assert not state.finished, "finished executors are seen to within the event"
    assert len(state.completed_frameworks) <= COMPLETED_FRAMEWORKS_MAX
    for framework in state.frameworks.values():
        assert framework.executors, f"framework {framework.id} has nothing here"
        on_executors = {
            task_id: executor.id for executor in framework.executors.values() for task_id in executor.tasks
        }
        assert on_executors == framework.task_executors
    _check_executors(state)
    _check_reach(state)


def _check_executors(state: State) -> None:
    for framework in state.frameworks.values():
        for executor in framework.executors.values():
            for task in executor.tasks.values():
                assert task.over == (task.phase is TaskPhase.TERMINATED)
                running = executor.state is ExecutorState.RUNNING
                assert not (running and task.phase is TaskPhase.QUEUED), (
                    "nothing waits for a running executor"
                )
            if executor.state is ExecutorState.TERMINATED:
                assert executor.tasks, "an executor that ended stays only for its tasks' updates"
                assert all(task.over for task in executor.tasks.values())
                assert executor.container_id not in state.containers


def _check_reach(state: State) -> None:
    """Streams, pids and containers lead to executors that know of them."""
    for peer, owner in [*state.streams.items(), *state.pids.items()]:
        executor = state.executor(*owner)
        assert executor is not None
        assert executor.peer == peer
    for container in state.containers:
        assert container.id in state.owners or container.id in state.guests
