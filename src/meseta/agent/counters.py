"""What an agent counts, under the names of Mesos's metrics. Gauges are computed by `views`."""

from __future__ import annotations

from meseta.records import TaskState

NAMES = (
    "container_launch_errors",
    "dropped_messages",
    "executors_preempted",
    "executors_terminated",
    "invalid_framework_messages",
    "invalid_status_updates",
    "recovery_errors",
    "valid_framework_messages",
    "valid_status_updates",
)

ENDS = {
    TaskState.TASK_FINISHED: "tasks_finished",
    TaskState.TASK_FAILED: "tasks_failed",
    TaskState.TASK_KILLED: "tasks_killed",
    TaskState.TASK_LOST: "tasks_lost",
    TaskState.TASK_GONE: "tasks_gone",
}
"""States whose tasks are counted when they get there; others have no metric in Mesos."""


class Counters:
    """Numbers that only grow. `as_metrics` names them."""

    __slots__ = ("_values",)

    def __init__(self) -> None:
        self._values = dict.fromkeys((*NAMES, *ENDS.values()), 0)

    def add(self, name: str) -> None:
        """Count one more `name`, which is one of `NAMES`."""
        self._values[name] += 1

    def task_ended(self, state: TaskState) -> None:
        """Count a task that ended in `state`."""
        if name := ENDS.get(state):
            self._values[name] += 1

    def as_metrics(self) -> dict[str, float]:
        """Return all counters by metric name."""
        return {f"slave/{name}": float(value) for name, value in self._values.items()}
