"""The tasks that an executor of a framework's own runs: what its application does, whatever it speaks.

Each task goes through STARTING and RUNNING to the end that its program names, or is killed. The executor
answers messages, leaves when it is told to, and by itself when it has had no task for a while.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from meseta.agent import effects as told
from meseta.ids import TaskId
from meseta.records import FrameworkCapability, TaskInfo, TaskState
from meseta.sim.failures import SafetyViolation
from meseta.sim.programs import FOREVER_S, ExecutorProgram, Program

BEGIN_S = 0.1
"""How long a task takes to begin, at most."""
TIDY_S = 0.2
"""How long an executor that leaves takes after its tasks, at most."""


class Process(Protocol):
    """The process that the tasks are in."""

    def later(self, delay_s: float, action: Callable[[], None], /) -> None:
        """Do something later, if the process lives then."""
        ...

    def report(self, task_id: TaskId, state: TaskState, /) -> None:
        """Tell the agent of a task."""
        ...

    def say(self, data: bytes, /) -> None:
        """Send a message to the framework."""
        ...

    def stop(self) -> None:
        """End, when what was reported has arrived."""
        ...


class Work:
    """What one executor does. `ran` gets the names of all tasks that were ever started on its machine."""

    def __init__(
        self, process: Process, program: ExecutorProgram, chance: random.Random, ran: set[str]
    ) -> None:
        self.running: dict[TaskId, Program] = {}
        self.leaving = False
        self._process = process
        self._program = program
        self._chance = chance
        self._ran = ran
        self._tells_of_killing = False
        self._moves = 0
        """Counts what keeps it from being idle."""

    def on_subscribed(self, greeting: Any) -> None:
        """Its agent knows it."""
        if isinstance(greeting, told.Subscribed):
            self._tells_of_killing = greeting.framework.has(FrameworkCapability.TASK_KILLING_STATE)
        self._idle()

    def on_told(self, message: Any) -> None:
        """Do what the agent says."""
        match message:
            case told.LaunchTask(task=task):
                self._launch(task)
            case told.LaunchTaskGroup(group=group):
                for task in group.tasks:
                    self._launch(task)
            case told.KillTask(task_id=task_id):
                self._kill(task_id)
            case told.Message(data=data):
                self._answer(data)
            case told.Shutdown():
                self.leave()

    def leave(self) -> None:
        """End all tasks and then itself."""
        if self.leaving:
            return
        self.leaving = True
        for task_id in list(self.running):
            self._kill(task_id)
        self._process.later(self._program.stubborn + self._chance.random() * TIDY_S, self._process.stop)

    def _launch(self, task: TaskInfo) -> None:
        if self.leaving:
            return  # Its end takes the task with it.
        self._moves += 1
        assert task.command is not None, "a task says what it does"
        self.running[task.task_id] = Program.of(task.command.value or "")
        self._ran.add(task.task_id)
        self._process.report(task.task_id, TaskState.TASK_STARTING)
        self._process.later(self._chance.random() * BEGIN_S, partial(self._begin, task.task_id))

    def _begin(self, task_id: TaskId) -> None:
        program = self.running.get(task_id)
        if program is None:
            return
        self._process.report(task_id, TaskState.TASK_RUNNING)
        if program.seconds < FOREVER_S:
            end = TaskState.TASK_FAILED if program.status or program.hungry else TaskState.TASK_FINISHED
            self._process.later(program.seconds, partial(self._end, task_id, end))

    def _kill(self, task_id: TaskId) -> None:
        program = self.running.get(task_id)
        if program is None:
            return
        if self._tells_of_killing:
            self._process.report(task_id, TaskState.TASK_KILLING)
        self._process.later(program.stubborn, partial(self._end, task_id, TaskState.TASK_KILLED))

    def _end(self, task_id: TaskId, state: TaskState) -> None:
        if self.running.pop(task_id, None) is not None:
            self._process.report(task_id, state)
            self._idle()

    def _answer(self, data: bytes) -> None:
        """Say a message back; only those for this executor may come."""
        if not data.startswith(f"{self._program.what} ".encode()):
            raise SafetyViolation(f"executor {self._program.what} is given the message {data!r}")
        self._process.say(data)

    def _idle(self) -> None:
        """Leave, if no task comes for some time."""
        self._moves += 1
        if not self.running and self._program.idle < FOREVER_S:
            self._process.later(self._program.idle, partial(self._leave_if_idle, self._moves))

    def _leave_if_idle(self, moves: int) -> None:
        if moves == self._moves and not self.leaving:
            self.leaving = True
            self._process.stop()
