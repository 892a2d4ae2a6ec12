"""What a framework writes down, a line for each thing after its time, and what follows from it.

    ["framework", ID]                    it has subscribed
    ["launch", TASK, AGENT]              it is about to launch a task
    ["void", TASK]                       … which was certainly not launched
    ["update", TASK, STATE, UUID, WHY]   it was told
    ["done", ""]                         everything has ended

Tasks are called `NAME-JOB-ATTEMPT`. A process that is killed loses no line that it has written, but for the
half of one, which nothing was done after.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from meseta.records import TaskState, is_terminal

Line = Sequence[str]


class Journal:
    """A file of such lines."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Iterator[Line]:
        """Yield all lines that are whole."""
        if not self._path.exists():
            return
        for text in self._path.read_text().splitlines():
            with suppress(ValueError):
                _, *line = json.loads(text)
                yield line

    def write(self, line: Line) -> None:
        """Add one, with the time; begin anew after what was cut off."""
        with self._path.open("a") as file:
            file.write("\n" + json.dumps([f"{time.time():.3f}", *line]) + "\n")


class Memory:
    """What a framework knows."""

    def __init__(self, name: str) -> None:
        self.framework_id: str | None = None
        self.alive: dict[str, str] = {}
        """Tasks that may run, and their agents."""
        self.launched: dict[str, None] = {}
        """All that were certainly or maybe launched."""
        self.ended: dict[str, TaskState] = {}
        self.is_done = False
        self.duplicates = 0
        """Updates that came more than once."""
        self.contradictions: list[str] = []
        """Tasks whose agents have said that they ended in two ways."""
        self._name = name
        self._updates: set[tuple[str, str]] = set()
        self._ends: dict[str, TaskState] = {}
        """What is to be acknowledged. What a master says besides may still be corrected."""
        self._again: dict[int, int] = {}
        """Jobs to be run again, and their next attempts."""
        self._next_job = 1

    def read(self, journal: Journal) -> None:
        """Take all lines of a journal."""
        for line in journal.read():
            self.take(line)

    def next_tasks(self, count: int) -> list[str]:
        """Return the names of the next tasks."""
        again = [f"{self._name}-{job}-{attempt}" for job, attempt in list(self._again.items())[:count]]
        new = (f"{self._name}-{self._next_job + number}-1" for number in range(count - len(again)))
        return [*again, *new]

    def take(self, line: Line) -> None:
        """Take one line."""
        match line:
            case ["framework", id]:
                self.framework_id = id
            case ["launch", id, agent_id]:
                self.launched[id] = None
                self.alive[id] = agent_id
                _, job, _ = id.split("-")
                self._again.pop(int(job), None)
                self._next_job = max(self._next_job, int(job) + 1)
            case ["void", id]:
                if self.alive.pop(id, None) is not None:
                    self.launched.pop(id)
                    self._run_again(id)
            case ["update", id, state, uuid, _]:
                self._take_update(id, TaskState[state], uuid)
            case ["done", _]:
                self.is_done = True

    def _take_update(self, id: str, state: TaskState, uuid: str) -> None:
        if uuid:
            self.duplicates += (id, uuid) in self._updates
            self._updates.add((id, uuid))
        if not is_terminal(state):
            return
        if uuid and self._ends.setdefault(id, state) is not state:
            self.contradictions.append(f"{id}: {self._ends[id].name}, then {state.name}")
        if id not in self.ended:
            self.ended[id] = state
            self.alive.pop(id, None)
            if state is not TaskState.TASK_FINISHED:
                self._run_again(id)

    def _run_again(self, id: str) -> None:
        _, job, attempt = id.split("-")
        self._again[int(job)] = int(attempt) + 1
