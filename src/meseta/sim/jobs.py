"""What a framework remembers of one task, through all the lives of its scheduler."""

from __future__ import annotations

from meseta.ids import AgentId, FrameworkId, TaskId
from meseta.records import StatusUpdate, TaskState, is_terminal
from meseta.sim.failures import SafetyViolation

NEVER_RAN = {TaskState.TASK_LOST, TaskState.TASK_DROPPED}
"""How agents say that a task is not there; they may do so in answer to several questions."""


class Job:
    """A task, as its framework remembers it."""

    __slots__ = ("agent_id", "end", "framework_id", "id", "state")

    def __init__(self, id: TaskId, framework_id: FrameworkId, agent_id: AgentId) -> None:
        self.id = id
        self.framework_id = framework_id
        self.agent_id = agent_id
        self.state = TaskState.TASK_STAGING
        self.end: TaskState | None = None
        """The end that its agent has reported; the master's word on an end may still be corrected."""

    @property
    def over(self) -> bool:
        """Tell whether the framework has seen it end."""
        return is_terminal(self.state)

    def note(self, update: StatusUpdate) -> None:
        """Take a status over."""
        state = update.status.state
        if self.end is None:
            self.state = state
        if update.uuid is not None and is_terminal(state):
            if self.end not in (None, state) and not {self.end, state} <= NEVER_RAN:
                raise SafetyViolation(f"task {self.id} ended twice: {self.end} and {state}")
            self.end = state
